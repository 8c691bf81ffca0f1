/* A queue of byte records that any thread may fill and Python's thread drains. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

static sn_queued *take_first(sn_queue *queue)
{
    sn_queued *record = queue->first;
    if (record != NULL) {
        queue->first = record->next;
        if (queue->first == NULL)
            queue->last = NULL;
        queue->count--;
    }
    return record;
}

void sn_queue_init(sn_queue *queue, size_t limit)
{
    *queue = (sn_queue){.mutex = SN_MUTEX_INIT, .limit = limit};
}

bool sn_queue_push(sn_queue *queue, const void *head, size_t head_size, const void *tail,
                   size_t tail_size)
{
    sn_queued *record = malloc(sizeof *record + head_size + tail_size);
    sn_queued *oldest = NULL;
    if (record == NULL) {
        sn_lock(&queue->mutex);
        queue->lost++;
        sn_unlock(&queue->mutex);
        return false;
    }
    record->next = NULL;
    record->size = head_size + tail_size;
    memcpy(record->bytes, head, head_size);
    if (tail_size > 0)
        memcpy(record->bytes + head_size, tail, tail_size);
    sn_lock(&queue->mutex);
    if (queue->count >= queue->limit) {
        oldest = take_first(queue);
        queue->lost++;
    }
    if (queue->last != NULL)
        queue->last->next = record;
    else
        queue->first = record;
    queue->last = record;
    queue->count++;
    sn_unlock(&queue->mutex);
    free(oldest);
    return true;
}

size_t sn_queue_pop(sn_queue *queue, void *bytes, size_t size)
{
    sn_queued *record = NULL;
    size_t found = SIZE_MAX;
    sn_lock(&queue->mutex);
    if (queue->first != NULL)
        found = queue->first->size;
    if (found <= size)
        record = take_first(queue);
    sn_unlock(&queue->mutex);
    if (record != NULL)
        memcpy(bytes, record->bytes, found);
    free(record);
    return found;
}

sn_queued *sn_queue_take(sn_queue *queue, size_t most)
{
    sn_queued *first = NULL;
    sn_lock(&queue->mutex);
    if (queue->lost == 0 && most > 0 && queue->first != NULL) {
        sn_queued *last = first = queue->first;
        size_t taken = 1;
        for (; taken < most && last->next != NULL; taken++)
            last = last->next;
        queue->first = last->next;
        if (queue->first == NULL)
            queue->last = NULL;
        queue->count -= taken;
        last->next = NULL;
    }
    sn_unlock(&queue->mutex);
    return first;
}

void sn_queue_put_back(sn_queue *queue, sn_queued *first)
{
    sn_queued *last = first;
    size_t count = 1;
    if (first == NULL)
        return;
    for (; last->next != NULL; count++)
        last = last->next;
    sn_lock(&queue->mutex);
    last->next = queue->first;
    queue->first = first;
    if (queue->last == NULL)
        queue->last = last;
    queue->count += count;
    sn_unlock(&queue->mutex);
}

size_t sn_queue_count(sn_queue *queue)
{
    size_t count;
    sn_lock(&queue->mutex);
    count = queue->count;
    sn_unlock(&queue->mutex);
    return count;
}

size_t sn_queue_lost(sn_queue *queue)
{
    size_t lost;
    sn_lock(&queue->mutex);
    lost = queue->lost;
    queue->lost = 0;
    sn_unlock(&queue->mutex);
    return lost;
}

void sn_queue_clear(sn_queue *queue)
{
    sn_queued *record;
    do {
        sn_lock(&queue->mutex);
        record = take_first(queue);
        sn_unlock(&queue->mutex);
        free(record);
    } while (record != NULL);
}
