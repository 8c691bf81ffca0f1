/* Checks of messages: order, limits, poll groups, lanes. */
#include "check.h"

#include <stdio.h>

static int freed;
static void count_free(SteamNetworkingMessage_t *message)
{
    (void)message;
    freed++;
}

void check_messages(void)
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
    pause_for(1000);
    drain(&m.host, m.at_host, 1, 5000);
    CHECK(send_text(&m.client, m.at_client, "kept", RELIABLE) == k_EResultOK);
    message = await_message(&m.host, m.at_host, 1000);
    part(&m);
    CHECK(message != NULL && memcmp(message->m_pData, "kept", 4) == 0);
    if (message != NULL)
        message->m_pfnRelease(message);
}

void check_limits(void)
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
    pause_for(20000);
    sn_pump(m.host.engine);
    CHECK(drain(&m.host, m.at_host, 1500, 5000) == 1500);
    /* The receiver's limit ends the connection on both sides. */
    set_int(&m.host, k_ESteamNetworkingConfig_RecvMaxMessageSize, 4, (intptr_t)m.at_host, 100);
    CHECK(send_size(&m.client, m.at_client, 101, RELIABLE, NULL) == k_EResultOK);
    CHECK(await_state(&m.host, m.at_host, CONNECTED, PROBLEM));
    CHECK(await_state(&m.client, m.at_client, CONNECTED, CLOSED_BY_PEER));
    part(&m);
}

void check_poll_groups(void)
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
    pause_for(2000);
    CHECK(group != 0 && S(m.host, SetConnectionPollGroup, m.at_host, group));
    CHECK(S(m.host, SetConnectionPollGroup, at_host2, group) &&
          S(m.host, SetConnectionPollGroup, at_host2, group));
    CHECK(!S(m.host, SetConnectionPollGroup, at_host2, 12345));
    for (int i = 0; i < 6; i++) {
        char text[2] = {(char)('0' + i), 0};
        CHECK(send_text(i % 2 ? &second : &m.client, i % 2 ? at_second : m.at_client, text,
                        RELIABLE) == k_EResultOK);
        pause_for(1000);
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
    pause_for(1000);
    CHECK(S(second, CloseConnection, at_second, 0, NULL, false));
    pause_for(1000);
    sn_pump(m.host.engine);
    CHECK(state_of(&m.host, at_host2) == CLOSED_BY_PEER);
    CHECK(S(m.host, CloseConnection, at_host2, 0, NULL, false));
    CHECK(S(m.host, ReceiveMessagesOnPollGroup, other, batch, 16) == 0);
    close_user(&second);
    part(&m);
}

void check_lanes(void)
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
    for (int64_t end = time_now() + 2000000; count < 99 && time_now() < end;) {
        int got = S(m.host, ReceiveMessagesOnConnection, m.at_host, batch + count, 99 - count);
        count += got;
        pause_for(1000);
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

/* A lane exists at the receiver before anything comes on it, on any network. */
void check_many_lanes(void)
{
    section = "many lanes";
    for (int lag = 0; lag <= 5; lag += 5) {
        meeting m = meet();
        SteamNetworkingMessage_t *message;
        set_int(&m.client, k_ESteamNetworkingConfig_FakePacketLag_Send, 1, 0, lag);
        CHECK(S(m.client, ConfigureConnectionLanes, m.at_client, 255, NULL, NULL) == k_EResultOK);
        for (int lane = 254; lane >= 0; lane--) {
            int64_t outcome;
            message = U(m.client, AllocateMessage, 3);
            message->m_conn = m.at_client;
            message->m_idxLane = (uint16_t)lane;
            message->m_nFlags = lane % 2 ? RELIABLE : UNRELIABLE;
            S(m.client, SendMessages, 1, &message, &outcome, true);
            CHECK(outcome == 1);
        }
        CHECK(drain(&m.host, m.at_host, 255, 1000) == 255);
        part(&m);
    }
}
