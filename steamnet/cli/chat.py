"""The two-terminal chat: ``steamnet host`` and ``steamnet join STEAM_ID``."""

import argparse
import queue
import signal
import sys
import threading
import time

from ..enums import GONE, ConnectionState, SendFlags
from ..identity import Identity
from ..info import ConnectionEvent
from ..networking_sockets import SteamNetworkingSocketsManager
from ..steam import Steam, init

FRAME = 1 / 60


def run(options: argparse.Namespace) -> int:
    """Open the engine, then host or join."""
    # SIGTERM ends a chat as Ctrl-C does: the peers are told.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    identity = options.identity if options.engine != "steam" else None
    with init(
        options.app_id, engine=options.engine, library=options.library, identity=identity
    ) as steam:
        steam.networking_utils.init_relay_network_access()
        typed = _typed_lines()
        try:
            if options.command == "host":
                return _host(steam, options.port, typed)
            return _join(steam, options.steam_id, options.port, typed)
        except KeyboardInterrupt:
            say("goodbye")
            return 0
        finally:
            steam.shutdown(linger=1.0)


def say(text: str) -> None:
    """Print at once, also into a pipe; what strangers send cannot command the terminal."""
    print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text), flush=True)


def _typed_lines() -> "queue.SimpleQueue[str | None]":
    """What is typed, a line each, None at the end; read by a thread, as no platform can poll it."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin or ():  # None: it was closed before we began
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _next_line(typed: "queue.SimpleQueue[str | None]") -> str | None:
    """The next typed line; "" if there is none now, None at the end."""
    try:
        return typed.get_nowait()
    except queue.Empty:
        return ""


def _host(steam: Steam, port: int, typed: "queue.SimpleQueue[str | None]") -> int:
    sockets = steam.networking_sockets
    listen_socket = sockets.create_listen_socket_p2p(port)
    if not listen_socket:
        say(f"virtual port {port} is taken: does another host run as the same user?")
        return 1
    poll_group = sockets.create_poll_group()
    players: dict[int, str] = {}
    who = steam.core.get_steam_id() or sockets.get_identity()
    say(f"Host Steam ID: {who}")
    say(f"Waiting for players; they type:  steamnet join {who} --engine {steam.engine.name}")

    def tell(text: str, besides: int = 0) -> None:
        sockets.broadcast([player for player in players if player != besides], text)

    def changed(event: ConnectionEvent) -> None:
        if event.is_incoming_request:
            if sockets.accept_connection(event.connection):
                sockets.set_connection_poll_group(event.connection, poll_group)
        elif event.state == ConnectionState.CONNECTED:
            players[event.connection] = event.info.identity_remote
            say(f"* {event.info.identity_remote} joined")
            tell(f"* {event.info.identity_remote} joined", event.connection)
        elif event.state in GONE:
            sockets.close_connection(event.connection)
            name = players.pop(event.connection, None)
            if name is not None:
                say(f"* {name} left ({event.info.end_debug})")
                tell(f"* {name} left")

    sockets.on_connection_status_changed(changed)
    while True:
        steam.run_callbacks()
        for message in sockets.receive_messages_on_poll_group(poll_group):
            line = f"{message.identity}: {message.decode(errors='replace')}"
            say(line)
            tell(line, message.connection)
        while line := _next_line(typed) or "":
            tell(f"{who}: {line}")
        time.sleep(FRAME)


def _join(steam: Steam, host: str, port: int, typed: "queue.SimpleQueue[str | None]") -> int:
    sockets = steam.networking_sockets
    try:
        peer = Identity.parse(host)
    except ValueError as error:
        say(str(error))
        return 2
    connection = sockets.connect_p2p(peer, port)
    if not connection:
        say(f"the {steam.engine.name} engine refused to connect to {peer}")
        return 1
    say(f"Connecting to {peer} as {sockets.get_identity()} ...")
    shown: ConnectionState | int = ConnectionState.NONE
    connected = ending = False
    while True:
        steam.run_callbacks()
        info = sockets.get_connection_info(connection)
        if info is None:
            say("* the connection is no more")
            return 1
        if info.state != shown:
            shown = info.state
            say(f"* {info.state_name}")
        messages = sockets.receive_messages(connection)
        for message in messages:
            say(message.decode(errors="replace"))
        if info.state in GONE and not messages:
            say(f"* the connection ended: {info.end_debug} ({int(info.end_reason)})")
            if not connected:
                say(f"Is the host running, as {peer}, on this engine and virtual port {port}?")
            return 0 if connected and info.state == ConnectionState.CLOSED_BY_PEER else 1
        if info.state == ConnectionState.CONNECTED:
            connected = True
            ending = _send_typed(sockets, connection, typed) or ending
            if ending:
                return 0  # leaving lets what was sent drain
        time.sleep(FRAME)


def _send_typed(
    sockets: SteamNetworkingSocketsManager,
    connection: int,
    typed: "queue.SimpleQueue[str | None]",
) -> bool:
    """Send what was typed; whether that was the end of it."""
    while (line := _next_line(typed)) != "":
        if line is None:
            return True
        sockets.send_message(connection, line, SendFlags.RELIABLE)
    return False
