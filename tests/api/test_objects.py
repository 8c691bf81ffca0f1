"""Listeners, connections and poll groups as objects, alone and beside the manager's handles."""

import gc
import pickle
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack

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
from steamnet.objects import Connection, Listener, PollGroup
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


@pytest.mark.parametrize("flags", [SendFlags.RELIABLE, SendFlags.UNRELIABLE])
def test_a_flush_while_it_connects_is_no_failure(two: list[Steam], flags: SendFlags) -> None:
    """What was sent leaves once it is connected, as without."""
    host, guest = two
    with host.listen() as listener, guest.connect(my_id(host)) as caller:
        caller.send("early", flags)
        caller.flush()
        called = pump(host, guest, until=listener.accept)
        assert pump(host, guest, until=called.receive)[0].decode() == "early"
        called.close()
        pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)
        with pytest.raises(ResultError, match="flush: NO_CONNECTION"):
            caller.flush()


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
    with pytest.raises(ResultError, match="does not know 12345"):
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


def test_a_group_tells_who_has_departed_and_why(two: list[Steam]) -> None:
    """Once for each, in order, with its info; those closed on this side are not told of."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group:
        pairs = [connected(host, guest, listener) for _ in range(4)]
        for _, called in pairs:
            group.add(called)
        assert group.departed() == []
        pairs[1][0].close(1001, "dinner")
        gone = pump(host, guest, until=group.departed)
        assert gone == [pairs[1][1]]
        assert (gone[0].info.end_reason, gone[0].info.end_debug) == (1001, "dinner")
        assert gone[0].peer == my_id(guest)
        assert group.departed() == []
        assert list(group) == [pairs[n][1] for n in (0, 2, 3)]
        assert gone[0] not in group
        assert pairs[0][1] in group
        pairs[0][1].close()
        for number in (0, 2, 3):
            pairs[number][0].close()
        pump(host, guest, until=lambda: not len(group))
        pairs[3][1].close()
        assert group.departed() == [pairs[2][1]]


def test_a_member_that_ended_before_it_was_added_departs_too(two: list[Steam]) -> None:
    """It is received from, and never a member."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group:
        caller, called = connected(host, guest, listener)
        caller.send("last words")
        caller.close()
        pump(host, guest, until=lambda: called._ended)
        group.add(called)
        assert len(group) == 0
        assert group.departed() == [called]
        (message,) = group.receive()
        assert group.sender(message) is called
        called.close()


def test_the_manager_closes_a_member(two: list[Steam]) -> None:
    """It has departed like others."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group:
        caller, called = connected(host, guest, listener)
        group.add(called)
        host.networking_sockets.close_connection(called.handle, 1001, "by hand")
        assert pump(host, until=group.departed) == [called]
        assert called.info.end_debug == "by hand"
        assert group.receive() == []
        called.close()
        pump(guest, until=lambda: caller.state == CLOSED_BY_PEER)
        caller.close()


@pytest.mark.parametrize("left", ["stays", "ended", "removed", "moved"])
def test_the_sender_of_a_message_is_known_until_it_is_closed(two: list[Steam], left: str) -> None:
    """However long the message is kept, and whatever the member does meanwhile."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group, host.poll_group() as other:
        caller, called = connected(host, guest, listener)
        peer = called.peer
        group.add(called)
        caller.send("hello")
        (message,) = pump(host, guest, until=group.receive)
        if left == "ended":
            caller.close()
            (departed,) = pump(host, guest, until=group.departed)
            assert departed is called
            for _ in range(3):  # until the engine has dropped it
                assert group.receive() == []
            assert host.networking_sockets.get_connection_info(called.handle) is None
            del called, departed
            gc.collect()
        elif left == "removed":
            group.remove(called)
        elif left == "moved":
            other.add(called)
            assert list(group) == []
        sender = group.sender(message)
        assert sender.peer == peer == message.identity
        sender.close()
        with pytest.raises(KeyError):
            group.sender(message)
        if left != "ended":
            pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)
            caller.close()


def test_nothing_is_kept_of_members_that_were_closed(two: list[Steam]) -> None:
    """Players come and go, and the group does not grow."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group:
        for number in range(6):
            caller, called = connected(host, guest, listener)
            group.add(called)
            if number % 2:
                caller.close()
                (gone,) = pump(host, guest, until=group.departed)
                gone.close()
            else:
                called.close()
                pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)  # noqa: B023  # asked at once
                caller.close()
        assert group.departed() == []
        assert not group._members
        assert not group._ended
        assert not group._unread


@pytest.mark.parametrize("wrong", [None, 5, "str:alice", 1.5, []])
def test_a_group_says_what_it_takes(two: list[Steam], wrong: object) -> None:
    """Members are connections, and only messages have a sender."""
    group = two[0].poll_group()
    for call in (group.add, group.remove):
        with pytest.raises(TypeError, match="a group has Connections as members"):
            call(wrong)  # type: ignore[operator]  # which is the test
    with pytest.raises(TypeError, match="a message has a sender"):
        group.sender(wrong)  # type: ignore[arg-type]  # which is the test
    group.close()


def test_a_broadcast_goes_to_the_members_but_some(two: list[Steam]) -> None:
    """Its results are in the order of the members: numbers, or why it was not sent."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group:
        assert group.broadcast("to nobody") == []
        pairs = [connected(host, guest, listener) for _ in range(4)]
        for _, called in pairs:
            group.add(called)
        assert group.broadcast("all") == [1, 1, 1, 1]
        assert group.broadcast(b"some", SendFlags.RELIABLE, besides=[pairs[1][1]]) == [2, 2, 2]
        for wrong in (pairs[1][1], None, 5, ["str:alice"], [pairs[1][1].handle]):
            with pytest.raises(TypeError, match="besides is an iterable of connections"):
                group.broadcast("x", besides=wrong)  # type: ignore[arg-type]  # which is the test
        for number, (caller, _) in enumerate(pairs):
            heard: list[str] = []
            wanted = ["all"] if number == 1 else ["all", "some"]
            pump(
                host,
                guest,
                until=lambda: heard.extend(m.decode() for m in caller.receive()) or heard == wanted,  # noqa: B023  # asked at once
            )
        full = pairs[2][1]
        full.configure({ConfigValue.SEND_BUFFER_SIZE: 4096})
        pairs[3][1].configure_lanes([0, 1])
        assert group.broadcast(bytes(8000), lane=0) == [3, 2, -EResult.LIMIT_EXCEEDED, 3]
        assert group.broadcast("x", lane=1)[0] == -EResult.INVALID_PARAM
        pairs[0][0].close()
        pump(host, guest, until=lambda: len(group) == 3)
        assert len(group.broadcast("y")) == 3
        for caller, _ in pairs[1:]:
            caller.close()
        group.close()
        with pytest.raises(ClosedError):
            group.broadcast("z")


def test_a_frame_in_which_nothing_happens_costs_the_same_with_many_members(steam: Steam) -> None:
    """No call looks at each member: as many Python calls are made for one as for a hundred."""

    def calls(members: int) -> int:
        sockets = steam.networking_sockets
        with steam.poll_group() as group:
            pairs = [[steam.adopt(c) for c in sockets.create_socket_pair()] for _ in range(members)]
            for _, there in pairs:
                group.add(there)
            made: list[str] = []
            sys.setprofile(lambda frame, event, arg: made.append(event))
            try:
                group.receive()
                group.departed()
            finally:
                sys.setprofile(None)
            for connection in [connection for pair in pairs for connection in pair]:
                connection.close()
            return len(made)

    assert calls(1) == calls(100)


def test_a_group_has_connections_of_its_own_engine(two: list[Steam]) -> None:
    """Handles of another engine may be the same numbers."""
    host, guest = two
    with host.listen() as listener, guest.poll_group() as group:
        caller, called = connected(host, guest, listener)
        with pytest.raises(ValueError, match="another engine"):
            group.add(called)
        with pytest.raises(KeyError):
            group.remove(called)
        caller.close()


def test_who_waits_is_asked_and_refused_or_accepted(two: list[Steam]) -> None:
    """Each request names its peer; one is rejected with a reason, another accepted, once."""
    host, guest = two
    with host.listen() as listener:
        assert listener.waiting == []
        first, second, third = [guest.connect(my_id(host)) for _ in range(3)]
        pump(host, guest, until=lambda: len(listener.waiting) == 3)
        one, other, last = listener.waiting
        assert one.peer == my_id(guest)
        assert one.info.state == ConnectionState.CONNECTING
        assert one == listener.waiting[0] != other
        with pytest.raises(ValueError, match="1000 to 2999"):
            one.reject(5)
        one.reject(1001, "the server is full")
        assert listener.waiting == [other, last]
        called = other.accept()
        assert listener.waiting == [last]
        pump(host, guest, until=lambda: second.state == ConnectionState.CONNECTED)
        pump(host, guest, until=lambda: first.state == CLOSED_BY_PEER)
        assert (first.info.end_reason, first.info.end_debug) == (1001, "the server is full")
        for request in (one, other):
            with pytest.raises(ResultError, match="has left, or was answered") as refused:
                request.accept()
            assert (refused.value.operation, refused.value.result) == (
                "accept",
                EResult.NO_CONNECTION,
            )
            request.reject(1002, "again")  # of no effect
        third.close()
        pump(host, guest, until=lambda: not listener.waiting)
        with pytest.raises(ResultError, match="has left"):
            last.accept()
        called.send("still here")
        assert pump(host, guest, until=second.receive)[0].decode() == "still here"
        for caller in (first, second):
            caller.close()
    with pytest.raises(ClosedError):
        listener.waiting  # noqa: B018  # the reading is it
    for use in (last.accept, last.reject):
        with pytest.raises(ClosedError):
            use()


@pytest.mark.parametrize("told", [False, True])
def test_a_request_of_a_peer_that_has_left(two: list[Steam], told: bool) -> None:
    """Accepted before the event of that, it is a connection that has ended; after it, an error."""
    host, guest = two
    with host.listen() as listener, host.poll_group() as group:
        caller = guest.connect(my_id(host))
        (request,) = pump(host, guest, until=lambda: listener.waiting)
        caller.close(1001, "changed my mind")
        if told:
            pump(host, guest, until=lambda: not listener.waiting)
            with pytest.raises(ResultError, match="has left"):
                request.accept()
            return
        pump(
            guest,
            until=lambda: host.networking_sockets.get_connection_info(request.handle).state == 4,
        )  # type: ignore[union-attr]  # it is there
        connection = request.accept()
        group.add(connection)
        assert group.departed() == [connection]
        assert connection.info.end_debug == "changed my mind"
        with pytest.raises(ResultError, match="changed my mind"):
            connection.send("hello")
        assert group.receive() == []
        host.run_callbacks()
        assert (group.departed(), len(group)) == ([], 0)
        connection.close()


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", "localhost:0"]
)
def test_connections_by_address(two: list[Steam], address: str) -> None:
    """A listener on a free port tells which, and is reached there."""
    host, guest = two
    if "[" in address:
        requirements_ipv6()
    with host.listen_ip(address) as listener:
        port = listener.address.rpartition(":")[2]
        assert int(port) > 0
        near = "[::1]" if "[" in address else "127.0.0.1"
        with guest.connect_ip(f"{near}:{port}") as caller:
            called = pump(host, guest, until=listener.accept)
            pump(host, guest, until=lambda: caller.state == ConnectionState.CONNECTED)
            assert called.peer == my_id(guest)
            assert caller.peer == my_id(host)
            assert caller.info.addr_remote == f"{near}:{port}"
            caller.send("by address")
            assert pump(host, guest, until=called.receive)[0].decode() == "by address"
            with pytest.raises(ResultError, match=f"{port}") as refused:
                host.listen_ip(f"{near}:{port}")
            assert (refused.value.operation, refused.value.result) == ("listen_ip", EResult.FAIL)
    with host.listen() as listener:
        assert listener.address == ""


def requirements_ipv6() -> None:
    """Skip where the machine has no IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "::1", "127.0.0.1:", "127.0.0.1:65536", "::1:5", "1.2.3.4:x", ":5"]
)
def test_what_is_no_address(two: list[Steam], address: str) -> None:
    """It raises at once, with examples of what would do."""
    for call in (two[0].listen_ip, two[0].connect_ip):
        with pytest.raises(ValueError, match="no address"):
            call(address)
    with pytest.raises(ValueError, match="no port"):
        two[0].connect_ip("127.0.0.1:0")


@pytest.mark.parametrize("host", ["a..b", ".", "a" * 64, f"{'é' * 60}.example", ".example"])
def test_what_cannot_be_a_name_is_not_found(two: list[Steam], host: str) -> None:
    """Python's own error would name a codec."""
    with pytest.raises(ResultError, match="no host name") as refused:
        two[0].connect_ip(f"{host}:5")
    assert refused.value.result == EResult.CONNECT_FAILED
    assert f"{host}:5" in str(refused.value)


def test_a_host_that_is_not_found_and_an_address_of_others(two: list[Steam]) -> None:
    """Both are errors at once, which name the address."""
    with pytest.raises(ResultError, match=r"nowhere\.invalid:5") as refused:
        two[0].connect_ip("nowhere.invalid:5")
    assert (refused.value.operation, refused.value.result) == ("connect_ip", EResult.CONNECT_FAILED)
    with pytest.raises(ResultError, match=r"192\.0\.2\.77:0") as refused:
        two[0].listen_ip("192.0.2.77:0")
    assert refused.value.operation == "listen_ip"
    with pytest.raises(ValueError, match=r"play\.example\.org:0' has a name.*in numbers"):
        two[0].listen_ip("play.example.org:0")


@pytest.mark.parametrize("limit", [0, -1, "1", 1.0, None])
def test_a_limit_that_is_none_is_called_so(two: list[Steam], limit: int) -> None:
    """Receiving names the argument that the program gave."""
    here, _ = two[0].networking_sockets.create_socket_pair()
    with two[0].adopt(here) as connection, two[0].poll_group() as group:
        for receiver in (connection, group):
            with pytest.raises((TypeError, ValueError), match=r"^limit must be"):
                receiver.receive(limit)


def test_a_frame_costs_the_same_with_many_members(two: list[Steam]) -> None:
    """Receiving, pumping and asking who departed make as many calls for 300 members as for 3."""
    host = two[0]

    def frame(group: PollGroup) -> int:
        calls = 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            host.run_callbacks()
            group.receive()
            group.departed()
        finally:
            sys.setprofile(None)
        return calls

    calls = []
    for members in (3, 300):
        with ExitStack() as stack, host.poll_group() as group:
            for _ in range(members):
                for handle in host.networking_sockets.create_socket_pair():
                    group.add(stack.enter_context(host.adopt(handle)))
            pump(host, until=lambda: True)
            frame(group)
            calls.append(frame(group))
    assert calls[0] == calls[1]


def test_no_more_ports_are_tried_than_promised(
    two: list[Steam], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that refuses every port ends in an error, after so many tries."""
    tried: list[str] = []
    monkeypatch.setattr(
        two[0].networking_sockets,
        "create_listen_socket_ip",
        lambda address, options: tried.append(address) or 0,
    )
    with pytest.raises(ResultError, match="free ports"):
        two[0].listen_ip("127.0.0.1:0")
    assert len(tried) == 16


# --- refusals -------------------------------------------------------------------------------------


def test_refusals_say_what_was_refused_and_why(two: list[Steam], pair: Pair) -> None:
    """A port taken, a peer that cannot be, a full buffer and a missing lane raise ResultError."""
    host, _ = two
    with host.listen(3), pytest.raises(ResultError, match="virtual port 3 is taken") as refused:
        host.listen(3)
    assert (refused.value.operation, refused.value.result) == ("listen", EResult.FAIL)
    with pytest.raises(ResultError, match=my_id(host)) as refused:
        host.connect(my_id(host), 3)
    assert (refused.value.operation, refused.value.result) == ("connect", EResult.CONNECT_FAILED)
    caller, _ = pair
    with pytest.raises(ResultError, match="no lane 7: configure_lanes makes lanes") as refused:
        caller.send("nowhere", lane=7)
    assert refused.value.result == EResult.INVALID_PARAM
    words = r"^send: LIMIT_EXCEEDED \(send buffer full \(\d+ of 524288 bytes\); try again later\)$"
    with pytest.raises(ResultError, match=words) as refused:
        [caller.send(bytes(100_000)) for _ in range(20)]
    assert (refused.value.operation, refused.value.result) == ("send", EResult.LIMIT_EXCEEDED)
    assert (refused.value.reason, refused.value.by_peer) == (0, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({ConfigValue.FAKE_PACKET_LAG_SEND: 5}, "FAKE_PACKET_LAG_SEND can only be set globally"),
        ({ConfigValue.NAGLE_TIME: 5, ConfigValue.SEND_BUFFER_SIZE: "big"}, "SEND_BUFFER_SIZE must"),
        ({12345: 1}, "does not know 12345"),
    ],
)
def test_a_refused_option_is_named(
    two: list[Steam], options: dict[ConfigValue, int | str], words: str
) -> None:
    """Whichever call refuses it."""
    host, guest = two
    with host.listen() as listener, host.listen_ip("127.0.0.1:0") as by_address:
        for call in (
            lambda: host.listen(1, options),
            lambda: host.listen_ip("127.0.0.1:0", options),
            lambda: guest.connect(my_id(host), 0, options),
            lambda: guest.connect_ip(by_address.address, options),
        ):
            with pytest.raises(ResultError, match=words):
                call()
        assert not listener.waiting


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (12345, "does not know 12345"),
        (ConfigValue.FAKE_PACKET_LAG_SEND, "is global: networking_utils.get_config_value tells it"),
    ],
)
def test_a_value_that_no_connection_has_is_explained(pair: Pair, key: int, words: str) -> None:
    """Whether the engine does not know the key, or has it globally."""
    with pytest.raises(ResultError, match=words):
        pair[0].config(key)


@pytest.mark.parametrize("options", [None, 5, [], "text", [(ConfigValue.NAGLE_TIME, 5)]])
def test_what_are_no_options(pair: Pair, options: object) -> None:
    """As where a connection is made, but None, which changes nothing there."""
    with pytest.raises(TypeError, match="options are a mapping"):
        pair[0].configure(options)  # type: ignore[arg-type]  # which is the test


@pytest.mark.parametrize("reason", [-1, 1, 999, 3000, 5003, 2**31])
def test_a_reason_that_would_not_arrive_is_refused(pair: Pair, reason: int) -> None:
    """Engines turn it into another; the connection stays open."""
    caller, called = pair
    with pytest.raises(ValueError, match="reason must be"):
        caller.close(reason)
    assert not caller.closed
    caller.send("still here")
    assert pump(caller, called, until=called.receive)


@pytest.mark.parametrize("debug", [None, 5, b"bytes", "a NUL \0", "half a character \ud83d"])
def test_words_that_cannot_be_told_close_nothing(two: list[Steam], debug: object) -> None:
    """Neither a connection, which stays open to its peer, nor a request, which still waits."""
    host, guest = two
    with host.listen() as listener:
        caller = guest.connect(my_id(host))
        (request,) = pump(host, guest, until=lambda: listener.waiting)
        with pytest.raises((TypeError, ValueError), match="debug"):
            request.reject(1000, debug)  # type: ignore[arg-type]  # which is the test
        with listener.waiting[0].accept() as called, caller:
            for end in (caller, called):
                with pytest.raises((TypeError, ValueError), match="debug"):
                    end.close(1000, debug)  # type: ignore[arg-type]  # which is the test
                assert not end.closed
            caller.send("still here")
            assert pump(host, guest, until=called.receive)


@pytest.mark.parametrize("by_peer", [True, False])
def test_an_end_is_told_with_its_reason(two: list[Steam], by_peer: bool) -> None:
    """In words, in numbers and by whom; also after a pickle."""
    host, guest = two
    with host.listen() as listener:
        caller, called = connected(host, guest, listener)
        if by_peer:
            caller.close(1234, "good night")
        else:
            host.networking_sockets.close_connection(called.handle, 1234, "good night")
        pump(host, guest, until=lambda: called._ended)
        for use in (called.receive, lambda: called.send("x"), called.flush):
            with pytest.raises(ResultError, match="1234: good night") as ended:
                use()
            for error in (ended.value, pickle.loads(pickle.dumps(ended.value))):
                assert error.result == EResult.NO_CONNECTION
                assert (error.reason, error.by_peer) == (1234, by_peer)
                assert "good night" in str(error)
        called.close()
        if not by_peer:
            pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)
            caller.close()


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
        pump(host, guest, until=lambda: not host._closing.connections)
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
    called._router.run_callbacks()  # which tells of that state
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
    deadline = time.monotonic() + 60
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


def test_leaving_the_blocks_of_a_listener_and_a_group_closes_the_members_in_either_order(
    two: list[Steam],
) -> None:
    """Members that only their group holds are closed by their listener, without a warning."""
    host, guest = two
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for first in ("listener", "group"):
            with ExitStack() as stack:
                if first == "listener":
                    listener = stack.enter_context(host.listen())
                group = stack.enter_context(host.poll_group())
                if first == "group":
                    listener = stack.enter_context(host.listen())
                caller = guest.connect(my_id(host))
                group.add(pump(host, guest, until=listener.accept))
                pump(host, guest, until=lambda: caller.state == ConnectionState.CONNECTED)  # noqa: B023  # asked at once
                group.broadcast("last words")
            pump(host, guest, until=lambda: caller.state == CLOSED_BY_PEER)  # noqa: B023  # asked at once
            assert [message.decode() for message in caller.receive()] == ["last words"]
            caller.close()
            del group
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
