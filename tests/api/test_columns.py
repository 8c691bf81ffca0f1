"""Messages as columns: every field of every message, in order, and nothing lost or left behind."""

import gc
import random
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

import steamnet
from steamnet import EResult, Identity, MessageColumns, SendFlags, Steam

pytestmark = pytest.mark.python_behaviour

Until = Callable[..., None]
NOW = SendFlags.RELIABLE_NO_NAGLE
NUMBERS = {field.name for field in fields(MessageColumns)} - {"data", "identities"}


def payloads(columns: MessageColumns) -> list[bytes]:
    """Each message's bytes."""
    return [
        columns.data[offset : offset + size]
        for offset, size in zip(columns.offsets, columns.sizes, strict=True)
    ]


def take(
    steam: Steam, until: Until, receive: Callable[[], MessageColumns], count: int
) -> list[MessageColumns]:
    """Receive until that many messages have come."""
    got: list[MessageColumns] = []

    def enough() -> bool:
        columns = receive()
        if len(columns):
            got.append(columns)
        return sum(map(len, got)) >= count

    until(enough, steam, what=f"{count} messages")
    return got


@pytest.mark.parametrize("way", ["connection", "group"])
def test_every_field_of_every_message(steam: Steam, until: Until, way: str) -> None:
    """What came is what was sent: by whom, on which lane, in which order, how long."""
    sockets, chance = steam.networking_sockets, random.Random(15)
    group = sockets.create_poll_group()
    users = {}
    for name in ("76561198000000021", "str:bob", "ip:1.2.3.4:5"):
        here, there = sockets.create_socket_pair(identity2=name)
        assert sockets.configure_connection_lanes(here, [0, 1]) == EResult.OK
        if way == "group":
            assert sockets.set_connection_poll_group(there, group)
        users[there] = here, Identity.parse(name)
    sent: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    before = steam.networking_utils.get_local_timestamp()
    for _ in range(400):
        there, lane = chance.choice(list(users)), chance.randrange(2)
        data = chance.randbytes(chance.choice((0, 1, 7, 64, 1024, 1025, 5000)))
        assert sockets.send_message(users[there][0], data, NOW, lane) == EResult.OK
        sent[there, lane].append(data)
    if way == "group":
        got = take(steam, until, lambda: sockets.receive_columns_on_poll_group(group), 400)
    else:
        got = []
        for there in users:
            count = len(sent[there, 0]) + len(sent[there, 1])
            receive = sockets.receive_columns_on_connection
            got += take(steam, until, lambda t=there, r=receive: r(t), count)  # type: ignore[misc]
    after = steam.networking_utils.get_local_timestamp()
    came: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for columns in got:
        assert {len(getattr(columns, name)) for name in NUMBERS} == {len(columns)}
        assert sum(columns.sizes) == len(columns.data)
        assert len(set(columns.identities)) == len(columns.identities)
        for row, data in enumerate(payloads(columns)):
            there, lane = columns.connections[row], columns.channels[row]
            came[there, lane].append(data)
            assert columns.message_numbers[row] == len(came[there, lane])
            assert columns.identities[columns.identity_index[row]] == users[there][1]
            assert columns.flags[row] & SendFlags.RELIABLE
            assert before <= columns.times_received[row] <= after
    assert came == sent


def test_none_are_there(steam: Steam) -> None:
    """Columns without rows, of the same types; a dead handle has none either."""
    sockets = steam.networking_sockets
    here, _there = sockets.create_socket_pair()
    for columns in (
        sockets.receive_columns_on_connection(here),
        sockets.receive_columns_on_connection(0),
        sockets.receive_columns_on_poll_group(12345),
    ):
        assert (len(columns), columns.data, columns.identities) == (0, b"", [])
        assert all(len(getattr(columns, name)) == 0 for name in NUMBERS)
        assert columns.offsets.format == "q"
        assert repr(columns) == "<MessageColumns: 0 messages, 0 bytes>"


@pytest.mark.parametrize("limit", [1, 255, 256, 257, 1000])
def test_the_limit_holds(steam: Steam, until: Until, limit: int) -> None:
    """No call takes more than it may; what is over comes next time, in order."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    sockets.send_messages([(here, b"%d" % number, NOW) for number in range(600)])
    receive = sockets.receive_columns_on_connection
    got = take(steam, until, lambda: receive(there, limit), 600)
    assert max(map(len, got)) <= limit
    assert [int(data) for columns in got for data in payloads(columns)] == list(range(600))


@pytest.mark.parametrize("name", ["connection", "poll_group"])
def test_wrong_arguments_are_refused(steam: Steam, name: str) -> None:
    """As those of receive_messages are, in the same words."""
    call = getattr(steam.networking_sockets, f"receive_columns_on_{name}")
    with pytest.raises(ValueError, match="max_messages must be at least 1, not 0"):
        call(1, 0)
    with pytest.raises(ValueError, match=f"{name} must be from 0 to 4294967295, not -1"):
        call(-1)
    with pytest.raises(TypeError, match=f"{name} must be an int, not <class 'str'>"):
        call("one")
    with pytest.raises(TypeError, match="max_messages must be an int"):
        call(1, max_messages=1.5)
    steam.shutdown()
    with pytest.raises(steamnet.ClosedError):
        call(1)


def test_columns_outlive_everything(steam: Steam, until: Until) -> None:
    """They are the program's own: each column alone, after the engine, and read-only."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    sockets.send_messages([(here, bytes([number]) * 2000, NOW) for number in range(20)])
    receive = sockets.receive_columns_on_connection
    got = take(steam, until, lambda: receive(there), 20)
    steam.shutdown()
    kept = [(columns.message_numbers, columns.data) for columns in got]
    del got
    gc.collect()
    assert [number for numbers, _ in kept for number in numbers] == list(range(1, 21))
    assert b"".join(data for _, data in kept) == b"".join(bytes([i]) * 2000 for i in range(20))
    with pytest.raises(TypeError, match="read-only"):
        kept[0][0][0] = 5


def test_numpy_takes_them_without_a_copy(steam: Steam, until: Until) -> None:
    """Each column and the payloads, as arrays of the types that they say."""
    numpy: Any = pytest.importorskip("numpy", reason="the columns need no numpy; this test does")
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    state = numpy.dtype([("x", "<f4"), ("y", "<f4")])
    for number in range(50):
        sockets.send_message(here, numpy.array((number, -number), state), NOW)
    receive = sockets.receive_columns_on_connection
    got = take(steam, until, lambda: receive(there), 50)
    for columns in got:
        for name in NUMBERS:
            column = getattr(columns, name)
            array = numpy.asarray(column)
            assert numpy.shares_memory(array, numpy.frombuffer(column, array.dtype))
            assert array.tolist() == list(column)
            assert not array.flags.writeable
    states = numpy.concatenate([numpy.frombuffer(columns.data, state) for columns in got])
    assert states["x"].tolist() == [float(number) for number in range(50)]


def test_each_sender_is_named_once(steam: Steam, until: Until) -> None:
    """However many users there are, and however many connections one of them has."""
    sockets = steam.networking_sockets
    group, names = sockets.create_poll_group(), {}
    for number in range(300):
        name = f"str:a long name {number % 100}"
        here, there = sockets.create_socket_pair(identity2=name)
        sockets.set_connection_poll_group(there, group)
        sockets.send_messages([(here, b"x", NOW)] * 2)
        names[there] = name
    got = take(steam, until, lambda: sockets.receive_columns_on_poll_group(group), 600)
    for columns in got:
        assert len(columns.identities) == len(set(columns.identities)) <= 100
        assert all(type(identity) is Identity for identity in columns.identities)
        for connection, index in zip(columns.connections, columns.identity_index, strict=True):
            assert columns.identities[index] == names[connection]


def test_threads_share_what_waits(steam: Steam) -> None:
    """Several that receive at once, as columns and as messages, get each message once."""
    sockets, total = steam.networking_sockets, 3000
    here, there = sockets.create_socket_pair()
    shares: list[list[int]] = [[], [], [], []]
    deadline = threading.Event()

    def by_columns(share: list[int]) -> None:
        while not deadline.is_set() and sum(map(len, shares)) < total:
            columns = sockets.receive_columns_on_connection(there, 50)
            share += [int(data) for data in payloads(columns)]

    def by_messages(share: list[int]) -> None:
        while not deadline.is_set() and sum(map(len, shares)) < total:
            share += [int(m.payload) for m in sockets.receive_messages(there, 50)]

    works = [by_columns, by_messages] * 2
    threads = [
        threading.Thread(target=work, args=(share,))
        for work, share in zip(works, shares, strict=True)
    ]
    timer = threading.Timer(60, deadline.set)
    timer.start()
    for thread in threads:
        thread.start()
    for number in range(total):
        assert sockets.send_message(here, b"%d" % number, NOW) == EResult.OK
    for thread in threads:
        thread.join()
    timer.cancel()
    assert sorted(number for share in shares for number in share) == list(range(total))


def test_columns_leave_no_memory_behind(steam: Steam, until: Until) -> None:
    """Neither calls that find messages, nor those that find none."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()

    def rounds(count: int) -> None:
        for _ in range(count):
            sockets.send_messages([(here, b"x" * size, NOW) for size in (0, 100, 3000)])
            take(steam, until, lambda: sockets.receive_columns_on_connection(there), 3)
            sockets.receive_columns_on_connection(there)

    rounds(20)
    gc.collect()
    before = sys.getallocatedblocks()
    rounds(100)
    gc.collect()
    assert sys.getallocatedblocks() - before < 100
