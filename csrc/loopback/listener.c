/* Listen sockets, and the connect requests that are made to them. */
#include <string.h>

#include "loopback.h"

lo_listener *lo_listen(lo_user *user, int manner, int port, int count,
                       const SteamNetworkingConfigValue_t *options)
{
    lo_listener *listener = lo_alloc(sizeof *listener);
    if (listener == NULL)
        return NULL;
    listener->manner = manner;
    listener->port = port;
    listener->key = lo_address_key(manner, &user->identity, port);
    listener->scope.parent = &user->local;
    if (manner == LO_P2P)
        lo_config_set(&listener->scope, LO_LocalVirtualPort, (lo_value){.int32 = port});
    if (!lo_config_options(&listener->scope, count, options) ||
        lo_map_get(&lo.listeners, listener->key) != NULL ||
        !lo_object_add(&listener->object, user, LO_LISTENER)) {
        lo_config_free(&listener->scope);
        lo_free(listener);
        return NULL;
    }
    LO_APPEND(&user->listeners, listener, listed);
    if (!lo_map_put(&lo.listeners, listener->key, listener) ||
        (manner != LO_SESSION && !lo_publish(listener))) {
        lo_listener_destroy(listener);
        return NULL;
    }
    if (manner != LO_SESSION)
        lo_say(user, LO_MSG, "listening on %s port %d", manner == LO_IP ? "UDP" : "virtual", port);
    return listener;
}

void lo_listener_destroy(lo_listener *listener)
{
    lo_user *user = listener->object.user;
    lo_connection *connection, *next;
    for (connection = user->connections.first; connection != NULL; connection = next) {
        next = connection->listed.after;
        if (connection->listener == listener && connection->closing) {
            connection->listener = NULL; /* it drains without */
            connection->scope.parent = &user->local;
        } else if (connection->listener == listener) {
            if (connection->state != LO_NONE)
                lo_change(connection, LO_NONE);
            lo_vanish(connection);
        }
    }
    lo_unpublish(listener);
    if (lo_map_get(&lo.listeners, listener->key) == listener)
        lo_map_remove(&lo.listeners, listener->key);
    lo_object_remove(&listener->object);
    LO_REMOVE(&user->listeners, listener, listed);
    lo_config_free(&listener->scope);
    lo_free(listener);
}

/* Is it this machine, as the loopback addresses say; or any of its addresses, if that will do? */
bool lo_is_local(const SteamNetworkingIPAddr *address, bool any_will_do)
{
    static const uint8_t none[16] = {0}, one[16] = {[15] = 1};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool ipv4 = memcmp(address->m_ipv6, mapped, sizeof mapped) == 0;
    bool any = ipv4 ? memcmp(address->m_ipv6 + 12, none, 4) == 0
                    : memcmp(address->m_ipv6, none, sizeof none) == 0;
    bool loopback =
        ipv4 ? address->m_ipv6[12] == 127 : memcmp(address->m_ipv6, one, sizeof one) == 0;
    return loopback || (any && any_will_do);
}

void lo_session_door(lo_user *user)
{
    if (user->door != NULL && !user->door->opened) {
        user->door->opened = true;
        lo_publish(user->door);
    }
}

/* --- connect requests ---------------------------------------------------------------------------- */

/* One's own call to the caller, if both mean one connection. */
static lo_connection *crossing(const lo_listener *listener, const lo_call *call)
{
    lo_connection *own = listener->object.user->connections.first;
    bool session = listener->manner == LO_SESSION;
    if (!call->symmetric && !session)
        return NULL;
    while (own != NULL &&
           !(own->manner == listener->manner && own->outgoing && !own->closing &&
             own->state == LO_CONNECTING && own->port == call->port &&
             (own->symmetric || session) && lo_same_identity(&own->called, &call->from)))
        own = own->listed.after;
    return own;
}

static lo_connection *incoming(lo_listener *listener, const lo_call *call)
{
    lo_user *user = listener->object.user;
    lo_connection *connection = lo_connection_new(user, listener->manner, listener, 0, NULL);
    if (connection == NULL)
        return NULL;
    connection->remote = call->from;
    connection->symmetric =
        call->symmetric && lo_config(&listener->scope, LO_SymmetricConnect)->int32 != 0;
    connection->port = listener->port;
    if (listener->manner == LO_IP)
        lo_invent_address(connection);
    lo_set_deadline(connection, lo_timeout(connection, LO_TimeoutInitial));
    lo_say(user, LO_MSG, "#%u asked for on port %d", connection->ordinal, listener->port);
    return connection;
}

lo_connection *lo_called_end(lo_listener *listener, const lo_call *call)
{
    lo_connection *own = crossing(listener, call);
    if (own == NULL)
        return incoming(listener, call);
    /* The call of the lesser name counts. */
    if (memcmp(&call->from, &listener->object.user->identity, sizeof call->from) >= 0)
        return NULL;
    own->outgoing = false;
    lo_link_leave(own);
    return own;
}

void lo_called(lo_listener *listener, lo_packet *packet)
{
    lo_connection *caller = lo_find_any(packet->from, LO_CONNECTION), *connection;
    lo_call call;
    if (caller == NULL || caller->closing || caller->state > LO_CONNECTING || caller->peer != 0)
        return;
    memcpy(&call, packet->payload, sizeof call);
    connection = lo_called_end(listener, &call);
    if (connection == NULL) {
        caller->rung = false; /* it will try again, unless it is called itself */
        return;
    }
    connection->peer = caller->object.handle;
    caller->peer = connection->object.handle;
    if (connection->state == LO_CONNECTING)
        lo_accept(connection);
    else
        lo_change(connection, LO_CONNECTING);
}

lo_connection *lo_connect(lo_user *user, int manner, const SteamNetworkingIdentity *to, int port,
                          int count, const SteamNetworkingConfigValue_t *options)
{
    lo_connection *connection = lo_connection_new(user, manner, NULL, count, options);
    lo_listener *listener;
    if (connection == NULL)
        return NULL;
    connection->outgoing = true;
    connection->symmetric = lo_config(&connection->scope, LO_SymmetricConnect)->int32 != 0;
    connection->port = port;
    if (manner != LO_IP)
        connection->remote = connection->called = *to;
    connection->gives_up = lo_timeout(connection, LO_TimeoutInitial);
    listener = lo_listener_at(manner, &connection->called, port);
    if (listener != NULL && listener->object.user == user) {
        /* One's own call is there at once, and heard before it is made. */
        lo_packet *packet = lo_call_packet(connection);
        connection->rung = packet != NULL;
        if (packet != NULL) {
            packet->from = connection->object.handle;
            lo_called(listener, packet);
            lo_bury(packet);
        }
    }
    return connection;
}
