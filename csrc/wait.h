/* Waiting until there may be something new. */
#ifndef STEAMNET_WAIT_H
#define STEAMNET_WAIT_H

#include "engine.h"

/* What a backend's `due` answers besides a time in microseconds. */
#define SN_NEVER INT64_MAX

void sn_waiting_init(sn_engine *engine);
void sn_waiting_release(sn_engine *engine);

void sn_wake_sleepers(sn_waiting *waiting);
/* Wakes those who wait: they ask `due` again. From any thread. */
static inline void sn_wake(sn_engine *engine)
{
    if (atomic_load(&engine->waiting.loop.armed) || atomic_load(&engine->waiting.threads.armed))
        sn_wake_sleepers(&engine->waiting);
}
/* Something is new. */
static inline void sn_note_change(sn_engine *engine)
{
    atomic_fetch_add(&engine->waiting.changes, 1);
    sn_wake(engine);
}

/* For a `due` that cannot know whether there is something new: ever longer naps, from short ones while
 * there is traffic. */
int64_t sn_nap(sn_engine *engine);
static inline void sn_note_traffic(sn_engine *engine)
{
    atomic_store_explicit(&engine->waiting.nap, 0, memory_order_relaxed);
}

#endif
