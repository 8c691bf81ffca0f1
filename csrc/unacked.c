/* Reliable messages that the peer has not acknowledged, counted by connection. */
#include "unacked.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* `held` is one number, so that a message costs one atomic step when it is sent and one when it is
 * freed: bytes in the lower half, references in the upper half. Each message is a reference, and
 * so is the table. Send buffers are far smaller than 4 GiB. */
#define REFERENCE ((uint64_t)1 << 32)

struct sn_unacked {
    HSteamNetConnection connection;
    bool counts; /* false: a pipe, which delivers at once and frees the message when it was read */
    bool idle;   /* nothing was sent since the table was last cleared of idle ones */
    atomic_uint_least64_t held;
    SteamNetworkingIdentity peer;
};

static void drop(sn_unacked *count, uint64_t amount)
{
    if (atomic_fetch_sub(&count->held, amount) == amount)
        free(count);
}

/* --- the table: open addressing, as the engines' handles are random numbers ------------------ */

static void lock(sn_unacked_table *table)
{
    while (atomic_flag_test_and_set_explicit(&table->busy, memory_order_acquire))
        sn_sleep(0);
}

static void unlock(sn_unacked_table *table) { atomic_flag_clear_explicit(&table->busy, memory_order_release); }

static sn_unacked **slot_of(const sn_unacked_table *table, HSteamNetConnection connection)
{
    size_t i = connection & (table->room - 1);
    while (table->slots[i] != NULL && table->slots[i]->connection != connection)
        i = (i + 1) & (table->room - 1);
    return &table->slots[i];
}

static bool in_use(const sn_unacked *count)
{
    return count != NULL && (!count->idle || atomic_load(&count->held) > REFERENCE);
}

/* Makes room for one more. Idle counts of zero go, as their connections may be closed; one that
 * sends again gets a new count. */
static bool make_room(sn_unacked_table *table)
{
    sn_unacked_table made = {.room = 64};
    if (table->used < table->room / 2)
        return true;
    for (size_t i = 0; i < table->room; i++)
        made.used += in_use(table->slots[i]);
    while (made.room < made.used * 4)
        made.room *= 2;
    made.slots = calloc(made.room, sizeof(sn_unacked *));
    if (made.slots == NULL)
        return false;
    made.used = 0;
    for (size_t i = 0; i < table->room; i++) {
        sn_unacked *count = table->slots[i];
        if (in_use(count)) {
            count->idle = true;
            *slot_of(&made, count->connection) = count;
            made.used++;
        } else if (count != NULL) {
            drop(count, REFERENCE);
        }
    }
    free(table->slots);
    table->slots = made.slots;
    table->room = made.room;
    table->used = made.used;
    return true;
}

/* Counts the message if there is a count, which may be the new one. */
static sn_unacked *count_message(sn_unacked_table *table, HSteamNetConnection connection, size_t size,
                                 sn_unacked *made)
{
    sn_unacked *count;
    lock(table);
    count = table->room > 0 ? *slot_of(table, connection) : NULL;
    if (count == NULL && made != NULL && make_room(table)) {
        *slot_of(table, connection) = count = made;
        table->used++;
        made = NULL;
    }
    if (count != NULL) {
        count->idle = false;
        if (count->counts)
            atomic_fetch_add(&count->held, REFERENCE + size);
    }
    unlock(table);
    free(made);
    return count;
}

static sn_unacked *new_count(sn_engine *engine, HSteamNetConnection connection)
{
    SteamNetConnectionInfo_t info;
    sn_unacked *made = NULL;
    memset(&info, 0, sizeof info);
    if (engine->flat.ISteamNetworkingSockets_GetConnectionInfo(engine->sockets, connection, &info))
        made = malloc(sizeof *made);
    if (made != NULL) {
        made->connection = connection;
        made->idle = false;
        made->counts = (info.m_nFlags & k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers) == 0;
        made->peer = info.m_identityRemote;
        atomic_init(&made->held, REFERENCE);
    }
    return made;
}

sn_unacked *sn_unacked_add(sn_engine *engine, HSteamNetConnection connection, int flags, size_t size)
{
    sn_unacked *count, *made;
    if (engine->library == NULL || /* the loopback engine counts by itself */
        ((flags & k_nSteamNetworkingSend_Reliable) == 0 && size <= SN_UNRELIABLE_LIMIT))
        return NULL;
    count = count_message(&engine->unacked, connection, size, NULL);
    if (count == NULL && (made = new_count(engine, connection)) != NULL)
        count = count_message(&engine->unacked, connection, size, made);
    return count != NULL && count->counts ? count : NULL;
}

void sn_unacked_add_another(sn_unacked *count, size_t size)
{
    atomic_fetch_add(&count->held, REFERENCE + size);
}

void sn_unacked_remove(sn_unacked *count, size_t size) { drop(count, REFERENCE + size); }

int sn_unacked_list(sn_engine *engine, sn_closing *out, int room)
{
    sn_unacked_table *table = &engine->unacked;
    int found = 0;
    lock(table);
    for (size_t i = 0; i < table->room; i++) {
        const sn_unacked *count = table->slots[i];
        uint64_t held = count != NULL ? atomic_load(&count->held) - REFERENCE : 0;
        if (held >= REFERENCE && found++ < room)
            out[found - 1] = (sn_closing){.connection = count->connection,
                                          .peer = count->peer,
                                          .messages = (int64_t)(held / REFERENCE),
                                          .bytes = (int64_t)(held % REFERENCE)};
    }
    unlock(table);
    return found;
}

void sn_unacked_release(sn_engine *engine)
{
    sn_unacked_table *table = &engine->unacked;
    for (size_t i = 0; i < table->room; i++)
        if (table->slots[i] != NULL)
            drop(table->slots[i], REFERENCE);
    free(table->slots);
}
