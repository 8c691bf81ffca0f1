"""What goes wrong, in as many classes as a caller would catch differently."""

from ._native import set_closed_error
from .enums import EndReason, EResult


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
    """A call of the object layer was refused; ``result`` and ``operation`` say which and why.

    Where a connection has ended, ``reason`` and ``by_peer`` say how.
    """

    def __init__(
        self,
        operation: str,
        result: EResult | int,
        detail: str = "",
        reason: EndReason | int = 0,
        by_peer: bool = False,
    ) -> None:
        """Name the operation, Steam's result, and what is known beyond that."""
        super().__init__(operation, result, detail, reason, by_peer)  # as they are, for pickle
        self.operation = operation
        self.result = result
        self.reason = reason
        """Why the connection ended: an `EndReason`, or a game's own number (1000-2999); else 0."""
        self.by_peer = by_peer
        """Whether the peer closed the connection."""
        self._detail = detail

    def __str__(self) -> str:
        name = getattr(self.result, "name", self.result)
        return f"{self.operation}: {name}{f' ({self._detail})' if self._detail else ''}"


set_closed_error(ClosedError)
