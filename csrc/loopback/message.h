/* Packets: messages of the application, and what controls a connection. */
#ifndef STEAMNET_LOOPBACK_MESSAGE_H
#define STEAMNET_LOOPBACK_MESSAGE_H

#include "../valve.h"
#include "list.h"

enum {
    LO_MAX_MESSAGE = k_cbMaxSteamNetworkingSocketsMessageSizeSend,
    LO_OVERHEAD = 16, /* bytes that a message takes of a buffer beyond its own */
};

/* What a packet is; also the frames between processes, so only append. */
enum {
    LO_CONNECT_REQUEST = 1, /* payload: lo_connect_request */
    LO_CONNECT_OK,
    LO_CONNECT_CONFIRM,
    LO_DATA,
    LO_CONNECTION_CLOSED, /* payload: lo_close_body */
    LO_ACK,               /* payload: lo_total, what has come reliably on a lane since the last one
                             (between processes only) */
    LO_CONDITIONS,        /* payload: lo_conditions, when the sender's changed (likewise) */
    LO_DATAGRAM,          /* payload: lo_datagram_head and what follows, on a simulated network */
    LO_SILENT,            /* the stream will end without a word that got through (likewise) */
};

/* What a timer belongs to. */
typedef enum lo_timer_kind {
    LO_PACKET_TIMER,
    LO_SEND_TIMER,
    LO_TIMEOUT_TIMER,
    LO_TIMER_KINDS,
} lo_timer_kind;

/* Part of what it stands for, so that timers need no memory and cannot fail. */
typedef struct lo_timer {
    int64_t time;
    uint64_t seq; /* kept when the timer moves, so that equal times keep their order */
    LO_LINK(lo_timer) queued;
    lo_timer_kind kind;
    bool is_queued;
} lo_timer;

/* How far a packet has come. */
enum { LO_AT_SENDER, LO_IN_FLIGHT, LO_DELIVERED };

typedef struct lo_packet {
    lo_timer timer;
    HSteamNetConnection from, to; /* connections of this process; from 0: it came over a link */
    uint8_t kind, stage;
    bool reliable; /* of DATA; a close that is not overtakes the data */
    bool taken;    /* by SendMessages: a second mention of it is refused */
    bool whole;    /* DATA that has not come in datagrams: its sender is told when it was taken in */
    uint16_t lane;
    int64_t send_time;
    int64_t number;   /* of DATA on its lane */
    int attempt;      /* of a close: each has its own chance to get through */
    int64_t sequence; /* among the reliable messages of its lane; 0: it is unreliable */
    int begun;        /* bytes that have left in datagrams */
    int holds;        /* its lane's, and one for each of its segments that is not acknowledged */
    int missing;      /* segments that have not come */
    LO_LINK(lo_packet) queued;      /* in a lane, its receiver's queue, the release queue */
    LO_LINK(lo_packet) grouped;     /* in its poll group */
    struct lo_group *group;         /* where it waits to be received ... */
    struct lo_connection *receiver; /* ... and whose it is, unless the sender's own */
    SteamNetworkingMessage_t message; /* what the application sees; size and bytes for all kinds */
    _Alignas(16) char payload[];      /* the bytes, unless the application brought its own */
} lo_packet;

typedef LO_LIST(lo_packet) lo_list;

/* A packet with room for size bytes of its own; NULL when memory is short. */
lo_packet *lo_packet_new(int kind, size_t size);
/* Bytes of memory that it takes. */
int64_t lo_packet_memory(const lo_packet *packet);
/* A message with a copy of these bytes, or what is wrong with them. */
EResult lo_packet_copy(lo_packet **packet, const void *data, uint32_t size);
lo_packet *lo_packet_of(SteamNetworkingMessage_t *message);
/* The first, taken out; NULL if there is none. */
lo_packet *lo_list_take(lo_list *list);
/* Packets that lo_api_end releases once the lock is open: the application's own function may free
 * their bytes. */
extern lo_list lo_release_queue;
void lo_release_later(lo_packet *packet);
void lo_release_all_later(lo_list *list);

#endif
