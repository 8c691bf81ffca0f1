/* Readiness: which sockets can be read from or written to, asked of the system in one call. */
#include "readiness.h"

static sn_poller poller = SN_NO_POLLER;
int64_t lo_sockets_due = INT64_MAX;
static bool failed; /* this system has none, or it is out of files or memory */

sn_poller lo_poller(void)
{
    if (poller == SN_NO_POLLER && !failed) {
        poller = sn_poller_open();
        failed = poller == SN_NO_POLLER;
    }
    return poller;
}

void lo_watch(sn_socket socket, int *watched, int wanted, void *owner)
{
    if (wanted != 0 && lo_sockets_due == INT64_MAX)
        lo_sockets_due = 0;
    if (*watched == wanted || lo_poller() == SN_NO_POLLER)
        return;
    if (sn_poller_watch(poller, socket, *watched, wanted, owner)) {
        *watched = wanted;
    } else {
        sn_poller_close(poller);
        poller = SN_NO_POLLER;
        failed = true;
    }
}

int lo_ready(void **owners, int room)
{
    return lo_poller() != SN_NO_POLLER ? sn_poller_ready(poller, owners, room) : -1;
}

void lo_readiness_close(void)
{
    if (poller != SN_NO_POLLER)
        sn_poller_close(poller);
    poller = SN_NO_POLLER;
    failed = false;
    lo_sockets_due = INT64_MAX;
}
