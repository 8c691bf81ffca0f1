/* The simulated network: what the FakePacket values do to a packet on its way. */
#ifndef STEAMNET_LOOPBACK_NETWORK_SIM_H
#define STEAMNET_LOOPBACK_NETWORK_SIM_H

#include "registry.h"

#define LO_ALL 100.0f /* percent */
enum { LO_CONNECT_RETRY = 100000 }; /* µs between two tries where nothing gets through */

/* Reads a user's FakePacket values. */
void lo_sim_read(lo_user *user);
/* What a test has set for the way from one user to another; NULL: nothing. */
lo_path *lo_path_to(const lo_user *user, const lo_user *to);
/* What holds for a connection's packets on their way out, and for those that come to a user. */
const lo_sim_params *lo_sim_out(const lo_connection *connection);
const lo_sim_params *lo_sim_in(const lo_user *user);
/* Notes what happens to a packet that the connection sends; for clocks that have `records`. */
void lo_sim_record(const lo_connection *sender, const lo_packet *packet, int what, int64_t until);
lo_conditions lo_local_conditions(const lo_connection *connection);
lo_conditions lo_remote_conditions(const lo_connection *connection);
int64_t lo_round_trip(const lo_connection *connection);
/* When a packet that comes at `from` has passed its sender's side, or its receiver's; if its stage is
 * still the same, when to try again; -1: never, it is lost. */
int64_t lo_sim_pass(lo_connection *connection, lo_packet *packet, bool sending, int64_t from);

#endif
