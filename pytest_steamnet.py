"""The pytest plug-in: players and a connected pair, closed when the test is over.

The workers of pytest-xdist are kept apart: each has a directory of its own in which users meet,
so that two tests at once may use the same identities.

It stands beside the package: pytest imports it in every run wherever steamnet is installed, and
only a test that asks for a fixture should pay for the package and its compiled module.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from steamnet import Connection, Steam

WORKER_DIRECTORY = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    words = "the clock of the fixtures' players: real (default) or virtual"
    parser.addini("steamnet_clock", words, default="real")


def pytest_configure(config: pytest.Config) -> None:
    """Give a worker of pytest-xdist a directory of its own, for the processes it starts too."""
    if hasattr(config, "workerinput"):
        directory = tempfile.mkdtemp(prefix="sn-")  # short: it becomes part of socket names
        os.environ["STEAMNET_LOOPBACK_DIR"] = config.stash[WORKER_DIRECTORY] = directory


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove that directory here: pytest-xdist interrupts what takes its workers long later."""
    if directory := session.config.stash.get(WORKER_DIRECTORY, None):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def steamnet_players(request: pytest.FixtureRequest) -> "Iterator[Callable[..., list[Steam]]]":
    """Give a function that opens players; its arguments are those of `steamnet.testing.players`.

    The ini option ``steamnet_clock`` says what clock they have where none is given.
    """
    from steamnet.testing import players

    clock = {"clock": request.config.getini("steamnet_clock")}
    with ExitStack() as stack:

        def open_players(*args: Any, **kwargs: Any) -> "list[Steam]":
            steams = stack.enter_context(players(*args, **(clock | kwargs)))
            _close_for(steams)
            return steams

        yield open_players


@pytest.fixture
def steamnet_pair(request: pytest.FixtureRequest) -> "Iterator[tuple[Connection, Connection]]":
    """Give two connected connections, as `steamnet.testing.connected_pair` does."""
    from steamnet.testing import connected_pair

    with connected_pair(clock=request.config.getini("steamnet_clock")) as pair:
        _close_for(pair)
        yield pair


def _close_for(owners: "Iterable[Steam | Connection]") -> None:
    """Do not warn of what the test leaves open: its variables end before the fixture does."""
    for owner in owners:
        owner._router.warns_of_unclosed = False
