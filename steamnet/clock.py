"""The clocks that engines go by: the machine's, and virtual ones, which belong to a test."""

import time
import weakref
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from ._native import ffi, lib
from .arguments import seconds
from .errors import ClosedError
from .identity import text_of

T = TypeVar("T")
PAUSE = 0.0005  # seconds between two looks where nothing wakes us
SIGNALS = 50_000  # microseconds until a signal, such as Ctrl-C, is handled at most
CURRENT: "ContextVar[VirtualClock | None]" = ContextVar("steamnet clock", default=None)
"""The clock whose `VirtualClock.run` is under way."""


def _microseconds(duration: float) -> int:
    """Not fewer than these seconds, so that who waits for what is left does so once."""
    whole = round(duration * 1e6)
    return whole + (whole / 1e6 < duration)


class RealClock:
    """The machine's time, as an engine tells it."""

    native: Any = ffi.NULL
    """What an engine is started with."""

    def __init__(self, engine: Any) -> None:
        """Ask a native engine."""
        self._engine = engine

    def __repr__(self) -> str:
        return "<RealClock>"

    def now(self) -> float:
        """Seconds, which no program stops or sets; ClosedError once the engine is closed."""
        if not lib.sn_is_open(self._engine):
            raise ClosedError(text_of(lib.sn_closed_reason(self._engine)))
        return int(lib.ISteamNetworkingUtils_GetLocalTimestamp(self._engine)) / 1e6

    def pause(self, until: float) -> None:
        """Let a little time pass."""
        time.sleep(PAUSE)

    def wait(self, engine: Any, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until a native engine may have news."""
        deadline = self.now() + timeout
        while True:
            left = round((deadline - self.now()) * 1e6)
            if lib.sn_wait(engine, max(0, min(left, SIGNALS))):  # then signals get their turn
                return True
            if left <= 0:
                return False


class VirtualClock:
    """A clock for the players of one process that only goes on when the program waits.

    Every one starts at the same time. It stands still while the program works. `steamnet.testing.
    pump`, `Steam.wait` and the event loop of `run` let it jump to the next moment at which an
    engine has something to do; ``run_callbacks`` does not move it, so wait with these and not with
    ``time.sleep``.
    """

    def __init__(self) -> None:
        """Make a clock; MemoryError when memory is short."""
        self.native: Any = lib.sn_clock_new()
        """What an engine is started with."""
        from random import Random  # slow to import, and only tests have virtual clocks

        self.random = Random(0)
        """For what else is random in its engines: the same in every run."""
        if self.native == ffi.NULL:
            raise MemoryError
        weakref.finalize(self, lib.sn_clock_release, self.native).atexit = False

    def __repr__(self) -> str:
        return f"<VirtualClock at {self.now():.6f} s>"

    def now(self) -> float:
        """Seconds, from 1000 on. ``time_received`` of messages is the same in microseconds."""
        now: int = lib.sn_clock_now(self.native)
        return now / 1e6

    def advance(self, seconds: float) -> None:
        """Let so many ``seconds`` pass at once; engines do what is due meanwhile, each in its time.

        Handlers are called in the next ``run_callbacks``.
        """
        lib.sn_clock_advance(self.native, self._after(seconds))

    def run(
        self,
        main: Coroutine[Any, Any, T] | Callable[[], Coroutine[Any, Any, T]],
        *,
        debug: bool | None = None,
    ) -> T:
        """Run a coroutine as ``asyncio.run`` does, on this clock, and return what it returns.

        ``asyncio.sleep``, time-outs and engines go by it; `steamnet.init` and `steamnet.aio.init`
        open loopback engines on it. When all tasks wait, time jumps to what is due next. It stands
        still while a function runs in a thread (``asyncio.to_thread``). RuntimeError within a
        running event loop.
        """
        from .virtual_loop import run  # asyncio is slow to import

        token = CURRENT.set(self)
        try:
            return run(self.native, main, debug)
        finally:
            CURRENT.reset(token)

    def pause(self, until: float) -> None:
        """Jump to the next moment at which something is due; at most ``until`` then."""
        limit = _microseconds(until)
        lib.sn_clock_advance(self.native, min(lib.sn_clock_due(self.native), limit))

    def wait(self, engine: Any, timeout: float) -> bool:
        """Jump until an engine has news, for ``timeout`` seconds at most."""
        return lib.sn_news(engine) > 0 or bool(lib.sn_clock_run(self.native, self._after(timeout)))

    def _after(self, duration: float) -> int:
        now: int = lib.sn_clock_now(self.native)
        return min(now + _microseconds(seconds(duration, "seconds")), 2**62)


Clock = RealClock | VirtualClock
