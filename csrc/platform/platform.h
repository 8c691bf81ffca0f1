/* What we ask of the operating system: shared libraries, a lock, a clock, files, local sockets.
 * posix.c or windows.c is behind it. Here and there is the only platform #ifdef of our C, but for
 * Steam's packing.
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

/* Microseconds on the machine's monotonic clock, which all its processes share, also those of
 * another time namespace. */
int64_t sn_now(void);
void sn_sleep(int64_t microseconds);
uint32_t sn_process_id(void);
/* In a forked child: its end shall not run what a library does at exit, which would wait for
 * threads that only the parent has. Where the platform cannot say the exit status, nothing. */
void sn_leave_exit_handlers_out(void);
/* Whether an interface other than loopback has an address; true where it cannot be told. */
bool sn_has_network(void);

/* Has this thread read and write numbers as C does, whatever the program's locale, until that is
 * restored. */
typedef intptr_t sn_locale;
sn_locale sn_locale_c_numbers(void);
void sn_locale_restore(sn_locale before);

/* Opens a shared library by its UTF-8 path; NULL with the system's reason in error. */
void *sn_library_open(const char *path, char *error, size_t error_size);
/* Writes the address of a function into *function (a function pointer); false if there is none. */
bool sn_library_symbol(void *library, const char *name, void *function);
/* Keeps whichever library holds this function mapped until the process ends. */
void sn_library_pin(void (*function)(void));

/* Why the call before this one failed, in the system's own words. */
void sn_last_error(char *text, size_t size);

/* --- where processes of one user meet ------------------------------------------------------- */

/* The directory that only this user can write to, made if need be; false with the reason if there
 * is none: STEAMNET_LOOPBACK_DIR, else the user's run-time directory, else one among temporaries. */
bool sn_private_directory(char *path, size_t size, char *error, size_t error_size);
/* Calls back with the name of each file in a directory. */
void sn_each_file(const char *path, void (*each)(const char *name));
/* These follow no link and wait for nothing; what is no regular file has nothing in it. */
bool sn_file_write(const char *path, const void *bytes, size_t size);
/* How much of the file's beginning was read; 0 if there is nothing. */
size_t sn_file_read(const char *path, void *bytes, size_t size);
void sn_file_remove(const char *path);

/* How a file is locked: alone, if it exists, is made if need be, or is new; or with others. */
enum { SN_LOCK_FILE, SN_LOCK_OR_MAKE, SN_LOCK_NEW, SN_LOCK_SHARED };
/* Takes a file's lock without waiting. It is held until it is given up or the process dies, and it
 * is of the file that the path names now. -1: there is no file, or none can be made (the reason is
 * the last error); -2: another process has the lock, or it cannot be told. */
intptr_t sn_file_lock(const char *path, int how);
void sn_file_unlock(intptr_t lock);
/* Whether the path still names the locked file. */
bool sn_file_is_locked_one(intptr_t lock, const char *path);

/* --- local stream sockets: nothing blocks, nothing is inherited ------------------------------ */

/* On Windows they are named pipes, and of the path only the file's name counts. */

typedef intptr_t sn_socket;
#define SN_NO_SOCKET ((sn_socket)-1)

sn_socket sn_socket_listen(const char *path);
/* The next who came, if there is one and it is the same user. */
sn_socket sn_socket_accept(sn_socket listening);
sn_socket sn_socket_connect(const char *path);
/* A socket that is connected to nothing, which holds a descriptor; SN_NO_SOCKET where they are many. */
sn_socket sn_socket_spare(void);
/* Whether a listening socket can still be found by its path. */
bool sn_socket_exists(const char *path);
/* Whether the process has too many open files: this new socket is among the last few, which are
 * left to the program; or there is none, and that was why. */
bool sn_too_many_files(sn_socket newest);
/* How many bytes went out or came in; 0: none at the moment, -1: the other end is gone. */
ptrdiff_t sn_socket_send(sn_socket socket, const void *bytes, size_t size);
ptrdiff_t sn_socket_receive(sn_socket socket, void *bytes, size_t size);
void sn_socket_close(sn_socket socket);

#endif
