"""Valve's own libsteam_api binaries in our hands: each loads, or is refused with the right words.

They come from ``tools/real_engines.py steam``; STEAMNET_STEAM_LIBRARIES names its steam.json.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from requirements import missing

LIST = os.environ.get("STEAMNET_STEAM_LIBRARIES", "")
LIBRARIES: list[dict[str, Any]] = json.loads(Path(LIST).read_text()) if LIST else []
HERE = f"{platform.system().lower()}-{platform.machine().lower()}"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="knows Valve's words on Linux only")
WINE_PROBE = Path(__file__).parents[1] / "c" / "wine_probe.sh"


def words_for(library: dict[str, Any]) -> list[str]:
    """Return what must be said of a library that cannot serve; [] if it can."""
    if library["accessor"] is None:
        return ["SDK too old: it has no ISteamNetworkingSockets", "SDK 1.44", "v012 of it or newer"]
    version = library["accessor"][-4:]
    if version < "v012":
        return [f"SDK too old: its ISteamNetworkingSockets {version} has no lanes", "v012 or newer"]
    return []


def each(libraries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Run a test once for each of these; once without any where there are none, to say so."""
    names = [f"{x['package']}-{x['version']}-{x['platform']}" for x in libraries]
    return pytest.mark.parametrize("library", libraries or [{}], ids=names or ["none"])


MODERN = [x for x in LIBRARIES if x["platform"] == HERE and not words_for(x)]


@pytest.fixture(autouse=True)
def _libraries(request: pytest.FixtureRequest) -> None:
    if not LIBRARIES:
        missing("no real libsteam_api: STEAMNET_STEAM_LIBRARIES names no steam.json")
    if "library" in request.fixturenames and not request.getfixturevalue("library"):
        missing(f"no real libsteam_api for {HERE}")


def python(code: str, library: dict[str, Any], home: Path) -> str:
    """Return what a program prints about a library; Valve's do not unload, so it is a new one."""
    done = subprocess.run(
        [sys.executable, "-c", code, library["file"]],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


REFUSAL = """
import steamnet, sys
try:
    steamnet.{}(480, {}library=sys.argv[1])
except steamnet.InitError as error:
    print(error)
"""


@each(LIBRARIES)
def test_each_library_is_refused_or_refuses(library: dict[str, Any], tmp_path: Path) -> None:
    """Our words for what cannot serve; Valve's, and a hint, where no Steam client is."""
    words = python(REFUSAL.format("init", "engine='steam', "), library, tmp_path)
    if library["platform"] != HERE:
        assert "a library for " in words or "-bit" in words
    elif expected := words_for(library):
        assert all(part in words for part in expected), words
    else:
        assert f"Failed to load module '{tmp_path}/.steam/sdk64/steamclient.so'" in words
        assert "Is Steam running, under the same user, and logged in?" in words
        assert 'engine="loopback"' in words


@each(MODERN)
def test_a_modern_library_lacks_no_function(library: dict[str, Any], tmp_path: Path) -> None:
    """The table is full for every SDK that steamnet accepts; the accessor is the library's own."""
    code = """
import sys
from steamnet import engine
loaded = engine.load("steam", engine.KINDS["steam"], sys.argv[1])
print(loaded.accessor, [name for name, there in loaded.functions() if not there])
"""
    assert python(code, library, tmp_path) == f"{library['accessor']} []\n"


@each(MODERN)
def test_a_game_server_is_refused_in_valves_words(library: dict[str, Any], tmp_path: Path) -> None:
    """SteamInternal_GameServer_Init_V2 answers sensibly to the arguments that we give it."""
    code = REFUSAL.format("init_game_server", "product='p', version='1.0', ")
    words = python(code, library, tmp_path)
    assert f"Failed to load module '{tmp_path}/.steam/sdk64/steamclient.so'" in words
    assert "steamclient.so was not found" in words
    assert "needs neither a running Steam nor the app" in words
    assert "logged in" not in words


def test_windows_libraries_under_wine() -> None:
    """Our C, built for Windows, loads Valve's DLLs or refuses them, and resolves every function."""
    windows = [x for x in LIBRARIES if x["platform"] == "windows-x86_64"]
    assert windows
    for tool in ("x86_64-w64-mingw32-gcc", "wine64"):
        if not (shutil.which(tool) or shutil.which(tool, path="/usr/lib/wine")):
            missing(f"no {tool}: the Windows libraries cannot be tried")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(WINE_PROBE), folder, *(x["file"] for x in windows)],
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    rows = [line[2:-2].split(" | ") for line in done.stdout.splitlines()[2:]]
    assert len(rows) == len(windows)
    for library, (path, loads, accessor, lacking, start) in zip(windows, rows, strict=True):
        assert path.endswith(library["file"])
        if expected := words_for(library):
            assert loads == "no"
            assert all(words in start for words in expected)
        else:
            assert (loads, accessor, lacking) == ("yes", library["accessor"], "none")
            assert start == "Could not determine Steam client install directory."
