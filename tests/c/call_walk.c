/* Which functions one message of 5 bytes visits in the loopback engine: tools/call_walk.py. */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

enum { MOST = 1000 };
static void *entered[MOST];
static int count;
static bool recording;

#define PLAIN __attribute__((no_instrument_function))

PLAIN void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_enter(void *function, void *site)
{
    (void)site;
    if (recording && count < MOST)
        entered[count++] = function;
}

PLAIN void __cyg_profile_func_exit(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site) { (void)function, (void)site; }

PLAIN static void report(const char *name)
{
    recording = false;
    printf("%s\n", name);
    for (int i = 0; i < count; i++)
        printf("%p\n", entered[i]);
    count = 0;
}

int main(void)
{
    static char error[SN_ERROR_SIZE];
    sn_engine *engine = sn_load(SN_LOOPBACK, NULL, error);
    const sn_flat *flat = &engine->flat;
    HSteamNetConnection a, b;
    if (sn_start(engine, NULL, error) != k_ESteamAPIInitResult_OK ||
        !flat->ISteamNetworkingSockets_CreateSocketPair(engine->sockets, &a, &b, true, NULL, NULL))
        return 1;
    for (int i = 0; i < 10; i++) {
        bool last = i == 9;
        SteamNetworkingMessage_t *message;
        int64_t number;
        int got;
        recording = last;
        flat->ISteamNetworkingSockets_SendMessageToConnection(
            engine->sockets, a, "hello", 5, k_nSteamNetworkingSend_ReliableNoNagle, &number);
        if (last)
            report("send");
        sn_sleep(2000);
        recording = last;
        got = flat->ISteamNetworkingSockets_ReceiveMessagesOnConnection(engine->sockets, b,
                                                                        &message, 1);
        if (last)
            report("receive");
        if (got != 1)
            return 1;
        message->m_pfnRelease(message);
    }
    sn_stop(engine);
    sn_release(engine);
    return 0;
}
