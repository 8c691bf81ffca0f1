"""Nobody speaks in another's name on gns: a signal counts only if it is from whom it says."""

import struct
from collections.abc import Callable, Iterator

import pytest
import requirements
from remote_process import RemoteProcess

import steamnet
from steamnet import ConnectionState, Identity, Steam
from steamnet.closing import GnsCloseNotifier
from steamnet.signaling import LocalSignaling

HOST, ANN, MALLORY = (Identity.parse(f"str:{name}") for name in ("host", "ann", "mallory"))
IDENTITY, FROM, TO, CLOSED = b"\x42", b"\x4d", b"\x0d", b"\x32"  # tags of a signal's fields


class Stamping(LocalSignaling):
    """What a signaling server makes of local signals: it says of each who sent it."""

    def __init__(self) -> None:
        """Be found as the host."""
        super().__init__(HOST)
        self.sender = ANN
        self.arrived: list[bytes] = []

    def receive(self) -> Iterator[tuple[Identity, bytes]]:  # type: ignore[override]
        """Stamp each signal."""
        for signal in super().receive():
            self.arrived.append(signal)
            yield self.sender, signal


@pytest.fixture
def signaling(gns: None) -> Stamping:
    """The host's."""
    return Stamping()


@pytest.fixture
def host(signaling: Stamping) -> Iterator[Steam]:
    """A host that listens and accepts everybody."""
    with steamnet.init(engine="gns", identity=HOST, signaling=signaling) as host:
        assert host.networking_sockets.create_listen_socket_p2p(0)
        host.networking_sockets.on_connection_status_changed(
            lambda event: (
                event.is_incoming_request
                and host.networking_sockets.accept_connection(event.connection)
            )
        )
        yield host


def field(tag: bytes, value: bytes) -> bytes:
    """A protobuf field of bytes."""
    return tag + bytes([len(value)]) + value


def test_a_forged_request_makes_no_connection(
    signaling: Stamping, host: Steam, remote: RemoteProcess, until: Callable[..., None]
) -> None:
    """Who claims to be Ann gets in when the signaling says so too, and not before."""
    requirements.ice()
    seen = []
    host.networking_sockets.on_connection_status_changed(seen.append)
    signaling.sender = MALLORY
    theirs = remote.open(engine="gns", identity=str(ANN))
    connection = theirs.networking_sockets.connect_p2p(str(HOST), 0)
    until(lambda: len(signaling.arrived) > 1, host, theirs, what="two requests")
    assert seen == []
    signaling.sender = ANN

    def connected() -> bool:
        info = theirs.networking_sockets.get_connection_info(connection)
        return bool(info.state == ConnectionState.CONNECTED)

    until(connected, host, theirs, what="the connection, once the sender is who it says")
    assert {event.info.identity_remote for event in seen} == {str(ANN)}
    theirs.shutdown()


def test_a_forged_close_ends_no_connection(
    signaling: Stamping, host: Steam, remote: RemoteProcess, until: Callable[..., None]
) -> None:
    """Another who knows all numbers of Ann's connection cannot end it, however it is spelled."""
    requirements.ice()
    events = []
    host.networking_sockets.on_connection_status_changed(events.append)
    ann = remote.open(engine="gns", identity=str(ANN))
    ann.networking_sockets.connect_p2p(str(HOST), 0)
    until(
        lambda: events and events[-1].state == ConnectionState.CONNECTED,
        host,
        ann,
        what="the connection",
    )
    sockets, connection = host.networking_sockets, events[-1].connection
    request = signaling.arrived[0]
    theirs = request[request.index(FROM, request.index(ANN.encode())) + 1 :][:4]
    rest = FROM + theirs + TO + struct.pack("<I", connection) + field(CLOSED, b"\x30\xe9\x07")
    said, own = field(IDENTITY, ANN.encode()), field(IDENTITY, MALLORY.encode())
    for forged in (
        said + rest,
        rest + said,
        own + said + rest,
        said + own + rest,
        own + rest + said,
        field(b"\xc2\x00", ANN.encode()) + rest,  # a longer spelling of the same tag
        own + field(b"\xc2\x80\x80\x80\x00", ANN.encode()) + rest,
        own + field(b"\xc2\x80\x80\x80\x10", ANN.encode()) + rest,  # more bits than a tag has
        own + field(b"\xc2\x80\x80\x80\x80\x80\x80\x80\x80\x00", ANN.encode()) + rest,
        field(IDENTITY, MALLORY.encode() + b"\0") + rest,
        own + b"\x83\x01" + said + b"\x84\x01" + rest,  # within a group, which no signal has
        own + b"\x40\x01" + rest,  # a number instead of a text
        own + rest + b"\x42\xff",  # cut short
        own + rest + b"\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        rest,
    ):
        assert not sockets.received_p2p_custom_signal(forged, MALLORY), forged
        assert not sockets.received_p2p_custom_signal(forged, str(MALLORY)), forged
    # What is well-formed and from Mallory herself, the engine compares with the connection's peer.
    assert not sockets.received_p2p_custom_signal(own + rest, MALLORY)
    host.run_callbacks()
    assert sockets.get_connection_info(connection).state == ConnectionState.CONNECTED
    # It is the sender alone that stood against them.
    assert sockets.received_p2p_custom_signal(said + rest, ANN)
    until(
        lambda: events[-1].state == ConnectionState.CLOSED_BY_PEER,
        host,
        what="the end by Ann's word",
    )
    assert events[-1].info.end_reason == 1001
    ann.shutdown()


def test_plain_signals_are_believed(
    host: Steam, remote: RemoteProcess, until: Callable[..., None], signaling: Stamping
) -> None:
    """A signaling that yields bytes works as before: it is for where all senders are trusted."""
    requirements.ice()
    signaling.receive = super(Stamping, signaling).receive  # type: ignore[method-assign]
    ann = remote.open(engine="gns", identity=str(ANN))
    connection = ann.networking_sockets.connect_p2p(str(HOST), 0)
    until(
        lambda: (
            ann.networking_sockets.get_connection_info(connection).state
            == ConnectionState.CONNECTED
        ),
        host,
        ann,
        what="the connection",
    )
    ann.shutdown()


@pytest.mark.parametrize(("sender", "kept"), [(ANN, True), (None, True), (MALLORY, False)])
def test_the_notice_of_a_close_is_told_to_the_peer_alone(
    sender: Identity | None, kept: bool
) -> None:
    """Only its peer's signals are given to GNS again once a connection is closed."""
    notifier = GnsCloseNotifier(lambda: 0.0)
    notifier.signal_sent(77, ANN)
    notifier.signal_received(b"from" + struct.pack("<I", 77), sender)
    notifier.connection_closed(77)
    assert bool(list(notifier.due())) == kept
