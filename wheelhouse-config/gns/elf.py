"""Which glibc a shared library needs, and the one edit that lets it do with an older one."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

DYNSYM, NEEDED_VERSIONS, SYMBOL_VERSIONS = 11, 0x6FFFFFFE, 0x6FFFFFFF  # types of sections
NEWER_NAME = b"__isoc23_"  # glibc 2.38's second name of strtol, sscanf and their like


@dataclass
class Version:
    """A version of glibc that a library needs: where its entry lies, and what that says."""

    at: int
    name: bytes
    name_at: int  # in the table of strings
    hash: int
    index: int  # by which symbols mean it

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers."""
        return tuple(map(int, self.name.removeprefix(b"GLIBC_").split(b".")))


class Library:
    """The dynamic symbols of a 64-bit little-endian ELF file, and the versions they need."""

    def __init__(self, data: bytearray) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        self.data = data
        table, size, count = (
            *struct.unpack_from("<Q", data, 40),
            *struct.unpack_from("<HH", data, 58),
        )
        # Of each section: type, offset, size, link.
        headers = [struct.unpack_from("<4xI16xQQI", data, table + size * i) for i in range(count)]
        self.sections = {kind: (offset, length, link) for kind, offset, length, link in headers}
        self.strings = headers[self.sections[DYNSYM][2]][1]

    def text(self, at: int) -> bytes:
        """Return a string of the table."""
        start = self.strings + at
        return bytes(self.data[start : self.data.index(0, start)])

    def versions(self) -> Iterator[Version]:
        """Yield the versions of glibc that this library needs."""
        if NEEDED_VERSIONS not in self.sections:
            return
        at, step = self.sections[NEEDED_VERSIONS][0], 1
        while step:
            aux, step = struct.unpack_from("<II", self.data, at + 8)
            entry, further = at + aux, 1
            while further:
                hashed, index, name_at, further = struct.unpack_from("<I2xHII", self.data, entry)
                name = self.text(name_at)
                if re.fullmatch(rb"GLIBC_[\d.]+", name):
                    yield Version(entry, name, name_at, hashed, index)
                entry += further
            at += step

    def floor(self) -> tuple[int, ...]:
        """Return the oldest glibc that has all this library needs."""
        return max((version.number for version in self.versions()), default=(0,))

    def use_older_names(self) -> None:
        """Take strtol and its like by the name and version that glibc always had.

        The newer functions differ from these in reading binary digits of C23 (0b1), which neither
        GNS nor what it needs asks for. The older name is the end of the newer one, so it is in the
        table of strings already.
        """
        symbols, length, _ = self.sections[DYNSYM]
        numbers = self.sections[SYMBOL_VERSIONS][0]
        of_libc = sorted(self.versions(), key=lambda version: version.number)
        for version in of_libc:
            users = [
                symbols + 24 * i
                for i in range(length // 24)
                if struct.unpack_from("<H", self.data, numbers + 2 * i)[0] == version.index
            ]
            names = {at: struct.unpack_from("<I", self.data, at)[0] for at in users}
            newer = [self.text(name).startswith(NEWER_NAME) for name in names.values()]
            if not newer or not all(newer):
                continue
            oldest = of_libc[0]
            struct.pack_into("<I", self.data, version.at, oldest.hash)
            struct.pack_into("<I", self.data, version.at + 8, oldest.name_at)
            for at, name in names.items():
                struct.pack_into("<I", self.data, at, name + len(NEWER_NAME))
