"""The life of an engine: opened, closed, opened again; what outlives it; what it answers dead."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

import steamnet
from steamnet import Availability, ConfigValue, EResult, InitError

UNKNOWN = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF)


def test_open_and_close_many_times(engine: str) -> None:
    """An engine that was shut down can be opened again, as somebody else."""
    for number in range(5):
        with steamnet.init(engine=engine, identity=f"str:no. {number}") as steam:
            one, other = steam.networking_sockets.create_socket_pair()
            steam.networking_sockets.send_message(one, f"{number}")
            assert str(steam.networking_sockets.get_identity()) == f"str:no. {number}"
            assert other
        assert not steam.core.is_initialized()


@pytest.mark.usefixtures("gns")
def test_one_gns_a_process() -> None:
    """A second gns engine is refused while the first is open."""
    with steamnet.init(engine="gns"), pytest.raises(InitError, match="open already"):
        steamnet.init(engine="gns")
    steamnet.init(engine="gns").shutdown()


def test_many_loopbacks_a_process() -> None:
    """Loopback engines are as many users as one likes, each its own."""
    steams = [steamnet.init(engine="loopback", identity=f"str:{n}") for n in range(20)]
    assert len({str(s.networking_sockets.get_identity()) for s in steams}) == 20
    for steam in steams:
        steam.shutdown()


def test_loopback_beside_gns(gns: None, until: Callable[..., None]) -> None:
    """The loopback engine does not mind a library engine in the same process."""
    with steamnet.init(engine="gns") as one, steamnet.init(engine="loopback") as other:
        for steam in (one, other):
            sockets = steam.networking_sockets
            left, right = sockets.create_socket_pair()
            sockets.send_message(left, steam.engine.name)
            messages: list[steamnet.NetworkingMessage] = []
            until(
                lambda r=right, m=messages, s=sockets: m.extend(s.receive_messages(r)) or m, steam
            )
            assert messages[0].decode() == steam.engine.name


def test_messages_outlive_the_engine(engine: str) -> None:
    """A message that was received stays readable after its connection and engine are gone."""
    with steamnet.init(engine=engine) as steam:
        sockets = steam.networking_sockets
        one, other = sockets.create_socket_pair()
        sockets.send_message(one, bytes(range(256)) * 100, 9)
        messages: list[steamnet.NetworkingMessage] = []
        while not messages:
            steam.run_callbacks()
            messages = sockets.receive_messages(other)
    view = messages[0].data
    assert view == bytes(range(256)) * 100
    del messages
    assert view[25599] == 255


def test_open_things_are_closed_by_shutdown(engine: str) -> None:
    """Shutting down with everything open needs no cleaning up before, and frees the ports."""
    for _ in range(2):
        steam = steamnet.init(engine=engine)
        sockets = steam.networking_sockets
        assert sockets.create_listen_socket_p2p(9)
        assert sockets.create_poll_group()
        assert all(sockets.create_socket_pair())
        sockets.connect_p2p("76561198000000777", 1)
        steam.run_callbacks()
        steam.shutdown()
        steam.shutdown()


EXIT = """
import steamnet
steam = steamnet.init(engine={engine!r})
sockets = steam.networking_sockets
one, other = sockets.create_socket_pair(True)
sockets.create_listen_socket_p2p(3)
for n in range(50):
    sockets.send_message(one, b"x" * n)
    steam.run_callbacks()
kept = sockets.receive_messages(other)
{last}
"""


@pytest.mark.parametrize("last", ["", "raise SystemExit(0)", "steam.shutdown()", "del steam"])
def test_exit_is_silent(engine: str, last: str) -> None:
    """A program may end at any moment: no crash, no word on stderr."""
    code = EXIT.format(engine=engine, last=last)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_child_has_a_closed_engine(engine: str) -> None:
    """In a forked child every call raises ClosedError, and the parent goes on."""
    code = f"""
import os, steamnet
steam = steamnet.init(engine={engine!r})
one, other = steam.networking_sockets.create_socket_pair()
child = os.fork()
if child == 0:
    try:
        steam.networking_sockets.send_message(one, b"x")
    except steamnet.ClosedError:
        steam.shutdown()
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert steam.networking_sockets.send_message(one, b"x") == 1
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_authentication_without_steam(steam: steamnet.Steam) -> None:
    """Without Valve's servers there is nothing to prove oneself with; the engine says so."""
    sockets = steam.networking_sockets
    for answer in (
        sockets.init_authentication(),
        sockets.get_authentication_status().availability,
    ):
        assert answer in (Availability.CANNOT_TRY, Availability.CURRENT)
    if steam.engine.name == "gns":
        assert sockets.get_authentication_status().availability == Availability.CANNOT_TRY
        assert len(sockets.get_certificate_request()) > 50
        with pytest.raises(ValueError, match=r"."):
            sockets.set_certificate(b"no certificate")


@pytest.mark.parametrize("handle", UNKNOWN)
def test_unknown_handles(steam: steamnet.Steam, handle: int) -> None:
    """What is no handle, or no longer, gets the SDK's answer from every call."""
    sockets = steam.networking_sockets
    assert sockets.accept_connection_result(handle) == EResult.INVALID_PARAM
    assert sockets.send_message_numbered(handle, b"x") == (EResult.INVALID_PARAM, -1)
    assert sockets.flush_messages_on_connection(handle) == EResult.INVALID_PARAM
    assert sockets.configure_connection_lanes(handle, [0]) == EResult.NO_CONNECTION
    assert sockets.get_quick_connection_status(handle) is None
    assert sockets.get_connection_info(handle) is None
    assert sockets.get_connection_name(handle) is None
    assert sockets.get_connection_user_data(handle) == -1
    assert sockets.get_detailed_connection_status(handle) == ""
    assert sockets.get_listen_socket_address(handle) is None
    assert sockets.receive_messages(handle) == []
    assert sockets.receive_messages_on_poll_group(handle) == []
    assert sockets.get_connection_config_value(handle, ConfigValue.NAGLE_TIME) is None
    for refused in (
        sockets.accept_connection(handle),
        sockets.close_connection(handle),
        sockets.close_listen_socket(handle),
        sockets.set_connection_user_data(handle, 1),
        sockets.set_connection_poll_group(handle, 0),
        sockets.set_connection_poll_group(handle, handle),
        sockets.destroy_poll_group(handle),
        sockets.set_connection_config_value(handle, ConfigValue.NAGLE_TIME, 1),
    ):
        assert refused is False


def test_handles_of_another_kind(steam: steamnet.Steam) -> None:
    """A listen socket is no connection, a connection no poll group, and so on."""
    sockets = steam.networking_sockets
    listen = sockets.create_listen_socket_p2p(1)
    group = sockets.create_poll_group()
    one, _ = sockets.create_socket_pair()
    for wrong in (listen, group):
        assert sockets.send_message(wrong, b"x") == EResult.INVALID_PARAM
        assert sockets.get_connection_info(wrong) is None
        assert not sockets.close_connection(wrong)
    for wrong in (listen, one):
        assert not sockets.destroy_poll_group(wrong)
        assert not sockets.set_connection_poll_group(one, wrong)
    for wrong in (group, one):
        assert not sockets.close_listen_socket(wrong)
    assert sockets.get_connection_info(one)
    assert sockets.close_listen_socket(listen)
    assert sockets.destroy_poll_group(group)
    assert sockets.close_connection(one)
