/* Rendezvous in a private directory. Of every process that can be reached there is
 *     TOKEN.sock   its socket, for all its listeners
 *     TOKEN.lock   locked for as long as the process lives, however it ends
 * and of every listener an entry: a file named by the key of its address, which holds the token.
 * While a process lives, no other process changes its files. A file of a dead process is replaced or
 * removed by the process that has locked that one file, for microseconds. Readers need no lock: a
 * wrong or half-written entry leads to no process, and is read again later.
 */
#include "rendezvous.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "random.h"
#include "readiness.h"

enum { TOKEN = 16, DIRECTORY = 480, PATH = DIRECTORY + 32, REASON = 128 };

static struct {
    char directory[DIRECTORY];
    char token[TOKEN + 1];
    intptr_t lock; /* of TOKEN.lock */
    sn_socket listening;
    int watched; /* `listening`, for what */
    sn_socket spare; /* its descriptor is used to refuse a connection when there is no other */
    char error[DIRECTORY + REASON + 2]; /* why it could not be opened */
} rendezvous = {.lock = -1, .listening = SN_NO_SOCKET, .spare = SN_NO_SOCKET};

static bool is_open(void) { return rendezvous.listening != SN_NO_SOCKET; }

static const char *in_directory(char path[PATH], const char *name, const char *ending)
{
    snprintf(path, PATH, "%s/%.20s%s", rendezvous.directory, name, ending);
    return path;
}

static const char *entry_path(char path[PATH], uint64_t key)
{
    snprintf(path, PATH, "%s/%016" PRIx64, rendezvous.directory, key);
    return path;
}

static bool is_token(const char *text) { return strspn(text, "0123456789abcdef") >= TOKEN; }

/* The token of the process that an entry names. */
static bool read_token(const char *entry, char token[TOKEN + 1])
{
    memset(token, 0, TOKEN + 1);
    return sn_file_read(entry, token, TOKEN) == TOKEN && is_token(token);
}

static bool is_own(const char *entry)
{
    char token[TOKEN + 1];
    return read_token(entry, token) && strcmp(token, rendezvous.token) == 0;
}

/* A shared lock: two processes that check at once must not take each other for the owner. */
static intptr_t lock_of(const char *token)
{
    char path[PATH];
    return sn_file_lock(in_directory(path, token, ".lock"), SN_LOCK_SHARED);
}

static bool has_living_owner(const char *entry)
{
    char token[TOKEN + 1];
    intptr_t lock = read_token(entry, token) ? lock_of(token) : -1;
    if (lock >= 0)
        sn_file_unlock(lock);
    return lock == -2;
}

/* --- files of killed processes ---------------------------------------------------------------- */

static void sweep_process(const char *name)
{
    char path[PATH], token[TOKEN + 1] = "";
    intptr_t lock;
    memcpy(token, name, TOKEN);
    lock = lock_of(token);
    if (lock == -2)
        return;
    sn_file_remove(in_directory(path, token, ".sock"));
    if (lock >= 0) {
        sn_file_remove(in_directory(path, token, ".lock"));
        sn_file_unlock(lock);
    }
}

static void sweep_entry(const char *name)
{
    char path[PATH];
    intptr_t lock = -1;
    in_directory(path, name, "");
    if (!has_living_owner(path))
        lock = sn_file_lock(path, SN_LOCK_FILE);
    if (lock < 0)
        return;
    if (!has_living_owner(path)) /* it may have been replaced before it was locked */
        sn_file_remove(path);
    sn_file_unlock(lock);
}

static void sweep_file(const char *name)
{
    size_t length = strlen(name);
    if (length < TOKEN || !is_token(name))
        return;
    if (length == TOKEN)
        sweep_entry(name);
    else if (strcmp(name + TOKEN, ".lock") == 0 || strcmp(name + TOKEN, ".sock") == 0)
        sweep_process(name);
}

/* One process at a time is enough: others skip it. */
static void sweep(void)
{
    char path[PATH];
    intptr_t lock = sn_file_lock(in_directory(path, "lock", ""), SN_LOCK_OR_MAKE);
    if (lock < 0)
        return;
    sn_each_file(rendezvous.directory, sweep_file);
    sn_file_unlock(lock);
}

/* --- this process -------------------------------------------------------------------------- */

/* Of values that differ between processes. */
static void new_token(void)
{
    static uint64_t state;
    state ^= (uint64_t)sn_now() ^ (uint64_t)sn_process_id() << 32 ^ (uint64_t)(uintptr_t)&rendezvous;
    snprintf(rendezvous.token, sizeof rendezvous.token, "%016" PRIx64, lo_random(&state));
}

static void remove_own(void)
{
    char path[PATH];
    if (*rendezvous.token == '\0')
        return;
    sn_file_remove(in_directory(path, rendezvous.token, ".sock"));
    sn_file_remove(in_directory(path, rendezvous.token, ".lock"));
}

/* Keeps the directory's path and the error. */
static void release(void)
{
    if (is_open()) {
        lo_watch(rendezvous.listening, &rendezvous.watched, 0, NULL);
        sn_socket_close(rendezvous.listening);
    }
    if (rendezvous.lock >= 0)
        sn_file_unlock(rendezvous.lock);
    if (rendezvous.spare != SN_NO_SOCKET)
        sn_socket_close(rendezvous.spare);
    rendezvous.listening = rendezvous.spare = SN_NO_SOCKET;
    rendezvous.lock = -1;
    *rendezvous.token = '\0';
}

static bool open_socket(void)
{
    enum { TRIES = 8 };
    char path[PATH];
    /* A sweeping process may lock the new file first: then use another token. */
    for (int i = 0; i < TRIES && rendezvous.lock < 0; i++) {
        new_token();
        in_directory(path, rendezvous.token, ".lock");
        rendezvous.lock = sn_file_lock(path, SN_LOCK_NEW);
        if (rendezvous.lock == -1)
            break;
    }
    /* It is not empty, so that a full disk is noticed here. */
    if (rendezvous.lock >= 0 && sn_file_write(path, rendezvous.token, TOKEN))
        rendezvous.listening = sn_socket_listen(in_directory(path, rendezvous.token, ".sock"));
    return is_open();
}

bool lo_rendezvous_open(void)
{
    char reason[REASON];
    if (is_open())
        return true;
    if (!sn_private_directory(rendezvous.directory, sizeof rendezvous.directory, rendezvous.error,
                              sizeof rendezvous.error)) {
        *rendezvous.directory = '\0';
    } else if (!open_socket()) {
        sn_last_error(reason, sizeof reason);
        remove_own();
        release();
        snprintf(rendezvous.error, sizeof rendezvous.error, "%s: %s", reason, rendezvous.directory);
    } else {
        *rendezvous.error = '\0';
        lo_watch(rendezvous.listening, &rendezvous.watched, SN_READABLE, NULL);
        rendezvous.spare = sn_socket_spare();
        sweep();
    }
    return is_open();
}

const char *lo_rendezvous_error(void) { return *rendezvous.error != '\0' ? rendezvous.error : NULL; }

void lo_rendezvous_file_closed(void)
{
    if (!is_open())
        return;
    if (rendezvous.spare == SN_NO_SOCKET)
        rendezvous.spare = sn_socket_spare();
    lo_watch(rendezvous.listening, &rendezvous.watched, SN_READABLE, NULL);
}

bool lo_rendezvous_lost(void)
{
    char path[PATH];
    if (!is_open() ||
        (sn_file_still_named(rendezvous.lock, in_directory(path, rendezvous.token, ".lock")) &&
         sn_socket_exists(in_directory(path, rendezvous.token, ".sock")))) {
        lo_rendezvous_file_closed(); /* perhaps by the game */
        return false;
    }
    remove_own();
    release();
    return true;
}

void lo_rendezvous_close(void)
{
    remove_own();
    release();
    *rendezvous.directory = *rendezvous.error = '\0';
}

void lo_rendezvous_detach(void)
{
    rendezvous.watched = 0; /* by the parent's poller */
    *rendezvous.token = '\0'; /* the files are the parent's */
    lo_rendezvous_close();
}

/* --- entries ------------------------------------------------------------------------------- */

int lo_rendezvous_publish(uint64_t key, bool wait, char *error, size_t error_size)
{
    enum { TRIES = 20, PAUSE = 500 };
    char path[PATH];
    int published = LO_UNPUBLISHED;
    intptr_t lock;
    if (!lo_rendezvous_open()) {
        snprintf(error, error_size, "%s", rendezvous.error);
        return LO_UNPUBLISHED;
    }
    lock = sn_file_lock(entry_path(path, key), SN_LOCK_OR_MAKE);
    for (int i = 0; i < TRIES && wait && lock == -2; i++) {
        sn_sleep(PAUSE);
        lock = sn_file_lock(path, SN_LOCK_OR_MAKE);
    }
    if (lock == -2)
        snprintf(error, error_size, "another process has locked %s", path);
    else if (lock >= 0 && !is_own(path) && has_living_owner(path))
        published = LO_TAKEN;
    else if (lock >= 0 && sn_file_write(path, rendezvous.token, TOKEN))
        published = LO_PUBLISHED;
    else {
        char reason[REASON];
        sn_last_error(reason, sizeof reason);
        snprintf(error, error_size, "%s: %s", reason, path);
        if (lock >= 0)
            sn_file_remove(path); /* on a full disk the file exists, but is empty */
    }
    if (lock >= 0)
        sn_file_unlock(lock);
    return published;
}

bool lo_rendezvous_published(uint64_t key)
{
    char path[PATH];
    return is_open() && is_own(entry_path(path, key));
}

void lo_rendezvous_unpublish(uint64_t key)
{
    char path[PATH];
    if (lo_rendezvous_published(key))
        sn_file_remove(entry_path(path, key));
}

sn_socket lo_rendezvous_connect(uint64_t key)
{
    char path[PATH], token[TOKEN + 1];
    lo_rendezvous_open();
    if (*rendezvous.directory == '\0' || !read_token(entry_path(path, key), token) ||
        strcmp(token, rendezvous.token) == 0)
        return SN_NO_SOCKET;
    return sn_socket_connect(in_directory(path, token, ".sock"));
}

sn_socket lo_rendezvous_accept(bool *too_many_files)
{
    sn_socket accepted;
    if (!is_open())
        return SN_NO_SOCKET;
    accepted = sn_socket_accept(rendezvous.listening);
    *too_many_files = sn_too_many_files(accepted);
    if (accepted == SN_NO_SOCKET && *too_many_files && rendezvous.spare != SN_NO_SOCKET) {
        sn_socket_close(rendezvous.spare);
        rendezvous.spare = SN_NO_SOCKET;
        accepted = sn_socket_accept(rendezvous.listening);
    }
    if (accepted == SN_NO_SOCKET && *too_many_files) /* who waits would be woken again and again */
        lo_watch(rendezvous.listening, &rendezvous.watched, 0, NULL);
    return accepted;
}
