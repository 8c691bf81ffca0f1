"""Valve's enumerations, without their prefixes; the numbers come from the compiled header."""

import ast
import inspect
from enum import Enum, IntEnum, IntFlag
from functools import cache
from itertools import pairwise
from typing import TypeVar

from ._native import lib

E = TypeVar("E", bound=IntEnum)


def known(enum: type[E], number: int) -> E | int:
    """The member of the enumeration, or the number itself where an engine knows more than we do."""
    member: E | int = enum._value2member_map_.get(number, number)  # type: ignore[assignment]  # values are ints
    return member


NUMBERS = tuple("bcdoxXneEfFgG%,_")  # what format specs for numbers end with


class MemberDoc:
    """The ``__doc__`` of an enumeration, and that of a member: the string below it in the source."""

    def __init__(self, text: str | None) -> None:
        """Keep the enumeration's own."""
        self._text = text

    def __get__(self, member: Enum | None, enum: type[Enum]) -> str | None:
        return self._text if member is None else member_docs(enum).get(member.name, self._text)


@cache
def member_docs(enum: type[Enum]) -> dict[str, str]:
    """The docstrings of an enumeration's members by name; none where there is no source."""
    try:
        [tree] = ast.parse(inspect.getsource(enum)).body
    except (OSError, TypeError):
        return {}
    docs = {}
    for line, below in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
        match line, below:
            case ast.Assign([ast.Name(name)]), ast.Expr(ast.Constant(str(text))):
                docs[name] = text
    return docs


class Documented:
    """An enumeration of which each member has a docstring of its own."""

    def __init_subclass__(cls) -> None:
        cls.__doc__ = MemberDoc(cls.__doc__)  # type: ignore[assignment]  # it gives the str


class NamedInt(Documented, IntEnum):
    """A number of Valve's that prints as its name: in ``str``, in f-strings, in ``%s``."""

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        """The name; the number for a spec that asks for one: ``f"{state:d}"``."""
        return format(self.value if spec.endswith(NUMBERS) else self.name, spec)


class NamedFlag(Documented, IntFlag):
    """Bits of Valve's that print as their names, with ``|`` between."""

    def __str__(self) -> str:
        return self.name or str(self.value)

    def __format__(self, spec: str) -> str:
        """The names; the number for a spec that asks for one."""
        return format(self.value if spec.endswith(NUMBERS) else str(self), spec)


class ConnectionState(NamedInt):
    """State of a connection (``ESteamNetworkingConnectionState``)."""

    NONE = lib.k_ESteamNetworkingConnectionState_None
    """There is no such connection, or none any more."""
    CONNECTING = lib.k_ESteamNetworkingConnectionState_Connecting
    """Begun by one side, and not accepted yet."""
    FINDING_ROUTE = lib.k_ESteamNetworkingConnectionState_FindingRoute
    """Accepted; the way between the two is being found (P2P only)."""
    CONNECTED = lib.k_ESteamNetworkingConnectionState_Connected
    """Messages go both ways."""
    CLOSED_BY_PEER = lib.k_ESteamNetworkingConnectionState_ClosedByPeer
    """The peer has closed it; what has arrived can still be received, then close it."""
    PROBLEM_DETECTED_LOCALLY = lib.k_ESteamNetworkingConnectionState_ProblemDetectedLocally
    """It ended here, by a time-out for instance; close it."""
    FIN_WAIT = lib.k_ESteamNetworkingConnectionState_FinWait
    """Internal to the engine: closed, and the peer has not confirmed it. Never seen outside."""
    LINGER = lib.k_ESteamNetworkingConnectionState_Linger
    """Internal to the engine: closed, and data are still being delivered. Never seen outside."""
    DEAD = lib.k_ESteamNetworkingConnectionState_Dead
    """Internal to the engine: to be removed. Never seen outside."""


OPENING = (ConnectionState.CONNECTING, ConnectionState.FINDING_ROUTE)
GONE = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)


class SendFlags(NamedFlag):
    """How to send a message (``k_nSteamNetworkingSend_*``)."""

    UNRELIABLE = lib.k_nSteamNetworkingSend_Unreliable
    """Sent once: it may be lost, or come after a later one. Over 16,500 bytes it is sent reliably."""
    NO_NAGLE = lib.k_nSteamNetworkingSend_NoNagle
    """Sent at once, with all that waits, and not gathered with others for up to 5 ms."""
    UNRELIABLE_NO_NAGLE = lib.k_nSteamNetworkingSend_UnreliableNoNagle
    """Unreliable, and sent at once: for state that is sent each frame."""
    NO_DELAY = lib.k_nSteamNetworkingSend_NoDelay
    """Dropped (IGNORED) if it cannot be sent now, as while connecting. Not for RELIABLE: it warns."""
    UNRELIABLE_NO_DELAY = lib.k_nSteamNetworkingSend_UnreliableNoDelay
    """Unreliable, sent at once or dropped: for what is worthless later, such as voice."""
    RELIABLE = lib.k_nSteamNetworkingSend_Reliable
    """Repeated until it is acknowledged, and received in order with others of its lane."""
    RELIABLE_NO_NAGLE = lib.k_nSteamNetworkingSend_ReliableNoNagle
    """Reliable, and sent at once: for what should arrive soon, such as a shot."""
    USE_CURRENT_THREAD = lib.k_nSteamNetworkingSend_UseCurrentThread
    """Valve's hint to do the work on this thread and not on the engine's own."""
    AUTO_RESTART_BROKEN_SESSION = lib.k_nSteamNetworkingSend_AutoRestartBrokenSession
    """For messages to users: if their session is broken, begin a new one."""


class ConnectionInfoFlags(NamedFlag):
    """What kind of connection it is (``k_nSteamNetworkConnectionInfoFlags_*``)."""

    UNAUTHENTICATED = lib.k_nSteamNetworkConnectionInfoFlags_Unauthenticated
    """We do not know for sure who the peer is: no certificate of Steam's vouches for it."""
    UNENCRYPTED = lib.k_nSteamNetworkConnectionInfoFlags_Unencrypted
    """What is sent can be read on its way."""
    LOOPBACK_BUFFERS = lib.k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers
    """Both ends are in this process, and nothing goes over a network."""
    FAST = lib.k_nSteamNetworkConnectionInfoFlags_Fast
    """The two are on one machine, or on one local network."""
    RELAYED = lib.k_nSteamNetworkConnectionInfoFlags_Relayed
    """Goes through a relay: of Steam's network, or a TURN server."""
    DUAL_WIFI = lib.k_nSteamNetworkConnectionInfoFlags_DualWifi
    """Uses two wireless adapters at once."""


class EResult(NamedInt):
    """The result of a call, as everywhere in Steam (``EResult``)."""

    NONE = lib.k_EResultNone
    """No result."""
    OK = lib.k_EResultOK
    """It worked."""
    FAIL = lib.k_EResultFail
    """It failed, and there is no better reason."""
    NO_CONNECTION = lib.k_EResultNoConnection
    """There is no connection: to the peer, or to Steam."""
    INVALID_PASSWORD = lib.k_EResultInvalidPassword
    """The password, or the ticket, is wrong."""
    LOGGED_IN_ELSEWHERE = lib.k_EResultLoggedInElsewhere
    """The account is in use in another place."""
    INVALID_PROTOCOL_VER = lib.k_EResultInvalidProtocolVer
    """The two speak different versions of the protocol."""
    INVALID_PARAM = lib.k_EResultInvalidParam
    """An argument is wrong: a dead handle, a bad size."""
    FILE_NOT_FOUND = lib.k_EResultFileNotFound
    """There is no such file."""
    BUSY = lib.k_EResultBusy
    """Something else is at it already: ask again."""
    INVALID_STATE = lib.k_EResultInvalidState
    """Not possible as things are: accepting what is connected, writing to a lobby one is not in."""
    INVALID_NAME = lib.k_EResultInvalidName
    """The name is not allowed."""
    INVALID_EMAIL = lib.k_EResultInvalidEmail
    """The e-mail address is not valid."""
    DUPLICATE_NAME = lib.k_EResultDuplicateName
    """The name is taken."""
    ACCESS_DENIED = lib.k_EResultAccessDenied
    """Others may do this, and we may not."""
    TIMEOUT = lib.k_EResultTimeout
    """No answer came in time."""
    BANNED = lib.k_EResultBanned
    """The account is banned."""
    ACCOUNT_NOT_FOUND = lib.k_EResultAccountNotFound
    """There is no such account, or the token is not valid."""
    INVALID_STEAM_ID = lib.k_EResultInvalidSteamID
    """That is no Steam ID."""
    SERVICE_UNAVAILABLE = lib.k_EResultServiceUnavailable
    """The service does not run now."""
    NOT_LOGGED_ON = lib.k_EResultNotLoggedOn
    """The account is not logged on."""
    PENDING = lib.k_EResultPending
    """Asked, and not answered yet."""
    ENCRYPTION_FAILURE = lib.k_EResultEncryptionFailure
    """Encrypting or decrypting failed."""
    INSUFFICIENT_PRIVILEGE = lib.k_EResultInsufficientPrivilege
    """The account does not have the right."""
    LIMIT_EXCEEDED = lib.k_EResultLimitExceeded
    """Too much: the send buffer is full, or one is in as many lobbies as allowed."""
    REVOKED = lib.k_EResultRevoked
    """Access was taken back."""
    EXPIRED = lib.k_EResultExpired
    """What gave access has expired."""
    ALREADY_REDEEMED = lib.k_EResultAlreadyRedeemed
    """The licence or key was used before."""
    DUPLICATE_REQUEST = lib.k_EResultDuplicateRequest
    """The same was asked before, and is done."""
    ALREADY_OWNED = lib.k_EResultAlreadyOwned
    """The account owns it already."""
    IP_NOT_FOUND = lib.k_EResultIPNotFound
    """There is no such address."""
    PERSIST_FAILED = lib.k_EResultPersistFailed
    """The change could not be stored."""
    LOCKING_FAILED = lib.k_EResultLockingFailed
    """What it needs is in use by something else."""
    LOGON_SESSION_REPLACED = lib.k_EResultLogonSessionReplaced
    """Another log-on has taken the place of this one."""
    CONNECT_FAILED = lib.k_EResultConnectFailed
    """The connection, or the session with a user, has failed."""
    HANDSHAKE_FAILED = lib.k_EResultHandshakeFailed
    """The handshake with the peer failed."""
    IO_FAILURE = lib.k_EResultIOFailure
    """Reading, writing, or a call to Steam's servers failed."""
    REMOTE_DISCONNECT = lib.k_EResultRemoteDisconnect
    """The other side has disconnected."""
    SHOPPING_CART_NOT_FOUND = lib.k_EResultShoppingCartNotFound
    """There is no such shopping cart."""
    BLOCKED = lib.k_EResultBlocked
    """The user does not allow it."""
    IGNORED = lib.k_EResultIgnored
    """Nothing was done: a NO_DELAY message that could not be sent at once."""
    NO_MATCH = lib.k_EResultNoMatch
    """Nothing fits what was asked for."""
    ACCOUNT_DISABLED = lib.k_EResultAccountDisabled
    """The account is disabled."""
    SERVICE_READ_ONLY = lib.k_EResultServiceReadOnly
    """The service takes no changes now."""
    ACCOUNT_NOT_FEATURED = lib.k_EResultAccountNotFeatured
    """The account has no value for this."""
    ADMINISTRATOR_OK = lib.k_EResultAdministratorOK
    """Allowed only since the account is an administrator's."""
    CONTENT_VERSION = lib.k_EResultContentVersion
    """Content does not have the same version on both sides."""
    TRY_ANOTHER_CM = lib.k_EResultTryAnotherCM
    """This server of Steam's cannot help: another one may."""
    PASSWORD_REQUIRED_TO_KICK_SESSION = lib.k_EResultPasswordRequiredToKickSession
    """The account plays elsewhere: its password is needed to end that."""
    ALREADY_LOGGED_IN_ELSEWHERE = lib.k_EResultAlreadyLoggedInElsewhere
    """The account is logged on elsewhere, and has to wait."""
    SUSPENDED = lib.k_EResultSuspended
    """The operation is suspended."""
    CANCELLED = lib.k_EResultCancelled
    """It was cancelled."""
    DATA_CORRUPTION = lib.k_EResultDataCorruption
    """The data are damaged."""
    DISK_FULL = lib.k_EResultDiskFull
    """There is no room on the disk."""
    REMOTE_CALL_FAILED = lib.k_EResultRemoteCallFailed
    """A call on another machine failed."""
    PASSWORD_UNSET = lib.k_EResultPasswordUnset
    """The account has no password that could be checked."""
    EXTERNAL_ACCOUNT_UNLINKED = lib.k_EResultExternalAccountUnlinked
    """The account of another service is not linked to a Steam account."""
    PSN_TICKET_INVALID = lib.k_EResultPSNTicketInvalid
    """The ticket of the PlayStation Network is not valid."""
    EXTERNAL_ACCOUNT_ALREADY_LINKED = lib.k_EResultExternalAccountAlreadyLinked
    """The account of another service is linked to another Steam account."""
    REMOTE_FILE_CONFLICT = lib.k_EResultRemoteFileConflict
    """The file in Steam's cloud and the one here are both newer."""
    ILLEGAL_PASSWORD = lib.k_EResultIllegalPassword
    """The new password is not allowed."""
    SAME_AS_PREVIOUS_VALUE = lib.k_EResultSameAsPreviousValue
    """The new value is the old one."""
    ACCOUNT_LOGON_DENIED = lib.k_EResultAccountLogonDenied
    """The log-on needs a code that is sent by e-mail."""
    CANNOT_USE_OLD_PASSWORD = lib.k_EResultCannotUseOldPassword
    """The new password was used before."""
    INVALID_LOGIN_AUTH_CODE = lib.k_EResultInvalidLoginAuthCode
    """The code for the log-on is wrong."""
    ACCOUNT_LOGON_DENIED_NO_MAIL = lib.k_EResultAccountLogonDeniedNoMail
    """The log-on needs a code, and it could not be sent."""
    HARDWARE_NOT_CAPABLE_OF_IPT = lib.k_EResultHardwareNotCapableOfIPT
    """The hardware lacks a technology for identity protection."""
    IPT_INIT_ERROR = lib.k_EResultIPTInitError
    """That technology could not be started."""
    PARENTAL_CONTROL_RESTRICTED = lib.k_EResultParentalControlRestricted
    """Family settings do not allow it."""
    FACEBOOK_QUERY_ERROR = lib.k_EResultFacebookQueryError
    """Facebook answered with an error."""
    EXPIRED_LOGIN_AUTH_CODE = lib.k_EResultExpiredLoginAuthCode
    """The code for the log-on has expired."""
    IP_LOGIN_RESTRICTION_FAILED = lib.k_EResultIPLoginRestrictionFailed
    """The account may not log on from this address."""
    ACCOUNT_LOCKED_DOWN = lib.k_EResultAccountLockedDown
    """The account is locked."""
    ACCOUNT_LOGON_DENIED_VERIFIED_EMAIL_REQUIRED = (
        lib.k_EResultAccountLogonDeniedVerifiedEmailRequired
    )
    """The log-on needs an e-mail address that was confirmed."""
    NO_MATCHING_URL = lib.k_EResultNoMatchingURL
    """No web address fits."""
    BAD_RESPONSE = lib.k_EResultBadResponse
    """The answer could not be understood."""
    REQUIRE_PASSWORD_RE_ENTRY = lib.k_EResultRequirePasswordReEntry
    """The password has to be entered again."""
    VALUE_OUT_OF_RANGE = lib.k_EResultValueOutOfRange
    """The value is too large or too small."""
    UNEXPECTED_ERROR = lib.k_EResultUnexpectedError
    """Something that should not happen did."""
    DISABLED = lib.k_EResultDisabled
    """The service is switched off."""
    INVALID_CEG_SUBMISSION = lib.k_EResultInvalidCEGSubmission
    """What was submitted to Steam's copy protection is not valid."""
    RESTRICTED_DEVICE = lib.k_EResultRestrictedDevice
    """This device may not do it."""
    REGION_LOCKED = lib.k_EResultRegionLocked
    """Not allowed in this region."""
    RATE_LIMIT_EXCEEDED = lib.k_EResultRateLimitExceeded
    """Asked too often: try again later."""
    ACCOUNT_LOGIN_DENIED_NEED_TWO_FACTOR = lib.k_EResultAccountLoginDeniedNeedTwoFactor
    """The log-on needs a code of the authenticator."""
    ITEM_DELETED = lib.k_EResultItemDeleted
    """It has been deleted."""
    ACCOUNT_LOGIN_DENIED_THROTTLE = lib.k_EResultAccountLoginDeniedThrottle
    """Too many failed log-ons: try again later."""
    TWO_FACTOR_CODE_MISMATCH = lib.k_EResultTwoFactorCodeMismatch
    """The authenticator's code is wrong."""
    TWO_FACTOR_ACTIVATION_CODE_MISMATCH = lib.k_EResultTwoFactorActivationCodeMismatch
    """The code to activate the authenticator is wrong."""
    ACCOUNT_ASSOCIATED_TO_MULTIPLE_PARTNERS = lib.k_EResultAccountAssociatedToMultiplePartners
    """The account belongs to several Steamworks partners."""
    NOT_MODIFIED = lib.k_EResultNotModified
    """Nothing has changed."""
    NO_MOBILE_DEVICE = lib.k_EResultNoMobileDevice
    """The account has no mobile device."""
    TIME_NOT_SYNCED = lib.k_EResultTimeNotSynced
    """The clock here is wrong."""
    SMS_CODE_FAILED = lib.k_EResultSmsCodeFailed
    """The code of the text message is wrong."""
    ACCOUNT_LIMIT_EXCEEDED = lib.k_EResultAccountLimitExceeded
    """There are too many accounts for this."""
    ACCOUNT_ACTIVITY_LIMIT_EXCEEDED = lib.k_EResultAccountActivityLimitExceeded
    """The account has changed too often."""
    PHONE_ACTIVITY_LIMIT_EXCEEDED = lib.k_EResultPhoneActivityLimitExceeded
    """The phone number was used too often."""
    REFUND_TO_WALLET = lib.k_EResultRefundToWallet
    """A refund can only go to the Steam wallet."""
    EMAIL_SEND_FAILURE = lib.k_EResultEmailSendFailure
    """The e-mail could not be sent."""
    NOT_SETTLED = lib.k_EResultNotSettled
    """The payment is not through yet."""
    NEED_CAPTCHA = lib.k_EResultNeedCaptcha
    """A captcha has to be solved."""
    GSLT_DENIED = lib.k_EResultGSLTDenied
    """The owner of the game server's token is not allowed this."""
    GS_OWNER_DENIED = lib.k_EResultGSOwnerDenied
    """The game server's owner is not allowed this."""
    INVALID_ITEM_TYPE = lib.k_EResultInvalidItemType
    """The item is of another type."""
    IP_BANNED = lib.k_EResultIPBanned
    """The address is banned."""
    GSLT_EXPIRED = lib.k_EResultGSLTExpired
    """The game server's token has expired, since it was not used."""
    INSUFFICIENT_FUNDS = lib.k_EResultInsufficientFunds
    """There is not enough money."""
    TOO_MANY_PENDING = lib.k_EResultTooManyPending
    """Too many of these are waiting already."""
    NO_SITE_LICENSES_FOUND = lib.k_EResultNoSiteLicensesFound
    """There is no licence for this site."""
    WG_NETWORK_SEND_EXCEEDED = lib.k_EResultWGNetworkSendExceeded
    """Too much was sent at once."""
    ACCOUNT_NOT_FRIENDS = lib.k_EResultAccountNotFriends
    """The two are no friends."""
    LIMITED_USER_ACCOUNT = lib.k_EResultLimitedUserAccount
    """Accounts that never bought anything may not do it."""
    CANT_REMOVE_ITEM = lib.k_EResultCantRemoveItem
    """The item cannot be removed."""
    ACCOUNT_DELETED = lib.k_EResultAccountDeleted
    """The account was deleted."""
    EXISTING_USER_CANCELLED_LICENSE = lib.k_EResultExistingUserCancelledLicense
    """The user had the licence, and gave it up."""
    COMMUNITY_COOLDOWN = lib.k_EResultCommunityCooldown
    """The account has to wait before it may do more in the community."""
    NO_LAUNCHER_SPECIFIED = lib.k_EResultNoLauncherSpecified
    """A launcher was needed, and none was named."""
    MUST_AGREE_TO_SSA = lib.k_EResultMustAgreeToSSA
    """The subscriber agreement has to be accepted first."""
    LAUNCHER_MIGRATED = lib.k_EResultLauncherMigrated
    """The launcher is not in use any more."""
    STEAM_REALM_MISMATCH = lib.k_EResultSteamRealmMismatch
    """The account is of another realm of Steam, as that of China."""
    INVALID_SIGNATURE = lib.k_EResultInvalidSignature
    """The signature is not valid."""
    PARSE_FAILURE = lib.k_EResultParseFailure
    """The text could not be read."""
    NO_VERIFIED_PHONE = lib.k_EResultNoVerifiedPhone
    """The account has no phone number that was confirmed."""
    INSUFFICIENT_BATTERY = lib.k_EResultInsufficientBattery
    """The battery is too low."""
    CHARGER_REQUIRED = lib.k_EResultChargerRequired
    """The device has to be plugged in."""
    CACHED_CREDENTIAL_INVALID = lib.k_EResultCachedCredentialInvalid
    """The stored log-on is not valid any more: log on again."""
    PHONE_NUMBER_IS_VOIP = lib.k_EResultPhoneNumberIsVOIP
    """Numbers of internet telephony are not allowed."""
    NOT_SUPPORTED = lib.k_EResultNotSupported
    """It is not supported."""
    FAMILY_SIZE_LIMIT_EXCEEDED = lib.k_EResultFamilySizeLimitExceeded
    """The family has as many members as allowed."""
    OFFLINE_APP_CACHE_INVALID = lib.k_EResultOfflineAppCacheInvalid
    """What is stored for playing offline is not valid."""
    TRY_LATER = lib.k_EResultTryLater
    """Try again later."""


class ConfigValue(NamedInt):
    """A configuration key (``ESteamNetworkingConfigValue``)."""

    INVALID = lib.k_ESteamNetworkingConfig_Invalid
    """No key."""
    FAKE_PACKET_LOSS_SEND = lib.k_ESteamNetworkingConfig_FakePacketLoss_Send
    """Simulated loss of packets sent, in percent (0-100)."""
    FAKE_PACKET_LOSS_RECV = lib.k_ESteamNetworkingConfig_FakePacketLoss_Recv
    """Simulated loss of packets received, in percent (0-100)."""
    FAKE_PACKET_LAG_SEND = lib.k_ESteamNetworkingConfig_FakePacketLag_Send
    """Simulated delay of packets sent, in ms."""
    FAKE_PACKET_LAG_RECV = lib.k_ESteamNetworkingConfig_FakePacketLag_Recv
    """Simulated delay of packets received, in ms."""
    FAKE_PACKET_REORDER_SEND = lib.k_ESteamNetworkingConfig_FakePacketReorder_Send
    """How many packets sent are delayed by FAKE_PACKET_REORDER_TIME, in percent."""
    FAKE_PACKET_REORDER_RECV = lib.k_ESteamNetworkingConfig_FakePacketReorder_Recv
    """How many packets received are delayed by it, in percent."""
    FAKE_PACKET_REORDER_TIME = lib.k_ESteamNetworkingConfig_FakePacketReorder_Time
    """By how much reordered packets are delayed, in ms."""
    SEND_BUFFER_SIZE = lib.k_ESteamNetworkingConfig_SendBufferSize
    """Bytes that may wait to be sent; beyond that sends are LIMIT_EXCEEDED."""
    SEND_RATE_MIN = lib.k_ESteamNetworkingConfig_SendRateMin
    """Bytes a second that are sent at least, whatever the network seems to bear."""
    SEND_RATE_MAX = lib.k_ESteamNetworkingConfig_SendRateMax
    """Bytes a second that are sent at most."""
    NAGLE_TIME = lib.k_ESteamNetworkingConfig_NagleTime
    """µs for which a small message waits for others to share its packet."""
    LOG_LEVEL_ACK_RTT = lib.k_ESteamNetworkingConfig_LogLevel_AckRTT
    """A `DebugOutputType`: what is told of acknowledgements and round trips."""
    LOG_LEVEL_PACKET_DECODE = lib.k_ESteamNetworkingConfig_LogLevel_PacketDecode
    """A `DebugOutputType`: what is told of packets."""
    LOG_LEVEL_MESSAGE = lib.k_ESteamNetworkingConfig_LogLevel_Message
    """A `DebugOutputType`: what is told of messages."""
    LOG_LEVEL_PACKET_GAPS = lib.k_ESteamNetworkingConfig_LogLevel_PacketGaps
    """A `DebugOutputType`: what is told of missing packets."""
    LOG_LEVEL_P2P_RENDEZVOUS = lib.k_ESteamNetworkingConfig_LogLevel_P2PRendezvous
    """A `DebugOutputType`: what is told of signals and routes."""
    LOG_LEVEL_SDR_RELAY_PINGS = lib.k_ESteamNetworkingConfig_LogLevel_SDRRelayPings
    """A `DebugOutputType`: what is told of pings to Steam's relays."""
    SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL_INITIAL = (
        lib.k_ESteamNetworkingConfig_SDRClient_ConsecutitivePingTimeoutsFailInitial
    )
    """Lost pings after which a new relay counts as down."""
    SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL = (
        lib.k_ESteamNetworkingConfig_SDRClient_ConsecutitivePingTimeoutsFail
    )
    """Lost pings after which a relay in use counts as down."""
    SDR_CLIENT_MIN_PINGS_BEFORE_PING_ACCURATE = (
        lib.k_ESteamNetworkingConfig_SDRClient_MinPingsBeforePingAccurate
    )
    """Pings until a relay's ping counts as known."""
    SDR_CLIENT_SINGLE_SOCKET = lib.k_ESteamNetworkingConfig_SDRClient_SingleSocket
    """Whether all traffic to relays uses one socket (0 or 1)."""
    IP_ALLOW_WITHOUT_AUTH = lib.k_ESteamNetworkingConfig_IP_AllowWithoutAuth
    """Whether peers by address need a certificate: 0 yes, 1 try, 2 no."""
    TIMEOUT_INITIAL = lib.k_ESteamNetworkingConfig_TimeoutInitial
    """ms until a connection that is not accepted has failed."""
    TIMEOUT_CONNECTED = lib.k_ESteamNetworkingConfig_TimeoutConnected
    """ms of silence until a connection has failed."""
    FAKE_PACKET_DUP_SEND = lib.k_ESteamNetworkingConfig_FakePacketDup_Send
    """How many packets are sent twice, in percent."""
    FAKE_PACKET_DUP_RECV = lib.k_ESteamNetworkingConfig_FakePacketDup_Recv
    """How many packets are received twice, in percent."""
    FAKE_PACKET_DUP_TIME_MAX = lib.k_ESteamNetworkingConfig_FakePacketDup_TimeMax
    """By how much a duplicate is delayed at most, in ms."""
    SDR_CLIENT_FORCE_RELAY_CLUSTER = lib.k_ESteamNetworkingConfig_SDRClient_ForceRelayCluster
    """The code of the only data center whose relays are used."""
    SDR_CLIENT_DEV_TICKET = lib.k_ESteamNetworkingConfig_SDRClient_DevTicket
    """A ticket for tests with relays, as text."""
    SDR_CLIENT_FORCE_PROXY_ADDR = lib.k_ESteamNetworkingConfig_SDRClient_ForceProxyAddr
    """The only relay to use, as an address."""
    MTU_PACKET_SIZE = lib.k_ESteamNetworkingConfig_MTU_PacketSize
    """Bytes that a packet has at most, without its IP and UDP headers."""
    MTU_DATA_SIZE = lib.k_ESteamNetworkingConfig_MTU_DataSize
    """Bytes of a message that fit into one packet. Read only."""
    UNENCRYPTED = lib.k_ESteamNetworkingConfig_Unencrypted
    """Whether a connection may do without encryption: 0 no, 1 may, 2 prefers, 3 must."""
    SDR_CLIENT_FAKE_CLUSTER_PING = lib.k_ESteamNetworkingConfig_SDRClient_FakeClusterPing
    """Made-up pings to data centers, for tests."""
    SYMMETRIC_CONNECT = lib.k_ESteamNetworkingConfig_SymmetricConnect
    """Whether two that connect to each other get one connection (0 or 1)."""
    LOCAL_VIRTUAL_PORT = lib.k_ESteamNetworkingConfig_LocalVirtualPort
    """The virtual port on our side; -1: none in particular."""
    DUAL_WIFI_ENABLE = lib.k_ESteamNetworkingConfig_DualWifi_Enable
    """Whether two wireless adapters may be used at once."""
    CONNECTION_USER_DATA = lib.k_ESteamNetworkingConfig_ConnectionUserData
    """A number of the game's that goes along with a connection."""
    PACKET_TRACE_MAX_BYTES = lib.k_ESteamNetworkingConfig_PacketTraceMaxBytes
    """How much of each packet is logged, in bytes; -1: nothing."""
    FAKE_RATE_LIMIT_SEND_RATE = lib.k_ESteamNetworkingConfig_FakeRateLimit_Send_Rate
    """Simulated limit of what is sent, in bytes a second; 0: none."""
    FAKE_RATE_LIMIT_SEND_BURST = lib.k_ESteamNetworkingConfig_FakeRateLimit_Send_Burst
    """Bytes that may exceed that limit for a moment."""
    FAKE_RATE_LIMIT_RECV_RATE = lib.k_ESteamNetworkingConfig_FakeRateLimit_Recv_Rate
    """Simulated limit of what is received, in bytes a second; 0: none."""
    FAKE_RATE_LIMIT_RECV_BURST = lib.k_ESteamNetworkingConfig_FakeRateLimit_Recv_Burst
    """Bytes that may exceed that limit for a moment."""
    ENABLE_DIAGNOSTICS_UI = lib.k_ESteamNetworkingConfig_EnableDiagnosticsUI
    """Whether Steam may show its window about connections."""
    RECV_BUFFER_SIZE = lib.k_ESteamNetworkingConfig_RecvBufferSize
    """Bytes that may wait to be received; beyond that packets are dropped, and sent again."""
    RECV_BUFFER_MESSAGES = lib.k_ESteamNetworkingConfig_RecvBufferMessages
    """Messages that may wait to be received; beyond that packets are dropped."""
    RECV_MAX_MESSAGE_SIZE = lib.k_ESteamNetworkingConfig_RecvMaxMessageSize
    """Bytes of the largest message that is accepted; a larger one ends the connection."""
    RECV_MAX_SEGMENTS_PER_PACKET = lib.k_ESteamNetworkingConfig_RecvMaxSegmentsPerPacket
    """Parts of messages that are accepted in one packet."""
    OUT_OF_ORDER_CORRECTION_WINDOW_MICROSECONDS = (
        lib.k_ESteamNetworkingConfig_OutOfOrderCorrectionWindowMicroseconds
    )
    """µs that an early packet waits for the one before it."""
    IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH = lib.k_ESteamNetworkingConfig_IPLocalHost_AllowWithoutAuth
    """As IP_ALLOW_WITHOUT_AUTH, for peers on this machine."""
    FAKE_PACKET_JITTER_SEND_AVG = lib.k_ESteamNetworkingConfig_FakePacketJitter_Send_Avg
    """Simulated jitter of packets sent: its mean, in ms."""
    FAKE_PACKET_JITTER_SEND_MAX = lib.k_ESteamNetworkingConfig_FakePacketJitter_Send_Max
    """Its largest value, in ms."""
    FAKE_PACKET_JITTER_SEND_PCT = lib.k_ESteamNetworkingConfig_FakePacketJitter_Send_Pct
    """How many packets sent have it, in percent."""
    FAKE_PACKET_JITTER_RECV_AVG = lib.k_ESteamNetworkingConfig_FakePacketJitter_Recv_Avg
    """Simulated jitter of packets received: its mean, in ms."""
    FAKE_PACKET_JITTER_RECV_MAX = lib.k_ESteamNetworkingConfig_FakePacketJitter_Recv_Max
    """Its largest value, in ms."""
    FAKE_PACKET_JITTER_RECV_PCT = lib.k_ESteamNetworkingConfig_FakePacketJitter_Recv_Pct
    """How many packets received have it, in percent."""
    SEND_TIME_SINCE_PREVIOUS_PACKET = lib.k_ESteamNetworkingConfig_SendTimeSincePreviousPacket
    """Whether packets carry the time since the one before them (0 or 1)."""
    SDR_CLIENT_LIMIT_PING_PROBES_TO_NEAREST_N = (
        lib.k_ESteamNetworkingConfig_SDRClient_LimitPingProbesToNearestN
    )
    """How many of the nearest relays are pinged; 0: all."""
    P2P_STUN_SERVER_LIST = lib.k_ESteamNetworkingConfig_P2P_STUN_ServerList
    """STUN servers, with commas between: "host:port,host:port"."""
    P2P_TRANSPORT_ICE_ENABLE = lib.k_ESteamNetworkingConfig_P2P_Transport_ICE_Enable
    """Addresses that peers may be told, as bits: 1 relays, 2 private, 4 public."""
    P2P_TRANSPORT_ICE_PENALTY = lib.k_ESteamNetworkingConfig_P2P_Transport_ICE_Penalty
    """ms that a direct way counts as slower than it is."""
    P2P_TRANSPORT_SDR_PENALTY = lib.k_ESteamNetworkingConfig_P2P_Transport_SDR_Penalty
    """ms that a way through Steam's relays counts as slower than it is."""
    P2P_TURN_SERVER_LIST = lib.k_ESteamNetworkingConfig_P2P_TURN_ServerList
    """TURN servers, with commas between."""
    P2P_TURN_USER_LIST = lib.k_ESteamNetworkingConfig_P2P_TURN_UserList
    """The user names for them, in their order."""
    P2P_TURN_PASS_LIST = lib.k_ESteamNetworkingConfig_P2P_TURN_PassList
    """The passwords for them, in their order."""
    P2P_TRANSPORT_ICE_IMPLEMENTATION = lib.k_ESteamNetworkingConfig_P2P_Transport_ICE_Implementation
    """Which of Valve's implementations of ICE is used; 0: its default."""
    CALLBACK_CONNECTION_STATUS_CHANGED = (
        lib.k_ESteamNetworkingConfig_Callback_ConnectionStatusChanged
    )
    """A C function; steamnet has set it."""
    CALLBACK_AUTH_STATUS_CHANGED = lib.k_ESteamNetworkingConfig_Callback_AuthStatusChanged
    """A C function; steamnet has set it."""
    CALLBACK_RELAY_NETWORK_STATUS_CHANGED = (
        lib.k_ESteamNetworkingConfig_Callback_RelayNetworkStatusChanged
    )
    """A C function; steamnet has set it."""
    CALLBACK_MESSAGES_SESSION_REQUEST = lib.k_ESteamNetworkingConfig_Callback_MessagesSessionRequest
    """A C function; steamnet has set it."""
    CALLBACK_MESSAGES_SESSION_FAILED = lib.k_ESteamNetworkingConfig_Callback_MessagesSessionFailed
    """A C function; steamnet has set it."""
    CALLBACK_CREATE_CONNECTION_SIGNALING = (
        lib.k_ESteamNetworkingConfig_Callback_CreateConnectionSignaling
    )
    """A C function; steamnet has set it where signals go through Python."""
    CALLBACK_FAKE_IP_RESULT = lib.k_ESteamNetworkingConfig_Callback_FakeIPResult
    """A C function; steamnet has set it."""
    SDR_CLIENT_ENABLE_TOS_PROBES = lib.k_ESteamNetworkingConfig_SDRClient_EnableTOSProbes
    """Whether it is tried if routers heed the priority of packets."""
    ECN = lib.k_ESteamNetworkingConfig_ECN
    """Bits for explicit congestion notification on packets sent; -1: the system's."""


class ConfigDataType(NamedInt):
    """Type of a configuration value (``ESteamNetworkingConfigDataType``)."""

    INT32 = lib.k_ESteamNetworkingConfig_Int32
    """A whole number of 32 bits."""
    INT64 = lib.k_ESteamNetworkingConfig_Int64
    """A whole number of 64 bits."""
    FLOAT = lib.k_ESteamNetworkingConfig_Float
    """A number of single precision."""
    STRING = lib.k_ESteamNetworkingConfig_String
    """Text, in UTF-8."""
    PTR = lib.k_ESteamNetworkingConfig_Ptr
    """An address; steamnet sets these itself."""


class ConfigScope(NamedInt):
    """What a configuration value is set on (``ESteamNetworkingConfigScope``)."""

    GLOBAL = lib.k_ESteamNetworkingConfig_Global
    """All of the process."""
    SOCKETS_INTERFACE = lib.k_ESteamNetworkingConfig_SocketsInterface
    """One user's networking."""
    LISTEN_SOCKET = lib.k_ESteamNetworkingConfig_ListenSocket
    """A listen socket, and what it will accept."""
    CONNECTION = lib.k_ESteamNetworkingConfig_Connection
    """One connection."""


class EndReason(NamedInt):
    """Why a connection ended (``ESteamNetConnectionEnd``); a game has 1000-2999 to itself."""

    INVALID = lib.k_ESteamNetConnectionEnd_Invalid
    """It has not ended."""
    APP_GENERIC = lib.k_ESteamNetConnectionEnd_App_Generic
    """The game closed it, and gave no reason of its own."""
    APP_MIN = lib.k_ESteamNetConnectionEnd_App_Min
    """The first of the numbers that a game may use for ordinary ends."""
    APP_MAX = lib.k_ESteamNetConnectionEnd_App_Max
    """The last of them."""
    APP_EXCEPTION_GENERIC = lib.k_ESteamNetConnectionEnd_AppException_Generic
    """The game closed it after an error, and gave no reason of its own."""
    APP_EXCEPTION_MIN = lib.k_ESteamNetConnectionEnd_AppException_Min
    """The first of the numbers that a game may use for errors."""
    APP_EXCEPTION_MAX = lib.k_ESteamNetConnectionEnd_AppException_Max
    """The last of them."""
    LOCAL_MIN = lib.k_ESteamNetConnectionEnd_Local_Min
    """The first of the problems on this side."""
    LOCAL_OFFLINE_MODE = lib.k_ESteamNetConnectionEnd_Local_OfflineMode
    """Steam is in offline mode."""
    LOCAL_MANY_RELAY_CONNECTIVITY = lib.k_ESteamNetConnectionEnd_Local_ManyRelayConnectivity
    """Many relays cannot be reached: the internet connection is down."""
    LOCAL_HOSTED_SERVER_PRIMARY_RELAY = lib.k_ESteamNetConnectionEnd_Local_HostedServerPrimaryRelay
    """The hosted server cannot reach its relay."""
    LOCAL_NETWORK_CONFIG = lib.k_ESteamNetConnectionEnd_Local_NetworkConfig
    """The description of Steam's network could not be fetched."""
    LOCAL_RIGHTS = lib.k_ESteamNetConnectionEnd_Local_Rights
    """The account may not do this: it does not own the game, or is banned."""
    LOCAL_P2P_ICE_NO_PUBLIC_ADDRESSES = lib.k_ESteamNetConnectionEnd_Local_P2P_ICE_NoPublicAddresses
    """No address of ours that the peer could use was found."""
    LOCAL_MAX = lib.k_ESteamNetConnectionEnd_Local_Max
    """The last of the problems on this side."""
    REMOTE_MIN = lib.k_ESteamNetConnectionEnd_Remote_Min
    """The first of the problems on the peer's side."""
    REMOTE_TIMEOUT = lib.k_ESteamNetConnectionEnd_Remote_Timeout
    """The peer went silent, and its connection to Steam seems to be at fault."""
    REMOTE_BAD_CRYPT = lib.k_ESteamNetConnectionEnd_Remote_BadCrypt
    """What the peer encrypted makes no sense."""
    REMOTE_BAD_CERT = lib.k_ESteamNetConnectionEnd_Remote_BadCert
    """The peer's certificate is not valid."""
    REMOTE_BAD_PROTOCOL_VERSION = lib.k_ESteamNetConnectionEnd_Remote_BadProtocolVersion
    """The peer's protocol is too old or too new."""
    REMOTE_P2P_ICE_NO_PUBLIC_ADDRESSES = (
        lib.k_ESteamNetConnectionEnd_Remote_P2P_ICE_NoPublicAddresses
    )
    """The peer found no address of its own that we could use."""
    REMOTE_MAX = lib.k_ESteamNetConnectionEnd_Remote_Max
    """The last of the problems on the peer's side."""
    MISC_MIN = lib.k_ESteamNetConnectionEnd_Misc_Min
    """The first of the problems that may be on either side."""
    MISC_GENERIC = lib.k_ESteamNetConnectionEnd_Misc_Generic
    """Something failed."""
    MISC_INTERNAL_ERROR = lib.k_ESteamNetConnectionEnd_Misc_InternalError
    """Something failed within the engine; also a message that is too large to accept."""
    MISC_TIMEOUT = lib.k_ESteamNetConnectionEnd_Misc_Timeout
    """Nothing came from the peer in time."""
    MISC_STEAM_CONNECTIVITY = lib.k_ESteamNetConnectionEnd_Misc_SteamConnectivity
    """Steam's servers cannot be reached."""
    MISC_NO_RELAY_SESSIONS_TO_CLIENT = lib.k_ESteamNetConnectionEnd_Misc_NoRelaySessionsToClient
    """No relay has a session with the client any more."""
    MISC_P2P_RENDEZVOUS = lib.k_ESteamNetConnectionEnd_Misc_P2P_Rendezvous
    """The two could not agree on a way: signals did not get through."""
    MISC_P2P_NAT_FIREWALL = lib.k_ESteamNetConnectionEnd_Misc_P2P_NAT_Firewall
    """No packet got through between the two: a router or firewall blocks them."""
    MISC_PEER_SENT_NO_CONNECTION = lib.k_ESteamNetConnectionEnd_Misc_PeerSentNoConnection
    """The peer knows nothing of this connection: its program was started again."""
    MISC_MAX = lib.k_ESteamNetConnectionEnd_Misc_Max
    """The last of the problems that may be on either side."""

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


class Availability(NamedInt):
    """How ready a service is (``ESteamNetworkingAvailability``); below zero is a problem."""

    CANNOT_TRY = lib.k_ESteamNetworkingAvailability_CannotTry
    """It cannot work here: the engine has no such service, or something it needs has failed."""
    FAILED = lib.k_ESteamNetworkingAvailability_Failed
    """It was tried, and failed."""
    PREVIOUSLY = lib.k_ESteamNetworkingAvailability_Previously
    """It worked once, and does not now."""
    RETRYING = lib.k_ESteamNetworkingAvailability_Retrying
    """It failed, and is being tried again."""
    NEVER_TRIED = lib.k_ESteamNetworkingAvailability_NeverTried
    """Nobody has asked for it yet."""
    WAITING = lib.k_ESteamNetworkingAvailability_Waiting
    """It waits for something else first."""
    ATTEMPTING = lib.k_ESteamNetworkingAvailability_Attempting
    """It is being tried."""
    CURRENT = lib.k_ESteamNetworkingAvailability_Current
    """It works."""
    UNKNOWN = lib.k_ESteamNetworkingAvailability_Unknown
    """Not known."""


class IdentityType(NamedInt):
    """Kind of an identity (``ESteamNetworkingIdentityType``)."""

    INVALID = lib.k_ESteamNetworkingIdentityType_Invalid
    """Nobody at all."""
    STEAM_ID = lib.k_ESteamNetworkingIdentityType_SteamID
    """A Steam account, or a game server."""
    XBOX_PAIRWISE_ID = lib.k_ESteamNetworkingIdentityType_XboxPairwiseID
    """A user of Xbox, as one game sees it."""
    SONY_PSN = lib.k_ESteamNetworkingIdentityType_SonyPSN
    """A user of the PlayStation Network."""
    IP_ADDRESS = lib.k_ESteamNetworkingIdentityType_IPAddress
    """An IP address, which stands for the user there."""
    GENERIC_STRING = lib.k_ESteamNetworkingIdentityType_GenericString
    """A text of the game's own: "str:alice"."""
    GENERIC_BYTES = lib.k_ESteamNetworkingIdentityType_GenericBytes
    """Bytes of the game's own: "gen:00ff"."""
    UNKNOWN_TYPE = lib.k_ESteamNetworkingIdentityType_UnknownType
    """A type that this library does not know, kept as it came."""


class FakeIPType(NamedInt):
    """Kind of an IPv4 address (``ESteamNetworkingFakeIPType``)."""

    INVALID = lib.k_ESteamNetworkingFakeIPType_Invalid
    """No address."""
    NOT_FAKE = lib.k_ESteamNetworkingFakeIPType_NotFake
    """An ordinary address."""
    GLOBAL_IPV4 = lib.k_ESteamNetworkingFakeIPType_GlobalIPv4
    """An address that Steam has given out, which every player's Steam understands."""
    LOCAL_IPV4 = lib.k_ESteamNetworkingFakeIPType_LocalIPv4
    """An address that this machine has given to a peer, for itself alone."""


class DebugOutputType(NamedInt):
    """How much the engine tells (``ESteamNetworkingSocketsDebugOutputType``)."""

    NONE = lib.k_ESteamNetworkingSocketsDebugOutputType_None
    """Nothing at all."""
    BUG = lib.k_ESteamNetworkingSocketsDebugOutputType_Bug
    """What should never happen."""
    ERROR = lib.k_ESteamNetworkingSocketsDebugOutputType_Error
    """What has failed."""
    IMPORTANT = lib.k_ESteamNetworkingSocketsDebugOutputType_Important
    """What is always worth a line."""
    WARNING = lib.k_ESteamNetworkingSocketsDebugOutputType_Warning
    """What may be a problem."""
    MSG = lib.k_ESteamNetworkingSocketsDebugOutputType_Msg
    """What happens in the large."""
    VERBOSE = lib.k_ESteamNetworkingSocketsDebugOutputType_Verbose
    """What happens in detail."""
    DEBUG = lib.k_ESteamNetworkingSocketsDebugOutputType_Debug
    """What helps to find faults in the engine."""
    EVERYTHING = lib.k_ESteamNetworkingSocketsDebugOutputType_Everything
    """All there is."""


class LobbyType(NamedInt):
    """Who sees and may join a lobby (``ELobbyType``)."""

    PRIVATE = lib.k_ELobbyTypePrivate
    """Not listed: who joins was invited, or knows its id."""
    FRIENDS_ONLY = lib.k_ELobbyTypeFriendsOnly
    """Not listed: friends see it in Steam, and can join."""
    PUBLIC = lib.k_ELobbyTypePublic
    """Listed, and seen by friends."""
    INVISIBLE = lib.k_ELobbyTypeInvisible
    """Listed, and not seen by friends: for a second lobby beside a regular one."""


class EChatRoomEnterResponse(NamedInt):
    """Why a lobby could or could not be joined (``EChatRoomEnterResponse``)."""

    SUCCESS = lib.k_EChatRoomEnterResponseSuccess
    """We are in it."""
    DOESNT_EXIST = lib.k_EChatRoomEnterResponseDoesntExist
    """There is no such lobby any more."""
    NOT_ALLOWED = lib.k_EChatRoomEnterResponseNotAllowed
    """It is closed."""
    FULL = lib.k_EChatRoomEnterResponseFull
    """It holds no more members."""
    ERROR = lib.k_EChatRoomEnterResponseError
    """It failed, and there is no better reason."""
    BANNED = lib.k_EChatRoomEnterResponseBanned
    """We are banned from it."""
    LIMITED = lib.k_EChatRoomEnterResponseLimited
    """Accounts that never bought anything may not join."""
    CLAN_DISABLED = lib.k_EChatRoomEnterResponseClanDisabled
    """The group has been disabled."""
    COMMUNITY_BAN = lib.k_EChatRoomEnterResponseCommunityBan
    """The account is banned from Steam's community."""
    MEMBER_BLOCKED_YOU = lib.k_EChatRoomEnterResponseMemberBlockedYou
    """A member has blocked us."""
    YOU_BLOCKED_MEMBER = lib.k_EChatRoomEnterResponseYouBlockedMember
    """We have blocked a member."""
    RATELIMIT_EXCEEDED = lib.k_EChatRoomEnterResponseRatelimitExceeded
    """Asked too often: try again later."""


class PersonaState(NamedInt):
    """What a friend is doing (``EPersonaState``)."""

    OFFLINE = lib.k_EPersonaStateOffline
    """Not there, or wants to seem so."""
    ONLINE = lib.k_EPersonaStateOnline
    """There, and free to be spoken to."""
    BUSY = lib.k_EPersonaStateBusy
    """Does not want to be disturbed."""
    AWAY = lib.k_EPersonaStateAway
    """Away for a while."""
    SNOOZE = lib.k_EPersonaStateSnooze
    """Away for longer."""
    LOOKING_TO_TRADE = lib.k_EPersonaStateLookingToTrade
    """Wants to trade."""
    LOOKING_TO_PLAY = lib.k_EPersonaStateLookingToPlay
    """Wants to play."""
    INVISIBLE = lib.k_EPersonaStateInvisible
    """There, and hidden from friends."""
