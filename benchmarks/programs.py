"""Whole programs beside those of other libraries: a round trip, and a server's costs of a tick.

``python programs.py OPTIONS-AS-JSON`` is the server, and says what hot.py says; it starts its
client in a process of its own. The same program runs over each library: see `CONTENDERS`.

- A round trip: the client sends 64 bytes and waits for the echo; both sides wait, nobody spins.
- A tick: 64 clients send 64 bytes 60 times a second each; the server takes what came, and sends 64
  bytes to all of them. What counts is the processor time of its process, the library's threads
  included.

asyncio reads into 256 KiB at a time, which glibc maps and unmaps for each read until the program
has freed a block of that size once, as it does when the first client leaves. That is a good part of
what a tick costs. So there are two rows: as such a server is in the long run, where the client of
the round trips has left before the 64 come; and before a client has left, where those come first.
"""

# ruff: noqa: D102  # the ends have the same methods, and their names say what they do
import asyncio
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

HZ, CLIENTS, DATA = 60, 64, b"x" * 64
PATIENCE = 20.0  # seconds
SEND_RATE = 4_000_000  # bytes a second
FIRST = ", before a client has left"
PORT = 7


def say(**line: Any) -> None:
    """Tell the runner, or the server."""
    print(json.dumps(line), flush=True)


def raise_send_rate(steam: Any) -> None:
    """Have GNS send as fast as a round trip needs.

    6,000 packets a second are 0.8 MB. At the default of 256 KiB it is the rate that is measured:
    each packet then waits for its turn, in steps of a millisecond.
    """
    import steamnet

    if steam.engine.name == "gns":
        for key in (steamnet.ConfigValue.SEND_RATE_MAX, steamnet.ConfigValue.SEND_RATE_MIN):
            steam.networking_utils.set_config_value(key, SEND_RATE)


# --- one class for each library: what the server's end and a client's end can do ------------------


class UdpServer:
    """Sockets of the operating system."""

    def __init__(self, _: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address: Any = self.socket.getsockname()[1]
        self.known: dict[Any, None] = {}

    def wait(self, timeout: float) -> None:
        select.select([self.socket], [], [], timeout)

    def receive(self) -> list[tuple[Any, bytes]]:
        got = []
        with suppress(BlockingIOError):
            while True:
                data, sender = self.socket.recvfrom(2048)
                self.known[sender] = None
                got.append((sender, data))
        return got

    def send(self, peer: Any, data: bytes) -> None:
        self.socket.sendto(data, peer)

    def broadcast(self, data: bytes) -> None:
        for peer in self.known:
            self.socket.sendto(data, peer)


class UdpClient:
    """The other end."""

    def __init__(self, _: str, address: Any) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", address))
        self.socket.setblocking(False)

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def wait(self, timeout: float) -> None:
        select.select([self.socket], [], [], timeout)

    def receive(self) -> int:
        got = 0
        with suppress(BlockingIOError):
            while self.socket.recv(2048):
                got += 1
        return got


class EnetServer:
    """pyenet: reliable UDP."""

    def __init__(self, _: str) -> None:
        import enet

        self.enet = enet
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.address: Any = free.getsockname()[1]
        self.host = enet.Host(enet.Address(b"127.0.0.1", self.address), 2 * CLIENTS, 1, 0, 0)
        self.got: list[tuple[Any, bytes]] = []

    def wait(self, timeout: float) -> None:
        self._note(self.host.service(int(timeout * 1000)))

    def receive(self) -> list[tuple[Any, bytes]]:
        while (event := self.host.service(0)).type != self.enet.EVENT_TYPE_NONE:
            self._note(event)
        got, self.got = self.got, []
        return got

    def _note(self, event: Any) -> None:
        if event.type == self.enet.EVENT_TYPE_RECEIVE:
            self.got.append((event.peer, event.packet.data))

    def send(self, peer: Any, data: bytes) -> None:
        peer.send(0, self.enet.Packet(data, self.enet.PACKET_FLAG_RELIABLE))
        self.host.flush()

    def broadcast(self, data: bytes) -> None:
        self.host.broadcast(0, self.enet.Packet(data))
        self.host.flush()


class EnetClient(EnetServer):
    """The other end."""

    def __init__(self, _: str, address: Any) -> None:
        import enet

        self.enet = enet
        self.got = []
        self.host = enet.Host(None, 1, 1, 0, 0)
        self.peer = self.host.connect(enet.Address(b"127.0.0.1", address), 1)
        while self.host.service(1000).type != enet.EVENT_TYPE_CONNECT:
            pass

    def send(self, data: bytes) -> None:  # type: ignore[override]
        super().send(self.peer, data)

    def receive(self) -> int:  # type: ignore[override]
        return len(super().receive())


class ZmqServer:
    """pyzmq: a queue over TCP."""

    def __init__(self, _: str) -> None:
        import zmq

        self.zmq = zmq
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.address: Any = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.known: dict[bytes, None] = {}

    def wait(self, timeout: float) -> None:
        self.socket.poll(int(timeout * 1000))

    def receive(self) -> list[tuple[Any, bytes]]:
        got = []
        with suppress(self.zmq.Again):
            while True:
                peer, data = self.socket.recv_multipart(self.zmq.NOBLOCK)
                self.known[peer] = None
                got.append((peer, data))
        return got

    def send(self, peer: Any, data: bytes) -> None:
        self.socket.send_multipart((peer, data))

    def broadcast(self, data: bytes) -> None:
        for peer in self.known:
            self.socket.send_multipart((peer, data))


class ZmqClient:
    """The other end."""

    def __init__(self, _: str, address: Any) -> None:
        import zmq

        self.zmq = zmq
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.connect(f"tcp://127.0.0.1:{address}")

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def wait(self, timeout: float) -> None:
        self.socket.poll(int(timeout * 1000))

    def receive(self) -> int:
        got = 0
        with suppress(self.zmq.Again):
            while True:
                self.socket.recv(self.zmq.NOBLOCK)
                got += 1
        return got


class SteamnetServer:
    """Ours: objects, `Steam.wait`, one poll group."""

    def __init__(self, engine: str) -> None:
        import steamnet

        self.steam = steamnet.init(engine=engine)
        raise_send_rate(self.steam)
        by_address = engine == "gns"
        self.listener = (
            self.steam.listen_ip("127.0.0.1:0") if by_address else self.steam.listen(PORT)
        )
        self.address: Any = self.listener.address if by_address else self.steam.core.get_steam_id()
        self.group = self.steam.poll_group()
        self.reliable = steamnet.SendFlags.RELIABLE_NO_NAGLE
        self.unreliable = steamnet.SendFlags.UNRELIABLE_NO_NAGLE

    def wait(self, timeout: float) -> None:
        self.steam.wait(timeout)

    def receive(self) -> list[tuple[Any, bytes]]:
        self.steam.run_callbacks()
        while (connection := self.listener.accept()) is not None:
            self.group.add(connection)
        return [(message, message.payload) for message in self.group.receive(1000)]

    def send(self, peer: Any, data: bytes) -> None:
        self.group.sender(peer).send(data, self.reliable)

    def broadcast(self, data: bytes) -> None:
        self.group.broadcast(data, self.unreliable)


class SteamnetClient:
    """The other end."""

    steam: Any = None

    def __init__(self, engine: str, address: Any) -> None:
        import steamnet

        if SteamnetClient.steam is None:
            SteamnetClient.steam = steamnet.init(engine=engine)
            raise_send_rate(SteamnetClient.steam)
        steam = SteamnetClient.steam
        self.connection = (
            steam.connect_ip(address) if engine == "gns" else steam.connect(address, PORT)
        )
        self.flags = steamnet.SendFlags.RELIABLE_NO_NAGLE

    def send(self, data: bytes) -> None:
        self.connection.send(data, self.flags)

    def wait(self, timeout: float) -> None:
        self.steam.wait(timeout)

    def receive(self) -> int:
        self.steam.run_callbacks()
        return len(self.connection.receive())


# --- the same, for libraries of asyncio -----------------------------------------------------------


class StreamServer:
    """Asyncio's own TCP streams, a length before each message."""

    def __init__(self, _: str) -> None:
        self.inbox: list[Any] = []
        self.echo = False
        self.peers: list[Any] = []

    async def start(self, tls: Any = None) -> Any:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=tls)
        return server.sockets[0].getsockname()[1]

    async def _talk(self, reader: Any, writer: Any) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peers.append(writer)
        with suppress(OSError, EOFError):
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                data = await reader.readexactly(size)
                if self.echo:
                    writer.write(size.to_bytes(4, "big") + data)
                else:
                    self.inbox.append(data)

    def broadcast(self, data: bytes) -> None:
        framed = len(data).to_bytes(4, "big") + data
        for writer in self.peers:
            writer.write(framed)


class StreamClient:
    """The other end."""

    async def start(self, _: str, address: Any, tls: Any = None) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", address, ssl=tls)

    async def send(self, data: bytes) -> None:
        self.writer.write(len(data).to_bytes(4, "big") + data)

    async def receive(self) -> None:
        await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(4), "big"))


class TlsServer(StreamServer):
    """The same, encrypted as connections of GNS are."""

    async def start(self, tls: Any = None) -> Any:
        from aio_tick import make_certificate

        with tempfile.TemporaryDirectory() as folder:
            certificate = os.path.join(folder, "localhost.pem")
            if not make_certificate(certificate):
                sys.exit("no program openssl, to make a certificate")
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
        return await super().start(tls)


class TlsClient(StreamClient):
    """The other end."""

    async def start(self, engine: str, address: Any, tls: Any = None) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # of no interest here
        await super().start(engine, address, tls)


class WebsocketServer(StreamServer):
    """The library websockets."""

    async def start(self, tls: Any = None) -> Any:
        from websockets.asyncio.server import serve

        self.server = await serve(self._meet, "127.0.0.1", 0, compression=None)
        return self.server.sockets[0].getsockname()[1]

    async def _meet(self, peer: Any) -> None:
        async for data in peer:
            if self.echo:
                await peer.send(data)
            else:
                self.inbox.append(data)

    def broadcast(self, data: bytes) -> None:
        from websockets.asyncio.server import broadcast

        broadcast(self.server.connections, data)


class WebsocketClient:
    """The other end."""

    async def start(self, _: str, address: Any) -> None:
        from websockets.asyncio.client import connect

        self.socket = await connect(f"ws://127.0.0.1:{address}", compression=None)

    async def send(self, data: bytes) -> None:
        await self.socket.send(data)

    async def receive(self) -> None:
        await self.socket.recv()


class AioServer(StreamServer):
    """Ours: `steamnet.aio`."""

    def __init__(self, engine: str) -> None:
        super().__init__(engine)
        import steamnet.aio

        self.engine, self.module = engine, steamnet

    async def start(self, tls: Any = None) -> Any:
        self.steam = await self.module.aio.init(engine=self.engine).__aenter__()
        raise_send_rate(self.steam)
        by_address = self.engine == "gns"
        self.listener = (
            self.steam.listen_ip("127.0.0.1:0") if by_address else self.steam.listen(PORT)
        )
        self.group = self.steam.poll_group()
        self.tasks = [asyncio.create_task(self._accept()), asyncio.create_task(self._read())]
        return self.listener.address if by_address else self.steam.core.get_steam_id()

    async def _accept(self) -> None:
        async for connection in self.listener:
            self.group.add(connection)

    async def _read(self) -> None:
        flags = self.module.SendFlags.RELIABLE_NO_NAGLE
        async for message in self.group:
            if self.echo:
                await self.group.sender(message).send(message.payload, flags)
            else:
                self.inbox.append(message.payload)

    def broadcast(self, data: bytes) -> None:
        self.group.broadcast(data, self.module.SendFlags.UNRELIABLE_NO_NAGLE)


class AioClient:
    """The other end."""

    async def start(self, engine: str, address: Any) -> None:
        import steamnet.aio

        self.steam = await steamnet.aio.init(engine=engine).__aenter__()
        raise_send_rate(self.steam)
        connect = self.steam.connect_ip if engine == "gns" else self.steam.connect
        self.connection = await connect(address, *([] if engine == "gns" else [PORT]))
        self.flags = steamnet.SendFlags.RELIABLE_NO_NAGLE

    async def send(self, data: bytes) -> None:
        await self.connection.send(data, self.flags)

    async def receive(self) -> None:
        await self.connection.receive()


# Each with what pip has to fetch for it, its two ends, the end of a crowd, and the engine.
Contender = tuple[str | None, Any, Any, Any, str]
CONTENDERS: dict[str, Contender] = {
    "raw UDP": (None, UdpServer, UdpClient, UdpClient, ""),
    "pyenet": ("pyenet", EnetServer, EnetClient, EnetClient, ""),
    "pyzmq": ("pyzmq", ZmqServer, ZmqClient, ZmqClient, ""),
    "asyncio streams": (None, StreamServer, StreamClient, StreamClient, ""),
    f"asyncio streams{FIRST}": (None, StreamServer, StreamClient, StreamClient, ""),
    "asyncio streams, TLS": (None, TlsServer, TlsClient, TlsClient, ""),
    "websockets": ("websockets", WebsocketServer, WebsocketClient, WebsocketClient, ""),
    f"websockets{FIRST}": ("websockets", WebsocketServer, WebsocketClient, WebsocketClient, ""),
    "steamnet, loopback": (None, SteamnetServer, SteamnetClient, SteamnetClient, "loopback"),
    "steamnet, gns": (None, SteamnetServer, SteamnetClient, SteamnetClient, "gns"),
    "steamnet.aio, loopback": (None, AioServer, AioClient, SteamnetClient, "loopback"),
    "steamnet.aio, gns": (None, AioServer, AioClient, SteamnetClient, "gns"),
}


# --- the programs ---------------------------------------------------------------------------------


def start_client(options: dict[str, Any], work: str, address: Any) -> "subprocess.Popen[str]":
    """Start the client, in a process of its own that ends with its standard input."""
    options = options | {"role": work, "address": address}
    command = [sys.executable, __file__, json.dumps(options)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def said(client: "subprocess.Popen[str]") -> list[float]:
    """What the client has measured, which it says at its end."""
    assert client.stdout is not None
    return [float(value) for value in json.loads(client.stdout.readline())["times"]]


def serve(server: Any, options: dict[str, Any], ticks: int) -> tuple[list[float], float]:
    """Be the server of both programs: the round trips, and processor time of a tick."""
    client = start_client(options, "echo", server.address)
    while client.poll() is None:
        server.wait(0.05)
        for peer, data in server.receive():
            server.send(peer, data)
    times = said(client)
    crowd = start_client(options, "crowd", server.address)
    senders, deadline = 0, time.monotonic() + PATIENCE
    while senders < CLIENTS and time.monotonic() < deadline:  # each begins with one message
        server.wait(0.05)
        senders += len(server.receive())
    server.broadcast(DATA)
    spent, next_tick = 0.0, time.monotonic()
    for tick in range(ticks + 30):
        if tick == 30:
            spent = time.process_time()
        time.sleep(max(0.0, next_tick - time.monotonic()))
        next_tick = max(next_tick + 1 / HZ, time.monotonic())
        server.receive()
        server.broadcast(DATA)
    spent = time.process_time() - spent
    crowd.kill()
    return times, spent / ticks


async def serve_async(
    server: Any, options: dict[str, Any], ticks: int
) -> tuple[list[float], float]:
    """As `serve`."""
    address = await server.start()
    if options["who"].endswith(FIRST):
        spent = await tick_async(server, options, ticks, address)
        return await echoed_async(server, options, address), spent
    times = await echoed_async(server, options, address)
    return times, await tick_async(server, options, ticks, address)


async def echoed_async(server: Any, options: dict[str, Any], address: Any) -> list[float]:
    """Answer the client of the round trips until it leaves."""
    server.echo = True
    client = start_client(options, "echo", address)
    while client.poll() is None:
        await asyncio.sleep(0.05)
    server.echo = False
    return said(client)


async def tick_async(server: Any, options: dict[str, Any], ticks: int, address: Any) -> float:
    """Be the server of the 64: processor time of a tick."""
    server.peers.clear()
    crowd = start_client(options, "crowd", address)
    deadline = time.monotonic() + PATIENCE
    while len(server.inbox) < CLIENTS and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    server.broadcast(DATA)
    spent, next_tick = 0.0, time.monotonic()
    for tick in range(ticks + 30):
        if tick == 30:
            spent = time.process_time()
        await asyncio.sleep(max(0.0, next_tick - time.monotonic()))
        next_tick = max(next_tick + 1 / HZ, time.monotonic())
        server.inbox.clear()
        server.broadcast(DATA)
    spent = time.process_time() - spent
    crowd.kill()
    crowd.wait()
    return spent / ticks


def echo(make: Callable[[], Any], count: int) -> None:
    """Measure round trips, and say them; in microseconds."""
    client, times = make(), []
    for _ in range(count):
        began = time.perf_counter()
        client.send(DATA)
        while not client.receive():
            client.wait(1.0)
        times.append((time.perf_counter() - began) * 1e6)
    say(times=times[count // 5 :])


async def echo_async(client: Any, engine: str, address: Any, count: int) -> None:
    """As `echo`."""
    await client.start(engine, address)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await client.send(DATA)
        await client.receive()
        times.append((time.perf_counter() - began) * 1e6)
    say(times=times[count // 5 :])


def crowd(make: Callable[[], Any]) -> None:
    """Be 64 clients, until the server kills this process."""
    clients = [make() for _ in range(CLIENTS)]
    next_tick = time.monotonic()
    while True:
        for client in clients:
            client.send(DATA)
            client.receive()
        next_tick = max(next_tick + 1 / HZ, time.monotonic())
        time.sleep(max(0.0, next_tick - time.monotonic()))


async def crowd_async(kind: Any, engine: str, address: Any) -> None:
    """As `crowd`."""

    async def drain(client: Any) -> None:
        while True:
            await client.receive()

    clients = [kind() for _ in range(CLIENTS)]
    for client in clients:
        await client.start(engine, address)
    tasks = [asyncio.create_task(drain(client)) for client in clients]
    next_tick = time.monotonic()
    while not any(task.done() for task in tasks):
        for client in clients:
            await client.send(DATA)
        next_tick = max(next_tick + 1 / HZ, time.monotonic())
        await asyncio.sleep(max(0.0, next_tick - time.monotonic()))


def main() -> None:
    """Measure what the options ask for, or be the client of that."""
    options = json.loads(sys.argv[1])
    sys.path[:0] = options["path"]
    _, server, client, many, engine = CONTENDERS[options["who"]]
    role, address = options.get("role"), options.get("address")
    count = 100 if options["quick"] else 500
    if role == "echo":
        if hasattr(client, "start"):
            asyncio.run(echo_async(client(), engine, address, count))
        else:
            echo(lambda: client(engine, address), count)
    elif role == "crowd":
        if hasattr(many, "start"):
            asyncio.run(crowd_async(many, engine, address))
        else:
            crowd(lambda: many(engine, address))
    else:
        say(step=f"a round trip and a tick: {options['who']}")
        ticks = 60 if options["quick"] else 240
        if hasattr(server, "start"):
            times, spent = asyncio.run(serve_async(server(engine), options, ticks))
        else:
            times, spent = serve(server(engine), options, ticks)
        who = options["who"]
        say(group="programs", name=who, unit="us", samples={"round trip": times})
        say(group="programs", name=f"{who}, tick", unit="us", samples={"tick": [spent * 1e6]})
        sys.stdout.flush()
        os._exit(0)  # with its client gone there is nothing to close


if __name__ == "__main__":
    main()
