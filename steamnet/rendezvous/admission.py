"""A listening socket that bounds how many connections there are, and how many of one address."""

import ipaddress
import os
import socket
from collections import Counter
from contextlib import suppress
from typing import Self

from .protocol import Limits


class Admission:
    """Counts the connections of a server: those that log in, and all that an address has."""

    def __init__(self, limits: Limits) -> None:
        """Begin with none."""
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self._half_open: dict[int, Accepted] = {}  # by file descriptor, oldest first
        self.total = 0

    def enter(self, connection: "Accepted") -> bool:
        """Whether a new connection may stay; the oldest half-open one may have to go for it."""
        limits = self._limits
        if self.total >= limits.clients + 2 * limits.half_open:
            return False
        if not connection.local and self._by_address[connection.address] >= limits.per_address:
            return False
        self._by_address[connection.address] += 1
        self.total += 1
        self._half_open[connection.fileno()] = connection
        if len(self._half_open) > limits.half_open:
            self._half_open.pop(next(iter(self._half_open))).end()
        return True

    def logged_in(self, descriptor: int) -> None:
        """A connection is half-open no more."""
        self._half_open.pop(descriptor, None)

    def leave(self, connection: "Accepted", descriptor: int) -> None:
        """A connection has been closed."""
        if self._half_open.get(descriptor) is connection:
            del self._half_open[descriptor]
        self.total -= 1
        self._by_address[connection.address] -= 1
        if self._by_address[connection.address] <= 0:
            del self._by_address[connection.address]

    def close(self) -> None:
        """End the connections that are not logged in."""
        for connection in list(self._half_open.values()):
            connection.end()


class Accepted(socket.socket):
    """A connection that tells when it is closed."""

    admission: Admission | None = None
    address = ""
    local = False

    def enter(self, admission: Admission, address: str) -> bool:
        """Be counted, as from that address; whether it may stay."""
        self.address, self.local = _whose(address), is_local(address)
        if admission.enter(self):
            self.admission = admission
            return True
        return False

    def end(self) -> None:
        """Have the event loop find it closed by its peer."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it, and be counted no more."""
        admission, self.admission = self.admission, None
        if admission is not None:
            admission.leave(self, self.fileno())
        super().close()


class Listening(socket.socket):
    """A listening socket of which asyncio accepts only connections that an `Admission` lets in.

    (Where asyncio does not call `accept`, as on Windows, the limits of the login hold alone.)
    """

    admission: Admission

    @classmethod
    def at(cls, host: str, port: int, admission: Admission) -> Self:
        """Listen on an address in numbers; on [::] for both kinds of addresses. OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sends at once (TCP_NODELAY) where it is told that this is TCP.
        listening = cls(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":  # on Windows it would share the port with others
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listening.bind((host, port))
            listening.admission = admission
        except BaseException:
            listening.close()
            raise
        return listening

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; BlockingIOError where none waits, or it may not stay."""
        plain, address = super().accept()
        connection = Accepted(plain.family, plain.type, plain.proto, plain.detach())
        if connection.enter(self.admission, address[0]):
            return connection, address
        connection.close()
        raise BlockingIOError


def _whose(address: str) -> str:
    """What one user has of addresses: one of IPv4, and 64 bits of IPv6."""
    try:
        host = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(host.ipv4_mapped or ipaddress.IPv6Network((host, 64), strict=False))


def is_local(address: str) -> bool:
    """Whether an address in numbers is of this machine alone."""
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(host, "ipv4_mapped", None) or host).is_loopback
