/* The world that all users of the process share: its lock, its clock, its handles. */
#include "loopback.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

lo_world lo = {.mutex = SN_MUTEX_INIT};

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

/* splitmix64: every state gives good numbers, so states may be made from anything. */
uint64_t lo_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint32_t new_handle(int kind)
{
    switch (kind) {
    case LO_LISTENER:
        return 0x00020001u + lo.serial++;
    case LO_GROUP:
        return 0x80010000u + lo.serial++;
    default:
        return (uint32_t)lo_random(&lo.random);
    }
}

bool lo_object_add(lo_object *object, lo_user *user, int kind)
{
    object->kind = kind;
    object->user = user;
    do
        object->handle = new_handle(kind);
    while (object->handle == 0 || lo_map_get(&lo.objects, object->handle) != NULL);
    return lo_map_put(&lo.objects, object->handle, object);
}

void lo_object_remove(lo_object *object) { lo_map_remove(&lo.objects, object->handle); }

void *lo_find_any(uint32_t handle, int kind)
{
    lo_object *object = lo_map_get(&lo.objects, handle);
    return object != NULL && object->kind == kind ? object : NULL;
}

static void *find(const void *self, uint32_t handle, int kind)
{
    lo_object *object = lo_find_any(handle, kind);
    return object != NULL && object->user == (const lo_user *)self ? object : NULL;
}

lo_connection *lo_find_connection(const void *self, HSteamNetConnection handle)
{
    lo_connection *connection = find(self, handle, LO_CONNECTION);
    bool visible = connection != NULL && !connection->closing && connection->manner != LO_SESSION;
    return visible ? connection : NULL;
}

lo_connection *lo_enter_connection(const void *self, HSteamNetConnection handle)
{
    lo_enter();
    return lo_find_connection(self, handle);
}

lo_listener *lo_find_listener(const void *self, HSteamListenSocket handle)
{
    lo_listener *listener = find(self, handle, LO_LISTENER);
    return listener != NULL && listener->manner != LO_SESSION ? listener : NULL;
}

lo_group *lo_find_group(const void *self, HSteamNetPollGroup handle)
{
    return find(self, handle, LO_GROUP);
}

void lo_say(lo_user *user, int level, const char *format, ...)
{
    enum { ENOUGH = 1000 };
    va_list arguments;
    lo_line *line;
    if (user->debug_output == NULL || level > user->debug_level || user->line_count >= ENOUGH)
        return;
    line = lo_alloc(sizeof *line);
    if (line == NULL)
        return;
    line->level = level;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    LO_APPEND(&user->lines, line, queued);
    user->line_count++;
}
