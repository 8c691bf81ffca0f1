/* The flat functions of ISteamNetworkingUtils. */
#include "api.h"

#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "engine_loop.h"
#include "handshake.h"
#include "network_sim.h"
#include "transport.h"

enum {
    GLOBAL = k_ESteamNetworkingConfig_Global,
    INT64 = k_ESteamNetworkingConfig_Int64,
    STRING = k_ESteamNetworkingConfig_String,
    PTR = k_ESteamNetworkingConfig_Ptr,
};

/* --- config values ------------------------------------------------------------------------- */

static lo_scope *scope_of(lo_user *user, ESteamNetworkingConfigScope type, intptr_t object)
{
    lo_listener *listener;
    lo_connection *connection;
    switch (type) {
    case GLOBAL:
        return &user->global;
    case k_ESteamNetworkingConfig_SocketsInterface:
        return object == (intptr_t)user ? &user->local : NULL;
    case k_ESteamNetworkingConfig_ListenSocket:
        listener = lo_find_listener(user, (HSteamListenSocket)object);
        return listener != NULL ? &listener->scope : NULL;
    case k_ESteamNetworkingConfig_Connection:
        connection = lo_find_connection(user, (HSteamNetConnection)object);
        return connection != NULL ? &connection->scope : NULL;
    default:
        return NULL;
    }
}

static bool fits(int key, ESteamNetworkingConfigScope type)
{
    return type == GLOBAL || lo_config_keys[key].scope != GLOBAL;
}

bool lo_SetConfigValue(ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue,
                       ESteamNetworkingConfigScope eScopeType, intptr_t scopeObj,
                       ESteamNetworkingConfigDataType eDataType, const void *pArg)
{
    lo_user *user = (lo_user *)self;
    int key = lo_config_find(eValue);
    lo_scope *scope;
    bool done;
    if (key < 0 || !fits(key, eScopeType))
        return false;
    lo_api_begin(self);
    scope = scope_of(user, eScopeType, scopeObj);
    if (eScopeType == k_ESteamNetworkingConfig_Connection &&
        (key == LO_SymmetricConnect || key == LO_Unencrypted || key == LO_LocalVirtualPort))
        scope = NULL; /* fixed when it connects */
    if (scope != NULL && pArg == NULL)
        lo_config_unset(scope, key);
    done = scope != NULL && (pArg == NULL || lo_config_assign(scope, key, eDataType, pArg));
    if (done && lo_config_keys[key].scope == GLOBAL)
        lo_conditions_changed(user);
    for (lo_connection *one = done ? user->connections.first : NULL; one != NULL; one = one->listed.after)
        if (scope == &one->scope || eScopeType != k_ESteamNetworkingConfig_Connection)
            lo_settings_reload(one);
    lo_api_end();
    return done;
}

ESteamNetworkingGetConfigValueResult
lo_GetConfigValue(ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue,
                  ESteamNetworkingConfigScope eScopeType, intptr_t scopeObj,
                  ESteamNetworkingConfigDataType *pOutDataType, void *pResult, size_t *cbResult)
{
    /* What fits into a datagram follows from its size; Valve's engine tells no type for it. */
    bool data_size = eValue == k_ESteamNetworkingConfig_MTU_DataSize;
    int key = data_size ? LO_MTU_PacketSize : lo_config_find(eValue);
    ESteamNetworkingGetConfigValueResult result = k_ESteamNetworkingGetConfigValue_BadScopeObj;
    lo_scope *scope;
    if (key < 0)
        return k_ESteamNetworkingGetConfigValue_BadValue;
    lo_api_begin(self);
    scope = fits(key, eScopeType) ? scope_of((lo_user *)self, eScopeType, scopeObj) : NULL;
    if (scope != NULL) {
        lo_value value = *lo_config(scope, key);
        int type = lo_config_keys[key].type;
        const void *from = type == STRING ? (const void *)value.string : &value;
        size_t room = cbResult != NULL ? *cbResult : 0;
        size_t size = type == STRING  ? strlen(value.string) + 1
                      : type == INT64 ? sizeof value.int64
                      : type == PTR   ? sizeof value.pointer
                                      : sizeof value.int32;
        if (data_size)
            value.int32 -= 100;
        if (pOutDataType != NULL)
            *pOutDataType = data_size ? 0 : lo_config_keys[key].type;
        if (cbResult != NULL)
            *cbResult = size;
        result = k_ESteamNetworkingGetConfigValue_BufferTooSmall;
        if (pResult != NULL && room >= size) {
            bool own = lo_config_is_set(scope, key) || eScopeType == GLOBAL;
            memcpy(pResult, from, size);
            result = own ? k_ESteamNetworkingGetConfigValue_OK
                         : k_ESteamNetworkingGetConfigValue_OKInherited;
        }
    }
    lo_api_end();
    return result;
}

const char *lo_GetConfigValueInfo(ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue,
                                  ESteamNetworkingConfigDataType *pOutDataType,
                                  ESteamNetworkingConfigScope *pOutScope)
{
    int key = lo_config_find(eValue);
    (void)self;
    if (key < 0)
        return NULL;
    if (pOutDataType != NULL)
        *pOutDataType = lo_config_keys[key].type;
    if (pOutScope != NULL)
        *pOutScope = lo_config_keys[key].scope;
    return lo_config_keys[key].name;
}

ESteamNetworkingConfigValue
lo_IterateGenericEditableConfigValues(ISteamNetworkingUtils *self,
                                      ESteamNetworkingConfigValue eCurrent, bool bEnumerateDevVars)
{
    (void)self;
    for (int key = 0; key < LO_KEYS; key++)
        if (lo_config_keys[key].value > eCurrent &&
            (lo_config_keys[key].listed == LO_LISTED_YES ||
             (lo_config_keys[key].listed == LO_LISTED_DEV && bEnumerateDevVars)))
            return lo_config_keys[key].value;
    return k_ESteamNetworkingConfig_Invalid;
}

/* --- callbacks are config values ----------------------------------------------------------- */

static bool set_callback(ISteamNetworkingUtils *self, int key, void (*function)(void))
{
    void *pointer;
    memcpy(&pointer, &function, sizeof pointer);
    return lo_SetConfigValue(self, lo_config_keys[key].value, GLOBAL, 0, PTR, &pointer);
}

#define CALLBACK(event, function, key)                                                             \
    bool lo_SetGlobalCallback_##event(ISteamNetworkingUtils *self, function fnCallback)            \
    {                                                                                              \
        return set_callback(self, LO_Callback_##key, (void (*)(void))fnCallback);                  \
    }
CALLBACK(SteamNetConnectionStatusChanged, FnSteamNetConnectionStatusChanged,
         ConnectionStatusChanged)
CALLBACK(SteamNetAuthenticationStatusChanged, FnSteamNetAuthenticationStatusChanged,
         AuthStatusChanged)
CALLBACK(MessagesSessionRequest, FnSteamNetworkingMessagesSessionRequest, MessagesSessionRequest)
CALLBACK(MessagesSessionFailed, FnSteamNetworkingMessagesSessionFailed, MessagesSessionFailed)

/* --- the rest ------------------------------------------------------------------------------ */

/* Lines go to the engine's queue at once; the function, which would put them there, is not called. */
void lo_SetDebugOutputFunction(ISteamNetworkingUtils *self,
                               ESteamNetworkingSocketsDebugOutputType eDetailLevel,
                               FSteamNetworkingSocketsDebugOutput pfnFunc)
{
    lo_user *user = (lo_user *)self;
    lo_api_begin(self);
    user->debug_level = pfnFunc != NULL ? eDetailLevel : k_ESteamNetworkingSocketsDebugOutputType_None;
    lo_api_end();
}

SteamNetworkingMicroseconds lo_GetLocalTimestamp(ISteamNetworkingUtils *self)
{
    const sn_clock *clock = ((const lo_user *)self)->clock;
    return lo_timestamp(clock, lo_clock_time(clock));
}

SteamNetworkingMessage_t *lo_AllocateMessage(ISteamNetworkingUtils *self, int cbAllocateBuffer)
{
    lo_packet *packet;
    (void)self;
    if (cbAllocateBuffer < 0)
        return NULL;
    packet = lo_packet_new(LO_DATA, (size_t)cbAllocateBuffer);
    return packet != NULL ? &packet->message : NULL;
}
