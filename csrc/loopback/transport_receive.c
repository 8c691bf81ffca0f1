/* What comes from other processes. */
#include <stdio.h>
#include <string.h>

#include "closing.h"
#include "connection.h"
#include "handshake.h"
#include "listener.h"
#include "network_sim.h"
#include "readiness.h"
#include "send.h"
#include "transport.h"

enum {
    READS = 4,          /* from a link before the next one */
    POLL_INTERVAL = 50, /* µs between two looks at the sockets */
    LONGEST_INTERVAL = 20000,
    MINUTE = 60000000,
};

/* The other process is gone. */
static void break_off(lo_link *link)
{
    lo_connection *connection = link->connection;
    link->state = LO_LINK_DEAD;
    if (connection == NULL)
        return;
    link->connection = NULL;
    connection->link = NULL;
    if (connection->peer_end == LO_PEER_SILENT)
        lo_check_path(connection);
    if (connection->peer_end != LO_PEER_THERE)
        return; /* after all that it sent */
    if (connection->outgoing && !link->handshake_seen) {
        connection->request = LO_REQUEST_UNSENT; /* there was no listener */
        lo_timer_add(&connection->timeout_timer, lo.now + LO_CONNECT_RETRY);
    } else {
        lo_peer_lost(connection);
    }
}

/* Says why there will be no connection; the link is closed when that has been sent. */
static void refuse(lo_link *link, const char *why)
{
    lo_close_body closed = {.reason = k_ESteamNetConnectionEnd_Misc_InternalError};
    snprintf(closed.text, sizeof closed.text, "%s", why);
    lo_link_send_control(link, LO_CONNECTION_CLOSED, 0, &closed, sizeof closed);
    link->state = LO_LINK_DRAINING;
}

static bool open_incoming(lo_link *link, const lo_frame *frame)
{
    lo_connect_request request;
    lo_listener *listener;
    lo_connection *connection = NULL;
    memcpy(&request, frame->body, sizeof request);
    listener = lo_listener_at(request.kind, &request.to, request.port);
    if (listener != NULL)
        connection = lo_incoming_end(listener, &request);
    if (connection == NULL)
        return false;
    connection->link = link;
    link->state = LO_LINK_OPEN;
    link->connection = connection;
    lo_link_send_conditions(connection);
    return true;
}

/* Times in frames are limited to a minute around now. */
static int64_t plausible(int64_t time)
{
    int64_t earliest = lo.now - MINUTE, latest = lo.now + MINUTE;
    return time < earliest ? earliest : time > latest ? latest : time;
}

/* False when memory is short: the same frame is handled again later. */
static bool add_in_flight(lo_connection *connection, const lo_frame *frame)
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
    packet->attempt = frame->attempt;
    packet->message.m_nChannel = frame->channel;
    packet->send_time = plausible(frame->send_time);
    packet->stage = LO_IN_FLIGHT;
    packet->whole = frame->kind == LO_DATA;
    if (frame->kind == LO_CONNECTION_CLOSED) {
        connection->peer_end = LO_PEER_CLOSED;
        if (!frame->reliable)
            connection->discard_after = packet->send_time;
    }
    packet->to = connection->object.handle;
    connection->inbound_bytes += lo_packet_memory(packet);
    lo_timer_add(&packet->timer, plausible(frame->due));
    return true;
}

/* False when memory is short: the same frame is handled again later. */
static bool handle(lo_link *link, const lo_frame *frame)
{
    lo_connection *connection = link->connection;
    if (connection == NULL) {
        if (link->state == LO_LINK_DRAINING)
            return true;
        /* All times in frames are those of a clock that both have. */
        if (frame->kind == LO_CONNECT_REQUEST && plausible(frame->send_time) != frame->send_time) {
            refuse(link, "The clocks of the two processes differ");
            return true;
        }
        if (frame->kind != LO_CONNECT_REQUEST || !open_incoming(link, frame)) {
            link->state = LO_LINK_DEAD;
            return true;
        }
        connection = link->connection;
        if (connection->state == LO_CONNECTING) { /* our own request met this one */
            lo_accept(connection);
            return true;
        }
    }
    switch (frame->kind) {
    case LO_CONNECT_REQUEST:
        if (connection->outgoing || connection->state != LO_NONE)
            break;
        return add_in_flight(connection, frame);
    case LO_CONDITIONS: /* a listener's process sends them before all else */
        link->handshake_seen = true;
        memcpy(&connection->remote_conditions, frame->body, sizeof connection->remote_conditions);
        lo_check_path(connection);
        return true;
    case LO_ACK: {
        lo_total arrived;
        memcpy(&arrived, frame->body, sizeof arrived);
        if (!lo_acknowledged(connection, frame->lane, arrived))
            break;
        return true;
    }
    case LO_SILENT:
        if (connection->peer_end == LO_PEER_THERE)
            connection->peer_end = LO_PEER_SILENT;
        return true;
    case LO_DATA:
    case LO_DATAGRAM:
        /* Only a peer that is connected, or being accepted, may send data. */
        if (!connection->outgoing &&
            (connection->state == LO_NONE || connection->state == LO_CONNECTING))
            break;
        return add_in_flight(connection, frame);
    case LO_CONNECT_OK:
    case LO_CONNECT_CONFIRM:
    case LO_CONNECTION_CLOSED:
        return add_in_flight(connection, frame);
    default:
        break;
    }
    lo_protocol_error(connection);
    return true;
}

/* False when memory is short: the rest is handled later. */
static bool read_frames(lo_link *link)
{
    lo_buffer *in = &link->in;
    while (link->state != LO_LINK_DEAD) {
        lo_frame frame;
        ptrdiff_t size = lo_frame_parse(in->bytes + in->begin, in->end - in->begin, &frame);
        if (size == 0)
            return true;
        if (size < 0) {
            if (link->connection != NULL)
                lo_protocol_error(link->connection);
            link->state = LO_LINK_DEAD;
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
    for (int i = 0; i < READS && link->state != LO_LINK_DEAD; i++) {
        lo_buffer *in = &link->in;
        ptrdiff_t got;
        if (lo_link_is_paused(link))
            return;
        if ((in->end > in->begin && !read_frames(link)) || !lo_buffer_reserve(in, LO_READ)) {
            lo_link_activate(link); /* when there is memory */
            return;
        }
        if (link->state == LO_LINK_DEAD)
            return;
        got = sn_socket_receive(link->socket, in->bytes + in->end, in->room - in->end);
        if (got < 0)
            break_off(link);
        if (got <= 0)
            return;
        in->end += (size_t)got;
        if (!read_frames(link))
            lo_link_activate(link);
    }
}

static void look_at(lo_link *link)
{
    lo_link_drain(link);
    read_link(link);
    if (link->connection != NULL)
        lo_check_delivered(link->connection);
    if ((link->state == LO_LINK_DRAINING && (link->out.begin == link->out.end || link->write_closed)) ||
        (link->state == LO_LINK_NEW && lo.clock > link->expires) || link->state == LO_LINK_DEAD) {
        break_off(link);
        lo_link_destroy(link);
        return;
    }
    lo_link_watch(link);
    if (link->connection == NULL || lo_is_closed(link->connection))
        lo_link_activate(link); /* something of it is waited for that no socket tells */
}

static void accept_links(void)
{
    enum { MAX_ACCEPTED = 64 };
    for (int i = 0; i < MAX_ACCEPTED; i++) {
        bool too_many_files;
        sn_socket accepted = lo_rendezvous_accept(&too_many_files);
        lo_link *link;
        if (accepted == SN_NO_SOCKET)
            break;
        link = lo_link_new(accepted);
        if (link != NULL && too_many_files)
            refuse(link, "The peer's process has too many open files");
    }
}

void lo_transport_receive(void)
{
    enum { ROOM = 256 };
    void *ready[ROOM];
    lo_link_list active;
    lo_link *link;
    int count;
    lo.now = lo.clock;
    count = lo_ready(ready, ROOM);
    if (count < 0) {
        accept_links();
        for (link = lo_links.first; link != NULL; link = link->listed.after)
            lo_link_activate(link);
    }
    for (int i = 0; i < count; i++)
        if (ready[i] == NULL)
            accept_links();
        else
            lo_link_activate(ready[i]);
    /* Those that are activated meanwhile are looked at next time. */
    active = lo_active_links;
    lo_active_links.first = lo_active_links.last = NULL;
    while ((link = active.first) != NULL) {
        LO_REMOVE(&active, link, active);
        link->is_active = false;
        look_at(link);
    }
    lo_sockets_due = lo.clock + POLL_INTERVAL;
    if (count < 0) { /* to ask every link takes at most a tenth of the time */
        int64_t spent = lo_clock_time(&lo_real_clock) - lo.clock;
        lo_sockets_due += 9 * spent < LONGEST_INTERVAL / 2 ? 9 * spent : LONGEST_INTERVAL / 2;
    }
}
