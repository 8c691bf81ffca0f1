/* Preloaded by tests/helpers/lossy_match.py: real GNS in time that passes only as its program says.
 *
 * However long the machine lets the program wait, to GNS no time has passed. All of GNS's work is done by
 * the thread that moves the time on.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STEP = 200000 /* ns */, PATIENCE = 10000 /* ms of real time */ };
static long long now = 1000000000000; /* ns */
static long in_flight;                /* packets in the machine's network */
static bool sent, lost;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock == CLOCK_REALTIME)
        return (int)syscall(SYS_clock_gettime, clock, time);
    *time = (struct timespec){now / 1000000000, now % 1000000000};
    return 0;
}

/* std::chrono::steady_clock::now() */
long long _ZNSt6chrono3_V212steady_clock3nowEv(void) { return now; }

/* What the service thread waits in: it does nothing, so that nothing depends on when it runs. */
int epoll_wait(int poller, struct epoll_event *events, int room, int timeout)
{
    int ready;
    (void)timeout;
    while (gettid() != getpid())
        pause();
    ready = (int)syscall(SYS_epoll_pwait, poller, events, room, in_flight > 0 ? PATIENCE : 0, NULL, 0);
    lost = ready == 0 && in_flight > 0;
    return ready;
}

ssize_t sendto(int socket, const void *bytes, size_t size, int flags, const struct sockaddr *to,
               socklen_t to_size)
{
    ssize_t done = syscall(SYS_sendto, socket, bytes, size, flags, to, to_size);
    in_flight += done >= 0;
    sent = true;
    return done;
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
    ssize_t done = syscall(SYS_recvmsg, socket, message, flags);
    in_flight -= done >= 0;
    return done;
}

/* Moves the time on; what GNS sends arrives before more of it passes. False: something does not arrive. */
bool gns_clock_advance(int microseconds, void (*poll)(int))
{
    for (long long end = now + microseconds * 1000LL; now < end;) {
        now += STEP;
        do {
            sent = false;
            poll(0);
        } while (!lost && (sent || in_flight > 0));
    }
    return !lost;
}
