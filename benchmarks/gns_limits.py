"""What a connection of GNS by address can do on this machine, between two processes.

``python gns_limits.py`` prints how long a round trip takes where both sides wait and where both
spin, how many messages a second the send rate lets through, and what arrives as the send rate is
raised.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import steamnet
from steamnet import ConfigValue, SendFlags

TRIPS = 500
SECONDS = 4
RATES = (256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20, 32 << 20)  # bytes a second
ENDED = b"over"
CONNECTED = steamnet.ConnectionState.CONNECTED


def echo(steam: Any, connection: Any, spin: bool) -> None:
    """Send back whatever comes, until the peer closes."""
    with suppress(steamnet.ResultError):
        while True:
            steam.run_callbacks()
            for message in connection.receive():
                connection.send(message.payload, SendFlags.RELIABLE_NO_NAGLE)
            if not spin:
                steam.wait(0.1)


def flood(steam: Any, connection: Any, size: int) -> None:
    """Send as fast as the connection takes it, with a tenth of a second of it queued."""
    data, over = b"x" * size, time.monotonic() + SECONDS
    with suppress(steamnet.ResultError):
        while time.monotonic() < over:
            steam.run_callbacks()
            status = connection.status
            room = max(status.send_rate_bytes_per_second // 10, 1 << 14) - status.pending_reliable
            for _ in range(min(max(room // (size + 10), 0), 2000)):
                connection.send(data)
            steam.wait(0.002)
        connection.send(ENDED)
    connection.close(linger=True)


def client(work: str, address: str, number: int, rate: int) -> None:
    """Play the client of one measurement; ``number``: whether to spin, or how long messages are."""
    with steamnet.init(engine="gns") as steam:
        options = {ConfigValue.SEND_RATE_MIN: rate, ConfigValue.SEND_RATE_MAX: rate}
        options[ConfigValue.SEND_BUFFER_SIZE] = 16 << 20
        connection = steam.connect_ip(address, options if rate else None)
        while connection.state != CONNECTED:
            steam.wait(0.1)
            steam.run_callbacks()
        if work == "echo":
            echo(steam, connection, bool(number))
        else:
            flood(steam, connection, number)


def peer(steam: Any, listener: Any, work: str, number: int, rate: int = 0) -> Iterator[Any]:
    """Start a client, and yield the connection to it."""
    command = [sys.executable, __file__, work, listener.address, str(number), str(rate)]
    with subprocess.Popen(command) as process:
        while (connection := listener.accept()) is None:
            steam.wait(0.1)
            steam.run_callbacks()
        yield connection
        connection.close()
        process.wait(120)


def round_trip(steam: Any, listener: Any, spin: bool) -> float:
    """The median of the round trips, in microseconds."""
    times = []
    for connection in peer(steam, listener, "echo", int(spin)):
        for _ in range(TRIPS):
            begin = time.perf_counter_ns()
            connection.send(b"x" * 64, SendFlags.RELIABLE_NO_NAGLE)
            while not connection.receive():
                if not spin:
                    steam.wait(0.1)
                steam.run_callbacks()
            times.append((time.perf_counter_ns() - begin) / 1000)
    return statistics.median(times)


def throughput(steam: Any, listener: Any, size: int, rate: int) -> tuple[list[int], str, int]:
    """Bytes that arrived in each full second, how the connection ended, and the longest ping."""
    arrived = [0] * (SECONDS + 120)
    ping, ended = 0, "held"
    for connection in peer(steam, listener, "flood", size, rate):
        begin = time.monotonic()
        over = False
        while not over:
            steam.wait(0.1)
            steam.run_callbacks()
            try:
                ping = max(ping, connection.status.ping)
                for message in connection.receive(10_000):
                    over = message.payload == ENDED
                    arrived[int(time.monotonic() - begin)] += message.size
            except steamnet.ResultError as error:
                over, ended = True, str(error)
    return arrived[1:SECONDS], ended, ping


def main() -> None:
    """Measure, or be the client of that."""
    if len(sys.argv) > 1:
        work, address, number, rate = sys.argv[1:]
        return client(work, address, int(number), int(rate))
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f} when it began")
    with steamnet.init(engine="gns") as steam, steam.listen_ip("127.0.0.1:0") as listener:
        for spin in (False, True, False, True):
            how = "spin" if spin else "wait"
            print(
                f"round trip, both {how}: {round_trip(steam, listener, spin):,.0f} µs", flush=True
            )
        for rate in (0, 4 << 20):
            seconds, *_ = throughput(steam, listener, 64, rate)
            what = "at the default send rate" if not rate else f"at {rate / 2**20:g} MiB/s"
            each = [n // 64 for n in seconds]
            print(f"messages of 64 bytes, {what}: {each} in a second", flush=True)
        for rate in RATES:
            seconds, ended, ping = throughput(steam, listener, 16384, rate)
            got = ", ".join(f"{n / 2**20:.2f}" for n in seconds)
            what = f"{got} MiB in a second, {ended}, ping up to {ping} ms"
            print(f"send rate {rate / 2**20:g} MiB/s: {what}", flush=True)
    return None


if __name__ == "__main__":
    main()
