"""Configuration values: converted, clamped, inherited, per connection, and as options."""

from typing import Any

import pytest
from topologies import Link, Route

from steamnet import ConfigScope, ConfigValue, Steam

C = ConfigValue


@pytest.fixture
def pair(steam: Steam) -> int:
    """A connection of the one user."""
    return steam.networking_sockets.create_socket_pair(True)[0]


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        (C.SEND_BUFFER_SIZE, -1, 4096),
        (C.SEND_BUFFER_SIZE, 100, 4096),
        (C.SEND_BUFFER_SIZE, 2**31 - 1, 268435456),
        (C.SEND_BUFFER_SIZE, 100_000, 100_000),
        (C.SEND_RATE_MAX, 1, 1024),
        (C.NAGLE_TIME, -5, 0),
        (C.NAGLE_TIME, 10**7, 20000),
        (C.RECV_BUFFER_SIZE, 1, 4096),
        (C.RECV_BUFFER_MESSAGES, 0, 2),
        (C.TIMEOUT_CONNECTED, -1, 0),
        (C.MTU_PACKET_SIZE, 100, 200),
        (C.MTU_PACKET_SIZE, 9000, 1300),
        (C.TIMEOUT_INITIAL, 888.5, 889),
        (C.NAGLE_TIME, True, 1),
        (C.TIMEOUT_INITIAL, "999", 999),
    ],
)
def test_values_are_converted_and_clamped(
    steam: Steam, pair: int, key: ConfigValue, given: Any, read: int
) -> None:
    """Setting succeeds; reading back tells what the engine made of it."""
    sockets = steam.networking_sockets
    assert sockets.set_connection_config_value(pair, key, given)
    assert sockets.get_connection_config_value(pair, key) == read


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        (C.FAKE_PACKET_LOSS_SEND, 150, 100.0),
        (C.FAKE_PACKET_LOSS_SEND, -1.0, 0.0),
        (C.FAKE_PACKET_LOSS_RECV, "7", 7.0),
        (C.FAKE_PACKET_LAG_SEND, 12.6, 13),
    ],
)
def test_global_values(steam: Steam, key: ConfigValue, given: Any, read: float) -> None:
    """The simulated network is set for everything, with the engine's types and bounds."""
    utils = steam.networking_utils
    before = utils.get_config_value(key)
    assert utils.set_config_value(key, given)
    assert utils.get_config_value(key) == read
    assert utils.set_config_value(key, None)
    assert utils.get_config_value(key) == before == 0


def test_what_cannot_be_set(steam: Steam, pair: int) -> None:
    """Text that is no number, global keys on a connection, keys nobody knows: False and None."""
    sockets, utils = steam.networking_sockets, steam.networking_utils
    assert not sockets.set_connection_config_value(pair, C.TIMEOUT_INITIAL, "soon")
    assert not sockets.set_connection_config_value(pair, C.FAKE_PACKET_LOSS_SEND, 5.0)
    assert sockets.get_connection_config_value(pair, C.FAKE_PACKET_LOSS_SEND) is None
    assert not utils.set_config_value(12345, 1)
    assert utils.get_config_value(12345) is None
    assert utils.config_value_info(12345) is None
    assert utils.get_config_value(C.TIMEOUT_INITIAL, ConfigScope.CONNECTION, 0x7FFFFFFF) is None
    assert not utils.set_config_value(C.TIMEOUT_INITIAL, 1, ConfigScope.CONNECTION, 0x7FFFFFFF)


@pytest.mark.parametrize("key", [C.SYMMETRIC_CONNECT, C.UNENCRYPTED])
def test_values_locked_by_connecting(steam: Steam, pair: int, key: ConfigValue) -> None:
    """What both sides have settled by connecting can no longer be changed."""
    sockets = steam.networking_sockets
    before = sockets.get_connection_config_value(pair, key)
    assert not sockets.set_connection_config_value(pair, key, 1)
    assert sockets.get_connection_config_value(pair, key) == before


def test_hierarchy(steam: Steam, pair: int) -> None:
    """A connection inherits from its listen socket's or the global value until it has its own."""
    sockets, utils = steam.networking_sockets, steam.networking_utils
    read = sockets.get_connection_config_value
    try:
        assert utils.set_config_value(C.NAGLE_TIME, 1111)
        assert read(pair, C.NAGLE_TIME) == 1111
        assert utils.set_config_value(C.NAGLE_TIME, 2222, ConfigScope.SOCKETS_INTERFACE)
        assert utils.get_config_value(C.NAGLE_TIME) == 1111
        assert read(pair, C.NAGLE_TIME) == 2222
        assert sockets.set_connection_config_value(pair, C.NAGLE_TIME, 3333)
        assert read(pair, C.NAGLE_TIME) == 3333
        assert utils.set_config_value(C.NAGLE_TIME, None, ConfigScope.CONNECTION, pair)
        assert read(pair, C.NAGLE_TIME) == 2222
        assert utils.set_config_value(C.NAGLE_TIME, None, ConfigScope.SOCKETS_INTERFACE)
        assert read(pair, C.NAGLE_TIME) == 1111
    finally:
        utils.set_config_value(C.NAGLE_TIME, None)
    assert read(pair, C.NAGLE_TIME) == 5000


def test_listen_sockets_pass_their_values_on(route: Route) -> None:
    """What a listen socket is given holds for those who come in on it, from the first event."""
    options = {C.CONNECTION_USER_DATA: 2**40 + 7, C.SEND_BUFFER_SIZE: 70_000}
    here, there = route.join(host_options=options)
    assert there.events[0].info.user_data == 2**40 + 7
    assert there.sockets.get_connection_user_data(there.connection) == 2**40 + 7
    read = there.sockets.get_connection_config_value
    assert read(there.connection, C.SEND_BUFFER_SIZE) == 70_000
    assert here.info.user_data == -1
    set_value = there.steam.networking_utils.set_config_value
    socket = there.info.listen_socket
    assert set_value(C.SEND_BUFFER_SIZE, 80_000, ConfigScope.LISTEN_SOCKET, socket)
    assert read(there.connection, C.SEND_BUFFER_SIZE) == 80_000


def test_options_of_a_connection(route: Route) -> None:
    """Options hold from the first event of a connection on."""
    route.listen()
    here = route.connect({C.CONNECTION_USER_DATA: -5, C.NAGLE_TIME: 0, C.TIMEOUT_INITIAL: 4000})
    route.requested()
    assert here.events[0].info.user_data == -5
    read = here.sockets.get_connection_config_value
    assert read(here.connection, C.NAGLE_TIME) == 0
    assert read(here.connection, C.TIMEOUT_INITIAL) == 4000


@pytest.mark.parametrize(
    "options", [{12345: 1}, {C.FAKE_PACKET_LOSS_SEND: 1.0}, {C.TIMEOUT_INITIAL: "soon"}]
)
def test_wrong_options_create_nothing(route: Route, options: Any) -> None:
    """One option that cannot be: no listen socket and no connection."""
    host, caller = route.host.networking_sockets, route.caller.networking_sockets
    assert host.create_listen_socket_p2p(3, options) == 0
    assert host.create_listen_socket_ip(route.address, options) == 0
    assert caller.connect_by_ip_address(route.address, options) == 0
    assert caller.connect_p2p("76561198000000009", 3, options) == 0
    route.listen()  # the port is free


def test_mtu_follows_from_packet_size(steam: Steam, pair: int) -> None:
    """The largest data of a packet is read only, and typed although GNS does not say its type."""
    sockets = steam.networking_sockets
    assert sockets.get_connection_config_value(pair, C.MTU_DATA_SIZE) == 1200
    sockets.set_connection_config_value(pair, C.MTU_PACKET_SIZE, 800)
    assert sockets.get_connection_config_value(pair, C.MTU_DATA_SIZE) == 700
    assert not sockets.set_connection_config_value(pair, C.MTU_DATA_SIZE, 900)


def test_values_are_each_connections_own(link: Link) -> None:
    """Configuring one end leaves the other as it was."""
    link.here.set(C.NAGLE_TIME, 123)
    there = link.there.sockets.get_connection_config_value(link.there.connection, C.NAGLE_TIME)
    assert there == 5000
