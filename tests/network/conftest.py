"""Tests of two machines run on machines of network namespaces, and on real GNS."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from namespaces import Internet, Program, internet


@pytest.fixture(scope="session")
def _internet(gns: None) -> Iterator[Internet]:
    """Make the machines once."""
    with internet() as made:
        yield made


@pytest.fixture
def net(_internet: Internet) -> Iterator[Internet]:
    """The machines, on which nothing runs yet."""
    yield _internet
    _internet.reset()


@pytest.fixture
def server(net: Internet) -> Callable[..., Program]:
    """Start the rendezvous server on its machine; with the options given."""

    def start(options: str = "") -> Program:
        program = net.server.steamnet(f"server --listen 0.0.0.0:27080 {options}")
        program.shows("27080")
        return program

    return start
