/* The loopback engine as a backend: its table, start and stop. */
#include "../engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "closing.h"
#include "connection.h"
#include "engine_loop.h"
#include "listener.h"
#include "network_sim.h"
#include "random.h"
#include "readiness.h"
#include "receive_queue.h"
#include "session.h"
#include "transport.h"

#define FLAT(need, gil, ret, interface, name, parameters, default_result)                          \
    .interface##_##name = FLAT_##need(name),
#define FLAT_REQUIRED(name) lo_##name
#define FLAT_OPTIONAL_IN_LOOPBACK(name) lo_##name
#define FLAT_OPTIONAL(name) NULL

static const sn_flat flat = {
#include "../flat.def"
};

static bool load(sn_engine *engine, const char *path, char *error)
{
    (void)path;
    (void)error;
    engine->flat = flat;
    snprintf(engine->accessor, sizeof engine->accessor, "loopback");
    snprintf(engine->version, sizeof engine->version, "loopback");
    return true;
}

static const char *setting(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? text : "";
}

static uint64_t new_seed(void)
{
    const char *text = setting("STEAMNET_LOOPBACK_SEED");
    return *text != '\0' ? strtoull(text, NULL, 0) : lo_random(&lo.random);
}

static ESteamAPIInitResult start(sn_engine *engine, const sn_options *options, char *error)
{
    const SteamNetworkingIdentity *identity = &lo_localhost;
    lo_user *user = lo_alloc(sizeof *user);
    if (options != NULL && options->identity != NULL)
        identity = options->identity;
    if (user == NULL || !lo_clean_identity(&user->identity, identity)) {
        snprintf(error, SN_ERROR_SIZE, user == NULL ? "out of memory" : "not a valid identity");
        lo_free(user);
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    user->local.parent = &user->global;
    user->engine = engine;
    user->clock = options != NULL && options->clock != NULL ? options->clock : &lo_real_clock;
    lo_api_begin(user);
    if (!lo.is_virtual)
        lo.random ^= (uint64_t)lo.clock ^ (uint64_t)sn_process_id() << 40 ^ (uintptr_t)user;
    /* A directory that is named must work; without one, a process may be alone. */
    if (!lo.is_virtual && *setting("STEAMNET_LOOPBACK_DIR") != '\0' && !lo_rendezvous_open()) {
        snprintf(error, SN_ERROR_SIZE, "STEAMNET_LOOPBACK_DIR: %s", lo_rendezvous_error());
        lo_api_end();
        lo_free(user);
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    user->seed = new_seed();
    lo_sim_read(user);
    user->session_listener = lo_listen(user, LO_KIND_SESSION, 0, 0, NULL);
    LO_APPEND(&lo.users, user, listed);
    lo.references++;
    lo_api_end();
    engine->own = user;
    engine->sockets = (ISteamNetworkingSockets *)user;
    engine->utils = (ISteamNetworkingUtils *)user;
    engine->messages = (ISteamNetworkingMessages *)user;
    return k_ESteamAPIInitResult_OK;
}

/* After the last user, no connection is left to receive what is in flight. */
static void free_state(void)
{
    lo_timer *timer;
    while ((timer = lo_timer_take(INT64_MAX)) != NULL)
        lo_release_later((lo_packet *)(void *)timer); /* timers end with their connections */
    lo_free(lo.records);
    lo.records = NULL;
    lo.recorded = 0;
    if (!lo.is_virtual)
        lo_transport_close();
}

/* The ways from a user, and those of all others to it. */
static void free_paths(lo_user *user)
{
    for (lo_user *from = lo.users.first; from != NULL; from = from->listed.after)
        for (lo_path *path = from->paths.first, *next; path != NULL; path = next) {
            next = path->listed.after;
            if (from == user || path->to == user) {
                LO_REMOVE(&from->paths, path, listed);
                lo_free(path);
            }
        }
}

#define FREE_ALL(type, list, member)                                                               \
    for (type *item = (list).first, *next; item != NULL; item = next) {                            \
        next = item->member.after;                                                                 \
        lo_free(item);                                                                             \
    }

static void stop(sn_engine *engine)
{
    lo_user *user = engine->own;
    lo_api_begin(user);
    while (user->connections.first != NULL)
        lo_abort(user->connections.first);
    while (user->listeners.first != NULL)
        lo_listener_destroy(user->listeners.first);
    while (user->sessions.first != NULL)
        lo_session_free(user, user->sessions.first);
    while (user->groups.first != NULL)
        lo_group_destroy(user->groups.first);
    FREE_ALL(lo_event, user->events, queued)
    FREE_ALL(lo_abandoned, user->abandoned, listed)
    lo_config_free(&user->local);
    lo_config_free(&user->global);
    free_paths(user);
    LO_REMOVE(&lo.users, user, listed);
    if (lo.users.first == NULL)
        free_state();
    lo_clock_release(user->clock);
    lo_api_end();
    lo_free(user);
    engine->own = NULL;
}

static void pump(sn_engine *engine, int limit) { lo_run_callbacks(engine->own, limit); }

static uint64_t steam_id(sn_engine *engine)
{
    const lo_user *user = engine->own;
    bool steam = user->identity.m_eType == k_ESteamNetworkingIdentityType_SteamID;
    return steam ? user->identity.m_steamID64 : 0;
}

static int news(sn_engine *engine)
{
    const lo_user *user = engine->own;
    bool found;
    lo_api_begin(user);
    found = user->news;
    lo_api_end();
    return found;
}

static sn_poller poller(sn_engine *engine)
{
    sn_poller sockets;
    lo_api_begin(engine->own);
    sockets = lo.is_virtual ? SN_NO_POLLER : lo_poller();
    lo_api_end();
    return sockets;
}

static int64_t due(sn_engine *engine)
{
    enum { ASK = 1000 /* µs until each link is asked again where no poller tells */ };
    const lo_user *user = engine->own;
    int64_t left = SN_NEVER, next;
    lo_api_begin_now(user);
    lo_publish_again();
    next = lo_timer_due();
    if (next > lo.wakes_at)
        lo.wakes_at = next; /* of an earlier one lo_api_end tells the others */
    if (user->news)
        left = 0;
    else if (next != INT64_MAX)
        left = next > lo.clock ? next - lo.clock : 1;
    if (left > ASK && !lo.is_virtual && lo_poller() == SN_NO_POLLER)
        left = ASK;
    lo_api_end();
    return left;
}

static int closing(sn_engine *engine, sn_closing *out, int room)
{
    const lo_user *user = engine->own;
    int count = 0;
    lo_api_begin(user);
    for (const lo_connection *connection = user->connections.first; connection != NULL;
         connection = connection->listed.after) {
        sn_closing left = lo_undelivered(connection);
        if ((left.messages > 0 || (lo_is_lingering(connection) && !lo_is_delivered(connection))) &&
            count++ < room)
            out[count - 1] = left;
    }
    lo_api_end();
    return count;
}

static int abandoned(sn_engine *engine, sn_closing *out, int room)
{
    lo_user *user = engine->own;
    lo_abandoned *record;
    int count = 0;
    lo_api_begin(user);
    while (count < room && (record = user->abandoned.first) != NULL) {
        out[count++] = record->what;
        LO_REMOVE(&user->abandoned, record, listed);
        lo_free(record);
    }
    lo_api_end();
    return count;
}

const sn_backend sn_loopback_backend = {
    .name = "loopback",
    .load = load,
    .start = start,
    .pump = pump,
    .stop = stop,
    .steam_id = steam_id,
    .news = news,
    .due = due,
    .poller = poller,
    .closing = closing,
    .abandoned = abandoned,
    .release_after_stop = true,
};
