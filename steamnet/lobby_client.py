"""The back end of lobbies off Steam: one user's view of them, over a carrier that keeps them.

The carrier has the truth: the memory of this process, a store of this machine, or a rendezvous
server. It answers later, and tells of changes in their order; this applies them.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from .engine import Engine
from .enums import EResult, PersonaState
from .errors import ResultError, UnsupportedError
from .identity import Identity, identity_of
from .lobby_backend import (
    CALLED,
    MAX_PRESENCE,
    MAX_PRESENCE_KEY,
    Answer,
    Command,
    Create,
    Event,
    Friend,
    Inspect,
    InviteDialog,
    Join,
    Leave,
    LobbyEventKind,
    LobbyInfo,
    Result,
    Search,
    SetData,
    SetMemberData,
    text_within,
)
from .lobby_rules import Change, Member, Refused, State, User, decide, update

ASKED = (Create, Search, Join, Inspect)
MOST_WAITING = 1024  # requests that wait for their answers
FRESH = 1.0  # seconds for which the list of users is not asked for again


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the rendezvous."""

    identity: str
    name: str
    app: int = 0
    lobby: int = 0
    presence: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class People:
    """Ask who uses the rendezvous. Answered with all, or 250 at most."""


@dataclass(frozen=True, slots=True)
class SetPresence:
    """Let the others see a text, or remove it ("")."""

    key: str
    value: str

    def __post_init__(self) -> None:
        """Check what was given."""
        text_within(self.key, "a key", MAX_PRESENCE_KEY, 1)
        text_within(self.value, "a value", MAX_PRESENCE)


Request = Command | People | SetPresence


@dataclass(frozen=True, slots=True)
class Reply:
    """What a carrier answers; ``state``: of a lobby that was made or joined, to keep."""

    request: int
    result: Result
    detail: str = ""
    state: State | None = None
    infos: tuple[LobbyInfo, ...] = ()
    people: tuple[Person, ...] | None = None


@dataclass(slots=True)  # not frozen, as `Change`
class Update:
    """A change of a lobby that the user is in; or an invitation to one."""

    lobby: int
    change: Change


@dataclass(frozen=True, slots=True)
class Lost:
    """The carrier has lost a lobby that the user was in."""

    lobby: int


Item = Reply | Update | Lost
Deliver = Callable[[Item], None]
"""What a carrier calls, from any thread, with what is for one user, in order."""


class Inbox:
    """What a carrier has for one user, until its `run_callbacks` takes it."""

    def __init__(self, engine: Engine) -> None:
        """Begin empty; the ``engine`` is told when something comes."""
        self._engine = engine
        self.items: deque[Reply | Lost | tuple[Event, Change]] = deque()
        """What waits, oldest first; an update as its event, which the game's thread need not make,
        and the change."""

    def put(self, item: Item) -> None:
        """Add an item, from any thread."""
        if isinstance(item, Update):
            change = item.change
            event = Event(change.kind, item.lobby, identity_of(change.user), change.data)
            self.items.append((event, change))
        else:
            self.items.append(item)
        self._engine.note_news()


class Carrier(Protocol):
    """Keeps lobbies, for one user. Everything is answered through its `Inbox`, in order."""

    def submit(self, number: int, request: Request) -> None:
        """Begin a request: one `Reply` with its number follows, after the changes that it made."""

    def close(self) -> None:
        """Leave all lobbies, and deliver nothing more; idempotent."""


class LobbyClient:
    """A `LobbyBackend` for one user, over a carrier."""

    def __init__(
        self,
        engine: Engine,
        user: User,
        app: int,
        open_carrier: Callable[[User, int, Inbox], Carrier],
    ) -> None:
        """Open the carrier for a ``user`` of the game ``app``."""
        self._engine = engine
        self._user = user
        self._app = app
        self._me = identity_of(user.identity)
        self._lobbies: dict[int, State] = {}
        self._inbox = Inbox(engine)
        self._numbers = 0
        self._waiting: dict[int, Request] = {}  # requests that are not answered yet
        # What this user wrote, and no carrier has confirmed: by lobby, user ("": the lobby's) and
        # key the request and the value.
        self._written: dict[tuple[int, str, str], tuple[int, str]] = {}
        self._people: dict[str, Person] = {}
        self._people_asked: float | None = None
        self._carrier = open_carrier(user, app, self._inbox)

    def submit(self, command: Command) -> int:
        """Begin a command; see `LobbyBackend.submit`."""
        if isinstance(command, InviteDialog):
            raise UnsupportedError(f"the {self._engine.name} engine has no invite dialog")
        if not isinstance(command, ASKED):
            state = self._lobbies.get(command.lobby)
            if self._written and state is not None and isinstance(command, SetData | SetMemberData):
                state = self._as_written(state)
            try:
                decide(state, command, self._user)
            except Refused as refusal:
                operation = CALLED[type(command)]
                raise ResultError(operation, refusal.result, refusal.detail) from None
        number = self._ask(command)
        if isinstance(command, SetData):
            self._written[command.lobby, "", command.key] = number, command.value
        elif isinstance(command, SetMemberData):
            key = command.lobby, self._user.identity, command.key
            self._written[key] = number, command.value
        elif isinstance(command, Leave):
            self._forget(command.lobby)
        return number

    def poll(self, limit: int) -> Iterator[Answer | Event]:
        """Take what has come, and change the view; see `LobbyBackend.poll`."""
        items = self._inbox.items
        for _ in range(min(limit, len(items))):
            item = items.popleft()
            if isinstance(item, tuple):
                event, change = item
                if event.kind != LobbyEventKind.INVITED:
                    if (state := self._lobbies.get(event.lobby)) is None:
                        continue  # left meanwhile
                    update(state, change)
                yield event
            elif isinstance(item, Reply):
                if (answer := self._answered(item)) is not None:
                    yield answer
            elif item.lobby in self._lobbies:
                self._forget(item.lobby)
                yield Event(LobbyEventKind.DISCONNECTED, item.lobby, self._me)
        if items:
            self._engine.note_news()

    def owner(self, lobby: int) -> Identity | None:
        """The owner; None if the user is not in it."""
        state = self._lobbies.get(lobby)
        return identity_of(state.owner) if state is not None else None

    def members(self, lobby: int) -> list[Identity]:
        """The members, in the order of joining."""
        state = self._lobbies.get(lobby)
        return [identity_of(user) for user in state.members] if state is not None else []

    def max_members(self, lobby: int) -> int:
        """How many members it holds; 0 if the user is not in it."""
        state = self._lobbies.get(lobby)
        return state.max_members if state is not None else 0

    def data(self, lobby: int) -> dict[str, str]:
        """A copy of the lobby's data."""
        state = self._lobbies.get(lobby)
        return self._with_written(dict(state.data), lobby, "") if state is not None else {}

    def value(self, lobby: int, key: str) -> str:
        """One value of the lobby's data; "" if there is none."""
        if (written := self._written.get((lobby, "", key))) is not None:
            return written[1]
        state = self._lobbies.get(lobby)
        return state.data.get(key, "") if state is not None else ""

    def member_data(self, lobby: int, user: Identity) -> dict[str, str]:
        """A copy of a member's data."""
        state = self._lobbies.get(lobby)
        member = state.members.get(user) if state is not None else None
        return self._with_written(dict(member.data), lobby, user) if member is not None else {}

    def member_value(self, lobby: int, user: Identity, key: str) -> str:
        """One value of a member's data; "" if there is none."""
        if (written := self._written.get((lobby, user, key))) is not None:
            return written[1]
        state = self._lobbies.get(lobby)
        member = state.members.get(user) if state is not None else None
        return member.data.get(key, "") if member is not None else ""

    def requested(self) -> int:
        """No engine but Steam knows why the program was started."""
        return 0

    def name(self) -> str:
        """The user's own name."""
        return self._user.name

    def friends(self) -> list[Friend]:
        """The users of the rendezvous, as it last told, but this one; asks again."""
        self._ask_people()
        return [
            Friend(
                identity_of(person.identity),
                person.name,
                PersonaState.ONLINE,
                person.app == self._app,
                person.lobby or None,
            )
            for person in self._people.values()
            if person.identity != self._me
        ]

    def name_of(self, user: Identity) -> str:
        """A user's name, from a lobby or from the list of users."""
        if user == self._me:
            return self._user.name
        for state in self._lobbies.values():
            if (member := state.members.get(user)) is not None:
                return member.name
        self._ask_people()
        person = self._people.get(user)
        return person.name if person is not None else ""

    def set_rich_presence(self, key: str, value: str) -> bool:
        """Let the users of the rendezvous see a text."""
        try:
            self._ask(SetPresence(key, value))
        except ResultError:  # too many wait
            return False
        return True

    def close(self) -> None:
        """Leave all lobbies, and close the carrier."""
        self._carrier.close()

    def _ask(self, request: Request) -> int:
        """Begin a request, and return its number; ResultError while too many wait."""
        with self._engine.events_lock:  # friends ask from any thread
            if len(self._waiting) >= MOST_WAITING and not isinstance(request, Leave):
                detail = f"{MOST_WAITING} requests wait for their answers: try again later"
                raise ResultError("lobbies", EResult.LIMIT_EXCEEDED, detail)
            self._numbers += 1
            number = self._numbers
            self._waiting[number] = request
            self._carrier.submit(number, request)
        return number

    def _ask_people(self) -> None:
        now = self._engine.time.now()
        if self._people_asked is None or not 0 <= now - self._people_asked < FRESH:
            self._people_asked = now
            with suppress(ResultError):  # asked again later
                self._ask(People())

    def _answered(self, reply: Reply) -> Answer | None:
        request = self._waiting.pop(reply.request, None)
        if isinstance(request, SetData):
            self._confirm(request.lobby, "", request.key, reply.request)
        elif isinstance(request, SetMemberData):
            self._confirm(request.lobby, self._user.identity, request.key, reply.request)
        if reply.people is not None:
            self._people = {person.identity: person for person in reply.people}
        if not isinstance(request, ASKED):
            return None
        number = 0
        if reply.state is not None:
            number = reply.state.id
            self._lobbies[number] = reply.state
        return Answer(reply.request, reply.result, number, reply.infos, reply.detail)

    def _confirm(self, lobby: int, user: str, key: str, number: int) -> None:
        """The carrier has what this user wrote, unless it wrote something else since."""
        written = self._written.get((lobby, user, key))
        if written is not None and written[0] == number:
            del self._written[lobby, user, key]

    def _forget(self, lobby: int) -> None:
        self._lobbies.pop(lobby, None)
        self._written = {key: value for key, value in self._written.items() if key[0] != lobby}

    def _as_written(self, state: State) -> State:
        """A lobby, if all that this user wrote is confirmed."""
        after = state.copy()
        after.data = self.data(state.id)
        if (member := state.members.get(self._me)) is not None:
            data = self.member_data(state.id, self._me)
            after.members[self._me] = Member(member.name, member.place, data)
        return after

    def _with_written(self, data: dict[str, str], lobby: int, user: str) -> dict[str, str]:
        for (where, who, key), (_, value) in self._written.items():
            if (where, who) == (lobby, user):
                data[key] = value
        return {key: value for key, value in data.items() if value}
