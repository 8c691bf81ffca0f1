/* The networking interfaces of the fake: GNS's own, and plain answers for what only Steam has. */
#include "fake_steam.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sn_flat gns;
ISteamNetworkingSockets *gns_sockets;
ISteamNetworkingUtils *gns_utils;
ISteamNetworkingMessages *gns_messages;

static int users;
static uint64_t own_steam_id;
static void (*gns_kill)(void);

/* What GNS has not: the relay network, certificates from Steam, FakeIP. */
static struct {
    ESteamNetworkingAvailability relay, authentication;
    FnSteamRelayNetworkStatusChanged relay_changed;
    FnSteamNetAuthenticationStatusChanged authentication_changed;
    bool fake_ip_asked, fake_ip_told;
    SteamNetworkingFakeIPResult_t fake_ip;
    FnSteamNetworkingFakeIPResult fake_ip_changed;
} steam;

/* The one port, whose every peer is an echo. A call on one that was destroyed ends the process. */
static struct ISteamNetworkingFakeUDPPort {
    bool open;
    int echoes;
    SteamNetworkingMessage_t *echo[4];
} udp_port;

static void close_port(void)
{
    for (int i = 0; i < udp_port.echoes; i++)
        udp_port.echo[i]->m_pfnRelease(udp_port.echo[i]);
    memset(&udp_port, 0, sizeof udp_port);
}

/* --- release.c's library: loaded and unloaded with Steam ------------------------------------- */

static void *release_library;
static void (*release_message)(SteamNetworkingMessage_t *message);
static void (**release_original)(SteamNetworkingMessage_t *message);
static bool *release_closed;

static bool function(void *library, const char *name, void *pointer, char *error)
{
    void *address = library != NULL ? dlsym(library, name) : NULL;
    memcpy(pointer, &address, sizeof address);
    if (address == NULL)
        snprintf(error, 1024, "fake: no %s (%s)", name, library == NULL ? dlerror() : "missing");
    return address != NULL;
}

static bool open_release(char *error)
{
    char path[4096];
    Dl_info self;
    dladdr(&gns, &self);
    snprintf(path, sizeof path, "%.*slibfake_steam_release.so",
             (int)(strrchr(self.dli_fname, '/') + 1 - self.dli_fname), self.dli_fname);
    release_library = dlopen(path, RTLD_NOW);
    if (!function(release_library, "release_message", &release_message, error) ||
        !function(release_library, "release_original", &release_original, error) ||
        !function(release_library, "release_closed", &release_closed, error))
        return false;
    *release_closed = false;
    return true;
}

static int ours(SteamNetworkingMessage_t **messages, int count)
{
    for (int i = 0; i < count; i++) {
        *release_original = messages[i]->m_pfnRelease;
        messages[i]->m_pfnRelease = release_message;
    }
    return count;
}

/* --- life ------------------------------------------------------------------------------------ */

bool network_open(uint64_t steam_id, char *error)
{
    static const struct {
        const char *symbol;
        bool core;
    } names[] = {
#define FLAT(need, gil, ret, interface, name, parameters, default_result) \
    {"SteamAPI_" #interface "_" #name, #need[0] == 'R'},
#include "flat.def"
#undef FLAT
    };
    const char *path = getenv("STEAMNET_FAKE_STEAM_GNS");
    SteamNetworkingIdentity identity = {k_ESteamNetworkingIdentityType_SteamID, 8, {steam_id}};
    bool (*init)(const SteamNetworkingIdentity *, char *);
    ISteamNetworkingSockets *(*sockets)(void);
    ISteamNetworkingUtils *(*utils)(void);
    ISteamNetworkingMessages *(*messages)(void);
    void *library;
    if (users++ > 0) /* a user and a game server share one network, and the first one's identity */
        return true;
    library = path != NULL ? dlopen(path, RTLD_NOW) : NULL;
    if (library == NULL) {
        snprintf(error, 1024, "fake: STEAMNET_FAKE_STEAM_GNS: %s", path != NULL ? dlerror() : "not set");
        goto fail;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!function(library, names[i].symbol, (char *)&gns + i * sizeof(void (*)(void)), error) && names[i].core)
            goto fail;
    if (!function(library, "GameNetworkingSockets_Init", &init, error) ||
        !function(library, "GameNetworkingSockets_Kill", &gns_kill, error) ||
        !function(library, "SteamAPI_SteamNetworkingSockets_v009", &sockets, error) ||
        !function(library, "SteamAPI_SteamNetworkingUtils_v003", &utils, error) ||
        !function(library, "SteamAPI_SteamNetworkingMessages_v002", &messages, error) ||
        !open_release(error) || !init(&identity, error))
        goto fail;
    error[0] = '\0';
    own_steam_id = steam_id;
    memset(&steam, 0, sizeof steam);
    steam.relay = steam.authentication = k_ESteamNetworkingAvailability_NeverTried;
    gns_sockets = sockets();
    gns_utils = utils();
    gns_messages = messages();
    if (rendezvous_open(steam_id, error))
        return true;
    gns_kill();
fail:
    users--;
    gns_sockets = NULL;
    memset(&gns, 0, sizeof gns);
    return false;
}

void network_close(void)
{
    if (--users > 0)
        return;
    close_port();
    rendezvous_close();
    gns_kill();
    gns_sockets = NULL;
    gns_utils = NULL;
    gns_messages = NULL;
    memset(&gns, 0, sizeof gns);
    *release_closed = true;
    dlclose(release_library);
}

uint64_t network_steam_id(void) { return own_steam_id; }

/* --- what differs from GNS ------------------------------------------------------------------- */

#if FAKE_STEAM_VERSION < 13
EXPORT void SteamAPI_ISteamNetworkingSockets_SendMessages(ISteamNetworkingSockets *self, int nMessages,
                                                          SteamNetworkingMessage_t *const *pMessages,
                                                          int64_t *pOutMessageNumberOrResult)
{
    gns.ISteamNetworkingSockets_SendMessages(self, nMessages, pMessages, pOutMessageNumberOrResult, true);
}
#endif

EXPORT int SteamAPI_ISteamNetworkingSockets_ReceiveMessagesOnConnection(
    ISteamNetworkingSockets *self, HSteamNetConnection hConn, SteamNetworkingMessage_t **ppOutMessages,
    int nMaxMessages)
{
    return ours(ppOutMessages, gns.ISteamNetworkingSockets_ReceiveMessagesOnConnection(
                                   self, hConn, ppOutMessages, nMaxMessages));
}

EXPORT int SteamAPI_ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(
    ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup,
    SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    return ours(ppOutMessages, gns.ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(
                                   self, hPollGroup, ppOutMessages, nMaxMessages));
}

EXPORT int SteamAPI_ISteamNetworkingMessages_ReceiveMessagesOnChannel(
    ISteamNetworkingMessages *self, int nLocalChannel, SteamNetworkingMessage_t **ppOutMessages,
    int nMaxMessages)
{
    return ours(ppOutMessages, gns.ISteamNetworkingMessages_ReceiveMessagesOnChannel(
                                   self, nLocalChannel, ppOutMessages, nMaxMessages));
}

static void set_pointer(ESteamNetworkingConfigValue key, const void *function_pointer)
{
    gns.ISteamNetworkingUtils_SetConfigValue(gns_utils, key, k_ESteamNetworkingConfig_Global, 0,
                                             k_ESteamNetworkingConfig_Ptr, function_pointer);
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionRequest(
    ISteamNetworkingUtils *self, FnSteamNetworkingMessagesSessionRequest fnCallback)
{
    set_pointer(k_ESteamNetworkingConfig_Callback_MessagesSessionRequest, &fnCallback);
    return self != NULL;
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionFailed(
    ISteamNetworkingUtils *self, FnSteamNetworkingMessagesSessionFailed fnCallback)
{
    set_pointer(k_ESteamNetworkingConfig_Callback_MessagesSessionFailed, &fnCallback);
    return self != NULL;
}

/* In Valve's library these four go through an interface, and so crash until Steam is open. */
static bool through_interface(void) { return *(const volatile char *)gns_utils != 0; }
EXPORT void SteamAPI_SteamNetworkingIPAddr_ToString(void) { through_interface(); }
EXPORT bool SteamAPI_SteamNetworkingIPAddr_ParseString(void) { return through_interface() && false; }
EXPORT void SteamAPI_SteamNetworkingIdentity_ToString(void) { through_interface(); }
EXPORT bool SteamAPI_SteamNetworkingIdentity_ParseString(void) { return through_interface() && false; }

/* --- what only Steam has: the relay network and authentication -------------------------------- */

EXPORT void SteamAPI_ISteamNetworkingUtils_InitRelayNetworkAccess(ISteamNetworkingUtils *self)
{
    if (self == gns_utils && steam.relay == k_ESteamNetworkingAvailability_NeverTried)
        steam.relay = k_ESteamNetworkingAvailability_Attempting;
}

EXPORT ESteamNetworkingAvailability SteamAPI_ISteamNetworkingUtils_GetRelayNetworkStatus(
    ISteamNetworkingUtils *self, SteamRelayNetworkStatus_t *pDetails)
{
    if (self == gns_utils && pDetails != NULL) {
        *pDetails = (SteamRelayNetworkStatus_t){
            .m_eAvail = steam.relay,
            .m_bPingMeasurementInProgress = steam.relay == k_ESteamNetworkingAvailability_Attempting,
            .m_eAvailNetworkConfig = steam.relay,
            .m_eAvailAnyRelay = steam.relay,
        };
        snprintf(pDetails->m_debugMsg, sizeof pDetails->m_debugMsg, "fake relay");
    }
    return steam.relay;
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_SetGlobalCallback_SteamRelayNetworkStatusChanged(
    ISteamNetworkingUtils *self, FnSteamRelayNetworkStatusChanged fnCallback)
{
    steam.relay_changed = fnCallback;
    return self == gns_utils;
}

EXPORT ESteamNetworkingAvailability SteamAPI_ISteamNetworkingSockets_InitAuthentication(
    ISteamNetworkingSockets *self)
{
    if (self == gns_sockets && steam.authentication == k_ESteamNetworkingAvailability_NeverTried)
        steam.authentication = k_ESteamNetworkingAvailability_Attempting;
    return steam.authentication;
}

EXPORT ESteamNetworkingAvailability SteamAPI_ISteamNetworkingSockets_GetAuthenticationStatus(
    ISteamNetworkingSockets *self, SteamNetAuthenticationStatus_t *pDetails)
{
    if (self == gns_sockets && pDetails != NULL) {
        pDetails->m_eAvail = steam.authentication;
        snprintf(pDetails->m_debugMsg, sizeof pDetails->m_debugMsg, "fake certificate");
    }
    return steam.authentication;
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_SetGlobalCallback_SteamNetAuthenticationStatusChanged(
    ISteamNetworkingUtils *self, FnSteamNetAuthenticationStatusChanged fnCallback)
{
    steam.authentication_changed = fnCallback;
    return self == gns_utils;
}

/* Two data centers, and ping locations that are the text of their numbers. */
static const SteamNetworkingPOPID pops[] = {'i' << 16 | 'a' << 8 | 'd', 'f' << 16 | 'r' << 8 | 'a'};
static const int pop_pings[] = {12, 97};

EXPORT int SteamAPI_ISteamNetworkingUtils_GetPOPCount(ISteamNetworkingUtils *self)
{
    return self == gns_utils && steam.relay == k_ESteamNetworkingAvailability_Current ? 2 : 0;
}

EXPORT int SteamAPI_ISteamNetworkingUtils_GetPOPList(ISteamNetworkingUtils *self,
                                                     SteamNetworkingPOPID *list, int nListSz)
{
    int count = SteamAPI_ISteamNetworkingUtils_GetPOPCount(self);
    for (int i = 0; i < count && i < nListSz; i++)
        list[i] = pops[i];
    return count < nListSz ? count : nListSz;
}

EXPORT int SteamAPI_ISteamNetworkingUtils_GetDirectPingToPOP(ISteamNetworkingUtils *self,
                                                             SteamNetworkingPOPID popID)
{
    for (int i = 0; i < SteamAPI_ISteamNetworkingUtils_GetPOPCount(self); i++)
        if (pops[i] == popID)
            return pop_pings[i];
    return k_nSteamNetworkingPing_Failed;
}

EXPORT int SteamAPI_ISteamNetworkingUtils_GetPingToDataCenter(ISteamNetworkingUtils *self,
                                                              SteamNetworkingPOPID popID,
                                                              SteamNetworkingPOPID *pViaRelayPoP)
{
    if (pViaRelayPoP != NULL)
        *pViaRelayPoP = popID;
    return SteamAPI_ISteamNetworkingUtils_GetDirectPingToPOP(self, popID);
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_ParsePingLocationString(ISteamNetworkingUtils *self,
                                                                   const char *pszString,
                                                                   SteamNetworkPingLocation_t *result)
{
    if (self != gns_utils || strncmp(pszString, "iad=", 4) != 0)
        return false;
    memset(result, 0, sizeof *result);
    snprintf((char *)result->m_data, sizeof result->m_data, "%s", pszString);
    return true;
}

EXPORT float SteamAPI_ISteamNetworkingUtils_GetLocalPingLocation(ISteamNetworkingUtils *self,
                                                                 SteamNetworkPingLocation_t *result)
{
    if (steam.relay != k_ESteamNetworkingAvailability_Current)
        return -1.0f;
    SteamAPI_ISteamNetworkingUtils_ParsePingLocationString(self, "iad=12", result);
    return 1.5f;
}

EXPORT void SteamAPI_ISteamNetworkingUtils_ConvertPingLocationToString(
    ISteamNetworkingUtils *self, const SteamNetworkPingLocation_t *location, char *pszBuf, int cchBufSize)
{
    if (self == gns_utils)
        snprintf(pszBuf, (size_t)cchBufSize, "%s", (const char *)location->m_data);
}

EXPORT int SteamAPI_ISteamNetworkingUtils_EstimatePingTimeBetweenTwoLocations(
    ISteamNetworkingUtils *self, const SteamNetworkPingLocation_t *location1,
    const SteamNetworkPingLocation_t *location2)
{
    int one, other;
    if (self == gns_utils && sscanf((const char *)location1->m_data, "iad=%d", &one) == 1 &&
        sscanf((const char *)location2->m_data, "iad=%d", &other) == 1)
        return one + other;
    return k_nSteamNetworkingPing_Unknown;
}

EXPORT int SteamAPI_ISteamNetworkingUtils_EstimatePingTimeFromLocalHost(
    ISteamNetworkingUtils *self, const SteamNetworkPingLocation_t *remoteLocation)
{
    SteamNetworkPingLocation_t here = {{0}};
    SteamAPI_ISteamNetworkingUtils_GetLocalPingLocation(self, &here);
    return SteamAPI_ISteamNetworkingUtils_EstimatePingTimeBetweenTwoLocations(self, &here,
                                                                              remoteLocation);
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_CheckPingDataUpToDate(ISteamNetworkingUtils *self,
                                                                 float flMaxAgeSeconds)
{
    return self == gns_utils && flMaxAgeSeconds > 0 && steam.relay == k_ESteamNetworkingAvailability_Current;
}

/* --- what only Steam has: FakeIP -------------------------------------------------------------- */

#define FAKE_ADDRESS 0xa9fe0701u

EXPORT bool SteamAPI_ISteamNetworkingSockets_BeginAsyncRequestFakeIP(ISteamNetworkingSockets *self,
                                                                     int nNumPorts)
{
    if (self != gns_sockets || steam.fake_ip_asked || nNumPorts < 1 || nNumPorts > 4)
        return false;
    steam.fake_ip_asked = true;
    steam.fake_ip = (SteamNetworkingFakeIPResult_t){.m_eResult = k_EResultOK, .m_unIP = FAKE_ADDRESS};
    gns.ISteamNetworkingSockets_GetIdentity(self, &steam.fake_ip.m_identity);
    for (int i = 0; i < nNumPorts; i++)
        steam.fake_ip.m_unPorts[i] = (uint16_t)(1024 + i);
    return true;
}

EXPORT void SteamAPI_ISteamNetworkingSockets_GetFakeIP(ISteamNetworkingSockets *self, int idxFirstPort,
                                                       SteamNetworkingFakeIPResult_t *pInfo)
{
    *pInfo = steam.fake_ip;
    if (self != gns_sockets || !steam.fake_ip_told)
        *pInfo = (SteamNetworkingFakeIPResult_t){
            .m_eResult = steam.fake_ip_asked ? k_EResultBusy : k_EResultFail};
    else if (idxFirstPort < 0 || idxFirstPort > 3 || steam.fake_ip.m_unPorts[idxFirstPort] == 0)
        *pInfo = (SteamNetworkingFakeIPResult_t){.m_eResult = k_EResultInvalidParam};
}

EXPORT bool SteamAPI_ISteamNetworkingUtils_SetGlobalCallback_FakeIPResult(
    ISteamNetworkingUtils *self, FnSteamNetworkingFakeIPResult fnCallback)
{
    steam.fake_ip_changed = fnCallback;
    return self == gns_utils;
}

EXPORT ESteamNetworkingFakeIPType SteamAPI_ISteamNetworkingUtils_GetIPv4FakeIPType(
    ISteamNetworkingUtils *self, uint32_t nIPv4)
{
    return self == gns_utils && nIPv4 >> 16 == (169 << 8 | 254) ? k_ESteamNetworkingFakeIPType_GlobalIPv4
                                                                : k_ESteamNetworkingFakeIPType_NotFake;
}

EXPORT EResult SteamAPI_ISteamNetworkingUtils_GetRealIdentityForFakeIP(
    ISteamNetworkingUtils *self, const SteamNetworkingIPAddr *fakeIP,
    SteamNetworkingIdentity *pOutRealIdentity)
{
    if (self != gns_utils || !steam.fake_ip_told || fakeIP->m_ipv6[15] != (FAKE_ADDRESS & 255))
        return k_EResultNoMatch;
    *pOutRealIdentity = steam.fake_ip.m_identity;
    return k_EResultOK;
}

EXPORT HSteamListenSocket SteamAPI_ISteamNetworkingSockets_CreateListenSocketP2PFakeIP(
    ISteamNetworkingSockets *self, int idxFakePort, int nOptions,
    const SteamNetworkingConfigValue_t *pOptions)
{
    return steam.fake_ip_asked ? gns.ISteamNetworkingSockets_CreateListenSocketP2P(
                               self, 20000 + idxFakePort, nOptions, pOptions)
                         : 0;
}

EXPORT ISteamNetworkingFakeUDPPort *SteamAPI_ISteamNetworkingSockets_CreateFakeUDPPort(
    ISteamNetworkingSockets *self, int idxFirstServerPort)
{
    if (self != gns_sockets || !steam.fake_ip_told || udp_port.open || idxFirstServerPort > 3 ||
        (idxFirstServerPort >= 0 && steam.fake_ip.m_unPorts[idxFirstServerPort] == 0))
        return NULL;
    udp_port.open = true;
    return &udp_port;
}

static void use(const ISteamNetworkingFakeUDPPort *port)
{
    if (port != &udp_port || !port->open)
        abort();
}

EXPORT void SteamAPI_ISteamNetworkingFakeUDPPort_DestroyFakeUDPPort(ISteamNetworkingFakeUDPPort *self)
{
    use(self);
    close_port();
}

EXPORT EResult SteamAPI_ISteamNetworkingFakeUDPPort_SendMessageToFakeIP(
    ISteamNetworkingFakeUDPPort *self, const SteamNetworkingIPAddr *remoteAddress, const void *pData,
    uint32_t cbData, int nSendFlags)
{
    SteamNetworkingMessage_t *echo;
    use(self);
    if (nSendFlags & k_nSteamNetworkingSend_Reliable)
        return k_EResultInvalidParam;
    if (self->echoes == (int)(sizeof self->echo / sizeof self->echo[0]))
        return k_EResultLimitExceeded;
    echo = gns.ISteamNetworkingUtils_AllocateMessage(gns_utils, (int)cbData);
    memcpy(echo->m_pData, pData, cbData);
    echo->m_identityPeer = (SteamNetworkingIdentity){
        k_ESteamNetworkingIdentityType_IPAddress, sizeof *remoteAddress, .m_ip = *remoteAddress};
    self->echo[self->echoes++] = echo;
    return k_EResultOK;
}

EXPORT int SteamAPI_ISteamNetworkingFakeUDPPort_ReceiveMessages(
    ISteamNetworkingFakeUDPPort *self, SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    int count;
    use(self);
    count = self->echoes < nMaxMessages ? self->echoes : nMaxMessages;
    memcpy(ppOutMessages, self->echo, (size_t)count * sizeof *self->echo);
    self->echoes -= count;
    memmove(self->echo, self->echo + count, (size_t)self->echoes * sizeof *self->echo);
    return ours(ppOutMessages, count);
}

EXPORT void SteamAPI_ISteamNetworkingFakeUDPPort_ScheduleCleanup(
    ISteamNetworkingFakeUDPPort *self, const SteamNetworkingIPAddr *remoteAddress)
{
    (void)remoteAddress;
    use(self);
}

void network_pump(void)
{
    rendezvous_pump();
    if (steam.relay == k_ESteamNetworkingAvailability_Attempting) {
        SteamRelayNetworkStatus_t status;
        steam.relay = k_ESteamNetworkingAvailability_Current;
        SteamAPI_ISteamNetworkingUtils_GetRelayNetworkStatus(gns_utils, &status);
        if (steam.relay_changed != NULL)
            steam.relay_changed(&status);
    }
    if (steam.authentication == k_ESteamNetworkingAvailability_Attempting) {
        SteamNetAuthenticationStatus_t status;
        steam.authentication = k_ESteamNetworkingAvailability_Current;
        SteamAPI_ISteamNetworkingSockets_GetAuthenticationStatus(gns_sockets, &status);
        if (steam.authentication_changed != NULL)
            steam.authentication_changed(&status);
    }
    if (steam.fake_ip_asked && !steam.fake_ip_told) {
        steam.fake_ip_told = true;
        if (steam.fake_ip_changed != NULL)
            steam.fake_ip_changed(&steam.fake_ip);
    }
    gns.ISteamNetworkingSockets_RunCallbacks(gns_sockets);
}

EXPORT void SteamAPI_ISteamNetworkingSockets_RunCallbacks(ISteamNetworkingSockets *self)
{
    if (self == gns_sockets)
        network_pump();
}

/* Everything else: GNS's functions as they are, and for those it lacks what a call on a dead
 * handle answers. build.py writes this from flat.def. */
#include "forward.inc"
