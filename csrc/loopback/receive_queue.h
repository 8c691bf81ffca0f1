/* The queues of connections and poll groups. */
#ifndef STEAMNET_LOOPBACK_RECEIVE_QUEUE_H
#define STEAMNET_LOOPBACK_RECEIVE_QUEUE_H

#include "registry.h"

/* Out of its queue and group; it is the application's from then on. */
SteamNetworkingMessage_t *lo_dequeue(lo_packet *packet);
/* There may be room in the queue for deferred messages: its timer moves them up in the next call. */
void lo_note_room(lo_connection *connection);
/* At most so many messages of a group. */
int lo_dequeue_all(lo_group *group, SteamNetworkingMessage_t **messages, int most);
void lo_drop_queue(lo_connection *connection);
lo_group *lo_group_new(lo_user *user);
void lo_group_destroy(lo_group *group);
void lo_group_append(lo_group *group, lo_packet *packet);
/* Into another group, or none. */
void lo_change_group(lo_connection *connection, lo_group *group);

#endif
