"""Identities: how they are written and read, and that engines hand them on unchanged."""

from collections.abc import Callable

import needs
import pytest
from far import Far
from links import Route

import steamnet
from steamnet import ConnectionState, Identity, IdentityType

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
def test_peers_see_who_calls(engine: str, far: Far, text: str) -> None:
    """A host that is anybody is reached by its identity, and sees the caller's."""
    if engine == "gns":
        needs.ice()
    caller = "str:caller"
    with steamnet.init(engine=engine, identity=caller) as here:
        there = far.open(engine="gns", identity=text) if engine == "gns" else None
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
