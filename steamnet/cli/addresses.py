"""The addresses by which other machines reach this one, and what a player types."""

import argparse
import shlex
import socket
import struct
import sys

from ..identity import HOST_AND_PORT, Identity, join_address, split_address

ANY = ("0.0.0.0", "::")
SIOCGIFADDR = 0x8915


def own_addresses() -> list[str]:
    """The IPv4 addresses of this machine's networks, without its own 127.0.0.1."""
    found = _of_interfaces() if sys.platform == "linux" else []
    if not found:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the interface
                found.append(str(probe.getsockname()[0]))
            except OSError:
                pass
    return [address for address in dict.fromkeys(found) if not address.startswith("127.")]


def _of_interfaces() -> list[str]:
    import fcntl

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                found.append(socket.inet_ntoa(answer[20:24]))
            except OSError:
                pass  # it has no address
    return found


def reachable(address: str) -> list[str]:
    """What others may use for an ``address`` that is listened on, this machine's own first."""
    host, port = split_address(address)
    if host not in ANY:
        return [join_address(host, port)]
    local = "::1" if host == "::" else "127.0.0.1"
    return [join_address(one, port) for one in (local, *own_addresses())]


def is_local(address: str) -> bool:
    """Whether an address, with a port or without, is for this machine alone."""
    host = address if address.endswith("]") else address.rpartition(":")[0] or address
    return host.startswith("127.") or host in ("localhost", "[::1]")


def is_address(target: str) -> bool:
    """Whether the target of ``steamnet join`` is a place, and no identity."""
    try:
        Identity.parse(target)
    except ValueError:
        return HOST_AND_PORT.fullmatch(target) is not None
    return False


def join_command(target: object, options: argparse.Namespace) -> str:
    """What a player types to join ``target``, or, for None, to choose from a list."""
    words = ["steamnet", "join", *([] if target is None else [str(target)])]
    words += ["--engine", options.engine]
    if options.port:
        words += ["--port", str(options.port)]
    if options.engine == "steam" and options.app_id != 480:
        words += ["--app-id", str(options.app_id)]
    return shlex.join(words)
