/* Checks of frames from other processes, valid and hostile. */
#include "check.h"

#include <stdio.h>

/* A peer that sends on several lanes in turn and reads nothing gets few acks. */
void check_acks_unread(void)
{
    enum { TURNS = 40, EACH = 500 };
    user who = open_user("str:parent");
    sn_socket stranger;
    HSteamNetConnection connection = accept_stranger(&who, &stranger);
    lo_frame empty = {.kind = LO_DATA, .reliable = true, .channel = 1}, frame;
    unsigned char bytes[4096];
    int acks = 0, acked = 0;
    int64_t lanes[2] = {0, 0};
    size_t filled = 0;
    section = "acks that are not read";
    for (int i = 0; i < TURNS; i++) {
        CHECK(send_many_frames(&who, stranger, empty, EACH));
        CHECK(drain(&who, connection, EACH, 5000) == EACH);
    }
    for (int idle = 0; acked < TURNS * EACH && idle < 1000;) {
        ptrdiff_t got = sn_socket_receive(stranger, bytes + filled, sizeof bytes - filled), size;
        idle = got > 0 ? 0 : idle + 1;
        filled += got > 0 ? (size_t)got : 0;
        while ((size = lo_frame_parse(bytes, filled, &frame)) > 0) {
            lo_total ack;
            if (frame.kind == LO_ACK && frame.lane < 2) {
                memcpy(&ack, frame.body, sizeof ack);
                acks++;
                lanes[frame.lane] += ack.messages;
                acked = (int)(lanes[0] + lanes[1]);
            }
            memmove(bytes, bytes + size, filled -= (size_t)size);
        }
        if (got <= 0)
            sn_sleep(100);
        sn_pump(who.engine);
    }
    CHECK(acked == TURNS * EACH);
    CHECK(acks < TURNS * EACH / 10);
    sn_socket_close(stranger);
    close_user(&who);
}

/* Where two requests cross, what came on one link does not count against the other's backlog. */
void check_crossing_links(void)
{
    SteamNetworkingIdentity mine = identity_of("str:of the longer name");
    SteamNetworkingIdentity theirs = identity_of("str:a");
    lo_connect_request call = {.from = theirs, .to = mine, .kind = LO_KIND_SESSION, .protocol = LO_PROTOCOL};
    lo_frame frame = {.kind = LO_CONNECT_REQUEST, .size = sizeof call, .send_time = sn_now()},
             never = {.kind = LO_DATA, .reliable = true, .due = sn_now() + 30000000};
    char directory[400], name[500], error[SN_ERROR_SIZE], token[] = "00000000000000aa";
    unsigned char bytes[LO_HEADER + sizeof call];
    sn_socket listening, outgoing, incoming;
    user who = open_user("str:of the longer name");
    section = "crossing links";
    if (!CHECK(sn_private_directory(directory, sizeof directory, error, sizeof error)))
        return;
    snprintf(name, sizeof name, "%s/%s.sock", directory, token);
    listening = sn_socket_listen(name);
    snprintf(name, sizeof name, "%s/%016llx", directory,
             (unsigned long long)lo_address_key(LO_KIND_SESSION, &theirs, 0));
    CHECK(sn_file_write(name, token, 16));
    CHECK(send_to_user(&who, "str:a", "x", RELIABLE, 0) == k_EResultOK);
    outgoing = sn_socket_accept(listening);
    CHECK(outgoing != SN_NO_SOCKET);
    CHECK(send_many_frames(&who, outgoing, never, (4 << 20) / (int)sizeof(lo_packet) + 100));
    for (int i = 0; i < 20; i++) {
        sn_sleep(100);
        sn_pump(who.engine);
    }
    incoming = connect_stranger(LO_KIND_SESSION, "str:of the longer name", 0);
    lo_frame_head(&frame, bytes);
    memcpy(bytes + LO_HEADER, &call, sizeof call);
    CHECK(sn_socket_send(incoming, bytes, sizeof bytes) == sizeof bytes);
    for (int i = 0; i < 1000 && M(who, GetSessionConnectionInfo, &theirs, NULL, NULL) == CONNECTING;
         i++)
        sn_sleep(1000);
    send_empty(incoming, LO_CONNECT_CONFIRM, 0); /* not read together with the call */
    for (int i = 0; i < 1000 && M(who, GetSessionConnectionInfo, &theirs, NULL, NULL) != CONNECTED;
         i++)
        sn_sleep(1000);
    CHECK(M(who, GetSessionConnectionInfo, &theirs, NULL, NULL) == CONNECTED);
    sn_file_remove(name);
    snprintf(name, sizeof name, "%s/%s.sock", directory, token);
    sn_file_remove(name);
    sn_socket_close(outgoing);
    sn_socket_close(incoming);
    sn_socket_close(listening);
    close_user(&who);
}

/* A peer can only acknowledge what was sent to it, on that lane, and that once. */
void check_false_acks(void)
{
    static const lo_total acks[] = {
        {1, 1000}, {0, 0}, {2, 1000}, {1, 1001}, {1, -1}, {-1, -1000}, {1, 1000}, {1, 1000},
    };
    static const uint16_t lanes[] = {0, 0, 0, 0, 0, 0, 1, 200};
    section = "false acks";
    for (int i = 0; i < 8; i++) {
        user who = open_user("str:parent");
        sn_socket stranger;
        HSteamNetConnection connection = accept_stranger(&who, &stranger);
        CHECK(S(who, ConfigureConnectionLanes, connection, 2, NULL, NULL) == k_EResultOK);
        CHECK(send_size(&who, connection, 1000, RELIABLE, NULL) == k_EResultOK);
        sn_sleep(1000);
        sn_pump(who.engine);
        send_frame(stranger, (lo_frame){.kind = LO_ACK, .lane = lanes[i]}, &acks[i], sizeof acks[i]);
        if (i < 2)
            CHECK(await_event(&who, 20).kind == 0);
        if (i == 0)
            send_frame(stranger, (lo_frame){.kind = LO_ACK}, &acks[i], sizeof acks[i]);
        if (i != 1)
            CHECK(await_state(&who, connection, CONNECTED, PROBLEM));
        sn_socket_close(stranger);
        close_user(&who);
    }
}

/* What has no room moves up when there is some, however late its connection sends next. */
void check_room_beside_acks(void)
{
    enum { ROOM = 2, SCOPE = k_ESteamNetworkingConfig_Connection };
    SteamNetworkingMessage_t *messages[2 * ROOM];
    user who = open_user("str:parent");
    sn_socket stranger;
    HSteamNetConnection connection = accept_stranger(&who, &stranger);
    section = "room beside acks";
    set_int(&who, k_ESteamNetworkingConfig_RecvBufferMessages, SCOPE, connection, ROOM);
    set_int(&who, k_ESteamNetworkingConfig_SendRateMin, SCOPE, connection, 1024);
    for (int64_t number = 1; number <= 2 * ROOM; number++)
        send_empty(stranger, LO_DATA, number);
    CHECK(send_size(&who, connection, 30720, RELIABLE, NULL) == k_EResultOK); /* for half a minute */
    CHECK(send_size(&who, connection, 100, RELIABLE, NULL) == k_EResultOK);
    CHECK(S(who, ReceiveMessagesOnConnection, connection, messages, 2 * ROOM) == ROOM);
    for (int i = 0; i < ROOM; i++)
        messages[i]->m_pfnRelease(messages[i]);
    send_frame(stranger, (lo_frame){.kind = LO_ACK}, &(lo_total){1, 30720}, sizeof(lo_total));
    sn_sleep(1000); /* the sockets are asked in the next call */
    CHECK(drain(&who, connection, ROOM, 3000) == ROOM);
    sn_socket_close(stranger);
    close_user(&who);
}

/* A connect request that is in flight is not seen before its time, whatever comes behind it. */
void check_request_in_flight(void)
{
    user who = open_user("str:parent");
    sn_socket stranger;
    section = "a request in flight";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    stranger = connect_stranger(LO_KIND_P2P, "str:parent", 7);
    send_request_to(stranger, LO_KIND_P2P, 7, sn_now() + 30000000);
    send_frame(stranger, (lo_frame){.kind = LO_ACK}, &(lo_total){5, 5}, sizeof(lo_total));
    CHECK(await_event(&who, 20).kind == 0);
    sn_socket_close(stranger);
    close_user(&who);
}

/* Times that a stranger has from another clock mean nothing here: it is told so, and let go. */
void check_other_clock(void)
{
    static const int64_t offsets[] = {-100000000, 100000000, INT64_MAX / 2, INT64_MIN / 2};
    user who = open_user("str:parent");
    section = "another clock";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        sn_socket stranger = connect_stranger(LO_KIND_P2P, "str:parent", 7);
        unsigned char bytes[LO_HEADER + sizeof(lo_close_body)];
        lo_close_body closed;
        lo_frame frame;
        ptrdiff_t got = 0;
        send_request_at(stranger, LO_KIND_P2P, 7, 0, sn_now() + offsets[i]);
        for (int j = 0; j < 1000 && got == 0; j++) {
            sn_pump(who.engine);
            got = sn_socket_receive(stranger, bytes, sizeof bytes);
            sn_sleep(got == 0 ? 1000 : 0);
        }
        CHECK(got == sizeof bytes && lo_frame_parse(bytes, sizeof bytes, &frame) == got &&
              frame.kind == LO_CONNECTION_CLOSED);
        memcpy(&closed, bytes + LO_HEADER, sizeof closed);
        CHECK(strcmp(closed.text, "The clocks of the two processes differ") == 0);
        CHECK(await_event(&who, 5).kind == 0);
        sn_socket_close(stranger);
    }
    close_user(&who);
}

/* A peer that ignores flow control is read no further, even if its messages are empty. */
void check_flood(void)
{
    enum { TOO_MANY = 200000 };
    user who = open_user("str:parent");
    unsigned char head[LO_HEADER];
    HSteamNetConnection connection;
    sn_socket stranger;
    int sent = 0, idle = 0;
    section = "a flood of nothing";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    stranger = connect_stranger(LO_KIND_P2P, "str:parent", 7);
    send_request(stranger);
    connection = await_event(&who, 1000).connection;
    CHECK(S(who, AcceptConnection, connection) == k_EResultOK);
    while (sent < TOO_MANY && idle < 50) {
        lo_frame frame = {.kind = LO_DATA, .reliable = true, .number = sent + 1};
        ptrdiff_t size;
        lo_frame_head(&frame, head);
        size = sn_socket_send(stranger, head, sizeof head);
        if (size != 0 && size != sizeof head)
            break; /* half a frame: the buffer's end */
        sent += size > 0;
        idle = size > 0 ? 0 : idle + 1;
        if (size == 0)
            sn_sleep(1000);
        if (size == 0 || sent % 1000 == 0)
            sn_pump(who.engine);
    }
    CHECK(sent > 1000 && sent < TOO_MANY);
    CHECK(drain(&who, connection, sent, 5000) == sent);
    sn_socket_close(stranger);
    close_user(&who);
}

void check_hostile(void)
{
    user who = open_user("str:parent");
    unsigned char garbage[4096];
    sn_socket stranger;
    HSteamNetConnection connection;
    uint64_t chance = 1;
    section = "hostile bytes";
    CHECK(S(who, CreateListenSocketP2P, 7, 0, NULL) != 0);
    for (int round = 0; round < 300; round++) {
        lo_frame frame = {.kind = (uint8_t)(1 + lo_random(&chance) % 11),
                          .size = (uint32_t)(lo_random(&chance) % 40),
                          .number = (int64_t)(lo_random(&chance) % 2000),
                          .send_time = (int64_t)lo_random(&chance),
                          .due = (int64_t)lo_random(&chance)};
        stranger = connect_stranger(LO_KIND_P2P, "str:parent", 7);
        if (!CHECK(stranger != SN_NO_SOCKET))
            break;
        if (round % 3 > 0)
            send_request(stranger);
        for (size_t i = 0; i < sizeof garbage; i++)
            garbage[i] = (unsigned char)lo_random(&chance);
        if (round % 2)
            lo_frame_head(&frame, garbage);
        sn_sleep(100);
        sn_pump(who.engine);
        if (round % 5 == 1) {
            sn_event event;
            while (sn_next_event(who.engine, &event))
                S(who, AcceptConnection, event.connection);
        }
        sn_socket_send(stranger, garbage, sizeof garbage);
        sn_sleep(100);
        sn_pump(who.engine);
        sn_socket_close(stranger);
    }
    sn_pump(who.engine);
    forget_events(&who);
    stranger = connect_stranger(LO_KIND_P2P, "str:parent", 7);
    send_request(stranger);
    connection = await_event(&who, 1000).connection;
    CHECK(S(who, AcceptConnection, connection) == k_EResultOK);
    memset(garbage, 0xff, sizeof garbage);
    sn_socket_send(stranger, garbage, sizeof garbage);
    CHECK(await_state(&who, connection, CONNECTING, FINDING_ROUTE));
    CHECK(await_state(&who, connection, FINDING_ROUTE, PROBLEM));
    sn_socket_close(stranger);
    close_user(&who);
}
