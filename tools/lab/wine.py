"""Run the wheel for Windows on CPython for Windows, under Wine: wine.py [ARGUMENT ...].

Without arguments it is tried as every wheel is; with them they are those of ``python.exe``, as in
``wine.py -P -m pytest --engine=loopback tests/api/test_messages.py``; ``--smoke`` is what the gate
runs: the wheel's test, the demo between two processes, and a dozen files of the suite. It needs
Wine and mingw-w64.

Nobody publishes a CPython for Windows where we can get it, but Panda3D's wheel carries its DLLs.
The rest of the standard library is that of a CPython 3.11 on this machine.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "wheelhouse-config"), str(ROOT / "tools")]

from interpreters import interpreters
from toolbox import BIN, CACHE, prepare
from verify_wheel import build_sdist, python_headers, run, say

WINE = CACHE.with_name("wine")
WINE64 = shutil.which("wine64") or shutil.which("wine64", path="/usr/lib/wine")
HOME = WINE / "python"
PACKAGES = HOME / "Lib/site-packages"
DLLS = "panda3d==1.10.14"  # CPython 3.11.7
SHA256 = "1ddf01040b9c5497fb8659e3c5ef793a26c869cfdfb1b75e6d04d6fba0c03b73"  # of that wheel
GCC = "x86_64-w64-mingw32-gcc"
FOR_WINDOWS = ("--platform=win_amd64", "--python-version=3.11", "--only-binary=:all:")
NOT_COPIED = (
    *("test", "tests", "idlelib", "ensurepip", "turtledemo", "__pycache__"),
    *("site-packages", "dist-packages", "lib-dynload", "config-*", "_sysconfigdata*"),
)
SMOKE = (
    *("core_api", "copies", "errors", "event_queue", "events", "info", "messages", "objects"),
    *("network_by_hand", "virtual_clock", "config", "lifecycle", "poll_groups", "states"),
)
PROGRAM = """
#include <wchar.h>
__declspec(dllimport) int Py_Main(int, wchar_t **);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""
# What CPython's own headers ask of it: this machine's is about another system.
PYCONFIG = """
#define MS_WINDOWS
#define MS_WIN64
#define HAVE_DECLSPEC_DLL
#define Py_ENABLE_SHARED
#define HAVE_STDDEF_H 1
#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_VOID_P 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_WCHAR_T 2
#define SIZEOF_TIME_T 8
#define ALIGNOF_SIZE_T 8
#define ALIGNOF_MAX_ALIGN_T 8
typedef long long Py_ssize_t;
#define HAVE_SSIZE_T 1
"""


def link_with(dll: Path, library: str, forward: bool, scratch: Path) -> list[str]:
    """Make the import library of a DLL with the functions of ``dll``; or the DLL, forwarding."""
    shown = run("x86_64-w64-mingw32-objdump", "-p", dll)
    names = sorted(set(re.findall(r"^\t\[ *\d+\].*?\b(_*Py\w+)$", shown, re.MULTILINE)))
    rows = [f"{name} = {dll.stem}.{name}" if forward else name for name in names]
    definition = scratch / f"{library}.def"
    definition.write_text("\n".join([f"LIBRARY {library}.dll", "EXPORTS", *rows, ""]))
    if forward:
        run(GCC, "-shared", "-nostdlib", "-Wl,-e,0", "-o", HOME / f"{library}.dll", definition)
    else:
        archive = scratch / f"lib{library}.a"
        run("x86_64-w64-mingw32-dlltool", "-d", definition, "-l", archive)
    return names


def make_python(python: str, scratch: Path) -> None:
    """Put the CPython for Windows together, with what the tests need."""
    run(BIN / "pip", "download", "-q", "--no-deps", *FOR_WINDOWS, "-d", scratch, DLLS)
    (wheel,) = scratch.glob("panda3d-*.whl")
    if (found := hashlib.sha256(wheel.read_bytes()).hexdigest()) != SHA256:
        sys.exit(f"wine.py: {wheel.name} has the SHA-256 {found}, and not {SHA256}")
    shutil.rmtree(HOME, ignore_errors=True)
    ask = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    library = run(python, "-c", ask).strip()
    shutil.copytree(library, HOME / "Lib", ignore=shutil.ignore_patterns(*NOT_COPIED))
    (HOME / "DLLs").mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            file = Path(name).name
            # Not Microsoft's C library, which Wine has one of its own for.
            if name.startswith("deploy_libs/") and not file.startswith("api-ms-"):
                beside = file.lower() in ("python311.dll", "vcruntime140.dll")
                (HOME / ("" if beside else "DLLs") / file).write_bytes(archive.read(name))
    link_with(HOME / "python311.dll", "python311", False, scratch)
    link_with(HOME / "python311.dll", "python3", True, scratch)
    (scratch / "python.c").write_text(PROGRAM)
    link = ("-L", scratch, "-lpython311", "-o", HOME / "python.exe")
    run(GCC, "-municode", scratch / "python.c", *link)
    # pip asks this machine, not the other, what pytest needs there: colorama.
    needed = ("cffi", "pycparser", "colorama", "pytest", "hypothesis", "psutil", "websockets")
    run(BIN / "pip", "install", "-q", *FOR_WINDOWS, "--target", PACKAGES, *needed)
    say(f"a CPython for Windows is put together in {HOME}")


def make_wheel(python: str, scratch: Path) -> Path:
    """Cross-compile the wheel, against the C library that Microsoft's compiler would take."""
    headers = python_headers({"cp311": python}, scratch)["cp311"]
    (headers / "pyconfig.h").write_text(PYCONFIG)
    link_with(HOME / "python311.dll", "python3", False, scratch)
    specs = scratch / "ucrt.specs"
    specs.write_text(run(GCC, "-dumpspecs").replace("-lmsvcrt", "-lpython3 -lucrt"))
    build_sdist(scratch)
    (source,) = (scratch / "unpacked").iterdir()
    cross = {
        "_PYTHON_HOST_PLATFORM": "win-amd64",
        "CC": f"{GCC} -D_UCRT -D__MSVCRT_VERSION__=0xE00",
        "CFLAGS": f"-I{headers}",
        "LDSHARED": f"{GCC} -shared -static-libgcc -specs={specs} -L{scratch}",
    }
    build = (BIN / "python", "-m", "build", "--wheel", "--no-isolation")
    run(*build, "--outdir", scratch / "raw", source, extra=cross)
    (raw,) = (scratch / "raw").glob("*-win_amd64.whl")
    wheel = scratch / raw.name
    # setuptools names the extension as on this machine.
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(wheel, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("/RECORD"):
                data = data.replace(b"_native.abi3.so", b"_native.pyd")
            new.writestr(name.replace("_native.abi3.so", "_native.pyd"), data)
    run(BIN / "python", ROOT / "wheelhouse-config/check_wheel.py", wheel)
    say(f"{wheel.name} is compiled, and sound")
    return wheel


def run_there(*arguments: str) -> int:
    """Run CPython for Windows in this folder, and tell its exit code."""
    server = shutil.which("wineserver64") or "/usr/lib/wine/wineserver64"
    environment = os.environ | {
        "WINEPREFIX": str(WINE / "prefix"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "PYTHONUTF8": "1",
        "PYTHONPYCACHEPREFIX": str(WINE / "bytecode"),
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    environment.pop("DISPLAY", None)
    try:
        # Pipes, because Wine's idea of a file that is only written to stops Python.
        with subprocess.Popen(
            [str(WINE64), HOME / "python.exe", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                print(line.rstrip("\n"), flush=True)
    finally:
        subprocess.run([server, "-k"], env=environment, check=False)
    return process.returncode


def main() -> int:
    """Make what is not there yet, install this tree's wheel, and run what was asked for."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if not shutil.which(GCC) or not WINE64:
        sys.exit("wine.py: no mingw-w64 or no Wine here; on Debian: gcc-mingw-w64-x86-64 wine64")
    pythons = interpreters()
    if "cp311" not in pythons:
        sys.exit("wine.py: no CPython 3.11 here, whose standard library is needed")
    prepare(pythons["cp311"])
    WINE.mkdir(parents=True, exist_ok=True)
    with (WINE / "lock").open("w") as lock, tempfile.TemporaryDirectory() as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        scratch = Path(folder)
        if not (PACKAGES / "psutil").exists():
            make_python(pythons["cp311"], scratch)
        wheel = make_wheel(pythons["cp311"], scratch)
        install = (BIN / "pip", "install", "-q", "--no-deps", "--upgrade", *FOR_WINDOWS)
        run(*install, "--target", PACKAGES, wheel)
        wheel_test = [str(ROOT / "wheelhouse-config/test_wheel.py")]
        if sys.argv[1:2] != ["--smoke"]:
            return run_there(*(sys.argv[1:] or wheel_test))
        files = [str(path) for name in SMOKE for path in ROOT.glob(f"tests/[as]*/test_{name}.py")]
        runs = (
            wheel_test,
            ["-P", "-m", "steamnet", "demo", "--messages", "100"],
            ["-P", "-m", "pytest", "-q", "--engine=loopback", *files, *sys.argv[2:]],
        )
        return max(map(abs, (run_there(*arguments) for arguments in runs)))


if __name__ == "__main__":
    sys.exit(main())
