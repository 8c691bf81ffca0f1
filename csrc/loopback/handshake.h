/* Connecting: the request, its acceptance and confirmation, and what happens when they do not come. */
#ifndef STEAMNET_LOOPBACK_HANDSHAKE_H
#define STEAMNET_LOOPBACK_HANDSHAKE_H

#include "registry.h"

lo_packet *lo_request_packet(const lo_connection *connection);
void lo_send_connect_request(lo_connection *connection);
EResult lo_accept(lo_connection *connection);
/* The simulated network has changed: a blackout may have begun or ended. */
void lo_conditions_changed(lo_user *user);
/* 127.0.0.1 or ::1, and an unused port. */
void lo_invent_address(lo_connection *connection, bool ipv6);
/* The accepted peer has confirmed, or sends already. */
void lo_handle_confirm(lo_connection *connection);
/* A packet that controls the connection has come. */
void lo_handle_control(lo_connection *connection, lo_packet *packet);
void lo_on_timeout(lo_connection *connection);

#endif
