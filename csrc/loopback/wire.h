/* Frames: what crosses a stream to another process, and the only reader of bytes from outside. */
#ifndef STEAMNET_LOOPBACK_WIRE_H
#define STEAMNET_LOOPBACK_WIRE_H

#include "message.h"

enum {
    LO_PROTOCOL = 6,
    LO_HEADER = 40, /* bytes ahead of the body of every frame */
    LO_MAX_FRAME = LO_HEADER + LO_MAX_MESSAGE,
    LO_MAX_LANES = 255,
    LO_SEGMENT = 1200,          /* bytes of a message in one datagram at most */
    LO_MAX_UNRELIABLE = 16500,  /* more is sent reliably, as Valve does */
    LO_ACK_RANGES = 16,
};

/* How a peer is found: the kinds of address. */
enum { LO_KIND_P2P, LO_KIND_IP, LO_KIND_SESSION, LO_KIND_PAIR };

/* Its header is what comes before the body. */
typedef struct lo_frame {
    uint32_t size; /* of the body */
    uint8_t kind;
    uint8_t reliable;
    uint16_t lane;
    int64_t send_time, due, number;
    int32_t channel; /* of a session's message */
    int32_t attempt; /* of a close */
    const unsigned char *body;
} lo_frame;
_Static_assert(offsetof(lo_frame, body) == LO_HEADER, "no holes");

typedef struct lo_connect_request {
    SteamNetworkingIdentity from, to;
    int32_t kind, port; /* the virtual port, or the UDP port of kind LO_KIND_IP */
    int32_t protocol;   /* LO_PROTOCOL */
    int32_t symmetric;
    int32_t ipv6; /* of kind LO_KIND_IP: the caller used an IPv6 address */
} lo_connect_request;

typedef struct lo_close_body {
    int32_t reason;
    char text[k_cchSteamNetworkingMaxConnectionCloseReason];
} lo_close_body;

/* What goes one way on a lane. */
typedef struct lo_total {
    int64_t messages, bytes;
} lo_total;

/* --- datagrams: the packets of a simulated network --------------------------------------------- */

/* Numbers of datagrams that have come, without a gap. */
typedef struct lo_range {
    int64_t from, to;
} lo_range;

/* Ahead of so many ranges, in ascending order, and then so many segments. */
typedef struct lo_datagram_head {
    int64_t number;  /* 0: it only acknowledges */
    uint64_t chance; /* from what it begins with: loss and delay are drawn from it */
    uint16_t ranges, segments;
    uint32_t size; /* as on a network */
} lo_datagram_head;

/* Ahead of the bytes of a message from `offset` on, a multiple of LO_SEGMENT. */
typedef struct lo_segment_head {
    int64_t number;   /* of the message on its lane ... */
    int64_t sequence; /* ... and among the reliable ones of its lane; 0: it is unreliable */
    uint32_t size, offset;
    int32_t channel;
    uint16_t lane;
    uint8_t attempt, unused;
} lo_segment_head;

typedef struct lo_segment {
    lo_segment_head head;
    const unsigned char *bytes;
    uint32_t size; /* of the bytes */
} lo_segment;

/* A reader of a datagram's bytes. */
typedef struct lo_datagram {
    lo_datagram_head head;
    lo_range ranges[LO_ACK_RANGES];
    const unsigned char *at, *end;
} lo_datagram;

/* False if it is none. */
bool lo_datagram_open(lo_datagram *datagram, const void *bytes, size_t size);
/* False at the end, and where the bytes are no segment: then `at` is not the end. */
bool lo_segment_next(lo_datagram *datagram, lo_segment *segment);

/* --- conditions --------------------------------------------------------------------------------- */

/* What the other side must know of a simulated network to judge the whole path. */
typedef struct lo_conditions {
    float loss_send, loss_receive;
    int32_t lag_send, lag_receive; /* µs */
    int32_t simulated;             /* whether there is a simulated network at all */
} lo_conditions;

/* Reads the frame at the beginning of the bytes: how long it is, 0 if it is not whole yet, -1 if it
 * is no frame. Its kind, size, lane, number, identities and conditions are valid then; its times can
 * be any. */
ptrdiff_t lo_frame_parse(const unsigned char *bytes, size_t size, lo_frame *frame);
void lo_frame_head(const lo_frame *frame, unsigned char head[LO_HEADER]);

/* Who a user is that has not been told, and a peer likewise. */
extern const SteamNetworkingIdentity lo_localhost;
bool lo_same_identity(const SteamNetworkingIdentity *a, const SteamNetworkingIdentity *b);
/* False for an invalid identity; otherwise true, with all unused bytes zero. */
bool lo_clean_identity(SteamNetworkingIdentity *out, const SteamNetworkingIdentity *in);

#endif
