/* Sessions of ISteamNetworkingMessages, each over a connection that the application does not see. */
#ifndef STEAMNET_LOOPBACK_SESSION_H
#define STEAMNET_LOOPBACK_SESSION_H

#include "registry.h"

lo_session *lo_session_find(const lo_user *user, const SteamNetworkingIdentity *with);
lo_session *lo_session_new(lo_user *user, const SteamNetworkingIdentity *with);
void lo_session_free(lo_user *user, lo_session *session);
/* A connection's on_state. */
void lo_session_on_state(lo_connection *connection, ESteamNetworkingConnectionState old);
struct lo_channel **lo_session_channel(lo_session *session, int number);
void lo_session_use_channel(lo_session *session, int number);
/* Where a session's message goes; NULL when memory is short or the session is over. */
lo_group *lo_session_inbox(const lo_connection *connection, int channel);
lo_group *lo_inbox_find(lo_user *user, int channel);
lo_group *lo_inbox_open(lo_user *user, int channel);
/* Drops what one user sent and the application has not received, on one channel or on all. */
void lo_inbox_discard(lo_user *user, const SteamNetworkingIdentity *from, const int *channel);

#endif
