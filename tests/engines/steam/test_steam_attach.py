"""Attaching to a Steam that another binding in the process has initialised."""

import ctypes
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from steam_programs import output, python
from topologies import ALICE

import steamnet
from steamnet import (
    ClosedError,
    ConnectionState,
    EResult,
    InitError,
    SendFlags,
)
from steamnet.steam import SteamEventKind

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Steam is built for POSIX")


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
    deadline = time.monotonic() + 60
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

    def test_the_other_may_start_steam_again(self, other: ctypes.CDLL, library: str) -> None:
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
        """Whichever thread notices first, whatever the others do: refusals, and no crash."""
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
