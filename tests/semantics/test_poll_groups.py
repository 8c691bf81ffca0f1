"""Poll groups: one call for the messages of many connections, which move with them."""

from typing import Any

from topologies import End, Link

from steamnet import Steam


def arrived(link: Link, end: End, *messages: bytes) -> None:
    """Send messages from an end and wait until they lie at the other."""
    for message in messages:
        end.send(message)
    link.until(lambda: end.drained, what="the messages to arrive")


def datas(messages: list[Any]) -> list[bytes]:
    """Just the payloads."""
    return [bytes(message.data) for message in messages]


def test_messages_move_with_their_connection(link: Link) -> None:
    """Into a group, to another, out of any: what waits goes along, in order, once."""
    sockets, there = link.there.sockets, link.there.connection
    one, two = sockets.create_poll_group(), sockets.create_poll_group()
    arrived(link, link.here, b"1", b"2")
    assert sockets.set_connection_poll_group(there, one)
    assert sockets.set_connection_poll_group(there, one)
    arrived(link, link.here, b"3")
    assert sockets.set_connection_poll_group(there, two)
    assert sockets.receive_messages_on_poll_group(one) == []
    assert datas(sockets.receive_messages_on_poll_group(two, 1)) == [b"1"]
    assert sockets.set_connection_poll_group(there, 0)
    assert sockets.receive_messages_on_poll_group(two) == []
    assert datas(link.there.receive()) == [b"2", b"3"]


def test_direct_receive_works_within_a_group(link: Link) -> None:
    """A member can still be read by itself."""
    sockets, there = link.there.sockets, link.there.connection
    group = sockets.create_poll_group()
    sockets.set_connection_poll_group(there, group)
    arrived(link, link.here, b"a")
    assert datas(link.there.receive()) == [b"a"]
    assert sockets.receive_messages_on_poll_group(group) == []


def test_dissolved_group_leaves_messages(link: Link) -> None:
    """Destroying a group loses nothing; the handle is dead."""
    sockets, there = link.there.sockets, link.there.connection
    group = sockets.create_poll_group()
    sockets.set_connection_poll_group(there, group)
    arrived(link, link.here, b"a")
    assert sockets.destroy_poll_group(group)
    assert not sockets.destroy_poll_group(group)
    assert sockets.receive_messages_on_poll_group(group) == []
    assert not sockets.set_connection_poll_group(there, group)
    assert datas(link.there.receive()) == [b"a"]


def test_closing_takes_messages_away(link: Link) -> None:
    """A connection that we close leaves none behind in its group."""
    sockets, there = link.there.sockets, link.there.connection
    group = sockets.create_poll_group()
    sockets.set_connection_poll_group(there, group)
    arrived(link, link.here, b"a")
    link.there.close()
    assert sockets.receive_messages_on_poll_group(group) == []


def test_arrival_order_across_connections(steam: Steam) -> None:
    """A group gives the messages of several connections in the order of their arrival."""
    sockets = steam.networking_sockets
    group, senders, receivers = sockets.create_poll_group(), [], []
    for _ in range(4):
        one, other = sockets.create_socket_pair()
        senders.append(one)
        receivers.append(other)
        sockets.set_connection_poll_group(other, group)
    expected = []
    for round_number in range(3):
        for index, sender in enumerate(senders):
            data = bytes([round_number, index])
            sockets.send_message(sender, data, 9)
            sockets.flush_messages_on_connection(sender)
            expected.append((receivers[index], data))
            steam.run_callbacks()
    got: list[tuple[int, bytes]] = []
    for _ in range(2000):
        steam.run_callbacks()
        got += [(m.connection, bytes(m)) for m in sockets.receive_messages_on_poll_group(group)]
        if len(got) == len(expected):
            break
    assert sorted(got) == sorted(expected)
    for receiver in receivers:
        assert [d for c, d in got if c == receiver] == [d for c, d in expected if c == receiver]


def test_many_groups(steam: Steam) -> None:
    """Hundreds of groups live beside each other, each with a handle of its own."""
    sockets = steam.networking_sockets
    groups = {sockets.create_poll_group() for _ in range(300)}
    assert len(groups) == 300
    assert all(groups)
    assert all(sockets.destroy_poll_group(group) for group in groups)
