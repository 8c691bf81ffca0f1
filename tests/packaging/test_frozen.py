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


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Freeze a program whose two processes talk, into a folder."""
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


def test_a_frozen_game_runs_from_an_empty_environment(frozen: Path, tmp_path: Path) -> None:
    """Both processes are the frozen program, which finds all it needs in its own folder."""
    assert list(frozen.rglob("_cffi_backend*"))
    # Windows itself needs to know where Windows is.
    environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    done = subprocess.run(
        [frozen / SMOKE.stem],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "two processes talked" in done.stdout


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
