/* The hot half of _native: what the files of this folder share. They alone include Python.h. */
#ifndef STEAMNET_MODULE_H
#define STEAMNET_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "../guard.h"

/* Raises steamnet.ClosedError, which errors.py hands down. Returns NULL. */
PyObject *sn_raise_closed(const sn_engine *engine);
void sn_set_closed_error(PyObject *error);
/* The engine behind the address that Python passes around. */
sn_engine *sn_engine_argument(PyObject *address);
/* Reads a whole number within bounds: TypeError for another type, ValueError outside. */
bool sn_int_argument(PyObject *value, const char *what, long long low, long long high, long long *out);

/* No collection between these two: a finalizer that shuts the engine down would wait for the call that it runs in.
 * Without Python's lock a collection begins between two steps of Python code only, of which there are none here, and
 * another thread may change the setting meanwhile. */
static inline int sn_collector_pause(void)
{
#ifdef Py_GIL_DISABLED
    return 0;
#else
    return PyGC_Disable();
#endif
}
static inline void sn_collector_resume(int collecting)
{
    if (collecting)
        PyGC_Enable();
}

/* A new reference to what a dict has for a key, which another thread may replace; NULL, and maybe an exception. */
static inline PyObject *sn_dict_get(PyObject *dict, PyObject *key)
{
#ifdef Py_GIL_DISABLED
    PyObject *value;
    PyDict_GetItemRef(dict, key, &value);
    return value;
#else
    return Py_XNewRef(PyDict_GetItemWithError(dict, key));
#endif
}

/* Who is at the other end, and on which connection, as objects that are remembered. */
typedef struct sn_peer {
    PyObject *connection;
    PyObject *identity;
} sn_peer;
void sn_set_identity_type(PyObject *type); /* a kind of str, of which the identities are made */
/* What a peer wrote, all of it: nobody may be taken for another. */
static inline bool sn_same_identity(const SteamNetworkingIdentity *one, const SteamNetworkingIdentity *other)
{
    if (one->m_eType != other->m_eType)
        return false;
    if (one->m_eType == k_ESteamNetworkingIdentityType_SteamID)
        return one->m_steamID64 == other->m_steamID64;
    if (one->m_eType == k_ESteamNetworkingIdentityType_IPAddress)
        return memcmp(&one->m_ip, &other->m_ip, sizeof one->m_ip) == 0;
    return memcmp(one, other, sizeof *one) == 0;
}
size_t sn_identity_hash(const SteamNetworkingIdentity *identity);
/* A new reference to the identity's object; NULL, and an exception, when memory is short. */
PyObject *sn_identity_object(const SteamNetworkingIdentity *identity);
/* New references to both; false, and an exception, when memory is short. */
bool sn_peer_of(HSteamNetConnection handle, const SteamNetworkingIdentity *identity, sn_peer *peer);

/* The object of a number. Python keeps those of small ones too, but a call away. */
enum { SN_FEWEST = -1, SN_MOST = 256 };
extern PyObject *sn_few[SN_MOST - SN_FEWEST + 1];
bool sn_numbers_init(void);
static inline PyObject *sn_int(long long number)
{
    if (SN_FEWEST <= number && number <= SN_MOST)
        return Py_NewRef(sn_few[number - SN_FEWEST]);
    if (LONG_MIN <= number && number <= LONG_MAX) /* the faster one */
        return PyLong_FromLong((long)number);
    return PyLong_FromLongLong(number);
}

/* The message type. */
bool sn_message_type_init(PyObject *module);
/* Makes objects of Valve's messages, which the objects take over or release, and adds them to the list, which is made
 * where it is NULL. How many: of fewer than all, as memory is short, the rest stay the caller's, and there is an
 * exception. */
int sn_messages_add(PyObject **list, sn_engine *engine, SteamNetworkingMessage_t *const *natives, int count);
enum { SN_COPIED = 1024 }; /* up to so many bytes, a copy costs less than owning Valve's message (benchmarks/) */
static inline bool sn_message_copied(const SteamNetworkingMessage_t *native)
{
    return native->m_cbSize <= SN_COPIED || native->m_pData == NULL;
}

/* A dataclass with slots that C makes objects of, and the values for one, in the class's order. */
enum { SN_FIELDS = 16 };
typedef struct sn_record_type {
    PyTypeObject *type;
    allocfunc alloc;
    int count;
    Py_ssize_t places[SN_FIELDS]; /* of the fields' slots, in pointers from the object's beginning */
} sn_record_type;
typedef struct sn_fields {
    int count;
    bool failed;
    PyObject *values[SN_FIELDS];
} sn_fields;
bool sn_record_type_set(sn_record_type *out, PyObject *class);
/* Takes the value, which is not even made once another could not be: then there is an exception. */
#define SN_ADD(fields, value) sn_fields_add(fields, (fields)->failed ? NULL : (value))
static inline void sn_fields_add(sn_fields *fields, PyObject *value)
{
    fields->failed |= value == NULL;
    fields->values[fields->count++] = value;
}
/* Takes the fields; NULL, and an exception, where one of them could not be made. */
PyObject *sn_record_new(const sn_record_type *type, sn_fields *fields);
/* The object in a field, which stays the record's; NULL, and an exception, where there is none. */
PyObject *sn_record_field(const sn_record_type *type, PyObject *record, int field);

extern sn_record_type sn_event_type; /* ConnectionEvent */
PyObject *sn_event_new(const sn_event *event);

/* Takes up to limit messages; whether there may be more. NULL, and nothing taken, when memory is short. */
sn_received *sn_receive_batch(sn_engine *engine, sn_source source, long long handle, long long limit, bool *more);

/* What belongs to a number, such as an enumeration's member: the number itself where there is none, as an engine
 * may know more than we do. */
PyObject *sn_member(PyObject *members, long long number);

/* The calls behind the managers' methods. At most so many messages where none is said, and reliable where no
 * flags are: then the argument is NULL. */
enum { SN_USUAL_LIMIT = 100 };
PyObject *sn_receive(sn_engine *engine, PyObject *from, PyObject *most, sn_source source);
/* The number, or minus the EResult; false, and an exception, where it is not sent at all. */
bool sn_send(sn_engine *engine, PyObject *connection, PyObject *data, PyObject *flags, PyObject *lane,
             int64_t *number);
bool sn_methods_init(PyObject *module);

extern PyMethodDef sn_receive_methods[], sn_send_methods[], sn_record_methods[],
    sn_event_methods[], sn_column_methods[];

#endif
