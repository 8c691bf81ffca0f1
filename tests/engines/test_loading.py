"""No library is picked up from where somebody else may have put one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import steamnet
from steamnet.libraries import file_name

PLANTED = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void run(void) { puts("PLANTED"); exit(66); }
"""
NAMES = (
    "libsteam_api.so",
    "steam_api64.dll",
    "libsteam_api.dylib",
    "libGameNetworkingSockets.so",
    "libGameNetworkingSockets.so.1",
    "steamclient.so",
    "libprotobuf.so",
    "_native.abi3.so",
    "_cffi_backend.so",
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder full of libraries that end the process that loads them."""
    folder = tmp_path_factory.mktemp("planted")
    source = folder / "planted.c"
    source.write_text(PLANTED)
    compiler = os.environ.get("CC", "cc").split()
    library = folder / NAMES[0]
    subprocess.run([*compiler, "-shared", "-fPIC", source, "-o", library], check=True)
    for name in {*NAMES[1:], file_name("steam"), file_name("gns")} - {NAMES[0]}:
        (folder / name).write_bytes(library.read_bytes())
    return folder


def run(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in that folder, without a library being named for it."""
    kept = {k: v for k, v in os.environ.items() if k != "STEAMNET_LIBRARY"}
    kept["PYTHONPATH"] = str(Path(steamnet.__file__).parents[1])  # whatever else it may have held
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


INIT = """if True:
    import steamnet
    for engine in ("steam", "gns"):
        try:
            with steamnet.init(480, engine=engine) as steam:
                print(engine, steam.engine.library)
        except steamnet.InitError as error:
            print(error)
    steamnet.init(engine="loopback").shutdown()
    print("loopback")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="its search order is set in platform/windows.c")
class TestPlanted:
    """A library lies where an attacker could put it."""

    def test_the_trap_works(self, planted: Path) -> None:
        """Named in full, the planted library is loaded: the other tests prove something."""
        program = "import steamnet; steamnet.init(480, engine='steam')"
        done = run(planted, program, STEAMNET_LIBRARY=str(planted / file_name("steam")))
        assert done.returncode == 66

    def test_current_directory(self, planted: Path) -> None:
        """Nothing is loaded from the current directory."""
        done = run(planted, INIT)
        assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["loopback"]), done.stderr
        assert str(planted) not in done.stdout

    def test_path(self, planted: Path) -> None:
        """Nor from PATH, nor from an empty element of a path, which means the same."""
        done = run(planted, INIT, PATH=f"{planted}::{os.environ['PATH']}")
        assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["loopback"]), done.stderr
        assert str(planted) not in done.stdout

    def test_candidates_are_absolute(self, planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever is tried is named from the root, wherever the program was started."""
        monkeypatch.chdir(planted)
        monkeypatch.delenv("STEAMNET_LIBRARY", raising=False)
        for engine in ("steam", "gns"):
            for path in steamnet.libraries.candidates(engine):
                # A name without a folder is the system's to find, which never looks here.
                assert Path(path).is_absolute() or Path(path).name == path
                assert Path(path).parent != planted
