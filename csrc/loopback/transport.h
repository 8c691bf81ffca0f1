/* Streams to other processes, one for each connection, as the files transport*.c share them. */
#ifndef STEAMNET_LOOPBACK_TRANSPORT_H
#define STEAMNET_LOOPBACK_TRANSPORT_H

#include "rendezvous.h"
#include "wire.h"

enum { LO_READ = 65536 /* bytes read at once */ };

typedef struct lo_buffer {
    unsigned char *bytes;
    size_t begin, end, room;
} lo_buffer;

struct lo_link {
    LO_LINK(lo_link) listed;
    sn_socket socket;
    lo_connection *connection; /* NULL: not yet, or not any more */
    bool handshake_seen;                /* the other side has answered at all */
    bool draining;              /* the connection is over, what it sent last may still go out */
    bool write_closed;                 /* nothing more goes out; what came in before still counts */
    bool dead;
    int64_t expires; /* ... and has not said what it wants until then */
    lo_buffer in, out;
    bool ack_due;       /* for a lane */
    size_t acks_unsent; /* bytes still to go out until the latest ack is */
};

typedef LO_LIST(lo_link) lo_link_list;
extern lo_link_list lo_links;
extern bool lo_acks_due; /* on some link */

/* Makes room for more bytes at the end. */
bool lo_buffer_reserve(lo_buffer *b, size_t more);
lo_link *lo_link_new(sn_socket socket);
void lo_link_destroy(lo_link *link);
void lo_link_drain(lo_link *link);
void lo_link_send_frame(lo_link *link, lo_frame *frame);
/* What a packet counts of a link's backlog. */
int64_t lo_packet_memory(const lo_packet *packet);

#endif
