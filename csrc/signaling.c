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

/* NULL ignores the request: no listen socket has its port, and the caller asks again every half
 * second. The engine knows its listen sockets; it has put the new connection into one by now, and
 * holds the lock that this call takes, which is recursive. (It matches symmetric connects before it
 * asks; the port of networking messages has a listen socket of the engine's own.) */
static ISteamNetworkingConnectionSignaling *on_connect_request(
    ISteamNetworkingSignalingRecvContext *self, HSteamNetConnection connection,
    const SteamNetworkingIdentity *peer, int local_virtual_port)
{
    SteamNetConnectionInfo_t info = {.m_hListenSocket = 0};
    sn_engine *engine = self->engine;
    (void)peer, (void)local_virtual_port;
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

bool sn_receive_signal(sn_engine *engine, const void *bytes, int size)
{
    bool taken = false;
    if (sn_enter(engine)) {
        ISteamNetworkingSignalingRecvContext context = {&the_context_table, engine};
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
