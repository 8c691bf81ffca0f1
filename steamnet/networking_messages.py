"""SteamNetworkingMessagesManager: ISteamNetworkingMessages, messages without connections."""

from collections.abc import Callable
from typing import Any

from ._native import NetworkingMessage, ffi, lib, receive_on_channel
from .arguments import Payload, integer, payload
from .closing import ClosingSessions
from .engine import Engine, Uncopyable
from .enums import ConnectionState, EResult, SendFlags, known
from .errors import ClosedError
from .events import EventStream
from .identity import Identity, from_native, to_native
from .info import ConnectionInfo, QuickConnectionStatus

Who = str | int | Identity


class SteamNetworkingMessagesManager(Uncopyable):
    """``ISteamNetworkingMessages``: messages to users, on channels; sessions come and go.

    Calls return what the SDK returns. Arguments of another type raise TypeError, ones that cannot
    be meant ValueError; after shutdown every call raises ClosedError.

    What many calls take:

    - ``identity``: a Steam ID (int or decimal), an identity string or an `Identity`.
    - ``channel``: a number that the game gives a meaning to; a signed 32-bit one.
    - ``handler``: as in `SteamNetworkingSocketsManager`.
    """

    def __init__(self, engine: Engine, sessions: ClosingSessions) -> None:
        """Serve one engine; ``sessions`` are told of those that begin and end."""
        self._engine = engine
        self._sessions = sessions
        self._requests: EventStream[Identity] = EventStream("session request", engine.check)
        self._failures: EventStream[ConnectionInfo] = EventStream("session failure", engine.check)
        engine.on_event(
            lib.k_iCallback_SteamNetworkingMessagesSessionRequest,
            lambda e: self._requests.push(from_native(ffi.addressof(e.identity))),
        )
        engine.on_event(
            lib.k_iCallback_SteamNetworkingMessagesSessionFailed,
            lambda e: self._failures.push(ConnectionInfo.from_native(ffi.addressof(e.info))),
        )

    def send_message_to_user(
        self, identity: Who, data: Payload, flags: int = SendFlags.RELIABLE, channel: int = 0
    ) -> EResult:
        """Send a message to a user, beginning a session if there is none.

        ``data`` is a str (as UTF-8) or any C-contiguous buffer up to 512 KiB, ``flags`` are
        `SendFlags`. OK means queued; CONNECT_FAILED: the session failed, and the flags are without
        AUTO_RESTART_BROKEN_SESSION.
        ``ISteamNetworkingMessages::SendMessageToUser``
        """
        content = payload(data)
        native = to_native(identity)
        if self._engine.refuses_sends:
            raise ClosedError(self._engine.closed_reason)
        result = lib.ISteamNetworkingMessages_SendMessageToUser(
            self._engine.require_signaling(),
            native,
            content,
            len(content),
            integer(flags, "flags", -(2**31), 2**31 - 1),
            integer(channel, "channel", -(2**31), 2**31 - 1),
        )
        if result == EResult.OK:
            self._sessions.add(native)
        return known(EResult, result)  # type: ignore[return-value]  # a newer result stays an int

    def receive_messages_on_channel(
        self, channel: int = 0, max_messages: int = 100
    ) -> list[NetworkingMessage]:
        """Take up to ``max_messages`` that wait on a channel, oldest first; [] if none.

        ``ISteamNetworkingMessages::ReceiveMessagesOnChannel``
        """
        return receive_on_channel(self._engine.address, channel, max_messages)

    def accept_session_with_user(self, identity: Who) -> bool:
        """Let a user's messages in; sending to them does the same. False without a request.

        ``ISteamNetworkingMessages::AcceptSessionWithUser``
        """
        native = to_native(identity)
        accepted: bool = lib.ISteamNetworkingMessages_AcceptSessionWithUser(
            self._engine.pointer, native
        )
        if accepted:
            self._sessions.add(native)
        return accepted

    def close_session_with_user(self, identity: Who) -> bool:
        """End a session, dropping what waits; False if there was none.

        ``ISteamNetworkingMessages::CloseSessionWithUser``
        """
        return self._sessions.close(to_native(identity))

    def close_channel_with_user(self, identity: Who, channel: int) -> bool:
        """End the use of one channel; the session ends with its last. False if it was unused.

        ``ISteamNetworkingMessages::CloseChannelWithUser``
        """
        return lib.ISteamNetworkingMessages_CloseChannelWithUser(
            self._engine.pointer,
            to_native(identity),
            integer(channel, "channel", -(2**31), 2**31 - 1),
        )

    def get_session_connection_info(self, identity: Who) -> ConnectionInfo | None:
        """All about the session with a user; None if there is none.

        ``ISteamNetworkingMessages::GetSessionConnectionInfo``
        """
        info = ffi.new("SteamNetConnectionInfo_t *")
        state = lib.ISteamNetworkingMessages_GetSessionConnectionInfo(
            self._engine.pointer, to_native(identity), info, ffi.NULL
        )
        return ConnectionInfo.from_native(info) if state != ConnectionState.NONE else None

    def get_session_status(self, identity: Who) -> QuickConnectionStatus | None:
        """Ping, quality, rates and queues of the session with a user; None if there is none.

        ``ISteamNetworkingMessages::GetSessionConnectionInfo``
        """
        status = ffi.new("SteamNetConnectionRealTimeStatus_t *")
        state = lib.ISteamNetworkingMessages_GetSessionConnectionInfo(
            self._engine.pointer, to_native(identity), ffi.NULL, status
        )
        return QuickConnectionStatus.from_native(status) if state != ConnectionState.NONE else None

    def session_requests(self) -> list[Identity]:
        """Take the identities of users who began a session with us, as run_callbacks got them.

        Empty while a handler is subscribed. ``SteamNetworkingMessagesSessionRequest_t``
        """
        self._be_found()
        return self._requests.drain()

    def session_failures(self) -> list[ConnectionInfo]:
        """Take what is known of sessions that failed, as run_callbacks got it.

        Empty while a handler is subscribed. ``SteamNetworkingMessagesSessionFailed_t``
        """
        return self._failures.drain()

    def on_session_request(
        self, handler: Callable[[Identity], object]
    ) -> Callable[[Identity], object]:
        """Call the handler with each user who begins a session; also a decorator.

        ``SteamNetworkingMessagesSessionRequest_t``
        """
        self._be_found()
        return self._requests.subscribe(handler)

    def remove_session_request_handler(self, handler: Callable[[Identity], object]) -> None:
        """Stop calling a handler; ValueError if it was not subscribed.

        ``SteamNetworkingMessagesSessionRequest_t``
        """
        self._requests.unsubscribe(handler)

    def on_session_failed(
        self, handler: Callable[[ConnectionInfo], object]
    ) -> Callable[[ConnectionInfo], object]:
        """Call the handler with each session that fails; also a decorator.

        ``SteamNetworkingMessagesSessionFailed_t``
        """
        return self._failures.subscribe(handler)

    def remove_session_failed_handler(self, handler: Callable[[ConnectionInfo], object]) -> None:
        """Stop calling a handler; ValueError if it was not subscribed.

        ``SteamNetworkingMessagesSessionFailed_t``
        """
        self._failures.unsubscribe(handler)

    def _be_found(self) -> None:
        """Make this user reachable: loopback publishes it at the first call."""
        pointer = self._engine.pointer
        if self._engine.name == "loopback":
            me = ffi.new("SteamNetworkingIdentity *")
            lib.ISteamNetworkingSockets_GetIdentity(pointer, me)
            lib.ISteamNetworkingMessages_GetSessionConnectionInfo(pointer, me, ffi.NULL, ffi.NULL)

    def _streams(self) -> tuple[EventStream[Any], ...]:
        """The streams whose handlers are to be called."""
        return self._requests, self._failures
