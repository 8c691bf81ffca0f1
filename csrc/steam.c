/* The steam engine: the game's own libsteam_api, of any modern SDK, as a user or as a game server. */
#include "engine.h"

#include <stdio.h>
#include <string.h>

#include "flat_table.h"
#include "steam_callbacks.h"
#include "wait.h"

/* What a library offers around the networking interfaces. A user and a game server have the
 * same functions under different names, and each its own way to start. */
typedef struct steam_side {
    void *(*sockets)(void);
    void *(*messages)(void);
    void *(*networking_utils)(void);
    void *(*user)(void);
    void *(*utils)(void);
    void *(*matchmaking)(void); /* these three may be missing, and a game server has none */
    void *(*friends)(void);
    void *(*apps)(void);
    HSteamUser (*GetHSteamUser)(void);
    void (*RunCallbacks)(void);
    void (*Shutdown)(void);
    uint64_t (*GetSteamID)(void *user);
    uint32_t (*GetAppID)(void *utils);
    sn_register_callback RegisterCallback;
    sn_unregister_callback UnregisterCallback;

    ESteamAPIInitResult (*InitFlat)(char *error);
    bool (*InitSafe)(void);

    ESteamAPIInitResult (*GameServer_Init)(uint32_t ip, uint16_t game_port, uint16_t query_port, int mode,
                                           const char *version, const char *interfaces, char *error);
    void (*SetProduct)(void *server, const char *product);
    void (*SetGameDescription)(void *server, const char *description);
    void (*SetModDir)(void *server, const char *folder);
    void (*SetDedicatedServer)(void *server, bool dedicated);
    void (*LogOn)(void *server, const char *token);
    void (*LogOnAnonymous)(void *server);
    void (*LogOff)(void *server);

    /* From here on another thread, which pumps Steam, may be reading at any moment. */
    _Atomic(sn_engine *) engine; /* the one that is open */
    bool attached;
    sn_steam_callbacks callbacks;
} steam_side;

/* Filled by start: Steam allows one user and one game server a process. */
static steam_side sides[2];

static bool is_server(const sn_engine *engine) { return engine->backend == &sn_steam_server_backend; }
static steam_side *side_of(const sn_engine *engine) { return &sides[is_server(engine)]; }
static const char *sockets_interface(const sn_engine *engine)
{
    return is_server(engine) ? "SteamGameServerNetworkingSockets" : "SteamNetworkingSockets";
}

/* --- loading -------------------------------------------------------------------------------- */

/* The version of the newest accessor to an interface, in either of Valve's spellings; 0: none. */
static int find_accessor(sn_engine *engine, const char *interface, char *name, void *function)
{
    for (int version = 99; version > 0; version--)
        for (int plain = 0; plain < 2; plain++) {
            snprintf(name, sizeof engine->accessor, "SteamAPI_%s%s_v%03d", interface,
                     plain ? "" : "_SteamAPI", version);
            if (sn_library_symbol(engine->library, name, function))
                return version;
        }
    return 0;
}

static bool symbol(sn_engine *engine, const char *prefix, const char *name, void *function, char *error)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    if (sn_library_symbol(engine->library, full, function))
        return true;
    snprintf(error, SN_ERROR_SIZE, "missing symbol %s", full);
    return false;
}

static bool accessor(sn_engine *engine, const char *interface, void *function, char *error)
{
    char name[sizeof engine->accessor];
    if (find_accessor(engine, interface, name, function) != 0)
        return true;
    snprintf(error, SN_ERROR_SIZE, "missing symbol SteamAPI_%s_v000, of any version", interface);
    return false;
}

static bool bind_server(sn_engine *engine, steam_side *side, char *error)
{
    const char *server = "SteamAPI_ISteamGameServer_";
    return accessor(engine, "SteamGameServerNetworkingMessages", &side->messages, error) &&
           accessor(engine, "SteamGameServer", &side->user, error) &&
           accessor(engine, "SteamGameServerUtils", &side->utils, error) &&
           symbol(engine, "SteamGameServer_", "GetHSteamUser", &side->GetHSteamUser, error) &&
           symbol(engine, "SteamGameServer_", "RunCallbacks", &side->RunCallbacks, error) &&
           symbol(engine, "SteamGameServer_", "Shutdown", &side->Shutdown, error) &&
           symbol(engine, "SteamInternal_", "GameServer_Init_V2", &side->GameServer_Init, error) &&
           symbol(engine, server, "GetSteamID", &side->GetSteamID, error) &&
           symbol(engine, server, "SetProduct", &side->SetProduct, error) &&
           symbol(engine, server, "SetGameDescription", &side->SetGameDescription, error) &&
           symbol(engine, server, "SetModDir", &side->SetModDir, error) &&
           symbol(engine, server, "SetDedicatedServer", &side->SetDedicatedServer, error) &&
           symbol(engine, server, "LogOn", &side->LogOn, error) &&
           symbol(engine, server, "LogOnAnonymous", &side->LogOnAnonymous, error) &&
           symbol(engine, server, "LogOff", &side->LogOff, error);
}

static bool bind_user(sn_engine *engine, steam_side *side, char *error)
{
    char name[sizeof engine->accessor];
    find_accessor(engine, "SteamMatchmaking", name, &side->matchmaking);
    find_accessor(engine, "SteamFriends", name, &side->friends);
    find_accessor(engine, "SteamApps", name, &side->apps);
    return accessor(engine, "SteamNetworkingMessages", &side->messages, error) &&
           accessor(engine, "SteamUser", &side->user, error) &&
           accessor(engine, "SteamUtils", &side->utils, error) &&
           symbol(engine, "SteamAPI_", "GetHSteamUser", &side->GetHSteamUser, error) &&
           symbol(engine, "SteamAPI_", "RunCallbacks", &side->RunCallbacks, error) &&
           symbol(engine, "SteamAPI_", "Shutdown", &side->Shutdown, error) &&
           symbol(engine, "SteamAPI_", "ISteamUser_GetSteamID", &side->GetSteamID, error) &&
           (sn_library_symbol(engine->library, "SteamAPI_InitFlat", &side->InitFlat) ||
            symbol(engine, "SteamAPI_", "InitSafe", &side->InitSafe, error));
}

static bool bind(sn_engine *engine, steam_side *side, char *error)
{
    memset(side, 0, offsetof(steam_side, engine));
    return accessor(engine, sockets_interface(engine), &side->sockets, error) &&
           accessor(engine, "SteamNetworkingUtils", &side->networking_utils, error) &&
           symbol(engine, "SteamAPI_", "ISteamUtils_GetAppID", &side->GetAppID, error) &&
           symbol(engine, "SteamAPI_", "RegisterCallback", &side->RegisterCallback, error) &&
           symbol(engine, "SteamAPI_", "UnregisterCallback", &side->UnregisterCallback, error) &&
           (is_server(engine) ? bind_server : bind_user)(engine, side, error);
}

/* Why a library without a modern ISteamNetworkingSockets cannot serve. */
static void explain(sn_engine *engine, int version, char *error)
{
    void (*function)(void);
    if (sn_library_symbol(engine->library, "GameNetworkingSockets_Init", &function))
        snprintf(error, SN_ERROR_SIZE, "this is GameNetworkingSockets, not libsteam_api: use engine=\"gns\"");
    else if (version > 0)
        snprintf(error, SN_ERROR_SIZE,
                 "Steamworks SDK too old: its ISteamNetworkingSockets v%03d has no lanes and no real-time "
                 "status; steamnet needs v012 or newer", version);
    else if (sn_library_symbol(engine->library, "SteamAPI_RunCallbacks", &function))
        snprintf(error, SN_ERROR_SIZE,
                 "Steamworks SDK too old: it has no ISteamNetworkingSockets, which came with SDK 1.44; "
                 "steamnet needs v012 of it or newer");
    else
        snprintf(error, SN_ERROR_SIZE, "not a Steamworks library: missing symbol SteamAPI_RunCallbacks");
}

static bool load(sn_engine *engine, const char *path, char *error)
{
    steam_side side;
    void *(*sockets)(void);
    int version;
    engine->library = sn_library_open(path, error, SN_ERROR_SIZE);
    if (engine->library == NULL)
        return false;
    version = find_accessor(engine, sockets_interface(engine), engine->accessor, &sockets);
    if (version < 12) {
        explain(engine, version, error);
        return false;
    }
    snprintf(engine->version, sizeof engine->version, "Steamworks SDK, ISteamNetworkingSockets v%03d",
             version);
    return sn_fill_flat(engine, error) && bind(engine, &side, error);
}

/* --- life ------------------------------------------------------------------------------------ */

static ESteamAPIInitResult start_user(steam_side *side, char *error)
{
    if (side->InitFlat != NULL)
        return side->InitFlat(error);
    if (side->InitSafe())
        return k_ESteamAPIInitResult_OK;
    snprintf(error, SN_ERROR_SIZE, "SteamAPI_InitSafe failed, and an SDK of this age does not say why");
    return k_ESteamAPIInitResult_FailedGeneric;
}

static ESteamAPIInitResult start_server(steam_side *side, const sn_options *options, char *error)
{
    ESteamAPIInitResult result =
        side->GameServer_Init(options->server_ip, options->server_game_port, options->server_query_port,
                              options->server_mode, options->server_version, NULL, error);
    void *server = result == k_ESteamAPIInitResult_OK ? side->user() : NULL;
    if (server != NULL) {
        side->SetProduct(server, options->server_product);
        side->SetGameDescription(server, options->server_product);
        side->SetModDir(server, options->server_product);
        side->SetDedicatedServer(server, true);
        if (options->server_token != NULL)
            side->LogOn(server, options->server_token);
        else
            side->LogOnAnonymous(server);
    }
    return result;
}

static void shut_down(sn_engine *engine, steam_side *side)
{
    void *server = is_server(engine) ? side->user() : NULL;
    if (server != NULL)
        side->LogOff(server);
    side->Shutdown();
}

/* The code that initialised Steam may shut it down, and even start it again. */
static bool alive(sn_engine *engine)
{
    steam_side *side = side_of(engine);
    return side->GetHSteamUser() != 0 && side->sockets() == engine->sockets;
}

static void *find_interface(sn_engine *engine, void *(*get)(void), const char *name)
{
    void *found = get != NULL ? get() : NULL;
    if (found == NULL)
        sn_drop_interface(engine, name);
    return found;
}

/* What networking does without: a library, or a Steam client, that lacks one serves all the same. */
static void find_interfaces(sn_engine *engine, steam_side *side)
{
    engine->matchmaking = find_interface(engine, side->matchmaking, "ISteamMatchmaking");
    engine->friends = find_interface(engine, side->friends, "ISteamFriends");
    engine->apps = find_interface(engine, side->apps, "ISteamApps");
    engine->steam_utils = side->utils();
}

static ESteamAPIInitResult start(sn_engine *engine, const sn_options *options, char *error)
{
    steam_side *side = side_of(engine);
    ESteamAPIInitResult result = k_ESteamAPIInitResult_OK;
    bool running;
    if (atomic_load(&side->engine) != NULL) {
        snprintf(error, SN_ERROR_SIZE, "an engine of this kind is open in this process already");
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    if (!bind(engine, side, error))
        return k_ESteamAPIInitResult_FailedGeneric;
    running = side->GetHSteamUser() != 0;
    if (running != options->attach) {
        snprintf(error, SN_ERROR_SIZE, "%s",
                 running ? "this process has initialised Steam already: attach=True uses that"
                         : "attach=True, but this process has not initialised Steam through this library");
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    side->attached = options->attach;
    if (!side->attached)
        result = is_server(engine) ? start_server(side, options, error) : start_user(side, error);
    if (result != k_ESteamAPIInitResult_OK)
        return result;
    engine->sockets = side->sockets();
    engine->utils = side->networking_utils();
    engine->messages = side->messages();
    if (engine->sockets == NULL || engine->utils == NULL || engine->messages == NULL ||
        side->user() == NULL || side->utils() == NULL) {
        snprintf(error, SN_ERROR_SIZE, "Steam started, but the Steam client is too old for %s",
                 engine->accessor);
        if (!side->attached)
            shut_down(engine, side);
        return k_ESteamAPIInitResult_VersionMismatch;
    }
    find_interfaces(engine, side);
    atomic_store(&side->engine, engine);
    sn_steam_callbacks_register(&side->callbacks, &side->engine, is_server(engine), side->RegisterCallback);
    if (side->attached) {
        engine->alive = alive;
        /* The thread that pumps Steam may be in a callback of ours at any moment: it is never freed. */
        atomic_fetch_add(&engine->references, 1);
    }
    return k_ESteamAPIInitResult_OK;
}

static void pump(sn_engine *engine, int limit)
{
    steam_side *side = side_of(engine);
    (void)limit; /* Steam takes none */
    if (!side->attached)
        side->RunCallbacks();
    engine->flat.ISteamNetworkingSockets_RunCallbacks(engine->sockets);
}

static void stop(sn_engine *engine)
{
    steam_side *side = side_of(engine);
    /* Works without Steam, too: the list is the library's own. */
    sn_steam_callbacks_unregister(&side->callbacks, side->UnregisterCallback);
    atomic_store(&side->engine, NULL);
    if (!side->attached)
        shut_down(engine, side);
}

static uint64_t steam_id(sn_engine *engine)
{
    steam_side *side = side_of(engine);
    void *user = side->user();
    return user != NULL ? side->GetSteamID(user) : 0;
}

static uint32_t app_id(sn_engine *engine)
{
    steam_side *side = side_of(engine);
    void *utils = side->utils();
    return utils != NULL ? side->GetAppID(utils) : 0;
}

bool sn_restart_app_if_necessary(sn_engine *engine, uint32_t app_id_wanted)
{
    bool (*restart)(uint32_t);
    return engine->library != NULL &&
           sn_library_symbol(engine->library, "SteamAPI_RestartAppIfNecessary", &restart) &&
           restart(app_id_wanted);
}

/* Messages that live on after stop are not handed back: Steam has gone, and taken its code along. */
#define BACKEND                                                                                          \
    {.name = "steam", .load = load, .start = start, .pump = pump, .stop = stop, .steam_id = steam_id,    \
     .app_id = app_id, .due = sn_nap, .release_after_stop = false}
const sn_backend sn_steam_backend = BACKEND, sn_steam_server_backend = BACKEND;
