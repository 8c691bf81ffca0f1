"""A host and its players, each in a process: who waits, comes, leaves, and is told what."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requirements
import waiting
from remote_process import RemoteProcess

import steamnet
from steamnet import ConfigValue, ConnectionState, EResult, Identity, ResultError, Steam

ALICE, BOB, CAROL, DAVE = (str(76561198000000001 + n) for n in range(4))
FULL = 1001  # a close reason of our own


class Guest:
    """A player in a process of its own."""

    def __init__(self, engine: str, identity: str) -> None:
        """Start the process, and open an engine there."""
        self.remote = RemoteProcess()
        self.steam: Any = self.remote.open(engine=engine, identity=identity)
        self.sockets = self.steam.networking_sockets
        self.identity = identity
        self.connection = 0

    @property
    def info(self) -> Any:
        """What the guest knows of its connection."""
        return self.sockets.get_connection_info(self.connection)

    def receive(self) -> list[str]:
        """What the guest has been told since."""
        return [message.decode() for message in self.sockets.receive_messages(self.connection)]


class Party:
    """A host here, and guests elsewhere."""

    def __init__(self, engine: str, host: Steam) -> None:
        """Begin without guests."""
        self.engine = engine
        self.host = host
        self.guests: list[Guest] = []

    def invite(self, *identities: str) -> list[Guest]:
        """Open an engine for each, in processes of their own."""
        new = [Guest(self.engine, identity) for identity in identities]
        self.guests += new
        return new

    def until(
        self, condition: Callable[[], Any], what: str, timeout: float = waiting.PATIENCE
    ) -> Any:
        """Pump everybody until it holds, and return what it said."""
        everybody = (self.host, *(guest.steam for guest in self.guests))
        return waiting.until(condition, *everybody, timeout=timeout, what=what)

    def kill(self, guest: Guest) -> None:
        """End a guest's process as a crash would."""
        self.guests.remove(guest)
        guest.remote.kill()
        guest.remote.close()


@pytest.fixture
def party(engine: str) -> Iterator[Party]:
    """Alice, on the engine of this run."""
    with steamnet.init(engine=engine, identity=ALICE) as host:
        party = Party(engine, host)
        try:
            yield party
        finally:
            for guest in party.guests:
                guest.remote.close()


def test_a_host_knows_who_waits_comes_and_leaves(party: Party) -> None:
    """Two of three are let in; the third is refused; one leaves, and all agree on who is who."""
    if party.engine == "gns":
        requirements.ice()
    host = party.host
    bob, carol, dave = party.invite(BOB, CAROL, DAVE)
    with host.listen() as listener, host.poll_group() as group:
        by_name: dict[str, steamnet.Connection] = {}
        for guest in (bob, carol):
            guest.connection = guest.sockets.connect_p2p(ALICE, 0)
            (request,) = party.until(lambda: listener.waiting, "the request")
            assert request.peer == guest.identity
            connection = request.accept()
            group.add(connection)
            by_name[request.peer] = connection
        dave.connection = dave.sockets.connect_p2p(ALICE, 0)
        (request,) = party.until(lambda: listener.waiting, "Dave's request")
        request.reject(FULL, "the server is full")
        closed = ConnectionState.CLOSED_BY_PEER
        party.until(lambda: dave.info.state == closed, "Dave to be refused")
        assert (dave.info.end_reason, dave.info.end_debug) == (FULL, "the server is full")
        assert type(dave.info.identity_remote) is Identity
        for guest in (bob, carol):
            party.until(lambda: guest.info.state == ConnectionState.CONNECTED, "to be in")  # noqa: B023  # asked at once
            assert guest.info.identity_remote == host.core.get_steam_id()
            assert by_name[guest.identity].peer == guest.identity == guest.steam.core.get_steam_id()
        assert {connection.peer for connection in group} == {BOB, CAROL} == by_name.keys()

        assert group.broadcast("welcome") == [1, 1]
        for guest in (bob, carol):
            assert party.until(guest.receive, "the welcome") == ["welcome"]
        bob.sockets.send_message(bob.connection, "hello")
        (message,) = party.until(group.receive, "Bob's hello")
        assert message.identity == BOB == group.sender(message).peer
        assert group.broadcast(message.data, besides=[group.sender(message)]) == [2]
        assert party.until(carol.receive, "Bob's hello at Carol's") == ["hello"]

        bob.sockets.close_connection(bob.connection, 1002, "dinner", True)
        (gone,) = party.until(group.departed, "Bob's departure")
        assert (gone, gone.peer) == (by_name[BOB], BOB)
        assert (gone.info.end_reason, gone.info.end_debug) == (1002, "dinner")
        with pytest.raises(ResultError) as ended:
            gone.send("come back")
        assert (ended.value.reason, ended.value.by_peer) == (1002, True)
        for _ in range(3):
            assert group.receive() == []
        assert group.sender(message) is gone
        assert [connection.peer for connection in group] == [CAROL]
        gone.close()
        assert bob.receive() == []


def test_a_member_whose_process_is_killed_departs(party: Party) -> None:
    """Its last words are received, and its end is a problem, not a close."""
    if party.engine == "gns":
        requirements.ice()
    host = party.host
    bob, carol = party.invite(BOB, CAROL)
    with host.listen() as listener, host.poll_group() as group:
        for guest in (bob, carol):
            guest.connection = guest.sockets.connect_p2p(ALICE, 0)
            group.add(party.until(listener.accept, "the guest"))
            guest.sockets.send_message(guest.connection, f"from {guest.identity}")
        heard: list[str] = []

        def both() -> bool:
            heard.extend(message.decode() for message in group.receive())
            return len(heard) == 2

        party.until(both, "both to speak")
        party.kill(bob)
        soon = ConfigValue.TIMEOUT_CONNECTED, 2000
        bobs = next(connection for connection in group if connection.peer == BOB)
        assert host.networking_sockets.set_connection_config_value(bobs.handle, *soon)
        group.broadcast("is anybody there?")
        (gone,) = party.until(group.departed, "Bob's departure")
        assert gone.peer == BOB
        assert gone.info.state in (
            ConnectionState.PROBLEM_DETECTED_LOCALLY,
            ConnectionState.CLOSED_BY_PEER,
        )
        assert [connection.peer for connection in group] == [CAROL]
        assert len(group.broadcast("Bob is gone")) == 1
        gone.close()


@pytest.mark.parametrize("near", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("remote", ["local", "any"])
def test_players_by_address(party: Party, near: str, remote: str) -> None:
    """A free port, which the listener tells, is reached from another process; then it is taken."""
    if near == "[::1]":
        _needs_ipv6()
    host = party.host
    (bob,) = party.invite(BOB)
    everywhere = "0.0.0.0" if near == "127.0.0.1" else "[::]"
    with host.listen_ip(f"{near if remote == 'local' else everywhere}:0") as listener:
        port = int(listener.address.rpartition(":")[2])
        bob.connection = bob.sockets.connect_by_ip_address(f"{near}:{port}")
        (request,) = party.until(lambda: listener.waiting, "the request")
        assert request.peer == BOB
        connection = request.accept()
        assert connection.info.addr_remote.startswith(f"{near}:")
        party.until(lambda: connection.state == ConnectionState.CONNECTED, "to be connected")
        party.until(lambda: bob.info.state == ConnectionState.CONNECTED, "to be connected there")
        assert bob.info.identity_remote == ALICE
        connection.send("by address")
        assert party.until(bob.receive, "the message") == ["by address"]
        with pytest.raises(ResultError) as refused:
            host.listen_ip(f"{near}:{port}")
        assert refused.value.result == EResult.FAIL
        assert str(port) in str(refused.value)
        connection.close()


def test_a_caller_by_address_connects_too(party: Party) -> None:
    """The calling side of the objects, and a host's name."""
    (bob,) = party.invite(BOB)
    port = _listen_somewhere(bob)
    for name in ("127.0.0.1", "localhost"):
        with party.host.connect_ip(f"{name}:{port}") as connection:

            def accepted() -> bool:
                for event in bob.sockets.connection_events():
                    if event.is_incoming_request:
                        assert bob.sockets.accept_connection(event.connection)
                return connection.state == ConnectionState.CONNECTED

            party.until(accepted, "to be connected")
            assert connection.peer == BOB
            assert connection.info.addr_remote == f"127.0.0.1:{port}"


def _listen_somewhere(guest: Guest) -> int:
    """Have a guest listen on a port of its own."""
    for port in range(27200, 27300):
        if guest.sockets.create_listen_socket_ip(f"0.0.0.0:{port}"):
            return port
    pytest.fail("no port is free")


def _needs_ipv6() -> None:
    """Skip, or in CI fail, where the machine has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        requirements.missing(f"no IPv6 ({error})")
