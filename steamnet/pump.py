"""The task that keeps an engine going on asyncio's event loop."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

FAST, SLOW = 0.001, 0.008  # seconds between two turns, with and without traffic
SLOWER = 1.25  # so gently that a game's next frame still finds it awake


class Pump:
    """Takes turns: fast while there is traffic, ever more slowly while there is none."""

    def __init__(self, turn: Callable[[], None], ended: Callable[[], None]) -> None:
        """Begin to call ``turn``; ``ended`` hears of the last, and wakes all who wait."""
        self._turn = turn
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._turned = asyncio.Event()
        self._waiting = 0  # how many wait for each single turn
        self._traffic = False
        self._delay, self._latest = FAST, self._loop.time()
        self._nap: asyncio.Future[None] = self._loop.create_future()
        self.failure: BaseException | None = None
        self._task = self._loop.create_task(self._run(), name="steamnet pump")

    def stir(self) -> None:
        """Tell of traffic: the next turns come soon."""
        self._traffic = True
        if self._delay > FAST:
            _wake(self._nap)

    def check(self) -> None:
        """Raise what ended the pump, if it has ended."""
        if self.failure is not None:
            self._fail(self.failure)

    async def breathe(self) -> None:
        """Give way if a turn is overdue: who never has to wait must not keep everybody waiting."""
        if self._loop.time() - self._latest > SLOW:
            await asyncio.sleep(0)
        self.check()

    async def until(self, news: asyncio.Event) -> None:
        """Wait for news, or raise what ended the pump."""
        self.check()
        news.clear()
        await news.wait()
        self.check()

    async def turn(self) -> None:
        """Wait for the next turn."""
        self._waiting += 1
        self.stir()
        try:
            await self.until(self._turned)
        finally:
            self._waiting -= 1

    def end(self, failure: BaseException) -> None:
        """Turn no more; who waits, or comes later, gets the failure."""
        self.failure, self._trace = failure, failure.__traceback__
        self._task.cancel()
        self._turned.set()
        self._ended()

    async def ended(self) -> None:
        """Wait until the task is over."""
        await asyncio.wait([self._task])

    def _fail(self, failure: BaseException) -> NoReturn:
        # The same one for everybody: with the trace it came with, not all it has collected since.
        raise failure.with_traceback(self._trace)

    async def _run(self) -> None:
        while self.failure is None:
            self._latest = self._loop.time()
            try:
                self._turn()
            except Exception as error:
                self.end(error)
                return
            self._turned.set()
            busy = self._traffic or self._waiting
            self._delay = FAST if busy else min(self._delay * SLOWER, SLOW)
            self._traffic = False
            self._nap = self._loop.create_future()
            timer = self._loop.call_later(self._delay, _wake, self._nap)
            try:
                await self._nap
            finally:
                timer.cancel()


def _wake(nap: asyncio.Future[None]) -> None:
    if not nap.done():
        nap.set_result(None)
