/* The station: where this process can be found by others, and finds them. */
#ifndef STEAMNET_LOOPBACK_STATION_H
#define STEAMNET_LOOPBACK_STATION_H

#include "loopback.h"

/* A stream to the process that listens at this address; SN_NO_SOCKET if nobody does, or not now. */
sn_socket lo_station_call(uint64_t key);
/* A stream from a process that wants something of this one. */
sn_socket lo_station_answer(void);
void lo_station_close(void);
/* In a forked child: the station is the parent's, who goes on using it. */
void lo_station_leave_to_parent(void);

#endif
