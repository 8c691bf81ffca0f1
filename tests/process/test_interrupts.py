"""Ctrl+C inside every loop, and interpreters within the interpreter."""

import dataclasses
import importlib
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import waiting

import steamnet
from steamnet import ConfigValue, SendFlags, Steam

pytestmark = [
    pytest.mark.python_behaviour,
    pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them"),
]
PROMPTLY = 60.0  # what waits, waits longer


def ctrl_c(after: float, action: Callable[[], object]) -> None:
    """Interrupt an action, after some seconds; it must end promptly."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def begin() -> None:
        signal.setitimer(signal.ITIMER_REAL, after)
        action()  # on a busy machine, the time may be over before this

    before = signal.signal(signal.SIGALRM, interrupt)
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < after + PROMPTLY


def pumping(steam: Steam) -> None:
    """Run callbacks without end."""
    while True:
        steam.run_callbacks()


def receiving(steam: Steam) -> None:
    """Send to oneself and receive without end."""
    sockets = steam.networking_sockets
    one, other = sockets.create_socket_pair()
    while True:
        sockets.send_messages([(one, b"x" * 2000, SendFlags.RELIABLE)] * 10)
        sockets.receive_messages(other)
        steam.run_callbacks()


def connecting(steam: Steam) -> None:
    """Open and close without end."""
    sockets = steam.networking_sockets
    while True:
        for connection in sockets.create_socket_pair(True):
            sockets.close_connection(connection)
        steam.run_callbacks()
        sockets.connection_events()


def waits(steam: Steam) -> None:
    """Wait for what does not come."""
    while True:
        steam.wait(600)
        steam.run_callbacks()


@pytest.mark.parametrize("loop", [pumping, receiving, connecting, waits])
def test_interrupted_loops(steam: Steam, loop: Callable[[Steam], None], engine: str) -> None:
    """Wherever it strikes, the engine goes on working afterwards."""
    for after in (0.001, 0.003, 0.01, 0.03, 0.1):
        ctrl_c(after, lambda: loop(steam))
    sockets = steam.networking_sockets
    one, other = sockets.create_socket_pair()
    assert sockets.send_message(one, b"alive", SendFlags.RELIABLE_NO_NAGLE) == steamnet.EResult.OK
    waiting.until(lambda: sockets.receive_messages(other), steam, what="the message")


def test_interrupted_handler(steam: Steam) -> None:
    """Ctrl+C in a handler comes out of run_callbacks at once."""
    sockets = steam.networking_sockets
    sockets.on_connection_status_changed(lambda _: time.sleep(600))
    sockets.close_connection(sockets.create_socket_pair()[0])
    ctrl_c(0.2, lambda: pumping(steam))


def test_interrupted_wait(steam: Steam, monkeypatch: pytest.MonkeyPatch) -> None:
    """wait_for_relay can be interrupted, where there is a relay network to wait for."""
    utils = steam.networking_utils
    known = utils.get_relay_network_status()
    waiting = dataclasses.replace(known, availability=steamnet.Availability.WAITING)
    monkeypatch.setattr(type(utils), "get_relay_network_status", lambda _: waiting)
    ctrl_c(0.2, lambda: utils.wait_for_relay(600))


def test_interrupted_shutdown(
    engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lingering shutdown that is interrupted has shut down all the same."""
    if engine == "gns":
        request.getfixturevalue("gns")
    steam = steamnet.init(engine=engine)
    sockets = steam.networking_sockets
    one, _other = sockets.create_socket_pair(True)
    for key in (ConfigValue.SEND_RATE_MIN, ConfigValue.SEND_RATE_MAX):
        sockets.set_connection_config_value(one, key, 1024)
    for _ in range(10):
        sockets.send_message(one, bytes(10_000))
    pause = steam.clock.pause

    def interrupted(until: float) -> None:  # within the wait of the shutdown
        monkeypatch.undo()
        signal.raise_signal(signal.SIGALRM)
        pause(until)

    monkeypatch.setattr(steam.clock, "pause", interrupted)
    ctrl_c(60, lambda: steam.shutdown(linger=600))
    assert not steam.engine.is_open
    with pytest.raises(steamnet.ClosedError):
        sockets.create_poll_group()
    steamnet.init(engine=engine).shutdown()


def interpreters() -> Any:
    """Python's own module of interpreters, under this version's name."""
    return importlib.import_module(
        "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    )


def test_subinterpreters_are_refused() -> None:
    """Another interpreter of the process is told, in words, and this one is not disturbed."""
    module = interpreters()
    program = """if True:
        try:
            from steamnet import init
        except ImportError as error:
            with open({path}, "w") as out:
                print(error, file=out)
    """
    with tempfile.NamedTemporaryFile("r") as answer:
        other = module.create()
        try:
            module.run_string(other, program.format(path=repr(answer.name)))
        finally:
            module.destroy(other)
        assert "interpreter" in answer.read()
    with steamnet.init(engine="loopback") as steam:
        here, there = steam.networking_sockets.create_socket_pair()
        steam.networking_sockets.send_message(here, b"", SendFlags.RELIABLE_NO_NAGLE)
        while not (received := steam.networking_sockets.receive_messages(there)):
            steam.run_callbacks()
        assert type(received[0].identity) is steamnet.Identity
    with pytest.raises(steamnet.ClosedError):
        steam.run_callbacks()


def test_interrupt_while_another_thread_is_inside(steam: Steam) -> None:
    """The main thread's Ctrl+C leaves another thread's calls alone."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                steam.run_callbacks()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        ctrl_c(0.05, lambda: receiving(steam))
    finally:
        stop.set()
        thread.join()
    assert errors == []
