/* Receiving: from the network into the queue, and what happens when it is full. */
#ifndef STEAMNET_LOOPBACK_RECEIVE_H
#define STEAMNET_LOOPBACK_RECEIVE_H

#include "registry.h"

/* The packet's time has come: it passes its sender's side, its receiver's side, or is delivered. */
void lo_packet_arrived(lo_packet *packet);
/* Moves deferred messages up into the queue where it has room again. A close may be behind them: then
 * the connection ends. */
void lo_drain_deferred(lo_connection *connection);

#endif
