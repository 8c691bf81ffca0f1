"""The nineteen functions of ISteamNetworkingSockets, each as its user would use it.

One user talks to itself here, which every engine allows; what engines do in every corner, and
between users and processes, is the business of test_semantics_*.py.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from steamnet import (
    ConfigValue,
    ConnectionInfo,
    ConnectionState,
    EResult,
    Identity,
    IdentityType,
    QuickConnectionStatus,
    SendFlags,
    Steam,
    SteamNetworkingSocketsManager,
)

Until = Callable[..., None]
ALICE = "76561198000000001"
PORT = 12


@dataclass
class Meeting:
    """A listen socket, a connection that called it, and the connection that it accepted."""

    steam: Steam
    until: Until
    listen_socket: int
    client: int
    server: int

    @property
    def sockets(self) -> SteamNetworkingSocketsManager:
        """The manager of the one user."""
        return self.steam.networking_sockets

    def state(self, connection: int) -> object:
        """The state of a connection; None for a dead handle."""
        info = self.sockets.get_connection_info(connection)
        return info.state if info else None

    def receive(self, connection: int, count: int) -> list[str]:
        """The texts of so many messages, as soon as they are there."""
        texts: list[str] = []

        def all_there() -> bool:
            texts.extend(m.decode() for m in self.sockets.receive_messages(connection))
            return len(texts) >= count

        self.until(all_there, self.steam, what=f"{count} messages")
        return texts


def _requested(steam: Steam, until: Until) -> int:
    """The connection that asks to be accepted, as soon as its event is there."""
    found: list[int] = []

    def heard() -> bool:
        events = steam.networking_sockets.connection_events()
        found.extend(event.connection for event in events if event.is_incoming_request)
        return bool(found)

    until(heard, steam, what="an incoming request")
    return found[0]


@pytest.fixture
def meeting(steam: Steam, until: Until) -> Meeting:
    """Alice, listening and connected to herself."""
    sockets = steam.networking_sockets
    listen_socket = sockets.create_listen_socket_p2p(PORT)
    client = sockets.connect_p2p(ALICE, PORT)
    server = _requested(steam, until)
    assert sockets.accept_connection(server)
    meeting = Meeting(steam, until, listen_socket, client, server)
    both = [ConnectionState.CONNECTED] * 2
    until(lambda: [meeting.state(client), meeting.state(server)] == both, steam, what="connected")
    return meeting


def test_create_listen_socket_p2p(steam: Steam) -> None:
    """It gives a handle for a free port and 0 for one that is taken."""
    sockets = steam.networking_sockets
    first = sockets.create_listen_socket_p2p(0)
    assert first != 0
    assert sockets.create_listen_socket_p2p(0) == 0
    assert sockets.create_listen_socket_p2p(65535) not in (0, first)


def test_close_listen_socket(meeting: Meeting) -> None:
    """It is True once; what came in is closed, its peer told, and the port free again."""
    sockets = meeting.sockets
    assert sockets.close_listen_socket(meeting.listen_socket) is True
    assert meeting.state(meeting.server) is None
    closed = ConnectionState.CLOSED_BY_PEER
    meeting.until(lambda: meeting.state(meeting.client) == closed, meeting.steam, what="told")
    assert sockets.close_listen_socket(meeting.listen_socket) is False
    assert sockets.create_listen_socket_p2p(PORT) != 0


def test_connect_p2p(steam: Steam, until: Until) -> None:
    """It takes a Steam ID in each spelling, and gives 0 where this user has no such port."""
    sockets = steam.networking_sockets
    assert sockets.connect_p2p(ALICE, PORT) == 0
    assert sockets.create_listen_socket_p2p(PORT)
    for who in (int(ALICE), ALICE, f"steamid:{ALICE}", Identity.parse(ALICE)):
        connection = sockets.connect_p2p(who, PORT)
        assert connection != 0
        info = sockets.get_connection_info(connection)
        assert info is not None
        assert info.identity_remote == ALICE
        sockets.close_connection(connection)


def test_accept_connection(steam: Steam, until: Until) -> None:
    """It is True for who asks, and False for a handle that asks nothing."""
    sockets = steam.networking_sockets
    sockets.create_listen_socket_p2p(PORT)
    client = sockets.connect_p2p(ALICE, PORT)
    server = _requested(steam, until)
    assert sockets.accept_connection(server) is True
    assert sockets.accept_connection(server) is False
    assert sockets.accept_connection_result(server) == EResult.INVALID_STATE
    assert sockets.accept_connection_result(0) == EResult.INVALID_PARAM
    info = sockets.get_connection_info(client)
    assert info is not None


def test_close_connection(meeting: Meeting) -> None:
    """The peer learns the reason and the words; each side closes its own handle once."""
    sockets = meeting.sockets
    assert sockets.close_connection(meeting.client, 1234, "I must go") is True
    closed = ConnectionState.CLOSED_BY_PEER
    meeting.until(lambda: meeting.state(meeting.server) == closed, meeting.steam, what="closed")
    info = sockets.get_connection_info(meeting.server)
    assert info is not None
    assert (info.end_reason, info.end_debug) == (1234, "I must go")
    assert sockets.close_connection(meeting.client) is False
    assert sockets.close_connection(meeting.server) is True


def test_close_connection_with_linger_delivers_what_was_sent(meeting: Meeting) -> None:
    """What was sent before arrives after."""
    for number in range(50):
        sent = meeting.sockets.send_message(meeting.client, str(number))
        assert sent == EResult.OK
    assert meeting.sockets.close_connection(meeting.client, enable_linger=True)
    assert meeting.receive(meeting.server, 50) == [str(number) for number in range(50)]


def test_get_connection_user_data(meeting: Meeting) -> None:
    """It is -1 until set; then any 64-bit number; -1 again for a dead handle."""
    sockets = meeting.sockets
    assert sockets.get_connection_user_data(meeting.client) == -1
    for number in (0, 7, -(2**63), 2**63 - 1):
        assert sockets.set_connection_user_data(meeting.client, number) is True
        assert sockets.get_connection_user_data(meeting.client) == number
    assert sockets.get_connection_user_data(12345) == -1


def test_send_message(meeting: Meeting) -> None:
    """It takes text and every kind of buffer, in each way of sending."""
    sockets = meeting.sockets
    for data in ("grüß dich", b"bytes", bytearray(b"array"), memoryview(b"a view")[2:], b""):
        assert sockets.send_message(meeting.client, data) == EResult.OK
    expected = ["grüß dich", "bytes", "array", "view", ""]
    assert meeting.receive(meeting.server, 5) == expected
    for flags in (SendFlags.UNRELIABLE, SendFlags.RELIABLE_NO_NAGLE, SendFlags.UNRELIABLE_NO_DELAY):
        assert sockets.send_message(meeting.server, str(int(flags)), flags) == EResult.OK
        assert meeting.receive(meeting.client, 1) == [str(int(flags))]


def test_receive_messages(meeting: Meeting) -> None:
    """Oldest first, no more than asked for, and an empty list when there is nothing."""
    sockets = meeting.sockets
    assert sockets.receive_messages(meeting.server) == []
    before = meeting.steam.networking_utils.get_local_timestamp()
    sockets.set_connection_user_data(meeting.server, 99)
    numbers = [sockets.send_message_numbered(meeting.client, bytes([i])) for i in range(5)]
    assert numbers == [(EResult.OK, i + 1) for i in range(5)]
    messages: list[tuple[int, bytes]] = []

    def all_there() -> bool:
        got = sockets.receive_messages(meeting.server, 2)
        assert len(got) <= 2
        for message in got:
            assert message.connection == meeting.server
            assert message.identity == ALICE
            assert message.channel == 0
            assert message.flags & SendFlags.RELIABLE
            assert message.connection_user_data == 99
            after = meeting.steam.networking_utils.get_local_timestamp()
            assert before <= message.time_received <= after
            messages.append((message.message_number, bytes(message)))
        return len(messages) == 5

    meeting.until(all_there, meeting.steam, what="five messages")
    assert messages == [(i + 1, bytes([i])) for i in range(5)]


def test_flush_messages_on_connection(meeting: Meeting) -> None:
    """It is OK for a live connection, and says what is wrong with another."""
    sockets = meeting.sockets
    assert sockets.send_message(meeting.client, "now") == EResult.OK
    assert sockets.flush_messages_on_connection(meeting.client) == EResult.OK
    assert meeting.receive(meeting.server, 1) == ["now"]
    assert sockets.flush_messages_on_connection(12345) == EResult.INVALID_PARAM
    sockets.close_connection(meeting.client)
    closed = ConnectionState.CLOSED_BY_PEER
    meeting.until(lambda: meeting.state(meeting.server) == closed, meeting.steam, what="closed")
    assert sockets.flush_messages_on_connection(meeting.server) == EResult.NO_CONNECTION


def test_get_connection_info(meeting: Meeting) -> None:
    """It tells who is there, on which socket, in which state; None for a dead handle."""
    client = meeting.sockets.get_connection_info(meeting.client)
    server = meeting.sockets.get_connection_info(meeting.server)
    assert isinstance(client, ConnectionInfo)
    assert isinstance(server, ConnectionInfo)
    for info in (client, server):
        assert info.identity_remote == ALICE
        assert info.state is ConnectionState.CONNECTED
        assert info.state_name == "Connected"
        assert (info.end_reason, info.end_debug) == (0, "")
        assert info.connection_description != ""
        assert (info.pop_id_remote, info.pop_id_relay) == (0, 0)
    assert (client.listen_socket, server.listen_socket) == (0, meeting.listen_socket)
    assert meeting.sockets.get_connection_info(12345) is None


def test_get_detailed_connection_status(meeting: Meeting) -> None:
    """It is whole, readable text; "" for a dead handle."""
    text = meeting.sockets.get_detailed_connection_status(meeting.client)
    assert text.startswith("End-to-end connection: connected")
    assert "\0" not in text
    assert meeting.sockets.get_detailed_connection_status(12345) == ""


def test_get_quick_connection_status(meeting: Meeting) -> None:
    """Numbers within their ranges, a lane for each asked for; None for a dead handle."""
    status = meeting.sockets.get_quick_connection_status(meeting.client)
    assert isinstance(status, QuickConnectionStatus)
    assert status.state is ConnectionState.CONNECTED
    assert status.ping >= -1
    for quality in (status.connection_quality_local, status.connection_quality_remote):
        assert quality == -1 or 0 <= quality <= 1
    assert status.send_rate_bytes_per_second > 0
    assert status.max_jitter is None or status.max_jitter >= 0
    assert status.lanes == ()
    with_lanes = meeting.sockets.get_quick_connection_status(meeting.client, lanes=1)
    assert with_lanes is not None
    assert len(with_lanes.lanes) == 1
    assert meeting.sockets.get_quick_connection_status(meeting.client, lanes=2) is None
    assert meeting.sockets.get_quick_connection_status(12345) is None


def test_create_poll_group_and_destroy_poll_group(steam: Steam) -> None:
    """Each group has a handle of its own, which is destroyed once."""
    sockets = steam.networking_sockets
    one, two = sockets.create_poll_group(), sockets.create_poll_group()
    assert 0 not in (one, two)
    assert one != two
    assert sockets.destroy_poll_group(one) is True
    assert sockets.destroy_poll_group(one) is False
    assert sockets.receive_messages_on_poll_group(one) == []
    assert sockets.receive_messages_on_poll_group(two) == []


def test_set_connection_poll_group_and_receive_messages_on_poll_group(meeting: Meeting) -> None:
    """A group gathers its connections' messages and says whose each is; 0 takes one out."""
    sockets = meeting.sockets
    group = sockets.create_poll_group()
    assert sockets.set_connection_poll_group(meeting.client, group) is True
    assert sockets.set_connection_poll_group(meeting.server, group) is True
    assert sockets.set_connection_poll_group(12345, group) is False
    assert sockets.set_connection_poll_group(meeting.client, 12345) is False
    sockets.send_message(meeting.client, "to the server")
    sockets.send_message(meeting.server, "to the client")
    got: dict[int, str] = {}

    def both() -> bool:
        messages = sockets.receive_messages_on_poll_group(group, 100)
        got.update((message.connection, message.decode()) for message in messages)
        return len(got) == 2

    meeting.until(both, meeting.steam, what="two messages")
    assert got == {meeting.server: "to the server", meeting.client: "to the client"}
    assert sockets.set_connection_poll_group(meeting.server, 0) is True
    sockets.send_message(meeting.client, "out of the group")
    assert meeting.receive(meeting.server, 1) == ["out of the group"]
    assert sockets.receive_messages_on_poll_group(group) == []


def test_set_connection_config_value_and_get_connection_config_value(meeting: Meeting) -> None:
    """The engine types the key: numbers, floats and text come back as what the key holds."""
    sockets, client = meeting.sockets, meeting.client
    buffer, name = ConfigValue.SEND_BUFFER_SIZE, "SendBufferSize"
    info = meeting.steam.networking_utils.config_value_info(buffer)
    assert info is not None
    assert info.name == name
    for value in (100_000, 100_000.4, "100000"):
        assert sockets.set_connection_config_value(client, buffer, 5000)
        assert sockets.set_connection_config_value(client, buffer, value) is True
        assert sockets.get_connection_config_value(client, buffer) == 100_000
    as_float = sockets.get_connection_config_value(client, buffer, is_float=True)
    assert isinstance(as_float, float)
    assert as_float == 100_000.0
    as_int = sockets.get_connection_config_value(client, buffer, is_float=False)
    assert isinstance(as_int, int)
    wide, text = ConfigValue.CONNECTION_USER_DATA, ConfigValue.P2P_STUN_SERVER_LIST
    assert sockets.set_connection_config_value(client, wide, 2**60 + 1)
    assert sockets.get_connection_config_value(client, wide, is_float=False) == 2**60 + 1
    for words, as_int in (("soon", None), ("inf", None), ("7.5", 7)):
        assert sockets.set_connection_config_value(client, text, words)
        assert sockets.get_connection_config_value(client, text, is_float=False) == as_int
    assert sockets.set_connection_config_value(client, 987654, 1) is False
    assert sockets.get_connection_config_value(client, 987654) is None
    assert sockets.set_connection_config_value(12345, buffer, 1) is False
    assert sockets.get_connection_config_value(12345, buffer) is None


def test_config_values_are_options_of_a_new_connection(steam: Steam) -> None:
    """Options are applied before anything happens, and a wrong one prevents the connection."""
    sockets = steam.networking_sockets
    sockets.create_listen_socket_p2p(PORT)
    options = {ConfigValue.SEND_BUFFER_SIZE: 77_777, ConfigValue.CONNECTION_USER_DATA: 2**40}
    connection = sockets.connect_p2p(ALICE, PORT, options)
    assert sockets.get_connection_config_value(connection, ConfigValue.SEND_BUFFER_SIZE) == 77_777
    assert sockets.get_connection_user_data(connection) == 2**40
    assert sockets.connect_p2p(ALICE, PORT, {987654: 1}) == 0


def test_get_identity(steam: Steam) -> None:
    """It is who init said that we are."""
    identity = steam.networking_sockets.get_identity()
    assert identity == Identity.parse(ALICE)
    assert identity is not None
    assert identity.type is IdentityType.STEAM_ID
    assert identity.steam_id == str(identity) == steam.core.get_steam_id() == ALICE


def test_all_nineteen_answer_at_once(meeting: Meeting) -> None:
    """None of them waits: a game calls them between two frames."""
    sockets = meeting.sockets
    took = []
    for _ in range(100):
        started = time.perf_counter()
        sockets.send_message(meeting.client, b"tick", SendFlags.UNRELIABLE)
        sockets.flush_messages_on_connection(meeting.client)
        sockets.receive_messages(meeting.server)
        sockets.get_connection_info(meeting.client)
        sockets.get_quick_connection_status(meeting.client)
        sockets.get_detailed_connection_status(meeting.client)
        sockets.get_identity()
        took.append(time.perf_counter() - started)
    assert statistics.median(took) < 0.02  # a busy machine may hold up some of them
