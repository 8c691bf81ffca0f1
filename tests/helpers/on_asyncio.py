"""A host and a guest on asyncio's event loop, for the tests of `steamnet.aio`."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import wraps
from typing import Any

from steamnet import ConfigValue, aio
from steamnet.aio import Connection, Listener, Steam
from steamnet.testing import VirtualClock

HOST, GUEST = "76561198000000001", "76561198000000002"
Pair = tuple[Connection, Connection]


def with_asyncio(
    test: Callable[..., Coroutine[Any, Any, None]], run_loop: Callable[..., None] = asyncio.run
) -> Callable[..., None]:
    """Run a test on an event loop, where nothing may be left pending, unheard or unclosed."""

    @wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        complaints: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, c: complaints.append(c))
            await asyncio.wait_for(test(*args, **kwargs), 20)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run_loop(main())
        gc.collect()
        assert complaints == []

    return run


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test as `with_asyncio` does, on a virtual clock."""
    return with_asyncio(test, lambda main: VirtualClock().run(main))


@contextlib.asynccontextmanager
async def two() -> AsyncIterator[tuple[Steam, Steam]]:
    """Open a host and a guest."""
    async with (
        aio.init(engine="loopback", identity=HOST) as host,
        aio.init(engine="loopback", identity=GUEST) as guest,
    ):
        yield host, guest


@contextlib.asynccontextmanager
async def pair(options: dict[ConfigValue, int] | None = None) -> AsyncIterator[Pair]:
    """Connect a guest, with options, to a host."""
    async with two() as (host, guest), host.listen(0) as listener:
        caller, called = await meet(guest, listener, options)
        yield caller, called


async def meet(
    guest: Steam, listener: Listener, options: dict[ConfigValue, int] | None = None
) -> Pair:
    """Connect the guest to the listener: the connections of the one and of the other."""
    called, caller = await asyncio.gather(listener.accept(), guest.connect(HOST, 0, options))
    return caller, called
