"""How connections end, and what each side then knows and can still do."""

import threading
import time

import pytest
import requirements
from remote_process import RemoteProcess
from topologies import ALICE, BOB, Link, Route

import steamnet
from steamnet import ConfigValue, ConnectionState, EResult
from steamnet.enums import GONE

CLOSED_BY_PEER = ConnectionState.CLOSED_BY_PEER


def see_close(link: Link, **options: int) -> None:
    """Wait until `there` knows that `here` has closed.

    GNS's P2P tells of a close only in answer to a packet of the peer (docs/engines.md), so
    the peer keeps talking, as a game would.
    """

    def closed() -> bool:
        if link.kind == "gns-processes":
            link.there.send(b"are you there?")
        return link.there.last == CLOSED_BY_PEER

    link.until(closed, what="the peer to know of the close")


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ((0, ""), (1000, "Application closed connection")),
        ((1234, "enough"), (1234, "enough")),
        ((2999, "oh dear"), (2999, "oh dear")),
        ((1, "low"), (1999, "Invalid numeric reason code")),
        ((999, "low"), (1999, "Invalid numeric reason code")),
        ((3000, "high"), (1999, "Invalid numeric reason code")),
        ((-1, "negative"), (1999, "Invalid numeric reason code")),
        ((1000, "x" * 200), (1000, "x" * 127)),
        ((1000, "ä" * 100), (1000, "ä" * 63)),
    ],
)
def test_reason_and_words_reach_the_peer(
    link: Link, given: tuple[int, str], seen: tuple[int, str]
) -> None:
    """The peer reads the reason and the words, as far as Valve lets a game give them."""
    assert link.here.close(*given)
    see_close(link)
    info = link.there.info
    assert (info.end_reason, info.end_debug) == seen


def test_close_is_final_on_this_side(link: Link) -> None:
    """The handle is dead at once; its last event says NONE and what the game gave."""
    link.there.send(b"unread")
    link.until(lambda: link.there.drained, what="the message to arrive")
    assert link.here.close(1500, "bye")
    assert link.here.info is None
    assert link.here.receive() == []
    assert link.here.send(b"late") == EResult.INVALID_PARAM
    assert not link.here.close()
    link.until(lambda: link.here.last == ConnectionState.NONE, what="the last event")
    assert link.here.events[-1].info.end_reason == 1500


def test_after_the_peer_has_closed(link: Link) -> None:
    """What arrived can be read, the handle still answers, and nothing can be sent."""
    link.here.send(b"last words")
    link.until(lambda: link.here.drained, what="the message to arrive")
    link.here.close(1001, "done")
    see_close(link)
    sockets, there = link.there.sockets, link.there.connection
    assert link.there.send(b"hello?") == EResult.NO_CONNECTION
    assert sockets.send_message_numbered(there, b"hello?") == (EResult.NO_CONNECTION, -1)
    assert sockets.flush_messages_on_connection(there) == EResult.NO_CONNECTION
    assert sockets.accept_connection_result(there) == EResult.INVALID_STATE
    assert sockets.configure_connection_lanes(there, [0, 1]) == EResult.INVALID_STATE
    assert link.there.status.state == CLOSED_BY_PEER
    assert "reason code 1001" in sockets.get_detailed_connection_status(there)
    assert sockets.set_connection_user_data(there, 5)
    group = sockets.create_poll_group()
    assert sockets.set_connection_poll_group(there, group)
    assert [m.data for m in sockets.receive_messages_on_poll_group(group)] == [b"last words"]
    assert link.there.receive() == []
    assert link.there.close()
    assert not link.there.close()


def test_no_linger_loses_what_has_not_left(link: Link) -> None:
    """Closed without linger, most of a queue never arrives: the engine's rule, and a trap."""
    link.here.set_rate(100_000)
    for number in range(200):
        assert link.here.send(bytes(1000) + bytes([number])) == EResult.OK
    link.here.close()
    see_close(link)
    arrived = len(link.there.receive())
    assert arrived == 200 if link.is_pipe else arrived < 150


def test_linger_delivers_what_was_queued(link: Link) -> None:
    """Closed with linger, all arrives, in order, before the peer is told of the close."""
    for number in range(200):
        assert link.here.send(bytes([number]) + bytes(999)) == EResult.OK
    link.here.close(1002, "later", enable_linger=True)
    assert link.here.info is None
    messages = link.collect(link.there, 200)
    assert [m.data[0] for m in messages] == list(range(200))
    see_close(link)
    assert link.there.info.end_reason == 1002


def test_both_sides_close_at_once(link: Link) -> None:
    """Each has its own last event; at most one was fast enough to be told by the other."""
    link.here.close(1001)
    link.there.close(1002)
    ends, none = (link.here, link.there), ConnectionState.NONE
    link.until(lambda: all(end.last == none for end in ends), what="both last events")
    assert sum(CLOSED_BY_PEER in end.path for end in ends) <= 1
    assert link.here.state is None
    assert link.there.state is None


def test_close_while_connecting(route: Route) -> None:
    """A caller closes before it is accepted: the host is told, and cannot have the connection."""
    route.listen()
    here = route.connect()
    there = route.requested()
    here.close(1003, "changed my mind")
    states = [ConnectionState.CONNECTING, CLOSED_BY_PEER]
    if route.kind == "gns-processes":  # the caller says so only in answer to the acceptance
        assert there.sockets.accept_connection(there.connection)
        states.insert(1, ConnectionState.FINDING_ROUTE)
    route.until(lambda: there.last == CLOSED_BY_PEER, what="the host to know")
    assert there.path == states
    assert there.events[-1].info.end_reason == 1003
    assert there.sockets.accept_connection_result(there.connection) == EResult.INVALID_STATE
    assert there.close()


def test_rejection(route: Route) -> None:
    """A host that closes a request tells the caller why."""
    route.listen()
    here = route.connect()
    there = route.requested()
    there.close(1004, "full")
    route.until(lambda: here.last == CLOSED_BY_PEER, what="the caller to know")
    assert (here.info.end_reason, here.info.end_debug) == (1004, "full")
    assert here.path == [ConnectionState.CONNECTING, CLOSED_BY_PEER]


def test_closing_the_listen_socket_tells_the_children(route: Route) -> None:
    """The manager closes accepted connections first, which the SDK alone would drop silently."""
    here, there = route.join()
    socket = there.info.listen_socket
    assert there.sockets.close_listen_socket(socket)
    assert there.info is None
    assert not there.sockets.close_listen_socket(socket)
    see_close(Link(route.kind, there, here, route))
    assert here.info.end_debug == "the listen socket was closed"


def test_linger_before_the_listen_socket_closes(route: Route) -> None:
    """What was sent before a lingering close arrives although the listen socket closes too."""
    here, there = route.join()
    for number in range(200):
        there.send(bytes([number]) + bytes(999))
    socket = there.info.listen_socket
    there.close(1005, "good night", enable_linger=True)
    assert there.sockets.close_listen_socket(socket)
    link = Link(route.kind, there, here, route)
    assert [m.data[0] for m in link.collect(here, 200)] == list(range(200))
    see_close(link)
    assert here.info.end_debug == "good night"


@pytest.mark.not_on("gns-ip", "loopback-ip", why="there the peer shuts down with us")
@pytest.mark.real_clock("one user waits in a thread of its own")
@pytest.mark.parametrize("then", ["open", "closed", "connecting"])
def test_shutdown_lets_reliable_data_drain(route: Route, then: str) -> None:
    """With time to linger all arrives, also of a connection that lingers, or has yet to connect.

    It does not wait for longer than that takes.
    """
    # Not the caller's: GNS keeps such values beyond a shutdown, and nobody could take them back.
    host = route.host.networking_utils
    assert host.set_config_value(ConfigValue.FAKE_PACKET_LAG_RECV, 50)
    if then == "connecting":
        route.listen()
        here = route.connect()
    else:
        here, there = route.join()
    for number in range(100):
        assert here.send(bytes([number]) + bytes(999)) == EResult.OK
    if then == "closed":
        here.close(1005, "good night", enable_linger=True)
    route.steams.remove(route.caller)
    ending = threading.Thread(target=route.caller.shutdown, args=(200.0,))
    began = time.monotonic()
    ending.start()
    if then == "connecting":
        there = route.requested()
        assert there.sockets.accept_connection(there.connection)
    link = Link(route.kind, here, there, route)
    assert [m.data[0] for m in link.collect(there, 100)] == list(range(100))
    # The host goes on: what it acknowledges may wait for more to acknowledge.
    route.until(lambda: not ending.is_alive(), what="the shutdown")
    assert time.monotonic() - began < 100
    assert host.set_config_value(ConfigValue.FAKE_PACKET_LAG_RECV, None)


def test_request_after_the_listen_socket_closed(route: Route) -> None:
    """A call to a closed listen socket is refused, and the host is told nothing of it."""
    _, there = route.join()
    assert there.sockets.close_listen_socket(there.info.listen_socket)
    route.until(lambda: there.last == ConnectionState.NONE, what="the close")
    late = route.connect({ConfigValue.TIMEOUT_INITIAL: 300})
    route.until(lambda: late.last in GONE, what="the refusal")
    assert route.events == []
    assert there.last == ConnectionState.NONE


@pytest.mark.not_on("gns-ip", "loopback-ip", why="one user cannot vanish from itself")
def test_peer_that_vanishes_is_noticed(route: Route) -> None:
    """A peer whose engine stops without closing is given up after TimeoutConnected."""
    route.set(ConfigValue.TIMEOUT_CONNECTED, 600_000)
    here, there = route.join()
    there.steam.engine.close()
    route.steams.remove(there.steam)
    here.sockets.set_connection_config_value(here.connection, ConfigValue.TIMEOUT_CONNECTED, 1000)
    route.until(lambda: here.last in GONE, timeout=9, what="the loss to be noticed")


def test_peer_process_that_dies(engine: str) -> None:
    """A peer whose process is killed is noticed: by gns in time, by the loopback engine at once."""
    if engine == "gns":
        requirements.ice()
    doomed = RemoteProcess()
    with steamnet.init(engine=engine, identity=ALICE) as alice:
        route = Route(f"{engine}-processes", alice, doomed.open(engine=engine, identity=BOB))
        here, there = route.join()
        route.steams.remove(there.steam)
        doomed.kill()
        doomed.close()
        patience = 1000 if engine == "gns" else 600_000
        alice.networking_utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, patience)
        route.until(lambda: here.last in GONE, what="the loss to be noticed")
        assert here.send(b"x") == EResult.NO_CONNECTION
        alice.networking_utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, None)


@pytest.mark.parametrize("how", ["shutdown", "kill"])
def test_session_whose_peer_leaves(engine: str, how: str) -> None:
    """An idle session ends without a failure, and the next message begins a new one."""
    if engine == "gns":
        requirements.ice()
    doomed = RemoteProcess()
    with steamnet.init(engine=engine, identity=ALICE) as alice:
        bob = doomed.open(engine=engine, identity=BOB)
        route = Route(f"{engine}-processes", alice, bob)
        mine, theirs = alice.networking_messages, bob.networking_messages
        assert mine.send_message_to_user(BOB, b"hello") == EResult.OK
        route.until(theirs.session_requests, what="the request")
        assert theirs.send_message_to_user(ALICE, b"welcome") == EResult.OK
        route.until(lambda: mine.receive_messages_on_channel(0), what="the answer")
        route.until(lambda: theirs.receive_messages_on_channel(0), what="the first message")
        route.steams.remove(bob)
        if how == "shutdown":
            bob.shutdown()
        else:
            doomed.kill()
        doomed.close()
        alice.networking_utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, 1000)
        route.until(
            lambda: mine.get_session_connection_info(BOB) is None,
            timeout=20,
            what="the session to end",
        )
        assert mine.session_failures() == []
        assert mine.send_message_to_user(BOB, b"are you back?") == EResult.OK
        begun = mine.get_session_connection_info(BOB)
        assert begun is not None
        assert begun.state == ConnectionState.CONNECTING
        assert mine.close_session_with_user(BOB)
        alice.networking_utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, None)
