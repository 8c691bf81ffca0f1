"""What is open on an engine, and how it is closed without a silent loss of what was sent reliably.

**Data on its way.** A connection is closed with the engine's own linger. Its handle is gone then,
so C counts the reliable messages that are not acknowledged (`lib.sn_closing_connections`). GNS and
Steam send the close when that count is zero, and do not tell when it has left: a round trip and
50 ms more are enough.

**Connections that still connect.** Engines drop what such a connection has queued. So it stays open
in the engine, hidden from the application, until it is connected and can be closed with linger.

**Listen sockets.** An engine that closes a listen socket drops the connections that came in on it,
also those that linger. So the engine keeps the socket until they are done. Requests that arrive
meanwhile are refused; listening again on the same port or address takes the socket over.

**P2P on GNS.** GNS tells of a close only in answer to the peer, who may have nothing to say for a
long time. But it answers his signals too, and a signal may arrive twice: `GnsCloseNotifier` gives
GNS the last one again once the connection has been closed.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from . import config
from ._native import connection_info, ffi, lib, note_events
from .config import Options
from .engine import Engine
from .enums import GONE, OPENING, ConfigScope, ConnectionState, EndReason, known
from .events import EventStream
from .identity import Identity, from_native
from .info import ConnectionEvent, ConnectionInfo, state_name

LOGGER = logging.getLogger("steamnet")
LEAVING = 0.05  # seconds beyond a round trip that a close takes to leave
UNKNOWN_ROUND_TRIP = 0.2  # seconds
ANSWERING = 5.0  # seconds for which GNS answers the peers of connections that were closed
RETRIES = (0.0, 0.04, 0.12, 0.5, 1.0, 2.0, 4.0)  # seconds after a close: its signal may get lost
MOST_SIGNALS = 4096  # kept for connections that are not closed
REPORTED = 1024  # of what was abandoned while the engine was open
NONE = ConnectionState.NONE  # a member of an enumeration costs a look-up
SOCKET_CLOSED = b"the listen socket was closed"
Address = tuple[str, int | bytes]  # where a listen socket listens: what kind of place, and which


def no_object(event: ConnectionEvent) -> bool:
    """Where there are no objects yet."""
    return False


class Abandoned(NamedTuple):
    """Reliable messages to one peer that were given up before they were acknowledged."""

    peer: Identity
    """Who was to get them; "invalid" while that is unknown."""
    messages: int
    """How many; 0 for a message session on gns and steam, which tell only bytes."""
    bytes: int
    """How much that is."""


class Unacknowledged(NamedTuple):
    """What `lib.sn_closing_connections` tells of one connection."""

    connection: int
    peer: Identity
    messages: int
    bytes: int


@dataclass(slots=True)
class _Lingering:
    """A connection that the engine closes once everything is acknowledged."""

    peer: Identity
    own: bool  # the peer is another connection of this engine
    listen_socket: int
    leaving: float  # seconds from the last acknowledgement until the close has left
    left_at: float | None = None


@dataclass(slots=True)
class _Hidden:
    """A connection that was closed before it was connected, with messages to send."""

    what: Abandoned  # if it fails
    listen_socket: int
    code: int
    text: bytes


class ClosingSockets:
    """The connections, listen sockets and poll groups of an engine, until it has ended them.

    `Engine.events_lock` guards what looks first and changes then.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin with none."""
        self._engine = engine
        self.dispatch: Callable[[ConnectionEvent], bool] = no_object
        """Passes a connection event on to its object; False if it has none."""
        self.objects: set[int] = set()
        """The handles of all connections and listen sockets that have had an object."""
        self.reported: EventStream[ConnectionEvent] = EventStream("connection", engine.check)
        """Gets each connection event that has no object."""
        self.notifier = GnsCloseNotifier(engine.clock)
        """Only GNS needs it."""
        self.reports = True
        """Whether what is abandoned is of interest: not among the players of a test, at its end."""
        self.abandoned: list[Abandoned] = []
        """What has been abandoned so far, the latest last."""
        self._unlogged: deque[tuple[Abandoned, str]] = deque()  # of that, and why
        self.errors: list[BaseException] = []
        """What logging raised meanwhile: it must not get between the engine and its events."""
        self._connections: dict[int, int] = {}  # each with the listen socket that it came in on
        self._pairs: set[int] = set()  # those of them whose peer is another one of them
        self._listen_sockets: dict[int, tuple[Address | None, dict[Any, Any]]] = {}
        self._poll_groups: set[int] = set()
        self._lingering: dict[int, _Lingering] = {}
        self._hidden: dict[int, _Hidden] = {}
        self._kept: dict[int, tuple[Address | None, dict[Any, Any]]] = {}  # closed listen sockets
        self._answering: dict[int, float] = {}  # until when a listen socket's peers may ask
        self._private: set[int] = set()  # closed by us: their events are not reported
        self._events: list[ConnectionEvent] = []  # that the engine does not report
        self._waited_for: list[Unacknowledged] = []  # by `shutdown`
        self._tells = engine.name == "loopback"  # when a close has left
        engine.connection_sink = self._on_events

    # --- what is open ---------------------------------------------------------------------------

    @property
    def connections(self) -> list[int]:
        """The open connections."""
        return list(self._connections)

    def add_connection(self, connection: int) -> int:
        """Enter a connection that this side has begun."""
        if connection:
            self._connections[connection] = 0
        return connection

    def add_pair(self, pair: Iterable[int]) -> None:
        """Enter connections that are each other's peer."""
        for connection in pair:
            self._pairs.add(self.add_connection(connection))

    def add_poll_group(self, group: int) -> int:
        """Enter a poll group."""
        if group:
            self._poll_groups.add(group)
        return group

    def destroy_poll_group(self, group: int) -> bool:
        """Dissolve a poll group: what the engine answers."""
        self._poll_groups.discard(group)
        return lib.ISteamNetworkingSockets_DestroyPollGroup(self._engine.pointer, group)

    def is_closed(self, listen_socket: int) -> bool:
        """Whether only the engine still has a listen socket."""
        return listen_socket in self._kept

    # --- connections ----------------------------------------------------------------------------

    def close_connection(self, connection: int, code: int, text: bytes, linger: bool) -> bool:
        """Close a connection: what the engine answers."""
        listen_socket = self._connections.get(connection, 0)
        info = self._info(connection) if linger else None
        if info is not None and self._hide(connection, code, text, info):
            return True
        if info is not None and info.state == ConnectionState.CONNECTED:
            self._lingering[connection] = _Lingering(
                info.identity_remote,
                self._has_both_ends(connection, info.identity_remote),
                listen_socket,
                0.0 if self._tells else self._round_trip(connection) + LEAVING,
            )
        answer: bool = lib.ISteamNetworkingSockets_CloseConnection(
            self._engine.pointer, connection, code, text, linger
        )
        self._connections.pop(connection, None)
        self._pairs.discard(connection)
        self._expect_questions(listen_socket)
        self.notifier.connection_closed(connection, lingers=connection in self._lingering)
        return answer

    def _has_both_ends(self, connection: int, peer: Identity) -> bool:
        """Whether the peer of an open connection is another one of this engine."""
        me = ffi.new("SteamNetworkingIdentity *")
        lib.ISteamNetworkingSockets_GetIdentity(self._engine.pointer, me)
        return connection in self._pairs or peer == from_native(me)

    def _is_own(self, one: Unacknowledged) -> bool:
        lingering = self._lingering.get(one.connection)
        if lingering is not None:
            return lingering.own
        return self._has_both_ends(one.connection, self._peer(one))

    def _peer(self, one: Unacknowledged) -> Identity:
        """Who is at the other end, as far as that is known by now."""
        if one.connection in self._lingering:
            return self._lingering[one.connection].peer
        if one.connection in self._hidden:
            return self._hidden[one.connection].what.peer
        info = self._info(one.connection)
        return info.identity_remote if info is not None else one.peer

    def _expect_questions(self, listen_socket: int) -> None:
        """A connection of that socket has ended: for a while its peer may ask what became of it."""
        if listen_socket and not self._tells:
            self._answering[listen_socket] = self._engine.clock() + ANSWERING

    def _info(self, connection: int) -> ConnectionInfo | None:
        return connection_info(self._engine.address, connection)

    def _round_trip(self, connection: int) -> float:
        status = ffi.new("SteamNetConnectionRealTimeStatus_t *")
        lib.ISteamNetworkingSockets_GetConnectionRealTimeStatus(
            self._engine.pointer, connection, status, 0, ffi.NULL
        )
        ping: int = status.m_nPing
        return ping / 1000 if ping >= 0 else UNKNOWN_ROUND_TRIP

    def _hide(self, connection: int, code: int, text: bytes, info: ConnectionInfo) -> bool:
        """Keep a connection in the engine, if it still connects and has messages to send."""
        refused = info.state == ConnectionState.CONNECTING and info.listen_socket
        if info.state not in OPENING or refused:
            return False
        pointer = self._engine.pointer
        with self._engine.events_lock:
            queued = [one for one in self._unacknowledged() if one.connection == connection]
            if not queued or not queued[0].messages:
                return False
            lib.ISteamNetworkingSockets_SetConnectionPollGroup(pointer, connection, 0)
            if not lib.sn_hide_connection(pointer, connection):
                return False
            what = Abandoned(info.identity_remote, queued[0].messages, queued[0].bytes)
            listen_socket = self._connections.pop(connection, info.listen_socket)
            self._hidden[connection] = _Hidden(what, listen_socket, code, text)
            self._events.append(_closed_event(connection, info, code, text))
        return True

    def _close_hidden(self, connection: int, failure: str = "") -> None:
        """Close a hidden connection: it is connected now, or has failed."""
        hidden = self._hidden.pop(connection)
        lib.sn_show_connection(self._engine.pointer, connection)
        self._connections[connection] = hidden.listen_socket
        self._private.add(connection)
        if failure:
            self.abandon(hidden.what, failure)
        self.close_connection(connection, hidden.code, hidden.text, not failure)

    # --- listen sockets -------------------------------------------------------------------------

    def listen(
        self, address: Address | None, options: Options | None, create: Callable[[], int]
    ) -> int:
        """Take over a listen socket that is kept at that address, or create one: 0 if refused."""
        with self._engine.events_lock:
            self._end_kept(also=(address,) if address is not None else ())
            for socket, kept in list(self._kept.items()):
                if address is not None and kept[0] == address:
                    if not self._configure(socket, options):
                        return 0
                    del self._kept[socket]
                    break
            else:
                socket = create()
                if not socket and self._end_kept(everybody=True):
                    socket = create()
            if socket:
                self._listen_sockets[socket] = address, dict(options or {})
            return socket

    def _configure(self, socket: int, options: Options | None) -> bool:
        """Give a listen socket these options instead of those that it had."""
        before, wanted = self._kept[socket][1], dict(options or {})
        changes = dict.fromkeys(before) | wanted
        scope, engine = ConfigScope.LISTEN_SOCKET, self._engine
        if all(config.set_value(engine, key, changes[key], scope, socket) for key in changes):
            return True
        for key in changes:
            config.set_value(engine, key, before.get(key), scope, socket)
        return False

    def close_listen_socket(self, socket: int) -> bool:
        """Close the connections that came in on a socket, then the socket: whether it was open."""
        pointer = self._engine.pointer
        with self._engine.events_lock:
            if socket in self._kept:
                return False
            if socket not in self._listen_sockets:
                return lib.ISteamNetworkingSockets_CloseListenSocket(pointer, socket)
            kept = self._listen_sockets.pop(socket)
            # Requests that are not reported yet are its connections too. If this runs inside
            # `pump`, they may come later.
            if not self._engine.pump(None):
                self._answering[socket] = self._engine.clock() + ANSWERING
            for connection, parent in list(self._connections.items()):
                if parent == socket:
                    self.close_connection(connection, 0, SOCKET_CLOSED, True)
            self._kept[socket] = kept
            self._end_kept()
            return True

    def _end_kept(self, also: tuple[Address, ...] = (), everybody: bool = False) -> bool:
        """Have the engine close the kept sockets that no connection needs: whether there were any.

        Peers that may still ask hold a socket up, unless it is at an address in ``also``, or
        ``everybody`` has to go.
        """
        needed = {one.listen_socket for one in list(self._lingering.values())}
        needed |= {one.listen_socket for one in list(self._hidden.values())}
        now, ended = self._engine.clock(), False
        for socket, (address, _) in list(self._kept.items()):
            if socket in needed:
                continue
            if self._answering.get(socket, 0.0) > now and not everybody and address not in also:
                continue
            if self._kept.pop(socket, None) is None:
                continue  # an object that was collected meanwhile was faster
            self._answering.pop(socket, None)
            lib.ISteamNetworkingSockets_CloseListenSocket(self._engine.pointer, socket)
            ended = True
        return ended

    # --- events ---------------------------------------------------------------------------------

    def _on_events(self, events: list[ConnectionEvent]) -> None:
        """Note what connection events opened or closed, and pass them on; the oldest is the last.

        Most of what is looked into is empty: asking that is cheaper.
        """
        connections, objects = self._connections, self.objects
        hidden, kept, private = self._hidden, self._kept, self._private
        note_events(events, connections, self._pairs, hidden)
        if self.notifier.peers:
            for event in reversed(events):
                if event.state is NONE and event.connection not in hidden:
                    self.notifier.connection_ended(event.connection)
        if not (hidden or kept or private or objects):
            self.reported.move(events)
        while events:
            event = events.pop()
            connection, state = event.connection, event.state
            if connection in hidden:
                if state not in OPENING:
                    connected = state == ConnectionState.CONNECTED
                    self._close_hidden(connection, "" if connected else _ending(event.info))
                continue
            if event.listen_socket in kept and event.is_incoming_request:
                private.add(connection)
                connections[connection] = 0  # the socket is not kept longer for its sake
                self.close_connection(connection, 0, SOCKET_CLOSED, False)
            if connection in private:
                if state is NONE:
                    private.discard(connection)
            elif connection in objects or event.listen_socket in objects:
                self._pass_on(event)
            else:
                self.reported.add(event)
        self.reported.trim()

    def _pass_on(self, event: ConnectionEvent) -> None:
        if not self.dispatch(event):
            self.reported.push(event)

    @property
    def is_idle(self) -> bool:
        """Whether `run` has nothing to do, nor the notifier, until an event comes or a call."""
        busy = self._events or self._lingering or self._kept or self._unlogged or self.errors
        return not (busy or self.notifier._closed)

    def run(self) -> None:
        """Go on with what is being closed; `Steam` calls this whenever the engine has worked."""
        if self._events or self._lingering or self._kept:
            with self._engine.events_lock:
                events, self._events = self._events, []
                for event in events:
                    self._pass_on(event)
                self._note_progress()
                self._end_kept()
        self._log_abandoned()

    def _note_abandoned(self) -> None:
        """Ask which connections could not deliver everything although they lingered.

        Only the loopback engine knows.
        """
        out = ffi.new("sn_closing[]", 16)
        while count := lib.sn_abandoned_connections(self._engine.pointer, out, len(out)):
            for one in _read(out, count):
                self._give_up(one, "the peer closed the connection or is gone")

    def _note_progress(self) -> None:
        if not self._lingering:
            return
        array, count = self._native_unacknowledged()
        waiting = {one.connection for one in array[0:count]}
        self._note_abandoned()  # before they are forgotten
        now = self._engine.clock()
        for connection, one in list(self._lingering.items()):
            if connection in waiting:
                continue
            if one.left_at is None:
                one.left_at = now + one.leaving
                self.notifier.connection_delivered(connection)
            if one.left_at <= now:
                del self._lingering[connection]
                self._expect_questions(one.listen_socket)

    # --- what is not delivered ------------------------------------------------------------------

    def _native_unacknowledged(self) -> tuple[Any, int]:
        """An array of ``sn_closing``, and how many of it are filled."""
        room = 64
        while True:
            out = ffi.new("sn_closing[]", room)
            count: int = lib.sn_closing_connections(self._engine.pointer, out, room)
            if count <= room:
                return out, count
            room = 2 * count

    def _unacknowledged(self) -> list[Unacknowledged]:
        """The connections whose reliable messages, or whose close, are still on their way."""
        return _read(*self._native_unacknowledged())

    def undelivered(self, own: bool = False) -> list[Unacknowledged]:
        """The connections, open or closed, with messages that are not acknowledged.

        ``own``: also those whose peer is another connection of this engine. For `shutdown`: what
        an open one had when it ended since the last call is abandoned.
        """
        with self._engine.events_lock:
            found = [one for one in self._unacknowledged() if one.messages]
            waiting = {one.connection for one in found}
            for one in self._waited_for:
                if one.connection in self._connections and one.connection not in waiting:
                    info = self._info(one.connection)
                    if info is not None and info.state in GONE:
                        self._give_up(one, _ending(info))
            self._waited_for = found
            for connection, hidden in list(self._hidden.items()):
                if connection not in waiting:  # it has failed, and the event will say so
                    found.append(Unacknowledged(connection, *hidden.what))
            return found if own else [one for one in found if not self._is_own(one)]

    def give_up(self, why: str) -> None:
        """Abandon what is not delivered."""
        with self._engine.events_lock:
            self._note_abandoned()
            for one in self.undelivered():
                self._give_up(one, why)

    def _give_up(self, one: Unacknowledged, why: str) -> None:
        if not self._is_own(one):
            self.abandon(Abandoned(self._peer(one), one.messages, one.bytes), why)

    def abandon(self, what: Abandoned, why: str) -> None:
        """Report what is given up; `run` logs it, or `end`."""
        if self.reports:
            self.abandoned.append(what)
            del self.abandoned[:-REPORTED]
            self._unlogged.append((what, why))

    def _log_abandoned(self) -> None:
        """Log it, without the engine's lock: who has a log's lock may wait for that one."""
        while self._unlogged:
            try:
                what, why = self._unlogged.popleft()
            except IndexError:
                break  # another thread was faster
            try:
                LOGGER.warning(
                    "abandoned for %s: %s reliable messages, %d bytes (%s)",
                    what.peer, what.messages or "some", what.bytes, why,
                )  # fmt: skip
            except BaseException as error:
                self.errors.append(error)

    # --- the end --------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send now what waits for more to share a packet with."""
        for one in self.undelivered():
            if one.connection in self._connections:
                lib.ISteamNetworkingSockets_FlushMessagesOnConnection(
                    self._engine.pointer, one.connection
                )

    def close_all(self) -> None:
        """Close the connections and listen sockets; no more is waited for what is undelivered."""
        with self._engine.events_lock:
            undelivered = {one.connection for one in self.undelivered(own=True)}
            for connection in list(self._hidden):
                lib.sn_show_connection(self._engine.pointer, connection)
                self._connections[connection] = self._hidden.pop(connection).listen_socket
                self._private.add(connection)
            for connection in self.connections:
                self.close_connection(connection, 0, b"", connection not in undelivered)
            for socket in list(self._listen_sockets):
                self.close_listen_socket(socket)

    @property
    def lingering(self) -> bool:
        """Whether the close of a connection may not have left yet."""
        return bool(self._lingering)

    def end(self) -> None:
        """Have the engine drop what it kept for others."""
        with self._engine.events_lock:
            self._lingering.clear()
            self._end_kept(everybody=True)
        self._log_abandoned()
        for group in list(self._poll_groups):
            self.destroy_poll_group(group)


class ClosingSessions:
    """The message sessions of an engine: whom `networking_messages` has written to or let in."""

    def __init__(self, engine: Engine, notifier: "GnsCloseNotifier") -> None:
        """Begin with none."""
        self._engine = engine
        self._notifier = notifier
        self._peers: dict[bytes, Any] = {}  # native identities, by what they consist of
        self._room = 256

    def add(self, peer: Any) -> None:
        """There is a session with that native identity now."""
        self._peers[bytes(ffi.buffer(peer))] = peer
        if len(self._peers) > self._room:
            for key, one in list(self._peers.items()):
                if self._status(one) is None:
                    self._peers.pop(key, None)
            self._room = max(256, 2 * len(self._peers))

    def _status(self, peer: Any) -> Any:
        """The real-time status of a session that is there; None if there is none."""
        status = ffi.new("SteamNetConnectionRealTimeStatus_t *")
        state = lib.ISteamNetworkingMessages_GetSessionConnectionInfo(
            self._engine.pointer, peer, ffi.NULL, status
        )
        return status if state in (*OPENING, ConnectionState.CONNECTED) else None

    def undelivered(self) -> list[Abandoned]:
        """What sessions have not delivered; the loopback engine tells it as of connections."""
        found = []
        for peer in list(self._peers.values()) if self._engine.name != "loopback" else ():
            status = self._status(peer)
            size = status.m_cbPendingReliable + status.m_cbSentUnackedReliable if status else 0
            if size:
                found.append(Abandoned(from_native(peer), 0, size))
        return found

    def close(self, peer: Any) -> bool:
        """Close a session, and have its peer told: what the engine answers."""
        answer: bool = lib.ISteamNetworkingMessages_CloseSessionWithUser(self._engine.pointer, peer)
        self._peers.pop(bytes(ffi.buffer(peer)), None)
        self._notifier.session_closed(from_native(peer))
        return answer

    def close_all(self) -> None:
        """Close all of them."""
        for peer in list(self._peers.values()):
            self.close(peer)


class GnsCloseNotifier:
    """Knows which signals make GNS tell the peers of P2P connections that those were closed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none."""
        self._clock = clock
        self.peers: dict[int, Identity] = {}
        """Those of all connections that have sent a signal."""
        self._signals: dict[int, bytes] = {}  # the latest to each
        self._lingering: dict[int, bytes] = {}  # signals of closed connections that still send
        self._closed: dict[int, tuple[bytes, float, int]] = {}  # signal, when, how often given
        self._untold: set[int] = set()

    def signal_sent(self, connection: int, peer: Identity) -> None:
        """A signal has gone out for a connection."""
        closed = self._closed.get(connection)
        if closed is not None:
            if closed[2] > 0:  # else the signal is from before the close
                self._untold.discard(connection)
        elif connection not in self._lingering:
            self.peers[connection] = peer
            if len(self.peers) > MOST_SIGNALS:
                self.connection_ended(next(iter(self.peers)))

    def signal_received(self, signal: bytes, sender: Identity | None) -> None:
        """A signal has come in. It is a connection's if it names it, as a request never does.

        And if it is from its peer, as far as the ``sender`` is known.
        """
        for connection, peer in list(self.peers.items()):
            if sender in (None, peer) and connection.to_bytes(4, "little") in signal:
                self._signals[connection] = signal

    def connection_closed(self, connection: int, lingers: bool = False) -> None:
        """A connection has been closed; GNS tells its peer only once what lingers has arrived."""
        self.peers.pop(connection, None)
        signal = self._signals.pop(connection, None)
        if signal is not None:
            self._lingering[connection] = signal
            if not lingers:
                self.connection_delivered(connection)

    def connection_delivered(self, connection: int) -> None:
        """All that was sent on a closed connection has arrived."""
        signal = self._lingering.pop(connection, None)
        if signal is not None:
            self._closed[connection] = signal, self._clock(), 0
            self._untold.add(connection)

    def session_closed(self, peer: Identity) -> None:
        """The message session with a user has been closed."""
        for connection, other in list(self.peers.items()):
            if other == peer:
                self.connection_closed(connection)

    def connection_ended(self, connection: int) -> None:
        """A connection has ended, closed or not."""
        if self.peers.pop(connection, None) is not None:  # only theirs are kept
            self._signals.pop(connection, None)

    def due(self) -> Iterator[bytes]:
        """Take the signals to be given to GNS now."""
        for connection, (signal, when, given) in list(self._closed.items()):
            if self._clock() - when >= RETRIES[given]:
                if given + 1 < len(RETRIES):
                    self._closed[connection] = signal, when, given + 1
                else:
                    self._closed.pop(connection, None)  # another thread may be at it too
                    self._untold.discard(connection)
                yield signal

    @property
    def untold(self) -> bool:
        """Whether a peer has not been told yet."""
        return bool(self._untold)


def _read(array: Any, count: int) -> list[Unacknowledged]:
    return [
        Unacknowledged(
            one.connection, from_native(ffi.addressof(one.peer)), one.messages, one.bytes
        )
        for one in array[0:count]
    ]


def _ending(info: ConnectionInfo) -> str:
    return f"{info.state_name}, reason {int(info.end_reason)}: {info.end_debug}"


def _closed_event(connection: int, info: ConnectionInfo, code: int, text: bytes) -> ConnectionEvent:
    """The event of a close, as engines report it."""
    words = text.decode() or "Application closed connection"
    if code and not EndReason.APP_GENERIC <= code < 3000:
        code, words = 1999, "Invalid numeric reason code"
    state = ConnectionState.NONE
    now = replace(
        info,
        state=state,
        state_name=state_name(state),
        end_reason=known(EndReason, code or EndReason.APP_GENERIC),
        end_debug=words,
    )
    return ConnectionEvent(connection, info.listen_socket, info.state, state, now)
