"""Lobbies: how players find each other before they connect."""

import builtins
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Generic, TypeVar

from .arguments import Payload, integer
from .engine import MAX_EVENTS, Engine, Uncopyable
from .enums import EResult, LobbyType
from .errors import ClosedError, ResultError, SteamnetError
from .events import EventStream
from .identity import Identity, in_short
from .lobby_backend import (
    Answer,
    Chat,
    Command,
    Create,
    Event,
    Inspect,
    Invite,
    InviteDialog,
    Join,
    Leave,
    LobbyBackend,
    LobbyEventKind,
    LobbyInfo,
    Search,
    SetData,
    SetJoinable,
    SetMaxMembers,
    SetMemberData,
    SetOwner,
    SetType,
)

T = TypeVar("T")
Comparison = str | int | tuple[str, str | int]
"""What a value is compared with: ``"dust"`` and 40 mean equality, ``(">=", 40)`` says how."""
ASKING = (LobbyEventKind.INVITED, LobbyEventKind.JOIN_REQUESTED)
LAUNCHED = "+connect_lobby"  # the argument that Steam starts a game with, before the lobby's id


class LobbyRequest(Uncopyable, Generic[T]):
    """Something asked that is answered later; made by `Lobbies`.

    Ask `done` after each ``run_callbacks``. In `steamnet.aio` it is awaited.
    """

    def __init__(self, operation: str) -> None:
        """Wait for an answer."""
        self._operation = operation
        self._value: T | None = None
        self._error: Exception | None = None
        self._done = False
        self._when_done: Callable[[], object] | None = None

    def __repr__(self) -> str:
        state = "pending" if not self._done else "failed" if self._error else "answered"
        return f"<LobbyRequest {self._operation}: {state}>"

    @property
    def done(self) -> bool:
        """Whether it is answered; so it is, with ClosedError, once the engine is shut down."""
        return self._done

    def result(self) -> T:
        """What was asked for.

        ResultError with Valve's reason if it was refused, and with PENDING before it is `done`.
        """
        if not self._done:
            raise ResultError(self._operation, EResult.PENDING, "ask again when it is done")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # there is one where there is no error

    def _answer(self, value: T | None, error: Exception | None = None) -> None:
        self._value, self._error = value, error
        self._done = True
        if self._when_done is not None:
            self._when_done()


class LobbyEvent:
    """Something that happened in a lobby, or an invitation to one."""

    __slots__ = ("data", "kind", "lobby", "user")

    def __init__(
        self, kind: LobbyEventKind, lobby: "Lobby", user: Identity | None, data: bytes
    ) -> None:
        """Say what happened."""
        self.kind = kind
        """What happened."""
        self.lobby = lobby
        """Where, or to which lobby we are to come."""
        self.user = user
        """Who joined, left, wrote, is the owner now, or invites; None where nobody is known."""
        self.data = data
        """What was said in a CHAT; the text to connect with of a rich presence; else b""."""

    def __repr__(self) -> str:
        said = f", {self.data!r}" if self.data else ""
        return f"<LobbyEvent {self.kind.name} in {self.lobby.id} by {self.user}{said}>"


class LobbyData(MutableMapping[str, str]):
    """A lobby's data, or a member's, as a mapping of str to str.

    Reading is free. Writing asks the lobby's keeper: what was written can be read here at once, and
    by others once they have an event. An empty value is none, as on Steam, where it cannot be told
    from a missing key. Keys have at most 255 bytes, values 8 KiB: ValueError beyond that. Off Steam
    all data of a lobby have 128 KiB at most, a member's 16 KiB: ResultError with LIMIT_EXCEEDED.
    """

    def __init__(self, lobby: "Lobby", user: Identity | None) -> None:
        """Show a member's data, or without ``user`` the lobby's."""
        self._lobby = lobby
        self._user = user

    def __repr__(self) -> str:
        try:
            return repr(self._all())
        except SteamnetError:  # Steam cannot list a member's, and after shutdown nothing can
            whose = "" if self._user is None else f" of {self._user}"
            return f"<LobbyData{whose} in lobby {self._lobby.id}>"

    def __getitem__(self, key: str) -> str:
        backend, lobby = self._lobby._lobbies._backend, self._lobby.id
        if not isinstance(key, str):
            raise KeyError(key)
        if self._user is None:
            value = backend.value(lobby, key)
        else:
            value = backend.member_value(lobby, self._user, key)
        if not value:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: str) -> None:
        lobby, lobbies = self._lobby.id, self._lobby._lobbies
        if self._user is None:
            lobbies._submit(SetData(lobby, key, value))
        elif self._user == lobbies._me:
            lobbies._submit(SetMemberData(lobby, key, value))
        else:
            operation = "lobby.member_data"
            raise ResultError(operation, EResult.ACCESS_DENIED, "each member writes its own")

    def __delitem__(self, key: str) -> None:
        self[key]  # KeyError
        self[key] = ""

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, str]:
        backend = self._lobby._lobbies._backend
        if self._user is None:
            return backend.data(self._lobby.id)
        return backend.member_data(self._lobby.id, self._user)


class Lobby(Uncopyable):
    """A lobby of ``ISteamMatchmaking`` that we are in, or were, or are invited to; equals its id.

    Of a lobby that we are not in, members are [], the owner is None, and the data are empty; what
    changes it or is for members raises ResultError with INVALID_STATE. What only the owner may do
    raises ResultError with ACCESS_DENIED for others. Changes are seen by all once they have an
    event of it, by us too.
    """

    def __init__(self, lobbies: "Lobbies", number: int) -> None:
        """Stand for the lobby with that number."""
        self.id = number
        """Its number, the same for everybody: `Lobbies.join` takes it."""
        self._lobbies = lobbies

    def __repr__(self) -> str:
        return f"<Lobby {self.id}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lobby):
            return self.id == other.id
        return self.id == other if isinstance(other, int) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def owner(self) -> Identity | None:
        """The one member who may change it; `steam.connect` takes it. None if we are not in it.

        ``ISteamMatchmaking::GetLobbyOwner``
        """
        return self._lobbies._backend.owner(self.id)

    @property
    def members(self) -> list[Identity]:
        """Who is in it, we included; elsewhere than on Steam in the order of joining.

        ``ISteamMatchmaking::GetNumLobbyMembers``, ``GetLobbyMemberByIndex``
        """
        return self._lobbies._backend.members(self.id)

    @property
    def max_members(self) -> int:
        """How many members it holds.

        ``ISteamMatchmaking::GetLobbyMemberLimit``
        """
        return self._lobbies._backend.max_members(self.id)

    @property
    def data(self) -> LobbyData:
        """Its data, which the owner may write, and by which others find it.

        ``ISteamMatchmaking::GetLobbyData``, ``SetLobbyData``
        """
        return LobbyData(self, None)

    @property
    def me(self) -> LobbyData:
        """Our own data in it, which we may write.

        ``ISteamMatchmaking::GetLobbyMemberData``, ``SetLobbyMemberData``
        """
        return LobbyData(self, self._lobbies._me)

    def member_data(self, user: str | int | Identity) -> LobbyData:
        """The data of a member. On Steam it cannot be listed, only asked for by key.

        ``ISteamMatchmaking::GetLobbyMemberData``
        """
        return LobbyData(self, Identity.parse(user))

    def set_type(self, type: LobbyType) -> None:  # noqa: A002  # as in `create`
        """Change who sees and may join it.

        ``ISteamMatchmaking::SetLobbyType``
        """
        self._lobbies._submit(SetType(self.id, _type(type)))

    def set_joinable(self, joinable: bool) -> None:
        """Open or close it for new members.

        ``ISteamMatchmaking::SetLobbyJoinable``
        """
        self._lobbies._submit(SetJoinable(self.id, bool(joinable)))

    def set_max_members(self, max_members: int) -> None:
        """Change how many it holds, 1-250; nobody has to leave.

        ``ISteamMatchmaking::SetLobbyMemberLimit``
        """
        self._lobbies._submit(SetMaxMembers(self.id, max_members))

    def set_owner(self, user: str | int | Identity) -> None:
        """Make another member the owner; ResultError with INVALID_PARAM if it is none.

        ``ISteamMatchmaking::SetLobbyOwner``
        """
        self._lobbies._submit(SetOwner(self.id, Identity.parse(user)))

    def send(self, data: Payload) -> None:
        """Send text or bytes to all members, us included: everybody gets all in one order.

        ValueError for nothing, and for more than 4 KiB. ``ISteamMatchmaking::SendLobbyChatMsg``
        """
        said = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        self._lobbies._submit(Chat(self.id, said))

    def invite(self, user: str | int | Identity) -> None:
        """Invite a user, who gets an INVITED event.

        ``ISteamMatchmaking::InviteUserToLobby``
        """
        self._lobbies._submit(Invite(self.id, Identity.parse(user)))

    def invite_dialog(self) -> None:
        """Open Steam's dialog to invite friends; UnsupportedError on other engines.

        ``ISteamFriends::ActivateGameOverlayInviteDialog``
        """
        self._lobbies._submit(InviteDialog(self.id))

    def leave(self) -> None:
        """Be a member no longer; nothing happens where we are none.

        ``ISteamMatchmaking::LeaveLobby``
        """
        if self._lobbies._backend.owner(self.id) is not None:
            self._lobbies._submit(Leave(self.id))


class Lobbies(Uncopyable):
    """``ISteamMatchmaking``: lobbies to make, list and join. `Steam.lobbies` is one.

    Nothing is answered within a call: a `LobbyRequest` is `done` in a later ``run_callbacks``.
    A user is in at most one regular and two invisible lobbies. Arguments of another type raise
    TypeError, ones that cannot be meant ValueError; after shutdown every call raises ClosedError.

    What many calls take: ``lobby``, the id of a lobby (int or decimal), a `Lobby` or a `LobbyInfo`.
    """

    def __init__(
        self, engine: Engine, me: Callable[[], Identity], open_backend: Callable[[], LobbyBackend]
    ) -> None:
        """Serve one user; the back end is opened when it is first needed."""
        self._engine = engine
        self._ask_me = me
        self._known_me: Identity | None = None
        self._open_backend = open_backend
        self._opened: LobbyBackend | None = None
        self._closed = False
        self._requests: dict[int, tuple[LobbyRequest[object], Command]] = {}
        self._known = weakref.WeakValueDictionary[int, Lobby]()
        self._events: EventStream[LobbyEvent] = EventStream("lobby", engine.check)
        self._requested: int | None = None
        self._launch_read = False

    def create(
        self,
        max_members: int = 4,
        data: Mapping[str, str] | None = None,
        type: LobbyType = LobbyType.PUBLIC,  # noqa: A002  # Valve's word
    ) -> LobbyRequest[Lobby]:
        """Make a lobby, and be its first member and owner.

        It is private until it has its ``data``, and then of its ``type``: so nobody finds it
        without them. ``max_members``: 1-250. The result is a `Lobby`.
        ``ISteamMatchmaking::CreateLobby``
        """
        command = Create(_type(type), max_members, dict(_mapping(data, "data")))
        return self._ask("lobbies.create", command)

    def list(
        self,
        where: Mapping[str, Comparison] | None = None,
        near: Mapping[str, int] | None = None,
        slots: int = 1,
        limit: int = 50,
        distance: str = "worldwide",
    ) -> LobbyRequest[builtins.list[LobbyInfo]]:
        """List public and invisible lobbies that can be joined.

        - ``where``: what their data must be: ``{"map": "dust", "skill": (">=", 40)}``. A value is
          a str, compared as text, or an int, compared as a number; the comparisons are ``==``,
          ``!=``, ``>``, ``>=``, ``<``, ``<=``.
        - ``near``: the nearest to these numbers come first, by the first key, then the next.
        - ``slots``: how many more members they must hold.
        - ``limit``: how many to list at most.
        - ``distance``: on Steam, how far away they may be: "close", "default", "far", "worldwide".

        The result is a list of `LobbyInfo`. ``ISteamMatchmaking::RequestLobbyList``
        """
        command = Search(
            tuple(_filter(key, value) for key, value in _mapping(where, "where").items()),
            tuple(_mapping(near, "near").items()),
            slots,
            limit,
            distance,
        )
        return self._ask("lobbies.list", command)

    def join(self, lobby: "int | str | Lobby | LobbyInfo") -> LobbyRequest[Lobby]:
        """Become a member. The result is a `Lobby`.

        ResultError has an `EChatRoomEnterResponse`: FULL, NOT_ALLOWED (it is closed), DOESNT_EXIST.
        ``ISteamMatchmaking::JoinLobby``
        """
        return self._ask("lobbies.join", Join(lobby_id(lobby)))

    def info(self, lobby: "int | str | Lobby | LobbyInfo") -> LobbyRequest[LobbyInfo]:
        """Ask for the data of a lobby that we need not be in. The result is a `LobbyInfo`.

        ``ISteamMatchmaking::RequestLobbyData``
        """
        return self._ask("lobbies.info", Inspect(lobby_id(lobby)))

    def events(self) -> builtins.list[LobbyEvent]:
        """Take what happened, as run_callbacks got it; [] while a handler is subscribed."""
        _ = self._backend  # so that invitations reach us
        return self._events.drain()

    def on_event(self, handler: Callable[[LobbyEvent], object]) -> Callable[[LobbyEvent], object]:
        """Call the ``handler`` with each event; also a decorator."""
        self._engine.check()
        _ = self._backend
        return self._events.subscribe(handler)

    def remove_handler(self, handler: Callable[[LobbyEvent], object]) -> None:
        """Stop calling a ``handler``; ValueError if it was not subscribed."""
        self._events.unsubscribe(handler)

    def requested(self) -> int | None:
        """The id of the lobby that the player is to join, once; else None.

        "Join game" in Steam names it, an invitation does, and so does ``+connect_lobby ID`` on
        the command line. Off Steam, where nothing else could ask the player, an invitation counts
        as soon as it comes: ask before you join.
        """
        self._engine.check()
        backend = self._backend
        with self._engine.events_lock:
            if not self._launch_read:
                self._launch_read = True
                self._requested = backend.requested() or _launch_argument() or self._requested
            found, self._requested = self._requested, None
        return found

    @property
    def _me(self) -> Identity:
        """Who we are in lobbies: who we were when this was first asked."""
        if self._known_me is None:
            self._known_me = self._ask_me()
        return self._known_me

    @property
    def _backend(self) -> LobbyBackend:
        self._engine.check()
        if (backend := self._opened) is not None:
            return backend
        with self._engine.events_lock:
            if self._closed:  # the engine is being shut down
                raise ClosedError(self._engine.closed_reason)
            if self._opened is None:
                self._opened = self._open_backend()
            return self._opened

    def _submit(self, command: Command) -> int:
        self._engine.check()
        with self._engine.events_lock:  # its answer must not come in between
            return (self._opened or self._backend).submit(command)

    def _ask(self, operation: str, command: Command) -> LobbyRequest[T]:
        request: LobbyRequest[T] = LobbyRequest(operation)
        with self._engine.events_lock:
            number = self._submit(command)
            self._requests[number] = (request, command)  # type: ignore[assignment]  # of any T
        return request

    def _poll(self) -> None:
        """Take what the back end has, in `Steam.run_callbacks`."""
        if (backend := self._opened) is None:
            return
        with self._engine.events_lock:
            lobby: Lobby | None = None  # many events in a row are of the same one
            for item in backend.poll(MAX_EVENTS):
                if isinstance(item, Answer):
                    self._answer(item)
                    continue
                if lobby is None or lobby.id != item.lobby:
                    lobby = self._lobby(item.lobby)
                if item.kind in ASKING:
                    self._asked_to_join(item)
                self._events.push(LobbyEvent(item.kind, lobby, item.user, item.data))

    def _answer(self, answer: Answer) -> None:
        request, command = self._requests.pop(answer.request, (None, None))
        if request is None:
            return
        if answer.result != EResult.OK:
            error = ResultError(
                request._operation, answer.result, answer.detail, reason=answer.result
            )
            request._answer(None, error)
        elif isinstance(command, Search):
            request._answer(builtins.list(answer.infos))
        elif isinstance(command, Inspect):
            request._answer(answer.infos[0])
        else:
            request._answer(self._lobby(answer.lobby))

    def _asked_to_join(self, event: Event) -> None:
        # Steam itself asks the player, who may decline an invitation; elsewhere nobody does.
        decided = event.kind == LobbyEventKind.JOIN_REQUESTED or self._engine.name != "steam"
        if decided and event.lobby:
            self._requested = event.lobby

    def _lobby(self, number: int) -> Lobby:
        """The one object for a lobby."""
        lobby = self._known.get(number)
        if lobby is None:
            lobby = self._known[number] = Lobby(self, number)
        return lobby

    def _has_events(self) -> bool:
        """Whether some wait for `events`."""
        return bool(self._events)

    def _streams(self) -> tuple[EventStream[LobbyEvent], ...]:
        """The streams whose handlers are to be called."""
        return (self._events,)

    def _close(self) -> None:
        """Leave all lobbies; whatever waits for an answer is told. Idempotent."""
        with self._engine.events_lock:
            self._closed = True
            backend, self._opened = self._opened, None
            waiting, self._requests = self._requests, {}
        if backend is not None:
            backend.close()
        for request, _ in waiting.values():
            request._answer(None, ClosedError(self._engine.closed_reason))


def lobby_id(lobby: "int | str | Lobby | LobbyInfo") -> int:
    """The id of whatever names a lobby; ValueError for what is no id."""
    if isinstance(lobby, Lobby | LobbyInfo):
        return lobby.id
    if isinstance(lobby, str):
        if not (lobby.isascii() and lobby.isdecimal() and len(lobby) <= 20):
            raise ValueError(f"{in_short(lobby)} is no lobby: give its id in decimal")
        lobby = int(lobby)
    return integer(lobby, "lobby", 1, 2**64 - 1)


def _type(value: LobbyType) -> LobbyType:
    return LobbyType(integer(value, "type", min(LobbyType), max(LobbyType)))


def _mapping(value: Mapping[str, T] | None, what: str) -> Mapping[str, T]:
    """A mapping, also for None; TypeError for another type."""
    if not isinstance(value, Mapping | None):
        raise TypeError(f"{what} must be a mapping, not {type(value)}")
    return value or {}


def _filter(key: str, value: Comparison) -> tuple[str, str, str | int]:
    if not isinstance(value, tuple):
        return key, "==", value
    if len(value) != 2:
        raise ValueError(f"the filter of {key!r} is a value, or a comparison and a value: {value}")
    return key, *value


def _launch_argument() -> int | None:
    """The lobby that the command line names."""
    words = sys.argv
    if LAUNCHED in words[:-1]:
        word = words[words.index(LAUNCHED) + 1]
        if word.isascii() and word.isdecimal() and 0 < int(word) < 2**64:
            return int(word)
    return None
