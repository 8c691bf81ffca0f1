/* Rendezvous in a private directory. Of every process that listens there is
 *     TOKEN.sock   its socket, for all its listeners
 *     TOKEN.lock   locked for as long as it lives, however it ends
 * and of every listener a file named by the key of its address, in which that token stands.
 * Who changes any of this holds the lock of the file `lock`; who only looks needs no lock,
 * for a name that is wrong or half written leads nowhere and is looked up again.
 */
#include "station.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN = 16, PATH = 512 };

static struct {
    char directory[PATH - 32];
    char token[TOKEN + 1];
    intptr_t alive; /* our own lock */
    sn_socket door;
    bool open;
    char alone[PATH + 256]; /* why it could not be opened */
} station = {.alive = -1, .door = SN_NO_SOCKET};

static const char *in_directory(char path[PATH], const char *name, const char *ending)
{
    snprintf(path, PATH, "%s/%.20s%s", station.directory, name, ending);
    return path;
}

static bool is_token(const char *text) { return strspn(text, "0123456789abcdef") >= TOKEN; }

/* The process that a listener's file names, if it does. */
static bool read_token(const char *name, char token[TOKEN + 1])
{
    char path[PATH];
    memset(token, 0, TOKEN + 1);
    return sn_file_read(in_directory(path, name, ""), token, TOKEN) == TOKEN && is_token(token);
}

static bool is_alive(const char *token)
{
    char path[PATH];
    intptr_t lock = sn_file_lock(in_directory(path, token, ".lock"), false);
    if (lock >= 0)
        sn_file_unlock(lock);
    return lock == -2;
}

static void sweep_listener(const char *name)
{
    char path[PATH], token[TOKEN + 1];
    if (strlen(name) == TOKEN && is_token(name) && !(read_token(name, token) && is_alive(token)))
        sn_file_remove(in_directory(path, name, ""));
}

static void sweep_process(const char *name)
{
    char path[PATH], token[TOKEN + 1] = "";
    if (strlen(name) != TOKEN + 5 || !is_token(name) || strcmp(name + TOKEN, ".lock") != 0)
        return;
    memcpy(token, name, TOKEN);
    if (!is_alive(token)) {
        sn_file_remove(in_directory(path, token, ".sock"));
        sn_file_remove(in_directory(path, token, ".lock"));
    }
}

/* The lock of the directory; others hold it for moments only, unless one was stopped there. */
static intptr_t lock_directory(void)
{
    char path[PATH];
    intptr_t lock = -1;
    in_directory(path, "lock", "");
    for (int i = 0; i < 200 && (lock = sn_file_lock(path, true)) == -2; i++)
        sn_sleep(1000);
    return lock;
}

static void unlock_directory(intptr_t lock)
{
    if (lock >= 0)
        sn_file_unlock(lock);
}

/* With the directory's lock held. */
static bool open_door(void)
{
    char path[PATH];
    sn_each_file(station.directory, sweep_process);
    sn_each_file(station.directory, sweep_listener);
    snprintf(station.token, sizeof station.token, "%016" PRIx64, lo_random(&lo.random));
    in_directory(path, station.token, ".lock");
    if (sn_file_write(path, station.token, TOKEN)) /* a full disk shows here already */
        station.alive = sn_file_lock(path, true);
    if (station.alive >= 0)
        station.door = sn_socket_listen(in_directory(path, station.token, ".sock"));
    return station.door != SN_NO_SOCKET;
}

bool lo_open_station(void)
{
    char path[PATH], reason[128];
    intptr_t lock;
    if (station.open || !sn_private_directory(station.directory, sizeof station.directory,
                                              station.alone, sizeof station.alone))
        return station.open;
    lock = lock_directory();
    station.open = lock >= 0 && open_door();
    if (!station.open) {
        sn_last_error(reason, sizeof reason);
        snprintf(path, sizeof path, "%s", station.directory);
        lo_station_close();
        snprintf(station.alone, sizeof station.alone, "%s: %s", reason, path);
    }
    unlock_directory(lock);
    return station.open;
}

const char *lo_alone(void) { return station.open || *station.alone == '\0' ? NULL : station.alone; }

static void listener_name(const lo_listener *listener, char name[TOKEN + 1])
{
    snprintf(name, TOKEN + 1, "%016" PRIx64, listener->key);
}

bool lo_publish(lo_listener *listener)
{
    lo_user *user = listener->object.user;
    char path[PATH], name[TOKEN + 1], token[TOKEN + 1];
    bool taken = false;
    intptr_t lock = lo_open_station() ? lock_directory() : -1;
    if (lock >= 0) {
        listener_name(listener, name);
        taken = read_token(name, token) && strcmp(token, station.token) != 0 && is_alive(token);
        listener->published =
            !taken && sn_file_write(in_directory(path, name, ""), station.token, TOKEN);
        if (!taken && !listener->published)
            sn_file_remove(path); /* a full disk holds the name, and not what it stands for */
    }
    unlock_directory(lock);
    if (taken)
        lo_say(user, LO_WARNING, "another process already listens there");
    else if (!listener->published)
        lo_say(user, LO_WARNING, "cannot be found by other processes: %s",
               lo_alone() != NULL ? lo_alone() : "the directory is locked or full");
    return !taken;
}

void lo_unpublish(lo_listener *listener)
{
    char path[PATH], name[TOKEN + 1], token[TOKEN + 1];
    intptr_t lock;
    if (!listener->published)
        return;
    listener->published = false;
    listener_name(listener, name);
    lock = lock_directory();
    if (lock >= 0 && read_token(name, token) && strcmp(token, station.token) == 0)
        sn_file_remove(in_directory(path, name, ""));
    unlock_directory(lock);
}

sn_socket lo_station_call(uint64_t key)
{
    char path[PATH], name[TOKEN + 1], token[TOKEN + 1];
    snprintf(name, sizeof name, "%016" PRIx64, key);
    if (!lo_open_station() || !read_token(name, token) || strcmp(token, station.token) == 0)
        return SN_NO_SOCKET;
    return sn_socket_connect(in_directory(path, token, ".sock"));
}

sn_socket lo_station_answer(void)
{
    return station.open ? sn_socket_accept(station.door) : SN_NO_SOCKET;
}

void lo_station_close(void)
{
    char path[PATH];
    if (*station.token != '\0') {
        sn_file_remove(in_directory(path, station.token, ".sock"));
        sn_file_remove(in_directory(path, station.token, ".lock"));
    }
    lo_station_leave_to_parent();
}

void lo_station_leave_to_parent(void)
{
    if (station.door != SN_NO_SOCKET)
        sn_socket_close(station.door);
    if (station.alive >= 0)
        sn_file_unlock(station.alive);
    memset(&station, 0, sizeof station);
    station.alive = -1;
    station.door = SN_NO_SOCKET;
}
