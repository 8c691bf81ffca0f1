/* Listen sockets, and the connect requests that are made to them. */
#ifndef STEAMNET_LOOPBACK_LISTENER_H
#define STEAMNET_LOOPBACK_LISTENER_H

#include "registry.h"

lo_listener *lo_listen(lo_user *user, int kind, int port, int count,
                       const SteamNetworkingConfigValue_t *options);
void lo_listener_destroy(lo_listener *listener);
/* Lets other processes ask for sessions, which users of ISteamNetworkingMessages want. */
void lo_open_session_listener(lo_user *user);
/* At intervals: lets other processes find again what could not be published, or was removed. */
void lo_publish_again(void);
/* A loopback address; or one for all addresses of this machine, if that will do. */
bool lo_is_local(const SteamNetworkingIPAddr *address, bool any_will_do);

/* `to`: of kind LO_KIND_IP an IP address. A symmetric connection to the same peer that exists already is
 * accepted instead; NULL if it cannot be, or when memory is short. */
lo_connection *lo_connect(lo_user *user, int kind, const SteamNetworkingIdentity *to, int port,
                          int count, const SteamNetworkingConfigValue_t *options);
/* A connect request from this process has arrived. */
void lo_handle_connect_request(lo_listener *listener, lo_packet *packet);
/* The listening side's end of a connect request: a new connection; or, where both sides connect to
 * each other and mean one connection, its own, which then accepts. NULL if its own request wins, or
 * when memory is short. */
lo_connection *lo_incoming_end(lo_listener *listener, const lo_connect_request *request);

#endif
