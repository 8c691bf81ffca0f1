/* The way into the engine and out of it: its lock, its clock, and whatever is due. */
#include <string.h>

#include "loopback.h"

#define HOLDER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

static void live(lo_node *node)
{
    switch (node->kind) {
    case LO_PACKET:
        lo_land(HOLDER(node, lo_packet, node));
        break;
    case LO_DEPARTURE:
        lo_depart(HOLDER(node, lo_connection, departure));
        break;
    default:
        lo_deadline(HOLDER(node, lo_connection, deadline));
    }
}

void lo_enter(void)
{
    int64_t lived;
    lo_node *node;
    sn_lock(&lo.mutex);
    lived = lo.lived;
    lo.clock = sn_now();
    lo_links_read();
    /* Time does not run backwards, not even for what was due before it could be known. */
    while ((node = lo_air_first(&lo.air)) != NULL && node->due <= lo.clock) {
        lo_air_remove(&lo.air, node);
        lived = node->due > lived ? node->due : lived;
        lo.now = lived;
        live(node);
    }
    lo.lived = lo.now = lo.clock;
}

void lo_leave(void)
{
    lo_list dead = lo.dead;
    lo_packet *packet;
    lo.dead = (lo_list){NULL, NULL};
    lo_links_write();
    sn_unlock(&lo.mutex);
    while ((packet = lo_list_take(&dead)) != NULL)
        packet->message.m_pfnRelease(&packet->message);
}

lo_connection *lo_enter_connection(const void *self, HSteamNetConnection handle)
{
    lo_enter();
    return lo_find_connection(self, handle);
}
