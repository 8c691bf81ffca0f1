"""Signaling: how two users exchange the few bytes that a P2P connection begins and ends with.

The engine makes and reads signals. The game carries them over whatever already connects its
players: a lobby server, a chat, or, on one machine, `LocalSignaling`. Steam has its own signaling;
this is for the gns engine. `Steam.run_callbacks`

1. gives each signal that the engine has for a peer to `Signaling.send`;
2. gives each signal that `Signaling.receive` yields to the engine.

Signals may be lost, duplicated or late: the engines send again.

The engine takes from a signal's own bytes who sent it. So a signaling that knows its senders yields
``(sender, signal)``, and steamnet refuses each signal that says it is from another. One that
yields plain ``signal`` bytes vouches for nobody: use it only where every sender is trusted, as
`LocalSignaling` is used between the processes of one account.
"""

import hashlib
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ._native import ffi, lib
from .identity import Identity, text_of
from .signaling_protocol import Signaling as Signaling

MAX_DATAGRAM = 65507  # bytes in a UDP datagram
TOKEN = 32
MAX_DATAGRAMS = 256  # datagrams to look at in one call
CHECK_SECONDS = 1.0  # between two looks whether a user's own file is still there
UNFINISHED = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")  # a file that is to replace an entry
UNFINISHED_SECONDS = 60
NO_FOLLOW_NO_WAIT = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class LocalSignaling:
    """Carries signals between users of this machine's account. No server, no threads.

    Each user has a UDP socket on the loopback interface, and a file that only this account can
    read, with its port and a secret. Datagrams without the secret are ignored, so other accounts
    cannot send signals. The newest user of an identity is the one that is found. `receive` writes
    the file again if it was removed; a new user removes the files of users that were killed.
    """

    def __init__(self, identity: Identity) -> None:
        """Publish ``identity``; OSError if the directory or a socket is not available."""
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
        """Send the ``signal`` to the ``peer`` as a datagram, if the peer is there."""
        entry = _read_entry(self._file.with_name(_entry_name(peer)))
        if entry is not None:  # else the peer is not there (yet)
            with suppress(OSError):  # a full buffer, or the peer has ended: signals may be lost
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

    def fileno(self) -> int:
        """The socket, for who waits until something arrives."""
        return self._socket.fileno()

    def close(self) -> None:
        """Remove the file, unless a newer user has replaced it; idempotent."""
        # A forked child must not remove its parent's file.
        if os.getpid() == self._owner and _read_entry(self._file) == self._entry:
            with suppress(OSError):
                self._file.unlink()
        self._socket.close()

    def _publish(self) -> None:
        self._check_at = time.monotonic() + CHECK_SECONDS
        fresh = self._file.with_suffix(f".{secrets.token_hex(8)}")
        # O_EXCL: a new file, and not one that a link leads to.
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
            return  # still there, or replaced by a newer user of this identity
        with suppress(OSError):  # next time
            rendezvous_directory()  # which makes it, if it was removed
            self._publish()


class _Entry(NamedTuple):
    """What a user's file contains."""

    port: int
    secret: bytes

    def is_alive(self) -> bool:
        """Whether a socket has the port; true if that is unknown."""
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
    """Read a user's file; None if there is none, or it is something else."""
    try:
        # A link is not followed, and a named pipe does not block.
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
    """Remove the files of users that were killed."""
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
    """The directory in which this account's users find each other; it is made if needed.

    The loopback engine uses it too: $STEAMNET_LOOPBACK_DIR, else a directory that only this
    account can write to. OSError if there is none.
    """
    path, error = ffi.new("char[]", lib.SN_ERROR_SIZE), ffi.new("char[]", lib.SN_ERROR_SIZE)
    if not lib.sn_rendezvous_directory(path, len(path), error):
        raise OSError(text_of(error))
    return Path(text_of(path))
