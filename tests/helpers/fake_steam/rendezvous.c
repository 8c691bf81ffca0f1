/* Carries P2P signals between processes of this machine: a local socket named by Steam ID each. */
#include "fake_steam.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "signaling.h"

static int here = -1;
static struct sockaddr_un own;

static struct sockaddr_un address_of(uint64_t steam_id)
{
    const char *folder = getenv("STEAMNET_FAKE_STEAM_RENDEZVOUS");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%llu", folder != NULL ? folder : "",
             (unsigned long long)steam_id);
    return address;
}

static void carry(const SteamNetworkingIdentity *peer, const void *bytes, int size)
{
    struct sockaddr_un address = address_of(peer->m_steamID64);
    /* Nobody there: the signal is lost, and the engine repeats what matters. */
    if (here >= 0 && peer->m_eType == k_ESteamNetworkingIdentityType_SteamID)
        sendto(here, bytes, (size_t)size, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address);
}

static bool send_signal(ISteamNetworkingConnectionSignaling *self, HSteamNetConnection connection,
                        const SteamNetConnectionInfo_t *info, const void *bytes, int size)
{
    (void)self, (void)connection;
    carry(&info->m_identityRemote, bytes, size);
    return true;
}

static void release(ISteamNetworkingConnectionSignaling *self) { (void)self; }

static const signaling_table the_signaling_table = {send_signal, release};
static ISteamNetworkingConnectionSignaling the_signaling = {&the_signaling_table};

/* Steam ignores a request to a virtual port without a listen socket. */
static ISteamNetworkingConnectionSignaling *on_connect_request(
    ISteamNetworkingSignalingRecvContext *self, HSteamNetConnection connection,
    const SteamNetworkingIdentity *peer, int local_virtual_port)
{
    SteamNetConnectionInfo_t info = {.m_hListenSocket = 0};
    (void)self, (void)peer, (void)local_virtual_port;
    gns.ISteamNetworkingSockets_GetConnectionInfo(gns_sockets, connection, &info);
    return info.m_hListenSocket != 0 ? &the_signaling : NULL;
}

static void send_rejection(ISteamNetworkingSignalingRecvContext *self,
                           const SteamNetworkingIdentity *peer, const void *bytes, int size)
{
    (void)self;
    carry(peer, bytes, size);
}

static const context_table the_context_table = {on_connect_request, send_rejection};
static ISteamNetworkingSignalingRecvContext the_context = {&the_context_table, NULL, NULL};

static ISteamNetworkingConnectionSignaling *create_signaling(ISteamNetworkingSockets *sockets,
                                                             const SteamNetworkingIdentity *peer,
                                                             int local_port, int remote_port)
{
    (void)sockets, (void)peer, (void)local_port, (void)remote_port;
    return &the_signaling;
}

static void set_creator(FnSteamNetworkingSocketsCreateConnectionSignaling creator)
{
    void *pointer;
    memcpy(&pointer, &creator, sizeof pointer);
    gns.ISteamNetworkingUtils_SetConfigValue(
        gns_utils, k_ESteamNetworkingConfig_Callback_CreateConnectionSignaling,
        k_ESteamNetworkingConfig_Global, 0, k_ESteamNetworkingConfig_Ptr, &pointer);
}

bool rendezvous_alive(uint64_t steam_id)
{
    struct sockaddr_un address = address_of(steam_id);
    int probe = socket(AF_UNIX, SOCK_DGRAM, 0);
    bool alive = connect(probe, (struct sockaddr *)&address, sizeof address) == 0;
    close(probe);
    return alive || (network_steam_id() == steam_id && here < 0);
}

bool rendezvous_taken(uint64_t steam_id) { return here < 0 && rendezvous_alive(steam_id); }

bool rendezvous_open(uint64_t steam_id, char *error)
{
    if (getenv("STEAMNET_FAKE_STEAM_RENDEZVOUS") == NULL)
        return true; /* alone in the world */
    own = address_of(steam_id);
    unlink(own.sun_path);
    here = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (here < 0 || bind(here, (struct sockaddr *)&own, sizeof own) != 0) {
        snprintf(error, 1024, "%s: %s", own.sun_path, strerror(errno));
        return false;
    }
    set_creator(create_signaling);
    return true;
}

void rendezvous_close(void)
{
    if (here >= 0) {
        set_creator(NULL);
        close(here);
        unlink(own.sun_path);
        here = -1;
    }
}

void rendezvous_pump(void)
{
    static char bytes[65536];
    ssize_t size;
    while (here >= 0 && (size = recv(here, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0)
        gns.ISteamNetworkingSockets_ReceivedP2PCustomSignal(gns_sockets, bytes, (int)size, &the_context);
}
