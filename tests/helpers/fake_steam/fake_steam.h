/* A fake of Valve's libsteam_api: Steam's names over GameNetworkingSockets, for tests. */
#ifndef FAKE_STEAM_H
#define FAKE_STEAM_H

#include "engine.h"

#define EXPORT __attribute__((visibility("default")))

/* The real GNS, filled while somebody has Steam open; a call at any other time jumps to NULL. */
extern sn_flat gns;
extern ISteamNetworkingSockets *gns_sockets;
extern ISteamNetworkingUtils *gns_utils;
extern ISteamNetworkingMessages *gns_messages;

/* network.c: opens GNS under this Steam ID, and closes it with the last of its users. */
bool network_open(uint64_t steam_id, char *error);
void network_close(void);
/* What the networking interfaces do of their own accord, on the thread that runs callbacks. */
void network_pump(void);
uint64_t network_steam_id(void);

/* rendezvous.c: carries P2P signals between processes of this machine, as Steam's servers do. */
bool rendezvous_open(uint64_t steam_id, char *error);
void rendezvous_close(void);
void rendezvous_pump(void);
/* Whether another process is there as this user; whether any is. */
bool rendezvous_taken(uint64_t steam_id);
bool rendezvous_alive(uint64_t steam_id);

/* world.c, lobbies.c, friends.c: this user's lobbies and friends. */
void lobbies_open(uint64_t steam_id);
void lobbies_close(uint64_t steam_id);
/* Takes the next callback for the user; its parameter has room for 264 bytes. */
bool lobbies_next(uint64_t steam_id, int *id, int *size, void *param);
void calls_reset(void);
void calls_pump(void);
ISteamMatchmaking *lobbies_interface(void);
ISteamFriends *friends_interface(void);
ISteamApps *apps_interface(void);

#endif
