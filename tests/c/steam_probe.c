/* Loads each given libsteam_api through our own C, without Python, and prints a table about it.
 *
 * A row: accessor, how many optional functions it lacks and which, what starting without a
 * client says; or why it was refused. The program fails if an accepted library starts.
 */
#include <stdio.h>
#include <string.h>

#include "engine.h"

/* This program has no use for the loopback engine. */
const sn_backend sn_loopback_backend = {.name = "loopback"};

static void print_missing(const sn_engine *engine)
{
    int supported = 0, missing = 0;
    const char *name;
    for (int i = 0; (name = sn_flat_name(engine, i, &supported)) != NULL; i++)
        if (!supported)
            printf("%s%s", missing++ == 0 ? "" : ", ", name);
    printf("%s", missing == 0 ? "none" : "");
}

static bool probe(const char *path)
{
    static char error[SN_ERROR_SIZE], server_error[SN_ERROR_SIZE];
    sn_options options = {.server_mode = 3, .server_version = "1.0.0.0", .server_product = "probe"};
    bool refused_to_start = true;
    sn_engine *engine = sn_load(SN_STEAM, path, error);
    printf("| %s | ", path);
    if (engine == NULL) {
        printf("no | - | - | %s |\n", error);
        return true;
    }
    printf("yes | %s | ", sn_accessor(engine));
    print_missing(engine);
    if (sn_start(engine, &options, error) == k_ESteamAPIInitResult_OK)
        refused_to_start = false;
    sn_release(engine);

    engine = sn_load(SN_STEAM_SERVER, path, server_error);
    if (engine == NULL || sn_start(engine, &options, server_error) == k_ESteamAPIInitResult_OK)
        refused_to_start = false;
    if (strcmp(error, server_error) == 0)
        printf(" | %s |\n", error);
    else
        printf(" | %s; as a game server: %s |\n", error, server_error);
    if (engine != NULL)
        sn_release(engine);
    return refused_to_start;
}

int main(int argc, char **argv)
{
    int failures = 0;
    printf("| library | loads | accessor | missing | without a client |\n|---|---|---|---|---|\n");
    for (int i = 1; i < argc; i++)
        failures += !probe(argv[i]);
    return failures == 0 ? 0 : 1;
}
