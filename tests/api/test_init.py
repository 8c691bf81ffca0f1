"""steamnet.init: which engine, who we are, what refuses; the search has tests of its own."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest

import steamnet
from steamnet import ClosedError, Identity, InitError, Steam
from steamnet._native import receive_on_connection
from steamnet.engine import Engine

pytestmark = pytest.mark.python_behaviour

ALICE = "76561198000000001"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the variables that init reads to each test."""
    for name in ("STEAMNET_ENGINE", "STEAMNET_IDENTITY", "SteamAppId", "SteamGameId"):
        monkeypatch.delenv(name, raising=False)


# --- which engine ---------------------------------------------------------------------------------


def test_an_engine_knows_itself(engine: str) -> None:
    """Its name, where it comes from, and what it supports."""
    with steamnet.init(engine=engine) as steam:
        about = steam.engine
        assert about.name == engine
        assert about.version != ""
        assert (about.library is None) == (engine == "loopback")
        assert about.accessor != ""
        assert about.supports("CreateSocketPair") is True
        assert about.supports("ISteamNetworkingSockets_CreateSocketPair") is True
        assert about.supports("SteamAPI_ISteamNetworkingSockets_CreateSocketPair") is True
        assert about.supports("CreateFakeUDPPort") is False
        for unknown in ("SocketPair", "", "createsocketpair"):
            assert about.supports(unknown) is False
        assert repr(about) == f"<Engine {engine}>"
    assert repr(about) == f"<Engine {engine}, closed>"
    assert about.supports("CreateSocketPair") is True


def test_the_environment_names_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unmodified game runs without Steam under STEAMNET_ENGINE=loopback."""
    monkeypatch.setenv("STEAMNET_ENGINE", "loopback")
    with steamnet.init(app_id=480) as steam:
        assert steam.engine.name == "loopback"
        assert steam.core.get_app_id() == 480


def test_the_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program says goes."""
    monkeypatch.setenv("STEAMNET_ENGINE", "steam")
    with steamnet.init(engine="loopback") as steam:
        assert steam.engine.name == "loopback"


@pytest.mark.parametrize("variable", [None, ""])
def test_steam_is_the_default_and_nothing_stands_in_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None
) -> None:
    """A game must not end up offline unnoticed: no Steam, no engine."""
    if variable is not None:
        monkeypatch.setenv("STEAMNET_ENGINE", variable)
    monkeypatch.setenv("STEAMNET_LIBRARY", str(tmp_path / "libsteam_api.so"))
    with pytest.raises(InitError) as caught:
        steamnet.init(app_id=480)
    assert len(caught.value.tried) == 1
    assert str(tmp_path) in caught.value.tried[0]
    assert "not found" in caught.value.tried[0]
    assert 'engine="loopback"' in str(caught.value)
    assert caught.value.tried[0] in str(caught.value)


def test_a_failed_start_leaves_the_environment_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The app id was given to nobody."""
    monkeypatch.setenv("SteamAppId", "1")
    before = dict(os.environ)
    with pytest.raises(InitError):
        steamnet.init(app_id=480, library=tmp_path / "libsteam_api.so")
    assert dict(os.environ) == before


def test_loopback_says_nothing_to_steam() -> None:
    """No app id in the environment, no file written."""
    before = dict(os.environ), sorted(os.listdir("."))
    with steamnet.init(app_id=480, engine="loopback"):
        assert (dict(os.environ), sorted(os.listdir("."))) == before


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "an engine nobody has": ({"engine": "photon"}, ValueError, "engine must be 'steam', 'gns' or"),
    "an app id of letters": ({"app_id": "480", "engine": "loopback"}, TypeError, "app_id"),
    "an engine as app id": ({"app_id": "gns"}, TypeError, "engine is given as engine='gns'"),
    "a float as app id": ({"app_id": 480.0, "engine": "loopback"}, TypeError, "app_id"),
    "a negative app id": ({"app_id": -1, "engine": "loopback"}, ValueError, "app_id"),
    "a name for Steam": ({"engine": "steam", "identity": ALICE}, ValueError, "Steam knows who"),
    "a library for loopback": ({"engine": "loopback", "library": "x"}, ValueError, "built in"),
    "a name that is none": ({"engine": "loopback", "identity": "gabe"}, ValueError, "no identity"),
    "a float for a name": ({"engine": "loopback", "identity": 1.5}, TypeError, "identity"),
    "signals on loopback": ({"engine": "loopback", "signaling": object()}, ValueError, "gns"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_meant_raises(what: str) -> None:
    """Before anything is loaded."""
    arguments, error, words = WRONG[what]
    with pytest.raises(error, match=words) as caught:
        steamnet.init(**arguments)
    assert not isinstance(caught.value, InitError)


def test_what_only_steam_knows_is_no_hindrance_elsewhere() -> None:
    """A game that attaches, or may be restarted through Steam, runs unmodified on loopback."""
    with steamnet.init(480, engine="loopback", allow_restart=True, attach=True) as steam:
        assert steam.engine.name == "loopback"


def test_a_wrong_name_in_the_environment_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one in the program would."""
    monkeypatch.setenv("STEAMNET_ENGINE", "photon")
    with pytest.raises(ValueError, match=r"^STEAMNET_ENGINE must be .*'photon'$"):
        steamnet.init()
    monkeypatch.setenv("STEAMNET_IDENTITY", "gabe")
    with pytest.raises(ValueError, match=r"^STEAMNET_IDENTITY: 'gabe' is no identity"):
        steamnet.init(engine="loopback")


# --- who we are -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text", "steam_id"),
    [
        (ALICE, ALICE, ALICE),
        (int(ALICE), ALICE, ALICE),
        (f"steamid:{ALICE}", ALICE, ALICE),
        (Identity.parse("str:alice"), "str:alice", ""),
        ("str:alice", "str:alice", ""),
        ("ip:127.0.0.1:27015", "ip:127.0.0.1:27015", ""),
        ("gen:cafe", "gen:cafe", ""),
    ],
)
def test_we_are_who_we_say(engine: str, given: Any, text: str, steam_id: str) -> None:
    """As a Steam ID in each spelling, or as any identity string."""
    with steamnet.init(engine=engine, identity=given) as steam:
        assert str(steam.networking_sockets.get_identity()) == text
        assert steam.core.get_steam_id() == steam_id


def test_the_environment_says_who_we_are(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program does not."""
    monkeypatch.setenv("STEAMNET_IDENTITY", "str:environment")
    with steamnet.init(engine=engine) as steam:
        assert str(steam.networking_sockets.get_identity()) == "str:environment"
    with steamnet.init(engine=engine, identity="str:program") as steam:
        assert str(steam.networking_sockets.get_identity()) == "str:program"


def test_else_we_are_somebody_new(engine: str) -> None:
    """Each time with a Steam ID that an account of the public universe could have."""
    seen = set()
    for _ in range(4):
        with steamnet.init(engine=engine) as steam:
            seen.add(int(steam.core.get_steam_id()))
    assert len(seen) == 4
    assert all(0 < number - 76561197960265728 < 2**32 for number in seen)


# --- opening and shutting down --------------------------------------------------------------------


def test_a_library_engine_is_open_once(gns: None) -> None:
    """Until shutdown; then it can be opened again, as somebody else."""
    first = steamnet.init(engine="gns", identity="str:first")
    with pytest.raises(InitError, match="open already"):
        steamnet.init(engine="gns")
    assert str(first.networking_sockets.get_identity()) == "str:first"
    first.shutdown()
    with steamnet.init(engine="gns", identity="str:second") as second:
        assert str(second.networking_sockets.get_identity()) == "str:second"
    with pytest.raises(ClosedError):
        first.run_callbacks()


def test_loopback_is_open_as_often_as_one_likes(gns: None) -> None:
    """Each its own user, beside a library engine too."""
    opened = [steamnet.init(engine="gns"), *(steamnet.init(engine="loopback") for _ in range(10))]
    assert len({steam.core.get_steam_id() for steam in opened}) == 11
    for steam in opened:
        steam.shutdown()


def test_leaving_the_context_shuts_down(engine: str) -> None:
    """Also when an exception leaves it."""
    with pytest.raises(LookupError), steamnet.init(engine=engine) as steam:
        raise LookupError
    assert not steam.core.is_initialized()
    with steamnet.init(engine=engine) as again:
        assert isinstance(again, Steam)
        assert again.core.is_initialized()


def test_core_needs_no_app_id(engine: str) -> None:
    """Without Steam it is the one given, else 0."""
    with steamnet.init(engine=engine) as steam:
        assert steam.core.get_app_id() == 0
    with steamnet.init(480, engine=engine) as steam:
        assert steam.core.get_app_id() == 480


def test_an_init_that_is_interrupted_leaves_no_engine_open(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the engine's start and the user's hands stops it all the same."""
    kept: list[Any] = []

    def interrupt(engine: Engine, sockets: Any, *_: Any) -> None:
        here, there = sockets.create_socket_pair()
        sockets.send_message(here, bytes(100_000))
        while not (got := sockets.receive_messages(there)):
            engine.pump()
        kept.extend((engine.address, got))  # a large message keeps the native engine in memory
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steamnet.steam, "Router", interrupt)
        with pytest.raises(KeyboardInterrupt):
            steamnet.init(engine=engine)
    gc.collect()
    with pytest.raises(ClosedError):
        receive_on_connection(kept[0], 1, 1)
    kept.clear()
    with steamnet.init(engine=engine) as steam:
        assert steam.networking_sockets.create_socket_pair() != (0, 0)
