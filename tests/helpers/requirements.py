"""What some tests need of the machine: without it they are skipped, in CI they fail."""

import importlib.util
import os
from pathlib import Path
from typing import NoReturn

import pytest

from steamnet._native import lib


def missing(reason: str, required: str = "STEAMNET_REQUIRE_ENGINES") -> NoReturn:
    """Skip the test; fail it where this variable says that it may not pass by not running."""
    (pytest.fail if os.environ.get(required) == "1" else pytest.skip)(reason)


def ice() -> None:
    """GNS's P2P, which the fake Steam has too, ignores the loopback interface."""
    if not lib.sn_ice_possible():
        missing("ICE needs a network interface other than loopback, and there is none here")


def gns_headers() -> Path:
    """Where Valve's headers are: the environment says it, or steamnet-gns has them."""
    companion = importlib.util.find_spec("steamnet_gns")
    beside = Path(companion.origin).parent if companion and companion.origin else Path("nowhere")
    include = Path(os.environ.get("STEAMNET_GNS_INCLUDE") or beside / "include")
    if not (include / "steam" / "isteamnetworkingsockets.h").exists():
        missing("no headers of GNS: neither steamnet-gns nor STEAMNET_GNS_INCLUDE")
    return include
