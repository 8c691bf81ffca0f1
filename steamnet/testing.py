"""Players for tests of a game's own netcode: in one process, on networks as bad as you like.

    def test_two_players_see_each_other():
        with connected_pair(lag=80, loss=0.05, seed=1) as (alice, bob):
            alice.send("hello", SendFlags.UNRELIABLE)
            (message,) = pump(alice, bob, until=bob.receive)
            assert message.decode() == "hello"

The plug-in gives the same as fixtures, ``steamnet_players`` and ``steamnet_pair``. Which packets
get lost or late is drawn from the seed and from which packets they are, never from the time: the
same seed repeats the same losses for the same messages.
"""

import math
import os
import random
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    contextmanager,
    suppress,
)
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from . import aio
from ._native import ffi, lib
from .arguments import integer
from .clock import CURRENT
from .clock import VirtualClock as VirtualClock  # part of this module, for type checkers too
from .engine import Engine
from .enums import ConfigValue, ConnectionState
from .handles import BaseConnection, Router
from .identity import Identity, from_native
from .lobby_memory import new_hub
from .objects import Connection
from .signaling import rendezvous_directory
from .steam import Steam, init

T = TypeVar("T")
FIRST_PLAYER = 76561198000000001
RENDEZVOUS_ENV = "STEAMNET_LOOPBACK_DIR"
WHAT = ("sent", "delayed", "lost", "delivered")
SHOWN = 20  # records in the TimeoutError of pump
_hub = new_hub()  # the lobbies of players on the real clock
_taken: set[int] = set()  # a test may ask for players twice


def _opened(steam: Steam) -> Steam:
    return steam


class Players:
    """Players, open within ``with``, and within ``async with`` as those of `steamnet.aio`."""

    def __init__(self, opened: AbstractContextManager[list[Steam]]) -> None:
        """Keep what opens them."""
        self._opened = opened
        self._asynchronous = AsyncExitStack()

    def __enter__(self) -> list[Steam]:
        return self._opened.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    async def __aenter__(self) -> list[aio.Steam]:
        steams = self._asynchronous.enter_context(self._opened)
        try:
            enter = self._asynchronous.enter_async_context
            return [await enter(aio.Steam(partial(_opened, s))) for s in steams]
        except BaseException:
            await self._asynchronous.aclose()
            raise

    async def __aexit__(self, *error: Any) -> None:
        await self._asynchronous.__aexit__(*error)


def players(
    n: int,
    *,
    lag: float = 0,
    loss: float = 0.0,
    reorder: float = 0.0,
    seed: int | None = None,
    clock: VirtualClock | str = "real",
) -> Players:
    """Open ``n`` engines on loopback, whose Steam IDs count up from 76561198000000001.

    ``with players(2) as (alice, bob)`` gives each as a `steamnet.Steam`, ``async with`` as a
    `steamnet.aio.Steam`. Each packet takes ``lag`` milliseconds one way; ``loss`` and ``reorder``
    are the shares, 0-1, of packets that suffer it, drawn from the ``seed``. ValueError for others.
    ``clock`` is a `VirtualClock`, or "virtual" for a new one, or "real"; within `VirtualClock.run`
    that one is the default. All are shut down at the end.
    """
    return Players(_players(n, lag, loss, reorder, seed, clock))


@contextmanager
def _players(
    n: int, lag: float, loss: float, reorder: float, seed: int | None, clock: VirtualClock | str
) -> Iterator[list[Steam]]:
    shared = _clock(clock)
    integer(n, "n", 1, 0xFFFF)
    if seed is not None:
        seed = integer(seed, "seed", -(2**63), 2**64 - 1)
    with ExitStack() as stack:
        if not _taken:
            stack.enter_context(_private_directory())
        steams = [stack.enter_context(_player(shared)) for _ in range(n)]
        _set_network(steams, lag, loss, reorder, seed)
        yield steams


@contextmanager
def connected_pair(
    *,
    lag: float = 0,
    loss: float = 0.0,
    reorder: float = 0.0,
    seed: int | None = None,
    clock: VirtualClock | str = "real",
) -> Iterator[tuple[Connection, Connection]]:
    """Connect two players: gives the connection of the one who called, and of the one who accepted.

    They meet on a clear network; `players` says what it then becomes, and takes the same.
    """
    with players(2, seed=seed, clock=clock) as steams, steams[0].listen(0) as listener:
        caller = steams[1].connect(steams[0].core.get_steam_id(), 0)
        host = pump(*steams, until=listener.accept)
        both = caller, host
        pump(*steams, until=lambda: all(c.state == ConnectionState.CONNECTED for c in both))
        _set_network(steams, lag, loss, reorder, seed)
        with caller, host:
            yield both


def pump(*parties: Steam | Connection, until: Callable[[], T | None], timeout: float = 5.0) -> T:
    """Run the callbacks of all ``parties`` until something holds, and return what it said.

    ``until`` is asked over and over, and done when its answer is true: a list of messages, say.
    TimeoutError, with a picture of all connections and what a `network` recorded last, if that
    takes longer than ``timeout`` seconds.
    On a virtual clock those pass at once. ValueError for parties that have different clocks.
    """
    if not parties or not all(isinstance(party, Steam | Connection) for party in parties):
        raise TypeError(
            "pump takes each Steam or Connection by itself: pump(host, guest, until=...)"
        )
    routers = [party._router for party in parties]
    clock = routers[0].engine.time
    if any(router.engine.time.native != clock.native for router in routers):
        raise ValueError("the parties have different clocks")
    deadline = clock.now() + timeout
    while True:
        for router in routers:
            router.run_callbacks()
        unread = _unread(routers)
        answer = until()
        if answer:
            return answer
        if _unread(routers) < unread:  # it takes messages in parts: no time passes meanwhile
            continue
        if clock.now() >= deadline:
            lines = [line for router in routers for line in _picture(router)]
            engines = {router.engine for router in routers}
            for one in tuple(_networks):
                if engines & set(one._engines) and (latest := one.record()[-SHOWN:]):
                    lines += ["the latest packets:", *(f"  {record}" for record in latest)]
            what = getattr(until, "__qualname__", until)
            raise TimeoutError("\n  ".join([f"{timeout} s have passed without {what}", *lines]))
        if not any(router.wait(0) for router in routers):  # ``until`` may have made room for more
            clock.pause(deadline)


def _unread(routers: list[Router]) -> int:
    """How many messages wait to be received where time jumps; elsewhere nobody has to know."""
    engines = {router.engine for router in routers}
    return sum(lib.sn_network_unread(one.pointer) for one in engines if one.time.native)


class Record(NamedTuple):
    """What the simulated network did with one packet."""

    time: float
    """When, in seconds by the players' clock."""
    what: str
    """"sent", "delayed", "lost" or "delivered"."""
    sender: Identity
    """Who sent it."""
    receiver: Identity
    """Who is to get it."""
    number: int
    """The number of the message."""
    size: int
    """Its bytes."""
    lane: int
    """Its lane."""
    reliable: bool
    """Whether it is sent reliably."""
    data: bool
    """Whether it is a message of the game, and not one of the engine's own packets."""
    until: float
    """When it has left, or, if it is delayed, when it is through."""

    def __str__(self) -> str:
        kind = f"{'reliable' if self.reliable else 'unreliable'} #{self.number}"
        late = f" until {self.until:.6f}" if self.what == "delayed" else ""
        return (
            f"{self.time:.6f} {self.sender} -> {self.receiver}: "
            f"{kind if self.data else 'control'}, {self.size} bytes, {self.what}{late}"
        )


class Player(Protocol):
    """A user on the loopback engine, as `players` or `steamnet.aio.init` gives it."""

    @property
    def engine(self) -> Engine:
        """The engine."""
        ...


Party = Player | BaseConnection
"""A player, or a connection, which stands for its player."""


def _engine(party: Party) -> Engine:
    owner = party._router if isinstance(party, BaseConnection) else party
    engine = getattr(owner, "engine", None)
    if not isinstance(engine, Engine):
        raise TypeError(f"each player is a Steam or a Connection, not {type(party)}")
    return engine


def _number(value: float, what: str) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number, not {type(value)}")
    return value


class Network:
    """The network between players, by hand; made by `network`.

    Everything may change while connections live, on either clock. A player that was killed or shut
    down raises ClosedError.
    """

    def __init__(self, *players: Party) -> None:
        """Begin to record what the network does; ValueError for other engines than loopback."""
        self._engines = [_engine(player) for player in players]
        self._paths: dict[tuple[Engine, Engine], dict[str, float]] = {}
        for engine in self._engines:
            if lib.sn_network_record(engine.pointer, ffi.NULL, 0) < 0:
                raise ValueError(f"the {engine.name} engine has no network of its own")
        _networks.add(self)

    def between(
        self,
        a: Party,
        b: Party,
        *,
        lag: float | None = None,
        jitter: float | None = None,
        loss: float | None = None,
        rate: float | None = None,
        both: bool = True,
    ) -> None:
        """Set the conditions from ``a`` to ``b``, and if ``both`` from ``b`` to ``a`` too.

        ``lag`` and ``jitter`` (its average) are in milliseconds, ``loss`` is a share from 0 to 1,
        ``rate`` in bytes a second (0: no limit). What is not given stays as it is; at first, as
        `players` and the config values say. ValueError for others, and for players of two clocks.
        """
        values = {"lag": lag, "jitter": jitter, "loss": loss, "rate": rate}
        given = {name: value for name, value in values.items() if value is not None}
        for name, value in given.items():
            most = 1 if name == "loss" else 2e6 if name in ("lag", "jitter") else 2**31 - 1
            if not 0 <= _number(value, name) <= most:
                raise ValueError(f"{name} is a number from 0 to {most:g}, not {value!r}")
        for way in self._ways(a, b, both):
            self._paths.setdefault(way, {}).update(given)
            self._set(way)

    def partition(self, a: Party, b: Party, *, both: bool = True) -> None:
        """Let nothing through from ``a`` to ``b``, and if ``both`` from ``b`` to ``a``."""
        for way in self._ways(a, b, both):
            self._set(way, cut=True)

    def repair(self, a: Party, b: Party, *, both: bool = True) -> None:
        """End a partition: what `between` said holds again."""
        for way in self._ways(a, b, both):
            self._set(way)

    def freeze(self, player: Party) -> None:
        """Let nothing leave or reach a player, as if its process had stopped."""
        lib.sn_network_freeze(_engine(player).pointer, True)

    def thaw(self, player: Party) -> None:
        """End that."""
        lib.sn_network_freeze(_engine(player).pointer, False)

    def kill(self, player: Party) -> None:
        """End a player without a close, as if its machine had lost power. Its calls are over.

        Its peers find out when nothing has come for `ConfigValue.TIMEOUT_CONNECTED`; the members of
        its lobbies at once.
        """
        self.freeze(player)
        _engine(player).close()
        _engine(player).on_kill()

    def record(self) -> list[Record]:
        """What happened to the latest 4096 packets of the players' clock, oldest first."""
        engine = next((engine for engine in self._engines if engine.is_open), None)
        if engine is None:
            return []
        out = ffi.new("sn_record[]", lib.SN_RECORDS)
        count = lib.sn_network_record(engine.pointer, out, lib.SN_RECORDS)
        return [self._record(out[index]) for index in range(count)]

    def _record(self, native: Any) -> Record:
        return Record(
            native.time / 1e6,
            WHAT[native.what],
            from_native(ffi.addressof(getattr(native, "from"))),
            from_native(ffi.addressof(native.to)),
            native.number,
            native.size,
            native.lane,
            native.reliable,
            native.data,
            native.until / 1e6,
        )

    def _ways(self, a: Party, b: Party, both: bool) -> list[tuple[Engine, Engine]]:
        one, other = _engine(a), _engine(b)
        return [(one, other), *([(other, one)] if both else ())]

    def _set(self, way: tuple[Engine, Engine], cut: bool = False) -> None:
        values = self._paths.get(way, {})
        path = ffi.new("sn_path *", {"lag": -1, "jitter": -1, "loss": -1, "rate": -1, "cut": cut})
        for name, factor in (("lag", 1000), ("jitter", 1000), ("rate", 1)):
            if name in values:
                setattr(path, name, round(values[name] * factor))
        if "loss" in values:
            path.loss = values["loss"] * 100
        if not lib.sn_network_path(way[0].pointer, way[1].pointer, path):
            raise ValueError("the players have different clocks, or memory is short")


_networks = weakref.WeakSet[Network]()


def network(*players: Party) -> Network:
    """Take the network between ``players`` into one's hands, and begin to record what it does."""
    return Network(*players)


def _picture(router: Router) -> Iterator[str]:
    yield f"{router.sockets.get_identity()}:"
    for handle in router.closing.connections:
        info = router.sockets.get_connection_info(handle)
        status = router.sockets.get_quick_connection_status(handle)
        if info is not None and status is not None:
            pending = status.pending_reliable + status.pending_unreliable
            yield (
                f"  {info.connection_description}: {info.state_name}"
                f"{f' ({info.end_debug})' if info.end_debug else ''}, ping {status.ping} ms, "
                f"{pending} bytes to send, {status.sent_unacked_reliable} not acknowledged"
            )


@contextmanager
def _private_directory() -> Iterator[None]:
    # Players of other processes have the same Steam IDs, so these get a rendezvous directory of
    # their own. If none can be made, they still find each other within this process.
    before = os.environ.get(RENDEZVOUS_ENV)
    with ExitStack() as stack:
        for parent in _parents():
            try:
                own = tempfile.TemporaryDirectory("", "sn-", parent, ignore_cleanup_errors=True)
                os.environ[RENDEZVOUS_ENV] = stack.enter_context(own)
                rendezvous_directory()
                break
            except OSError:
                os.environ.pop(RENDEZVOUS_ENV, None)
        try:
            yield
        finally:
            os.environ.pop(RENDEZVOUS_ENV, None)
            if before is not None:
                os.environ[RENDEZVOUS_ENV] = before


def _parents() -> Iterator[str | None]:
    yield None  # tempfile chooses
    with suppress(OSError):
        yield str(rendezvous_directory())


def _clock(clock: VirtualClock | str) -> VirtualClock | None:
    if isinstance(clock, VirtualClock):
        return clock
    if clock not in ("real", "virtual"):
        raise ValueError(f"clock is a VirtualClock, 'virtual' or 'real', not {clock!r}")
    # Within clock.run(...) the clock is that one.
    return CURRENT.get() or (VirtualClock() if clock == "virtual" else None)


@contextmanager
def _player(clock: VirtualClock | None) -> Iterator[Steam]:
    number = next(i for i in range(len(_taken) + 1) if i not in _taken)
    _taken.add(number)
    try:
        token = CURRENT.set(clock)
        try:
            steam = init(engine="loopback", identity=FIRST_PLAYER + number)
            steam._hub = _hub
        finally:
            CURRENT.reset(token)
        try:
            yield steam
        finally:
            steam._closing.reports = False
            steam.shutdown(linger=0)  # the other players do not work meanwhile
    finally:
        _taken.discard(number)


def _set_network(
    steams: list[Steam], lag: float, loss: float, reorder: float, seed: int | None
) -> None:
    for name, share in (("loss", loss), ("reorder", reorder)):
        if not 0 <= _number(share, name) <= 1:
            raise ValueError(f"{name} is a share from 0 to 1, not {share!r}")
    if not 0 <= _number(lag, "lag") < math.inf:
        raise ValueError(f"lag is a number of milliseconds from 0, not {lag!r}")
    chance = random.Random(seed)
    for steam in steams:
        # All of it on the way out, so that one way there is exactly what was asked for.
        for key, value in (
            (ConfigValue.FAKE_PACKET_LAG_SEND, round(lag)),
            (ConfigValue.FAKE_PACKET_LOSS_SEND, loss * 100),
            (ConfigValue.FAKE_PACKET_REORDER_SEND, reorder * 100),
        ):
            steam.networking_utils.set_config_value(key, value)
        lib.sn_loopback_seed(steam.engine.pointer, chance.getrandbits(64))
