/* Open addressing, linear probing, at most half full; removal closes the gap it leaves. */
#include "handle_map.h"

#include "alloc.h"

#define HOME(map, key) ((size_t)((key) * 0x9E3779B97F4A7C15u >> 32) & ((map)->size - 1))

static struct lo_slot *find(const lo_map *map, uint64_t key)
{
    size_t at = HOME(map, key);
    while (map->slots[at].value != NULL && map->slots[at].key != key)
        at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

void *lo_map_get(const lo_map *map, uint64_t key)
{
    return map->size > 0 ? find(map, key)->value : NULL;
}

static bool grow(lo_map *map)
{
    lo_map larger = {.size = map->size > 0 ? map->size * 2 : 64, .count = map->count};
    larger.slots = lo_alloc(larger.size * sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < map->size; i++)
        if (map->slots[i].value != NULL)
            *find(&larger, map->slots[i].key) = map->slots[i];
    lo_free(map->slots);
    *map = larger;
    return true;
}

bool lo_map_put(lo_map *map, uint64_t key, void *value)
{
    if (map->count * 2 >= map->size && !grow(map))
        return false;
    *find(map, key) = (struct lo_slot){key, value};
    map->count++;
    return true;
}

void lo_map_remove(lo_map *map, uint64_t key)
{
    struct lo_slot *slot = map->size > 0 ? find(map, key) : NULL;
    size_t gap, at;
    if (slot == NULL || slot->value == NULL)
        return;
    map->count--;
    gap = at = (size_t)(slot - map->slots);
    for (;;) {
        size_t mask = map->size - 1;
        at = (at + 1) & mask;
        if (map->slots[at].value == NULL)
            break;
        /* An entry whose home is not behind the gap moves there. */
        if (((at - HOME(map, map->slots[at].key)) & mask) >= ((at - gap) & mask)) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap].value = NULL;
}

void lo_map_free(lo_map *map)
{
    lo_free(map->slots);
    *map = (lo_map){0};
}
