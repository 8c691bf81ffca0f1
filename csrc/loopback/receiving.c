/* Receiving: the queues of connections and poll groups, and what happens when they are full. */
#include "loopback.h"

enum { CONNECTED = k_ESteamNetworkingConnectionState_Connected };

/* --- into the queue ------------------------------------------------------------------------- */

void lo_acknowledge(lo_connection *receiver, const lo_packet *packet)
{
    int bytes = packet->message.m_cbSize;
    lo_connection *sender = packet->from != 0 ? lo_find_any(packet->from, LO_CONNECTION) : NULL;
    if (packet->kind != LO_DATA)
        return;
    if (sender != NULL)
        lo_credit(sender, packet->lane, 1, bytes, packet->reliable);
    else if (receiver != NULL && receiver->link != NULL)
        lo_link_acknowledge(receiver, packet);
}

static bool is_full(const lo_connection *connection, int more)
{
    return connection->queue_count >= lo_config(&connection->scope, LO_RecvBufferMessages)->int32 ||
           (connection->queue_count > 0 &&
            connection->queue_bytes + connection->queue_count * (int64_t)LO_OVERHEAD + more >
                lo_config(&connection->scope, LO_RecvBufferSize)->int32);
}

static void join_group_queue(lo_group *group, lo_packet *packet)
{
    packet->after = NULL;
    packet->before = group->last;
    if (group->last != NULL)
        group->last->after = packet;
    else
        group->first = packet;
    group->last = packet;
}

static void leave_group_queue(lo_group *group, lo_packet *packet)
{
    if (packet->before != NULL)
        packet->before->after = packet->after;
    else
        group->first = packet->after;
    if (packet->after != NULL)
        packet->after->before = packet->before;
    else
        group->last = packet->before;
    packet->before = packet->after = NULL;
}

static void enqueue(lo_connection *connection, lo_packet *packet)
{
    SteamNetworkingMessage_t *message = &packet->message;
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
        lo_session_received(connection, packet);
        return;
    }
    message->m_nChannel = -1;
    packet->receiver = connection;
    lo_list_append(&connection->queue, packet);
    connection->queue_count++;
    connection->queue_bytes += message->m_cbSize;
    if (connection->group != NULL)
        join_group_queue(connection->group, packet);
}

static void take_in(lo_connection *connection, lo_packet *packet)
{
    int size = packet->message.m_cbSize;
    bool may_wait =
        packet->reliable && (connection->deferred.first != NULL || is_full(connection, size));
    if (packet->reliable && size > lo_config(&connection->scope, LO_RecvMaxMessageSize)->int32) {
        lo_bury(packet);
        lo_end(connection, k_ESteamNetworkingConnectionState_ProblemDetectedLocally,
               k_ESteamNetConnectionEnd_Misc_InternalError,
               "Reliable message size too large for the receiver's RecvMaxMessageSize", true);
    } else if (may_wait) {
        lo_list_append(&connection->deferred, packet);
    } else if (!packet->reliable &&
               (is_full(connection, size) ||
                size > lo_config(&connection->scope, LO_RecvMaxMessageSize)->int32)) {
        lo_say(connection->object.user, k_ESteamNetworkingSocketsDebugOutputType_Verbose,
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
        lo_bury_all(&connection->deferred);
    if (packet->kind == LO_CLOSE && connection->deferred.first != NULL) {
        lo_list_append(&connection->deferred, packet);
        lo_check_path(connection);
    } else if (packet->kind == LO_CLOSE) {
        lo_signalled(connection, packet);
    } else if (connection->state == CONNECTED && !connection->closing &&
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
        if (packet->kind == LO_DATA)
            enqueue(connection, packet);
        else
            lo_signalled(connection, packet);
    }
}

static SteamNetworkingMessage_t *take(lo_connection *connection)
{
    lo_packet *packet = lo_list_take(&connection->queue);
    connection->queue_count--;
    connection->queue_bytes -= packet->message.m_cbSize;
    if (connection->group != NULL)
        leave_group_queue(connection->group, packet);
    packet->receiver = NULL;
    packet->message.m_nConnUserData = lo_config(&connection->scope, LO_ConnectionUserData)->int64;
    if (connection->deferred.first != NULL)
        lo_move_up(connection);
    return &packet->message;
}

void lo_drop_queue(lo_connection *connection)
{
    for (lo_packet *packet = connection->queue.first; packet != NULL; packet = packet->next)
        if (connection->group != NULL)
            leave_group_queue(connection->group, packet);
    lo_bury_all(&connection->queue);
    lo_bury_all(&connection->deferred);
    connection->queue_count = 0;
    connection->queue_bytes = 0;
}

int loopback_ISteamNetworkingSockets_ReceiveMessagesOnConnection(
    ISteamNetworkingSockets *self, HSteamNetConnection hConn,
    SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_connection *connection;
    int count = -1;
    lo_enter();
    connection = lo_find_connection(self, hConn);
    if (connection != NULL)
        for (count = 0;
             count < nMaxMessages && ppOutMessages != NULL && connection->queue_count > 0; count++)
            ppOutMessages[count] = take(connection);
    lo_leave();
    return count;
}

/* --- poll groups ---------------------------------------------------------------------------- */

void lo_leave_group(lo_connection *connection)
{
    lo_group *group = connection->group;
    if (group == NULL)
        return;
    for (lo_packet *packet = connection->queue.first; packet != NULL; packet = packet->next)
        leave_group_queue(group, packet);
    if (connection->group_previous != NULL)
        connection->group_previous->group_next = connection->group_next;
    else
        group->members = connection->group_next;
    if (connection->group_next != NULL)
        connection->group_next->group_previous = connection->group_previous;
    connection->group = NULL;
    connection->group_previous = connection->group_next = NULL;
}

void lo_join_group(lo_connection *connection, lo_group *group)
{
    if (connection->group == group)
        return;
    lo_leave_group(connection);
    if (group == NULL)
        return;
    connection->group = group;
    connection->group_next = group->members;
    if (group->members != NULL)
        group->members->group_previous = connection;
    group->members = connection;
    for (lo_packet *packet = connection->queue.first; packet != NULL; packet = packet->next)
        join_group_queue(group, packet);
}

void lo_group_destroy(lo_group *group)
{
    lo_user *user = group->object.user;
    while (group->members != NULL)
        lo_leave_group(group->members);
    lo_object_remove(&group->object);
    if (group->previous != NULL)
        group->previous->next = group->next;
    else
        user->groups = group->next;
    if (group->next != NULL)
        group->next->previous = group->previous;
    lo_free(group);
}

HSteamNetPollGroup loopback_ISteamNetworkingSockets_CreatePollGroup(ISteamNetworkingSockets *self)
{
    lo_user *user = (lo_user *)self;
    lo_group *group = lo_alloc(sizeof *group);
    HSteamNetPollGroup handle = 0;
    if (group == NULL)
        return 0;
    lo_look();
    if (lo_object_add(&group->object, user, LO_GROUP)) {
        handle = group->object.handle;
        group->next = user->groups;
        if (user->groups != NULL)
            user->groups->previous = group;
        user->groups = group;
    } else {
        lo_free(group);
    }
    lo_leave();
    return handle;
}

bool loopback_ISteamNetworkingSockets_DestroyPollGroup(ISteamNetworkingSockets *self,
                                                       HSteamNetPollGroup hPollGroup)
{
    lo_group *group;
    lo_look();
    group = lo_find_group(self, hPollGroup);
    if (group != NULL)
        lo_group_destroy(group);
    lo_leave();
    return group != NULL;
}

bool loopback_ISteamNetworkingSockets_SetConnectionPollGroup(ISteamNetworkingSockets *self,
                                                             HSteamNetConnection hConn,
                                                             HSteamNetPollGroup hPollGroup)
{
    lo_connection *connection;
    lo_group *group;
    bool done;
    lo_look();
    connection = lo_find_connection(self, hConn);
    group = lo_find_group(self, hPollGroup);
    done = connection != NULL && (group != NULL || hPollGroup == 0);
    if (done)
        lo_join_group(connection, group);
    lo_leave();
    return done;
}

int loopback_ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(
    ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup,
    SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_group *group;
    int count = -1;
    lo_enter();
    group = lo_find_group(self, hPollGroup);
    if (group != NULL)
        /* The group's oldest message is also the oldest of its connection. */
        for (count = 0; count < nMaxMessages && ppOutMessages != NULL && group->first != NULL;
             count++)
            ppOutMessages[count] = take(group->first->receiver);
    lo_leave();
    return count;
}
