/* Packets: the memory of messages, from AllocateMessage to Release. */
#include "message.h"

#include <string.h>

#include "alloc.h"

lo_list lo_release_queue;

lo_packet *lo_packet_of(SteamNetworkingMessage_t *message)
{
    return (lo_packet *)((char *)message - offsetof(lo_packet, message));
}

/* Works on any thread, after the engine has stopped and in a forked child: it needs no engine. */
static void release(SteamNetworkingMessage_t *message)
{
    if (message->m_pfnFreeData != NULL)
        message->m_pfnFreeData(message);
    lo_free(lo_packet_of(message));
}

lo_packet *lo_packet_new(int kind, size_t size)
{
    lo_packet *packet = sn_loopback_malloc(sizeof *packet + size);
    if (packet == NULL)
        return NULL;
    memset(packet, 0, sizeof *packet);
    packet->kind = (uint8_t)kind;
    packet->reliable = true;
    packet->message.m_pData = size > 0 ? packet->payload : NULL;
    packet->message.m_cbSize = (int)size;
    packet->message.m_nChannel = -1;
    packet->message.m_pfnRelease = release;
    return packet;
}

int64_t lo_packet_memory(const lo_packet *packet)
{
    return (int64_t)sizeof *packet + packet->message.m_cbSize;
}

EResult lo_packet_copy(lo_packet **packet, const void *data, uint32_t size)
{
    if (size > LO_MAX_MESSAGE || (data == NULL && size > 0))
        return k_EResultInvalidParam;
    *packet = lo_packet_new(LO_DATA, size);
    if (*packet == NULL)
        return k_EResultLimitExceeded;
    if (size > 0)
        memcpy((*packet)->payload, data, size);
    return k_EResultOK;
}

lo_packet *lo_list_take(lo_list *list)
{
    lo_packet *packet = list->first;
    if (packet != NULL)
        LO_REMOVE(list, packet, queued);
    return packet;
}

void lo_release_later(lo_packet *packet)
{
    if (packet != NULL)
        LO_APPEND(&lo_release_queue, packet, queued);
}

void lo_release_all_later(lo_list *list)
{
    lo_packet *packet;
    while ((packet = lo_list_take(list)) != NULL)
        lo_release_later(packet);
}
