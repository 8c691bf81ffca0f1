/* Publishing listeners to other processes, again when their entries were removed. */
#include "publish.h"

#include <stdio.h>

#include "log.h"
#include "rendezvous.h"

enum {
    CHECK_AGAIN = 100000,      /* µs between two checks */
    STILL_PUBLISHED = 1000000, /* µs until an entry is checked again */
    ENTRIES_AT_ONCE = 32,      /* entries read or written in one check */
};

static int64_t last_check;

bool lo_publish(lo_listener *listener)
{
    lo_user *user = listener->object.user;
    char what[32] = "messages", why[512] = "another process already listens there";
    int outcome;
    if (lo.is_virtual)
        return true; /* other processes have another clock */
    outcome = lo_rendezvous_publish(listener->key, !listener->warned, why, sizeof why);
    listener->published = outcome == LO_PUBLISHED;
    listener->checked = lo.clock;
    if (listener->kind != LO_KIND_SESSION)
        snprintf(what, sizeof what, "%s port %d", listener->kind == LO_KIND_IP ? "UDP" : "virtual",
                 listener->port);
    if (listener->published && listener->warned)
        lo_log(user, LO_MSG, "%s: found by other processes again", what);
    else if (!listener->published && !listener->warned)
        lo_log(user, LO_WARNING, "%s: not found by other processes: %s", what, why);
    listener->warned = !listener->published;
    return outcome != LO_TAKEN;
}

void lo_unpublish(lo_listener *listener)
{
    if (listener->published)
        lo_rendezvous_unpublish(listener->key);
    listener->published = false;
}

static bool is_due(const lo_listener *listener)
{
    bool wanted = listener->kind != LO_KIND_SESSION || listener->opened;
    int64_t again = listener->published ? STILL_PUBLISHED : CHECK_AGAIN;
    return wanted && (lo.clock < listener->checked || lo.clock >= listener->checked + again);
}

void lo_publish_again(void)
{
    int left = ENTRIES_AT_ONCE;
    bool lost;
    if (lo.is_virtual || (lo.clock >= last_check && lo.clock < last_check + CHECK_AGAIN))
        return;
    last_check = lo.clock;
    lost = lo_rendezvous_lost();
    for (lo_user *user = lo.users.first; user != NULL; user = user->listed.after)
        for (lo_listener *one = user->listeners.first; one != NULL; one = one->listed.after) {
            if (lost && one->published)
                one->checked = 0;
            one->published = one->published && !lost;
            if (left == 0 || !is_due(one))
                continue;
            left--;
            if (one->published && lo_rendezvous_published(one->key))
                one->checked = lo.clock;
            else
                lo_publish(one);
        }
}
