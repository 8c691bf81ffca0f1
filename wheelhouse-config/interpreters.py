"""Find the CPythons of our range on this machine, oldest first; run as a script it lists them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

FACTS = """
import json, os, sys, sysconfig
print(json.dumps([sys.implementation.name, sys.version_info[:3], sys.abiflags,
                  os.path.realpath(getattr(sys, "_base_executable", sys.executable))]))
"""


def interpreters() -> dict[str, str]:
    """Map tags as cibuildwheel spells them, such as cp311, to interpreters."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [Path(sys.executable), *sorted(pyenv.glob("versions/3.*/bin/python"))]
    for folder in map(Path, os.environ.get("PATH", "").split(os.pathsep)):
        names = folder.glob("python3.*") if folder.is_dir() else ()
        candidates += [name for name in names if re.fullmatch(r"python3\.\d+t?", name.name)]
    found: dict[tuple[int, ...], tuple[str, str]] = {}
    for candidate in candidates:
        # pyenv's shims fail for versions that are not active.
        asked = subprocess.run([candidate, "-I", "-c", FACTS], capture_output=True, check=False)
        if asked.returncode:
            continue
        name, version, flags, real = json.loads(asked.stdout)
        if name == "cpython" and version >= [3, 11]:
            tag = f"cp{version[0]}{version[1]}{flags}"
            found.setdefault((*version, "t" in flags), (tag, real))
    # Of each tag the newest: patch releases share their ABI.
    return {tag: real for _, (tag, real) in sorted(found.items())}


if __name__ == "__main__":
    for tag, interpreter in interpreters().items():
        print(tag, interpreter)
