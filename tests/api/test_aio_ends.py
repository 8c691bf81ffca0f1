"""Who waits on an engine's event loop gets a ClosedError when that can go on no longer."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from on_asyncio import GUEST, HOST, meet, two, with_asyncio

import steamnet
from steamnet import ClosedError, ConfigValue, aio, engine
from steamnet.aio import Connection, Listener, PollGroup, Steam

pytestmark = pytest.mark.python_behaviour

Waiting = Coroutine[Any, Any, object] | asyncio.Task[Any]


class Players:
    """A host and a guest who are connected, on the running event loop until somebody ends it."""

    host: Steam
    guest: Steam
    listener: Listener
    group: PollGroup
    caller: Connection
    called: Connection

    async def open(self) -> "Players":
        """Open both and connect them, slowly enough for a sender to wait."""
        self.host = await aio.init(engine="loopback", identity=HOST).__aenter__()
        self.guest = await aio.init(engine="loopback", identity=GUEST).__aenter__()
        self.listener = self.host.listen(0)
        slowly = {ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}
        self.caller, self.called = await meet(self.guest, self.listener, slowly)
        await self.caller.send(bytes(500_000))
        self.group = self.guest.poll_group()
        self.members = await meet(self.guest, self.listener)
        self.group.add(self.members[0])
        return self

    async def leave(self) -> None:
        """Shut both down."""
        for steam in (self.host, self.guest):
            await steam.__aexit__(ZeroDivisionError, None, None)

    @property
    def engines(self) -> list[engine.Engine]:
        """What must be closed in the end."""
        return [self.host.engine, self.guest.engine]


async def iterate(over: AsyncIterable[object]) -> None:
    """Take all that comes."""
    async for _ in over:
        pytest.fail("nothing was to come")


# All that one can wait for; nothing comes to any of them.
WAITS: dict[str, Callable[[Players], Waiting]] = {
    "receive": lambda p: p.caller.receive(),
    "iterate over messages": lambda p: iterate(p.caller),
    "send": lambda p: p.caller.send(bytes(500_000)),
    "accept": lambda p: p.listener.accept(),
    "iterate over guests": lambda p: iterate(p.listener),
    "connect": lambda p: p.guest.connect(HOST, 9),
    "wait_closed": lambda p: p.caller.wait_closed(),
    "request": lambda p: p.listener.request(),
    "iterate over requests": lambda p: iterate(p.listener.requests()),
    "receive in a group": lambda p: p.group.receive(),
    "iterate over a group's messages": lambda p: iterate(p.group),
    "departure": lambda p: p.group.departure(),
    "iterate over departures": lambda p: iterate(p.group.departures()),
}


@pytest.fixture(autouse=True)
def _no_engine_is_left() -> Iterator[None]:
    """Whatever ends a pump, its engine is closed."""
    yield
    assert [e for e in engine._engines if e.is_open] == []


async def assert_closed(waiting: Waiting, words: str) -> None:
    """It raises ClosedError, and at once."""
    begun = time.perf_counter()
    with pytest.raises(ClosedError, match=words):
        await asyncio.wait_for(waiting, 600)
    assert time.perf_counter() - begun < 60


def cancel_pumps() -> None:
    """Cancel the tasks that keep engines going."""
    for task in asyncio.all_tasks():
        if task.get_name() == "steamnet pump":
            task.cancel()


@pytest.mark.parametrize("begun", [False, True], ids=["before its first tick", "as it goes"])
@pytest.mark.parametrize("name", WAITS)
@with_asyncio
async def test_the_pump_is_cancelled(name: str, begun: bool) -> None:
    """Who waits already hears of it, and so does who comes later; closing is silent."""
    players = await Players().open()
    waiting = asyncio.create_task(WAITS[name](players))
    if begun:
        await asyncio.sleep(0.02)
    cancel_pumps()
    await assert_closed(waiting, "cancelled")
    assert not any(e.is_open for e in players.engines)
    await assert_closed(WAITS[name](players), "cancelled")
    with pytest.raises(ClosedError):
        players.guest.listen(3)
    await players.caller.close()
    await players.group.close()
    await players.listener.close()
    await players.guest.__aexit__(None, None, None)  # as at the end of a block without an error
    await players.leave()


@with_asyncio
async def test_a_pump_cancelled_before_it_has_begun() -> None:
    """Cancelling everything right after the engine was opened shuts it down as well."""
    async with aio.init(engine="loopback") as steam:
        cancel_pumps()
        await assert_closed(steam.listen(0).accept(), "cancelled")


def test_all_other_tasks_are_cancelled() -> None:
    """After the usual way to end a program, what is awaited then is told, and can be closed."""

    async def program() -> None:
        async with two() as (host, guest), host.listen(0) as listener:
            caller, called = await meet(guest, listener)
            tasks = [asyncio.create_task(work) for work in (caller.receive(), listener.accept())]
            await asyncio.sleep(0.01)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.wait(tasks)
            await assert_closed(called.receive(), "cancelled")
            await assert_closed(caller.send("x"), "cancelled")
            await caller.close()

    asyncio.run(program())


@pytest.mark.parametrize("way", ["asyncio.run", "Runner", "close", "stop and close"])
def test_the_loop_is_over(way: str) -> None:
    """Its engines are shut down with it, and other loops get a ClosedError."""
    if way == "asyncio.run":
        players = asyncio.run(Players().open())
    elif way == "Runner":
        with asyncio.Runner() as runner:
            players = runner.run(Players().open())
    else:
        loop = asyncio.new_event_loop()
        players = loop.run_until_complete(Players().open())
        tasks = [players.host._pump._task, players.guest._pump._task]
        if way == "stop and close":
            tasks += [loop.create_task(wait(players)) for wait in WAITS.values()]
            loop.call_later(0.02, loop.stop)
            loop.run_forever()
        assert all(e.is_open for e in players.engines)  # it could be run again
        for task in tasks:  # asyncio itself complains of them
            task._log_destroy_pending = False
        loop.close()
    assert not any(e.is_open for e in players.engines)
    for wait in WAITS.values():
        asyncio.run(assert_closed(wait(players), "closed|cancelled"))
    with pytest.raises(ClosedError):
        players.host.listen(4)
    asyncio.run(players.caller.close())
    asyncio.run(players.leave())
    gc.collect()


@with_asyncio
async def test_another_loop_in_another_thread() -> None:
    """Whatever is awaited there raises ClosedError, and is undisturbed here."""
    players = await Players().open()
    waiting = asyncio.create_task(players.caller.receive())
    await asyncio.sleep(0.01)
    for wait in (*WAITS.values(), lambda p: p.caller.close(), lambda p: p.listener.close()):
        await asyncio.to_thread(asyncio.run, assert_closed(wait(players), "another event loop"))
    with pytest.raises(ClosedError, match="thread"):
        await asyncio.to_thread(players.host.listen, 5)
    await players.called.send("still here")
    assert (await waiting).decode() == "still here"
    await players.leave()


@with_asyncio
async def test_an_engine_is_shut_down_by_who_leaves_its_block_elsewhere() -> None:
    """Leaving in another loop says that it is another, and no one waits on for that engine."""
    players = await Players().open()
    waiting = asyncio.create_task(players.caller.receive())
    await asyncio.sleep(0.01)
    leaving = players.guest.__aexit__(None, None, None)
    await asyncio.to_thread(asyncio.run, assert_closed(leaving, "another event loop"))
    with pytest.raises(ClosedError):
        await waiting
    await players.leave()


def test_no_loop_to_open_an_engine_in() -> None:
    """A coroutine that something else drives, as trio does, says what is missing."""
    for arguments in ({"identity": HOST}, {"identity": "str:alice"}, {}):
        entering = aio.init(engine="loopback", **arguments).__aenter__()
        with pytest.raises(RuntimeError, match=r"asyncio.*trio"):
            entering.send(None)
        assert [e for e in engine._engines if e.is_open] == []


@pytest.mark.parametrize("name", WAITS)
def test_no_loop_to_wait_in(name: str) -> None:
    """What was opened in a loop cannot be awaited by something else while that stands still."""
    with asyncio.Runner() as runner:
        players = runner.run(Players().open())
        waiting: Any = WAITS[name](players)
        with pytest.raises(ClosedError, match="no asyncio event loop"):
            waiting.send(None)
        listener = players.host.listen(7)  # what does not wait needs no running loop
        runner.run(listener.close())
        runner.run(players.leave())


@with_asyncio
async def test_an_engine_is_entered_once() -> None:
    """Entering it a second time would lose the first; after its end it may be entered again."""
    steam = aio.init(engine="loopback")
    async with steam:
        with pytest.raises(RuntimeError, match="open already"):
            await steam.__aenter__()
    async with steam:
        assert steam.engine.is_open


def test_the_one_engine_of_a_library_is_free_when_its_loop_is_closed(engine: str) -> None:
    """Programs that use one loop after another, as tests do, can open it in each."""
    for _ in range(3):
        steam = aio.init(engine=engine)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(steam.__aenter__())
        steam._pump._task._log_destroy_pending = False  # asyncio complains of it
        loop.close()
        assert not steam.engine.is_open
    steamnet.init(engine=engine).shutdown()


@pytest.mark.parametrize("factory", [None, getattr(asyncio, "eager_task_factory", None)])
@with_asyncio
async def test_eager_tasks(factory: Any) -> None:
    """A loop whose tasks begin at once (from Python 3.12 on) is as good as another."""
    asyncio.get_running_loop().set_task_factory(factory)
    async with two() as (host, guest), host.listen(0) as listener:
        caller, called = await meet(guest, listener)
        await caller.send("hello")
        assert (await called.receive()).decode() == "hello"


@with_asyncio
async def test_callbacks_run_in_another_thread() -> None:
    """Who waits hears of events that came while another thread ran the callbacks."""
    async with two() as (host, guest), host.listen(0) as listener:
        over = threading.Event()

        def pump() -> None:
            while not over.is_set():
                host.sync.run_callbacks()
                guest.sync.run_callbacks()

        pumping = asyncio.create_task(asyncio.to_thread(pump))
        try:
            for _ in range(20):
                caller, called = await asyncio.wait_for(meet(guest, listener), 10)
                await caller.close()
                await asyncio.wait_for(called.wait_closed(), 10)
                await called.close()
        finally:
            over.set()
            await pumping
