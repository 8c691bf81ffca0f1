"""One suite for every engine: tests that take ``engine`` run on loopback and on real GNS."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import steamnet
import steamnet.testing
from steamnet.clock import CURRENT, VirtualClock

# Programs that tests start find the steamnet that is tested, and not the source tree, in which
# nothing is compiled, because it happens to be where they start.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(steamnet.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)

os.environ.pop("PYTEST_ADDOPTS", None)  # those of this run are not for the runs that tests start

sys.path.insert(0, os.path.dirname(__file__))  # for soak.py
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "helpers"))
import requirements
import waiting
from remote_process import RemoteProcess
from topologies import LINKS, PAIRS, ROUTES, Link, Route

ENGINES = ("loopback", "gns")
steamnet.testing.pump.__kwdefaults__["timeout"] = waiting.PATIENCE  # on a busy machine, too
ALICE, BOB = "76561198000000001", "76561198000000002"

# A run in a shell's background ignores Ctrl+C, and the programs that tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be confined to one engine."""
    parser.addoption(
        "--engine",
        choices=(*ENGINES, "all"),
        default="all",
        help="run the tests of the engines' common behaviour on this one only",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say what the suite's own markers mean."""
    for marker in (
        "not_on(*kinds, why): the test is not for these engines, links or routes",
        "real_clock(why): the test needs the machine's time also where both users are here",
        "python_behaviour: the test depends on what Python does itself: asyncio, threads, fork, "
        "exit, signals, buffers, typing, warnings; the gate runs it on the newest Python too",
    ):
        config.addinivalue_line("markers", marker)


def pytest_collection_finish() -> None:
    """Let `gc.collect` look at what tests make, not at pytest and all modules each time."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what did not run and why, a line for each reason."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} not run: {reason.removeprefix('Skipped: ')}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``engine``, ``link`` or ``route`` on each one of those chosen."""
    chosen = metafunc.config.getoption("--engine")
    excluded = {kind for mark in metafunc.definition.iter_markers("not_on") for kind in mark.args}
    for name, kinds in (("engine", ENGINES), ("link", LINKS), ("route", ROUTES)):
        if name in metafunc.fixturenames:
            assert excluded <= {*kinds}, f"not_on({excluded - {*kinds}}) names nothing"
            of_engine = [k for k in kinds if chosen in ("all", k.partition("-")[0])]
            metafunc.parametrize(name, [k for k in of_engine if k not in excluded], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _rendezvous() -> Iterator[None]:
    """Meet in a directory of our own: no other run, and no game, is in the way."""
    directory = tempfile.mkdtemp(prefix="sn-")  # short: it becomes part of socket names
    os.environ["STEAMNET_LOOPBACK_DIR"] = directory
    yield
    shutil.rmtree(directory)


def _why_no_gns() -> str | None:
    """Why real GNS cannot run here; None if it can. Asked once, in a process of its own."""
    code = "import steamnet; steamnet.init(engine='gns').shutdown()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def gns() -> None:
    """Skip, or in CI fail, where real GameNetworkingSockets is not to be had."""
    reason = _why_no_gns()
    if reason is not None:
        requirements.missing(f"no real GameNetworkingSockets ({reason}); CONTRIBUTING.md says how")


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine that this run of the test is about."""
    name: str = request.param
    if name == "gns":
        request.getfixturevalue("gns")
    return name


@pytest.fixture
def steam(engine: str) -> Iterator[steamnet.Steam]:
    """Alice, on the engine of this run."""
    steam = steamnet.init(engine=engine, identity=ALICE)
    try:
        yield steam
    finally:
        steam.shutdown(linger=0)  # what a test has left under way is of no interest


@pytest.fixture
def until() -> Callable[..., Any]:
    """`waiting.until`: pump the given users until a condition holds."""
    return waiting.until


@pytest.fixture(scope="session")
def remote() -> Iterator[RemoteProcess]:
    """A second process, for tests that need a player in it."""
    process = RemoteProcess()
    yield process
    process.close()


@contextmanager
def on_clock(clock: VirtualClock | None) -> Iterator[None]:
    """Open engines on this clock within ``with``."""
    token = CURRENT.set(clock)
    try:
        yield
    finally:
        CURRENT.reset(token)


@contextmanager
def _users(request: pytest.FixtureRequest) -> Iterator[Route]:
    """Alice and Bob, as far apart as the kind of link or route says."""
    kind: str = request.param
    name, _, way = kind.partition("-")
    if name == "gns":
        request.getfixturevalue("gns")
    if kind == "gns-processes":
        requirements.ice()
    real = name == "gns" or way == "processes" or request.node.get_closest_marker("real_clock")
    with on_clock(None if real else VirtualClock()):
        alice = steamnet.init(engine=name, identity=ALICE)
        bob: Any = steamnet.init(engine=name, identity=BOB) if way == "users" else alice
    with alice:
        if way == "processes":
            bob = request.getfixturevalue("remote").open(engine=name, identity=BOB)
        users = Route(kind, alice, bob)
        try:
            yield users
        finally:
            users.reset()
            for steam in (bob, alice):
                steam.shutdown(linger=0)  # the other one does not work meanwhile


@pytest.fixture
def route(request: pytest.FixtureRequest) -> Iterator[Route]:
    """Alice, who may connect, and Bob, who may listen, on the engine and way of this run."""
    with _users(request) as route:
        yield route


@pytest.fixture
def link(request: pytest.FixtureRequest) -> Iterator[Link]:
    """Two connected ends, on the engine and way of this run."""
    with _users(request) as users:
        if request.param in PAIRS:
            network = request.param != "gns-pipe"
            pair = users.caller.networking_sockets.create_socket_pair(network)
            here, there = (users.hold(users.caller, connection) for connection in pair)
        else:
            here, there = users.join()
        yield Link(request.param, here, there, users)


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """Collect cycles at nearly every allocation after gc.enable()."""
    before = gc.get_threshold()
    gc.disable()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*before)
    gc.enable()
