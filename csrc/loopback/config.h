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
_Static_assert(LO_KEYS <= 64, "a scope marks what is set in 64 bits");

typedef union lo_value {
    int32_t int32;
    int64_t int64;
    float real;
    char *string;
    void *pointer;
} lo_value;

/* One object's own values; the rest comes from its parent, at last from the defaults. */
typedef struct lo_scope {
    uint64_t set;
    const struct lo_scope *parent;
    lo_value values[LO_KEYS];
} lo_scope;

const lo_value *lo_config(const lo_scope *scope, int key);
/* Takes over a string. */
void lo_config_set(lo_scope *scope, int key, lo_value value);
/* Applies a list of options to an object under construction; false if one is not acceptable. */
bool lo_config_options(lo_scope *scope, int count, const SteamNetworkingConfigValue_t *options);
void lo_config_free(lo_scope *scope);

#endif
