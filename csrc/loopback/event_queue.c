/* Lists sorted from their ends: most of what is added is due last. */
#include "event_queue.h"

#include <stddef.h>

static bool is_before(const lo_timer *a, const lo_timer *b)
{
    return a->time < b->time || (a->time == b->time && a->seq < b->seq);
}

static lo_timer *first_timer(const lo_event_queue *queue)
{
    lo_timer *first = queue->timers[0].first;
    for (int kind = 1; kind < LO_TIMER_KINDS; kind++) {
        lo_timer *timer = queue->timers[kind].first;
        if (timer != NULL && (first == NULL || is_before(timer, first)))
            first = timer;
    }
    return first;
}

int64_t lo_timer_due(const lo_event_queue *queue)
{
    const lo_timer *first = first_timer(queue);
    return first != NULL ? first->time : INT64_MAX;
}

lo_timer *lo_timer_take(lo_event_queue *queue, int64_t until)
{
    lo_timer *first = first_timer(queue);
    if (first == NULL || first->time > until)
        return NULL;
    lo_timer_remove(queue, first);
    return first;
}

void lo_timer_remove(lo_event_queue *queue, lo_timer *timer)
{
    if (timer->is_queued)
        LO_REMOVE(&queue->timers[timer->kind], timer, queued);
    timer->is_queued = false;
}

void lo_timer_add(lo_event_queue *queue, lo_timer *timer, int64_t time)
{
    lo_timer *before;
    if (timer->is_queued)
        lo_timer_remove(queue, timer);
    timer->time = time;
    if (timer->seq == 0)
        timer->seq = ++queue->seq;
    before = queue->timers[timer->kind].last;
    while (before != NULL && is_before(timer, before))
        before = before->queued.before;
    LO_INSERT(&queue->timers[timer->kind], before, timer, queued);
    timer->is_queued = true;
}
