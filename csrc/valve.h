/* Valve's handles and structs, in Valve's spelling: the ABI that every engine shares.
 *
 * build_ffi.py hands the text between "cdef: begin" and "cdef: end" to cffi, so
 * the compiler and Python read the same declarations; layout.c holds them to the
 * sizes and offsets measured on Valve's own libraries.
 */
#ifndef STEAMNET_VALVE_H
#define STEAMNET_VALVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "valve_constants.h"

/* cdef: begin */
typedef uint32_t HSteamNetConnection;
typedef uint32_t HSteamListenSocket;
typedef uint32_t HSteamNetPollGroup;
typedef uint32_t SteamNetworkingPOPID;
typedef int64_t SteamNetworkingMicroseconds;
typedef uint64_t SteamAPICall_t;
typedef int32_t HSteamPipe;
typedef int32_t HSteamUser;

typedef struct ISteamNetworkingSockets ISteamNetworkingSockets;
typedef struct ISteamNetworkingUtils ISteamNetworkingUtils;
typedef struct ISteamNetworkingMessages ISteamNetworkingMessages;
typedef struct ISteamNetworkingFakeUDPPort ISteamNetworkingFakeUDPPort;
typedef struct ISteamNetworkingConnectionSignaling ISteamNetworkingConnectionSignaling;
typedef struct ISteamNetworkingSignalingRecvContext ISteamNetworkingSignalingRecvContext;
typedef struct SteamDatagramRelayAuthTicket SteamDatagramRelayAuthTicket;
typedef struct SteamNetworkingMessage_t SteamNetworkingMessage_t;
/* cdef: end */

#pragma pack(push, 1)
/* cdef: begin pack=1 */
typedef struct SteamNetworkingIPAddr {
    uint8_t m_ipv6[16];
    uint16_t m_port;
} SteamNetworkingIPAddr;

/* Only the first m_cbSize bytes of the union count when identities are compared. */
typedef struct SteamNetworkingIdentity {
    ESteamNetworkingIdentityType m_eType;
    int m_cbSize;
    union {
        uint64_t m_steamID64;
        char m_szGenericString[32];
        char m_szXboxPairwiseID[33];
        uint8_t m_genericBytes[32];
        char m_szUnknownRawString[128];
        SteamNetworkingIPAddr m_ip;
        uint32_t m_reserved[32];
    };
} SteamNetworkingIdentity;
/* cdef: end */
#pragma pack(pop)

/* cdef: begin */
typedef struct SteamNetConnectionInfo_t {
    SteamNetworkingIdentity m_identityRemote;
    int64_t m_nUserData;
    HSteamListenSocket m_hListenSocket;
    SteamNetworkingIPAddr m_addrRemote;
    uint16_t m__pad1;
    SteamNetworkingPOPID m_idPOPRemote;
    SteamNetworkingPOPID m_idPOPRelay;
    ESteamNetworkingConnectionState m_eState;
    int m_eEndReason;
    char m_szEndDebug[128];
    char m_szConnectionDescription[128];
    int m_nFlags;
    uint32_t reserved[63];
} SteamNetConnectionInfo_t;

typedef struct SteamNetConnectionRealTimeStatus_t {
    ESteamNetworkingConnectionState m_eState;
    int m_nPing;
    float m_flConnectionQualityLocal;
    float m_flConnectionQualityRemote;
    float m_flOutPacketsPerSec;
    float m_flOutBytesPerSec;
    float m_flInPacketsPerSec;
    float m_flInBytesPerSec;
    int m_nSendRateBytesPerSecond;
    int m_cbPendingUnreliable;
    int m_cbPendingReliable;
    int m_cbSentUnackedReliable;
    SteamNetworkingMicroseconds m_usecQueueTime;
    int m_usecMaxJitter;
    uint32_t reserved[15];
} SteamNetConnectionRealTimeStatus_t;

typedef struct SteamNetConnectionRealTimeLaneStatus_t {
    int m_cbPendingUnreliable;
    int m_cbPendingReliable;
    int m_cbSentUnackedReliable;
    int _reservePad1;
    SteamNetworkingMicroseconds m_usecQueueTime;
    uint32_t reserved[10];
} SteamNetConnectionRealTimeLaneStatus_t;

typedef struct SteamNetworkPingLocation_t {
    uint8_t m_data[512];
} SteamNetworkPingLocation_t;

typedef struct SteamNetworkingConfigValue_t {
    ESteamNetworkingConfigValue m_eValue;
    ESteamNetworkingConfigDataType m_eDataType;
    union {
        int32_t m_int32;
        int64_t m_int64;
        float m_float;
        const char *m_string;
        void *m_ptr;
    } m_val;
} SteamNetworkingConfigValue_t;

typedef struct SteamNetAuthenticationStatus_t {
    ESteamNetworkingAvailability m_eAvail;
    char m_debugMsg[256];
} SteamNetAuthenticationStatus_t;

typedef struct SteamRelayNetworkStatus_t {
    ESteamNetworkingAvailability m_eAvail;
    int m_bPingMeasurementInProgress;
    ESteamNetworkingAvailability m_eAvailNetworkConfig;
    ESteamNetworkingAvailability m_eAvailAnyRelay;
    char m_debugMsg[256];
} SteamRelayNetworkStatus_t;

typedef struct SteamNetworkingFakeIPResult_t {
    EResult m_eResult;
    SteamNetworkingIdentity m_identity;
    uint32_t m_unIP;
    uint16_t m_unPorts[8];
} SteamNetworkingFakeIPResult_t;

typedef struct SteamDatagramHostedAddress {
    int m_cbSize;
    char m_data[128];
} SteamDatagramHostedAddress;
/* cdef: end */

/* Below: what only C sees. Two structs follow Steam's packing, 4 bytes everywhere but on Windows. */
#ifdef _WIN32
#define STEAM_PACKING 8
#pragma pack(push, 8)
#else
#define STEAM_PACKING 4
#pragma pack(push, 4)
#endif
typedef struct SteamNetConnectionStatusChangedCallback_t {
    HSteamNetConnection m_hConn;
    SteamNetConnectionInfo_t m_info;
    ESteamNetworkingConnectionState m_eOldState;
} SteamNetConnectionStatusChangedCallback_t;

typedef struct CallbackMsg_t {
    HSteamUser m_hSteamUser;
    int m_iCallback;
    uint8_t *m_pubParam;
    int m_cubParam;
} CallbackMsg_t;
#pragma pack(pop)

typedef struct SteamNetworkingMessagesSessionRequest_t {
    SteamNetworkingIdentity m_identityRemote;
} SteamNetworkingMessagesSessionRequest_t;

#pragma pack(push, 1)
typedef struct SteamNetworkingMessagesSessionFailed_t {
    SteamNetConnectionInfo_t m_info;
} SteamNetworkingMessagesSessionFailed_t;
#pragma pack(pop)

struct SteamNetworkingMessage_t {
    void *m_pData;
    int m_cbSize;
    HSteamNetConnection m_conn;
    SteamNetworkingIdentity m_identityPeer;
    int64_t m_nConnUserData;
    SteamNetworkingMicroseconds m_usecTimeReceived;
    int64_t m_nMessageNumber;
    void (*m_pfnFreeData)(SteamNetworkingMessage_t *message);
    void (*m_pfnRelease)(SteamNetworkingMessage_t *message);
    int m_nChannel;
    int m_nFlags;
    int64_t m_nUserData;
    uint16_t m_idxLane;
    uint16_t _pad1__;
};

typedef void (*FnSteamNetConnectionStatusChanged)(SteamNetConnectionStatusChangedCallback_t *);
typedef void (*FnSteamNetAuthenticationStatusChanged)(SteamNetAuthenticationStatus_t *);
typedef void (*FnSteamRelayNetworkStatusChanged)(SteamRelayNetworkStatus_t *);
typedef void (*FnSteamNetworkingMessagesSessionRequest)(SteamNetworkingMessagesSessionRequest_t *);
typedef void (*FnSteamNetworkingMessagesSessionFailed)(SteamNetworkingMessagesSessionFailed_t *);
typedef void (*FnSteamNetworkingFakeIPResult)(SteamNetworkingFakeIPResult_t *);
typedef void (*FSteamNetworkingSocketsDebugOutput)(ESteamNetworkingSocketsDebugOutputType nType,
                                                   const char *pszMsg);
typedef ISteamNetworkingConnectionSignaling *(*FnSteamNetworkingSocketsCreateConnectionSignaling)(
    ISteamNetworkingSockets *pLocalInterface, const SteamNetworkingIdentity *identityPeer,
    int nLocalVirtualPort, int nRemoteVirtualPort);

#endif
