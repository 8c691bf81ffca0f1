/* ISteamMatchmaking: lobbies, and the results of calls, which come late, never, failed or out of order. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ISteamMatchmaking {
    char nothing;
} the_matchmaking;
ISteamMatchmaking *lobbies_interface(void) { return &the_matchmaking; }

/* A call through an interface that there is not ends the process, as in Valve's library. */
static uint64_t use(const ISteamMatchmaking *self)
{
    if (self != &the_matchmaking || network_steam_id() == 0)
        abort();
    return network_steam_id();
}

/* --- what a test orders --------------------------------------------------------------------------- */

/* "", or how calls are answered from now on: "late", "never", "failed", "gone", "reversed" (none until
 * two wait), "lying" (about how many lobbies there are, and which was made). */
static char order[16];
EXPORT void fake_steam_calls(const char *how) { snprintf(order, sizeof order, "%s", how); }
static bool ordered(const char *how) { return strcmp(order, how) == 0; }

/* The player clicks "Join game" in Steam, on an invitation to a lobby or on what a friend shows. */
EXPORT void fake_steam_accept(uint64_t lobby_id, uint64_t friend_id)
{
    GameLobbyJoinRequested_t request = {lobby_id, friend_id};
    tell(lock_world(), network_steam_id(), k_iCallback_GameLobbyJoinRequested, &request, sizeof request);
    unlock_world();
}

EXPORT void fake_steam_accept_presence(uint64_t friend_id, const char *connect)
{
    GameRichPresenceJoinRequested_t request = {.m_steamIDFriend = friend_id};
    memset(request.m_rgchConnect, 'x', sizeof request.m_rgchConnect); /* and no end of a long text */
    memcpy(request.m_rgchConnect, connect, strnlen(connect, 255) + 1);
    if (strlen(connect) > 255)
        request.m_rgchConnect[255] = 'x';
    tell(lock_world(), network_steam_id(), k_iCallback_GameRichPresenceJoinRequested, &request,
         sizeof request);
    unlock_world();
}

/* Steam loses its servers: the player is in no lobby any more. */
EXPORT void fake_steam_disconnect(void)
{
    world *all = lock_world();
    uint64_t own = network_steam_id();
    for (int i = 0; i < LOBBIES; i++)
        if (is_member(&all->lobbies[i], own)) {
            LobbyKicked_t kicked = {all->lobbies[i].id, own, 1};
            remove_member(all, &all->lobbies[i], own, k_EChatMemberStateChangeDisconnected);
            tell(all, own, k_iCallback_LobbyKicked, &kicked, sizeof kicked);
        }
    unlock_world();
}

/* A lobby is gone, and nobody is told. */
EXPORT void fake_steam_vanish(uint64_t lobby_id)
{
    lobby *one = find_lobby(lock_world(), lobby_id);
    if (one != NULL)
        memset(one, 0, sizeof *one);
    unlock_world();
}

/* Any callback with any bytes. */
EXPORT void fake_steam_callback(int id, const void *param, int size)
{
    tell(lock_world(), network_steam_id(), id, param, (size_t)size);
    unlock_world();
}

/* --- calls and their results ------------------------------------------------------------------------ */

enum { CALLS = 64 };
static struct call {
    SteamAPICall_t handle; /* 0: this place is free */
    int id;
    int wait; /* runs of callbacks until it is answered */
    bool done, failed;
    ELobbyType type;
    int limit;
    uint64_t lobby;
    int size;
    char result[sizeof(LobbyEnter_t)];
} calls[CALLS];
static SteamAPICall_t made;

static struct {
    int count;
    uint64_t lobbies[LOBBIES];
} known, listed; /* lobbies whose data is here, and the last list's */

enum { STRINGS = 1, NUMBERS, NEAR };
static struct {
    int count, slots, limit;
    struct {
        int what, value, comparison;
        char key[k_nMaxLobbyKeyLength + 1], text[256];
    } each[16];
} filters, asked;

void calls_reset(void)
{
    memset(calls, 0, sizeof calls);
    memset(&known, 0, sizeof known);
    memset(&listed, 0, sizeof listed);
    memset(&filters, 0, sizeof filters);
    order[0] = '\0';
}

static void know(uint64_t lobby_id)
{
    known.lobbies[known.count++ % LOBBIES] = lobby_id;
}

static bool knows(const lobby *one)
{
    for (int i = 0; one != NULL && i < LOBBIES; i++)
        if (known.lobbies[i] == one->id)
            return true;
    return one != NULL && is_member(one, network_steam_id());
}

static struct call *begin(int id)
{
    for (int i = 0; i < CALLS; i++)
        if (calls[i].handle == 0) {
            calls[i] = (struct call){.handle = ++made << 8, .id = id, .wait = ordered("late") ? 30 : 1};
            return &calls[i];
        }
    abort();
}

static void answer(struct call *call, const void *result, size_t size)
{
    memcpy(call->result, result, size);
    call->size = (int)size;
}

static bool fits(world *all, const lobby *one)
{
    if (one->id == 0 || !one->joinable || one->count >= one->limit || one->limit - one->count < asked.slots ||
        (one->type != k_ELobbyTypePublic && one->type != k_ELobbyTypeInvisible))
        return false;
    for (int i = 0; i < asked.count; i++) {
        const char *value = get_pair(all, one->id, 0, asked.each[i].key);
        int wanted = asked.each[i].comparison;
        int found = asked.each[i].what == STRINGS ? strcmp(value, asked.each[i].text)
                                                  : atoi(value) - asked.each[i].value;
        if (asked.each[i].what == NEAR)
            continue;
        if (!(wanted == k_ELobbyComparisonEqual                ? found == 0
              : wanted == k_ELobbyComparisonNotEqual           ? found != 0
              : wanted == k_ELobbyComparisonLessThan           ? found < 0
              : wanted == k_ELobbyComparisonGreaterThan        ? found > 0
              : wanted == k_ELobbyComparisonEqualToOrLessThan  ? found <= 0
                                                               : found >= 0))
            return false;
    }
    return true;
}

static int distance(world *all, uint64_t id)
{
    for (int i = 0; i < asked.count; i++)
        if (asked.each[i].what == NEAR)
            return abs(atoi(get_pair(all, id, 0, asked.each[i].key)) - asked.each[i].value);
    return 0;
}

static void answer_list(world *all, struct call *call)
{
    LobbyMatchList_t result;
    memset(&listed, 0, sizeof listed);
    for (int i = 0; i < LOBBIES; i++)
        if (fits(all, &all->lobbies[i])) {
            int at = listed.count++;
            for (; at > 0 && distance(all, listed.lobbies[at - 1]) > distance(all, all->lobbies[i].id); at--)
                listed.lobbies[at] = listed.lobbies[at - 1];
            listed.lobbies[at] = all->lobbies[i].id;
        }
    if (listed.count > asked.limit)
        listed.count = asked.limit;
    for (int i = 0; i < listed.count; i++)
        know(listed.lobbies[i]);
    result.m_nLobbiesMatching = ordered("lying") ? 4000000000u : (uint32_t)listed.count;
    answer(call, &result, sizeof result);
}

/* How many lobbies could be found before they had data. */
static int bare;
EXPORT int fake_steam_bare(void) { return bare; }

static bool in_another(world *all, uint64_t own, const lobby *than)
{
    for (int i = 0; i < LOBBIES; i++)
        if (&all->lobbies[i] != than && all->lobbies[i].type != k_ELobbyTypeInvisible &&
            is_member(&all->lobbies[i], own))
            return true;
    return false;
}

static void answer_create(world *all, struct call *call)
{
    LobbyCreated_t result = {k_EResultLimitExceeded, 0};
    uint64_t own = network_steam_id();
    if (call->type == k_ELobbyTypeInvisible || !in_another(all, own, NULL)) {
        lobby *one = all->lobbies;
        while (one->id != 0)
            if (++one == all->lobbies + LOBBIES)
                abort();
        /* A Steam ID of the public universe: a chat, and of those a lobby of matchmaking. */
        *one = (lobby){(uint64_t)1 << 56 | (uint64_t)8 << 52 | (uint64_t)0x60000 << 32 | ++all->made, own,
                       call->type, call->limit, 0, true, {0}};
        bare += call->type == k_ELobbyTypePublic;
        enter_lobby(all, one, own);
        result = (LobbyCreated_t){k_EResultOK, ordered("lying") ? 0 : one->id};
    }
    answer(call, &result, sizeof result);
}

static void answer_join(world *all, struct call *call)
{
    lobby *one = find_lobby(all, call->lobby);
    uint64_t own = network_steam_id();
    uint32_t response = k_EChatRoomEnterResponseSuccess;
    LobbyEnter_t result;
    if (one == NULL)
        response = k_EChatRoomEnterResponseDoesntExist;
    else if (is_member(one, own))
        response = k_EChatRoomEnterResponseSuccess;
    else if (!one->joinable)
        response = k_EChatRoomEnterResponseNotAllowed;
    else if (one->count >= one->limit)
        response = k_EChatRoomEnterResponseFull;
    else if (one->type != k_ELobbyTypeInvisible && in_another(all, own, one))
        response = k_EChatRoomEnterResponseError;
    else
        enter_lobby(all, one, own);
    result = (LobbyEnter_t){call->lobby, 0, false, response};
    answer(call, &result, sizeof result);
}

static void complete(world *all, struct call *call)
{
    call->done = true;
    call->failed = ordered("failed") || ordered("gone");
    if (!call->failed)
        (call->id == k_iCallback_LobbyMatchList ? answer_list
         : call->id == k_iCallback_LobbyCreated ? answer_create
                                                : answer_join)(all, call);
}

void calls_pump(void)
{
    struct call *last = NULL;
    world *all = lock_world();
    int waiting = 0;
    for (int i = 0; i < CALLS; i++) {
        struct call *call = &calls[i];
        if (call->handle == 0 || call->done || ordered("never"))
            continue;
        waiting++;
        if (last == NULL || call->handle > last->handle)
            last = call;
        if (!ordered("reversed") && --call->wait <= 0)
            complete(all, call);
    }
    if (ordered("reversed") && (waiting > 1 || (last != NULL && --last->wait < -10)))
        complete(all, last);
    unlock_world();
}

static struct call *find_call(SteamAPICall_t handle)
{
    for (int i = 0; i < CALLS; i++)
        if (handle != 0 && calls[i].handle == handle)
            return &calls[i];
    return NULL;
}

static ESteamAPICallFailure reason = k_ESteamAPICallFailureNone;

EXPORT bool SteamAPI_ISteamUtils_IsAPICallCompleted(ISteamUtils *self, SteamAPICall_t hSteamAPICall,
                                                    bool *pbFailed)
{
    const struct call *call = find_call(hSteamAPICall);
    if (self == NULL)
        abort();
    reason = call == NULL       ? k_ESteamAPICallFailureInvalidHandle
             : ordered("gone")  ? k_ESteamAPICallFailureSteamGone
             : call->failed     ? k_ESteamAPICallFailureNetworkFailure
                                : k_ESteamAPICallFailureNone;
    *pbFailed = call == NULL || call->failed;
    return call == NULL || call->done;
}

EXPORT bool SteamAPI_ISteamUtils_GetAPICallResult(ISteamUtils *self, SteamAPICall_t hSteamAPICall,
                                                  void *pCallback, int cubCallback, int iCallbackExpected,
                                                  bool *pbFailed)
{
    struct call *call = find_call(hSteamAPICall);
    (void)self;
    if (call == NULL || !call->done)
        return false;
    if (call->id != iCallbackExpected || (!call->failed && call->size != cubCallback)) {
        reason = k_ESteamAPICallFailureMismatchedCallback;
        return false;
    }
    *pbFailed = call->failed;
    memcpy(pCallback, call->result, (size_t)call->size);
    memset(call, 0, sizeof *call); /* a result is taken once */
    return true;
}

EXPORT ESteamAPICallFailure SteamAPI_ISteamUtils_GetAPICallFailureReason(ISteamUtils *self,
                                                                         SteamAPICall_t hSteamAPICall)
{
    (void)self, (void)hSteamAPICall;
    return reason;
}

/* --- what begins a call ------------------------------------------------------------------------------- */

EXPORT SteamAPICall_t SteamAPI_ISteamMatchmaking_CreateLobby(ISteamMatchmaking *self, ELobbyType eLobbyType,
                                                             int cMaxMembers)
{
    struct call *call;
    use(self);
    lock_world();
    call = begin(k_iCallback_LobbyCreated);
    call->type = eLobbyType;
    call->limit = cMaxMembers < MEMBERS ? cMaxMembers : MEMBERS;
    unlock_world();
    return call->handle;
}

EXPORT SteamAPICall_t SteamAPI_ISteamMatchmaking_JoinLobby(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    struct call *call;
    use(self);
    lock_world();
    call = begin(k_iCallback_LobbyEnter);
    call->lobby = steamIDLobby;
    unlock_world();
    return call->handle;
}

static void filter(int what, const char *key, const char *text, int value, int comparison)
{
    if (filters.count < 16) {
        int i = filters.count++;
        filters.each[i].what = what;
        filters.each[i].value = value;
        filters.each[i].comparison = comparison;
        snprintf(filters.each[i].key, sizeof filters.each[i].key, "%s", key);
        snprintf(filters.each[i].text, sizeof filters.each[i].text, "%s", text);
    }
}

EXPORT void SteamAPI_ISteamMatchmaking_AddRequestLobbyListStringFilter(ISteamMatchmaking *self,
                                                                       const char *pchKeyToMatch,
                                                                       const char *pchValueToMatch,
                                                                       ELobbyComparison eComparisonType)
{
    use(self);
    filter(STRINGS, pchKeyToMatch, pchValueToMatch, 0, eComparisonType);
}

EXPORT void SteamAPI_ISteamMatchmaking_AddRequestLobbyListNumericalFilter(ISteamMatchmaking *self,
                                                                          const char *pchKeyToMatch,
                                                                          int nValueToMatch,
                                                                          ELobbyComparison eComparisonType)
{
    use(self);
    filter(NUMBERS, pchKeyToMatch, "", nValueToMatch, eComparisonType);
}

EXPORT void SteamAPI_ISteamMatchmaking_AddRequestLobbyListNearValueFilter(ISteamMatchmaking *self,
                                                                          const char *pchKeyToMatch,
                                                                          int nValueToBeCloseTo)
{
    use(self);
    filter(NEAR, pchKeyToMatch, "", nValueToBeCloseTo, 0);
}

EXPORT void SteamAPI_ISteamMatchmaking_AddRequestLobbyListFilterSlotsAvailable(ISteamMatchmaking *self,
                                                                               int nSlotsAvailable)
{
    use(self);
    filters.slots = nSlotsAvailable;
}

static int asked_distance = k_ELobbyDistanceFilterDefault;
EXPORT int fake_steam_distance(void) { return asked_distance; }

EXPORT void SteamAPI_ISteamMatchmaking_AddRequestLobbyListDistanceFilter(
    ISteamMatchmaking *self, ELobbyDistanceFilter eLobbyDistanceFilter)
{
    use(self);
    asked_distance = eLobbyDistanceFilter;
}

EXPORT void SteamAPI_ISteamMatchmaking_AddRequestLobbyListResultCountFilter(ISteamMatchmaking *self,
                                                                            int cMaxResults)
{
    use(self);
    filters.limit = cMaxResults;
}

EXPORT SteamAPICall_t SteamAPI_ISteamMatchmaking_RequestLobbyList(ISteamMatchmaking *self)
{
    SteamAPICall_t handle;
    use(self);
    lock_world();
    asked = filters;
    asked.limit = asked.limit > 0 ? asked.limit : 50;
    memset(&filters, 0, sizeof filters);
    handle = begin(k_iCallback_LobbyMatchList)->handle;
    unlock_world();
    return handle;
}

EXPORT uint64_t SteamAPI_ISteamMatchmaking_GetLobbyByIndex(ISteamMatchmaking *self, int iLobby)
{
    use(self);
    return iLobby >= 0 && iLobby < listed.count ? listed.lobbies[iLobby] : 0;
}

EXPORT bool SteamAPI_ISteamMatchmaking_RequestLobbyData(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    uint64_t own = use(self);
    world *all = lock_world();
    bool there = find_lobby(all, steamIDLobby) != NULL;
    LobbyDataUpdate_t update = {steamIDLobby, steamIDLobby, there};
    if (there)
        know(steamIDLobby);
    if (!ordered("never") && !ordered("failed"))
        tell(all, own, k_iCallback_LobbyDataUpdate, &update, sizeof update);
    unlock_world();
    return !ordered("failed");
}

/* --- in a lobby ----------------------------------------------------------------------------------- */

EXPORT void SteamAPI_ISteamMatchmaking_LeaveLobby(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    uint64_t own = use(self);
    world *all = lock_world();
    lobby *one = find_lobby(all, steamIDLobby);
    if (one != NULL)
        remove_member(all, one, own, k_EChatMemberStateChangeLeft);
    unlock_world();
}

EXPORT bool SteamAPI_ISteamMatchmaking_InviteUserToLobby(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                         uint64_t steamIDInvitee)
{
    uint64_t own = use(self);
    world *all = lock_world();
    LobbyInvite_t invite = {own, steamIDLobby, 480};
    bool may = is_member(find_lobby(all, steamIDLobby), own);
    if (may)
        tell(all, steamIDInvitee, k_iCallback_LobbyInvite, &invite, sizeof invite);
    unlock_world();
    return may;
}

EXPORT int SteamAPI_ISteamMatchmaking_GetNumLobbyMembers(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    const lobby *one;
    int count;
    use(self);
    one = find_lobby(lock_world(), steamIDLobby);
    count = knows(one) ? one->count : 0;
    unlock_world();
    return count;
}

EXPORT uint64_t SteamAPI_ISteamMatchmaking_GetLobbyMemberByIndex(ISteamMatchmaking *self,
                                                                 uint64_t steamIDLobby, int iMember)
{
    uint64_t own = use(self), member = 0;
    const lobby *one = find_lobby(lock_world(), steamIDLobby);
    if (is_member(one, own) && iMember >= 0 && iMember < one->count)
        member = one->members[iMember];
    unlock_world();
    return member;
}

/* A text stays until the next is asked for. */
static char text[k_cubChatMetadataMax + 1];

EXPORT const char *SteamAPI_ISteamMatchmaking_GetLobbyData(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                           const char *pchKey)
{
    world *all;
    use(self);
    all = lock_world();
    text[0] = '\0';
    if (knows(find_lobby(all, steamIDLobby)))
        snprintf(text, sizeof text, "%s", get_pair(all, steamIDLobby, 0, pchKey));
    unlock_world();
    return text;
}

/* Owners only; then the members are told that the lobby has changed. */
static bool change(ISteamMatchmaking *self, uint64_t id, bool (*how)(world *all, lobby *one, const void *a,
                                                                     const void *b),
                   const void *a, const void *b)
{
    uint64_t own = use(self);
    world *all = lock_world();
    lobby *one = find_lobby(all, id);
    bool may = one != NULL && one->owner == own && how(all, one, a, b);
    LobbyDataUpdate_t update = {id, id, 1};
    if (may)
        tell_members(all, one, 0, k_iCallback_LobbyDataUpdate, &update, sizeof update);
    unlock_world();
    return may;
}

static bool set_data(world *all, lobby *one, const void *key, const void *value)
{
    return set_pair(all, one->id, 0, key, value);
}
static bool set_type(world *all, lobby *one, const void *type, const void *unused)
{
    bool empty = true;
    (void)unused;
    memcpy(&one->type, type, sizeof one->type);
    for (int i = 0; i < PAIRS; i++)
        empty = empty && all->pairs[i].lobby != one->id;
    bare += empty;
    return true;
}
static bool set_joinable(world *all, lobby *one, const void *joinable, const void *unused)
{
    (void)all, (void)unused;
    memcpy(&one->joinable, joinable, sizeof one->joinable);
    return true;
}
static bool set_limit(world *all, lobby *one, const void *limit, const void *unused)
{
    (void)all, (void)unused;
    memcpy(&one->limit, limit, sizeof one->limit);
    return true;
}
static bool set_owner(world *all, lobby *one, const void *owner, const void *unused)
{
    uint64_t wanted;
    (void)all, (void)unused;
    memcpy(&wanted, owner, sizeof wanted);
    if (is_member(one, wanted))
        one->owner = wanted;
    return one->owner == wanted;
}

EXPORT bool SteamAPI_ISteamMatchmaking_SetLobbyData(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                    const char *pchKey, const char *pchValue)
{
    return change(self, steamIDLobby, set_data, pchKey, pchValue);
}

EXPORT bool SteamAPI_ISteamMatchmaking_DeleteLobbyData(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                       const char *pchKey)
{
    return change(self, steamIDLobby, set_data, pchKey, "");
}

EXPORT bool SteamAPI_ISteamMatchmaking_SetLobbyType(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                    ELobbyType eLobbyType)
{
    return change(self, steamIDLobby, set_type, &eLobbyType, NULL);
}

EXPORT bool SteamAPI_ISteamMatchmaking_SetLobbyJoinable(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                        bool bLobbyJoinable)
{
    return change(self, steamIDLobby, set_joinable, &bLobbyJoinable, NULL);
}

EXPORT bool SteamAPI_ISteamMatchmaking_SetLobbyMemberLimit(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                           int cMaxMembers)
{
    return change(self, steamIDLobby, set_limit, &cMaxMembers, NULL);
}

EXPORT bool SteamAPI_ISteamMatchmaking_SetLobbyOwner(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                     uint64_t steamIDNewOwner)
{
    return change(self, steamIDLobby, set_owner, &steamIDNewOwner, NULL);
}

EXPORT int SteamAPI_ISteamMatchmaking_GetLobbyMemberLimit(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    const lobby *one;
    int limit;
    use(self);
    one = find_lobby(lock_world(), steamIDLobby);
    limit = knows(one) ? one->limit : 0;
    unlock_world();
    return limit;
}

EXPORT uint64_t SteamAPI_ISteamMatchmaking_GetLobbyOwner(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    uint64_t own = use(self);
    const lobby *one = find_lobby(lock_world(), steamIDLobby);
    uint64_t owner = is_member(one, own) ? one->owner : 0;
    unlock_world();
    return owner;
}

static pair *nth(world *all, uint64_t id, int n)
{
    for (int i = 0; i < PAIRS && knows(find_lobby(all, id)); i++)
        if (all->pairs[i].lobby == id && all->pairs[i].member == 0 && n-- == 0)
            return &all->pairs[i];
    return NULL;
}

EXPORT int SteamAPI_ISteamMatchmaking_GetLobbyDataCount(ISteamMatchmaking *self, uint64_t steamIDLobby)
{
    world *all;
    int count = 0;
    use(self);
    all = lock_world();
    while (nth(all, steamIDLobby, count) != NULL)
        count++;
    unlock_world();
    return ordered("lying") ? 2000000000 : count;
}

EXPORT bool SteamAPI_ISteamMatchmaking_GetLobbyDataByIndex(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                           int iLobbyData, char *pchKey, int cchKeyBufferSize,
                                                           char *pchValue, int cchValueBufferSize)
{
    const pair *found;
    use(self);
    found = nth(lock_world(), steamIDLobby, iLobbyData);
    if (found != NULL) {
        snprintf(pchKey, (size_t)cchKeyBufferSize, "%s", found->key);
        snprintf(pchValue, (size_t)cchValueBufferSize, "%s", found->value);
    }
    unlock_world();
    return found != NULL;
}

EXPORT const char *SteamAPI_ISteamMatchmaking_GetLobbyMemberData(ISteamMatchmaking *self,
                                                                 uint64_t steamIDLobby, uint64_t steamIDUser,
                                                                 const char *pchKey)
{
    uint64_t own = use(self);
    world *all = lock_world();
    text[0] = '\0';
    if (is_member(find_lobby(all, steamIDLobby), own))
        snprintf(text, sizeof text, "%s", get_pair(all, steamIDLobby, steamIDUser, pchKey));
    unlock_world();
    return text;
}

EXPORT void SteamAPI_ISteamMatchmaking_SetLobbyMemberData(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                          const char *pchKey, const char *pchValue)
{
    uint64_t own = use(self);
    world *all = lock_world();
    lobby *one = find_lobby(all, steamIDLobby);
    LobbyDataUpdate_t update = {steamIDLobby, own, 1};
    if (is_member(one, own) && set_pair(all, steamIDLobby, own, pchKey, pchValue))
        tell_members(all, one, 0, k_iCallback_LobbyDataUpdate, &update, sizeof update);
    unlock_world();
}

EXPORT bool SteamAPI_ISteamMatchmaking_SendLobbyChatMsg(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                        const void *pvMsgBody, int cubMsgBody)
{
    uint64_t own = use(self);
    world *all = lock_world();
    lobby *one = find_lobby(all, steamIDLobby);
    bool may = is_member(one, own) && cubMsgBody > 0 && cubMsgBody <= k_cbMaxLobbyChatMsg;
    for (int i = 0; may && i < one->count; i++) {
        LobbyChatMsg_t message = {steamIDLobby, own, k_EChatEntryTypeChatMsg, (uint32_t)all->told};
        told *made_one = tell(all, one->members[i], k_iCallback_LobbyChatMsg, &message, sizeof message);
        made_one->chat_from = own;
        made_one->chat_size = cubMsgBody;
        memcpy(made_one->chat, pvMsgBody, (size_t)cubMsgBody);
    }
    unlock_world();
    return may;
}

EXPORT int SteamAPI_ISteamMatchmaking_GetLobbyChatEntry(ISteamMatchmaking *self, uint64_t steamIDLobby,
                                                        int iChatID, uint64_t *pSteamIDUser, void *pvData,
                                                        int cubData, EChatEntryType *peChatEntryType)
{
    uint64_t own = use(self);
    world *all = lock_world();
    const told *entry = &all->log[(uint32_t)iChatID % LOG];
    int size = 0;
    if (entry->to == own && entry->chat_size > 0 && is_member(find_lobby(all, steamIDLobby), own)) {
        size = entry->chat_size < cubData ? entry->chat_size : cubData;
        *pSteamIDUser = entry->chat_from;
        *peChatEntryType = k_EChatEntryTypeChatMsg;
        memcpy(pvData, entry->chat, (size_t)size);
    }
    unlock_world();
    return ordered("lying") ? 1000000 : size;
}
