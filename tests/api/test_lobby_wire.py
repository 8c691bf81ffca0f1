"""Lobbies as JSON: what is written is read as it was, and what is not so is refused."""

import asyncio
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from steamnet import EChatRoomEnterResponse, EResult, LobbyEventKind, LobbyInfo, LobbyType
from steamnet import lobby_backend as asked
from steamnet.identity import identity_of
from steamnet.lobby_client import People, Person, Reply, Request, SetPresence, Update
from steamnet.lobby_rules import Change, Member, State
from steamnet.lobby_wire import (
    change_from_json,
    plain,
    reply_from_json,
    reply_to_json,
    request_from_json,
    request_to_json,
    state_from_json,
    update_from_json,
)
from steamnet.rendezvous.lobbies import Lobbies

ON_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
KEY = TEXT.filter(bool)
NAME = st.sampled_from(["76561198000000001", "str:ann", "ip:127.0.0.1:5"])
USER = NAME.map(identity_of)
LOBBY = st.integers(1, 2**64 - 1)
TYPE = st.sampled_from(LobbyType)
LIMIT = st.integers(1, 250)
DATA = st.dictionaries(KEY, TEXT.filter(bool), max_size=3)
NUMBER = st.integers(-(2**31), 2**31 - 1)
MEMBER = st.builds(Member, TEXT, st.just("0123456789abcdef"), DATA)
STATE = st.dictionaries(NAME, MEMBER, min_size=1).flatmap(
    lambda members: st.builds(
        State, LOBBY, TYPE, LIMIT, st.sampled_from([*members]), st.just(members), DATA,
        st.floats(0, 1e10), st.booleans(),
    )
)  # fmt: skip
WHERE = st.tuples(KEY, st.sampled_from(asked.COMPARISONS), TEXT | NUMBER)
REQUEST: st.SearchStrategy[Request] = st.one_of(
    st.builds(asked.Create, TYPE, LIMIT, DATA),
    st.builds(
        asked.Search,
        st.lists(WHERE, max_size=3).map(tuple),
        st.lists(st.tuples(KEY, NUMBER), max_size=3).map(tuple),
        st.integers(0, 250),
        st.integers(1, 2**31 - 1),
        st.sampled_from(asked.DISTANCES),
    ),
    st.builds(asked.Join, LOBBY),
    st.builds(asked.Inspect, LOBBY),
    st.builds(asked.Leave, LOBBY),
    st.builds(asked.SetData, LOBBY, KEY, TEXT),
    st.builds(asked.SetMemberData, LOBBY, KEY, TEXT),
    st.builds(asked.SetType, LOBBY, TYPE),
    st.builds(asked.SetJoinable, LOBBY, st.booleans()),
    st.builds(asked.SetMaxMembers, LOBBY, LIMIT),
    st.builds(asked.SetOwner, LOBBY, USER),
    st.builds(asked.Chat, LOBBY, st.binary(min_size=1, max_size=40)),
    st.builds(asked.Invite, LOBBY, USER),
    st.builds(SetPresence, KEY.filter(lambda key: len(key.encode()) < 64), TEXT),
    st.just(People()),
)
CHANGE = st.builds(
    Change,
    st.sampled_from(LobbyEventKind),
    NAME,
    st.binary(max_size=40),
    st.dictionaries(KEY, TEXT, max_size=3),
    st.none() | TYPE,
    st.none() | LIMIT,
    st.none() | st.booleans(),
    st.none() | MEMBER,
    st.just("") | NAME,
)
INFO = st.builds(LobbyInfo, LOBBY, LIMIT, LIMIT, DATA, st.none() | USER)
PERSON = st.builds(Person, NAME, TEXT, st.integers(0, 2**32 - 1), LOBBY, DATA)
REPLY = st.builds(
    Reply,
    st.just(7),
    st.sampled_from(EResult) | st.sampled_from(EChatRoomEnterResponse),
    TEXT,
    st.none() | STATE,
    st.lists(INFO, max_size=2).map(tuple),
    st.none() | st.lists(PERSON, max_size=2).map(tuple),
)


def carried(value: object) -> Any:
    """A value after its way as JSON."""
    return json.loads(json.dumps(value))


@ON_ANY_MACHINE
@given(REQUEST)
def test_a_request_arrives_as_it_was(request_: Request) -> None:
    """Whatever may be asked."""
    assert request_from_json(carried(request_to_json(request_))) == request_


@ON_ANY_MACHINE
@given(STATE, CHANGE)
def test_a_state_and_a_change_arrive_as_they_were(state: State, change: Change) -> None:
    """Members in their order, bytes as bytes."""
    read = state_from_json(carried(plain(state)))
    assert read == state
    assert list(read.members) == list(state.members)
    assert change_from_json(carried(plain(change))) == change
    update = Update(state.id, change)
    assert update_from_json(carried(plain(update))) == update


@ON_ANY_MACHINE
@given(REPLY)
def test_a_reply_arrives_as_it_was(reply: Reply) -> None:
    """With its kind of result."""
    read = reply_from_json(7, carried(reply_to_json(reply)))
    assert read == reply
    assert type(read.result) is type(reply.result)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@ON_ANY_MACHINE
@given(
    st.dictionaries(
        st.sampled_from(
            ["do", "lobby", "type", "max_members", "data", "where", "near", "slots", "limit", "key",
             "value", "user", "joinable", "distance", "id", "owner", "members", "kind", "values",
             "member", "to", "change", "result", "infos", "people", "state", "enter", "created"]
        ),
        JSON | st.sampled_from(["create", "search", "chat", "set_data", "joined", "data"]),
    )
)  # fmt: skip
def test_what_is_none_raises_value_error(message: dict[str, Any]) -> None:
    """And nothing else, whatever a stranger has written."""
    for read in (
        request_from_json,
        state_from_json,
        change_from_json,
        update_from_json,
        lambda message: reply_from_json(1, message),
    ):
        try:
            read(message)
        except (ValueError, KeyError):
            continue


class Session:
    """A user of a server that notes what it is told."""

    def __init__(self, name: str) -> None:
        self.identity = identity_of(name)
        self.name = ""
        self.told: list[dict[str, Any]] = []

    def write(self, frame: str) -> None:
        """Take what is told."""
        self.told.append(json.loads(frame))


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"do": "nothing"},
        {"do": 5},
        {"do": "vanish", "lobby": 1, "user": "str:ann", "place": "1"},
        {"do": "invite_dialog", "lobby": 1},
        {"do": "enter", "app": -1},
        {"do": "create", "type": 9, "max_members": 2},
        {"do": "create", "type": 2, "max_members": 10**9},
        {"do": "create", "type": 2, "max_members": 2, "data": {"k": 1}},
        {"do": "create", "type": 2, "max_members": 2, "data": {"k" * 300: "v"}},
        {"do": "chat", "lobby": 1, "data": "x" * 5000},
        {"do": "chat", "lobby": 1, "data": "\u1234"},
        {"do": "search", "where": [["k", "==", []]]},
        {"do": "search", "where": "k"},
        {"do": "join", "lobby": 2**70},
        {"do": "set_owner", "lobby": 1, "user": "x" * 500},
        {"do": "set_presence", "key": "k" * 64, "value": "v"},
    ],
)
def test_a_server_refuses_what_is_no_request(message: dict[str, Any]) -> None:
    """ValueError, which its client is told; and the next request is answered."""

    async def main() -> None:
        lobbies, session = Lobbies(), Session("str:ann")
        with pytest.raises(ValueError):  # noqa: PT011  # many texts
            await lobbies.handle(session, message)
        made = await lobbies.handle(session, {"do": "create", "type": 2, "max_members": 2})
        assert made["result"] == 1  # type: ignore[index]  # a dict

    asyncio.run(main())


def test_a_server_tells_before_it_answers_and_forgets_who_is_gone() -> None:
    """Members hear of each other; who loses the connection is disconnected, who exits has left."""

    async def main() -> None:
        lobbies = Lobbies()
        ann, bob, cat = (Session(f"str:{name}") for name in ("ann", "bob", "cat"))
        made = await lobbies.handle(ann, {"do": "create", "type": 2, "max_members": 3})
        number = made["state"]["id"]  # type: ignore[index]  # a dict
        for session in (bob, cat):
            await lobbies.handle(session, {"do": "join", "lobby": number})
        lobbies.ended(ann, given_up=False)
        await lobbies.handle(bob, {"do": "exit"})
        kinds = [(one["change"]["kind"], one["change"]["user"]) for one in cat.told]
        assert kinds == [
            ("disconnected", "str:ann"),
            ("owner", "str:bob"),
            ("left", "str:bob"),
            ("owner", "str:cat"),
        ]
        lobbies.ended(cat, given_up=True)
        found = await lobbies.handle(
            bob, {"do": "search", "slots": 1, "limit": 9, "distance": "far"}
        )
        assert "infos" not in found  # type: ignore[operator]  # a dict

    asyncio.run(main())


def test_long_lists_are_cut() -> None:
    """One small question does not have the server send megabytes."""

    async def main() -> None:
        lobbies = Lobbies()
        data = {f"key{number}": "x" * 8000 for number in range(10)}
        create = {"do": "create", "type": 2, "max_members": 2, "data": data}
        for number in range(8):
            await lobbies.handle(Session(f"str:{number}"), create)
        search = {"do": "search", "slots": 1, "limit": 50, "distance": "close"}
        found = await lobbies.handle(Session("str:ann"), search)
        assert len(found["infos"]) == 3  # type: ignore[index]  # a dict

    asyncio.run(main())
