"""Signaling: how two users exchange the few bytes that a P2P connection begins and ends with.

The engine makes signals and understands them; carrying them is the caller's business, over
whatever already connects the players: a lobby server, a chat, or, on one machine,
`LocalSignaling`. Steam has its own; this is for the gns engine. In `Steam.run_callbacks`

1. each signal that the engine has for somebody is given to `Signaling.send`;
2. each signal that `Signaling.receive` yields is given to the engine, whoever sent it.

Signals may be lost, doubled or late: the engines send again.
"""

import hashlib
import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ._native import ffi, lib
from .identity import Identity, text_of

MAX_DATAGRAM = 65507  # bytes in a UDP datagram
TOKEN = 32
MAX_DATAGRAMS = 256  # datagrams to look at in one call


class Signaling(Protocol):
    """What `steamnet.init` takes as ``signaling``: all three are called from run_callbacks."""

    def send(self, peer: Identity, signal: bytes) -> None:
        """Begin to carry a ``signal`` to a ``peer``; must not wait. An unknown one is no error."""

    def receive(self) -> Iterable[bytes]:
        """The signals that have arrived for us since last time; must not wait."""

    def close(self) -> None:
        """Stop; called when the engine has shut down."""


class LocalSignaling:
    """Reaches the users of this machine's account who have one too. No server, no threads.

    Each user has a UDP socket on the loopback interface, and a file that only this account can
    read, which tells its port and a secret. Datagrams without the secret are ignored, so nobody
    else can put signals in. The last user of an identity has its name.
    """

    def __init__(self, identity: Identity) -> None:
        """Be found as ``identity``; OSError where the directory or a socket is not to be had."""
        self._directory = rendezvous_directory()
        self._file = self._file_of(identity)
        self._token = secrets.token_bytes(TOKEN)
        self._owner = os.getpid()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind(("127.0.0.1", 0))
            self._entry = f"{self._socket.getsockname()[1]} {self._token.hex()}"
            fresh = self._file.with_suffix(f".{secrets.token_hex(8)}")
            # O_EXCL: made by us, and not through a link that somebody laid there.
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as entry:
                entry.write(self._entry)
            os.replace(fresh, self._file)
        except BaseException:
            self._socket.close()
            raise

    def send(self, peer: Identity, signal: bytes) -> None:
        """Send the ``signal`` to the ``peer`` as a datagram, if there is one."""
        try:
            port, token = self._file_of(peer).read_text().split()
            datagram = bytes.fromhex(token) + signal
            with suppress(OSError):  # a full buffer, or a user who is gone: signals may be lost
                self._socket.sendto(datagram, ("127.0.0.1", int(port)))
        except (OSError, ValueError, OverflowError):
            return  # nobody is there (yet)

    def receive(self) -> Iterator[bytes]:
        """Take what has arrived, at most `MAX_DATAGRAMS`: a flood must not block the caller."""
        for _ in range(MAX_DATAGRAMS):
            try:
                datagram = self._socket.recv(MAX_DATAGRAM)
            except ConnectionResetError:  # Windows' way to say that a peer was gone
                continue
            except OSError:
                return
            if secrets.compare_digest(datagram[:TOKEN], self._token):
                yield datagram[TOKEN:]

    def close(self) -> None:
        """Be found no more, unless another has the name by now; idempotent."""
        self._socket.close()
        if os.getpid() == self._owner:  # a forked child leaves its parent's file alone
            with suppress(OSError):
                if self._file.read_text() == self._entry:
                    self._file.unlink()

    def _file_of(self, identity: Identity) -> Path:
        name = hashlib.sha256(identity.text.encode("utf-8", "surrogateescape")).hexdigest()
        return self._directory / f"{name[:32]}.signaling"


def rendezvous_directory() -> Path:
    """The directory in which this account's users find each other, made if need be.

    It is the loopback engine's too: $STEAMNET_LOOPBACK_DIR, else a place of this account's own
    that only it can write to. OSError where there is none.
    """
    path, error = ffi.new("char[]", lib.SN_ERROR_SIZE), ffi.new("char[]", lib.SN_ERROR_SIZE)
    if not lib.sn_rendezvous_directory(path, len(path), error):
        raise OSError(text_of(error))
    return Path(text_of(path))
