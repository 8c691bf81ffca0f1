/* ISteamFriends and ISteamApps: everybody whose Steam runs here is a friend. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ISteamFriends {
    char nothing;
} the_friends;
ISteamFriends *friends_interface(void) { return &the_friends; }

static uint64_t use(const ISteamFriends *self)
{
    if (self != &the_friends || network_steam_id() == 0)
        abort();
    return network_steam_id();
}

static char text[256];

static const char *name_of(uint64_t id)
{
    const user *found = find_user(lock_world(), id);
    snprintf(text, sizeof text, "%s", found != NULL && id != 0 ? found->name : "[unknown]");
    unlock_world();
    return text;
}

EXPORT const char *SteamAPI_ISteamFriends_GetPersonaName(ISteamFriends *self) { return name_of(use(self)); }
EXPORT const char *SteamAPI_ISteamFriends_GetFriendPersonaName(ISteamFriends *self, uint64_t steamIDFriend)
{
    use(self);
    return name_of(steamIDFriend);
}

static uint64_t nth(uint64_t own, int n)
{
    const world *all = lock_world();
    uint64_t found = 0;
    for (int i = 0; i < USERS && found == 0; i++)
        if (all->users[i].id != 0 && all->users[i].id != own && n-- == 0)
            found = all->users[i].id;
    unlock_world();
    return found;
}

EXPORT int SteamAPI_ISteamFriends_GetFriendCount(ISteamFriends *self, int iFriendFlags)
{
    uint64_t own = use(self);
    int count = 0;
    if (iFriendFlags != k_EFriendFlagImmediate)
        return -1;
    while (nth(own, count) != 0)
        count++;
    return count;
}

EXPORT uint64_t SteamAPI_ISteamFriends_GetFriendByIndex(ISteamFriends *self, int iFriend, int iFriendFlags)
{
    return iFriendFlags == k_EFriendFlagImmediate ? nth(use(self), iFriend) : 0;
}

EXPORT EPersonaState SteamAPI_ISteamFriends_GetFriendPersonaState(ISteamFriends *self, uint64_t steamIDFriend)
{
    use(self);
    return rendezvous_alive(steamIDFriend) ? k_EPersonaStateOnline : k_EPersonaStateOffline;
}

EXPORT bool SteamAPI_ISteamFriends_GetFriendGamePlayed(ISteamFriends *self, uint64_t steamIDFriend,
                                                       FriendGameInfo_t *pFriendGameInfo)
{
    world *all;
    use(self);
    if (!rendezvous_alive(steamIDFriend))
        return false;
    *pFriendGameInfo = (FriendGameInfo_t){.m_gameID = 480};
    all = lock_world();
    for (int i = 0; i < LOBBIES; i++)
        if (is_member(&all->lobbies[i], steamIDFriend) && (all->lobbies[i].type == k_ELobbyTypePublic ||
                                                           all->lobbies[i].type == k_ELobbyTypeFriendsOnly))
            pFriendGameInfo->m_steamIDLobby = all->lobbies[i].id;
    unlock_world();
    return true;
}

static uint64_t requested;
EXPORT uint64_t fake_steam_requested_user(void) { return requested; }

EXPORT bool SteamAPI_ISteamFriends_RequestUserInformation(ISteamFriends *self, uint64_t steamIDUser,
                                                          bool bRequireNameOnly)
{
    use(self);
    if (bRequireNameOnly)
        requested = steamIDUser;
    return true;
}

EXPORT bool SteamAPI_ISteamFriends_SetRichPresence(ISteamFriends *self, const char *pchKey,
                                                   const char *pchValue)
{
    uint64_t id = use(self);
    user *own = find_user(lock_world(), id);
    int free = -1, at = -1;
    for (int i = 0; i < PRESENCES; i++) {
        if (strcmp(own->presence[i].key, pchKey) == 0)
            at = i;
        if (own->presence[i].key[0] == '\0')
            free = i;
    }
    at = at >= 0 ? at : free;
    if (at >= 0 && strlen(pchKey) < 64 && strlen(pchValue) < 256) {
        snprintf(own->presence[at].key, 64, "%s", pchValue[0] != '\0' ? pchKey : "");
        snprintf(own->presence[at].value, 256, "%s", pchValue);
    } else {
        at = -1;
    }
    unlock_world();
    return at >= 0;
}

/* What friends see of a user. */
EXPORT const char *fake_steam_presence(uint64_t id, const char *key)
{
    const user *found = find_user(lock_world(), id);
    text[0] = '\0';
    for (int i = 0; found != NULL && i < PRESENCES; i++)
        if (key[0] != '\0' && strcmp(found->presence[i].key, key) == 0)
            snprintf(text, sizeof text, "%s", found->presence[i].value);
    unlock_world();
    return text;
}

static bool overlay = true;
EXPORT void fake_steam_overlay(bool enabled) { overlay = enabled; }
EXPORT bool SteamAPI_ISteamUtils_IsOverlayEnabled(ISteamUtils *self) { return self != NULL && overlay; }

static uint64_t dialog;
EXPORT uint64_t fake_steam_dialog(void) { return dialog; }
EXPORT void SteamAPI_ISteamFriends_ActivateGameOverlayInviteDialog(ISteamFriends *self, uint64_t steamIDLobby)
{
    use(self);
    dialog = steamIDLobby;
}

static struct ISteamApps {
    char nothing;
} the_apps;
ISteamApps *apps_interface(void) { return &the_apps; }

EXPORT int SteamAPI_ISteamApps_GetLaunchCommandLine(ISteamApps *self, char *pszCommandLine,
                                                    int cubCommandLine)
{
    const char *line = getenv("STEAMNET_FAKE_STEAM_LAUNCH");
    if (self != &the_apps)
        abort();
    return snprintf(pszCommandLine, (size_t)cubCommandLine, "%s", line != NULL ? line : "");
}
