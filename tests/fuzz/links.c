/* Fuzzes links: a hostile process at the other end of the streams of an engine that is used.
 *
 * The input is a program of both: frames, sound, damaged or none at all, and calls of the
 * application. Whatever comes, states follow one another, what is received can be read, and
 * when the engine stops every socket is closed and every byte is given back.
 */
#include <string.h>

#include "loopback/wire.h"
#include "machine.h"

enum { WIRES = 8, KNOWN = 16, PORT = 7 };

static sn_engine *engine;
static int wires[WIRES];
static struct {
    HSteamNetConnection handle;
    int state;
} known[KNOWN];
static bool crowded; /* some connections went unnoticed for want of room */
static HSteamNetPollGroup group;

#define S(name, ...) engine->flat.ISteamNetworkingSockets_##name(engine->sockets, __VA_ARGS__)
#define M(name, ...) engine->flat.ISteamNetworkingMessages_##name(engine->messages, __VA_ARGS__)

static SteamNetworkingIdentity name(uint64_t which)
{
    static const char *const names[] = {"str:stranger", "str:host", "steamid:76561198000000001", "ip:127.0.0.1"};
    SteamNetworkingIdentity identity;
    HOLDS(sn_identity_parse(&identity, names[which % 4]));
    return identity;
}

/* --- the other process ------------------------------------------------------------------------ */

static void send_frame(int wire, lo_frame *frame, const void *body)
{
    unsigned char head[LO_HEADER];
    lo_frame_head(frame, head);
    machine_write(wire, head, sizeof head);
    machine_write(wire, body, frame->size);
}

static void send_call(int wire, input *from)
{
    static const int kinds[] = {LO_KIND_P2P, LO_KIND_IP, LO_KIND_SESSION, LO_KIND_PAIR};
    uint64_t how = take(from, 1);
    lo_connect_request call = {
        .from = name(how), .to = name(1), .kind = kinds[how / 4 % 4],
        .protocol = LO_PROTOCOL, .symmetric = how / 16 % 2};
    call.port = call.kind == LO_KIND_SESSION ? 0 : PORT;
    if (call.kind == LO_KIND_IP)
        memset(&call.to, 0, sizeof call.to);
    send_frame(wire, &(lo_frame){.kind = LO_CONNECT_REQUEST, .size = sizeof call, .send_time = sn_now()}, &call);
}

/* Acknowledgements and segments of messages, of which some are parts of the same ones. */
static void send_datagram(int wire, input *from, lo_frame *frame)
{
    static unsigned char body[70000];
    lo_datagram_head head = {.number = (int64_t)take(from, 1)};
    unsigned char *at = body + sizeof head;
    uint64_t how = take(from, 1);
    for (int64_t i = 0, next = 1; i < (int64_t)(how % 4); i++, head.ranges++) {
        lo_range range = {.from = next + (int64_t)take(from, 1)};
        range.to = range.from + (int64_t)take(from, 1) % 8;
        next = range.to + 1;
        memcpy(at, &range, sizeof range);
        at += sizeof range;
    }
    for (int i = 0; i < (int)(how / 4 % 8); i++, head.segments++) {
        lo_segment_head segment = {.number = 1 + (int64_t)take(from, 1) % 4};
        uint64_t which = take(from, 1);
        uint32_t size;
        segment.sequence = which % 2 ? 1 + (int64_t)take(from, 1) % 8 : 0;
        segment.lane = which / 2 % 3;
        segment.size = which / 8 % 2 ? (uint32_t)(which * 50) : (uint32_t)(which / 16);
        segment.offset = segment.size / 2 / LO_SEGMENT * (which / 64) / 3 * LO_SEGMENT;
        size = segment.size - segment.offset < LO_SEGMENT ? segment.size - segment.offset : LO_SEGMENT;
        memcpy(at, &segment, sizeof segment);
        at += sizeof segment + size;
    }
    memcpy(body, &head, sizeof head);
    frame->size = (uint32_t)(at - body);
    send_frame(wire, frame, body);
}

static void send_sound(int wire, input *from)
{
    static unsigned char body[70000];
    uint64_t how = take(from, 1);
    lo_frame frame = {.kind = (uint8_t)(LO_CONNECT_OK + how % 8), .reliable = how / 16 % 2};
    input some = {NULL, 0};
    frame.lane = (uint16_t)(take(from, 1) % (how / 32 % 2 ? 256 : 3));
    frame.number = (int64_t)take(from, how / 64 % 2 ? 8 : 1) + 1;
    frame.send_time = sn_now() + (int16_t)take(from, 2) * 10;
    frame.due = frame.send_time + (int16_t)take(from, 1);
    frame.channel = (int32_t)(how % 3);
    if (frame.kind == LO_CONNECT_OK) {
        SteamNetworkingIdentity identity = name(how / 16);
        frame.size = sizeof identity;
        send_frame(wire, &frame, &identity);
        return;
    }
    if (frame.kind == LO_CONDITIONS) {
        lo_conditions conditions = {.loss_send = (float)(how % 101), .lag_receive = (int32_t)take(from, 3)};
        frame.size = sizeof conditions;
        send_frame(wire, &frame, &conditions);
        return;
    }
    if (frame.kind == LO_CONNECTION_CLOSED) {
        lo_close_body closed = {.reason = 1 + (int32_t)(how % 6000)};
        frame.size = sizeof closed;
        send_frame(wire, &frame, &closed);
        return;
    }
    if (frame.kind == LO_ACK) {
        lo_total ack = {(int64_t)take(from, 1), (int64_t)take(from, 2)};
        frame.size = sizeof ack;
        send_frame(wire, &frame, &ack);
        return;
    }
    if (frame.kind == LO_DATAGRAM) {
        send_datagram(wire, from, &frame);
        return;
    }
    if (frame.kind == LO_DATA) {
        some = take_some(from, 127);
        memcpy(body, some.bytes, some.size);
        frame.size = (uint32_t)some.size;
    }
    if (frame.kind == LO_DATA && how / 128 % 2)
        frame.size = (uint32_t)take(from, 2); /* much of it zeros */
    send_frame(wire, &frame, body);
}

/* --- the application ---------------------------------------------------------------------------- */

static int slot_of(HSteamNetConnection handle)
{
    int free_slot = -1;
    for (int i = 0; i < KNOWN; i++) {
        if (known[i].handle == handle)
            return i;
        if (known[i].handle == 0)
            free_slot = i;
    }
    return free_slot;
}

static void hear(void)
{
    sn_event event;
    sn_pump(engine);
    while (sn_next_event(engine, &event)) {
        int slot;
        if (event.kind != k_iCallback_SteamNetConnectionStatusChanged)
            continue;
        HOLDS(memchr(event.info.m_szEndDebug, 0, sizeof event.info.m_szEndDebug) != NULL);
        slot = slot_of(event.connection);
        crowded |= slot < 0;
        if (slot < 0 || (crowded && known[slot].handle == 0))
            continue;
        HOLDS((int)event.old_state == (known[slot].handle != 0 ? known[slot].state : 0));
        HOLDS(event.info.m_eState != event.old_state);
        known[slot].state = event.info.m_eState;
        known[slot].handle = event.info.m_eState == k_ESteamNetworkingConnectionState_None ? 0 : event.connection;
    }
}

static void release(SteamNetworkingMessage_t **messages, int count)
{
    static volatile unsigned char sum;
    for (int i = 0; i < count; i++) {
        const unsigned char *bytes = messages[i]->m_pData;
        HOLDS(messages[i]->m_cbSize >= 0 && messages[i]->m_cbSize <= LO_MAX_MESSAGE);
        for (int j = 0; j < messages[i]->m_cbSize; j++)
            sum = (unsigned char)(sum + bytes[j]);
        messages[i]->m_pfnRelease(messages[i]);
    }
}

static void use(int operation, input *from)
{
    static char payload[20000];
    SteamNetworkingMessage_t *messages[16];
    SteamNetworkingIdentity to = name((uint64_t)operation);
    uint64_t how = take(from, 1);
    HSteamNetConnection connection = known[how % KNOWN].handle;
    int slot;
    switch (operation) {
    case 0:
        S(AcceptConnection, connection);
        break;
    case 1:
        release(messages, S(ReceiveMessagesOnConnection, connection, messages, 16));
        break;
    case 2:
        S(SendMessageToConnection, connection, payload, (uint32_t)take(from, 2) % sizeof payload,
          (int)(how / 16), NULL);
        break;
    case 3:
        S(CloseConnection, connection, (int)take(from, 2), "over", how / 64 % 2);
        break;
    case 4:
        connection = S(ConnectP2P, &to, PORT + 1, 0, NULL);
        slot = slot_of(connection);
        if (connection != 0 && slot >= 0)
            hear();
        break;
    case 5:
        S(SetConnectionPollGroup, connection, how / 128 % 2 ? group : 0);
        release(messages, S(ReceiveMessagesOnPollGroup, group, messages, 16));
        break;
    case 6: {
        int32_t value = (int32_t)take(from, 2);
        static const ESteamNetworkingConfigValue keys[] = {
            k_ESteamNetworkingConfig_RecvBufferMessages, k_ESteamNetworkingConfig_RecvBufferSize,
            k_ESteamNetworkingConfig_FakePacketLag_Recv, k_ESteamNetworkingConfig_FakePacketLoss_Recv,
            k_ESteamNetworkingConfig_TimeoutConnected,   k_ESteamNetworkingConfig_RecvMaxMessageSize};
        engine->flat.ISteamNetworkingUtils_SetConfigValue(engine->utils, keys[how % 6],
                                                          k_ESteamNetworkingConfig_Global, 0,
                                                          k_ESteamNetworkingConfig_Int32, &value);
        break;
    }
    case 7:
        M(SendMessageToUser, &to, payload, (uint32_t)take(from, 2) % sizeof payload, (int)(how % 64), (int)(how / 64));
        break;
    case 8:
        M(AcceptSessionWithUser, &to);
        release(messages, M(ReceiveMessagesOnChannel, (int)(how % 3), messages, 16));
        break;
    case 9:
        if (how % 2)
            M(CloseSessionWithUser, &to);
        else
            M(CloseChannelWithUser, &to, (int)(how / 2 % 3));
        break;
    case 10:
        S(ConfigureConnectionLanes, connection, (int)(how / 16), NULL, NULL);
        break;
    default:
        S(FlushMessagesOnConnection, connection);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input from = {data, size};
    SteamNetworkingIPAddr address = {{0}, PORT};
    machine_reset();
    sn_loopback_after_fork();
    memset(known, 0, sizeof known);
    crowded = false;
    for (int i = 0; i < WIRES; i++)
        wires[i] = -1;
    engine = machine_user("str:host");
    sn_loopback_seed(engine, 1);
    S(CreateListenSocketP2P, PORT, 0, NULL);
    S(CreateListenSocketIP, &address, 0, NULL);
    group = engine->flat.ISteamNetworkingSockets_CreatePollGroup(engine->sockets);
    for (int steps = 0; from.size > 0 && steps < 400; steps++) {
        int operation = (int)take(&from, 1), wire = wires[operation / 32];
        switch (operation % 32) {
        case 0:
            wires[operation / 32] = machine_dial();
            send_call(wires[operation / 32], &from);
            hear();
            break;
        case 1:
            wires[operation / 32] = machine_dial();
            break;
        case 2:
            wires[operation / 32] = machine_dialled();
            break;
        case 3:
            machine_hang_up(wire);
            break;
        case 4:
            machine_stall(wire, take(&from, 1) % 2);
            break;
        case 5: {
            input raw = take_some(&from, 300);
            machine_write(wire, raw.bytes, raw.size);
            break;
        }
        case 6:
        case 7:
            machine_wait((int64_t)take(&from, 2) * (operation % 32 == 7 ? 500 : 10));
            hear();
            break;
        case 8:
        case 9:
            hear();
            break;
        case 10:
            send_call(wire, &from);
            break;
        case 11:
        case 12:
        case 13:
        case 14:
        case 15:
        case 16:
            send_sound(wire, &from);
            break;
        default:
            use(operation % 32 - 17, &from);
        }
    }
    hear();
    sn_stop(engine);
    sn_release(engine);
    HOLDS(machine_open() == 0);
    return 0;
}
