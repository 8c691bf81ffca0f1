"""Who closes, or leaves, tells the other at once, even if neither has said a word for long."""

import time
from collections.abc import Iterable
from functools import partial

import pytest
from topologies import End, Route

from steamnet import ConnectionState, Identity, farewells
from steamnet.farewells import Goodbyes

CLOSED_BY_PEER = ConnectionState.CLOSED_BY_PEER
AT_ONCE = 3.0  # seconds, on a busy machine; who is not told gives up after ten
ALONE = pytest.mark.not_on("gns-ip", "loopback-ip", why="one user cannot leave itself behind")


def idle(route: Route) -> tuple[End, End]:
    """Connect, and say nothing until GNS has stopped to ping by itself."""
    ends = route.join()
    route.pump_for(2.5 if route.kind == "gns-processes" else 0.1)
    return ends


class Signals:
    """A signaling that loses some of what it is to carry, from when it is told to."""

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
    route.until(lambda: there.last == CLOSED_BY_PEER, timeout=2 * AT_ONCE, what="the word")
    assert (there.info.end_reason, there.info.end_debug) == (1234, "good night")
    assert [message.size for message in there.receive()] == [50_000]


@ALONE
@pytest.mark.parametrize("closer", ["caller", "host"])
def test_an_idle_peer_is_told_of_a_shutdown(route: Route, closer: str) -> None:
    """Who shuts down has closed its connections, and says so before it goes."""
    here, there = idle(route) if closer == "caller" else idle(route)[::-1]
    route.steams.remove(here.steam)
    start = time.monotonic()
    here.steam.shutdown()
    assert time.monotonic() - start < AT_ONCE
    route.until(lambda: there.last == CLOSED_BY_PEER, timeout=AT_ONCE, what="the word")
    assert there.info.end_reason == 1000


@pytest.mark.not_on(
    "gns-ip", "loopback-ip", "loopback-users", "loopback-processes", why="no signals there"
)
class TestLosses:
    """GNS's word goes by signals, which may get lost."""

    def test_a_word_that_was_lost_is_said_again(self, route: Route) -> None:
        """A few lost signals are no reason not to be told."""
        here, there = idle(route)
        signals = Signals(route)
        signals.lose = 2
        here.close(1234, "good night")
        route.until(lambda: there.last == CLOSED_BY_PEER, timeout=2 * AT_ONCE, what="the word")
        assert signals.lost == 2
        assert there.info.end_debug == "good night"

    def test_a_shutdown_does_not_wait_for_what_never_leaves(self, route: Route) -> None:
        """An engine that has no answer to give holds nobody up."""
        here, _ = idle(route)
        goodbyes = here.sockets._goodbyes
        goodbyes.note(here.connection.to_bytes(4, "little"), [here.connection])
        start = time.monotonic()
        here.steam.shutdown()
        assert time.monotonic() - start < AT_ONCE


def test_a_signal_that_names_a_closed_connection_is_due_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The latest of its own, of those that are not closed none, and not for ever."""
    now = 100.0
    monkeypatch.setattr(farewells.time, "monotonic", lambda: now)
    goodbyes = Goodbyes()
    goodbyes.note(b"first \1\0\0\0", [1, 2])
    goodbyes.note(b"latest \1\0\0\0", [1, 2])
    goodbyes.note(b"other \2\0\0\0", [1, 2])
    goodbyes.note(b"request", [1, 2])
    goodbyes.begin(1)
    goodbyes.begin(3)
    goodbyes.forget(2)
    goodbyes.begin(2)
    assert goodbyes.untold
    assert list(goodbyes.due()) == [b"latest \1\0\0\0"]
    assert list(goodbyes.due()) == []
    goodbyes.told(1)
    assert not goodbyes.untold
    said = 0
    for _ in range(100):
        now += 0.1
        said += len(list(goodbyes.due()))
    assert said == len(farewells.AGAIN) - 1
    goodbyes.begin(1)
    assert list(goodbyes.due()) == []
