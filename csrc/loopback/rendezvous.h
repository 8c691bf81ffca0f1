/* Rendezvous: how processes of one user find each other. */
#ifndef STEAMNET_LOOPBACK_RENDEZVOUS_H
#define STEAMNET_LOOPBACK_RENDEZVOUS_H

#include "../platform/platform.h"

/* Makes this process reachable by others; if it fails, `lo_rendezvous_error` has the reason. */
bool lo_rendezvous_open(void);
/* NULL while it is open, and before the first attempt. */
const char *lo_rendezvous_error(void);
/* Whether something has removed this process's files. Then all entries are lost too; it is closed,
 * and can be opened again. */
bool lo_rendezvous_lost(void);
void lo_rendezvous_close(void);
/* In a forked child: the files and the socket stay the parent's. */
void lo_rendezvous_detach(void);

enum {
    LO_PRIVATE, /* it is not to be published */
    LO_PUBLISHED,
    LO_UNPUBLISHED, /* it cannot be published */
    LO_TAKEN, /* by another process */
};
/* Publishes the address of this key, unless another process has it: LO_PUBLISHED, or what keeps it from that.
 * While another process is publishing it, waits up to ten milliseconds if `wait`. */
int lo_rendezvous_publish(uint64_t key, bool wait, char *error, size_t error_size);
/* Whether the entry is still there. */
bool lo_rendezvous_published(uint64_t key);
void lo_rendezvous_unpublish(uint64_t key);

/* A stream to the process that has published this address; SN_NO_SOCKET if there is none now. */
sn_socket lo_rendezvous_connect(uint64_t key);
/* A file of this process was closed, or may have been: callers can be told again that it has too many. */
void lo_rendezvous_file_closed(void);
/* A stream from a process that connects to this one; SN_NO_SOCKET if there is none. If there are too
 * many open files, say so to the peer and close it. */
sn_socket lo_rendezvous_accept(bool *too_many_files);

#endif
