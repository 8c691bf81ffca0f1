/* Rendezvous in a private directory. Of every process that listens there is
 *     TOKEN.sock   its socket, for all its listeners
 *     TOKEN.lock   locked for as long as it lives, however it ends
 * and of every listener a file named by the key of its address, in which that token stands.
 * Who changes any of this holds the lock of the file `lock`; who only looks needs no lock,
 * for a name that is wrong or half written leads nowhere and is looked up again.
 */
#include "rendezvous.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN = 16, PATH = 512 };

static struct {
    char directory[PATH - 32];
    char token[TOKEN + 1];
    intptr_t lock;  /* our own lock */
    sn_socket listening;
    bool open;
    char error[PATH + 256]; /* why it could not be opened */
} rendezvous = {.lock = -1, .listening = SN_NO_SOCKET};

static const char *in_directory(char path[PATH], const char *name, const char *ending)
{
    snprintf(path, PATH, "%s/%.20s%s", rendezvous.directory, name, ending);
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
    sn_each_file(rendezvous.directory, sweep_process);
    sn_each_file(rendezvous.directory, sweep_listener);
    snprintf(rendezvous.token, sizeof rendezvous.token, "%016" PRIx64, lo_random(&lo.random));
    in_directory(path, rendezvous.token, ".lock");
    if (sn_file_write(path, rendezvous.token, TOKEN)) /* a full disk shows here already */
        rendezvous.lock = sn_file_lock(path, true);
    if (rendezvous.lock >= 0)
        rendezvous.listening = sn_socket_listen(in_directory(path, rendezvous.token, ".sock"));
    return rendezvous.listening != SN_NO_SOCKET;
}

bool lo_rendezvous_open(void)
{
    char path[PATH], reason[128];
    intptr_t lock;
    if (rendezvous.open || !sn_private_directory(rendezvous.directory, sizeof rendezvous.directory,
                                              rendezvous.error, sizeof rendezvous.error))
        return rendezvous.open;
    lock = lock_directory();
    rendezvous.open = lock >= 0 && open_door();
    if (!rendezvous.open) {
        sn_last_error(reason, sizeof reason);
        snprintf(path, sizeof path, "%s", rendezvous.directory);
        lo_rendezvous_close();
        snprintf(rendezvous.error, sizeof rendezvous.error, "%s: %s", reason, path);
    }
    unlock_directory(lock);
    return rendezvous.open;
}

const char *lo_rendezvous_error(void) { return rendezvous.open || *rendezvous.error == '\0' ? NULL : rendezvous.error; }

static void listener_name(const lo_listener *listener, char name[TOKEN + 1])
{
    snprintf(name, TOKEN + 1, "%016" PRIx64, listener->key);
}

bool lo_publish(lo_listener *listener)
{
    lo_user *user = listener->object.user;
    char path[PATH], name[TOKEN + 1], token[TOKEN + 1];
    bool taken = false;
    intptr_t lock = lo_rendezvous_open() ? lock_directory() : -1;
    if (lock >= 0) {
        listener_name(listener, name);
        taken = read_token(name, token) && strcmp(token, rendezvous.token) != 0 && is_alive(token);
        listener->published =
            !taken && sn_file_write(in_directory(path, name, ""), rendezvous.token, TOKEN);
        if (!taken && !listener->published)
            sn_file_remove(path); /* a full disk holds the name, and not what it stands for */
    }
    unlock_directory(lock);
    if (taken)
        lo_say(user, LO_WARNING, "another process already listens there");
    else if (!listener->published)
        lo_say(user, LO_WARNING, "cannot be found by other processes: %s",
               lo_rendezvous_error() != NULL ? lo_rendezvous_error() : "the directory is locked or full");
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
    if (lock >= 0 && read_token(name, token) && strcmp(token, rendezvous.token) == 0)
        sn_file_remove(in_directory(path, name, ""));
    unlock_directory(lock);
}

sn_socket lo_rendezvous_connect(uint64_t key)
{
    char path[PATH], name[TOKEN + 1], token[TOKEN + 1];
    snprintf(name, sizeof name, "%016" PRIx64, key);
    if (!lo_rendezvous_open() || !read_token(name, token) || strcmp(token, rendezvous.token) == 0)
        return SN_NO_SOCKET;
    return sn_socket_connect(in_directory(path, token, ".sock"));
}

sn_socket lo_rendezvous_accept(void)
{
    return rendezvous.open ? sn_socket_accept(rendezvous.listening) : SN_NO_SOCKET;
}

void lo_rendezvous_close(void)
{
    char path[PATH];
    if (*rendezvous.token != '\0') {
        sn_file_remove(in_directory(path, rendezvous.token, ".sock"));
        sn_file_remove(in_directory(path, rendezvous.token, ".lock"));
    }
    lo_rendezvous_detach();
}

void lo_rendezvous_detach(void)
{
    if (rendezvous.listening != SN_NO_SOCKET)
        sn_socket_close(rendezvous.listening);
    if (rendezvous.lock >= 0)
        sn_file_unlock(rendezvous.lock);
    memset(&rendezvous, 0, sizeof rendezvous);
    rendezvous.lock = -1;
    rendezvous.listening = SN_NO_SOCKET;
}
