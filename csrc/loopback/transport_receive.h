/* What comes from other processes. */
#ifndef STEAMNET_LOOPBACK_TRANSPORT_RECEIVE_H
#define STEAMNET_LOOPBACK_TRANSPORT_RECEIVE_H

#include "registry.h"

void lo_transport_receive(void);

#endif
