/* A user: one started engine, its identity, and the callbacks it is told by. */
#include "loopback.h"

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
    bool text = false;
    int least = 0, most;
    if (in == NULL)
        return false;
    switch (in->m_eType) {
    case k_ESteamNetworkingIdentityType_SteamID:
    case k_ESteamNetworkingIdentityType_SonyPSN:
        least = most = (int)sizeof in->m_steamID64;
        break;
    case k_ESteamNetworkingIdentityType_IPAddress:
        least = most = (int)sizeof in->m_ip;
        break;
    case k_ESteamNetworkingIdentityType_GenericBytes:
        most = (int)sizeof in->m_genericBytes;
        break;
    case k_ESteamNetworkingIdentityType_GenericString:
        text = true;
        most = (int)sizeof in->m_szGenericString;
        break;
    case k_ESteamNetworkingIdentityType_XboxPairwiseID:
        text = true;
        most = (int)sizeof in->m_szXboxPairwiseID;
        break;
    case k_ESteamNetworkingIdentityType_UnknownType:
        text = true;
        most = (int)sizeof in->m_szUnknownRawString;
        break;
    default:
        return false;
    }
    if (in->m_cbSize < least || in->m_cbSize > most)
        return false;
    memset(out, 0, sizeof *out);
    out->m_eType = in->m_eType;
    out->m_cbSize = in->m_cbSize;
    memcpy(out->m_genericBytes, in->m_genericBytes, (size_t)in->m_cbSize);
    /* A string ends within its size, and its size ends with it. */
    return !text ||
           (in->m_cbSize > 0 && memchr(out->m_szUnknownRawString, 0, (size_t)in->m_cbSize) ==
                                    out->m_szUnknownRawString + in->m_cbSize - 1);
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
    if (*setting("STEAMNET_LOOPBACK_DIR") != '\0' && !lo_open_station()) {
        snprintf(error, SN_ERROR_SIZE, "STEAMNET_LOOPBACK_DIR: %s", lo_alone());
        lo_leave();
        lo_free(user);
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    user->seed = new_seed();
    lo_sky_changed(user);
    user->door = lo_listen(user, LO_SESSION, 0, 0, NULL);
    user->next = lo.users;
    if (lo.users != NULL)
        lo.users->previous = user;
    lo.users = user;
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
    lo_enter();
    while (user->connections != NULL)
        lo_vanish(user->connections);
    while (user->listeners != NULL)
        lo_listener_destroy(user->listeners);
    lo_sessions_free(user);
    while (user->groups != NULL)
        lo_group_destroy(user->groups);
    while (user->events != NULL) {
        lo_event *event = user->events;
        user->events = event->next;
        lo_free(event);
    }
    while (user->lines != NULL) {
        lo_line *line = user->lines;
        user->lines = line->next;
        lo_free(line);
    }
    lo_config_free(&user->local);
    lo_config_free(&user->global);
    if (user->previous != NULL)
        user->previous->next = user->next;
    else
        lo.users = user->next;
    if (user->next != NULL)
        user->next->previous = user->previous;
    if (lo.users == NULL)
        end_of_world();
    lo_leave();
    lo_free(user);
    engine->own = NULL;
}

static void pump(sn_engine *engine)
{
    loopback_ISteamNetworkingSockets_RunCallbacks(engine->sockets);
}

static uint64_t steam_id(sn_engine *engine)
{
    const lo_user *user = engine->own;
    bool steam = user->identity.m_eType == k_ESteamNetworkingIdentityType_SteamID;
    return steam ? user->identity.m_steamID64 : 0;
}

const sn_backend sn_loopback_backend = {
    .name = "loopback",
    .load = load,
    .start = start,
    .pump = pump,
    .stop = stop,
    .steam_id = steam_id,
    .release_after_stop = true,
};

void sn_loopback_seed(sn_engine *engine, uint64_t seed)
{
    if (sn_enter(engine)) {
        lo_look();
        if (engine->backend == &sn_loopback_backend)
            ((lo_user *)engine->own)->seed = seed;
        lo_leave();
        sn_leave(engine);
    }
}

/* --- callbacks ------------------------------------------------------------------------------ */

static void call(const lo_user *user, const lo_event *event)
{
    int key = event->callback == k_iCallback_SteamNetConnectionStatusChanged
                  ? LO_Callback_ConnectionStatusChanged
              : event->callback == k_iCallback_SteamNetworkingMessagesSessionRequest
                  ? LO_Callback_MessagesSessionRequest
                  : LO_Callback_MessagesSessionFailed;
    void *function = event->function;
    if (function == NULL)
        function = lo_config(&user->local, key)->pointer;
    if (function == NULL)
        return;
    if (key == LO_Callback_ConnectionStatusChanged) {
        SteamNetConnectionStatusChangedCallback_t changed = {
            .m_hConn = event->connection, .m_info = event->info, .m_eOldState = event->old_state};
        FnSteamNetConnectionStatusChanged changed_state;
        memcpy(&changed_state, &function, sizeof changed_state);
        changed_state(&changed);
    } else if (key == LO_Callback_MessagesSessionRequest) {
        SteamNetworkingMessagesSessionRequest_t request = {event->info.m_identityRemote};
        FnSteamNetworkingMessagesSessionRequest requested;
        memcpy(&requested, &function, sizeof requested);
        requested(&request);
    } else {
        SteamNetworkingMessagesSessionFailed_t failure = {event->info};
        FnSteamNetworkingMessagesSessionFailed failed;
        memcpy(&failed, &function, sizeof failed);
        failed(&failure);
    }
}

/* Callbacks run without the lock, so they may call anything. */
void loopback_ISteamNetworkingSockets_RunCallbacks(ISteamNetworkingSockets *self)
{
    lo_user *user = (lo_user *)self;
    lo_enter();
    if (lo_config(&user->global, LO_Callback_MessagesSessionRequest)->pointer != NULL)
        lo_session_door(user);
    while (user->lines != NULL || user->events != NULL) {
        lo_line *line = user->lines;
        lo_event *event = line == NULL ? user->events : NULL;
        FSteamNetworkingSocketsDebugOutput output = user->debug_output;
        if (line != NULL) {
            user->lines = line->next;
            user->line_count--;
            if (user->lines == NULL)
                user->last_line = NULL;
        } else {
            user->events = event->next;
            if (user->events == NULL)
                user->last_event = NULL;
        }
        lo_leave();
        if (line != NULL && output != NULL)
            output(line->level, line->text);
        if (event != NULL)
            call(user, event);
        lo_free(line);
        lo_free(event);
        lo_look();
    }
    lo_leave();
}

void loopback_ISteamNetworkingUtils_SetDebugOutputFunction(
    ISteamNetworkingUtils *self, ESteamNetworkingSocketsDebugOutputType eDetailLevel,
    FSteamNetworkingSocketsDebugOutput pfnFunc)
{
    lo_user *user = (lo_user *)self;
    lo_look();
    user->debug_output =
        eDetailLevel > k_ESteamNetworkingSocketsDebugOutputType_None ? pfnFunc : NULL;
    user->debug_level = eDetailLevel;
    lo_leave();
}

/* --- small talk ----------------------------------------------------------------------------- */

bool loopback_ISteamNetworkingSockets_GetIdentity(ISteamNetworkingSockets *self,
                                                  SteamNetworkingIdentity *pIdentity)
{
    if (pIdentity != NULL) {
        lo_look();
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
void loopback_ISteamNetworkingSockets_ResetIdentity(ISteamNetworkingSockets *self,
                                                    const SteamNetworkingIdentity *pIdentity)
{
    lo_user *user = (lo_user *)self;
    SteamNetworkingIdentity identity;
    lo_look();
    if (user->connections != NULL || user->listeners != user->door ||
        (user->door != NULL && user->door->next != NULL))
        lo_say(user, k_ESteamNetworkingSocketsDebugOutputType_Error,
               "ResetIdentity refused: connections or listen sockets are open");
    else if (!lo_clean_identity(&identity, pIdentity))
        lo_say(user, k_ESteamNetworkingSocketsDebugOutputType_Error,
               "ResetIdentity refused: not a valid identity");
    else
        rename_user(user, &identity);
    lo_leave();
}

ESteamNetworkingAvailability
loopback_ISteamNetworkingSockets_GetAuthenticationStatus(ISteamNetworkingSockets *self,
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

ESteamNetworkingAvailability
loopback_ISteamNetworkingSockets_InitAuthentication(ISteamNetworkingSockets *self)
{
    return loopback_ISteamNetworkingSockets_GetAuthenticationStatus(self, NULL);
}

SteamNetworkingMicroseconds
loopback_ISteamNetworkingUtils_GetLocalTimestamp(ISteamNetworkingUtils *self)
{
    (void)self;
    return lo_timestamp(sn_now());
}
