/* What Steam's servers know of lobbies and users: a file that the processes of this machine map. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

static world *shared;
static int file = -1;
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;
static uint64_t taken; /* callbacks of the world that this process has seen */

world *lock_world(void)
{
    pthread_mutex_lock(&threads);
    while (file >= 0 && flock(file, LOCK_EX) != 0 && errno == EINTR)
        ;
    return shared;
}

void unlock_world(void)
{
    if (file >= 0)
        flock(file, LOCK_UN);
    pthread_mutex_unlock(&threads);
}

lobby *find_lobby(world *all, uint64_t id)
{
    for (int i = 0; i < LOBBIES && id != 0; i++)
        if (all->lobbies[i].id == id)
            return &all->lobbies[i];
    return NULL;
}

bool is_member(const lobby *one, uint64_t id)
{
    for (int i = 0; one != NULL && i < one->count; i++)
        if (one->members[i] == id)
            return true;
    return false;
}

user *find_user(world *all, uint64_t id)
{
    for (int i = 0; i < USERS; i++)
        if (all->users[i].id == id)
            return &all->users[i];
    return NULL;
}

static pair *find_pair(world *all, uint64_t lobby_id, uint64_t member, const char *key)
{
    for (int i = 0; i < PAIRS; i++) {
        pair *one = &all->pairs[i];
        if (one->lobby == lobby_id && one->member == member && strcmp(one->key, key) == 0)
            return one;
    }
    return NULL;
}

const char *get_pair(world *all, uint64_t lobby_id, uint64_t member, const char *key)
{
    const pair *found = find_pair(all, lobby_id, member, key);
    return found != NULL ? found->value : "";
}

bool set_pair(world *all, uint64_t lobby_id, uint64_t member, const char *key, const char *value)
{
    pair *one = find_pair(all, lobby_id, member, key);
    if (strlen(key) > k_nMaxLobbyKeyLength || strlen(value) > k_cubChatMetadataMax || key[0] == '\0')
        return false;
    if (value[0] == '\0') {
        if (one != NULL)
            memset(one, 0, sizeof *one);
        return true;
    }
    for (int i = 0; i < PAIRS && one == NULL; i++)
        if (all->pairs[i].lobby == 0)
            one = &all->pairs[i];
    if (one == NULL)
        return false;
    one->lobby = lobby_id;
    one->member = member;
    snprintf(one->key, sizeof one->key, "%s", key);
    snprintf(one->value, sizeof one->value, "%s", value);
    return true;
}

told *tell(world *all, uint64_t to, int id, const void *param, size_t size)
{
    told *made = &all->log[all->told++ % LOG];
    *made = (told){.to = to, .id = id, .size = (int)size};
    memcpy(made->param, param, size);
    return made;
}

void tell_members(world *all, const lobby *one, uint64_t but, int id, const void *param, size_t size)
{
    for (int i = 0; i < one->count; i++)
        if (one->members[i] != but)
            tell(all, one->members[i], id, param, size);
}

static void changed(world *all, lobby *one, uint64_t who, int how)
{
    LobbyChatUpdate_t update = {one->id, who, who, (uint32_t)how};
    tell_members(all, one, who, k_iCallback_LobbyChatUpdate, &update, sizeof update);
}

void enter_lobby(world *all, lobby *one, uint64_t id)
{
    LobbyDataUpdate_t data = {one->id, one->id, 1};
    if (is_member(one, id))
        return;
    one->members[one->count++] = id;
    changed(all, one, id, k_EChatMemberStateChangeEntered);
    tell(all, id, k_iCallback_LobbyDataUpdate, &data, sizeof data);
}

void remove_member(world *all, lobby *one, uint64_t id, int how)
{
    for (int i = 0; i < one->count; i++)
        if (one->members[i] == id) {
            memmove(&one->members[i], &one->members[i + 1],
                    (size_t)(one->count - i - 1) * sizeof one->members[0]);
            one->count--;
            for (int j = 0; j < PAIRS; j++)
                if (all->pairs[j].lobby == one->id && (all->pairs[j].member == id || one->count == 0))
                    memset(&all->pairs[j], 0, sizeof all->pairs[j]);
            if (one->owner == id)
                one->owner = one->members[0];
            changed(all, one, id, how);
            if (one->count == 0)
                memset(one, 0, sizeof *one);
            return;
        }
}

/* --- this process's user ------------------------------------------------------------------------ */

static void leave_all(world *all, uint64_t id)
{
    for (int i = 0; i < LOBBIES; i++)
        remove_member(all, &all->lobbies[i], id, k_EChatMemberStateChangeDisconnected);
}

void lobbies_open(uint64_t steam_id)
{
    const char *folder = getenv("STEAMNET_FAKE_STEAM_RENDEZVOUS"), *name = getenv("STEAMNET_FAKE_STEAM_NAME");
    char path[4096];
    world *all;
    user *own;
    if (folder != NULL) {
        snprintf(path, sizeof path, "%s/world", folder);
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0 || ftruncate(file, sizeof(world)) != 0)
            abort();
    }
    shared = mmap(NULL, sizeof(world), PROT_READ | PROT_WRITE,
                  file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file, 0);
    if (shared == MAP_FAILED)
        abort();
    all = lock_world();
    leave_all(all, steam_id); /* from an earlier process of this user's */
    taken = all->told;
    own = find_user(all, steam_id);
    own = own != NULL ? own : find_user(all, 0);
    if (own == NULL)
        abort();
    *own = (user){.id = steam_id};
    if (name != NULL)
        snprintf(own->name, sizeof own->name, "%s", name);
    else
        snprintf(own->name, sizeof own->name, "Player %d", (int)(steam_id % 1000));
    unlock_world();
}

void lobbies_close(uint64_t steam_id)
{
    world *all = lock_world();
    user *own = find_user(all, steam_id);
    leave_all(all, steam_id);
    if (own != NULL)
        memset(own, 0, sizeof *own);
    unlock_world();
    munmap(shared, sizeof(world));
    if (file >= 0)
        close(file);
    file = -1;
    shared = NULL;
}

bool lobbies_next(uint64_t steam_id, int *id, int *size, void *param)
{
    world *all = lock_world();
    bool found = false;
    for (int i = 0; i < LOBBIES; i++) /* a process that died leaves its lobbies */
        for (int j = 0; j < all->lobbies[i].count; j++)
            if (!rendezvous_alive(all->lobbies[i].members[j]))
                remove_member(all, &all->lobbies[i], all->lobbies[i].members[j--],
                              k_EChatMemberStateChangeDisconnected);
    if (all->told > LOG && taken < all->told - LOG)
        abort(); /* this process has not run callbacks for too long */
    for (; taken < all->told && !found; taken++) {
        const told *one = &all->log[taken % LOG];
        found = one->to == steam_id;
        if (found) {
            *id = one->id;
            *size = one->size;
            memcpy(param, one->param, sizeof one->param);
        }
    }
    unlock_world();
    return found;
}
