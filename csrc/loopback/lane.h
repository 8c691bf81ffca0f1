/* Lanes: what waits in them, which is next, and what the peer has not acknowledged. */
#ifndef STEAMNET_LOOPBACK_LANE_H
#define STEAMNET_LOOPBACK_LANE_H

#include "registry.h"

/* NULL when memory is short. */
lo_lane *lo_lane_at(lo_connection *connection, int index);
/* The lane whose first message is next; NULL: there is none. */
lo_lane *lo_next_lane(lo_connection *connection);
void lo_lane_append(lo_connection *connection, lo_lane *lane, lo_packet *packet);
/* Bytes of the lane's first message leave; true if those are its last ones, and it leaves the lane. */
bool lo_lane_take(lo_connection *connection, lo_lane *lane, int bytes);
/* Messages and bytes that the peer has not acknowledged: more of them, or less. */
void lo_count_unacked(lo_connection *connection, const lo_packet *packet, int messages, int bytes);
/* Reliable messages that the peer has not acknowledged, those that wait to be sent included. */
lo_total lo_unacknowledged(const lo_connection *connection);
void lo_drop_lanes(lo_connection *connection);

/* Whether so many bytes more may be under way. */
bool lo_flow_control_allows(const lo_connection *connection, int bytes);
/* The link sends so many bytes, from a time on or when it is idle. */
void lo_occupy_link(lo_connection *connection, int64_t at, int bytes);
/* Bytes that the link is busy with. */
int lo_on_link(const lo_connection *connection);

#endif
