/* Rendezvous: how processes of one user find each other. */
#ifndef STEAMNET_LOOPBACK_RENDEZVOUS_H
#define STEAMNET_LOOPBACK_RENDEZVOUS_H

#include "../platform/platform.h"

/* Lets other processes reach this one; otherwise `lo_rendezvous_error` says why they cannot. */
bool lo_rendezvous_open(void);
/* NULL while it is open, and before it was tried. */
const char *lo_rendezvous_error(void);
/* Whether it was open and has been removed by somebody else, with all that was published. It is
 * closed then, and may be opened again. */
bool lo_rendezvous_lost(void);
void lo_rendezvous_close(void);
/* In a forked child: the files and the sockets stay the parent's, which goes on using them. */
void lo_rendezvous_detach(void);

enum { LO_UNPUBLISHED, LO_PUBLISHED, LO_TAKEN };
/* Lets other processes find the address of this key here, unless one of them has it already. If
 * another is about to, waits a few milliseconds for that. */
int lo_rendezvous_publish(uint64_t key, bool wait, char *error, size_t error_size);
/* Whether others still find it here. */
bool lo_rendezvous_published(uint64_t key);
void lo_rendezvous_unpublish(uint64_t key);

/* A stream to the process that has this address; SN_NO_SOCKET if there is none, or not now. */
sn_socket lo_rendezvous_connect(uint64_t key);
/* A stream from a process that wants to connect to this one; SN_NO_SOCKET if there is none. With too
 * many files open it is for telling that only, and to be closed. */
sn_socket lo_rendezvous_accept(bool *too_many_files);

#endif
