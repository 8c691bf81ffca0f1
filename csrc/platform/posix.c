/* The operating system's part on POSIX: shared libraries, a lock, a clock, files, local sockets. */
#include "platform.h"

#ifndef _WIN32

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <locale.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
#define HAS_KQUEUE
#include <sys/event.h>
#endif

void sn_lock(sn_mutex *mutex) { pthread_mutex_lock(&mutex->mutex); }
void sn_unlock(sn_mutex *mutex) { pthread_mutex_unlock(&mutex->mutex); }

static void *run_thread(void *argument)
{
    const sn_thread *thread = argument;
    thread->run(thread->argument);
    return NULL;
}

bool sn_thread_start(sn_thread *thread, void (*run)(void *argument), void *argument)
{
    sigset_t all, before;
    int failed;
    thread->run = run;
    thread->argument = argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread->thread, NULL, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

void sn_thread_join(sn_thread *thread) { pthread_join(thread->thread, NULL); }

void sn_thread_never_preempts(void)
{
#ifdef SCHED_BATCH
    struct sched_param parameters;
    int policy;
    if (pthread_getschedparam(pthread_self(), &policy, &parameters) == 0 && policy == SCHED_OTHER)
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
#endif
}

static pthread_once_t clock_once = PTHREAD_ONCE_INIT;
static int64_t clock_offset; /* µs that our time namespace adds to the machine's clock */

/* Linux tells it in a line like "monotonic  100000  0": seconds and nanoseconds. */
static void read_clock_offset(void)
{
    char text[256], *line;
    int file = open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, text, sizeof text - 1) : 0;
    if (file >= 0)
        close(file);
    text[size > 0 ? size : 0] = '\0';
    line = strstr(text, "monotonic");
    if (line != NULL) {
        char *end;
        long long seconds = strtoll(line + strlen("monotonic"), &end, 10);
        clock_offset = (int64_t)seconds * 1000000 + strtoll(end, NULL, 10) / 1000;
    }
}

int64_t sn_now(void)
{
    struct timespec now;
    pthread_once(&clock_once, read_clock_offset);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - clock_offset;
}

void sn_sleep(int64_t microseconds)
{
    struct timespec pause = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
    nanosleep(&pause, NULL);
}

uint32_t sn_process_id(void) { return (uint32_t)getpid(); }

#ifdef __GLIBC__
static void leave(int status, void *unused)
{
    (void)unused;
    fflush(NULL);
    _exit(status);
}

void sn_leave_exit_handlers_out(void) { on_exit(leave, NULL); }
#else
void sn_leave_exit_handlers_out(void) {}
#endif

sn_locale sn_locale_c_numbers(void)
{
    locale_t copy = duplocale(uselocale((locale_t)0));
    locale_t numbers = newlocale(LC_NUMERIC_MASK, "C", copy);
    if (numbers == (locale_t)0 && copy != (locale_t)0)
        freelocale(copy);
    return (sn_locale)uselocale(numbers); /* without memory all stays as it is */
}

void sn_locale_restore(sn_locale before)
{
    locale_t numbers = uselocale((locale_t)before);
    if (numbers != (locale_t)before)
        freelocale(numbers);
}

bool sn_has_network(void)
{
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return true; /* unknown */
    for (const struct ifaddrs *one = all; one != NULL && !found; one = one->ifa_next)
        found = one->ifa_addr != NULL && (one->ifa_flags & IFF_UP) && !(one->ifa_flags & IFF_LOOPBACK) &&
                (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6);
    freeifaddrs(all);
    return found;
}

void sn_last_error(char *text, size_t size) { snprintf(text, size, "%s", strerror(errno)); }

void *sn_library_open(const char *path, char *error, size_t error_size)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        snprintf(error, error_size, "%s", reason != NULL ? reason : "cannot be loaded");
    }
    return library;
}

bool sn_library_symbol(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

void sn_library_pin(void (*function)(void))
{
    void *address;
    Dl_info found;
    memcpy(&address, &function, sizeof address);
    if (dladdr(address, &found) != 0 && found.dli_fname != NULL)
        dlopen(found.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

/* --- files of the rendezvous directory ------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value == '/' ? value : NULL;
}

/* Another user who can write to the parent can replace the directory, unless the parent is sticky,
 * as /tmp is. */
static bool is_replaceable(const char *path)
{
    char parent[1024];
    struct stat found;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 1 && path[length - 1] != '/')
        length--;
    snprintf(parent, sizeof parent, "%.*s", (int)length, path);
    return stat(parent, &found) == 0 && (found.st_mode & 022) != 0 && !(found.st_mode & S_ISVTX);
}

bool sn_private_directory(char *path, size_t size, char *error, size_t error_size)
{
    const char *own = getenv("STEAMNET_LOOPBACK_DIR"), *run = environment("XDG_RUNTIME_DIR");
    const char *temporary = environment("TMPDIR");
    struct stat found;
    int length;
    errno = 0;
    if (own != NULL && *own != '\0')
        length = snprintf(path, size, "%s", own);
    else if (run != NULL)
        length = snprintf(path, size, "%s/steamnet", run);
    else
        length = snprintf(path, size, "%s/steamnet-%lu", temporary != NULL ? temporary : "/tmp",
                          (unsigned long)geteuid());
    if (length < 0 || (size_t)length >= size)
        snprintf(error, error_size, "%s: %s", strerror(ENAMETOOLONG), path);
    else if (*path != '/')
        snprintf(error, error_size, "not an absolute path: %s", path);
    else if (mkdir(path, 0700) != 0 && errno != EEXIST)
        snprintf(error, error_size, "%s: %s", strerror(errno), path);
    else if (lstat(path, &found) != 0 || !S_ISDIR(found.st_mode))
        snprintf(error, error_size, "not a directory: %s", path);
    else if (found.st_uid != geteuid())
        snprintf(error, error_size, "not this user's own: %s", path);
    else if ((found.st_mode & 022) != 0)
        snprintf(error, error_size, "others can write to it: %s", path);
    else if (is_replaceable(path))
        snprintf(error, error_size, "others can write to its parent, which is not sticky: %s", path);
    else
        return true;
    return false;
}

void sn_each_file(const char *path, void (*each)(const char *name))
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL)
        each(entry->d_name);
    closedir(directory);
}

/* Opens a regular file only. A link is not followed, and a named pipe does not block. */
static int open_file(const char *path, int flags)
{
    struct stat found;
    int file = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (file >= 0 && (fstat(file, &found) != 0 || !S_ISREG(found.st_mode))) {
        close(file);
        errno = EINVAL;
        return -1;
    }
    return file;
}

bool sn_file_write(const char *path, const void *bytes, size_t size)
{
    int file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    bool whole;
    if (file < 0)
        return false;
    whole = write(file, bytes, size) == (ssize_t)size;
    return close(file) == 0 && whole;
}

size_t sn_file_read(const char *path, void *bytes, size_t size)
{
    int file = open_file(path, O_RDONLY);
    ssize_t got;
    if (file < 0)
        return 0;
    errno = 0;
    got = read(file, bytes, size);
    close(file);
    return got > 0 ? (size_t)got : 0;
}

void sn_file_remove(const char *path) { unlink(path); }

bool sn_file_still_named(intptr_t lock, const char *path)
{
    struct stat held, named;
    return fstat((int)lock, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

intptr_t sn_file_lock(const char *path, int how)
{
    static const int flags[] = {0, O_CREAT, O_CREAT | O_EXCL, 0};
    for (int i = 0; i < 8; i++) {
        int file = open_file(path, O_RDWR | flags[how]);
        if (file < 0)
            return (flags[how] & O_CREAT) || errno == ENOENT || errno == EINVAL ? -1 : -2;
        if (flock(file, (how == SN_LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0)
            i = 8;
        else if (sn_file_still_named(file, path))
            return file;
        close(file); /* it was replaced meanwhile: try the new file */
    }
    return -2;
}

void sn_file_unlock(intptr_t lock) { close((int)lock); }

/* --- local stream sockets ------------------------------------------------------------------- */

/* A socket's address has room for a path of about 100 bytes. A longer path is used through a link to
 * its directory, which exists for the duration of the call in a new private directory in /tmp. */
typedef struct address {
    struct sockaddr_un name;
    char folder[24], link[28]; /* empty where they are not needed */
} address;

static void address_done(const address *used)
{
    int error = errno; /* of the call that it was used for */
    if (*used->link != '\0')
        unlink(used->link);
    if (*used->folder != '\0')
        rmdir(used->folder);
    errno = error;
}

static bool address_of(const char *path, address *made)
{
    const char *slash = strrchr(path, '/');
    char directory[1024];
    memset(made, 0, sizeof *made);
    made->name.sun_family = AF_UNIX;
    errno = ENAMETOOLONG;
    if (strlen(path) < sizeof made->name.sun_path) {
        memcpy(made->name.sun_path, path, strlen(path) + 1);
        return true;
    }
    if (slash == NULL || slash - path >= (ptrdiff_t)sizeof directory || strlen(slash) > 64)
        return false;
    snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    snprintf(made->folder, sizeof made->folder, "/tmp/steamnet-XXXXXX");
    if (mkdtemp(made->folder) == NULL) {
        *made->folder = '\0';
        return false;
    }
    snprintf(made->link, sizeof made->link, "%s/d", made->folder);
    if (symlink(directory, made->link) != 0) {
        address_done(made);
        return false;
    }
    snprintf(made->name.sun_path, sizeof made->name.sun_path, "%s%.64s", made->link, slash);
    return true;
}

static sn_socket prepared(int fd)
{
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
        close(fd);
        fd = -1;
    }
#ifdef SO_NOSIGPIPE
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    return fd;
}

static sn_socket new_socket(void)
{
#ifdef SOCK_CLOEXEC
    return prepared(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
#else
    return prepared(socket(AF_UNIX, SOCK_STREAM, 0));
#endif
}

sn_socket sn_socket_listen(const char *path)
{
    address at;
    sn_socket listening;
    if (!address_of(path, &at))
        return SN_NO_SOCKET;
    listening = new_socket();
    if (listening != SN_NO_SOCKET && (bind((int)listening, (struct sockaddr *)&at.name, sizeof at.name) != 0 ||
                                      listen((int)listening, SOMAXCONN) != 0)) {
        sn_socket_close(listening);
        listening = SN_NO_SOCKET;
    }
    address_done(&at);
    return listening;
}

sn_socket sn_socket_spare(void) { return new_socket(); }

bool sn_socket_exists(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0 && S_ISSOCK(found.st_mode);
}

bool sn_too_many_files(sn_socket newest)
{
    enum { LEFT = 16 };
    struct rlimit limit;
    if (newest == SN_NO_SOCKET)
        return errno == EMFILE || errno == ENFILE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return false;
    return (rlim_t)newest + (limit.rlim_cur < 8 * LEFT ? limit.rlim_cur / 8 : LEFT) >= limit.rlim_cur;
}

static bool is_same_user(int fd)
{
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
#else
    uid_t user;
    gid_t group;
    return getpeereid(fd, &user, &group) == 0 && user == geteuid();
#endif
}

sn_socket sn_socket_accept(sn_socket listening)
{
#ifdef SOCK_CLOEXEC
    sn_socket accepted = prepared(accept4((int)listening, NULL, NULL, SOCK_CLOEXEC));
#else
    sn_socket accepted = prepared(accept((int)listening, NULL, NULL));
#endif
    if (accepted != SN_NO_SOCKET && !is_same_user((int)accepted)) {
        sn_socket_close(accepted);
        accepted = SN_NO_SOCKET;
    }
    return accepted;
}

sn_socket sn_socket_connect(const char *path)
{
    address at;
    sn_socket connecting;
    if (!address_of(path, &at))
        return SN_NO_SOCKET;
    connecting = new_socket();
    if (connecting != SN_NO_SOCKET &&
        (connect((int)connecting, (struct sockaddr *)&at.name, sizeof at.name) != 0 ||
         !is_same_user((int)connecting))) {
        sn_socket_close(connecting);
        connecting = SN_NO_SOCKET;
    }
    address_done(&at);
    return connecting;
}

static ptrdiff_t outcome(ssize_t count)
{
    if (count >= 0)
        return count;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* where SO_NOSIGPIPE does it */
#endif

ptrdiff_t sn_socket_send(sn_socket socket, const void *bytes, size_t size)
{
    return outcome(send((int)socket, bytes, size, MSG_NOSIGNAL));
}

ptrdiff_t sn_socket_receive(sn_socket socket, void *bytes, size_t size)
{
    ssize_t count = recv((int)socket, bytes, size, 0);
    return count == 0 ? -1 : outcome(count);
}

void sn_socket_close(sn_socket socket)
{
    int error = errno; /* of the call that failed */
    close((int)socket);
    errno = error;
}

/* --- waiting ---------------------------------------------------------------------------------- */

enum { READY = 256 };

#ifdef __linux__

sn_poller sn_poller_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

bool sn_poller_watch(sn_poller poller, sn_socket socket, int before, int wanted, void *owner)
{
    struct epoll_event event = {
        .events = (wanted & SN_READABLE ? EPOLLIN : 0u) | (wanted & SN_WRITABLE ? EPOLLOUT : 0u),
        .data.ptr = owner,
    };
    int how = wanted == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl((int)poller, how, (int)socket, &event) == 0;
}

int sn_poller_ready(sn_poller poller, void **owners, int room)
{
    struct epoll_event events[READY];
    int count = epoll_wait((int)poller, events, room < READY ? room : READY, 0);
    for (int i = 0; i < count; i++)
        owners[i] = events[i].data.ptr;
    return count > 0 ? count : 0;
}

/* Threads may wake 50 microseconds late, by default, to save power: a wait for a packet is shorter. */
void sn_poller_wait(sn_poller poller, int64_t microseconds)
{
    struct pollfd one = {.fd = (int)poller, .events = POLLIN};
    struct timespec most = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
    int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    ppoll(&one, 1, &most, NULL);
    if (slack > 0)
        prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0);
}

bool sn_poller_alarm(sn_poller poller, intptr_t *alarm, int64_t microseconds)
{
    struct itimerspec when = {
        .it_value = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000}};
    if (*alarm == SN_NO_SOCKET) {
        *alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (*alarm != SN_NO_SOCKET && !sn_poller_watch(poller, *alarm, 0, SN_READABLE, NULL))
            sn_alarm_close(alarm);
    }
    return *alarm != SN_NO_SOCKET && timerfd_settime((int)*alarm, 0, &when, NULL) == 0;
}

#elif defined(HAS_KQUEUE)

sn_poller sn_poller_open(void)
{
    int made = kqueue();
    if (made >= 0 && fcntl(made, F_SETFD, FD_CLOEXEC) != 0) {
        close(made);
        made = -1;
    }
    return made;
}

bool sn_poller_watch(sn_poller poller, sn_socket socket, int before, int wanted, void *owner)
{
    static const int filters[] = {[SN_READABLE] = EVFILT_READ, [SN_WRITABLE] = EVFILT_WRITE};
    bool done = true;
    for (int what = SN_READABLE; what <= SN_WRITABLE; what++) {
        struct kevent change;
        if (!((before ^ wanted) & what))
            continue;
        EV_SET(&change, (uintptr_t)socket, filters[what], wanted & what ? EV_ADD : EV_DELETE, 0, 0, owner);
        done = kevent((int)poller, &change, 1, NULL, 0, NULL) == 0 && done;
    }
    return done;
}

int sn_poller_ready(sn_poller poller, void **owners, int room)
{
    struct kevent events[READY];
    int count = kevent((int)poller, NULL, 0, events, room < READY ? room : READY, &(struct timespec){0, 0});
    for (int i = 0; i < count; i++)
        owners[i] = (void *)events[i].udata; /* an integer on some systems */
    return count > 0 ? count : 0;
}

void sn_poller_wait(sn_poller poller, int64_t microseconds)
{
    struct timespec most = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
    struct kevent event;
    kevent((int)poller, NULL, 0, &event, 1, &most);
}

#else

sn_poller sn_poller_open(void) { return SN_NO_POLLER; }
bool sn_poller_watch(sn_poller poller, sn_socket socket, int before, int wanted, void *owner)
{
    return (void)poller, (void)socket, (void)before, (void)wanted, (void)owner, false;
}
int sn_poller_ready(sn_poller poller, void **owners, int room)
{
    return (void)poller, (void)owners, (void)room, 0;
}
void sn_poller_wait(sn_poller poller, int64_t microseconds) { (void)poller, sn_sleep(microseconds); }

#endif

void sn_poller_close(sn_poller poller) { close((int)poller); }

#ifndef __linux__
bool sn_poller_alarm(sn_poller poller, intptr_t *alarm, int64_t microseconds)
{
    return (void)poller, (void)alarm, (void)microseconds, false;
}
#endif

void sn_alarm_close(intptr_t *alarm)
{
    if (*alarm != SN_NO_SOCKET)
        close((int)*alarm);
    *alarm = SN_NO_SOCKET;
}

#ifdef __linux__
static bool open_pair(int ends[2])
{
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] >= 0;
}
#else
static bool open_pair(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    ends[0] = (int)prepared(ends[0]);
    ends[1] = (int)prepared(ends[1]);
    return ends[0] >= 0 && ends[1] >= 0;
}
#endif

bool sn_waker_open(sn_waker *waker)
{
    int ends[2] = {-1, -1};
    bool opened = open_pair(ends);
    *waker = (sn_waker){ends[0], ends[1]};
    if (!opened)
        sn_waker_close(waker);
    return opened;
}

void sn_waker_wake(sn_waker *waker)
{
    uint64_t one = 1; /* what an eventfd takes */
    if (waker->write >= 0 && write((int)waker->write, &one, sizeof one) < 0)
        return; /* it is full, and so awake */
}

void sn_waker_clear(sn_waker *waker)
{
    uint64_t bytes[8];
    if (waker->read >= 0 && read((int)waker->read, bytes, sizeof bytes) < 0)
        return; /* it is clear */
}

intptr_t sn_waker_handle(const sn_waker *waker) { return waker->read; }

void sn_waker_wait(sn_waker *waker, int64_t microseconds)
{
    struct pollfd one = {.fd = (int)waker->read, .events = POLLIN};
    if (waker->read >= 0 && microseconds >= 1000)
        poll(&one, 1, microseconds < 1000000 ? (int)(microseconds / 1000) : 1000);
    else
        sn_sleep(microseconds);
}

void sn_waker_close(sn_waker *waker)
{
    if (waker->read >= 0)
        close((int)waker->read);
    if (waker->write >= 0 && waker->write != waker->read)
        close((int)waker->write);
    *waker = (sn_waker)SN_NO_WAKER;
}

#endif
