/* The contract with Python: what _native offers beyond Valve's own calls.
 *
 * An sn_engine is one loaded and started engine. Python owns it through one reference;
 * each received message whose bytes the engine still holds has another. Every call is
 * fenced: once sn_stop has begun, calls answer like ones on a dead handle.
 */
#ifndef STEAMNET_H
#define STEAMNET_H

#include "valve_lobbies.h"

/* cdef: begin */
typedef struct sn_engine sn_engine;
typedef struct sn_clock sn_clock;

enum { SN_STEAM = 0, SN_GNS = 1, SN_LOOPBACK = 2, SN_STEAM_SERVER = 3 };
enum { SN_ERROR_SIZE = 4096, SN_IDENTITY_SIZE = 160, SN_ADDRESS_SIZE = 64 };

/* An engine's callback as a value; kind is Valve's callback id, or SN_EVENTS_LOST, and tells which
 * field holds. */
enum { SN_EVENTS_LOST = 1 };
typedef struct sn_event {
    int kind;
    HSteamNetConnection connection;
    ESteamNetworkingConnectionState old_state;
    EResult result;
    union {
        SteamNetConnectionInfo_t info;
        SteamNetworkingIdentity identity;
        SteamNetAuthenticationStatus_t authentication;
        SteamRelayNetworkStatus_t relay;
        SteamNetworkingFakeIPResult_t fake_ip;
        uint64_t lost; /* events, because memory was short */
    };
} sn_event;

/* How an engine is to start. Fields that an engine has no use for are ignored. */
typedef struct sn_options {
    const SteamNetworkingIdentity *identity;
    bool attach;
    uint32_t server_ip;
    uint16_t server_game_port;
    uint16_t server_query_port;
    int server_mode;
    const char *server_version;
    const char *server_product;
    const char *server_token; /* NULL: logs on anonymously */
    sn_clock *clock;          /* NULL: the real one */
} sn_options;

/* Loads a library into a new engine (path NULL for the loopback engine): NULL and the reason. */
sn_engine *sn_load(int kind, const char *path, char *error);
/* Starts it: an ESteamAPIInitResult, with the engine's own words in error when it is not OK. */
ESteamAPIInitResult sn_start(sn_engine *engine, const sn_options *options, char *error);
/* Whether calls can be made; no longer once a Steam that something else initialised is shut down. */
bool sn_is_open(sn_engine *engine);
/* Why calls can no longer be made. */
const char *sn_closed_reason(const sn_engine *engine);
/* Lets the engine work, and fills the queues below; false: it is not open. */
bool sn_pump(sn_engine *engine);
/* The same, but fills the queue of events to that many at most where the engine can wait. */
bool sn_pump_events(sn_engine *engine, int limit);
/* The same; true if nothing is in any queue after that, and nothing else has told of news: what is new, if
 * anything is, are messages. Callbacks of sn_next_callback may wait: for lobbies, which not every game has. */
bool sn_pump_quietly(sn_engine *engine, int limit);
/* 1 if an event or a message has come since sn_pump, 0 if not, -1 if the engine cannot tell. */
int sn_news(sn_engine *engine);
/* Waits so many microseconds, on the real clock, until there may be something new since this thread's latest
 * sn_pump, or while the engine has something due; true also when the engine is shut down, and sometimes for
 * nothing. It lets Python's other threads run. */
bool sn_wait(sn_engine *engine, int64_t timeout);
/* What is new from now on ends the next wait of this thread, even if another thread pumps before. */
void sn_see_changes(sn_engine *engine);
/* Something is new that the engine does not know of: sn_wait returns until the next sn_pump. From any
 * thread. */
void sn_note_outside(sn_engine *engine);
/* For an event loop: in how many microseconds it has to look again if sn_wait_handle does not become
 * readable before. 0: there is something new; below 0: after so many there may be. */
int64_t sn_wait_due(sn_engine *engine);
/* For an event loop that looks again by itself: what is new wakes it only once it has called sn_wait_due. */
void sn_wait_rest(sn_engine *engine);
/* A file descriptor for event loops, -1 where there is none; the engine's own. */
intptr_t sn_wait_handle(sn_engine *engine);
/* Waits for what arrives on this socket, too; -1: a signal may come at any time and cannot wake us. */
bool sn_wait_for_signals(sn_engine *engine, intptr_t handle);
/* Whether there are signals to carry to peers, and whether some may have arrived. */
enum { SN_SIGNALS_OUT = 1, SN_SIGNALS_IN = 2 };
int sn_signals_pending(sn_engine *engine);
/* Refuses new calls, waits for those under way, shuts the engine down, or waits for the thread that
 * does. Idempotent. */
void sn_stop(sn_engine *engine);
/* In a forked child: refuses calls from now on and touches nothing that the parent uses. */
void sn_detach_after_fork(sn_engine *engine);
/* Drops Python's reference. */
void sn_release(sn_engine *engine);

/* A connection that has not delivered everything: reliable messages that its peer has not
 * acknowledged, or (loopback) nothing but a close that has not left this process yet. */
typedef struct sn_closing {
    HSteamNetConnection connection; /* 0 for a message session of the loopback engine */
    SteamNetworkingIdentity peer;
    int64_t messages;
    int64_t bytes;
} sn_closing;
/* How many of an engine's connections, open or closed, are such; fills at most room. Library engines:
 * message sessions and pipes are not among them. */
int sn_closing_connections(sn_engine *engine, sn_closing *out, int room);
/* Moves out what closed connections could not deliver, as their peers have ended or are gone: how
 * many, at most room. Only the loopback engine knows. */
int sn_abandoned_connections(sn_engine *engine, sn_closing *out, int room);
/* From now on nothing more can be sent: the send calls raise ClosedError. */
void sn_refuse_sends(sn_engine *engine);
/* From now on the handle is dead for every call of Python's, while the engine still has it: for a
 * connection that was closed before it could send. False if memory is short. */
bool sn_hide_connection(sn_engine *engine, HSteamNetConnection connection);
void sn_show_connection(sn_engine *engine, HSteamNetConnection connection);

const char *sn_accessor(const sn_engine *engine);
const char *sn_version(const sn_engine *engine);
/* 1 if the engine has the flat function (by short or full name), 0 if not, -1 for an unknown name. */
int sn_supports(const sn_engine *engine, const char *name);
/* The name of the i-th flat function and whether the engine has it; NULL past the last. */
const char *sn_flat_name(const sn_engine *engine, int i, int *supported);
uint64_t sn_steam_id(sn_engine *engine);
uint32_t sn_app_id(sn_engine *engine);
/* The object that SocketsInterface-scope config values are set on. */
intptr_t sn_sockets_object(const sn_engine *engine);

bool sn_next_event(sn_engine *engine, sn_event *event);
/* How many events wait for sn_next_event. */
size_t sn_event_count(sn_engine *engine);
/* Takes the oldest callback of lobbies and friends: the size of its parameter, and its id; -1 if there is
 * none. The message follows the parameter of LobbyChatMsg. Only the steam engine has such callbacks. */
enum { SN_CALLBACK_SIZE = 4608 };
int sn_next_callback(sn_engine *engine, int *id, void *param, int size);
/* Text and level of the next line of debug output; -1 if there is none. */
int sn_next_debug(sn_engine *engine, char *text, int size);
void sn_set_debug_output(sn_engine *engine, ESteamNetworkingSocketsDebugOutputType level);

/* Custom signaling: signals to carry come out of a queue, received ones go in. A signal that
 * fits no connection is a request: it shows up as an incoming connection if a listen socket is open
 * on its virtual port, and is ignored otherwise. A signal of a sender is refused where it says that it is
 * from another; NULL: the signaling does not know, and what the signal says is believed. */
HSteamNetConnection sn_connect_custom_signaling(sn_engine *engine, const SteamNetworkingIdentity *peer,
                                                int virtual_port, int option_count,
                                                const SteamNetworkingConfigValue_t *options);
bool sn_receive_signal(sn_engine *engine, const SteamNetworkingIdentity *sender, const void *bytes, int size);
/* Takes the oldest signal to carry: its size, -1 if there is none. A larger one than size stays. */
int sn_next_signal(sn_engine *engine, SteamNetworkingIdentity *peer, HSteamNetConnection *connection,
                   void *bytes, int size);
/* Whether ICE has anything to offer: it ignores the loopback interface. */
bool sn_ice_possible(void);
/* The rendezvous directory, made if needed; false with the reason if it cannot be used. */
bool sn_rendezvous_directory(char *path, int size, char *error);

/* Identity and address strings; the libraries' own functions crash or differ by engine. */
bool sn_identity_parse(SteamNetworkingIdentity *identity, const char *text);
void sn_identity_format(const SteamNetworkingIdentity *identity, char *text, int size);
bool sn_address_parse(SteamNetworkingIPAddr *address, const char *text);
void sn_address_format(const SteamNetworkingIPAddr *address, char *text, int size, bool with_port);

/* Steam's own question for a loaded, not yet started engine, asked before SteamAppId is set: true
 * means that Steam starts the game again and this process should exit. Only asked on request. */
bool sn_restart_app_if_necessary(sn_engine *engine, uint32_t app_id_wanted);

/* After SetConnectionPollGroup: messages that could not be delivered for want of memory go along. */
void sn_regroup_undelivered(sn_engine *engine, HSteamNetConnection connection, HSteamNetPollGroup group);

/* Virtual clocks of the loopback engine, in µs. Each starts at the same time, and outlives its users. */
sn_clock *sn_clock_new(void);
void sn_clock_release(sn_clock *clock);
int64_t sn_clock_now(sn_clock *clock);
/* When the next thing is due in an engine of the clock; INT64_MAX: never. */
int64_t sn_clock_due(sn_clock *clock);
/* Lets time pass, and runs what is due meanwhile. */
void sn_clock_advance(sn_clock *clock, int64_t to);
/* Lets time pass from one thing due to the next, until an engine of the clock has news (true) or it is
 * `to`. */
bool sn_clock_run(sn_clock *clock, int64_t to);

/* The network between loopback engines of one clock, by hand. From one engine to another: in µs, percent
 * and bytes a second; below 0: as the engine's own config values say. */
typedef struct sn_path {
    int lag;
    int jitter;
    float loss;
    int rate;
    bool cut; /* nothing gets through */
} sn_path;
bool sn_network_path(sn_engine *engine, sn_engine *to, const sn_path *path);
/* While it is frozen nothing leaves or arrives; when it stops then, its peers are not told. */
bool sn_network_freeze(sn_engine *engine, bool frozen);
enum { SN_RECORDS = 4096, SN_SENT = 0, SN_DELAYED = 1, SN_LOST = 2, SN_DELIVERED = 3 };
typedef struct sn_record {
    int64_t time;  /* µs, by the engine's clock */
    int64_t until; /* when it leaves, or is through */
    int64_t number;
    int what;
    int size;
    int lane;
    bool data; /* and not one of the engine's own */
    bool reliable;
    SteamNetworkingIdentity from;
    SteamNetworkingIdentity to;
} sn_record;
/* The latest, at most room and SN_RECORDS, oldest first; the first call begins to record. -1: it cannot. */
int sn_network_record(sn_engine *engine, sn_record *out, int room);
/* How many messages have come on a loopback engine's connections, and wait to be received. */
int64_t sn_network_unread(sn_engine *engine);

/* The loopback engine: the chance of a user's simulated network, and a fresh start in a forked child. */
void sn_loopback_seed(sn_engine *engine, uint64_t seed);
void sn_loopback_after_fork(void);
/* cdef: end */

/* An IPv4 address, as IPv6 has it. */
bool sn_address_is_ipv4(const SteamNetworkingIPAddr *address);

#endif
