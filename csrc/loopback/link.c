/* Streams to other processes of this machine. */
#include "loopback.h"

bool lo_publish(lo_listener *listener) { (void)listener; return true; }
void lo_unpublish(lo_listener *listener) { (void)listener; }
bool lo_link_to(lo_connection *connection) { (void)connection; return false; }
void lo_link_send(lo_connection *connection, lo_packet *packet, int64_t due) { (void)connection; (void)due; lo_bury(packet); }
void lo_link_landed(lo_packet *packet) { (void)packet; }
void lo_link_leave(lo_connection *connection) { (void)connection; }
void lo_link_weather(lo_connection *connection) { (void)connection; }
void lo_link_hurry(lo_connection *connection, int64_t when) { (void)connection; (void)when; }
void lo_link_acknowledge(lo_connection *r, const lo_packet *p) { (void)r; (void)p; }
void lo_links_read(void) {}
void lo_links_write(void) {}
void lo_session_changed(lo_connection *connection, ESteamNetworkingConnectionState old) { (void)connection; (void)old; }
void lo_session_received(lo_connection *c, lo_packet *p) { (void)c; lo_bury(p); }
void sn_loopback_after_fork(void) {}
EResult loopback_ISteamNetworkingMessages_SendMessageToUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote, const void *pubData, uint32_t cubData, int nSendFlags, int nRemoteChannel) { (void)self;(void)identityRemote;(void)pubData;(void)cubData;(void)nSendFlags;(void)nRemoteChannel; return k_EResultFail; }
int loopback_ISteamNetworkingMessages_ReceiveMessagesOnChannel(ISteamNetworkingMessages *self, int nLocalChannel, SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages) { (void)self;(void)nLocalChannel;(void)ppOutMessages;(void)nMaxMessages; return 0; }
bool loopback_ISteamNetworkingMessages_AcceptSessionWithUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote) {(void)self;(void)identityRemote; return false;}
bool loopback_ISteamNetworkingMessages_CloseSessionWithUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote) {(void)self;(void)identityRemote; return false;}
bool loopback_ISteamNetworkingMessages_CloseChannelWithUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote, int nLocalChannel) {(void)self;(void)identityRemote;(void)nLocalChannel; return false;}
ESteamNetworkingConnectionState loopback_ISteamNetworkingMessages_GetSessionConnectionInfo(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote, SteamNetConnectionInfo_t *pConnectionInfo, SteamNetConnectionRealTimeStatus_t *pQuickStatus) {(void)self;(void)identityRemote;(void)pConnectionInfo;(void)pQuickStatus; return 0;}
