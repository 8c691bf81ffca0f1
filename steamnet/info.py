"""What engines tell about connections and themselves, as dataclasses.

Those of connections are made in C (csrc/module/records.c), which sets the fields in this order.
"""

from dataclasses import dataclass
from typing import Any

from ._native import ffi, read_event, read_info, read_status, set_record_types
from .enums import (
    Availability,
    ConnectionInfoFlags,
    ConnectionState,
    EndReason,
    EResult,
    known,
)
from .identity import Identity, from_native, text_of

STATE_NAMES: dict[int, str] = {s: s.name.title().replace("_", "") for s in ConnectionState}
NO_ICE = " (ICE has no address to offer: there is no network interface but loopback)"


def state_name(state: ConnectionState | int) -> str:
    """A state as Valve spells it, such as ``ClosedByPeer``; an unknown number stays a number."""
    return STATE_NAMES.get(state) or str(state)


def pop_name(pop_id: int) -> str:
    """A point of presence as text, such as ``fra``; "" for none."""
    letters = [chr(pop_id >> shift & 0xFF) for shift in (16, 8, 0, 24)]
    return "".join(letter for letter in letters if letter.isprintable() and letter != "\0")


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection at one moment (``SteamNetConnectionInfo_t``)."""

    identity_remote: Identity
    """Who is at the other end; its text is "invalid" while that is unknown."""
    state: ConnectionState | int
    """Its state."""
    state_name: str
    """The state as Valve spells it."""
    end_reason: EndReason | int
    """Why it ended (`EndReason`, or a game's own 1000-2999); 0 while it lives."""
    end_debug: str
    """The closing side's words."""
    connection_description: str
    """Its name in logs."""
    addr_remote: str
    """The remote address and port; "" if unknown or relayed."""
    user_data: int
    """The number that the game attached; -1 if none."""
    listen_socket: int
    """The listen socket it came in on; 0 for one that this side began."""
    flags: ConnectionInfoFlags
    """Unencrypted, relayed and so on."""
    pop_id_remote: int
    """Valve's data centre nearest to the peer; 0 if none."""
    pop_id_relay: int
    """The data centre that relays; 0 if none."""

    @classmethod
    def from_native(cls, info: Any) -> "ConnectionInfo":
        """Read a ``SteamNetConnectionInfo_t *``."""
        return read_info(ffi.buffer(info))


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """A lane at one moment (``SteamNetConnectionRealTimeLaneStatus_t``)."""

    pending_unreliable: int
    """Unreliable bytes waiting to be sent."""
    pending_reliable: int
    """Reliable bytes waiting to be sent."""
    sent_unacked_reliable: int
    """Reliable bytes sent and not yet acknowledged."""
    queue_time: int
    """How long a message sent now would wait, in microseconds."""


@dataclass(frozen=True, slots=True)
class QuickConnectionStatus:
    """How a connection is doing (``SteamNetConnectionRealTimeStatus_t``)."""

    state: ConnectionState | int
    """Where it is in its life."""
    ping: int
    """Round trip in milliseconds; -1 while unknown."""
    connection_quality_local: float
    """Share of packets that arrived here, 0-1; -1 while unknown."""
    connection_quality_remote: float
    """The same as the peer sees it."""
    out_packets_per_sec: float
    """Packets sent a second."""
    out_bytes_per_sec: float
    """Bytes sent a second."""
    in_packets_per_sec: float
    """Packets received a second."""
    in_bytes_per_sec: float
    """Bytes received a second."""
    send_rate_bytes_per_second: int
    """What the engine thinks the path can take."""
    pending_unreliable: int
    """Unreliable bytes waiting to be sent."""
    pending_reliable: int
    """Reliable bytes waiting to be sent."""
    sent_unacked_reliable: int
    """Reliable bytes sent and not yet acknowledged."""
    queue_time: int
    """How long a message sent now would wait, in microseconds."""
    max_jitter: int | None
    """Largest recent jitter in microseconds; None where the engine does not tell."""
    lanes: tuple[LaneStatus, ...] = ()
    """Each lane, when asked for."""

    @classmethod
    def from_native(cls, status: Any) -> "QuickConnectionStatus":
        """Read a ``SteamNetConnectionRealTimeStatus_t *``."""
        return read_status(ffi.buffer(status))


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """A connection changed its state (``SteamNetConnectionStatusChangedCallback_t``)."""

    connection: int
    """Handle of the connection."""
    listen_socket: int
    """The listen socket it came in on; 0 for one that this side began."""
    old_state: ConnectionState | int
    """The state before."""
    state: ConnectionState | int
    """The state now."""
    info: ConnectionInfo
    """The connection at that moment."""

    @property
    def is_incoming_request(self) -> bool:
        """Whether a peer waits to be accepted: answer with accept or close."""
        return self.listen_socket != 0 and self.state == ConnectionState.CONNECTING

    @classmethod
    def from_native(cls, event: Any) -> "ConnectionEvent":
        """Read an ``sn_event`` of that kind."""
        return read_event(ffi.buffer(event))


@dataclass(frozen=True, slots=True)
class AuthenticationStatus:
    """Whether we can prove who we are (``SteamNetAuthenticationStatus_t``)."""

    availability: Availability | int
    """How ready it is."""
    message: str
    """The engine's words."""

    @classmethod
    def from_native(cls, status: Any) -> "AuthenticationStatus":
        """Read a ``SteamNetAuthenticationStatus_t``."""
        return cls(known(Availability, status.m_eAvail), text_of(status.m_debugMsg))


@dataclass(frozen=True, slots=True)
class RelayNetworkStatus:
    """Whether Valve's relay network can be used (``SteamRelayNetworkStatus_t``)."""

    availability: Availability | int
    """How ready it is, all in all."""
    ping_measurement_in_progress: bool
    """Whether pings to the data centres are being measured."""
    network_config: Availability | int
    """Whether the network's description has been fetched."""
    any_relay: Availability | int
    """Whether any relay answers."""
    message: str
    """The engine's words."""

    @classmethod
    def from_native(cls, status: Any) -> "RelayNetworkStatus":
        """Read a ``SteamRelayNetworkStatus_t``."""
        return cls(
            known(Availability, status.m_eAvail),
            bool(status.m_bPingMeasurementInProgress),
            known(Availability, status.m_eAvailNetworkConfig),
            known(Availability, status.m_eAvailAnyRelay),
            text_of(status.m_debugMsg),
        )


@dataclass(frozen=True, slots=True)
class FakeIPResult:
    """The outcome of asking for a FakeIP (``SteamNetworkingFakeIPResult_t``)."""

    result: EResult | int
    """OK, or why not; BUSY while it is under way."""
    identity: Identity
    """Whose FakeIP it is."""
    ip: str
    """The address; "" if none."""
    ports: tuple[int, ...]
    """The ports that go with it."""

    @classmethod
    def from_native(cls, result: Any) -> "FakeIPResult":
        """Read a ``SteamNetworkingFakeIPResult_t``."""
        number = result.m_unIP
        octets = [str(number >> shift & 0xFF) for shift in (24, 16, 8, 0)]
        return cls(
            known(EResult, result.m_eResult),
            from_native(ffi.addressof(result.m_identity)),
            ".".join(octets) if number else "",
            tuple(port for port in ffi.unpack(result.m_unPorts, 8) if port),
        )


set_record_types(
    ConnectionInfo,
    QuickConnectionStatus,
    LaneStatus,
    ConnectionEvent,
    ConnectionState._value2member_map_,
    EndReason._value2member_map_,
    STATE_NAMES,
    ConnectionInfoFlags,
    NO_ICE,
)
