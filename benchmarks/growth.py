"""What a message costs as connections and users grow: a process of its own, as hot.py is."""

import json
import subprocess
import sys
import time
from pathlib import Path
from time import thread_time_ns
from typing import Any

from hot import say, walk
from loops import Loops

import steamnet
from steamnet import ConfigValue, ConnectionState
from steamnet.cli.bench import FLAGS, interleave, open_wide

QUEUED = 2000
PORT = 7


def connections(options: dict[str, Any], counts: tuple[int, ...]) -> None:
    """Receive 2,000 messages of 64 B from ever more connections of one poll group."""
    with steamnet.init(engine=options["engine"], library=options.get("library")) as steam:
        open_wide(steam)
        sockets, loops = steam.networking_sockets, Loops(Path(options["loops"]), steam)
        group = sockets.create_poll_group()
        near: list[int] = []
        for count in counts:
            say(step=f"{options['engine']}: {count:,} connections in a poll group")
            for _ in range(count - len(near)):
                one, other = sockets.create_socket_pair()
                sockets.set_connection_poll_group(other, group)
                near.append(one)
            handles = loops.handles(near)

            def sample(ours: bool, handles: Any = handles, count: int = count) -> float:
                if loops.fill(handles, count, 64, QUEUED, int(FLAGS)) != QUEUED:
                    raise RuntimeError("the queue could not be filled")
                settle(steam, near)
                start = thread_time_ns()
                if ours:
                    got = walk(sockets.receive_messages_on_poll_group, group, 256, QUEUED)
                else:
                    got = loops.receive(group, True, 256)
                taken = thread_time_ns() - start
                if got != QUEUED:
                    raise RuntimeError(f"{got} of {QUEUED} messages came")
                return taken / QUEUED

            cases = {"C": lambda s=sample: s(False), "steamnet": lambda s=sample: s(True)}
            samples = interleave(cases, 5 if options["quick"] else 11)
            say(
                group="growth: connections", name=f"{count:,}", unit="ns a message", samples=samples
            )


def strangers(options: dict[str, Any], count: int) -> None:
    """Ask each of so many connections to another process, where nothing waits."""
    say(step=f"{options['engine']}: {count:,} connections to another process")
    with steamnet.init(engine=options["engine"]) as host:
        sockets = host.networking_sockets
        sockets.create_listen_socket_p2p(PORT)
        guest = {"join": host.core.get_steam_id(), "count": count}
        command = [sys.executable, __file__, json.dumps(options | guest)]
        other = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        connections: list[int] = []
        connected, deadline = 0, time.monotonic() + 60
        while connected < count:
            host.wait(0.01)
            host.run_callbacks()
            for event in sockets.connection_events():
                if event.is_incoming_request:
                    sockets.accept_connection(event.connection)
                    connections.append(event.connection)
                connected += event.state == ConnectionState.CONNECTED
            if time.monotonic() > deadline:
                raise RuntimeError(f"{connected} of {count} connections")

        def sample() -> float:
            time.sleep(0.002)
            start = thread_time_ns()
            for connection in connections:
                sockets.receive_messages(connection)
            return (thread_time_ns() - start) / count

        samples = interleave({"steamnet": sample}, 41)
        group = "growth: connections to another process"
        say(group=group, name=f"{count:,}", unit="ns a call", samples=samples)
        other.kill()


def join(options: dict[str, Any]) -> None:
    """Be the other process, with that many connections to the host."""
    with steamnet.init(engine=options["engine"]) as guest:
        sockets = guest.networking_sockets
        guest.networking_utils.set_config_value(ConfigValue.TIMEOUT_INITIAL, 120_000)
        for _ in range(options["count"]):
            sockets.connect_p2p(options["join"], PORT)
        while True:
            guest.run_callbacks()
            sockets.connection_events()
            guest.wait(0.05)


def settle(steam: steamnet.Steam, near: list[int]) -> None:
    """Wait until all that was sent has arrived."""
    deadline = time.monotonic() + 30
    for connection in near:
        while (
            status := steam.networking_sockets.get_quick_connection_status(connection)
        ) is not None:
            if status.pending_reliable + status.sent_unacked_reliable == 0:
                break
            if time.monotonic() > deadline:
                raise RuntimeError("what was sent does not arrive")
            steam.run_callbacks()


def users(options: dict[str, Any], count: int) -> None:
    """Connect that many users to one, hear from all of them, and close them."""
    say(step=f"{options['engine']}: {count:,} users")
    samples: dict[str, list[float]] = {"C": [], "steamnet": []}
    lives: dict[str, list[float]] = {"connect": [], "close": []}
    for _ in range(1 if options["quick"] else 3):
        with steamnet.init(engine=options["engine"]) as host:
            open_wide(host)
            crowd = Crowd(host, Loops(Path(options["loops"]), host), count)
            lives["connect"].append(crowd.connect())
            crowd.wave(ours=True)
            waves = {"C": lambda c=crowd: c.wave(False), "steamnet": lambda c=crowd: c.wave(True)}
            for who, values in interleave(waves, 4).items():
                samples[who] += values
            lives["close"].append(crowd.close())
    name = f"{count:,}"
    say(group="growth: messages of users", name=name, unit="ns a message", samples=samples)
    say(group="growth: users", name=name, unit="ns a user", samples=lives)


class Crowd:
    """Many users of the loopback engine, each connected to a host."""

    def __init__(self, host: steamnet.Steam, loops: Loops, count: int) -> None:
        """Open the users."""
        self.host, self.loops, self.count = host, loops, count
        self.sockets = host.networking_sockets
        self.sockets.create_listen_socket_p2p(PORT)
        self.group = self.sockets.create_poll_group()
        self.guests = [steamnet.init(engine=host.engine.name) for _ in range(count)]
        self.connections: list[int] = []

    def connect(self) -> float:
        """Connect them all; nanoseconds a user."""
        start, deadline = thread_time_ns(), time.monotonic() + 60
        me = self.host.core.get_steam_id()
        self.connections = [g.networking_sockets.connect_p2p(me, PORT) for g in self.guests]
        connected = 0
        while connected < self.count:
            self.host.run_callbacks()
            for event in self.sockets.connection_events():
                if event.state == ConnectionState.CONNECTING:
                    self.sockets.accept_connection(event.connection)
                    self.sockets.set_connection_poll_group(event.connection, self.group)
                connected += event.state == ConnectionState.CONNECTED
            if time.monotonic() > deadline:
                raise RuntimeError(f"{connected} of {self.count} users connected")
        for guest in self.guests:
            while not any(
                event.state == ConnectionState.CONNECTED
                for event in guest.networking_sockets.connection_events()
            ):
                guest.run_callbacks()
        return (thread_time_ns() - start) / self.count

    def wave(self, ours: bool) -> float:
        """Hear from every user; nanoseconds a message, for C or for steamnet."""
        each = max(QUEUED // self.count, 2)
        for guest, connection in zip(self.guests, self.connections, strict=True):
            for _ in range(each):
                guest.networking_sockets.send_message(connection, bytes(64), FLAGS)
            settle(guest, [connection])
        start = thread_time_ns()
        if ours:
            receive = self.sockets.receive_messages_on_poll_group
            got = walk(receive, self.group, 256, each * self.count)
        else:
            got = self.loops.receive(self.group, True, 256)
        taken = thread_time_ns() - start
        if got != each * self.count:
            raise RuntimeError(f"{got} of {each * self.count} messages came")
        return taken / got

    def close(self) -> float:
        """Have all users leave; nanoseconds a user."""
        start = thread_time_ns()
        for guest in self.guests:
            guest.shutdown()
        return (thread_time_ns() - start) / self.count


def main() -> None:
    """Measure what the options ask for."""
    options = json.loads(sys.argv[1])
    if "join" in options:
        join(options)
    connections(options, (1, 100, 1000) if options["quick"] else (1, 10, 100, 1000))
    if options["engine"] == "loopback":
        for count in (100, 300) if options["quick"] else (100, 300, 1000):
            users(options, count)
        for count in (10, 100) if options["quick"] else (10, 100, 500):
            strangers(options, count)


if __name__ == "__main__":
    main()
