/* Datagrams: the packets that carry messages where the network is simulated, and so can be lost.
 *
 * A datagram carries all that is ready when it leaves, up to 1,200 bytes: first what was lost, then
 * the first messages of the lanes, large ones in segments. It also tells which datagrams have come.
 * Reliable segments whose datagram is reported missing, or not acknowledged in time, are sent again.
 */
#include "datagram.h"

#include <string.h>

#include "network_sim.h"
#include "transport.h"

enum {
    SEGMENT_OVERHEAD = 4, /* bytes on a network, for each segment after the first */
    MOST_SEGMENTS = 200,  /* in a datagram */
    ACK_DELAY = 50000,    /* µs that an acknowledgement waits for a datagram to go with */
    GAP_DELAY = 3000,     /* µs until a gap is reported: it may be only late */
    RESEND_TRIPS = 3,     /* an acknowledgement is awaited for so many round trips ... */
    RESEND_DELAY = 60000, /* ... and so many µs */
    MOST_BYTES = sizeof(lo_datagram_head) + LO_ACK_RANGES * sizeof(lo_range) +
                 MOST_SEGMENTS * sizeof(lo_segment_head) + LO_SEGMENT,
};

static bool has_left_in_part(const lo_connection *connection)
{
    int i = connection->first_waiting;
    while (i >= 0 && connection->lanes[i].waiting.first->begun == 0)
        i = connection->lanes[i].next_waiting;
    return i >= 0;
}

static void update_use(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    d->used = d->simulated || d->unacked.first != NULL || d->lost.first != NULL ||
              has_left_in_part(connection);
}

void lo_datagrams_simulate(lo_connection *connection, bool simulated)
{
    connection->datagrams.simulated = simulated;
    update_use(connection);
}

/* --- one datagram -------------------------------------------------------------------------- */

/* The one that is being made, under the lock. */
static struct {
    lo_datagram_head head;
    size_t used;
    unsigned char bytes[MOST_BYTES];
} made;

static bool has_room(int size)
{
    return made.head.segments == 0 ||
           (made.head.segments < MOST_SEGMENTS &&
            (int)made.head.size + SEGMENT_OVERHEAD + size <= LO_SEGMENT);
}

static void put_segment(const lo_packet *message, uint32_t offset, uint8_t attempt)
{
    uint32_t size = (uint32_t)lo_segment_size(message, (int)offset);
    lo_segment_head head = {
        .number = message->number,
        .sequence = message->sequence,
        .size = (uint32_t)message->message.m_cbSize,
        .offset = offset,
        .channel = message->message.m_nChannel,
        .lane = message->lane,
        .attempt = attempt,
    };
    if (made.head.segments++ > 0)
        made.head.size += SEGMENT_OVERHEAD;
    else
        made.head.chance = (uint64_t)head.number << 24 ^ (uint64_t)head.lane << 16 ^
                         (uint64_t)attempt << 8 ^ (uint64_t)(offset / LO_SEGMENT) << 48;
    made.head.size += size;
    memcpy(made.bytes + made.used, &head, sizeof head);
    if (size > 0)
        memcpy(made.bytes + made.used + sizeof head,
               (const unsigned char *)message->message.m_pData + offset, size);
    made.used += sizeof head + size;
}

/* A reliable segment, which is kept until it is acknowledged. */
static void put_reliable(lo_datagrams *d, lo_sent *sent)
{
    put_segment(sent->message, sent->offset, sent->attempt);
    sent->number = made.head.number;
    LO_APPEND(&d->unacked, sent, listed);
}

/* What has come, up to the first gap that may close by then. */
static void put_ranges(const lo_datagrams *d, int64_t time)
{
    made.used = sizeof made.head;
    for (const struct lo_came *one = d->came; one < d->came + d->came_count; one++) {
        if (time - one->gap_since < GAP_DELAY && one->range.from > 1)
            return;
        memcpy(made.bytes + made.used, &one->range, sizeof one->range);
        made.used += sizeof one->range;
        made.head.ranges++;
    }
}

static int64_t timeout_of(const lo_connection *connection, const lo_sent *sent)
{
    return sent->time + RESEND_TRIPS * lo_round_trip(connection) + RESEND_DELAY;
}

/* What is lost leaves with the next datagram, else when this time comes, as on GNS: acknowledgements,
 * which tell of it, do not change the time. */
static void set_resend_time(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    d->resend_at = d->lost.first != NULL      ? lo.now
                   : d->unacked.first != NULL ? timeout_of(connection, d->unacked.first)
                                              : INT64_MAX;
}

static void put_lost(lo_datagrams *d)
{
    lo_sent *sent;
    while ((sent = d->lost.first) != NULL &&
           has_room(lo_segment_size(sent->message, (int)sent->offset))) {
        LO_REMOVE(&d->lost, sent, listed);
        sent->attempt++;
        put_reliable(d, sent);
    }
}

/* Messages are sent while nothing gets through: the time-out may begin sooner. */
static void expect_answer(lo_connection *connection)
{
    int64_t since = connection->asked_at - LO_KEEP_ALIVE + LO_KEEP_ALIVE_SENDING;
    if (connection->datagrams.unacked.first != NULL || since < lo.now)
        since = lo.now;
    if (since < connection->waiting_since) {
        connection->waiting_since = since;
        lo_timer_add(&connection->timeout_timer, lo.now); /* which is set again then */
    }
}

/* Into another process it goes ahead of its time: it may be that no call comes then. */
static void transmit(lo_connection *connection, int64_t time)
{
    lo_packet *packet = lo_packet_new(LO_DATAGRAM, made.used); /* without memory it is lost */
    if (packet == NULL)
        return;
    made.head.size += LO_OVERHEAD;
    memcpy(made.bytes, &made.head, sizeof made.head);
    memcpy(packet->payload, made.bytes, made.used);
    packet->send_time = time + LO_SERVICE_DELAY;
    if (!lo_transmit(connection, packet, false))
        lo_release_later(packet);
}

void lo_datagram_begin(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    made.head = (lo_datagram_head){.number = d->numbered + 1};
    put_ranges(d, lo.now);
    put_lost(d);
}

bool lo_datagram_add(lo_connection *connection, lo_packet *message)
{
    int size = lo_segment_size(message, message->begun);
    lo_sent *sent = NULL;
    if (!has_room(size) || (message->reliable && (sent = lo_alloc(sizeof *sent)) == NULL))
        return false;
    if (sent == NULL) {
        put_segment(message, (uint32_t)message->begun, 0);
        return true;
    }
    sent->message = message;
    sent->offset = (uint32_t)message->begun;
    put_reliable(&connection->datagrams, sent);
    /* The lane's hold becomes the last segment's. */
    message->holds += message->begun + size < message->message.m_cbSize;
    return true;
}

bool lo_datagram_is_empty(void) { return made.head.segments == 0; }
int lo_datagram_size(void) { return (int)made.head.size; }

void lo_datagram_send(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    int64_t time = connection->link_idle_at;
    if (!lo.is_virtual && time < lo.clock)
        time = lo.clock; /* a program that was busy sends again once, and not as often as it could have */
    if (connection->link_idle_at <= d->ack_due)
        d->ack_due = INT64_MAX; /* else this one tells too late: the peer would send all of it again */
    d->numbered++;
    for (lo_sent *sent = d->unacked.last; sent != NULL && sent->number == d->numbered;
         sent = sent->listed.before)
        sent->time = time;
    transmit(connection, connection->link_idle_at);
    set_resend_time(connection);
    update_use(connection);
    if (connection->silent && connection->state == LO_CONNECTED)
        expect_answer(connection);
}

void lo_datagram_send_ack(lo_connection *connection, int64_t time)
{
    const lo_datagrams *d = &connection->datagrams;
    memset(&made.head, 0, sizeof made.head);
    made.head.chance = UINT64_C(1) << 63 | d->acks;
    put_ranges(d, time);
    transmit(connection, time);
}

/* --- what becomes of it -------------------------------------------------------------------- */

static void lose(lo_datagrams *d, lo_sent *sent)
{
    LO_REMOVE(&d->unacked, sent, listed);
    LO_APPEND(&d->lost, sent, listed);
}

void lo_datagram_check_resend(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    if (d->resend_at > lo.now)
        return;
    while (d->unacked.first != NULL && timeout_of(connection, d->unacked.first) <= lo.now)
        lose(d, d->unacked.first);
    set_resend_time(connection);
}

/* It has come, or will not be sent again. */
static void free_sent(lo_connection *connection, lo_sent *sent)
{
    lo_packet *message = sent->message;
    bool last = --message->holds == 0;
    lo_count_unacked(connection, message->lane, -last, -lo_segment_size(message, (int)sent->offset));
    if (last)
        lo_release_later(message);
    lo_free(sent);
}

void lo_datagram_acked(lo_connection *connection, const lo_range *ranges, int count)
{
    lo_datagrams *d = &connection->datagrams;
    lo_sent *next;
    int i = 0;
    for (lo_sent *sent = d->unacked.first; sent != NULL; sent = next) {
        next = sent->listed.after;
        while (i < count && ranges[i].to < sent->number)
            i++;
        if (i == count)
            break;
        if (sent->number < ranges[i].from) {
            lose(d, sent);
        } else {
            LO_REMOVE(&d->unacked, sent, listed);
            free_sent(connection, sent);
        }
    }
    update_use(connection);
}

static void drop_sent(lo_connection *connection, lo_sent_list *list)
{
    lo_sent *sent;
    while ((sent = list->first) != NULL) {
        LO_REMOVE(list, sent, listed);
        free_sent(connection, sent);
    }
}

void lo_datagrams_drop(lo_connection *connection)
{
    lo_datagrams *d = &connection->datagrams;
    drop_sent(connection, &d->unacked);
    drop_sent(connection, &d->lost);
    lo_release_all_later(&d->fragments);
    d->partial_bytes = 0;
    d->ack_due = d->resend_at = INT64_MAX;
    update_use(connection);
}

/* --- what has come ------------------------------------------------------------------------- */

static void remove_range(lo_datagrams *d, int at)
{
    size_t behind = (size_t)(--d->came_count - at);
    memmove(d->came + at, d->came + at + 1, behind * sizeof *d->came);
}

/* Joins a range with the next one, if nothing is missing between them. */
static void join_next(lo_datagrams *d, int at)
{
    if (at < 0 || at + 1 == d->came_count || d->came[at].range.to + 1 < d->came[at + 1].range.from)
        return;
    d->came[at].range.to = d->came[at + 1].range.to;
    remove_range(d, at + 1);
}

void lo_datagram_came(lo_connection *connection, int64_t number, bool reliable)
{
    lo_datagrams *d = &connection->datagrams;
    int at = d->came_count; /* of the first range behind it */
    if (reliable && d->ack_due == INT64_MAX) {
        d->ack_due = lo.now + ACK_DELAY;
        d->acks++;
    }
    while (at > 0 && d->came[at - 1].range.from > number)
        at--;
    if (at > 0 && d->came[at - 1].range.to >= number)
        return;
    memmove(d->came + at + 1, d->came + at, (size_t)(d->came_count - at) * sizeof *d->came);
    d->came[at].range = (lo_range){number, number};
    if (at == d->came_count++)
        d->came[at].gap_since = lo.now; /* else that of the range behind it */
    join_next(d, at);
    join_next(d, at - 1);
    /* Where there are too many the oldest is forgotten: what it tells of is sent once more. */
    if (d->came_count > LO_ACK_RANGES)
        remove_range(d, 0);
}
