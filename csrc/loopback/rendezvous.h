/* Rendezvous: how processes find each other. */
#ifndef STEAMNET_LOOPBACK_RENDEZVOUS_H
#define STEAMNET_LOOPBACK_RENDEZVOUS_H

#include "loopback.h"

/* A stream to the process that listens at this address; SN_NO_SOCKET if nobody does, or not now. */
sn_socket lo_rendezvous_connect(uint64_t key);
/* A stream from a process that wants something of this one. */
sn_socket lo_rendezvous_accept(void);
void lo_rendezvous_close(void);
/* In a forked child: it stays the parent's, which goes on using it. */
void lo_rendezvous_detach(void);

#endif
