/* The one flat function that steamworks-ffi-node calls and the stand-in has not. */
#include "stand_in.h"

EXPORT void SteamAPI_SteamNetworkingMessage_t_Release(SteamNetworkingMessage_t *message)
{
    message->m_pfnRelease(message);
}
