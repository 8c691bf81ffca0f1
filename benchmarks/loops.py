"""loops.c, built with the C compiler of the machine and loaded into this process."""

import ctypes
import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent / "csrc"
ROW = re.compile(r"^FLAT\(\w+, \w+, .+?, (\w+), (\w+), \(", re.M)


def build(cache: Path) -> Path:
    """Compile loops.c for the engine's headers as they are; its path."""
    parts = [HERE / "loops.c", *(CSRC / n for n in ("engine.h", "queue.h", "platform/platform.h"))]
    parts += [CSRC / n for n in ("steamnet.h", "valve.h", "valve_constants.h", "flat.def")]
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
    path = cache / f"loops-{digest}.so"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC", "cc").split()
        options = ["-std=c11", "-O2", "-fPIC", "-shared", "-D_GNU_SOURCE", f"-I{CSRC}"]
        subprocess.run([*compiler, *options, HERE / "loops.c", "-o", path, "-ldl"], check=True)
    return path


class Loops:
    """The C loops on one engine."""

    def __init__(self, path: Path, steam: Any) -> None:
        """Load them."""
        self._lib = ctypes.CDLL(str(path))
        self._lib.bench_sockets.restype = self._lib.bench_function.restype = ctypes.c_void_p
        self._engine = ctypes.c_void_p(steam.engine.address)
        rows = ROW.findall((CSRC / "flat.def").read_text())
        self._index = {f"{interface}_{name}": i for i, (interface, name) in enumerate(rows)}

    @staticmethod
    def handles(connections: Sequence[int]) -> Any:
        """An array that the loops take."""
        return (ctypes.c_uint32 * len(connections))(*connections)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._lib, f"bench_{name}")
        engine = self._engine
        return lambda *arguments: function(engine, *arguments)

    def address(self, name: str) -> int:
        """Where the library has a flat function, for bindings that know no engine of ours."""
        return int(self.function(self._index[name]))
