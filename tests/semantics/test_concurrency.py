"""What several threads may do at once, and what handlers may do in run_callbacks."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
import waiting

import steamnet
from steamnet import ClosedError, ConfigValue, ConnectionEvent, ConnectionState, EResult, Steam

pytestmark = [
    pytest.mark.python_behaviour,
    pytest.mark.real_clock("threads do not wait for a clock"),
]


@pytest.mark.parametrize("network", [False, True], ids=["within", "network"])
def test_many_senders_and_receivers(steam: Steam, network: bool) -> None:
    """Four senders and two receivers share a connection: all arrives, in each sender's order."""
    sockets = steam.networking_sockets
    one, other = sockets.create_socket_pair(network)
    for key in (ConfigValue.SEND_RATE_MAX, ConfigValue.SEND_RATE_MIN):
        sockets.set_connection_config_value(one, key, 10_000_000)
    numbers: list[list[int]] = [[] for _ in range(4)]
    received: list[list[tuple[int, bytes]]] = [[], []]
    done = threading.Event()

    def send(sender: int) -> None:
        for count in range(500):
            result, number = EResult.LIMIT_EXCEEDED, -1
            while result == EResult.LIMIT_EXCEEDED:
                result, number = sockets.send_message_numbered(one, bytes([sender, count % 256]))
            assert result == EResult.OK
            numbers[sender].append(number)

    def receive(mine: list[tuple[int, bytes]]) -> None:
        while not done.is_set():
            steam.run_callbacks()
            mine += [(m.message_number, bytes(m)) for m in sockets.receive_messages(other)]

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=receive, args=(mine,)) for mine in received]
    for thread in threads:
        thread.start()
    try:
        waiting.until(lambda: sum(map(len, received)) >= 2000, what="2000 messages")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    everything = sorted(received[0] + received[1])
    assert [number for number, _ in everything] == list(range(1, 2001))
    assert sorted(number for mine in numbers for number in mine) == list(range(1, 2001))
    for sender in range(4):
        counts = [data[1] for _, data in everything if data[0] == sender]
        assert counts == [count % 256 for count in range(500)]
        assert numbers[sender] == sorted(numbers[sender])


def test_events_are_delivered_once(steam: Steam) -> None:
    """Four threads that run callbacks give each event to the handlers exactly once."""
    sockets = steam.networking_sockets
    heard: list[int] = []
    sockets.on_connection_status_changed(lambda event: heard.append(event.connection))
    pairs = [sockets.create_socket_pair() for _ in range(100)]
    for pair in pairs:
        sockets.close_connection(pair[0])
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            steam.run_callbacks()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        waiting.until(lambda: len(heard) >= 200, what="200 events")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # One end closed, the other told of it: an event for each.
    assert sorted(heard) == sorted(connection for pair in pairs for connection in pair)


def test_handlers_may_call_anything(steam: Steam, until: Callable[..., None]) -> None:
    """A handler may send, receive, close, connect, and run callbacks itself."""
    sockets = steam.networking_sockets
    log: list[str] = []

    @sockets.on_connection_status_changed
    def handler(event: ConnectionEvent) -> None:
        log.append(event.info.state_name)
        if event.state == ConnectionState.CLOSED_BY_PEER:
            log.extend(m.decode() for m in sockets.receive_messages(event.connection))
            steam.run_callbacks()
            assert sockets.close_connection(event.connection)
            assert all(sockets.create_socket_pair())

    _one, other = sockets.create_socket_pair()
    sockets.send_message(other, b"read me in the handler")

    def drained() -> bool:
        status = sockets.get_quick_connection_status(other)
        return status is not None and status.pending_reliable == status.sent_unacked_reliable == 0

    until(drained, steam, what="the message to arrive")
    sockets.close_connection(other)
    until(lambda: log.count("None") == 2, steam, what="both ends closed")
    assert "read me in the handler" in log


def test_handler_may_shut_down(engine: str, until: Callable[..., None]) -> None:
    """Shutting down from a handler ends everything in good order."""
    steam = steamnet.init(engine=engine)
    sockets = steam.networking_sockets
    sockets.on_connection_status_changed(lambda _: steam.shutdown())
    one, _other = sockets.create_socket_pair()
    sockets.close_connection(one)

    def pumped() -> bool:
        with suppress(ClosedError):
            steam.run_callbacks()
        return not steam.engine.is_open

    until(pumped, what="the shutdown")
    with pytest.raises(ClosedError):
        sockets.create_poll_group()


def test_handler_that_raises_stops_nothing(steam: Steam, until: Callable[..., None]) -> None:
    """All handlers get all events; the first exception comes out, the others as its notes."""
    sockets = steam.networking_sockets
    heard = []

    @sockets.on_connection_status_changed
    def bad(event: ConnectionEvent) -> None:
        raise ValueError(f"no. {len(heard)}")

    sockets.on_connection_status_changed(heard.append)
    for _ in range(2):
        sockets.close_connection(sockets.create_socket_pair()[0])
    errors: list[ValueError] = []

    def four() -> bool:
        try:
            steam.run_callbacks()
        except ValueError as error:
            errors.append(error)
        return len(heard) == 4

    until(four, what="four events")
    assert str(errors[0]) == "no. 0"
    notes = [note for error in errors for note in getattr(error, "__notes__", [])]
    assert len(errors) + len(notes) == 4


@pytest.mark.parametrize("attempt", range(8))
def test_shutdown_while_others_call(engine: str, attempt: int) -> None:
    """Calls of other threads either happen or raise ClosedError; nothing crashes."""
    steam = steamnet.init(engine=engine)
    sockets = steam.networking_sockets
    one, other = sockets.create_socket_pair(True)
    ended: list[Exception] = []

    def work() -> None:
        try:
            while True:
                sockets.send_message(one, b"x")
                sockets.receive_messages(other)
                sockets.get_connection_info(one)
                steam.run_callbacks()
        except Exception as error:
            ended.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.005 * attempt)
    steam.shutdown()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert [type(error) for error in ended] == [ClosedError] * 4
