"""A fake libsteam_api of each SDK version over real GNS, and a machine on which Steam runs."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requirements
from fake_steam import build as builder
from topologies import ALICE

import steamnet

APP_ID_NAMES = ["SteamAppId", "SteamGameId"]
HELPERS = Path(__file__).parents[2] / "helpers"


@pytest.fixture(scope="session")
def fakes(gns: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Fakes by interface version, one without SteamAPI_InitFlat, and one without lobbies."""
    folder = tmp_path_factory.mktemp("fake_steam")
    return {
        "v012": str(builder.build(folder / "v012", 12)),
        "v013": str(builder.build(folder / "v013", 13)),
        "v014": str(builder.build(folder / "v014", 14)),
        "early": str(builder.build(folder / "early", 12, "-DWITHOUT_INIT_FLAT")),
        "no lobbies": str(builder.build(folder / "none", 12, "-DWITHOUT_LOBBIES")),
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
    requirements.ice()
