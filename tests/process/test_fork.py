"""A forked child leaves its parent's engine alone, and says what it cannot do."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

import steamnet

pytestmark = [
    pytest.mark.python_behaviour,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]

PROLOGUE = """
import os, sys, threading, traceback
import steamnet
steam = steamnet.init(engine={engine!r}, identity="76561198000000001")
sockets = steam.networking_sockets
here, there = sockets.create_socket_pair()
def carry(data):
    assert sockets.send_message(here, data, steamnet.SendFlags.RELIABLE_NO_NAGLE) == 1
    while not (got := sockets.receive_messages(there)):
        steam.run_callbacks()
    return got[0]
def raises(error, call):
    try:
        call()
    except error as caught:
        return str(caught)
    raise AssertionError(f"{{call}} did not raise {{error}}")
def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


def run(engine: str, body: str) -> None:
    """Run a program that forks; it must end well, and silently."""
    code = PROLOGUE.format(engine=engine) + textwrap.dedent(body)
    # Since Python 3.12 os.fork warns where there are threads, which some tests are about.
    ignored = ("ignore::ResourceWarning", "ignore:This process:DeprecationWarning")
    options = [option for warning in ignored for option in ("-W", warning)]
    command = [sys.executable, "-X", "dev", *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_lobbies_outlive_a_fork(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child leaves the parent's lobby alone, and finds it as another user."""
    with tempfile.TemporaryDirectory(prefix="sn-") as directory:
        monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", directory)
        run(
            engine,
            """
            def answer(user, request):
                while not request.done:
                    user.run_callbacks()
                    user.wait(0.1)
                return request.result()
            lobby = answer(steam, steam.lobbies.create())
            def work():
                raises(steamnet.ClosedError, lambda: lobby.members)
                raises(steamnet.ClosedError, lambda: lobby.send("x"))
                with steamnet.init(engine="loopback", identity="str:child") as own:
                    (found,) = answer(own, own.lobbies.list())
                    assert found.id == lobby.id
            for number in range(10):
                lobby.me["number"] = str(number)
                in_child(work)
                steam.run_callbacks()
            assert lobby.owner == steam.core.get_steam_id()
            """,
        )


def test_the_locks_of_a_killed_parent_die_with_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its child lives on, and still its lobby is gone."""
    with tempfile.TemporaryDirectory(prefix="sn-") as directory:
        monkeypatch.setenv("STEAMNET_LOOPBACK_DIR", directory)
        code = PROLOGUE.format(engine=engine) + textwrap.dedent("""
            import signal
            request = steam.lobbies.create()
            while not request.done:
                steam.run_callbacks()
                steam.wait(0.1)
            pid = os.fork()
            if pid == 0:
                sys.stdin.read()
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        """)
        parent = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code], stdin=subprocess.PIPE
        )
        try:
            parent.wait(30)
            with steamnet.init(engine="loopback", identity="str:other") as other:
                request = other.lobbies.list()
                while not request.done:
                    other.run_callbacks()
                    other.wait(0.1)
                assert request.result() == []
        finally:
            parent.communicate()


def test_in_the_child_the_engine_is_closed(engine: str) -> None:
    """Every call raises ClosedError there, and shutdown is nothing; the parent goes on."""
    run(
        engine,
        """
        def child():
            assert not steam.core.is_initialized()
            for call in (
                steam.run_callbacks,
                sockets.create_socket_pair,
                lambda: sockets.send_message(here, b""),
                lambda: sockets.receive_messages(there),
                lambda: sockets.close_connection(here),
            ):
                raises(steamnet.ClosedError, call)
            steam.shutdown()
        in_child(child)
        in_child(child)
        assert bytes(carry(b"the parent goes on")) == b"the parent goes on"
        """,
    )


def test_views_go_over_to_the_child(engine: str) -> None:
    """Small and large ones read right on both sides, and die on both."""
    run(
        engine,
        """
        messages = [carry(bytes([size % 251]) * size) for size in (5, 1024, 2000, 300_000)]
        def check():
            for message in messages:
                view = message.data
                assert view == bytes([message.size % 251]) * message.size
        def child():
            check()
            messages.clear()
        in_child(child)
        check()
        carry(bytes(300_000))
        check()
        """,
    )


def test_a_child_opens_loopback_of_its_own() -> None:
    """It is a user like any other; the parent can even be told from it."""
    run(
        "loopback",
        """
        def child():
            with steamnet.init(engine="loopback", identity="76561198000000002") as mine:
                pair = mine.networking_sockets.create_socket_pair()
                assert mine.networking_sockets.send_message(pair[0], "in the child") == 1
                while not (got := mine.networking_sockets.receive_messages(pair[1])):
                    mine.run_callbacks()
                assert got[0].decode() == "in the child"
                assert mine.core.get_steam_id() == "76561198000000002"
        in_child(child)
        assert steam.core.get_steam_id() == "76561198000000001"
        carry(b"the parent goes on")
        """,
    )


@pytest.mark.not_on("loopback", why="a loopback engine starts in a child as anywhere")
def test_a_child_is_told_that_a_library_cannot_start_again(engine: str) -> None:
    """The words say why, and what to do."""
    run(
        engine,
        """
        def child():
            said = raises(steamnet.InitError, lambda: steamnet.init(engine=steam.engine.name))
            assert "forked" in said and "spawn" in said
        in_child(child)
        carry(b"the parent goes on")
        """,
    )


def test_a_child_of_a_busy_parent(engine: str) -> None:
    """A fork while other threads are inside calls leaves no call hanging in the child."""
    run(
        engine,
        """
        stop = threading.Event()
        def busy(call):
            while not stop.is_set():
                call()
        threads = [
            threading.Thread(target=busy, args=(call,))
            for call in (steam.run_callbacks, lambda: sockets.receive_messages(there))
        ]
        for thread in threads:
            thread.start()
        def child():
            raises(steamnet.ClosedError, steam.run_callbacks)
            steam.shutdown()
        for _ in range(10):
            in_child(child)
        stop.set()
        for thread in threads:
            thread.join()
        """,
    )


def test_objects_end_in_a_child_whatever_the_parent_held(engine: str) -> None:
    """The lock of events, taken by a thread that the child has not, keeps no object waiting."""
    run(
        engine,
        """
        closed, dropped, listener = steam.adopt(here), steam.adopt(there), steam.listen(1)
        held, over = threading.Event(), threading.Event()
        def hold():
            with steam._router.lock:
                held.set()
                over.wait()
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        def child():
            global dropped
            closed.close()
            del dropped
            listener.close()
            raises(steamnet.ClosedError, lambda: steam.listen(2))
        in_child(child)
        over.set()
        thread.join()
        """,
    )


def test_a_spawned_child_opens_any_engine(engine: str, tmp_path: Path) -> None:
    """A child by "spawn" or "forkserver" begins without an engine, whatever the parent has open."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys, steamnet

            def child(engine):
                with steamnet.init(engine=engine) as steam:
                    steam.networking_sockets.create_socket_pair()

            if __name__ == "__main__":
                with steamnet.init(engine=sys.argv[1]):
                    for method in ("spawn", "forkserver"):
                        process = multiprocessing.get_context(method).Process(
                            target=child, args=(sys.argv[1],)
                        )
                        process.start()
                        process.join(20)
                        assert process.exitcode == 0, method
            """
        )
    )
    command = [sys.executable, str(program), engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wait_in_the_parent_is_not_the_childs(engine: str) -> None:
    """A child cannot wait, and its end does not disturb what the parent waits on."""
    run(
        engine,
        """
        steam.wait(0)  # it opens what it waits on
        in_child(lambda: raises(steamnet.ClosedError, lambda: steam.wait(60)))
        sockets.send_message(here, b"hello", steamnet.SendFlags.RELIABLE_NO_NAGLE)
        while not sockets.receive_messages(there):
            assert steam.wait(60)
            steam.run_callbacks()
        steam.shutdown()
        in_child(lambda: raises(steamnet.ClosedError, lambda: steam.wait(60)))
        """,
    )
