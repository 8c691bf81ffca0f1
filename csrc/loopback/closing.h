/* The close behind the last message, and what is not delivered until then. */
#ifndef STEAMNET_LOOPBACK_CLOSING_H
#define STEAMNET_LOOPBACK_CLOSING_H

#include "registry.h"

/* Tells the peer of the end, as far as the network lets it. */
void lo_send_close(lo_connection *connection);
/* Reliable messages that the peer has not acknowledged, those that wait to be sent included. */
lo_total lo_unacknowledged(const lo_connection *connection);
bool lo_is_delivered(const lo_connection *connection);
/* Ends a closed connection at its next timer if the peer has acknowledged all. */
void lo_check_delivered(lo_connection *connection);
/* What the peer has not acknowledged. */
sn_closing lo_undelivered(const lo_connection *connection);

#endif
