"""`Steam.wait`: what ends it, what does not, and that nobody has to look again and again."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from topologies import End, Link

import steamnet
import steamnet.aio
from steamnet import Steam
from steamnet.testing import VirtualClock

NOW = steamnet.SendFlags.RELIABLE_NO_NAGLE
LONG = 60.0  # seconds that no test waits: what should end a wait has not


def ends(link: Link) -> tuple[Steam, End, End]:
    """A user of this process, its end, and the other one."""
    mine, theirs = link.here, link.there
    if not isinstance(mine.steam, Steam):
        mine, theirs = theirs, mine
    assert isinstance(mine.steam, Steam)
    return mine.steam, mine, theirs


def settle(steam: Steam) -> None:
    """Let what is on its way arrive, and take it: afterwards there is nothing new for a while."""
    deadline = time.monotonic() + LONG
    quiet = 0
    while quiet < 3:
        assert time.monotonic() < deadline
        quiet = 0 if steam.wait(0.05) and steam.engine.name == "loopback" else quiet + 1
        steam.run_callbacks()
        steam.networking_sockets.connection_events()


def returns_within(steam: Steam, seconds: float) -> int:
    """How often a program that waits and runs its callbacks is called in that time."""
    deadline, count = steam.clock.now() + seconds, 0
    while (left := deadline - steam.clock.now()) > 0:
        steam.wait(left)
        steam.run_callbacks()
        count += 1
    return count


def test_a_message_ends_a_wait(link: Link) -> None:
    """Each one, from wherever it comes, and long before the time is over."""
    steam, mine, theirs = ends(link)
    settle(steam)
    for number in range(50):
        start = time.monotonic()
        theirs.send(b"%d" % number, NOW)
        got: list[bytes] = []
        while not got:
            assert steam.wait(LONG)
            steam.run_callbacks()
            got = [bytes(message.data) for message in mine.receive()]
        assert got == [b"%d" % number]
        assert time.monotonic() - start < LONG / 2


def test_unread_messages_end_it_once(link: Link) -> None:
    """Who leaves messages unread does not look again and again."""
    steam, mine, theirs = ends(link)
    settle(steam)
    theirs.send(b"unread", NOW)
    assert steam.wait(LONG)
    settle(steam)
    # Engines other than loopback may call for nothing: GNS every 50 ms, in a pipe each nap.
    assert returns_within(steam, 0.2) <= {"loopback": 8, "gns": 160}[steam.engine.name]
    assert [bytes(message.data) for message in mine.receive()] == [b"unread"]


def test_an_idle_wait_costs_next_to_nothing(link: Link) -> None:
    """A connection without traffic takes no more than some percent of a core."""
    steam, _, _ = ends(link)
    settle(steam)
    spent, passed = time.process_time(), time.monotonic()
    returns_within(steam, 0.4)
    spent, passed = time.process_time() - spent, time.monotonic() - passed
    if link.kind != "gns-pipe" and not isinstance(steam.clock, VirtualClock):  # which nothing wakes
        assert spent < 0.1 * passed


@pytest.mark.not_on("gns-pipe", reason="its ends share one process, which is idle")
def test_the_end_of_a_connection_ends_it(link: Link) -> None:
    """The event of it is new, too."""
    steam, mine, theirs = ends(link)
    settle(steam)
    theirs.close()
    while mine.state == steamnet.ConnectionState.CONNECTED:
        assert steam.wait(LONG)
        steam.run_callbacks()


FULL = """
import errno, os, resource, sys
import steamnet
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
with steamnet.init(engine=sys.argv[1]) as steam:
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair(True)
    files = []
    try:
        while True:
            files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        assert error.errno == errno.EMFILE
    for number in range(20):
        sockets.send_message(here, b"%d" % number, steamnet.SendFlags.RELIABLE_NO_NAGLE)
        while not (got := sockets.receive_messages(there)):
            steam.wait(60)
            steam.run_callbacks()
        assert bytes(got[0].data) == b"%d" % number
    for file in files:
        os.close(file)
"""


@pytest.mark.python_behaviour
@pytest.mark.skipif(sys.platform == "win32", reason="of descriptors as POSIX counts them")
def test_without_a_descriptor_to_spare_it_naps(engine: str) -> None:
    """A process that has all files open still gets its messages."""
    command = [sys.executable, "-c", FULL, engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


PREEMPTS = """
import os, sys, time
import steamnet
def policies():
    return {os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")}
with steamnet.init(engine="gns") as steam:
    steam.wait(0)
    steam.run_callbacks()
    time.sleep(0.1)  # the thread looks each 50 ms
    assert policies() == {os.SCHED_OTHER}, policies()
    deadline = time.monotonic() + 30
    while os.SCHED_BATCH not in policies():
        assert time.monotonic() < deadline
        steam.wait(0.01)
        steam.run_callbacks()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such policy")
def test_the_thread_that_runs_gns_does_not_preempt_who_waits(engine: str) -> None:
    """It would find what a send still holds, and GNS would then be a millisecond late."""
    if engine == "gns":  # the others have no thread
        done = subprocess.run(
            [sys.executable, "-c", PREEMPTS], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")


def in_thread(work: Callable[[], object]) -> "tuple[threading.Thread, list[object]]":
    """Run it in a thread; what it returns is in the list."""
    returned: list[object] = []
    thread = threading.Thread(target=lambda: returned.append(work()), daemon=True)
    thread.start()
    return thread, returned


@pytest.mark.python_behaviour
def test_a_shutdown_ends_it(steam: Steam) -> None:
    """In all threads that wait."""
    threads = [in_thread(lambda: steam.wait(LONG)) for _ in range(3)]
    assert not threads[0][1] or steam.engine.name == "gns"
    start = time.monotonic()
    steam.shutdown()
    for thread, returned in threads:
        thread.join(LONG)
        assert returned == [True]
    assert time.monotonic() - start < LONG / 2
    with pytest.raises(steamnet.ClosedError):
        steam.wait(0)


@pytest.mark.python_behaviour
def test_other_threads_go_on(steam: Steam) -> None:
    """It does not keep Python's lock."""
    over = threading.Event()

    def wait() -> None:
        while not over.is_set():  # engines other than loopback may call for nothing
            steam.wait(LONG)

    thread, _ = in_thread(wait)
    count, deadline = 0, time.monotonic() + LONG
    while count < 1000 and time.monotonic() < deadline:
        time.sleep(0)  # gives the lock away, and waits for it
        count += 1
    assert count == 1000
    assert thread.is_alive()
    over.set()
    for connection in steam.networking_sockets.create_socket_pair():
        steam.networking_sockets.close_connection(connection)
    thread.join(LONG)
    assert not thread.is_alive()


@pytest.mark.python_behaviour
@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", None])
def test_what_is_no_time(steam: Steam, timeout: float) -> None:
    """It says so."""
    with pytest.raises((ValueError, TypeError), match="timeout"):
        steam.wait(timeout)


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Threads that are started take turns on one, where the system can; so they meet late."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.python_behaviour
@pytest.mark.usefixtures("one_processor")
def test_threads_that_wait_for_a_connection_each(steam: Steam) -> None:
    """A thread that runs the callbacks takes no other's message, nor its wakeup."""
    pairs = [steam.networking_sockets.create_socket_pair(True) for _ in range(3)]
    receivers = [steam.adopt(there) for _, there in pairs]
    done = threading.Barrier(len(receivers) + 1)
    rounds = 1000 if steam.engine.name == "loopback" else 30

    def receive(connection: steamnet.Connection) -> None:
        for _ in range(rounds):
            if not connection.receive(timeout=LONG):
                done.abort()
            done.wait(LONG)

    threads = [in_thread(lambda c=connection: receive(c)) for connection in receivers]
    for number in range(rounds):
        for here, _ in pairs:
            steam.networking_sockets.send_message(here, b"%d" % number, NOW)
        done.wait(LONG)
    for thread, _ in threads:
        thread.join(LONG)
        assert not thread.is_alive()
    for connection in receivers:
        connection.close(linger=False)


@pytest.mark.python_behaviour
def test_a_message_that_comes_while_another_thread_runs_the_callbacks(
    steam: Steam, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread's first wait ends at once, where the message came after the thread had looked."""
    sockets = steam.networking_sockets
    here, there = sockets.create_socket_pair(True)
    receiver = steam.adopt(there)
    settle(steam)
    receive = sockets.receive_messages

    def look(handle: int, limit: int) -> list[steamnet.NetworkingMessage]:
        monkeypatch.setattr(sockets, "receive_messages", receive)
        found = receive(handle, limit)
        sockets.send_message(here, b"late", NOW)
        in_thread(lambda: settle(steam))[0].join()
        return found

    monkeypatch.setattr(sockets, "receive_messages", look)
    thread, returned = in_thread(lambda: receiver.receive(timeout=LONG))
    thread.join(LONG / 2)
    assert [[bytes(m.data) for m in got] for got in returned] == [[b"late"]]  # type: ignore[attr-defined]
    receiver.close(linger=False)


@pytest.mark.python_behaviour
@pytest.mark.usefixtures("one_processor")
def test_an_event_loop_and_threads_wait_on_one_engine(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread takes another's wakeup, whichever runs the callbacks."""
    monkeypatch.setattr("steamnet.pump.IDLE", LONG)  # the loop is woken, or it is not
    rounds = 200 if engine == "loopback" else 30

    async def main() -> None:
        async with steamnet.aio.init(engine=engine) as steam:
            listener = steam.listen_ip("127.0.0.1:0")
            asked = [asyncio.create_task(steam.connect_ip(listener.address)) for _ in range(3)]
            answers = [await listener.accept() for _ in asked]
            calls = await asyncio.gather(*asked)
            sockets = steam.networking_sockets
            pairs = [sockets.create_socket_pair(True) for _ in calls]
            done = threading.Semaphore(0)

            def receive(connection: steamnet.Connection) -> None:
                for _ in range(rounds):
                    assert connection.receive(timeout=LONG)
                    done.release()

            async def receive_here(connection: steamnet.aio.Connection) -> None:
                for _ in range(rounds):
                    await asyncio.wait_for(connection.receive(), LONG)
                    done.release()

            def send() -> None:
                for _ in range(rounds):
                    for handle in [*(call.handle for call in calls), *(here for here, _ in pairs)]:
                        sockets.send_message(handle, b"news", NOW)
                    assert all(done.acquire(timeout=LONG) for _ in range(6))

            receivers = [steam.sync.adopt(there) for _, there in pairs]
            threads = [in_thread(lambda c=connection: receive(c)) for connection in receivers]
            threads.append(in_thread(send))
            await asyncio.gather(*[receive_here(connection) for connection in answers])
            for thread, returned in threads:
                await asyncio.to_thread(thread.join)
                assert returned == [None]
            for connection in receivers:
                connection.close(linger=False)

    asyncio.run(main())


@pytest.mark.python_behaviour
@pytest.mark.parametrize("ended", [False, True], ids=["loop busy", "pump ended"])
def test_a_thread_waits_at_no_cost_beside_a_loop_that_does_not(engine: str, ended: bool) -> None:
    """A loop that is busy, or whose pump has ended, does not have threads look again and again."""

    def raise_it(_: object) -> None:
        raise RuntimeError("a handler's")

    async def main() -> None:
        async with steamnet.aio.init(engine=engine) as steam:
            sockets = steam.networking_sockets
            here, there = sockets.create_socket_pair(True)
            await asyncio.sleep(0.2)
            if ended:
                sockets.on_connection_status_changed(raise_it)
                sockets.close_connection(there)
                with contextlib.suppress(RuntimeError):
                    await steam.connect_ip("127.0.0.1:1")
                sockets.remove_connection_status_handler(raise_it)
            sockets.send_message(here, b"wakes", NOW)

            def spent() -> float:
                before = time.thread_time()
                returns_within(steam.sync, 0.5)
                return time.thread_time() - before

            thread, returned = in_thread(spent)
            thread.join()  # while which the loop does nothing else
            assert returned[0] < 0.05 * 0.5

    with contextlib.suppress(RuntimeError):
        asyncio.run(main())


@pytest.mark.python_behaviour
def test_users_of_one_process_wake_each_other() -> None:
    """A thread waits on loopback for what another thread sends."""
    with steamnet.init(engine="loopback") as alice, steamnet.init(engine="loopback") as bob:
        listener = bob.listen(1)
        call = alice.connect(bob.core.get_steam_id(), 1)
        while (answer := listener.accept()) is None:
            bob.run_callbacks()
        while call.state != steamnet.ConnectionState.CONNECTED:
            alice.run_callbacks()
        settle(bob)
        start = time.monotonic()
        for number in range(50):
            thread, returned = in_thread(lambda: answer.receive(timeout=LONG))
            call.send(b"%d" % number, NOW)
            thread.join(LONG)
            (messages,) = returned
            assert [bytes(m.data) for m in messages] == [b"%d" % number]  # type: ignore[attr-defined]
        assert time.monotonic() - start < LONG / 2
        for connection in (call, answer):
            connection.close(linger=False)
        listener.close()
