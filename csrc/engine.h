/* An engine as a value: its table of flat functions, its backend, its state and its queues. */
#ifndef STEAMNET_ENGINE_H
#define STEAMNET_ENGINE_H

#include <stdatomic.h>

#include "queue.h"
#include "steamnet.h"
#include "unacked.h"
#include "undelivered.h"

typedef struct sn_flat {
#define FLAT(need, gil, ret, interface, name, parameters, default_result) ret(*interface##_##name) parameters;
#include "flat.def"
#undef FLAT
} sn_flat;

/* What each kind of engine does its own way. */
typedef struct sn_backend {
    const char *name;
    bool (*load)(sn_engine *engine, const char *path, char *error);
    ESteamAPIInitResult (*start)(sn_engine *engine, const sn_options *options, char *error);
    /* Lets the engine work and call our callbacks, for limit events at most where it can. */
    void (*pump)(sn_engine *engine, int limit);
    void (*stop)(sn_engine *engine);
    uint64_t (*steam_id)(sn_engine *engine);
    uint32_t (*app_id)(sn_engine *engine);
    int (*news)(sn_engine *engine); /* NULL: it cannot tell */
    /* In how many microseconds there is something to do, if nobody calls sn_wake before: 0: now, there
     * is something new; below 0: after so many there may be; SN_NEVER. */
    int64_t (*due)(sn_engine *engine);
    sn_poller (*poller)(sn_engine *engine); /* NULL, or is ready while one of its sockets is */
    /* NULL: reliable messages are counted as we send them. Else what sn_closing_connections answers:
     * every connection with unacknowledged reliable messages, open or closed, and every closed one
     * whose close has not left this process. */
    int (*closing)(sn_engine *engine, sn_closing *out, int room);
    /* NULL, or moves out what connections closed with linger could not deliver: their peers have
     * ended or are gone. How many there were. */
    int (*abandoned)(sn_engine *engine, sn_closing *out, int room);
    /* False where messages still held must not go back through the engine once it has stopped. */
    bool release_after_stop;
} sn_backend;

extern const sn_backend sn_steam_backend, sn_steam_server_backend, sn_gns_backend, sn_loopback_backend;

/* Disconnected: a Steam that something else initialised has been shut down; reported: Python was told. */
enum { SN_LOADED, SN_OPEN, SN_DISCONNECTED, SN_DISCONNECT_REPORTED, SN_STOPPING, SN_STOPPED };

/* Connections that are closed for Python; see sn_hide_connection. */
typedef struct sn_hidden {
    sn_mutex mutex;
    atomic_int count;
    int room;
    HSteamNetConnection *handles;
} sn_hidden;

/* Those who sleep until there is something new: the event loop, or all threads that wait. */
typedef struct sn_sleepers {
    atomic_bool opened;
    atomic_bool armed; /* they are to be woken when there is something new */
    sn_waker waker;
    sn_poller poller; /* ready when there may be something new */
    int64_t longest;  /* µs to wait at once, where nothing can wake them */
    int count;        /* of threads: since the waker was armed, until they have woken */
} sn_sleepers;

/* See wait.c. */
typedef struct sn_waiting {
    sn_mutex mutex; /* of the threads' waker, and while one of the two is opened */
    sn_sleepers loop, threads;
    intptr_t alarm; /* makes the loop's poller ready when something is due */
    bool alarm_is_set;
    bool watches_signals, asks_for_signals; /* of the game's signaling: it can wake us, or not */
    atomic_int nap;        /* µs */
    atomic_bool has_pipes; /* two ends in this process may be connected without a socket */
    atomic_uint changes, seen; /* how often there was something new, and (gns) before the latest pump */
    atomic_bool used;    /* somebody has slept, and not only asked */
    atomic_bool outside; /* something is new that the engine does not know of */
} sn_waiting;

struct sn_engine {
    sn_flat flat;
    ISteamNetworkingSockets *sockets;
    ISteamNetworkingUtils *utils;
    ISteamNetworkingMessages *messages;
    /* Steam's: NULL elsewhere, and where the library or the Steam client has none. */
    ISteamMatchmaking *matchmaking;
    ISteamFriends *friends;
    ISteamUtils *steam_utils;
    ISteamApps *apps;
    const sn_backend *backend;
    uint64_t number; /* of all engines that this process had */
    void *library;
    void *own; /* the backend's */
    /* NULL, or asked before every call: whether the Steam that something else initialised still runs. */
    bool (*alive)(sn_engine *engine);
    char accessor[96];
    char version[64];
    atomic_int state;
    atomic_bool steam_gone; /* it was disconnected, also once it has been stopped */
    atomic_bool draining;  /* Python is shutting it down: nothing more is sent */
    atomic_int calls;      /* under way */
    atomic_int references; /* Python's, and one for each message it still holds */
    sn_queue events, debug, signals, callbacks;
    sn_unacked_table unacked;
    sn_undelivered undelivered;
    sn_hidden hidden;
    sn_waiting waiting;
};

#endif
