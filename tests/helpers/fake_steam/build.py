"""Builds the fake of libsteam_api with the C compiler of the machine."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parents[2] / "csrc"
ROW = re.compile(r"^FLAT\((\w+), \w+, (.+?), (\w+), (\w+), \((.*)\), (.+)\)$", re.M)
OPTIONS = """-std=c11 -g -O0 -fPIC -shared -fvisibility=hidden -D_GNU_SOURCE
-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror"""


def build(folder: Path, version: int, *options: str) -> Path:
    """Build a fake of this interface version (12 to 14); return its library's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "forward.inc").write_text(_forwarders())
    options = (f"-DFAKE_STEAM_VERSION={version}", f"-I{HERE}", f"-I{CSRC}", f"-I{folder}", *options)
    library(folder / "libfake_steam_release.so", HERE / "release.c", *options)
    names = ["life.c", "network.c", "rendezvous.c"]
    if "-DWITHOUT_LOBBIES" not in options:
        names += ["world.c", "lobbies.c", "friends.c"]
    sources = (HERE / name for name in names)
    return library(folder / "libsteam_api.so", *sources, *options)


def library(path: Path, *arguments: Path | str) -> Path:
    """Compile a shared library from sources and options; return its path."""
    compiler = os.environ.get("CC", "cc").split()
    command = [*compiler, *OPTIONS.split(), *map(str, arguments), "-o", str(path), "-ldl"]
    subprocess.run(command, check=True)
    return path


def _forwarders() -> str:
    """Write Steam's function for each row of flat.def that network.c does not define itself."""
    own = set(re.findall(r"SteamAPI_(ISteam\w+)\(", (HERE / "network.c").read_text()))
    own.discard("ISteamNetworkingSockets_SendMessages")
    lines = []
    for need, result, interface, name, text, default_result in ROW.findall(
        (CSRC / "flat.def").read_text()
    ):
        function = f"{interface}_{name}"
        if function in own or not interface.startswith("ISteamNetworking"):
            continue
        arguments = ", ".join(re.split(r"[ *]+", part.strip())[-1] for part in text.split(","))
        call = f"gns.{function}({arguments});"
        head = f"EXPORT {result} SteamAPI_{function}({text})"
        body = call if result == "void" else f"return {call}"
        if need != "REQUIRED":  # GNS may lack it
            ignored = "".join(f"(void){argument}; " for argument in arguments.split(", "))
            missing = "return;" if result == "void" else f"return {default_result};"
            body = f"if (gns.{function} == NULL) {{ {ignored}{missing} }} {body}"
        lines.append(f"{head}\n{{\n    {body}\n}}")
        if function == "ISteamNetworkingSockets_SendMessages":
            lines[-1] = f"#if FAKE_STEAM_VERSION >= 13\n{lines[-1]}\n#endif"
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    print(build(Path(sys.argv[1]), int(sys.argv[2])))
