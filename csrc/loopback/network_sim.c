/* The simulated network: what the FakePacket values do to a packet on its way.
 *
 * Chance is drawn from the user's seed and from which packet it is (connection, lane,
 * number), never from the time: the same seed loses the same packets.
 */
#include "network_sim.h"

#include "lane.h"
#include "random.h"

enum { RESEND = 25000 /* µs beyond the round trip until a lost packet is sent again */ };

/* --- parameters ---------------------------------------------------------------------------- */

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

void lo_sim_read(lo_user *user)
{
    user->sim_send = SIM_PARAMS(user, Send);
    user->sim_receive = SIM_PARAMS(user, Recv);
    user->sim_send.clear = is_clear(&user->sim_send);
    user->sim_receive.clear = is_clear(&user->sim_receive);
}

static const lo_sim_params blackout = {.loss = 100};

static lo_user *far_user(const lo_connection *connection)
{
    const lo_connection *peer = lo_peer(connection);
    const lo_listener *listener;
    if (peer != NULL)
        return peer->object.user;
    listener = lo_listener_at(connection->kind, &connection->target, connection->port);
    return listener != NULL ? listener->object.user : NULL;
}

const lo_sim_params *lo_sim_out(const lo_connection *connection)
{
    const lo_user *user = connection->object.user;
    const lo_path *path = user->paths.first;
    if (user->frozen)
        return &blackout;
    if (path != NULL) {
        const lo_user *to = far_user(connection);
        while (path != NULL && path->to != to)
            path = path->listed.after;
    }
    return path == NULL ? &user->sim_send : path->cut ? &blackout : &path->sim;
}

const lo_sim_params *lo_sim_in(const lo_user *user)
{
    return user->frozen ? &blackout : &user->sim_receive;
}

lo_conditions lo_local_conditions(const lo_connection *connection)
{
    const lo_sim_params *out = lo_sim_out(connection), *in = lo_sim_in(connection->object.user);
    return (lo_conditions){out->loss, in->loss, out->lag, in->lag};
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

void lo_sim_record(const lo_connection *sender, const lo_packet *packet, int what, int64_t until)
{
    sn_record *record;
    if (sender == NULL)
        return;
    record = &lo.records[lo.recorded++ % SN_RECORDS];
    *record = (sn_record){
        .time = lo_timestamp(&lo, lo.now),
        .until = lo_timestamp(&lo, until),
        .number = packet->number,
        .what = what,
        .size = packet->message.m_cbSize,
        .lane = packet->lane,
        .data = packet->kind == LO_DATA,
        .reliable = packet->reliable,
        .from = sender->object.user->identity,
        .to = lo_peer(sender) != NULL ? lo_peer(sender)->object.user->identity : sender->target,
    };
}

/* --- what happens to one packet ------------------------------------------------------------ */

static uint64_t packet_rng(const lo_connection *connection, const lo_packet *packet, bool sending)
{
    uint64_t state = connection->object.user->seed + sending;
    uint64_t which = packet->kind == LO_DATA ? packet->lane : 0x10000u + packet->kind;
    state = lo_random(&state) ^ connection->ordinal;
    state = lo_random(&state) ^ which;
    state = lo_random(&state) ^ (uint64_t)packet->number;
    return lo_random(&state);
}

static bool bernoulli(uint64_t *rng, float percent)
{
    return percent > 0 && (double)(lo_random(rng) >> 11) * (100.0 / 9007199254740992.0) < percent;
}

static bool is_droppable(const lo_packet *packet)
{
    return packet->kind == LO_DATA && !packet->reliable;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* A bucket of `burst` bytes that fills at `rate`: how late a packet gets through that finds too little
 * in it, sent again when there is enough; -1: never. */
static int64_t token_bucket_delay(int64_t *bucket_time, const lo_packet *packet,
                                  const lo_sim_params *sim, int64_t at)
{
    int64_t room, until;
    if (sim->rate <= 0)
        return 0;
    room = (int64_t)sim->burst * 1000000 / sim->rate;
    until = later(*bucket_time, at) +
            ((int64_t)packet->message.m_cbSize + LO_OVERHEAD) * 1000000 / sim->rate;
    if (is_droppable(packet) && until - at > room)
        return -1;
    *bucket_time = until;
    return until - at > room ? until - at - room + RESEND : 0;
}

/* How late the packet gets through; -1: never. */
static int64_t sim_delay(const lo_connection *connection, const lo_packet *packet,
                         const lo_sim_params *sim, bool sending, int64_t at)
{
    enum { MAX_TRIES = 50 };
    int pieces = 1 + (packet->message.m_cbSize - 1) / LO_PACKET_BYTES, worst = 0;
    int64_t late;
    uint64_t rng;
    if (sim->clear)
        return 0;
    late = token_bucket_delay(&connection->object.user->bucket_time[sending], packet, sim, at);
    if (late < 0)
        return -1;
    late += sim->lag;
    rng = packet_rng(connection, packet, sending);
    for (int i = 0; i < pieces && sim->loss > 0; i++) {
        int tries = 0;
        while (tries < MAX_TRIES && bernoulli(&rng, sim->loss)) {
            if (is_droppable(packet))
                return -1; /* all its pieces, or nothing */
            tries++;
        }
        worst = tries > worst ? tries : worst;
    }
    late += worst * (lo_round_trip(connection) + RESEND);
    if (bernoulli(&rng, sim->reorder))
        late += sim->reorder_time;
    if (sim->jitter > 0 && bernoulli(&rng, sim->jitter_share)) {
        int64_t extra = (int64_t)(lo_random(&rng) % (2 * (uint64_t)sim->jitter + 1));
        late += extra < sim->jitter_most ? extra : sim->jitter_most;
    }
    return late;
}

/* While nothing gets through, all reliable packets wait for the same time, so that they keep their
 * order however the network changes meanwhile. */
static bool is_blocked(lo_connection *connection, const lo_packet *packet,
                       const lo_sim_params *sim, bool sending)
{
    int64_t *blocked = &connection->blocked[sending];
    bool no_lane = packet->kind == LO_DATA && lo_lane_at(connection, packet->lane) == NULL;
    if ((sim->loss >= 100 || no_lane) && lo.now >= *blocked)
        *blocked = lo.now + LO_CONNECT_RETRY;
    /* At the time itself those that have waited go first. */
    return lo.now < *blocked || (lo.now == *blocked && packet->timer.time != *blocked);
}

/* A reliable packet is not earlier than those ahead of it on its lane. A control packet, which comes
 * before all data or after it, is not earlier than those ahead of it on any lane. */
static int64_t keep_order(lo_connection *connection, const lo_packet *packet, bool sending,
                          int64_t time)
{
    bool data = packet->kind == LO_DATA;
    int first = data ? packet->lane : 0, last = data ? packet->lane : connection->lane_room - 1;
    time = later(time, connection->control[sending]);
    for (int i = first; i <= last; i++)
        time = later(time, connection->lanes[i].in_order[sending]);
    if (data)
        connection->lanes[packet->lane].in_order[sending] = time;
    else
        connection->control[sending] = time;
    return time;
}

static int64_t pass(lo_connection *connection, lo_packet *packet, const lo_sim_params *sim,
                    bool sending, int64_t from)
{
    int64_t late, time;
    if (is_droppable(packet) ? sim->loss >= 100 : is_blocked(connection, packet, sim, sending)) {
        time = is_droppable(packet) ? -1 : connection->blocked[sending];
    } else {
        late = sim_delay(connection, packet, sim, sending, from);
        time = late < 0 ? -1 : from + late;
        if (late >= 0)
            packet->stage++;
        if (late >= 0 && packet->reliable)
            time = keep_order(connection, packet, sending, time);
    }
    connection->sim_until[sending] = later(time, connection->sim_until[sending]);
    return time;
}

/* Where the network is clear nothing happens to a packet that can overtake none. What is blocked is
 * ahead of it although it leaves later: it may be sent to another process before its time. */
int64_t lo_sim_outgoing(lo_connection *connection, lo_packet *packet)
{
    const lo_sim_params *sim = lo_sim_out(connection);
    int64_t from = packet->send_time;
    if (packet->timer.time > from)
        from = packet->timer.time; /* it was blocked until then */
    if (!sim->clear || from < connection->sim_until[true] || lo.now <= connection->blocked[true])
        return pass(connection, packet, sim, true, from);
    packet->stage = LO_IN_FLIGHT;
    return from;
}

int64_t lo_sim_incoming(lo_connection *connection, lo_packet *packet)
{
    const lo_sim_params *sim = lo_sim_in(connection->object.user);
    if (!sim->clear || lo.now <= connection->sim_until[false])
        return pass(connection, packet, sim, false, lo.now);
    packet->stage = LO_DELIVERED;
    return lo.now;
}
