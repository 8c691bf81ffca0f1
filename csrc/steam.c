/* The steam engine: the game's own libsteam_api, of any modern SDK. */
#include "engine.h"

#include <stdio.h>

static bool load(sn_engine *engine, const char *path, char *error)
{
    return sn_load_library(engine, path, error);
}

static ESteamAPIInitResult start(sn_engine *engine, const sn_options *options, char *error)
{
    (void)engine, (void)options;
    snprintf(error, SN_ERROR_SIZE, "not written yet");
    return k_ESteamAPIInitResult_FailedGeneric;
}

static void pump(sn_engine *engine) { (void)engine; }
static void stop(sn_engine *engine) { (void)engine; }
static uint64_t steam_id(sn_engine *engine) { return (void)engine, 0; }

const sn_backend sn_steam_backend = {
    .name = "steam", .load = load, .start = start, .pump = pump, .stop = stop, .steam_id = steam_id};
const sn_backend sn_steam_server_backend = {
    .name = "steam", .load = load, .start = start, .pump = pump, .stop = stop, .steam_id = steam_id};
