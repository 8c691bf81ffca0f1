"""See that a folder holds exactly what a version's tag promises: release.py TAG FOLDER."""

import re
import sys
from pathlib import Path

import matrix
from check_wheel import faults

ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """Read the version without importing the package, which is not built here."""
    found: dict[str, str] = {}
    exec((ROOT / "steamnet" / "_version.py").read_text(encoding="utf-8"), found)
    return found["__version__"]


def differences(names: list[str]) -> list[str]:
    """List the wheels that are promised or among these files, but not both."""
    built = []
    for name in names:
        if match := re.fullmatch(r"steamnet-[^-]+-(cp\w+)-\w+-(.+)\.whl", name):
            # Of a tag such as manylinux_2_17_x86_64 the platform remains, without its floor.
            platform = re.sub(r"^([a-z]+)_\d+_\d+_", r"\1_", match[2].rpartition(".")[2])
            built.append(f"{match[1]}-{platform}")
    return sorted(set(matrix.wheels()) ^ set(built))


def main() -> int:
    """Compare; print each difference."""
    tag, folder = sys.argv[1], Path(sys.argv[2])
    files = sorted(folder.iterdir())
    found = [fault for file in files if file.suffix == ".whl" for fault in faults(file)]
    odd = differences([file.name for file in files])
    found += [f"{wheel} is promised, or there, but not both." for wheel in odd]
    own = version()
    if tag != f"v{own}":
        found.append(f"The tag is {tag}, the version {own}.")
    if not (folder / f"steamnet-{own}.tar.gz").exists():
        found.append("There is no sdist.")
    strangers = [f.name for f in files if not f.name.startswith(f"steamnet-{own}")]
    found += [f"{name} is not of this version." for name in strangers]
    print("\n".join(found) or f"release: {len(files)} files, ready for {tag}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
