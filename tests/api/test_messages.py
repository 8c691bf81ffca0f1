"""Received messages: what they carry, and that nothing makes a view of one dangle."""

import codecs
import ctypes
import gc
import hashlib
import io
import queue
import random
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import steamnet
from steamnet import (
    EResult,
    Identity,
    NetworkingMessage,
    SendFlags,
    Steam,
    SteamNetworkingSocketsManager,
)

pytestmark = pytest.mark.python_behaviour

Until = Callable[..., None]
# Payloads on both sides of each boundary: copied or held here, pooled or not where it was sent.
SIZES = (0, 1, 1023, 1024, 1025, 16 * 1024, 32 * 1024 - 1, 32 * 1024, 300_000, 512 * 1024)


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that tell where they come from."""
    block = hashlib.sha256(f"{size} {seed}".encode()).digest()
    return (block * (size // 32 + 1))[:size]


@dataclass
class Pair:
    """Two connections of one user that are each other's peer."""

    steam: Steam
    until: Until
    here: int
    there: int

    @property
    def sockets(self) -> SteamNetworkingSocketsManager:
        """The user's manager."""
        return self.steam.networking_sockets

    def receive(self, count: int = 1) -> list[NetworkingMessage]:
        """So many messages, as soon as they are there."""
        messages: list[NetworkingMessage] = []

        def enough() -> bool:
            messages.extend(self.sockets.receive_messages(self.there))
            return len(messages) >= count

        self.until(enough, self.steam, what=f"{count} messages")
        return messages

    def carry(self, data: Any, flags: int = SendFlags.RELIABLE_NO_NAGLE) -> NetworkingMessage:
        """Send one message and receive it."""
        assert self.sockets.send_message(self.here, data, flags) == EResult.OK
        (message,) = self.receive()
        return message


@pytest.fixture
def pair(steam: Steam, until: Until) -> Pair:
    """A pair inside the process."""
    return Pair(steam, until, *steam.networking_sockets.create_socket_pair())


# --- what a message carries -----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_payload_is_what_was_sent(pair: Pair, size: int) -> None:
    """Whichever way it is read, whatever its size."""
    data = pattern(size)
    message = pair.carry(data)
    assert bytes(message) == bytes(message.data) == message.payload == data
    assert len(message) == message.size == message.data.nbytes == size
    assert message.data == data
    assert type(message.payload) is bytes
    assert hashlib.md5(message, usedforsecurity=False).digest() == (
        hashlib.md5(data, usedforsecurity=False).digest()
    )


def test_the_fields_say_where_it_came_from(pair: Pair) -> None:
    """Each field has its own value, and cannot be set."""
    pair.sockets.set_connection_user_data(pair.there, 4711)
    before = pair.steam.networking_utils.get_local_timestamp()
    first, second = pair.carry(b"one"), pair.carry(b"two", SendFlags.UNRELIABLE)
    after = pair.steam.networking_utils.get_local_timestamp()
    assert first.connection == second.connection == pair.there
    assert first.connection_user_data == 4711
    assert [first.message_number, second.message_number] == [1, 2]
    assert before <= first.time_received <= second.time_received <= after
    assert first.channel == 0
    assert first.flags & SendFlags.RELIABLE
    assert not second.flags & SendFlags.RELIABLE
    fields = {name for name in dir(first) if isinstance(getattr(first, name), int | str)}
    assert len(fields) > 7
    for name in {*fields, "data", "payload"}:
        with pytest.raises(AttributeError):
            setattr(first, name, 1)


def test_the_channel_is_the_lane(pair: Pair) -> None:
    """Each lane counts its own messages."""
    assert pair.sockets.configure_connection_lanes(pair.here, [0, 1, 2]) == EResult.OK
    for lane in (2, 0, 1, 2):
        assert pair.sockets.send_message(pair.here, str(lane), lane=lane) == EResult.OK
    got = {(m.channel, m.message_number, m.decode()) for m in pair.receive(4)}
    assert got == {(0, 1, "0"), (1, 1, "1"), (2, 1, "2"), (2, 2, "2")}


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (76561198000000077, "76561198000000077"),
        ("steamid:76561198000000078", "76561198000000078"),
        ("str:grüße", "str:grüße"),
        ("str:", "str:"),
        ("gen:00ff10", "gen:00ff10"),
        ("ip:1.2.3.4:5", "ip:1.2.3.4:5"),
        (None, "ip:::1"),
    ],
)
def test_the_identity_is_text(steam: Steam, until: Until, identity: Any, text: str) -> None:
    """A Steam ID in decimal, anything else in Valve's spelling."""
    handles = steam.networking_sockets.create_socket_pair(identity2=identity)
    pair = Pair(steam, until, *handles)
    message = pair.carry(b"?")
    assert message.identity == text
    assert type(message.identity) is Identity
    info = pair.sockets.get_connection_info(pair.there)
    assert info is not None
    assert info.identity_remote == message.identity
    assert pair.carry(b"again").identity is message.identity


def test_identities_of_many_senders_are_not_mixed_up(steam: Steam, until: Until) -> None:
    """Texts are remembered by identity: a thousand of them share the places."""
    sockets = steam.networking_sockets
    group = sockets.create_poll_group()
    expected = {}
    for number in range(300):
        identity = f"str:{number}" if number % 2 else str(76561198000000000 + number * 65536 + 1)
        here, there = sockets.create_socket_pair(identity2=identity)
        sockets.set_connection_poll_group(there, group)
        sockets.send_messages([(here, b"", SendFlags.RELIABLE)] * 3)
        expected[there] = identity
    got: list[NetworkingMessage] = []

    def all_there() -> bool:
        got.extend(sockets.receive_messages_on_poll_group(group, 1000))
        return len(got) == 900

    until(all_there, steam, what="900 messages")
    assert all(message.identity == expected[message.connection] for message in got)


def test_text_is_decoded(pair: Pair) -> None:
    """As UTF-8 unless told otherwise; what is no text raises as bytes.decode does."""
    assert pair.carry("grüß dich, 世界").decode() == "grüß dich, 世界"
    latin = pair.carry("grüß".encode("latin-1"))
    assert latin.decode("latin-1") == latin.decode(encoding="latin-1") == "grüß"
    assert latin.decode(errors="replace") == "gr\ufffd\ufffd"
    with pytest.raises(UnicodeDecodeError):
        latin.decode()
    with pytest.raises(LookupError):
        latin.decode("no such encoding")
    with pytest.raises(TypeError):
        latin.decode(5)  # type: ignore[arg-type]  # on purpose
    assert pair.carry("").decode() == ""


def test_a_message_shows_itself(pair: Pair) -> None:
    """Its repr says what it is about, and no payload."""
    message = pair.carry(b"secret")
    assert repr(message) == (
        f"<NetworkingMessage #1: 6 bytes from ip:::1, connection {pair.there}, channel 0>"
    )


def test_a_message_is_true_even_if_empty(pair: Pair) -> None:
    """So "if message:" asks whether there is one."""
    assert pair.carry(b"")
    assert len(pair.carry(b"")) == 0


def test_messages_cannot_be_made_or_changed(pair: Pair) -> None:
    """Only an engine makes them."""
    with pytest.raises(TypeError):
        NetworkingMessage()
    with pytest.raises(TypeError):
        type("Mine", (NetworkingMessage,), {})  # no base for other classes
    message = pair.carry(b"")
    assert type(message) is NetworkingMessage
    with pytest.raises(AttributeError):
        message.note = 1  # type: ignore[attr-defined]  # on purpose
    with pytest.raises(TypeError):
        NetworkingMessage.decode = print  # type: ignore[method-assign,assignment]  # on purpose


def test_whatever_takes_a_buffer_takes_a_message(pair: Pair) -> None:
    """struct, int, files, joins, and sending it on."""
    message = pair.carry(struct.pack("<HI", 7, 4_000_000_000))
    assert struct.unpack("<HI", message) == (7, 4_000_000_000)
    assert struct.unpack_from("<I", message, 2) == (4_000_000_000,)
    assert int.from_bytes(message, "little") == 7 + (4_000_000_000 << 16)
    file = io.BytesIO()
    assert file.write(message) == 6
    assert b"".join([b"<", message, b">"]) == b"<" + file.getvalue() + b">"
    assert bytearray(message) == file.getvalue()
    assert message.data[2:].cast("I")[0] == 4_000_000_000
    assert bytes(pair.carry(message)) == bytes(pair.carry(message.data)) == file.getvalue()


@pytest.mark.parametrize("size", [4, 100_000])
def test_a_payload_cannot_be_written(pair: Pair, size: int) -> None:
    """Neither through a view nor by asking for a writable buffer."""
    message = pair.carry(bytes(size))
    assert message.data.readonly
    with pytest.raises(TypeError):
        message.data[0] = 1
    with pytest.raises((TypeError, BufferError)):
        struct.pack_into("B", message, 0, 1)  # type: ignore[arg-type]  # on purpose
    with pytest.raises((TypeError, BufferError)):
        (ctypes.c_char * size).from_buffer(message)  # type: ignore[arg-type]  # on purpose
    with pytest.raises((TypeError, BufferError)):
        io.BytesIO(bytes(size)).readinto(message)  # type: ignore[arg-type]  # on purpose
    assert bytes(message) == bytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_the_payload_is_the_programs_own(pair: Pair, size: int) -> None:
    """It is no view: it does not hold release() up, and outlives message and engine."""
    message = pair.carry(pattern(size))
    kept = message.payload
    message.release()
    with pytest.raises(ValueError, match="the message has been released"):
        _ = message.payload
    late = pair.carry(pattern(size))
    pair.steam.shutdown()
    assert late.payload == kept == pattern(size)


# --- release --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 100_000])
def test_release_gives_the_payload_back(pair: Pair, size: int) -> None:
    """Afterwards there is no payload to read; what is known of it stays; again is nothing."""
    message = pair.carry(bytes(size))
    message.release()
    message.release()
    for read in (bytes, memoryview, NetworkingMessage.decode, lambda m: m.data):
        with pytest.raises(ValueError, match="the message has been released"):
            read(message)
    assert (message.size, len(message), message.message_number) == (size, size, 1)
    assert "NetworkingMessage #1" in repr(message)


@pytest.mark.parametrize("size", [10, 100_000])
def test_release_is_refused_while_views_live(pair: Pair, size: int) -> None:
    """A view, and a view of a view, keep the payload; the last to go frees it."""
    data = pattern(size)
    message = pair.carry(data)
    view = message.data
    part = view[size // 2 :]
    for keeper in (view, part):
        with pytest.raises(BufferError, match="has views"):
            message.release()
        assert part == data[size // 2 :]
        keeper.release()
    message.release()


def test_a_codec_cannot_pull_the_payload_away(pair: Pair) -> None:
    """A decoder may run anything, release() of the message it decodes included."""
    refused = []

    def decode(data: Any, errors: str = "strict") -> tuple[str, int]:
        try:
            message.release()
        except BufferError as error:
            refused.append(error)
        return bytes(data).decode("ascii", errors), len(data)

    def search(name: str) -> codecs.CodecInfo | None:
        if name != "release_while_decoding":
            return None
        return codecs.CodecInfo(codecs.ascii_encode, decode, name=name)  # type: ignore[arg-type]  # a codec's decoder may be plain

    codecs.register(search)
    try:
        message = pair.carry(b"x" * 100_000)
        assert message.decode("release_while_decoding") == "x" * 100_000
    finally:
        codecs.unregister(search)
    assert len(refused) == 1
    message.release()


# --- lives and deaths -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_view_outlives_its_message_connection_and_engine(
    engine: str, until: Until, size: int
) -> None:
    """Whatever is closed, shut down and collected: the bytes stay right."""
    data = pattern(size)
    steam = steamnet.init(engine=engine)
    pair = Pair(steam, until, *steam.networking_sockets.create_socket_pair())
    view, message = pair.carry(data).data, pair.carry(data)
    pair.sockets.close_connection(pair.there)
    assert view == data
    steam.shutdown()
    assert view == data
    del pair, steam
    gc.collect()
    with steamnet.init(engine=engine) as other:  # whose messages take what memory was freed
        again = Pair(other, until, *other.networking_sockets.create_socket_pair())
        for _ in range(4):
            again.carry(b"\xff" * size)
        assert view == bytes(message) == data
    assert view[size // 2 :] == data[size // 2 :]
    message.release()


def test_memory_given_back_is_used_again_at_once(pair: Pair) -> None:
    """So the tests below would see a payload that is freed too early."""
    addresses = set()
    for _ in range(20):
        message = pair.carry(bytes(100_000))
        addresses.add(_address(message))
        del message
    assert len(addresses) < 20


def _address(message: NetworkingMessage) -> int:
    """Where the payload lies."""

    class View(ctypes.Structure):
        _fields_ = (
            ("buf", ctypes.c_void_p),
            ("obj", ctypes.py_object),
            ("rest", ctypes.c_char * 256),
        )

    view = View()
    api = ctypes.pythonapi
    assert api.PyObject_GetBuffer(ctypes.py_object(message), ctypes.byref(view), 0) == 0
    address = int(view.buf)
    api.PyBuffer_Release(ctypes.byref(view))
    return address


@pytest.mark.parametrize("seed", range(4))
def test_every_order_of_deaths(pair: Pair, seed: int) -> None:
    """Messages, views and views of views die at random; those that live always read right."""
    dice = random.Random(seed)
    alive: list[tuple[Any, bytes]] = []
    for step in range(200):
        size = dice.choice((3, 1024, 1025, 5000, 40_000, 200_000))
        data = pattern(size, step)
        message = pair.carry(data)
        alive.append((message, data))
        view = message.data
        if dice.random() < 0.7:
            start, stop = sorted(dice.randrange(size) for _ in range(2))
            alive.append((view[start:stop], data[start:stop]))
        if dice.random() < 0.3:
            alive.append(([view[::-1], message], data[::-1]))
        if dice.random() < 0.2:
            view.release()
        if dice.random() < 0.2:  # one in a cycle, for the collector
            cycle: list[Any] = [message]
            cycle.append(cycle)
        del view, message
        dice.shuffle(alive)
        del alive[dice.randrange(12) :]
        if dice.random() < 0.05:
            gc.collect()
        for holder, expected in alive:
            seen = holder[0] if isinstance(holder, list) else holder
            assert bytes(seen) == expected
    alive.clear()


def test_messages_die_on_any_thread(pair: Pair) -> None:
    """Views handed to other threads read right there, and the last one frees the payload."""
    work: queue.Queue[tuple[memoryview, bytes] | None] = queue.Queue(maxsize=64)
    wrong: list[int] = []

    def read() -> None:
        while (item := work.get()) is not None:
            view, data = item
            if view != data or view[len(data) // 2 :] != data[len(data) // 2 :]:
                wrong.append(len(data))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for step in range(400):
        data = pattern((100, 3000, 50_000)[step % 3], step)
        message = pair.carry(data)
        for _ in range(2):
            work.put((message.data, data))
    for _ in threads:
        work.put(None)
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()
    assert wrong == []


def test_one_message_read_from_many_threads(pair: Pair) -> None:
    """Views come and go on all of them; when all are gone it can be released."""
    data = pattern(100_000)
    message = pair.carry(data)
    wrong: list[int] = []

    def read() -> None:
        for start in range(0, 50_000, 250):
            view = message.data
            if view[start : start + 10] != data[start : start + 10]:
                wrong.append(start)
            try:
                message.release()
                wrong.append(-1)
            except BufferError:
                pass
            del view

    keeper = message.data
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()
    assert wrong == []
    keeper.release()
    message.release()


@pytest.mark.usefixtures("eager_collector")
def test_a_finalizer_may_shut_down_while_messages_are_received(steam: Steam) -> None:
    """Where the collector may run inside the call, shutdown does not wait for that very call."""

    class Game:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            steam.shutdown()

    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    sockets.send_messages([(here, bytes(5000), SendFlags.RELIABLE_NO_NAGLE)] * 50)
    time.sleep(0.1)
    steam.run_callbacks()
    Game()
    lists: list[list[int]] = [[] for _ in range(200)]  # so that none is at hand to be used again
    gc.enable()
    messages = sockets.receive_messages(there)
    assert all(bytes(message) == bytes(5000) for message in messages)
    del lists
    gc.collect()
    assert not steam.core.is_initialized()


def test_fields_that_are_read_again_are_the_same_objects(pair: Pair) -> None:
    """They lie ready in the message: reading makes nothing."""
    message = pair.carry(b"x" * 2000)
    for name in (
        "size",
        "connection",
        "identity",
        "channel",
        "flags",
        "message_number",
        "time_received",
        "connection_user_data",
    ):
        assert getattr(message, name) is getattr(message, name), name


@pytest.mark.parametrize("users", [1, 5, 300])
def test_each_message_has_its_own_senders_name(steam: Steam, until: Until, users: int) -> None:
    """However many users there are, and whatever of them is remembered between two calls."""
    sockets = steam.networking_sockets
    group = sockets.create_poll_group()
    names: dict[int, str] = {}
    for number in range(users):
        name = f"str:{number}" if number % 2 else str(76561198000001000 + number)
        here, there = sockets.create_socket_pair(identity2=name)
        assert sockets.set_connection_poll_group(there, group)
        assert sockets.set_connection_user_data(there, 1000 + number)
        sockets.send_messages([(here, b"%d" % number, SendFlags.RELIABLE_NO_NAGLE)] * 3)
        names[there] = name
    got: list[NetworkingMessage] = []

    def all_came() -> bool:
        got.extend(sockets.receive_messages_on_poll_group(group, 7))
        return len(got) == 3 * users

    until(all_came, steam, what="three messages of each user")
    for message in got:
        assert message.identity == names[message.connection]
        assert message.connection_user_data == 1000 + int(message.payload)
    assert {message.connection for message in got} == names.keys()


def test_a_message_knows_its_size_in_memory(pair: Pair) -> None:
    """A small payload lies inside the object, a large one outside: tools that measure may know."""
    small, large = pair.carry(bytes(1000)), pair.carry(bytes(100_000))
    assert sys.getsizeof(small) >= 1000
    assert sys.getsizeof(large) < 1000
