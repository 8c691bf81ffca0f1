"""A program ends as its author thinks it ends: with its own exit code, and not a word more."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.python_behaviour

PROLOGUE = """
import gc, os, signal, sys, threading, time, weakref
import steamnet
from steamnet import SendFlags
steam = steamnet.init(engine={engine!r}, identity="76561198000000001")
sockets = steam.networking_sockets
here, there = sockets.create_socket_pair()
def carry(data):
    sockets.send_message(here, data, SendFlags.RELIABLE_NO_NAGLE)
    while not (got := sockets.receive_messages(there)):
        steam.run_callbacks()
    return got[0]
"""

# What a program leaves behind when it ends without closing anything.
LEAVES = {
    "nothing but the engine": "",
    "everything open": """
        listener = sockets.create_listen_socket_p2p(0)
        group = sockets.create_poll_group()
        sockets.set_connection_poll_group(there, group)
        client = sockets.connect_p2p("76561198000000001", 0)
        steam.run_callbacks()
        sockets.create_listen_socket_ip("127.0.0.1:0")
        sockets.send_message(here, bytes(300_000))
    """,
    "objects": """
        listener = steam.listen(0)
        connection = steam.connect("76561198000000001", 0)
        group = steam.poll_group()
        steam.run_callbacks()
    """,
    "views of messages": """
        messages = [carry(bytes(size)) for size in (1, 2000, 300_000)]
        views = [message.data for message in messages]
        parts = [view[:1] for view in views]
    """,
    "views in a module that outlives ours": """
        sys.modules["builtins"].kept = carry(bytes(300_000)).data
    """,
    "messages in a cycle": """
        cycle = [carry(bytes(300_000))]
        cycle.append(cycle)
        del cycle
    """,
    "a daemon thread in run_callbacks": """
        def pump():
            while True:
                steam.run_callbacks()
        threading.Thread(target=pump, daemon=True).start()
        time.sleep(0.05)
    """,
    "daemon threads in every call": """
        def work(call):
            try:
                while True:
                    call()
            except steamnet.ClosedError:
                pass
        for call in (
            steam.run_callbacks,
            lambda: sockets.send_message(here, bytes(100_000)),
            lambda: sockets.receive_messages(there),
            lambda: sockets.broadcast([here] * 10, bytes(1000)),
            lambda: sockets.get_detailed_connection_status(here),
            lambda: sockets.close_connection(sockets.create_socket_pair()[0]),
        ):
            threading.Thread(target=work, args=(call,), daemon=True).start()
        time.sleep(0.1)
    """,
    "handlers, and events for them": """
        sockets.create_listen_socket_p2p(0)
        sockets.on_connection_status_changed(lambda e: sockets.accept_connection(e.connection))
        sockets.connect_p2p("76561198000000001", 0)
        steam.run_callbacks()
        sockets.connect_p2p("76561198000000001", 0)
    """,
    "debug output on": """
        import logging
        logging.getLogger("steamnet").addHandler(logging.NullHandler())
        logging.getLogger("steamnet").propagate = False
        steam.networking_utils.set_debug_output(8)
        carry(b"chatter")
    """,
    "a finalizer that calls": """
        class Game:
            def __del__(self):
                try:
                    sockets.send_message(here, b"bye")
                    steam.run_callbacks()
                except steamnet.ClosedError:
                    pass
        game = Game()
        game.me = game
    """,
    "an atexit function that still talks": """
        import atexit
        atexit.register(lambda: carry(b"last words"))
    """,
    "a shutdown of its own": "steam.shutdown()\nsteam.shutdown()",
    "an engine that nobody holds": "del steam, sockets, carry\ngc.collect()",
    "two lives": """
        steam.shutdown()
        steam = steamnet.init(engine=steam.engine.name)
    """,
    "a forked child that ended first": """
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        carry(b"the parent goes on")
    """,
    "a forked child that holds views": """
        message = carry(bytes(300_000))
        pid = os.fork()
        if pid == 0:
            assert bytes(message) == bytes(300_000)
            del message
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert bytes(message) == bytes(300_000)
    """,
}


def program(engine: str, body: str) -> list[str]:
    """Write the command of a program that opens the engine and does as told."""
    code = PROLOGUE.format(engine=engine) + textwrap.dedent(body)
    return [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", "-c", code]


def run(engine: str, body: str) -> "subprocess.CompletedProcess[str]":
    """Run such a program to its end."""
    return subprocess.run(program(engine, body), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("leaves", LEAVES)
def test_a_program_that_closes_nothing_ends_well_and_silently(engine: str, leaves: str) -> None:
    """Exit code 0, nothing on stderr, whatever is left open."""
    if "fork" in leaves and not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    done = run(engine, LEAVES[leaves])
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_may_end_as_programs_do(engine: str) -> None:
    """What it inherited stays its parent's: port, pair and messages go on."""
    fork = """
        assert sockets.create_listen_socket_p2p(4)
        message = carry(bytes(300_000))
        pid = os.fork()
        if pid == 0:
            sys.exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        assert bytes(message) == bytes(300_000)
        assert sockets.connect_p2p("76561198000000001", 4)
        carry(b"the parent goes on")
    """
    done = run(engine, fork)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_shutdown_that_lingers_in_a_daemon_thread_does_not_outlive_the_program(
    engine: str,
) -> None:
    """What such a thread does not end in time, the program's end does."""
    done = run(
        engine,
        """
        import atexit
        atexit.unregister(steamnet.engine._close_all)
        atexit.register(lambda: print(steam.engine.is_open))
        atexit.register(steamnet.engine._close_all)
        lost = steamnet.ConfigValue.FAKE_PACKET_LOSS_SEND
        assert steam.networking_utils.set_config_value(lost, 100.0)
        here, _ = sockets.create_socket_pair(use_network_loopback=True)
        assert sockets.send_message(here, b"never arrives") == steamnet.EResult.OK
        thread = threading.Thread(target=steam.shutdown, args=(20,), daemon=True)
        thread.start()
        while not steam._shutting_down.locked():
            assert thread.is_alive()
            time.sleep(0.01)
        """,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "False\n")


def test_the_exit_code_is_the_programs_own(engine: str) -> None:
    """sys.exit passes through what we do at exit."""
    done = run(engine, "sys.exit(7)")
    assert (done.returncode, done.stderr) == (7, "")


def test_an_exception_is_all_that_is_said(engine: str) -> None:
    """The traceback of the program's own error stands alone on stderr."""
    done = run(engine, "view = carry(bytes(5000)).data\nraise LookupError('mine')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("LookupError: mine\n")


def interrupt(engine: str, body: str) -> tuple[int, str]:
    """Press Ctrl-C once the program says that it is ready."""
    with subprocess.Popen(
        program(engine, body), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_in_the_loop_of_a_program_that_expects_it(engine: str) -> None:
    """KeyboardInterrupt comes out of the loop, and the program ends as it likes."""
    loop = """
        try:
            print("ready", flush=True)
            while True:
                steam.run_callbacks()
                sockets.receive_messages(there)
        except KeyboardInterrupt:
            pass
    """
    assert interrupt(engine, loop) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_in_the_loop_of_a_program_that_does_not(engine: str) -> None:
    """It ends of the signal, with Python's traceback and no other word."""
    loop = """
        print("ready", flush=True)
        while True:
            steam.run_callbacks()
            time.sleep(0.001)
    """
    code, said = interrupt(engine, loop)
    assert code == -signal.SIGINT
    assert said.startswith("Traceback")
    assert said.endswith("KeyboardInterrupt\n")
    assert said.count("Traceback") == 1


# Windows ends a process at once whatever the signal.
KILL = "os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))"


@pytest.mark.parametrize("how", ["os._exit(3)", KILL])
def test_a_program_that_does_not_even_end_properly_hurts_only_itself(engine: str, how: str) -> None:
    """The next one opens the same engine under the same identity, and listens on the same port."""
    killed = run(engine, f"assert sockets.create_listen_socket_p2p(9)\n{how}")
    assert killed.returncode in (3, -9, 15)
    done = run(engine, "assert sockets.create_listen_socket_p2p(9)\ncarry(b'again')")
    assert (done.returncode, done.stderr) == (0, "")
