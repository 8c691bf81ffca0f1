/* The guard around every call into an engine: its slow part, and the hooks for Python's lock. */
#include "guard.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

int sn_copy_text(const char *from, char *to, int size)
{
    size_t length = from != NULL ? strlen(from) : 0;
    if (size > 0) {
        size_t copied = length < (size_t)size ? length : (size_t)size - 1;
        if (copied > 0)
            memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length < INT_MAX ? (int)length : INT_MAX;
}

/* --- hidden connections ----------------------------------------------------------------------- */

HSteamNetConnection sn_if_not_hidden(sn_engine *engine, HSteamNetConnection connection)
{
    sn_hidden *hidden = &engine->hidden;
    bool found = false;
    sn_lock(&hidden->mutex);
    for (int i = 0; i < atomic_load(&hidden->count) && !found; i++)
        found = hidden->handles[i] == connection;
    sn_unlock(&hidden->mutex);
    return found ? 0 : connection;
}

bool sn_hide_connection(sn_engine *engine, HSteamNetConnection connection)
{
    sn_hidden *hidden = &engine->hidden;
    int count;
    bool fits;
    sn_lock(&hidden->mutex);
    count = atomic_load(&hidden->count);
    fits = count < hidden->room;
    if (!fits) {
        int room = hidden->room > 0 ? hidden->room * 2 : 16;
        HSteamNetConnection *handles = realloc(hidden->handles, (size_t)room * sizeof *handles);
        if (handles != NULL) {
            hidden->handles = handles;
            hidden->room = room;
            fits = true;
        }
    }
    if (fits) {
        hidden->handles[count] = connection;
        atomic_store(&hidden->count, count + 1);
    }
    sn_unlock(&hidden->mutex);
    return fits;
}

void sn_show_connection(sn_engine *engine, HSteamNetConnection connection)
{
    sn_hidden *hidden = &engine->hidden;
    sn_lock(&hidden->mutex);
    for (int i = 0, last = atomic_load(&hidden->count) - 1; i <= last; i++)
        if (hidden->handles[i] == connection) {
            hidden->handles[i] = hidden->handles[last];
            atomic_store(&hidden->count, last);
            break;
        }
    sn_unlock(&hidden->mutex);
}
