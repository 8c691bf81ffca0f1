/* The network by hand, for tests: ways between two users of a clock, users that stop, the record. */
#include "../guard.h"
#include "engine_loop.h"
#include "handshake.h"

static lo_path *path_to(lo_user *user, const lo_user *to)
{
    lo_path *path = user->paths.first;
    while (path != NULL && path->to != to)
        path = path->listed.after;
    return path;
}

static bool set_path(lo_user *user, lo_user *to, const sn_path *values)
{
    lo_path *path = path_to(user, to);
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

/* Both engines for one call; they are of one clock, or false. */
static bool enter_both(sn_engine *engine, sn_engine *to)
{
    if (engine->backend != &sn_loopback_backend || to->backend != &sn_loopback_backend ||
        !sn_enter(engine))
        return false;
    if (sn_enter(to)) {
        if (((lo_user *)engine->own)->clock == ((lo_user *)to->own)->clock)
            return true;
        sn_leave(to);
    }
    sn_leave(engine);
    return false;
}

bool sn_network_path(sn_engine *engine, sn_engine *to, const sn_path *values)
{
    bool done;
    if (!enter_both(engine, to))
        return false;
    lo_api_begin(engine->own);
    done = set_path(engine->own, to->own, values);
    lo_conditions_changed(engine->own);
    lo_api_end();
    sn_leave(to);
    sn_leave(engine);
    return done;
}

bool sn_network_freeze(sn_engine *engine, bool frozen)
{
    if (!enter_both(engine, engine))
        return false;
    lo_api_begin(engine->own);
    ((lo_user *)engine->own)->frozen = frozen;
    lo_conditions_changed(engine->own);
    lo_api_end();
    sn_leave(engine);
    sn_leave(engine);
    return true;
}

int sn_network_record(sn_engine *engine, sn_record *out, int room)
{
    int count = 0;
    if (!enter_both(engine, engine))
        return -1;
    if (room > SN_RECORDS)
        room = SN_RECORDS;
    lo_api_begin(engine->own);
    if (lo.records == NULL)
        lo.records = lo_alloc(SN_RECORDS * sizeof *lo.records);
    if (lo.records == NULL)
        count = -1;
    for (uint64_t i = lo.recorded > (uint64_t)room ? lo.recorded - (uint64_t)room : 0;
         count >= 0 && i < lo.recorded; i++)
        out[count++] = lo.records[i % SN_RECORDS];
    lo_api_end();
    sn_leave(engine);
    sn_leave(engine);
    return count;
}
