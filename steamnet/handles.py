"""Handles as objects: what the classes of `objects` and of `aio` have in common.

Each closes its handle once: when it is closed, or when it is collected, and then with a
ResourceWarning. The `Router` finds the objects by their handles, without keeping them alive.
"""

import contextlib
import threading
import warnings
import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from . import config
from ._native import NetworkingMessage, lib
from .arguments import Payload, check_close
from .closing import ClosingSockets
from .config import Options, Value
from .engine import Engine, Uncopyable
from .enums import GONE, ConfigValue, ConnectionState, EndReason, EResult, SendFlags
from .errors import ClosedError, ResultError
from .identity import (
    Identity,
    in_short,
    join_address,
    lookup_failure,
    numeric_address,
    resolve,
    split_address,
)
from .info import NO_ICE, ConnectionEvent, ConnectionInfo, QuickConnectionStatus
from .networking_sockets import SteamNetworkingSocketsManager

C = TypeVar("C", bound="BaseConnection")
C_co = TypeVar("C_co", bound="BaseConnection", covariant=True)
L = TypeVar("L", bound="Handle")
FREE_PORTS = 16  # how many that the system calls free are tried
NO_ANSWER = "Timed out attempting to connect"  # all that the engines say of it
NO_ROUTE = (
    " (no packets get through: on gns, home routers need a STUN server, and some a TURN server)"
)


class Router:
    """Makes listeners and connections, and dispatches connection events to them."""

    def __init__(
        self,
        engine: Engine,
        sockets: SteamNetworkingSocketsManager,
        closing: ClosingSockets,
        run_callbacks: Callable[[], None],
        wait: Callable[[float], bool],
    ) -> None:
        """Serve one manager; ``closing`` passes each event to `dispatch` first."""
        self.engine = engine
        self.sockets = sockets
        self.run_callbacks = run_callbacks
        self.wait = wait
        self.closing = closing
        closing.dispatch = self.dispatch
        self.listeners = weakref.WeakValueDictionary[int, BaseListener[BaseConnection]]()
        self.connections = weakref.WeakValueDictionary[int, BaseConnection]()
        self.warns_of_unclosed = True
        self._owned = closing.objects  # their events never reach connection_events() or handlers

    @property
    def lock(self) -> "threading.RLock":
        """`Engine.events_lock`, which is told of there."""
        return self.engine.events_lock

    def news(self, timeout: float) -> Iterator[None]:
        """Yield whenever there may be something new, with the callbacks run, for some seconds.

        And at once: other threads may have run the callbacks since the caller looked.
        """
        deadline = self.engine.time.now() + timeout
        lib.sn_see_changes(self.engine.pointer)
        yield
        while self.wait(max(0.0, deadline - self.engine.time.now())):
            self.run_callbacks()
            yield

    def listen(
        self, kind: Callable[["Router", int], L], virtual_port: int, options: Options | None
    ) -> L:
        """Make a listener; ResultError if the engine refuses."""
        with self.lock:
            handle = self.sockets.create_listen_socket_p2p(virtual_port, options)
            if not handle:
                reason = self._refused(options) or f"virtual port {virtual_port} is taken"
                raise ResultError("listen", EResult.FAIL, reason)
            return kind(self, handle)

    def listen_ip(
        self, kind: Callable[["Router", int], L], address: str, options: Options | None
    ) -> L:
        """Make a listener on an ``address`` in numbers, or localhost; port 0 takes a free one."""
        host, number = split_address(address)
        if host.lower() == "localhost":
            host = "127.0.0.1"
        elif numeric_address(address) is None:
            raise ValueError(
                f"{in_short(address)} has a name: to listen, give an address in numbers, or "
                "localhost"
            )
        for _ in range(1 if number else FREE_PORTS):
            try:
                where = join_address(host, number or _free_port(host))
            except OSError as error:
                raise ResultError("listen_ip", EResult.FAIL, f"{address}: {error}") from error
            with self.lock:
                handle = self.sockets.create_listen_socket_ip(where, options)
                if handle:
                    return kind(self, handle)
            if reason := self._refused(options):
                raise ResultError("listen_ip", EResult.FAIL, reason)
        raise ResultError("listen_ip", EResult.FAIL, f"{address}: {_no_port(host, number)}")

    def connect(
        self,
        kind: Callable[["Router", int], C],
        identity: str | int | Identity,
        virtual_port: int,
        options: Options | None,
    ) -> C:
        """Make a connection; ResultError if the engine will not even try."""
        with self.lock:
            handle = self.sockets.connect_p2p(identity, virtual_port, options)
            if not handle:
                reason = self._refused(options) or f"to {identity}"
                raise ResultError("connect", EResult.CONNECT_FAILED, reason)
            return kind(self, handle)

    def connect_ip(
        self, kind: Callable[["Router", int], C], address: str, options: Options | None
    ) -> C:
        """Make a connection to a numeric ``address``; ResultError if the engine will not try."""
        if split_address(address)[1] == 0:
            raise ValueError(f"{in_short(address)} has no port to connect to: 0 is for listen_ip")
        with self.lock:
            handle = self.sockets.connect_by_ip_address(address, options)
            if not handle:
                reason = self._refused(options) or f"to {address}"
                raise ResultError("connect_ip", EResult.CONNECT_FAILED, reason)
            return kind(self, handle)

    def resolve(self, address: str) -> str:
        """The numeric address to connect to for a ``host:port``; ResultError if it is not found."""
        try:
            return resolve(address)[0]
        except (OSError, UnicodeError) as error:
            detail = f"{address}: {lookup_failure(error)}"
            raise ResultError("connect_ip", EResult.CONNECT_FAILED, detail) from error

    def _refused(self, options: Options | None) -> str:
        """Which of the options an engine refuses, and why; "" if none that is known to be."""
        for key, value in (options or {}).items():
            if reason := config.refusal(self.engine, key, value):
                return reason
        return ""

    def dispatch(self, event: ConnectionEvent) -> bool:
        """Pass an event on to its object; False if it has none. The lock is held."""
        if event.listen_socket in self._owned and event.is_incoming_request:
            self._owned.add(event.connection)
        if event.connection not in self._owned:
            return False
        if event.state == ConnectionState.NONE:
            self._owned.discard(event.connection)
        if (connection := self.connections.get(event.connection)) is not None:
            connection._on_event(event)
        elif (listener := self.listeners.get(event.listen_socket)) is not None:
            listener._on_event(event)
        return True

    def add_connection(self, handle: int, connection: "BaseConnection") -> None:
        """Enter a connection."""
        with self.lock:
            self.connections[handle] = connection
            self._owned.add(handle)

    def add_listener(self, handle: int, listener: "BaseListener[BaseConnection]") -> None:
        """Enter a listener."""
        with self.lock:
            self.listeners[handle] = listener
            self._owned.add(handle)

    def close_connection(
        self, handle: int, reason: int = 0, debug: str = "", linger: bool = True
    ) -> None:
        """Close a connection; the event of that is dropped."""
        with self.lock:
            self.connections.pop(handle, None)
            self.sockets.close_connection(handle, reason, debug, linger)

    def close_listen_socket(self, handle: int) -> None:
        """Stop listening, which rejects the requests that wait."""
        with self.lock:
            self.sockets.close_listen_socket(handle)
            self.listeners.pop(handle, None)
            self._owned.discard(handle)


class Handle(Uncopyable):
    """The object of a handle; nothing else closes it."""

    def __init__(self, router: Router, handle: int, close: Callable[[int], object]) -> None:
        """Own the handle, which ``close`` closes."""
        self._router = router
        self._sockets = router.sockets
        self._closed = False
        self.handle = handle
        """The engine's handle, for calls on the manager."""
        kind = type(self).__name__
        self._finalizer = weakref.finalize(self, _close_unclosed, router, close, handle, kind)
        self._finalizer.atexit = False

    @property
    def closed(self) -> bool:
        """Whether it was closed on this side."""
        return self._closed

    def _open(self, operation: str) -> int:
        if self._closed:
            raise ClosedError(f"{operation}: the {type(self).__name__} is closed")
        if not self._router.engine.is_open:
            raise ClosedError(f"{operation}: {self._router.engine.closed_reason}")
        return self.handle

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.handle}{' closed' if self._closed else ''}>"


def _close_unclosed(router: Router, close: Callable[[int], object], handle: int, kind: str) -> None:
    with contextlib.suppress(ClosedError):  # a shutdown has closed it in good order
        close(handle)
        if router.warns_of_unclosed:
            warnings.warn(f"unclosed {kind} {handle}", ResourceWarning, stacklevel=2)


class BaseConnection(Handle):
    """A connection, without the calls that wait."""

    def __init__(
        self, router: Router, handle: int, listener: "BaseListener[Self] | None" = None
    ) -> None:
        """Own a connection's handle; an accepted one keeps its listener alive, and so itself."""
        super().__init__(router, handle, router.close_connection)
        self._listener = listener
        self._ended: ConnectionInfo | None = None
        self._poll_group: weakref.ref[BasePollGroup[Self]] | None = None
        router.add_connection(handle, self)

    def _on_event(self, event: ConnectionEvent) -> None:
        if event.state in GONE:
            self._ended = event.info
        elif event.state == ConnectionState.NONE:  # closed through the manager
            self._ended = self._ended or event.info
            self._router.connections.pop(self.handle, None)
            self._finalizer.detach()
        if self._ended is not None and (group := self._group) is not None:
            group._on_ended(self)

    @property
    def _group(self) -> "BasePollGroup[Self] | None":
        return self._poll_group() if self._poll_group is not None else None

    def _close(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        check_close(reason, debug)
        self._closed = True
        if (group := self._group) is not None:
            group._forget(self)
        self._release(reason, debug, linger)

    def _release(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        if self._finalizer.detach() is not None:
            with contextlib.suppress(ClosedError):  # a shutdown was faster
                self._router.close_connection(self.handle, reason, debug, linger)

    def _check(self, operation: str, result: EResult, data: Payload = b"", lane: int = 0) -> None:
        """Raise ResultError unless the result is OK; for a connection that has ended, with how.

        ``data`` and ``lane`` are what was to be sent.
        """
        if result == EResult.OK:
            return
        end = self._ended
        if end is None:  # the engine knows of an end before its event is dispatched
            info = self._sockets.get_connection_info(self.handle)
            end = info if info is not None and info.state in GONE else None
        if end is not None:
            if end.state == ConnectionState.NONE and self._router.engine.refuses_sends:
                raise ClosedError(f"{operation}: {self._router.engine.closed_reason}")
            by_peer = end.state == ConnectionState.CLOSED_BY_PEER
            raise ResultError(
                operation, EResult.NO_CONNECTION, ending(end), end.end_reason, by_peer
            )
        detail = ""
        if result == EResult.LIMIT_EXCEEDED:
            status = self.status
            waiting = status.pending_reliable + status.pending_unreliable
            size = self.config(ConfigValue.SEND_BUFFER_SIZE)
            detail = f"send buffer full ({waiting} of {size} bytes); try again later"
            wanted = memoryview(data.encode() if isinstance(data, str) else data).nbytes
            if isinstance(size, int) and wanted > size:
                detail = f"{wanted} bytes never fit into a SEND_BUFFER_SIZE of {size}"
        elif result == EResult.INVALID_PARAM and lane:
            detail = f"no lane {lane}: configure_lanes makes lanes"
        raise ResultError(operation, result, detail)

    def _send(self, data: Payload, flags: int, lane: int) -> int:
        handle = self._open("send")
        result, number = self._sockets.send_message_numbered(handle, data, flags, lane)
        if result == EResult.IGNORED:
            return 0
        self._check("send", result, data, lane)
        return number

    @property
    def state(self) -> ConnectionState | int:
        """Where it is in its life; NONE once it is closed on this side."""
        return ConnectionState.NONE if self._closed else self.info.state

    @property
    def info(self) -> ConnectionInfo:
        """All about it; once it has ended, as it was then."""
        info = self._sockets.get_connection_info(self._open("info")) or self._ended
        if info is None:
            raise ResultError("info", EResult.NO_CONNECTION)
        return info

    @property
    def status(self) -> QuickConnectionStatus:
        """How it is doing: ping, quality, rates, what waits to be sent."""
        status = self._sockets.get_quick_connection_status(self._open("status"))
        if status is None:
            raise ResultError("status", EResult.NO_CONNECTION)
        return status

    @property
    def peer(self) -> Identity:
        """Who is at the other end."""
        self._open("peer")
        return self.info.identity_remote

    @property
    def user_data(self) -> int:
        """A number of the game's own, carried by messages and events; -1 until set."""
        return self._sockets.get_connection_user_data(self._open("user_data"))

    @user_data.setter
    def user_data(self, value: int) -> None:
        done = self._sockets.set_connection_user_data(self._open("user_data"), value)
        self._check("user_data", EResult.OK if done else EResult.INVALID_PARAM)

    @property
    def name(self) -> str:
        """What logs call it."""
        return self._sockets.get_connection_name(self._open("name")) or ""

    @name.setter
    def name(self, value: str) -> None:
        self._sockets.set_connection_name(self._open("name"), value)

    def configure_lanes(
        self, priorities: Sequence[int], weights: Sequence[int] | None = None
    ) -> None:
        """Have this side send on a lane for each of ``priorities``: lower ones go first.

        Equal ones share by ``weights`` (1-65535). ResultError for fewer than before.
        """
        handle = self._open("configure_lanes")
        result = self._sockets.configure_connection_lanes(handle, priorities, weights)
        self._check("configure_lanes", result)

    def flush(self) -> None:
        """Send now what waits for more to share a packet with: nothing while it still connects."""
        result = self._sockets.flush_messages_on_connection(self._open("flush"))
        if result != EResult.IGNORED:  # by one that still connects
            self._check("flush", result)

    def configure(self, options: Options) -> None:
        """Set configuration values by ``options``: ``{ConfigValue.X: value}``, typed by the engine.

        The engine may clamp a value: `config` tells what holds. ResultError names the first key
        that is refused; those before it have been set.
        """
        handle = self._open("configure")
        for key, value in config.items_of(options):
            if not self._sockets.set_connection_config_value(handle, key, value):
                raise ResultError(
                    "configure",
                    EResult.INVALID_PARAM,
                    config.refusal(self._router.engine, key, value)
                    or f"{config.name(key)} cannot be set to {value!r} on this connection now",
                )

    def config(self, key: int) -> Value:
        """The value of a configuration ``key`` (`ConfigValue`) in force on this connection.

        ResultError if the engine has none.
        """
        value = self._sockets.get_connection_config_value(self._open("config"), key)
        if value is None:
            reason = config.unreadable(self._router.engine, key)
            raise ResultError("config", EResult.INVALID_PARAM, reason)
        return value


@dataclass(frozen=True)
class Request(Generic[C_co]):
    """A peer that waits to be accepted by a listener; one of ``listener.waiting``."""

    peer: Identity
    """The user who asks."""
    info: ConnectionInfo
    """All about its connection, as it was when it asked."""
    handle: int
    """The engine's handle of the connection."""
    _listener: "BaseListener[C_co]" = field(repr=False)

    def accept(self) -> C_co:
        """Accept the peer; ResultError if it was answered before, or left and that was told.

        One that has left since the last `Steam.run_callbacks` gives a connection that has ended.
        """
        connection = self._listener._answer(self.handle, ended_too=True)
        if connection is None:
            raise ResultError(
                "accept", EResult.NO_CONNECTION, f"{self.peer} has left, or was answered before"
            )
        return connection

    def reject(self, reason: int = 0, debug: str = "") -> None:
        """Reject the peer, if it still waits.

        It is told a ``reason`` (0 or 1000-2999) and up to 127 bytes of ``debug``.
        """
        check_close(reason, debug)
        self._listener._reject(self.handle, reason, debug)


class BaseListener(Handle, Generic[C_co]):
    """A listen socket, without the calls that wait."""

    def __init__(self, router: Router, handle: int) -> None:
        """Own a listen socket's handle."""
        super().__init__(router, handle, router.close_listen_socket)
        self._waiting: dict[int, ConnectionInfo] = {}  # requests, oldest first
        router.add_listener(handle, self)

    @abstractmethod
    def _connection(self, handle: int) -> C_co:
        """Make the connection of a request that has been accepted."""

    @property
    def waiting(self) -> list[Request[C_co]]:
        """The requests to connect, oldest first; each stays until it is answered or withdrawn."""
        self._open("waiting")
        return [
            Request(info.identity_remote, info, handle, self)
            for handle, info in list(self._waiting.items())
        ]

    @property
    def address(self) -> str:
        """The local address that it listens on, with its port; "" for a virtual port."""
        return self._sockets.get_listen_socket_address(self._open("address")) or ""

    def _on_event(self, event: ConnectionEvent) -> None:
        if event.is_incoming_request:
            self._waiting[event.connection] = event.info
        elif event.connection in self._waiting:
            del self._waiting[event.connection]
            if event.state in GONE:  # it did not wait
                self._router.close_connection(event.connection)

    def _accept(self) -> C_co | None:
        """Accept the request that has waited longest; None if none waits."""
        self._open("accept")
        with self._router.lock:
            while self._waiting:
                connection = self._answer(next(iter(self._waiting)))
                if connection is not None:
                    return connection
        return None

    def _answer(self, handle: int, ended_too: bool = False) -> C_co | None:
        """Accept one request; None if it does not wait any more."""
        self._open("accept")
        with self._router.lock:
            if self._waiting.pop(handle, None) is None:
                return None
            result = self._sockets.accept_connection_result(handle)
            info = self._sockets.get_connection_info(handle)
            gone = info is None or info.state in GONE
            if info is not None and (result == EResult.OK or (gone and ended_too)):
                connection = self._connection(handle)
                connection._ended = info if gone else None
                return connection
            self._router.close_connection(handle)
            if not gone:
                raise ResultError("accept", result)
            return None

    def _reject(self, handle: int, reason: int, debug: str) -> None:
        self._open("reject")
        with self._router.lock:
            if self._waiting.pop(handle, None) is not None:
                self._router.close_connection(handle, reason, debug, linger=False)

    def _accepted(self) -> list[BaseConnection]:
        return [c for c in list(self._router.connections.values()) if c._listener is self]

    def _close(self) -> None:
        self._closed = True
        if self._finalizer.detach() is not None:
            with self._router.lock, contextlib.suppress(ClosedError):
                for connection in self._accepted():
                    connection._close()
                self._router.close_listen_socket(self.handle)


class BasePollGroup(Handle, Generic[C]):
    """A poll group, without the calls that wait.

    It keeps its members alive. Those that end leave it, and are kept until they are closed.
    """

    _kind: type[C]  # what members are

    def __init__(self, router: Router) -> None:
        """Make a group; ResultError if the engine refuses."""
        handle = router.sockets.create_poll_group()
        if not handle:
            raise ResultError("poll_group", EResult.FAIL)
        super().__init__(router, handle, router.sockets.destroy_poll_group)
        self._members: dict[int, C] = {}
        self._ended: dict[int, C] = {}  # members that ended and have not been closed by us
        self._unread: dict[int, C] = {}  # those of them whose messages may still wait
        self._departed: list[C] = []  # those of them that `departed` has not told of

    def add(self, connection: C) -> None:
        """Receive from this connection too, what already waits included."""
        self._check_kind(connection)
        handle = self._open("add")
        connection._open("add")
        if connection._router is not self._router:
            raise ValueError("the connection is another engine's")
        with self._router.lock:
            self._move(connection, handle)
            connection._poll_group = weakref.ref(self)
            self._members[connection.handle] = connection
            if connection._ended is not None:
                self._on_ended(connection)

    def remove(self, connection: C) -> None:
        """Leave the connection to be received from by itself; KeyError if it is no member."""
        self._check_kind(connection)
        self._open("remove")
        with self._router.lock:
            if connection not in self and connection.handle not in self._ended:
                raise KeyError(connection)
            if not connection.closed:
                self._move(connection, 0)
            self._forget(connection)

    def _check_kind(self, connection: C) -> None:
        if not isinstance(connection, self._kind):
            raise TypeError(f"a group has Connections as members, not {type(connection)}")

    def _move(self, connection: C, group: int) -> None:
        """Have the engine put the connection into a group, or (0) out of any."""
        if not self._sockets.set_connection_poll_group(connection._open("poll group"), group):
            connection._check("poll group", EResult.INVALID_PARAM)
        if (before := connection._group) is not None and before.handle != group:
            before._forget(connection)

    def _forget(self, connection: C) -> None:
        """Drop a connection that was closed by us or left the group."""
        connection._poll_group = None
        for connections in (self._members, self._unread, self._ended):
            connections.pop(connection.handle, None)

    def _on_ended(self, connection: C) -> None:
        """A member has ended; the lock is held."""
        if self._members.pop(connection.handle, None) is not None:
            self._ended[connection.handle] = self._unread[connection.handle] = connection
            self._departed.append(connection)

    def _release_read(self, messages: list[NetworkingMessage], limit: int) -> None:
        """After a receive: let the engine drop the ended members that have been read to the end."""
        if self._unread and len(messages) < limit:
            senders = {message.connection for message in messages}
            for handle, connection in list(self._unread.items()):
                if handle not in senders:
                    self._unread.pop(handle, None)  # another thread may be at it too
                    connection._release()

    def departed(self) -> list[C]:
        """The members that ended since the last call, in that order; each one's ``info`` says why.

        They are members no more. What they sent before can still be received, and `sender` knows
        them, until they are closed: close() them when they are done with. What was closed on this
        side does not appear.
        """
        self._open("departed")
        with self._router.lock:
            departed, self._departed = self._departed, []
        return [c for c in departed if self._ended.get(c.handle) is c]

    def sender(self, message: NetworkingMessage) -> C:
        """The connection that a ``message`` came from, also when it has ended since.

        KeyError once it has been closed on this side.
        """
        try:
            handle = message.connection
        except AttributeError:
            raise TypeError(f"a message has a sender, not {type(message)}") from None
        connection = self._members.get(handle) or self._ended.get(handle)
        if connection is None:  # perhaps one that has left the group
            other = self._router.connections.get(handle)
            if not isinstance(other, self._kind):
                raise KeyError(f"the connection {handle} of the message has been closed")
            connection = other
        return connection

    def broadcast(
        self,
        data: Payload,
        flags: int = SendFlags.RELIABLE,
        lane: int = 0,
        besides: Iterable[C] = (),
    ) -> list[int]:
        """Send ``data`` to all members but those in ``besides``, with ``flags`` on a ``lane``.

        Returns for each of them, in their order, the message's number, or minus the `EResult`:
        -LIMIT_EXCEEDED for one whose send buffer is full. It never waits.
        """
        self._open("broadcast")
        try:
            left_out = {connection.handle for connection in besides}
        except (AttributeError, TypeError):
            text = "besides is an iterable of connections, such as [connection]"
            raise TypeError(text) from None
        handles = [handle for handle in list(self._members) if handle not in left_out]
        return self._sockets.broadcast(handles, data, flags, lane)

    def __iter__(self) -> Iterator[C]:
        """Iterate over the members that there are now, in the order in which they were added."""
        return iter(list(self._members.values()))

    def __len__(self) -> int:
        """The number of members."""
        return len(self._members)

    def __contains__(self, connection: object) -> bool:
        return (
            isinstance(connection, BaseConnection)
            and self._members.get(connection.handle) is connection
        )

    def _close(self) -> None:
        # Members are kept: a listener that is closed next, as in one with statement, closes them.
        self._closed = True
        if self._finalizer.detach() is not None:
            with contextlib.suppress(ClosedError):  # a shutdown was faster
                self._sockets.destroy_poll_group(self.handle)


def _free_port(host: str) -> int:
    """A UDP port that the system calls free on a numeric host; OSError if it has none there."""
    import socket  # slow to import

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _no_port(host: str, number: int) -> str:
    """Why an engine does not listen on an address, in the system's words where it has some."""
    if not number:
        return f"the engine refused {FREE_PORTS} free ports"
    import socket  # slow to import

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, number))
        except OSError as error:
            return error.strerror or str(error)
    return f"port {number} is taken"


def ending(info: ConnectionInfo) -> str:
    """How a connection ended, in words."""
    words = f"{info.state_name}, reason {int(info.end_reason)}: {info.end_debug}"
    if info.end_debug == NO_ANSWER:
        return f"{words} to {info.addr_remote or info.identity_remote}: does a host listen there?"
    no_route = info.end_reason == EndReason.MISC_P2P_RENDEZVOUS
    return words + NO_ROUTE if no_route and NO_ICE not in words else words
