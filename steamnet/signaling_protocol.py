"""What carries the signals of P2P connections; `steamnet.signaling` tells about it."""

from collections.abc import Iterable
from typing import Protocol

from .identity import Identity


class Signaling(Protocol):
    """What `steamnet.init` takes as ``signaling``: all three are called from run_callbacks.

    If it has a method ``fileno() -> int`` as well, of a socket that can be read when a signal has
    arrived, `Steam.wait` wakes by it, and `receive` is called then, and ten times a second; else
    `Steam.wait` looks every five milliseconds, and `receive` is called in each run_callbacks.
    """

    def send(self, peer: Identity, signal: bytes) -> None:
        """Begin to carry a ``signal`` to a ``peer``, who may be unknown; must not block."""

    def receive(self) -> Iterable[tuple[Identity, bytes] | bytes]:
        """What has arrived since the last call, as (sender, signal); must not block.

        Plain bytes are signals whose sender is unknown.
        """

    def close(self) -> None:
        """Stop; called when the engine has shut down."""
