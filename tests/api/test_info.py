"""What engines tell in structs, read into dataclasses."""

from typing import Any

import pytest

from steamnet import (
    ConnectionInfo,
    ConnectionInfoFlags,
    ConnectionState,
    EndReason,
    Identity,
    IdentityType,
)
from steamnet._native import ffi, lib
from steamnet.info import state_name


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
