"""What a bad network does to a game's ticks: the same on loopback as on GNS, both in virtual time.

A busy machine cannot change what is compared: real GNS reads a clock that this test moves on.
"""

import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import lossy_match
import pytest
from lossy_match import TICKS, UNRELIABLE, Outcome, on_loopback

TESTS = Path(__file__).parents[1]
CONDITIONS = [(lag, loss) for lag in (25, 80) for loss in (5, 20)]
SEEDS = range(1, 5)  # of matches on loopback for one on GNS
USUAL = 0.475  # of the late messages: they come by ticks, and this one is never near the next tick
SIGMAS = 3  # by which chance changes a sample, at most


@dataclass
class Known:
    """Between what bounds chance leaves a figure of all matches."""

    low: float
    high: float

    def within(self, tolerance: float, other: "Known") -> bool:
        """Whether both may be figures that differ by no more than this share."""
        return other.low * (1 - tolerance) <= self.high and self.low <= other.high * (1 + tolerance)


def around(figures: list[float]) -> Known:
    """The mean. A connection is one figure: its messages wait for each other."""
    mean = statistics.fmean(figures)
    error = SIGMAS * statistics.stdev(figures) / math.sqrt(len(figures))
    return Known(mean - error, mean + error)


def mean_delay(connections: list[list[int]]) -> Known:
    """Of a reliable message."""
    return around([statistics.fmean(delays) for delays in connections])


def quantile(connections: list[list[int]], share: float) -> Known:
    """As many reliable messages took no longer than this."""
    ordered = sorted(delay for delays in connections for delay in delays)

    def at(share: float) -> int:
        return ordered[min(max(int(len(ordered) * share), 0), len(ordered) - 1)]

    here = at(share)
    shares = around(
        [sum(delay <= here for delay in delays) / len(delays) for delays in connections]
    )
    error = (shares.high - shares.low) / 2
    return Known(at(share - error), at(share + error))


def how_late(connections: list[list[int]], lag: int) -> int:
    """Of a usual late message, in µs: one loss, and an acknowledgement or none."""
    on_time = (lag + 3) * 1000
    late = sorted(delay for delays in connections for delay in delays if delay > on_time)
    return late[int(len(late) * USUAL)]


def share_of(count: int, matches: int) -> Known:
    """Ticks of which each has its own luck."""
    of = matches * UNRELIABLE * TICKS
    error = SIGMAS * math.sqrt(count * (of - count) / of) / of
    return Known(count / of - error, count / of + error)


def together(outcomes: list[Outcome]) -> Outcome:
    """Of several matches."""
    return Outcome(
        sum(one.whole for one in outcomes),
        sum(one.torn for one in outcomes),
        sum(one.lost for one in outcomes),
        {
            kind: [each for one in outcomes for each in one.delays[kind]]
            for kind in outcomes[0].delays
        },
    )


@pytest.mark.parametrize(("lag", "loss"), CONDITIONS)
def test_loopback_loses_whole_ticks(lag: int, loss: int) -> None:
    """Ten small messages share a packet, and its fate; a lost reliable one costs a round trip."""
    outcome = on_loopback(lag, loss, seed=5)
    ordered = sorted(delay / 1000 for delays in outcome.delays["1"] for delay in delays)
    assert outcome.torn == 0
    assert share_of(outcome.lost, 1).within(0, Known(loss / 100, loss / 100))
    assert ordered[0] == pytest.approx(lag, abs=2)
    assert ordered[int(len(ordered) * 0.99)] > 3 * lag + 17


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that is preloaded to give GNS its time."""
    library = tmp_path_factory.mktemp("clock") / "gns_clock.so"
    compiler = os.environ.get("CC", "cc").split()
    source = TESTS / "c" / "gns_clock.c"
    subprocess.run([*compiler, "-O2", "-fPIC", "-shared", source, "-o", library], check=True)
    return library


@pytest.mark.usefixtures("gns")
@pytest.mark.not_on("loopback", why="this is the comparison with GNS")
@pytest.mark.skipif(sys.platform != "linux", reason="preloading is Linux's")
@pytest.mark.parametrize(("lag", "loss"), CONDITIONS)
def test_the_same_as_gns(engine: str, clock: Path, tmp_path: Path, lag: int, loss: int) -> None:
    """Shares of ticks whole, torn and lost within chance; reliable delays within 20 %."""
    outcome = tmp_path / "outcome.json"
    preload = f"{os.environ.get('LD_PRELOAD', '')} {clock}"  # behind a sanitizer's library
    there = subprocess.run(
        [sys.executable, lossy_match.__file__, str(lag), str(loss), outcome],
        env=os.environ | {"LD_PRELOAD": preload.strip(), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert there.returncode == 0, there.stderr
    gns = Outcome(**json.loads(outcome.read_text()))
    here = together([on_loopback(lag, loss, seed) for seed in SEEDS])
    assert gns.torn == here.torn == 0
    assert share_of(here.lost, len(SEEDS)).within(0.05, share_of(gns.lost, 1))
    often, there_often = here.delays["1"], gns.delays["1"]
    assert mean_delay(often).within(0.1, mean_delay(there_often))
    for share in (0.5, 0.9, 0.99):
        delay, expected = quantile(often, share), quantile(there_often, share)
        assert delay.within(0.2, expected), f"{share}: {delay}, and on GNS {expected}"
    for every, tolerance in (("1", 0.15), ("43", 0.05)):
        late = how_late(here.delays[every], lag)
        assert late == pytest.approx(how_late(gns.delays[every], lag), rel=tolerance)
