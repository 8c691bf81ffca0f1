/* The loopback engine's row of the table: what flat.def asks of it, and nothing more. */
#include "loopback.h"

#define FLAT(need, gil, ret, interface, name, parameters, dead) FLAT_##need(interface##_##name)
#define FLAT_CORE(name) .name = loopback_##name,
#define FLAT_LOCAL(name) FLAT_CORE(name)
#define FLAT_EXTRA(name) .name = NULL,

const sn_flat lo_flat = {
#include "../flat.def"
};
