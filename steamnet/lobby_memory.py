"""Lobbies in the memory of one process: of a rendezvous server, and of players in tests."""

import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable

from .clock import VirtualClock
from .enums import EChatRoomEnterResponse, EResult, LobbyType
from .lobby_backend import Create, Inspect, InviteDialog, Join, LobbyEventKind, Search
from .lobby_client import Deliver, Lost, People, Person, Reply, Request, SetPresence, Update
from .lobby_rules import (
    Refused,
    State,
    Told,
    User,
    Vanish,
    create,
    decide,
    info,
    search,
    update,
)

MAX_PEOPLE = 250  # that one is told of
MAX_PRESENCE_KEYS = 20  # of a user
MAX_LOBBIES = 100_000
LOBBY = 1 << 56 | 8 << 52 | 0x40000 << 32  # what Steam's ids of lobbies have besides the account


class Guest:
    """A user of a hub; made by `Hub.enter`. It is a `Carrier`."""

    def __init__(self, hub: "Hub", user: User, app: int, deliver: Deliver) -> None:
        """Belong to a hub."""
        self.user = user
        self.lobbies: dict[int, None] = {}
        self.presence: dict[str, str] = {}
        self.app = app
        self.deliver = deliver
        self._hub = hub

    def submit(self, number: int, request: Request) -> None:
        """Do what is asked, and deliver what comes of it."""
        self._hub._submit(self, number, request)

    def close(self) -> None:
        """Leave: the members of its lobbies are told that it has left."""
        self._hub._leave(self, LobbyEventKind.LEFT)

    def vanish(self) -> None:
        """Be gone: the members of its lobbies are told that it is disconnected."""
        self._hub._leave(self, LobbyEventKind.DISCONNECTED)


class Hub:
    """All lobbies of some users. It may be used from any thread."""

    def __init__(self, clock: Callable[[], float], below: Callable[[int], int]) -> None:
        """Begin empty; ``clock`` tells seconds, ``below(n)`` draws a number from 0 to n - 1."""
        self._clock = clock
        self._below = below
        self._lock = threading.RLock()
        self._states: dict[int, State] = {}
        self._guests: dict[str, Guest] = {}

    def enter(self, user: User, app: int, deliver: Deliver) -> Guest:
        """Let a user in. The newest of an identity is that user; an older one is gone."""
        with self._lock:
            if (older := self._guests.get(user.identity)) is not None:
                older.vanish()
            guest = self._guests[user.identity] = Guest(self, user, app, deliver)
        return guest

    def _submit(self, guest: Guest, number: int, request: Request) -> None:
        with self._lock:
            try:
                if self._guests.get(guest.user.identity) is not guest:
                    raise Refused(EResult.LOGGED_IN_ELSEWHERE, "this user was opened again")
                reply = self._reply(guest, number, request)
            except Refused as refusal:
                reply = Reply(number, refusal.result, refusal.detail)
            guest.deliver(reply)

    def _reply(self, guest: Guest, number: int, request: Request) -> Reply:
        if isinstance(request, Search):
            found = search(self._states.values(), request, guest.user.identity)
            return Reply(number, EResult.OK, infos=tuple(found))
        if isinstance(request, Inspect):
            if (state := self._states.get(request.lobby)) is None:
                raise Refused(EChatRoomEnterResponse.DOESNT_EXIST, "there is no such lobby")
            return Reply(number, EResult.OK, infos=(info(state, guest.user.identity),))
        if isinstance(request, People):
            return Reply(number, EResult.OK, people=tuple(self._people()))
        if isinstance(request, SetPresence):
            self._set_presence(guest, request)
            return Reply(number, EResult.OK)
        if isinstance(request, Create):
            return Reply(number, EResult.OK, state=self._create(guest, request))
        if isinstance(request, InviteDialog):
            raise Refused(EResult.INVALID_PARAM, "there is no dialog here")
        self._carry_out(request, self._asking(guest))
        if isinstance(request, Join):
            return Reply(number, EResult.OK, state=self._states[request.lobby].copy())
        return Reply(number, EResult.OK)

    def _create(self, guest: Guest, command: Create) -> State:
        if len(self._states) >= MAX_LOBBIES:
            raise Refused(EResult.LIMIT_EXCEEDED, "there are too many lobbies here")
        number = LOBBY | self._below(2**32)
        while number in self._states:
            number = LOBBY | self._below(2**32)
        state = create(number, command, self._asking(guest), self._clock())
        self._states[number] = state
        guest.lobbies[number] = None
        return state.copy()

    def _asking(self, guest: Guest) -> User:
        """The user as the rules know it, with the lobbies that it is in."""
        user = guest.user
        kinds = {number: self._states[number].type for number in guest.lobbies}
        return User(user.identity, user.name, user.place, kinds)

    def _carry_out(self, command: Told, user: User) -> None:
        """Change a lobby, and tell its members, those who join and leave excepted."""
        state = self._states.get(command.lobby)
        changes = decide(state, command, user)
        if state is None or not changes:
            return
        before, told = set(state.members), list[Update]()
        for change in changes:
            if not update(state, change):
                del self._states[command.lobby]
                break
            told.append(Update(command.lobby, change))
        for name in before - state.members.keys():
            if (guest := self._guests.get(name)) is not None:
                guest.lobbies.pop(command.lobby, None)
        for name in state.members.keys() - before:
            self._guests[name].lobbies[command.lobby] = None
        for one in told:
            if one.change.to:
                self._tell(one.change.to, one)
                continue
            for name in state.members:
                if name in before:
                    self._tell(name, one)

    def _tell(self, name: str, update: Update) -> None:
        if (guest := self._guests.get(name)) is not None:
            guest.deliver(update)

    def _people(self) -> Iterable[Person]:
        for guest in list(self._guests.values())[:MAX_PEOPLE]:
            lobbies = [number for number in guest.lobbies if shown(self._states[number])]
            yield Person(
                guest.user.identity,
                guest.user.name,
                guest.app,
                lobbies[0] if lobbies else 0,
                dict(guest.presence),
            )

    def _set_presence(self, guest: Guest, request: SetPresence) -> None:
        guest.presence.pop(request.key, None)
        if request.value:
            if len(guest.presence) >= MAX_PRESENCE_KEYS:
                raise Refused(EResult.LIMIT_EXCEEDED, f"more than {MAX_PRESENCE_KEYS} keys")
            guest.presence[request.key] = request.value

    def _leave(self, guest: Guest, kind: LobbyEventKind) -> None:
        with self._lock:
            if self._guests.get(guest.user.identity) is not guest:
                return
            user = self._asking(guest)
            for number in list(guest.lobbies):
                self._carry_out(Vanish(number, user.identity, user.place, kind), user)
                guest.deliver(Lost(number))
            del self._guests[guest.user.identity]


def shown(state: State) -> bool:
    """Whether friends of a member may see that it is in this lobby."""
    return state.type in (LobbyType.FRIENDS_ONLY, LobbyType.PUBLIC)


_hubs = weakref.WeakKeyDictionary[object, Hub]()


def hub_of(clock: VirtualClock) -> Hub:
    """The one for the players of a virtual clock."""
    hub = _hubs.get(clock)
    if hub is None:
        hub = _hubs[clock] = Hub(clock.now, clock.random.randrange)
    return hub


def new_hub() -> Hub:
    """One on this machine's time."""
    return Hub(time.time, secrets.randbelow)
