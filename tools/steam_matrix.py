"""Writes the table of docs/engines.md: what each real libsteam_api does in our hands.

    python tools/real_engines.py steam --cache FOLDER
    python tools/steam_matrix.py FOLDER/steam.json [--check]

Libraries for this system are loaded by tests/c/steam_probe.c, those for Windows by the same
program under Wine where mingw-w64 and Wine are installed; of all others the names are read.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import generated

CSRC = ROOT / "csrc"
FLAT = re.compile(r"^FLAT\(\w+, \w+, .+?, (\w+), (\w+), \(", re.M)
ACCESSOR = re.compile(rb"SteamAPI_SteamNetworkingSockets_SteamAPI_v\d{3}(?=\0)")


class Row(NamedTuple):
    """What became of one library."""

    loads: str
    accessor: str
    missing: str
    start: str


def probe(libraries: list[str], folder: Path) -> dict[str, Row]:
    """Load libraries of this system through the C probe."""
    program = folder / "steam_probe"
    sources = [
        ROOT / "tests" / "c" / "steam_probe.c",
        *CSRC.glob("*.c"),
        *CSRC.glob("platform/*.c"),
    ]
    options = ["-std=c11", "-D_GNU_SOURCE", '-DSN_VERSION="probe"', f"-I{CSRC}", "-o", program]
    subprocess.run(["cc", *options, *sources, "-ldl", "-lpthread"], check=True)
    return rows([str(program), *libraries], libraries)


def probe_windows(libraries: list[str], folder: Path) -> dict[str, Row]:
    """Load Windows libraries through the C probe under Wine."""
    return rows([str(ROOT / "tests" / "c" / "wine_probe.sh"), str(folder), *libraries], libraries)


def rows(command: list[str], libraries: list[str]) -> dict[str, Row]:
    """Run the probe and read its table: one row for each library, in order."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    table = [line[2:-2].split(" | ") for line in done.stdout.splitlines()[2:]]
    return {library: Row(*cells[1:5]) for library, cells in zip(libraries, table, strict=True)}


def read(library: str) -> Row:
    """Read the names that a library for another system carries."""
    content = Path(library).read_bytes()
    flat = [f"SteamAPI_{a}_{b}" for a, b in FLAT.findall((CSRC / "flat.def").read_text())]
    accessors = sorted(set(ACCESSOR.findall(content)))
    if not accessors:
        return Row("not tried", "none", "-", "-")
    missing = [name for name in flat if name.encode() + b"\0" not in content]
    return Row("not tried", accessors[-1].decode(), ", ".join(missing) or "none", "-")


def table(file: Path) -> str:
    """The table, in Markdown."""
    engines = json.loads(file.read_text())
    here = f"{platform.system().lower()}-{platform.machine().lower()}"
    native = [engine["file"] for engine in engines if engine["platform"] == here]
    windows = [engine["file"] for engine in engines if engine["platform"].startswith("windows-")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = probe(native, folder)
        wine = shutil.which("wine64") or shutil.which("wine64", path="/usr/lib/wine")
        if wine and shutil.which("x86_64-w64-mingw32-gcc"):
            found |= probe_windows(windows, folder / "wine")
    lines = [
        "| library | platform | loads | interface | missing functions | init without Steam |",
        "|---|---|---|---|---|---|",
    ]
    for engine in engines:
        row = found.get(engine["file"]) or read(engine["file"])
        place = engine["file"]  # not part of the table; Wine calls the root Z:
        name = Path(place).name
        start = row.start.replace(f"Z:{place}", name).replace(place, name)
        start = start.replace(os.path.expanduser("~"), "~")
        lines.append(
            f"| {engine['package']} {engine['version']} | {engine['platform']} | {row.loads} "
            f"| {row.accessor.rpartition('_')[2]} | {row.missing} | {start} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the table, or compare it."""
    parser = generated.parser(__doc__)
    parser.add_argument("libraries", type=Path, help="the steam.json of tools/real_engines.py")
    options = parser.parse_args()
    page = ROOT / "docs" / "engines.md"
    return generated.put(page, table(options.libraries), options.check, "libraries")


if __name__ == "__main__":
    sys.exit(main())
