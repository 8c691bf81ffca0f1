"""Where an engine's shared library is looked for, and what a file's header says against it.

The search, in order: the path given; the environment's ``STEAMNET_LIBRARY``; the program's own
folder and a Steamworks SDK unpacked below it; a frozen program's folders; this package's folder;
for GameNetworkingSockets also the package ``steamnet_gns``, and where the system keeps its
libraries. Never the current directory: a library lying there is not the program's.
"""

from __future__ import annotations

import os
import platform
import struct
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Host", "candidates", "describe", "file_name", "loaded", "packages"]

_NAMES = {
    ("steam", "linux"): ["libsteam_api.so"],
    ("steam", "darwin"): ["libsteam_api.dylib"],
    ("steam", "win32"): ["steam_api64.dll"],
    # The last is how Debian's package names it.
    ("gns", "linux"): [
        f"libGameNetworkingSockets.so{version}" for version in ("", ".1", ".1debian1")
    ],
    ("gns", "darwin"): ["libGameNetworkingSockets.dylib"],
    ("gns", "win32"): ["GameNetworkingSockets.dll"],
    # What Steam's library loads in turn.
    ("steamclient", "linux"): ["steamclient.so"],
    ("steamclient", "darwin"): ["steamclient.dylib"],
    ("steamclient", "win32"): ["steamclient64.dll"],
}
# Below an SDK's redistributable_bin.
_SDK_FOLDERS = {
    ("linux", "x86-64"): "linux64",
    ("linux", "x86"): "linux32",
    ("linux", "ARM64"): "linuxarm64",
    ("darwin", "x86-64"): "osx",
    ("darwin", "ARM64"): "osx",
    ("win32", "x86-64"): "win64",
}
# Where macOS's package managers install; its loader would try the current directory first.
_MACOS_FOLDERS = ["/opt/homebrew/lib", "/usr/local/lib"]

_MACHINES = {
    **dict.fromkeys(["amd64", "x86_64"], "x86-64"),
    **dict.fromkeys(["i386", "i586", "i686", "win32"], "x86"),
    **dict.fromkeys(["arm64", "aarch64"], "ARM64"),
    **dict.fromkeys(["armv6l", "armv7l", "armv8l"], "ARM"),
    "riscv64": "RISC-V",
}
_SYSTEMS = {"ELF": "Linux", "PE": "Windows", "Mach-O": "macOS"}
_ELF = {3: "x86", 40: "ARM", 62: "x86-64", 183: "ARM64", 243: "RISC-V"}
_PE = {0x14C: "x86", 0x1C4: "ARM", 0x8664: "x86-64", 0xAA64: "ARM64"}
_MACH = {7: "x86", 12: "ARM", 0x01000007: "x86-64", 0x0100000C: "ARM64"}


def _machine() -> str:
    """Name the processor this Python is for, which need not be the machine's own."""
    windows = sys.platform == "win32"
    name = sysconfig.get_platform().rpartition("-")[2] if windows else platform.machine()
    known = _MACHINES.get(name.lower(), name)
    if sys.maxsize < 2**32:
        return {"x86-64": "x86", "ARM64": "ARM"}.get(known, known)
    return known


def _program() -> list[str]:
    """Return the files that say where the program lies."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return [path for path in (main, *sys.argv[:1]) if path]


def _companion() -> str | None:
    """Return the folder of steamnet-gns, the distribution that carries GNS, if it is installed."""
    try:
        import steamnet_gns
    except ImportError:
        return None
    # A folder of this name that is no package has no file.
    return steamnet_gns.__file__ and str(Path(steamnet_gns.__file__).parent)


@dataclass(frozen=True)
class Host:
    """What the search depends on: this Python, unless told otherwise."""

    system: str = "linux" if sys.platform.startswith("linux") else sys.platform
    machine: str = field(default_factory=_machine)
    program: list[str] = field(default_factory=_program)
    unpacked: str | None = field(default_factory=lambda: getattr(sys, "_MEIPASS", None))
    package: str = str(Path(__file__).parent)
    companion: str | None = field(default_factory=_companion)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


def candidates(
    engine: str,
    library: str | os.PathLike[str] | None = None,
    *,
    attach: bool = False,
    host: Host | None = None,
) -> list[str]:
    """Return the paths to try for an engine's library, best first.

    Names without a folder are for the system's loader to find. With ``attach``, a copy that the
    process has loaded already comes first.
    """
    host = host or Host()
    if library is not None and not os.fspath(library):
        raise ValueError("library is an empty path")
    chosen = host.environment.get("STEAMNET_LIBRARY") if library is None else os.fsdecode(library)
    if chosen:
        return [os.path.abspath(chosen)]
    names = _NAMES.get((engine, host.system), [])
    found = [path for name in names for path in _loaded_as(name)] if attach else []
    for folder in _folders(engine, host):
        found += [os.path.join(folder, name) for name in names]
    if engine == "gns" and host.system == "linux":
        found += names
    return list(dict.fromkeys(found))


def file_name(engine: str, *, host: Host | None = None) -> str:
    """Return what an engine's library is called on this system."""
    return next(iter(_NAMES.get((engine, (host or Host()).system), [])), "its library")


def _folders(engine: str, host: Host) -> Iterator[str]:
    for program in host.program:
        # A relative path would be understood from the current directory of this moment.
        if os.path.isabs(program):
            path = Path(os.path.realpath(program))
            # A program may lie inside an archive: the archive's folder is then meant.
            folder = next((part for part in path.parents if part.is_file()), path).parent
            yield str(folder)
            sdk = _SDK_FOLDERS.get((host.system, host.machine))
            if engine == "steam" and sdk is not None:
                yield str(folder / "redistributable_bin" / sdk)
                yield str(folder / "sdk" / "redistributable_bin" / sdk)
    if host.unpacked:
        yield host.unpacked
    yield host.package
    if engine == "gns" and host.companion:
        yield host.companion
    if engine == "gns" and host.system == "darwin":
        yield from _MACOS_FOLDERS


def packages(path: str) -> dict[str, str]:
    """Return the exact versions of what a library of steamnet-gns was made from; else nothing."""
    if os.path.dirname(path) != _companion():
        return {}
    import steamnet_gns

    return {"steamnet-gns": steamnet_gns.__version__, **steamnet_gns.PACKAGES}


def _loaded_as(name: str) -> list[str]:
    """Return the loaded libraries of this name, and of longer ones that begin with it.

    Who repairs a wheel renames what it brings along: libsteam_api-1a2b3c4d.so.
    """
    stem = name.partition(".")[0].lower()
    found = [path for path in loaded() if os.path.basename(path).lower().startswith(stem)]
    return sorted(found, key=lambda path: os.path.basename(path) != name)


def loaded() -> list[str]:
    """Return the paths of the shared libraries that the process has loaded."""
    return list(dict.fromkeys(_loaded()))


def _loaded() -> Iterator[str]:
    if sys.platform.startswith("linux"):
        for line in Path("/proc/self/maps").read_text(errors="replace").splitlines():
            path = line[line.find("/") :] if "/" in line else ""
            if ".so" in os.path.basename(path):
                yield path
    elif sys.platform == "win32":
        import ctypes

        kernel, path = ctypes.WinDLL("kernel32"), ctypes.create_unicode_buffer(32768)
        modules, size = (ctypes.c_void_p * 4096)(), ctypes.c_uint32()
        process = ctypes.c_void_p(-1)  # this one
        if kernel.K32EnumProcessModules(
            process, modules, ctypes.sizeof(modules), ctypes.byref(size)
        ):
            for module in modules[: size.value // ctypes.sizeof(ctypes.c_void_p)]:
                if kernel.GetModuleFileNameW(ctypes.c_void_p(module), path, len(path)):
                    yield path.value
    elif sys.platform == "darwin":
        import ctypes

        system = ctypes.CDLL(None)
        system._dyld_get_image_name.restype = ctypes.c_char_p
        for index in range(system._dyld_image_count()):
            yield os.fsdecode(system._dyld_get_image_name(index) or b"")


def describe(path: str, *, host: Host | None = None) -> str | None:
    """Say why this file cannot be the library, as far as its header tells; None if it may be."""
    host = host or Host()
    if not os.path.dirname(path):
        return None  # the loader looks for it
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
            kind, machines = _header(head)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return "not found"
    except OSError as error:
        return str(error.strerror or error).lower()
    if kind is None:
        return "not a shared library"
    system = {"win32": "PE", "darwin": "Mach-O"}.get(host.system, "ELF")
    if kind != system:
        return f"a library for {_SYSTEMS[kind]} ({kind}); this Python runs on {_SYSTEMS[system]}"
    if host.machine not in machines:
        theirs = " and ".join(map(_with_bits, machines))
        return f"a {theirs} {kind} library; this Python is {_with_bits(host.machine)}"
    if kind == "ELF" and size < _elf_end(head):
        return "the file is cut short: reading what is missing would end the process"
    return None


def _elf_end(head: bytes) -> int:
    """Return where the last of what the loader maps ends in a 64-bit file."""
    if len(head) < 64:
        return 64
    table, size, count = struct.unpack_from("<Q14xHH", head, 32)
    segments = (
        struct.unpack_from("<I4xQ16xQ", head, start)
        for start in range(table, min(table + size * count, len(head) - 55), size or 1)
    )
    return max((start + length for kind, start, length in segments if kind == 1), default=0)


def _with_bits(machine: str) -> str:
    return f"{32 if machine in ('x86', 'ARM') else 64}-bit {machine}"


def _header(head: bytes) -> tuple[str | None, list[str]]:
    """Return a file's format and the processors it is for."""

    def number(at: int, size: int, order: str = "little") -> int:
        return int.from_bytes(head[at : at + size], "big" if order == "big" else "little")

    if head[:4] == b"\x7fELF" and len(head) >= 20:
        order = "big" if head[5] == 2 else "little"
        code = number(18, 2, order)
        return "ELF", [_ELF.get(code, f"processor {code}")]
    if head[:2] == b"MZ" and head[number(60, 4) :][:4] == b"PE\0\0":
        code = number(number(60, 4) + 4, 2)
        return "PE", [_PE.get(code, f"processor {code:#x}")]
    if head[:4] in (b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"):
        codes = [number(4, 4)]
    elif head[:4] == b"\xca\xfe\xba\xbe" and number(4, 4, "big") < 20:
        codes = [number(8 + 20 * i, 4, "big") for i in range(number(4, 4, "big"))]
    else:
        return None, []
    return "Mach-O", [_MACH.get(code, f"processor {code:#x}") for code in codes]
