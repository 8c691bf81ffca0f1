"""Run what we promise where this machine is not: arm64, musl, the newest Pythons.

On Debian, as root. Builds the wheels for glibc 2.17 of both processors, unpacks Debian's userlands
with their Pythons and, where there is one, their GameNetworkingSockets, installs the wheel in each,
uses it and tests it there; and runs the C checks linked with musl. What is not for this processor
runs under qemu: that shows layouts, calling conventions, signed characters and the like, but
neither a real processor's memory order nor its speed. Arguments go to pytest, in place of TESTS.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "wheelhouse-config"), str(ROOT / "wheelhouse-config" / "gns")]

from debian import GNS, GNS_DEV, GNS_SUITE, debian_mirror
from interpreters import interpreters
from toolbox import BIN, prepare
from verify_wheel import ZIG, build_sdist, build_wheel, check_contents, python_headers, run, say

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
NEWEST = ("python3.14", "python3.15")
# A Debian release, its processor, its Pythons.
PLACES = (
    (GNS_SUITE, "amd64", NEWEST),
    ("bookworm", "arm64", ("python3.11",)),
    (GNS_SUITE, "arm64", NEWEST),
)
TESTS = [
    *("tests/c/test_layout.py", "tests/api/test_messages.py", "tests/api/test_events.py"),
    *("tests/api/test_core_api.py", "tests/process/test_threads.py"),
]
PACKAGES = ("dash", "coreutils", "base-passwd", "g++", "libc6-dev", "procps", "iproute2")
# Without a model that signs pointers, which qemu does slowly, and Debian's programs all the time.
EMULATOR = {"QEMU_CPU": "cortex-a72"}


def emulate() -> None:
    """Let the kernel start programs of other processors in qemu, as Debian's package describes."""
    kernel = Path("/proc/sys/fs/binfmt_misc")
    if not (kernel / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", kernel)
    if not (kernel / "qemu-aarch64").exists():
        rule = Path("/usr/lib/binfmt.d/qemu-aarch64.conf").read_bytes().strip()
        (kernel / "register").write_bytes(rule)


def unpack(suite: str, arch: str, pythons: tuple[str, ...], root: Path) -> None:
    """Unpack a Debian without setting it up, so that nothing of it need run for that."""
    packages = [*PACKAGES, *pythons, *(f"{python}-venv" for python in pythons)]
    packages += [GNS, GNS_DEV] if suite == GNS_SUITE else []
    # This machine's own rules for how old an archive may be.
    rules = root.with_suffix(".conf")
    rules.write_text(run("apt-config", "dump", "Acquire::Check-Valid-Until"))
    run(
        "mmdebstrap",
        "--quiet",
        "--variant=extract",
        f"--architectures={arch}",
        f"--aptopt={rules}",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        f"--include={','.join(packages)}",
        suite,
        root,
        f"deb {debian_mirror()} {suite} main",
    )
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    for folder in ("proc", "root"):
        (root / folder).mkdir(exist_ok=True)


def inside(root: Path, *command: str | Path, extra: dict[str, str] | None = None) -> str:
    """Run a command in an unpacked Debian, with a /proc and a /dev that go away with it."""
    chroot = shlex.join(["chroot", str(root), "env", "-C", "/srv/steamnet", *map(str, command)])
    mounts = f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"
    kept = {"HOME": "/root", "CC": "gcc", "CXX": "g++", "PATH": "/usr/bin:/usr/sbin"}
    script = f"{mounts} && exec {chroot}"
    tool = shutil.which("unshare") or "unshare"
    return run(tool, "--mount", "sh", "-c", script, extra=EMULATOR | kept | (extra or {}))


def install(wheel: Path, python: str, machine: str, root: Path) -> Path:
    """Install the wheel and its tests' needs, with this machine's pip for that machine's Python."""
    environment = Path("/root") / python
    inside(root, f"/usr/bin/{python}", "-m", "venv", "--without-pip", environment)
    packages = root / f"root/{python}/lib/{python}/site-packages"
    floors = ("2014", "_2_28", "_2_34")
    tags = [f"--platform=manylinux{floor}_{machine}" for floor in floors]
    version = f"--python-version={python.removeprefix('python')}"
    options = ("-q", "--only-binary=:all:", version, *tags, f"--target={packages}")
    run(BIN / "pip", "install", *options, f"{wheel}[test,cli]")
    return environment / "bin/python"


def use(python: Path, root: Path, tests: list[str]) -> None:
    """Try the wheel, let the demo play, and run tests over each engine that is there."""
    say(inside(root, python, "wheelhouse-config/test_wheel.py").strip().splitlines()[-1])
    inside(root, python, "-P", "-m", "steamnet", "demo")
    engines = {"loopback": {"STEAMNET_REQUIRE_ENGINES": "0"}}
    for library in root.glob("usr/lib/*/libGameNetworkingSockets.so.1debian1"):
        engines["gns"] = {
            "STEAMNET_LIBRARY": f"/{library.relative_to(root)}",
            "STEAMNET_GNS_INCLUDE": "/usr/include/GameNetworkingSockets",
            "STEAMNET_REQUIRE_ENGINES": "1",
        }
    for engine, extra in engines.items():
        pytest = (python, "-P", "-m", "pytest", "-q", f"--engine={engine}")
        printed = inside(root, *pytest, *tests, extra=extra)
        say(f"{python.parts[2]}, {engine}: {printed.strip().splitlines()[-1]}")


def check_c(machine: str, scratch: Path) -> None:
    """Run the C checks of the loopback engine, linked with musl and with nothing else."""
    program = scratch / f"check-{machine}"
    sources = [p for part in ("", "platform/", "loopback/") for p in ROOT.glob(f"csrc/{part}*.c")]
    flags = (
        "-std=c11",
        "-O2",
        "-D_GNU_SOURCE",
        '-DSN_VERSION="0"',
        f"-I{ROOT / 'csrc'}",
        "-static",
    )
    checks = ROOT.glob("tests/c/loopback/*.c")
    run(*ZIG.split(), "-target", f"{machine}-linux-musl", *flags, *sources, *checks, "-o", program)
    printed = run(program, extra=EMULATOR | {"STEAMNET_LOOPBACK_DIR": str(scratch)})
    say(f"musl, {machine}: {printed.strip().splitlines()[-1]}")


def main() -> None:
    """Run everything; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", default=TESTS, help="what pytest runs")
    tests = parser.parse_args().tests
    run("apt-get", "update", "-qq")
    needs = ("mmdebstrap", "qemu-user-static")
    run("apt-get", "install", "-qq", "-y", "--no-install-recommends", *needs)
    emulate()
    pythons = interpreters()
    prepare(next(iter(pythons.values())))
    with tempfile.TemporaryDirectory(prefix="sn-") as folder:
        scratch = Path(folder)
        for machine in MACHINES.values():
            check_c(machine, scratch)
        headers = next(iter(python_headers(pythons, scratch).values()))
        sdist = build_sdist(scratch)
        wheels = {m: build_wheel(headers, scratch, m) for m in MACHINES.values()}
        for wheel in wheels.values():
            check_contents(sdist, wheel)
        for suite, arch, names in PLACES:
            root = scratch / f"{suite}-{arch}"
            unpack(suite, arch, names, root)
            say(f"Debian {suite} for {arch}")
            for name in names:
                shutil.copytree(scratch / "tree", root / "srv/steamnet", dirs_exist_ok=True)
                python = install(wheels[MACHINES[arch]], name, MACHINES[arch], root)
                use(python, root, tests)


if __name__ == "__main__":
    os.umask(0o022)
    main()
