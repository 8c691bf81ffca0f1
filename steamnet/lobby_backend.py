"""What `steamnet.lobbies` asks of an engine's lobbies, and gets: commands, answers, events.

There is one back end for Steam, and one for all others. Every function is called on the thread that
calls the public one; none may block, and none calls back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from .arguments import integer
from .enums import Documented, EChatRoomEnterResponse, EResult, LobbyType, PersonaState
from .identity import Identity

MAX_MEMBERS = 250
MAX_KEY = 255  # bytes
MAX_VALUE = 8192  # bytes
MAX_CHAT = 4096  # bytes
MAX_PRESENCE_KEY, MAX_PRESENCE = 63, 255  # bytes
MAX_NAME = 127  # bytes of what a user is called
COMPARISONS = ("==", "!=", ">", ">=", "<", "<=")
DISTANCES = ("close", "default", "far", "worldwide")
Result = EResult | EChatRoomEnterResponse | int


def text_within(text: str, what: str, limit: int, least: int = 0) -> str:
    """The text, if it has so many bytes: TypeError for another type, ValueError outside."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text)}")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character: {text[:32]!r}") from None
    if not least <= size <= limit:
        raise ValueError(f"{what} has {least} to {limit} bytes, not {size}: {text[:32]!r}")
    if "\0" in text:
        raise ValueError(f"{what} holds a NUL character")
    return text


def _key(key: str) -> str:
    return text_within(key, "a key", MAX_KEY, 1)


def _members(count: int) -> int:
    return integer(count, "max_members", 1, MAX_MEMBERS)


def _number(value: int, key: str) -> int:
    return integer(value, f"the number for {key!r}", -(2**31), 2**31 - 1)


# --- what is asked: commands, which check themselves ----------------------------------------


@dataclass(frozen=True, slots=True)
class Create:
    """Make a lobby with its data, which is private until it has them. Answered."""

    type: LobbyType
    max_members: int
    data: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what was given."""
        _members(self.max_members)
        for key, value in self.data.items():
            text_within(value, f"the value of {_key(key)!r}", MAX_VALUE)


@dataclass(frozen=True, slots=True)
class Search:
    """List lobbies. Answered."""

    where: tuple[tuple[str, str, "str | int"], ...] = ()
    """Key, one of `COMPARISONS`, and a str, compared as text, or an int, compared as number."""
    near: tuple[tuple[str, int], ...] = ()
    """Keys with the number that the nearest come first to; the first key counts most."""
    slots: int = 1
    limit: int = 50
    distance: str = "worldwide"
    """One of `DISTANCES`; elsewhere than on Steam without effect."""

    def __post_init__(self) -> None:
        """Check what was given."""
        for key, comparison, operand in self.where:
            if comparison not in COMPARISONS:
                raise ValueError(f"{comparison!r} is none of {', '.join(COMPARISONS)}")
            if isinstance(operand, str):
                text_within(operand, f"the value for {_key(key)!r}", MAX_VALUE)
            else:
                _number(operand, _key(key))
        for key, number in self.near:
            _number(number, _key(key))
        integer(self.slots, "slots", 0, MAX_MEMBERS)
        integer(self.limit, "limit", 1, 2**31 - 1)
        if self.distance not in DISTANCES:
            raise ValueError(f"distance is one of {', '.join(DISTANCES)}, not {self.distance!r}")


@dataclass(frozen=True, slots=True)
class Join:
    """Become a member. Answered."""

    lobby: int


@dataclass(frozen=True, slots=True)
class Inspect:
    """Ask for the data of a lobby that one need not be in. Answered."""

    lobby: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Be a member no longer. The view of the lobby is empty at once."""

    lobby: int


@dataclass(frozen=True, slots=True)
class _SetValue:
    """Write a value, or remove it ("")."""

    lobby: int
    key: str
    value: str

    def __post_init__(self) -> None:
        """Check what was given."""
        text_within(self.key, "a key", MAX_KEY, 1)
        text_within(self.value, f"the value of {self.key!r}", MAX_VALUE)


@dataclass(frozen=True, slots=True)
class SetData(_SetValue):
    """Write a value of the lobby's data. The owner only."""


@dataclass(frozen=True, slots=True)
class SetMemberData(_SetValue):
    """Write a value of one's own data."""


@dataclass(frozen=True, slots=True)
class SetType:
    """Change the type. The owner only."""

    lobby: int
    type: LobbyType


@dataclass(frozen=True, slots=True)
class SetJoinable:
    """Open or close it for new members. The owner only."""

    lobby: int
    joinable: bool


@dataclass(frozen=True, slots=True)
class SetMaxMembers:
    """Change how many members it holds. The owner only."""

    lobby: int
    max_members: int

    def __post_init__(self) -> None:
        """Check what was given."""
        _members(self.max_members)


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Make another member the owner. The owner only."""

    lobby: int
    user: Identity


@dataclass(frozen=True, slots=True)
class Chat:
    """Send bytes to all members, the sender included."""

    lobby: int
    data: bytes

    def __post_init__(self) -> None:
        """Check what was given."""
        if not 0 < len(self.data) <= MAX_CHAT:
            size = len(self.data)
            raise ValueError(f"a chat message has 1 to {MAX_CHAT} bytes (4 KiB), not {size}")


@dataclass(frozen=True, slots=True)
class Invite:
    """Invite a user."""

    lobby: int
    user: Identity


@dataclass(frozen=True, slots=True)
class InviteDialog:
    """Open Steam's own dialog; UnsupportedError where there is none."""

    lobby: int


Written = (
    Leave
    | SetData
    | SetMemberData
    | SetType
    | SetJoinable
    | SetMaxMembers
    | SetOwner
    | Chat
    | Invite
)
"""The commands of members."""
Command = Create | Search | Join | Inspect | Written | InviteDialog


CALLED: dict[type[Command], str] = {
    Create: "lobbies.create",
    Search: "lobbies.list",
    Join: "lobbies.join",
    Inspect: "lobbies.info",
    Leave: "lobby.leave",
    SetData: "lobby.data",
    SetMemberData: "lobby.me",
    SetType: "lobby.set_type",
    SetJoinable: "lobby.set_joinable",
    SetMaxMembers: "lobby.set_max_members",
    SetOwner: "lobby.set_owner",
    Chat: "lobby.send",
    Invite: "lobby.invite",
    InviteDialog: "lobby.invite_dialog",
}
"""By which call each command is made, for errors."""


# --- what comes back ------------------------------------------------------------------------------


class LobbyEventKind(Documented, StrEnum):
    """What happened in a lobby, or to us."""

    JOINED = "joined"
    """A user has become a member."""
    LEFT = "left"
    """A member has left."""
    DISCONNECTED = "disconnected"
    """A member is gone without leaving; where it is this user, the lobby is lost to it."""
    DATA = "data"
    """The lobby's data, type or limit has changed."""
    MEMBER_DATA = "member_data"
    """A member's data has changed."""
    CHAT = "chat"
    """A member has sent something."""
    OWNER = "owner"
    """A member has become the owner."""
    INVITED = "invited"
    """A user invites us."""
    JOIN_REQUESTED = "join_requested"
    """The player wants to join, and has said so outside of the game."""


@dataclass(frozen=True, slots=True)
class LobbyInfo:
    """What can be known of a lobby without being a member."""

    id: int
    """The number that `join` takes."""
    member_count: int
    """How many members it has; 0 where Steam does not tell."""
    max_members: int
    """How many it holds; 0 where Steam does not tell."""
    data: Mapping[str, str]
    """Its data."""
    owner: Identity | None = None
    """Its owner; None unless one is a member, since Steam tells members only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a command."""

    request: int
    """The number that `LobbyBackend.submit` gave it."""
    result: Result
    """1 (EResult.OK, EChatRoomEnterResponse.SUCCESS), or the reason of the refusal."""
    lobby: int = 0
    """The lobby that was made or joined, whose view is filled by now."""
    infos: tuple[LobbyInfo, ...] = ()
    """What Search found; the one of Inspect."""
    detail: str = ""
    """What is known of a refusal beyond the result."""


@dataclass(slots=True)  # not frozen: making one takes a third of what a game's frame spends on it
class Event:
    """Something that happened. The view of the lobby shows it by now."""

    kind: LobbyEventKind
    lobby: int
    """0 for a JOIN_REQUESTED that names none."""
    user: Identity | None = None
    """Who joined, left, wrote, owns it now, or invites."""
    data: bytes = b""
    """What was said; for JOIN_REQUESTED by rich presence, the text to connect with."""


@dataclass(frozen=True, slots=True)
class Friend:
    """A user that we can see: a friend on Steam, else a user of the same rendezvous."""

    identity: Identity
    """Who it is."""
    name: str
    """What others see."""
    state: PersonaState | int
    """Whether it is there."""
    in_this_game: bool
    """Whether it plays this game now."""
    lobby: int | None = None
    """The lobby that it is in, where it can be told."""


class LobbyBackend(Protocol):
    """An engine's lobbies, as one user has them. Opened when first used; closed by `close`.

    What it knows of the lobbies that the user is in is its view. It changes in `submit` (what the
    user wrote itself can be read at once) and in `poll`, and nowhere else. Of other lobbies every
    part of the view is empty.

    All may be called from any thread. Nothing raises ClosedError: who calls has asked the engine.
    """

    def submit(self, command: Command) -> int:
        """Begin a command; returns a number above 0 that was not used before.

        For Create, Search, Join and Inspect `poll` will yield exactly one `Answer` with it. For all
        others it may, or not: nobody waits for it.

        Raises ResultError where the engine refuses at once, as it does if the user is not in the
        lobby (INVALID_STATE) or does not own it (ACCESS_DENIED), and UnsupportedError where it has
        no such thing. Arguments have been checked. Never answered within the call.
        """
        ...

    def poll(self, limit: int) -> Iterable[Answer | Event]:
        """Take what has come since the last call, in order, ``limit`` at most.

        Called from run_callbacks, after the engine has been pumped. The view changes along with
        what is yielded, so that an event shows what it tells of. While more waits, it calls
        `Engine.note_news`.
        """
        ...

    def owner(self, lobby: int) -> Identity | None:
        """The owner; None if the user is not in it."""
        ...

    def members(self, lobby: int) -> list[Identity]:
        """The members, in a stable order; [] if the user is not in it."""
        ...

    def max_members(self, lobby: int) -> int:
        """How many members it holds; 0 if the user is not in it."""
        ...

    def data(self, lobby: int) -> dict[str, str]:
        """A copy of the lobby's data."""
        ...

    def value(self, lobby: int, key: str) -> str:
        """One value of the lobby's data; "" if there is none."""
        ...

    def member_data(self, lobby: int, user: Identity) -> dict[str, str]:
        """A copy of a member's data; UnsupportedError where the engine cannot list it."""
        ...

    def member_value(self, lobby: int, user: Identity, key: str) -> str:
        """One value of a member's data; "" if there is none."""
        ...

    def requested(self) -> int:
        """The lobby that the program was started to join, as the engine knows it, once; else 0."""
        ...

    def name(self) -> str:
        """The user's own name."""
        ...

    def friends(self) -> list[Friend]:
        """The users to see, as far as they are known by now."""
        ...

    def name_of(self, user: Identity) -> str:
        """A user's name; "" if it is not known (yet)."""
        ...

    def set_rich_presence(self, key: str, value: str) -> bool:
        """Let others see a text, or remove it (""); false if the engine refuses."""
        ...

    def close(self) -> None:
        """Leave all lobbies, and stop; idempotent. Waits no longer than 0.5 s."""
        ...
