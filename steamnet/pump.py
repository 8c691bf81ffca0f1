"""The task that keeps an engine going on asyncio's event loop."""

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable

from .errors import ClosedError
from .virtual_loop import VirtualLoop

FAST, SLOW = 0.001, 0.008  # seconds between two ticks, with and without traffic
IDLE = 0.25  # seconds between two ticks on a virtual clock, where the loop calls for others
SLOWER = 1.25  # so gently that a game's next frame still finds it fast
NEVER = 10.0**9  # seconds until a timer that is not meant to fire: thirty years


class Pump:
    """Ticks: fast while there is traffic, ever more slowly while there is none.

    It ends when it is told to, when a tick raises, when its task is cancelled, or when its event
    loop is closed. Then everybody who waits gets the reason, and so does who comes later.
    """

    def __init__(
        self,
        tick: Callable[[], bool],
        ended: Callable[[BaseException], None],
        has_news: Callable[[], bool],
    ) -> None:
        """Begin to call ``tick``, again at once when it returns True.

        On a virtual clock it is called when ``has_news`` says that there is something to do.

        ``ended`` is called once, with the reason, from any thread.
        """
        self._tick = tick
        self._ended = ended
        self.has_news = has_news
        self._loop = running_loop()
        self._virtual = isinstance(self._loop, VirtualLoop)
        self._thread = threading.get_ident()
        self._events = weakref.WeakSet[asyncio.Event]()
        self._ticked = self.new_event()
        self._waiting = 0  # how many wait for each single tick
        self._traffic = False
        self._delay, self._latest = FAST, self._loop.time()
        self._sleep: asyncio.Future[None] = self._loop.create_future()
        self.failure: BaseException | None = None
        self._forget_loop = _when_closed(self._loop, weakref.ref(self))
        if isinstance(self._loop, VirtualLoop):
            self._loop.engines.add(self)
        self._task = self._loop.create_task(self._run(), name="steamnet pump")
        self._task.add_done_callback(self._done)

    def new_event(self) -> asyncio.Event:
        """An event for `until`, which the end of the pump sets too."""
        event = asyncio.Event()
        self._events.add(event)
        return event

    def notify(self, event: asyncio.Event) -> None:
        """Wake who waits for the event, from any thread."""
        if threading.get_ident() != self._thread:
            self._call(self.notify, event)
        elif not self._loop.is_closed():  # else no task can wait on it
            event.set()
            self.wake()

    def wake(self) -> None:
        """Tell of traffic: the next ticks come soon."""
        self._traffic = True
        if self._delay > FAST and not self._virtual:
            _end(self._sleep)

    @property
    def every_step(self) -> bool:
        """Whether somebody waits for each tick."""
        return self._waiting > 0

    def run_soon(self) -> None:
        """Tick in the event loop's next round."""
        _end(self._sleep)

    def check(self) -> None:
        """Raise what ended the pump, or ClosedError in another event loop or thread."""
        self.check_place()
        if self.failure is not None:
            # The same one for every task: with the trace it came with, not all collected since.
            raise self.failure.with_traceback(self._trace)

    def check_place(self) -> None:
        """Raise ClosedError in another event loop or thread than the pump's, while it goes on."""
        if self._loop.is_closed():
            self.end(_loop_closed())
        running = asyncio._get_running_loop()
        here = threading.get_ident() == self._thread and running in (self._loop, None)
        if not here and self.failure is None:
            raise ClosedError(
                "used in another event loop or thread than the one it was opened in; "
                "asyncio.run_coroutine_threadsafe leads there"
            )

    async def yield_if_overdue(self) -> None:
        """Yield if a tick is overdue: who never has to wait must not keep everybody waiting."""
        self._check_awaited()
        if self._loop.time() - self._latest > SLOW and not self._virtual:
            await asyncio.sleep(0)
            self.check()

    async def until(self, event: asyncio.Event) -> None:
        """Wait for an event, or raise what ended the pump."""
        self._check_awaited()
        event.clear()
        await event.wait()
        self.check()

    async def tick(self) -> None:
        """Wait for the next tick."""
        self._waiting += 1
        self.wake()
        try:
            await self.until(self._ticked)
        finally:
            self._waiting -= 1

    def end(self, failure: BaseException) -> None:
        """Tick no more; who waits, or comes later, gets the failure. The first failure counts."""
        if self.failure is None:
            self.failure, self._trace = failure, failure.__traceback__
            self._forget_loop()
            if isinstance(self._loop, VirtualLoop):
                self._loop.engines.discard(self)
            self._call(self._stop)
            self._ended(failure)

    async def ended(self) -> None:
        """Wait until the task is over, where that can be waited for."""
        if asyncio.get_running_loop() is self._loop:
            await asyncio.wait([self._task])

    def _check_awaited(self) -> None:
        self.check()
        if asyncio._get_running_loop() is None:
            raise ClosedError("no asyncio event loop runs here that could wait")

    def _call(self, function: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # a closed loop, on which no task can wait
            self._loop.call_soon_threadsafe(function, *args)

    def _stop(self) -> None:
        self._task.cancel()
        for event in tuple(self._events):
            event.set()

    def _done(self, task: "asyncio.Task[None]") -> None:
        failure = None if task.cancelled() else task.exception()
        if not isinstance(failure, Exception):
            failure = ClosedError(
                "the task that ran the engine was cancelled: the engine has been shut down"
            )
        self.end(failure)

    async def _run(self) -> None:
        await asyncio.sleep(0)  # a loop with eager tasks calls this before we are whole
        while self.failure is None:
            self._thread = threading.get_ident()
            self._latest = self._loop.time()
            more = self._tick()
            self._ticked.set()
            if more:
                self._delay = FAST
                await asyncio.sleep(0)  # only to let the others work
                continue
            busy = self._traffic or self._waiting
            self._delay = FAST if busy else min(self._delay * SLOWER, SLOW)
            self._traffic = False
            self._sleep = self._loop.create_future()
            delay = IDLE if self._virtual else self._delay
            timer = self._loop.call_later(delay, _end, self._sleep)
            try:
                await self._sleep
            finally:
                timer.cancel()


def running_loop() -> asyncio.AbstractEventLoop:
    """Asyncio's event loop; RuntimeError says what is missing where none runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no running asyncio event loop: steamnet.aio works under asyncio.run(...) only, not "
            "under trio and not in a coroutine driven by hand; steamnet.init needs none of this"
        ) from None


def _end(sleep: "asyncio.Future[None]") -> None:
    if not sleep.done():
        sleep.set_result(None)


def _loop_closed() -> ClosedError:
    return ClosedError("the event loop has been closed: the engine has been shut down")


def _when_closed(loop: asyncio.AbstractEventLoop, pump: "weakref.ref[Pump]") -> Callable[[], None]:
    """End the pump when its loop is closed, until the function returned is called.

    A loop does not tell that it is closed, but it drops its timers: the function of one that no
    one else holds goes then.
    """

    def never() -> None:
        """Be held by the loop alone."""

    def closed() -> None:
        if (living := pump()) is not None and living._loop.is_closed():
            living.end(_loop_closed())

    timer = weakref.ref(loop.call_later(NEVER, never))
    finalizer = weakref.finalize(never, closed)
    finalizer.atexit = False

    def forget() -> None:
        finalizer.detach()
        if (handle := timer()) is not None and not loop.is_closed():
            loop.call_soon_threadsafe(handle.cancel)

    return forget
