"""The list of differences between gns and loopback in docs/engines.md: a test for each row.

The first line of a test's docstring is its row's title; it runs on both engines, and says what is
so on each.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requirements
from conftest import on_clock
from remote_process import RemoteProcess
from topologies import ALICE, BOB, End, Route

import steamnet
from steamnet import ConfigValue, ConnectionState, SendFlags, Steam, UnsupportedError
from steamnet.testing import VirtualClock, connected_pair

C = ConfigValue
CLOSED_BY_PEER = ConnectionState.CLOSED_BY_PEER
CAROL = "76561198000000003"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "engines.md"


@pytest.fixture
def far(engine: str, steam: Steam, remote: RemoteProcess) -> Iterator[Route]:
    """Alice, here, and Bob in another process, who works only while he is asked something."""
    if engine == "gns":
        requirements.ice()
    bob: Any = remote.open(engine=engine, identity=BOB)
    route = Route(f"{engine}-processes", steam, bob)
    yield route
    route.reset()
    bob.shutdown(linger=0)


def pair(steam: Steam) -> tuple[int, int]:
    """A user's two ends of a connection over the network."""
    here, there = steam.networking_sockets.create_socket_pair(True)
    return here, there


def test_rates(engine: str, steam: Steam) -> None:
    """Send rate unless set."""
    here, _ = pair(steam)
    status = steam.networking_sockets.get_quick_connection_status(here)
    assert status is not None
    rate = {"gns": 256 * 1024, "loopback": 32 * 2**20}[engine]
    assert status.send_rate_bytes_per_second == rate


def survivors(send: Callable[[bytes, int], Any], receive: Callable[[], list[Any]]) -> list[int]:
    """Which of many unreliable messages arrive."""
    got: list[int] = []
    for number in range(60):
        send(bytes([number]), SendFlags.UNRELIABLE_NO_NAGLE)
        got += [message.data[0] for message in receive()]
    return got


def test_simulation(engine: str) -> None:
    """Simulated network."""
    runs: list[list[int]] = []
    for _ in range(2):
        if engine == "loopback":
            with connected_pair(loss=0.4, seed=7, clock="virtual") as (alice, bob):
                send, receive = alice.send, partial(bob.receive, timeout=0.05)
                runs.append(survivors(send, receive))
        else:
            with steamnet.init(engine=engine, identity=ALICE) as steam:
                here, there = (steam.adopt(end) for end in pair(steam))
                steam.networking_utils.set_config_value(C.FAKE_PACKET_LOSS_SEND, 40.0)
                runs.append(survivors(here.send, partial(there.receive, timeout=0.01)))
                steam.networking_utils.set_config_value(C.FAKE_PACKET_LOSS_SEND, None)
    assert (runs[0] == runs[1]) == (engine == "loopback")
    assert all(20 < len(run) < 55 for run in runs)
    if engine == "loopback":  # gns has one user in a process
        with steamnet.init(engine=engine) as alice, steamnet.init(engine=engine) as bob:
            alice.networking_utils.set_config_value(C.FAKE_PACKET_LOSS_SEND, 40.0)
            assert bob.networking_utils.get_config_value(C.FAKE_PACKET_LOSS_SEND) == 0


def test_global_values(engine: str) -> None:
    """Global configuration."""
    with steamnet.init(engine=engine) as steam:
        before = steam.networking_utils.get_config_value(C.NAGLE_TIME)
        assert steam.networking_utils.set_config_value(C.NAGLE_TIME, 1234)
    with steamnet.init(engine=engine) as steam:
        after = steam.networking_utils.get_config_value(C.NAGLE_TIME)
        assert after == (1234 if engine == "gns" else before)
        steam.networking_utils.set_config_value(C.NAGLE_TIME, None)


def test_a_death(engine: str, steam: Steam) -> None:
    """A process that dies."""
    if engine == "gns":
        requirements.ice()
    doomed = RemoteProcess()
    route = Route(f"{engine}-processes", steam, doomed.open(engine=engine, identity=BOB))
    patience = 1.5 if engine == "gns" else 60
    route.steams = [steam]
    route.set(C.TIMEOUT_CONNECTED, round(patience * 1000))
    route.steams = [steam, route.host]
    here, _ = route.join()
    route.steams = [steam]
    died = route.clock.now()
    doomed.kill()
    doomed.close()
    route.until(lambda: here.last not in (None, ConnectionState.CONNECTED), what="the loss")
    assert (route.clock.now() - died > patience) == (engine == "gns")
    route.reset()


def test_the_handle_of_a_session(engine: str, steam: Steam, until: Callable[..., Any]) -> None:
    """The connection of a session, named in the initiator's one event."""
    if engine == "gns":
        requirements.ice()
    sockets = steam.networking_sockets
    steam.networking_messages.send_message_to_user(CAROL, b"hello?")
    (event,) = until(sockets.connection_events, steam, what="the event")
    assert (sockets.get_connection_info(event.connection) is not None) == (engine == "gns")


def test_a_rejection(far: Route, engine: str) -> None:
    """A request, or a session, that is rejected."""
    far.listen()
    here, there = far.connect(), far.requested()
    there.close(1004, "full")
    began = far.clock.now()
    far.until(lambda: here.last == CLOSED_BY_PEER, timeout=9, what="the rejection")
    if engine == "gns":
        assert far.clock.now() - began < 2
    else:
        assert_at_once(engine, lambda here, there: (there.close(1004, "full"), here)[1])


def test_a_change_of_mind(far: Route, engine: str) -> None:
    """Caller closes before it is accepted."""
    far.listen()
    here, there = far.connect(), far.requested()
    here.close(1003, "changed my mind")
    if engine == "gns":
        far.pump_for(0.7)
        assert there.last == ConnectionState.CONNECTING
        assert there.sockets.accept_connection(there.connection)
    far.until(lambda: there.last == CLOSED_BY_PEER, what="the close")
    if engine == "loopback":
        assert_at_once(engine, lambda here, there: (here.close(1003), there)[1])


def assert_at_once(engine: str, close: Callable[[End, End], End]) -> None:
    """By a virtual clock no time passes until an end knows of a close."""
    clock = VirtualClock()
    with (
        on_clock(clock),
        steamnet.init(engine=engine, identity=ALICE) as alice,
        steamnet.init(engine=engine, identity=BOB) as bob,
    ):
        route = Route(f"{engine}-users", alice, bob)
        route.listen()
        here, there = route.connect(), route.requested()
        began = clock.now()
        told = close(here, there)
        route.until(lambda: told.last == CLOSED_BY_PEER, what="the close")
        assert clock.now() - began < 0.001


def test_quality(engine: str, steam: Steam) -> None:
    """Connection quality."""
    here, _ = pair(steam)
    status = steam.networking_sockets.get_quick_connection_status(here)
    assert status is not None
    assert status.connection_quality_local == (-1 if engine == "gns" else 1)


def test_time(far: Route, engine: str) -> None:
    """Time."""
    here, there = far.join()
    far.steams = [far.caller]  # Bob's engine gets no call
    there.set(C.NAGLE_TIME, 50_000)
    there.send(b"held by Nagle's delay")
    if engine == "loopback":
        far.pump_for(0.2)
        assert here.receive() == []
        there.steam.run_callbacks()
    far.until(here.receive, what="the message")


def test_what_lingers(far: Route, engine: str) -> None:
    """What is left after a close with linger."""
    here, there = far.join()
    there.set_rate(500_000)
    for _ in range(100):
        there.send(bytes(1000))
    there.close(1005, "that is all", enable_linger=True)
    far.steams = [far.caller]  # Bob's engine gets no call
    got: list[Any] = []

    def all_here() -> bool:
        got.extend(here.receive())
        return len(got) == 100

    if engine == "loopback":
        far.pump_for(0.4)
        assert not all_here()
        far.steams = [far.caller, far.host]
    far.until(all_here, what="all of it")


def test_names(engine: str, steam: Steam, far: Route) -> None:
    """Names of connections."""
    here, _ = far.join()
    ends = [here.connection, pair(steam)[0], steam.networking_sockets.create_socket_pair(False)[0]]
    infos = [steam.networking_sockets.get_connection_info(end) for end in ends]
    names = [info.connection_description for info in infos if info is not None]
    if engine == "gns":
        assert all(word in name for name, word in zip(names, ("P2P", "", "pipe"), strict=True))
        assert not any("loopback" in name for name in names)
    else:
        assert all("loopback" in name for name in names)


def test_another_identity(engine: str, steam: Steam) -> None:
    """`reset_identity`."""
    if engine == "gns":
        with pytest.raises(UnsupportedError):
            steam.networking_sockets.reset_identity(BOB)
    else:
        steam.networking_sockets.reset_identity(BOB)
        assert steam.core.get_steam_id() == BOB


def test_certificates(engine: str, steam: Steam) -> None:
    """Certificates, custom signaling."""
    if engine == "gns":
        assert steam.networking_sockets.get_certificate_request()
    else:
        with pytest.raises(UnsupportedError):
            steam.networking_sockets.get_certificate_request()
        with pytest.raises(UnsupportedError):
            steam.networking_sockets.received_p2p_custom_signal(b"signal")


def test_every_row_has_its_test() -> None:
    """Rows and tests are the same, in the same order."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## loopback\n")[2]
    table = section[section.index("|---") :].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+?) \|", table, re.M)
    tests = [
        (value.__doc__ or "").partition("\n")[0].rstrip(".").lower()
        for name, value in vars(sys.modules[__name__]).items()
        if name.startswith("test_") and value is not test_every_row_has_its_test
    ]
    assert tests == [row.lower() for row in rows]
