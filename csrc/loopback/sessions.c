/* ISteamNetworkingMessages: sessions with users, each over a connection that nobody sees.
 *
 * A first message calls the other user's door. What is sent before the session is accepted
 * waits at the sender. What arrives lies in the user's inbox for its channel.
 */
#include "loopback.h"

#include <string.h>

struct lo_session {
    LO_LINK(lo_session) listed;
    SteamNetworkingIdentity with;
    lo_connection *connection;    /* NULL once it has failed */
    SteamNetConnectionInfo_t end; /* how it failed */
    struct channel {
        struct channel *next;
        int number;
    } *channels; /* used in either direction */
};

/* --- sessions ------------------------------------------------------------------------------- */

static lo_session *find(const lo_user *user, const SteamNetworkingIdentity *with)
{
    lo_session *session = user->sessions.first;
    while (session != NULL && !lo_same_identity(&session->with, with))
        session = session->listed.after;
    return session;
}

static lo_session *new_session(lo_user *user, const SteamNetworkingIdentity *with)
{
    lo_session *session = lo_alloc(sizeof *session);
    if (session != NULL) {
        session->with = *with;
        LO_APPEND(&user->sessions, session, listed);
    }
    return session;
}

/* The connection is no longer a session's and goes as soon as it may. */
void lo_session_let_go(lo_session *session)
{
    if (session->connection != NULL)
        session->connection->session = NULL;
    session->connection = NULL;
}

static void forget(lo_user *user, lo_session *session)
{
    LO_REMOVE(&user->sessions, session, listed);
    lo_session_let_go(session);
    while (session->channels != NULL) {
        struct channel *channel = session->channels;
        session->channels = channel->next;
        lo_free(channel);
    }
    lo_free(session);
}

static struct channel **find_channel(lo_session *session, int number)
{
    struct channel **at = &session->channels;
    while (*at != NULL && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

static void use_channel(lo_session *session, int number)
{
    struct channel **at = find_channel(session, number);
    if (*at == NULL && (*at = lo_alloc(sizeof **at)) != NULL)
        (*at)->number = number;
}

/* --- the inbox ------------------------------------------------------------------------------ */

static lo_group *inbox_for(lo_user *user, int channel)
{
    lo_group *group = user->groups.first;
    while (group != NULL && (group->object.handle != 0 || group->channel != channel))
        group = group->listed.after;
    return group;
}

static lo_group *make_inbox(lo_user *user, int channel)
{
    lo_group *group = inbox_for(user, channel);
    if (group == NULL && (group = lo_group_new(user)) != NULL)
        group->channel = channel;
    return group;
}

lo_group *lo_session_inbox(const lo_connection *connection, int channel)
{
    if (connection->session == NULL)
        return NULL;
    use_channel(connection->session, channel);
    return make_inbox(connection->object.user, channel);
}

/* Throws away what one user sent and nobody read, on one channel or on all. */
static void discard(lo_user *user, const SteamNetworkingIdentity *from, const int *channel)
{
    for (lo_group *group = user->groups.first; group != NULL; group = group->listed.after) {
        lo_packet *packet, *next;
        if (group->object.handle != 0 || (channel != NULL && group->channel != *channel))
            continue;
        for (packet = group->packets.first; packet != NULL; packet = next) {
            next = packet->grouped.after;
            if (lo_same_identity(&packet->message.m_identityPeer, from)) {
                lo_take(packet);
                lo_bury(packet);
            }
        }
    }
}

/* --- what happens to the connection --------------------------------------------------------- */

void lo_session_changed(lo_connection *connection, ESteamNetworkingConnectionState old)
{
    lo_user *user = connection->object.user;
    lo_session *session = connection->session;
    if (connection->state == LO_CONNECTING && old == LO_NONE && !connection->outgoing) {
        lo_connection *before = NULL;
        session = find(user, &connection->remote);
        if (session == NULL)
            session = new_session(user, &connection->remote);
        if (session == NULL)
            return; /* unanswered, it times out */
        before = session->connection;
        lo_session_let_go(session);
        if (before != NULL)
            lo_close(before, 0, NULL, false); /* the other side has begun anew */
        session->connection = connection;
        connection->session = session;
        lo_tell(connection, LO_Callback_MessagesSessionRequest, old);
    } else if (connection->state >= LO_CLOSED_BY_PEER) {
        bool closed = connection->state == LO_CLOSED_BY_PEER &&
                      connection->end_reason < k_ESteamNetConnectionEnd_AppException_Min;
        if (session != NULL) {
            lo_fill_info(connection, &session->end);
            if (!closed)
                lo_tell(connection, LO_Callback_MessagesSessionFailed, old);
            lo_session_let_go(session);
            if (closed)
                forget(user, session);
        }
        connection->closing = true; /* its deadline takes it away */
        lo_set_deadline(connection, lo.now);
    }
}

void lo_sessions_free(lo_user *user)
{
    while (user->sessions.first != NULL)
        forget(user, user->sessions.first);
}

/* --- the flat functions --------------------------------------------------------------------- */

void lo_session_door(lo_user *user)
{
    if (user->door != NULL && !user->door->opened) {
        user->door->opened = true;
        lo_publish(user->door);
    }
}

static void enter(lo_user *user)
{
    lo_enter();
    lo_session_door(user);
}

/* To oneself no connection is needed. */
static EResult send_to_self(lo_user *user, lo_packet *packet, int flags, int channel)
{
    lo_group *inbox = make_inbox(user, channel);
    if (inbox == NULL)
        return k_EResultLimitExceeded;
    packet->message.m_identityPeer = user->identity;
    packet->message.m_nFlags = flags & k_nSteamNetworkingSend_Reliable;
    packet->message.m_usecTimeReceived = lo_timestamp(lo.now);
    lo_join(inbox, packet);
    return k_EResultOK;
}

static EResult send_to(lo_user *user, const SteamNetworkingIdentity *to, lo_packet *packet,
                       int flags, int channel)
{
    lo_session *session = find(user, to);
    packet->message.m_nChannel = channel;
    if (lo_same_identity(to, &user->identity))
        return send_to_self(user, packet, flags, channel);
    if (session != NULL && session->connection == NULL) {
        if (!(flags & k_nSteamNetworkingSend_AutoRestartBrokenSession))
            return k_EResultConnectFailed;
        forget(user, session);
        session = NULL;
    }
    if (session == NULL) {
        session = new_session(user, to);
        if (session == NULL)
            return k_EResultFail;
        session->connection = lo_connect(user, LO_SESSION, to, 0, 0, NULL);
        if (session->connection == NULL) {
            forget(user, session);
            return k_EResultFail;
        }
        session->connection->session = session;
        lo_change(session->connection, LO_CONNECTING);
        lo_ring(session->connection);
    } else if (!session->connection->outgoing && session->connection->state == LO_CONNECTING) {
        lo_accept(session->connection); /* an answer is consent */
    }
    use_channel(session, channel);
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
        lo_bury(packet);
    lo_leave();
    return result;
}

int lo_ReceiveMessagesOnChannel(ISteamNetworkingMessages *self, int nLocalChannel,
                                SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_group *inbox;
    int count = 0;
    enter((lo_user *)self);
    inbox = inbox_for((lo_user *)self, nLocalChannel);
    if (inbox != NULL)
        count = lo_take_all(inbox, ppOutMessages, nMaxMessages);
    lo_leave();
    return count;
}

/* Into the world and to one's session there, if there is one. */
static lo_session *enter_session(ISteamNetworkingMessages *self,
                                 const SteamNetworkingIdentity *identityRemote)
{
    SteamNetworkingIdentity with;
    enter((lo_user *)self);
    return lo_clean_identity(&with, identityRemote) ? find((lo_user *)self, &with) : NULL;
}

bool lo_AcceptSessionWithUser(ISteamNetworkingMessages *self,
                              const SteamNetworkingIdentity *identityRemote)
{
    lo_session *session = enter_session(self, identityRemote);
    bool open = session != NULL && session->connection != NULL;
    if (open && !session->connection->outgoing && session->connection->state == LO_CONNECTING)
        open = lo_accept(session->connection) == k_EResultOK;
    lo_leave();
    return open;
}

/* The connection goes first: no more moves up into the inbox, not its peer's goodbye either. */
static void close_session(lo_user *user, lo_session *session)
{
    SteamNetworkingIdentity with = session->with;
    lo_connection *connection = session->connection;
    forget(user, session);
    if (connection != NULL)
        lo_close(connection, 0, "Session closed", true);
    discard(user, &with, NULL);
}

bool lo_CloseSessionWithUser(ISteamNetworkingMessages *self,
                             const SteamNetworkingIdentity *identityRemote)
{
    lo_session *session = enter_session(self, identityRemote);
    if (session != NULL)
        close_session((lo_user *)self, session);
    lo_leave();
    return session != NULL;
}

/* With its last channel the session is closed too. */
bool lo_CloseChannelWithUser(ISteamNetworkingMessages *self,
                             const SteamNetworkingIdentity *identityRemote, int nLocalChannel)
{
    lo_session *session = enter_session(self, identityRemote);
    struct channel **at = session != NULL ? find_channel(session, nLocalChannel) : NULL;
    struct channel *channel = at != NULL ? *at : NULL;
    if (channel != NULL) {
        SteamNetworkingIdentity with = session->with;
        *at = channel->next;
        lo_free(channel);
        discard((lo_user *)self, &with, &nLocalChannel);
        session = find((lo_user *)self, &with); /* what moved up may have been its end */
        if (session != NULL && session->channels == NULL)
            close_session((lo_user *)self, session);
    }
    lo_leave();
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
    lo_leave();
    if (pConnectionInfo != NULL)
        *pConnectionInfo = info;
    if (pQuickStatus != NULL)
        *pQuickStatus = status;
    return info.m_eState;
}
