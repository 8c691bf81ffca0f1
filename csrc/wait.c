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
};

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
    sn_lock(&waiting->mutex);
    if (!waiting->opened) {
        sn_poller sockets = engine->backend->poller != NULL ? engine->backend->poller(engine) : SN_NO_POLLER;
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
        waiting->opened = true;
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

void sn_waiting_end(sn_engine *engine)
{
    sn_lock(&engine->waiting.mutex);
    atomic_store(&engine->waiting.over, true);
    sn_waker_wake(&engine->waiting.waker);
    sn_unlock(&engine->waiting.mutex);
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

/* The waker is cleared by who goes to sleep, so that others who wait have time to see it. */
static int64_t look(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    int64_t due;
    open_once(engine);
    due = ask(engine);
    if (due != 0 && !atomic_exchange(&waiting->armed, true)) {
        sn_waker_clear(&waiting->waker);
        if (atomic_load(&waiting->over))
            sn_waker_wake(&waiting->waker);
        due = ask(engine);
    }
    if (waiting->asks_for_signals && due > SIGNALS_NAP)
        return -SIGNALS_NAP;
    return due > waiting->longest ? waiting->longest : due;
}

int64_t sn_wait_due(sn_engine *engine)
{
    sn_waiting *waiting = &engine->waiting;
    int64_t due = look(engine);
    bool soon = due > 0 && due < ALARM;
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

bool sn_wait(sn_engine *engine, int64_t timeout)
{
    sn_waiting *waiting = &engine->waiting;
    void *python = sn_gil_release();
    unsigned changes = atomic_load(&waiting->changes); /* another thread may pump after the next one */
    int64_t deadline = sn_now() + timeout;
    bool news = false;
    while (!news) {
        int64_t due = look(engine), left = deadline - sn_now();
        int64_t longest = due < 0 ? -due : due;
        news = due == 0 || atomic_load(&waiting->changes) != changes || has_signals(waiting);
        if (news || left <= 0)
            break;
        if (waiting->poller != SN_NO_POLLER)
            sn_poller_wait(waiting->poller, longest < left ? longest : left);
        else
            sn_waker_wait(&waiting->waker, longest < left ? longest : left);
        news = due < 0 && longest <= left;
    }
    sn_gil_acquire(python);
    return news;
}
