/* The queues of connections and poll groups. */
#include "receive_queue.h"

void lo_group_append(lo_group *group, lo_packet *packet)
{
    packet->group = group;
    LO_APPEND(&group->packets, packet, grouped);
}

static void leave_group(lo_packet *packet)
{
    LO_REMOVE(&packet->group->packets, packet, grouped);
    packet->group = NULL;
}

void lo_note_room(lo_connection *connection)
{
    const lo_timer *timer = &connection->send_timer;
    if (connection->deferred.first != NULL && (!timer->is_queued || timer->time > lo.now))
        lo_timer_add(&connection->send_timer, lo.now);
}

SteamNetworkingMessage_t *lo_dequeue(lo_packet *packet)
{
    lo_connection *connection = packet->receiver;
    if (packet->group != NULL)
        leave_group(packet);
    if (connection != NULL) {
        if (packet->message.m_conn != 0)
            packet->message.m_nConnUserData = connection->settings.user_data;
        LO_REMOVE(&connection->queue, packet, queued);
        packet->receiver = NULL;
        connection->queue_count--;
        connection->queue_bytes -= packet->message.m_cbSize;
        if (connection->deferred.first != NULL)
            lo_note_room(connection);
    }
    return &packet->message;
}

int lo_dequeue_all(lo_group *group, SteamNetworkingMessage_t **messages, int most)
{
    int count = 0;
    while (count < most && messages != NULL && group->packets.first != NULL)
        messages[count++] = lo_dequeue(group->packets.first);
    return count;
}

/* What came for a session stays in its inbox. */
void lo_drop_queue(lo_connection *connection)
{
    lo_packet *packet;
    while ((packet = lo_list_take(&connection->queue)) != NULL) {
        packet->receiver = NULL;
        if (connection->kind == LO_KIND_SESSION)
            continue;
        if (packet->group != NULL)
            leave_group(packet);
        lo_release_later(packet);
    }
    lo_release_all_later(&connection->deferred);
    connection->queue_count = 0;
    connection->queue_bytes = 0;
}

/* --- poll groups --------------------------------------------------------------------------- */

lo_group *lo_group_new(lo_user *user)
{
    lo_group *group = lo_alloc(sizeof *group);
    if (group != NULL) {
        group->object.user = user;
        LO_APPEND(&user->groups, group, listed);
    }
    return group;
}

void lo_change_group(lo_connection *connection, lo_group *group)
{
    if (connection->group == group)
        return;
    if (connection->group != NULL)
        LO_REMOVE(&connection->group->members, connection, grouped);
    connection->group = group;
    if (group != NULL)
        LO_APPEND(&group->members, connection, grouped);
    for (lo_packet *packet = connection->queue.first; packet != NULL;
         packet = packet->queued.after) {
        if (packet->group != NULL)
            leave_group(packet);
        if (group != NULL)
            lo_group_append(group, packet);
    }
}

void lo_group_destroy(lo_group *group)
{
    while (group->members.first != NULL)
        lo_change_group(group->members.first, NULL);
    while (group->packets.first != NULL) {
        lo_packet *packet = group->packets.first;
        lo_dequeue(packet);
        lo_release_later(packet);
    }
    lo_object_remove(&group->object);
    LO_REMOVE(&group->object.user->groups, group, listed);
    lo_free(group);
}
