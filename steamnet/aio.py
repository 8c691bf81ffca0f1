"""The same nouns with ``await``: listeners and connections on asyncio's event loop.

The event loop watches the engine's descriptor and runs the callbacks when it is ready, so that
nothing is spent while nothing comes. Where the engine cannot tell (steam), or the loop cannot watch
(Windows' usual one), that is done every millisecond while there is traffic, ever more slowly (to
8 ms) while there is none.

Unread messages stay in the engine, so a slow reader applies back-pressure to its peer only.
Taking a message, accepting and handing over to the engine are single steps, so a ``receive``
that is cancelled or times out has taken nothing, an ``accept`` leaves the request waiting, and a
``send`` has sent nothing.
"""

import asyncio
import builtins
import contextlib
import inspect
import socket
import warnings
from collections import deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
)
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, Self, TypeVar

from . import lobbies
from . import steam as plain
from ._native import NetworkingMessage, lib
from .arguments import Payload, check_close
from .clock import RealClock, VirtualClock
from .config import Options
from .engine import Uncopyable
from .enums import GONE, ConnectionState, EndReason, EResult, LobbyType, SendFlags
from .errors import ClosedError, ResultError, SteamnetError
from .handles import (
    BaseConnection,
    BaseListener,
    BasePollGroup,
    Handle,
    Request,
    Router,
    ending,
)
from .identity import (
    Identity,
    found_addresses,
    lookup_failure,
    numeric_address,
    split_address,
)
from .info import ConnectionEvent
from .lobbies import Comparison, Lobby, LobbyEvent
from .lobby_backend import LobbyInfo
from .networking_utils import relay_answers
from .pump import SLOW, Pump, running_loop
from .virtual_loop import VirtualLoop

P = ParamSpec("P")
T = TypeVar("T")
BATCH = 64  # messages taken from the engine at a time
UNDER_WAY = (ConnectionState.FINDING_ROUTE, ConnectionState.CONNECTED)
LAST_WAIT = 0.25  # seconds that the end of the engine may hold the event loop up
PATIENCE = 10.0  # seconds that a closing connection waits for its peer to take everything


class ConnectionEnded(SteamnetError, ConnectionError):  # noqa: N818  # named as ConnectionError's others are
    """A connection could not be made, or is no more."""

    def __init__(self, message: str, reason: EndReason | int = 0, by_peer: bool = False) -> None:
        """Say how it ended."""
        super().__init__(message)
        self.reason = reason
        """Why: an `EndReason`, or the game's own number (1000-2999)."""
        self.by_peer = by_peer
        """Whether the peer closed it, and not a problem on the way."""


class Steam(Uncopyable):
    """An engine on this event loop, open within ``async with``; made by `init`."""

    def __init__(self, opener: Callable[[], plain.Steam]) -> None:
        """Keep what will open the engine."""
        self._opener = opener
        self._opened = False

    if not TYPE_CHECKING:  # to whom every attribute is there

        def __getattr__(self, name: str) -> NoReturn:
            """Say what a newcomer forgot; once it is open all attributes are found without us."""
            hint = "" if self._opened else "; open it: async with steamnet.aio.init(...)"
            raise AttributeError(f"'Steam' object has no attribute {name!r}{hint}")

    def __repr__(self) -> str:
        return f"<aio.Steam: {self.sync!r}>" if self._opened else "<aio.Steam, not open>"

    async def __aenter__(self) -> Self:
        """Open the engine, and begin to pump it; RuntimeError without asyncio's event loop."""
        running_loop()
        if self._opened and self.sync.engine.is_open:
            raise RuntimeError("it is open already: each 'async with' needs an init of its own")
        self.sync: plain.Steam = self._opener()
        """The engine without ``await``: its managers, and all that does not wait."""
        self.core = self.sync.core
        self.engine = self.sync.engine
        self.networking_sockets = self.sync.networking_sockets
        self.networking_utils = self.sync.networking_utils
        self.networking_messages = self.sync.networking_messages
        self.friends = self.sync.friends
        self._router = self.sync._router
        self._readers = 0  # tasks that wait for a connection's messages
        self._receiving: set[PollGroup] = set()  # groups that somebody waits for messages of
        try:
            self._check_clock()
            if self.sync.rendezvous is not None:
                await asyncio.to_thread(self.sync.rendezvous.wait, plain.RENDEZVOUS_SECONDS)
                self.sync._use_ice()
            self._group = self.sync.poll_group()
            pointer = self.engine.pointer
            self.sync._watch_signals()
            self._pump = Pump(
                self._tick,
                self._pump_ended,
                self._has_news,
                partial(lib.sn_wait_due, pointer),
                partial(lib.sn_wait_rest, pointer),
                lib.sn_wait_handle(pointer) if isinstance(self.sync.clock, RealClock) else -1,
            )
        except BaseException:
            self.sync.shutdown()
            raise
        self.lobbies = Lobbies(self._pump, self.sync.lobbies)
        """Lobbies to make, list and join, with ``await``."""
        self._opened = True
        return self

    def _check_clock(self) -> None:
        """Raise RuntimeError where the event loop goes by another clock than the engine."""
        loop, clock = running_loop(), self.sync.clock
        if isinstance(clock, VirtualClock):
            if not (isinstance(loop, VirtualLoop) and loop.goes_by(clock.native)):
                raise RuntimeError("the engine has a virtual clock: run this with its clock.run()")
        elif isinstance(loop, VirtualLoop):
            raise RuntimeError(f"the {self.engine.name} engine cannot go by a virtual clock")

    def _has_news(self) -> bool:
        if not self.engine.is_open:
            return True  # which the pump is to see
        return self.engine.has_more or lib.sn_news(self.engine.pointer) > 0

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close every connection, after it has drained unless an error is on its way out."""
        try:
            # What ended the pump, if that was not the end of the engine, has to come out.
            if kind is None and not isinstance(self._pump.failure, ClosedError):
                self._pump.check()
                mine = [c for c in self._router.connections.values() if isinstance(c, Connection)]
                deadline = asyncio.get_running_loop().time() + PATIENCE
                await asyncio.gather(*[connection.close() for connection in mine])
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        while self.engine.is_open and self.sync._undelivered():
                            await self._pump.tick()
                self.sync.shutdown(linger=LAST_WAIT)
        finally:
            self._pump.end(ClosedError(self.engine.closed_reason))
            self.sync.shutdown(linger=0)
            await self._pump.ended()

    def listen(self, virtual_port: int = 0, options: Options | None = None) -> "Listener":
        """Listen on a ``virtual_port`` with ``options``; ResultError if it is taken."""
        self._pump.check()
        return self._router.listen(partial(Listener, self), virtual_port, options)

    def listen_ip(self, address: str, options: Options | None = None) -> "Listener":
        """Listen on a local ``address`` with ``options``: ``0.0.0.0:27015`` or ``[::]:27015``.

        Port 0 stands for a free one, which ``listener.address`` tells. ResultError if it is
        taken, or no address of this machine; ValueError for a name other than ``localhost``.
        """
        self._pump.check()
        return self._router.listen_ip(partial(Listener, self), address, options)

    def connect(
        self, identity: str | int | Identity, virtual_port: int = 0, options: Options | None = None
    ) -> "Connecting":
        """Connect to a ``virtual_port`` of the user with that ``identity``, with ``options``.

        Await the result, or enter it: ``async with steam.connect(...) as connection``.
        ConnectionEnded says why that failed; ValueError for what is no identity.
        """
        return Connecting(self._connect(identity, virtual_port, options), "connect")

    def connect_ip(self, address: str, options: Options | None = None) -> "Connecting":
        """Connect to an ``address``, with ``options``: ``203.0.113.5:27015`` or ``[::1]:27015``.

        A host's name, as in ``play.example.org:27015``, is looked up without blocking the event
        loop. Await the result, or enter it, as that of `connect`.
        """
        return Connecting(self._connect_ip(address, options), "connect_ip")

    def poll_group(self) -> "PollGroup":
        """Make a group of connections to receive from and send to at once."""
        self._pump.check()
        return PollGroup(self, self._router)

    async def _connect(
        self, identity: str | int | Identity, virtual_port: int, options: Options | None
    ) -> "Connection":
        self._pump.check()
        kind = partial(Connection, self)
        return await self._connected(
            lambda: self._router.connect(kind, identity, virtual_port, options)
        )

    async def _connect_ip(self, address: str, options: Options | None) -> "Connection":
        self._pump.check()
        host, port = split_address(address)
        where = numeric_address(address)
        if where is None:
            loop = running_loop()
            try:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            except (OSError, UnicodeError) as error:
                message = f"connect_ip: {address}: {lookup_failure(error)}"
                raise ConnectionEnded(message) from error
            where = found_addresses(found)[0]
            self._pump.check()
        kind = partial(Connection, self)
        return await self._connected(lambda: self._router.connect_ip(kind, where, options))

    async def _connected(self, begin: Callable[[], "Connection"]) -> "Connection":
        """The connection that was begun, once it is connected."""
        try:
            connection = begin()
        except ResultError as error:
            raise ConnectionEnded(str(error)) from error
        self._pump.wake()
        try:
            while connection.state != ConnectionState.CONNECTED:
                connection._check_alive()
                await self._pump.until(connection._news)
        except BaseException:
            connection._close(linger=False)
            raise
        return connection

    async def wait_for_relay(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for Valve's relay network: whether it can be used."""
        self._pump.check()
        answers = relay_answers(self.networking_utils, timeout)
        while (ready := next(answers)) is None:
            await asyncio.sleep(SLOW)
            self._pump.check()
        return ready

    def _tick(self) -> bool:
        self.sync.run_callbacks()
        more = self.engine.has_more
        if self._readers:
            for message in self._take(self._group.handle):
                connection = self._router.connections.get(message.connection)
                if isinstance(connection, Connection):
                    connection._queue.append(message)
                    if connection._readers:
                        connection._news.set()
                    else:
                        connection._leave()
        for group in tuple(self._receiving):
            if not group.closed and group._take():
                self._pump.notify(group._news)
        self.lobbies._notify()
        return more

    def _take(self, group: int) -> list[NetworkingMessage]:
        return self.networking_sockets.receive_messages_on_poll_group(group, 4 * BATCH)

    def _pump_ended(self, failure: BaseException) -> None:
        if isinstance(failure, ClosedError):  # not a handler's error, which leaves it open
            self.sync.shutdown(linger=0)


class LobbyRequest(Uncopyable, Generic[T]):
    """Something asked that is answered later: await it, or ask whether it is `done`.

    Made by `Lobbies`. It has been asked whether it is awaited or not, also where that is cancelled.
    """

    def __init__(self, pump: Pump, request: lobbies.LobbyRequest[T]) -> None:
        """Wait for an answer."""
        self._pump = pump
        self._request = request
        self._news = pump.new_event()
        request._when_done = partial(pump.notify, self._news)
        pump.wake()

    @property
    def done(self) -> bool:
        """Whether it is answered."""
        return self._request.done

    def result(self) -> T:
        """What was asked for; ResultError as in `steamnet.LobbyRequest.result`."""
        return self._request.result()

    def __await__(self) -> Generator[Any, Any, T]:
        """Wait for the answer: the result, or ResultError with Valve's reason."""
        return self._wait().__await__()

    async def _wait(self) -> T:
        while not self._request.done:
            await self._pump.until(self._news)
        return self._request.result()


class Lobbies(Uncopyable):
    """Lobbies to make, list and join; `Steam.lobbies` is one. As `steamnet.Lobbies`, but awaited.

    A `steamnet.Lobby` is the same in both: nothing that it does waits.
    """

    def __init__(self, pump: Pump, plain_lobbies: lobbies.Lobbies) -> None:
        """Serve one user."""
        self._pump = pump
        self._lobbies = plain_lobbies
        self._news = pump.new_event()
        self._waiting: deque[LobbyEvent] = deque()

    def create(
        self,
        max_members: int = 4,
        data: Mapping[str, str] | None = None,
        type: LobbyType = LobbyType.PUBLIC,  # noqa: A002  # Valve's word
    ) -> LobbyRequest[Lobby]:
        """Make a lobby; see `steamnet.Lobbies.create`."""
        return self._ask(lambda: self._lobbies.create(max_members, data, type))

    def list(
        self,
        where: Mapping[str, Comparison] | None = None,
        near: Mapping[str, int] | None = None,
        slots: int = 1,
        limit: int = 50,
        distance: str = "worldwide",
    ) -> LobbyRequest[builtins.list[LobbyInfo]]:
        """List lobbies; see `steamnet.Lobbies.list`."""
        return self._ask(lambda: self._lobbies.list(where, near, slots, limit, distance))

    def join(self, lobby: int | str | Lobby | LobbyInfo) -> LobbyRequest[Lobby]:
        """Become a member of a ``lobby``; see `steamnet.Lobbies.join`."""
        return self._ask(lambda: self._lobbies.join(lobby))

    def info(self, lobby: int | str | Lobby | LobbyInfo) -> LobbyRequest[LobbyInfo]:
        """Ask for the data of a ``lobby``; see `steamnet.Lobbies.info`."""
        return self._ask(lambda: self._lobbies.info(lobby))

    def requested(self) -> int | None:
        """The id of the lobby that the player is to join; see `steamnet.Lobbies.requested`."""
        return self._lobbies.requested()

    def events(self) -> builtins.list[LobbyEvent]:
        """Take what has happened by now; [] while a handler is subscribed."""
        events = [*self._waiting, *self._lobbies.events()]
        self._waiting.clear()
        return events

    def on_event(self, handler: Callable[[LobbyEvent], object]) -> Callable[[LobbyEvent], object]:
        """Call the ``handler`` with each event; also a decorator."""
        return self._lobbies.on_event(handler)

    def remove_handler(self, handler: Callable[[LobbyEvent], object]) -> None:
        """Stop calling a ``handler``; ValueError if it was not subscribed."""
        self._lobbies.remove_handler(handler)

    async def event(self) -> LobbyEvent:
        """Wait for the next event."""
        while True:
            self._waiting.extend(self._lobbies.events())
            if self._waiting:
                return self._waiting.popleft()
            await self._pump.until(self._news)

    def __aiter__(self) -> Self:
        """Iterate over the events, until the engine is closed here."""
        return self

    async def __anext__(self) -> LobbyEvent:
        """Wait for the next event."""
        try:
            return await self.event()
        except ClosedError:
            raise StopAsyncIteration from None

    def _ask(self, ask: Callable[[], lobbies.LobbyRequest[T]]) -> LobbyRequest[T]:
        self._pump.check()
        return LobbyRequest(self._pump, ask())

    def _notify(self) -> None:
        if self._lobbies._has_events():
            self._pump.notify(self._news)


class Connecting(Uncopyable, Coroutine[Any, Any, "Connection"]):
    """A connection that is yet to be made: await it, or enter it with ``async with``.

    Made by `Steam.connect` and `Steam.connect_ip`. It is a coroutine, so a task can be made of it.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, "Connection"], name: str) -> None:
        """Wrap the coroutine that connects."""
        self._coroutine = coroutine
        self._awaited = False
        self.__name__ = name
        self.__qualname__ = f"Steam.{name}"

    def __await__(self) -> Generator[Any, Any, "Connection"]:
        self._awaited = True
        return self._coroutine.__await__()

    async def __aenter__(self) -> "Connection":
        """Connect."""
        self._connection = await self
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self._connection.close()

    def send(self, value: Any) -> Any:
        """Step on, as an event loop does."""
        if value is not None:  # somebody takes it for a connection
            raise TypeError(self._forgotten())
        self._awaited = True
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Step on by raising, as an event loop does."""
        self._awaited = True
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Do not connect."""
        self._awaited = True
        self._coroutine.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Show what debuggers ask a coroutine; tell who takes it for the connection."""
            if name.startswith("cr_"):
                return getattr(self._coroutine, name)
            raise AttributeError(f"no attribute {name!r} here: {self._forgotten()}")

    def _forgotten(self) -> str:
        call = f"steam.{self.__name__}(...)"
        return (
            f"{call} was never awaited: write 'connection = await {call}', "
            f"or 'async with {call} as connection'"
        )

    def __del__(self) -> None:
        """Warn that it was not awaited."""
        if not self._awaited:
            self._coroutine.close()
            warnings.warn(self._forgotten(), RuntimeWarning, stacklevel=2, source=self)


class Connection(BaseConnection):
    """A connection to a peer; made by `Steam.connect` and `Listener.accept`."""

    def __init__(
        self, steam: Steam, router: Router, handle: int, listener: "Listener | None" = None
    ) -> None:
        """Own a connection's handle."""
        super().__init__(router, handle, listener)
        self._steam = steam
        self._news = steam._pump.new_event()
        self._queue: deque[NetworkingMessage] = deque()
        self._readers = 0  # tasks that wait for a message
        self._shares = False  # in the engine's poll group of those that are read
        self._sending = asyncio.Lock()  # first come, first served

    def _on_event(self, event: ConnectionEvent) -> None:
        super()._on_event(event)
        self._steam._pump.notify(self._news)

    def _check_alive(self) -> None:
        self._open("wait")
        # The engine may know of an end before the event that tells of it.
        info = self._ended or self._sockets.get_connection_info(self.handle)
        if info is None:
            raise ConnectionEnded("the connection was closed through the manager")
        if self._ended is not None or info.state in GONE:
            by_peer = info.state == ConnectionState.CLOSED_BY_PEER
            raise ConnectionEnded(ending(info), info.end_reason, by_peer)

    async def send(self, data: Payload, flags: int = SendFlags.RELIABLE, lane: int = 0) -> int:
        """Send ``data``, a str (as UTF-8) or a buffer, as soon as there is room to queue it.

        It goes with ``flags`` (`SendFlags`) on a ``lane``. Returns the message's number, or 0 if
        NO_DELAY was asked for and it could not leave at once. Raises ConnectionEnded if the peer
        is gone. A buffer must stay as it is meanwhile.
        """
        if self._steam._pump.is_overdue():
            await self._steam._pump.yield_now()
        async with self._sending:
            empty = False
            while True:
                try:
                    number = self._send(data, flags, lane)
                except ResultError as error:
                    self._check_alive()
                    if error.result != EResult.LIMIT_EXCEEDED or empty:
                        raise
                else:
                    self._steam._pump.sent()
                    return number
                # Ask again when its own size has left, or everything, and not at every tick.
                queued = self._queued()
                empty = queued == 0  # it will fit now, or never
                size = memoryview(data.encode() if isinstance(data, str) else data).nbytes
                while self._queued() > max(0, queued - size):
                    await self._steam._pump.tick()

    def _queued(self) -> int:
        status = self._sockets.get_quick_connection_status(self.handle)
        if status is None or status.state in GONE:
            return 0
        return status.pending_reliable + status.pending_unreliable

    async def receive(self) -> NetworkingMessage:
        """Wait for the next message.

        Raises ConnectionEnded once the peer is gone and all that it sent has been received.
        """
        if self._steam._pump.is_overdue():
            await self._steam._pump.yield_now()
        handle = self._open("receive")
        while not self._queue:
            count = BATCH
            if isinstance(group := self._group, PollGroup):  # what others could take as well
                group._hand_over(self)
                count = 1 - len(self._queue)
            if count:
                handle = self._open("receive")
                self._queue.extend(self._sockets.receive_messages(handle, count))
            if not self._queue and self._ended is not None:
                self._release()
                self._check_alive()
            if not self._queue:
                await self._message(handle)
        return self._queue.popleft()

    async def _message(self, handle: int) -> None:
        steam = self._steam
        if self._group is not None:  # then its messages wait there, for either to take
            await steam._pump.tick()
            return
        if not self._shares:
            self._shares = self._sockets.set_connection_poll_group(handle, steam._group.handle)
        self._readers += 1
        steam._readers += 1
        try:
            await steam._pump.until(self._news)
        except BaseException:
            if self._readers == 1:
                self._leave()
            raise
        finally:
            self._readers -= 1
            steam._readers -= 1

    def _leave(self) -> None:
        """Leave further messages in the engine, as nobody waits for them now."""
        if self._shares and self._group is None:
            with contextlib.suppress(ClosedError):
                self._sockets.set_connection_poll_group(self.handle, 0)
        self._shares = False

    def __aiter__(self) -> Self:
        """Iterate over the messages, until the peer or this side closes the connection."""
        return self

    async def __anext__(self) -> NetworkingMessage:
        """Wait for the next message; a problem on the way still raises ConnectionEnded."""
        try:
            return await self.receive()
        except ConnectionEnded as end:
            if not end.by_peer:
                raise
        except ClosedError:
            if not self._closed:
                raise
        raise StopAsyncIteration

    async def close(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        """Close it, once the peer has everything that was sent reliably.

        That waits up to ten seconds, not at all if ``linger`` is False. Cancelled, it closes at
        once and leaves the rest to the engine. The peer is told a ``reason`` (0 or 1000-2999) and
        up to 127 bytes of ``debug``.
        """
        self._steam._pump.check_place()
        check_close(reason, debug)
        self._closed = True  # for all other tasks
        self._steam._pump.notify(self._news)
        try:
            with contextlib.suppress(TimeoutError, ClosedError):
                async with asyncio.timeout(PATIENCE if linger else 0):
                    while self._undelivered():
                        await self._steam._pump.tick()
        finally:
            self._close(reason, debug, linger)
            self._steam._pump.notify(self._news)

    def _undelivered(self) -> bool:
        with contextlib.suppress(ClosedError):
            status = self._sockets.get_quick_connection_status(self.handle)
            if status is not None and status.state in UNDER_WAY:
                return status.pending_reliable + status.sent_unacked_reliable > 0
        return False

    async def wait_closed(self) -> None:
        """Wait until either side has closed it, or it broke."""
        while self._ended is None and self._finalizer.alive:
            await self._steam._pump.until(self._news)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


class _UntilClosed(AsyncIterator[T]):
    """Iterates over what ``take`` gives, until this side closes its ``owner``."""

    def __init__(
        self,
        owner: Handle,
        take: Callable[[], Awaitable[T]],
        ready: Callable[[], T | None] = lambda: None,
    ) -> None:
        """Ask ``ready`` first: what needs not be waited for."""
        self._owner = owner
        self._take = take
        self._ready = ready

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            if (item := self._ready()) is not None:
                return item
            return await self._take()
        except ClosedError:
            if not self._owner.closed:
                raise
        raise StopAsyncIteration


class Listener(BaseListener[Connection]):
    """Waits for peers on a virtual port or an address; made by `Steam.listen` and `listen_ip`."""

    def __init__(self, steam: Steam, router: Router, handle: int) -> None:
        """Own a listen socket's handle."""
        super().__init__(router, handle)
        self._steam = steam
        self._news = steam._pump.new_event()
        self._shown: set[int] = set()  # the handles of requests that `request` has given

    def _connection(self, handle: int) -> Connection:
        return Connection(self._steam, self._router, handle, self)

    def _on_event(self, event: ConnectionEvent) -> None:
        super()._on_event(event)
        self._steam._pump.notify(self._news)

    async def accept(self) -> Connection:
        """Wait for a peer, and accept it."""
        if self._steam._pump.is_overdue():
            await self._steam._pump.yield_now()
        while (connection := self._accept()) is None:
            await self._steam._pump.until(self._news)
        return connection

    async def request(self) -> Request[Connection]:
        """Wait for a peer who asks to be accepted; the answer is the caller's. Each is given once.

        ``listener.waiting`` has them all, until they are answered or leave.
        """
        if self._steam._pump.is_overdue():
            await self._steam._pump.yield_now()
        while True:
            waiting = self.waiting
            self._shown &= {request.handle for request in waiting}
            for request in waiting:
                if request.handle not in self._shown:
                    self._shown.add(request.handle)
                    return request
            await self._steam._pump.until(self._news)

    def requests(self) -> AsyncIterator[Request[Connection]]:
        """Iterate over those who ask, as `request` gives them, until this side closes."""
        return _UntilClosed(self, self.request)

    def __aiter__(self) -> AsyncIterator[Connection]:
        """Iterate over the peers that come, each accepted, until this side closes."""
        return _UntilClosed(self, self.accept)

    async def close(self) -> None:
        """Stop listening; closes the connections that came in too, as each of them does."""
        self._steam._pump.check_place()
        self._closed = True
        self._steam._pump.notify(self._news)
        try:
            connections = [c for c in self._accepted() if isinstance(c, Connection)]
            await asyncio.gather(*[connection.close() for connection in connections])
        finally:
            self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


class PollGroup(BasePollGroup[Connection]):
    """Connections to receive from and send to at once; made by `Steam.poll_group`.

    It keeps its members alive. Those that end leave it: `departed` and `departure` tell which.
    They and their messages are kept until they are closed, so close those that have departed.
    A task that waits for a member's messages shares them with a task that waits for the group's.
    """

    _kind = Connection

    def __init__(self, steam: Steam, router: Router) -> None:
        """Make a group; ResultError if the engine refuses."""
        super().__init__(router)
        self._steam = steam
        self._news = steam._pump.new_event()
        self._queue: deque[NetworkingMessage] = deque()
        self._receivers = 0
        self._emptied = 0  # the latest tick until which the engine's messages have been taken

    def _move(self, connection: Connection, group: int) -> None:
        super()._move(connection, group)
        connection._shares = False
        self._emptied = -1  # it may bring messages
        if group:
            self._queue.extend(connection._queue)
            connection._queue.clear()
        self._steam._pump.notify(connection._news)  # who waits for it has to wait elsewhere now
        self._steam._pump.notify(self._news)

    def _hand_over(self, connection: Connection) -> None:
        """Give a member the first message of its own that has been taken from the engine."""
        for index, message in enumerate(self._queue):
            if message.connection == connection.handle:
                del self._queue[index]
                connection._queue.append(message)
                return

    def _forget(self, connection: Connection) -> None:
        super()._forget(connection)
        theirs = [m for m in self._queue if m.connection == connection.handle]
        if theirs:
            self._queue = deque(m for m in self._queue if m.connection != connection.handle)
            connection._queue.extendleft(reversed(theirs))

    def _on_ended(self, connection: Connection) -> None:
        super()._on_ended(connection)
        self._steam._pump.notify(self._news)

    def broadcast(
        self,
        data: Payload,
        flags: int = SendFlags.RELIABLE,
        lane: int = 0,
        besides: Iterable[Connection] = (),
    ) -> list[int]:
        """Send ``data`` to all members but those in ``besides``, with ``flags`` on a ``lane``.

        Returns for each of them, in their order, the message's number, or minus the `EResult`:
        -LIMIT_EXCEEDED for one whose send buffer is full. It never waits, and is not awaited.
        """
        self._steam._pump.check()
        numbers = super().broadcast(data, flags, lane, besides)
        self._steam._pump.sent()
        return numbers

    async def receive(self) -> NetworkingMessage:
        """Wait for the next message of a member; `sender` tells whose it is.

        What members sent before they ended is received too. A group without members waits for
        one to be added.
        """
        if self._steam._pump.is_overdue():
            await self._steam._pump.yield_now()
        self._open("receive")
        while (message := self._next()) is None:
            self._open("receive")
            # What came since the latest tick brings another one.
            emptied = self._emptied == self._steam._pump.ticks and not self._unread
            if emptied or not self._take():
                await self._message()
        return message

    def _ready(self) -> NetworkingMessage | None:
        """The next message, if `receive` would return it at once."""
        if not self._queue or self._closed or not self._steam._pump.has_time():
            return None
        return self._next()

    def _next(self) -> NetworkingMessage | None:
        """The next of the messages that have been taken from the engine."""
        while self._queue:
            message = self._queue.popleft()
            if self._departed:
                self._steam._pump.notify(self._news)  # it may have been the last of theirs
            if message.connection in self._members or self._is_known(message):
                return message
        return None

    def _is_known(self, message: NetworkingMessage) -> bool:
        try:
            self.sender(message)
        except KeyError:  # its connection has been closed here
            return False
        return True

    def _take(self) -> bool:
        """Take messages from the engine: whether there were any."""
        messages = self._steam._take(self._open("receive"))
        if len(messages) < 4 * BATCH:
            self._emptied = self._steam._pump.ticks
        self._queue.extend(messages)
        if self._unread:
            self._release_read(messages, 4 * BATCH)
            self._steam._pump.notify(self._news)  # those who receive, and who wait for a departure
        return bool(messages)

    async def _message(self) -> None:
        self._receivers += 1
        self._steam._receiving.add(self)
        try:
            await self._steam._pump.until(self._news)
        finally:
            self._receivers -= 1
            if not self._receivers:
                self._steam._receiving.discard(self)

    async def departure(self) -> Connection:
        """Wait for the next member to depart, and until all that it sent has been received.

        `departed` does not tell of it again.
        """
        if self._steam._pump.is_overdue():
            await self._steam._pump.yield_now()
        while True:
            self._open("departure")
            if self._unread and len(self._queue) < BATCH:  # is there something left to receive?
                self._take()
            unread = {*self._unread, *(message.connection for message in self._queue)}
            for connection in self._departed:
                if connection.handle not in unread:
                    self._departed.remove(connection)
                    if connection.handle in self._ended:  # not closed on this side since
                        return connection
                    break
            else:
                await self._steam._pump.until(self._news)

    def departures(self) -> AsyncIterator[Connection]:
        """Iterate over those who depart, as `departure` gives them, until this side closes."""
        return _UntilClosed(self, self.departure)

    def __aiter__(self) -> AsyncIterator[NetworkingMessage]:
        """Iterate over the messages of all members, until this side closes the group."""
        return _UntilClosed(self, self.receive, self._ready)

    async def close(self) -> None:
        """Dissolve the group; its members and their messages stay."""
        self._steam._pump.check_place()
        self._close()
        self._steam._pump.notify(self._news)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


def _like(opener: Callable[P, plain.Steam]) -> Callable[P, Steam]:
    def init(*args: P.args, **kwargs: P.kwargs) -> Steam:
        """Open an engine on this event loop: ``async with steamnet.aio.init(...) as steam``.

        The arguments are those of `steamnet.init`.
        """
        signature.bind(*args, **kwargs)  # now, and not only when it is entered
        return Steam(partial(opener, *args, **kwargs))

    signature = inspect.signature(opener, eval_str=True)
    init.__signature__ = signature.replace(return_annotation=Steam)  # type: ignore[attr-defined]  # for help()
    return init


init = _like(plain.init)
