"""What is wrong raises what the documentation says; what is merely dead gets the SDK's answer."""

import contextlib
import math
import pickle
from array import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import requirements

import steamnet
from steamnet import (
    ClosedError,
    ConfigScope,
    ConfigValue,
    ConnectionState,
    EndReason,
    EResult,
    InitError,
    ResultError,
    Steam,
    SteamnetError,
    UnsupportedError,
)
from steamnet._native import ffi
from steamnet.handles import ending
from steamnet.info import NO_ICE, ConnectionInfo, QuickConnectionStatus

pytestmark = pytest.mark.python_behaviour

LIMIT = 512 * 1024
NAGLE = ConfigValue.NAGLE_TIME
TIMEOUT = ConfigValue.TIMEOUT_CONNECTED
LOSS = ConfigValue.FAKE_PACKET_LOSS_SEND

# Calls that mean something, one for each method: manager, method, arguments.
CALLS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("networking_sockets", "create_listen_socket_p2p", (1,)),
    ("networking_sockets", "create_listen_socket_ip", ("127.0.0.1:0",)),
    ("networking_sockets", "get_listen_socket_address", (1,)),
    ("networking_sockets", "close_listen_socket", (1,)),
    ("networking_sockets", "connect_p2p", (76561198000000001, 5)),
    ("networking_sockets", "connect_by_ip_address", ("127.0.0.1:1",)),
    ("networking_sockets", "connect_p2p_custom_signaling", (76561198000000009, 5)),
    ("networking_sockets", "received_p2p_custom_signal", (b"junk",)),
    ("networking_sockets", "accept_connection", (1,)),
    ("networking_sockets", "accept_connection_result", (1,)),
    ("networking_sockets", "close_connection", (1,)),
    ("networking_sockets", "create_socket_pair", ()),
    ("networking_sockets", "send_message", (1, b"")),
    ("networking_sockets", "send_message_numbered", (1, b"")),
    ("networking_sockets", "send_messages", ([(1, b"", 8)],)),
    ("networking_sockets", "broadcast", ([1], b"")),
    ("networking_sockets", "receive_messages", (1,)),
    ("networking_sockets", "flush_messages_on_connection", (1,)),
    ("networking_sockets", "configure_connection_lanes", (1, [0])),
    ("networking_sockets", "get_connection_info", (1,)),
    ("networking_sockets", "get_quick_connection_status", (1,)),
    ("networking_sockets", "get_detailed_connection_status", (1,)),
    ("networking_sockets", "get_connection_user_data", (1,)),
    ("networking_sockets", "set_connection_user_data", (1, 1)),
    ("networking_sockets", "get_connection_name", (1,)),
    ("networking_sockets", "set_connection_name", (1, "name")),
    ("networking_sockets", "create_poll_group", ()),
    ("networking_sockets", "destroy_poll_group", (1,)),
    ("networking_sockets", "set_connection_poll_group", (1, 0)),
    ("networking_sockets", "receive_messages_on_poll_group", (1,)),
    ("networking_sockets", "receive_columns_on_connection", (1,)),
    ("networking_sockets", "receive_columns_on_poll_group", (1,)),
    ("networking_sockets", "set_connection_config_value", (1, NAGLE, 1)),
    ("networking_sockets", "get_connection_config_value", (1, NAGLE)),
    ("networking_sockets", "get_identity", ()),
    ("networking_sockets", "reset_identity", ("str:somebody",)),
    ("networking_sockets", "init_authentication", ()),
    ("networking_sockets", "get_authentication_status", ()),
    ("networking_sockets", "get_certificate_request", ()),
    ("networking_sockets", "set_certificate", (b"junk",)),
    ("networking_sockets", "received_relay_auth_ticket", (b"junk",)),
    ("networking_sockets", "find_relay_auth_ticket_for_server", ("str:server", 0)),
    ("networking_sockets", "connect_to_hosted_dedicated_server", ("str:server", 0)),
    ("networking_sockets", "get_hosted_dedicated_server_port", ()),
    ("networking_sockets", "get_hosted_dedicated_server_pop_id", ()),
    ("networking_sockets", "get_hosted_dedicated_server_address", ()),
    ("networking_sockets", "create_hosted_dedicated_server_listen_socket", (0,)),
    ("networking_sockets", "begin_async_request_fake_ip", (1,)),
    ("networking_sockets", "get_fake_ip", ()),
    ("networking_sockets", "create_listen_socket_p2p_fake_ip", (0,)),
    ("networking_sockets", "get_remote_fake_ip_for_connection", (1,)),
    ("networking_sockets", "create_fake_udp_port", (0,)),
    ("networking_sockets", "connection_events", ()),
    ("networking_utils", "init_relay_network_access", ()),
    ("networking_utils", "get_relay_network_status", ()),
    ("networking_utils", "wait_for_relay", (0.01,)),
    ("networking_utils", "get_local_ping_location", ()),
    ("networking_utils", "estimate_ping_between_locations", ("fra=1", "ams=1")),
    ("networking_utils", "estimate_ping_from_string", ("fra=1",)),
    ("networking_utils", "check_ping_data_up_to_date", (1.0,)),
    ("networking_utils", "get_pop_count", ()),
    ("networking_utils", "get_pop_list", ()),
    ("networking_utils", "get_ping_to_data_center", (1,)),
    ("networking_utils", "get_direct_ping_to_pop", (1,)),
    ("networking_utils", "get_ipv4_fake_ip_type", (1,)),
    ("networking_utils", "get_real_identity_for_fake_ip", ("1.2.3.4:5",)),
    ("networking_utils", "get_local_timestamp", ()),
    ("networking_utils", "set_debug_output", (0,)),
    ("networking_utils", "get_config_value", (NAGLE,)),
    ("networking_utils", "set_config_value", (NAGLE, None)),
    ("networking_utils", "config_value_info", (NAGLE,)),
    ("networking_messages", "send_message_to_user", ("str:nobody", b"")),
    ("networking_messages", "receive_messages_on_channel", (0,)),
    ("networking_messages", "accept_session_with_user", ("str:nobody",)),
    ("networking_messages", "close_session_with_user", ("str:nobody",)),
    ("networking_messages", "close_channel_with_user", ("str:nobody", 0)),
    ("networking_messages", "get_session_connection_info", ("str:nobody",)),
    ("networking_messages", "get_session_status", ("str:nobody",)),
    ("networking_messages", "session_requests", ()),
    ("networking_messages", "session_failures", ()),
    ("core", "get_steam_id", ()),
    ("core", "get_app_id", ()),
    ("core", "steam_events", ()),
]
# What needs no engine: subscriptions, iterators (judged below), and what is for Steam itself.
NOT_CALLS = {"on_", "remove_", "iterate_config_values", "is_initialized"}

Call = Callable[[Any], object]


def _sockets(method: str, *args: Any, **options: Any) -> Call:
    return lambda steam: getattr(steam.networking_sockets, method)(*args, **options)


def _utils(method: str, *args: Any, **options: Any) -> Call:
    return lambda steam: getattr(steam.networking_utils, method)(*args, **options)


def _messages(method: str, *args: Any, **options: Any) -> Call:
    return lambda steam: getattr(steam.networking_messages, method)(*args, **options)


def _pair_options(options: Any) -> Call:
    return _sockets("create_listen_socket_p2p", 3, options)


# Every method whose first argument is a handle, with what else it wants.
ON_HANDLES: list[tuple[str, tuple[Any, ...]]] = [
    (method, args[1:])
    for manager, method, args in CALLS
    if manager == "networking_sockets" and args and args[0] == 1 and "p2p" not in method
    if method not in ("begin_async_request_fake_ip", "get_remote_fake_ip_for_connection")
]

TYPE_ERRORS: dict[str, tuple[Call, str]] = {
    "a name as logger": (lambda steam: steam.networking_utils.set_debug_output(1, "x"), "logger"),
    "text to wait": (lambda steam: steam.networking_utils.wait_for_relay("1"), "timeout"),
    "text as linger": (lambda steam: steam.shutdown("1"), "linger"),
    "a number as engine": (lambda _: steamnet.init(engine=1), "engine must be a str"),
    "a list as library": (lambda _: steamnet.init(engine="gns", library=[]), "PathLike"),
    "text as seed": (lambda _: steamnet.testing.players(1, seed="x").__enter__(), "seed"),
    "a float as port": (_sockets("create_listen_socket_p2p", 1.0), "virtual_port must be an int"),
    "text as port": (_sockets("connect_p2p", 76561198000000001, "5"), "virtual_port"),
    "a float as identity": (_sockets("connect_p2p", 1.5, 0), "identity"),
    "None as identity": (_sockets("connect_p2p", None, 0), "identity"),
    "bytes as identity": (_sockets("connect_p2p", b"76561198000000001", 0), "identity"),
    "a number as address": (_sockets("connect_by_ip_address", 27015), "address"),
    "None as data": (_sockets("send_message", 1, None), "data must be str or a bytes-like"),
    "a number as data": (_sockets("send_message", 1, 5), "data must be"),
    "a number as name": (_sockets("set_connection_name", 1, 5), "name must be a str"),
    "a list as data": (_sockets("send_message", 1, [1, 2]), "data must be"),
    "a float as flags": (_sockets("send_message", 1, b"", 8.0), "flags must be an int"),
    "a float as lane": (_sockets("send_message", 1, b"", 8, 0.0), "lane must be an int"),
    "no messages": (_sockets("send_messages", None), "iterable"),
    "a message that is no tuple": (_sockets("send_messages", [b""]), "a message is a tuple"),
    "a message too short": (_sockets("send_messages", [(1, b"")]), "tuple .*, not of 2 items"),
    "a message too long": (_sockets("send_messages", [(1, b"", 8, 0, 0)]), "not of 5 items"),
    "a message of wrong parts": (_sockets("send_messages", [(1.0, b"", 8)]), "connection"),
    "connections that are none": (_sockets("broadcast", 1, b""), "iterable"),
    "a connection that is text": (_sockets("broadcast", ["1"], b""), "connection must be an int"),
    "text as max_messages": (_sockets("receive_messages", 1, "5"), "max_messages must be an int"),
    "a float as max_messages": (_sockets("receive_messages", 1, 5.0), "max_messages"),
    "a float as reason": (_sockets("close_connection", 1, 1.0), "reason must be an int"),
    "bytes as debug": (_sockets("close_connection", 1, 0, b"bye"), "debug must be a str"),
    "a float as user data": (_sockets("set_connection_user_data", 1, 1.5), "user_data"),
    "a float as priority": (_sockets("configure_connection_lanes", 1, [1.0]), "priority"),
    "a float as weight": (_sockets("configure_connection_lanes", 1, [1], [1.0]), "weight"),
    "text as config key": (_sockets("get_connection_config_value", 1, "Nagle"), "config key"),
    "a list as config value": (_sockets("set_connection_config_value", 1, NAGLE, [1]), "value"),
    "None as config value": (_sockets("set_connection_config_value", 1, NAGLE, None), "value"),
    "options as a list": (_pair_options([(NAGLE, 1)]), "options are a mapping"),
    "options as an empty list": (_pair_options([]), "options are a mapping"),
    "options as False": (_pair_options(False), "options are a mapping"),
    "options of lists": (_pair_options({NAGLE: [1]}), "a config value is"),
    "text as level": (_utils("set_debug_output", "verbose"), "level must be an int"),
    "text as scope": (_utils("get_config_value", NAGLE, "global"), "scope must be an int"),
    "a float as channel": (_messages("receive_messages_on_channel", 0.0), "channel"),
    "a float as a user": (_messages("accept_session_with_user", 1.0), "identity"),
    "None for a user": (_messages("send_message_to_user", "str:nobody", None), "data must be"),
    "a handler that is none": (_sockets("on_connection_status_changed", 5), "must be callable"),
}
VALUE_ERRORS: dict[str, tuple[Call, str]] = {
    "no number to wait": (lambda s: s.networking_utils.wait_for_relay(math.nan), "timeout"),
    "no engine": (lambda _: steamnet.init(engine=""), "engine must be 'steam'"),
    "no library": (lambda _: steamnet.init(engine="steam", library=""), "library is an empty"),
    "no players": (lambda _: steamnet.testing.players(0).__enter__(), "n must be from 1"),
    "a port below": (_sockets("create_listen_socket_p2p", -1), "from 0 to 65535, not -1"),
    "a port above": (_sockets("create_listen_socket_p2p", 65536), "from 0 to 65535, not 65536"),
    "a port above to connect to": (_sockets("connect_p2p", 1, 65536), "."),
    "a Steam ID of letters": (_sockets("connect_p2p", "gabe", 0), "'gabe' is no identity"),
    "the Steam ID 0": (_sockets("connect_p2p", 0, 0), "is no identity"),
    "a negative Steam ID": (_sockets("connect_p2p", -1, 0), "is no identity"),
    "an empty identity": (_sockets("connect_p2p", "", 0), "is no identity"),
    "a Steam ID beyond 64 bits": (_sockets("connect_p2p", 2**64 + 76561198000000001, 0), "no iden"),
    "an identity with a NUL": (_sockets("connect_p2p", "str:a\0b", 0), "NUL"),
    "a string identity too long": (_sockets("connect_p2p", "str:" + "x" * 32, 0), "no identity"),
    "a host name as address": (_sockets("connect_by_ip_address", "localhost:1"), "is no address"),
    "an address's port": (_sockets("connect_by_ip_address", "127.0.0.1:65536"), "is no address"),
    "an empty address": (_sockets("create_listen_socket_ip", ""), "is no address"),
    "no messages wanted": (_sockets("receive_messages", 1, 0), "must be at least 1, not 0"),
    "fewer than none": (_sockets("receive_messages_on_poll_group", 1, -1), "at least 1, not -1"),
    "no channel messages": (_messages("receive_messages_on_channel", 0, 0), "at least 1, not 0"),
    "a strided buffer": (_sockets("send_message", 1, memoryview(b"abcd")[::2]), "C-contiguous"),
    "a strided user message": (
        _messages("send_message_to_user", "str:nobody", memoryview(b"abcd")[::2]),
        "C-contiguous",
    ),
    "too much": (_sockets("send_message", 1, bytes(LIMIT + 1)), "512 KiB"),
    "too much text": (_sockets("send_message", 1, "ü" * (LIMIT // 2 + 1)), "512 KiB"),
    "too much of doubles": (_sockets("send_message", 1, array("d", [0] * 65537)), "512 KiB"),
    "too much in a batch": (_sockets("send_messages", [(1, bytes(LIMIT + 1), 8)]), "512 KiB"),
    "too much for all": (_sockets("broadcast", [1], bytes(LIMIT + 1)), "512 KiB"),
    "too much for a user": (_messages("send_message_to_user", 1, bytes(LIMIT + 1)), "512 KiB"),
    "a lane below": (_sockets("send_message", 1, b"", 8, -1), "lane must be from 0 to 65535"),
    "a lane above": (_sockets("send_message", 1, b"", 8, 65536), "lane must be from 0"),
    "flags beyond 32 bits": (_sockets("send_message", 1, b"", 2**31), "flags must be from"),
    "half a character": (_sockets("send_message", 1, "\ud800"), "surrogates not allowed"),
    "a reason beyond 32 bits": (_sockets("close_connection", 1, 2**31), "reason must be from"),
    "a NUL in debug": (_sockets("close_connection", 1, 0, "a\0b"), "debug holds a NUL"),
    "a NUL in a name": (_sockets("set_connection_name", 1, "a\0b"), "name holds a NUL"),
    "user data beyond 64 bits": (_sockets("set_connection_user_data", 1, 2**63), "user_data"),
    "weights for other lanes": (_sockets("configure_connection_lanes", 1, [0, 0], [1]), "2 prior"),
    "a weight above": (_sockets("configure_connection_lanes", 1, [0], [65536]), "weight"),
    "lanes above": (_sockets("get_quick_connection_status", 1, 256), "lanes must be from 0"),
    "a negative config key": (_sockets("get_connection_config_value", 1, -1), "config key"),
    "not a number": (_sockets("set_connection_config_value", 1, NAGLE, math.nan), "NaN"),
    "a float without end": (_sockets("set_connection_config_value", 1, NAGLE, math.inf), "whole"),
    "a float beyond int32": (_sockets("set_connection_config_value", 1, NAGLE, 1e10), "value must"),
    "a value beyond int32": (_sockets("set_connection_config_value", 1, NAGLE, 2**31), "value"),
    "a value beyond floats": (
        _utils("set_config_value", LOSS, 10**400),
        "value",
    ),
    "a callback of one's own": (
        _utils("set_config_value", ConfigValue.CALLBACK_CONNECTION_STATUS_CHANGED, 1),
        "keeps to itself",
    ),
    "a callback as option": (
        _pair_options({ConfigValue.CALLBACK_CONNECTION_STATUS_CHANGED: 1}),
        "keeps to itself",
    ),
    "a NUL in a value": (_pair_options({ConfigValue.P2P_STUN_SERVER_LIST: "a\0b"}), "NUL"),
    "a level above": (_utils("set_debug_output", 9), "level must be from 0 to 8"),
    "a scope that is none": (_utils("get_config_value", NAGLE, 5), "scope must be from"),
    "a handler that is not there": (
        _sockets("remove_connection_status_handler", print),
        "print.* is not subscribed",
    ),
    "a linger below": (lambda steam: steam.shutdown(-1), "linger"),
    "a linger without end": (lambda steam: steam.shutdown(math.inf), "linger"),
}


@pytest.mark.parametrize("what", TYPE_ERRORS)
def test_a_value_of_the_wrong_type_is_a_type_error(steam: Steam, what: str) -> None:
    """Nothing of it reaches the engine, and the words name the argument."""
    call, words = TYPE_ERRORS[what]
    with pytest.raises(TypeError, match=words):
        call(steam)


@pytest.mark.parametrize("what", VALUE_ERRORS)
def test_a_value_that_cannot_be_meant_is_a_value_error(steam: Steam, what: str) -> None:
    """Nothing of it reaches the engine, and the words name the argument or its limit."""
    call, words = VALUE_ERRORS[what]
    with pytest.raises(ValueError, match=words) as caught:
        call(steam)
    assert not isinstance(caught.value, SteamnetError)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(1.0, TypeError), ("1", TypeError), (None, TypeError), (-1, ValueError), (2**32, ValueError)],
)
def test_what_cannot_be_a_handle_raises(steam: Steam, wrong: Any, error: type[Exception]) -> None:
    """Every method that takes a handle says so alike."""
    assert len(ON_HANDLES) > 20
    for method, others in ON_HANDLES:
        with pytest.raises(error, match=r"must be (an int|from 0)"):
            getattr(steam.networking_sockets, method)(wrong, *others)


class Index:
    """An int in all but type, as numpy's are."""

    def __init__(self, number: int) -> None:
        self.number = int(number)

    def __index__(self) -> int:
        return self.number


def test_whatever_counts_as_an_int_is_one(steam: Steam, until: Callable[..., None]) -> None:
    """Each call takes what has ``__index__`` where it takes an int."""
    for manager, method, args in CALLS:
        if any(isinstance(argument, int) for argument in args):
            same = [Index(a) if isinstance(a, int) else a for a in args]
            with contextlib.suppress(UnsupportedError):
                getattr(getattr(steam, manager), method)(*same)
    sockets = steam.networking_sockets
    pair = sockets.create_socket_pair()
    here, there = (Index(handle) for handle in pair)
    assert sockets.configure_connection_lanes(here, [Index(0), Index(0)], [Index(1)] * 2) == 1
    assert sockets.set_connection_user_data(there, Index(7))
    assert sockets.send_message(here, b"one", Index(8), Index(1)) == EResult.OK
    assert sockets.send_messages([(here, b"two", Index(8), Index(1))]) == [2]
    assert sockets.broadcast([here], b"three", Index(8), Index(1)) == [3]
    group = Index(sockets.create_poll_group())
    assert sockets.set_connection_poll_group(there, group)
    got: list[bytes] = []

    def arrived() -> bool:
        got.extend(map(bytes, sockets.receive_messages_on_poll_group(group, Index(5))))
        return got == [b"one", b"two", b"three"]

    until(arrived, steam, what="three messages")
    assert sockets.set_connection_config_value(here, Index(NAGLE), Index(77))
    assert sockets.get_connection_config_value(here, Index(NAGLE)) == 77
    assert steam.networking_utils.set_config_value(LOSS, Index(0))
    assert str(steamnet.Identity.parse(Index(76561198000000001))) == "76561198000000001"


def test_a_payload_of_the_limit_is_no_error(steam: Steam, until: Callable[..., None]) -> None:
    """512 KiB exactly is a message; a buffer of wide items counts its bytes."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    assert sockets.send_message(here, array("d", [0.5] * 65536)) == EResult.OK
    got: list[int] = []

    def arrived() -> bool:
        got.extend(message.size for message in sockets.receive_messages(there))
        return got == [LIMIT]

    until(arrived, steam, what="512 KiB")


def test_a_wrong_item_of_a_batch_prevents_the_whole(steam: Steam) -> None:
    """No message of a call that raises was sent."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    with pytest.raises(TypeError):
        sockets.send_messages([(here, b"good", 8), (here, None, 8)])
    with pytest.raises(TypeError):
        sockets.broadcast([here, "bad"], b"good")  # type: ignore[list-item]  # on purpose
    assert sockets.send_message_numbered(here, b"first") == (EResult.OK, 1)
    del there


def test_a_close_that_raises_closes_nothing(steam: Steam) -> None:
    """Neither the connection nor what is remembered of it has changed."""
    sockets = steam.networking_sockets
    here, _ = sockets.create_socket_pair()
    with pytest.raises(ValueError, match="reason"):
        sockets.close_connection(here, 2**31)
    with pytest.raises(TypeError):
        sockets.close_connection(here, 0, 5)  # type: ignore[arg-type]  # on purpose
    info = sockets.get_connection_info(here)
    assert info is not None
    assert info.state is ConnectionState.CONNECTED
    steam._closing.close_all()
    assert sockets.get_connection_info(here) is None


class NoRows:
    """Equals columns of no messages."""

    __hash__ = None  # type: ignore[assignment]  # it is only compared

    def __eq__(self, other: object) -> bool:
        return isinstance(other, steamnet.MessageColumns) and len(other) == 0


DEAD_ANSWERS: dict[str, Any] = {
    "get_listen_socket_address": None,
    "close_listen_socket": False,
    "accept_connection": False,
    "accept_connection_result": EResult.INVALID_PARAM,
    "close_connection": False,
    "send_message": EResult.INVALID_PARAM,
    "send_message_numbered": (EResult.INVALID_PARAM, -1),
    "receive_messages": [],
    "flush_messages_on_connection": EResult.INVALID_PARAM,
    "configure_connection_lanes": EResult.NO_CONNECTION,
    "get_connection_info": None,
    "get_quick_connection_status": None,
    "get_detailed_connection_status": "",
    "get_connection_user_data": -1,
    "set_connection_user_data": False,
    "get_connection_name": None,
    "set_connection_name": None,
    "destroy_poll_group": False,
    "set_connection_poll_group": False,
    "receive_messages_on_poll_group": [],
    "receive_columns_on_connection": NoRows(),
    "receive_columns_on_poll_group": NoRows(),
    "set_connection_config_value": False,
    "get_connection_config_value": None,
}


def test_a_dead_handle_gets_the_answer_of_the_sdk(steam: Steam) -> None:
    """0, a number nobody gave out, and a handle of another kind are all merely dead."""
    sockets = steam.networking_sockets
    group, listener = sockets.create_poll_group(), sockets.create_listen_socket_p2p(1)
    for method, others in ON_HANDLES:
        of_another_kind = listener if "group" in method else group
        for handle in (0, 1, 0xFFFFFFFF, of_another_kind):
            answer = getattr(sockets, method)(handle, *others)
            assert answer == DEAD_ANSWERS[method], (method, handle)
    assert sockets.send_messages([(1, b"", 8), (1, b"", 8, 1)]) == [-EResult.INVALID_PARAM, 0]
    assert sockets.broadcast([0, 5], b"") == [-EResult.INVALID_PARAM, -EResult.INVALID_PARAM]


def test_a_closed_connection_is_dead_at_once(steam: Steam) -> None:
    """After close_connection the handle answers as if it had never been."""
    sockets = steam.networking_sockets
    here, _ = sockets.create_socket_pair()
    assert sockets.close_connection(here)
    # Engines may go on to read a closed connection's configuration for a moment.
    config = {"set_connection_config_value", "get_connection_config_value"}
    for method, others in ON_HANDLES:
        if method not in config:
            assert getattr(sockets, method)(here, *others) == DEAD_ANSWERS[method], method


def test_the_interface_scope_needs_no_pointer(steam: Steam) -> None:
    """The engine would crash on a wrong object at this scope; ours is put there."""
    utils = steam.networking_utils
    scope = ConfigScope.SOCKETS_INTERFACE
    assert utils.set_config_value(TIMEOUT, 12345, scope)
    assert utils.get_config_value(TIMEOUT, scope) == 12345
    assert utils.set_config_value(TIMEOUT, None, scope)


def test_the_table_of_calls_is_whole(steam: Steam) -> None:
    """Each public method of the managers is in CALLS, or has a reason not to be."""
    listed = {(manager, method) for manager, method, _ in CALLS}
    for manager in ("networking_sockets", "networking_utils", "networking_messages", "core"):
        for method in dir(getattr(steam, manager)):
            if not method.startswith(("_", *NOT_CALLS)) and method.islower():
                assert (manager, method) in listed


@pytest.mark.parametrize(("manager", "method", "args"), CALLS)
def test_what_the_engine_lacks_is_named(
    steam: Steam, manager: str, method: str, args: tuple[Any, ...]
) -> None:
    """A call that means something works, or says which function this engine has not."""
    lacking = ""
    try:
        getattr(getattr(steam, manager), method)(*args)
    except UnsupportedError as error:
        lacking = str(error)
    except ValueError:  # nobody can make up a certificate
        lacking = "" if method == "set_certificate" else "not an argument of a call that is right"
    if lacking:
        assert steam.engine.supports(lacking.split(" has no ")[1].split(" ")[0]) is False


def test_after_shutdown_every_call_raises_closed_error(steam: Steam) -> None:
    """It is a SteamnetError and a ValueError, whichever call is made; what asks nothing answers."""
    steam.shutdown()
    for manager, method, args in CALLS:
        with pytest.raises(ClosedError) as caught:
            getattr(getattr(steam, manager), method)(*args)
        assert isinstance(caught.value, SteamnetError)
        assert isinstance(caught.value, ValueError)
    with pytest.raises(ClosedError):
        steam.run_callbacks()
    with pytest.raises(ClosedError):
        steam.__enter__()
    with pytest.raises(ClosedError):
        steam.networking_sockets.remove_connection_status_handler(print)
    with pytest.raises(ClosedError):
        next(steam.networking_utils.iterate_config_values())
    assert steam.core.is_initialized() is False
    steam.shutdown()  # again is nothing
    assert steam.engine.name in repr(steam)


def test_error_classes_are_as_few_as_a_caller_tells_apart() -> None:
    """One base; the standard class that each is a case of; what each carries."""
    assert issubclass(InitError, SteamnetError)
    assert issubclass(UnsupportedError, (SteamnetError, NotImplementedError))
    assert issubclass(ClosedError, (SteamnetError, ValueError))
    error = ResultError("send", EResult.LIMIT_EXCEEDED, "the buffer is full")
    assert (error.operation, error.result) == ("send", EResult.LIMIT_EXCEEDED)
    assert str(error) == "send: LIMIT_EXCEEDED (the buffer is full)"
    assert str(ResultError("send", 12345)) == "send: 12345"
    again = pickle.loads(pickle.dumps(error))  # as from a worker process
    assert (str(again), again.operation, again.result) == (str(error), "send", error.result)
    tried = pickle.loads(pickle.dumps(InitError("no:", ["a: b"])))
    assert (str(tried), tried.tried) == ("no:\n    a: b", ["a: b"])
    assert InitError("no").tried == []
    assert str(InitError("no:", ["a: b", "c: d"])) == "no:\n    a: b\n    c: d"


def test_numbers_that_nobody_knows_stay_numbers() -> None:
    """An engine newer than our lists answers with ints, and reading them raises nothing."""
    native = ffi.new("SteamNetConnectionInfo_t *")
    native.m_eState, native.m_eEndReason, native.m_nFlags = 77, 1234, 1 << 20
    native.m_identityRemote.m_eType, native.m_identityRemote.m_cbSize = 99, 4
    native.m_szEndDebug = b"\xff\xfe not UTF-8"
    info = ConnectionInfo.from_native(native)
    assert (info.state, info.state_name, info.end_reason) == (77, "77", 1234)
    assert not isinstance(info.state, ConnectionState)
    assert not isinstance(info.end_reason, EndReason)
    assert info.flags == 1 << 20
    assert info.end_debug == "\ufffd\ufffd not UTF-8"
    status = QuickConnectionStatus.from_native(ffi.new("SteamNetConnectionRealTimeStatus_t *"))
    assert status.state is ConnectionState.NONE
    unknown = ffi.new("SteamNetConnectionRealTimeStatus_t *", {"m_eState": -99})
    assert QuickConnectionStatus.from_native(unknown).state == -99


def test_all_errors_are_the_packages_own() -> None:
    """They can be caught by the names that the package shows."""
    for error in (InitError, UnsupportedError, ClosedError, ResultError, SteamnetError):
        assert getattr(steamnet, error.__name__) is error


@pytest.mark.parametrize(
    ("reason", "debug", "hint"),
    [
        (EndReason.MISC_P2P_RENDEZVOUS, "Timed out attempting to negotiate rendezvous", True),
        (EndReason.MISC_P2P_RENDEZVOUS, f"Timed out{NO_ICE}", False),
        (EndReason.MISC_TIMEOUT, "Connection dropped", False),
    ],
)
def test_a_route_that_was_not_found_is_told_with_what_to_try(
    reason: EndReason, debug: str, hint: bool
) -> None:
    """STUN or TURN, unless the engine's own words have a better reason."""
    info: Any = SimpleNamespace(state_name="X", end_reason=reason, end_debug=debug)
    assert ending(info).startswith(f"X, reason {int(reason)}: {debug}")
    assert ("STUN" in ending(info)) == hint


@pytest.mark.parametrize("call", ["connect", "connect_ip"])
def test_a_host_that_never_answers_is_named(steam: steamnet.Steam, call: str) -> None:
    """With the question that helps, by identity and by address."""
    if call == "connect" and steam.engine.name == "gns":
        requirements.ice()
    whom = {"connect": "str:nobody", "connect_ip": "127.0.0.1:9"}[call]
    connection = getattr(steam, call)(whom, options={ConfigValue.TIMEOUT_INITIAL: 200})
    with pytest.raises(ResultError, match=f"connect to {whom}: does a host listen there"):
        connection.receive(timeout=30)
