"""What becomes of a game when others die, flood or lie, and when memory or disk run out."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import waiting
from process_figures import SLACK, figures, memory
from remote_process import RemoteProcess, RemoteSteam
from topologies import free_port

import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags, Steam
from steamnet.enums import GONE

ALICE, BOB = "76561198000000001", "76561198000000002"
TESTS = Path(__file__).parents[1]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
WINDOWS = os.name == "nt"

posix = pytest.mark.skipif(WINDOWS, reason="owners, modes and limits of POSIX")


@pytest.fixture
def meeting(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run-time directory of this test's own."""
    directory = tmp_path_factory.mktemp("m")
    directory.chmod(0o700)
    monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", str(directory))
    return directory


# --- a peer's process is killed ----------------------------------------------------------------

STEPS = ("listening", "asked", "accepted", "connected", "sending", "deaf", "closing")


def live_until(step: str, alice: Steam, bob: RemoteSteam, call: Callable[[], int]) -> int:
    """Go with a connection of Alice's to Bob as far as the step; her handle."""
    sockets = alice.networking_sockets
    if step == "listening":
        return call()
    connection = call()

    def requests() -> list[Any]:
        return [e for e in bob.networking_sockets.connection_events() if e.is_incoming_request]

    asked = waiting.until(requests, alice, bob, what="Bob gets the request")
    if step == "asked":
        return connection
    assert bob.networking_sockets.accept_connection(asked[0].connection)
    if step == "accepted":
        return connection
    waiting.until(
        lambda: sockets.get_connection_info(connection).state == ConnectionState.CONNECTED,
        alice,
        bob,
        what="Alice is connected",
    )
    if step == "sending":
        for _ in range(20):
            bob.networking_sockets.send_message(asked[0].connection, bytes(20_000))
    if step == "deaf":
        while sockets.send_message(connection, bytes(20_000)) == steamnet.EResult.OK:
            pass
    if step == "closing":
        for _ in range(10):
            bob.networking_sockets.send_message(asked[0].connection, bytes(20_000))
        bob.networking_sockets.close_connection(asked[0].connection, 0, "", True)
    return connection


@pytest.mark.parametrize("step", STEPS)
def test_peer_killed(
    engine: str, step: str, until: Callable[..., None], meeting: Path, remote: RemoteProcess
) -> None:
    """Whenever it happens, Alice is told, closes, has nothing left over, and connects again."""
    with steamnet.init(engine=engine, identity=ALICE) as alice:
        sockets = alice.networking_sockets
        address = f"127.0.0.1:{free_port()}"

        def call() -> int:
            if engine == "gns":
                return sockets.connect_by_ip_address(address)
            return sockets.connect_p2p(BOB, 3)

        def bob_comes(remote: RemoteProcess) -> RemoteSteam:
            bob = remote.open(engine=engine, identity=BOB)
            if engine == "gns":
                assert bob.networking_sockets.create_listen_socket_ip(address)
            else:
                assert bob.networking_sockets.create_listen_socket_p2p(3)
            return bob

        doomed = RemoteProcess()
        try:
            connection = live_until(step, alice, bob_comes(doomed), call)
        finally:
            doomed.kill()
            doomed.close()
        for key in (ConfigValue.TIMEOUT_INITIAL, ConfigValue.TIMEOUT_CONNECTED):
            sockets.set_connection_config_value(connection, key, 800)

        def over() -> bool:
            sockets.send_message(connection, b"are you there?")  # GNS asks the silent in 10 s only
            sockets.receive_messages(connection)
            return sockets.get_connection_info(connection).state in GONE

        until(over, alice, what="Alice is told that Bob is gone")
        assert sockets.close_connection(connection)
        assert sockets.get_connection_info(connection) is None
        bob = bob_comes(remote)
        try:
            again = live_until("connected", alice, bob, call)
            assert sockets.close_connection(again)
        finally:
            bob.shutdown(linger=0)


# --- where the processes meet --------------------------------------------------------------------


def file_in_place(path: Path) -> None:
    """Put a file where the directory should be."""
    path.write_text("")


def open_to_others(path: Path) -> None:
    """Make a directory that the user's group may write to."""
    path.mkdir()
    path.chmod(0o770)


def link_to_elsewhere(path: Path) -> None:
    """Put a symbolic link where the directory should be."""
    path.symlink_to(path.parent)


def of_somebody_else(path: Path) -> None:
    """Make a directory that another user owns."""
    path.mkdir(mode=0o700)
    os.chown(path, 65534, 65534)


def without_a_parent(path: Path) -> None:
    """Leave out the directory that it should be made in."""
    os.environ["XDG_RUNTIME_DIR"] = str(path / "deeper" / "down")


@posix
@pytest.mark.parametrize(
    "make",
    [
        file_in_place,
        open_to_others,
        link_to_elsewhere,
        pytest.param(
            of_somebody_else, marks=pytest.mark.skipif(not ROOT, reason="only root gives away")
        ),
        without_a_parent,
    ],
)
def test_bad_directory(
    make: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    until: Callable[..., None],
) -> None:
    """Users of this process still meet; other processes do not get in, and the log says why."""
    monkeypatch.delenv("STEAMNET_LOOPBACK_DIR")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    make(tmp_path / "steamnet")
    with (
        steamnet.init(engine="loopback", identity=ALICE) as alice,
        steamnet.init(engine="loopback", identity=BOB) as bob,
    ):
        alice.networking_utils.set_debug_output(4)
        assert alice.networking_sockets.create_listen_socket_p2p(1)
        connection = bob.networking_sockets.connect_p2p(ALICE, 1)
        until(alice.networking_sockets.connection_events, alice, bob, what="the request")
        assert bob.networking_sockets.close_connection(connection)
        assert "virtual port 1: not found by other processes: " in caplog.text


@posix
def test_full_disk(meeting: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be written, a listener is one for its own process, and the log says so."""
    import resource  # which Windows has not

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        alice.networking_utils.set_debug_output(4)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            assert alice.networking_sockets.create_listen_socket_p2p(1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        alice.run_callbacks()
        assert "not found by other processes: File too large: " in caplog.text
        assert alice.networking_sockets.create_listen_socket_p2p(2)
        alice.run_callbacks()
    assert [p.name for p in meeting.iterdir()] == ["lock"]


def test_stale_files(meeting: Path, until: Callable[..., None]) -> None:
    """What a killed process left behind is swept away, and its address is free again."""
    for _ in range(3):
        remote = RemoteProcess()
        try:
            bob = remote.open(engine="loopback", identity=BOB)
            assert bob.networking_sockets.create_listen_socket_p2p(1)
        finally:
            remote.kill()
            remote.close()
    assert len(list(meeting.glob("*.lock"))) == 1  # each swept away what was before it
    (meeting / "0123456789abcdef").write_text("no token at all")
    with steamnet.init(engine="loopback", identity=BOB) as here:
        assert here.networking_sockets.create_listen_socket_p2p(1)
        assert len(list(meeting.glob("*.lock"))) == 1
        assert not (meeting / "0123456789abcdef").exists()
    assert [p.name for p in meeting.iterdir()] == ["lock"]


# --- who must not be trusted ---------------------------------------------------------------


@contextlib.contextmanager
def host_with_a_guest(until: Callable[..., None]) -> Iterator[tuple[Steam, Callable[[], None]]]:
    """A host in whose process a guest plays on, and the proof that he does."""
    with (
        steamnet.init(engine="loopback", identity=ALICE) as alice,
        steamnet.init(engine="loopback", identity=BOB) as bob,
    ):
        host, guest = alice.networking_sockets, bob.networking_sockets
        assert host.create_listen_socket_p2p(1)
        caller = guest.connect_p2p(ALICE, 1)
        accepted: list[int] = []
        until(lambda: requests(host, accepted), alice, bob, what="the request")
        (guest_here,) = accepted

        def plays_on() -> None:
            guest.send_message(caller, b"still here", SendFlags.RELIABLE_NO_NAGLE)
            heard: list[bytes] = []

            def came() -> bool:
                heard.extend(bytes(m) for m in host.receive_messages(guest_here))
                return b"still here" in heard

            until(came, alice, bob, what="the guest's message")

        plays_on()
        yield alice, plays_on


def requests(host: Any, accepted: list[int]) -> bool:
    """Accept every request, and note it."""
    accepted += [
        event.connection
        for event in host.connection_events()
        if event.is_incoming_request and host.accept_connection(event.connection)
    ]
    return bool(accepted)


def door(meeting: Path) -> str:
    """Where the process can be reached: a socket, or a pipe that is named as a socket would be."""
    (path,) = meeting.glob("*.lock")
    return rf"\\.\pipe\steamnet-{path.stem}.sock" if WINDOWS else str(path.with_suffix(".sock"))


@contextlib.contextmanager
def visitor(meeting: Path, host: Steam) -> Iterator[Callable[[bytes], Any]]:
    """Come to the host's door, and give what says something there."""
    if sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as guest:
            guest.connect(door(meeting))
            yield guest.sendall
        return
    deadline, pipe = time.monotonic() + 60, None
    while pipe is None:  # only a few may wait to be accepted at once
        try:
            pipe = open(door(meeting), "r+b", buffering=0)  # noqa: SIM115  # closed below
        except OSError:
            assert time.monotonic() < deadline
            host.run_callbacks()
    with pipe:
        yield pipe.write


def test_garbage_sent_to_the_socket(
    meeting: Path, until: Callable[..., None], record_property: Any
) -> None:
    """Junk from a process of the same user disturbs nobody, and leaves no handle behind."""
    chance = random.Random(1)
    count = 500
    with host_with_a_guest(until) as (alice, plays_on):
        before = figures()
        for number in range(count):
            # It may have been shown out before it has said all.
            with visitor(meeting, alice) as say, contextlib.suppress(OSError):
                say(chance.randbytes(chance.randrange(3000)))
                alice.run_callbacks()
                say(bytes(chance.randrange(200)))
            if number % 100 == 0:
                plays_on()
        until(lambda: figures()[1] == before[1], alice, what="their sockets to be closed")
        plays_on()
        assert memory() < before[0] + SLACK
    record_property("clients with garbage", count)


def test_clients_that_send_nothing(meeting: Path, until: Callable[..., None]) -> None:
    """A hundred who come and stay silent take no more than their sockets, and not for long."""
    with host_with_a_guest(until) as (alice, plays_on):
        before = figures()[1]
        with contextlib.ExitStack() as visitors:
            for _ in range(100):
                visitors.enter_context(visitor(meeting, alice))
            plays_on()
            assert figures()[1] <= before + 200
        until(lambda: figures()[1] == before, alice, what="their sockets to be closed")


@pytest.mark.skipif(not ROOT, reason="only root can become somebody else")
def test_another_user(meeting: Path, until: Callable[..., None]) -> None:
    """Another user cannot reach the socket; nor, were it open to all, be accepted."""
    program = """if True:
        import os, socket, sys
        os.setgid(65534), os.setuid(65534)
        visitor = socket.socket(socket.AF_UNIX)
        try:
            visitor.connect(sys.argv[1])
        except PermissionError:
            sys.exit(3)
        visitor.settimeout(10)
        sys.exit(4 if visitor.recv(1) == b"" else 0)
    """
    with host_with_a_guest(until) as (alice, plays_on):
        command = [sys.executable, "-c", program, door(meeting)]
        assert subprocess.run(command, check=False, timeout=60).returncode == 3
        opened = [meeting, *list(meeting.parents)[:-2], Path(door(meeting))]
        modes = [path.stat().st_mode for path in opened]
        try:
            for path in opened:
                path.chmod(0o777)
            process = subprocess.Popen(command)
            until(lambda: process.poll() is not None, alice, what="the visitor to be shown out")
            assert process.returncode == 4
        finally:
            for path, mode in zip(opened, modes, strict=True):
                path.chmod(mode)
        plays_on()


def test_flood(engine: str, until: Callable[..., None]) -> None:
    """A peer who sends all it can and never reads: the buffers hold, the other goes on."""
    with steamnet.init(engine=engine, identity=ALICE) as steam:
        sockets = steam.networking_sockets
        flooder, victim = sockets.create_socket_pair(True)
        one, other = sockets.create_socket_pair(True)
        before = memory()
        refused = 0
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline + (0 if refused else 60):
            for data in (bytes(100_000), b"x"):
                refused += sockets.send_message(flooder, data) == steamnet.EResult.LIMIT_EXCEEDED
            for _ in range(20):
                sockets.send_message(flooder, bytes(1000), SendFlags.UNRELIABLE)
            steam.run_callbacks()
        assert refused
        assert memory() < before + 32 * 2**20
        sockets.send_message(one, b"in time", SendFlags.RELIABLE_NO_NAGLE)
        until(lambda: sockets.receive_messages(other), steam, what="another connection's message")
        assert sockets.get_connection_info(victim).state == ConnectionState.CONNECTED


# --- much of it ---------------------------------------------------------------------------------


def test_thousands_of_attempts(
    engine: str, meeting: Path, until: Callable[..., Any], record_property: Any
) -> None:
    """Attempts that come to nothing, or are turned away, leave nothing behind.

    GNS has a UDP socket for each, and keeps it five seconds longer: it gets fewer, and answers 0
    where the process may have no more.
    """
    count = 10_000 if engine == "loopback" else 3_000
    with steamnet.init(engine=engine, identity=ALICE) as alice, contextlib.ExitStack() as stack:
        bob = alice
        if engine == "loopback":
            bob = stack.enter_context(steamnet.init(engine=engine, identity=BOB))
        sockets, host = alice.networking_sockets, bob.networking_sockets
        address = f"127.0.0.1:{free_port()}"
        assert host.create_listen_socket_ip(address)

        def pump() -> None:
            for steam in {alice, bob}:
                steam.run_callbacks()
                for event in steam.networking_sockets.connection_events():
                    if event.is_incoming_request or event.state in GONE:
                        steam.networking_sockets.close_connection(event.connection, 1001, "no")

        def attempts(number: int) -> None:
            for i in range(number):
                to = address if i % 2 else "127.0.0.1:9"
                connection = sockets.connect_by_ip_address(to)
                if not connection:
                    assert engine == "gns"
                    again = partial(sockets.connect_by_ip_address, to)
                    connection = until(again, pump=pump, timeout=60, what="room again")
                if i % 10 == 0:
                    pump()
                assert sockets.close_connection(connection)

        pump()  # which opens what it watches
        empty = figures()[1]
        attempts(count // 2)
        until(lambda: figures()[1] <= empty, pump=pump, timeout=60, what="closed sockets")
        before, handles = figures()
        attempts(count // 2)
        until(lambda: figures()[1] <= handles, pump=pump, timeout=60, what="closed sockets")
        until(lambda: memory() < before + SLACK, pump=pump, timeout=60, what="memory given back")
    record_property("attempts", count)


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="preloading is Linux's")
def test_each_allocation_fails_once(tmp_path: Path, meeting: Path, record_property: Any) -> None:
    """Whichever allocation of ours fails: an exception, the SDK's answer, a warning; no leak."""
    library = tmp_path / "alloc_failures.so"
    source = TESTS / "c" / "alloc_failures.c"
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-O1", "-fPIC", "-shared", source, "-o", library], check=True)
    done = subprocess.run(
        [sys.executable, TESTS / "helpers" / "alloc_failures.py", library],
        env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    failed, answered, kept, losses_told = map(int, done.stdout.split())
    assert failed > 100
    assert answered > 10
    assert losses_told > 5
    assert kept == 0
    record_property("allocations failed", failed)
    record_property("allocations leaked", kept)


# --- signals ---------------------------------------------------------------------------------


class Caught:
    """A signaling that carries nothing, and keeps what it was to carry."""

    def __init__(self) -> None:
        self.signals: list[bytes] = []

    def send(self, peer: Any, data: bytes) -> None:
        """Keep a signal."""
        self.signals.append(data)

    def receive(self) -> list[bytes]:
        """Nothing ever arrives."""
        return []

    def close(self) -> None:
        """Nothing is open."""


def test_hostile_signals(gns: None, record_property: Any) -> None:
    """Signals of random bytes, and real ones damaged, neither crash GNS nor stop it."""
    caught, chance, count = Caught(), random.Random(2), 20_000
    with steamnet.init(engine="gns", identity=ALICE, signaling=caught) as steam:
        sockets = steam.networking_sockets
        assert sockets.create_listen_socket_p2p(1)
        connection = sockets.connect_p2p(BOB, 1)
        waiting.until(lambda: len(caught.signals) >= 2, steam, what="two signals to damage")
        real = caught.signals[:]
        for number in range(count):
            signal = bytearray(chance.choice(real))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(signal))
                match chance.randrange(4):
                    case 0:
                        signal[at] = chance.randrange(256)
                    case 1:
                        del signal[at : at + chance.randrange(8)]
                    case 2:
                        signal[at:at] = chance.randbytes(chance.randrange(8))
                    case _:
                        signal = bytearray(chance.randbytes(chance.randrange(1, 200)))
                signal = signal or bytearray(b"\0")
            sockets.received_p2p_custom_signal(signal)
            if number % 100 == 0:
                steam.run_callbacks()
                for event in sockets.connection_events():
                    if event.is_incoming_request:
                        sockets.close_connection(event.connection)
        sockets.close_connection(connection)
        one, other = sockets.create_socket_pair(True)
        sockets.send_message(one, b"alive", SendFlags.RELIABLE_NO_NAGLE)
        waiting.until(lambda: sockets.receive_messages(other), steam, what="the message")
    record_property("signals", count)
