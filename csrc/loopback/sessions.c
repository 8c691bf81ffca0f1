/* ISteamNetworkingMessages: sessions with users, each over a connection that nobody sees. */
#include "loopback.h"

void lo_session_changed(lo_connection *connection, ESteamNetworkingConnectionState old) { (void)connection; (void)old; }
void lo_session_received(lo_connection *c, lo_packet *p) { (void)c; lo_bury(p); }
EResult loopback_ISteamNetworkingMessages_SendMessageToUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote, const void *pubData, uint32_t cubData, int nSendFlags, int nRemoteChannel) { (void)self;(void)identityRemote;(void)pubData;(void)cubData;(void)nSendFlags;(void)nRemoteChannel; return k_EResultFail; }
int loopback_ISteamNetworkingMessages_ReceiveMessagesOnChannel(ISteamNetworkingMessages *self, int nLocalChannel, SteamNetworkingMessage_t **ppOutMessages, int nMaxMessages) { (void)self;(void)nLocalChannel;(void)ppOutMessages;(void)nMaxMessages; return 0; }
bool loopback_ISteamNetworkingMessages_AcceptSessionWithUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote) {(void)self;(void)identityRemote; return false;}
bool loopback_ISteamNetworkingMessages_CloseSessionWithUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote) {(void)self;(void)identityRemote; return false;}
bool loopback_ISteamNetworkingMessages_CloseChannelWithUser(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote, int nLocalChannel) {(void)self;(void)identityRemote;(void)nLocalChannel; return false;}
ESteamNetworkingConnectionState loopback_ISteamNetworkingMessages_GetSessionConnectionInfo(ISteamNetworkingMessages *self, const SteamNetworkingIdentity *identityRemote, SteamNetConnectionInfo_t *pConnectionInfo, SteamNetConnectionRealTimeStatus_t *pQuickStatus) {(void)self;(void)identityRemote;(void)pConnectionInfo;(void)pQuickStatus; return 0;}
