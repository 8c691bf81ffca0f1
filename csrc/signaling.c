/* Custom signaling: Valve's two C++ interfaces as C tables that feed a queue for Python.
 *
 * The engine asks its signaling object to carry bytes to a peer, often from its own
 * thread. The object here only copies them into the engine's queue; Python's thread
 * carries them, and hands back what arrives through sn_receive_signal.
 */
#include "signaling.h"

#include <stdlib.h>
#include <string.h>

#include "guard.h"

typedef struct signal_head {
    SteamNetworkingIdentity peer;
    HSteamNetConnection connection;
} signal_head;

static _Atomic(sn_engine *) signaling_engine;

static bool queue_signal(const SteamNetworkingIdentity *peer, HSteamNetConnection connection,
                         const void *bytes, int size)
{
    sn_engine *engine = atomic_load(&signaling_engine);
    signal_head head = {*peer, connection};
    return engine != NULL && size >= 0 &&
           sn_queue_push(&engine->signals, &head, sizeof head, bytes, (size_t)size);
}

static bool send_signal(ISteamNetworkingConnectionSignaling *self, HSteamNetConnection connection,
                        const SteamNetConnectionInfo_t *info, const void *bytes, int size)
{
    (void)self;
    return queue_signal(&info->m_identityRemote, connection, bytes, size);
}

static void release(ISteamNetworkingConnectionSignaling *self) { (void)self; }

static const signaling_table the_signaling_table = {send_signal, release};
/* Everything that a signal needs is in its arguments: one object serves all connections. */
static ISteamNetworkingConnectionSignaling the_signaling = {&the_signaling_table};

static bool is_sender(const char *sender, const SteamNetworkingIdentity *peer)
{
    char text[SN_IDENTITY_SIZE];
    sn_identity_format(peer, text, sizeof text);
    return strcmp(sender, text) == 0;
}

/* NULL ignores the request: it is not from whom it says, or no listen socket has its port, and the
 * caller asks again every half second. The engine knows its listen sockets; it has put the new connection
 * into one by now, and holds the lock that this call takes, which is recursive. (It matches symmetric
 * connects before it asks; the port of networking messages has a listen socket of the engine's own.) */
static ISteamNetworkingConnectionSignaling *on_connect_request(
    ISteamNetworkingSignalingRecvContext *self, HSteamNetConnection connection,
    const SteamNetworkingIdentity *peer, int local_virtual_port)
{
    SteamNetConnectionInfo_t info = {.m_hListenSocket = 0};
    sn_engine *engine = self->engine;
    (void)local_virtual_port;
    if (self->sender != NULL && !is_sender(self->sender, peer))
        return NULL;
    if (!engine->flat.ISteamNetworkingSockets_GetConnectionInfo(engine->sockets, connection, &info))
        return NULL;
    return info.m_hListenSocket != 0 ? &the_signaling : NULL;
}

static void send_rejection(ISteamNetworkingSignalingRecvContext *self,
                           const SteamNetworkingIdentity *peer, const void *bytes, int size)
{
    (void)self;
    queue_signal(peer, 0, bytes, size);
}

static const context_table the_context_table = {on_connect_request, send_rejection};

static ISteamNetworkingConnectionSignaling *create_signaling(ISteamNetworkingSockets *sockets,
                                                             const SteamNetworkingIdentity *peer,
                                                             int local_port, int remote_port)
{
    (void)sockets, (void)peer, (void)local_port, (void)remote_port;
    return &the_signaling;
}

static void set_creator(sn_engine *engine, FnSteamNetworkingSocketsCreateConnectionSignaling function)
{
    void *pointer;
    memcpy(&pointer, &function, sizeof pointer);
    engine->flat.ISteamNetworkingUtils_SetConfigValue(
        engine->utils, k_ESteamNetworkingConfig_Callback_CreateConnectionSignaling,
        k_ESteamNetworkingConfig_Global, 0, k_ESteamNetworkingConfig_Ptr, &pointer);
}

void sn_signaling_attach(sn_engine *engine)
{
    atomic_store(&signaling_engine, engine);
    set_creator(engine, create_signaling);
}

void sn_signaling_detach(sn_engine *engine)
{
    if (atomic_exchange(&signaling_engine, NULL) == engine)
        set_creator(engine, NULL);
}

HSteamNetConnection sn_connect_custom_signaling(sn_engine *engine, const SteamNetworkingIdentity *peer,
                                                int virtual_port, int option_count,
                                                const SteamNetworkingConfigValue_t *options)
{
    HSteamNetConnection connection = 0;
    if (sn_enter(engine)) {
        if (engine->flat.ISteamNetworkingSockets_ConnectP2PCustomSignaling != NULL)
            connection = engine->flat.ISteamNetworkingSockets_ConnectP2PCustomSignaling(
                engine->sockets, &the_signaling, peer, virtual_port, option_count, options);
        sn_leave(engine);
    }
    return connection;
}

/* Reads a protobuf varint of at most 64 bits; false if it is cut short, or too long. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Skips the value of a protobuf field, and gives its bytes; false if they are not all there, or of a
 * kind that no signal has. */
static bool read_value(const uint8_t **at, const uint8_t *end, unsigned wire_type, const uint8_t **value,
                       uint64_t *size)
{
    if (wire_type == 0) {
        *value = *at;
        if (!read_varint(at, end, size))
            return false;
        *size = (uint64_t)(*at - *value);
        return true;
    }
    if (wire_type == 1 || wire_type == 5)
        *size = wire_type == 1 ? 8 : 4;
    else if (wire_type != 2 || !read_varint(at, end, size))
        return false;
    *value = *at;
    if (*size > (uint64_t)(end - *at))
        return false;
    *at += *size;
    return true;
}

/* Whether a signal says that it is from the sender, and from nobody else. A signal is a protobuf message
 * (CMsgSteamNetworkingP2PRendezvous) whose field 8 is the sender's identity as text. The engine believes
 * it, and takes a signal for a connection only if it is from that connection's peer. */
static bool is_signal_from(const char *sender, const uint8_t *at, int size)
{
    const uint8_t *end = at + size, *value;
    uint64_t tag, length;
    bool said = false;
    while (at < end) {
        if (!read_varint(&at, end, &tag) || tag > UINT32_MAX ||
            !read_value(&at, end, tag & 7, &value, &length))
            return false;
        if (tag >> 3 == 8) {
            if ((tag & 7) != 2 || length != strlen(sender) || memcmp(value, sender, length) != 0)
                return false;
            said = true;
        }
    }
    return said;
}

bool sn_receive_signal(sn_engine *engine, const SteamNetworkingIdentity *sender, const void *bytes, int size)
{
    char text[SN_IDENTITY_SIZE];
    bool taken = false;
    if (sender != NULL) {
        sn_identity_format(sender, text, sizeof text);
        if (!is_signal_from(text, bytes, size))
            return false;
    }
    if (sn_enter(engine)) {
        ISteamNetworkingSignalingRecvContext context = {&the_context_table, engine,
                                                        sender != NULL ? text : NULL};
        void *python = sn_gil_release();
        if (engine->flat.ISteamNetworkingSockets_ReceivedP2PCustomSignal != NULL)
            taken = engine->flat.ISteamNetworkingSockets_ReceivedP2PCustomSignal(engine->sockets, bytes,
                                                                                 size, &context);
        sn_gil_acquire(python);
        sn_leave(engine);
    }
    return taken;
}

int sn_next_signal(sn_engine *engine, SteamNetworkingIdentity *peer, HSteamNetConnection *connection,
                   void *bytes, int size)
{
    size_t room = sizeof(signal_head) + (size_t)(size > 0 ? size : 0);
    signal_head *head = malloc(room);
    size_t got = head != NULL ? sn_queue_pop(&engine->signals, head, room) : SIZE_MAX;
    if (got <= room) {
        *peer = head->peer;
        *connection = head->connection;
        memcpy(bytes, head + 1, got - sizeof *head);
    }
    free(head);
    return got != SIZE_MAX ? (int)(got - sizeof *head) : -1;
}

bool sn_ice_possible(void) { return sn_has_network(); }

bool sn_rendezvous_directory(char *path, int size, char *error)
{
    return sn_private_directory(path, (size_t)size, error, SN_ERROR_SIZE);
}
