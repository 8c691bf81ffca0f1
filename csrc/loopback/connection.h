/* The connection's state machine: packets, timers and calls in, packets and events out. */
#ifndef STEAMNET_LOOPBACK_CONNECTION_H
#define STEAMNET_LOOPBACK_CONNECTION_H

#include "registry.h"

lo_connection *lo_connection_new(lo_user *user, int kind, lo_listener *listener, int count,
                                 const SteamNetworkingConfigValue_t *options);
/* Reads the config values that every message needs. */
void lo_settings_reload(lo_connection *connection);
void lo_destroy(lo_connection *connection);
/* Gone without a word, as when its process ends. */
void lo_abort(lo_connection *connection);
/* Its peer is gone without a word. */
void lo_peer_lost(lo_connection *connection);


/* Enters another state and posts the event of that. */
void lo_set_state(lo_connection *connection, ESteamNetworkingConnectionState state);
/* An event of this kind, with the connection's present info. */
void lo_post_event(lo_connection *connection, int callback, ESteamNetworkingConnectionState old);
/* Ends it: closed by the peer, or for a local problem. */
void lo_terminate(lo_connection *connection, ESteamNetworkingConnectionState state, int reason,
                  const char *text, bool notify_peer);
/* The other process sent something invalid. */
void lo_protocol_error(lo_connection *connection);
/* When it has waited for the peer as long as the config value of its state says. */
int64_t lo_deadline(const lo_connection *connection);
/* Begins to wait for the peer. */
void lo_wait_for_peer(lo_connection *connection);
/* Decides whether anything can get through at all, and so whether the connection times out. */
void lo_check_path(lo_connection *connection);

void lo_close(lo_connection *connection, int reason, const char *text, bool linger);

#endif
