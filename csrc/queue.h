/* A queue of byte records that any thread may fill and Python's thread drains. */
#ifndef STEAMNET_QUEUE_H
#define STEAMNET_QUEUE_H

#include "platform/platform.h"

typedef struct sn_queued {
    struct sn_queued *next;
    size_t size;
    unsigned char bytes[]; /* aligned for any struct */
} sn_queued;

typedef struct sn_queue {
    sn_mutex mutex;
    sn_queued *first, *last;
    size_t count, limit; /* beyond the limit the oldest record makes room */
    size_t lost;         /* that way, or because memory was short */
} sn_queue;

void sn_queue_init(sn_queue *queue, size_t limit);
/* Appends head and tail as one record; false, and a loss, when memory is short. */
bool sn_queue_push(sn_queue *queue, const void *head, size_t head_size, const void *tail,
                   size_t tail_size);
/* Moves the oldest record out: its size, SIZE_MAX if there is none. A larger one than size stays. */
size_t sn_queue_pop(sn_queue *queue, void *bytes, size_t size);
/* Moves out the oldest records, at most so many, for the caller to free or to put back: the first, which
 * leads to the next. NULL where there is none, and where some were lost, which comes before them. */
sn_queued *sn_queue_take(sn_queue *queue, size_t most);
/* Has those that were taken, and all behind them, wait again, before all others. */
void sn_queue_put_back(sn_queue *queue, sn_queued *first);
/* How many records wait. */
size_t sn_queue_count(sn_queue *queue);
/* How many records were lost since it was last asked. */
size_t sn_queue_lost(sn_queue *queue);
void sn_queue_clear(sn_queue *queue);

#endif
