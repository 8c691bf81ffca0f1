/* Releases messages in a library of its own, which Shutdown unloads: as in Steam, that code goes. */
#include <stdlib.h>

#include "fake_steam.h"

EXPORT void (*release_original)(SteamNetworkingMessage_t *message);
EXPORT bool release_closed;

EXPORT void release_message(SteamNetworkingMessage_t *message)
{
    if (release_closed)
        abort();
    release_original(message);
}
