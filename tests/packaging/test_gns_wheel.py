"""steamnet-gns, as installed: it shares nothing with the system, no licence is missing."""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requirements

import steamnet

# What every Linux has, under the same name, since long before the floor of the wheel.
C_LIBRARY = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


@pytest.fixture(scope="module")
def companion() -> Path:
    """The folder of the installed package."""
    found = importlib.util.find_spec("steamnet_gns")
    if found is None or found.origin is None:
        requirements.missing("steamnet-gns is not installed; CONTRIBUTING.md says how")
    return Path(found.origin).parent


def _elf(library: Path, *what: str) -> str:
    return subprocess.run(
        ["readelf", "--wide", *what, library], capture_output=True, text=True, check=True
    ).stdout


def test_every_library_it_needs_is_beside_it_or_the_c_library(companion: Path) -> None:
    """The loader looks into the package's folder first, for names that no other library has."""
    libraries = {path.name: path for path in companion.glob("*.so")}
    assert len(libraries) > 3
    for name, path in libraries.items():
        dynamic = _elf(path, "--dynamic")
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
        assert needed <= {*libraries, *C_LIBRARY}, name
        assert re.findall(r"RUNPATH.*\[(.*)\]", dynamic) == ["$ORIGIN"], name
        assert re.findall(r"SONAME.*\[(.*)\]", dynamic) == [name]
    shared = set(libraries) - {"libGameNetworkingSockets.so"}
    assert all("steamnet_gns" in name for name in shared), shared


def test_no_library_needs_a_newer_c_library_than_the_wheels_name_says(companion: Path) -> None:
    """Pip refuses the wheel where the loader would."""
    wheel = importlib.metadata.distribution("steamnet-gns").read_text("WHEEL") or ""
    floor = tuple(map(int, re.findall(r"manylinux_(\d+)_(\d+)_", wheel)[0]))
    assert floor <= (2, 36)
    for path in companion.glob("*.so"):
        shown = _elf(path, "--version-info")
        versions = re.findall(r"Name: GLIBC_([\d.]+)", shown)
        assert all(tuple(map(int, v.split("."))) <= floor for v in versions), path
        assert "__isoc23_" not in _elf(path, "--dyn-syms")


def test_openssl_and_the_cpp_library_are_there_twice(companion: Path) -> None:
    """Python's own OpenSSL, and the C++ library of another package, are used before and after."""
    program = """
        import ctypes, ssl
        ctypes.CDLL("libstdc++.so.6")
        import steamnet
        from steamnet.libraries import loaded
        context = ssl.create_default_context()
        with steamnet.init(engine="gns", identity="str:ann") as steam:
            a, b = steam.networking_sockets.create_socket_pair(True)
            steam.networking_sockets.send_message(a, b"x" * 5000)
            while not (got := steam.networking_sockets.receive_messages(b)):
                steam.run_callbacks()
            assert bytes(got[0]) == b"x" * 5000
            ssl.MemoryBIO(), ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
        for name in ("libcrypto", "libstdc++"):
            print(len([path for path in loaded() if name in path]))
        ssl.create_default_context()
    """
    words = [sys.executable, "-c", re.sub(r"^ {8}", "", program, flags=re.MULTILINE)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["2", "2"]


def test_every_package_inside_has_its_licence_and_its_version(companion: Path) -> None:
    """What Debian says of each package, and the texts that it refers to, are in the wheel."""
    import steamnet_gns

    distribution = importlib.metadata.distribution("steamnet-gns")
    licences = {
        str(file).partition("/licenses/")[2]: file.read_text(encoding="utf-8")
        for file in distribution.files or ()
        if "/licenses/" in str(file)
    }
    assert distribution.version == steamnet_gns.__version__
    assert distribution.version.endswith("+debian")  # indexes refuse a local version
    assert len(steamnet_gns.PACKAGES) == len(list(companion.glob("*.so")))
    for package in steamnet_gns.PACKAGES:
        for name in re.findall(
            r"/usr/share/(common-licenses/[\w.-]*\w)", licences[f"{package}.txt"]
        ):
            assert licences[name]
    info = [sys.executable, "-m", "steamnet", "info"]
    said = subprocess.run(info, capture_output=True, text=True, check=False, timeout=60).stdout
    for package, version in steamnet_gns.PACKAGES.items():
        assert f"{package} {version}" in said
    assert f"steamnet-gns {steamnet_gns.__version__}" in said


def test_the_engine_comes_from_it(companion: Path) -> None:
    """Where nothing else is named, the installed wheel is what ``gns`` means."""
    with steamnet.init(engine="gns", identity="str:ann") as steam:
        assert steam.engine.library == str(companion / "libGameNetworkingSockets.so")
