/* The engine's state: clocks with their timers, objects by handle, listen sockets by address. */
#include "registry.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "random.h"

enum { VIRTUAL_START = 1000000000 /* µs: not 0, and the same for every virtual clock */ };

sn_clock lo_real_clock = {.references = 1};
sn_clock *lo_clock = &lo_real_clock;
static LO_LIST(sn_clock) virtual_clocks;

/* --- clocks -------------------------------------------------------------------------------- */

int64_t lo_clock_time(const sn_clock *clock)
{
    return clock->is_virtual ? atomic_load(&clock->time) : sn_now();
}

SteamNetworkingMicroseconds lo_timestamp(const sn_clock *clock, int64_t now)
{
    static _Atomic int64_t start;
    int64_t first = 0;
    if (clock->is_virtual)
        return now;
    if (atomic_load(&start) == 0)
        atomic_compare_exchange_strong(&start, &first, now);
    return INT64_C(3000000000000) + now - atomic_load(&start);
}

/* Nothing in it depends on this run of the program. */
sn_clock *lo_clock_new(void)
{
    sn_clock *clock = lo_alloc(sizeof *clock);
    if (clock == NULL)
        return NULL;
    clock->is_virtual = true;
    clock->references = 1;
    atomic_init(&clock->time, VIRTUAL_START);
    clock->clock = clock->now = clock->latest = VIRTUAL_START;
    LO_APPEND(&virtual_clocks, clock, listed);
    return clock;
}

void lo_clock_release(sn_clock *clock)
{
    if (--clock->references > 0)
        return;
    LO_REMOVE(&virtual_clocks, clock, listed);
    lo_free(clock->records);
    if (lo_clock == clock)
        lo_clock = &lo_real_clock; /* the call under way ends there */
    lo_free(clock);
}

static bool has_user(const sn_clock *clock, const SteamNetworkingIdentity *identity)
{
    const lo_user *user = clock->users.first;
    while (user != NULL && !lo_same_identity(&user->identity, identity))
        user = user->listed.after;
    return user != NULL;
}

const sn_clock *lo_clock_of(const SteamNetworkingIdentity *identity)
{
    const sn_clock *clock = virtual_clocks.first;
    if (has_user(lo_clock, identity))
        return lo_clock;
    while (clock != NULL && !has_user(clock, identity))
        clock = clock->listed.after;
    return clock != NULL || !has_user(&lo_real_clock, identity) ? clock : &lo_real_clock;
}

void lo_clocks_reset(void)
{
    lo_real_clock = (sn_clock){.references = 1};
    lo_clock = &lo_real_clock;
    for (sn_clock *clock = virtual_clocks.first; clock != NULL; clock = clock->listed.after) {
        memset(clock->timers, 0, sizeof clock->timers);
        clock->users.first = clock->users.last = NULL;
    }
}

void lo_note_news(lo_user *user)
{
    user->news = true;
    lo.news++;
    sn_note_change(user->engine);
}

/* --- timers: lists sorted from their ends, since most of what is added is due last ------------- */

static bool is_before(const lo_timer *a, const lo_timer *b)
{
    return a->time < b->time || (a->time == b->time && a->seq < b->seq);
}

int64_t lo_timer_due(void)
{
    int64_t due = INT64_MAX;
    for (int kind = 0; kind < LO_TIMER_KINDS; kind++)
        if (lo.timers[kind].first != NULL && lo.timers[kind].first->time < due)
            due = lo.timers[kind].first->time;
    return due;
}

lo_timer *lo_timer_take(int64_t until)
{
    lo_timer *first = NULL;
    for (int kind = 0; kind < LO_TIMER_KINDS; kind++) {
        lo_timer *timer = lo.timers[kind].first;
        if (timer != NULL && timer->time <= until && (first == NULL || is_before(timer, first)))
            first = timer;
    }
    if (first != NULL) {
        LO_REMOVE(&lo.timers[first->kind], first, queued);
        first->is_queued = false;
    }
    return first;
}

void lo_timer_remove(lo_timer *timer)
{
    if (timer->is_queued)
        LO_REMOVE(&lo.timers[timer->kind], timer, queued);
    timer->is_queued = false;
}

void lo_timer_add(lo_timer *timer, int64_t time)
{
    lo_timer *before;
    if (timer->is_queued)
        lo_timer_remove(timer);
    timer->time = time;
    if (timer->seq == 0)
        timer->seq = ++lo.timer_seq;
    before = lo.timers[timer->kind].last;
    while (before != NULL && is_before(timer, before))
        before = before->queued.before;
    LO_INSERT(&lo.timers[timer->kind], before, timer, queued);
    timer->is_queued = true;
}

/* --- debug output ------------------------------------------------------------------------- */

void lo_log(lo_user *user, ESteamNetworkingSocketsDebugOutputType level, const char *format, ...)
{
    char text[256];
    va_list arguments;
    if (level > user->debug_level)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sn_queue_push(&user->engine->debug, &level, sizeof level, text, strlen(text));
}

/* --- objects ------------------------------------------------------------------------------- */

static uint32_t new_handle(int kind)
{
    switch (kind) {
    case LO_LISTENER:
        return 0x00020001u + lo.serial++;
    case LO_GROUP:
        return 0x80010000u + lo.serial++;
    default:
        return (uint32_t)lo_random(&lo.random);
    }
}

static lo_object *object_of(uint32_t handle)
{
    lo_object *object = lo.objects[handle % LO_BUCKETS];
    while (object != NULL && object->handle != handle)
        object = object->chained;
    return object;
}

void lo_object_add(lo_object *object, lo_user *user, int kind)
{
    lo_object **bucket;
    object->kind = kind;
    object->user = user;
    do
        object->handle = new_handle(kind);
    while (object->handle == 0 || object_of(object->handle) != NULL);
    bucket = &lo.objects[object->handle % LO_BUCKETS];
    object->chained = *bucket;
    *bucket = object;
}

void lo_object_remove(lo_object *object)
{
    lo_object **at = &lo.objects[object->handle % LO_BUCKETS];
    while (*at != NULL && *at != object)
        at = &(*at)->chained;
    if (*at != NULL)
        *at = object->chained;
}

void *lo_find_any(uint32_t handle, int kind)
{
    lo_object *object = object_of(handle);
    return object != NULL && object->kind == kind ? object : NULL;
}

static void *find(const void *self, uint32_t handle, int kind)
{
    lo_object *object = object_of(handle);
    return object != NULL && object->kind == kind && object->user == self ? object : NULL;
}

lo_connection *lo_find_connection(const void *self, HSteamNetConnection handle)
{
    lo_connection *connection = find(self, handle, LO_CONNECTION);
    bool visible =
        connection != NULL && !lo_is_closed(connection) && connection->kind != LO_KIND_SESSION;
    return visible ? connection : NULL;
}

lo_listener *lo_find_listener(const void *self, HSteamListenSocket handle)
{
    lo_listener *listener = find(self, handle, LO_LISTENER);
    return listener != NULL && listener->kind != LO_KIND_SESSION ? listener : NULL;
}

lo_group *lo_find_group(const void *self, HSteamNetPollGroup handle)
{
    return find(self, handle, LO_GROUP);
}

lo_lane *lo_lane_at(lo_connection *connection, int index)
{
    if (index >= connection->lane_room) {
        lo_lane *lanes = lo_alloc((size_t)(index + 1) * sizeof *lanes);
        if (lanes == NULL)
            return NULL;
        memcpy(lanes, connection->lanes, (size_t)connection->lane_room * sizeof *lanes);
        for (int i = connection->lane_room; i <= index; i++)
            lanes[i].weight = 1;
        if (connection->lanes != &connection->first_lane)
            lo_free(connection->lanes);
        connection->lanes = lanes;
        connection->lane_room = index + 1;
    }
    return &connection->lanes[index];
}

void lo_count_unacked(lo_connection *connection, int lane, int64_t messages, int64_t bytes)
{
    lo_total *unacked = &connection->lanes[lane].unacked;
    unacked->messages += messages;
    unacked->bytes += bytes;
    connection->in_flight += bytes + messages * LO_OVERHEAD;
}

lo_connection *lo_peer(const lo_connection *connection)
{
    return connection->peer != 0 ? lo_find_any(connection->peer, LO_CONNECTION) : NULL;
}

/* FNV-1a over what makes an address; unused bytes of an identity are zero. */
uint64_t lo_address_key(int kind, const SteamNetworkingIdentity *identity, int port)
{
    struct {
        int32_t kind, port;
        SteamNetworkingIdentity identity;
    } address = {.kind = kind, .port = port};
    uint64_t hash = 0xCBF29CE484222325u;
    if (kind != LO_KIND_IP)
        address.identity = *identity;
    for (size_t i = 0; i < sizeof address; i++)
        hash = (hash ^ ((const unsigned char *)&address)[i]) * 0x100000001B3u;
    return hash;
}

lo_listener *lo_listener_at(int kind, const SteamNetworkingIdentity *identity, int port)
{
    for (lo_user *user = lo.users.first; user != NULL; user = user->listed.after)
        if (kind == LO_KIND_IP || lo_same_identity(&user->identity, identity))
            for (lo_listener *one = user->listeners.first; one != NULL; one = one->listed.after)
                if (one->kind == kind && one->port == port)
                    return one;
    return NULL;
}
