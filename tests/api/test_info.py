"""What engines tell in structs, read into dataclasses."""

import copy
import dataclasses
import gc
import pickle
import random
import sys
from typing import Any

import pytest

import steamnet
from steamnet import (
    ConnectionEvent,
    ConnectionInfo,
    ConnectionInfoFlags,
    ConnectionState,
    EndReason,
    Identity,
    IdentityType,
    QuickConnectionStatus,
)
from steamnet._native import ffi, lib, read_event, read_info, read_status, set_columns_type
from steamnet.info import LaneStatus, state_name


def native(identity: str = "steamid:76561198000000001", address: str = "") -> Any:
    """A connection's info as an engine fills it in."""
    info = ffi.new("SteamNetConnectionInfo_t *")
    assert lib.sn_identity_parse(ffi.addressof(info.m_identityRemote), identity.encode())
    if address:
        assert lib.sn_address_parse(ffi.addressof(info.m_addrRemote), address.encode())
    return info


def test_every_field_is_read() -> None:
    """Each field of the struct ends up in its own field of the dataclass."""
    info = native(address="127.0.0.1:27015")
    info.m_eState = lib.k_ESteamNetworkingConnectionState_ClosedByPeer
    info.m_eEndReason = lib.k_ESteamNetConnectionEnd_App_Min
    info.m_szEndDebug = b"so long"
    info.m_szConnectionDescription = b"#1 UDP"
    info.m_nUserData = -7
    info.m_hListenSocket = 8
    info.m_nFlags = 3
    info.m_idPOPRemote, info.m_idPOPRelay = 9, 10
    assert ConnectionInfo.from_native(info) == ConnectionInfo(
        identity_remote="76561198000000001",
        state=ConnectionState.CLOSED_BY_PEER,
        state_name="ClosedByPeer",
        end_reason=EndReason.APP_MIN,
        end_debug="so long",
        connection_description="#1 UDP",
        addr_remote="127.0.0.1:27015",
        user_data=-7,
        listen_socket=8,
        flags=ConnectionInfoFlags(3),
        pop_id_remote=9,
        pop_id_relay=10,
    )


@pytest.mark.parametrize(
    "words",
    [
        (b"same", b"same", b"other", b"same"),
        (b"", b"some", b"", b""),
        (b"begins", b"begins so", b"begins"),
        (b"x" * 127, b"x" * 127, b"x" * 126, b"x" * 128),
        (b"\xff", b"\xff", b"\xef\xbf\xbd", "\ufffd\u00e9".encode()),
        (b"a\0b", b"a", b"a\0c"),
    ],
)
def test_the_words_of_an_end_are_its_own(words: tuple[bytes, ...]) -> None:
    """Also where those of the end before were the same, or began alike."""
    info = native()
    for end in words:
        info.m_szEndDebug = end
        expected = end.split(b"\0")[0][:127].decode(errors="replace")
        assert ConnectionInfo.from_native(info).end_debug == expected


def test_what_repeats_is_the_same_object() -> None:
    """Flags and words that many connections share are kept once; unknown numbers stay numbers."""
    info = native()
    info.m_szEndDebug = b"shared"
    for flags in (0, 3, 63, 64, 2**20 + 3, -1):
        info.m_nFlags = flags
        one, other = ConnectionInfo.from_native(info), ConnectionInfo.from_native(info)
        assert one.flags == ConnectionInfoFlags(flags)
        assert type(one.flags) is ConnectionInfoFlags
        assert one.flags is other.flags or not 0 <= flags < 64
        assert one.end_debug is other.end_debug
    for reason in (0, 1, 40, 104, 1000, 1064, 2000, 5011, 65_000, -1, -64, 2**31 - 1):
        info.m_eEndReason = reason
        found = ConnectionInfo.from_native(info).end_reason
        assert found == reason
        assert type(found) is (EndReason if reason in EndReason._value2member_map_ else int)


@pytest.mark.parametrize("address", ["", "127.0.0.1:1", "[fe80::1]:65535", "[::]:1", "0.0.0.0:0"])
def test_an_address_is_text_and_none_is_empty(address: str) -> None:
    """Only an address of nothing but zeros counts as none."""
    assert ConnectionInfo.from_native(native(address=address)).addr_remote == address


@pytest.mark.parametrize("identity", ["str:alice", "str:", "ip:1.2.3.4:5", "gen:00ff"])
def test_an_identity_of_another_kind_is_its_string(identity: str) -> None:
    """Only Steam IDs lose their prefix; the text is that of Identity."""
    read = ConnectionInfo.from_native(native(identity)).identity_remote
    assert read == identity == str(Identity.parse(identity))


def test_nobody_has_an_identity_too() -> None:
    """A peer that has not said who it is yet is "invalid", as Valve says."""
    info = ffi.new("SteamNetConnectionInfo_t *")
    nobody = ConnectionInfo.from_native(info).identity_remote
    assert nobody == "invalid"
    assert (nobody.type, nobody.steam_id) == (IdentityType.INVALID, None)


def test_the_longest_texts_fit() -> None:
    """Texts that fill their arrays are read to the end, and not one byte further."""
    info = native("str:" + "x" * 31, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535")
    for field in (info.m_szEndDebug, info.m_szConnectionDescription):
        for i in range(128):
            field[i] = b"z"  # an engine ends them with a NUL; this one does not
    read = ConnectionInfo.from_native(info)
    assert read.identity_remote == "str:" + "x" * 31
    assert read.addr_remote == "[1111:2222:3333:4444:5555:6666:7777:8888]:65535"
    assert read.end_debug == read.connection_description == "z" * 127


def test_bytes_that_are_no_text_do_not_raise() -> None:
    """A peer may say what is no UTF-8, cut in the middle of a character."""
    info = native()
    info.m_szEndDebug = b"bye \xff\xe2\x82"
    info.m_szConnectionDescription = b"\xf0"
    read = ConnectionInfo.from_native(info)
    assert read.end_debug == "bye \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert read.connection_description == "\N{REPLACEMENT CHARACTER}"


def test_states_are_spelled_as_valve_does() -> None:
    """Each state has the name that Valve's header gives it; a new one shows its number."""
    for state in ConnectionState:
        name = f"k_ESteamNetworkingConnectionState_{state_name(state)}"
        assert getattr(lib, name) == state
    assert state_name(77) == "77"


STATUS = {
    "m_eState": lib.k_ESteamNetworkingConnectionState_Connected,
    "m_nPing": 31,
    "m_flConnectionQualityLocal": 0.5,
    "m_flConnectionQualityRemote": 0.25,
    "m_flOutPacketsPerSec": 1.5,
    "m_flOutBytesPerSec": 2.5,
    "m_flInPacketsPerSec": 3.5,
    "m_flInBytesPerSec": 4.5,
    "m_nSendRateBytesPerSecond": 262144,
    "m_cbPendingUnreliable": 5,
    "m_cbPendingReliable": 6,
    "m_cbSentUnackedReliable": 7,
    "m_usecQueueTime": 1 << 40,
    "m_usecMaxJitter": 8,
}


def test_every_field_of_a_status_is_read() -> None:
    """Each field of the struct ends up in its own field of the dataclass."""
    native = ffi.new("SteamNetConnectionRealTimeStatus_t *", STATUS)
    status = QuickConnectionStatus.from_native(native)
    assert status == QuickConnectionStatus(
        ConnectionState.CONNECTED, 31, 0.5, 0.25, 1.5, 2.5, 3.5, 4.5, 262144, 5, 6, 7, 1 << 40, 8
    )
    assert status.state is ConnectionState.CONNECTED
    native.m_usecMaxJitter = -1
    assert QuickConnectionStatus.from_native(native).max_jitter is None


def made() -> list[Any]:
    """One record of each kind, as C makes it."""
    event = ffi.new("sn_event *", {"connection": 9, "old_state": 1})
    event.info = native("str:alice", "127.0.0.1:1")[0]
    event.info.m_hListenSocket, event.info.m_eState = 4, 1
    return [
        QuickConnectionStatus.from_native(ffi.new("SteamNetConnectionRealTimeStatus_t *", STATUS)),
        ConnectionInfo.from_native(native(address="[::1]:27015")),
        ConnectionEvent.from_native(event),
    ]


@pytest.mark.parametrize("record", made(), ids=lambda record: type(record).__name__)
def test_a_record_is_the_dataclass_that_it_says(record: Any) -> None:
    """It compares, copies, prints and is replaced as one that Python made."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    twin = type(record)(**values)
    assert record == twin
    assert hash(record) == hash(twin)
    assert repr(record) == repr(twin)
    for other in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert other == record
        assert type(other) is type(record)
    first = next(iter(values))
    assert dataclasses.replace(record, **{first: None}) != record
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, first, None)
    assert dataclasses.asdict(record).keys() == values.keys()


def test_an_event_is_read_with_its_info() -> None:
    """The event has the connection's handle and both states, and the whole info."""
    event = made()[2]
    assert (event.connection, event.listen_socket) == (9, 4)
    assert (event.old_state, event.state) == (ConnectionState.CONNECTING,) * 2
    assert event.is_incoming_request
    assert event.info.identity_remote == "str:alice"
    assert type(event.info.identity_remote) is Identity


def test_lanes_are_read_each(steam: steamnet.Steam) -> None:
    """As many as were asked for; None where the connection has fewer."""
    sockets = steam.networking_sockets
    near, _far = sockets.create_socket_pair()
    sockets.configure_connection_lanes(near, [0, 1, 2])
    status = sockets.get_quick_connection_status(near, lanes=3)
    assert status is not None
    assert [type(lane) for lane in status.lanes] == [LaneStatus] * 3
    assert sockets.get_quick_connection_status(near, lanes=4) is None
    assert sockets.get_quick_connection_status(near) == dataclasses.replace(status, lanes=())


@pytest.mark.parametrize("read", [read_info, read_status, read_event], ids=lambda r: r.__name__)
@pytest.mark.parametrize("wrong", [b"", b"x" * 100, "text", None, 5, memoryview(bytes(9))[::2]])
def test_only_a_whole_struct_is_read(read: Any, wrong: Any) -> None:
    """What is shorter, longer or no bytes at all is refused."""
    with pytest.raises((TypeError, ValueError, BufferError)):
        read(wrong)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_info, "SteamNetConnectionInfo_t"),
        (read_status, "SteamNetConnectionRealTimeStatus_t"),
        (read_event, "sn_event"),
    ],
)
def test_any_bytes_can_be_read(read: Any, name: str) -> None:
    """Whatever an engine or a peer writes is read without an error, and leaves nothing behind."""
    chance, size = random.Random(2029), ffi.sizeof(name)  # type: ignore[attr-defined]  # not in our stub
    texts = [chance.randbytes(size) for _ in range(300)]
    texts += [bytes([value]) * size for value in range(256)]

    def all_of_them() -> None:
        for text in texts:
            record = read(text)
            assert repr(record)
            hash(record)

    all_of_them()  # flags and identities that are remembered
    gc.collect()
    before = sys.getallocatedblocks()
    all_of_them()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100


@pytest.mark.parametrize("wrong", [object, 5, int, type("NoSlots", (), {"__match_args__": ("x",)})])
def test_only_a_dataclass_with_slots_is_a_record(wrong: Any) -> None:
    """C sets fields by their slots' descriptors, and takes no class that has none."""
    with pytest.raises((TypeError, AttributeError)):
        set_columns_type(wrong)
