/* The flat functions of ISteamNetworkingSockets that move messages: sending, lanes, receiving, poll groups. */
#include "api.h"

#include <string.h>

#include "engine_loop.h"
#include "receive_queue.h"
#include "send.h"

/* --- sending ------------------------------------------------------------------------------- */

EResult lo_SendMessageToConnection(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                   const void *pData, uint32_t cbData, int nSendFlags,
                                   int64_t *pOutMessageNumber)
{
    lo_connection *connection;
    lo_packet *packet;
    EResult result = lo_packet_copy(&packet, pData, cbData);
    if (result != k_EResultOK)
        return result;
    packet->message.m_nFlags = nSendFlags;
    connection = lo_api_begin_connection(self, hConn);
    result = connection != NULL ? lo_send(connection, packet, pOutMessageNumber)
                                : (EResult)k_EResultInvalidParam;
    if (result != k_EResultOK)
        lo_release_later(packet);
    lo_api_end();
    return result;
}

static bool is_of(const lo_list *packets, HSteamNetConnection handle)
{
    const lo_packet *packet = packets->first;
    while (packet != NULL && packet->message.m_conn != handle)
        packet = packet->queued.after;
    return packet != NULL;
}

/* Sends one of several; its number, or minus what is wrong with it. */
static int64_t send_one(ISteamNetworkingSockets *self, lo_packet *packet)
{
    SteamNetworkingMessage_t *message = &packet->message;
    lo_connection *connection = lo_find_connection(self, message->m_conn);
    int64_t number;
    EResult result = k_EResultInvalidParam;
    packet->lane = message->m_idxLane;
    if (connection != NULL && (message->m_pData != NULL || message->m_cbSize <= 0))
        result = lo_send(connection, packet, &number);
    return result == k_EResultOK ? number : -(int64_t)result;
}

void lo_SendMessages(ISteamNetworkingSockets *self, int nMessages,
                     SteamNetworkingMessage_t *const *pMessages, int64_t *pOutMessageNumberOrResult,
                     bool bDeleteFailedMessages)
{
    lo_list failed = {NULL, NULL};
    lo_packet *packet;
    lo_api_begin(self);
    for (int i = 0; i < nMessages && pMessages != NULL; i++) {
        int64_t outcome = -k_EResultInvalidParam;
        packet = pMessages[i] != NULL ? lo_packet_of(pMessages[i]) : NULL;
        if (packet != NULL && !packet->taken) {
            packet->taken = true;
            /* Behind a failure, the rest of its connection is not tried. */
            if (packet->message.m_conn != 0 && is_of(&failed, packet->message.m_conn))
                outcome = 0;
            else
                outcome = send_one(self, packet);
            if (outcome <= 0) {
                LO_APPEND(&failed, packet, queued);
            } else if (!bDeleteFailedMessages) {
                SteamNetworkingMessage_t *none = NULL;
                memcpy((char *)(uintptr_t)pMessages + (size_t)i * sizeof none, &none, sizeof none);
            }
        }
        if (pOutMessageNumberOrResult != NULL)
            pOutMessageNumberOrResult[i] = outcome;
    }
    if (bDeleteFailedMessages)
        lo_release_all_later(&failed);
    while ((packet = lo_list_take(&failed)) != NULL)
        packet->taken = false;
    lo_api_end();
}

EResult lo_FlushMessagesOnConnection(ISteamNetworkingSockets *self, HSteamNetConnection hConn)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    EResult result = k_EResultOK;
    if (connection == NULL)
        result = k_EResultInvalidParam;
    else if (connection->state >= LO_CLOSED_BY_PEER)
        result = k_EResultNoConnection;
    else if (connection->state != LO_CONNECTED)
        result = k_EResultIgnored;
    else
        lo_flush(connection);
    lo_api_end();
    return result;
}

EResult lo_ConfigureConnectionLanes(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                    int nNumLanes, const int *pLanePriorities,
                                    const uint16_t *pLaneWeights)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    EResult result = k_EResultOK;
    if (connection == NULL)
        result = k_EResultNoConnection;
    else if (connection->state >= LO_CLOSED_BY_PEER)
        result = k_EResultInvalidState;
    else if (nNumLanes < connection->lane_count || nNumLanes > LO_MAX_LANES)
        result = k_EResultInvalidParam;
    for (int i = 0; i < nNumLanes && pLaneWeights != NULL && result == k_EResultOK; i++)
        if (pLaneWeights[i] == 0)
            result = k_EResultInvalidParam;
    if (result == k_EResultOK && lo_lane_at(connection, nNumLanes - 1) == NULL)
        result = k_EResultFail;
    if (result == k_EResultOK) {
        connection->lane_count = nNumLanes;
        for (int i = 0; i < nNumLanes; i++) {
            connection->lanes[i].priority = pLanePriorities != NULL ? pLanePriorities[i] : 0;
            connection->lanes[i].weight = pLaneWeights != NULL ? pLaneWeights[i] : 1;
            connection->lanes[i].virtual_time = 0;
        }
    }
    lo_api_end();
    return result;
}

/* --- receiving ----------------------------------------------------------------------------- */

int lo_ReceiveMessagesOnConnection(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                   SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    int count = connection != NULL ? 0 : -1;
    while (connection != NULL && ppOutMessages != NULL && count < nMaxMessages &&
           connection->queue.first != NULL)
        ppOutMessages[count++] = lo_dequeue(connection->queue.first);
    lo_api_end();
    return count;
}

HSteamNetPollGroup lo_CreatePollGroup(ISteamNetworkingSockets *self)
{
    lo_group *group;
    lo_api_begin(self);
    group = lo_group_new((lo_user *)self);
    if (group != NULL)
        lo_object_add(&group->object, (lo_user *)self, LO_GROUP);
    return lo_api_end_made(group);
}

bool lo_DestroyPollGroup(ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup)
{
    lo_group *group;
    lo_api_begin(self);
    group = lo_find_group(self, hPollGroup);
    if (group != NULL)
        lo_group_destroy(group);
    lo_api_end();
    return group != NULL;
}

bool lo_SetConnectionPollGroup(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                               HSteamNetPollGroup hPollGroup)
{
    lo_connection *connection = lo_api_begin_connection(self, hConn);
    lo_group *group = lo_find_group(self, hPollGroup);
    bool done = connection != NULL && (group != NULL || hPollGroup == 0);
    if (done)
        lo_change_group(connection, group);
    lo_api_end();
    return done;
}

int lo_ReceiveMessagesOnPollGroup(ISteamNetworkingSockets *self, HSteamNetPollGroup hPollGroup,
                                  SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages)
{
    lo_group *group;
    int count;
    lo_api_begin(self);
    group = lo_find_group(self, hPollGroup);
    count = group != NULL ? lo_dequeue_all(group, ppOutMessages, nMaxMessages) : -1;
    lo_api_end();
    return count;
}
