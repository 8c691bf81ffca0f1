"""Methods that C does the usual calls of: nobody sees a difference but in time."""

import inspect
import pickle
import pydoc
import typing
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any
from unittest import mock

import pytest

import steamnet
from steamnet import EResult, NetworkingMessage, SendFlags, Steam, SteamNetworkingSocketsManager
from steamnet._native import EngineHolder, method_in_c

pytestmark = pytest.mark.python_behaviour

Until = Callable[..., None]
SIGNATURES = {
    "receive_messages": "(self, connection: int, max_messages: int = 100) -> "
    "list[steamnet.NetworkingMessage]",
    "receive_messages_on_poll_group": "(self, poll_group: int, max_messages: int = 100) -> "
    "list[steamnet.NetworkingMessage]",
}
NAMES = [*SIGNATURES, "send_message"]


def method(name: str) -> Any:
    """A method, as its class has it."""
    return inspect.getattr_static(SteamNetworkingSocketsManager, name)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_function_to_who_looks(steam: Steam, name: str) -> None:
    """Signature, annotations, docstring, name and module are those of the Python function."""
    bound, of_class = getattr(steam.networking_sockets, name), method(name)
    assert type(of_class).__name__ == "MethodInC"
    assert isinstance(of_class, FunctionType)
    assert inspect.isfunction(getattr(SteamNetworkingSocketsManager, name))
    assert type(bound) is MethodType
    assert bound.__self__ is steam.networking_sockets
    for one in (bound, of_class):
        assert one.__name__ == name
        assert one.__qualname__ == f"SteamNetworkingSocketsManager.{name}"
        assert one.__module__ == "steamnet.networking_sockets"
        assert "ISteamNetworkingSockets::" in inspect.getdoc(one)  # type: ignore[operator]
    full, short = inspect.signature(of_class), inspect.signature(bound)
    assert list(full.parameters) == ["self", *short.parameters]
    assert str(full) == SIGNATURES.get(name, str(full))
    assert {"connection", "poll_group"} & full.parameters.keys()
    assert typing.get_type_hints(of_class)["return"] in (list[NetworkingMessage], EResult)
    assert name in pydoc.render_doc(of_class)
    assert name in pydoc.render_doc(bound)


def test_the_defaults_are_those_of_the_signature(steam: Steam, until: Until) -> None:
    """Reliable on lane 0, and a hundred messages."""
    sockets = steam.networking_sockets
    parameters = inspect.signature(sockets.send_message).parameters
    assert parameters["flags"].default is SendFlags.RELIABLE
    assert parameters["lane"].default == 0
    here, there = sockets.create_socket_pair()
    group = sockets.create_poll_group()
    assert sockets.set_connection_poll_group(there, group)
    for _ in range(250):
        assert sockets.send_message(here, b"x") is EResult.OK
    sockets.flush_messages_on_connection(here)
    counts: list[int] = []

    def all_came() -> bool:
        receive = (sockets.receive_messages_on_poll_group, sockets.receive_messages)
        messages = receive[len(counts) % 2]((group, there)[len(counts) % 2])
        assert all(m.flags & SendFlags.RELIABLE and m.channel == 0 for m in messages)
        counts.append(len(messages))
        return sum(counts) == 250

    until(all_came, steam, what="250 messages")
    assert max(counts) == 100


def test_every_way_to_call(steam: Steam, until: Until) -> None:
    """By position, by keyword, mixed, through the class, and in a subclass that adds to it."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    sockets.configure_connection_lanes(here, [0, 1])
    now = SendFlags.RELIABLE_NO_NAGLE
    of_class = SteamNetworkingSocketsManager.send_message
    results = [
        sockets.send_message(here, b"0", now, 1),
        sockets.send_message(here, b"1", now, lane=1),
        sockets.send_message(connection=here, data=b"2", flags=now, lane=1),
        sockets.send_message(here, lane=1, flags=now, data=b"3"),
        of_class(sockets, here, b"4", now, 1),
        of_class(self=sockets, connection=here, data=b"5", flags=now, lane=1),
        sockets.send_message(*(here, b"6", now, 1)),
        MethodType(of_class, sockets)(here, b"7", now, 1),
    ]
    assert all(result is EResult.OK for result in results)
    got: list[bytes] = []

    def all_came() -> bool:
        for messages in (
            sockets.receive_messages(there, 1),
            sockets.receive_messages(there, max_messages=1),
            sockets.receive_messages(max_messages=1, connection=there),
            SteamNetworkingSocketsManager.receive_messages(sockets, there, 1),
        ):
            assert len(messages) < 2
            got.extend(message.payload for message in messages)
        return len(got) == 8

    until(all_came, steam, what="8 messages")
    assert got == [b"%d" % number for number in range(8)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "arguments", [(), (1, 2, 3, 4, 5, 6), (1, {"lane_": 1}), ({"connection": 1, "data": 2},)]
)
def test_wrong_calls_have_pythons_own_words(steam: Steam, name: str, arguments: Any) -> None:
    """The TypeError is the one that the Python function raises."""
    call = getattr(steam.networking_sockets, name)
    named = next((a for a in arguments if isinstance(a, dict)), {})
    plain = [a for a in arguments if not isinstance(a, dict)]
    with pytest.raises(TypeError, match=rf"SteamNetworkingSocketsManager.{name}\(\) |data must"):
        call(*plain, **named)


def test_it_needs_a_manager() -> None:
    """What is none, or one without an engine, gets what the function would answer it."""
    call = SteamNetworkingSocketsManager.receive_messages
    empty = SteamNetworkingSocketsManager.__new__(SteamNetworkingSocketsManager)
    for wrong in (object(), 5, "manager", empty, EngineHolder()):
        with pytest.raises(AttributeError, match="_address"):
            call(wrong, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no engine"):
        empty._hold(0)
    with pytest.raises(TypeError):
        empty._hold("engine")  # type: ignore[arg-type]


def test_what_c_does_not_know_is_refused() -> None:
    """A function of another name cannot be handed to C."""

    def receive_nothing() -> None:
        """Nothing."""

    with pytest.raises(ValueError, match="C has no such method"):
        method_in_c(receive_nothing, EResult._value2member_map_)
    with pytest.raises(ValueError, match="C has no such method"):
        method_in_c(SteamNetworkingSocketsManager.send_message, {})
    with pytest.raises(TypeError):
        type(method("send_message"))()


def test_programs_may_put_their_own_in_its_place(steam: Steam) -> None:
    """On one manager, on the class, and in a class of their own."""
    sockets = steam.networking_sockets

    class Mine(SteamNetworkingSocketsManager):
        def receive_messages(
            self, connection: int, max_messages: int = 7
        ) -> list[NetworkingMessage]:
            return [*super().receive_messages(connection, max_messages), None]  # type: ignore[list-item]

    mine = Mine(steam.engine, steam._closing)
    assert mine.receive_messages(1) == [None]
    with mock.patch.object(SteamNetworkingSocketsManager, "receive_messages", return_value="fake"):
        assert sockets.receive_messages(1) == "fake"  # type: ignore[comparison-overlap]
    with mock.patch.object(sockets, "send_message", return_value="fake"):
        assert sockets.send_message(1, b"") == "fake"  # type: ignore[comparison-overlap]
    assert sockets.receive_messages(1) == []
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        pickle.dumps(sockets.receive_messages)


def test_results_of_any_kind(steam: Steam) -> None:
    """The EResult of a failure, and ClosedError once the engine is shut down."""
    sockets = steam.networking_sockets
    receive, send = sockets.receive_messages, sockets.send_message
    assert send(0, b"x") is EResult.INVALID_PARAM
    here, _there = sockets.create_socket_pair()
    assert send(here, b"x", SendFlags.RELIABLE, 5) is EResult.INVALID_PARAM
    assert receive(0) == []
    steam.shutdown()
    for call in (lambda: receive(here), lambda: send(here, b"x")):
        with pytest.raises(steamnet.ClosedError, match="has been shut down"):
            call()
