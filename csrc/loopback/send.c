/* Sending: the send buffer, Nagle's delay, pacing, flow control. */
#include "send.h"

#include "lane.h"
#include "transport.h"

enum {
    HORIZON = 20000,        /* µs of link time that may be sent ahead into another process */
    MAX_UNRELIABLE = 16500, /* more is sent reliably, as Valve does */
};

/* Too much may be under way that the peer has not acknowledged. */
static bool flow_control_allows(const lo_connection *connection, const lo_packet *packet)
{
    int64_t window = connection->settings.receive_buffer;
    if (window < LO_MAX_MESSAGE)
        window = LO_MAX_MESSAGE;
    return connection->in_flight == 0 ||
           connection->in_flight + packet->message.m_cbSize + LO_OVERHEAD <= window;
}

/* When the next packet is transmitted. Into another process this is ahead of its departure, since
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

void lo_schedule(lo_connection *connection)
{
    const lo_lane *lane = lo_next_lane(connection);
    if (connection->link_idle_at < lo.now)
        connection->link_idle_at = lo.now; /* it was idle: nothing leaves in the past */
    if (lane != NULL && lo_is_sending(connection) &&
        flow_control_allows(connection, lane->waiting.first))
        lo_timer_add(&lo.timers, &connection->send_timer, next_transmission(connection));
}

/* Estimated from the time it still takes. A message counts until all of it has left. */
int lo_on_link(const lo_connection *connection)
{
    int64_t left = connection->link_idle_at - lo.now, bytes;
    if (left <= 0 || connection->on_link == 0)
        return 0;
    bytes = left * connection->settings.send_rate / 1000000 + connection->on_link_last;
    return bytes < connection->on_link ? (int)bytes : connection->on_link;
}

/* Bytes that have not departed. */
static int pending(const lo_connection *connection)
{
    return connection->pending + lo_on_link(connection);
}

static void count_sent(lo_connection *connection, const lo_packet *packet, int sign)
{
    lo_total *sent = &connection->lanes[packet->lane].sent[packet->reliable];
    int bytes = sign * packet->message.m_cbSize;
    sent->messages += sign;
    sent->bytes += bytes;
    connection->in_flight += bytes + sign * LO_OVERHEAD;
}

static void send_next(lo_connection *connection, lo_lane *lane)
{
    lo_packet *packet = lo_list_take(&lane->waiting);
    int bytes = packet->message.m_cbSize, rate = connection->settings.send_rate;
    int64_t at = connection->nagle_deadline;
    if (at < connection->link_idle_at)
        at = connection->link_idle_at;
    if (connection->link_idle_at <= lo.now)
        connection->on_link = 0;
    connection->on_link += bytes;
    connection->on_link_last = bytes;
    connection->rate_remainder += (int64_t)bytes * 1000000;
    connection->link_idle_at = at + connection->rate_remainder / rate;
    connection->rate_remainder %= rate;
    packet->send_time = connection->link_idle_at;
    lane->virtual_time += ((int64_t)bytes << 16) / lane->weight;
    lo_measure(&connection->sent, at, bytes);
    lo_count_pending(connection, packet, -1);
    count_sent(connection, packet, +1);
    if (!lo_transmit(connection, packet)) {
        count_sent(connection, packet, -1);
        lo_release_later(packet);
    }
}

/* Each packet has its own timestamp, even if that is past by now: another one leaves as often as the
 * link is idle. */
bool lo_send_due(lo_connection *connection)
{
    lo_lane *lane;
    while ((lane = lo_next_lane(connection)) != NULL) {
        if (next_transmission(connection) > lo.clock ||
            !flow_control_allows(connection, lane->waiting.first)) {
            lo_schedule(connection);
            return false;
        }
        send_next(connection, lane);
    }
    connection->nagle_deadline = INT64_MAX;
    return true;
}

bool lo_acknowledged(lo_connection *sender, int index, const lo_ack *ack)
{
    lo_lane *lane = index < sender->lane_room ? &sender->lanes[index] : NULL;
    if (!lo_is_sending(sender))
        return true; /* it has ended: acks mean nothing any more */
    for (int i = 0; i < 2; i++) {
        const lo_total *arrived = &ack->arrived[i];
        if (lane == NULL || arrived->messages < lane->acked[i].messages ||
            arrived->messages > lane->sent[i].messages ||
            arrived->bytes < lane->acked[i].bytes || arrived->bytes > lane->sent[i].bytes)
            return false;
        sender->in_flight -= arrived->bytes - lane->acked[i].bytes +
                             (arrived->messages - lane->acked[i].messages) * LO_OVERHEAD;
        lane->acked[i] = *arrived;
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

static void leave_by(lo_connection *connection, int64_t when)
{
    if (when < connection->nagle_deadline)
        connection->nagle_deadline = when;
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
    packet->reliable =
        (flags & k_nSteamNetworkingSend_Reliable) || packet->message.m_cbSize > MAX_UNRELIABLE;
    packet->number = ++lane->numbered;
    if (number != NULL)
        *number = packet->number;
    if (connection->lane_count > 1)
        lo_sync_virtual_time(connection, lane);
    lo_list_append(&lane->waiting, packet);
    lo_count_pending(connection, packet, +1);
    if ((flags & k_nSteamNetworkingSend_NoNagle) || pending(connection) >= LO_PACKET_BYTES ||
        delay < LO_SERVICE_DELAY)
        delay = LO_SERVICE_DELAY;
    leave_by(connection, lo.now + delay);
    if (connection->link != NULL && connection->state == LO_CONNECTED)
        lo_send_due(connection);
    return k_EResultOK;
}

void lo_flush(lo_connection *connection)
{
    if (connection->pending > 0)
        leave_by(connection, lo.now + LO_SERVICE_DELAY);
}
