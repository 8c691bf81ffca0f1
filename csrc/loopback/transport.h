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

enum {
    LO_LINK_NEW,      /* the other process has not sent its connect request yet */
    LO_LINK_OPEN,     /* it has a connection */
    LO_LINK_DRAINING, /* that is over; what it sent last may still go out */
    LO_LINK_DEAD,     /* it is closed when it is looked at next */
};

/* A stream to another process, for one connection. */
typedef struct lo_link {
    LO_LINK(lo_link) listed, active, acking;
    bool is_active; /* in the list of those to look at even if the system does not call them ready */
    bool ack_due;   /* in the list of those on which one is */
    int watched;    /* by the system, for what */
    sn_socket socket;
    int state;
    lo_connection *connection; /* while it is open */
    bool handshake_seen;       /* the other side has answered at all */
    bool write_closed;         /* nothing more goes out; what came in before still counts */
    int64_t expires;           /* if it is still new by then */
    lo_buffer in, out;
} lo_link;

typedef LO_LIST(lo_link) lo_link_list;
extern lo_link_list lo_links, lo_active_links;
extern lo_link_list lo_acking_links; /* those on which an ack is due */

/* Sends a packet through the simulated network; false if that drops it, then it is still the caller's.
 * `again`: it could not pass its sender's side until now. */
bool lo_transmit(lo_connection *connection, lo_packet *packet, bool again);
/* Into another process, where it arrives when it is due. */
void lo_link_send(lo_connection *connection, lo_packet *packet, int64_t due);

/* Reaches the process where the wanted peer listens; false if there is none yet. */
bool lo_link_to(lo_connection *connection);
void lo_link_leave(lo_connection *connection);
/* Whether all that was sent has left this process. */
bool lo_link_is_drained(const lo_connection *connection);
void lo_link_send_conditions(lo_connection *connection);
/* A packet that came over the connection's link is no longer on its way to the queue. */
void lo_link_arrived(lo_connection *receiver, const lo_packet *packet);
void lo_link_acknowledge(lo_connection *receiver, const lo_packet *packet);
void lo_transport_send_acks(void);
/* transport_receive.c: asks the sockets, and says when to do so next: not more often than it pays. */
void lo_transport_receive(void);
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
/* Not read from: too much of it is on its way to the queue. */
bool lo_link_is_paused(const lo_link *link);
/* Tells the system what the link waits for. */
void lo_link_watch(lo_link *link);
/* A frame that controls the link. */
void lo_link_send_control(lo_link *link, int kind, int lane, const void *body, size_t size);

#endif
