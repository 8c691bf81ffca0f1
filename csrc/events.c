/* Queues an engine's callbacks for Python: C never calls Python.
 *
 * Valve's callbacks carry no context. The thread that pumps an engine notes which one;
 * a callback outside any pump (another binding pumps Steam, or an engine thread writes
 * debug output) belongs to the one library engine of the process.
 */
#include "events.h"

#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "wait.h"

static _Thread_local sn_engine *pumping;
static _Atomic(sn_engine *) library_engine;

static sn_engine *current(void) { return pumping != NULL ? pumping : atomic_load(&library_engine); }

void sn_events_pumping(sn_engine *engine) { pumping = engine; }

void sn_events_push(sn_engine *engine, const sn_event *event)
{
    if (engine == NULL)
        return;
    sn_queue_push(&engine->events, event, sizeof *event, NULL, 0);
    sn_note_traffic(engine);
}

/* What comes before the info in an sn_event. */
typedef struct sn_event_head {
    int kind;
    HSteamNetConnection connection;
    ESteamNetworkingConnectionState old_state;
    EResult result;
} sn_event_head;
_Static_assert(sizeof(sn_event_head) == offsetof(sn_event, info) &&
                   sizeof(sn_event) == sizeof(sn_event_head) + sizeof(SteamNetConnectionInfo_t),
               "head and info make an event");

/* As sn_events_push, without an event that is filled only to be copied: this is the kind that comes often. */
static void connection_status_changed(SteamNetConnectionStatusChangedCallback_t *changed)
{
    sn_event_head head = {.kind = k_iCallback_SteamNetConnectionStatusChanged,
                          .connection = changed->m_hConn,
                          .old_state = changed->m_eOldState};
    sn_engine *engine = current();
    if (engine == NULL)
        return;
    /* The info lies at an address that only the packed struct knows how to read. */
    sn_queue_push(&engine->events, &head, sizeof head,
                  (const char *)changed + offsetof(SteamNetConnectionStatusChangedCallback_t, m_info),
                  sizeof(SteamNetConnectionInfo_t));
    sn_note_traffic(engine);
    if (changed->m_info.m_nFlags & k_nSteamNetworkConnectionInfoFlags_LoopbackBuffers)
        atomic_store(&engine->waiting.has_pipes, true);
}

static void authentication_changed(SteamNetAuthenticationStatus_t *status)
{
    sn_event event = {.kind = k_iCallback_SteamNetAuthenticationStatus};
    event.authentication = *status;
    sn_events_push(current(), &event);
}

static void relay_changed(SteamRelayNetworkStatus_t *status)
{
    sn_event event = {.kind = k_iCallback_SteamRelayNetworkStatus};
    event.relay = *status;
    sn_events_push(current(), &event);
}

static void session_requested(SteamNetworkingMessagesSessionRequest_t *request)
{
    sn_event event = {.kind = k_iCallback_SteamNetworkingMessagesSessionRequest};
    event.identity = request->m_identityRemote;
    sn_events_push(current(), &event);
}

static void session_failed(SteamNetworkingMessagesSessionFailed_t *failed)
{
    sn_event event = {.kind = k_iCallback_SteamNetworkingMessagesSessionFailed};
    memcpy(&event.info, failed, sizeof event.info);
    sn_events_push(current(), &event);
}

static void fake_ip_result(SteamNetworkingFakeIPResult_t *result)
{
    sn_event event = {.kind = k_iCallback_SteamNetworkingFakeIPResult};
    event.fake_ip = *result;
    sn_events_push(current(), &event);
}

/* Called from any engine thread, with engine locks held. */
static void debug_output(ESteamNetworkingSocketsDebugOutputType level, const char *text)
{
    sn_engine *engine = current();
    size_t length = text != NULL ? strlen(text) : 0;
    if (engine != NULL)
        sn_queue_push(&engine->debug, &level, sizeof level, text,
                      length < SN_ERROR_SIZE ? length : SN_ERROR_SIZE - 1);
}

/* GNS declares but does not export two of the setters; their config values do the same. */
static void set_pointer(sn_engine *engine, ESteamNetworkingConfigValue key, void (*function)(void))
{
    void *pointer;
    memcpy(&pointer, &function, sizeof pointer);
    engine->flat.ISteamNetworkingUtils_SetConfigValue(engine->utils, key, k_ESteamNetworkingConfig_Global,
                                                      0, k_ESteamNetworkingConfig_Ptr, &pointer);
}

static void install(sn_engine *engine, bool on)
{
    const sn_flat *flat = &engine->flat;
    ISteamNetworkingUtils *utils = engine->utils;
    flat->ISteamNetworkingUtils_SetGlobalCallback_SteamNetConnectionStatusChanged(
        utils, on ? connection_status_changed : NULL);
    flat->ISteamNetworkingUtils_SetGlobalCallback_SteamNetAuthenticationStatusChanged(
        utils, on ? authentication_changed : NULL);
    if (flat->ISteamNetworkingUtils_SetGlobalCallback_SteamRelayNetworkStatusChanged != NULL)
        flat->ISteamNetworkingUtils_SetGlobalCallback_SteamRelayNetworkStatusChanged(
            utils, on ? relay_changed : NULL);
    if (flat->ISteamNetworkingUtils_SetGlobalCallback_FakeIPResult != NULL)
        flat->ISteamNetworkingUtils_SetGlobalCallback_FakeIPResult(utils, on ? fake_ip_result : NULL);
    if (flat->ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionRequest != NULL)
        flat->ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionRequest(
            utils, on ? session_requested : NULL);
    else
        set_pointer(engine, k_ESteamNetworkingConfig_Callback_MessagesSessionRequest,
                    on ? (void (*)(void))session_requested : NULL);
    if (flat->ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionFailed != NULL)
        flat->ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionFailed(
            utils, on ? session_failed : NULL);
    else
        set_pointer(engine, k_ESteamNetworkingConfig_Callback_MessagesSessionFailed,
                    on ? (void (*)(void))session_failed : NULL);
}

void sn_events_attach(sn_engine *engine)
{
    if (engine->library != NULL)
        atomic_store(&library_engine, engine);
    install(engine, true);
}

void sn_events_detach(sn_engine *engine, bool disconnected)
{
    if (!disconnected) {
        install(engine, false);
        engine->flat.ISteamNetworkingUtils_SetDebugOutputFunction(
            engine->utils, k_ESteamNetworkingSocketsDebugOutputType_None, NULL);
    }
    if (engine->library != NULL)
        atomic_store(&library_engine, NULL);
}

void sn_set_debug_output(sn_engine *engine, ESteamNetworkingSocketsDebugOutputType level)
{
    if (sn_enter(engine)) {
        bool on = level > k_ESteamNetworkingSocketsDebugOutputType_None;
        engine->flat.ISteamNetworkingUtils_SetDebugOutputFunction(engine->utils, level,
                                                                  on ? debug_output : NULL);
        sn_leave(engine);
    }
}

bool sn_next_event(sn_engine *engine, sn_event *event)
{
    int state = SN_DISCONNECTED;
    size_t lost = sn_queue_lost(&engine->events);
    if (lost > 0)
        *event = (sn_event){.kind = SN_EVENTS_LOST, .lost = lost};
    else if (sn_queue_pop(&engine->events, event, sizeof *event) != SIZE_MAX)
        return true;
    else if (atomic_compare_exchange_strong(&engine->state, &state, SN_DISCONNECT_REPORTED))
        *event = (sn_event){.kind = k_iCallback_SteamShutdown};
    else
        return false;
    return true;
}

size_t sn_event_count(sn_engine *engine) { return sn_queue_count(&engine->events); }

int sn_next_debug(sn_engine *engine, char *text, int size)
{
    struct {
        ESteamNetworkingSocketsDebugOutputType level;
        char text[SN_ERROR_SIZE];
    } line;
    size_t got, lost = sn_queue_lost(&engine->debug);
    if (lost > 0) {
        snprintf(text, (size_t)size, "%zu lines are lost: run_callbacks is called too seldom", lost);
        return k_ESteamNetworkingSocketsDebugOutputType_Warning;
    }
    got = sn_queue_pop(&engine->debug, &line, sizeof line);
    if (got == SIZE_MAX)
        return -1;
    snprintf(text, (size_t)size, "%.*s", (int)(got - sizeof line.level), line.text);
    return line.level;
}
