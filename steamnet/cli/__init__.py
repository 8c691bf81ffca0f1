"""The command line: ``steamnet`` or ``python -m steamnet``."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from .. import SteamnetError, __version__
from ..engine import KINDS


def _within(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low:g} to {high:g}")
        return value

    number.__name__ = kind.__name__  # what argparse calls it when it is no number
    return number


def _add_network(parser: argparse._ArgumentGroup) -> None:
    milliseconds, share = _within(int, 0, 10_000), _within(float, 0, 1)
    parser.add_argument(
        "--lag", type=milliseconds, default=0, metavar="MS", help="milliseconds, one way"
    )
    parser.add_argument(
        "--loss", type=share, default=0.0, metavar="SHARE", help="share of packets, 0 to 1"
    )


def _add_engine(parser: argparse.ArgumentParser, default: str | None) -> None:
    default = os.environ.get("STEAMNET_ENGINE") or default
    parser.add_argument(
        "--engine",
        choices=tuple(KINDS),
        default=default,
        help=f"which engine (default: {default or 'steam; gns with --rendezvous'})",
    )
    parser.add_argument("--library", metavar="PATH", help="the engine's shared library")


def _add_user(parser: argparse.ArgumentParser, engine: str | None) -> None:
    _add_engine(parser, engine)
    parser.add_argument(
        "--app-id", type=int, default=480, help="Steam app id (default: %(default)s)"
    )
    parser.add_argument("--identity", help="who you are, on engines without Steam")
    parser.add_argument("--name", help="what others see, on engines without Steam")
    parser.add_argument("--port", type=int, default=0, help="virtual port (default: %(default)s)")


def _add_ways(parser: argparse.ArgumentParser) -> None:
    """Add how players on different machines reach each other on gns."""
    ways = parser.add_argument_group("between machines, on the gns engine")
    ways.add_argument("--rendezvous", metavar="URL", help="ws://HOST:PORT of a `steamnet server`")
    ways.add_argument("--token", help="proves your identity to that server")
    ways.add_argument(
        "--stun",
        metavar="HOST:PORT",
        help="STUN server: tells a player behind a router the public address",
    )
    ways.add_argument(
        "--turn", metavar="HOST:PORT", help="TURN server: relays where there is no direct way"
    )
    ways.add_argument("--turn-user", metavar="USER", help="your name at the TURN server")
    ways.add_argument("--turn-password", metavar="PASSWORD", help="your password there")


def _parser() -> argparse.ArgumentParser:
    def command(name: str, about: str) -> argparse.ArgumentParser:
        described = f"{about[0].upper()}{about[1:]}."
        return commands.add_parser(name, help=about, description=described)

    parser = argparse.ArgumentParser(
        prog="steamnet",
        description="Valve's networking for Python games: a demo, a chat, and a look inside.",
    )
    parser.add_argument("--version", action="version", version=f"steamnet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = command("demo", "two processes find each other and talk")
    _add_engine(demo, "loopback")
    count = _within(int, 1, 1_000_000)
    demo.add_argument(
        "--messages",
        type=count,
        default=1000,
        metavar="N",
        help="how many each way (default: %(default)s)",
    )
    _add_network(demo.add_argument_group("simulated network"))

    host = command("host", "open a chat that others can join, until Ctrl-C")
    _add_user(host, None)
    host.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="wait at an address, such as 0.0.0.0:27015, for those who join by address",
    )
    _add_ways(host)
    join = command("join", "join the chat of a host")
    join.add_argument(
        "target",
        nargs="?",
        metavar="STEAM_ID | IDENTITY | HOST:PORT | LOBBY",
        help="who the host is, or where; without it you choose from a list of chats",
    )
    _add_user(join, None)
    _add_ways(join)
    lobbies = command("lobbies", "list the chats that can be joined")
    _add_user(lobbies, None)
    _add_ways(lobbies)

    server = command(
        "server", "introduce players on different machines to each other, until Ctrl-C"
    )
    server.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="0.0.0.0:27080",
        help="where: TCP for players, and UDP for STUN (default: %(default)s)",
    )
    server.add_argument("--cert", metavar="FILE", help="certificate chain (PEM): wss:// by TLS")
    server.add_argument("--key", metavar="FILE", help="its private key (PEM)")
    server.add_argument(
        "--tokens", metavar="FILE", help="lines of a token and an identity: nobody else logs in"
    )
    server.add_argument(
        "--stun-address",
        metavar="HOST:PORT",
        help="STUN server that players use (default: this server, by the name they know it by)",
    )
    server.add_argument("--turn", metavar="HOST:PORT", help="TURN server (coturn) that relays")
    server.add_argument(
        "--turn-secret", metavar="FILE", help="file with coturn's static-auth-secret"
    )

    info = command("info", "which engines are here, and what they lack")
    info.add_argument("--library", metavar="PATH", help="look at this library instead of searching")
    info.add_argument("--all", action="store_true", help="list the functions that are missing")

    bench = command("bench", "how fast this machine sends and receives")
    _add_engine(bench, "loopback")

    netgraph = command("netgraph", "a live picture of a connection")
    _add_user(netgraph, "loopback")
    netgraph.add_argument("--join", metavar="STEAM_ID", help="watch a connection to this host")
    _add_network(netgraph.add_argument_group("simulated network"))
    seconds = _within(float, 0, 1e9)
    netgraph.add_argument("--seconds", type=seconds, metavar="S", help="stop after so many seconds")
    netgraph.add_argument("--plot", metavar="FILE", help="draw the session into a PNG or SVG")
    return parser


def _runner(command: str) -> Callable[[argparse.Namespace], int]:
    # Each command's own module is imported only when it runs.
    if command == "demo":
        from .demo import run
    elif command in ("host", "join", "lobbies"):
        from .chat import run
    elif command == "server":
        from .server import run
    elif command == "info":
        from .info import run
    elif command == "bench":
        from .bench import run
    else:
        from .netgraph import run
    return run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    if sys.stdout is None:  # it was closed before we began, or there never was a console
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # for as long as the program runs
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal has every character
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return _runner(options.command)(options)
    except SteamnetError as error:
        print(f"steamnet: {error}", file=sys.stderr)
        return 1
    except ValueError as error:  # an invalid argument
        print(f"steamnet: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # the reader has closed the pipe, or the disk is full
        if not isinstance(error, BrokenPipeError):
            print(f"steamnet: {error}", file=sys.stderr)
        # What Python flushes at the end must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("steamnet: interrupted", file=sys.stderr)
        return 130
