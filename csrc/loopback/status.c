/* What can be asked about a connection: info, real-time status, the long text, names. */
#include "loopback.h"

#include <stdio.h>
#include <string.h>

/* Like Valve's clock: monotonic microseconds, from 3,000,000 seconds on. */
SteamNetworkingMicroseconds lo_timestamp(int64_t now)
{
    static _Atomic int64_t start;
    int64_t first = 0;
    if (atomic_load(&start) == 0)
        atomic_compare_exchange_strong(&start, &first, now);
    return INT64_C(3000000000000) + now - atomic_load(&start);
}

/* --- rates ---------------------------------------------------------------------------------- */

static void turn(lo_meter *meter, int64_t now)
{
    int64_t slot = now / (1000000 / LO_SLOTS);
    for (int i = 0; i <= LO_SLOTS && meter->slot < slot; i++) {
        meter->past[meter->slot++ % LO_SLOTS] = meter->present;
        meter->present = (struct lo_flow){0, 0};
    }
    if (meter->slot < slot)
        meter->slot = slot;
}

void lo_measure(lo_meter *meter, int64_t now, int bytes)
{
    turn(meter, now);
    meter->present.packets += (uint32_t)(1 + (bytes - 1) / LO_PACKET_BYTES);
    meter->present.bytes += (uint32_t)bytes;
}

/* A whole second, up to the slot under way: bursts count as often as they were. */
static void rates(lo_meter *meter, float *packets, float *bytes)
{
    struct lo_flow sum = {0, 0};
    turn(meter, lo.now);
    for (int i = 0; i < LO_SLOTS; i++) {
        sum.packets += meter->past[i].packets;
        sum.bytes += meter->past[i].bytes;
    }
    *packets = (float)sum.packets;
    *bytes = (float)sum.bytes;
}

/* --- info ----------------------------------------------------------------------------------- */

static void describe(const lo_connection *connection,
                     char text[k_cchSteamNetworkingMaxConnectionDescription])
{
    char who[SN_IDENTITY_SIZE], where[SN_ADDRESS_SIZE], whole[512], *end = whole;
    size_t room = sizeof whole;
    sn_identity_format(&connection->remote, who, sizeof who);
    sn_address_format(&connection->address, where, sizeof where, true);
    if (connection->manner == LO_P2P)
        end += snprintf(end, room, "#%u P2P loopback %s vport %d", connection->ordinal, who,
                        connection->port);
    else if (connection->manner == LO_IP)
        end += snprintf(end, room, "#%u UDP loopback %s@%s", connection->ordinal, who, where);
    else
        end += snprintf(end, room, "#%u %s loopback %s", connection->ordinal,
                        connection->manner == LO_PAIR ? "pair" : "messages", who);
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
    if (connection->manner == LO_PAIR)
        flags |= k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers;
    if (connection->state == LO_CONNECTED || connection->manner == LO_IP)
        flags |= k_nSteamNetworkConnectionInfoFlags_Fast;
    return flags;
}

void lo_fill_info(const lo_connection *connection, SteamNetConnectionInfo_t *info)
{
    bool visible = connection->listener != NULL && connection->manner != LO_SESSION;
    memset(info, 0, sizeof *info);
    info->m_identityRemote = connection->remote;
    info->m_nUserData = lo_config(&connection->scope, LO_ConnectionUserData)->int64;
    info->m_hListenSocket = visible ? connection->listener->object.handle : 0;
    info->m_addrRemote = connection->address;
    info->m_eState = connection->state;
    info->m_eEndReason = connection->end_reason;
    memcpy(info->m_szEndDebug, connection->end_text, sizeof info->m_szEndDebug);
    describe(connection, info->m_szConnectionDescription);
    info->m_nFlags = info_flags(connection);
}

bool lo_GetConnectionInfo(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                          SteamNetConnectionInfo_t *pInfo)
{
    lo_connection *connection = lo_enter_connection(self, hConn);
    if (connection != NULL && pInfo != NULL)
        lo_fill_info(connection, pInfo);
    lo_leave();
    return connection != NULL;
}

/* --- real-time status ----------------------------------------------------------------------- */

/* How long what is sent now has to wait, with so many bytes ahead of it. */
static int64_t queue_time(const lo_connection *connection, int64_t bytes)
{
    int64_t starts = connection->link_free > lo.now ? connection->link_free - lo.now : 0;
    if (connection->state != LO_CONNECTED)
        return INT64_MAX;
    return starts + bytes * 1000000 / lo_rate(connection);
}

static int unacknowledged(const lo_lane *lane)
{
    return (int)(lane->sent[true].bytes - lane->acked[true].bytes);
}

static int64_t waiting(const lo_lane *lane)
{
    return lane->pending[false].bytes + lane->pending[true].bytes;
}

/* What leaves before the end of a lane: all that is more urgent, and of its equals (the lane is
 * one itself) as much as their weights let pass meanwhile. */
static int64_t ahead_of(const lo_connection *connection, const lo_lane *lane)
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

void lo_fill_status(lo_connection *connection, SteamNetConnectionRealTimeStatus_t *status)
{
    lo_weather near = lo_weather_of(connection->object.user), far = lo_far_weather(connection);
    bool connected = connection->state == LO_CONNECTED;
    int on_link = lo_on_link(connection);
    memset(status, 0, sizeof *status);
    status->m_eState = connection->state;
    status->m_nPing = connected ? (int)(lo_round_trip(connection) / 1000) : -1;
    status->m_flConnectionQualityLocal = connected ? quality(far.loss_send, near.loss_receive) : -1;
    status->m_flConnectionQualityRemote =
        connected ? quality(near.loss_send, far.loss_receive) : -1;
    rates(&connection->sent, &status->m_flOutPacketsPerSec, &status->m_flOutBytesPerSec);
    rates(&connection->received, &status->m_flInPacketsPerSec, &status->m_flInBytesPerSec);
    status->m_nSendRateBytesPerSecond = lo_rate(connection);
    for (int i = 0; i < connection->lane_count; i++) {
        status->m_cbPendingUnreliable += (int)connection->lanes[i].pending[false].bytes;
        status->m_cbPendingReliable += (int)connection->lanes[i].pending[true].bytes;
        status->m_cbSentUnackedReliable += unacknowledged(&connection->lanes[i]);
    }
    status->m_usecQueueTime = queue_time(connection, (int64_t)status->m_cbPendingUnreliable +
                                                         status->m_cbPendingReliable);
    /* What the link has not sent to its end is pending still, what is reliable of it first. */
    if (on_link > status->m_cbSentUnackedReliable) {
        status->m_cbPendingUnreliable += on_link - status->m_cbSentUnackedReliable;
        on_link = status->m_cbSentUnackedReliable;
    }
    status->m_cbPendingReliable += on_link;
    status->m_cbSentUnackedReliable -= on_link;
    status->m_usecMaxJitter = -1;
}

EResult lo_GetConnectionRealTimeStatus(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                       SteamNetConnectionRealTimeStatus_t *pStatus, int nLanes,
                                       SteamNetConnectionRealTimeLaneStatus_t *pLanes)
{
    lo_connection *connection = lo_enter_connection(self, hConn);
    EResult result = k_EResultOK;
    if (connection == NULL)
        result = k_EResultNoConnection;
    else if (nLanes < 0 || nLanes > connection->lane_count || (nLanes > 0 && pLanes == NULL))
        result = k_EResultInvalidParam;
    if (result == k_EResultOK && pStatus != NULL)
        lo_fill_status(connection, pStatus);
    for (int i = 0; i < nLanes && result == k_EResultOK; i++) {
        const lo_lane *lane = &connection->lanes[i];
        pLanes[i] = (SteamNetConnectionRealTimeLaneStatus_t){
            .m_cbPendingUnreliable = (int)lane->pending[false].bytes,
            .m_cbPendingReliable = (int)lane->pending[true].bytes,
            .m_cbSentUnackedReliable = unacknowledged(lane),
            .m_usecQueueTime = queue_time(connection, ahead_of(connection, lane)),
        };
    }
    lo_leave();
    return result;
}

/* --- the long text -------------------------------------------------------------------------- */

static const char *state_words(const lo_connection *connection)
{
    switch (connection->state) {
    case k_ESteamNetworkingConnectionState_Connecting:
        return "connecting";
    case k_ESteamNetworkingConnectionState_FindingRoute:
        return "finding route";
    case LO_CONNECTED:
        return "connected";
    case LO_CLOSED_BY_PEER:
        return "closed by remote host";
    default:
        return "problem detected locally";
    }
}

static int write_details(lo_connection *connection, char *text, size_t size)
{
    SteamNetConnectionRealTimeStatus_t status;
    char what[k_cchSteamNetworkingMaxConnectionDescription], end[160] = "";
    lo_weather near = lo_weather_of(connection->object.user), far = lo_far_weather(connection);
    describe(connection, what);
    lo_fill_status(connection, &status);
    if (connection->state >= LO_CLOSED_BY_PEER)
        snprintf(end, sizeof end, ", reason code %d.  (%s)", connection->end_reason,
                 connection->end_text);
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
        state_words(connection), end, what,
        connection->link != NULL ? "another process" : "this process",
        (double)(lo.now - connection->created) / 1e6, status.m_nPing,
        (near.lag_send + far.lag_receive) / 1000, (far.lag_send + near.lag_receive) / 1000,
        (double)(100 - 100 * quality(near.loss_send, far.loss_receive)),
        (double)(100 - 100 * quality(far.loss_send, near.loss_receive)),
        (double)status.m_flOutPacketsPerSec, (double)status.m_flOutBytesPerSec / 1000,
        (double)status.m_nSendRateBytesPerSecond / 1000, (double)status.m_flInPacketsPerSec,
        (double)status.m_flInBytesPerSec / 1000, status.m_cbPendingReliable,
        status.m_cbPendingUnreliable, status.m_cbSentUnackedReliable, connection->queue_count,
        (long long)connection->queue_bytes,
        connection->deferred.first != NULL ? " (full: more is kept back)" : "",
        connection->lane_count);
}

int lo_GetDetailedConnectionStatus(ISteamNetworkingSockets *self, HSteamNetConnection hConn,
                                   char *pszBuf, int cbBuf)
{
    lo_connection *connection = lo_enter_connection(self, hConn);
    int result = -1;
    if (connection != NULL) {
        int needed =
            write_details(connection, pszBuf, pszBuf != NULL && cbBuf > 0 ? (size_t)cbBuf : 0) + 1;
        result = pszBuf == NULL || cbBuf < needed ? needed : 0;
    }
    lo_leave();
    return result;
}

/* --- user data and names -------------------------------------------------------------------- */

bool lo_SetConnectionUserData(ISteamNetworkingSockets *self, HSteamNetConnection hPeer,
                              int64_t nUserData)
{
    lo_connection *connection = lo_enter_connection(self, hPeer);
    if (connection != NULL)
        lo_config_set(&connection->scope, LO_ConnectionUserData, (lo_value){.int64 = nUserData});
    lo_leave();
    return connection != NULL;
}

int64_t lo_GetConnectionUserData(ISteamNetworkingSockets *self, HSteamNetConnection hPeer)
{
    lo_connection *connection = lo_enter_connection(self, hPeer);
    int64_t data = -1;
    if (connection != NULL)
        data = lo_config(&connection->scope, LO_ConnectionUserData)->int64;
    lo_leave();
    return data;
}

void lo_SetConnectionName(ISteamNetworkingSockets *self, HSteamNetConnection hPeer,
                          const char *pszName)
{
    lo_connection *connection = lo_enter_connection(self, hPeer);
    if (connection != NULL)
        snprintf(connection->name, sizeof connection->name, "%s", pszName != NULL ? pszName : "");
    lo_leave();
}

bool lo_GetConnectionName(ISteamNetworkingSockets *self, HSteamNetConnection hPeer, char *pszName,
                          int nMaxLen)
{
    lo_connection *connection = lo_enter_connection(self, hPeer);
    if (connection != NULL && pszName != NULL && nMaxLen > 0)
        snprintf(pszName, (size_t)nMaxLen, "%s", connection->name);
    lo_leave();
    return connection != NULL;
}
