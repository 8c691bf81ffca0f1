/* What SteamNetConnectionInfo_t says about a connection. */
#include "connection_info.h"

#include <stdio.h>
#include <string.h>

void lo_describe(const lo_connection *connection,
                     char text[k_cchSteamNetworkingMaxConnectionDescription])
{
    char who[SN_IDENTITY_SIZE], where[SN_ADDRESS_SIZE], whole[512], *end = whole;
    size_t room = sizeof whole;
    sn_identity_format(&connection->remote, who, sizeof who);
    sn_address_format(&connection->address, where, sizeof where, true);
    if (connection->kind == LO_KIND_P2P)
        end += snprintf(end, room, "#%u P2P loopback %s vport %d", connection->ordinal, who,
                        connection->port);
    else if (connection->kind == LO_KIND_IP)
        end += snprintf(end, room, "#%u UDP loopback %s@%s", connection->ordinal, who, where);
    else
        end += snprintf(end, room, "#%u %s loopback %s", connection->ordinal,
                        connection->kind == LO_KIND_PAIR ? "pair" : "messages", who);
    if (connection->name[0] != '\0')
        snprintf(end, room - (size_t)(end - whole), " '%s'", connection->name);
    whole[k_cchSteamNetworkingMaxConnectionDescription - 1] = '\0';
    memcpy(text, whole, strlen(whole) + 1);
}

/* Nothing here is certified or encrypted; it never leaves the machine. */
static int info_flags(const lo_connection *connection)
{
    int flags = k_nSteamNetworkConnectionInfoFlags_Unauthenticated |
                k_nSteamNetworkConnectionInfoFlags_Unencrypted;
    if (connection->kind == LO_KIND_PAIR)
        flags |= k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers;
    if (connection->state == LO_CONNECTED || connection->kind == LO_KIND_IP)
        flags |= k_nSteamNetworkConnectionInfoFlags_Fast;
    return flags;
}

void lo_fill_info(const lo_connection *connection, SteamNetConnectionInfo_t *info)
{
    bool visible = connection->listener != NULL && connection->kind != LO_KIND_SESSION;
    memset(info, 0, sizeof *info);
    info->m_identityRemote = connection->remote;
    info->m_nUserData = connection->settings.user_data;
    info->m_hListenSocket = visible ? connection->listener->object.handle : 0;
    info->m_addrRemote = connection->address;
    info->m_eState = connection->state;
    info->m_eEndReason = connection->end_reason;
    memcpy(info->m_szEndDebug, connection->end_text, sizeof info->m_szEndDebug);
    lo_describe(connection, info->m_szConnectionDescription);
    info->m_nFlags = info_flags(connection);
}
