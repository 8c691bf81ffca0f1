"""What goes wrong, in as many classes as a caller would catch differently."""

from typing import TYPE_CHECKING

from ._native import set_closed_error

if TYPE_CHECKING:
    from .enums import EResult


class SteamnetError(Exception):
    """The base of every error that is steamnet's own."""


class InitError(SteamnetError):
    """An engine could not be found, loaded or started.

    ``tried`` lists what was tried, a line each: a path, and why it would not do.
    """

    def __init__(self, message: str, tried: list[str] | None = None) -> None:
        """Keep the lines apart from the message, which shows them too."""
        self.tried = tried or []
        super().__init__("\n    ".join([message, *self.tried]))


class UnsupportedError(SteamnetError, NotImplementedError):
    """The loaded engine lacks the function behind this call; the message names it."""


class ClosedError(SteamnetError, ValueError):
    """Used after it was shut down or closed."""


class ResultError(SteamnetError):
    """A call of the object layer was refused; ``result`` and ``operation`` say which and why."""

    def __init__(self, operation: str, result: "EResult | int", reason: str = "") -> None:
        """Name the operation, Steam's result, and what is known beyond that."""
        self.operation = operation
        self.result = result
        name = getattr(result, "name", result)
        super().__init__(f"{operation}: {name}{f' ({reason})' if reason else ''}")


set_closed_error(ClosedError)
