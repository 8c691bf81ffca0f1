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

/* Below this a copy costs less than owning Valve's message (measured: benchmarks/). */
enum { INLINE_LIMIT = 1024 };

typedef struct Message {
    PyObject_VAR_HEAD
    const char *bytes;
    Py_ssize_t size;
    SteamNetworkingMessage_t *native; /* NULL where the payload is our own copy */
    sn_engine *engine;                /* a reference while there is a native message */
    PyObject *identity;
    long long message_number;
    long long time_received;
    long long connection_user_data;
    atomic_int views; /* live ones; far below zero once released */
    unsigned connection;
    int channel;
    int flags;
    char payload[];
} Message;

static PyTypeObject *message_type;

/* Identities repeat from message to message: their objects are kept, a slot for each hash. */
typedef struct known_identity {
#ifdef Py_GIL_DISABLED
    atomic_flag busy; /* another thread is at it: it is not worth waiting for */
#endif
    SteamNetworkingIdentity identity;
    PyObject *object;
} known_identity;
static known_identity known[256];

static PyObject *identity_type; /* steamnet.Identity, a kind of str */

void sn_message_identity_type(PyObject *type)
{
    PyObject *old = identity_type;
    identity_type = Py_NewRef(type);
    Py_XDECREF(old);
}

static PyObject *new_identity(const SteamNetworkingIdentity *identity)
{
    char text[SN_IDENTITY_SIZE];
    const char *start = text;
    PyObject *string, *object;
    int collecting;
    sn_identity_format(identity, text, (int)sizeof text);
    if (identity->m_eType == k_ESteamNetworkingIdentityType_SteamID)
        start += sizeof "steamid:" - 1;
    string = PyUnicode_DecodeUTF8(start, (Py_ssize_t)strlen(start), "replace");
    if (string == NULL || identity_type == NULL)
        return string;
    /* No collection here: a finalizer that shuts the engine down would wait for this call. */
    collecting = PyGC_Disable();
    object = PyObject_CallMethod((PyObject *)&PyUnicode_Type, "__new__", "OO", identity_type, string);
    if (collecting)
        PyGC_Enable();
    Py_DECREF(string);
    return object;
}

static PyObject *find_identity(const SteamNetworkingIdentity *identity)
{
    uint64_t bits = identity->m_steamID64;
    known_identity *slot = &known[(bits ^ bits >> 8 ^ bits >> 32) % 256];
    PyObject *object, *old = NULL;
#ifdef Py_GIL_DISABLED
    if (atomic_flag_test_and_set(&slot->busy))
        return new_identity(identity);
#endif
    if (slot->object != NULL && memcmp(&slot->identity, identity, sizeof *identity) == 0) {
        object = Py_NewRef(slot->object);
    } else if ((object = new_identity(identity)) != NULL) {
        old = slot->object;
        slot->identity = *identity;
        slot->object = Py_NewRef(object);
    }
#ifdef Py_GIL_DISABLED
    atomic_flag_clear(&slot->busy);
#endif
    Py_XDECREF(old);
    return object;
}

static void pin_library(const SteamNetworkingMessage_t *native)
{
    /* Steam may unload its client when it shuts down; the bytes and the code to free them stay. */
    static _Atomic(void (*)(SteamNetworkingMessage_t *)) pinned;
    if (atomic_load(&pinned) != native->m_pfnRelease) {
        sn_library_pin((void (*)(void))native->m_pfnRelease);
        atomic_store(&pinned, native->m_pfnRelease);
    }
}

PyObject *sn_message_new(const SteamNetworkingMessage_t *native)
{
    /* A size without data would be a fault of the library; an empty message may have none. */
    Py_ssize_t size = native->m_cbSize > 0 && native->m_pData != NULL ? native->m_cbSize : 0;
    bool copied = size <= INLINE_LIMIT;
    PyObject *identity = find_identity(&native->m_identityPeer);
    Message *message = identity != NULL ? PyObject_NewVar(Message, message_type, copied ? size : 0) : NULL;
    if (message == NULL) {
        Py_XDECREF(identity);
        return NULL;
    }
    message->identity = identity;
    message->size = size;
    message->connection = native->m_conn;
    /* A connection's messages carry their lane; those of ISteamNetworkingMessages a channel. */
    message->channel = native->m_conn == 0 ? native->m_nChannel : native->m_idxLane;
    message->flags = native->m_nFlags;
    message->message_number = native->m_nMessageNumber;
    message->time_received = native->m_usecTimeReceived;
    message->connection_user_data = native->m_nConnUserData;
    message->native = NULL;
    message->engine = NULL;
    atomic_init(&message->views, 0);
    message->bytes = copied ? message->payload : native->m_pData;
    if (copied && size > 0)
        memcpy(message->payload, native->m_pData, (size_t)size);
    return (PyObject *)message;
}

void sn_message_take_over(PyObject *self, sn_engine *engine, SteamNetworkingMessage_t *native)
{
    Message *message = (Message *)self;
    if (message->bytes == message->payload) {
        native->m_pfnRelease(native);
        return;
    }
    if (!engine->backend->release_after_stop)
        pin_library(native);
    message->native = native;
    message->engine = engine;
    atomic_fetch_add(&engine->references, 1);
}

static void give_back(Message *message)
{
    SteamNetworkingMessage_t *native = message->native;
    if (native == NULL)
        return;
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
    give_back(message);
    Py_DECREF(message->identity);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* A reader's mark, without which release() could take the bytes away, on any thread. */
static bool view_begin(Message *message)
{
    if (atomic_fetch_add(&message->views, 1) >= 0)
        return true;
    atomic_fetch_sub(&message->views, 1);
    PyErr_SetString(PyExc_ValueError, "the message has been released");
    return false;
}

static void view_end(Message *message) { atomic_fetch_sub(&message->views, 1); }

static int message_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    Message *message = (Message *)self;
    view->obj = NULL;
    if (!view_begin(message))
        return -1;
    if (PyBuffer_FillInfo(view, self, (void *)(uintptr_t)message->bytes, message->size, 1, flags) == 0)
        return 0;
    view_end(message);
    return -1;
}

static void message_releasebuffer(PyObject *self, Py_buffer *view)
{
    (void)view;
    view_end((Message *)self);
}

static Py_ssize_t message_length(PyObject *self) { return ((Message *)self)->size; }

/* An empty message is still a message: "if message:" asks whether there is one. */
static int message_true(PyObject *self) { return (void)self, 1; }

static PyObject *message_data(PyObject *self, void *closure)
{
    (void)closure;
    return PyMemoryView_FromObject(self);
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
    text = PyUnicode_Decode(message->bytes, message->size, encoding, errors);
    view_end(message);
    return text;
}

static PyObject *message_release(PyObject *self, PyObject *unused)
{
    Message *message = (Message *)self;
    int views = 0;
    (void)unused;
    if (atomic_compare_exchange_strong(&message->views, &views, INT_MIN / 2)) {
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
    return PyUnicode_FromFormat("<NetworkingMessage #%lld: %zd bytes from %U, connection %u, channel %d>",
                                message->message_number, message->size, message->identity,
                                message->connection, message->channel);
}

static PyMemberDef message_members[] = {
    {"size", T_PYSSIZET, offsetof(Message, size), READONLY, "Size of the payload in bytes."},
    {"connection", T_UINT, offsetof(Message, connection), READONLY,
     "Handle of the connection it came on; 0 for a message of networking_messages."},
    {"identity", T_OBJECT_EX, offsetof(Message, identity), READONLY,
     "Who sent it, an Identity: the Steam ID in decimal, else the identity string."},
    {"channel", T_INT, offsetof(Message, channel), READONLY,
     "The lane it came on; for a message of networking_messages its channel."},
    {"flags", T_INT, offsetof(Message, flags), READONLY, "SendFlags bits; RELIABLE is the one that counts."},
    {"message_number", T_LONGLONG, offsetof(Message, message_number), READONLY,
     "The sender's number for it, counted from 1 on each lane."},
    {"time_received", T_LONGLONG, offsetof(Message, time_received), READONLY,
     "When it arrived, in microseconds of the engine's clock."},
    {"connection_user_data", T_LONGLONG, offsetof(Message, connection_user_data), READONLY,
     "The connection's user data when the message was received."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef message_getset[] = {
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
    .basicsize = offsetof(Message, payload),
    .itemsize = 1,
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = message_slots,
};

bool sn_message_type_init(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&message_spec);
    message_type = (PyTypeObject *)type;
    return type != NULL && PyModule_AddObjectRef(module, "NetworkingMessage", type) == 0;
}
