"""Two processes talk, on loopback or as STEAMNET_ENGINE says; also what test_frozen.py freezes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import steamnet

ENGINE = os.environ.get("STEAMNET_ENGINE", "loopback")
PORT = 7
GREETING, ANSWER = b"\x00hello\xff" * 1000, b"welcome"


def wait(steam: steamnet.Steam, done: Callable[[], bool]) -> None:
    """Pump the engine until something is so, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    while not done():
        if time.monotonic() > deadline:
            sys.exit("smoke: no message from the other process in 20 seconds")
        steam.run_callbacks()
        time.sleep(0.002)


def join(host: str) -> None:
    """Connect to the host, greet it, and wait for its answer."""
    with steamnet.init(engine=ENGINE) as steam:
        sockets = steam.networking_sockets
        connection = sockets.connect_p2p(host, PORT)
        sockets.send_message(connection, GREETING)
        received: list[bytes] = []

        def answered() -> bool:
            received.extend(bytes(message) for message in sockets.receive_messages(connection))
            return bool(received)

        wait(steam, answered)
        if received != [ANSWER]:
            sys.exit(f"smoke: the client received {received}")
        sockets.close_connection(connection)


def host() -> None:
    """Start the other process, accept it, and answer its greeting."""
    with steamnet.init(engine=ENGINE) as steam:
        sockets = steam.networking_sockets
        group = sockets.create_poll_group()
        sockets.create_listen_socket_p2p(PORT)
        # A frozen program is its own interpreter; Nuitka tells so in a way of its own.
        frozen = hasattr(sys, "frozen") or "__compiled__" in globals()
        program = sys.argv[:1] if frozen else [sys.executable, __file__]
        client = subprocess.Popen([*program, steam.core.get_steam_id()])
        received: list[bytes] = []

        def answered() -> bool:
            for event in sockets.connection_events():
                if event.is_incoming_request:
                    sockets.accept_connection(event.connection)
                    sockets.set_connection_poll_group(event.connection, group)
            for message in sockets.receive_messages_on_poll_group(group):
                received.append(bytes(message))
                sockets.send_message(message.connection, ANSWER)
            return client.poll() is not None

        try:
            wait(steam, answered)
        finally:
            client.kill()
        if client.returncode or received != [GREETING]:
            sys.exit(
                f"smoke: the client ended with {client.returncode}, the host received {received}"
            )
        library = steam.engine.library or "nothing else"
    print(f"smoke: two processes talked through steamnet {steamnet.__version__} and {library}")


if __name__ == "__main__":
    join(sys.argv[1]) if sys.argv[1:] else host()
