/* What is due when: everything that will happen, ordered by time, then by what was there first. */
#ifndef STEAMNET_LOOPBACK_AIR_H
#define STEAMNET_LOOPBACK_AIR_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

enum { LO_KINDS = 3 };

/* Lives inside what it stands for, so that nothing here needs memory or can fail. */
typedef struct lo_node {
    int64_t due;
    uint64_t order;          /* who was there first: kept while it moves, so that it stays ahead */
    LO_LINK(lo_node) placed; /* in its line, or among siblings in the heap: */
    struct lo_node *child;   /* the first of those has its parent before it */
    int kind;
    enum { LO_NOWHERE, LO_IN_HEAP, LO_IN_LINE } place;
} lo_node;

/* What comes in order of time stands in line, one line for each kind; the rest is in a heap. */
typedef struct lo_air {
    lo_node *heap;
    LO_LIST(lo_node) lines[LO_KINDS];
    uint64_t order;
} lo_air;

/* The node that is due next, NULL if there is none. */
lo_node *lo_air_first(const lo_air *air);
/* Puts a node where its time is; one that is there already moves. */
void lo_air_push(lo_air *air, lo_node *node, int64_t due);
/* Takes a node out; harmless if it is not there. */
void lo_air_remove(lo_air *air, lo_node *node);

#endif
