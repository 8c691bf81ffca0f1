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
    if (connection->kind == LO_KIND_SESSION) {
        group = lo_session_inbox(connection, message->m_nChannel);
        message->m_conn = 0;
        if (group == NULL) {
            lo_release_later(packet);
            return;
        }
    } else {
        message->m_nChannel = -1;
    }
    packet->receiver = connection;
    lo_list_append(&connection->queue, packet);
    connection->queue_count++;
    connection->queue_bytes += message->m_cbSize;
    lo_group_append(group, packet);
}

static void accept_data(lo_connection *connection, lo_packet *packet)
{
    int size = packet->message.m_cbSize;
    bool may_wait =
        packet->reliable && (connection->deferred.first != NULL || is_full(connection, size));
    if (packet->reliable && size > lo_config(&connection->scope, LO_RecvMaxMessageSize)->int32) {
        lo_release_later(packet);
        lo_terminate(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_InternalError,
               "Reliable message size too large for the receiver's RecvMaxMessageSize", true);
    } else if (may_wait) {
        lo_list_append(&connection->deferred, packet);
    } else if (!packet->reliable &&
               (is_full(connection, size) ||
                size > lo_config(&connection->scope, LO_RecvMaxMessageSize)->int32)) {
        lo_log(connection->object.user, LO_VERBOSE,
               "#%u unreliable message dropped: the receive buffer is full", connection->ordinal);
        lo_acknowledge(connection, packet);
        lo_release_later(packet);
    } else {
        enqueue(connection, packet);
    }
}

void lo_receive(lo_connection *connection, lo_packet *packet)
{
    if (packet->kind == LO_DATA) {
        lo_measure(&connection->received, lo.now, packet->message.m_cbSize);
        lo_handle_control(connection, packet); /* who sends is connected */
    }
    if (packet->kind == LO_CONNECTION_CLOSED && !packet->reliable)
        lo_release_all_later(&connection->deferred); /* without linger: what has no room is lost */
    if (packet->kind == LO_CONNECTION_CLOSED && connection->deferred.first != NULL) {
        lo_list_append(&connection->deferred, packet);
        lo_check_path(connection);
    } else if (packet->kind == LO_CONNECTION_CLOSED) {
        lo_handle_control(connection, packet);
    } else if (connection->state == LO_CONNECTED && !connection->closing &&
               packet->send_time <= connection->discard_after) {
        accept_data(connection, packet);
    } else {
        lo_acknowledge(connection, packet);
        lo_release_later(packet);
    }
}

void lo_drain_deferred(lo_connection *connection)
{
    while (connection->deferred.first != NULL) {
        lo_packet *packet = connection->deferred.first;
        if (packet->kind == LO_DATA && is_full(connection, packet->message.m_cbSize))
            return;
        lo_list_take(&connection->deferred);
        if (packet->kind != LO_DATA) {
            lo_handle_control(connection, packet);
            return; /* nothing honest comes after a goodbye, and a second one ends the connection */
        }
        enqueue(connection, packet);
    }
}

/* --- arrivals ------------------------------------------------------------------------------------ */

void lo_drop_packet(lo_connection *connection, lo_packet *packet, bool sending)
{
    if (sending)
        lo_unsend(connection, packet);
    else
        lo_acknowledge(connection, packet);
    lo_release_later(packet);
}

static void dispatch(lo_connection *connection, lo_packet *packet)
{
    if (packet->kind == LO_DATA || packet->kind == LO_CONNECTION_CLOSED)
        lo_receive(connection, packet);
    else
        lo_handle_control(connection, packet);
}

static void deliver_connect_request(lo_packet *packet)
{
    lo_listener *listener = lo_find_any(packet->to, LO_LISTENER);
    lo_connection *caller = lo_find_any(packet->from, LO_CONNECTION);
    const lo_sim_params *sim = listener != NULL ? &listener->object.user->sim_receive : NULL;
    if (sim != NULL && packet->stage == LO_IN_FLIGHT && (sim->lag > 0 || sim->loss >= 100)) {
        /* Nobody's connection yet, so nobody's chance: only what hits every packet. */
        packet->stage = sim->loss >= 100 ? LO_IN_FLIGHT : LO_DELIVERED;
        lo_timer_add(&lo.timers, &packet->timer,
                    lo.now + sim->lag + (sim->loss >= 100 ? LO_CONNECT_RETRY : 0));
        return;
    }
    if (listener != NULL) {
        lo_handle_connect_request(listener, packet);
    } else if (caller != NULL) {
        caller->request_sent = false;
        lo_set_timeout(caller, lo.now + LO_CONNECT_RETRY);
    }
    lo_release_later(packet);
}

void lo_packet_arrived(lo_packet *packet)
{
    lo_connection *connection;
    if (packet->stage == LO_AT_SENDER) {
        connection = lo_find_any(packet->from, LO_CONNECTION);
        if (connection != NULL)
            lo_pass_sender(connection, packet);
        else
            lo_release_later(packet);
        return;
    }
    if (packet->kind == LO_CONNECT_REQUEST && packet->receiver == NULL) {
        deliver_connect_request(packet);
        return;
    }
    connection =
        packet->receiver != NULL ? packet->receiver : lo_find_any(packet->to, LO_CONNECTION);
    if (connection != NULL && packet->stage == LO_IN_FLIGHT) {
        int64_t due = lo_delivery_time(connection, packet, &connection->object.user->sim_receive, false);
        if (due > lo.now || (due >= 0 && packet->stage == LO_IN_FLIGHT)) {
            lo_timer_add(&lo.timers, &packet->timer, due);
            return;
        }
        if (packet->receiver != NULL)
            lo_link_arrived(packet);
        if (due < 0) {
            lo_drop_packet(connection, packet, false);
            return;
        }
    } else if (packet->receiver != NULL) {
        lo_link_arrived(packet);
    }
    if (connection != NULL)
        dispatch(connection, packet);
    else
        lo_release_later(packet);
}
