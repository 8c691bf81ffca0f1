"""Keep the tools of requirements.txt in an environment of their own: toolbox.py TOOL [ARG ...]."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("STEAMNET_CACHE") or Path.home() / ".cache/steamnet") / "wheel-tools"
BIN = CACHE / "venv" / ("Scripts" if sys.platform == "win32" else "bin")


def prepare(python: str = sys.executable) -> None:
    """Install the tools once, and again whenever their list changes."""
    wanted = Path(__file__).with_name("requirements.txt")
    kept = CACHE / "requirements.txt"
    if not kept.exists() or kept.read_bytes() != wanted.read_bytes():
        shutil.rmtree(CACHE, ignore_errors=True)
        subprocess.run([python, "-m", "venv", CACHE / "venv"], check=True)
        install = (BIN / "python", "-m", "pip", "install", "-qq", "--require-hashes", "-r", wanted)
        subprocess.run(install, check=True)
        shutil.copy(wanted, kept)


if __name__ == "__main__":
    if not sys.argv[1:] or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    prepare()
    sys.exit(subprocess.run([BIN / sys.argv[1], *sys.argv[2:]], check=False).returncode)
