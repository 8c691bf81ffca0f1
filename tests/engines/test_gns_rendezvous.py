"""gns through a rendezvous server: players connect, and nobody gets in under another's name."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requirements
from remote_process import RemoteProcess
from rendezvous_server import ServerThread, log_in, message

import steamnet
from steamnet import ConfigValue, ConnectionEvent, ConnectionState, InitError, Steam
from steamnet.signaling import LocalSignaling

HOST, ANN, MALLORY = (steamnet.Identity.parse(f"str:{name}") for name in ("host", "ann", "mallory"))
CONNECTED = ConnectionState.CONNECTED
STUN = ConfigValue.P2P_STUN_SERVER_LIST

Until = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("gns")


@pytest.fixture
def server() -> Iterator[ServerThread]:
    """A server in this process."""
    with ServerThread() as server:
        yield server


def accepting(steam: Steam) -> list[ConnectionEvent]:
    """Let a host listen and accept everybody; its events."""
    assert steam.networking_sockets.create_listen_socket_p2p(0)
    events: list[ConnectionEvent] = []

    def on_event(event: ConnectionEvent) -> None:
        events.append(event)
        if event.is_incoming_request:
            steam.networking_sockets.accept_connection(event.connection)

    steam.networking_sockets.on_connection_status_changed(on_event)
    return events


def is_connected(steam: Any, connection: int) -> bool:
    """Whether a connection, here or in another process, is up."""
    info = steam.networking_sockets.get_connection_info(connection)
    return info is not None and info.state == CONNECTED


def test_a_killed_server_loses_no_connection_and_is_found_again(
    remote: RemoteProcess, until: Until
) -> None:
    """Messages go on while it is gone, and new connections are made when it is back."""
    requirements.ice()

    def serve(address: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "steamnet", "server", "--listen", address]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    process = serve("127.0.0.1:0")
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        with steamnet.init(engine="gns", identity=HOST, rendezvous=url) as host:
            client = host.rendezvous
            assert client is not None
            events = accepting(host)
            ann = remote.open(engine="gns", identity=str(ANN), rendezvous=url)
            sockets = ann.networking_sockets
            first = sockets.connect_p2p(str(HOST), 0)
            until(lambda: is_connected(ann, first), host, ann, what="the connection")
            process.kill()
            process.communicate()
            until(lambda: not client.is_online, host, ann, what="the loss")
            sockets.send_message(first, b"still here")
            here = events[0].connection
            receive = host.networking_sockets.receive_messages
            until(lambda: receive(here), host, ann, what="a message without a server")
            assert is_connected(ann, first)
            process = serve(url.removeprefix("ws://"))
            until(lambda: client.is_online, host, ann, what="the return")
            second = sockets.connect_p2p(str(HOST), 0)
            until(lambda: is_connected(ann, second), host, ann, what="a second connection")
            assert is_connected(ann, first)
            ann.shutdown()
    finally:
        process.kill()
        process.communicate()


def test_mallory_is_not_ann(server: ServerThread, remote: RemoteProcess, until: Until) -> None:
    """Real requests of an engine that says it is Ann are refused from Mallory's login."""
    requirements.ice()
    url = server.url
    with (
        steamnet.init(engine="gns", identity=HOST, rendezvous=url) as host,
        log_in(url, str(MALLORY)) as mallory,
    ):
        assert message(mallory)["op"] == "welcome"
        events = accepting(host)
        # The engine is another process's; this takes its signals as the host it seeks would.
        theirs = LocalSignaling(HOST)
        ann = remote.open(engine="gns", identity=str(ANN))
        forged = ann.networking_sockets.connect_p2p(str(HOST), 0)

        def passed_on() -> int:
            for signal in theirs.receive():
                mallory.send(bytes([len(HOST)]) + HOST.encode() + bytes(signal))
                passed.append(signal)
            return len(passed) >= 3

        passed: list[bytes] = []
        until(passed_on, host, ann, what="three requests of Mallory's as Ann")
        theirs.close()
        # What the server has passed on in this order has been judged when this arrives.
        assert host.rendezvous is not None
        mallory.send('{"op": "present", "id": 1, "identity": "str:host"}')
        assert message(mallory)["result"] is True
        host.rendezvous.request("present", identity="str:host").result(10)
        host.run_callbacks()
        assert events == []
        assert not is_connected(ann, forged)
        ann.shutdown()
        # The true Ann is let in, and Mallory cannot end that, nor see a signal of it.
        ann = remote.open(engine="gns", identity=str(ANN), rendezvous=url)
        true = ann.networking_sockets.connect_p2p(str(HOST), 0)
        until(lambda: is_connected(ann, true), host, ann, what="Ann's connection")
        for signal in passed:
            mallory.send(bytes([len(HOST)]) + HOST.encode() + signal)
        mallory.send('{"op": "present", "id": 2, "identity": "str:host"}')
        assert message(mallory)["id"] == 2
        assert {event.info.identity_remote for event in events} == {ANN}
        until(lambda: events[-1].state == CONNECTED, host, ann, what="the host's side")
        with pytest.raises(TimeoutError):
            mallory.recv(0)
        ann.shutdown()


def test_the_stun_server_is_used_and_set_back(server: ServerThread, until: Until) -> None:
    """The engine's global values outlive it, so what the server named is taken back."""
    options: Any = {"engine": "gns", "identity": HOST, "rendezvous": server.url}
    for own in (None, "192.0.2.9:3478"):
        with steamnet.init(**options) as host:
            utils = host.networking_utils
            assert utils.get_config_value(STUN) == server.server.address
            if own is not None:
                utils.set_config_value(STUN, own)
            host.run_callbacks()
            assert utils.get_config_value(STUN) == (own or server.server.address)
    with steamnet.init(engine="gns", identity=HOST) as host:
        assert host.networking_utils.get_config_value(STUN) == "192.0.2.9:3478"
        host.networking_utils.set_config_value(STUN, None)
        assert host.rendezvous is None


def test_the_environment_names_the_server(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For gns alone, and a game's own signaling wins."""
    monkeypatch.setenv("STEAMNET_RENDEZVOUS", server.url)
    with steamnet.init(engine="gns", identity=HOST) as host:
        assert host.rendezvous is not None
        assert host.rendezvous.url == server.url
    with steamnet.init(engine="gns", identity=HOST, signaling=LocalSignaling(HOST)) as host:
        assert host.rendezvous is None
    with steamnet.init(engine="loopback", identity=HOST) as host:
        assert host.rendezvous is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "loopback", "rendezvous": "ws://127.0.0.1:1"}, "for the gns engine"),
        ({"engine": "gns", "rendezvous": "127.0.0.1:1"}, "is no rendezvous server"),
        ({"engine": "gns", "token": "a token"}, "give rendezvous, too"),
        ({"engine": "gns", "rendezvous": "ws://192.0.2.1:1", "token": "a token"}, "use wss://"),
    ],
)
def test_wrong_arguments(options: Any, words: str) -> None:
    """They open nothing."""
    with pytest.raises(ValueError, match=words):
        steamnet.init(identity=HOST, **options)
    with steamnet.init(engine="gns", identity=HOST):
        pass


def test_no_server_is_told_at_once(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the system says; and then gns can be opened without one."""
    monkeypatch.setattr("steamnet.steam.RENDEZVOUS_SECONDS", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"ws://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(InitError, match=r"127\.0\.0\.1.*nothing listens there"):
            steamnet.init(engine="gns", identity=HOST, rendezvous=url)
    with log_in(server.url, str(HOST), "another") as other:
        assert message(other)["op"] == "welcome"
        with pytest.raises(InitError, match="str:host is taken"):
            steamnet.init(engine="gns", identity=HOST, rendezvous=server.url)
    with steamnet.init(engine="gns", identity=HOST):
        pass


def test_an_event_loop_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server and a player may be on one event loop; opening awaits the server there."""
    from steamnet import aio, rendezvous

    async def both() -> None:
        async with (
            asyncio.timeout(10),
            rendezvous.Server("127.0.0.1:0") as server,
            aio.init(engine="gns", identity=HOST, rendezvous=server.url) as host,
        ):
            assert host.sync.rendezvous is not None
            assert host.sync.rendezvous.is_online
            assert host.networking_utils.get_config_value(STUN) == server.address
        monkeypatch.setattr("steamnet.steam.RENDEZVOUS_SECONDS", 0.2)
        with pytest.raises(InitError, match="nothing listens there"):
            async with aio.init(engine="gns", identity=HOST, rendezvous=server.url):
                pass

    asyncio.run(both())


def test_signals_wake_a_game_that_waits(server: ServerThread, remote: RemoteProcess) -> None:
    """A host that only waits, and looks when it is woken, is reached without delay."""
    requirements.ice()
    with steamnet.init(engine="gns", identity=HOST, rendezvous=server.url) as host:
        events = accepting(host)
        ann = remote.open(engine="gns", identity=str(ANN), rendezvous=server.url)
        connection = ann.networking_sockets.connect_p2p(str(HOST), 0)
        over = threading.Event()

        def play() -> None:
            while not over.wait(0.005):
                ann.run_callbacks()

        ann_plays = threading.Thread(target=play)
        ann_plays.start()
        begun = time.monotonic()
        while not events and time.monotonic() < begun + 120:
            host.wait(120)
            host.run_callbacks()
        taken = time.monotonic() - begun
        over.set()
        ann_plays.join()
        ann.networking_sockets.close_connection(connection)
        ann.shutdown()
        assert events
        assert taken < 60
