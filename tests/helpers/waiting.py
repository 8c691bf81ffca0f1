"""The one loop in the tests that waits for a condition, on the clock of those it waits for.

And the one that reads what a process prints.
"""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from steamnet.testing import VirtualClock

PATIENCE = 60.0
"""Seconds within which a machine that is busy, or stands still for a while, does what it has to."""


class MachineClock:
    """The machine's time, by the calls of a `VirtualClock`."""

    def now(self) -> float:
        """Seconds."""
        return time.monotonic()

    def pause(self, until: float) -> None:
        """Let a little time pass."""
        time.sleep(0.001)

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        time.sleep(seconds)


REAL = MachineClock()
Clock = MachineClock | VirtualClock


def clock_of(*steams: Any) -> Clock:
    """The clock of users: a virtual one where they have it."""
    clocks = [s.clock for s in steams if isinstance(getattr(s, "clock", None), VirtualClock)]
    return clocks[0] if clocks else REAL


def until(
    condition: Callable[[], Any],
    *steams: Any,
    pump: Callable[[], object] | None = None,
    timeout: float = PATIENCE,
    what: str = "",
) -> Any:
    """Pump until a condition holds, and return what it said; fail with its text when time is up."""
    clock = clock_of(*steams)
    deadline = clock.now() + timeout
    while True:
        if pump:
            pump()
        else:
            for steam in steams:
                steam.run_callbacks()
        if answer := condition():
            return answer
        if clock.now() >= deadline:
            pytest.fail(f"not within {timeout} s: {what or condition}")
        pause(deadline, *steams)


def pause(deadline: float, *steams: Any) -> None:
    """Let a little time pass; a virtual clock jumps, unless a user has news already."""
    clock = clock_of(*steams)
    if clock is REAL or not any(steam.wait(0) for steam in steams):
        clock.pause(deadline)


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """Read what a process prints up to the line that holds the text; fail if it ends before."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came, but:\n{seen}")
