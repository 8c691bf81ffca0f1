"""Writes docs/reliability.md: each promise, the test that holds it, and the figure it came to.

    python tools/reliability.py [--soak MINUTES] [--fuzz SECONDS]   run everything, write
    python tools/reliability.py --check                            only compare promises and tests

The figures are the tests' own (record_property), the fuzzer's and the soak's. Those of parts that
are not run again are kept from docs/reliability.json. Real GNS is in it if its Python runs this.
"""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import generated

PAGE, KEPT = ROOT / "docs" / "reliability.md", ROOT / "docs" / "reliability.json"
FAULTS = "test_faults.py"
SERVER = "test_rendezvous_server.py"
LOBBIES = "process/test_lobbies.py"
STATEFUL = "test_stateful.py::test_programs_of"

# (promise, the test's file[::function]), by section
PROMISES: dict[str, list[tuple[str, str]]] = {
    "Nothing lost": [
        (
            "Between processes, under lag, loss, churn, kills and stalls, every reliable message "
            "arrives once and in order, and before the close of who sent it",
            "test_soak.py::test_soak",
        ),
        ("So it does by P2P on GNS", "test_soak.py::test_soak_by_p2p"),
        (
            "So it does on loopback under each kind of simulated condition",
            "test_loopback_order.py::test_reliable_messages_between_processes",
        ),
        ("When memory is short, received messages stay for the next call", "test_memory_short.py"),
        (
            "What is closed or shut down delivers what was sent reliably, or tells what it "
            "abandons",
            "test_linger.py",
        ),
        ("Random programs of users behave as the model says", f"{STATEFUL}_users_on_loopback"),
        ("So do random programs of socket pairs, on either engine", f"{STATEFUL}_pairs"),
    ],
    "Hostile input": [
        (
            "Garbage sent to loopback's socket affects no user",
            f"{FAULTS}::test_garbage_sent_to_the_socket",
        ),
        ("Clients that send nothing are disconnected", f"{FAULTS}::test_clients_that_send_nothing"),
        ("Another user of the machine cannot connect", f"{FAULTS}::test_another_user"),
        (
            "A run-time directory that others can write to is refused",
            f"{FAULTS}::test_bad_directory",
        ),
        ("Damaged and random signals do not affect GNS", f"{FAULTS}::test_hostile_signals"),
        (
            "A call to a port without a listen socket is ignored, and leaves nothing",
            "test_strangers.py::test_ten_thousand_strangers",
        ),
        (
            "A library that counts or answers wrongly makes nothing read out of bounds",
            "test_lying_library.py",
        ),
        ("No library is loaded from where others may have put it", "test_loading.py"),
        (
            "Between machines nobody connects, signals or ends a connection in another's name",
            "test_gns_rendezvous.py::test_mallory_is_not_ann",
        ),
        (
            "Ten thousand half-open connections to a rendezvous server cost it little memory, and "
            "players are served meanwhile",
            f"{SERVER}::test_ten_thousand_half_open_connections",
        ),
        (
            "Floods and huge frames cost a rendezvous server no memory",
            f"{SERVER}::test_floods_and_huge_frames_cost_no_memory",
        ),
        (
            "What is no message ends its sender's connection to a rendezvous server, and no other",
            f"{SERVER}::test_what_is_no_message_ends_its_senders_connection_alone",
        ),
        (
            "Refused logins, big lobbies, slow readers and false answers cost other users of a "
            "rendezvous server nothing",
            "test_rendezvous_lobbies.py",
        ),
    ],
    "Faults": [
        ("A peer killed at any step is noticed, and leaves nothing", f"{FAULTS}::test_peer_killed"),
        ("A flood of messages fills buffers, not memory", f"{FAULTS}::test_flood"),
        (
            "A flood of events delays neither a frame nor a shutdown",
            "test_event_queue.py::test_a_flood_holds_up_neither_a_frame_nor_a_shutdown",
        ),
        ("Thousands of attempts leave nothing behind", f"{FAULTS}::test_thousands_of_attempts"),
        (
            "Each allocation of ours fails once: there is an answer, and no leak",
            f"{FAULTS}::test_each_allocation_fails_once",
        ),
        ("A full disk is survived", f"{FAULTS}::test_full_disk"),
        ("Files of killed processes are removed", f"{FAULTS}::test_stale_files"),
        (
            "Many processes that start at once all find each other",
            "test_rendezvous.py::test_processes_that_start_at_once_all_find_each_other",
        ),
    ],
    "Machines and lobbies": [
        (
            "Players in two homes connect: by address, by name through routers with STUN, through "
            "symmetric routers with TURN; also when the server restarts and signals are late",
            "test_two_machines.py",
        ),
        (
            "A rendezvous server that is killed ends no connection, and is found again",
            "test_gns_rendezvous.py::test_a_killed_server_loses_no_connection_and_is_found_again",
        ),
        (
            "When the owner of a lobby is killed, the next member owns it, and everybody is told",
            f"{LOBBIES}::test_when_the_owner_is_killed_the_next_member_owns_it",
        ),
        (
            "Members that are killed at once are all removed from their lobby",
            f"{LOBBIES}::test_several_that_die_at_once_are_all_missed",
        ),
        (
            "All members of a lobby see the last value of everybody, and all chat in one order",
            f"{LOBBIES}::test_a_crowd_agrees",
        ),
        (
            "After any commands in any order, all who follow a lobby's changes agree on it",
            "test_lobby_rules.py",
        ),
    ],
    "Threads and process life": [
        ("Many threads may use one manager, and several", "test_threads.py"),
        (
            "Handlers may call anything; shutdown may come while others call",
            "test_concurrency.py",
        ),
        ("A forked child does not disturb its parent", "test_fork.py"),
        ("A program may exit with everything open", "test_exit.py"),
        ("An event loop that ends leaves no coroutine waiting", "test_aio_ends.py"),
        ("Ctrl+C ends every loop", "test_interrupts.py::test_interrupted_loops"),
        (
            "Ctrl+C ends the wait of a shutdown, which still shuts down",
            "test_interrupts.py::test_interrupted_shutdown",
        ),
        (
            "Subinterpreters are refused with the reason",
            "test_interrupts.py::test_subinterpreters_are_refused",
        ),
        ("The view of a message's data stays valid", "test_messages.py"),
        ("Memory does not grow", "test_memory.py"),
    ],
}
FUZZED = {
    "frames": "Frames from another process (`csrc/loopback/wire.c`)",
    "links": "A hostile process at the other end of connections that are in use",
    "texts": "Identity and address strings, parsed and formatted",
    "config": "Config values: every key, scope and type",
}


def check() -> list[str]:
    """What a promise names that is not there."""
    wrong = []
    for _, test in (promise for section in PROMISES.values() for promise in section):
        name, _, function = test.partition("::")
        found = [*ROOT.glob(f"tests/**/{name}")]
        if len(found) != 1 or (function and f"def {function}(" not in found[0].read_text()):
            wrong.append(f"there is no {test}")
        elif PAGE.exists() and shown(test) not in PAGE.read_text():
            wrong.append(f"docs/reliability.md does not tell of {test}")
    wrong += [f"no target {t}" for t in FUZZED if not (ROOT / f"tests/fuzz/{t}.c").exists()]
    return wrong


def shown(test: str) -> str:
    """A test's file and function, between which a narrow table can break."""
    return " ".join(f"`{part}`" for part in test.split("::"))


def run_tests() -> dict[str, str]:
    """Run the promises' tests: a figure for each."""
    names = set()
    for _, test in (promise for section in PROMISES.values() for promise in section):
        name, colons, function = test.partition("::")
        names.add(f"{next(ROOT.glob(f'tests/**/{name}'))}{colons}{function}")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-P", "-m", "pytest", "-q", f"--junitxml={report}"]
        done = subprocess.run([*command, *sorted(names)], cwd=ROOT)
        if done.returncode != 0:
            raise SystemExit("a promise is broken")
        cases = list(ET.parse(report).iter("testcase"))
    figures = {}
    for _, test in (promise for section in PROMISES.values() for promise in section):
        name, _, function = test.partition("::")
        counts: dict[str, int] = defaultdict(int)
        ran = skipped = 0
        for case in cases:
            same = Path(case.get("file", "")).match(name)
            if same and (not function or case.get("name", "").partition("[")[0] == function):
                skipped += case.find("skipped") is not None
                ran += 1
                for item in case.iter("property"):
                    counts[item.get("name", "").replace("_", " ")] += int(item.get("value", "0"))
        said = [f"{value:,} {key}" for key, value in counts.items()]
        passed = ran - skipped
        figures[test] = ", ".join([f"{passed} test{'s' * (passed != 1)} passed", *said])
    return figures


def soak_table(runs: list[dict[str, Any]]) -> list[str]:
    """The runs' figures, a column for each."""
    counts = {
        "Left": "left",
        "Closed by the host": "closed",
        "Killed": "killed",
        "Stopped": "stopped",
        "Reliable messages": "reliable",
        "Out of order": "out_of_order",
        "Twice": "duplicates",
        "Lost": "lost",
        "Abandoned": "abandoned",
    }
    rows = {
        "Route": [run["route"] for run in runs],
        "Time, players": [f"{run['seconds']:,.0f} s, {run['players']}" for run in runs],
        **{what: [f"{run[name]:,}" for run in runs] for what, name in counts.items()},
        "Told of a close": [f"{r['told']:,} of {r['told'] + r['untold']:,}" for r in runs],
        "Could not connect": [f"{run['unconnected']:,} of {run['joined']:,}" for run in runs],
        "Memory of the host": [
            f"{run['memory'][1] / 2**20:.1f} → {run['memory'][-1] / 2**20:.1f} MiB" for run in runs
        ],
        "Its open files": [f"{run['handles'][1]} → {run['handles'][-1]}" for run in runs],
    }
    lines = [f"| {' | '.join([what, *cells])} |" for what, cells in rows.items()]
    return [lines[0], "|" + " --- |" * (len(runs) + 1), *lines[1:]]


def page(kept: dict[str, dict[str, Any]]) -> str:
    """The whole document."""
    lines = [
        "# Reliability",
        "",
        "Written by `python tools/reliability.py`, which runs what it tells of; do not edit.",
        "CI runs all of it in short (`tools/sanitize.sh`, the suite), flags make it long.",
        "",
    ]
    for section, promises in PROMISES.items():
        lines += [f"## {section}", "", "| Promise | Held by | Figure |", "| --- | --- | --- |"]
        lines += [f"| {text} | {shown(t)} | {kept['tests'].get(t, '')} |" for text, t in promises]
        lines.append("")
    lines += [
        "## Sanitizers",
        "",
        "`tools/sanitize.sh` runs the suite on loopback and over real GNS under AddressSanitizer,",
        "UndefinedBehaviorSanitizer and LeakSanitizer, and",
        "`tests/c/loopback` under all three and under ThreadSanitizer. Anything they say,",
        "in any process, fails it: bytes leaked and errors found are 0 wherever CI is green.",
        "",
        "## Fuzzing",
        "",
        "`tests/fuzz/run.py --seconds N`; a corpus is kept, and every crash found goes into it.",
        "",
        "| Input | Tried | Branches reached | Crashes |",
        "| --- | --- | --- | --- |",
    ]
    for target, text in FUZZED.items():
        found = kept["fuzz"].get(target)
        if isinstance(found, dict):
            lines.append(f"| {text} | {found['inputs']:,} | {found['branches']:,} | 0 |")
    lines += [
        "",
        "## Soak",
        "",
        "`python tests/soak.py --minutes N --players 16 --route loopback|gns-ip|gns-p2p`: a host",
        "and its players, each a process. Between two of them 100 ms of lag each way, 20 % of the",
        "packets lost (by P2P once connected), 10 % reordered, jitter, and a limited rate.",
        "Players leave with linger, are closed by the host, killed, and stopped for up to 2.5 s,",
        "as is the host. What was sent reliably before a close with linger must all arrive. How",
        "many were told of a close is counted, and promised by no engine: where its packet is",
        "lost, a time-out tells.",
        "",
    ]
    lines += soak_table(list(kept["soak"].values()))
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run from the command line."""
    parser = generated.parser(__doc__)
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    parser.add_argument("--fuzz", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--no-tests", action="store_true", help="keep their figures")
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept = {"tests": {}, "fuzz": {}, "soak": {}, **kept}
    if options.check:
        wrong = check()
        print("\n".join(wrong) or "every promise has its test")
        return generated.put(PAGE, page(kept), check=True) or bool(wrong)
    if not options.no_tests:
        kept["tests"] = run_tests()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        if options.fuzz:
            command = [sys.executable, "tests/fuzz/run.py", f"--seconds={options.fuzz}"]
            subprocess.run([*command, f"--json={out}"], cwd=ROOT, check=True)
            kept["fuzz"] |= json.loads(out.read_text())
        gns = ["gns-ip", "gns-p2p"] if os.environ.get("STEAMNET_LIBRARY") else []
        for route in ["loopback", *gns] if options.soak else []:
            command = [sys.executable, "-P", "tests/soak.py", f"--minutes={options.soak}"]
            subprocess.run([*command, f"--route={route}", f"--json={out}"], cwd=ROOT, check=True)
            kept["soak"][route] = json.loads(out.read_text())
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    return generated.put(PAGE, page(kept), check=False)


if __name__ == "__main__":
    sys.exit(main())
