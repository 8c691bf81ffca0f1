"""A player in another process that does what it is told in Python, and answers."""

import ast
import os
import pickle
import subprocess
import sys
import time
from typing import Any

import steamnet

# What a player knows by name besides `steam`.
PRELUDE = """
def ask(request):
    "What a request is answered with."
    until(lambda: request.done)
    return request.result()


def until(condition):
    "Run callbacks until the condition holds."
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "not within 60 s"
        steam.run_callbacks()
        time.sleep(0.002)
    return found


def heard(kind):
    "Run callbacks until there is an event of that kind: its user and data."
    def find():
        events.extend(steam.lobbies.events())
        return next((event for event in events if event.kind.name == kind), None)
    event = until(find)
    events.remove(event)
    return event.user, event.data


events = []
"""


class SteamPlayer:
    """A process with a Steam of its own."""

    def __init__(self, identity: str, library: str, **environment: str) -> None:
        """Start it as the user with that identity."""
        environment["STEAMNET_FAKE_STEAM_STEAM_ID"] = identity
        self.process = subprocess.Popen(
            [sys.executable, __file__, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
        )
        self.do("None")

    def do(self, code: str) -> Any:
        """Run statements there; the value of the last one, if it is an expression."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        pickle.dump(code, self.process.stdin)
        self.process.stdin.flush()
        answer, error = pickle.load(self.process.stdout)
        if error is not None:
            raise error
        return answer

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End it in good order."""
        self.process.stdin.close()  # type: ignore[union-attr]  # a pipe
        self.process.wait(30)
        self.process.stdout.close()  # type: ignore[union-attr]  # a pipe


def _serve() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    with steamnet.init(480, library=sys.argv[1]) as steam:
        names: dict[str, Any] = {"steam": steam, "steamnet": steamnet, "time": time}
        exec(PRELUDE, names)
        while True:
            try:
                code = pickle.load(requests)
            except EOFError:
                return
            answer, error = None, None
            try:
                tree = ast.parse(code)
                last = tree.body[-1]
                if isinstance(last, ast.Expr):
                    tree.body.pop()
                exec(compile(tree, "<player>", "exec"), names)
                if isinstance(last, ast.Expr):
                    answer = eval(compile(ast.Expression(last.value), "<player>", "eval"), names)
            except Exception as raised:
                error = raised
            pickle.dump((answer, error), answers)
            answers.flush()


if __name__ == "__main__":
    _serve()
