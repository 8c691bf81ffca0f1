"""The rules of lobbies as functions of values: nothing here reads, writes, waits or draws by lot.

`decide` says what a command changes, and `update` makes a lobby's next state of it, wherever that
change is read. So all who know a lobby's state, and then its changes in their order, agree on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import eq, ge, gt, le, lt, ne

from .enums import EChatRoomEnterResponse, EResult, LobbyType
from .identity import identity_of
from .lobby_backend import (
    COMPARISONS,
    Chat,
    Create,
    Invite,
    Join,
    Leave,
    LobbyEventKind,
    LobbyInfo,
    Result,
    Search,
    SetData,
    SetJoinable,
    SetMaxMembers,
    SetMemberData,
    SetOwner,
    SetType,
    Written,
)

MAX_INVISIBLE = 2  # lobbies of that type that a user may be in, besides a regular one
MAX_DATA = 2**17  # bytes of all keys and values of a lobby
MAX_MEMBER_DATA = 2**14  # and of a member
LISTED = (LobbyType.PUBLIC, LobbyType.INVISIBLE)
OPERATORS = dict(zip(COMPARISONS, (eq, ne, gt, ge, lt, le), strict=True))


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, as far as the rules have to know."""

    identity: str
    """Who it is."""
    name: str = ""
    """What others see."""
    place: str = ""
    """Where it runs: one for each time that it was opened."""
    lobbies: Mapping[int, LobbyType] = field(default_factory=dict)
    """The lobbies that it is in."""


@dataclass(slots=True)
class Member:
    """A user in a lobby. `update` alone changes it."""

    name: str
    place: str
    data: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Member":
        """Another one, which changes by itself."""
        return Member(self.name, self.place, dict(self.data))


@dataclass(slots=True)
class State:
    """A lobby. It has a member at least, and its owner is one. `update` alone changes it."""

    id: int
    type: LobbyType
    max_members: int
    owner: str
    members: dict[str, Member]
    """In the order of joining."""
    data: dict[str, str]
    created: float
    """When, in seconds of any clock."""
    joinable: bool = True

    def copy(self) -> "State":
        """Another one, which changes by itself."""
        return State(
            self.id,
            self.type,
            self.max_members,
            self.owner,
            {name: member.copy() for name, member in self.members.items()},
            dict(self.data),
            self.created,
            self.joinable,
        )


@dataclass(slots=True)  # not frozen, which would take three times as long; nobody changes it
class Change:
    """What changes a lobby, or is told to its members."""

    kind: LobbyEventKind
    user: str
    """Who joined, is gone, wrote, owns it now, or invites."""
    data: bytes = b""
    """What was said."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Of DATA and MEMBER_DATA: the new values; "" removes one."""
    type: LobbyType | None = None
    """Of DATA: the new type, limit or openness; None where it stays."""
    max_members: int | None = None
    joinable: bool | None = None
    member: Member | None = None
    """Of JOINED: the member."""
    to: str = ""
    """Of INVITED: the user that alone gets it."""


@dataclass(frozen=True, slots=True)
class Vanish:
    """A member is gone, as who keeps the lobby has seen. Not for users."""

    lobby: int
    user: str
    place: str
    kind: LobbyEventKind = LobbyEventKind.DISCONNECTED
    """How: LEFT or DISCONNECTED."""


Told = Written | Join | Vanish
"""The commands that concern one lobby which is there."""


class Refused(Exception):  # noqa: N818  # an answer, and no error
    """A command that the rules do not allow."""

    def __init__(self, result: Result, detail: str) -> None:
        """Say why."""
        super().__init__(result, detail)
        self.result = result
        self.detail = detail


def create(number: int, command: Create, user: User, now: float) -> State:
    """The new lobby, with its maker as owner and only member; or Refused."""
    _check_room(command.type, user)
    data = {key: value for key, value in command.data.items() if value}
    _check_size(data, MAX_DATA)
    member = Member(user.name, user.place)
    members = {user.identity: member}
    return State(
        number, command.type, command.max_members, user.identity, members, data, round(now, 3)
    )


def decide(state: State | None, command: Told, user: User) -> list[Change]:
    """What a user's command changes in a lobby, in order; [] if nothing. Refused says why not."""
    if isinstance(command, Join):
        return _join(state, user)
    if isinstance(command, Vanish):
        return _vanish(state, command)
    if state is None or user.identity not in state.members:
        raise Refused(EResult.INVALID_STATE, "you are not in this lobby")
    if isinstance(command, Leave):
        return _gone(state, LobbyEventKind.LEFT, user.identity)
    if isinstance(command, SetMemberData):
        before = state.members[user.identity].data
        return _written(LobbyEventKind.MEMBER_DATA, before, command, user, MAX_MEMBER_DATA)
    if isinstance(command, Chat):
        return [Change(LobbyEventKind.CHAT, user.identity, command.data)]
    if isinstance(command, Invite):
        return [Change(LobbyEventKind.INVITED, user.identity, to=str(command.user))]
    if user.identity != state.owner:
        raise Refused(EResult.ACCESS_DENIED, f"only its owner may, {state.owner}")
    return _owners(state, command, user)


def update(state: State, change: Change) -> bool:
    """Change a state in place: whether the lobby is still there, which it is while it has members.

    It costs no more where there are many members.
    """
    kind, user = change.kind, change.user
    members = state.members
    if kind == LobbyEventKind.CHAT:
        pass
    elif kind == LobbyEventKind.MEMBER_DATA:
        if (member := members.get(user)) is not None:
            _write(member.data, change.values)
    elif kind == LobbyEventKind.JOINED:
        if change.member is not None:
            members[user] = change.member.copy()
    elif kind in (LobbyEventKind.LEFT, LobbyEventKind.DISCONNECTED):
        # The next owner is known before the event that tells of it: who looks in between finds one.
        state.owner = _heir(state, user) or state.owner
        members.pop(user, None)
    elif kind == LobbyEventKind.OWNER:
        state.owner = user
    elif kind == LobbyEventKind.DATA:
        _write(state.data, change.values)
        state.type = state.type if change.type is None else change.type
        limit = change.max_members
        state.max_members = state.max_members if limit is None else limit
        state.joinable = state.joinable if change.joinable is None else change.joinable
    return bool(members)


def apply(state: State, *changes: Change) -> State | None:
    """The state after changes; None if the lobby is gone, since its last member is."""
    after = state.copy()
    return after if all(update(after, change) for change in changes) else None


def info(state: State, viewer: str = "") -> LobbyInfo:
    """What a viewer can know of a lobby: who owns it, only a member."""
    owner = identity_of(state.owner) if viewer in state.members else None
    return LobbyInfo(state.id, len(state.members), state.max_members, dict(state.data), owner)


def search(states: Iterable[State], command: Search, viewer: str = "") -> list[LobbyInfo]:
    """The lobbies that a search finds: the nearest first, then the oldest."""
    found = [state for state in states if _matches(state, command)]
    found.sort(key=lambda state: (_distances(state, command), state.created, state.id))
    return [info(state, viewer) for state in found[: command.limit]]


def _matches(state: State, command: Search) -> bool:
    free = state.max_members - len(state.members)
    return (
        state.type in LISTED
        and state.joinable
        and free >= max(command.slots, 1)
        and all(_fits(state.data.get(key, ""), how, what) for key, how, what in command.where)
    )


def _fits(value: str, comparison: str, operand: str | int) -> bool:
    """Whether a value compares so; what is no number is unequal to every number, and no more."""
    if isinstance(operand, str):
        return bool(OPERATORS[comparison](value, operand))
    number = _number(value)
    if number is None:
        return comparison == "!="
    return bool(OPERATORS[comparison](number, operand))


def _distances(state: State, command: Search) -> list[float]:
    """How far its numbers are from those asked for; a lobby without one comes last."""
    numbers = [(_number(state.data.get(key, "")), near) for key, near in command.near]
    return [float("inf") if have is None else abs(have - near) for have, near in numbers]


def _number(value: str) -> int | None:
    """The number that a value is, as C reads one: a sign and digits, of 64 bits at most."""
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        return None
    return int(value)


def _join(state: State | None, user: User) -> list[Change]:
    if state is None:
        raise Refused(EChatRoomEnterResponse.DOESNT_EXIST, "there is no such lobby")
    present = state.members.get(user.identity)
    if present is not None and present.place == user.place:
        return []  # it is in it already
    if present is None:  # else it was opened again, and the old place has not been missed yet
        _check_room(state.type, user, EChatRoomEnterResponse.ERROR)
        if not state.joinable:
            raise Refused(EChatRoomEnterResponse.NOT_ALLOWED, "its owner has closed it")
        if len(state.members) >= state.max_members:
            limit = f"it holds {state.max_members} members"
            raise Refused(EChatRoomEnterResponse.FULL, limit)
    member = Member(user.name, user.place)
    return [Change(LobbyEventKind.JOINED, user.identity, member=member)]


def _vanish(state: State | None, command: Vanish) -> list[Change]:
    member = state.members.get(command.user) if state is not None else None
    if state is None or member is None or member.place != command.place:
        return []
    return _gone(state, command.kind, command.user)


def _gone(state: State, kind: LobbyEventKind, user: str) -> list[Change]:
    changes = [Change(kind, user)]
    if (heir := _heir(state, user)) is not None:
        changes.append(Change(LobbyEventKind.OWNER, heir))
    return changes


def _heir(state: State, user: str) -> str | None:
    """Who becomes the owner when a member is gone, if that was it: the longest of the others."""
    others = (other for other in state.members if other != user)
    return next(others, None) if user == state.owner else None


def _owners(state: State, command: Told, user: User) -> list[Change]:
    """What only the owner may."""
    if isinstance(command, SetData):
        return _written(LobbyEventKind.DATA, state.data, command, user, MAX_DATA)
    change = Change(LobbyEventKind.DATA, user.identity)
    if isinstance(command, SetType):
        others = {number: kind for number, kind in user.lobbies.items() if number != state.id}
        _check_room(command.type, replace(user, lobbies=others))
        return [replace(change, type=command.type)] if command.type != state.type else []
    if isinstance(command, SetJoinable):
        opens = command.joinable
        return [replace(change, joinable=opens)] if opens != state.joinable else []
    if isinstance(command, SetMaxMembers):
        limit = command.max_members
        return [replace(change, max_members=limit)] if limit != state.max_members else []
    if isinstance(command, SetOwner):
        if command.user not in state.members:
            raise Refused(EResult.INVALID_PARAM, f"{command.user} is not in this lobby")
        new = str(command.user)
        return [Change(LobbyEventKind.OWNER, new)] if new != state.owner else []
    raise Refused(EResult.INVALID_PARAM, f"no lobby does {type(command).__name__}")


def _written(
    kind: LobbyEventKind,
    before: Mapping[str, str],
    command: SetData | SetMemberData,
    user: User,
    limit: int,
) -> list[Change]:
    if before.get(command.key, "") == command.value:
        return []
    values = {command.key: command.value}
    _check_size({**before, **values}, limit)
    return [Change(kind, user.identity, values=values)]


def _write(data: dict[str, str], values: Mapping[str, str]) -> None:
    """Write values into data; "" removes one."""
    for key, value in values.items():
        if value:
            data[key] = value
        else:
            data.pop(key, None)


def _check_size(data: Mapping[str, str], limit: int) -> None:
    size = len("".join((*data, *data.values())).encode())
    if size > limit:
        raise Refused(EResult.LIMIT_EXCEEDED, f"{size} bytes of data, and not at most {limit}")


def _check_room(kind: LobbyType, user: User, refusal: Result = EResult.LIMIT_EXCEEDED) -> None:
    """Refuse who is in as many lobbies of a kind as one may be."""
    invisible = kind == LobbyType.INVISIBLE
    same = [one for one in user.lobbies.values() if (one == LobbyType.INVISIBLE) == invisible]
    if len(same) >= (MAX_INVISIBLE if invisible else 1):
        which = "two invisible lobbies" if invisible else "a lobby"
        raise Refused(refusal, f"you are in {which} already: leave one first")
