"""What an asyncio server pays for a tick of 64 clients at 60 Hz, and the round trip of one of them.

    python benchmarks/aio_tick.py [--engine gns] [--clients 64] [--seconds 4] [--rounds 1]

Each client sends 64 bytes a tick, the server 200 to each. The clients are one other process. Beside
steamnet: asyncio's streams, bare and encrypted as GNS's connections are, and websockets where it is
installed; as they are in the long run, and before a client has left (programs.py tells why). The
figure is the processor time of the server's process, all its threads together, so that nothing
hides in another thread; what the event loop's thread has of it is told, too. The rounds take turns,
since other work on the machine moves all figures.
"""

import argparse
import asyncio
import importlib.util
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

RATE = 60  # ticks a second
ROUNDS = 1000  # of the round trip
SEND_RATE = 4_000_000  # bytes a second: at GNS's default, round trips wait for it
INPUT, STATE = bytes(64), bytes(200)
PORT = 27961
HOST = "127.0.0.1"
Send = Callable[[bytes], Awaitable[object]]
Receive = Callable[[], Awaitable[object]]


class Kind:
    """One way to be a server with clients, or a client."""

    def __init__(self, engine: str, certificate: str) -> None:
        """Choose the engine, where there is one to choose, or a file with a certificate."""
        self.engine = engine
        self.certificate = certificate
        self.received = 0
        self.joined = 0
        self.stack = AsyncExitStack()

    @abstractmethod
    async def serve(self) -> None:
        """Begin to listen, and to count what comes."""

    @abstractmethod
    async def broadcast(self) -> None:
        """Send the state to all clients."""

    @abstractmethod
    async def connect(self) -> tuple[Send, Receive]:
        """Be one more client: how it sends, and how it receives."""

    @abstractmethod
    async def echo(self, rounds: int) -> None:
        """Answer the only client so many times."""


class Steamnet(Kind):
    """steamnet.aio, by address."""

    async def opened(self) -> Any:
        """The engine of this process."""
        import steamnet.aio

        if not hasattr(self, "steam"):
            self.steam = await self.stack.enter_async_context(steamnet.aio.init(engine=self.engine))
            for key in (steamnet.ConfigValue.SEND_RATE_MAX, steamnet.ConfigValue.SEND_RATE_MIN):
                self.steam.networking_utils.set_config_value(key, SEND_RATE)
            self.flags = steamnet.SendFlags.RELIABLE_NO_NAGLE
        return self.steam

    async def serve(self) -> None:
        """Begin to listen."""
        steam = await self.opened()
        self.group = steam.poll_group()
        self.listener = steam.listen_ip(f"{HOST}:{PORT}")
        self.tasks = [asyncio.create_task(work()) for work in (self._accept, self._receive)]

    async def _accept(self) -> None:
        async for connection in self.listener:
            self.group.add(connection)
            self.joined += 1

    async def _receive(self) -> None:
        async for _ in self.group:
            self.received += 1

    async def broadcast(self) -> None:
        """Send the state to all clients."""
        self.group.broadcast(STATE, self.flags)

    async def connect(self) -> tuple[Send, Receive]:
        """Be one more client."""
        connection = await (await self.opened()).connect_ip(f"{HOST}:{PORT}")
        return (lambda data: connection.send(data, self.flags)), connection.receive

    async def echo(self, rounds: int) -> None:
        """Answer the only client."""
        steam = await self.opened()
        connection = await steam.listen_ip(f"{HOST}:{PORT}").accept()
        for _ in range(rounds):
            await connection.send((await connection.receive()).payload, self.flags)


class Streams(Kind):
    """asyncio's streams over TCP."""

    def tls(self, purpose: ssl.Purpose) -> ssl.SSLContext | None:
        """What encrypts this end."""
        return None

    async def serve(self) -> None:
        """Begin to listen."""
        self.writers: list[asyncio.StreamWriter] = []
        tls = self.tls(ssl.Purpose.CLIENT_AUTH)
        await asyncio.start_server(self._client, HOST, PORT, ssl=tls)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.joined += 1
        while await reader.readexactly(len(INPUT)):
            self.received += 1

    async def broadcast(self) -> None:
        """Send the state to all clients."""
        for writer in self.writers:
            writer.write(STATE)
        for writer in self.writers:
            await writer.drain()

    async def connect(self) -> tuple[Send, Receive]:
        """Be one more client."""
        tls = self.tls(ssl.Purpose.SERVER_AUTH)
        reader, writer = await asyncio.open_connection(HOST, PORT, ssl=tls)

        async def send(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        return send, lambda: reader.readexactly(self.answer)

    answer = len(STATE)

    async def echo(self, rounds: int) -> None:
        """Answer the only client."""
        done = asyncio.get_running_loop().create_future()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(rounds):
                writer.write(await reader.readexactly(len(INPUT)))
                await writer.drain()
            done.set_result(None)

        await asyncio.start_server(client, HOST, PORT, ssl=self.tls(ssl.Purpose.CLIENT_AUTH))
        await done


class EncryptedStreams(Streams):
    """The same over TLS."""

    def tls(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        """What encrypts this end."""
        context = ssl.create_default_context(purpose, cafile=self.certificate)
        if purpose == ssl.Purpose.CLIENT_AUTH:
            context.load_cert_chain(self.certificate)
        context.check_hostname = False
        return context


class Websockets(Kind):
    """The websockets library over TCP."""

    async def serve(self) -> None:
        """Begin to listen."""
        import websockets

        self.clients: set[Any] = set()
        await websockets.serve(self._client, HOST, PORT, compression=None)

    async def _client(self, client: Any) -> None:
        self.clients.add(client)
        self.joined += 1
        async for _ in client:
            self.received += 1

    async def broadcast(self) -> None:
        """Send the state to all clients."""
        import websockets

        websockets.broadcast(self.clients, STATE)

    async def connect(self) -> tuple[Send, Receive]:
        """Be one more client."""
        import websockets

        client = await websockets.connect(f"ws://{HOST}:{PORT}", compression=None)
        return client.send, client.recv

    async def echo(self, rounds: int) -> None:
        """Answer the only client."""
        import websockets

        done = asyncio.get_running_loop().create_future()

        async def answer(client: Any) -> None:
            for _ in range(rounds):
                await client.send(await client.recv())
            done.set_result(None)

        await websockets.serve(answer, HOST, PORT, compression=None)
        await done


FIRST = ", before a client has left"
KINDS: dict[str, type[Kind]] = {
    "steamnet": Steamnet,
    "streams": Streams,
    f"streams{FIRST}": Streams,
    "TLS streams": EncryptedStreams,
    "websockets": Websockets,
    f"websockets{FIRST}": Websockets,
}


async def play(kind: Kind, clients: int) -> None:
    """Be all the clients, until the server ends."""
    made = [await kind.connect() for _ in range(clients)]

    async def drain(receive: Receive) -> None:
        while True:
            await receive()

    tasks = [asyncio.create_task(drain(receive)) for _, receive in made]
    deadline = time.monotonic()
    while not any(task.done() for task in tasks):
        for send, _ in made:
            await send(INPUT)
        deadline += 1 / RATE
        await asyncio.sleep(max(0.0, deadline - time.monotonic()))


async def tick(kind: Kind, clients: int, seconds: float) -> tuple[float, float]:
    """Be the server: microseconds of processor time a tick, and those of this thread."""
    await kind.serve()
    while kind.joined < clients or kind.received < clients * 10:
        await asyncio.sleep(0.01)
    got, ticks = kind.received, round(seconds * RATE)
    spent, here = time.process_time(), time.thread_time()
    begin = deadline = time.monotonic()
    for _ in range(ticks):
        await kind.broadcast()
        deadline += 1 / RATE
        await asyncio.sleep(max(0.0, deadline - time.monotonic()))
    spent, here = time.process_time() - spent, time.thread_time() - here
    passed = time.monotonic() - begin
    if kind.received - got < 0.8 * clients * passed * RATE:
        raise RuntimeError(f"only {kind.received - got} messages came in {passed:.1f} s")
    return spent / ticks * 1e6, here / ticks * 1e6


async def ping(kind: Kind) -> tuple[float]:
    """Be the only client: microseconds of a round trip."""
    if isinstance(kind, Streams):
        kind.answer = len(INPUT)
    send, receive = await kind.connect()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await send(INPUT)
        await receive()
        times.append(time.perf_counter() - start)
    return (statistics.median(times) * 1e6,)


def part(options: argparse.Namespace) -> None:
    """Be one process of the benchmark: it prints its figures."""
    if not options.kind.endswith(FIRST):
        bytearray(1 << 20)  # freed, as asyncio's last read of a client is: glibc maps no more
    kind = KINDS[options.kind](options.engine, options.certificate)
    work: dict[str, Callable[[], Awaitable[tuple[float, ...] | None]]] = {
        "play": lambda: play(kind, options.clients),
        "tick": lambda: tick(kind, options.clients, options.seconds),
        "ping": lambda: ping(kind),
        "echo": lambda: kind.echo(ROUNDS),
    }

    async def main() -> None:
        if (figures := await work[options.part]()) is not None:
            print(*figures, flush=True)
        await asyncio.sleep(0.1 if options.part == "echo" else 0)
        os._exit(0)  # with the other process gone there is nothing to close

    asyncio.run(main())


def measure(kind: str, options: argparse.Namespace, ours: str, theirs: str) -> list[float]:
    """Run the two processes; the figures of ours."""
    command = [sys.executable, __file__, "--engine", options.engine, "--kind", kind]
    command += [
        "--certificate",
        options.certificate,
        "--clients",
        str(options.clients),
        "--seconds",
        str(options.seconds),
        "--part",
    ]
    server = ours if ours == "tick" else theirs
    quiet = subprocess.DEVNULL  # the end of the other one is an error to the clients
    first = subprocess.Popen(
        [*command, server],
        stdout=subprocess.PIPE,
        stderr=None if server == ours else quiet,
        text=True,
    )
    time.sleep(0.7)  # until it listens
    other = theirs if server == ours else ours
    second = subprocess.Popen(
        [*command, other],
        stdout=subprocess.PIPE,
        stderr=None if other == ours else quiet,
        text=True,
    )
    measured = first if server == ours else second
    try:
        said = measured.communicate(timeout=60 + options.seconds)[0]
        return [float(figure) for figure in said.split()]
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


def make_certificate(path: str) -> bool:
    """Write a certificate and its key into a file; False without the program openssl."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=localhost", "-keyout", path, "-out", path + ".crt"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    with open(path, "a") as file, open(path + ".crt") as certificate:
        file.write(certificate.read())
    return True


def main() -> None:
    """Measure every kind in each round, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--engine", default="gns")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--part", choices=["tick", "play", "ping", "echo"], help=argparse.SUPPRESS)
    parser.add_argument("--certificate", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part(options)
        return
    kinds = [options.kind] if options.kind else list(KINDS)
    with tempfile.TemporaryDirectory() as folder:
        options.certificate = os.path.join(folder, "localhost.pem")
        if "TLS streams" in kinds and not make_certificate(options.certificate):
            kinds.remove("TLS streams")
        if importlib.util.find_spec("websockets") is None:
            kinds = [kind for kind in kinds if not kind.startswith("websockets")]
        for kind in kinds * options.rounds:
            spent, here = measure(kind, options, "tick", "play")
            (trip,) = measure(kind, options, "ping", "echo")
            line = f"{spent:6.0f} µs a tick, {here:6.0f} of them the loop's"
            print(f"{kind:>38}: {line}, round trip {trip:6.0f} µs", flush=True)


if __name__ == "__main__":
    main()
