"""A match over a bad network, on loopback and on real GNS, each in virtual time.

As a program it plays one on real GNS, with tests/c/gns_clock.c preloaded, and writes the outcome.
"""

import ctypes
import json
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from topologies import free_port

import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags
from steamnet.testing import VirtualClock, players

C = ConfigValue
TICK = 0.017  # seconds; no divisor of the 50 ms that an acknowledgement waits
TICKS = 150
STEP = 0.001  # seconds between two looks at what has come
PACKET = struct.Struct("<HHQ")  # connection, tick, when it was sent
UNRELIABLE = 20  # connections with so many unreliable messages in each tick:
EACH = 10
# Connections with one reliable message in so many ticks. Where the next one comes soon, it tells of
# a loss; where it does not, only the time tells, in which no acknowledgement comes.
RELIABLE = {1: 64, 43: 72}
KINDS = [None] * UNRELIABLE + [every for every, count in RELIABLE.items() for _ in range(count)]


@dataclass
class Outcome:
    """What became of the ticks of a match."""

    whole: int
    torn: int
    lost: int  # nothing of them came
    delays: dict[str, list[list[int]]]  # of reliable messages, by RELIABLE and connection, in µs


class Match:
    """Many connections of one user to itself by address, and a clock that a step moves on."""

    def __init__(self, steam: steamnet.Steam, step: Callable[[float], object]) -> None:
        """Nothing is connected yet."""
        self.steam, self.step = steam, step
        self.sockets = steam.networking_sockets

    def now(self) -> float:
        """Seconds."""
        return self.steam.networking_utils.get_local_timestamp() / 1e6

    def connect(self) -> tuple[list[int], list[int]]:
        """The callers' ends, and the hosts'."""
        count = UNRELIABLE + sum(RELIABLE.values())
        address = f"127.0.0.1:{free_port()}"
        assert self.sockets.create_listen_socket_ip(address)
        calls = [self.sockets.connect_by_ip_address(address) for _ in range(count)]
        hosts: list[int] = []
        deadline = self.now() + 20
        states: set[ConnectionState] = set()
        while len(hosts) < count or states != {ConnectionState.CONNECTED}:
            assert self.now() < deadline
            self.step(STEP)
            self.steam.run_callbacks()
            for event in self.sockets.connection_events():
                if event.is_incoming_request:
                    self.sockets.accept_connection(event.connection)
                    hosts.append(event.connection)
            infos = [self.sockets.get_connection_info(end) for end in (*calls, *hosts)]
            states = {info.state for info in infos if info}
        return calls, hosts

    def take(self, group: int) -> Iterator[tuple[int, int, int]]:
        """What has come: index of the connection, tick, delay in µs."""
        self.steam.run_callbacks()
        while messages := self.sockets.receive_messages_on_poll_group(group, 1000):
            for message in messages:
                connection, tick, sent = PACKET.unpack(message.data)
                yield connection, tick, message.time_received - sent

    def send_tick(self, calls: list[int], tick: int) -> None:
        """Some small messages on each connection, which leave together."""
        sent = self.steam.networking_utils.get_local_timestamp()
        messages = []
        for index, (call, every) in enumerate(zip(calls, KINDS, strict=True)):
            packet = PACKET.pack(index, tick, sent)
            if every is None:
                messages += [(call, packet, SendFlags.UNRELIABLE)] * EACH
            elif tick % every == 0:
                messages.append((call, packet, SendFlags.RELIABLE))
        self.sockets.send_messages(messages)
        for call, *_ in messages:
            self.sockets.flush_messages_on_connection(call)

    def play(self, lag: int, loss: int) -> Outcome:
        """Ticks one way, under these conditions; connected under the lag, so that it is known."""
        set_value = self.steam.networking_utils.set_config_value
        set_value(C.FAKE_PACKET_LAG_SEND, lag)
        calls, hosts = self.connect()
        group = self.sockets.create_poll_group()
        for host in hosts:
            self.sockets.set_connection_poll_group(host, group)
        set_value(C.FAKE_PACKET_LOSS_SEND, float(loss))
        delays: list[list[int]] = [[] for _ in KINDS]
        parts = Counter[tuple[int, int]]()
        wanted = sum(count * len(range(0, TICKS, every)) for every, count in RELIABLE.items())
        for tick in range(TICKS + int(10 / TICK)):
            if tick < TICKS:
                self.send_tick(calls, tick)
            elif sum(map(len, delays)) == wanted:
                break
            for _ in range(round(TICK / STEP)):
                self.step(STEP)
                for index, sent_in, delay in self.take(group):
                    if KINDS[index] is None:
                        parts[index, sent_in] += 1
                    else:
                        delays[index].append(delay)
        assert sum(map(len, delays)) == wanted, "what is reliable arrives"
        whole = sum(count == EACH for count in parts.values())
        by_kind = {
            str(every): [one for one, kind in zip(delays, KINDS, strict=True) if kind == every]
            for every in RELIABLE
        }
        return Outcome(whole, len(parts) - whole, UNRELIABLE * TICKS - len(parts), by_kind)


def on_loopback(lag: int, loss: int, seed: int) -> Outcome:
    """A match of players in virtual time."""
    with players(1, seed=seed, clock="virtual") as (steam,):
        clock = steam.clock
        assert isinstance(clock, VirtualClock)
        return Match(steam, clock.advance).play(lag, loss)


def on_gns(lag: int, loss: int) -> Outcome:
    """A match in the time of gns_clock.c, which is preloaded. The engine cannot be closed."""
    steam = steamnet.init(engine="gns", identity="76561198000000001")
    clock, library = ctypes.CDLL(None), ctypes.CDLL(steam.engine.library)
    clock.gns_clock_advance.restype = ctypes.c_bool

    def step(seconds: float) -> None:
        before = steam.networking_utils.get_local_timestamp()
        microseconds = round(seconds * 1e6)
        assert clock.gns_clock_advance(microseconds, library.SteamNetworkingSockets_Poll)
        assert steam.networking_utils.get_local_timestamp() - before == microseconds

    return Match(steam, step).play(lag, loss)


if __name__ == "__main__":
    *conditions, outcome = sys.argv[1:]
    # Not printed: Python without buffers loses the rest of what a stopped process was writing.
    Path(outcome).write_text(json.dumps(asdict(on_gns(*map(int, conditions)))))
    os._exit(0)  # the engine's thread is stopped
