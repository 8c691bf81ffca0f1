/* The receive calls: Valve's messages out of the engine and into a list, in one call. */
#include "module.h"

#include <limits.h>

enum { BATCH = 256 };

typedef int (*receiver)(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit);

static int from_connection(sn_engine *engine, long long handle, SteamNetworkingMessage_t **messages, int limit)
{
    return engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnConnection(
        engine->sockets, (HSteamNetConnection)handle, messages, limit);
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

/* Appends a batch to the list. Every message is owned or released, also when memory runs out. */
static bool append(PyObject **list, sn_engine *engine, SteamNetworkingMessage_t **batch, int count)
{
    bool first = *list == NULL;
    if (first) {
        /* No collection here: a finalizer that shuts the engine down would wait for this call. */
        int collecting = PyGC_Disable();
        *list = PyList_New(count);
        if (collecting)
            PyGC_Enable();
    }
    for (int i = 0; i < count; i++) {
        PyObject *message = *list != NULL ? sn_message_new(engine, batch[i]) : NULL;
        int failed = message == NULL;
        if (*list == NULL)
            batch[i]->m_pfnRelease(batch[i]);
        else if (message != NULL && first)
            failed = PyList_SetItem(*list, i, message);
        else if (message != NULL) {
            failed = PyList_Append(*list, message);
            Py_DECREF(message);
        }
        if (failed)
            Py_CLEAR(*list);
    }
    return *list != NULL;
}

static PyObject *receive(PyObject *const *args, Py_ssize_t count, const char *what, long long low,
                         long long high, receiver take)
{
    SteamNetworkingMessage_t *batch[BATCH];
    PyObject *list = NULL;
    sn_engine *engine;
    long long handle, limit;
    int got, asked;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "three arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    if (engine == NULL || !sn_int_argument(args[1], what, low, high, &handle) ||
        !sn_int_argument(args[2], "max_messages", 1, LLONG_MAX, &limit))
        return NULL;
    if (!sn_enter(engine))
        return sn_raise_closed();
    do {
        asked = limit < BATCH ? (int)limit : BATCH;
        got = take(engine, handle, batch, asked);
        if (got > 0 && !append(&list, engine, batch, got)) {
            sn_leave(engine);
            return NULL;
        }
        limit -= asked;
    } while (got == asked && limit > 0);
    sn_leave(engine);
    return list != NULL ? list : PyList_New(0);
}

static PyObject *receive_on_connection(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, "connection", 0, UINT32_MAX, from_connection);
}

static PyObject *receive_on_poll_group(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, "poll_group", 0, UINT32_MAX, from_poll_group);
}

static PyObject *receive_on_channel(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, "channel", INT32_MIN, INT32_MAX, from_channel);
}

static PyObject *receive_on_fake_port(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive(args, count, "port", 1, LLONG_MAX, from_fake_port);
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
PyMethodDef sn_receive_methods[] = {
    {"receive_on_connection", FAST(receive_on_connection), NULL},
    {"receive_on_poll_group", FAST(receive_on_poll_group), NULL},
    {"receive_on_channel", FAST(receive_on_channel), NULL},
    {"receive_on_fake_port", FAST(receive_on_fake_port), NULL},
    {NULL, NULL, 0, NULL},
};
