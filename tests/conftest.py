"""One suite for every engine: tests that take ``engine`` run on loopback and on real GNS."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

import steamnet

ENGINES = ("loopback", "gns")
# In CI nothing may pass by not running: what is missing there is a failure.
REQUIRED = os.environ.get("STEAMNET_REQUIRE_ENGINES") == "1"
ALICE, BOB = "76561198000000001", "76561198000000002"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be confined to one engine."""
    parser.addoption(
        "--engine",
        choices=(*ENGINES, "all"),
        default="all",
        help="run the tests of the engines' common behaviour on this one only",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``engine`` once on each engine chosen."""
    if "engine" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--engine")
        names = ENGINES if chosen == "all" else (chosen,)
        metafunc.parametrize("engine", names, indirect=True)


def _why_no_gns() -> str | None:
    """Why real GNS cannot run here; None if it can. Asked once, in a process of its own."""
    code = "import steamnet; steamnet.init(engine='gns').shutdown()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def gns() -> None:
    """Skip, or in CI fail, where real GameNetworkingSockets is not to be had."""
    reason = _why_no_gns()
    if reason is not None and REQUIRED:
        pytest.fail(f"real GameNetworkingSockets is required here: {reason}")
    if reason is not None:
        pytest.skip(f"no real GameNetworkingSockets ({reason}); see CONTRIBUTING.md to get it")


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
    with steamnet.init(engine=engine, identity=ALICE) as steam:
        yield steam


@pytest.fixture
def until(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Pump the given users until a condition holds; fails with its text when time is up."""

    def until(
        condition: Callable[[], object],
        *steams: steamnet.Steam,
        timeout: float = 10.0,
        what: str = "",
    ) -> None:
        deadline = time.monotonic() + timeout
        while True:
            for steam in steams:
                steam.run_callbacks()
            if condition():
                return
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout} s: {what or condition}")
            time.sleep(0.001)

    return until
