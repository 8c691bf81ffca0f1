"""Memory is short while messages are received: what was taken from the engine is not lost."""

import contextlib
import itertools
import sysconfig
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requirements
from counting_engine import Counted, counted, counted_library, pattern
from remote_process import RemoteProcess

import steamnet
from steamnet import SendFlags, _native

try:
    import _testcapi  # CPython's own tests have it, and some systems leave it out
except ImportError:
    _testcapi = None

ALICE, BOB = "76561198000000001", "76561198000000002"
COUNT = 300  # more than one batch
__all__ = ["counted", "counted_library"]  # fixtures


@pytest.fixture(autouse=True)
def _fail_malloc() -> None:
    if _testcapi is None:
        requirements.missing("this Python has no _testcapi, which lets an allocation fail")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("PyList_New of a free-threaded CPython frees what it has not set, and crashes")


def received(receive: Callable[[], list[Any]], number: int, many: int = 1) -> list[Any] | None:
    """What a call returns while ``many`` allocations fail from that number on; None: an error."""
    _testcapi.set_nomemory(number, number + many)
    try:
        return receive()
    except MemoryError:
        return None
    finally:
        _testcapi.remove_mem_hooks()


@pytest.mark.parametrize("size", [10, 2000])
def test_each_allocation_that_fails_loses_nothing(counted: Counted, size: int) -> None:
    """Whichever it is, what could be made is returned, and the rest comes next time, in order."""
    errors = parts = 0
    receive = partial(_native.receive_on_connection, counted.address, 1, 2**40)
    expected = itertools.count(1)
    complete = False
    for number in itertools.count():
        counted.queue(*[size] * COUNT)
        got = received(receive, number)
        complete = got is not None and len(got) == COUNT
        errors += got is None
        parts += got is not None and not complete
        messages = got or []
        while len(messages) < COUNT:
            rest = receive()
            assert rest, "the rest comes next time"
            messages += rest
        assert [m.message_number for m in messages] == list(itertools.islice(expected, COUNT))
        assert all(bytes(m) == pattern(m) for m in messages[:: COUNT // 3])
        if complete:
            break
    assert errors > 0, "nothing could be made"
    assert parts > 200
    assert receive() == []


@pytest.mark.parametrize("size", [10, 2000])
def test_columns_lose_nothing_either(counted: Counted, size: int) -> None:
    """Whichever allocation fails, the messages come next time, all of them and in order."""
    errors = 0
    receive = partial(_native.receive_columns_on_connection, counted.address, 1, 2**40)
    expected = itertools.count(1)
    for number in itertools.count():
        counted.queue(*[size] * COUNT)
        got = received(receive, number)  # type: ignore[arg-type]  # columns are no list
        complete = got is not None and len(got) == COUNT
        errors += got is None
        came = [] if got is None else [got]
        while sum(map(len, came)) < COUNT:
            came.append(receive())  # type: ignore[arg-type]
            assert len(came[-1]), "the rest comes next time"
        numbers = [n for columns in came for n in columns.message_numbers]  # type: ignore[attr-defined]
        assert numbers == list(itertools.islice(expected, COUNT))
        if complete:
            break
    assert errors > 20


def test_memory_that_stays_short(counted: Counted) -> None:
    """Each call raises and keeps what it took; the first that does not returns it all, in order."""
    receive = partial(_native.receive_on_connection, counted.address, 1, 2**40)
    for _ in range(5):
        counted.queue(5, 5000)
        assert received(receive, 0, 1000) is None
    assert [m.message_number for m in receive()] == list(range(1, 11))


@pytest.mark.parametrize("size", [10, 5000])
def test_a_payload_that_memory_is_short_for(counted: Counted, size: int) -> None:
    """It raises MemoryError, and is there when memory is."""
    (message,) = counted.receive(size)
    assert received(lambda: message.payload, 0) is None  # type: ignore[arg-type, return-value]  # bytes
    assert message.payload == pattern(message)


@pytest.mark.parametrize("what", ["info", "status", "events"])
def test_what_is_asked_for_comes_whole_or_not_at_all(steam: steamnet.Steam, what: str) -> None:
    """Whichever allocation fails, the next call answers as if there had been none."""
    sockets = steam.networking_sockets
    near, _far = sockets.create_socket_pair()

    def events() -> list[steamnet.ConnectionEvent]:
        steam.run_callbacks()
        return sockets.connection_events()

    calls: dict[str, Callable[[], Any]] = {
        "info": lambda: sockets.get_connection_info(near),
        "status": lambda: sockets.get_quick_connection_status(near),
        "events": events,
    }
    call, failures, expected = calls[what], 0, type(calls[what]())
    for number in range(40):
        sockets.close_connection(sockets.create_socket_pair()[0])  # so that there are events
        got = received(call, number)
        failures += got is None
        assert type(call()) is expected
        assert got is None or type(got) is expected
    assert failures > 0


@pytest.mark.parametrize("count", [1, 2, 6])
def test_no_event_is_lost(steam: steamnet.Steam, count: int) -> None:
    """Whichever allocation fails, the events that could not be made come next, in order."""
    sockets, engine = steam.networking_sockets, steam.engine
    room = _native.ffi.buffer(_native.ffi.new("sn_event *"))

    events: list[steamnet.ConnectionEvent] = []

    def take() -> list[steamnet.ConnectionEvent]:
        assert _native.next_events(engine.address, events, 1000, room) == 0
        return events

    failures = parts = 0
    for number in itertools.count():
        ends = [end for _ in range(count) for end in sockets.create_socket_pair()]
        for end in ends:
            sockets.close_connection(end)
        assert _native.lib.sn_pump_events(engine.pointer, 2**31 - 1)
        received(take, number)
        complete = _native.lib.sn_event_count(engine.pointer) == 0
        failures += not events
        parts += bool(events) and not complete
        told = []
        while events or take():
            event = events.pop()
            if event.state == steamnet.ConnectionState.NONE:
                told.append(event.connection)
        assert told == ends
        if complete:
            break
    assert failures > 0
    assert parts > 0


@pytest.mark.parametrize("count", [1, 70])
@pytest.mark.parametrize("what", ["run_callbacks", "connection_events"])
def test_no_event_is_lost_on_its_way(steam: steamnet.Steam, what: str, count: int) -> None:
    """Whichever allocation fails, each event comes once, in order, now or next time."""
    sockets = steam.networking_sockets

    def take() -> list[steamnet.ConnectionEvent]:
        return sockets.connection_events()

    def run() -> list[steamnet.ConnectionEvent]:
        steam.run_callbacks()
        return []

    failures = 0
    for number in range(25):
        ends = [end for _ in range(count) for end in sockets.create_socket_pair()]
        run()
        take()
        for end in ends:
            sockets.close_connection(end)
        if what == "connection_events":
            run()
        got = received(run if what == "run_callbacks" else take, number)
        failures += got is None
        told = got or []
        run()
        run()
        told += take()
        closed = steamnet.ConnectionState.NONE
        assert [event.connection for event in told if event.state is closed] == ends
    assert failures > 0


class Inbox:
    """A user's messages, and how they are received: by connection, poll group or channel."""

    def __init__(
        self, engine: str, way: str, remote: RemoteProcess, stack: contextlib.ExitStack
    ) -> None:
        """Connect two ends."""
        alice = stack.enter_context(steamnet.init(engine=engine, identity=ALICE))
        self.steams: list[Any] = [alice]
        if way == "channel":
            bob = remote.open(engine=engine, identity=BOB)
            stack.callback(bob.shutdown)
            self.steams.append(bob)
            alice.networking_messages.on_session_request(
                alice.networking_messages.accept_session_with_user
            )
            self.send: Callable[[bytes], Any] = partial(
                bob.networking_messages.send_message_to_user, ALICE
            )
            self.receive: Callable[[], list[Any]] = partial(
                alice.networking_messages.receive_messages_on_channel, 0, 10_000
            )
            self.status = partial(bob.networking_messages.get_session_status, ALICE)
            return
        sockets = alice.networking_sockets
        sender, self.receiver = sockets.create_socket_pair(True)
        self.send = partial(sockets.send_message, sender)
        self.status = partial(sockets.get_quick_connection_status, sender)
        self.receive = partial(sockets.receive_messages, self.receiver, 10_000)
        if way == "group":
            self.group = sockets.create_poll_group()
            assert sockets.set_connection_poll_group(self.receiver, self.group)
            self.receive = partial(sockets.receive_messages_on_poll_group, self.group, 10_000)

    def drained(self) -> bool:
        """Whether all that was sent has arrived."""
        status = self.status()
        return bool(status and status.pending_reliable == status.sent_unacked_reliable == 0)


@pytest.fixture
def inbox(request: pytest.FixtureRequest, engine: str, remote: RemoteProcess) -> Iterator[Inbox]:
    """Two ends, connected in each way in turn."""
    if request.param == "channel" and engine == "gns":
        requirements.ice()
    with contextlib.ExitStack() as stack:
        yield Inbox(engine, request.param, remote, stack)


@pytest.mark.parametrize("inbox", ["connection", "group", "channel"], indirect=True)
def test_reliable_stays_reliable(inbox: Inbox, until: Callable[..., None]) -> None:
    """Through a connection, a poll group and a channel, each message comes once and in order."""
    sizes = itertools.cycle([4, 1500, 1024])
    sent = 0
    received_numbers: list[int] = []
    failures = 0
    for number in range(0, 36, 2):
        for _ in range(30):
            data = sent.to_bytes(4, "big").ljust(next(sizes), b"x")
            assert inbox.send(data, SendFlags.RELIABLE_NO_NAGLE) == steamnet.EResult.OK
            sent += 1

        until(inbox.drained, *inbox.steams, what="the messages to arrive")
        got = received(inbox.receive, number)
        failures += len(got or []) < 30
        came = [*(got or []), *inbox.receive()]
        received_numbers += [int.from_bytes(bytes(message)[:4], "big") for message in came]
    assert received_numbers == list(range(sent))
    assert failures > 10


@pytest.mark.parametrize("inbox", ["group"], indirect=True)
@pytest.mark.parametrize("way", ["connection", "other group", "closed", "shut down"])
def test_where_kept_messages_go(inbox: Inbox, way: str, until: Callable[..., None]) -> None:
    """They go with their connection, as waiting messages do, and end with it."""
    (steam,) = inbox.steams
    sockets = steam.networking_sockets
    for number in range(3):
        inbox.send(b"%d" % number, SendFlags.RELIABLE_NO_NAGLE)
    until(lambda: received(inbox.receive, 0, 1000) is None, steam, what="a batch to be kept")
    if way == "connection":
        got = sockets.receive_messages(inbox.receiver)
        assert bytes(got[0]) == b"0"
    elif way == "other group":
        other = sockets.create_poll_group()
        assert sockets.set_connection_poll_group(inbox.receiver, other)
        assert inbox.receive() == []
        assert bytes(sockets.receive_messages_on_poll_group(other)[0]) == b"0"
    elif way == "closed":
        assert sockets.close_connection(inbox.receiver)
        assert inbox.receive() == []
        assert sockets.receive_messages(inbox.receiver) == []
    else:
        steam.shutdown()
