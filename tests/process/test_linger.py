"""What was sent reliably arrives, or its loss is told: between two processes, and whatever happens.

The receiver is one process; what sends, closes and ends is another.
"""

import contextlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass

import pytest
import requirements
from topologies import free_port

import steamnet
from steamnet import ConnectionState
from steamnet.testing import players, pump

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")

# Accepts every request, counts what arrives on connections and in a session, and says how the last
# connection ended.
RECEIVER = """
import sys, time, steamnet
engine, by, place = sys.argv[1:4]
steam = steamnet.init(engine=engine, identity="str:receiver")
sockets, messages = steam.networking_sockets, steam.networking_messages
listen = sockets.create_listen_socket_ip if by == "ip" else sockets.create_listen_socket_p2p
if by == "call":
    connection = sockets.connect_p2p("str:sender", 0)
elif by == "call ip":
    connection = sockets.connect_by_ip_address(place)
else:
    assert listen(place if by == "ip" else 0)
messages.on_session_request(messages.accept_session_with_user)
size, end, deadline = 0, None, time.monotonic() + 60
group = sockets.create_poll_group()
print("ready", flush=True)
while end is None and time.monotonic() < deadline:
    steam.run_callbacks()
    for event in sockets.connection_events():
        if event.is_incoming_request:
            time.sleep(float(sys.argv[4]))
            sockets.accept_connection(event.connection)
        sockets.set_connection_poll_group(event.connection, group)
        if event.state in (4, 5):
            end = f"{int(event.info.end_reason)} {event.info.end_debug}"
    size += sum(len(m) for m in sockets.receive_messages_on_poll_group(group, 1000))
    size += sum(len(m) for m in messages.receive_messages_on_channel(0, 1000))
    if messages.get_session_connection_info("str:sender") is None and size and by == "session":
        end = "session over"
    time.sleep(0.002)
print(size // 1024, end, flush=True)
steam.shutdown(linger=0)
"""

SENDER = """
import os, signal, sys, threading, time, steamnet
engine, by, place, receiver = *sys.argv[1:4], int(sys.argv[4])
steam = steamnet.init(engine=engine, identity="str:sender")
sockets, messages = steam.networking_sockets, steam.networking_messages
def connect(timeout=60000):
    options = {steamnet.ConfigValue.TIMEOUT_INITIAL: timeout}
    if by == "ip":
        return sockets.connect_by_ip_address(place, options)
    return sockets.connect_p2p("str:receiver", 0, options)
def listen():
    if by == "ip":
        return sockets.create_listen_socket_ip(place)
    return sockets.create_listen_socket_p2p(0)
def connected(connection):
    while sockets.get_connection_info(connection).state != 3:
        steam.run_callbacks()
        time.sleep(0.005)
    return connection
def accept():
    while True:
        steam.run_callbacks()
        for event in sockets.connection_events():
            if event.is_incoming_request:
                sockets.accept_connection(event.connection)
                return connected(event.connection)
        time.sleep(0.005)
def fill(connection, kib=400):
    sockets.set_connection_config_value(connection, steamnet.ConfigValue.SEND_BUFFER_SIZE, 1 << 24)
    for _ in range(kib):
        assert sockets.send_message(connection, bytes(1024)) == 1
def stall(seconds):
    os.kill(receiver, signal.SIGSTOP)
    threading.Timer(seconds, os.kill, (receiver, signal.SIGCONT)).start()
"""


@dataclass
class Pair:
    """How a sender and a receiver meet."""

    engine: str
    by: str
    place: str

    def receiver(self, by: str = "", wait: float = 0) -> "subprocess.Popen[str]":
        """Start a receiver, which waits so long before it accepts."""
        arguments = [self.engine, by or self.by, self.place, str(wait)]
        process = subprocess.Popen(
            [sys.executable, "-c", RECEIVER, *arguments], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        if by not in ("call", "call ip"):
            assert process.stdout.readline() == "ready\n"
        return process

    def sender(self, receiver: int, body: str) -> "subprocess.Popen[str]":
        """Start a program that sends, of this body."""
        code = SENDER + textwrap.dedent(body)
        arguments = [self.engine, self.by, self.place, str(receiver)]
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, body: str, by: str = "", wait: float = 0) -> tuple[str, str, str]:
        """Run both to their ends: what the receiver printed, and the sender, and its log."""
        with self.receiver(by, wait) as receiver:
            try:
                sender = self.sender(receiver.pid, body)
                printed, logged = sender.communicate(timeout=60)
                assert sender.returncode == 0, logged
                heard, _ = receiver.communicate(timeout=60)
            finally:
                receiver.kill()
        return heard.splitlines()[-1], printed, logged


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both ways to meet on gns. On loopback they are one, but for the place where it listens."""
    chosen = metafunc.config.getoption("--engine")
    not_on = [kind for mark in metafunc.definition.iter_markers("not_on") for kind in mark.args]
    ways = ["loopback-p2p", "loopback-ip", "gns-p2p", "gns-ip"]
    for name in {"pair", "listening_pair"} & {*metafunc.fixturenames}:
        kinds = [way for way in ways if name == "listening_pair" or way != "loopback-ip"]
        kinds = [kind for kind in kinds if chosen in ("all", kind.partition("-")[0])]
        kinds = [kind for kind in kinds if kind.partition("-")[0] not in not_on]
        metafunc.parametrize(name, kinds, indirect=True)


def _pair(request: pytest.FixtureRequest) -> Pair:
    engine, _, way = request.param.partition("-")
    if engine == "gns":
        request.getfixturevalue("gns")
        if way == "p2p":
            requirements.ice()
    return Pair(engine, way, f"127.0.0.1:{free_port()}")


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Pair:
    """A sender and a receiver that meet in one way."""
    return _pair(request)


@pytest.fixture
def listening_pair(request: pytest.FixtureRequest) -> Pair:
    """The same, where the sender listens."""
    return _pair(request)


def test_a_stalled_peer_gets_everything_and_the_close(pair: Pair) -> None:
    """As long as it takes, after the handle is gone."""
    body = """
        connection = connected(connect())
        stall(1.2)
        fill(connection)
        assert sockets.close_connection(connection, 1234, "bye", True)
        print(steam.shutdown())
    """
    assert pair.run(body) == ("400 1234 bye", "[]\n", "")


@pytest.mark.parametrize("linger", ["", "linger=8"])
def test_a_shutdown_delivers_what_open_connections_have_sent(pair: Pair, linger: str) -> None:
    """It closes them once everything has arrived."""
    body = f"""
        connection = connected(connect())
        stall(0.3)
        fill(connection)
        print(steam.shutdown({linger}))
    """
    heard, printed, logged = pair.run(body)
    assert (heard.split()[:2], printed, logged) == (["400", "1000"], "[]\n", "")


@pytest.mark.parametrize("layer", ["manager", "object", "with"])
def test_what_is_sent_while_connecting_arrives(pair: Pair, layer: str) -> None:
    """A connection that is closed before it is connected is kept, hidden, until it has sent."""
    end = {
        "manager": """
            connection = connect()
            fill(connection, 100)
            assert sockets.close_connection(connection, 1234, "bye", True)
            assert sockets.get_connection_info(connection) is None
            assert sockets.send_message(connection, b"late") == 8
            assert sockets.send_messages([(connection, b"late", 8)]) == [-8]
            assert sockets.receive_messages(connection) == []
            assert not sockets.close_connection(connection)
            steam.run_callbacks()
            ended = [e for e in sockets.connection_events() if e.state == 0]
            assert [(e.connection, e.info.end_reason, e.info.end_debug) for e in ended] == [
                (connection, 1234, "bye")
            ]
        """,
        "object": """
            connection = steam.adopt(connect())
            for _ in range(100):
                connection.send(bytes(1024))
            connection.close(1234, "bye")
        """,
        "with": """
            with steam.adopt(connect()) as connection:
                for _ in range(100):
                    connection.send(bytes(1024))
        """,
    }[layer]
    heard, printed, logged = pair.run(textwrap.dedent(end) + "print(steam.shutdown())\n", wait=0.2)
    close = ["1000"] if layer == "with" else ["1234", "bye"]
    assert (heard.split()[: 1 + len(close)], printed, logged) == (["100", *close], "[]\n", "")


def test_a_connection_that_lingers_may_lose_its_listen_socket(listening_pair: Pair) -> None:
    """The engine keeps the socket, and listening again at the same place takes it over."""
    body = """
        listener = listen()
        assert listener
        connection = accept()
        stall(0.3)
        fill(connection, 300)
        assert sockets.close_connection(connection, 1234, "bye", True)
        assert sockets.close_listen_socket(listener)
        assert not sockets.close_listen_socket(listener)
        assert listen()
        print(steam.shutdown())
    """
    by = "call ip" if listening_pair.by == "ip" else "call"
    assert listening_pair.run(body, by) == ("300 1234 bye", "[]\n", "")


@pytest.mark.parametrize("stalled", [0, 0.3])
def test_a_session_delivers_what_it_has(engine: str, stalled: float) -> None:
    """Also one that is not accepted yet; then its peer is told of the end."""
    if engine == "gns":
        requirements.ice()
    body = f"""
        if {stalled}:
            stall({stalled})
        for _ in range(300):
            assert messages.send_message_to_user("str:receiver", bytes(1024)) == 1
        print(steam.shutdown())
    """
    pair = Pair(engine, "session", "")
    assert pair.run(body) == ("300 session over", "[]\n", "")


def test_the_end_of_the_program_waits_a_second(pair: Pair) -> None:
    """Enough for what is under way; here a minute, as the machine may be busy."""
    body = """
        assert steamnet.engine.LINGER_AT_EXIT == 1
        steamnet.engine.LINGER_AT_EXIT = 60
        connection = connected(connect())
        fill(connection, 100)
    """
    heard, _, logged = pair.run(body)
    assert (heard.split()[:2], logged) == (["100", "1000"], "")


def test_the_end_of_the_program_waits_no_longer(pair: Pair) -> None:
    """What a stopped peer does not get is told, and the exit code is the program's."""
    body = """
        connection = connected(connect())
        os.kill(receiver, signal.SIGSTOP)
        fill(connection)
        sys.exit(7)
    """
    with pair.receiver() as receiver:
        sender = pair.sender(receiver.pid, body)
        _, logged = sender.communicate(timeout=60)
        receiver.kill()
    assert logged.startswith("abandoned for str:receiver: ")
    assert len(logged.splitlines()) == 1
    assert sender.returncode == 7


ABANDONED = "[Abandoned(peer='str:receiver', messages=400, bytes=409600)]\n"
LOGGED = "abandoned for str:receiver: 400 reliable messages, 409600 bytes"


@pytest.mark.parametrize(
    ("linger", "closed"), [("linger=0", False), ("linger=0.2", False), ("linger=0.2", True)]
)
def test_what_does_not_arrive_in_time_is_told(pair: Pair, linger: str, closed: bool) -> None:
    """A warning, and the list."""
    body = f"""
        connection = connected(connect())
        os.kill(receiver, signal.SIGSTOP)
        fill(connection)
        if {closed}:
            sockets.close_connection(connection, 0, "", True)
        began = time.monotonic()
        abandoned = steam.shutdown({linger})
        assert time.monotonic() - began < 9  # by default it waits ten
        print(abandoned)
    """
    with pair.receiver() as receiver:
        sender = pair.sender(receiver.pid, body)
        printed, logged = sender.communicate(timeout=60)
        receiver.kill()
    assert printed.startswith("[Abandoned(peer='str:receiver', messages=")
    assert logged.startswith("abandoned for str:receiver: ")
    if linger == "linger=0":
        assert (printed, logged[: len(LOGGED)]) == (ABANDONED, LOGGED)


@pytest.mark.not_on("gns", why="it takes longer than 10 s to notice")
@pytest.mark.parametrize("closed", [False, True])
def test_a_peer_that_is_killed_ends_the_wait(pair: Pair, closed: bool) -> None:
    """What it did not get is told at once."""
    body = f"""
        connection = connected(connect())
        os.kill(receiver, signal.SIGSTOP)
        fill(connection)
        if {closed}:
            sockets.close_connection(connection, 0, "", True)
        threading.Timer(0.2, os.kill, (receiver, signal.SIGKILL)).start()
        began = time.monotonic()
        abandoned = steam.shutdown(linger=600)
        assert time.monotonic() - began < 60
        print(len(abandoned), abandoned[0].peer, abandoned[0].messages > 0)
    """
    with pair.receiver() as receiver:
        sender = pair.sender(receiver.pid, body)
        printed, logged = sender.communicate(timeout=60)
        receiver.kill()
    assert printed == "1 str:receiver True\n"
    assert logged.startswith("abandoned for str:receiver: ")


def test_a_connection_that_fails_before_it_could_send_is_told(pair: Pair) -> None:
    """Nobody listens: what it had is abandoned when it has timed out."""
    body = """
        connection = connect(300)
        fill(connection, 10)
        sockets.close_connection(connection, 0, "", True)
        print([abandoned[1:] for abandoned in steam.shutdown()])
    """
    sender = pair.sender(0, body)
    printed, logged = sender.communicate(timeout=60)
    assert printed == "[(10, 10240)]\n"
    assert logged.startswith("abandoned for ")


@pytest.mark.parametrize("catches", [True, False])
def test_ctrl_c_ends_the_wait_and_not_the_shutdown(pair: Pair, catches: bool) -> None:
    """What is left is told, the engine is shut down, and then the interrupt is raised."""
    body = f"""
        connection = connected(connect())
        os.kill(receiver, signal.SIGSTOP)
        fill(connection)
        pause = steam.clock.pause
        def paused(until):
            steam.clock.pause = pause
            print("waiting", flush=True)
            pause(until)
        steam.clock.pause = paused  # which only the wait calls
        try:
            steam.shutdown(linger=60)
        except KeyboardInterrupt:
            print(steam.engine.is_open, flush=True)
            if not {catches}:
                raise
    """
    with pair.receiver() as receiver:
        sender = pair.sender(receiver.pid, body)
        try:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "waiting\n"
            sender.send_signal(signal.SIGINT)
            printed, logged = sender.communicate(timeout=60)
        finally:
            sender.kill()
            receiver.kill()
    assert printed == "False\n"
    assert logged.startswith("abandoned for str:receiver: ")
    assert "interrupted" in logged.splitlines()[0]
    assert sender.returncode == (0 if catches else -signal.SIGINT)


def test_listening_again_takes_the_options(listening_pair: Pair) -> None:
    """The socket that is taken over has the new options, not the old; bad ones are refused."""
    body = """
        C, S = steamnet.ConfigValue, steamnet.ConfigScope
        def listen(options):
            if by == "ip":
                return sockets.create_listen_socket_ip(place, options)
            return sockets.create_listen_socket_p2p(0, options)
        def value(key):
            return steam.networking_utils.get_config_value(key, S.LISTEN_SOCKET, listener)
        default = steam.networking_utils.get_config_value(C.SEND_BUFFER_SIZE)
        listener = listen({C.NAGLE_TIME: 1000, C.SEND_BUFFER_SIZE: 1 << 20})
        connection = accept()
        stall(0.3)
        fill(connection, 300)
        assert sockets.close_connection(connection, 1234, "bye", True)
        assert sockets.close_listen_socket(listener)
        assert listen({C.NAGLE_TIME: 2000, 99999: 1}) == 0
        assert listen({C.NAGLE_TIME: 3000}) == listener
        assert (value(C.NAGLE_TIME), value(C.SEND_BUFFER_SIZE)) == (3000, default)
        print(steam.shutdown())
    """
    by = "call ip" if listening_pair.by == "ip" else "call"
    assert listening_pair.run(body, by) == ("300 1234 bye", "[]\n", "")


FLOOD = """
import time, steamnet
with steamnet.init(engine="loopback", identity="str:flood") as steam:
    connection = steam.connect("str:host")
    while connection.state != steamnet.ConnectionState.CONNECTED:
        steam.run_callbacks()
        time.sleep(0.002)
    for _ in range(30000):
        connection.send("x")
    print("sent", flush=True)
    try:
        while not (messages := connection.receive(timeout=60)):
            pass
        print(messages[0].decode(), flush=True)
        connection.receive(timeout=60)
    except steamnet.ResultError:
        print("closed", flush=True)
    while True:  # until it is killed
        steam.run_callbacks()
        steam.wait(0.1)
"""


def test_a_close_delivers_though_much_more_is_unread_than_the_link_keeps() -> None:
    """What is unread no longer keeps the link from being read, and the close from its end."""
    with (
        steamnet.init(engine="loopback", identity="str:host") as host,
        host.listen(0) as listener,
        subprocess.Popen([sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, text=True) as flood,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(flood.kill)
        assert flood.stdout is not None
        while (connection := listener.accept()) is None:
            host.wait(0.1)
            host.run_callbacks()
        told = threading.Thread(target=flood.stdout.readline)
        told.start()
        while told.is_alive():
            host.wait(0.01)
            host.run_callbacks()
        end = time.monotonic() + 0.3
        while time.monotonic() < end:  # what is on its way arrives
            host.wait(0.01)
            host.run_callbacks()
        connection.send("last words")
        connection.close()
        assert host.shutdown(linger=10) == []
        assert [flood.stdout.readline() for _ in range(2)] == ["last words\n", "closed\n"]


def test_who_has_closed_and_ended_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Its close waits behind messages that nobody has read; what it was to get is abandoned."""
    with players(2) as (ann, bob), ann.listen(0) as listener:
        there = bob.connect(ann.core.get_steam_id())
        here = pump(ann, bob, until=listener.accept)
        pump(ann, bob, until=lambda: there.state == ConnectionState.CONNECTED)
        for _ in range(1500):  # more than the receive buffer takes
            there.send("x")
        there.close()
        for _ in range(3):
            ann.wait(0.01)
            ann.run_callbacks()
            bob.run_callbacks()
        here.send(bytes(400_000))
        here.close()
        bob.shutdown(linger=0)
        (lost,) = ann.shutdown(linger=10)
    assert (lost.messages, lost.bytes) == (1, 400_000)
    assert "400000 bytes (the peer closed the connection or is gone)" in caplog.text
