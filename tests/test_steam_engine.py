"""The steam engine end to end, over our fake of libsteam_api: see tests/fake_steam."""

import ctypes
import gc
import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import needs
import pytest

import steamnet
from steamnet import (
    Availability,
    ClosedError,
    ConnectionState,
    EResult,
    InitError,
    ResultError,
    SendFlags,
)
from steamnet.steam import SteamEventKind
from steamnet.testing import pump

FAKE_STEAM = Path(__file__).parent / "fake_steam"
APP_ID_NAMES = ["SteamAppId", "SteamGameId"]
ALICE, BOB = "76561198000000001", "76561198000000002"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake is built for POSIX")


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fake_steam_build", FAKE_STEAM / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


builder = _builder()


@pytest.fixture(scope="session")
def fakes(gns: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Fakes by interface version, and one without SteamAPI_InitFlat, as early SDKs are."""
    folder = tmp_path_factory.mktemp("fake_steam")
    return {
        "v012": str(builder.build(folder / "v012", 12)),
        "v013": str(builder.build(folder / "v013", 13)),
        "v014": str(builder.build(folder / "v014", 14)),
        "early": str(builder.build(folder / "early", 12, "-DWITHOUT_INIT_FLAT")),
    }


@pytest.fixture(scope="session")
def gns_library(gns: None) -> str:
    """Path or name of the real GNS, under the fakes."""
    code = "import steamnet; s = steamnet.init(engine='gns'); print(s.engine.library)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def surroundings(
    gns_library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[pytest.MonkeyPatch]:
    """Make a machine on which Steam runs and knows Alice, but no game has been started."""
    for name in (*APP_ID_NAMES, "STEAMNET_LIBRARY", "STEAMNET_ENGINE"):
        monkeypatch.setenv(name, "")  # so that it is put back whatever the test does
        monkeypatch.delenv(name)
    monkeypatch.setenv("STEAMNET_FAKE_STEAM_GNS", gns_library)
    monkeypatch.setenv("STEAMNET_FAKE_STEAM_STEAM_ID", ALICE)
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory() as folder:  # short, for the names of local sockets
        monkeypatch.setenv("STEAMNET_FAKE_STEAM_RENDEZVOUS", folder)
        yield monkeypatch


@pytest.fixture(params=["v012", "v013"])
def library(
    request: pytest.FixtureRequest, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
) -> str:
    """Path of a fake of each version."""
    return fakes[request.param]


@pytest.fixture
def steam(library: str) -> Iterator[steamnet.Steam]:
    """Alice on Steam."""
    with steamnet.init(480, library=library) as steam:
        yield steam


@pytest.fixture
def ice() -> None:
    """Run the test only where the fake, which is GNS, can reach another user."""
    needs.ice()


PYTHON = (sys.executable, "-X", "faulthandler")


def run(*command: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a program."""
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def python(code: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a Python program of its own."""
    return run(*PYTHON, "-c", textwrap.dedent(code), **environment)


def output(program: "subprocess.Popen[str]", timeout: float = 60.0) -> str:
    """Return what a program printed; it must end well."""
    try:
        out, err = program.communicate(timeout=timeout)
    finally:
        program.kill()
    assert program.returncode == 0, f"exit {program.returncode}\n{out[-1000:]}\n{err[-3000:]}"
    return out


class TestLife:
    """Start, use, end."""

    def test_steam_says_who_we_are(self, steam: steamnet.Steam, library: str) -> None:
        """The Steam ID is the client's, the app id the one given."""
        version = Path(library).parent.name
        assert steam.core.get_steam_id() == ALICE
        assert steam.core.get_app_id() == 480
        assert steam.core.is_initialized()
        assert steam.engine.name == "steam"
        assert steam.engine.library == library
        assert steam.engine.accessor == f"SteamAPI_SteamNetworkingSockets_SteamAPI_{version}"
        assert version in steam.engine.version

    def test_every_function_of_the_sdk_is_there(self, steam: steamnet.Steam) -> None:
        """A modern SDK lacks nothing that steamnet can use."""
        assert [name for name, supported in steam.engine.functions() if not supported] == []

    def test_the_app_id_goes_through_the_environment_and_no_file(
        self, steam: steamnet.Steam, tmp_path: Path
    ) -> None:
        """Nothing is written to disk, and child processes inherit the app."""
        assert [os.environ[name] for name in APP_ID_NAMES] == ["480", "480"]
        assert list(tmp_path.iterdir()) == []

    def test_an_app_id_file_of_the_developers_serves(self, library: str, tmp_path: Path) -> None:
        """Steam's own way works too."""
        (tmp_path / "steam_appid.txt").write_text("570")
        with steamnet.init(library=library) as steam:
            assert steam.core.get_app_id() == 570

    def test_steam_reports_its_servers(
        self, steam: steamnet.Steam, until: Callable[..., None]
    ) -> None:
        """Callbacks of Steam itself arrive as events."""
        kinds: list[int] = []
        steam.core.on_steam_event(lambda event: kinds.append(event.kind))
        until(lambda: kinds, steam, what="SteamServersConnected_t")
        assert kinds == [SteamEventKind.SERVERS_CONNECTED]

    def test_steam_can_be_closed_and_opened_again(self, library: str) -> None:
        """As often as one likes, in one process."""
        for _ in range(3):
            with steamnet.init(480, library=library) as steam:
                assert steam.networking_sockets.create_listen_socket_p2p(0)
            assert not steam.core.is_initialized()

    def test_an_early_sdk_starts_without_init_flat(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
    ) -> None:
        """SteamAPI_InitSafe serves where SteamAPI_InitFlat is missing."""
        with steamnet.init(480, library=fakes["early"]) as steam:
            assert steam.core.get_steam_id() == ALICE

    def test_the_next_sdk_needs_no_new_steamnet(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
    ) -> None:
        """An accessor of a number yet unknown, in either spelling, is found and used."""
        with steamnet.init(480, library=fakes["v014"]) as steam:
            assert steam.engine.accessor == "SteamAPI_SteamNetworkingSockets_v014"
            assert [name for name, supported in steam.engine.functions() if not supported] == []
            sockets = steam.networking_sockets
            here, there = sockets.create_socket_pair()
            assert sockets.send_messages([(here, b"next", SendFlags.RELIABLE)]) == [1]
            assert [bytes(message) for message in sockets.receive_messages(there)] == [b"next"]

    def test_views_outlive_steam(self, library: str) -> None:
        """Bytes that the engine holds stay readable after shutdown, and nobody gives them back."""
        with steamnet.init(480, library=library) as steam:
            sockets = steam.networking_sockets
            here, there = sockets.create_socket_pair()
            payload = bytes(range(256)) * 2000
            for _ in range(4):
                assert sockets.send_message(here, payload) == EResult.OK
            kept = sockets.receive_messages(there)
            views = [message.data for message in kept[1:]]
            assert [message.size for message in kept] == [len(payload)] * 4
        assert bytes(kept[0].data) == payload
        del kept
        gc.collect()
        assert all(view == payload for view in views)
        with steamnet.init(480, library=library):
            assert all(view == payload for view in views)
        del views
        gc.collect()

    def test_steam_may_be_closed_while_the_game_runs(
        self, steam: steamnet.Steam, library: str, until: Callable[..., None]
    ) -> None:
        """The game hears of it, goes on calling, and shuts down in peace."""
        steam.run_callbacks()
        steam.core.steam_events()
        events: list[tuple[int, int]] = []
        steam.core.on_steam_event(lambda event: events.append((event.kind, event.result)))
        here, there = steam.networking_sockets.create_socket_pair()
        ctypes.CDLL(library).fake_steam_close()
        until(lambda: len(events) == 2, steam, what="SteamShutdown_t")
        assert events[0] == (SteamEventKind.SERVERS_DISCONNECTED, EResult.NO_CONNECTION)
        assert events[1][0] == SteamEventKind.SHUTDOWN
        steam.networking_sockets.send_message(here, b"still here")
        steam.networking_sockets.receive_messages(there)
        steam.run_callbacks()
        steam.shutdown()

    def test_an_unknown_app_asks_for_a_restart(self, library: str) -> None:
        """Steam's question is asked when the game says so, and only then."""
        assert steamnet.restart_app_if_necessary(480, library)
        with steamnet.init(480, library=library):
            pass
        assert not steamnet.restart_app_if_necessary(480, library)

    @pytest.mark.parametrize("seed", range(4))
    def test_nothing_crashes_in_a_thousand_orders(
        self, seed: int, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
    ) -> None:
        """Load, start, call, stop in any order: refusals, but no crash. Four times 250 orders."""
        orders = [str(FAKE_STEAM / "orders.py"), "250", str(seed), *fakes.values()]
        text = output(run(*PYTHON, *orders), timeout=240)
        found = re.search(r"survived 250 orders, (\d+) starts, (\d+) attached", text)
        assert found is not None
        assert int(found[1]) > 60
        assert int(found[2]) > 40


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

    def test_the_chat_of_two_terminals_runs(self, library: str, ice: None) -> None:
        """Host and join, each in a terminal of its own."""
        host = run(*PYTHON, "-m", "steamnet", "host", STEAMNET_LIBRARY=library)
        join = run(
            *(*PYTHON, "-m", "steamnet", "join", ALICE),
            STEAMNET_LIBRARY=library,
            STEAMNET_FAKE_STEAM_STEAM_ID=BOB,
        )
        try:
            assert host.stdout is not None
            assert join.stdin is not None
            assert host.stdout.readline() == f"Host Steam ID: {ALICE}\n"
            join.stdin.write("good evening\n")
            join.stdin.flush()
            lines = [host.stdout.readline() for _ in range(3)]
            # The client is connected a moment before the host, and may be faster.
            assert sorted(lines[1:]) == [f"* {BOB} joined\n", f"{BOB}: good evening\n"]
        finally:
            for program in (host, join):
                program.kill()
                program.communicate()


HOST = """
    import time, steamnet
    with steamnet.init(480) as steam:
        sockets = steam.networking_sockets
        sockets.create_listen_socket_p2p(0)
        group, texts, deadline = sockets.create_poll_group(), [], time.monotonic() + 30
        while "bye" not in texts and time.monotonic() < deadline:
            steam.run_callbacks()
            for event in sockets.connection_events():
                if event.is_incoming_request:
                    assert sockets.accept_connection(event.connection)
                    sockets.set_connection_poll_group(event.connection, group)
            for message in sockets.receive_messages_on_poll_group(group):
                texts.append(message.decode())
                print(f"{message.identity}: {texts[-1]}", flush=True)
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
        received, deadline = [], time.monotonic() + 30
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
        messages, asked, got, deadline = steam.networking_messages, [], [], time.monotonic() + 30
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
        deadline = time.monotonic() + 30
        while not got and time.monotonic() < deadline:
            steam.run_callbacks()
            got = messages.receive_messages_on_channel(3)
            time.sleep(0.005)
        messages.send_message_to_user("{ALICE}", b"thanks", {SendFlags.RELIABLE:d}, 3)
        print(f"{{got[0].identity}}: {{got[0].decode()}}", flush=True)
        sys.stdin.read()  # a session has no linger: stay until all has arrived
"""


class TestRefusals:
    """Each documented failure, by its words."""

    def refusal(self, library: str | Path, app_id: int | None = 480) -> InitError:
        """Return the error with which init ends."""
        with pytest.raises(InitError) as caught:
            steamnet.init(app_id, library=library)
        return caught.value

    def test_no_app_id(self, library: str) -> None:
        """Steam's words, and how to give one."""
        words = str(self.refusal(library, app_id=None))
        assert "No appID found." in words
        assert "init(app_id=...)" in words
        assert 'engine="loopback"' in words

    def test_no_client(self, library: str, surroundings: pytest.MonkeyPatch) -> None:
        """Steam's words, and the question that they mean; the environment is as it was."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_REFUSE", "no-client")
        words = str(self.refusal(library))
        assert "Cannot create IPC pipe to Steam client process." in words
        assert "Is Steam running, under the same user" in words
        assert 'engine="loopback"' in words
        assert not any(name in os.environ for name in APP_ID_NAMES)
        surroundings.delenv("STEAMNET_FAKE_STEAM_REFUSE")
        with steamnet.init(480, library=library) as steam:
            assert steam.core.is_initialized()

    def test_an_old_client(self, library: str, surroundings: pytest.MonkeyPatch) -> None:
        """A client older than the library is named as such."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_REFUSE", "old-client")
        words = str(self.refusal(library))
        assert "out of date" in words
        assert "older than this library" in words

    def test_a_client_that_lacks_an_interface(
        self, library: str, surroundings: pytest.MonkeyPatch
    ) -> None:
        """A client that starts, and does not know what the library asks it for, is let go again."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_REFUSE", "unknown-interface")
        words = str(self.refusal(library))
        assert "Steam started, but the Steam client is too old for SteamAPI_" in words
        assert "let Steam update itself" in words
        assert ctypes.CDLL(library).SteamAPI_GetHSteamUser() == 0
        surroundings.delenv("STEAMNET_FAKE_STEAM_REFUSE")
        with steamnet.init(480, library=library) as steam:
            assert steam.core.is_initialized()

    def test_an_early_sdk_gives_no_reason(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
    ) -> None:
        """SteamAPI_InitSafe only says no, and so we say that."""
        words = str(self.refusal(fakes["early"], app_id=None))
        assert "SteamAPI_InitSafe failed, and an SDK of this age does not say why" in words

    def test_not_found(self, surroundings: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Each path is listed with its reason."""
        error = self.refusal(tmp_path / "libsteam_api.so")
        assert error.tried == [f"{tmp_path / 'libsteam_api.so'}: not found"]
        assert "the library given cannot serve as the steam engine" in str(error)
        assert 'engine="loopback"' in str(error)

    def test_a_library_in_the_current_directory_is_not_loaded(
        self, library: str, tmp_path: Path
    ) -> None:
        """Whatever lies there is not the program's."""
        (tmp_path / "libsteam_api.so").symlink_to(library)
        program = python("import steamnet; steamnet.init(480)")
        _, err = program.communicate(timeout=60)
        assert program.returncode == 1
        assert "no library for the steam engine" in err
        assert "comes with the Steamworks SDK" in err
        assert "STEAMNET_LIBRARY" in err
        assert str(tmp_path) not in err

    def test_a_library_of_another_processor(
        self, surroundings: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A 32-bit library is called one."""
        path = tmp_path / "libsteam_api.so"
        path.write_bytes(b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HH", 3, 3) + bytes(64))
        if sys.platform == "linux":
            assert "a 32-bit x86 ELF library; this Python is 64-bit" in self.refusal(path).tried[0]
        else:
            assert "a library for Linux (ELF)" in self.refusal(path).tried[0]

    def test_gns_is_not_steam(self, surroundings: pytest.MonkeyPatch, gns_library: str) -> None:
        """The wrong one of the two libraries is recognised."""
        if os.path.dirname(gns_library):
            tried = self.refusal(gns_library).tried[0]
            assert 'this is GameNetworkingSockets, not libsteam_api: use engine="gns"' in tried

    def made(self, folder: Path, *functions: str) -> Path:
        """Return a library that has only these functions."""
        source = folder / "made.c"
        source.write_text(
            "".join(
                f"void *{name}(void);\nvoid *{name}(void) {{ return 0; }}\n" for name in functions
            )
        )
        path: Path = builder.library(folder / "libsteam_api.so", source, "-fvisibility=default")
        return path

    @pytest.mark.parametrize(
        ("functions", "words"),
        [
            (["hello"], "not a Steamworks library: missing symbol SteamAPI_RunCallbacks"),
            (
                ["SteamAPI_RunCallbacks"],
                "SDK too old: it has no ISteamNetworkingSockets, which came with SDK 1.44",
            ),
            (
                ["SteamAPI_RunCallbacks", "SteamAPI_SteamNetworkingSockets_SteamAPI_v009"],
                "ISteamNetworkingSockets v009 has no lanes and no real-time status",
            ),
            (
                ["SteamAPI_RunCallbacks", "SteamAPI_SteamNetworkingSockets_v008"],
                "ISteamNetworkingSockets v008 has no lanes and no real-time status",
            ),
            (
                ["SteamAPI_RunCallbacks", "SteamAPI_SteamNetworkingSockets_SteamAPI_v012"],
                "missing symbol SteamAPI_ISteamNetworkingSockets_CreateListenSocketIP, ",
            ),
        ],
    )
    def test_a_library_that_cannot_serve(
        self, surroundings: pytest.MonkeyPatch, tmp_path: Path, functions: list[str], words: str
    ) -> None:
        """Too old, or no Steam at all, or crippled: each is told from the others."""
        (tried,) = self.refusal(self.made(tmp_path, *functions)).tried
        assert words in tried

    def test_a_newer_interface_is_welcome(
        self, surroundings: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The next SDK's accessor is found by pattern; only what is missing is held against it."""
        made = self.made(tmp_path, "SteamAPI_SteamNetworkingSockets_SteamAPI_v014")
        (tried,) = self.refusal(made).tried
        assert "missing symbol SteamAPI_ISteamNetworkingSockets_" in tried

    def test_one_engine_at_a_time(self, steam: steamnet.Steam, library: str) -> None:
        """A second init is refused while the first is open."""
        assert "open already" in str(self.refusal(library))
        steam.shutdown()
        with steamnet.init(480, library=library) as again:
            assert again.core.is_initialized()


# The other binding ends Steam between our calls, not in the middle of one: nothing could help that.
ATTACHED = """
import ctypes, os, sys, threading, steamnet
sys.setswitchinterval(0.0005)
binding = ctypes.PyDLL(os.environ["LIBRARY"])  # keeps Python's lock, as our short calls do
def attach():
    assert binding.SteamAPI_InitFlat(None) == 0
    return steamnet.init(attach=True, library=os.environ["LIBRARY"])
"""
SHUT_DOWN_UNDER_CALLS = """
for _ in range(10):
    steam = attach()
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    group = sockets.create_poll_group()
    calls, ends = [
        lambda: sockets.send_message(here, b"hello"),
        lambda: sockets.send_messages([(there, b"hello", 8)] * 10),
        lambda: sockets.receive_messages_on_poll_group(group),
        lambda: sockets.get_connection_info(here),
        lambda: steam.networking_utils.get_local_timestamp(),
    ], []
    def work(call):
        try:
            while True:
                call()
        except steamnet.ClosedError as error:
            ends.append(error)
    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    binding.SteamAPI_Shutdown()
    for thread in threads:
        thread.join()
    assert len(ends) == len(calls)
    steam.run_callbacks()
    assert steam.core.steam_events()[-1].kind == steamnet.SteamEventKind.SHUTDOWN
    steam.shutdown()
print("survived")
"""
SHUT_DOWN_UNDER_SHUTDOWN = """
def notice(steam, start):
    start.wait()
    try:
        while True:
            steam.run_callbacks()
    except steamnet.ClosedError:
        pass
def end(steam, start):
    start.wait()
    steam.shutdown()
for _ in range(100):
    steam, start = attach(), threading.Barrier(3)
    binding.SteamAPI_Shutdown()
    threads = [threading.Thread(target=f, args=(steam, start)) for f in (notice, notice, end)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not steam.core.is_initialized()
print("survived")
"""
BY_HAND = """
import time
assert binding.SteamAPI_InitFlat(None) == 0
binding.SteamAPI_ManualDispatch_Init()
with steamnet.init(attach=True, library=os.environ["LIBRARY"]) as steam:
    listener = steam.listen(0)
    connection, accepted = steam.connect(int(steam.core.get_steam_id()), 0), None
    deadline = time.monotonic() + 10
    while connection.state != steamnet.ConnectionState.CONNECTED and time.monotonic() < deadline:
        steam.run_callbacks()
        accepted = listener.accept() or accepted
    assert connection.state == steamnet.ConnectionState.CONNECTED
    assert steam.core.steam_events() == []
binding.SteamAPI_Shutdown()
print("connected, no Steam events")
"""
SHUT_DOWN_UNDER_A_FOREIGN_PUMP = """
others, done = ctypes.CDLL(os.environ["LIBRARY"]), threading.Event()
def pump():
    while not done.is_set():
        others.SteamAPI_RunCallbacks()
for _ in range(50):
    steam = attach()
    thread = threading.Thread(target=pump)
    thread.start()
    for connection in steam.networking_sockets.create_socket_pair():
        steam.networking_sockets.close_connection(connection)
    steam.run_callbacks()
    steam.shutdown()
    others.fake_steam_close()
    done.set()
    thread.join()
    done.clear()
binding.SteamAPI_Shutdown()
print("survived")
"""


class TestAttach:
    """Another binding in the process has initialised Steam, and pumps it."""

    @pytest.fixture
    def other(self, library: str, surroundings: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
        """Return the other binding, with Steam open."""
        surroundings.setenv("SteamAppId", "570")
        binding = ctypes.CDLL(library)
        binding.SteamAPI_InitFlat.argtypes = [ctypes.c_char_p]
        words = ctypes.create_string_buffer(1024)
        assert binding.SteamAPI_InitFlat(words) == 0, words.value
        yield binding
        binding.SteamAPI_Shutdown()

    def test_an_attached_engine_leaves_steam_as_it_was(
        self, other: ctypes.CDLL, library: str, until: Callable[..., None]
    ) -> None:
        """Callbacks arrive from the other's pump; shutdown ends only us."""
        with steamnet.init(attach=True, library=library) as steam:
            assert steam.core.get_app_id() == 570
            assert steam.core.get_steam_id() == ALICE
            sockets = steam.networking_sockets
            assert sockets.create_listen_socket_p2p(0)
            connection = sockets.connect_p2p(int(ALICE), 0)
            assert connection
            kinds: list[int] = []
            steam.core.on_steam_event(lambda event: kinds.append(event.kind))
            other.SteamAPI_RunCallbacks()
            until(lambda: kinds, steam, what="an event that the other binding pumped")
            incoming = [e.connection for e in sockets.connection_events() if e.is_incoming_request]
            assert len(incoming) == 1
            assert sockets.accept_connection(incoming[0])
            until(
                lambda: sockets.get_connection_info(connection).state == ConnectionState.CONNECTED,  # type: ignore[union-attr]  # alive
                steam,
                what="connected",
            )
            assert sockets.close_connection(connection)
            assert sockets.close_connection(incoming[0])
        assert other.SteamAPI_GetHSteamUser() == 1
        other.SteamAPI_RunCallbacks()

    def test_the_other_may_shut_steam_down_first(self, other: ctypes.CDLL, library: str) -> None:
        """Every call notices, the event says so, and nothing of Steam is touched again."""
        steam = steamnet.init(attach=True, library=library)
        sockets = steam.networking_sockets
        listener, connection = steam.listen(0), steam.connect(int(ALICE), 0)
        here, there = sockets.create_socket_pair()
        sockets.send_message(here, bytes(300_000))
        (kept,) = sockets.receive_messages(there)
        steam.networking_utils.set_debug_output(4)
        steam.run_callbacks()
        steam.core.steam_events()
        other.SteamAPI_Shutdown()
        calls: list[Callable[[], object]] = [
            lambda: sockets.send_message(here, b"anybody there?"),
            lambda: sockets.send_messages([(here, b"anybody", SendFlags.RELIABLE)]),
            lambda: sockets.receive_messages(there),
            lambda: sockets.get_connection_info(here),
            lambda: sockets.create_listen_socket_p2p(1),
            lambda: sockets.close_connection(here),
            lambda: steam.networking_messages.receive_messages_on_channel(0),
            lambda: steam.networking_utils.get_local_timestamp(),
            steam.core.get_steam_id,
            listener.accept,
            lambda: connection.send(b"and there?"),
        ]
        words = "Steam has been shut down by what had initialised it"
        for call in calls:
            with pytest.raises(ClosedError, match=words):
                call()
        assert "shut down" in repr(steam)
        assert not steam.core.is_initialized()
        connection.close()
        calls.pop()
        steam.run_callbacks()
        assert [event.kind for event in steam.core.steam_events()] == [SteamEventKind.SHUTDOWN]
        calls += [steam.run_callbacks, sockets.connection_events]
        with pytest.raises(ClosedError, match=words):
            steam.run_callbacks()
        steam.shutdown()
        for call in calls:
            with pytest.raises(ClosedError, match=words):
                call()
        assert bytes(kept) == bytes(300_000)
        with steamnet.init(480, library=library) as again:
            assert again.networking_sockets.create_listen_socket_p2p(0)

    def test_the_other_may_start_steam_anew(self, other: ctypes.CDLL, library: str) -> None:
        """The new Steam, even at the old one's address, knows nothing of our handles."""
        with steamnet.init(attach=True, library=library) as steam:
            here, _ = steam.networking_sockets.create_socket_pair()
            other.SteamAPI_Shutdown()
            assert other.SteamAPI_InitFlat(None) == 0
            with suppress(ClosedError):
                assert steam.networking_sockets.send_message(here, b"") == EResult.INVALID_PARAM
        assert other.SteamAPI_GetHSteamUser() == 1

    @pytest.mark.parametrize(
        "threads",
        [SHUT_DOWN_UNDER_CALLS, SHUT_DOWN_UNDER_SHUTDOWN, SHUT_DOWN_UNDER_A_FOREIGN_PUMP],
        ids=["calls", "shutdown", "foreign pump"],
    )
    def test_no_thread_calls_into_a_steam_that_is_gone(self, threads: str, library: str) -> None:
        """Whoever finds out first, and whatever the others are at: refusals, and no crash."""
        program = python(ATTACHED + textwrap.dedent(threads), SteamAppId="480", LIBRARY=library)
        assert output(program, timeout=120) == "survived\n"

    def test_a_foreign_loop_that_dispatches_by_hand_takes_nothing_of_ours(
        self, library: str, surroundings: pytest.MonkeyPatch
    ) -> None:
        """Networking's events need no dispatch of Steam's; Steam's own are then the other's."""
        program = python(ATTACHED + textwrap.dedent(BY_HAND), SteamAppId="480", LIBRARY=library)
        assert output(program) == "connected, no Steam events\n"

    def test_a_game_server_of_anothers(
        self, library: str, surroundings: pytest.MonkeyPatch
    ) -> None:
        """A server that another binding has started is used, noticed to go, and left alone."""
        surroundings.setenv("SteamAppId", "480")
        binding, words = ctypes.CDLL(library), ctypes.create_string_buffer(1024)
        start = [0, 27015, 27016, 3, b"1.0.0.0", None, words]
        assert binding.SteamInternal_GameServer_Init_V2(*start) == 0, words.value
        options = {"product": "game", "version": "1.0.0.0", "library": library}
        with steamnet.init_game_server(attach=True, **options) as server:
            assert server.networking_sockets.create_listen_socket_p2p(0)
        assert binding.SteamGameServer_GetHSteamUser() == 1
        with steamnet.init_game_server(attach=True, **options) as server:
            binding.SteamGameServer_Shutdown()
            with pytest.raises(ClosedError):
                server.networking_sockets.create_listen_socket_p2p(0)

    def test_there_must_be_something_to_attach_to(self, library: str) -> None:
        """Attaching never starts Steam; the error names what the process has loaded."""
        with pytest.raises(InitError, match="this process has not initialised Steam") as no:
            steamnet.init(attach=True, library=library)
        assert re.search(f"This process has loaded: .*{re.escape(library)}", str(no.value))

    def test_a_library_that_a_wheel_has_renamed_is_found(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The other binding's wheel has put a hash into the library's name."""
        library = Path(fakes["v013"])
        shutil.copytree(library.parent, tmp_path / "wheel")
        renamed = tmp_path / "wheel" / "libsteam_api-5c0ffee5.so"
        renamed.with_name(library.name).rename(renamed)
        surroundings.setenv("SteamAppId", "570")
        program = f"""
            import ctypes, steamnet
            binding = ctypes.CDLL({str(renamed)!r})
            binding.SteamAPI_InitFlat.argtypes = [ctypes.c_char_p]
            words = ctypes.create_string_buffer(1024)
            assert binding.SteamAPI_InitFlat(words) == 0, words.value
            with steamnet.init(attach=True) as steam:
                print(steam.engine.library, steam.core.get_app_id())
            binding.SteamAPI_Shutdown()
        """
        out, errors = python(program).communicate(timeout=60)
        assert errors == ""
        assert out == f"{renamed} 570\n"

    def test_somebody_elses_steam_is_not_taken_over(self, other: ctypes.CDLL, library: str) -> None:
        """Without attach=True a second owner would shut it down under the first."""
        with pytest.raises(InitError, match="attach=True"):
            steamnet.init(480, library=library)
        assert other.SteamAPI_GetHSteamUser() == 1


class TestGameServer:
    """A dedicated server, without a user."""

    def test_a_server_logs_on_anonymously(self, library: str, until: Callable[..., None]) -> None:
        """It has an identity once Steam's servers know it, and its own accessor."""
        with steamnet.init_game_server(
            480, product="game", version="1.0.0.0", library=library
        ) as server:
            events = server.core.steam_events
            until(lambda: server.core.get_steam_id(), server, what="log-on")
            assert server.core.get_steam_id() == ALICE
            assert server.core.get_app_id() == 480
            assert [event.kind for event in events()] == [SteamEventKind.SERVERS_CONNECTED]
            assert "SteamGameServerNetworkingSockets" in server.engine.accessor
            assert server.networking_sockets.create_listen_socket_p2p(0)
        with steamnet.init(480, library=library) as steam:
            assert steam.core.get_steam_id() == ALICE

    def test_a_bad_token_is_refused_in_an_event(
        self, library: str, until: Callable[..., None]
    ) -> None:
        """Log-on failures arrive with Steam's result."""
        with steamnet.init_game_server(
            480, product="game", version="1.0.0.0", token="stolen", library=library
        ) as server:
            events: list[tuple[int, int]] = []
            server.core.on_steam_event(lambda event: events.append((event.kind, event.result)))
            until(lambda: events, server, what="the refusal")
            assert events == [(SteamEventKind.SERVER_CONNECT_FAILURE, EResult.ACCOUNT_NOT_FOUND)]
            assert server.core.get_steam_id() == ""

    def test_steam_refuses_a_version_that_is_none(self, library: str) -> None:
        """Steam's own words reach the server's operator."""
        with pytest.raises(InitError, match="Invalid server mode or version string") as refused:
            steamnet.init_game_server(480, product="game", version="one", library=library)
        assert "Are version, mode and ports right" in str(refused.value)
