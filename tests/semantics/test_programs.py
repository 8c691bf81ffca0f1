"""A host and a client, as a person would run them: two programs, started one by one."""

import subprocess
import sys
import textwrap

import requirements

HOST_ID, CLIENT_ID, OTHER_ID = "76561198000000001", "76561198000000002", "76561198000000003"

HOST = """
steam.networking_utils.init_relay_network_access()
sockets = steam.networking_sockets
listen_socket = sockets.create_listen_socket_p2p(0)
poll_group = sockets.create_poll_group()
connections = []
print("Host Steam ID:", steam.core.get_steam_id(), flush=True)
left = 0
while left < 2:
    steam.run_callbacks()
    for event in sockets.connection_events():
        if event.is_incoming_request:
            sockets.accept_connection(event.connection)
            sockets.set_connection_poll_group(event.connection, poll_group)
            connections.append(event.connection)
        elif event.state in (
            ConnectionState.CLOSED_BY_PEER,
            ConnectionState.PROBLEM_DETECTED_LOCALLY,
        ):
            sockets.close_connection(event.connection)
            connections.remove(event.connection)
            left += 1
    for message in sockets.receive_messages_on_poll_group(poll_group, 100):
        for connection in connections:
            if connection != message.connection:
                text = f"{message.identity}: {message.decode()}"
                sockets.send_message(connection, text, SendFlags.RELIABLE)
    time.sleep(1 / 60)
"""

CLIENT = """
sockets = steam.networking_sockets
connection = sockets.connect_p2p(host_steam_id, 0)
while sockets.get_connection_info(connection).state != ConnectionState.CONNECTED: ...
deadline = time.monotonic() + 60
heard = False
while not heard:  # the other may come later: say it until it answers
    assert time.monotonic() < deadline
    sockets.send_message(connection, "Hello from client!", SendFlags.RELIABLE)
    steam.run_callbacks()
    for message in sockets.receive_messages(connection):
        print(message.decode(), flush=True)
        heard = True
    time.sleep(1 / 60)
for _ in range(30):  # the other may not have heard us yet
    sockets.send_message(connection, "Hello from client!", SendFlags.RELIABLE)
    steam.run_callbacks()
    time.sleep(1 / 60)
sockets.close_connection(connection, 1000, "", True)
for _ in range(30):
    steam.run_callbacks()
    time.sleep(1 / 60)
"""


def start(engine: str, identity: str, program: str) -> "subprocess.Popen[str]":
    """Run one of the two programs with nothing beside it."""
    head = f"""
        import sys, time
        import steamnet
        from steamnet import ConnectionState, SendFlags
        steam = steamnet.init(engine={engine!r}, identity={identity!r})
        host_steam_id = {HOST_ID!r}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + program],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_host_and_clients_in_three_processes(engine: str) -> None:
    """Two clients reach the host by its Steam ID alone, and hear each other through it."""
    if engine == "gns":
        requirements.ice()
    host = start(engine, HOST_ID, HOST)
    programs = [host]
    try:
        assert host.stdout is not None
        assert host.stdout.readline() == f"Host Steam ID: {HOST_ID}\n"
        programs += [start(engine, who, CLIENT) for who in (CLIENT_ID, OTHER_ID)]
        said = [client.communicate(timeout=60)[0] for client in programs[1:]]
        assert said[0].splitlines()[0] == f"{OTHER_ID}: Hello from client!"
        assert said[1].splitlines()[0] == f"{CLIENT_ID}: Hello from client!"
        assert [program.wait(60) for program in programs] == [0, 0, 0]
    finally:
        for program in programs:
            program.kill()
            program.wait()
            assert program.stdout is not None
            program.stdout.close()
