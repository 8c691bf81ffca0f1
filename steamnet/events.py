"""Streams of what happened: drained on request, or delivered to handlers in run_callbacks."""

import warnings
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat
from typing import Generic, TypeVar

from ._native import take_all

T = TypeVar("T")
BACKLOG = 65536


class EventStream(Generic[T]):
    """One kind of event.

    While a handler is subscribed, events go to handlers; otherwise they wait for `drain`,
    the oldest making room once 65,536 are waiting.
    """

    def __init__(self, name: str, check: Callable[[], object]) -> None:
        """Name it as warnings should; ``check`` raises once its engine is closed."""
        self._name = name
        self._check = check
        self._handlers: list[Callable[[T], object]] = []
        self._waiting: deque[T] = deque()
        self.add = self._waiting.append
        """Queue an event of several, after which `trim` is to be called."""

    def subscribe(self, handler: Callable[[T], object]) -> Callable[[T], object]:
        """Call the handler with each event from now on, those waiting included; returns it."""
        self._check()
        if not callable(handler):
            raise TypeError(f"a handler must be callable, not {handler!r}")
        self._handlers.append(handler)
        return handler

    def unsubscribe(self, handler: Callable[[T], object]) -> None:
        """Stop calling the handler; ValueError if it was not subscribed."""
        self._check()
        if handler not in self._handlers:
            raise ValueError(f"{handler!r} is not subscribed to {self._name} events")
        with suppress(ValueError):  # another thread has removed it meanwhile
            self._handlers.remove(handler)

    def push(self, event: T) -> None:
        """Queue an event."""
        self.add(event)
        self.trim()

    def move(self, events: list[T]) -> None:
        """Queue all events of a list, the last one first, and empty it; `trim` is to be called.

        In one call, in which no signal handler runs: none is lost or doubled.
        """
        self._waiting.extend(map(list.pop, repeat(events, len(events))))

    def trim(self) -> None:
        """Drop the oldest events where too many wait."""
        if len(self._waiting) > BACKLOG and not self._handlers:
            with suppress(IndexError):  # another thread was faster
                while len(self._waiting) > BACKLOG:
                    self._waiting.popleft()
            warnings.warn(
                f"{BACKLOG} {self._name} events wait and are not taken: the oldest are lost",
                RuntimeWarning,
                stacklevel=3,
            )

    def __bool__(self) -> bool:
        """Whether some wait, and no handler is subscribed."""
        return bool(self._waiting and not self._handlers)

    def drain(self) -> list[T]:
        """Take all that waits; nothing does while a handler is subscribed."""
        self._check()
        if self._handlers:
            return []
        # As many as there are now: another thread may go on adding, or take some.
        return take_all(self._waiting.popleft, len(self._waiting))

    def deliver(self, limit: int, errors: list[BaseException]) -> bool:
        """Hand what waits to the handlers, ``limit`` events at most: whether there are more.

        What handlers raise is collected, and loses nothing.

        Exceptions stop nothing. What ends programs, as Ctrl-C does, still lets the event at hand
        reach its other handlers; the rest waits for the next time.
        """
        ending = not all(isinstance(error, Exception) for error in errors)
        for _ in range(limit):
            if ending or not self._handlers:
                break
            try:
                event = self._waiting.popleft()
            except IndexError:
                break
            for handler in (*self._handlers,):  # they may come and go meanwhile
                try:
                    handler(event)
                except BaseException as error:
                    errors.append(error)
                    ending |= not isinstance(error, Exception)
        return bool(self._handlers and self._waiting)


def deliver(streams: Iterable[EventStream[T]], limit: int, errors: list[BaseException]) -> bool:
    """Have each of the streams `deliver` what waits: whether any of them has more."""
    more = False
    for stream in streams:
        if stream._handlers and stream._waiting:
            more |= stream.deliver(limit, errors)
    return more


def raise_first(errors: list[BaseException]) -> None:
    """Raise the first of the handlers' exceptions, the others as its notes.

    What ends programs comes before all that does not.
    """
    if errors:
        first, *others = sorted(errors, key=lambda error: isinstance(error, Exception))
        for other in others:
            first.add_note(f"another handler raised {type(other).__name__}: {other}")
        raise first
