/* The loopback engine's row of the table: what flat.def asks of it, and nothing more. */
#include "loopback.h"

#define FLAT(need, gil, ret, interface, name, parameters, default_result)                          \
    .interface##_##name = FLAT_##need(name),
#define FLAT_REQUIRED(name) lo_##name
#define FLAT_OPTIONAL_IN_LOOPBACK(name) lo_##name
#define FLAT_OPTIONAL(name) NULL

const sn_flat lo_flat = {
#include "../flat.def"
};
