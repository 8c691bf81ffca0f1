/* The simulated network: what the FakePacket values do to a packet on its way.
 *
 * Chance is drawn from the user's seed and from which packet it is (connection, lane,
 * number), never from the time: the same seed loses the same packets.
 */
#include "loopback.h"

/* --- parameters ---------------------------------------------------------------------------------- */

static float real(const lo_user *user, int key) { return lo_config(&user->global, key)->real; }

static int32_t milliseconds(const lo_user *user, int key)
{
    return lo_config(&user->global, key)->int32 * 1000;
}

#define SKY(user, way)                                                                             \
    (lo_sky)                                                                                       \
    {                                                                                              \
        .loss = real(user, LO_FakePacketLoss_##way),                                               \
        .lag = milliseconds(user, LO_FakePacketLag_##way),                                         \
        .reorder = real(user, LO_FakePacketReorder_##way),                                         \
        .reorder_time = milliseconds(user, LO_FakePacketReorder_Time),                             \
        .jitter = (int32_t)(real(user, LO_FakePacketJitter_##way##_Avg) * 1000),                   \
        .jitter_most = (int32_t)(real(user, LO_FakePacketJitter_##way##_Max) * 1000),              \
        .jitter_share = real(user, LO_FakePacketJitter_##way##_Pct),                               \
        .rate = lo_config(&user->global, LO_FakeRateLimit_##way##_Rate)->int32,                    \
        .burst = lo_config(&user->global, LO_FakeRateLimit_##way##_Burst)->int32,                  \
    }

static bool is_clear(const lo_sky *sky)
{
    return sky->loss <= 0 && sky->lag <= 0 && sky->reorder <= 0 && sky->jitter <= 0 &&
           sky->rate <= 0;
}

void lo_sky_changed(lo_user *user)
{
    user->sky_send = SKY(user, Send);
    user->sky_receive = SKY(user, Recv);
    user->sky_send.clear = is_clear(&user->sky_send);
    user->sky_receive.clear = is_clear(&user->sky_receive);
    for (lo_connection *connection = user->connections.first; connection != NULL;
         connection = connection->listed.after) {
        lo_connection *peer = lo_peer(connection);
        lo_check_path(connection);
        if (peer != NULL)
            lo_check_path(peer);
        if (connection->link != NULL)
            lo_link_weather(connection);
    }
}

lo_weather lo_weather_of(const lo_user *user)
{
    return (lo_weather){user->sky_send.loss, user->sky_receive.loss, user->sky_send.lag,
                        user->sky_receive.lag};
}

lo_weather lo_far_weather(const lo_connection *connection)
{
    const lo_connection *peer = lo_peer(connection);
    return peer != NULL ? lo_weather_of(peer->object.user) : connection->far;
}

int64_t lo_round_trip(const lo_connection *connection)
{
    lo_weather near = lo_weather_of(connection->object.user), far = lo_far_weather(connection);
    return (int64_t)near.lag_send + far.lag_receive + far.lag_send + near.lag_receive;
}

/* --- what happens to one packet ------------------------------------------------------------------ */

static uint64_t chances(const lo_connection *connection, const lo_packet *packet, bool sending)
{
    uint64_t state = connection->object.user->seed + sending;
    uint64_t which = packet->kind == LO_DATA ? packet->lane : 0x10000u + packet->kind;
    state = lo_random(&state) ^ connection->ordinal;
    state = lo_random(&state) ^ which;
    state = lo_random(&state) ^ (uint64_t)packet->number;
    return lo_random(&state);
}

static bool happens(uint64_t *chance, float percent)
{
    return percent > 0 &&
           (double)(lo_random(chance) >> 11) * (100.0 / 9007199254740992.0) < percent;
}

bool lo_may_be_lost(const lo_packet *packet)
{
    return packet->kind == LO_DATA && !packet->reliable;
}

/* A bucket of `burst` bytes that fills at `rate`: how late what finds too little in it gets
 * through, sent again when there is enough; -1: never. */
static int64_t wait_for_rate(lo_user *user, const lo_packet *packet, const lo_sky *sky,
                             bool sending, int64_t at)
{
    int64_t *busy = &user->busy[sending], room, until;
    if (sky->rate <= 0)
        return 0;
    room = (int64_t)sky->burst * 1000000 / sky->rate;
    until = (*busy > at ? *busy : at) +
            ((int64_t)packet->message.m_cbSize + LO_OVERHEAD) * 1000000 / sky->rate;
    if (lo_may_be_lost(packet) && until - at > room)
        return -1;
    *busy = until;
    return until - at > room ? until - at - room + LO_RESEND : 0;
}

/* How late the packet gets through; -1: never. */
static int64_t delay(const lo_connection *connection, const lo_packet *packet, const lo_sky *sky,
                     bool sending, int64_t at)
{
    enum { PERSEVERANCE = 50 };
    int pieces = 1 + (packet->message.m_cbSize - 1) / LO_PACKET_BYTES, worst = 0;
    int64_t late;
    uint64_t chance;
    if (sky->clear)
        return 0;
    late = wait_for_rate(connection->object.user, packet, sky, sending, at);
    if (late < 0)
        return -1;
    late += sky->lag;
    chance = chances(connection, packet, sending);
    for (int i = 0; i < pieces && sky->loss > 0; i++) {
        int tries = 0;
        while (tries < PERSEVERANCE && happens(&chance, sky->loss)) {
            if (lo_may_be_lost(packet))
                return -1; /* all its pieces, or nothing */
            tries++;
        }
        worst = tries > worst ? tries : worst;
    }
    late += worst * (lo_round_trip(connection) + LO_RESEND);
    if (happens(&chance, sky->reorder))
        late += sky->reorder_time;
    if (sky->jitter > 0 && happens(&chance, sky->jitter_share)) {
        int64_t extra = (int64_t)(lo_random(&chance) % (2 * (uint64_t)sky->jitter + 1));
        late += extra < sky->jitter_most ? extra : sky->jitter_most;
    }
    return late;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* While nothing gets through, everything reliable waits for the same moment, so that it keeps its
 * order however the network changes meanwhile. */
static bool is_blocked(lo_connection *connection, const lo_packet *packet, const lo_sky *sky,
                       bool sending)
{
    int64_t *blocked = &connection->blocked[sending];
    bool no_lane = packet->kind == LO_DATA && lo_lane_at(connection, packet->lane) == NULL;
    if ((sky->loss >= 100 || no_lane) && lo.now >= *blocked)
        *blocked = lo.now + LO_RING_AGAIN;
    return lo.now < *blocked;
}

/* What is reliable is not earlier than what went before it on its lane; a control packet, which
 * comes before all data or after it, than what went before it on any lane. */
static int64_t in_order(lo_connection *connection, const lo_packet *packet, bool sending,
                        int64_t due)
{
    bool data = packet->kind == LO_DATA;
    int first = data ? packet->lane : 0, last = data ? packet->lane : connection->lane_room - 1;
    due = later(due, connection->control[sending]);
    for (int i = first; i <= last; i++)
        due = later(due, connection->lanes[i].in_order[sending]);
    if (data)
        connection->lanes[packet->lane].in_order[sending] = due;
    else
        connection->control[sending] = due;
    return due;
}

/* When it is through the sky, or if its stage is still the same, when to try again; -1: never. */
int64_t lo_through(lo_connection *connection, lo_packet *packet, const lo_sky *sky,
                       bool sending)
{
    int64_t late, from = sending ? packet->departs : lo.now;
    if (lo_may_be_lost(packet) && sky->loss >= 100)
        return -1;
    if (!lo_may_be_lost(packet) && is_blocked(connection, packet, sky, sending))
        return connection->blocked[sending];
    if (sending)
        from = later(from, packet->node.due); /* it was blocked until now */
    late = delay(connection, packet, sky, sending, from);
    if (late < 0)
        return -1;
    packet->stage = sending ? LO_ARRIVING : LO_THERE;
    return packet->reliable ? in_order(connection, packet, sending, from + late) : from + late;
}
