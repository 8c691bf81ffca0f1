"""A rendezvous server on a thread of its own, and clients that speak its protocol by hand."""

import asyncio
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from websockets.sync.client import ClientConnection, connect

from steamnet.rendezvous import Server
from steamnet.rendezvous.protocol import VERSION, decode_together

T = TypeVar("T")
_waiting = weakref.WeakKeyDictionary[ClientConnection, list[dict[str, Any]]]()


class ServerThread:
    """Runs a `Server` with these arguments, while a with statement runs."""

    def __init__(self, listen: str = "127.0.0.1:0", **options: Any) -> None:
        """Make it; entering starts it."""
        self.server: Server
        self._listen, self._options = listen, options
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.server.url

    def do(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on the server's thread."""

        async def call() -> T:
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        async with Server(self._listen, **self._options) as self.server:
            self._ready.set()
            await self._end.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def log_in(url: str, identity: str, secret: str = "", **fields: Any) -> Iterator[ClientConnection]:
    """A connection that has logged in, or tried to."""
    with connect(url, compression=None, proxy=None, close_timeout=1) as connection:
        hello = {"op": "hello", "version": VERSION, "identity": identity}
        connection.send(json.dumps(hello | {"secret": secret or identity} | fields))
        yield connection


def message(connection: ClientConnection) -> dict[str, Any]:
    """The next message of the server."""
    waiting = _waiting.setdefault(connection, [])
    if not waiting:
        frame = connection.recv(10)
        waiting.extend(decode_together(frame) if isinstance(frame, str) else [])
    return waiting.pop(0)
