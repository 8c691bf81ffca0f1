/* Holds our declarations of Valve's structs to the measured layout, at compile time; emits no code. */
#include "valve_lobbies.h"

_Static_assert(sizeof(void *) == 8, "steamnet is for 64-bit systems: build it with a 64-bit compiler");

#define WINDOWS_OR(windows, elsewhere) (STEAM_PACKING == 8 ? (windows) : (elsewhere))
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "size of " #type);
#define FIELD(type, field, offset) \
    _Static_assert(offsetof(type, field) == (offset), "offset of " #type "." #field);
#include "layout.def"
#include "layout_lobbies.def"
