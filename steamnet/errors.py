"""What goes wrong, in as many classes as a caller would catch differently."""

from ._native import set_closed_error
from .enums import EResult


class SteamnetError(Exception):
    """The base of every error that is steamnet's own."""


class InitError(SteamnetError):
    """An engine could not be found, loaded or started.

    ``tried`` lists what was tried, a line each: a path, and why it would not do.
    """

    def __init__(self, message: str, tried: list[str] | None = None) -> None:
        """Keep the lines apart from the message, which shows them too."""
        super().__init__(message, tried or [])
        self.tried: list[str] = self.args[1]

    def __str__(self) -> str:
        return "\n    ".join([self.args[0], *self.tried])


class UnsupportedError(SteamnetError, NotImplementedError):
    """The loaded engine lacks the function behind this call; the message names it."""


class ClosedError(SteamnetError, ValueError):
    """Used after it was shut down or closed."""


class ResultError(SteamnetError):
    """A call of the object layer was refused; ``result`` and ``operation`` say which and why."""

    def __init__(self, operation: str, result: EResult | int, reason: str = "") -> None:
        """Name the operation, Steam's result, and what is known beyond that."""
        super().__init__(operation, result, reason)  # as they are: it can be pickled
        self.operation = operation
        self.result = result
        self._reason = reason

    def __str__(self) -> str:
        name = getattr(self.result, "name", self.result)
        return f"{self.operation}: {name}{f' ({self._reason})' if self._reason else ''}"


set_closed_error(ClosedError)
