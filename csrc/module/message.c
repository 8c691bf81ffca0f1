/* NetworkingMessage: a received message as a Python object that nothing can make dangle.
 *
 * A small payload is copied into the object and Valve's message goes back at once. A large
 * one stays where the engine put it, and the object owns Valve's message until the last
 * view of it is gone. Views hold the object alive, so the bytes live as long as anything can read them.
 */
#include "module.h"

#include <limits.h>
#include <string.h>
#include <structmember.h>

/* Objects of small messages are used again: so many of them, each with room for so many bytes. */
enum { SPARE_ROOM = 128, MOST_SPARE = 256 };

/* What a program reads of a message are objects already, in slots that the interpreter reads without
 * a call. They hold nothing that could hold the message, so the collector need not know of it. */
typedef struct Message {
    PyObject_VAR_HEAD
    PyObject *size;
    PyObject *connection;
    PyObject *identity;
    PyObject *channel;
    PyObject *flags;
    PyObject *message_number;
    PyObject *time_received;
    PyObject *connection_user_data;
    const char *bytes;
    Py_ssize_t length;
    SteamNetworkingMessage_t *native; /* NULL where the payload is our own copy */
    sn_engine *engine;                /* a reference while there is a native message */
#ifdef Py_GIL_DISABLED
    atomic_int views; /* live ones; far below zero once released */
#else
    int views;
#endif
    char copy[];
} Message;

static PyTypeObject *message_type;

static void pin_library(const SteamNetworkingMessage_t *native)
{
    /* Steam may unload its client when it shuts down; the bytes and the code to free them stay. */
    static _Atomic(void (*)(SteamNetworkingMessage_t *)) pinned;
    if (atomic_load(&pinned) != native->m_pfnRelease) {
        sn_library_pin((void (*)(void))native->m_pfnRelease);
        atomic_store(&pinned, native->m_pfnRelease);
    }
}

#ifndef Py_GIL_DISABLED
static Message *spare[MOST_SPARE];
static int spare_count;
#endif

static Message *message_alloc(Py_ssize_t room)
{
    Message *message = NULL;
#ifndef Py_GIL_DISABLED
    if (room <= SPARE_ROOM && spare_count > 0)
        message = spare[--spare_count];
#endif
    if (message == NULL)
        message = PyObject_Malloc(offsetof(Message, copy) + (size_t)(room < SPARE_ROOM ? SPARE_ROOM : room));
    if (message == NULL)
        return (Message *)PyErr_NoMemory();
    Py_SET_SIZE((PyVarObject *)message, room < SPARE_ROOM ? SPARE_ROOM : room);
    return (Message *)PyObject_Init((PyObject *)message, message_type);
}

static void message_free(Message *message)
{
#ifndef Py_GIL_DISABLED
    if (message->length <= SPARE_ROOM && spare_count < MOST_SPARE) {
        spare[spare_count++] = message;
        return;
    }
#endif
    PyObject_Free(message);
}

/* The object of a number, which may be that of the message before. */
#define SAME_OR_NEW(message_field, native_field)                                                                \
    (last != NULL && last_native->native_field == native->native_field ? Py_NewRef(last->message_field)         \
                                                                       : sn_int(native->native_field))

/* The objects of a message, of which memory is short for some: gives up all of them. */
static void message_failed(Message *message)
{
    PyObject **fields[] = {&message->size,          &message->connection,    &message->identity,
                           &message->channel,       &message->flags,         &message->message_number,
                           &message->time_received, &message->connection_user_data};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (*fields[i] == NULL)
            *fields[i] = Py_NewRef(Py_None); /* so that it goes the way of all others */
    Py_DECREF(message);
}

/* Fields that are as in the one before, if there is one, are the same objects. */
static inline Message *message_new(const SteamNetworkingMessage_t *native, const Message *last,
                                   const SteamNetworkingMessage_t *last_native)
{
    /* A size without data would be a fault of the library; an empty message may have none. */
    Py_ssize_t size = native->m_cbSize > 0 && native->m_pData != NULL ? native->m_cbSize : 0;
    bool copied = sn_message_copied(native);
    Message *message = message_alloc(copied ? size : 0);
    sn_peer peer = {NULL, NULL};
    PyObject *length, *channel, *flags, *number, *time, *user_data;
    if (message == NULL)
        return NULL;
    message->native = NULL;
    message->engine = NULL;
    message->views = 0;
    message->length = size;
    message->bytes = copied ? message->copy : native->m_pData;
    if (copied && size > 0)
        memcpy(message->copy, native->m_pData, (size_t)size);
    if (last != NULL && last_native->m_conn == native->m_conn &&
        sn_same_identity(&last_native->m_identityPeer, &native->m_identityPeer))
        peer = (sn_peer){Py_NewRef(last->connection), Py_NewRef(last->identity)};
    else
        sn_peer_of(native->m_conn, &native->m_identityPeer, &peer);
    message->connection = peer.connection;
    message->identity = peer.identity;
    message->size = length = sn_int(size);
    /* A connection's messages carry their lane; those of ISteamNetworkingMessages a channel. */
    message->channel = channel = sn_int(native->m_conn == 0 ? native->m_nChannel : native->m_idxLane);
    message->flags = flags = sn_int(native->m_nFlags);
    message->message_number = number = sn_int(native->m_nMessageNumber);
    message->time_received = time = SAME_OR_NEW(time_received, m_usecTimeReceived);
    message->connection_user_data = user_data = SAME_OR_NEW(connection_user_data, m_nConnUserData);
    if (peer.connection != NULL && length != NULL && channel != NULL && flags != NULL && number != NULL &&
        time != NULL && user_data != NULL)
        return message;
    message_failed(message);
    return NULL;
}

/* The payload is the message's from here on. One that was copied goes back to the engine. */
static inline void hand_over(Message *message, sn_engine *engine, SteamNetworkingMessage_t *native)
{
    if (sn_message_copied(native)) {
        native->m_pfnRelease(native);
        return;
    }
    if (!engine->backend->release_after_stop)
        pin_library(native);
    message->native = native;
    message->engine = engine;
    atomic_fetch_add(&engine->references, 1);
}

/* Puts the message into a list that was made for so many, or at the end of one that was not; takes it. */
static bool put(PyObject *list, bool fits, int at, Message *message)
{
    int failed = fits ? PyList_SetItem(list, at, (PyObject *)message) : PyList_Append(list, (PyObject *)message);
    if (!fits)
        Py_DECREF(message);
    return failed == 0;
}

int sn_messages_add(PyObject **list, sn_engine *engine, SteamNetworkingMessage_t *const *natives, int count)
{
    bool fits = *list == NULL;
    int added = 0;
    Message *last = NULL;
    if (fits) {
        int collecting = sn_collector_pause();
        *list = PyList_New(count);
        sn_collector_resume(collecting);
    }
    for (bool good = *list != NULL; good && added < count;) {
        Message *message = message_new(natives[added], last, last != NULL ? natives[added - 1] : NULL);
        /* Only now, as the message after it is compared with it; and while the processor has it at hand. */
        if (last != NULL)
            hand_over(last, engine, natives[added - 1]);
        good = message != NULL && put(*list, fits, added, message);
        last = good ? message : NULL;
        added += good;
    }
    if (last != NULL)
        hand_over(last, engine, natives[added - 1]);
    if (fits && added == 0)
        Py_CLEAR(*list);
    else if (fits && added < count)
        Py_SET_SIZE((PyVarObject *)*list, added); /* which takes no memory: the rest of its places is empty */
    return added;
}

static void give_back(Message *message)
{
    SteamNetworkingMessage_t *native = message->native;
    message->native = NULL;
    if (message->engine->backend->release_after_stop) {
        native->m_pfnRelease(native);
    } else if (sn_enter(message->engine)) {
        native->m_pfnRelease(native);
        sn_leave(message->engine);
    } /* else Steam is gone and cannot take it back: a bounded leak instead of a crash */
    sn_release(message->engine);
}

static void message_dealloc(PyObject *self)
{
    Message *message = (Message *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (message->native != NULL)
        give_back(message);
    Py_DECREF(message->size);
    Py_DECREF(message->connection);
    Py_DECREF(message->identity);
    Py_DECREF(message->channel);
    Py_DECREF(message->flags);
    Py_DECREF(message->message_number);
    Py_DECREF(message->time_received);
    Py_DECREF(message->connection_user_data);
    message_free(message);
    Py_DECREF(type);
}

/* Adds to the number of views: what it was. Python's lock guards it where there is one. */
static int count_views(Message *message, int more)
{
#ifdef Py_GIL_DISABLED
    return atomic_fetch_add(&message->views, more);
#else
    int before = message->views;
    message->views += more;
    return before;
#endif
}

/* A reader's mark, without which release() could take the bytes away, on any thread. */
static bool view_begin(Message *message)
{
    if (count_views(message, 1) >= 0)
        return true;
    count_views(message, -1);
    PyErr_SetString(PyExc_ValueError, "the message has been released");
    return false;
}

static void view_end(Message *message) { count_views(message, -1); }

/* Whether nobody looks, and from now on nobody can. */
static bool end_views(Message *message, int *views)
{
#ifdef Py_GIL_DISABLED
    *views = 0;
    return atomic_compare_exchange_strong(&message->views, views, INT_MIN / 2);
#else
    *views = message->views;
    if (*views == 0)
        message->views = INT_MIN / 2;
    return *views == 0;
#endif
}

static int message_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    Message *message = (Message *)self;
    view->obj = NULL;
    if ((flags & PyBUF_WRITABLE) != 0) {
        PyErr_SetString(PyExc_BufferError, "a message is read-only");
        return -1;
    }
    if (!view_begin(message))
        return -1;
    *view = (Py_buffer){
        .buf = (void *)(uintptr_t)message->bytes,
        .obj = Py_NewRef(self),
        .len = message->length,
        .itemsize = 1,
        .readonly = 1,
        .ndim = 1,
        .format = (flags & PyBUF_FORMAT) != 0 ? "B" : NULL,
        .shape = (flags & PyBUF_ND) == PyBUF_ND ? &view->len : NULL,
        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &view->itemsize : NULL,
    };
    return 0;
}

static void message_releasebuffer(PyObject *self, Py_buffer *view)
{
    (void)view;
    view_end((Message *)self);
}

static Py_ssize_t message_length(PyObject *self) { return ((Message *)self)->length; }

/* An empty message is still a message: "if message:" asks whether there is one. */
static int message_true(PyObject *self) { return (void)self, 1; }

static PyObject *message_data(PyObject *self, void *closure)
{
    (void)closure;
    return PyMemoryView_FromObject(self);
}

static PyObject *message_payload(PyObject *self, void *closure)
{
    Message *message = (Message *)self;
    PyObject *payload;
    (void)closure;
    if (!view_begin(message))
        return NULL;
    payload = PyBytes_FromStringAndSize(message->bytes, message->length);
    view_end(message);
    return payload;
}

static PyObject *message_decode(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"encoding", "errors", NULL};
    Message *message = (Message *)self;
    const char *encoding = "utf-8", *errors = "strict";
    PyObject *text;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|ss:decode", names, &encoding, &errors) ||
        !view_begin(message)) /* a codec is free to run anything, release() included */
        return NULL;
    text = PyUnicode_Decode(message->bytes, message->length, encoding, errors);
    view_end(message);
    return text;
}

static PyObject *message_release(PyObject *self, PyObject *unused)
{
    Message *message = (Message *)self;
    int views;
    (void)unused;
    if (end_views(message, &views)) {
        if (message->native != NULL)
            give_back(message);
    } else if (views > 0) {
        PyErr_SetString(PyExc_BufferError, "the message has views: release them first");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *message_repr(PyObject *self)
{
    const Message *message = (Message *)self;
    return PyUnicode_FromFormat("<NetworkingMessage #%S: %zd bytes from %U, connection %S, channel %S>",
                                message->message_number, message->length, message->identity,
                                message->connection, message->channel);
}

static PyMemberDef message_members[] = {
    {"size", T_OBJECT_EX, offsetof(Message, size), READONLY, "Size of the payload in bytes."},
    {"connection", T_OBJECT_EX, offsetof(Message, connection), READONLY,
     "Handle of the connection it came on; 0 for a message of networking_messages."},
    {"identity", T_OBJECT_EX, offsetof(Message, identity), READONLY,
     "Who sent it, an Identity: the Steam ID in decimal, else the identity string."},
    {"channel", T_OBJECT_EX, offsetof(Message, channel), READONLY,
     "The lane it came on; for a message of networking_messages its channel."},
    {"flags", T_OBJECT_EX, offsetof(Message, flags), READONLY, "SendFlags bits; RELIABLE is the one that counts."},
    {"message_number", T_OBJECT_EX, offsetof(Message, message_number), READONLY,
     "The sender's number for it, counted from 1 on each lane."},
    {"time_received", T_OBJECT_EX, offsetof(Message, time_received), READONLY,
     "When it arrived, in microseconds of the engine's clock."},
    {"connection_user_data", T_OBJECT_EX, offsetof(Message, connection_user_data), READONLY,
     "The connection's user data when the message was received."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef message_getset[] = {
    {"payload", message_payload, NULL,
     "The payload as bytes, a copy each time that this is read.", NULL},
    {"data", message_data, NULL, "A read-only memoryview of the payload; valid for as long as it is kept.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef message_methods[] = {
    {"decode", (PyCFunction)(void (*)(void))message_decode, METH_VARARGS | METH_KEYWORDS,
     "decode($self, encoding='utf-8', errors='strict')\n--\n\nThe payload as text."},
    {"release", message_release, METH_NOARGS,
     "release($self)\n--\n\nFrees the payload now; BufferError while views of it live."},
    {NULL, NULL, 0, NULL},
};

/* Python's slots hold functions as void pointers, which ISO C leaves to the platform. */
#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
static PyType_Slot message_slots[] = {
    {Py_tp_doc, "A received message: metadata as attributes, the payload through data, bytes() or any\n"
                "function that takes a buffer. Large payloads are not copied; no view of one ever\n"
                "dangles, even after a shutdown."},
    {Py_tp_dealloc, message_dealloc},
    {Py_tp_repr, message_repr},
    {Py_tp_members, message_members},
    {Py_tp_getset, message_getset},
    {Py_tp_methods, message_methods},
    {Py_sq_length, message_length},
    {Py_nb_bool, message_true},
    {Py_bf_getbuffer, message_getbuffer},
    {Py_bf_releasebuffer, message_releasebuffer},
    {0, NULL},
};

static PyType_Spec message_spec = {
    .name = "steamnet.NetworkingMessage",
    .basicsize = offsetof(Message, copy),
    .itemsize = 1,
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = message_slots,
};

bool sn_message_type_init(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&message_spec);
    message_type = (PyTypeObject *)type;
    return type != NULL && sn_numbers_init() && PyModule_AddObjectRef(module, "NetworkingMessage", type) == 0;
}
