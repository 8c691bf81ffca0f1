"""Events: in order, once, whole; with any handler, whatever it does."""

import gc
import threading
import warnings
from collections.abc import Callable

import pytest

import steamnet
from steamnet import ConnectionEvent, ConnectionState, Steam, SteamNetworkingSocketsManager
from steamnet.events import BACKLOG, EventStream, raise_first

pytestmark = pytest.mark.python_behaviour

Until = Callable[..., None]
ALICE = "76561198000000001"
PORT = 3


@pytest.fixture
def sockets(steam: Steam) -> SteamNetworkingSocketsManager:
    """Alice's sockets, with a listen socket to call herself on."""
    assert steam.networking_sockets.create_listen_socket_p2p(PORT)
    return steam.networking_sockets


def call(sockets: SteamNetworkingSocketsManager, times: int = 1) -> list[int]:
    """Begin connections; each soon gives two events, one to either end."""
    return [sockets.connect_p2p(ALICE, PORT) for _ in range(times)]


def paths(events: list[ConnectionEvent]) -> dict[int, list[ConnectionState | int]]:
    """The states that each connection went through."""
    found: dict[int, list[ConnectionState | int]] = {}
    for event in events:
        path = found.setdefault(event.connection, [event.old_state])
        assert path[-1] == event.old_state, "no event is missing"
        path.append(event.state)
    return found


# --- asking ---------------------------------------------------------------------------------------


def test_events_wait_until_somebody_asks(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """A whole life: both ends' events in order, each with what was true at that moment."""
    (client,) = call(sockets)
    events: list[ConnectionEvent] = []

    def more() -> list[ConnectionEvent]:
        got = sockets.connection_events()
        events.extend(got)
        return got

    until(lambda: more() and any(e.is_incoming_request for e in events), steam, what="a request")
    (request,) = [e for e in events if e.is_incoming_request]
    assert request.info.identity_remote == ALICE
    assert request.listen_socket == request.info.listen_socket != 0
    assert request.connection != client
    assert sockets.accept_connection(request.connection)

    def both_connected() -> bool:
        more()
        return [e.state for e in events].count(ConnectionState.CONNECTED) == 2

    until(both_connected, steam, what="both ends connected")
    sockets.close_connection(client, 1001, "over")

    def told() -> bool:
        more()
        return any(e.state == ConnectionState.CLOSED_BY_PEER for e in events)

    until(told, steam, what="the other end told")
    ended = next(e for e in events if e.state == ConnectionState.CLOSED_BY_PEER)
    assert (ended.info.end_reason, ended.info.end_debug) == (1001, "over")
    assert ended.connection == request.connection
    for path in paths(events).values():
        assert path[:2] == [ConnectionState.NONE, ConnectionState.CONNECTING]
        assert ConnectionState.CONNECTED in path
    assert all(event.state == event.info.state for event in events)
    assert sockets.connection_events() == []


def test_nothing_is_told_but_by_run_callbacks(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """Events appear when the game pumps, not in between."""
    call(sockets)
    assert sockets.connection_events() == []
    until(lambda: sockets.connection_events(), steam, what="an event")


# --- handlers -------------------------------------------------------------------------------------


def test_a_handler_gets_what_waits_and_what_comes(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """Then nothing piles up; without a handler events wait again."""
    call(sockets)
    steam.run_callbacks()
    got: list[ConnectionEvent] = []
    handler = sockets.on_connection_status_changed(got.append)
    assert handler == got.append
    until(lambda: len(got) == 2, steam, what="what waited")
    assert sockets.connection_events() == []
    call(sockets)
    until(lambda: len(got) == 4, steam, what="what came")
    assert sockets.connection_events() == []
    sockets.remove_connection_status_handler(handler)
    call(sockets)
    waiting: list[ConnectionEvent] = []
    until(lambda: len(waiting) == 2 or waiting.extend(sockets.connection_events()), steam)
    assert len(got) == 4


def test_a_handler_can_be_given_as_a_decorator(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """The name stays the function; several handlers all hear, in the order of subscription."""
    heard: list[str] = []

    @sockets.on_connection_status_changed
    def first(event: ConnectionEvent) -> None:
        heard.append("first")

    @sockets.on_connection_status_changed
    def second(event: ConnectionEvent) -> None:
        heard.append("second")

    assert callable(first)
    call(sockets)
    until(lambda: len(heard) == 4, steam, what="two events, heard twice")
    assert heard == ["first", "second"] * 2


def test_a_handler_that_raises_stops_nothing_and_loses_nothing(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """The rest is delivered; then run_callbacks raises the first, the others as its notes."""
    first, second = _two_waiting(steam, sockets, until)
    heard: list[ConnectionEvent] = []

    def bad(event: ConnectionEvent) -> None:
        raise ValueError(f"about {event.connection}")

    sockets.on_connection_status_changed(bad)
    sockets.on_connection_status_changed(heard.append)
    with pytest.raises(ValueError, match=f"about {first.connection}") as caught:
        steam.run_callbacks()
    assert heard == [first, second]
    assert caught.value.__notes__ == [
        f"another handler raised ValueError: about {second.connection}"
    ]
    steam.run_callbacks()  # and that was that


def _two_waiting(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> list[ConnectionEvent]:
    """Call, have the two events of that wait in the manager, and say which they are."""
    call(sockets)
    events: list[ConnectionEvent] = []
    until(lambda: len(events) == 2 or events.extend(sockets.connection_events()), steam)
    for event in events:
        sockets._events.push(event)
    return events


def test_an_interrupt_in_a_handler_passes_at_once_and_the_rest_waits(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """Ctrl-C is no event handler's failure: run_callbacks ends there, later ones go on."""
    _first, second = _two_waiting(steam, sockets, until)

    @sockets.on_connection_status_changed
    def interrupted(event: ConnectionEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steam.run_callbacks()
    sockets.remove_connection_status_handler(interrupted)
    assert sockets.connection_events() == [second]


def test_a_handler_may_call_anything(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """Accept, send, receive, pump, close and unsubscribe, from within its own call."""
    said: list[str] = []

    @sockets.on_connection_status_changed
    def host(event: ConnectionEvent) -> None:
        if event.is_incoming_request:
            assert sockets.accept_connection(event.connection)
        elif event.state == ConnectionState.CONNECTED and event.listen_socket:
            sockets.send_message(event.connection, "welcome")
            steam.run_callbacks()
        elif event.state == ConnectionState.CONNECTED:
            clients.append(event.connection)

    clients: list[int] = []
    call(sockets, 3)

    def all_said() -> bool:
        for client in clients:
            said.extend(m.decode() for m in sockets.receive_messages(client))
        return len(said) == 3

    until(all_said, steam, what="three welcomes")

    @sockets.on_connection_status_changed
    def last(event: ConnectionEvent) -> None:
        sockets.remove_connection_status_handler(last)
        sockets.remove_connection_status_handler(host)

    sockets.close_connection(clients[0])
    steam.run_callbacks()
    with pytest.raises(ValueError, match="is not subscribed to"):
        sockets.remove_connection_status_handler(host)


def test_a_handler_may_shut_down(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """run_callbacks, which called it, ends well, with what waited delivered."""
    waiting = _two_waiting(steam, sockets, until)
    heard: list[ConnectionEvent] = []

    @sockets.on_connection_status_changed
    def enough(event: ConnectionEvent) -> None:
        steam.shutdown()
        heard.append(event)

    steam.run_callbacks()
    assert heard[:2] == waiting
    with pytest.raises(steamnet.ClosedError):
        steam.run_callbacks()


def test_a_handler_that_ends_the_program_loses_nothing(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """The event reaches its other handlers, the next one waits, and the end comes at once."""
    first, second = _two_waiting(steam, sockets, until)
    heard: list[ConnectionEvent] = []

    def leave(event: ConnectionEvent) -> None:
        raise SystemExit(f"about {event.connection}")

    sockets.on_connection_status_changed(leave)
    sockets.on_connection_status_changed(heard.append)
    for event in (first, second):
        with pytest.raises(SystemExit, match=f"about {event.connection}"):
            steam.run_callbacks()
        assert heard.pop() == event
        assert heard == []


def test_a_handler_raising_after_shutdown_is_still_heard(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """Its exception is not lost with the engine."""
    _two_waiting(steam, sockets, until)

    @sockets.on_connection_status_changed
    def broken(event: ConnectionEvent) -> None:
        steam.shutdown()
        raise LookupError("nothing left")

    with pytest.raises(LookupError, match="nothing left"):
        steam.run_callbacks()


# --- threads, finalizers, floods ------------------------------------------------------------------


def test_events_pumped_from_many_threads_are_each_told_once(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """Four threads pump and drain; together they see each connection's events, once."""
    seen: list[ConnectionEvent] = []
    done = threading.Event()

    def pump() -> None:
        while not done.is_set():
            steam.run_callbacks()
            seen.extend(sockets.connection_events())

    threads = [threading.Thread(target=pump) for _ in range(4)]
    for thread in threads:
        thread.start()
    clients = call(sockets, 50)
    for client in clients:
        sockets.close_connection(client)
    until(lambda: len({e.connection for e in seen}) == 100, what="events of 100 connections")
    done.set()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()
    seen.extend(sockets.connection_events())
    told = [(e.connection, e.old_state, e.state) for e in seen]
    assert len(set(told)) == len(told)


@pytest.mark.usefixtures("eager_collector")
def test_a_finalizer_may_close_things_while_events_are_read(
    steam: Steam, sockets: SteamNetworkingSocketsManager, until: Until
) -> None:
    """The collector may run one inside run_callbacks: pumping there does not wait for itself."""
    other = sockets.create_listen_socket_p2p(PORT + 1)

    class Lobby:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            closed.append(sockets.close_listen_socket(other))

    closed: list[bool] = []
    call(sockets, 3)
    heard: list[ConnectionEvent] = []
    Lobby()
    gc.enable()
    until(lambda: len(heard) == 6 or heard.extend(sockets.connection_events()), steam)
    gc.collect()
    assert closed == [True]
    paths(heard)


def test_a_flood_that_nobody_takes_is_bounded_and_said() -> None:
    """The oldest make room, with a warning, once 65,536 wait; the newest are never lost."""
    stream: EventStream[int] = EventStream("test", lambda: None)
    for number in range(BACKLOG):
        stream.push(number)
    with pytest.warns(RuntimeWarning, match="65536 test events wait and are not taken"):
        stream.push(BACKLOG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            stream.push(BACKLOG + 1)
    assert stream.drain() == list(range(2, BACKLOG + 2))


def test_handlers_of_two_threads_may_overlap() -> None:
    """One waits for the other, which a lock around them would never let happen."""
    stream: EventStream[int] = EventStream("test", lambda: None)
    both = threading.Barrier(2, timeout=20)
    stream.push(1)
    stream.push(2)
    stream.subscribe(lambda _: both.wait())
    errors: list[Exception] = []
    threads = [threading.Thread(target=stream.deliver, args=(2, errors)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert errors == []


def test_errors_without_notes_pass_as_they_are() -> None:
    """One exception is raised bare; none raises nothing."""
    raise_first([])
    with pytest.raises(KeyError) as caught:
        raise_first([KeyError("alone")])
    assert not hasattr(caught.value, "__notes__")


def test_every_subscription_has_its_removal(steam: Steam) -> None:
    """What on_x subscribes, remove_x_handler ends, once; the events can be drained from then on."""
    seen = 0
    for manager in (
        steam.networking_sockets,
        steam.networking_messages,
        steam.networking_utils,
        steam.core,
    ):
        for name in [name for name in dir(manager) if name.startswith("on_")]:
            got: list[object] = []
            remove = getattr(
                manager, f"remove_{name.removeprefix('on_').removesuffix('_changed')}_handler"
            )
            handler = got.append
            assert getattr(manager, name)(handler) is handler
            for event in ("one", "two"):
                for stream in manager._streams():
                    stream.push(event)  # type: ignore[arg-type]  # handlers do not look
                    stream.deliver(10, [])
                if event == "one":
                    remove(handler)
            assert got == ["one"]
            for stream in manager._streams():
                stream.drain()
            with pytest.raises(ValueError, match="is not subscribed to"):
                remove(handler)
            seen += 1
    assert seen == 7
