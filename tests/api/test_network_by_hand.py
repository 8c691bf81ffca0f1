"""The network between players, by hand: ways, partitions, frozen and dead players, the record."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from steamnet import ClosedError, ConfigValue, Connection, ConnectionState, SendFlags, Steam, aio
from steamnet.testing import Network, Record, VirtualClock, network, players, pump

Star = tuple[list[Steam], Network, list[tuple[Connection, Connection]]]


@pytest.fixture
def star() -> Iterator[Star]:
    """A host and two guests on a virtual clock, each with both ends of its connection."""
    with players(3, seed=1, clock="virtual") as steams, steams[0].listen() as listener:
        host, *guests = steams
        ends = []
        for guest in guests:
            connection = guest.connect(host.core.get_steam_id())
            accepted = pump(*steams, until=listener.accept)
            both = (connection, accepted)
            pump(*steams, until=lambda b=both: all(c.state == ConnectionState.CONNECTED for c in b))
            ends.append(both)
        yield steams, network(*steams), ends


def virtual(steam: Steam) -> VirtualClock:
    """Its clock."""
    assert isinstance(steam.clock, VirtualClock)
    return steam.clock


def delay(star: Star, sender: Connection, receiver: Connection) -> float:
    """How many seconds a message takes."""
    steams, _, _ = star
    before = steams[0].clock.now()
    sender.send("x", SendFlags.RELIABLE_NO_NAGLE)
    (message,) = pump(*steams, until=receiver.receive, timeout=60)
    return message.time_received / 1e6 - before


def test_each_way_has_its_own_lag(star: Star) -> None:
    """In one direction, in both, and between one pair only."""
    (host, one, two), net, ((a, a_host), (b, b_host)) = star
    net.between(one, host, lag=120, both=False)
    assert delay(star, a, a_host) == pytest.approx(0.12, abs=0.002)
    assert delay(star, a_host, a) < 0.002
    assert delay(star, b, b_host) < 0.002
    net.between(one, host, lag=30)
    assert delay(star, a_host, a) == pytest.approx(0.03, abs=0.002)
    net.between(two, host, lag=5, jitter=40)
    delays = [delay(star, b, b_host) for _ in range(30)]
    assert 0.005 <= min(delays) < 0.03 < max(delays) < 0.09


def test_loss_of_one_way(star: Star) -> None:
    """A share of what goes one way is lost, and the record says which."""
    (host, one, _), net, ((a, a_host), _) = star
    net.between(one, host, loss=0.5, both=False)
    for number in range(200):
        a.send(bytes([number]), SendFlags.UNRELIABLE_NO_NAGLE)
        a_host.send(bytes([number]), SendFlags.UNRELIABLE_NO_NAGLE)
    virtual(host).advance(1)
    there, back = a_host.receive(300), a.receive(300)
    assert len(back) == 200
    assert 60 < len(there) < 140
    sent = [r for r in net.record() if r.data and r.sender == one.core.get_steam_id()]
    assert [r.number for r in sent if r.what == "delivered"] == [m.message_number for m in there]
    assert sum(r.what == "lost" for r in sent) == 200 - len(there)
    assert sum(r.what == "sent" for r in sent) == 200
    assert all(isinstance(r, Record) and 1000 < r.time < host.clock.now() for r in sent)


@pytest.mark.parametrize("seconds", [0.5, 8.0])
def test_a_partition_and_its_repair(star: Star, seconds: float) -> None:
    """What is reliable waits for the repair; others are not concerned; what was set comes back."""
    (host, one, _), net, ((a, a_host), (b, b_host)) = star
    net.between(one, host, lag=20)
    net.partition(one, host)
    a.send("after the partition")
    a.send("never", SendFlags.UNRELIABLE_NO_NAGLE)
    assert delay(star, b, b_host) < 0.01
    virtual(host).advance(seconds)
    assert a_host.receive() == []
    net.repair(one, host)
    (message,) = pump(host, one, until=a_host.receive)
    assert message.decode() == "after the partition"
    assert delay(star, a, a_host) == pytest.approx(0.02, abs=0.002)


def test_a_long_partition_ends_both_sides(star: Star) -> None:
    """After the time-out of connected connections, and not before."""
    steams, net, ((a, a_host), (b, _)) = star
    for steam in steams:
        steam.networking_utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, 4000)
    net.partition(steams[0], steams[1])
    before = steams[0].clock.now()
    gone = ConnectionState.PROBLEM_DETECTED_LOCALLY
    pump(*steams, until=lambda: a.state == a_host.state == gone, timeout=60)
    assert 3.9 < steams[0].clock.now() - before < 20
    assert b.state == ConnectionState.CONNECTED


def test_a_frozen_player(star: Star) -> None:
    """Nothing leaves or reaches it until it thaws."""
    (host, one, _), net, ((a, a_host), (b, b_host)) = star
    net.freeze(one)
    a.send("from the ice")
    a_host.send("to the ice")
    virtual(host).advance(2)
    assert a.receive() == a_host.receive() == []
    assert delay(star, b, b_host) < 0.01
    net.thaw(one)
    (there,) = pump(host, one, until=a_host.receive)
    (back,) = pump(host, one, until=a.receive)
    assert (there.decode(), back.decode()) == ("from the ice", "to the ice")


def test_a_killed_player(star: Star) -> None:
    """No close comes: its peer finds out by the time-out."""
    (host, one, two), net, ((a, a_host), (b, _)) = star
    host.networking_utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, 5000)
    assert delay(star, a, a_host) < 0.01
    net.kill(one)
    with pytest.raises(ClosedError):
        a.send("x")
    virtual(host).advance(3)
    host.run_callbacks()
    assert a_host.state == ConnectionState.CONNECTED
    gone = ConnectionState.PROBLEM_DETECTED_LOCALLY
    pump(host, two, until=lambda: a_host.state == gone, timeout=60)
    assert b.state == ConnectionState.CONNECTED
    with pytest.raises(ClosedError):
        net.freeze(one)
    assert net.record()


def test_a_timeout_shows_the_latest_packets(star: Star) -> None:
    """The error of pump tells what became of them."""
    (host, one, _), net, ((a, a_host), _) = star
    net.between(one, host, loss=0.999, both=False)
    a.send("lost", SendFlags.UNRELIABLE_NO_NAGLE)
    with pytest.raises(TimeoutError, match=r"unreliable #1, 4 bytes, lost"):
        pump(host, one, until=a_host.receive)


def test_on_the_real_clock() -> None:
    """Everything works there too."""
    with players(2) as (host, guest), host.listen() as listener:
        net = network(host, guest)
        net.between(host, guest, lag=10)
        a = guest.connect(host.core.get_steam_id())
        b = pump(host, guest, until=listener.accept)
        net.partition(host, guest)
        a.send("late")
        with pytest.raises(TimeoutError):
            pump(host, guest, until=b.receive, timeout=0.3)
        net.repair(host, guest)
        assert pump(host, guest, until=b.receive)[0].decode() == "late"
        assert {"sent", "delayed", "delivered"} <= {record.what for record in net.record()}


def test_wrong_values(star: Star) -> None:
    """They raise, and change nothing."""
    (host, one, _), net, ((a, a_host), _) = star
    for values in (
        {"loss": 1.5},
        {"lag": -1},
        {"jitter": -1},
        {"rate": -5},
        {"loss": float("nan")},
    ):
        with pytest.raises(ValueError, match="number"):
            net.between(host, one, **values)
    wrong: Any
    for wrong in ("bob", None, [one]):
        with pytest.raises(TypeError, match="each player is a Steam or a Connection"):
            net.between(host, wrong, lag=1)
    for wrong in ("1", [1]):
        with pytest.raises(TypeError, match="lag must be a number"):
            net.between(host, one, lag=wrong)
    with (
        players(1, clock="virtual") as (other,),
        pytest.raises(ValueError, match="different clocks"),
    ):
        net.between(host, other, lag=1)
    assert delay(star, a, a_host) < 0.002


def test_players_on_asyncio() -> None:
    """The players of aio are players too."""

    async def main() -> None:
        me = 76561198000000950
        async with (
            aio.init(engine="loopback", identity=me) as host,
            aio.init(engine="loopback", identity=me + 1) as guest,
        ):
            net = network(host, guest)
            net.between(host, guest, lag=100)
            listener = host.listen()
            connecting = asyncio.create_task(guest.connect(me))
            accepted = await listener.accept()
            await (await connecting).send("hello")
            assert (await accepted.receive()).decode() == "hello"
            assert host.sync.clock.now() > 1000.3

    VirtualClock().run(main)
