/* Sending: the send buffer, Nagle's delay, pacing, flow control. */
#ifndef STEAMNET_LOOPBACK_SEND_H
#define STEAMNET_LOOPBACK_SEND_H

#include "registry.h"

EResult lo_send(lo_connection *connection, lo_packet *packet, int64_t *number);
void lo_flush(lo_connection *connection);
/* Sends what may leave now and sets the send timer for the rest. True if nothing is left, and no
 * datagram is unacknowledged. */
bool lo_send_due(lo_connection *connection);
/* Sets the send timer, if there is something to wait for. */
void lo_schedule(lo_connection *connection);
/* What the peer has received on a lane; false if it cannot have. */
bool lo_acknowledged(lo_connection *sender, int lane, const lo_ack *ack);

#endif
