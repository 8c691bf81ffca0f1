/* What the application can ask of a connection: its info, its real-time status, the long text. */
#include "status.h"

#include <stdio.h>
#include <string.h>

#include "network_sim.h"
#include "send.h"

static void describe(const lo_connection *connection,
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
    info->m_eEndReason = connection->end.reason;
    memcpy(info->m_szEndDebug, connection->end.text, sizeof info->m_szEndDebug);
    describe(connection, info->m_szConnectionDescription);
    info->m_nFlags = info_flags(connection);
}

/* --- real-time status ---------------------------------------------------------------------- */

/* How long a message that is sent now waits behind so many bytes. */
static int64_t queue_time(const lo_connection *connection, int64_t bytes)
{
    int64_t starts = connection->link_idle_at > lo.now ? connection->link_idle_at - lo.now : 0;
    if (connection->state != LO_CONNECTED)
        return INT64_MAX;
    return starts + bytes * 1000000 / connection->settings.send_rate;
}

static int64_t waiting(const lo_lane *lane)
{
    return lane->pending[false].bytes + lane->pending[true].bytes;
}

/* Bytes that leave before the end of a lane: of more urgent lanes all, of lanes of its own priority as
 * many as their weights allow meanwhile. */
static int64_t bytes_ahead(const lo_connection *connection, const lo_lane *lane)
{
    int64_t ahead = 0;
    for (int i = 0; i < connection->lane_count; i++) {
        const lo_lane *other = &connection->lanes[i];
        int64_t bytes = other->priority <= lane->priority ? waiting(other) : 0;
        int64_t meanwhile = waiting(lane) * other->weight / lane->weight;
        if (other->priority == lane->priority && meanwhile < bytes)
            bytes = meanwhile;
        ahead += bytes;
    }
    return ahead;
}

/* The share of packets that the simulated network lets through, one way. */
static float quality(float lost_leaving, float lost_arriving)
{
    return (1 - lost_leaving / 100) * (1 - lost_arriving / 100);
}

void lo_fill_status(const lo_connection *connection, SteamNetConnectionRealTimeStatus_t *status)
{
    lo_conditions local = lo_local_conditions(connection), remote = lo_remote_conditions(connection);
    bool connected = connection->state == LO_CONNECTED;
    int on_link = lo_on_link(connection);
    memset(status, 0, sizeof *status);
    status->m_eState = connection->state;
    status->m_nPing = connected ? (int)(lo_round_trip(connection) / 1000) : -1;
    status->m_flConnectionQualityLocal = connected ? quality(remote.loss_send, local.loss_receive) : -1;
    status->m_flConnectionQualityRemote =
        connected ? quality(local.loss_send, remote.loss_receive) : -1;
    lo_rates(&connection->sent, lo.now, &status->m_flOutPacketsPerSec, &status->m_flOutBytesPerSec);
    lo_rates(&connection->received, lo.now, &status->m_flInPacketsPerSec, &status->m_flInBytesPerSec);
    status->m_nSendRateBytesPerSecond = connection->settings.send_rate;
    for (int i = 0; i < connection->lane_count; i++) {
        status->m_cbPendingUnreliable += (int)connection->lanes[i].pending[false].bytes;
        status->m_cbPendingReliable += (int)connection->lanes[i].pending[true].bytes;
        status->m_cbSentUnackedReliable += (int)connection->lanes[i].unacked.bytes;
    }
    status->m_usecQueueTime = queue_time(connection, (int64_t)status->m_cbPendingUnreliable +
                                                         status->m_cbPendingReliable);
    /* Bytes that the link has not sent yet are still pending, reliable ones first. */
    if (on_link > status->m_cbSentUnackedReliable) {
        status->m_cbPendingUnreliable += on_link - status->m_cbSentUnackedReliable;
        on_link = status->m_cbSentUnackedReliable;
    }
    status->m_cbPendingReliable += on_link;
    status->m_cbSentUnackedReliable -= on_link;
    status->m_usecMaxJitter = -1;
}

void lo_fill_lane_status(const lo_connection *connection, const lo_lane *lane,
                         SteamNetConnectionRealTimeLaneStatus_t *status)
{
    *status = (SteamNetConnectionRealTimeLaneStatus_t){
        .m_cbPendingUnreliable = (int)lane->pending[false].bytes,
        .m_cbPendingReliable = (int)lane->pending[true].bytes,
        .m_cbSentUnackedReliable = (int)lane->unacked.bytes,
        .m_usecQueueTime = queue_time(connection, bytes_ahead(connection, lane)),
    };
}

/* --- the long text ------------------------------------------------------------------------- */

int lo_write_details(const lo_connection *connection, char *text, size_t size)
{
    static const char *const states[] = {
        [LO_NONE] = "not begun",
        [LO_CONNECTING] = "connecting",
        [LO_FINDING_ROUTE] = "finding route",
        [LO_CONNECTED] = "connected",
        [LO_CLOSED_BY_PEER] = "closed by remote host",
        [LO_PROBLEM] = "problem detected locally",
    };
    SteamNetConnectionRealTimeStatus_t status;
    char what[k_cchSteamNetworkingMaxConnectionDescription], end[160] = "";
    lo_conditions local = lo_local_conditions(connection), remote = lo_remote_conditions(connection);
    describe(connection, what);
    lo_fill_status(connection, &status);
    if (connection->state >= LO_CLOSED_BY_PEER)
        snprintf(end, sizeof end, ", reason code %d.  (%s)", connection->end.reason,
                 connection->end.text);
    return snprintf(
        text, size,
        "End-to-end connection: %s%s\n"
        "    %s\n"
        "    Loopback engine, peer in %s, open for %.1f s\n"
        "    Ping: %d ms of simulated lag (out %d ms, in %d ms)\n"
        "    Simulated loss: out %.1f%%, in %.1f%%\n"
        "    Sent:     %8.1f packets/s %10.1f KB/s, allowed %.1f KB/s\n"
        "    Received: %8.1f packets/s %10.1f KB/s\n"
        "    Pending:  %d bytes reliable, %d bytes unreliable, %d bytes unacknowledged\n"
        "    Waiting to be received: %d messages, %lld bytes%s\n"
        "    Lanes: %d\n",
        states[connection->state], end, what,
        connection->link != NULL ? "another process" : "this process",
        (double)(lo.now - connection->created) / 1e6, status.m_nPing,
        (local.lag_send + remote.lag_receive) / 1000, (remote.lag_send + local.lag_receive) / 1000,
        (double)(100 - 100 * quality(local.loss_send, remote.loss_receive)),
        (double)(100 - 100 * quality(remote.loss_send, local.loss_receive)),
        (double)status.m_flOutPacketsPerSec, (double)status.m_flOutBytesPerSec / 1000,
        (double)status.m_nSendRateBytesPerSecond / 1000, (double)status.m_flInPacketsPerSec,
        (double)status.m_flInBytesPerSec / 1000, status.m_cbPendingReliable,
        status.m_cbPendingUnreliable, status.m_cbSentUnackedReliable, connection->queue_count,
        (long long)connection->queue_bytes,
        connection->deferred.first != NULL ? " (full: more is kept back)" : "",
        connection->lane_count);
}
