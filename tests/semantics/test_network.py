"""The simulated bad network: loss, lag, reordering, duplicates; and reliability across it."""

import pytest
from topologies import Link

from steamnet import ConfigValue, ConnectionState, EResult, SendFlags

C = ConfigValue
NO_PIPE = pytest.mark.not_on("gns-pipe", why="a pipe is no network: nothing is simulated in it")


def listen_well(link: Link) -> None:
    """Wait until both sides have measured each other, before the network changes."""
    for end, other in ((link.here, link.there), (link.there, link.here)):
        end.send(b"ready")
        link.collect(other, 1)


@NO_PIPE
def test_bad_network_both_ways(link: Link) -> None:
    """Under 10 % loss, 50 ms lag and 2 % reordering, reliable messages arrive in order."""
    listen_well(link)
    link.route.set(C.FAKE_PACKET_LOSS_SEND, 10.0)
    link.route.set(C.FAKE_PACKET_LAG_SEND, 50)
    link.route.set(C.FAKE_PACKET_REORDER_SEND, 2.0)
    for number in range(300):
        for end in (link.here, link.there):
            data = number.to_bytes(2, "big") + bytes(number % 97)
            assert end.send(data) == EResult.OK
        if number % 10 == 0:
            link.route.pump_for(0.004)
    expected = [number.to_bytes(2, "big") + bytes(number % 97) for number in range(300)]
    assert [m.data for m in link.collect(link.there, 300, timeout=20)] == expected
    assert [m.data for m in link.collect(link.here, 300, timeout=20)] == expected
    link.until(lambda: link.here.drained, what="the last acknowledgement")
    assert link.here.status.ping >= 45  # smoothed, from a time of no lag


@NO_PIPE
def test_loss_thins_out_what_is_unreliable(link: Link) -> None:
    """Of unreliable messages about as many are lost as the simulation says."""
    listen_well(link)
    link.route.set(C.FAKE_PACKET_LOSS_SEND, 30.0)
    for number in range(300):
        link.here.send(bytes([number % 256]), SendFlags.UNRELIABLE_NO_NAGLE)
        link.route.pump_for(0.001)  # a packet for each: what piles up shares one
    link.route.pump_for(0.3)
    arrived = len(link.there.receive())
    assert 150 <= arrived <= 270


@NO_PIPE
def test_lag_delays_each_way(link: Link) -> None:
    """Lag is added to each packet that is sent, and the ping shows it."""
    listen_well(link)
    link.route.set(C.FAKE_PACKET_LAG_SEND, 100)
    clock = link.there.steam.networking_utils.get_local_timestamp
    took = []
    for _ in range(3):  # the best of them: the machine may be busy
        start = clock()
        link.here.send(b"slow", SendFlags.RELIABLE_NO_NAGLE)
        (message,) = link.collect(link.there, 1)
        took.append(message.time_received - start)
    assert 95_000 <= min(took) < 400_000


@NO_PIPE
def test_reordering_reorders_only_what_is_unreliable(link: Link) -> None:
    """Reordered unreliable messages come late, none is lost, and reliable ones keep their order."""
    listen_well(link)
    link.route.set(C.FAKE_PACKET_REORDER_SEND, 30.0)
    link.route.set(C.FAKE_PACKET_REORDER_TIME, 30)
    for number in range(100):
        link.here.send(bytes([number]), SendFlags.UNRELIABLE_NO_NAGLE)
        link.here.send(bytes([number]), SendFlags.RELIABLE_NO_NAGLE)
        link.route.pump_for(0.002)
    messages = link.collect(link.there, 200)
    reliable = [m.data[0] for m in messages if m.flags & SendFlags.RELIABLE]
    other = [m.data[0] for m in messages if not m.flags & SendFlags.RELIABLE]
    assert reliable == list(range(100))
    assert sorted(other) == list(range(100))
    assert other != sorted(other)


@NO_PIPE
def test_duplicates_do_not_show(link: Link) -> None:
    """Packets that arrive twice give one message each."""
    listen_well(link)
    link.route.set(C.FAKE_PACKET_DUP_SEND, 50.0)
    for number in range(100):
        flags = (SendFlags.UNRELIABLE_NO_NAGLE, SendFlags.RELIABLE_NO_NAGLE)[number % 2]
        link.here.send(bytes([number]), flags)
        link.route.pump()
    link.until(lambda: link.here.drained, what="all to arrive")
    link.route.pump_for(0.1)
    assert sorted(m.data[0] for m in link.there.receive()) == list(range(100))


@NO_PIPE
def test_dead_line_is_given_up(link: Link) -> None:
    """When nothing arrives any more, both sides notice after TimeoutConnected."""
    listen_well(link)
    link.route.set(C.TIMEOUT_CONNECTED, 200)
    link.route.set(C.FAKE_PACKET_LOSS_SEND, 100.0)
    link.here.send(b"anybody?")
    link.there.send(b"hello?")
    problem = ConnectionState.PROBLEM_DETECTED_LOCALLY
    link.until(lambda: link.here.last == link.there.last == problem, what="both to give up")
    assert link.here.info.end_reason == link.there.info.end_reason == 5003
    assert link.here.send(b"x") == EResult.NO_CONNECTION


@NO_PIPE
def test_a_time_out_set_while_silent(link: Link) -> None:
    """TimeoutConnected counts for a line that is dead already."""
    listen_well(link)
    link.route.set(C.TIMEOUT_CONNECTED, 600_000)
    link.route.set(C.FAKE_PACKET_LOSS_SEND, 100.0)
    link.here.send(b"anybody?")
    link.there.send(b"hello?")
    link.route.pump_for(0.1)
    for end in (link.here, link.there):
        assert end.sockets.set_connection_config_value(end.connection, C.TIMEOUT_CONNECTED, 200)
    problem = ConnectionState.PROBLEM_DETECTED_LOCALLY
    # Both would give up after ten minutes otherwise.
    link.until(
        lambda: link.here.last == link.there.last == problem, timeout=7, what="both to give up"
    )


def test_a_pipe_simulates_nothing(link: Link) -> None:
    """Within GNS's pipe all arrives, whatever is simulated; elsewhere total loss is total."""
    listen_well(link)
    link.route.set(C.FAKE_PACKET_LOSS_SEND, 100.0)
    for _ in range(20):
        link.here.send(b"x", SendFlags.UNRELIABLE_NO_NAGLE)
    link.route.pump_for(0.1)
    assert len(link.there.receive()) == (20 if link.is_pipe else 0)
