"""Install this tree into the Python that runs this, and pass its tests there, on any system."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8")


def main() -> None:
    """Install, then test; -P keeps the source folder from hiding what was installed."""
    freezer = re.findall(r"^pyinstaller==\S+", TOOLS, re.MULTILINE)
    install = [sys.executable, "-m", "pip", "install", ".[cli,test]", *freezer]
    subprocess.run(install, cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-P", "-m", "pytest"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
