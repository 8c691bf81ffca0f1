/* Checks of a connection's life: states, time-outs, closing, listening, symmetric connects. */
#include "check.h"

#include <stdio.h>

void check_states(void)
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
    pause_for(2000);
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
    pause_for(1000);
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

void check_reject_and_cancel(void)
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

void check_own_identity(void)
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
    pause_for(1000);
    CHECK(send_text(&self, outgoing, "me", RELIABLE) == k_EResultOK);
    CHECK(await_text(&self, incoming, "me"));
    close_user(&self);
}

void check_timeouts(void)
{
    user host = open_user("str:host"), client = open_user("str:client"), deaf = open_user("str:nobody");
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
    event = await_event(&client, 1000); /* the host's time-out is over first, and the caller is told */
    CHECK(event.connection == ignored && event.info.m_eState == CLOSED_BY_PEER &&
          event.info.m_eEndReason == 5003);
    CHECK(strncmp(event.info.m_szEndDebug, "App didn't accept", 17) == 0);
    event = await_event(&client, 1000);
    CHECK(event.connection == lonely && event.info.m_eState == PROBLEM &&
          event.info.m_eEndReason == 5003);
    CHECK(strcmp(event.info.m_szEndDebug, "Timed out attempting to connect") == 0);
    (void)await_event(&host, 1000);
    event = await_event(&host, 1000);
    CHECK(event.info.m_eState == PROBLEM && event.info.m_eEndReason == 5003);
    CHECK(strncmp(event.info.m_szEndDebug, "App didn't accept", 17) == 0);
    close_user(&host);
    close_user(&client);
    close_user(&deaf);
}

void check_late_listener(void)
{
    user host = open_user("str:host"), client = open_user("str:client");
    SteamNetworkingIdentity to = identity_of("str:host");
    HSteamNetConnection at_client = S(client, ConnectP2P, &to, 4, 0, NULL);
    sn_event event;
    section = "late listener";
    pause_for(150000);
    sn_pump(client.engine);
    CHECK(S(host, CreateListenSocketP2P, 4, 0, NULL) != 0);
    event = await_event(&host, 1000);
    CHECK(S(host, AcceptConnection, event.connection) == k_EResultOK);
    pause_for(2000);
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

void check_bad_handles(void)
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

void check_close_and_linger(void)
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

/* Without linger the peer is told at once, whatever is still under way or has no room. */
void check_close_without_linger(void)
{
    meeting m = meet();
    int sent, got;
    section = "a close without linger";
    set_int(&m.client, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 10000);
    CHECK(send_size(&m.client, m.at_client, 100000, RELIABLE, NULL) == k_EResultOK);
    pause_for(1000);
    sn_pump(m.client.engine);
    CHECK(S(m.client, CloseConnection, m.at_client, 1001, "in haste", false));
    CHECK(await_close(&m.host, 1001, 100) && drain(&m.host, m.at_host, 1, 20) == 0);
    set_int(&m.client, k_ESteamNetworkingConfig_SendRateMax, 1, 0, 33554432);
    /* What had reached the queue can be read, what had no room there is lost. */
    connect_them(&m);
    sent = fill(&m.client, m.at_client, 4096);
    CHECK(S(m.client, CloseConnection, m.at_client, 1002, "too slow", false));
    CHECK(await_close(&m.host, 1002, 100));
    got = drain(&m.host, m.at_host, sent, 20);
    CHECK(got == 1048576 / (4096 + LO_OVERHEAD) && got < sent);
    /* With linger it comes after all that, however late that is read. */
    set_int(&m.host, k_ESteamNetworkingConfig_TimeoutConnected, 1, 0, 50);
    set_int(&m.host, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    connect_them(&m);
    for (int i = 0; i < 4; i++)
        CHECK(send_size(&m.client, m.at_client, 10, RELIABLE, NULL) == k_EResultOK);
    CHECK(S(m.client, CloseConnection, m.at_client, 1003, "all said", true));
    pause_for(10000);
    CHECK(!await_close(&m.host, 1003, 200) && state_of(&m.host, m.at_host) == CONNECTED);
    CHECK(drain(&m.host, m.at_host, 4, 1000) == 4 && await_close(&m.host, 1003, 100));
    part(&m);
}

static int closing(user *who, sn_closing *out)
{
    return sn_closing_connections(who->engine, out, 4);
}

/* What the peer has not acknowledged can be asked for, and is reported when it cannot arrive. */
void check_undelivered(void)
{
    meeting m = meet();
    sn_closing left[4];
    section = "undelivered messages";
    set_int(&m.host, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    CHECK(closing(&m.client, left) == 0 && sn_abandoned_connections(m.client.engine, left, 4) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(send_size(&m.client, m.at_client, 100, RELIABLE, NULL) == k_EResultOK);
    CHECK(send_size(&m.client, m.at_client, 100, UNRELIABLE, NULL) == k_EResultOK);
    CHECK(closing(&m.client, left) == 1 && left[0].messages == 5 && left[0].bytes == 500);
    CHECK(left[0].connection == m.at_client && strcmp(left[0].peer.m_szGenericString, "host") == 0);
    pause_for(2000);
    /* Two are in the queue, three wait for room. */
    CHECK(closing(&m.client, left) == 1 && left[0].messages == 3);
    CHECK(S(m.client, CloseConnection, m.at_client, 0, NULL, true));
    CHECK(closing(&m.client, left) == 1 && left[0].messages == 3 && left[0].connection == m.at_client);
    CHECK(drain(&m.host, m.at_host, 5, 1000) == 5);
    CHECK(await_close(&m.host, 1000, 1000));
    for (int i = 0; i < 100 && closing(&m.client, left) > 0; i++)
        pause_for(1000);
    CHECK(closing(&m.client, left) == 0 && sn_abandoned_connections(m.client.engine, left, 4) == 0);
    /* The peer closes without reading. */
    connect_them(&m);
    for (int i = 0; i < 5; i++)
        CHECK(send_size(&m.client, m.at_client, 100, RELIABLE, NULL) == k_EResultOK);
    CHECK(S(m.client, CloseConnection, m.at_client, 0, NULL, true));
    pause_for(2000);
    sn_pump(m.host.engine);
    CHECK(S(m.host, CloseConnection, m.at_host, 0, NULL, false));
    pause_for(2000);
    CHECK(closing(&m.client, left) == 0);
    CHECK(sn_abandoned_connections(m.client.engine, left, 4) == 1 && left[0].messages == 3);
    CHECK(left[0].bytes == 300 && strcmp(left[0].peer.m_szGenericString, "host") == 0);
    CHECK(sn_abandoned_connections(m.client.engine, left, 4) == 0);
    /* The peer's engine stops before anything has arrived. */
    forget_events(&m.host);
    connect_them(&m);
    CHECK(send_size(&m.client, m.at_client, 100, RELIABLE, NULL) == k_EResultOK);
    CHECK(S(m.client, CloseConnection, m.at_client, 0, NULL, true));
    close_user(&m.host);
    pause_for(2000);
    CHECK(closing(&m.client, left) == 0);
    CHECK(sn_abandoned_connections(m.client.engine, left, 4) == 1 && left[0].messages == 1);
    /* Closed without linger nothing is reported: that is what the application asked for. */
    m.host = open_user("str:host");
    m.listen = S(m.host, CreateListenSocketP2P, 7, 0, NULL);
    connect_them(&m);
    CHECK(send_size(&m.client, m.at_client, 100, RELIABLE, NULL) == k_EResultOK);
    CHECK(S(m.client, CloseConnection, m.at_client, 0, NULL, false));
    CHECK(closing(&m.client, left) == 0 && sn_abandoned_connections(m.client.engine, left, 4) == 0);
    part(&m);
}

void check_ip(void)
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

void check_symmetric(void)
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
