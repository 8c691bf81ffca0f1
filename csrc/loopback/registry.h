/* The engine's state: clocks with their timers, objects by handle, listen sockets by address. */
#ifndef STEAMNET_LOOPBACK_REGISTRY_H
#define STEAMNET_LOOPBACK_REGISTRY_H

#include "../wait.h"
#include "alloc.h"
#include "config.h"
#include "message.h"
#include "wire.h"

typedef struct lo_user lo_user;
typedef struct lo_connection lo_connection;

enum { LO_EVENTS = 5 /* no connection has more: one for each state that it can enter */ };

/* Valve's states. The application sees those from 0 on; those after CONNECTED have ended. */
enum {
    LO_DEAD = k_ESteamNetworkingConnectionState_Dead, /* its timer frees it */
    /* Closed by the application, so that its handle is gone, and kept until all that is reliable has
     * been sent (LINGER) and, with our close behind it, acknowledged (FIN_WAIT). */
    LO_LINGER = k_ESteamNetworkingConnectionState_Linger,
    LO_FIN_WAIT = k_ESteamNetworkingConnectionState_FinWait,
    LO_NONE = k_ESteamNetworkingConnectionState_None, /* the application does not know of it yet */
    LO_CONNECTING = k_ESteamNetworkingConnectionState_Connecting,
    LO_FINDING_ROUTE = k_ESteamNetworkingConnectionState_FindingRoute,
    LO_CONNECTED = k_ESteamNetworkingConnectionState_Connected,
    LO_CLOSED_BY_PEER = k_ESteamNetworkingConnectionState_ClosedByPeer,
    LO_PROBLEM = k_ESteamNetworkingConnectionState_ProblemDetectedLocally,
};

/* How far a caller's connect request has come. */
enum {
    LO_REQUEST_UNSENT,
    LO_REQUEST_SENT,   /* on its way */
    LO_REQUEST_FAILED, /* too many files are open for a stream to the peer's process */
};

/* What a connection knows of its peer's end. */
enum {
    LO_PEER_THERE,
    LO_PEER_CLOSED, /* its close is in flight */
    LO_PEER_SILENT, /* it is gone, and its close was lost */
    LO_PEER_LOST,   /* it is gone without one, which is known */
};

enum { LO_CONNECTION = 1, LO_LISTENER, LO_GROUP };
enum { LO_BUCKETS = 4096 /* of the hash table of handles */ };

/* What a handle stands for; only its own user may use it. */
typedef struct lo_object {
    int kind;
    uint32_t handle;
    lo_user *user;
    struct lo_object *chained; /* the next one of its bucket */
} lo_object;

/* A callback to come. What a connection will ever report was allocated with it. */
typedef struct lo_event {
    LO_LINK(lo_event) queued;
    int callback; /* the config value that names the function, where the connection has no own */
    HSteamNetConnection connection;
    ESteamNetworkingConnectionState old_state;
    void *function;
    SteamNetConnectionInfo_t info;
} lo_event;

/* What a connection closed with linger could not deliver. */
typedef struct lo_abandoned {
    LO_LINK(lo_abandoned) listed;
    sn_closing what;
} lo_abandoned;

typedef struct lo_listener {
    lo_object object;
    LO_LINK(lo_listener) listed;
    lo_scope scope;
    int kind, port;
    SteamNetworkingIPAddr address;
    uint64_t key;    /* other processes' way to it */
    int publication; /* how far it is known to other processes: LO_PRIVATE ... */
    int64_t check_at; /* when that is looked at again */
} lo_listener;

/* A poll group; without a handle, what came on a channel for ISteamNetworkingMessages. */
typedef struct lo_group {
    lo_object object;
    int channel;
    LO_LINK(lo_group) listed;
    lo_list packets; /* in order of arrival */
    LO_LIST(lo_connection) members;
} lo_group;

typedef struct lo_lane {
    lo_list waiting;
    int priority;
    uint16_t weight;
    int64_t virtual_time; /* bytes sent by weight: the lane with the least is next among equals */
    int64_t numbered;
    int64_t sequenced;               /* of them reliable ones */
    lo_total pending[2];             /* unreliable, reliable */
    lo_total unacked;                /* reliable */
    int16_t next_waiting;            /* the next lane with something to send; -1: there is none */
    lo_total arrived;    /* of what the peer sends reliably on this lane, and has not been told of */
    int64_t accepted;    /* the sequence number of its latest reliable message */
    lo_list partial;     /* reliable messages that have come in part, or too early */
} lo_lane;

enum { LO_SLOTS = 16 /* of a rate meter, in a second */ };

/* What passed in each fraction of the latest second, and in the present one. */
typedef struct lo_meter {
    struct lo_flow {
        int64_t slot;
        uint32_t packets, bytes;
    } flows[LO_SLOTS + 1];
} lo_meter;

/* A reliable segment in a datagram: in flight, or lost and to be sent again. */
typedef struct lo_sent {
    LO_LINK(lo_sent) listed;
    lo_packet *message;
    uint32_t offset;
    uint8_t attempt;
    int64_t number, time; /* of the datagram */
} lo_sent;

typedef LO_LIST(lo_sent) lo_sent_list;

/* What one end of a connection keeps for datagrams: it uses them where the network is simulated. */
typedef struct lo_datagrams {
    bool simulated, used; /* used: also until all that was sent in them is through */
    int64_t ack_due;      /* when the peer must be told what has come; INT64_MAX: nothing is new */
    int64_t resend_at;    /* when something is sent again at the latest; INT64_MAX: all has come */
    lo_sent_list unacked, lost;
    int64_t numbered;      /* datagrams with messages */
    uint64_t acks;         /* how often ack_due was set */
    int came_count;
    struct lo_came {
        lo_range range;
        int64_t gap_since; /* when the gap before it became known */
    } came[LO_ACK_RANGES + 1]; /* datagrams that have come, and room to add one */
    lo_list fragments;     /* unreliable messages that have come in part */
    int64_t partial_bytes; /* of memory, in all lanes */
} lo_datagrams;

/* The config values that every message needs, as they are for one connection. */
typedef struct lo_settings {
    int64_t user_data;
    int32_t nagle_time, send_rate, send_buffer;
    int32_t receive_buffer, receive_messages, receive_largest;
} lo_settings;

/* What every message touches stands first and together: with a thousand connections, memory is
 * what sending and receiving wait for. */
struct lo_connection {
    lo_object object;
    ESteamNetworkingConnectionState state;
    int kind, request, peer_end;
    bool outgoing, symmetric;
    bool silent;              /* nothing gets through: it times out */
    bool close_lost;          /* the network has dropped our close */
    uint32_t ordinal;         /* among all of its user */
    HSteamNetConnection peer; /* in this process, or ... */
    struct lo_link *link;     /* ... in another */
    struct lo_session *session; /* that it carries; such a connection is hidden from the application */
    lo_settings settings;

    lo_lane *lanes; /* lane_count of them configured for sending; the peer may use more */
    int lane_count, lane_room;
    int64_t nagle_deadline; /* when what waits in lanes may leave */
    int64_t link_idle_at;   /* when the link has sent all that went before */
    int64_t rate_remainder; /* fractions of a microsecond, as bytes × 10⁶ */
    int64_t in_flight;      /* bytes sent and not yet acknowledged, with overhead */
    int pending;            /* bytes waiting in lanes, with overhead */
    int64_t on_link;        /* bytes given to the link since it was last idle ... */
    int on_link_last;       /* ... and those of the latest message */
    int64_t discard_after;  /* what is sent later is lost: the peer has closed without linger */
    int64_t last_received;
    int16_t first_waiting;  /* the first lane with something to send; -1: there is none */
    lo_meter sent, received;
    lo_timer send_timer;
    lo_lane first_lane; /* as long as there is only one */
    lo_datagrams datagrams;

    lo_list deferred; /* reliable, while the queue is full */
    lo_list queue;    /* to be received */
    int64_t queue_bytes;
    int queue_count;
    lo_group *group;
    LO_LINK(lo_connection) listed, grouped; /* of its user, and of its poll group */
    lo_scope scope;

    lo_listener *listener;
    int port;
    lo_close_body end; /* how it ended, here or at the peer */
    SteamNetworkingIdentity remote;
    SteamNetworkingIPAddr address;
    char name[k_cchSteamNetworkingMaxConnectionAppName];
    lo_conditions remote_conditions; /* of a peer in another process */
    lo_timer timeout_timer;
    int64_t waiting_since; /* for the peer: its time-out counts from then */
    int64_t asked_at;      /* when a silent peer is asked, if nothing is sent to it */
    int64_t created;
    lo_packet *close_packet; /* allocated with it, since a close must never fail */
    lo_abandoned *abandoned; /* likewise the record of what it could not deliver */
    lo_event *unused_events[LO_EVENTS];
    int unused_count;
    /* The session layer's, if it carries a session: called when the state has changed. */
    void (*on_state)(lo_connection *connection, ESteamNetworkingConnectionState old);

    int64_t inbound_bytes; /* of memory: what came from the link and is not in the queue yet */
};

typedef struct lo_session {
    LO_LINK(lo_session) listed;
    SteamNetworkingIdentity with;
    lo_connection *connection;    /* NULL once it has failed */
    SteamNetConnectionInfo_t end; /* how it failed */
    struct lo_channel {
        struct lo_channel *next;
        int number;
    } *channels; /* used in either direction */
} lo_session;

/* A user's simulated network, in one direction: the FakePacket values. */
typedef struct lo_sim_params {
    float loss, reorder, jitter_share; /* percent */
    int32_t lag, reorder_time;         /* µs */
    int32_t jitter, jitter_most;       /* µs */
    int32_t rate, burst;               /* bytes per second, and bytes at once */
    bool clear;                        /* none of it */
} lo_sim_params;

/* What a test has set for the way from one user to another of the same clock. */
typedef struct lo_path {
    LO_LINK(lo_path) listed;
    lo_user *to;
    bool cut; /* nothing gets through */
    lo_sim_params sim;
} lo_path;

/* One started engine. */
struct lo_user {
    LO_LINK(lo_user) listed;
    sn_engine *engine;
    sn_clock *clock;
    bool news; /* an event waits, or a message has come since callbacks were last run */
    SteamNetworkingIdentity identity;
    lo_scope global, local;
    lo_sim_params sim_send, sim_receive;
    LO_LIST(lo_path) paths;
    bool frozen; /* nothing leaves or arrives, as if its process had stopped */
    bool isolated; /* nothing arrives */
    int64_t bucket_time[2]; /* until when the rate limits are busy, receiving and sending */
    uint64_t seed;
    uint32_t ordinal; /* of its latest connection */
    LO_LIST(lo_connection) connections;
    LO_LIST(lo_listener) listeners;
    LO_LIST(lo_group) groups;
    LO_LIST(lo_event) events;
    ESteamNetworkingSocketsDebugOutputType debug_level;
    LO_LIST(lo_abandoned) abandoned;
    LO_LIST(lo_session) sessions;
    lo_listener *session_listener;
};

/* A clock and all that its users share: they reach each other, and nobody on another clock. Users of
 * the real clock reach those of other processes too. */
struct sn_clock {
    LO_LINK(sn_clock) listed;
    bool is_virtual;
    int references;       /* its users', and Python's */
    _Atomic int64_t time; /* of a virtual clock: changed under the lock */
    uint64_t news;        /* how often users had news */
    int64_t wakes_at;     /* when somebody who waits looks at the timers next, unwoken */
    sn_record *records;   /* NULL, or the latest of them, in a circle ... */
    uint64_t recorded;    /* ... and how many there have been */
    int64_t clock;        /* the time of the call under way */
    int64_t now;          /* the time of the timer that runs: up to the clock */
    int64_t latest; /* the time of the latest one that ran */
    /* In order of time; at the same time, first come first. A list for each kind, so that packets need
     * not pass timeouts that are far away. */
    LO_LIST(lo_timer) timers[LO_TIMER_KINDS];
    uint64_t timer_seq;
    lo_object *objects[LO_BUCKETS]; /* by handle */
    LO_LIST(lo_user) users;
    uint64_t random;
    uint32_t serial;
};
/* The one of the call under way; the lock guards it. */
extern sn_clock *lo_clock;
#define lo (*lo_clock)
extern sn_clock lo_real_clock;

/* What time it is: the only place that asks. */
int64_t lo_clock_time(const sn_clock *clock);
/* Like Valve's clock: monotonic microseconds, from 3,000,000 seconds on. A virtual clock's own. */
SteamNetworkingMicroseconds lo_timestamp(const sn_clock *clock, int64_t now);
/* Under the lock: a new virtual clock, NULL when memory is short; one reference less, which may free
 * it; the clock of the user with this identity, this one if there are several; NULL: there is none. */
sn_clock *lo_clock_new(void);
void lo_clock_release(sn_clock *clock);
const sn_clock *lo_clock_of(const SteamNetworkingIdentity *identity);
/* In a forked child. */
void lo_clocks_reset(void);
/* An event or a message has come for the user. */
void lo_note_news(lo_user *user);

/* When the next timer is due; INT64_MAX: never. */
int64_t lo_timer_due(void);
/* Takes out the timer that is due next, NULL if none is due by that time. */
lo_timer *lo_timer_take(int64_t until);
/* Adds a timer, or moves one that is there already. */
void lo_timer_add(lo_timer *timer, int64_t time);
/* Harmless if the timer is not there. */
void lo_timer_remove(lo_timer *timer);

enum {
    LO_ERROR = k_ESteamNetworkingSocketsDebugOutputType_Error,
    LO_WARNING = k_ESteamNetworkingSocketsDebugOutputType_Warning,
    LO_MSG = k_ESteamNetworkingSocketsDebugOutputType_Msg,
    LO_VERBOSE = k_ESteamNetworkingSocketsDebugOutputType_Verbose,
};
/* A line of debug output, if the user wants it. */
void lo_log(lo_user *user, ESteamNetworkingSocketsDebugOutputType level, const char *format, ...);

void lo_object_add(lo_object *object, lo_user *user, int kind);
void lo_object_remove(lo_object *object);
/* Any object with this handle and kind, of any user, including closing ones. */
void *lo_find_any(uint32_t handle, int kind);
/* A user's own, that it may still use. */
lo_connection *lo_find_connection(const void *self, HSteamNetConnection handle);
lo_listener *lo_find_listener(const void *self, HSteamListenSocket handle);
lo_group *lo_find_group(const void *self, HSteamNetPollGroup handle);
/* A connection's lane; NULL when memory is short. */
lo_lane *lo_lane_at(lo_connection *connection, int index);
/* Reliable messages and bytes of a lane that the peer has not acknowledged: more of them, or less. */
void lo_count_unacked(lo_connection *connection, int lane, int64_t messages, int64_t bytes);
/* The other end, if it is in this process. */
lo_connection *lo_peer(const lo_connection *connection);
uint64_t lo_address_key(int kind, const SteamNetworkingIdentity *identity, int port);
lo_listener *lo_listener_at(int kind, const SteamNetworkingIdentity *identity, int port);

/* The application has closed it. */
static inline bool lo_is_closed(const lo_connection *connection) { return connection->state < LO_NONE; }
/* By the peer, or for a local problem. */
static inline bool lo_is_ended(const lo_connection *connection)
{
    return connection->state >= LO_CLOSED_BY_PEER;
}
/* By the application, which waits until all that is reliable has been delivered. */
static inline bool lo_is_lingering(const lo_connection *connection)
{
    return connection->state == LO_LINGER || connection->state == LO_FIN_WAIT;
}
/* It is connected, and sends what there is. */
static inline bool lo_is_sending(const lo_connection *connection)
{
    return connection->state == LO_CONNECTED || lo_is_lingering(connection);
}

#endif
