"""``steamnet bench``: how fast messages go through this machine, in a few seconds."""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping

from .._version import __version__
from ..enums import ConfigValue, ConnectionState, SendFlags
from ..steam import Steam, init

FLAGS = SendFlags.RELIABLE | SendFlags.NO_NAGLE
REPEATS = 11
QUEUED = 4 << 20  # bytes that wait at most before they are received
FAN = 32

Sample = Callable[[], float]
"""Does one round of work; nanoseconds a message."""


class Progress:
    """A bar on a terminal, a line a step elsewhere; on stderr, so that tables can be piped."""

    def __init__(self, total: int) -> None:
        """Expect that many steps."""
        self._total = total
        self._done = 0
        self._bar = sys.stderr.isatty()

    def step(self, what: str) -> None:
        """Say what is done next."""
        share = min(self._done / self._total, 1.0)
        self._done += 1
        if self._bar:
            bar = ("█" * round(24 * share)).ljust(24, "·")
            print(f"\r{bar} {share:4.0%} {what:<48.48}", end="", file=sys.stderr, flush=True)
        else:
            print(f"{share:4.0%} {what}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._bar:
            print("\r" + " " * 80 + "\r", end="", file=sys.stderr, flush=True)


def interleave(cases: Mapping[str, Sample], repeats: int) -> dict[str, list[float]]:
    """Run every case once, all of them again, and so on: what slows the machine slows them all."""
    samples: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, sample in cases.items():
            samples[name].append(sample())
    return samples


def open_wide(steam: Steam) -> None:
    """Lift the limits of rate and queues: it is calls that are measured, not the shaping."""
    utils = steam.networking_utils
    for key in (ConfigValue.SEND_BUFFER_SIZE, ConfigValue.RECV_BUFFER_SIZE):
        utils.set_config_value(key, 256 << 20)
    for key in (ConfigValue.SEND_RATE_MIN, ConfigValue.SEND_RATE_MAX):
        utils.set_config_value(key, 256 << 20)
    utils.set_config_value(ConfigValue.RECV_BUFFER_MESSAGES, 1 << 20)


def how_many(size: int, queued: int = QUEUED) -> int:
    """How many messages of a size a round has: enough to time, not enough to fill the memory."""
    return max(16, min(1024, queued // max(size, 1)))


class Pair:
    """Two connections that are each other's peer, and what can be timed on them."""

    def __init__(self, steam: Steam) -> None:
        """Open them."""
        self.steam = steam
        self.sockets = steam.networking_sockets
        self.near, self.far = self.sockets.create_socket_pair()

    def settle(self) -> None:
        """Wait until all that was sent has arrived."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status = self.sockets.get_quick_connection_status(self.near)
            if status is None or status.state != ConnectionState.CONNECTED:
                break
            if status.pending_reliable + status.sent_unacked_reliable == 0:
                return
            self.steam.run_callbacks()
        raise TimeoutError("what was sent does not arrive")

    def receive(self, size: int, batch: int) -> Sample:
        """Receive messages of a size that wait, so many a call."""
        count, data = how_many(size), bytes(size)
        receive = self.sockets.receive_messages

        def sample() -> float:
            self.sockets.send_messages([(self.near, data, FLAGS)] * count)
            self.settle()
            got, start = 0, time.perf_counter_ns()
            while got < count:
                for _ in receive(self.far, batch):
                    got += 1
            return (time.perf_counter_ns() - start) / count

        return sample

    def poll(self) -> Sample:
        """Ask for messages where none wait."""
        receive = self.sockets.receive_messages

        def sample() -> float:
            start = time.perf_counter_ns()
            for _ in range(2000):
                receive(self.far)
            return (time.perf_counter_ns() - start) / 2000

        return sample

    def send(self, size: int, at_once: int) -> Sample:
        """Send messages of a size, so many a call."""
        count, data = how_many(size), bytes(size)
        calls = max(count // at_once, 1)
        messages = [(self.near, data, FLAGS)] * at_once
        one, many = self.sockets.send_message, self.sockets.send_messages

        def sample() -> float:
            start = time.perf_counter_ns()
            if at_once == 1:
                for _ in range(calls):
                    one(self.near, data, FLAGS)
            else:
                for _ in range(calls):
                    many(messages)
            taken = time.perf_counter_ns() - start
            self._take(self.far, calls * at_once)
            return taken / (calls * at_once)

        return sample

    def broadcast(self, size: int) -> Sample:
        """Send one payload to many connections in one call."""
        pairs = [self.sockets.create_socket_pair() for _ in range(FAN)]
        near, data = [pair[0] for pair in pairs], bytes(size)
        calls = max(how_many(size) // FAN, 1)

        def sample() -> float:
            start = time.perf_counter_ns()
            for _ in range(calls):
                self.sockets.broadcast(near, data, FLAGS)
            taken = time.perf_counter_ns() - start
            for _, far in pairs:
                self._take(far, calls)
            return taken / (calls * FAN)

        return sample

    def _take(self, connection: int, count: int) -> None:
        deadline = time.monotonic() + 30
        while count > 0 and time.monotonic() < deadline:
            count -= len(self.sockets.receive_messages(connection, 256))
        if count > 0:
            raise TimeoutError("what was sent does not arrive")


def run(options: argparse.Namespace) -> int:
    """Measure one engine and print a table."""
    name = options.engine
    steam = init(480 if name == "steam" else None, engine=name, library=options.library)
    with steam:
        open_wide(steam)
        pair = Pair(steam)
        cases = {"receive, none there": pair.poll()}
        for size, batch in ((64, 1), (64, 64), (1200, 64), (16384, 64), (262144, 16)):
            cases[f"receive {_bytes(size)}, {batch} a call"] = pair.receive(size, batch)
        for size, batch in ((64, 1), (64, 64), (1200, 64), (16384, 1), (262144, 1)):
            cases[f"send {_bytes(size)}, {batch} a call"] = pair.send(size, batch)
        cases[f"broadcast 1200 B to {FAN}"] = pair.broadcast(1200)
        progress = Progress(len(cases))
        python = f"{platform.python_implementation()} {platform.python_version()}"
        print(f"steamnet {__version__}, {name} {steam.engine.version}, {python}")
        print(f"\n{'':<28}{'best':>10}{'median':>11}{'a second':>13}")
        for what, sample in cases.items():
            progress.step(what)
            samples = interleave({what: sample}, REPEATS)[what]
            best, middle = min(samples), statistics.median(samples)
            progress.end()
            print(f"{what:<28}{best:>7,.0f} ns{middle:>8,.0f} ns{1e9 / best:>13,.0f}")
    print("\nNanoseconds a message (or a call), of Python and engine together.")
    return 0


def _bytes(size: int) -> str:
    return f"{size >> 10} KiB" if size >= 1024 and size % 1024 == 0 else f"{size} B"
