"""Listen sockets whose users have closed them, and whose connections still say goodbye.

An engine that closes a listen socket drops the connections that came in on it, those included
that were closed a moment ago: what lingers is lost, and over P2P, where GNS tells of a close
only in answer to the peer, the peer is left to time out. So the engine keeps such a socket a
while longer; requests that still come in on it are turned away.
"""

import time

from .enums import ConnectionState
from .info import ConnectionEvent

PATIENCE = 8.0  # seconds: GNS answers for 5, and what lingers may take a few to drain


class Farewells:
    """Knows which listen sockets must be kept, until when, and who is turned away meanwhile."""

    def __init__(self) -> None:
        """Begin with none."""
        self._until: dict[int, float] = {}
        self._kept: set[int] = set()
        self._turned_away: set[int] = set()

    def begin(self, listen_socket: int) -> None:
        """A connection that came in on that socket has been closed."""
        if listen_socket not in self._kept:  # else who is turned away could keep it for ever
            self._until[listen_socket] = time.monotonic() + PATIENCE

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
