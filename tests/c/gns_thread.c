/* The thread that runs GNS, and those who wait for it, over a library that is not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "steamnet.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

const sn_backend sn_loopback_backend; /* not in this program: less to compile */

/* --- the library -------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static int packets;
static atomic_int polling; /* threads in Poll */
static atomic_bool manual, open_now, no_threads;
static char object;

static void set_manual(bool on) { atomic_store(&manual, on); }
static bool init(const SteamNetworkingIdentity *identity, char *error)
{
    (void)identity, (void)error;
    return atomic_store(&open_now, true), true;
}
static void kill_library(void)
{
    CHECK(atomic_load(&polling) == 0);
    atomic_store(&open_now, false);
}
static void *interface(void) { return &object; }
static int64_t nothing(void) { return 0; }

static void poll_library(int milliseconds)
{
    struct timespec until;
    CHECK(atomic_load(&manual) && atomic_load(&open_now));
    atomic_fetch_add(&polling, 1);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += milliseconds * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    if (packets == 0)
        pthread_cond_timedwait(&arrived, &mutex, &until);
    packets = 0;
    pthread_mutex_unlock(&mutex);
    atomic_fetch_sub(&polling, 1);
}

static void packet(void)
{
    pthread_mutex_lock(&mutex);
    packets++;
    pthread_cond_signal(&arrived);
    pthread_mutex_unlock(&mutex);
}

/* In place of the platform's, by the linker. */
void *__wrap_sn_library_open(const char *path, char *error, size_t size);
void *__wrap_sn_library_open(const char *path, char *error, size_t size)
{
    (void)path, (void)error, (void)size;
    return &object;
}

bool __wrap_sn_library_symbol(void *library, const char *name, void *function);
bool __wrap_sn_library_symbol(void *library, const char *name, void *function)
{
    static const struct {
        const char *name;
        void (*function)(void);
    } known[] = {
        {"GameNetworkingSockets_Init", (void (*)(void))init},
        {"GameNetworkingSockets_Kill", (void (*)(void))kill_library},
        {"SteamNetworkingSockets_SetManualPollMode", (void (*)(void))set_manual},
        {"SteamNetworkingSockets_Poll", (void (*)(void))poll_library},
        {"SteamAPI_SteamNetworkingSockets_v009", (void (*)(void))interface},
        {"SteamAPI_SteamNetworkingUtils_v003", (void (*)(void))interface},
        {"SteamAPI_SteamNetworkingMessages_v002", (void (*)(void))interface},
    };
    void (*found)(void) = (void (*)(void))nothing;
    (void)library;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            found = known[i].function;
    memcpy(function, &found, sizeof found);
    return true;
}

bool __real_sn_thread_start(sn_thread *thread, void (*run)(void *), void *argument);
bool __wrap_sn_thread_start(sn_thread *thread, void (*run)(void *), void *argument);
bool __wrap_sn_thread_start(sn_thread *thread, void (*run)(void *), void *argument)
{
    return !atomic_load(&no_threads) && __real_sn_thread_start(thread, run, argument);
}

/* --- the checks --------------------------------------------------------------------------------- */

static atomic_int woken;
static atomic_bool over;

static sn_engine *started(void)
{
    char error[SN_ERROR_SIZE];
    sn_engine *engine = sn_load(SN_GNS, "none", error);
    CHECK(engine != NULL);
    CHECK(sn_start(engine, &(sn_options){0}, error) == k_ESteamAPIInitResult_OK);
    CHECK((*error != '\0') == atomic_load(&no_threads));
    return engine;
}

static void *wait_for_packets(void *engine)
{
    while (!atomic_load(&over) && sn_wait(engine, 60000000) && sn_pump(engine))
        atomic_fetch_add(&woken, 1);
    return NULL;
}

static void *stop(void *engine)
{
    sn_sleep(20000);
    sn_stop(engine);
    return NULL;
}

/* Each packet wakes somebody who waits, and the end wakes all. */
static void check_wakes(int waiters)
{
    sn_engine *engine = started();
    pthread_t threads[4];
    CHECK(atomic_load(&manual));
    for (int i = 0; i < waiters; i++)
        pthread_create(&threads[i], NULL, wait_for_packets, engine);
    for (int i = 0; i < 200; i++) {
        int before = atomic_load(&woken);
        packet();
        for (int tries = 0; atomic_load(&woken) == before; tries++) {
            CHECK(tries < 100000);
            sn_sleep(50);
        }
    }
    sn_stop(engine);
    for (int i = 0; i < waiters; i++)
        pthread_join(threads[i], NULL);
    CHECK(!atomic_load(&manual));
    sn_release(engine);
}

static void check_idle(void)
{
    sn_engine *engine = started();
    int64_t start = sn_now();
    int rounds = 0;
    while (sn_now() < start + 200000) {
        sn_wait(engine, 50000);
        sn_pump(engine);
        rounds++;
    }
    CHECK(rounds < 100);
    CHECK(sn_wait_handle(engine) >= 0);
    sn_stop(engine);
    CHECK(sn_wait(engine, 60000000)); /* at once */
    sn_release(engine);
}

static void check_stop_while_waiting(void)
{
    for (int i = 0; i < 5; i++) {
        sn_engine *engine = started();
        pthread_t stopper;
        pthread_create(&stopper, NULL, stop, engine);
        while (sn_wait(engine, 60000000) && sn_pump(engine))
            ;
        pthread_join(stopper, NULL);
        CHECK(!sn_is_open(engine));
        sn_release(engine);
    }
}

static void check_no_thread(void)
{
    sn_engine *engine;
    int64_t start = sn_now();
    atomic_store(&no_threads, true);
    engine = started();
    CHECK(!atomic_load(&manual));
    CHECK(sn_wait(engine, 60000000)); /* after a nap: there may be something */
    CHECK(sn_now() - start < 30000000);
    sn_stop(engine);
    sn_release(engine);
    atomic_store(&no_threads, false);
}

int main(void)
{
    check_wakes(1);
    check_wakes(4);
    check_idle();
    check_stop_while_waiting();
    check_no_thread();
    puts("ok");
    return 0;
}
