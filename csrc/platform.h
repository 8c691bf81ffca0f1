/* What we ask of the operating system: shared libraries, a lock, a clock, local sockets.
 * platform.h and platform.c hold the only platform #ifdef of our C.
 */
#ifndef STEAMNET_PLATFORM_H
#define STEAMNET_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
typedef struct sn_mutex {
    void *slim_lock;
} sn_mutex;
#define SN_MUTEX_INIT {0}
#else
#include <pthread.h>
typedef struct sn_mutex {
    pthread_mutex_t mutex;
} sn_mutex;
#define SN_MUTEX_INIT {PTHREAD_MUTEX_INITIALIZER}
#endif

void sn_lock(sn_mutex *mutex);
void sn_unlock(sn_mutex *mutex);

/* Microseconds on the machine's monotonic clock, which all its processes share. */
int64_t sn_now(void);
void sn_sleep(int64_t microseconds);
uint32_t sn_process_id(void);
/* Whether an interface other than loopback has an address; true where it cannot be told. */
bool sn_has_network(void);

/* Opens a shared library by its UTF-8 path; NULL with the system's reason in error. */
void *sn_library_open(const char *path, char *error, size_t error_size);
/* Writes the address of a function into *function (a function pointer); false if there is none. */
bool sn_library_symbol(void *library, const char *name, void *function);
/* Keeps whichever library holds this function mapped until the process ends. */
void sn_library_pin(void (*function)(void));

#endif
