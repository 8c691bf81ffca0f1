"""The simulated network of loopback: what closes, acknowledgements and dead peers meet on it."""

import time

import pytest

from steamnet import ConfigValue, ConnectionState, SendFlags, Steam
from steamnet.testing import VirtualClock, connected_pair, network, players, pump

C = ConfigValue
PROBLEM = ConnectionState.PROBLEM_DETECTED_LOCALLY


def advance(clock: object, seconds: float, *steams: Steam) -> None:
    """Let virtual time pass."""
    assert isinstance(clock, VirtualClock)
    clock.advance(seconds)
    for steam in steams:
        steam.run_callbacks()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("talk", [False, True], ids=["idle", "sending"])
def test_a_close_by_address_can_be_lost(seed: int, talk: bool) -> None:
    """As on GNS: an idle peer is not told, one that sends is, by another close."""
    with players(1, seed=seed, clock="virtual") as (steam,), steam.listen_ip("127.0.0.1:0") as host:
        calls = [steam.connect_ip(host.address) for _ in range(30)]
        accepted = [pump(steam, until=host.accept) for _ in calls]
        pump(steam, until=lambda: {c.state for c in calls} == {ConnectionState.CONNECTED})
        steam.networking_utils.set_config_value(C.FAKE_PACKET_LOSS_SEND, 30.0)
        for connection in accepted:
            connection.close(1001, linger=False)
        advance(steam.clock, 0.1, steam)
        told = [c.state == ConnectionState.CLOSED_BY_PEER for c in calls]
        assert 15 <= sum(told) < 30
        for _ in range(20 if talk else 0):
            for connection, known in zip(calls, told, strict=True):
                if not known and connection.state == ConnectionState.CONNECTED:
                    connection.send("still there?", SendFlags.UNRELIABLE_NO_NAGLE)
            advance(steam.clock, 0.1, steam)
        known = [c.state == ConnectionState.CLOSED_BY_PEER for c in calls]
        assert all(known) if talk else known == told
        advance(steam.clock, 30, steam)
        assert {c.state for c in calls} <= {ConnectionState.CLOSED_BY_PEER, PROBLEM}


def test_a_close_by_identity_gets_through() -> None:
    """GNS repeats it by signals."""
    for seed in range(8):
        with connected_pair(loss=0.5, seed=seed, clock="virtual") as (one, other):
            one.close(1001, linger=False)
            pump(other, until=lambda c=other: c.state == ConnectionState.CLOSED_BY_PEER)


@pytest.mark.parametrize("linger", [True, False])
@pytest.mark.parametrize("by_address", [True, False])
@pytest.mark.parametrize("lag", [1, 20, 200])
@pytest.mark.parametrize("first", [0, 1])
def test_what_has_come_is_not_abandoned(
    lag: int, first: int, by_address: bool, linger: bool
) -> None:
    """Two who have read what the other said, and close, tell each other that they have it."""
    with players(2, lag=lag, clock="virtual") as (host, guest):
        listener = host.listen_ip("127.0.0.1:0") if by_address else host.listen()
        here = (
            guest.connect_ip(listener.address)
            if by_address
            else guest.connect(host.core.get_steam_id())
        )
        there = pump(host, guest, until=listener.accept, timeout=60)
        both = (here, there)
        pump(host, guest, until=lambda: here.state == there.state == ConnectionState.CONNECTED)
        here.send("bye")
        assert pump(host, guest, until=there.receive)[0].decode() == "bye"
        there.send("bye")
        assert pump(host, guest, until=here.receive)[0].decode() == "bye"
        both[first].close(linger=linger)
        both[1 - first].close()
        assert [steam.shutdown(linger=60) for steam in (host, guest)] == [[], []]


@pytest.mark.parametrize("lag", [20, 200])
def test_an_acknowledgement_takes_its_way_back(lag: int) -> None:
    """A round trip and the 50 ms that it may wait; a partition stops it."""
    clock = VirtualClock()
    with connected_pair(lag=lag, clock=clock) as (one, other):

        def unacked() -> int:
            return one.status.sent_unacked_reliable

        start = clock.now()
        one.send(bytes(100), SendFlags.RELIABLE_NO_NAGLE)
        pump(one, other, until=other.receive)
        assert unacked() == 100
        pump(one, other, until=lambda: unacked() == 0)
        assert 2 * lag / 1000 <= clock.now() - start < 2 * lag / 1000 + 0.06
        net = network(one, other)
        one.send(bytes(200), SendFlags.RELIABLE_NO_NAGLE)
        net.partition(other, one, both=False)
        pump(one, other, until=other.receive)
        advance(clock, 2)
        assert unacked() == 200
        net.repair(other, one, both=False)
        pump(one, other, until=lambda: unacked() == 0)
        assert other.receive() == []


@pytest.mark.parametrize(
    ("doing", "timeout", "least", "most"),
    [
        ("nothing", 10, 19, 20.2),
        ("nothing", 2, 11, 12.2),
        ("unreliable", 10, 16, 17.3),
        ("reliable", 10, 9.9, 10.7),
        ("reliable", 0.5, 1.1, 1.8),
    ],
)
@pytest.mark.parametrize("how", ["freeze", "kill", "partition"])
def test_a_silent_peer_is_noticed_as_late_as_on_gns(
    how: str, doing: str, timeout: float, least: float, most: float
) -> None:
    """Measured there: 20, 12, 17, 10.5 and 1.7 seconds after the last packet."""
    with players(2, clock="virtual") as (host, guest), host.listen() as listener:
        a = guest.connect(host.core.get_steam_id())
        b = pump(host, guest, until=listener.accept)
        pump(host, guest, until=lambda: a.state == b.state == ConnectionState.CONNECTED)
        host.networking_utils.set_config_value(C.TIMEOUT_CONNECTED, round(timeout * 1000))
        net = network(host, guest)
        a.send("the last")
        pump(host, guest, until=b.receive)
        net.partition(host, guest) if how == "partition" else getattr(net, how)(guest)
        start = host.clock.now()
        if doing == "reliable":
            b.send("x")
        while b.state == ConnectionState.CONNECTED:
            if doing == "unreliable":
                b.send("x", SendFlags.UNRELIABLE)
            advance(host.clock, 0.1, host)
            assert host.clock.now() - start < 30
        assert b.state == PROBLEM
        assert least <= host.clock.now() - start <= most


@pytest.mark.parametrize("third", [0.1, 0.19, 0.2, 0.3])
def test_what_is_reported_missing_leaves_with_the_next_packet(third: float) -> None:
    """As on GNS: a report alone does not send it again, a time-out of 3 trips and 60 ms does."""
    clock = VirtualClock()
    with connected_pair(lag=25, clock=clock) as (one, other):
        net = network(one, other)
        net.partition(one, other, both=False)
        one.send("first", SendFlags.RELIABLE_NO_NAGLE)
        advance(clock, 0.001)
        net.repair(one, other, both=False)
        advance(clock, 0.084)
        one.send("second", SendFlags.RELIABLE_NO_NAGLE)  # it is reported 100 ms later
        advance(clock, third - 0.085)
        one.send("third", SendFlags.RELIABLE_NO_NAGLE)
        advance(clock, 0.3)
        records = [r for r in net.record() if r.data and r.what == "sent"]
        first, again = (r.time for r in records if r.number == records[0].number)
        assert [message.data for message in other.receive(3)] == [b"first", b"second", b"third"]
        leaves = third if 0.185 < third < 0.21 else 0.21
        assert again - first == pytest.approx(leaves, abs=0.001)
        assert len(records) == 4


@pytest.mark.parametrize("size", [0, 1, 1200, 1201, 5000, 16500, 300_000])
@pytest.mark.parametrize("flags", [SendFlags.UNRELIABLE, SendFlags.RELIABLE])
def test_large_messages_in_packets(size: int, flags: SendFlags) -> None:
    """What arrives is whole, whatever is lost of it; what is reliable arrives, in order."""
    clock = VirtualClock()
    with connected_pair(loss=0.2, lag=10, seed=size, clock=clock) as (one, other):
        sent = [bytes([number]) * size for number in range(8)]
        got = []
        for data in sent:
            one.send(data, flags)
            advance(clock, 0.05 if size < 100_000 else 3)
            got += [bytes(message.data) for message in other.receive(100)]
        advance(clock, 5)
        got += [bytes(message.data) for message in other.receive(100)]
        if flags & SendFlags.RELIABLE or size > 16500:
            assert got == sent
        else:
            assert set(got) <= set(sent)
            assert len(got) < 8 or size <= 1


@pytest.mark.parametrize("seconds", [0.3, 0.8])
def test_a_busy_program_sends_again_once(seconds: float) -> None:
    """After a time without calls the next one does not make up for all that would have been."""
    with connected_pair() as (one, other):
        net = network(one, other)
        net.partition(one, other)
        one.send(bytes(300_000))
        pump(one, other, until=lambda: one.status.pending_reliable == 0)

        def sent() -> int:
            return sum(record.data and record.what == "sent" for record in net.record())

        before = sent()
        time.sleep(seconds)
        one.send("now")
        assert 1 < sent() - before <= 2 * 252  # once in each of the two calls
