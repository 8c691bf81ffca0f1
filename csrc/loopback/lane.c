/* Lanes: what waits in them, which is next, and what the peer has not acknowledged. */
#include "lane.h"

#include <string.h>

lo_lane *lo_lane_at(lo_connection *connection, int index)
{
    if (index >= connection->lane_room) {
        lo_lane *lanes = lo_alloc((size_t)(index + 1) * sizeof *lanes);
        if (lanes == NULL)
            return NULL;
        if (connection->lane_room > 0)
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

lo_lane *lo_next_lane(lo_connection *connection)
{
    lo_lane *best = NULL;
    for (int i = 0; i < connection->lane_count; i++) {
        lo_lane *lane = &connection->lanes[i];
        if (lane->waiting.first != NULL &&
            (best == NULL || lane->priority < best->priority ||
             (lane->priority == best->priority && lane->virtual_time < best->virtual_time)))
            best = lane;
    }
    return best;
}

/* An idle lane accumulates no credit (weighted fair queuing). */
void lo_sync_virtual_time(lo_connection *connection, lo_lane *lane)
{
    lo_lane *rival = lo_next_lane(connection);
    if (lane->waiting.first == NULL && rival != NULL && rival->virtual_time > lane->virtual_time)
        lane->virtual_time = rival->virtual_time;
}

void lo_count_pending(lo_connection *connection, const lo_packet *packet, int sign)
{
    lo_total *pending = &connection->lanes[packet->lane].pending[packet->reliable];
    int bytes = sign * packet->message.m_cbSize;
    connection->pending += bytes + sign * LO_OVERHEAD;
    pending->messages += sign;
    pending->bytes += bytes;
}

lo_total lo_unacknowledged(const lo_connection *connection)
{
    lo_total sum = {0, 0};
    for (int i = 0; i < connection->lane_room; i++) {
        const lo_lane *lane = &connection->lanes[i];
        sum.messages +=
            lane->pending[true].messages + lane->sent[true].messages - lane->acked[true].messages;
        sum.bytes += lane->pending[true].bytes + lane->sent[true].bytes - lane->acked[true].bytes;
    }
    return sum;
}

void lo_drop_lanes(lo_connection *connection)
{
    for (int i = 0; i < connection->lane_room; i++) {
        lo_lane *lane = &connection->lanes[i];
        lo_release_all_later(&lane->waiting);
        memset(lane->pending, 0, sizeof lane->pending);
        memcpy(lane->acked, lane->sent, sizeof lane->acked);
    }
    connection->pending = connection->on_link = 0;
    connection->in_flight = 0;
}
