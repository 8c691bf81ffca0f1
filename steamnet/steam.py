"""Steam: one user on one engine, and init, which opens it."""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import engine as engines
from ._native import ffi, lib
from .arguments import integer, port, seconds
from .clock import CURRENT, Clock, VirtualClock
from .closing import Abandoned, ClosingSessions, ClosingSockets
from .config import Options
from .engine import Engine, Uncopyable
from .enums import EResult, NamedInt, known
from .errors import ClosedError, InitError, ResultError
from .events import EventStream, deliver, raise_first
from .friends import Friends
from .handles import Router
from .identity import Identity, address_to_native, c_string, from_native, to_native
from .lobbies import Lobbies
from .lobby_backend import MAX_NAME, LobbyBackend, text_within
from .networking_messages import SteamNetworkingMessagesManager
from .networking_sockets import SteamNetworkingSocketsManager
from .networking_utils import SteamNetworkingUtilsManager
from .objects import Connection, Listener, PollGroup
from .signaling_protocol import Signaling

if TYPE_CHECKING:
    from .lobby_memory import Hub
    from .rendezvous import Client

RENDEZVOUS_SECONDS = 10.0  # that opening waits for a rendezvous server
LINGER = 10.0  # seconds that a shutdown waits at most by default
SIGNALS_SECONDS = 0.1  # between two looks for signals where the system tells of them
TELLING = 0.2  # seconds that telling the peers may take in any case


class SteamEventKind(NamedInt):
    """What Steam itself has to say."""

    SERVERS_CONNECTED = lib.k_iCallback_SteamServersConnected
    """Connected to Steam's servers; a game server is logged on."""
    SERVER_CONNECT_FAILURE = lib.k_iCallback_SteamServerConnectFailure
    """Connecting, or a game server's log-on, has failed."""
    SERVERS_DISCONNECTED = lib.k_iCallback_SteamServersDisconnected
    """The connection to Steam's servers is lost; Steam tries to get it back."""
    SHUTDOWN = lib.k_iCallback_SteamShutdown
    """Steam is being closed: the game should end, too."""


@dataclass(frozen=True, slots=True)
class SteamEvent:
    """Steam's connection to its servers changed, or Steam is being closed."""

    kind: SteamEventKind
    """What happened."""
    result: EResult | int
    """Why, for a failure or a disconnection."""


class Core(Uncopyable):
    """Who we are and as what, and what Steam says of itself."""

    def __init__(self, engine: Engine, app_id: int | None) -> None:
        """Ask one engine."""
        self._engine = engine
        self._app_id = app_id
        self._events: EventStream[SteamEvent] = EventStream("Steam", engine.check)
        for kind in SteamEventKind:
            engine.on_event(kind, self._note)

    def steam_events(self) -> list[SteamEvent]:
        """Take the events of Steam itself that run_callbacks got; [] while a handler is subscribed.

        After the SHUTDOWN event of a Steam that is not ours calls raise ClosedError: shut down.
        """
        return self._events.drain()

    def on_steam_event(
        self, handler: Callable[[SteamEvent], object]
    ) -> Callable[[SteamEvent], object]:
        """Call the handler with each event of Steam's own; also a decorator."""
        return self._events.subscribe(handler)

    def remove_steam_event_handler(self, handler: Callable[[SteamEvent], object]) -> None:
        """Stop calling a ``handler``; ValueError if it was not subscribed."""
        self._events.unsubscribe(handler)

    def get_steam_id(self) -> str:
        """Our Steam ID in decimal; "" where our identity is no Steam ID."""
        steam_id = lib.sn_steam_id(self._engine.pointer)
        return str(steam_id) if steam_id else ""

    def is_initialized(self) -> bool:
        """Whether the engine is open."""
        return self._engine.is_open

    def get_app_id(self) -> int:
        """The app id we run as; on engines without Steam the one given to `init`, else 0."""
        app_id: int = lib.sn_app_id(self._engine.pointer)
        return app_id or self._app_id or 0

    def _streams(self) -> tuple[EventStream[Any], ...]:
        """The streams whose handlers are to be called."""
        return (self._events,)

    def _note(self, native: Any) -> None:
        self._events.push(SteamEvent(SteamEventKind(native.kind), known(EResult, native.result)))


class Steam(Uncopyable):
    """One user on one engine, opened by `init`. A context manager: leaving it shuts down."""

    def __init__(
        self,
        engine: Engine,
        app_id: int | None,
        signaling: Signaling | None,
        name: str | None = None,
    ) -> None:
        """Own a started engine."""
        self.engine = engine
        """The engine: its name, library, accessor, version, and what it supports."""
        self.clock: Clock = engine.time
        """What time it is for the engine: ``clock.now()``, in seconds."""
        self.core = Core(engine, app_id)
        """Who we are."""
        self._closing = ClosingSockets(engine)
        self._sessions = ClosingSessions(engine, self._closing.notifier)
        self.networking_sockets = SteamNetworkingSocketsManager(engine, self._closing)
        """``ISteamNetworkingSockets``"""
        self.networking_utils = SteamNetworkingUtilsManager(engine, self.run_callbacks)
        """``ISteamNetworkingUtils``"""
        self.networking_messages = SteamNetworkingMessagesManager(engine, self._sessions)
        """``ISteamNetworkingMessages``"""
        self._router = Router(
            engine, self.networking_sockets, self._closing, self.run_callbacks, self.wait
        )
        self._name = name
        self._hub: Hub | None = None  # where the lobbies are, if it is this process
        self.lobbies = Lobbies(engine, self._me, self._open_lobbies)
        """``ISteamMatchmaking``"""
        self.friends = Friends(engine, self.lobbies)
        """``ISteamFriends``"""
        self._shutting_down = threading.Lock()
        self._managers = (
            self.networking_sockets,
            self.networking_utils,
            self.networking_messages,
            self.core,
            self.lobbies,
        )
        self._streams = [stream for manager in self._managers for stream in manager._streams()]
        if engine.name == "gns" and signaling is None:
            signaling = self._local_signaling()
        self._signaling = signaling
        self._watches_signals = False
        self._receive_signals_at = 0.0
        if signaling is not None:
            engine.exchange_signals = partial(self._exchange_signals, signaling)
        self.rendezvous: Client | None = None
        """The client of the rendezvous server that `init` was given."""
        self._use_ice: Callable[[], None] = engines.no_signals
        self._remove_ice: Callable[[], None] = engines.no_signals
        engines.close_at_exit(self)

    def __repr__(self) -> str:
        if not self.engine.is_open:
            return f"<Steam on {self.engine.name}, shut down>"
        return f"<Steam on {self.engine.name}: {self.networking_sockets.get_identity()}>"

    def listen(self, virtual_port: int = 0, options: Options | None = None) -> Listener:
        """Listen on a ``virtual_port`` with ``options``; ResultError if it is taken."""
        return self._router.listen(Listener, virtual_port, options)

    def connect(
        self,
        identity: "str | int | Identity",
        virtual_port: int = 0,
        options: Options | None = None,
    ) -> Connection:
        """Begin to connect to a ``virtual_port`` of the user with that ``identity``.

        ``options`` hold from the beginning. ResultError if the engine refuses; ValueError for
        what is no identity.
        """
        return self._router.connect(Connection, identity, virtual_port, options)

    def listen_ip(self, address: str, options: Options | None = None) -> Listener:
        """Listen on a local ``address`` with ``options``: ``0.0.0.0:27015`` or ``[::]:27015``.

        Port 0 stands for a free one, which ``listener.address`` tells. ResultError if it is
        taken, or no address of this machine; ValueError for a name other than ``localhost``.
        """
        return self._router.listen_ip(Listener, address, options)

    def connect_ip(self, address: str, options: Options | None = None) -> Connection:
        """Begin to connect to an ``address``: ``203.0.113.5:27015`` or ``[2001:db8::1]:27015``.

        A host's name, as in ``play.example.org:27015``, is looked up first, which may take
        seconds. ``options`` hold from the beginning. ResultError if the name is not found, or
        the engine refuses.
        """
        where = self._router.resolve(address)
        return self._router.connect_ip(Connection, where, options)

    def adopt(self, connection: int) -> Connection:
        """Make an object of a handle of `networking_sockets`; it owns the handle from then on.

        ResultError for a dead handle.
        """
        if self.networking_sockets.get_connection_info(connection) is None:
            raise ResultError("adopt", EResult.INVALID_PARAM, "no such connection")
        return Connection(self._router, connection)

    def poll_group(self) -> PollGroup:
        """Make a group of connections to receive from in one call."""
        return PollGroup(self._router)

    def run_callbacks(self) -> None:
        """Let the engine work, then deliver what happened to the handlers, on this thread.

        Call it often: 60 times a second is usual. It takes up to 256 events; more wait for the
        next call, so that a flood of them does not hold up a frame, or another thread.
        Raises the first exception of the handlers, with the others as its notes, after all have
        been called.
        """
        if self._ran_quietly():
            return
        errors: list[BaseException] = []
        self.engine.exchange_signals()
        self.engine.pump()
        if self.engine.is_open:  # else a Steam that is not ours is gone: only that is left to tell
            self._closing.run()
            errors, self._closing.errors = self._closing.errors, errors
            self.networking_utils._log_debug_output(errors)
            self.lobbies._poll()
        if deliver(self._streams, engines.MAX_EVENTS, errors):
            self.engine.has_more = True
        if errors:
            raise_first(errors)

    def _ran_quietly(self) -> bool:
        """Let the engine work: whether that is all that `run_callbacks` has to do now.

        So it is nearly always: what came are messages, if anything.
        """
        if self.lobbies._opened is not None:
            return False
        if self._signaling is not None and (
            not self._watches_signals or time.monotonic() >= self._receive_signals_at
        ):
            return False
        quiet = self.engine.pump_quietly() and self._closing.is_idle
        # Looked at last: what another thread has passed on before that pump ends no wait of ours.
        for stream in self._streams:
            if stream._handlers and stream._waiting:
                quiet = False
        return quiet

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for something new since the last `run_callbacks`.

        True when there may be: an event, or a message, read or not. False when the time is over.
        Python's other threads go on meanwhile. It may return early for nothing; steam cannot tell,
        and there it does so after at most 4 milliseconds. `shutdown` ends it, and Ctrl-C within
        50 ms. On a virtual clock, time jumps.
        """
        seconds(timeout, "timeout")
        pointer = self.engine.pointer
        if self.engine.has_more:
            return True
        try:
            self._watch_signals()
            return self.clock.wait(pointer, timeout)
        except ClosedError:
            return True  # shut down: the next call says so

    def _watch_signals(self) -> None:
        """Have signals that arrive end a wait."""
        if self._signaling is not None and not self._watches_signals:
            self._watches_signals = True
            socket = getattr(self._signaling, "fileno", lambda: -1)
            lib.sn_wait_for_signals(self.engine.pointer, socket())

    def shutdown(self, linger: float | None = None) -> list[Abandoned]:
        """Close what is open, then the engine. Idempotent; also done when the program ends.

        First it waits until all that was sent reliably is acknowledged and the peers were told of
        the close: ``linger`` seconds at most, by default 10, at the end of the program 1; 0 does
        not wait. Sends raise ClosedError from the beginning. Ctrl-C ends the wait, and is raised
        once the engine is shut down.

        (What one connection of this engine has sent to another is waited for only if ``linger`` is
        given, and its loss is not told: its receiver ends, too.)

        Returns what was abandoned, which is logged as a warning too. Where the peer of a
        connection that was closed before ends or dies meanwhile, only loopback knows of it: gns
        and steam do not tell. Views of received messages stay valid.
        """
        if linger is None:
            return self._shut_down(LINGER)
        return self._shut_down(seconds(linger, "linger"), own=True)

    def _shut_down(self, limit: float, own: bool = False) -> list[Abandoned]:
        """Do what `shutdown` says; ``own``: wait, too, for what has us as its receiver."""
        if not self._shutting_down.acquire(blocking=False):
            return []  # another thread, or a handler of this one, is at it already
        interrupts: list[BaseException] = []
        try:
            self.lobbies._close()
            if self.engine.is_open:
                with suppress(ClosedError):  # closed from under us, as in a forked child
                    self._close(limit, own, interrupts)
        finally:
            self.engine.close()
            engines.closed(self)
            signaling, self._signaling = self._signaling, None
            self.engine.exchange_signals = engines.no_signals
            self._shutting_down.release()
            if signaling is not None:
                signaling.close()
        if interrupts:
            raise interrupts[0]
        abandoned, self._closing.abandoned = self._closing.abandoned, []
        return abandoned

    def __enter__(self) -> "Steam":
        self.engine.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()

    def _me(self) -> Identity:
        identity = self.networking_sockets.get_identity()
        if identity is None:
            raise ResultError("lobbies", EResult.NOT_LOGGED_ON, "we have no identity yet")
        return identity

    def _open_lobbies(self) -> LobbyBackend:
        """The back end of this engine's lobbies, opened."""
        if self.engine.name == "steam":
            from .steam_lobbies import SteamLobbies

            return SteamLobbies(self.engine)
        # Slow to import, and not every game has lobbies.
        from .lobby_client import Carrier, Inbox, LobbyClient
        from .lobby_rules import User

        def open_carrier(user: User, app: int, inbox: Inbox) -> Carrier:
            """What keeps the lobbies of this engine's users."""
            hub = self._hub
            if isinstance(self.clock, VirtualClock):
                from .lobby_memory import hub_of

                hub = hub_of(self.clock)
            if hub is not None:
                guest = hub.enter(user, app, inbox.put)
                self.engine.on_kill = guest.vanish
                return guest
            if self.rendezvous is not None:
                from .rendezvous.lobby_carrier import RemoteLobbies

                return RemoteLobbies(self.rendezvous, user, app, inbox)
            from .lobby_store import Store  # not every Python has SQLite
            from .signaling import rendezvous_directory

            return Store(rendezvous_directory(), user, app, inbox)

        me = self._me()
        user = User(str(me), self._name or str(me), os.urandom(8).hex())
        return LobbyClient(self.engine, user, self.core.get_app_id(), open_carrier)

    def _local_signaling(self) -> Signaling | None:
        from .signaling import LocalSignaling  # its modules are slow to import

        identity = self.networking_sockets.get_identity()
        try:
            return LocalSignaling(identity) if identity is not None else None
        except OSError as error:
            # Much of the engine needs no signaling: what does need it raises, with this reason.
            self.engine.no_signaling = (
                f"{error}; give init(signaling=...), or STEAMNET_LOOPBACK_DIR"
            )
            return None

    def _close(self, limit: float, own: bool, interrupts: list[BaseException]) -> None:
        """Close everything within ``limit`` seconds; collect what interrupts the wait."""
        closing, sessions = self._closing, self._sessions
        deadline = self.engine.clock() + limit
        try:
            self.engine.refuse_sends()
            self._use_ice = engines.no_signals
            self._remove_ice()
            if limit:
                closing.flush()
                self._wait(lambda: closing.undelivered(own) or sessions.undelivered(), deadline)
        except (KeyboardInterrupt, SystemExit) as interrupt:
            interrupts.append(interrupt)
        reason = f"not acknowledged within {limit:.1f} s" if not interrupts else "interrupted"
        closing.give_up(reason)
        for what in sessions.undelivered():
            closing.abandon(what, reason)
        try:
            closing.close_all()
            sessions.close_all()
            if not interrupts:
                self._wait(lambda: closing.lingering, deadline)
            self._wait(
                lambda: closing.notifier.untold, self.engine.clock() + TELLING if limit else 0
            )
        except (KeyboardInterrupt, SystemExit) as interrupt:
            interrupts.append(interrupt)
        closing.end()
        interrupts += closing.errors

    def _undelivered(self) -> bool:
        """Whether something sent reliably, or a close, is on its way."""
        closing = self._closing
        return bool(closing.undelivered() or closing.lingering or self._sessions.undelivered())

    def _wait(self, pending: Callable[[], object], deadline: float) -> None:
        """Let the engine work until nothing is pending, or the time is over."""
        self.engine.exchange_signals()
        while pending() and self.engine.clock() < deadline:
            self.engine.exchange_signals()
            self.engine.pump()
            self._closing.run()
            self.clock.pause(deadline)

    def _exchange_signals(self, signaling: Signaling) -> None:
        self._use_ice()
        if not self._watches_signals:
            self._watch_signals()
        notifier = self._closing.notifier
        pointer = self.engine.pointer
        pending = lib.sn_signals_pending(pointer)
        if pending & lib.SN_SIGNALS_OUT:
            self._send_signals(signaling)
        # Now and then in any case: receiving may be what keeps a signaling going.
        if pending & lib.SN_SIGNALS_IN or time.monotonic() >= self._receive_signals_at:
            self._receive_signals_at = time.monotonic() + SIGNALS_SECONDS
            for item in signaling.receive():
                sender, data = item if isinstance(item, tuple) else (None, item)
                stamp = ffi.NULL if sender is None else to_native(sender)
                if lib.sn_receive_signal(pointer, stamp, data, len(data)):
                    notifier.signal_received(data, sender)
        for data in notifier.due():
            lib.sn_receive_signal(pointer, ffi.NULL, data, len(data))

    def _send_signals(self, signaling: Signaling) -> None:
        pointer = self.engine.pointer
        identity, connection = ffi.new("SteamNetworkingIdentity *"), ffi.new("uint32_t *")
        room = ffi.new("char[]", 2048)
        for _ in range(engines.MAX_EVENTS):
            size = lib.sn_next_signal(pointer, identity, connection, room, len(room))
            if size < 0:
                break
            if size > len(room):
                room = ffi.new("char[]", size)
            else:
                peer = from_native(identity)
                signaling.send(peer, bytes(ffi.buffer(room, size)))
                self._closing.notifier.signal_sent(connection[0], peer)


def init(
    app_id: int | None = None,
    *,
    engine: str | None = None,
    library: "str | os.PathLike[str] | None" = None,
    identity: "str | int | Identity | None" = None,
    allow_restart: bool = False,
    attach: bool = False,
    signaling: Signaling | None = None,
    rendezvous: str | None = None,
    token: str | None = None,
    name: str | None = None,
) -> Steam:
    """Open an engine and return the user on it.

    - ``app_id``: the game's Steam app id, given to Steam through the environment.
    - ``engine``: "steam", "gns" or "loopback"; by default STEAMNET_ENGINE, else "steam".
      There is no fall-back from one to another.
    - ``library``: path of the shared library; by default STEAMNET_LIBRARY, else it is searched.
    - ``identity``: who we are on gns and loopback: a Steam ID or an identity string; by default
      STEAMNET_IDENTITY, else a random Steam ID. Steam knows it by itself.
    - ``allow_restart``: let Steam start the game again through its client if it was started
      without; the process then ends with SystemExit. Other engines take no notice.
    - ``attach``: use a Steam that something else in this process has initialised and pumps;
      it is not shut down with us. Other engines take no notice.
    - ``signaling``: on gns, how connect_p2p reaches its peers; by default
      `steamnet.signaling.LocalSignaling`, which reaches those on this machine.
    - ``rendezvous``: on gns, the URL of a rendezvous server (``steamnet server``), ws://host:port
      or wss://host, through which players on other machines are reached; by default
      STEAMNET_RENDEZVOUS. The server's answer is waited for, up to 10 seconds (on an event
      loop's thread only by `steamnet.aio.init`, which awaits it). It needs
      ``pip install "steamnet[rendezvous]"``.
    - ``token``: what proves our identity to the rendezvous server, where it asks for that.
    - ``name``: what others see of us on gns and loopback (`Steam.friends`), 127 bytes at most; by
      default the identity. Steam knows it by itself, and takes no notice.

    Raises InitError with all that was tried, or with the engine's own words and a hint.
    """
    if isinstance(app_id, str) and app_id in engines.KINDS:
        raise TypeError(f"app_id must be an int; the engine is given as engine={app_id!r}")
    if not isinstance(engine, str | None):
        raise TypeError(f"engine must be a str, not {type(engine)}")
    kind = (os.environ.get("STEAMNET_ENGINE") or "steam") if engine is None else engine
    if kind not in engines.KINDS:
        source = "STEAMNET_ENGINE" if engine is None else "engine"
        raise ValueError(f"{source} must be 'steam', 'gns' or 'loopback', not {kind!r}")
    if app_id is not None:
        integer(app_id, "app_id", 0, 0xFFFFFFFF)
    if engine is None and kind == "loopback":
        library = None  # a game made for Steam may name Steam's
    if kind != "gns" and (signaling, rendezvous) != (None, None):
        raise ValueError(f"signaling and rendezvous are for the gns engine, and not for {kind}")
    if signaling is not None and rendezvous is not None:
        raise ValueError("give signaling or rendezvous, not both")
    if kind == "gns" and signaling is None and rendezvous is None:
        rendezvous = os.environ.get("STEAMNET_RENDEZVOUS") or None
    if token is not None and rendezvous is None:
        raise ValueError("a token is for a rendezvous server: give rendezvous, too")
    if name is not None:
        text_within(name, "name", MAX_NAME, 1)
    clock = CURRENT.get() if kind == "loopback" else None
    native = engines.identity_of(kind, identity, clock)
    loaded = engines.load(kind, engines.KINDS[kind], library, attach=attach and kind == "steam")
    if (
        kind == "steam"
        and allow_restart
        and lib.sn_restart_app_if_necessary(loaded.pointer, app_id or 0)
    ):
        raise SystemExit("Steam is starting the game again")
    if clock is not None:
        loaded.time = clock
    fields = {"identity": native, "attach": attach, "clock": loaded.time.native}
    options = ffi.new("sn_options *", fields)
    given = app_id if kind == "steam" and not attach else None
    if rendezvous is not None:
        return _init_with_rendezvous(loaded, app_id, options, rendezvous, token, name)
    with engines.app_id_in_environment(given):
        loaded.start(options)
    return Steam(loaded, app_id, signaling, name)


def _init_with_rendezvous(
    engine: Engine, app_id: int | None, options: Any, url: str, token: str | None, name: str | None
) -> Steam:
    """Start an engine whose signals go through a rendezvous server."""
    try:
        from .rendezvous import Client
        from .rendezvous.ice import IceConfig
    except ModuleNotFoundError as error:
        engine.close()
        if error.name != "websockets":
            raise
        raise InitError(str(error)) from error
    with ExitStack() as failed:
        failed.callback(engine.close)
        client = Client(url, from_native(options.identity), token, name or "")
        failed.callback(client.close)
        if not _event_loop_runs():  # which would stand still, and the server may be on it
            client.wait(RENDEZVOUS_SECONDS)
        engine.start(options)
        failed.pop_all()
    steam = Steam(engine, app_id, client, name)
    ice = IceConfig(steam.networking_utils)
    steam.rendezvous = client
    steam._use_ice = lambda: ice.apply(client.ice)  # whenever the server names other ones
    steam._remove_ice = ice.remove
    steam._use_ice()
    return steam


def _event_loop_runs() -> bool:
    """Whether asyncio runs on this thread."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


class ServerMode(NamedInt):
    """Whether a game server checks who its players are (``EServerMode``)."""

    NO_AUTHENTICATION = 1
    """It does not, and is not listed."""
    AUTHENTICATION = 2
    """It does, and is listed as one without protection from cheats."""
    AUTHENTICATION_AND_SECURE = 3
    """It does, and is listed as one that Valve's anti-cheat protects."""


def init_game_server(
    app_id: int | None = None,
    *,
    product: str,
    version: str,
    ip: str = "0.0.0.0",
    game_port: int = 27015,
    query_port: int = 27016,
    mode: int = ServerMode.AUTHENTICATION_AND_SECURE,
    token: str | None = None,
    library: "str | os.PathLike[str] | None" = None,
    attach: bool = False,
) -> Steam:
    """Open the steam engine as a dedicated game server, without a user.

    - ``product``, ``version``: what the game is called at Steam, and its version, "1.0.0.0".
    - ``ip``, ``game_port``, ``query_port``: where to listen; port 65535 for ``query_port`` shares
      the game's socket.
    - ``mode``: a `ServerMode`.
    - ``token``: the server's login token; by default it logs on anonymously.
    - the rest: as in `init`.

    The log-on is over when `Core.steam_events` says SERVERS_CONNECTED. Raises InitError.
    ``SteamInternal_GameServer_Init_V2``
    """
    if app_id is not None:
        integer(app_id, "app_id", 0, 0xFFFFFFFF)
    address = address_to_native(ip)
    texts = [ffi.new("char[]", c_string(text, "text")) for text in (product, version, token or "")]
    options = ffi.new(
        "sn_options *",
        {
            "attach": attach,
            "server_ip": int.from_bytes(bytes(address.m_ipv6)[12:], "big"),
            "server_game_port": port(game_port, "game_port"),
            "server_query_port": port(query_port, "query_port"),
            "server_mode": integer(mode, "mode", 1, 3),
            "server_product": texts[0],
            "server_version": texts[1],
            "server_token": texts[2] if token is not None else ffi.NULL,
        },
    )
    loaded = engines.load("steam", lib.SN_STEAM_SERVER, library, attach=attach)
    with engines.app_id_in_environment(app_id if not attach else None):
        loaded.start(options)
    return Steam(loaded, app_id, None)


def restart_app_if_necessary(app_id: int, library: "str | os.PathLike[str] | None" = None) -> bool:
    """Whether Steam starts the game again because it was not started through it: then exit.

    Ask before `init`. Without Steam installed this may start Steam itself.
    ``SteamAPI_RestartAppIfNecessary``
    """
    integer(app_id, "app_id", 0, 0xFFFFFFFF)
    loaded = engines.load("steam", lib.SN_STEAM, library)
    answer: bool = lib.sn_restart_app_if_necessary(loaded.pointer, app_id)
    loaded.close()
    return answer
