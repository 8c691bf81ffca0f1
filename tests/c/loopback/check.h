/* What the checks of the loopback engine share: users, connections, other processes, strangers. */
#ifndef STEAMNET_CHECK_H
#define STEAMNET_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "loopback/random.h"
#include "loopback/registry.h"


enum {
    NONE = k_ESteamNetworkingConnectionState_None,
    CONNECTING = k_ESteamNetworkingConnectionState_Connecting,
    FINDING_ROUTE = k_ESteamNetworkingConnectionState_FindingRoute,
    CONNECTED = k_ESteamNetworkingConnectionState_Connected,
    CLOSED_BY_PEER = k_ESteamNetworkingConnectionState_ClosedByPeer,
    PROBLEM = k_ESteamNetworkingConnectionState_ProblemDetectedLocally,
    RELIABLE = k_nSteamNetworkingSend_ReliableNoNagle,
    UNRELIABLE = k_nSteamNetworkingSend_UnreliableNoNagle,
};

extern int check_count, check_failures;
extern const char *section;
extern const char *program; /* our own file, to start other processes of it */

/* What the users that are opened go by; NULL: the machine's time, by which processes meet. On a virtual
 * clock nothing fails because the machine is busy. */
extern sn_clock *check_clock;
int64_t time_now(void);
void pause_for(int64_t microseconds);

#define CHECK(condition) check(condition, #condition, __LINE__)
bool check(bool holds, const char *what, int line);

typedef struct user {
    sn_engine *engine;
    const sn_flat *flat;
    ISteamNetworkingSockets *sockets;
    ISteamNetworkingUtils *utils;
    ISteamNetworkingMessages *messages;
} user;

#define S(who, name, ...) ((who).flat->ISteamNetworkingSockets_##name((who).sockets, __VA_ARGS__))
#define U(who, name, ...) ((who).flat->ISteamNetworkingUtils_##name((who).utils, __VA_ARGS__))
#define M(who, name, ...) ((who).flat->ISteamNetworkingMessages_##name((who).messages, __VA_ARGS__))

/* Two users, connected: the host's end and the client's. */
typedef struct meeting {
    user host, client;
    HSteamListenSocket listen;
    HSteamNetConnection at_host, at_client;
} meeting;

SteamNetworkingIdentity identity_of(const char *text);
user open_user(const char *name);
void close_user(user *who);
bool next_event(user *who, sn_event *event);
/* Waits for an event; kind 0 if none came in time. */
sn_event await_event(user *who, int milliseconds);
bool await_state(user *who, HSteamNetConnection connection, int old_state, int state);
int state_of(user *who, HSteamNetConnection connection);
EResult send_text(user *who, HSteamNetConnection connection, const char *text, int flags);
EResult send_size(user *who, HSteamNetConnection connection, uint32_t size, int flags,
                  int64_t *number);
/* The next message within the time, NULL if there is none. */
SteamNetworkingMessage_t *await_message(user *who, HSteamNetConnection connection,
                                        int milliseconds);
bool await_text(user *who, HSteamNetConnection connection, const char *text);
/* How many messages come: until there are as many as expected and no more, or time is up. */
int drain(user *who, HSteamNetConnection connection, int expected, int milliseconds);
void forget_events(user *who);
void set_int(user *who, int key, int scope, intptr_t object, int32_t value);
void set_float(user *who, int key, float value);
void connect_them(meeting *m);
meeting meet(void);
void part(meeting *m);
int32_t get_int(user *who, int key, int scope, intptr_t object, int *result);
EResult send_to_user(user *who, const char *to, const char *text, int flags, int channel);
SteamNetworkingMessage_t *await_session_message(user *who, int channel);
bool await_session_text(user *who, int channel, const char *text);
/* Sends until no more is taken; how many were. */
int fill(user *who, HSteamNetConnection connection, uint32_t size);
bool await_close(user *who, int reason, int milliseconds);
/* Starts another of us in a role. */
pid_t start_role(const char *role);
int finish(pid_t child, int signal_number);
HSteamNetConnection connect_out(user *who, const char *name);
/* A stream to the process that listens at this address, by the files alone. */
sn_socket connect_stranger(int kind, const char *name, int port);
void send_request_at(sn_socket stranger, int kind, int port, int64_t due, int64_t send_time);
void send_request_to(sn_socket stranger, int kind, int port, int64_t due);
void send_request(sn_socket stranger);
void send_frame(sn_socket stranger, lo_frame frame, const void *body, size_t size);
void send_empty(sn_socket stranger, int kind, int64_t number);
/* Accepts a stranger's request, connected as soon as there is a message from it. */
HSteamNetConnection accept_stranger(user *who, sn_socket *stranger);
/* The same frame so many times, numbered; the user reads whenever there is no room for more. */
bool send_many_frames(user *who, sn_socket stranger, lo_frame frame, int count);

/* Allocation functions that fail: once, when the count is 0, or always from then on. */
extern long allocations_left;
void *failing_malloc(size_t size);
void *limited_malloc(size_t size);

/* check_connections.c */
void check_states(void);
void check_reject_and_cancel(void);
void check_own_identity(void);
void check_timeouts(void);
void check_late_listener(void);
void check_bad_handles(void);
void check_close_and_linger(void);
void check_close_without_linger(void);
void check_undelivered(void);
void check_ip(void);
void check_symmetric(void);
/* check_messages.c */
void check_messages(void);
void check_limits(void);
void check_poll_groups(void);
void check_lanes(void);
void check_many_lanes(void);
/* check_network.c */
void check_simulation(void);
void check_slow_links(void);
void check_blackout_passes(void);
void check_config(void);
void check_status(void);
void check_status_afterwards(void);
void check_rates(void);
/* check_sessions.c */
void check_sessions(void);
void check_full_session(bool by_channel);
void check_session_without_memory(void);
void check_two_closes(void);
/* check_processes.c */
void check_session_between_processes(void);
void check_echo(void);
void check_killed(void);
void check_guests(void);
void check_unread_peer(void);
void check_frozen_peer(void);
void check_directory(void);
void check_fork(void);
int play_role(const char *role);
/* check_frames.c */
void check_acks_unread(void);
void check_crossing_links(void);
void check_false_acks(void);
void check_room_beside_acks(void);
void check_request_in_flight(void);
void check_other_clock(void);
void check_flood(void);
void check_hostile(void);
/* check_threads.c */
void check_threads(void);
void check_callback_set_elsewhere(void);
void check_memory_failures(void);
void check_call_without_memory(void);
/* check_speed.c */
void check_many_users(void);
void speed(void);

#endif
