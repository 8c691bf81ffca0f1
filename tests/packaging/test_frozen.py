"""A frozen game needs no Python and no environment, and PyInstaller no word from its maker."""

import ast
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requirements

SMOKE = Path(__file__).parents[2] / "wheelhouse-config" / "smoke_two_processes.py"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Freeze a program whose two processes talk, into a folder."""
    tmp_path = tmp_path_factory.mktemp("frozen")
    if importlib.util.find_spec("PyInstaller") is None:
        requirements.missing("PyInstaller is not installed")
    folders = [f"--{kind}path={tmp_path / kind}" for kind in ("dist", "work", "spec")]
    command = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--onedir",
        "--log-level=ERROR",
        *folders,
        SMOKE,
    ]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    return tmp_path / "dist" / SMOKE.stem


def run(frozen: Path, folder: Path, **environment: str) -> str:
    """Run the frozen program with this environment only, and return what it says."""
    # Windows itself needs to know where Windows is.
    system = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    done = subprocess.run(
        [frozen / SMOKE.stem],
        env=system | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "two processes talked" in done.stdout
    return done.stdout


def test_a_frozen_game_runs_from_an_empty_environment(frozen: Path, tmp_path: Path) -> None:
    """Both processes are the frozen program, which finds all it needs in its own folder."""
    assert list(frozen.rglob("_cffi_backend*"))
    assert "nothing else" in run(frozen, tmp_path)


def test_a_frozen_game_brings_the_library_of_steamnet_gns(frozen: Path, tmp_path: Path) -> None:
    """Real GNS comes from the program's own folder, and all that it needs from there, too."""
    if importlib.util.find_spec("steamnet_gns") is None:
        requirements.missing("steamnet-gns is not installed; CONTRIBUTING.md says how")
    requirements.ice()
    said = run(frozen, tmp_path, STEAMNET_ENGINE="gns")
    assert f"and {frozen}" in said, said


def test_pyinstaller_finds_the_hook() -> None:
    """The entry point names the folder of a hook that knows what is loaded on demand."""
    (found,) = (
        point
        for point in importlib.metadata.entry_points(group="pyinstaller40", name="hook-dirs")
        if point.value.startswith("steamnet.")
    )
    (folder,) = found.load()()
    hook = Path(folder, "hook-steamnet.py").read_text(encoding="utf-8")
    (names,) = (line for line in hook.splitlines() if line.startswith("hiddenimports"))
    for name in ast.literal_eval(names.partition(" = ")[2]):
        assert importlib.util.find_spec(name), name
