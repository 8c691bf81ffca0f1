/* Checks with many users, and the measurement of speed. */
#include "check.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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
        pause_for(100);
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

void check_many_users(void)
{
    double few, many;
    section = "many users";
    few = seconds_for(250);
    many = seconds_for(1000);
    printf("  250 users %.3f s, 1000 users %.3f s\n", few, many);
    CHECK(many < few * 4 * 4);
}

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

void speed(void)
{
    section = "speed";
    measure(1, 1000000);
    measure(1000, 1000000);
}
