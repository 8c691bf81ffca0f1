/* What comes from other processes. */
#ifndef STEAMNET_LOOPBACK_TRANSPORT_RECEIVE_H
#define STEAMNET_LOOPBACK_TRANSPORT_RECEIVE_H

#include "registry.h"

/* Asks the sockets, and says when to do so next: not more often than it pays. */
void lo_transport_receive(void);

#endif
