"""The terminal of a chat: lines out, and lines in without waiting for them."""

import queue
import sys
import threading

FRAME = 1 / 60


def say(text: str) -> None:
    """Print at once, also into a pipe; what strangers send cannot command the terminal."""
    print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text), flush=True)


def typed_lines() -> "queue.SimpleQueue[str | None]":
    """What is typed, a line each, None at the end; read by a thread, as no platform can poll it."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin or ():  # None: it was closed before we began
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def next_line(typed: "queue.SimpleQueue[str | None]") -> str | None:
    """The next typed line; "" if there is none now, None at the end."""
    try:
        return typed.get_nowait()
    except queue.Empty:
        return ""
