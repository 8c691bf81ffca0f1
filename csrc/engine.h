/* An engine: a table of flat functions, where it came from, and the fence around its life. */
#ifndef STEAMNET_ENGINE_H
#define STEAMNET_ENGINE_H

#include <stdatomic.h>

#include "queue.h"
#include "steamnet.h"

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
    void (*pump)(sn_engine *engine);
    void (*stop)(sn_engine *engine);
    uint64_t (*steam_id)(sn_engine *engine);
    uint32_t (*app_id)(sn_engine *engine);
    /* False where messages still held must not go back through the engine once it has stopped. */
    bool release_after_stop;
} sn_backend;

extern const sn_backend sn_steam_backend, sn_steam_server_backend, sn_gns_backend, sn_loopback_backend;

/* Disconnected: a Steam that something else initialised has been shut down; reported: Python was told. */
enum { SN_LOADED, SN_OPEN, SN_DISCONNECTED, SN_DISCONNECT_REPORTED, SN_STOPPING, SN_STOPPED };

struct sn_engine {
    sn_flat flat;
    ISteamNetworkingSockets *sockets;
    ISteamNetworkingUtils *utils;
    ISteamNetworkingMessages *messages;
    const sn_backend *backend;
    void *library;
    void *own; /* the backend's */
    /* NULL, or asked before every call: whether somebody else's Steam is still there. */
    bool (*alive)(sn_engine *engine);
    char accessor[96];
    char version[64];
    atomic_int state;
    atomic_int calls;      /* under way */
    atomic_int references; /* Python's, and one for each message it still holds */
    sn_queue events, debug, signals;
};

/* Asks an engine that has `alive`, and keeps calls away from one that has been lost. */
bool sn_check_alive(sn_engine *engine);

/* Every call into an engine stands between these two; false: it is shut down or lost. */
static inline bool sn_enter(sn_engine *engine)
{
    atomic_fetch_add(&engine->calls, 1);
    if (atomic_load(&engine->state) == SN_OPEN && (engine->alive == NULL || sn_check_alive(engine)))
        return true;
    atomic_fetch_sub(&engine->calls, 1);
    return false;
}

static inline void sn_leave(sn_engine *engine) { atomic_fetch_sub(&engine->calls, 1); }

/* Slow calls let Python's other threads run. The module sets these; plain C programs need not. */
extern void *(*sn_gil_release)(void);
extern void (*sn_gil_acquire)(void *state);

/* Fills the table from the library; false with the missing symbols named in error. */
bool sn_fill_flat(sn_engine *engine, char *error);
/* Opens the library into the engine and fills the table: the common part of two backends' load. */
bool sn_load_library(sn_engine *engine, const char *path, char *error);

/* events.c: hears the engine's callbacks, all in C, and queues them for Python. */
void sn_events_attach(sn_engine *engine);
/* From a lost engine nothing can be taken back: its callbacks fall on deaf ears. */
void sn_events_detach(sn_engine *engine, bool lost);
void sn_events_push(sn_engine *engine, const sn_event *event);
/* Which engine the callbacks of this thread belong to while it pumps; NULL afterwards. */
void sn_events_pumping(sn_engine *engine);

#endif
