/* Sending: lanes, the send buffer, Nagle's delay, pacing, flow control. */
#ifndef STEAMNET_LOOPBACK_SEND_H
#define STEAMNET_LOOPBACK_SEND_H

#include "registry.h"

EResult lo_send(lo_connection *connection, lo_packet *packet, int64_t *number);
void lo_flush(lo_connection *connection);
/* Before a close: a peer that closes too would take what has come for abandoned. */
void lo_acknowledge_now(lo_connection *connection);
/* Sends what may leave now and sets the send timer for the rest. When all has left, a connection that
 * lingers is closed; when all is acknowledged, it ends. */
void lo_send_due(lo_connection *connection);
/* Sets the send timer, if there is something to wait for. */
void lo_schedule(lo_connection *connection);
/* What the peer has received on a lane; false if it cannot have. */
bool lo_acknowledged(lo_connection *sender, int lane, lo_total arrived);

/* Forgets what waits to be sent, what is not acknowledged, and what has come in part. */
void lo_drop_lanes(lo_connection *connection);

/* Bytes that the link is busy with. */
int lo_on_link(const lo_connection *connection);
void lo_measure(lo_meter *meter, int64_t now, int bytes);
/* A whole second, up to the slot under way: bursts count as often as they were. */
void lo_rates(const lo_meter *meter, int64_t now, float *packets, float *bytes);

#endif
