/* Checks between processes: each role is another process of ours. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Accepts all, sends everything back, until it receives "stop". */
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

/* Accepts one connection and never reads, or does nothing more at all. */
static void unread_role(bool frozen)
{
    user who = open_user("str:unread");
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

/* Connects to the parent, sends 200 messages and closes: with linger, or without while the first
 * of them still takes 10 s; ... */
static int linger_role(bool linger)
{
    user who = open_user("str:guest");
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
    user who = open_user("str:guest");
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

void check_session_between_processes(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("session");
    section = "a session between processes";
    CHECK(send_to_user(&who, "str:answerer", "hello", RELIABLE, 4) == k_EResultOK);
    CHECK(await_session_text(&who, -7, "hello"));
    CHECK(send_to_user(&who, "str:answerer", "stop", RELIABLE, 4) == k_EResultOK);
    CHECK(await_session_text(&who, -7, "stop"));
    CHECK(finish(child, 0) == 0);
    close_user(&who);
}

void check_echo(void)
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
    /* No other process may listen there. */
    user second = open_user("str:echo");
    CHECK(S(second, CreateListenSocketP2P, 7, 0, NULL) == 0);
    close_user(&second);
    send_text(&who, connection, "stop", RELIABLE);
    CHECK(finish(child, 0) == 0);
    CHECK(await_state(&who, connection, CONNECTED, PROBLEM));
    CHECK(await_text(&who, connection, "stop"));
    close_user(&who);
}

void check_killed(void)
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
    /* What it left behind does no harm. */
    child = start_role("echo");
    connection = connect_out(&who, "str:echo");
    CHECK(send_text(&who, connection, "again", RELIABLE) == k_EResultOK);
    CHECK(await_text(&who, connection, "again"));
    finish(child, SIGKILL);
    close_user(&who);
}

void check_guests(void)
{
    user who = open_user("str:parent");
    pid_t child;
    HSteamNetConnection connection;
    sn_event event;
    int got;
    section = "guests";
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
    /* Killed while its request waits. */
    child = start_role("sleep");
    connection = await_event(&who, 5000).connection;
    finish(child, SIGKILL);
    CHECK(await_state(&who, connection, CONNECTING, PROBLEM));
    close_user(&who);
}

void check_unread_peer(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("unread");
    HSteamNetConnection connection = connect_out(&who, "str:unread");
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
void check_frozen_peer(void)
{
    user who = open_user("str:parent");
    pid_t child = start_role("frozen");
    HSteamNetConnection connection = connect_out(&who, "str:unread");
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

void check_directory(void)
{
    char directory[] = "/tmp/steamnet-check-XXXXXX", path[400], before[400], error[SN_ERROR_SIZE];
    const char *given = getenv("STEAMNET_LOOPBACK_DIR");
    section = "the directory";
    snprintf(before, sizeof before, "%s", given != NULL ? given : "");
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
    setenv("STEAMNET_LOOPBACK_DIR", before, 1); /* "" is none; other programs meet elsewhere */
}

static int freed;
static void count_freed(SteamNetworkingMessage_t *message) { freed += message->m_cbSize; }

/* What another thread of the parent was about to release at the fork stays the parent's. */
static void check_fork_amid_a_call(user *who, int messages)
{
    pid_t child;
    for (int i = 0; i < messages; i++) {
        lo_packet *packet = lo_packet_new(LO_DATA, 1);
        packet->message.m_pfnFreeData = count_freed;
        lo_release_later(packet);
    }
    freed = 0;
    child = fork();
    if (child == 0) {
        user mine;
        sn_detach_after_fork(who->engine);
        sn_loopback_after_fork();
        mine = open_user("str:child");
        close_user(&mine);
        _exit(freed);
    }
    CHECK(finish(child, 0) == 0);
    sn_pump(who->engine);
    CHECK(freed == messages);
}

void check_fork(void)
{
    meeting m;
    pid_t child;
    section = "fork";
    m = meet();
    for (int messages = 0; messages < 4; messages++)
        check_fork_amid_a_call(&m.host, messages);
    child = fork();
    if (child == 0) {
        meeting mine;
        sn_detach_after_fork(m.host.engine);
        sn_detach_after_fork(m.client.engine);
        sn_loopback_after_fork();
        check_failures = 0;
        mine = (meeting){.host = open_user("str:other host"), .client = open_user("str:client")};
        mine.listen = S(mine.host, CreateListenSocketP2P, 7, 0, NULL);
        connect_them(&mine);
        send_text(&mine.client, mine.at_client, "child", RELIABLE);
        CHECK(await_text(&mine.host, mine.at_host, "child"));
        part(&mine);
        _exit(check_failures);
    }
    CHECK(finish(child, 0) == 0);
    CHECK(send_text(&m.client, m.at_client, "parent", RELIABLE) == k_EResultOK);
    CHECK(await_text(&m.host, m.at_host, "parent"));
    child = start_role("visit"); /* and the parent can still be found */
    CHECK(await_event(&m.host, 5000).info.m_eState == CONNECTING);
    finish(child, SIGKILL);
    part(&m);
}

int play_role(const char *role)
{
    if (strcmp(role, "echo") == 0)
        return echo_role();
    if (strcmp(role, "session") == 0)
        return session_role();
    if (strcmp(role, "unread") == 0 || strcmp(role, "frozen") == 0)
        unread_role(strcmp(role, "frozen") == 0);
    if (strcmp(role, "sleep") == 0)
        return sleep_role();
    if (strcmp(role, "visit") == 0) {
        user who = open_user("str:guest");
        connect_out(&who, "str:host");
        return 0;
    }
    if (strcmp(role, "speed") == 0) {
        speed();
        return check_failures > 0;
    }
    return linger_role(strcmp(role, "linger") == 0);
}
