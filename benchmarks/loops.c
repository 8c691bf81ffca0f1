/* The C side of the benchmarks: what a C program does, on the same engine in the same process. */
#include "engine.h"

#include <dlfcn.h>
#include <string.h>

enum { MOST = 256 };

/* What the loops read is written here, so that no compiler leaves the reading out. */
volatile int64_t bench_sum;

/* Allocates and sends count messages, as the queue's other end would; returns how many went. */
int bench_fill(sn_engine *engine, const HSteamNetConnection *connections, int connection_count, int size,
               int count, int flags)
{
    int sent = 0;
    while (count > 0) {
        SteamNetworkingMessage_t *batch[MOST];
        int64_t results[MOST];
        int n = count < MOST ? count : MOST;
        for (int i = 0; i < n; i++) {
            batch[i] = engine->flat.ISteamNetworkingUtils_AllocateMessage(engine->utils, size);
            if (size > 0)
                memset(batch[i]->m_pData, 1 + i % 100, (size_t)size);
            batch[i]->m_conn = connections[(count - i) % connection_count];
            batch[i]->m_nFlags = flags;
            batch[i]->m_nUserData = 0;
        }
        engine->flat.ISteamNetworkingSockets_SendMessages(engine->sockets, n, batch, results, true);
        for (int i = 0; i < n; i++)
            sent += results[i] > 0;
        count -= n;
    }
    return sent;
}

/* Receives until nothing waits: reads eight fields and the first byte of each, and releases it. */
int bench_receive(sn_engine *engine, uint32_t handle, bool group, int batch_size)
{
    int total = 0;
    for (;;) {
        SteamNetworkingMessage_t *batch[MOST];
        int64_t sum = 0;
        int got = group ? engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(
                              engine->sockets, handle, batch, batch_size)
                        : engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnConnection(
                              engine->sockets, handle, batch, batch_size);
        if (got <= 0)
            return total;
        for (int i = 0; i < got; i++) {
            const SteamNetworkingMessage_t *m = batch[i];
            sum += m->m_cbSize + m->m_conn + (int64_t)m->m_identityPeer.m_steamID64 + m->m_nConnUserData +
                   m->m_usecTimeReceived + m->m_nMessageNumber + m->m_nFlags + m->m_idxLane;
            if (m->m_cbSize > 0)
                sum += *(const unsigned char *)m->m_pData;
            batch[i]->m_pfnRelease(batch[i]);
        }
        bench_sum += sum;
        total += got;
    }
}

/* Asks an empty connection or poll group that many times. */
int bench_poll(sn_engine *engine, uint32_t handle, bool group, int times)
{
    SteamNetworkingMessage_t *batch[MOST];
    int got = 0;
    for (int i = 0; i < times; i++)
        got += group ? engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnPollGroup(engine->sockets,
                                                                                       handle, batch, MOST)
                     : engine->flat.ISteamNetworkingSockets_ReceiveMessagesOnConnection(engine->sockets,
                                                                                        handle, batch, MOST);
    return got;
}

/* Sends the same bytes that many times over each connection, a call for each message. */
int bench_send(sn_engine *engine, const HSteamNetConnection *connections, int connection_count,
               const void *bytes, int size, int times, int flags)
{
    int sent = 0;
    for (int i = 0; i < times; i++)
        for (int j = 0; j < connection_count; j++) {
            int64_t number;
            sent += engine->flat.ISteamNetworkingSockets_SendMessageToConnection(
                        engine->sockets, connections[j], bytes, (uint32_t)size, flags, &number) == k_EResultOK;
        }
    return sent;
}

/* Sends many messages, 64 a call of SendMessages. */
int bench_send_many(sn_engine *engine, HSteamNetConnection connection, const void *bytes, int size, int calls,
                    int flags)
{
    int sent = 0;
    for (int c = 0; c < calls; c++) {
        SteamNetworkingMessage_t *batch[64];
        int64_t results[64];
        for (int i = 0; i < 64; i++) {
            batch[i] = engine->flat.ISteamNetworkingUtils_AllocateMessage(engine->utils, size);
            memcpy(batch[i]->m_pData, bytes, (size_t)size);
            batch[i]->m_conn = connection;
            batch[i]->m_nFlags = flags;
            batch[i]->m_nUserData = 0;
        }
        engine->flat.ISteamNetworkingSockets_SendMessages(engine->sockets, 64, batch, results, true);
        for (int i = 0; i < 64; i++)
            sent += results[i] > 0;
    }
    return sent;
}

/* Has a C function that counts hear of status changes, in place of steamnet's; and undoes it. */
static int heard;
static void count(SteamNetConnectionStatusChangedCallback_t *changed) { heard += changed->m_hConn != 0; }

void bench_hear(sn_engine *engine, bool on)
{
    static FnSteamNetConnectionStatusChanged before;
    ESteamNetworkingConfigDataType type;
    size_t size = sizeof before;
    if (on)
        engine->flat.ISteamNetworkingUtils_GetConfigValue(
            engine->utils, k_ESteamNetworkingConfig_Callback_ConnectionStatusChanged,
            k_ESteamNetworkingConfig_Global, 0, &type, &before, &size);
    engine->flat.ISteamNetworkingUtils_SetGlobalCallback_SteamNetConnectionStatusChanged(engine->utils,
                                                                                         on ? count : before);
}

/* Lets the engine say what happened; how many heard of it. */
int bench_events(sn_engine *engine)
{
    heard = 0;
    engine->flat.ISteamNetworkingSockets_RunCallbacks(engine->sockets);
    return heard;
}

/* For bindings that know no engine of ours: the addresses that they would have from the library. */
void *bench_sockets(const sn_engine *engine) { return engine->sockets; }
void *bench_function(const sn_engine *engine, int index)
{
    void *address;
    memcpy(&address, (const char *)&engine->flat + (size_t)index * sizeof address, sizeof address);
    return address;
}

/* For a process without steamnet: an engine made of a library that somebody else has started. */
sn_engine *bench_attach(const char *path, const char *sockets_accessor)
{
    static sn_engine engine;
    static const char *const names[] = {
#define FLAT(need, gil, ret, interface, name, parameters, default_result) "SteamAPI_" #interface "_" #name,
#include "flat.def"
#undef FLAT
    };
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    ISteamNetworkingSockets *(*sockets)(void);
    ISteamNetworkingUtils *(*utils)(void);
    void *address;
    if (library == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        address = dlsym(library, names[i]);
        memcpy((char *)&engine.flat + i * sizeof address, &address, sizeof address);
    }
    address = dlsym(library, sockets_accessor);
    memcpy(&sockets, &address, sizeof address);
    address = dlsym(library, "SteamAPI_SteamNetworkingUtils_SteamAPI_v004");
    memcpy(&utils, &address, sizeof address);
    engine.sockets = sockets();
    engine.utils = utils();
    return &engine;
}

bool bench_pair(sn_engine *engine, HSteamNetConnection *pair)
{
    return engine->flat.ISteamNetworkingSockets_CreateSocketPair(engine->sockets, &pair[0], &pair[1], false,
                                                                 NULL, NULL);
}
