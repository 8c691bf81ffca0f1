/* Preloaded by tests/process/test_faults.py: lets one allocation of our extension fail, and counts them. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void __libc_free(void *memory);

#define SEEN __attribute__((visibility("default")))

enum { ROOM = 1 << 16 };
static _Atomic(uintptr_t) ours[ROOM]; /* what our extension has, by the hash of its address */
static uintptr_t low, high;           /* where its code lies */
static atomic_long held, until;
static atomic_int armed;

SEEN void alloc_failures_watch(uintptr_t from, uintptr_t to) 
{
    low = from;
    high = to;
}
/* The n-th allocation from now on fails, counted from 0. */
SEEN void alloc_failures_arm(long n)
{
    until = n;
    armed = 1;
}
/* Whether it has come to that. */
SEEN int alloc_failures_disarm(void)
{
    armed = 0;
    return until < 0;
}
SEEN long alloc_failures_held(void) { return held; }

static int mine(const void *caller) { return (uintptr_t)caller >= low && (uintptr_t)caller < high; }
static int fails(void) { return armed && atomic_fetch_sub(&until, 1) == 0; }
static size_t place(uintptr_t address) { return (address >> 4) * 0x9E3779B1u % ROOM; }

static void *note(void *memory)
{
    uintptr_t address = (uintptr_t)memory;
    for (size_t i = place(address); memory != NULL; i = (i + 1) % ROOM) {
        uintptr_t none = 0, gone = 1;
        if (atomic_compare_exchange_strong(&ours[i], &none, address) ||
            atomic_compare_exchange_strong(&ours[i], &gone, address)) {
            held++;
            break;
        }
    }
    return memory;
}

SEEN void *malloc(size_t size)
{
    if (!mine(__builtin_return_address(0)))
        return __libc_malloc(size);
    return fails() ? NULL : note(__libc_malloc(size));
}

SEEN void *calloc(size_t count, size_t size)
{
    if (!mine(__builtin_return_address(0)))
        return __libc_calloc(count, size);
    return fails() ? NULL : note(__libc_calloc(count, size));
}

SEEN void free(void *memory)
{
    uintptr_t address = (uintptr_t)memory;
    if (held > 0 && memory != NULL)
        for (size_t i = place(address), tries = 0; ours[i] != 0 && tries < ROOM; i = (i + 1) % ROOM, tries++) {
            uintptr_t expected = address;
            if (atomic_compare_exchange_strong(&ours[i], &expected, 1)) {
                held--;
                break;
            }
        }
    __libc_free(memory);
}
