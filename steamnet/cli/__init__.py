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
    parser.add_argument("--lag", type=milliseconds, default=0, metavar="MS", help="one way")
    parser.add_argument("--loss", type=share, default=0.0, metavar="SHARE", help="0 to 1")


def _add_engine(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--engine",
        choices=tuple(KINDS),
        default=os.environ.get("STEAMNET_ENGINE") or default,
        help="what carries the messages (default: %(default)s)",
    )
    parser.add_argument("--library", metavar="PATH", help="path of the engine's shared library")


def _add_user(parser: argparse.ArgumentParser, engine: str = "steam") -> None:
    _add_engine(parser, engine)
    parser.add_argument(
        "--app-id", type=int, default=480, help="Steam app id (default: %(default)s)"
    )
    parser.add_argument("--identity", help="who you are, on engines without Steam")
    parser.add_argument("--port", type=int, default=0, help="virtual port (default: %(default)s)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="steamnet",
        description="Valve's networking for Python games: a demo, a chat, and a look inside.",
    )
    parser.add_argument("--version", action="version", version=f"steamnet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = commands.add_parser("demo", help="two processes find each other and talk")
    _add_engine(demo, "loopback")
    count = _within(int, 1, 1_000_000)
    demo.add_argument("--messages", type=count, default=1000, metavar="N", help="each way")
    _add_network(demo.add_argument_group("simulated network"))

    host = commands.add_parser("host", help="open a chat that others can join, until Ctrl-C")
    _add_user(host)
    join = commands.add_parser("join", help="join the chat of a host")
    join.add_argument("steam_id", metavar="STEAM_ID", help="what the host shows")
    _add_user(join)

    info = commands.add_parser("info", help="which engines are here, and what they lack")
    info.add_argument("--library", metavar="PATH", help="look at this library instead of searching")

    bench = commands.add_parser("bench", help="how fast this machine sends and receives")
    _add_engine(bench, "loopback")

    netgraph = commands.add_parser("netgraph", help="a live picture of a connection")
    _add_user(netgraph, "loopback")
    netgraph.add_argument("--join", metavar="STEAM_ID", help="watch a connection to this host")
    _add_network(netgraph.add_argument_group("simulated network"))
    seconds = _within(float, 0, 1e9)
    netgraph.add_argument("--seconds", type=seconds, metavar="S", help="stop after this long")
    netgraph.add_argument("--plot", metavar="FILE", help="draw the session into a PNG or SVG")
    return parser


def _runner(command: str) -> Callable[[argparse.Namespace], int]:
    # Each command's own module is imported only when it runs.
    if command == "demo":
        from .demo import run
    elif command in ("host", "join"):
        from .chat import run
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
