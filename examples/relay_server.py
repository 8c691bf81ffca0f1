"""A relay server on asyncio: it passes messages on within rooms of players.

    python examples/relay_server.py serve
    python examples/relay_server.py talk ROOM NAME      in as many terminals as you like

It runs on the loopback engine unless STEAMNET_ENGINE names another; talk then needs the server's
Steam ID too. The first message of a player is the name of a room; all that follow go to everybody
else in it, as they were sent, with the player's Steam ID and a space before them; "" when a player
has left. A player who names no room in ten seconds is closed; messages over 64 KiB are dropped.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import threading
from collections import defaultdict

import steamnet.aio
from steamnet import SendFlags

ENGINE = os.environ.get("STEAMNET_ENGINE", "loopback")
SERVER = "76561198000000001"  # who the server is where there is no Steam to say it
Buffer = bytes | memoryview
BACKLOG = 256  # messages that may wait for a slow player
PATIENCE, GREETING = 2.0, 10.0  # seconds that a slow player holds up others; to name a room
LARGEST, TOO_SLOW = 64 * 1024, 2001  # bytes of a message; a close reason of our own


class Player:
    """A player in a room, with a queue of its own: a slow one holds up nobody else for long."""

    def __init__(self, connection: steamnet.aio.Connection) -> None:
        """Begin to send what is put into the queue."""
        self.connection, self.name = connection, str(connection.peer)
        self._queue = asyncio.Queue[tuple[bytes, int]](BACKLOG)
        self.sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError, steamnet.ClosedError):
            while True:
                data, flags = await self._queue.get()
                await self.connection.send(data, flags)  # waits while the send buffer is full

    async def pass_on(self, data: bytes, flags: int) -> None:
        """Queue a message; one who has fallen behind misses unreliable ones, or has to go."""
        if self._queue.full() and not flags & SendFlags.RELIABLE:
            return
        try:
            await asyncio.wait_for(self._queue.put((data, flags)), PATIENCE)
        except TimeoutError:
            self.sending.cancel()
            await self.connection.close(TOO_SLOW, "too slow", linger=False)


class Relay:
    """The rooms, and who is in them."""

    def __init__(self) -> None:
        """Open with all rooms empty."""
        self.rooms: defaultdict[str, set[Player]] = defaultdict(set)

    async def serve(self, steam: steamnet.aio.Steam) -> None:
        """Take care of everybody who connects, each in a task."""
        async with steam.listen(0) as listener, asyncio.TaskGroup() as tasks:
            async for connection in listener:
                tasks.create_task(self._care(connection))

    async def _care(self, connection: steamnet.aio.Connection) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):  # it never said where to
            async with connection:
                first = await asyncio.wait_for(connection.receive(), GREETING)
                await self._relay(connection, first.decode(errors="replace"))

    async def _relay(self, connection: steamnet.aio.Connection, name: str) -> None:
        player, room = Player(connection), self.rooms[name]
        room.add(player)
        try:
            async for message in connection:  # ends when the player leaves
                if message.size <= LARGEST:
                    await self._tell(room, player, message.data, message.flags)
        finally:
            player.sending.cancel()
            room.discard(player)
            await self._tell(room, player, b"", SendFlags.RELIABLE)
            if not room:
                self.rooms.pop(name, None)

    async def _tell(self, room: set[Player], sender: Player, data: Buffer, flags: int) -> None:
        told = b"".join((sender.name.encode(), b" ", data))
        for player in room - {sender}:
            await player.pass_on(told, flags)


async def serve() -> None:
    """Run the server until Ctrl-C."""
    me = None if ENGINE == "steam" else SERVER
    async with steamnet.aio.init(480, engine=ENGINE, identity=me) as steam:
        print("Relay server:", steam.core.get_steam_id(), flush=True)
        await Relay().serve(steam)


async def say_what_is_typed(connection: steamnet.aio.Connection) -> None:
    """Send each line that is typed; a thread reads, as no platform can poll the keyboard."""
    lines, loop = asyncio.Queue[str](), asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin or ():
            loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))

    threading.Thread(target=read, daemon=True).start()
    while True:
        await connection.send(await lines.get())


async def talk(room: str, name: str, server: str = SERVER) -> None:
    """Enter a room, greet everybody who greets, say what is typed and show what is said."""
    async with steamnet.aio.init(480, engine=ENGINE) as steam:
        connection = await steam.connect(server, 0)
        await connection.send(room)
        await connection.send(f"Hello, I am {name}!")
        print(f"* {name} is in the {room} room", flush=True)
        typing = asyncio.create_task(say_what_is_typed(connection))
        async for message in connection:
            sender, _, text = message.decode(errors="replace").partition(" ")
            print(f"{sender} {text or 'has left'}", flush=True)
            if text.startswith("Hello"):
                await connection.send(f"Welcome from {name}.")
        typing.cancel()
        print(f"* the server says goodbye: {connection.info.end_debug}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage="relay_server.py serve | talk ROOM NAME [STEAM_ID]")
    command, *arguments = sys.argv[1:] or ["help"]
    if (command, len(arguments)) not in (("serve", 0), ("talk", 2), ("talk", 3)):
        parser.error("give serve, or talk with what belongs to it")
    try:
        asyncio.run(serve() if command == "serve" else talk(*arguments))
    except ConnectionError as error:
        sys.exit(f"the server cannot be reached: {error}")
    except ValueError as error:  # it is no Steam ID
        parser.error(str(error))
    except steamnet.SteamnetError as error:
        sys.exit(f"relay_server: {error}")
    except KeyboardInterrupt:
        print("goodbye")
