/* Config values: types, bounds, conversions and inheritance, as Valve's engine has them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum { GLOBAL = k_ESteamNetworkingConfig_Global, CONNECTION = k_ESteamNetworkingConfig_Connection };
enum {
    INT32 = k_ESteamNetworkingConfig_Int32,
    INT64 = k_ESteamNetworkingConfig_Int64,
    FLOAT = k_ESteamNetworkingConfig_Float,
    STRING = k_ESteamNetworkingConfig_String,
    PTR = k_ESteamNetworkingConfig_Ptr,
};

const lo_config_key lo_config_keys[] = {
#define KEY(name, type, scope, initial, least, most, listed)                                       \
    {k_ESteamNetworkingConfig_##name, #name, type, scope, LO_LISTED_##listed, least, most},
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

int lo_config_find(ESteamNetworkingConfigValue value)
{
    for (int key = 0; key < LO_KEYS; key++)
        if (lo_config_keys[key].value == value)
            return key;
    return -1;
}

bool lo_config_is_set(const lo_scope *scope, int key) { return scope->set >> key & 1; }

const lo_value *lo_config(const lo_scope *scope, int key)
{
    for (; scope != NULL; scope = scope->parent)
        if (lo_config_is_set(scope, key))
            return &scope->values[key];
    return &initial_values[key];
}

void lo_config_unset(lo_scope *scope, int key)
{
    if (lo_config_is_set(scope, key) && lo_config_keys[key].type == STRING)
        lo_free(scope->values[key].string);
    scope->set &= ~(UINT64_C(1) << key);
}

void lo_config_set(lo_scope *scope, int key, lo_value value)
{
    lo_config_unset(scope, key);
    scope->values[key] = value;
    scope->set |= UINT64_C(1) << key;
}

void lo_config_free(lo_scope *scope)
{
    for (int key = 0; key < LO_KEYS; key++)
        lo_config_unset(scope, key);
}

/* --- setting ------------------------------------------------------------------------------- */

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
    if (!(number < (double)most)) /* NaN too */
        return most;
    return number <= (double)least ? least : (int64_t)(number + (number < 0 ? -0.5 : 0.5));
}

/* Numbers and text are converted as needed, pointers are not. */
bool lo_config_assign(lo_scope *scope, int key, int type, const void *argument)
{
    int64_t integer = 0, least = lo_config_keys[key].least, most = lo_config_keys[key].most;
    double number = 0;
    char text[40], *end;
    lo_value value = {0};
    switch (type) {
    case INT32:
        memcpy(&value.int32, argument, sizeof value.int32);
        number = (double)(integer = value.int32);
        break;
    case INT64:
        memcpy(&integer, argument, sizeof integer);
        number = (double)integer;
        break;
    case FLOAT:
        memcpy(&value.real, argument, sizeof value.real);
        number = value.real;
        integer = within(number, least, most);
        break;
    case STRING:
        if (lo_config_keys[key].type == STRING)
            return put_string(scope, key, argument);
        number = strtod(argument, &end);
        if (end == (const char *)argument || *end != '\0')
            return false;
        integer = strchr(argument, '.') != NULL ? within(number, least, most)
                                                : strtoll(argument, NULL, 10);
        break;
    case PTR:
        if (lo_config_keys[key].type != PTR)
            return false;
        memcpy(&value.pointer, argument, sizeof value.pointer);
        lo_config_set(scope, key, value);
        return true;
    default:
        return false;
    }
    integer = integer < least ? least : integer > most ? most : integer;
    switch (lo_config_keys[key].type) {
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
        int key = lo_config_find(option->m_eValue);
        if (option->m_eDataType == STRING)
            argument = option->m_val.m_string;
        if (key < 0 || lo_config_keys[key].scope == GLOBAL || argument == NULL ||
            !lo_config_assign(scope, key, option->m_eDataType, argument))
            return false;
    }
    return true;
}
