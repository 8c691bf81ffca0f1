/* The gns engine: Valve's open-source GameNetworkingSockets, one a process. */
#include "flat_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling.h"

typedef struct sn_gns {
    bool (*GameNetworkingSockets_Init)(const SteamNetworkingIdentity *identity, char *error);
    void (*GameNetworkingSockets_Kill)(void);
    ISteamNetworkingSockets *(*sockets)(void);
    ISteamNetworkingUtils *(*utils)(void);
    ISteamNetworkingMessages *(*messages)(void);
} sn_gns;

/* The engine's state is the library's, and there is one library: one copy for the process. */
static sn_gns gns;

static bool symbol(sn_engine *engine, const char *name, void *function, char *error)
{
    if (sn_library_symbol(engine->library, name, function))
        return true;
    snprintf(error, SN_ERROR_SIZE, "missing symbol %s", name);
    return false;
}

static bool load(sn_engine *engine, const char *path, char *error)
{
    if (!sn_load_library(engine, path, error))
        return false;
    snprintf(engine->accessor, sizeof engine->accessor, "SteamAPI_SteamNetworkingSockets_v009");
    snprintf(engine->version, sizeof engine->version, "GameNetworkingSockets 1.5 or newer");
    return symbol(engine, "GameNetworkingSockets_Init", &gns.GameNetworkingSockets_Init, error) &&
           symbol(engine, "GameNetworkingSockets_Kill", &gns.GameNetworkingSockets_Kill, error) &&
           symbol(engine, engine->accessor, &gns.sockets, error) &&
           symbol(engine, "SteamAPI_SteamNetworkingUtils_v003", &gns.utils, error) &&
           symbol(engine, "SteamAPI_SteamNetworkingMessages_v002", &gns.messages, error);
}

static ESteamAPIInitResult start(sn_engine *engine, const sn_options *options, char *error)
{
    if (!gns.GameNetworkingSockets_Init(options->identity, error))
        return k_ESteamAPIInitResult_FailedGeneric;
    engine->sockets = gns.sockets();
    engine->utils = gns.utils();
    engine->messages = gns.messages();
    if (engine->sockets == NULL || engine->utils == NULL || engine->messages == NULL) {
        snprintf(error, SN_ERROR_SIZE, "GameNetworkingSockets_Init succeeded, but there are no interfaces");
        gns.GameNetworkingSockets_Kill();
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    sn_signaling_attach(engine);
    return k_ESteamAPIInitResult_OK;
}

static void pump(sn_engine *engine, int limit)
{
    (void)limit; /* GNS takes none: each call delivers the events that are queued when it begins */
    engine->flat.ISteamNetworkingSockets_RunCallbacks(engine->sockets);
}

static void stop(sn_engine *engine)
{
    sn_signaling_detach(engine);
    gns.GameNetworkingSockets_Kill();
}

static uint64_t steam_id(sn_engine *engine)
{
    SteamNetworkingIdentity identity = {.m_eType = k_ESteamNetworkingIdentityType_Invalid};
    if (engine->flat.ISteamNetworkingSockets_GetIdentity(engine->sockets, &identity) &&
        identity.m_eType == k_ESteamNetworkingIdentityType_SteamID)
        return identity.m_steamID64;
    return 0;
}

const sn_backend sn_gns_backend = {
    .name = "gns",
    .load = load,
    .start = start,
    .pump = pump,
    .stop = stop,
    .steam_id = steam_id,
    .release_after_stop = true,
};
