"""Listeners and connections with await: over one pump an engine, losing nothing."""

import asyncio
import contextlib
import gc
import math
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from on_asyncio import GUEST, HOST, in_virtual_time, meet, pair, two, with_asyncio

from steamnet import (
    ClosedError,
    ConfigValue,
    ConnectionEvent,
    ConnectionState,
    EResult,
    ResultError,
    SendFlags,
    aio,
    pump,
    steam,
)
from steamnet.aio import Connection, ConnectionEnded, Steam
from steamnet.engine import MAX_EVENTS

pytestmark = pytest.mark.python_behaviour


def test_an_engine_that_is_not_open_yet_says_how() -> None:
    """What a newcomer forgot is in the words, and no later slip gets them."""
    with pytest.raises(AttributeError, match="open it: async with"):
        aio.init(engine="loopback").listen(0)
    with pytest.raises(AttributeError, match="'nothing'"):
        aio.init(engine="loopback").nothing  # noqa: B018  # the reading is it


@with_asyncio
async def test_an_engine_without_a_poll_group_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails on the way in leaves no engine open."""
    plain = steam.init(engine="loopback")
    monkeypatch.setattr(plain.networking_sockets, "create_poll_group", lambda: 0)
    with pytest.raises(ResultError, match="poll_group"):
        async with Steam(lambda: plain):
            pytest.fail("it was opened")
    assert not plain.engine.is_open


async def call(guest: Steam) -> tuple[Connection, "asyncio.Task[Connection]"]:
    """Call a host who has not answered yet: nothing leaves until he does."""
    calling = asyncio.create_task(guest.connect(HOST, 0))
    await asyncio.sleep(0)
    (caller,) = guest._router.connections.values()
    assert isinstance(caller, Connection)
    return caller, calling


async def fill(connection: Connection) -> None:
    """Send until a sender has to wait."""
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.05):
                await connection.send(bytes(100_000))


async def cancelled(work: Coroutine[Any, Any, Any]) -> bool:
    """Start something, let it wait, cancel it: whether it ended so."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return task.cancelled()


# --- the nouns ------------------------------------------------------------------------------------


@with_asyncio
async def test_the_example() -> None:
    """The contract's own lines run as they are written."""
    async with aio.init(engine="loopback", identity=HOST) as steam:
        listener = steam.listen(0)

        async def serve() -> list[str]:
            async for connection in listener:
                heard = [message.decode() async for message in connection]
                await connection.close()
                return heard
            raise AssertionError("the listener ended")

        async def play() -> None:
            async with aio.init(engine="loopback", identity=GUEST) as guest:
                connection = await guest.connect(HOST, 0)
                assert connection.state == ConnectionState.CONNECTED
                assert await connection.send(b"one") == 1
                await connection.send("two", flags=SendFlags.RELIABLE_NO_NAGLE, lane=0)
                await connection.close()

        heard, _ = await asyncio.gather(serve(), play())
        assert heard == ["one", "two"]
        await listener.close()


@with_asyncio
async def test_both_ways_and_in_order() -> None:
    """Each side gets everything the other sent, in order, while both send."""
    async with pair() as both:

        async def talk(connection: Connection) -> list[int]:
            async def send() -> None:
                for number in range(500):
                    await connection.send(str(number))

            sending = asyncio.create_task(send())
            heard = [int((await connection.receive()).decode()) for _ in range(500)]
            await sending
            return heard

        assert await asyncio.gather(*map(talk, both)) == [list(range(500))] * 2


@with_asyncio
async def test_two_hundred_connections_at_once() -> None:
    """Each gets its own messages in order, on one pump and one poll group."""
    async with two() as (host, guest), host.listen(0) as listener:

        async def echo(connection: Connection) -> None:
            async for message in connection:
                await connection.send(message, SendFlags.RELIABLE_NO_NAGLE)
            await connection.close()

        async def serve() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(200):
                    group.create_task(echo(await listener.accept()))

        async def play(number: int) -> None:
            async with await guest.connect(HOST, 0) as connection:
                for turn in range(5):
                    await connection.send(f"{number}/{turn}", SendFlags.RELIABLE_NO_NAGLE)
                    assert (await connection.receive()).decode() == f"{number}/{turn}"

        async with asyncio.TaskGroup() as group:
            group.create_task(serve())
            for number in range(200):
                group.create_task(play(number))
        assert not host._readers
        assert not guest._readers


@with_asyncio
async def test_the_engine_without_await_is_at_hand() -> None:
    """The managers and the plain Steam are there, and see none of the aio connections' events."""
    async with two() as (host, guest), host.listen(0) as listener:
        assert host.core.get_steam_id() == HOST
        assert host.engine.name == "loopback"
        caller, called = await meet(guest, listener)
        assert caller.info.identity_remote == HOST
        assert called.peer.steam_id == GUEST
        assert caller.status.state == ConnectionState.CONNECTED
        caller.user_data = 5
        assert guest.networking_sockets.get_connection_user_data(caller.handle) == 5
        plain = host.sync.listen(1)
        by_hand = guest.networking_sockets.connect_p2p(HOST, 1)
        while (other := plain.accept()) is None:
            await asyncio.sleep(0.001)
        await caller.close()
        await called.wait_closed()
        events = guest.networking_sockets.connection_events()
        assert {event.connection for event in events} == {by_hand}
        other.close()
        plain.close()


# --- refusals and ends ----------------------------------------------------------------------------


@with_asyncio
async def test_connect_says_why_not() -> None:
    """Nobody there, a rejection and a call to oneself raise ConnectionError with the reason."""
    async with two() as (host, guest), host.listen(0) as listener:
        with pytest.raises(ConnectionError, match="Timed out") as nobody:
            await guest.connect(HOST, 9, {ConfigValue.TIMEOUT_INITIAL: 50})
        assert isinstance(nobody.value, ConnectionEnded)
        assert nobody.value.reason == 5003
        assert not nobody.value.by_peer
        asking = asyncio.create_task(guest.connect(HOST, 0))
        while not listener._waiting:
            await asyncio.sleep(0.001)
        (request,) = listener._waiting
        host.networking_sockets.close_connection(request, 1042, "we are full")
        with pytest.raises(ConnectionError, match="we are full") as rejected:
            await asking
        assert isinstance(rejected.value, ConnectionEnded)
        assert rejected.value.reason == 1042
        assert rejected.value.by_peer
        with pytest.raises(ConnectionError):
            await host.connect(HOST, 9)
        with pytest.raises(ResultError):
            host.listen(0)


@with_asyncio
async def test_a_peer_that_closes_is_heard_to_the_end() -> None:
    """What it sent comes first; then receive and send raise, and iteration ends."""
    async with pair() as (caller, called):
        for number in range(100):
            await caller.send(str(number))
        await caller.close(1234, "good night")
        await called.wait_closed()
        assert [int(m.decode()) async for m in called] == list(range(100))
        uses: list[Callable[[], Awaitable[object]]] = [called.receive, lambda: called.send("x")]
        for use in uses:
            with pytest.raises(ConnectionError, match="good night") as gone:
                await use()
            assert isinstance(gone.value, ConnectionEnded)
            assert (gone.value.reason, gone.value.by_peer) == (1234, True)
        assert called._router.sockets.get_connection_info(called.handle) is None
        assert [m async for m in called] == []


@in_virtual_time
async def test_a_peer_that_vanishes_is_no_quiet_end() -> None:
    """Iteration raises when the way broke, and ends only when the peer meant it."""
    async with pair({ConfigValue.TIMEOUT_CONNECTED: 200}) as (caller, called):
        utils = caller._steam.networking_utils
        assert utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 100)
        assert utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_RECV, 100)
        await called.send("lost")
        with pytest.raises(ConnectionError, match="dropped") as lost:
            async for _ in caller:
                pass
        assert isinstance(lost.value, ConnectionEnded)
        assert lost.value.reason == 5003
        assert utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 0)
        assert utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_RECV, 0)
        await called.close(linger=False)


@with_asyncio
async def test_closing_wakes_those_who_wait() -> None:
    """Receivers and acceptors raise ClosedError, iterations end; closing again is fine."""
    async with two() as (host, guest), host.listen(0) as listener:
        caller, called = await meet(guest, listener)

        async def messages() -> list[object]:
            return [m async for m in caller]

        async def guests() -> list[object]:
            return [c async for c in listener]

        waiting = [
            asyncio.create_task(work)
            for work in (
                caller.receive(),
                listener.accept(),
                messages(),
                guests(),
                caller.wait_closed(),
            )
        ]
        await asyncio.sleep(0.02)
        for thing in (caller, listener, caller, listener):
            await thing.close()
        receive, accept, *ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(receive, ClosedError)
        assert isinstance(accept, ClosedError)
        assert ends == [[], [], None]
        assert called.closed  # with its listener
        with pytest.raises(ClosedError):
            await caller.send("x")


@with_asyncio
async def test_close_waits_until_everything_has_arrived() -> None:
    """With linger the peer gets all of it; without, close does not wait."""
    async with pair({ConfigValue.SEND_RATE_MIN: 10**6, ConfigValue.SEND_RATE_MAX: 10**6}) as (
        caller,
        called,
    ):
        start = time.monotonic()
        for _ in range(4):
            await caller.send(bytes(50_000))
        await caller.close()
        assert time.monotonic() - start > 0.1
        assert [len(m) async for m in called] == [50_000] * 4
    async with pair({ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}) as (
        caller,
        called,
    ):
        await fill(caller)  # fifty seconds' worth
        start = time.monotonic()
        await caller.close(linger=False)
        assert time.monotonic() - start < 40
        assert len([m async for m in called]) < 3


@with_asyncio
async def test_a_cancelled_close_still_closes() -> None:
    """A caller that does not want to wait for the drain cancels it; the handle is given back."""
    async with pair({ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}) as (
        caller,
        _,
    ):
        await fill(caller)
        assert await cancelled(caller.close())
        assert caller.closed
        assert caller._router.sockets.get_connection_info(caller.handle) is None


# --- back-pressure --------------------------------------------------------------------------------


@with_asyncio
async def test_send_waits_for_room_where_the_engine_says_limit_exceeded() -> None:
    """More than the send buffer holds goes through, in order; a plain send is refused meanwhile."""
    options = {ConfigValue.SEND_RATE_MIN: 20 * 10**6, ConfigValue.SEND_RATE_MAX: 20 * 10**6}
    async with pair(options) as (caller, called):
        refusals = 0
        plain = caller._router.sockets.send_message

        async def send() -> None:
            nonlocal refusals
            for number in range(60):
                await caller.send(number.to_bytes(100_000, "little"))
                refusals += plain(caller.handle, bytes(500_000)) == EResult.LIMIT_EXCEEDED

        sending = asyncio.create_task(send())
        heard: list[int] = []
        while len(heard) < 60:
            message = await called.receive()
            if len(message) == 100_000:
                heard.append(int.from_bytes(bytes(message), "little"))
        await sending
        assert heard == list(range(60))
        assert refusals > 40


@with_asyncio
async def test_waiting_senders_are_served_in_turn() -> None:
    """Of several senders on a full connection none gets ahead of the others."""
    async with two() as (host, guest), host.listen(0) as listener:
        caller, calling = await call(guest)
        await caller.send(bytes([9]) * 500_000)

        async def send(who: int) -> None:
            for _ in range(10):
                await caller.send(bytes([who]) * 100_000)

        async with asyncio.TaskGroup() as group:
            for who in range(4):
                group.create_task(send(who))
            await asyncio.sleep(0.01)
            called, _ = await asyncio.gather(listener.accept(), calling)
            heard = [(await called.receive()).data[0] for _ in range(41)]
        counts = [0] * 10
        for who in heard:
            counts[who] += 1
            assert max(counts[:4]) - min(counts[:4]) <= 2
        assert counts == [10, 10, 10, 10, 0, 0, 0, 0, 0, 1]


@with_asyncio
async def test_a_cancelled_send_has_sent_nothing() -> None:
    """A sender cancelled while it waits for room leaves no message, and the next one its turn."""
    async with two() as (host, guest), host.listen(0) as listener:
        caller, calling = await call(guest)
        assert await caller.send(bytes(500_000)) == 1
        waiting = [asyncio.create_task(caller.send(f"{n}" * 100_000)) for n in range(3)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in waiting)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await caller.send("never" * 20_000)
        for task in waiting[:2]:
            task.cancel()
        called, _ = await asyncio.gather(listener.accept(), calling)
        assert await waiting[2] == 2
        assert await caller.send("last") == 3
        heard = [await called.receive() for _ in range(3)]
        assert [m.data[0] for m in heard] == [0, ord("2"), ord("l")]


@with_asyncio
async def test_what_never_fits_is_refused() -> None:
    """A message larger than the whole send buffer would never be sent, so it raises."""
    async with pair({ConfigValue.SEND_BUFFER_SIZE: 4096}) as (caller, called):
        await caller.send(bytes(4000))
        with pytest.raises(ResultError) as refused:
            await caller.send(bytes(5000))
        assert refused.value.result == EResult.LIMIT_EXCEEDED
        assert "5000 bytes never fit into a SEND_BUFFER_SIZE of 4096" in str(refused.value)
        assert len(await called.receive()) == 4000


@with_asyncio
async def test_a_sender_who_waits_hears_that_the_peer_is_gone() -> None:
    """It raises ConnectionError instead of waiting for room that never comes."""
    options = {ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}
    async with pair(options) as (caller, called):
        await fill(caller)
        waiting = asyncio.create_task(caller.send(bytes(500_000)))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await called.close(1001, "enough", linger=False)
        with pytest.raises(ConnectionError, match="enough"):
            await waiting


# --- cancellation ---------------------------------------------------------------------------------


@with_asyncio
async def test_cancelled_and_timed_out_receivers_lose_no_message() -> None:
    """Whatever moment a receive is given up in, the next one gets the message."""
    async with pair() as (caller, called):

        async def send() -> None:
            for number in range(300):
                await caller.send(str(number), SendFlags.RELIABLE_NO_NAGLE)
                await asyncio.sleep(0.0005)

        sending = asyncio.create_task(send())
        heard: list[int] = []
        given_up = 0
        while len(heard) < 300:
            try:
                async with asyncio.timeout(0.0002 * (len(heard) % 8)):
                    heard.append(int((await called.receive()).decode()))
            except TimeoutError:
                given_up += 1
            task = asyncio.create_task(called.receive())
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                heard.append(int((await task).decode()))
        await sending
        assert heard == list(range(300))
        assert given_up > 20
        assert not called._steam._readers


@with_asyncio
async def test_several_receivers_share_what_comes() -> None:
    """Each message goes to one of them; a cancelled one takes none with it."""
    async with pair() as (caller, called):
        tasks = [asyncio.create_task(called.receive()) for _ in range(10)]
        await asyncio.sleep(0.01)
        tasks[3].cancel()
        for number in range(9):
            await caller.send(str(number))
        done = await asyncio.gather(*tasks, return_exceptions=True)
        heard = [int(m.decode()) for m in done if not isinstance(m, BaseException)]
        assert sorted(heard) == list(range(9))
        assert isinstance(done[3], asyncio.CancelledError)


@with_asyncio
async def test_a_cancelled_accept_leaves_the_guest_to_the_next() -> None:
    """No connection is accepted for somebody who has stopped waiting."""
    async with two() as (host, guest), host.listen(0) as listener:
        assert await cancelled(listener.accept())
        asking = asyncio.create_task(guest.connect(HOST, 0))
        while not listener._waiting:
            await asyncio.sleep(0.001)
        async with await listener.accept() as called, await asking as caller:
            await caller.send("hello")
            assert (await called.receive()).decode() == "hello"


@with_asyncio
async def test_a_cancelled_connect_leaves_nothing_behind() -> None:
    """Its handle is closed, and the listener finds nobody."""
    async with two() as (host, guest), host.listen(0) as listener:
        assert await cancelled(guest.connect(HOST, 0))
        assert not list(guest._router.connections)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await listener.accept()


# --- the pump -------------------------------------------------------------------------------------


@with_asyncio
async def test_messages_nobody_waits_for_stay_in_the_engine() -> None:
    """A connection that is not read holds a handful of messages here, however many were sent."""
    async with pair() as (caller, called):
        for number in range(600):
            await caller.send(str(number))
        await asyncio.sleep(0.05)
        assert len(called._queue) == 0
        assert (await called.receive()).decode() == "0"
        assert len(called._queue) < 100
        assert [int((await called.receive()).decode()) for _ in range(599)] == list(range(1, 600))


@with_asyncio
async def test_an_engine_that_is_idle_hardly_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not look again and again, and what comes after a silence wakes it at once."""
    async with pair() as (caller, called):
        steam, ticks = called._steam.sync, 0
        run_callbacks = steam.run_callbacks

        def count() -> None:
            nonlocal ticks
            ticks += 1
            run_callbacks()

        monkeypatch.setattr(steam, "run_callbacks", count)
        receiving = asyncio.create_task(called.receive())
        await asyncio.sleep(0.2)  # what connecting leaves behind is over
        ticks = 0
        await asyncio.sleep(0.2)
        assert ticks <= 7  # ten a second, and a few for nothing
        ticks = 0
        await caller.send("hello", SendFlags.RELIABLE_NO_NAGLE)
        assert (await receiving).decode() == "hello"
        assert 1 <= ticks <= 5


@with_asyncio
async def test_who_has_stopped_waiting_is_left_alone_while_others_wait() -> None:
    """Messages for a connection that was read before stay in the engine until it is read again."""
    async with two() as (host, guest), host.listen(0) as listener:
        caller, called = await meet(guest, listener)
        talker, other = await meet(guest, listener)
        assert await cancelled(called.receive())
        waiting = asyncio.create_task(other.receive())
        await asyncio.sleep(0.01)
        for _ in range(50):
            await caller.send("x")
        await asyncio.sleep(0.05)
        assert len(called._queue) == 0
        assert len(host.networking_sockets.receive_messages(called.handle)) == 50
        waiting.cancel()
        await asyncio.gather(waiting, talker.close(), return_exceptions=True)


@with_asyncio
async def test_a_close_that_takes_too_long_can_be_cut_short() -> None:
    """A second close without linger ends the drain that the first one waits for."""
    slowly = {ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}
    async with pair(slowly) as (caller, _):
        await fill(caller)
        closing = asyncio.create_task(caller.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        await caller.close(linger=False)
        async with asyncio.timeout(5):  # the drain would take longer
            await closing


@with_asyncio
async def test_a_handlers_error_reaches_those_who_wait() -> None:
    """What a user's handler raises in the pump comes out of every await, and of the block."""

    async def program() -> None:
        async with two() as (host, guest):
            listener = host.listen(0)
            caller, called = await meet(guest, listener)
            receive = asyncio.create_task(called.receive())
            accept = asyncio.create_task(listener.accept())
            await asyncio.sleep(0.01)
            host.networking_sockets.on_connection_status_changed(lambda _: 1 / 0)
            host.networking_sockets.create_listen_socket_p2p(5)
            guest.networking_sockets.connect_p2p(HOST, 5)
            for work in (receive, accept, called.send("x"), host.connect(GUEST, 1)):
                with pytest.raises(ZeroDivisionError):
                    await work
            await caller.close()

    with pytest.raises(ZeroDivisionError):
        await program()


@with_asyncio
async def test_a_busy_sender_does_not_stop_the_pump() -> None:
    """Sends that never have to wait still let the pump and other tasks have their turn."""
    async with pair() as (caller, called):
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.001)

        counting = asyncio.create_task(count())
        reading = asyncio.create_task(called.receive())
        start = time.monotonic()
        while turns < 5 or not reading.done():
            await caller.send("x", SendFlags.UNRELIABLE_NO_NAGLE)
            assert time.monotonic() - start < 60
        counting.cancel()
        await asyncio.gather(counting, reading, return_exceptions=True)


@with_asyncio
async def test_a_flood_of_events_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tick takes so many; the next comes at once, and other tasks have their turn before."""
    heard: list[ConnectionEvent] = []
    async with aio.init(engine="loopback") as steam:
        sockets = steam.networking_sockets
        sockets.on_connection_status_changed(heard.append)
        for _ in range(2 * MAX_EVENTS):
            for connection in sockets.create_socket_pair():
                sockets.close_connection(connection)
        monkeypatch.setattr(pump, "FAST", 60.0)  # only what comes at once comes in time
        monkeypatch.setattr(pump, "SLOW", 60.0)
        parts = []
        while len(heard) < 4 * MAX_EVENTS:
            await asyncio.sleep(0)
            if len(heard) > sum(parts):
                parts.append(len(heard) - sum(parts))
    assert parts == [MAX_EVENTS] * 4


@with_asyncio
async def test_an_idle_engine_costs_little() -> None:
    """A pump with nothing to do takes a few per cent of a core at most, and answers soon."""
    async with pair() as (caller, called):
        await asyncio.sleep(0.1)
        start, began = time.process_time(), time.monotonic()
        await asyncio.sleep(0.4)
        passed = time.monotonic() - began
        assert time.process_time() - start < 0.15 * passed  # two engines; measured 0.02
        took = [math.inf]
        while min(took) >= 0.05:  # the best of them: the machine may be busy
            assert time.monotonic() - began < 60, took
            await asyncio.sleep(0.05)
            start = time.perf_counter()
            await caller.send("wake up", SendFlags.RELIABLE_NO_NAGLE)
            await called.receive()
            took.append(time.perf_counter() - start)


@with_asyncio
async def test_leaving_drains_and_tells_the_others() -> None:
    """Connections left open are drained and closed; tasks still waiting get ClosedError."""
    async with aio.init(engine="loopback", identity=HOST) as host:
        listener = host.listen(0)
        async with aio.init(engine="loopback", identity=GUEST) as guest:
            slowly = {ConfigValue.SEND_RATE_MIN: 10**6, ConfigValue.SEND_RATE_MAX: 10**6}
            caller, called = await meet(guest, listener, slowly)
            for _ in range(20):
                await caller.send(bytes(10_000))
            waiting = asyncio.create_task(guest.connect(HOST, 8))
            await asyncio.sleep(0.01)
        with pytest.raises(ClosedError):
            await waiting
        with pytest.raises(ClosedError):
            await caller.send("x")
        with pytest.raises(ClosedError):
            guest.listen(3)
        assert [len(m) async for m in called] == [10_000] * 20


@with_asyncio
async def test_leaving_because_of_an_error_does_not_wait() -> None:
    """The error comes out at once, though the peer has not got everything."""

    async def program() -> None:
        async with two() as (host, guest):
            listener = host.listen(0)
            options = {ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}
            caller, _called = await meet(guest, listener, options)
            await fill(caller)
            raise ZeroDivisionError

    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        await program()
    assert time.monotonic() - start < 9  # else it waits ten


@with_asyncio
async def test_relay_readiness() -> None:
    """Where there is no relay network, waiting for it says so at once."""
    async with aio.init(engine="loopback", identity=HOST) as steam:
        start = time.monotonic()
        assert await steam.wait_for_relay(600) is False
        with pytest.raises(ValueError, match="timeout"):
            await steam.wait_for_relay(float("nan"))
        assert time.monotonic() - start < 60


@with_asyncio
async def test_what_was_left_open_is_closed_with_a_warning() -> None:
    """A dropped aio connection warns as a plain one does; a closed or ended one does not."""
    async with two() as (host, guest), host.listen(0) as listener:
        caller, called = await meet(guest, listener)
        await caller.close()
        await called.wait_closed()
        assert [m async for m in called] == []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del caller, called
            gc.collect()
        caller, called = await meet(guest, listener)
        await asyncio.sleep(0)  # until then asyncio itself holds what gather gave
        with pytest.warns(ResourceWarning, match="unclosed Connection"):
            del caller
        await called.wait_closed()
        await called.close()


def test_a_cancelled_program_ends_in_silence() -> None:
    """A cancelled task group of servers and clients leaves no warning and no traceback."""
    program = """
        import asyncio
        from steamnet import aio

        async def serve(steam):
            async with steam.listen(0) as listener, asyncio.TaskGroup() as group:
                async for connection in listener:
                    group.create_task(echo(connection))

        async def echo(connection):
            async with connection:
                async for message in connection:
                    await connection.send(message)

        async def play(steam):
            async with await steam.connect("str:host", 0) as connection:
                while True:
                    await connection.send(bytes(1000))
                    await connection.receive()

        async def main():
            asyncio.get_running_loop().slow_callback_duration = 10  # a busy machine is no fault
            async with (
                aio.init(engine="loopback", identity="str:host") as host,
                aio.init(engine="loopback", identity="str:guest") as guest,
                asyncio.timeout(0.3),
                asyncio.TaskGroup() as group,
            ):
                group.create_task(serve(host))
                for _ in range(5):
                    group.create_task(play(guest))

        try:
            asyncio.run(main())
        except TimeoutError:
            print("done")
    """
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")
