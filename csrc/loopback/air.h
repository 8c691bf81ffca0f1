/* What is due when: everything that will happen, ordered by time, then by when it was put there. */
#ifndef STEAMNET_LOOPBACK_AIR_H
#define STEAMNET_LOOPBACK_AIR_H

#include <stdbool.h>
#include <stdint.h>

/* Lives inside what it stands for, so that nothing here needs memory or can fail. */
typedef struct lo_node {
    int64_t due;
    uint64_t order; /* who was there first: kept while it moves, so that it stays ahead */
    struct lo_node *child, *next, *previous; /* previous: the sibling before, or the parent */
    int kind;
    bool aloft;
} lo_node;

typedef struct lo_air {
    lo_node *first;
    uint64_t order;
} lo_air;

/* Puts a node where its time is; one that is there already moves. */
void lo_air_push(lo_air *air, lo_node *node, int64_t due);
/* Takes a node out; harmless if it is not there. */
void lo_air_remove(lo_air *air, lo_node *node);

#endif
