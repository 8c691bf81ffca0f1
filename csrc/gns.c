/* The gns engine: Valve's open-source GameNetworkingSockets, one a process. */
#include "flat_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling.h"
#include "wait.h"

typedef struct sn_gns {
    bool (*GameNetworkingSockets_Init)(const SteamNetworkingIdentity *identity, char *error);
    void (*GameNetworkingSockets_Kill)(void);
    ISteamNetworkingSockets *(*sockets)(void);
    ISteamNetworkingUtils *(*utils)(void);
    ISteamNetworkingMessages *(*messages)(void);
    /* NULL in a library that has none */
    void (*SetManualPollMode)(bool manual);
    void (*Poll)(int milliseconds);
    /* What the functions below stand in for. */
    sn_flat flat;
    sn_engine *engine; /* the one that is open */
} sn_gns;

/* The engine's state is the library's, and there is one library: one copy for the process. */
static sn_gns gns;

/* --- what is new -------------------------------------------------------------------------------- */

/* The library works in a thread of ours instead of its own, so that we learn when it has. */
static struct {
    sn_thread thread;
    bool runs;
    atomic_bool stopping;
} service;

enum { POLL = 50 /* ms: the end of the engine waits as long, and each time is taken for something new */ };

/* A send wakes this thread while it still holds the connection. If the connection is not free when this
 * thread looks for it, GNS tries again a millisecond later: so it was with most messages where this thread
 * took the processor from the sender's. A program that waits gives the processor up by itself; one that
 * spins does not, and is preempted as ever. */
static void serve(void *argument)
{
    sn_engine *engine = argument;
    bool preempts = true;
    while (!atomic_load(&service.stopping)) {
        if (preempts && atomic_load(&engine->waiting.used)) {
            sn_thread_never_preempts();
            preempts = false;
        }
        gns.Poll(POLL);
        gns.Poll(0); /* it wakes itself when it has sent: no news for those who wait */
        sn_note_change(engine);
    }
}

static void start_service(sn_engine *engine, char *error)
{
    atomic_store(&service.stopping, false);
    service.runs = gns.Poll != NULL && sn_thread_start(&service.thread, serve, engine);
    if (gns.Poll != NULL && !service.runs) {
        gns.SetManualPollMode(false); /* back to a thread of its own, if the system has one now */
        snprintf(error, SN_ERROR_SIZE, "no thread can be started to wait for packets: waiting is slower");
    }
}

static void stop_service(void)
{
    atomic_store(&service.stopping, true);
    if (service.runs)
        sn_thread_join(&service.thread);
    service.runs = false;
}

/* Calls that may leave an event at once, without a packet. */
static HSteamNetConnection connect_by_address(ISteamNetworkingSockets *self,
                                              const SteamNetworkingIPAddr *address, int count,
                                              const SteamNetworkingConfigValue_t *options)
{
    HSteamNetConnection made =
        gns.flat.ISteamNetworkingSockets_ConnectByIPAddress(self, address, count, options);
    sn_note_change(gns.engine);
    return made;
}

static HSteamNetConnection connect_p2p(ISteamNetworkingSockets *self, const SteamNetworkingIdentity *peer,
                                       int port, int count, const SteamNetworkingConfigValue_t *options)
{
    HSteamNetConnection made =
        gns.flat.ISteamNetworkingSockets_ConnectP2P(self, peer, port, count, options);
    sn_note_change(gns.engine);
    return made;
}

static EResult accept_connection(ISteamNetworkingSockets *self, HSteamNetConnection connection)
{
    EResult result = gns.flat.ISteamNetworkingSockets_AcceptConnection(self, connection);
    sn_note_change(gns.engine);
    return result;
}

static bool create_pair(ISteamNetworkingSockets *self, HSteamNetConnection *one, HSteamNetConnection *other,
                        bool use_network, const SteamNetworkingIdentity *identity1,
                        const SteamNetworkingIdentity *identity2)
{
    bool made = gns.flat.ISteamNetworkingSockets_CreateSocketPair(self, one, other, use_network, identity1,
                                                                  identity2);
    if (!use_network)
        atomic_store(&gns.engine->waiting.has_pipes, true);
    sn_note_change(gns.engine);
    return made;
}

static void stand_in(sn_flat *flat)
{
    gns.flat = *flat;
    flat->ISteamNetworkingSockets_ConnectByIPAddress = connect_by_address;
    flat->ISteamNetworkingSockets_ConnectP2P = connect_p2p;
    flat->ISteamNetworkingSockets_AcceptConnection = accept_connection;
    flat->ISteamNetworkingSockets_CreateSocketPair = create_pair;
}

static int64_t due(sn_engine *engine)
{
    if (!service.runs || atomic_load(&engine->waiting.has_pipes))
        return sn_nap(engine);
    return atomic_load(&engine->waiting.changes) != atomic_load(&engine->waiting.seen) ? 0 : SN_NEVER;
}

/* --- life ---------------------------------------------------------------------------------------- */

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
    stand_in(&engine->flat);
    if (!sn_library_symbol(engine->library, "SteamNetworkingSockets_SetManualPollMode", &gns.SetManualPollMode) ||
        !sn_library_symbol(engine->library, "SteamNetworkingSockets_Poll", &gns.Poll))
        gns.Poll = NULL;
    return symbol(engine, "GameNetworkingSockets_Init", &gns.GameNetworkingSockets_Init, error) &&
           symbol(engine, "GameNetworkingSockets_Kill", &gns.GameNetworkingSockets_Kill, error) &&
           symbol(engine, engine->accessor, &gns.sockets, error) &&
           symbol(engine, "SteamAPI_SteamNetworkingUtils_v003", &gns.utils, error) &&
           symbol(engine, "SteamAPI_SteamNetworkingMessages_v002", &gns.messages, error);
}

static void end_manual_mode(void)
{
    if (gns.Poll != NULL)
        gns.SetManualPollMode(false);
}

static ESteamAPIInitResult start(sn_engine *engine, const sn_options *options, char *error)
{
    if (gns.Poll != NULL)
        gns.SetManualPollMode(true); /* before there is a thread of its own */
    if (!gns.GameNetworkingSockets_Init(options->identity, error)) {
        end_manual_mode();
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    engine->sockets = gns.sockets();
    engine->utils = gns.utils();
    engine->messages = gns.messages();
    if (engine->sockets == NULL || engine->utils == NULL || engine->messages == NULL) {
        snprintf(error, SN_ERROR_SIZE, "GameNetworkingSockets_Init succeeded, but there are no interfaces");
        gns.GameNetworkingSockets_Kill();
        end_manual_mode();
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    gns.engine = engine;
    start_service(engine, error);
    sn_signaling_attach(engine);
    return k_ESteamAPIInitResult_OK;
}

static void pump(sn_engine *engine, int limit)
{
    atomic_store(&engine->waiting.seen, atomic_load(&engine->waiting.changes));
    (void)limit; /* GNS takes none: each call delivers the events that are queued when it begins */
    engine->flat.ISteamNetworkingSockets_RunCallbacks(engine->sockets);
}

static void stop(sn_engine *engine)
{
    sn_signaling_detach(engine);
    stop_service();
    gns.GameNetworkingSockets_Kill();
    end_manual_mode();
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
    .due = due,
    .release_after_stop = true,
};
