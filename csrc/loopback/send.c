/* Sending: the send buffer, Nagle's delay, pacing, flow control. */
#include <string.h>

#include "loopback.h"

int lo_rate(const lo_connection *connection)
{
    int32_t least = lo_config(&connection->scope, LO_SendRateMin)->int32;
    int32_t most = lo_config(&connection->scope, LO_SendRateMax)->int32;
    return least < most ? least : most;
}

/* May the next packet go, or is too much under way that nobody has taken in? */
static bool flow_control_allows(const lo_connection *connection, const lo_packet *packet)
{
    int64_t window = lo_config(&connection->scope, LO_RecvBufferSize)->int32;
    if (window < LO_MAX_MESSAGE)
        window = LO_MAX_MESSAGE;
    return connection->in_flight == 0 ||
           connection->in_flight + packet->message.m_cbSize + LO_OVERHEAD <= window;
}

static int64_t next_departure(const lo_connection *connection)
{
    return connection->nagle_deadline > connection->link_idle_at ? connection->nagle_deadline
                                                         : connection->link_idle_at;
}

/* When that packet is sent. Into another process this is ahead of its departure, since nobody may
 * be there to send it when that comes; but what Nagle holds may still become part of more. */
static int64_t next_transmission(const lo_connection *connection)
{
    int64_t held = connection->nagle_deadline, bucket_time = connection->link_idle_at;
    if (connection->link != NULL) {
        held -= LO_SERVICE_DELAY;
        bucket_time -= LO_HORIZON;
    }
    return held > bucket_time ? held : bucket_time;
}

void lo_schedule(lo_connection *connection)
{
    const lo_lane *lane = lo_next_lane(connection);
    if (connection->link_idle_at < lo.now)
        connection->link_idle_at = lo.now; /* it was idle: nothing leaves in the past */
    if (connection->state == LO_CONNECTED && lane != NULL &&
        flow_control_allows(connection, lane->waiting.first))
        lo_timer_add(&lo.timers, &connection->send_timer, next_transmission(connection));
}

/* Estimated from the time it still takes; a message counts until it has left as a whole. */
int lo_on_link(const lo_connection *connection)
{
    int64_t left = connection->link_idle_at - lo.now, bytes;
    if (left <= 0 || connection->on_link == 0)
        return 0;
    bytes = left * lo_rate(connection) / 1000000 + connection->on_link_last;
    return bytes < connection->on_link ? (int)bytes : connection->on_link;
}

int lo_pending(const lo_connection *connection)
{
    return connection->pending + lo_on_link(connection);
}

static void depart(lo_connection *connection, lo_lane *lane, int64_t at)
{
    lo_packet *packet = lo_list_take(&lane->waiting);
    int bytes = packet->message.m_cbSize, rate = lo_rate(connection);
    if (connection->link_idle_at <= lo.now)
        connection->on_link = 0;
    connection->on_link += bytes;
    connection->on_link_last = bytes;
    connection->rate_remainder += (int64_t)bytes * 1000000;
    connection->link_idle_at = at + connection->rate_remainder / rate;
    connection->rate_remainder %= rate;
    packet->send_time = connection->link_idle_at;
    lane->virtual_time += ((int64_t)bytes << 16) / lane->weight;
    connection->in_flight += bytes + LO_OVERHEAD;
    lane->sent[packet->reliable].messages++;
    lane->sent[packet->reliable].bytes += bytes;
    lo_measure(&connection->sent, at, bytes);
    lo_count_pending(connection, packet, -1);
    lo_transmit(connection, packet);
}

/* Everything happens at its own moment, even if that is past by now: as often as the link is
 * free another packet leaves. */
void lo_send_due(lo_connection *connection)
{
    lo_lane *lane;
    if (connection->state != LO_CONNECTED)
        return;
    while (next_transmission(connection) <= lo.clock && (lane = lo_next_lane(connection)) != NULL &&
           flow_control_allows(connection, lane->waiting.first))
        depart(connection, lane, next_departure(connection));
    if (lo_next_lane(connection) != NULL) {
        lo_schedule(connection);
        return;
    }
    connection->nagle_deadline = INT64_MAX;
    lo_timer_remove(&lo.timers, &connection->send_timer);
    if (connection->closing)
        lo_finish_close(connection);
}

bool lo_acknowledged(lo_connection *sender, int index, const lo_ack *ack)
{
    lo_lane *lane = index < sender->lane_room ? &sender->lanes[index] : NULL;
    if (sender->state != LO_CONNECTED)
        return true; /* it has ended, and nothing is under way any more */
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
    lo_schedule(sender);
    lo_check_delivered(sender);
    return true;
}

void lo_unsend(lo_connection *sender, const lo_packet *packet)
{
    lo_total *sent = &sender->lanes[packet->lane].sent[packet->reliable];
    sent->messages--;
    sent->bytes -= packet->message.m_cbSize;
    sender->in_flight -= packet->message.m_cbSize + LO_OVERHEAD;
    lo_schedule(sender);
}

/* --- messages in --------------------------------------------------------------------------------- */

static EResult check_send(lo_connection *connection, int64_t size, int flags, int lane)
{
    if (connection == NULL || size < 0 || size > LO_MAX_MESSAGE || lane >= connection->lane_count)
        return k_EResultInvalidParam;
    if (connection->state >= LO_CLOSED_BY_PEER)
        return k_EResultNoConnection;
    if (connection->state != LO_CONNECTED && (flags & k_nSteamNetworkingSend_NoDelay))
        return k_EResultIgnored;
    if (lo_pending(connection) + size > lo_config(&connection->scope, LO_SendBufferSize)->int32)
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
    int size = packet->message.m_cbSize, flags = packet->message.m_nFlags;
    EResult result = check_send(connection, size, flags, packet->lane);
    int64_t nagle;
    lo_lane *lane;
    if (number != NULL)
        *number = -1;
    if (result != k_EResultOK)
        return result;
    lane = &connection->lanes[packet->lane];
    packet->kind = LO_DATA;
    packet->receiver = NULL;
    packet->reliable = (flags & k_nSteamNetworkingSend_Reliable) || size > LO_MAX_UNRELIABLE;
    packet->number = ++lane->numbered;
    if (number != NULL)
        *number = packet->number;
    lo_sync_virtual_time(connection, lane);
    lo_list_append(&lane->waiting, packet);
    lo_count_pending(connection, packet, +1);
    nagle = lo_config(&connection->scope, LO_NagleTime)->int32;
    if ((flags & k_nSteamNetworkingSend_NoNagle) || lo_pending(connection) >= LO_PACKET_BYTES)
        lo_flush(connection);
    else
        leave_by(connection, lo.now + (nagle > LO_SERVICE_DELAY ? nagle : LO_SERVICE_DELAY));
    if (connection->link != NULL)
        lo_send_due(connection);
    return k_EResultOK;
}

void lo_flush(lo_connection *connection)
{
    if (lo_next_lane(connection) != NULL)
        leave_by(connection, lo.now + LO_SERVICE_DELAY);
}
