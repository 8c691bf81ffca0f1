/* The objects that messages and infos share: who sent them, on which connection. */
#include "module.h"

#include <string.h>

/* A server asks for the same users again and again: up to so many of them are remembered. */
enum { SETS = 1024, WAYS = 4 };

typedef struct sn_known {
    HSteamNetConnection handle; /* 0 where there is none: then the identity alone finds it */
    SteamNetworkingIdentity identity;
    sn_peer peer; /* empty: nobody yet */
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

bool sn_same_identity(const SteamNetworkingIdentity *one, const SteamNetworkingIdentity *other)
{
    if (one->m_eType == k_ESteamNetworkingIdentityType_SteamID)
        return other->m_eType == one->m_eType && one->m_steamID64 == other->m_steamID64;
    return memcmp(one, other, sizeof *one) == 0;
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

static bool new_peer(HSteamNetConnection handle, const SteamNetworkingIdentity *identity, sn_peer *peer)
{
    peer->connection = PyLong_FromUnsignedLong(handle);
    peer->identity = peer->connection != NULL ? new_identity(identity) : NULL;
    if (peer->identity == NULL)
        Py_CLEAR(peer->connection);
    return peer->identity != NULL;
}

static bool find(sn_set *set, HSteamNetConnection handle, const SteamNetworkingIdentity *identity, sn_peer *peer)
{
    for (int i = 0; i < WAYS; i++) {
        const sn_known *known = &set->known[i];
        if (known->handle == handle && known->peer.identity != NULL &&
            sn_same_identity(&known->identity, identity)) {
            peer->connection = Py_NewRef(known->peer.connection);
            peer->identity = Py_NewRef(known->peer.identity);
            return true;
        }
    }
    return false;
}

bool sn_peer_of(HSteamNetConnection handle, const SteamNetworkingIdentity *identity, sn_peer *peer)
{
    uint64_t bits = handle != 0 ? handle : identity->m_steamID64 ^ identity->m_steamID64 >> 32;
    sn_set *set = &sets[(bits * 0x9E3779B1u >> 16) % SETS];
    sn_peer old = {NULL, NULL};
    bool found;
#ifdef Py_GIL_DISABLED
    if (atomic_flag_test_and_set(&set->busy))
        return new_peer(handle, identity, peer);
#endif
    found = find(set, handle, identity, peer);
    if (!found && (found = new_peer(handle, identity, peer))) {
        sn_known *room = &set->known[set->next++ % WAYS];
        old = room->peer;
        room->handle = handle;
        room->identity = *identity;
        room->peer.connection = Py_NewRef(peer->connection);
        room->peer.identity = Py_NewRef(peer->identity);
    }
#ifdef Py_GIL_DISABLED
    atomic_flag_clear(&set->busy);
#endif
    Py_XDECREF(old.connection);
    Py_XDECREF(old.identity);
    return found;
}
