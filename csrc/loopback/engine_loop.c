/* The way into the engine and out of it: its lock, its clocks, and all that is due. */
#include "engine_loop.h"

#include "connection.h"
#include "handshake.h"
#include "readiness.h"
#include "receive.h"
#include "send.h"
#include "transport.h"

#define HOLDER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

static sn_mutex mutex = SN_MUTEX_INIT; /* one for all clocks */

static void run_timer(lo_timer *timer)
{
    lo_connection *connection;
    switch (timer->kind) {
    case LO_PACKET_TIMER:
        lo_packet_arrived(HOLDER(timer, lo_packet, timer));
        break;
    case LO_SEND_TIMER:
        connection = HOLDER(timer, lo_connection, send_timer);
        lo_send_due(connection);
        if (connection->deferred.first != NULL)
            lo_drain_deferred(connection);
        break;
    default:
        lo_on_timeout(HOLDER(timer, lo_connection, timeout_timer));
    }
}

static void run_due(void)
{
    lo_timer *timer;
    while ((timer = lo_timer_take(lo.clock)) != NULL) {
        /* Time does not run backwards, even for what was due before it could be known. */
        if (timer->time > lo.latest)
            lo.latest = timer->time;
        lo.now = lo.latest;
        run_timer(timer);
    }
    lo.latest = lo.now = lo.clock;
}

static void begin(sn_clock *clock, bool now)
{
    sn_lock(&mutex);
    lo_clock = clock;
    lo.clock = lo_clock_time(clock);
    if (!lo.is_virtual && lo_sockets_due <= (now ? INT64_MAX - 1 : lo.clock))
        lo_transport_receive();
    run_due();
}

void lo_api_begin(const void *user) { begin(((const lo_user *)user)->clock, false); }
void lo_api_begin_now(const void *user) { begin(((const lo_user *)user)->clock, true); }

lo_connection *lo_api_begin_connection(const void *self, HSteamNetConnection handle)
{
    lo_api_begin(self);
    return lo_find_connection(self, handle);
}

/* Something is due before those who wait would look: they have to know. */
static void wake_for_timers(void)
{
    int64_t due = lo_timer_due();
    if (due >= lo.wakes_at)
        return;
    lo.wakes_at = due;
    for (lo_user *user = lo.users.first; user != NULL; user = user->listed.after)
        sn_wake(user->engine);
}

void lo_api_end(void)
{
    lo_list released;
    if (lo_acking_links.first != NULL)
        lo_transport_send_acks();
    wake_for_timers();
    released = lo_release_queue;
    lo_release_queue = (lo_list){NULL, NULL};
    sn_unlock(&mutex);
    for (lo_packet *packet = released.first, *next; packet != NULL; packet = next) {
        next = packet->queued.after;
        packet->message.m_pfnRelease(&packet->message);
    }
}

uint32_t lo_api_end_made(const void *object)
{
    uint32_t handle = object != NULL ? ((const lo_object *)object)->handle : 0;
    lo_api_end();
    return handle;
}

/* In a forked child: another thread of the parent may hold the lock or be in the middle of a change. */
void sn_loopback_after_fork(void)
{
    lo_transport_detach();
    mutex = (sn_mutex)SN_MUTEX_INIT;
    lo_release_queue = (lo_list){NULL, NULL}; /* the parent's messages */
    lo_clocks_reset();
}

/* --- virtual clocks as Python uses them: time passes only when it is told to ------------------ */

sn_clock *sn_clock_new(void)
{
    sn_clock *clock;
    begin(&lo_real_clock, false);
    clock = lo_clock_new();
    lo_api_end();
    return clock;
}

void sn_clock_release(sn_clock *clock)
{
    begin(&lo_real_clock, false);
    lo_clock_release(clock);
    lo_api_end();
}

int64_t sn_clock_now(sn_clock *clock) { return lo_clock_time(clock); }

int64_t sn_clock_due(sn_clock *clock)
{
    int64_t due;
    begin(clock, false);
    due = lo_timer_due();
    lo_api_end();
    return due;
}

static void advance(int64_t to)
{
    if (to > lo.time)
        atomic_store(&lo.time, to);
    lo.clock = lo.time;
    run_due();
}

void sn_clock_advance(sn_clock *clock, int64_t to)
{
    begin(clock, false);
    advance(to);
    lo_api_end();
}

bool sn_clock_run(sn_clock *clock, int64_t to)
{
    uint64_t before;
    bool found;
    begin(clock, false);
    before = lo.news;
    while (lo.news == before && lo_timer_due() < to)
        advance(lo_timer_due());
    if (lo.news == before && to < INT64_MAX)
        advance(to);
    found = lo.news != before;
    lo_api_end();
    return found;
}
