"""Networking on the steam engine: what only Steam has, and what differs between SDKs."""

import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from steam_programs import PYTHON, output, python, run
from topologies import ALICE, BOB

import steamnet
from steamnet import (
    Availability,
    ClosedError,
    ConnectionState,
    EResult,
    ResultError,
    SendFlags,
)
from steamnet.testing import pump

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Steam is built for POSIX")


class TestNetworking:
    """What only the Steam path has, and what differs between SDKs."""

    def test_many_sends_in_one_call(self, steam: steamnet.Steam) -> None:
        """SendMessages has another signature in each SDK; failures in it are told apart."""
        sockets = steam.networking_sockets
        here, there = sockets.create_socket_pair()
        for _ in range(50):
            results = sockets.send_messages(
                [
                    (here, b"one", SendFlags.RELIABLE),
                    (12345, b"nobody", SendFlags.RELIABLE),
                    (here, b"two", SendFlags.RELIABLE),
                ]
            )
            assert results[0] > 0
            assert results[1] == -EResult.INVALID_PARAM
            assert results[2] == results[0] + 1
        received = []
        while messages := sockets.receive_messages(there):
            received += [bytes(message) for message in messages]
        assert received == [b"one", b"two"] * 50

    def test_the_relay_network_becomes_ready(self, steam: steamnet.Steam) -> None:
        """Status with all fields, the event, waiting, data centres and pings."""
        utils = steam.networking_utils
        changes: list[steamnet.RelayNetworkStatus] = []
        utils.on_relay_network_status_changed(changes.append)
        assert utils.get_relay_network_status().availability == Availability.NEVER_TRIED
        assert not utils.wait_for_relay(0)
        utils.init_relay_network_access()
        assert utils.get_relay_network_status().ping_measurement_in_progress
        assert utils.wait_for_relay(5)
        status = utils.get_relay_network_status()
        assert changes == [status]
        assert status.network_config == status.any_relay == Availability.CURRENT
        assert not status.ping_measurement_in_progress
        assert status.message == "fake relay"

        pops = {name: pop for pop, name in utils.get_pop_list()}
        assert set(pops) == {"iad", "fra"}
        assert utils.get_direct_ping_to_pop(pops["fra"]) == 97
        assert utils.get_ping_to_data_center(pops["iad"]) == (12, pops["iad"])
        assert utils.get_local_ping_location() == ("iad=12", 1.5)
        assert utils.estimate_ping_between_locations("iad=12", "iad=30") == 42
        assert utils.estimate_ping_from_string("iad=30") == 42
        assert utils.check_ping_data_up_to_date(60)
        with pytest.raises(ValueError, match="names no place"):
            utils.estimate_ping_from_string("nowhere")

    @pytest.mark.parametrize("near", ["127.0.0.1", "[::1]"])
    def test_objects_by_address(self, steam: steamnet.Steam, near: str) -> None:
        """A free port is taken and told, and connected to; the port is taken then."""
        with steam.listen_ip(f"{near}:0") as listener, steam.poll_group() as group:
            assert re.fullmatch(re.escape(near) + r":[1-9]\d*", listener.address)
            with steam.connect_ip(listener.address) as caller:
                (request,) = pump(steam, until=lambda: listener.waiting)
                group.add(request.accept())
                pump(steam, until=lambda: caller.state == ConnectionState.CONNECTED)
                assert caller.peer == ALICE == steam.core.get_steam_id()
                assert group.broadcast("by address") == [1]
                assert pump(steam, until=caller.receive)[0].identity == ALICE
            with pytest.raises(ResultError, match=r"listen_ip: FAIL"):
                steam.listen_ip(listener.address)
            (gone,) = pump(steam, until=group.departed)
            gone.close()

    def test_authentication_becomes_ready(
        self, steam: steamnet.Steam, until: Callable[..., None]
    ) -> None:
        """A certificate arrives some time after it was asked for."""
        sockets = steam.networking_sockets
        changes: list[steamnet.AuthenticationStatus] = []
        sockets.on_authentication_status_changed(changes.append)
        assert sockets.init_authentication() == Availability.ATTEMPTING
        until(lambda: changes, steam, what="the authentication event")
        assert changes[0].availability == Availability.CURRENT
        assert sockets.get_authentication_status() == changes[0]

    def test_a_fake_ip_is_given_in_an_event(
        self, steam: steamnet.Steam, until: Callable[..., None]
    ) -> None:
        """Asked for, told, and asked about afterwards."""
        sockets = steam.networking_sockets
        results: list[steamnet.FakeIPResult] = []
        sockets.on_fake_ip_result(results.append)
        assert sockets.begin_async_request_fake_ip(2)
        assert not sockets.begin_async_request_fake_ip(2)
        assert sockets.get_fake_ip().result == EResult.BUSY
        until(lambda: results, steam, what="the FakeIP event")
        assert results[0].result == EResult.OK
        assert results[0].identity.steam_id == ALICE
        assert (results[0].ip, results[0].ports) == ("169.254.7.1", (1024, 1025))
        assert sockets.get_fake_ip() == results[0]
        assert sockets.create_listen_socket_p2p_fake_ip(0)
        assert sockets.create_fake_udp_port(2) is None

    def test_a_fake_udp_port_carries_datagrams_until_it_is_closed(
        self, steam: steamnet.Steam, until: Callable[..., None]
    ) -> None:
        """Sent to an address, received from it; what is closed, or shut down, says so."""
        sockets = steam.networking_sockets
        assert sockets.create_fake_udp_port(-1) is None
        assert sockets.begin_async_request_fake_ip(1)
        until(lambda: sockets.get_fake_ip().result == EResult.OK, steam, what="the FakeIP")
        port = sockets.create_fake_udp_port(-1)
        assert port is not None
        assert sockets.create_fake_udp_port(0) is None
        assert port.receive_messages() == []
        for data in (b"first", "second", bytes(5000)):
            assert port.send_message("169.254.1.2:7777", data) == EResult.OK
        refused = port.send_message("169.254.1.2:7777", b"no", SendFlags.RELIABLE)
        assert refused == EResult.INVALID_PARAM
        port.schedule_cleanup("169.254.1.2:7777")
        (first,) = port.receive_messages(1)
        assert (first.decode(), first.identity) == ("first", "ip:169.254.1.2:7777")
        second, third = port.receive_messages()
        assert (second.decode(), bytes(third)) == ("second", bytes(5000))
        with pytest.raises(ValueError, match="no address"):
            port.send_message("nowhere", b"x")
        port.close()
        port.close()
        for use in (
            port.receive_messages,
            lambda: port.send_message("169.254.1.2:7777", b"x"),
            lambda: port.schedule_cleanup("169.254.1.2:7777"),
        ):
            with pytest.raises(ClosedError, match="the port has been closed"):
                use()
        left_open = sockets.create_fake_udp_port(0)
        assert left_open is not None
        assert left_open.send_message("169.254.1.2:7777", b"unread") == EResult.OK
        steam.shutdown()
        with pytest.raises(ClosedError, match="shut down"):
            left_open.send_message("169.254.1.2:7777", b"x")
        with pytest.raises(ClosedError):
            left_open.receive_messages()
        left_open.close()

    def test_a_fake_udp_port_is_closed_while_others_use_it(
        self, steam: steamnet.Steam, until: Callable[..., None]
    ) -> None:
        """It is destroyed after the last call: on one that is gone the fake would abort."""
        sockets = steam.networking_sockets
        assert sockets.begin_async_request_fake_ip(1)
        until(lambda: sockets.get_fake_ip().result == EResult.OK, steam, what="the FakeIP")

        def use(port: steamnet.FakeUDPPort) -> None:
            with suppress(ClosedError):
                while True:
                    port.send_message("169.254.1.2:7777", b"x")
                    port.receive_messages()

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for _ in range(200):
                port = sockets.create_fake_udp_port(-1)
                assert port is not None, "the last one is destroyed"
                users = [threading.Thread(target=use, args=(port,)) for _ in range(3)]
                for user in users:
                    user.start()
                port.close()
                for user in users:
                    user.join()
        finally:
            sys.setswitchinterval(interval)

    def test_two_players_write_without_a_connection(self, library: str, ice: None) -> None:
        """A session is asked for once, accepted, and used both ways."""
        host = python(ANSWERS, STEAMNET_LIBRARY=library, STEAMNET_FAKE_STEAM_STEAM_ID=ALICE)
        client = python(WRITES, STEAMNET_LIBRARY=library, STEAMNET_FAKE_STEAM_STEAM_ID=BOB)
        try:
            assert output(host) == f"asked by ['{BOB}']: ['a question', 'thanks']\n"
        finally:
            text = output(client)
        assert text == f"{ALICE}: the answer\n"

    @pytest.mark.parametrize("peer", ["same", "other"])
    def test_two_players_meet_by_steam_id(
        self, peer: str, library: str, fakes: dict[str, str], ice: None
    ) -> None:
        """Two processes on Steam, of one SDK or of two, connect and talk both ways."""
        if peer == "other":
            peer_library = fakes["v013" if "v012" in library else "v012"]
        else:
            peer_library = library
        host = python(HOST, STEAMNET_LIBRARY=library, STEAMNET_FAKE_STEAM_STEAM_ID=ALICE)
        client = python(CLIENT, STEAMNET_LIBRARY=peer_library, STEAMNET_FAKE_STEAM_STEAM_ID=BOB)
        assert f"{ALICE}: welcome, {BOB}" in output(client)
        assert f"{BOB}: hello" in output(host)

    def test_the_demo_runs(self, library: str, surroundings: pytest.MonkeyPatch, ice: None) -> None:
        """Two processes, each with a Steam account of its own; every message arrives."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_STEAM_ID", f"{ALICE},{BOB}")
        demo = ["demo", "--engine", "steam", "--library", library, "--messages", "200"]
        text = output(run(*PYTHON, "-m", "steamnet", *demo), timeout=120)
        assert f"host    {ALICE} listens" in text
        assert f"client  {BOB}, process" in text
        assert "Every message arrived." in text

    @pytest.mark.parametrize("typed", ["", "1\n"], ids=["by identity", "from the list"])
    def test_the_chat_of_two_terminals_runs(self, typed: str, library: str, ice: None) -> None:
        """Host and join, each in a terminal of its own; by Steam ID, or by a number of the list."""
        host = run(*PYTHON, "-m", "steamnet", "host", STEAMNET_LIBRARY=library)
        assert host.stdout is not None
        assert host.stdout.readline() == f"Host Steam ID: {ALICE}\n"
        while not host.stdout.readline().startswith("Or they choose from a list"):
            pass
        join = run(
            *(*PYTHON, "-m", "steamnet", "join", *([] if typed else [ALICE])),
            STEAMNET_LIBRARY=library,
            STEAMNET_FAKE_STEAM_STEAM_ID=BOB,
        )
        try:
            assert join.stdin is not None
            assert join.stdout is not None
            join.stdin.write(f"{typed}good evening\n")
            join.stdin.flush()
            if typed:
                assert "players" in join.stdout.readline()
                assert f"Player {int(ALICE) % 1000}" in join.stdout.readline()
            lines = [host.stdout.readline() for _ in range(2)]
            # The client is connected a moment before the host, and may be faster.
            assert sorted(lines) == [f"* {BOB} joined\n", f"{BOB}: good evening\n"]
        finally:
            for program in (host, join):
                program.kill()
                program.communicate()


HOST = """
    import time, steamnet
    with steamnet.init(480) as steam:
        sockets = steam.networking_sockets
        sockets.create_listen_socket_p2p(0)
        group, texts, deadline = sockets.create_poll_group(), [], time.monotonic() + 60
        while "bye" not in texts and time.monotonic() < deadline:
            steam.run_callbacks()
            for event in sockets.connection_events():
                if event.is_incoming_request:
                    assert sockets.accept_connection(event.connection)
                    sockets.set_connection_poll_group(event.connection, group)
            for message in sockets.receive_messages_on_poll_group(group):
                texts.append(message.decode())
                print(f"{message.identity}: {texts[-1]}", flush=True)
                if texts[-1] == "hello":  # who says bye waits for no answer
                    sockets.send_message(message.connection, f"welcome, {message.identity}")
            time.sleep(0.005)
        assert texts == ["hello", "bye"], texts
        time.sleep(0.2)  # the engine acknowledges the last one
"""
CLIENT = f"""
    import time, steamnet
    with steamnet.init(480) as steam:
        sockets = steam.networking_sockets
        connection = sockets.connect_p2p({ALICE}, 0)
        sockets.send_message(connection, "hello")
        received, deadline = [], time.monotonic() + 60
        while not received and time.monotonic() < deadline:
            steam.run_callbacks()
            received = sockets.receive_messages(connection)
            time.sleep(0.005)
        print(f"{{received[0].identity}}: {{received[0].decode()}}", flush=True)
        sockets.send_message(connection, "bye")
        steam.shutdown(linger=5)
"""


ANSWERS = """
    import time, steamnet
    with steamnet.init(480) as steam:
        messages, asked, got, deadline = steam.networking_messages, [], [], time.monotonic() + 60
        while len(got) < 2 and time.monotonic() < deadline:
            steam.run_callbacks()
            for identity in messages.session_requests():
                asked.append(str(identity))
                assert messages.accept_session_with_user(identity)
            new = messages.receive_messages_on_channel(3)
            got += [message.decode() for message in new]
            for message in new:
                messages.send_message_to_user(message.identity, b"the answer", SEND, 3)
            time.sleep(0.005)
        print(f"asked by {asked}: {got}", flush=True)
""".replace("SEND", str(int(SendFlags.RELIABLE)))
WRITES = f"""
    import sys, time, steamnet
    with steamnet.init(480) as steam:
        messages, got = steam.networking_messages, []
        messages.send_message_to_user("{ALICE}", b"a question", {SendFlags.RELIABLE:d}, 3)
        deadline = time.monotonic() + 60
        while not got and time.monotonic() < deadline:
            steam.run_callbacks()
            got = messages.receive_messages_on_channel(3)
            time.sleep(0.005)
        messages.send_message_to_user("{ALICE}", b"thanks", {SendFlags.RELIABLE:d}, 3)
        print(f"{{got[0].identity}}: {{got[0].decode()}}", flush=True)
        sys.stdin.read()  # a session has no linger: stay until all has arrived
"""
