"""The rendezvous server and its client: who is who, what is carried, and what is refused."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from rendezvous_server import ServerThread, log_in, message
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.server import ServerConnection, serve

import steamnet
from steamnet import Identity, InitError
from steamnet.cli import chat
from steamnet.rendezvous import Client, Limits, RequestError, Server, User
from steamnet.rendezvous.ice import IceConfig, IceServers

ANN, BOB, MALLORY = (Identity.parse(f"str:{name}") for name in ("ann", "bob", "mallory"))
STEAM_ID = Identity.parse("76561198000000001")
PATIENCE = 60.0

Clients = Callable[..., Client]


def wait_for(condition: Callable[[], Any], what: str) -> None:
    """Wait until it holds; fail after `PATIENCE` seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"no {what}"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients try again after a tenth of their usual pauses."""
    monkeypatch.setattr("steamnet.rendezvous.client.FIRST_DELAY", 0.05)


@pytest.fixture
def server() -> Iterator[ServerThread]:
    """A server that keeps lost identities for a moment only."""
    with ServerThread(limits=Limits(hold=0.3)) as server:
        yield server


@pytest.fixture
def client(server: ServerThread) -> Iterator[Clients]:
    """Makes clients, which are closed when the test ends."""
    with ExitStack() as stack:

        def make(identity: Identity, url: str = "", **options: Any) -> Client:
            one = Client(url or server.url, identity, **options)
            stack.callback(one.close)
            one.wait(PATIENCE)
            return one

        yield make


def received(client: Client, count: int) -> list[tuple[Identity, bytes]]:
    """So many signals, once they are there."""
    found: list[tuple[Identity, bytes]] = []
    wait_for(lambda: found.extend(client.receive()) or len(found) >= count, "signals")
    return found


# --- what is carried ------------------------------------------------------------------------------


def test_signals_arrive_in_order_with_the_name_of_their_sender(client: Clients) -> None:
    """Whole, an empty and a long one included; also between a Steam ID and a string."""
    ann, player = client(ANN), client(STEAM_ID)
    signals = [b"one", b"", bytes(range(256)) * 60, b"\0str:bob"]
    for one in signals:
        ann.send(STEAM_ID, one)
        player.send(ANN, one)
    assert received(player, 4) == [(ANN, one) for one in signals]
    assert received(ann, 4) == [(STEAM_ID, one) for one in signals]
    assert list(ann.receive()) == []


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "[::]:0"])
def test_what_the_server_says_is_sent_at_once(listen: str) -> None:
    """TCP must not hold a small frame back until the one before is acknowledged, for 40 ms."""
    with ServerThread(listen) as server, log_in(server.url, ANN.text) as ann:
        assert message(ann)["op"] == "welcome"
        (connection,) = server.do(lambda: server.server._websockets.connections)  # type: ignore[union-attr]  # it runs
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_signal_to_nobody_is_lost(client: Clients) -> None:
    """As engines expect, which send again."""
    ann = client(ANN)
    ann.send(BOB, b"early")
    assert ann.request("present", identity=BOB.text).result(PATIENCE) is False
    bob = client(BOB)
    ann.send(BOB, b"now")
    assert received(bob, 1) == [(ANN, b"now")]
    assert ann.request("present", identity=BOB.text).result(PATIENCE) is True


def test_nobody_signals_in_anothers_name(server: ServerThread, client: Clients) -> None:
    """There is no field in which a client could write another's name."""
    bob = client(BOB)
    with log_in(server.url, MALLORY.text) as mallory:
        message(mallory)
        mallory.send(bytes([len(BOB)]) + BOB.encode() + b"str:ann says hello")
        assert received(bob, 1) == [(MALLORY, b"str:ann says hello")]


# --- requests, as other modules add them ----------------------------------------------------------


def test_requests_and_what_the_server_tells_unasked(server: ServerThread, client: Clients) -> None:
    """Handlers may be plain functions or coroutines, refuse, and fail."""
    joined: list[Identity] = []
    left: list[Identity] = []
    log = logging.getLogger("steamnet.rendezvous")

    async def slow(user: User, asked: dict[str, object]) -> object:
        await asyncio.sleep(0)
        return [user.identity, asked["n"], user.name]

    def tell(user: User, asked: dict[str, object]) -> None:
        for other in server.server.users():
            other.push("told", by=user.identity)

    def refuse(user: User, asked: dict[str, object]) -> None:
        raise RequestError("no", "not today")

    def fail(user: User, asked: dict[str, object]) -> None:
        raise LookupError("a mistake of the handler's")

    handlers = {"slow": slow, "tell": tell, "refuse": refuse, "fail": fail}
    server.do(server.server.handlers.update, handlers)
    server.server.joined.append(lambda user: joined.append(user.identity))
    server.server.left.append(left.append)
    ann, bob = client(ANN, name="Ann"), client(BOB)
    assert ann.request("slow", n=3).result(PATIENCE) == [ANN, 3, "Ann"]
    assert ann.request("tell").result(PATIENCE) is None
    for one in (ann, bob):
        told: list[Any] = []
        wait_for(lambda one=one, told=told: told.extend(one.pushes()) or len(told) == 2, "message")
        assert told == [{"op": "online"}, {"op": "told", "by": ANN}]
    log.disabled = True  # the failure is logged with its traceback
    for op, code in [("refuse", "no"), ("fail", "internal"), ("absent", "unknown")]:
        with pytest.raises(RequestError) as refused:
            ann.request(op).result(PATIENCE)
        assert refused.value.code == code
    log.disabled = False
    assert joined == [ANN, BOB]
    ann.close()
    wait_for(lambda: left == [ANN], "leaving")
    with pytest.raises(RequestError) as offline:
        ann.request("tell").result(PATIENCE)
    assert offline.value.code == "offline"
    ann.send(BOB, b"into the void")
    ann.close()


# --- identities -----------------------------------------------------------------------------------


def test_who_claims_an_identity_first_holds_it(server: ServerThread, client: Clients) -> None:
    """Another is refused; the same client takes it again at once; when it is lost, for a while."""
    with log_in(server.url, ANN.text, "a secret") as ann:
        assert message(ann)["op"] == "welcome"
        with log_in(server.url, ANN.text, "another") as mallory:
            refusal = message(mallory)
            assert (refusal["op"], refusal["code"]) == ("refused", "taken")
        with log_in(server.url, ANN.text, "a secret") as again:
            assert message(again)["op"] == "welcome"
            with pytest.raises(ConnectionClosed) as closed:
                ann.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4001
            impostor = Client(server.url, ANN)
            wait_for(lambda: "is taken" in impostor.error, "refusal")
            with pytest.raises(InitError, match="str:ann is taken"):
                impostor.wait(0)
            impostor.close()
    newcomer = client(ANN)  # which tries again, until it is given up
    assert newcomer.is_online


def test_a_client_that_leaves_gives_its_identity_up(server: ServerThread, client: Clients) -> None:
    """The next may have it at once."""
    server.server.limits = Limits(hold=1000)
    for _ in range(3):
        client(ANN).close()


@pytest.mark.parametrize(
    "identity", ["", "ann", "invalid", "x" * 200, "str:" + "x" * 60, "str:a\nb", "127.0.0.1:5", 7]
)
def test_what_is_no_identity_cannot_log_in(server: ServerThread, identity: Any) -> None:
    """The connection is closed with the reason."""
    with log_in(server.url, identity, "secret") as one, pytest.raises(ConnectionClosed) as closed:
        message(one)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4002


def by_function(token: str) -> str | None:
    """Whose a token is."""
    return {"ann's token": "str:ann", "bob's token": "str:bob"}.get(token)


async def by_coroutine(token: str) -> Identity | None:
    """The same, later."""
    await asyncio.sleep(0.01)
    found = by_function(token)
    return None if found is None else Identity.parse(found)


@pytest.mark.parametrize("authenticate", [by_function, by_coroutine])
def test_tokens_bind_to_identities(authenticate: Any) -> None:
    """A wrong one, another's and none are refused; the right one takes an identity back."""
    with ServerThread(authenticate=authenticate) as server:
        for fields in ({}, {"token": "wrong"}, {"token": "bob's token"}, {"token": 5}):
            with log_in(server.url, ANN.text, **fields) as one:
                assert message(one)["code"] == "token"
        first = Client(server.url, ANN, "ann's token")
        first.wait(PATIENCE)
        with log_in(server.url, ANN.text, "of another device", token="ann's token") as second:
            assert message(second)["op"] == "welcome"
            wait_for(lambda: not first.is_online, "end of the first")
        first.close()
        mallory = Client(server.url, ANN, "wrong")
        with pytest.raises(InitError, match="the token is wrong"):
            mallory.wait(PATIENCE)  # at once: another try would be the same
        mallory.close()


def test_a_tokens_file(tmp_path: Path) -> None:
    """A line for each user."""
    from steamnet.rendezvous import authenticate_from

    file = tmp_path / "tokens"
    file.write_text("# ours\n\n0123456789abcdef str:ann\nfedcba9876543210 76561198000000001\n")
    authenticate = authenticate_from(str(file))
    assert authenticate("0123456789abcdef") == ANN
    assert authenticate("fedcba9876543210") == STEAM_ID
    assert authenticate("0123456789abcdee") is None
    file.write_text("0123456789abcdef\t str:ann  \n")
    assert authenticate_from(str(file))("0123456789abcdef") == ANN
    first = "fedcba9876543210 str:bob"
    for wrong in ("short str:ann", "0123456789abcdef", "0123456789abcdef nobody", first):
        file.write_text(f"{first}\n{wrong}\n")
        with pytest.raises(ValueError, match="line 2"):
            authenticate_from(str(file))
    for empty in ("", "\n", "# 0123456789abcdef str:ann\n"):
        file.write_text(empty)
        with pytest.raises(ValueError, match="has no token"):
            authenticate_from(str(file))


@pytest.mark.parametrize(
    ("url", "token", "words"),
    [
        ("ws://play.example.org:27080", "secret", "use wss://"),
        ("ws://192.0.2.1", "secret", "use wss://"),
        ("http://127.0.0.1:5", None, "is no rendezvous server"),
        ("127.0.0.1:5", None, "is no rendezvous server"),
        ("ws://user:password@127.0.0.1", None, "is no rendezvous server"),
        ("ws://127.0.0.1:hello", None, "is no rendezvous server"),
        ("ws://", None, "is no rendezvous server"),
    ],
)
def test_urls_that_are_refused(url: str, token: str | None, words: str) -> None:
    """Among them those on whose way a token could be read."""
    with pytest.raises(ValueError, match=words):
        Client(url, ANN, token)


def test_a_web_page_cannot_log_in(server: ServerThread) -> None:
    """Browsers name the page's origin: those of other sites must not speak for a player."""
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus):
        connect(server.url, origin="https://example.org", proxy=None).close()  # type: ignore[arg-type]


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of localhost and its key, made by openssl."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    return cert, key


def test_tls(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted certificate is needed, and half-open connections end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ServerThread(ssl=context, authenticate=by_function) as server:
        assert server.url.startswith("wss://")
        stranger = Client(server.url, ANN, "ann's token")
        start = time.monotonic()
        with pytest.raises(InitError, match="certificate"):
            stranger.wait(PATIENCE)
        assert time.monotonic() - start < PATIENCE / 2
        stranger.close()
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        ann, bob = Client(server.url, ANN, "ann's token"), Client(server.url, BOB, "bob's token")
        for one in (ann, bob):
            one.wait(PATIENCE)
        ann.send(BOB, b"hello")
        assert received(bob, 1) == [(ANN, b"hello")]
        ann.close()
        bob.close()


# --- losses ---------------------------------------------------------------------------------------


def test_a_client_finds_a_server_that_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """It says so in the log, claims its identity again, and signals flow again."""
    caplog.set_level(logging.INFO, "steamnet.rendezvous")
    with ExitStack() as stack:
        with ServerThread() as server:
            address = server.server.address
            ann, bob = Client(server.url, ANN), Client(server.url, BOB)
            for one in (ann, bob):
                stack.callback(one.close)
                one.wait(PATIENCE)
        wait_for(lambda: not ann.is_online and not bob.is_online, "loss")
        request = ann.request("present", identity=BOB.text)
        with pytest.raises(RequestError):
            request.result(PATIENCE)
        with ServerThread(address):
            wait_for(lambda: ann.is_online and bob.is_online, "return")
            ann.send(BOB, b"still here")
            assert received(bob, 1) == [(ANN, b"still here")]
            assert [one["op"] for one in ann.pushes()] == ["online", "offline", "online"]
            said = [record.getMessage() for record in caplog.records]
    assert sum("trying again" in line for line in said) == 2
    assert sum("is there again" in line for line in said) == 2


STRANGERS: dict[str, bytes] = {
    "one that closes": b"",
    "a web server": b"HTTP/1.1 200 OK\r\n\r\n",
    "an old web server": b"HTTP/1.0 404 Not Found\r\n\r\n",
    "an SSH server": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS server": b"\x15\x03\x01\x00\x02\x02\x46",
    "noise": b"\xff" * 5000,
}


@pytest.mark.parametrize("what", STRANGERS)
def test_what_is_no_rendezvous_server(what: str) -> None:
    """Each try tells who waits, at once; the client tries again, and ends when it is told to."""
    answered = []

    def answer(stranger: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = stranger.accept()
                answered.append(connection.recv(4096))
                connection.sendall(STRANGERS[what])
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(PATIENCE)
        thread = threading.Thread(target=answer, args=(stranger,))
        thread.start()
        client = Client(f"ws://127.0.0.1:{stranger.getsockname()[1]}", ANN)
        for number in range(1, 4):
            start = time.monotonic()
            with pytest.raises(InitError, match="cannot be used: it is no rendezvous server"):
                client.wait(PATIENCE)
            assert time.monotonic() - start < PATIENCE / 2
            assert len(answered) >= number
        client.close()
        assert not client._thread.is_alive()
        stranger.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_websocket_server_of_another_kind() -> None:
    """Who waits is told at once."""

    def echo(connection: ServerConnection) -> None:
        for frame in connection:
            connection.send(frame)

    with serve(echo, "127.0.0.1", 0) as stranger:
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        client = Client(f"ws://127.0.0.1:{stranger.socket.getsockname()[1]}", ANN)
        start = time.monotonic()
        with pytest.raises(InitError, match="no rendezvous server of this version"):
            client.wait(PATIENCE)
        assert time.monotonic() - start < PATIENCE / 2
        client.close()
        stranger.shutdown()
    thread.join(PATIENCE)


def test_an_answer_leaves_while_others_go_on_sending() -> None:
    """A user whose queue is never empty is answered, and read, all the same."""

    class Link:
        """Takes a frame at each turn of the event loop."""

        sent = 0

        async def send(self, frame: str | bytes) -> None:
            self.sent += 1
            await asyncio.sleep(0)

    async def flooded() -> int:
        link = Link()
        user = User(ANN, cast(Any, link), Limits())
        writing = asyncio.create_task(user.write_all())

        async def flood() -> None:
            while True:
                user.write(bytes(50))
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        while link.sent < 10:
            await asyncio.sleep(0)
        user.write(bytes(50))
        before = link.sent
        async with asyncio.timeout(PATIENCE):
            await user.answer("{}")
        for task in (writing, flooding):
            task.cancel()
        return link.sent - before

    assert asyncio.run(flooded()) < 10


def test_a_server_that_does_not_answer_holds_up_no_close() -> None:
    """Nobody waits for a login that does not come."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        client = Client(f"ws://127.0.0.1:{silent.getsockname()[1]}", ANN)
        connection, _ = silent.accept()
        with connection:
            client.close()
            assert not client._thread.is_alive()
    assert client.error


def test_what_arrives_wakes_a_game_that_waits(client: Clients) -> None:
    """The client is readable then, and until all is received, however much it is."""
    ann, bob = client(ANN), client(BOB)
    list(bob.receive())  # after which it waits
    assert select.select([bob], [], [], 0)[0] == []
    for _ in range(100):
        ann.send(BOB, b"signal")
    count = 0
    while count < 100:
        assert select.select([bob], [], [], PATIENCE)[0] == [bob]
        count += len(list(bob.receive()))
    bob.close()
    assert bob.fileno() == -1
    assert list(bob.receive()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("busy", [False, True])
def test_a_forked_child_leaves_the_client_alone(client: Clients, busy: bool) -> None:
    """A child that uses or closes it, as at its exit, does not end its parent's, nor hangs.

    ``busy``: the client's thread, which the child has not, is at work at the fork.
    """
    ann, bob = client(ANN), client(BOB)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with ann._lock:
            held.set()
            over.wait(PATIENCE)

    if busy:
        ann._call(hold)
        assert held.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        signal.alarm(int(PATIENCE))
        ann.send(BOB, b"from the child")
        done = ann.request("present", identity=BOB.text).exception(0)
        ann.close()
        os._exit(0 if isinstance(done, RequestError) else 1)
    over.set()
    assert os.waitpid(child, 0)[1] == 0
    ann.send(BOB, b"from the parent")
    assert received(bob, 1) == [(ANN, b"from the parent")]


# --- STUN and TURN --------------------------------------------------------------------------------


def test_the_welcome_names_stun_and_turn(client: Clients) -> None:
    """STUN is the server itself; TURN's credentials are for some hours, as coturn checks them."""
    with ServerThread(turn="192.0.2.7:3478", turn_secret="shared") as server:
        ann = client(ANN, server.url)
        assert ann.ice is not None
        assert ann.ice.stun == server.server.address
        assert ann.ice.turn == "192.0.2.7:3478"
        until, _, who = ann.ice.turn_user.partition(":")
        assert time.time() + 3600 < int(until) < time.time() + 86401
        assert who.isalnum()  # commas would separate the names of several servers
        digest = hmac.new(b"shared", ann.ice.turn_user.encode(), hashlib.sha1).digest()
        assert base64.b64decode(ann.ice.turn_password) == digest
        fresh = ann.request("ice").result(PATIENCE)
        assert isinstance(fresh, dict)
        assert fresh["seconds"] > 3600
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
            asks.settimeout(PATIENCE)
            host, _, port = ann.ice.stun.rpartition(":")
            asks.sendto(bytes.fromhex("000100002112a442") + bytes(12), (host, int(port)))
            answer = asks.recv(100)
    assert answer[:2] == bytes.fromhex("0101")
    with ServerThread(stun_address="192.0.2.8:3478, localhost:99") as server:
        ann = client(BOB, server.url)
        assert ann.ice == IceServers("192.0.2.8:3478,127.0.0.1:99")


@pytest.mark.parametrize("wrong", ["nonsense", "host:", "host:99999", "a:1,b", "", "1.2.3.4"])
def test_wrong_addresses_of_stun_and_turn_are_refused(wrong: str) -> None:
    """Before any player is sent there."""
    for options in ({"stun_address": wrong}, {"turn": wrong, "turn_secret": "secret"}):
        with pytest.raises(ValueError, match="no address with a port"):
            Server("127.0.0.1:0", **options)  # type: ignore[arg-type]  # each has its own


def test_what_wait_raises_is_not_logged_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """One failure is one text; who goes on trying is told in the log."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        client = Client(f"ws://127.0.0.1:{nobody.getsockname()[1]}", ANN)
        with pytest.raises(InitError, match="nothing listens there: is `steamnet server` running"):
            client.wait(PATIENCE)
        assert not caplog.records
        wait_for(lambda: caplog.records, "warning")
        client.close()
    (record,) = caplog.records
    assert "cannot be used" in record.getMessage()


@pytest.mark.parametrize(
    ("present", "words"),
    [
        (lambda user, asked: False, "str:bob is not logged in at"),
        (lambda user, asked: True, "The host is logged in at"),
        (lambda user, asked: {"an": "answer"}, "does not say whether str:bob is logged in"),
        (None, "does not say whether str:bob is logged in"),
    ],
)
def test_join_says_of_the_host_only_what_it_knows(present: Any, words: str) -> None:
    """Who is told that the host is there looks for what is not wrong."""
    options = Namespace(target="str:bob", rendezvous="ws://there", engine="gns", port=0)
    with ExitStack() as stack:
        steam = stack.enter_context(steamnet.init(engine="loopback"))
        with ServerThread() as server:
            steam.rendezvous = client = Client(server.url, ANN)
            stack.callback(client.close)
            client.wait(PATIENCE)
            if present is not None:
                server.server.handlers["present"] = present
                assert words in chat._advice(steam, options, by_address=False)
        if present is None:  # the server has ended
            wait_for(lambda: not client.is_online, "loss")
            assert words in chat._advice(steam, options, by_address=False)


@pytest.mark.parametrize("ice", [None, 5, [], {"stun": 5}, {"stun": "x" * 5000}])
def test_wrong_servers_are_no_servers(ice: Any) -> None:
    """What a server says is checked."""
    with pytest.raises(ValueError, match="ICE servers"):
        IceServers.read(ice, "127.0.0.1")


def test_the_game_wins_over_the_server() -> None:
    """What it has set stays, whenever it did so; what we have set is taken back at the end."""
    from steamnet import ConfigValue

    values: dict[int, Any] = {}

    class Utils:
        def get_config_value(self, key: int) -> Any:
            return values.get(key, "")

        def set_config_value(self, key: int, value: Any) -> bool:
            values[key] = value
            return True

    stun, turn = ConfigValue.P2P_STUN_SERVER_LIST, ConfigValue.P2P_TURN_SERVER_LIST
    user = ConfigValue.P2P_TURN_USER_LIST
    config = IceConfig(Utils())
    config.apply(None)
    assert values == {}
    config.apply(IceServers("a:1", "t:1", "u", "p"))
    assert (values[stun], values[turn], values[user]) == ("a:1", "t:1", "u")
    values[stun] = "mine:1"
    config.apply(IceServers("b:1", "t:2", "u2", "p2"))
    assert (values[stun], values[turn], values[user]) == ("mine:1", "t:2", "u2")
    config.remove()
    assert (values[stun], values[turn], values[user]) == ("mine:1", None, None)


# --- hostile clients ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0signal",
        b"\xff" * 300,
        b"\x05str",
        bytes([7]) + BOB.encode() + bytes(20000),
        bytes(70000),
        "x" * 70000,
        "",
        "[]",
        "7",
        "[" * 60000,
        '{"op": "present"}',
        '{"op": 5, "id": 1}',
        '{"op": "present", "id": "1"}',
        "\ud83d".encode("utf-16-le", "surrogatepass").decode("latin-1"),
    ],
    ids=range(15),
)
def test_what_is_no_message_ends_its_senders_connection_alone(
    server: ServerThread, client: Clients, frame: str | bytes
) -> None:
    """Whatever it is; others do not notice."""
    ann, bob = client(ANN), client(BOB)
    with log_in(server.url, MALLORY.text) as mallory:
        message(mallory)
        mallory.send(frame)
        with pytest.raises(ConnectionClosed):
            mallory.recv(PATIENCE)
    ann.send(BOB, b"hello")
    assert received(bob, 1) == [(ANN, b"hello")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:0:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_addresses_that_one_user_has(one: str, other: str, same: bool) -> None:
    """A network of IPv6 gives everybody so many that they count as one."""
    from steamnet.rendezvous.admission import _whose

    assert (_whose(one) == _whose(other)) == same


@pytest.mark.parametrize(
    "message_", [{"op": "present", "id": 1}, {"op": "present", "id": 1, "identity": "x" * 5000}]
)
def test_wrong_arguments_are_answered(server: ServerThread, message_: dict[str, Any]) -> None:
    """With an error, and the connection stays."""
    with log_in(server.url, MALLORY.text) as mallory:
        message(mallory)
        for _ in range(2):
            mallory.send(json.dumps(message_))
            assert message(mallory)["error"]["code"] == "invalid"


def test_a_flood_is_read_slowly_and_others_are_served(client: Clients) -> None:
    """What a client sends too fast waits in its own machine."""
    limits = Limits(frames_per_second=50, frames_at_once=20, bytes_per_second=1e9)
    with ServerThread(limits=limits) as server:
        ann, bob = client(ANN, server.url), client(BOB, server.url)
        with log_in(server.url, MALLORY.text) as mallory:
            message(mallory)
            stop = threading.Event()
            sent = []

            def flood() -> None:
                frame = bytes([len(BOB)]) + BOB.encode() + bytes(16000)
                with suppress(ConnectionClosed):
                    while not stop.is_set():
                        mallory.send(frame)
                        sent.append(frame)

            flooding = threading.Thread(target=flood)
            flooding.start()
            wait_for(lambda: len(sent) > 100, "flood")
            begun = time.monotonic()
            for number in range(10):
                ann.send(BOB, b"%d" % number)
            of_ann: list[bytes] = []
            total = []

            def look() -> bool:
                for sender, signal in bob.receive():
                    total.append(sender)
                    if sender == ANN:
                        of_ann.append(signal)
                return len(of_ann) == 10

            wait_for(look, "ann's signals")
            taken = time.monotonic() - begun
            assert of_ann == [b"%d" % number for number in range(10)]
            assert total.count(MALLORY) < 20 + 50 * (taken + 5)
            stop.set()
            mallory.socket.shutdown(socket.SHUT_RDWR)
            flooding.join(PATIENCE)


def test_a_client_that_does_not_read_is_disconnected(client: Clients) -> None:
    """Signals to it are dropped, what must not be lost ends it, and memory stays bounded."""
    with ServerThread(limits=Limits(backlog=50_000)) as server:
        ann = client(ANN, server.url)

        def fill(user: User, asked: dict[str, object]) -> int:
            slow = server.server.user(MALLORY)
            if slow is None:
                return -1
            for _ in range(100):
                slow.write(bytes(20_000))
                assert slow._waiting <= 50_000
            slow.push("important", text="x" * 20_000)
            return slow._waiting

        server.do(server.server.handlers.update, {"fill": fill})
        with log_in(server.url, MALLORY.text) as mallory:
            message(mallory)
            result = 0
            for _ in range(100):
                result = ann.request("fill").result(PATIENCE)  # type: ignore[assignment]
                if result == -1:
                    break
            assert result == -1


def rss(process: "subprocess.Popen[str]") -> int:
    """The memory of a process in bytes."""
    import psutil

    return int(psutil.Process(process.pid).memory_info().rss)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    """A server in a process of its own, as `steamnet server` runs it."""
    command = [sys.executable, "-W", "error", "-m", "steamnet", "server", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def url_of(process: "subprocess.Popen[str]") -> str:
    """Where a server says that it listens."""
    assert process.stdout is not None
    return process.stdout.readline().split()[2]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems accept without us")
def test_ten_thousand_half_open_connections(process: "subprocess.Popen[str]") -> None:
    """With wrong logins among them: players are served meanwhile, and memory is bounded."""
    import resource

    url = url_of(process)
    host, _, port = url.removeprefix("ws://").rpartition(":")
    ann, bob = Client(url, ANN), Client(url, BOB)
    ann.wait(PATIENCE)
    bob.wait(PATIENCE)
    before = rss(process)
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200, 700)
    open_ones: list[socket.socket] = []
    for number in range(10_000):
        one = socket.create_connection((host, int(port)), PATIENCE)
        one.sendall(
            (b"", b"G", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01" + bytes(200), b"\xff" * 9000)[
                number % 5
            ]
        )
        open_ones.append(one)
        if len(open_ones) > most:
            open_ones.pop(0).close()
        if number % 250 == 0:  # fewer than the kernel lets wait: more it would hold up for a second
            ann.send(BOB, b"%d" % number)
            assert received(bob, 1) == [(ANN, b"%d" % number)]
    for attempt in range(50):
        with ExitStack() as stack:
            # Among those that try to log in, newcomers get in, and impostors do not.
            impostor = stack.enter_context(log_in(url, ANN.text, f"wrong {attempt}"))
            assert message(impostor)["code"] == "taken"
    late = Client(url, MALLORY)
    late.wait(PATIENCE)
    assert rss(process) - before < 60 << 20
    for one in open_ones:
        one.close()
    late.close()
    ann.send(BOB, b"end")
    assert received(bob, 1) == [(ANN, b"end")]
    ann.close()
    bob.close()


def test_floods_and_huge_frames_cost_no_memory(process: "subprocess.Popen[str]") -> None:
    """Of twenty clients at once that never read; what they send reaches others slowly."""
    url = url_of(process)
    ann, bob = Client(url, ANN), Client(url, BOB)
    ann.wait(PATIENCE)
    bob.wait(PATIENCE)
    before = rss(process)
    frames = [
        bytes([len(BOB)]) + BOB.encode() + bytes(16000),
        json.dumps({"op": "present", "id": 1, "identity": "str:" + "x" * 4000}),
        json.dumps({"op": "absent", "id": 1, "more": ["x" * 60000]}),
        bytes(1 << 22),
        "x" * (1 << 22),
    ]
    end = time.monotonic() + 2

    def flood(number: int) -> None:
        with suppress(ConnectionClosed, OSError), log_in(url, f"str:{number}") as mallory:
            while time.monotonic() < end:
                mallory.send(frames[number % len(frames)])

    floods = [threading.Thread(target=flood, args=(number,)) for number in range(20)]
    for one in floods:
        one.start()
    most = 0
    while time.monotonic() < end:
        most = max(most, rss(process))
        time.sleep(0.02)
    assert most - before < 60 << 20
    ann.send(BOB, b"hello")
    found: list[tuple[Identity, bytes]] = []
    wait_for(lambda: found.extend(bob.receive()) or (ANN, b"hello") in found, "Ann's signal")
    process.kill()  # those who wait for it to read
    for one in floods:
        one.join(PATIENCE)
    ann.close()
    bob.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_server_ends_at_the_first_signal(process: "subprocess.Popen[str]", name: str) -> None:
    """Also with clients, with half-open ones, and with one that does not answer."""
    url = url_of(process)
    ann = Client(url, ANN)
    ann.wait(PATIENCE)
    host, _, port = url.removeprefix("ws://").rpartition(":")
    with socket.create_connection((host, int(port))), log_in(url, MALLORY.text):
        process.send_signal(getattr(signal, name))
        out, _ = process.communicate(timeout=PATIENCE)
    assert out.endswith("goodbye\n")
    assert process.returncode == 0
    ann.close()


def test_connections_of_one_address_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not those of this machine itself, where a proxy may be; those that end make room."""
    from steamnet.rendezvous import admission

    limits = Limits(per_address=3, half_open=100)
    with ServerThread(limits=limits) as server, ExitStack() as stack:
        for number in range(5):
            message(stack.enter_context(log_in(server.url, f"str:{number}")))
        monkeypatch.setattr(admission, "is_local", lambda address: False)
        refused = (OSError, InvalidMessage, ConnectionClosed)
        with pytest.raises(refused), log_in(server.url, "str:one too many") as one:
            message(one)
        monkeypatch.undo()
        assert len(server.do(server.server.users)) == 5


def test_the_server_is_full(client: Clients) -> None:
    """More than it may hold are refused; one that was lost makes room."""
    limits = Limits(clients=2, hold=1000)
    with ServerThread(limits=limits) as server, ExitStack() as stack:
        first, second = (stack.enter_context(log_in(server.url, f"str:{n}")) for n in range(2))
        assert message(first)["op"] == message(second)["op"] == "welcome"
        with log_in(server.url, "str:3") as third:
            assert message(third)["code"] == "full"
        first.close()
        wait_for(lambda: len(server.do(server.server.users)) == 1, "the loss")
        assert client(ANN, server.url).is_online
        second.close()


def test_a_port_that_is_taken() -> None:
    """The reason comes out of it, and nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"

        async def listen() -> None:
            async with Server(address):
                pass

        with pytest.raises(OSError, match=f"in use: '{address}'"):
            asyncio.run(listen())
