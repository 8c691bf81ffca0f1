"""Lobbies between processes: found, joined, written, and handed on when their owner is killed."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TypeVar

import crowd
import pytest
import waiting
from lobby_player import RemotePlayer

import steamnet
from steamnet import LobbyEventKind, LobbyType, lobby_client, lobby_store

T = TypeVar("T")
Start = Callable[..., list[RemotePlayer]]


BRACKETS = "replace(hex(zeroblob(50000)), '0', '[')"  # more than Python reads
PLACES = ("loopback", "gns", "gns-server")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``place`` where this run's engines have lobbies."""
    chosen = metafunc.config.getoption("--engine")
    excluded = {kind for mark in metafunc.definition.iter_markers("not_on") for kind in mark.args}
    if "place" in metafunc.fixturenames:
        places = [place for place in PLACES if chosen in ("all", place.partition("-")[0])]
        metafunc.parametrize("place", [p for p in places if p not in excluded], indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An engine in a directory of its own, and, for "gns-server", a rendezvous server."""
    engine, _, server = request.param.partition("-")
    if engine == "gns":
        request.getfixturevalue("gns")
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="sn-"))
        monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", directory)
        monkeypatch.delenv("STEAMNET_RENDEZVOUS", raising=False)
        if server:
            from rendezvous_server import ServerThread  # not every machine has websockets

            running = stack.enter_context(ServerThread())
            monkeypatch.setenv("STEAMNET_RENDEZVOUS", running.url)
        yield engine


@pytest.fixture
def start(place: str) -> Iterator[Start]:
    """Starts players."""
    started: list[RemotePlayer] = []

    def players(count: int, **options: str) -> list[RemotePlayer]:
        first = 76561198000000100 + len(started)
        new = [RemotePlayer(place, str(first + i), **options) for i in range(count)]
        started.extend(new)
        return new

    yield players
    for player in started:
        player.kill()


def meet(players: list[RemotePlayer], **options: object) -> int:
    """All in one lobby of the first."""
    lobby = players[0].ask(f"me.answer(steam.lobbies.create(**{options!r}))")
    assert isinstance(lobby, int)
    for player in players[1:]:
        assert player.ask(f"me.answer(steam.lobbies.join({lobby}))") == lobby
    for player in players:
        everybody = [other.identity for other in players]
        found = player.ask(f"me.until(lambda: [*map(str, me.lobby.members)] == {everybody})")
        assert found, player.ask("me.members()")
    return lobby


def test_three_processes_play(start: Start) -> None:
    """Create, list, join, data, member data, chat, refusals, and the connection to the owner."""
    ann, bob, cat = players = start(3)
    lobby = ann.ask(
        "me.answer(steam.lobbies.create(3, {'map': 'dust', 'skill': '40'})), "
        "me.answer(steam.lobbies.create(2))"
    )
    assert lobby[1] == "LIMIT_EXCEEDED"
    found = [(lobby[0], 1, {"map": "dust", "skill": "40"})]
    where = {"map": "dust", "skill": (">=", 40)}
    assert bob.ask(f"me.answer(steam.lobbies.list({where}))") == found
    assert bob.ask("me.answer(steam.lobbies.list({'map': ('!=', 'dust')}))") == []
    assert bob.ask(f"me.answer(steam.lobbies.info({lobby[0]}))") == found
    for player in (bob, cat):
        assert player.ask(f"me.answer(steam.lobbies.join({lobby[0]}))") == lobby[0]
    ann.ask("me.lobby.data.update(map='nuke')")
    bob.ask("me.lobby.me.update(ready='1'), me.lobby.send('hi')")
    cat.ask("me.lobby.me.update(ready='0')")
    for player in players:
        for written in (
            "me.lobby.data.get('map') == 'nuke'",
            f"me.members().get('{bob.identity}') == {{'ready': '1'}}",
            f"me.members().get('{cat.identity}') == {{'ready': '0'}}",
            "any(event[0] == 'CHAT' for event in me.events)",
        ):
            assert player.ask(f"me.until(lambda: {written})"), (written, player.ask("me.events"))
    events = {(kind, user, said) for kind, user, said, _ in cat.ask("me.events")}
    assert events >= {
        ("DATA", ann.identity, ""),
        ("MEMBER_DATA", bob.identity, ""),
        ("MEMBER_DATA", cat.identity, ""),
        ("CHAT", bob.identity, "hi"),
    }
    (dan,) = start(1)
    assert dan.ask(f"me.answer(steam.lobbies.join({lobby[0]}))") == "FULL"
    ann.ask("me.lobby.set_joinable(False), me.lobby.set_max_members(9)")
    join = f"me.until(lambda: me.answer(steam.lobbies.join({lobby[0]})) == 'NOT_ALLOWED')"
    assert dan.ask(join)
    assert dan.ask(f"me.answer(steam.lobbies.join({lobby[0] + 1}))") == "DOESNT_EXIST"
    ann.tell("me.accept()")
    assert cat.ask("me.connect()") == "CONNECTED"
    assert ann.hear()
    for player in players:
        player.close()
    assert dan.ask("me.answer(steam.lobbies.list())") == []


def test_when_the_owner_is_killed_the_next_member_owns_it(start: Start) -> None:
    """Everybody knows it; the dead are not listed."""
    ann, bob, cat = start(3)
    lobby = meet([ann, bob, cat])
    for dead, heir, others in ((ann, bob, (bob, cat)), (bob, cat, (cat,))):
        dead.kill()
        for player in others:
            told = [("DISCONNECTED", dead.identity), ("OWNER", heir.identity)]
            inherits = f"me.until(lambda: [event[:2] for event in me.events[-2:]] == {told})"
            assert player.ask(inherits), player.ask("me.events")
            assert player.ask("str(me.lobby.owner)") == heir.identity
    (dan,) = start(1)
    assert dan.ask("me.answer(steam.lobbies.list())") == [(lobby, 1, {})]
    cat.kill()
    assert dan.ask("me.answer(steam.lobbies.list())") == []
    assert dan.ask(f"me.answer(steam.lobbies.join({lobby}))") == "DOESNT_EXIST"


def test_several_that_die_at_once_are_all_missed(start: Start) -> None:
    """Each member watches the next one that is there."""
    players = start(5)
    meet(players, max_members=5)
    for player in players[:4]:
        player.kill()
    last = players[4]
    assert last.ask("me.until(lambda: len(me.lobby.members) == 1)"), last.ask("me.members()")
    assert last.ask("str(me.lobby.owner)") == last.identity


@pytest.mark.not_on("gns-server", why="a lost client's identity is held for 15 s there")
def test_who_comes_back_takes_its_place(start: Start, place: str) -> None:
    """A crashed player that starts again at once is in the lobby once."""
    ann, bob = start(2)
    lobby = meet([ann, bob])
    bob.kill()
    again = RemotePlayer(place, bob.identity)
    try:
        assert again.ask(f"me.answer(steam.lobbies.join({lobby}))") == lobby
        members = [ann.identity, bob.identity]
        for player in (ann, again):
            assert player.ask(f"me.until(lambda: [*map(str, me.lobby.members)] == {members})")
    finally:
        again.kill()


def test_invitations_names_and_friends(start: Start) -> None:
    """An invitation reaches a user who is in no lobby; names are those of init."""
    (ann,), (bob,) = start(1, name="Ann"), start(1, name="Bob")
    lobby = meet([ann], type=int(LobbyType.PRIVATE))
    assert bob.ask("me.answer(steam.lobbies.list())") == []
    friends = "[(str(f.identity), f.name, f.in_this_game) for f in steam.friends.friends()]"
    assert bob.ask(f"me.until(lambda: {friends})") == [(ann.identity, "Ann", True)]
    ann.ask(f"me.lobby.invite('{bob.identity}')")
    assert bob.ask("me.until(steam.lobbies.requested)") == lobby
    assert bob.ask(f"me.answer(steam.lobbies.join({lobby}))") == lobby
    assert bob.ask("[steam.friends.name_of(user) for user in me.lobby.members]") == ["Ann", "Bob"]
    assert ann.ask("me.until(lambda: len(me.lobby.members) == 2)")
    assert ann.ask(f"steam.friends.name_of('{bob.identity}')") == "Bob"


@pytest.mark.not_on("gns-server", why="it has no files")
def test_when_the_files_are_removed_the_lobby_is_lost(start: Start) -> None:
    """Everybody is told, and lobbies work again."""
    ann, bob = start(2)
    meet([ann, bob])
    for path in Path(os.environ["STEAMNET_LOOPBACK_DIR"]).glob("lobb*"):
        path.unlink()
    for player in (ann, bob):
        lost = f"any(e[:2] == ('DISCONNECTED', '{player.identity}') for e in me.events)"
        assert player.ask(f"me.until(lambda: {lost})")
    meet([bob, ann])


@pytest.mark.not_on("gns-server", why="it has no files")
@pytest.mark.parametrize("bytes_", [b"no database", b"SQLite format 3\0" + b"x" * 4096])
def test_a_broken_store_is_replaced(start: Start, bytes_: bytes) -> None:
    """What a full disk or another program has left there is no obstacle."""
    (Path(os.environ["STEAMNET_LOOPBACK_DIR"]) / "lobbies-1.sqlite3").write_bytes(bytes_)
    (ann,) = start(1)
    assert ann.ask("me.until(lambda: isinstance(me.answer(steam.lobbies.create()), int))")


@pytest.mark.not_on("gns", "gns-server", why="the store is the same, and a process has one engine")
@pytest.mark.parametrize(
    ("garbage", "lost"),
    [
        ("INSERT INTO lobby VALUES (77, 1, '{\"id\":77}', '')", False),
        ("INSERT INTO lobby VALUES (77, 1, 'nonsense', '')", False),
        ("INSERT INTO lobby VALUES (77, 1, CAST(x'ff' AS TEXT), '')", False),
        (f"INSERT INTO lobby VALUES (77, 1, {BRACKETS}, '')", False),
        ("INSERT INTO lobby SELECT 77, 'x', replace(state, id, 77), '' FROM lobby", False),
        ("INSERT INTO user VALUES ('x', '../../etc', '[]')", False),
        ("INSERT INTO user VALUES ('x', CAST(x'ff' AS TEXT), '[]')", False),
        ('UPDATE user SET entry = \'{"identity":[1],"name":1}\'', False),
        *(
            (f"INSERT INTO log (topic, version, changes) VALUES ({values})", False)
            for values in (
                "'user str:ann', 1, '[1]'",
                f"'user str:ann', 1, {BRACKETS}",
                "'user str:bob', 1, CAST(x'ff' AS TEXT)",
                "x'ff', 1, '[]'",
                "replace(hex(zeroblob(2500)), '0', '1'), 1, '[]'",
            )
        ),
        ("UPDATE lobby SET state = '{}'", False),
        ("UPDATE lobby SET version = version + 1, changes = '[{}]'", True),
        ("UPDATE lobby SET version = version + 5, changes = '[]'", True),
        ("UPDATE lobby SET version = 'x', changes = '[]'", True),
        ("DELETE FROM lobby", True),
    ],
)
def test_what_others_write_into_the_store_is_survived(place: str, garbage: str, lost: bool) -> None:
    """Another program, or another version: lobbies go on, and who is in none can make one."""
    file = Path(os.environ["STEAMNET_LOOPBACK_DIR"]) / lobby_store.FILE
    with ExitStack() as stack:
        ann = stack.enter_context(steamnet.init(engine=place, identity="str:ann"))
        lobby = _answer(ann.lobbies.create(), ann)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute(garbage)
        if lost:
            with suppress(steamnet.ResultError):  # it is noticed at the latest now
                lobby.send("hi")
            waiting.until(lambda: not lobby.members, ann)
        else:
            _answer(ann.lobbies.list(), ann)
            assert lobby.members == ["str:ann"]
        bob = stack.enter_context(steamnet.init(engine=place, identity="str:bob"))
        assert _answer(bob.lobbies.create(), bob).members == ["str:bob"]
        ann.friends.friends()
        waiting.until(lambda: [f.identity for f in ann.friends.friends()] == ["str:bob"], ann)


@pytest.mark.not_on("gns", "gns-server", why="the store is the same, and a process has one engine")
@pytest.mark.parametrize("table", ["log", "lobby"])
def test_one_failure_of_the_store_is_mended_however_often(
    place: str, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A request is refused only where the store fails twice in a row."""
    file = Path(os.environ["STEAMNET_LOOPBACK_DIR"]) / lobby_store.FILE
    with steamnet.init(engine=place) as ann:
        for _ in range(4):
            assert _answer(ann.lobbies.list(), ann) == []
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute(f"DROP TABLE {table}")
    assert not caplog.records


@pytest.mark.not_on("gns", "gns-server", why="the store is the same, and a process has one engine")
@pytest.mark.parametrize("first", [LobbyType.PUBLIC, LobbyType.PRIVATE])
def test_the_type_says_whether_others_see_where_a_user_is(
    place: str, first: LobbyType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is changed."""
    monkeypatch.setattr(lobby_client, "FRESH", 0.01)
    with ExitStack() as stack:
        ann, bob = (stack.enter_context(steamnet.init(engine=place)) for _ in range(2))
        lobby = _answer(ann.lobbies.create(type=first), ann)
        for kind in (first, LobbyType.PRIVATE, LobbyType.PUBLIC, LobbyType.INVISIBLE):
            lobby.set_type(kind)
            seen = [lobby.id if kind == LobbyType.PUBLIC else None]
            waiting.until(lambda: [f.lobby for f in bob.friends.friends()] == seen, ann, bob)  # noqa: B023  # called at once


@pytest.mark.not_on("gns", "gns-server", why="the store is the same, and a process has one engine")
@pytest.mark.parametrize("unread", [0, 2])
def test_who_reads_nothing_can_write(
    place: str, unread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A game that does not call run_callbacks for long holds nobody up, and catches up later."""
    monkeypatch.setattr(lobby_store, "UNREAD", unread)
    with ExitStack() as stack:
        ann, bob = (stack.enter_context(steamnet.init(engine=place)) for _ in range(2))
        lobby = _answer(ann.lobbies.create(), ann)
        theirs = _answer(bob.lobbies.join(lobby.id), bob)
        waiting.until(lambda: len(lobby.members) == 2, ann)
        waiting_for_ann = ann.lobbies._backend._inbox.items  # type: ignore[attr-defined]
        wanted = [str(number).encode() for number in range(unread + 3)]
        told: dict[steamnet.Steam, list[bytes]] = {ann: [], bob: []}

        def heard(player: steamnet.Steam, last: bytes) -> bool:
            told[player] += [event.data for event in player.lobbies.events() if event.data]
            return last in told[player]

        for count, number in enumerate(wanted, 1):
            theirs.send(number)
            waiting.until(lambda: heard(bob, number), bob)  # noqa: B023  # called at once
            waiting.until(lambda: len(waiting_for_ann) >= min(count, unread + 1))  # noqa: B023
        lobby.send(b"ann")
        waiting.until(lambda: heard(bob, b"ann"), bob)
        _answer(bob.lobbies.list(), bob)
        waiting.until(lambda: heard(ann, b"ann"), ann)
        assert told == {player: [*wanted, b"ann"] for player in (ann, bob)}


@pytest.mark.not_on("gns", "gns-server", why="the store is the same, and a process has one engine")
@pytest.mark.parametrize("open_already", [True, False])
def test_while_the_file_is_locked_all_wait(
    place: str,
    open_already: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As by a process that is stopped while it writes: no lobby is lost, and nothing is doubled."""
    monkeypatch.setattr(lobby_store, "BUSY", 0.01)
    monkeypatch.setattr(lobby_store, "LOCKED", 0.1)
    file = Path(os.environ["STEAMNET_LOOPBACK_DIR"]) / lobby_store.FILE
    with ExitStack() as stack:
        ann, bob, cat = (stack.enter_context(steamnet.init(engine=place)) for _ in range(3))
        lobby = _answer(ann.lobbies.create(3, {"map": "dust"}), ann)
        theirs = _answer(bob.lobbies.join(lobby), bob)
        waiting.until(lambda: len(lobby.members) == 2, ann)
        if open_already:
            assert cat.lobbies.events() == []
            _answer(cat.lobbies.list(), cat)
        other = stack.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
        other.execute("BEGIN IMMEDIATE")
        lobby.send("one")
        lobby.invite(cat.friends.name)
        lobby.send("two")
        lobby.me["ready"] = "1"
        joining = cat.lobbies.join(lobby.id)
        waiting.until(lambda: len(caplog.records) >= 2, ann, bob, cat)
        assert {"has locked" in record.message for record in caplog.records} == {True}
        assert not joining.done
        other.execute("ROLLBACK")
        _answer(joining, cat)
        told: list[tuple[str, bytes]] = []

        def hear() -> bool:
            told.extend((event.kind.name, event.data) for event in bob.lobbies.events())
            return len(told) >= 4 and len(lobby.members) == 3

        waiting.until(hear, ann, bob)
        told.remove(("JOINED", b""))  # at any time
        assert told == [("CHAT", b"one"), ("CHAT", b"two"), ("MEMBER_DATA", b"")]
        assert theirs.member_data(ann.friends.name) == {"ready": "1"}
        if open_already:
            waiting.until(lambda: cat.lobbies.requested() == lobby.id, cat)


def _answer(request: steamnet.LobbyRequest[T], player: steamnet.Steam) -> T:
    waiting.until(lambda: request.done, player)
    return request.result()


def test_a_crowd_agrees(place: str, record_property: Callable[[str, int], None]) -> None:
    """All see each member's last value, and all that was said, in one order."""
    outcome = crowd.play(place, 6, 1.0, 20)
    assert outcome.said > 6
    record_property("chat_messages", outcome.said)


@pytest.mark.usefixtures("gns")
def test_a_lobby_is_lost_with_its_server() -> None:
    """The members are told; requests say that there is no server, until it is there again."""
    from rendezvous_server import ServerThread

    with ExitStack() as stack:
        with ServerThread() as server:
            listen = server.server.address
            steam = stack.enter_context(steamnet.init(engine="gns", rendezvous=server.url))
            lobby = _answer(steam.lobbies.create(), steam)
        (event,) = waiting.until(steam.lobbies.events, steam)
        assert (event.kind, event.user) == (LobbyEventKind.DISCONNECTED, steam.friends.name)
        assert lobby.members == []
        with pytest.raises(steamnet.ResultError, match="NO_CONNECTION"):
            _answer(steam.lobbies.create(), steam)
        with ServerThread(listen):
            rendezvous = steam.rendezvous
            assert rendezvous is not None
            waiting.until(lambda: rendezvous.is_online, steam)
            assert _answer(steam.lobbies.create(), steam).members == [steam.friends.name]


def test_an_answer_ends_a_wait(place: str) -> None:
    """`Steam.wait` sleeps until the store, or the server, has something."""
    with steamnet.init(engine=place) as steam:
        request = steam.lobbies.create()
        begin = time.monotonic()
        while not request.done:
            assert steam.wait(2 * waiting.PATIENCE)
            steam.run_callbacks()
        request.result().send("hi")
        while not (events := steam.lobbies.events()):
            assert steam.wait(2 * waiting.PATIENCE)
            steam.run_callbacks()
        assert [event.data for event in events] == [b"hi"]
        assert time.monotonic() - begin < waiting.PATIENCE
