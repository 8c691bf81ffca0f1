/* Config values: what each key is, and the scopes that inherit from one another. */
#ifndef STEAMNET_LOOPBACK_CONFIG_H
#define STEAMNET_LOOPBACK_CONFIG_H

#include "../valve.h"

enum {
#define KEY(name, type, scope, initial, least, most, listed) LO_##name,
#include "config.def"
#undef KEY
    LO_KEYS
};
/* How the generic enumeration shows a key. */
enum { LO_LISTED_NO, LO_LISTED_YES, LO_LISTED_DEV };
_Static_assert(LO_KEYS <= 64, "a scope marks what is set in 64 bits");

typedef union lo_value {
    int32_t int32;
    int64_t int64;
    float real;
    char *string;
    void *pointer;
} lo_value;

typedef struct lo_config_key {
    ESteamNetworkingConfigValue value;
    const char *name;
    int type, scope, listed;
    int64_t least, most;
} lo_config_key;
extern const lo_config_key lo_config_keys[];

/* One object's own values; the rest comes from its parent, at last from the defaults. */
typedef struct lo_scope {
    uint64_t set;
    const struct lo_scope *parent;
    lo_value values[LO_KEYS];
} lo_scope;

/* The key of a value, -1 if there is none. */
int lo_config_find(ESteamNetworkingConfigValue value);
bool lo_config_is_set(const lo_scope *scope, int key);
void lo_config_unset(lo_scope *scope, int key);
/* Converts and clamps; false if that cannot be. */
bool lo_config_assign(lo_scope *scope, int key, int type, const void *argument);
const lo_value *lo_config(const lo_scope *scope, int key);
/* Takes over a string. */
void lo_config_set(lo_scope *scope, int key, lo_value value);
/* Applies a list of options to an object under construction; false if one is not acceptable. */
bool lo_config_options(lo_scope *scope, int count, const SteamNetworkingConfigValue_t *options);
void lo_config_free(lo_scope *scope);

#endif
