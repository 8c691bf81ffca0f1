"""The compiled module, typed. Written by tools/native_stub.py: change that, or the C headers."""

# ruff: noqa  # the names are Valve's
# A line each.
# fmt: off

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, final

from typing_extensions import Buffer

from .arguments import Payload
from .identity import Identity

class CData:
    """A C value of any type: what its fields and items are, cffi knows and Python does not."""

    def __getattr__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __setitem__(self, index: int, value: Any, /) -> None: ...
    def __add__(self, count: int, /) -> CData: ...
    def __int__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...

class CBuffer:
    """The bytes behind a C value, which it does not keep alive."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __getitem__(self, part: slice, /) -> bytes: ...
    def __len__(self) -> int: ...

@final
class FFI:
    """As much of cffi's FFI as this package uses."""

    @property
    def NULL(self) -> CData: ...
    def addressof(self, cdata: CData, /) -> CData: ...
    def buffer(self, cdata: CData, size: int = ..., /) -> CBuffer: ...
    def cast(self, cdecl: str, source: CData | int, /) -> CData: ...
    def from_buffer(self, source: Buffer, /) -> CData: ...
    def gc(self, cdata: CData, destructor: Callable[[CData], object], /) -> CData: ...
    def new(self, cdecl: str, init: Any = ..., /) -> CData: ...
    def string(self, cdata: CData, /) -> bytes | str: ...
    def unpack(self, cdata: CData, length: int, /) -> list[Any]: ...

@final
class Lib:
    """The functions and constants of the C headers."""

    SN_ADDRESS_SIZE: int
    SN_DELAYED: int
    SN_DELIVERED: int
    SN_ERROR_SIZE: int
    SN_EVENTS_LOST: int
    SN_GNS: int
    SN_IDENTITY_SIZE: int
    SN_LOOPBACK: int
    SN_LOST: int
    SN_RECORDS: int
    SN_SENT: int
    SN_STEAM: int
    SN_STEAM_SERVER: int
    SN_TEXTS_SIZE: int
    k_EChatRoomEnterResponseBanned: int
    k_EChatRoomEnterResponseClanDisabled: int
    k_EChatRoomEnterResponseCommunityBan: int
    k_EChatRoomEnterResponseDoesntExist: int
    k_EChatRoomEnterResponseError: int
    k_EChatRoomEnterResponseFull: int
    k_EChatRoomEnterResponseLimited: int
    k_EChatRoomEnterResponseMemberBlockedYou: int
    k_EChatRoomEnterResponseNotAllowed: int
    k_EChatRoomEnterResponseRatelimitExceeded: int
    k_EChatRoomEnterResponseSuccess: int
    k_EChatRoomEnterResponseYouBlockedMember: int
    k_ELobbyTypeFriendsOnly: int
    k_ELobbyTypeInvisible: int
    k_ELobbyTypePrivate: int
    k_ELobbyTypePublic: int
    k_EPersonaStateAway: int
    k_EPersonaStateBusy: int
    k_EPersonaStateInvisible: int
    k_EPersonaStateLookingToPlay: int
    k_EPersonaStateLookingToTrade: int
    k_EPersonaStateOffline: int
    k_EPersonaStateOnline: int
    k_EPersonaStateSnooze: int
    k_EResultAccessDenied: int
    k_EResultAccountActivityLimitExceeded: int
    k_EResultAccountAssociatedToMultiplePartners: int
    k_EResultAccountDeleted: int
    k_EResultAccountDisabled: int
    k_EResultAccountLimitExceeded: int
    k_EResultAccountLockedDown: int
    k_EResultAccountLoginDeniedNeedTwoFactor: int
    k_EResultAccountLoginDeniedThrottle: int
    k_EResultAccountLogonDenied: int
    k_EResultAccountLogonDeniedNoMail: int
    k_EResultAccountLogonDeniedVerifiedEmailRequired: int
    k_EResultAccountNotFeatured: int
    k_EResultAccountNotFound: int
    k_EResultAccountNotFriends: int
    k_EResultAdministratorOK: int
    k_EResultAlreadyLoggedInElsewhere: int
    k_EResultAlreadyOwned: int
    k_EResultAlreadyRedeemed: int
    k_EResultBadResponse: int
    k_EResultBanned: int
    k_EResultBlocked: int
    k_EResultBusy: int
    k_EResultCachedCredentialInvalid: int
    k_EResultCancelled: int
    k_EResultCannotUseOldPassword: int
    k_EResultCantRemoveItem: int
    k_EResultChargerRequired: int
    k_EResultCommunityCooldown: int
    k_EResultConnectFailed: int
    k_EResultContentVersion: int
    k_EResultDataCorruption: int
    k_EResultDisabled: int
    k_EResultDiskFull: int
    k_EResultDuplicateName: int
    k_EResultDuplicateRequest: int
    k_EResultEmailSendFailure: int
    k_EResultEncryptionFailure: int
    k_EResultExistingUserCancelledLicense: int
    k_EResultExpired: int
    k_EResultExpiredLoginAuthCode: int
    k_EResultExternalAccountAlreadyLinked: int
    k_EResultExternalAccountUnlinked: int
    k_EResultFacebookQueryError: int
    k_EResultFail: int
    k_EResultFamilySizeLimitExceeded: int
    k_EResultFileNotFound: int
    k_EResultGSLTDenied: int
    k_EResultGSLTExpired: int
    k_EResultGSOwnerDenied: int
    k_EResultHandshakeFailed: int
    k_EResultHardwareNotCapableOfIPT: int
    k_EResultIOFailure: int
    k_EResultIPBanned: int
    k_EResultIPLoginRestrictionFailed: int
    k_EResultIPNotFound: int
    k_EResultIPTInitError: int
    k_EResultIgnored: int
    k_EResultIllegalPassword: int
    k_EResultInsufficientBattery: int
    k_EResultInsufficientFunds: int
    k_EResultInsufficientPrivilege: int
    k_EResultInvalidCEGSubmission: int
    k_EResultInvalidEmail: int
    k_EResultInvalidItemType: int
    k_EResultInvalidLoginAuthCode: int
    k_EResultInvalidName: int
    k_EResultInvalidParam: int
    k_EResultInvalidPassword: int
    k_EResultInvalidProtocolVer: int
    k_EResultInvalidSignature: int
    k_EResultInvalidState: int
    k_EResultInvalidSteamID: int
    k_EResultItemDeleted: int
    k_EResultLauncherMigrated: int
    k_EResultLimitExceeded: int
    k_EResultLimitedUserAccount: int
    k_EResultLockingFailed: int
    k_EResultLoggedInElsewhere: int
    k_EResultLogonSessionReplaced: int
    k_EResultMustAgreeToSSA: int
    k_EResultNeedCaptcha: int
    k_EResultNoConnection: int
    k_EResultNoLauncherSpecified: int
    k_EResultNoMatch: int
    k_EResultNoMatchingURL: int
    k_EResultNoMobileDevice: int
    k_EResultNoSiteLicensesFound: int
    k_EResultNoVerifiedPhone: int
    k_EResultNone: int
    k_EResultNotLoggedOn: int
    k_EResultNotModified: int
    k_EResultNotSettled: int
    k_EResultNotSupported: int
    k_EResultOK: int
    k_EResultOfflineAppCacheInvalid: int
    k_EResultPSNTicketInvalid: int
    k_EResultParentalControlRestricted: int
    k_EResultParseFailure: int
    k_EResultPasswordRequiredToKickSession: int
    k_EResultPasswordUnset: int
    k_EResultPending: int
    k_EResultPersistFailed: int
    k_EResultPhoneActivityLimitExceeded: int
    k_EResultPhoneNumberIsVOIP: int
    k_EResultRateLimitExceeded: int
    k_EResultRefundToWallet: int
    k_EResultRegionLocked: int
    k_EResultRemoteCallFailed: int
    k_EResultRemoteDisconnect: int
    k_EResultRemoteFileConflict: int
    k_EResultRequirePasswordReEntry: int
    k_EResultRestrictedDevice: int
    k_EResultRevoked: int
    k_EResultSameAsPreviousValue: int
    k_EResultServiceReadOnly: int
    k_EResultServiceUnavailable: int
    k_EResultShoppingCartNotFound: int
    k_EResultSmsCodeFailed: int
    k_EResultSteamRealmMismatch: int
    k_EResultSuspended: int
    k_EResultTimeNotSynced: int
    k_EResultTimeout: int
    k_EResultTooManyPending: int
    k_EResultTryAnotherCM: int
    k_EResultTryLater: int
    k_EResultTwoFactorActivationCodeMismatch: int
    k_EResultTwoFactorCodeMismatch: int
    k_EResultUnexpectedError: int
    k_EResultValueOutOfRange: int
    k_EResultWGNetworkSendExceeded: int
    k_ESteamAPIInitResult_FailedGeneric: int
    k_ESteamAPIInitResult_NoSteamClient: int
    k_ESteamAPIInitResult_OK: int
    k_ESteamAPIInitResult_VersionMismatch: int
    k_ESteamNetConnectionEnd_AppException_Generic: int
    k_ESteamNetConnectionEnd_AppException_Max: int
    k_ESteamNetConnectionEnd_AppException_Min: int
    k_ESteamNetConnectionEnd_App_Generic: int
    k_ESteamNetConnectionEnd_App_Max: int
    k_ESteamNetConnectionEnd_App_Min: int
    k_ESteamNetConnectionEnd_Invalid: int
    k_ESteamNetConnectionEnd_Local_HostedServerPrimaryRelay: int
    k_ESteamNetConnectionEnd_Local_ManyRelayConnectivity: int
    k_ESteamNetConnectionEnd_Local_Max: int
    k_ESteamNetConnectionEnd_Local_Min: int
    k_ESteamNetConnectionEnd_Local_NetworkConfig: int
    k_ESteamNetConnectionEnd_Local_OfflineMode: int
    k_ESteamNetConnectionEnd_Local_P2P_ICE_NoPublicAddresses: int
    k_ESteamNetConnectionEnd_Local_Rights: int
    k_ESteamNetConnectionEnd_Misc_Generic: int
    k_ESteamNetConnectionEnd_Misc_InternalError: int
    k_ESteamNetConnectionEnd_Misc_Max: int
    k_ESteamNetConnectionEnd_Misc_Min: int
    k_ESteamNetConnectionEnd_Misc_NoRelaySessionsToClient: int
    k_ESteamNetConnectionEnd_Misc_P2P_NAT_Firewall: int
    k_ESteamNetConnectionEnd_Misc_P2P_Rendezvous: int
    k_ESteamNetConnectionEnd_Misc_PeerSentNoConnection: int
    k_ESteamNetConnectionEnd_Misc_SteamConnectivity: int
    k_ESteamNetConnectionEnd_Misc_Timeout: int
    k_ESteamNetConnectionEnd_Remote_BadCert: int
    k_ESteamNetConnectionEnd_Remote_BadCrypt: int
    k_ESteamNetConnectionEnd_Remote_BadProtocolVersion: int
    k_ESteamNetConnectionEnd_Remote_Max: int
    k_ESteamNetConnectionEnd_Remote_Min: int
    k_ESteamNetConnectionEnd_Remote_P2P_ICE_NoPublicAddresses: int
    k_ESteamNetConnectionEnd_Remote_Timeout: int
    k_ESteamNetworkingAvailability_Attempting: int
    k_ESteamNetworkingAvailability_CannotTry: int
    k_ESteamNetworkingAvailability_Current: int
    k_ESteamNetworkingAvailability_Failed: int
    k_ESteamNetworkingAvailability_NeverTried: int
    k_ESteamNetworkingAvailability_Previously: int
    k_ESteamNetworkingAvailability_Retrying: int
    k_ESteamNetworkingAvailability_Unknown: int
    k_ESteamNetworkingAvailability_Waiting: int
    k_ESteamNetworkingConfig_Callback_AuthStatusChanged: int
    k_ESteamNetworkingConfig_Callback_ConnectionStatusChanged: int
    k_ESteamNetworkingConfig_Callback_CreateConnectionSignaling: int
    k_ESteamNetworkingConfig_Callback_FakeIPResult: int
    k_ESteamNetworkingConfig_Callback_MessagesSessionFailed: int
    k_ESteamNetworkingConfig_Callback_MessagesSessionRequest: int
    k_ESteamNetworkingConfig_Callback_RelayNetworkStatusChanged: int
    k_ESteamNetworkingConfig_Connection: int
    k_ESteamNetworkingConfig_ConnectionUserData: int
    k_ESteamNetworkingConfig_DualWifi_Enable: int
    k_ESteamNetworkingConfig_ECN: int
    k_ESteamNetworkingConfig_EnableDiagnosticsUI: int
    k_ESteamNetworkingConfig_FakePacketDup_Recv: int
    k_ESteamNetworkingConfig_FakePacketDup_Send: int
    k_ESteamNetworkingConfig_FakePacketDup_TimeMax: int
    k_ESteamNetworkingConfig_FakePacketJitter_Recv_Avg: int
    k_ESteamNetworkingConfig_FakePacketJitter_Recv_Max: int
    k_ESteamNetworkingConfig_FakePacketJitter_Recv_Pct: int
    k_ESteamNetworkingConfig_FakePacketJitter_Send_Avg: int
    k_ESteamNetworkingConfig_FakePacketJitter_Send_Max: int
    k_ESteamNetworkingConfig_FakePacketJitter_Send_Pct: int
    k_ESteamNetworkingConfig_FakePacketLag_Recv: int
    k_ESteamNetworkingConfig_FakePacketLag_Send: int
    k_ESteamNetworkingConfig_FakePacketLoss_Recv: int
    k_ESteamNetworkingConfig_FakePacketLoss_Send: int
    k_ESteamNetworkingConfig_FakePacketReorder_Recv: int
    k_ESteamNetworkingConfig_FakePacketReorder_Send: int
    k_ESteamNetworkingConfig_FakePacketReorder_Time: int
    k_ESteamNetworkingConfig_FakeRateLimit_Recv_Burst: int
    k_ESteamNetworkingConfig_FakeRateLimit_Recv_Rate: int
    k_ESteamNetworkingConfig_FakeRateLimit_Send_Burst: int
    k_ESteamNetworkingConfig_FakeRateLimit_Send_Rate: int
    k_ESteamNetworkingConfig_Float: int
    k_ESteamNetworkingConfig_Global: int
    k_ESteamNetworkingConfig_IPLocalHost_AllowWithoutAuth: int
    k_ESteamNetworkingConfig_IP_AllowWithoutAuth: int
    k_ESteamNetworkingConfig_Int32: int
    k_ESteamNetworkingConfig_Int64: int
    k_ESteamNetworkingConfig_Invalid: int
    k_ESteamNetworkingConfig_ListenSocket: int
    k_ESteamNetworkingConfig_LocalVirtualPort: int
    k_ESteamNetworkingConfig_LogLevel_AckRTT: int
    k_ESteamNetworkingConfig_LogLevel_Message: int
    k_ESteamNetworkingConfig_LogLevel_P2PRendezvous: int
    k_ESteamNetworkingConfig_LogLevel_PacketDecode: int
    k_ESteamNetworkingConfig_LogLevel_PacketGaps: int
    k_ESteamNetworkingConfig_LogLevel_SDRRelayPings: int
    k_ESteamNetworkingConfig_MTU_DataSize: int
    k_ESteamNetworkingConfig_MTU_PacketSize: int
    k_ESteamNetworkingConfig_NagleTime: int
    k_ESteamNetworkingConfig_OutOfOrderCorrectionWindowMicroseconds: int
    k_ESteamNetworkingConfig_P2P_STUN_ServerList: int
    k_ESteamNetworkingConfig_P2P_TURN_PassList: int
    k_ESteamNetworkingConfig_P2P_TURN_ServerList: int
    k_ESteamNetworkingConfig_P2P_TURN_UserList: int
    k_ESteamNetworkingConfig_P2P_Transport_ICE_Enable: int
    k_ESteamNetworkingConfig_P2P_Transport_ICE_Implementation: int
    k_ESteamNetworkingConfig_P2P_Transport_ICE_Penalty: int
    k_ESteamNetworkingConfig_P2P_Transport_SDR_Penalty: int
    k_ESteamNetworkingConfig_PacketTraceMaxBytes: int
    k_ESteamNetworkingConfig_Ptr: int
    k_ESteamNetworkingConfig_RecvBufferMessages: int
    k_ESteamNetworkingConfig_RecvBufferSize: int
    k_ESteamNetworkingConfig_RecvMaxMessageSize: int
    k_ESteamNetworkingConfig_RecvMaxSegmentsPerPacket: int
    k_ESteamNetworkingConfig_SDRClient_ConsecutitivePingTimeoutsFail: int
    k_ESteamNetworkingConfig_SDRClient_ConsecutitivePingTimeoutsFailInitial: int
    k_ESteamNetworkingConfig_SDRClient_DevTicket: int
    k_ESteamNetworkingConfig_SDRClient_EnableTOSProbes: int
    k_ESteamNetworkingConfig_SDRClient_FakeClusterPing: int
    k_ESteamNetworkingConfig_SDRClient_ForceProxyAddr: int
    k_ESteamNetworkingConfig_SDRClient_ForceRelayCluster: int
    k_ESteamNetworkingConfig_SDRClient_LimitPingProbesToNearestN: int
    k_ESteamNetworkingConfig_SDRClient_MinPingsBeforePingAccurate: int
    k_ESteamNetworkingConfig_SDRClient_SingleSocket: int
    k_ESteamNetworkingConfig_SendBufferSize: int
    k_ESteamNetworkingConfig_SendRateMax: int
    k_ESteamNetworkingConfig_SendRateMin: int
    k_ESteamNetworkingConfig_SendTimeSincePreviousPacket: int
    k_ESteamNetworkingConfig_SocketsInterface: int
    k_ESteamNetworkingConfig_String: int
    k_ESteamNetworkingConfig_SymmetricConnect: int
    k_ESteamNetworkingConfig_TimeoutConnected: int
    k_ESteamNetworkingConfig_TimeoutInitial: int
    k_ESteamNetworkingConfig_Unencrypted: int
    k_ESteamNetworkingConnectionState_ClosedByPeer: int
    k_ESteamNetworkingConnectionState_Connected: int
    k_ESteamNetworkingConnectionState_Connecting: int
    k_ESteamNetworkingConnectionState_Dead: int
    k_ESteamNetworkingConnectionState_FinWait: int
    k_ESteamNetworkingConnectionState_FindingRoute: int
    k_ESteamNetworkingConnectionState_Linger: int
    k_ESteamNetworkingConnectionState_None: int
    k_ESteamNetworkingConnectionState_ProblemDetectedLocally: int
    k_ESteamNetworkingFakeIPType_GlobalIPv4: int
    k_ESteamNetworkingFakeIPType_Invalid: int
    k_ESteamNetworkingFakeIPType_LocalIPv4: int
    k_ESteamNetworkingFakeIPType_NotFake: int
    k_ESteamNetworkingGetConfigValue_BadScopeObj: int
    k_ESteamNetworkingGetConfigValue_BadValue: int
    k_ESteamNetworkingGetConfigValue_BufferTooSmall: int
    k_ESteamNetworkingGetConfigValue_OK: int
    k_ESteamNetworkingGetConfigValue_OKInherited: int
    k_ESteamNetworkingIdentityType_GenericBytes: int
    k_ESteamNetworkingIdentityType_GenericString: int
    k_ESteamNetworkingIdentityType_IPAddress: int
    k_ESteamNetworkingIdentityType_Invalid: int
    k_ESteamNetworkingIdentityType_SonyPSN: int
    k_ESteamNetworkingIdentityType_SteamID: int
    k_ESteamNetworkingIdentityType_UnknownType: int
    k_ESteamNetworkingIdentityType_XboxPairwiseID: int
    k_ESteamNetworkingSocketsDebugOutputType_Bug: int
    k_ESteamNetworkingSocketsDebugOutputType_Debug: int
    k_ESteamNetworkingSocketsDebugOutputType_Error: int
    k_ESteamNetworkingSocketsDebugOutputType_Everything: int
    k_ESteamNetworkingSocketsDebugOutputType_Important: int
    k_ESteamNetworkingSocketsDebugOutputType_Msg: int
    k_ESteamNetworkingSocketsDebugOutputType_None: int
    k_ESteamNetworkingSocketsDebugOutputType_Verbose: int
    k_ESteamNetworkingSocketsDebugOutputType_Warning: int
    k_cbMaxSteamNetworkingSocketsMessageSizeSend: int
    k_cchMaxSteamNetworkingErrMsg: int
    k_cchMaxSteamNetworkingPingLocationString: int
    k_cchSteamNetworkingMaxConnectionAppName: int
    k_cchSteamNetworkingMaxConnectionCloseReason: int
    k_cchSteamNetworkingMaxConnectionDescription: int
    k_iCallback_SteamNetAuthenticationStatus: int
    k_iCallback_SteamNetConnectionStatusChanged: int
    k_iCallback_SteamNetworkingFakeIPResult: int
    k_iCallback_SteamNetworkingMessagesSessionFailed: int
    k_iCallback_SteamNetworkingMessagesSessionRequest: int
    k_iCallback_SteamRelayNetworkStatus: int
    k_iCallback_SteamServerConnectFailure: int
    k_iCallback_SteamServersConnected: int
    k_iCallback_SteamServersDisconnected: int
    k_iCallback_SteamShutdown: int
    k_nSteamNetworkConnectionInfoFlags_DualWifi: int
    k_nSteamNetworkConnectionInfoFlags_Fast: int
    k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers: int
    k_nSteamNetworkConnectionInfoFlags_Relayed: int
    k_nSteamNetworkConnectionInfoFlags_Unauthenticated: int
    k_nSteamNetworkConnectionInfoFlags_Unencrypted: int
    k_nSteamNetworkingPing_Failed: int
    k_nSteamNetworkingPing_Unknown: int
    k_nSteamNetworkingSend_AutoRestartBrokenSession: int
    k_nSteamNetworkingSend_NoDelay: int
    k_nSteamNetworkingSend_NoNagle: int
    k_nSteamNetworkingSend_Reliable: int
    k_nSteamNetworkingSend_ReliableNoNagle: int
    k_nSteamNetworkingSend_Unreliable: int
    k_nSteamNetworkingSend_UnreliableNoDelay: int
    k_nSteamNetworkingSend_UnreliableNoNagle: int
    k_nSteamNetworkingSend_UseCurrentThread: int
    def sn_load(self, kind: int, path: CData | bytes, error: CData, /) -> CData: ...
    def sn_start(self, engine: CData, options: CData, error: CData, /) -> int: ...
    def sn_is_open(self, engine: CData, /) -> bool: ...
    def sn_closed_reason(self, engine: CData, /) -> CData: ...
    def sn_pump(self, engine: CData, /) -> bool: ...
    def sn_pump_events(self, engine: CData, limit: int, /) -> bool: ...
    def sn_news(self, engine: CData, /) -> int: ...
    def sn_stop(self, engine: CData, /) -> None: ...
    def sn_detach_after_fork(self, engine: CData, /) -> None: ...
    def sn_release(self, engine: CData, /) -> None: ...
    def sn_closing_connections(self, engine: CData, out: CData, room: int, /) -> int: ...
    def sn_abandoned_connections(self, engine: CData, out: CData, room: int, /) -> int: ...
    def sn_refuse_sends(self, engine: CData, /) -> None: ...
    def sn_hide_connection(self, engine: CData, connection: int, /) -> bool: ...
    def sn_show_connection(self, engine: CData, connection: int, /) -> None: ...
    def sn_accessor(self, engine: CData, /) -> CData: ...
    def sn_version(self, engine: CData, /) -> CData: ...
    def sn_supports(self, engine: CData, name: CData | bytes, /) -> int: ...
    def sn_flat_name(self, engine: CData, i: int, supported: CData, /) -> CData: ...
    def sn_steam_id(self, engine: CData, /) -> int: ...
    def sn_app_id(self, engine: CData, /) -> int: ...
    def sn_sockets_object(self, engine: CData, /) -> int: ...
    def sn_next_event(self, engine: CData, event: CData, /) -> bool: ...
    def sn_event_count(self, engine: CData, /) -> int: ...
    def sn_next_debug(self, engine: CData, text: CData, size: int, /) -> int: ...
    def sn_set_debug_output(self, engine: CData, level: int, /) -> None: ...
    def sn_connect_custom_signaling(self, engine: CData, peer: CData, virtual_port: int, option_count: int, options: CData, /) -> int: ...
    def sn_receive_signal(self, engine: CData, sender: CData, bytes: CData | bytes, size: int, /) -> bool: ...
    def sn_next_signal(self, engine: CData, peer: CData, connection: CData, bytes: CData, size: int, /) -> int: ...
    def sn_ice_possible(self, /) -> bool: ...
    def sn_rendezvous_directory(self, path: CData, size: int, error: CData, /) -> bool: ...
    def sn_identity_parse(self, identity: CData, text: CData | bytes, /) -> bool: ...
    def sn_identity_format(self, identity: CData, text: CData, size: int, /) -> None: ...
    def sn_address_parse(self, address: CData, text: CData | bytes, /) -> bool: ...
    def sn_address_format(self, address: CData, text: CData, size: int, with_port: bool, /) -> None: ...
    def sn_connection_texts(self, info: CData, texts: CData, /) -> int: ...
    def sn_restart_app_if_necessary(self, engine: CData, app_id_wanted: int, /) -> bool: ...
    def sn_regroup_undelivered(self, engine: CData, connection: int, group: int, /) -> None: ...
    def sn_clock_new(self, /) -> CData: ...
    def sn_clock_release(self, clock: CData, /) -> None: ...
    def sn_clock_now(self, clock: CData, /) -> int: ...
    def sn_clock_due(self, clock: CData, /) -> int: ...
    def sn_clock_advance(self, clock: CData, to: int, /) -> None: ...
    def sn_clock_run(self, clock: CData, to: int, /) -> bool: ...
    def sn_network_path(self, engine: CData, to: CData, path: CData, /) -> bool: ...
    def sn_network_freeze(self, engine: CData, frozen: bool, /) -> bool: ...
    def sn_network_record(self, engine: CData, out: CData, room: int, /) -> int: ...
    def sn_loopback_seed(self, engine: CData, seed: int, /) -> None: ...
    def sn_loopback_after_fork(self, /) -> None: ...
    def ISteamNetworkingSockets_CreateListenSocketIP(self, engine: CData, localAddress: CData, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_ConnectByIPAddress(self, engine: CData, address: CData, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_CreateListenSocketP2P(self, engine: CData, nLocalVirtualPort: int, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_ConnectP2P(self, engine: CData, identityRemote: CData, nRemoteVirtualPort: int, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_AcceptConnection(self, engine: CData, hConn: int, /) -> int: ...
    def ISteamNetworkingSockets_CloseConnection(self, engine: CData, hPeer: int, nReason: int, pszDebug: CData | bytes, bEnableLinger: bool, /) -> bool: ...
    def ISteamNetworkingSockets_CloseListenSocket(self, engine: CData, hSocket: int, /) -> bool: ...
    def ISteamNetworkingSockets_SetConnectionUserData(self, engine: CData, hPeer: int, nUserData: int, /) -> bool: ...
    def ISteamNetworkingSockets_GetConnectionUserData(self, engine: CData, hPeer: int, /) -> int: ...
    def ISteamNetworkingSockets_SetConnectionName(self, engine: CData, hPeer: int, pszName: CData | bytes, /) -> None: ...
    def ISteamNetworkingSockets_GetConnectionName(self, engine: CData, hPeer: int, pszName: CData, nMaxLen: int, /) -> bool: ...
    def ISteamNetworkingSockets_FlushMessagesOnConnection(self, engine: CData, hConn: int, /) -> int: ...
    def ISteamNetworkingSockets_GetConnectionInfo(self, engine: CData, hConn: int, pInfo: CData, /) -> bool: ...
    def ISteamNetworkingSockets_GetConnectionRealTimeStatus(self, engine: CData, hConn: int, pStatus: CData, nLanes: int, pLanes: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetDetailedConnectionStatus(self, engine: CData, hConn: int, pszBuf: CData, cbBuf: int, /) -> int: ...
    def ISteamNetworkingSockets_GetListenSocketAddress(self, engine: CData, hSocket: int, address: CData, /) -> bool: ...
    def ISteamNetworkingSockets_CreateSocketPair(self, engine: CData, pOutConnection1: CData, pOutConnection2: CData, bUseNetworkLoopback: bool, pIdentity1: CData, pIdentity2: CData, /) -> bool: ...
    def ISteamNetworkingSockets_ConfigureConnectionLanes(self, engine: CData, hConn: int, nNumLanes: int, pLanePriorities: CData, pLaneWeights: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetIdentity(self, engine: CData, pIdentity: CData, /) -> bool: ...
    def ISteamNetworkingSockets_InitAuthentication(self, engine: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetAuthenticationStatus(self, engine: CData, pDetails: CData, /) -> int: ...
    def ISteamNetworkingSockets_CreatePollGroup(self, engine: CData, /) -> int: ...
    def ISteamNetworkingSockets_DestroyPollGroup(self, engine: CData, hPollGroup: int, /) -> bool: ...
    def ISteamNetworkingSockets_SetConnectionPollGroup(self, engine: CData, hConn: int, hPollGroup: int, /) -> bool: ...
    def ISteamNetworkingSockets_ResetIdentity(self, engine: CData, pIdentity: CData, /) -> None: ...
    def ISteamNetworkingSockets_GetCertificateRequest(self, engine: CData, pcbBlob: CData, pBlob: CData, errMsg: CData, /) -> bool: ...
    def ISteamNetworkingSockets_SetCertificate(self, engine: CData, pCertificate: CData | bytes, cbCertificate: int, errMsg: CData, /) -> bool: ...
    def ISteamNetworkingSockets_ReceivedRelayAuthTicket(self, engine: CData, pvTicket: CData | bytes, cbTicket: int, pOutParsedTicket: CData, /) -> bool: ...
    def ISteamNetworkingSockets_FindRelayAuthTicketForServer(self, engine: CData, identityGameServer: CData, nRemoteVirtualPort: int, pOutParsedTicket: CData, /) -> int: ...
    def ISteamNetworkingSockets_ConnectToHostedDedicatedServer(self, engine: CData, identityTarget: CData, nRemoteVirtualPort: int, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetHostedDedicatedServerPort(self, engine: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetHostedDedicatedServerPOPID(self, engine: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetHostedDedicatedServerAddress(self, engine: CData, pRouting: CData, /) -> int: ...
    def ISteamNetworkingSockets_CreateHostedDedicatedServerListenSocket(self, engine: CData, nLocalVirtualPort: int, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_BeginAsyncRequestFakeIP(self, engine: CData, nNumPorts: int, /) -> bool: ...
    def ISteamNetworkingSockets_GetFakeIP(self, engine: CData, idxFirstPort: int, pInfo: CData, /) -> None: ...
    def ISteamNetworkingSockets_CreateListenSocketP2PFakeIP(self, engine: CData, idxFakePort: int, nOptions: int, pOptions: CData, /) -> int: ...
    def ISteamNetworkingSockets_GetRemoteFakeIPForConnection(self, engine: CData, hConn: int, pOutAddr: CData, /) -> int: ...
    def ISteamNetworkingSockets_CreateFakeUDPPort(self, engine: CData, idxFirstServerPort: int, /) -> CData: ...
    def ISteamNetworkingFakeUDPPort_DestroyFakeUDPPort(self, engine: CData, port: CData, /) -> None: ...
    def ISteamNetworkingFakeUDPPort_SendMessageToFakeIP(self, engine: CData, port: CData, remoteAddress: CData, pData: CData | bytes, cbData: int, nSendFlags: int, /) -> int: ...
    def ISteamNetworkingFakeUDPPort_ScheduleCleanup(self, engine: CData, port: CData, remoteAddress: CData, /) -> None: ...
    def ISteamNetworkingUtils_GetLocalTimestamp(self, engine: CData, /) -> int: ...
    def ISteamNetworkingUtils_SetConfigValue(self, engine: CData, eValue: int, eScopeType: int, scopeObj: int, eDataType: int, pArg: CData | bytes, /) -> bool: ...
    def ISteamNetworkingUtils_GetConfigValue(self, engine: CData, eValue: int, eScopeType: int, scopeObj: int, pOutDataType: CData, pResult: CData, cbResult: CData, /) -> int: ...
    def ISteamNetworkingUtils_GetConfigValueInfo(self, engine: CData, eValue: int, pOutDataType: CData, pOutScope: CData, /) -> CData: ...
    def ISteamNetworkingUtils_IterateGenericEditableConfigValues(self, engine: CData, eCurrent: int, bEnumerateDevVars: bool, /) -> int: ...
    def ISteamNetworkingUtils_InitRelayNetworkAccess(self, engine: CData, /) -> None: ...
    def ISteamNetworkingUtils_GetRelayNetworkStatus(self, engine: CData, pDetails: CData, /) -> int: ...
    def ISteamNetworkingUtils_GetLocalPingLocation(self, engine: CData, result: CData, /) -> float: ...
    def ISteamNetworkingUtils_EstimatePingTimeBetweenTwoLocations(self, engine: CData, location1: CData, location2: CData, /) -> int: ...
    def ISteamNetworkingUtils_EstimatePingTimeFromLocalHost(self, engine: CData, remoteLocation: CData, /) -> int: ...
    def ISteamNetworkingUtils_ConvertPingLocationToString(self, engine: CData, location: CData, pszBuf: CData, cchBufSize: int, /) -> None: ...
    def ISteamNetworkingUtils_ParsePingLocationString(self, engine: CData, pszString: CData | bytes, result: CData, /) -> bool: ...
    def ISteamNetworkingUtils_CheckPingDataUpToDate(self, engine: CData, flMaxAgeSeconds: float, /) -> bool: ...
    def ISteamNetworkingUtils_GetPingToDataCenter(self, engine: CData, popID: int, pViaRelayPoP: CData, /) -> int: ...
    def ISteamNetworkingUtils_GetDirectPingToPOP(self, engine: CData, popID: int, /) -> int: ...
    def ISteamNetworkingUtils_GetPOPCount(self, engine: CData, /) -> int: ...
    def ISteamNetworkingUtils_GetPOPList(self, engine: CData, list: CData, nListSz: int, /) -> int: ...
    def ISteamNetworkingUtils_GetIPv4FakeIPType(self, engine: CData, nIPv4: int, /) -> int: ...
    def ISteamNetworkingUtils_GetRealIdentityForFakeIP(self, engine: CData, fakeIP: CData, pOutRealIdentity: CData, /) -> int: ...
    def ISteamNetworkingMessages_SendMessageToUser(self, engine: CData, identityRemote: CData, pubData: CData | bytes, cubData: int, nSendFlags: int, nRemoteChannel: int, /) -> int: ...
    def ISteamNetworkingMessages_AcceptSessionWithUser(self, engine: CData, identityRemote: CData, /) -> bool: ...
    def ISteamNetworkingMessages_CloseSessionWithUser(self, engine: CData, identityRemote: CData, /) -> bool: ...
    def ISteamNetworkingMessages_CloseChannelWithUser(self, engine: CData, identityRemote: CData, nLocalChannel: int, /) -> bool: ...
    def ISteamNetworkingMessages_GetSessionConnectionInfo(self, engine: CData, identityRemote: CData, pConnectionInfo: CData, pQuickStatus: CData, /) -> int: ...

ffi: FFI
lib: Lib

@final
class NetworkingMessage:
    """A received message; see csrc/module/message.c."""

    @property
    def payload(self) -> bytes: ...
    @property
    def data(self) -> memoryview: ...
    @property
    def size(self) -> int: ...
    @property
    def connection(self) -> int: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def channel(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def message_number(self) -> int: ...
    @property
    def time_received(self) -> int: ...
    @property
    def connection_user_data(self) -> int: ...
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str: ...
    def release(self) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __bool__(self) -> bool: ...
    def __len__(self) -> int: ...

Messages: TypeAlias = list[NetworkingMessage]
Outgoing: TypeAlias = tuple[int, Payload, int] | tuple[int, Payload, int, int]

def set_closed_error(exception_class: type[Exception], /) -> None: ...
def set_identity_type(str_subclass: type[str], /) -> None: ...
def receive_on_connection(engine: int, connection: int, limit: int, /) -> Messages: ...
def receive_on_poll_group(engine: int, poll_group: int, limit: int, /) -> Messages: ...
def receive_on_channel(engine: int, channel: int, limit: int, /) -> Messages: ...
def receive_on_fake_port(engine: int, port: int, limit: int, /) -> Messages: ...
def send(engine: int, connection: int, data: Payload, flags: int, lane: int, /) -> int: ...
def send_many(engine: int, messages: Iterable[Outgoing], /) -> list[int]: ...
def broadcast(
    engine: int, connections: Iterable[int], data: Payload, flags: int, lane: int, /
) -> list[int]: ...
