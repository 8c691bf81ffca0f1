"""Random programs of several users against a model that knows what may and what must happen.

What may happen is checked at each step, with anything still in flight; `settle` waits for what
must. The programs are the same in every run. For others, and more of them:
STEAMNET_EXAMPLES=2000 pytest tests/semantics/test_stateful.py --hypothesis-seed=random
"""

import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from waiting import clock_of, pause

import steamnet
from steamnet import ConfigValue, ConnectionEvent, ConnectionState, EResult, SendFlags, Steam
from steamnet.clock import CURRENT, VirtualClock

NONE, CONNECTING = ConnectionState.NONE, ConnectionState.CONNECTING
ROUTING, CONNECTED = ConnectionState.FINDING_ROUTE, ConnectionState.CONNECTED
CLOSED_BY_PEER = ConnectionState.CLOSED_BY_PEER
STEPS = {
    (NONE, CONNECTING),
    (CONNECTING, ROUTING),
    (ROUTING, CONNECTED),
    *((state, CLOSED_BY_PEER) for state in (CONNECTING, ROUTING, CONNECTED)),
    *((state, NONE) for state in (CONNECTING, ROUTING, CONNECTED, CLOSED_BY_PEER)),
}
FLAGS = (
    SendFlags.UNRELIABLE,
    SendFlags.UNRELIABLE_NO_NAGLE,
    SendFlags.UNRELIABLE_NO_DELAY,
    SendFlags.RELIABLE,
    SendFlags.RELIABLE_NO_NAGLE,
)
LANES, PORTS, NOBODY = 3, 2, 77
EXAMPLES = int(os.environ.get("STEAMNET_EXAMPLES", "0"))
PATIENCE = 60.0


@dataclass
class Sent:
    """A message that the engine took."""

    data: bytes
    reliable: bool


@dataclass(eq=False)
class End:
    """One side of a connection, as it must look to its user."""

    user: int
    handle: int
    state: ConnectionState = NONE
    peer: "End" = field(init=False)
    accepted: bool = False  # the same on both sides
    closed: bool = False
    close_reason: tuple[int, str] | None = None  # what its peer is told, where that is known
    drains: bool = False  # all that was sent before the close must arrive
    parent: int = 0
    lanes: int = 1
    group: int = 0
    user_data: int = -1
    sent: dict[int, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    latest: dict[int, int] = field(default_factory=lambda: defaultdict(int))  # reliable, by lane

    def missing(self) -> bool:
        """Whether a reliable message of the peer has not been received."""
        return any(
            sent.reliable and number not in self.seen[lane]
            for lane, messages in self.peer.sent.items()
            for number, sent in enumerate(messages, 1)
        )


class Model(RuleBasedStateMachine):
    """Users of one engine, and all that they may do to one another."""

    engine: str
    users: int
    figures: dict[str, int]

    def __init__(self) -> None:
        """Open the users, and nothing else."""
        super().__init__()
        self.clock = VirtualClock() if self.engine == "loopback" else None
        self.steams = [self.open(user) for user in range(self.users)]
        self.ends: list[End] = []
        self.past: list[End] = []  # of which no events come any more
        self.listeners: dict[tuple[int, int], int] = {}
        self.groups: list[list[int]] = [[] for _ in range(self.users)]
        self.counter = 0
        self.figures["programs"] += 1

    def open(self, user: int) -> Steam:
        """Open a user on whom time does not press."""
        token = CURRENT.set(self.clock)
        try:
            steam = steamnet.init(engine=self.engine, identity=76561198000000001 + user)
        finally:
            CURRENT.reset(token)
        for key in (ConfigValue.TIMEOUT_INITIAL, ConfigValue.TIMEOUT_CONNECTED):
            steam.networking_utils.set_config_value(key, 600_000)
        return steam

    def teardown(self) -> None:
        """Everything must come to its end before the program does."""
        try:
            self.settle()
        finally:
            for steam in self.steams:
                steam.shutdown()

    def sockets(self, end: End) -> Any:
        """The manager of the end's user."""
        return self.steams[end.user].networking_sockets

    # --- what is heard ----------------------------------------------------------------------

    def pump(self) -> list[ConnectionEvent]:
        """Run everybody's callbacks and check each event; gives those of unknown connections."""
        strange = []
        for user, steam in enumerate(self.steams):
            steam.run_callbacks()
            for event in steam.networking_sockets.connection_events():
                known = [e for e in self.ends if (e.user, e.handle) == (user, event.connection)]
                if known:
                    self.hear(known[0], event)
                else:
                    strange.append(event)
        return strange

    def hear(self, end: End, event: ConnectionEvent) -> None:
        """One event of a known connection."""
        self.figures["events"] += 1
        assert event.old_state == end.state, "no event is missing or doubled"
        assert (event.old_state, event.state) in STEPS
        end.state = ConnectionState(event.state)
        if end.state == CLOSED_BY_PEER:
            assert end.peer.closed, "only who has closed has closed"
            if end.peer.close_reason is not None:
                assert (event.info.end_reason, event.info.end_debug) == end.peer.close_reason
        elif end.state == NONE:
            assert end.closed
        else:
            assert end.accepted or end.state == CONNECTING, "nothing goes on before accept"

    def take(self, end: End, messages: list[Any]) -> None:
        """Check messages that an end, or its poll group, has received."""
        for message in messages:
            self.figures["messages"] += 1
            lane, number = message.channel, message.message_number
            assert message.connection == end.handle
            assert message.connection_user_data == end.user_data
            assert end.accepted, "nothing is received before accept"
            sent = end.peer.sent[lane][number - 1]
            assert bytes(message) == sent.data
            assert bool(message.flags & SendFlags.RELIABLE) == sent.reliable
            assert number not in end.seen[lane], "exactly once"
            end.seen[lane].add(number)
            if sent.reliable:
                due = [
                    n
                    for n, other in enumerate(end.peer.sent[lane], 1)
                    if other.reliable and n > end.latest[lane]
                ]
                assert number == due[0], "in order, and none left out"
                end.latest[lane] = number

    def receive_all(self) -> None:
        """Take whatever has arrived anywhere."""
        for end in self.ends:
            if not end.closed:
                self.take(end, self.sockets(end).receive_messages(end.handle, 1000))

    def unfinished(self) -> Iterator[str]:
        """What must still happen."""
        for end in self.ends:
            if end.closed:
                if end.state != NONE:
                    yield f"{end.handle} hears that it is closed"
            elif end.peer.closed:
                if end.state != CLOSED_BY_PEER:
                    yield f"{end.handle} hears that its peer has closed"
                if end.peer.drains and end.missing():
                    yield f"{end.handle} receives what its peer sent before it closed"
            elif end.accepted:
                if end.state != CONNECTED:
                    yield f"{end.handle} is connected"
                if end.missing():
                    yield f"{end.handle} receives all that is reliable"

    def settle(self) -> None:
        """Wait for all that must happen."""
        clock = clock_of(*self.steams)
        deadline = clock.now() + PATIENCE
        while waiting := list(self.unfinished()):
            assert clock.now() < deadline, f"not within {PATIENCE} s: {waiting}"
            assert self.pump() == []
            self.receive_all()
            if self.clock:
                pause(deadline, *self.steams)
        self.receive_all()
        gone = [e for e in self.ends if e.closed and e.peer.closed]
        self.past += gone
        self.ends = [e for e in self.ends if e not in gone]

    # --- programs ----------------------------------------------------------------------------

    def live(self) -> list[End]:
        """Ends that their users have not closed."""
        return [end for end in self.ends if not end.closed]

    def pick(self, number: int, ends: list[End] | None = None) -> End:
        """One of them."""
        ends = self.live() if ends is None else ends
        return ends[number % len(ends)]

    def join(self, one: End, other: End) -> None:
        """Two ends are each other's."""
        one.peer, other.peer = other, one
        self.ends += [one, other]

    def end(self, end: End, close_reason: tuple[int, str] | None, drains: bool) -> None:
        """The end is closed, by whatever."""
        end.closed, end.close_reason, end.drains = True, close_reason, drains

    @initialize(user=st.integers(0, 5))
    def two_are_connected(self, user: int) -> None:
        """Let no program be about nothing."""
        self.pair(user)

    @rule(user=st.integers(0, 5))
    def pair(self, user: int) -> None:
        """Make a socket pair: connected from the start, which no event tells."""
        user %= self.users
        handles = self.steams[user].networking_sockets.create_socket_pair(True)
        one, other = (End(user, handle, CONNECTED, accepted=True) for handle in handles)
        self.join(one, other)

    @rule()
    def some_time_passes(self) -> None:
        """Everybody runs callbacks once."""
        if self.clock:
            self.clock.advance(0.001)
        assert self.pump() == []

    @rule()
    def all_settles(self) -> None:
        """Everybody runs callbacks and receives until nothing is left to come."""
        self.settle()

    @precondition(lambda self: self.live())
    @rule(
        which=st.integers(0, 30),
        flags=st.sampled_from(FLAGS),
        lane=st.integers(0, LANES),
        size=st.integers(0, 3000),
        count=st.integers(1, 20),
    )
    def send(self, which: int, flags: int, lane: int, size: int, count: int) -> None:
        """Send a few messages on one lane."""
        end = self.pick(which)
        lane = min(lane, end.lanes)  # one too many at most
        for _ in range(count):
            self.counter += 1
            data = struct.pack(">I", self.counter) + bytes(size)
            result, number = self.sockets(end).send_message_numbered(end.handle, data, flags, lane)
            if result == EResult.OK:
                assert lane < end.lanes
                assert end.state != CLOSED_BY_PEER, "nothing is sent to who has gone"
                end.sent[lane].append(Sent(data, bool(flags & SendFlags.RELIABLE)))
                assert number == len(end.sent[lane])
            elif result == EResult.IGNORED:
                assert flags & SendFlags.UNRELIABLE_NO_DELAY
                assert end.state != CONNECTED or end.peer.closed
            elif result == EResult.NO_CONNECTION:
                assert end.peer.closed
            else:
                assert result == EResult.INVALID_PARAM
                assert lane >= end.lanes

    @precondition(lambda self: self.live())
    @rule(which=st.integers(0, 30), limit=st.integers(1, 20))
    def receive(self, which: int, limit: int) -> None:
        """Receive what one end has."""
        end = self.pick(which)
        self.take(end, self.sockets(end).receive_messages(end.handle, limit))

    @precondition(lambda self: self.live())
    @rule(which=st.integers(0, 30), lanes=st.integers(1, LANES))
    def configure_lanes(self, which: int, lanes: int) -> None:
        """Ask for lanes; there can only be more."""
        end = self.pick(which)
        result = self.sockets(end).configure_connection_lanes(end.handle, [0] * lanes)
        if result == EResult.OK:
            assert lanes >= end.lanes
            end.lanes = lanes
        elif result == EResult.INVALID_STATE:
            assert end.peer.closed
        else:
            assert result == EResult.INVALID_PARAM
            assert lanes < end.lanes

    @precondition(lambda self: self.live())
    @rule(which=st.integers(0, 30), number=st.integers(-(2**63), 2**63 - 1))
    def set_user_data(self, which: int, number: int) -> None:
        """Give a connection user data, which its messages carry from then on."""
        end = self.pick(which)
        assert self.sockets(end).set_connection_user_data(end.handle, number)
        end.user_data = number
        assert self.sockets(end).get_connection_user_data(end.handle) == number

    @precondition(lambda self: self.live())
    @rule(which=st.integers(0, 30))
    def flush(self, which: int) -> None:
        """Flush what waits to be sent."""
        end = self.pick(which)
        result = self.sockets(end).flush_messages_on_connection(end.handle)
        allowed = {EResult.OK, EResult.IGNORED}
        if end.peer.closed:
            allowed.add(EResult.NO_CONNECTION)
        if end.state == CONNECTED:
            allowed.discard(EResult.IGNORED)
        assert result in allowed

    @precondition(lambda self: self.live())
    @rule(
        which=st.integers(0, 30),
        reason=st.sampled_from([0, 1000, 1234, 2999, 1, 3000, -1]),
        debug=st.sampled_from(["", "bye", "Ω" * 60, "x" * 127]),
        linger=st.booleans(),
    )
    def close(self, which: int, reason: int, debug: str, linger: bool) -> None:
        """Close one end; its handle is dead from then on."""
        end = self.pick(which)
        info = self.sockets(end).get_connection_info(end.handle)
        assert info is not None
        drains = linger and info.state == CONNECTED
        if self.sockets(end).close_connection(end.handle, reason, debug, linger):
            default = "Application closed connection"
            if reason == 0:
                reason = 1000
            if 1000 <= reason <= 2999:
                unusual = f"{default} in an unusual way"
                text = debug or (default if reason < 2000 else unusual)
                close_reason = (reason, text)
            else:
                close_reason = (1999, "Invalid numeric reason code")
            self.end(end, close_reason, drains)
        self.check_dead(end)

    @precondition(lambda self: any(e.closed for e in self.ends + self.past))
    @rule(which=st.integers(0, 30))
    def use_the_dead(self, which: int) -> None:
        """Do everything to a handle that was closed."""
        self.check_dead(self.pick(which, [e for e in self.ends + self.past if e.closed]))

    def check_dead(self, end: End) -> None:
        """Every call on a closed handle says that it is none."""
        sockets = self.sockets(end)
        assert not sockets.close_connection(end.handle)
        assert sockets.get_connection_info(end.handle) is None
        assert sockets.get_quick_connection_status(end.handle) is None
        assert sockets.receive_messages(end.handle) == []
        assert sockets.send_message(end.handle, b"x") == EResult.INVALID_PARAM
        assert sockets.accept_connection_result(end.handle) == EResult.INVALID_PARAM
        assert sockets.flush_messages_on_connection(end.handle) == EResult.INVALID_PARAM
        assert not sockets.set_connection_user_data(end.handle, 1)
        assert not sockets.set_connection_poll_group(end.handle, 0)

    @rule(user=st.integers(0, 5))
    def make_group(self, user: int) -> None:
        """Make a poll group."""
        user %= self.users
        self.groups[user].append(self.steams[user].networking_sockets.create_poll_group())

    @precondition(lambda self: self.live())
    @rule(which=st.integers(0, 30), group=st.integers(0, 5))
    def move_to_group(self, which: int, group: int) -> None:
        """Put a connection into one of its user's poll groups, or out of any."""
        end = self.pick(which)
        groups = [0, *self.groups[end.user]]
        end.group = groups[group % len(groups)]
        assert self.sockets(end).set_connection_poll_group(end.handle, end.group)

    @rule(user=st.integers(0, 5), group=st.integers(0, 5), limit=st.integers(1, 20))
    def receive_on_group(self, user: int, group: int, limit: int) -> None:
        """Receive from all members at once."""
        user %= self.users
        if self.groups[user]:
            handle = self.groups[user][group % len(self.groups[user])]
            sockets = self.steams[user].networking_sockets
            for message in sockets.receive_messages_on_poll_group(handle, limit):
                (end,) = [e for e in self.live() if e.handle == message.connection]
                assert (end.user, end.group) == (user, handle)
                self.take(end, [message])

    @rule(user=st.integers(0, 5), group=st.integers(0, 5))
    def destroy_group(self, user: int, group: int) -> None:
        """Destroy a poll group; its members are in none then."""
        user %= self.users
        if self.groups[user]:
            handle = self.groups[user].pop(group % len(self.groups[user]))
            sockets = self.steams[user].networking_sockets
            assert sockets.destroy_poll_group(handle)
            assert not sockets.destroy_poll_group(handle)
            assert sockets.receive_messages_on_poll_group(handle) == []
            for end in self.ends:
                if (end.user, end.group) == (user, handle):
                    end.group = 0


class ManyUsers(Model):
    """What needs users who can reach one another: requests, and users who leave and return."""

    @initialize(user=st.integers(0, 5), caller=st.integers(0, 5))
    def somebody_is_called(self, user: int, caller: int) -> None:
        """Let no program be about nothing."""
        self.listen(user, 0)
        self.connect(caller, 0, False)
        self.accept(0)

    @invariant()
    def the_engine_agrees(self) -> None:
        """The engine says of each connection what its events have said, or is ahead of them."""
        for end in self.live():
            info = self.sockets(end).get_connection_info(end.handle)
            assert info is not None
            assert info.state >= end.state

    @rule(user=st.integers(0, 5), port=st.integers(0, PORTS - 1))
    def listen(self, user: int, port: int) -> None:
        """Listen on a virtual port; only once at a time."""
        user %= self.users
        handle = self.steams[user].networking_sockets.create_listen_socket_p2p(port)
        assert bool(handle) == ((user, port) not in self.listeners)
        if handle:
            self.listeners[user, port] = handle

    @precondition(lambda self: self.listeners)
    @rule(user=st.integers(0, 5), which=st.integers(0, 5), options=st.booleans())
    def connect(self, user: int, which: int, options: bool) -> None:
        """Call a user that listens; it is told in time."""
        user %= self.users
        (host, port), parent = sorted(self.listeners.items())[which % len(self.listeners)]
        name = 76561198000000001 + host
        handle = self.steams[user].networking_sockets.connect_p2p(
            name, port, {ConfigValue.CONNECTION_USER_DATA: 5} if options else None
        )
        assert handle
        caller = End(user, handle, user_data=5 if options else -1)
        called = End(host, 0, parent=parent)
        self.join(caller, called)
        clock = clock_of(*self.steams)
        deadline = clock.now() + PATIENCE
        while not called.handle or not called.state:
            assert clock.now() < deadline, "the call is heard"
            if self.clock:
                pause(deadline, *self.steams)
            for event in self.pump():
                assert event.is_incoming_request
                assert event.listen_socket == parent
                assert event.info.identity_remote == str(76561198000000001 + user)
                called.handle = event.connection
                self.hear(called, event)

    @rule(user=st.integers(0, 5), itself=st.booleans())
    def connect_to_nobody(self, user: int, itself: bool) -> None:
        """Call where nobody listens: oneself is refused at once, another goes on ringing."""
        user %= self.users
        sockets = self.steams[user].networking_sockets
        handle = sockets.connect_p2p(76561198000000001 + user + (not itself), NOBODY)
        assert bool(handle) != itself
        if handle:
            assert sockets.get_connection_info(handle).state == CONNECTING
            assert sockets.close_connection(handle)
            strange = self.pump()
            assert [(e.connection, e.state) for e in strange] == [
                (handle, CONNECTING),
                (handle, NONE),
            ]

    @precondition(lambda self: any(e.parent for e in self.live()))
    @rule(which=st.integers(0, 30))
    def accept(self, which: int) -> None:
        """Accept who was heard of, for the first time or again."""
        end = self.pick(which, [e for e in self.live() if e.parent])
        result = self.sockets(end).accept_connection_result(end.handle)
        if result == EResult.OK:
            assert not end.accepted, "only once"
            end.accepted = end.peer.accepted = True
        else:
            assert result == EResult.INVALID_STATE
            assert end.accepted or end.peer.closed

    @precondition(lambda self: self.listeners)
    @rule(which=st.integers(0, 5))
    def stop_listening(self, which: int) -> None:
        """Close a listen socket, and with it all that came in on it."""
        (user, port), handle = sorted(self.listeners.items())[which % len(self.listeners)]
        del self.listeners[user, port]
        sockets = self.steams[user].networking_sockets
        assert sockets.close_listen_socket(handle)
        assert not sockets.close_listen_socket(handle)
        for end in self.live():
            if end.parent == handle:
                self.end(end, (1000, "the listen socket was closed"), False)

    @rule(user=st.integers(0, 5))
    def leave_and_return(self, user: int) -> None:
        """Shut a user down: all peers are told, every call is refused; and open it again."""
        user %= self.users
        steam = self.steams[user]
        steam.shutdown()
        with pytest.raises(steamnet.ClosedError):
            steam.networking_sockets.create_poll_group()
        for end in [e for e in self.ends if e.user == user]:
            if not end.closed:
                self.end(end, None, False)
            end.state = NONE  # of which nobody is left to hear
        self.past = [e for e in self.past if e.user != user]
        self.groups[user] = []
        self.listeners = {k: v for k, v in self.listeners.items() if k[0] != user}
        self.steams[user] = self.open(user)


def run(machine: type[Model], engine: str, users: int, examples: int) -> dict[str, int]:
    """Run programs of a machine; what they came to."""
    figures = dict.fromkeys(("programs", "events", "messages"), 0)
    given = {"engine": engine, "users": users, "figures": figures}
    concrete: type[Any] = type(machine.__name__, (machine,), given)
    chosen = settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
    )
    run_state_machine_as_test(concrete, settings=chosen)
    return figures


def record(record_property: Any, figures: dict[str, int]) -> None:
    """Let tools/reliability.py know; and no programs are no proof."""
    for name, value in figures.items():
        assert value > 0
        record_property(name, value)


def test_programs_of_users_on_loopback(record_property: Any) -> None:
    """Three users listen, connect, accept, send, receive, close, leave and return at random."""
    record(record_property, run(ManyUsers, "loopback", 3, 300))


def test_programs_of_pairs(engine: str, record_property: Any) -> None:
    """One user's socket pairs over the network, on either engine, keep to the same model."""
    record(record_property, run(Model, engine, 1, 100 if engine == "loopback" else 25))
