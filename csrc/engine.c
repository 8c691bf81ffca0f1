/* The life of an engine: load, start, pump, stop; what differs by kind is its backend's. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "guard.h"
#include "wait.h"

static void queues_init(sn_engine *engine)
{
    sn_queue_init(&engine->events, SIZE_MAX); /* few, and each may matter */
    sn_queue_init(&engine->debug, 4096);
    sn_queue_init(&engine->signals, 4096);
    sn_queue_init(&engine->callbacks, 16384);
}

sn_engine *sn_load(int kind, const char *path, char *error)
{
    static const sn_backend *const backends[] = {
        [SN_STEAM] = &sn_steam_backend,
        [SN_GNS] = &sn_gns_backend,
        [SN_LOOPBACK] = &sn_loopback_backend,
        [SN_STEAM_SERVER] = &sn_steam_server_backend,
    };
    static atomic_uint_fast64_t engines;
    sn_engine *engine = calloc(1, sizeof *engine);
    error[0] = '\0';
    if (engine == NULL) {
        snprintf(error, SN_ERROR_SIZE, "out of memory");
        return NULL;
    }
    engine->backend = backends[kind];
    engine->number = atomic_fetch_add(&engines, 1) + 1;
    atomic_init(&engine->state, SN_LOADED);
    atomic_init(&engine->calls, 0);
    atomic_init(&engine->references, 1);
    queues_init(engine);
    sn_undelivered_init(engine);
    atomic_flag_clear(&engine->unacked.busy);
    engine->hidden = (sn_hidden){.mutex = SN_MUTEX_INIT};
    sn_waiting_init(engine);
    if (!engine->backend->load(engine, path, error)) {
        sn_release(engine);
        return NULL;
    }
    return engine;
}

ESteamAPIInitResult sn_start(sn_engine *engine, const sn_options *options, char *error)
{
    void *python = sn_gil_release();
    ESteamAPIInitResult result;
    error[0] = '\0';
    result = engine->backend->start(engine, options, error);
    if (result == k_ESteamAPIInitResult_OK) {
        atomic_store(&engine->state, SN_OPEN);
        sn_events_attach(engine);
    }
    sn_gil_acquire(python);
    return result;
}

bool sn_pump(sn_engine *engine) { return sn_pump_events(engine, INT_MAX); }

bool sn_pump_events(sn_engine *engine, int limit)
{
    bool open = sn_enter(engine);
    if (open) {
        void *python = sn_gil_release();
        size_t queued = sn_queue_count(&engine->events);
        atomic_store(&engine->waiting.outside, false);
        sn_see_changes(engine);
        sn_events_pumping(engine);
        engine->backend->pump(engine, queued < (size_t)limit ? limit - (int)queued : 0);
        sn_events_pumping(NULL);
        sn_leave(engine);
        sn_gil_acquire(python);
    }
    return open;
}

static bool is_empty(sn_queue *queue)
{
    bool empty;
    sn_lock(&queue->mutex);
    empty = queue->count == 0 && queue->lost == 0;
    sn_unlock(&queue->mutex);
    return empty;
}

bool sn_pump_quietly(sn_engine *engine, int limit)
{
    const sn_waiting *waiting = &engine->waiting;
    bool outside = atomic_load(&waiting->outside);
    return sn_pump_events(engine, limit) && !outside && is_empty(&engine->events) && is_empty(&engine->debug) &&
           is_empty(&engine->signals) && !waiting->asks_for_signals &&
           !(waiting->watches_signals && sn_signals_pending(engine));
}

void sn_stop(sn_engine *engine)
{
    int state = atomic_load(&engine->state);
    void *python;
    if (state == SN_LOADED || state == SN_STOPPED)
        return;
    python = sn_gil_release();
    while (state < SN_STOPPING && !atomic_compare_exchange_weak(&engine->state, &state, SN_STOPPING))
        ;
    if (state < SN_STOPPING) {
        bool disconnected;
        sn_wake(engine); /* nobody waits any more */
        while (atomic_load(&engine->calls) > 0)
            sn_sleep(100);
        disconnected = engine->alive != NULL && !sn_check_alive(engine);
        sn_undelivered_clear(engine, disconnected);
        sn_events_detach(engine, disconnected);
        engine->backend->stop(engine);
        atomic_store(&engine->state, SN_STOPPED);
    }
    while (atomic_load(&engine->state) == SN_STOPPING) /* another thread is at it */
        sn_sleep(100);
    sn_gil_acquire(python);
}

void sn_detach_after_fork(sn_engine *engine)
{
    atomic_store(&engine->state, SN_STOPPED);
    atomic_store(&engine->calls, 0);
    queues_init(engine); /* a thread that only the parent has may be in the middle of one */
    sn_undelivered_init(engine);
    sn_waiting_release(engine);
    if (engine->library != NULL)
        sn_leave_exit_handlers_out();
}

void sn_release(sn_engine *engine)
{
    if (atomic_fetch_sub(&engine->references, 1) == 1) {
        sn_queue_clear(&engine->events);
        sn_queue_clear(&engine->debug);
        sn_queue_clear(&engine->signals);
        sn_queue_clear(&engine->callbacks);
        sn_unacked_release(engine);
        free(engine->hidden.handles);
        sn_waiting_release(engine);
        free(engine);
    }
}

const char *sn_accessor(const sn_engine *engine) { return engine->accessor; }
const char *sn_version(const sn_engine *engine) { return engine->version; }
intptr_t sn_sockets_object(const sn_engine *engine) { return (intptr_t)engine->sockets; }

uint64_t sn_steam_id(sn_engine *engine)
{
    uint64_t id = 0;
    if (sn_enter(engine)) {
        id = engine->backend->steam_id(engine);
        sn_leave(engine);
    }
    return id;
}

uint32_t sn_app_id(sn_engine *engine)
{
    uint32_t id = 0;
    if (sn_enter(engine)) {
        id = engine->backend->app_id != NULL ? engine->backend->app_id(engine) : 0;
        sn_leave(engine);
    }
    return id;
}

int sn_news(sn_engine *engine)
{
    int found = -1;
    if (sn_enter(engine)) {
        if (atomic_load(&engine->waiting.outside))
            found = 1;
        else if (engine->backend->news != NULL)
            found = engine->backend->news(engine);
        sn_leave(engine);
    }
    return found;
}

int sn_closing_connections(sn_engine *engine, sn_closing *out, int room)
{
    int found = 0;
    if (sn_enter(engine)) {
        found = (engine->backend->closing != NULL ? engine->backend->closing : sn_unacked_list)(engine, out,
                                                                                                 room);
        sn_leave(engine);
    }
    return found;
}

int sn_abandoned_connections(sn_engine *engine, sn_closing *out, int room)
{
    int found = 0;
    if (sn_enter(engine)) {
        if (engine->backend->abandoned != NULL)
            found = engine->backend->abandoned(engine, out, room);
        sn_leave(engine);
    }
    return found;
}

void sn_refuse_sends(sn_engine *engine) { atomic_store(&engine->draining, true); }
