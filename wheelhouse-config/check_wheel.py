"""Judge wheels by their contents: what abi3audit and auditwheel do not look at."""

import re
import sys
import tempfile
import zipfile
from pathlib import Path

from binary import undeclared

# What setuptools names the extension; with another name, the Pythons of the tag do not find it.
STABLE = r"_native\.(abi3\.so|pyd)"
OF_ONE_VERSION = r"_native\.(cpython-\d+t-[\w-]+\.so|cp\d+t-win_\w+\.pyd)"
REQUIRED = {"steamnet/__init__.py", "steamnet/py.typed", "steamnet/_native.pyi"}
PACKAGE = re.compile(r"steamnet/((freezing/)?[\w-]+\.py|py\.typed|\w+\.pyi)|pytest_steamnet\.py")


def faults(wheel: Path) -> list[str]:
    """Say in full sentences what is wrong with a wheel."""
    _, version, python, abi, _ = wheel.stem.split("-")
    stable = abi == "abi3"
    found = []
    if (python, abi) != ("cp311", "abi3") and not (python == abi[:-1] and abi[-1] == "t"):
        found.append(f"The tag {python}-{abi} is neither cp311-abi3 nor of a free-threaded Python.")
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as scratch:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        info = f"steamnet-{version}.dist-info/"
        wanted = re.compile("steamnet/" + (STABLE if stable else OF_ONE_VERSION))
        native = [name for name in names if wanted.fullmatch(name)]
        if len(native) != 1:
            found.append(f"There must be one extension module that {abi} finds, not {native}.")
        found += [
            f"{name} has no place in a wheel."
            for name in names
            if not (name in native or PACKAGE.fullmatch(name) or name.startswith(info))
        ]
        required = {info + "licenses/LICENSE", info + "entry_points.txt", *REQUIRED}
        found += [f"{name} is missing." for name in sorted(required - set(names))]
        own: dict[str, str] = {}
        exec(archive.read("steamnet/_version.py"), own)
        if own["__version__"] != version:
            found.append(f"The wheel is named {version}, but holds {own['__version__']}.")
        for name in native:
            libraries = undeclared(Path(archive.extract(name, scratch)))
            found += [f"{name} asks for {library}." for library in libraries]
    return found


def main() -> int:
    """Judge the wheels named on the command line."""
    wheels = [Path(argument) for argument in sys.argv[1:]]
    for wheel in wheels:
        found = faults(wheel)
        print("\n".join([f"{wheel.name}: {'FAULTY' if found else 'sound'}", *found]))
        if found:
            return 1
    return 0 if wheels else 2


if __name__ == "__main__":
    sys.exit(main())
