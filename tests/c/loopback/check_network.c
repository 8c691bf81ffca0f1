/* Checks of the simulated network, of config values and of what status tells. */
#include "check.h"

#include <stdio.h>

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

void check_simulation(void)
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
    /* All that is reliable arrives once and in order, whatever the network does. */
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
    start = time_now();
    send_text(&m.client, m.at_client, "slow", RELIABLE);
    CHECK(await_text(&m.host, m.at_host, "slow"));
    CHECK(time_now() - start >= 50000);
    S(m.host, GetConnectionRealTimeStatus, m.at_host, &status, 0, NULL);
    CHECK(status.m_nPing == 50 && status.m_flConnectionQualityLocal == 1.0f);
    /* Nothing gets through: both sides notice. */
    set_int(&m.client, k_ESteamNetworkingConfig_TimeoutConnected, 1, 0, 200);
    set_int(&m.host, k_ESteamNetworkingConfig_TimeoutConnected, 1, 0, 250);
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 100);
    send_text(&m.client, m.at_client, "lost", RELIABLE);
    send_text(&m.host, m.at_host, "lost", RELIABLE);
    pause_for(100000);
    CHECK(state_of(&m.client, m.at_client) == CONNECTED);
    CHECK(await_state(&m.client, m.at_client, CONNECTED, PROBLEM));
    CHECK(await_state(&m.host, m.at_host, CONNECTED, PROBLEM));
    part(&m);
}

/* Links on which a packet takes longer than a time-out, in both directions: each still gets its acks in time. */
void check_slow_links(void)
{
    static const int32_t rates[] = {1024, 16384, 20000};
    enum { COUNT = 10, SIZE = 5000 };
    section = "slow links";
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        meeting m = meet();
        set_int(&m.host, k_ESteamNetworkingConfig_FakePacketLag_Send, k_ESteamNetworkingConfig_Global, 0, 1);
        set_int(&m.host, k_ESteamNetworkingConfig_SendRateMin, k_ESteamNetworkingConfig_Global, 0, rates[i]);
        set_int(&m.client, k_ESteamNetworkingConfig_SendRateMin, k_ESteamNetworkingConfig_Global, 0, rates[i]);
        for (int j = 0; j < COUNT; j++) {
            CHECK(send_size(&m.host, m.at_host, SIZE, RELIABLE, NULL) == k_EResultOK);
            CHECK(send_size(&m.client, m.at_client, SIZE, RELIABLE, NULL) == k_EResultOK);
        }
        pause_for(INT64_C(1500000) * COUNT * SIZE / rates[i]);
        CHECK(drain(&m.client, m.at_client, COUNT, 0) == COUNT);
        CHECK(drain(&m.host, m.at_host, COUNT, 0) == COUNT);
        part(&m);
    }
}

void check_blackout_passes(void)
{
    meeting m = meet();
    section = "a blackout passes";
    set_float(&m.client, k_ESteamNetworkingConfig_FakePacketLoss_Send, 100);
    for (int i = 0; i < 20; i++) {
        send_size(&m.client, m.at_client, 10, RELIABLE, NULL);
        pause_for(5000);
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

void check_config(void)
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

void check_status(void)
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
void check_status_afterwards(void)
{
    meeting m = meet();
    SteamNetConnectionRealTimeStatus_t status;
    section = "status afterwards";
    set_int(&m.client, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 50);
    CHECK(send_size(&m.client, m.at_client, 1000, RELIABLE, NULL) == k_EResultOK);
    pause_for(2000);
    sn_pump(m.client.engine);
    S(m.host, CloseConnection, m.at_host, 0, NULL, false);
    pause_for(100000);
    CHECK(S(m.client, GetConnectionRealTimeStatus, m.at_client, &status, 0, NULL) == k_EResultOK);
    CHECK(status.m_eState == CLOSED_BY_PEER && status.m_cbPendingReliable == 0 &&
          status.m_cbPendingUnreliable == 0 && status.m_cbSentUnackedReliable == 0);
    part(&m);
}

/* Two bursts a second are two bursts a second, whenever one asks. */
void check_rates(void)
{
    meeting m = meet();
    SteamNetConnectionRealTimeStatus_t out, in;
    int64_t start = time_now() / 62500 * 62500 + 72500, next = start; /* inside one of its slots */
    int right = 0, over = 0, asked = 0;
    section = "rates";
    while (time_now() < start + 1950000) {
        pause_for(5000);
        for (int i = 0; time_now() >= next; next += i++ == 9 ? 500000 : 0)
            send_size(&m.client, m.at_client, 3800, RELIABLE, NULL);
        S(m.client, GetConnectionRealTimeStatus, m.at_client, &out, 0, NULL);
        S(m.host, GetConnectionRealTimeStatus, m.at_host, &in, 0, NULL);
        over += out.m_flOutBytesPerSec > 76001 || in.m_flInBytesPerSec > 76001;
        if (time_now() < start + 1100000)
            continue;
        asked++;
        right += out.m_flOutBytesPerSec > 75999 && in.m_flInBytesPerSec > 75999 &&
                 out.m_flOutPacketsPerSec > 79.9f && in.m_flInPacketsPerSec < 80.1f;
    }
    CHECK(over <= asked / 4 && right >= asked * 3 / 4);
    CHECK(drain(&m.host, m.at_host, 40, 100) == 40);
    part(&m);
}
