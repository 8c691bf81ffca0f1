/* What comes from other processes. */
#ifndef STEAMNET_LOOPBACK_TRANSPORT_RECEIVE_H
#define STEAMNET_LOOPBACK_TRANSPORT_RECEIVE_H

#include "registry.h"

/* Not more often than it pays, unless `now`. */
void lo_transport_receive(bool now);

#endif
