/* What SteamNetConnectionInfo_t says about a connection. */
#ifndef STEAMNET_LOOPBACK_CONNECTION_INFO_H
#define STEAMNET_LOOPBACK_CONNECTION_INFO_H

#include "registry.h"

void lo_describe(const lo_connection *connection,
                 char text[k_cchSteamNetworkingMaxConnectionDescription]);
void lo_fill_info(const lo_connection *connection, SteamNetConnectionInfo_t *info);

#endif
