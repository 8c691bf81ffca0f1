/* What Steam's servers know of lobbies and users: shared by the processes of this machine. */
#ifndef WORLD_H
#define WORLD_H

#include "fake_steam.h"

enum { LOBBIES = 64, MEMBERS = 64, PAIRS = 512, LOG = 2048, USERS = 64, PRESENCES = 8 };

typedef struct lobby {
    uint64_t id; /* 0: this place is free */
    uint64_t owner;
    int type, limit, count;
    bool joinable;
    uint64_t members[MEMBERS];
} lobby;

/* Data of a lobby (member 0) or of one of its members. */
typedef struct pair {
    uint64_t lobby, member;
    char key[k_nMaxLobbyKeyLength + 1];
    char value[k_cubChatMetadataMax + 1];
} pair;

/* A callback on its way to a user; of a chat message, its text too. */
typedef struct told {
    uint64_t to;
    int id, size;
    union {
        char param[264];
        uint64_t aligned;
    };
    uint64_t chat_from;
    int chat_size;
    char chat[k_cbMaxLobbyChatMsg];
} told;

typedef struct user {
    uint64_t id;
    char name[64];
    struct {
        char key[64];
        char value[256];
    } presence[PRESENCES];
} user;

typedef struct world {
    uint64_t made; /* lobbies so far */
    uint64_t told; /* callbacks so far: number n is log[n % LOG] */
    lobby lobbies[LOBBIES];
    pair pairs[PAIRS];
    told log[LOG];
    user users[USERS];
} world;

/* The world, locked against other processes and threads until unlock_world. */
world *lock_world(void);
void unlock_world(void);
/* Which lobby; NULL if there is none. */
lobby *find_lobby(world *all, uint64_t id);
bool is_member(const lobby *one, uint64_t id);
user *find_user(world *all, uint64_t id);
/* The value; "" where there is none. */
const char *get_pair(world *all, uint64_t lobby_id, uint64_t member, const char *key);
bool set_pair(world *all, uint64_t lobby_id, uint64_t member, const char *key, const char *value);
told *tell(world *all, uint64_t to, int id, const void *param, size_t size);
void tell_members(world *all, const lobby *one, uint64_t but, int id, const void *param, size_t size);
void enter_lobby(world *all, lobby *one, uint64_t id);
void remove_member(world *all, lobby *one, uint64_t id, int how);

#endif
