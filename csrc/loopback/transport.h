/* The way to the peer: in this process, or on a stream to another one. */
#ifndef STEAMNET_LOOPBACK_TRANSPORT_H
#define STEAMNET_LOOPBACK_TRANSPORT_H

#include "registry.h"
#include "rendezvous.h"

enum {
    LO_READ = 65536,         /* bytes read at once */
    LO_SERVICE_DELAY = 100,  /* µs until a packet leaves, as an engine's service thread would take */
};

typedef struct lo_buffer {
    unsigned char *bytes;
    size_t begin, end, room;
} lo_buffer;

/* A stream to another process, for one connection. */
typedef struct lo_link {
    LO_LINK(lo_link) listed, active, acking;
    bool is_active; /* in the list of those to look at even if the system does not call them ready */
    int watched;    /* by the system, for what */
    sn_socket socket;
    lo_connection *connection; /* NULL: not yet, or not any more */
    bool handshake_seen;       /* the other side has answered at all */
    bool draining;             /* the connection is over, what it sent last may still go out */
    bool write_closed;         /* nothing more goes out; what came in before still counts */
    bool dead;
    bool ack_due;       /* for a lane; it is in the list of those */
    bool paused;        /* not read from: too much of it is on its way to the queue */
    int64_t expires;    /* if it has no connection by then */
    size_t acks_unsent; /* bytes still to go out until the latest ack is */
    lo_buffer in, out;
} lo_link;

typedef LO_LIST(lo_link) lo_link_list;
extern lo_link_list lo_links, lo_active_links;
extern bool lo_acks_due; /* on some link */

/* Sends a packet; false if the simulated network drops it, then it is still the caller's. What is
 * DATA passes it untouched. `again`: it could not pass its sender's side until now. */
bool lo_transmit(lo_connection *connection, lo_packet *packet, bool again);

/* Reaches the process where the wanted peer listens; false if there is none yet. */
bool lo_link_to(lo_connection *connection);
void lo_link_leave(lo_connection *connection);
/* Whether all that was sent has left this process. */
bool lo_link_is_drained(const lo_connection *connection);
void lo_link_send_conditions(lo_connection *connection);
/* A packet that came over a link is no longer in flight. */
void lo_link_arrived(lo_packet *packet);
void lo_link_acknowledge(lo_connection *receiver, const lo_packet *packet);
void lo_transport_send_acks(void);
void lo_transport_close(void);
/* In a forked child: the streams stay the parent's. */
void lo_transport_detach(void);

/* For transport_receive.c. */
bool lo_buffer_reserve(lo_buffer *b, size_t more);
lo_link *lo_link_new(sn_socket socket);
void lo_link_destroy(lo_link *link);
void lo_link_drain(lo_link *link);
/* Has it looked at in the next lo_transport_receive. */
void lo_link_activate(lo_link *link);
/* Tells the system what the link waits for. */
void lo_link_watch(lo_link *link);
void lo_link_send_frame(lo_link *link, lo_frame *frame);
/* What a packet counts of a link's backlog. */
int64_t lo_packet_memory(const lo_packet *packet);

#endif
