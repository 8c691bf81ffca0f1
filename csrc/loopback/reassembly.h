/* Reassembly: messages from the segments of datagrams, the reliable ones in order. */
#ifndef STEAMNET_LOOPBACK_REASSEMBLY_H
#define STEAMNET_LOOPBACK_REASSEMBLY_H

#include "registry.h"

/* Takes a segment in; false if it cannot be kept, and has to come again. Messages that are complete,
 * and whose turn it is, are appended to `ready`. */
bool lo_reassemble(lo_connection *connection, const lo_segment *segment, lo_list *ready);
/* A reliable message has come in whole: those behind it in its lane may be ready. */
void lo_take_ready(lo_connection *connection, lo_lane *lane, lo_list *ready);

#endif
