/* Waiting until there may be something new, without Python's lock and without looking again and again.
 *
 * Who waits arms the engine and asks its backend when its next timer is due. The engine's own thread,
 * or a call on another thread, wakes it when there is something new. Where the system can, one poller
 * watches all of it: the waker, the backend's sockets, and those of the game's signaling. An event loop
 * has a poller and a waker of its own, so that it and threads that wait do not hold each other up.
 */
#include "wait.h"

#include "guard.h"

enum {
    SHORT_NAP = 250,    /* µs */
    LONG_NAP = 4000,
    ALARM = 50000,      /* of what is due later an event loop's own timers are exact enough */
    SIGNALS_NAP = 5000, /* where nothing tells that a signal has come */
    MOMENT = 50,        /* until others have woken */
    IN_TURN = 8,        /* engines that one thread uses; of more it forgets some */
};

/* What this thread has seen of changes: what is new since then ends its next wait, even if another thread
 * has pumped meanwhile. */
static _Thread_local struct {
    uint64_t engine;
    unsigned changes;
} seen[IN_TURN];
static _Thread_local unsigned forgotten;

static unsigned *seen_changes(const sn_engine *engine)
{
    int place = 0;
    while (place < IN_TURN && seen[place].engine != engine->number)
        place++;
    if (place == IN_TURN) {
        place = (int)(forgotten++ % IN_TURN);
        seen[place].engine = engine->number;
        seen[place].changes = atomic_load(&engine->waiting.changes);
    }
    return &seen[place].changes;
}

void sn_see_changes(sn_engine *engine) { *seen_changes(engine) = atomic_load(&engine->waiting.changes); }

void sn_waiting_init(sn_engine *engine)
{
    static const sn_sleepers closed = {.waker = SN_NO_WAKER, .poller = SN_NO_POLLER, .longest = SN_NEVER};
    engine->waiting =
        (sn_waiting){.mutex = SN_MUTEX_INIT, .loop = closed, .threads = closed, .alarm = SN_NO_SOCKET};
}

static void close_poller(sn_sleepers *sleepers)
{
    if (sleepers->poller != SN_NO_POLLER)
        sn_poller_close(sleepers->poller);
    sleepers->poller = SN_NO_POLLER;
}

void sn_waiting_release(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    close_poller(&waiting->loop);
    close_poller(&waiting->threads);
    sn_waker_close(&waiting->loop.waker);
    sn_waker_close(&waiting->threads.waker);
    sn_alarm_close(&waiting->alarm);
    sn_waiting_init(engine);
}

int64_t sn_nap(sn_engine *engine)
{
    int nap = atomic_load_explicit(&engine->waiting.nap, memory_order_relaxed) * 2;
    nap = nap < SHORT_NAP ? SHORT_NAP : nap > LONG_NAP ? LONG_NAP : nap;
    atomic_store_explicit(&engine->waiting.nap, nap, memory_order_relaxed);
    return -nap;
}

static bool watch(sn_sleepers *sleepers, intptr_t handle, void *owner)
{
    return sn_poller_watch(sleepers->poller, handle, 0, SN_READABLE, owner);
}

/* What it lacks, for want of files or on this system, `due` and `longest` make up for. */
static void open_once(sn_engine *engine, sn_sleepers *sleepers)
{
    sn_poller sockets = SN_NO_POLLER;
    if (atomic_load(&sleepers->opened))
        return;
    if (engine->backend->poller != NULL && sn_enter(engine)) {
        sockets = engine->backend->poller(engine); /* its lock comes before the mutex */
        sn_leave(engine);
    }
    sn_lock(&engine->waiting.mutex);
    if (!atomic_load(&sleepers->opened)) {
        bool woken = sn_waker_open(&sleepers->waker);
        sleepers->poller = woken ? sn_poller_open() : SN_NO_POLLER;
        if (sleepers->poller != SN_NO_POLLER &&
            (!watch(sleepers, sn_waker_handle(&sleepers->waker), NULL) ||
             (sockets != SN_NO_POLLER && !watch(sleepers, sockets, NULL))))
            close_poller(sleepers);
        if (!woken || (sleepers->poller == SN_NO_POLLER && sockets != SN_NO_POLLER))
            sleepers->longest = SHORT_NAP * 4;
        atomic_store(&sleepers->opened, true);
    }
    sn_unlock(&engine->waiting.mutex);
}

intptr_t sn_wait_handle(sn_engine *engine)
{
    open_once(engine, &engine->waiting.loop);
    return engine->waiting.loop.poller;
}

static bool watch_signals(sn_engine *engine, sn_sleepers *sleepers, intptr_t handle)
{
    open_once(engine, sleepers);
    return sleepers->poller != SN_NO_POLLER && watch(sleepers, handle, &engine->waiting);
}

bool sn_wait_for_signals(sn_engine *engine, intptr_t handle)
{
    sn_waiting *waiting = &engine->waiting;
    waiting->watches_signals = handle >= 0 && watch_signals(engine, &waiting->loop, handle) &&
                               watch_signals(engine, &waiting->threads, handle);
    waiting->asks_for_signals = !waiting->watches_signals;
    return waiting->watches_signals;
}

void sn_note_outside(sn_engine *engine)
{
    if (sn_enter(engine)) {
        atomic_store(&engine->waiting.outside, true);
        sn_note_change(engine);
        sn_leave(engine);
    }
}

static int64_t ask(sn_engine *engine)
{
    int64_t due = 0;
    if (sn_enter(engine)) {
        due = atomic_load(&engine->waiting.outside) ? 0 : engine->backend->due(engine);
        sn_leave(engine);
    }
    return due;
}

void sn_wake_sleepers(sn_waiting *waiting)
{
    if (atomic_exchange(&waiting->loop.armed, false))
        sn_waker_wake(&waiting->loop.waker);
    if (atomic_load(&waiting->threads.armed)) {
        sn_lock(&waiting->mutex);
        if (atomic_exchange(&waiting->threads.armed, false))
            sn_waker_wake(&waiting->threads.waker);
        sn_unlock(&waiting->mutex);
    }
}

/* When to look again, at the latest. */
static int64_t look(sn_engine *engine, const sn_sleepers *sleepers)
{
    int64_t due = ask(engine);
    if (engine->waiting.asks_for_signals && due > SIGNALS_NAP)
        return -SIGNALS_NAP;
    return due > sleepers->longest ? sleepers->longest : due;
}

int64_t sn_wait_due(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    sn_sleepers *loop = &waiting->loop;
    int64_t due;
    bool soon;
    open_once(engine, loop);
    /* Cleared each time: who has disarmed it may set the waker later than it is armed again here. */
    sn_waker_clear(&loop->waker);
    atomic_store(&loop->armed, true);
    atomic_store(&waiting->used, true);
    due = look(engine, loop);
    if (atomic_load(&waiting->changes) != *seen_changes(engine))
        due = 0;
    soon = due > 0 && due < ALARM;
    if (loop->poller != SN_NO_POLLER && (soon || waiting->alarm_is_set))
        waiting->alarm_is_set = sn_poller_alarm(loop->poller, &waiting->alarm, soon ? due : 0) && soon;
    return due;
}

void sn_wait_rest(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    sn_sleepers *loop = &waiting->loop;
    atomic_store(&loop->armed, false);
    if (atomic_load(&loop->opened))
        sn_waker_clear(&loop->waker);
    if (waiting->alarm_is_set) /* one that is over would wake it again and again */
        sn_poller_alarm(loop->poller, &waiting->alarm, 0);
    waiting->alarm_is_set = false;
}

/* Whether the sockets of signaling are ready: of those the backend does not know. */
static bool has_signals(sn_waiting *waiting)
{
    void *ready[4];
    int count = waiting->watches_signals ? sn_poller_ready(waiting->threads.poller, ready, 4) : 0;
    bool found = false;
    for (int i = 0; i < count; i++)
        found = found || ready[i] == waiting;
    return found;
}

int sn_signals_pending(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    return (sn_queue_count(&engine->signals) > 0 ? SN_SIGNALS_OUT : 0) |
           (!waiting->watches_signals || has_signals(waiting) ? SN_SIGNALS_IN : 0);
}

/* One thread more, which the waker wakes. A waker that is set stays so until all whom it wakes have
 * woken, since a poller that is no longer ready lets them sleep on: until then false. */
static bool arm(sn_waiting *waiting)
{
    sn_sleepers *threads = &waiting->threads;
    bool done;
    sn_lock(&waiting->mutex);
    done = atomic_load(&threads->armed) || threads->count == 0;
    if (done) {
        if (!atomic_load(&threads->armed))
            sn_waker_clear(&threads->waker);
        atomic_store(&threads->armed, true);
        atomic_store(&waiting->used, true);
        threads->count++;
    }
    sn_unlock(&waiting->mutex);
    return done;
}

static void disarm(sn_waiting *waiting)
{
    sn_lock(&waiting->mutex);
    waiting->threads.count--;
    sn_unlock(&waiting->mutex);
}

static bool is_new(sn_engine *engine, unsigned before, int64_t *due)
{
    sn_waiting *waiting = &engine->waiting;
    *due = look(engine, &waiting->threads);
    return *due == 0 || atomic_load(&waiting->changes) != before || has_signals(waiting);
}

/* Sleeps until it is woken, or `most` is over; true if there may be something new. */
static bool sleep_armed(sn_engine *engine, unsigned before, int64_t most)
{
    sn_sleepers *threads = &engine->waiting.threads;
    int64_t due, longest;
    if (is_new(engine, before, &due))
        return true;
    longest = due < 0 ? -due : due;
    if (threads->poller != SN_NO_POLLER)
        sn_poller_wait(threads->poller, longest < most ? longest : most);
    else
        sn_waker_wait(&threads->waker, longest < most ? longest : most);
    return due < 0 && longest <= most;
}

bool sn_wait(sn_engine *engine, int64_t timeout)
{
    sn_waiting *waiting = &engine->waiting;
    void *python = sn_gil_release();
    unsigned before = *seen_changes(engine), changes = atomic_load(&waiting->changes);
    int64_t deadline = sn_now() + timeout, left = timeout, due;
    bool news;
    open_once(engine, &waiting->threads);
    while (!(news = is_new(engine, before, &due)) && left > 0) {
        if (arm(waiting)) {
            news = sleep_armed(engine, before, left);
            disarm(waiting);
            if (news)
                break;
        } else {
            sn_sleep(MOMENT);
        }
        changes = atomic_load(&waiting->changes);
        left = deadline - sn_now();
    }
    *seen_changes(engine) = changes;
    sn_gil_acquire(python);
    return news;
}
