"""Soak: sixteen players for as long as you like, on a bad network, coming and going.

    python tests/soak.py --minutes 10 --engine loopback

Each player and the host send one another numbered messages on three lanes. Whoever leaves in good
order says on each lane how many reliable messages there were, and all of them must have come, in
order; of those cut off, what came must be in order. Memory and handles must stay flat. The run
prints its progress, ends with figures, and with exit code 1 if a promise was broken.
"""

import argparse
import gc
import json
import random
import struct
import sys
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

import steamnet
from steamnet import ConfigValue, ConnectionState, EResult, SendFlags, Steam

PLAYERS, LANES, PORT = 16, 3, 5
TICK = 1 / 60
DATA, GOODBYE = 0, 1
HEAD = struct.Struct(">BBI")  # kind, lane, number among this lane's reliable messages
NETWORK = {
    ConfigValue.FAKE_PACKET_LAG_SEND: 20,
    ConfigValue.FAKE_PACKET_LOSS_SEND: 5.0,
    ConfigValue.FAKE_PACKET_REORDER_SEND: 5.0,
    ConfigValue.FAKE_PACKET_DUP_SEND: 2.0,
}


class BrokenPromiseError(AssertionError):
    """A promise was not kept."""


@dataclass
class Figures:
    """What a run came to."""

    engine: str
    seconds: float = 0.0
    reliable: int = 0
    """Reliable messages received, each once and in order."""
    unreliable_sent: int = 0
    unreliable_received: int = 0
    bytes: int = 0
    goodbyes: int = 0
    """Directions of connections that ended with every message accounted for."""
    cut_off: int = 0
    joined: int = 0
    refused: int = 0
    """Sends that had to wait because the buffer was full."""
    memory: list[int] = field(default_factory=list)
    """Resident bytes, at each fifth of the run."""
    handles: dict[str, int] = field(default_factory=dict)
    """Open files and sockets: before the first player, at most, after the last."""


class End:
    """One side of a connection: what it has sent, and what it must receive."""

    def __init__(self, steam: Steam, connection: int, figures: Figures, chance: random.Random):
        """Take over a connection."""
        self.sockets = steam.networking_sockets
        self.connection = connection
        self.figures = figures
        self.chance = chance
        self.waiting: deque[tuple[bytes, int]] = deque()
        self.sent = [0] * LANES
        self.received = [0] * LANES
        self.promised: list[int | None] = [None] * LANES
        self.unreliable: set[tuple[int, int]] = set()
        self.leaving = False
        self.sockets.configure_connection_lanes(connection, [0, 0, 1], [1, 3, 1])

    @property
    def state(self) -> ConnectionState | int | None:
        """The connection's state."""
        info = self.sockets.get_connection_info(self.connection)
        return info.state if info is not None else None

    @property
    def complete(self) -> bool:
        """Whether the other side has said goodbye on every lane."""
        return None not in self.promised

    def work(self) -> None:
        """Send what a tick's play makes, and receive."""
        if not self.leaving:
            for _ in range(self.chance.randrange(4)):
                lane = self.chance.randrange(LANES)
                self.sent[lane] += 1
                self._say(DATA, lane, self.sent[lane], self._size())
            self._send_unreliable()
        while self.waiting:
            data, lane = self.waiting[0]
            flags = self.chance.choice((SendFlags.RELIABLE, SendFlags.RELIABLE_NO_NAGLE))
            result = self.sockets.send_message(self.connection, data, flags, lane)
            if result == EResult.LIMIT_EXCEEDED:
                self.figures.refused += 1
                break
            if result != EResult.OK:
                break  # the other side is gone, as the events tell
            self.waiting.popleft()

    def say_goodbye(self) -> None:
        """Promise on each lane how many messages there have been; then nothing more."""
        if not self.leaving:
            self.leaving = True
            for lane in range(LANES):
                self._say(GOODBYE, lane, self.sent[lane], 0)

    def take(self, messages: list[Any]) -> None:
        """Check what has been received."""
        for message in messages:
            kind, lane, number = HEAD.unpack_from(message.data)
            self.figures.bytes += message.size
            if lane != message.channel:
                raise BrokenPromiseError(f"a message of lane {lane} came on {message.channel}")
            if not message.flags & SendFlags.RELIABLE:
                self.figures.unreliable_received += 1
                if (lane, message.message_number) in self.unreliable:
                    raise BrokenPromiseError(f"an unreliable message came twice on lane {lane}")
                self.unreliable.add((lane, message.message_number))
            elif kind == GOODBYE:
                if number != self.received[lane]:
                    raise BrokenPromiseError(
                        f"{self.received[lane]} of {number} messages came on lane {lane}"
                    )
                self.promised[lane] = number
            else:
                if number != self.received[lane] + 1 or self.promised[lane] is not None:
                    raise BrokenPromiseError(
                        f"message {number} came after {self.received[lane]}, lane {lane}"
                    )
                self.received[lane] = number
                self.figures.reliable += 1
        if len(self.unreliable) > 4096:  # numbers this old would have come long ago
            self.unreliable = set(sorted(self.unreliable)[-2048:])

    def _say(self, kind: int, lane: int, number: int, size: int) -> None:
        self.waiting.append((HEAD.pack(kind, lane, number) + bytes(size), lane))

    def _send_unreliable(self) -> None:
        data = HEAD.pack(DATA, 0, 0) + bytes(self.chance.randrange(200))
        if self.sockets.send_message(self.connection, data, SendFlags.UNRELIABLE) == EResult.OK:
            self.figures.unreliable_sent += 1

    def _size(self) -> int:
        if self.chance.random() < 0.002:
            return self.chance.randrange(20_000)
        return self.chance.randrange(300)


class Session:
    """A host and its players: users of their own on loopback, connections over UDP on GNS."""

    def __init__(self, engine: str, seed: int, stack: ExitStack) -> None:
        """Open everybody."""
        self.figures = Figures(engine)
        self.chance = random.Random(seed)
        self.local = engine == "loopback"
        count = PLAYERS + 1 if self.local else 1
        self.steams = [
            stack.enter_context(steamnet.init(engine=engine, identity=76561198000000001 + i))
            for i in range(count)
        ]
        for steam in self.steams:
            for key, value in NETWORK.items():
                steam.networking_utils.set_config_value(key, value)
                # GNS keeps its global values for whoever opens it next.
                stack.callback(steam.networking_utils.set_config_value, key, None)
        self.host = self.steams[0]
        self.address = ""
        sockets = self.host.networking_sockets
        if self.local:
            self.door = sockets.create_listen_socket_p2p(PORT)
        else:
            ports = (f"127.0.0.1:{self.chance.randrange(20_000, 60_000)}" for _ in range(100))
            doors = ((p, sockets.create_listen_socket_ip(p)) for p in ports)
            self.address, self.door = next(door for door in doors if door[1])
        self.group = sockets.create_poll_group()
        self.callers: dict[int, tuple[int, int]] = {}  # player: its connection, when it began
        self.players: dict[int, End] = {}
        self.far: dict[int, End] = {}  # the host's ends, by connection

    def join(self, player: int) -> None:
        """Have a player call the host."""
        steam = self.steams[player + 1 if self.local else 0]
        sockets = steam.networking_sockets
        if self.local:
            connection = sockets.connect_p2p(self.host.networking_sockets.get_identity(), PORT)
        else:
            connection = sockets.connect_by_ip_address(self.address)
        if not connection:
            raise BrokenPromiseError("a player cannot even call")
        self.figures.joined += 1
        self.players[player] = End(steam, connection, self.figures, self.chance)

    def events(self) -> None:
        """Accept players, and let go of those who have left."""
        for steam in self.steams:
            steam.run_callbacks()
            sockets = steam.networking_sockets
            for event in sockets.connection_events():
                if event.is_incoming_request and event.listen_socket == self.door:
                    if sockets.accept_connection(event.connection):
                        sockets.set_connection_poll_group(event.connection, self.group)
                        end = End(steam, event.connection, self.figures, self.chance)
                        self.far[event.connection] = end
                    else:
                        sockets.close_connection(event.connection)
                elif event.state == ConnectionState.CLOSED_BY_PEER:
                    self.left(event.connection)
                elif event.state == ConnectionState.PROBLEM_DETECTED_LOCALLY:
                    raise BrokenPromiseError(f"a connection broke: {event.info.end_debug}")

    def left(self, connection: int) -> None:
        """The other side has closed: all it promised must be here."""
        end = self.far.pop(connection, None)
        if end is None:
            return  # on GNS the same event is of the player's side
        end.take(end.sockets.receive_messages(connection, 100_000))
        if end.complete:
            self.figures.goodbyes += 1
        end.sockets.close_connection(connection)

    def tick(self) -> None:
        """One sixtieth of a second of play."""
        self.events()
        for player in range(PLAYERS):
            if player not in self.players:
                if self.chance.random() < 0.1:
                    self.join(player)
                continue
            self.play(player, self.players[player])
        for end in list(self.far.values()):
            end.work()
        messages = self.host.networking_sockets.receive_messages_on_poll_group(self.group, 10_000)
        for message in messages:
            end = self.far[message.connection]
            end.take([message])
            if end.promised[message.channel] is not None and end.complete:
                end.say_goodbye()

    def play(self, player: int, end: End) -> None:
        """Let one player send, receive, and sometimes leave."""
        if end.state != ConnectionState.CONNECTED:
            return
        end.work()
        end.take(end.sockets.receive_messages(end.connection, 10_000))
        if end.complete:
            self.figures.goodbyes += 1
        elif self.chance.random() < 0.0005 and not end.leaving:
            self.figures.cut_off += 1  # without a word
        else:
            if self.chance.random() < 0.002:
                end.say_goodbye()
            return
        end.sockets.close_connection(end.connection)
        del self.players[player]

    def finish(self, patience: float) -> None:
        """Everybody leaves in good order."""
        deadline = time.monotonic() + patience
        while self.players or self.far:
            if time.monotonic() > deadline:
                waiting = [(e.promised, e.received, len(e.waiting)) for e in self.far.values()]
                raise BrokenPromiseError(f"the farewells do not end: {waiting}")
            for player, end in list(self.players.items()):
                if end.state == ConnectionState.CONNECTED:
                    end.say_goodbye()
                self.play(player, end)
            self.events()
            for end in list(self.far.values()):
                end.work()
            sockets = self.host.networking_sockets
            for message in sockets.receive_messages_on_poll_group(self.group, 10_000):
                end = self.far[message.connection]
                end.take([message])
                if end.complete:
                    end.say_goodbye()
            time.sleep(0.001)


def soak(engine: str, minutes: float, seed: int = 1, progress: bool = True) -> Figures:
    """Run it; raises BrokenPromiseError where a promise is."""
    process = psutil.Process()
    with ExitStack() as stack:
        session = Session(engine, seed, stack)
        figures = session.figures
        figures.handles["before"] = open_handles(process)
        start, length = time.monotonic(), minutes * 60
        spoken, measured = 0.0, 0
        while (now := time.monotonic() - start) < length:
            session.tick()
            if now > (measured + 1) * length / 5:
                measured += 1
                gc.collect()
                figures.memory.append(process.memory_info().rss)
                handles = open_handles(process)
                figures.handles["most"] = max(handles, figures.handles.get("most", 0))
            if progress and now >= spoken + 10:
                spoken = now
                print(
                    f"{now:6.0f} s: {len(session.far)} players, {figures.reliable} reliable "
                    f"messages in order, {figures.goodbyes} goodbyes, {figures.cut_off} cut off, "
                    f"{process.memory_info().rss / 2**20:.1f} MiB",
                    flush=True,
                )
            time.sleep(max(0.0, TICK - (time.monotonic() - start - now)))
        session.finish(30)
        figures.seconds = round(time.monotonic() - start, 1)
        # GNS keeps the socket of a closed connection some seconds, to answer for it.
        while open_handles(process) > figures.handles["before"]:
            if time.monotonic() > start + figures.seconds + 20:
                break
            session.events()
            time.sleep(0.01)
        figures.handles["after"] = open_handles(process)
    check(figures)
    return figures


def open_handles(process: psutil.Process) -> int:
    """How many the process has."""
    count: int = process.num_handles() if hasattr(process, "num_handles") else process.num_fds()
    return count


def check(figures: Figures) -> None:
    """Much was done, and none of it was kept."""
    if not (figures.reliable and figures.goodbyes and figures.unreliable_received):
        raise BrokenPromiseError("nothing has happened")
    first, last = figures.memory[0], figures.memory[-1]
    if last > first * 1.1 + 4 * 2**20:
        raise BrokenPromiseError(f"memory grew from {first} to {last} bytes")
    if figures.handles["after"] > figures.handles["before"]:
        raise BrokenPromiseError(f"handles grew: {figures.handles}")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--engine", choices=("loopback", "gns"), default="loopback")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    figures = soak(options.engine, options.minutes, options.seed)
    text = json.dumps(asdict(figures), indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPromiseError as broken:
        print(f"BROKEN: {broken}", file=sys.stderr)
        sys.exit(1)
