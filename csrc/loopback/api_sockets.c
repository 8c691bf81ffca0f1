/* The flat functions of ISteamNetworkingSockets, but for those that move messages. */
#include "api.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "engine_loop.h"
#include "handshake.h"
#include "listener.h"
#include "receive_queue.h"
#include "status.h"

/* --- connections --------------------------------------------------------------------------- */

HSteamNetConnection lo_ConnectP2P(ISteamNetworkingSockets *self,
                                  const SteamNetworkingIdentity *identityRemote,
                                  int nRemoteVirtualPort, int nOptions,
                                  const SteamNetworkingConfigValue_t *pOptions)
{
    lo_user *user = (lo_user *)self;
    SteamNetworkingIdentity to;
    lo_connection *connection = NULL;
    if (!lo_clean_identity(&to, identityRemote) || nRemoteVirtualPort < 0 ||
        nRemoteVirtualPort > 65535)
        return 0;
    lo_api_begin(self);
    if (!lo_same_identity(&to, &user->identity) ||
        lo_listener_at(LO_KIND_P2P, &to, nRemoteVirtualPort) != NULL)
        connection = lo_connect(user, LO_KIND_P2P, &to, nRemoteVirtualPort, nOptions, pOptions);
    return lo_api_end_made(connection);
}

HSteamNetConnection lo_ConnectByIPAddress(ISteamNetworkingSockets *self,
                                          const SteamNetworkingIPAddr *address, int nOptions,
                                          const SteamNetworkingConfigValue_t *pOptions)
{
    SteamNetworkingIdentity to = {.m_eType = k_ESteamNetworkingIdentityType_IPAddress};
    lo_connection *connection;
    if (address == NULL)
        return 0;
    to.m_cbSize = sizeof to.m_ip;
    to.m_ip = *address;
    lo_api_begin(self);
    /* No listen socket has port 0: an address that is not of this machine is never found. */
    connection = lo_connect((lo_user *)self, LO_KIND_IP, &to,
                            lo_is_local(address, false) ? address->m_port : 0, nOptions, pOptions);
    return lo_api_end_made(connection);
}

EResult lo_AcceptConnection(ISteamNetworkingSockets *self, HSteamNetConnection hConn)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    EResult result = connection != NULL ? lo_accept(connection) : k_EResultInvalidParam;
    lo_api_end();
    return result;
}

bool lo_CloseConnection(ISteamNetworkingSockets *self, HSteamNetConnection hPeer, int nReason,
                        const char *pszDebug, bool bEnableLinger)
{
    lo_connection *connection = lo_api_begin_connection(self, hPeer);
    if (connection != NULL)
        lo_close(connection, nReason, pszDebug, bEnableLinger);
    lo_api_end();
    return connection != NULL;
}

bool lo_CreateSocketPair(ISteamNetworkingSockets *self, HSteamNetConnection *pOutConnection1,
                         HSteamNetConnection *pOutConnection2, bool bUseNetworkLoopback,
                         const SteamNetworkingIdentity *pIdentity1,
                         const SteamNetworkingIdentity *pIdentity2)
{
    lo_user *user = (lo_user *)self;
    const SteamNetworkingIdentity *identities[] = {pIdentity1, pIdentity2};
    lo_connection *pair[2];
    bool made;
    (void)bUseNetworkLoopback; /* both behave like the network */
    if (pOutConnection1 == NULL || pOutConnection2 == NULL)
        return false;
    lo_api_begin(self);
    for (int i = 0; i < 2; i++)
        pair[i] = lo_connection_new(user, LO_KIND_PAIR, NULL, 0, NULL);
    made = pair[0] != NULL && pair[1] != NULL;
    for (int i = 0; i < 2 && made; i++) {
        if (!lo_clean_identity(&pair[i]->remote, identities[i]))
            pair[i]->remote = lo_localhost;
        pair[i]->peer = pair[1 - i]->object.handle;
        pair[i]->outgoing = i == 0;
        pair[i]->state = LO_CONNECTED;
    }
    if (made) {
        *pOutConnection1 = pair[0]->object.handle;
        *pOutConnection2 = pair[1]->object.handle;
    }
    for (int i = 0; i < 2; i++)
        if (made)
            lo_check_path(pair[i]);
        else if (pair[i] != NULL)
            lo_destroy(pair[i]);
    lo_api_end();
    return made;
}

/* --- listen sockets ------------------------------------------------------------------------ */

HSteamListenSocket lo_CreateListenSocketP2P(ISteamNetworkingSockets *self, int nLocalVirtualPort,
                                            int nOptions,
                                            const SteamNetworkingConfigValue_t *pOptions)
{
    lo_listener *listener;
    if (nLocalVirtualPort < 0 || nLocalVirtualPort > 65535)
        return 0;
    lo_api_begin(self);
    listener = lo_listen((lo_user *)self, LO_KIND_P2P, nLocalVirtualPort, nOptions, pOptions);
    return lo_api_end_made(listener);
}

HSteamListenSocket lo_CreateListenSocketIP(ISteamNetworkingSockets *self,
                                           const SteamNetworkingIPAddr *localAddress, int nOptions,
                                           const SteamNetworkingConfigValue_t *pOptions)
{
    lo_user *user = (lo_user *)self;
    lo_listener *listener = NULL;
    if (localAddress == NULL || localAddress->m_port == 0)
        return 0;
    lo_api_begin(self);
    if (lo_is_local(localAddress, true))
        listener = lo_listen(user, LO_KIND_IP, localAddress->m_port, nOptions, pOptions);
    else
        lo_log(user, LO_WARNING,
               "the loopback engine listens on [::], 0.0.0.0, ::1 and 127.x.x.x only");
    if (listener != NULL)
        listener->address = *localAddress;
    return lo_api_end_made(listener);
}

bool lo_CloseListenSocket(ISteamNetworkingSockets *self, HSteamListenSocket hSocket)
{
    lo_listener *listener;
    lo_api_begin(self);
    listener = lo_find_listener(self, hSocket);
    if (listener != NULL)
        lo_listener_destroy(listener);
    lo_api_end();
    return listener != NULL;
}

bool lo_GetListenSocketAddress(ISteamNetworkingSockets *self, HSteamListenSocket hSocket,
                               SteamNetworkingIPAddr *address)
{
    lo_listener *listener;
    bool known;
    lo_api_begin(self);
    listener = lo_find_listener(self, hSocket);
    known = listener != NULL && listener->kind == LO_KIND_IP;
    if (known && address != NULL)
        *address = listener->address;
    lo_api_end();
    return known;
}

/* --- what can be asked --------------------------------------------------------------------- */

bool lo_GetConnectionInfo(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                          SteamNetConnectionInfo_t *pInfo)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    if (connection != NULL && pInfo != NULL)
        lo_fill_info(connection, pInfo);
    lo_api_end();
    return connection != NULL;
}

EResult lo_GetConnectionRealTimeStatus(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                       SteamNetConnectionRealTimeStatus_t *pStatus, int nLanes,
                                       SteamNetConnectionRealTimeLaneStatus_t *pLanes)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    EResult result = k_EResultOK;
    if (connection == NULL)
        result = k_EResultNoConnection;
    else if (nLanes < 0 || nLanes > connection->lane_count || (nLanes > 0 && pLanes == NULL))
        result = k_EResultInvalidParam;
    if (result == k_EResultOK && pStatus != NULL)
        lo_fill_status(connection, pStatus);
    for (int i = 0; i < nLanes && result == k_EResultOK; i++)
        lo_fill_lane_status(connection, &connection->lanes[i], &pLanes[i]);
    lo_api_end();
    return result;
}

int lo_GetDetailedConnectionStatus(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                   char *pszBuf, int cbBuf)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    int result = -1;
    if (connection != NULL) {
        int needed =
            lo_write_details(connection, pszBuf, pszBuf != NULL && cbBuf > 0 ? (size_t)cbBuf : 0) + 1;
        result = pszBuf == NULL || cbBuf < needed ? needed : 0;
    }
    lo_api_end();
    return result;
}

bool lo_SetConnectionUserData(ISteamNetworkingSockets *self, HSteamNetConnection hPeer,
                              int64_t nUserData)
{
    lo_connection *connection = lo_api_begin_connection(self, hPeer);
    if (connection != NULL) {
        lo_config_set(&connection->scope, LO_ConnectionUserData, (lo_value){.int64 = nUserData});
        connection->settings.user_data = nUserData;
    }
    lo_api_end();
    return connection != NULL;
}

int64_t lo_GetConnectionUserData(ISteamNetworkingSockets *self, HSteamNetConnection hPeer)
{
    lo_connection *connection = lo_api_begin_connection(self, hPeer);
    int64_t data = connection != NULL ? connection->settings.user_data : -1;
    lo_api_end();
    return data;
}

void lo_SetConnectionName(ISteamNetworkingSockets *self, HSteamNetConnection hPeer,
                          const char *pszName)
{
    lo_connection *connection = lo_api_begin_connection(self, hPeer);
    if (connection != NULL)
        snprintf(connection->name, sizeof connection->name, "%s", pszName != NULL ? pszName : "");
    lo_api_end();
}

bool lo_GetConnectionName(ISteamNetworkingSockets *self, HSteamNetConnection hPeer, char *pszName,
                          int nMaxLen)
{
    lo_connection *connection = lo_api_begin_connection(self, hPeer);
    if (connection != NULL && pszName != NULL && nMaxLen > 0)
        snprintf(pszName, (size_t)nMaxLen, "%s", connection->name);
    lo_api_end();
    return connection != NULL;
}

/* --- identity and callbacks ---------------------------------------------------------------- */

bool lo_GetIdentity(ISteamNetworkingSockets *self, SteamNetworkingIdentity *pIdentity)
{
    if (pIdentity != NULL) {
        lo_api_begin(self);
        *pIdentity = ((lo_user *)self)->identity;
        lo_api_end();
    }
    return true;
}

/* Refused while anything is open under the old identity. */
void lo_ResetIdentity(ISteamNetworkingSockets *self, const SteamNetworkingIdentity *pIdentity)
{
    lo_user *user = (lo_user *)self;
    SteamNetworkingIdentity identity;
    lo_api_begin(self);
    if (user->connections.first != NULL || user->listeners.first != user->session_listener ||
        user->listeners.last != user->session_listener) {
        lo_log(user, LO_ERROR, "ResetIdentity refused: connections or listen sockets are open");
    } else if (!lo_clean_identity(&identity, pIdentity)) {
        lo_log(user, LO_ERROR, "ResetIdentity refused: not a valid identity");
    } else {
        if (user->session_listener != NULL)
            lo_listener_destroy(user->session_listener);
        user->identity = identity;
        user->session_listener = lo_listen(user, LO_KIND_SESSION, 0, 0, NULL);
    }
    lo_api_end();
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

void lo_RunCallbacks(ISteamNetworkingSockets *self) { lo_run_callbacks((lo_user *)self, INT_MAX); }

/* Callbacks run without the lock, so they may call anything. What is queued meanwhile, by other
 * threads too, waits for the next call. */
void lo_run_callbacks(lo_user *user, int limit)
{
    LO_LIST(lo_event) events = {NULL, NULL};
    lo_api_begin(user);
    sn_see_changes(user->engine);
    if (lo_config(&user->global, LO_Callback_MessagesSessionRequest)->pointer != NULL)
        lo_open_session_listener(user);
    lo_publish_again();
    for (lo_event *event; limit-- > 0 && (event = user->events.first) != NULL;) {
        if (event->function == NULL)
            event->function = lo_config(&user->local, event->callback)->pointer;
        LO_REMOVE(&user->events, event, queued);
        LO_APPEND(&events, event, queued);
    }
    user->news = user->events.first != NULL;
    lo_api_end();
    while (events.first != NULL) {
        lo_event *event = events.first;
        LO_REMOVE(&events, event, queued);
        call(event);
        lo_free(event);
    }
}
