"""README's table of wheels, made from cibuildwheel.toml; --check FILE compares it."""

import argparse
import itertools
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- wheels: begin -->", "<!-- wheels: end -->"
Table = dict[str, dict[str, str]]


def configuration() -> Table:
    """Read cibuildwheel's table."""
    text = (HERE / "cibuildwheel.toml").read_text(encoding="utf-8")
    table: Table = tomllib.loads(text)["tool"]["cibuildwheel"]
    return table


def platforms() -> list[str]:
    """List the platforms that get wheels, as cibuildwheel spells them."""
    linux, macos, windows = (configuration()[name]["archs"] for name in ("linux", "macos", "windows"))
    return [
        *(f"{libc}_{arch}" for libc in ("manylinux", "musllinux") for arch in linux),
        *(f"macosx_{arch}" for arch in macos),
        *(f"win_{arch.lower()}" for arch in windows),
    ]


def identifiers() -> list[str]:
    """List every build of cibuildwheel's, as it prints them itself."""
    pythons = [pattern.removesuffix("-*") for pattern in configuration()["build"]]
    return [f"{python}-{platform}" for python, platform in itertools.product(pythons, platforms())]


def table() -> str:
    """Write the table in Markdown."""
    config = configuration()
    macos = config["macos"]["environment"]["MACOSX_DEPLOYMENT_TARGET"].removesuffix(".0")
    floors = {"macosx": f"macOS {macos}", "win": "Windows"}
    names = {"manylinux2014": "Linux, glibc 2.17", "musllinux_1_2": "Linux, musl 1.2"}
    for libc in ("manylinux", "musllinux"):
        (image,) = {config["linux"][f"{libc}-{arch}-image"] for arch in config["linux"]["archs"]}
        floors[libc] = names[image]
    processors = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "arm64": "arm64"}
    rows: dict[str, list[str]] = {}
    for platform in platforms():
        system, processor = platform.split("_", 1)
        rows.setdefault(floors[system], []).append(processors[processor])
    threaded = [p.removesuffix("-*") for p in config["build"] if p.endswith("t-*")]
    oldest = min(config["build"], key=lambda p: int(p[2:5])).removesuffix("-*")

    def spelled(tag: str) -> str:
        return f"{tag[2]}.{tag[3:].rstrip('t')}"

    own = ", ".join(f"free-threaded {spelled(tag)}" for tag in threaded)
    lines = [f"| or newer | processors | CPython {spelled(oldest)} or newer | {own} |", "|---|---|---|---|"]
    lines += [f"| {floor} | {', '.join(row)} | one wheel | its own wheel |" for floor, row in rows.items()]
    return "\n".join(lines)


def main() -> int:
    """Print the table, or compare the one between the two markers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=Path, metavar="FILE")
    file = parser.parse_args().check
    if file is None:
        print(table())
        return 0
    _, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    block, _, _ = rest.partition(END)
    if block.strip() == table():
        return 0
    print(f"{file}: between {BEGIN} and {END} must stand:\n{table()}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
