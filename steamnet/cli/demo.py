"""``steamnet demo``: a host and a client, two processes, talk and show what they see."""

import argparse
import contextlib
import json
import multiprocessing
import signal
import statistics
import sys
import time
from collections.abc import Callable
from typing import TypedDict

from .._version import __version__
from ..engine import random_steam_id
from ..enums import GONE, ConfigValue, SendFlags
from ..steam import Steam, init

ECHOES, BULK_MESSAGE, BULK_TOTAL = 50, 64 * 1024, 2 * 1024 * 1024
TIMEOUT = 60.0

# The first byte of a message says what it is.
CHAT, COUNTED, ECHO, BULK, DONE, REPORT = b"C", b"N", b"E", b"B", b"D", b"R"


class Options(TypedDict):
    """The options of the client's process, in a form that can be pickled."""

    engine: str
    library: str | None
    messages: int
    lag: int
    loss: float
    host: str


class Talk:
    """One side of the conversation: its engine, its connection, and what has come in."""

    def __init__(self, steam: Steam, options: Options) -> None:
        """Set up the simulated network."""
        self.steam = steam
        self.sockets = steam.networking_sockets
        self.connection = 0
        self.states: list[tuple[float, str]] = []
        self.inbox: list[bytes] = []
        self.start = time.monotonic()
        self.deadline = self.start + TIMEOUT
        self.client_ended: Callable[[], bool] = lambda: False
        utils = steam.networking_utils
        utils.init_relay_network_access()
        utils.set_config_value(ConfigValue.FAKE_PACKET_LAG_SEND, options["lag"])
        utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, options["loss"] * 100.0)
        for key in (ConfigValue.TIMEOUT_INITIAL, ConfigValue.TIMEOUT_CONNECTED):
            utils.set_config_value(key, round(TIMEOUT * 1000))  # a busy machine may be silent long
        if steam.engine.name != "loopback":  # by default real engines send 256 KiB a second
            utils.set_config_value(ConfigValue.SEND_RATE_MIN, 1 << 20)
            utils.set_config_value(ConfigValue.SEND_RATE_MAX, 1 << 20)

    def pump(self) -> None:
        """Take events and messages once; TimeoutError or ConnectionError when it is over."""
        self.steam.run_callbacks()
        for event in self.sockets.connection_events():
            if event.is_incoming_request and not self.connection:
                self.connection = event.connection
                self.sockets.accept_connection(self.connection)
            if event.connection == self.connection:
                self.states.append((time.monotonic() - self.start, event.info.state_name))
                if event.state in GONE:
                    raise ConnectionError(f"{event.info.state_name}: {event.info.end_debug}")
        if self.connection:
            self.inbox += [bytes(m) for m in self.sockets.receive_messages(self.connection, 1000)]
        if self.client_ended() and not self.inbox:
            raise ConnectionError("the client's process ended")
        if time.monotonic() > self.deadline:
            raise TimeoutError(f"not done within {TIMEOUT:.0f} seconds")

    def wait(self, condition: Callable[[], object]) -> None:
        """Pump until the condition holds."""
        while not condition():
            self.pump()
            time.sleep(0.0005)

    def take(self, kind: bytes, count: int = 1) -> list[bytes]:
        """Wait for messages of a kind, and take them out of the inbox."""
        self.wait(lambda: sum(m[:1] == kind for m in self.inbox) >= count)
        taken = [m[1:] for m in self.inbox if m[:1] == kind]
        self.inbox = [m for m in self.inbox if m[:1] != kind]
        return taken

    def send(self, message: bytes, flags: int = SendFlags.RELIABLE) -> None:
        """Send, waiting while the send buffer is full."""
        self.wait(lambda: self.sockets.send_message(self.connection, message, flags) == 1)

    def connected(self) -> bool:
        """Whether both sides can talk."""
        return bool(self.states) and self.states[-1][1] == "Connected"

    def exchange_counted(self, count: int) -> int:
        """Send numbered messages and take the other side's: how many came, in order."""
        for number in range(count):
            self.send(COUNTED + number.to_bytes(4, "big"))
        numbers = [int.from_bytes(m, "big") for m in self.take(COUNTED, count)]
        return sum(number == place for place, number in enumerate(numbers))


def run(options: argparse.Namespace) -> int:
    """Be the host, start the client in a process of its own, and print what happens."""
    settings: Options = {
        "engine": options.engine,
        "library": options.library,
        "messages": options.messages,
        "lag": options.lag,
        "loss": options.loss,
        "host": "",
    }
    identity = random_steam_id() if options.engine != "steam" else None
    paint = _painter()
    with init(480, engine=options.engine, library=options.library, identity=identity) as steam:
        print(paint("1", f"steamnet {__version__} demo") + f" on the {options.engine} engine")
        settings["host"] = steam.core.get_steam_id()
        talk = Talk(steam, settings)
        if not talk.sockets.create_listen_socket_p2p(0):
            print("virtual port 0 is taken: does another demo run?", file=sys.stderr)
            return 1
        print(f"\n  host    {settings['host']} listens on virtual port 0")
        child = multiprocessing.get_context("spawn").Process(target=_client, args=(settings,))
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client inherits it:
        child.start()
        signal.signal(signal.SIGINT, handler)  # only the host handles Ctrl-C, and ends the client
        talk.client_ended = lambda: not child.is_alive()
        try:
            good = _host(talk, options.messages, child.pid or 0, paint)
        except (ConnectionError, TimeoutError) as error:
            print(paint("31", f"\n  failed: {error}"))
            good = False
        except KeyboardInterrupt:
            talk.sockets.close_connection(talk.connection)  # what is under way has no meaning now
            child.kill()
            raise
        finally:
            steam.shutdown(linger=5.0)
            child.join(5)
            if child.is_alive():
                child.kill()
                child.join()
        good = good and child.exitcode == 0
        print(
            paint("1;32", "\n  Every message arrived.")
            if good
            else paint("1;31", "\n  Not every message arrived.")
        )
        return 0 if good else 1


def _host(talk: Talk, count: int, client: int, paint: Callable[[str, str], str]) -> bool:
    talk.wait(talk.connected)
    info = talk.sockets.get_connection_info(talk.connection)
    assert info is not None
    print(f"  client  {info.identity_remote}, process {client}, connects")
    print(f"\n  host    {_path(talk.states)}")
    hello = talk.take(CHAT)[0].decode()
    talk.send(CHAT + b"Hello from host!")
    in_order = talk.exchange_counted(count)
    for _ in range(ECHOES):
        talk.send(ECHO + talk.take(ECHO)[0], SendFlags.RELIABLE_NO_NAGLE)
    received = sum(len(m) for m in talk.take(BULK, -(-BULK_TOTAL // BULK_MESSAGE)))
    talk.send(DONE + received.to_bytes(4, "big"))
    report = json.loads(talk.take(REPORT)[0])
    status = talk.sockets.get_quick_connection_status(talk.connection)
    assert status is not None
    print(f"  client  {_path(report['states'])}")
    print(f"\n  {paint('36', 'client')}  {hello}")
    print(f"  {paint('35', 'host')}    {report['answer']}\n")
    ok = in_order == report["in_order"] == count and received == BULK_TOTAL
    echoes = [f"{1000 * value:.2f}" for value in report["echo"]]
    rows = [
        ("client to host", f"{in_order} of {count} reliable messages, in order"),
        ("host to client", f"{report['in_order']} of {count} reliable messages, in order"),
        ("echo", f"{echoes[1]} ms median ({echoes[0]} to {echoes[2]})"),
        ("throughput", f"{received / report['bulk'] / 2**20:.1f} MiB/s in messages of 64 KiB"),
        ("ping", f"{status.ping} ms" if status.ping >= 0 else "not measured yet"),
    ]
    if status.connection_quality_local >= 0:
        rows.append(("quality", f"{status.connection_quality_local:.0%} of packets arrive"))
    for name, text in rows:
        print(f"  {name:15} {text}")
    talk.send(DONE)
    talk.take(DONE)
    with contextlib.suppress(ConnectionError):
        talk.wait(lambda: False)  # the client closes first: all that it sent has arrived
    return ok


def _client(options: Options) -> None:
    identity = random_steam_id() if options["engine"] != "steam" else None
    with init(
        480, engine=options["engine"], library=options["library"], identity=identity
    ) as steam:
        talk = Talk(steam, options)
        try:
            _converse(talk, options)
        except (ConnectionError, TimeoutError) as error:
            sys.exit(f"  client failed: {error}")
        finally:
            steam.shutdown(linger=5.0)


def _converse(talk: Talk, options: Options) -> None:
    talk.connection = talk.sockets.connect_p2p(options["host"], 0)
    if not talk.connection:
        raise ConnectionError("the engine refused to connect")
    talk.wait(talk.connected)
    talk.send(CHAT + b"Hello from client!")
    answer = talk.take(CHAT)[0].decode()
    in_order = talk.exchange_counted(options["messages"])
    echoes = []
    for _ in range(ECHOES):
        begun = time.monotonic()
        talk.send(ECHO, SendFlags.RELIABLE_NO_NAGLE)
        talk.take(ECHO)
        echoes.append(time.monotonic() - begun)
    begun = time.monotonic()
    for _ in range(0, BULK_TOTAL, BULK_MESSAGE):
        talk.send(BULK + bytes(BULK_MESSAGE))
    talk.take(DONE)
    report = {
        "states": talk.states,
        "answer": answer,
        "in_order": in_order,
        "echo": (min(echoes), statistics.median(echoes), max(echoes)),
        "bulk": time.monotonic() - begun,
    }
    talk.send(REPORT + json.dumps(report).encode())
    talk.take(DONE)
    talk.send(DONE)  # leaving lets it drain


def _path(states: list[tuple[float, str]]) -> str:
    names = " > ".join(name for _, name in states)
    return f"{names} in {states[-1][0]:.2f} s" if states else ""


def _painter() -> Callable[[str, str], str]:
    if sys.stdout.isatty():
        return lambda code, text: f"\033[{code}m{text}\033[0m"
    return lambda code, text: text
