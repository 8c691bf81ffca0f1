/* The loopback engine's row of the table: what flat.def asks of it, and nothing more. */
#include "loopback.h"

#define FLAT(need, gil, ret, interface, name, parameters, dead)                                    \
    .interface##_##name = FLAT_##need(name),
#define FLAT_CORE(name) lo_##name
#define FLAT_LOCAL(name) lo_##name
#define FLAT_EXTRA(name) NULL

const sn_flat lo_flat = {
#include "../flat.def"
};
