"""The examples run, as their first lines say, each player in a process of its own."""

import asyncio
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
import requirements
from waiting import read_until

import steamnet.aio
from steamnet.testing import VirtualClock, connected_pair

pytestmark = pytest.mark.python_behaviour

EXAMPLES = Path(__file__).parents[2] / "examples"
HELPERS = Path(__file__).parents[1] / "helpers"
IMPATIENT, MISTAKEN = HELPERS / "impatient.py", HELPERS / "mistaken.py"
HOST = "76561198000000001"
NO_PYGAME = "the game needs pygame-ce: pip install 'steamnet[examples]'"
PATIENCE = 90.0  # seconds: GNS notices the death of a peer after up to 21

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(engine: str) -> Iterator[Start]:
    """Give a function that starts an example on the engine of this run."""
    if engine == "gns":
        requirements.ice()
    environment = os.environ | {
        "STEAMNET_ENGINE": engine,
        "SDL_VIDEODRIVER": "dummy",
        "SDL_AUDIODRIVER": "dummy",
    }
    environment.pop("STEAMNET_IDENTITY", None)
    with ExitStack() as stack:

        def start(name: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
            program = [name] if name.startswith("-") else [str(EXAMPLES / name)]
            if program != [name]:  # an example may import another
                variables["PYTHONSAFEPATH"] = ""
            process = subprocess.Popen(
                [sys.executable, "-W", "error", *program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment | variables,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            watchdog = threading.Timer(3 * PATIENCE, process.kill)
            watchdog.start()
            stack.callback(watchdog.cancel)
            return process

        yield start


def load(name: str) -> ModuleType:
    """Import an example as a module."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(EXAMPLES))  # an example may import another
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(EXAMPLES))
    return module


def type_line(process: "subprocess.Popen[str]", line: str) -> None:
    """Type a line into a process."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def interrupt(process: "subprocess.Popen[str]") -> None:
    """End a process as Ctrl-C does, of which its peers are told; Windows can only kill it."""
    if sys.platform == "win32":
        process.kill()
    else:
        process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_enough_to_be_read(path: Path) -> None:
    """No example has 150 lines."""
    assert len(path.read_text().splitlines()) < 150


def test_where_nobody_hosts_each_says_so_and_fails(start: Start, engine: str) -> None:
    """Each player that joins gives up in words, all at once; so does the command line's."""

    def join(*command: str) -> "subprocess.Popen[str]":
        return start(str(IMPATIENT), "TIMEOUT_INITIAL=1000", *command)

    joining = [
        join("-m", "steamnet", "join", HOST, "--engine", engine),
        join("-m", "steamnet", "join", "127.0.0.1:9", "--engine", engine),
        join(str(EXAMPLES / "chat.py"), "join", "Bob"),
        join(str(EXAMPLES / "unmodified.py"), "join", HOST),
        join(str(EXAMPLES / "chat_guest.py"), HOST),
        join(str(EXAMPLES / "relay_server.py"), "talk", "red", "Bob"),
    ]
    if importlib.util.find_spec("pygame") is not None:
        joining.append(join(str(EXAMPLES / "pong.py"), "join"))
    for process in joining:
        assert process.stdout is not None
        said = process.stdout.read()
        assert re.search(
            "is the host running|is there a host|cannot be reached|Timed out", said, re.I
        ), said
        assert "Traceback" not in said
        assert ("forward UDP port 9" in said) == ("127.0.0.1:9" in said)
        assert process.wait(PATIENCE) == 1


@pytest.mark.not_on("gns", why="the arguments are read before an engine is used")
@pytest.mark.parametrize(
    "command",
    [
        "chat.py join Bob @",
        "chat.py host",
        "chat.py dance",
        "chat_guest.py @",
        "chat_guest.py",
        "agents.py many",
        "agents.py 0",
        "agents.py 999999999",
        "unmodified.py join @",
        "unmodified.py join",
        "unmodified.py",
        "relay_server.py talk red Bob @",
        "relay_server.py talk",
        "pong.py join @",
        "pong.py host --listen @",
        "pong.py",
        "tag.py Bob @",
        "tag.py",
        "two_dots.py @",
        "two_dots.py one two",
        "-m steamnet join @",
        "-m steamnet host --identity @",
        "-m steamnet host --listen @",
        "-m steamnet netgraph --join @",
        "-m steamnet server --listen @",
        "-m steamnet server --stun-address @",
        "-m steamnet",
    ],
)
def test_a_mistake_in_the_arguments_is_told_in_words(
    engine: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what was typed, is not long, and gives the exit status of misuse."""
    if command.startswith(("pong", "tag", "two_dots")):
        pytest.importorskip("pygame", reason=NO_PYGAME)
    if command.startswith("agents"):
        pytest.importorskip("numpy", reason="the agents need numpy")
    for name in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER"):
        monkeypatch.setenv(name, "dummy")
    monkeypatch.setenv("STEAMNET_ENGINE", engine)
    first, *words = command.split()
    program = [first] if first == "-m" else [str(EXAMPLES / first)]
    done = subprocess.run(
        [sys.executable, MISTAKEN, *program, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "Traceback" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == (7 if "@" in words else 1)
    for typed, status, said in lines:
        assert said
        assert "Traceback" not in said
        assert len(said) < 2000
        assert status == 2, said
        if "@" in words:
            assert repr(typed)[:30] in said


def test_a_chat_passes_on_what_each_says_to_all_others(start: Start) -> None:
    """Ann, Bob and Carol, three processes, hear each other and who comes and goes."""
    ann = start("chat.py", "host", "Ann")
    read_until(ann, "Ann hosts as 7656")
    bob = start("chat.py", "join", "Bob")
    read_until(ann, "* Bob is here")
    carol = start("chat.py", "join", "Carol")
    read_until(bob, "* Carol is here")
    type_line(carol, "hello, Bob")
    assert "Carol: hello, Bob" in read_until(bob, "hello")
    assert "Carol: hello, Bob" in read_until(ann, "hello")
    type_line(ann, "welcome")
    assert "Ann: welcome" in read_until(carol, "welcome")
    out, _ = bob.communicate(timeout=PATIENCE)  # the end of what Bob types
    assert bob.returncode == 0, out
    read_until(carol, "* Bob has left")
    ann.communicate(timeout=PATIENCE)
    read_until(carol, "* the chat is over")
    carol.communicate(timeout=PATIENCE)
    assert (ann.returncode, carol.returncode) == (0, 0)


@pytest.mark.parametrize(("program", "lines"), [("chat_host.py", 25), ("chat_host_aio.py", 21)])
def test_a_short_chat_host(start: Start, program: str, lines: int) -> None:
    """It lets four in, tells each who comes, speaks and leaves, and refuses the fifth."""
    code = (EXAMPLES / program).read_text().splitlines()
    assert sum(line != "" and '"""' not in line for line in code) <= lines
    ids = [f"7656119800000010{n}" for n in range(5)]
    host = start(program, STEAMNET_IDENTITY=HOST)
    read_until(host, f"Host Steam ID: {HOST}")

    def join(number: int) -> "subprocess.Popen[str]":
        return start("chat_guest.py", HOST, STEAMNET_IDENTITY=ids[number])

    guests = []
    for number in range(4):
        guests.append(join(number))
        read_until(guests[-1], f"* {ids[number]} has come")
        for guest in guests[:-1]:
            said = read_until(guest, f"{ids[number]}: Hello!")
            assert f"* {ids[number]} has come" in said
    fifth = join(4)
    said, _ = fifth.communicate(timeout=PATIENCE)
    assert (fifth.returncode, "reason 1001: the room is full" in said) == (1, True), said
    interrupt(guests[1])
    for guest in (guests[0], guests[2], guests[3]):
        read_until(guest, f"* {ids[1]} has left")
    join(4)
    for guest in (guests[0], guests[2], guests[3]):
        read_until(guest, f"{ids[4]}: Hello!")
    assert host.poll() is None


def test_a_steam_program_runs_unmodified_where_the_environment_says_so(
    start: Start, engine: str
) -> None:
    """The environment alone puts both sides on another engine, and the host into its identity."""
    host = start("unmodified.py", "host", STEAMNET_IDENTITY=HOST)
    read_until(host, f"Host Steam ID: {HOST}")
    client = start("unmodified.py", "join", HOST)
    said, _ = client.communicate(timeout=PATIENCE)
    heard, _ = host.communicate(timeout=PATIENCE)
    assert f"on the {engine} engine" in said
    assert "You said 'Hello from client!'\nYou said 'Goodbye'" in said
    assert re.search(r"\d{17} says 'Hello from client!'", heard)
    assert (client.returncode, host.returncode) == (0, 0)


def test_the_unmodified_program_names_no_engine() -> None:
    """It could not be told from a program for Steam alone."""
    code = re.sub(r'""".*?"""', "", (EXAMPLES / "unmodified.py").read_text(), flags=re.S)
    assert "init(app_id=480)" in code
    assert "engine=" not in code
    assert "environ" not in code


def test_a_relay_server_connects_the_players_of_a_room(start: Start) -> None:
    """Ann and Bob in the red room hear each other through the server; Carol, in blue, nothing."""
    relay = (str(IMPATIENT), "TIMEOUT_CONNECTED=8000", str(EXAMPLES / "relay_server.py"))
    server = start(*relay, "serve")
    read_until(server, f"Relay server: {HOST}")
    carol = start(*relay, "talk", "blue", "Carol")
    ann = start("relay_server.py", "talk", "red", "Ann", STEAMNET_IDENTITY="76561198000000007")
    read_until(carol, "* Carol is in the blue room")
    read_until(ann, "* Ann is in the red room")
    bob = start("relay_server.py", "talk", "red", "Bob")
    assert re.search(r"\d{17} Hello, I am Bob!\n", read_until(ann, "Hello"))
    read_until(bob, "76561198000000007 Welcome from Ann.")
    type_line(ann, "who wants to play?")
    read_until(bob, "76561198000000007 who wants to play?")
    bob.kill()
    read_until(ann, "has left")
    server.kill()
    out, _ = carol.communicate(timeout=PATIENCE)
    assert out.startswith("the server cannot be reached: ")  # and she has heard nothing before
    assert carol.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_a_relay_server_is_interrupted_while_players_are_there(start: Start, engine: str) -> None:
    """It says goodbye, and the players are told, or notice (P2P of gns tells only who speaks)."""
    relay = (str(IMPATIENT), "TIMEOUT_CONNECTED=8000", str(EXAMPLES / "relay_server.py"))
    server = start(*relay, "serve")
    read_until(server, f"Relay server: {HOST}")
    ann = start(*relay, "talk", "red", "Ann")
    read_until(ann, "* Ann is in the red room")
    bob = start(*relay, "talk", "red", "Bob")
    read_until(bob, "Welcome from Ann")
    server.send_signal(signal.SIGINT)
    out, _ = server.communicate(timeout=PATIENCE)
    assert (out, server.returncode) == ("goodbye\n", 0)
    for player in (ann, bob):
        out, _ = player.communicate(timeout=PATIENCE)
        told = "* the server says goodbye: " in out
        assert told or (engine == "gns" and "the server cannot be reached: " in out)
        assert player.returncode == (0 if told else 1)


async def _relay_to_a_slow_player(relay_server: ModuleType) -> tuple[int, int]:
    """How many of 1200 messages a player heard, and why another was closed who read none."""
    init = steamnet.aio.init
    async with (
        init(engine="loopback", identity=HOST) as server,
        init(engine="loopback") as ann,
        init(engine="loopback") as bob,
        init(engine="loopback") as slow,
        asyncio.timeout(PATIENCE),
    ):
        serving = asyncio.create_task(relay_server.Relay().serve(server))
        await asyncio.sleep(0)
        talker, reader, sleeper = [await who.connect(HOST, 0) for who in (ann, bob, slow)]
        for connection in (reader, sleeper, talker):
            await connection.send("room")
        await asyncio.sleep(0.2)  # until the server knows all three

        async def read() -> int:
            number = 0
            while number < 1200:
                message = await reader.receive()
                if message.size > 4096:  # the others say who has left
                    assert message.data[-4:] == number.to_bytes(4, "big")
                    number += 1
            return number

        reading = asyncio.create_task(read())
        await talker.send(bytes(512 * 1024))  # too long to be passed on, and silences nobody
        for number in range(1200):
            await talker.send(bytes(4096) + number.to_bytes(4, "big"))
        heard = await reading
        async for _ in sleeper:
            pass  # what came in before it was given up
        serving.cancel()
        await asyncio.wait([serving])
        return heard, sleeper.info.end_reason


def test_a_relay_server_does_not_wait_for_a_slow_player() -> None:
    """Who reads gets everything in order; who does not is closed, when too much waits for it."""
    relay_server = load("relay_server.py")
    heard, reason = VirtualClock().run(_relay_to_a_slow_player(relay_server))
    assert heard == 1200
    assert reason == relay_server.TOO_SLOW


@pytest.mark.parametrize("agents", [1, 300])
def test_agents_act_on_what_the_server_computes(start: Start, agents: int) -> None:
    """All states arrive in the arrays, and all actions at the agents: they gather in the middle."""
    pytest.importorskip("numpy", reason="the agents need numpy: pip install 'steamnet[examples]'")
    process = start("agents.py", str(agents), "40")
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert said.startswith(f"{agents} agents, 40 ticks of")
    before, after = map(float, re.findall(r"\d+\.\d{3}", said.splitlines()[1]))
    assert after < before / 1.5


def test_agents_leave_out_what_is_no_state(steam: steamnet.Steam) -> None:
    """A message of another length is not read as one, and does not shift the others."""
    numpy = pytest.importorskip("numpy", reason="the agents need numpy")
    agents = load("agents.py")
    sockets = steam.networking_sockets
    pairs = [sockets.create_socket_pair() for _ in range(3)]
    crowd = agents.Crowd(steam, [far for _, far in pairs])
    states = numpy.arange(12, dtype="<f4").view(agents.STATE)
    for row, (near, _) in enumerate(pairs):
        sockets.send_messages(
            (near, data, agents.FLAGS) for data in (b"", states[row].tobytes(), bytes(15))
        )
    seen = numpy.zeros(3, agents.STATE)
    missing, deadline = 9, time.monotonic() + PATIENCE
    while missing and time.monotonic() < deadline:
        steam.run_callbacks()
        columns = sockets.receive_columns_on_poll_group(crowd.group)
        missing -= len(columns)
        who, what = crowd.rows(columns, agents.STATE)
        seen[who] = what
    assert missing == 0
    assert seen.tobytes() == states.tobytes()


def test_two_dots_meet_and_part(start: Start) -> None:
    """The second window connects to the first, and ends when that is closed."""
    pytest.importorskip("pygame", reason=NO_PYGAME)
    host = start("two_dots.py", STEAMNET_IDENTITY=HOST)
    read_until(host, f"I am {HOST}")
    guest = start("two_dots.py", HOST)
    read_until(guest, "I am ")
    read_until(host, "has come")
    interrupt(guest)
    out, _ = host.communicate(timeout=PATIENCE)
    assert "the other player is gone: " in out
    assert host.returncode == 1


def test_the_players_of_tag_are_told_when_the_host_leaves(start: Start) -> None:
    """The game ends for them with a line that says so."""
    pytest.importorskip("pygame", reason=NO_PYGAME)
    host = start("tag.py", "Ann", STEAMNET_IDENTITY=HOST)
    read_until(host, f"Ann is {HOST}")
    guest = start("tag.py", "Bob", HOST)
    read_until(guest, "Ann is here")
    interrupt(host)
    out, _ = guest.communicate(timeout=PATIENCE)
    assert "the game is over: " in out
    assert guest.returncode == 1


def test_the_tests_of_tag_pass() -> None:
    """As its tutorial says: with the package's plug-in, in virtual time."""
    plugins = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "test_tag.py"],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONSAFEPATH": ""},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


def test_two_windows_play_pong_to_the_first_point(start: Start) -> None:
    """Nobody moves, so the host's first ball is missed by the guest, and both know the score."""
    pytest.importorskip("pygame", reason=NO_PYGAME)
    guest = start("pong.py", "join", "--points", "1")  # may come before its host
    host = start("pong.py", "host", "--points", "1", "--lag", "20")
    for window in (host, guest):
        out, _ = window.communicate(timeout=PATIENCE)
        assert window.returncode == 0, out
        assert "The score is 1 0" in out


def test_pong_is_the_same_game_on_both_screens_of_a_bad_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 40 ms lag and 10 % loss both count the same points, and both pictures show a ball."""
    pygame = pytest.importorskip("pygame", reason=NO_PYGAME)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pong = load("pong.py")
    pygame.init()
    screens = [pygame.Surface((pong.WIDTH, pong.HEIGHT)) for _ in range(2)]
    clock = VirtualClock()
    with connected_pair(lag=40, loss=0.1, seed=7, clock=clock) as (guest, host):
        games = pong.Game(host, 0), pong.Game(guest, 1)

        def play_frame(*directions: int) -> None:
            for game, screen, direction in zip(games, screens, directions, strict=True):
                game.connection._router.run_callbacks()
                game.play(direction)
                screen.fill(pong.NIGHT)
                game.draw(screen)
            clock.advance(0.004)

        for _ in range(150):
            play_frame(-1, -1)
        for _ in range(60):  # what has happened becomes known
            play_frame(0, 0)
        for game in games:
            game.ball.update(pong.WIDTH / 2, pong.HEIGHT / 2)
            game.speed.update(0, 0)
        for _ in range(60):
            play_frame(0, 0)
        assert games[0].score == games[1].score
        assert sum(games[0].score) > 0
        assert games[1].paddles == pytest.approx(games[0].paddles)
        for screen in screens:
            assert screen.get_at((pong.WIDTH // 2, pong.HEIGHT // 2)) == pygame.Color("white")
            assert screen.get_at((pong.EDGE - 8, pong.PADDLE // 2)) == pong.COLOURS[0]
    pygame.quit()
