/* Fuzzes config values of the loopback engine: every key, scope and type, set, asked and unset. */
#include <string.h>

#include "machine.h"

static sn_engine *engine;
static intptr_t objects[8];

static void get(input *from, ESteamNetworkingConfigValue key, ESteamNetworkingConfigScope scope,
                intptr_t object)
{
    unsigned char result[64];
    size_t room = (size_t)take(from, 1) % (sizeof result + 1), size = room;
    ESteamNetworkingConfigDataType type;
    ESteamNetworkingGetConfigValueResult answer =
        engine->flat.ISteamNetworkingUtils_GetConfigValue(engine->utils, key, scope, object, &type,
                                                          result, &size);
    if (answer > 0)
        HOLDS(size <= room);
    if (answer == k_ESteamNetworkingGetConfigValue_BufferTooSmall)
        HOLDS(size > room);
}

static void set(input *from, ESteamNetworkingConfigValue key, ESteamNetworkingConfigScope scope,
                intptr_t object)
{
    ESteamNetworkingConfigDataType type = (ESteamNetworkingConfigDataType)(take(from, 1) % 7);
    input some = take_some(from, 200);
    char value[208] = {0};
    int32_t exact;
    size_t size = sizeof exact;
    bool done;
    memcpy(value, some.bytes, some.size);
    if (type == k_ESteamNetworkingConfig_Ptr)
        memset(value, 0, sizeof value); /* only a valid pointer is a callback */
    done = engine->flat.ISteamNetworkingUtils_SetConfigValue(engine->utils, key, scope, object, type, value);
    if (done && type == k_ESteamNetworkingConfig_Int32 &&
        engine->flat.ISteamNetworkingUtils_GetConfigValue(engine->utils, key, scope, object, &type, &exact,
                                                          &size) > 0 &&
        type == k_ESteamNetworkingConfig_Int32 && key == k_ESteamNetworkingConfig_TimeoutInitial) {
        int32_t asked;
        memcpy(&asked, value, sizeof asked);
        HOLDS(exact == (asked < 0 ? 0 : asked));
    }
}

static void connect_with(input *from)
{
    SteamNetworkingConfigValue_t options[4];
    SteamNetworkingIdentity to;
    HSteamNetConnection connection;
    char texts[4][32];
    int count = (int)(take(from, 1) % 5);
    memset(options, 0, sizeof options);
    for (int i = 0; i < count; i++) {
        input some = take_some(from, sizeof texts[i] - 1);
        options[i].m_eValue = (ESteamNetworkingConfigValue)(take(from, 1) % 220);
        options[i].m_eDataType = (ESteamNetworkingConfigDataType)(take(from, 1) % 7);
        options[i].m_val.m_int64 = (int64_t)take(from, 8);
        memset(texts[i], 0, sizeof texts[i]);
        memcpy(texts[i], some.bytes, some.size);
        if (options[i].m_eDataType == k_ESteamNetworkingConfig_String)
            options[i].m_val.m_string = some.size % 8 == 7 ? NULL : texts[i];
        if (options[i].m_eDataType == k_ESteamNetworkingConfig_Ptr)
            options[i].m_val.m_ptr = NULL;
    }
    HOLDS(sn_identity_parse(&to, "str:elsewhere"));
    connection = engine->flat.ISteamNetworkingSockets_ConnectP2P(engine->sockets, &to, 1, count, options);
    if (connection != 0)
        HOLDS(engine->flat.ISteamNetworkingSockets_CloseConnection(engine->sockets, connection, 0, NULL, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input from = {data, size};
    HSteamNetConnection pair[2];
    sn_loopback_after_fork();
    machine_reset();
    engine = machine_user("str:host");
    HOLDS(engine->flat.ISteamNetworkingSockets_CreateSocketPair(engine->sockets, &pair[0], &pair[1], true,
                                                                NULL, NULL));
    objects[0] = 0;
    objects[1] = pair[0];
    objects[2] = pair[1];
    objects[3] = (intptr_t)engine->flat.ISteamNetworkingSockets_CreateListenSocketP2P(engine->sockets, 1, 0, NULL);
    objects[4] = sn_sockets_object(engine);
    objects[5] = -1;
    while (from.size > 0) {
        int operation = (int)take(&from, 1);
        ESteamNetworkingConfigValue key = (ESteamNetworkingConfigValue)(take(&from, 1) % 220);
        uint64_t where = take(&from, 1);
        ESteamNetworkingConfigScope scope = (ESteamNetworkingConfigScope)(where % 6);
        intptr_t object = objects[where / 6 % 6];
        switch (operation % 8) {
        case 0:
            get(&from, key, scope, object);
            break;
        case 1:
            engine->flat.ISteamNetworkingUtils_SetConfigValue(engine->utils, key, scope, object,
                                                              k_ESteamNetworkingConfig_Int32, NULL);
            break;
        case 2:
            connect_with(&from);
            break;
        case 3: /* whatever is set, the engine lives with it */
            engine->flat.ISteamNetworkingSockets_SendMessageToConnection(
                engine->sockets, pair[operation / 8 % 2], "some bytes", 10, operation / 16, NULL);
            machine_wait((int64_t)take(&from, 2) * 16);
            sn_pump(engine);
            break;
        case 4: {
            ESteamNetworkingConfigDataType type;
            ESteamNetworkingConfigScope scope_of;
            engine->flat.ISteamNetworkingUtils_GetConfigValueInfo(engine->utils, key, &type, &scope_of);
            engine->flat.ISteamNetworkingUtils_IterateGenericEditableConfigValues(engine->utils, key, true);
            break;
        }
        default:
            set(&from, key, scope, object);
        }
    }
    sn_stop(engine);
    sn_release(engine);
    HOLDS(machine_open() == 0);
    return 0;
}
