/* Typed doubly linked lists whose links are members of their items. */
#ifndef STEAMNET_LOOPBACK_LIST_H
#define STEAMNET_LOOPBACK_LIST_H

#define LO_LIST(type)                                                                              \
    struct {                                                                                       \
        struct type *first, *last;                                                                 \
    }
/* The links of an item: one such member for each list that it can be in at a time. */
#define LO_LINK(type)                                                                              \
    struct {                                                                                       \
        struct type *before, *after;                                                               \
    }

/* Behind another item, or first where that is NULL. */
#define LO_INSERT(list, behind, item, member)                                                      \
    do {                                                                                           \
        (item)->member.before = (behind);                                                          \
        (item)->member.after = (behind) != NULL ? (behind)->member.after : (list)->first;          \
        if ((item)->member.after != NULL)                                                          \
            (item)->member.after->member.before = (item);                                          \
        else                                                                                       \
            (list)->last = (item);                                                                 \
        if ((item)->member.before != NULL)                                                         \
            (item)->member.before->member.after = (item);                                          \
        else                                                                                       \
            (list)->first = (item);                                                                \
    } while (0)
#define LO_APPEND(list, item, member) LO_INSERT(list, (list)->last, item, member)

#define LO_REMOVE(list, item, member)                                                              \
    do {                                                                                           \
        if ((item)->member.before != NULL)                                                         \
            (item)->member.before->member.after = (item)->member.after;                            \
        else                                                                                       \
            (list)->first = (item)->member.after;                                                  \
        if ((item)->member.after != NULL)                                                          \
            (item)->member.after->member.before = (item)->member.before;                           \
        else                                                                                       \
            (list)->last = (item)->member.before;                                                  \
    } while (0)

#endif
