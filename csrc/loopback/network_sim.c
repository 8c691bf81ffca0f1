/* The simulated network: what the FakePacket values do to a packet on its way.
 *
 * Chance is drawn from the user's seed and from which packet it is, never from the time: the same
 * seed loses the same packets.
 */
#include "network_sim.h"

#include <string.h>

#include "random.h"

/* --- parameters ---------------------------------------------------------------------------- */

static float real(const lo_user *user, int key) { return lo_config(&user->global, key)->real; }

static int32_t milliseconds(const lo_user *user, int key)
{
    return lo_config(&user->global, key)->int32 * 1000;
}

#define SIM_PARAMS(user, way)                                                                      \
    (lo_sim_params)                                                                                \
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

void lo_sim_read(lo_user *user)
{
    user->sim_send = SIM_PARAMS(user, Send);
    user->sim_receive = SIM_PARAMS(user, Recv);
    user->sim_send.clear = is_clear(&user->sim_send);
    user->sim_receive.clear = is_clear(&user->sim_receive);
    user->isolated = user->frozen || user->sim_receive.loss >= LO_ALL;
}

static const lo_sim_params blackout = {.loss = LO_ALL};

static lo_user *far_user(const lo_connection *connection)
{
    const lo_connection *peer = lo_peer(connection);
    const lo_listener *listener;
    if (peer != NULL)
        return peer->object.user;
    listener = lo_listener_at(connection->kind, &connection->remote, connection->port);
    return listener != NULL ? listener->object.user : NULL;
}

lo_path *lo_path_to(const lo_user *user, const lo_user *to)
{
    lo_path *path = user->paths.first;
    while (path != NULL && path->to != to)
        path = path->listed.after;
    return path;
}

const lo_sim_params *lo_sim_out(const lo_connection *connection)
{
    const lo_user *user = connection->object.user;
    const lo_path *path = user->paths.first;
    if (user->frozen)
        return &blackout;
    if (path != NULL)
        path = lo_path_to(user, far_user(connection));
    return path == NULL ? &user->sim_send : path->cut ? &blackout : &path->sim;
}

const lo_sim_params *lo_sim_in(const lo_user *user)
{
    return user->frozen ? &blackout : &user->sim_receive;
}

lo_conditions lo_local_conditions(const lo_connection *connection)
{
    const lo_sim_params *out = lo_sim_out(connection), *in = lo_sim_in(connection->object.user);
    return (lo_conditions){out->loss, in->loss, out->lag, in->lag, !out->clear || !in->clear};
}

lo_conditions lo_remote_conditions(const lo_connection *connection)
{
    const lo_connection *peer = lo_peer(connection);
    return peer != NULL ? lo_local_conditions(peer) : connection->remote_conditions;
}

int64_t lo_round_trip(const lo_connection *connection)
{
    lo_conditions local = lo_local_conditions(connection);
    lo_conditions remote = lo_remote_conditions(connection);
    return (int64_t)local.lag_send + remote.lag_receive + remote.lag_send + local.lag_receive;
}

/* --- the record ---------------------------------------------------------------------------- */

/* A record of a packet; of a datagram one for each message, or part of one, that it carries. */
void lo_sim_record(const lo_connection *sender, const lo_packet *packet, int what, int64_t until)
{
    const lo_connection *peer = sender != NULL ? lo_peer(sender) : NULL;
    lo_datagram datagram;
    lo_segment segment;
    sn_record record;
    bool parts = packet->kind == LO_DATAGRAM &&
                 lo_datagram_open(&datagram, packet->payload, (size_t)packet->message.m_cbSize) &&
                 lo_segment_next(&datagram, &segment);
    if (sender == NULL)
        return;
    record = (sn_record){
        .time = lo_timestamp(&lo, lo.now),
        .until = lo_timestamp(&lo, until),
        .what = what,
        .from = sender->object.user->identity,
        .to = peer != NULL ? peer->object.user->identity : sender->remote,
        .number = packet->number,
        .size = packet->message.m_cbSize,
        .lane = packet->lane,
        .data = packet->kind == LO_DATA || parts,
        .reliable = packet->reliable,
    };
    do {
        if (parts) {
            record.number = segment.head.number;
            record.size = (int)segment.size;
            record.lane = segment.head.lane;
            record.reliable = segment.head.sequence > 0;
        }
        lo.records[lo.recorded++ % SN_RECORDS] = record;
    } while (parts && lo_segment_next(&datagram, &segment));
}

/* --- what happens to one packet ------------------------------------------------------------ */

static bool bernoulli(uint64_t *rng, float percent)
{
    return percent > 0 && (double)(lo_random(rng) >> 11) * (100.0 / 9007199254740992.0) < percent;
}

/* Datagrams are sent again by those who send them, and a close by address never is. What else
 * controls a connection is repeated until it gets through. */
static bool is_droppable(const lo_connection *connection, const lo_packet *packet,
                         const lo_sim_params *sim)
{
    return packet->kind == LO_DATAGRAM ||
           (packet->kind == LO_CONNECTION_CLOSED &&
            (connection->kind == LO_KIND_IP || sim->loss >= LO_ALL));
}

/* A bucket of `burst` bytes that fills at `rate`: whether there is enough in it for the packet. */
static bool take_tokens(int64_t *bucket_time, int64_t size, const lo_sim_params *sim, int64_t at,
                        bool must_pass)
{
    int64_t until;
    if (sim->rate <= 0)
        return true;
    until = (*bucket_time > at ? *bucket_time : at) + size * 1000000 / sim->rate;
    if (!must_pass && until - at > (int64_t)sim->burst * 1000000 / sim->rate)
        return false;
    *bucket_time = until;
    return true;
}

static uint64_t packet_rng(const lo_connection *connection, uint64_t which, bool sending)
{
    uint64_t state = connection->object.user->seed + sending;
    state = lo_random(&state) ^ connection->ordinal;
    state = lo_random(&state) ^ which;
    return lo_random(&state);
}

int64_t lo_sim_pass(lo_connection *connection, lo_packet *packet, bool sending, int64_t from)
{
    enum { MAX_TRIES = 50, REPEAT = 25000 /* µs beyond the round trip */ };
    lo_user *user = connection->object.user;
    const lo_sim_params *sim = sending ? lo_sim_out(connection) : lo_sim_in(user);
    bool droppable = is_droppable(connection, packet, sim);
    lo_datagram_head head = {
        .chance = 0x10000u + packet->kind + ((uint64_t)(uint32_t)packet->attempt << 32),
        .size = (uint32_t)packet->message.m_cbSize + LO_OVERHEAD,
    };
    int64_t late = sim->lag;
    uint64_t rng;
    if (!sim->clear && sim->loss >= LO_ALL && !droppable)
        return lo.now + LO_CONNECT_RETRY; /* its stage is the same: it is tried again */
    if (packet->kind == LO_DATAGRAM)
        memcpy(&head, packet->payload, sizeof head);
    if (!sim->clear) {
        rng = packet_rng(connection, head.chance, sending);
        for (int tries = 0; tries < MAX_TRIES && bernoulli(&rng, sim->loss); tries++) {
            if (droppable)
                return -1;
            late += lo_round_trip(connection) + REPEAT;
        }
        if (head.size > LO_OVERHEAD &&
            !take_tokens(&user->bucket_time[sending], head.size, sim, from, !droppable))
            return -1;
        if (bernoulli(&rng, sim->reorder))
            late += sim->reorder_time;
        if (sim->jitter > 0 && bernoulli(&rng, sim->jitter_share)) {
            int64_t extra = (int64_t)(lo_random(&rng) % (2 * (uint64_t)sim->jitter + 1));
            late += extra < sim->jitter_most ? extra : sim->jitter_most;
        }
    }
    packet->stage++;
    return from + late;
}
