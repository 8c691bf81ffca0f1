/* The objects that messages and infos share: who sent them, and on which connection. */
#include "module.h"

/* A server asks for the same users again and again: up to so many of them are remembered. */
enum { SETS = 1024, WAYS = 4 };

typedef struct sn_known {
    SteamNetworkingIdentity identity;
    PyObject *object;                  /* NULL: nobody yet */
    HSteamNetConnection handle;        /* of the latest connection, */
    PyObject *connection;              /* and its object, NULL until there is one */
} sn_known;

typedef struct sn_set {
#ifdef Py_GIL_DISABLED
    atomic_flag busy; /* another thread is at it: it is not worth waiting for */
#endif
    unsigned next; /* which of them makes room */
    sn_known known[WAYS];
} sn_set;
static sn_set sets[SETS];

static PyObject *identity_type; /* steamnet.Identity, a kind of str */

void sn_set_identity_type(PyObject *type)
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
    collecting = sn_collector_pause();
    object = PyObject_CallMethod((PyObject *)&PyUnicode_Type, "__new__", "OO", identity_type, string);
    sn_collector_resume(collecting);
    Py_DECREF(string);
    return object;
}

size_t sn_identity_hash(const SteamNetworkingIdentity *identity)
{
    uint64_t hash = (uint64_t)identity->m_eType;
    int size = identity->m_eType == k_ESteamNetworkingIdentityType_SteamID ? 8 : identity->m_cbSize;
    for (int at = 0; at < size && at + 8 <= (int)sizeof identity->m_szUnknownRawString; at += 8) {
        uint64_t word;
        memcpy(&word, identity->m_szUnknownRawString + at, sizeof word);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    }
    return (size_t)(hash ^ hash >> 32);
}

/* The entry of an identity, made if needed; NULL, and an exception, when memory is short. */
static sn_known *entry_of(sn_set *set, const SteamNetworkingIdentity *identity)
{
    PyObject *object, *old;
    sn_known *room;
    for (int i = 0; i < WAYS; i++)
        if (set->known[i].object != NULL && sn_same_identity(&set->known[i].identity, identity))
            return &set->known[i];
    object = new_identity(identity);
    if (object == NULL)
        return NULL;
    room = &set->known[set->next++ % WAYS];
    old = room->object;
    room->identity = *identity;
    room->object = object;
    Py_XDECREF(old);
    return room;
}

static sn_set *set_of(const SteamNetworkingIdentity *identity) { return &sets[sn_identity_hash(identity) % SETS]; }

#ifdef Py_GIL_DISABLED
static bool enter(sn_set *set) { return !atomic_flag_test_and_set(&set->busy); }
static void leave(sn_set *set) { atomic_flag_clear(&set->busy); }
#else
static bool enter(sn_set *set) { return (void)set, true; }
static void leave(sn_set *set) { (void)set; }
#endif

PyObject *sn_identity_object(const SteamNetworkingIdentity *identity)
{
    sn_set *set = set_of(identity);
    const sn_known *known;
    PyObject *object;
    if (!enter(set))
        return new_identity(identity);
    known = entry_of(set, identity);
    object = known != NULL ? Py_NewRef(known->object) : NULL;
    leave(set);
    return object;
}

static bool new_peer(HSteamNetConnection handle, const SteamNetworkingIdentity *identity, sn_peer *peer)
{
    peer->identity = new_identity(identity);
    peer->connection = peer->identity != NULL ? sn_int(handle) : NULL;
    if (peer->connection == NULL)
        Py_CLEAR(peer->identity);
    return peer->connection != NULL;
}

bool sn_peer_of(HSteamNetConnection handle, const SteamNetworkingIdentity *identity, sn_peer *peer)
{
    sn_set *set = set_of(identity);
    PyObject *connection, *old = NULL;
    sn_known *known;
    if (!enter(set))
        return new_peer(handle, identity, peer);
    known = entry_of(set, identity);
    if (known != NULL && (known->connection == NULL || known->handle != handle)) {
        connection = sn_int(handle);
        if (connection != NULL) {
            old = known->connection;
            known->handle = handle;
            known->connection = connection;
        } else {
            known = NULL;
        }
    }
    if (known != NULL) {
        peer->connection = Py_NewRef(known->connection);
        peer->identity = Py_NewRef(known->object);
    }
    leave(set);
    Py_XDECREF(old);
    return known != NULL;
}
