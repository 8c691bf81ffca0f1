"""How users find each other on gns: on this machine with nothing, elsewhere with a server."""

import hashlib
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requirements
from remote_process import RemoteProcess

import steamnet
from steamnet import ConnectionState, Identity, UnsupportedError, signaling
from steamnet.signaling import LocalSignaling, rendezvous_directory

ALICE, BOB = (Identity.parse(text) for text in ("76561198000000001", "str:bob the builder"))
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes, owners or forks")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of this test's own to meet in, not yet made."""
    monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", str(tmp_path / "meet"))
    return tmp_path / "meet"


@pytest.fixture
def local(directory: Path) -> Iterator[Callable[[Identity], LocalSignaling]]:
    """Makes users who are closed when the test ends."""
    made = []

    def make(identity: Identity) -> LocalSignaling:
        made.append(LocalSignaling(identity))
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[[Identity], LocalSignaling]


def entry(directory: Path, identity: Identity) -> Path:
    """The file by which a user is found."""
    name = hashlib.sha256(identity.text.encode()).hexdigest()[:32]
    return directory / f"{name}.signaling"


# --- LocalSignaling ------------------------------------------------------------------------------


def test_signals_arrive_whole_and_in_order(local: Make) -> None:
    """What is sent to a user is what that user receives, an empty and a large one included."""
    alice, bob = local(ALICE), local(BOB)
    signals = [b"one", b"", bytes(range(256)) * 200]
    for one in signals:
        alice.send(BOB, one)
    assert list(bob.receive()) == signals
    assert list(bob.receive()) == []
    assert list(alice.receive()) == []


def test_nobody_there_is_no_error(local: Make) -> None:
    """A signal to a user who has not come, or has gone, is lost quietly."""
    alice = local(ALICE)
    alice.send(BOB, b"early")
    bob = local(BOB)
    bob.close()
    alice.send(BOB, b"late")
    assert list(alice.receive()) == []


def test_stale_file_is_harmless(local: Make, directory: Path) -> None:
    """What a crashed process or anybody else left in the file does not stop a user."""
    alice, file = local(ALICE), entry(directory, BOB)
    for left in ("1 00", "", "no port at all", "99999999 00", "-1 00", "5 zz", "5"):
        file.write_text(left)
        alice.send(BOB, b"into the void")
    bob = local(BOB)
    alice.send(BOB, b"hello")
    assert list(bob.receive()) == [b"hello"]


def fifo(path: Path) -> None:
    """Put a named pipe there; opening it blocks."""
    os.mkfifo(path)


def device(path: Path) -> None:
    """Lay a link to a device that never ends."""
    path.symlink_to("/dev/zero")


def link(path: Path) -> None:
    """Lay a link to a file that says what an entry says."""
    (path.parent / "elsewhere").write_text(f"9 {bytes(32).hex()}")
    path.symlink_to(path.parent / "elsewhere")


def folder(path: Path) -> None:
    """Put a directory there."""
    path.mkdir()


def bad_bytes(path: Path) -> None:
    """Put bytes there that are no text."""
    path.write_bytes(b"\xff\xfe 9 \x00\xff")


def long_text(path: Path) -> None:
    """Put much more there than an entry has."""
    path.write_bytes(b"9 " + b"ab" * 1_000_000)


HOSTILE = [fifo, device, link, folder, bad_bytes, long_text]


@POSIX
@pytest.mark.parametrize("put", HOSTILE)
def test_what_is_no_entry_does_no_harm(
    put: Callable[[Path], None], local: Make, directory: Path
) -> None:
    """A user's file may be anything: none waits for it, and close works; others come and go."""
    alice, bob = local(ALICE), local(BOB)
    for identity in (ALICE, BOB):
        entry(directory, identity).unlink()
        put(entry(directory, identity))
        for left in directory.glob("elsewhere"):
            left.unlink()
    alice.send(BOB, b"into the void")
    assert list(alice.receive()) == list(bob.receive()) == []
    local(Identity.parse("str:late"))
    bob.close()
    alice.close()


@POSIX
@pytest.mark.parametrize("put", [p for p in HOSTILE if p is not folder])
def test_what_took_the_place_of_an_entry_is_replaced(
    put: Callable[[Path], None], local: Make, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user is found again, soon after that."""
    monkeypatch.setattr(signaling, "CHECK_SECONDS", 0)
    alice, bob = local(ALICE), local(BOB)
    entry(directory, BOB).unlink()
    put(entry(directory, BOB))
    assert list(bob.receive()) == []
    alice.send(BOB, b"hello")
    assert list(bob.receive()) == [b"hello"]


@pytest.mark.parametrize("again", [False, True])
def test_a_directory_that_was_removed(
    again: bool, local: Make, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users are found after their directory was removed, whether or not somebody made it again."""
    monkeypatch.setattr(signaling, "CHECK_SECONDS", 0)
    alice, bob = local(ALICE), local(BOB)
    shutil.rmtree(directory)
    if again:
        directory.mkdir(mode=0o700)
    assert list(bob.receive()) == []
    alice.send(BOB, b"hello")
    assert list(bob.receive()) == [b"hello"]


def test_files_of_killed_users_are_swept(local: Make, directory: Path) -> None:
    """The next user removes them, a thousand of them too, and no file of the living."""
    alice = local(ALICE)
    code = """if True:
        import os
        from steamnet import Identity
        from steamnet.signaling import LocalSignaling
        kept = [LocalSignaling(Identity.parse(f"str:{i}")) for i in range(10)]
        print("open", flush=True)
        os.kill(os.getpid(), 9) if os.name == "posix" else os._exit(9)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "open\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for number in range(1000):
        (directory / f"{number:032x}.signaling").write_text(f"{port} {bytes(32).hex()}")
    old, new = directory / f"{1:032x}.{2:016x}", directory / f"{1:032x}.{3:016x}"
    for file in (old, new):
        file.write_text("")
    os.utime(old, (1, 1))
    assert len(list(directory.iterdir())) == 1013
    bob = local(BOB)
    assert {*directory.iterdir()} == {entry(directory, ALICE), entry(directory, BOB), new}
    alice.send(BOB, b"hello")
    assert list(bob.receive()) == [b"hello"]
    new.unlink()


def test_signals_without_the_secret_are_ignored(local: Make, directory: Path) -> None:
    """Who cannot read the directory cannot put signals in, even at the right port."""
    bob = local(BOB)
    port, token = entry(directory, BOB).read_text().split()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for guess in (b"", b"x", bytes(32), bytes(32) + b"signal", bytes.fromhex(token)[:31]):
            stranger.sendto(guess, ("127.0.0.1", int(port)))
        stranger.sendto(bytes.fromhex(token) + b"real", ("127.0.0.1", int(port)))
    assert list(bob.receive()) == [b"real"]


def test_a_flood_does_not_keep_the_caller(
    local: Make, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call takes so many datagrams and no more, junk included; the next takes the rest."""
    monkeypatch.setattr(signaling, "MAX_DATAGRAMS", 4)
    alice, bob = local(ALICE), local(BOB)
    port, _ = entry(directory, BOB).read_text().split()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(3):
            stranger.sendto(b"junk", ("127.0.0.1", int(port)))
    signals = [b"%d" % i for i in range(6)]
    for one in signals:
        alice.send(BOB, one)
    assert [list(bob.receive()) for _ in range(4)] == [signals[:1], signals[1:5], signals[5:], []]


def test_secrets_differ(local: Make, directory: Path) -> None:
    """No two users have the same secret."""
    local(ALICE), local(BOB)
    tokens = {entry(directory, who).read_text().split()[1] for who in (ALICE, BOB)}
    assert len(tokens) == 2


def test_the_last_of_a_name_is_found(local: Make, directory: Path) -> None:
    """A second user of an identity takes the name over; the first leaves it alone when closing."""
    alice, first, second = local(ALICE), local(BOB), local(BOB)
    first.close()
    alice.send(BOB, b"hello")
    assert list(second.receive()) == [b"hello"]
    second.close()
    assert not entry(directory, BOB).exists()
    second.close()  # idempotent


def test_nothing_is_left_behind(local: Make, directory: Path) -> None:
    """Closing removes all that was made."""
    local(ALICE).close()
    assert list(directory.iterdir()) == []


@POSIX
def test_files_are_private(local: Make, directory: Path) -> None:
    """The directory that is made, and the file with the secret, are the owner's alone."""
    local(ALICE)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(directory, ALICE).stat().st_mode) == 0o600


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_directory_that_others_can_write_to_is_refused(directory: Path, mode: int) -> None:
    """A directory that is open to others is an error, not a risk."""
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(OSError, match="others can write to it"):
        LocalSignaling(ALICE)


@POSIX
def test_link_in_place_of_the_directory_is_refused(directory: Path, tmp_path: Path) -> None:
    """Nobody can have us write elsewhere by laying a link."""
    (tmp_path / "elsewhere").mkdir(0o700)
    directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="not a directory"):
        LocalSignaling(ALICE)


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root can give it away")
def test_directory_of_somebody_else_is_refused(directory: Path) -> None:
    """A directory that another user made first is an error."""
    directory.mkdir(0o700)
    os.chown(directory, 12345, 12345)
    with pytest.raises(OSError, match="not this user's own"):
        LocalSignaling(ALICE)


@POSIX
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_leaves_the_name_alone(local: Make, directory: Path) -> None:
    """A child that closes, as at its exit, does not take its parent's name away."""
    alice, bob = local(ALICE), local(BOB)
    child = os.fork()
    if child == 0:
        bob.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    alice.send(BOB, b"hello")
    assert list(bob.receive()) == [b"hello"]


@POSIX
def test_where_users_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory is the given one, else the session's, else one among the temporary files."""
    monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", str(tmp_path / "given"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert rendezvous_directory() == tmp_path / "given"
    monkeypatch.delenv("STEAMNET_LOOPBACK_DIR")
    assert rendezvous_directory() == tmp_path / "steamnet"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert rendezvous_directory() == tmp_path / f"steamnet-{os.geteuid()}"
    assert rendezvous_directory().is_dir()


# --- gns with it, without it, and with another ---------------------------------------------------


@pytest.mark.usefixtures("gns")
def test_without_a_directory_the_calls_that_need_signaling_say_why(
    directory: Path, until: Callable[..., None]
) -> None:
    """Reaching users by identity raises with the reason; the rest of the engine works."""
    directory.write_text("in the way")
    with steamnet.init(engine="gns", identity="str:nobody") as steam:
        calls = (
            lambda: steam.networking_sockets.connect_p2p("str:bob", 0),
            lambda: steam.networking_sockets.create_listen_socket_p2p(0),
            lambda: steam.networking_messages.send_message_to_user("str:bob", b"x"),
        )
        for call in calls:
            with pytest.raises(UnsupportedError, match=r"no signaling.*signaling="):
                call()
        one, other = steam.networking_sockets.create_socket_pair()
        steam.networking_sockets.send_message(one, b"still here")
        assert steam.networking_sockets.receive_messages(other)[0].data == b"still here"


class Lossy:
    """A signaling that loses two signals of five, and doubles as many."""

    def __init__(self, inner: LocalSignaling) -> None:
        """Carry over another."""
        self._inner = inner
        self._count = 0
        self.lost = 0

    def send(self, peer: Identity, signal: bytes) -> None:
        """Lose it, double it, or neither."""
        fate = "LDNDL"[self._count % 5]
        self._count += 1
        self.lost += fate == "L"
        for _ in range("LND".index(fate)):
            self._inner.send(peer, signal)

    def receive(self) -> Iterator[bytes]:
        """What has arrived."""
        return self._inner.receive()

    def close(self) -> None:
        """Close the other."""
        self._inner.close()


@pytest.mark.usefixtures("gns")
def test_lost_and_doubled_signals(remote: RemoteProcess, until: Callable[..., None]) -> None:
    """P2P connects although the first and two of five signals are lost: engines send again."""
    requirements.ice()
    signaling = Lossy(LocalSignaling(ALICE))
    bob = remote.open(engine="gns", identity=BOB)
    with steamnet.init(engine="gns", identity=ALICE, signaling=signaling) as alice:
        bob.networking_sockets.create_listen_socket_p2p(0)
        connection = alice.networking_sockets.connect_p2p(BOB, 0)

        def connected() -> bool:
            for event in bob.networking_sockets.connection_events():
                if event.is_incoming_request:
                    bob.networking_sockets.accept_connection(event.connection)
            info = alice.networking_sockets.get_connection_info(connection)
            return info is not None and info.state == ConnectionState.CONNECTED

        until(connected, alice, bob, what="a connection over lossy signaling")
        assert signaling.lost
        alice.networking_sockets.close_connection(connection)
    bob.shutdown()


@pytest.mark.usefixtures("gns")
def test_signals_carried_by_hand(remote: RemoteProcess, until: Callable[..., None]) -> None:
    """connect_p2p_custom_signaling and received_p2p_custom_signal are enough, as in the SDK."""
    requirements.ice()
    bob = remote.open(engine="gns", identity=BOB)

    class ByHand:
        """Hands each signal for Bob to him, and takes none."""

        def send(self, peer: Identity, signal: bytes) -> None:
            assert peer == BOB
            assert bob.networking_sockets.received_p2p_custom_signal(signal)

        def receive(self) -> list[bytes]:
            return []

        def close(self) -> None:
            closed.append(self)

    closed: list[ByHand] = []
    with steamnet.init(engine="gns", identity=ALICE, signaling=ByHand()) as alice:
        # Bob answers through his LocalSignaling, which a second one of Alice's hears.
        ears = LocalSignaling(ALICE)
        bob.networking_sockets.create_listen_socket_p2p(0)
        sockets = alice.networking_sockets
        connection = sockets.connect_p2p_custom_signaling(BOB, 0)
        assert connection

        def connected() -> bool:
            for one in ears.receive():
                assert sockets.received_p2p_custom_signal(one)
            for event in bob.networking_sockets.connection_events():
                if event.is_incoming_request:
                    assert event.info.identity_remote == str(ALICE)
                    bob.networking_sockets.accept_connection(event.connection)
            info = sockets.get_connection_info(connection)
            return info is not None and info.state == ConnectionState.CONNECTED

        until(connected, alice, bob, what="a connection by hand")
        ears.close()
    bob.shutdown()
    assert len(closed) == 1


def test_custom_signaling_is_not_loopbacks() -> None:
    """The loopback engine needs no signaling and offers none; the argument is for gns."""
    with steamnet.init(engine="loopback") as steam:
        with pytest.raises(UnsupportedError, match="CustomSignaling"):
            steam.networking_sockets.connect_p2p_custom_signaling(BOB, 0)
        with pytest.raises(UnsupportedError, match="CustomSignal"):
            steam.networking_sockets.received_p2p_custom_signal(b"x")
    mine = LocalSignaling(ALICE)
    with pytest.raises(ValueError, match="gns"):
        steamnet.init(engine="loopback", signaling=mine)
    mine.close()


def test_signaling_is_closed_once_whatever_it_raises() -> None:
    """An error of its own comes out of shutdown, after everything else was shut down."""

    class Broken(LocalSignaling):
        closed = 0

        def close(self) -> None:
            super().close()
            self.closed += 1
            raise LookupError("mine")

    steam = steamnet.init(engine="loopback")
    steam._signaling = signaling = Broken(ALICE)
    with pytest.raises(LookupError, match="mine"):
        steam.shutdown()
    assert not steam.engine.is_open
    assert not steam._shutting_down.locked()
    steam.shutdown()
    assert signaling.closed == 1


@pytest.mark.usefixtures("gns")
def test_junk_is_no_signal(steam_on_gns: steamnet.Steam) -> None:
    """Whatever a server sends, the engine takes signals only."""
    sockets = steam_on_gns.networking_sockets
    for junk in (b"", b"x", bytes(1000), os.urandom(500)):
        assert not sockets.received_p2p_custom_signal(junk)


@pytest.fixture
def steam_on_gns(gns: None) -> Iterator[steamnet.Steam]:
    """Alice on gns."""
    with steamnet.init(engine="gns", identity=ALICE) as steam:
        yield steam


# --- a machine without a network ------------------------------------------------------------------

HELPERS = str(Path(__file__).parents[1] / "helpers")


def namespaces_refused() -> str:
    """Why this machine lets us make no network namespaces; "" if it does."""
    if shutil.which("ip") is None:
        return "there is no `ip` (iproute2)"
    name = f"steamnet-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode != 0:
        return tried.stderr.strip() or "`ip netns add` fails"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return ""


@pytest.mark.usefixtures("gns")
def test_ice_without_an_interface_says_so() -> None:
    """Where only the loopback interface is, a P2P connection fails with that reason."""
    reason = namespaces_refused()
    if reason:
        pytest.skip(f"no network namespaces here: {reason}")
    name = f"steamnet-lonely-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        done = subprocess.run(
            ["ip", "netns", "exec", name, sys.executable, "-c", LONELY, HELPERS],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)
    assert re.search(r"5008.*no network interface but loopback", done.stdout), done


LONELY = """
import sys
sys.path.insert(0, sys.argv[1])
import steamnet
from remote_process import RemoteProcess
from topologies import ALICE, BOB, Route

remote = RemoteProcess()
with steamnet.init(engine="gns", identity=ALICE) as alice:
    bob = remote.open(engine="gns", identity=BOB)
    route = Route("gns-processes", alice, bob)
    route.set(steamnet.ConfigValue.TIMEOUT_INITIAL, 5000)
    route.listen()
    here = route.connect()
    there = route.requested()
    assert there.sockets.accept_connection(there.connection)
    route.until(lambda: here.info.end_reason, timeout=20)
    print(int(here.info.end_reason), here.info.end_debug)
    bob.shutdown()
remote.close()
"""
