/* A library that lies: it loads as GameNetworkingSockets, and answers what no engine should.
 *
 * answers.c has all functions that are not here. Tests call lying_about to choose the lie.
 */
#include "fake_steam.h"

#include <stdlib.h>
#include <string.h>

enum { RELIABLE = 8, ROOM = 256 };

static enum lie {
    HONEST,
    TOO_MANY,         /* receiving: more messages than were asked for */
    NULL_MESSAGE,     /* an array with gaps */
    NULL_DATA,        /* a size, and no bytes */
    NEGATIVE_SIZE,
    SHORT_IDENTITY,   /* an identity whose size leaves out what tells it from another */
    UNWRITTEN,        /* success, and nothing written where the result should be */
    GROWING,          /* a text that is longer each time */
    ENDLESS,          /* lists without an end, sizes beyond all memory */
    NO_TEXT,          /* debug output without a text */
    NO_INTERFACES,    /* a start that succeeds without them */
} lie;
static int released, calls;
static FSteamNetworkingSocketsDebugOutput debug_output;

EXPORT void lying_about(int what)
{
    lie = (enum lie)what;
    released = calls = 0;
}
EXPORT int lying_released(void) { return released; }
EXPORT int lying_calls(void) { return calls; }

/* --- life ------------------------------------------------------------------------------------ */

static char interface;

EXPORT bool GameNetworkingSockets_Init(const SteamNetworkingIdentity *identity, char *error)
{
    (void)identity, (void)error;
    return true;
}
EXPORT void GameNetworkingSockets_Kill(void) {}
EXPORT void *SteamAPI_SteamNetworkingSockets_v009(void) { return lie == NO_INTERFACES ? NULL : &interface; }
EXPORT void *SteamAPI_SteamNetworkingUtils_v003(void) { return &interface; }
EXPORT void *SteamAPI_SteamNetworkingMessages_v002(void) { return &interface; }

EXPORT bool SteamAPI_ISteamNetworkingSockets_GetIdentity(ISteamNetworkingSockets *self,
                                                         SteamNetworkingIdentity *pIdentity)
{
    (void)self;
    if (lie != UNWRITTEN)
        *pIdentity = (SteamNetworkingIdentity){k_ESteamNetworkingIdentityType_SteamID, 8, {76561198000000001u}};
    return true;
}

/* --- receiving ------------------------------------------------------------------------------- */

static void release(SteamNetworkingMessage_t *message)
{
    released++;
    free(message);
}

static SteamNetworkingMessage_t *message(int number)
{
    static char bytes[] = "bytes";
    SteamNetworkingMessage_t *made = calloc(1, sizeof *made);
    if (made == NULL)
        abort();
    made->m_pData = lie == NULL_DATA ? NULL : bytes;
    made->m_cbSize = lie == NEGATIVE_SIZE ? -5 : lie == NULL_DATA ? number * 1000 : 5;
    made->m_conn = 1;
    made->m_nFlags = RELIABLE;
    made->m_nMessageNumber = number;
    made->m_identityPeer = (SteamNetworkingIdentity){
        k_ESteamNetworkingIdentityType_GenericString, 8, {0}};
    memcpy(made->m_identityPeer.m_szGenericString, number % 2 ? "player one" : "player two", 11);
    made->m_identityPeer.m_cbSize = lie == SHORT_IDENTITY ? number % 8 : 11;
    made->m_pfnRelease = release;
    return made;
}

static int receive(SteamNetworkingMessage_t **out, int limit)
{
    int many = lie == TOO_MANY ? limit : limit < 4 ? limit : 4;
    if (calls++ > 0 && lie != TOO_MANY)
        return 0;
    for (int i = 0; i < many && lie != UNWRITTEN; i++)
        out[i] = lie == NULL_MESSAGE && i % 2 == 0 ? NULL : message(i + 1);
    return lie == TOO_MANY ? limit + 1000 : many;
}

EXPORT int SteamAPI_ISteamNetworkingSockets_ReceiveMessagesOnConnection(
    ISteamNetworkingSockets *self, HSteamNetConnection hConn, SteamNetworkingMessage_t **ppOutMessages,
    int nMaxMessages)
{
    (void)self, (void)hConn;
    return receive(ppOutMessages, nMaxMessages);
}

EXPORT int SteamAPI_ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(
    ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup,
    SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    (void)self, (void)hPollGroup;
    return receive(ppOutMessages, nMaxMessages);
}

EXPORT int SteamAPI_ISteamNetworkingMessages_ReceiveMessagesOnChannel(
    ISteamNetworkingMessages *self, int nLocalChannel, SteamNetworkingMessage_t **ppOutMessages,
    int nMaxMessages)
{
    (void)self, (void)nLocalChannel;
    return receive(ppOutMessages, nMaxMessages);
}

/* --- results that are not written ------------------------------------------------------------ */

EXPORT bool SteamAPI_ISteamNetworkingSockets_GetConnectionInfo(ISteamNetworkingSockets *self,
                                                               HSteamNetConnection hConn,
                                                               SteamNetConnectionInfo_t *pInfo)
{
    (void)self, (void)hConn, (void)pInfo;
    return true;
}

EXPORT EResult SteamAPI_ISteamNetworkingSockets_GetConnectionRealTimeStatus(
    ISteamNetworkingSockets *self, HSteamNetConnection hConn, SteamNetConnectionRealTimeStatus_t *pStatus,
    int nLanes, SteamNetConnectionRealTimeLaneStatus_t *pLanes)
{
    (void)self, (void)hConn, (void)pStatus, (void)nLanes, (void)pLanes;
    return k_EResultOK;
}

EXPORT bool SteamAPI_ISteamNetworkingSockets_GetConnectionName(ISteamNetworkingSockets *self,
                                                               HSteamNetConnection hPeer, char *pszName,
                                                               int nMaxLen)
{
    (void)self, (void)hPeer;
    if (lie == ENDLESS)
        memset(pszName, 'x', (size_t)nMaxLen); /* and no end of the text */
    return true;
}

EXPORT bool SteamAPI_ISteamNetworkingSockets_CreateSocketPair(
    ISteamNetworkingSockets *self, HSteamNetConnection *pOutConnection1, HSteamNetConnection *pOutConnection2,
    bool bUseNetworkLoopback, const SteamNetworkingIdentity *pIdentity1,
    const SteamNetworkingIdentity *pIdentity2)
{
    (void)self, (void)pOutConnection1, (void)pOutConnection2, (void)bUseNetworkLoopback;
    (void)pIdentity1, (void)pIdentity2;
    return true;
}

EXPORT EResult SteamAPI_ISteamNetworkingSockets_SendMessageToConnection(
    ISteamNetworkingSockets *self, HSteamNetConnection hConn, const void *pData, uint32_t cbData,
    int nSendFlags, int64_t *pOutMessageNumber)
{
    (void)self, (void)hConn, (void)pData, (void)cbData, (void)nSendFlags, (void)pOutMessageNumber;
    return k_EResultOK;
}

EXPORT SteamNetworkingMessage_t *SteamAPI_ISteamNetworkingUtils_AllocateMessage(ISteamNetworkingUtils *self,
                                                                                int cbAllocateBuffer)
{
    SteamNetworkingMessage_t *made = calloc(1, sizeof *made + (size_t)cbAllocateBuffer);
    (void)self;
    if (made != NULL) {
        made->m_pData = made + 1;
        made->m_cbSize = cbAllocateBuffer;
        made->m_pfnRelease = release;
    }
    return made;
}

EXPORT void SteamAPI_ISteamNetworkingSockets_SendMessages(ISteamNetworkingSockets *self, int nMessages,
                                                          SteamNetworkingMessage_t *const *pMessages,
                                                          int64_t *pOutMessageNumberOrResult,
                                                          bool bDeleteFailedMessages)
{
    (void)self, (void)pOutMessageNumberOrResult, (void)bDeleteFailedMessages;
    for (int i = 0; i < nMessages; i++) {
        if (pMessages[i]->m_pfnFreeData != NULL)
            pMessages[i]->m_pfnFreeData(pMessages[i]);
        release(pMessages[i]);
    }
}

/* --- texts and lists that grow ----------------------------------------------------------------- */

EXPORT int SteamAPI_ISteamNetworkingSockets_GetDetailedConnectionStatus(ISteamNetworkingSockets *self,
                                                                        HSteamNetConnection hConn,
                                                                        char *pszBuf, int cbBuf)
{
    (void)self, (void)hConn;
    calls++;
    if (pszBuf != NULL)
        memset(pszBuf, 'x', (size_t)cbBuf);
    return lie == GROWING ? cbBuf + 1 : lie == ENDLESS ? INT32_MAX : 0;
}

EXPORT bool SteamAPI_ISteamNetworkingSockets_GetCertificateRequest(ISteamNetworkingSockets *self, int *pcbBlob,
                                                                   void *pBlob, char *errMsg)
{
    (void)self, (void)pBlob, (void)errMsg;
    calls++;
    if (lie == GROWING)
        *pcbBlob += 100;
    else if (lie == ENDLESS)
        *pcbBlob = INT32_MAX;
    else if (lie == NEGATIVE_SIZE)
        *pcbBlob = -1;
    return true;
}

EXPORT ESteamNetworkingGetConfigValueResult SteamAPI_ISteamNetworkingUtils_GetConfigValue(
    ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue, ESteamNetworkingConfigScope eScopeType,
    intptr_t scopeObj, ESteamNetworkingConfigDataType *pOutDataType, void *pResult, size_t *cbResult)
{
    (void)self, (void)eValue, (void)eScopeType, (void)scopeObj;
    calls++;
    if (lie == UNWRITTEN)
        return k_ESteamNetworkingGetConfigValue_OK;
    *pOutDataType = k_ESteamNetworkingConfig_String;
    memset(pResult, 'x', *cbResult);
    *cbResult = lie == ENDLESS ? SIZE_MAX : *cbResult + 1;
    return lie == HONEST ? k_ESteamNetworkingGetConfigValue_OK : k_ESteamNetworkingGetConfigValue_BufferTooSmall;
}

EXPORT ESteamNetworkingConfigValue SteamAPI_ISteamNetworkingUtils_IterateGenericEditableConfigValues(
    ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eCurrent, bool bEnumerateDevVars)
{
    (void)self, (void)bEnumerateDevVars;
    return lie == ENDLESS ? eCurrent % 60 + 1 : k_ESteamNetworkingConfig_Invalid;
}

EXPORT int SteamAPI_ISteamNetworkingUtils_GetPOPCount(ISteamNetworkingUtils *self)
{
    return (void)self, INT32_MAX;
}

EXPORT int SteamAPI_ISteamNetworkingUtils_GetPOPList(ISteamNetworkingUtils *self, SteamNetworkingPOPID *list,
                                                     int nListSz)
{
    (void)self;
    memset(list, 0, (size_t)nListSz * sizeof *list);
    return INT32_MAX;
}

/* --- debug output ------------------------------------------------------------------------------ */

EXPORT void SteamAPI_ISteamNetworkingUtils_SetDebugOutputFunction(
    ISteamNetworkingUtils *self, ESteamNetworkingSocketsDebugOutputType eDetailLevel,
    FSteamNetworkingSocketsDebugOutput pfnFunc)
{
    (void)self, (void)eDetailLevel;
    debug_output = pfnFunc;
}

EXPORT void SteamAPI_ISteamNetworkingSockets_RunCallbacks(ISteamNetworkingSockets *self)
{
    (void)self;
    if (lie == NO_TEXT && debug_output != NULL)
        debug_output(k_ESteamNetworkingSocketsDebugOutputType_Msg, NULL);
}
