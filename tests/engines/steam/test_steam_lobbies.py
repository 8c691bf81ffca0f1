"""Lobbies and friends on the steam engine: between processes, and with what Steam may answer."""

import asyncio
import ctypes
import struct
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from steam_player import SteamPlayer
from steam_programs import output, python
from topologies import ALICE, BOB

import steamnet
import steamnet.aio
from steamnet import (
    ClosedError,
    EChatRoomEnterResponse,
    EResult,
    LobbyEventKind,
    LobbyType,
    PersonaState,
    ResultError,
    UnsupportedError,
    steam_lobbies,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Steam is built for POSIX")
CAROL = "76561198000000003"
NOWHERE = 109775240900000000  # the id of no lobby
Until = Callable[..., Any]


class Orders:
    """What a test orders of the stand-in for Steam."""

    def __init__(self, library: str) -> None:
        """Order it of a library that is loaded."""
        self._library = ctypes.CDLL(library)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, f"fake_steam_{name}")

    def calls(self, how: str) -> None:
        """Say how calls are answered from now on."""
        self._library.fake_steam_calls(how.encode())

    def accept(self, lobby: int, friend: int) -> None:
        """Have the player accept a friend's invitation in Steam."""
        self._library.fake_steam_accept(ctypes.c_uint64(lobby), ctypes.c_uint64(friend))

    def accept_presence(self, friend: int, text: bytes) -> None:
        """Have the player click "Join game" on what a friend's rich presence shows."""
        self._library.fake_steam_accept_presence(ctypes.c_uint64(friend), text)

    def vanish(self, lobby: int) -> None:
        """Make a lobby disappear."""
        self._library.fake_steam_vanish(ctypes.c_uint64(lobby))


@pytest.fixture
def orders(library: str, steam: steamnet.Steam) -> Iterator[Orders]:
    """The stand-in that Alice's Steam is."""
    orders = Orders(library)
    yield orders
    orders.calls("")
    orders.overlay(True)


@pytest.fixture
def player(library: str) -> Iterator[Callable[..., SteamPlayer]]:
    """Start players in processes of their own."""
    players: list[SteamPlayer] = []

    def start(identity: str = BOB, **environment: str) -> SteamPlayer:
        players.append(SteamPlayer(identity, library, **environment))
        return players[-1]

    yield start
    for one in players:
        one.close()


@pytest.fixture
def ask(steam: steamnet.Steam, until: Until) -> Callable[[Any], Any]:
    """Have Alice run callbacks until a request is done; its result."""

    def ask(request: Any) -> Any:
        until(lambda: request.done, steam, what=repr(request))
        return request.result()

    return ask


@pytest.fixture
def heard(steam: steamnet.Steam, until: Until) -> Callable[..., Any]:
    """Have Alice run callbacks until an event of a kind comes; the others are forgotten."""
    waiting: list[steamnet.LobbyEvent] = []

    def heard(kind: LobbyEventKind) -> steamnet.LobbyEvent:
        def find() -> steamnet.LobbyEvent | None:
            waiting.extend(steam.lobbies.events())
            return next((event for event in waiting if event.kind == kind), None)

        event = until(find, steam, what=kind)
        waiting.remove(event)
        return event  # type: ignore[no-any-return]  # find's

    return heard


class TestLobbies:
    """Lobbies between users."""

    def test_a_lobby_is_made_found_joined_and_left(
        self,
        steam: steamnet.Steam,
        ask: Callable[[Any], Any],
        heard: Callable[..., Any],
        player: Callable[..., SteamPlayer],
        orders: Orders,
    ) -> None:
        """Two users, from the first to the last call; nobody finds it before it has its data."""
        bare = orders.bare()
        lobby = ask(steam.lobbies.create(4, {"map": "dust", "skill": "44"}))
        assert orders.bare() == bare
        assert (lobby.owner, lobby.members, lobby.max_members) == (ALICE, [ALICE], 4)
        assert dict(lobby.data) == {"map": "dust", "skill": "44"}
        assert repr(lobby.data) == str(dict(lobby.data))
        assert repr(lobby.me) == f"<LobbyData of {ALICE} in lobby {lobby.id}>"  # not to be listed

        bob = player()
        found = bob.do("ask(steam.lobbies.list(where={'map': 'dust', 'skill': ('>=', 40)}))")
        assert [(info.id, info.member_count, info.max_members) for info in found] == [
            (lobby.id, 1, 4)
        ]
        assert found[0].data == {"map": "dust", "skill": "44"}
        assert found[0].owner is None
        bob.do(f"lobby = ask(steam.lobbies.join({lobby.id}))")
        assert bob.do("lobby.owner, lobby.members, dict(lobby.data)") == (
            ALICE,
            [ALICE, BOB],
            {"map": "dust", "skill": "44"},
        )
        joined = heard(LobbyEventKind.JOINED)
        assert (joined.lobby, joined.user) == (lobby, BOB)
        assert lobby.members == [ALICE, BOB]

        bob.do("events.clear()")
        lobby.data["map"] = "nuke"
        del lobby.data["skill"]
        assert dict(lobby.data) == {"map": "nuke"}
        assert bob.do("heard('DATA')") == (ALICE, b"")
        assert bob.do("dict(lobby.data), lobby.data['map']") == ({"map": "nuke"}, "nuke")
        bob.do("lobby.me['ready'] = 'yes'")
        assert heard(LobbyEventKind.MEMBER_DATA).user == BOB
        assert lobby.member_data(BOB)["ready"] == "yes"
        with pytest.raises(KeyError):
            lobby.member_data(BOB)["other"]
        with pytest.raises(UnsupportedError, match="by key"):
            dict(lobby.member_data(BOB))

        said = bytes(range(256)) * 16
        bob.do(f"lobby.send({said!r})")
        chat = heard(LobbyEventKind.CHAT)
        assert (chat.user, chat.data) == (BOB, said)
        assert bob.do("heard('CHAT')") == (BOB, said)

        lobby.set_owner(BOB)
        assert heard(LobbyEventKind.OWNER).user == BOB
        assert bob.do("heard('OWNER')[0], lobby.owner") == (BOB, BOB)
        bob.do("lobby.set_max_members(3); lobby.set_joinable(False)")
        heard(LobbyEventKind.DATA)
        assert lobby.max_members == 3
        bob.do("lobby.leave()")
        assert heard(LobbyEventKind.LEFT).user == BOB
        assert heard(LobbyEventKind.OWNER).user == ALICE
        lobby.leave()
        assert (lobby.owner, lobby.members, lobby.max_members, dict(lobby.data)) == (
            None,
            [],
            0,
            {},
        )
        assert bob.do("ask(steam.lobbies.list())") == []

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ({}, "abc"),
            ({"where": {"map": "dust"}}, "ab"),
            ({"where": {"map": ("!=", "dust")}}, "c"),
            ({"where": {"skill": (">", 40)}}, "bc"),
            ({"where": {"skill": (">=", 40), "map": "dust"}}, "ab"),
            ({"where": {"skill": ("<", 50)}}, "a"),
            ({"where": {"skill": 50}}, "b"),
            ({"near": {"skill": 58}}, "cba"),
            ({"near": {"skill": 58}, "limit": 2}, "cb"),
            ({"slots": 3}, "bc"),
            ({"slots": 7}, "c"),
        ],
    )
    def test_lists_are_filtered(
        self,
        options: dict[str, Any],
        found: str,
        steam: steamnet.Steam,
        ask: Callable[[Any], Any],
        orders: Orders,
    ) -> None:
        """Each filter reaches Steam as it is meant; what is full or hidden is not listed."""
        lobbies = {}
        for name, size, skill, world in [
            ("a", 3, 40, "dust"),
            ("b", 4, 50, "dust"),
            ("c", 8, 60, ""),
        ]:
            data = {"map": world, "skill": str(skill)}
            lobbies[name] = ask(steam.lobbies.create(size, data, type=LobbyType.INVISIBLE))
        hidden = ask(steam.lobbies.create(9, {"map": "dust"}, type=LobbyType.PRIVATE))
        listed = ask(steam.lobbies.list(**options))
        names = {lobby.id: name for name, lobby in lobbies.items()}
        names[hidden.id] = "hidden"
        order = [names[info.id] for info in listed]
        assert "".join(order if "near" in options else sorted(order)) == found
        assert orders.distance() == 3  # worldwide, where Steam's own default is near
        ask(steam.lobbies.list(distance="close"))
        assert orders.distance() == 0

    def test_refusals_have_valves_reason(
        self,
        steam: steamnet.Steam,
        ask: Callable[[Any], Any],
        player: Callable[..., SteamPlayer],
    ) -> None:
        """A full, a closed and a missing lobby, one too many, and what only owners may."""
        bob, carol = player(BOB), player(CAROL)
        bob.do("lobby = ask(steam.lobbies.create(2))")
        lobby = ask(steam.lobbies.join(bob.do("lobby.id")))
        reasons = EChatRoomEnterResponse

        def refusal(code: str) -> tuple[Any, Any]:
            with pytest.raises(ResultError) as refused:
                carol.do(code)
            return refused.value.operation, refused.value.result

        join = f"ask(steam.lobbies.join({lobby.id}))"
        assert refusal(join) == ("lobbies.join", reasons.FULL)
        bob.do("lobby.set_max_members(5); lobby.set_joinable(False)")
        assert refusal(join) == ("lobbies.join", reasons.NOT_ALLOWED)
        gone = f"ask(steam.lobbies.join({NOWHERE}))"
        assert refusal(gone) == ("lobbies.join", reasons.DOESNT_EXIST)
        gone = f"ask(steam.lobbies.info({NOWHERE}))"
        assert refusal(gone) == ("lobbies.info", reasons.DOESNT_EXIST)
        with pytest.raises(ResultError) as refused:
            ask(steam.lobbies.create())
        assert refused.value.result == EResult.LIMIT_EXCEEDED

        for change in [
            lambda: lobby.data.update(map="mine"),
            lambda: lobby.set_type(LobbyType.PRIVATE),
            lambda: lobby.set_joinable(True),
            lambda: lobby.set_max_members(9),
            lambda: lobby.set_owner(ALICE),
        ]:
            with pytest.raises(ResultError) as refused:
                change()
            assert refused.value.result == EResult.ACCESS_DENIED
        with pytest.raises(ResultError) as refused:
            bob.do(f"lobby.set_owner({CAROL})")
        assert refused.value.result == EResult.INVALID_PARAM
        lobby.leave()
        for change in [
            lambda: lobby.send("gone"),
            lambda: lobby.me.update(ready="1"),
            lambda: lobby.invite(BOB),
            lambda: lobby.invite_dialog(),
        ]:
            with pytest.raises(ResultError) as refused:
                change()
            assert refused.value.result == EResult.INVALID_STATE
        lobby.leave()

    def test_a_lobby_can_be_looked_at_from_outside(
        self,
        steam: steamnet.Steam,
        ask: Callable[[Any], Any],
        player: Callable[..., SteamPlayer],
    ) -> None:
        """Its data without its owner; of one's own lobby with it."""
        lobby = ask(steam.lobbies.create(4, {"map": "dust"}, type=LobbyType.PRIVATE))
        info = player().do(f"ask(steam.lobbies.info({lobby.id}))")
        assert (info.id, info.member_count, info.max_members, info.data, info.owner) == (
            lobby.id,
            1,
            4,
            {"map": "dust"},
            None,
        )
        assert ask(steam.lobbies.info(lobby)).owner == ALICE

    def test_the_next_owner_follows_one_that_is_killed(
        self,
        steam: steamnet.Steam,
        ask: Callable[[Any], Any],
        heard: Callable[..., Any],
        player: Callable[..., SteamPlayer],
    ) -> None:
        """Steam notices, everybody is told, and the next member can do what owners do."""
        bob, carol = player(BOB), player(CAROL)
        bob.do("lobby = ask(steam.lobbies.create(4))")
        lobby = ask(steam.lobbies.join(bob.do("lobby.id")))
        carol.do(f"lobby = ask(steam.lobbies.join({lobby.id})); events.clear()")
        bob.kill()
        assert heard(LobbyEventKind.DISCONNECTED).user == BOB
        assert heard(LobbyEventKind.OWNER).user == ALICE
        assert carol.do("heard('DISCONNECTED')[0], heard('OWNER')[0]") == (BOB, ALICE)
        assert lobby.members == [ALICE, CAROL]
        lobby.data["map"] = "nuke"
        assert carol.do("until(lambda: lobby.data.get('map'))") == "nuke"

    def test_players_connect_to_the_owner(
        self,
        ice: None,
        steam: steamnet.Steam,
        ask: Callable[[Any], Any],
        until: Until,
        player: Callable[..., SteamPlayer],
    ) -> None:
        """What it is all for."""
        lobby = ask(steam.lobbies.create())
        bob = player()
        bob.do(f"lobby = ask(steam.lobbies.join({lobby.id}))")
        with steam.listen(0) as listener:
            bob.do("connection = steam.connect(lobby.owner, 0); connection.send(b'hello')")
            accepted: list[Any] = []

            def meet() -> bool:
                accepted.extend(filter(None, [listener.accept()]))
                bob.do("steam.run_callbacks()")
                return bool(accepted and (accepted[0].peer == BOB))

            until(meet, steam, what="Bob")
            messages = until(
                accepted[0].receive, steam, pump=lambda: bob.do("steam.run_callbacks()")
            )
            assert bytes(messages[0]) == b"hello"

    def test_every_sdk_has_lobbies(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch, until: Until
    ) -> None:
        """Interfaces of any version are found, in either spelling of their accessor."""
        for name in ("early", "v014"):
            with steamnet.init(480, library=fakes[name]) as steam:
                request = steam.lobbies.create(2, {"sdk": name})
                until(lambda request=request: request.done, steam)
                lobby = request.result()
                assert dict(lobby.data) == {"sdk": name}
                assert steam.friends.name == f"Player {int(ALICE) % 1000}"
                lobby.send(name)
                said = until(lambda: steam.lobbies.events(), steam, what="the message")
                assert name.encode() in [event.data for event in said]

    def test_lobbies_are_awaited_in_aio(
        self, library: str, surroundings: pytest.MonkeyPatch, player: Callable[..., SteamPlayer]
    ) -> None:
        """Requests, their refusals, and events, with `await`."""
        bob = player()

        async def play() -> None:
            async with steamnet.aio.init(480, library=library) as steam:
                lobby = await steam.lobbies.create(2, {"map": "dust"})
                assert [info.id for info in await steam.lobbies.list(where={"map": "dust"})] == [
                    lobby.id
                ]
                await asyncio.to_thread(bob.do, f"lobby = ask(steam.lobbies.join({lobby.id}))")
                kinds = []
                async for event in steam.lobbies:
                    kinds.append(event.kind)
                    if event.kind == LobbyEventKind.JOINED:
                        break
                assert event.user == BOB
                with pytest.raises(ResultError, match="DOESNT_EXIST"):
                    await steam.lobbies.join(NOWHERE)

        asyncio.run(asyncio.wait_for(play(), 30))

    def test_many_threads_use_lobbies_at_once(
        self, steam: steamnet.Steam, ask: Callable[[Any], Any]
    ) -> None:
        """Lists, data and chat from four threads while a fifth runs callbacks."""
        lobby = ask(steam.lobbies.create(4, type=LobbyType.INVISIBLE))
        done, errors = threading.Event(), list[BaseException]()
        lists: list[Any] = []

        def work(number: int) -> None:
            try:
                for turn in range(50):
                    lobby.me[f"key {number}"] = str(turn)
                    lobby.data[f"key {number}"] = str(turn)
                    lobby.send(f"{number}: {turn}")
                    lists.append(steam.lobbies.list())
                    assert lobby.members == [ALICE]
                    assert lobby.data[f"key {number}"] == str(turn)
            except BaseException as error:
                errors.append(error)

        def pump() -> None:
            while not done.is_set():
                steam.run_callbacks()

        said = []
        steam.lobbies.on_event(lambda event: said.append(event.data) if event.data else None)
        workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        pumping = threading.Thread(target=pump)
        for thread in [pumping, *workers]:
            thread.start()
        for thread in workers:
            thread.join()
        for request in lists:
            while not request.done:
                pumping.join(0.001)
            assert [info.id for info in request.result()] == [lobby.id]
        done.set()
        pumping.join()
        assert errors == []
        steam.run_callbacks()
        assert len(said) == len(set(said)) == 200


ASKED = {
    "create": lambda steam: steam.lobbies.create(2, {"map": "dust"}),
    "join": lambda steam: steam.lobbies.join(NOWHERE),
    "list": lambda steam: steam.lobbies.list(),
    "info": lambda steam: steam.lobbies.info(NOWHERE),
}


class TestOddAnswers:
    """Results that are late, missing, failed, in another order, or no truth."""

    @pytest.mark.parametrize("what", ["create", "join", "list"])
    @pytest.mark.parametrize(
        ("how", "words"),
        [("failed", "connection to Steam's servers failed"), ("gone", "Steam is gone")],
    )
    def test_a_failed_call_says_why(
        self, what: str, how: str, words: str, steam: steamnet.Steam, orders: Orders, ask: Any
    ) -> None:
        """IO_FAILURE, and Valve's reason in words."""
        orders.calls(how)
        with pytest.raises(ResultError, match=words) as refused:
            ask(ASKED[what](steam))
        assert refused.value.result == EResult.IO_FAILURE
        orders.calls("")
        assert ask(steam.lobbies.list()) == []

    def test_info_without_a_connection_fails_at_once(
        self, steam: steamnet.Steam, orders: Orders
    ) -> None:
        """Steam does not take the call."""
        orders.calls("failed")
        with pytest.raises(ResultError) as refused:
            steam.lobbies.info(NOWHERE)
        assert refused.value.result == EResult.NO_CONNECTION

    @pytest.mark.parametrize("what", ASKED)
    def test_a_call_that_is_never_answered_ends(
        self,
        what: str,
        steam: steamnet.Steam,
        orders: Orders,
        ask: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """TIMEOUT, and the next call is answered; what came too late is not kept."""
        monkeypatch.setattr(steam_lobbies, "PATIENCE", 0.02)
        orders.calls("never")
        with pytest.raises(ResultError) as refused:
            ask(ASKED[what](steam))
        assert refused.value.result == EResult.TIMEOUT
        monkeypatch.setattr(steam_lobbies, "PATIENCE", 60.0)
        orders.calls("")
        for _ in range(5):  # the late answers come
            steam.run_callbacks()
        assert ask(steam.lobbies.list()) == []
        assert ask(steam.lobbies.create()).members == [ALICE]

    def test_answers_come_late_and_in_another_order(
        self, steam: steamnet.Steam, orders: Orders, ask: Any, until: Until
    ) -> None:
        """Each request has its own, whatever came before it."""
        orders.calls("late")
        lobby = ask(steam.lobbies.create(4, {"map": "late"}))
        assert lobby.data["map"] == "late"
        orders.calls("reversed")
        first = steam.lobbies.join(NOWHERE)
        second = steam.lobbies.create(2, {"map": "second"}, type=LobbyType.INVISIBLE)
        third = steam.lobbies.list(where={"map": "second"})
        fourth = steam.lobbies.list(where={"map": "late"})
        until(lambda: fourth.done and first.done, steam)
        with pytest.raises(ResultError, match="DOESNT_EXIST"):
            first.result()
        assert second.result().data["map"] == "second"
        assert [info.data["map"] for info in fourth.result()] == ["late"]
        assert [info.data["map"] for info in third.result()] in ([], ["second"])

    @pytest.mark.parametrize("what", ASKED)
    @pytest.mark.parametrize("how", ["", "late", "never"])
    def test_a_shutdown_in_between_ends_what_waits(
        self, what: str, how: str, library: str, surroundings: Any, player: Any
    ) -> None:
        """Requests end with ClosedError; no lobby stays that nobody is in."""
        with steamnet.init(480, library=library) as steam:
            Orders(library).calls(how)
            request = ASKED[what](steam)
        assert request.done
        with pytest.raises(ClosedError):
            request.result()
        assert player().do("ask(steam.lobbies.list())") == []

    def test_a_lobby_that_vanishes_is_lost(
        self, steam: steamnet.Steam, orders: Orders, ask: Any, heard: Any
    ) -> None:
        """We are told once, and are in none."""
        lobby = ask(steam.lobbies.create())
        orders.vanish(lobby.id)
        event = heard(LobbyEventKind.DISCONNECTED)
        assert (event.lobby, event.user, lobby.owner) == (lobby, ALICE, None)
        steam.run_callbacks()
        assert steam.lobbies.events() == []
        assert ask(steam.lobbies.create()).owner == ALICE

    def test_steam_that_loses_its_servers_loses_the_lobby(
        self, steam: steamnet.Steam, orders: Orders, ask: Any, heard: Any, player: Any
    ) -> None:
        """We and the others are told."""
        lobby = ask(steam.lobbies.create())
        bob = player()
        bob.do(f"lobby = ask(steam.lobbies.join({lobby.id}))")
        heard(LobbyEventKind.JOINED)
        orders.disconnect()
        assert heard(LobbyEventKind.DISCONNECTED).user == ALICE
        assert lobby.members == []
        assert bob.do("heard('DISCONNECTED')[0], heard('OWNER')[0]") == (ALICE, BOB)

    def test_a_steam_that_lies_harms_nobody(
        self, steam: steamnet.Steam, orders: Orders, ask: Any, heard: Any
    ) -> None:
        """Counts that are too large, sizes beyond the buffer, and a lobby without an id."""
        lobby = ask(steam.lobbies.create(4, {"map": "dust"}))
        orders.calls("lying")
        assert dict(lobby.data) == {"map": "dust"}
        assert [info.id for info in ask(steam.lobbies.list())] == [lobby.id]
        lobby.send(b"short")
        assert len(heard(LobbyEventKind.CHAT).data) == 4096
        with pytest.raises(ResultError) as refused:
            ask(steam.lobbies.create(type=LobbyType.INVISIBLE))
        assert refused.value.result == EResult.FAIL

    @pytest.mark.parametrize(
        ("kind", "param"),
        [
            (505, struct.pack("<QQB3x", NOWHERE, NOWHERE, 1)),
            (505, struct.pack("<QQB3x", 0, 0, 0)),
            (506, struct.pack("<QQQI", NOWHERE, int(BOB), int(BOB), 1)),
            (506, struct.pack("<QQQI", NOWHERE, int(ALICE), 0, 0xFFFFFFFF)),
            (507, struct.pack("<QQB3xI", NOWHERE, int(BOB), 1, 0xFFFFFFFF)),
            (507, struct.pack("<QQB3xI", NOWHERE, int(BOB), 2, 7)),
            (512, struct.pack("<QQB3x", NOWHERE, 0, 1)),
            (503, struct.pack("<QQQ", int(BOB), NOWHERE, 570)),
        ],
    )
    def test_callbacks_about_nothing_of_ours_are_no_events(
        self, kind: int, param: bytes, steam: steamnet.Steam, orders: Orders, ask: Any
    ) -> None:
        """Of a lobby that we are not in, of another game, of another type of entry."""
        ask(steam.lobbies.create())
        steam.run_callbacks()
        steam.lobbies.events()
        orders.callback(kind, param, len(param))
        steam.run_callbacks()
        steam.run_callbacks()
        assert steam.lobbies.events() == []

    def test_a_flood_of_callbacks_holds_nothing_up(
        self, steam: steamnet.Steam, library: str, orders: Orders, ask: Any
    ) -> None:
        """256 events a frame; what is too much for the queue is lost with a warning."""
        lobby = ask(steam.lobbies.create())
        joined = struct.pack("<QQQI", lobby.id, int(BOB), int(BOB), 1)
        pump = ctypes.CDLL(library).SteamAPI_RunCallbacks  # as another binding's

        def flood(count: int) -> None:
            for number in range(count):
                orders.callback(506, joined, len(joined))
                if number % 1000 == 999:
                    pump()
            pump()

        flood(1000)
        counts = []
        while not counts or counts[-1]:
            steam.run_callbacks()
            counts.append(len([e for e in steam.lobbies.events() if e.user == BOB]))
        assert sum(counts) == 1000
        assert max(counts) <= 256
        flood(17_000)
        with pytest.warns(RuntimeWarning, match="events of lobbies are lost"):
            steam.run_callbacks()
        assert len(steam.lobbies.events()) <= 256
        assert lobby.members == [ALICE]


class TestJoiningAsPlayersDo:
    """Invitations, and what Steam's own windows ask for."""

    def test_an_invitation_comes_as_an_event(
        self, steam: steamnet.Steam, orders: Orders, ask: Any, heard: Any, player: Any
    ) -> None:
        """With who invites and where to; once the player has accepted it, `requested` gives it."""
        bob = player()
        lobby = bob.do("lobby = ask(steam.lobbies.create()); lobby.id")
        assert steam.lobbies.requested() is None
        bob.do(f"lobby.invite({ALICE})")
        event = heard(LobbyEventKind.INVITED)
        assert (event.user, event.lobby) == (BOB, lobby)
        assert steam.lobbies.requested() is None  # Steam asks the player first
        orders.accept(lobby, int(BOB))
        heard(LobbyEventKind.JOIN_REQUESTED)
        assert steam.lobbies.requested() == lobby
        assert steam.lobbies.requested() is None
        assert ask(steam.lobbies.join(event.lobby)).members == [BOB, ALICE]

    def test_join_game_of_a_friend(self, steam: steamnet.Steam, orders: Orders, heard: Any) -> None:
        """GameLobbyJoinRequested: an event, and `requested` once."""
        steam.lobbies.events()
        orders.accept(NOWHERE, int(BOB))
        event = heard(LobbyEventKind.JOIN_REQUESTED)
        assert (event.lobby, event.user, event.data) == (NOWHERE, BOB, b"")
        assert [steam.lobbies.requested(), steam.lobbies.requested()] == [NOWHERE, None]

    @pytest.mark.parametrize("times", [1, 3])
    @pytest.mark.parametrize("presence", [False, True])
    def test_a_game_without_lobbies_is_told_later(
        self,
        presence: bool,
        times: int,
        steam: steamnet.Steam,
        orders: Orders,
        until: Until,
        heard: Any,
    ) -> None:
        """Until it asks, what waits for it does not make its run_callbacks work twice."""
        for _ in range(times):
            if presence:
                orders.accept_presence(int(BOB), b"+connect_lobby %d" % NOWHERE)
            else:
                orders.accept(NOWHERE, int(BOB))
            steam.run_callbacks()
        until(steam._ran_quietly, steam)
        steam.lobbies.requested()
        for _ in range(times):
            assert heard(LobbyEventKind.JOIN_REQUESTED).user == BOB

    @pytest.mark.parametrize(
        ("text", "lobby"),
        [
            (b"+connect_lobby 109775240900000000", NOWHERE),
            (b"-window +connect_lobby  109775240900000000 -x", NOWHERE),
            (b"+connect 10.0.0.1:27015", None),
            (b"+connect_lobby", None),
            (b"+connect_lobby x", None),
            (b"+connect_lobby 99999999999999999999", None),
            (b"+connect_lobby 1097752409000000001097752409", None),
            (b"", None),
            (b"\xff\xfe+connect_lobby 5", 5),
            (b"x" * 300, None),
        ],
    )
    def test_join_game_by_rich_presence(
        self, text: bytes, lobby: int | None, steam: steamnet.Steam, orders: Orders, heard: Any
    ) -> None:
        """The text to connect with, and the lobby that it names, if any."""
        steam.lobbies.events()
        orders.accept_presence(int(BOB), text)
        event = heard(LobbyEventKind.JOIN_REQUESTED)
        assert (event.user, event.data) == (BOB, text[:256])
        assert event.lobby == (lobby or 0)
        assert steam.lobbies.requested() == lobby

    @pytest.mark.parametrize(
        ("line", "arguments", "lobby"),
        [
            ("+connect_lobby 109775240900000000", [], NOWHERE),
            ("-x +connect_lobby 77", ["+connect_lobby", "78"], 77),
            ("", ["-v", "+connect_lobby", "109775240900000000"], NOWHERE),
            ("", ["+connect_lobby"], None),
            ("+connect_lobby 0", ["+connect_lobby", "-5"], None),
            ("nothing " * 2000, ["+connect_lobby", "7e3"], None),
        ],
    )
    def test_a_game_that_steam_starts_for_it(
        self, line: str, arguments: list[str], lobby: int | None, library: str, surroundings: Any
    ) -> None:
        """The command line names it, Steam's or the process's; it is told once."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_LAUNCH", line)
        surroundings.setattr(sys, "argv", ["game.py", *arguments])
        with steamnet.init(480, library=library) as steam:
            assert [steam.lobbies.requested(), steam.lobbies.requested()] == [lobby, None]

    def test_the_invite_dialog_needs_the_overlay(
        self, steam: steamnet.Steam, orders: Orders, ask: Any
    ) -> None:
        """Steam would ignore it in silence where it cannot draw."""
        lobby = ask(steam.lobbies.create())
        orders.dialog.restype = ctypes.c_uint64
        lobby.invite_dialog()
        assert orders.dialog() == lobby.id
        orders.overlay(False)
        with pytest.raises(ResultError, match="overlay does not run"):
            lobby.invite_dialog()


class TestFriends:
    """Who is there."""

    def test_friends_have_names_and_lobbies(
        self, steam: steamnet.Steam, ask: Any, player: Any
    ) -> None:
        """Steam's names, whether they play this game, and where."""
        assert steam.friends.name == f"Player {int(ALICE) % 1000}"
        bob = player(BOB, STEAMNET_FAKE_STEAM_NAME="Bob \N{SNOWMAN}")
        [friend] = steam.friends.friends()
        assert (friend.identity, friend.name, friend.state) == (
            BOB,
            "Bob \N{SNOWMAN}",
            PersonaState.ONLINE,
        )
        assert friend.in_this_game
        assert friend.lobby is None
        lobby = bob.do("ask(steam.lobbies.create(type=steamnet.LobbyType.FRIENDS_ONLY)).id")
        assert steam.friends.friends()[0].lobby == lobby
        assert steam.friends.name_of(BOB) == "Bob \N{SNOWMAN}"
        bob.kill()
        assert steam.friends.friends()[0].state == PersonaState.OFFLINE

    def test_an_unknown_name_is_asked_for(self, steam: steamnet.Steam, orders: Orders) -> None:
        """The identity until Steam knows; who has no Steam ID has no other name."""
        orders.requested_user.restype = ctypes.c_uint64
        assert steam.friends.name_of(CAROL) == CAROL
        assert orders.requested_user() == int(CAROL)
        assert steam.friends.name_of("str:carol") == "str:carol"

    def test_rich_presence(self, steam: steamnet.Steam, orders: Orders) -> None:
        """Friends see it until it is removed."""
        orders.presence.restype = ctypes.c_char_p

        def shown(key: bytes) -> bytes:
            text: bytes = orders.presence(ctypes.c_uint64(int(ALICE)), key)
            return text

        assert steam.friends.set_rich_presence("status", "in the lobby")
        assert shown(b"status") == b"in the lobby"
        assert steam.friends.set_rich_presence("status", "")
        assert shown(b"status") == b""
        for number in range(8):
            assert steam.friends.set_rich_presence(f"key {number}", "x" * 255)
        assert not steam.friends.set_rich_presence("one too many", "x")


class TestWithout:
    """Libraries without lobbies, and a Steam without a user."""

    def test_an_sdk_without_lobbies_serves_for_networking(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
    ) -> None:
        """Each call says what is missing, and nothing else is."""
        with steamnet.init(480, library=fakes["no lobbies"]) as steam:
            here, there = steam.networking_sockets.create_socket_pair()
            steam.networking_sockets.send_message(here, b"works")
            assert [bytes(m) for m in steam.networking_sockets.receive_messages(there)] == [
                b"works"
            ]
            assert steam.lobbies.events() == []
            assert steam.lobbies.requested() is None
            _refuses_lobbies(steam)

    def test_a_game_server_has_no_lobbies(
        self, library: str, surroundings: pytest.MonkeyPatch
    ) -> None:
        """Steam has lobbies for users only."""
        with steamnet.init_game_server(
            480, product="game", version="1.0.0.0", library=library
        ) as server:
            _refuses_lobbies(server)
            server.run_callbacks()


def _refuses_lobbies(steam: steamnet.Steam) -> None:
    for name, call in {
        "CreateLobby": lambda: steam.lobbies.create(),
        "JoinLobby": lambda: steam.lobbies.join(5),
        "RequestLobbyList": lambda: steam.lobbies.list(),
        "RequestLobbyData": lambda: steam.lobbies.info(5),
        "GetPersonaName": lambda: steam.friends.name,
        "GetFriendByIndex": lambda: steam.friends.friends(),
        "GetFriendPersonaName": lambda: steam.friends.name_of(BOB),
        "SetRichPresence": lambda: steam.friends.set_rich_presence("a", "b"),
    }.items():
        with pytest.raises(UnsupportedError, match=name):
            call()


OTHER = """
import ctypes, os, time, steamnet
binding = ctypes.CDLL(os.environ["LIBRARY"])
create = binding.SteamAPI_ISteamMatchmaking_CreateLobby
create.restype = ctypes.c_uint64
create.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
binding.SteamAPI_SteamMatchmaking_v009.restype = ctypes.c_void_p
take = binding.SteamAPI_ISteamUtils_GetAPICallResult
take.argtypes = [
    ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
assert binding.SteamAPI_InitFlat(None) == 0
def run(steam, condition, work):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        work()
        steam.run_callbacks()
        time.sleep(0.002)
"""
BY_STANDARD = """
with steamnet.init(attach=True, library=os.environ["LIBRARY"]) as steam:
    theirs = create(binding.SteamAPI_SteamMatchmaking_v009(), 3, 4)
    request = steam.lobbies.create(2, {"map": "ours"})
    run(steam, lambda: request.done, binding.SteamAPI_RunCallbacks)
    lobby = request.result()
    lobby.send(b"heard")
    events = []
    run(steam, lambda: events.extend(steam.lobbies.events()) or any(e.data for e in events),
        binding.SteamAPI_RunCallbacks)
    result, failed = (ctypes.c_uint32 * 3)(), ctypes.c_bool()
    assert take(1, theirs, result, 12, 513, ctypes.byref(failed))
    joined = steam.lobbies.join(result[1] | result[2] << 32)
    run(steam, lambda: joined.done, binding.SteamAPI_RunCallbacks)
    print(result[0], lobby.members == joined.result().members)
binding.SteamAPI_ISteamMatchmaking_GetNumLobbyMembers.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
print(binding.SteamAPI_ISteamMatchmaking_GetNumLobbyMembers(
    binding.SteamAPI_SteamMatchmaking_v009(), result[1] | result[2] << 32))
binding.SteamAPI_Shutdown()
"""
BY_HAND = """
class Message(ctypes.Structure):
    _pack_ = 4
    _fields_ = [("user", ctypes.c_int32), ("id", ctypes.c_int), ("param", ctypes.c_void_p),
                ("size", ctypes.c_int)]
binding.SteamAPI_ManualDispatch_Init()
message = Message()
def dispatch():
    binding.SteamAPI_ManualDispatch_RunFrame(1)
    while binding.SteamAPI_ManualDispatch_GetNextCallback(1, ctypes.byref(message)):
        binding.SteamAPI_ManualDispatch_FreeLastCallback(1)
with steamnet.init(attach=True, library=os.environ["LIBRARY"]) as steam:
    request = steam.lobbies.create(2, {"map": "ours"})
    run(steam, lambda: request.done, dispatch)
    found = steam.lobbies.list(where={"map": "ours"})
    run(steam, lambda: found.done, dispatch)
    print(request.result().members, [info.data for info in found.result()])
    request = steam.lobbies.list()
    taken, failed = (ctypes.c_uint32 * 1)(), ctypes.c_bool()
    def dispatch_and_take():
        dispatch()
        for call in range(256, 4096, 256):
            take(1, call, taken, 4, 510, ctypes.byref(failed))
    run(steam, lambda: request.done, dispatch_and_take)
    try:
        request.result()
    except steamnet.ResultError as error:
        print(error)
binding.SteamAPI_Shutdown()
"""


class TestBesideAnotherBinding:
    """Attached to a Steam whose callbacks another binding runs."""

    @pytest.mark.parametrize(
        ("program", "says"),
        [
            (BY_STANDARD, "1 True\n1\n"),
            (
                BY_HAND,
                f"['{ALICE}'] [{{'map': 'ours'}}]\nlobbies.list: IO_FAILURE (Steam does not know "
                "the call: another binding in this process has taken its result)\n",
            ),
        ],
        ids=["RunCallbacks", "ManualDispatch"],
    )
    def test_both_have_their_results(self, program: str, says: str, library: str) -> None:
        """Neither takes the other's; one that takes all is named as the reason."""
        code = textwrap.dedent(OTHER + program)
        assert output(python(code, SteamAppId="480", LIBRARY=library)) == says
