/* The operating system: shared libraries, a lock, a clock, files, local sockets. posix.c and
 * windows.c implement it. Nothing else in our C has an #ifdef for a platform, except Steam's packing.
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

/* A thread of ours, which never runs Python and gets no signals. */
typedef struct sn_thread {
    void (*run)(void *argument);
    void *argument;
#ifdef _WIN32
    void *handle;
#else
    pthread_t thread;
#endif
} sn_thread;
/* False if the system has none to spare. The thread reads *thread. */
bool sn_thread_start(sn_thread *thread, void (*run)(void *argument), void *argument);
void sn_thread_join(sn_thread *thread);
/* Has the calling thread never preempt the thread that wakes it, where the system's scheduler can do that. */
void sn_thread_never_preempts(void);

void sn_lock(sn_mutex *mutex);
void sn_unlock(sn_mutex *mutex);

/* Microseconds on the machine's monotonic clock: the same for all its processes, also for those in
 * another time namespace. */
int64_t sn_now(void);
void sn_sleep(int64_t microseconds);
uint32_t sn_process_id(void);
/* In a forked child: exits without the exit handlers of libraries, which would wait for threads
 * that only the parent has. Does nothing where the platform does not tell the exit status. */
void sn_leave_exit_handlers_out(void);
/* Whether an interface other than loopback has an address; true if that is unknown. */
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
/* Keeps the library that contains this function mapped until the process ends. */
void sn_library_pin(void (*function)(void));

/* The system's text for the error of the last call. */
void sn_last_error(char *text, size_t size);

/* --- files of the rendezvous directory ------------------------------------------------------- */

/* The rendezvous directory, which only this user can write to; it is made if needed. It is
 * STEAMNET_LOOPBACK_DIR, else one in the user's run-time directory, else one in the temporary
 * directory. False with the reason if it cannot be used. */
bool sn_private_directory(char *path, size_t size, char *error, size_t error_size);
/* Calls back with the name of each file in a directory. */
void sn_each_file(const char *path, void (*each)(const char *name));
/* These open regular files only, follow no link, and never block. */
bool sn_file_write(const char *path, const void *bytes, size_t size);
/* Reads the beginning of a file: how many bytes; 0 if it cannot be read. */
size_t sn_file_read(const char *path, void *bytes, size_t size);

/* cdef: begin */
void sn_file_remove(const char *path);

/* How to lock a file: exclusively, if it exists; made if needed; only if it is new; or shared. */
enum { SN_LOCK_FILE, SN_LOCK_OR_MAKE, SN_LOCK_NEW, SN_LOCK_SHARED };
/* Locks the file that the path names now, without waiting, until it is unlocked or the process ends.
 * -1: there is no file, or it cannot be made (see sn_last_error); -2: another process has the lock,
 * or it is unknown. */
intptr_t sn_file_lock(const char *path, int how);
void sn_file_unlock(intptr_t lock);
/* Whether the path still names the locked file: it was not removed or replaced. */
bool sn_file_still_named(intptr_t lock, const char *path);
/* cdef: end */

/* --- local stream sockets: nothing blocks, nothing is inherited ------------------------------ */

/* On Windows they are named pipes; only the file name of the path is used there. */

typedef intptr_t sn_socket;
#define SN_NO_SOCKET ((sn_socket)-1)

sn_socket sn_socket_listen(const char *path);
/* The next pending connection, if it is one of the same user. */
sn_socket sn_socket_accept(sn_socket listening);
sn_socket sn_socket_connect(const char *path);
/* An unconnected socket that reserves a descriptor; SN_NO_SOCKET where descriptors are not scarce. */
sn_socket sn_socket_spare(void);
/* Whether the path of a listening socket still exists. */
bool sn_socket_exists(const char *path);
/* Whether the process has too many open files: this new socket is one of the last descriptors,
 * which are left to the program; or it is SN_NO_SOCKET because there are none. */
bool sn_too_many_files(sn_socket newest);
/* The number of bytes sent or received; 0: none at the moment, -1: the other end is closed. */
ptrdiff_t sn_socket_send(sn_socket socket, const void *bytes, size_t size);
ptrdiff_t sn_socket_receive(sn_socket socket, void *bytes, size_t size);
void sn_socket_close(sn_socket socket);

/* --- waiting ---------------------------------------------------------------------------------- */

/* Which of many sockets are ready, in one call. A poller is ready itself while one of them is. */
typedef intptr_t sn_poller;
#define SN_NO_POLLER ((sn_poller)-1)
enum { SN_READABLE = 1, SN_WRITABLE = 2 };

/* SN_NO_POLLER where the system has none that our sockets fit into. */
sn_poller sn_poller_open(void);
/* Changes for what a socket, or another poller, is watched; for 0: not at all. */
bool sn_poller_watch(sn_poller poller, sn_socket socket, int before, int wanted, void *owner);
/* The owners of what is ready, without waiting: how many, at most room and 256. */
int sn_poller_ready(sn_poller poller, void **owners, int room);
/* Waits until something is ready, a signal comes, or so many microseconds are over. */
void sn_poller_wait(sn_poller poller, int64_t microseconds);
void sn_poller_close(sn_poller poller);
/* For event loops that count in milliseconds: makes a poller ready after so many microseconds, or (0) not
 * any more. False where that is not needed, or cannot be had. *alarm is SN_NO_SOCKET at first. */
bool sn_poller_alarm(sn_poller poller, intptr_t *alarm, int64_t microseconds);
void sn_alarm_close(intptr_t *alarm);

/* Wakes who waits for it, from another thread; it stays so until it is cleared. */
typedef struct sn_waker {
    intptr_t read, write;
} sn_waker;
#define SN_NO_WAKER {-1, -1}

bool sn_waker_open(sn_waker *waker);
void sn_waker_wake(sn_waker *waker);
void sn_waker_clear(sn_waker *waker);
/* For a poller. */
intptr_t sn_waker_handle(const sn_waker *waker);
void sn_waker_wait(sn_waker *waker, int64_t microseconds);
void sn_waker_close(sn_waker *waker);

#endif
