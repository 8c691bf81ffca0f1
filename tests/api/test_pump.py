"""The pump of `steamnet.aio`: when it ticks, and when it rests."""

import asyncio
import select
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from on_asyncio import with_asyncio

import steamnet
from steamnet import ConfigValue, SendFlags
from steamnet import pump as pumps
from steamnet._native import lib
from steamnet.errors import ClosedError

pytestmark = pytest.mark.python_behaviour


class Engine:
    """What a pump asks of an engine that always has something new, until it may rest."""

    def __init__(self) -> None:
        """Be ready at once."""
        self.calls: list[str] = []
        self.rested = asyncio.Event()
        self._mine, self._others = socket.socketpair()
        self._mine.setblocking(False)
        self._others.send(b"x")

    def tick(self) -> bool:
        """Count it."""
        self.calls.append("tick")
        return False

    def due(self) -> int:
        """Be armed, and new again."""
        self.calls.append("due")
        return 2**40

    def rest(self) -> None:
        """Be silent from now on."""
        self.calls.append("rest")
        with suppress(BlockingIOError):
            self._mine.recv(1)
        self.rested.set()

    @asynccontextmanager
    async def pumped(self) -> AsyncIterator[pumps.Pump]:
        """Have a pump on this event loop."""
        pump = pumps.Pump(
            self.tick, lambda _: None, lambda: False, self.due, self.rest, self._mine.fileno()
        )
        try:
            yield pump
        finally:
            pump.end(ClosedError("the end of the test"))
            await pump.ended()
            self._mine.close()
            self._others.close()


async def rounds(count: int = 20) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def close_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """All ticks are close to each other, and a rest has no end."""
    monkeypatch.setattr(pumps, "monotonic", lambda: 1.0)
    monkeypatch.setattr(pumps, "REST", 60.0)


@pytest.mark.usefixtures("close_ticks")
@with_asyncio
async def test_it_rests_after_ticks_in_a_row() -> None:
    """Then what is new does not wake it."""
    engine = Engine()
    async with engine.pumped():
        await engine.rested.wait()
        assert engine.calls == ["tick", "due"] * pumps.ROW + ["tick", "rest"]
        await rounds()
        assert engine.calls[-1] == "rest"


@pytest.mark.usefixtures("close_ticks")
@with_asyncio
async def test_what_is_sent_ends_a_rest() -> None:
    """The peer may wait for it, and its answer must not wait here."""
    engine = Engine()
    async with engine.pumped() as pump:
        await engine.rested.wait()
        pump.sent()
        await rounds()
        assert engine.calls[-3:] == ["rest", "tick", "due"]


@pytest.mark.usefixtures("close_ticks")
@with_asyncio
async def test_who_answers_each_time_sees_no_rest() -> None:
    """However close the messages are to each other."""
    engine = Engine()
    async with engine.pumped() as pump:
        for _ in range(50):
            await rounds(1)
            pump.sent()
        assert engine.calls.count("tick") > 10
        assert "rest" not in engine.calls


@with_asyncio
async def test_ticks_that_are_not_close_need_no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message now and then is taken at once."""
    now = [1.0]

    def later() -> float:
        now[0] += 2 * pumps.CLOSE
        return now[0]

    monkeypatch.setattr(pumps, "monotonic", later)
    engine = Engine()
    async with engine.pumped():
        while engine.calls.count("tick") < 20:
            await rounds(1)
        assert "rest" not in engine.calls


@pytest.mark.usefixtures("close_ticks")
@with_asyncio
async def test_a_rest_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come meanwhile is taken then, and armed again."""
    monkeypatch.setattr(pumps, "REST", 0.001)
    monkeypatch.setattr(pumps, "ROW", 0)
    engine = Engine()
    async with engine.pumped():
        await engine.rested.wait()
        monkeypatch.setattr(pumps, "ROW", 10)
        while engine.calls[-1] != "due":
            await asyncio.sleep(0.001)
        assert engine.calls[-3:] == ["rest", "tick", "due"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such alarm")
@pytest.mark.parametrize("lag", [1.0, 5.0, 30.0])
def test_an_alarm_that_is_over_does_not_end_a_rest(lag: float) -> None:
    """The pump would tick again and again, each time with a rest that ends at once."""
    with steamnet.init(engine="loopback") as steam:
        pointer = steam.engine.pointer
        handle = lib.sn_wait_handle(pointer)
        one, _ = steam.networking_sockets.create_socket_pair(True)
        steam.run_callbacks()
        steam.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LAG_SEND, lag)
        for _ in range(3):
            while not 0 < lib.sn_wait_due(pointer) < 50_000:
                steam.networking_sockets.send_message(one, b"x", SendFlags.RELIABLE_NO_NAGLE)
                steam.run_callbacks()
            assert select.select([handle], [], [], 60)[0]
            lib.sn_wait_rest(pointer)
            assert not select.select([handle], [], [], 0)[0]
            steam.run_callbacks()
