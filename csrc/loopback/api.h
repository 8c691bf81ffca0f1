/* The rows of flat.def that the loopback engine implements, in the files api_*.c. */
#ifndef STEAMNET_LOOPBACK_API_H
#define STEAMNET_LOOPBACK_API_H

#include "../engine.h"
#include "registry.h"

#define FLAT(need, gil, ret, interface, name, parameters, default_result)                          \
    FLAT_##need(ret, name, parameters)
#define FLAT_REQUIRED(ret, name, parameters) ret lo_##name parameters;
#define FLAT_OPTIONAL_IN_LOOPBACK(ret, name, parameters) FLAT_REQUIRED(ret, name, parameters)
#define FLAT_OPTIONAL(ret, name, parameters)
#include "../flat.def"
#undef FLAT
#undef FLAT_REQUIRED
#undef FLAT_OPTIONAL_IN_LOOPBACK
#undef FLAT_OPTIONAL

/* RunCallbacks for that many events at most. */
void lo_run_callbacks(lo_user *user, int limit);

#endif
