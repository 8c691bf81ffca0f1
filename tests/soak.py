"""Soak: players in processes of their own, on a bad network, who come and go, die and stop.

    python tests/soak.py --minutes 10 --players 16 --route loopback

Routes are loopback, gns-ip (by address) and gns-p2p. A host process and each of its players send
one another numbered messages, on three lanes or one. Some players leave in good order, some are
closed by the host, some are killed, some are stopped for a while. A player that closes with linger
must have everything delivered that it sent reliably; no message may come twice or out of order.
The run prints its progress and then its figures; the exit code is 1 if a promise was broken.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

sys.path.insert(0, str(Path(__file__).parent / "helpers"))
from soak_player import FIRST_IDENTITY, LANES
from topologies import free_port

ROUTES = ("loopback", "gns-ip", "gns-p2p")
# Of each process: between two of them, twice the lag, and 1 - (1 - loss)² of the packets lost.
HALF_LAG, HALF_LOSS = 50, 10.6
# By P2P all of them are lost by the player, once it is connected. GNS's ICE chooses a route with a
# few requests; if it loses all their answers, it neither asks again nor takes another route.
WHOLE_LOSS = 20.0
CONDITIONS: dict[str, float] = {
    "FAKE_PACKET_LAG_SEND": HALF_LAG,
    "FAKE_PACKET_LAG_RECV": HALF_LAG,
    "FAKE_PACKET_REORDER_SEND": 5.0,
    "FAKE_PACKET_REORDER_RECV": 5.0,
    "FAKE_PACKET_JITTER_SEND_AVG": 5,
    "FAKE_PACKET_JITTER_SEND_PCT": 20.0,
    "FAKE_PACKET_JITTER_RECV_AVG": 5,
    "FAKE_PACKET_JITTER_RECV_PCT": 20.0,
    "FAKE_RATE_LIMIT_SEND_RATE": 500_000,
    # A busy machine may stop a process for some seconds more than we do.
    "TIMEOUT_INITIAL": 60_000,
    "TIMEOUT_CONNECTED": 10_000,
}
DEATH_NOTICED = 60.0
"""Seconds that an engine may take to notice a player's death, with the time-out above."""
PATIENCE = 120.0
"""Seconds within which everything must have come to its end."""


def loss(percent: float) -> dict[str, float]:
    """What makes a process lose so much of what it sends, and of what it receives."""
    return {f"FAKE_PACKET_LOSS_{way}": percent for way in ("SEND", "RECV")}


class BrokenPromiseError(AssertionError):
    """A promise was not kept."""


@dataclass
class Figures:
    """What a run came to. Of a connection, each direction is counted by itself."""

    route: str
    players: int
    seconds: float = 0.0
    joined: int = 0
    left: int = 0
    """Players who closed, or shut down, and so left in good order."""
    closed: int = 0
    """Players whom the host closed, or left by its own shutdown."""
    killed: int = 0
    stopped: int = 0
    """How often a player or the host was stopped for a while."""
    reliable: int = 0
    unreliable: int = 0
    complete: int = 0
    """Directions that were closed in good order, and in which every message arrived."""
    out_of_order: int = 0
    duplicates: int = 0
    lost: int = 0
    """Messages that were sent reliably before a close with linger, and did not arrive."""
    abandoned: int = 0
    """Connections that a shutdown said it had abandoned."""
    told: int = 0
    untold: int = 0
    """Peers of those who closed: told of it, and left to a time-out."""
    unconnected: int = 0
    """Players whose call timed out."""
    failed: list[str] = field(default_factory=list)
    """What was lost, connections that broke between living processes, processes that failed."""
    memory: list[int] = field(default_factory=list)
    """The host's resident bytes, at each eighth of the run."""
    handles: list[int] = field(default_factory=list)
    """The host's open files and sockets, likewise."""


@dataclass(eq=False)
class Member:
    """The process of the host or of a player."""

    process: subprocess.Popen[str]
    identity: str
    stopped_until: float = 0.0

    def stop(self, until: float) -> None:
        """Stop it for a while, as a debugger or a suspended machine would."""
        self.process.send_signal(signal.SIGSTOP)
        self.stopped_until = until

    def resume(self, now: float) -> None:
        """Let it go on if it has been stopped for long enough."""
        if self.stopped_until and now > self.stopped_until:
            self.process.send_signal(signal.SIGCONT)
            self.stopped_until = 0.0

    def tell_to_end(self) -> None:
        """Close its standard input, which is the sign."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def finish(self) -> str:
        """Wait for its end: what it printed that nobody has read."""
        with self.process:  # closes its pipes
            assert self.process.stdout is not None
            return self.process.stdout.read()


class Soak:
    """The processes, and what they have said."""

    def __init__(self, route: str, players: int, seconds: float, seed: int) -> None:
        """Start the host."""
        self.figures = Figures(route, players)
        self.chance = random.Random(seed)
        self.seconds, self.seed, self.count = seconds, seed, 0
        self.address = f"127.0.0.1:{free_port()}" if route == "gns-ip" else ""
        self.players: list[Member] = []
        self.killed: dict[str, float] = {}  # and when
        self.waiting: dict[str, dict[str, Any]] = {}  # one end's report, by the player's identity
        self.host = self.start()
        output = self.host.process.stdout
        assert output is not None
        if not output.readline():
            raise BrokenPromiseError("the host does not start")
        self.measured = psutil.Process(self.host.process.pid)
        self.said: deque[str] = deque()
        self.listening = threading.Thread(target=self.listen, args=(output,))
        self.listening.start()
        self.begun = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the host has begun to listen."""
        return time.monotonic() - self.begun

    def start(self, **more: Any) -> Member:
        """Start a process: the host first, then players."""
        engine = self.figures.route.partition("-")[0]
        order = {"number": self.count, "seed": self.seed, "engine": engine}
        by_p2p = self.figures.route == "gns-p2p"
        order |= {"address": self.address, **more}
        order["network"] = CONDITIONS | ({} if by_p2p else loss(HALF_LOSS))
        order["network_once_connected"] = loss(WHOLE_LOSS) if by_p2p else {}
        identity = str(FIRST_IDENTITY + self.count)
        self.count += 1
        program = str(Path(__file__).parent / "helpers" / "soak_player.py")
        command = [sys.executable, "-P", program, json.dumps(order)]
        pipe = subprocess.PIPE
        return Member(subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe), identity)

    def listen(self, lines: IO[str]) -> None:
        """Keep what the host says, in a thread."""
        for line in lines:
            self.said.append(line)

    def join(self) -> None:
        """Start a player, who leaves after some seconds, or is killed."""
        stay = self.chance.uniform(0.15, 1) * min(self.seconds * 0.6, 30)
        lanes = self.chance.choice((1, LANES))
        dies = self.chance.random() < 0.25 or self.figures.joined == 2  # one at least
        self.players.append(self.start(lanes=lanes, seconds=stay, dies=dies))
        self.figures.joined += 1

    def tick(self) -> None:
        """Let players go on who were stopped, and hear those who have ended."""
        while self.said:
            self.report(json.loads(self.said.popleft()), of_host=True)
        self.host.resume(self.now)
        for player in list(self.players):
            player.resume(self.now)
            if player.process.poll() is not None:
                self.players.remove(player)
                self.ended(player)

    def play(self) -> None:
        """One tick of the middle of the run: there are always about so many players."""
        self.tick()
        if len(self.players) < self.figures.players and self.chance.random() < 0.5:
            self.join()
        if self.chance.random() < 0.02:
            member = self.chance.choice([self.host, *self.players])
            if not member.stopped_until:
                member.stop(until=self.now + self.chance.uniform(0.1, 2.5))
                self.figures.stopped += 1

    def ended(self, player: Member) -> None:
        """Read a player's report; a killed one has made none."""
        if said := player.finish():
            self.report(json.loads(said), of_host=False)
        elif (code := player.process.returncode) == -signal.SIGKILL:
            self.killed[player.identity] = time.monotonic()
            self.figures.killed += 1
        else:
            self.figures.failed.append(f"player {player.identity} ended with {code}")

    def report(self, report: dict[str, Any], of_host: bool) -> None:
        """Count one end, and compare it with the other if that has been heard."""
        figures = self.figures
        figures.reliable += sum(report["received"])
        figures.unreliable += report["unreliable"]
        figures.out_of_order += report["out_of_order"]
        figures.duplicates += report["duplicates"]
        identity = report["peer" if of_host else "own"]
        other = self.waiting.pop(identity, None)
        if other is None:
            self.waiting[identity] = report
        else:
            self.compare(*((report, other) if of_host else (other, report)))

    def compare(self, host: dict[str, Any], player: dict[str, Any]) -> None:
        """Hold the two ends of one connection against each other."""
        figures = self.figures
        if not player["connected"] and host["ended"] != "closed":
            figures.unconnected += 1
            return
        figures.left += player["ended"] == "closed"
        figures.closed += player["ended"] != "closed" and host["ended"] == "closed"
        for sender, receiver in ((host, player), (player, host)):
            if sender["ended"] != "closed":
                continue
            delivered = sender["delivered_at"]
            if receiver["ended"] == "closed" and not (
                delivered and delivered < receiver["read_at"]
            ):
                continue  # the receiver may have closed before the last of it arrived
            figures.told += receiver["ended"] == "told"
            figures.untold += receiver["ended"] != "told"
            lost = sum(sender["sent"]) - sum(receiver["received"])
            figures.abandoned += sender["abandoned"]
            if not sender["abandoned"]:
                figures.lost += lost
                figures.complete += not lost
                if lost:
                    figures.failed.append(f"{lost} lost: sent {sender}, received {receiver}")
        if host["ended"] != "closed" and player["ended"] != "closed":
            figures.failed.append(f"{player['own']}: {host['why']!r}, {player['why']!r}")

    @property
    def enough(self) -> bool:
        """Whether so much has happened that a promise might have been broken."""
        return bool(self.figures.killed and self.figures.complete and self.figures.unreliable)

    def finish(self) -> None:
        """Half of the players leave, then the host does; everybody must have ended by then."""
        for player in self.players[::2]:
            player.tell_to_end()
        deadline = self.now + PATIENCE
        leaving = self.players[::2]
        while any(player in self.players for player in leaving) and self.now < deadline:
            self.tick()
            time.sleep(0.02)
        ending = time.monotonic()
        self.host.tell_to_end()
        while (self.players or self.listening.is_alive() or self.said) and self.now < deadline:
            self.tick()
            time.sleep(0.02)
        for identity, report in self.waiting.items():
            killed_at = self.killed.get(identity)
            if not report["connected"] and report["own"] == identity:
                if report["closed_at"] < ending:
                    self.figures.unconnected += 1  # else the host was already shutting down
            elif killed_at is None:
                self.figures.failed.append(f"only one end of {identity} has ended: {report}")
            elif report["closed_at"] > killed_at + DEATH_NOTICED:
                self.figures.failed.append(f"the death of {identity} went unnoticed: {report}")
        if self.players or self.host.process.wait(PATIENCE):
            self.figures.failed.append(f"{len(self.players)} players and the host do not end")

    def stop(self) -> None:
        """Leave no process behind."""
        self.host.process.kill()
        self.listening.join()
        for member in (self.host, *self.players):
            member.process.kill()
            member.finish()


def soak(
    route: str, seconds: float, players: int = 16, seed: int = 1, progress: bool = True
) -> Figures:
    """Run it; raises BrokenPromiseError where a promise is."""
    run = Soak(route, players, seconds, seed)
    figures = run.figures
    try:
        shown = 0.0
        while run.now < seconds or (not run.enough and run.now < seconds + PATIENCE):
            run.play()
            if seconds > run.now > (len(figures.memory) + 1) * seconds / 8:
                figures.memory.append(run.measured.memory_info().rss)
                figures.handles.append(run.measured.num_fds())
            if progress and run.now > shown:
                shown = run.now + 5
                show(run)
            time.sleep(0.02)
        run.finish()
        figures.seconds = round(run.now, 1)
    finally:
        run.stop()
    return figures


def show(run: Soak) -> None:
    """Print a line of progress."""
    f = run.figures
    print(
        f"{run.now:5.0f} s: {len(run.players)} players; {f.joined} joined, {f.left} left, "
        f"{f.closed} closed by the host, {f.killed} killed, {f.stopped} stopped; "
        f"{f.reliable} reliable messages, {f.out_of_order} out of order, {f.duplicates} twice, "
        f"{f.lost} lost; {f.untold} of {f.told + f.untold} not told of a close; "
        f"{len(f.failed)} failed; host {run.measured.memory_info().rss / 2**20:.1f} MiB",
        flush=True,
    )


def check(figures: Figures) -> None:
    """Much was done, no promise broken, and nothing kept."""
    if not (figures.reliable and figures.unreliable and figures.complete and figures.killed):
        raise BrokenPromiseError(f"too little has happened: {figures}")
    if figures.out_of_order or figures.duplicates or figures.lost or figures.failed:
        raise BrokenPromiseError(str(figures))
    if figures.unconnected:
        raise BrokenPromiseError(f"{figures.unconnected} of {figures.joined} could not connect")
    early = len(figures.memory) // 4
    # Nobody may have been connected early: the buffers of a connection hold a megabyte.
    if figures.memory[-1] > figures.memory[early] * 1.1 + (4 + figures.players) * 2**20:
        raise BrokenPromiseError(f"the host's memory grew: {figures.memory}")
    # GNS has two for a connection, also of those that ended in the last seconds.
    if figures.handles[-1] > figures.handles[early] + 9 * figures.players:
        raise BrokenPromiseError(f"the host's open files grew: {figures.handles}")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--players", type=int, default=16)
    parser.add_argument("--route", choices=ROUTES, default="loopback")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sn-") as directory:
        os.environ["STEAMNET_LOOPBACK_DIR"] = directory
        figures = soak(options.route, options.minutes * 60, options.players, options.seed)
    text = json.dumps(asdict(figures), indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    check(figures)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPromiseError as broken:
        print(f"BROKEN: {broken}", file=sys.stderr)
        sys.exit(1)
