"""Players on bad networks, and the pytest plug-in as a game's own tests use it."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steamnet import ClosedError, ConnectionState, SendFlags
from steamnet.objects import Connection
from steamnet.testing import RENDEZVOUS_ENV, VirtualClock, connected_pair, players, pump

pytestmark = pytest.mark.python_behaviour


def arrivals(caller: Connection, called: Connection, count: int, flags: int) -> list[int]:
    """Send so many numbers and say which arrive, in their order."""
    for number in range(count):
        caller.send(str(number), flags)
    got: list[int] = []
    while len(got) < count and (messages := called.receive(timeout=3)):
        got.extend(int(message.decode()) for message in messages)
    return got


def test_players_are_who_they_were_last_time() -> None:
    """Their Steam IDs count up from a fixed one; nobody has them twice at a time."""
    for _ in range(2):
        with players(3) as first, players(1) as second:
            ids = [steam.core.get_steam_id() for steam in (*first, *second)]
            assert ids == [f"7656119800000000{n}" for n in (1, 2, 3, 4)]
    for steam in (*first, *second):
        with pytest.raises(ClosedError):
            steam.run_callbacks()


def test_players_of_other_processes_are_not_met() -> None:
    """A user of another directory with the same Steam ID does not interfere."""
    code = """if True:
        import steamnet, time
        host = steamnet.init(engine="loopback", identity="76561198000000001")
        listener = host.listen(0)
        print("listening", flush=True)
        time.sleep(20)
    """
    place = os.environ[RENDEZVOUS_ENV]
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "listening\n"
        for _ in range(2):
            with players(2) as (host, guest), host.listen(0) as listener:
                caller = guest.connect(host.core.get_steam_id(), 0)
                pump(host, guest, until=listener.accept).close()
                caller.close()
            assert os.environ[RENDEZVOUS_ENV] == place
        other.kill()


LONG = "long-enough-for-any-local-socket-" * 3


@pytest.mark.parametrize("where", [LONG, "none", "not-sticky"])
def test_players_meet_wherever_temporary_files_are(where: str, tmp_path: Path) -> None:
    """A long TMPDIR will do, and so will no directory at all, or none that is private."""
    directory = tmp_path / where
    if where != "none":
        directory.mkdir()
        directory.chmod(0o777 if where == "not-sticky" else 0o700)
    code = """if True:
        import os, sys, tempfile
        from steamnet.testing import connected_pair, pump
        if not os.path.isdir(os.environ["TMPDIR"]):
            tempfile._candidate_tempdir_list = lambda: [os.environ["TMPDIR"]]
        with connected_pair() as (alice, bob):
            alice.send("hello")
            (message,) = pump(alice, bob, until=bob.receive)
            assert message.decode() == "hello"
            print(os.environ.get("STEAMNET_LOOPBACK_DIR", "no directory"))
        assert "STEAMNET_LOOPBACK_DIR" not in os.environ
    """
    environment = os.environ | {"TMPDIR": str(directory)}
    del environment["STEAMNET_LOOPBACK_DIR"]
    environment.pop("XDG_RUNTIME_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert not done.stderr
    if where == LONG:
        assert done.stdout.startswith(str(directory))
        assert len(str(directory)) > 108
    else:
        assert done.stdout == "no directory\n"


def test_lag_is_one_way() -> None:
    """A message takes the lag, not half of it and not twice, and the ping shows both ways."""
    clock = VirtualClock()
    with connected_pair(lag=300, clock=clock) as (caller, called):
        for sender, receiver in ((caller, called), (called, caller)):
            start = clock.now()
            sender.send("ping", SendFlags.RELIABLE_NO_NAGLE)
            pump(caller, called, until=receiver.receive)
            assert 0.3 <= clock.now() - start < 0.302


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_loss_is_a_share_of_the_unreliable(share: float) -> None:
    """That many unreliable messages never come; reliable ones all do, in order."""
    with connected_pair(loss=share, seed=7, clock="virtual") as (caller, called):
        got = arrivals(caller, called, 400, SendFlags.UNRELIABLE_NO_NAGLE)
        assert abs(1 - len(got) / 400 - share) < 0.08
        assert arrivals(caller, called, 50, SendFlags.RELIABLE_NO_NAGLE) == list(range(50))


def test_reorder() -> None:
    """Some unreliable messages overtake others; none is lost, none comes twice."""
    with connected_pair(reorder=0.3, seed=7, clock="virtual") as (caller, called):
        got = arrivals(caller, called, 200, SendFlags.UNRELIABLE_NO_NAGLE)
        assert sorted(got) == list(range(200))
        assert got != sorted(got)


def test_the_same_seed_repeats_the_same_losses() -> None:
    """The survivors of a seed are always the same, those of another seed are others."""

    def survivors(seed: int, pause: float) -> list[int]:
        clock = VirtualClock()
        with connected_pair(loss=0.3, seed=seed, clock=clock) as (caller, called):
            clock.advance(pause)
            return sorted(arrivals(caller, called, 200, SendFlags.UNRELIABLE_NO_NAGLE))

    first = survivors(1, 0)
    assert survivors(1, 0.03) == first
    assert survivors(2, 0) != first
    assert 100 < len(first) < 180


def test_shares_are_shares() -> None:
    """Five per cent is 0.05; 5 is refused, and so is a negative lag."""
    for network in ({"loss": 5}, {"reorder": -0.1}, {"loss": 2}, {"lag": -1}):
        with pytest.raises(ValueError, match=next(iter(network))), players(1, **network):
            pass


@pytest.mark.parametrize("name", ["lag", "loss", "reorder"])
def test_a_number_that_is_none(name: str) -> None:
    """Its name is told."""
    wrong: Any = {name: "80"}
    with pytest.raises(TypeError, match=f"^{name} must be a number"), players(1, **wrong):
        pass


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pump_takes_each_party_by_itself(count: int) -> None:
    """A list of players is told how to be written, and so is nobody at all."""
    with players(1) as steams:
        parties: Any = [(), (steams,), (*steams, "alice")][count]
        with pytest.raises(TypeError, match=r"pump\(host, guest, until="):
            pump(*parties, until=lambda: True)


def test_pump_gives_a_picture_when_nothing_comes() -> None:
    """TimeoutError shows every player's connections: their states, and what was not delivered."""
    with connected_pair(loss=1.0) as (caller, called):
        caller.send("never", SendFlags.RELIABLE_NO_NAGLE)
        with pytest.raises(TimeoutError) as waited:
            pump(caller, called, until=called.receive, timeout=0.1)
        picture = str(waited.value)
        assert "0.1 s have passed without Connection.receive" in picture
        assert picture.count("Connected, ping") == 2
        assert "76561198000000001" in picture
        assert "not acknowledged" in picture


def test_pump_returns_what_it_waited_for(steamnet_players: Callable[[int], Any]) -> None:
    """What ``until`` answers comes back, and errors inside it come out."""
    (alone,) = steamnet_players(1)
    answers: Iterator[object] = iter([None, [], 0, "yes"])
    assert pump(alone, until=lambda: next(answers)) == "yes"
    with pytest.raises(ZeroDivisionError):
        pump(alone, until=lambda: 1 / 0)


def test_a_pair_from_a_fixture(steamnet_pair: tuple[Connection, Connection]) -> None:
    """Five lines of a game's own test."""
    alice, bob = steamnet_pair
    assert alice.state == bob.state == ConnectionState.CONNECTED
    alice.send("hello")
    (message,) = pump(alice, bob, until=bob.receive)
    assert message.decode() == "hello"


def run_pytest(folder: Path, test: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a test file as somebody who has installed us would."""
    (folder / "test_game.py").write_text(textwrap.dedent(test))
    options = ("-p", "no:hypothesispytest", *options)  # half a second to import
    command = [sys.executable, "-X", "dev", "-m", "pytest", "-q", *plugin(), *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def plugin() -> list[str]:
    """Name the plug-in where its entry point is not installed."""
    from importlib.metadata import entry_points

    installed = any(p.value == "pytest_steamnet" for p in entry_points(group="pytest11"))
    return [] if installed else ["-p", "pytest_steamnet"]


def test_five_lines_in_somebody_elses_project(tmp_path: Path) -> None:
    """A user's test file passes with nothing but the plug-in, clean under -X dev and -W error."""
    result = run_pytest(
        tmp_path,
        """
        from steamnet.testing import pump

        def test_hello(steamnet_players):
            host, guest = steamnet_players(2, lag=5, loss=0.2, seed=1)
            with host.listen(0) as listener, guest.connect("76561198000000001", 0) as caller:
                called = pump(host, guest, until=listener.accept)
                caller.send("hello")
                assert pump(host, guest, until=called.receive)[0].decode() == "hello"

        def test_pair(steamnet_pair):
            alice, bob = steamnet_pair
            alice.send("hello")
            assert pump(alice, bob, until=bob.receive)[0].decode() == "hello"
        """,
        "-Werror",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout


@pytest.mark.python_behaviour
def test_what_a_test_leaves_open_is_the_fixtures(tmp_path: Path) -> None:
    """The players are shut down after the test's own variables are gone: no warning of those."""
    result = run_pytest(
        tmp_path,
        """
        import gc
        import pytest
        import steamnet
        from steamnet.testing import players, pump

        @pytest.mark.parametrize("clock", ["real", "virtual"])
        def test_players(steamnet_players, clock):
            host, guest = steamnet_players(2, clock=clock)
            listener, group = host.listen(), host.poll_group()
            caller = guest.connect(host.core.get_steam_id())
            called = pump(host, guest, until=listener.accept)
            group.add(called)
            called.send("score 3")
            assert pump(host, guest, until=caller.receive)[0].decode() == "score 3"

        def test_pair(steamnet_pair):
            other = steamnet_pair[0]._router.listen(steamnet.Listener, 7, None)

        def test_others_are_warned_of():
            with players(1) as (host,), pytest.warns(ResourceWarning, match="unclosed Listener"):
                host.listen()
                gc.collect()
        """,
        "-Werror",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


def test_tests_that_do_without_do_not_load_us(tmp_path: Path) -> None:
    """The plug-in is there in every run; the package is imported for a fixture, and not before."""
    result = run_pytest(
        tmp_path,
        """
        import sys

        def test_nothing_yet():
            assert [name for name in sys.modules if name.split(".")[0] == "steamnet"] == []

        def test_now(steamnet_players):
            assert "steamnet" in sys.modules
        """,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout


def test_a_failing_test_closes_its_players(tmp_path: Path) -> None:
    """The next test finds their Steam IDs and ports free, whatever the one before left open."""
    result = run_pytest(
        tmp_path,
        """
        import pytest

        @pytest.mark.parametrize("n", [1, 2])
        def test_port(steamnet_players, n):
            (host,) = steamnet_players(1)
            assert host.core.get_steam_id() == "76561198000000001"
            listener = host.listen(0)
            assert n == 2
        """,
    )
    assert "1 failed, 1 passed" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("option", "virtual"), [((), False), (("-o", "steamnet_clock=virtual"), True)]
)
def test_the_clock_of_the_fixtures(tmp_path: Path, option: tuple[str, ...], virtual: bool) -> None:
    """The ini option says which clock the fixtures' players have; an argument goes before it."""
    result = run_pytest(
        tmp_path,
        f"""
        from steamnet.testing import VirtualClock

        def test_pair(steamnet_pair):
            assert isinstance(steamnet_pair[0]._router.engine.time, VirtualClock) is {virtual}

        def test_players(steamnet_players):
            (one,) = steamnet_players(1)
            (two,) = steamnet_players(1, clock="real" if {virtual} else "virtual")
            assert isinstance(one.clock, VirtualClock) is {virtual}
            assert isinstance(two.clock, VirtualClock) is not {virtual}
        """,
        *option,
    )
    assert "2 passed" in result.stdout
