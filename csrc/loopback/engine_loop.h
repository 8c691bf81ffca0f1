/* The way into the engine and out of it: its lock, its clocks, and all that is due. */
#ifndef STEAMNET_LOOPBACK_ENGINE_LOOP_H
#define STEAMNET_LOOPBACK_ENGINE_LOOP_H

#include "registry.h"

/* Every API call stands between these two. There are no threads: the first runs all timers and
 * arrivals that are due, in time order, each with its own timestamp. */
void lo_api_begin(const void *user);
/* The same, and asks the sockets in any case. */
void lo_api_begin_now(const void *user);
void lo_api_end(void);
/* lo_api_end of a call that makes an object, or NULL: its handle. */
uint32_t lo_api_end_made(const void *object);
/* lo_api_begin, and the user's connection of this handle if there is one. */
lo_connection *lo_api_begin_connection(const void *self, HSteamNetConnection handle);

#endif
