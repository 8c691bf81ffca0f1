/* A user: one started engine, its identity, and the callbacks it is told by. */
#include "loopback.h"
#include "../guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- identities ----------------------------------------------------------------------------- */

bool lo_same_identity(const SteamNetworkingIdentity *a, const SteamNetworkingIdentity *b)
{
    return a->m_eType == b->m_eType && a->m_cbSize == b->m_cbSize &&
           memcmp(a->m_genericBytes, b->m_genericBytes, (size_t)a->m_cbSize) == 0;
}

bool lo_clean_identity(SteamNetworkingIdentity *out, const SteamNetworkingIdentity *in)
{
    static const struct kind {
        ESteamNetworkingIdentityType type;
        int least, most;
        bool text; /* ends within its size, which ends with it */
    } kinds[] = {
        {k_ESteamNetworkingIdentityType_SteamID, sizeof in->m_steamID64, sizeof in->m_steamID64,
         false},
        {k_ESteamNetworkingIdentityType_SonyPSN, sizeof in->m_steamID64, sizeof in->m_steamID64,
         false},
        {k_ESteamNetworkingIdentityType_IPAddress, sizeof in->m_ip, sizeof in->m_ip, false},
        {k_ESteamNetworkingIdentityType_GenericBytes, 0, sizeof in->m_genericBytes, false},
        {k_ESteamNetworkingIdentityType_GenericString, 1, sizeof in->m_szGenericString, true},
        {k_ESteamNetworkingIdentityType_XboxPairwiseID, 1, sizeof in->m_szXboxPairwiseID, true},
        {k_ESteamNetworkingIdentityType_UnknownType, 1, sizeof in->m_szUnknownRawString, true},
    };
    const struct kind *kind = kinds, *end = kinds + sizeof kinds / sizeof *kinds;
    while (in != NULL && kind < end && kind->type != in->m_eType)
        kind++;
    if (in == NULL || kind == end || in->m_cbSize < kind->least || in->m_cbSize > kind->most)
        return false;
    memset(out, 0, sizeof *out);
    out->m_eType = in->m_eType;
    out->m_cbSize = in->m_cbSize;
    memcpy(out->m_genericBytes, in->m_genericBytes, (size_t)in->m_cbSize);
    return !kind->text || memchr(out->m_szUnknownRawString, 0, (size_t)in->m_cbSize) ==
                              out->m_szUnknownRawString + in->m_cbSize - 1;
}

/* --- the backend ---------------------------------------------------------------------------- */

static bool load(sn_engine *engine, const char *path, char *error)
{
    (void)path;
    (void)error;
    engine->flat = lo_flat;
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
    SteamNetworkingIdentity localhost = {
        .m_eType = k_ESteamNetworkingIdentityType_IPAddress,
        .m_cbSize = sizeof(SteamNetworkingIPAddr),
        .m_ip = {.m_ipv6 = {[15] = 1}},
    };
    const SteamNetworkingIdentity *identity = &localhost;
    lo_user *user = lo_alloc(sizeof *user);
    if (options != NULL && options->identity != NULL)
        identity = options->identity;
    if (user == NULL || !lo_clean_identity(&user->identity, identity)) {
        snprintf(error, SN_ERROR_SIZE, user == NULL ? "out of memory" : "not a valid identity");
        lo_free(user);
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    user->engine = engine;
    user->local.parent = &user->global;
    lo_enter();
    lo.random ^= (uint64_t)lo.clock ^ (uint64_t)sn_process_id() << 40 ^ (uintptr_t)user;
    /* Who names a directory wants to be found in it; without one, a process may do alone. */
    if (*setting("STEAMNET_LOOPBACK_DIR") != '\0' && !lo_rendezvous_open()) {
        snprintf(error, SN_ERROR_SIZE, "STEAMNET_LOOPBACK_DIR: %s", lo_rendezvous_error());
        lo_leave();
        lo_free(user);
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    user->seed = new_seed();
    lo_sky_changed(user);
    user->door = lo_listen(user, LO_SESSION, 0, 0, NULL);
    LO_APPEND(&lo.users, user, listed);
    lo_leave();
    engine->own = user;
    engine->sockets = (ISteamNetworkingSockets *)user;
    engine->utils = (ISteamNetworkingUtils *)user;
    engine->messages = (ISteamNetworkingMessages *)user;
    return k_ESteamAPIInitResult_OK;
}

/* After the last user nobody is left to receive what is still in the air. */
static void end_of_world(void)
{
    lo_node *node;
    while ((node = lo_air_first(&lo.air)) != NULL) {
        lo_air_remove(&lo.air, node);
        lo_bury((lo_packet *)(void *)node); /* no connection is left, so no timer either */
    }
    lo_links_close();
    lo_map_free(&lo.objects);
    lo_map_free(&lo.listeners);
}

static void stop(sn_engine *engine)
{
    lo_user *user = engine->own;
    lo_abandoned *abandoned;
    lo_event *event;
    lo_line *line;
    lo_enter();
    while (user->connections.first != NULL)
        lo_vanish(user->connections.first);
    while (user->listeners.first != NULL)
        lo_listener_destroy(user->listeners.first);
    lo_sessions_free(user);
    while (user->groups.first != NULL)
        lo_group_destroy(user->groups.first);
    while ((event = user->events.first) != NULL) {
        LO_REMOVE(&user->events, event, queued);
        lo_free(event);
    }
    while ((line = user->lines.first) != NULL) {
        LO_REMOVE(&user->lines, line, queued);
        lo_free(line);
    }
    while ((abandoned = user->abandoned.first) != NULL) {
        LO_REMOVE(&user->abandoned, abandoned, listed);
        lo_free(abandoned);
    }
    lo_config_free(&user->local);
    lo_config_free(&user->global);
    LO_REMOVE(&lo.users, user, listed);
    if (lo.users.first == NULL)
        end_of_world();
    lo_leave();
    lo_free(user);
    engine->own = NULL;
}

static void pump(sn_engine *engine) { lo_RunCallbacks(engine->sockets); }

static uint64_t steam_id(sn_engine *engine)
{
    const lo_user *user = engine->own;
    bool steam = user->identity.m_eType == k_ESteamNetworkingIdentityType_SteamID;
    return steam ? user->identity.m_steamID64 : 0;
}

static int closing(sn_engine *engine, sn_closing *out, int room)
{
    const lo_user *user = engine->own;
    int count = 0;
    lo_enter();
    for (const lo_connection *connection = user->connections.first; connection != NULL;
         connection = connection->listed.after) {
        lo_total left = lo_unacknowledged(connection);
        if ((left.messages > 0 || (connection->lingering && !lo_is_delivered(connection))) &&
            count++ < room)
            out[count - 1] = lo_undelivered(connection);
    }
    lo_leave();
    return count;
}

static int abandoned(sn_engine *engine, sn_closing *out, int room)
{
    lo_user *user = engine->own;
    lo_abandoned *record;
    int count = 0;
    lo_enter();
    while (count < room && (record = user->abandoned.first) != NULL) {
        out[count++] = record->what;
        LO_REMOVE(&user->abandoned, record, listed);
        lo_free(record);
    }
    lo_leave();
    return count;
}

const sn_backend sn_loopback_backend = {
    .name = "loopback",
    .load = load,
    .start = start,
    .pump = pump,
    .stop = stop,
    .steam_id = steam_id,
    .closing = closing,
    .abandoned = abandoned,
    .release_after_stop = true,
};

void sn_loopback_seed(sn_engine *engine, uint64_t seed)
{
    if (sn_enter(engine)) {
        lo_enter();
        if (engine->backend == &sn_loopback_backend)
            ((lo_user *)engine->own)->seed = seed;
        lo_leave();
        sn_leave(engine);
    }
}

/* --- callbacks ------------------------------------------------------------------------------ */

static void call(const lo_event *event)
{
    union {
        void *pointer;
        FnSteamNetConnectionStatusChanged changed;
        FnSteamNetworkingMessagesSessionRequest requested;
        FnSteamNetworkingMessagesSessionFailed failed;
    } function = {event->function};
    if (function.pointer == NULL)
        return;
    if (event->callback == LO_Callback_ConnectionStatusChanged)
        function.changed(&(SteamNetConnectionStatusChangedCallback_t){
            .m_hConn = event->connection, .m_info = event->info, .m_eOldState = event->old_state});
    else if (event->callback == LO_Callback_MessagesSessionRequest)
        function.requested(
            &(SteamNetworkingMessagesSessionRequest_t){event->info.m_identityRemote});
    else
        function.failed(&(SteamNetworkingMessagesSessionFailed_t){event->info});
}

/* Callbacks run without the lock, so they may call anything. What is queued meanwhile, by other
 * threads too, waits for the next call. */
void lo_RunCallbacks(ISteamNetworkingSockets *self)
{
    lo_user *user = (lo_user *)self;
    FSteamNetworkingSocketsDebugOutput output;
    lo_event *event;
    lo_line *line;
    lo_enter();
    if (lo_config(&user->global, LO_Callback_MessagesSessionRequest)->pointer != NULL)
        lo_session_door(user);
    line = user->lines.first;
    user->lines.first = user->lines.last = NULL;
    user->line_count = 0;
    event = user->events.first;
    user->events.first = user->events.last = NULL;
    for (lo_event *one = event; one != NULL; one = one->queued.after)
        if (one->function == NULL)
            one->function = lo_config(&user->local, one->callback)->pointer;
    output = user->debug_output;
    lo_leave();
    while (line != NULL) {
        lo_line *next = line->queued.after;
        if (output != NULL)
            output(line->level, line->text);
        lo_free(line);
        line = next;
    }
    while (event != NULL) {
        lo_event *next = event->queued.after;
        call(event);
        lo_free(event);
        event = next;
    }
}

void lo_SetDebugOutputFunction(ISteamNetworkingUtils *self,
                               ESteamNetworkingSocketsDebugOutputType eDetailLevel,
                               FSteamNetworkingSocketsDebugOutput pfnFunc)
{
    lo_user *user = (lo_user *)self;
    lo_enter();
    user->debug_output =
        eDetailLevel > k_ESteamNetworkingSocketsDebugOutputType_None ? pfnFunc : NULL;
    user->debug_level = eDetailLevel;
    lo_leave();
}

/* --- small talk ----------------------------------------------------------------------------- */

bool lo_GetIdentity(ISteamNetworkingSockets *self, SteamNetworkingIdentity *pIdentity)
{
    if (pIdentity != NULL) {
        lo_enter();
        *pIdentity = ((lo_user *)self)->identity;
        lo_leave();
    }
    return true;
}

static void rename_user(lo_user *user, const SteamNetworkingIdentity *identity)
{
    if (user->door != NULL)
        lo_listener_destroy(user->door);
    user->identity = *identity;
    user->door = lo_listen(user, LO_SESSION, 0, 0, NULL);
}

/* Only for one who has nothing open under the old name. */
void lo_ResetIdentity(ISteamNetworkingSockets *self, const SteamNetworkingIdentity *pIdentity)
{
    lo_user *user = (lo_user *)self;
    SteamNetworkingIdentity identity;
    lo_enter();
    if (user->connections.first != NULL || user->listeners.first != user->door ||
        user->listeners.last != user->door)
        lo_say(user, LO_ERROR, "ResetIdentity refused: connections or listen sockets are open");
    else if (!lo_clean_identity(&identity, pIdentity))
        lo_say(user, LO_ERROR, "ResetIdentity refused: not a valid identity");
    else
        rename_user(user, &identity);
    lo_leave();
}

ESteamNetworkingAvailability lo_GetAuthenticationStatus(ISteamNetworkingSockets *self,
                                                        SteamNetAuthenticationStatus_t *pDetails)
{
    (void)self;
    if (pDetails != NULL) {
        memset(pDetails, 0, sizeof *pDetails);
        pDetails->m_eAvail = k_ESteamNetworkingAvailability_CannotTry;
        snprintf(pDetails->m_debugMsg, sizeof pDetails->m_debugMsg,
                 "The loopback engine has no certificate authority; it stays on this machine.");
    }
    return k_ESteamNetworkingAvailability_CannotTry;
}

ESteamNetworkingAvailability lo_InitAuthentication(ISteamNetworkingSockets *self)
{
    return lo_GetAuthenticationStatus(self, NULL);
}

SteamNetworkingMicroseconds lo_GetLocalTimestamp(ISteamNetworkingUtils *self)
{
    (void)self;
    return lo_timestamp(sn_now());
}
