"""An asyncio event loop on a virtual clock: when all tasks wait, time jumps to what is due next."""

import asyncio
import math
import selectors
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar, TypeVarTuple

from ._native import lib

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
NEVER = 2**63 - 1  # µs: what the clock says where nothing is due


class Engine(Protocol):
    """What the loop must know of an engine that `steamnet.aio` runs on it."""

    @property
    def every_step(self) -> bool:
        """Whether it wants to run after each thing that was due, and not only when it has news."""
        ...

    def has_news(self) -> bool:
        """Whether an event or a message has come since it ran."""
        ...

    def run_soon(self) -> None:
        """Run in the loop's next round."""
        ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `asyncio.sleep`, time-outs and engines go by the same clock."""

    def __init__(self, clock: Any) -> None:
        """Make a loop on a native clock, which must live as long."""
        self._clock = clock
        self._executor_calls = 0
        self.engines = weakref.WeakSet[Engine]()
        """The engines that `steamnet.aio` has opened on it."""
        super().__init__(_Selector(self))
        self._clock_resolution = 5e-7  # times are whole microseconds

    def time(self) -> float:
        """The virtual time in seconds."""
        now: int = lib.sn_clock_now(self._clock)
        return now / 1e6

    def goes_by(self, clock: Any) -> bool:
        """Whether this native clock is the loop's."""
        return bool(self._clock == clock)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run a function in a thread. Time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._executor_calls += 1
        future.add_done_callback(self._executor_call_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for its threads. Time stands still meanwhile."""
        self._executor_calls += 1
        try:
            await super().shutdown_default_executor()  # no time passes that could be over
        finally:
            self._executor_calls -= 1

    def _executor_call_done(self, _: object) -> None:
        self._executor_calls -= 1

    def jump(self, timeout: float | None) -> bool:
        """Let time pass to the next moment at which something happens, after ``timeout`` at most.

        False if nothing ever will, or if a thread works that may do something now.
        """
        if self._executor_calls:
            return False
        now: int = lib.sn_clock_now(self._clock)
        limit = NEVER if timeout is None else now + max(1, math.ceil(timeout * 1e6 - 0.5))
        engines = tuple(self.engines)
        news = [engine for engine in engines if engine.has_news()]
        while not news and now < limit:
            due: int = lib.sn_clock_due(self._clock)
            if min(due, limit) == NEVER:
                return False
            waiting = [engine for engine in engines if engine.every_step]
            if waiting:
                lib.sn_clock_advance(self._clock, min(due, limit))
            else:
                lib.sn_clock_run(self._clock, limit)
            now = lib.sn_clock_now(self._clock)
            news = waiting or [engine for engine in engines if engine.has_news()]
        for engine in news:
            engine.run_soon()
        return True


def run(
    clock: Any,
    main: Coroutine[Any, Any, T] | Callable[[], Coroutine[Any, Any, T]],
    debug: bool | None,
) -> T:
    """Run a coroutine on a loop of its own, on a native clock."""
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("clock.run cannot be called within a running event loop, as in asyncio")
    if callable(main):
        main = main()
    with asyncio.Runner(debug=debug, loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)


class _Selector(selectors.DefaultSelector):
    """Jumps where others sleep."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = weakref.ref(loop)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; if nothing is, after a jump."""
        ready = super().select(0)
        loop = self._loop()
        if ready or loop is None or (timeout is not None and timeout <= 0) or loop.jump(timeout):
            return ready
        return super().select(None)  # for another thread, or a socket of the program's
