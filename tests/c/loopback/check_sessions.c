/* Checks of ISteamNetworkingMessages. */
#include "check.h"

#include <stdio.h>

/* Of the connection of a session its initiator gets this one event. */
static bool await_call(user *who, const char *peer)
{
    sn_event event = await_event(who, 1000);
    return event.connection != 0 && event.old_state == NONE && event.info.m_eState == CONNECTING &&
           strcmp(event.info.m_identityRemote.m_szGenericString, peer) == 0;
}

void check_sessions(void)
{
    user a = open_user("str:a"), b = open_user("str:b"), silent = open_user("str:nobody");
    SteamNetworkingIdentity as_a = identity_of("str:a"), as_b = identity_of("str:b"),
                            nobody = identity_of("str:nobody");
    SteamNetConnectionInfo_t info;
    SteamNetworkingMessage_t *message;
    sn_event event;
    section = "sessions";
    CHECK(M(a, GetSessionConnectionInfo, &as_b, &info, NULL) == NONE);
    CHECK(!M(a, AcceptSessionWithUser, &as_b) && !M(a, CloseSessionWithUser, &as_b));
    CHECK(M(a, SendMessageToUser, NULL, "x", 1, 8, 0) == k_EResultInvalidParam);
    CHECK(send_to_user(&a, "str:b", "first", RELIABLE, 3) == k_EResultOK);
    CHECK(send_to_user(&a, "str:b", "other channel", UNRELIABLE, -1) == k_EResultOK);
    CHECK(await_call(&a, "b"));
    event = await_event(&b, 1000);
    CHECK(event.kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(strcmp(event.identity.m_szGenericString, "a") == 0);
    pause_for(2000);
    CHECK(M(b, ReceiveMessagesOnChannel, 3, &message, 1) == 0);
    CHECK(M(b, AcceptSessionWithUser, &as_a));
    CHECK(await_session_text(&b, 3, "first") && await_session_text(&b, -1, "other channel"));
    CHECK(M(b, ReceiveMessagesOnChannel, 5, &message, 1) == 0);
    CHECK(send_to_user(&b, "str:a", "back", RELIABLE, 0) == k_EResultOK && await_session_text(&a, 0, "back"));
    CHECK(M(a, GetSessionConnectionInfo, &as_b, &info, NULL) == CONNECTED &&
          info.m_hListenSocket == 0);
    CHECK(M(b, CloseSessionWithUser, &as_a) && !M(b, CloseSessionWithUser, &as_a));
    pause_for(2000);
    sn_pump(a.engine);
    CHECK(M(a, GetSessionConnectionInfo, &as_b, NULL, NULL) == NONE);
    /* An answer is consent. */
    CHECK(send_to_user(&a, "str:b", "hello", RELIABLE, 0) == k_EResultOK && await_call(&a, "b"));
    CHECK(await_event(&b, 1000).kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(send_to_user(&b, "str:a", "yes", RELIABLE, 0) == k_EResultOK);
    CHECK(await_session_text(&a, 0, "yes") && await_session_text(&b, 0, "hello"));
    CHECK(!M(a, CloseChannelWithUser, &as_b, 9) && M(a, CloseChannelWithUser, &as_b, 0));
    CHECK(M(a, GetSessionConnectionInfo, &as_b, NULL, NULL) == NONE);
    pause_for(2000);
    forget_events(&b);
    /* Both at once, each before the other's message can have arrived: one session, no request. */
    set_int(&a, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 50);
    set_int(&b, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 50);
    CHECK(send_to_user(&a, "str:b", "from a", RELIABLE, 0) == k_EResultOK &&
          send_to_user(&b, "str:a", "from b", RELIABLE, 0) == k_EResultOK);
    CHECK(await_session_text(&b, 0, "from a") && await_session_text(&a, 0, "from b"));
    CHECK(await_call(&a, "b") && await_call(&b, "a"));
    CHECK(await_event(&a, 5).kind == 0 && await_event(&b, 5).kind == 0);
    set_int(&a, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 0);
    set_int(&b, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, 0);
    /* Never answered: it fails, and stays failed until asked again. */
    set_int(&a, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 100);
    CHECK(send_to_user(&a, "str:nobody", "?", RELIABLE, 0) == k_EResultOK && await_call(&a, "nobody"));
    event = await_event(&a, 2000);
    CHECK(event.kind == k_iCallback_SteamNetworkingMessagesSessionFailed &&
          event.info.m_eEndReason == 5003);
    CHECK(send_to_user(&a, "str:nobody", "?", RELIABLE, 0) == k_EResultConnectFailed);
    CHECK(M(a, GetSessionConnectionInfo, &nobody, &info, NULL) == PROBLEM &&
          info.m_eEndReason == 5003);
    CHECK(send_to_user(&a, "str:nobody", "?", RELIABLE | k_nSteamNetworkingSend_AutoRestartBrokenSession,
              0) == k_EResultOK);
    /* To oneself. */
    CHECK(send_to_user(&a, "str:a", "note", RELIABLE, 2) == k_EResultOK && await_session_text(&a, 2, "note"));
    close_user(&silent);
    close_user(&a);
    pause_for(2000);
    CHECK(await_event(&b, 5).kind == 0); /* it was connected: it ends without a failure */
    CHECK(M(b, GetSessionConnectionInfo, &as_a, NULL, NULL) == NONE);
    close_user(&b);
}

/* A session whose end waits behind messages for which there is no room is closed here, too: by
 * itself, or with its last channel. */
void check_full_session(bool by_channel)
{
    user a = open_user("str:a"), b = open_user("str:b");
    SteamNetworkingIdentity as_a = identity_of("str:a"), as_b = identity_of("str:b");
    SteamNetworkingMessage_t *message;
    section = "a full session";
    set_int(&b, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    for (int i = 0; i < 6; i++)
        CHECK(send_to_user(&a, "str:b", "x", RELIABLE, 0) == k_EResultOK);
    CHECK(await_event(&b, 1000).kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(M(b, AcceptSessionWithUser, &as_a) && await_session_text(&b, 0, "x"));
    CHECK(M(a, CloseSessionWithUser, &as_b));
    pause_for(5000);
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

/* The connection of a session that memory was too short for times out. */
void check_session_without_memory(void)
{
    section = "a session without memory";
    for (long n = 0; n < 16; n++) {
        user a = open_user("str:a"), b = open_user("str:b");
        const lo_user *asked = (const lo_user *)b.sockets;
        set_int(&a, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 20);
        set_int(&b, k_ESteamNetworkingConfig_TimeoutInitial, 1, 0, 20);
        CHECK(send_to_user(&a, "str:b", "x", RELIABLE, 0) == k_EResultOK);
        pause_for(1000);
        allocations_left = n;
        sn_loopback_malloc = failing_malloc;
        sn_pump(b.engine);
        sn_loopback_malloc = malloc;
        close_user(&a);
        for (int i = 0; i < 100 && asked->connections.first != NULL; i++) {
            sn_pump(b.engine);
            pause_for(1000);
        }
        CHECK(asked->connections.first == NULL);
        close_user(&b);
    }
}

/* Two closes wait behind messages for which there is no room. */
void check_two_closes(void)
{
    user who = open_user("str:parent");
    SteamNetworkingIdentity from = identity_of("str:stranger");
    SteamNetworkingMessage_t *messages[8];
    sn_socket stranger;
    int count, got = 0;
    section = "two closes";
    set_int(&who, k_ESteamNetworkingConfig_RecvBufferMessages, 1, 0, 2);
    CHECK(M(who, ReceiveMessagesOnChannel, 0, messages, 1) == 0); /* it can be found from now on */
    stranger = connect_stranger(LO_KIND_SESSION, "str:parent", 0);
    send_request_to(stranger, LO_KIND_SESSION, 0, 0);
    CHECK(await_event(&who, 1000).kind == k_iCallback_SteamNetworkingMessagesSessionRequest);
    CHECK(M(who, AcceptSessionWithUser, &from));
    for (int i = 1; i <= 5; i++)
        send_empty(stranger, LO_DATA, i);
    for (int i = 0; i < 2; i++)
        send_frame(stranger, (lo_frame){.kind = LO_CONNECTION_CLOSED, .reliable = true, .send_time = time_now()},
                   &(lo_close_body){.reason = 1000}, sizeof(lo_close_body));
    for (int i = 0; i < 20; i++) {
        sn_pump(who.engine);
        pause_for(200);
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
