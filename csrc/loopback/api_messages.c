/* The flat functions of ISteamNetworkingMessages.
 *
 * The first message sends a connect request to the other user's session listener. Messages wait at
 * the sender until the session is accepted. Those that arrive wait in an inbox for each channel.
 */
#include "api.h"

#include <string.h>

#include "connection.h"
#include "engine_loop.h"
#include "handshake.h"
#include "listener.h"
#include "receive_queue.h"
#include "send.h"
#include "session.h"
#include "status.h"

/* How a session ends that is closed before it was accepted: the same as on Valve's engine. */
enum { SESSION_REJECTED = k_ESteamNetConnectionEnd_App_Min + 1 };

static void enter(lo_user *user)
{
    lo_api_begin(user);
    lo_open_session_listener(user);
}

/* A message to the sender itself needs no connection. */
static EResult send_to_self(lo_user *user, lo_packet *packet, int flags, int channel)
{
    lo_group *inbox = lo_inbox_open(user, channel);
    if (inbox == NULL)
        return k_EResultLimitExceeded;
    packet->message.m_identityPeer = user->identity;
    packet->message.m_nFlags = flags & k_nSteamNetworkingSend_Reliable;
    packet->message.m_usecTimeReceived = lo_timestamp(&lo, lo.now);
    lo_group_append(inbox, packet);
    lo_note_news(user);
    return k_EResultOK;
}

static EResult send_to(lo_user *user, const SteamNetworkingIdentity *to, lo_packet *packet,
                       int flags, int channel)
{
    lo_session *session = lo_session_find(user, to);
    packet->message.m_nChannel = channel;
    if (lo_same_identity(to, &user->identity))
        return send_to_self(user, packet, flags, channel);
    if (session != NULL && session->connection == NULL) {
        if (!(flags & k_nSteamNetworkingSend_AutoRestartBrokenSession))
            return k_EResultConnectFailed;
        lo_session_free(user, session);
        session = NULL;
    }
    if (session == NULL) {
        session = lo_session_new(user, to);
        if (session == NULL)
            return k_EResultFail;
        session->connection = lo_connect(user, LO_KIND_SESSION, to, 0, 0, NULL);
        if (session->connection == NULL) {
            lo_session_free(user, session);
            return k_EResultFail;
        }
        session->connection->session = session;
    } else if (!session->connection->outgoing && session->connection->state == LO_CONNECTING) {
        lo_accept(session->connection); /* replying accepts the session */
    }
    lo_session_use_channel(session, channel);
    packet->message.m_nFlags = flags & ~k_nSteamNetworkingSend_NoDelay;
    return lo_send(session->connection, packet, NULL);
}

EResult lo_SendMessageToUser(ISteamNetworkingMessages *self,
                             const SteamNetworkingIdentity *identityRemote, const void *pubData,
                             uint32_t cubData, int nSendFlags, int nRemoteChannel)
{
    SteamNetworkingIdentity to;
    lo_packet *packet;
    EResult result;
    if (!lo_clean_identity(&to, identityRemote))
        return k_EResultInvalidParam;
    result = lo_packet_copy(&packet, pubData, cubData);
    if (result != k_EResultOK)
        return result;
    enter((lo_user *)self);
    result = send_to((lo_user *)self, &to, packet, nSendFlags, nRemoteChannel);
    if (result != k_EResultOK)
        lo_release_later(packet);
    lo_api_end();
    return result;
}

int lo_ReceiveMessagesOnChannel(ISteamNetworkingMessages *self, int nLocalChannel,
                                SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_group *inbox;
    int count = 0;
    enter((lo_user *)self);
    inbox = lo_inbox_find((lo_user *)self, nLocalChannel);
    if (inbox != NULL)
        count = lo_dequeue_all(inbox, ppOutMessages, nMaxMessages);
    lo_api_end();
    return count;
}

/* lo_api_begin, and the user's session with this identity if there is one. */
static lo_session *enter_session(ISteamNetworkingMessages *self,
                                 const SteamNetworkingIdentity *identityRemote)
{
    SteamNetworkingIdentity with;
    enter((lo_user *)self);
    return lo_clean_identity(&with, identityRemote) ? lo_session_find((lo_user *)self, &with) : NULL;
}

bool lo_AcceptSessionWithUser(ISteamNetworkingMessages *self,
                              const SteamNetworkingIdentity *identityRemote)
{
    lo_session *session = enter_session(self, identityRemote);
    bool open = session != NULL && session->connection != NULL;
    if (open && !session->connection->outgoing && session->connection->state == LO_CONNECTING)
        open = lo_accept(session->connection) == k_EResultOK;
    lo_api_end();
    return open;
}

static void close_session(lo_user *user, lo_session *session)
{
    SteamNetworkingIdentity with = session->with;
    lo_connection *connection = session->connection;
    lo_session_free(user, session);
    if (connection != NULL) {
        bool rejects = !connection->outgoing && connection->state == LO_CONNECTING;
        lo_close(connection, rejects ? SESSION_REJECTED : 0, "Session closed", true);
    }
    lo_inbox_discard(user, &with, NULL);
}

bool lo_CloseSessionWithUser(ISteamNetworkingMessages *self,
                             const SteamNetworkingIdentity *identityRemote)
{
    lo_session *session = enter_session(self, identityRemote);
    if (session != NULL)
        close_session((lo_user *)self, session);
    lo_api_end();
    return session != NULL;
}

/* Closing the last channel closes the session. */
bool lo_CloseChannelWithUser(ISteamNetworkingMessages *self,
                             const SteamNetworkingIdentity *identityRemote, int nLocalChannel)
{
    lo_session *session = enter_session(self, identityRemote);
    struct lo_channel **at = session != NULL ? lo_session_channel(session, nLocalChannel) : NULL;
    struct lo_channel *channel = at != NULL ? *at : NULL;
    if (channel != NULL) {
        SteamNetworkingIdentity with = session->with;
        *at = channel->next;
        lo_free(channel);
        lo_inbox_discard((lo_user *)self, &with, &nLocalChannel);
        if (session->channels == NULL)
            close_session((lo_user *)self, session);
    }
    lo_api_end();
    return channel != NULL;
}

ESteamNetworkingConnectionState lo_GetSessionConnectionInfo(
    ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote,
    SteamNetConnectionInfo_t *pConnectionInfo, SteamNetConnectionRealTimeStatus_t *pQuickStatus)
{
    lo_session *session = enter_session(self, identityRemote);
    SteamNetConnectionInfo_t info = {.m_eState = LO_NONE};
    SteamNetConnectionRealTimeStatus_t status = {.m_nPing = -1};
    if (session != NULL && session->connection != NULL) {
        lo_fill_info(session->connection, &info);
        lo_fill_status(session->connection, &status);
    } else if (session != NULL) {
        info = session->end;
        status.m_eState = info.m_eState;
    }
    lo_api_end();
    if (pConnectionInfo != NULL)
        *pConnectionInfo = info;
    if (pQuickStatus != NULL)
        *pQuickStatus = status;
    return info.m_eState;
}
