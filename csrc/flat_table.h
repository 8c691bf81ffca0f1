/* The table of flat functions, filled from a library. */
#ifndef STEAMNET_FLAT_TABLE_H
#define STEAMNET_FLAT_TABLE_H

#include "engine.h"

/* Fills the engine's table from its library; false with the missing symbols named in error. */
bool sn_fill_flat(sn_engine *engine, char *error);
/* Opens the library into the engine and fills the table. */
bool sn_load_library(sn_engine *engine, const char *path, char *error);
/* Takes an interface that there is not out of the table: its functions are missing then. */
void sn_drop_interface(sn_engine *engine, const char *interface);

#endif
