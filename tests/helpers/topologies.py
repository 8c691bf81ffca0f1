"""Two users and the ways between them: what the semantics suite runs each of its tests on."""

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import waiting
from remote_process import Received

import steamnet
from steamnet import ConfigValue, ConnectionEvent, ConnectionState

# How two ends can be joined. "pipe" is GNS inside one process: what it does otherwise than a
# network does, tests name with the marker `not_on`; the loopback engine is a network throughout.
PAIRS = ("gns-pipe", "gns-net", "loopback-pair")
ROUTES = ("gns-ip", "gns-processes", "loopback-ip", "loopback-users", "loopback-processes")
LINKS = (*PAIRS, *ROUTES)
ALICE, BOB = "76561198000000001", "76561198000000002"
VIRTUAL_PORT = 7

Options = Mapping[ConfigValue, int | float | str] | None


@dataclass
class End:
    """A connection, and the user who holds it, here or in another process."""

    steam: Any
    connection: int
    events: list[ConnectionEvent] = field(default_factory=list)

    @property
    def sockets(self) -> Any:
        """The user's manager."""
        return self.steam.networking_sockets

    @property
    def info(self) -> Any:
        """What the engine knows of the connection now."""
        return self.sockets.get_connection_info(self.connection)

    @property
    def state(self) -> ConnectionState | None:
        """Its state; None for a dead handle."""
        info = self.info
        return info.state if info else None

    @property
    def status(self) -> Any:
        """Its rates and queues."""
        return self.sockets.get_quick_connection_status(self.connection)

    @property
    def drained(self) -> bool:
        """Whether the peer has confirmed all reliable messages."""
        status = self.status
        return bool(status.pending_reliable == status.sent_unacked_reliable == 0)

    @property
    def path(self) -> list[ConnectionState]:
        """The states it went through, as events told."""
        states = []
        for event in self.events:
            assert not states or event.old_state == states[-1], "no event is missing or doubled"
            states.append(event.state)
        return states

    @property
    def last(self) -> ConnectionState | None:
        """The latest state that an event told of."""
        return self.events[-1].state if self.events else None

    def send(self, data: Any, flags: int = steamnet.SendFlags.RELIABLE, lane: int = 0) -> Any:
        """Send a message."""
        return self.sockets.send_message(self.connection, data, flags, lane)

    def receive(self, limit: int = 1000) -> list[Received]:
        """Take what has arrived."""
        messages: list[Received] = self.sockets.receive_messages(self.connection, limit)
        return messages

    def close(self, *args: Any, **options: Any) -> Any:
        """Close the connection."""
        return self.sockets.close_connection(self.connection, *args, **options)

    def set(self, key: ConfigValue, value: int | float | str) -> None:
        """Configure the connection; it must be possible."""
        assert self.sockets.set_connection_config_value(self.connection, key, value)

    def set_rate(self, bytes_a_second: int) -> None:
        """Send just so fast."""
        self.set(ConfigValue.SEND_RATE_MAX, bytes_a_second)
        self.set(ConfigValue.SEND_RATE_MIN, bytes_a_second)


class Route:
    """A caller and a host, not yet connected."""

    def __init__(self, kind: str, caller: Any, host: Any) -> None:
        """Let the caller reach the host's listen socket, by the kind of route."""
        self.kind = kind
        self.caller, self.host = caller, host
        self.steams = [caller] if caller is host else [caller, host]
        self.clock = waiting.clock_of(caller)
        self.by_ip = kind.endswith("-ip")
        self.address = f"127.0.0.1:{free_port()}"
        self.events: list[ConnectionEvent] = []  # of connections that no End holds
        self.ends: list[End] = []
        self._settings: list[tuple[Any, ConfigValue]] = []

    def listen(self, options: Options = None) -> int:
        """Have the host listen."""
        sockets = self.host.networking_sockets
        if self.by_ip:
            handle = sockets.create_listen_socket_ip(self.address, options)
        else:
            handle = sockets.create_listen_socket_p2p(VIRTUAL_PORT, options)
        assert handle
        return int(handle)

    def connect(self, options: Options = None) -> End:
        """Have the caller begin to connect."""
        sockets = self.caller.networking_sockets
        if self.by_ip:
            connection = sockets.connect_by_ip_address(self.address, options)
        else:
            host = self.host.core.get_steam_id()
            connection = sockets.connect_p2p(host, VIRTUAL_PORT, options)
        assert connection
        return self.hold(self.caller, connection)

    def requested(self, timeout: float = waiting.PATIENCE) -> End:
        """Wait for the host's event of a request."""
        found: list[ConnectionEvent] = []

        def one() -> bool:
            found[:] = [e for e in self.events if e.is_incoming_request]
            return bool(found)

        self.until(one, timeout=timeout, what="an incoming request")
        return self.hold(self.host, found[0].connection)

    def join(self, options: Options = None, host_options: Options = None) -> tuple[End, End]:
        """Connect and accept: caller's end, host's end."""
        self.listen(host_options)
        here = self.connect(options)
        there = self.requested()
        assert there.sockets.accept_connection(there.connection)
        both = {ConnectionState.CONNECTED}
        self.until(lambda: {here.state, there.state} == both, what="both ends to be connected")
        return here, there

    def hold(self, steam: Any, connection: int) -> End:
        """An End for a connection, with the events it has had."""
        end = End(steam, connection)
        end.events = [e for e in self.events if e.connection == connection]
        self.events = [e for e in self.events if e.connection != connection]
        self.ends.append(end)
        return end

    def pump(self) -> None:
        """Run everybody's callbacks once and sort the events by connection."""
        for steam in self.steams:
            steam.run_callbacks()
            for event in steam.networking_sockets.connection_events():
                mine = [
                    e for e in self.ends if e.connection == event.connection and e.steam is steam
                ]
                (mine[0].events if mine else self.events).append(event)

    def until(
        self, condition: Callable[[], object], timeout: float = waiting.PATIENCE, what: str = ""
    ) -> None:
        """Pump until a condition holds; fails with its text when time is up, as `patience` says."""
        what = f"{self.kind}: {what or condition}"
        timeout = self.patience(timeout)
        waiting.until(condition, *self.steams, pump=self.pump, timeout=timeout, what=what)

    def patience(self, seconds: float) -> float:
        """So many seconds in virtual time; a minute at least of the machine's, which is busy."""
        return max(seconds, waiting.PATIENCE) if self.clock is waiting.REAL else seconds

    def pump_for(self, seconds: float) -> None:
        """Pump for a while, to see that something does not happen."""
        deadline = self.clock.now() + seconds
        while self.clock.now() < deadline:
            self.pump()
            waiting.pause(deadline, *self.steams)
        self.pump()

    def set(self, key: ConfigValue, value: int | float | str) -> None:
        """Configure every user; `reset` takes it back, as GNS keeps values beyond its end."""
        for steam in self.steams:
            assert steam.networking_utils.set_config_value(key, value)
            self._settings.append((steam, key))

    def reset(self) -> None:
        """Take back what `set` did."""
        for steam, key in self._settings:
            with suppress(steamnet.ClosedError):  # a test may have shut it down
                steam.networking_utils.set_config_value(key, None)


@dataclass
class Link:
    """Two connected ends."""

    kind: str
    here: End
    there: End
    route: Route

    @property
    def is_pipe(self) -> bool:
        """Whether nothing is a network about it."""
        return self.kind == "gns-pipe"

    def until(
        self, condition: Callable[[], object], timeout: float = waiting.PATIENCE, what: str = ""
    ) -> None:
        """As `Route.until`."""
        self.route.until(condition, timeout, what)

    def collect(self, end: End, count: int, timeout: float = waiting.PATIENCE) -> list[Received]:
        """Wait for as many messages at an end."""
        messages: list[Received] = []

        def enough() -> bool:
            messages.extend(end.receive())
            return len(messages) >= count

        self.until(enough, timeout, f"{count} messages")
        return messages


def free_port() -> int:
    """A UDP port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
