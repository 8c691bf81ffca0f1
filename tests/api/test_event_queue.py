"""What an engine says arrives whole, in order, and is never lost in silence."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
import waiting

import steamnet
from steamnet import ClosedError, ConnectionEvent, ConnectionState, Steam
from steamnet.engine import MAX_EVENTS

pytestmark = pytest.mark.python_behaviour

FLOOD = 66_000  # events: more than any backlog of ours


def closed_pairs(steam: Steam, count: int) -> list[int]:
    """Make pairs and close them, which leaves an event of each connection's end to be delivered."""
    sockets = steam.networking_sockets
    closed = [connection for _ in range(count) for connection in sockets.create_socket_pair()]
    for connection in closed:
        sockets.close_connection(connection)
    return closed


def ended(events: list[ConnectionEvent]) -> list[int]:
    """Return whose end is told; GNS also tells one end of a pair that the other has gone."""
    return [event.connection for event in events if event.state == ConnectionState.NONE]


@contextlib.contextmanager
def passed_first(steam: Steam, strike: Callable[[], None]) -> Iterator[None]:
    """Have it called before each event that is passed on."""
    sink = steam.engine.connection_sink

    def first(events: list[ConnectionEvent]) -> None:
        while events:
            strike()
            sink([events.pop()])

    steam.engine.connection_sink = first
    yield
    steam.engine.connection_sink = sink


def run_all(steam: Steam) -> None:
    """Run callbacks until there is nothing more."""
    steam.run_callbacks()
    while steam.engine.has_more:
        steam.run_callbacks()


def until_closed_by_peer(steam: Steam, connection: int, until: Callable[..., None]) -> None:
    """Wait until the peer's close has arrived."""

    def closed() -> bool:
        info = steam.networking_sockets.get_connection_info(connection)
        return info is not None and info.state == ConnectionState.CLOSED_BY_PEER

    until(closed, steam, what="the caller is told")


def test_who_pumps_in_the_midst_of_it_does_not_change_the_order(steam: Steam) -> None:
    """A finalizer may strike between an event's arrival and its delivery, and run callbacks."""
    sockets = steam.networking_sockets
    heard: list[ConnectionEvent] = []
    sockets.on_connection_status_changed(heard.append)
    closed = closed_pairs(steam, 20)
    with passed_first(steam, steam.run_callbacks):
        steam.run_callbacks()
    assert ended(heard) == closed


@pytest.mark.parametrize("before", [0, 1, 4])
def test_who_is_interrupted_in_the_midst_of_it_goes_on_with_the_next(
    steam: Steam, before: int
) -> None:
    """An exception out of the delivery, as Ctrl-C is one, does not end all deliveries."""
    sockets = steam.networking_sockets
    calls = 0

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls > before:
            raise KeyboardInterrupt

    closed = closed_pairs(steam, 3)
    with passed_first(steam, interrupt), pytest.raises(KeyboardInterrupt):
        steam.run_callbacks()
    assert steam.engine.has_more
    assert steam.wait(0)
    told = ended(sockets.connection_events())
    run_all(steam)
    told += ended(sockets.connection_events())
    assert told == [connection for connection in closed if connection in told]
    assert len(told) >= len(closed) - 1  # the one at hand is lost


def test_a_listen_socket_closed_in_the_midst_of_it_turns_away_who_waits(
    engine: str, until: Callable[..., None]
) -> None:
    """A finalizer closes a listener while a request on it has arrived and was not yet passed on."""
    with steamnet.init(engine=engine, identity="76561198000000001") as steam:
        sockets = steam.networking_sockets
        listener = sockets.create_listen_socket_p2p(7)

        def strike() -> None:
            if open_ones:
                assert sockets.close_listen_socket(open_ones.pop())

        open_ones = [listener]
        closed_pairs(steam, 1)
        with passed_first(steam, strike):
            caller = sockets.connect_p2p("76561198000000001", 7)
            assert caller
            until_closed_by_peer(steam, caller, until)
        assert not open_ones
        assert not any(event.is_incoming_request for event in sockets.connection_events())
        assert sockets.create_listen_socket_p2p(7)


@pytest.mark.parametrize("count", [MAX_EVENTS - 1, MAX_EVENTS, MAX_EVENTS + 1, 3 * MAX_EVENTS])
@pytest.mark.parametrize("handled", [False, True])
def test_a_call_takes_a_bounded_number_of_events(steam: Steam, count: int, handled: bool) -> None:
    """The rest waits for the next call, which need not wait; nothing is lost, the order kept."""
    sockets = steam.networking_sockets
    heard: list[ConnectionEvent] = []
    if handled:
        sockets.on_connection_status_changed(heard.append)
    closed = closed_pairs(steam, (count + 1) // 2)
    told: list[ConnectionEvent] = []
    more = True
    while more:
        steam.run_callbacks()
        more = steam.engine.has_more
        took = heard[:] if handled else sockets.connection_events()
        heard.clear()
        assert len(took) == MAX_EVENTS if more else len(took) <= MAX_EVENTS
        told += took
    assert ended(told) == closed


def test_who_subscribes_late_gets_what_waits_a_part_a_call(steam: Steam) -> None:
    """Events that were queued before there was a handler are bounded as well."""
    sockets = steam.networking_sockets
    closed = closed_pairs(steam, MAX_EVENTS)
    run_all(steam)
    heard: list[ConnectionEvent] = []
    sockets.on_connection_status_changed(heard.append)
    steam.run_callbacks()
    assert len(heard) == MAX_EVENTS
    run_all(steam)
    assert ended(heard) == closed


def test_a_listen_socket_is_closed_whatever_waits(engine: str, until: Callable[..., None]) -> None:
    """Requests behind more events than one call takes are turned away with the others."""
    with steamnet.init(engine=engine, identity="76561198000000001") as steam:
        sockets = steam.networking_sockets
        listener = sockets.create_listen_socket_p2p(7)
        closed_pairs(steam, MAX_EVENTS)
        caller = sockets.connect_p2p("76561198000000001", 7)
        assert sockets.close_listen_socket(listener)
        until_closed_by_peer(steam, caller, until)


def test_a_flood_holds_up_neither_a_frame_nor_a_shutdown(steam: Steam) -> None:
    """While other threads make events without end, each call ends, and so does shutdown."""
    sockets = steam.networking_sockets
    over = threading.Event()

    def churn() -> None:
        with contextlib.suppress(ClosedError):
            while not over.is_set():
                for connection in sockets.create_socket_pair():
                    sockets.close_connection(connection)

    def frames() -> None:
        with contextlib.suppress(ClosedError):
            while True:
                steam.run_callbacks()
                sizes.append(len(sockets.connection_events()))

    sizes: list[int] = []
    threads = [threading.Thread(target=work) for work in (churn, churn, churn, frames)]
    for thread in threads:
        thread.start()
    try:
        waiting.until(lambda: len(sizes) >= 20, what="twenty frames")
        steam.shutdown()
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert max(sizes[:20]) <= MAX_EVENTS  # a shutdown lets the engine work, too


@pytest.mark.not_on("gns", why="it takes a minute to make as many connections")
class TestFlood:
    """More events than anybody would keep waiting."""

    def test_handlers_get_them_all(self, steam: Steam) -> None:
        """While somebody listens, nothing makes room for anything."""
        heard: list[ConnectionEvent] = []
        steam.networking_sockets.on_connection_status_changed(heard.append)
        closed = closed_pairs(steam, FLOOD // 2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run_all(steam)
        assert ended(heard) == closed

    def test_where_nobody_listens_the_loss_is_told(self, steam: Steam) -> None:
        """The newest wait, the oldest are lost with a warning, and the manager knows of all."""
        closed = closed_pairs(steam, FLOOD // 2)
        with pytest.warns(RuntimeWarning, match="the oldest are lost"):
            run_all(steam)
        waiting = steam.networking_sockets.connection_events()
        assert len(waiting) == 65536
        assert ended(waiting) == closed[-len(ended(waiting)) :]
        assert not steam._closing.connections


@pytest.mark.not_on("loopback", why="it has not so much to say")
def test_lost_debug_lines_are_counted(steam: Steam, caplog: pytest.LogCaptureFixture) -> None:
    """Who asks for all the chatter and takes it too seldom is told how much is missing."""
    steam.networking_utils.set_debug_output(8)
    closed_pairs(steam, 1500)
    with caplog.at_level(logging.DEBUG, "steamnet"):
        steam.run_callbacks()
        assert len(caplog.records) == MAX_EVENTS
        while len(caplog.records) < 4097:
            steam.run_callbacks()
    lost, *rest = caplog.records
    assert lost.message.endswith("lines are lost: run_callbacks is called too seldom")
    assert lost.levelno == logging.WARNING
    assert int(lost.message.split()[0]) > 0
    assert len(rest) >= 4096


def test_what_is_to_be_passed_on_is_no_quiet_time(steam: Steam) -> None:
    """Where nothing but messages came, `run_callbacks` has nothing to do, and sees only that."""
    engine = steam.engine
    told: list[ConnectionEvent] = []
    waiting.until(engine.pump_quietly, steam)
    engine.note_news()
    assert not engine.pump_quietly()
    assert not engine.pump_quietly()  # until it has been seen to
    steam.run_callbacks()
    waiting.until(engine.pump_quietly, steam)
    pairs = closed_pairs(steam, 1)
    waiting.until(lambda: not engine.pump_quietly())
    steam.run_callbacks()
    waiting.until(engine.pump_quietly, steam)
    steam.networking_sockets.on_connection_status_changed(told.append)  # what waits for a handler
    assert not told
    waiting.until(lambda: set(ended(told)) == set(pairs), steam)
    steam.shutdown()
    assert not engine.pump_quietly()
    with pytest.raises(ClosedError):
        steam.run_callbacks()


class LateLock:
    """An engine's lock, which another thread has first: it works, then this one gets the lock."""

    def __init__(self, steam: Steam, work: Callable[[], object]) -> None:
        """Stand in for the lock, for the next who takes it."""
        self._engine, self._lock = steam.engine, steam.engine.events_lock
        self._thread = threading.Thread(target=work)
        self._engine.events_lock = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        """Wait for the other thread, then take the lock."""
        self._engine.events_lock = self._lock
        self._thread.start()
        self._thread.join(waiting.PATIENCE)
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        self._lock.release()


@pytest.mark.parametrize("kind", ["pumped", "closed while it connects"])
def test_what_another_thread_has_done_meanwhile_is_passed_on(steam: Steam, kind: str) -> None:
    """Its pump, or close, comes before ours: then no wait of ours would end by it."""
    sockets = steam.networking_sockets
    told: list[ConnectionEvent] = []
    expected: list[int] = []
    sockets.on_connection_status_changed(told.append)
    connecting = sockets.connect_by_ip_address("127.0.0.1:9")
    sockets.send_message(connecting, b"queued", steamnet.SendFlags.RELIABLE)
    steam.run_callbacks()
    waiting.until(steam._ran_quietly, steam)

    def pump() -> None:
        expected.extend(closed_pairs(steam, 1))
        while len(ended([*sockets._events._waiting])) < 2:
            steam.engine.pump(None)

    def close() -> None:
        expected.append(connecting)
        sockets.close_connection(connecting, enable_linger=True)

    LateLock(steam, pump if kind == "pumped" else close)
    steam.run_callbacks()
    assert set(expected) <= set(ended(told))
