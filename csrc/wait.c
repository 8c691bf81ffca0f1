/* Waiting until there may be something new, without Python's lock and without looking again and again.
 *
 * A waiting thread arms the engine and asks its backend when its next timer is due. The engine's own
 * thread, or a call on another thread, wakes it when there is something new. Where the system can, one
 * poller watches all of it: the waker, the backend's sockets, and those of the game's signaling. An
 * event loop can watch that poller as well.
 */
#include "wait.h"

#include "guard.h"

enum {
    SHORT_NAP = 250,    /* µs */
    LONG_NAP = 4000,
    ALARM = 50000,      /* of what is due later an event loop's own timers are exact enough */
    SIGNALS_NAP = 5000, /* where nothing tells that a signal has come */
    MOMENT = 50,        /* until others have woken */
};

/* What this thread has seen of an engine's changes: another thread may pump after the next one. */
static _Thread_local struct {
    const sn_engine *engine;
    unsigned changes;
} seen;

void sn_see_changes(sn_engine *engine)
{
    seen.engine = engine;
    seen.changes = atomic_load(&engine->waiting.changes);
}

void sn_waiting_init(sn_engine *engine)
{
    engine->waiting = (sn_waiting){
        .mutex = SN_MUTEX_INIT,
        .waker = SN_NO_WAKER,
        .poller = SN_NO_POLLER,
        .alarm = SN_NO_SOCKET,
        .longest = SN_NEVER,
    };
}

void sn_waiting_release(sn_engine *engine)
{
    if (engine->waiting.poller != SN_NO_POLLER)
        sn_poller_close(engine->waiting.poller);
    sn_waker_close(&engine->waiting.waker);
    sn_alarm_close(&engine->waiting.alarm);
    sn_waiting_init(engine);
}

int64_t sn_nap(sn_engine *engine)
{
    int nap = atomic_load_explicit(&engine->waiting.nap, memory_order_relaxed) * 2;
    nap = nap < SHORT_NAP ? SHORT_NAP : nap > LONG_NAP ? LONG_NAP : nap;
    atomic_store_explicit(&engine->waiting.nap, nap, memory_order_relaxed);
    return -nap;
}

static bool watch(sn_engine *engine, intptr_t handle, void *owner)
{
    return sn_poller_watch(engine->waiting.poller, handle, 0, SN_READABLE, owner);
}

/* What it lacks, for want of files or on this system, `due` and `longest` make up for. */
static void open_once(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    sn_poller sockets = SN_NO_POLLER;
    if (atomic_load(&waiting->opened))
        return;
    if (engine->backend->poller != NULL && sn_enter(engine)) {
        sockets = engine->backend->poller(engine); /* its lock comes before the mutex */
        sn_leave(engine);
    }
    sn_lock(&waiting->mutex);
    if (!atomic_load(&waiting->opened)) {
        bool woken = sn_waker_open(&waiting->waker);
        waiting->poller = woken ? sn_poller_open() : SN_NO_POLLER;
        if (waiting->poller != SN_NO_POLLER &&
            (!watch(engine, sn_waker_handle(&waiting->waker), NULL) ||
             (sockets != SN_NO_POLLER && !watch(engine, sockets, NULL)))) {
            sn_poller_close(waiting->poller);
            waiting->poller = SN_NO_POLLER;
        }
        if (!woken || (waiting->poller == SN_NO_POLLER && sockets != SN_NO_POLLER))
            waiting->longest = SHORT_NAP * 4;
        atomic_store(&waiting->opened, true);
    }
    sn_unlock(&waiting->mutex);
}

intptr_t sn_wait_handle(sn_engine *engine)
{
    open_once(engine);
    return engine->waiting.poller;
}

bool sn_wait_for_signals(sn_engine *engine, intptr_t handle)
{
    sn_waiting *waiting = &engine->waiting;
    open_once(engine);
    waiting->watches_signals =
        handle >= 0 && waiting->poller != SN_NO_POLLER && watch(engine, handle, waiting);
    waiting->asks_for_signals = !waiting->watches_signals;
    return waiting->watches_signals;
}

void sn_note_outside(sn_engine *engine)
{
    if (sn_enter(engine)) {
        atomic_store(&engine->waiting.outside, true);
        sn_wake(engine);
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

/* One sleeper more, whom the waker wakes. A waker that is set stays so until all whom it wakes have
 * woken, since a poller that is no longer ready lets them sleep on: until then false. */
static bool arm(sn_waiting *waiting)
{
    bool done;
    sn_lock(&waiting->mutex);
    done = atomic_load(&waiting->armed) || waiting->sleepers == 0;
    if (done) {
        if (!atomic_load(&waiting->armed))
            sn_waker_clear(&waiting->waker);
        atomic_store(&waiting->armed, true);
        waiting->sleepers++;
    }
    sn_unlock(&waiting->mutex);
    return done;
}

static void disarm(sn_waiting *waiting)
{
    sn_lock(&waiting->mutex);
    waiting->sleepers--;
    sn_unlock(&waiting->mutex);
}

void sn_wake_sleepers(sn_waiting *waiting)
{
    sn_lock(&waiting->mutex);
    if (atomic_exchange(&waiting->armed, false))
        sn_waker_wake(&waiting->waker);
    sn_unlock(&waiting->mutex);
}

/* When to look again, at the latest. */
static int64_t look(sn_engine *engine)
{
    const sn_waiting *waiting = &engine->waiting;
    int64_t due = ask(engine);
    if (waiting->asks_for_signals && due > SIGNALS_NAP)
        return -SIGNALS_NAP;
    return due > waiting->longest ? waiting->longest : due;
}

int64_t sn_wait_due(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    int64_t due;
    bool soon;
    open_once(engine);
    if (waiting->loop_sleeps)
        disarm(waiting);
    due = look(engine);
    waiting->loop_sleeps = due != 0 && arm(waiting);
    if (waiting->loop_sleeps)
        due = look(engine);
    else if (due < 0 || due > MOMENT)
        due = MOMENT;
    soon = due > 0 && due < ALARM;
    if (waiting->poller != SN_NO_POLLER && (soon || waiting->alarm_is_set))
        waiting->alarm_is_set = sn_poller_alarm(waiting->poller, &waiting->alarm, soon ? due : 0) && soon;
    return due;
}

/* Whether the sockets of signaling are ready: of those the backend does not know. */
static bool has_signals(sn_waiting *waiting)
{
    void *ready[4];
    int count = waiting->watches_signals ? sn_poller_ready(waiting->poller, ready, 4) : 0;
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

static bool is_new(sn_engine *engine, unsigned before, int64_t *due)
{
    *due = look(engine);
    return *due == 0 || atomic_load(&engine->waiting.changes) != before || has_signals(&engine->waiting);
}

/* Sleeps until it is woken, or `most` is over; true if there may be something new. */
static bool sleep_armed(sn_engine *engine, unsigned before, int64_t most)
{
    sn_waiting *waiting = &engine->waiting;
    int64_t due, longest;
    if (is_new(engine, before, &due))
        return true;
    longest = due < 0 ? -due : due;
    if (waiting->poller != SN_NO_POLLER)
        sn_poller_wait(waiting->poller, longest < most ? longest : most);
    else
        sn_waker_wait(&waiting->waker, longest < most ? longest : most);
    return due < 0 && longest <= most;
}

bool sn_wait(sn_engine *engine, int64_t timeout)
{
    sn_waiting *waiting = &engine->waiting;
    void *python = sn_gil_release();
    unsigned changes = atomic_load(&waiting->changes), before = seen.engine == engine ? seen.changes : changes;
    int64_t deadline = sn_now() + timeout, left = timeout, due;
    bool news;
    open_once(engine);
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
    seen.engine = engine;
    seen.changes = changes;
    sn_gil_acquire(python);
    return news;
}
