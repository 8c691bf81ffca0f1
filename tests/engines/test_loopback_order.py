"""Two processes on loopback: every reliable message comes once and in order, and then the close."""

import json
import os
import queue
import random
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TextIO

import pytest

import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags

HOST, GUEST = 76561198000000100, 76561198000000200  # in the first case; one more in each other
ROUNDS = 60  # of sending, 5 ms each
LAST_WORDS = 30  # messages that the guest sends at once, right before it closes

LAG = {"FAKE_PACKET_LAG_RECV": 30}
LOSSY = {"FAKE_PACKET_LOSS_RECV": 20.0, "FAKE_PACKET_LAG_RECV": 20}
JITTER = {
    "FAKE_PACKET_JITTER_SEND_AVG": 10.0,
    "FAKE_PACKET_JITTER_SEND_MAX": 40.0,
    "FAKE_PACKET_JITTER_SEND_PCT": 60.0,
    "FAKE_PACKET_JITTER_RECV_AVG": 10.0,
    "FAKE_PACKET_JITTER_RECV_MAX": 40.0,
    "FAKE_PACKET_JITTER_RECV_PCT": 60.0,
}
REORDER = {
    "FAKE_PACKET_REORDER_SEND": 40.0,
    "FAKE_PACKET_REORDER_RECV": 40.0,
    "FAKE_PACKET_REORDER_TIME": 15,
}
RATE = {
    "FAKE_RATE_LIMIT_SEND_RATE": 150_000,
    "FAKE_RATE_LIMIT_SEND_BURST": 4000,
    "FAKE_RATE_LIMIT_RECV_RATE": 150_000,
    "FAKE_RATE_LIMIT_RECV_BURST": 4000,
}
SENDS_LOSSY = {"FAKE_PACKET_LOSS_SEND": 20.0, "FAKE_PACKET_LAG_SEND": 25}
SLOW = {"SEND_RATE_MAX": 60_000}
LONG_NAGLE = {"NAGLE_TIME": 60_000}
FEW_AT_A_TIME = {"RECV_BUFFER_MESSAGES": 5}
# Comes after a third of the rounds and goes after two.
BLACKOUT = {"blackout": ["FAKE_PACKET_LOSS_SEND", "FAKE_PACKET_LOSS_RECV"]}

CASES = {
    "lag where it is received": (LAG, {}, 1, "reliable"),
    "loss where it is received": (LOSSY, {}, 1, "reliable"),
    "loss on both sides, three lanes": (LOSSY, SENDS_LOSSY, 3, "mixed"),
    "jitter on both sides": (JITTER, JITTER, 3, "mixed"),
    "reordering, rate limits": (REORDER | RATE, REORDER | RATE, 2, "reliable"),
    "slow senders, small buffers": (SLOW | FEW_AT_A_TIME, SLOW | FEW_AT_A_TIME | LAG, 3, "mixed"),
    "a long Nagle": (LONG_NAGLE, LONG_NAGLE | JITTER, 2, "mixed"),
    "nothing gets through for a while": (BLACKOUT | LAG, BLACKOUT | JITTER, 3, "mixed"),
    "nothing for a while, slow senders": (BLACKOUT | SLOW, BLACKOUT | SLOW, 2, "reliable"),
    "all of it": (
        LOSSY | JITTER | REORDER | FEW_AT_A_TIME,
        SENDS_LOSSY | JITTER | REORDER | SLOW | LONG_NAGLE,
        3,
        "mixed",
    ),
}


_saying = threading.Lock()


def say(what: list[Any], stream: TextIO) -> None:
    """Write a line that those of other threads do not run into."""
    with _saying:
        print(json.dumps(what), file=stream, flush=True)


class End:
    """One process's end of the connection: what it sends, and whether what it gets is in order."""

    def __init__(self, steam: steamnet.Steam, case: str, role: str) -> None:
        """Take this role's part in a case."""
        host, guest, self.lane_count, self.flags = CASES[case]
        self.config: dict[str, Any] = host if role == "host" else guest
        self.steam, self.sockets = steam, steam.networking_sockets
        self.connection = 0
        self.sent, self.got = [0] * self.lane_count, [0] * self.lane_count
        self.wrong: list[tuple[int, int, int]] = []
        self.chance = random.Random(f"{case} {role}")
        for name, value in self.config.items():
            if name != "blackout":
                self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Set one of this user's config values."""
        assert self.steam.networking_utils.set_config_value(ConfigValue[name], value)

    def connected(self, connection: int) -> None:
        """Use this connection, with as many lanes as the case says."""
        self.connection = connection
        lanes = [1, 1, 0][: self.lane_count]
        assert self.sockets.configure_connection_lanes(connection, lanes, [1] * len(lanes)) == 1

    def send(self, lane: int) -> None:
        """Send the lane's next message."""
        flags = SendFlags.RELIABLE
        if self.flags == "mixed":
            flags = self.chance.choice([SendFlags.RELIABLE, SendFlags.RELIABLE_NO_NAGLE])
            if self.chance.random() < 0.2:  # unreliable ones between them change nothing
                self.sockets.send_message(self.connection, b"x" * 50, SendFlags.UNRELIABLE, lane)
        data = struct.pack("<II", lane, self.sent[lane] + 1) + b"x" * self.chance.randrange(600)
        if self.sockets.send_message(self.connection, data, flags, lane) == 1:
            self.sent[lane] += 1

    def receive(self) -> None:
        """Take what has come and note what is out of order."""
        for message in self.sockets.receive_messages(self.connection, 1000):
            if message.flags & SendFlags.RELIABLE:
                lane, number = struct.unpack("<II", message.data[:8])
                if number != self.got[lane] + 1:
                    self.wrong.append((lane, number, self.got[lane] + 1))
                self.got[lane] = number

    def round(self, i: int) -> None:
        """Send some, pump and receive."""
        for name in self.config.get("blackout", ()):
            if i in (ROUNDS // 3, 2 * ROUNDS // 3):
                self.set(name, 100.0 if i == ROUNDS // 3 else 0.0)
        if i < ROUNDS:
            for _ in range(self.chance.randrange(4)):
                self.send(self.chance.randrange(self.lane_count))
        self.steam.run_callbacks()
        self.receive()
        time.sleep(0.005)


def play_guest(case: str, total: "queue.SimpleQueue[list[int]]") -> None:
    """Send and receive, then say the last words and close at once; print what was sent."""
    number = [*CASES].index(case)
    steam = steamnet.init(engine="loopback", identity=GUEST + number)
    end, i = End(steam, case, "guest"), 0
    connection = end.sockets.connect_p2p(HOST + number, 0)
    while end.sockets.get_connection_info(connection).state != ConnectionState.CONNECTED:
        steam.run_callbacks()
        time.sleep(0.001)
    end.connected(connection)
    host_sent = None
    while i < ROUNDS or host_sent != end.got:
        end.round(i)
        i += 1
        if host_sent is None and i > ROUNDS:
            host_sent = total.get()
    for _ in range(LAST_WORDS):
        end.send(end.chance.randrange(end.lane_count))
    end.sockets.close_connection(connection, 1234, "that was all", enable_linger=True)
    abandoned = len(steam.shutdown(linger=30) or ())
    say([case, end.sent, end.wrong, abandoned], sys.stdout)


def play_guests() -> None:
    """Play all cases at once; each line of input is the total that the host of one has sent."""
    totals: dict[str, queue.SimpleQueue[list[int]]] = {case: queue.SimpleQueue() for case in CASES}
    for case, total in totals.items():
        threading.Thread(target=play_guest, args=(case, total)).start()
    for line in sys.stdin:
        case, sent = json.loads(line)
        totals[case].put(sent)


def play_host(case: str, total: Callable[[list[int]], None], told: dict[str, Any]) -> Any:
    """Play one case to its end: our end of the connection, and how it ended."""
    with steamnet.init(engine="loopback", identity=HOST + [*CASES].index(case)) as steam:
        end, i, ended = End(steam, case, "host"), 0, None
        end.sockets.create_listen_socket_p2p(0)
        deadline = time.monotonic() + 120
        while ended is None:
            assert time.monotonic() < deadline, (case, end.sent, end.got)
            steam.run_callbacks()
            for event in end.sockets.connection_events():
                if event.is_incoming_request:
                    assert end.sockets.accept_connection(event.connection) == 1
                elif event.state == ConnectionState.CONNECTED:
                    end.connected(event.connection)
                elif event.state == ConnectionState.CLOSED_BY_PEER:
                    ended = event.info
                else:
                    assert event.state == ConnectionState.FINDING_ROUTE, event
            if end.connection:
                end.round(i)
                i += 1
                if i == ROUNDS:
                    total(end.sent)
        end.receive()
        while case not in told:  # whatever the guest waits for, it waits for us
            assert time.monotonic() < deadline, case
            steam.run_callbacks()
            time.sleep(0.005)
        return end, (ended.end_reason, ended.end_debug)


def test_reliable_messages_between_processes(record_property: Callable[[str, Any], None]) -> None:
    """Once, in order, on every lane, in both directions, and the close overtakes none.

    All cases at once: the processes have a user, and a thread, for each.
    """
    record_property("cases", len(CASES))
    told: dict[str, Any] = {}

    def listen() -> None:
        for line in guests.stdout:
            case, *rest = json.loads(line)
            told[case] = rest

    def play(case: str) -> Any:
        def total(sent: list[int]) -> None:
            say([case, sent], guests.stdin)

        return play_host(case, total, told)

    with (
        subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as guests,
        ThreadPoolExecutor(len(CASES) + 1) as pool,
    ):
        try:
            listening = pool.submit(listen)
            played = dict(zip(CASES, pool.map(play, CASES), strict=True))
            guests.stdin.close()
            listening.result(30)
            assert guests.wait(30) == 0
        finally:
            guests.kill()
    for case, (end, ended) in played.items():
        sent, wrong, abandoned = told[case]
        assert ended == (1234, "that was all"), case
        assert end.wrong == wrong == [], case
        assert end.got == sent, case
        assert sum(end.got) > ROUNDS, case
        assert abandoned == 0, case


@pytest.mark.parametrize(("rate", "size"), [(50_000, 5_250), (100_000, 10_500), (400_000, 42_000)])
def test_what_was_blocked_leaves_first(
    remote: Any, until: Callable[..., Any], rate: int, size: int
) -> None:
    """What is sent after a blackout does not overtake, whatever the sender does not do then.

    The first message keeps the connection busy until a moment after the end of the blackout, so
    that the last one is given to the other process before the blocked ones are.
    """
    options = {ConfigValue.SEND_RATE_MIN: rate, ConfigValue.SEND_RATE_MAX: rate}
    flags = SendFlags.RELIABLE_NO_NAGLE
    with steamnet.init(engine="loopback", identity=GUEST) as guest, ExitStack() as stack:
        host = remote.open(engine="loopback", identity=HOST)
        stack.callback(host.shutdown)
        assert host.networking_sockets.create_listen_socket_p2p(0)
        sockets, utils = guest.networking_sockets, guest.networking_utils
        here = sockets.connect_p2p(HOST, 0, options)
        there = until(
            lambda: [e for e in host.networking_sockets.connection_events() if e.listen_socket],
            guest,
            host,
        )[0].connection
        assert host.networking_sockets.accept_connection(there)
        until(lambda: sockets.get_connection_info(here).state == ConnectionState.CONNECTED, guest)
        utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 100.0)
        assert sockets.send_message(here, bytes(size), flags) == 1
        assert sockets.send_message(here, b"blocked too", flags) == 1
        utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 0.0)
        over = time.monotonic() + 0.094
        assert sockets.send_message(here, b"afterwards", flags) == 1
        while time.monotonic() < over:
            guest.run_callbacks()
        got: list[int] = []

        def receive() -> bool:
            got.extend(m.message_number for m in host.networking_sockets.receive_messages(there))
            return len(got) == 3

        for _ in range(50):  # only the receiver runs
            host.run_callbacks()
            receive()
            time.sleep(0.005)
        until(receive, guest, host)
        assert got == [1, 2, 3]


if __name__ == "__main__":
    play_guests()
