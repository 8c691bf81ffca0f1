"""The states a connection goes through, as events tell each side, and what can be done when."""

import pytest
from topologies import VIRTUAL_PORT, Link, Route

from steamnet import (
    ConfigValue,
    ConnectionInfoFlags,
    ConnectionState,
    EResult,
    SendFlags,
    Steam,
)

NONE, CONNECTING, FINDING_ROUTE = (
    ConnectionState.NONE,
    ConnectionState.CONNECTING,
    ConnectionState.FINDING_ROUTE,
)
CONNECTED = ConnectionState.CONNECTED
PROBLEM = ConnectionState.PROBLEM_DETECTED_LOCALLY
CLOSED = ConnectionState.CLOSED_BY_PEER
TIMEOUT = 5003
# Where a way must first be found, there is a state more.
SEARCHING = ("gns-processes", "loopback-users", "loopback-processes")


def way(route: Route) -> list[ConnectionState]:
    """The states from request to connected on that route."""
    return [CONNECTING, *([FINDING_ROUTE] if route.kind in SEARCHING else []), CONNECTED]


def test_connecting_step_by_step(route: Route) -> None:
    """Each side is told of each state once, in order, with all that is known by then."""
    socket = route.listen()
    here = route.connect()
    assert here.state == CONNECTING
    there = route.requested()
    assert there.path == [CONNECTING]
    assert there.events[0].old_state == NONE
    assert there.events[0].listen_socket == there.info.listen_socket == socket
    assert there.info.identity_remote == route.caller.core.get_steam_id()
    assert here.events[0].listen_socket == 0
    assert not here.events[0].is_incoming_request
    assert there.sockets.accept_connection_result(there.connection) == EResult.OK
    assert there.state == (FINDING_ROUTE if route.kind in SEARCHING else CONNECTED)
    route.until(lambda: here.last == there.last == CONNECTED, what="both to hear of it")
    assert here.path == there.path == way(route)
    assert here.info.identity_remote == route.host.core.get_steam_id()
    assert here.info.listen_socket == 0
    # The loopback engine keeps no secrets within one machine, and says so.
    encrypted = not here.info.flags & ConnectionInfoFlags.UNENCRYPTED
    assert encrypted == route.kind.startswith("gns")


def test_nothing_is_told_outside_run_callbacks(route: Route) -> None:
    """Events wait for run_callbacks, however long the program does other things."""
    route.listen()
    here = route.connect()
    assert here.sockets.connection_events() == []
    route.requested()
    assert here.path == [CONNECTING]


def test_accepting_twice_or_backwards(route: Route) -> None:
    """Only an incoming request can be accepted, and only once."""
    route.listen()
    here = route.connect()
    there = route.requested()
    accept = there.sockets.accept_connection_result
    # An engine says so of a connection that it began itself.
    assert here.sockets.accept_connection_result(here.connection) == EResult.INVALID_PARAM
    assert accept(there.connection) == EResult.OK
    assert accept(there.connection) == EResult.INVALID_STATE
    route.until(lambda: here.state == there.state == CONNECTED, what="both to be connected")
    assert accept(there.connection) == EResult.INVALID_STATE


def test_sending_before_acceptance(route: Route) -> None:
    """Reliable messages are queued and numbered from the first; NoDelay will not wait."""
    route.listen()
    here = route.connect()
    numbered = here.sockets.send_message_numbered
    assert numbered(here.connection, b"one") == (EResult.OK, 1)
    assert numbered(here.connection, b"two") == (EResult.OK, 2)
    assert here.send(b"now", SendFlags.UNRELIABLE_NO_DELAY) == EResult.IGNORED
    assert here.sockets.flush_messages_on_connection(here.connection) == EResult.IGNORED
    there = route.requested()
    assert there.receive() == []  # nothing before acceptance
    assert there.send(b"welcome") == EResult.OK  # but the host may say something
    there.sockets.accept_connection(there.connection)
    link = Link(route.kind, here, there, route)
    assert [m.data for m in link.collect(there, 2)] == [b"one", b"two"]
    assert [m.data for m in link.collect(here, 1)] == [b"welcome"]


def test_nobody_listens(route: Route) -> None:
    """A call that nobody answers ends after TimeoutInitial."""
    route.set(ConfigValue.TIMEOUT_INITIAL, 600_000)
    here = route.connect({ConfigValue.TIMEOUT_INITIAL: 300})
    route.until(
        lambda: here.last == PROBLEM, timeout=9, what="the timeout, long before the default"
    )
    assert here.path == [CONNECTING, PROBLEM]
    assert here.info.end_reason == TIMEOUT
    assert here.send(b"x") == EResult.NO_CONNECTION


def test_ignored_request(route: Route) -> None:
    """A host that neither accepts nor closes lets the call time out on both sides."""
    route.set(ConfigValue.TIMEOUT_INITIAL, 600_000)
    route.listen({ConfigValue.TIMEOUT_INITIAL: 400})
    here = route.connect({ConfigValue.TIMEOUT_INITIAL: 400})
    there = route.requested()
    route.until(
        lambda: here.last == PROBLEM and there.last != CONNECTING,
        timeout=15,
        what="both to give up",
    )
    assert here.info.end_reason == there.info.end_reason == TIMEOUT
    assert there.sockets.accept_connection_result(there.connection) == EResult.INVALID_STATE


@pytest.mark.parametrize("waits", ["caller", "host"])
def test_a_time_out_set_while_waiting(route: Route, waits: str) -> None:
    """TimeoutInitial counts for a call, or a request, that waits already."""
    route.listen()
    route.set(ConfigValue.TIMEOUT_INITIAL, 600_000)
    here = route.connect()
    there = route.requested()
    end = here if waits == "caller" else there
    assert end.last == CONNECTING
    setter = end.sockets.set_connection_config_value
    assert setter(end.connection, ConfigValue.TIMEOUT_INITIAL, 300)
    # Both would give up after ten minutes otherwise.
    route.until(lambda: end.last == PROBLEM, timeout=6, what="the new timeout")
    assert end.info.end_reason == TIMEOUT


@pytest.mark.parametrize("reply", ["accept", "close"])
def test_a_callers_time_out_is_told(route: Route, reply: str) -> None:
    """The host learns that the caller gave up, so that its late answer leaves nothing behind."""
    route.set(ConfigValue.TIMEOUT_INITIAL, 600_000)
    route.listen()
    here = route.connect({ConfigValue.TIMEOUT_INITIAL: 500})
    there = route.requested()
    route.until(lambda: here.last == PROBLEM, timeout=9, what="the caller's timeout")
    route.until(lambda: there.last != CONNECTING, timeout=6, what="the host to be told")
    assert there.path == [CONNECTING, CLOSED]
    assert there.info.end_reason == here.info.end_reason == TIMEOUT
    if reply == "accept":
        accepted = there.sockets.accept_connection_result(there.connection)
        assert accepted == EResult.INVALID_STATE
        assert there.state == CLOSED
    assert there.sockets.close_connection(there.connection)


def test_a_hosts_time_out_is_told(route: Route) -> None:
    """A caller whose request the host left unanswered is told when the host gives it up."""
    route.set(ConfigValue.TIMEOUT_INITIAL, 600_000)
    route.listen({ConfigValue.TIMEOUT_INITIAL: 500})
    here = route.connect()
    there = route.requested()
    route.until(lambda: there.last == PROBLEM, timeout=6, what="the host's timeout")
    route.until(lambda: here.last == CLOSED, timeout=6, what="the caller to be told")
    assert here.path == [CONNECTING, CLOSED]
    assert here.info.end_reason == there.info.end_reason == TIMEOUT
    assert here.info.end_debug == there.info.end_debug != ""


@pytest.mark.not_on("gns-ip", "loopback-ip", why="ports of addresses are tried by nobody_listens")
def test_other_virtual_port(route: Route) -> None:
    """A request goes to the port that was asked for, not to another listener beside it."""
    route.set(ConfigValue.TIMEOUT_INITIAL, 600_000)
    route.listen()
    caller = route.caller.networking_sockets
    wrong = route.hold(
        route.caller,
        caller.connect_p2p(
            route.host.core.get_steam_id(), VIRTUAL_PORT + 1, {ConfigValue.TIMEOUT_INITIAL: 300}
        ),
    )
    route.until(
        lambda: wrong.last == PROBLEM, timeout=9, what="the timeout, long before the default"
    )
    assert not [event for event in route.events if event.is_incoming_request]


@pytest.mark.not_on("gns-ip", "loopback-ip", why="symmetric connections are P2P's")
def test_symmetric_connect(route: Route) -> None:
    """Two users who call each other in symmetric mode get one connection, and no request."""
    symmetric = {ConfigValue.SYMMETRIC_CONNECT: 1}
    ends = []
    for steam, peer in ((route.caller, route.host), (route.host, route.caller)):
        sockets = steam.networking_sockets
        assert sockets.create_listen_socket_p2p(VIRTUAL_PORT, symmetric)
        connection = sockets.connect_p2p(peer.core.get_steam_id(), VIRTUAL_PORT, symmetric)
        assert connection
        ends.append(route.hold(steam, connection))
    here, there = ends
    route.until(lambda: here.state == there.state == CONNECTED, what="both to be connected")
    assert not [event for event in route.events if event.is_incoming_request]
    here.send(b"over the one")
    link = Link(route.kind, here, there, route)
    assert [m.data for m in link.collect(there, 1)] == [b"over the one"]


def test_connecting_to_oneself(steam: Steam) -> None:
    """One may call oneself if one listens; the request is told before the call itself."""
    sockets, me = steam.networking_sockets, steam.core.get_steam_id()
    assert sockets.connect_p2p(me, VIRTUAL_PORT) == 0
    sockets.create_listen_socket_p2p(VIRTUAL_PORT)
    route = Route(f"{steam.engine.name}-self", steam, steam)
    here = route.connect()
    there = route.requested()
    there.sockets.accept_connection(there.connection)
    route.until(lambda: here.last == there.last == CONNECTED, what="both to be connected")
    # GNS connects one with oneself by a pipe, which needs no way to be found.
    searching = [] if steam.engine.name == "gns" else [FINDING_ROUTE]
    assert here.path == there.path == [CONNECTING, *searching, CONNECTED]
    assert here.info.identity_remote == there.info.identity_remote == me


def test_calls_that_are_refused(steam: Steam) -> None:
    """Where there is no way at all, there is no connection either."""
    sockets = steam.networking_sockets
    no_ice = {ConfigValue.P2P_TRANSPORT_ICE_ENABLE: 0}
    refused = sockets.connect_p2p("76561198000000009", 0, no_ice)
    # The loopback engine has other ways than ICE.
    assert bool(refused) == (steam.engine.name == "loopback")


def test_many_clients_of_one_host(route: Route) -> None:
    """A host takes as many as come, and tells them apart."""
    route.listen()
    callers = [route.connect({ConfigValue.CONNECTION_USER_DATA: n}) for n in range(5)]
    accepted = []
    for _ in callers:
        there = route.requested()
        there.sockets.accept_connection(there.connection)
        accepted.append(there)
    route.until(lambda: all(c.state == CONNECTED for c in callers + accepted), what="everybody")
    for number, caller in enumerate(callers):
        assert caller.info.user_data == number
        caller.send(bytes([number]))
    received: list[bytes] = []

    def all_said() -> bool:
        for there in accepted:
            received.extend(bytes(message.data) for message in there.receive())
        return len(received) == len(callers)

    route.until(all_said, what="a word of each")
    assert sorted(received) == [bytes([n]) for n in range(5)]


def test_socket_pair(link: Link) -> None:
    """The ends of a pair, as of any link, are connected and each other's peers."""
    assert link.here.state == link.there.state == CONNECTED
    for end in (link.here, link.there):
        assert end.info.state_name == "Connected"
        assert end.info.end_reason == 0
        assert end.info.end_debug == ""
    if link.route.by_ip or link.kind in ("gns-net",):
        assert link.here.info.addr_remote
