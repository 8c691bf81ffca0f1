/* What engines tell of connections, made into steamnet's own dataclasses (info.py).
 *
 * An object is made as object.__new__ makes it, and its slots are filled: what the dataclass's __init__
 * does, without a call for every field. Nothing is made while the engine is entered, as a collection may
 * run any code.
 */
#include "module.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LANES = 255, MOST_FLAGS = 64 };

sn_record_type sn_event_type;
static sn_record_type info_type, status_type, lane_type;
/* Objects by their number; most of them at hand, by its last bits. */
enum { AT_HAND = 64 };
typedef struct sn_members {
    PyObject *all;
    struct {
        long number;
        PyObject *object; /* the dict's, which stays as it is; NULL: none */
    } at_hand[AT_HAND];
} sn_members;
static sn_members states, reasons, state_names;
static PyObject *no_text;
static PyObject *flags_type;
static _Atomic(PyObject *) known_flags[MOST_FLAGS]; /* those that have been seen */
static PyObject *no_ice; /* what is added where ICE cannot work at all */

PyObject *sn_record_new(const sn_record_type *type, sn_fields *fields)
{
    PyObject *record = NULL;
    if (type->type == NULL)
        PyErr_SetString(PyExc_RuntimeError, "steamnet.info is not imported");
    else if (!fields->failed && fields->count != type->count)
        PyErr_Format(PyExc_TypeError, "%d fields are filled, not %d", fields->count, type->count);
    else if (!fields->failed)
        record = type->alloc(type->type, 0);
    for (int i = 0; i < fields->count; i++)
        if (record != NULL)
            ((PyObject **)record)[type->places[i]] = fields->values[i];
        else
            Py_XDECREF(fields->values[i]);
    return record;
}

PyObject *sn_record_field(const sn_record_type *type, PyObject *record, int field)
{
    PyObject *value = type->type == Py_TYPE(record) ? ((PyObject **)record)[type->places[field]] : NULL;
    if (value == NULL)
        PyErr_SetString(PyExc_TypeError, "a whole record is needed");
    return value;
}

PyObject *sn_member(PyObject *members, long long number)
{
    PyObject *value = sn_int(number), *found;
    if (value == NULL || members == NULL)
        return value;
    found = sn_dict_get(members, value);
    if (found == NULL)
        return value;
    Py_DECREF(value);
    return found;
}

static bool members_set(sn_members *out, PyObject *all)
{
    PyObject *key, *object;
    Py_ssize_t position = 0;
    *out = (sn_members){.all = Py_NewRef(all)};
    while (PyDict_Next(all, &position, &key, &object)) {
        long number = PyLong_AsLong(key);
        size_t place = (size_t)number % AT_HAND;
        if (number == -1 && PyErr_Occurred())
            return false;
        if (out->at_hand[place].object == NULL) {
            out->at_hand[place].number = number;
            out->at_hand[place].object = object;
        }
    }
    return true;
}

static PyObject *member(const sn_members *members, int number)
{
    size_t place = (size_t)number % AT_HAND;
    if (members->at_hand[place].object != NULL && members->at_hand[place].number == number)
        return Py_NewRef(members->at_hand[place].object);
    return sn_member(members->all, number);
}

/* Bytes that a peer made up, which may be no UTF-8 and may lack their end. */
static PyObject *text(const char *bytes, size_t room)
{
    if (bytes[0] == '\0')
        return Py_XNewRef(no_text);
    const char *end = memchr(bytes, 0, room - 1);
    return PyUnicode_DecodeUTF8(bytes, end != NULL ? end - bytes : (Py_ssize_t)room - 1, "replace");
}

/* The words of an end: where many connections end at a time, all have the same. */
static PyObject *end_words(const SteamNetConnectionInfo_t *info)
{
    static _Atomic(PyObject *) latest;
    PyObject *words = atomic_exchange(&latest, NULL); /* no other thread's meanwhile */
    Py_ssize_t size = 0;
    const char *known = words != NULL ? PyUnicode_AsUTF8AndSize(words, &size) : NULL;
    if (known == NULL || (size_t)size >= sizeof info->m_szEndDebug ||
        memcmp(known, info->m_szEndDebug, (size_t)size + 1) != 0) {
        PyErr_Clear();
        Py_XDECREF(words);
        words = text(info->m_szEndDebug, sizeof info->m_szEndDebug);
    }
    Py_XDECREF(atomic_exchange(&latest, Py_XNewRef(words)));
    return words;
}

static PyObject *address_text(const SteamNetworkingIPAddr *address)
{
    static const SteamNetworkingIPAddr none = {{0}, 0};
    char formatted[SN_ADDRESS_SIZE];
    if (memcmp(address, &none, sizeof none) == 0)
        return Py_XNewRef(no_text);
    sn_address_format(address, formatted, (int)sizeof formatted, true);
    return PyUnicode_FromString(formatted);
}

static PyObject *state_name(int state)
{
    PyObject *name = member(&state_names, state), *spelled;
    if (name == NULL || PyUnicode_Check(name))
        return name;
    spelled = PyObject_Str(name);
    Py_DECREF(name);
    return spelled;
}

static PyObject *flags_of(int bits)
{
    bool can_keep = 0 <= bits && bits < MOST_FLAGS;
    PyObject *flags = can_keep ? atomic_load(&known_flags[bits]) : NULL, *none = NULL;
    if (flags != NULL || flags_type == NULL)
        return flags != NULL ? Py_NewRef(flags) : sn_int(bits);
    flags = PyObject_CallFunction(flags_type, "i", bits);
    if (flags != NULL && can_keep && atomic_compare_exchange_strong(&known_flags[bits], &none, flags))
        Py_INCREF(flags);
    return flags;
}

static PyObject *ending(const SteamNetConnectionInfo_t *info)
{
    PyObject *words = end_words(info), *all;
    if (words == NULL || info->m_eEndReason != k_ESteamNetConnectionEnd_Misc_P2P_Rendezvous || no_ice == NULL ||
        sn_ice_possible())
        return words;
    all = PyUnicode_Concat(words, no_ice);
    Py_DECREF(words);
    return all;
}

static PyObject *info_new(const SteamNetConnectionInfo_t *info)
{
    sn_fields fields = {.count = 0};
    SN_ADD(&fields, sn_identity_object(&info->m_identityRemote));
    SN_ADD(&fields, member(&states, info->m_eState));
    SN_ADD(&fields, state_name(info->m_eState));
    SN_ADD(&fields, member(&reasons, info->m_eEndReason));
    SN_ADD(&fields, ending(info));
    SN_ADD(&fields, text(info->m_szConnectionDescription, sizeof info->m_szConnectionDescription));
    SN_ADD(&fields, address_text(&info->m_addrRemote));
    SN_ADD(&fields, sn_int(info->m_nUserData));
    SN_ADD(&fields, sn_int(info->m_hListenSocket));
    SN_ADD(&fields, flags_of(info->m_nFlags));
    SN_ADD(&fields, sn_int(info->m_idPOPRemote));
    SN_ADD(&fields, sn_int(info->m_idPOPRelay));
    return sn_record_new(&info_type, &fields);
}

static PyObject *lane_new(const SteamNetConnectionRealTimeLaneStatus_t *lane)
{
    sn_fields fields = {.count = 0};
    SN_ADD(&fields, sn_int(lane->m_cbPendingUnreliable));
    SN_ADD(&fields, sn_int(lane->m_cbPendingReliable));
    SN_ADD(&fields, sn_int(lane->m_cbSentUnackedReliable));
    SN_ADD(&fields, sn_int(lane->m_usecQueueTime));
    return sn_record_new(&lane_type, &fields);
}

static PyObject *lanes_new(const SteamNetConnectionRealTimeLaneStatus_t *lanes, int count)
{
    PyObject *tuple = PyTuple_New(count);
    for (int i = 0; tuple != NULL && i < count; i++) {
        PyObject *lane = lane_new(&lanes[i]);
        if (lane == NULL || PyTuple_SetItem(tuple, i, lane) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *status_new(const SteamNetConnectionRealTimeStatus_t *status,
                            const SteamNetConnectionRealTimeLaneStatus_t *lanes, int lane_count)
{
    sn_fields fields = {.count = 0};
    SN_ADD(&fields, member(&states, status->m_eState));
    SN_ADD(&fields, sn_int(status->m_nPing));
    SN_ADD(&fields, PyFloat_FromDouble(status->m_flConnectionQualityLocal));
    SN_ADD(&fields, PyFloat_FromDouble(status->m_flConnectionQualityRemote));
    SN_ADD(&fields, PyFloat_FromDouble(status->m_flOutPacketsPerSec));
    SN_ADD(&fields, PyFloat_FromDouble(status->m_flOutBytesPerSec));
    SN_ADD(&fields, PyFloat_FromDouble(status->m_flInPacketsPerSec));
    SN_ADD(&fields, PyFloat_FromDouble(status->m_flInBytesPerSec));
    SN_ADD(&fields, sn_int(status->m_nSendRateBytesPerSecond));
    SN_ADD(&fields, sn_int(status->m_cbPendingUnreliable));
    SN_ADD(&fields, sn_int(status->m_cbPendingReliable));
    SN_ADD(&fields, sn_int(status->m_cbSentUnackedReliable));
    SN_ADD(&fields, sn_int(status->m_usecQueueTime));
    SN_ADD(&fields, status->m_usecMaxJitter >= 0 ? sn_int(status->m_usecMaxJitter) : Py_NewRef(Py_None));
    SN_ADD(&fields, lanes_new(lanes, lane_count));
    return sn_record_new(&status_type, &fields);
}

PyObject *sn_event_new(const sn_event *event)
{
    sn_fields fields = {.count = 0};
    SN_ADD(&fields, sn_int(event->connection));
    SN_ADD(&fields, sn_int(event->info.m_hListenSocket));
    SN_ADD(&fields, member(&states, event->old_state));
    SN_ADD(&fields, member(&states, event->info.m_eState));
    SN_ADD(&fields, info_new(&event->info));
    return sn_record_new(&sn_event_type, &fields);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* connection_info(engine, connection) -> ConnectionInfo or None */
static PyObject *connection_info(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    SteamNetConnectionInfo_t info;
    sn_engine *engine;
    long long connection;
    bool found;
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "two arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    if (engine == NULL || !sn_int_argument(args[1], "connection", 0, UINT32_MAX, &connection))
        return NULL;
    if (!sn_enter(engine))
        return sn_raise_closed(engine);
    memset(&info, 0, sizeof info); /* a library might leave some of it unwritten */
    found = engine->flat.ISteamNetworkingSockets_GetConnectionInfo(
        engine->sockets, sn_visible(engine, (HSteamNetConnection)connection), &info);
    sn_leave(engine);
    return found ? info_new(&info) : Py_NewRef(Py_None);
}

/* connection_status(engine, connection, lanes) -> QuickConnectionStatus or None */
static PyObject *connection_status(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    SteamNetConnectionRealTimeLaneStatus_t array[MOST_LANES];
    SteamNetConnectionRealTimeStatus_t status;
    sn_engine *engine;
    long long connection, lanes;
    EResult result;
    (void)module;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "three arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    if (engine == NULL || !sn_int_argument(args[2], "lanes", 0, MOST_LANES, &lanes) ||
        !sn_int_argument(args[1], "connection", 0, UINT32_MAX, &connection))
        return NULL;
    if (!sn_enter(engine))
        return sn_raise_closed(engine);
    memset(&status, 0, sizeof status);
    memset(array, 0, (size_t)lanes * sizeof array[0]);
    result = engine->flat.ISteamNetworkingSockets_GetConnectionRealTimeStatus(
        engine->sockets, sn_visible(engine, (HSteamNetConnection)connection), &status, (int)lanes,
        lanes > 0 ? array : NULL);
    sn_leave(engine);
    return result == k_EResultOK ? status_new(&status, array, (int)lanes) : Py_NewRef(Py_None);
}

/* Copies a struct of Valve's out of a buffer that must be just as long. */
static bool struct_argument(PyObject *buffer, void *out, size_t size)
{
    Py_buffer view;
    bool fits;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE) < 0)
        return false;
    fits = (size_t)view.len == size;
    if (fits)
        memcpy(out, view.buf, size);
    else
        PyErr_Format(PyExc_ValueError, "%zu bytes are needed, not %zd", size, view.len);
    PyBuffer_Release(&view);
    return fits;
}

static PyObject *read_info(PyObject *module, PyObject *buffer)
{
    SteamNetConnectionInfo_t info;
    (void)module;
    return struct_argument(buffer, &info, sizeof info) ? info_new(&info) : NULL;
}

static PyObject *read_status(PyObject *module, PyObject *buffer)
{
    SteamNetConnectionRealTimeStatus_t status;
    (void)module;
    return struct_argument(buffer, &status, sizeof status) ? status_new(&status, NULL, 0) : NULL;
}

static PyObject *read_event(PyObject *module, PyObject *buffer)
{
    sn_event event;
    (void)module;
    return struct_argument(buffer, &event, sizeof event) ? sn_event_new(&event) : NULL;
}

/* --- the types, which Python makes ------------------------------------------------------------- */

/* A slot is a pointer in the object. Its descriptor sets it, and does not tell where it is: the place is where a
 * value turns up. 0, and maybe an exception, if it is no slot. */
static Py_ssize_t place_of(PyObject *object, Py_ssize_t size, PyObject *descriptor)
{
    PyObject *const *pointers = (PyObject **)object;
    Py_ssize_t place = (Py_ssize_t)(sizeof *object / sizeof *pointers);
    descrsetfunc set;
    *(void **)&set = PyType_GetSlot(Py_TYPE(descriptor), Py_tp_descr_set);
    if (set == NULL || set(descriptor, object, descriptor) < 0)
        return 0;
    while (place < size && pointers[place] != descriptor)
        place++;
    return place < size && set(descriptor, object, NULL) == 0 && pointers[place] == NULL ? place : 0;
}

bool sn_record_type_set(sn_record_type *out, PyObject *class)
{
    PyObject *names = PyObject_GetAttrString(class, "__match_args__");
    PyObject *basic_size = PyObject_GetAttrString(class, "__basicsize__"), *object = NULL;
    sn_record_type made = {.type = (PyTypeObject *)class, .count = names != NULL ? (int)PyTuple_Size(names) : -1};
    bool good = made.count > 0 && made.count <= SN_FIELDS && PyType_Check(class) && basic_size != NULL;
    Py_ssize_t size = good ? PyLong_AsSsize_t(basic_size) / (Py_ssize_t)sizeof(PyObject *) : 0;
    if (good) {
        /* Slots hold functions as void pointers, which ISO C leaves to the platform. */
        *(void **)&made.alloc = PyType_GetSlot(made.type, Py_tp_alloc);
        object = made.alloc != NULL ? made.alloc(made.type, 0) : NULL;
        good = object != NULL;
    }
    for (int i = 0; good && i < made.count; i++) {
        PyObject *descriptor = PyObject_GetAttr(class, PyTuple_GetItem(names, i));
        made.places[i] = descriptor != NULL ? place_of(object, size, descriptor) : 0;
        good = made.places[i] != 0;
        Py_XDECREF(descriptor);
    }
    Py_XDECREF(object);
    Py_XDECREF(basic_size);
    Py_XDECREF(names);
    if (good) {
        Py_INCREF(class);
        *out = made;
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_TypeError, "a record is a dataclass with slots");
    }
    return good;
}

/* set_record_types(info, status, lane, event, states, reasons, names of states, flags, words) */
static PyObject *set_record_types(PyObject *module, PyObject *args)
{
    PyObject *info, *status, *lane, *event, *all[5];
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOOO!O!O!OU:set_record_types", &info, &status, &lane, &event, &PyDict_Type, &all[0],
                          &PyDict_Type, &all[1], &PyDict_Type, &all[2], &all[3], &all[4]))
        return NULL;
    if (no_text == NULL && (no_text = PyUnicode_FromStringAndSize("", 0)) == NULL)
        return NULL;
    if (!sn_record_type_set(&info_type, info) || !sn_record_type_set(&status_type, status) ||
        !sn_record_type_set(&lane_type, lane) || !sn_record_type_set(&sn_event_type, event))
        return NULL;
    for (int i = 0; i < MOST_FLAGS; i++)
        Py_XDECREF(atomic_exchange(&known_flags[i], NULL));
    if (!members_set(&states, all[0]) || !members_set(&reasons, all[1]) || !members_set(&state_names, all[2]))
        return NULL;
    flags_type = Py_NewRef(all[3]);
    no_ice = Py_NewRef(all[4]);
    Py_RETURN_NONE;
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
PyMethodDef sn_record_methods[] = {
    {"connection_info", FAST(connection_info), NULL},
    {"connection_status", FAST(connection_status), NULL},
    {"read_info", read_info, METH_O, "read_info(buffer)\n--\n\nReads a SteamNetConnectionInfo_t."},
    {"read_status", read_status, METH_O, "read_status(buffer)\n--\n\nReads a SteamNetConnectionRealTimeStatus_t."},
    {"read_event", read_event, METH_O, "read_event(buffer)\n--\n\nReads an sn_event of a connection."},
    {"set_record_types", set_record_types, METH_VARARGS,
     "set_record_types(info, status, lane, event, states, reasons, names, flags, words)\n--\n\n"
     "Names the dataclasses that infos, statuses and events become."},
    {NULL, NULL, 0, NULL},
};
