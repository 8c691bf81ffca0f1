/* The one flat function that steamworks-ffi-node calls and the fake has not. */
#include "fake_steam.h"

EXPORT void SteamAPI_SteamNetworkingMessage_t_Release(SteamNetworkingMessage_t *message)
{
    message->m_pfnRelease(message);
}
