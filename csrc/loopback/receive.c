/* Receiving: from the network into the queue, and what happens when it is full. */
#include "receive.h"

#include "closing.h"
#include "connection.h"
#include "datagram.h"
#include "handshake.h"
#include "listener.h"
#include "network_sim.h"
#include "reassembly.h"
#include "receive_queue.h"
#include "send.h"
#include "session.h"
#include "transport.h"

/* --- into the queue ------------------------------------------------------------------------ */

/* The sender may send as much more. Datagrams tell of what came in them. */
static void acknowledge(lo_connection *receiver, const lo_packet *packet)
{
    lo_connection *sender = NULL;
    if (packet->whole && receiver->link != NULL)
        lo_link_acknowledge(receiver, packet);
    else if (packet->whole && packet->reliable)
        sender = lo_find_any(packet->from, LO_CONNECTION);
    if (sender != NULL)
        lo_acknowledged(sender, packet->lane, (lo_total){1, packet->message.m_cbSize});
}

static bool is_full(const lo_connection *connection, const lo_packet *packet)
{
    int64_t bytes = connection->queue_bytes + connection->queue_count * (int64_t)LO_OVERHEAD;
    return connection->queue_count >= connection->settings.receive_messages ||
           (connection->queue_count > 0 &&
            bytes + packet->message.m_cbSize > connection->settings.receive_buffer) ||
           connection->object.user->isolated;
}

static void enqueue(lo_connection *connection, lo_packet *packet)
{
    SteamNetworkingMessage_t *message = &packet->message;
    lo_group *group = connection->group;
    acknowledge(connection, packet);
    message->m_conn = connection->object.handle;
    message->m_identityPeer = connection->remote;
    message->m_usecTimeReceived = lo_timestamp(&lo, lo.now);
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
    LO_APPEND(&connection->queue, packet, queued);
    connection->queue_count++;
    connection->queue_bytes += message->m_cbSize;
    lo_note_news(connection->object.user);
    if (group != NULL)
        lo_group_append(group, packet);
}

/* A message that is complete, in its order. It may end the connection. */
static void accept_message(lo_connection *connection, lo_packet *packet)
{
    bool fits = packet->message.m_cbSize <= connection->settings.receive_largest;
    bool waits = (packet->reliable && connection->deferred.first != NULL) || is_full(connection, packet);
    if (fits && !waits) {
        enqueue(connection, packet);
    } else if (fits && packet->reliable) {
        LO_APPEND(&connection->deferred, packet, queued);
    } else if (packet->reliable) {
        lo_release_later(packet);
        lo_terminate(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_InternalError,
                     "Reliable message size too large for the receiver's RecvMaxMessageSize", true);
    } else {
        lo_log(connection->object.user, LO_VERBOSE,
               "#%u unreliable message dropped: the receive buffer is full", connection->ordinal);
        acknowledge(connection, packet);
        lo_release_later(packet);
    }
}

/* What reassembly has completed, unless one of it ends the connection. */
static void accept_ready(lo_connection *connection, lo_list *ready)
{
    lo_packet *packet;
    while (connection->state == LO_CONNECTED && (packet = lo_list_take(ready)) != NULL)
        accept_message(connection, packet);
    lo_release_all_later(ready);
}

static void accept_data(lo_connection *connection, lo_packet *packet)
{
    lo_lane *lane = &connection->lanes[packet->lane];
    lo_measure(&connection->received, lo.now, packet->message.m_cbSize);
    connection->last_received = lo.now;
    if (connection->state == LO_FINDING_ROUTE)
        lo_handle_confirm(connection);
    if (connection->state != LO_CONNECTED || packet->send_time > connection->discard_after) {
        acknowledge(connection, packet);
        lo_release_later(packet);
        return;
    }
    lane->accepted += packet->reliable;
    accept_message(connection, packet);
    if (lane->partial.first != NULL) { /* behind it come datagrams */
        lo_list ready = {NULL, NULL};
        lo_take_ready(connection, lane, &ready);
        accept_ready(connection, &ready);
    }
}

static void accept_datagram(lo_connection *connection, lo_packet *packet)
{
    lo_datagram datagram;
    lo_segment segment;
    lo_list ready = {NULL, NULL};
    bool kept = true, reliable = false, closed = lo_is_closed(connection);
    int64_t due;
    lo_datagram_open(&datagram, packet->payload, (size_t)packet->message.m_cbSize);
    lo_measure(&connection->received, lo.now, (int)datagram.head.size - LO_OVERHEAD);
    connection->last_received = lo.now;
    if (datagram.head.segments > 0)
        lo_handle_confirm(connection);
    lo_datagram_acked(connection, datagram.ranges, datagram.head.ranges);
    if (connection->state == LO_FIN_WAIT && connection->close_lost)
        lo_send_close(connection); /* to a peer that has not noticed it */
    while (connection->state == LO_CONNECTED && lo_segment_next(&datagram, &segment)) {
        reliable |= segment.head.sequence > 0;
        if (segment.head.sequence > 0 &&
            (connection->deferred.first != NULL || is_full(connection, packet)))
            kept = false; /* it comes again when there is room, perhaps */
        else
            kept &= lo_reassemble(connection, &segment, &ready);
        accept_ready(connection, &ready);
    }
    if (datagram.head.segments > 0 && kept && (closed || connection->state == LO_CONNECTED))
        lo_datagram_came(connection, datagram.head.number, reliable || closed);
    lo_release_later(packet);
    due = connection->datagrams.ack_due;
    if (connection->link != NULL && due != INT64_MAX)
        lo_datagram_send_ack(connection, due > lo.now ? due : lo.now);
    if (lo_is_sending(connection))
        lo_send_due(connection);
}

static void accept_close(lo_connection *connection, lo_packet *packet)
{
    if (!packet->reliable)
        lo_release_all_later(&connection->deferred); /* without linger: what has no room is lost */
    if (connection->deferred.first == NULL) {
        lo_handle_control(connection, packet);
        return;
    }
    LO_APPEND(&connection->deferred, packet, queued);
    lo_check_path(connection);
}

/* Nothing valid comes behind a close, and a second close ends the connection. */
void lo_drain_deferred(lo_connection *connection)
{
    lo_packet *packet;
    while ((packet = connection->deferred.first) != NULL && packet->kind == LO_DATA &&
           !is_full(connection, packet))
        enqueue(connection, lo_list_take(&connection->deferred));
    if (packet != NULL && packet->kind != LO_DATA)
        lo_handle_control(connection, lo_list_take(&connection->deferred));
}

/* --- arrivals ------------------------------------------------------------------------------ */

/* There is no connection yet and so no random numbers: only what hits every packet applies. */
static bool delay_connect_request(const lo_sim_params *sim, lo_packet *packet)
{
    bool blocked = sim->loss >= 100;
    if (packet->stage == LO_DELIVERED || (sim->lag == 0 && !blocked))
        return false;
    packet->stage = blocked ? LO_IN_FLIGHT : LO_DELIVERED;
    lo_timer_add(&packet->timer, lo.now + sim->lag + (blocked ? LO_CONNECT_RETRY : 0));
    return true;
}

static void deliver_connect_request(lo_packet *packet)
{
    lo_listener *listener = lo_find_any(packet->to, LO_LISTENER);
    lo_connection *caller = lo_find_any(packet->from, LO_CONNECTION);
    if (listener != NULL && delay_connect_request(lo_sim_in(listener->object.user), packet))
        return;
    if (listener != NULL) {
        lo_handle_connect_request(listener, packet);
    } else if (caller != NULL) {
        caller->request = LO_REQUEST_UNSENT;
        lo_timer_add(&caller->timeout_timer, lo.now + LO_CONNECT_RETRY);
    }
    lo_release_later(packet);
}

static void leave_sender(lo_packet *packet)
{
    lo_connection *sender = lo_find_any(packet->from, LO_CONNECTION);
    if (sender == NULL || !lo_transmit(sender, packet, true))
        lo_release_later(packet);
}

static void enter_receiver(lo_connection *connection, lo_packet *packet)
{
    int64_t due = lo.now;
    if (packet->kind != LO_DATA && packet->stage != LO_DELIVERED)
        due = lo_sim_pass(connection, packet, false, lo.now);
    if (due > lo.now) {
        lo_timer_add(&packet->timer, due);
        return;
    }
    if (packet->from == 0 && packet->kind != LO_DATA)
        lo_link_arrived(connection, packet);
    if (lo.records != NULL)
        lo_sim_record(lo_peer(connection), packet, due < 0 ? SN_LOST : SN_DELIVERED, lo.now);
    if (due < 0) {
        if (packet->kind == LO_CONNECTION_CLOSED) {
            connection->peer_end = LO_PEER_SILENT;
            lo_check_path(connection);
        }
        lo_release_later(packet);
    } else if (packet->kind == LO_DATA) {
        accept_data(connection, packet);
    } else if (packet->kind == LO_DATAGRAM) {
        accept_datagram(connection, packet);
    } else if (packet->kind == LO_CONNECTION_CLOSED) {
        accept_close(connection, packet);
    } else {
        lo_handle_control(connection, packet);
    }
}

void lo_packet_arrived(lo_packet *packet)
{
    lo_connection *receiver = lo_find_any(packet->to, LO_CONNECTION);
    if (packet->stage == LO_AT_SENDER)
        leave_sender(packet);
    else if (receiver != NULL)
        enter_receiver(receiver, packet);
    else if (packet->kind == LO_CONNECT_REQUEST)
        deliver_connect_request(packet);
    else
        lo_release_later(packet);
}
