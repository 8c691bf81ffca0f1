/* An engine for tests that counts: messages whose bytes turn to poison when they are released.
 *
 * What is released is not freed but kept, so that a stale read sees poison and a second
 * release is noticed, instead of either happening to go well.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
enum { POISON = 0xDD, MOST = 4096 };

typedef struct counted {
    SteamNetworkingMessage_t message;
    struct counted *next;
    atomic_int releases;
    int size;
    unsigned char bytes[];
} counted;

static sn_engine engine;
static sn_mutex mutex = SN_MUTEX_INIT;
static counted *waiting, *all;
static atomic_int made, released, released_twice;

/* --- receiving: messages are made to order --------------------------------------------------- */

static void release(SteamNetworkingMessage_t *message)
{
    counted *one = (counted *)message;
    if (atomic_fetch_add(&one->releases, 1) > 0)
        atomic_fetch_add(&released_twice, 1);
    else
        atomic_fetch_add(&released, 1);
    memset(one->bytes, POISON, (size_t)one->size);
}

static int receive(ISteamNetworkingSockets *self, HSteamNetConnection connection,
                   SteamNetworkingMessage_t **out, int limit)
{
    int count = 0;
    (void)self, (void)connection;
    sn_lock(&mutex);
    for (; waiting != NULL && count < limit; waiting = (counted *)(uintptr_t)waiting->message.m_nUserData)
        out[count++] = &waiting->message;
    sn_unlock(&mutex);
    return count;
}

static bool info(ISteamNetworkingSockets *self, HSteamNetConnection connection, SteamNetConnectionInfo_t *out)
{
    (void)self;
    memset(out, 0, sizeof *out);
    return connection != 0;
}

/* Queues a message of that size; its number seeds its bytes, none of which is the poison. */
EXPORT void hot_queue(int size, int number)
{
    counted *one = calloc(1, sizeof *one + (size_t)size), *last;
    one->size = size;
    for (int i = 0; i < size; i++)
        one->bytes[i] = (unsigned char)((number + i) & 0x7f);
    one->message.m_pData = one->bytes;
    one->message.m_cbSize = size;
    one->message.m_conn = 1;
    one->message.m_nMessageNumber = number;
    one->message.m_identityPeer.m_eType = k_ESteamNetworkingIdentityType_SteamID;
    one->message.m_identityPeer.m_cbSize = 8;
    one->message.m_identityPeer.m_steamID64 = 76561198000000001u + (uint64_t)(number % 1000);
    one->message.m_pfnRelease = release;
    atomic_fetch_add(&made, 1);
    sn_lock(&mutex);
    one->next = all;
    all = one;
    if (waiting == NULL) {
        waiting = one;
    } else {
        for (last = waiting; last->message.m_nUserData != 0;)
            last = (counted *)(uintptr_t)last->message.m_nUserData;
        last->message.m_nUserData = (int64_t)(uintptr_t)one;
    }
    sn_unlock(&mutex);
}

EXPORT int hot_made(void) { return atomic_load(&made); }
EXPORT int hot_released(void) { return atomic_load(&released); }
EXPORT int hot_released_twice(void) { return atomic_load(&released_twice); }
EXPORT int hot_references(void) { return atomic_load(&engine.references); }

/* --- sending: messages stay until the test lets them go -------------------------------------- */

static SteamNetworkingMessage_t *held[MOST];
static int held_count, calls, largest_call;
static HSteamNetConnection refused;

static void free_own(SteamNetworkingMessage_t *message) { free(message->m_pData); }

static void release_sent(SteamNetworkingMessage_t *message)
{
    if (message->m_pfnFreeData != NULL)
        message->m_pfnFreeData(message);
    free(message);
}

static SteamNetworkingMessage_t *allocate(ISteamNetworkingUtils *self, int size)
{
    SteamNetworkingMessage_t *message = calloc(1, sizeof *message);
    (void)self;
    message->m_nUserData = -1; /* Valve leaves it undefined: who sends must set it */
    message->m_pfnRelease = release_sent;
    if (size > 0) {
        message->m_pData = malloc((size_t)size);
        message->m_pfnFreeData = free_own;
    }
    message->m_cbSize = size;
    return message;
}

static void send_messages(ISteamNetworkingSockets *self, int count, SteamNetworkingMessage_t *const *messages,
                          int64_t *results, bool delete_failed)
{
    bool failed = false;
    (void)self, (void)delete_failed;
    calls++;
    largest_call = count > largest_call ? count : largest_call;
    for (int i = 0; i < count; i++) {
        bool refuse = messages[i]->m_conn == refused || messages[i]->m_nUserData != 0;
        results[i] = refuse ? failed ? 0 : -k_EResultLimitExceeded : held_count + 1;
        failed |= refuse;
        if (refuse || held_count == MOST)
            release_sent(messages[i]);
        else
            held[held_count++] = messages[i];
    }
}

static EResult send_one(ISteamNetworkingSockets *self, HSteamNetConnection connection, const void *data,
                        uint32_t size, int flags, int64_t *number)
{
    SteamNetworkingMessage_t *message = allocate(NULL, (int)size);
    if (size > 0)
        memcpy(message->m_pData, data, size);
    message->m_conn = connection;
    message->m_nFlags = flags;
    message->m_nUserData = 0;
    send_messages(self, 1, &message, number, true);
    return *number > 0 ? k_EResultOK : (EResult)-*number;
}

/* The connection that refuses everything; 0 for none. */
EXPORT void hot_refuse(uint32_t connection) { refused = connection; }
EXPORT int hot_held(void) { return held_count; }
EXPORT int hot_calls(void) { return calls; }
EXPORT int hot_largest_call(void) { return largest_call; }
EXPORT const void *hot_held_data(int i) { return held[i]->m_pData; }
EXPORT int hot_held_size(int i) { return held[i]->m_cbSize; }
EXPORT int hot_held_lane(int i) { return held[i]->m_idxLane; }
/* Lets go of one message, as an engine does once it has arrived; on any thread. */
EXPORT void hot_let_go(int i)
{
    release_sent(held[i]);
    held[i] = NULL;
}
EXPORT void hot_forget(void) { held_count = calls = largest_call = 0; }

/* --- life ------------------------------------------------------------------------------------- */

/* A fresh engine; release_after_stop is what tells Steam (false) from GNS (true). */
EXPORT sn_engine *hot_open(bool release_after_stop)
{
    static sn_backend backend;
    while (all != NULL) {
        counted *next = all->next;
        free(all);
        all = next;
    }
    waiting = NULL;
    atomic_store(&made, 0);
    atomic_store(&released, 0);
    atomic_store(&released_twice, 0);
    backend = (sn_backend){.name = "counted", .release_after_stop = release_after_stop};
    engine.backend = &backend;
    engine.flat.ISteamNetworkingSockets_ReceiveMessagesOnConnection = receive;
    engine.flat.ISteamNetworkingSockets_GetConnectionInfo = info;
    engine.flat.ISteamNetworkingSockets_SendMessages = send_messages;
    engine.flat.ISteamNetworkingSockets_SendMessageToConnection = send_one;
    engine.flat.ISteamNetworkingUtils_AllocateMessage = allocate;
    atomic_store(&engine.state, SN_OPEN);
    atomic_store(&engine.references, 1);
    return &engine;
}

EXPORT void hot_stop(void) { atomic_store(&engine.state, SN_STOPPED); }
