"""The thread that runs GNS: no race, no leak, no wait that nothing ends."""

import shutil
import subprocess
from pathlib import Path

import pytest
import requirements

ROOT = Path(__file__).resolve().parents[2]
WRAPPED = ("sn_library_open", "sn_library_symbol", "sn_thread_start")


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_the_thread_and_those_who_wait(sanitizer: str, tmp_path: Path) -> None:
    """Packets wake who waits, the end wakes all; without a thread there are naps."""
    if shutil.which("gcc") is None:
        requirements.missing("no gcc, whose sanitizers are asked here")
    sources = [*(ROOT / "csrc").glob("*.c"), *(ROOT / "csrc").glob("platform/*.c")]
    sources += [ROOT / "tests/c/gns_thread.c"]
    wrap = ",".join(f"--wrap={name}" for name in WRAPPED)
    command = ["gcc", "-std=c11", "-D_GNU_SOURCE", '-DSN_VERSION="0"', "-g", "-O0", "-w"]
    command += [f"-fsanitize={sanitizer}", f"-Wl,{wrap}", f"-I{ROOT / 'csrc'}"]
    command += [*map(str, sources), "-o", str(tmp_path / "check"), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, timeout=120)
    done = subprocess.run(
        [str(tmp_path / "check")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
