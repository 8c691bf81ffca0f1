/* Steam's own functions: start and end, callbacks, the user, the game server. */
#include "fake_steam.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if FAKE_STEAM_VERSION < 13
#define ACCESSOR(interface) SteamAPI_##interface##_SteamAPI_v012
#define UTILS_ACCESSOR(interface) SteamAPI_##interface##_v010
#define MATCHMAKING_ACCESSOR SteamAPI_SteamMatchmaking_v009
#define FRIENDS_ACCESSOR SteamAPI_SteamFriends_v017
#define APPS_ACCESSOR SteamAPI_SteamApps_v008
#elif FAKE_STEAM_VERSION == 13
#define ACCESSOR(interface) SteamAPI_##interface##_SteamAPI_v013
#define UTILS_ACCESSOR(interface) SteamAPI_##interface##_v011
#define MATCHMAKING_ACCESSOR SteamAPI_SteamMatchmaking_v009
#define FRIENDS_ACCESSOR SteamAPI_SteamFriends_v018
#define APPS_ACCESSOR SteamAPI_SteamApps_v009
#else /* no such SDK yet: the next number, in the other of Valve's spellings */
#define ACCESSOR(interface) SteamAPI_##interface##_v014
#define UTILS_ACCESSOR(interface) SteamAPI_##interface##_v012
#define MATCHMAKING_ACCESSOR SteamAPI_SteamMatchmaking_v010
#define FRIENDS_ACCESSOR SteamAPI_SteamFriends_SteamAPI_v019
#define APPS_ACCESSOR SteamAPI_SteamApps_v010
#endif

/* A user's Steam and a game server's: the same, twice. */
typedef struct side {
    bool open;
    bool logged_on;
    struct {
        int id, size;
        char param[8];
    } posted[16];
    int posted_count;
} side;
static side user, server;

/* --- callbacks ------------------------------------------------------------------------------- */

typedef struct callback callback;
typedef struct callback_table {
    void (*Run)(callback *self, void *param);
    void (*RunWithResult)(callback *self, void *param, bool failed, SteamAPICall_t call);
    int (*GetCallbackSizeBytes)(callback *self);
} callback_table;
struct callback {
    const callback_table *table;
    uint8_t flags;
    int id;
};
enum { MOST = 64, REGISTERED = 1, GAME_SERVER = 2 };
static callback *registered[MOST];

/* Whichever is used first stays: a list of callbacks, or the owner's own loop over what is posted. */
static enum { UNDECIDED, STANDARD, MANUAL } dispatch;

EXPORT void SteamAPI_ManualDispatch_Init(void)
{
    if (dispatch == STANDARD)
        fprintf(stderr, "[S_API FAIL] standard dispatch has already been selected.\n");
    else
        dispatch = MANUAL;
}

EXPORT void SteamAPI_RegisterCallback(callback *pCallback, int iCallback)
{
    if (dispatch == MANUAL) {
        fprintf(stderr, "[S_API FAIL] SteamAPI_RegisterCallback cannot be used; manual dispatch has "
                        "already been selected.\n");
        return;
    }
    dispatch = STANDARD;
    pCallback->id = iCallback;
    pCallback->flags |= REGISTERED;
    for (int i = 0; i < MOST; i++)
        if (registered[i] == NULL) {
            registered[i] = pCallback;
            return;
        }
    abort();
}

EXPORT void SteamAPI_UnregisterCallback(callback *pCallback)
{
    pCallback->flags &= (uint8_t)~REGISTERED;
    for (int i = 0; i < MOST; i++)
        if (registered[i] == pCallback)
            registered[i] = NULL;
}

static void post(side *to, int id, int size, EResult result)
{
    if (to->posted_count < 16) {
        to->posted[to->posted_count].id = id;
        to->posted[to->posted_count].size = size;
        memset(to->posted[to->posted_count].param, 0, 8);
        memcpy(to->posted[to->posted_count].param, &result, sizeof result);
        to->posted_count++;
    }
}

static void deliver(bool for_server, int id, int size, void *param)
{
    for (int j = 0; j < MOST; j++) {
        callback *one = registered[j];
        if (one == NULL || one->id != id || !!(one->flags & GAME_SERVER) != for_server)
            continue;
        if (one->table->GetCallbackSizeBytes(one) != size)
            abort();
        one->table->Run(one, param);
    }
}

/* The next callback of a side; its parameter has room for 264 bytes. */
static bool take(side *of, int *id, int *size, void *param)
{
    if (of->posted_count > 0) {
        *id = of->posted[0].id;
        *size = of->posted[0].size;
        memcpy(param, of->posted[0].param, sizeof of->posted[0].param);
        memmove(of->posted, of->posted + 1, sizeof of->posted - sizeof of->posted[0]);
        of->posted_count--;
        return true;
    }
#ifdef WITHOUT_LOBBIES
    return false;
#else
    return of == &user && of->open && lobbies_next(network_steam_id(), id, size, param);
#endif
}

static void work(side *of)
{
    network_pump();
#ifndef WITHOUT_LOBBIES
    if (of == &user)
        calls_pump();
#else
    (void)of;
#endif
}

static void run_callbacks(side *of)
{
    uint64_t param[264 / 8];
    int id, size;
    if (!of->open || dispatch == MANUAL)
        return;
    work(of);
    while (take(of, &id, &size, param))
        deliver(of == &server, id, size, param);
}

EXPORT void SteamAPI_RunCallbacks(void) { run_callbacks(&user); }
EXPORT void SteamGameServer_RunCallbacks(void) { run_callbacks(&server); }

/* The loop of a binding that dispatches by hand. It sees every callback, and not one of ours. */
EXPORT void SteamAPI_ManualDispatch_RunFrame(HSteamPipe hSteamPipe)
{
    if (dispatch == MANUAL && hSteamPipe != 0)
        work(&user);
}

EXPORT bool SteamAPI_ManualDispatch_GetNextCallback(HSteamPipe hSteamPipe, CallbackMsg_t *pCallbackMsg)
{
    static uint64_t param[264 / 8];
    pCallbackMsg->m_hSteamUser = hSteamPipe;
    pCallbackMsg->m_pubParam = (uint8_t *)param;
    return dispatch == MANUAL &&
           take(&user, &pCallbackMsg->m_iCallback, &pCallbackMsg->m_cubParam, param);
}

EXPORT void SteamAPI_ManualDispatch_FreeLastCallback(HSteamPipe hSteamPipe) { (void)hSteamPipe; }

/* --- a user ---------------------------------------------------------------------------------- */

static uint32_t app_id(void)
{
    const char *given = getenv("SteamAppId");
    FILE *file = given == NULL ? fopen("steam_appid.txt", "r") : NULL;
    unsigned id = given != NULL ? (unsigned)atoi(given) : 0;
    if (file != NULL) {
        if (fscanf(file, "%u", &id) != 1)
            id = 0;
        fclose(file);
    }
    return id;
}

/* Of several Steam IDs separated by commas, the first that no other process is using. */
static uint64_t steam_id(void)
{
    const char *given = getenv("STEAMNET_FAKE_STEAM_STEAM_ID");
    uint64_t id = 76561198000000042u;
    while (given != NULL) {
        id = strtoull(given, NULL, 10);
        given = rendezvous_taken(id) ? strchr(given, ',') : NULL;
        given = given != NULL ? given + 1 : NULL;
    }
    return id;
}

/* The refusals of the real library, in its words. */
static ESteamAPIInitResult refuse(char *error)
{
    const char *wanted = getenv("STEAMNET_FAKE_STEAM_REFUSE");
    if (wanted != NULL && strcmp(wanted, "no-client") == 0) {
        snprintf(error, 1024,
                 "Cannot create IPC pipe to Steam client process.  Steam is probably not running.");
        return k_ESteamAPIInitResult_NoSteamClient;
    }
    if (wanted != NULL && strcmp(wanted, "old-client") == 0) {
        snprintf(error, 1024, "Steam client appears to be out of date, and does not support this SDK.");
        return k_ESteamAPIInitResult_VersionMismatch;
    }
    if (app_id() == 0) {
        snprintf(error, 1024,
                 "No appID found.  Either launch the game from Steam, or put the file steam_appid.txt "
                 "containing the correct appID in your game folder.");
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    return k_ESteamAPIInitResult_OK;
}

static ESteamAPIInitResult open_side(side *which, uint64_t id, char *error)
{
    char unwanted[1024];
    ESteamAPIInitResult result = k_ESteamAPIInitResult_OK;
    error = error != NULL ? error : unwanted;
    if (!which->open && (result = refuse(error)) == k_ESteamAPIInitResult_OK) {
        which->open = network_open(id, error);
        which->posted_count = 0;
#ifndef WITHOUT_LOBBIES
        if (which == &user && which->open) {
            calls_reset();
            lobbies_open(network_steam_id());
        }
#endif
        result = which->open ? k_ESteamAPIInitResult_OK : k_ESteamAPIInitResult_FailedGeneric;
    }
    return result;
}

static void close_side(side *which)
{
#ifndef WITHOUT_LOBBIES
    if (which == &user && which->open)
        lobbies_close(network_steam_id());
#endif
    if (which->open)
        network_close();
    memset(which, 0, sizeof *which);
}

#ifdef WITHOUT_INIT_FLAT /* as in the first SDKs with v012 */
static
#else
EXPORT
#endif
ESteamAPIInitResult SteamAPI_InitFlat(char *pOutErrMsg)
{
    bool was_open = user.open;
    ESteamAPIInitResult result = open_side(&user, steam_id(), pOutErrMsg);
    if (user.open && !was_open)
        post(&user, k_iCallback_SteamServersConnected, 1, 0);
    return result;
}

EXPORT bool SteamAPI_InitSafe(void) { return SteamAPI_InitFlat(NULL) == k_ESteamAPIInitResult_OK; }
EXPORT void SteamAPI_Shutdown(void) { close_side(&user); }
EXPORT bool SteamAPI_IsSteamRunning(void) { return true; }
EXPORT bool SteamAPI_RestartAppIfNecessary(uint32_t wanted) { return wanted != 0 && app_id() == 0; }
EXPORT HSteamUser SteamAPI_GetHSteamUser(void) { return user.open; }
EXPORT HSteamPipe SteamAPI_GetHSteamPipe(void) { return user.open; }

EXPORT void *SteamAPI_SteamUser_v023(void) { return user.open ? &user : NULL; }
EXPORT uint64_t SteamAPI_ISteamUser_GetSteamID(side *self) { return self->open ? network_steam_id() : 0; }
EXPORT void *UTILS_ACCESSOR(SteamUtils)(void) { return user.open ? &user : NULL; }
EXPORT uint32_t SteamAPI_ISteamUtils_GetAppID(side *self) { return self->open ? app_id() : 0; }

EXPORT void *ACCESSOR(SteamNetworkingSockets)(void) { return user.open ? gns_sockets : NULL; }
EXPORT void *SteamAPI_SteamNetworkingUtils_SteamAPI_v004(void) { return gns_utils; }
EXPORT void *SteamAPI_SteamNetworkingMessages_SteamAPI_v002(void)
{
    const char *wanted = getenv("STEAMNET_FAKE_STEAM_REFUSE");
    bool known = wanted == NULL || strcmp(wanted, "unknown-interface") != 0;
    return user.open && known ? gns_messages : NULL;
}

#ifndef WITHOUT_LOBBIES
EXPORT void *MATCHMAKING_ACCESSOR(void) { return user.open ? lobbies_interface() : NULL; }
EXPORT void *FRIENDS_ACCESSOR(void) { return user.open ? friends_interface() : NULL; }
EXPORT void *APPS_ACCESSOR(void) { return user.open ? apps_interface() : NULL; }
#endif

/* For tests: what happens in the game when its player closes Steam. */
EXPORT void fake_steam_close(void)
{
    post(&user, k_iCallback_SteamServersDisconnected, 4, k_EResultNoConnection);
    post(&user, k_iCallback_SteamShutdown, 1, 0);
}

/* --- a game server --------------------------------------------------------------------------- */

EXPORT ESteamAPIInitResult SteamInternal_GameServer_Init_V2(uint32_t unIP, uint16_t usGamePort,
                                                            uint16_t usQueryPort, int eServerMode,
                                                            const char *pchVersionString,
                                                            const char *pszInternalCheckInterfaceVersions,
                                                            char *pOutErrMsg)
{
    (void)unIP, (void)usGamePort, (void)usQueryPort, (void)pszInternalCheckInterfaceVersions;
    if (eServerMode < 1 || eServerMode > 3 || strchr(pchVersionString, '.') == NULL) {
        snprintf(pOutErrMsg, 1024, "Invalid server mode or version string");
        return k_ESteamAPIInitResult_FailedGeneric;
    }
    return open_side(&server, steam_id(), pOutErrMsg);
}

EXPORT void SteamGameServer_Shutdown(void) { close_side(&server); }
EXPORT HSteamUser SteamGameServer_GetHSteamUser(void) { return server.open; }
EXPORT HSteamPipe SteamGameServer_GetHSteamPipe(void) { return server.open; }

EXPORT void *SteamAPI_SteamGameServer_v015(void) { return server.open ? &server : NULL; }
EXPORT void *UTILS_ACCESSOR(SteamGameServerUtils)(void) { return server.open ? &server : NULL; }
EXPORT void *ACCESSOR(SteamGameServerNetworkingSockets)(void) { return server.open ? gns_sockets : NULL; }
EXPORT void *SteamAPI_SteamGameServerNetworkingMessages_SteamAPI_v002(void)
{
    return server.open ? gns_messages : NULL;
}

static bool described;
EXPORT void SteamAPI_ISteamGameServer_SetProduct(side *self, const char *text)
{
    described = self->open && text[0] != '\0';
}
EXPORT void SteamAPI_ISteamGameServer_SetGameDescription(side *self, const char *text)
{
    described = described && self->open && text[0] != '\0';
}
EXPORT void SteamAPI_ISteamGameServer_SetModDir(side *self, const char *text)
{
    described = described && self->open && text != NULL;
}
EXPORT void SteamAPI_ISteamGameServer_SetDedicatedServer(side *self, bool dedicated)
{
    described = described && self->open && dedicated;
}

static void log_on(side *self, EResult result)
{
    self->logged_on = result == k_EResultOK;
    if (self->logged_on)
        post(self, k_iCallback_SteamServersConnected, 1, 0);
    else
        post(self, k_iCallback_SteamServerConnectFailure, 8, result);
}

EXPORT void SteamAPI_ISteamGameServer_LogOnAnonymous(side *self)
{
    log_on(self, described ? k_EResultOK : k_EResultInvalidState);
}
EXPORT void SteamAPI_ISteamGameServer_LogOn(side *self, const char *pszToken)
{
    bool good = described && strcmp(pszToken, "good token") == 0;
    log_on(self, good ? k_EResultOK : k_EResultAccountNotFound);
}
EXPORT void SteamAPI_ISteamGameServer_LogOff(side *self) { self->logged_on = false; }
EXPORT uint64_t SteamAPI_ISteamGameServer_GetSteamID(side *self)
{
    return self->logged_on ? network_steam_id() : 0;
}
