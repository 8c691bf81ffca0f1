/* Valve's constants and structs of lobbies and friends, in Valve's spelling.
 *
 * The structs are the parameters of callbacks and the results of calls; layout_lobbies.def has their
 * sizes and offsets.
 */
#ifndef STEAMNET_VALVE_LOBBIES_H
#define STEAMNET_VALVE_LOBBIES_H

#include "valve.h"

/* cdef: begin */
typedef struct ISteamMatchmaking ISteamMatchmaking;
typedef struct ISteamFriends ISteamFriends;
typedef struct ISteamUtils ISteamUtils;
typedef struct ISteamApps ISteamApps;

typedef int ELobbyType;
enum {
    k_ELobbyTypePrivate = 0,
    k_ELobbyTypeFriendsOnly = 1,
    k_ELobbyTypePublic = 2,
    k_ELobbyTypeInvisible = 3,
};

typedef int EChatRoomEnterResponse;
enum {
    k_EChatRoomEnterResponseSuccess = 1,
    k_EChatRoomEnterResponseDoesntExist = 2,
    k_EChatRoomEnterResponseNotAllowed = 3,
    k_EChatRoomEnterResponseFull = 4,
    k_EChatRoomEnterResponseError = 5,
    k_EChatRoomEnterResponseBanned = 6,
    k_EChatRoomEnterResponseLimited = 7,
    k_EChatRoomEnterResponseClanDisabled = 8,
    k_EChatRoomEnterResponseCommunityBan = 9,
    k_EChatRoomEnterResponseMemberBlockedYou = 10,
    k_EChatRoomEnterResponseYouBlockedMember = 11,
    k_EChatRoomEnterResponseRatelimitExceeded = 15,
};

typedef int ELobbyComparison;
enum {
    k_ELobbyComparisonEqualToOrLessThan = -2,
    k_ELobbyComparisonLessThan = -1,
    k_ELobbyComparisonEqual = 0,
    k_ELobbyComparisonGreaterThan = 1,
    k_ELobbyComparisonEqualToOrGreaterThan = 2,
    k_ELobbyComparisonNotEqual = 3,
};

typedef int ELobbyDistanceFilter;
enum {
    k_ELobbyDistanceFilterClose = 0,
    k_ELobbyDistanceFilterDefault = 1,
    k_ELobbyDistanceFilterFar = 2,
    k_ELobbyDistanceFilterWorldwide = 3,
};

/* Bits. */
enum {
    k_EChatMemberStateChangeEntered = 1,
    k_EChatMemberStateChangeLeft = 2,
    k_EChatMemberStateChangeDisconnected = 4,
    k_EChatMemberStateChangeKicked = 8,
    k_EChatMemberStateChangeBanned = 16,
};

typedef int EChatEntryType;
enum { k_EChatEntryTypeChatMsg = 1 };

enum { k_nMaxLobbyKeyLength = 255, k_cubChatMetadataMax = 8192, k_cbMaxLobbyChatMsg = 4096 };

typedef int ESteamAPICallFailure;
enum {
    k_ESteamAPICallFailureNone = -1,
    k_ESteamAPICallFailureSteamGone = 0,
    k_ESteamAPICallFailureNetworkFailure = 1,
    k_ESteamAPICallFailureInvalidHandle = 2,
    k_ESteamAPICallFailureMismatchedCallback = 3,
};

enum { k_EFriendFlagImmediate = 4 };

typedef int EPersonaState;
enum {
    k_EPersonaStateOffline = 0,
    k_EPersonaStateOnline = 1,
    k_EPersonaStateBusy = 2,
    k_EPersonaStateAway = 3,
    k_EPersonaStateSnooze = 4,
    k_EPersonaStateLookingToTrade = 5,
    k_EPersonaStateLookingToPlay = 6,
    k_EPersonaStateInvisible = 7,
};

enum {
    k_iCallback_GameLobbyJoinRequested = 333,
    k_iCallback_GameRichPresenceJoinRequested = 337,
    k_iCallback_LobbyInvite = 503,
    k_iCallback_LobbyEnter = 504,
    k_iCallback_LobbyDataUpdate = 505,
    k_iCallback_LobbyChatUpdate = 506,
    k_iCallback_LobbyChatMsg = 507,
    k_iCallback_LobbyMatchList = 510,
    k_iCallback_LobbyKicked = 512,
    k_iCallback_LobbyCreated = 513,
};
/* cdef: end */

#if STEAM_PACKING == 8
#pragma pack(push, 8)
#else
#pragma pack(push, 4)
#endif
/* cdef: begin layout=compiler */
typedef struct GameLobbyJoinRequested_t {
    uint64_t m_steamIDLobby;
    uint64_t m_steamIDFriend;
} GameLobbyJoinRequested_t;

typedef struct GameRichPresenceJoinRequested_t {
    uint64_t m_steamIDFriend;
    char m_rgchConnect[256];
} GameRichPresenceJoinRequested_t;

typedef struct LobbyInvite_t {
    uint64_t m_ulSteamIDUser;
    uint64_t m_ulSteamIDLobby;
    uint64_t m_ulGameID;
} LobbyInvite_t;

typedef struct LobbyEnter_t {
    uint64_t m_ulSteamIDLobby;
    uint32_t m_rgfChatPermissions;
    bool m_bLocked;
    uint32_t m_EChatRoomEnterResponse;
} LobbyEnter_t;

typedef struct LobbyDataUpdate_t {
    uint64_t m_ulSteamIDLobby;
    uint64_t m_ulSteamIDMember;
    uint8_t m_bSuccess;
} LobbyDataUpdate_t;

typedef struct LobbyChatUpdate_t {
    uint64_t m_ulSteamIDLobby;
    uint64_t m_ulSteamIDUserChanged;
    uint64_t m_ulSteamIDMakingChange;
    uint32_t m_rgfChatMemberStateChange;
} LobbyChatUpdate_t;

typedef struct LobbyChatMsg_t {
    uint64_t m_ulSteamIDLobby;
    uint64_t m_ulSteamIDUser;
    uint8_t m_eChatEntryType;
    uint32_t m_iChatID;
} LobbyChatMsg_t;

typedef struct LobbyMatchList_t {
    uint32_t m_nLobbiesMatching;
} LobbyMatchList_t;

typedef struct LobbyKicked_t {
    uint64_t m_ulSteamIDLobby;
    uint64_t m_ulSteamIDAdmin;
    uint8_t m_bKickedDueToDisconnect;
} LobbyKicked_t;

typedef struct LobbyCreated_t {
    EResult m_eResult;
    uint64_t m_ulSteamIDLobby;
} LobbyCreated_t;

typedef struct FriendGameInfo_t {
    uint64_t m_gameID;
    uint32_t m_unGameIP;
    uint16_t m_usGamePort;
    uint16_t m_usQueryPort;
    uint64_t m_steamIDLobby;
} FriendGameInfo_t;
/* cdef: end */
#pragma pack(pop)

#endif
