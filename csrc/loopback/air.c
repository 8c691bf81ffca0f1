/* A pairing heap: push and first are immediate, take costs the logarithm, and nothing allocates. */
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

void lo_air_remove(lo_air *air, lo_node *node)
{
    if (!node->aloft)
        return;
    if (node == air->first) {
        air->first = pair(node->child);
    } else {
        if (node->previous->child == node)
            node->previous->child = node->next;
        else
            node->previous->next = node->next;
        if (node->next != NULL)
            node->next->previous = node->previous;
        air->first = meld(air->first, pair(node->child));
    }
    if (air->first != NULL)
        air->first->previous = NULL;
    node->child = node->next = node->previous = NULL;
    node->aloft = false;
}

void lo_air_push(lo_air *air, lo_node *node, int64_t due)
{
    lo_air_remove(air, node);
    node->due = due;
    if (node->order == 0)
        node->order = ++air->order;
    node->aloft = true;
    air->first = meld(air->first, node);
    air->first->previous = NULL;
}
