/* Reliable messages that the peer has not acknowledged, counted by connection.
 *
 * A library frees a reliable message when it is acknowledged, or when it gives the message up.
 * Our messages carry a function that counts this down. The engine's service thread calls it, also
 * after the handle is closed and while the engine shuts down, so each message holds a reference
 * to its count.
 */
#ifndef STEAMNET_UNACKED_H
#define STEAMNET_UNACKED_H

#include <stdatomic.h>

#include "steamnet.h"

typedef struct sn_unacked sn_unacked;

/* The counts of one engine, a hash table by handle. */
typedef struct sn_unacked_table {
    atomic_flag busy; /* held for some nanoseconds, between threads that send */
    sn_unacked **slots;
    size_t room, used;
} sn_unacked_table;

/* The engines send a larger unreliable message reliably. */
enum { SN_UNRELIABLE_LIMIT = 15 * 1100 };

/* Counts a message that is about to be sent. NULL where nothing is counted: it is unreliable, the
 * handle is dead, the connection delivers at once, the backend counts by itself, or memory is short. */
sn_unacked *sn_unacked_add(sn_engine *engine, HSteamNetConnection connection, int flags, size_t size);
/* Counts another message of a connection of which one is counted and not sent yet. */
void sn_unacked_add_another(sn_unacked *count, size_t size);
/* The message has been freed; on any thread. */
void sn_unacked_remove(sn_unacked *count, size_t size);
/* The connections whose count is not zero, as sn_closing_connections tells of them. */
int sn_unacked_list(sn_engine *engine, sn_closing *out, int room);
/* The engine is gone. Messages that are not freed yet keep their counts. */
void sn_unacked_release(sn_engine *engine);

#endif
