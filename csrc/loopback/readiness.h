/* Readiness: which sockets can be read from or written to, asked of the system in one call. */
#ifndef STEAMNET_LOOPBACK_READINESS_H
#define STEAMNET_LOOPBACK_READINESS_H

#include "../platform/platform.h"

/* When the sockets are asked next; INT64_MAX: there are none. */
extern int64_t lo_sockets_due;
/* Has the system watch a socket for `wanted`, SN_READABLE and SN_WRITABLE; *watched is what it watches
 * it for until then, and after. A socket is not watched any more before it is closed. */
void lo_watch(sn_socket socket, int *watched, int wanted, void *owner);
/* The owners of sockets that are ready: how many. -1 if the system cannot tell: ask every one. */
int lo_ready(void **owners, int room);
/* To wait for; SN_NO_POLLER if the system cannot tell. */
sn_poller lo_poller(void);
void lo_readiness_close(void);

#endif
