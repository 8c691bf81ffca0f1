/* Listeners: where connections are asked for, by identity and virtual port or by UDP port. */
#include "loopback.h"

#include <string.h>

/* FNV-1a over what makes an address. Whoever finds a listener by it compares the address too. */
uint64_t lo_address_key(int manner, const SteamNetworkingIdentity *identity, int port)
{
    uint64_t hash = 0xCBF29CE484222325u;
    int head[] = {manner, port, 0, 0};
    const unsigned char *bytes = (const unsigned char *)head;
    if (manner != LO_IP) {
        head[2] = identity->m_eType;
        head[3] = identity->m_cbSize;
    }
    for (size_t i = 0; i < sizeof head; i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    for (int i = 0; i < head[3]; i++)
        hash = (hash ^ identity->m_genericBytes[i]) * 0x100000001B3u;
    return hash;
}

lo_listener *lo_listener_at(int manner, const SteamNetworkingIdentity *identity, int port)
{
    lo_listener *listener = lo_map_get(&lo.listeners, lo_address_key(manner, identity, port));
    bool same = listener != NULL && listener->manner == manner && listener->port == port &&
                (manner == LO_IP || lo_same_identity(&listener->object.user->identity, identity));
    return same ? listener : NULL;
}

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

HSteamListenSocket lo_CreateListenSocketP2P(ISteamNetworkingSockets *self, int nLocalVirtualPort,
                                            int nOptions,
                                            const SteamNetworkingConfigValue_t *pOptions)
{
    lo_listener *listener;
    HSteamListenSocket handle;
    if (nLocalVirtualPort < 0 || nLocalVirtualPort > 65535)
        return 0;
    lo_enter();
    listener = lo_listen((lo_user *)self, LO_P2P, nLocalVirtualPort, nOptions, pOptions);
    handle = listener != NULL ? listener->object.handle : 0;
    lo_leave();
    return handle;
}

HSteamListenSocket lo_CreateListenSocketIP(ISteamNetworkingSockets *self,
                                           const SteamNetworkingIPAddr *localAddress, int nOptions,
                                           const SteamNetworkingConfigValue_t *pOptions)
{
    lo_user *user = (lo_user *)self;
    lo_listener *listener = NULL;
    HSteamListenSocket handle;
    if (localAddress == NULL || localAddress->m_port == 0)
        return 0;
    lo_enter();
    if (lo_is_local(localAddress, true))
        listener = lo_listen(user, LO_IP, localAddress->m_port, nOptions, pOptions);
    else
        lo_say(user, LO_WARNING,
               "the loopback engine listens on [::], 0.0.0.0, ::1 and 127.x.x.x only");
    if (listener != NULL)
        listener->address = *localAddress;
    handle = listener != NULL ? listener->object.handle : 0;
    lo_leave();
    return handle;
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

bool lo_CloseListenSocket(ISteamNetworkingSockets *self, HSteamListenSocket hSocket)
{
    lo_listener *listener;
    lo_enter();
    listener = lo_find_listener(self, hSocket);
    if (listener != NULL)
        lo_listener_destroy(listener);
    lo_leave();
    return listener != NULL;
}

bool lo_GetListenSocketAddress(ISteamNetworkingSockets *self, HSteamListenSocket hSocket,
                               SteamNetworkingIPAddr *address)
{
    lo_listener *listener;
    bool known;
    lo_enter();
    listener = lo_find_listener(self, hSocket);
    known = listener != NULL && listener->manner == LO_IP;
    if (known && address != NULL)
        *address = listener->address;
    lo_leave();
    return known;
}
