"""The one loop in the tests that waits for a condition."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import steamnet


def until(
    condition: Callable[[], Any],
    *steams: steamnet.Steam,
    pump: Callable[[], object] = lambda: None,
    timeout: float = 30.0,
    what: str = "",
) -> Any:
    """Pump until a condition holds, and return what it said; fail with its text when time is up."""
    deadline = time.monotonic() + timeout
    while True:
        for steam in steams:
            steam.run_callbacks()
        pump()
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout} s: {what or condition}")
        time.sleep(0.001)
