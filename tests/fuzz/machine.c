/* A machine in memory in place of csrc/platform, and what the fuzz targets share. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the clock ------------------------------------------------------------------------------ */

static int64_t now;

int64_t sn_now(void) { return now; }
void sn_sleep(int64_t microseconds) { now += microseconds; }
void machine_wait(int64_t microseconds) { now += microseconds; }

/* --- sockets -------------------------------------------------------------------------------- */

enum { WIRES = 256 };

static struct wire {
    unsigned char *bytes;
    size_t begin, end;
    bool open, waiting, closed_by_peer, stalled;
} wires[WIRES];
static int count, dialled;

enum { LISTENING = WIRES };
static bool listening_open;

static struct wire *wire_of(sn_socket socket)
{
    return socket >= 0 && socket < count && wires[socket].open ? &wires[socket] : NULL;
}

static int new_wire(bool waiting)
{
    if (count == WIRES)
        return -1;
    wires[count] = (struct wire){.open = true, .waiting = waiting};
    return count++;
}

void machine_reset(void)
{
    for (int i = 0; i < count; i++)
        free(wires[i].bytes);
    count = 0;
    dialled = -1;
    listening_open = false;
    now = 1000000000;
}

int machine_open(void)
{
    int open = listening_open;
    for (int i = 0; i < count; i++)
        open += wires[i].open && !wires[i].waiting;
    return open;
}

int machine_dial(void) { return listening_open ? new_wire(true) : -1; }
int machine_dialled(void) { return dialled; }

void machine_write(int socket, const void *bytes, size_t size)
{
    struct wire *wire = wire_of(socket);
    if (wire == NULL || wire->closed_by_peer || size == 0)
        return;
    wire->bytes = realloc(wire->bytes, wire->end + size);
    memcpy(wire->bytes + wire->end, bytes, size);
    wire->end += size;
}

void machine_hang_up(int socket)
{
    struct wire *wire = wire_of(socket);
    if (wire != NULL)
        wire->closed_by_peer = true;
}

void machine_stall(int socket, bool stalled)
{
    struct wire *wire = wire_of(socket);
    if (wire != NULL)
        wire->stalled = stalled;
}

sn_socket sn_socket_listen(const char *path)
{
    (void)path;
    listening_open = true;
    return LISTENING;
}

sn_socket sn_socket_accept(sn_socket listening)
{
    (void)listening;
    for (int i = 0; i < count; i++)
        if (wires[i].open && wires[i].waiting) {
            wires[i].waiting = false;
            return i;
        }
    return SN_NO_SOCKET;
}

sn_socket sn_socket_connect(const char *path)
{
    (void)path;
    dialled = new_wire(false);
    return dialled;
}

ptrdiff_t sn_socket_send(sn_socket socket, const void *bytes, size_t size)
{
    const struct wire *wire = wire_of(socket);
    (void)bytes;
    HOLDS(wire != NULL && size > 0);
    if (wire->closed_by_peer)
        return -1;
    return wire->stalled ? 0 : (ptrdiff_t)size;
}

ptrdiff_t sn_socket_receive(sn_socket socket, void *bytes, size_t size)
{
    struct wire *wire = wire_of(socket);
    size_t there;
    HOLDS(wire != NULL && size > 0);
    there = wire->end - wire->begin;
    if (there == 0)
        return wire->closed_by_peer ? -1 : 0;
    if (size > there)
        size = there;
    memcpy(bytes, wire->bytes + wire->begin, size);
    wire->begin += size;
    return (ptrdiff_t)size;
}

void sn_socket_close(sn_socket socket)
{
    struct wire *wire = wire_of(socket);
    HOLDS(wire != NULL || (socket == LISTENING && listening_open));
    if (wire != NULL)
        wire->open = false;
    else
        listening_open = false;
}

/* --- the rest of platform.h ------------------------------------------------------------------- */

void sn_lock(sn_mutex *mutex) { (void)mutex; }
void sn_unlock(sn_mutex *mutex) { (void)mutex; }
uint32_t sn_process_id(void) { return 1; }
void sn_leave_exit_handlers_out(void) {}
bool sn_has_network(void) { return true; }
sn_locale sn_locale_c_numbers(void) { return 0; }
void sn_locale_restore(sn_locale before) { (void)before; }

void *sn_library_open(const char *path, char *error, size_t error_size)
{
    snprintf(error, error_size, "there is no %s", path);
    return NULL;
}

bool sn_library_symbol(void *library, const char *name, void *function)
{
    (void)library, (void)name, (void)function;
    return false;
}

void sn_library_pin(void (*function)(void)) { (void)function; }

void sn_last_error(char *text, size_t size) { snprintf(text, size, "none"); }

bool sn_private_directory(char *path, size_t size, char *error, size_t error_size)
{
    (void)error, (void)error_size;
    snprintf(path, size, "/nowhere");
    return true;
}

void sn_each_file(const char *path, void (*each)(const char *name)) { (void)path, (void)each; }

bool sn_file_write(const char *path, const void *bytes, size_t size)
{
    (void)path, (void)bytes, (void)size;
    return true;
}

/* Every user that is looked up exists: in a process of this token, which is not ours. */
size_t sn_file_read(const char *path, void *bytes, size_t size)
{
    (void)path;
    memset(bytes, 'f', size);
    return size;
}

void sn_file_remove(const char *path) { (void)path; }
intptr_t sn_file_lock(const char *path, int how) { return (void)path, how == SN_LOCK_SHARED ? -1 : 1; }
bool sn_file_still_named(intptr_t lock, const char *path) { return (void)lock, (void)path, true; }
/* Only real GNS has a thread of ours. */
bool sn_thread_start(sn_thread *thread, void (*run)(void *argument), void *argument)
{
    return (void)thread, (void)run, (void)argument, false;
}
void sn_thread_join(sn_thread *thread) { (void)thread; }
void sn_thread_never_preempts(void) {}

/* Without a poller every socket is asked. Nobody waits. */
sn_poller sn_poller_open(void) { return SN_NO_POLLER; }
bool sn_poller_watch(sn_poller poller, sn_socket socket, int before, int wanted, void *owner)
{
    return (void)poller, (void)socket, (void)before, (void)wanted, (void)owner, false;
}
int sn_poller_ready(sn_poller poller, void **owners, int room)
{
    return (void)poller, (void)owners, (void)room, -1;
}
void sn_poller_wait(sn_poller poller, int64_t microseconds) { (void)poller, (void)microseconds; }
void sn_poller_close(sn_poller poller) { (void)poller; }
bool sn_poller_alarm(sn_poller poller, intptr_t *alarm, int64_t microseconds)
{
    return (void)poller, (void)alarm, (void)microseconds, false;
}
void sn_alarm_close(intptr_t *alarm) { (void)alarm; }
bool sn_waker_open(sn_waker *waker) { return (void)waker, false; }
void sn_waker_wake(sn_waker *waker) { (void)waker; }
void sn_waker_clear(sn_waker *waker) { (void)waker; }
intptr_t sn_waker_handle(const sn_waker *waker) { return waker->read; }
void sn_waker_wait(sn_waker *waker, int64_t microseconds) { (void)waker, (void)microseconds; }
void sn_waker_close(sn_waker *waker) { (void)waker; }

sn_socket sn_socket_spare(void) { return SN_NO_SOCKET; }
bool sn_socket_exists(const char *path) { return (void)path, true; }
bool sn_too_many_files(sn_socket newest) { return (void)newest, false; }
void sn_file_unlock(intptr_t lock) { (void)lock; }

/* --- what the targets share --------------------------------------------------------------------- */

uint64_t take(input *from, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes && from->size > 0; i++, from->size--)
        number |= (uint64_t)*from->bytes++ << 8 * i;
    return number;
}

input take_some(input *from, size_t most)
{
    input some = {from->bytes, 0};
    some.size = (size_t)take(from, 2) % (most + 1);
    some.bytes = from->bytes;
    if (some.size > from->size)
        some.size = from->size;
    from->bytes += some.size;
    from->size -= some.size;
    return some;
}

void holds(bool condition, const char *text, const char *file, int line)
{
    if (condition)
        return;
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, text);
    abort();
}

sn_engine *machine_user(const char *name)
{
    static char error[SN_ERROR_SIZE];
    SteamNetworkingIdentity identity;
    sn_options options = {.identity = &identity};
    sn_engine *engine = sn_load(SN_LOOPBACK, NULL, error);
    HOLDS(engine != NULL && sn_identity_parse(&identity, name));
    HOLDS(sn_start(engine, &options, error) == k_ESteamAPIInitResult_OK);
    return engine;
}
