"""A signaling server: passes the signals of P2P connections between users who have logged in.

    python signaling_server.py [HOST [PORT]]        # 0.0.0.0 10000

A user says who it is, then sends (peer, signal) and receives (sender, signal). Frames are a
length of four bytes, most significant first, and as much text or data; a login is one frame,
a signal is two. A signal to a user that is not logged in is dropped: engines send again.

An example, not a service: it believes what users say they are, and does not encrypt. Before
it faces the world, put TLS in (``ssl=``) and have `log_in` check a ticket of your game.
"""

import asyncio
import logging
import sys
from socket import SO_KEEPALIVE, SOL_SOCKET

LARGEST = 65536  # no signal of an engine is nearly as long
PATIENCE = 10.0  # seconds for a user to log in
BACKLOG = 1 << 20  # bytes waiting for a user who does not read: then signals are dropped

users: dict[bytes, asyncio.StreamWriter] = {}


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame; ConnectionError for one that is too long."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > LARGEST:
        raise ConnectionError(f"a frame of {length} bytes")
    return await reader.readexactly(length)


def write_frames(writer: asyncio.StreamWriter, *frames: bytes) -> None:
    """Queue frames for sending."""
    writer.writelines(part for frame in frames for part in (len(frame).to_bytes(4, "big"), frame))


async def log_in(reader: asyncio.StreamReader) -> bytes:
    """Who the user is. Here a game would ask for proof."""
    return await asyncio.wait_for(read_frame(reader), PATIENCE)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One user, from login to the end; who logs in again replaces the earlier login."""
    name = None
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)  # who is gone, leaves
    try:
        name = await log_in(reader)
        if (former := users.get(name)) is not None:
            former.close()
        users[name] = writer
        logging.info("%r has come (%d here)", name, len(users))
        while True:
            peer, signal = await read_frame(reader), await read_frame(reader)
            to = users.get(peer)
            if to is not None and to.transport.get_write_buffer_size() < BACKLOG:
                write_frames(to, name, signal)
    except (OSError, EOFError, TimeoutError, asyncio.CancelledError) as reason:  # or our own end
        logging.info("%r has left (%r)", name, reason)
    finally:
        if name is not None and users.get(name) is writer:
            del users[name]
        writer.transport.abort()  # nothing of what waits can still help


async def main(host: str = "0.0.0.0", port: str = "10000") -> None:
    """Serve until interrupted."""
    server = await asyncio.start_server(serve, host, int(port))
    print("listening on", *server.sockets[0].getsockname()[:2], flush=True)
    try:
        await asyncio.Event().wait()  # serve_forever would end only when every client has left
    finally:
        server.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except (OSError, ValueError) as error:  # no such address, no such port, or one in use
        sys.exit(f"signaling_server: {error}\n{__doc__}")
    except KeyboardInterrupt:
        print("goodbye")
