"""Waiting goes by the engine's clock: tests of games set Python's, with freezegun or by hand."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace

import pytest

import steamnet
from steamnet import Availability, ConfigValue
from steamnet.testing import connected_pair, players, pump

CLOCKS: dict[str, Callable[[], Callable[[], float]]] = {
    "stands still": lambda: lambda: 1000.0,
    "runs backwards": lambda: map(float, count(10**6, -1000)).__next__,
    "leaps": lambda: map(float, count(10**6, 10**6)).__next__,
}


@pytest.fixture(params=CLOCKS)
def _clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set Python's clocks."""
    with monkeypatch.context() as patched:
        for name in ("time", "monotonic", "perf_counter"):
            patched.setattr(time, name, CLOCKS[request.param]())
        yield


def took(work: Callable[[], object]) -> float:
    """Seconds that something takes, by a clock that nothing here sets."""
    begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    work()
    return (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - begun) / 1e9


@pytest.mark.usefixtures("_clock")
def test_players_meet_and_talk() -> None:
    """Nothing takes longer, or is given up earlier, than by the time that passes."""
    with connected_pair(lag=20) as (caller, called):
        caller.send("hello")
        assert pump(caller, called, until=called.receive)[0].decode() == "hello"


@pytest.mark.usefixtures("_clock")
def test_pump_gives_up_in_time() -> None:
    """Its timeout is over when it is over."""

    def wait() -> None:
        with pytest.raises(TimeoutError):
            pump(*steams, until=lambda: None, timeout=0.2)

    with players(2) as steams:
        assert 0.2 <= took(wait) < 10


@pytest.mark.usefixtures("_clock")
def test_waiting_for_the_relay_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is this one."""
    with steamnet.init(engine="loopback") as steam:
        trying = SimpleNamespace(availability=Availability.ATTEMPTING)
        utils = steam.networking_utils
        monkeypatch.setattr(utils, "get_relay_network_status", lambda: trying)
        assert 0.2 <= took(lambda: utils.wait_for_relay(0.2)) < 10


@pytest.mark.usefixtures("_clock")
@pytest.mark.parametrize("closed", [False, True])
def test_a_shutdown_ends(engine: str, closed: bool) -> None:
    """What cannot be delivered holds it up for as long as was said."""
    with steamnet.init(engine=engine, identity=76561198000000001) as steam:
        sockets, utils = steam.networking_sockets, steam.networking_utils
        here, _ = sockets.create_socket_pair(True)
        utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, 100)
        try:
            sockets.send_message(here, "lost")
            if closed:
                sockets.close_connection(here, enable_linger=True)
            assert took(lambda: steam.shutdown(0.1)) < 10
        finally:
            with steamnet.init(engine=engine) as again:
                again.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_SEND, None)
