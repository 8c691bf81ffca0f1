"""Listen sockets: which ports and addresses can be had, by whom, and how they are reached."""

import socket
from collections.abc import Callable

import pytest
from topologies import VIRTUAL_PORT, Route, free_port

from steamnet import ConnectionState, Steam


def test_virtual_ports(steam: Steam) -> None:
    """Each virtual port can be had once at a time."""
    sockets = steam.networking_sockets
    handles = [sockets.create_listen_socket_p2p(port) for port in (0, 1, 65535)]
    assert all(handles)
    assert len(set(handles)) == 3
    assert sockets.create_listen_socket_p2p(0) == 0
    assert sockets.close_listen_socket(handles[0])
    assert not sockets.close_listen_socket(handles[0])
    assert sockets.create_listen_socket_p2p(0)
    assert sockets.get_listen_socket_address(handles[1]) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::1]", "[::]"])
def test_addresses(steam: Steam, until: Callable[..., None], host: str) -> None:
    """A local address can be listened on once, is told as it was bound, and is soon free again."""
    sockets = steam.networking_sockets
    address = f"{host}:{free_port()}"
    handle = sockets.create_listen_socket_ip(address)
    assert handle
    assert sockets.get_listen_socket_address(handle) == address
    assert sockets.create_listen_socket_ip(address) == 0
    assert sockets.close_listen_socket(handle)
    assert sockets.get_listen_socket_address(handle) is None
    until(lambda: sockets.create_listen_socket_ip(address), steam, what="the address to be free")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "203.0.113.7:27015"])
def test_addresses_that_cannot_be_had(steam: Steam, address: str) -> None:
    """No port, or an address that is not this machine's: 0."""
    assert steam.networking_sockets.create_listen_socket_ip(address) == 0


@pytest.mark.parametrize(
    ("bound", "called"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::]", "[::1]"),
        ("[::]", "127.0.0.1"),
    ],
)
def test_v4_v6_and_any(steam: Steam, bound: str, called: str) -> None:
    """A socket on any address is reached on each; IPv6's any takes IPv4 too."""
    if "::" in bound + called and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    route = Route(f"{steam.engine.name}-ip", steam, steam)
    port = free_port()
    route.address = f"{bound}:{port}"
    route.listen()
    route.address = f"{called}:{port}"
    here = route.connect()
    there = route.requested()
    there.sockets.accept_connection(there.connection)
    both = ConnectionState.CONNECTED
    route.until(lambda: here.last == there.last == both, what="both to be connected")
    assert here.info.addr_remote == route.address
    assert there.info.addr_remote.startswith(f"{called}:"), "the caller's own address"


def has_ipv6() -> bool:
    """Whether ::1 can be bound."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_port_is_free_after_closing_with_clients(route: Route) -> None:
    """Who closes a busy listen socket can listen again, and is called again."""
    _, there = route.join()
    socket_handle = there.info.listen_socket
    assert there.sockets.close_listen_socket(socket_handle)
    if route.by_ip:  # whose address GNS's service thread frees a moment later

        def freed() -> bool:
            return bool(there.sockets.create_listen_socket_ip(route.address))

        route.until(freed, what="the address to be free")
    else:
        route.listen()
    again = route.connect()
    request = route.requested()
    assert request.info.listen_socket
    assert again.state == ConnectionState.CONNECTING


def test_closing_with_a_request_waiting(route: Route) -> None:
    """A request that nobody answered yet is turned down when its listen socket closes."""
    socket_handle = route.listen()
    here = route.connect()
    there = route.requested()
    assert there.sockets.close_listen_socket(socket_handle)
    assert there.info is None
    route.until(lambda: here.last == ConnectionState.CLOSED_BY_PEER, what="the refusal")


def test_two_ports_of_one_user(steam: Steam) -> None:
    """Requests tell by which listen socket they came."""
    route = Route(f"{steam.engine.name}-ip", steam, steam)
    first = route.listen()
    here = route.connect()
    one = route.requested()
    route.address = f"127.0.0.1:{free_port()}"
    second = route.listen()
    route.connect()
    other = route.requested()
    assert (one.info.listen_socket, other.info.listen_socket) == (first, second)
    assert here.info.listen_socket == 0
    assert steam.networking_sockets.create_listen_socket_p2p(VIRTUAL_PORT)
