"""Virtual time: it goes on only where the program waits, and every run is the same."""

import asyncio
import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest

import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags, aio
from steamnet.testing import VirtualClock, connected_pair, players, pump

START = 1000.0
HOST = 76561198000000901


def arrivals(seed: int, count: int = 200) -> list[tuple[int, bytes]]:
    """When each of the messages arrives at 80 ms of lag and 20 % of loss."""
    got: list[tuple[int, bytes]] = []
    with connected_pair(lag=80, loss=0.2, seed=seed, clock="virtual") as (alice, bob):
        for number in range(count):
            flags = SendFlags.RELIABLE if number % 2 else SendFlags.UNRELIABLE
            alice.send(number.to_bytes(4, "big"), flags)
        alice.send("done")
        while not got or got[-1][1] != b"done":
            messages = pump(alice, bob, until=bob.receive, timeout=60)
            got.extend((message.time_received, bytes(message)) for message in messages)
    return got


@pytest.mark.parametrize("seed", [1, 7, 2**63])
def test_arrivals_repeat_to_the_microsecond(seed: int) -> None:
    """The same seed gives the same arrivals in every run of one process."""
    first = arrivals(seed)
    assert 130 < len(first) < 201
    assert all(arrivals(seed) == first for _ in range(20))
    assert arrivals(seed + 1) != first


def test_arrivals_repeat_in_another_process() -> None:
    """And in another process."""
    code = f"""
import sys
sys.path.insert(0, {__file__.rpartition("test_virtual_clock")[0]!r})
from test_virtual_clock import digest
print(digest())
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == digest()


def digest() -> str:
    """The arrivals of one run in short."""
    return hashlib.sha256(repr(arrivals(3)).encode()).hexdigest()


def test_only_waiting_moves_time() -> None:
    """Calls and callbacks take no time; pump, wait and advance do; every clock starts the same."""
    assert VirtualClock().now() == VirtualClock().now() == START
    clock = VirtualClock()
    with players(2, lag=50, clock=clock) as (alice, bob):
        assert alice.clock is bob.clock is clock
        listener = alice.listen()
        connection = bob.connect(alice.core.get_steam_id())
        for _ in range(100):
            alice.run_callbacks()
            bob.run_callbacks()
        assert clock.now() == START
        accepted = pump(alice, bob, until=listener.accept)
        both = (accepted, connection)
        pump(alice, bob, until=lambda: all(c.state == ConnectionState.CONNECTED for c in both))
        before = clock.now()
        assert START + 0.1 < before < START + 0.5
        accepted.send("late", SendFlags.RELIABLE_NO_NAGLE)
        clock.advance(0.04)
        assert connection.receive() == []
        clock.advance(0.02)
        (message,) = connection.receive()
        assert before + 0.05 <= message.time_received / 1e6 < before + 0.06
        assert clock.now() == pytest.approx(before + 0.06, abs=1e-6)
        listener.close()


def test_a_timeout_counts_virtual_seconds() -> None:
    """An hour of waiting for nothing takes no time."""
    began = time.perf_counter()
    with players(2, clock="virtual") as (alice, bob):
        with pytest.raises(TimeoutError):
            pump(alice, bob, until=lambda: False, timeout=3600)
        assert alice.clock.now() == START + 3600
        assert alice.wait(3600) is False
        assert alice.clock.now() == START + 7200
    assert time.perf_counter() - began < 60


@pytest.mark.parametrize("timeout", [1 / 3, 1e-7, 0.1 + 0.2, 4e-3 + 4e-10, 1e6 / 7])
def test_a_timeout_that_is_no_whole_microsecond_ends(timeout: float) -> None:
    """It ends at the next one."""
    with players(1, clock="virtual") as (alice,):
        with pytest.raises(TimeoutError):
            pump(alice, until=lambda: False, timeout=timeout)
        assert START + timeout <= alice.clock.now() < START + timeout + 2e-6
        deadline = alice.clock.now() + timeout
        while (left := deadline - alice.clock.now()) > 0:
            before = alice.clock.now()
            assert alice.wait(left) is False
            assert alice.clock.now() > before


Receive = Callable[[Any, steamnet.Connection, steamnet.PollGroup, int], list[Any]]


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize(
    "receive",
    [
        lambda _, connection, group, limit: connection.receive(limit),
        lambda _, connection, group, limit: group.receive(limit),
        lambda sockets, connection, group, limit: list(
            sockets.receive_columns_on_connection(connection.handle, limit).sizes
        ),
    ],
    ids=["connection", "group", "columns"],
)
def test_what_has_come_is_taken_in_parts_while_time_stands_still(
    receive: Receive, limit: int
) -> None:
    """Who takes less in a frame than has come is asked again, as on the machine's clock."""
    with connected_pair(clock="virtual") as (caller, called):
        sockets, clock = called._sockets, called._router.engine.time
        group = steamnet.PollGroup(called._router)
        group.add(called)
        for number in range(350):
            caller.send(str(number))
        assert isinstance(clock, VirtualClock)
        clock.advance(1)
        now, got = clock.now(), []

        def all_of_it() -> bool:
            got.extend(receive(sockets, called, group, limit))
            return len(got) == 350

        pump(called, until=all_of_it)
        assert clock.now() == now
        caller.send("left")
        with pytest.raises(TimeoutError):  # what nobody takes is no reason to stand still
            pump(caller, called, until=lambda: False, timeout=3)
        assert clock.now() == now + 3
        group.close()


def test_wait_jumps_to_news() -> None:
    """It says True when something has come, and not again for messages that are left unread."""
    with connected_pair(lag=30, clock="virtual") as (alice, bob):
        steam, clock = bob._router, bob._router.engine.time
        pump(alice, bob, until=lambda: not steam.wait(1))
        before = clock.now()
        alice.send("hello", SendFlags.RELIABLE_NO_NAGLE)
        assert steam.wait(1)
        assert before + 0.03 <= clock.now() < before + 0.04
        steam.run_callbacks()
        assert steam.wait(1) is False  # it is still unread
        assert clock.now() > before + 1
        (message,) = bob.receive(timeout=1)
        assert message.decode() == "hello"
        before = clock.now()
        assert bob.receive(timeout=2.5) == []
        assert clock.now() == pytest.approx(before + 2.5, abs=1e-6)


@pytest.fixture(params=["real", "virtual"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[steamnet.Connection, ...]]:
    """A pair on each clock."""
    with connected_pair(clock=request.param) as both:
        yield both


def test_receive_with_a_timeout(pair: tuple[steamnet.Connection, steamnet.Connection]) -> None:
    """Connections and poll groups wait for a message."""
    alice, bob = pair
    alice.send("one", SendFlags.RELIABLE_NO_NAGLE)
    (message,) = bob.receive(timeout=5)
    assert message.decode() == "one"
    assert bob.receive(timeout=0.01) == []
    with pytest.raises(ValueError, match="timeout"):
        bob.receive(timeout=-1)
    alice.close()
    with pytest.raises(steamnet.ResultError):
        bob.receive(timeout=5)


def test_shutdown_and_other_threads_end_a_wait() -> None:
    """On the real clock a thread that waits comes back when the engine is shut down."""
    steam = steamnet.init(engine="loopback", identity=HOST)
    answers: list[bool] = []
    steam.run_callbacks()
    thread = threading.Thread(target=lambda: answers.append(steam.wait(60)))
    thread.start()
    steam.shutdown()
    thread.join(30)
    assert answers == [True]
    with pytest.raises(steamnet.ClosedError):
        steam.wait(1)


def has_failed(connection: steamnet.Connection) -> bool:
    """Whether it could not be made."""
    return connection.state == ConnectionState.PROBLEM_DETECTED_LOCALLY


def test_clocks_do_not_mix() -> None:
    """A player of another clock is refused in words, from either side; so is who is not there."""
    with (
        players(1, clock="virtual") as (alice,),
        players(1, clock="virtual") as (bob,),
        players(1) as (carol,),
        alice.listen(),
        carol.listen(),
    ):
        for one, other, why in (
            (bob, alice.core.get_steam_id(), "another clock"),
            (bob, carol.core.get_steam_id(), "another clock"),
            (carol, alice.core.get_steam_id(), "another clock"),
            (bob, "76561198000009999", "other processes"),
        ):
            connection = one.connect(other)
            pump(one, until=partial(has_failed, connection))
            assert why in connection.info.end_debug
            connection.close()
        with pytest.raises(ValueError, match="different clocks"):
            pump(alice, bob, until=lambda: True)
    with pytest.raises(ValueError, match="clock"):
        players(1, clock="warp").__enter__()


def test_asyncio_goes_by_it() -> None:
    """Sleeps, time-outs, threads and engines share the clock."""

    async def guest(host: str) -> list[float]:
        async with aio.init(engine="loopback", identity=HOST + 1) as steam:
            steam.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LAG_SEND, 40)
            times, clock = [], steam.sync.clock
            async with steam.connect(host) as connection:
                for number in range(3):
                    await asyncio.sleep(10)
                    began = clock.now()
                    await connection.send(str(number), SendFlags.RELIABLE_NO_NAGLE)
                    assert (await connection.receive()).decode() == str(number)
                    times.append(round(clock.now() - began, 6))
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(30):
                        await connection.receive()
                await asyncio.to_thread(time.sleep, 0.05)
            return times

    async def main() -> list[float]:
        async with aio.init(engine="loopback", identity=HOST) as steam:
            listener = steam.listen()
            task = asyncio.create_task(guest(steam.core.get_steam_id()))
            connection = await listener.accept()
            async for message in connection:
                await connection.send(message.data, SendFlags.RELIABLE_NO_NAGLE)
            return await task

    began = time.perf_counter()
    clock = VirtualClock()
    times = clock.run(main)
    assert 0.04 <= times[0] < 0.045
    assert len(set(times)) == 1
    assert START + 60 < clock.now() < START + 62
    assert time.perf_counter() - began < 50
    assert times == VirtualClock().run(main())


@pytest.mark.python_behaviour
@pytest.mark.parametrize("outer", [asyncio.run, lambda main: VirtualClock().run(main)])
def test_a_loop_within_a_loop_is_refused(
    outer: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """As `asyncio.run` does: nothing is begun that would be left, or warned of."""
    begun = []

    async def inner() -> None:
        begun.append(1)

    async def main() -> None:
        made = inner()
        for argument in (inner, made):
            with pytest.raises(RuntimeError, match="within a running event loop"):
                VirtualClock().run(argument)
        await made

    outer(main())
    assert begun == [1]


def test_an_event_loop_of_another_clock_is_refused() -> None:
    """An aio engine and its event loop go by the same clock."""

    async def open_here() -> None:
        async with aio.init(engine="loopback", identity=HOST):
            pass

    async def on_a_real_loop() -> None:
        from steamnet.clock import CURRENT

        CURRENT.set(VirtualClock())
        with pytest.raises(RuntimeError, match=r"clock\.run"):
            await open_here()

    asyncio.run(on_a_real_loop())


def test_a_star_plays_on() -> None:
    """A host and guests at 60 Hz with losses: every reliable message in order."""
    ticks, guests = 120, 3

    async def guest(number: int, host: str) -> int:
        async with aio.init(engine="loopback", identity=HOST + 1 + number) as steam:
            steam.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 5.0)
            async with steam.connect(host) as connection:
                for tick in range(ticks):
                    await connection.send(tick.to_bytes(4, "big"))
                    await asyncio.sleep(1 / 60)
                expected = 0
                async for message in connection:
                    assert int.from_bytes(message.data, "big") == expected
                    expected += 1
                    if expected == ticks:
                        break
                return expected

    async def main() -> list[int]:
        async with aio.init(engine="loopback", identity=HOST) as steam:
            steam.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 5.0)
            listener, group = steam.listen(), steam.poll_group()
            me = steam.core.get_steam_id()
            tasks = [asyncio.create_task(guest(number, me)) for number in range(guests)]
            for _ in range(guests):
                group.add(await listener.accept())
            for tick in range(ticks):
                group.broadcast(tick.to_bytes(4, "big"))
                await asyncio.sleep(1 / 60)
            expected = dict.fromkeys(range(guests), 0)
            senders: dict[int, int] = {}
            for _ in range(ticks * guests):
                message = await group.receive()
                who = senders.setdefault(message.connection, len(senders))
                assert int.from_bytes(message.data, "big") == expected[who]
                expected[who] += 1
            return list(await asyncio.gather(*tasks))

    assert VirtualClock().run(main) == [ticks] * guests


@pytest.mark.parametrize("seed", [1, 2])
def test_players_of_aio(seed: int) -> None:
    """``async with players`` gives players of aio on the clock; a seed repeats what they see."""

    async def main() -> list[int]:
        async with players(2, lag=30, loss=0.2, seed=seed, clock="virtual") as (host, guest):
            connecting = asyncio.create_task(guest.connect(host.core.get_steam_id()))
            accepted = await host.listen().accept()
            connection = await connecting
            for number in range(50):
                await connection.send(str(number), SendFlags.RELIABLE_NO_NAGLE)
            messages = [await accepted.receive() for _ in range(50)]
            assert [message.decode() for message in messages] == [str(n) for n in range(50)]
            return [message.time_received for message in messages]

    first = VirtualClock().run(main)
    assert all(VirtualClock().run(main) == first for _ in range(3))
    assert first[-1] > first[0] + 20000


def test_players_of_aio_on_the_real_clock() -> None:
    """There they are open on any loop, and shut down at the end."""

    async def main() -> None:
        async with players(1) as (alice,):
            assert isinstance(alice, aio.Steam)
        assert not alice.engine.is_open
        with pytest.raises(RuntimeError, match=r"clock\.run"):
            await players(1, clock="virtual").__aenter__()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("key", "room"), [(ConfigValue.RECV_BUFFER_MESSAGES, 20), (ConfigValue.RECV_BUFFER_SIZE, 2000)]
)
def test_no_time_passes_while_a_full_receiver_is_read(key: ConfigValue, room: int) -> None:
    """What waits behind a full receive buffer moves up when it is read, which is no wait."""
    with players(2, clock="virtual") as (alice, bob), bob.listen() as listener:
        bob.networking_utils.set_config_value(key, room)
        connection = alice.connect(bob.core.get_steam_id())
        for number in range(100):
            connection.send(bytes([number]) * 100)
        accepted = pump(alice, bob, until=listener.accept)
        alice.clock.advance(1)
        before = alice.clock.now()
        got: list[int] = []
        pump(
            *(alice, bob),
            until=lambda: got.extend(m.data[0] for m in accepted.receive()) or len(got) == 100,
        )
        assert got == list(range(100))
        assert alice.clock.now() == before
