"""Lobbies and friends as players of one process use them, on the real and on a virtual clock."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

import steamnet
from steamnet import (
    ClosedError,
    EChatRoomEnterResponse,
    EResult,
    Lobby,
    LobbyEventKind,
    LobbyRequest,
    LobbyType,
    ResultError,
    Steam,
    UnsupportedError,
)
from steamnet.lobby_backend import Search
from steamnet.lobby_client import Reply
from steamnet.lobby_memory import new_hub
from steamnet.lobby_rules import Create, User
from steamnet.testing import VirtualClock, network, players, pump


@pytest.fixture(params=["real", "virtual"])
def three(request: pytest.FixtureRequest) -> Iterator[list[Steam]]:
    """Three players on either clock."""
    with players(3, clock=request.param) as steams:
        yield steams


def answered(steams: list[Steam], request: "LobbyRequest[object]") -> object:
    """The result of a request."""
    pump(*steams, until=lambda: request.done)
    return request.result()


def made(steams: list[Steam], number: int = 2, **options: object) -> list[Lobby]:
    """A lobby of the first players, as each of them has it."""
    request = steams[0].lobbies.create(**options)  # type: ignore[arg-type]  # as the tests give them
    lobby = answered(steams, request)
    assert isinstance(lobby, Lobby)
    joined = [answered(steams, steam.lobbies.join(lobby)) for steam in steams[1:number]]
    lobbies = [lobby, *joined]
    pump(*steams, until=lambda: all(len(each.members) == number for each in lobbies))
    for steam in steams:
        steam.lobbies.events()
    return lobbies  # type: ignore[return-value]  # joined ones are lobbies


def test_nothing_is_answered_within_the_call(three: list[Steam]) -> None:
    """Until run_callbacks a request is pending, and says so."""
    request = three[0].lobbies.create()
    assert not request.done
    with pytest.raises(ResultError) as pending:
        request.result()
    assert pending.value.result == EResult.PENDING
    three[0].run_callbacks()
    assert request.done
    assert request.result() is request.result()


@pytest.mark.parametrize("ask", ["presence", "friends"])
def test_each_request_gets_its_own_answer(
    three: list[Steam], ask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while another thread asks for something else."""
    steam = three[0]
    assert steam.friends.name_of(three[1].core.get_steam_id()) is not None  # lobbies are open
    carrier = steam.lobbies._backend._carrier  # type: ignore[attr-defined]  # its inner part
    submit, inside, asked = carrier.submit, threading.Event(), threading.Event()
    client = steam.lobbies._backend

    def other() -> None:
        inside.wait()
        if ask == "presence":
            client.set_rich_presence("key", "value")
        else:
            client._people_asked = None  # type: ignore[attr-defined]
            client.friends()
        asked.set()

    def slow(number: int, request: object) -> None:
        submit(number, request)
        if isinstance(request, Create):
            inside.set()
            asked.wait(0.3)

    monkeypatch.setattr(carrier, "submit", slow)
    thread = threading.Thread(target=other)
    thread.start()
    lobby = answered(three, steam.lobbies.create())
    thread.join()
    assert isinstance(lobby, Lobby)
    assert lobby.id
    assert len(lobby.members) == 1


def test_a_lobby_is_found_joined_and_left(three: list[Steam]) -> None:
    """The way of every game: create, list, join, know each other, leave."""
    ann, bob, cat = three
    (lobby,) = made(three, 1, max_members=3, data={"map": "dust", "skill": "40"})
    assert (lobby.owner, lobby.members, lobby.max_members) == (
        ann.core.get_steam_id(),
        [ann.core.get_steam_id()],
        3,
    )
    (found,) = answered(three, bob.lobbies.list(where={"map": "dust", "skill": (">=", 40)}))
    assert (found.id, found.member_count, found.max_members) == (lobby.id, 1, 3)
    assert (found.data, found.owner) == ({"map": "dust", "skill": "40"}, None)
    assert answered(three, bob.lobbies.list(where={"map": ("!=", "dust")})) == []
    theirs = answered(three, bob.lobbies.join(found))
    assert theirs == lobby
    assert theirs == lobby.id
    assert theirs.members == lobby.members == [s.core.get_steam_id() for s in (ann, bob)]
    assert answered(three, cat.lobbies.join(str(lobby.id))).owner == ann.core.get_steam_id()
    kinds = [(event.kind, event.user, event.lobby) for event in ann.lobbies.events()]
    joined = LobbyEventKind.JOINED
    assert kinds == [(joined, s.core.get_steam_id(), lobby) for s in (bob, cat)]
    theirs.leave()
    assert theirs.members == []
    assert theirs.owner is None
    theirs.leave()  # again is no harm
    pump(*three, until=lambda: len(lobby.members) == 2)
    (event,) = ann.lobbies.events()
    assert (event.kind, event.user) == (LobbyEventKind.LEFT, bob.core.get_steam_id())


def test_data_and_chat_reach_all_in_one_order(three: list[Steam]) -> None:
    """What was written can be read at once here, and by others with their event."""
    lobbies = made(three, 3)
    own, other, third = lobbies
    own.data["map"] = "nuke"
    other.me["ready"] = "1"
    third.send("hi")
    other.send(b"\xff\0")
    assert own.data["map"] == "nuke"
    assert other.me["ready"] == "1"
    assert "map" not in other.data
    seen: list[list[object]] = [[] for _ in three]

    def all_seen() -> bool:
        for steam, events in zip(three, seen, strict=True):
            events += [(e.kind, e.user, e.data) for e in steam.lobbies.events()]
        return all(len(events) == 4 for events in seen)

    pump(*three, until=all_seen)
    users = [steam.core.get_steam_id() for steam in three]
    assert seen[0] == [
        (LobbyEventKind.DATA, users[0], b""),
        (LobbyEventKind.MEMBER_DATA, users[1], b""),
        (LobbyEventKind.CHAT, users[2], b"hi"),
        (LobbyEventKind.CHAT, users[1], b"\xff\0"),
    ]
    assert seen[0] == seen[1] == seen[2]
    for lobby in lobbies:
        assert dict(lobby.data) == {"map": "nuke"}
        assert dict(lobby.member_data(users[1])) == {"ready": "1"}
    del own.data["map"]
    assert own.data.get("map") is None
    assert len(own.data) == 0


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda lobby: lobby.set_joinable(False), EChatRoomEnterResponse.NOT_ALLOWED),
        (lambda lobby: lobby.set_max_members(1), EChatRoomEnterResponse.FULL),
        (lambda lobby: lobby.leave(), EChatRoomEnterResponse.DOESNT_EXIST),
    ],
)
def test_a_refusal_has_valves_reason(
    three: list[Steam], prepare: object, reason: EChatRoomEnterResponse
) -> None:
    """Closed, full and gone: the result names it."""
    (lobby,) = made(three, 1)
    prepare(lobby)  # type: ignore[operator]  # one of the above
    with pytest.raises(ResultError, match=reason.name) as refused:
        answered(three, three[1].lobbies.join(lobby.id))
    assert refused.value.result == refused.value.reason == reason


@pytest.mark.parametrize(
    ("operation", "forbidden"),
    [
        ("data", lambda lobby: lobby.data.update(map="nuke")),
        ("set_type", lambda lobby: lobby.set_type(LobbyType.PRIVATE)),
        ("set_joinable", lambda lobby: lobby.set_joinable(False)),
        ("set_max_members", lambda lobby: lobby.set_max_members(9)),
        ("set_owner", lambda lobby: lobby.set_owner(lobby.members[1])),
        ("member_data", lambda lobby: lobby.member_data(lobby.owner).update(ready="1")),
    ],
)
def test_only_the_owner_changes_a_lobby(
    three: list[Steam], operation: str, forbidden: object
) -> None:
    """The others get ResultError at once; so do all who are no members. It names the call."""
    lobby, other = made(three)
    with pytest.raises(ResultError, match=f"^lobby.{operation}: ACCESS_DENIED") as refused:
        forbidden(other)  # type: ignore[operator]  # one of the above
    assert refused.value.operation == f"lobby.{operation}"
    assert refused.value.result == EResult.ACCESS_DENIED
    changes = (
        ("data", lambda: lobby.data.update(map="nuke")),
        ("me", lambda: lobby.me.update(ready="1")),
        ("send", lambda: lobby.send("hi")),
        ("invite", lambda: lobby.invite("str:dan")),
    )
    lobby.leave()
    for operation, change in changes:
        with pytest.raises(ResultError, match=f"^lobby.{operation}: INVALID_STATE"):
            change()


@pytest.mark.parametrize("text", ["x" * 8192, "é" * 4096], ids=["ascii", "utf-8"])
def test_what_is_too_much_for_a_lobby_is_refused_at_once(three: list[Steam], text: str) -> None:
    """What was written counts before it is confirmed; what fits is kept."""
    lobby, other = made(three)
    for mapping, room in ((lobby.data, 15), (other.me, 1)):
        for number in range(room):
            mapping[str(number)] = text
        with pytest.raises(ResultError, match="LIMIT_EXCEEDED"):
            mapping["more"] = text
        del mapping["0"]
        mapping["more"] = text
    pump(*three, until=lambda: len(other.data) == 15)
    assert set(lobby.member_data(three[1].core.get_steam_id())) == {"more"}


def test_a_flood_of_writes_is_refused_and_loses_nothing(three: list[Steam]) -> None:
    """Who never runs its callbacks cannot write on; what was taken is what others see."""
    lobby, other = made(three)
    taken = 0
    with suppress(ResultError):
        for number in range(10_000):
            other.me["number"] = str(number)
            taken = number
    assert 100 < taken < 9_999
    assert other.me["number"] == str(taken)
    assert not three[1].friends.set_rich_presence("a", "b")
    me = three[1].core.get_steam_id()
    pump(*three, until=lambda: lobby.member_data(me).get("number") == str(taken))
    pump(*three, until=lambda: three[1].friends.set_rich_presence("a", "b"))
    assert other.me["number"] == str(taken)
    other.leave()
    pump(*three, until=lambda: len(lobby.members) == 1)


def test_a_user_who_was_opened_again_is_told() -> None:
    """The newest has the identity; the older one's requests are still answered."""
    hub, answers = new_hub(), list[object]()
    older = hub.enter(User("str:ann"), 480, answers.append)
    hub.enter(User("str:ann"), 480, answers.append)
    older.submit(7, Search())
    (reply,) = answers
    assert isinstance(reply, Reply)
    assert (reply.request, reply.result) == (7, EResult.LOGGED_IN_ELSEWHERE)


def test_a_lobby_that_one_is_not_in_takes_nothing(three: list[Steam]) -> None:
    """After leaving, and of an invitation, it is empty, and what is for members raises."""
    lobby, other = made(three)
    other.leave()
    for call in (lambda: other.send("x"), lambda: other.me.update(a="1"), lambda: other.invite(1)):
        with pytest.raises((ResultError, ValueError)):
            call()
    assert (dict(other.data), dict(other.me), other.max_members) == ({}, {}, 0)
    assert lobby.owner == three[0].core.get_steam_id()


def test_the_owner_hands_over_and_leaves(three: list[Steam]) -> None:
    """OWNER tells of both; the longest member inherits."""
    first, second, third = made(three, 3)
    first.set_owner(third.members[2])
    pump(*three, until=lambda: all(lobby.owner == first.members[2] for lobby in (first, second)))
    third.leave()
    pump(*three, until=lambda: second.owner == three[0].core.get_steam_id())
    kinds = [event.kind for event in three[1].lobbies.events()]
    assert kinds == [LobbyEventKind.OWNER, LobbyEventKind.LEFT, LobbyEventKind.OWNER]
    three[0].shutdown()
    pump(*three[1:], until=lambda: second.owner == three[1].core.get_steam_id())
    assert second.members == [three[1].core.get_steam_id()]


def test_an_invitation_names_the_lobby(three: list[Steam]) -> None:
    """INVITED tells who invites; requested() gives the id once; a private lobby is joined by it."""
    lobby, _ = made(three, type=LobbyType.PRIVATE)
    guest = three[2]
    assert guest.lobbies.events() == []
    assert guest.lobbies.requested() is None
    lobby.invite(guest.core.get_steam_id())
    events = pump(*three, until=guest.lobbies.events)
    assert [(e.kind, e.user, e.lobby) for e in events] == [
        (LobbyEventKind.INVITED, three[0].core.get_steam_id(), lobby)
    ]
    assert events[0].lobby.members == []
    assert guest.lobbies.requested() == lobby.id
    assert guest.lobbies.requested() is None
    assert answered(three, guest.lobbies.list()) == []
    assert answered(three, guest.lobbies.join(lobby.id)) == lobby
    with pytest.raises(UnsupportedError):
        lobby.invite_dialog()


def test_the_command_line_names_a_lobby(
    three: list[Steam], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Steam starts a game by "Join game"."""
    monkeypatch.setattr("sys.argv", ["game", "+connect_lobby", "109775240917155843"])
    assert three[0].lobbies.requested() == 109775240917155843
    assert three[0].lobbies.requested() is None


@pytest.mark.parametrize(
    "words", [["+connect_lobby"], ["+connect_lobby", "x"], ["+connect_lobby", "9" * 99]]
)
def test_other_words_name_none(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no id is none."""
    monkeypatch.setattr("sys.argv", words)
    with players(1) as (steam,):
        assert steam.lobbies.requested() is None


def test_a_handler_gets_the_events_until_it_is_removed(three: list[Steam]) -> None:
    """As everywhere: while it is subscribed, events() has nothing."""
    lobby, _ = made(three)
    seen: list[object] = []
    handler = three[0].lobbies.on_event(seen.append)
    lobby.send("one")
    pump(*three, until=lambda: seen)
    assert three[0].lobbies.events() == []
    three[0].lobbies.remove_handler(handler)
    with pytest.raises(ValueError, match="not subscribed"):
        three[0].lobbies.remove_handler(handler)
    lobby.send("two")
    (event,) = pump(*three, until=three[0].lobbies.events)
    assert (event.data, len(seen)) == (b"two", 1)


def test_info_of_a_lobby_that_one_is_not_in(three: list[Steam]) -> None:
    """Anybody may ask; a lobby that is gone has a reason."""
    (lobby,) = made(three, 1, type=LobbyType.PRIVATE, data={"map": "dust"})
    info = answered(three, three[1].lobbies.info(lobby.id))
    assert (info.data, info.member_count, info.owner) == ({"map": "dust"}, 1, None)
    assert answered(three, three[0].lobbies.info(lobby)).owner == lobby.owner
    with pytest.raises(ResultError, match="DOESNT_EXIST"):
        answered(three, three[1].lobbies.info(lobby.id + 1))


def test_friends_are_the_users_of_the_rendezvous(three: list[Steam]) -> None:
    """With their names, and the lobby that they are in where they show it."""
    ann, bob, cat = three
    lobby, _ = made(three)
    assert cat.friends.set_rich_presence("status", "waiting")
    cat.friends.friends()
    friends = pump(*three, until=cat.friends.friends)
    assert sorted((f.identity, f.lobby, f.in_this_game) for f in friends) == [
        (steam.core.get_steam_id(), lobby.id, True) for steam in (ann, bob)
    ]
    assert cat.friends.name == cat.core.get_steam_id()
    assert cat.friends.name_of(ann.core.get_steam_id()) == ann.core.get_steam_id()
    assert cat.friends.name_of("str:nobody") == "str:nobody"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda steam: steam.lobbies.create(max_members=0), ValueError),
        (lambda steam: steam.lobbies.create(max_members=251), ValueError),
        (lambda steam: steam.lobbies.create(max_members="4"), TypeError),
        (lambda steam: steam.lobbies.create(data={"map": 3}), TypeError),
        (lambda steam: steam.lobbies.create(data=[("map", "dust")]), TypeError),
        (lambda steam: steam.lobbies.create(type=9), ValueError),
        (lambda steam: steam.lobbies.create(type=2.0), TypeError),
        (lambda steam: steam.lobbies.list(where=["map"]), TypeError),
        (lambda steam: steam.lobbies.list(where="map"), TypeError),
        (lambda steam: steam.lobbies.list(where={"map": ("==",)}), ValueError),
        (lambda steam: steam.lobbies.list(near=["skill"]), TypeError),
        (lambda steam: steam.lobbies.list(where={"map": ("=", "x")}), ValueError),
        (lambda steam: steam.lobbies.list(where={"map": (">", 1.5)}), TypeError),
        (lambda steam: steam.lobbies.list(near={"skill": "x"}), TypeError),
        (lambda steam: steam.lobbies.list(limit=0), ValueError),
        (lambda steam: steam.lobbies.list(distance="here"), ValueError),
        (lambda steam: steam.lobbies.join("ann"), ValueError),
        (lambda steam: steam.lobbies.join(0), ValueError),
        (lambda steam: steam.lobbies.join(None), TypeError),
        (lambda steam: steam.lobbies.on_event(3), TypeError),
        (lambda steam: steam.friends.set_rich_presence("k" * 64, "v"), ValueError),
    ],
)
def test_what_cannot_be_meant_raises(call: object, error: type[Exception]) -> None:
    """At once, and nothing is asked."""
    with players(1) as (steam,), pytest.raises(error):
        call(steam)  # type: ignore[operator]  # one of the above


def test_after_shutdown_everything_raises_and_requests_are_done() -> None:
    """ClosedError, also from a request that was pending."""
    with players(2) as (ann, bob):
        lobby = answered([ann, bob], ann.lobbies.create())
        pending = ann.lobbies.list()
        ann.shutdown()
        assert pending.done
        for call in (
            pending.result,
            ann.lobbies.create,
            ann.lobbies.events,
            ann.lobbies.requested,
            ann.friends.friends,
            lambda: lobby.members,
            lambda: lobby.data["map"],
            lambda: lobby.send("x"),
        ):
            with pytest.raises(ClosedError):
                call()


def test_everything_can_be_printed_at_any_time() -> None:
    """Also what cannot be read any more: a debugger, a log and a failed assert print it."""
    with players(1) as (ann,):
        lobby = answered([ann], ann.lobbies.create(data={"map": "dust"}))
        datas = [lobby.data, lobby.me, lobby.member_data("str:bob")]
        assert [repr(data) for data in datas] == ["{'map': 'dust'}", "{}", "{}"]
        ann.shutdown()
        me = ann.lobbies._me
        assert [repr(data) for data in datas] == [
            f"<LobbyData{whose} in lobby {lobby.id}>" for whose in ("", f" of {me}", " of str:bob")
        ]


def test_virtual_lobbies_are_the_same_in_every_run() -> None:
    """Ids, order and answers come from the clock of the test."""

    def play() -> list[object]:
        with players(3, clock=VirtualClock()) as steams:
            lobbies = made(steams, 3)
            for lobby in lobbies:
                lobby.send(str(lobby.id))
            return pump(*steams, until=steams[0].lobbies.events)

    assert [repr(event) for event in play()] == [repr(event) for event in play()]


def test_a_killed_player_is_missed(three: list[Steam]) -> None:
    """The next member owns the lobby, as after a crash."""
    _, second, third = made(three, 3)
    network(*three).kill(three[0])
    heir = three[1].core.get_steam_id()
    pump(*three[1:], until=lambda: second.owner == third.owner == heir)
    kinds = [event.kind for event in three[2].lobbies.events()]
    assert kinds == [LobbyEventKind.DISCONNECTED, LobbyEventKind.OWNER]


def test_two_clocks_share_no_lobbies() -> None:
    """Players of different clocks never meet."""
    with players(1, clock=VirtualClock()) as one, players(1, clock=VirtualClock()) as other:
        made(one, 1)
        assert answered(other, other[0].lobbies.list()) == []


def test_a_name_is_what_init_gave() -> None:
    """And the identity where none was given."""
    with players(1) as (steam,):
        assert steam.friends.name == steam.core.get_steam_id()
    with pytest.raises(ValueError, match="name"):
        steamnet.init(engine="loopback", name="n" * 128)
