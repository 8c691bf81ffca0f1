"""Fetch the real engines that the tests run against: GameNetworkingSockets and libsteam_api.

``gns`` makes a virtual environment that has the wheel of wheelhouse-config/gns installed, and says
where its python is. ``steam`` unpacks the Steam libraries that published bindings carry. Both print
what they made, keep it in the cache, and do only once what takes long.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shlex
import sys
import tempfile
import zipfile
from pathlib import Path

GNS_CONFIG = Path(__file__).resolve().parents[1] / "wheelhouse-config" / "gns"
sys.path.insert(0, str(GNS_CONFIG))

from build import LIBRARY, PACKAGE, build
from debian import FetchError, run

# Published bindings that carry a Steam library: where, name, version, of wheels the platform, and
# the SHA-256 of the file.
STEAM = (
    (
        "pypi",
        "steamworks-swig",
        "0.1.2",
        "manylinux2014_x86_64",
        "d2937e7adacde66e7e6c66f183897dfe369925620677d397c8c1dc74f971f9c4",
    ),
    (
        "pypi",
        "steamworks-swig",
        "0.1.2",
        "win_amd64",
        "b91bd020deaef4e4594780405c9b0e75c2a606491bc924728fd7e1acac446ef0",
    ),
    (
        "pypi",
        "arepy-steamworks",
        "0.1.1",
        "manylinux_2_28_x86_64",
        "04f9b0f20dc3da6d3789b4ab7fca2af8f50148f84638eeefc2cfa8d1f9364213",
    ),
    (
        "pypi",
        "steamworkspy",
        "0.0.2",
        "any",
        "bd805480a88ca884796228f0a214d0b8c3832712250fa3012f791d5af2288937",
    ),
    (
        "npm",
        "steamworks.js",
        "0.4.0",
        "",
        "877815e99217ff4ffa560476bc1bd27fc5f7bfebd6319e7d21f3cd601b131943",
    ),
    (
        "npm",
        "@pipelab/steamworks.js",
        "0.9.1",
        "",
        "81c5e2af79e1e305b95de2d67939d4889fec79a1859d2a318c6a2d3a6ecac216",
    ),
    (
        "npm",
        "greenworks",
        "0.1.0",
        "",
        "0e34ed111e4e50c3557f803d0c638c6a02e9c12cdf73c2ca031d8403da8104c4",
    ),
)
STEAM_FILE = re.compile(r"((?:lib)?steam_api(?:64)?)(?:-\w+)?(\.(?:so|dll|dylib))$")
ACCESSOR = re.compile(rb"SteamAPI_SteamNetworkingSockets_SteamAPI_v\d{3}(?!\d)")

# The interpreter's facts, asked of the interpreter itself: --python need not be the one we run on.
FACTS = """
import json, os, sys
print(json.dumps([os.path.realpath(getattr(sys, "_base_executable", sys.executable)), sys.version]))
"""

Entry = dict[str, str | None]


def say(text: str) -> None:
    """Report progress, away from the output that a shell may evaluate."""
    print(f"real_engines: {text}", file=sys.stderr, flush=True)


def gns(cache: Path, python: str) -> dict[str, str]:
    """Install real GNS for a Python: in a virtual environment, from a wheel that is made once."""
    home = cache / "gns"
    facts = run(python, "-I", "-c", FACTS, hint="name a working interpreter with --python")
    # What decides on the wheel and on the environment decides on where they are kept.
    recipe = b"".join(file.read_bytes() for file in sorted(GNS_CONFIG.glob("*.py")))
    made = home / hashlib.sha256(recipe).hexdigest()[:12]
    environment = made / hashlib.sha256(facts.encode()).hexdigest()[:12]
    site = f"lib/python*/site-packages/{PACKAGE}"
    if not list(environment.glob(f"{site}/__init__.py")):
        wheel = next(made.glob("*.whl"), None) or build(made)
        say(f"making a virtual environment of {json.loads(facts)[0]}")
        hint = "install python3-venv, or choose another interpreter with --python"
        run(json.loads(facts)[0], "-m", "venv", "--clear", environment, hint=hint)
        run(environment / "bin/pip", "install", "-q", "--no-deps", wheel, hint=f"delete {home}")
    (package,) = environment.glob(site)
    return {
        "STEAMNET_GNS_PYTHON": str(environment / "bin/python"),
        "STEAMNET_LIBRARY": str(package / LIBRARY),
    }


def platform_of(library: bytes) -> str:
    """Read from its header which platform a library was built for."""
    if library.startswith(b"\x7fELF"):
        machine = int.from_bytes(library[18:20], "little")
        return "linux-" + {3: "i386", 62: "x86_64", 183: "aarch64"}.get(machine, str(machine))
    if library.startswith(b"MZ"):
        start = int.from_bytes(library[60:64], "little") + 4
        machine = int.from_bytes(library[start : start + 2], "little")
        return "windows-" + {0x14C: "i386", 0x8664: "x86_64"}.get(machine, str(machine))
    return "macos"


def check(file: Path, sha256: str) -> None:
    """See that a file that was fetched is the one that was looked at when it was chosen."""
    if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != sha256:
        raise FetchError(f"tried: {file.name}\nits SHA-256 is {found}, and not {sha256}")


def fetch_steam(
    cache: Path, where: str, package: str, version: str, wheel: str, sha256: str
) -> list[Entry]:
    """Fetch one published package and keep its Steam libraries, under the names Valve gave them."""
    folder = cache / "steam" / f"{package.replace('/', '-').lstrip('@')}-{version}"
    entries: list[Entry] = []
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        if where == "pypi":
            options = ["-q", "--no-deps", "--only-binary=:all:", "--python-version=3.11"]
            options += ["--platform", wheel, "-d", scratch, f"{package}=={version}"]
            hint = "see that pip can reach its package index"
            run(sys.executable, "-m", "pip", "download", *options, hint=hint)
            check(fetched := next(Path(scratch).glob("*.whl")), sha256)
            with zipfile.ZipFile(fetched) as archive:
                archive.extractall(scratch)
        else:
            hint = "install npm, and see that it can reach its registry"
            run("npm", "pack", "--silent", f"{package}@{version}", cwd=Path(scratch), hint=hint)
            check(fetched := next(Path(scratch).glob("*.tgz")), sha256)
            run("tar", "-xzf", fetched, "-C", scratch, hint="install tar")
        for found in sorted(Path(scratch).rglob("*steam_api*")):
            if match := STEAM_FILE.fullmatch(found.name):
                library = found.read_bytes()
                file = folder / platform_of(library) / (match[1] + match[2])
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(library)
                entry: Entry = {"package": package, "version": version, "wheel": wheel}
                entry["sha256"] = sha256
                entry |= {"file": str(file), "platform": file.parent.name}
                accessors = sorted(name.decode() for name in ACCESSOR.findall(library))
                entries.append(entry | {"accessor": accessors[-1] if accessors else None})
    return entries


def steam(cache: Path) -> list[Entry]:
    """Fetch the Steam libraries that are not in the cache yet, and list all."""
    record = cache / "steam.json"
    known: list[Entry] = json.loads(record.read_text()) if record.exists() else []
    entries: list[Entry] = []
    for where, package, version, wheel, sha256 in STEAM:
        this = {"package": package, "version": version, "wheel": wheel, "sha256": sha256}.items()
        kept = [e for e in known if e.items() >= this and Path(str(e["file"])).exists()]
        try:
            if not kept:
                say(f"fetching {package} {version} {wheel}".rstrip())
                kept = fetch_steam(cache, where, package, version, wheel, sha256)
        except FetchError as error:
            say(f"WARNING: going on without {package} {version} {wheel}\n{error}")
        entries += kept
    record.write_text(json.dumps(entries, indent=2) + "\n")
    usable = [str(e["accessor"])[-4:] for e in entries if e["platform"] == "linux-x86_64"]
    if not {"v012", "v013"} & set(usable):
        raise FetchError(
            "tried: every package above; none gave a Linux library of v012 or v013\n"
            "next: see that pip can reach its package index, then run this again"
        )
    return entries


def main() -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(description="Fetch the real engines for the tests.")
    home = os.environ.get("STEAMNET_CACHE") or Path.home() / ".cache/steamnet"
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("gns", "GameNetworkingSockets, and a python that can load it"),
        ("steam", "the Steam libraries that published bindings carry"),
    ):
        command = commands.add_parser(name, help=text, description=f"Fetch {text}.")
        command.add_argument("--cache", type=Path, default=home, help="default: %(default)s")
        command.add_argument("--json", action="store_true", help="print JSON")
        if name == "gns":
            command.add_argument("--python", default=sys.executable, help="default: this one")
    options = parser.parse_args()
    cache = Path(options.cache).resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        with (cache / ".lock").open("w") as lock:  # one builder at a time
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = gns(cache, options.python) if options.command == "gns" else steam(cache)
            if isinstance(found, dict):
                lines = [f"export {name}={shlex.quote(path)}" for name, path in found.items()]
                (cache / "gns.env").write_text("\n".join(lines) + "\n")
            else:
                lines = [f"{e['accessor']} {e['platform']} {e['file']}" for e in found]
        print(json.dumps(found, indent=2) if options.json else "\n".join(lines))
    except FetchError as error:
        say(f"FAILED\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
