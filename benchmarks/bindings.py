"""What people do without steamnet: the same calls through ctypes, and through plain cffi."""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from cffi import FFI

from steamnet._native import ffi

RECEIVE_C = "int (*)(void *, uint32_t, Message **, int)"
SEND_C = "int (*)(void *, uint32_t, const void *, uint32_t, int, int64_t *)"


class Message(NamedTuple):
    """What both make of a message: eight fields, and a copy of the payload."""

    data: bytes
    connection: int
    identity: int
    user_data: int
    received: int
    number: int
    flags: int
    lane: int


class CMessage(ctypes.Structure):
    """SteamNetworkingMessage_t for ctypes."""


Release = ctypes.CFUNCTYPE(None, ctypes.POINTER(CMessage))
CMessage._fields_ = [
    ("data", ctypes.c_void_p),
    ("size", ctypes.c_int),
    ("connection", ctypes.c_uint32),
    ("identity_type", ctypes.c_int),
    ("identity_size", ctypes.c_int),
    ("identity", ctypes.c_uint64 * 16),
    ("user_data", ctypes.c_int64),
    ("received", ctypes.c_int64),
    ("number", ctypes.c_int64),
    ("free_data", ctypes.c_void_p),
    ("release", Release),
    ("channel", ctypes.c_int),
    ("flags", ctypes.c_int),
    ("user", ctypes.c_int64),
    ("lane", ctypes.c_uint16),
]


def read_event(event: Any) -> tuple[Any, ...]:
    """What cffi gives of the fields of a connection's event, its texts as bytes."""
    info = event.info
    return (
        event.connection,
        info.m_hListenSocket,
        event.old_state,
        info.m_eState,
        info.m_identityRemote.m_steamID64,
        info.m_eEndReason,
        ffi.string(info.m_szEndDebug),
        ffi.string(info.m_szConnectionDescription),
        info.m_addrRemote.m_port,
        info.m_nUserData,
        info.m_nFlags,
        info.m_idPOPRemote,
        info.m_idPOPRelay,
    )


class Ctypes:
    """A binding in ctypes."""

    def __init__(self, sockets: int, function: Callable[[str], int]) -> None:
        """Find the functions."""
        self._sockets = ctypes.c_void_p(sockets)
        messages = ctypes.POINTER(ctypes.POINTER(CMessage))
        self._receive = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, messages, ctypes.c_int
        )(function("ISteamNetworkingSockets_ReceiveMessagesOnConnection"))
        self._send = ctypes.CFUNCTYPE(
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_char_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_int64),
        )(function("ISteamNetworkingSockets_SendMessageToConnection"))
        self._batch = (ctypes.POINTER(CMessage) * 256)()

    def receive(self, connection: int, limit: int) -> list[Message]:
        """Take what waits."""
        batch = self._batch
        messages = []
        for i in range(self._receive(self._sockets, connection, batch, limit)):
            m = batch[i].contents
            messages.append(
                Message(
                    ctypes.string_at(m.data, m.size),
                    m.connection,
                    m.identity[0],
                    m.user_data,
                    m.received,
                    m.number,
                    m.flags,
                    m.lane,
                )
            )
            m.release(batch[i])
        return messages

    def send(self, connection: int, data: bytes, flags: int) -> int:
        """Send one message; its number."""
        number = ctypes.c_int64()
        self._send(self._sockets, connection, data, len(data), flags, ctypes.byref(number))
        return number.value


class Cffi:
    """A binding in cffi's ABI mode: no compiler needed, a C call for every message."""

    def __init__(self, sockets: int, function: Callable[[str], int]) -> None:
        """Find the functions."""
        ffi = FFI()
        ffi.cdef(
            """
            typedef struct Message Message;
            struct Message {
                void *data; int size; uint32_t connection;
                int identity_type; int identity_size; uint64_t identity[16];
                int64_t user_data; int64_t received; int64_t number;
                void *free_data; void (*release)(Message *);
                int channel; int flags; int64_t user; uint16_t lane; uint16_t pad;
            };
            """,
            pack=8,
        )
        self._ffi: Any = ffi
        self._sockets = ffi.cast("void *", sockets)
        self._receive = ffi.cast(
            RECEIVE_C, function("ISteamNetworkingSockets_ReceiveMessagesOnConnection")
        )
        self._send = ffi.cast(SEND_C, function("ISteamNetworkingSockets_SendMessageToConnection"))
        self._batch = ffi.new("Message *[256]")
        self._number = ffi.new("int64_t *")

    def receive(self, connection: int, limit: int) -> list[Message]:
        """Take what waits."""
        batch, buffer = self._batch, self._ffi.buffer
        messages = []
        for i in range(self._receive(self._sockets, connection, batch, limit)):
            m = batch[i]
            messages.append(
                Message(
                    buffer(m.data, m.size)[:],
                    m.connection,
                    m.identity[0],
                    m.user_data,
                    m.received,
                    m.number,
                    m.flags,
                    m.lane,
                )
            )
            m.release(m)
        return messages

    def send(self, connection: int, data: bytes, flags: int) -> int:
        """Send one message; its number."""
        self._send(self._sockets, connection, data, len(data), flags, self._number)
        return int(self._number[0])
