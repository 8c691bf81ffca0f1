/* Fuzzes the reader of frames: what it lets through is sound, and is what was written. */
#include <stdlib.h>
#include <string.h>

#include "loopback/wire.h"
#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char head[LO_HEADER], *bytes = malloc(size > 0 ? size : 1); /* its end is an end */
    lo_frame frame;
    ptrdiff_t length;
    if (size > 0)
        memcpy(bytes, data, size);
    length = lo_frame_parse(bytes, size, &frame);
    HOLDS(length <= (ptrdiff_t)size);
    if (length > 0) {
        lo_connect_request call;
        lo_frame again;
        HOLDS((size_t)length == LO_HEADER + frame.size && frame.size <= LO_MAX_MESSAGE);
        HOLDS(frame.kind >= LO_CONNECT_REQUEST && frame.kind <= LO_SILENT);
        if (frame.kind == LO_DATAGRAM) {
            lo_datagram datagram;
            lo_segment segment;
            int count = 0;
            HOLDS(lo_datagram_open(&datagram, frame.body, frame.size));
            for (; lo_segment_next(&datagram, &segment); count++)
                HOLDS(segment.bytes + segment.size <= frame.body + frame.size &&
                      segment.head.offset + segment.size <= segment.head.size);
            HOLDS(datagram.at == frame.body + frame.size && count == datagram.head.segments);
        }
        HOLDS(frame.kind != LO_DATA || (frame.lane < LO_MAX_LANES && frame.number > 0));
        if (frame.kind == LO_CONNECT_REQUEST) {
            SteamNetworkingIdentity clean;
            memcpy(&call, frame.body, sizeof call);
            HOLDS(lo_clean_identity(&clean, &call.from) && lo_same_identity(&clean, &call.from));
            HOLDS(call.port >= 0 && call.port <= 65535);
        }
        lo_frame_head(&frame, head);
        memcpy(bytes, head, LO_HEADER);
        HOLDS(lo_frame_parse(bytes, size, &again) == length && again.kind == frame.kind &&
              again.size == frame.size && again.reliable == frame.reliable && again.lane == frame.lane &&
              again.send_time == frame.send_time && again.due == frame.due && again.number == frame.number &&
              again.channel == frame.channel);
        HOLDS(lo_frame_parse(bytes, (size_t)length - 1, &again) == 0);
    }
    free(bytes);
    return 0;
}
