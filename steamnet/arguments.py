"""Reads callers' arguments: invalid ones raise before any engine sees them."""

import math
import operator
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from ._native import ffi, lib
from .identity import c_string

if sys.version_info >= (3, 12):
    from collections.abc import Buffer
elif TYPE_CHECKING:
    from typing_extensions import Buffer
else:
    Buffer = bytes | bytearray | memoryview  # before 3.12 there is no name for all of them

Payload: TypeAlias = str | Buffer
"""What can be sent: text, which goes as UTF-8, or any C-contiguous buffer."""
MESSAGE_LIMIT: int = lib.k_cbMaxSteamNetworkingSocketsMessageSizeSend


def integer(value: int, what: str, low: int, high: int) -> int:
    """A whole number within bounds: TypeError for another type, ValueError outside."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{what} must be an int, not {type(value)}") from None
    if not low <= number <= high:
        raise ValueError(f"{what} must be from {low} to {high}, not {number}")
    return number


def handle(value: int, what: str) -> int:
    """A handle: any 32-bit number may have been one."""
    return integer(value, what, 0, 0xFFFFFFFF)


def port(value: int, what: str = "virtual_port") -> int:
    """A port, virtual or not."""
    return integer(value, what, 0, 0xFFFF)


def seconds(value: float, what: str) -> float:
    """A length of time that can be waited for: TypeError for another type, ValueError outside."""
    if not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number of seconds, not {type(value)}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{what} is a number of seconds from 0, not {value!r}")
    return value


def check_close(reason: int, debug: str) -> None:
    """Raise, before anything is closed, unless a peer can be told this.

    The reasons 0 and 1000-2999 arrive as they are, others as something else.
    """
    number = integer(reason, "reason", -(2**31), 2**31 - 1)
    if number != 0 and not 1000 <= number <= 2999:
        raise ValueError(f"reason must be 0 or from 1000 to 2999, not {number}")
    close_text(debug)


def close_text(text: str) -> bytes:
    """The words of a close, cut to what Valve carries without splitting a character."""
    limit = lib.k_cchSteamNetworkingMaxConnectionCloseReason - 1
    return c_string(text, "debug")[:limit].decode("utf-8", "ignore").encode()


def payload(data: Payload) -> Any:
    """What cffi can read the bytes of; the hot calls do the same in C."""
    if isinstance(data, str):
        data = data.encode()
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data must be str or a bytes-like object, not {type(data)}") from None
    if not view.c_contiguous:
        raise ValueError("data must be one C-contiguous stretch of bytes")
    if view.nbytes > MESSAGE_LIMIT:
        raise ValueError(
            f"a message holds at most {MESSAGE_LIMIT} bytes (512 KiB), not {view.nbytes}"
        )
    return ffi.from_buffer(view)
