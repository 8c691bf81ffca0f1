"""Valve's enumerations, without their prefixes; the numbers come from the compiled header."""

from enum import IntEnum, IntFlag
from typing import TypeVar

from ._native import lib

E = TypeVar("E", bound=IntEnum)


def known(enum: type[E], number: int) -> E | int:
    """The member of the enumeration, or the number itself where an engine knows more than we do."""
    member: E | int = enum._value2member_map_.get(number, number)  # type: ignore[assignment]  # values are ints
    return member


class ConnectionState(IntEnum):
    """State of a connection (``ESteamNetworkingConnectionState``)."""

    NONE = lib.k_ESteamNetworkingConnectionState_None
    CONNECTING = lib.k_ESteamNetworkingConnectionState_Connecting
    FINDING_ROUTE = lib.k_ESteamNetworkingConnectionState_FindingRoute
    CONNECTED = lib.k_ESteamNetworkingConnectionState_Connected
    CLOSED_BY_PEER = lib.k_ESteamNetworkingConnectionState_ClosedByPeer
    PROBLEM_DETECTED_LOCALLY = lib.k_ESteamNetworkingConnectionState_ProblemDetectedLocally
    FIN_WAIT = lib.k_ESteamNetworkingConnectionState_FinWait
    LINGER = lib.k_ESteamNetworkingConnectionState_Linger
    DEAD = lib.k_ESteamNetworkingConnectionState_Dead


OPENING = (ConnectionState.CONNECTING, ConnectionState.FINDING_ROUTE)
GONE = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)


class SendFlags(IntFlag):
    """How to send a message (``k_nSteamNetworkingSend_*``)."""

    UNRELIABLE = lib.k_nSteamNetworkingSend_Unreliable
    NO_NAGLE = lib.k_nSteamNetworkingSend_NoNagle
    UNRELIABLE_NO_NAGLE = lib.k_nSteamNetworkingSend_UnreliableNoNagle
    NO_DELAY = lib.k_nSteamNetworkingSend_NoDelay
    UNRELIABLE_NO_DELAY = lib.k_nSteamNetworkingSend_UnreliableNoDelay
    RELIABLE = lib.k_nSteamNetworkingSend_Reliable
    RELIABLE_NO_NAGLE = lib.k_nSteamNetworkingSend_ReliableNoNagle
    USE_CURRENT_THREAD = lib.k_nSteamNetworkingSend_UseCurrentThread
    AUTO_RESTART_BROKEN_SESSION = lib.k_nSteamNetworkingSend_AutoRestartBrokenSession


class ConnectionInfoFlags(IntFlag):
    """What kind of connection it is (``k_nSteamNetworkConnectionInfoFlags_*``)."""

    UNAUTHENTICATED = lib.k_nSteamNetworkConnectionInfoFlags_Unauthenticated
    UNENCRYPTED = lib.k_nSteamNetworkConnectionInfoFlags_Unencrypted
    LOOPBACK_BUFFERS = lib.k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers
    FAST = lib.k_nSteamNetworkConnectionInfoFlags_Fast
    RELAYED = lib.k_nSteamNetworkConnectionInfoFlags_Relayed
    DUAL_WIFI = lib.k_nSteamNetworkConnectionInfoFlags_DualWifi


class EResult(IntEnum):
    """The result of a call, as everywhere in Steam (``EResult``)."""

    NONE = lib.k_EResultNone
    OK = lib.k_EResultOK
    FAIL = lib.k_EResultFail
    NO_CONNECTION = lib.k_EResultNoConnection
    INVALID_PASSWORD = lib.k_EResultInvalidPassword
    LOGGED_IN_ELSEWHERE = lib.k_EResultLoggedInElsewhere
    INVALID_PROTOCOL_VER = lib.k_EResultInvalidProtocolVer
    INVALID_PARAM = lib.k_EResultInvalidParam
    FILE_NOT_FOUND = lib.k_EResultFileNotFound
    BUSY = lib.k_EResultBusy
    INVALID_STATE = lib.k_EResultInvalidState
    INVALID_NAME = lib.k_EResultInvalidName
    INVALID_EMAIL = lib.k_EResultInvalidEmail
    DUPLICATE_NAME = lib.k_EResultDuplicateName
    ACCESS_DENIED = lib.k_EResultAccessDenied
    TIMEOUT = lib.k_EResultTimeout
    BANNED = lib.k_EResultBanned
    ACCOUNT_NOT_FOUND = lib.k_EResultAccountNotFound
    INVALID_STEAM_ID = lib.k_EResultInvalidSteamID
    SERVICE_UNAVAILABLE = lib.k_EResultServiceUnavailable
    NOT_LOGGED_ON = lib.k_EResultNotLoggedOn
    PENDING = lib.k_EResultPending
    ENCRYPTION_FAILURE = lib.k_EResultEncryptionFailure
    INSUFFICIENT_PRIVILEGE = lib.k_EResultInsufficientPrivilege
    LIMIT_EXCEEDED = lib.k_EResultLimitExceeded
    REVOKED = lib.k_EResultRevoked
    EXPIRED = lib.k_EResultExpired
    ALREADY_REDEEMED = lib.k_EResultAlreadyRedeemed
    DUPLICATE_REQUEST = lib.k_EResultDuplicateRequest
    ALREADY_OWNED = lib.k_EResultAlreadyOwned
    IP_NOT_FOUND = lib.k_EResultIPNotFound
    PERSIST_FAILED = lib.k_EResultPersistFailed
    LOCKING_FAILED = lib.k_EResultLockingFailed
    LOGON_SESSION_REPLACED = lib.k_EResultLogonSessionReplaced
    CONNECT_FAILED = lib.k_EResultConnectFailed
    HANDSHAKE_FAILED = lib.k_EResultHandshakeFailed
    IO_FAILURE = lib.k_EResultIOFailure
    REMOTE_DISCONNECT = lib.k_EResultRemoteDisconnect
    SHOPPING_CART_NOT_FOUND = lib.k_EResultShoppingCartNotFound
    BLOCKED = lib.k_EResultBlocked
    IGNORED = lib.k_EResultIgnored
    NO_MATCH = lib.k_EResultNoMatch
    ACCOUNT_DISABLED = lib.k_EResultAccountDisabled
    SERVICE_READ_ONLY = lib.k_EResultServiceReadOnly
    ACCOUNT_NOT_FEATURED = lib.k_EResultAccountNotFeatured
    ADMINISTRATOR_OK = lib.k_EResultAdministratorOK
    CONTENT_VERSION = lib.k_EResultContentVersion
    TRY_ANOTHER_CM = lib.k_EResultTryAnotherCM
    PASSWORD_REQUIRED_TO_KICK_SESSION = lib.k_EResultPasswordRequiredToKickSession
    ALREADY_LOGGED_IN_ELSEWHERE = lib.k_EResultAlreadyLoggedInElsewhere
    SUSPENDED = lib.k_EResultSuspended
    CANCELLED = lib.k_EResultCancelled
    DATA_CORRUPTION = lib.k_EResultDataCorruption
    DISK_FULL = lib.k_EResultDiskFull
    REMOTE_CALL_FAILED = lib.k_EResultRemoteCallFailed
    PASSWORD_UNSET = lib.k_EResultPasswordUnset
    EXTERNAL_ACCOUNT_UNLINKED = lib.k_EResultExternalAccountUnlinked
    PSN_TICKET_INVALID = lib.k_EResultPSNTicketInvalid
    EXTERNAL_ACCOUNT_ALREADY_LINKED = lib.k_EResultExternalAccountAlreadyLinked
    REMOTE_FILE_CONFLICT = lib.k_EResultRemoteFileConflict
    ILLEGAL_PASSWORD = lib.k_EResultIllegalPassword
    SAME_AS_PREVIOUS_VALUE = lib.k_EResultSameAsPreviousValue
    ACCOUNT_LOGON_DENIED = lib.k_EResultAccountLogonDenied
    CANNOT_USE_OLD_PASSWORD = lib.k_EResultCannotUseOldPassword
    INVALID_LOGIN_AUTH_CODE = lib.k_EResultInvalidLoginAuthCode
    ACCOUNT_LOGON_DENIED_NO_MAIL = lib.k_EResultAccountLogonDeniedNoMail
    HARDWARE_NOT_CAPABLE_OF_IPT = lib.k_EResultHardwareNotCapableOfIPT
    IPT_INIT_ERROR = lib.k_EResultIPTInitError
    PARENTAL_CONTROL_RESTRICTED = lib.k_EResultParentalControlRestricted
    FACEBOOK_QUERY_ERROR = lib.k_EResultFacebookQueryError
    EXPIRED_LOGIN_AUTH_CODE = lib.k_EResultExpiredLoginAuthCode
    IP_LOGIN_RESTRICTION_FAILED = lib.k_EResultIPLoginRestrictionFailed
    ACCOUNT_LOCKED_DOWN = lib.k_EResultAccountLockedDown
    ACCOUNT_LOGON_DENIED_VERIFIED_EMAIL_REQUIRED = (
        lib.k_EResultAccountLogonDeniedVerifiedEmailRequired
    )
    NO_MATCHING_URL = lib.k_EResultNoMatchingURL
    BAD_RESPONSE = lib.k_EResultBadResponse
    REQUIRE_PASSWORD_RE_ENTRY = lib.k_EResultRequirePasswordReEntry
    VALUE_OUT_OF_RANGE = lib.k_EResultValueOutOfRange
    UNEXPECTED_ERROR = lib.k_EResultUnexpectedError
    DISABLED = lib.k_EResultDisabled
    INVALID_CEG_SUBMISSION = lib.k_EResultInvalidCEGSubmission
    RESTRICTED_DEVICE = lib.k_EResultRestrictedDevice
    REGION_LOCKED = lib.k_EResultRegionLocked
    RATE_LIMIT_EXCEEDED = lib.k_EResultRateLimitExceeded
    ACCOUNT_LOGIN_DENIED_NEED_TWO_FACTOR = lib.k_EResultAccountLoginDeniedNeedTwoFactor
    ITEM_DELETED = lib.k_EResultItemDeleted
    ACCOUNT_LOGIN_DENIED_THROTTLE = lib.k_EResultAccountLoginDeniedThrottle
    TWO_FACTOR_CODE_MISMATCH = lib.k_EResultTwoFactorCodeMismatch
    TWO_FACTOR_ACTIVATION_CODE_MISMATCH = lib.k_EResultTwoFactorActivationCodeMismatch
    ACCOUNT_ASSOCIATED_TO_MULTIPLE_PARTNERS = lib.k_EResultAccountAssociatedToMultiplePartners
    NOT_MODIFIED = lib.k_EResultNotModified
    NO_MOBILE_DEVICE = lib.k_EResultNoMobileDevice
    TIME_NOT_SYNCED = lib.k_EResultTimeNotSynced
    SMS_CODE_FAILED = lib.k_EResultSmsCodeFailed
    ACCOUNT_LIMIT_EXCEEDED = lib.k_EResultAccountLimitExceeded
    ACCOUNT_ACTIVITY_LIMIT_EXCEEDED = lib.k_EResultAccountActivityLimitExceeded
    PHONE_ACTIVITY_LIMIT_EXCEEDED = lib.k_EResultPhoneActivityLimitExceeded
    REFUND_TO_WALLET = lib.k_EResultRefundToWallet
    EMAIL_SEND_FAILURE = lib.k_EResultEmailSendFailure
    NOT_SETTLED = lib.k_EResultNotSettled
    NEED_CAPTCHA = lib.k_EResultNeedCaptcha
    GSLT_DENIED = lib.k_EResultGSLTDenied
    GS_OWNER_DENIED = lib.k_EResultGSOwnerDenied
    INVALID_ITEM_TYPE = lib.k_EResultInvalidItemType
    IP_BANNED = lib.k_EResultIPBanned
    GSLT_EXPIRED = lib.k_EResultGSLTExpired
    INSUFFICIENT_FUNDS = lib.k_EResultInsufficientFunds
    TOO_MANY_PENDING = lib.k_EResultTooManyPending
    NO_SITE_LICENSES_FOUND = lib.k_EResultNoSiteLicensesFound
    WG_NETWORK_SEND_EXCEEDED = lib.k_EResultWGNetworkSendExceeded
    ACCOUNT_NOT_FRIENDS = lib.k_EResultAccountNotFriends
    LIMITED_USER_ACCOUNT = lib.k_EResultLimitedUserAccount
    CANT_REMOVE_ITEM = lib.k_EResultCantRemoveItem
    ACCOUNT_DELETED = lib.k_EResultAccountDeleted
    EXISTING_USER_CANCELLED_LICENSE = lib.k_EResultExistingUserCancelledLicense
    COMMUNITY_COOLDOWN = lib.k_EResultCommunityCooldown
    NO_LAUNCHER_SPECIFIED = lib.k_EResultNoLauncherSpecified
    MUST_AGREE_TO_SSA = lib.k_EResultMustAgreeToSSA
    LAUNCHER_MIGRATED = lib.k_EResultLauncherMigrated
    STEAM_REALM_MISMATCH = lib.k_EResultSteamRealmMismatch
    INVALID_SIGNATURE = lib.k_EResultInvalidSignature
    PARSE_FAILURE = lib.k_EResultParseFailure
    NO_VERIFIED_PHONE = lib.k_EResultNoVerifiedPhone
    INSUFFICIENT_BATTERY = lib.k_EResultInsufficientBattery
    CHARGER_REQUIRED = lib.k_EResultChargerRequired
    CACHED_CREDENTIAL_INVALID = lib.k_EResultCachedCredentialInvalid
    PHONE_NUMBER_IS_VOIP = lib.k_EResultPhoneNumberIsVOIP
    NOT_SUPPORTED = lib.k_EResultNotSupported
    FAMILY_SIZE_LIMIT_EXCEEDED = lib.k_EResultFamilySizeLimitExceeded
    OFFLINE_APP_CACHE_INVALID = lib.k_EResultOfflineAppCacheInvalid
    TRY_LATER = lib.k_EResultTryLater


class ConfigValue(IntEnum):
    """A configuration key (``ESteamNetworkingConfigValue``)."""

    INVALID = lib.k_ESteamNetworkingConfig_Invalid
    FAKE_PACKET_LOSS_SEND = lib.k_ESteamNetworkingConfig_FakePacketLoss_Send
    FAKE_PACKET_LOSS_RECV = lib.k_ESteamNetworkingConfig_FakePacketLoss_Recv
    FAKE_PACKET_LAG_SEND = lib.k_ESteamNetworkingConfig_FakePacketLag_Send
    FAKE_PACKET_LAG_RECV = lib.k_ESteamNetworkingConfig_FakePacketLag_Recv
    FAKE_PACKET_REORDER_SEND = lib.k_ESteamNetworkingConfig_FakePacketReorder_Send
    FAKE_PACKET_REORDER_RECV = lib.k_ESteamNetworkingConfig_FakePacketReorder_Recv
    FAKE_PACKET_REORDER_TIME = lib.k_ESteamNetworkingConfig_FakePacketReorder_Time
    SEND_BUFFER_SIZE = lib.k_ESteamNetworkingConfig_SendBufferSize
    SEND_RATE_MIN = lib.k_ESteamNetworkingConfig_SendRateMin
    SEND_RATE_MAX = lib.k_ESteamNetworkingConfig_SendRateMax
    NAGLE_TIME = lib.k_ESteamNetworkingConfig_NagleTime
    LOG_LEVEL_ACK_RTT = lib.k_ESteamNetworkingConfig_LogLevel_AckRTT
    LOG_LEVEL_PACKET_DECODE = lib.k_ESteamNetworkingConfig_LogLevel_PacketDecode
    LOG_LEVEL_MESSAGE = lib.k_ESteamNetworkingConfig_LogLevel_Message
    LOG_LEVEL_PACKET_GAPS = lib.k_ESteamNetworkingConfig_LogLevel_PacketGaps
    LOG_LEVEL_P2P_RENDEZVOUS = lib.k_ESteamNetworkingConfig_LogLevel_P2PRendezvous
    LOG_LEVEL_SDR_RELAY_PINGS = lib.k_ESteamNetworkingConfig_LogLevel_SDRRelayPings
    SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL_INITIAL = (
        lib.k_ESteamNetworkingConfig_SDRClient_ConsecutitivePingTimeoutsFailInitial
    )
    SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL = (
        lib.k_ESteamNetworkingConfig_SDRClient_ConsecutitivePingTimeoutsFail
    )
    SDR_CLIENT_MIN_PINGS_BEFORE_PING_ACCURATE = (
        lib.k_ESteamNetworkingConfig_SDRClient_MinPingsBeforePingAccurate
    )
    SDR_CLIENT_SINGLE_SOCKET = lib.k_ESteamNetworkingConfig_SDRClient_SingleSocket
    IP_ALLOW_WITHOUT_AUTH = lib.k_ESteamNetworkingConfig_IP_AllowWithoutAuth
    TIMEOUT_INITIAL = lib.k_ESteamNetworkingConfig_TimeoutInitial
    TIMEOUT_CONNECTED = lib.k_ESteamNetworkingConfig_TimeoutConnected
    FAKE_PACKET_DUP_SEND = lib.k_ESteamNetworkingConfig_FakePacketDup_Send
    FAKE_PACKET_DUP_RECV = lib.k_ESteamNetworkingConfig_FakePacketDup_Recv
    FAKE_PACKET_DUP_TIME_MAX = lib.k_ESteamNetworkingConfig_FakePacketDup_TimeMax
    SDR_CLIENT_FORCE_RELAY_CLUSTER = lib.k_ESteamNetworkingConfig_SDRClient_ForceRelayCluster
    SDR_CLIENT_DEV_TICKET = lib.k_ESteamNetworkingConfig_SDRClient_DevTicket
    SDR_CLIENT_FORCE_PROXY_ADDR = lib.k_ESteamNetworkingConfig_SDRClient_ForceProxyAddr
    MTU_PACKET_SIZE = lib.k_ESteamNetworkingConfig_MTU_PacketSize
    MTU_DATA_SIZE = lib.k_ESteamNetworkingConfig_MTU_DataSize
    UNENCRYPTED = lib.k_ESteamNetworkingConfig_Unencrypted
    SDR_CLIENT_FAKE_CLUSTER_PING = lib.k_ESteamNetworkingConfig_SDRClient_FakeClusterPing
    SYMMETRIC_CONNECT = lib.k_ESteamNetworkingConfig_SymmetricConnect
    LOCAL_VIRTUAL_PORT = lib.k_ESteamNetworkingConfig_LocalVirtualPort
    DUAL_WIFI_ENABLE = lib.k_ESteamNetworkingConfig_DualWifi_Enable
    CONNECTION_USER_DATA = lib.k_ESteamNetworkingConfig_ConnectionUserData
    PACKET_TRACE_MAX_BYTES = lib.k_ESteamNetworkingConfig_PacketTraceMaxBytes
    FAKE_RATE_LIMIT_SEND_RATE = lib.k_ESteamNetworkingConfig_FakeRateLimit_Send_Rate
    FAKE_RATE_LIMIT_SEND_BURST = lib.k_ESteamNetworkingConfig_FakeRateLimit_Send_Burst
    FAKE_RATE_LIMIT_RECV_RATE = lib.k_ESteamNetworkingConfig_FakeRateLimit_Recv_Rate
    FAKE_RATE_LIMIT_RECV_BURST = lib.k_ESteamNetworkingConfig_FakeRateLimit_Recv_Burst
    ENABLE_DIAGNOSTICS_UI = lib.k_ESteamNetworkingConfig_EnableDiagnosticsUI
    RECV_BUFFER_SIZE = lib.k_ESteamNetworkingConfig_RecvBufferSize
    RECV_BUFFER_MESSAGES = lib.k_ESteamNetworkingConfig_RecvBufferMessages
    RECV_MAX_MESSAGE_SIZE = lib.k_ESteamNetworkingConfig_RecvMaxMessageSize
    RECV_MAX_SEGMENTS_PER_PACKET = lib.k_ESteamNetworkingConfig_RecvMaxSegmentsPerPacket
    OUT_OF_ORDER_CORRECTION_WINDOW_MICROSECONDS = (
        lib.k_ESteamNetworkingConfig_OutOfOrderCorrectionWindowMicroseconds
    )
    IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH = lib.k_ESteamNetworkingConfig_IPLocalHost_AllowWithoutAuth
    FAKE_PACKET_JITTER_SEND_AVG = lib.k_ESteamNetworkingConfig_FakePacketJitter_Send_Avg
    FAKE_PACKET_JITTER_SEND_MAX = lib.k_ESteamNetworkingConfig_FakePacketJitter_Send_Max
    FAKE_PACKET_JITTER_SEND_PCT = lib.k_ESteamNetworkingConfig_FakePacketJitter_Send_Pct
    FAKE_PACKET_JITTER_RECV_AVG = lib.k_ESteamNetworkingConfig_FakePacketJitter_Recv_Avg
    FAKE_PACKET_JITTER_RECV_MAX = lib.k_ESteamNetworkingConfig_FakePacketJitter_Recv_Max
    FAKE_PACKET_JITTER_RECV_PCT = lib.k_ESteamNetworkingConfig_FakePacketJitter_Recv_Pct
    SEND_TIME_SINCE_PREVIOUS_PACKET = lib.k_ESteamNetworkingConfig_SendTimeSincePreviousPacket
    SDR_CLIENT_LIMIT_PING_PROBES_TO_NEAREST_N = (
        lib.k_ESteamNetworkingConfig_SDRClient_LimitPingProbesToNearestN
    )
    P2P_STUN_SERVER_LIST = lib.k_ESteamNetworkingConfig_P2P_STUN_ServerList
    P2P_TRANSPORT_ICE_ENABLE = lib.k_ESteamNetworkingConfig_P2P_Transport_ICE_Enable
    P2P_TRANSPORT_ICE_PENALTY = lib.k_ESteamNetworkingConfig_P2P_Transport_ICE_Penalty
    P2P_TRANSPORT_SDR_PENALTY = lib.k_ESteamNetworkingConfig_P2P_Transport_SDR_Penalty
    P2P_TURN_SERVER_LIST = lib.k_ESteamNetworkingConfig_P2P_TURN_ServerList
    P2P_TURN_USER_LIST = lib.k_ESteamNetworkingConfig_P2P_TURN_UserList
    P2P_TURN_PASS_LIST = lib.k_ESteamNetworkingConfig_P2P_TURN_PassList
    P2P_TRANSPORT_ICE_IMPLEMENTATION = lib.k_ESteamNetworkingConfig_P2P_Transport_ICE_Implementation
    CALLBACK_CONNECTION_STATUS_CHANGED = (
        lib.k_ESteamNetworkingConfig_Callback_ConnectionStatusChanged
    )
    CALLBACK_AUTH_STATUS_CHANGED = lib.k_ESteamNetworkingConfig_Callback_AuthStatusChanged
    CALLBACK_RELAY_NETWORK_STATUS_CHANGED = (
        lib.k_ESteamNetworkingConfig_Callback_RelayNetworkStatusChanged
    )
    CALLBACK_MESSAGES_SESSION_REQUEST = lib.k_ESteamNetworkingConfig_Callback_MessagesSessionRequest
    CALLBACK_MESSAGES_SESSION_FAILED = lib.k_ESteamNetworkingConfig_Callback_MessagesSessionFailed
    CALLBACK_CREATE_CONNECTION_SIGNALING = (
        lib.k_ESteamNetworkingConfig_Callback_CreateConnectionSignaling
    )
    CALLBACK_FAKE_IP_RESULT = lib.k_ESteamNetworkingConfig_Callback_FakeIPResult
    SDR_CLIENT_ENABLE_TOS_PROBES = lib.k_ESteamNetworkingConfig_SDRClient_EnableTOSProbes
    ECN = lib.k_ESteamNetworkingConfig_ECN


class ConfigDataType(IntEnum):
    """Type of a configuration value (``ESteamNetworkingConfigDataType``)."""

    INT32 = lib.k_ESteamNetworkingConfig_Int32
    INT64 = lib.k_ESteamNetworkingConfig_Int64
    FLOAT = lib.k_ESteamNetworkingConfig_Float
    STRING = lib.k_ESteamNetworkingConfig_String
    PTR = lib.k_ESteamNetworkingConfig_Ptr


class ConfigScope(IntEnum):
    """What a configuration value is set on (``ESteamNetworkingConfigScope``)."""

    GLOBAL = lib.k_ESteamNetworkingConfig_Global
    SOCKETS_INTERFACE = lib.k_ESteamNetworkingConfig_SocketsInterface
    LISTEN_SOCKET = lib.k_ESteamNetworkingConfig_ListenSocket
    CONNECTION = lib.k_ESteamNetworkingConfig_Connection


class EndReason(IntEnum):
    """Why a connection ended (``ESteamNetConnectionEnd``); a game has 1000-2999 to itself."""

    INVALID = lib.k_ESteamNetConnectionEnd_Invalid
    APP_GENERIC = lib.k_ESteamNetConnectionEnd_App_Generic
    APP_MIN = lib.k_ESteamNetConnectionEnd_App_Min
    APP_MAX = lib.k_ESteamNetConnectionEnd_App_Max
    APP_EXCEPTION_GENERIC = lib.k_ESteamNetConnectionEnd_AppException_Generic
    APP_EXCEPTION_MIN = lib.k_ESteamNetConnectionEnd_AppException_Min
    APP_EXCEPTION_MAX = lib.k_ESteamNetConnectionEnd_AppException_Max
    LOCAL_MIN = lib.k_ESteamNetConnectionEnd_Local_Min
    LOCAL_OFFLINE_MODE = lib.k_ESteamNetConnectionEnd_Local_OfflineMode
    LOCAL_MANY_RELAY_CONNECTIVITY = lib.k_ESteamNetConnectionEnd_Local_ManyRelayConnectivity
    LOCAL_HOSTED_SERVER_PRIMARY_RELAY = lib.k_ESteamNetConnectionEnd_Local_HostedServerPrimaryRelay
    LOCAL_NETWORK_CONFIG = lib.k_ESteamNetConnectionEnd_Local_NetworkConfig
    LOCAL_RIGHTS = lib.k_ESteamNetConnectionEnd_Local_Rights
    LOCAL_P2P_ICE_NO_PUBLIC_ADDRESSES = lib.k_ESteamNetConnectionEnd_Local_P2P_ICE_NoPublicAddresses
    LOCAL_MAX = lib.k_ESteamNetConnectionEnd_Local_Max
    REMOTE_MIN = lib.k_ESteamNetConnectionEnd_Remote_Min
    REMOTE_TIMEOUT = lib.k_ESteamNetConnectionEnd_Remote_Timeout
    REMOTE_BAD_CRYPT = lib.k_ESteamNetConnectionEnd_Remote_BadCrypt
    REMOTE_BAD_CERT = lib.k_ESteamNetConnectionEnd_Remote_BadCert
    REMOTE_BAD_PROTOCOL_VERSION = lib.k_ESteamNetConnectionEnd_Remote_BadProtocolVersion
    REMOTE_P2P_ICE_NO_PUBLIC_ADDRESSES = (
        lib.k_ESteamNetConnectionEnd_Remote_P2P_ICE_NoPublicAddresses
    )
    REMOTE_MAX = lib.k_ESteamNetConnectionEnd_Remote_Max
    MISC_MIN = lib.k_ESteamNetConnectionEnd_Misc_Min
    MISC_GENERIC = lib.k_ESteamNetConnectionEnd_Misc_Generic
    MISC_INTERNAL_ERROR = lib.k_ESteamNetConnectionEnd_Misc_InternalError
    MISC_TIMEOUT = lib.k_ESteamNetConnectionEnd_Misc_Timeout
    MISC_STEAM_CONNECTIVITY = lib.k_ESteamNetConnectionEnd_Misc_SteamConnectivity
    MISC_NO_RELAY_SESSIONS_TO_CLIENT = lib.k_ESteamNetConnectionEnd_Misc_NoRelaySessionsToClient
    MISC_P2P_RENDEZVOUS = lib.k_ESteamNetConnectionEnd_Misc_P2P_Rendezvous
    MISC_P2P_NAT_FIREWALL = lib.k_ESteamNetConnectionEnd_Misc_P2P_NAT_Firewall
    MISC_PEER_SENT_NO_CONNECTION = lib.k_ESteamNetConnectionEnd_Misc_PeerSentNoConnection
    MISC_MAX = lib.k_ESteamNetConnectionEnd_Misc_Max

    @property
    def category(self) -> str:
        """Who ended it: see `end_category`."""
        return end_category(self)


def end_category(reason: int) -> str:
    """Who ended a connection, from its end reason.

    "app" or "app exception" (a game's own reasons), "local" (this machine), "remote" (the
    peer), "misc" (either, or the network between), "none" while it has not ended.
    """
    if reason == EndReason.INVALID:
        return "none"
    for category, low, high in (
        ("app", EndReason.APP_MIN, EndReason.APP_MAX),
        ("app exception", EndReason.APP_EXCEPTION_MIN, EndReason.APP_EXCEPTION_MAX),
        ("local", EndReason.LOCAL_MIN, EndReason.LOCAL_MAX),
        ("remote", EndReason.REMOTE_MIN, EndReason.REMOTE_MAX),
        ("misc", EndReason.MISC_MIN, EndReason.MISC_MAX),
    ):
        if low <= reason <= high:
            return category
    return "unknown"


class Availability(IntEnum):
    """How ready a service is (``ESteamNetworkingAvailability``); below zero is a problem."""

    CANNOT_TRY = lib.k_ESteamNetworkingAvailability_CannotTry
    FAILED = lib.k_ESteamNetworkingAvailability_Failed
    PREVIOUSLY = lib.k_ESteamNetworkingAvailability_Previously
    RETRYING = lib.k_ESteamNetworkingAvailability_Retrying
    NEVER_TRIED = lib.k_ESteamNetworkingAvailability_NeverTried
    WAITING = lib.k_ESteamNetworkingAvailability_Waiting
    ATTEMPTING = lib.k_ESteamNetworkingAvailability_Attempting
    CURRENT = lib.k_ESteamNetworkingAvailability_Current
    UNKNOWN = lib.k_ESteamNetworkingAvailability_Unknown


class IdentityType(IntEnum):
    """Kind of an identity (``ESteamNetworkingIdentityType``)."""

    INVALID = lib.k_ESteamNetworkingIdentityType_Invalid
    STEAM_ID = lib.k_ESteamNetworkingIdentityType_SteamID
    XBOX_PAIRWISE_ID = lib.k_ESteamNetworkingIdentityType_XboxPairwiseID
    SONY_PSN = lib.k_ESteamNetworkingIdentityType_SonyPSN
    IP_ADDRESS = lib.k_ESteamNetworkingIdentityType_IPAddress
    GENERIC_STRING = lib.k_ESteamNetworkingIdentityType_GenericString
    GENERIC_BYTES = lib.k_ESteamNetworkingIdentityType_GenericBytes
    UNKNOWN_TYPE = lib.k_ESteamNetworkingIdentityType_UnknownType


class FakeIPType(IntEnum):
    """Kind of an IPv4 address (``ESteamNetworkingFakeIPType``)."""

    INVALID = lib.k_ESteamNetworkingFakeIPType_Invalid
    NOT_FAKE = lib.k_ESteamNetworkingFakeIPType_NotFake
    GLOBAL_IPV4 = lib.k_ESteamNetworkingFakeIPType_GlobalIPv4
    LOCAL_IPV4 = lib.k_ESteamNetworkingFakeIPType_LocalIPv4


class DebugOutputType(IntEnum):
    """How much the engine tells (``ESteamNetworkingSocketsDebugOutputType``)."""

    NONE = lib.k_ESteamNetworkingSocketsDebugOutputType_None
    BUG = lib.k_ESteamNetworkingSocketsDebugOutputType_Bug
    ERROR = lib.k_ESteamNetworkingSocketsDebugOutputType_Error
    IMPORTANT = lib.k_ESteamNetworkingSocketsDebugOutputType_Important
    WARNING = lib.k_ESteamNetworkingSocketsDebugOutputType_Warning
    MSG = lib.k_ESteamNetworkingSocketsDebugOutputType_Msg
    VERBOSE = lib.k_ESteamNetworkingSocketsDebugOutputType_Verbose
    DEBUG = lib.k_ESteamNetworkingSocketsDebugOutputType_Debug
    EVERYTHING = lib.k_ESteamNetworkingSocketsDebugOutputType_Everything


class LobbyType(IntEnum):
    """Who sees and may join a lobby (``ELobbyType``)."""

    PRIVATE = lib.k_ELobbyTypePrivate
    FRIENDS_ONLY = lib.k_ELobbyTypeFriendsOnly
    PUBLIC = lib.k_ELobbyTypePublic
    INVISIBLE = lib.k_ELobbyTypeInvisible


class EChatRoomEnterResponse(IntEnum):
    """Why a lobby could or could not be joined (``EChatRoomEnterResponse``)."""

    SUCCESS = lib.k_EChatRoomEnterResponseSuccess
    DOESNT_EXIST = lib.k_EChatRoomEnterResponseDoesntExist
    NOT_ALLOWED = lib.k_EChatRoomEnterResponseNotAllowed
    FULL = lib.k_EChatRoomEnterResponseFull
    ERROR = lib.k_EChatRoomEnterResponseError
    BANNED = lib.k_EChatRoomEnterResponseBanned
    LIMITED = lib.k_EChatRoomEnterResponseLimited
    CLAN_DISABLED = lib.k_EChatRoomEnterResponseClanDisabled
    COMMUNITY_BAN = lib.k_EChatRoomEnterResponseCommunityBan
    MEMBER_BLOCKED_YOU = lib.k_EChatRoomEnterResponseMemberBlockedYou
    YOU_BLOCKED_MEMBER = lib.k_EChatRoomEnterResponseYouBlockedMember
    RATELIMIT_EXCEEDED = lib.k_EChatRoomEnterResponseRatelimitExceeded


class PersonaState(IntEnum):
    """What a friend is doing (``EPersonaState``)."""

    OFFLINE = lib.k_EPersonaStateOffline
    ONLINE = lib.k_EPersonaStateOnline
    BUSY = lib.k_EPersonaStateBusy
    AWAY = lib.k_EPersonaStateAway
    SNOOZE = lib.k_EPersonaStateSnooze
    LOOKING_TO_TRADE = lib.k_EPersonaStateLookingToTrade
    LOOKING_TO_PLAY = lib.k_EPersonaStateLookingToPlay
    INVISIBLE = lib.k_EPersonaStateInvisible
