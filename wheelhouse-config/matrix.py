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
# What has been run of the wheel of each platform, and by what.
RUN = {
    "manylinux_x86_64": "the whole suite (`nox -s tests gns wheel`)",
    "manylinux_aarch64": "parts of the suite, in QEMU (`tools/lab/cross_arch.py`)",
    "musllinux_x86_64": "the checks in C (`tools/lab/cross_arch.py`)",
    "musllinux_aarch64": "the checks in C, in QEMU (`tools/lab/cross_arch.py`)",
    "macosx_x86_64": "nothing: it compiles (`nox -s wheel`)",
    "macosx_arm64": "nothing: it compiles (`nox -s wheel`)",
    "win_amd64": "parts of the suite, under Wine (`nox -s wine`)",
    "win_arm64": "nothing: it compiles (`nox -s wheel`)",
}
# The same of the wheels for free-threaded Pythons; elsewhere nothing.
RUN_UNLOCKED = {
    "manylinux_x86_64": "compiled; the suite was run on a free-threaded 3.13 (docs/threading.md)",
}
# How the names of each platform's wheels end, as cibuildwheel 4 makes them; those for Linux are as
# published packages of this shape have them.
TAGS = {
    "manylinux_x86_64": "manylinux2014_x86_64.manylinux_2_17_x86_64",
    "manylinux_aarch64": "manylinux2014_aarch64.manylinux_2_17_aarch64",
    "musllinux_x86_64": "musllinux_1_2_x86_64",
    "musllinux_aarch64": "musllinux_1_2_aarch64",
    "macosx_x86_64": "macosx_11_0_x86_64",
    "macosx_arm64": "macosx_11_0_arm64",
    "win_amd64": "win_amd64",
    "win_arm64": "win_arm64",
}
WITHOUT_STEAM = {"manylinux_aarch64", "musllinux_x86_64", "musllinux_aarch64", "win_arm64"}
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
    """Write the table in Markdown: a row for each platform, and what has been run there."""
    config = configuration()
    linux = config["linux"]
    own = ", ".join(f"{tag[2]}.{tag[3:-1]}" for tag in wheel_pythons()[1:])
    stable = f"{OLDEST[2]}.{OLDEST[3:]}"
    lines = [
        f"| wheels for | CPython {stable} or newer: what was run "
        f"| CPython {own}, free-threaded | Steam |",
        "|---|---|---|---|",
    ]
    for platform in platforms():
        kind, _, arch = platform.partition("_")
        system = {
            "win": "Windows",
            "macosx": f"macOS {MAC_FLOOR.removesuffix('_0')} or newer",
        }.get(kind) or f"Linux with {FLOORS[linux[f'{kind}-{arch}-image']]} or newer"
        steam = "no library is known" if platform in WITHOUT_STEAM else "yes"
        name = f"{system}, {PROCESSORS[arch]}"
        unlocked = RUN_UNLOCKED.get(platform, "compiled; nobody has run it")
        lines.append(f"| {name} | {RUN[platform]} | {unlocked} | {steam} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(
        generated.put(
            ROOT / "README.md", table(), generated.parser(__doc__).parse_args().check, "wheels"
        )
    )
