/* A hash table from numbers to pointers: handles to objects, addresses to listeners. */
#ifndef STEAMNET_LOOPBACK_MAP_H
#define STEAMNET_LOOPBACK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lo_map {
    struct lo_slot {
        uint64_t key;
        void *value; /* NULL: free */
    } *slots;
    size_t size, count; /* size: a power of two */
} lo_map;

void *lo_map_get(const lo_map *map, uint64_t key);
/* False when memory is short. The key must not be there yet. */
bool lo_map_put(lo_map *map, uint64_t key, void *value);
void lo_map_remove(lo_map *map, uint64_t key);
void lo_map_free(lo_map *map);

#endif
