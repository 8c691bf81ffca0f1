"""The benchmark suite: ``python benchmarks/run.py [--quick] [--peers]``.

Runs each engine in a process of its own, prints the tables and, unless it was a quick run,
writes them and the chart into docs/. What cannot be measured here is named in the tables.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import loops
import peers
import programs
import report

import steamnet
from steamnet.cli.bench import Progress

HERE = Path(__file__).resolve().parent
TURNS = 3  # of the whole programs, all in each
CACHE = Path(os.environ.get("STEAMNET_CACHE") or Path.home() / ".cache" / "steamnet") / "bench"


class Runner:
    """Runs the processes one after the other and collects what they say."""

    def __init__(self, quick: bool, steps: int) -> None:
        """Start with nothing."""
        self.quick = quick
        self.results = report.Results()
        self.progress = Progress(steps)
        # In memory, where desktops have it: else a user's coming and going measures the disk.
        shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self._place = tempfile.TemporaryDirectory(prefix="sn-", dir=shared)
        self.environment = {"STEAMNET_LOOPBACK_DIR": self._place.name}

    def run(self, source: str, command: Sequence[str | Path], options: dict[str, Any]) -> None:
        """Run a process that measures; ``source`` is what its results are filed under."""
        options = {"quick": self.quick, "bindings": False, "link": "pipe", "swig": None} | options
        with tempfile.TemporaryFile(
            "w+"
        ) as errors:  # a pipe could fill up, and nobody reads it yet
            process = subprocess.Popen(
                [*map(str, command), json.dumps(options)],
                env=os.environ | self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            assert process.stdout is not None
            for line in process.stdout:
                if not line.startswith("{"):
                    continue  # what an engine has to say
                said = json.loads(line)
                if "step" in said:
                    self.progress.step(said["step"])
                elif "about" in said:
                    self.results.versions[source] = said["about"]
                else:
                    self.results.add(source, said["group"], said["name"], said["samples"])
            process.wait()
            errors.seek(0)
            words = errors.read().strip()
        if process.returncode != 0:
            last = words.splitlines()[-1] if words else f"exit status {process.returncode}"
            self.results.absent[source] = last


def why_no_gns() -> str | None:
    """Why GameNetworkingSockets cannot run here; None if it can."""
    code = "import steamnet; steamnet.init(engine='gns').shutdown()"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a look in under a minute")
    parser.add_argument("--peers", action="store_true", help="compare with PyPI's and npm's")
    options = parser.parse_args()
    python, quick = sys.executable, options.quick
    os.environ["PYTHONPATH"] = str(Path(steamnet.__file__).parent.parent)
    library = {"loops": str(loops.build(CACHE))}
    runner = Runner(quick, (68 if quick else 147) + (14 if options.peers else 0))
    hot, growth = HERE / "hot.py", HERE / "growth.py"
    absent = why_no_gns()
    if absent is None:
        runner.run("gns", [python, hot], library | {"engine": "gns", "bindings": True})
        runner.run("gns udp", [python, hot], library | {"engine": "gns", "link": "udp"})
        runner.run("gns growth", [python, growth], library | {"engine": "gns"})
    else:
        runner.results.absent["gns"] = absent
    runner.run("loopback", [python, hot], library | {"engine": "loopback"})
    for engine in ("gns", "loopback") if absent is None else ("loopback",):
        runner.run(engine, [python, hot], library | {"engine": engine, "link": "events"})
    runner.run("loopback growth", [python, growth], library | {"engine": "loopback"})
    for who, (package, *_, engine) in [*programs.CONTENDERS.items()] * (1 if quick else TURNS):
        if engine != "gns" or absent is None:
            compare_programs(runner, who, package)
    if options.peers and absent is None:
        compare_with_peers(runner, library)
    else:
        why = f"no gns ({absent})" if absent else "not asked for (--peers)"
        runner.results.absent |= {peers.SWIG: why, peers.NODE: why}
    runner.progress.end()
    CACHE.mkdir(parents=True, exist_ok=True)
    runner.results.save(CACHE / "results.json")
    print(report.tables(runner.results))
    if not quick:
        report.write(runner.results, HERE.parent / "docs")


def compare_programs(runner: Runner, who: str, package: str | None) -> None:
    """Run the same program over one library."""
    try:
        path = peers.fetch(CACHE, package)
    except peers.MissingError as error:
        runner.results.absent[who] = str(error)
        return
    runner.run(who, [sys.executable, HERE / "programs.py"], {"who": who, "path": path})


def compare_with_peers(runner: Runner, library: dict[str, str]) -> None:
    """Run the peers over the fake Steam library, which forwards to the same GNS."""
    os.environ.update(
        STEAMNET_FAKE_STEAM_GNS=os.environ.get("STEAMNET_LIBRARY", ""), SteamAppId="480"
    )
    try:
        found = peers.swig(CACHE)
        command = [sys.executable, HERE / "hot.py"]
        runner.run(peers.SWIG, command, library | {"engine": "steam"} | found)
    except peers.MissingError as error:
        runner.results.absent[peers.SWIG] = str(error)
    try:
        command, found = peers.node(CACHE)
        repeats = {"repeats": 5 if runner.quick else 11}
        runner.run(peers.NODE, command, library | found | repeats)
    except peers.MissingError as error:
        runner.results.absent[peers.NODE] = str(error)


if __name__ == "__main__":
    main()
