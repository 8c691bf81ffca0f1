/* Receiving: from the network into the queue, and what happens when it is full. */
#include "loopback.h"

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

/* --- arrivals ------------------------------------------------------------------------------------ */

void lo_lose(lo_connection *connection, lo_packet *packet, bool sending)
{
    if (sending)
        lo_unsend(connection, packet);
    else
        lo_acknowledge(connection, packet);
    lo_bury(packet);
}

static void deliver(lo_connection *connection, lo_packet *packet)
{
    if (packet->kind == LO_DATA || packet->kind == LO_CLOSE)
        lo_receive(connection, packet);
    else
        lo_signalled(connection, packet);
}

static void knock(lo_packet *packet)
{
    lo_listener *listener = lo_find_any(packet->to, LO_LISTENER);
    lo_connection *caller = lo_find_any(packet->from, LO_CONNECTION);
    const lo_sky *sky = listener != NULL ? &listener->object.user->sky_receive : NULL;
    if (sky != NULL && packet->stage == LO_ARRIVING && (sky->lag > 0 || sky->loss >= 100)) {
        /* Nobody's connection yet, so nobody's chance: only what hits every packet. */
        packet->stage = sky->loss >= 100 ? LO_ARRIVING : LO_THERE;
        lo_air_push(&lo.air, &packet->node,
                    lo.now + sky->lag + (sky->loss >= 100 ? LO_RING_AGAIN : 0));
        return;
    }
    if (listener != NULL) {
        lo_called(listener, packet);
    } else if (caller != NULL) {
        caller->rung = false;
        lo_set_deadline(caller, lo.now + LO_RING_AGAIN);
    }
    lo_bury(packet);
}

void lo_land(lo_packet *packet)
{
    lo_connection *connection;
    if (packet->stage == LO_LEAVING) {
        connection = lo_find_any(packet->from, LO_CONNECTION);
        if (connection != NULL)
            lo_leave_sender(connection, packet);
        else
            lo_bury(packet);
        return;
    }
    if (packet->kind == LO_CALL && packet->receiver == NULL) {
        knock(packet);
        return;
    }
    connection =
        packet->receiver != NULL ? packet->receiver : lo_find_any(packet->to, LO_CONNECTION);
    if (connection != NULL && packet->stage == LO_ARRIVING) {
        int64_t due = lo_through(connection, packet, &connection->object.user->sky_receive, false);
        if (due > lo.now || (due >= 0 && packet->stage == LO_ARRIVING)) {
            lo_air_push(&lo.air, &packet->node, due);
            return;
        }
        if (packet->receiver != NULL)
            lo_link_landed(packet);
        if (due < 0) {
            lo_lose(connection, packet, false);
            return;
        }
    } else if (packet->receiver != NULL) {
        lo_link_landed(packet);
    }
    if (connection != NULL)
        deliver(connection, packet);
    else
        lo_bury(packet);
}
