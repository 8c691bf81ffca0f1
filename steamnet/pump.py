"""The task that keeps an engine going on asyncio's event loop."""

import asyncio
import contextlib
import contextvars
import threading
import weakref
from collections.abc import Callable
from time import monotonic

from .errors import ClosedError
from .virtual_loop import VirtualLoop

FAST, SLOW = 0.001, 0.008  # seconds between two ticks, with and without traffic
IDLE = 0.1  # seconds between two ticks where the loop is told when there is something to do
SLOWER = 1.25  # so gently that a game's next frame still finds it fast
CLOSE, ROW = 0.0003, 2  # seconds between ticks that are close to each other, and how many in a row
REST = 0.001  # seconds until the next tick after so many
NEVER = 10.0**9  # seconds until a timer that is not meant to fire: thirty years


class Pump:
    """Ticks when the engine has something new; where it cannot tell, every few milliseconds.

    It ends when it is told to, when a tick raises, when its task is cancelled, or when its event
    loop is closed. Then everybody who waits gets the reason, and so does who comes later.
    """

    def __init__(
        self,
        tick: Callable[[], bool],
        ended: Callable[[BaseException], None],
        has_news: Callable[[], bool],
        due: Callable[[], int],
        rest: Callable[[], None],
        handle: int,
    ) -> None:
        """Begin to call ``tick``, again at once when it returns True.

        It is called when the descriptor ``handle`` can be read, and after the time that ``due``
        says (``sn_wait_due``). Without a handle, or in a loop that cannot watch it, it is called
        fast while there is traffic, ever more slowly while there is none. On a virtual clock it is
        called when ``has_news`` says that there is something to do.

        A tick for each packet of a crowd would cost more than all that the packets bring. So after
        some that came close to each other there is a rest (``sn_wait_rest``), unless `sent` is
        called: then a peer may wait for the answer, and we for the peer's.

        ``ended`` is called once, with the reason, from any thread.
        """
        self._tick = tick
        self._ended = ended
        self._due = due
        self._rest = rest
        self.has_news = has_news
        self._loop = running_loop()
        self._virtual = isinstance(self._loop, VirtualLoop)
        self._thread = threading.get_ident()
        self._events = weakref.WeakSet[asyncio.Event]()
        self._ticked = self.new_event()
        self._waiting = 0  # how many wait for each single tick
        self._traffic = False
        self._delay, self._latest = FAST, monotonic()
        self._row = 0  # how many ticks came close to each other, and nothing was sent meanwhile
        self.ticks = 0
        """How many there have been."""
        self._context = contextvars.copy_context()  # of the handlers
        self._over: asyncio.Future[None] = self._loop.create_future()
        self.failure: BaseException | None = None
        self._forget_loop = _when_closed(self._loop, weakref.ref(self))
        if isinstance(self._loop, VirtualLoop):
            self._loop.engines.add(self)
        self._handle = self._watch(handle)
        self._next: asyncio.Handle = self._loop.call_soon(self._step, context=self._context)
        self._idles = False  # whether it is a timer for the case that nothing comes
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
        """Tell of traffic, where the engine does not: the next ticks come soon."""
        if self._handle < 0 and not self._virtual:
            self._traffic = True
            if self._delay > FAST:
                self.run_soon()

    def sent(self) -> None:
        """Something was sent: what comes next may be the answer."""
        self.wake()
        if self._row > ROW:
            self.run_soon()
        self._row = 0

    @property
    def every_step(self) -> bool:
        """Whether somebody waits for each tick."""
        return self._waiting > 0

    def run_soon(self) -> None:
        """Tick in the event loop's next round."""
        self._schedule(0)

    def check(self) -> None:
        """Raise what ended the pump, or ClosedError in another event loop or thread."""
        if self.failure is None and asyncio._get_running_loop() is self._loop:
            return  # as nearly always
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

    def is_overdue(self) -> bool:
        """Whether it is time to yield: who never has to wait must not keep everybody waiting."""
        self._check_awaited()
        return not self._virtual and monotonic() - self._latest > SLOW

    def has_time(self) -> bool:
        """Whether who has something already may go on with that: cheaper than `is_overdue`."""
        return (
            self.failure is None
            and threading.get_ident() == self._thread
            and (self._virtual or monotonic() - self._latest <= SLOW)
        )

    async def yield_now(self) -> None:
        """Let the others work, and the engine."""
        await asyncio.sleep(0)
        self._latest = monotonic()
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
        if not self._virtual:
            self._schedule(FAST)
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
        if self.failure is None and asyncio._get_running_loop() is self._loop:
            return
        self.check()
        if asyncio._get_running_loop() is None:
            raise ClosedError("no asyncio event loop runs here that could wait")

    def _call(self, function: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # a closed loop, on which no task can wait
            self._loop.call_soon_threadsafe(function, *args)

    def _stop(self) -> None:
        self._next.cancel()
        if self._handle >= 0:
            self._loop.remove_reader(self._handle)
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
        await self._over  # it has an exception when a tick has raised

    def _watch(self, handle: int) -> int:
        """Have the loop watch the engine's descriptor; -1 if it has none, or the loop cannot."""
        if handle < 0 or self._virtual:
            return -1
        try:
            self._loop.add_reader(handle, self._context.run, self._step)
        except NotImplementedError:  # as Windows' usual loop
            return -1
        return handle

    def _schedule(self, delay: float) -> None:
        """Tick after so many seconds, or before."""
        idles = delay >= IDLE
        if idles and self._idles:
            return  # a tick that comes early costs less than another timer for each tick
        self._next.cancel()
        self._idles = idles
        if idles:
            self._next = self._loop.call_later(delay, self._idle, context=self._context)
        elif delay > 0:
            self._next = self._loop.call_later(delay, self._step, context=self._context)
        else:
            self._next = self._loop.call_soon(self._step, context=self._context)

    def _idle(self) -> None:
        self._idles = False
        self._step()

    def _step(self) -> None:
        if self.failure is not None:
            return
        if not self._idles:
            self._next.cancel()
        self._thread = threading.get_ident()
        now = monotonic()
        self._row = self._row + 1 if now - self._latest < CLOSE else 0
        self._latest = now
        self.ticks += 1
        try:
            more = self._tick()
            delay = 0.0 if more else self._pause()
        except Exception as error:
            self._next.cancel()
            if not self._over.done():
                self._over.set_exception(error)
            return
        except BaseException:
            self._next.cancel()
            self._task.cancel()
            raise
        if self.failure is None:
            self._ticked.set()
            self._schedule(delay)

    def _pause(self) -> float:
        """How many seconds to wait for the next tick."""
        if self._virtual:
            return IDLE
        if self._row > ROW and self._handle >= 0:
            self._rest()
            return REST
        due = self._due() / 1e6
        if self._handle < 0 and due > 0:
            busy = self._traffic or self._waiting
            self._delay = FAST if busy else min(self._delay * SLOWER, SLOW)
            self._traffic = False
            return self._delay
        return min(abs(due), FAST if self._waiting else IDLE)


def running_loop() -> asyncio.AbstractEventLoop:
    """Asyncio's event loop; RuntimeError says what is missing where none runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no running asyncio event loop: steamnet.aio works under asyncio.run(...) only, not "
            "under trio and not in a coroutine driven by hand; steamnet.init needs none of this"
        ) from None


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
