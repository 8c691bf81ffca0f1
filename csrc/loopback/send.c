/* Sending: lanes, the send buffer, Nagle's delay, pacing, flow control. */
#include "send.h"

#include <string.h>

#include "closing.h"
#include "datagram.h"
#include "network_sim.h"
#include "transport.h"

enum {
    WITHOUT_MEMORY = 1000, /* µs until something is tried again */
    HORIZON = 20000,       /* µs of link time that may be sent ahead into another process */
    BURST = 1000,          /* µs of link time that datagrams may be ahead */
};

/* --- the lanes with something to send ------------------------------------------------------ */

/* The most urgent one, and of equals the one that had the least so far; NULL: there is none. */
static lo_lane *next_lane(const lo_connection *connection)
{
    lo_lane *best = NULL;
    for (int i = connection->first_waiting; i >= 0; i = connection->lanes[i].next_waiting) {
        lo_lane *lane = &connection->lanes[i];
        if (best == NULL || lane->priority < best->priority ||
            (lane->priority == best->priority &&
             (lane->virtual_time < best->virtual_time ||
              (lane->virtual_time == best->virtual_time && lane < best))))
            best = lane;
    }
    return best;
}

static void lane_append(lo_connection *connection, lo_lane *lane, lo_packet *packet)
{
    lo_total *pending = &lane->pending[packet->reliable];
    if (lane->waiting.first == NULL) {
        const lo_lane *rival = next_lane(connection);
        /* An idle lane accumulates no credit (weighted fair queuing). */
        if (rival != NULL && rival->virtual_time > lane->virtual_time)
            lane->virtual_time = rival->virtual_time;
        lane->next_waiting = connection->first_waiting;
        connection->first_waiting = (int16_t)(lane - connection->lanes);
    }
    LO_APPEND(&lane->waiting, packet, queued);
    pending->messages++;
    pending->bytes += packet->message.m_cbSize;
    connection->pending += packet->message.m_cbSize + LO_OVERHEAD;
}

/* Bytes of the lane's first message leave; true if those are its last ones, and it leaves the lane. */
static bool lane_take(lo_connection *connection, lo_lane *lane, int bytes)
{
    lo_packet *packet = lane->waiting.first;
    lo_total *pending = &lane->pending[packet->reliable];
    int16_t *at = &connection->first_waiting, index = (int16_t)(lane - connection->lanes);
    packet->begun += bytes;
    lane->virtual_time += ((int64_t)bytes << 16) / lane->weight;
    pending->bytes -= bytes;
    connection->pending -= bytes;
    if (packet->begun < packet->message.m_cbSize)
        return false;
    pending->messages--;
    connection->pending -= LO_OVERHEAD;
    LO_REMOVE(&lane->waiting, packet, queued);
    if (lane->waiting.first == NULL) {
        while (*at != index)
            at = &connection->lanes[*at].next_waiting;
        *at = lane->next_waiting;
    }
    return true;
}

void lo_drop_lanes(lo_connection *connection)
{
    connection->first_waiting = -1;
    lo_datagrams_drop(connection);
    for (int i = 0; i < connection->lane_room; i++) {
        lo_lane *lane = &connection->lanes[i];
        lo_release_all_later(&lane->waiting);
        lo_release_all_later(&lane->partial);
        memset(lane->pending, 0, sizeof lane->pending);
        lane->unacked = (lo_total){0, 0};
    }
    connection->pending = 0;
    connection->on_link = 0;
    connection->in_flight = 0;
}

/* --- the link's time, and rates ------------------------------------------------------------ */

enum { SLOT = 1000000 / LO_SLOTS /* µs */ };

void lo_measure(lo_meter *meter, int64_t now, int bytes)
{
    struct lo_flow *flow = &meter->flows[(uint64_t)(now / SLOT) % (LO_SLOTS + 1)];
    if (flow->slot != now / SLOT)
        *flow = (struct lo_flow){.slot = now / SLOT};
    flow->packets += (uint32_t)(1 + (bytes - 1) / LO_SEGMENT);
    flow->bytes += (uint32_t)bytes;
}

void lo_rates(const lo_meter *meter, int64_t now, float *packets, float *bytes)
{
    struct lo_flow sum = {0};
    for (const struct lo_flow *flow = meter->flows; flow <= &meter->flows[LO_SLOTS]; flow++)
        if (flow->slot < now / SLOT && flow->slot >= now / SLOT - LO_SLOTS) {
            sum.packets += flow->packets;
            sum.bytes += flow->bytes;
        }
    *packets = (float)sum.packets;
    *bytes = (float)sum.bytes;
}

/* The link sends so many bytes, from a time on or when it is idle. */
static void occupy_link(lo_connection *connection, int64_t at, int bytes)
{
    int rate = connection->settings.send_rate;
    if (at < connection->link_idle_at)
        at = connection->link_idle_at;
    if (connection->link_idle_at <= lo.now)
        connection->on_link = 0;
    connection->on_link += bytes;
    connection->on_link_last = bytes;
    connection->rate_remainder += (int64_t)bytes * 1000000;
    connection->link_idle_at = at + connection->rate_remainder / rate;
    connection->rate_remainder %= rate;
    lo_measure(&connection->sent, at, bytes);
}

/* Bytes that the link is busy with, estimated from the time it still takes. A message counts until all of it has left. */
int lo_on_link(const lo_connection *connection)
{
    int64_t left = connection->link_idle_at - lo.now, bytes;
    if (left <= 0 || connection->on_link == 0)
        return 0;
    bytes = left * connection->settings.send_rate / 1000000 + connection->on_link_last;
    return (int)(bytes < connection->on_link ? bytes : connection->on_link);
}

/* --- the send timer ------------------------------------------------------------------------ */

/* Too much that is reliable may be in flight, and not acknowledged by the peer. */
static bool flow_control_allows(const lo_connection *connection, const lo_packet *packet)
{
    int64_t window = connection->settings.receive_buffer;
    int bytes = connection->datagrams.used ? lo_segment_size(packet, packet->begun)
                                           : packet->message.m_cbSize;
    if (window < LO_MAX_MESSAGE)
        window = LO_MAX_MESSAGE;
    return !packet->reliable || connection->in_flight == 0 ||
           connection->in_flight + bytes + LO_OVERHEAD <= window;
}

/* The next lane, if its first message may be sent. */
static lo_lane *ready_lane(const lo_connection *connection)
{
    lo_lane *lane = lo_is_sending(connection) ? next_lane(connection) : NULL;
    return lane != NULL && flow_control_allows(connection, lane->waiting.first) ? lane : NULL;
}

/* When the next packet leaves, with what is `ready` or is sent again. Messages go into another process
 * ahead of their departure, since it may be that no call comes at that time; but what Nagle holds may
 * still become part of more. */
static int64_t next_departure(const lo_connection *connection, const lo_lane *ready)
{
    const lo_datagrams *d = &connection->datagrams;
    bool ahead = connection->link != NULL && !d->used;
    int64_t idle = connection->link_idle_at - (d->used ? BURST : ahead ? HORIZON : 0);
    int64_t held = connection->nagle_deadline - (ahead ? LO_SERVICE_DELAY : 0);
    int64_t next = d->used ? d->resend_at : INT64_MAX;
    if (ready != NULL && held < next)
        next = held;
    return next > idle ? next : idle;
}

void lo_schedule(lo_connection *connection)
{
    const lo_timer *timer = &connection->send_timer;
    int64_t time = connection->datagrams.ack_due, next;
    if (connection->link_idle_at < lo.now)
        connection->link_idle_at = lo.now; /* it was idle: nothing leaves in the past */
    next = next_departure(connection, ready_lane(connection));
    if (next < time)
        time = next;
    if (connection->deferred.first != NULL && timer->is_queued && timer->time < time)
        return; /* messages move up then (lo_note_room) */
    if (time < INT64_MAX)
        lo_timer_add(&connection->send_timer, time);
}

/* The receiver in this process counts what comes on each lane; its first lane is always there. */
static bool has_peer_lane(const lo_connection *connection, const lo_lane *lane)
{
    int index = (int)(lane - connection->lanes);
    lo_connection *peer = index > 0 ? lo_peer(connection) : NULL;
    return peer == NULL || lo_lane_at(peer, index) != NULL;
}

/* A whole message, which no simulated network touches; false when memory is short. */
static bool send_message(lo_connection *connection, lo_lane *lane)
{
    lo_packet *packet = lane->waiting.first;
    if (lane != connection->lanes && !has_peer_lane(connection, lane))
        return false;
    occupy_link(connection, connection->nagle_deadline, packet->message.m_cbSize);
    packet->send_time = connection->link_idle_at;
    packet->whole = true;
    packet->from = connection->object.handle;
    packet->to = connection->peer;
    packet->stage = LO_IN_FLIGHT;
    lane_take(connection, lane, packet->message.m_cbSize);
    if (packet->reliable)
        lo_count_unacked(connection, packet->lane, 1, packet->message.m_cbSize);
    if (lo.records != NULL)
        lo_sim_record(connection, packet, SN_SENT, packet->send_time);
    if (connection->link != NULL)
        lo_link_send(connection, packet, packet->send_time);
    else
        lo_timer_add(&packet->timer, packet->send_time);
    return true;
}

/* A datagram with what is ready; false when memory is short. */
static bool send_datagram(lo_connection *connection)
{
    lo_lane *lane;
    lo_datagram_begin(connection);
    while ((lane = ready_lane(connection)) != NULL) {
        lo_packet *packet = lane->waiting.first;
        int size = lo_segment_size(packet, packet->begun);
        bool last;
        if (!lo_datagram_add(connection, packet))
            break;
        last = lane_take(connection, lane, size);
        if (packet->reliable)
            lo_count_unacked(connection, packet->lane, last, size);
        else if (last)
            lo_release_later(packet);
    }
    if (lo_datagram_is_empty())
        return false;
    occupy_link(connection, lo.now, lo_datagram_size());
    lo_datagram_send(connection);
    return true;
}

void lo_acknowledge_now(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    if (d->ack_due == INT64_MAX)
        return;
    lo_datagram_send_ack(connection, lo.now - LO_SERVICE_DELAY); /* which the close has not either */
    d->ack_due = INT64_MAX;
}

/* Each message has its own timestamp, even if that is past by now: another one leaves as often as the
 * link is idle. */
void lo_send_due(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    bool sent = true, all_sent;
    if (d->used)
        lo_datagram_check_resend(connection);
    while (sent && (d->used || connection->first_waiting >= 0)) {
        lo_lane *lane = ready_lane(connection);
        if (next_departure(connection, lane) > (d->used ? lo.now : lo.clock))
            break;
        sent = d->used ? send_datagram(connection) : send_message(connection, lane);
    }
    if (d->ack_due <= lo.now) {
        if (connection->link == NULL) /* else it has left ahead of its time */
            lo_datagram_send_ack(connection, lo.now);
        d->ack_due = INT64_MAX;
    }
    if (connection->first_waiting < 0)
        connection->nagle_deadline = INT64_MAX;
    all_sent = connection->first_waiting < 0 && d->unacked.first == NULL && d->lost.first == NULL;
    if (!sent)
        lo_timer_add(&connection->send_timer, lo.now + WITHOUT_MEMORY);
    else if (!all_sent || d->ack_due != INT64_MAX)
        lo_schedule(connection);
    if (all_sent && connection->state == LO_LINGER) {
        lo_acknowledge_now(connection);
        lo_send_close(connection);
    }
    if (connection->state == LO_FIN_WAIT)
        lo_check_delivered(connection);
}

bool lo_acknowledged(lo_connection *sender, int index, lo_total arrived)
{
    const lo_total *unacked;
    if (!lo_is_sending(sender))
        return true; /* it has ended: acks mean nothing any more */
    if (index >= sender->lane_room)
        return false;
    sender->last_received = lo.now;
    unacked = &sender->lanes[index].unacked;
    if (arrived.messages < 0 || arrived.messages > unacked->messages || arrived.bytes < 0 ||
        arrived.bytes > unacked->bytes)
        return sender->state == LO_FIN_WAIT && sender->close_lost; /* which has dropped its lanes */
    lo_count_unacked(sender, index, -arrived.messages, -arrived.bytes);
    if (sender->pending > 0)
        lo_schedule(sender);
    if (sender->state == LO_FIN_WAIT)
        lo_check_delivered(sender);
    return true;
}

/* --- messages in --------------------------------------------------------------------------- */

/* Bytes that have not departed. */
static int pending(const lo_connection *connection)
{
    return connection->pending + lo_on_link(connection);
}

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
    packet->timer = (lo_timer){.kind = LO_PACKET_TIMER};
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
    lane_append(connection, lane, packet);
    if ((flags & k_nSteamNetworkingSend_NoNagle) || pending(connection) >= LO_SEGMENT ||
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
