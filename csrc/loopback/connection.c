/* The connection's state machine: packets, timers and calls in, packets and events out. */
#include "connection.h"

#include <stdio.h>
#include <string.h>

#include "closing.h"
#include "datagram.h"
#include "network_sim.h"
#include "receive_queue.h"
#include "send.h"
#include "status.h"
#include "transport.h"

enum { LEAST_TIMEOUT = 1150000 /* µs: it is asked more than once */ };

/* --- existence ----------------------------------------------------------------------------- */

void lo_settings_reload(lo_connection *connection)
{
    const lo_scope *scope = &connection->scope;
    int32_t least = lo_config(scope, LO_SendRateMin)->int32;
    int32_t most = lo_config(scope, LO_SendRateMax)->int32;
    connection->settings = (lo_settings){
        .user_data = lo_config(scope, LO_ConnectionUserData)->int64,
        .nagle_time = lo_config(scope, LO_NagleTime)->int32,
        .send_rate = least < most ? least : most,
        .send_buffer = lo_config(scope, LO_SendBufferSize)->int32,
        .receive_buffer = lo_config(scope, LO_RecvBufferSize)->int32,
        .receive_messages = lo_config(scope, LO_RecvBufferMessages)->int32,
        .receive_largest = lo_config(scope, LO_RecvMaxMessageSize)->int32,
    };
    if (connection->timeout_timer.is_queued && connection->state > LO_NONE)
        lo_timer_add(&connection->timeout_timer, lo.now); /* which reads the time-outs again */
}

static void free_parts(lo_connection *connection)
{
    lo_release_later(connection->close_packet);
    lo_free(connection->abandoned);
    while (connection->unused_count > 0)
        lo_free(connection->unused_events[--connection->unused_count]);
    lo_config_free(&connection->scope);
    if (connection->lanes != &connection->first_lane)
        lo_free(connection->lanes);
    lo_free(connection);
}

lo_connection *lo_connection_new(lo_user *user, int kind, lo_listener *listener, int count,
                                 const SteamNetworkingConfigValue_t *options)
{
    lo_connection *connection = lo_alloc(sizeof *connection);
    bool complete;
    if (connection == NULL)
        return NULL;
    connection->kind = kind;
    connection->listener = listener;
    connection->scope.parent = listener != NULL ? &listener->scope : &user->local;
    connection->send_timer.kind = LO_SEND_TIMER;
    connection->timeout_timer.kind = LO_TIMEOUT_TIMER;
    connection->lanes = &connection->first_lane;
    connection->first_lane.weight = 1;
    connection->lane_count = connection->lane_room = 1;
    connection->first_waiting = -1;
    connection->datagrams.ack_due = connection->datagrams.resend_at = INT64_MAX;
    connection->nagle_deadline = connection->discard_after = INT64_MAX;
    connection->created = connection->waiting_since = connection->last_received = lo.now;
    connection->close_packet = lo_packet_new(LO_CONNECTION_CLOSED, sizeof(lo_close_body));
    connection->abandoned = lo_alloc(sizeof *connection->abandoned);
    complete = connection->close_packet != NULL && connection->abandoned != NULL;
    while (complete && connection->unused_count < LO_EVENTS) {
        lo_event *event = lo_alloc(sizeof *event);
        complete = event != NULL;
        if (complete)
            connection->unused_events[connection->unused_count++] = event;
    }
    if (!complete || !lo_config_options(&connection->scope, count, options)) {
        free_parts(connection);
        return NULL;
    }
    lo_object_add(&connection->object, user, LO_CONNECTION);
    connection->ordinal = ++user->ordinal;
    lo_settings_reload(connection);
    LO_APPEND(&user->connections, connection, listed);
    return connection;
}

/* Nothing is sent, received or waited for any more. */
static void end_traffic(lo_connection *connection)
{
    lo_link_leave(connection);
    lo_timer_remove(&connection->send_timer);
    lo_timer_remove(&connection->timeout_timer);
    lo_drop_lanes(connection);
}

/* Reliable messages that a closed connection can no longer deliver are reported. */
static void record_abandoned(lo_connection *connection)
{
    if (!lo_is_lingering(connection) || lo_unacknowledged(connection).messages == 0)
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
    end_traffic(connection);
    if (connection->session != NULL)
        connection->session->connection = NULL;
    lo_drop_queue(connection);
    lo_change_group(connection, NULL);
    LO_REMOVE(&user->connections, connection, listed);
    free_parts(connection);
}

void lo_abort(lo_connection *connection)
{
    lo_connection *peer = lo_peer(connection);
    bool silent = connection->close_lost || connection->object.user->frozen;
    if (peer != NULL && peer->peer_end != LO_PEER_CLOSED && !silent)
        lo_peer_lost(peer);
    lo_destroy(connection);
}

void lo_peer_lost(lo_connection *connection)
{
    connection->peer_end = LO_PEER_LOST;
    lo_timer_add(&connection->timeout_timer, lo.now);
}

/* --- states -------------------------------------------------------------------------------- */

/* The callback that its own options, or those of its listen socket, name. */
static void *own_callback(const lo_connection *connection)
{
    const lo_scope *scope = &connection->scope;
    for (; scope != &connection->object.user->local; scope = scope->parent)
        if (lo_config_is_set(scope, LO_Callback_ConnectionStatusChanged))
            return scope->values[LO_Callback_ConnectionStatusChanged].pointer;
    return NULL;
}

void lo_set_state(lo_connection *connection, ESteamNetworkingConnectionState state)
{
    ESteamNetworkingConnectionState old = connection->state;
    connection->state = state;
    if (connection->on_state != NULL)
        connection->on_state(connection, old);
    else
        lo_post_event(connection, LO_Callback_ConnectionStatusChanged, old);
}

void lo_post_event(lo_connection *connection, int callback, ESteamNetworkingConnectionState old)
{
    lo_event *event;
    if (connection->unused_count == 0)
        return;
    event = connection->unused_events[--connection->unused_count];
    event->callback = callback;
    event->connection = connection->object.handle;
    event->old_state = old;
    event->function = own_callback(connection);
    lo_fill_info(connection, &event->info);
    LO_APPEND(&connection->object.user->events, event, queued);
    lo_note_news(connection->object.user);
}

int64_t lo_deadline(const lo_connection *connection)
{
    bool connected = lo_is_sending(connection);
    int key = connected ? LO_TimeoutConnected : LO_TimeoutInitial;
    int64_t time = (int64_t)lo_config(&connection->scope, key)->int32 * 1000;
    if (connected && time < LEAST_TIMEOUT)
        time = LEAST_TIMEOUT;
    return connection->waiting_since + time;
}

void lo_wait_for_peer(lo_connection *connection)
{
    connection->waiting_since = lo.now;
    lo_timer_add(&connection->timeout_timer, lo_deadline(connection));
}

/* Nothing gets through any more. As on Valve's engine, its time-out counts from the first packet that
 * should have been answered: reliable data, or else a question whether the peer is there. */
static void wait_in_silence(lo_connection *connection)
{
    int64_t idle = (lo.now - connection->last_received) % LO_KEEP_ALIVE;
    connection->asked_at = connection->waiting_since = lo.now + LO_KEEP_ALIVE - idle;
    if (connection->datagrams.unacked.first != NULL || connection->datagrams.lost.first != NULL)
        connection->waiting_since = lo.now;
    lo_timer_add(&connection->timeout_timer, lo_deadline(connection));
}

static bool is_blackout(lo_conditions conditions)
{
    return conditions.loss_send >= 100 || conditions.loss_receive >= 100;
}

/* The peer's close waits behind messages that have no room yet. */
static bool close_is_deferred(const lo_connection *connection)
{
    const lo_packet *last = connection->deferred.last;
    return last != NULL && last->kind == LO_CONNECTION_CLOSED;
}

void lo_check_path(lo_connection *connection)
{
    bool alone = connection->link == NULL && lo_peer(connection) == NULL;
    lo_conditions local = lo_local_conditions(connection), remote = lo_remote_conditions(connection);
    bool silent = is_blackout(local) || is_blackout(remote) ||
                  (alone && connection->peer_end != LO_PEER_CLOSED);
    lo_datagrams_simulate(connection, local.simulated || remote.simulated ||
                                          (silent && lo_is_sending(connection)));
    silent = silent && !close_is_deferred(connection); /* else nothing more is to come */
    if (!lo_is_sending(connection) || connection->peer_end == LO_PEER_LOST ||
        connection->silent == silent || lo_is_delivered(connection))
        return;
    connection->silent = silent;
    if (silent)
        wait_in_silence(connection);
    else
        lo_timer_remove(&connection->timeout_timer);
}

static void set_end(lo_connection *connection, int reason, const char *text)
{
    connection->end = (lo_close_body){.reason = reason};
    snprintf(connection->end.text, sizeof connection->end.text, "%s", text);
}

void lo_terminate(lo_connection *connection, ESteamNetworkingConnectionState state, int reason,
                  const char *text, bool notify_peer)
{
    if (connection->state <= LO_NONE) {
        lo_destroy(connection); /* the application does not know it: any more, or yet */
        return;
    }
    if (lo_is_ended(connection))
        return;
    set_end(connection, reason, text);
    lo_log(connection->object.user, LO_MSG, "#%u %s: %d %s", connection->ordinal,
           state == LO_CLOSED_BY_PEER ? "closed by peer" : "problem", reason, text);
    if (notify_peer)
        lo_send_close(connection);
    end_traffic(connection);
    lo_set_state(connection, state);
}

void lo_protocol_error(lo_connection *connection)
{
    lo_terminate(connection, LO_PROBLEM, k_ESteamNetConnectionEnd_Misc_InternalError,
                 "The peer's process sent invalid data", true);
}

/* --- closing ------------------------------------------------------------------------------- */

/* What had no room is lost, as is what comes after the close: its sender is told, and the link, which may
 * be paused for it, is read on. */
static void acknowledge_deferred(lo_connection *connection)
{
    lo_packet *packet;
    while ((packet = lo_list_take(&connection->deferred)) != NULL) {
        if (packet->whole && connection->link != NULL)
            lo_link_acknowledge(connection, packet);
        lo_release_later(packet);
    }
}

void lo_close(lo_connection *connection, int reason, const char *text, bool linger)
{
    ESteamNetworkingConnectionState state = connection->state;
    bool peer_has_closed = close_is_deferred(connection); /* and takes nothing any more */
    if (!lo_is_ended(connection)) {
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
    acknowledge_deferred(connection);
    lo_drop_queue(connection);
    lo_change_group(connection, NULL);
    lo_set_state(connection, LO_NONE);
    connection->state = state;
    if (linger && state == LO_CONNECTED && !peer_has_closed) {
        connection->state = LO_LINGER;
        lo_flush(connection);
        lo_send_due(connection);
        return;
    }
    if (!lo_is_ended(connection)) {
        lo_acknowledge_now(connection);
        lo_send_close(connection);
        if (linger)
            connection->state = LO_LINGER; /* what waits to be sent is abandoned, and recorded */
    }
    if (state == LO_CONNECTED && connection->close_lost && !peer_has_closed) {
        connection->state = LO_FIN_WAIT;
        lo_drop_lanes(connection);
        lo_check_delivered(connection);
    } else {
        lo_destroy(connection);
    }
}
