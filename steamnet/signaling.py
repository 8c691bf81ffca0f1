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
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from ._native import ffi, lib
from .identity import Identity, text_of

MAX_DATAGRAM = 65507  # bytes in a UDP datagram
TOKEN = 32
MAX_DATAGRAMS = 256  # datagrams to look at in one call
CHECK_SECONDS = 1.0  # between two looks whether a user's own file is still there
UNFINISHED = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")  # a file that is to replace an entry
UNFINISHED_SECONDS = 60
NO_FOLLOW_NO_WAIT = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


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
    else can put signals in. The last user of an identity has its name. A file that somebody
    removes is made again by `receive`, and what killed users have left is removed by the next.
    """

    def __init__(self, identity: Identity) -> None:
        """Be found as ``identity``; OSError where the directory or a socket is not to be had."""
        self._file = rendezvous_directory() / _entry_name(identity)
        self._owner = os.getpid()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind(("127.0.0.1", 0))
            self._entry = _Entry(self._socket.getsockname()[1], secrets.token_bytes(TOKEN))
            self._publish()
        except BaseException:
            self._socket.close()
            raise
        _sweep(self._file.parent)

    def send(self, peer: Identity, signal: bytes) -> None:
        """Send the ``signal`` to the ``peer`` as a datagram, if there is one."""
        entry = _read_entry(self._file.with_name(_entry_name(peer)))
        if entry is not None:  # else nobody is there (yet)
            with suppress(OSError):  # a full buffer, or a user who is gone: signals may be lost
                self._socket.sendto(entry.secret + signal, ("127.0.0.1", entry.port))

    def receive(self) -> Iterator[bytes]:
        """Take what has arrived, at most `MAX_DATAGRAMS`: a flood must not block the caller."""
        if time.monotonic() >= self._check_at and self._socket.fileno() >= 0:
            self._publish_again()
        for _ in range(MAX_DATAGRAMS):
            try:
                datagram = self._socket.recv(MAX_DATAGRAM)
            except ConnectionResetError:  # Windows' way to say that a peer was gone
                continue
            except OSError:
                return
            if secrets.compare_digest(datagram[:TOKEN], self._entry.secret):
                yield datagram[TOKEN:]

    def close(self) -> None:
        """Be found no more, unless another has the name by now; idempotent."""
        # A forked child leaves its parent's file alone.
        if os.getpid() == self._owner and _read_entry(self._file) == self._entry:
            with suppress(OSError):
                self._file.unlink()
        self._socket.close()

    def _publish(self) -> None:
        self._check_at = time.monotonic() + CHECK_SECONDS
        fresh = self._file.with_suffix(f".{secrets.token_hex(8)}")
        # O_EXCL: made by us, and not through a link that somebody laid there.
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(file, "w") as entry:
                entry.write(f"{self._entry.port} {self._entry.secret.hex()}")
            os.replace(fresh, self._file)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def _publish_again(self) -> None:
        self._check_at = time.monotonic() + CHECK_SECONDS
        found = _read_entry(self._file)
        if os.getpid() != self._owner or (found is not None and found.is_alive()):
            return  # still there, or another user's who has the name now
        with suppress(OSError):  # next time
            rendezvous_directory()  # which makes it, if it was removed
            self._publish()


class _Entry(NamedTuple):
    """What a user's file tells."""

    port: int
    secret: bytes

    def is_alive(self) -> bool:
        """Whether somebody has the port; true if it cannot be told."""
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", self.port))
        except OSError:
            return True
        return False


def _entry_name(identity: Identity) -> str:
    name = hashlib.sha256(identity.text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{name[:32]}.signaling"


def _read_entry(path: Path) -> _Entry | None:
    """Read a user's file; None if there is none, or it is anything else."""
    try:
        # Following no link, and waiting for nothing that may be in its place.
        file = os.open(path, os.O_RDONLY | NO_FOLLOW_NO_WAIT)
        try:
            text = os.read(file, 128) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)
        port, secret = text.split()
        entry = _Entry(int(port), bytes.fromhex(secret.decode("ascii")))
    except (OSError, ValueError):
        return None
    return entry if 0 < entry.port < 65536 and len(entry.secret) == TOKEN else None


def _sweep(directory: Path) -> None:
    """Remove the files of users who were killed."""
    with suppress(OSError):  # what cannot be removed stays
        for name in os.listdir(directory):
            path = directory / name
            if name.endswith(".signaling"):
                entry = _read_entry(path)
                dead = entry is not None and not entry.is_alive() and _read_entry(path) == entry
            else:
                dead = UNFINISHED.fullmatch(name) is not None and _age(path) > UNFINISHED_SECONDS
            if dead:
                path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0


def rendezvous_directory() -> Path:
    """The directory in which this account's users find each other, made if need be.

    It is the loopback engine's too: $STEAMNET_LOOPBACK_DIR, else a place of this account's own
    that only it can write to. OSError where there is none.
    """
    path, error = ffi.new("char[]", lib.SN_ERROR_SIZE), ffi.new("char[]", lib.SN_ERROR_SIZE)
    if not lib.sn_rendezvous_directory(path, len(path), error):
        raise OSError(text_of(error))
    return Path(text_of(path))
