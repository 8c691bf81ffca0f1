/* Lines of debug output. */
#ifndef STEAMNET_LOOPBACK_LOG_H
#define STEAMNET_LOOPBACK_LOG_H

#include "registry.h"

enum {
    LO_ERROR = k_ESteamNetworkingSocketsDebugOutputType_Error,
    LO_WARNING = k_ESteamNetworkingSocketsDebugOutputType_Warning,
    LO_MSG = k_ESteamNetworkingSocketsDebugOutputType_Msg,
    LO_VERBOSE = k_ESteamNetworkingSocketsDebugOutputType_Verbose,
};

/* A line of debug output, if the user wants it; delivered with its next callbacks. */
void lo_log(lo_user *user, int level, const char *format, ...);

#endif
