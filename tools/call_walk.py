#!/usr/bin/env python3
"""Count the functions and files that one message of 5 bytes visits in the loopback engine.

    python3 tools/call_walk.py [--check]

Receiving includes what the message does on its way: its sender's timer and its arrival. A source
and its header are one file.
With --check more calls or files than the limits below are an error.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"send": (34, 6), "receive": (53, 8)}  # calls and files


def walks(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """The functions that each walk enters, in order, each with its file."""
    program = folder / "call_walk"
    csrc = ROOT / "csrc"
    sources = [*csrc.glob("*.c"), *csrc.glob("platform/*.c"), *csrc.glob("loopback/*.c")]
    flags = [
        "-std=c11",
        "-gdwarf-4",
        "-O0",
        "-D_GNU_SOURCE",
        '-DSN_VERSION="0"',
        f"-I{csrc}",
        "-no-pie",
    ]
    command = ["gcc", *flags, "-finstrument-functions", *sources, ROOT / "tests/c/call_walk.c"]
    subprocess.run([*command, "-o", program, "-ldl", "-lpthread"], check=True)
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    addresses = [line for line in lines if line.startswith("0x")]
    named = subprocess.run(
        ["addr2line", "-f", "-e", program, *addresses], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    where = iter(zip(named[::2], named[1::2], strict=True))
    found: dict[str, list[tuple[str, str]]] = {}
    walk = ""
    for line in lines:
        if line.startswith("0x"):
            function, place = next(where)
            found[walk].append((function, Path(place.rpartition(":")[0]).stem))
        else:
            walk = line
            found[walk] = []
    return found


def main() -> int:
    """Count and print; 1 if --check finds too many."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail beyond the limits")
    parser.add_argument("--list", action="store_true", help="each call, in order")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, calls in walks(Path(folder)).items():
            files = Counter(file for _, file in calls)
            most_calls, most_files = LIMITS[name]
            print(f"{name}: {len(calls)} calls in {len(files)} files: ", end="")
            print(", ".join(f"{file} {count}" for file, count in files.most_common()))
            if options.list:
                print("\n".join(f"    {file}: {function}" for function, file in calls))
            failed |= len(calls) > most_calls or len(files) > most_files
    return int(options.check and failed)


if __name__ == "__main__":
    sys.exit(main())
