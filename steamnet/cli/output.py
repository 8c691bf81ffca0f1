"""The terminal of a chat: lines out, and lines in without waiting for them."""

import queue
import sys
import threading
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

FRAME = 1 / 60
END_SECONDS = 2.0  # for the prompt to give the terminal back


def say(text: str) -> None:
    """Print at once, also into a pipe; what strangers send cannot command the terminal."""
    print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text), flush=True)


@contextmanager
def typed_lines() -> Iterator["queue.SimpleQueue[str | None]"]:
    """What is typed, a line each, None at the end; read by a thread, as no platform can poll it.

    On a terminal prompt_toolkit, where it is there, keeps what is being typed below what is said.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    if terminal and find_spec("prompt_toolkit") is not None:
        with _prompt(lines):
            yield lines
        return

    def read() -> None:
        for line in sys.stdin or ():  # None: it was closed before we began
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    yield lines


@contextmanager
def _prompt(lines: "queue.SimpleQueue[str | None]") -> Iterator[None]:
    """Put what is typed at a prompt into the queue."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    session: PromptSession[str] = PromptSession("> ")

    def read() -> None:
        try:
            while True:
                lines.put(session.prompt(handle_sigint=False))
        except EOFError:  # Ctrl-D
            lines.put(None)
        except KeyboardInterrupt:  # Ctrl-C, which the prompt has read as a key
            interrupt_main()

    def end() -> None:
        with suppress(Exception):  # it has ended by itself
            session.app.exit(exception=EOFError)

    with patch_stdout():
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            if thread.is_alive() and session.app.loop is not None:
                session.app.loop.call_soon_threadsafe(end)
            thread.join(END_SECONDS)


def next_line(typed: "queue.SimpleQueue[str | None]") -> str | None:
    """The next typed line; "" if there is none now, None at the end."""
    try:
        return typed.get_nowait()
    except queue.Empty:
        return ""
