/* Links: one stream for each connection to another process of this machine.
 *
 * A link carries frames; the stream loses nothing, so what a network would lose or delay has
 * been lost and delayed on either side of it. Frames come ahead of their time and wait for it
 * in the receiver's air: times are those of the machine's clock, which both processes read.
 */
#include <string.h>

#include "rendezvous.h"
#include "wire.h"

enum {
    READ = 65536,       /* bytes read at once */
    READS = 4,          /* ... and how often before it is another link's turn */
    BACKLOG = 4 << 20,  /* bytes of memory that a connection's link may fill, then it waits */
    GLANCE = 50,        /* µs between two looks at the sockets */
    MINUTE = 60000000,
    HANDSHAKE = 5000000, /* µs that a new link may take to say what it wants */
};

typedef struct buffer {
    unsigned char *bytes;
    size_t begin, end, room;
} buffer;

struct lo_link {
    LO_LINK(lo_link) listed;
    sn_socket socket;
    lo_connection *connection; /* NULL: not yet, or not any more */
    bool heard;                /* the other side has answered at all */
    bool leaving;              /* the connection is over, what it sent last may still go out */
    bool deaf;                 /* nothing more goes out; what came in before still counts */
    bool over;
    int64_t expires; /* ... and has not said what it wants until then */
    buffer in, out;
    bool ack_due;       /* for a lane */
    size_t acks_unsent; /* bytes still to go out until the latest ack is */
};

static LO_LIST(lo_link) links;
static int64_t last_glance;
static bool acks_due;

/* --- buffers -------------------------------------------------------------------------------- */

/* Makes room for more bytes at the end. */
static bool reserve(buffer *b, size_t more)
{
    size_t used = b->end - b->begin, room = b->room > 0 ? b->room : READ;
    unsigned char *bytes;
    if (b->begin > 0 && (used == 0 || b->end + more > b->room)) {
        memmove(b->bytes, b->bytes + b->begin, used);
        b->begin = 0;
        b->end = used;
    }
    if (b->end + more <= b->room)
        return true;
    while (room < used + more)
        room *= 2;
    bytes = sn_loopback_malloc(room);
    if (bytes == NULL)
        return false;
    if (used > 0)
        memcpy(bytes, b->bytes, used);
    lo_free(b->bytes);
    *b = (buffer){bytes, 0, used, room};
    return true;
}

/* --- existence ------------------------------------------------------------------------------ */

static lo_link *new_link(sn_socket socket)
{
    lo_link *link = lo_alloc(sizeof *link);
    if (link == NULL) {
        sn_socket_close(socket);
        return NULL;
    }
    link->socket = socket;
    link->expires = lo.now + HANDSHAKE;
    LO_APPEND(&links, link, listed);
    return link;
}

static void destroy(lo_link *link)
{
    LO_REMOVE(&links, link, listed);
    sn_socket_close(link->socket);
    lo_free(link->in.bytes);
    lo_free(link->out.bytes);
    lo_free(link);
}

bool lo_link_to(lo_connection *connection)
{
    lo_user *user = connection->object.user;
    uint64_t key = lo_address_key(connection->manner, &connection->called, connection->port);
    sn_socket socket = lo_rendezvous_connect(key);
    lo_link *link = socket != SN_NO_SOCKET ? new_link(socket) : NULL;
    if (link == NULL)
        return false;
    link->connection = connection;
    connection->link = link;
    lo_say(user, LO_VERBOSE, "#%u calls another process", connection->ordinal);
    return true;
}

/* --- acknowledgement ------------------------------------------------------------------------ */

static void send_frame(lo_link *link, lo_frame *frame);

static void send_acks(lo_link *link)
{
    lo_connection *connection = link->connection;
    for (int i = 0; i < connection->lane_room && link->ack_due; i++) {
        lo_lane *lane = &connection->lanes[i];
        lo_ack ack = {{lane->arrived[false], lane->arrived[true]}};
        if (lane->ack_due)
            send_frame(link, &(lo_frame){.kind = LO_ACK,
                                         .size = sizeof ack,
                                         .lane = (uint16_t)i,
                                         .body = (const unsigned char *)&ack});
        lane->ack_due = false;
    }
    link->ack_due = false;
    link->acks_unsent = link->deaf ? 0 : link->out.end - link->out.begin;
}

/* The connection ends; its link stays until what was sent is on its way. */
void lo_link_leave(lo_connection *connection)
{
    lo_link *link = connection->link;
    lo_packet *packet;
    while ((packet = connection->inbound.first) != NULL) {
        lo_air_remove(&lo.air, &packet->node);
        lo_link_landed(packet);
        lo_bury(packet);
    }
    connection->inbound_bytes = 0;
    if (link == NULL)
        return;
    send_acks(link);
    connection->link = NULL;
    link->connection = NULL;
    link->leaving = true;
}

/* The other process is gone, or not to be listened to any more. */
static void break_off(lo_link *link)
{
    lo_connection *connection = link->connection;
    link->over = true;
    if (connection == NULL)
        return;
    link->connection = NULL;
    connection->link = NULL;
    if (connection->peer_closed)
        return; /* after all that it sent */
    if (connection->outgoing && !link->heard) {
        connection->rung = false; /* nobody there after all */
        lo_set_deadline(connection, lo.now + LO_RING_AGAIN);
    } else {
        lo_bereave(connection);
    }
}

/* --- out ------------------------------------------------------------------------------------ */

static void drain(lo_link *link)
{
    buffer *out = &link->out;
    while (out->begin < out->end && !link->deaf) {
        ptrdiff_t sent =
            sn_socket_send(link->socket, out->bytes + out->begin, out->end - out->begin);
        if (sent == 0)
            return;
        if (sent < 0) {
            link->deaf = true;
            return;
        }
        out->begin += (size_t)sent;
        link->acks_unsent -= (size_t)sent < link->acks_unsent ? (size_t)sent : link->acks_unsent;
    }
}

static void send_frame(lo_link *link, lo_frame *frame)
{
    unsigned char head[LO_HEADER];
    if (link->deaf)
        return;
    if (!reserve(&link->out, LO_HEADER + frame->size)) {
        link->deaf = link->over = true; /* the peer could not follow a stream with a gap */
        return;
    }
    lo_frame_head(frame, head);
    memcpy(link->out.bytes + link->out.end, head, LO_HEADER);
    if (frame->size > 0)
        memcpy(link->out.bytes + link->out.end + LO_HEADER, frame->body, frame->size);
    link->out.end += LO_HEADER + frame->size;
    drain(link);
}

void lo_link_send(lo_connection *connection, lo_packet *packet, int64_t due)
{
    lo_frame frame = {
        .size = (uint32_t)packet->message.m_cbSize,
        .kind = packet->kind,
        .reliable = packet->reliable,
        .lane = packet->lane,
        .departs = packet->departs,
        .due = due,
        .number = packet->number,
        .channel = packet->message.m_nChannel,
        .body = packet->message.m_pData,
    };
    send_frame(connection->link, &frame);
    if (packet->kind == LO_CALL)
        lo_link_weather(connection);
    lo_bury(packet);
}

void lo_link_weather(lo_connection *connection)
{
    lo_weather weather = lo_weather_of(connection->object.user);
    send_frame(connection->link, &(lo_frame){.kind = LO_WEATHER,
                                             .size = sizeof weather,
                                             .body = (const unsigned char *)&weather});
}

bool lo_link_is_drained(const lo_connection *connection)
{
    const lo_link *link = connection->link;
    return link == NULL || link->deaf || link->out.begin == link->out.end;
}

static int64_t weight(const lo_packet *packet)
{
    return (int64_t)sizeof *packet + packet->message.m_cbSize;
}

void lo_link_acknowledge(lo_connection *receiver, const lo_packet *packet)
{
    lo_link *link = receiver->link;
    lo_lane *lane = &receiver->lanes[packet->lane];
    receiver->inbound_bytes -= weight(packet);
    lane->arrived[packet->reliable].messages++;
    lane->arrived[packet->reliable].bytes += packet->message.m_cbSize;
    lane->ack_due = link->ack_due = acks_due = true;
}

/* While the peer does not read the acks that it was given, no more are added to them. */
void lo_links_write(void)
{
    if (!acks_due)
        return;
    acks_due = false;
    for (lo_link *link = links.first; link != NULL; link = link->listed.after)
        if (link->connection != NULL && link->acks_unsent == 0)
            send_acks(link);
}

/* --- in ------------------------------------------------------------------------------------- */

void lo_link_landed(lo_packet *packet)
{
    lo_connection *connection = packet->receiver;
    LO_REMOVE(&connection->inbound, packet, grouped);
    packet->receiver = NULL;
    if (packet->kind != LO_DATA)
        connection->inbound_bytes -= weight(packet);
}

static bool open_incoming(lo_link *link, const lo_frame *frame)
{
    lo_call call;
    lo_listener *listener;
    lo_connection *connection = NULL;
    memcpy(&call, frame->body, sizeof call);
    listener = lo_listener_at(call.manner, &call.to, call.port);
    if (listener != NULL)
        connection = lo_called_end(listener, &call);
    if (connection == NULL)
        return false;
    connection->link = link;
    link->connection = connection;
    link->heard = true;
    send_frame(link, &(lo_frame){.kind = LO_RING});
    lo_link_weather(connection);
    return true;
}

/* Within a minute of now, whatever a frame says. */
static int64_t plausible(int64_t time)
{
    int64_t earliest = lo.now - MINUTE, latest = lo.now + MINUTE;
    return time < earliest ? earliest : time > latest ? latest : time;
}

/* False when memory is short: the same frame again later. */
static bool put_in_air(lo_connection *connection, const lo_frame *frame)
{
    lo_packet *packet;
    if (frame->kind == LO_DATA && lo_lane_at(connection, frame->lane) == NULL)
        return false;
    packet = lo_packet_new(frame->kind, frame->size);
    if (packet == NULL)
        return false;
    memcpy(packet->payload, frame->body, frame->size);
    packet->reliable = frame->reliable;
    packet->lane = frame->lane;
    packet->number = frame->number;
    packet->message.m_nChannel = frame->channel;
    packet->departs = plausible(frame->departs);
    packet->stage = LO_ARRIVING;
    if (frame->kind == LO_CLOSE) {
        connection->peer_closed = true;
        if (!frame->reliable)
            connection->cut = packet->departs;
    }
    packet->receiver = connection;
    LO_APPEND(&connection->inbound, packet, grouped);
    connection->inbound_bytes += weight(packet);
    lo_air_push(&lo.air, &packet->node, plausible(frame->due));
    return true;
}

/* False: not now, for want of memory. */
static bool handle(lo_link *link, const lo_frame *frame)
{
    lo_connection *connection = link->connection;
    if (connection == NULL) {
        if (link->leaving)
            return true;
        if (frame->kind != LO_CALL || !open_incoming(link, frame)) {
            link->over = true;
            return true;
        }
        connection = link->connection;
        if (connection->state == LO_CONNECTING) { /* one's own call met this one */
            lo_accept(connection);
            return true;
        }
    }
    switch (frame->kind) {
    case LO_CALL:
        if (connection->outgoing || connection->state != LO_NONE ||
            connection->inbound.first != NULL)
            break;
        return put_in_air(connection, frame);
    case LO_RING:
        link->heard = true;
        return true;
    case LO_WEATHER:
        memcpy(&connection->far, frame->body, sizeof connection->far);
        lo_check_path(connection);
        return true;
    case LO_ACK: {
        lo_ack ack;
        memcpy(&ack, frame->body, sizeof ack);
        if (!lo_acknowledged(connection, frame->lane, &ack))
            break;
        return true;
    }
    case LO_DATA:
        /* Only who is connected, or just being accepted, has anything to say. */
        if (!connection->outgoing &&
            (connection->state == LO_NONE || connection->state == LO_CONNECTING))
            break;
        return put_in_air(connection, frame);
    case LO_ACCEPT:
    case LO_CONFIRM:
    case LO_CLOSE:
        return put_in_air(connection, frame);
    default:
        break;
    }
    lo_malformed(connection);
    return true;
}

/* False: the rest later, for want of memory. */
static bool read_frames(lo_link *link)
{
    buffer *in = &link->in;
    while (!link->over) {
        lo_frame frame;
        ptrdiff_t size = lo_frame_parse(in->bytes + in->begin, in->end - in->begin, &frame);
        if (size == 0)
            return true;
        if (size < 0 && link->connection != NULL)
            lo_malformed(link->connection);
        if (size < 0) {
            link->over = true;
            return true;
        }
        if (!handle(link, &frame))
            return false;
        in->begin += (size_t)size;
    }
    return true;
}

static void read_link(lo_link *link)
{
    for (int i = 0; i < READS && !link->over; i++) {
        buffer *in = &link->in;
        ptrdiff_t got;
        if (link->connection != NULL && link->connection->inbound_bytes > BACKLOG)
            return;
        if (in->end > in->begin && !read_frames(link))
            return;
        if (link->over || !reserve(in, READ))
            return;
        got = sn_socket_receive(link->socket, in->bytes + in->end, in->room - in->end);
        if (got < 0)
            break_off(link);
        if (got <= 0)
            return;
        in->end += (size_t)got;
        read_frames(link);
    }
}

void lo_links_read(void)
{
    enum { GUESTS = 64 };
    lo_link *link, *next;
    if (lo.clock < last_glance + GLANCE && lo.clock >= last_glance)
        return;
    last_glance = lo.clock;
    lo.now = lo.clock;
    for (int i = 0; i < GUESTS; i++) {
        sn_socket guest = lo_rendezvous_accept();
        if (guest == SN_NO_SOCKET)
            break;
        new_link(guest);
    }
    for (link = links.first; link != NULL; link = next) {
        next = link->listed.after;
        drain(link);
        if (link->ack_due)
            acks_due = true; /* it had to wait */
        read_link(link);
        if (link->connection != NULL)
            lo_check_delivered(link->connection);
        if (link->leaving && (link->out.begin == link->out.end || link->deaf))
            link->over = true;
        if (link->connection == NULL && !link->leaving && lo.clock > link->expires)
            link->over = true;
        if (link->over) {
            break_off(link);
            destroy(link);
        }
    }
}

void lo_links_close(void)
{
    while (links.first != NULL)
        destroy(links.first);
    lo_rendezvous_close();
}

void sn_loopback_after_fork(void)
{
    for (lo_link *link = links.first; link != NULL; link = link->listed.after)
        sn_socket_close(link->socket);
    links.first = links.last = NULL;
    acks_due = false;
    lo_rendezvous_detach();
    /* Whatever another thread of the parent was doing to the world, it does there. */
    lo = (lo_world){.mutex = SN_MUTEX_INIT};
}
