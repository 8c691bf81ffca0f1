/* Lanes: what waits in them, which is next, and what the peer has not acknowledged. */
#ifndef STEAMNET_LOOPBACK_LANE_H
#define STEAMNET_LOOPBACK_LANE_H

#include "registry.h"

/* NULL when memory is short. */
lo_lane *lo_lane_at(lo_connection *connection, int index);
/* The most urgent lane with something to send, and of equals the one that had the least so far. */
lo_lane *lo_next_lane(lo_connection *connection);
void lo_sync_virtual_time(lo_connection *connection, lo_lane *lane);
void lo_count_pending(lo_connection *connection, const lo_packet *packet, int sign);
/* Reliable messages that the peer has not acknowledged, those that wait to be sent included. */
lo_total lo_unacknowledged(const lo_connection *connection);
void lo_drop_lanes(lo_connection *connection);

#endif
