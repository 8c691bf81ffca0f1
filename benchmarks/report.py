"""Tables and the chart: what was measured against what shall be reached."""

import json
import os
import platform
import re
import statistics
import sys
import sysconfig
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import programs

from steamnet import __version__

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SMALL = "64 B, 64 a call"
EVENTS, ENGINES = "status events", ("gns", "loopback")
SWIG, NODE = "steamworks-swig", "steamworks-ffi-node"
PEERS = (  # of steamnet.aio
    "websockets",
    f"asyncio streams{programs.FIRST}",
    "asyncio streams, TLS",
    "asyncio streams",
)


EVENTS_ARE = (
    "Events of connections, from the engine's queue to a list, or through a handler to one; beside "
    "loops over the same queue: in C, and through cffi, which read nothing, and through cffi."
)


@dataclass
class Results:
    """Samples by source, group, name and contender; versions; and what could not be measured."""

    rows: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, source: str, group: str, name: str, samples: dict[str, list[float]]) -> None:
        """File a row, or more samples of one."""
        row = self.rows.setdefault(source, {}).setdefault(group, {}).setdefault(name, {})
        for who, more in samples.items():
            row.setdefault(who, []).extend(more)

    def best(self, source: str, group: str, name: str, who: str) -> float | None:
        """The least of the samples; None where it was not measured."""
        samples = self.rows.get(source, {}).get(group, {}).get(name, {}).get(who)
        return min(samples) if samples else None

    def ratio(self, source: str, group: str, name: str, who: str, to: str = "C") -> float | None:
        """How many times another's cost."""
        one, other = self.best(source, group, name, who), self.best(source, group, name, to)
        return one / other if one is not None and other else None

    def save(self, path: Path) -> None:
        """Keep the samples, to look at them again."""
        path.write_text(json.dumps(self.__dict__), encoding="utf-8")


@dataclass
class Target:
    """A row of the table of targets."""

    what: str
    reach: str
    measured: list[float | None]
    limit: float
    least: bool = False
    unit: str = "x C"

    def cells(self) -> tuple[str, str, str, str]:
        """The row's text."""
        known = [value for value in self.measured if value is not None]
        if not known:
            return self.what, self.reach, "not measured here", "—"
        worst = min(known) if self.least else max(known)
        met = worst >= self.limit if self.least else worst <= self.limit
        return self.what, self.reach, f"{worst:,.2f} {self.unit}", "yes" if met else "**no**"


def round_trip(results: Results, who: str) -> float | None:
    """The median, in microseconds: half of the least says nothing of what a program meets."""
    samples = results.rows.get(who, {}).get("programs", {}).get(who, {}).get("round trip")
    return statistics.median(samples) if samples else None


def program_table(results: Results) -> str:
    """The same program over each library."""
    rows = []
    for who in dict.fromkeys([*programs.CONTENDERS, *results.rows]):
        ticks = best_tick(results, who)
        if (middle := round_trip(results, who)) is not None and ticks is not None:
            samples = results.rows[who]["programs"][who]["round trip"]
            rows.append((who, f"{middle:,.0f} ({min(samples):,.0f})", f"{ticks:,.0f}"))
    return table(("", "round trip, µs", "server, µs a tick"), rows)


def best_tick(results: Results, who: str) -> float | None:
    """Processor time of a server's tick, in microseconds."""
    return results.best(who, "programs", f"{who}, tick", "tick")


def targets(results: Results) -> list[Target]:
    """What shall be reached, and what was."""
    ratio, best = results.ratio, results.best
    tick = best_tick(results, "steamnet.aio, gns")
    ours = best("gns", "receive", SMALL, "steamnet")
    large: dict[str, float] = {}  # so long a message that it does not matter how many a call
    for name, row in results.rows.get("gns", {}).get("receive", {}).items():
        if name.startswith("262144 B"):
            large = {who: min(large.get(who, inf), *row[who]) for who in row}
    over_swig = best(SWIG, "receive", SMALL, SWIG)
    beside_swig = best(SWIG, "receive", SMALL, "steamnet")
    node = best(NODE, "receive", SMALL, NODE)
    batches = [f"64 B, {n} a call" for n in (16, 64)]
    faster = [ratio("gns", "receive", name, "ctypes", "steamnet") for name in batches]
    memory = [
        max(max(values) for values in row.values())
        for row in results.rows.get("gns", {}).get("growth of memory", {}).values()
    ]
    wide = "1200 B, 64 a call"
    state = "a connection's state"
    status, info = (
        ratio("gns", state, name, "steamnet", "cffi")
        for name in ("get_quick_connection_status", "get_connection_info")
    )
    away = {
        name: best("loopback growth", "growth: connections to another process", name, "steamnet")
        for name in ("10", "500")
    }
    busy = "slowest of 40 receive calls of 64"
    busy_best = best("gns", busy, "a busy Python thread", "steamnet")
    idle_best = best("gns", busy, "idle", "steamnet")
    return [
        Target(
            "receive 64 B, 64 a call", "≤ 5 x C", [ratio("gns", "receive", SMALL, "steamnet")], 5
        ),
        Target(
            "… against steamworks-swig, which gives the payload only",
            "≥ 1.0 x its speed",
            [over_swig / beside_swig if over_swig and beside_swig else None],
            1.0,
            least=True,
            unit="x its speed",
        ),
        Target(
            "receive 64 B, one a call",
            "≤ 2.4 x C",
            [ratio("gns", "receive", "64 B, 1 a call", "steamnet")],
            2.4,
        ),
        Target(
            "receive 256 KiB",
            "≤ 1.15 x C",
            [large["steamnet"] / large["C"] if large else None],
            1.15,
        ),
        Target("small, against ctypes", "≥ 6.5 x its speed", faster, 6.5, True, "x its speed"),
        Target(
            "small, against steamworks-ffi-node",
            "≥ 18 x its speed",
            [node / ours if node and ours else None],
            18,
            True,
            "x its speed",
        ),
        Target(
            "64 B, 64 a call, three fields read: `len(m.data)`, connection, number",
            "≤ 3.2 x C",
            [ratio("gns", "receive", SMALL, "steamnet, three read")],
            3.2,
        ),
        Target(
            "… one a call",
            "≤ 2.1 x C",
            [ratio("gns", "receive", "64 B, 1 a call", "steamnet, three read")],
            2.1,
        ),
        Target(
            "… 1200 B, 64 a call",
            "≤ 3.5 x C",
            [ratio("gns", "receive", wide, "steamnet, three read")],
            3.5,
        ),
        Target(
            "64 B, 64 a call, all eight fields and a byte of the payload read",
            "≤ 4.0 x C",
            [ratio("gns", "receive", SMALL, "steamnet, all read")],
            4.0,
        ),
        Target(
            "columns, 64 B, 256 a call",
            "≤ 2.2 x C",
            [ratio("gns", "receive as columns", "64 B, 256 a call", "steamnet")],
            2.2,
        ),
        Target("status of a connection", "≤ 3 x a cffi call", [status], 3, unit="x a cffi call"),
        Target("info of a connection", "≤ 3 x a cffi call", [info], 3, unit="x a cffi call"),
        Target(
            "event of a connection, gns and loopback",
            "≤ 3 x a cffi loop",
            [ratio(engine, EVENTS, "connections closed", "steamnet", "cffi") for engine in ENGINES],
            3,
            unit="x a cffi loop",
        ),
        Target(
            "empty poll",
            "≤ 1.35 x C",
            [ratio("gns", "empty poll", "one connection", "steamnet")],
            1.35,
        ),
        Target(
            "empty receive at 500 connections of another process, against 10; loopback",
            "≤ 2 x",
            [away["500"] / away["10"] if away["500"] and away["10"] else None],
            2,
            unit="x",
        ),
        Target(
            "sending with 255 lanes, against one; loopback",
            "≤ 1.2 x",
            [ratio("loopback", "send_message with lanes", "64 B", "255 lanes", "1 lane")],
            1.2,
            unit="x",
        ),
        Target(
            "round trip by `wait` between processes, loopback",
            "≤ 450 µs",
            [round_trip(results, "steamnet, loopback")],
            450,
            unit="µs",
        ),
        Target(
            "… gns by address: twice its least, which is 190 to 293 µs",
            "≤ 590 µs",
            [round_trip(results, "steamnet, gns")],
            590,
            unit="µs",
        ),
        Target(
            "… `steamnet.aio` on gns",
            "≤ 500 µs",
            [round_trip(results, "steamnet.aio, gns")],
            500,
            unit="µs",
        ),
        Target(
            "tick of a server of 64 clients, `steamnet.aio` on gns",
            "≤ 1,900 µs",
            [tick],
            1900,
            unit="µs",
        ),
        *(
            Target(f"… against {who}", "≤ 1 x", [tick / its if tick and its else None], 1, unit="x")
            for who in PEERS
            for its in [best_tick(results, who)]
        ),
        Target(
            "`send_messages`, 64 B, 64 a call",
            "≤ 0.5 x a C loop of single sends",
            [ratio("gns", "send_messages, 64 a call", "64 B", "steamnet")],
            0.5,
        ),
        Target(
            "`send_message`, 64 B",
            "≤ 1.35 x C",
            [ratio("gns", "send_message", "64 B", "steamnet")],
            1.35,
        ),
        Target(
            "`broadcast` to 64, from 1200 B",
            "≤ 0.95 x the C send loop",
            [ratio("gns", "broadcast to 64", f"{n} B", "steamnet") for n in (1200, 16384)],
            0.95,
        ),
        Target(
            "slowest call beside a busy Python thread",
            "≤ 3 x the idle one",
            [busy_best / idle_best if busy_best and idle_best else None],
            3,
            unit="x idle",
        ),
        Target(
            "live memory after all messages and empty polls",
            "unchanged",
            [max(memory) if memory else None],
            1024,  # what the measuring itself holds
            unit="blocks, bytes or KiB more",
        ),
    ]


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def comparison(results: Results, source: str, groups: list[str]) -> str:
    """Rows of a source: ratio to C first, then nanoseconds, best and median."""
    found = results.rows.get(source, {})
    who = list(dict.fromkeys(w for g in groups for row in found.get(g, {}).values() for w in row))
    rows = []
    for group in groups:
        for name, row in found.get(group, {}).items():
            cells = [group, name]
            for one in who:
                samples = row.get(one)
                if not samples:
                    cells.append("")
                    continue
                text = f"{min(samples):,.0f} ({statistics.median(samples):,.0f})"
                if one != "C" and "C" in row:
                    text = f"**{min(samples) / min(row['C']):.2f}** · {text}"
                cells.append(text)
            rows.append(tuple(cells))
    return table(("", "", *who), rows) if rows else f"{source}: not measured."


def machine() -> str:
    """Where this was measured."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        model = found[1] if found else model
    # An interpreter built without profiles is some 20 % slower in everything. Debian's packages
    # have theirs in the build rules, and not in what the interpreter tells of itself.
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    debian = sys.base_prefix == "/usr" and os.path.exists("/etc/debian_version")
    pgo = "--enable-optimizations" in options or debian
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"built {'with' if pgo else '**without**'} profile-guided optimization; "
        f"steamnet {__version__}"
    )


def tables(results: Results) -> str:
    """Everything measured, in Markdown."""
    parts = [f"Measured on {machine()}."]
    if results.versions:
        parts.append(
            "Versions: " + "; ".join(f"{k}: {v}" for k, v in results.versions.items()) + "."
        )
    for source, why in results.absent.items():
        parts.append(f"**{source} was not measured: {why}**")
    rows = [target.cells() for target in targets(results)]
    parts += ["### Targets", table(("", "reach", "measured", "met"), rows)]
    parts += [
        "### GameNetworkingSockets",
        "Nanoseconds, the best of the repeats and the median in brackets; in bold the ratio to C.",
        "#### Receiving",
        comparison(results, "gns", ["receive", "receive, poll group"]),
        comparison(results, "gns udp", ["receive over UDP"]),
        comparison(results, "gns", ["receive as columns"]),
        "#### Polling, events",
        comparison(results, "gns", ["empty poll"]),
        EVENTS_ARE,
        comparison(results, "gns", [EVENTS]),
        "A status and an info, beside a call of the same function through cffi that reads nothing.",
        comparison(results, "gns", ["a connection's state", "nothing to tell"]),
        "#### Sending",
        comparison(results, "gns", ["send_message"]),
        comparison(results, "gns", ["send_messages, 64 a call"]),
        comparison(results, "gns", ["broadcast to 64"]),
        "#### The slowest call",
        comparison(results, "gns", ["slowest of 40 receive calls of 64"]),
        "#### Memory that stayed in use",
        comparison(results, "gns", ["growth of memory"]),
        "#### Ever more connections in one poll group",
        comparison(results, "gns growth", ["growth: connections"]),
        "### Whole programs, each in two processes on this machine",
        "The median of the round trips, the least in brackets; processor time of the server's "
        "process, library threads included, for a tick with 64 clients at 60 Hz.",
        program_table(results),
        "### Peers, over the fake Steam library",
        comparison(results, SWIG, ["receive"]),
        comparison(results, NODE, ["receive"]),
        "### The loopback engine",
        comparison(results, "loopback", ["receive", "receive, poll group", "empty poll"]),
        comparison(results, "loopback", ["send_message", "broadcast to 64"]),
        comparison(results, "loopback", [EVENTS]),
        comparison(results, "loopback", ["send_messages, 64 a call"]),
        comparison(results, "loopback", ["receive as columns"]),
        comparison(results, "loopback", ["a connection's state", "nothing to tell"]),
        comparison(results, "loopback", ["send_message with lanes"]),
        comparison(results, "loopback", ["growth of memory"]),
        comparison(results, "loopback growth", ["growth: connections"]),
        "Ever more users who talk to one: a message, and connecting and closing a user.",
        comparison(results, "loopback growth", ["growth: messages of users"]),
        comparison(results, "loopback growth", ["growth: users"]),
        "Connections to another process: an empty receive on each.",
        comparison(results, "loopback growth", ["growth: connections to another process"]),
    ]
    return "\n\n".join(parts)


def write(results: Results, docs: Path) -> None:
    """Put the tables between the markers of docs/performance.md, and draw the chart."""
    page = docs / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}\n\n{tables(results)}\n\n{END}{after}"
    page.write_text(text, encoding="utf-8")
    chart(results, docs / "performance.svg")


def chart(results: Results, path: Path) -> None:
    """Draw what a small message costs with each binding, and what it costs by size."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "steamnet", "svg.fonttype": "none"}
    from matplotlib import pyplot

    found = results.rows.get("gns", {}).get("receive", {})
    costs = {who: min(samples) for who, samples in found.get(SMALL, {}).items()}
    for peer in (SWIG, NODE):
        if (cost := results.best(peer, "receive", SMALL, peer)) is not None:
            costs[peer] = cost
    figure, (dots, lines) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    names = sorted(costs, key=lambda who: -costs[who])
    colours = ["tab:blue" if who.startswith("steamnet") else "tab:gray" for who in names]
    # Points, not bars: on such a scale only the place of a bar's end would mean anything.
    dots.scatter([costs[who] for who in names], names, c=colours, s=60, zorder=2)
    dots.grid(axis="both", alpha=0.3)
    for who in names:
        dots.annotate(f"{costs[who]:,.0f}", (costs[who], who), (8, -4), textcoords="offset points")
    dots.set(xscale="log", title="Receiving 64 B, 64 a call", xlabel="ns a message")
    dots.set_xlim(10, max(costs.values(), default=10) * 3)
    for who in ("C", "steamnet", "naive cffi", "ctypes"):
        points = [
            (int(name.split()[0]), min(row[who]))
            for name, row in found.items()
            if name.endswith(" 64 a call") and who in row
        ]
        if points:
            lines.plot(*zip(*sorted(points), strict=True), marker="o", label=who)
    lines.set(
        xscale="log", yscale="log", title="… and by size", xlabel="bytes", ylabel="ns a message"
    )
    lines.legend()
    figure.savefig(path, metadata={"Date": None})
