"""Fetches what we compare with, each apart from everything else, and says why one is missing."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FAKE_STEAM = HERE.parent / "tests" / "helpers" / "fake_steam" / "build.py"
SWIG, NODE = "steamworks-swig", "steamworks-ffi-node"


class MissingError(Exception):
    """Why a peer cannot be measured here."""


def _fake_steam() -> Any:
    spec = importlib.util.spec_from_file_location("fake_steam_build", FAKE_STEAM)
    if spec is None or spec.loader is None:
        raise MissingError(f"no {FAKE_STEAM}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise MissingError(f"{Path(command[0]).name}: {lines[-1] if lines else done.returncode}")


def fetch(cache: Path, package: str | None) -> list[str]:
    """A package of PyPI in a folder of its own: what to put before the search path."""
    if package is None:
        return []
    folder = cache / "pip" / package
    if not folder.exists():
        _run(sys.executable, "-m", "pip", "install", "-q", "--target", folder, package)
    return [str(folder)]


def swig(cache: Path) -> dict[str, Any]:
    """steamworks-swig, its Steam library replaced by the fake: options for hot.py."""
    folder = cache / "swig"
    package = folder / "steamworks"
    if not package.exists():
        _run(sys.executable, "-m", "pip", "install", "-q", "--target", folder, SWIG)
    _fake_steam().build(package, 13)  # over the library that the wheel carries
    return {"swig": str(folder), "library": str(package / "libsteam_api.so")}


def node(cache: Path) -> tuple[list[str], dict[str, Any]]:
    """steamworks-ffi-node over the fake: the command and the options for node.js."""
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        raise MissingError("no node or npm on this machine")
    folder = cache / "node"
    package = folder / "node_modules" / NODE
    if not package.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, NODE)
    libraries = folder / "sdk" / "redistributable_bin" / "linux64"
    library = _fake_steam().build(libraries, 12, str(HERE / "node_release.c"))
    options = {"package": str(package), "sdk": str(folder / "sdk"), "library": str(library)}
    # GNS may need a newer C library than this machine's: then the one that our python runs on.
    return [*_loader(), str(Path(program).resolve()), str(HERE / "node.js")], options


def _loader() -> list[str]:
    mapped = Path("/proc/self/maps").read_text().split()
    loaders = {path for path in mapped if Path(path).name.startswith("ld-linux")}
    loader = Path(loaders.pop()) if loaders else None
    if loader is None or loader.parent in (Path("/lib64"), Path("/usr/lib/x86_64-linux-gnu")):
        return []
    return [str(loader), "--library-path", str(loader.parent)]
