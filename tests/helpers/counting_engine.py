"""An engine that counts and poisons its messages: tests/c/hot_engine.c."""

import ctypes
import gc
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requirements

import steamnet
from steamnet import _native

ROOT = Path(__file__).resolve().parents[2]
COUNTED = bytes(range(0x80)) * (524288 // 0x80 + 1)


@pytest.fixture(scope="session")
def counted_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The engine of tests/c/hot_engine.c, built here."""
    if sys.platform == "win32":
        pytest.skip("the counting engine is built with a POSIX C compiler")
    path = tmp_path_factory.mktemp("hot") / "hot_engine.so"
    sources = [ROOT / "tests" / "c" / "hot_engine.c", ROOT / "csrc" / "platform" / "posix.c"]
    options = ["-std=c11", "-g", "-O1", "-fPIC", "-shared", "-D_GNU_SOURCE", "-Wall", "-Wextra"]
    compiler = os.environ.get("CC", "cc").split()
    command = [*compiler, *options, f"-I{ROOT / 'csrc'}", *sources, "-o", path]
    try:
        subprocess.run([*map(str, command), "-ldl", "-lpthread"], check=True, timeout=120)
    except FileNotFoundError:
        requirements.missing(f"no C compiler ({compiler[0]}) to build the counting engine with")
    library = ctypes.CDLL(str(path))
    library.hot_open.restype = library.hot_held_data.restype = ctypes.c_void_p
    library.hot_open.argtypes = [ctypes.c_bool]
    return library


class Counted:
    """The counting engine, as Python's part of `_native` sees it."""

    def __init__(self, library: ctypes.CDLL, release_after_stop: bool = True) -> None:
        self.library = library
        self.address = library.hot_open(release_after_stop)
        self._numbers = itertools.count(1)

    def queue(self, *sizes: int) -> None:
        """Have messages of these sizes wait."""
        for size in sizes:
            self.library.hot_queue(size, next(self._numbers))

    def receive(self, *sizes: int) -> list[steamnet.NetworkingMessage]:
        """Messages of these sizes, received in one call."""
        self.queue(*sizes)
        return _native.receive_on_connection(self.address, 1, 2**40)

    def close(self) -> None:
        """Nothing may be left over, and nothing may have been given back twice."""
        gc.collect()
        assert self.library.hot_released() == self.library.hot_made()
        self.check()

    def check(self) -> None:
        """What holds at any time once no message lives."""
        assert self.library.hot_released_twice() == 0
        assert self.library.hot_references() == 1


@pytest.fixture
def counted(counted_library: ctypes.CDLL) -> Iterator[Counted]:
    """A fresh counting engine that must have everything back at the end."""
    engine = Counted(counted_library)
    yield engine
    engine.close()


def pattern(message: steamnet.NetworkingMessage) -> bytes:
    """The bytes that a message was made with."""
    start = message.message_number & 0x7F
    return COUNTED[start : start + message.size]
