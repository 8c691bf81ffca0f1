/* The table of flat functions: which symbols it needs, and which of them a library has. */
#include "flat_table.h"

#include <stdio.h>
#include <string.h>

enum { NEED_REQUIRED, NEED_OPTIONAL_IN_LOOPBACK, NEED_OPTIONAL };

/* The names to look up, in the order of the table's pointers. */
static const struct {
    const char *symbol;
    int need;
} flat_names[] = {
#define FLAT(need, gil, ret, interface, name, parameters, default_result)                                \
    {"SteamAPI_" #interface "_" #name, NEED_##need},
#include "flat.def"
#undef FLAT
};
enum { FLAT_COUNT = sizeof flat_names / sizeof flat_names[0] };
typedef void (*any_function)(void);
_Static_assert(sizeof(sn_flat) == FLAT_COUNT * sizeof(any_function), "the table is pointers only");

static bool has(const sn_engine *engine, int i)
{
    any_function function;
    memcpy(&function, (const char *)&engine->flat + (size_t)i * sizeof function, sizeof function);
    return function != NULL;
}

bool sn_fill_flat(sn_engine *engine, char *error)
{
    size_t used = 0;
    int missing = 0;
    for (int i = 0; i < FLAT_COUNT; i++) {
        any_function function;
        if (sn_library_symbol(engine->library, flat_names[i].symbol, &function))
            memcpy((char *)&engine->flat + (size_t)i * sizeof function, &function, sizeof function);
        else if (flat_names[i].need == NEED_REQUIRED && ++missing <= 3)
            used += (size_t)snprintf(error + used, SN_ERROR_SIZE - used, "%s%s",
                                     missing == 1 ? "missing symbol " : ", ", flat_names[i].symbol);
    }
    if (missing > 3)
        snprintf(error + used, SN_ERROR_SIZE - used, " and %d more", missing - 3);
    return missing == 0;
}

void sn_drop_interface(sn_engine *engine, const char *interface)
{
    static const any_function none = NULL;
    const size_t prefix = strlen("SteamAPI_"), length = strlen(interface);
    for (int i = 0; i < FLAT_COUNT; i++) {
        const char *name = flat_names[i].symbol + prefix;
        if (strncmp(name, interface, length) == 0 && name[length] == '_')
            memcpy((char *)&engine->flat + (size_t)i * sizeof none, &none, sizeof none);
    }
}

bool sn_load_library(sn_engine *engine, const char *path, char *error)
{
    engine->library = sn_library_open(path, error, SN_ERROR_SIZE);
    return engine->library != NULL && sn_fill_flat(engine, error);
}

const char *sn_flat_name(const sn_engine *engine, int i, int *supported)
{
    if (i < 0 || i >= FLAT_COUNT)
        return NULL;
    *supported = has(engine, i);
    return flat_names[i].symbol;
}

int sn_supports(const sn_engine *engine, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < FLAT_COUNT; i++) {
        const char *symbol = flat_names[i].symbol;
        size_t at = strlen(symbol) - length;
        /* The short name, or any longer tail of the symbol that starts after an underscore. */
        if (length <= strlen(symbol) && strcmp(symbol + at, name) == 0 &&
            (at == 0 || symbol[at - 1] == '_'))
            return has(engine, i);
    }
    return -1;
}
