"""Identities: how they are written and read, and that engines hand them on unchanged."""

import copy
import pickle
from collections.abc import Callable

import pytest
import requirements
from remote_process import RemoteProcess
from topologies import Route

import steamnet
from steamnet import ConnectionState, Identity, IdentityType
from steamnet._native import ffi, lib
from steamnet.identity import from_native

KINDS = {
    "76561198000000001": ("steamid:76561198000000001", IdentityType.STEAM_ID),
    "steamid:76561198000000001": ("steamid:76561198000000001", IdentityType.STEAM_ID),
    "str:alice": ("str:alice", IdentityType.GENERIC_STRING),
    "str:": ("str:", IdentityType.GENERIC_STRING),
    "str:Ålice in Wonderländ": ("str:Ålice in Wonderländ", IdentityType.GENERIC_STRING),
    "str:" + "x" * 31: ("str:" + "x" * 31, IdentityType.GENERIC_STRING),
    "gen:0badf00d": ("gen:0badf00d", IdentityType.GENERIC_BYTES),
    "gen:" + "ab" * 32: ("gen:" + "ab" * 32, IdentityType.GENERIC_BYTES),
    "ip:192.0.2.7:27015": ("ip:192.0.2.7:27015", IdentityType.IP_ADDRESS),
    "ip:[2001:db8::1]:5": ("ip:[2001:db8::1]:5", IdentityType.IP_ADDRESS),
    "xboxpwid:abc123": ("xboxpwid:abc123", IdentityType.XBOX_PAIRWISE_ID),
    "psn:123456": ("psn:123456", IdentityType.SONY_PSN),
    "future:something": ("future:something", IdentityType.UNKNOWN_TYPE),
}
WRONG = (
    "",
    "0",
    "1",
    "18446744073709551615",
    "-1",
    "alice",
    "steamid:",
    "steamid:alice",
    "str:" + "x" * 32,
    "gen:",
    "gen:xyz",
    "gen:" + "ab" * 33,
    "ip:localhost",
    "bad type:x",
    "invalid",
    "future:" + "x" * 128,
)


@pytest.mark.parametrize("text", KINDS)
def test_round_trip(text: str) -> None:
    """What was read is written as Valve writes it, and reads as the same again."""
    written, kind = KINDS[text]
    identity = Identity.parse(text)
    assert identity.text == written
    assert identity.type == kind
    again = Identity.parse(identity.text)
    assert again == identity
    assert hash(again) == hash(identity)
    assert Identity.parse(str(identity)) == identity


def test_identities_have_an_order() -> None:
    """Sorting players by who they are gives the same list wherever it is done."""
    texts = ["str:bob", "steamid:76561198000000002", "str:alice", "steamid:76561198000000001"]
    players = sorted(map(Identity.parse, texts))
    assert [player.text for player in players if player.steam_id] == sorted(texts)[:2]


@pytest.mark.parametrize("text", KINDS)
def test_an_identity_is_its_text(text: str) -> None:
    """It equals and hashes as a str does, and is the same after a copy or a pickle."""
    written, kind = KINDS[text]
    identity = Identity(text)
    value = written.removeprefix("steamid:")
    assert isinstance(identity, str)
    assert identity == value
    assert {identity: 1}[value] == 1 == {value: 1}[identity]  # type: ignore[index]  # a str is one
    assert type(str(identity)) is str
    assert f"{identity}" == value
    for again in (
        copy.copy(identity),
        copy.deepcopy([identity])[0],
        *(pickle.loads(pickle.dumps(identity, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert type(again) is Identity
        assert (again, again.type) == (identity, kind)
    with pytest.raises(AttributeError):
        identity.nickname = "x"  # type: ignore[attr-defined]  # there is no room for one


def test_an_identity_that_does_not_parse_is_pickled_too() -> None:
    """A peer that has not said who it is yet is "invalid", which nobody can be."""
    nobody = from_native(ffi.new("SteamNetworkingIdentity *"))
    assert nobody == "invalid"
    again = pickle.loads(pickle.dumps(nobody))
    assert (again, again.type, again.steam_id) == (nobody, IdentityType.INVALID, None)


def test_a_type_newer_than_this_package() -> None:
    """It shows its number, and is a number."""
    native = ffi.new("SteamNetworkingIdentity *")
    native.m_eType = 77
    assert from_native(native) == "type77:"
    assert from_native(native).type == 77


@pytest.mark.parametrize(
    "text", ["76561198000000001", "steamid:76561198000000001", "str:alice", "", "no colon", "a b:c"]
)
def test_an_unknown_type_is_nobody_elses_identity(text: str) -> None:
    """A peer that writes another's identity as one of unknown type is not taken for that user."""
    native = ffi.new("SteamNetworkingIdentity *")
    native.m_eType = lib.k_ESteamNetworkingIdentityType_UnknownType
    native.m_szUnknownRawString = text.encode()
    identity = from_native(native)
    assert identity == f"unknown:{text}"
    assert (identity.type, identity.steam_id) == (IdentityType.UNKNOWN_TYPE, None)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("127.0.0.1:27015", "connect_ip"),
        ("127.0.0.1", "connect_ip"),
        ("[::1]:27015", "connect_ip"),
        ("::1", "connect_ip"),
        ("2001:db8::1", "connect_ip"),
        ("[fe80::1%eth0]:5", "connect_ip"),
        ("play.example.org:27015", "connect_ip"),
        ("localhost:27015", "connect_ip"),
        ("play.example.org", "connect_ip"),
        ("STEAM_0:1:19867136", "'76561198000000001'"),
        ("STEAM_1:1:19867136", "'76561198000000001'"),
        ("[U:1:39734273]", "'76561198000000001'"),
        ("U:1:39734273", "'76561198000000001'"),
        ("https://steamcommunity.com/profiles/76561198000000001", "'76561198000000001'"),
        ("https://steamcommunity.com/profiles/76561198000000001/", "'76561198000000001'"),
        ("https://steamcommunity.com/profiles/[U:1:39734273]", "'76561198000000001'"),
        ("steamcommunity.com/profiles/76561198000000001", "'76561198000000001'"),
        ("https://steamcommunity.com/id/gabelogannewell", "in decimal"),
        ("[g:1:4]", "in decimal"),
        ("[A:1:1234:5678]", "in decimal"),
        ("https://s.team/p/abcd", "in decimal"),
    ],
)
def test_other_names_are_refused_with_what_to_use_instead(
    engine: str, text: str, instead: str
) -> None:
    """Addresses, older spellings of a Steam ID and profiles' URLs are no identities."""
    with pytest.raises(ValueError, match="no identity") as refused:
        Identity.parse(text)
    assert instead in str(refused.value)
    with steamnet.init(engine=engine) as steam, pytest.raises(ValueError, match="no identity"):
        steam.networking_sockets.connect_p2p(text, 0)


def test_an_identity_may_look_like_anything_behind_its_type() -> None:
    """Only text without a type that is known is judged by its looks."""
    for text in ("str:https://example.org", "str:127.0.0.1:27015", "ip:127.0.0.1:27015", "str:a:1"):
        assert Identity.parse(text) == text


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_identity(text: str) -> None:
    """Text that names nobody raises, with an example of what would."""
    with pytest.raises(ValueError, match="steamid:"):
        Identity.parse(text)


def test_steam_ids() -> None:
    """A Steam ID is its own text, as an int, as digits, and with its prefix."""
    identity = Identity.parse(76561198000000001)
    assert identity.steam_id == str(identity) == "76561198000000001"
    assert identity == Identity.parse("76561198000000001") == Identity.parse(identity)
    assert identity != Identity.parse(76561198000000002)
    assert Identity.parse("str:alice").steam_id is None


@pytest.mark.parametrize("text", [t for t in KINDS if t != "str:"])
def test_engines_start_as_anybody(engine: str, text: str) -> None:
    """Every kind of identity can be ours, and is what the engine says we are."""
    with steamnet.init(engine=engine, identity=text) as steam:
        assert steam.networking_sockets.get_identity() == Identity.parse(text)
        assert steam.core.get_steam_id() == (Identity.parse(text).steam_id or "")


@pytest.mark.parametrize("text", [t for t in KINDS if t != "str:"])
def test_peers_see_who_calls(engine: str, remote: RemoteProcess, text: str) -> None:
    """A host that is anybody is reached by its identity, and sees the caller's."""
    if engine == "gns":
        requirements.ice()
    caller = "str:caller"
    with steamnet.init(engine=engine, identity=caller) as here:
        there = remote.open(engine="gns", identity=text) if engine == "gns" else None
        host = there or steamnet.init(engine=engine, identity=text)
        route = Route(engine, here, host)
        assert host.networking_sockets.create_listen_socket_p2p(5)
        one = route.hold(here, here.networking_sockets.connect_p2p(text, 5))
        other = route.requested()
        assert other.info.identity_remote == caller
        assert one.info.identity_remote == str(Identity.parse(text))
        other.sockets.accept_connection(other.connection)
        route.until(lambda: one.state == ConnectionState.CONNECTED, what="to be connected")
        one.send(b"hello")
        messages = []

        def heard() -> bool:
            messages.extend(other.receive())
            return bool(messages)

        route.until(heard, what="the message")
        assert messages[0].identity == caller
        assert one.info.identity_remote == Identity(text) == host.networking_sockets.get_identity()
        assert len({*(m.identity for m in messages), other.info.identity_remote, caller}) == 1
        host.shutdown()


def test_pair_identities(steam: steamnet.Steam) -> None:
    """The identities given to a socket pair are what each end shows as its peer."""
    sockets = steam.networking_sockets
    one, other = sockets.create_socket_pair(False, "str:left", 76561198000000009)
    assert sockets.get_connection_info(one).identity_remote == "str:left"
    assert sockets.get_connection_info(other).identity_remote == "76561198000000009"
    plain, _ = sockets.create_socket_pair()
    assert sockets.get_connection_info(plain).identity_remote


def test_random_identity(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody in particular is a random Steam ID; STEAMNET_IDENTITY says who, if set."""
    monkeypatch.delenv("STEAMNET_IDENTITY", raising=False)
    ids = set()
    for _ in range(2):
        with steamnet.init(engine=engine) as steam:
            ids.add(steam.core.get_steam_id())
    assert len(ids) == 2
    assert all(Identity.parse(text).type == IdentityType.STEAM_ID for text in ids)
    monkeypatch.setenv("STEAMNET_IDENTITY", "str:from the environment")
    with steamnet.init(engine=engine) as steam:
        assert str(steam.networking_sockets.get_identity()) == "str:from the environment"


def test_become_somebody_else(engine: str, until: Callable[..., None]) -> None:
    """reset_identity makes us another on loopback; GNS has no such call, and says so."""
    with steamnet.init(engine=engine, identity="str:before") as steam:
        if engine == "gns":
            with pytest.raises(steamnet.UnsupportedError, match="ResetIdentity"):
                steam.networking_sockets.reset_identity("str:after")
        else:
            steam.networking_sockets.reset_identity("str:after")
            assert str(steam.networking_sockets.get_identity()) == "str:after"
