/* The connection's state machine: packets, timers and calls in, packets and events out. */
#ifndef STEAMNET_LOOPBACK_CONNECTION_H
#define STEAMNET_LOOPBACK_CONNECTION_H

#include "registry.h"

enum {
    LO_LEAST_TIMEOUT = 1150000,      /* µs: it is asked more than once */
    LO_FIN_WAIT_TIME = 5000000,      /* µs that a close is sent again to a peer that did not get it */
};

lo_connection *lo_connection_new(lo_user *user, int kind, lo_listener *listener, int count,
                                 const SteamNetworkingConfigValue_t *options);
/* Reads the config values that every message needs. */
void lo_settings_reload(lo_connection *connection);
void lo_destroy(lo_connection *connection);
/* Gone without a word, as when its process ends. */
void lo_abort(lo_connection *connection);
/* Its peer is gone without a word. */
void lo_peer_lost(lo_connection *connection);

/* Its peer is gone, and its close has not got through. */
void lo_peer_silent(lo_connection *connection);
/* Tells the peer, as far as the network lets it. */
void lo_send_close(lo_connection *connection);

/* Enters another state and posts the event of that. */
void lo_set_state(lo_connection *connection, ESteamNetworkingConnectionState state);
/* An event of this kind, with the connection's present info. */
void lo_post_event(lo_connection *connection, int callback, ESteamNetworkingConnectionState old);
/* Ends it: closed by the peer, or for a local problem. */
void lo_terminate(lo_connection *connection, ESteamNetworkingConnectionState state, int reason,
                  const char *text, bool notify_peer);
/* The other process sent something invalid. */
void lo_protocol_error(lo_connection *connection);
void lo_set_timeout(lo_connection *connection, int64_t when);
/* When it has waited for the peer as long as the config value of its state says. */
int64_t lo_deadline(const lo_connection *connection);
/* Begins to wait for the peer. */
void lo_wait_for_peer(lo_connection *connection);
void lo_on_send_timer(lo_connection *connection);
/* Decides whether anything can get through at all, and so whether the connection times out. */
void lo_check_path(lo_connection *connection);

void lo_close(lo_connection *connection, int reason, const char *text, bool linger);
/* lo_acknowledged, and the end of a closed connection if that was all. */
bool lo_on_ack(lo_connection *connection, int lane, const lo_ack *ack);
/* Ends a closed connection at its next timer if the peer has acknowledged all. */
void lo_check_delivered(lo_connection *connection);
bool lo_is_delivered(const lo_connection *connection);
/* What the peer has not acknowledged. */
sn_closing lo_undelivered(const lo_connection *connection);

#endif
