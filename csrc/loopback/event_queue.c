/* Lists sorted from their ends: most of what is added is due last. */
#include "event_queue.h"

#include <stddef.h>

static bool is_before(const lo_timer *a, const lo_timer *b)
{
    return a->time < b->time || (a->time == b->time && a->seq < b->seq);
}

int64_t lo_timer_due(const lo_event_queue *queue)
{
    int64_t due = INT64_MAX;
    for (int kind = 0; kind < LO_TIMER_KINDS; kind++)
        if (queue->timers[kind].first != NULL && queue->timers[kind].first->time < due)
            due = queue->timers[kind].first->time;
    return due;
}

lo_timer *lo_timer_take(lo_event_queue *queue, int64_t until)
{
    lo_timer *first = NULL;
    for (int kind = 0; kind < LO_TIMER_KINDS; kind++) {
        lo_timer *timer = queue->timers[kind].first;
        if (timer != NULL && timer->time <= until && (first == NULL || is_before(timer, first)))
            first = timer;
    }
    if (first != NULL) {
        LO_REMOVE(&queue->timers[first->kind], first, queued);
        first->is_queued = false;
    }
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
