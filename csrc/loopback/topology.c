/* The network by hand, for tests: ways between two users of a clock, users that stop, chance, the record. */
#include "../guard.h"
#include "engine_loop.h"
#include "handshake.h"
#include "network_sim.h"

static bool set_path(lo_user *user, lo_user *to, const sn_path *values)
{
    lo_path *path = lo_path_to(user, to);
    if (path == NULL) {
        path = lo_alloc(sizeof *path);
        if (path == NULL)
            return false;
        path->to = to;
        LO_APPEND(&user->paths, path, listed);
    }
    path->cut = values->cut;
    path->sim = user->sim_send;
    if (values->lag >= 0)
        path->sim.lag = values->lag;
    if (values->loss >= 0)
        path->sim.loss = values->loss;
    if (values->jitter >= 0) {
        path->sim.jitter = values->jitter;
        path->sim.jitter_most = 2 * values->jitter;
        path->sim.jitter_share = 100;
    }
    if (values->rate >= 0)
        path->sim.rate = values->rate;
    path->sim.clear = false;
    return true;
}

/* The engine's user, in a call of it; NULL: the engine is not open, or of another kind. */
static lo_user *begin(sn_engine *engine)
{
    if (engine->backend != &sn_loopback_backend || !sn_enter(engine))
        return NULL;
    lo_api_begin(engine->own);
    return engine->own;
}

static void end(sn_engine *engine)
{
    lo_api_end();
    sn_leave(engine);
}

bool sn_network_path(sn_engine *engine, sn_engine *to, const sn_path *values)
{
    lo_user *user = begin(engine);
    bool done = false;
    if (user == NULL)
        return false;
    if (to->backend == &sn_loopback_backend && sn_enter(to)) {
        lo_user *other = to->own;
        done = other->clock == user->clock && set_path(user, other, values);
        lo_conditions_changed(user);
        sn_leave(to);
    }
    end(engine);
    return done;
}

bool sn_network_freeze(sn_engine *engine, bool frozen)
{
    lo_user *user = begin(engine);
    if (user == NULL)
        return false;
    user->frozen = frozen;
    lo_conditions_changed(user);
    end(engine);
    return true;
}

int sn_network_record(sn_engine *engine, sn_record *out, int room)
{
    uint64_t count;
    if (begin(engine) == NULL)
        return -1;
    if (lo.records == NULL)
        lo.records = lo_alloc(SN_RECORDS * sizeof *lo.records);
    count = lo.recorded < SN_RECORDS ? lo.recorded : SN_RECORDS;
    if (room < (int)count)
        count = room > 0 ? (uint64_t)room : 0;
    for (uint64_t i = 0; i < count; i++)
        out[i] = lo.records[(lo.recorded - count + i) % SN_RECORDS];
    room = lo.records != NULL ? (int)count : -1;
    end(engine);
    return room;
}

int64_t sn_network_unread(sn_engine *engine)
{
    lo_user *user = begin(engine);
    int64_t unread = 0;
    if (user == NULL)
        return 0;
    for (const lo_connection *one = user->connections.first; one != NULL; one = one->listed.after)
        unread += one->queue_count;
    end(engine);
    return unread;
}

void sn_loopback_seed(sn_engine *engine, uint64_t seed)
{
    lo_user *user = begin(engine);
    if (user != NULL) {
        user->seed = seed;
        end(engine);
    }
}
