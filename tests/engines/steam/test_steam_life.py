"""The steam engine from start to end: who we are, app ids, restarts, game servers."""

import ctypes
import gc
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from steam_programs import PYTHON, output, run
from topologies import ALICE

import steamnet
from steamnet import (
    EResult,
    InitError,
    SendFlags,
)
from steamnet.steam import SteamEventKind

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Steam is built for POSIX")
APP_ID_NAMES = ["SteamAppId", "SteamGameId"]
HELPERS = Path(__file__).parents[2] / "helpers"


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
        """The game gets the event, goes on calling, and shuts down cleanly."""
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
        orders = [str(HELPERS / "fake_steam" / "orders.py"), "250", str(seed), *fakes.values()]
        text = output(run(*PYTHON, *orders), timeout=240)
        found = re.search(r"survived 250 orders, (\d+) starts, (\d+) attached", text)
        assert found is not None
        assert int(found[1]) > 60
        assert int(found[2]) > 40


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
