/* Messages that were taken from an engine, and not delivered to Python because memory was short. */
#include "undelivered.h"

#include <stdlib.h>
#include <string.h>

#include "wait.h"

void sn_undelivered_init(sn_engine *engine)
{
    engine->undelivered = (sn_undelivered){.mutex = SN_MUTEX_INIT};
}

/* Where Python has a lock, the receiving thread holds it during the whole call. */
static sn_received *take_spare(sn_undelivered *undelivered)
{
#ifdef SN_FREE_THREADED
    return atomic_exchange(&undelivered->spare, NULL);
#else
    sn_received *spare = atomic_load_explicit(&undelivered->spare, memory_order_relaxed);
    atomic_store_explicit(&undelivered->spare, NULL, memory_order_relaxed);
    return spare;
#endif
}

static void keep_spare(sn_undelivered *undelivered, sn_received *batch)
{
#ifdef SN_FREE_THREADED
    free(atomic_exchange(&undelivered->spare, batch));
#else
    free(atomic_load_explicit(&undelivered->spare, memory_order_relaxed));
    atomic_store_explicit(&undelivered->spare, batch, memory_order_relaxed);
#endif
}

sn_received *sn_received_begin(sn_engine *engine, sn_source source, long long handle)
{
    sn_received *batch = take_spare(&engine->undelivered);
    if (batch == NULL)
        batch = calloc(1, sizeof *batch);
    if (batch != NULL) {
        batch->source = source;
        batch->handle = handle;
    }
    return batch;
}

/* A connection's messages may have been taken from its poll group: m_nUserData, which an engine
 * leaves to the owner of a message, says which group the connection is in. */
static bool would_get(const sn_received *wanted, const sn_received *batch, const SteamNetworkingMessage_t *message)
{
    bool of_connection = batch->source == SN_CONNECTION || batch->source == SN_POLL_GROUP;
    switch (wanted->source) {
    case SN_CONNECTION:
        return of_connection && message->m_conn == (HSteamNetConnection)wanted->handle;
    case SN_POLL_GROUP:
        return of_connection && message->m_nUserData == wanted->handle;
    default:
        return batch->source == wanted->source && batch->handle == wanted->handle;
    }
}

static bool is_closed(sn_engine *engine, const sn_received *batch, const SteamNetworkingMessage_t *message)
{
    SteamNetConnectionInfo_t info;
    return (batch->source == SN_CONNECTION || batch->source == SN_POLL_GROUP) &&
           !engine->flat.ISteamNetworkingSockets_GetConnectionInfo(engine->sockets, message->m_conn, &info);
}

bool sn_received_fill_undelivered(sn_engine *engine, sn_received *batch, int limit)
{
    sn_undelivered *undelivered = &engine->undelivered;
    int found, open = 0;
    if (atomic_load(&undelivered->count) == 0)
        return false;
    sn_lock(&undelivered->mutex);
    for (sn_received **link = &undelivered->first, *kept = *link; kept != NULL; kept = *link) {
        int left = 0;
        for (int i = 0; i < kept->count; i++) {
            SteamNetworkingMessage_t *message = kept->messages[i];
            if (batch->count < limit && would_get(batch, kept, message))
                batch->messages[batch->count++] = message;
            else
                kept->messages[left++] = message;
        }
        kept->count = left;
        if (left > 0) {
            link = &kept->next;
        } else {
            *link = kept->next;
            free(kept);
        }
    }
    found = batch->count;
    atomic_fetch_sub(&undelivered->count, found);
    sn_unlock(&undelivered->mutex);
    for (int i = 0; i < found; i++)
        if (is_closed(engine, batch, batch->messages[i]))
            batch->messages[i]->m_pfnRelease(batch->messages[i]);
        else
            batch->messages[open++] = batch->messages[i];
    memset(batch->messages + open, 0, (size_t)(found - open) * sizeof batch->messages[0]);
    batch->count = open;
    return found > 0;
}

void sn_received_end(sn_engine *engine, sn_received *batch, int from)
{
    if (batch->count > 0)
        sn_note_traffic(engine);
    sn_undelivered *undelivered = &engine->undelivered;
    if (from >= batch->count) {
        memset(batch->messages, 0, (size_t)batch->count * sizeof batch->messages[0]);
        batch->count = 0;
        keep_spare(undelivered, batch);
        return;
    }
    batch->next = NULL;
    batch->count -= from;
    for (int i = 0; i < batch->count; i++) {
        batch->messages[i] = batch->messages[from + i];
        batch->messages[i]->m_nUserData = batch->source == SN_POLL_GROUP ? batch->handle : 0;
    }
    sn_lock(&undelivered->mutex);
    /* Before what is kept already: that may be the rest of the same handle. */
    batch->next = undelivered->first;
    undelivered->first = batch;
    atomic_fetch_add(&undelivered->count, batch->count);
    sn_unlock(&undelivered->mutex);
}

void sn_regroup_undelivered(sn_engine *engine, HSteamNetConnection connection, HSteamNetPollGroup group)
{
    sn_undelivered *undelivered = &engine->undelivered;
    sn_lock(&undelivered->mutex);
    for (const sn_received *batch = undelivered->first; batch != NULL; batch = batch->next)
        for (int i = 0; i < batch->count; i++)
            if (batch->messages[i]->m_conn == connection)
                batch->messages[i]->m_nUserData = group;
    sn_unlock(&undelivered->mutex);
}

void sn_undelivered_clear(sn_engine *engine, bool disconnected)
{
    sn_undelivered *undelivered = &engine->undelivered;
    sn_received *batch;
    while ((batch = undelivered->first) != NULL) {
        undelivered->first = batch->next;
        for (int i = 0; i < batch->count && !disconnected; i++)
            batch->messages[i]->m_pfnRelease(batch->messages[i]);
        free(batch);
    }
    atomic_store(&undelivered->count, 0);
    free(atomic_exchange(&undelivered->spare, NULL));
}
