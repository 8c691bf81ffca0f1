"""A user in another process, called as if it were here: the second player that gns needs."""

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import steamnet


@dataclass(frozen=True)
class Received:
    """A message that was received over there, as plain data."""

    data: bytes
    size: int
    connection: int
    identity: str
    channel: int
    flags: int
    message_number: int
    time_received: int
    connection_user_data: int

    def decode(self) -> str:
        """The payload as text, as NetworkingMessage has it."""
        return self.data.decode()


class RemoteProcess:
    """A process that holds a Steam; attributes and calls go there, results and errors come back."""

    def __init__(self) -> None:
        """Start the process; `open` opens its engine."""
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, path: str, *args: Any, **options: Any) -> Any:
        """Call what the dotted path names on the Steam over there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((path, args, options), self._process.stdin)
        self._process.stdin.flush()
        answer, error = pickle.load(self._process.stdout)
        if error is not None:
            raise error
        return answer

    def open(self, **options: Any) -> "RemoteSteam":
        """Open an engine there, as `steamnet.init` does, with our variables as they are now."""
        ours = {name: value for name, value in os.environ.items() if name.startswith("STEAMNET_")}
        self.ask("open", ours, **options)
        return RemoteSteam(self)

    def kill(self) -> None:
        """End the process without a word, as a crash would."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process in good order."""
        self._process.stdin.close()  # type: ignore[union-attr]  # a pipe
        self._process.wait(60)
        self._process.stdout.close()  # type: ignore[union-attr]  # a pipe


class RemoteSteam:
    """Looks like a Steam, as far as calls go."""

    def __init__(self, remote: RemoteProcess, path: str = "") -> None:
        """Stand for the Steam of a process, or for something within it."""
        self._remote = remote
        self._path = path

    def __getattr__(self, name: str) -> "RemoteSteam":
        if name.startswith("_"):
            raise AttributeError(name)
        return RemoteSteam(self._remote, f"{self._path}.{name}".lstrip("."))

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call what this stands for."""
        return self._remote.ask(self._path, *args, **options)


def _plain(value: Any) -> Any:
    if isinstance(value, steamnet.NetworkingMessage):
        names = Received.__dataclass_fields__
        return Received(bytes(value), **{n: getattr(value, n) for n in names if n != "data"})
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _serve() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever an engine prints is not an answer
    steam: steamnet.Steam | None = None
    while True:
        try:
            path, args, options = pickle.load(requests)
        except EOFError:
            return
        answer, error = None, None
        try:
            if path == "open":
                for name in [name for name in os.environ if name.startswith("STEAMNET_")]:
                    del os.environ[name]
                os.environ.update(*args)
                steam = steamnet.init(**options)
            else:
                target: Any = steam
                for name in path.split("."):
                    target = getattr(target, name)
                answer = _plain(target(*args, **options))
        except Exception as raised:
            error = raised
        pickle.dump((answer, error), answers)
        answers.flush()


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    import remote_process

    remote_process._serve()  # from the module by its name, which pickled data refers to
