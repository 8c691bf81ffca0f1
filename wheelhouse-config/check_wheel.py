"""Check what no published tool does: a wheel's tag, each of its files, its version, its licence.

check_wheel.py WHEEL ... does. auditwheel, delocate and delvewheel look at what the extension
needs, abi3audit at the stable ABI, check-wheel-contents at what is missing.
"""

import re
import sys
import zipfile
from pathlib import Path

# What setuptools names the extension; with another name, the Pythons of the tag do not find it. By
# whether it has the stable ABI, and whether it is for Windows.
EXTENSION = {
    (True, False): r"steamnet/_native\.abi3\.so",
    (True, True): r"steamnet/_native\.pyd",
    (False, False): r"steamnet/_native\.cpython-\d+t-[\w-]+\.so",
    (False, True): r"steamnet/_native\.cp\d+t-win_\w+\.pyd",
}
ROOT = Path(__file__).resolve().parents[1]
OURS = {"pytest_steamnet.py"} | {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "steamnet").rglob("*")
    if path.suffix in (".py", ".pyi", ".typed")
}
INFO = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
COMPILED = re.compile(r".*\.(so|pyd|dll|dylib)(\.\d+)*")


def faults(wheel: Path) -> list[str]:
    """Say in full sentences what is wrong with a wheel."""
    parts = wheel.stem.split("-")
    if len(parts) != 5:
        return [f"Its name has {len(parts)} parts, and not five."]
    _, version, python, abi, platform = parts
    stable = abi == "abi3"
    found = []
    if (python, abi) != ("cp311", "abi3") and abi != f"{python}t":
        found.append(f"The tag {python}-{abi} is neither cp311-abi3 nor of a free-threaded Python.")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        compiled = [name for name in names if COMPILED.fullmatch(name)]
        wanted = re.compile(EXTENSION[stable, platform.startswith("win")])
        if len(compiled) != 1 or not wanted.fullmatch(compiled[0]):
            found.append(f"There must be one extension module that {abi} finds, not {compiled}.")
        info = f"steamnet-{version}.dist-info/"
        foreign = set(names) - OURS - set(compiled) - {info + name for name in INFO}
        if foreign:
            found.append(f"These files are not of the package: {sorted(foreign)}.")
        if f"{info}licenses/LICENSE" not in names:
            found.append("The licence is missing.")
        own: dict[str, str] = {}
        exec(archive.read("steamnet/_version.py"), own)
        if own["__version__"] != version:
            found.append(f"The wheel is named {version}, but holds {own['__version__']}.")
    return found


def main() -> int:
    """Judge the wheels named on the command line."""
    if not sys.argv[1:] or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    wheels = [Path(argument) for argument in sys.argv[1:]]
    for wheel in wheels:
        found = faults(wheel)
        print("\n".join([f"{wheel.name}: {'FAULTY' if found else 'sound'}", *found]))
        if found:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
