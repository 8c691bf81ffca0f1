"""A chat for any number of people, made of a listener, connections and a poll group.

    python examples/chat.py host Ann            in one terminal
    python examples/chat.py join Bob            in another, and Carol in a third

It runs on the loopback engine, so without Steam and on one machine, unless STEAMNET_ENGINE names
another. The host makes a lobby, and the others join the first one that they find; or the host that
they name: join Bob STEAM_ID
"""

import argparse
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Iterable, Iterator

from finding import find

import steamnet
from steamnet import Connection, ConnectionState, ResultError

ENGINE = os.environ.get("STEAMNET_ENGINE", "loopback")
GONE = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)
LOBBY = {"game": "steamnet chat"}  # what lobbies of this program are found by


class Keyboard:
    """What is typed, without waiting for it: a thread reads, as no platform can poll it."""

    def __init__(self) -> None:
        """Begin to read."""
        self.open = True
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin or ():  # None: it was closed before we began
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def lines(self) -> Iterator[str]:
        """Take the lines typed since last time; at the end of the input, ``open`` is False."""
        while not self._lines.empty():
            line = self._lines.get()
            if line is None:
                self.open = False
            elif line:
                yield line


def host(steam: steamnet.Steam, name: str, keyboard: Keyboard) -> None:
    """Let people in, and pass on what each says to all others."""
    guests: dict[Connection, str] = {}
    with steam.listen() as listener, steam.poll_group() as room:

        def announce(line: str, besides: Iterable[Connection] = ()) -> None:
            print(line, flush=True)
            room.broadcast(line, besides=besides)

        steam.lobbies.create(max_members=20, data=LOBBY | {"name": name})
        print(f"{name} hosts as {steam.core.get_steam_id()}", flush=True)
        while keyboard.open:
            steam.run_callbacks()
            for connection in listener:
                room.add(connection)
            for message in room.receive():
                guest, text = room.sender(message), message.decode(errors="replace")
                if guest in guests:
                    announce(f"{guests[guest]}: {text}", besides=[guest])
                else:  # the first thing somebody says is a name
                    guests[guest] = text
                    announce(f"* {text} is here")
            for guest in room.departed():
                if guest in guests:
                    announce(f"* {guests.pop(guest)} has left")
                guest.close()
            for line in keyboard.lines():
                room.broadcast(f"{name}: {line}")
            steam.wait(1 / 60)


def join(steam: steamnet.Steam, name: str, steam_id: str | None, keyboard: Keyboard) -> None:
    """Say who we are, then talk."""
    found = find(steam, LOBBY, steam_id)
    while (connection := next(found)) is None:
        steam.run_callbacks()
        steam.wait(1 / 60)
    with connection:
        while connection.state < ConnectionState.CONNECTED:
            steam.run_callbacks()
            steam.wait(1 / 60)
        if connection.state in GONE:
            sys.exit(f"{connection.info.end_debug}: is the host running?")
        connection.send(name)
        while keyboard.open:
            steam.run_callbacks()
            try:
                for message in connection.receive():
                    print(message.decode(), flush=True)
                for line in keyboard.lines():
                    connection.send(line)
            except ResultError as error:
                print(f"* the chat is over: {error}", flush=True)
                return
            steam.wait(1 / 60)


def main(role: str, name: str, steam_id: str | None = None) -> None:
    """Open the engine; when leaving, let what was said go out."""
    keyboard = Keyboard()
    with steamnet.init(480, engine=ENGINE, name=name) as steam:
        steam.networking_utils.init_relay_network_access()
        with contextlib.suppress(KeyboardInterrupt):
            if role == "host":
                host(steam, name, keyboard)
            else:
                join(steam, name, steam_id, keyboard)
        steam.shutdown(linger=1.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A chat for any number of people.")
    parser.add_argument("role", choices=("host", "join"))
    parser.add_argument("name", help="yours")
    parser.add_argument("steam_id", nargs="?", help="the host's, without a lobby")
    options = parser.parse_args()
    try:
        main(**vars(options))
    except ValueError as error:  # it is no Steam ID, or no name
        parser.error(str(error))
    except steamnet.SteamnetError as error:
        sys.exit(f"chat: {error}")
