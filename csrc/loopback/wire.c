/* Reads and writes frames. All bytes from another process are checked here. */
#include "wire.h"

#include <string.h>

const SteamNetworkingIdentity lo_localhost = {
    .m_eType = k_ESteamNetworkingIdentityType_IPAddress,
    .m_cbSize = sizeof(SteamNetworkingIPAddr),
    .m_ip = {.m_ipv6 = {[15] = 1}},
};

bool lo_same_identity(const SteamNetworkingIdentity *a, const SteamNetworkingIdentity *b)
{
    return a->m_eType == b->m_eType && a->m_cbSize == b->m_cbSize &&
           memcmp(a->m_genericBytes, b->m_genericBytes, (size_t)a->m_cbSize) == 0;
}

bool lo_clean_identity(SteamNetworkingIdentity *out, const SteamNetworkingIdentity *in)
{
    static const struct kind {
        ESteamNetworkingIdentityType type;
        int least, most;
        bool text; /* ends within its size, which ends with it */
    } kinds[] = {
        {k_ESteamNetworkingIdentityType_SteamID, sizeof(uint64_t), sizeof(uint64_t), false},
        {k_ESteamNetworkingIdentityType_SonyPSN, sizeof(uint64_t), sizeof(uint64_t), false},
        {k_ESteamNetworkingIdentityType_IPAddress, sizeof in->m_ip, sizeof in->m_ip, false},
        {k_ESteamNetworkingIdentityType_GenericBytes, 0, sizeof in->m_genericBytes, false},
        {k_ESteamNetworkingIdentityType_GenericString, 1, sizeof in->m_szGenericString, true},
        {k_ESteamNetworkingIdentityType_XboxPairwiseID, 1, sizeof in->m_szXboxPairwiseID, true},
        {k_ESteamNetworkingIdentityType_UnknownType, 1, sizeof in->m_szUnknownRawString, true},
    };
    const struct kind *kind = kinds, *end = kinds + sizeof kinds / sizeof *kinds;
    while (in != NULL && kind < end && kind->type != in->m_eType)
        kind++;
    if (in == NULL || kind == end || in->m_cbSize < kind->least || in->m_cbSize > kind->most)
        return false;
    memset(out, 0, sizeof *out);
    out->m_eType = in->m_eType;
    out->m_cbSize = in->m_cbSize;
    memcpy(out->m_genericBytes, in->m_genericBytes, (size_t)in->m_cbSize);
    return !kind->text || memchr(out->m_szUnknownRawString, 0, (size_t)in->m_cbSize) ==
                              out->m_szUnknownRawString + in->m_cbSize - 1;
}

static bool is_identity(const unsigned char *bytes)
{
    SteamNetworkingIdentity identity, clean;
    memcpy(&identity, bytes, sizeof identity);
    return lo_clean_identity(&clean, &identity) && memcmp(&clean, &identity, sizeof clean) == 0;
}

static bool is_connect_request(const lo_frame *frame)
{
    lo_connect_request call;
    if (frame->size != sizeof call || !is_identity(frame->body + offsetof(lo_connect_request, from)))
        return false;
    memcpy(&call, frame->body, sizeof call);
    return call.protocol == LO_PROTOCOL &&
           (call.kind == LO_KIND_IP || is_identity(frame->body + offsetof(lo_connect_request, to))) &&
           (call.kind == LO_KIND_P2P || call.kind == LO_KIND_IP || call.kind == LO_KIND_SESSION) &&
           call.port >= 0 && call.port <= 65535;
}

static bool is_percent(float number) { return number >= 0 && number <= 100; }
static bool is_lag(int32_t time) { return time >= 0 && time <= 60 * 1000000; }

static bool is_conditions(const lo_frame *frame)
{
    lo_conditions conditions;
    if (frame->size != sizeof conditions)
        return false;
    memcpy(&conditions, frame->body, sizeof conditions);
    return is_percent(conditions.loss_send) && is_percent(conditions.loss_receive) &&
           is_lag(conditions.lag_send) && is_lag(conditions.lag_receive) &&
           (uint32_t)conditions.simulated <= 1;
}

static bool is_close(const lo_frame *frame)
{
    lo_close_body closed;
    if (frame->size != sizeof closed)
        return false;
    memcpy(&closed, frame->body, sizeof closed);
    return closed.reason > 0 && closed.reason <= k_ESteamNetConnectionEnd_Misc_Max &&
           memchr(closed.text, 0, sizeof closed.text) != NULL;
}

static bool is_segment(const lo_segment_head *head)
{
    uint32_t most = head->sequence > 0 ? LO_MAX_MESSAGE : LO_MAX_UNRELIABLE;
    return head->number > 0 && head->sequence >= 0 && head->lane < LO_MAX_LANES &&
           head->size <= most && head->offset % LO_SEGMENT == 0 &&
           (head->offset < head->size || head->offset == 0);
}

bool lo_segment_next(lo_datagram *datagram, lo_segment *segment)
{
    lo_segment_head *head = &segment->head;
    size_t left = (size_t)(datagram->end - datagram->at);
    if (left < sizeof *head)
        return false;
    memcpy(head, datagram->at, sizeof *head);
    if (!is_segment(head))
        return false;
    segment->size = head->size - head->offset < LO_SEGMENT ? head->size - head->offset : LO_SEGMENT;
    if (left - sizeof *head < segment->size)
        return false;
    segment->bytes = datagram->at + sizeof *head;
    datagram->at = segment->bytes + segment->size;
    return true;
}

bool lo_datagram_open(lo_datagram *datagram, const void *bytes, size_t size)
{
    lo_datagram_head *head = &datagram->head;
    const unsigned char *at = bytes;
    size_t ranges;
    if (size < sizeof *head)
        return false;
    memcpy(head, at, sizeof *head);
    ranges = head->ranges * sizeof *datagram->ranges;
    if (head->number < 0 || head->ranges > LO_ACK_RANGES || size - sizeof *head < ranges ||
        head->size > LO_MAX_MESSAGE)
        return false;
    for (int64_t i = 0, last = 0; i < head->ranges; i++) {
        lo_range *range = &datagram->ranges[i];
        memcpy(range, at + sizeof *head + (size_t)i * sizeof *range, sizeof *range);
        if (range->to < range->from || range->from <= last)
            return false;
        last = range->to;
    }
    datagram->at = at + sizeof *head + ranges;
    datagram->end = at + size;
    return true;
}

static bool is_datagram(const lo_frame *frame)
{
    lo_datagram datagram;
    lo_segment segment;
    int segments = 0;
    if (!lo_datagram_open(&datagram, frame->body, frame->size))
        return false;
    while (lo_segment_next(&datagram, &segment))
        segments++;
    return datagram.at == datagram.end && segments == datagram.head.segments;
}

static bool is_sound(const lo_frame *frame)
{
    switch (frame->kind) {
    case LO_CONNECT_REQUEST:
        return is_connect_request(frame);
    case LO_SILENT:
    case LO_CONNECT_CONFIRM:
        return frame->size == 0;
    case LO_CONNECT_OK:
        return frame->size == sizeof(SteamNetworkingIdentity) && is_identity(frame->body);
    case LO_DATA:
        return frame->size <= LO_MAX_MESSAGE && frame->number > 0 && frame->lane < LO_MAX_LANES;
    case LO_CONNECTION_CLOSED:
        return is_close(frame);
    case LO_ACK:
        return frame->size == sizeof(lo_total) && frame->lane < LO_MAX_LANES;
    case LO_CONDITIONS:
        return is_conditions(frame);
    case LO_DATAGRAM:
        return is_datagram(frame);
    default:
        return false;
    }
}

ptrdiff_t lo_frame_parse(const unsigned char *bytes, size_t size, lo_frame *frame)
{
    if (size < LO_HEADER)
        return 0;
    memcpy(frame, bytes, LO_HEADER);
    frame->body = bytes + LO_HEADER;
    if (frame->size > LO_MAX_MESSAGE || frame->reliable > 1)
        return -1;
    if (size - LO_HEADER < frame->size)
        return 0;
    return is_sound(frame) ? (ptrdiff_t)(LO_HEADER + frame->size) : -1;
}

void lo_frame_head(const lo_frame *frame, unsigned char head[LO_HEADER])
{
    memcpy(head, frame, LO_HEADER);
}
