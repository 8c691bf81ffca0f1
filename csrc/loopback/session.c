/* Sessions of ISteamNetworkingMessages, each over a connection that the application does not see. */
#include "session.h"

#include "connection.h"
#include "receive_queue.h"
#include "status.h"

/* --- sessions ------------------------------------------------------------------------------ */

lo_session *lo_session_find(const lo_user *user, const SteamNetworkingIdentity *with)
{
    lo_session *session = user->sessions.first;
    while (session != NULL && !lo_same_identity(&session->with, with))
        session = session->listed.after;
    return session;
}

lo_session *lo_session_new(lo_user *user, const SteamNetworkingIdentity *with)
{
    lo_session *session = lo_alloc(sizeof *session);
    if (session != NULL) {
        session->with = *with;
        LO_APPEND(&user->sessions, session, listed);
    }
    return session;
}

/* The connection is no longer the session's. */
static void detach(lo_session *session)
{
    if (session->connection != NULL)
        session->connection->session = NULL;
    session->connection = NULL;
}

void lo_session_free(lo_user *user, lo_session *session)
{
    LO_REMOVE(&user->sessions, session, listed);
    detach(session);
    while (session->channels != NULL) {
        struct lo_channel *channel = session->channels;
        session->channels = channel->next;
        lo_free(channel);
    }
    lo_free(session);
}

struct lo_channel **lo_session_channel(lo_session *session, int number)
{
    struct lo_channel **at = &session->channels;
    while (*at != NULL && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

void lo_session_use_channel(lo_session *session, int number)
{
    struct lo_channel **at = lo_session_channel(session, number);
    if (*at == NULL && (*at = lo_alloc(sizeof **at)) != NULL)
        (*at)->number = number;
}

/* --- the inbox ----------------------------------------------------------------------------- */

lo_group *lo_inbox_find(lo_user *user, int channel)
{
    lo_group *group = user->groups.first;
    while (group != NULL && (group->object.handle != 0 || group->channel != channel))
        group = group->listed.after;
    return group;
}

lo_group *lo_inbox_open(lo_user *user, int channel)
{
    lo_group *group = lo_inbox_find(user, channel);
    if (group == NULL && (group = lo_group_new(user)) != NULL)
        group->channel = channel;
    return group;
}

lo_group *lo_session_inbox(const lo_connection *connection, int channel)
{
    if (connection->session == NULL)
        return NULL;
    lo_session_use_channel(connection->session, channel);
    return lo_inbox_open(connection->object.user, channel);
}

void lo_inbox_discard(lo_user *user, const SteamNetworkingIdentity *from, const int *channel)
{
    for (lo_group *group = user->groups.first; group != NULL; group = group->listed.after) {
        lo_packet *packet, *next;
        if (group->object.handle != 0 || (channel != NULL && group->channel != *channel))
            continue;
        for (packet = group->packets.first; packet != NULL; packet = next) {
            next = packet->grouped.after;
            if (lo_same_identity(&packet->message.m_identityPeer, from)) {
                lo_dequeue(packet);
                lo_release_later(packet);
            }
        }
    }
}

/* --- what happens to the connection -------------------------------------------------------- */

/* Without a failure: the other user closed it, or was connected and is gone. A caller whose request
 * was closed has been rejected, which is a failure. */
static bool ended_in_silence(const lo_connection *connection, ESteamNetworkingConnectionState old)
{
    return old == LO_CONNECTED ||
           (!connection->outgoing && connection->state == LO_CLOSED_BY_PEER &&
            connection->end.reason < k_ESteamNetConnectionEnd_AppException_Min);
}

void lo_session_on_state(lo_connection *connection, ESteamNetworkingConnectionState old)
{
    lo_user *user = connection->object.user;
    lo_session *session = connection->session;
    if (connection->state == LO_CONNECTING && old == LO_NONE && connection->outgoing) {
        /* All that is told of a session's connection, as on Valve's engine. */
        lo_post_event(connection, LO_Callback_ConnectionStatusChanged, old);
    } else if (connection->state == LO_CONNECTING && old == LO_NONE) {
        lo_connection *before = NULL;
        session = lo_session_find(user, &connection->remote);
        if (session == NULL)
            session = lo_session_new(user, &connection->remote);
        if (session == NULL)
            return; /* it is not answered and times out */
        before = session->connection;
        detach(session);
        if (before != NULL)
            lo_close(before, 0, NULL, false); /* the peer begins another session */
        session->connection = connection;
        connection->session = session;
        lo_post_event(connection, LO_Callback_MessagesSessionRequest, old);
    } else if (lo_is_ended(connection)) {
        bool silent = ended_in_silence(connection, old);
        if (session != NULL) {
            lo_fill_info(connection, &session->end);
            if (!silent)
                lo_post_event(connection, LO_Callback_MessagesSessionFailed, old);
            detach(session);
            if (silent)
                lo_session_free(user, session);
        }
        connection->state = LO_DEAD;
        lo_timer_add(&connection->timeout_timer, lo.now);
    }
}
