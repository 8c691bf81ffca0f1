/* Frames: what crosses a stream to another process, and the only reader of bytes from outside. */
#ifndef STEAMNET_LOOPBACK_WIRE_H
#define STEAMNET_LOOPBACK_WIRE_H

#include "loopback.h"

enum {
    LO_PROTOCOL = 3,
    LO_HEADER = 40, /* bytes ahead of the body of every frame */
    LO_MAX_FRAME = LO_HEADER + LO_MAX_MESSAGE,
};

/* Its header is what comes before the body. */
typedef struct lo_frame {
    uint32_t size; /* of the body */
    uint8_t kind;
    uint8_t reliable;
    uint16_t lane;
    int64_t send_time, due, number;
    int32_t channel; /* of a session's message */
    int32_t unused;
    const unsigned char *body;
} lo_frame;
_Static_assert(offsetof(lo_frame, body) == LO_HEADER, "no holes");

/* Reads the frame at the beginning of the bytes: how long it is, 0 if it is not whole yet, -1 if it
 * is no frame. What it says of its kind, size, lane, number, identities and weather can be relied
 * upon; times can be any. Needs nothing but its arguments. */
ptrdiff_t lo_frame_parse(const unsigned char *bytes, size_t size, lo_frame *frame);
void lo_frame_head(const lo_frame *frame, unsigned char head[LO_HEADER]);

#endif
