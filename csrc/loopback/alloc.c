/* Zeroed memory from malloc, or from a test's replacement. */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

void *(*sn_loopback_malloc)(size_t size) = malloc;

void *lo_alloc(size_t size)
{
    void *memory = sn_loopback_malloc(size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void lo_free(void *memory) { free(memory); }
