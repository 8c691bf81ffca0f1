"""Writes README's table of wheels, from cibuildwheel.toml: matrix.py [--check]."""

import itertools
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))

import generated

OLDEST = "cp311"  # it builds the stable-ABI wheel of each platform
LIBCS = ("manylinux", "musllinux")
# What the images mean to a user, and how he calls the processors.
FLOORS = {"manylinux2014": "glibc 2.17", "musllinux_1_2": "musl 1.2"}
PROCESSORS = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "arm64": "arm64"}


def configuration() -> dict[str, Any]:
    """Read cibuildwheel's table."""
    text = (HERE / "cibuildwheel.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)["tool"]["cibuildwheel"]
    return table


def platforms() -> list[str]:
    """List the platforms that get wheels, as cibuildwheel spells them."""
    config = configuration()
    return [
        *(f"{libc}_{arch}" for libc in LIBCS for arch in config["linux"]["archs"]),
        *(f"macosx_{arch}" for arch in config["macos"]["archs"]),
        *(f"win_{arch.lower()}" for arch in config["windows"]["archs"]),
    ]


MAC_FLOOR = configuration()["macos"]["environment"]["MACOSX_DEPLOYMENT_TARGET"].replace(".", "_")


def identifiers() -> list[str]:
    """List every build of cibuildwheel's, as it prints them itself."""
    pythons = [pattern.removesuffix("-*") for pattern in configuration()["build"]]
    return [f"{python}-{platform}" for python, platform in itertools.product(pythons, platforms())]


def wheel_pythons() -> list[str]:
    """List the Pythons that build wheels: the stable ABI's, and each that needs its own."""
    pythons = [pattern.removesuffix("-*") for pattern in configuration()["build"]]
    return [OLDEST, *(python for python in pythons if python.endswith("t"))]


def wheels() -> list[str]:
    """List the promised wheels, as identifiers of the builds that make them."""
    return [f"{python}-{platform}" for python in wheel_pythons() for platform in platforms()]


def table() -> str:
    """Write the table in Markdown."""
    config = configuration()
    linux, macos, windows = (config[system] for system in ("linux", "macos", "windows"))
    mac_floor = macos["environment"]["MACOSX_DEPLOYMENT_TARGET"].removesuffix(".0")
    images: dict[str, list[str]] = {}
    for libc in LIBCS:
        for arch in linux["archs"]:
            images.setdefault(linux[f"{libc}-{arch}-image"], []).append(arch)
    rows = [
        ("Windows", windows["archs"]),
        (f"macOS {mac_floor} or newer", macos["archs"]),
        *((f"Linux with {FLOORS[image]} or newer", archs) for image, archs in images.items()),
    ]
    own = ", ".join(f"{tag[2]}.{tag[3:-1]}" for tag in wheel_pythons()[1:])
    stable = f"{OLDEST[2]}.{OLDEST[3:]}"
    lines = [f"| | CPython {stable} or newer | CPython {own}, free-threaded |", "|---|---|---|"]
    for name, archs in rows:
        processors = ", ".join(PROCESSORS[arch.lower()] for arch in archs)
        lines.append(f"| {name} | {processors} | {processors} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(
        generated.put(
            ROOT / "README.md", table(), generated.parser(__doc__).parse_args().check, "wheels"
        )
    )
