"""Engines: found, loaded, started, owned; and closed, newest first, when the program ends."""

import atexit
import copyreg
import logging
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NoReturn

from ._native import NetworkingMessage, ffi, lib, next_events
from ._version import __version__
from .clock import Clock, RealClock, VirtualClock
from .errors import ClosedError, InitError, UnsupportedError
from .identity import Identity, c_string, text_of, to_native

LINGER_AT_EXIT = 1.0  # seconds, for all engines together
KINDS = {"steam": lib.SN_STEAM, "gns": lib.SN_GNS, "loopback": lib.SN_LOOPBACK}
LOOPBACK_HINT = (
    'The loopback engine needs none of this: init(engine="loopback"), STEAMNET_ENGINE=loopback, or '
    "--engine loopback."
)
MAX_EVENTS = 256  # in one run_callbacks, of each kind: a frame must not wait behind a flood

# The one library engine that may be open, and whether a parent process had one when it forked.
_library_engine: "weakref.ref[Engine] | None" = None
_inherited: set[str] = set()
_lock = threading.Lock()  # held by `load` from asking for the one engine until it is there
_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()


def refuse_copy(owner: object) -> NoReturn:
    """What belongs to an engine of this process has no second one: both would close it."""
    raise TypeError(
        f"a {type(owner).__module__}.{type(owner).__qualname__} cannot be copied or pickled: it "
        "belongs to the engine of this process; another process opens its own"
    )


class Uncopyable:
    """What can be neither copied nor pickled."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse what copy, deepcopy and pickle all ask."""
        refuse_copy(self)


copyreg.pickle(NetworkingMessage, refuse_copy)  # bytes(message) is a copy


class Engine(Uncopyable):
    """One engine, from loading to its end; `Steam.engine` shows it."""

    def __init__(self, name: str, kind: int, library: str | None, pointer: Any) -> None:
        """Own the loaded engine."""
        self.name: str = name
        """"steam", "gns" or "loopback"."""
        self.library: str | None = library
        """Path of the shared library; None for loopback."""
        self.accessor: str = text_of(lib.sn_accessor(pointer))
        """The exported function that the interface comes from; "loopback" for that."""
        self.version: str = __version__ if name == "loopback" else text_of(lib.sn_version(pointer))
        """What is known of its version."""
        self.kind = kind
        self.address = int(ffi.cast("intptr_t", pointer))
        self.no_signaling = ""
        """Why users cannot be reached by their identity; "" where they can."""
        self.exchange_signals: Callable[[], None] = no_signals
        """Takes the signals of P2P to the peers and theirs to us, where we have to do that."""
        self.time: Clock = RealClock(pointer)
        """The clock that it goes by."""
        self.has_more = False
        """Whether the last run_callbacks left events for the next one, which need not wait."""
        self.on_kill: Callable[[], object] = no_signals
        """What else is gone when a test's network kills this user."""
        self._pointer = pointer
        self._closed = False
        self._attached = False  # to a Steam that other code may shut down at any time
        self._sinks: dict[int, Callable[[Any], object]] = {lib.SN_EVENTS_LOST: _warn_of_losses}
        self.connection_sink: Callable[[list[Any]], object] = list.clear
        """Takes each `ConnectionEvent` that `pump` finds out of a list: the oldest is the last."""
        self._event = ffi.new("sn_event *")  # the one that is passed on, if it is of another kind
        self._room = ffi.buffer(self._event)
        self._events: list[Any] = []  # of connections, to be passed on
        self._passing_on = False
        self.refuses_sends = False
        """Whether it is being shut down."""
        # The one lock around what Python knows of an engine's handles. Held
        # - by `pump`, from the engine's work until the last event has reached its sink;
        # - by who makes a handle, from the engine's call until it is entered, so that no event of
        #   it comes in between: `Router`'s calls, accepting, the manager's listen sockets;
        # - by who looks and then changes: `ClosingSockets`, `Router`'s
        #   objects, a listener's waiting requests, `Lobbies`.
        # What one step of a dict, set, list or deque changes needs no lock: the manager's
        # connections and poll groups, a group's members, the handlers and queue of an
        # `EventStream`. Handlers are called without it. Sinks and collected objects close handles
        # while it is held, so it is re-entrant.
        self.events_lock = threading.RLock()
        # The engine outlives this object for as long as messages hold its memory.
        weakref.finalize(self, _let_go, pointer).atexit = False
        _engines.add(self)

    def __repr__(self) -> str:
        return f"<Engine {self.name}{', closed' if self._closed else ''}>"

    @property
    def pointer(self) -> Any:
        """The engine for a call into C; ClosedError once it is shut down."""
        self.check()
        if self._attached and not lib.sn_is_open(self._pointer):
            raise ClosedError(self.closed_reason)
        return self._pointer

    def check(self) -> None:
        """Raise ClosedError once the engine is shut down by us."""
        if self._closed:
            raise ClosedError(self.closed_reason)

    @property
    def closed_reason(self) -> str:
        """Why calls can no longer be made: we shut it down, or a Steam that is not ours is gone."""
        return text_of(lib.sn_closed_reason(self._pointer))

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return not (self._closed or (self._attached and not lib.sn_is_open(self._pointer)))

    def clock(self) -> float:
        """Seconds by its own clock, which no program stops or sets, as tests do with Python's."""
        return int(lib.ISteamNetworkingUtils_GetLocalTimestamp(self.pointer)) / 1e6

    def supports(self, name: str) -> bool:
        """Whether steamnet can call a flat function of the loaded library.

        ``name`` is the short name or the full symbol.
        """
        return lib.sn_supports(self._pointer, c_string(name, "name")) > 0

    def functions(self) -> Iterator[tuple[str, bool]]:
        """Each flat symbol that steamnet can use, and whether the library has it."""
        supported = ffi.new("int *")
        index = 0
        while (name := lib.sn_flat_name(self._pointer, index, supported)) != ffi.NULL:
            yield text_of(name), bool(supported[0])
            index += 1

    def require(self, name: str) -> Any:
        """The engine for a call of that function; UnsupportedError where the library lacks it."""
        pointer = self.pointer
        if not lib.sn_supports(pointer, name.encode()):
            raise UnsupportedError(
                f"the {self.name} engine has no {name} ({self.library or 'built in'})"
            )
        return pointer

    def require_signaling(self) -> Any:
        """The engine for a call that reaches users by identity; UnsupportedError says why not."""
        pointer = self.pointer
        if self.no_signaling:
            raise UnsupportedError(f"the {self.name} engine has no signaling: {self.no_signaling}")
        return pointer

    def start(self, options: Any) -> None:
        """Start it; InitError with the engine's own words if it refuses."""
        error = ffi.new("char[]", lib.SN_ERROR_SIZE)
        result = lib.sn_start(self._pointer, options, error)
        if result != lib.k_ESteamAPIInitResult_OK:
            self._closed = True
            refusal = _refusal(self, result, text_of(error))
            raise InitError(f"{refusal}\n  {_loaded_here()}" if options.attach else refusal)
        self._attached = self.name == "steam" and bool(options.attach)
        if warning := text_of(error):
            logging.getLogger("steamnet").warning(warning)

    def on_event(self, kind: int, sink: Callable[[Any], object]) -> None:
        """Have the sink called with each ``sn_event`` of a kind, when `pump` finds one.

        Those of connections go to `connection_sink`.
        """
        self._sinks[kind] = sink

    def pump(self, limit: int | None = MAX_EVENTS) -> bool:
        """Let the engine work, and pass its events to the sinks, in order.

        It passes on ``limit`` events at most, or all that wait by now where that is None; the
        rest is for the next call, and `has_more` tells of it. False where a finalizer, or
        other code that runs during that, pumps again: the outer call goes on. ClosedError
        once the engine is closed and no event is left.
        """
        self.check()  # before the lock, which another thread may have held at a fork
        with self.events_lock:
            # One more than we take, where the engine keeps the rest: `has_more` tells of it.
            pumped = lib.sn_pump_events(self._pointer, 2**31 - 1 if limit is None else limit + 1)
            if self._passing_on:
                return False
            some_left = True
            try:
                self._passing_on = True
                events = self._events
                left = max(self._waiting, MAX_EVENTS) if limit is None else limit
                while left > 0:
                    kind = 0 if events else next_events(self.address, events, left, self._room)
                    if not events and not kind:
                        some_left = False
                        break
                    pumped = True
                    left -= len(events) or 1
                    if kind:
                        self._sinks.get(kind, no_sink)(self._event)
                    if events:
                        self.connection_sink(events)
            finally:
                self._passing_on = False
                self.has_more = some_left and self._waiting > 0
        if not pumped:
            self.check()
            raise ClosedError(self.closed_reason)
        return True

    def pump_quietly(self) -> bool:
        """Let the engine work: whether `pump` has nothing to pass on then, as when messages came.

        False also once it is shut down.
        """
        if self._closed or self.has_more or self._events:
            return False
        with self.events_lock:
            return bool(lib.sn_pump_quietly(self._pointer, MAX_EVENTS + 1))

    @property
    def _waiting(self) -> int:
        """How many events wait to be passed on."""
        return len(self._events) + int(lib.sn_event_count(self._pointer))

    def note_news(self) -> None:
        """Something that is not the engine's is new for `run_callbacks`; from any thread."""
        self.has_more = True  # on a virtual clock, which nothing can wake
        lib.sn_note_outside(self._pointer)

    def refuse_sends(self) -> None:
        """From now on sends raise ClosedError: the shutdown waits for what was sent before."""
        self.refuses_sends = True
        lib.sn_refuse_sends(self._pointer)

    def close(self) -> None:
        """Shut the engine down; idempotent."""
        self._closed = True
        lib.sn_stop(self._pointer)

    def detach_after_fork(self) -> None:
        """In a forked child: close without touching what the parent uses."""
        self._closed = True
        self.events_lock = threading.RLock()  # a thread that only the parent has may hold the old
        lib.sn_detach_after_fork(self._pointer)


def _complete_structs() -> None:
    """Have cffi look at each struct's fields now, on the one thread that imports this.

    It does so when it makes the first one; where Python has no lock, it crashes if two threads do
    that at a time (cffi 2.1).
    """
    names, structs, _ = ffi.list_types()
    for name in (*names, *(f"struct {struct}" for struct in structs)):
        with suppress(TypeError):  # a struct whose fields nobody knows, or a function
            ffi.new(f"{name} *")


if not getattr(sys, "_is_gil_enabled", lambda: True)():
    _complete_structs()


def _warn_of_losses(event: Any) -> None:
    warnings.warn(
        f"{event.lost} events of the engine are lost: memory was short",
        RuntimeWarning,
        stacklevel=4,
    )


def no_sink(event: Any) -> None:
    """Where nobody listens yet."""


def no_signals() -> None:
    """Where the engine reaches its peers by itself."""


def _let_go(pointer: Any) -> None:
    lib.sn_stop(pointer)  # a start that an exception interrupted has left it open
    lib.sn_release(pointer)


def load(
    name: str, kind: int, library: str | os.PathLike[str] | None, *, attach: bool = False
) -> Engine:
    """Load an engine's library from where the search finds it; InitError lists every try."""
    global _library_engine
    error = ffi.new("char[]", lib.SN_ERROR_SIZE)
    if name == "loopback":
        if library is not None:
            raise ValueError("the loopback engine is built in: it takes no library")
        pointer = lib.sn_load(kind, ffi.NULL, error)
        if pointer == ffi.NULL:
            raise InitError(f"the loopback engine cannot start: {text_of(error)}")
        return Engine(name, kind, None, pointer)
    from . import libraries  # slow to import

    paths = libraries.candidates(name, library, attach=attach)
    with _lock:
        if name in _inherited:
            raise InitError(
                f"this process was forked from one in which the {name} engine was open, and its "
                "library cannot start again here; start children with multiprocessing's 'spawn'"
            )
        current = _library_engine() if _library_engine is not None else None
        if current is not None:
            if not current._closed:
                raise InitError(f"the {current.name} engine is open already: shut it down first")
            current.close()  # another thread may be doing that: wait for it
        tried = []
        for path in paths:
            reason = libraries.describe(path)
            if reason is None:
                pointer = lib.sn_load(kind, os.fsencode(path), error)
                if pointer != ffi.NULL:
                    engine = Engine(name, kind, path, pointer)
                    _library_engine = weakref.ref(engine)
                    return engine
                reason = text_of(error).removeprefix(f"{path}: ")  # which the loader repeats
            tried.append(f"{path}: {reason}")
    raise InitError(_not_loaded(name, library, attach), tried)


def identity_of(
    name: str, identity: "str | int | Identity | None", clock: VirtualClock | None = None
) -> Any:
    """The native identity to start with: given, from the environment, or a random Steam ID.

    On a virtual ``clock`` every run of the program has the same random ones.
    """
    if name == "steam":
        if identity is not None:
            raise ValueError("Steam knows who you are: identity is for gns and loopback")
        return ffi.NULL
    if identity is not None:
        return to_native(identity)
    if not (named := os.environ.get("STEAMNET_IDENTITY")):
        return to_native(random_steam_id(clock))
    try:
        return to_native(named)
    except ValueError as error:
        raise ValueError(f"STEAMNET_IDENTITY: {error}") from None


def random_steam_id(clock: VirtualClock | None = None) -> int:
    """An individual's account of the public universe, as Steam numbers them."""
    if clock is not None:
        number = clock.random.randrange(2**32 - 1)
    else:
        number = int.from_bytes(os.urandom(8), "big") % (2**32 - 1)
    return 76561197960265728 + number + 1


@contextmanager
def app_id_in_environment(app_id: int | None) -> Iterator[None]:
    """Give Steam the app id through the process environment; take it back if the start fails."""
    names = ("SteamAppId", "SteamGameId") if app_id is not None else ()
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(app_id)))
    try:
        yield
    except BaseException:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        raise


def _not_loaded(name: str, library: str | os.PathLike[str] | None, attach: bool) -> str:
    """Why there is no engine, before the list of all that was tried."""
    from . import libraries

    if library is not None:
        lines = [f"the library given cannot serve as the {name} engine"]
    elif os.environ.get("STEAMNET_LIBRARY"):
        lines = [f"the library that STEAMNET_LIBRARY names cannot serve as the {name} engine"]
    else:
        file = libraries.file_name(name)
        source = "the Steamworks SDK"
        if name == "gns":
            source = (
                "GameNetworkingSockets (on Debian, in a checkout of steamnet: "
                "python wheelhouse-config/gns/build.py)"
            )
        lines = [
            f"no library for the {name} engine",
            f"{file} comes with {source}, not with steamnet.",
            "Put it beside your program, or give its path as library= or in STEAMNET_LIBRARY.",
        ]
    if attach:
        lines.append(_loaded_here())
    return "\n  ".join([*lines, LOOPBACK_HINT, "Tried:"])


def _loaded_here() -> str:
    """What of Steam's the process has loaded, for who wants to attach to it."""
    from . import libraries

    paths = [path for path in libraries.loaded() if "steam" in os.path.basename(path).lower()]
    return f"This process has loaded: {', '.join(paths) or 'no library with steam in its name'}"


def _refusal(engine: Engine, result: int, words: str) -> str:
    from . import libraries

    message = f"the {engine.name} engine refused to start: {words or f'result {result}'}"
    if engine.name != "steam":
        return message
    text = words.lower()
    server = engine.kind == lib.SN_STEAM_SERVER
    no_client = (
        result == lib.k_ESteamAPIInitResult_NoSteamClient
        or "steamclient" in text
        or "install" in text
    )
    if no_client and server:
        file = libraries.file_name("steamclient")
        hint = (
            f"{file} was not found. A dedicated server needs neither a running Steam nor the app, "
            "but this\n  library of Steam's, where the message says: SteamCMD's app 1007 "
            "(Steamworks SDK Redist) has it."
        )
    elif no_client:
        hint = "Is Steam running, under the same user, and logged in?"
    elif result == lib.k_ESteamAPIInitResult_VersionMismatch:
        hint = "The running Steam client is older than this library: let Steam update itself."
    elif "appid" in text or "app id" in text:  # and not the path of an "/app/" folder
        call = "init_game_server" if server else "init"
        hint = f"Give {call}(app_id=...): 480 is Valve's test app, which every account owns."
    elif server:
        hint = "Are version, mode and ports right, and the ports free?"
    else:
        hint = "Is Steam running, does this account own the app, and is the app id right?"
    return f"{message}\n  {hint}\n  {LOOPBACK_HINT}"


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    current = _library_engine() if _library_engine is not None else None
    if current is not None and not current._closed:
        _inherited.add(current.name)
    for engine in list(_engines):
        engine.detach_after_fork()
    lib.sn_loopback_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

_closers: list[Any] = []


def close_at_exit(closer: Any) -> None:
    """Have it shut down when the program ends, newest first, and its engine closed by then."""
    _closers.append(closer)


def closed(closer: Any) -> None:
    """Forget a closer that has shut down by itself."""
    if closer in _closers:
        _closers.remove(closer)


@atexit.register
def _close_all() -> None:
    # Daemon threads that still make calls get ClosedError; the end of the program is no failure.
    report = threading.excepthook
    threading.excepthook = lambda args: (
        None if issubclass(args.exc_type, ClosedError) else report(args)
    )
    deadline = time.monotonic() + LINGER_AT_EXIT

    def shutdown(closer: Any) -> None:
        closer._shut_down(max(0.0, deadline - time.monotonic()))

    with ExitStack() as last_calls:
        for closer in _closers:
            last_calls.callback(closer.engine.close)  # its shutdown may linger in another thread
            last_calls.callback(shutdown, closer)
