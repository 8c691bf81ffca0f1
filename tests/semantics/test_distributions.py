"""What a bad network does to a game's ticks: the same on loopback, in virtual time, as on GNS."""

import math
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from topologies import free_port

import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags
from steamnet.testing import players

C = ConfigValue
TICK = 0.017  # seconds; no divisor of the 50 ms that an acknowledgement waits
TICKS = 150
PACKET = struct.Struct("<HHQ")  # connection, tick, when it was sent
RELIABLE, UNRELIABLE = 32, 16  # connections with messages of a kind, all by address
EACH = 10  # unreliable messages in a tick; reliable ones are two
CONDITIONS = [(lag, loss) for lag in (25, 80) for loss in (5, 20)]


@dataclass
class Outcome:
    """What became of the ticks of one run."""

    lag: int
    whole: int = 0
    torn: int = 0
    delays: list[float] = field(default_factory=list)  # of reliable messages, in ms, sorted
    once: list[float] = field(default_factory=list)  # of unreliable ones

    @property
    def lost(self) -> int:
        """Ticks of which nothing came."""
        return UNRELIABLE * TICKS - self.whole - self.torn

    def quantile(self, share: float) -> float:
        """As many reliable messages took no longer than this."""
        return self.delays[min(int(len(self.delays) * share), len(self.delays) - 1)]

    def noise(self, share: float) -> float:
        """What a busy machine adds, at most, to so many of the packets that were not lost."""
        return sorted(self.once)[int(len(self.once) * share)] - self.lag


class Match:
    """Many connections of one user to itself by address, and a clock that a step moves on."""

    def __init__(
        self, steam: steamnet.Steam, step: Callable[[float], object], now: Callable[[], float]
    ) -> None:
        """Nothing is connected yet."""
        self.steam, self.step, self.now = steam, step, now
        self.sockets = steam.networking_sockets

    def connect(self) -> tuple[list[int], list[int]]:
        """The callers' ends, and the hosts'."""
        count = RELIABLE + UNRELIABLE
        address = f"127.0.0.1:{free_port()}"
        assert self.sockets.create_listen_socket_ip(address)
        calls = [self.sockets.connect_by_ip_address(address) for _ in range(count)]
        hosts: list[int] = []
        deadline = self.now() + 20
        states: set[ConnectionState] = set()
        while len(hosts) < count or states != {ConnectionState.CONNECTED}:
            assert self.now() < deadline
            self.step(0.001)
            self.steam.run_callbacks()
            for event in self.sockets.connection_events():
                if event.is_incoming_request:
                    self.sockets.accept_connection(event.connection)
                    hosts.append(event.connection)
            infos = [self.sockets.get_connection_info(end) for end in (*calls, *hosts)]
            states = {info.state for info in infos if info}
        return calls, hosts

    def take(self, group: int) -> Iterator[tuple[int, int, float]]:
        """What has come: connection, tick, delay in ms."""
        self.steam.run_callbacks()
        while messages := self.sockets.receive_messages_on_poll_group(group, 1000):
            for message in messages:
                connection, tick, sent = PACKET.unpack(message.data)
                yield connection, tick, (message.time_received - sent) / 1000

    def send_tick(self, calls: list[int], tick: int) -> None:
        """Some small messages on each connection, which leave together."""
        sent = self.steam.networking_utils.get_local_timestamp()
        messages = []
        for index, call in enumerate(calls):
            reliable = index < RELIABLE
            flags = SendFlags.RELIABLE if reliable else SendFlags.UNRELIABLE
            message = (call, PACKET.pack(index, tick, sent), flags)
            messages += [message] * (2 if reliable else EACH)
        self.sockets.send_messages(messages)
        for call in calls:
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
        outcome, parts = Outcome(lag), Counter[tuple[int, int]]()
        next_tick = self.now()
        wanted = RELIABLE * TICKS * 2
        for tick in range(TICKS + int(4 / TICK)):
            if tick < TICKS:
                self.send_tick(calls, tick)
            elif len(outcome.delays) == wanted:
                break
            # A busy machine makes no later tick come earlier: what is sent at once is lost at once.
            next_tick = max(next_tick, self.now() - TICK / 2) + TICK
            while self.now() < next_tick:
                self.step(0.001)
                for index, sent_in, delay in self.take(group):
                    if index < RELIABLE:
                        outcome.delays.append(delay)
                    else:
                        parts[index, sent_in] += 1
                        outcome.once.append(delay)
        set_value(C.FAKE_PACKET_LOSS_SEND, None)
        set_value(C.FAKE_PACKET_LAG_SEND, None)
        for end in (*calls, *hosts):
            self.sockets.close_connection(end)
        assert len(outcome.delays) == wanted, "what is reliable arrives"
        outcome.delays.sort()
        outcome.whole = sum(count == EACH for count in parts.values())
        outcome.torn = len(parts) - outcome.whole
        return outcome


def on_loopback(lag: int, loss: int) -> Outcome:
    """A run in virtual time."""
    with players(1, seed=5, clock="virtual") as (steam,):
        clock = steam.clock
        assert isinstance(clock, steamnet.testing.VirtualClock)
        return Match(steam, clock.advance, clock.now).play(lag, loss)


def alike(one: int, other: int, of: int) -> bool:
    """Whether two shares differ by no more than chance: three standard deviations."""
    share = (one + other) / (2 * of)
    return abs(one - other) / of <= 3 * math.sqrt(2 * share * (1 - share) / of) + 1e-9


@pytest.mark.parametrize(("lag", "loss"), CONDITIONS)
def test_loopback_loses_whole_ticks(lag: int, loss: int) -> None:
    """Ten small messages share a packet, and its fate; a lost reliable one costs a round trip."""
    outcome = on_loopback(lag, loss)
    ticks = UNRELIABLE * TICKS
    assert outcome.torn == 0
    assert alike(outcome.lost, round(ticks * loss / 100), ticks)
    assert outcome.quantile(0) == pytest.approx(lag, abs=2)
    assert outcome.quantile(0.99) > 3 * lag + 17


@pytest.mark.usefixtures("gns")
@pytest.mark.not_on("loopback", why="this is the comparison with GNS")
def test_the_same_as_gns(engine: str) -> None:
    """Shares of ticks whole, torn and lost within chance; reliable delays within 20 %."""
    ticks = UNRELIABLE * TICKS
    with steamnet.init(engine=engine, identity="76561198000000001") as steam:
        there = {c: Match(steam, time.sleep, time.monotonic).play(*c) for c in CONDITIONS}
    for condition, gns in there.items():
        here = on_loopback(*condition)
        figures = (
            f"{condition}: {gns.whole, gns.torn, gns.lost}, {here.whole, here.torn, here.lost}"
        )
        assert alike(here.whole, gns.whole, ticks), figures
        assert alike(here.lost, gns.lost, ticks), figures
        assert gns.torn <= ticks / 100, figures
        # A quantile of a run is itself known only so well: losses come in bursts of late ticks.
        for share, error in ((0.5, 0.05), (0.9, 0.02), (0.99, 0.005)):
            low, high = gns.quantile(share - error), gns.quantile(min(share + error, 0.999))
            # There, the acknowledgement, and there again.
            low -= 3 * gns.noise(max(0.9, min(share + error, 0.999)))
            delay = here.quantile(share)
            assert low * 0.8 <= delay <= high * 1.2, f"{figures}: {share} {low} {delay} {high}"
