"""A process of the soak: its host, or one of its players.

Each end of each connection numbers the reliable messages that it sends on a lane, and checks the
numbers that it receives. When a connection has ended, each end prints one line of JSON that says
what it sent and what it received; soak.py compares the two.
"""

import json
import os
import random
import select
import signal
import struct
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import steamnet
from steamnet import ConfigValue, ConnectionState, EResult, SendFlags

TICK = 1 / 30
LANES, VIRTUAL_PORT = 3, 5
HEAD = struct.Struct(">BI")  # lane, number among the reliable messages of this lane
FIRST_IDENTITY = 76561198000000000
LINGER = 30.0


@dataclass
class Report:
    """One end of a connection, after it has ended."""

    own: str
    peer: str
    ended: str = ""
    """closed: by this end. told: the peer's close arrived. broken: anything else."""
    why: str = ""
    connected: bool = False
    sent: list[int] = field(default_factory=lambda: [0] * LANES)
    received: list[int] = field(default_factory=lambda: [0] * LANES)
    unreliable: int = 0
    out_of_order: int = 0
    duplicates: int = 0
    closed_at: float = 0.0
    """By the machine's monotonic clock: when this end closed or learned of its end."""
    read_at: float = 0.0
    """Likewise: when this end began for the last time to take all that had arrived."""
    delivered_at: float | None = None
    """When a shutdown said that all had been acknowledged; None if none did."""
    abandoned: bool = False
    """A shutdown said that not all had been."""


class End:
    """One side of a connection that is up."""

    def __init__(self, sockets: Any, connection: int, lanes: int, chance: random.Random) -> None:
        """Take over a connection."""
        self.sockets, self.connection, self.lanes, self.chance = sockets, connection, lanes, chance
        info = sockets.get_connection_info(connection)
        self.report = Report(str(sockets.get_identity()), str(info.identity_remote))
        self.highest = [0] * LANES
        self.missing: list[set[int]] = [set() for _ in range(LANES)]
        self.unreliable: set[int] = set()
        if lanes > 1:
            sockets.configure_connection_lanes(connection, [0, 0, 1], [1, 3, 1])

    def send(self, count: int, size: int) -> None:
        """Send some reliable messages, each up to so long; fewer if the buffer is full."""
        for _ in range(count):
            lane = self.chance.randrange(self.lanes)
            data = HEAD.pack(lane, self.report.sent[lane] + 1) + bytes(self.chance.randrange(size))
            flags = self.chance.choice((SendFlags.RELIABLE, SendFlags.RELIABLE_NO_NAGLE))
            if self.sockets.send_message(self.connection, data, flags, lane) != EResult.OK:
                return
            self.report.sent[lane] += 1

    def play(self) -> None:
        """Send what one tick of a game makes."""
        self.send(self.chance.randrange(4), 20_000 if self.chance.random() < 0.01 else 300)
        data = HEAD.pack(0, 0) + bytes(self.chance.randrange(200))
        self.sockets.send_message(self.connection, data, SendFlags.UNRELIABLE)

    def take(self, message: Any) -> None:
        """Check what has been received."""
        report = self.report
        lane, number = HEAD.unpack_from(message.data)
        if not message.flags & SendFlags.RELIABLE:
            report.unreliable += 1
            report.duplicates += message.message_number in self.unreliable
            self.unreliable.add(message.message_number)
            if len(self.unreliable) > 2048:  # numbers older than these would have come long ago
                self.unreliable = set(sorted(self.unreliable)[-1024:])
            return
        missing = self.missing[lane]
        if lane != message.channel or number != self.highest[lane] + 1:
            report.out_of_order += 1
        if number > self.highest[lane]:
            missing.update(range(self.highest[lane] + 1, number))
            self.highest[lane] = number
        elif number in missing:
            missing.remove(number)
        else:
            report.duplicates += 1
            return
        report.received[lane] += 1

    def ended(self, how: str, why: str = "") -> Report:
        """What this end says of its connection, which is over."""
        self.report.ended, self.report.why = how, why
        self.report.closed_at = time.monotonic()
        return self.report


def close_without_wait(end: End) -> Report:
    """Send a lot, and close with linger at once: all of it must arrive."""
    end.send(end.chance.randrange(80), 2000)
    end.sockets.close_connection(end.connection, 1000, "bye", True)
    return end.ended("closed")


def say(report: Report) -> None:
    """Give a report to the soak."""
    print(json.dumps(asdict(report)), flush=True)


def set_network(steam: Any, conditions: dict[str, float]) -> None:
    """Set what the network does to the packets of this process."""
    for name, value in conditions.items():
        assert steam.networking_utils.set_config_value(ConfigValue[name], value), name


def told_to_end(seconds: float) -> bool:
    """Wait; true once the soak has closed our standard input."""
    return bool(select.select([0], [], [], seconds)[0]) and not os.read(0, 1)


def shut_down(steam: Any, reports: list[Report]) -> None:
    """Shut down, which waits for what is not acknowledged, and report what became of it."""
    abandoned = {str(item.peer) for item in steam.shutdown(linger=LINGER) or ()}
    for report in reports:
        report.abandoned = report.peer in abandoned
        report.delivered_at = None if report.abandoned else time.monotonic()
        say(report)


def ended(event: Any) -> str:
    """How a connection has ended, if its event says that it has."""
    states = {
        ConnectionState.CLOSED_BY_PEER: "told",
        ConnectionState.PROBLEM_DETECTED_LOCALLY: "broken",
    }
    return states.get(event.state, "")


def host(steam: Any, address: str, chance: random.Random) -> None:
    """Play with everybody who calls, close some of them, and shut down at last."""
    sockets = steam.networking_sockets
    if address:
        assert sockets.create_listen_socket_ip(address)
    else:
        assert sockets.create_listen_socket_p2p(VIRTUAL_PORT)
    group = sockets.create_poll_group()
    ends: dict[int, End] = {}
    print("{}", flush=True)  # it listens
    over = False
    while not over:
        over = told_to_end(TICK)
        steam.run_callbacks()
        for event in sockets.connection_events():
            connection = event.connection
            if event.is_incoming_request:
                if sockets.accept_connection(connection):
                    sockets.set_connection_poll_group(connection, group)
                    ends[connection] = End(sockets, connection, chance.choice((1, LANES)), chance)
                else:
                    sockets.close_connection(connection)
            elif (how := ended(event)) and connection in ends:
                end = ends.pop(connection)
                for message in sockets.receive_messages(connection, 100_000):
                    end.take(message)
                sockets.close_connection(connection)
                say(end.ended(how, event.info.end_debug))
        for end in ends.values():
            end.report.read_at = time.monotonic()
        for message in sockets.receive_messages_on_poll_group(group, 100_000):
            ends[message.connection].take(message)
        for connection, end in list(ends.items()):
            end.play()
            info = sockets.get_connection_info(connection)
            if info.state == ConnectionState.CONNECTED and chance.random() < TICK / 25:
                say(close_without_wait(ends.pop(connection)))
    for end in ends.values():
        end.send(50, 1000)
    shut_down(steam, [end.ended("closed") for end in ends.values()])


def player(steam: Any, order: dict[str, Any], chance: random.Random) -> None:
    """Play for so long, then leave in good order or die; or until the host closes."""
    address = order["address"]
    sockets = steam.networking_sockets
    if address:
        connection = sockets.connect_by_ip_address(address)
    else:
        connection = sockets.connect_p2p(str(FIRST_IDENTITY), VIRTUAL_PORT)
    assert connection
    end = None
    deadline = time.monotonic() + order["seconds"]
    over = False
    while not (over and end):
        over = told_to_end(TICK) or time.monotonic() > deadline
        steam.run_callbacks()
        for event in sockets.connection_events():
            if event.state == ConnectionState.CONNECTED:
                set_network(steam, order["network_once_connected"])
                end = End(sockets, connection, order["lanes"], chance)
                end.report.connected = True
            elif how := ended(event):
                end = end or End(sockets, connection, order["lanes"], chance)
                for message in sockets.receive_messages(connection, 100_000):
                    end.take(message)
                say(end.ended(how, event.info.end_debug))
                steam.shutdown()
                return
        if end:
            end.report.read_at = time.monotonic()
            for message in sockets.receive_messages(connection, 100_000):
                end.take(message)
            end.play()
    if order["dies"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if chance.random() < 0.5:
        report = close_without_wait(end)
    else:
        end.send(50, 1000)
        report = end.ended("closed")  # by the shutdown
    shut_down(steam, [report])


def main() -> None:
    """Run as soak.py's arguments say."""
    order = json.loads(sys.argv[1])
    identity = str(FIRST_IDENTITY + order["number"])
    chance = random.Random(order["seed"] * 10_000 + order["number"])
    steam = steamnet.init(engine=order["engine"], identity=identity)
    set_network(steam, order["network"])
    if order["number"] == 0:
        host(steam, order["address"], chance)
    else:
        player(steam, order, chance)


if __name__ == "__main__":
    main()
