"""The peers of what is closed are told at once, also of a P2P connection on which nobody speaks."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from topologies import End, Route

from steamnet import ConnectionState, Identity, Steam, closing
from steamnet.closing import GnsCloseNotifier
from steamnet.steam import LINGER

CLOSED_BY_PEER = ConnectionState.CLOSED_BY_PEER
AT_ONCE = (
    3.0  # seconds; on the machine's clock a minute, and nothing but the close gives this state
)
ALONE = pytest.mark.not_on("gns-ip", "loopback-ip", why="one user cannot leave itself behind")
SIGNALED = pytest.mark.not_on(
    "gns-ip", "loopback-ip", "loopback-users", "loopback-processes", why="no signals there"
)


def idle(route: Route) -> tuple[End, End]:
    """Connect, and send nothing until GNS has stopped its own pings."""
    ends = route.join()
    route.pump_for(2.5 if route.kind == "gns-processes" else 0.1)
    return ends


class Signals:
    """A signaling that loses some of the signals, from when it is told to."""

    def __init__(self, route: Route) -> None:
        """Stand between the caller and the caller's own signaling."""
        steam = route.caller
        self._inner = steam._signaling
        steam.engine.exchange_signals = partial(steam._exchange_signals, self)
        self.lose = 0
        self.lost = 0

    def send(self, peer: Identity, signal: bytes) -> None:
        """Carry it or not."""
        if self.lost < self.lose:
            self.lost += 1
        else:
            self._inner.send(peer, signal)

    def receive(self) -> Iterable[bytes]:
        """Take what has arrived."""
        received: Iterable[bytes] = self._inner.receive()
        return received

    def close(self) -> None:
        """Stop."""
        self._inner.close()


@pytest.mark.parametrize("closer", ["caller", "host"])
def test_an_idle_peer_is_told_of_a_close(route: Route, closer: str) -> None:
    """Reason and text arrive, and before them what lingered."""
    here, there = idle(route) if closer == "caller" else idle(route)[::-1]
    here.send(bytes(50_000))
    here.close(1234, "good night", enable_linger=True)
    route.until(lambda: there.last == CLOSED_BY_PEER, timeout=2 * AT_ONCE, what="the close")
    assert (there.info.end_reason, there.info.end_debug) == (1234, "good night")
    assert [message.size for message in there.receive()] == [50_000]


@ALONE
@pytest.mark.parametrize("closer", ["caller", "host"])
def test_an_idle_peer_is_told_of_a_shutdown(route: Route, closer: str) -> None:
    """A shutdown closes its connections, and tells their peers before the engine ends."""
    here, there = idle(route) if closer == "caller" else idle(route)[::-1]
    route.steams.remove(here.steam)
    start = time.monotonic()
    here.steam.shutdown()
    assert time.monotonic() - start < LINGER
    route.until(lambda: there.last == CLOSED_BY_PEER, timeout=AT_ONCE, what="the close")
    assert there.info.end_reason == 1000


@ALONE
@pytest.mark.real_clock("one user waits in a thread of its own")
@pytest.mark.parametrize("closer", ["caller", "host"])
def test_the_peer_of_a_session_is_told_of_a_shutdown(route: Route, closer: str) -> None:
    """It need not wait until the session times out, and what was sent has arrived."""
    ends = route.caller, route.host
    here, there = ends if closer == "caller" else ends[::-1]
    me = here.core.get_steam_id()
    route.caller.networking_messages.send_message_to_user(route.host.core.get_steam_id(), b"hello")
    route.until(lambda: route.host.networking_messages.session_requests(), what="the request")
    caller = route.caller.core.get_steam_id()
    assert route.host.networking_messages.accept_session_with_user(caller)
    route.host.networking_messages.send_message_to_user(caller, b"hello, too")
    for steam in ends:
        route.until(
            partial(steam.networking_messages.receive_messages_on_channel, 0), what="the greeting"
        )
    here.networking_messages.send_message_to_user(there.core.get_steam_id(), bytes(50_000))
    route.steams.remove(here)
    with ThreadPoolExecutor() as pool:
        ending = pool.submit(here.shutdown)
        route.until(ending.done, what="the shutdown, which lets the other side work")
        assert ending.result() == []
    session = there.networking_messages.get_session_connection_info

    def told() -> bool:
        info = session(me)
        return info is None or info.state != ConnectionState.CONNECTED

    route.until(told, timeout=2 * AT_ONCE, what="the end of the session")
    assert [m.size for m in there.networking_messages.receive_messages_on_channel(0)] == [50_000]


@SIGNALED
class TestLosses:
    """GNS's close goes by signals, which may get lost."""

    def test_a_close_that_was_lost_is_repeated(self, route: Route) -> None:
        """A few lost signals do not keep the peer from being told."""
        here, there = idle(route)
        signals = Signals(route)
        signals.lose = 2
        here.close(1234, "good night")
        route.until(lambda: there.last == CLOSED_BY_PEER, timeout=2 * AT_ONCE, what="the close")
        assert signals.lost == 2
        assert there.info.end_debug == "good night"

    def test_a_shutdown_does_not_wait_for_what_never_leaves(self, route: Route) -> None:
        """An engine that has no answer to give delays nothing."""
        here, _ = idle(route)
        here.steam._closing.notifier.signal_received(here.connection.to_bytes(4, "little"), None)
        start = time.monotonic()
        here.steam.shutdown()
        assert time.monotonic() - start < LINGER


def test_a_signal_that_names_a_closed_connection_is_due_a_few_times() -> None:
    """The latest of its own, of those that are not closed none, and not without end."""
    now = 100.0
    notifier = GnsCloseNotifier(lambda: now)
    for connection in (1, 2):
        notifier.signal_sent(connection, Identity.parse(f"str:{connection}"))
    peer, stranger = Identity.parse("str:1"), Identity.parse("str:3")
    for signal, sender in (
        (b"first \1\0\0\0", peer),
        (b"latest \1\0\0\0", None),  # of whom the signaling does not tell
        (b"from somebody else \1\0\0\0", stranger),
        (b"other \2\0\0\0", Identity.parse("str:2")),
        (b"request", peer),
    ):
        notifier.signal_received(signal, sender)
    notifier.connection_closed(1)
    notifier.connection_closed(3)
    notifier.connection_ended(2)
    notifier.connection_closed(2)
    notifier.signal_sent(1, Identity.parse("str:1"))  # it was waiting before the close
    assert notifier.untold
    assert list(notifier.due()) == [b"latest \1\0\0\0"]
    assert list(notifier.due()) == []
    notifier.signal_sent(1, Identity.parse("str:1"))
    assert not notifier.untold
    repeated = 0
    for _ in range(100):
        now += 0.1
        repeated += len(list(notifier.due()))
    assert repeated == len(closing.RETRIES) - 1
    notifier.connection_closed(1)
    assert list(notifier.due()) == []


def test_signals_of_many_connections_are_not_kept_without_end() -> None:
    """The oldest make room."""
    notifier = GnsCloseNotifier(lambda: 0.0)
    for connection in range(1, closing.MOST_SIGNALS + 100):
        notifier.signal_sent(connection, Identity.parse("str:many"))
        if connection < 9:
            notifier.signal_received(connection.to_bytes(4, "little"), None)
    assert len(notifier.peers) == closing.MOST_SIGNALS
    assert not notifier._signals


def test_late_requests_do_not_keep_a_listen_socket(
    steam: Steam, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrives after the socket was closed is refused, and does not prolong its life."""
    closing_sockets, sockets = steam._closing, steam.networking_sockets
    monkeypatch.setattr(closing_sockets, "_tells", False)  # a library keeps it for some seconds

    def call() -> int:
        caller = sockets.connect_p2p(steam.core.get_steam_id(), 7)
        assert caller
        return caller

    listener = sockets.create_listen_socket_p2p(7)
    call()
    until(lambda: any(e.is_incoming_request for e in sockets.connection_events()), steam, what="it")
    assert sockets.close_listen_socket(listener)
    assert closing_sockets.is_closed(listener)
    kept = closing_sockets._answering[listener]
    late = call()
    until(lambda: sockets.get_connection_info(late).state == CLOSED_BY_PEER, steam, what="refusal")
    assert not any(event.is_incoming_request for event in sockets.connection_events())
    assert closing_sockets._answering[listener] == kept
    assert sockets.create_listen_socket_p2p(7)
