/* The way into the engine and out of it: its lock, its clock, and whatever is due. */
#include <string.h>

#include "loopback.h"

#define HOLDER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

static void run_timer(lo_timer *timer)
{
    switch (timer->kind) {
    case LO_PACKET_TIMER:
        lo_packet_arrived(HOLDER(timer, lo_packet, timer));
        break;
    case LO_SEND_TIMER:
        lo_send_due(HOLDER(timer, lo_connection, send_timer));
        break;
    default:
        lo_on_timeout(HOLDER(timer, lo_connection, timeout_timer));
    }
}

void lo_api_begin(void)
{
    int64_t lived;
    lo_timer *timer;
    sn_lock(&lo.mutex);
    lived = lo.latest;
    lo.clock = sn_now();
    lo_transport_receive();
    /* Time does not run backwards, not even for what was due before it could be known. */
    while ((timer = lo_timer_peek(&lo.timers)) != NULL && timer->time <= lo.clock) {
        lo_timer_remove(&lo.timers, timer);
        lived = timer->time > lived ? timer->time : lived;
        lo.now = lived;
        run_timer(timer);
    }
    lo.latest = lo.now = lo.clock;
}

void lo_api_end(void)
{
    lo_list dead = lo.dead;
    lo_packet *packet;
    lo.dead = (lo_list){NULL, NULL};
    lo_transport_send_acks();
    sn_unlock(&lo.mutex);
    while ((packet = lo_list_take(&dead)) != NULL)
        packet->message.m_pfnRelease(&packet->message);
}

lo_connection *lo_api_begin_connection(const void *self, HSteamNetConnection handle)
{
    lo_api_begin();
    return lo_find_connection(self, handle);
}
