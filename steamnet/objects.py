"""Listeners, connections and poll groups as objects over the manager's handles.

How objects and handles work together:

1. Events of an object's connection, and of a request that waits at a `Listener`, go to that object
   only. The manager's ``connection_events()`` and handlers get all other events.
2. An object's ``handle`` can be passed to the manager, and `Steam.adopt` makes a `Connection` of a
   handle of the manager's. If the manager closes a handle, its object has ended after the next
   `Steam.run_callbacks`.
3. A handle is closed once: by ``close()``; by ``receive()`` when the peer is gone and all that
   it sent has been read; with its listener; or by the garbage collector, which says so with a
   ResourceWarning. ``Steam.shutdown()`` closes the rest without a warning.
4. Calls that the engine refuses raise `ResultError`; calls after ``close()`` raise `ClosedError`.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Self

from ._native import NetworkingMessage
from .arguments import Payload, integer, seconds
from .enums import EResult, SendFlags
from .handles import BaseConnection, BaseListener, BasePollGroup, Router


class _Closing:
    """Closed on leaving a with statement."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _receive(
    router: Router, take: Callable[[], list[NetworkingMessage]], timeout: float
) -> list[NetworkingMessage]:
    """Take messages, waiting up to ``timeout`` seconds for the first."""
    messages = take()
    if not messages and seconds(timeout, "timeout"):
        for _ in router.news(timeout):
            if messages := take():
                break
    return messages


def _limited(
    receive: Callable[[int, int], list[NetworkingMessage]], handle: int, limit: int
) -> list[NetworkingMessage]:
    """Receive, and name the argument that the caller gave if it is none."""
    try:
        return receive(handle, limit)
    except (TypeError, ValueError):
        integer(limit, "limit", 1, 2**63 - 1)
        raise


class Connection(BaseConnection, _Closing):
    """A connection to a peer; made by ``steam.connect`` and `Listener.accept`."""

    def send(self, data: Payload, flags: int = SendFlags.RELIABLE, lane: int = 0) -> int:
        """Send ``data``, a str (as UTF-8) or a buffer, with ``flags`` (`SendFlags`) on a ``lane``.

        Returns the message's number, or 0 if NO_DELAY was asked for and it could not leave at
        once. ResultError tells why nothing was sent: LIMIT_EXCEEDED while too much waits to
        leave, NO_CONNECTION once the peer is gone.
        """
        return self._send(data, flags, lane)

    def receive(self, limit: int = 100, timeout: float = 0.0) -> list[NetworkingMessage]:
        """Take up to ``limit`` messages, oldest first; [] if none waits.

        With a ``timeout`` it waits so many seconds for one, and runs the callbacks meanwhile.
        Once the peer is gone and all that it sent has been taken, raises ResultError.
        """
        return _receive(self._router, lambda: self._receive(limit), timeout)

    def _receive(self, limit: int) -> list[NetworkingMessage]:
        messages = _limited(self._sockets.receive_messages, self._open("receive"), limit)
        if not messages and self._ended is not None:
            self._release()
            self._check("receive", EResult.NO_CONNECTION)
        return messages

    def close(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        """Close it; what was sent reliably still goes out, unless told not to ``linger``.

        The peer is told a ``reason`` (0 or 1000-2999, else ValueError) and up to 127 bytes of
        ``debug``.
        """
        self._close(reason, debug, linger)


class Listener(BaseListener[Connection], _Closing):
    """Waits for peers on a virtual port or an address; made by ``steam.listen`` and ``listen_ip``.

    Requests are in ``waiting`` until they are accepted or rejected.
    """

    def _connection(self, handle: int) -> Connection:
        return Connection(self._router, handle, self)

    def accept(self) -> Connection | None:
        """Accept the request that has waited longest; None if none waits."""
        return self._accept()

    def __iter__(self) -> Iterator[Connection]:
        """Accept those that wait now."""
        for _ in range(len(self._waiting)):
            if (connection := self.accept()) is not None:
                yield connection

    def close(self) -> None:
        """Stop listening, reject the requests that wait, and close the connections that came in.

        Engines end those with their listener, so close it last. What was sent on them reliably
        still goes out.
        """
        self._close()


class PollGroup(BasePollGroup[Connection], _Closing):
    """Connections to receive from and send to in one call; made by ``steam.poll_group``.

    It keeps its members alive. Those that end leave it: `departed` tells which. They and their
    messages are kept until they are closed, so close those that have departed.
    """

    _kind = Connection

    def receive(self, limit: int = 100, timeout: float = 0.0) -> list[NetworkingMessage]:
        """Take up to ``limit`` messages of all members, in order of arrival; [] if none waits.

        With a ``timeout`` it waits so many seconds for one, and runs the callbacks meanwhile.
        `sender` tells whose each is. What members sent before they ended is received too.
        """
        return _receive(self._router, lambda: self._receive(limit), timeout)

    def _receive(self, limit: int) -> list[NetworkingMessage]:
        receive = self._sockets.receive_messages_on_poll_group
        messages = _limited(receive, self._open("receive"), limit)
        self._release_read(messages, limit)
        return messages

    def close(self) -> None:
        """Dissolve the group; its members and their messages stay."""
        self._close()
