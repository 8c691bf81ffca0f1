"""Lobbies of `steamnet.aio`: requests are awaited, events are waited for."""

import asyncio

import pytest
from on_asyncio import with_asyncio

import steamnet.aio
from steamnet import LobbyEventKind, LobbyType, ResultError
from steamnet.testing import VirtualClock, players

pytestmark = pytest.mark.python_behaviour


@with_asyncio
async def test_a_lobby_is_made_listed_and_joined() -> None:
    """Each call is awaited, and the lobby is the plain one."""
    async with players(2) as (ann, bob):
        lobby = await ann.lobbies.create(3, {"map": "dust"}, LobbyType.PUBLIC)
        assert isinstance(lobby, steamnet.Lobby)
        (found,) = await bob.lobbies.list(where={"map": "dust"})
        assert (await bob.lobbies.info(found)).data == {"map": "dust"}
        theirs = await bob.lobbies.join(found)
        event = await ann.lobbies.event()
        assert (event.kind, event.user) == (LobbyEventKind.JOINED, bob.core.get_steam_id())
        theirs.send("hi")
        assert (await ann.lobbies.event()).data == b"hi"
        with pytest.raises(ResultError, match="DOESNT_EXIST"):
            await bob.lobbies.join(lobby.id + 1)
        assert ann.lobbies.events() == []
        assert {friend.identity for friend in bob.friends.friends()} <= {lobby.owner}


@with_asyncio
async def test_a_request_is_done_without_being_awaited() -> None:
    """It has been asked at once; and more than one may await it."""
    async with players(1) as (ann,):
        request = ann.lobbies.create()
        assert not request.done
        one, other = await asyncio.gather(request, _wait(request))
        assert one is other is request.result()


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_leaving_an_engine_that_is_shut_down_is_no_error(clock: str) -> None:
    """Who awaits an event is told, and the with block ends as if nothing were."""

    async def main() -> None:
        async with steamnet.aio.init(engine="loopback") as ann:
            event = asyncio.create_task(ann.lobbies.event())
            await asyncio.sleep(0)
            ann.sync.shutdown(linger=0)
            with pytest.raises(steamnet.ClosedError):
                await event

    if clock == "virtual":
        VirtualClock().run(main())
    else:
        asyncio.run(main())


@with_asyncio
async def test_events_are_iterated_until_the_end() -> None:
    """The loop ends when the engine does."""
    seen = []

    async def listen(steam: steamnet.aio.Steam) -> None:
        async for event in steam.lobbies:
            seen.append(event.data)  # noqa: PERF401  # who waits looks at it meanwhile

    async with players(1) as (ann,):
        lobby = await ann.lobbies.create()
        task = asyncio.create_task(listen(ann))
        for word in ("a", "b"):
            lobby.send(word)
        async with asyncio.timeout(10):
            while len(seen) < 2:
                await asyncio.sleep(0.001)
    await task
    assert seen == [b"a", b"b"]


@with_asyncio
async def test_handlers_take_the_events() -> None:
    """As everywhere."""
    async with players(1) as (ann,):
        lobby = await ann.lobbies.create()
        seen = asyncio.Event()
        handler = ann.lobbies.on_event(lambda _: seen.set())
        lobby.send("a")
        await asyncio.wait_for(seen.wait(), 10)
        ann.lobbies.remove_handler(handler)
        assert ann.lobbies.events() == []


def test_on_a_virtual_clock_no_time_passes() -> None:
    """Answers and events wake the loop, which does not jump past them."""
    clock = VirtualClock()

    async def main() -> None:
        async with players(2) as (ann, bob):
            begin = clock.now()
            lobby = await ann.lobbies.create()
            theirs = await bob.lobbies.join(lobby.id)
            for word in ("ping", "pong"):
                theirs.send(word)
                while (await ann.lobbies.event()).data != word.encode():
                    pass
            assert clock.now() - begin < 0.1

    clock.run(main)


@with_asyncio
async def test_a_store_on_a_thread_wakes_the_loop() -> None:
    """What comes from the store's thread is there without a tick in between."""
    async with steamnet.aio.init(engine="loopback") as ann:
        lobby = await ann.lobbies.create()
        lobby.send("hi")
        assert (await ann.lobbies.event()).data == b"hi"


async def _wait(request: "steamnet.aio.LobbyRequest[steamnet.Lobby]") -> steamnet.Lobby:
    return await request
