"""Lanes: queues of one connection that overtake each other by priority and share by weight."""

import pytest
from topologies import Link

from steamnet import EResult


def test_messages_tell_their_lane(link: Link) -> None:
    """Each lane counts its own messages, and a message says which it came on."""
    assert configure(link, [0, 0, 0]) == EResult.OK
    for lane in (2, 0, 1, 2):
        assert link.here.send(bytes([lane]), lane=lane) == EResult.OK
    messages = link.collect(link.there, 4)
    assert all(m.channel == m.data[0] for m in messages)
    assert sorted((m.channel, m.message_number) for m in messages) == [
        (0, 1),
        (1, 1),
        (2, 1),
        (2, 2),
    ]


def configure(link: Link, priorities: list[int], weights: list[int] | None = None) -> EResult:
    """Give the sender lanes."""
    result: EResult = link.here.sockets.configure_connection_lanes(
        link.here.connection, priorities, weights
    )
    return result


def test_wrong_lanes_are_refused(link: Link) -> None:
    """No lanes, too many, fewer than before, or a weight of nothing: INVALID_PARAM."""
    assert configure(link, []) == EResult.INVALID_PARAM
    assert configure(link, [0] * 256) == EResult.INVALID_PARAM
    assert configure(link, [0, 0], [1, 0]) == EResult.INVALID_PARAM
    assert configure(link, [0] * 255) == EResult.OK
    assert configure(link, [0] * 3) == EResult.INVALID_PARAM
    assert link.here.send(b"x", lane=255) == EResult.INVALID_PARAM


@pytest.mark.not_on("gns-pipe", why="a pipe has no queue in which to overtake")
def test_urgent_lane_goes_first(link: Link) -> None:
    """Of two full lanes the one of the lower priority number is emptied first."""
    link.here.set_rate(100_000)  # slowly enough for queues to build up
    configure(link, [1, 0])
    for lane in (0, 1):  # the less urgent is queued first
        for _ in range(20):
            assert link.here.send(bytes([lane]) + bytes(999), lane=lane) == EResult.OK
    order = [m.channel for m in link.collect(link.there, 40)]
    finished = {lane: max(i for i, c in enumerate(order) if c == lane) for lane in (0, 1)}
    assert finished[1] < finished[0]
    assert order[-15:] == [0] * 15


@pytest.mark.not_on("gns-pipe", why="a pipe has no queue to share")
def test_equal_lanes_share_by_weight(link: Link) -> None:
    """Of two full lanes of one priority each gets its share of the way."""
    link.here.set_rate(100_000)  # slowly enough for queues to build up
    configure(link, [0, 0], [3, 1])
    for _ in range(40):
        for lane in (0, 1):
            link.here.send(bytes(1000), lane=lane)
    order = [m.channel for m in link.collect(link.there, 80)]
    half = order[:40]
    assert 2 <= half.count(0) / max(1, half.count(1)) <= 4.5


@pytest.mark.not_on("gns-pipe", why="nothing is ever pending in a pipe")
def test_lane_status(link: Link) -> None:
    """What waits is told for each lane; asking for more lanes than there are gets nothing."""
    link.here.set_rate(20_000)
    configure(link, [0, 1])
    for _ in range(10):
        link.here.send(bytes(1000), lane=1)
    quick = link.here.sockets.get_quick_connection_status
    status = quick(link.here.connection, lanes=2)
    assert len(status.lanes) == 2
    assert status.lanes[1].pending_reliable > 5000
    assert status.lanes[0].pending_reliable == 0
    assert quick(link.here.connection, lanes=3) is None


def test_lanes_of_one_side_only(link: Link) -> None:
    """Lanes are the sender's: the other side keeps its single one."""
    configure(link, [0, 1])
    assert link.there.send(b"x", lane=1) == EResult.INVALID_PARAM
    assert link.there.send(b"x", lane=0) == EResult.OK
