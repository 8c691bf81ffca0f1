"""Builds the fuzz targets with clang's libFuzzer and sanitizers, and runs them.

    python tests/fuzz/run.py --seconds 10 [--keep] [--json FILE] [TARGET ...]

Each run begins with the kept corpus, so whatever was once found is tried again. ``--keep`` adds
what reaches new code, minimised. An input that breaks something is shown, stays in the current
directory, and ends the run with exit code 1: it belongs into the corpus, under a name that says
what it broke.
"""

import argparse
import base64
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "csrc"
TARGETS = ("frames", "links", "texts", "config")
FLAGS = [
    *("-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", "-D_GNU_SOURCE", '-DSN_VERSION="0"'),
    *("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"),
]
LONGEST = 2048


def build(folder: Path, targets: list[str]) -> None:
    """Compile the engine once, and each target with it."""
    sources = [*CSRC.glob("*.c"), *CSRC.glob("loopback/*.c")]
    include = [f"-I{CSRC}", f"-I{HERE}"]
    # To be linked into a program that has its own main, and is instrumented all the same.
    flags = [flag.replace("fuzzer,", "fuzzer-no-link,") for flag in FLAGS]
    objects = []
    for source in (*sources, HERE / "machine.c"):
        objects.append(folder / f"{source.parent.name}-{source.stem}.o")
        subprocess.run(["clang", *flags, *include, "-c", source, "-o", objects[-1]], check=True)
    for target in targets:
        command = ["clang", *FLAGS, *include, HERE / f"{target}.c", *objects]
        subprocess.run([*command, "-o", folder / target], check=True)


def run(program: Path, corpus: Path, fresh: Path, seconds: int) -> dict[str, int] | None:
    """Fuzz one target: its figures, None if it broke something."""
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-len_control=0"]
    options += ["-timeout=10", "-rss_limit_mb=2000", "-print_final_stats=1"]
    done = subprocess.run(
        [program, *options, fresh, corpus], capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        lines = done.stderr.splitlines()
        print("\n".join(line for line in lines if not re.match(r"#\d+\t|INFO:", line)))
        return None
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    assert runs is not None
    return {"inputs": int(runs[1]), "branches": int(covered[-1])}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--keep", action="store_true", help="add what reaches new code")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args()
    targets = options.targets or list(TARGETS)
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, targets)
        for target in targets:
            corpus, fresh, kept = folder / f"{target}-corpus", folder / "fresh", folder / "kept"
            for directory in (corpus, fresh, kept):
                directory.mkdir(exist_ok=True)
            packed = HERE / "corpus" / f"{target}.txt"
            lines = packed.read_text().splitlines() if packed.exists() else []
            inputs = dict(line.split(" ", 1) for line in lines)
            for label, text in inputs.items():
                (corpus / label).write_bytes(base64.b64decode(text))
            found = run(folder / target, corpus, fresh, options.seconds)
            if found is None:
                print(f"{target}: BROKEN")
                return 1
            figures[target] = found
            print(f"{target}: {found['inputs']} inputs, {found['branches']} branches", flush=True)
            if options.keep:
                merge = [folder / target, "-merge=1", f"-max_len={LONGEST}", kept, corpus, fresh]
                subprocess.run(merge, check=True, capture_output=True)
                for path in kept.iterdir():
                    known = [
                        n for n, t in inputs.items() if base64.b64decode(t) == path.read_bytes()
                    ]
                    label = known[0] if known else path.name[:12]
                    inputs[label] = base64.b64encode(path.read_bytes()).decode()
                packed.parent.mkdir(exist_ok=True)
                packed.write_text("".join(f"{n} {t}\n" for n, t in sorted(inputs.items())))
            for directory in (fresh, kept):
                for path in directory.iterdir():
                    path.unlink()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
