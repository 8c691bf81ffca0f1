/* Lists of what happened: out of an engine's queue, through closing.py's notes of what is open, to the program. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

enum { CONNECTION = 0, LISTEN_SOCKET = 1, STATE = 3 }; /* fields of a ConnectionEvent */

static bool append_event(PyObject *list, const sn_event *event)
{
    PyObject *made = sn_event_new(event);
    bool good = made != NULL && PyList_Append(list, made) == 0;
    Py_XDECREF(made);
    return good;
}

/* Appends the events of connections that are the oldest, limit at most: false, and an exception, where
 * memory is short. What cannot be made waits on. */
static bool append_events(PyObject *list, sn_engine *engine, long long limit)
{
    sn_queued *record = sn_queue_take(&engine->events, (size_t)limit);
    bool good = true;
    while (record != NULL) {
        const sn_event *event = (const void *)record->bytes;
        sn_queued *next = record->next;
        if (event->kind != k_iCallback_SteamNetConnectionStatusChanged)
            break;
        good = append_event(list, event);
        if (!good)
            break;
        free(record);
        record = next;
    }
    sn_queue_put_back(&engine->events, record);
    return good;
}

/* Moves the next event into the room, which is as large: its kind, 0 if there is none. An event of a
 * connection, which has come meanwhile from another thread, goes into the list. */
static PyObject *next_other(PyObject *list, PyObject *room, sn_engine *engine)
{
    sn_event event;
    Py_buffer view;
    if (PyObject_GetBuffer(room, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    if ((size_t)view.len != sizeof event) {
        PyErr_Format(PyExc_ValueError, "%zu bytes are needed, not %zd", sizeof event, view.len);
        PyBuffer_Release(&view);
        return NULL;
    }
    if (sn_next_event(engine, &event))
        memcpy(view.buf, &event, sizeof event);
    else
        event.kind = 0;
    PyBuffer_Release(&view);
    if (event.kind == k_iCallback_SteamNetConnectionStatusChanged)
        return append_event(list, &event) ? sn_int(0) : NULL;
    return sn_int(event.kind);
}

/* next_events(engine, list, limit, room) -> 0 where the list, which was empty, has as many ConnectionEvents as
 * come next, the first of them last; where none comes next, the kind of the event that does, which is in the
 * room, or 0 if there is none */
static PyObject *next_events(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    sn_engine *engine;
    long long limit;
    bool good;
    (void)module;
    if (count != 4 || !PyList_Check(args[1]) || PyList_Size(args[1]) != 0) {
        PyErr_SetString(PyExc_TypeError, "four arguments are needed, the second an empty list");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    if (engine == NULL || !sn_int_argument(args[2], "limit", 1, INT32_MAX, &limit))
        return NULL;
    good = append_events(args[1], engine, limit);
    if (PyList_Size(args[1]) > 0) {
        if (!good && PyErr_ExceptionMatches(PyExc_MemoryError)) {
            PyErr_Clear(); /* the rest is for the next call */
            good = true;
        }
        return PyList_Reverse(args[1]) == 0 && good ? sn_int(0) : NULL;
    }
    return good ? next_other(args[1], args[3], engine) : NULL;
}

/* Removes the key, if no other thread has done so meanwhile. */
static bool remove_key(PyObject *dict, PyObject *key)
{
    if (PyDict_DelItem(dict, key) == 0)
        return true;
    if (!PyErr_ExceptionMatches(PyExc_KeyError))
        return false;
    PyErr_Clear();
    return true;
}

static bool note_event(PyObject *event, PyObject *connections, PyObject *pairs, PyObject *hidden)
{
    PyObject *connection = sn_record_field(&sn_event_type, event, CONNECTION);
    PyObject *listen_socket = connection != NULL ? sn_record_field(&sn_event_type, event, LISTEN_SOCKET) : NULL;
    PyObject *state = listen_socket != NULL ? sn_record_field(&sn_event_type, event, STATE) : NULL;
    int skipped = state == NULL ? -1 : PyDict_Size(hidden) > 0 ? PyDict_Contains(hidden, connection) : 0;
    int known = skipped == 0 ? PyDict_Contains(connections, connection) : skipped;
    if (known < 0 || skipped > 0)
        return known >= 0;
    if (PyLong_AsLong(state) == k_ESteamNetworkingConnectionState_None)
        return (!known || remove_key(connections, connection)) && PySet_Discard(pairs, connection) >= 0;
    return known || PyDict_SetItem(connections, connection, listen_socket) == 0;
}

/* note_events(events, connections, pairs, hidden): enters the connections that events, the last of them first,
 * have opened in the dict, with the listen sockets that they came in on, and removes those that have ended from
 * it and from the set of pairs; but for those in the dict of the hidden ones */
static PyObject *note_events(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 4 || !PyList_Check(args[0]) || !PyDict_Check(args[1]) || !PySet_Check(args[2]) ||
        !PyDict_Check(args[3])) {
        PyErr_SetString(PyExc_TypeError, "four arguments are needed: a list, a dict, a set and a dict");
        return NULL;
    }
    for (Py_ssize_t i = PyList_Size(args[0]) - 1; i >= 0; i--) {
        PyObject *event = PyList_GetItem(args[0], i);
        if (event == NULL || !note_event(event, args[1], args[2], args[3]))
            return NULL;
    }
    Py_RETURN_NONE;
}

/* take_all(take, count) -> a list of what take returns, called so often, or until it raises IndexError. In one
 * call, in which no signal handler runs. */
static PyObject *take_all(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Py_ssize_t most = count == 2 ? PyLong_AsSsize_t(args[1]) : -1, taken = 0;
    PyObject *list = most >= 0 ? PyList_New(most) : NULL, *item = NULL;
    (void)module;
    if (most < 0 && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "two arguments are needed, the second a count");
    while (list != NULL && taken < most && (item = PyObject_CallNoArgs(args[0])) != NULL)
        PyList_SetItem(list, taken++, item);
    if (list != NULL && taken < most) {
        if (PyErr_ExceptionMatches(PyExc_IndexError))
            PyErr_Clear();
        if (PyErr_Occurred() || PyList_SetSlice(list, taken, most, NULL) < 0)
            Py_CLEAR(list);
    }
    return list;
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
PyMethodDef sn_event_methods[] = {
    {"next_events", FAST(next_events), NULL},
    {"note_events", FAST(note_events), NULL},
    {"take_all", FAST(take_all), NULL},
    {NULL, NULL, 0, NULL},
};
