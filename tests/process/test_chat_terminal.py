"""The chat of ``steamnet host`` on a terminal: what others say does not break up what is typed."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("prompt_toolkit", reason="the prompt needs: pip install 'steamnet[cli]'")
pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals of this kind")
HOST = "76561198000000001"


def read_until(terminal: int, text: str) -> str:
    """Read what is shown on a terminal up to the text; fail after 20 seconds."""
    seen, deadline = "", time.monotonic() + 60
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"{text!r} never came, but:\n{seen}"
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen


def test_what_is_typed_stays_whole_while_a_guest_speaks(tmp_path: Path) -> None:
    """It stands below the guest's line, goes on being typed, and is sent as one line."""
    import termios

    world = tmp_path / "world"
    world.mkdir(mode=0o700)
    environment = os.environ | {"STEAMNET_LOOPBACK_DIR": str(world), "TERM": "xterm"}
    command = [sys.executable, "-m", "steamnet"]
    terminal, inner = pty.openpty()
    before = termios.tcgetattr(terminal)
    with (
        subprocess.Popen(
            [*command, "host", "--engine", "loopback", "--identity", HOST],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment,
        ) as host,
        subprocess.Popen(
            [*command, "join", HOST, "--engine", "loopback"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as guest,
    ):
        try:
            read_until(terminal, " joined")
            os.write(terminal, b"half of")
            read_until(terminal, "half of")
            assert guest.stdin is not None
            assert guest.stdout is not None
            guest.stdin.write("hello, host\n")
            guest.stdin.flush()
            shown = read_until(terminal, "hello, host")
            if "half of" not in shown.partition("hello, host")[2]:
                read_until(terminal, "half of")  # again, below
            os.write(terminal, b" a line\r")
            assert any("half of a line" in line for line in guest.stdout)
            host.send_signal(signal.SIGTERM)
            read_until(terminal, "goodbye")
            assert host.wait(20) == 0
            assert termios.tcgetattr(terminal) == before  # the terminal is given back
        finally:
            host.kill()
            guest.kill()
            os.close(terminal)
            os.close(inner)
