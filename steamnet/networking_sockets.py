"""SteamNetworkingSocketsManager: ISteamNetworkingSockets, faithfully, in Python's spelling."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from . import config
from ._native import (
    EngineHolder,
    NetworkingMessage,
    broadcast,
    connection_info,
    connection_status,
    ffi,
    lib,
    method_in_c,
    receive_columns_on_connection,
    receive_columns_on_poll_group,
    receive_on_connection,
    receive_on_poll_group,
    send,
    send_many,
)
from .arguments import Payload, close_text, handle, integer, payload, port
from .closing import Address, ClosingSockets
from .columns import MessageColumns
from .config import Options, Value
from .engine import Engine, Uncopyable
from .enums import OPENING, Availability, ConfigScope, EResult, SendFlags, known
from .events import EventStream
from .fake_udp_port import FakeUDPPort
from .identity import (
    Identity,
    address_from_native,
    address_to_native,
    c_string,
    from_native,
    text_of,
    to_native,
)
from .info import (
    AuthenticationStatus,
    ConnectionEvent,
    ConnectionInfo,
    FakeIPResult,
    QuickConnectionStatus,
)

F = TypeVar("F", bound=Callable[..., Any])
OK = EResult.OK
RELIABLE = SendFlags.RELIABLE


def _eresult(number: int) -> EResult:
    return known(EResult, number)  # type: ignore[return-value]  # newer engines' stay numbers


def _in_c(method: F) -> F:
    """Have C do the usual calls of a method that games call in each frame, or for each message."""
    return method_in_c(method, EResult._value2member_map_)


class SteamNetworkingSocketsManager(Uncopyable, EngineHolder):
    """``ISteamNetworkingSockets``: connections, messages, poll groups.

    Calls return what the SDK returns; only invalid arguments raise: TypeError for one of another
    type, ValueError for one out of bounds. A well-formed handle that is dead gets the
    SDK's own answer: 0, False, None, an empty list, or an EResult. Where the loaded library lacks
    a function, its call raises UnsupportedError; after shutdown every call raises ClosedError.

    What many calls take:

    - ``connection``, ``listen_socket``, ``poll_group``: handles, from the calls that make them.
    - ``virtual_port``: 0-65535.
    - ``options``: a mapping ``{ConfigValue.X: value}``, which holds from the beginning.
    - ``data``: a str (sent as UTF-8) or any C-contiguous buffer, up to 512 KiB.
    - ``flags``: `SendFlags`; ``lane``: 0 unless `configure_connection_lanes` has made more.
    - ``max_messages``: how many to take at most, from 1.
    - ``handler``: called with one event; it may call anything. One that raises stops nothing: the
      rest is delivered, then `Steam.run_callbacks` raises the first exception, the others as its
      notes.
    """

    def __init__(self, engine: Engine, closing: ClosingSockets) -> None:
        """Serve one engine; ``closing`` knows what is open there."""
        self._engine = engine
        self._closing = closing
        self._address = engine.address
        self._hold(engine.address)
        self._events = closing.reported
        self._authentication: EventStream[AuthenticationStatus] = EventStream(
            "authentication", engine.check
        )
        self._fake_ips: EventStream[FakeIPResult] = EventStream("FakeIP", engine.check)
        engine.on_event(
            lib.k_iCallback_SteamNetAuthenticationStatus,
            lambda e: self._authentication.push(AuthenticationStatus.from_native(e.authentication)),
        )
        engine.on_event(
            lib.k_iCallback_SteamNetworkingFakeIPResult,
            lambda e: self._fake_ips.push(FakeIPResult.from_native(e.fake_ip)),
        )

    # --- listening and connecting ---------------------------------------------------------------

    def create_listen_socket_p2p(self, virtual_port: int, options: Options | None = None) -> int:
        """Listen for other users on a virtual port.

        Returns the listen socket, or 0 if refused, as when the port is taken.
        ``ISteamNetworkingSockets::CreateListenSocketP2P``
        """
        pointer = self._engine.require_signaling()
        count, array, _alive = config.native_options(self._engine, options)
        number = port(virtual_port)
        return self._closing.listen(
            ("p2p", number),
            options,
            lambda: lib.ISteamNetworkingSockets_CreateListenSocketP2P(
                pointer, number, count, array
            ),
        )

    def create_listen_socket_ip(self, address: str, options: Options | None = None) -> int:
        """Listen on a local ``address`` such as ``0.0.0.0:27015`` or ``[::]:27015``.

        Returns the listen socket, or 0 if refused.
        ``ISteamNetworkingSockets::CreateListenSocketIP``
        """
        count, array, _alive = config.native_options(self._engine, options)
        native = address_to_native(address)
        where: Address | None = ("ip", bytes(ffi.buffer(native))) if native.m_port else None
        return self._closing.listen(
            where,
            options,
            lambda: lib.ISteamNetworkingSockets_CreateListenSocketIP(
                self._engine.pointer, native, count, array
            ),
        )

    def get_listen_socket_address(self, listen_socket: int) -> str | None:
        """The address that an IP listen socket is bound to; None for any other handle.

        ``ISteamNetworkingSockets::GetListenSocketAddress``
        """
        number = handle(listen_socket, "listen_socket")
        address = ffi.new("SteamNetworkingIPAddr *")
        if not self._closing.is_closed(
            number
        ) and lib.ISteamNetworkingSockets_GetListenSocketAddress(
            self._engine.pointer, number, address
        ):
            return address_from_native(address)
        return None

    def close_listen_socket(self, listen_socket: int) -> bool:
        """Stop listening. Connections that came in on it are closed first, each peer told.

        Returns whether the socket was open. (The SDK alone would drop those connections
        without a word to their peers, and cut off those that linger; for their sake the
        engine may have the port a few seconds longer, or until it is listened on again.)
        ``ISteamNetworkingSockets::CloseListenSocket``
        """
        return self._closing.close_listen_socket(handle(listen_socket, "listen_socket"))

    def connect_p2p(
        self,
        steam_id_remote: "str | int | Identity",
        virtual_port: int,
        options: Options | None = None,
    ) -> int:
        """Begin to connect to another user's virtual port.

        ``steam_id_remote`` is a Steam ID (int or decimal), an identity string or an Identity.
        Returns the connection, or 0 if refused; how it goes on is told by connection events.
        ``ISteamNetworkingSockets::ConnectP2P``
        """
        pointer = self._engine.require_signaling()
        count, array, _alive = config.native_options(self._engine, options)
        return self._closing.add_connection(
            lib.ISteamNetworkingSockets_ConnectP2P(
                pointer, to_native(steam_id_remote), port(virtual_port), count, array
            )
        )

    def connect_by_ip_address(self, address: str, options: Options | None = None) -> int:
        """Begin to connect to an ``address`` such as ``127.0.0.1:27015``.

        Returns the connection, or 0 if refused.
        ``ISteamNetworkingSockets::ConnectByIPAddress``
        """
        count, array, _alive = config.native_options(self._engine, options)
        return self._closing.add_connection(
            lib.ISteamNetworkingSockets_ConnectByIPAddress(
                self._engine.pointer, address_to_native(address), count, array
            )
        )

    def connect_p2p_custom_signaling(
        self,
        steam_id_remote: "str | int | Identity",
        virtual_port: int,
        options: Options | None = None,
    ) -> int:
        """As `connect_p2p`, over this engine's own signaling (`steamnet.signaling`).

        ``steam_id_remote`` as there. Returns the connection, or 0 if refused. UnsupportedError
        where the engine has no signaling.
        ``ISteamNetworkingSockets::ConnectP2PCustomSignaling``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_ConnectP2PCustomSignaling")
        self._engine.require_signaling()
        count, array, _alive = config.native_options(self._engine, options)
        return self._closing.add_connection(
            lib.sn_connect_custom_signaling(
                pointer, to_native(steam_id_remote), port(virtual_port), count, array
            )
        )

    def received_p2p_custom_signal(
        self, signal: Payload, sender: "str | int | Identity | None" = None
    ) -> bool:
        """Feed in a ``signal`` that a peer's signaling sent to us; bytes or any buffer.

        ``sender``: who sent it, if the signaling knows. The engine itself believes what the
        signal says.

        Returns False for what is no signal, or says that it is from another than the sender. A
        request shows up as an incoming connection if a listen socket waits on its port, and is
        ignored otherwise.
        ``ISteamNetworkingSockets::ReceivedP2PCustomSignal``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_ReceivedP2PCustomSignal")
        stamp = ffi.NULL if sender is None else to_native(sender)
        data = payload(signal)
        return lib.sn_receive_signal(pointer, stamp, data, len(data))

    def accept_connection(self, connection: int) -> bool:
        """Accept an incoming connection; whether that worked.

        ``ISteamNetworkingSockets::AcceptConnection``
        """
        return self.accept_connection_result(connection) == OK

    def accept_connection_result(self, connection: int) -> EResult:
        """Accept an incoming connection; the EResult says why not.

        INVALID_PARAM for a dead handle, INVALID_STATE where the peer has gone or it was
        accepted before. ``ISteamNetworkingSockets::AcceptConnection``
        """
        return _eresult(
            lib.ISteamNetworkingSockets_AcceptConnection(
                self._engine.pointer, handle(connection, "connection")
            )
        )

    def close_connection(
        self, connection: int, reason: int = 0, debug: str = "", enable_linger: bool = False
    ) -> bool:
        """Close a connection, also one whose peer has gone; whether the handle was open.

        ``reason`` is 0 or a game's own 1000-2999, ``debug`` up to 127 bytes for the peer to
        read. What was sent and has not left is lost unless ``enable_linger``; nothing more
        can be received. ``ISteamNetworkingSockets::CloseConnection``
        """
        return self._closing.close_connection(
            handle(connection, "connection"),
            integer(reason, "reason", -(2**31), 2**31 - 1),
            close_text(debug),
            bool(enable_linger),
        )

    def create_socket_pair(
        self,
        use_network_loopback: bool = False,
        identity1: "str | int | Identity | None" = None,
        identity2: "str | int | Identity | None" = None,
    ) -> tuple[int, int]:
        """Make two connections that are each other's peer; (0, 0) if refused.

        Over UDP on this machine if ``use_network_loopback``, else inside the process.
        ``identity1`` and ``identity2`` are what each connection shows as its remote end.
        ``ISteamNetworkingSockets::CreateSocketPair``
        """
        pair = ffi.new("HSteamNetConnection[2]")
        one = ffi.NULL if identity1 is None else to_native(identity1)
        two = ffi.NULL if identity2 is None else to_native(identity2)
        if not lib.ISteamNetworkingSockets_CreateSocketPair(
            self._engine.pointer, pair, pair + 1, bool(use_network_loopback), one, two
        ):
            return 0, 0
        self._closing.add_pair(pair)
        return pair[0], pair[1]

    # --- messages -------------------------------------------------------------------------------

    @_in_c
    def send_message(
        self, connection: int, data: Payload, flags: int = RELIABLE, lane: int = 0
    ) -> EResult:
        """Send a message.

        OK means queued. LIMIT_EXCEEDED: the send buffer is full, try again later;
        NO_CONNECTION: the peer has gone; IGNORED: NO_DELAY and it could not leave at once;
        INVALID_PARAM: dead handle, or no such lane.
        ``ISteamNetworkingSockets::SendMessageToConnection``, with a lane ``SendMessages``
        """
        number = send(self._address, connection, data, flags, lane)
        return OK if number >= 0 else _eresult(-number)

    def send_message_numbered(
        self, connection: int, data: Payload, flags: int = RELIABLE, lane: int = 0
    ) -> tuple[EResult, int]:
        """As `send_message`, with the number the message got on its lane; -1 if not sent.

        ``ISteamNetworkingSockets::SendMessageToConnection``, with a lane ``SendMessages``
        """
        number = send(self._address, connection, data, flags, lane)
        return (OK, number) if number >= 0 else (_eresult(-number), -1)

    def send_messages(self, messages: Iterable[tuple[Any, ...]]) -> list[int]:
        """Send many ``messages`` in one call: tuples ``(connection, data, flags[, lane])``.

        For each its message number, or minus the EResult; 0 for one not tried because an
        earlier one on that connection failed. An invalid item raises before
        anything is sent. ``ISteamNetworkingSockets::SendMessages``
        """
        return send_many(self._address, messages)

    def broadcast(
        self, connections: Iterable[int], data: Payload, flags: int = RELIABLE, lane: int = 0
    ) -> list[int]:
        """Send one payload to many ``connections``; results as of `send_messages`.

        The bytes are copied once. ``ISteamNetworkingSockets::SendMessages``
        """
        return broadcast(self._address, connections, data, flags, lane)

    @_in_c
    def receive_messages(self, connection: int, max_messages: int = 100) -> list[NetworkingMessage]:
        """Take the messages that wait on a connection, oldest first; [] if none.

        ``ISteamNetworkingSockets::ReceiveMessagesOnConnection``
        """
        return receive_on_connection(self._address, connection, max_messages)

    def flush_messages_on_connection(self, connection: int) -> EResult:
        """Send what waits for more to join it (Nagle) now.

        ``ISteamNetworkingSockets::FlushMessagesOnConnection``
        """
        return _eresult(
            lib.ISteamNetworkingSockets_FlushMessagesOnConnection(
                self._engine.pointer, handle(connection, "connection")
            )
        )

    def configure_connection_lanes(
        self, connection: int, priorities: Sequence[int], weights: Sequence[int] | None = None
    ) -> EResult:
        """Give a connection lanes, one for each of ``priorities`` (lower goes first).

        Lanes of equal priority share by ``weights`` (1-65535), or alike. INVALID_PARAM for fewer
        lanes than before or more than 255; NO_CONNECTION for a dead handle.
        ``ISteamNetworkingSockets::ConfigureConnectionLanes``
        """
        numbers = [integer(p, "priority", -(2**31), 2**31 - 1) for p in priorities]
        shares = [integer(w, "weight", 0, 0xFFFF) for w in weights] if weights is not None else None
        if shares is not None and len(shares) != len(numbers):
            raise ValueError(
                f"{len(numbers)} priorities and {len(shares)} weights: give one for each lane"
            )
        return _eresult(
            lib.ISteamNetworkingSockets_ConfigureConnectionLanes(
                self._engine.pointer,
                handle(connection, "connection"),
                len(numbers),
                ffi.new("int[]", numbers),
                ffi.new("uint16_t[]", shares) if shares is not None else ffi.NULL,
            )
        )

    # --- what is known of a connection ----------------------------------------------------------

    def get_connection_info(self, connection: int) -> ConnectionInfo | None:
        """All about a connection at this moment; None for a dead handle.

        ``ISteamNetworkingSockets::GetConnectionInfo``
        """
        info = connection_info(self._address, connection)
        if info is not None and info.state in OPENING:  # who only asks must see it connect, too
            self._engine.exchange_signals()
        return info

    def get_quick_connection_status(
        self, connection: int, lanes: int = 0
    ) -> QuickConnectionStatus | None:
        """Ping, quality, rates and queues of a connection, and of its first ``lanes`` lanes.

        None for a dead handle, or where the connection has fewer lanes.
        ``ISteamNetworkingSockets::GetConnectionRealTimeStatus``
        """
        return connection_status(self._address, connection, lanes)

    def get_detailed_connection_status(self, connection: int) -> str:
        """Everything the engine can say about a connection, for people; "" for a dead handle.

        ``ISteamNetworkingSockets::GetDetailedConnectionStatus``
        """
        number, size = handle(connection, "connection"), 4096
        for _ in range(config.TRIES):
            buffer = ffi.new("char[]", size)
            needed = lib.ISteamNetworkingSockets_GetDetailedConnectionStatus(
                self._engine.pointer, number, buffer, size
            )
            if needed < 0:
                return ""
            if needed <= size:
                break
            size = min(needed + 256, config.LARGEST)  # it may have grown meanwhile
        return text_of(buffer)

    def get_connection_user_data(self, connection: int) -> int:
        """The number that the game attached; -1 for none, and for a dead handle.

        ``ISteamNetworkingSockets::GetConnectionUserData``
        """
        return lib.ISteamNetworkingSockets_GetConnectionUserData(
            self._engine.pointer, handle(connection, "connection")
        )

    def set_connection_user_data(self, connection: int, user_data: int) -> bool:
        """Attach ``user_data``, a signed 64-bit number, which messages and events then carry.

        ``ISteamNetworkingSockets::SetConnectionUserData``
        """
        return lib.ISteamNetworkingSockets_SetConnectionUserData(
            self._engine.pointer,
            handle(connection, "connection"),
            integer(user_data, "user_data", -(2**63), 2**63 - 1),
        )

    def get_connection_name(self, connection: int) -> str | None:
        """The name given for logs; None for a dead handle.

        ``ISteamNetworkingSockets::GetConnectionName``
        """
        buffer = ffi.new("char[]", 128)
        if lib.ISteamNetworkingSockets_GetConnectionName(
            self._engine.pointer, handle(connection, "connection"), buffer, len(buffer)
        ):
            return text_of(buffer)
        return None

    def set_connection_name(self, connection: int, name: str) -> None:
        """Give a connection a ``name`` for logs and its description; engines keep 31 bytes.

        ``ISteamNetworkingSockets::SetConnectionName``
        """
        lib.ISteamNetworkingSockets_SetConnectionName(
            self._engine.pointer, handle(connection, "connection"), c_string(name, "name")
        )

    # --- poll groups ----------------------------------------------------------------------------

    def create_poll_group(self) -> int:
        """Make a group whose connections are received from in one call; 0 if refused.

        ``ISteamNetworkingSockets::CreatePollGroup``
        """
        return self._closing.add_poll_group(
            lib.ISteamNetworkingSockets_CreatePollGroup(self._engine.pointer)
        )

    def destroy_poll_group(self, poll_group: int) -> bool:
        """Dissolve a group; its connections and their messages stay.

        ``ISteamNetworkingSockets::DestroyPollGroup``
        """
        return self._closing.destroy_poll_group(handle(poll_group, "poll_group"))

    def set_connection_poll_group(self, connection: int, poll_group: int) -> bool:
        """Put a connection into a group, or (0) out of any; waiting messages go with it.

        ``ISteamNetworkingSockets::SetConnectionPollGroup``
        """
        pointer = self._engine.pointer
        number, group = handle(connection, "connection"), handle(poll_group, "poll_group")
        if not lib.ISteamNetworkingSockets_SetConnectionPollGroup(pointer, number, group):
            return False
        lib.sn_regroup_undelivered(pointer, number, group)
        return True

    @_in_c
    def receive_messages_on_poll_group(
        self, poll_group: int, max_messages: int = 100
    ) -> list[NetworkingMessage]:
        """Take the messages that wait on a group's connections, in order of arrival.

        ``ISteamNetworkingSockets::ReceiveMessagesOnPollGroup``
        """
        return receive_on_poll_group(self._address, poll_group, max_messages)

    def receive_columns_on_connection(
        self, connection: int, max_messages: int = 1000
    ) -> MessageColumns:
        """Take the messages that wait on a connection as columns, oldest first.

        For programs that compute with arrays: one buffer with all payloads, and arrays of numbers.
        ``ISteamNetworkingSockets::ReceiveMessagesOnConnection``
        """
        return receive_columns_on_connection(self._address, connection, max_messages)

    def receive_columns_on_poll_group(
        self, poll_group: int, max_messages: int = 1000
    ) -> MessageColumns:
        """Take the messages that wait on any connection of a poll group as columns.

        ``ISteamNetworkingSockets::ReceiveMessagesOnPollGroup``
        """
        return receive_columns_on_poll_group(self._address, poll_group, max_messages)

    # --- configuration --------------------------------------------------------------------------

    def set_connection_config_value(self, connection: int, config_key: int, value: Value) -> bool:
        """Configure a connection; False for an unknown key, one not settable, or a dead handle.

        ``config_key`` is a `ConfigValue`, ``value`` an int, a float or a str. Where the engine
        wants a whole number a float is rounded. It may clamp what it gets: read it back.
        ``ISteamNetworkingUtils::SetConfigValue``
        """
        if value is None:
            raise TypeError("a config value is an int, a float or a str, not None")
        return config.set_value(
            self._engine,
            config_key,
            value,
            ConfigScope.CONNECTION,
            handle(connection, "connection"),
        )

    def get_connection_config_value(
        self, connection: int, config_key: int, is_float: bool | None = None
    ) -> Value | None:
        """The value of a ``config_key`` in force on a connection; None if unknown or dead.

        Its type is the engine's; ``is_float`` True or False converts it to float or int.
        ``ISteamNetworkingUtils::GetConfigValue``
        """
        value = config.get_value(
            self._engine, config_key, ConfigScope.CONNECTION, handle(connection, "connection")
        )
        if value is None or is_float is None:
            return value
        try:
            number = value if isinstance(value, int) else float(value)
            return float(number) if is_float else int(number)
        except (ValueError, OverflowError):  # text that is no number, or one without end
            return None

    # --- identity and authentication ------------------------------------------------------------

    def get_identity(self) -> Identity | None:
        """Who we are; None if the engine does not know yet.

        ``ISteamNetworkingSockets::GetIdentity``
        """
        identity = ffi.new("SteamNetworkingIdentity *")
        if lib.ISteamNetworkingSockets_GetIdentity(self._engine.pointer, identity):
            return from_native(identity)
        return None

    def reset_identity(self, identity: "str | int | Identity") -> None:
        """Become another ``identity``, while nothing is open.

        ``ISteamNetworkingSockets::ResetIdentity``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_ResetIdentity")
        lib.ISteamNetworkingSockets_ResetIdentity(pointer, to_native(identity))

    def init_authentication(self) -> Availability | int:
        """Begin to fetch what proves who we are; how ready that is.

        ``ISteamNetworkingSockets::InitAuthentication``
        """
        return known(
            Availability, lib.ISteamNetworkingSockets_InitAuthentication(self._engine.pointer)
        )

    def get_authentication_status(self) -> AuthenticationStatus:
        """Whether we can prove who we are, in the engine's words.

        ``ISteamNetworkingSockets::GetAuthenticationStatus``
        """
        status = ffi.new("SteamNetAuthenticationStatus_t *")
        status.m_eAvail = lib.ISteamNetworkingSockets_GetAuthenticationStatus(
            self._engine.pointer, status
        )
        return AuthenticationStatus.from_native(status)

    def get_certificate_request(self) -> bytes:
        """A request for a certificate authority of your own to sign.

        Raises ValueError with the engine's words if it makes none.
        ``ISteamNetworkingSockets::GetCertificateRequest``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_GetCertificateRequest")
        error = ffi.new("char[]", lib.k_cchMaxSteamNetworkingErrMsg)
        size, room = ffi.new("int *"), 0
        for _ in range(config.TRIES):  # the first call tells the size
            blob = ffi.new("char[]", room) if room else ffi.NULL
            size[0] = room
            if not lib.ISteamNetworkingSockets_GetCertificateRequest(pointer, size, blob, error):
                raise ValueError(text_of(error) or "the engine makes no certificate request")
            if 0 < size[0] <= room:
                return bytes(ffi.buffer(blob, size[0]))
            room = max(0, min(size[0], config.LARGEST))
        raise ValueError("the engine does not say how long its certificate request is")

    def set_certificate(self, certificate: bytes) -> None:
        """Use a ``certificate`` that an authority signed.

        Raises ValueError with the engine's words if it is bad.
        ``ISteamNetworkingSockets::SetCertificate``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_SetCertificate")
        error = ffi.new("char[]", lib.k_cchMaxSteamNetworkingErrMsg)
        data = payload(certificate)
        if not lib.ISteamNetworkingSockets_SetCertificate(pointer, data, len(data), error):
            raise ValueError(text_of(error) or "the engine refused the certificate")

    # --- hosted dedicated servers ---------------------------------------------------------------

    def received_relay_auth_ticket(self, ticket: bytes) -> bool:
        """Store a ``ticket`` that the game's coordinator gave us; whether it is good.

        ``ISteamNetworkingSockets::ReceivedRelayAuthTicket``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_ReceivedRelayAuthTicket")
        data = payload(ticket)
        return lib.ISteamNetworkingSockets_ReceivedRelayAuthTicket(
            pointer, data, len(data), ffi.NULL
        )

    def find_relay_auth_ticket_for_server(
        self, game_server: "str | int | Identity", virtual_port: int
    ) -> int:
        """How many seconds our ticket for a ``game_server`` has left; 0 if there is none.

        ``ISteamNetworkingSockets::FindRelayAuthTicketForServer``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_FindRelayAuthTicketForServer")
        return lib.ISteamNetworkingSockets_FindRelayAuthTicketForServer(
            pointer, to_native(game_server), port(virtual_port), ffi.NULL
        )

    def connect_to_hosted_dedicated_server(
        self, target: "str | int | Identity", virtual_port: int, options: Options | None = None
    ) -> int:
        """Begin to connect to a server in Valve's data centres, whose identity is ``target``.

        Returns the connection, or 0 if refused.
        ``ISteamNetworkingSockets::ConnectToHostedDedicatedServer``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_ConnectToHostedDedicatedServer")
        count, array, _alive = config.native_options(self._engine, options)
        return self._closing.add_connection(
            lib.ISteamNetworkingSockets_ConnectToHostedDedicatedServer(
                pointer, to_native(target), port(virtual_port), count, array
            )
        )

    def get_hosted_dedicated_server_port(self) -> int:
        """The port that a server in Valve's data centres was given; 0 elsewhere.

        ``ISteamNetworkingSockets::GetHostedDedicatedServerPort``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_GetHostedDedicatedServerPort")
        return lib.ISteamNetworkingSockets_GetHostedDedicatedServerPort(pointer)

    def get_hosted_dedicated_server_pop_id(self) -> int:
        """The data centre that this server runs in; 0 elsewhere.

        ``ISteamNetworkingSockets::GetHostedDedicatedServerPOPID``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_GetHostedDedicatedServerPOPID")
        return lib.ISteamNetworkingSockets_GetHostedDedicatedServerPOPID(pointer)

    def get_hosted_dedicated_server_address(self) -> tuple[EResult, bytes]:
        """Where clients find this server, opaque: hand it to the game's coordinator.

        ``ISteamNetworkingSockets::GetHostedDedicatedServerAddress``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_GetHostedDedicatedServerAddress")
        routing = ffi.new("SteamDatagramHostedAddress *")
        result = lib.ISteamNetworkingSockets_GetHostedDedicatedServerAddress(pointer, routing)
        size = max(0, min(routing.m_cbSize, len(routing.m_data)))
        return _eresult(result), bytes(ffi.buffer(routing.m_data))[:size]

    def create_hosted_dedicated_server_listen_socket(
        self, virtual_port: int, options: Options | None = None
    ) -> int:
        """Listen on a server in Valve's data centres.

        Returns the listen socket, or 0 if refused.
        ``ISteamNetworkingSockets::CreateHostedDedicatedServerListenSocket``
        """
        name = "ISteamNetworkingSockets_CreateHostedDedicatedServerListenSocket"
        pointer = self._engine.require(name)
        count, array, _alive = config.native_options(self._engine, options)
        return self._closing.listen(
            None,
            options,
            lambda: lib.ISteamNetworkingSockets_CreateHostedDedicatedServerListenSocket(
                pointer, port(virtual_port), count, array
            ),
        )

    # --- FakeIP: addresses that stand for users -------------------------------------------------

    def begin_async_request_fake_ip(self, num_ports: int) -> bool:
        """Ask Steam for a FakeIP with ``num_ports`` (1-8) ports; the answer arrives as an event.

        Returns whether it was asked.
        ``ISteamNetworkingSockets::BeginAsyncRequestFakeIP``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_BeginAsyncRequestFakeIP")
        return lib.ISteamNetworkingSockets_BeginAsyncRequestFakeIP(
            pointer, integer(num_ports, "num_ports", 1, 8)
        )

    def get_fake_ip(self, first_port: int = 0) -> FakeIPResult:
        """The FakeIP that we have, with the ports from index ``first_port`` (0-7) on.

        Its ``result`` says how far that is.
        ``ISteamNetworkingSockets::GetFakeIP``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_GetFakeIP")
        result = ffi.new("SteamNetworkingFakeIPResult_t *")
        lib.ISteamNetworkingSockets_GetFakeIP(
            pointer, integer(first_port, "first_port", 0, 7), result
        )
        return FakeIPResult.from_native(result)

    def create_listen_socket_p2p_fake_ip(
        self, fake_port: int, options: Options | None = None
    ) -> int:
        """Listen on a port of our FakeIP, the one with index ``fake_port`` (0-7).

        Returns the listen socket, or 0 if refused.
        ``ISteamNetworkingSockets::CreateListenSocketP2PFakeIP``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_CreateListenSocketP2PFakeIP")
        count, array, _alive = config.native_options(self._engine, options)
        return self._closing.listen(
            None,
            options,
            lambda: lib.ISteamNetworkingSockets_CreateListenSocketP2PFakeIP(
                pointer, integer(fake_port, "fake_port", 0, 7), count, array
            ),
        )

    def get_remote_fake_ip_for_connection(self, connection: int) -> tuple[EResult, str]:
        """The FakeIP of the peer; IP_NOT_FOUND and "" if it has none.

        ``ISteamNetworkingSockets::GetRemoteFakeIPForConnection``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_GetRemoteFakeIPForConnection")
        address = ffi.new("SteamNetworkingIPAddr *")
        result = lib.ISteamNetworkingSockets_GetRemoteFakeIPForConnection(
            pointer, handle(connection, "connection"), address
        )
        return _eresult(result), address_from_native(address) if result == OK else ""

    def create_fake_udp_port(self, first_server_port: int) -> FakeUDPPort | None:
        """A port to send and receive plain datagrams with FakeIPs; None if refused.

        ``first_server_port`` is the index (0-7) of our FakeIP's port that it is to be, or -1 for
        one of a client.
        ``ISteamNetworkingSockets::CreateFakeUDPPort``
        """
        pointer = self._engine.require("ISteamNetworkingSockets_CreateFakeUDPPort")
        native = lib.ISteamNetworkingSockets_CreateFakeUDPPort(
            pointer, integer(first_server_port, "first_server_port", -1, 7)
        )
        return FakeUDPPort(self._engine, native) if native != ffi.NULL else None

    # --- events ---------------------------------------------------------------------------------

    def connection_events(self) -> list[ConnectionEvent]:
        """Take the connection events that `Steam.run_callbacks` queued, in order.

        Empty while a handler is subscribed, which gets them instead.
        ``SteamNetConnectionStatusChangedCallback_t``
        """
        return self._events.drain()

    def on_connection_status_changed(
        self, handler: Callable[[ConnectionEvent], object]
    ) -> Callable[[ConnectionEvent], object]:
        """Call the handler with each connection event in `Steam.run_callbacks`; also a decorator.

        ``SteamNetConnectionStatusChangedCallback_t``
        """
        return self._events.subscribe(handler)

    def remove_connection_status_handler(
        self, handler: Callable[[ConnectionEvent], object]
    ) -> None:
        """Stop calling a handler; ValueError if it was not subscribed.

        ``SteamNetConnectionStatusChangedCallback_t``
        """
        self._events.unsubscribe(handler)

    def on_authentication_status_changed(
        self, handler: Callable[[AuthenticationStatus], object]
    ) -> Callable[[AuthenticationStatus], object]:
        """Call the handler when authentication gets on; also a decorator.

        ``SteamNetAuthenticationStatus_t``
        """
        return self._authentication.subscribe(handler)

    def remove_authentication_status_handler(
        self, handler: Callable[[AuthenticationStatus], object]
    ) -> None:
        """Stop calling a handler; ValueError if it was not subscribed.

        ``SteamNetAuthenticationStatus_t``
        """
        self._authentication.unsubscribe(handler)

    def on_fake_ip_result(
        self, handler: Callable[[FakeIPResult], object]
    ) -> Callable[[FakeIPResult], object]:
        """Call the handler with the outcome of a FakeIP request; also a decorator.

        ``SteamNetworkingFakeIPResult_t``
        """
        return self._fake_ips.subscribe(handler)

    def remove_fake_ip_result_handler(self, handler: Callable[[FakeIPResult], object]) -> None:
        """Stop calling a handler; ValueError if it was not subscribed.

        ``SteamNetworkingFakeIPResult_t``
        """
        self._fake_ips.unsubscribe(handler)

    # --- for Steam, which owns this manager -----------------------------------------------------

    def _streams(self) -> tuple[EventStream[Any], ...]:
        """The streams whose handlers are to be called."""
        return self._events, self._authentication, self._fake_ips
