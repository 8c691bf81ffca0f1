"""The soak in short: players in processes of their own; tests/soak.py is the long form."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import requirements
import soak

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process for a while")
PLAYERS = 6


def play(route: str, record_property: Callable[[str, Any], None]) -> None:
    """Run the soak, and keep its figures for docs/reliability.md."""
    seconds = 6 if route == "loopback" else 12  # gns takes some to connect, and to see a death
    figures = soak.soak(route, seconds, PLAYERS, progress=False)
    soak.check(figures)
    for name in ("reliable", "joined", "left", "closed", "killed", "stopped"):
        record_property(name, getattr(figures, name))


def test_soak(engine: str, record_property: Callable[[str, Any], None]) -> None:
    """Under loss, lag, churn, kills and stalls everything arrives between processes, in order."""
    play("gns-ip" if engine == "gns" else engine, record_property)


@pytest.mark.not_on("loopback", why="its users meet as in P2P in the test above")
def test_soak_by_p2p(engine: str, record_property: Callable[[str, Any], None]) -> None:
    """So it does over ICE."""
    requirements.ice()
    play(f"{engine}-p2p", record_property)
