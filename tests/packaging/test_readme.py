"""Every code block of README.md and docs/ is run, and every command in them is one that exists.

The Python blocks of a page, one after the other, are one program; it runs on the loopback engine
and must end well and silently. An invisible comment on the line before a block takes it out:

- ``<!-- run: host -->`` and ``<!-- run: client -->`` are two programs that talk to each other, on
  every engine: the host prints its Steam ID, which the client gets as its argument;
- ``<!-- run: test -->`` is a module for pytest;
- ``<!-- file: examples/x.py -->`` is that file, which has tests of its own.

Of ``sh`` and ``console`` blocks the shell checks the grammar, and each ``steamnet`` subcommand and
each file of ours that they name must be there. (CI runs README's two commands as they are.)
"""

import importlib.util
import os
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import requirements
from waiting import read_until

import steamnet

pytestmark = pytest.mark.python_behaviour

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- (run|file): (\S+) -->\n)?^```(\w+)\n(.*?)^```$", re.M | re.S)
ANYWHERE = re.compile(r"^ *```", re.M)


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    marker: str
    run: str
    language: str
    code: str


def _blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(ROOT).as_posix()
        blocks = [Block(name, *match) for match in BLOCK.findall(text)]
        assert len(ANYWHERE.findall(text)) == 2 * len(blocks), f"a block of {name} has no language"
        found.extend(blocks)
    return found


BLOCKS = _blocks()
PYTHON = [block for block in BLOCKS if block.language == "python"]
PROGRAMS = sorted({block.page for block in PYTHON if not block.run})
COMMANDS = [block for block in BLOCKS if block.language in ("sh", "console")]


def _surroundings(engine: str, identity: str = "") -> dict[str, str]:
    """Make the environment of a reader who chose that engine."""
    return {**os.environ, "STEAMNET_ENGINE": engine, "STEAMNET_IDENTITY": identity}


def _marked(run: str) -> list[Block]:
    return [block for block in PYTHON if block.run == run]


def test_each_block_is_known() -> None:
    """Markers are spelt right, and there is something to run."""
    assert {b.run for b in PYTHON if b.marker != "file"} <= {"", "host", "client", "test"}
    assert {block.language for block in BLOCKS} <= {"python", "sh", "console", "text", "toml"}
    assert not [block for block in BLOCKS if block.run and block.language != "python"]
    assert len(_marked("host")) == len(_marked("client")) > 0
    assert len(_marked("test")) > 0


def test_the_blocks_of_files_are_those_files() -> None:
    """Word for word."""
    blocks = [block for block in PYTHON if block.marker == "file"]
    assert blocks
    for block in blocks:
        assert block.code == (ROOT / block.run).read_text(encoding="utf-8"), block.run


@pytest.mark.parametrize("page", PROGRAMS)
def test_the_blocks_of_a_page_are_a_program_that_runs(page: str, tmp_path: Path) -> None:
    """Typed in one after the other, on loopback; asserts in them hold."""
    code = "\n\n".join(block.code for block in PYTHON if block.page == page and not block.run)
    program = tmp_path / "page.py"
    program.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        env=_surroundings("loopback"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


PLAYERS = """
import sys
import types

steams = [steamnet.init(engine="loopback", identity=name) for name in ("str:ann", "str:bob")]
bob = Network(steams[1], "str:ann")


class Ann(Network):
    frames = 0

    def frame(self, mine):
        super().frame(mine)
        bob.frame((7.0, 8.0))
        self.frames += 1
        if self.frames == 600 or self.frames > 20 and self.other and bob.other:
            sys.exit()


ann = Ann(steams[0])
place = types.SimpleNamespace(x=3.0, y=4.0, getX=lambda: 3.0, getY=lambda: 4.0)
place.center_x, place.center_y = place.x, place.y
try:
    play(ann, place)
except SystemExit:
    print("Ann sees", ann.other, "and Bob sees", bob.other)
"""


@pytest.mark.parametrize("library", ["arcade", "panda3d", "ursina"])
def test_the_loops_of_other_libraries_run(library: str, tmp_path: Path) -> None:
    """Each library's own loop calls the network in each frame, in a window that nobody sees."""
    required = "STEAMNET_REQUIRE_GAME_LIBRARIES"
    if importlib.util.find_spec(library) is None:
        requirements.missing(f"{library} is not installed; nox -s docs does that", required)
    if shutil.which("xvfb-run") is None:
        requirements.missing("no xvfb-run here, which makes a display without a screen", required)
    blocks = [block.code for block in PYTHON if block.page == "docs/howto-gameloop.md"]
    (network,) = [code for code in blocks if "class Network" in code]
    (loops,) = [code for code in blocks if f"def play_in_{library}" in code]
    program = tmp_path / "loop.py"
    program.write_text(f"{network}\n{loops}\nplay = play_in_{library}\n{PLAYERS}")
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert "Ann sees (7.0, 8.0) and Bob sees (3.0, 4.0)" in done.stdout, done.stdout + done.stderr


@contextmanager
def _running(program: Path, engine: str, *args: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a program that runs until it is stopped."""
    with subprocess.Popen(
        [sys.executable, "-u", str(program), *args],
        env=_surroundings(engine),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows waits for sockets only, not for pipes")
def test_host_and_client_exchange_messages(engine: str, tmp_path: Path) -> None:
    """As written, in processes of their own: what one client says, the other hears."""
    if engine == "gns":
        requirements.ice()
    for number, (host_block, client_block) in enumerate(
        zip(_marked("host"), _marked("client"), strict=True)
    ):
        host, client = tmp_path / f"host{number}.py", tmp_path / f"client{number}.py"
        host.write_text(host_block.code, encoding="utf-8")
        client.write_text(client_block.code, encoding="utf-8")
        with _running(host, engine) as hosting:
            assert hosting.stdout is not None
            first = hosting.stdout.readline()
            host_id = re.search(r"\d{17}", first)
            assert host_id is not None, first + (hosting.stdout.read() if hosting.poll() else "")
            with _running(client, engine, host_id[0]) as listening:
                heard = ""
                for patience in (1, 3, 10, 30):  # until the first is there to hear it
                    with _running(client, engine, host_id[0]):
                        heard = _line(listening, patience)
                    if heard:
                        break
            assert heard.endswith(": Hello from client!\n")


TYPED = re.compile(r"^<!-- typed: ([\w ]+) -->\n```console\n(.*?)^```$", re.M | re.S)


@pytest.mark.usefixtures("gns")
def test_the_commands_for_two_machines_are_run_as_typed() -> None:
    """With addresses of this machine for those of the page, and ports that are free."""
    requirements.ice()
    page = (ROOT / "docs" / "howto-two-machines.md").read_text(encoding="utf-8")
    address, ports = "127.0.0.1", {"27015": _free_port(), "27080": _free_port()}

    def typed(name: str, *more: str) -> list[str]:
        line = dict(TYPED.findall(page))[name].splitlines()[-1].removeprefix("$ ")
        for theirs, ours in [("192.168.1.20", address), ("play.example.org", address)]:
            line = line.replace(theirs, ours)
        for theirs, ours in ports.items():
            line = line.replace(theirs, ours)
        return ["-m", "steamnet", *shlex.split(line)[1:], *more]

    def talk(way: str) -> None:
        with _typing(typed(f"{way} host")) as host:
            read_until(host, "they type:")
            with _typing(typed(f"{way} guest")) as guest:
                read_until(guest, "* Connected")
                assert guest.stdin is not None
                guest.stdin.write("hello\n")
                guest.stdin.flush()
                read_until(host, ": hello")

    talk("address")
    with _typing(typed("server", "--listen", f"{address}:{ports['27080']}")) as server:
        read_until(server, "Listening")
        talk("identity")


def _free_port() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@contextmanager
def _typing(words: list[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a command with a keyboard, until the block is left; at most a minute."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, *words], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def _line(process: "subprocess.Popen[str]", timeout: float) -> str:
    """Read the next line that a process says in time; "" if it says none."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(timeout) else ""


def test_the_tests_of_the_pages_pass(tmp_path: Path) -> None:
    """With the package's own pytest plug-in, in a run of their own."""
    for number, block in enumerate(_marked("test")):
        (tmp_path / f"test_page{number}.py").write_text(block.code, encoding="utf-8")
    plugin = ["-p", "pytest_steamnet", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # it may be installed, or not
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.page)
def test_commands_are_commands(block: Block) -> None:
    """The shell understands them, and what they name of ours is there."""
    lines = block.code.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert lines, "a console block shows what to type after a $"
    code = "\n".join(lines).replace("\\\n", " ")
    if shutil.which("bash") is not None:
        checked = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")
    for line in code.splitlines():
        for command in re.split(r"&&|\|\||[|;&]", line):
            _check(shlex.split(command, comments=True))


@cache
def _help(*subcommand: str) -> str:
    """What the command line says of a subcommand."""
    done = subprocess.run(
        [sys.executable, "-m", "steamnet", *subcommand, "--help"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, f"{subcommand}: {done.stderr}"
    return done.stdout


def _check(words: list[str]) -> None:
    """Judge one command, without running it."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words[:3] == ["python", "-m", "steamnet"]:
        words = ["steamnet", *words[3:]]
    if words[:1] == ["steamnet"]:
        known = _help(*words[1:2])
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        assert all(option in known for option in options), words
    for word in words:
        if re.match(r"(tests|tools|examples|benchmarks|docs|wheelhouse-config|\.ci)/", word):
            assert (ROOT / word).exists(), f"there is no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_in_tables_has_no_bar(page: Path) -> None:
    """GitHub wants a backslash before it, which the site then shows."""
    assert "\\|" not in BLOCK.sub("", page.read_text(encoding="utf-8"))


def test_the_reference_has_every_public_name() -> None:
    """And completion offers those names, and no others."""
    pages = [path.read_text(encoding="utf-8") for path in ROOT.glob("docs/reference/*.md")]
    entries = re.findall(r"^::: steamnet\.(?:objects\.)?(\w+)$", "\n".join(pages), re.M)
    assert set(steamnet.__all__) - {"__version__"} <= set(entries)
    assert dir(steamnet) == sorted({*steamnet.__all__, "rendezvous"})


FFI_NODE = """
createListenSocketP2P closeListenSocket connectP2P acceptConnection closeConnection sendMessage
sendReliable sendUnreliable flushMessages receiveMessages createPollGroup destroyPollGroup
setConnectionPollGroup
receiveMessagesOnPollGroup getConnectionInfo getConnectionRealTimeStatus getDetailedConnectionStatus
setConnectionUserData getConnectionUserData setConnectionName getConnectionName getIdentity
initAuthentication getAuthenticationStatus runCallbacks onConnectionStateChange onConnectionRequest
getPendingStateChanges getPendingConnectionRequests getActiveConnections getActiveListenSockets
isConnectionActive closeAll initRelayNetworkAccess getRelayNetworkStatus getLocalPingLocation
estimatePingBetweenLocations estimatePingFromString checkPingDataUpToDate getPOPCount getPOPList
getPingToDataCenter getDirectPingToPOP getLocalTimestamp setDebugOutputLevel
"""  # the public methods of both networking managers of steamworks-ffi-node 0.10.4


def test_the_migration_table_has_every_call_of_steamworks_ffi_node() -> None:
    """And what it names of ours exists."""
    page = (ROOT / "docs" / "howto-migrating.md").read_text(encoding="utf-8")
    start = page.index("## From steamworks-ffi-node as it is")
    rows = re.findall(r"^\| (.*) \| (.*) \|$", page[start : page.index("\n## ", start)], re.M)
    theirs = set(re.findall(r"`(\w+)(?:\(.*?\))?`", " ".join(left for left, _ in rows[1:])))
    assert theirs == set(FFI_NODE.split())
    managers = (
        steamnet.SteamNetworkingSocketsManager,
        steamnet.SteamNetworkingUtilsManager,
        steamnet.Steam,
        steamnet.objects.Listener,
        steamnet.ConnectionEvent,
    )
    for name in re.findall(r"`(?:\w+\.)?(\w+_\w+)", " ".join(right for _, right in rows)):
        assert any(hasattr(manager, name) for manager in managers), name


def test_the_gate_runs_every_session() -> None:
    """But for those that are a part of others, as it says."""
    defined = set(
        re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.M)
    )
    lines = re.findall(r'"\$\{nox\[@\]\}" -s ([\w ]+)', (ROOT / ".ci/run").read_text())
    assert set(" ".join(lines).split()) == defined - {"tests", "layering", "steam"}
