"""Two machines, no Steam: what a user types on each, by address and by name, through home routers.

The host's own words say what to type on the other machine, and that is what is typed there.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from namespaces import Internet, Machine, Program
from waiting import until

HELPERS = Path(__file__).parents[1] / "helpers"
PONG = Path(__file__).parents[2] / "examples" / "pong.py"
SERVER = "198.18.0.10"
URL = f"ws://{SERVER}:27080"
BY_NAME = f"--identity str:ann --rendezvous {URL}"
COTURN = (
    f"turnserver --realm=game --listening-port=3478 --listening-ip={SERVER} --relay-ip={SERVER}"
)
BY_SECRET = "--use-auth-secret --static-auth-secret=SECRET"
BY_PASSWORD = "--lt-cred-mech --user=game:password"
# What the documentation need not say: nothing is read of this machine, or left on it.
APART = "-n --no-cli --no-tls --no-dtls --log-file=stdout --userdb= --pidfile="

WAITING_SERVER = """
import os, sys
import steamnet.cli.server, steamnet.rendezvous.server
print("ready", flush=True)
os.read(0, 1)
sys.exit(steamnet.cli.main(["server", "--listen", "0.0.0.0:27080"]))
"""

Server = Callable[..., Program]
numbers = itertools.count(1)


def host(machine: Machine, options: str) -> Program:
    """Host on a machine, until players are waited for."""
    program = machine.steamnet(f"host --engine gns {options}")
    program.shows("they type:")
    return program


def join(hosting: Program, machine: Machine, where: str = "they type:") -> Program:
    """Join from a machine, typing what the host shows for it."""
    command = hosting.shows(where).partition(":  steamnet ")[2]
    return machine.steamnet(command)


def talk(hosting: Program, guest: Program, timeout: float = 60.0) -> None:
    """Say something both ways."""
    guest.shows("Connected", timeout)
    for here, there in ((guest, hosting), (hosting, guest)):
        line = f"line {next(numbers)}"
        here.type(line)
        there.shows(line)


class TestByAddress:
    """`steamnet host --listen`, and `steamnet join ADDRESS:PORT`."""

    @pytest.mark.parametrize("guest", ["server", "bob"])
    def test_a_public_host_is_joined_from_anywhere(self, net: Internet, guest: str) -> None:
        """From another public address, and from behind a router."""
        hosting = host(net.public, "--listen 0.0.0.0:27015")
        talk(hosting, join(hosting, getattr(net, guest), "in this network"))

    def test_one_home_needs_no_router(self, net: Internet) -> None:
        """Two machines behind one router reach each other by their private addresses."""
        hosting = host(net.ann, "--listen 0.0.0.0:27015")
        talk(hosting, join(hosting, net.amy, "in this network"))

    def test_a_host_behind_a_router_needs_a_forwarded_port(self, net: Internet) -> None:
        """Without one the guest is told so; with one, it works."""
        hosting = host(net.ann, "--listen 0.0.0.0:27015")
        command = f"join {net.west.address}:27015 --engine gns"
        refused = net.bob.steamnet(command)
        assert refused.ends() != 0
        refused.shows("forward")
        net.west.masquerade(forwarded=f"27015 to {net.ann.address}")
        talk(hosting, net.bob.steamnet(command))


class TestByName:
    """`steamnet server`, and `--rendezvous` on both sides."""

    @pytest.mark.parametrize(
        ("one", "other"), [("public", "bob"), ("ann", "public"), ("ann", "bob"), ("ann", "amy")]
    )
    def test_routers_are_crossed_with_the_servers_stun(
        self, net: Internet, server: Server, one: str, other: str
    ) -> None:
        """A public host, a public guest, two homes, one home."""
        server()
        hosting = host(getattr(net, one), BY_NAME)
        talk(hosting, join(hosting, getattr(net, other)))

    def test_the_host_is_found_in_the_list(self, net: Internet, server: Server) -> None:
        """A guest who knows no name sees the host's lobby, chooses it, and talks."""
        server()
        hosting = host(net.ann, BY_NAME)
        guest = join(hosting, net.bob, "choose from a list:")
        guest.shows("Type its number")
        guest.type("1")
        talk(hosting, guest)

    def test_pong_crosses_two_routers(self, net: Internet, server: Server) -> None:
        """The game in two windows, in two homes, to the first point."""
        pytest.importorskip("pygame", reason="the game needs pygame-ce")
        server()
        environment = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
        environment |= {"STEAMNET_ENGINE": "gns", "STEAMNET_RENDEZVOUS": URL}
        environment["PYTHONSAFEPATH"] = ""  # it imports another example
        pong = (sys.executable, PONG)
        players = [
            net.ann.start(*pong, "host", "--points", "1", **environment),
            net.bob.start(*pong, "join", "--points", "1", **environment),
        ]
        scores = [player.shows("The score is", 90) for player in players]
        assert scores[0] == scores[1]


class TestLobbies:
    """Lobbies that the server keeps."""

    def test_a_chat_is_chosen_from_a_list(self, net: Internet, server: Server) -> None:
        """Nobody types who hosts."""
        server()
        hosting = host(net.ann, BY_NAME)
        command = hosting.shows("choose from a list").partition(":  steamnet ")[2]
        guest = net.bob.steamnet(command)
        guest.shows("Which one?")
        guest.type("1")
        talk(hosting, guest)

    def test_when_the_owner_is_killed_the_next_member_owns_it(
        self, net: Internet, server: Server
    ) -> None:
        """Three homes: create, find by data, join, chat, and the end of the owner."""
        server()
        players = [
            machine.start(sys.executable, HELPERS / "lobby_player.py")
            for machine in (net.ann, net.bob, net.public)
        ]
        for number, player in enumerate(players):
            player.type(
                f"{{'engine': 'gns', 'identity': 'str:player{number}', 'rendezvous': '{URL}'}}"
            )
        owner, heir, other = players
        owner.type("'lobby', me.answer(steam.lobbies.create(3, {'map': 'dust'}))")
        lobby = owner.shows("lobby").partition(", ")[2].rstrip(")")
        for player in (heir, other):
            player.type("'found', me.answer(steam.lobbies.list({'map': 'dust'}))")
            assert lobby in player.shows("found")
            player.type(f"'joined', me.answer(steam.lobbies.join({lobby}))")
            assert lobby in player.shows("joined")
        other.type("me.lobby.send('hi')")
        heir.type("'heard', me.until(lambda: me.chats() == ['hi'])")
        assert "True" in heir.shows("heard")
        owner.kill()
        for player in (heir, other):
            player.type("'heir', me.until(lambda: me.lobby.owner == 'str:player1'), me.events")
            assert "True" in player.shows("heir")


class TestSymmetricRouters:
    """Routers that take another port for each receiver, which STUN cannot tell."""

    @pytest.fixture(autouse=True)
    def _symmetric(self, net: Internet) -> None:
        net.east.masquerade(symmetric=True)

    @pytest.mark.parametrize(("one", "other"), [("public", "bob"), ("bob", "public")])
    def test_one_reaches_a_public_address(
        self, net: Internet, server: Server, one: str, other: str
    ) -> None:
        """Where only one side is behind such a router, no relay is needed."""
        server()
        hosting = host(getattr(net, one), BY_NAME)
        talk(hosting, join(hosting, getattr(net, other)))

    def test_both_are_told_of_turn(self, net: Internet, server: Server) -> None:
        """Guest and host read which option would help."""
        net.west.masquerade(symmetric=True)
        server()
        hosting = host(net.ann, BY_NAME)
        refused = join(hosting, net.bob)
        assert refused.ends() != 0
        refused.shows("--turn")
        hosting.shows("--turn")

    @pytest.mark.parametrize("both", [False, True])
    def test_coturn_relays_by_the_servers_word(
        self, net: Internet, server: Server, tmp_path: Path, both: bool
    ) -> None:
        """The server shares a secret with coturn, and gives each player a password."""
        net.west.masquerade(symmetric=both)
        net.server.start(*f"{COTURN} {BY_SECRET} {APART}".split()).shows("relay")
        (tmp_path / "turn-secret").write_text("SECRET\n")
        server(f"--turn {SERVER}:3478 --turn-secret {tmp_path / 'turn-secret'}")
        hosting = host(net.ann, BY_NAME)
        talk(hosting, join(hosting, net.bob))

    def test_coturn_relays_for_players_who_name_it(self, net: Internet, server: Server) -> None:
        """Without the server's help, each gives the address and a password."""
        net.west.masquerade(symmetric=True)
        net.server.start(*f"{COTURN} {BY_PASSWORD} {APART}".split()).shows("relay")
        server()
        turn = f"--turn {SERVER}:3478 --turn-user game --turn-password password"
        hosting = host(net.ann, f"{BY_NAME} {turn}")
        talk(hosting, net.bob.steamnet(f"join str:ann --rendezvous {URL} {turn}"))


class TestServerAndSignals:
    """What goes wrong between the players and the server costs no connection."""

    def test_a_connection_outlives_the_server(self, net: Internet, server: Server) -> None:
        """It is killed and comes back: those who talk go on, and others find the host again."""
        first = server()
        hosting = host(net.ann, BY_NAME)
        guest = join(hosting, net.bob)
        talk(hosting, guest)
        first.kill()
        talk(hosting, guest)
        server()
        talk(hosting, join(hosting, net.public))
        talk(hosting, guest)

    def test_the_server_restarts_before_the_guest_comes(
        self, net: Internet, server: Server
    ) -> None:
        """The host is found through the new server, which knows nothing of the old one."""
        first = server()
        hosting = host(net.ann, BY_NAME)
        first.kill()
        server()
        talk(hosting, join(hosting, net.bob))

    def test_signals_are_lost_with_the_server(self, net: Internet, server: Server) -> None:
        """It dies while two connect, and the next one is there at once, on a busy machine too."""
        first = server()
        second = net.server.start(sys.executable, "-P", "-c", WAITING_SERVER)
        hosting = host(net.ann, BY_NAME)
        second.shows("ready")
        guest = join(hosting, net.bob)
        guest.shows("Connecting to")
        first.kill()
        second.type("listen")
        talk(hosting, guest)

    def test_signals_are_late(self, net: Internet, server: Server) -> None:
        """The host's cable is pulled while a guest connects, and put back after two seconds."""
        server()
        hosting = host(net.ann, BY_NAME)
        net.ann.plug(False)
        guest = join(hosting, net.bob)
        guest.shows("Connecting to")
        time.sleep(2)  # that the cable is out, not that something may happen
        net.ann.plug(True)
        talk(hosting, guest)


def test_nothing_is_left_of_a_run_that_is_killed(net: Internet, tmp_path: Path) -> None:
    """The machines and what runs on them go with the process that made them."""
    code = f"""if True:
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(HELPERS)!r})
        from namespaces import Internet
        made = Internet(Path({str(tmp_path)!r}))
        program = made.ann.start("sleep", "1000")
        print(made.ann.pid, made.west.pid, program.process.pid, flush=True)
        sys.stdin.read()
    """
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        pids = run.stdout.readline().split()
        spaces = [Path(f"/proc/{pid.decode()}/ns/net") for pid in pids]
        assert len(spaces) == 3
        assert all(space.is_symlink() for space in spaces)
        run.kill()

    def gone() -> bool:
        return not any(os.path.lexists(space) for space in spaces)

    until(gone)
