/* Receiving: the queues of connections and poll groups, and what happens when they are full. */
#include "loopback.h"

/* --- into the queue ------------------------------------------------------------------------- */

void lo_acknowledge(lo_connection *receiver, const lo_packet *packet)
{
    lo_connection *sender = packet->from != 0 ? lo_find_any(packet->from, LO_CONNECTION) : NULL;
    if (packet->kind != LO_DATA)
        return;
    if (sender != NULL && packet->lane < sender->lane_room) {
        const lo_lane *lane = &sender->lanes[packet->lane];
        lo_ack ack = {{lane->acked[false], lane->acked[true]}};
        ack.arrived[packet->reliable].messages++;
        ack.arrived[packet->reliable].bytes += packet->message.m_cbSize;
        lo_acknowledged(sender, packet->lane, &ack);
    } else if (sender == NULL && receiver->link != NULL) {
        lo_link_acknowledge(receiver, packet);
    }
}

static bool is_full(const lo_connection *connection, int more)
{
    return connection->queue_count >= lo_config(&connection->scope, LO_RecvBufferMessages)->int32 ||
           (connection->queue_count > 0 &&
            connection->queue_bytes + connection->queue_count * (int64_t)LO_OVERHEAD + more >
                lo_config(&connection->scope, LO_RecvBufferSize)->int32);
}

void lo_join(lo_group *group, lo_packet *packet)
{
    packet->group = group;
    if (group != NULL)
        LO_APPEND(&group->packets, packet, grouped);
}

static void leave_group(lo_packet *packet)
{
    if (packet->group != NULL)
        LO_REMOVE(&packet->group->packets, packet, grouped);
    packet->group = NULL;
}

static void enqueue(lo_connection *connection, lo_packet *packet)
{
    SteamNetworkingMessage_t *message = &packet->message;
    lo_group *group = connection->group;
    lo_acknowledge(connection, packet);
    message->m_conn = connection->object.handle;
    message->m_identityPeer = connection->remote;
    message->m_usecTimeReceived = lo_timestamp(lo.now);
    message->m_nMessageNumber = packet->number;
    message->m_nFlags = packet->reliable ? k_nSteamNetworkingSend_Reliable : 0;
    message->m_nUserData = 0;
    message->m_idxLane = packet->lane;
    packet->taken = false;
    if (connection->manner == LO_SESSION) {
        group = lo_session_inbox(connection, message->m_nChannel);
        message->m_conn = 0;
        if (group == NULL) {
            lo_bury(packet);
            return;
        }
    } else {
        message->m_nChannel = -1;
    }
    packet->receiver = connection;
    lo_list_append(&connection->queue, packet);
    connection->queue_count++;
    connection->queue_bytes += message->m_cbSize;
    lo_join(group, packet);
}

static void take_in(lo_connection *connection, lo_packet *packet)
{
    int size = packet->message.m_cbSize;
    bool may_wait =
        packet->reliable && (connection->deferred.first != NULL || is_full(connection, size));
    if (packet->reliable && size > lo_config(&connection->scope, LO_RecvMaxMessageSize)->int32) {
        lo_bury(packet);
        lo_end(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_InternalError,
               "Reliable message size too large for the receiver's RecvMaxMessageSize", true);
    } else if (may_wait) {
        lo_list_append(&connection->deferred, packet);
    } else if (!packet->reliable &&
               (is_full(connection, size) ||
                size > lo_config(&connection->scope, LO_RecvMaxMessageSize)->int32)) {
        lo_say(connection->object.user, LO_VERBOSE,
               "#%u unreliable message dropped: the receive buffer is full", connection->ordinal);
        lo_acknowledge(connection, packet);
        lo_bury(packet);
    } else {
        enqueue(connection, packet);
    }
}

void lo_receive(lo_connection *connection, lo_packet *packet)
{
    if (packet->kind == LO_DATA) {
        lo_measure(&connection->received, lo.now, packet->message.m_cbSize);
        lo_signalled(connection, packet); /* who sends is connected */
    }
    if (packet->kind == LO_CLOSE && !packet->reliable)
        lo_bury_all(&connection->deferred); /* without linger: what has no room is lost */
    if (packet->kind == LO_CLOSE && connection->deferred.first != NULL) {
        lo_list_append(&connection->deferred, packet);
        lo_check_path(connection);
    } else if (packet->kind == LO_CLOSE) {
        lo_signalled(connection, packet);
    } else if (connection->state == LO_CONNECTED && !connection->closing &&
               packet->departs <= connection->cut) {
        take_in(connection, packet);
    } else {
        lo_acknowledge(connection, packet);
        lo_bury(packet);
    }
}

/* --- out of the queue ----------------------------------------------------------------------- */

void lo_move_up(lo_connection *connection)
{
    while (connection->deferred.first != NULL) {
        lo_packet *packet = connection->deferred.first;
        if (packet->kind == LO_DATA && is_full(connection, packet->message.m_cbSize))
            return;
        lo_list_take(&connection->deferred);
        if (packet->kind != LO_DATA) {
            lo_signalled(connection, packet);
            return; /* nothing honest comes after a goodbye, and a second one ends the connection */
        }
        enqueue(connection, packet);
    }
}

SteamNetworkingMessage_t *lo_take(lo_packet *packet)
{
    lo_connection *connection = packet->receiver;
    bool session = packet->message.m_conn == 0;
    leave_group(packet);
    packet->message.m_nConnUserData =
        session ? 0 : lo_config(&connection->scope, LO_ConnectionUserData)->int64;
    if (connection != NULL) {
        LO_REMOVE(&connection->queue, packet, queued);
        packet->receiver = NULL;
        connection->queue_count--;
        connection->queue_bytes -= packet->message.m_cbSize;
        if (connection->deferred.first != NULL)
            lo_move_up(connection);
    }
    return &packet->message;
}

int lo_take_all(lo_group *group, SteamNetworkingMessage_t **messages, int most)
{
    int count = 0;
    while (count < most && messages != NULL && group->packets.first != NULL)
        messages[count++] = lo_take(group->packets.first);
    return count;
}

/* What came for a session stays, but is in nobody's queue any more. */
void lo_drop_queue(lo_connection *connection)
{
    lo_packet *packet;
    while ((packet = lo_list_take(&connection->queue)) != NULL) {
        packet->receiver = NULL;
        if (connection->manner == LO_SESSION)
            continue;
        leave_group(packet);
        lo_bury(packet);
    }
    lo_bury_all(&connection->deferred);
    connection->queue_count = 0;
    connection->queue_bytes = 0;
}

int lo_ReceiveMessagesOnConnection(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                   SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_connection *connection = lo_enter_connection(self, hConn);
    int count = connection != NULL ? 0 : -1;
    while (connection != NULL && ppOutMessages != NULL && count < nMaxMessages &&
           connection->queue.first != NULL)
        ppOutMessages[count++] = lo_take(connection->queue.first);
    lo_leave();
    return count;
}

/* --- poll groups ---------------------------------------------------------------------------- */

lo_group *lo_group_new(lo_user *user)
{
    lo_group *group = lo_alloc(sizeof *group);
    if (group != NULL) {
        group->object.user = user;
        LO_APPEND(&user->groups, group, listed);
    }
    return group;
}

void lo_change_group(lo_connection *connection, lo_group *group)
{
    if (connection->group == group)
        return;
    if (connection->group != NULL)
        LO_REMOVE(&connection->group->members, connection, grouped);
    connection->group = group;
    if (group != NULL)
        LO_APPEND(&group->members, connection, grouped);
    for (lo_packet *packet = connection->queue.first; packet != NULL;
         packet = packet->queued.after) {
        leave_group(packet);
        lo_join(group, packet);
    }
}

void lo_group_destroy(lo_group *group)
{
    while (group->members.first != NULL)
        lo_change_group(group->members.first, NULL);
    while (group->packets.first != NULL) {
        lo_packet *packet = group->packets.first;
        lo_take(packet);
        lo_bury(packet);
    }
    lo_object_remove(&group->object);
    LO_REMOVE(&group->object.user->groups, group, listed);
    lo_free(group);
}

HSteamNetPollGroup lo_CreatePollGroup(ISteamNetworkingSockets *self)
{
    lo_group *group;
    HSteamNetPollGroup handle = 0;
    lo_enter();
    group = lo_group_new((lo_user *)self);
    if (group != NULL && lo_object_add(&group->object, (lo_user *)self, LO_GROUP))
        handle = group->object.handle;
    else if (group != NULL)
        lo_group_destroy(group);
    lo_leave();
    return handle;
}

bool lo_DestroyPollGroup(ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup)
{
    lo_group *group;
    lo_enter();
    group = lo_find_group(self, hPollGroup);
    if (group != NULL)
        lo_group_destroy(group);
    lo_leave();
    return group != NULL;
}

bool lo_SetConnectionPollGroup(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                               HSteamNetPollGroup hPollGroup)
{
    lo_connection *connection = lo_enter_connection(self, hConn);
    lo_group *group = lo_find_group(self, hPollGroup);
    bool done = connection != NULL && (group != NULL || hPollGroup == 0);
    if (done)
        lo_change_group(connection, group);
    lo_leave();
    return done;
}

int lo_ReceiveMessagesOnPollGroup(ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup,
                                  SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_group *group;
    int count;
    lo_enter();
    group = lo_find_group(self, hPollGroup);
    count = group != NULL ? lo_take_all(group, ppOutMessages, nMaxMessages) : -1;
    lo_leave();
    return count;
}
