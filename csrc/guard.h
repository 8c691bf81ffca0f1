/* The guard around every call into an engine: none starts once it is shut down or disconnected. */
#ifndef STEAMNET_GUARD_H
#define STEAMNET_GUARD_H

#include "engine.h"

/* Asks an engine that has `alive`, and notes that it is disconnected if the answer is no. */
bool sn_check_alive(sn_engine *engine);

/* Every call into an engine stands between these two; false: it is shut down or disconnected. */
static inline bool sn_enter(sn_engine *engine)
{
    atomic_fetch_add(&engine->calls, 1);
    if (atomic_load(&engine->state) == SN_OPEN && (engine->alive == NULL || sn_check_alive(engine)))
        return true;
    atomic_fetch_sub(&engine->calls, 1);
    return false;
}

static inline void sn_leave(sn_engine *engine) { atomic_fetch_sub(&engine->calls, 1); }

/* What a caller's handle means to the engine: 0, which is dead, for a hidden connection. */
HSteamNetConnection sn_if_not_hidden(sn_engine *engine, HSteamNetConnection connection);
static inline HSteamNetConnection sn_visible(sn_engine *engine, HSteamNetConnection connection)
{
    return atomic_load_explicit(&engine->hidden.count, memory_order_relaxed) == 0
               ? connection
               : sn_if_not_hidden(engine, connection);
}

/* Copies a text of the engine's, which it may change or free as soon as the call is over: its whole
 * length; "" for NULL. What does not fit is cut off. */
int sn_copy_text(const char *from, char *to, int size);

/* Slow calls let Python's other threads run. The module sets these; plain C programs need not. */
extern void *(*sn_gil_release)(void);
extern void (*sn_gil_acquire)(void *state);

#endif
