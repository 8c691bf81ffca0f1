/* Lines and a pairing heap: what comes in order costs nothing much, the rest a logarithm. */
#include "air.h"

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
    b->previous = a;
    b->next = a->child;
    if (a->child != NULL)
        a->child->previous = b;
    a->child = b;
    return a;
}

/* One heap out of a list of siblings: in pairs, then the pairs together. */
static lo_node *pair(lo_node *list)
{
    lo_node *pairs = NULL, *whole = NULL;
    while (list != NULL) {
        lo_node *a = list, *b = list->next;
        list = b != NULL ? b->next : NULL;
        a->next = NULL;
        if (b != NULL)
            b->next = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        lo_node *next = pairs->next;
        pairs->next = NULL;
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
        if (node->previous->child == node)
            node->previous->child = node->next;
        else
            node->previous->next = node->next;
        if (node->next != NULL)
            node->next->previous = node->previous;
        air->heap = meld(air->heap, pair(node->child));
    }
    if (air->heap != NULL)
        air->heap->previous = NULL;
}

static void leave_line(struct lo_line_up *line, lo_node *node)
{
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        line->first = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    else
        line->last = node->previous;
}

void lo_air_remove(lo_air *air, lo_node *node)
{
    if (node->place == LO_IN_HEAP)
        leave_heap(air, node);
    else if (node->place == LO_IN_LINE)
        leave_line(&air->lines[node->kind], node);
    node->child = node->next = node->previous = NULL;
    node->place = LO_NOWHERE;
}

void lo_air_push(lo_air *air, lo_node *node, int64_t due)
{
    struct lo_line_up *line = &air->lines[node->kind];
    lo_air_remove(air, node);
    node->due = due;
    if (node->order == 0)
        node->order = ++air->order;
    if (line->last != NULL && earlier(node, line->last)) {
        node->place = LO_IN_HEAP;
        air->heap = meld(air->heap, node);
        air->heap->previous = NULL;
        return;
    }
    node->place = LO_IN_LINE;
    node->previous = line->last;
    if (line->last != NULL)
        line->last->next = node;
    else
        line->first = node;
    line->last = node;
}
