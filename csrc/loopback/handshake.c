/* Connecting: the request, its acceptance and confirmation, and what happens when they do not come. */
#include "handshake.h"

#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "network_sim.h"
#include "receive_queue.h"
#include "rendezvous.h"
#include "send.h"
#include "transport.h"

enum {
    TIMEOUT = k_ESteamNetConnectionEnd_Misc_Timeout,
    CONNECT_ALONE = 1000000, /* µs of trying where no other process can be reached */
};

/* A change of the simulated network can end a blackout, or begin one. */
void lo_conditions_changed(lo_user *user)
{
    lo_connection *connection = user->connections.first;
    lo_sim_read(user);
    for (; connection != NULL; connection = connection->listed.after) {
        lo_connection *peer = lo_peer(connection);
        lo_note_room(connection); /* it may be no longer isolated */
        lo_check_path(connection);
        if (peer != NULL)
            lo_check_path(peer);
        if (connection->link != NULL)
            lo_link_send_conditions(connection);
    }
}

void lo_invent_address(lo_connection *connection, bool ipv6)
{
    static const SteamNetworkingIPAddr hosts[] = {
        {.m_ipv6 = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}},
        {.m_ipv6 = {[15] = 1}},
    };
    connection->address = hosts[ipv6];
    connection->address.m_port = (uint16_t)(49152 + connection->ordinal % 16384);
}

static void set_connected(lo_connection *connection)
{
    if (connection->kind == LO_KIND_P2P || connection->kind == LO_KIND_SESSION) {
        if (connection->state == LO_CONNECTING)
            lo_set_state(connection, LO_FINDING_ROUTE);
        lo_invent_address(connection, false);
    }
    lo_timer_remove(&connection->timeout_timer);
    lo_set_state(connection, LO_CONNECTED);
    lo_log(connection->object.user, LO_MSG, "#%u connected", connection->ordinal);
    lo_check_path(connection);
    lo_schedule(connection);
    if (connection->peer_end == LO_PEER_LOST)
        lo_timer_add(&connection->timeout_timer, lo.now); /* its last packet came after it was gone */
}

lo_packet *lo_request_packet(const lo_connection *connection)
{
    lo_packet *packet = lo_packet_new(LO_CONNECT_REQUEST, sizeof(lo_connect_request));
    lo_connect_request request = {
        .from = connection->object.user->identity,
        .to = connection->remote,
        .kind = connection->kind,
        .port = connection->port,
        .protocol = LO_PROTOCOL,
        .symmetric = connection->symmetric,
        .ipv6 = connection->kind == LO_KIND_IP && !sn_address_is_ipv4(&connection->address),
    };
    if (packet != NULL)
        memcpy(packet->payload, &request, sizeof request);
    return packet;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* Why there is no way to the peer, however long it takes; NULL: there may be one. */
static const char *unreachable(const lo_connection *connection)
{
    const sn_clock *clock = connection->kind != LO_KIND_IP ? lo_clock_of(&connection->remote) : lo_clock;
    if (clock != NULL && clock != lo_clock)
        return "The peer is on another clock: only players of one clock can connect";
    if (!lo.is_virtual)
        return lo_rendezvous_error();
    if (clock == NULL)
        return "No player of this virtual clock has that identity, and other processes cannot be "
               "reached from it";
    return NULL;
}

/* When a caller gives up. */
static int64_t connect_deadline(const lo_connection *connection)
{
    int64_t deadline = lo_deadline(connection);
    if (connection->request == LO_REQUEST_FAILED)
        return lo.now;
    if (connection->request != LO_REQUEST_SENT && unreachable(connection) != NULL)
        deadline = earlier(deadline, connection->created + CONNECT_ALONE);
    return deadline;
}

/* Looks for the peer and sends it the request, until that got through or time is over. */
void lo_send_connect_request(lo_connection *connection)
{
    lo_listener *listener = lo_listener_at(connection->kind, &connection->remote, connection->port);
    int64_t again;
    if (connection->request != LO_REQUEST_SENT && lo_sim_out(connection)->loss < 100) {
        lo_packet *packet = NULL;
        if (listener != NULL || connection->link != NULL || lo_link_to(connection))
            packet = lo_request_packet(connection);
        if (packet != NULL) {
            connection->request = LO_REQUEST_SENT;
            packet->to = listener != NULL ? listener->object.handle : 0;
            packet->send_time = lo.now + LO_SERVICE_DELAY;
            lo_transmit(connection, packet, false);
        }
    }
    again = connection->request == LO_REQUEST_SENT ? INT64_MAX : lo.now + LO_CONNECT_RETRY;
    lo_timer_add(&connection->timeout_timer, earlier(connect_deadline(connection), again));
}

EResult lo_accept(lo_connection *connection)
{
    lo_packet *packet;
    if (connection->outgoing)
        return k_EResultInvalidParam;
    if (connection->state != LO_CONNECTING)
        return k_EResultInvalidState;
    packet = lo_packet_new(LO_CONNECT_OK, sizeof(SteamNetworkingIdentity));
    if (packet == NULL)
        return k_EResultFail;
    memcpy(packet->payload, &connection->object.user->identity, sizeof(SteamNetworkingIdentity));
    packet->send_time = lo.now + LO_SERVICE_DELAY;
    lo_transmit(connection, packet, false);
    if (connection->kind == LO_KIND_IP) {
        set_connected(connection);
    } else {
        lo_set_state(connection, LO_FINDING_ROUTE);
        lo_wait_for_peer(connection);
    }
    return k_EResultOK;
}

void lo_handle_confirm(lo_connection *connection)
{
    if (!connection->outgoing && connection->state == LO_FINDING_ROUTE)
        set_connected(connection);
}

void lo_handle_control(lo_connection *connection, lo_packet *packet)
{
    switch (packet->kind) {
    case LO_CONNECT_REQUEST:
        if (connection->state == LO_NONE)
            lo_set_state(connection, LO_CONNECTING);
        break;
    case LO_CONNECT_OK:
        if (!connection->outgoing || connection->state != LO_CONNECTING)
            break;
        if (connection->kind == LO_KIND_IP)
            memcpy(&connection->remote, packet->payload, sizeof connection->remote);
        /* The same packet goes back, ahead of what waits to be sent. */
        packet->kind = LO_CONNECT_CONFIRM;
        packet->message.m_cbSize = 0;
        packet->send_time = lo.now + LO_SERVICE_DELAY;
        lo_transmit(connection, packet, false);
        set_connected(connection);
        return;
    case LO_CONNECT_CONFIRM:
        lo_handle_confirm(connection);
        break;
    case LO_CONNECTION_CLOSED: {
        lo_close_body closed;
        memcpy(&closed, packet->payload, sizeof closed);
        lo_terminate(connection, LO_CLOSED_BY_PEER, closed.reason, closed.text, false);
        break;
    }
    default:
        break;
    }
    lo_release_later(packet);
}

static void connect_timed_out(lo_connection *connection)
{
    char text[sizeof connection->end.text];
    const char *why = NULL;
    if (connection->request == LO_REQUEST_FAILED) {
        lo_terminate(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_InternalError,
                     "This process has too many open files", false);
        return;
    }
    if (connection->request == LO_REQUEST_SENT || (why = unreachable(connection)) == NULL) {
        lo_terminate(connection, LO_PROBLEM, TIMEOUT, "Timed out attempting to connect", true);
        return;
    }
    snprintf(text, sizeof text, "%s%s",
             why == lo_rendezvous_error() ? "Cannot meet other processes, set STEAMNET_LOOPBACK_DIR: " : "",
             why);
    lo_terminate(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Local_NetworkConfig, text, false);
}

static void timed_out(lo_connection *connection)
{
    if (connection->state == LO_CONNECTED)
        lo_terminate(connection, LO_PROBLEM, TIMEOUT, "Connection dropped", false);
    else if (connection->state == LO_FINDING_ROUTE)
        lo_terminate(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_P2P_Rendezvous,
                     "Timed out attempting to negotiate rendezvous", true);
    else if (!connection->outgoing)
        lo_terminate(connection, LO_PROBLEM, TIMEOUT,
                     "App didn't accept or close incoming connection in time.", true);
    else
        connect_timed_out(connection);
}

/* The time-out may have been changed since the timer was set. */
void lo_on_timeout(lo_connection *connection)
{
    bool calls = connection->outgoing && connection->state == LO_CONNECTING;
    if (connection->state <= LO_NONE)
        lo_destroy(connection);
    else if (connection->peer_end == LO_PEER_LOST)
        lo_terminate(connection, LO_PROBLEM, TIMEOUT, "Connection dropped", false);
    else if (lo.now >= (calls ? connect_deadline(connection) : lo_deadline(connection)))
        timed_out(connection);
    else if (calls)
        lo_send_connect_request(connection);
    else
        lo_timer_add(&connection->timeout_timer, lo_deadline(connection));
}
