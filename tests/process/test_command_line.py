"""The command line answers a mistake in a line, and never with a traceback."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requirements

import steamnet

pytestmark = pytest.mark.python_behaviour


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``steamnet`` with these arguments, as its user would."""
    return subprocess.run(
        [sys.executable, "-m", "steamnet", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"STEAMNET_LIBRARY": "", "STEAMNET_ENGINE": ""} | environment,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["demo", "--loss", "2"], 2, "not from 0 to 1"),
        (["demo", "--lag", "-5"], 2, "not from 0 to"),
        (["demo", "--messages", "0"], 2, "not from 1 to"),
        (["demo", "--lag", "soon"], 2, "invalid int value"),
        (["netgraph", "--seconds", "-1"], 2, "not from 0"),
        (["demo", "--library", "x.so"], 2, "takes no library"),
        (["host", "--engine", "loopback", "--identity", "nobody"], 2, "is no identity"),
        (["host", "--engine", "loopback", "--port", "70000"], 2, "0 to 65535"),
        (["join", "nobody", "--engine", "loopback"], 2, "'str:alice', or HOST:PORT as the host"),
        (["join", "str:ann", "--engine", "loopback", "--stun", "a:1"], 2, "--stun is for the gns"),
        (["host", "--engine", "loopback", "--turn-user", "a"], 2, "--turn-user is for the gns"),
        (["host"], 1, "no library for the steam engine"),
        (["host", "--library", __file__], 1, "the library given cannot serve as the steam engine"),
        (["dance"], 2, "invalid choice"),
        (["join", "127.0.0.1:70000", "--engine", "loopback"], 2, "is no address with a port"),
        (["join", "192.0.2.1", "--engine", "loopback"], 2, "write 192.0.2.1:27015"),
        (["join", "play.example.org", "--engine", "loopback"], 2, "play.example.org:27015"),
        (["host", "--engine", "loopback", "--listen", "27015"], 2, "is no address with a port"),
        (["host", "--engine", "loopback", "--listen", "192.0.2.1:1"], 1, "another HOST:PORT"),
        (["host", "--engine", "loopback", "--rendezvous", "ws://127.0.0.1:1"], 2, "gns engine"),
        (["host", "--rendezvous", "127.0.0.1:1", "--engine", "steam"], 2, "gns engine"),
        (["server", "--listen", "27080"], 2, "is no address with a port"),
        (["server", "--listen", "192.0.2.1:1"], 1, "assign requested address: '192.0.2.1:1'"),
        (["server", "--key", "key.pem"], 2, "give cert"),
        (["server", "--cert", "/nowhere.pem"], 1, "No such file or directory: '/nowhere.pem'"),
        (["server", "--cert", __file__], 2, f"no certificate with its key in PEM: {__file__} ("),
        (["server", "--cert", __file__, "--key", "/nowhere.pem"], 1, "directory: '/nowhere.pem'"),
        (["server", "--tokens", "/nowhere"], 1, "No such file"),
        (["server", "--turn", "192.0.2.1:3478"], 2, "turn_secret belong together"),
        (["server", "--turn", "x:1", "--turn-secret", os.devnull], 2, "turn_secret is empty"),
        (["server", "--tokens", os.devnull], 2, "has no token: nobody could log in"),
    ],
)
def test_mistakes_are_told_in_words(arguments: list[str], status: int, words: str) -> None:
    """Each with the exit status that shells expect."""
    done = run(*arguments)
    said = done.stderr + done.stdout
    assert words in said
    assert "Traceback" not in said
    assert done.returncode == status


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_server_whose_port_is_taken_says_so(kind: socket.SocketKind) -> None:
    """That of TCP or that of UDP, with what to do about it."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("server", "--listen", address)
    assert f"{address} is taken" in done.stderr
    assert "another --listen" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_the_demo_leaves_nothing_unacknowledged(engine: str) -> None:
    """Neither process leaves before the other has its last word, so none is warned of a loss."""
    demo = ["demo", "--engine", engine, "--messages", "20"]
    networks = ["--lag=20", "--loss=0.2"]
    with ThreadPoolExecutor() as pool:
        both = pool.map(lambda network: run(*demo, network), networks)
    for network, done in zip(networks, both, strict=True):
        assert (done.returncode, done.stderr) == (0, ""), network
        assert "Every message arrived." in done.stdout, network


@contextmanager
def running(*arguments: str, closed: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``steamnet`` until the block is left, both outputs in one, in a group of its own."""
    command = [sys.executable, "-u", "-m", "steamnet", *arguments]
    if closed:  # only a shell can start a program without a stdin
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"PYTHONUTF8": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ("76561198000000001", "Host Steam ID: 76561198000000001"),
        ("str:ann", "Host identity: str:ann"),
        ("ip:127.0.0.1:1", "Host identity: ip:127.0.0.1:1"),
    ],
)
def test_a_host_says_who_it_is(identity: str, said: str) -> None:
    """Only a Steam ID is called one."""
    with running("host", "--engine", "loopback", "--identity", identity) as host:
        assert host.stdout is not None
        assert host.stdout.readline().decode().rstrip() == said
        assert f"join {identity} " in host.stdout.readline().decode()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"])
def test_a_host_says_what_to_type_to_join_by_address(listen: str) -> None:
    """Port 0 has become one that is free."""
    with running("host", "--engine", "loopback", "--listen", listen) as host:
        assert host.stdout is not None
        assert b"Host Steam ID" in host.stdout.readline()
        says, _, command = host.stdout.readline().decode().rstrip().partition(":  steamnet ")
        assert says == "Waiting for players; on this machine they type"
        with running(*shlex.split(command)) as guest:
            said, _ = guest.communicate(b"by address\n", timeout=60)
        assert guest.returncode == 0, said
        heard = b""
        while b"by address" not in heard and (line := host.stdout.readline()):
            heard += line
        assert heard.index(b" joined") < heard.index(b"by address")


@pytest.mark.parametrize("target", ["localhost:27015", "[::1]:27015", "203.0.113.5:27015"])
def test_addresses_and_identities_are_told_apart(target: str) -> None:
    """By what each looks like."""
    from steamnet.cli.addresses import is_address

    assert is_address(target)
    for identity in ("76561198000000001", "str:ann", f"ip:{target}", "str:a.b:5", "gen:0102"):
        assert not is_address(identity)


def test_missing_functions_are_listed_when_asked() -> None:
    """Not by default: they are dozens."""
    some, every = run("info").stdout, run("info", "--all").stdout
    assert "ReceivedP2PCustomSignal" not in some
    assert "missing   listed by steamnet info --all" in some
    assert "missing   ISteamNetworkingSockets_ReceivedP2PCustomSignal" in every


def test_what_is_no_text_harms_neither_side_of_a_chat() -> None:
    """Bytes that are no UTF-8 are replaced, and so is what would command the terminal."""
    with running("host", "--engine", "loopback", "--identity", "str:bytes") as host:
        assert host.stdout is not None
        assert b"str:bytes" in host.stdout.readline()
        with running("join", "str:bytes", "--engine", "loopback") as guest:
            guest.communicate(b"one \xff\ntwo \x1b[2J\n", timeout=60)
        heard = b""
        while b"two" not in heard and (line := host.stdout.readline()):
            heard += line
    assert "one \N{REPLACEMENT CHARACTER}" in heard.decode()
    assert "two \N{REPLACEMENT CHARACTER}[2J" in heard.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither sh nor SIGINT for one")
def test_a_chat_is_chosen_from_a_list() -> None:
    """Nobody types an identity: the list shows names and players, and a number chooses."""
    said = run("lobbies", "--engine", "loopback").stdout
    assert said == (
        "Nobody hosts a chat on the loopback engine of this machine. "
        "To host one:  steamnet host --engine loopback\n"
    )
    with running("host", "--engine", "loopback", "--name", "Ann's chat") as host:
        assert host.stdout is not None
        while b"choose from a list" not in host.stdout.readline():
            pass
        listed = run("lobbies", "--engine", "loopback").stdout.splitlines()
        assert len(listed) == 2
        assert "Ann's chat" in listed[1]
        assert "1/250" in listed[1]
        lobby = listed[1].split()[-1]
        for target, typed in (([], b"x\n9\n1\n"), ([lobby], b"")):
            join = [sys.executable, "-m", "steamnet", "join", *target, "--engine", "loopback"]
            done = subprocess.run(
                join, input=typed + b"hello\n", capture_output=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stdout
            assert done.stdout.count(b"Which one?") == typed.count(b"\n")
            while b": hello" not in host.stdout.readline():
                pass
    gone = run("join", lobby, "--engine", "loopback")
    assert gone.returncode == 1
    assert "DOESNT_EXIST" in gone.stdout


def test_a_host_without_a_keyboard_hosts_until_ctrl_c() -> None:
    """A stdin that was closed before the start is no reason to fail."""
    with running("host", "--engine", "loopback", closed="<&-") as host:
        assert host.stdout is not None
        assert b"Host Steam ID" in host.stdout.readline()
        assert b"Waiting for players" in host.stdout.readline()
        assert b"choose from a list" in host.stdout.readline()
        host.send_signal(signal.SIGINT)
        out, _ = host.communicate(timeout=60)
    assert out == b"goodbye\n"
    assert host.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sh")
@pytest.mark.parametrize("command", ["info", "demo --messages 5", "netgraph --seconds 0.2"])
def test_commands_run_where_nothing_can_be_said(command: str) -> None:
    """With stdin and stdout closed before the start, as under a service manager."""
    with running(*command.split(), closed="<&- 2>&1 >&-") as process:
        out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"", 0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is full")
def test_a_full_disk_is_told_in_a_line() -> None:
    """And Python's last flush adds nothing to it."""
    with running("info", closed="2>&1 >/dev/full") as process:
        out, _ = process.communicate(timeout=60)
    assert out == b"steamnet: [Errno 28] No space left on device\n"
    assert process.returncode == 1


def test_the_demo_ends_well_on_every_engine(engine: str) -> None:
    """Its last line says that every message arrived, and no warning comes before or after."""
    if engine == "gns":
        requirements.ice()
    with running("demo", "--messages", "50", "--engine", engine) as demo:
        out, _ = demo.communicate(timeout=60)
    assert out.decode().splitlines()[-1].strip() == "Every message arrived."
    assert b"abandoned" not in out
    assert demo.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a group")
def test_ctrl_c_ends_both_processes_of_the_demo_in_a_line() -> None:
    """A terminal tells both; only the host speaks."""
    with running("demo", "--messages", "1000000") as demo:
        assert demo.stdout is not None
        said = b""
        while b"Connected" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        os.killpg(demo.pid, signal.SIGINT)
        out, _ = demo.communicate(timeout=60)
    assert out == b"steamnet: interrupted\n"
    assert demo.returncode == 130


def test_an_engine_that_nobody_has() -> None:
    """The environment may be wrong as well."""
    done = run("host", STEAMNET_ENGINE="pigeons")
    assert done.returncode == 2
    assert "'pigeons'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_source_folder_says_that_it_is_not_compiled(tmp_path: Path) -> None:
    """Python in a checkout finds the sources before what was installed from them."""
    sources = [str(file) for file in Path(steamnet.__file__).parent.glob("*.py")]
    (tmp_path / "steamnet").mkdir()
    for source in sources:
        shutil.copy(source, tmp_path / "steamnet")
    done = subprocess.run(
        [sys.executable, "-c", "import steamnet"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "is it steamnet's source folder? Install it" in done.stderr.splitlines()[-1]


def test_version_and_help() -> None:
    """What every command line has."""
    assert run("--version").stdout == f"steamnet {steamnet.__version__}\n"
    helped = run("--help")
    assert helped.returncode == 0
    for command in ("demo", "host", "join", "lobbies", "server", "info", "bench", "netgraph"):
        assert command in helped.stdout
    alone = run()
    assert (alone.stderr, alone.returncode) == (helped.stdout, 2)
