/* The loopback engine's memory: from one place, so that a test can make it run short. */
#ifndef STEAMNET_LOOPBACK_MEMORY_H
#define STEAMNET_LOOPBACK_MEMORY_H

#include <stddef.h>

/* malloc; tests replace it with one that fails. */
extern void *(*sn_loopback_malloc)(size_t size);

/* Zeroed memory, or NULL. */
void *lo_alloc(size_t size);
void lo_free(void *memory);

#endif
