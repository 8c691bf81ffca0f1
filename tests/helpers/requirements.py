"""What some tests need of the machine: without it they are skipped, in CI they fail."""

import os
from typing import NoReturn

import pytest

from steamnet._native import lib

REQUIRED = os.environ.get("STEAMNET_REQUIRE_ENGINES") == "1"


def missing(reason: str) -> NoReturn:
    """Skip the test; where nothing may pass by not running, fail it."""
    (pytest.fail if REQUIRED else pytest.skip)(reason)


def ice() -> None:
    """GNS's P2P, which the fake Steam has too, ignores the loopback interface."""
    if not lib.sn_ice_possible():
        missing("ICE needs a network interface other than loopback, and there is none here")
