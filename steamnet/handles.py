"""Handles as objects: what the classes of `objects` and of `aio` have in common.

Each closes its handle once: when it is closed, or when it is collected, and then with a
ResourceWarning. The `Router` finds the objects by their handles, without keeping them alive.
"""

import contextlib
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

from . import config
from .arguments import Payload
from .config import Options, Value
from .engine import Engine
from .enums import GONE, ConnectionState, EResult
from .errors import ClosedError, ResultError
from .identity import Identity
from .info import ConnectionEvent, ConnectionInfo, QuickConnectionStatus
from .networking_sockets import SteamNetworkingSocketsManager

C = TypeVar("C", bound="BaseConnection")
L = TypeVar("L", bound="BaseListener")


class Router:
    """Makes listeners and connections, and dispatches connection events to them."""

    def __init__(
        self,
        engine: Engine,
        sockets: SteamNetworkingSocketsManager,
        run_callbacks: Callable[[], None],
    ) -> None:
        """Serve one manager, which asks `dispatch` before it queues an event."""
        self.engine = engine
        self.sockets = sockets
        self.run_callbacks = run_callbacks
        sockets._claim = self.dispatch
        self.listeners = weakref.WeakValueDictionary[int, BaseListener]()
        self.connections = weakref.WeakValueDictionary[int, BaseConnection]()
        # The handles of all objects: their events never reach connection_events() or handlers.
        self._owned: set[int] = set()

    @property
    def lock(self) -> "threading.RLock":
        """`Engine.events_lock`, which is told of there."""
        return self.engine.events_lock

    def listen(
        self, kind: Callable[["Router", int], L], virtual_port: int, options: Options | None
    ) -> L:
        """Make a listener; ResultError if the engine refuses."""
        with self.lock:
            handle = self.sockets.create_listen_socket_p2p(virtual_port, options)
            if not handle:
                raise ResultError("listen", EResult.FAIL, f"is virtual port {virtual_port} taken?")
            return kind(self, handle)

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
                raise ResultError("connect", EResult.CONNECT_FAILED, f"to {identity}")
            return kind(self, handle)

    def dispatch(self, event: ConnectionEvent) -> bool:
        """Pass an event on to its object; False if it has none. The lock is held."""
        if event.listen_socket in self._owned and event.is_incoming_request:
            self._owned.add(event.connection)
        if event.connection not in self._owned:
            return False
        if event.state == ConnectionState.NONE:
            self._owned.discard(event.connection)
        connection = self.connections.get(event.connection)
        listener = self.listeners.get(event.listen_socket)
        if connection is not None:
            connection._on_event(event)
        elif listener is not None:
            listener._on_event(event)
        return True

    def add_connection(self, handle: int, connection: "BaseConnection") -> None:
        """Enter a connection."""
        with self.lock:
            self.connections[handle] = connection
            self._owned.add(handle)

    def add_listener(self, handle: int, listener: "BaseListener") -> None:
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
        """Stop listening, which says no to those who wait."""
        with self.lock:
            self.sockets.close_listen_socket(handle)
            self.listeners.pop(handle, None)
            self._owned.discard(handle)


class Handle:
    """The object of a handle; nothing else closes it."""

    def __init__(self, router: Router, handle: int, close: Callable[[int], object]) -> None:
        """Own the handle, which ``close`` closes."""
        self._router = router
        self._sockets = router.sockets
        self._closed = False
        self.handle = handle
        """The engine's handle, for calls on the manager."""
        self._finalizer = weakref.finalize(self, _warn_unclosed, close, handle, type(self).__name__)
        self._finalizer.atexit = False

    @property
    def closed(self) -> bool:
        """Whether it was closed on this side."""
        return self._closed

    def _open(self, operation: str) -> int:
        if self._closed:
            raise ClosedError(f"{operation}: the {type(self).__name__} is closed")
        if not self._router.engine.is_open:
            raise ClosedError(f"{operation}: the engine has been shut down")
        return self.handle

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.handle}{' closed' if self._closed else ''}>"


def _warn_unclosed(close: Callable[[int], object], handle: int, kind: str) -> None:
    with contextlib.suppress(ClosedError):  # a shutdown has closed it in good order
        close(handle)
        warnings.warn(f"unclosed {kind} {handle}", ResourceWarning, stacklevel=2)


class BaseConnection(Handle):
    """A connection, without the calls that wait."""

    def __init__(self, router: Router, handle: int, listener: "BaseListener | None" = None) -> None:
        """Own a connection's handle; an accepted one keeps its listener alive, and so itself."""
        super().__init__(router, handle, router.close_connection)
        self._listener = listener
        self._ended: ConnectionInfo | None = None
        router.add_connection(handle, self)

    def _on_event(self, event: ConnectionEvent) -> None:
        if event.state in GONE:
            self._ended = event.info
        elif event.state == ConnectionState.NONE:  # closed through the manager
            self._ended = self._ended or event.info
            self._router.connections.pop(self.handle, None)
            self._finalizer.detach()

    def _close(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        self._closed = True
        self._release(reason, debug, linger)

    def _release(self, reason: int = 0, debug: str = "", linger: bool = True) -> None:
        if self._finalizer.detach() is not None:
            with contextlib.suppress(ClosedError):  # a shutdown was faster
                self._router.close_connection(self.handle, reason, debug, linger)

    def _check(self, operation: str, result: EResult) -> None:
        if result != EResult.OK:
            if self._ended is None:
                raise ResultError(operation, result)
            raise ResultError(operation, EResult.NO_CONNECTION, ending(self._ended))

    def _send(self, data: Payload, flags: int, lane: int) -> int:
        handle = self._open("send")
        result, number = self._sockets.send_message_numbered(handle, data, flags, lane)
        if result == EResult.IGNORED:
            return 0
        self._check("send", result)
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
        """Send now what waits for more to share a packet with."""
        self._check("flush", self._sockets.flush_messages_on_connection(self._open("flush")))

    def configure(self, options: Options) -> None:
        """Set configuration values by ``options``: ``{ConfigValue.X: value}``, typed by the engine.

        The engine may clamp a value: `config` tells what holds. ResultError names the first key
        that is refused; those before it have been set.
        """
        handle = self._open("configure")
        for key, value in options.items():
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
            raise ResultError(
                "config", EResult.INVALID_PARAM, f"no {config.name(key)} on this connection"
            )
        return value


class BaseListener(Handle):
    """A listen socket, without the calls that wait."""

    def __init__(self, router: Router, handle: int) -> None:
        """Own a listen socket's handle."""
        super().__init__(router, handle, router.close_listen_socket)
        self._waiting: dict[int, None] = {}  # requests, oldest first
        router.add_listener(handle, self)

    def _on_event(self, event: ConnectionEvent) -> None:
        if event.is_incoming_request:
            self._waiting[event.connection] = None
        elif event.connection in self._waiting:
            del self._waiting[event.connection]
            if event.state in GONE:  # it did not wait
                self._router.close_connection(event.connection)

    def _accept(self, kind: Callable[[Router, int, Self], C]) -> C | None:
        self._open("accept")
        with self._router.lock:
            while self._waiting:
                handle = next(iter(self._waiting))
                del self._waiting[handle]
                result = self._sockets.accept_connection_result(handle)
                if result == EResult.OK:
                    return kind(self._router, handle, self)
                self._router.close_connection(handle)
                if result not in (EResult.INVALID_STATE, EResult.INVALID_PARAM):  # it has left
                    raise ResultError("accept", result)
        return None

    def _accepted(self) -> list[BaseConnection]:
        return [c for c in list(self._router.connections.values()) if c._listener is self]

    def _close(self) -> None:
        self._closed = True
        if self._finalizer.detach() is not None:
            with self._router.lock, contextlib.suppress(ClosedError):
                for connection in self._accepted():
                    connection._close()
                self._router.close_listen_socket(self.handle)


def ending(info: ConnectionInfo) -> str:
    """How a connection ended, in words."""
    return f"{info.state_name}, reason {int(info.end_reason)}: {info.end_debug}"
