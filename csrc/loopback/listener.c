/* Listen sockets, and the connect requests that are made to them. */
#include "listener.h"

#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "handshake.h"
#include "session.h"
#include "transport.h"

/* --- other processes ------------------------------------------------------------------------ */

enum {
    CHECK_AGAIN = 100000,      /* µs between two checks */
    STILL_PUBLISHED = 1000000, /* µs until an entry is checked again */
};

/* Lets other processes find a listener; false if one of them already has its address. */
static bool publish(lo_listener *listener)
{
    lo_user *user = listener->object.user;
    bool warned = listener->publication >= LO_UNPUBLISHED;
    char what[32] = "messages", why[512] = "another process already listens there";
    if (lo.is_virtual)
        return true; /* other processes have another clock */
    listener->publication = lo_rendezvous_publish(listener->key, !warned, why, sizeof why);
    listener->check_at = lo.clock + (listener->publication == LO_PUBLISHED ? STILL_PUBLISHED : CHECK_AGAIN);
    if (listener->kind != LO_KIND_SESSION)
        snprintf(what, sizeof what, "%s port %d", listener->kind == LO_KIND_IP ? "UDP" : "virtual",
                 listener->port);
    if (listener->publication == LO_PUBLISHED && warned)
        lo_log(user, LO_MSG, "%s: found by other processes again", what);
    else if (listener->publication != LO_PUBLISHED && !warned)
        lo_log(user, LO_WARNING, "%s: not found by other processes: %s", what, why);
    return listener->publication != LO_TAKEN;
}

void lo_open_session_listener(lo_user *user)
{
    if (user->session_listener != NULL && user->session_listener->publication == LO_PRIVATE)
        publish(user->session_listener);
}

void lo_publish_again(void)
{
    enum { ENTRIES_AT_ONCE = 32 /* entries read or written in one check */ };
    static int64_t next_check;
    int left = ENTRIES_AT_ONCE;
    bool lost;
    if (lo.is_virtual || lo.clock < next_check)
        return;
    next_check = lo.clock + CHECK_AGAIN;
    lost = lo_rendezvous_lost();
    for (lo_user *user = lo.users.first; user != NULL; user = user->listed.after)
        for (lo_listener *one = user->listeners.first; one != NULL; one = one->listed.after) {
            if (lost)
                one->check_at = 0;
            if (left == 0 || one->publication == LO_PRIVATE || lo.clock < one->check_at)
                continue;
            left--;
            if (one->publication == LO_PUBLISHED && lo_rendezvous_published(one->key))
                one->check_at = lo.clock + STILL_PUBLISHED;
            else
                publish(one);
        }
}

/* --- listen sockets ------------------------------------------------------------------------- */

lo_listener *lo_listen(lo_user *user, int kind, int port, int count,
                       const SteamNetworkingConfigValue_t *options)
{
    lo_listener *listener = lo_alloc(sizeof *listener);
    if (listener == NULL)
        return NULL;
    listener->kind = kind;
    listener->port = port;
    listener->key = lo_address_key(kind, &user->identity, port);
    listener->scope.parent = &user->local;
    if (kind == LO_KIND_P2P)
        lo_config_set(&listener->scope, LO_LocalVirtualPort, (lo_value){.int32 = port});
    if (!lo_config_options(&listener->scope, count, options) ||
        lo_listener_at(kind, &user->identity, port) != NULL) {
        lo_config_free(&listener->scope);
        lo_free(listener);
        return NULL;
    }
    lo_object_add(&listener->object, user, LO_LISTENER);
    LO_APPEND(&user->listeners, listener, listed);
    if (kind != LO_KIND_SESSION && !publish(listener)) {
        lo_listener_destroy(listener);
        return NULL;
    }
    if (kind != LO_KIND_SESSION)
        lo_log(user, LO_MSG, "listening on %s port %d", kind == LO_KIND_IP ? "UDP" : "virtual", port);
    return listener;
}

void lo_listener_destroy(lo_listener *listener)
{
    lo_user *user = listener->object.user;
    lo_connection *connection, *next;
    for (connection = user->connections.first; connection != NULL; connection = next) {
        next = connection->listed.after;
        if (connection->listener == listener && lo_is_closed(connection)) {
            connection->listener = NULL; /* it lingers without */
            connection->scope.parent = &user->local;
            lo_settings_reload(connection);
        } else if (connection->listener == listener) {
            if (connection->state != LO_NONE)
                lo_set_state(connection, LO_NONE);
            lo_abort(connection);
        }
    }
    if (listener->publication == LO_PUBLISHED)
        lo_rendezvous_unpublish(listener->key);
    lo_object_remove(&listener->object);
    LO_REMOVE(&user->listeners, listener, listed);
    lo_config_free(&listener->scope);
    lo_free(listener);
}

bool lo_is_local(const SteamNetworkingIPAddr *address, bool any_will_do)
{
    static const uint8_t none[16] = {0}, one[16] = {[15] = 1};
    bool ipv4 = sn_address_is_ipv4(address);
    bool any = ipv4 ? memcmp(address->m_ipv6 + 12, none, 4) == 0
                    : memcmp(address->m_ipv6, none, sizeof none) == 0;
    bool loopback =
        ipv4 ? address->m_ipv6[12] == 127 : memcmp(address->m_ipv6, one, sizeof one) == 0;
    return loopback || (any && any_will_do);
}

/* --- connect requests ---------------------------------------------------------------------- */

/* A connection to the same peer where both sides mean one: symmetric, or a session's. */
static lo_connection *find_twin(const lo_user *user, int kind, int port,
                                const SteamNetworkingIdentity *peer)
{
    lo_connection *twin = user->connections.first;
    while (twin != NULL && !(twin->kind == kind && twin->port == port && !lo_is_closed(twin) &&
                             !lo_is_ended(twin) && (twin->symmetric || kind == LO_KIND_SESSION) &&
                             lo_same_identity(&twin->remote, peer)))
        twin = twin->listed.after;
    return twin;
}

static lo_connection *incoming(lo_listener *listener, const lo_connect_request *request)
{
    lo_user *user = listener->object.user;
    lo_connection *connection = lo_connection_new(user, listener->kind, listener, 0, NULL);
    if (connection == NULL)
        return NULL;
    if (listener->kind == LO_KIND_SESSION)
        connection->on_state = lo_session_on_state;
    connection->remote = request->from;
    connection->symmetric =
        request->symmetric && lo_config(&listener->scope, LO_SymmetricConnect)->int32 != 0;
    connection->port = listener->port;
    if (listener->kind == LO_KIND_IP)
        lo_invent_address(connection, request->ipv6 != 0);
    lo_wait_for_peer(connection);
    lo_log(user, LO_MSG, "#%u asked for on port %d", connection->ordinal, listener->port);
    return connection;
}

lo_connection *lo_incoming_end(lo_listener *listener, const lo_connect_request *request)
{
    lo_connection *own = NULL;
    if (request->symmetric || listener->kind == LO_KIND_SESSION)
        own = find_twin(listener->object.user, listener->kind, request->port, &request->from);
    if (own == NULL || !own->outgoing || own->state != LO_CONNECTING)
        return incoming(listener, request);
    /* Simultaneous connects: the request from the smaller identity wins. */
    if (memcmp(&request->from, &listener->object.user->identity, sizeof request->from) >= 0)
        return NULL;
    own->outgoing = false;
    lo_link_leave(own);
    return own;
}

void lo_handle_connect_request(lo_listener *listener, lo_packet *packet)
{
    lo_connection *caller = lo_find_any(packet->from, LO_CONNECTION), *connection;
    lo_connect_request request;
    if (caller == NULL || lo_is_closed(caller) || caller->state > LO_CONNECTING || caller->peer != 0)
        return;
    memcpy(&request, packet->payload, sizeof request);
    connection = lo_incoming_end(listener, &request);
    if (connection == NULL) {
        caller->request = LO_REQUEST_UNSENT; /* it tries again, unless the peer's request comes first */
        return;
    }
    connection->peer = caller->object.handle;
    caller->peer = connection->object.handle;
    if (connection->state == LO_CONNECTING)
        lo_accept(connection);
    else
        lo_set_state(connection, LO_CONNECTING);
}

lo_connection *lo_connect(lo_user *user, int kind, const SteamNetworkingIdentity *to, int port,
                          int count, const SteamNetworkingConfigValue_t *options)
{
    lo_connection *connection = lo_connection_new(user, kind, NULL, count, options), *twin = NULL;
    lo_listener *listener;
    lo_packet *packet;
    bool symmetric;
    if (connection == NULL)
        return NULL;
    symmetric = lo_config(&connection->scope, LO_SymmetricConnect)->int32 != 0;
    if (symmetric && kind == LO_KIND_P2P)
        twin = find_twin(user, kind, port, to);
    if (twin != NULL) {
        lo_destroy(connection);
        return lo_accept(twin) == k_EResultOK ? twin : NULL;
    }
    if (kind == LO_KIND_SESSION)
        connection->on_state = lo_session_on_state;
    connection->outgoing = true;
    connection->symmetric = symmetric;
    connection->port = port;
    if (kind == LO_KIND_IP)
        connection->address = to->m_ip;
    else
        connection->remote = *to;
    listener = lo_listener_at(kind, to, port);
    if (listener != NULL && listener->object.user == user &&
        (packet = lo_request_packet(connection)) != NULL) {
        /* A request to a listen socket of the same user arrives before it is made. */
        connection->request = LO_REQUEST_SENT;
        packet->from = connection->object.handle;
        lo_handle_connect_request(listener, packet);
        lo_release_later(packet);
    }
    lo_set_state(connection, LO_CONNECTING);
    lo_send_connect_request(connection);
    return connection;
}
