/* Datagrams: the packets that carry messages where the network is simulated, and so can be lost. */
#ifndef STEAMNET_LOOPBACK_DATAGRAM_H
#define STEAMNET_LOOPBACK_DATAGRAM_H

#include "registry.h"

enum {
    LO_KEEP_ALIVE = 10000000,        /* µs without anything received until the peer is asked ... */
    LO_KEEP_ALIVE_SENDING = 7000000, /* ... and while messages are sent to it */
};

/* Messages leave in datagrams from now on, or do so no more once all that was sent is through. */
void lo_datagrams_simulate(lo_connection *connection, bool simulated);
/* Bytes of a message in the segment that begins there. */
static inline int lo_segment_size(const lo_packet *message, int offset)
{
    int left = message->message.m_cbSize - offset;
    return left < LO_SEGMENT ? left : LO_SEGMENT;
}
/* One that tells what has come, with what was lost. */
void lo_datagram_begin(lo_connection *connection);
/* Adds a message's next segment; false if there is no room, or when memory is short. */
bool lo_datagram_add(lo_connection *connection, lo_packet *message);
/* No segment is in it. */
bool lo_datagram_is_empty(void);
/* As on a network. */
int lo_datagram_size(void);
/* Sends it once the link is idle. */
void lo_datagram_send(lo_connection *connection);
/* Sends one that only acknowledges, at a time. */
void lo_datagram_send_ack(lo_connection *connection, int64_t time);
/* If it is time to send again: those whose time is over are lost. */
void lo_datagram_check_resend(lo_connection *connection);
/* The peer has these, in ascending order, and will not get the others before them. */
void lo_datagram_acked(lo_connection *connection, const lo_range *ranges, int count);
/* One of the peer's has come, and all in it was kept. */
void lo_datagram_came(lo_connection *connection, int64_t number, bool reliable);
void lo_datagrams_drop(lo_connection *connection);

#endif
