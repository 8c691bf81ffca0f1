/* The send calls: one message, many in one call, and one payload to many connections. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_LIMIT = k_cbMaxSteamNetworkingSocketsMessageSizeSend,
    BLOCK_FROM = 32 * 1024, /* from here a pooled block saves more than it costs */
    SLOW_FROM = 64 * 1024,  /* copying this much is long enough to let other threads run */
    CHUNK = 256,            /* engines put an array of this length on their stack, and so do we */
    FEW = 64,               /* items that need no memory: asking malloc for so much costs as much as sending ten */
    CLASSES = 5,            /* pooled sizes: 32 KiB, 64 KiB ... 512 KiB */
    POOLED_EACH = 8,
};

/* --- payload blocks: ours, counted, given back by the engine on any thread ------------------- */

typedef struct sn_block {
    struct sn_block *next;
    atomic_int references;
    int pool; /* index of its size class, -1 for one of its own size */
    size_t size; /* of the payload: engines add their header to m_cbSize */
    unsigned char bytes[];
} sn_block;

/* No call waits for the pool, least of all in a forked child: one that finds it busy does without. */
static atomic_flag pool_busy = ATOMIC_FLAG_INIT;
static sn_block *pool[CLASSES];
static int pooled[CLASSES];

static sn_block *block_new(size_t size, int references)
{
    sn_block *made = NULL;
    size_t room = size;
    int class = -1;
    if (size >= BLOCK_FROM) {
        for (class = 0; ((size_t)BLOCK_FROM << class) < size;)
            class++;
        if (!atomic_flag_test_and_set(&pool_busy)) {
            made = pool[class];
            if (made != NULL) {
                pool[class] = made->next;
                pooled[class]--;
            }
            atomic_flag_clear(&pool_busy);
        }
        room = (size_t)BLOCK_FROM << class;
    }
    if (made == NULL)
        made = malloc(sizeof *made + room);
    if (made != NULL) {
        made->pool = class;
        made->size = size;
        atomic_init(&made->references, references);
    }
    return made;
}

static void block_unref(sn_block *done)
{
    if (atomic_fetch_sub(&done->references, 1) != 1)
        return;
    if (done->pool >= 0 && !atomic_flag_test_and_set(&pool_busy)) {
        bool kept = pooled[done->pool] < POOLED_EACH;
        if (kept) {
            done->next = pool[done->pool];
            pool[done->pool] = done;
            pooled[done->pool]++;
        }
        atomic_flag_clear(&pool_busy);
        if (kept)
            return;
    }
    free(done);
}

/* The engine calls these on any thread, when a reliable message is acknowledged or given up. */
static void free_data(SteamNetworkingMessage_t *message)
{
    block_unref((sn_block *)((unsigned char *)message->m_pData - offsetof(sn_block, bytes)));
}

static void free_counted(SteamNetworkingMessage_t *message)
{
    sn_block *block = (sn_block *)((unsigned char *)message->m_pData - offsetof(sn_block, bytes));
    size_t size = block->size;
    block_unref(block);
    /* Last: when the count is zero, nothing of the message is left. */
    sn_unacked_remove((sn_unacked *)(intptr_t)message->m_nUserData, size);
}

/* --- arguments ------------------------------------------------------------------------------ */

typedef struct sn_payload {
    const char *bytes;
    Py_ssize_t size;
    Py_buffer *view; /* NULL for bytes and str, which never move */
} sn_payload;

static void payload_done(sn_payload *payload)
{
    if (payload->view != NULL) {
        PyBuffer_Release(payload->view);
        free(payload->view);
    }
}

static bool view_get(sn_payload *payload, PyObject *data)
{
    Py_buffer *view = malloc(sizeof *view);
    if (view == NULL) {
        PyErr_NoMemory();
        return false;
    }
    if (PyObject_GetBuffer(data, view, PyBUF_SIMPLE) < 0) {
        free(view);
        if (PyErr_ExceptionMatches(PyExc_BufferError))
            PyErr_SetString(PyExc_ValueError, "data must be one C-contiguous stretch of bytes");
        else if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "data must be str or a bytes-like object, not %R",
                         (PyObject *)Py_TYPE(data));
        return false;
    }
    *payload = (sn_payload){view->buf, view->len, view};
    return true;
}

static bool payload_get(sn_payload *payload, PyObject *data)
{
    payload->view = NULL;
    if (PyBytes_Check(data)) {
        payload->bytes = PyBytes_AsString(data);
        payload->size = Py_SIZE(data);
    } else if (PyUnicode_Check(data)) {
        payload->bytes = PyUnicode_AsUTF8AndSize(data, &payload->size);
        if (payload->bytes == NULL)
            return false;
    } else if (!view_get(payload, data)) {
        return false;
    }
    if (payload->size > MESSAGE_LIMIT) {
        PyErr_Format(PyExc_ValueError, "a message holds at most %d bytes (512 KiB), not %zd", MESSAGE_LIMIT,
                     payload->size);
        payload_done(payload);
        return false;
    }
    return true;
}

typedef struct sn_target {
    HSteamNetConnection connection;
    int flags;
    uint16_t lane;
} sn_target;

/* Valve calls RELIABLE with NO_DELAY invalid: such a message is not sent while connecting. */
static bool flags_make_sense(long long flags)
{
    enum { INVALID = k_nSteamNetworkingSend_Reliable | k_nSteamNetworkingSend_NoDelay };
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    return (flags & INVALID) != INVALID || atomic_flag_test_and_set(&warned) ||
           PyErr_WarnEx(PyExc_RuntimeWarning,
                        "SendFlags.RELIABLE with NO_DELAY: Valve calls that invalid, and such a message is lost "
                        "while connecting; RELIABLE_NO_NAGLE sends at once and keeps it",
                        2) == 0;
}

static bool flags_get(PyObject *flags, PyObject *lane, sn_target *out)
{
    long long number, index = 0;
    if (!sn_int_argument(flags, "flags", INT32_MIN, INT32_MAX, &number) || !flags_make_sense(number) ||
        (lane != NULL && !sn_int_argument(lane, "lane", 0, UINT16_MAX, &index)))
        return false;
    out->flags = (int)number;
    out->lane = (uint16_t)index;
    return true;
}

static bool connection_get(PyObject *connection, sn_target *out)
{
    long long number;
    if (!sn_int_argument(connection, "connection", 0, UINT32_MAX, &number))
        return false;
    out->connection = (HSteamNetConnection)number;
    return true;
}

/* --- messages ------------------------------------------------------------------------------- */

/* A message with its own copy of the bytes, or with one reference to the shared block. */
static SteamNetworkingMessage_t *message_new(sn_engine *engine, const sn_target *target, const char *bytes,
                                             size_t size, sn_block *shared, sn_unacked *count)
{
    bool blocks = shared == NULL && (count != NULL || size >= BLOCK_FROM);
    sn_block *own = blocks ? block_new(size, 1) : shared;
    SteamNetworkingMessage_t *message = NULL;
    if (own != NULL || !blocks)
        message = engine->flat.ISteamNetworkingUtils_AllocateMessage(engine->utils, own != NULL ? 0 : (int)size);
    if (message == NULL) {
        if (own != NULL && shared == NULL)
            block_unref(own);
        if (count != NULL)
            sn_unacked_remove(count, size);
        return NULL;
    }
    if (own != NULL) {
        message->m_pData = own->bytes;
        message->m_cbSize = (int)size;
        message->m_pfnFreeData = count != NULL ? free_counted : free_data;
    }
    if (shared == NULL && size > 0)
        memcpy(message->m_pData, bytes, size);
    message->m_conn = sn_visible(engine, target->connection);
    message->m_nFlags = target->flags;
    message->m_idxLane = target->lane;
    message->m_nUserData = (intptr_t)count; /* for m_pfnFreeData; the engine leaves it undefined */
    return message;
}

static sn_unacked *count_of(sn_engine *engine, const sn_target *target, Py_ssize_t size)
{
    return sn_unacked_add(engine, target->connection, target->flags, (size_t)size);
}

/* What a message of each lane is worth: its number, or minus the EResult. */
static int64_t send_one(sn_engine *engine, const sn_target *target, const sn_payload *payload)
{
    sn_unacked *count = count_of(engine, target, payload->size);
    int64_t number = 0;
    if (count == NULL && target->lane == 0 && payload->size < BLOCK_FROM) {
        EResult result = engine->flat.ISteamNetworkingSockets_SendMessageToConnection(
            engine->sockets, sn_visible(engine, target->connection), payload->bytes, (uint32_t)payload->size,
            target->flags, &number);
        if (result != k_EResultOK)
            return -(int64_t)result;
        return number > 0 ? number : 0;
    } else {
        SteamNetworkingMessage_t *message =
            message_new(engine, target, payload->bytes, (size_t)payload->size, NULL, count);
        if (message == NULL)
            return -k_EResultFail;
        engine->flat.ISteamNetworkingSockets_SendMessages(engine->sockets, 1, &message, &number, true);
        return number;
    }
}

/* As sn_enter; false too once the shutdown waits for what was sent before it. */
static bool enter_to_send(sn_engine *engine)
{
    if (!sn_enter(engine))
        return false;
    if (!atomic_load_explicit(&engine->draining, memory_order_relaxed))
        return true;
    sn_leave(engine);
    return false;
}

bool sn_send(sn_engine *engine, PyObject *connection, PyObject *data, PyObject *flags, PyObject *lane,
             int64_t *number)
{
    sn_target target = {.flags = k_nSteamNetworkingSend_Reliable};
    sn_payload payload;
    if (!connection_get(connection, &target) || (flags != NULL && !flags_get(flags, lane, &target)) ||
        !payload_get(&payload, data))
        return false;
    if (!enter_to_send(engine)) {
        payload_done(&payload);
        sn_raise_closed(engine);
        return false;
    }
    if (payload.size >= SLOW_FROM) {
        PyThreadState *python = PyEval_SaveThread();
        *number = send_one(engine, &target, &payload);
        PyEval_RestoreThread(python);
    } else {
        *number = send_one(engine, &target, &payload);
    }
    sn_leave(engine);
    payload_done(&payload);
    return true;
}

/* send(engine, connection, data, flags, lane) -> message number, or minus the EResult */
static PyObject *send(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    sn_engine *engine;
    int64_t number;
    (void)module;
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "five arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    return engine != NULL && sn_send(engine, args[1], args[2], args[3], args[4], &number)
               ? PyLong_FromLongLong(number)
               : NULL;
}

/* --- many in one call ------------------------------------------------------------------------ */

typedef struct sn_item {
    sn_target target;
    sn_payload payload;
    SteamNetworkingMessage_t *message;
    int64_t result;
    struct sn_item *failed, *next_failed; /* see failure_slot */
} sn_item;

/* Items are read before the engine is entered: taking a buffer may run any code, shutdown too. */
typedef struct sn_batch {
    Py_ssize_t count;
    size_t bytes; /* of all payloads */
    bool views;   /* whether some payloads are views */
    bool failures;
    sn_item *items;
    sn_item few[FEW];
} sn_batch;

static bool batch_init(sn_batch *batch, Py_ssize_t capacity)
{
    batch->count = 0;
    batch->bytes = 0;
    batch->views = batch->failures = false;
    batch->items = capacity <= FEW ? batch->few : calloc((size_t)capacity, sizeof *batch->items);
    if (batch->items == NULL)
        PyErr_NoMemory();
    return batch->items != NULL;
}

static void batch_done(sn_batch *batch)
{
    for (Py_ssize_t i = 0; i < batch->count && batch->views; i++)
        payload_done(&batch->items[i].payload);
    if (batch->items != batch->few)
        free(batch->items);
}

/* Where the item before it is as reliable and on the same connection, its count is known: that
 * message holds it. */
static sn_unacked *count_item(sn_engine *engine, const sn_item *item, const sn_item *before)
{
    int reliable = k_nSteamNetworkingSend_Reliable;
    sn_unacked *count;
    if (before == NULL || before->target.connection != item->target.connection ||
        (before->target.flags & item->target.flags & reliable) == 0)
        return count_of(engine, &item->target, item->payload.size);
    count = (sn_unacked *)(intptr_t)before->message->m_nUserData;
    if (count != NULL)
        sn_unacked_add_another(count, (size_t)item->payload.size);
    return count;
}

static bool batch_allocate(sn_batch *batch, sn_engine *engine, sn_block *shared)
{
    for (Py_ssize_t i = 0; i < batch->count; i++) {
        sn_item *item = &batch->items[i];
        item->message = message_new(engine, &item->target, item->payload.bytes, (size_t)item->payload.size,
                                    shared, count_item(engine, item, i > 0 ? item - 1 : NULL));
        if (item->message == NULL) {
            while (i-- > 0)
                batch->items[i].message->m_pfnRelease(batch->items[i].message);
            return false;
        }
        if (shared != NULL)
            atomic_fetch_add(&shared->references, 1);
    }
    return true;
}

/* After a connection's first failure an engine sends no more of it in that call, so that nothing
 * overtakes; cutting a batch into chunks must not change that. The items double as the hash table
 * of the connections that have failed, so that many dead ones cost no more than a few. */
static sn_item **failure_slot(sn_batch *batch, const sn_item *item)
{
    return &batch->items[item->target.connection % (size_t)batch->count].failed;
}

static bool failed_before(sn_batch *batch, const sn_item *item)
{
    const sn_item *failed = batch->failures ? *failure_slot(batch, item) : NULL;
    while (failed != NULL && failed->target.connection != item->target.connection)
        failed = failed->next_failed;
    return failed != NULL;
}

static void failure_note(sn_batch *batch, sn_item *item)
{
    sn_item **slot = failure_slot(batch, item);
    item->next_failed = *slot;
    *slot = item;
    batch->failures = true;
}

static void batch_run(sn_batch *batch, sn_engine *engine)
{
    Py_ssize_t next = 0;
    while (next < batch->count) {
        SteamNetworkingMessage_t *run[CHUNK];
        int64_t results[CHUNK] = {0}; /* a library might leave some unwritten */
        sn_item *sent[CHUNK];
        int running = 0;
        for (; next < batch->count && running < CHUNK; next++) {
            sn_item *item = &batch->items[next];
            if (failed_before(batch, item)) {
                item->message->m_pfnRelease(item->message);
            } else {
                sent[running] = item;
                run[running++] = item->message; /* the engine's from here on */
            }
        }
        engine->flat.ISteamNetworkingSockets_SendMessages(engine->sockets, running, run, results, true);
        for (int i = 0; i < running; i++) {
            sent[i]->result = results[i];
            if (results[i] < 0)
                failure_note(batch, sent[i]);
        }
    }
}

/* Sends what the items say, all of it or (memory being short) nothing: the list of results. */
static PyObject *batch_send(sn_batch *batch, sn_engine *engine, sn_block *shared)
{
    PyThreadState *python = NULL;
    PyObject *list = NULL;
    bool made;
    if (!enter_to_send(engine))
        return sn_raise_closed(engine);
    if (batch->bytes >= SLOW_FROM && shared == NULL)
        python = PyEval_SaveThread();
    made = batch_allocate(batch, engine, shared);
    if (made)
        batch_run(batch, engine);
    if (python != NULL)
        PyEval_RestoreThread(python);
    sn_leave(engine);
    if (!made)
        return PyErr_NoMemory();
    list = PyList_New(batch->count);
    for (Py_ssize_t i = 0; list != NULL && i < batch->count; i++) {
        PyObject *number = sn_int(batch->items[i].result);
        if (number == NULL || PyList_SetItem(list, i, number) < 0)
            Py_CLEAR(list);
    }
    return list;
}

/* Arguments of the previous item: in most batches the next one has the very same objects. */
typedef struct sn_previous {
    PyObject *connection, *data, *flags; /* NULL: there is none, or it may mean something else now */
    sn_target target;
    sn_payload payload;
} sn_previous;

static bool item_get(sn_item *out, PyObject *tuple, sn_previous *previous)
{
    Py_ssize_t parts = PyTuple_Check(tuple) ? Py_SIZE(tuple) : -1;
    PyObject *connection, *data, *flags;
    if (parts < 0) {
        PyErr_Format(PyExc_TypeError, "a message is a tuple (connection, data, flags[, lane]), not %R",
                     (PyObject *)Py_TYPE(tuple));
        return false;
    }
    if (parts != 3 && parts != 4) {
        PyErr_Format(PyExc_TypeError, "a message is a tuple (connection, data, flags[, lane]), not of %zd items",
                     parts);
        return false;
    }
    connection = PyTuple_GetItem(tuple, 0);
    data = PyTuple_GetItem(tuple, 1);
    flags = PyTuple_GetItem(tuple, 2);
    if (connection != previous->connection && !connection_get(connection, &previous->target))
        return false;
    if ((parts == 4 || flags != previous->flags) &&
        !flags_get(flags, parts == 4 ? PyTuple_GetItem(tuple, 3) : NULL, &previous->target))
        return false;
    previous->connection = connection;
    previous->flags = parts == 4 ? NULL : flags;
    if (data != previous->data && !payload_get(&previous->payload, data))
        return false;
    previous->data = previous->payload.view == NULL ? data : NULL;
    *out = (sn_item){.target = previous->target, .payload = previous->payload};
    return true;
}

/* send_many(engine, iterable of (connection, data, flags[, lane])) -> list of numbers or -EResult */
static PyObject *send_many(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    sn_engine *engine;
    PyObject *messages, *results = NULL;
    sn_batch batch;
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "two arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    /* A copy: taking a buffer may run code that changes the caller's list. */
    messages = engine != NULL ? PySequence_List(args[1]) : NULL;
    if (messages == NULL)
        return NULL;
    if (batch_init(&batch, PyList_Size(messages))) {
        Py_ssize_t total = PyList_Size(messages);
        sn_previous previous = {.connection = NULL};
        while (batch.count < total &&
               item_get(&batch.items[batch.count], PyList_GetItem(messages, batch.count), &previous)) {
            batch.bytes += (size_t)previous.payload.size;
            batch.views |= previous.payload.view != NULL;
            batch.count++;
        }
        if (batch.count == total)
            results = batch_send(&batch, engine, NULL);
        batch_done(&batch);
    }
    Py_DECREF(messages);
    return results;
}

/* broadcast(engine, connections, data, flags, lane) -> list of numbers or -EResult */
static PyObject *broadcast(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    sn_engine *engine;
    PyObject *connections, *results = NULL;
    sn_batch batch;
    sn_target target;
    sn_payload payload;
    (void)module;
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "five arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    if (engine == NULL || !flags_get(args[3], args[4], &target))
        return NULL;
    connections = PySequence_List(args[1]);
    if (connections == NULL)
        return NULL;
    if (!payload_get(&payload, args[2])) {
        Py_DECREF(connections);
        return NULL;
    }
    if (batch_init(&batch, PyList_Size(connections))) {
        Py_ssize_t total = PyList_Size(connections);
        sn_block *shared = NULL;
        while (batch.count < total &&
               connection_get(PyList_GetItem(connections, batch.count), &target)) {
            sn_item *item = &batch.items[batch.count++];
            *item = (sn_item){.target = target, .payload = payload};
            item->payload.view = NULL; /* the one view is released below */
        }
        if (batch.count == total) {
            shared = block_new((size_t)payload.size, 1);
            if (shared != NULL) {
                if (payload.size > 0)
                    memcpy(shared->bytes, payload.bytes, (size_t)payload.size);
                results = batch_send(&batch, engine, shared);
            } else {
                PyErr_NoMemory();
            }
        }
        batch_done(&batch);
        if (shared != NULL)
            block_unref(shared);
    }
    payload_done(&payload);
    Py_DECREF(connections);
    return results;
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
PyMethodDef sn_send_methods[] = {
    {"send", FAST(send), NULL},
    {"send_many", FAST(send_many), NULL},
    {"broadcast", FAST(broadcast), NULL},
    {NULL, NULL, 0, NULL},
};
