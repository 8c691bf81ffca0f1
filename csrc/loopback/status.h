/* What the application can ask of a connection: its info, its real-time status, the long text. */
#ifndef STEAMNET_LOOPBACK_STATUS_H
#define STEAMNET_LOOPBACK_STATUS_H

#include "registry.h"

void lo_fill_info(const lo_connection *connection, SteamNetConnectionInfo_t *info);
void lo_fill_status(const lo_connection *connection, SteamNetConnectionRealTimeStatus_t *status);
void lo_fill_lane_status(const lo_connection *connection, const lo_lane *lane,
                         SteamNetConnectionRealTimeLaneStatus_t *status);
int lo_write_details(const lo_connection *connection, char *text, size_t size);

#endif
