/* Lanes: what waits in them, which is next, and what the peer has not acknowledged. */
#include "lane.h"

#include <string.h>

lo_lane *lo_lane_at(lo_connection *connection, int index)
{
    if (index >= connection->lane_room) {
        lo_lane *lanes = lo_alloc((size_t)(index + 1) * sizeof *lanes);
        if (lanes == NULL)
            return NULL;
        memcpy(lanes, connection->lanes, (size_t)connection->lane_room * sizeof *lanes);
        for (int i = connection->lane_room; i <= index; i++)
            lanes[i].weight = 1;
        if (connection->lanes != &connection->first_lane)
            lo_free(connection->lanes);
        connection->lanes = lanes;
        connection->lane_room = index + 1;
    }
    return &connection->lanes[index];
}

/* --- the lanes with something to send ------------------------------------------------------ */

/* The most urgent one, and of equals the one that had the least so far. */
lo_lane *lo_next_lane(lo_connection *connection)
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

/* An idle lane accumulates no credit (weighted fair queuing). */
static void begin_waiting(lo_connection *connection, lo_lane *lane)
{
    const lo_lane *rival = connection->first_waiting >= 0 ? lo_next_lane(connection) : NULL;
    if (rival != NULL && rival->virtual_time > lane->virtual_time)
        lane->virtual_time = rival->virtual_time;
    lane->next_waiting = connection->first_waiting;
    connection->first_waiting = (int16_t)(lane - connection->lanes);
}

void lo_lane_append(lo_connection *connection, lo_lane *lane, lo_packet *packet)
{
    lo_total *pending = &lane->pending[packet->reliable];
    if (lane->waiting.first == NULL)
        begin_waiting(connection, lane);
    LO_APPEND(&lane->waiting, packet, queued);
    pending->messages++;
    pending->bytes += packet->message.m_cbSize;
    connection->pending += packet->message.m_cbSize + LO_OVERHEAD;
}

/* Bytes of the lane's first message leave; true if those are its last ones, and it leaves the lane. */
bool lo_lane_take(lo_connection *connection, lo_lane *lane, int bytes)
{
    lo_packet *packet = lane->waiting.first;
    lo_total *pending = &lane->pending[packet->reliable];
    bool last = packet->begun + bytes == packet->message.m_cbSize;
    int16_t *at = &connection->first_waiting, index = (int16_t)(lane - connection->lanes);
    lane->virtual_time += ((int64_t)bytes << 16) / lane->weight;
    pending->bytes -= bytes;
    connection->pending -= bytes;
    if (!last)
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

/* --- what is not acknowledged -------------------------------------------------------------- */

void lo_count_unacked(lo_connection *connection, const lo_packet *packet, int messages, int bytes)
{
    lo_total *unacked = &connection->lanes[packet->lane].unacked[packet->reliable];
    unacked->messages += messages;
    unacked->bytes += bytes;
    connection->in_flight += bytes + messages * LO_OVERHEAD;
}

lo_total lo_unacknowledged(const lo_connection *connection)
{
    lo_total sum = {0, 0};
    for (int i = 0; i < connection->lane_room; i++) {
        const lo_lane *lane = &connection->lanes[i];
        sum.messages += lane->pending[true].messages + lane->unacked[true].messages;
        sum.bytes += lane->pending[true].bytes + lane->unacked[true].bytes;
    }
    return sum;
}

void lo_drop_lanes(lo_connection *connection)
{
    for (int i = 0; i < connection->lane_room; i++) {
        lo_lane *lane = &connection->lanes[i];
        lo_release_all_later(&lane->waiting);
        lo_release_all_later(&lane->partial);
        memset(lane->pending, 0, sizeof lane->pending);
        memset(lane->unacked, 0, sizeof lane->unacked);
    }
    connection->first_waiting = -1;
    connection->pending = connection->on_link = 0;
    connection->in_flight = 0;
}

/* --- the link's time ----------------------------------------------------------------------- */

/* Too much may be under way that the peer has not acknowledged. */
bool lo_flow_control_allows(const lo_connection *connection, int bytes)
{
    int64_t window = connection->settings.receive_buffer;
    if (window < LO_MAX_MESSAGE)
        window = LO_MAX_MESSAGE;
    return connection->in_flight == 0 || connection->in_flight + bytes + LO_OVERHEAD <= window;
}

void lo_occupy_link(lo_connection *connection, int64_t at, int bytes)
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

/* Estimated from the time it still takes. A message counts until all of it has left. */
int lo_on_link(const lo_connection *connection)
{
    int64_t left = connection->link_idle_at - lo.now, bytes;
    if (left <= 0 || connection->on_link == 0)
        return 0;
    bytes = left * connection->settings.send_rate / 1000000 + connection->on_link_last;
    return bytes < connection->on_link ? (int)bytes : connection->on_link;
}
