/* A library with every flat function of Valve's, none of which does anything. */
#include "fake_steam.h"

#define NOTHING
#define FLAT(need, gil, ret, interface, name, parameters, default_result)                               \
    __attribute__((weak)) EXPORT ret SteamAPI_##interface##_##name parameters { return default_result; }
#include "flat.def"
