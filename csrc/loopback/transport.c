/* The way to the peer: in this process, or on a stream to another process of this machine.
 *
 * A link carries frames. Its stream loses nothing: the simulated network drops and delays packets
 * on either side of it. Frames come ahead of their time and wait for it with a timer. Times are those
 * of the machine's clock, which both processes read.
 */
#include "transport.h"

#include <string.h>

#include "network_sim.h"
#include "readiness.h"

enum {
    HANDSHAKE_TIME = 5000000, /* µs until a new link must have sent its connect request */
    BACKLOG = 4 << 20,        /* bytes of memory that a connection's link may fill, then it waits */
    MOST_UNREAD = 1 << 20,    /* bytes that wait for the peer to read, before some are not sent */
};

lo_link_list lo_links, lo_active_links, lo_acking_links;

bool lo_buffer_reserve(lo_buffer *b, size_t more)
{
    size_t used = b->end - b->begin, room = b->room > 0 ? b->room : LO_READ;
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
    *b = (lo_buffer){bytes, 0, used, room};
    return true;
}

lo_link *lo_link_new(sn_socket socket)
{
    lo_link *link = lo_alloc(sizeof *link);
    if (link == NULL) {
        sn_socket_close(socket);
        return NULL;
    }
    link->socket = socket;
    link->expires = lo.now + HANDSHAKE_TIME;
    LO_APPEND(&lo_links, link, listed);
    lo_link_watch(link);
    lo_link_activate(link);
    return link;
}

void lo_link_activate(lo_link *link)
{
    if (!link->is_active)
        LO_APPEND(&lo_active_links, link, active);
    link->is_active = true;
}

bool lo_link_is_paused(const lo_link *link)
{
    return link->connection != NULL && link->connection->inbound_bytes > BACKLOG;
}

void lo_link_watch(lo_link *link)
{
    bool unsent = link->out.begin < link->out.end && !link->write_closed;
    int wanted = (lo_link_is_paused(link) ? 0 : SN_READABLE) | (unsent ? SN_WRITABLE : 0);
    lo_watch(link->socket, &link->watched, wanted, link);
}

void lo_link_destroy(lo_link *link)
{
    LO_REMOVE(&lo_links, link, listed);
    if (link->is_active)
        LO_REMOVE(&lo_active_links, link, active);
    if (link->ack_due)
        LO_REMOVE(&lo_acking_links, link, acking);
    lo_watch(link->socket, &link->watched, 0, link);
    sn_socket_close(link->socket);
    lo_rendezvous_file_closed();
    lo_free(link->in.bytes);
    lo_free(link->out.bytes);
    lo_free(link);
}

bool lo_link_to(lo_connection *connection)
{
    sn_socket socket;
    lo_link *link;
    if (lo.is_virtual)
        return false;
    socket = lo_rendezvous_connect(lo_address_key(connection->kind, &connection->remote, connection->port));
    connection->request = sn_too_many_files(socket) ? LO_REQUEST_FAILED : LO_REQUEST_UNSENT;
    if (socket == SN_NO_SOCKET)
        return false;
    if (connection->request == LO_REQUEST_FAILED) {
        sn_socket_close(socket);
        return false;
    }
    link = lo_link_new(socket);
    if (link == NULL)
        return false;
    link->state = LO_LINK_OPEN;
    link->connection = connection;
    connection->link = link;
    lo_log(connection->object.user, LO_VERBOSE, "#%u calls another process", connection->ordinal);
    return true;
}

void lo_link_drain(lo_link *link)
{
    lo_buffer *out = &link->out;
    while (out->begin < out->end && !link->write_closed) {
        ptrdiff_t sent =
            sn_socket_send(link->socket, out->bytes + out->begin, out->end - out->begin);
        if (sent == 0)
            break;
        if (sent < 0)
            link->write_closed = true;
        else
            out->begin += (size_t)sent;
    }
    lo_link_watch(link);
}

static void send_frame(lo_link *link, const lo_frame *frame)
{
    unsigned char *to;
    if (link->write_closed)
        return;
    if (!lo_buffer_reserve(&link->out, LO_HEADER + frame->size)) {
        link->write_closed = true; /* a lost frame would corrupt the stream: drop the connection */
        link->state = LO_LINK_DEAD;
        lo_link_activate(link);
        return;
    }
    to = link->out.bytes + link->out.end;
    lo_frame_head(frame, to);
    if (frame->size > 0)
        memcpy(to + LO_HEADER, frame->body, frame->size);
    link->out.end += LO_HEADER + frame->size;
    lo_link_drain(link);
}

void lo_link_send_control(lo_link *link, int kind, int lane, const void *body, size_t size)
{
    send_frame(link, &(lo_frame){
                         .kind = (uint8_t)kind, .reliable = true, .lane = (uint16_t)lane, .size = (uint32_t)size, .body = body});
}

static bool is_congested(const lo_link *link)
{
    return link->out.end - link->out.begin > MOST_UNREAD;
}

void lo_link_send(lo_connection *connection, lo_packet *packet, int64_t due)
{
    lo_frame frame = {
        .size = (uint32_t)packet->message.m_cbSize,
        .kind = packet->kind,
        .reliable = packet->reliable,
        .lane = packet->lane,
        .send_time = packet->send_time,
        .due = due,
        .number = packet->number,
        .attempt = packet->attempt,
        .channel = packet->message.m_nChannel,
        .body = packet->message.m_pData,
    };
    bool may_be_lost = packet->kind == LO_DATAGRAM || (packet->kind == LO_DATA && !packet->reliable);
    /* A peer that does not read loses packets, as on a network. */
    if (!may_be_lost || !is_congested(connection->link))
        send_frame(connection->link, &frame);
    if (packet->kind == LO_CONNECT_REQUEST)
        lo_link_send_conditions(connection);
    lo_release_later(packet);
}

void lo_link_send_conditions(lo_connection *connection)
{
    lo_conditions conditions = lo_local_conditions(connection);
    lo_link_send_control(connection->link, LO_CONDITIONS, 0, &conditions, sizeof conditions);
}

bool lo_link_is_drained(const lo_connection *connection)
{
    const lo_link *link = connection->link;
    return link == NULL || link->write_closed || link->out.begin == link->out.end;
}

/* --- acknowledgement ----------------------------------------------------------------------- */

static void send_acks(lo_link *link)
{
    if (!link->ack_due)
        return;
    LO_REMOVE(&lo_acking_links, link, acking);
    link->ack_due = false;
    for (int i = 0; i < link->connection->lane_room; i++) {
        lo_lane *lane = &link->connection->lanes[i];
        lo_total arrived = lane->arrived;
        lane->arrived = (lo_total){0, 0};
        if (arrived.messages > 0)
            lo_link_send_control(link, LO_ACK, i, &arrived, sizeof arrived);
    }
}

void lo_link_arrived(lo_connection *receiver, const lo_packet *packet)
{
    bool paused = receiver->link != NULL && lo_link_is_paused(receiver->link);
    receiver->inbound_bytes -= lo_packet_memory(packet);
    if (paused && !lo_link_is_paused(receiver->link))
        lo_link_activate(receiver->link);
}

void lo_link_acknowledge(lo_connection *receiver, const lo_packet *packet)
{
    lo_link *link = receiver->link;
    lo_lane *lane = &receiver->lanes[packet->lane];
    lo_link_arrived(receiver, packet);
    if (!packet->reliable)
        return;
    lane->arrived.messages++;
    lane->arrived.bytes += packet->message.m_cbSize;
    if (!link->ack_due)
        LO_APPEND(&lo_acking_links, link, acking);
    link->ack_due = true;
}

/* While the peer does not read, acks wait and add up. */
void lo_transport_send_acks(void)
{
    lo_link *link, *next;
    for (link = lo_acking_links.first; link != NULL; link = next) {
        next = link->acking.after;
        if (!is_congested(link))
            send_acks(link);
    }
}

/* --- the end ------------------------------------------------------------------------------- */

/* The connection ends. Its link stays until all that was sent has left. */
void lo_link_leave(lo_connection *connection)
{
    lo_link *link = connection->link;
    lo_timer *timer = connection->inbound_bytes > 0 ? lo.timers[LO_PACKET_TIMER].first : NULL, *next;
    for (; timer != NULL; timer = next) {
        lo_packet *packet = (lo_packet *)(void *)timer; /* it begins with its timer */
        next = timer->queued.after;
        if (packet->from == 0 && packet->to == connection->object.handle) {
            lo_timer_remove(timer);
            lo_release_later(packet);
        }
    }
    connection->inbound_bytes = 0;
    if (link == NULL)
        return;
    send_acks(link);
    if (connection->close_lost || connection->object.user->frozen)
        lo_link_send_control(link, LO_SILENT, 0, NULL, 0);
    connection->link = NULL;
    link->connection = NULL;
    link->state = LO_LINK_DRAINING;
    lo_link_activate(link);
}

void lo_transport_close(void)
{
    while (lo_links.first != NULL)
        lo_link_destroy(lo_links.first);
    lo_rendezvous_close();
    lo_readiness_close();
}

void lo_transport_detach(void)
{
    lo_readiness_close(); /* before the sockets, which the parent's poller watches as well */
    for (lo_link *link = lo_links.first; link != NULL; link = link->listed.after)
        sn_socket_close(link->socket);
    lo_links = lo_active_links = lo_acking_links = (lo_link_list){NULL, NULL};
    lo_rendezvous_detach();
}

/* --- the way out --------------------------------------------------------------------------- */

bool lo_transmit(lo_connection *connection, lo_packet *packet, bool again)
{
    int64_t due = packet->send_time;
    if (!again) {
        packet->from = connection->object.handle;
        if (packet->kind != LO_CONNECT_REQUEST)
            packet->to = connection->peer;
        packet->timer = (lo_timer){.kind = LO_PACKET_TIMER};
        packet->stage = LO_AT_SENDER;
        if (lo.records != NULL)
            lo_sim_record(connection, packet, SN_SENT, packet->send_time);
    }
    due = lo_sim_pass(connection, packet, true, due > lo.now ? due : lo.now);
    if (lo.records != NULL && (due < 0 || due > packet->send_time))
        lo_sim_record(connection, packet, due < 0 ? SN_LOST : SN_DELAYED, due < 0 ? lo.now : due);
    if (due < 0)
        return false;
    if (packet->stage == LO_IN_FLIGHT && connection->link != NULL)
        lo_link_send(connection, packet, due);
    else
        lo_timer_add(&packet->timer, due);
    return true;
}
