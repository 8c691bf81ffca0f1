"""What goes over a rendezvous connection: frames, refusals, and the limits on them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import SteamnetError
from ..identity import Identity

VERSION = 1
PORT = 27080
LONGEST_IDENTITY = 128  # bytes
LONGEST_SIGNAL = 16384  # bytes; those of GNS have a few hundred
LONGEST_TOGETHER = 1 << 16  # characters in a frame of several messages
LONGEST_ANSWER = 1 << 24  # bytes in a frame from a server
REPLACED, INVALID, REFUSED = 4001, 4002, 4003  # WebSocket close codes of our own

Message = dict[str, object]
"""A JSON object: a text frame, or from a server one of those in an array in it."""


class RequestError(SteamnetError):
    """The server has refused a request, or is not there to answer it; also raised by handlers."""

    def __init__(self, code: str, text: str) -> None:
        """``code``: a short word for programs; ``text``: for people."""
        super().__init__(text)
        self.code = code
        """For programs: "offline" where there is no server, otherwise the handler's own."""
        self.text = text
        """For people."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server holds, and what one client of it may ask and make it hold."""

    clients: int = 1000
    """How many users may be logged in."""
    half_open: int = 256
    """How many connections may be on their way to a login; the oldest makes room for a new one."""
    per_address: int = 64
    """How many connections an address may have. This machine's own, where a proxy may be, may
    have any number."""
    frame: int = 65536
    """Bytes in a frame of a client."""
    frames_per_second: float = 50.0
    """How often a client may send, for long; more is read later."""
    frames_at_once: float = 200.0
    """How many frames a client may send at once after a pause."""
    bytes_per_second: float = 65536.0
    """How much a client may send, for long; more is read later."""
    bytes_at_once: float = 524288.0
    """How much a client may send at once after a pause."""
    backlog: int = 131072
    """Bytes that wait for a client that does not read them."""
    login: float = 10.0
    """Seconds from the connection to the login."""
    hold: float = 15.0
    """Seconds that an identity is kept for a client that was lost."""


def encode_signal(identity: Identity, signal: bytes) -> bytes:
    """A binary frame: from a client it names the receiver, from a server the sender."""
    name = identity.text.encode("utf-8", "surrogateescape")
    return bytes([len(name)]) + name + signal


def decode_signal(frame: bytes) -> tuple[str, bytes]:
    """The identity's text and the signal; ValueError for what is no such frame."""
    end = 1 + frame[0] if frame else 1
    if not 1 < end <= len(frame) or end > 1 + LONGEST_IDENTITY:
        raise ValueError("a signal without an identity")
    return frame[1:end].decode(), frame[end:]


def encode(message: Mapping[str, object]) -> str:
    """A text frame."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _parse(frame: str) -> object:
    """The JSON of a text frame; ValueError for what is none."""
    try:
        return json.loads(frame)
    except RecursionError:
        raise ValueError("too many brackets") from None


def decode(frame: str) -> Message:
    """The message of a text frame; ValueError for what is none."""
    message = _parse(frame)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def together(frames: list[str]) -> str:
    """A text frame of the messages of text frames."""
    return frames[0] if len(frames) == 1 else f"[{','.join(frames)}]"


def decode_together(frame: str) -> list[Message]:
    """The messages of a server's text frame; ValueError for what is none."""
    if not frame.startswith("["):
        return [decode(frame)]
    messages = _parse(frame)
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise ValueError("not objects")
    return messages


def text(message: Mapping[str, object], key: str, longest: int = 4096) -> str:
    """A string of a message; ValueError where it is missing, or too long."""
    value = message.get(key)
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"{key} must be a string of at most {longest} characters")
    return value


def claimed_identity(name: str) -> Identity:
    """The identity of that text; ValueError for what nobody can be."""
    if not 0 < len(name.encode("utf-8", "surrogateescape")) <= LONGEST_IDENTITY:
        raise ValueError("an identity has 1 to 128 bytes")
    if not name.isprintable():
        raise ValueError("an identity has printable characters only")
    return Identity.parse(name)
