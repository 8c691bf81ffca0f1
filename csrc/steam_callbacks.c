/* The callbacks that Steam itself makes, queued for Python.
 *
 * They run on the thread that pumps Steam, which is another binding's where we are attached to its Steam.
 */
#include "steam_callbacks.h"

#include <string.h>

#include "events.h"
#include "guard.h"

enum { k_ECallbackFlagsGameServer = 2 };

static void run_event(sn_steam_callback *self, const void *param);
static void run_lobby(sn_steam_callback *self, const void *param);
static void run_chat(sn_steam_callback *self, const void *param);

static const struct {
    int id, size;
    void (*run)(sn_steam_callback *self, const void *param);
} rows[] = {
    {k_iCallback_SteamServersConnected, 1, run_event},
    {k_iCallback_SteamServerConnectFailure, 8, run_event},
    {k_iCallback_SteamServersDisconnected, 4, run_event},
    {k_iCallback_SteamShutdown, 1, run_event},
    {k_iCallback_LobbyInvite, sizeof(LobbyInvite_t), run_lobby},
    {k_iCallback_LobbyDataUpdate, sizeof(LobbyDataUpdate_t), run_lobby},
    {k_iCallback_LobbyChatUpdate, sizeof(LobbyChatUpdate_t), run_lobby},
    {k_iCallback_LobbyChatMsg, sizeof(LobbyChatMsg_t), run_chat},
    {k_iCallback_LobbyKicked, sizeof(LobbyKicked_t), run_lobby},
    {k_iCallback_GameLobbyJoinRequested, sizeof(GameLobbyJoinRequested_t), run_lobby},
    {k_iCallback_GameRichPresenceJoinRequested, sizeof(GameRichPresenceJoinRequested_t), run_lobby},
};
_Static_assert(sizeof rows / sizeof rows[0] == SN_STEAM_CALLBACKS, "a callback for each row");

static int row_of(const sn_steam_callback *self)
{
    int i = 0;
    while (rows[i].id != self->m_iCallback)
        i++;
    return i;
}

static void run_event(sn_steam_callback *self, const void *param)
{
    sn_event event = {.kind = self->m_iCallback};
    /* Of the four, those that are larger than a byte begin with an EResult. */
    if (rows[row_of(self)].size > 1)
        memcpy(&event.result, param, sizeof event.result);
    sn_events_push(atomic_load(self->engine), &event);
}

/* What sn_next_callback takes out: the id, the parameter, and what comes after it. */
typedef struct record {
    int id;
    char bytes[SN_CALLBACK_SIZE];
} record;
_Static_assert(SN_CALLBACK_SIZE >= sizeof(LobbyChatMsg_t) + k_cbMaxLobbyChatMsg, "a whole chat message");

static void push(sn_engine *engine, int id, const void *param, int size, const char *tail, int tail_size)
{
    record made = {.id = id};
    memcpy(made.bytes, param, (size_t)size);
    if (engine != NULL)
        sn_queue_push(&engine->callbacks, &made, offsetof(record, bytes) + (size_t)size, tail,
                      (size_t)tail_size);
}

static void run_lobby(sn_steam_callback *self, const void *param)
{
    push(atomic_load(self->engine), self->m_iCallback, param, rows[row_of(self)].size, NULL, 0);
}

/* The message is asked for at once: it is not there any more when its lobby has been left. */
static void run_chat(sn_steam_callback *self, const void *param)
{
    sn_engine *engine = atomic_load(self->engine);
    LobbyChatMsg_t told;
    char message[k_cbMaxLobbyChatMsg];
    int size = 0;
    memcpy(&told, param, sizeof told);
    if (told.m_eChatEntryType != k_EChatEntryTypeChatMsg || engine == NULL || !sn_enter(engine))
        return;
    if (engine->flat.ISteamMatchmaking_GetLobbyChatEntry != NULL) {
        uint64_t user = 0;
        EChatEntryType type = 0;
        size = engine->flat.ISteamMatchmaking_GetLobbyChatEntry(engine->matchmaking, told.m_ulSteamIDLobby,
                                                                (int)told.m_iChatID, &user, message,
                                                                sizeof message, &type);
    }
    sn_leave(engine);
    size = size < 0 ? 0 : size > (int)sizeof message ? (int)sizeof message : size;
    push(engine, self->m_iCallback, &told, sizeof told, message, size);
}

static void run(sn_steam_callback *self, const void *param)
{
    if (param != NULL)
        rows[row_of(self)].run(self, param);
}

static int callback_size(sn_steam_callback *self) { return rows[row_of(self)].size; }

static const sn_steam_callback_table callback_table = {run, run, callback_size};

void sn_steam_callbacks_register(sn_steam_callbacks *callbacks, _Atomic(sn_engine *) *engine,
                                 bool for_server, sn_register_callback register_callback)
{
    for (int i = 0; i < SN_STEAM_CALLBACKS; i++) {
        uint8_t flags = for_server ? k_ECallbackFlagsGameServer : 0;
        callbacks->all[i] = (sn_steam_callback){&callback_table, flags, rows[i].id, engine};
        register_callback(&callbacks->all[i], rows[i].id);
    }
}

void sn_steam_callbacks_unregister(sn_steam_callbacks *callbacks, sn_unregister_callback unregister_callback)
{
    for (int i = 0; i < SN_STEAM_CALLBACKS; i++)
        unregister_callback(&callbacks->all[i]);
}

int sn_next_callback(sn_engine *engine, int *id, void *param, int size)
{
    record taken;
    size_t lost = sn_queue_lost(&engine->callbacks);
    size_t found = sizeof taken.id + sizeof lost;
    if (lost > 0) {
        taken.id = SN_EVENTS_LOST;
        memcpy(taken.bytes, &lost, sizeof lost);
    } else {
        found = sn_queue_pop(&engine->callbacks, &taken, sizeof taken);
    }
    if (found == SIZE_MAX)
        return -1;
    found -= offsetof(record, bytes);
    *id = taken.id;
    memcpy(param, taken.bytes, found < (size_t)size ? found : (size_t)size);
    return (int)found;
}
