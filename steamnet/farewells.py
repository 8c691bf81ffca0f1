"""What is left to say of connections that have been closed.

**Data that lingers.** The handle is gone at once, and with it every way to ask whether the data
has arrived: how long it may take is reckoned when the connection is closed.

**Listen sockets.** An engine that closes a listen socket drops the connections that came in on it,
those included that were closed a moment ago: what lingers is lost, and over P2P the peer is left
to time out. So the engine keeps such a socket a while longer; requests that still come in on it
are turned away.

**P2P on GNS.** GNS tells of a close only in answer to the peer, who may have nothing to say for a
long time. But it answers his signals too, and signals may come twice: so the last one to each
connection is kept, and given to GNS again once the connection has been closed.
"""

import time
from collections.abc import Iterable, Iterator

from .enums import ConnectionState
from .info import ConnectionEvent

PATIENCE = 8.0  # seconds: GNS answers for 5, and what lingers may take a few to drain
AGAIN = (0.0, 0.5, 1.0, 2.0, 4.0)  # seconds after a close: its word may get lost, or data linger


class Farewells:
    """Knows which listen sockets must be kept, who is turned away there, and what data lingers."""

    def __init__(self) -> None:
        """Begin with none."""
        self._until: dict[int, float] = {}
        self._kept: set[int] = set()
        self._turned_away: set[int] = set()
        self._drained = 0.0

    def begin(self, listen_socket: int) -> None:
        """A connection that came in on that socket has been closed."""
        if listen_socket not in self._kept:  # else who is turned away could keep it for ever
            self._until[listen_socket] = time.monotonic() + PATIENCE

    def linger(self, seconds: float) -> None:
        """A connection has been closed whose data may take so long to drain: no engine tells."""
        self._drained = max(self._drained, time.monotonic() + seconds)

    @property
    def lingering(self) -> bool:
        """Whether data of closed connections may be on its way yet."""
        return time.monotonic() < self._drained

    def keep(self, listen_socket: int, unheard: bool = False) -> bool:
        """Whether the engine must keep a socket that its user closes now.

        ``unheard``: there may be requests on it that have not been passed on.
        """
        if time.monotonic() < self._until.pop(listen_socket, 0.0) or unheard:
            self._until[listen_socket] = time.monotonic() + PATIENCE
            self._kept.add(listen_socket)
        return listen_socket in self._kept

    def __contains__(self, listen_socket: int) -> bool:
        """Whether the socket is closed for its user, and kept."""
        return listen_socket in self._kept

    def is_late(self, event: ConnectionEvent) -> bool:
        """Whether it is a request on a kept socket, which is to be closed."""
        late = event.is_incoming_request and event.listen_socket in self._kept
        if late:
            self._turned_away.add(event.connection)
        return late

    def is_private(self, event: ConnectionEvent) -> bool:
        """Whether the event is of a connection that its user has never heard of."""
        private = event.connection in self._turned_away
        if event.state == ConnectionState.NONE:
            self._turned_away.discard(event.connection)
        return private

    def over(self, everything: bool = False) -> list[int]:
        """Take the kept sockets whose time is up, or all."""
        now = time.monotonic()
        done = [s for s in self._kept if everything or self._until[s] <= now]
        for listen_socket in done:
            self._kept.discard(listen_socket)
            del self._until[listen_socket]
        return done


class Goodbyes:
    """Knows what makes GNS tell the peers of P2P connections that those were closed."""

    def __init__(self) -> None:
        """Begin with none."""
        self._signals: dict[int, bytes] = {}
        self._closed: dict[int, tuple[bytes, float, int]] = {}  # signal, when, how often given
        self._untold: set[int] = set()

    def note(self, signal: bytes, connections: Iterable[int]) -> None:
        """A signal has come in. It is a connection's if it names it, as a request never does."""
        for connection in connections:
            if connection.to_bytes(4, "little") in signal:
                self._signals[connection] = signal

    def begin(self, connection: int) -> None:
        """A connection has been closed."""
        signal = self._signals.pop(connection, None)
        if signal is not None:
            self._closed[connection] = signal, time.monotonic(), 0
            self._untold.add(connection)

    def forget(self, connection: int) -> None:
        """A connection has ended, closed or not."""
        self._signals.pop(connection, None)

    def due(self) -> Iterator[bytes]:
        """Take the signals to be given to GNS now."""
        for connection, (signal, when, given) in list(self._closed.items()):
            if time.monotonic() - when >= AGAIN[given]:
                if given + 1 < len(AGAIN):
                    self._closed[connection] = signal, when, given + 1
                else:
                    self._closed.pop(connection, None)  # another thread may be at it too
                    self._untold.discard(connection)
                yield signal

    def told(self, connection: int) -> None:
        """A signal has gone out for a connection."""
        self._untold.discard(connection)

    @property
    def untold(self) -> bool:
        """Whether a peer has not been told yet."""
        return bool(self._untold)
