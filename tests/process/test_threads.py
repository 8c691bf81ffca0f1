"""Any thread may call anything, while others do, and shutdown ends it well."""

import gc
import subprocess
import sys
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from waiting import PATIENCE

import steamnet
from steamnet import (
    ClosedError,
    ConfigValue,
    Connection,
    ConnectionState,
    EResult,
    PollGroup,
    SendFlags,
    Steam,
)
from steamnet.testing import players, pump

pytestmark = pytest.mark.python_behaviour

RELIABLE = SendFlags.RELIABLE_NO_NAGLE


def together(
    *works: Callable[[], object], timeout: float = 30, interval: float = 2e-4
) -> list[BaseException]:
    """Run each in a thread of its own until all have ended; what they raised.

    Threads are switched far more often than usual, so that much happens in a short time.
    """
    raised: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a call does not come back"
    finally:
        sys.setswitchinterval(usual)
    return raised


def test_many_senders_and_receivers_share_a_connection(steam: Steam) -> None:
    """Every message arrives once, numbers have no hole, each sender's order is kept."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    senders, each = 4, 500
    got: list[tuple[int, str]] = []
    lock = threading.Lock()

    def send(name: int) -> None:
        for number in range(each):
            data = f"{name} {number}"
            while sockets.send_message(here, data, RELIABLE) == EResult.LIMIT_EXCEEDED:
                steam.run_callbacks()

    def receive() -> None:
        while len(got) < senders * each:
            with lock:  # so that the list is in the order of arrival
                messages = sockets.receive_messages(there, 7)
                got.extend((m.message_number, m.decode()) for m in messages)

    works = [lambda name=name: send(name) for name in range(senders)]  # type: ignore[misc]  # bound early
    assert together(*works, receive, receive) == []
    assert [number for number, _ in got] == list(range(1, senders * each + 1))
    for name in range(senders):
        mine = [text for _, text in got if text.startswith(f"{name} ")]
        assert mine == [f"{name} {number}" for number in range(each)]


def test_every_call_at_once(steam: Steam) -> None:
    """Connections come and go, are sent to and asked about, from all sides, without a crash."""
    sockets, utils = steam.networking_sockets, steam.networking_utils
    handles: list[int] = [*sockets.create_socket_pair()]
    group = sockets.create_poll_group()
    end = time.monotonic() + 0.3
    calls: Counter[str] = Counter()

    def loop(name: str, call: Callable[[int], object]) -> Callable[[], None]:
        def work() -> None:
            while time.monotonic() < end or not calls[name]:
                known = handles[:]  # another thread shortens the list
                call(known[calls[name] % len(known)])
                calls[name] += 1

        return work

    def churn(handle: int) -> None:
        pair = sockets.create_socket_pair()
        sockets.set_connection_poll_group(pair[0], group)
        handles.extend(pair)
        while len(handles) > 12:
            sockets.close_connection(handles.pop(0))

    raised = together(
        loop("churn", churn),
        loop("send", lambda h: sockets.send_message(h, bytes(500), RELIABLE)),
        loop("send large", lambda h: sockets.send_message(h, bytes(70_000), RELIABLE)),
        loop("broadcast", lambda h: sockets.broadcast(list(handles), bytes(1000))),
        loop("receive", lambda h: sockets.receive_messages(h)),
        loop("group", lambda h: sockets.receive_messages_on_poll_group(group)),
        loop("pump", lambda h: (steam.run_callbacks(), sockets.connection_events())),
        loop("ask", lambda h: (sockets.get_connection_info(h), sockets.get_identity())),
        loop("status", lambda h: sockets.get_detailed_connection_status(h)),
        loop("config", lambda h: list(utils.iterate_config_values())),
        loop("columns", lambda h: sockets.receive_columns_on_poll_group(group)),
        loop("collect", lambda h: gc.collect(0)),
    )
    assert raised == []
    assert len(calls) == 12
    assert min(calls.values()) > 0


@pytest.mark.parametrize("attempt", range(5))
def test_shutdown_while_others_call(engine: str, attempt: int) -> None:
    """Calls under way end first; later ones raise ClosedError and nothing else."""
    steam = steamnet.init(engine=engine)
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    works: list[Callable[[], object]] = [
        steam.run_callbacks,
        lambda: sockets.send_message(here, bytes(100_000)),
        lambda: sockets.send_messages([(here, bytes(100), 8)] * 50),
        lambda: sockets.receive_messages(there),
        lambda: sockets.close_connection(sockets.create_socket_pair()[0]),
        lambda: sockets.get_detailed_connection_status(there),
    ]

    def for_ever(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            while True:
                work()

        return run

    def end() -> None:
        time.sleep(0.05)
        steam.shutdown()

    raised = together(*map(for_ever, works), end)
    assert [type(error) for error in raised] == [ClosedError] * len(works)


@pytest.mark.parametrize("timeout", [0.0, 60.0])
@pytest.mark.parametrize("linger", [0.0, None])
def test_shutdown_while_others_receive(timeout: float, linger: float | None) -> None:
    """Objects say that the engine is closed, and not that it has closed their connections first."""
    with players(2) as (host, guest), host.listen() as listener:
        theirs = [guest.connect(host.core.get_steam_id()) for _ in range(2)]
        alone, member = (pump(host, guest, until=listener.accept) for _ in theirs)
        group = host.poll_group()
        group.add(member)
        begun = [threading.Event() for _ in range(2)]

        def receive(source: Connection | PollGroup, event: threading.Event) -> Callable[[], None]:
            def run() -> None:
                while True:
                    event.set()
                    source.receive(timeout=timeout)

            return run

        def end() -> None:
            for event in begun:
                assert event.wait(60)
            host.shutdown(linger)

        raised = together(*map(receive, [alone, group], begun), end)
        assert [type(error) for error in raised] == [ClosedError] * 2


@pytest.mark.parametrize("linger", [0.0, 0.05, None])
def test_shutdown_of_what_lingers_while_others_run_callbacks(
    engine: str, linger: float | None, until: Callable[..., None]
) -> None:
    """Several threads find at once that a close is over: each call raises ClosedError only."""
    steam = steamnet.init(engine=engine)
    sockets = steam.networking_sockets
    me = sockets.get_identity()
    assert me is not None
    steam.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LAG_SEND, 30)
    listening = [sockets.create_listen_socket_p2p(port) for port in range(1, 16)]
    callers = [sockets.connect_p2p(me, port) for port in range(1, 16)]
    accepted: list[int] = []

    def connected() -> bool:
        for event in sockets.connection_events():
            if event.is_incoming_request:
                sockets.accept_connection(event.connection)
                accepted.append(event.connection)
        infos = [sockets.get_connection_info(one) for one in accepted]
        states = [info.state for info in infos if info is not None]
        return states == [ConnectionState.CONNECTED] * len(callers)

    until(connected, steam, what="all connections")
    for connection in accepted:
        sockets.send_message(connection, b"the last", RELIABLE)
        sockets.close_connection(connection, enable_linger=True)
    for socket in listening:
        sockets.close_listen_socket(socket)

    def run_callbacks() -> None:
        while True:
            steam.run_callbacks()

    raised = together(run_callbacks, run_callbacks, lambda: steam.shutdown(linger), interval=1e-5)
    assert [type(error) for error in raised] == [ClosedError] * 2


def test_shutdown_from_many_threads_is_one_shutdown(engine: str) -> None:
    """All of them return; the engine is closed, and can be opened again."""
    for _ in range(5):
        steam = steamnet.init(engine=engine)
        steam.networking_sockets.create_socket_pair()
        assert together(*[steam.shutdown] * 4) == []
        assert not steam.core.is_initialized()


def test_two_threads_open_what_only_one_may(engine: str) -> None:
    """The library engines allow one at a time; loopback allows as many as come."""
    opened: list[Steam] = []
    raised = together(*[lambda: opened.append(steamnet.init(engine=engine))] * 4)
    expected = 4 if engine == "loopback" else 1
    assert len(opened) == expected
    assert [type(error) for error in raised] == [steamnet.InitError] * (4 - expected)
    for steam in opened:
        steam.shutdown()


def test_a_long_call_lets_other_threads_run(steam: Steam) -> None:
    """While one thread sends 512 KiB again and again, another counts on."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    payload = bytes(512 * 1024)
    done = threading.Event()
    counted = 0

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    def send() -> None:
        deadline = time.monotonic() + PATIENCE
        while counted <= 100 and time.monotonic() < deadline:
            for _ in range(200):
                sockets.send_message(here, payload, RELIABLE)
                sockets.receive_messages(there)
        done.set()

    assert together(count, send) == []
    assert counted > 100


def test_listen_sockets_come_and_go_while_others_pump(steam: Steam) -> None:
    """What lingers after its close is counted once, whichever thread finds that its time is up."""
    sockets = steam.networking_sockets
    me = steam.networking_sockets.get_identity()
    assert me is not None
    over = threading.Event()

    def pump() -> None:
        while not over.is_set():
            steam.run_callbacks()
            sockets.connection_events()

    def listen() -> None:
        try:
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                socket = sockets.create_listen_socket_p2p(1)
                assert socket
                callers = [sockets.connect_p2p(me, 1) for _ in range(5)]
                assert sockets.close_listen_socket(socket)
                for caller in callers:
                    assert sockets.close_connection(caller)
        finally:
            over.set()

    assert together(pump, pump, listen, interval=1e-6) == []


@pytest.mark.parametrize("size", [1, 1024, 1025, 70_000])
def test_threads_read_and_release_the_same_messages(steam: Steam, size: int) -> None:
    """Who reads gets all bytes or is refused; a release is refused, or ends the payload once."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair()
    shared: list[steamnet.NetworkingMessage] = []
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    over = threading.Event()

    def refill() -> None:
        try:
            end = time.monotonic() + 0.15
            while time.monotonic() < end:
                sockets.send_messages([(here, data, RELIABLE)] * 8)
                shared[:] = sockets.receive_messages(there)
        finally:
            over.set()

    def read() -> None:
        while not over.is_set():
            for message in shared[:]:
                try:
                    with message.data as view:
                        assert view == data
                    assert message.payload == bytes(message) == data
                except ValueError:
                    continue  # released
                assert str(message.message_number) in repr(message)
                assert message.connection == there

    def release() -> None:
        while not over.is_set():
            for message in shared[:]:
                with suppress(BufferError):  # it has views
                    message.release()

    assert together(refill, read, read, release, release) == []
    shared.clear()


def test_the_collector_stays_as_the_program_has_set_it(steam: Steam) -> None:
    """Whatever other threads receive meanwhile: no call leaves it off, or switches it on."""
    sockets = steam.networking_sockets
    over = threading.Event()
    received: Counter[int] = Counter()

    def receive() -> None:
        here, there = sockets.create_socket_pair()
        while not over.is_set() or not received[there]:
            sockets.send_messages([(here, b"x", RELIABLE)] * 2)
            received[there] += len(sockets.receive_messages(there, 1))
            received[there] += len(sockets.receive_columns_on_connection(there))

    def switch() -> None:
        try:
            for _ in range(50):
                gc.disable()
                time.sleep(0)
                assert not gc.isenabled()
                gc.enable()
                time.sleep(0)
                assert gc.isenabled()
        finally:
            gc.enable()
            over.set()

    assert together(receive, receive, receive, switch) == []
    assert len(received) == 3


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python always has its lock"
)
def test_the_import_leaves_the_lock_of_a_free_threaded_python_off() -> None:
    """Without a warning; what other modules do is not ours."""
    code = "import sys, steamnet; print(sys._is_gil_enabled())"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "False", "")


FIRST_CALLS = """
import threading
import steamnet

def play():
    together.wait()
    with steamnet.init(engine="loopback") as steam:
        sockets = steam.networking_sockets
        here, there = sockets.create_socket_pair()
        sockets.send_message(here, b"hello")
        sockets.get_connection_info(there)
        while not sockets.receive_messages(there):
            steam.run_callbacks()
    done.append(None)

together, done = threading.Barrier(8), []
threads = [threading.Thread(target=play) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(done) == len(threads)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_many_threads_make_the_first_calls(attempt: int) -> None:
    """What is made when it is first used is made once."""
    command = [sys.executable, "-c", FIRST_CALLS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
