/* The receive calls: Valve's messages out of the engine and into a list, in one call. */
#include "module.h"

#include <limits.h>
#include <string.h>

typedef int (*receiver)(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit);

static int from_connection(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit)
{
    return engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnConnection(
        engine->sockets, sn_visible(engine, (HSteamNetConnection)handle), messages, limit);
}

static int from_poll_group(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit)
{
    return engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(
        engine->sockets, (HSteamNetPollGroup)handle, messages, limit);
}

static int from_channel(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit)
{
    return engine->flat.ISteamNetworkingMessages_ReceiveMessagesOnChannel(engine->messages, (int)handle,
                                                                          messages, limit);
}

static int from_fake_port(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit)
{
    return engine->flat.ISteamNetworkingFakeUDPPort_ReceiveMessages(
        (ISteamNetworkingFakeUDPPort *)(uintptr_t)handle, messages, limit);
}

static const receiver receivers[] = {
    [SN_CONNECTION] = from_connection,
    [SN_POLL_GROUP] = from_poll_group,
    [SN_CHANNEL] = from_channel,
    [SN_FAKE_PORT] = from_fake_port,
};

/* Takes a batch from the engine. A library that counts wrongly, or leaves out a message, is not
 * followed into memory that is not there: where it wrote nothing there is NULL. */
static void take(sn_engine *engine, sn_received *batch, int limit)
{
    int got = receivers[batch->source](engine, batch->handle, batch->messages, limit);
    got = got < 0 ? 0 : got < limit ? got : limit;
    if (got < limit && batch->messages[got] != NULL) /* it wrote more than it says */
        memset(batch->messages + got, 0, (size_t)(limit - got) * sizeof batch->messages[0]);
    while (batch->count < got && batch->messages[batch->count] != NULL)
        batch->count++;
    for (int i = batch->count; i < got; i++) {
        SteamNetworkingMessage_t *message = batch->messages[i];
        batch->messages[i] = NULL;
        if (message != NULL)
            batch->messages[batch->count++] = message;
    }
}

sn_received *sn_receive_batch(sn_engine *engine, sn_source source, long long handle, long long limit, bool *more)
{
    int asked = limit < SN_BATCH_SIZE ? (int)limit : SN_BATCH_SIZE;
    sn_received *batch = sn_received_begin(engine, source, handle);
    bool undelivered;
    if (batch == NULL)
        return NULL;
    undelivered = sn_received_fill_undelivered(engine, batch, asked);
    if (!undelivered)
        take(engine, batch, asked);
    *more = undelivered || batch->count == asked;
    return batch;
}

static const struct {
    const char *what; /* the handle is, and within which bounds */
    long long low, high;
} handles[] = {
    [SN_CONNECTION] = {"connection", 0, UINT32_MAX},
    [SN_POLL_GROUP] = {"poll_group", 0, UINT32_MAX},
    [SN_CHANNEL] = {"channel", INT32_MIN, INT32_MAX},
    [SN_FAKE_PORT] = {"port", 1, LLONG_MAX},
};

PyObject *sn_receive(sn_engine *engine, PyObject *from, PyObject *most, sn_source source)
{
    PyObject *list = NULL;
    long long handle, limit = SN_USUAL_LIMIT;
    bool more = true, failed = false;
    if (!sn_int_argument(from, handles[source].what, handles[source].low, handles[source].high, &handle) ||
        (most != NULL && !sn_int_argument(most, "max_messages", 1, LLONG_MAX, &limit)))
        return NULL;
    if (!sn_enter(engine))
        return sn_raise_closed(engine);
    while (more && !failed && limit > 0) {
        sn_received *batch = sn_receive_batch(engine, source, handle, limit, &more);
        int added;
        if (batch == NULL) {
            failed = true;
            break;
        }
        limit -= batch->count;
        /* If that fails: what is in the list is returned, the rest is for the next call. */
        added = batch->count > 0 ? sn_messages_add(&list, engine, batch->messages, batch->count) : 0;
        failed = added < batch->count;
        sn_received_end(engine, batch, added);
    }
    sn_leave(engine);
    if (failed && list == NULL)
        return PyErr_NoMemory();
    if (failed)
        PyErr_Clear();
    return list != NULL ? list : PyList_New(0);
}

static PyObject *receive(PyObject *const *args, Py_ssize_t count, sn_source source)
{
    sn_engine *engine;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "three arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    return engine != NULL ? sn_receive(engine, args[1], args[2], source) : NULL;
}

static PyObject *receive_on_connection(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, SN_CONNECTION);
}

static PyObject *receive_on_poll_group(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, SN_POLL_GROUP);
}

static PyObject *receive_on_channel(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, SN_CHANNEL);
}

static PyObject *receive_on_fake_port(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, SN_FAKE_PORT);
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
PyMethodDef sn_receive_methods[] = {
    {"receive_on_connection", FAST(receive_on_connection), NULL},
    {"receive_on_poll_group", FAST(receive_on_poll_group), NULL},
    {"receive_on_channel", FAST(receive_on_channel), NULL},
    {"receive_on_fake_port", FAST(receive_on_fake_port), NULL},
    {NULL, NULL, 0, NULL},
};
