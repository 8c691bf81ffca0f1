/* Custom signaling: what the engine wants carried to a peer goes into a queue for Python. */
#ifndef STEAMNET_SIGNALING_H
#define STEAMNET_SIGNALING_H

#include "engine.h"

/* The layout of a C++ object whose class has only virtual functions, on every ABI we build for. */
typedef struct signaling_table {
    bool (*SendSignal)(ISteamNetworkingConnectionSignaling *self, HSteamNetConnection connection,
                       const SteamNetConnectionInfo_t *info, const void *bytes, int size);
    void (*Release)(ISteamNetworkingConnectionSignaling *self);
} signaling_table;

struct ISteamNetworkingConnectionSignaling {
    const signaling_table *table;
};

typedef struct context_table {
    ISteamNetworkingConnectionSignaling *(*OnConnectRequest)(ISteamNetworkingSignalingRecvContext *self,
                                                             HSteamNetConnection connection,
                                                             const SteamNetworkingIdentity *peer,
                                                             int local_virtual_port);
    void (*SendRejectionSignal)(ISteamNetworkingSignalingRecvContext *self,
                                const SteamNetworkingIdentity *peer, const void *bytes, int size);
} context_table;

/* The rest is ours, out of Valve's sight. */
struct ISteamNetworkingSignalingRecvContext {
    const context_table *table;
    sn_engine *engine;
    const char *sender; /* the identity that the signaling vouches for; NULL: it vouches for none */
};

/* Gives this engine the queue, for ConnectP2P too: there is no Steam to signal. */
void sn_signaling_attach(sn_engine *engine);
void sn_signaling_detach(sn_engine *engine);

#endif
