/* Sending: the send buffer, Nagle's delay, pacing. */
#include "send.h"

#include "datagram.h"
#include "lane.h"
#include "transport.h"

enum {
    WITHOUT_MEMORY = 1000, /* µs until something is tried again */
    HORIZON = 20000, /* µs of link time that may be sent ahead into another process */
    BURST = 1000,    /* µs of link time that datagrams may be ahead */
};

/* When the next message is transmitted. Into another process this is ahead of its departure, since
 * it may be that no call comes at that time; but what Nagle holds may still become part of more. */
static int64_t next_transmission(const lo_connection *connection)
{
    int64_t held = connection->nagle_deadline, busy = connection->link_idle_at;
    if (connection->link != NULL) {
        held -= LO_SERVICE_DELAY;
        busy -= HORIZON;
    }
    return held > busy ? held : busy;
}

static bool may_send_whole(lo_connection *connection)
{
    const lo_lane *lane = lo_next_lane(connection);
    return lane != NULL && lo_is_sending(connection) &&
           lo_flow_control_allows(connection, lane->waiting.first->message.m_cbSize);
}

static bool may_send_datagram(lo_connection *connection)
{
    const lo_lane *lane = lo_next_lane(connection);
    return lane != NULL && lo_is_sending(connection) &&
           lo_datagram_may_carry(connection, lane->waiting.first);
}

/* When the next datagram leaves, for whatever reason. */
static int64_t next_datagram(lo_connection *connection)
{
    const lo_datagrams *d = &connection->datagrams;
    int64_t resend = lo_datagram_resend_time(connection), held = INT64_MAX;
    if (may_send_datagram(connection))
        held = connection->nagle_deadline;
    if (d->lost.first != NULL)
        held = lo.now;
    if (held < connection->link_idle_at - BURST)
        held = connection->link_idle_at - BURST;
    return held < resend ? held : resend;
}

void lo_schedule(lo_connection *connection)
{
    int64_t time = connection->datagrams.ack_due, next = INT64_MAX;
    if (connection->link_idle_at < lo.now)
        connection->link_idle_at = lo.now; /* it was idle: nothing leaves in the past */
    if (connection->datagrams.used)
        next = next_datagram(connection);
    else if (may_send_whole(connection))
        next = next_transmission(connection);
    if (next < time)
        time = next;
    if (time < INT64_MAX)
        lo_timer_add(&connection->send_timer, time);
}

/* Bytes that have not departed. */
static int pending(const lo_connection *connection)
{
    return connection->pending + lo_on_link(connection);
}

/* The receiver in this process counts what comes on each lane; its first lane is always there. */
static bool has_peer_lane(const lo_connection *connection, const lo_lane *lane)
{
    int index = (int)(lane - connection->lanes);
    lo_connection *peer = index > 0 ? lo_peer(connection) : NULL;
    return peer == NULL || lo_lane_at(peer, index) != NULL;
}

static void send_whole(lo_connection *connection, lo_lane *lane)
{
    lo_packet *packet = lane->waiting.first;
    lo_occupy_link(connection, connection->nagle_deadline, packet->message.m_cbSize);
    packet->send_time = connection->link_idle_at;
    packet->whole = true;
    lo_lane_take(connection, lane, packet->message.m_cbSize);
    lo_count_unacked(connection, packet, 1, packet->message.m_cbSize);
    lo_transmit(connection, packet, false);
}

/* True if nothing is left, and all is acknowledged. */
static bool send_datagrams(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    bool done = true;
    lo_datagram_check_resend(connection);
    while (done && connection->link_idle_at <= lo.now + BURST &&
           (d->lost.first != NULL ||
            (connection->nagle_deadline <= lo.now && may_send_datagram(connection))))
        done = lo_datagram_send(connection);
    if (connection->first_waiting < 0)
        connection->nagle_deadline = INT64_MAX;
    if (done)
        lo_schedule(connection);
    else
        lo_timer_add(&connection->send_timer, lo.now + WITHOUT_MEMORY);
    return connection->first_waiting < 0 && d->unacked.first == NULL && d->lost.first == NULL;
}

static void send_ack(lo_connection *connection)
{
    if (connection->link == NULL) /* else it has left ahead of its time */
        lo_datagram_send_ack(connection);
    connection->datagrams.ack_due = INT64_MAX;
}

/* Each message has its own timestamp, even if that is past by now: another one leaves as often as the
 * link is idle. */
bool lo_send_due(lo_connection *connection)
{
    lo_lane *lane;
    bool all_sent = true;
    if (connection->datagrams.used)
        all_sent = send_datagrams(connection);
    if (connection->datagrams.ack_due <= lo.now)
        send_ack(connection);
    if (connection->datagrams.used)
        return all_sent;
    while (connection->first_waiting >= 0) {
        lane = lo_next_lane(connection);
        if (next_transmission(connection) > lo.clock ||
            !lo_flow_control_allows(connection, lane->waiting.first->message.m_cbSize)) {
            lo_schedule(connection);
            return false;
        }
        if (lane != connection->lanes && !has_peer_lane(connection, lane)) {
            lo_timer_add(&connection->send_timer, lo.now + WITHOUT_MEMORY);
            return false;
        }
        send_whole(connection, lane);
    }
    connection->nagle_deadline = INT64_MAX;
    if (connection->datagrams.ack_due != INT64_MAX)
        lo_schedule(connection);
    return true;
}

bool lo_acknowledged(lo_connection *sender, int index, const lo_ack *ack)
{
    if (!lo_is_sending(sender))
        return true; /* it has ended: acks mean nothing any more */
    if (index >= sender->lane_room)
        return false;
    sender->last_received = lo.now;
    for (int i = 0; i < 2; i++) {
        const lo_total *arrived = &ack->arrived[i];
        lo_total *unacked = &sender->lanes[index].unacked[i];
        if (arrived->messages < 0 || arrived->messages > unacked->messages || arrived->bytes < 0 ||
            arrived->bytes > unacked->bytes)
            return false;
        unacked->messages -= arrived->messages;
        unacked->bytes -= arrived->bytes;
        sender->in_flight -= arrived->bytes + arrived->messages * LO_OVERHEAD;
    }
    if (sender->pending > 0)
        lo_schedule(sender);
    return true;
}

/* --- messages in --------------------------------------------------------------------------- */

static EResult check_send(const lo_connection *connection, const lo_packet *packet)
{
    int size = packet->message.m_cbSize;
    if (size < 0 || size > LO_MAX_MESSAGE || packet->lane >= connection->lane_count)
        return k_EResultInvalidParam;
    if (lo_is_ended(connection))
        return k_EResultNoConnection;
    if (connection->state != LO_CONNECTED &&
        (packet->message.m_nFlags & k_nSteamNetworkingSend_NoDelay))
        return k_EResultIgnored;
    if (pending(connection) + size > connection->settings.send_buffer)
        return k_EResultLimitExceeded;
    return k_EResultOK;
}

/* A datagram leaves at once; the service thread's delay is a whole message's. */
static void leave_in(lo_connection *connection, int delay)
{
    bool at_once = delay <= LO_SERVICE_DELAY && connection->state != LO_CONNECTING;
    int64_t when = lo.now + delay;
    if (at_once && connection->datagrams.used)
        when = lo.now;
    if (when < connection->nagle_deadline)
        connection->nagle_deadline = when;
    if (at_once && (when == lo.now || connection->link != NULL))
        lo_send_due(connection);
    else
        lo_schedule(connection);
}

EResult lo_send(lo_connection *connection, lo_packet *packet, int64_t *number)
{
    int flags = packet->message.m_nFlags, delay = connection->settings.nagle_time;
    EResult result = check_send(connection, packet);
    lo_lane *lane;
    if (number != NULL)
        *number = -1;
    if (result != k_EResultOK)
        return result;
    lane = &connection->lanes[packet->lane];
    packet->kind = LO_DATA;
    packet->receiver = NULL;
    packet->reliable = (flags & k_nSteamNetworkingSend_Reliable) ||
                       packet->message.m_cbSize > LO_MAX_UNRELIABLE;
    packet->number = ++lane->numbered;
    packet->sequence = packet->reliable ? ++lane->sequenced : 0;
    packet->begun = 0;
    packet->holds = 1;
    if (number != NULL)
        *number = packet->number;
    lo_lane_append(connection, lane, packet);
    if ((flags & k_nSteamNetworkingSend_NoNagle) || pending(connection) >= LO_PACKET_BYTES ||
        delay < LO_SERVICE_DELAY)
        delay = LO_SERVICE_DELAY;
    leave_in(connection, delay);
    return k_EResultOK;
}

void lo_flush(lo_connection *connection)
{
    if (connection->pending > 0)
        leave_in(connection, LO_SERVICE_DELAY);
}
