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

#define SIM_PARAMS(user, way)                                                                             \
    (lo_sim_params)                                                                                       \
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

static bool is_clear(const lo_sim_params *sim)
{
    return sim->loss <= 0 && sim->lag <= 0 && sim->reorder <= 0 && sim->jitter <= 0 &&
           sim->rate <= 0;
}

void lo_sim_reload(lo_user *user)
{
    user->sim_send = SIM_PARAMS(user, Send);
    user->sim_receive = SIM_PARAMS(user, Recv);
    user->sim_send.clear = is_clear(&user->sim_send);
    user->sim_receive.clear = is_clear(&user->sim_receive);
    for (lo_connection *connection = user->connections.first; connection != NULL;
         connection = connection->listed.after) {
        lo_connection *peer = lo_peer(connection);
        lo_check_path(connection);
        if (peer != NULL)
            lo_check_path(peer);
        if (connection->link != NULL)
            lo_link_send_conditions(connection);
    }
}

lo_conditions lo_local_conditions(const lo_user *user)
{
    return (lo_conditions){user->sim_send.loss, user->sim_receive.loss, user->sim_send.lag,
                        user->sim_receive.lag};
}

lo_conditions lo_remote_conditions(const lo_connection *connection)
{
    const lo_connection *peer = lo_peer(connection);
    return peer != NULL ? lo_local_conditions(peer->object.user) : connection->remote_conditions;
}

int64_t lo_round_trip(const lo_connection *connection)
{
    lo_conditions local = lo_local_conditions(connection->object.user), remote_conditions = lo_remote_conditions(connection);
    return (int64_t)local.lag_send + remote_conditions.lag_receive + remote_conditions.lag_send + local.lag_receive;
}

/* --- what happens to one packet ------------------------------------------------------------------ */

static uint64_t packet_rng(const lo_connection *connection, const lo_packet *packet, bool sending)
{
    uint64_t state = connection->object.user->seed + sending;
    uint64_t which = packet->kind == LO_DATA ? packet->lane : 0x10000u + packet->kind;
    state = lo_random(&state) ^ connection->ordinal;
    state = lo_random(&state) ^ which;
    state = lo_random(&state) ^ (uint64_t)packet->number;
    return lo_random(&state);
}

static bool bernoulli(uint64_t *chance, float percent)
{
    return percent > 0 &&
           (double)(lo_random(chance) >> 11) * (100.0 / 9007199254740992.0) < percent;
}

bool lo_is_droppable(const lo_packet *packet)
{
    return packet->kind == LO_DATA && !packet->reliable;
}

/* A bucket of `burst` bytes that fills at `rate`: how late what finds too little in it gets
 * through, sent again when there is enough; -1: never. */
static int64_t token_bucket_delay(lo_user *user, const lo_packet *packet, const lo_sim_params *sim,
                             bool sending, int64_t at)
{
    int64_t *bucket_time = &user->bucket_time[sending], room, until;
    if (sim->rate <= 0)
        return 0;
    room = (int64_t)sim->burst * 1000000 / sim->rate;
    until = (*bucket_time > at ? *bucket_time : at) +
            ((int64_t)packet->message.m_cbSize + LO_OVERHEAD) * 1000000 / sim->rate;
    if (lo_is_droppable(packet) && until - at > room)
        return -1;
    *bucket_time = until;
    return until - at > room ? until - at - room + LO_RESEND : 0;
}

/* How late the packet gets through; -1: never. */
static int64_t sim_delay(const lo_connection *connection, const lo_packet *packet, const lo_sim_params *sim,
                     bool sending, int64_t at)
{
    enum { MAX_TRIES = 50 };
    int pieces = 1 + (packet->message.m_cbSize - 1) / LO_PACKET_BYTES, worst = 0;
    int64_t late;
    uint64_t chance;
    if (sim->clear)
        return 0;
    late = token_bucket_delay(connection->object.user, packet, sim, sending, at);
    if (late < 0)
        return -1;
    late += sim->lag;
    chance = packet_rng(connection, packet, sending);
    for (int i = 0; i < pieces && sim->loss > 0; i++) {
        int tries = 0;
        while (tries < MAX_TRIES && bernoulli(&chance, sim->loss)) {
            if (lo_is_droppable(packet))
                return -1; /* all its pieces, or nothing */
            tries++;
        }
        worst = tries > worst ? tries : worst;
    }
    late += worst * (lo_round_trip(connection) + LO_RESEND);
    if (bernoulli(&chance, sim->reorder))
        late += sim->reorder_time;
    if (sim->jitter > 0 && bernoulli(&chance, sim->jitter_share)) {
        int64_t extra = (int64_t)(lo_random(&chance) % (2 * (uint64_t)sim->jitter + 1));
        late += extra < sim->jitter_most ? extra : sim->jitter_most;
    }
    return late;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* While nothing gets through, everything reliable waits for the same moment, so that it keeps its
 * order however the network changes meanwhile. */
static bool is_blocked(lo_connection *connection, const lo_packet *packet, const lo_sim_params *sim,
                       bool sending)
{
    int64_t *blocked = &connection->blocked[sending];
    bool no_lane = packet->kind == LO_DATA && lo_lane_at(connection, packet->lane) == NULL;
    if ((sim->loss >= 100 || no_lane) && lo.now >= *blocked)
        *blocked = lo.now + LO_CONNECT_RETRY;
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
int64_t lo_delivery_time(lo_connection *connection, lo_packet *packet, const lo_sim_params *sim,
                       bool sending)
{
    int64_t late, from = sending ? packet->send_time : lo.now;
    if (lo_is_droppable(packet) && sim->loss >= 100)
        return -1;
    if (!lo_is_droppable(packet) && is_blocked(connection, packet, sim, sending))
        return connection->blocked[sending];
    if (sending)
        from = later(from, packet->timer.time); /* it was blocked until now */
    late = sim_delay(connection, packet, sim, sending, from);
    if (late < 0)
        return -1;
    packet->stage = sending ? LO_IN_FLIGHT : LO_DELIVERED;
    return packet->reliable ? in_order(connection, packet, sending, from + late) : from + late;
}
