"""``steamnet netgraph``: a live picture of a connection, and a plot of the whole session."""

import argparse
import contextlib
import math
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..enums import GONE, ConfigValue, ConnectionState, SendFlags
from ..errors import ClosedError
from ..identity import in_short
from ..info import LaneStatus, QuickConnectionStatus
from ..networking_utils import SteamNetworkingUtilsManager
from ..steam import Steam, init

if TYPE_CHECKING:
    from rich.console import RenderableType

FRAME, SAMPLE, LINE = 1 / 60, 0.1, 1.0  # seconds between sends, samples, printed lines
WINDOW = 5_000_000  # µs of messages that the measured loss is taken from
SEND_RATE = 256 * 1024  # what Valve's engines allow by default, on every engine here
ENOUGH = 120  # states, below which a measured loss is noise
URGENT, PATIENT = 0, 1  # the lanes: a game's state, and a download beside it
STATE = struct.Struct("<qqq176x")  # our clock, the peer's clock last seen, µs held since
DOWNLOAD = [bytes(4096)] * 16  # each second
BARS = "▁▂▃▄▅▆▇█"
TEXT = 25  # columns of a live row before its bars, and of the frame
LINE_ROWS = ("ping", "lost", "in", "out")  # those in a printed line, of at most 80 columns


@dataclass(frozen=True, slots=True)
class Sample:
    """The connection at one moment: as the engine reports it, and as measured by the messages."""

    at: float
    status: QuickConnectionStatus
    round_trip: float = math.nan  # ms
    lost: float = math.nan  # share


class Player:
    """One end of the pair: sends as a game would, and measures by what comes in."""

    def __init__(self, steam: Steam, connection: int) -> None:
        """Give its connection two lanes, the first always before the second."""
        self.steam = steam
        self.sockets = steam.networking_sockets
        self.connection = connection
        self.sockets.configure_connection_lanes(connection, [URGENT, PATIENT])
        self.round_trip = math.nan
        self._arrived: deque[tuple[int, int]] = deque()  # time, message number
        self._theirs = self._seen = 0
        self._next_download = 0.0

    def play(self) -> None:
        """Receive, then send a state on the urgent lane and now and then a download."""
        for message in self.sockets.receive_messages(self.connection, 1000):
            if message.channel == URGENT:
                self._measure(message.time_received, message.message_number, message.data)
        now = self.steam.networking_utils.get_local_timestamp()
        state = STATE.pack(now, self._theirs, now - self._seen)
        self.sockets.send_message(self.connection, state, SendFlags.UNRELIABLE_NO_NAGLE, URGENT)
        if time.monotonic() >= self._next_download:
            self._next_download = time.monotonic() + 1
            for part in DOWNLOAD:
                self.sockets.send_message(self.connection, part, SendFlags.RELIABLE, PATIENT)

    def _measure(self, arrived: int, number: int, state: memoryview) -> None:
        self._theirs, ours, held = STATE.unpack(state)
        self._seen = arrived
        if ours:
            self.round_trip = (arrived - ours - held) / 1000
        self._arrived.append((arrived, number))
        while self._arrived[0][0] < arrived - WINDOW:
            self._arrived.popleft()

    @property
    def lost(self) -> float:
        """The share of the peer's states that did not arrive."""
        numbers = [number for _, number in self._arrived]
        sent = max(numbers) - min(numbers) if numbers else 0
        return 1 - (len(numbers) - 1) / sent if sent >= ENOUGH else math.nan


@dataclass(slots=True)
class Session:
    """What is watched, and what was seen so far."""

    steam: Steam
    connection: int
    options: argparse.Namespace
    players: tuple[Player, ...]
    samples: list[Sample]

    @property
    def lanes(self) -> int:
        """How many lanes this side sends on."""
        return 2 if self.players else 1

    @property
    def set_ping(self) -> int:
        """The simulated part of the round trip: both ends of a pair of ours add their lag."""
        return int(self.options.lag) * (2 if self.players else 1)

    def title(self) -> str:
        """What is shown, on what, under which simulated conditions."""
        simulated = [f"{self.options.lag} ms lag"] * bool(self.options.lag)
        simulated += [f"{self.options.loss * 100:g} % loss"] * bool(self.options.loss)
        conditions = f", {' and '.join(simulated)} set {'each way' if self.players else 'one way'}"
        peer = "a pair of its own" if self.players else self.options.join
        engine = f"steamnet netgraph: {peer} on the {self.steam.engine.name} engine"
        return engine + conditions * bool(simulated)

    def watch(self) -> Iterator[Sample]:
        """Play and sample until the time is up or the connection is gone."""
        start, frames = time.monotonic(), 0
        while True:
            self.steam.run_callbacks()
            for player in self.players:
                player.play()
            if not self.players:  # the host's messages are not shown
                self.steam.networking_sockets.receive_messages(self.connection, 1000)
            at = time.monotonic() - start
            if at >= len(self.samples) * SAMPLE:
                sample = self._sample(at)
                if sample is None:
                    return
                self.samples.append(sample)
                yield sample
                if sample.status.state in GONE:
                    return
            if self.options.seconds is not None and at >= self.options.seconds:
                return
            frames += 1
            time.sleep(max(0.0, start + frames * FRAME - time.monotonic()))

    def _sample(self, at: float) -> Sample | None:
        sockets = self.steam.networking_sockets
        status = sockets.get_quick_connection_status(self.connection, self.lanes)
        if status is None:
            return None
        if not self.players:
            return Sample(at, status)
        return Sample(at, status, self.players[0].round_trip, self.players[0].lost)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture: a name, a value of each sample (NaN: unknown), and how to write it."""

    name: str
    value: Callable[[Sample], float]
    text: str


def _known(value: float) -> float:
    return value if value >= 0 else math.nan  # engines say -1


ROWS = (
    Row("ping", lambda s: _known(s.status.ping), "{:.0f} ms"),
    Row("measured", lambda s: s.round_trip, "{:.0f} ms"),
    Row("jitter", lambda s: _jitter(s.status), "{:.1f} ms"),
    Row("quality in", lambda s: _known(s.status.connection_quality_local) * 100, "{:.1f} %"),
    Row("quality out", lambda s: _known(s.status.connection_quality_remote) * 100, "{:.1f} %"),
    Row("lost", lambda s: s.lost * 100, "{:.1f} %"),
    Row("in", lambda s: s.status.in_bytes_per_sec / 1024, "{:.1f} KiB/s"),
    Row("out", lambda s: s.status.out_bytes_per_sec / 1024, "{:.1f} KiB/s"),
    Row("packets in", lambda s: s.status.in_packets_per_sec, "{:.0f} /s"),
    Row("packets out", lambda s: s.status.out_packets_per_sec, "{:.0f} /s"),
    Row("waiting", lambda s: _waiting(s.status) / 1024, "{:.1f} KiB"),
    Row("unacked", lambda s: s.status.sent_unacked_reliable / 1024, "{:.1f} KiB"),
)


def _jitter(status: QuickConnectionStatus) -> float:
    return math.nan if status.max_jitter is None else status.max_jitter / 1000


def _waiting(queue: LaneStatus | QuickConnectionStatus) -> int:
    return queue.pending_reliable + queue.pending_unreliable


def run(options: argparse.Namespace) -> int:
    """Watch a connection, live on a terminal and line by line elsewhere; then draw it."""
    if options.plot is not None and (refusal := _no_plot(options.plot)):
        print(f"netgraph: {refusal}", file=sys.stderr)
        return 2
    identity = options.identity if options.engine != "steam" else None
    with (
        init(
            options.app_id, engine=options.engine, library=options.library, identity=identity
        ) as steam,
        _network(steam.networking_utils, options),
    ):
        session = _begin(steam, options)
        if session is None:
            return 1
        with contextlib.suppress(KeyboardInterrupt):  # enough was seen
            _show(session)
        info = steam.networking_sockets.get_connection_info(session.connection)
        if info is not None and info.state in GONE:
            print(f"The connection ended: {info.end_debug} ({int(info.end_reason)})")
        if options.plot is not None and session.samples:
            draw(session, options.plot)
            print(f"Drawn into {options.plot}")
        if any(s.status.state == ConnectionState.CONNECTED for s in session.samples):
            return 0
        print("netgraph: never connected; is the host running?", file=sys.stderr)
        return 1


def _no_plot(file: str) -> str:
    """Why it cannot be drawn into this file, said before a session is spent on it."""
    if find_spec("matplotlib") is None:
        return '--plot needs matplotlib: pip install "steamnet[plot]"'
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = FigureCanvasBase.get_supported_filetypes()
    if Path(file).suffix.removeprefix(".").lower() not in kinds:
        return f"--plot draws {', '.join(kinds)}; {in_short(file)} is none of them"
    try:
        with open(file, "ab"):
            return ""
    except OSError as error:
        return f"--plot: {error}"


@contextlib.contextmanager
def _network(utils: SteamNetworkingUtilsManager, options: argparse.Namespace) -> Iterator[None]:
    """Set the simulated network, and take it back: GNS keeps such values after a shutdown."""
    values: dict[ConfigValue, float] = {
        ConfigValue.FAKE_PACKET_LAG_SEND: options.lag,
        ConfigValue.FAKE_PACKET_LOSS_SEND: options.loss * 100.0,
    }
    if options.join is None:
        values |= dict.fromkeys((ConfigValue.SEND_RATE_MIN, ConfigValue.SEND_RATE_MAX), SEND_RATE)
    for key, value in values.items():
        utils.set_config_value(key, value)
    try:
        yield
    finally:
        with contextlib.suppress(ClosedError):
            for key in values:
                utils.set_config_value(key, None)


def _begin(steam: Steam, options: argparse.Namespace) -> Session | None:
    sockets = steam.networking_sockets
    steam.networking_utils.init_relay_network_access()
    if options.join is not None:
        connection = sockets.connect_p2p(options.join, options.port)
        if not connection:
            print(f"the {steam.engine.name} engine refused to connect", file=sys.stderr)
            return None
        return Session(steam, connection, options, (), [])
    pair = sockets.create_socket_pair(use_network_loopback=True)
    if not all(pair):
        print(f"the {steam.engine.name} engine refused to make a pair", file=sys.stderr)
        return None
    return Session(steam, pair[0], options, tuple(Player(steam, end) for end in pair), [])


def _show(session: Session) -> None:
    if not sys.stdout.isatty():
        _print_lines(session)
    elif find_spec("rich") is None:
        print('netgraph: for the live view, pip install "steamnet[cli]"', file=sys.stderr)
        _print_lines(session)
    else:
        from rich.live import Live

        with Live(auto_refresh=False) as live:
            for _ in session.watch():
                live.update(_view(session, live.console.width), refresh=True)


def _print_lines(session: Session) -> None:
    print(session.title(), flush=True)
    due = 0.0
    for sample in session.watch():
        if sample.at >= due:
            due += LINE
            state = getattr(sample.status.state, "name", sample.status.state)
            rows = [row for row in ROWS if row.name in LINE_ROWS]
            shown = [f"{row.name} {text}" for row in rows if (text := _text(row, sample))]
            print(f"{sample.at:5.1f} s  {state}  {', '.join(shown)}", flush=True)


def _text(row: Row, sample: Sample) -> str:
    value = row.value(sample)
    return "" if math.isnan(value) else row.text.format(value)


def _bars(values: list[float]) -> str:
    """Each value as a bar, as high as its share of the largest."""
    top = max((value for value in values if not math.isnan(value)), default=0) or 1
    return "".join(
        " " if math.isnan(value) else BARS[round(value / top * (len(BARS) - 1))] for value in values
    )


def _view(session: Session, width: int) -> "RenderableType":
    """The live picture, which fits into 80 columns and 24 rows."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    last = session.samples[-1]
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style="bold", no_wrap=True, min_width=11)
    rows.add_column(justify="right", no_wrap=True, min_width=11)
    rows.add_column(style="cyan", no_wrap=True)
    shown = session.samples[-max(width - TEXT - 4, 1) :]
    for row in ROWS:
        if text := _text(row, last):
            rows.add_row(row.name, text, _bars([row.value(s) for s in shown]))
    for number, lane in enumerate(last.status.lanes):
        queue = f", {lane.queue_time / 1000:.1f} ms to go" if lane.queue_time < 2**62 else ""
        rows.add_row(f"lane {number}", f"{_waiting(lane)} B", f"waiting{queue}")
    state = getattr(last.status.state, "name", str(last.status.state))
    footer = Text(f"{state}, {last.at:.0f} s, Ctrl-C ends", style="dim")
    return Panel(Group(session.title(), rows, footer), expand=False)


def draw(session: Session, file: str) -> None:
    """Draw the session: round trip, loss, rates and queues over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), layout="constrained")
    figure.suptitle(session.title(), fontsize=11)
    axes = figure.subplots(4, 1, sharex=True)

    def line(axis: int, label: str, value: Callable[[Sample], float], style: str) -> None:
        values = [value(sample) for sample in session.samples]
        axes[axis].plot([s.at for s in session.samples], values, style, label=label, markersize=3)

    def asked(axis: int, value: float, unit: str) -> None:
        look = {"color": "black", "alpha": 0.2, "linewidth": 7, "zorder": 1}
        axes[axis].axhline(value, label=f"set: {value:g} {unit}", **look)

    line(0, "as the engine says", lambda s: _known(s.status.ping), "C0")
    line(1, "in, as the engine says", lambda s: _lost(s.status.connection_quality_local), "C0")
    line(1, "out, as the engine says", lambda s: _lost(s.status.connection_quality_remote), "C2--")
    if session.players:
        line(0, "measured: a state\nand its echo", lambda s: s.round_trip, "C1.")
        line(1, "in, measured: states\nmissing in the last 5 s", lambda s: s.lost * 100, "C1.")
    if session.options.lag:
        asked(0, session.set_ping, "ms")
    if session.options.loss:
        asked(1, session.options.loss * 100, "%")
    line(2, "in", lambda s: s.status.in_bytes_per_sec / 1024, "C0")
    line(2, "out", lambda s: s.status.out_bytes_per_sec / 1024, "C2")
    for number in range(session.lanes):
        line(3, f"waiting on lane {number}", _waiting_on(number), f"C{4 + number}")
    line(3, "sent, not acknowledged", lambda s: s.status.sent_unacked_reliable / 1024, "C7")
    names = ("round trip (ms)", "packets lost (%)", "rate (KiB/s)", "queue (KiB)")
    for axis, name in zip(axes, names, strict=True):
        axis.set_ylabel(name)
        axis.margins(x=0.01, y=0.2)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    axes[-1].set_xlabel("time (s)")
    figure.savefig(file)


def _lost(quality: float) -> float:
    return 100 - 100 * _known(quality)


def _waiting_on(lane: int) -> Callable[[Sample], float]:
    return lambda sample: _waiting(sample.status.lanes[lane]) / 1024
