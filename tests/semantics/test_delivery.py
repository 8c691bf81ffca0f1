"""What happens to messages: sizes, flags, numbers, order, buffers that fill, links that lose."""

import pytest
from topologies import Link

from steamnet import ConfigValue, ConnectionState, EResult, SendFlags

LIMIT = 512 * 1024


def fast(link: Link) -> None:
    """Let the ends send faster than the internet would, slower than sockets overflow.

    On a busy processor GNS at 4 MB/s is always late with sending again, so that it reads no
    acknowledgement, until the connection times out; at 2 MB/s never.
    """
    for end in (link.here, link.there):
        end.set_rate(1_000_000)


@pytest.mark.parametrize("size", [0, 1, 1199, 1200, 1201, 16500, 16501, 100_000, LIMIT])
@pytest.mark.parametrize("flags", [SendFlags.UNRELIABLE, SendFlags.RELIABLE])
def test_sizes(link: Link, size: int, flags: SendFlags) -> None:
    """Every size up to 512 KiB arrives whole; unreliable beyond 16,500 bytes goes reliably."""
    fast(link)
    data = bytes(range(256)) * (size // 256 + 1)
    if flags == SendFlags.UNRELIABLE:
        settle(link)
    assert link.here.send(data[:size], flags) == EResult.OK
    (message,) = link.collect(link.there, 1)
    assert message.data == data[:size]
    assert message.size == size
    if not link.is_pipe:  # a pipe passes on flags as they were sent
        reliable = flags == SendFlags.RELIABLE or size > 16500
        assert message.flags == (SendFlags.RELIABLE if reliable else 0)


def settle(link: Link) -> None:
    """Wait for the other side to be connected beyond doubt, as unreliable data is lost before."""
    link.there.send(b"")
    link.here.send(b"")
    link.collect(link.here, 1)
    link.collect(link.there, 1)


def test_message_fields(link: Link) -> None:
    """A message says who sent it, on what, when, and as which."""
    before = link.there.steam.networking_utils.get_local_timestamp()
    link.there.sockets.set_connection_user_data(link.there.connection, 77)
    for number in (1, 2, 3):
        result = link.here.sockets.send_message_numbered(link.here.connection, f"no. {number}")
        assert result == (EResult.OK, number)
    messages = link.collect(link.there, 3)
    after = link.there.steam.networking_utils.get_local_timestamp()
    assert [m.message_number for m in messages] == [1, 2, 3]
    assert [m.decode() for m in messages] == ["no. 1", "no. 2", "no. 3"]
    for message in messages:
        assert message.connection == link.there.connection
        assert message.connection_user_data == 77
        assert message.identity == link.there.info.identity_remote
        assert message.channel == 0
        assert before <= message.time_received <= after


def test_user_data_is_read_when_received(link: Link) -> None:
    """Messages that wait carry the number that the connection has when they are taken."""
    link.here.send(b"early")
    link.until(lambda: link.here.drained, what="the message to arrive")
    link.there.sockets.set_connection_user_data(link.there.connection, 5)
    assert link.there.receive()[0].connection_user_data == 5


def test_numbers_are_shared_by_both_kinds(link: Link) -> None:
    """Reliable and unreliable messages are counted together."""
    send = link.here.sockets.send_message_numbered
    settle(link)
    first = send(link.here.connection, b"a", SendFlags.RELIABLE)[1]
    assert send(link.here.connection, b"b", SendFlags.UNRELIABLE)[1] == first + 1
    assert send(link.here.connection, b"c", SendFlags.RELIABLE)[1] == first + 2


def test_reliable_messages_keep_their_order(link: Link) -> None:
    """A thousand messages both ways at once arrive, each once, in order."""
    fast(link)
    for number in range(1000):
        assert link.here.send(number.to_bytes(2, "big")) == EResult.OK
        assert link.there.send(number.to_bytes(2, "big") * 10) == EResult.OK
    expected = [number.to_bytes(2, "big") for number in range(1000)]
    assert [m.data for m in link.collect(link.there, 1000)] == expected
    assert [m.data[:2] for m in link.collect(link.here, 1000)] == expected


def test_receive_takes_no_more_than_asked(link: Link) -> None:
    """What is not taken waits, in order."""
    for number in range(10):
        link.here.send(bytes([number]))
    link.until(lambda: link.here.drained, what="the messages to arrive")
    parts = [[m.data[0] for m in link.there.receive(limit)] for limit in (1, 4, 100, 100)]
    assert parts == [[0], [1, 2, 3, 4], [5, 6, 7, 8, 9], []]


@pytest.mark.not_on("gns-pipe", why="a pipe hands over at once: nothing is ever pending")
def test_send_buffer_fills_and_drains(link: Link) -> None:
    """LIMIT_EXCEEDED is a call to wait, not an end: what was taken arrives, and there is room."""
    link.here.set_rate(100_000)
    link.here.set(ConfigValue.SEND_BUFFER_SIZE, 50_000)
    taken = 0
    while (result := link.here.send(bytes(1000))) == EResult.OK:
        taken += 1
        assert taken < 200, "the buffer has no limit"
    assert result == EResult.LIMIT_EXCEEDED
    assert 40 <= taken <= 60  # each message counts for a little more than its bytes
    numbered = link.here.sockets.send_message_numbered(link.here.connection, bytes(49_000))
    assert numbered == (EResult.LIMIT_EXCEEDED, -1)
    assert link.here.status.pending_reliable > 0
    assert len(link.collect(link.there, taken)) == taken
    link.until(lambda: link.here.drained, what="the buffer to drain")
    assert link.here.send(b"room again") == EResult.OK
    assert link.collect(link.there, 1)[0].message_number == taken + 1


@pytest.mark.not_on("gns-pipe", why="a pipe that is full drops reliable messages")
@pytest.mark.parametrize(
    ("key", "value"),
    [(ConfigValue.RECV_BUFFER_MESSAGES, 20), (ConfigValue.RECV_BUFFER_SIZE, 20_000)],
)
def test_receive_buffer_fills_and_recovers(link: Link, key: ConfigValue, value: int) -> None:
    """A receiver that does not read holds the sender up; once it reads, all arrives in order."""
    fast(link)
    link.there.set(key, value)
    for number in range(100):
        assert link.here.send(bytes([number]) + bytes(999)) == EResult.OK
    link.route.pump_for(0.3)
    assert link.here.state == link.there.state == ConnectionState.CONNECTED
    assert not link.here.drained, "the receive buffer has no limit"
    messages = link.collect(link.there, 100, timeout=20)
    assert [m.data[0] for m in messages] == list(range(100))


@pytest.mark.not_on("gns-pipe", why="a pipe has no limit of what one message may hold")
def test_message_larger_than_the_receiver_takes(link: Link) -> None:
    """A message beyond RecvMaxMessageSize ends the connection, and both sides know why."""
    link.there.set(ConfigValue.RECV_MAX_MESSAGE_SIZE, 2000)
    link.here.send(bytes(2001))

    def noticed() -> bool:
        if link.kind == "gns-processes":
            link.here.send(b"?")  # P2P tells of an end only when it is spoken to
        ends = ConnectionState.PROBLEM_DETECTED_LOCALLY, ConnectionState.CLOSED_BY_PEER
        return (link.there.state, link.here.state) == ends

    link.until(noticed, what="both sides to know")
    assert link.here.info.end_reason == link.there.info.end_reason == 5002


def test_send_messages_results(link: Link) -> None:
    """Each message of a batch has its own answer; after a failure a connection gets no more."""
    settle(link)
    here, there = link.here.connection, link.there.connection
    send = link.here.sockets.send_messages
    first = link.here.sockets.send_message_numbered(here, b"count")[1]
    batch = [
        (here, b"a", 8),
        (0x7FFFFFFF, b"b", 8),
        (here, b"c", 0),
        (0, b"d", 8),
        (here, b"e", 8, 9),
    ]
    batch += [(here, b"f", 8)]
    assert send(batch) == [first + 1, -8, first + 2, -8, -8, 0]
    assert send([]) == []
    assert send([(here, bytes([n % 256]), 8) for n in range(3000)])[-1] > 0
    assert len(link.collect(link.there, 3 + 3000, timeout=20)) >= 3000
    assert there != here


def test_broadcast_is_one_send_for_each(link: Link) -> None:
    """One payload goes to each connection, with a result for each."""
    here = link.here.connection
    results = link.here.sockets.broadcast([here, 0x7FFFFFFF, here], b"to all")
    assert results == [1, -8, 2]
    assert [m.data for m in link.collect(link.there, 2)] == [b"to all", b"to all"]


def test_names_and_descriptions(link: Link) -> None:
    """A name of up to 31 bytes shows up in what logs call the connection."""
    sockets, handle = link.here.sockets, link.here.connection
    sockets.set_connection_name(handle, "the left one")
    assert sockets.get_connection_name(handle) == "the left one"
    assert "the left one" in link.here.info.connection_description
    sockets.set_connection_name(handle, "x" * 100)
    assert sockets.get_connection_name(handle) == "x" * 31


def test_statuses(link: Link) -> None:
    """The quick status and the detailed one tell of a connection at work."""
    link.here.send(b"x")
    link.collect(link.there, 1)
    status = link.here.status
    assert status.state == ConnectionState.CONNECTED
    assert -1 <= status.ping < 1000
    for quality in (status.connection_quality_local, status.connection_quality_remote):
        assert quality == -1 or 0 <= quality <= 1
    text = link.here.sockets.get_detailed_connection_status(link.here.connection)
    assert "connected" in text


@pytest.mark.not_on("gns-pipe", why="a pipe knows no Nagle")
def test_nagle_waits_for_company_and_flush_does_not(link: Link) -> None:
    """Small messages wait NagleTime for others to share a packet with, unless flushed."""
    link.here.set(ConfigValue.NAGLE_TIME, 20_000)
    settle(link)
    clock = link.there.steam.networking_utils.get_local_timestamp

    def trip(flush: bool, flags: SendFlags) -> int:
        start = clock()
        link.here.send(b"small", flags)
        if flush:
            link.here.sockets.flush_messages_on_connection(link.here.connection)
        (message,) = link.collect(link.there, 1)
        return int(message.time_received) - start

    # Now and then a packet leaves earlier for other reasons, and takes the message along.
    waited = max(trip(False, SendFlags.RELIABLE) for _ in range(3))
    flushed = min(trip(True, SendFlags.RELIABLE) for _ in range(3))
    without = min(trip(False, SendFlags.RELIABLE_NO_NAGLE) for _ in range(3))
    assert waited >= 15_000
    assert max(flushed, without) < 15_000
