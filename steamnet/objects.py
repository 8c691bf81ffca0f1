"""Listeners, connections and poll groups as objects, for people who do not want to hold integers.

How they live together with the manager's handles:

1. A connection event belongs to an object if its connection does, or if it is about a request
   that waits at a `Listener`. That object alone is told: the manager's ``connection_events()``
   and handlers see every other event, and none of these.
2. ``handle`` lends an object's handle to the manager, and `Steam.adopt` makes a `Connection` of one
   of the manager's. What the manager closes, its object soon knows to be gone.
3. A handle is closed once: by ``close()``; by ``receive()`` when the peer is gone and all that
   it sent has been read; with its listener; or by the garbage collector, which says so with a
   ResourceWarning. ``Steam.shutdown()`` closes the rest without a word.
4. What is refused raises `ResultError`; what is used after ``close()`` raises `ClosedError`.
"""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Self

from ._native import NetworkingMessage
from .arguments import Payload
from .enums import EResult, SendFlags
from .errors import ClosedError, ResultError
from .handles import BaseConnection, BaseListener, Handle, Router


class _Closing:
    """Closed on leaving a with statement."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Connection(BaseConnection, _Closing):
    """A connection to a peer; made by ``steam.connect`` and `Listener.accept`."""

    _group = 0

    def send(self, data: Payload, flags: int = SendFlags.RELIABLE, lane: int = 0) -> int:
        """Send ``data``, a str (as UTF-8) or a buffer, with ``flags`` (`SendFlags`) on a ``lane``.

        Returns the message's number, or 0 if NO_DELAY was asked for and it could not leave at
        once. ResultError tells why nothing was sent: LIMIT_EXCEEDED while too much waits to
        leave, NO_CONNECTION once the peer is gone.
        """
        return self._send(data, flags, lane)

    def receive(self, limit: int = 100) -> list[NetworkingMessage]:
        """Take up to ``limit`` messages, oldest first; [] if none waits.

        Once the peer is gone and all that it sent has been taken, raises ResultError.
        """
        messages = self._sockets.receive_messages(self._open("receive"), limit)
        if not messages and self._ended is not None:
            self._release()
            self._check("receive", EResult.NO_CONNECTION)
        return messages

    def close(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        """Close it; what was sent reliably still goes out, unless told not to ``linger``.

        The peer is told a ``reason`` (0 or 1000-2999) and up to 127 bytes of ``debug``.
        """
        self._close(reason, debug, linger)


class Listener(BaseListener, _Closing):
    """Waits for peers on a virtual port; made by ``steam.listen``."""

    def accept(self) -> Connection | None:
        """Accept the request that has waited longest; None if none waits."""
        return self._accept(Connection)

    def __iter__(self) -> Iterator[Connection]:
        """Accept those that wait now."""
        for _ in range(len(self._waiting)):
            if (connection := self.accept()) is not None:
                yield connection

    def close(self) -> None:
        """Stop listening, say no to those who wait, and close the connections that came in.

        Engines end those with their listener, so close it last. What was sent on them reliably
        still goes out.
        """
        self._close()


class PollGroup(Handle, _Closing):
    """Connections to receive from in one call; made by ``steam.poll_group``.

    It keeps its members alive until they close, or are gone and have been read to the end.
    """

    def __init__(self, router: Router) -> None:
        """Make a group; ResultError if the engine refuses."""
        handle = router.sockets.create_poll_group()
        if not handle:
            raise ResultError("poll_group", EResult.FAIL)
        super().__init__(router, handle, router.sockets.destroy_poll_group)
        self._members: dict[int, Connection] = {}

    def add(self, connection: Connection) -> None:
        """Receive from this connection too, what already waits included."""
        if not isinstance(connection, Connection):
            raise TypeError(f"a group has Connections as members, not {type(connection)}")
        self._move(connection, self._open("add"))
        self._members[connection.handle] = connection

    def remove(self, connection: Connection) -> None:
        """Leave the connection to be received from by itself; KeyError if it is no member."""
        self._open("remove")
        del self._members[connection.handle]
        if not connection.closed:
            self._move(connection, 0)

    def _move(self, connection: Connection, group: int) -> None:
        if not self._sockets.set_connection_poll_group(connection._open("poll group"), group):
            connection._check("poll group", EResult.INVALID_PARAM)
        connection._group = group

    def receive(self, limit: int = 100) -> list[NetworkingMessage]:
        """Take up to ``limit`` messages of all members, in order of arrival; [] if none waits."""
        messages = self._sockets.receive_messages_on_poll_group(self._open("receive"), limit)
        gone = [c for c in self if c.closed or c._ended is not None or c._group != self.handle]
        if gone and len(messages) < limit:
            speaking = {message.connection for message in messages}
            for connection in gone:
                if connection.handle not in speaking:
                    self._members.pop(connection.handle, None)  # another thread may see it too
                    if connection._group == self.handle:
                        connection._release()
        return messages

    def sender(self, message: NetworkingMessage) -> Connection:
        """Which member a message came from; KeyError once that is gone."""
        return self._members[message.connection]

    def __iter__(self) -> Iterator[Connection]:
        """Go through the members."""
        return iter(list(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    def close(self) -> None:
        """Dissolve the group; its members and their messages stay."""
        self._closed = True
        self._members.clear()
        if self._finalizer.detach() is not None:
            with contextlib.suppress(ClosedError):  # a shutdown was faster
                self._sockets.destroy_poll_group(self.handle)
