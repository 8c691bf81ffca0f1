"""The rules of lobbies hold for any commands in any order, and all who follow the changes agree."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from steamnet import EChatRoomEnterResponse, EResult, Identity, LobbyEventKind, LobbyType
from steamnet import lobby_backend as asked
from steamnet.lobby_rules import (
    MAX_DATA,
    MAX_MEMBER_DATA,
    Refused,
    State,
    Told,
    User,
    Vanish,
    apply,
    create,
    decide,
    search,
)

ON_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("str:ann", "str:bob", "str:cat", "str:dan")
TYPES = st.sampled_from(LobbyType)
TEXTS = st.sampled_from(["", "1", "2", "-3", "dust", "nuke", "é" * 4096])
KEYS = st.sampled_from(["map", "skill", "k" * 255])
USERS = st.sampled_from([Identity(name) for name in NAMES])
LIMITS = st.integers(1, 250)
NUMBERS = st.integers(1, 4)
COMMANDS = st.one_of(
    st.builds(asked.Create, TYPES, st.integers(1, 4), st.dictionaries(KEYS, TEXTS)),
    st.builds(asked.Join, NUMBERS),
    st.builds(asked.Leave, NUMBERS),
    st.builds(asked.SetData, NUMBERS, KEYS, TEXTS),
    st.builds(asked.SetMemberData, NUMBERS, KEYS, TEXTS),
    st.builds(asked.SetType, NUMBERS, TYPES),
    st.builds(asked.SetJoinable, NUMBERS, st.booleans()),
    st.builds(asked.SetMaxMembers, NUMBERS, LIMITS),
    st.builds(asked.SetOwner, NUMBERS, USERS),
    st.builds(asked.Chat, NUMBERS, st.binary(min_size=1, max_size=8)),
    st.builds(asked.Invite, NUMBERS, USERS),
    st.builds(Vanish, NUMBERS, st.sampled_from(NAMES), st.sampled_from(["", "elsewhere"])),
)
OWNERS = (asked.SetData, asked.SetType, asked.SetJoinable, asked.SetMaxMembers, asked.SetOwner)


class World:
    """Lobbies with the numbers 1 to 4, and who is in them."""

    def __init__(self) -> None:
        self.states: dict[int, State] = {}
        self.kinds: dict[str, dict[int, LobbyType]] = {name: {} for name in NAMES}
        self.made = 0

    def do(self, name: str, command: asked.Create | Told) -> None:
        """Carry out a command, or raise Refused."""
        user = User(name, lobbies=self.kinds[name])
        if isinstance(command, asked.Create):
            self.made += 1
            self.states[self.made] = create(self.made, command, user, self.made)
            self.kinds[name][self.made] = command.type
            return
        before = self.states.get(command.lobby)
        changes = decide(before, command, user)
        if before is None:
            assert not changes
            return
        after = apply(before, *changes)
        if after is None:
            del self.states[command.lobby]
        else:
            self.states[command.lobby] = after
        for one, kinds in self.kinds.items():
            if after is None or one not in after.members:
                kinds.pop(command.lobby, None)
            elif one not in before.members:
                kinds[command.lobby] = after.type
        left = [change.user for change in changes if change.kind == LobbyEventKind.LEFT]
        assert left in ([], [name])


@ON_ANY_MACHINE
@given(st.lists(st.tuples(st.sampled_from(NAMES), COMMANDS), max_size=40))
def test_whatever_is_asked_the_lobbies_stay_sound(
    asked_for: list[tuple[str, asked.Create | Told]],
) -> None:
    """An owner is a member, nobody is in too many lobbies, and what is refused changes nothing."""
    world = World()
    for name, command in asked_for:
        before = dict(world.states)
        try:
            world.do(name, command)
        except Refused:
            assert world.states == before
        for number, state in world.states.items():
            assert state.id == number
            assert state.owner in state.members
            old = before.get(number)
            grown = old is not None and len(state.members) > len(old.members)
            assert not grown or len(state.members) <= state.max_members
            if old is not None and isinstance(command, OWNERS) and state != old:
                assert name == old.owner
            assert all(state.data.values())
            assert all(all(member.data.values()) for member in state.members.values())
            assert _size(state.data) <= MAX_DATA
            assert all(_size(member.data) <= MAX_MEMBER_DATA for member in state.members.values())
        for kinds in world.kinds.values():
            joined = [kind == LobbyType.INVISIBLE for kind in kinds.values()]
            assert joined.count(True) <= 2
            assert joined.count(False) <= 1


@ON_ANY_MACHINE
@given(st.lists(st.tuples(st.sampled_from(NAMES), COMMANDS), max_size=40))
def test_the_longest_member_inherits(asked_for: list[tuple[str, asked.Create | Told]]) -> None:
    """When the owner is gone, who joined first of the others is the owner, and an event says so."""
    world = World()
    for name, command in asked_for:
        if isinstance(command, asked.Create):
            continue
        state = world.states.get(1) or create(1, asked.Create(LobbyType.PUBLIC, 4), User(name), 0)
        world.states[1] = state
        try:
            changes = decide(state, replace(command, lobby=1), User(name))
        except Refused:
            continue
        after = apply(state, *changes)
        if after is None:
            assert len(state.members) == 1
            return
        if state.owner not in after.members:
            assert after.owner == next(user for user in state.members if user != state.owner)
        told = [change.user for change in changes if change.kind == LobbyEventKind.OWNER]
        assert told == ([after.owner] if after.owner != state.owner else [])
        world.states[1] = after


@pytest.mark.parametrize("kind", [LobbyEventKind.LEFT, LobbyEventKind.DISCONNECTED])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_there_is_an_owner_between_two_changes(kind: LobbyEventKind, count: int) -> None:
    """What a server tells one by one is also seen one by one."""
    names = [*NAMES[:count]]
    state = create(1, asked.Create(LobbyType.PUBLIC, 4), User(names[0]), 0)
    for name in names[1:]:
        (joined,) = decide(state, asked.Join(1), User(name))
        state = apply(state, joined) or state
    for name in names[:-1]:
        gone = Vanish(1, name, state.members[name].place, kind)
        for change in decide(state, gone, User("")):
            state = apply(state, change) or state
            assert state.owner in state.members
        assert state.owner == next(iter(state.members))


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (None, EChatRoomEnterResponse.DOESNT_EXIST),
        ({"joinable": False}, EChatRoomEnterResponse.NOT_ALLOWED),
        ({"max_members": 1}, EChatRoomEnterResponse.FULL),
    ],
)
def test_a_refused_join_says_why(
    state: dict[str, object] | None, result: EChatRoomEnterResponse
) -> None:
    """A lobby that is gone, closed or full has Valve's reason."""
    lobby = create(1, asked.Create(LobbyType.PUBLIC, 2), User("str:ann"), 0)
    changed = replace(lobby, **state) if state is not None else None  # type: ignore[arg-type]  # as listed above
    with pytest.raises(Refused) as refusal:
        decide(changed, asked.Join(1), User("str:bob"))
    assert refusal.value.result == result


def test_who_is_in_enough_lobbies_joins_and_makes_no_more() -> None:
    """One regular lobby and two invisible ones; each kind counts alone."""
    lobby = create(9, asked.Create(LobbyType.PUBLIC, 2), User("str:ann"), 0)
    hidden = replace(lobby, type=LobbyType.INVISIBLE)
    regular = User("str:bob", lobbies={1: LobbyType.PRIVATE})
    invisible = User("str:bob", lobbies={1: LobbyType.INVISIBLE, 2: LobbyType.INVISIBLE})
    assert decide(hidden, asked.Join(9), regular)
    assert decide(lobby, asked.Join(9), invisible)
    for state, user in ((lobby, regular), (hidden, invisible)):
        with pytest.raises(Refused) as refusal:
            decide(state, asked.Join(9), user)
        assert refusal.value.result == EChatRoomEnterResponse.ERROR
        with pytest.raises(Refused) as refusal:
            create(3, asked.Create(state.type, 2), user, 0)
        assert refusal.value.result == EResult.LIMIT_EXCEEDED


LOBBIES = {
    1: {"map": "dust", "skill": "40"},
    2: {"map": "nuke", "skill": "-5"},
    3: {"map": "dust", "skill": "expert"},
    4: {},
}
WHERE = [
    ({}, [1, 2, 3, 4]),
    ({"map": "dust"}, [1, 3]),
    ({"map": ("!=", "dust")}, [2, 4]),
    ({"skill": (">=", 40)}, [1]),
    ({"skill": (">", 40)}, []),
    ({"skill": ("<", 40)}, [2]),
    ({"skill": ("<=", 40)}, [1, 2]),
    ({"skill": 40}, [1]),
    ({"skill": ("==", -5)}, [2]),
    ({"skill": ("!=", 40)}, [2, 3, 4]),
    ({"map": "dust", "skill": ("!=", 40)}, [3]),
    ({"map": (">", "dust")}, [2]),
    ({"map": ("<=", "dust")}, [1, 3, 4]),
    ({"none": ""}, [1, 2, 3, 4]),
]


def _states() -> list[State]:
    return [
        create(number, asked.Create(LobbyType.PUBLIC, 2, data), User("str:ann"), number)
        for number, data in LOBBIES.items()
    ]


@pytest.mark.parametrize(("where", "found"), WHERE)
def test_a_search_compares_texts_and_numbers(
    where: dict[str, str | int | tuple[str, str | int]], found: list[int]
) -> None:
    """What is no number equals none; a missing key is an empty text."""
    filters = tuple(
        (key, *value) if isinstance(value, tuple) else (key, "==", value)
        for key, value in where.items()
    )
    search_for = asked.Search(filters)  # type: ignore[arg-type]  # mypy does not follow the star
    assert [lobby.id for lobby in search(_states(), search_for)] == found


def test_the_nearest_come_first() -> None:
    """By the first number, then the next, then age; who has none comes last."""
    near = asked.Search(near=(("skill", 30), ("rank", 1)))
    assert [lobby.id for lobby in search(_states(), near)] == [1, 2, 3, 4]
    near = asked.Search(near=(("skill", -100),), limit=2)
    assert [lobby.id for lobby in search(_states(), near)] == [2, 1]


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        ({}, True),
        ({"type": LobbyType.INVISIBLE}, True),
        ({"type": LobbyType.PRIVATE}, False),
        ({"type": LobbyType.FRIENDS_ONLY}, False),
        ({"joinable": False}, False),
        ({"max_members": 1}, False),
    ],
)
def test_what_cannot_be_joined_is_not_listed(change: dict[str, object], listed: bool) -> None:
    """Private, closed and full lobbies are found by nobody."""
    state = replace(_states()[0], **change)  # type: ignore[arg-type]  # as listed above
    assert bool(search([state], asked.Search())) == listed
    assert not search([state], asked.Search(slots=2))


def test_only_members_see_the_owner_in_a_list() -> None:
    """As on Steam, which tells nobody else."""
    (for_all,) = search(_states()[:1], asked.Search(), "str:bob")
    (for_members,) = search(_states()[:1], asked.Search(), "str:ann")
    assert (for_all.owner, for_members.owner) == (None, "str:ann")


@pytest.mark.parametrize(
    "make",
    [
        lambda: asked.Create(LobbyType.PUBLIC, 0),
        lambda: asked.Create(LobbyType.PUBLIC, 251),
        lambda: asked.Create(LobbyType.PUBLIC, 2, {"k" * 256: "v"}),
        lambda: asked.Create(LobbyType.PUBLIC, 2, {"k": "v" * 8193}),
        lambda: asked.SetData(1, "", "v"),
        lambda: asked.SetData(1, "é" * 128, "v"),
        lambda: asked.SetMemberData(1, "k", "é" * 4097),
        lambda: asked.SetMemberData(1, "k\0", "v"),
        lambda: asked.SetMaxMembers(1, 251),
        lambda: asked.Chat(1, b""),
        lambda: asked.Chat(1, b"x" * 4097),
        lambda: asked.Search((("k", "=", "v"),)),
        lambda: asked.Search((("k", "==", 2**31),)),
        lambda: asked.Search(slots=-1),
        lambda: asked.Search(limit=0),
        lambda: asked.Search(distance="near"),
    ],
)
def test_valves_limits_hold(make: object) -> None:
    """250 members, keys of 255 bytes, values of 8 KiB, chat of 4 KiB: ValueError beyond."""
    with pytest.raises(ValueError, match=r"must be|bytes|NUL|is none of|is one of"):
        make()  # type: ignore[operator]  # each makes a command


def _size(data: object) -> int:
    assert isinstance(data, dict)
    return sum(len(key.encode()) + len(value.encode()) for key, value in data.items())
