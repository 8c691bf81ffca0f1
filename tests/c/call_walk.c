/* Which functions one message of 5 bytes visits in the loopback engine: tools/call_walk.py. */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "loopback/registry.h"

enum { MOST = 1000, TRIES = 1000, SLOT = 1000000 / LO_SLOTS /* µs of a rate meter */ };
typedef struct walk {
    void *entered[MOST];
    int count;
} walk;
static walk sent, received, *recording;

#define PLAIN __attribute__((no_instrument_function))

PLAIN void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_enter(void *function, void *site)
{
    (void)site;
    if (recording != NULL && recording->count < MOST)
        recording->entered[recording->count++] = function;
}

PLAIN void __cyg_profile_func_exit(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site) { (void)function, (void)site; }

PLAIN static void report(const char *name, const walk *calls)
{
    printf("%s\n", name);
    for (int i = 0; i < calls->count; i++)
        printf("%p\n", calls->entered[i]);
}

int main(void)
{
    static char error[SN_ERROR_SIZE];
    sn_engine *engine = sn_load(SN_LOOPBACK, NULL, error);
    const sn_flat *flat = &engine->flat;
    HSteamNetConnection a, b;
    int64_t before = -1, begin = -1; /* the slots in which the last two messages began */
    if (sn_start(engine, NULL, error) != k_ESteamAPIInitResult_OK ||
        !flat->ISteamNetworkingSockets_CreateSocketPair(engine->sockets, &a, &b, true, NULL, NULL))
        return 1;
    /* A rate meter begins a new slot with the first message in it, which takes calls of its own: so the
     * walk is that of a message which is in one slot with the message before it, from begin to end. */
    for (int i = 0; i <= 10 || sn_now() / SLOT != before; i++) {
        SteamNetworkingMessage_t *message;
        int64_t number;
        int got;
        if (i == TRIES)
            return 1;
        before = begin;
        begin = sn_now() / SLOT;
        sent.count = received.count = 0;
        recording = &sent;
        flat->ISteamNetworkingSockets_SendMessageToConnection(
            engine->sockets, a, "hello", 5, k_nSteamNetworkingSend_ReliableNoNagle, &number);
        recording = NULL;
        sn_sleep(2000);
        recording = &received;
        got = flat->ISteamNetworkingSockets_ReceiveMessagesOnConnection(engine->sockets, b,
                                                                        &message, 1);
        recording = NULL;
        if (got != 1)
            return 1;
        message->m_pfnRelease(message);
    }
    report("send", &sent);
    report("receive", &received);
    sn_stop(engine);
    sn_release(engine);
    return 0;
}
