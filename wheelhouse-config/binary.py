"""Which shared libraries a compiled extension asks the system for; and whether it may."""

import re
import struct
from pathlib import Path

# The C library in its parts, Windows itself, and Python where extensions are linked with it.
ALLOWED = re.compile(
    r"lib(c|dl|m|pthread)\.so\.\d|ld-linux-[\w-]+\.so\.\d|libc\.musl-\w+\.so\.1"
    r"|/usr/lib/libSystem\.B\.dylib"
    r"|(kernel32|advapi32|vcruntime140(_1)?|api-ms-win-crt-[\w-]+|python3(\d+t)?)\.dll",
    re.IGNORECASE,
)


def number(layout: str, data: bytes, start: int) -> int:
    """Read one number."""
    found: int = struct.unpack_from(layout, data, start)[0]
    return found


def text(data: bytes, start: int) -> str:
    """Read a string that ends with a zero byte."""
    return data[start : data.index(b"\0", start)].decode()


def elf(data: bytes) -> list[str]:
    """Read the dynamic section of a 64-bit, little-endian ELF file."""
    table = number("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQ", data, table + size * i) for i in range(count)]

    def place(address: int) -> int:
        loaded = ((o, address - v, n) for kind, _, o, v, _, n in segments if kind == 1)
        found: int = next(o + inside for o, inside, length in loaded if 0 <= inside < length)
        return found

    start, length = next((offset, size) for kind, _, offset, _, _, size in segments if kind == 2)
    entries = list(struct.iter_unpack("<QQ", data[start : start + length]))
    names = place(dict(entries)[5])
    # 15 and 29 are run paths: those of the machine that built it have no place in a wheel.
    found = [(kind, text(data, names + value)) for kind, value in entries if kind in (1, 15, 29)]
    return [name if kind == 1 else f"run path {name}" for kind, name in found]


def pe(data: bytes) -> list[str]:
    """Read the import table of a 64-bit Windows file."""
    header = number("<I", data, 60)
    table = header + 24 + number("<H", data, header + 20)
    count = number("<H", data, header + 6)
    sections = [struct.unpack_from("<IIII", data, table + 40 * i + 8) for i in range(count)]

    def place(address: int) -> int:
        found: int = next(o + address - v for n, v, _, o in sections if 0 <= address - v < n)
        return found

    found, entry = [], place(number("<I", data, header + 24 + 112 + 8))
    while name := number("<I", data, entry + 12):
        found.append(text(data, place(name)))
        entry += 20
    return found


def macho(data: bytes) -> list[str]:
    """Read the load commands of a thin, 64-bit Mach-O file."""
    found, command = [], 32
    for _ in range(number("<I", data, 16)):
        kind, size, name = struct.unpack_from("<III", data, command)
        if kind & 0x7FFFFFFF in (0x0C, 0x18, 0x1F):  # load, load weakly, re-export
            found.append(text(data, command + name))
        if kind & 0x7FFFFFFF == 0x1C:
            found.append("run path " + text(data, command + name))
        command += size
    return found


def undeclared(file: Path) -> list[str]:
    """List what a compiled file asks for beyond the system's own libraries."""
    data = file.read_bytes()
    readers = {b"\x7fELF": elf, b"MZ": pe, b"\xcf\xfa\xed\xfe": macho}
    read = next((reader for magic, reader in readers.items() if data.startswith(magic)), None)
    if read is None:
        return ["a format that is not known"]
    return [name for name in read(data) if not ALLOWED.fullmatch(name)]
