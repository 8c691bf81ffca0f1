/* What the checks of the loopback engine share. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int check_count, check_failures;
const char *section, *program;
long allocations_left;
sn_clock *check_clock;

void *failing_malloc(size_t size) { return allocations_left-- == 0 ? NULL : malloc(size); }
void *limited_malloc(size_t size) { return allocations_left-- > 0 ? malloc(size) : NULL; }

int64_t time_now(void) { return check_clock != NULL ? sn_clock_now(check_clock) : sn_now(); }

void pause_for(int64_t microseconds)
{
    if (check_clock != NULL)
        sn_clock_advance(check_clock, sn_clock_now(check_clock) + microseconds);
    else
        sn_sleep(microseconds);
}

bool check(bool holds, const char *what, int line)
{
    check_count++;
    if (!holds) {
        check_failures++;
        printf("FAILED %s, line %d: %s\n", section, line, what);
    }
    return holds;
}

SteamNetworkingIdentity identity_of(const char *text)
{
    SteamNetworkingIdentity identity;
    if (!sn_identity_parse(&identity, text))
        abort();
    return identity;
}

user open_user(const char *name)
{
    static char error[SN_ERROR_SIZE];
    SteamNetworkingIdentity identity = identity_of(name);
    sn_options options = {.identity = &identity, .clock = check_clock};
    user who = {.engine = sn_load(SN_LOOPBACK, NULL, error)};
    if (who.engine == NULL || sn_start(who.engine, &options, error) != k_ESteamAPIInitResult_OK) {
        printf("cannot start: %s\n", error);
        exit(2);
    }
    who.flat = &who.engine->flat;
    who.sockets = who.engine->sockets;
    who.utils = who.engine->utils;
    who.messages = who.engine->messages;
    return who;
}

void close_user(user *who)
{
    sn_stop(who->engine);
    sn_release(who->engine);
}

bool next_event(user *who, sn_event *event)
{
    sn_pump(who->engine);
    return sn_next_event(who->engine, event);
}

sn_event await_event(user *who, int milliseconds)
{
    sn_event event;
    int64_t end = time_now() + milliseconds * 1000;
    while (!next_event(who, &event)) {
        if (time_now() > end) {
            memset(&event, 0, sizeof event);
            break;
        }
        pause_for(200);
    }
    return event;
}

bool await_state(user *who, HSteamNetConnection connection, int old_state, int state)
{
    sn_event event = await_event(who, 5000);
    bool right = event.connection == connection && event.old_state == old_state &&
                 event.info.m_eState == state;
    if (!right)
        printf("  event: connection %u (not %u), %d -> %d (not %d -> %d), %d %s\n",
               event.connection, connection, event.old_state, event.info.m_eState, old_state, state,
               event.info.m_eEndReason, event.info.m_szEndDebug);
    return right;
}

int state_of(user *who, HSteamNetConnection connection)
{
    SteamNetConnectionInfo_t info;
    return S(*who, GetConnectionInfo, connection, &info) ? info.m_eState : -9;
}

EResult send_text(user *who, HSteamNetConnection connection, const char *text, int flags)
{
    return S(*who, SendMessageToConnection, connection, text, (uint32_t)strlen(text), flags, NULL);
}

EResult send_size(user *who, HSteamNetConnection connection, uint32_t size, int flags,
                         int64_t *number)
{
    EResult result;
    char *bytes = calloc(1, size + 1);
    result = S(*who, SendMessageToConnection, connection, bytes, size, flags, number);
    free(bytes);
    return result;
}

SteamNetworkingMessage_t *await_message(user *who, HSteamNetConnection connection,
                                               int milliseconds)
{
    SteamNetworkingMessage_t *message = NULL;
    int64_t end = time_now() + milliseconds * 1000;
    while (S(*who, ReceiveMessagesOnConnection, connection, &message, 1) == 0 && time_now() < end)
        pause_for(100);
    return message;
}

bool await_text(user *who, HSteamNetConnection connection, const char *text)
{
    SteamNetworkingMessage_t *message = await_message(who, connection, 3000);
    bool right = message != NULL && message->m_cbSize == (int)strlen(text) &&
                 memcmp(message->m_pData, text, strlen(text)) == 0;
    if (message != NULL)
        message->m_pfnRelease(message);
    return right;
}

int drain(user *who, HSteamNetConnection connection, int expected, int milliseconds)
{
    SteamNetworkingMessage_t *batch[64];
    int64_t end = time_now() + milliseconds * 1000;
    int total = 0, count;
    bool enough;
    do {
        enough = total >= expected;
        while ((count = S(*who, ReceiveMessagesOnConnection, connection, batch, 64)) > 0)
            for (int i = 0; i < count; i++, total++)
                batch[i]->m_pfnRelease(batch[i]);
        pause_for(enough ? 0 : 500);
    } while (!enough && time_now() < end);
    return total;
}

void forget_events(user *who)
{
    sn_event event;
    while (next_event(who, &event))
        ;
}

void set_int(user *who, int key, int scope, intptr_t object, int32_t value)
{
    CHECK(U(*who, SetConfigValue, key, scope, object, k_ESteamNetworkingConfig_Int32, &value));
}

void set_float(user *who, int key, float value)
{
    CHECK(U(*who, SetConfigValue, key, k_ESteamNetworkingConfig_Global, 0,
            k_ESteamNetworkingConfig_Float, &value));
}

void connect_them(meeting *m)
{
    SteamNetworkingIdentity host;
    sn_event event;
    S(m->host, GetIdentity, &host);
    m->at_client = S(m->client, ConnectP2P, &host, 7, 0, NULL);
    event = await_event(&m->host, 5000);
    m->at_host = event.connection;
    CHECK(S(m->host, AcceptConnection, m->at_host) == k_EResultOK);
    for (int i = 0; i < 5000 && (state_of(&m->host, m->at_host) != CONNECTED ||
                                 state_of(&m->client, m->at_client) != CONNECTED);
         i++) {
        sn_pump(m->host.engine);
        sn_pump(m->client.engine);
        pause_for(200);
    }
    CHECK(state_of(&m->client, m->at_client) == CONNECTED);
    forget_events(&m->host);
    forget_events(&m->client);
}

meeting meet(void)
{
    meeting m = {.host = open_user("str:host"), .client = open_user("str:client")};
    m.listen = S(m.host, CreateListenSocketP2P, 7, 0, NULL);
    CHECK(m.listen != 0);
    connect_them(&m);
    return m;
}

void part(meeting *m)
{
    close_user(&m->client);
    close_user(&m->host);
}

int32_t get_int(user *who, int key, int scope, intptr_t object, int *result)
{
    int32_t value = -12345;
    size_t size = sizeof value;
    *result = U(*who, GetConfigValue, key, scope, object, NULL, &value, &size);
    return value;
}

EResult send_to_user(user *who, const char *to, const char *text, int flags, int channel)
{
    SteamNetworkingIdentity identity = identity_of(to);
    return M(*who, SendMessageToUser, &identity, text, (uint32_t)strlen(text), flags, channel);
}

SteamNetworkingMessage_t *await_session_message(user *who, int channel)
{
    SteamNetworkingMessage_t *message = NULL;
    for (int i = 0; i < 3000 && M(*who, ReceiveMessagesOnChannel, channel, &message, 1) == 0; i++)
        pause_for(200);
    return message;
}

bool await_session_text(user *who, int channel, const char *text)
{
    SteamNetworkingMessage_t *message = await_session_message(who, channel);
    bool right = message != NULL && message->m_cbSize == (int)strlen(text) &&
                 message->m_nChannel == channel && message->m_conn == 0 &&
                 memcmp(message->m_pData, text, strlen(text)) == 0;
    if (message != NULL)
        message->m_pfnRelease(message);
    return right;
}

int fill(user *who, HSteamNetConnection connection, uint32_t size)
{
    int sent = 0;
    for (int i = 0; i < 100; i++) {
        while (send_size(who, connection, size, RELIABLE, NULL) == k_EResultOK)
            sent++;
        pause_for(1000);
        sn_pump(who->engine);
    }
    return sent;
}

bool await_close(user *who, int reason, int milliseconds)
{
    sn_event event = await_event(who, milliseconds);
    return event.info.m_eState == CLOSED_BY_PEER && event.info.m_eEndReason == reason;
}

pid_t start_role(const char *role)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, role, (char *)NULL);
        _exit(127);
    }
    return child;
}

int finish(pid_t child, int signal_number)
{
    int status = -1;
    if (signal_number != 0)
        kill(child, signal_number);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

HSteamNetConnection connect_out(user *who, const char *name)
{
    SteamNetworkingIdentity to = identity_of(name);
    HSteamNetConnection connection = S(*who, ConnectP2P, &to, 7, 0, NULL);
    for (int64_t end = time_now() + 10000000;
         state_of(who, connection) == CONNECTING && time_now() < end;) {
        sn_pump(who->engine);
        pause_for(500);
    }
    return connection;
}

sn_socket connect_stranger(int kind, const char *name, int port)
{
    SteamNetworkingIdentity identity = identity_of(name);
    char directory[400], path[500], token[17] = "", error[500];
    if (!sn_private_directory(directory, sizeof directory, error, sizeof error))
        return SN_NO_SOCKET;
    snprintf(path, sizeof path, "%s/%016llx", directory,
             (unsigned long long)lo_address_key(kind, &identity, port));
    if (sn_file_read(path, token, 16) != 16)
        return SN_NO_SOCKET;
    snprintf(path, sizeof path, "%s/%s.sock", directory, token);
    return sn_socket_connect(path);
}

void send_request_at(sn_socket stranger, int kind, int port, int64_t due, int64_t send_time)
{
    unsigned char bytes[LO_HEADER + sizeof(lo_connect_request)];
    lo_frame frame = {
        .kind = LO_CONNECT_REQUEST, .size = sizeof(lo_connect_request), .send_time = send_time, .due = due};
    lo_connect_request call = {.from = identity_of("str:stranger"),
                    .to = identity_of("str:parent"),
                    .kind = kind,
                    .protocol = LO_PROTOCOL,
                    .port = port};
    lo_frame_head(&frame, bytes);
    memcpy(bytes + LO_HEADER, &call, sizeof call);
    CHECK(sn_socket_send(stranger, bytes, sizeof bytes) == sizeof bytes);
}

void send_request_to(sn_socket stranger, int kind, int port, int64_t due)
{
    send_request_at(stranger, kind, port, due, time_now());
}

void send_request(sn_socket stranger) { send_request_to(stranger, LO_KIND_P2P, 7, 0); }

void send_frame(sn_socket stranger, lo_frame frame, const void *body, size_t size)
{
    unsigned char bytes[LO_HEADER + 256];
    frame.size = (uint32_t)size;
    lo_frame_head(&frame, bytes);
    if (size > 0)
        memcpy(bytes + LO_HEADER, body, size);
    CHECK(sn_socket_send(stranger, bytes, LO_HEADER + size) == (ptrdiff_t)(LO_HEADER + size));
}

void send_empty(sn_socket stranger, int kind, int64_t number)
{
    send_frame(stranger,
               (lo_frame){.kind = (uint8_t)kind, .reliable = true, .number = number, .send_time = time_now()},
               NULL, 0);
}

HSteamNetConnection accept_stranger(user *who, sn_socket *stranger)
{
    HSteamNetConnection connection;
    CHECK(S(*who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    *stranger = connect_stranger(LO_KIND_P2P, "str:parent", 7);
    send_request(*stranger);
    connection = await_event(who, 1000).connection;
    CHECK(S(*who, AcceptConnection, connection) == k_EResultOK);
    CHECK(await_state(who, connection, CONNECTING, FINDING_ROUTE));
    send_empty(*stranger, LO_CONNECT_CONFIRM, 0);
    CHECK(await_state(who, connection, FINDING_ROUTE, CONNECTED));
    return connection;
}

bool send_many_frames(user *who, sn_socket stranger, lo_frame frame, int count)
{
    size_t size = (size_t)count * LO_HEADER, sent = 0;
    unsigned char *bytes = malloc(size);
    int idle = 0;
    for (int i = 0; i < count; i++) {
        frame.number += frame.kind == LO_DATA;
        frame.lane ^= frame.channel == 1; /* on two lanes in turn */
        lo_frame_head(&frame, bytes + (size_t)i * LO_HEADER);
    }
    while (sent < size && idle < 1000) {
        ptrdiff_t part = sn_socket_send(stranger, bytes + sent, size - sent);
        sent += part > 0 ? (size_t)part : 0;
        idle = part > 0 ? 0 : idle + 1;
        if (part <= 0) {
            pause_for(100);
            sn_pump(who->engine);
        }
    }
    free(bytes);
    return sent == size;
}
