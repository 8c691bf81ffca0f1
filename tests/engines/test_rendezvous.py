"""How processes of one machine find each other on loopback, whatever happens to the directory."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from remote_process import RemoteProcess, RemoteSteam

import steamnet
from steamnet import ConfigValue, Connection, ConnectionState, DebugOutputType, InitError, Steam
from steamnet.testing import pump

ALICE, BOB = "76561198000000001", "76561198000000002"
FIRST = 76561198000001000
TOKEN = 16  # hex digits

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="files that Windows would not let us remove"
)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of this test's own, not yet made."""
    with tempfile.TemporaryDirectory(prefix="sn-") as directory:
        monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", f"{directory}/steamnet")
        yield Path(directory) / "steamnet"


@pytest.fixture
def bob(place: Path, remote: RemoteProcess) -> Iterator[RemoteSteam]:
    """Bob, in another process."""
    bob = remote.open(engine="loopback", identity=BOB)
    yield bob
    bob.shutdown(linger=0)


@pytest.fixture(scope="module")
def spare() -> Iterator[RemoteProcess]:
    """A third process."""
    process = RemoteProcess()
    yield process
    process.close()


def meet(alice: Steam, bob: RemoteSteam, port: int) -> None:
    """Bob connects to Alice's port."""
    caller = bob.networking_sockets.connect_p2p(ALICE, port)

    def connected() -> bool:
        for event in alice.networking_sockets.connection_events():
            if event.is_incoming_request:
                alice.networking_sockets.accept_connection(event.connection)
        bob.run_callbacks()
        info = bob.networking_sockets.get_connection_info(caller)
        return bool(info.state == ConnectionState.CONNECTED)

    pump(alice, until=connected, timeout=15)
    assert bob.networking_sockets.close_connection(caller)


# --- many processes ------------------------------------------------------------------------------

HOST = """
import sys, time, steamnet
identity, ports = int(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with steamnet.init(engine="loopback", identity=identity) as steam:
    listeners = [steam.listen(port) for port in range(ports)]
    print("listening", flush=True)
    guests = []
    while len(guests) < ports:
        steam.run_callbacks()
        guests.extend(guest for one in listeners for guest in one)
        time.sleep(0.01)
    sys.stdin.readline()
"""


@pytest.mark.parametrize(("processes", "ports"), [(12, 10), (2, 200)])
def test_processes_that_start_at_once_all_find_each_other(
    place: Path, processes: int, ports: int
) -> None:
    """Every one can listen on every port, and every port can be reached."""
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", HOST, str(FIRST + i), str(ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(processes)
    ]

    def all_say(what: str) -> None:
        for host in hosts:
            assert host.stdout is not None
            assert host.stdout.readline() == what + "\n"

    def tell_all() -> None:
        for host in hosts:
            assert host.stdin is not None
            host.stdin.write("\n")
            host.stdin.flush()

    all_say("ready")
    tell_all()
    all_say("listening")
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        calls = [alice.connect(str(FIRST + i), p) for i in range(processes) for p in range(ports)]
        pump(
            alice,
            until=lambda: all(c.state == ConnectionState.CONNECTED for c in calls),
            timeout=30,
        )
        tell_all()
        for host in hosts:
            host.communicate()
            assert host.returncode == 0
    assert [file.name for file in place.iterdir()] == ["lock"]


def test_what_killed_processes_left_is_swept(place: Path, bob: RemoteSteam) -> None:
    """A process that starts removes the files of those that were killed, and of no other."""
    bob.networking_sockets.create_listen_socket_p2p(1)
    living = {file.name for file in place.iterdir()}
    doomed = [RemoteProcess() for _ in range(5)]
    for number, process in enumerate(doomed):
        other = process.open(engine="loopback", identity=FIRST + number)
        for port in range(10):
            assert other.networking_sockets.create_listen_socket_p2p(port)
    for process in doomed:
        process.kill()
        process.close()
    for name in ("f" * TOKEN, "e" * TOKEN + ".sock", "d" * TOKEN + ".lock"):
        (place / name).write_text("0" * TOKEN)
    assert len(list(place.iterdir())) > len(living) + 60
    steamnet.init(engine="loopback", identity=ALICE).shutdown()
    assert {file.name for file in place.iterdir()} == living | {"lock"}


def test_a_killed_process_gives_its_ports_free(place: Path, bob: RemoteSteam) -> None:
    """The next to listen on an address that a killed process had is found there."""
    process = RemoteProcess()
    killed = process.open(engine="loopback", identity=ALICE)
    assert killed.networking_sockets.create_listen_socket_p2p(1)
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        assert not alice.networking_sockets.create_listen_socket_p2p(1)
        process.kill()
        process.close()
        assert alice.networking_sockets.create_listen_socket_p2p(1)
        meet(alice, bob, 1)


def fifo(path: Path) -> None:
    """Put a named pipe there; opening it blocks."""
    os.mkfifo(path)


def device(path: Path) -> None:
    """Lay a link to a device that never ends."""
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    """Lay a link to itself."""
    path.symlink_to(path)


def folder(path: Path) -> None:
    """Put a directory there, with something in it."""
    (path / "full").mkdir(parents=True)


def bad_bytes(path: Path) -> None:
    """Put bytes there that are no token."""
    path.write_bytes(bytes(range(256)))


def big(path: Path) -> None:
    """Put a file there that has no end, as good as."""
    with open(path, "wb") as file:
        file.truncate(2**40)


@pytest.mark.parametrize("put", [fifo, device, loop, folder, bad_bytes, big])
def test_whatever_lies_in_the_directory_does_no_harm(
    put: Callable[[Path], None], place: Path, bob: RemoteSteam, spare: RemoteProcess
) -> None:
    """Nothing waits for it, and nobody else is harder to find; a listener of that name is later."""
    taken = place / address_of_port_2(place, spare)
    names = [
        "lock",
        "0" * TOKEN,
        *(f"{digit * TOKEN}.{end}" for digit in "1f" for end in ("lock", "sock")),
    ]
    (place / "lock").unlink()
    for path in (taken, *(place / name for name in names)):
        put(path)
    for token in ("1", "f", "2"):
        (place / f"{token * (TOKEN - 1)}e").write_text(token * TOKEN)
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        for port in (1, 2):
            assert alice.networking_sockets.create_listen_socket_p2p(port)
        meet(alice, bob, 1)
        assert bob.networking_sockets.connect_p2p(ALICE, 2)
        bob.run_callbacks()
        if taken.is_symlink() or not taken.is_dir():
            taken.unlink()
        else:
            shutil.rmtree(taken)
        meet(alice, bob, 2)


# --- what cannot be published now ----------------------------------------------------------------

Spoil = Callable[[Path], None]


def everything(place: Path) -> None:
    """Remove the directory, as a logout does."""
    shutil.rmtree(place)


def made_again(place: Path) -> None:
    """Remove the directory and make it again, as a test's clean-up may."""
    shutil.rmtree(place)
    place.mkdir(mode=0o700)


def entries(place: Path) -> None:
    """Remove the listeners' entries, as a cleaner of old files may."""
    for file in place.iterdir():
        if len(file.name) == TOKEN:
            file.unlink()


def locks(place: Path) -> None:
    """Remove the locks."""
    for file in place.glob("*lock"):
        file.unlink()


def sockets(place: Path) -> None:
    """Remove the sockets."""
    for file in place.glob("*.sock"):
        file.unlink()


def rubbish(place: Path) -> None:
    """Write over the entries."""
    for file in place.iterdir():
        if len(file.name) == TOKEN:
            file.write_bytes(b"\xff\0")


@pytest.mark.parametrize("spoil", [everything, made_again, entries, locks, sockets, rubbish])
def test_what_was_removed_is_published_again(
    spoil: Spoil, place: Path, bob: RemoteSteam, spare: RemoteProcess
) -> None:
    """A listener is found although its files were removed: by those that come then, too."""
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        for port in (1, 2):
            assert alice.networking_sockets.create_listen_socket_p2p(port)
        meet(alice, bob, 1)
        spoil(place)
        meet(alice, bob, 2)
        late = spare.open(engine="loopback", identity=FIRST)
        meet(alice, late, 1)
        late.shutdown(linger=0)


@contextmanager
def full_disk(place: Path, spare: RemoteProcess) -> Iterator[None]:
    """Let no file grow."""
    import resource  # which Windows has not

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def directory_moved(place: Path, spare: RemoteProcess) -> Iterator[None]:
    """Take the directory away, and let none be made."""
    away = place.with_name("away")
    place.rename(away)
    place.write_text("")
    try:
        yield
    finally:
        place.unlink()
        away.rename(place)


@contextmanager
def entry_locked(place: Path, spare: RemoteProcess) -> Iterator[None]:
    """Hold the entry's lock, as a process may that was stopped while it published."""
    import fcntl  # which Windows has not

    with open(place / address_of_port_2(place, spare), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def address_of_port_2(place: Path, spare: RemoteProcess) -> str:
    """The name of Alice's entry for virtual port 2."""
    alice = spare.open(engine="loopback", identity=ALICE)
    before = set(place.iterdir())
    alice.networking_sockets.create_listen_socket_p2p(2)
    (entry,) = set(place.iterdir()) - before
    alice.shutdown(linger=0)
    return entry.name


Trouble = Callable[[Path, RemoteProcess], AbstractContextManager[None]]


@pytest.mark.parametrize("trouble", [full_disk, directory_moved, entry_locked])
def test_a_listener_is_published_later(
    trouble: Trouble,
    place: Path,
    bob: RemoteSteam,
    spare: RemoteProcess,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What could not be published when it was opened is, from run_callbacks; the log says both."""
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        alice.networking_utils.set_debug_output(DebugOutputType.MSG)
        caplog.set_level(logging.DEBUG)
        with trouble(place, spare):
            assert alice.networking_sockets.create_listen_socket_p2p(2)
            for _ in range(3):
                alice.run_callbacks()
            assert caplog.text.count("virtual port 2: not found by other processes: ") == 1
            assert str(place) in caplog.text
        meet(alice, bob, 2)
        assert caplog.text.count("virtual port 2: found by other processes again") == 1


# --- where the directory is ----------------------------------------------------------------------


def long_path(place: Path, length: int) -> Path:
    """A directory below the place whose path has so many characters."""
    while len(str(place)) < length - 1:
        place /= "x" * min(200, length - len(str(place)) - 1)
    place.mkdir(parents=True, mode=0o700)
    return place


@pytest.mark.parametrize("length", [90, 108, 400])
def test_a_long_path(length: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may be longer than the hundred bytes of a local socket's address."""
    directory = long_path(place, length)
    monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", str(directory))
    before = set(Path("/tmp").glob("steamnet-??????"))
    process = RemoteProcess()
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        assert alice.networking_sockets.create_listen_socket_p2p(1)
        meet(alice, process.open(engine="loopback", identity=BOB), 1)
        assert list(directory.glob("*.sock"))
        made = set(Path("/tmp").glob("steamnet-??????")) - before  # by others too, for a moment
        pump(alice, until=lambda: not any(path.exists() for path in made))
    process.close()


def test_a_path_that_is_too_long(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 479 bytes it is refused."""
    monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", str(long_path(place, 480)))
    with pytest.raises(InitError, match="STEAMNET_LOOPBACK_DIR: File name too long: /"):
        steamnet.init(engine="loopback", identity=ALICE)


# --- clocks --------------------------------------------------------------------------------------

IN_A_TIME_NAMESPACE = ["unshare", "--time", "--fork", "--monotonic"]


def _has_time_namespaces() -> bool:
    try:
        return subprocess.run([*IN_A_TIME_NAMESPACE, "1", "true"], check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _has_time_namespaces(), reason="needs time namespaces, and root for them")
@pytest.mark.parametrize("offset", [3, 100_000, 2_000_000_000])
def test_processes_whose_clocks_differ_connect(offset: int, place: Path) -> None:
    """A container with a clock of its own (a time namespace) has the machine's time here."""
    command = [*IN_A_TIME_NAMESPACE, str(offset), sys.executable, "-c", HOST, str(FIRST), "1"]
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert host.stdin is not None
    assert host.stdout is not None
    assert host.stdout.readline() == "ready\n"
    host.stdin.write("\n")
    host.stdin.flush()
    assert host.stdout.readline() == "listening\n"
    with steamnet.init(engine="loopback", identity=ALICE) as alice:
        call = alice.connect(str(FIRST), 0)
        pump(alice, until=lambda: call.state == ConnectionState.CONNECTED)
        host.communicate("\n")
        assert host.returncode == 0


# --- too many open files -------------------------------------------------------------------------

CALLER = """
import resource, sys, steamnet
from steamnet import ConnectionState
from steamnet.testing import pump

calls = []
with steamnet.init(engine="loopback") as steam:
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    steam.networking_utils.set_config_value(steamnet.ConfigValue.TIMEOUT_INITIAL, 600_000)

    def call():
        calls.append(steam.connect(sys.argv[1], 0))
        pump(steam, until=lambda: calls[-1].state != ConnectionState.CONNECTING, timeout=60)
        return calls[-1].state == ConnectionState.CONNECTED

    while call():
        pass
    left = [open("/dev/null") for _ in range(8)]  # for the game
    print(calls[-1].info.end_debug)
    assert len(calls) > 64, len(calls)
    for one in calls[:8]:
        one.close()
    steam.run_callbacks()
    assert call()
    for file in left:
        file.close()
"""


def test_a_caller_with_too_many_open_files(place: Path) -> None:
    """Its call ends at once and says why; a few files are left to it, and a later call may do."""
    with (
        steamnet.init(engine="loopback", identity=ALICE) as alice,
        alice.listen(0) as listener,
        subprocess.Popen(
            [sys.executable, "-c", CALLER, ALICE], stdout=subprocess.PIPE, text=True
        ) as caller,
    ):
        guests: list[Connection] = []
        pump(alice, until=lambda: guests.extend(listener) or caller.poll() is not None, timeout=60)
        assert caller.stdout is not None
        assert caller.stdout.read() == "This process has too many open files\n"
        assert caller.returncode == 0


CROWDED_HOST = """
import resource, sys, steamnet
from steamnet import ConnectionState
from steamnet.testing import pump

with steamnet.init(engine="loopback", identity=sys.argv[1]) as steam, steam.listen(0) as listener:
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    guests = []
    print("listening", flush=True)
    pump(steam, until=lambda: guests.extend(listener) or len(guests) > 90, timeout=60)
    left = [open("/dev/null") for _ in range(8)]  # for the game
    over = lambda: all(guest.state == ConnectionState.CLOSED_BY_PEER for guest in guests)
    pump(steam, until=lambda: guests.extend(listener) or over(), timeout=60)
    for file in left:
        file.close()
"""


def test_a_host_with_too_many_open_files(place: Path) -> None:
    """A caller is told so at once; its other guests stay."""
    with (
        subprocess.Popen(
            [sys.executable, "-c", CROWDED_HOST, ALICE], stdout=subprocess.PIPE, text=True
        ) as host,
        steamnet.init(engine="loopback", identity=BOB) as bob,
    ):
        assert host.stdout is not None
        assert host.stdout.readline() == "listening\n"
        bob.networking_utils.set_config_value(ConfigValue.TIMEOUT_INITIAL, 600_000)
        calls = [bob.connect(ALICE, 0) for _ in range(120)]
        pump(
            bob, until=lambda: all(c.state != ConnectionState.CONNECTING for c in calls), timeout=60
        )
        ended = [c for c in calls if c.state == ConnectionState.CLOSED_BY_PEER]
        assert 10 < len(ended) < 30
        assert {c.info.end_debug for c in ended} == {"The peer's process has too many open files"}
        connected = [c for c in calls if c.state == ConnectionState.CONNECTED]
        assert len(connected) == 120 - len(ended)
        for one in connected:
            one.close()
        pump(bob, until=lambda: host.poll() is not None, timeout=60)
        assert host.returncode == 0


FULL_HOST = """
import os, resource, select, sys, steamnet
from steamnet import ConnectionState
from steamnet.testing import pump

with steamnet.init(engine="loopback", identity=sys.argv[1]) as steam, steam.listen(0) as listener:
    steam.run_callbacks()
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    files = []
    try:
        while True:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        print("full", flush=True)
    pump(steam, until=lambda: select.select([sys.stdin], [], [], 0)[0], timeout=60)
    sys.stdin.readline()
    for file in files:
        os.close(file)
    print("empty", flush=True)
    guests = []
    pump(steam, until=lambda: guests.extend(listener) or guests, timeout=60)
    print("connected", flush=True)
    sys.stdin.readline()
"""


def test_a_host_whose_game_has_all_files_open(place: Path) -> None:
    """Its callers are told so at once, one after the other; afterwards they get in."""
    with (
        subprocess.Popen(
            [sys.executable, "-c", FULL_HOST, ALICE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as host,
        steamnet.init(engine="loopback", identity=BOB) as bob,
    ):
        assert host.stdin is not None
        assert host.stdout is not None
        assert host.stdout.readline() == "full\n"
        calls = [bob.connect(ALICE, 0) for _ in range(5)]
        pump(bob, until=lambda: all(c.state == ConnectionState.CLOSED_BY_PEER for c in calls))
        assert {c.info.end_debug for c in calls} == {"The peer's process has too many open files"}
        host.stdin.write("\n")
        host.stdin.flush()
        assert host.stdout.readline() == "empty\n"
        call = bob.connect(ALICE, 0)
        pump(bob, until=lambda: call.state == ConnectionState.CONNECTED)
        assert host.stdout.readline() == "connected\n"
        host.communicate("\n")
        assert host.returncode == 0
