"""Refuse a release that is not whole.

The tag must be that of the version, of a commit on main of the repository that pyproject.toml
names, and the changelog must date it. With a folder, that must hold the sdist and exactly the
promised wheels, each of them sound; their hashes are printed, as the index will show them.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import matrix
from check_wheel import faults
from description import repository

ROOT = Path(__file__).resolve().parent.parent
# The tag that a wheel of ours must have of each kind: no system that we promise is too old for it.
FLOORS = ("manylinux_2_17_", "musllinux_1_2_", f"macosx_{matrix.MAC_FLOOR}_", "win_")


def version() -> str:
    """Read the version without importing the package, which is not built here."""
    found: dict[str, str] = {}
    exec((ROOT / "steamnet" / "_version.py").read_text(encoding="utf-8"), found)
    return found["__version__"]


def build_of(name: str) -> str | None:
    """The build, as cibuildwheel calls it, that makes a wheel of this name; None if none does."""
    parts = name.removesuffix(".whl").split("-")
    if len(parts) != 5:
        return None
    python, abi, platforms = parts[2:]
    if abi == f"{python}t":
        python = abi  # cp314-cp314t-… comes from the build cp314t-…
    elif abi != "abi3":
        return None
    found = [
        (f, p.removeprefix(f)) for p in platforms.split(".") for f in FLOORS if p.startswith(f)
    ]
    if len(found) != 1:
        return None
    floor, processor = found[0]
    return f"{python}-{re.sub(r'_[0-9_]+$', '', floor.rstrip('_'))}_{processor}"


def differences(names: list[str]) -> list[str]:
    """Say what these files lack of the promised wheels, or have beyond them."""
    builds = {name: build_of(name) for name in names if name.endswith(".whl")}
    made = Counter(builds.values())
    promised = matrix.wheels()
    found = [f"The wheel of {build} is missing." for build in promised if not made[build]]
    for name, build in sorted(builds.items()):
        if build not in promised:
            found.append(f"{name} is no promised wheel.")
        elif made[build] > 1:
            found.append(f"{name} is not the only wheel of {build}.")
    return sorted(found)


def misplaced(tag: str) -> list[str]:
    """Say why this tag must not be released."""
    own, found = version(), []
    if tag != f"v{own}":
        found.append(f"The tag is {tag}, the version {own}.")
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## (.+)$", text, re.MULTILINE)
    if heading is None or not re.fullmatch(rf"{re.escape(own)} — \d{{4}}-\d\d-\d\d", heading[1]):
        said = heading[1] if heading else "nothing"
        found.append(f"CHANGELOG.md begins with {said!r}, and not with {own} and its date.")
    here = os.environ.get("GITHUB_SERVER_URL", "") + "/" + os.environ.get("GITHUB_REPOSITORY", "")
    if here not in ("/", repository()):
        found.append(f"This is {here}, and pyproject.toml leads readers to {repository()}.")
    ancestry = ("git", "merge-base", "--is-ancestor", f"refs/tags/{tag}")
    branches = ("refs/remotes/origin/main", "refs/heads/main")  # of a runner, and of a person
    runs = [subprocess.run([*ancestry, b], cwd=ROOT, capture_output=True) for b in branches]
    if all(run.returncode for run in runs):
        found.append(f"The tag {tag} is not on main.")
    return found


def unfit(folder: Path) -> list[str]:
    """Say what is wrong with the files."""
    own = version()
    files = sorted(folder.iterdir())
    found = [f"{f.name}: {fault}" for f in files if f.suffix == ".whl" for fault in faults(f)]
    found += differences([file.name for file in files])
    if not (folder / f"steamnet-{own}.tar.gz").exists():
        found.append("There is no sdist.")
    strangers = [f.name for f in files if not re.match(rf"steamnet-{re.escape(own)}[-.]", f.name)]
    return found + [f"{name} is not of this version." for name in strangers]


def main() -> int:
    """Judge; print each reason, or the hashes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tag", help="the tag of the release, such as v1.0.0")
    parser.add_argument("folder", nargs="?", type=Path, help="where the files to be uploaded are")
    options = parser.parse_args()
    tag, folders = options.tag, [options.folder] if options.folder else []
    found = misplaced(tag) + [reason for folder in folders for reason in unfit(folder)]
    for folder in folders:
        for file in sorted(folder.iterdir()):
            print(hashlib.sha256(file.read_bytes()).hexdigest(), file.name)
    print("\n".join(found) or f"release: {tag} may go out")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
