/* Checks the loopback engine through the flat table, without Python: for sanitizers and speed.
 *
 * Each failed check is printed; the exit code is 0 only if there was none. With arguments the
 * program is one of its own other processes (see the checks between processes), or the
 * measurement: `loopback_check speed`.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "loopback/random.h"
#include "loopback/registry.h"

enum {
    NONE = k_ESteamNetworkingConnectionState_None,
    CONNECTING = k_ESteamNetworkingConnectionState_Connecting,
    FINDING_ROUTE = k_ESteamNetworkingConnectionState_FindingRoute,
    CONNECTED = k_ESteamNetworkingConnectionState_Connected,
    CLOSED_BY_PEER = k_ESteamNetworkingConnectionState_ClosedByPeer,
    PROBLEM = k_ESteamNetworkingConnectionState_ProblemDetectedLocally,
    RELIABLE = k_nSteamNetworkingSend_ReliableNoNagle,
    UNRELIABLE = k_nSteamNetworkingSend_UnreliableNoNagle,
};

static int checks, failures;
static const char *section;

#define CHECK(condition) check(condition, #condition, __LINE__)
static bool check(bool holds, const char *what, int line)
{
    checks++;
    if (!holds) {
        failures++;
        printf("FAILED %s, line %d: %s\n", section, line, what);
    }
    return holds;
}

/* --- a user -------------------------------------------------------------------------------- */

typedef struct user {
    sn_engine *engine;
    const sn_flat *flat;
    ISteamNetworkingSockets *sockets;
    ISteamNetworkingUtils *utils;
    ISteamNetworkingMessages *messages;
} user;

static SteamNetworkingIdentity identity_of(const char *text)
{
    SteamNetworkingIdentity identity;
    if (!sn_identity_parse(&identity, text))
        abort();
    return identity;
}

static user open_user(const char *name)
{
    static char error[SN_ERROR_SIZE];
    SteamNetworkingIdentity identity = identity_of(name);
    sn_options options = {.identity = &identity};
    user who = {.engine = sn_load(SN_LOOPBACK, NULL, error)};
    if (who.engine == NULL || sn_start(who.engine, &options, error) != k_ESteamAPIInitResult_OK) {
        printf("cannot start: %s\n", error);
        exit(2);
    }
    who.flat = &who.engine->flat;
    who.sockets = who.engine->sockets;
    who.utils = who.engine->utils;
    who.messages = who.engine->messages;
    return who;
}

static void close_user(user *who)
{
    sn_stop(who->engine);
    sn_release(who->engine);
}

#define S(who, name, ...) ((who).flat->ISteamNetworkingSockets_##name((who).sockets, __VA_ARGS__))
#define U(who, name, ...) ((who).flat->ISteamNetworkingUtils_##name((who).utils, __VA_ARGS__))
#define M(who, name, ...) ((who).flat->ISteamNetworkingMessages_##name((who).messages, __VA_ARGS__))

static bool next_event(user *who, sn_event *event)
{
    sn_pump(who->engine);
    return sn_next_event(who->engine, event);
}

/* Waits for an event; kind 0 if none came in time. */
static sn_event await_event(user *who, int milliseconds)
{
    sn_event event;
    int64_t end = sn_now() + milliseconds * 1000;
    while (!next_event(who, &event)) {
        if (sn_now() > end) {
            memset(&event, 0, sizeof event);
            break;
        }
        sn_sleep(200);
    }
    return event;
}

static bool await_state(user *who, HSteamNetConnection connection, int old_state, int state)
{
    sn_event event = await_event(who, 5000);
    bool right = event.connection == connection && event.old_state == old_state &&
                 event.info.m_eState == state;
    if (!right)
        printf("  event: connection %u (not %u), %d -> %d (not %d -> %d), %d %s\n",
               event.connection, connection, event.old_state, event.info.m_eState, old_state, state,
               event.info.m_eEndReason, event.info.m_szEndDebug);
    return right;
}

static int state_of(user *who, HSteamNetConnection connection)
{
    SteamNetConnectionInfo_t info;
    return S(*who, GetConnectionInfo, connection, &info) ? info.m_eState : -9;
}

static EResult send_text(user *who, HSteamNetConnection connection, const char *text, int flags)
{
    return S(*who, SendMessageToConnection, connection, text, (uint32_t)strlen(text), flags, NULL);
}

static EResult send_size(user *who, HSteamNetConnection connection, uint32_t size, int flags,
                         int64_t *number)
{
    EResult result;
    char *bytes = calloc(1, size + 1);
    result = S(*who, SendMessageToConnection, connection, bytes, size, flags, number);
    free(bytes);
    return result;
}

/* The next message within the time, NULL if there is none. */
static SteamNetworkingMessage_t *await_message(user *who, HSteamNetConnection connection,
                                               int milliseconds)
{
    SteamNetworkingMessage_t *message = NULL;
    int64_t end = sn_now() + milliseconds * 1000;
    while (S(*who, ReceiveMessagesOnConnection, connection, &message, 1) == 0 && sn_now() < end)
        sn_sleep(100);
    return message;
}

static bool await_text(user *who, HSteamNetConnection connection, const char *text)
{
    SteamNetworkingMessage_t *message = await_message(who, connection, 3000);
    bool right = message != NULL && message->m_cbSize == (int)strlen(text) &&
                 memcmp(message->m_pData, text, strlen(text)) == 0;
    if (message != NULL)
        message->m_pfnRelease(message);
    return right;
}

/* How many messages come: until there are as many as expected and no more, or time is up. */
static int drain(user *who, HSteamNetConnection connection, int expected, int milliseconds)
{
    SteamNetworkingMessage_t *batch[64];
    int64_t end = sn_now() + milliseconds * 1000;
    int total = 0, count;
    bool enough;
    do {
        enough = total >= expected;
        while ((count = S(*who, ReceiveMessagesOnConnection, connection, batch, 64)) > 0)
            for (int i = 0; i < count; i++, total++)
                batch[i]->m_pfnRelease(batch[i]);
        sn_sleep(enough ? 0 : 500);
    } while (!enough && sn_now() < end);
    return total;
}

static void forget_events(user *who)
{
    sn_event event;
    while (next_event(who, &event))
        ;
}

static void set_int(user *who, int key, int scope, intptr_t object, int32_t value)
{
    CHECK(U(*who, SetConfigValue, key, scope, object, k_ESteamNetworkingConfig_Int32, &value));
}

static void set_float(user *who, int key, float value)
{
    CHECK(U(*who, SetConfigValue, key, k_ESteamNetworkingConfig_Global, 0,
            k_ESteamNetworkingConfig_Float, &value));
}

/* Two users, connected: the host's end and the client's. */
typedef struct meeting {
    user host, client;
    HSteamListenSocket listen;
    HSteamNetConnection at_host, at_client;
} meeting;

static void connect_them(meeting *m)
{
    SteamNetworkingIdentity host;
    sn_event event;
    S(m->host, GetIdentity, &host);
    m->at_client = S(m->client, ConnectP2P, &host, 7, 0, NULL);
    event = await_event(&m->host, 5000);
    m->at_host = event.connection;
    CHECK(S(m->host, AcceptConnection, m->at_host) == k_EResultOK);
    for (int i = 0; i < 5000 && (state_of(&m->host, m->at_host) != CONNECTED ||
                                 state_of(&m->client, m->at_client) != CONNECTED);
         i++) {
        sn_pump(m->host.engine);
        sn_pump(m->client.engine);
        sn_sleep(200);
    }
    CHECK(state_of(&m->client, m->at_client) == CONNECTED);
    forget_events(&m->host);
    forget_events(&m->client);
}

static meeting meet(void)
{
    meeting m = {.host = open_user("str:host"), .client = open_user("str:client")};
    m.listen = S(m.host, CreateListenSocketP2P, 7, 0, NULL);
    CHECK(m.listen != 0);
    connect_them(&m);
    return m;
}

static void part(meeting *m)
{
    close_user(&m->client);
    close_user(&m->host);
}

/* --- life of a connection -------------------------------------------------------------------- */

static void check_states(void)
{
    user host = open_user("steamid:76561198000000001"), client = open_user("str:client");
    SteamNetworkingIdentity to = identity_of("steamid:76561198000000001");
    HSteamListenSocket listen = S(host, CreateListenSocketP2P, 3, 0, NULL);
    HSteamNetConnection at_host, at_client = S(client, ConnectP2P, &to, 3, 0, NULL);
    SteamNetConnectionInfo_t info;
    sn_event event;
    section = "states";
    CHECK(listen != 0 && at_client != 0);
    CHECK(S(host, CreateListenSocketP2P, 3, 0, NULL) == 0);
    CHECK(S(client, GetConnectionInfo, at_client, &info) && info.m_eState == CONNECTING);
    CHECK(info.m_identityRemote.m_steamID64 == 76561198000000001u && info.m_nUserData == -1);
    CHECK(await_state(&client, at_client, NONE, CONNECTING));
    event = await_event(&host, 1000);
    at_host = event.connection;
    CHECK(event.old_state == NONE && event.info.m_eState == CONNECTING);
    CHECK(event.info.m_hListenSocket == listen);
    CHECK(strcmp(event.info.m_identityRemote.m_szGenericString, "client") == 0);
    /* Whose handle it is matters. */
    CHECK(!S(client, GetConnectionInfo, at_host, &info));
    CHECK(send_text(&client, at_client, "early", RELIABLE) == k_EResultOK);
    CHECK(send_text(&client, at_client, "ignored", RELIABLE | k_nSteamNetworkingSend_NoDelay) ==
          k_EResultIgnored);
    sn_sleep(2000);
    CHECK(S(host, ReceiveMessagesOnConnection, at_host, NULL, 0) == 0);
    CHECK(S(client, AcceptConnection, at_client) == k_EResultInvalidParam);
    CHECK(S(host, AcceptConnection, at_host) == k_EResultOK);
    CHECK(S(host, AcceptConnection, at_host) == k_EResultInvalidState);
    CHECK(await_state(&client, at_client, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&client, at_client, FINDING_ROUTE, CONNECTED));
    CHECK(await_state(&host, at_host, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&host, at_host, FINDING_ROUTE, CONNECTED));
    CHECK(await_text(&host, at_host, "early"));
    CHECK(send_text(&host, at_host, "last words", RELIABLE) == k_EResultOK);
    sn_sleep(1000);
    CHECK(S(host, CloseConnection, at_host, 1234, "enough", false));
    CHECK(!S(host, CloseConnection, at_host, 1234, "enough", false));
    CHECK(S(host, ReceiveMessagesOnConnection, at_host, NULL, 0) == -1);
    CHECK(await_state(&host, at_host, CONNECTED, NONE));
    event = await_event(&client, 1000);
    CHECK(event.info.m_eState == CLOSED_BY_PEER && event.info.m_eEndReason == 1234);
    CHECK(strcmp(event.info.m_szEndDebug, "enough") == 0);
    CHECK(await_text(&client, at_client, "last words"));
    CHECK(send_text(&client, at_client, "too late", RELIABLE) == k_EResultNoConnection);
    CHECK(S(client, FlushMessagesOnConnection, at_client) == k_EResultNoConnection);
    CHECK(S(client, AcceptConnection, at_client) == k_EResultInvalidParam);
    CHECK(S(client, CloseConnection, at_client, 0, NULL, false));
    event = await_event(&client, 1000);
    CHECK(event.info.m_eState == NONE && event.info.m_eEndReason == 1234);
    close_user(&client);
    close_user(&host);
}

static void check_reject_and_cancel(void)
{
    user host = open_user("str:host"), client = open_user("str:client");
    SteamNetworkingIdentity to = identity_of("str:host");
    HSteamNetConnection at_host, at_client;
    sn_event event;
    section = "reject and cancel";
    CHECK(S(host, CreateListenSocketP2P, 0, 0, NULL) != 0);
    at_client = S(client, ConnectP2P, &to, 0, 0, NULL);
    at_host = await_event(&host, 1000).connection;
    CHECK(S(host, CloseConnection, at_host, 999, "no", false));
    CHECK(await_state(&client, at_client, NONE, CONNECTING));
    event = await_event(&client, 1000);
    CHECK(event.old_state == CONNECTING && event.info.m_eState == CLOSED_BY_PEER);
    CHECK(event.info.m_eEndReason == 1999 &&
          strcmp(event.info.m_szEndDebug, "Invalid numeric reason code") == 0);
    S(client, CloseConnection, at_client, 0, NULL, false);
    forget_events(&host);
    at_client = S(client, ConnectP2P, &to, 0, 0, NULL);
    at_host = await_event(&host, 1000).connection;
    CHECK(S(client, CloseConnection, at_client, 0, NULL, true));
    CHECK(await_state(&host, at_host, CONNECTING, CLOSED_BY_PEER));
    CHECK(S(host, AcceptConnection, at_host) == k_EResultInvalidState);
    CHECK(S(host, CloseConnection, at_host, 0, NULL, false));
    close_user(&host);
    close_user(&client);
}

static void check_own_identity(void)
{
    user self = open_user("str:self");
    SteamNetworkingIdentity to = identity_of("str:self");
    HSteamNetConnection outgoing, incoming;
    sn_event event;
    section = "own identity";
    CHECK(S(self, ConnectP2P, &to, 0, 0, NULL) == 0);
    CHECK(S(self, CreateListenSocketP2P, 0, 0, NULL) != 0);
    outgoing = S(self, ConnectP2P, &to, 0, 0, NULL);
    event = await_event(&self, 1000);
    incoming = event.connection;
    CHECK(incoming != outgoing && event.info.m_hListenSocket != 0);
    CHECK(await_state(&self, outgoing, NONE, CONNECTING));
    CHECK(S(self, AcceptConnection, incoming) == k_EResultOK);
    sn_sleep(1000);
    CHECK(send_text(&self, outgoing, "me", RELIABLE) == k_EResultOK);
    CHECK(await_text(&self, incoming, "me"));
    close_user(&self);
}

static void check_timeouts(void)
{
    user host = open_user("str:host"), client = open_user("str:client");
    SteamNetworkingIdentity to = identity_of("str:host"), nobody = identity_of("str:nobody");
    HSteamNetConnection lonely, ignored;
    sn_event event;
    section = "time-outs";
    set_int(&client, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 300);
    set_int(&host, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 250);
    CHECK(S(host, CreateListenSocketP2P, 0, 0, NULL) != 0);
    lonely = S(client, ConnectP2P, &nobody, 0, 0, NULL);
    ignored = S(client, ConnectP2P, &to, 0, 0, NULL);
    CHECK(await_state(&client, lonely, NONE, CONNECTING));
    CHECK(await_state(&client, ignored, NONE, CONNECTING));
    event = await_event(&client, 1000);
    CHECK(event.connection == lonely && event.info.m_eState == PROBLEM &&
          event.info.m_eEndReason == 5003);
    CHECK(strcmp(event.info.m_szEndDebug, "Timed out attempting to connect") == 0);
    CHECK(await_state(&client, ignored, CONNECTING, PROBLEM));
    (void)await_event(&host, 1000);
    event = await_event(&host, 1000);
    CHECK(event.info.m_eState == PROBLEM && event.info.m_eEndReason == 5003);
    CHECK(strncmp(event.info.m_szEndDebug, "App didn't accept", 17) == 0);
    close_user(&host);
    close_user(&client);
}

static void check_late_listener(void)
{
    user host = open_user("str:host"), client = open_user("str:client");
    SteamNetworkingIdentity to = identity_of("str:host");
    HSteamNetConnection at_client = S(client, ConnectP2P, &to, 4, 0, NULL);
    sn_event event;
    section = "late listener";
    sn_sleep(150000);
    sn_pump(client.engine);
    CHECK(S(host, CreateListenSocketP2P, 4, 0, NULL) != 0);
    event = await_event(&host, 1000);
    CHECK(S(host, AcceptConnection, event.connection) == k_EResultOK);
    sn_sleep(2000);
    sn_pump(client.engine);
    CHECK(state_of(&client, at_client) == CONNECTED);
    close_user(&client);
    event = await_event(&host, 1000); /* FindingRoute */
    event = await_event(&host, 1000); /* Connected */
    event = await_event(&host, 1000);
    CHECK(event.info.m_eState == PROBLEM &&
          strcmp(event.info.m_szEndDebug, "Connection dropped") == 0);
    close_user(&host);
}

static void check_bad_handles(void)
{
    user who = open_user("str:who");
    uint32_t bad[] = {0, 1, 0x12345678, 0, 0};
    SteamNetworkingMessage_t *message;
    int64_t number = 77;
    char text[8] = "keep";
    section = "bad handles";
    bad[3] = S(who, CreateListenSocketP2P, 1, 0, NULL);
    bad[4] = who.flat->ISteamNetworkingSockets_CreatePollGroup(who.sockets);
    for (int i = 0; i < 5; i++) {
        uint32_t h = bad[i];
        CHECK(S(who, AcceptConnection, h) == 8);
        CHECK(S(who, SendMessageToConnection, h, "x", 1, 8, &number) == 8 && number == 77);
        CHECK(S(who, FlushMessagesOnConnection, h) == 8);
        CHECK(S(who, GetConnectionRealTimeStatus, h, NULL, 0, NULL) == 3);
        CHECK(S(who, ConfigureConnectionLanes, h, 1, NULL, NULL) == 3);
        CHECK(!S(who, CloseConnection, h, 0, NULL, false));
        CHECK(!S(who, SetConnectionUserData, h, 1) && S(who, GetConnectionUserData, h) == -1);
        CHECK(!S(who, GetConnectionInfo, h, NULL) && !S(who, GetConnectionName, h, text, 8));
        CHECK(!S(who, SetConnectionPollGroup, h, 0));
        CHECK(S(who, ReceiveMessagesOnConnection, h, &message, 1) == -1);
        CHECK(S(who, GetDetailedConnectionStatus, h, text, 8) == -1);
        CHECK(U(who, GetConfigValue, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)h, NULL, NULL,
                NULL) == -2);
        S(who, SetConnectionName, h, "name");
        if (i < 3) {
            CHECK(!S(who, CloseListenSocket, h) && !S(who, DestroyPollGroup, h));
            CHECK(!S(who, GetListenSocketAddress, h, NULL));
            CHECK(S(who, ReceiveMessagesOnPollGroup, h, &message, 1) == -1);
        }
    }
    CHECK(strcmp(text, "keep") == 0);
    CHECK(S(who, ConnectP2P, NULL, 0, 0, NULL) == 0 &&
          S(who, ConnectByIPAddress, NULL, 0, NULL) == 0);
    CHECK(S(who, CreateListenSocketP2P, -1, 0, NULL) == 0 &&
          S(who, CreateListenSocketP2P, 65536, 0, NULL) == 0);
    CHECK(S(who, CreateListenSocketP2P, 9, 1, NULL) == 0 &&
          S(who, CreateListenSocketP2P, 9, -1, NULL) == 0);
    CHECK(!S(who, CreateSocketPair, NULL, NULL, false, NULL, NULL));
    S(who, SendMessages, 0, NULL, NULL, true);
    S(who, SendMessages, -3, NULL, NULL, true);
    close_user(&who);
}

/* --- messages -------------------------------------------------------------------------------- */

static int freed;
static void count_free(SteamNetworkingMessage_t *message)
{
    (void)message;
    freed++;
}

static void check_messages(void)
{
    meeting m = meet();
    SteamNetworkingMessage_t *message, *batch[8];
    int64_t results[8], number = 0;
    static char own[] = "my own bytes";
    section = "messages";
    CHECK(S(m.client, SetConnectionUserData, m.at_client, 5));
    CHECK(S(m.host, SetConnectionUserData, m.at_host, INT64_C(1) << 40));
    CHECK(S(m.client, SendMessageToConnection, m.at_client, NULL, 0, RELIABLE, &number) ==
              k_EResultOK &&
          number == 1);
    CHECK(S(m.client, SendMessageToConnection, m.at_client, NULL, 1, RELIABLE, &number) == 8 &&
          number == 1);
    CHECK(send_text(&m.client, m.at_client, "hello", UNRELIABLE) == k_EResultOK);
    message = await_message(&m.host, m.at_host, 1000);
    if (CHECK(message != NULL)) {
        CHECK(message->m_cbSize == 0 && message->m_nMessageNumber == 1 && message->m_nFlags == 8);
        CHECK(message->m_conn == m.at_host && message->m_nChannel == -1 && message->m_idxLane == 0);
        CHECK(message->m_nConnUserData == INT64_C(1) << 40 && message->m_usecTimeReceived > 0);
        CHECK(strcmp(message->m_identityPeer.m_szGenericString, "client") == 0);
        message->m_pfnRelease(message);
    }
    message = await_message(&m.host, m.at_host, 1000);
    if (CHECK(message != NULL)) {
        CHECK(message->m_nFlags == 0 && message->m_nMessageNumber == 2);
        message->m_conn = m.at_host; /* and back with it */
        S(m.host, SendMessages, 1, &message, results, true);
        CHECK(results[0] == 1);
        CHECK(await_text(&m.client, m.at_client, "hello"));
    }
    /* A batch as in the notes: after a failure the rest of that connection is not tried. */
    for (int i = 0; i < 8; i++) {
        batch[i] = U(m.client, AllocateMessage, 4);
        CHECK(batch[i] != NULL && batch[i]->m_pData != NULL && batch[i]->m_nChannel == -1);
        memcpy(batch[i]->m_pData, "abcd", 4);
        batch[i]->m_conn = m.at_client;
        batch[i]->m_nFlags = RELIABLE;
    }
    batch[1]->m_conn = batch[3]->m_conn = 99;
    batch[4]->m_idxLane = 1;
    batch[6]->m_conn = batch[7]->m_conn = 0;
    S(m.client, SendMessages, 8, batch, results, true);
    CHECK(results[0] == 3 && results[1] == -8 && results[2] == 4 && results[3] == 0);
    CHECK(results[4] == -8 && results[5] == 0 && results[6] == -8 && results[7] == -8);
    CHECK(drain(&m.host, m.at_host, 2, 5000) == 2);
    /* Twice the same message, nothing, and bytes of the application's own. */
    batch[0] = batch[1] = U(m.client, AllocateMessage, 0);
    CHECK(batch[0]->m_pData == NULL && U(m.client, AllocateMessage, -1) == NULL);
    batch[0]->m_pData = own;
    batch[0]->m_cbSize = sizeof own;
    batch[0]->m_pfnFreeData = count_free;
    batch[0]->m_conn = m.at_client;
    batch[0]->m_nFlags = RELIABLE;
    batch[2] = NULL;
    S(m.client, SendMessages, 3, batch, results, true);
    CHECK(results[0] > 0 && results[1] == -8 && results[2] == -8);
    message = await_message(&m.host, m.at_host, 1000);
    CHECK(message != NULL && message->m_pData == own && freed == 0);
    if (message != NULL)
        message->m_pfnRelease(message);
    CHECK(freed == 1);
    /* Kept by the caller when it fails. */
    batch[0] = U(m.client, AllocateMessage, 1);
    batch[1] = U(m.client, AllocateMessage, 1);
    batch[0]->m_conn = m.at_client;
    batch[1]->m_conn = 1;
    message = batch[1];
    S(m.client, SendMessages, 2, batch, results, false);
    CHECK(results[0] > 0 && results[1] == -8 && batch[0] == NULL && batch[1] == message);
    message->m_pfnRelease(message);
    /* A message outlives everything. */
    CHECK(send_text(&m.client, m.at_client, "kept", RELIABLE) == k_EResultOK);
    sn_sleep(1000);
    drain(&m.host, m.at_host, 1, 5000);
    CHECK(send_text(&m.client, m.at_client, "kept", RELIABLE) == k_EResultOK);
    message = await_message(&m.host, m.at_host, 1000);
    part(&m);
    CHECK(message != NULL && memcmp(message->m_pData, "kept", 4) == 0);
    if (message != NULL)
        message->m_pfnRelease(message);
}

/* Sends until no more is taken; how many were. */
static int fill(user *who, HSteamNetConnection connection, uint32_t size)
{
    int sent = 0;
    for (int i = 0; i < 100; i++) {
        while (send_size(who, connection, size, RELIABLE, NULL) == k_EResultOK)
            sent++;
        sn_sleep(1000);
        sn_pump(who->engine);
    }
    return sent;
}

static void check_limits(void)
{
    meeting m = meet();
    int64_t number;
    SteamNetConnectionRealTimeStatus_t status;
    int sent;
    section = "limits";
    CHECK(send_size(&m.client, m.at_client, 524289, RELIABLE, &number) == k_EResultInvalidParam);
    CHECK(send_size(&m.client, m.at_client, 524288, RELIABLE, &number) == k_EResultOK &&
          number == 1);
    CHECK(send_size(&m.client, m.at_client, 1, RELIABLE, &number) == k_EResultLimitExceeded &&
          number == -1);
    CHECK(S(m.client, GetConnectionRealTimeStatus, m.at_client, &status, 0, NULL) == k_EResultOK);
    CHECK(status.m_cbPendingReliable == 524288 && status.m_usecQueueTime > 10000);
    CHECK(status.m_nSendRateBytesPerSecond == 33554432);
    CHECK(drain(&m.host, m.at_host, 1, 5000) == 1);
    CHECK(send_size(&m.client, m.at_client, 1, RELIABLE, &number) == k_EResultOK && number == 2);
    CHECK(drain(&m.host, m.at_host, 1, 5000) == 1);
    /* Large and unreliable is reliable. */
    CHECK(send_size(&m.client, m.at_client, 16501, UNRELIABLE, NULL) == k_EResultOK);
    SteamNetworkingMessage_t *message = await_message(&m.host, m.at_host, 1000);
    CHECK(message != NULL && message->m_nFlags == 8);
    if (message != NULL)
        message->m_pfnRelease(message);
    /* A peer that never reads makes the sender stop, and loses nothing once it does. */
    sent = fill(&m.client, m.at_client, 50000);
    CHECK(sent > 20 && sent < 60);
    CHECK(drain(&m.host, m.at_host, sent, 5000) == sent);
    /* More small messages than the queue takes: the unreliable ones are lost, the reliable wait. */
    for (int i = 0; i < 2000; i++)
        CHECK(send_size(&m.client, m.at_client, 10, i % 2 ? RELIABLE : UNRELIABLE, NULL) ==
              k_EResultOK);
    sn_sleep(20000);
    sn_pump(m.host.engine);
    CHECK(drain(&m.host, m.at_host, 1500, 5000) == 1500);
    /* The receiver's limit ends the connection on both sides. */
    set_int(&m.host, k_ESteamNetworkingConfig_RecvMaxMessageSize, 4, (intptr_t)m.at_host, 100);
    CHECK(send_size(&m.client, m.at_client, 101, RELIABLE, NULL) == k_EResultOK);
    CHECK(await_state(&m.host, m.at_host, CONNECTED, PROBLEM));
    CHECK(await_state(&m.client, m.at_client, CONNECTED, CLOSED_BY_PEER));
    part(&m);
}

static void check_close_and_linger(void)
{
    meeting m = meet();
    sn_event event;
    section = "close and linger";
    set_int(&m.client, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 262144);
    for (int i = 0; i < 200; i++)
        send_size(&m.client, m.at_client, 1000, RELIABLE, NULL);
    S(m.client, FlushMessagesOnConnection, m.at_client);
    CHECK(S(m.client, CloseConnection, m.at_client, 0, NULL, false));
    CHECK(drain(&m.host, m.at_host, 200, 30) < 100);
    CHECK(await_state(&m.host, m.at_host, CONNECTED, CLOSED_BY_PEER));
    connect_them(&m);
    for (int i = 0; i < 200; i++)
        send_size(&m.client, m.at_client, 1000, RELIABLE, NULL);
    CHECK(S(m.client, CloseConnection, m.at_client, 2001, "", true));
    CHECK(send_text(&m.client, m.at_client, "x", RELIABLE) == k_EResultInvalidParam);
    CHECK(await_state(&m.client, m.at_client, CONNECTED, NONE));
    CHECK(drain(&m.host, m.at_host, 200, 10000) == 200);
    event = await_event(&m.host, 1000);
    CHECK(event.info.m_eState == CLOSED_BY_PEER && event.info.m_eEndReason == 2001);
    CHECK(strstr(event.info.m_szEndDebug, "unusual") != NULL);
    part(&m);
}

static bool await_goodbye(user *who, int reason, int milliseconds)
{
    sn_event event = await_event(who, milliseconds);
    return event.info.m_eState == CLOSED_BY_PEER && event.info.m_eEndReason == reason;
}

/* Without linger the peer hears of it at once, whatever is still under way or has no room. */
static void check_hasty_goodbye(void)
{
    meeting m = meet();
    int sent, got;
    section = "a hasty goodbye";
    set_int(&m.client, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 10000);
    CHECK(send_size(&m.client, m.at_client, 100000, RELIABLE, NULL) == k_EResultOK);
    sn_sleep(1000);
    sn_pump(m.client.engine);
    CHECK(S(m.client, CloseConnection, m.at_client, 1001, "in haste", false));
    CHECK(await_goodbye(&m.host, 1001, 100) && drain(&m.host, m.at_host, 1, 20) == 0);
    set_int(&m.client, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 33554432);
    /* What had reached the queue can be read, what had no room there is lost. */
    connect_them(&m);
    sent = fill(&m.client, m.at_client, 4096);
    CHECK(S(m.client, CloseConnection, m.at_client, 1002, "too slow", false));
    CHECK(await_goodbye(&m.host, 1002, 100));
    got = drain(&m.host, m.at_host, sent, 20);
    CHECK(got == 1048576 / (4096 + LO_OVERHEAD) && got < sent);
    /* With linger it comes after all that, however long nobody reads. */
    set_int(&m.host, k_ESteamNetworkingConfig_TimeoutConnected, 1, 0, 50);
    set_int(&m.host, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    connect_them(&m);
    for (int i = 0; i < 4; i++)
        CHECK(send_size(&m.client, m.at_client, 10, RELIABLE, NULL) == k_EResultOK);
    CHECK(S(m.client, CloseConnection, m.at_client, 1003, "all said", true));
    sn_sleep(10000);
    CHECK(!await_goodbye(&m.host, 1003, 200) && state_of(&m.host, m.at_host) == CONNECTED);
    CHECK(drain(&m.host, m.at_host, 4, 1000) == 4 && await_goodbye(&m.host, 1003, 100));
    part(&m);
}

static void check_poll_groups(void)
{
    meeting m = meet();
    user second = open_user("str:second");
    SteamNetworkingIdentity host = identity_of("str:host");
    SteamNetworkingMessage_t *batch[16];
    HSteamNetConnection at_second = S(second, ConnectP2P, &host, 7, 0, NULL), at_host2;
    HSteamNetPollGroup group = m.host.flat->ISteamNetworkingSockets_CreatePollGroup(m.host.sockets),
                       other = m.host.flat->ISteamNetworkingSockets_CreatePollGroup(m.host.sockets);
    section = "poll groups";
    at_host2 = await_event(&m.host, 1000).connection;
    S(m.host, AcceptConnection, at_host2);
    sn_sleep(2000);
    CHECK(group != 0 && S(m.host, SetConnectionPollGroup, m.at_host, group));
    CHECK(S(m.host, SetConnectionPollGroup, at_host2, group) &&
          S(m.host, SetConnectionPollGroup, at_host2, group));
    CHECK(!S(m.host, SetConnectionPollGroup, at_host2, 12345));
    for (int i = 0; i < 6; i++) {
        char text[2] = {(char)('0' + i), 0};
        CHECK(send_text(i % 2 ? &second : &m.client, i % 2 ? at_second : m.at_client, text,
                        RELIABLE) == k_EResultOK);
        sn_sleep(1000);
    }
    CHECK(S(m.host, ReceiveMessagesOnPollGroup, group, NULL, 3) == 0);
    CHECK(S(m.host, ReceiveMessagesOnPollGroup, group, batch, 2) == 2);
    CHECK(*(char *)batch[0]->m_pData == '0' && *(char *)batch[1]->m_pData == '1');
    CHECK(batch[0]->m_conn == m.at_host && batch[1]->m_conn == at_host2);
    batch[0]->m_pfnRelease(batch[0]);
    batch[1]->m_pfnRelease(batch[1]);
    CHECK(S(m.host, SetConnectionPollGroup, at_host2, other));
    CHECK(await_text(&m.host, m.at_host, "2"));
    CHECK(S(m.host, ReceiveMessagesOnPollGroup, other, batch, 16) == 2);
    batch[0]->m_pfnRelease(batch[0]);
    batch[1]->m_pfnRelease(batch[1]);
    CHECK(S(m.host, DestroyPollGroup, group));
    CHECK(S(m.host, ReceiveMessagesOnPollGroup, group, batch, 16) == -1);
    CHECK(await_text(&m.host, m.at_host, "4"));
    /* A closed connection's messages leave the group; a peer-closed one's stay. */
    CHECK(send_text(&second, at_second, "stays", RELIABLE) == k_EResultOK);
    sn_sleep(1000);
    CHECK(S(second, CloseConnection, at_second, 0, NULL, false));
    sn_sleep(1000);
    sn_pump(m.host.engine);
    CHECK(state_of(&m.host, at_host2) == CLOSED_BY_PEER);
    CHECK(S(m.host, CloseConnection, at_host2, 0, NULL, false));
    CHECK(S(m.host, ReceiveMessagesOnPollGroup, other, batch, 16) == 0);
    close_user(&second);
    part(&m);
}

static void check_lanes(void)
{
    meeting m = meet();
    int priorities[] = {1, 0, 1};
    uint16_t weights[] = {1, 1, 3}, none[] = {1, 0};
    SteamNetworkingMessage_t *batch[100];
    int64_t results[99];
    SteamNetConnectionRealTimeLaneStatus_t lanes[3];
    int count = 0, third = 0;
    section = "lanes";
    CHECK(S(m.client, ConfigureConnectionLanes, m.at_client, 0, NULL, NULL) == 8);
    CHECK(S(m.client, ConfigureConnectionLanes, m.at_client, 256, NULL, NULL) == 8);
    CHECK(S(m.client, ConfigureConnectionLanes, m.at_client, 2, NULL, none) == 8);
    CHECK(S(m.client, ConfigureConnectionLanes, m.at_client, 3, priorities, weights) == 1);
    CHECK(S(m.client, ConfigureConnectionLanes, m.at_client, 2, NULL, NULL) == 8);
    set_int(&m.client, k_ESteamNetworkingConfig_SendRateMax, 4, (intptr_t)m.at_client, 1000000);
    CHECK(S(m.client, GetConnectionRealTimeStatus, m.at_client, NULL, 4, lanes) == 8);
    for (int i = 0; i < 99; i++) {
        batch[i] = U(m.client, AllocateMessage, 1000);
        batch[i]->m_conn = m.at_client;
        batch[i]->m_nFlags = RELIABLE;
        batch[i]->m_idxLane = (uint16_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? 2 : 1);
    }
    /* In one call: the first leave within moments, whether or not the rest have been sent. */
    S(m.client, SendMessages, 99, batch, results, true);
    CHECK(S(m.client, GetConnectionRealTimeStatus, m.at_client, NULL, 3, lanes) == 1);
    for (int i = 0; i < 99; i++)
        CHECK(results[i] == i / 3 + 1);
    CHECK(lanes[0].m_cbPendingReliable == 33000);
    /* The second lane waits for itself, the third for a third of the first as well, the first for
     * all: a millisecond for each message, and they leave within moments from now. */
    CHECK(lanes[1].m_usecQueueTime > 30000 && lanes[1].m_usecQueueTime <= 33500);
    CHECK(lanes[2].m_usecQueueTime - lanes[1].m_usecQueueTime == 44000);
    CHECK(lanes[0].m_usecQueueTime - lanes[1].m_usecQueueTime == 66000);
    for (int64_t end = sn_now() + 2000000; count < 99 && sn_now() < end;) {
        int got = S(m.host, ReceiveMessagesOnConnection, m.at_host, batch + count, 99 - count);
        count += got;
        sn_sleep(1000);
    }
    CHECK(count == 99);
    for (int i = 0; i < count; i++) {
        if (i < 33)
            CHECK(batch[i]->m_idxLane == 1 && batch[i]->m_nMessageNumber == i + 1);
        else if (i < 33 + 40)
            third += batch[i]->m_idxLane == 2;
        batch[i]->m_pfnRelease(batch[i]);
    }
    CHECK(third >= 28 && third <= 32); /* three to one */
    part(&m);
}

/* --- the simulated network ------------------------------------------------------------------- */

/* Which of 300 unreliable messages arrive, one bit each. */
static int losses(uint64_t seed, unsigned char bits[300])
{
    meeting m = meet();
    int arrived = 0;
    memset(bits, 0, 300);
    sn_loopback_seed(m.client.engine, seed);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 20);
    for (int i = 0; i < 300; i++)
        send_size(&m.client, m.at_client, 10, UNRELIABLE, NULL);
    for (SteamNetworkingMessage_t *message;
         (message = await_message(&m.host, m.at_host, 20)) != NULL; arrived++) {
        bits[message->m_nMessageNumber - 1] = 1;
        message->m_pfnRelease(message);
    }
    part(&m);
    return arrived;
}

static void check_simulation(void)
{
    unsigned char first[300], again[300], other[300];
    meeting m;
    int64_t start, last = 0;
    int disorder = 0, count = 0;
    SteamNetConnectionRealTimeStatus_t status;
    section = "simulation";
    count = losses(1, first);
    CHECK(count > 200 && count < 280);
    CHECK(losses(1, again) == count && memcmp(first, again, 300) == 0);
    losses(2, other);
    CHECK(memcmp(first, other, 300) != 0);
    m = meet();
    /* All that is reliable arrives once and in order, whatever the weather. */
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 20);
    set_float(&m.host, k_ESteamNetworkingConfig_FakePacketLoss_Recv, 20);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketReorder_Send, 30);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketDup_Send, 30);
    set_float(&m.host, k_ESteamNetworkingConfig_FakePacketJitter_Recv_Avg, 3);
    for (int i = 0; i < 300; i++)
        send_size(&m.client, m.at_client, 10, RELIABLE, NULL);
    for (int i = 1; i <= 300; i++) {
        SteamNetworkingMessage_t *message = await_message(&m.host, m.at_host, 2000);
        if (!CHECK(message != NULL && message->m_nMessageNumber == i))
            break;
        message->m_pfnRelease(message);
    }
    CHECK(drain(&m.host, m.at_host, 1, 50) == 0);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 0);
    set_float(&m.host, k_ESteamNetworkingConfig_FakePacketLoss_Recv, 0);
    for (int i = 0; i < 300; i++)
        send_size(&m.client, m.at_client, 10, UNRELIABLE, NULL);
    count = 0;
    for (SteamNetworkingMessage_t *message;
         (message = await_message(&m.host, m.at_host, 40)) != NULL; count++) {
        disorder += message->m_nMessageNumber < last;
        last = message->m_nMessageNumber;
        message->m_pfnRelease(message);
    }
    CHECK(count == 300 && disorder > 10);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketReorder_Send, 0);
    set_float(&m.host, k_ESteamNetworkingConfig_FakePacketJitter_Recv_Avg, 0);
    set_int(&m.client, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 30);
    set_int(&m.host, k_ESteamNetworkingConfig_FakePacketLag_Recv, 1, 0, 20);
    start = sn_now();
    send_text(&m.client, m.at_client, "slow", RELIABLE);
    CHECK(await_text(&m.host, m.at_host, "slow"));
    CHECK(sn_now() - start >= 50000);
    S(m.host, GetConnectionRealTimeStatus, m.at_host, &status, 0, NULL);
    CHECK(status.m_nPing == 50 && status.m_flConnectionQualityLocal == 1.0f);
    /* Nothing gets through: both sides notice. */
    set_int(&m.client, k_ESteamNetworkingConfig_TimeoutConnected, 1, 0, 200);
    set_int(&m.host, k_ESteamNetworkingConfig_TimeoutConnected, 1, 0, 250);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 100);
    send_text(&m.client, m.at_client, "lost", RELIABLE);
    sn_sleep(100000);
    CHECK(state_of(&m.client, m.at_client) == CONNECTED);
    CHECK(await_state(&m.client, m.at_client, CONNECTED, PROBLEM));
    CHECK(await_state(&m.host, m.at_host, CONNECTED, PROBLEM));
    part(&m);
}

static void check_blackout_passes(void)
{
    meeting m = meet();
    section = "a blackout passes";
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 100);
    for (int i = 0; i < 20; i++) {
        send_size(&m.client, m.at_client, 10, RELIABLE, NULL);
        sn_sleep(5000);
    }
    CHECK(drain(&m.host, m.at_host, 1, 50) == 0);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 0);
    for (int i = 1; i <= 20; i++) {
        SteamNetworkingMessage_t *message = await_message(&m.host, m.at_host, 1000);
        CHECK(message != NULL && message->m_nMessageNumber == i);
        if (message != NULL)
            message->m_pfnRelease(message);
    }
    part(&m);
}

/* --- config ---------------------------------------------------------------------------------- */

static int32_t get_int(user *who, int key, int scope, intptr_t object, int *result)
{
    int32_t value = -12345;
    size_t size = sizeof value;
    *result = U(*who, GetConfigValue, key, scope, object, NULL, &value, &size);
    return value;
}

static void check_config(void)
{
    user who = open_user("str:who"), other = open_user("str:other");
    HSteamNetConnection a, b;
    int result, count = 0, type;
    float real = 888.5f;
    int64_t long_value = 42;
    char text[16];
    size_t size = 2;
    int key = 0;
    section = "config";
    CHECK(S(who, CreateSocketPair, &a, &b, true, NULL, NULL));
    CHECK(get_int(&who, k_ESteamNetworkingConfig_SendBufferSize, 1, 0, &result) == 524288 &&
          result == 1);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_SendBufferSize, 4, (intptr_t)a, &result) ==
              524288 &&
          result == 2);
    set_int(&who, k_ESteamNetworkingConfig_SendBufferSize, 1, 0, -1);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_SendBufferSize, 4, (intptr_t)a, &result) == 4096 &&
          result == 2);
    CHECK(get_int(&other, k_ESteamNetworkingConfig_SendBufferSize, 1, 0, &result) == 524288);
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, 3, &real));
    CHECK(get_int(&who, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, &result) == 889 &&
          result == 1);
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, 4, "999"));
    CHECK(get_int(&who, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, &result) == 999);
    CHECK(!U(who, SetConfigValue, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, 4, "abc"));
    CHECK(!U(who, SetConfigValue, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, 5, &key));
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, 1, NULL));
    CHECK(get_int(&who, k_ESteamNetworkingConfig_NagleTime, 4, (intptr_t)a, &result) == 5000 &&
          result == 2);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_NagleTime, 2, sn_sockets_object(who.engine),
                  &result) == 5000);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_NagleTime, 2, 0, &result) == -12345 &&
          result == -2);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_FakePacketLag_Send, 4, (intptr_t)a, &result) ==
              -12345 &&
          result == -2);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_ECN, 1, 0, &result) == -12345 && result == -1);
    CHECK(get_int(&who, k_ESteamNetworkingConfig_MTU_DataSize, 1, 0, &result) == 1200 &&
          result == 1);
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_P2P_STUN_ServerList, 1, 0, 4, "a"));
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_P2P_STUN_ServerList, 1, 0, 4,
            "longer than that"));
    CHECK(U(who, GetConfigValue, k_ESteamNetworkingConfig_P2P_STUN_ServerList, 4, (intptr_t)a,
            &type, text, &size) == -3);
    CHECK(size == 17 && type == k_ESteamNetworkingConfig_String);
    key = 7;
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_P2P_STUN_ServerList, 4, (intptr_t)a, 1,
            &key));
    size = sizeof text;
    CHECK(U(who, GetConfigValue, k_ESteamNetworkingConfig_P2P_STUN_ServerList, 4, (intptr_t)a, NULL,
            text, &size) == 1);
    CHECK(strcmp(text, "7") == 0);
    real = 150;
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_FakePacketLoss_Send, 1, 0, 3, &real));
    size = sizeof real;
    CHECK(U(who, GetConfigValue, k_ESteamNetworkingConfig_FakePacketLoss_Send, 1, 0, NULL, &real,
            &size) == 1 &&
          real == 100.0f);
    CHECK(U(who, SetConfigValue, k_ESteamNetworkingConfig_ConnectionUserData, 4, (intptr_t)a, 2,
            &long_value));
    CHECK(S(who, GetConnectionUserData, a) == 42 && S(who, GetConnectionUserData, b) == -1);
    for (key = 0; (key = U(who, IterateGenericEditableConfigValues, key, false)) != 0; count++)
        CHECK(U(who, GetConfigValueInfo, key, NULL, NULL) != NULL);
    CHECK(count == 47);
    CHECK(U(who, GetConfigValueInfo, k_ESteamNetworkingConfig_MTU_DataSize, NULL, NULL) == NULL);
    close_user(&other);
    close_user(&who);
}

static void check_status(void)
{
    meeting m = meet();
    char text[4000], name[8];
    SteamNetConnectionInfo_t info;
    SteamNetAuthenticationStatus_t authentication;
    int needed = S(m.host, GetDetailedConnectionStatus, m.at_host, NULL, 0);
    section = "status";
    CHECK(needed > 100 &&
          S(m.host, GetDetailedConnectionStatus, m.at_host, text, needed - 1) == needed);
    CHECK(S(m.host, GetDetailedConnectionStatus, m.at_host, text, needed + 8) == 0);
    CHECK(strncmp(text, "End-to-end connection: connected\n", 33) == 0);
    S(m.host, SetConnectionName, m.at_host, "a name that is far too long to be kept whole");
    CHECK(S(m.host, GetConnectionName, m.at_host, name, sizeof name) &&
          strcmp(name, "a name ") == 0);
    CHECK(S(m.host, GetConnectionName, m.at_host, NULL, 0));
    CHECK(S(m.host, GetConnectionInfo, m.at_host, &info));
    CHECK(strstr(info.m_szConnectionDescription,
                 "P2P loopback str:client vport 7 'a name that is far too long to '") != NULL);
    CHECK(S(m.host, GetAuthenticationStatus, &authentication) ==
          k_ESteamNetworkingAvailability_CannotTry);
    CHECK(authentication.m_debugMsg[0] != '\0');
    part(&m);
}

/* What was on its way when the peer closed is not counted afterwards. */
static void check_status_afterwards(void)
{
    meeting m = meet();
    SteamNetConnectionRealTimeStatus_t status;
    section = "status afterwards";
    set_int(&m.client, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 50);
    CHECK(send_size(&m.client, m.at_client, 1000, RELIABLE, NULL) == k_EResultOK);
    sn_sleep(2000);
    sn_pump(m.client.engine);
    S(m.host, CloseConnection, m.at_host, 0, NULL, false);
    sn_sleep(100000);
    CHECK(S(m.client, GetConnectionRealTimeStatus, m.at_client, &status, 0, NULL) == k_EResultOK);
    CHECK(status.m_eState == CLOSED_BY_PEER && status.m_cbPendingReliable == 0 &&
          status.m_cbPendingUnreliable == 0 && status.m_cbSentUnackedReliable == 0);
    part(&m);
}

/* Two bursts a second are two bursts a second, whenever one asks. */
static void check_rates(void)
{
    meeting m = meet();
    SteamNetConnectionRealTimeStatus_t out, in;
    int64_t start = sn_now() / 62500 * 62500 + 72500, next = start; /* inside one of its slots */
    int right = 0, over = 0, asked = 0;
    section = "rates";
    while (sn_now() < start + 1950000) {
        sn_sleep(5000);
        for (int i = 0; sn_now() >= next; next += i++ == 9 ? 500000 : 0)
            send_size(&m.client, m.at_client, 3800, RELIABLE, NULL);
        S(m.client, GetConnectionRealTimeStatus, m.at_client, &out, 0, NULL);
        S(m.host, GetConnectionRealTimeStatus, m.at_host, &in, 0, NULL);
        over += out.m_flOutBytesPerSec > 76001 || in.m_flInBytesPerSec > 76001;
        if (sn_now() < start + 1100000)
            continue;
        asked++;
        right += out.m_flOutBytesPerSec > 75999 && in.m_flInBytesPerSec > 75999 &&
                 out.m_flOutPacketsPerSec > 79.9f && in.m_flInPacketsPerSec < 80.1f;
    }
    CHECK(over <= asked / 4 && right >= asked * 3 / 4);
    CHECK(drain(&m.host, m.at_host, 40, 100) == 40);
    part(&m);
}

/* --- IP, symmetric connections, sessions ------------------------------------------------------ */

static void check_ip(void)
{
    user host = open_user("str:host"), client = open_user("str:client");
    SteamNetworkingIPAddr any, local, remote_conditions;
    HSteamNetConnection at_host, at_client;
    HSteamListenSocket listen;
    SteamNetConnectionInfo_t info;
    sn_event event;
    section = "IP";
    sn_address_parse(&any, "[::]:27015");
    sn_address_parse(&local, "127.0.0.1:27015");
    sn_address_parse(&remote_conditions, "8.8.8.8:27015");
    CHECK(S(host, CreateListenSocketIP, &remote_conditions, 0, NULL) == 0);
    listen = S(host, CreateListenSocketIP, &any, 0, NULL);
    CHECK(listen != 0 && S(client, CreateListenSocketIP, &local, 0, NULL) == 0);
    CHECK(S(host, GetListenSocketAddress, listen, &remote_conditions) && memcmp(&remote_conditions, &any, sizeof any) == 0);
    CHECK(S(host, GetListenSocketAddress, listen, NULL));
    at_client = S(client, ConnectByIPAddress, &local, 0, NULL);
    CHECK(S(client, GetConnectionInfo, at_client, &info) && info.m_identityRemote.m_eType == 0 &&
          info.m_nFlags == 11);
    event = await_event(&host, 2000);
    at_host = event.connection;
    CHECK(event.info.m_identityRemote.m_eType == k_ESteamNetworkingIdentityType_GenericString);
    CHECK(S(host, AcceptConnection, at_host) == k_EResultOK &&
          state_of(&host, at_host) == CONNECTED);
    CHECK(await_state(&client, at_client, NONE, CONNECTING));
    CHECK(await_state(&client, at_client, CONNECTING, CONNECTED));
    CHECK(S(client, GetConnectionInfo, at_client, &info) &&
          strcmp(info.m_identityRemote.m_szGenericString, "host") == 0);
    CHECK(strcmp(info.m_szConnectionDescription, "#1 UDP loopback str:host@127.0.0.1:27015") == 0);
    CHECK(send_text(&host, at_host, "over IP", RELIABLE) == k_EResultOK);
    CHECK(await_text(&client, at_client, "over IP"));
    CHECK(S(host, CloseListenSocket, listen) && !S(host, CloseListenSocket, listen));
    CHECK(!S(host, GetConnectionInfo, at_host, &info));
    close_user(&host);
    close_user(&client);
}

static void check_symmetric(void)
{
    user a = open_user("str:a"), b = open_user("str:b");
    SteamNetworkingIdentity to_a = identity_of("str:a"), to_b = identity_of("str:b");
    SteamNetworkingConfigValue_t option = {.m_eValue = k_ESteamNetworkingConfig_SymmetricConnect,
                                           .m_eDataType = k_ESteamNetworkingConfig_Int32,
                                           .m_val.m_int32 = 1};
    HSteamNetConnection at_a, at_b;
    section = "symmetric connect";
    CHECK(S(a, CreateListenSocketP2P, 5, 1, &option) != 0 &&
          S(b, CreateListenSocketP2P, 5, 1, &option) != 0);
    at_a = S(a, ConnectP2P, &to_b, 5, 1, &option);
    at_b = S(b, ConnectP2P, &to_a, 5, 1, &option);
    CHECK(at_a != 0 && at_b != 0 && S(b, ConnectP2P, &to_a, 5, 1, &option) == 0);
    CHECK(await_state(&a, at_a, NONE, CONNECTING) && await_state(&b, at_b, NONE, CONNECTING));
    CHECK(await_state(&a, at_a, CONNECTING, FINDING_ROUTE) &&
          await_state(&b, at_b, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&a, at_a, FINDING_ROUTE, CONNECTED) &&
          await_state(&b, at_b, FINDING_ROUTE, CONNECTED));
    CHECK(send_text(&a, at_a, "one", RELIABLE) == k_EResultOK && await_text(&b, at_b, "one"));
    S(a, CloseConnection, at_a, 0, NULL, false);
    CHECK(await_state(&b, at_b, CONNECTED, CLOSED_BY_PEER));
    S(b, CloseConnection, at_b, 0, NULL, false);
    forget_events(&a);
    forget_events(&b);
    /* Who connects to one who already asked accepts. */
    at_a = S(a, ConnectP2P, &to_b, 5, 1, &option);
    CHECK(await_event(&b, 1000).info.m_eState == CONNECTING);
    at_b = S(b, ConnectP2P, &to_a, 5, 1, &option);
    CHECK(at_b != 0 && await_state(&b, at_b, CONNECTING, FINDING_ROUTE));
    close_user(&a);
    close_user(&b);
}

static EResult say(user *who, const char *to, const char *text, int flags, int channel)
{
    SteamNetworkingIdentity identity = identity_of(to);
    return M(*who, SendMessageToUser, &identity, text, (uint32_t)strlen(text), flags, channel);
}

static SteamNetworkingMessage_t *hear(user *who, int channel)
{
    SteamNetworkingMessage_t *message = NULL;
    for (int i = 0; i < 3000 && M(*who, ReceiveMessagesOnChannel, channel, &message, 1) == 0; i++)
        sn_sleep(200);
    return message;
}

static bool hears(user *who, int channel, const char *text)
{
    SteamNetworkingMessage_t *message = hear(who, channel);
    bool right = message != NULL && message->m_cbSize == (int)strlen(text) &&
                 message->m_nChannel == channel && message->m_conn == 0 &&
                 memcmp(message->m_pData, text, strlen(text)) == 0;
    if (message != NULL)
        message->m_pfnRelease(message);
    return right;
}

static void check_sessions(void)
{
    user a = open_user("str:a"), b = open_user("str:b");
    SteamNetworkingIdentity as_a = identity_of("str:a"), as_b = identity_of("str:b"),
                            nobody = identity_of("str:nobody");
    SteamNetConnectionInfo_t info;
    SteamNetworkingMessage_t *message;
    sn_event event;
    section = "sessions";
    CHECK(M(a, GetSessionConnectionInfo, &as_b, &info, NULL) == NONE);
    CHECK(!M(a, AcceptSessionWithUser, &as_b) && !M(a, CloseSessionWithUser, &as_b));
    CHECK(M(a, SendMessageToUser, NULL, "x", 1, 8, 0) == k_EResultInvalidParam);
    CHECK(say(&a, "str:b", "first", RELIABLE, 3) == k_EResultOK);
    CHECK(say(&a, "str:b", "other channel", UNRELIABLE, -1) == k_EResultOK);
    event = await_event(&b, 1000);
    CHECK(event.kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(strcmp(event.identity.m_szGenericString, "a") == 0);
    sn_sleep(2000);
    CHECK(M(b, ReceiveMessagesOnChannel, 3, &message, 1) == 0);
    CHECK(M(b, AcceptSessionWithUser, &as_a));
    CHECK(hears(&b, 3, "first") && hears(&b, -1, "other channel"));
    CHECK(M(b, ReceiveMessagesOnChannel, 5, &message, 1) == 0);
    CHECK(say(&b, "str:a", "back", RELIABLE, 0) == k_EResultOK && hears(&a, 0, "back"));
    CHECK(M(a, GetSessionConnectionInfo, &as_b, &info, NULL) == CONNECTED &&
          info.m_hListenSocket == 0);
    CHECK(M(b, CloseSessionWithUser, &as_a) && !M(b, CloseSessionWithUser, &as_a));
    sn_sleep(2000);
    sn_pump(a.engine);
    CHECK(M(a, GetSessionConnectionInfo, &as_b, NULL, NULL) == NONE);
    /* An answer is consent. */
    CHECK(say(&a, "str:b", "hello", RELIABLE, 0) == k_EResultOK);
    CHECK(await_event(&b, 1000).kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(say(&b, "str:a", "yes", RELIABLE, 0) == k_EResultOK);
    CHECK(hears(&a, 0, "yes") && hears(&b, 0, "hello"));
    CHECK(!M(a, CloseChannelWithUser, &as_b, 9) && M(a, CloseChannelWithUser, &as_b, 0));
    CHECK(M(a, GetSessionConnectionInfo, &as_b, NULL, NULL) == NONE);
    sn_sleep(2000);
    forget_events(&b);
    /* Both at once, each before it can have heard of the other: one session, no request. */
    set_int(&a, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 50);
    set_int(&b, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 50);
    CHECK(say(&a, "str:b", "from a", RELIABLE, 0) == k_EResultOK &&
          say(&b, "str:a", "from b", RELIABLE, 0) == k_EResultOK);
    CHECK(hears(&b, 0, "from a") && hears(&a, 0, "from b"));
    CHECK(await_event(&a, 5).kind == 0 && await_event(&b, 5).kind == 0);
    set_int(&a, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 0);
    set_int(&b, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 0);
    /* Never answered: it fails, and stays failed until asked anew. */
    set_int(&a, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 100);
    CHECK(say(&a, "str:nobody", "?", RELIABLE, 0) == k_EResultOK);
    event = await_event(&a, 2000);
    CHECK(event.kind == k_iCallback_SteamNetworkingMessagesSessionFailed &&
          event.info.m_eEndReason == 5003);
    CHECK(say(&a, "str:nobody", "?", RELIABLE, 0) == k_EResultConnectFailed);
    CHECK(M(a, GetSessionConnectionInfo, &nobody, &info, NULL) == PROBLEM &&
          info.m_eEndReason == 5003);
    CHECK(say(&a, "str:nobody", "?", RELIABLE | k_nSteamNetworkingSend_AutoRestartBrokenSession,
              0) == k_EResultOK);
    /* To oneself. */
    CHECK(say(&a, "str:a", "note", RELIABLE, 2) == k_EResultOK && hears(&a, 2, "note"));
    close_user(&a);
    event = await_event(&b, 1000);
    CHECK(event.kind == k_iCallback_SteamNetworkingMessagesSessionFailed);
    close_user(&b);
}

/* A session whose end waits behind messages for which there is no room is closed here, too: by
 * itself, or with its last channel. */
static void check_full_session(bool by_channel)
{
    user a = open_user("str:a"), b = open_user("str:b");
    SteamNetworkingIdentity as_a = identity_of("str:a"), as_b = identity_of("str:b");
    SteamNetworkingMessage_t *message;
    section = "a full session";
    set_int(&b, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    for (int i = 0; i < 6; i++)
        CHECK(say(&a, "str:b", "x", RELIABLE, 0) == k_EResultOK);
    CHECK(await_event(&b, 1000).kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(M(b, AcceptSessionWithUser, &as_a) && hears(&b, 0, "x"));
    CHECK(M(a, CloseSessionWithUser, &as_b));
    sn_sleep(5000);
    sn_pump(b.engine);
    if (by_channel)
        CHECK(M(b, CloseChannelWithUser, &as_a, 0));
    else
        CHECK(M(b, CloseSessionWithUser, &as_a));
    CHECK(M(b, GetSessionConnectionInfo, &as_a, NULL, NULL) == NONE);
    CHECK(M(b, ReceiveMessagesOnChannel, 0, &message, 1) == 0);
    close_user(&a);
    close_user(&b);
}

/* --- between processes ----------------------------------------------------------------------- */

static const char *program;

/* Starts another of us in a role. */
static pid_t start_role(const char *role)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, role, (char *)NULL);
        _exit(127);
    }
    return child;
}

static int finish(pid_t child, int signal_number)
{
    int status = -1;
    if (signal_number != 0)
        kill(child, signal_number);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Accepts whoever comes, sends everything back, until it hears "stop". */
static int echo_role(void)
{
    user who = open_user("str:echo");
    HSteamNetPollGroup group = who.flat->ISteamNetworkingSockets_CreatePollGroup(who.sockets);
    bool stop = false;
    if (S(who, CreateListenSocketP2P, 7, 0, NULL) == 0)
        return 1;
    while (!stop) {
        SteamNetworkingMessage_t *message;
        sn_event event;
        while (next_event(&who, &event))
            if (event.info.m_eState == CONNECTING) {
                S(who, AcceptConnection, event.connection);
                S(who, SetConnectionPollGroup, event.connection, group);
            } else if (event.info.m_eState > CONNECTED) {
                S(who, CloseConnection, event.connection, 0, NULL, false);
            }
        while (S(who, ReceiveMessagesOnPollGroup, group, &message, 1) == 1) {
            stop = message->m_cbSize == 4 && memcmp(message->m_pData, "stop", 4) == 0;
            S(who, SendMessageToConnection, message->m_conn, message->m_pData,
              (uint32_t)message->m_cbSize, message->m_nFlags | k_nSteamNetworkingSend_NoNagle,
              NULL);
            message->m_pfnRelease(message);
        }
        sn_sleep(200);
    }
    close_user(&who);
    return 0;
}

/* Accepts one and never reads, or does nothing more at all. */
static void deaf_role(bool frozen)
{
    user who = open_user("str:deaf");
    sn_event event;
    S(who, CreateListenSocketP2P, 7, 0, NULL);
    event = await_event(&who, 10000);
    S(who, AcceptConnection, event.connection);
    for (;;) {
        if (!frozen)
            sn_pump(who.engine);
        sn_sleep(1000);
    }
}

static HSteamNetConnection connect_out(user *who, const char *name)
{
    SteamNetworkingIdentity to = identity_of(name);
    HSteamNetConnection connection = S(*who, ConnectP2P, &to, 7, 0, NULL);
    for (int64_t end = sn_now() + 10000000;
         state_of(who, connection) == CONNECTING && sn_now() < end;) {
        sn_pump(who->engine);
        sn_sleep(500);
    }
    return connection;
}

/* Calls the parent, sends it 200 messages and closes: lingering until all is out, or in haste
 * while the first of them still takes 10 s; ... */
static int linger_role(bool linger)
{
    user who = open_user("str:visitor");
    HSteamNetConnection connection = connect_out(&who, "str:parent");
    if (!linger) {
        set_int(&who, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 10000);
        send_size(&who, connection, 100000, RELIABLE, NULL);
    }
    for (int i = 0; i < 200; i++)
        send_size(&who, connection, 2000, RELIABLE, NULL);
    S(who, CloseConnection, connection, 1500, "done", linger);
    for (int i = 0; i < 1000; i++) {
        sn_pump(who.engine);
        sn_sleep(500);
    }
    close_user(&who);
    return 0;
}

/* ... or sends a few, with Nagle's delay, makes one call when that is over, and sleeps. */
static int sleep_role(void)
{
    user who = open_user("str:visitor");
    HSteamNetConnection connection = connect_out(&who, "str:parent");
    for (int i = 0; i < 5; i++)
        send_size(&who, connection, 100, k_nSteamNetworkingSend_Reliable, NULL);
    sn_sleep(10000);
    sn_pump(who.engine);
    sn_sleep(30000000);
    return 0;
}

/* Answers every message that comes by session, until "stop". */
static int session_role(void)
{
    user who = open_user("str:answerer");
    SteamNetworkingMessage_t *message;
    bool stop = false, asked = false; /* until then it only listens for callbacks */
    while (!stop) {
        sn_event event;
        while (next_event(&who, &event))
            if (event.kind == k_iCallback_SteamNetworkingMessagesSessionRequest)
                asked = M(who, AcceptSessionWithUser, &event.identity);
        while (asked && M(who, ReceiveMessagesOnChannel, 4, &message, 1) == 1) {
            stop = message->m_cbSize == 4 && memcmp(message->m_pData, "stop", 4) == 0;
            M(who, SendMessageToUser, &message->m_identityPeer, message->m_pData,
              (uint32_t)message->m_cbSize, RELIABLE, -7);
            message->m_pfnRelease(message);
        }
        sn_sleep(200);
    }
    for (int i = 0; i < 50; i++) {
        sn_pump(who.engine);
        sn_sleep(200);
    }
    close_user(&who);
    return 0;
}

static void check_session_between_processes(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("session");
    section = "a session between processes";
    CHECK(say(&who, "str:answerer", "hello", RELIABLE, 4) == k_EResultOK);
    CHECK(hears(&who, -7, "hello"));
    CHECK(say(&who, "str:answerer", "stop", RELIABLE, 4) == k_EResultOK);
    CHECK(hears(&who, -7, "stop"));
    CHECK(finish(child, 0) == 0);
    close_user(&who);
}

static void check_echo(void)
{
    static const int sizes[] = {0, 1, 64, 1200, 1201, 16500, 20000, 100000, 524288};
    user who = open_user("str:parent");
    pid_t child = start_role("echo");
    HSteamNetConnection connection = connect_out(&who, "str:echo");
    SteamNetConnectionRealTimeStatus_t status;
    SteamNetConnectionInfo_t info;
    int64_t start, took = INT64_MAX;
    section = "echo between processes";
    CHECK(await_state(&who, connection, NONE, CONNECTING));
    CHECK(await_state(&who, connection, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&who, connection, FINDING_ROUTE, CONNECTED));
    for (int i = 0; i < 9; i++) {
        char *bytes = malloc((size_t)sizes[i] + 1);
        SteamNetworkingMessage_t *message;
        for (int j = 0; j < sizes[i]; j++)
            bytes[j] = (char)(j * 7 + i);
        CHECK(S(who, SendMessageToConnection, connection, bytes, (uint32_t)sizes[i], RELIABLE,
                NULL) == k_EResultOK);
        message = await_message(&who, connection, 3000);
        CHECK(message != NULL && message->m_cbSize == sizes[i] &&
              (sizes[i] == 0 || memcmp(message->m_pData, bytes, (size_t)sizes[i]) == 0));
        CHECK(message != NULL && message->m_nMessageNumber == i + 1 && message->m_nFlags == 8);
        if (message != NULL)
            message->m_pfnRelease(message);
        free(bytes);
    }
    set_int(&who, k_ESteamNetworkingConfig_SendRateMax, 4, (intptr_t)connection, 1000000);
    CHECK(send_size(&who, connection, 524288, RELIABLE, NULL) == k_EResultOK);
    CHECK(send_size(&who, connection, 500000, RELIABLE, NULL) == k_EResultLimitExceeded);
    CHECK(S(who, GetConnectionRealTimeStatus, connection, &status, 0, NULL) == k_EResultOK);
    CHECK(status.m_cbPendingReliable > 50000 && status.m_cbPendingReliable <= 524288 &&
          status.m_cbPendingUnreliable == 0);
    CHECK(drain(&who, connection, 1, 5000) == 1);
    set_int(&who, k_ESteamNetworkingConfig_SendRateMax, 4, (intptr_t)connection, 33554432);
    /* Nagle keeps a small message for 5 ms, a flush does not. */
    send_text(&who, connection, "slow", k_nSteamNetworkingSend_Reliable);
    start = sn_now();
    CHECK(await_text(&who, connection, "slow") && sn_now() - start > 5000);
    for (int i = 0; i < 10; i++) {
        send_text(&who, connection, "fast", k_nSteamNetworkingSend_Reliable);
        S(who, FlushMessagesOnConnection, connection);
        start = sn_now();
        CHECK(await_text(&who, connection, "fast"));
        took = sn_now() - start < took ? sn_now() - start : took;
    }
    CHECK(took < 5000);
    CHECK(S(who, GetConnectionInfo, connection, &info) && info.m_addrRemote.m_port != 0);
    /* A simulated lag is a property of both ends. */
    set_int(&who, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 20);
    set_int(&who, k_ESteamNetworkingConfig_FakePacketLag_Recv, 1, 0, 10);
    start = sn_now();
    send_text(&who, connection, "lag", RELIABLE);
    CHECK(await_text(&who, connection, "lag"));
    CHECK(sn_now() - start > 30000);
    S(who, GetConnectionRealTimeStatus, connection, &status, 0, NULL);
    CHECK(status.m_nPing == 30);
    set_int(&who, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 0);
    set_int(&who, k_ESteamNetworkingConfig_FakePacketLag_Recv, 1, 0, 0);
    /* Nobody else may listen there. */
    user second = open_user("str:echo");
    CHECK(S(second, CreateListenSocketP2P, 7, 0, NULL) == 0);
    close_user(&second);
    send_text(&who, connection, "stop", RELIABLE);
    CHECK(finish(child, 0) == 0);
    CHECK(await_state(&who, connection, CONNECTED, PROBLEM));
    CHECK(await_text(&who, connection, "stop"));
    close_user(&who);
}

static void check_killed(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("echo");
    HSteamNetConnection connection = connect_out(&who, "str:echo");
    int64_t start;
    section = "a killed peer";
    forget_events(&who);
    for (int i = 0; i < 10; i++)
        send_size(&who, connection, 1000, RELIABLE, NULL);
    CHECK(finish(child, SIGKILL) == -SIGKILL);
    start = sn_now();
    CHECK(await_state(&who, connection, CONNECTED, PROBLEM));
    CHECK(sn_now() - start < 500000);
    CHECK(send_text(&who, connection, "x", RELIABLE) == k_EResultNoConnection);
    /* What it left behind is in nobody's way. */
    child = start_role("echo");
    connection = connect_out(&who, "str:echo");
    CHECK(send_text(&who, connection, "again", RELIABLE) == k_EResultOK);
    CHECK(await_text(&who, connection, "again"));
    finish(child, SIGKILL);
    close_user(&who);
}

static void check_visitors(void)
{
    user who = open_user("str:parent");
    pid_t child;
    HSteamNetConnection connection;
    sn_event event;
    int got;
    section = "visitors";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    for (int linger = 0; linger < 2; linger++) {
        child = start_role(linger ? "linger" : "hasty");
        connection = await_event(&who, 5000).connection;
        CHECK(S(who, AcceptConnection, connection) == k_EResultOK);
        got = drain(&who, connection, 200, linger ? 5000 : 600);
        CHECK(got == (linger ? 200 : 0));
        CHECK(state_of(&who, connection) == CLOSED_BY_PEER);
        forget_events(&who);
        S(who, CloseConnection, connection, 0, NULL, false);
        event = await_event(&who, 100);
        CHECK(event.info.m_eEndReason == 1500 && strcmp(event.info.m_szEndDebug, "done") == 0);
        CHECK(finish(child, 0) == 0);
    }
    child = start_role("sleep");
    connection = await_event(&who, 5000).connection;
    CHECK(S(who, AcceptConnection, connection) == k_EResultOK);
    CHECK(drain(&who, connection, 5, 2000) == 5);
    finish(child, SIGKILL);
    CHECK(await_state(&who, connection, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&who, connection, FINDING_ROUTE, CONNECTED));
    CHECK(await_state(&who, connection, CONNECTED, PROBLEM));
    /* Gone while it was asking. */
    child = start_role("sleep");
    connection = await_event(&who, 5000).connection;
    finish(child, SIGKILL);
    CHECK(await_state(&who, connection, CONNECTING, PROBLEM));
    close_user(&who);
}

static void check_deaf_peer(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("deaf");
    HSteamNetConnection connection = connect_out(&who, "str:deaf");
    int sent = 0;
    section = "a peer that never reads";
    for (int i = 0; i < 300; i++) {
        while (send_size(&who, connection, 50000, RELIABLE, NULL) == k_EResultOK)
            sent++;
        sn_sleep(1000);
    }
    CHECK(sent > 30 && sent < 80);
    CHECK(state_of(&who, connection) == CONNECTED);
    finish(child, SIGKILL);
    close_user(&who);
}

/* Sends without ever pumping to one who does nothing: what it keeps has an end, the rest is
 * refused. */
static void check_frozen_peer(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("frozen");
    HSteamNetConnection connection = connect_out(&who, "str:deaf");
    int sent = 0, refused = 0;
    section = "a peer that stands still";
    for (int i = 0; i < 3000; i++) {
        EResult result = send_size(&who, connection, 50000, RELIABLE, NULL);
        sent += result == k_EResultOK;
        refused += result == k_EResultLimitExceeded;
        sn_sleep(100);
    }
    CHECK(sent > 20 && sent < 60 && sent + refused == 3000);
    finish(child, SIGKILL);
    close_user(&who);
}

/* A stream to the process that listens at this address, by the files alone. */
static sn_socket reach(int kind, const char *name, int port)
{
    SteamNetworkingIdentity identity = identity_of(name);
    char directory[400], path[500], token[17] = "", error[500];
    if (!sn_private_directory(directory, sizeof directory, error, sizeof error))
        return SN_NO_SOCKET;
    snprintf(path, sizeof path, "%s/%016llx", directory,
             (unsigned long long)lo_address_key(kind, &identity, port));
    if (sn_file_read(path, token, 16) != 16)
        return SN_NO_SOCKET;
    snprintf(path, sizeof path, "%s/%s.sock", directory, token);
    return sn_socket_connect(path);
}

static void send_call_at(sn_socket stranger, int kind, int port, int64_t due, int64_t send_time)
{
    unsigned char bytes[LO_HEADER + sizeof(lo_connect_request)];
    lo_frame frame = {
        .kind = LO_CONNECT_REQUEST, .size = sizeof(lo_connect_request), .send_time = send_time, .due = due};
    lo_connect_request call = {.from = identity_of("str:stranger"),
                    .to = identity_of("str:parent"),
                    .kind = kind,
                    .protocol = LO_PROTOCOL,
                    .port = port};
    lo_frame_head(&frame, bytes);
    memcpy(bytes + LO_HEADER, &call, sizeof call);
    CHECK(sn_socket_send(stranger, bytes, sizeof bytes) == sizeof bytes);
}

static void send_call_to(sn_socket stranger, int kind, int port, int64_t due)
{
    send_call_at(stranger, kind, port, due, sn_now());
}

static void send_call(sn_socket stranger) { send_call_to(stranger, LO_KIND_P2P, 7, 0); }

static long allocations_left;
static void *lacking(size_t size) { return allocations_left-- == 0 ? NULL : malloc(size); }

static void send_frame(sn_socket stranger, lo_frame frame, const void *body, size_t size)
{
    unsigned char bytes[LO_HEADER + 256];
    frame.size = (uint32_t)size;
    lo_frame_head(&frame, bytes);
    if (size > 0)
        memcpy(bytes + LO_HEADER, body, size);
    CHECK(sn_socket_send(stranger, bytes, LO_HEADER + size) == (ptrdiff_t)(LO_HEADER + size));
}

static void send_empty(sn_socket stranger, int kind, int64_t number)
{
    send_frame(stranger,
               (lo_frame){.kind = (uint8_t)kind, .reliable = true, .number = number, .send_time = sn_now()},
               NULL, 0);
}

/* Accepts a stranger's call, connected as soon as there is a message from it. */
static HSteamNetConnection let_in(user *who, sn_socket *stranger)
{
    HSteamNetConnection connection;
    CHECK(S(*who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    *stranger = reach(LO_KIND_P2P, "str:parent", 7);
    send_call(*stranger);
    connection = await_event(who, 1000).connection;
    CHECK(S(*who, AcceptConnection, connection) == k_EResultOK);
    CHECK(await_state(who, connection, CONNECTING, FINDING_ROUTE));
    send_empty(*stranger, LO_CONNECT_CONFIRM, 0);
    CHECK(await_state(who, connection, FINDING_ROUTE, CONNECTED));
    return connection;
}

/* The same frame so many times, numbered; the user reads whenever there is no room for more. */
static bool pour(user *who, sn_socket stranger, lo_frame frame, int count)
{
    size_t size = (size_t)count * LO_HEADER, sent = 0;
    unsigned char *bytes = malloc(size);
    int patience = 0;
    for (int i = 0; i < count; i++) {
        frame.number += frame.kind == LO_DATA;
        frame.lane ^= frame.channel == 1; /* on two lanes in turn */
        lo_frame_head(&frame, bytes + (size_t)i * LO_HEADER);
    }
    while (sent < size && patience < 1000) {
        ptrdiff_t part = sn_socket_send(stranger, bytes + sent, size - sent);
        sent += part > 0 ? (size_t)part : 0;
        patience = part > 0 ? 0 : patience + 1;
        if (part <= 0) {
            sn_sleep(100);
            sn_pump(who->engine);
        }
    }
    free(bytes);
    return sent == size;
}

/* A peer that sends on several lanes in turn and reads nothing gets few acks. */
static void check_acks_unread(void)
{
    enum { TURNS = 40, EACH = 500 };
    user who = open_user("str:parent");
    sn_socket stranger;
    HSteamNetConnection connection = let_in(&who, &stranger);
    lo_frame empty = {.kind = LO_DATA, .reliable = true, .channel = 1}, frame;
    unsigned char bytes[4096];
    int acks = 0, acked = 0;
    int64_t lanes[2] = {0, 0};
    size_t filled = 0;
    section = "acks that nobody reads";
    for (int i = 0; i < TURNS; i++) {
        CHECK(pour(&who, stranger, empty, EACH));
        CHECK(drain(&who, connection, EACH, 5000) == EACH);
    }
    for (int patience = 0; acked < TURNS * EACH && patience < 1000;) {
        ptrdiff_t got = sn_socket_receive(stranger, bytes + filled, sizeof bytes - filled), size;
        patience = got > 0 ? 0 : patience + 1;
        filled += got > 0 ? (size_t)got : 0;
        while ((size = lo_frame_parse(bytes, filled, &frame)) > 0) {
            lo_ack ack;
            if (frame.kind == LO_ACK && frame.lane < 2) {
                memcpy(&ack, frame.body, sizeof ack);
                acks++;
                lanes[frame.lane] = ack.arrived[true].messages;
                acked = (int)(lanes[0] + lanes[1]);
            }
            memmove(bytes, bytes + size, filled -= (size_t)size);
        }
        if (got <= 0)
            sn_sleep(100);
        sn_pump(who.engine);
    }
    CHECK(acked == TURNS * EACH);
    CHECK(acks < TURNS * EACH / 10);
    sn_socket_close(stranger);
    close_user(&who);
}

/* Where one's own call met another, what came on its link no longer counts against the other's. */
static void check_crossing_links(void)
{
    SteamNetworkingIdentity mine = identity_of("str:of the longer name");
    SteamNetworkingIdentity theirs = identity_of("str:a");
    lo_connect_request call = {.from = theirs, .to = mine, .kind = LO_KIND_SESSION, .protocol = LO_PROTOCOL};
    lo_frame frame = {.kind = LO_CONNECT_REQUEST, .size = sizeof call, .send_time = sn_now()},
             never = {.kind = LO_DATA, .reliable = true, .due = sn_now() + 30000000};
    char directory[400], name[500], error[SN_ERROR_SIZE], token[] = "00000000000000aa";
    unsigned char bytes[LO_HEADER + sizeof call];
    sn_socket door, called, caller;
    user who = open_user("str:of the longer name");
    section = "crossing links";
    if (!CHECK(sn_private_directory(directory, sizeof directory, error, sizeof error)))
        return;
    snprintf(name, sizeof name, "%s/%s.sock", directory, token);
    door = sn_socket_listen(name);
    snprintf(name, sizeof name, "%s/%016llx", directory,
             (unsigned long long)lo_address_key(LO_KIND_SESSION, &theirs, 0));
    CHECK(sn_file_write(name, token, 16));
    CHECK(say(&who, "str:a", "x", RELIABLE, 0) == k_EResultOK);
    called = sn_socket_accept(door);
    CHECK(called != SN_NO_SOCKET);
    CHECK(pour(&who, called, never, (4 << 20) / (int)sizeof(lo_packet) + 100));
    for (int i = 0; i < 20; i++) {
        sn_sleep(100);
        sn_pump(who.engine);
    }
    caller = reach(LO_KIND_SESSION, "str:of the longer name", 0);
    lo_frame_head(&frame, bytes);
    memcpy(bytes + LO_HEADER, &call, sizeof call);
    CHECK(sn_socket_send(caller, bytes, sizeof bytes) == sizeof bytes);
    for (int i = 0; i < 1000 && M(who, GetSessionConnectionInfo, &theirs, NULL, NULL) == CONNECTING;
         i++)
        sn_sleep(1000);
    send_empty(caller, LO_CONNECT_CONFIRM, 0); /* not read together with the call */
    for (int i = 0; i < 1000 && M(who, GetSessionConnectionInfo, &theirs, NULL, NULL) != CONNECTED;
         i++)
        sn_sleep(1000);
    CHECK(M(who, GetSessionConnectionInfo, &theirs, NULL, NULL) == CONNECTED);
    sn_file_remove(name);
    snprintf(name, sizeof name, "%s/%s.sock", directory, token);
    sn_file_remove(name);
    sn_socket_close(called);
    sn_socket_close(caller);
    sn_socket_close(door);
    close_user(&who);
}

/* A peer can only acknowledge what was sent to it, on that lane. A repeated ack is harmless. */
static void check_false_acks(void)
{
    static const lo_ack acks[] = {
        {{{0, 0}, {1, 1000}}},   {{{0, 0}, {0, 0}}},       {{{0, 0}, {2, 1000}}},
        {{{0, 0}, {1, 1001}}},   {{{1, 0}, {1, 1000}}},    {{{0, 0}, {-1, -1000}}},
        {{{0, 0}, {1, 1000}}},   {{{0, 0}, {1, 1000}}},
    };
    static const uint16_t lanes[] = {0, 0, 0, 0, 0, 0, 1, 200};
    section = "false acks";
    for (int i = 0; i < 8; i++) {
        user who = open_user("str:parent");
        sn_socket stranger;
        HSteamNetConnection connection = let_in(&who, &stranger);
        CHECK(S(who, ConfigureConnectionLanes, connection, 2, NULL, NULL) == k_EResultOK);
        CHECK(send_size(&who, connection, 1000, RELIABLE, NULL) == k_EResultOK);
        sn_sleep(1000);
        sn_pump(who.engine);
        for (int twice = 0; twice < (i < 2 ? 2 : 1); twice++)
            send_frame(stranger, (lo_frame){.kind = LO_ACK, .lane = lanes[i]}, &acks[i], sizeof acks[i]);
        if (i < 2)
            CHECK(await_event(&who, 20).kind == 0);
        else
            CHECK(await_state(&who, connection, CONNECTED, PROBLEM));
        sn_socket_close(stranger);
        close_user(&who);
    }
}

/* A session that memory was short for is nobody's, and its connection goes in time. */
static void check_session_without_memory(void)
{
    section = "a session without memory";
    for (long n = 0; n < 16; n++) {
        user a = open_user("str:a"), b = open_user("str:b");
        const lo_user *asked = (const lo_user *)b.sockets;
        set_int(&a, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 20);
        set_int(&b, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 20);
        CHECK(say(&a, "str:b", "x", RELIABLE, 0) == k_EResultOK);
        sn_sleep(1000);
        allocations_left = n;
        sn_loopback_malloc = lacking;
        sn_pump(b.engine);
        sn_loopback_malloc = malloc;
        close_user(&a);
        for (int i = 0; i < 100 && asked->connections.first != NULL; i++) {
            sn_pump(b.engine);
            sn_sleep(1000);
        }
        CHECK(asked->connections.first == NULL);
        close_user(&b);
    }
}

/* Two closes wait behind messages for which there is no room. */
static void check_two_closes(void)
{
    user who = open_user("str:parent");
    SteamNetworkingIdentity from = identity_of("str:stranger");
    SteamNetworkingMessage_t *messages[8];
    sn_socket stranger;
    int count, got = 0;
    section = "two closes";
    set_int(&who, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    CHECK(M(who, ReceiveMessagesOnChannel, 0, messages, 1) == 0); /* it can be found from now on */
    stranger = reach(LO_KIND_SESSION, "str:parent", 0);
    send_call_to(stranger, LO_KIND_SESSION, 0, 0);
    CHECK(await_event(&who, 1000).kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(M(who, AcceptSessionWithUser, &from));
    for (int i = 1; i <= 5; i++)
        send_empty(stranger, LO_DATA, i);
    for (int i = 0; i < 2; i++)
        send_frame(stranger, (lo_frame){.kind = LO_CONNECTION_CLOSED, .reliable = true, .send_time = sn_now()},
                   &(lo_close_body){.reason = 1000}, sizeof(lo_close_body));
    for (int i = 0; i < 20; i++) {
        sn_pump(who.engine);
        sn_sleep(200);
    }
    while ((count = M(who, ReceiveMessagesOnChannel, 0, messages, 8)) > 0)
        for (got += count; count > 0;) {
            count--;
            messages[count]->m_pfnRelease(messages[count]);
        }
    CHECK(got == 5);
    sn_socket_close(stranger);
    close_user(&who);
}

/* Of a call that is still on its way nobody hears, whatever comes after it. */
static void check_unheard(void)
{
    user who = open_user("str:parent");
    sn_socket stranger;
    section = "unheard";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    stranger = reach(LO_KIND_P2P, "str:parent", 7);
    send_call_to(stranger, LO_KIND_P2P, 7, sn_now() + 30000000);
    send_frame(stranger, (lo_frame){.kind = LO_ACK}, &(lo_ack){{{0, 0}, {5, 5}}}, sizeof(lo_ack));
    CHECK(await_event(&who, 20).kind == 0);
    sn_socket_close(stranger);
    close_user(&who);
}

/* Who sends without regard for what there is room for finds that nobody reads on, even where what
 * is sent is empty. */
/* Times that a stranger has from another clock mean nothing here: it is told so, and let go. */
static void check_other_clock(void)
{
    static const int64_t offsets[] = {-100000000, 100000000, INT64_MAX / 2, INT64_MIN / 2};
    user who = open_user("str:parent");
    section = "another clock";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        sn_socket stranger = reach(LO_KIND_P2P, "str:parent", 7);
        unsigned char bytes[LO_HEADER + sizeof(lo_close_body)];
        lo_close_body closed;
        lo_frame frame;
        ptrdiff_t got = 0;
        send_call_at(stranger, LO_KIND_P2P, 7, 0, sn_now() + offsets[i]);
        for (int j = 0; j < 1000 && got == 0; j++) {
            sn_pump(who.engine);
            got = sn_socket_receive(stranger, bytes, sizeof bytes);
            sn_sleep(got == 0 ? 1000 : 0);
        }
        CHECK(got == sizeof bytes && lo_frame_parse(bytes, sizeof bytes, &frame) == got &&
              frame.kind == LO_CONNECTION_CLOSED);
        memcpy(&closed, bytes + LO_HEADER, sizeof closed);
        CHECK(strcmp(closed.text, "The clocks of the two processes differ") == 0);
        CHECK(await_event(&who, 5).kind == 0);
        sn_socket_close(stranger);
    }
    close_user(&who);
}

static void check_flood(void)
{
    enum { TOO_MANY = 200000 };
    user who = open_user("str:parent");
    unsigned char head[LO_HEADER];
    HSteamNetConnection connection;
    sn_socket stranger;
    int sent = 0, patience = 0;
    section = "a flood of nothing";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    stranger = reach(LO_KIND_P2P, "str:parent", 7);
    send_call(stranger);
    connection = await_event(&who, 1000).connection;
    CHECK(S(who, AcceptConnection, connection) == k_EResultOK);
    while (sent < TOO_MANY && patience < 50) {
        lo_frame frame = {.kind = LO_DATA, .reliable = true, .number = sent + 1};
        ptrdiff_t size;
        lo_frame_head(&frame, head);
        size = sn_socket_send(stranger, head, sizeof head);
        if (size != 0 && size != sizeof head)
            break; /* half a frame: the buffer's end */
        sent += size > 0;
        patience = size > 0 ? 0 : patience + 1;
        if (size == 0)
            sn_sleep(1000);
        if (size == 0 || sent % 1000 == 0)
            sn_pump(who.engine);
    }
    CHECK(sent > 1000 && sent < TOO_MANY);
    CHECK(drain(&who, connection, sent, 5000) == sent);
    sn_socket_close(stranger);
    close_user(&who);
}

static void check_hostile(void)
{
    user who = open_user("str:parent");
    unsigned char garbage[4096];
    sn_socket stranger;
    HSteamNetConnection connection;
    uint64_t chance = 1;
    section = "hostile bytes";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    for (int round = 0; round < 300; round++) {
        lo_frame frame = {.kind = (uint8_t)(1 + lo_random(&chance) % 11),
                          .size = (uint32_t)(lo_random(&chance) % 40),
                          .number = (int64_t)(lo_random(&chance) % 2000),
                          .send_time = (int64_t)lo_random(&chance),
                          .due = (int64_t)lo_random(&chance)};
        stranger = reach(LO_KIND_P2P, "str:parent", 7);
        if (!CHECK(stranger != SN_NO_SOCKET))
            break;
        if (round % 3 > 0)
            send_call(stranger);
        for (size_t i = 0; i < sizeof garbage; i++)
            garbage[i] = (unsigned char)lo_random(&chance);
        if (round % 2)
            lo_frame_head(&frame, garbage);
        sn_sleep(100);
        sn_pump(who.engine);
        if (round % 5 == 1) {
            sn_event event;
            while (sn_next_event(who.engine, &event))
                S(who, AcceptConnection, event.connection);
        }
        sn_socket_send(stranger, garbage, sizeof garbage);
        sn_sleep(100);
        sn_pump(who.engine);
        sn_socket_close(stranger);
    }
    sn_pump(who.engine);
    forget_events(&who);
    stranger = reach(LO_KIND_P2P, "str:parent", 7);
    send_call(stranger);
    connection = await_event(&who, 1000).connection;
    CHECK(S(who, AcceptConnection, connection) == k_EResultOK);
    memset(garbage, 0xff, sizeof garbage);
    sn_socket_send(stranger, garbage, sizeof garbage);
    CHECK(await_state(&who, connection, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&who, connection, FINDING_ROUTE, PROBLEM));
    sn_socket_close(stranger);
    close_user(&who);
}

static void check_directory(void)
{
    char directory[] = "/tmp/steamnet-check-XXXXXX", path[400], error[SN_ERROR_SIZE];
    section = "the directory";
    if (!CHECK(mkdtemp(directory) != NULL))
        return;
    setenv("STEAMNET_LOOPBACK_DIR", directory, 1);
    CHECK(sn_private_directory(path, sizeof path, error, sizeof error));
    CHECK(chmod(directory, 0770) == 0);
    CHECK(!sn_private_directory(path, sizeof path, error, sizeof error));
    sn_engine *refused = sn_load(SN_LOOPBACK, NULL, error);
    CHECK(sn_start(refused, NULL, error) == k_ESteamAPIInitResult_FailedGeneric);
    CHECK(strstr(error, "STEAMNET_LOOPBACK_DIR: others can write to it") != NULL);
    sn_release(refused);
    CHECK(chmod(directory, 0700) == 0);
    snprintf(path, sizeof path, "%s/link", directory);
    CHECK(symlink("/tmp", path) == 0);
    setenv("STEAMNET_LOOPBACK_DIR", path, 1);
    CHECK(!sn_private_directory(path, sizeof path, error, sizeof error));
    snprintf(path, sizeof path, "%s/link", directory);
    unlink(path);
    CHECK(rmdir(directory) == 0);
    unsetenv("STEAMNET_LOOPBACK_DIR");
}

static void check_fork(void)
{
    meeting m = meet();
    pid_t child;
    section = "fork";
    child = fork();
    if (child == 0) {
        meeting mine;
        sn_detach_after_fork(m.host.engine);
        sn_detach_after_fork(m.client.engine);
        sn_loopback_after_fork();
        failures = 0;
        mine = (meeting){.host = open_user("str:other host"), .client = open_user("str:client")};
        mine.listen = S(mine.host, CreateListenSocketP2P, 7, 0, NULL);
        connect_them(&mine);
        send_text(&mine.client, mine.at_client, "child", RELIABLE);
        CHECK(await_text(&mine.host, mine.at_host, "child"));
        part(&mine);
        _exit(failures);
    }
    CHECK(finish(child, 0) == 0);
    CHECK(send_text(&m.client, m.at_client, "parent", RELIABLE) == k_EResultOK);
    CHECK(await_text(&m.host, m.at_host, "parent"));
    child = start_role("visit"); /* and the parent can still be found */
    CHECK(await_event(&m.host, 5000).info.m_eState == CONNECTING);
    finish(child, SIGKILL);
    part(&m);
}

/* --- threads and memory ---------------------------------------------------------------------- */

typedef struct sender {
    user *who;
    HSteamNetConnection connection;
    char name;
} sender;

static void *send_many(void *argument)
{
    sender *me = argument;
    for (int i = 0; i < 500; i++) {
        char text[16];
        snprintf(text, sizeof text, "%c%04d", me->name, i);
        while (send_text(me->who, me->connection, text, RELIABLE) == k_EResultLimitExceeded)
            sn_sleep(1000);
        if (i % 10 == 0)
            sn_pump(me->who->engine);
    }
    return NULL;
}

static void check_threads(void)
{
    meeting m = meet();
    pthread_t threads[4];
    sender senders[4];
    int next[4] = {0};
    section = "threads";
    for (int i = 0; i < 4; i++) {
        senders[i] = (sender){&m.client, m.at_client, (char)('a' + i)};
        CHECK(pthread_create(&threads[i], NULL, send_many, &senders[i]) == 0);
    }
    for (int i = 1; i <= 2000; i++) {
        SteamNetworkingMessage_t *message = await_message(&m.host, m.at_host, 5000);
        char text[8] = "";
        int who;
        if (!CHECK(message != NULL && message->m_nMessageNumber == i && message->m_cbSize == 5))
            break;
        memcpy(text, message->m_pData, 5);
        who = text[0] - 'a';
        CHECK(who >= 0 && who < 4 && atoi(text + 1) == next[who]++);
        message->m_pfnRelease(message);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    part(&m);
}

static void *stingy(size_t size) { return allocations_left-- > 0 ? malloc(size) : NULL; }

/* A little of everything; whatever fails must fail politely. */
static void live_a_little(void)
{
    static char error[SN_ERROR_SIZE];
    SteamNetworkingIdentity names[2] = {identity_of("str:host"), identity_of("str:client")};
    user both[2];
    SteamNetworkingMessage_t *messages[4];
    HSteamNetConnection connection, pair[2];
    HSteamNetPollGroup group;
    bool running = true;
    int opened = 0;
    for (; opened < 2 && running; opened += running) {
        sn_options options = {.identity = &names[opened]};
        both[opened] = (user){.engine = sn_load(SN_LOOPBACK, NULL, error)};
        running = sn_start(both[opened].engine, &options, error) == k_ESteamAPIInitResult_OK;
        both[opened].flat = &both[opened].engine->flat;
        both[opened].sockets = both[opened].engine->sockets;
        both[opened].utils = both[opened].engine->utils;
        both[opened].messages = both[opened].engine->messages;
        if (!running)
            sn_release(both[opened].engine);
    }
    if (opened == 2) {
        S(both[0], CreateListenSocketP2P, 1, 0, NULL);
        group = both[0].flat->ISteamNetworkingSockets_CreatePollGroup(both[0].sockets);
        connection = S(both[1], ConnectP2P, &names[0], 1, 0, NULL);
        S(both[1], CreateSocketPair, &pair[0], &pair[1], true, NULL, NULL);
        U(both[1], SetConfigValue, k_ESteamNetworkingConfig_P2P_STUN_ServerList, 1, 0, 4, "text");
        for (int i = 0; i < 8; i++) {
            sn_event event;
            for (int j = 0; j < 2; j++)
                while (next_event(&both[j], &event)) {
                    if (event.kind == k_iCallback_SteamNetworkingMessagesSessionRequest)
                        M(both[j], AcceptSessionWithUser, &event.identity);
                    else if (event.info.m_eState == CONNECTING &&
                             S(both[j], AcceptConnection, event.connection) == k_EResultOK)
                        S(both[j], SetConnectionPollGroup, event.connection, group);
                }
            S(both[1], ConfigureConnectionLanes, connection, 2 + i, NULL, NULL);
            messages[0] = U(both[1], AllocateMessage, 10);
            if (messages[0] != NULL) {
                messages[0]->m_conn = i % 2 ? connection : 5;
                S(both[1], SendMessages, 1, messages, NULL, true);
            }
            send_text(&both[1], connection, "text", RELIABLE);
            say(&both[1], "str:host", "session", RELIABLE, i);
            for (int count = S(both[0], ReceiveMessagesOnPollGroup, group, messages, 4); count > 0;
                 count--)
                messages[count - 1]->m_pfnRelease(messages[count - 1]);
            for (int count = M(both[0], ReceiveMessagesOnChannel, i, messages, 4); count > 0;
                 count--)
                messages[count - 1]->m_pfnRelease(messages[count - 1]);
            sn_sleep(300);
        }
        S(both[1], CloseConnection, connection, 0, NULL, true);
    }
    while (opened > 0)
        close_user(&both[--opened]);
}

static _Atomic bool settled;

static void *set_callbacks(void *argument)
{
    void *nothing = NULL;
    user *who = argument;
    while (!settled)
        U(*who, SetConfigValue, k_ESteamNetworkingConfig_Callback_MessagesSessionRequest, 1, 0, 5,
          &nothing);
    return NULL;
}

/* One thread sets the callback while another has it called: for TSan. */
static void check_callback_set_elsewhere(void)
{
    user a = open_user("str:a"), b = open_user("str:b");
    SteamNetworkingIdentity as_a = identity_of("str:a");
    pthread_t thread;
    int done = 0;
    section = "a callback set elsewhere";
    settled = false;
    CHECK(pthread_create(&thread, NULL, set_callbacks, &b) == 0);
    for (int i = 0; i < 50; i++) {
        CHECK(say(&a, "str:b", "x", RELIABLE, 0) == k_EResultOK);
        for (int j = 0; j < 20; j++) {
            sn_sleep(100);
            b.flat->ISteamNetworkingSockets_RunCallbacks(b.sockets);
        }
        done += M(b, CloseSessionWithUser, &as_a);
        sn_sleep(1000);
        sn_pump(a.engine);
    }
    settled = true;
    pthread_join(thread, NULL);
    CHECK(done > 0);
    close_user(&a);
    close_user(&b);
}

static void check_memory_failures(void)
{
    section = "memory failures";
    for (long n = 0; n < 200; n++) {
        allocations_left = n;
        sn_loopback_malloc = stingy;
        live_a_little(); /* the sanitizers check the rest */
        sn_loopback_malloc = malloc;
    }
    allocations_left = 100000;
    sn_loopback_malloc = stingy;
    live_a_little();
    sn_loopback_malloc = malloc;
    printf("  a little of everything takes %ld allocations\n", 100000 - allocations_left);
    CHECK(allocations_left < 100000 - 50);
}

/* A call to another process that one allocation is missing for is made on the same link later. */
static void check_call_without_memory(void)
{
    pid_t child = start_role("echo");
    SteamNetworkingIdentity echo = identity_of("str:echo");
    section = "a call without memory";
    sn_socket there = SN_NO_SOCKET;
    for (int i = 0; i < 1000 && (there = reach(LO_KIND_P2P, "str:echo", 7)) == SN_NO_SOCKET; i++)
        sn_sleep(10000);
    if (CHECK(there != SN_NO_SOCKET))
        sn_socket_close(there);
    for (long n = 6; n < 12; n++) {
        user who = open_user("str:caller");
        HSteamNetConnection connection;
        allocations_left = n;
        sn_loopback_malloc = lacking;
        connection = S(who, ConnectP2P, &echo, 7, 0, NULL);
        sn_loopback_malloc = malloc;
        for (int i = 0; i < 15; i++) {
            sn_pump(who.engine);
            sn_sleep(10000);
        }
        CHECK(S(who, CloseConnection, connection, 0, NULL, false) == (connection != 0));
        forget_events(&who); /* nothing reads for a connection that is gone */
        close_user(&who);
    }
    finish(child, SIGKILL);
}

/* --- many ------------------------------------------------------------------------------------ */

/* Of this process's own time: what else the machine does is none of it. */
static double seconds_for(int count)
{
    user host = open_user("str:host");
    user *players = calloc((size_t)count, sizeof *players);
    HSteamNetConnection *connections = calloc((size_t)count, sizeof *connections);
    SteamNetworkingIdentity to = identity_of("str:host");
    HSteamNetPollGroup group = host.flat->ISteamNetworkingSockets_CreatePollGroup(host.sockets);
    SteamNetworkingMessage_t *batch[64];
    clock_t start = clock();
    int accepted = 0, got = 0, batch_count;
    S(host, CreateListenSocketP2P, 0, 0, NULL);
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "str:player %d", i);
        players[i] = open_user(name);
        connections[i] = S(players[i], ConnectP2P, &to, 0, 0, NULL);
        send_text(&players[i], connections[i], "hello", RELIABLE);
    }
    for (int i = 0; i < 20000 && got < count; i++) {
        sn_event event;
        sn_pump(host.engine);
        while (sn_next_event(host.engine, &event))
            if (event.info.m_eState == CONNECTING) {
                accepted += S(host, AcceptConnection, event.connection) == k_EResultOK;
                S(host, SetConnectionPollGroup, event.connection, group);
            }
        while ((batch_count = S(host, ReceiveMessagesOnPollGroup, group, batch, 64)) > 0)
            for (int j = 0; j < batch_count; j++, got++)
                batch[j]->m_pfnRelease(batch[j]);
    }
    CHECK(accepted == count && got == count);
    for (int i = 0; i < count; i++) {
        CHECK(S(players[i], CloseConnection, connections[i], 0, NULL, false));
        close_user(&players[i]);
    }
    close_user(&host);
    free(players);
    free(connections);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void check_many_users(void)
{
    double few, many;
    section = "many users";
    few = seconds_for(250);
    many = seconds_for(1000);
    printf("  250 users %.3f s, 1000 users %.3f s\n", few, many);
    CHECK(many < few * 4 * 4);
}

/* --- speed ----------------------------------------------------------------------------------- */

static long resident_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static double microseconds_since(clock_t start)
{
    return (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC;
}

/* One user's messages to another, over so many connections in one poll group. */
static void measure(int connections, int total)
{
    enum { BATCH = 64 };
    user host = open_user("str:host"), client = open_user("str:client");
    SteamNetworkingIdentity to = identity_of("str:host");
    HSteamNetConnection *handles = calloc((size_t)connections, sizeof *handles);
    HSteamNetPollGroup group = host.flat->ISteamNetworkingSockets_CreatePollGroup(host.sockets);
    SteamNetworkingMessage_t *batch[BATCH];
    static const char payload[64] = "sixty-four bytes";
    int sent = 0, got = 0, accepted = 0;
    clock_t start;
    long before;
    set_int(&client, k_ESteamNetworkingConfig_SendRateMin, 1, 0, 268435456);
    set_int(&client, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 268435456);
    S(host, CreateListenSocketP2P, 7, 0, NULL);
    for (int i = 0; i < connections; i++)
        handles[i] = S(client, ConnectP2P, &to, 7, 0, NULL);
    while (accepted < connections || state_of(&client, handles[0]) != CONNECTED) {
        sn_event event;
        while (next_event(&host, &event))
            if (event.info.m_eState == CONNECTING) {
                accepted += S(host, AcceptConnection, event.connection) == k_EResultOK;
                S(host, SetConnectionPollGroup, event.connection, group);
            }
    }
    before = resident_kilobytes();
    start = clock();
    while (got < total) {
        int count;
        for (int i = 0; i < BATCH && sent < total && sent - got < 900; i++, sent++)
            S(client, SendMessageToConnection, handles[sent % connections], payload, 64, RELIABLE,
              NULL);
        count = S(host, ReceiveMessagesOnPollGroup, group, batch, BATCH);
        for (int i = 0; i < count; i++)
            batch[i]->m_pfnRelease(batch[i]);
        got += count;
        if (count == 0)
            sn_sleep(50);
    }
    printf("%d messages of 64 bytes over %d connections: %.3f us of processor time each, %ld KiB "
           "more\n",
           total, connections, microseconds_since(start) / total, resident_kilobytes() - before);
    start = clock();
    for (int i = 0; i < total; i++)
        S(host, ReceiveMessagesOnPollGroup, group, batch, BATCH);
    printf("%d empty polls: %.3f us each\n", total, microseconds_since(start) / total);
    free(handles);
    close_user(&client);
    close_user(&host);
}

static void speed(void)
{
    section = "speed";
    measure(1, 1000000);
    measure(1000, 1000000);
}

static int play(const char *role)
{
    if (strcmp(role, "echo") == 0)
        return echo_role();
    if (strcmp(role, "session") == 0)
        return session_role();
    if (strcmp(role, "deaf") == 0 || strcmp(role, "frozen") == 0)
        deaf_role(strcmp(role, "frozen") == 0);
    if (strcmp(role, "sleep") == 0)
        return sleep_role();
    if (strcmp(role, "visit") == 0) {
        user who = open_user("str:visitor");
        connect_out(&who, "str:host");
        return 0;
    }
    if (strcmp(role, "speed") == 0) {
        speed();
        return failures > 0;
    }
    return linger_role(strcmp(role, "linger") == 0);
}

int main(int argument_count, char **arguments)
{
    program = arguments[0];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (argument_count > 1)
        return play(arguments[1]);
    check_states();
    check_reject_and_cancel();
    check_own_identity();
    check_timeouts();
    check_late_listener();
    check_bad_handles();
    check_messages();
    check_limits();
    check_close_and_linger();
    check_hasty_goodbye();
    check_poll_groups();
    check_lanes();
    check_simulation();
    check_blackout_passes();
    check_config();
    check_status();
    check_status_afterwards();
    check_rates();
    check_ip();
    check_symmetric();
    check_sessions();
    check_full_session(false);
    check_full_session(true);
    check_session_between_processes();
    check_echo();
    check_killed();
    check_visitors();
    check_deaf_peer();
    check_frozen_peer();
    check_hostile();
    check_two_closes();
    check_unheard();
    check_other_clock();
    check_flood();
    check_acks_unread();
    check_crossing_links();
    check_false_acks();
    check_directory();
    check_fork();
    check_threads();
    check_callback_set_elsewhere();
    check_memory_failures();
    check_call_without_memory();
    check_session_without_memory();
    check_many_users();
    printf("%d checks, %d failed\n", checks, failures);
    return failures > 0;
}
