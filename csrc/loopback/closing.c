/* The close behind the last message, and what is not delivered until then. */
#include "closing.h"

#include <string.h>

#include "transport.h"

enum { FIN_WAIT_TIME = 5000000 /* µs that a close is sent again to a peer that did not get it */ };

lo_total lo_unacknowledged(const lo_connection *connection)
{
    lo_total sum = {0, 0};
    for (int i = 0; i < connection->lane_room; i++) {
        const lo_lane *lane = &connection->lanes[i];
        sum.messages += lane->pending[true].messages + lane->unacked.messages;
        sum.bytes += lane->pending[true].bytes + lane->unacked.bytes;
    }
    return sum;
}

/* While it is connected, that is without linger, the close goes ahead of all data. Otherwise all data
 * has been sent, or there is none; then only the connect request must not be overtaken. */
void lo_send_close(lo_connection *connection)
{
    lo_packet *packet = connection->close_packet;
    lo_connection *peer = lo_peer(connection);
    bool first = connection->state == LO_CONNECTED;
    if (packet == NULL || (connection->peer == 0 && connection->link == NULL))
        return;
    connection->close_packet = NULL;
    memcpy(packet->payload, &connection->end, sizeof connection->end);
    if (packet->attempt == 0)
        packet->reliable = !first;
    packet->send_time = lo.now;
    if (first)
        packet->send_time += LO_SERVICE_DELAY;
    else if (connection->state == LO_LINGER && connection->link_idle_at > lo.now)
        packet->send_time = connection->link_idle_at;
    packet->attempt++;
    connection->close_lost = !lo_transmit(connection, packet, false);
    if (connection->state == LO_LINGER)
        connection->state = LO_FIN_WAIT;
    if (connection->close_lost) {
        connection->close_packet = packet;
    } else if (peer != NULL) {
        peer->peer_end = LO_PEER_CLOSED;
        if (first)
            peer->discard_after = packet->send_time; /* what the link has not sent to its end is lost */
    }
}

sn_closing lo_undelivered(const lo_connection *connection)
{
    lo_total left = lo_unacknowledged(connection);
    return (sn_closing){
        .connection = connection->kind != LO_KIND_SESSION ? connection->object.handle : 0,
        .peer = connection->remote,
        .messages = left.messages,
        .bytes = left.bytes,
    };
}

bool lo_is_delivered(const lo_connection *connection)
{
    return connection->state == LO_FIN_WAIT && lo_link_is_drained(connection) &&
           lo_unacknowledged(connection).messages == 0;
}

/* While its close is lost it stays, to send another one to a peer that still sends. */
void lo_check_delivered(lo_connection *connection)
{
    if (!lo_is_delivered(connection))
        return;
    if (!connection->close_lost)
        lo_timer_add(&connection->timeout_timer, lo.now);
    else if (!connection->timeout_timer.is_queued)
        lo_timer_add(&connection->timeout_timer, lo.now + FIN_WAIT_TIME);
}
