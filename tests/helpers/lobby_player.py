"""A player in a process of its own, who is in a lobby, and does what the test says.

It runs its callbacks 60 times a second. A line of input is a Python expression about ``steam`` and
``me`` (a `Player`); the answer is a line with the text of its value.
"""

import ast
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import steamnet

FRAME = 1 / 60


class RemotePlayer:
    """A player's process, seen from the test."""

    def __init__(self, engine: str, identity: str, **options: Any) -> None:
        """Start it; `ask` waits until it is open."""
        self.identity = identity
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.tell(repr({"engine": engine, "identity": identity, **options}))

    def tell(self, expression: str) -> None:
        """Have it work out an expression; `hear` waits for the value."""
        assert self._process.stdin is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """The value of the oldest expression that was told."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self.identity} has ended"
        return ast.literal_eval(line)

    def ask(self, expression: str) -> Any:
        """The value of an expression."""
        self.tell(expression)
        return self.hear()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        """End it in good order."""
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


class Player:
    """What an expression can speak of as ``me``."""

    def __init__(self, steam: steamnet.Steam) -> None:
        self.steam = steam
        self.lobby: Any = None
        self.events: list[tuple[str, str, str, float]] = []
        """Kind, user, what was said, and the owner at that time."""
        self.times: list[float] = []
        """Thread CPU seconds of each frame's run_callbacks."""
        self.listener = steam.listen()
        self.connection: steamnet.Connection | None = None

    def frame(self, work: Callable[[], object] = lambda: None) -> None:
        """What a game does in each frame; ``work`` is what else it asks of lobbies."""
        before = time.thread_time()
        work()
        self.steam.run_callbacks()
        events = self.steam.lobbies.events()
        self.times.append(time.thread_time() - before)
        for event in events:
            self.events.append(
                (event.kind.name, str(event.user), event.data.decode(), str(event.lobby.owner))
            )

    def answer(self, request: Any) -> Any:
        """Wait for an answer: the lobby's id, infos as tuples, or the reason of a refusal."""
        while not request.done:
            self.frame()
            time.sleep(0.002)
        try:
            result = request.result()
        except steamnet.ResultError as error:
            return error.result.name  # type: ignore[union-attr]  # one that we know
        if isinstance(result, steamnet.Lobby):
            self.lobby = result
            return result.id
        infos = result if isinstance(result, list) else [result]
        return [(info.id, info.member_count, dict(info.data)) for info in infos]

    def until(self, condition: Any, seconds: float = 60) -> Any:
        """Wait until a condition holds, and return what it says in the end."""
        deadline = time.monotonic() + seconds
        while not (value := condition()) and time.monotonic() < deadline:
            self.frame()
            time.sleep(0.002)
        return value

    def members(self) -> dict[str, dict[str, str]]:
        """The members with their data."""
        return {str(user): dict(self.lobby.member_data(user)) for user in self.lobby.members}

    def chats(self) -> list[str]:
        """What was said, in order."""
        return [said for kind, _, said, _ in self.events if kind == "CHAT"]

    def heard(self) -> int:
        """How often something was said."""
        return len(self.chats())

    def connect(self) -> str:
        """Connect to the owner: the state in the end."""
        connection = self.connection = self.steam.connect(self.lobby.owner)
        self.until(lambda: connection.state >= steamnet.ConnectionState.CONNECTED)
        return connection.state.name

    def accept(self) -> bool:
        """Accept somebody who connects."""
        self.connection = self.until(self.listener.accept)
        return self.connection is not None

    def _tell(self, number: int, count: int) -> None:
        self.lobby.me["count"] = str(count)
        self.lobby.send(f"{number} {count}")

    def crowd(self, seconds: float, rate: float, number: int) -> int:
        """Write and say numbers for so long, ``rate`` times a second; return the last one."""
        self.times.clear()
        begin, count = time.monotonic(), 0
        while (now := time.monotonic()) < begin + seconds:
            if (now - begin) * rate > count:
                count += 1
                self.frame(partial(self._tell, number, count))
            else:
                self.frame()
            time.sleep(max(FRAME - (time.monotonic() - now), 0.001))
        return count


def _play() -> None:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    options = lines.get()
    assert options is not None
    with steamnet.init(**ast.literal_eval(options)) as steam:
        me = Player(steam)
        while True:
            me.frame()
            try:
                line = lines.get(timeout=FRAME)
            except queue.Empty:
                continue
            if line is None:
                return
            print(repr(eval(line, {"steam": steam, "me": me, "steamnet": steamnet})), flush=True)


if __name__ == "__main__":
    _play()
