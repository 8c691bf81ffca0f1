"""Answers STUN Binding requests (RFC 8489): tells who asks which address the request came from."""

import asyncio
import ipaddress
import struct
import time
import zlib
from typing import cast

HEADER = struct.Struct("!HHI12s")  # type, length of what follows, cookie, transaction
ATTRIBUTE = struct.Struct("!HH")
COOKIE = 0x2112A442
REQUEST, SUCCESS, FAILURE = 0x0001, 0x0101, 0x0111  # of the method Binding
MAPPED_ADDRESS, XOR_MAPPED_ADDRESS = 0x0001, 0x0020
ERROR_CODE, UNKNOWN_ATTRIBUTES, FINGERPRINT = 0x0009, 0x000A, 0x8028
FINGERPRINT_MASK = 0x5354554E
# Attributes that need not be understood to answer: those of RFC 8489 and of ICE (RFC 8445). By the
# RFC a request has no MAPPED-ADDRESS; those of GameNetworkingSockets 1.6.1 have their private one.
HARMLESS = {0x0001, 0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0020, 0x0024, 0x0025}
LONGEST = 576  # bytes of a request
ANSWERS_PER_SECOND = 5000


def answer(request: bytes, address: tuple[str, int]) -> bytes | None:
    """The response to a ``request`` from an ``address``; None for what is no Binding request."""
    if not HEADER.size <= len(request) <= LONGEST:
        return None
    kind, length, cookie, transaction = HEADER.unpack_from(request)
    if kind != REQUEST or cookie != COOKIE or length != len(request) - HEADER.size or length % 4:
        return None
    unknown, at, fingerprint = [], HEADER.size, False
    while at < len(request):
        if fingerprint:
            return None  # it is the last by definition
        name, size = ATTRIBUTE.unpack_from(request, at)
        value = at + ATTRIBUTE.size
        if value + size > len(request):
            return None
        if name == FINGERPRINT:
            fingerprint = True
            if request[value : value + size] != _fingerprint(request[:at]):
                return None
        elif name < 0x8000 and name not in HARMLESS:
            unknown.append(name)
        at = value + size + -size % 4
    if unknown:
        reason = b"Unknown Attribute"
        body = _attribute(ERROR_CODE, struct.pack("!I", 420 // 100 << 8 | 420 % 100) + reason)
        names = struct.pack(f"!{len(unknown)}H", *unknown)
        body += _attribute(UNKNOWN_ATTRIBUTES, names)
        return _message(FAILURE, transaction, body, fingerprint)
    body = _attribute(XOR_MAPPED_ADDRESS, _xor_address(address, transaction))
    return _message(SUCCESS, transaction, body, fingerprint)


def _xor_address(address: tuple[str, int], transaction: bytes) -> bytes:
    """The value of a XOR-MAPPED-ADDRESS."""
    host = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped  # as a socket for both kinds shows it
    mask = struct.pack("!I", COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(host.packed, mask, strict=False))
    family = 1 if host.version == 4 else 2
    return struct.pack("!BBH", 0, family, address[1] ^ COOKIE >> 16) + hidden


def _attribute(name: int, value: bytes) -> bytes:
    return ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, body: bytes, fingerprint: bool) -> bytes:
    length = len(body) + (8 if fingerprint else 0)
    message = HEADER.pack(kind, length, COOKIE, transaction) + body
    if fingerprint:
        message += _attribute(FINGERPRINT, _fingerprint(message))
    return message


def _fingerprint(before: bytes) -> bytes:
    return struct.pack("!I", zlib.crc32(before) ^ FINGERPRINT_MASK)


class StunProtocol(asyncio.DatagramProtocol):
    """Answers on a UDP socket, so many times a second at most: senders' addresses can be forged."""

    def __init__(self) -> None:
        """Answer at once."""
        self._transport: asyncio.DatagramTransport | None = None
        self._second = 0
        self._answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to answer through."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer a request."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._answers = second, 0
        if self._answers < ANSWERS_PER_SECOND and self._transport is not None:
            response = answer(data, address[:2])
            if response is not None:
                self._answers += 1
                self._transport.sendto(response, address)
