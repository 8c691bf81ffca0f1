/* The loopback engine inside: the world, its users, and what travels between them.
 *
 * Every user of the process (one for each sn_engine) lives in one world behind one lock.
 * There are no threads: a call that pumps lives through everything that has become due,
 * in order of time, as if it had happened then. A message is one packet from send to
 * Release: first in a lane of its sender, then in the air, then in the receiver's queue.
 * What must not run under the lock (an application's free function, a callback) waits
 * until it is given up. Between processes, packets cross a local stream as frames.
 */
#ifndef STEAMNET_LOOPBACK_H
#define STEAMNET_LOOPBACK_H

#include "../engine.h"
#include "event_queue.h"
#include "config.h"
#include "list.h"
#include "handle_map.h"
#include "alloc.h"

/* The rows of flat.def that this engine answers. */
#define FLAT(need, gil, ret, interface, name, parameters, default_result) \
    FLAT_##need(ret, name, parameters)
#define FLAT_REQUIRED(ret, name, parameters) ret lo_##name parameters;
#define FLAT_OPTIONAL_IN_LOOPBACK(ret, name, parameters) FLAT_REQUIRED(ret, name, parameters)
#define FLAT_OPTIONAL(ret, name, parameters)
#include "../flat.def"
#undef FLAT
#undef FLAT_REQUIRED
#undef FLAT_OPTIONAL_IN_LOOPBACK
#undef FLAT_OPTIONAL
extern const sn_flat lo_flat; /* table.c */

enum {
    LO_SERVICE_DELAY = 200,       /* µs until a packet leaves, as an engine's service thread would take */
    LO_HORIZON = 20000,     /* µs of link time that may be sent ahead into another process */
    LO_CONNECT_RETRY = 100000, /* µs between two looks for a peer that is not there yet */
    LO_CONNECT_ALONE = 1000000, /* µs of looking where no other process can be reached */
    LO_RESEND = 25000,       /* µs beyond the round trip until a lost packet is sent again */
    LO_MAX_MESSAGE = k_cbMaxSteamNetworkingSocketsMessageSizeSend,
    LO_MAX_UNRELIABLE = 16500, /* more is sent reliably, as Valve does */
    LO_PACKET_BYTES = 1200,    /* payload of one datagram on the simulated network */
    LO_OVERHEAD = 16,          /* bytes that a message takes of a buffer beyond its own */
    LO_MAX_LANES = 255,
    LO_EVENTS = 5, /* no connection has more: one for each state it can enter */
    LO_SLOTS = 16, /* in a second, when rates are measured */
};

typedef struct lo_user lo_user;
typedef struct lo_connection lo_connection;
typedef struct lo_listener lo_listener;
typedef struct lo_group lo_group;
typedef struct lo_packet lo_packet;
typedef struct lo_event lo_event;
typedef struct lo_link lo_link;
typedef struct lo_session lo_session;

/* Valve's levels of debug output. */
enum {
    LO_ERROR = k_ESteamNetworkingSocketsDebugOutputType_Error,
    LO_WARNING = k_ESteamNetworkingSocketsDebugOutputType_Warning,
    LO_MSG = k_ESteamNetworkingSocketsDebugOutputType_Msg,
    LO_VERBOSE = k_ESteamNetworkingSocketsDebugOutputType_Verbose,
};

/* Valve's states, those above the last have ended. */
enum {
    LO_NONE = k_ESteamNetworkingConnectionState_None,
    LO_CONNECTING = k_ESteamNetworkingConnectionState_Connecting,
    LO_FINDING_ROUTE = k_ESteamNetworkingConnectionState_FindingRoute,
    LO_CONNECTED = k_ESteamNetworkingConnectionState_Connected,
    LO_CLOSED_BY_PEER = k_ESteamNetworkingConnectionState_ClosedByPeer,
    LO_PROBLEM = k_ESteamNetworkingConnectionState_ProblemDetectedLocally,
};

/* --- what travels ----------------------------------------------------------------------------- */

/* What a packet is; also the frames between processes, so only append. */
enum {
    LO_CONNECT_REQUEST = 1, /* may I connect? payload: lo_call */
    LO_REQUEST_SEEN,     /* the request lies before the application (between processes only) */
    LO_CONNECT_OK,
    LO_CONNECT_CONFIRM,
    LO_DATA,
    LO_CONNECTION_CLOSED, /* payload: lo_close_body */
    LO_ACK,     /* payload: lo_ack, for a lane (likewise) */
    LO_CONDITIONS, /* payload: lo_weather, when the sender's changed (likewise) */
};

/* How someone is found: the kinds of address. */
enum { LO_KIND_P2P, LO_KIND_IP, LO_KIND_SESSION, LO_KIND_PAIR };

typedef struct lo_connect_request {
    SteamNetworkingIdentity from, to;
    int32_t kind, port; /* the virtual port, or the UDP port of manner LO_IP */
    int32_t protocol;     /* LO_PROTOCOL */
    int32_t symmetric;
} lo_connect_request;

typedef struct lo_close_body {
    int32_t reason;
    char text[k_cchSteamNetworkingMaxConnectionCloseReason];
} lo_close_body;

/* What has gone one way on a lane since the connection began. */
typedef struct lo_total {
    int64_t messages, bytes;
} lo_total;

/* All that has arrived on a lane: cumulative, so that the latest one says everything. */
typedef struct lo_ack {
    lo_total arrived[2]; /* unreliable, reliable */
} lo_ack;

/* A user's simulated network, in one direction: the FakePacket values. */
typedef struct lo_sim_params {
    float loss, reorder, jitter_share; /* percent */
    int32_t lag, reorder_time;         /* µs */
    int32_t jitter, jitter_most;       /* µs */
    int32_t rate, burst;               /* bytes per second, and bytes at once */
    bool clear;                        /* none of it */
} lo_sim_params;

/* What the other side must know of ours to judge the whole path. */
typedef struct lo_conditions {
    float loss_send, loss_receive;
    int32_t lag_send, lag_receive; /* µs */
} lo_conditions;

/* How far a packet has come. */
enum { LO_AT_SENDER, LO_IN_FLIGHT, LO_DELIVERED };

struct lo_packet {
    lo_timer timer;
    HSteamNetConnection from, to; /* within the process; 0 for what came over a link */
    uint8_t kind, stage;
    bool
        reliable; /* keeps its place; DATA that does not may get lost, a CLOSE is ahead of it all */
    bool taken;   /* by SendMessages: a second mention of it is refused */
    uint16_t lane;
    int64_t send_time, number;
    LO_LINK(lo_packet) queued;        /* in a lane, its receiver's queue, among what is to go */
    LO_LINK(lo_packet) grouped;       /* in its poll group, or what is in the air from a link */
    lo_group *group;                  /* while it waits to be received in one ... */
    lo_connection *receiver;          /* ... and from whom */
    SteamNetworkingMessage_t message; /* what the application sees; size and bytes for all kinds */
    _Alignas(16) char payload[];      /* the bytes, unless the application brought its own */
};

typedef LO_LIST(lo_packet) lo_list;

/* packet.c: a packet with room for size bytes of its own; NULL when memory is short. */
lo_packet *lo_packet_new(int kind, size_t size);
/* A message with a copy of these bytes, or what is wrong with them. */
EResult lo_packet_copy(lo_packet **packet, const void *data, uint32_t size);
lo_packet *lo_packet_of(SteamNetworkingMessage_t *message);
void lo_list_append(lo_list *list, lo_packet *packet);
/* The first, taken out; NULL if there is none. */
lo_packet *lo_list_take(lo_list *list);
/* Gives a packet up as soon as the lock is open: its bytes may have the application's own end. */
void lo_release_later(lo_packet *packet);
void lo_release_all_later(lo_list *list);

/* --- who there is ----------------------------------------------------------------------------- */

enum { LO_CONNECTION = 1, LO_LISTENER, LO_GROUP };

/* What a handle stands for; only its own user may use it. */
typedef struct lo_object {
    int kind;
    uint32_t handle;
    lo_user *user;
} lo_object;

/* A callback to come. What a connection will ever report was allocated with it. */
struct lo_event {
    LO_LINK(lo_event) queued;
    int callback; /* the config value that names the function, where the connection has no own */
    HSteamNetConnection connection;
    ESteamNetworkingConnectionState old_state;
    void *function;
    SteamNetConnectionInfo_t info;
};

/* What a connection closed with linger could not deliver. */
typedef struct lo_abandoned {
    LO_LINK(lo_abandoned) listed;
    sn_closing what;
} lo_abandoned;

typedef struct lo_log_entry {
    LO_LINK(lo_log_entry) queued;
    ESteamNetworkingSocketsDebugOutputType level;
    char text[256];
} lo_log_entry;

struct lo_listener {
    lo_object object;
    LO_LINK(lo_listener) listed;
    lo_scope scope;
    int kind, port;
    SteamNetworkingIPAddr address;
    uint64_t key;   /* in the map of listeners */
    bool opened;    /* a door that is in use */
    bool published; /* to other processes */
    bool warned;    /* that it is not */
    int64_t checked; /* when it was last published, or tried to be */
};

/* A poll group; without a handle, what came on a channel for ISteamNetworkingMessages. */
struct lo_group {
    lo_object object;
    int channel;
    LO_LINK(lo_group) listed;
    lo_list packets; /* in order of arrival */
    LO_LIST(lo_connection) members;
};

/* How much passed lately: in the present fraction of a second, and in those that make up the second
 * before it. */
typedef struct lo_meter {
    int64_t slot;
    struct lo_flow {
        uint32_t packets, bytes;
    } present, past[LO_SLOTS];
} lo_meter;

typedef struct lo_lane {
    lo_list waiting;
    int priority;
    uint16_t weight;
    int64_t virtual_time; /* bytes sent by weight: the lane with the least is next among equals */
    int64_t numbered;
    lo_total pending[2], sent[2], acked[2]; /* unreliable, reliable */
    lo_total arrived[2];                    /* of what the peer sends on this lane */
    bool ack_due;                           /* ... the peer has not been told so yet */
    int64_t in_order[2]; /* when the latest reliable packet is through, receiving and sending */
} lo_lane;

/* What every message touches stands first and together: with a thousand connections, memory is
 * what sending and receiving wait for. */
struct lo_connection {
    lo_object object;
    ESteamNetworkingConnectionState state;
    int kind;
    bool outgoing, symmetric;
    bool request_sent;                /* the other side knows of us */
    bool closing;             /* closed by the application, draining */
    bool silent;              /* nothing gets through */
    bool peer_gone;                /* the peer's process is gone */
    bool too_many_files;           /* are open for a stream to the peer's process */
    bool lingering;           /* closing, and all that is reliable is to be acknowledged */
    bool close_sent;          /* our CLOSE is on its way */
    bool peer_closed;         /* the peer's is, after all that it sent */
    uint32_t ordinal;         /* among all of its user */
    HSteamNetConnection peer; /* in this process, or ... */
    lo_link *link;            /* ... in another */
    lo_session *session; /* that it carries; such a connection is hidden from the application */

    lo_lane *lanes; /* lane_count of them configured for sending; the peer may use more */
    int lane_count, lane_room;
    int64_t nagle_deadline; /* when what waits in lanes may leave: Nagle */
    int64_t link_idle_at; /* when the link has sent all that went before */
    int64_t rate_remainder; /* fractions of a microsecond, as bytes × 10⁶ */
    int64_t in_flight; /* bytes departed and not yet received, with overhead */
    int pending;       /* bytes waiting in lanes, with overhead */
    int on_link;       /* bytes given to the link since it was last free ... */
    int on_link_last;  /* ... and those of the latest message */
    int64_t discard_after;       /* what departs later is lost: the peer has closed without linger */
    int64_t control[2]; /* when the latest control packet is through, receiving and sending */
    int64_t blocked[2]; /* until when nothing reliable gets through, receiving and sending */
    lo_meter sent, received;
    lo_timer send_timer;
    lo_lane first_lane; /* as long as there is only one */

    /* From here to the scope's beginning is all that receiving reads. */
    lo_list deferred; /* reliable, while the queue is full */
    lo_list queue;    /* to be received */
    int64_t queue_bytes;
    int queue_count;
    lo_group *group;
    lo_scope scope;

    LO_LINK(lo_connection) listed, grouped; /* of its user, and of its poll group */
    lo_listener *listener;
    int port;
    int end_reason;
    char end_text[k_cchSteamNetworkingMaxConnectionCloseReason];
    SteamNetworkingIdentity remote, target;
    SteamNetworkingIPAddr address;
    char name[k_cchSteamNetworkingMaxConnectionAppName];
    lo_conditions remote_conditions; /* of a peer in another process */
    lo_timer timeout_timer;
    int64_t connect_deadline; /* when it will have called long enough */
    int64_t created;
    lo_packet *close_packet; /* kept for CLOSE, which must never fail */
    lo_abandoned *abandoned; /* likewise for the record of what could not be delivered */
    LO_LIST(lo_event) event_pool;

    lo_list inbound;       /* in the air, from a link */
    int64_t inbound_bytes; /* of memory: what came from the link and is not in the queue yet */
};

struct lo_session {
    LO_LINK(lo_session) listed;
    SteamNetworkingIdentity with;
    lo_connection *connection;    /* NULL once it has failed */
    SteamNetConnectionInfo_t end; /* how it failed */
    struct lo_channel {
        struct lo_channel *next;
        int number;
    } *channels; /* used in either direction */
};

struct lo_user {
    LO_LINK(lo_user) listed;
    sn_engine *engine;
    SteamNetworkingIdentity identity;
    lo_scope global, local;
    lo_sim_params sim_send, sim_receive;
    int64_t bucket_time[2]; /* until when the rate limits are, receiving and sending */
    uint64_t seed;
    uint32_t ordinal; /* of its latest connection */
    LO_LIST(lo_connection) connections;
    LO_LIST(lo_listener) listeners;
    LO_LIST(lo_group) groups;
    LO_LIST(lo_event) events;
    LO_LIST(lo_log_entry) lines;
    int line_count;
    FSteamNetworkingSocketsDebugOutput debug_output;
    ESteamNetworkingSocketsDebugOutputType debug_level;
    LO_LIST(lo_abandoned) abandoned;
    LO_LIST(lo_session) sessions;
    lo_listener *session_listener; /* where sessions are asked for */
};

typedef struct lo_state {
    sn_mutex mutex;
    int64_t clock; /* the time of the call under way */
    int64_t now;   /* the moment being lived: up to the clock */
    int64_t latest; /* what is over */
    lo_event_queue timers;
    lo_map objects;   /* by handle */
    lo_map listeners; /* by address */
    LO_LIST(lo_user) users;
    lo_list dead;
    uint64_t random;
    uint32_t serial;
} lo_state;
extern lo_state lo;

/* --- world.c: the lock, the clock, handles ---------------------------------------------------- */

/* Into the world, and through everything that is due. */
void lo_api_begin(void);
/* Out of it; then what had to wait for that is done. */
void lo_api_end(void);
/* splitmix64: every state gives good numbers, so states may be made from anything. */
uint64_t lo_random(uint64_t *state);
lo_connection *lo_peer(const lo_connection *connection);
bool lo_object_add(lo_object *object, lo_user *user, int kind);
void lo_object_remove(lo_object *object);
lo_connection *lo_find_connection(const void *self, HSteamNetConnection handle);
/* Into the world and to one's connection there, if there is one. */
lo_connection *lo_api_begin_connection(const void *self, HSteamNetConnection handle);
lo_listener *lo_find_listener(const void *self, HSteamListenSocket handle);
lo_group *lo_find_group(const void *self, HSteamNetPollGroup handle);
/* Whatever has this handle and kind, whoever's it is and even while closing. */
void *lo_find_any(uint32_t handle, int kind);
/* A line of debug output, if the user wants it; delivered with its next callbacks. */
void lo_log(lo_user *user, int level, const char *format, ...);

/* --- user.c ----------------------------------------------------------------------------------- */

bool lo_same_identity(const SteamNetworkingIdentity *a, const SteamNetworkingIdentity *b);
/* False for what cannot be meant; true, with all unused bytes zero, otherwise. */
bool lo_clean_identity(SteamNetworkingIdentity *out, const SteamNetworkingIdentity *in);

/* --- listener.c ------------------------------------------------------------------------------- */

uint64_t lo_address_key(int kind, const SteamNetworkingIdentity *identity, int port);
lo_listener *lo_listener_at(int kind, const SteamNetworkingIdentity *identity, int port);
lo_listener *lo_listen(lo_user *user, int kind, int port, int count,
                       const SteamNetworkingConfigValue_t *options);
void lo_listener_destroy(lo_listener *listener);
bool lo_is_local(const SteamNetworkingIPAddr *address, bool any_will_do);


/* --- publish.c -------------------------------------------------------------------------------- */

/* Lets other processes find a listener; false if one of them already has its address. */
bool lo_publish(lo_listener *listener);
void lo_unpublish(lo_listener *listener);
/* Tries again, now and then, what could not be published or is published no more. */
void lo_publish_again(void);

/* --- connection.c ----------------------------------------------------------------------------- */

lo_connection *lo_connection_new(lo_user *user, int kind, lo_listener *listener, int count,
                                 const SteamNetworkingConfigValue_t *options);
lo_connection *lo_connect(lo_user *user, int kind, const SteamNetworkingIdentity *to, int port,
                          int count, const SteamNetworkingConfigValue_t *options);
/* Into another state, with the event that tells of it. */
void lo_set_state(lo_connection *connection, ESteamNetworkingConnectionState state);
/* An event of this kind, with how the connection is now. */
void lo_post_event(lo_connection *connection, int callback, ESteamNetworkingConnectionState old);
/* Ends it: by the peer, or for a local problem of which the peer is told too if `tell`. */
void lo_terminate(lo_connection *connection, ESteamNetworkingConnectionState state, int reason,
            const char *text, bool tell);
EResult lo_accept(lo_connection *connection);
void lo_close(lo_connection *connection, int reason, const char *text, bool linger);
/* Everything has been sent: so is the close. The connection stays until all is acknowledged. */
void lo_finish_close(lo_connection *connection);
/* Ends a closed connection at its next timer if the peer has acknowledged all. */
void lo_check_delivered(lo_connection *connection);
bool lo_is_delivered(const lo_connection *connection);
/* What the peer has not acknowledged. */
sn_closing lo_undelivered(const lo_connection *connection);
/* What came from the other process makes no sense. */
void lo_protocol_error(lo_connection *connection);
void lo_destroy(lo_connection *connection);
/* Gone without a word, as when its process ends. */
void lo_abort(lo_connection *connection);
/* Its peer is gone without a word. */
void lo_peer_lost(lo_connection *connection);
void lo_on_timeout(lo_connection *connection);
/* A CALL, ACCEPT, CONFIRM or CLOSE has come. */
void lo_handle_connect_request(lo_listener *listener, lo_packet *packet);
/* The listening side's end of a call: a new one, or where both sides call each other and mean one
 * connection, its own call, which becomes the one that accepts. NULL if its own is the one that
 * counts, or when memory is short. */
lo_connection *lo_incoming_end(lo_listener *listener, const lo_connect_request *call);
void lo_send_connect_request(lo_connection *connection);
void lo_handle_control(lo_connection *connection, lo_packet *packet);
/* Looks whether anything can get through at all, which decides about time-outs. */
void lo_check_path(lo_connection *connection);
void lo_set_timeout(lo_connection *connection, int64_t when);

bool lo_is_ended(const lo_connection *connection);
void lo_invent_address(lo_connection *connection);
int64_t lo_timeout(const lo_connection *connection, int key);
lo_packet *lo_request_packet(const lo_connection *connection);

/* --- sky.c: the simulated network ------------------------------------------------------------- */

/* Reads a user's FakePacket values anew. */
void lo_sim_reload(lo_user *user);
lo_conditions lo_local_conditions(const lo_user *user);
lo_conditions lo_remote_conditions(const lo_connection *connection);
int64_t lo_round_trip(const lo_connection *connection);
bool lo_is_droppable(const lo_packet *packet);
/* When it is through the network, or if its stage is still the same, when to try again; -1: never. */
int64_t lo_delivery_time(lo_connection *connection, lo_packet *packet, const lo_sim_params *sim, bool sending);
void lo_pass_sender(lo_connection *connection, lo_packet *packet);
void lo_drop_packet(lo_connection *connection, lo_packet *packet, bool sending);
/* A packet leaves its sender, from then on nobody's but the air's. */
void lo_transmit(lo_connection *connection, lo_packet *packet);
/* A packet in the air has come to its time. */
void lo_packet_arrived(lo_packet *packet);

/* --- sending.c -------------------------------------------------------------------------------- */

EResult lo_send(lo_connection *connection, lo_packet *packet, int64_t *number);
void lo_flush(lo_connection *connection);
/* Sends what may leave now and sets the departure timer for the rest. */
void lo_send_due(lo_connection *connection);
void lo_schedule(lo_connection *connection);
lo_lane *lo_lane_at(lo_connection *connection, int index);
/* All that the peer has received on a lane; false if it cannot have. */
bool lo_acknowledged(lo_connection *sender, int lane, const lo_ack *ack);
/* A packet was lost before it left this side. */
void lo_unsend(lo_connection *sender, const lo_packet *packet);
/* Reliable messages that the peer has not acknowledged, those that wait to be sent included. */
lo_total lo_unacknowledged(const lo_connection *connection);
lo_lane *lo_next_lane(lo_connection *connection);
void lo_sync_virtual_time(lo_connection *connection, lo_lane *lane);
void lo_count_pending(lo_connection *connection, const lo_packet *packet, int sign);
int lo_rate(const lo_connection *connection);
/* Bytes that have not departed, and those of them that the link is busy with. */
int lo_pending(const lo_connection *connection);
int lo_on_link(const lo_connection *connection);
void lo_drop_lanes(lo_connection *connection);

/* --- receiving.c ------------------------------------------------------------------------------ */

/* A DATA or CLOSE packet has arrived. */
void lo_receive(lo_connection *connection, lo_packet *packet);
/* The packet is out of the air: its sender gets its bytes back. */
void lo_acknowledge(lo_connection *receiver, const lo_packet *packet);
void lo_drop_queue(lo_connection *connection);
/* Room has come about in its queue: what was kept back moves up. That may be the peer's goodbye:
 * then the connection ends, its session is gone, and itself too where nobody knows it. */
void lo_drain_deferred(lo_connection *connection);
/* Out of the queue and the group that it waits in: the application's from then on. What was kept
 * back moves up: neither its connection nor a session need be there afterwards. */
SteamNetworkingMessage_t *lo_dequeue(lo_packet *packet);
/* At most so many messages of a group. */
int lo_dequeue_all(lo_group *group, SteamNetworkingMessage_t **messages, int most);
lo_group *lo_group_new(lo_user *user);
void lo_group_destroy(lo_group *group);
void lo_group_append(lo_group *group, lo_packet *packet);
/* Into another group, or none. */
void lo_change_group(lo_connection *connection, lo_group *group);

/* --- link.c: streams to other processes ------------------------------------------------------- */

/* Reaches the process where the wanted peer listens; false if there is none yet. */
bool lo_link_to(lo_connection *connection);
/* Sends a packet that is to arrive when due; it is the link's from then on. */
void lo_link_send(lo_connection *connection, lo_packet *packet, int64_t due);
/* A packet that came over a link is no longer in the air. */
void lo_link_arrived(lo_packet *packet);
void lo_link_acknowledge(lo_connection *receiver, const lo_packet *packet);
void lo_link_leave(lo_connection *connection);
void lo_link_send_conditions(lo_connection *connection);
/* Whether all that was sent has left this process. */
bool lo_link_is_drained(const lo_connection *connection);
void lo_transport_receive(void);
void lo_transport_send_acks(void);
void lo_transport_close(void);

/* --- sessions.c: ISteamNetworkingMessages ----------------------------------------------------- */

void lo_session_changed(lo_connection *connection, ESteamNetworkingConnectionState old);
/* Where a session's message goes; NULL when memory is short or the session is over. */
lo_group *lo_session_inbox(const lo_connection *connection, int channel);
lo_session *lo_session_find(const lo_user *user, const SteamNetworkingIdentity *with);
lo_session *lo_session_new(lo_user *user, const SteamNetworkingIdentity *with);
void lo_session_free(lo_user *user, lo_session *session);
struct lo_channel **lo_session_channel(lo_session *session, int number);
void lo_session_use_channel(lo_session *session, int number);
lo_group *lo_inbox_find(lo_user *user, int channel);
lo_group *lo_inbox_open(lo_user *user, int channel);
/* Throws away what one user sent and nobody read, on one channel or on all. */
void lo_inbox_discard(lo_user *user, const SteamNetworkingIdentity *from, const int *channel);
void lo_session_detach(lo_session *session);
void lo_sessions_free_all(lo_user *user);
/* Lets other processes find the user's door: who sends messages or hears of requests wants that. */
void lo_open_session_listener(lo_user *user);

/* --- status.c --------------------------------------------------------------------------------- */

void lo_fill_info(const lo_connection *connection, SteamNetConnectionInfo_t *info);
void lo_describe(const lo_connection *connection,
                 char text[k_cchSteamNetworkingMaxConnectionDescription]);
int64_t lo_queue_time(const lo_connection *connection, int64_t bytes);
int lo_lane_unacked(const lo_lane *lane);
int64_t lo_bytes_ahead(const lo_connection *connection, const lo_lane *lane);
int lo_write_details(lo_connection *connection, char *text, size_t size);
void lo_rates(lo_meter *meter, float *packets, float *bytes);
void lo_fill_status(lo_connection *connection, SteamNetConnectionRealTimeStatus_t *status);
void lo_measure(lo_meter *meter, int64_t now, int bytes);
SteamNetworkingMicroseconds lo_timestamp(int64_t now);

#endif
