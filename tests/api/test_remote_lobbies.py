"""Lobbies that a rendezvous server keeps, however the threads of a player take turns."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import pytest
import waiting

pytest.importorskip("websockets", reason="pip install 'steamnet[rendezvous]'")
from rendezvous_server import ServerThread

from steamnet import Identity, LobbyType
from steamnet.enums import EResult
from steamnet.lobby_backend import Chat, Create, Join, LobbyEventKind, SetData
from steamnet.lobby_client import MOST_WAITING, Item, Lost, People, Reply, Request, Update
from steamnet.lobby_rules import User
from steamnet.rendezvous import Client, Limits
from steamnet.rendezvous.lobby_carrier import IN_FLIGHT, RemoteLobbies

APP = 480
PATIENCE = 60.0
FAST = Limits(frames_per_second=1e6, frames_at_once=1e6, bytes_per_second=1e9, bytes_at_once=1e9)


class Player:
    """A user of lobbies without an engine: what would be for it is in `items`."""

    def __init__(self, url: str, name: str, stack: ExitStack) -> None:
        self.items: list[Item] = []
        self.when_put: Callable[[Item], None] = lambda _: None  # on the client's thread
        identity = Identity.parse(f"str:{name}")
        self.client = Client(url, identity)
        stack.callback(self.client.close)
        self.client.wait(PATIENCE)
        inbox: Any = self
        self.lobbies = RemoteLobbies(self.client, User(str(identity), name, "1"), APP, inbox)
        self._number = 0

    def put(self, item: Item) -> None:
        """What a carrier does with an `Inbox`."""
        self.when_put(item)
        self.items.append(item)

    def submit(self, request: Request) -> int:
        """Begin a request: its number."""
        self._number += 1
        self.lobbies.submit(self._number, request)
        return self._number

    def reply(self, number: int) -> Reply:
        """The answer to a request, once it is there."""

        def found() -> list[Reply]:
            return [i for i in list(self.items) if isinstance(i, Reply) and i.request == number]

        (reply,) = waiting.until(found, what=f"the answer to {number}")
        assert isinstance(reply, Reply)
        return reply

    def heard(self, kind: LobbyEventKind) -> list[Update]:
        """What was told of that kind."""
        updates = [item for item in list(self.items) if isinstance(item, Update)]
        return [update for update in updates if update.change.kind == kind]


@pytest.fixture
def player() -> Iterator[Callable[[str], Player]]:
    """Makes players of one server."""
    with ServerThread(limits=FAST) as server, ExitStack() as stack:
        yield lambda name: Player(server.url, name, stack)


def slow_request(
    monkeypatch: pytest.MonkeyPatch, before: Callable[..., None], after: Callable[..., None]
) -> None:
    """Let something happen before a client's request leaves, and before its caller goes on."""
    ask = Client.ask

    def asked(self: Client, future: "Future[object]", op: str, arguments: Any) -> None:
        before(self, future, arguments)
        ask(self, future, op, arguments)
        after(self, future, arguments)

    monkeypatch.setattr(Client, "ask", asked)


@pytest.mark.parametrize("rounds", [1, 5])
def test_what_is_told_after_an_answer_is_not_lost(
    player: Callable[[str], Player], rounds: int
) -> None:
    """Also where more has come than the answer when that is taken."""
    ann, bob = player("ann"), player("bob")
    made = ann.reply(ann.submit(Create(LobbyType.PUBLIC, 2)))
    assert made.state is not None
    lobby = made.state.id

    def write(item: Item) -> None:
        if isinstance(item, Reply):
            for number in range(rounds):
                ann.reply(ann.submit(SetData(lobby, "round", str(number))))

    bob.when_put = write
    assert bob.reply(bob.submit(Join(lobby))).result == EResult.OK
    bob.client.request("present", identity="str:ann").result(PATIENCE)  # all has come
    updates = bob.heard(LobbyEventKind.DATA)
    assert [update.change.values["round"] for update in updates] == [
        str(number) for number in range(rounds)
    ]


@pytest.mark.parametrize("slow", [0.002, 0.02])
def test_what_one_writes_is_written_in_order(
    player: Callable[[str], Player], slow: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an answer has the client's thread send what the game's has just asked for."""
    ann, count = player("ann"), round(0.3 / slow)
    made = ann.reply(ann.submit(Create(LobbyType.PUBLIC, 2)))
    assert made.state is not None
    send = RemoteLobbies._send

    def before(client: Client, future: "Future[object]", arguments: Any) -> None:
        if threading.current_thread() is client._thread:
            time.sleep(2 * slow)

    def late(self: RemoteLobbies) -> None:
        if threading.current_thread() is not ann.client._thread:
            time.sleep(slow)
        send(self)

    slow_request(monkeypatch, before, lambda *_: None)
    monkeypatch.setattr(RemoteLobbies, "_send", late)
    for number in range(count):
        ann.submit(Chat(made.state.id, b"%d" % number))
    waiting.until(lambda: len(ann.heard(LobbyEventKind.CHAT)) == count, what="all that was said")
    said = [int(update.change.data) for update in ann.heard(LobbyEventKind.CHAT)]
    assert said == list(range(count))


@pytest.mark.parametrize("count", [1, IN_FLIGHT, MOST_WAITING])
def test_all_that_waits_is_answered_when_the_server_is_lost(count: int) -> None:
    """However much it is, and by whichever thread."""
    with ExitStack() as stack:
        with ServerThread() as server:
            ann = Player(server.url, "ann", stack)
            made = ann.reply(ann.submit(Create(LobbyType.PUBLIC, 2)))
            assert made.state is not None
            held, goes_on = threading.Event(), threading.Event()
            ann.client._loop.call_soon_threadsafe(lambda: (held.set(), goes_on.wait(PATIENCE)))
            assert held.wait(PATIENCE)  # no answer is read meanwhile
            numbers = [ann.submit(Chat(made.state.id, b"x")) for _ in range(count)]
        goes_on.set()
        assert {ann.reply(number).result for number in numbers} <= {
            EResult.OK,
            EResult.NO_CONNECTION,
        }
        waiting.until(lambda: any(isinstance(item, Lost) for item in list(ann.items)))
        late = ann.submit(Chat(made.state.id, b"x"))
        assert ann.reply(late).result == EResult.NO_CONNECTION


@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_a_user_has_entered_before_anything_else_is_asked(
    pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a loss as well, where the game's thread is faster than the client's."""
    told = Client._told

    def slowly(self: Client, message: Any) -> None:
        if message.get("op") == "online":
            time.sleep(pause)
        told(self, message)

    with ExitStack() as stack:
        with ServerThread() as server:
            address = server.server.address
            ann = Player(server.url, "ann", stack)
            ann.reply(ann.submit(Create(LobbyType.PUBLIC, 2)))
        waiting.until(lambda: not ann.client.is_online, what="the loss")
        monkeypatch.setattr(Client, "_told", slowly)
        with ServerThread(address):
            waiting.until(lambda: ann.client.is_online, what="the return")
            ann.reply(ann.submit(Create(LobbyType.PUBLIC, 2)))
            people = ann.reply(ann.submit(People())).people
            assert people is not None
            assert [(person.identity, person.app) for person in people] == [("str:ann", APP)]


@pytest.mark.parametrize("threads", [2, 4])
def test_several_threads_take_what_has_arrived(
    player: Callable[[str], Player], threads: int
) -> None:
    """Each signal once, and no call fails because another was faster."""
    ann, bob = player("ann"), player("bob")
    failures: list[BaseException] = []
    found: list[int] = []

    def take() -> None:
        try:
            for _ in range(200):
                found.extend(int(signal) for _, signal in bob.client.receive())
                bob.client.pushes()
        except BaseException as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    for turn in range(5):
        for number in range(200):
            ann.client.send(bob.client.identity, b"%d" % (200 * turn + number))
        ann.client.request("present", identity="str:bob").result(PATIENCE)
        bob.client.request("present", identity="str:bob").result(PATIENCE)  # all has come
        takers = [threading.Thread(target=take) for _ in range(threads)]
        sys.setswitchinterval(1e-6)
        try:
            for one in takers:
                one.start()
            for one in takers:
                one.join()
        finally:
            sys.setswitchinterval(interval)
    assert failures == []
    assert sorted(found) == [*range(1000)]
