"""What only the loopback engine has: the rendezvous directory, its seed, and its limits."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

import steamnet
from steamnet import ConfigValue, EndReason, EResult, InitError, SendFlags, Steam
from steamnet.testing import VirtualClock, players

ALICE, BOB = "76561198000000001", "76561198000000002"
NOBODY = 65534
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

# --- a rendezvous directory that cannot be used ------------------------------------------------

posix = pytest.mark.skipif(os.name == "nt", reason="owners, modes and limits of POSIX")


@pytest.fixture
def place() -> Iterator[Path]:
    """The path of the rendezvous directory, which is not there yet."""
    with tempfile.TemporaryDirectory(prefix="sn-") as directory:
        yield Path(directory) / "steamnet"


# Each of these spoils the place while it is entered, and gives the path and the reason.


@contextmanager
def a_file(place: Path) -> Iterator[tuple[Path, str]]:
    """Put a file there."""
    place.write_text("")
    yield place, "not a directory"


@contextmanager
def open_to_others(place: Path) -> Iterator[tuple[Path, str]]:
    """Let the user's group write to it."""
    place.mkdir()
    place.chmod(0o770)
    yield place, "others can write to it"


@contextmanager
def of_somebody_else(place: Path) -> Iterator[tuple[Path, str]]:
    """Give it to another user."""
    place.mkdir(mode=0o700)
    os.chown(place, NOBODY, NOBODY)
    yield place, "not this user's own"


@contextmanager
def without_a_parent(place: Path) -> Iterator[tuple[Path, str]]:
    """Leave out the directory that it should be made in."""
    yield place.parent / "nowhere" / "steamnet", "No such file or directory"


@contextmanager
def unwritable(place: Path) -> Iterator[tuple[Path, str]]:
    """Let its owner only read it; root, who may write anyway, becomes somebody else."""
    place.mkdir(mode=0o500)
    if ROOT:
        place.parent.chmod(0o755)
        os.chown(place, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield place, "Permission denied"
    finally:
        if ROOT:
            os.seteuid(0)


@contextmanager
def replaceable(place: Path) -> Iterator[tuple[Path, str]]:
    """Let others write to its parent, and so put another directory in its place."""
    place.parent.chmod(0o777)
    yield place, "others can write to its parent, which is not sticky"


@contextmanager
def full_disk(place: Path) -> Iterator[tuple[Path, str]]:
    """Let no file grow, as where the disk is full."""
    import resource  # which Windows has not

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield place, "File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


Spoil = Callable[[Path], AbstractContextManager[tuple[Path, str]]]
KINDS: list[Spoil] = [
    a_file,
    open_to_others,
    *([of_somebody_else] if ROOT else []),  # nobody else can give a directory away
    without_a_parent,
    unwritable,
    replaceable,
    full_disk,
]


@posix
@pytest.mark.parametrize("spoil", KINDS)
def test_a_directory_that_was_asked_for(
    spoil: Spoil, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names a directory that cannot be used is told so, and why, before anything starts."""
    with spoil(place) as (where, why):
        monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", str(where))
        with pytest.raises(InitError) as error:
            steamnet.init(engine="loopback", identity=ALICE)
    assert f"STEAMNET_LOOPBACK_DIR: {why}: {where}" in str(error.value)


@posix
@pytest.mark.parametrize("spoil", [a_file, unwritable, full_disk])
def test_a_directory_nobody_asked_for(
    spoil: Spoil, place: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    """Without one, users of a process meet; a call to somebody else ends with the way out.

    For what is noticed when it is looked at, opened and written; each takes a second.
    """
    monkeypatch.delenv("STEAMNET_LOOPBACK_DIR")
    with spoil(place) as (where, why):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(where.parent))
        with (
            steamnet.init(engine="loopback", identity=ALICE) as alice,
            steamnet.init(engine="loopback", identity=BOB) as bob,
        ):
            sockets = bob.networking_sockets
            nowhere, here = sockets.connect_p2p(ALICE, 2), sockets.connect_p2p(ALICE, 1)
            assert alice.networking_sockets.create_listen_socket_p2p(1)  # not too late
            until(alice.networking_sockets.connection_events, alice, bob, what="the request")

            def end() -> str:
                info = sockets.get_connection_info(nowhere)
                assert info is not None
                return info.end_debug if info.end_reason == EndReason.LOCAL_NETWORK_CONFIG else ""

            until(end, alice, bob, timeout=5, what="the end, long before TimeoutInitial")
            whole = f"Cannot meet other processes, set STEAMNET_LOOPBACK_DIR: {why}: {where}"
            assert end() == whole[:127]
            assert sockets.close_connection(here)


@posix
def test_demo_without_a_rendezvous_directory(place: Path) -> None:
    """The demo tells what is wrong with which directory, and the way out."""
    environment = os.environ | {"XDG_RUNTIME_DIR": str(place.parent)}
    del environment["STEAMNET_LOOPBACK_DIR"]
    with a_file(place) as (where, why):
        done = subprocess.run(
            [sys.executable, "-m", "steamnet", "demo"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    # A connection's reason has room for 127 bytes, which a long temporary folder needs.
    whole = f"Cannot meet other processes, set STEAMNET_LOOPBACK_DIR: {why}: {where}"
    assert whole[:127] in done.stderr


def test_a_relative_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that means another directory in each process is refused, not overlooked."""
    monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", "here")
    with pytest.raises(InitError, match="STEAMNET_LOOPBACK_DIR: not an absolute path: here"):
        steamnet.init(engine="loopback", identity=ALICE)


# --- limits ------------------------------------------------------------------------------------

TOO_MANY = 200_000


@contextmanager
def called(until: Callable[..., None]) -> Iterator[tuple[Steam, int, Steam, int]]:
    """Alice, Bob's request to her that she has not accepted, Bob, and his call."""
    with players(2, clock=VirtualClock()) as (alice, bob):
        alice.networking_sockets.create_listen_socket_p2p(1)
        calling = bob.networking_sockets.connect_p2p(ALICE, 1)
        requests: list[int] = []

        def asked() -> bool:
            events = alice.networking_sockets.connection_events()
            requests.extend(event.connection for event in events)
            return bool(requests)

        until(asked, alice, bob, what="the request")
        yield alice, requests[0], bob, calling


def fill(steam: Steam, connection: int) -> int:
    """Send empty messages until they are refused: how many were not."""
    for count in range(TOO_MANY):
        result = steam.networking_sockets.send_message(connection, b"", SendFlags.RELIABLE_NO_NAGLE)
        if result != EResult.OK:
            assert result == EResult.LIMIT_EXCEEDED
            return count
    return TOO_MANY


def test_empty_messages_fill_the_send_buffer(until: Callable[..., None]) -> None:
    """What waits to be sent is limited, even where it has no bytes, and none of it is lost."""
    with called(until) as (alice, connection, bob, calling):
        sent = fill(bob, calling)
        assert 1000 < sent < TOO_MANY
        alice.networking_sockets.accept_connection(connection)
        left = [sent]

        def all_here() -> bool:
            left[0] -= len(alice.networking_sockets.receive_messages(connection, 10_000))
            return left[0] == 0

        until(all_here, alice, bob, what="every message")


def test_empty_messages_fill_the_way(until: Callable[..., None]) -> None:
    """Who sends to somebody that does not read is stopped, even where what is sent is empty."""
    with called(until) as (alice, connection, bob, calling):
        alice.networking_sockets.accept_connection(connection)
        sent = [0]

        def refused_for_long() -> bool:
            assert isinstance(alice.clock, VirtualClock)
            alice.clock.advance(0.02)
            more = fill(bob, calling)
            sent[0] += more
            return more == 0 or sent[0] >= TOO_MANY

        until(refused_for_long, alice, bob, what="the end")
        assert 1000 < sent[0] < TOO_MANY


@pytest.mark.parametrize("way", ["SEND", "RECV"])
def test_rate_limit(way: str, until: Callable[..., None]) -> None:
    """Beyond a burst what is unreliable is lost, and what is reliable comes at the given rate."""
    with called(until) as (alice, connection, bob, calling):
        alice.networking_sockets.accept_connection(connection)
        limited = bob if way == "SEND" else alice
        for name, value in (("BURST", 20_000), ("RATE", 100_000)):
            key = ConfigValue[f"FAKE_RATE_LIMIT_{way}_{name}"]
            limited.networking_utils.set_config_value(key, value)
        for _ in range(100):
            bob.networking_sockets.send_message(calling, bytes(1000), SendFlags.UNRELIABLE_NO_NAGLE)
        for _ in range(40):
            bob.networking_sockets.send_message(calling, b"R" * 1000, SendFlags.RELIABLE_NO_NAGLE)
        got: list[bytes] = []

        def all_reliable() -> bool:
            received = alice.networking_sockets.receive_messages(connection, 200)
            got.extend(bytes(message.data[:1]) for message in received)
            return got.count(b"R") == 40

        start = alice.clock.now()
        until(all_reliable, alice, bob, what="what is reliable")
        assert 0.3 < alice.clock.now() - start < 0.8  # 40,000 bytes at 100,000 a second
        assert 10 <= got.count(b"\0") < 50


# --- the seed ----------------------------------------------------------------------------------

SURVIVORS = """
import time
import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags
from steamnet.testing import pump

with (
    steamnet.init(engine="loopback", identity=76561198000000001) as alice,
    steamnet.init(engine="loopback", identity=76561198000000002) as bob,
    alice.listen(1) as listener,
):
    bob.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 40.0)
    calling = bob.connect(alice.core.get_steam_id(), 1)
    called = pump(alice, bob, until=listener.accept)
    pump(alice, bob, until=lambda: calling.state == called.state == ConnectionState.CONNECTED)
    for number in range(200):
        calling.send(bytes([number]), SendFlags.UNRELIABLE_NO_NAGLE)
    calling.send(b"", SendFlags.RELIABLE_NO_NAGLE)
    got = []
    pump(alice, bob, until=lambda: got.extend(m.data for m in called.receive()) or b"" in got)
    print(sorted(data[0] for data in got if data))
"""


def survivors(seed: str) -> str:
    """Which of 200 messages get through a program's bad network when it has this seed."""
    done = subprocess.run(
        [sys.executable, "-c", SURVIVORS],
        env=os.environ | {"STEAMNET_LOOPBACK_SEED": seed},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.stderr
    return done.stdout


def test_the_seed_in_the_environment() -> None:
    """A program that runs again with the same seed loses the same messages, with another others."""
    first = survivors("7")
    assert 60 < first.count(",") < 180
    assert survivors("7") == first
    assert survivors("8") != first
