"""STUN as RFC 8489 says: the vectors of RFC 5769, wrong requests, and those of GNS itself."""

import socket
import struct
import zlib
from collections.abc import Callable

import pytest
import requirements

import steamnet
from steamnet import ConfigValue
from steamnet.rendezvous import stun

COOKIE = bytes.fromhex("2112a442")
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")  # of all vectors of RFC 5769
# Section 2.1: SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT.
REQUEST = (
    bytes.fromhex("00010058")
    + COOKIE
    + TRANSACTION
    + bytes.fromhex("80220010")
    + b"STUN test client"
    + bytes.fromhex("00240004 6e0001ff 80290008 932ff9b151263b36 00060009")
    + b"evtj:h6vY   "
    + bytes.fromhex("00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf")
)
# Sections 2.2 and 2.3: the addresses, and the attributes that tell them.
MAPPED = [
    ("192.0.2.1", 32853, "00200008 0001a147 e112a643"),
    (
        "2001:db8:1234:5678:11:2233:4455:6677",
        32853,
        "00200014 0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9",
    ),
]


def request(attributes: bytes = b"", **header: int | bytes) -> bytes:
    """A Binding request; ``header`` replaces what stands there."""
    fields: dict[str, int | bytes] = {"kind": 1, "length": len(attributes), "cookie": COOKIE}
    fields |= header
    cookie = fields["cookie"]
    assert isinstance(cookie, bytes)
    return struct.pack("!HH", fields["kind"], fields["length"]) + cookie + TRANSACTION + attributes


@pytest.mark.parametrize(("host", "port", "attribute"), MAPPED)
def test_a_response_is_that_of_rfc_5769(host: str, port: int, attribute: str) -> None:
    """The address of the sender, for either family."""
    wanted = bytes.fromhex(attribute)
    assert stun.answer(request(), (host, port)) == (
        struct.pack("!HH", 0x0101, len(wanted)) + COOKIE + TRANSACTION + wanted
    )


@pytest.mark.parametrize(("host", "port", "attribute"), MAPPED)
def test_the_request_of_rfc_5769_is_answered(host: str, port: int, attribute: str) -> None:
    """With a fingerprint, since it has one."""
    response = stun.answer(REQUEST, (host, port))
    assert response is not None
    before, name, value = response[:-8], response[-8:-4], response[-4:]
    assert before == struct.pack("!HH", 0x0101, len(response) - 20) + COOKIE + TRANSACTION + (
        bytes.fromhex(attribute)
    )
    assert name == bytes.fromhex("80280004")
    assert value == struct.pack("!I", zlib.crc32(before) ^ 0x5354554E)


def test_an_address_of_ipv4_that_ipv6_wraps() -> None:
    """A socket for both families shows it so; the answer is that of IPv4."""
    assert stun.answer(request(), ("::ffff:192.0.2.1", 32853)) == stun.answer(
        request(), ("192.0.2.1", 32853)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        request()[:19],
        request(length=4),
        request(b"\0\1\0\4", length=4),  # an attribute that is cut short
        request(b"\0\1\0"),
        request(cookie=bytes(4)),
        request(kind=0x0101),  # a response: two servers must not answer each other
        request(kind=0x0111),
        request(kind=0x0011),  # an indication
        request(kind=0x0003),  # another method: TURN's Allocate
        request(kind=0x4001),
        REQUEST[:-1] + b"\0",  # a wrong fingerprint
        request(bytes.fromhex("80220230") + bytes(560)),  # longer than a request is
        bytes(576),
    ],
)
def test_what_is_no_binding_request_gets_no_answer(wrong: bytes) -> None:
    """Whatever it is."""
    assert stun.answer(wrong, ("192.0.2.1", 1)) is None


@pytest.mark.parametrize("size", range(0, 40, 3))
def test_what_is_cut_short_gets_no_answer(size: int) -> None:
    """Wherever that is."""
    assert stun.answer(REQUEST[: len(REQUEST) - 1 - size], ("192.0.2.1", 1)) is None


def test_attributes_that_must_be_understood() -> None:
    """A request with unknown ones is refused with 420 and their names, as the RFC says."""
    attributes = bytes.fromhex("00030004 00000006 80ff0001 00000000 7ffe0000")
    refusal = stun.answer(request(attributes), ("192.0.2.1", 1))
    assert refusal is not None
    assert refusal[:2] == bytes.fromhex("0111")
    assert refusal[8:20] == TRANSACTION
    assert bytes.fromhex("00090015 00000414") + b"Unknown Attribute" in refusal
    assert refusal.endswith(bytes.fromhex("000a0004 00037ffe"))
    assert len(refusal) == 20 + struct.unpack_from("!H", refusal, 2)[0]


def test_a_private_address_in_the_request_is_no_reason_to_refuse() -> None:
    """GNS 1.6.1 has one there, for which coturn 4.6 refuses its requests."""
    private = request(bytes.fromhex("00010008 0001c000 0a000001"))
    assert stun.answer(private, ("192.0.2.1", 32853)) == stun.answer(
        request(), ("192.0.2.1", 32853)
    )


@pytest.mark.usefixtures("gns")
def test_the_requests_of_gns(until: Callable[..., None]) -> None:
    """What the real engine asks is answered with the address that it came from."""
    requirements.ice()
    asked = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        steamnet.init(engine="gns", identity="str:asks") as steam,
    ):
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        where = f"127.0.0.1:{server.getsockname()[1]}"
        steam.networking_utils.set_config_value(ConfigValue.P2P_STUN_SERVER_LIST, where)
        try:
            steam.networking_sockets.connect_p2p("str:nobody there", 0)

            def arrived() -> bool:
                try:
                    asked.append(server.recvfrom(2048))
                except BlockingIOError:
                    return False
                return True

            until(arrived, steam, what="a request")
        finally:
            steam.networking_utils.set_config_value(ConfigValue.P2P_STUN_SERVER_LIST, None)
    data, address = asked[0]
    response = stun.answer(data, address)
    assert response is not None
    assert response[:2] == bytes.fromhex("0101")
    assert response[4:20] == data[4:20]
    assert data[20:22] == bytes.fromhex("0001"), "the attribute that others refuse"
