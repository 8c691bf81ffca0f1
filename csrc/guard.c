/* The guard around every call into an engine: its slow part, and the hooks for Python's lock. */
#include "guard.h"

static void *keep_gil(void) { return NULL; }
static void kept_gil(void *state) { (void)state; }
void *(*sn_gil_release)(void) = keep_gil;
void (*sn_gil_acquire)(void *state) = kept_gil;

bool sn_check_alive(sn_engine *engine)
{
    int open = SN_OPEN;
    bool alive = engine->alive(engine);
    if (!alive) {
        atomic_store(&engine->steam_gone, true);
        atomic_compare_exchange_strong(&engine->state, &open, SN_DISCONNECTED);
    }
    return alive;
}

const char *sn_closed_reason(const sn_engine *engine)
{
    return atomic_load(&engine->steam_gone) ? "Steam has been shut down by what had initialised it"
                                            : "the engine has been shut down";
}

bool sn_is_open(sn_engine *engine)
{
    bool open = sn_enter(engine);
    if (open)
        sn_leave(engine);
    return open;
}
