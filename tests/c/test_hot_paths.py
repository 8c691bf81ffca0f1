"""The hot paths keep their promises: no stale byte, no double free, no leak, no stall."""

import array
import ctypes
import gc
import mmap
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import waiting
from counting_engine import Counted, counted, counted_library, pattern

import steamnet
from steamnet import EResult, SendFlags, _native

pytestmark = pytest.mark.python_behaviour

__all__ = ["counted", "counted_library"]  # fixtures
NOW = SendFlags.RELIABLE | SendFlags.NO_NAGLE
# Around each size at which the C changes its way: inline or held, copied or pooled, the limits.
SIZES = (0, 1, 511, 512, 1023, 1024, 1025, 32767, 32768, 65535, 65536, 524288)


# --- an engine that counts and poisons ----------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_payload_is_exact_and_given_back_once(counted: Counted, size: int) -> None:
    """Small messages go back during the call, large ones with their last view."""
    (message,) = counted.receive(size)
    assert bytes(message) == bytes(message.data) == pattern(message)
    assert len(message) == message.size == size
    assert message
    assert message.data.readonly
    assert counted.library.hot_released() == (1 if size <= 1024 else 0)
    view = message.data[size // 2 :]
    expected = pattern(message)[size // 2 :]
    del message
    gc.collect()
    assert bytes(view) == expected
    del view
    assert counted.library.hot_released() == 1


@pytest.mark.parametrize("size", [10, 5000])
def test_release_is_refused_while_anything_looks(counted: Counted, size: int) -> None:
    """BufferError while a view lives, however it was made; ValueError for a look afterwards."""
    (message,) = counted.receive(size)
    view = message.data
    part = view[2:4]
    view.release()  # the slice lives on, and so does its claim
    with pytest.raises(BufferError, match="views"):
        message.release()
    assert bytes(part) == pattern(message)[2:4]
    part.release()
    message.release()
    assert counted.library.hot_released() == 1
    for look in (bytes, memoryview, lambda m: m.data, lambda m: m.decode()):
        with pytest.raises(ValueError, match="released"):
            look(message)
    assert (message.message_number, message.size) == (1, size)
    message.release()


def test_every_death_order(counted: Counted) -> None:
    """Messages, views and views of views, dropped in any order, in cycles: no stale byte."""
    chance = random.Random(20260101)
    alive: list[tuple[memoryview, bytes]] = []
    for _ in range(300):
        for message in counted.receive(*(chance.choice(SIZES[:-1]) for _ in range(4))):
            expected = pattern(message)
            for _ in range(chance.randrange(3)):
                start = chance.randrange(message.size + 1)
                end = chance.randrange(start, message.size + 1)
                view = message.data[start:end]
                step = chance.choice((1, 1, 2, -1))
                alive.append((view[::step], expected[start:end][::step]))
            if chance.random() < 0.2:
                circle: list[Any] = [message.data]
                circle.append(circle)
        chance.shuffle(alive)
        del alive[50:]
        for view, part in alive[:10]:
            assert view.tobytes() == part
    del view, message
    alive.clear()


def test_deaths_on_other_threads(counted: Counted) -> None:
    """A message received on one thread may die on another, its views on a third."""
    barrier = threading.Barrier(4)

    def reader(chance: random.Random, views: list[tuple[memoryview, bytes]]) -> None:
        barrier.wait()
        while views:
            view, expected = views.pop(chance.randrange(len(views)))
            assert view.tobytes() == expected

    for turn in range(20):
        shares: list[list[tuple[memoryview, bytes]]] = [[], [], []]
        for i, message in enumerate(counted.receive(*[100, 2000, 40000] * 5)):
            for share in shares[: 1 + i % 3]:
                share.append((message.data[1:], pattern(message)[1:]))
        del message
        with ThreadPoolExecutor(3) as pool:
            done = [pool.submit(reader, random.Random(turn), share) for share in shares]
            barrier.wait()
            for one in done:
                one.result(timeout=30)


@pytest.mark.parametrize("release_after_stop", [True, False], ids=["as-gns", "as-steam"])
def test_messages_outlive_the_engine(
    counted_library: ctypes.CDLL, release_after_stop: bool
) -> None:
    """After shutdown the bytes stay readable; to Steam, which is gone, nothing is given back."""
    counted = Counted(counted_library, release_after_stop)
    small, large, unread = counted.receive(100, 5000, 5000)
    view, expected = large.data[7:], pattern(large)[7:]
    counted.library.hot_stop()
    with pytest.raises(steamnet.ClosedError):
        counted.receive()
    del large
    assert bytes(view) == expected
    assert bytes(small) == pattern(small)
    unread.release()
    del view, small, unread
    gc.collect()
    assert counted.library.hot_released() == (3 if release_after_stop else 1)
    counted.check()


def test_a_batch_is_taken_to_the_end(counted: Counted) -> None:
    """More messages than the C takes at once come in one call, in order, up to the limit."""
    messages = counted.receive(*[10] * 1000)
    assert [m.message_number for m in messages] == list(range(1, 1001))
    for size in (5, 5, 5):
        counted.library.hot_queue(size, 7)
    assert len(_native.receive_on_connection(counted.address, 1, 2)) == 2
    assert len(_native.receive_on_connection(counted.address, 1, 2)) == 1


def test_polling_and_receiving_leave_nothing(counted: Counted) -> None:
    """Empty polls and dropped messages leave no object behind."""
    counted.receive(10, 5000)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(2000):
        assert _native.receive_on_connection(counted.address, 1, 100) == []
    for _ in range(200):
        counted.receive(10, 1025)
    gc.collect()
    assert sys.getallocatedblocks() - before < 50


# --- sending, on the counting engine -------------------------------------------------------------


def held(counted: Counted) -> list[bytes]:
    """What the counting engine was given and has not let go."""
    library = counted.library
    return [
        ctypes.string_at(library.hot_held_data(i), library.hot_held_size(i))
        for i in range(library.hot_held())
    ]


def let_go(counted: Counted) -> None:
    """Have everything sent arrive."""
    for i in range(counted.library.hot_held()):
        counted.library.hot_let_go(i)
    counted.library.hot_forget()


@pytest.mark.parametrize("size", SIZES)
def test_broadcast_shares_one_payload_until_the_last_has_it(counted: Counted, size: int) -> None:
    """One copy for all connections; it lives until the last lets go, in any order, on threads."""
    data = random.Random(size).randbytes(size)
    source = bytearray(data)
    results = _native.broadcast(counted.address, range(1, 65), source, int(NOW), 0)
    source[:] = bytes(size)  # ours from here on: the engine has its own copy
    assert results == list(range(1, 65))
    assert len({counted.library.hot_held_data(i) for i in range(64)}) == 1
    assert set(held(counted)) == {data}
    order = random.Random(1).sample(range(64), 64)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(counted.library.hot_let_go, order[:-1]))
    last = order[-1]
    kept = ctypes.string_at(counted.library.hot_held_data(last), size)
    assert kept == data
    counted.library.hot_let_go(last)
    counted.library.hot_forget()


def test_a_failure_stops_only_its_connection(counted: Counted) -> None:
    """In a batch of several calls, what follows a failure is not tried; others go on."""
    counted.library.hot_refuse(13)
    batch = [(13 if i % 10 == 3 else 5, b"%d" % i, 8) for i in range(1000)]
    results = _native.send_many(counted.address, batch)
    refused = [
        result
        for (connection, _, _), result in zip(batch, results, strict=True)
        if connection == 13
    ]
    others = [
        result for (connection, _, _), result in zip(batch, results, strict=True) if connection == 5
    ]
    assert refused == [-EResult.LIMIT_EXCEEDED] + [0] * 99
    assert others == list(range(1, 901))
    assert held(counted) == [b"%d" % i for i in range(1000) if i % 10 != 3]
    assert counted.library.hot_calls() == 4
    assert counted.library.hot_largest_call() <= 256  # engines put an array of it on their stack
    counted.library.hot_refuse(0)
    let_go(counted)


def test_many_dead_connections_cost_no_more_than_a_few(steam: steamnet.Steam) -> None:
    """A failure on each of 100,000 connections is remembered, and not looked for in a list."""
    sockets = steam.networking_sockets
    dead = [0x40000000 + i for i in range(100_000)]
    began = time.process_time()
    results = sockets.broadcast([*dead, *dead], b"x")
    assert time.process_time() - began < 5  # looking through the rest each time took 12
    assert results == [-EResult.INVALID_PARAM] * len(dead) + [0] * len(dead)


@pytest.mark.parametrize(
    "wrong",
    [(1, b"x"), [1, b"x", 8], (1, 5, 8), (1, None, 8), (-1, b"x", 8), (1, b"x", 8, 70000)],
    ids=repr,
)
def test_a_batch_that_cannot_be_meant_sends_nothing(counted: Counted, wrong: Any) -> None:
    """The good items before and after a bad one stay unsent, and their buffers are let go."""
    buffer = bytearray(100)
    with pytest.raises((TypeError, ValueError)):
        _native.send_many(counted.address, [(1, buffer, 8), wrong, (1, buffer, 8)])
    assert counted.library.hot_held() == 0
    buffer.append(0)  # BufferError if anybody still had it


def test_neighbours_in_a_batch_are_not_mixed_up(counted: Counted) -> None:
    """Items that share a connection, flags or a lane with the one before say so themselves."""
    connection, flags = 70001, 70002
    batch: list[Any] = [
        (connection, b"a", flags),
        (connection, b"b", flags, 3),
        (connection, b"c", flags),
        (70003, b"d", flags),
        (connection, b"e", 8, 2),
        (connection, b"f", flags),
    ]
    assert _native.send_many(counted.address, batch) == [1, 2, 3, 4, 5, 6]
    lanes = [counted.library.hot_held_lane(i) for i in range(6)]
    assert lanes == [0, 3, 0, 0, 2, 0]
    assert held(counted) == [b"a", b"b", b"c", b"d", b"e", b"f"]
    let_go(counted)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's size from /proc")
def test_sending_does_not_grow_memory(counted: Counted) -> None:
    """Copies, pooled blocks and shared payloads go back to where they came from."""

    def work() -> None:
        for size in (64, 5000, 40000, 300000):
            data = bytes(size)
            _native.send(counted.address, 1, data, 8, 0)
            _native.send_many(counted.address, [(1, data, 8)] * 4)
            _native.broadcast(counted.address, range(1, 9), data, 8, 0)
            let_go(counted)

    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    for _ in range(50):
        work()
    before = pages()
    for _ in range(200):  # 200 times 4 MB
        work()
    assert (pages() - before) * mmap.PAGESIZE < 64 << 20


# --- sending, on the engines --------------------------------------------------------------------


def take(steam: steamnet.Steam, connection: int, count: int) -> list[bytes]:
    """Receive that many messages; fails when they do not come."""
    got: list[bytes] = []

    def enough() -> bool:
        got.extend(bytes(m) for m in steam.networking_sockets.receive_messages(connection))
        return len(got) >= count

    waiting.until(enough, steam, what=f"{count} messages")
    return got


Way = Callable[[Any, int, Any], Any]
WAYS: dict[str, Way] = {
    "send_message": lambda n, c, d: n.send_message(c, d, NOW) == EResult.OK,
    "with a lane": lambda n, c, d: n.send_message(c, d, NOW, 1) == EResult.OK,
    "numbered": lambda n, c, d: n.send_message_numbered(c, d, NOW)[0] == EResult.OK,
    "send_messages": lambda n, c, d: n.send_messages([(c, d, NOW)])[0] > 0,
    "broadcast": lambda n, c, d: n.broadcast([c], d, NOW)[0] > 0,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_size_arrives_exactly(steam: steamnet.Steam, way: str) -> None:
    """Each way to send carries each size, byte for byte."""
    sockets = steam.networking_sockets
    near, far = sockets.create_socket_pair()
    assert sockets.configure_connection_lanes(near, [0, 0]) == EResult.OK
    for size in SIZES:
        data = random.Random(size).randbytes(size)
        assert WAYS[way](sockets, near, data), size
        assert take(steam, far, 1) == [data], size
    with pytest.raises(ValueError, match="512 KiB"):
        WAYS[way](sockets, near, bytes(524289))


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_buffer_arrives(steam: steamnet.Steam, way: str) -> None:
    """Text and whatever gives contiguous bytes can be sent; the rest is refused in words."""
    sockets = steam.networking_sockets
    near, far = sockets.create_socket_pair()
    sockets.configure_connection_lanes(near, [0, 0])
    memory = mmap.mmap(-1, 4096)
    memory[:5] = b"hello"
    given: list[tuple[Any, bytes]] = [
        ("grüße", "grüße".encode()),
        (b"bytes", b"bytes"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"xviewx")[1:-1], b"view"),
        (array.array("i", [1, -2]), array.array("i", [1, -2]).tobytes()),
        ((ctypes.c_uint16 * 3)(1, 2, 3), bytes((ctypes.c_uint16 * 3)(1, 2, 3))),
        (memoryview(memory)[:5], b"hello"),
        (memoryview(bytes(range(12))).cast("B", (3, 4)), bytes(range(12))),
    ]
    for data, expected in given:
        assert WAYS[way](sockets, near, data)
        assert take(steam, far, 1) == [expected]
    with pytest.raises(ValueError, match="contiguous"):
        WAYS[way](sockets, near, memoryview(b"abcdef")[::2])
    for wrong in (None, 5, 1.5, ["x"], object()):
        with pytest.raises(TypeError, match="str or a bytes-like"):
            WAYS[way](sockets, near, wrong)
    del given, data
    memory.close()


# --- nothing stalls -------------------------------------------------------------------------------


def run_apart(code: str, *arguments: str) -> str:
    """Run code in a process of its own, so that a deadlock is a failure and not a hang."""
    program = "import faulthandler\nfaulthandler.dump_traceback_later(50, exit=True)\n"
    program += textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_nothing_stalls_beside_a_busy_thread_and_shouting_engine_threads(engine: str) -> None:
    """A thread that never sleeps and debug output of everything hold up neither side."""
    out = run_apart(
        """
        import logging, sys, threading, time
        import steamnet
        from steamnet import DebugOutputType, SendFlags

        logging.getLogger("steamnet").addHandler(logging.NullHandler())
        logging.getLogger("steamnet").propagate = False
        steam = steamnet.init(engine=sys.argv[1], identity="76561198000000001")
        sockets = steam.networking_sockets
        steam.networking_utils.set_debug_output(DebugOutputType.EVERYTHING)
        ends = [sockets.create_socket_pair(True) for _ in range(3)]
        stop, each = threading.Event(), 300
        flags = SendFlags.RELIABLE | SendFlags.NO_NAGLE

        def busy():
            while not stop.is_set():
                pass

        def send(connection):
            sent = 0
            while sent < each:
                sent += sockets.send_message(connection, b"%d" % sent, flags) == 1

        threads = [threading.Thread(target=busy)]
        threads += [threading.Thread(target=send, args=(near,)) for near, _ in ends]
        for thread in threads:
            thread.start()
        got = {far: [] for _, far in ends}
        while any(len(numbers) < each for numbers in got.values()):
            steam.run_callbacks()
            for far, numbers in got.items():
                numbers += [int(bytes(m)) for m in sockets.receive_messages(far)]
        stop.set()
        for thread in threads:
            thread.join()
        assert all(numbers == list(range(each)) for numbers in got.values())
        steam.shutdown()
        print("all came")
        """,
        engine,
    )
    assert out == "all came\n"


def test_shutdown_while_every_thread_calls(engine: str) -> None:
    """Calls under way end, later ones raise ClosedError, and nothing crashes."""
    out = run_apart(
        """
        import sys, threading, time
        import steamnet

        sys.setswitchinterval(0.0002)  # nine threads: each gets its turn soon
        for turn in range(5):
            steam = steamnet.init(engine=sys.argv[1], identity="76561198000000001")
            sockets = steam.networking_sockets
            near, far = sockets.create_socket_pair()
            ended, kept = [], []

            def call(work):
                try:
                    while True:
                        work()
                except steamnet.ClosedError:
                    ended.append(work)

            large = bytes(100_000)
            works = [
                lambda: sockets.send_message(near, b"x"),
                lambda: sockets.send_message(near, large),
                lambda: sockets.send_messages([(near, b"x", 8), (near, large, 8)]),
                lambda: sockets.broadcast([near, far], large),
                lambda: kept.append(sockets.receive_messages(far)[-1:]),
                lambda: sockets.receive_columns_on_connection(far, 10),
                lambda: sockets.get_connection_info(far),
                lambda: sockets.get_quick_connection_status(far),
                steam.run_callbacks,
            ]
            threads = [threading.Thread(target=call, args=(work,)) for work in works]
            for thread in threads:
                thread.start()
            time.sleep(0.05)
            steam.shutdown()
            for thread in threads:
                thread.join()
            assert len(ended) == len(works)
            assert all(len(bytes(m)) in (1, 100_000) for ms in kept for m in ms)
        print("all ended")
        """,
        engine,
    )
    assert out == "all ended\n"


def test_bench_prints_a_table(engine: str) -> None:
    """`steamnet bench` measures an engine and says what each thing costs."""
    command = [sys.executable, "-m", "steamnet", "bench", "--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if " ns" in line]
    assert [row.split(",")[0].split()[0] for row in rows] == (
        ["receive"] * 6 + ["send"] * 5 + ["broadcast"]
    )
    assert all(int(row.split(" ns")[0].split()[-1].replace(",", "")) > 0 for row in rows)
