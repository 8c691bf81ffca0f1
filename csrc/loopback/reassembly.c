/* Reassembly: messages from the segments of datagrams, the reliable ones in order. */
#include "reassembly.h"

#include <string.h>


enum {
    MOST_FRAGMENTED = 16,    /* unreliable messages that a connection keeps parts of */
    MOST_PARTIAL = 16 << 20, /* bytes of memory for reliable messages ahead of their turn */
};

static int segments_of(int size) { return size == 0 ? 1 : 1 + (size - 1) / LO_SEGMENT; }

/* A message of which nothing has come; behind its bytes a bit for each segment that has. */
static lo_packet *new_message(const lo_segment_head *head)
{
    int segments = segments_of((int)head->size);
    size_t bits = ((size_t)segments + 7) / 8;
    lo_packet *packet = lo_packet_new(LO_DATA, head->size + bits);
    if (packet == NULL)
        return NULL;
    memset(packet->payload + head->size, 0, bits);
    packet->message.m_cbSize = (int)head->size;
    packet->message.m_nChannel = head->channel;
    packet->reliable = head->sequence > 0;
    packet->lane = head->lane;
    packet->number = head->number;
    packet->sequence = head->sequence;
    packet->missing = segments;
    return packet;
}

/* False if the segment is of another message, which a peer may pretend. */
static bool put_in(lo_packet *packet, const lo_segment *segment)
{
    uint32_t index = segment->head.offset / LO_SEGMENT;
    char *bits = packet->payload + packet->message.m_cbSize;
    if (segment->head.size != (uint32_t)packet->message.m_cbSize)
        return false;
    if (bits[index / 8] >> (index % 8) & 1)
        return true;
    bits[index / 8] = (char)(bits[index / 8] | 1 << (index % 8));
    if (segment->size > 0)
        memcpy(packet->payload + segment->head.offset, segment->bytes, segment->size);
    packet->missing--;
    return true;
}

static void put_unreliable(lo_datagrams *d, const lo_segment *segment, lo_list *ready)
{
    lo_packet *packet = d->fragments.first;
    int others = 0;
    for (; packet != NULL && (packet->number != segment->head.number ||
                              packet->lane != segment->head.lane); others++)
        packet = packet->queued.after;
    if (packet == NULL) {
        packet = new_message(&segment->head);
        if (packet == NULL)
            return; /* lost */
        if (others == MOST_FRAGMENTED)
            lo_release_later(lo_list_take(&d->fragments));
        LO_APPEND(&d->fragments, packet, queued);
    }
    put_in(packet, segment);
    if (packet->missing == 0) {
        LO_REMOVE(&d->fragments, packet, queued);
        LO_APPEND(ready, packet, queued);
    }
}

/* The message in the lane's list, NULL if it could not be added. */
static lo_packet *partial_message(lo_datagrams *d, lo_lane *lane, const lo_segment_head *head)
{
    lo_packet *before = lane->partial.last, *packet;
    while (before != NULL && before->sequence > head->sequence)
        before = before->queued.before;
    if (before != NULL && before->sequence == head->sequence)
        return before;
    if (head->sequence > lane->accepted + 1 && d->partial_bytes > MOST_PARTIAL)
        return NULL;
    packet = new_message(head);
    if (packet == NULL)
        return NULL;
    LO_INSERT(&lane->partial, before, packet, queued);
    d->partial_bytes += lo_packet_memory(packet);
    return packet;
}

void lo_take_ready(lo_connection *connection, lo_lane *lane, lo_list *ready)
{
    lo_packet *packet;
    while ((packet = lane->partial.first) != NULL && packet->missing == 0 &&
           packet->sequence == lane->accepted + 1) {
        LO_REMOVE(&lane->partial, packet, queued);
        connection->datagrams.partial_bytes -= lo_packet_memory(packet);
        lane->accepted++;
        LO_APPEND(ready, packet, queued);
    }
}

bool lo_reassemble(lo_connection *connection, const lo_segment *segment, lo_list *ready)
{
    lo_lane *lane = lo_lane_at(connection, segment->head.lane);
    lo_packet *packet;
    if (lane == NULL)
        return false;
    if (segment->head.sequence == 0)
        put_unreliable(&connection->datagrams, segment, ready);
    if (segment->head.sequence <= lane->accepted)
        return true; /* it is unreliable, or has come before */
    packet = partial_message(&connection->datagrams, lane, &segment->head);
    if (packet == NULL || !put_in(packet, segment))
        return false;
    lo_take_ready(connection, lane, ready);
    return true;
}
