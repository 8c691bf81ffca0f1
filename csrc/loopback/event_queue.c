/* Lines and a pairing heap: what comes in order costs nothing much, the rest a logarithm. */
#include "event_queue.h"

#include <stddef.h>

static bool earlier(const lo_node *a, const lo_node *b)
{
    return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static lo_node *meld(lo_node *a, lo_node *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (earlier(b, a)) {
        lo_node *swap = a;
        a = b;
        b = swap;
    }
    b->placed.before = a;
    b->placed.after = a->child;
    if (a->child != NULL)
        a->child->placed.before = b;
    a->child = b;
    return a;
}

/* One heap out of a list of siblings: in pairs, then the pairs together. */
static lo_node *pair(lo_node *list)
{
    lo_node *pairs = NULL, *whole = NULL;
    while (list != NULL) {
        lo_node *a = list, *b = list->placed.after;
        list = b != NULL ? b->placed.after : NULL;
        a->placed.after = NULL;
        if (b != NULL)
            b->placed.after = NULL;
        a = meld(a, b);
        a->placed.after = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        lo_node *next = pairs->placed.after;
        pairs->placed.after = NULL;
        whole = meld(whole, pairs);
        pairs = next;
    }
    return whole;
}

lo_node *lo_air_first(const lo_air *air)
{
    lo_node *first = air->heap;
    for (int kind = 0; kind < LO_KINDS; kind++) {
        lo_node *node = air->lines[kind].first;
        if (node != NULL && (first == NULL || earlier(node, first)))
            first = node;
    }
    return first;
}

static void leave_heap(lo_air *air, lo_node *node)
{
    if (node == air->heap) {
        air->heap = pair(node->child);
    } else {
        if (node->placed.before->child == node)
            node->placed.before->child = node->placed.after;
        else
            node->placed.before->placed.after = node->placed.after;
        if (node->placed.after != NULL)
            node->placed.after->placed.before = node->placed.before;
        air->heap = meld(air->heap, pair(node->child));
    }
    if (air->heap != NULL)
        air->heap->placed.before = NULL;
}

void lo_air_remove(lo_air *air, lo_node *node)
{
    if (node->place == LO_IN_HEAP)
        leave_heap(air, node);
    else if (node->place == LO_IN_LINE)
        LO_REMOVE(&air->lines[node->kind], node, placed);
    node->child = node->placed.after = node->placed.before = NULL;
    node->place = LO_NOWHERE;
}

void lo_air_push(lo_air *air, lo_node *node, int64_t due)
{
    lo_node *last;
    lo_air_remove(air, node);
    node->due = due;
    if (node->order == 0)
        node->order = ++air->order;
    last = air->lines[node->kind].last;
    if (last != NULL && earlier(node, last)) {
        node->place = LO_IN_HEAP;
        air->heap = meld(air->heap, node);
        air->heap->placed.before = NULL;
        return;
    }
    node->place = LO_IN_LINE;
    LO_APPEND(&air->lines[node->kind], node, placed);
}
