/* Config values: types, bounds, conversions and inheritance, as Valve's engine has them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loopback.h"

enum { NO, YES, DEV };
enum { GLOBAL = k_ESteamNetworkingConfig_Global, CONNECTION = k_ESteamNetworkingConfig_Connection };
enum {
    INT32 = k_ESteamNetworkingConfig_Int32,
    INT64 = k_ESteamNetworkingConfig_Int64,
    FLOAT = k_ESteamNetworkingConfig_Float,
    STRING = k_ESteamNetworkingConfig_String,
    PTR = k_ESteamNetworkingConfig_Ptr,
};

static const struct {
    ESteamNetworkingConfigValue value;
    const char *name;
    int type, scope, listed;
    int64_t least, most;
} keys[] = {
#define KEY(name, type, scope, initial, least, most, listed)                                       \
    {k_ESteamNetworkingConfig_##name, #name, type, scope, listed, least, most},
#include "config.def"
#undef KEY
};

static char empty[] = "";
#define INITIAL_INT32(initial) .int32 = initial
#define INITIAL_INT64(initial) .int64 = initial
#define INITIAL_FLOAT(initial) .real = initial
#define INITIAL_STRING(initial) .string = empty
#define INITIAL_PTR(initial) .pointer = NULL
static const lo_value initial_values[] = {
#define KEY(name, type, scope, initial, least, most, listed) {INITIAL_##type(initial)},
#include "config.def"
#undef KEY
};

static int find(ESteamNetworkingConfigValue value)
{
    for (int key = 0; key < LO_KEYS; key++)
        if (keys[key].value == value)
            return key;
    return -1;
}

static bool is_set(const lo_scope *scope, int key) { return scope->set >> key & 1; }

const lo_value *lo_config(const lo_scope *scope, int key)
{
    for (; scope != NULL; scope = scope->parent)
        if (is_set(scope, key))
            return &scope->values[key];
    return &initial_values[key];
}

static void unset(lo_scope *scope, int key)
{
    if (is_set(scope, key) && keys[key].type == STRING)
        lo_free(scope->values[key].string);
    scope->set &= ~(UINT64_C(1) << key);
}

void lo_config_set(lo_scope *scope, int key, lo_value value)
{
    unset(scope, key);
    scope->values[key] = value;
    scope->set |= UINT64_C(1) << key;
}

void lo_config_free(lo_scope *scope)
{
    for (int key = 0; key < LO_KEYS; key++)
        unset(scope, key);
}

/* --- setting -------------------------------------------------------------------------------- */

static bool put_string(lo_scope *scope, int key, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = lo_alloc(size);
    if (copy != NULL)
        lo_config_set(scope, key, (lo_value){.string = memcpy(copy, text, size)});
    return copy != NULL;
}

static int64_t within(double number, int64_t least, int64_t most)
{
    if (!(number < (double)most)) /* also what is no number */
        return most;
    return number <= (double)least ? least : (int64_t)(number + (number < 0 ? -0.5 : 0.5));
}

/* Numbers and text become one another as needed; pointers are only pointers. */
static bool set(lo_scope *scope, int key, int type, const void *argument)
{
    int64_t integer = 0, least = keys[key].least, most = keys[key].most;
    double number = 0;
    char text[40], *end;
    lo_value value = {0};
    switch (type) {
    case INT32: {
        int32_t narrow;
        memcpy(&narrow, argument, sizeof narrow);
        number = (double)(integer = narrow);
        break;
    }
    case INT64:
        memcpy(&integer, argument, sizeof integer);
        number = (double)integer;
        break;
    case FLOAT: {
        float real;
        memcpy(&real, argument, sizeof real);
        number = real;
        integer = within(number, least, most);
        break;
    }
    case STRING:
        if (keys[key].type == STRING)
            return put_string(scope, key, argument);
        number = strtod(argument, &end);
        if (end == (const char *)argument || *end != '\0')
            return false;
        integer = strchr(argument, '.') != NULL ? within(number, least, most)
                                                : strtoll(argument, NULL, 10);
        break;
    case PTR:
        if (keys[key].type != PTR)
            return false;
        memcpy(&value.pointer, argument, sizeof value.pointer);
        lo_config_set(scope, key, value);
        return true;
    default:
        return false;
    }
    integer = integer < least ? least : integer > most ? most : integer;
    switch (keys[key].type) {
    case INT32:
        value.int32 = (int32_t)integer;
        break;
    case INT64:
        value.int64 = integer;
        break;
    case FLOAT:
        value.real = (float)(!(number < (double)most)  ? (double)most
                             : number <= (double)least ? (double)least
                                                       : number);
        break;
    case STRING:
        if (type == FLOAT)
            snprintf(text, sizeof text, "%g", number);
        else
            snprintf(text, sizeof text, "%lld", (long long)integer);
        return put_string(scope, key, text);
    default:
        return false;
    }
    lo_config_set(scope, key, value);
    return true;
}

bool lo_config_options(lo_scope *scope, int count, const SteamNetworkingConfigValue_t *options)
{
    if (count < 0 || (count > 0 && options == NULL))
        return false;
    for (int i = 0; i < count; i++) {
        const SteamNetworkingConfigValue_t *option = &options[i];
        const void *argument = &option->m_val;
        int key = find(option->m_eValue);
        if (option->m_eDataType == STRING)
            argument = option->m_val.m_string;
        if (key < 0 || keys[key].scope == GLOBAL || argument == NULL ||
            !set(scope, key, option->m_eDataType, argument))
            return false;
    }
    return true;
}

static lo_scope *scope_of(lo_user *user, ESteamNetworkingConfigScope type, intptr_t object)
{
    lo_listener *listener;
    lo_connection *connection;
    switch (type) {
    case k_ESteamNetworkingConfig_Global:
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
    return type == k_ESteamNetworkingConfig_Global || keys[key].scope != GLOBAL;
}

bool lo_SetConfigValue(ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue,
                       ESteamNetworkingConfigScope eScopeType, intptr_t scopeObj,
                       ESteamNetworkingConfigDataType eDataType, const void *pArg)
{
    lo_user *user = (lo_user *)self;
    int key = find(eValue);
    lo_scope *scope;
    bool done = false;
    if (key < 0 || !fits(key, eScopeType))
        return false;
    lo_enter();
    scope = scope_of(user, eScopeType, scopeObj);
    if (scope != NULL && eScopeType == k_ESteamNetworkingConfig_Connection &&
        (key == LO_SymmetricConnect || key == LO_Unencrypted || key == LO_LocalVirtualPort)) {
        scope = NULL; /* settled when it connected */
    }
    if (scope != NULL && pArg == NULL) {
        unset(scope, key);
        done = true;
    } else if (scope != NULL) {
        done = set(scope, key, eDataType, pArg);
    }
    if (done && keys[key].scope == GLOBAL)
        lo_sky_changed(user);
    lo_leave();
    return done;
}

/* --- asking --------------------------------------------------------------------------------- */

ESteamNetworkingGetConfigValueResult
lo_GetConfigValue(ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue,
                  ESteamNetworkingConfigScope eScopeType, intptr_t scopeObj,
                  ESteamNetworkingConfigDataType *pOutDataType, void *pResult, size_t *cbResult)
{
    /* What fits into a datagram follows from its size; Valve's engine tells no type for it. */
    bool data_size = eValue == k_ESteamNetworkingConfig_MTU_DataSize;
    int key = data_size ? LO_MTU_PacketSize : find(eValue);
    ESteamNetworkingGetConfigValueResult result = k_ESteamNetworkingGetConfigValue_BadScopeObj;
    lo_scope *scope;
    if (key < 0)
        return k_ESteamNetworkingGetConfigValue_BadValue;
    lo_enter();
    scope = fits(key, eScopeType) ? scope_of((lo_user *)self, eScopeType, scopeObj) : NULL;
    if (scope != NULL) {
        lo_value value = *lo_config(scope, key);
        int type = keys[key].type;
        const void *from = type == STRING ? (const void *)value.string : &value;
        size_t room = cbResult != NULL ? *cbResult : 0;
        size_t size = type == STRING  ? strlen(value.string) + 1
                      : type == INT64 ? sizeof value.int64
                      : type == PTR   ? sizeof value.pointer
                                      : sizeof value.int32;
        if (data_size)
            value.int32 -= 100;
        if (pOutDataType != NULL)
            *pOutDataType = data_size ? 0 : keys[key].type;
        if (cbResult != NULL)
            *cbResult = size;
        result = k_ESteamNetworkingGetConfigValue_BufferTooSmall;
        if (pResult != NULL && room >= size) {
            bool own = is_set(scope, key) || eScopeType == k_ESteamNetworkingConfig_Global;
            memcpy(pResult, from, size);
            result = own ? k_ESteamNetworkingGetConfigValue_OK
                         : k_ESteamNetworkingGetConfigValue_OKInherited;
        }
    }
    lo_leave();
    return result;
}

const char *lo_GetConfigValueInfo(ISteamNetworkingUtils *self, ESteamNetworkingConfigValue eValue,
                                  ESteamNetworkingConfigDataType *pOutDataType,
                                  ESteamNetworkingConfigScope *pOutScope)
{
    int key = find(eValue);
    (void)self;
    if (key < 0)
        return NULL;
    if (pOutDataType != NULL)
        *pOutDataType = keys[key].type;
    if (pOutScope != NULL)
        *pOutScope = keys[key].scope;
    return keys[key].name;
}

ESteamNetworkingConfigValue
lo_IterateGenericEditableConfigValues(ISteamNetworkingUtils *self,
                                      ESteamNetworkingConfigValue eCurrent, bool bEnumerateDevVars)
{
    (void)self;
    for (int key = 0; key < LO_KEYS; key++)
        if (keys[key].value > eCurrent &&
            (keys[key].listed == YES || (keys[key].listed == DEV && bEnumerateDevVars)))
            return keys[key].value;
    return k_ESteamNetworkingConfig_Invalid;
}

/* --- callbacks are config values ------------------------------------------------------------ */

static bool set_callback(ISteamNetworkingUtils *self, int key, void (*function)(void))
{
    void *pointer;
    memcpy(&pointer, &function, sizeof pointer);
    return lo_SetConfigValue(self, keys[key].value, GLOBAL, 0, PTR, &pointer);
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
