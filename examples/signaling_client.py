"""Chat between machines over GameNetworkingSockets, introduced by signaling_server.py.

    python signaling_client.py SERVER[:PORT] str:alice              # waits for others
    python signaling_client.py SERVER[:PORT] str:bob str:alice      # connects to alice

`ServerSignaling` carries signals through the server, and nothing else goes there. The chat
below is the same program as on Steam. Behind home routers two more things are needed, options:

    --stun stun.example.org:3478       tells each player its public address
    --turn turn.example.org:3478 --turn-user USER --turn-password PASSWORD
                                       relays where no direct way is found
"""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue

from signaling_server import read_frame, write_frames

import steamnet
from steamnet import ConfigValue, ConnectionState, Identity

GONE = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)


class ServerSignaling:
    """Carries signals through the server: asyncio on a thread of its own, which reconnects."""

    def __init__(self, host: str, port: int, identity: Identity) -> None:
        self._server, self._name = (host, port), identity.text.encode()
        self._received: SimpleQueue[bytes] = SimpleQueue()
        self._writer: asyncio.StreamWriter | None = None
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._stay_connected())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, peer: Identity, signal: bytes) -> None:
        """Hand a signal to the thread; lost while there is no server, as the engine may expect."""
        self._loop.call_soon_threadsafe(self._write, peer.text.encode(), signal)

    def receive(self) -> Iterator[bytes]:
        """What the server has passed on since last time."""
        while not self._received.empty():
            yield self._received.get_nowait()

    def close(self) -> None:
        """Log out and end the thread."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    def _write(self, *frames: bytes) -> None:
        if self._writer is not None:
            write_frames(self._writer, *frames)

    async def _stay_connected(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_connection(*self._server)
                try:
                    self._write(self._name)
                    while await read_frame(reader):  # from whom: the signal itself says it too
                        self._received.put(await read_frame(reader))
                finally:
                    self._writer.close()
                    self._writer = None
            except (OSError, EOFError) as error:
                print(f"no signaling server: {error!r}; trying again", file=sys.stderr)
                await asyncio.sleep(1)


def host(steam: steamnet.Steam) -> None:
    """Pass on what each says to all others."""
    sockets = steam.networking_sockets
    sockets.create_listen_socket_p2p(0)
    group = sockets.create_poll_group()
    connections: list[int] = []
    print("waiting for others", flush=True)
    while True:
        steam.run_callbacks()
        for event in sockets.connection_events():
            if event.is_incoming_request:
                sockets.accept_connection(event.connection)
                sockets.set_connection_poll_group(event.connection, group)
                connections.append(event.connection)
            elif event.state in GONE:
                sockets.close_connection(event.connection)
                connections.remove(event.connection)
        for message in sockets.receive_messages_on_poll_group(group):
            line = f"{message.identity}: {message.decode()}"
            print(line, flush=True)
            sockets.broadcast(connections, line)
        time.sleep(1 / 60)


def join(steam: steamnet.Steam, peer: str, line: str) -> None:
    """Say a line, and print what comes, until the host is gone."""
    sockets = steam.networking_sockets
    connection = sockets.connect_p2p(peer, 0)
    sockets.send_message(connection, line)
    while True:
        steam.run_callbacks()
        info = sockets.get_connection_info(connection)
        if messages := sockets.receive_messages(connection):
            print(*(message.decode() for message in messages), sep="\n", flush=True)
        elif info is None or info.state in GONE:  # who has gone is read to the end
            sys.exit(f"the connection has ended: {info and info.end_debug}")
        time.sleep(1 / 60)


def main() -> None:
    """Read the command line, open the engine, chat."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("identity", type=Identity.parse)
    parser.add_argument("peer", nargs="?")
    parser.add_argument("--say", default="hello")
    for option in ("--stun", "--turn", "--turn-user", "--turn-password"):
        parser.add_argument(option)
    given = parser.parse_args()
    server, _, port = given.server.partition(":")
    signaling = ServerSignaling(server, int(port or 10000), given.identity)
    with steamnet.init(engine="gns", identity=given.identity, signaling=signaling) as steam:
        for key, value in {
            ConfigValue.P2P_STUN_SERVER_LIST: given.stun,
            ConfigValue.P2P_TURN_SERVER_LIST: given.turn,
            ConfigValue.P2P_TURN_USER_LIST: given.turn_user,
            ConfigValue.P2P_TURN_PASS_LIST: given.turn_password,
        }.items():
            if value:
                steam.networking_utils.set_config_value(key, value)
        join(steam, given.peer, given.say) if given.peer else host(steam)


if __name__ == "__main__":
    try:
        main()
    except (steamnet.SteamnetError, ValueError, KeyboardInterrupt) as error:
        sys.exit(f"signaling_client: {str(error) or 'goodbye'}")
