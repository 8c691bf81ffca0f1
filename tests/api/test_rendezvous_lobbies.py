"""Lobbies at a rendezvous server: what is big, slow or hostile there, and what its end answers."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
import waiting
from rendezvous_server import ServerThread, log_in, message
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

import steamnet
from steamnet import EResult, Identity, LobbyType
from steamnet.lobby_backend import Command, Create, Inspect, Join
from steamnet.lobby_client import Inbox, Reply
from steamnet.lobby_rules import User as Player
from steamnet.rendezvous import Client, Limits, User
from steamnet.rendezvous.lobby_carrier import RemoteLobbies

PATIENCE = 60.0
ANN = Identity.parse("str:ann")
TEXTS = ("x" * 8192, "é" * 4096, "\N{GRINNING FACE}" * 2048, '"' * 8192)  # 8 KiB each


@pytest.fixture
def server() -> Iterator[ServerThread]:
    """A server."""
    with ServerThread() as server:
        yield server


def request(connection: Any, do: str, **fields: object) -> dict[str, Any]:
    """The answer to a request about lobbies; what comes before it is skipped."""
    connection.send(json.dumps({"op": "lobby", "id": 1, "do": do, **fields}))
    while (found := message(connection)).get("id") != 1:
        pass
    assert "result" in found, found
    result = found["result"]
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize(
    "name", ["\ud800", "\N{GRINNING FACE}" * 64, "a\0", 5, ["a"]], ids=range(5)
)
def test_a_login_that_is_refused_holds_no_identity(server: ServerThread, name: object) -> None:
    """A name that others could not be told is refused, and the identity is still free."""
    for secret in ("one", "two"):
        refused = log_in(server.url, "str:ann", secret, name=name)
        with refused as connection, pytest.raises(ConnectionClosed, match="name"):
            connection.recv(10)
    with log_in(server.url, "str:ann", "three") as ann:
        assert message(ann)["op"] == "welcome"
        people = request(ann, "people")["people"]
        assert [person["identity"] for person in people] == ["str:ann"]


@pytest.mark.parametrize("text", TEXTS, ids=range(4))
def test_big_lobbies_are_told_and_hide_no_others(server: ServerThread, text: str) -> None:
    """A lobby as big as can be is inspected and joined; a small one behind it is still listed."""
    with ExitStack() as stack:
        made = []
        for number in range(4):
            host = stack.enter_context(log_in(server.url, f"str:{number}"))
            message(host)
            created = request(host, "create", type=2, max_members=2)
            made.append(created["state"]["id"])
            for key in range(15 if number < 3 else 0):
                request(host, "set_data", lobby=made[-1], key=str(key), value=text)
        ann = stack.enter_context(log_in(server.url, "str:ann"))
        message(ann)
        for number in made[:3]:
            (info,) = request(ann, "inspect", lobby=number)["infos"]
            assert len(info["data"]) == 15
        found = request(ann, "search", slots=1, limit=50, distance="worldwide")["infos"]
        assert made[3] in [info["id"] for info in found]
        joined = request(ann, "join", lobby=made[0])
        assert joined["state"]["data"]["14"] == text


class SlowWebSocket:
    """A connection whose peer reads nothing until it is told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.sent: list[object] = []
        self.aborted = False
        self.transport = self

    async def send(self, frame: object) -> None:
        """Wait for the peer."""
        await self.reads.wait()
        self.sent.append(frame)

    def abort(self) -> None:
        """The server gives up."""
        self.aborted = True


def slowly(play: Callable[[User, SlowWebSocket], Any], backlog: int = 1000) -> None:
    """Play with a user who does not read, of a server with a short ``backlog``."""

    async def run() -> None:
        websocket = SlowWebSocket()
        user = User(ANN, cast(ServerConnection, websocket), Limits(backlog=backlog))
        writing = asyncio.create_task(user.write_all())
        async with asyncio.timeout(PATIENCE):
            await play(user, websocket)
        writing.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("size", [10, 1000, 500_000])
def test_a_big_answer_disconnects_nobody(size: int) -> None:
    """While it is on its way, what happens in the lobby is queued behind it, up to the backlog."""

    async def play(user: User, websocket: SlowWebSocket) -> None:
        answering = asyncio.create_task(user.answer("a" * size))
        await asyncio.sleep(0)
        for _ in range(10):
            user.write("b" * 100)
        assert not websocket.aborted
        assert not answering.done()  # no other request is read
        user.write("c")
        assert websocket.aborted  # but what it is told has its limit
        websocket.reads.set()
        await answering
        sent = "".join(map(str, websocket.sent))
        assert sent.index("a" * size) < sent.index("b")

    slowly(play)


@pytest.mark.parametrize(
    ("frames", "sent"),
    [
        (["1", "2", "3"], ["[1,2,3,end]"]),
        (["1", b"signal", "2"], ["1", b"signal", "[2,end]"]),
        (["1", "2", b"3", b"4"], ["[1,2]", b"3", b"4", "end"]),
        (["1" * 40_000, "2" * 40_000], ["1" * 40_000, "[" + "2" * 40_000 + ",end]"]),
    ],
)
def test_what_waits_for_a_slow_user_is_sent_together(
    frames: list[str | bytes], sent: list[str | bytes]
) -> None:
    """In its order; signals are frames of their own."""

    async def play(user: User, websocket: SlowWebSocket) -> None:
        for frame in frames:
            user.write(frame)
        websocket.reads.set()
        await user.answer("end")
        assert websocket.sent == sent

    slowly(play, 100_000)


def test_an_answer_to_who_has_gone_ends() -> None:
    """The task that reads must not wait for a connection that has ended."""

    async def play(user: User, websocket: SlowWebSocket) -> None:
        async def lost(frame: object) -> None:
            raise ConnectionClosed(None, None)

        websocket.send = lost  # type: ignore[method-assign]  # as a lost one does
        for _ in range(2):
            await user.answer("a")

    slowly(play)


@pytest.mark.parametrize("count", [1, 100, 1000])
def test_the_end_of_the_server_answers_every_request(count: int) -> None:
    """Also those that waited to be sent, in any number, each once."""
    with steamnet.init(engine="loopback") as steam:
        inbox = Inbox(steam.engine)
        with ServerThread() as server:
            client = Client(server.url, ANN)
            client.wait(PATIENCE)
            lobbies = RemoteLobbies(client, Player("str:ann"), 480, inbox)
            for number in range(count):
                lobbies.submit(number, Inspect(1))
        answers = Counter[int]()
        deadline = time.monotonic() + PATIENCE
        while answers.total() < count and time.monotonic() < deadline:
            while inbox.items:
                item = inbox.items.popleft()
                assert isinstance(item, Reply)
                answers[item.request] += 1
                assert item.result != EResult.OK
            steam.wait(0.01)
        assert answers == Counter(range(count))
        lobbies.close()
        client.close()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (Create(LobbyType.PUBLIC, 2), {"result": 1}),
        (Join(1), {"result": 1}),
        (Inspect(1), {"result": 1, "infos": []}),
    ],
)
def test_an_answer_that_lacks_the_lobby_is_none(
    server: ServerThread, command: Command, answer: dict[str, object]
) -> None:
    """A server of another kind fails requests, and breaks no game."""
    server.server.handlers["lobby"] = lambda user, said: answer
    with steamnet.init(engine="loopback") as steam:
        inbox = Inbox(steam.engine)
        client = Client(server.url, ANN)
        client.wait(PATIENCE)
        lobbies = RemoteLobbies(client, Player("str:ann"), 480, inbox)
        lobbies.submit(7, command)
        waiting.until(lambda: inbox.items, timeout=PATIENCE)
        reply = inbox.items.popleft()
        assert isinstance(reply, Reply)
        assert (reply.request, reply.result) == (7, EResult.FAIL)
        lobbies.close()
        client.close()
