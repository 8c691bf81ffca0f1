/* Connections: from the call to the goodbye, and the events that tell of it. */
#include <stdio.h>
#include <string.h>

#include "rendezvous.h"
#include "wire.h"

enum { TIMEOUT = k_ESteamNetConnectionEnd_Misc_Timeout };

/* --- existence ----------------------------------------------------------------------------------- */

static void dismantle(lo_connection *connection)
{
    lo_event *event;
    for (int i = 0; i < connection->lane_room; i++)
        lo_bury_all(&connection->lanes[i].waiting);
    lo_bury(connection->close_packet);
    lo_free(connection->abandoned);
    while ((event = connection->spare.first) != NULL) {
        LO_REMOVE(&connection->spare, event, queued);
        lo_free(event);
    }
    lo_config_free(&connection->scope);
    if (connection->lanes != &connection->first_lane)
        lo_free(connection->lanes);
    lo_free(connection);
}

lo_connection *lo_connection_new(lo_user *user, int manner, lo_listener *listener, int count,
                                 const SteamNetworkingConfigValue_t *options)
{
    lo_connection *connection = lo_alloc(sizeof *connection);
    bool complete;
    if (connection == NULL)
        return NULL;
    connection->manner = manner;
    connection->listener = listener;
    connection->scope.parent = listener != NULL ? &listener->scope : &user->local;
    connection->departure.kind = LO_DEPARTURE;
    connection->deadline.kind = LO_DEADLINE;
    connection->lanes = &connection->first_lane;
    connection->first_lane.weight = 1;
    connection->lane_count = connection->lane_room = 1;
    connection->leaves_at = connection->cut = INT64_MAX;
    connection->created = lo.now;
    connection->close_packet = lo_packet_new(LO_CLOSE, sizeof(lo_close_body));
    connection->abandoned = lo_alloc(sizeof *connection->abandoned);
    complete = connection->close_packet != NULL && connection->abandoned != NULL;
    for (int i = 0; i < LO_EVENTS && complete; i++) {
        lo_event *event = lo_alloc(sizeof *event);
        complete = event != NULL;
        if (complete)
            LO_APPEND(&connection->spare, event, queued);
    }
    if (!complete || !lo_config_options(&connection->scope, count, options) ||
        !lo_object_add(&connection->object, user, LO_CONNECTION)) {
        dismantle(connection);
        return NULL;
    }
    connection->ordinal = ++user->ordinal;
    LO_APPEND(&user->connections, connection, listed);
    return connection;
}

sn_closing lo_undelivered(const lo_connection *connection)
{
    lo_total left = lo_unacknowledged(connection);
    return (sn_closing){
        .connection = connection->manner != LO_SESSION ? connection->object.handle : 0,
        .peer = connection->remote,
        .messages = left.messages,
        .bytes = left.bytes,
    };
}

/* What was closed with linger and cannot be delivered any more is not lost in silence. */
static void record_abandoned(lo_connection *connection)
{
    if (!connection->lingering || lo_unacknowledged(connection).messages == 0)
        return;
    connection->abandoned->what = lo_undelivered(connection);
    LO_APPEND(&connection->object.user->abandoned, connection->abandoned, listed);
    connection->abandoned = NULL;
}

void lo_destroy(lo_connection *connection)
{
    lo_user *user = connection->object.user;
    lo_connection *peer = lo_peer(connection);
    record_abandoned(connection);
    lo_object_remove(&connection->object);
    if (peer != NULL)
        lo_check_path(peer);
    lo_air_remove(&lo.air, &connection->departure);
    lo_air_remove(&lo.air, &connection->deadline);
    if (connection->session != NULL)
        lo_session_let_go(connection->session);
    lo_drop_queue(connection);
    lo_change_group(connection, NULL);
    lo_link_leave(connection);
    LO_REMOVE(&user->connections, connection, listed);
    dismantle(connection);
}

void lo_vanish(lo_connection *connection)
{
    lo_connection *peer = lo_peer(connection);
    if (peer != NULL && !peer->peer_closed)
        lo_bereave(peer);
    lo_destroy(connection);
}

void lo_bereave(lo_connection *connection)
{
    connection->lost = true;
    lo_set_deadline(connection, lo.now);
}

/* --- states -------------------------------------------------------------------------------------- */

bool lo_is_over(const lo_connection *connection)
{
    return connection->state == LO_CLOSED_BY_PEER || connection->state == LO_PROBLEM;
}

/* The callback that its options, or those of its listen socket, name for it alone. */
static void *own_callback(const lo_connection *connection)
{
    const lo_scope *scope = &connection->scope;
    for (; scope != &connection->object.user->local; scope = scope->parent)
        if (scope->set >> LO_Callback_ConnectionStatusChanged & 1)
            return scope->values[LO_Callback_ConnectionStatusChanged].pointer;
    return NULL;
}

void lo_change(lo_connection *connection, ESteamNetworkingConnectionState state)
{
    ESteamNetworkingConnectionState old = connection->state;
    connection->state = state;
    if (connection->manner == LO_SESSION)
        lo_session_changed(connection, old);
    else if (!connection->closing)
        lo_tell(connection, LO_Callback_ConnectionStatusChanged, old);
}

void lo_tell(lo_connection *connection, int callback, ESteamNetworkingConnectionState old)
{
    lo_event *event = connection->spare.first;
    if (event == NULL)
        return;
    LO_REMOVE(&connection->spare, event, queued);
    event->callback = callback;
    event->connection = connection->object.handle;
    event->old_state = old;
    event->function = own_callback(connection);
    lo_fill_info(connection, &event->info);
    LO_APPEND(&connection->object.user->events, event, queued);
}

void lo_set_deadline(lo_connection *connection, int64_t when)
{
    lo_air_push(&lo.air, &connection->deadline, when);
}

int64_t lo_timeout(const lo_connection *connection, int key)
{
    return lo.now + (int64_t)lo_config(&connection->scope, key)->int32 * 1000;
}

void lo_check_path(lo_connection *connection)
{
    lo_weather near = lo_weather_of(connection->object.user), far = lo_far_weather(connection);
    const lo_packet *kept_back = connection->deferred.last;
    bool silent = near.loss_send >= 100 || near.loss_receive >= 100 || far.loss_send >= 100 ||
                  far.loss_receive >= 100 ||
                  (connection->link == NULL && lo_peer(connection) == NULL &&
                   !connection->peer_closed);
    if (kept_back != NULL && kept_back->kind == LO_CLOSE)
        silent = false; /* all that will ever come is here */
    if (connection->state != LO_CONNECTED || connection->lost || silent == connection->silent ||
        lo_is_delivered(connection))
        return;
    connection->silent = silent;
    if (silent)
        lo_set_deadline(connection, lo_timeout(connection, LO_TimeoutConnected));
    else
        lo_air_remove(&lo.air, &connection->deadline);
}

/* 127.0.0.1 and a port that nobody has. */
void lo_invent_address(lo_connection *connection)
{
    connection->address = (SteamNetworkingIPAddr){
        .m_ipv6 = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
        .m_port = (uint16_t)(49152 + connection->ordinal % 16384),
    };
}

static void become_connected(lo_connection *connection)
{
    if (connection->manner == LO_P2P || connection->manner == LO_SESSION) {
        if (connection->state == LO_CONNECTING)
            lo_change(connection, LO_FINDING_ROUTE);
        lo_invent_address(connection);
    }
    lo_air_remove(&lo.air, &connection->deadline);
    lo_change(connection, LO_CONNECTED);
    lo_say(connection->object.user, LO_MSG, "#%u connected", connection->ordinal);
    lo_check_path(connection);
    lo_schedule(connection);
    if (connection->lost)
        lo_set_deadline(connection, lo.now); /* its last word came after it was gone */
}

/* Before it is connected there is no data to overtake, only the calls that the other side has to
 * hear of first. */
static void send_close(lo_connection *connection, int64_t when, bool linger)
{
    lo_packet *packet = connection->close_packet;
    lo_close_body closed = {.reason = connection->end_reason};
    lo_connection *peer = lo_peer(connection);
    bool haste = !linger && connection->state == LO_CONNECTED;
    if (packet == NULL || (connection->peer == 0 && connection->link == NULL))
        return;
    connection->close_packet = NULL;
    memcpy(closed.text, connection->end_text, sizeof closed.text);
    memcpy(packet->payload, &closed, sizeof closed);
    packet->reliable = !haste;
    packet->departs = when = haste ? when + LO_SERVICE : when;
    if (peer != NULL && haste)
        peer->cut = when; /* what the link has not sent to its end is lost */
    lo_launch(connection, packet);
}

static void set_end(lo_connection *connection, int reason, const char *text)
{
    connection->end_reason = reason;
    snprintf(connection->end_text, sizeof connection->end_text, "%s", text);
}

void lo_end(lo_connection *connection, ESteamNetworkingConnectionState state, int reason,
            const char *text, bool tell)
{
    if (connection->closing || connection->state == LO_NONE) {
        lo_destroy(connection); /* the application does not know it: any more, or yet */
        return;
    }
    if (lo_is_over(connection))
        return;
    set_end(connection, reason, text);
    lo_say(connection->object.user, LO_MSG, "#%u %s: %d %s", connection->ordinal,
           state == LO_CLOSED_BY_PEER ? "closed by peer" : "problem", reason, text);
    if (tell)
        send_close(connection, lo.now, false);
    lo_link_leave(connection);
    lo_air_remove(&lo.air, &connection->departure);
    lo_air_remove(&lo.air, &connection->deadline);
    lo_drop_lanes(connection);
    lo_change(connection, state);
}

void lo_malformed(lo_connection *connection)
{
    lo_end(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_InternalError,
           "The peer's process sent what makes no sense", true);
}

void lo_deadline(lo_connection *connection)
{
    if (connection->closing || connection->state == LO_NONE) {
        lo_destroy(connection);
    } else if (connection->state == LO_CONNECTED || connection->lost) {
        lo_end(connection, LO_PROBLEM, TIMEOUT, "Connection dropped", false);
    } else if (connection->state == LO_FINDING_ROUTE) {
        lo_end(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_P2P_Rendezvous,
               "Timed out attempting to negotiate rendezvous", false);
    } else if (!connection->outgoing) {
        lo_end(connection, LO_PROBLEM, TIMEOUT,
               "App didn't accept or close incoming connection in time.", false);
    } else if (lo.now >= connection->gives_up && !connection->rung && lo_rendezvous_error() != NULL) {
        char text[sizeof connection->end_text];
        snprintf(text, sizeof text, "Cannot meet other processes, set STEAMNET_LOOPBACK_DIR: %s",
                 lo_rendezvous_error());
        lo_end(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Local_NetworkConfig, text, false);
    } else if (lo.now >= connection->gives_up) {
        lo_end(connection, LO_PROBLEM, TIMEOUT, "Timed out attempting to connect", false);
    } else {
        lo_ring(connection);
    }
}

/* --- connecting ---------------------------------------------------------------------------------- */

lo_packet *lo_call_packet(const lo_connection *connection)
{
    lo_packet *packet = lo_packet_new(LO_CALL, sizeof(lo_call));
    if (packet != NULL) {
        lo_call call = {.from = connection->object.user->identity,
                        .to = connection->called,
                        .manner = connection->manner,
                        .port = connection->port,
                        .protocol = LO_PROTOCOL,
                        .symmetric = connection->symmetric};
        memcpy(packet->payload, &call, sizeof call);
    }
    return packet;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* Looks for the one it wants and calls, until the call got through or it gives up. */
void lo_ring(lo_connection *connection)
{
    lo_listener *listener =
        lo_listener_at(connection->manner, &connection->called, connection->port);
    int64_t again;
    if (!connection->rung && connection->object.user->sky_send.loss < 100) {
        lo_packet *packet = NULL;
        if (listener != NULL || connection->link != NULL || lo_link_to(connection))
            packet = lo_call_packet(connection);
        if (packet != NULL) {
            connection->rung = true;
            packet->to = listener != NULL ? listener->object.handle : 0;
            packet->departs = lo.now + LO_SERVICE;
            lo_launch(connection, packet);
        }
    }
    if (!connection->rung && lo_rendezvous_error() != NULL)
        connection->gives_up = earlier(connection->gives_up, connection->created + LO_RING_ALONE);
    again = connection->rung ? INT64_MAX : lo.now + LO_RING_AGAIN;
    lo_set_deadline(connection, earlier(connection->gives_up, again));
}

EResult lo_accept(lo_connection *connection)
{
    lo_packet *packet;
    if (connection->outgoing)
        return k_EResultInvalidParam;
    if (connection->state != LO_CONNECTING)
        return k_EResultInvalidState;
    packet = lo_packet_new(LO_ACCEPT, sizeof(SteamNetworkingIdentity));
    if (packet == NULL)
        return k_EResultFail;
    memcpy(packet->payload, &connection->object.user->identity, sizeof(SteamNetworkingIdentity));
    packet->departs = lo.now + LO_SERVICE;
    lo_launch(connection, packet);
    if (connection->manner == LO_IP) {
        become_connected(connection);
    } else {
        lo_change(connection, LO_FINDING_ROUTE);
        lo_set_deadline(connection, lo_timeout(connection, LO_TimeoutInitial));
    }
    return k_EResultOK;
}

void lo_signalled(lo_connection *connection, lo_packet *packet)
{
    switch (packet->kind) {
    case LO_CALL:
        if (connection->state == LO_NONE)
            lo_change(connection, LO_CONNECTING);
        break;
    case LO_ACCEPT:
        if (!connection->outgoing || connection->state != LO_CONNECTING)
            break;
        if (connection->manner == LO_IP)
            memcpy(&connection->remote, packet->payload, sizeof connection->remote);
        /* The same packet goes back: yes, I am here. It goes ahead of what waits to be sent. */
        packet->kind = LO_CONFIRM;
        packet->message.m_cbSize = 0;
        packet->departs = lo.now + LO_SERVICE;
        lo_launch(connection, packet);
        become_connected(connection);
        return;
    case LO_CONFIRM:
    case LO_DATA:
        if (!connection->outgoing && connection->state == LO_FINDING_ROUTE)
            become_connected(connection);
        break;
    case LO_CLOSE: {
        lo_close_body closed;
        memcpy(&closed, packet->payload, sizeof closed);
        lo_end(connection, LO_CLOSED_BY_PEER, closed.reason, closed.text, false);
        break;
    }
    default:
        break;
    }
    if (packet->kind != LO_DATA)
        lo_bury(packet);
}

/* --- closing ------------------------------------------------------------------------------------- */

void lo_finish_close(lo_connection *connection)
{
    if (connection->close_packet != NULL)
        send_close(connection, connection->link_free > lo.now ? connection->link_free : lo.now,
                   true);
}

bool lo_is_delivered(const lo_connection *connection)
{
    return connection->lingering && connection->close_sent && lo_link_is_drained(connection) &&
           lo_unacknowledged(connection).messages == 0;
}

void lo_check_delivered(lo_connection *connection)
{
    if (lo_is_delivered(connection))
        lo_set_deadline(connection, lo.now);
}

void lo_close(lo_connection *connection, int reason, const char *text, bool linger)
{
    ESteamNetworkingConnectionState state = connection->state;
    if (!lo_is_over(connection)) {
        if (reason == 0)
            reason = k_ESteamNetConnectionEnd_App_Generic;
        if (reason < k_ESteamNetConnectionEnd_App_Min ||
            reason > k_ESteamNetConnectionEnd_AppException_Max) {
            reason = k_ESteamNetConnectionEnd_App_Max;
            text = "Invalid numeric reason code";
        } else if (text == NULL || *text == '\0') {
            text = reason >= k_ESteamNetConnectionEnd_AppException_Min
                       ? "Application closed connection in an unusual way"
                       : "Application closed connection";
        }
        set_end(connection, reason, text);
    }
    lo_drop_queue(connection);
    lo_change_group(connection, NULL);
    lo_change(connection, LO_NONE);
    connection->state = state;
    connection->closing = true;
    connection->lingering = linger;
    if (linger && state == LO_CONNECTED) {
        lo_flush(connection);
        lo_depart(connection);
        return;
    }
    if (!lo_is_over(connection))
        send_close(connection, lo.now, linger);
    lo_destroy(connection);
}
