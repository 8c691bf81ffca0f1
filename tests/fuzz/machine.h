/* The machine that the fuzz targets run on: in memory, repeatable, and as fast as it gets.
 *
 * It takes the place of csrc/platform. Its clock moves when a target moves it, its files hold what
 * makes every peer reachable, and its sockets are buffers whose other end is the target's.
 */
#ifndef STEAMNET_FUZZ_MACHINE_H
#define STEAMNET_FUZZ_MACHINE_H

#include "engine.h"

/* Forgets all sockets and sets the clock back. */
void machine_reset(void);
void machine_wait(int64_t microseconds);
/* How many sockets are open on the engine's side. */
int machine_open(void);
/* Somebody comes to the engine's door; the newest stream that the engine itself has opened. Both
 * -1 if there is none. What follows takes such a number and does nothing for one that is over. */
int machine_dial(void);
int machine_dialled(void);
void machine_write(int wire, const void *bytes, size_t size);
void machine_hang_up(int wire);
/* While it is stalled, nothing that the engine sends goes out. */
void machine_stall(int wire, bool stalled);

/* What is left of an input: numbers and bytes are taken from its beginning, zeros after its end. */
typedef struct input {
    const uint8_t *bytes;
    size_t size;
} input;
uint64_t take(input *from, size_t bytes);
/* At most `most` bytes, how many is taken from the input too. */
input take_some(input *from, size_t most);

/* Says what does not hold, and ends the run so that the fuzzer keeps the input. */
#define HOLDS(condition) holds(condition, #condition, __FILE__, __LINE__)
void holds(bool condition, const char *text, const char *file, int line);

/* An open loopback engine of that name. */
sn_engine *machine_user(const char *name);

#endif
