"""Strangers on gns: requests that no listen socket waits for are ignored, and leave nothing."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requirements
from process_figures import SLACK, figures
from remote_process import RemoteProcess

import steamnet
from steamnet import ConfigValue, ConnectionState, Identity, SendFlags, Steam
from steamnet.signaling import LocalSignaling

ALICE, BOB = "76561198000000001", "76561198000000002"


class Recording(LocalSignaling):
    """Local signaling that keeps what arrives."""

    def __init__(self) -> None:
        """Be found as Alice."""
        super().__init__(Identity.parse(ALICE))
        self.arrived: list[bytes] = []

    def receive(self) -> Iterator[bytes]:
        """Note each signal on its way."""
        for signal in super().receive():
            self.arrived.append(signal)
            yield signal


@pytest.fixture
def recording(gns: None) -> Recording:
    """The host's signaling."""
    return Recording()


@pytest.fixture
def alice(recording: Recording) -> Iterator[Steam]:
    """The host."""
    with steamnet.init(engine="gns", identity=ALICE, signaling=recording) as alice:
        yield alice


@pytest.fixture
def bob(remote: RemoteProcess, alice: Steam) -> Iterator[Any]:
    """A stranger, in another process."""
    bob = remote.open(engine="gns", identity=BOB)
    yield bob
    bob.shutdown()


def a_request(recording: Recording, alice: Steam, bob: Any, until: Callable[..., None]) -> bytes:
    """A stranger's request to port 5, as his engine made it; he has gone since."""
    connection = bob.networking_sockets.connect_p2p(ALICE, 5)
    until(lambda: recording.arrived, alice, bob, what="the request")
    bob.networking_sockets.close_connection(connection)
    return recording.arrived[0]


def from_another(request: bytes, number: int) -> bytes:
    """The request of another connection of the same peer, of the given number."""
    # The number of the connection follows the identity, as a field of four bytes.
    at = request.index(BOB.encode() + b"\x4d") + len(BOB) + 1
    return request[:at] + struct.pack("<I", number) + request[at + 4 :]


def test_ten_thousand_strangers(
    recording: Recording, alice: Steam, bob: Any, until: Callable[..., None], record_property: Any
) -> None:
    """No event tells of them and they leave nothing; once the port is open, the next one does."""
    sockets, count = alice.networking_sockets, 10_000
    request = a_request(recording, alice, bob, until)
    assert sockets.close_listen_socket(sockets.create_listen_socket_p2p(5))  # it was open once
    assert sockets.create_listen_socket_p2p(6)  # another port is

    def strangers(first: int, many: int) -> None:
        for number in range(first, first + many):
            sockets.received_p2p_custom_signal(from_another(request, number))
            if number % 100 == 0:
                alice.run_callbacks()
                assert sockets.connection_events() == []
        alice.run_callbacks()
        assert sockets.connection_events() == []

    strangers(1, count // 2)
    before = figures()
    strangers(1 + count // 2, count // 2)

    def gone() -> bool:
        after = figures()
        return after[0] < before[0] + SLACK and after[1] <= before[1]

    until(gone, alice, timeout=60, what="the engine's thread to have destroyed them")
    assert sockets.create_listen_socket_p2p(5)
    assert sockets.received_p2p_custom_signal(from_another(request, 1))  # he asks again
    until(sockets.connection_events, alice, what="the request to a port that is open by now")
    record_property("strangers", count)


@pytest.mark.parametrize("opened_before", [False, True])
def test_who_waits_gets_in_when_the_port_opens(
    recording: Recording, alice: Steam, bob: Any, until: Callable[..., None], opened_before: bool
) -> None:
    """A caller is ignored while nobody listens, and let in when somebody does."""
    requirements.ice()
    sockets = alice.networking_sockets
    if opened_before:
        assert sockets.close_listen_socket(sockets.create_listen_socket_p2p(5))
    connection = bob.networking_sockets.connect_p2p(ALICE, 5)
    until(lambda: len(recording.arrived) > 1, alice, bob, what="him to ask, and ask again")
    assert sockets.connection_events() == []
    listen_socket = sockets.create_listen_socket_p2p(5)

    def connected() -> bool:
        for event in sockets.connection_events():
            if event.is_incoming_request:
                assert event.listen_socket == listen_socket
                assert sockets.accept_connection(event.connection)
        info = bob.networking_sockets.get_connection_info(connection)
        return bool(info.state == ConnectionState.CONNECTED)

    until(connected, alice, bob, what="the connection")


def test_a_stranger_who_hangs_up_or_gives_up(
    recording: Recording, alice: Steam, bob: Any, until: Callable[..., None]
) -> None:
    """The object layer sees neither a stranger's call nor its end."""
    theirs = bob.networking_sockets
    with alice.listen(1) as listener:
        impatient = theirs.connect_p2p(ALICE, 5, {ConfigValue.TIMEOUT_INITIAL: 600})
        hangs_up = theirs.connect_p2p(ALICE, 6)
        until(lambda: len(recording.arrived) > 3, alice, bob, what="both to ask twice")
        assert theirs.close_connection(hangs_up, 1001, "bye")
        until(
            lambda: (
                theirs.get_connection_info(impatient).state
                == ConnectionState.PROBLEM_DETECTED_LOCALLY
            ),
            alice,
            bob,
            what="his own time-out",
        )
        assert theirs.close_connection(impatient)
        assert theirs.connect_p2p(ALICE, 1)  # after all else that was to be told
        request = None

        def asked() -> bool:
            nonlocal request
            request = listener.accept()
            return request is not None

        until(asked, alice, bob, what="the request of a port that is open")
        assert request is not None
        request.close()
        assert alice.networking_sockets.connection_events() == []


def test_symmetric_connects_need_no_listen_socket(
    alice: Steam, bob: Any, until: Callable[..., None]
) -> None:
    """Two who connect to each other symmetrically meet, though neither listens."""
    requirements.ice()
    options = {ConfigValue.SYMMETRIC_CONNECT: 1, ConfigValue.LOCAL_VIRTUAL_PORT: 5}
    theirs = bob.networking_sockets.connect_p2p(ALICE, 5, options)
    ours = alice.networking_sockets.connect_p2p(BOB, 5, options)

    def connected() -> bool:
        infos = (
            alice.networking_sockets.get_connection_info(ours),
            bob.networking_sockets.get_connection_info(theirs),
        )
        return all(info and info.state == ConnectionState.CONNECTED for info in infos)

    until(connected, alice, bob, what="one connection of both")
    assert not any(
        event.is_incoming_request for event in alice.networking_sockets.connection_events()
    )


def test_message_sessions_need_no_listen_socket(
    alice: Steam, bob: Any, until: Callable[..., None]
) -> None:
    """The engine listens for the sessions of networking messages by itself."""
    requirements.ice()
    messages = alice.networking_messages
    bob.networking_messages.send_message_to_user(ALICE, b"hello", SendFlags.RELIABLE)
    until(
        lambda: [messages.accept_session_with_user(one) for one in messages.session_requests()],
        alice,
        bob,
        what="a session's request",
    )
    until(lambda: messages.receive_messages_on_channel(0), alice, bob, what="its message")
    assert alice.networking_sockets.connection_events() == []
