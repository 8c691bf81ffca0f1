"""FakeUDPPort: plain datagrams between FakeIPs, where Steam has them."""

from contextlib import suppress
from typing import Any

from ._native import NetworkingMessage, ffi, lib, receive_on_fake_port
from .arguments import Payload, integer, payload
from .engine import Engine, Uncopyable
from .enums import EResult, SendFlags, known
from .errors import ClosedError
from .identity import address_to_native


class FakeUDPPort(Uncopyable):
    """``ISteamNetworkingFakeUDPPort``: a port for plain datagrams between FakeIPs.

    ``remote_address`` is a FakeIP with its port, such as ``169.254.1.2:7777``. Used after `close`
    it raises ClosedError.
    """

    def __init__(self, engine: Engine, native: Any) -> None:
        """Own the native port, which is destroyed when the last to hold it lets go."""

        def destroy(native: Any) -> None:
            with suppress(ClosedError):  # a shutdown was faster
                lib.ISteamNetworkingFakeUDPPort_DestroyFakeUDPPort(engine.pointer, native)

        self._engine = engine
        self._native: Any = ffi.gc(native, destroy)

    def close(self) -> None:
        """Destroy the port, once the calls of other threads on it are over; idempotent.

        ``ISteamNetworkingFakeUDPPort::DestroyFakeUDPPort``
        """
        self._native = None

    def send_message(
        self, remote_address: str, data: Payload, flags: int = SendFlags.UNRELIABLE
    ) -> EResult:
        """Send ``data`` (a str or a buffer) with ``flags`` (`SendFlags`) as a datagram.

        ``ISteamNetworkingFakeUDPPort::SendMessageToFakeIP``
        """
        content = payload(data)
        result = lib.ISteamNetworkingFakeUDPPort_SendMessageToFakeIP(
            self._engine.pointer,
            self._open(),
            address_to_native(remote_address),
            content,
            len(content),
            integer(flags, "flags", -(2**31), 2**31 - 1),
        )
        return known(EResult, result)  # type: ignore[return-value]  # a newer result stays an int

    def receive_messages(self, max_messages: int = 100) -> list[NetworkingMessage]:
        """Take up to ``max_messages`` datagrams, oldest first; [] if none waits.

        ``ISteamNetworkingFakeUDPPort::ReceiveMessages``
        """
        native = self._open()  # held until the call is over
        address = int(ffi.cast("intptr_t", native))
        return receive_on_fake_port(self._engine.address, address, max_messages)

    def schedule_cleanup(self, remote_address: str) -> None:
        """Forget what is kept for a peer soon.

        ``ISteamNetworkingFakeUDPPort::ScheduleCleanup``
        """
        lib.ISteamNetworkingFakeUDPPort_ScheduleCleanup(
            self._engine.pointer, self._open(), address_to_native(remote_address)
        )

    def _open(self) -> Any:
        native = self._native
        if native is None:
            raise ClosedError("the port has been closed")
        return native
