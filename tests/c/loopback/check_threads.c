/* Checks of threads and of memory that runs short. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

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

void check_threads(void)
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

/* A little of everything; whatever fails must fail politely. */
static void do_everything(void)
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
            send_to_user(&both[1], "str:host", "session", RELIABLE, i);
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
void check_callback_set_elsewhere(void)
{
    user a = open_user("str:a"), b = open_user("str:b");
    SteamNetworkingIdentity as_a = identity_of("str:a");
    pthread_t thread;
    int done = 0;
    section = "a callback set elsewhere";
    settled = false;
    CHECK(pthread_create(&thread, NULL, set_callbacks, &b) == 0);
    for (int i = 0; i < 50; i++) {
        /* The session before was rejected. */
        CHECK(send_to_user(&a, "str:b", "x",
                           RELIABLE | k_nSteamNetworkingSend_AutoRestartBrokenSession, 0) == k_EResultOK);
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

void check_memory_failures(void)
{
    section = "memory failures";
    for (long n = 0; n < 200; n++) {
        allocations_left = n;
        sn_loopback_malloc = limited_malloc;
        do_everything(); /* the sanitizers check the rest */
        sn_loopback_malloc = malloc;
    }
    allocations_left = 100000;
    sn_loopback_malloc = limited_malloc;
    do_everything();
    sn_loopback_malloc = malloc;
    printf("  a little of everything takes %ld allocations\n", 100000 - allocations_left);
    CHECK(allocations_left < 100000 - 50);
}

/* A call to another process that one allocation is missing for is made on the same link later. */
void check_call_without_memory(void)
{
    pid_t child = start_role("echo");
    SteamNetworkingIdentity echo = identity_of("str:echo");
    section = "a call without memory";
    sn_socket there = SN_NO_SOCKET;
    for (int i = 0; i < 1000 && (there = connect_stranger(LO_KIND_P2P, "str:echo", 7)) == SN_NO_SOCKET; i++)
        sn_sleep(10000);
    if (CHECK(there != SN_NO_SOCKET))
        sn_socket_close(there);
    for (long n = 6; n < 12; n++) {
        user who = open_user("str:caller");
        HSteamNetConnection connection;
        allocations_left = n;
        sn_loopback_malloc = failing_malloc;
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
