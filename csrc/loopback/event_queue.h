/* The event queue: timers and packets in flight, in order of time; at the same time, first come first. */
#ifndef STEAMNET_LOOPBACK_EVENT_QUEUE_H
#define STEAMNET_LOOPBACK_EVENT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

/* What a timer belongs to. */
typedef enum lo_timer_kind {
    LO_PACKET_TIMER,
    LO_SEND_TIMER,
    LO_TIMEOUT_TIMER,
    LO_TIMER_KINDS,
} lo_timer_kind;

/* Part of what it stands for, so that the queue needs no memory and cannot fail. */
typedef struct lo_timer {
    int64_t time;
    uint64_t seq; /* kept when the timer moves, so that equal times keep their order */
    LO_LINK(lo_timer) queued;
    lo_timer_kind kind;
    bool is_queued;
} lo_timer;

/* A list for each kind, so that packets need not pass timeouts that are far away. */
typedef struct lo_event_queue {
    LO_LIST(lo_timer) timers[LO_TIMER_KINDS];
    uint64_t seq;
} lo_event_queue;

/* When the next timer is due; INT64_MAX: never. */
int64_t lo_timer_due(const lo_event_queue *queue);
/* Takes out the timer that is due next, NULL if none is due by that time. */
lo_timer *lo_timer_take(lo_event_queue *queue, int64_t until);
/* Adds a timer, or moves one that is there already. */
void lo_timer_add(lo_event_queue *queue, lo_timer *timer, int64_t time);
/* Harmless if the timer is not there. */
void lo_timer_remove(lo_event_queue *queue, lo_timer *timer);

#endif
