"""Listeners, connections and poll groups as objects, alone and beside the manager's handles."""

import gc
import time
import warnings
from collections.abc import Callable, Iterator

import pytest

from steamnet import (
    ClosedError,
    ConfigValue,
    ConnectionEvent,
    ConnectionState,
    EResult,
    IdentityType,
    NetworkingMessage,
    ResultError,
    SendFlags,
    Steam,
)
from steamnet.objects import Connection, Listener
from steamnet.testing import connected_pair, players, pump

Pair = tuple[Connection, Connection]
CLOSED_BY_PEER = ConnectionState.CLOSED_BY_PEER


@pytest.fixture
def two() -> Iterator[list[Steam]]:
    """Open a host and a guest."""
    with players(2) as steams:
        yield steams


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Connect two: the connections of who called and of who was called."""
    with connected_pair() as both:
        yield both


def my_id(steam: Steam) -> str:
    """Whom to connect to."""
    return steam.core.get_steam_id()


def connected(host: Steam, guest: Steam, listener: Listener) -> Pair:
    """Connect the guest to the listener: the connections of the one and of the other."""
    caller = guest.connect(my_id(host), 0)
    called = pump(host, guest, until=listener.accept)
    pump(host, guest, until=lambda: caller.state == called.state == ConnectionState.CONNECTED)
    return caller, called


# --- the nouns ------------------------------------------------------------------------------------


def test_a_conversation(two: list[Steam]) -> None:
    """A listener accepts whom it should, and both sides talk."""
    host, guest = two
    with host.listen(0) as listener:
        assert listener.accept() is None
        with guest.connect(my_id(host), 0) as caller:
            (called,) = pump(host, guest, until=lambda: list(listener))
            pump(host, guest, until=lambda: caller.state == ConnectionState.CONNECTED)
            assert called.peer.steam_id == my_id(guest)
            assert caller.peer.steam_id == my_id(host)
            assert [caller.send(text) for text in ("one", b"two")] == [1, 2]
            assert pump(host, guest, until=lambda: called.receive(1))[0].decode() == "one"
            assert pump(host, guest, until=called.receive)[0].decode() == "two"
            called.send("back")
            assert pump(host, guest, until=caller.receive)[0].decode() == "back"


def test_iterating_a_listener_takes_those_who_wait_and_ends(two: list[Steam]) -> None:
    """Three who knocked are accepted in their order; then the loop is over."""
    host, guest = two
    with host.listen(0) as listener:
        callers = [guest.connect(my_id(host), 0) for _ in range(3)]
        pump(host, guest, until=lambda: len(listener._waiting) == 3)
        accepted = list(listener)
        assert len(accepted) == 3
        assert list(listener) == []
        pump(
            host,
            guest,
            until=lambda: all(c.state == ConnectionState.CONNECTED for c in callers + accepted),
        )
        for number, caller in enumerate(callers):
            caller.send(str(number))
        for number, called in enumerate(accepted):
            assert pump(host, guest, until=called.receive)[0].decode() == str(number)
        for connection in callers:
            connection.close()


def test_what_a_connection_knows(pair: Pair) -> None:
    """Its number, name, lanes, status and info are those of the engine's connection."""
    caller, called = pair
    assert caller.user_data == -1
    caller.user_data = 2**40
    assert caller.user_data == 2**40 == caller.info.user_data
    caller.name = "the one"
    assert caller.name == "the one"
    assert "the one" in caller.info.connection_description
    caller.configure_lanes([0, 1])
    caller.send("on the second", lane=1)
    caller.flush()
    assert pump(called, until=called.receive)[0].channel == 1
    assert caller.status.state == ConnectionState.CONNECTED
    with pytest.raises(ResultError) as refused:
        caller.configure_lanes([0])
    assert refused.value.result == EResult.INVALID_PARAM
    assert refused.value.operation == "configure_lanes"


def test_a_connection_is_configured(pair: Pair) -> None:
    """Values of each type are set and read; what is refused is named, with the reason."""
    caller, called = pair
    caller.configure({ConfigValue.SEND_BUFFER_SIZE: 1 << 20, ConfigValue.NAGLE_TIME: 0})
    assert caller.config(ConfigValue.SEND_BUFFER_SIZE) == 1 << 20
    assert caller.config(ConfigValue.NAGLE_TIME) == 0
    assert called.config(ConfigValue.SEND_BUFFER_SIZE) == 512 * 1024
    for options, words in (
        ({ConfigValue.FAKE_PACKET_LAG_SEND: 5}, "FAKE_PACKET_LAG_SEND can only be set globally"),
        ({ConfigValue.NAGLE_TIME: "soon"}, "NAGLE_TIME must be a number, not 'soon'"),
        ({ConfigValue.SYMMETRIC_CONNECT: 1}, "SYMMETRIC_CONNECT cannot be set to 1"),
        ({12345: 1}, "does not know 12345"),
    ):
        with pytest.raises(ResultError, match=words) as refused:
            caller.configure(options)
        assert (refused.value.operation, refused.value.result) == (
            "configure",
            EResult.INVALID_PARAM,
        )
    with pytest.raises(ResultError, match="no 12345"):
        caller.config(12345)
    caller.close()
    for use in (lambda: caller.configure({}), lambda: caller.config(ConfigValue.NAGLE_TIME)):
        with pytest.raises(ClosedError):
            use()


def test_a_poll_group_hears_its_members_and_only_them(two: list[Steam]) -> None:
    """Messages of all members come in one call, each with its sender; leaving ends that."""
    host, guest = two
    with host.listen(0) as listener, host.poll_group() as group:
        pairs = [connected(host, guest, listener) for _ in range(3)]
        with pytest.raises(TypeError, match="Connections as members"):
            group.add(pairs[0][0].handle)  # type: ignore[arg-type]  # a handle is none
        for number, (caller, called) in enumerate(pairs):
            caller.send(str(number))
            group.add(called)
        assert len(group) == 3
        heard: dict[Connection, str] = {}

        def all_heard() -> bool:
            heard.update((group.sender(m), m.decode()) for m in group.receive())
            return len(heard) == 3

        pump(host, guest, until=all_heard)
        assert heard == {called: str(number) for number, (_, called) in enumerate(pairs)}
        group.remove(pairs[0][1])
        pairs[0][0].send("alone")
        assert pump(host, guest, until=pairs[0][1].receive)[0].decode() == "alone"
        assert group.receive() == []
        assert list(group) == [called for _, called in pairs[1:]]
        for caller, _ in pairs:
            caller.close()


def test_a_member_that_moves_to_another_group_is_that_groups(two: list[Steam]) -> None:
    """The group it left neither receives its messages nor closes it when the peer goes."""
    host, guest = two
    with host.listen(0) as listener, host.poll_group() as first, host.poll_group() as second:
        caller, called = connected(host, guest, listener)
        first.add(called)
        second.add(called)
        caller.send("last words")
        caller.close()
        pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
        assert first.receive() == []
        assert len(first) == 0
        assert [m.decode() for m in second.receive()] == ["last words"]


# --- refusals -------------------------------------------------------------------------------------


def test_refusals_say_what_was_refused_and_why(two: list[Steam], pair: Pair) -> None:
    """A port taken, a peer that cannot be, a full buffer and a missing lane raise ResultError."""
    host, _ = two
    with host.listen(3), pytest.raises(ResultError, match="port 3") as refused:
        host.listen(3)
    assert (refused.value.operation, refused.value.result) == ("listen", EResult.FAIL)
    with pytest.raises(ResultError, match=my_id(host)) as refused:
        host.connect(my_id(host), 3)
    assert (refused.value.operation, refused.value.result) == ("connect", EResult.CONNECT_FAILED)
    caller, _ = pair
    with pytest.raises(ResultError) as refused:
        caller.send("nowhere", lane=7)
    assert refused.value.result == EResult.INVALID_PARAM
    with pytest.raises(ResultError) as refused:
        [caller.send(bytes(100_000)) for _ in range(20)]
    assert (refused.value.operation, refused.value.result) == ("send", EResult.LIMIT_EXCEEDED)


def test_a_poll_group_that_the_engine_refuses_is_none(
    two: list[Steam], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handle 0 is no group to receive from."""
    monkeypatch.setattr(two[0].networking_sockets, "create_poll_group", lambda: 0)
    with pytest.raises(ResultError) as refused:
        two[0].poll_group()
    assert (refused.value.operation, refused.value.result) == ("poll_group", EResult.FAIL)


def test_no_delay_that_cannot_go_now_is_dropped_and_says_so(two: list[Steam]) -> None:
    """While it connects nothing can leave at once: 0 instead of a message number."""
    host, guest = two
    with host.listen(0), guest.connect(my_id(host), 0) as caller:
        assert caller.send("late", SendFlags.UNRELIABLE_NO_DELAY) == 0
        assert caller.send("queued") == 1


def test_a_rejected_caller_learns_why(two: list[Steam]) -> None:
    """Who is accepted and closed with a reason reads it; a closed listener says no by itself."""
    host, guest = two
    listener = host.listen(0)
    caller = guest.connect(my_id(host), 0)
    pump(host, guest, until=lambda: listener._waiting)
    listener.close()
    pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)
    with pytest.raises(ResultError, match="listen socket was closed") as refused:
        caller.receive()
    assert refused.value.result == EResult.NO_CONNECTION
    caller.close()


def test_a_caller_who_gave_up_is_not_accepted(two: list[Steam]) -> None:
    """The request is gone from the queue and its handle closed, heard of or not."""
    host, guest = two
    with host.listen(0) as listener:
        for heard in (True, False):
            caller = guest.connect(my_id(host), 0)
            pump(host, guest, until=lambda: listener._waiting)
            caller.close()
            if heard:
                pump(host, guest, until=lambda: not listener._waiting)
            assert listener.accept() is None
        pump(host, guest, until=lambda: not host.networking_sockets._connections)
        assert host.networking_sockets.connection_events() == []


# --- the end of things ----------------------------------------------------------------------------


def test_a_dead_peer_is_read_to_the_end_and_closed_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sent is received; then ResultError, again and again; the handle is closed once."""
    caller, called = pair
    handles: list[int] = []
    real = called._router.sockets.close_connection

    def close(connection: int, *args: object) -> bool:
        handles.append(connection)
        return real(connection, *args)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(called._router.sockets, "close_connection", close)
    caller.send("last words")
    caller.close(1234, "good night")
    pump(caller, called, until=lambda: called.state == CLOSED_BY_PEER)
    assert [m.decode() for m in called.receive()] == ["last words"]
    for _ in range(2):
        with pytest.raises(ResultError, match="1234: good night") as gone:
            called.receive()
        assert gone.value.result == EResult.NO_CONNECTION
        with pytest.raises(ResultError, match="good night"):
            called.send("too late")
    assert called.state == CLOSED_BY_PEER
    assert called.info.end_reason == 1234
    assert called.info.end_debug == "good night"
    called.close()
    called.close()
    assert handles == [called.handle]
    assert called._router.sockets.get_connection_info(called.handle) is None


def test_a_dead_member_leaves_its_poll_group_when_it_has_been_read(two: list[Steam]) -> None:
    """Its last words are received with their sender; the next call closes and forgets it."""
    host, guest = two
    with host.listen(0) as listener, host.poll_group() as group:
        caller, called = connected(host, guest, listener)
        group.add(called)
        caller.send("last words")
        caller.close()
        pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
        host.run_callbacks()  # the state is of this moment, its event may be to come
        (message,) = group.receive()
        assert group.sender(message) is called
        assert group.receive() == []
        assert list(group) == []
        assert host.networking_sockets.get_connection_info(called.handle) is None
        assert called.state == CLOSED_BY_PEER


def hear_all(connection: Connection, heard: list[NetworkingMessage]) -> None:
    """Add what there is to receive, until there is nothing left and the connection says so."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        connection._router.run_callbacks()  # the end may be known, and its event be to come
        heard += connection.receive()


def test_closing_lingers_unless_told_not_to(two: list[Steam]) -> None:
    """By default what was sent arrives; without linger what had not left is lost."""
    host, guest = two
    with host.listen(0) as listener:
        for linger in (True, False):
            caller, called = connected(host, guest, listener)
            if not linger:  # nor can it have left, however long this takes
                guest.networking_utils.set_config_value(ConfigValue.SEND_RATE_MIN, 1024)
                guest.networking_utils.set_config_value(ConfigValue.SEND_RATE_MAX, 1024)
            for _ in range(50):
                caller.send(bytes(1000))
            caller.close(linger=linger)
            pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)  # noqa: B023  # asked at once
            heard: list[NetworkingMessage] = []
            with pytest.raises(ResultError, match="ClosedByPeer"):
                hear_all(called, heard)
            assert (len(heard) == 50) is linger
            called.close()


def test_a_closed_listener_lets_its_connections_linger(two: list[Steam]) -> None:
    """What was sent before the listener closed arrives, and then the peer is told."""
    host, guest = two
    listener = host.listen(0)
    caller, called = connected(host, guest, listener)
    for _ in range(50):
        called.send(bytes(1000))
    listener.close()
    assert called.closed
    pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)
    assert len(caller.receive()) == 50
    caller.close()


def test_closing_twice_is_fine_and_use_after_close_is_not(two: list[Steam]) -> None:
    """Every call on a closed object raises ClosedError, which is a ValueError."""
    host, guest = two
    listener, group = host.listen(0), host.poll_group()
    caller, called = connected(host, guest, listener)
    for thing in (caller, group, listener):
        thing.close()
        thing.close()
        assert thing.closed
        assert "closed" in repr(thing)
    assert called.closed  # it went with its listener
    assert caller.state == ConnectionState.NONE
    uses: list[Callable[[], object]] = [
        lambda: caller.send("x"),
        caller.receive,
        caller.flush,
        lambda: caller.info,
        lambda: caller.status,
        lambda: caller.user_data,
        lambda: caller.peer,
        lambda: caller.configure_lanes([0]),
        listener.accept,
        lambda: next(iter(listener), None),
        lambda: group.add(caller),
        group.receive,
    ]
    for use in uses:
        if use is uses[-3]:
            continue  # an iterator over nobody ends before it asks
        with pytest.raises(ClosedError):
            use()


def test_objects_after_shutdown(two: list[Steam]) -> None:
    """A shutdown closes what is open without a warning; closing objects afterwards is fine."""
    host, guest = two
    listener, group = host.listen(0), host.poll_group()
    caller, called = connected(host, guest, listener)
    host.shutdown()
    with pytest.raises(ClosedError):
        called.send("x")
    with pytest.raises(ClosedError):
        listener.accept()
    for thing in (called, group, listener):
        thing.close()
    pump(guest, until=lambda: caller.state == CLOSED_BY_PEER)
    caller.close()


def test_what_was_left_open_is_closed_with_a_warning(two: list[Steam]) -> None:
    """Dropped without close, a connection, group or listener warns and gives its handle back."""
    host, guest = two
    with host.listen(0) as listener:
        caller, called = connected(host, guest, listener)
        handle = caller.handle
        with pytest.warns(ResourceWarning, match=f"unclosed Connection {handle}"):
            del caller
        assert guest.networking_sockets.get_connection_info(handle) is None
        pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
        called.close()
    with pytest.warns(ResourceWarning, match="unclosed PollGroup"):
        host.poll_group()
    with pytest.warns(ResourceWarning, match="unclosed Listener"):
        host.listen(9)
    host.listen(9).close()  # the port is free again


def test_what_was_closed_or_shut_down_does_not_warn() -> None:
    """No ResourceWarning for objects that were closed, that ended, or that outlived shutdown."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with players(2) as (host, guest):
            listener = host.listen(0)
            caller, called = connected(host, guest, listener)
            third = connected(host, guest, listener)
            caller.close()
            pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
            with pytest.raises(ResultError):
                called.receive()
            called = caller
            gc.collect()
        del listener, third
        gc.collect()


def test_a_listener_lives_as_long_as_its_connections(two: list[Steam]) -> None:
    """The engine would end the connections with it, so dropping its name does not close it."""
    host, guest = two
    caller, called = connected(host, guest, host.listen(0))
    gc.collect()
    caller.send("still here")
    assert pump(host, guest, until=called.receive)[0].decode() == "still here"
    caller.close()
    called.close()
    with pytest.warns(ResourceWarning, match="Listener"):
        del called


# --- beside the manager ---------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [False, True], ids=["drained", "delivered"])
def test_both_styles_side_by_side(two: list[Steam], handler: bool) -> None:
    """The manager's user hears of the manager's connections, and never of an object's."""
    host, guest = two
    sockets = host.networking_sockets
    delivered: list[ConnectionEvent] = []
    if handler:
        sockets.on_connection_status_changed(delivered.append)
    events: list[ConnectionEvent] = []
    listen_socket = sockets.create_listen_socket_p2p(1)

    def look() -> list[ConnectionEvent]:
        events.extend(sockets.connection_events())
        events.extend(delivered)
        delivered.clear()
        return events

    with host.listen(0) as listener:
        ours = guest.connect(my_id(host), 0)
        theirs = guest.networking_sockets.connect_p2p(my_id(host), 1)
        called = pump(host, guest, until=listener.accept)
        pump(host, guest, until=look)
        assert [e.is_incoming_request for e in events] == [True]
        request = events[0].connection
        assert sockets.accept_connection(request)
        pump(host, guest, until=lambda: called.state == ConnectionState.CONNECTED)
        pump(host, guest, until=lambda: [e for e in look() if e.state == 3])
        ours.close()
        pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
        guest.networking_sockets.close_connection(theirs)
        pump(host, guest, until=lambda: [e for e in look() if e.state == CLOSED_BY_PEER])
        called.close()
        sockets.close_connection(request)
        pump(host, guest, until=lambda: [e for e in look() if e.state == 0])
    host.run_callbacks()
    assert {e.connection for e in look()} == {request}
    assert {e.listen_socket for e in events} == {listen_socket}
    assert {e.connection for e in guest.networking_sockets.connection_events()} == {theirs}


def test_nothing_is_remembered_of_what_is_over(two: list[Steam]) -> None:
    """Handles that were accepted, refused, given up or dropped leave no trace in the router."""
    host, guest = two
    with host.listen(0) as listener:
        for _ in range(3):
            caller, called = connected(host, guest, listener)
            caller.close()
            pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)  # noqa: B023  # asked at once
            called.close()
        guest.connect(my_id(host), 0).close()
        refused = guest.connect(my_id(host), 0)
        pump(host, guest, until=lambda: listener._waiting)
    pump(host, guest, until=lambda: refused.state == CLOSED_BY_PEER)
    refused.close()
    for steam in two:
        pump(host, guest, until=lambda: not steam._router._owned)  # noqa: B023  # asked at once
        assert not list(steam._router.connections) + list(steam._router.listeners)


def test_an_adopted_handle_is_an_object_like_others(two: list[Steam]) -> None:
    """The manager's connection becomes a Connection, whose events the manager then keeps."""
    host, guest = two
    sockets = host.networking_sockets
    sockets.create_listen_socket_p2p(0)
    caller = guest.connect(my_id(host), 0)
    (event,) = pump(host, guest, until=sockets.connection_events)
    sockets.accept_connection(event.connection)
    with host.adopt(event.connection) as called:
        pump(host, guest, until=lambda: caller.state == called.state == ConnectionState.CONNECTED)
        caller.close()
        pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
        assert sockets.connection_events() == []
    with pytest.raises(ResultError, match="adopt"):
        host.adopt(event.connection)


def test_what_the_manager_closes_its_object_soon_knows(two: list[Steam]) -> None:
    """A handle closed behind the object's back is not closed again, and raises ResultError."""
    host, guest = two
    with host.listen(0) as listener:
        caller, called = connected(host, guest, listener)
        assert guest.networking_sockets.close_connection(caller.handle, 1001, "by hand")
        guest.run_callbacks()
        assert caller.state == ConnectionState.NONE
        with pytest.raises(ResultError, match="by hand"):
            caller.send("x")
        caller.close()
        pump(host, guest, until=lambda: called.state == CLOSED_BY_PEER)
        called.close()


def test_peers_by_address_have_no_identity_until_they_connect(two: list[Steam]) -> None:
    """An identity not yet known is an INVALID one, and no error."""
    _, guest = two
    handle = guest.networking_sockets.connect_by_ip_address("127.0.0.1:27999")
    with guest.adopt(handle) as caller:
        assert caller.peer.type == IdentityType.INVALID


def test_options_reach_the_engine(two: list[Steam]) -> None:
    """Options of listen and connect are those of the manager's calls."""
    host, guest = two
    with host.listen(0, {ConfigValue.CONNECTION_USER_DATA: 7}) as listener:
        caller = guest.connect(my_id(host), 0, {ConfigValue.CONNECTION_USER_DATA: 8})
        called = pump(host, guest, until=listener.accept)
        assert (called.user_data, caller.user_data) == (7, 8)
        caller.close()
