"""Many players on one event loop: who asks, comes, says what and leaves; and where they are."""

import asyncio
import contextlib
import gc
import socket
import threading
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from on_asyncio import GUEST, HOST, meet, pair, two, with_asyncio

from steamnet import ClosedError, ConfigValue, ConnectionState, EResult, ResultError, aio
from steamnet.aio import Connection, ConnectionEnded, Listener, PollGroup, Steam

FULL = 1001  # a close reason of our own


class Room:
    """A host with a group of connected guests, and the guests' ends."""

    def __init__(self, host: Steam, guest: Steam, listener: Listener, group: PollGroup) -> None:
        """Begin empty."""
        self.host, self.guest, self.listener, self.group = host, guest, listener, group
        self.guests: list[Connection] = []
        self.members: list[Connection] = []

    async def let_in(self, options: dict[ConfigValue, int] | None = None) -> Connection:
        """Connect one more, and give the guest's end."""
        caller, called = await meet(self.guest, self.listener, options)
        self.group.add(called)
        self.guests.append(caller)
        self.members.append(called)
        return caller

    async def take(self, count: int) -> list[str]:
        """Receive so many messages."""
        return [(await self.group.receive()).decode() for _ in range(count)]


@contextlib.asynccontextmanager
async def room(guests: int = 0) -> AsyncIterator[Room]:
    """Open a host, and connect so many guests."""
    async with two() as (host, guest), host.listen() as listener, host.poll_group() as group:
        made = Room(host, guest, listener, group)
        for _ in range(guests):
            await made.let_in()
        yield made
        for connection in made.guests:
            await connection.close()


# --- a group's messages ---------------------------------------------------------------------------


@with_asyncio
async def test_a_group_receives_from_all_and_tells_whose_it_is() -> None:
    """Each member's messages come in order, and have their sender, member and identity."""
    async with room(3) as r:

        async def say(number: int) -> None:
            for turn in range(50):
                await r.guests[number].send(f"{number}/{turn}")

        heard: list[list[int]] = [[], [], []]
        async with asyncio.TaskGroup() as tasks:
            for number in range(3):
                tasks.create_task(say(number))
            async for message in r.group:
                number, turn = map(int, message.decode().split("/"))
                assert r.group.sender(message) is r.members[number]
                assert message.identity == GUEST == r.members[number].peer
                heard[number].append(turn)
                if sum(map(len, heard)) == 150:
                    break
        assert heard == [list(range(50))] * 3
        assert (len(r.group), list(r.group)) == (3, r.members)


@with_asyncio
async def test_broadcast_is_a_plain_function() -> None:
    """Everybody but some gets it; a full buffer is that member's result alone, and never waits."""
    async with room(2) as r:
        slowly = {ConfigValue.SEND_RATE_MIN: 10**4, ConfigValue.SEND_RATE_MAX: 10**4}
        r.members[0].configure({ConfigValue.SEND_BUFFER_SIZE: 10_000_000})
        r.members[1].configure(slowly)
        assert r.group.broadcast("welcome") == [1, 1]
        assert r.group.broadcast(b"psst", besides=[r.members[0]]) == [2]
        assert (await r.guests[0].receive()).decode() == "welcome"
        assert [(await r.guests[1].receive()).decode() for _ in range(2)] == ["welcome", "psst"]
        results = [r.group.broadcast(bytes(200_000)) for _ in range(6)]
        assert {first > 0 for first, _ in results} == {True}
        assert results[-1][1] == -EResult.LIMIT_EXCEEDED
        assert await r.guests[0].receive()


@with_asyncio
async def test_cancelled_receivers_lose_no_message() -> None:
    """Whatever moment a receive of a group is given up in, the next one gets the message."""
    async with room(2) as r:

        async def say() -> None:
            for number in range(200):
                await r.guests[number % 2].send(str(number))
                await asyncio.sleep(0.0005)

        saying = asyncio.create_task(say())
        heard: list[int] = []
        while len(heard) < 200:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.0002 * (len(heard) % 8)):
                    heard.append(int((await r.group.receive()).decode()))
            task = asyncio.create_task(r.group.receive())
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                heard.append(int((await task).decode()))
        await saying
        assert sorted(heard) == list(range(200))
        for half in (0, 1):
            assert [n for n in heard if n % 2 == half] == list(range(half, 200, 2))
        assert not r.host._receiving


@with_asyncio
async def test_messages_nobody_waits_for_stay_in_the_engine() -> None:
    """A group that is not read holds none of them, and those of no member are left alone."""
    async with room(2) as r:
        caller, called = await meet(r.guest, r.listener)
        await caller.send("for nobody")
        for number in range(600):
            await r.guests[number % 2].send(str(number))
        await asyncio.sleep(0.05)
        assert len(r.group._queue) == 0
        assert {*await r.take(600)} == {str(number) for number in range(600)}
        assert (await called.receive()).decode() == "for nobody"
        await caller.close()


@with_asyncio
async def test_a_member_can_be_read_by_itself() -> None:
    """Who waits for one and who waits for the group share, before and after it is added."""
    async with room(1) as r:
        (caller,), (called,) = r.guests, r.members
        alone = asyncio.create_task(called.receive())
        await asyncio.sleep(0.02)
        await caller.send("one")
        assert (await alone).decode() == "one"
        r.group.remove(called)
        for wait in (0, 0.02):  # begun just before it is added, or long before
            alone = asyncio.create_task(called.receive())
            await asyncio.sleep(wait)
            r.group.add(called)
            await caller.send("two")
            assert (await alone).decode() == "two"
            await caller.send("three")
            assert await r.take(1) == ["three"]
            alone = asyncio.create_task(called.receive())
            await asyncio.sleep(wait)
            r.group.remove(called)
            await caller.send("four")
            assert (await alone).decode() == "four"
        r.group.add(called)
        alone = asyncio.create_task(called.receive())
        both = asyncio.create_task(r.group.receive())
        await asyncio.sleep(0.02)
        for text in ("five", "six"):
            await caller.send(text)
        heard = {message.decode() for message in await asyncio.gather(alone, both)}
        assert heard == {"five", "six"}


@with_asyncio
async def test_what_was_taken_for_one_moves_with_it() -> None:
    """Into a group, out of it, and into another, messages keep their order and none is lost."""
    async with room() as r, r.host.poll_group() as other:
        caller, called = await meet(r.guest, r.listener)
        for number in range(100):
            await caller.send(str(number))
        await asyncio.sleep(0.02)
        heard = [await called.receive()]
        r.group.add(called)
        heard += [await r.group.receive() for _ in range(9)]
        r.group.remove(called)
        heard += [await called.receive() for _ in range(10)]
        other.add(called)
        heard += [await other.receive() for _ in range(10)]
        r.group.add(called)
        assert (len(other), len(r.group)) == (0, 1)
        heard += [await r.group.receive() for _ in range(70)]
        assert [message.decode() for message in heard] == [str(n) for n in range(100)]
        await caller.close()
        await called.close()


@with_asyncio
async def test_a_group_may_be_empty_and_closed() -> None:
    """It waits for its first member; when it is closed, iteration ends and receive raises."""
    async with room() as r:
        waiting = asyncio.create_task(r.group.receive())
        await asyncio.sleep(0.01)
        caller = await r.let_in()
        await caller.send("hello")
        assert (await waiting).decode() == "hello"

        async def messages() -> list[str]:
            return [message.decode() async for message in r.group]

        async def departures() -> list[Connection]:
            return [gone async for gone in r.group.departures()]

        tasks = [
            asyncio.create_task(work)
            for work in (messages(), departures(), r.group.receive(), r.group.departure())
        ]
        await asyncio.sleep(0.01)
        await r.group.close()
        await r.group.close()
        ended, left, receive, departure = await asyncio.gather(*tasks, return_exceptions=True)
        assert (ended, left) == ([], [])
        assert isinstance(receive, ClosedError)
        assert isinstance(departure, ClosedError)
        with pytest.raises(ClosedError):
            r.group.broadcast("x")
        await caller.send("still connected")
        assert (await r.members[0].receive()).decode() == "still connected"


@with_asyncio
async def test_only_connections_of_the_engine_are_members() -> None:
    """Plain objects and other engines' connections are refused in words."""
    async with room(1) as r:
        with pytest.raises(TypeError, match="Connections"):
            r.group.add(r.host.sync)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="another engine"):
            r.group.add(r.guests[0])
        await r.members[0].close()
        with pytest.raises(ClosedError):
            r.group.add(r.members[0])
        assert len(r.group) == 0


# --- who leaves -----------------------------------------------------------------------------------


@with_asyncio
async def test_the_last_words_come_before_the_departure() -> None:
    """However much a member said before it left, it departs when all of it has been received."""
    async with room(3) as r:
        leaver, member = r.guests[1], r.members[1]
        for number in range(300):
            await leaver.send(str(number))
        heard: list[str] = []

        async def hear() -> None:
            async for message in r.group:
                assert r.group.sender(message) is member
                heard.append(message.decode())
                await asyncio.sleep(0)

        await leaver.close(1002, "dinner")
        hearing = asyncio.create_task(hear())
        gone = await r.group.departure()
        assert gone is member
        assert (gone.info.end_reason, gone.info.end_debug) == (1002, "dinner")
        assert heard == [str(number) for number in range(300)]
        assert r.group.departed() == [], "it is told once"
        assert len(r.group) == 2
        await gone.close()
        hearing.cancel()
        await asyncio.wait([hearing])


@with_asyncio
async def test_departed_and_departure_tell_of_each_once() -> None:
    """In the order in which they left; not of those that this side has closed."""
    async with room(5) as r:
        reading = asyncio.create_task(r.group.receive())
        for number in (3, 0, 4):
            await r.guests[number].close()
            await r.members[number].wait_closed()
        await r.members[1].close()
        assert await r.group.departure() is r.members[3]
        assert r.group.departed() == [r.members[0], r.members[4]]
        assert r.group.departed() == []
        assert list(r.group) == [r.members[2]]
        late = asyncio.create_task(r.group.departure())
        await asyncio.sleep(0.01)
        await r.guests[2].close()
        assert await late is r.members[2]
        reading.cancel()
        await asyncio.wait([reading])


@with_asyncio
async def test_closing_a_member_drops_what_it_said() -> None:
    """A loop that closes a noisy guest meets no message without a sender."""
    async with room(2) as r:
        for number in range(20):
            await r.guests[0].send(f"noise {number}")
        await asyncio.sleep(0.02)
        message = await r.group.receive()
        assert message.decode() == "noise 0"
        await r.group.sender(message).close(FULL, "be quiet", linger=False)
        with pytest.raises(KeyError):
            r.group.sender(message)
        await r.guests[1].send("music")
        assert await r.take(1) == ["music"]


# --- who asks -------------------------------------------------------------------------------------


@with_asyncio
async def test_a_full_host_refuses() -> None:
    """Who asks is seen before there is a connection; a refusal reaches the guest in words."""
    async with two() as (host, guest), host.listen() as listener, host.poll_group() as group:

        async def let_in() -> None:
            async for request in listener.requests():
                assert request.peer == GUEST
                if len(group) == 2:
                    request.reject(FULL, "the server is full")
                else:
                    group.add(request.accept())

        letting_in = asyncio.create_task(let_in())
        calls = [guest.connect(HOST) for _ in range(4)]
        came = await asyncio.gather(*calls, return_exceptions=True)
        refused = [error for error in came if isinstance(error, ConnectionEnded)]
        assert len(refused) == 2
        for error in refused:
            assert (error.reason, error.by_peer) == (FULL, True)
            assert "the server is full" in str(error)
        assert len(group) == 2
        await listener.close()
        await letting_in
        for connection in came:
            if isinstance(connection, Connection):
                await connection.close()


@with_asyncio
async def test_each_request_is_given_once() -> None:
    """Unanswered ones stay in `waiting`; those that left are given to nobody."""
    async with two() as (host, guest), host.listen() as listener:
        calls = []
        requests = []
        for number in range(3):
            calls.append(asyncio.create_task(guest.connect(HOST)))
            requests.append(await listener.request())
            assert [r.handle for r in listener.waiting] == [r.handle for r in requests]
            assert len(requests) == number + 1
        asking = asyncio.create_task(listener.request())
        await asyncio.sleep(0.02)
        assert not asking.done()
        calls[1].cancel()
        while len(listener.waiting) == 3:
            await asyncio.sleep(0.001)
        with pytest.raises(ResultError, match="has left"):
            requests[1].accept()
        requests[1].reject(FULL)
        called = requests[2].accept()
        async with await calls[2] as caller:
            await caller.send("hello")
            assert (await called.receive()).decode() == "hello"
        with pytest.raises(ValueError, match="reason"):
            requests[0].reject(5)
        requests[0].reject(FULL, "no")
        with pytest.raises(ConnectionEnded, match="no"):
            await calls[0]
        calls.append(asyncio.create_task(guest.connect(HOST)))
        last = (await asking).accept()
        await (await calls[3]).close()
        await last.close()
        await called.close()
        await asyncio.gather(*calls, return_exceptions=True)


# --- connecting -----------------------------------------------------------------------------------


@with_asyncio
async def test_a_connect_can_be_entered() -> None:
    """It is closed on leaving, and a failure comes out on entering."""
    async with two() as (host, guest), host.listen() as listener:
        accepting = asyncio.create_task(listener.accept())
        async with guest.connect(HOST) as caller:
            assert caller.state == ConnectionState.CONNECTED
            called = await accepting
            await caller.send("hello")
            assert (await called.receive()).decode() == "hello"
        assert caller.closed
        await called.wait_closed()
        await called.close()
        with pytest.raises(ConnectionEnded):
            async with guest.connect(HOST, 9, {ConfigValue.TIMEOUT_INITIAL: 50}):
                pytest.fail("nobody listens there")
        with pytest.raises(ValueError, match="connect_ip"):
            await guest.connect("203.0.113.5:27015")


@with_asyncio
async def test_a_connect_is_a_coroutine() -> None:
    """Tasks, gather, wait_for and timeouts take it, in asyncio's debug mode as well."""
    asyncio.get_running_loop().set_debug(True)
    async with two() as (host, guest), host.listen() as listener:
        unused = guest.connect(HOST)
        assert asyncio.iscoroutine(unused)
        unused.close()
        ways: list[Any] = [
            asyncio.create_task,
            asyncio.ensure_future,
            lambda work: asyncio.wait_for(work, 10),
            asyncio.shield,
            lambda work: work,
        ]
        for way in ways:
            accepting = asyncio.create_task(listener.accept())
            caller = await way(guest.connect(HOST))
            await (await accepting).close()
            await caller.close()
        task = asyncio.create_task(guest.connect(HOST, 9))
        assert "connect" in repr(task)
        await asyncio.sleep(0)
        assert task.get_stack()
        task.cancel()
        await asyncio.wait([task])
        assert not list(guest._router.connections)


@with_asyncio
async def test_a_forgotten_await_says_so() -> None:
    """A warning when the call is dropped, and an error when it is taken for the connection."""
    async with two() as (host, guest), host.listen():
        calls = (lambda: guest.connect(HOST), lambda: guest.connect_ip("127.0.0.1:9"))
        for name, call in zip(("connect", "connect_ip"), calls, strict=True):
            with pytest.warns(RuntimeWarning, match=rf"steam\.{name}\(...\) was never awaited"):
                call()
            taken: Any = call()
            with pytest.raises(TypeError, match="never awaited: write 'connection = await"):
                await taken.send("hello")
            for use in ("receive", "state", "peer", "info", "wait_closed"):
                with pytest.raises(AttributeError, match="never awaited"):
                    getattr(taken, use)
            with pytest.warns(RuntimeWarning, match="never awaited"):
                del taken
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            guest.connect(HOST).close()
            gc.collect()
        assert not list(guest._router.connections)


# --- by address -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0"])
def test_listeners_and_connections_by_address(engine: str, address: str) -> None:
    """Port 0 takes a free one; what is said there arrives, on every engine."""

    @with_asyncio
    async def program() -> None:
        async with aio.init(engine=engine, identity=HOST) as steam:
            async with steam.listen_ip(address) as listener, steam.poll_group() as group:
                accepting = asyncio.create_task(listener.accept())
                async with steam.connect_ip(listener.address) as caller:
                    group.add(await accepting)
                    await caller.send("hello")
                    assert (await group.receive()).decode() == "hello"
                assert not (await group.departure()).closed
            with pytest.raises(ValueError, match="in numbers"):
                steam.listen_ip("play.example.org:0")
            with pytest.raises(ValueError, match="address"):
                steam.listen_ip("nonsense")
            with pytest.raises(ValueError, match="port"):
                await steam.connect_ip("127.0.0.1:0")
            with pytest.raises(ValueError, match="address"):
                await steam.connect_ip("nonsense")

    program()


@with_asyncio
async def test_a_name_is_looked_up_without_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others go on meanwhile; a name that is not found says so; cancelling ends the wait."""
    looked_up = socket.getaddrinfo
    others_went_on = threading.Event()

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        assert others_went_on.wait(60)
        if host == "nowhere.example.org":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return looked_up("127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with two() as (host, guest), host.listen_ip("127.0.0.1:0") as listener:
        port = listener.address.rpartition(":")[2]
        calling = asyncio.create_task(guest.connect_ip(f"play.example.org:{port}"))
        accepting = asyncio.create_task(listener.accept())
        for _ in range(10):
            await asyncio.sleep(0.005)
        assert not calling.done()
        others_went_on.set()
        await (await calling).close()
        await (await accepting).close()
        with pytest.raises(ConnectionEnded, match=r"nowhere\.example\.org.*not known"):
            await guest.connect_ip("nowhere.example.org:27015")
        monkeypatch.undo()
        with pytest.raises(ConnectionEnded, match=r"a\.\.b:5: no host name"):
            await guest.connect_ip("a..b:5")
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        others_went_on.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(guest.connect_ip("play.example.org:9"), 0.05)
        others_went_on.set()


# --- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [-1, 1, 999, 3000, 5003, 2**31])
def test_only_a_games_own_reasons_are_given(reason: int) -> None:
    """0 and 1000-2999; the connection stays open after another."""

    @with_asyncio
    async def program() -> None:
        async with pair() as (caller, called):
            for way in (caller.close, called.close):
                with pytest.raises(ValueError, match="reason"):
                    await way(reason)
                with pytest.raises((TypeError, ValueError), match="debug"):
                    await way(1000, f"{reason}\0")
            await caller.send("still open")
            assert (await called.receive()).decode() == "still open"

    program()


def test_an_end_is_an_error_of_both_families() -> None:
    """Who catches SteamnetError, ConnectionError or OSError catches it."""
    from steamnet import SteamnetError

    error = ConnectionEnded("why", 1001, True)
    for family in (SteamnetError, ConnectionError, OSError):
        assert isinstance(error, family)
