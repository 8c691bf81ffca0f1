"""An ordinary Steam program: nothing in it knows of any engine but Steam.

    python examples/unmodified.py host              on one player's machine
    python examples/unmodified.py join STEAM_ID     on the other's

So it needs Steam, twice, with two accounts. The environment alone runs it without, say in a
test or on a train (in PowerShell: $env:STEAMNET_ENGINE = "loopback", and so on):

    STEAMNET_ENGINE=loopback STEAMNET_IDENTITY=76561198000000001 python examples/unmodified.py host
    STEAMNET_ENGINE=loopback python examples/unmodified.py join 76561198000000001
"""

import argparse
import sys

import steamnet
from steamnet import ConnectionState, SendFlags

GONE = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)


def host(steam: steamnet.Steam) -> None:
    """Answer every client, until one says goodbye."""
    sockets = steam.networking_sockets
    sockets.create_listen_socket_p2p(0)
    poll_group = sockets.create_poll_group()
    print("Host Steam ID:", steam.core.get_steam_id(), flush=True)
    talking = True
    while talking:
        steam.run_callbacks()
        for event in sockets.connection_events():
            if event.is_incoming_request:
                sockets.accept_connection(event.connection)
                sockets.set_connection_poll_group(event.connection, poll_group)
            elif event.state in GONE:
                sockets.close_connection(event.connection)
        for message in sockets.receive_messages_on_poll_group(poll_group):
            print(f"{message.identity} says {message.decode()!r}", flush=True)
            sockets.send_message(message.connection, f"You said {message.decode()!r}")
            talking = message.decode() != "Goodbye"
        steam.wait(1 / 60)


def join(steam: steamnet.Steam, steam_id: str) -> None:
    """Say two things, and print two answers."""
    sockets = steam.networking_sockets
    connection = sockets.connect_p2p(steam_id, 0)
    sockets.send_message(connection, "Hello from client!", SendFlags.RELIABLE)
    sockets.send_message(connection, "Goodbye", SendFlags.RELIABLE)
    answers = 0
    while answers < 2:
        steam.run_callbacks()
        info = sockets.get_connection_info(connection)
        messages = sockets.receive_messages(connection)  # a host that has gone is read to the end
        for message in messages:
            print(message.decode(), flush=True)
            answers += 1
        if info is None or (info.state in GONE and not messages):
            sys.exit(f"no connection: {info.end_debug if info else 'refused'} (is there a host?)")
        steam.wait(1 / 60)
    sockets.close_connection(connection)


def main(role: str, **arguments: str) -> None:
    """Open Steam, as app 480 (Valve's own example game)."""
    with steamnet.init(app_id=480) as steam:
        steam.networking_utils.init_relay_network_access()
        print(f"on the {steam.engine.name} engine", flush=True)
        host(steam) if role == "host" else join(steam, **arguments)
        steam.shutdown(linger=1.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An ordinary Steam program.")
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("host")
    roles.add_parser("join").add_argument("steam_id", help="the host's")
    options = parser.parse_args()
    try:
        main(**vars(options))
    except ValueError as error:  # it is no Steam ID
        parser.error(str(error))
    except steamnet.SteamnetError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("goodbye")
