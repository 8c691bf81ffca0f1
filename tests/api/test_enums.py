"""Numbers of Valve's: how they print, and which flags make sense together."""

import subprocess
import sys

import pytest

import steamnet
from steamnet import ConnectionState, EndReason, EResult, LobbyType, SendFlags


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (ConnectionState.CONNECTED, "CONNECTED"),
        (ConnectionState.FIN_WAIT, "FIN_WAIT"),
        (EResult.LIMIT_EXCEEDED, "LIMIT_EXCEEDED"),
        (EndReason.MISC_TIMEOUT, "MISC_TIMEOUT"),
        (LobbyType.PRIVATE, "PRIVATE"),
        (steamnet.SteamEventKind.SHUTDOWN, "SHUTDOWN"),
        (steamnet.ServerMode.AUTHENTICATION, "AUTHENTICATION"),
        (SendFlags.RELIABLE, "RELIABLE"),
        (SendFlags.UNRELIABLE, "UNRELIABLE"),
        (SendFlags.RELIABLE_NO_NAGLE, "RELIABLE_NO_NAGLE"),
        (SendFlags.RELIABLE | SendFlags.USE_CURRENT_THREAD, "RELIABLE|USE_CURRENT_THREAD"),
    ],
)
def test_a_number_prints_as_its_name(member: int, text: str) -> None:
    """In str, f-strings and %s; the number where a format asks for one, and in comparisons."""
    assert str(member) == f"{member}" == "%s" % member == text  # noqa: UP031  # one of the ways
    assert f"{member:>40}" == text.rjust(40)
    number = int(member)
    assert (f"{member:d}", f"{member:x}", f"{member:,}") == (
        f"{number:d}",
        f"{number:x}",
        f"{number:,}",
    )
    assert member == number
    assert hash(member) == hash(number)


SENDS: dict[str, str] = {
    "send_message": "sockets.send_message(there, b'x', 8 | 4)",
    "send_messages": "sockets.send_messages([(there, b'x', 12), (there, b'y', 12)])",
    "broadcast": "sockets.broadcast([there], b'x', steamnet.SendFlags.RELIABLE | 4)",
    "object": "kept.append(steam.adopt(there) if not kept else kept[0]); kept[0].send(b'x', 12)",
}


@pytest.mark.parametrize("send", SENDS)
def test_reliable_without_delay_warns_once(send: str) -> None:
    """Valve calls it invalid. It is sent all the same; one warning a process."""
    program = f"""
import steamnet, warnings
with steamnet.init(engine="loopback") as steam:
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    kept = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for flags in (0, 1, 4, 5, 8, 9, 16):
            sockets.send_message(there, b"fine", flags)
        assert heard == []
        {SENDS[send]}
        {SENDS[send]}
    print(len(heard), heard[0].category.__name__, heard[0].message)
    got = []
    while b"x" not in got:
        steam.run_callbacks()
        got += map(bytes, sockets.receive_messages(here))
        b"x" in got or steam.wait(1)
    print("received")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("1 RuntimeWarning SendFlags.RELIABLE with NO_DELAY")
    assert "RELIABLE_NO_NAGLE" in done.stdout
    assert done.stdout.endswith("received\n")


def test_warnings_that_are_errors_stop_the_send() -> None:
    """Then nothing is sent, and nothing is lost."""
    program = """
import steamnet, warnings
warnings.simplefilter("error")
with steamnet.init(engine="loopback") as steam:
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    try:
        sockets.send_message(there, b"x", 12)
    except RuntimeWarning:
        print(len(sockets.receive_messages(here)), sockets.send_message(there, b"y", 8))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("0 OK\n", "")


def test_results_in_texts_are_names() -> None:
    """What a game prints of a connection can be read."""
    with steamnet.init(engine="loopback") as steam:
        here, _ = steam.networking_sockets.create_socket_pair()
        info = steam.networking_sockets.get_connection_info(here)
        assert info is not None
        assert f"{info.state}" == "CONNECTED"
        assert f"{steam.networking_sockets.send_message(12345, b'')}" == "INVALID_PARAM"
