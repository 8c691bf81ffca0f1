"""Memory stays where it was: on the full path, the empty path, and each path that fails."""

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from process_figures import SLACK, memory
from waiting import until

import steamnet
from steamnet import ConnectionEvent, EResult, SendFlags, Steam

pytestmark = pytest.mark.python_behaviour

NO_NAGLE = SendFlags.RELIABLE_NO_NAGLE


@contextmanager
def unchanged_memory(slack: int = SLACK, pump: Callable[[], object] = gc.collect) -> Iterator[None]:
    """Check that neither the process nor Python's heap gets larger.

    What another thread of the engine frees has until the time-out for it.
    """
    before, blocks = memory(), sys.getallocatedblocks()
    yield
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 1000
    until(lambda: memory() - before < slack, pump=pump, timeout=60, what="memory to be given back")


def forgotten(engine: str) -> None:
    """Let pass the time for which an engine remembers connections that were closed."""
    if engine == "gns":
        time.sleep(6)  # it remembers the dead for 5 s; what is freed later hides a little growth


def carry(steam: Steam, pair: tuple[int, int], data: bytes, rounds: int, batch: int = 64) -> int:
    """Send rounds of batches and receive them all; how many arrived."""
    sockets = steam.networking_sockets
    messages = [(pair[0], data, NO_NAGLE)] * batch
    arrived = waiting = 0
    for _ in range(rounds):
        results = sockets.send_messages(messages)
        waiting += sum(result > 0 for result in results)
        if results[-1] <= 0:  # full: let it drain
            steam.run_callbacks()
        while got := len(sockets.receive_messages(pair[1], 256)):
            arrived += got
    while arrived < waiting:
        arrived += len(sockets.receive_messages(pair[1], 256))
        steam.run_callbacks()
    return arrived


def fill_pool(steam: Steam, pair: tuple[int, int], size: int) -> None:
    """Hold so many messages of a size at once that the pool keeps no more blocks later."""
    sockets, held = steam.networking_sockets, []

    def pump() -> None:
        assert sockets.send_message(pair[0], bytes(size), NO_NAGLE) > 0
        steam.run_callbacks()
        held.extend(sockets.receive_messages(pair[1]))

    until(lambda: len(held) >= 16, pump=pump, what="sixteen messages")


def test_a_million_messages_leave_memory_where_it_was(steam: Steam) -> None:
    """Small ones, received in batches and dropped."""
    pair = steam.networking_sockets.create_socket_pair()
    carry(steam, pair, b"warm up", 1000)
    with unchanged_memory():
        arrived = 0
        while arrived < 1_000_000:
            arrived += carry(steam, pair, b"a payload", 1000)


@pytest.mark.parametrize("size", [2_000, 100_000])
def test_large_messages_leave_memory_where_it_was(steam: Steam, size: int) -> None:
    """Those whose payloads are not copied go back to the engine, all of them."""
    pair = steam.networking_sockets.create_socket_pair()
    fill_pool(steam, pair, size)
    carry(steam, pair, bytes(size), 100, 4)
    with unchanged_memory():
        carry(steam, pair, bytes(size), 1000, 4)


def test_a_million_empty_polls_leave_memory_where_it_was(steam: Steam) -> None:
    """Of a connection, a group, a channel and events, as a game does 60 times a second."""
    sockets, messages = steam.networking_sockets, steam.networking_messages
    pair, group = sockets.create_socket_pair(), sockets.create_poll_group()
    sockets.set_connection_poll_group(pair[1], group)

    def poll(times: int) -> None:
        for _ in range(times):
            assert sockets.receive_messages(pair[0]) == []
            assert sockets.receive_messages_on_poll_group(group) == []
            assert messages.receive_messages_on_channel(0) == []
            assert sockets.receive_messages(1) == []

    poll(1000)
    with unchanged_memory():
        poll(250_000)


def test_empty_frames_leave_memory_where_it_was(steam: Steam) -> None:
    """run_callbacks and all that a game asks in a frame in which nothing happens."""
    sockets = steam.networking_sockets
    pair = sockets.create_socket_pair()

    def frames(times: int) -> None:
        for _ in range(times):
            steam.run_callbacks()
            sockets.connection_events()
            sockets.get_connection_info(pair[0])
            sockets.get_quick_connection_status(pair[0], lanes=1)
            sockets.get_detailed_connection_status(pair[0])

    frames(300)
    with unchanged_memory():
        frames(10_000)


def test_what_fails_leaves_memory_where_it_was(steam: Steam) -> None:
    """Dead handles, full buffers, wrong arguments: whatever was taken is given back."""
    sockets = steam.networking_sockets
    here, _ = sockets.create_socket_pair()
    data, strided = bytearray(40_000), memoryview(bytes(100_000))[::2]

    def fail(times: int) -> None:
        for _ in range(times):
            assert sockets.send_message(1, data) == EResult.INVALID_PARAM
            assert sockets.send_messages([(1, data, 8), (1, "text", 8)]) == [-8, 0]
            assert sockets.broadcast([1, 0], data) == [-8, -8]
            for wrong in (strided, None, 1.5):
                with pytest.raises((TypeError, ValueError)):
                    sockets.send_message(here, wrong)
                with pytest.raises((TypeError, ValueError)):
                    sockets.send_messages([(here, data, 8), (here, wrong, 8)])
                with pytest.raises((TypeError, ValueError)):
                    sockets.broadcast([here, wrong], data)
        data.append(1)  # no buffer of it is held, or this would raise
        data.pop()

    fail(200)
    with unchanged_memory():
        fail(3000)


def test_a_full_send_buffer_leaves_memory_where_it_was(steam: Steam) -> None:
    """Messages that are refused go nowhere, and stay nowhere."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair(use_network_loopback=True)
    payload = bytes(250_000)

    def overflow(times: int) -> int:
        results = [sockets.send_message(here, payload, NO_NAGLE) for _ in range(times)]
        results += [EResult(-r) for r in sockets.broadcast([here] * 5, payload) if r < 0]
        return results.count(EResult.LIMIT_EXCEEDED)

    assert overflow(100) > 0
    sockets.receive_messages(there)
    pool = 8 * 256 * 1024  # of blocks, which is not always full
    with unchanged_memory(SLACK + pool, lambda: sockets.receive_messages(there)):
        assert overflow(5000) > 4000


def test_handlers_that_raise_leave_memory_where_it_was(engine: str, steam: Steam) -> None:
    """Events, and messages in a failing handler's hands, go when the exception has gone."""
    sockets = steam.networking_sockets
    sockets.create_listen_socket_p2p(0)
    me, pair = steam.core.get_steam_id(), sockets.create_socket_pair()

    @sockets.on_connection_status_changed
    def failing(event: ConnectionEvent) -> None:
        sockets.send_message(pair[0], bytes(200_000), NO_NAGLE)
        kept = sockets.receive_messages(pair[1])
        raise ValueError(f"with {len(kept)} messages in hand, of {event}")

    def rounds(times: int) -> None:
        for _ in range(times):
            sockets.connect_p2p(me, 0)
            failed = 0
            while not failed:
                try:
                    steam.run_callbacks()
                except ValueError as error:
                    failed += 1 + len(getattr(error, "__notes__", []))
            for connection in set(steam._closing.connections) - {*pair}:
                sockets.close_connection(connection)

    fill_pool(steam, pair, 200_000)
    rounds(60)
    forgotten(engine)
    with unchanged_memory():
        rounds(300)


def test_engines_that_come_and_go_leave_memory_where_it_was(engine: str) -> None:
    """Each opened, used and shut down, its handles left to shutdown."""

    def live(times: int) -> None:
        for _ in range(times):
            steam = steamnet.init(engine=engine)
            sockets = steam.networking_sockets
            sockets.create_poll_group()
            sockets.create_listen_socket_p2p(0)
            pair = sockets.create_socket_pair()
            carry(steam, pair, bytes(2000), 5, 4)
            steam.shutdown()

    live(5)
    with unchanged_memory():
        live(50)


def test_connections_that_come_and_go_leave_memory_where_it_was(engine: str, steam: Steam) -> None:
    """Hundreds of them, each closed by the one end and then by the other."""
    sockets = steam.networking_sockets
    sockets.create_listen_socket_p2p(0)
    me = steam.core.get_steam_id()

    def come_and_go(times: int) -> None:
        for _ in range(times):
            client = sockets.connect_p2p(me, 0)
            server = 0
            while not server:
                steam.run_callbacks()
                events = sockets.connection_events()
                server = next((e.connection for e in events if e.is_incoming_request), 0)
            sockets.accept_connection(server)
            sockets.close_connection(client)
            sockets.close_connection(server)
        steam.run_callbacks()
        sockets.connection_events()

    come_and_go(100)
    forgotten(engine)
    with unchanged_memory():
        come_and_go(500)
    assert len(steam._closing.connections) <= 1
