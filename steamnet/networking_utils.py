"""SteamNetworkingUtilsManager: the networking part of ISteamNetworkingUtils."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import config
from ._native import ffi, lib
from .arguments import handle, integer, seconds
from .config import ConfigValueInfo, Value
from .engine import MAX_EVENTS, Engine, Uncopyable
from .enums import (
    Availability,
    ConfigScope,
    ConfigValue,
    DebugOutputType,
    EResult,
    FakeIPType,
    known,
)
from .events import EventStream
from .identity import Identity, address_to_native, c_string, from_native, text_of
from .info import RelayNetworkStatus, pop_name

# Valve's levels in logging's terms: the chatty ones are all debugging.
LOG_LEVELS = {
    DebugOutputType.BUG: logging.CRITICAL,
    DebugOutputType.ERROR: logging.ERROR,
    DebugOutputType.IMPORTANT: logging.WARNING,
    DebugOutputType.WARNING: logging.WARNING,
    DebugOutputType.MSG: logging.INFO,
}
# More than any engine has: a library that counts wrongly does not keep us.
MAX_KEYS, MAX_POPS = 1000, 4096


def relay_answers(utils: "SteamNetworkingUtilsManager", timeout: float) -> Iterator[bool | None]:
    """Whether the relay network is ready: None while that is open, False when time is up."""
    deadline = utils._engine.clock() + seconds(timeout, "timeout")
    while True:
        availability = utils.get_relay_network_status().availability
        over = availability == Availability.CANNOT_TRY or utils._engine.clock() >= deadline
        yield True if availability == Availability.CURRENT else False if over else None


class SteamNetworkingUtilsManager(Uncopyable):
    """``ISteamNetworkingUtils``: the relay network, pings, the clock, debug output, configuration.

    Where the engine has no relay network (gns, loopback), its readiness is told truthfully and
    the calls that would need it raise UnsupportedError. Arguments of another type raise TypeError,
    ones out of bounds ValueError; after shutdown every call raises ClosedError.

    What many calls take:

    - ``pop_id``: the number of a data centre, from `get_pop_list`.
    - ``location``: a place, in the text that `get_local_ping_location` gives.
    - ``key``: a `ConfigValue`.
    - ``scope``, ``object``: a `ConfigScope`, and the connection or listen socket that it is about.
    - ``handler``: as in `SteamNetworkingSocketsManager`.
    """

    def __init__(self, engine: Engine, run_callbacks: Callable[[], None]) -> None:
        """Serve one engine; waiting pumps it with ``run_callbacks``."""
        self._engine = engine
        self._run_callbacks = run_callbacks
        self._relay: EventStream[RelayNetworkStatus] = EventStream("relay network", engine.check)
        self._logger: logging.Logger | None = None
        engine.on_event(
            lib.k_iCallback_SteamRelayNetworkStatus,
            lambda e: self._relay.push(RelayNetworkStatus.from_native(e.relay)),
        )

    # --- relay network --------------------------------------------------------------------------

    def init_relay_network_access(self) -> None:
        """Begin to fetch what Valve's relay network needs; call it early.

        Does nothing on an engine that has no relay network, so that one program runs on all.
        ``ISteamNetworkingUtils::InitRelayNetworkAccess``
        """
        lib.ISteamNetworkingUtils_InitRelayNetworkAccess(self._engine.pointer)

    def get_relay_network_status(self) -> RelayNetworkStatus:
        """How ready the relay network is: CANNOT_TRY on an engine that has none.

        ``ISteamNetworkingUtils::GetRelayNetworkStatus``
        """
        pointer = self._engine.pointer
        if not self._engine.supports("ISteamNetworkingUtils_GetRelayNetworkStatus"):
            none = Availability.CANNOT_TRY
            message = f"the {self._engine.name} engine has no relay network"
            return RelayNetworkStatus(none, False, none, none, message)
        status = ffi.new("SteamRelayNetworkStatus_t *")
        status.m_eAvail = lib.ISteamNetworkingUtils_GetRelayNetworkStatus(pointer, status)
        return RelayNetworkStatus.from_native(status)

    def wait_for_relay(self, timeout: float) -> bool:
        """Run callbacks until the relay network is ready, up to ``timeout`` seconds.

        True once it is; False when time is up or the engine cannot try. The SDK has no such call.
        """
        answers = relay_answers(self, timeout)
        while (ready := next(answers)) is None:
            self._run_callbacks()
            time.sleep(0.01)
        return ready

    def on_relay_network_status_changed(
        self, handler: Callable[[RelayNetworkStatus], object]
    ) -> Callable[[RelayNetworkStatus], object]:
        """Call the handler when the relay network's readiness changes; also a decorator.

        ``SteamRelayNetworkStatus_t``
        """
        return self._relay.subscribe(handler)

    def remove_relay_network_status_handler(
        self, handler: Callable[[RelayNetworkStatus], object]
    ) -> None:
        """Stop calling a handler; ValueError if it was not subscribed.

        ``SteamRelayNetworkStatus_t``
        """
        self._relay.unsubscribe(handler)

    def get_local_ping_location(self) -> tuple[str, float]:
        """Where we are, as text to send to others, and its age in seconds (-1: not known yet).

        ``ISteamNetworkingUtils::GetLocalPingLocation``, ``ConvertPingLocationToString``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_GetLocalPingLocation")
        location = ffi.new("SteamNetworkPingLocation_t *")
        age = lib.ISteamNetworkingUtils_GetLocalPingLocation(pointer, location)
        if age < 0:
            return "", -1.0
        text = ffi.new("char[]", lib.k_cchMaxSteamNetworkingPingLocationString)
        lib.ISteamNetworkingUtils_ConvertPingLocationToString(pointer, location, text, len(text))
        return text_of(text), age

    def estimate_ping_between_locations(self, location1: str, location2: str) -> int:
        """The round trip between ``location1`` and ``location2``, in ms.

        Negative if it cannot be told. ValueError for text that names no place.
        ``ISteamNetworkingUtils::EstimatePingTimeBetweenTwoLocations``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_EstimatePingTimeBetweenTwoLocations")
        one, two = self._location(location1), self._location(location2)
        return lib.ISteamNetworkingUtils_EstimatePingTimeBetweenTwoLocations(pointer, one, two)

    def estimate_ping_from_string(self, location: str) -> int:
        """The round trip from here to another place, in ms; negative if it cannot be told.

        ``ISteamNetworkingUtils::EstimatePingTimeFromLocalHost``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_EstimatePingTimeFromLocalHost")
        return lib.ISteamNetworkingUtils_EstimatePingTimeFromLocalHost(
            pointer, self._location(location)
        )

    def check_ping_data_up_to_date(self, max_age: float) -> bool:
        """Whether pings are younger than ``max_age`` seconds; if not, measuring begins.

        ``ISteamNetworkingUtils::CheckPingDataUpToDate``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_CheckPingDataUpToDate")
        return lib.ISteamNetworkingUtils_CheckPingDataUpToDate(pointer, float(max_age))

    def get_pop_count(self) -> int:
        """How many data centres the relay network has; 0 before it is ready.

        ``ISteamNetworkingUtils::GetPOPCount``
        """
        return lib.ISteamNetworkingUtils_GetPOPCount(
            self._engine.require("ISteamNetworkingUtils_GetPOPCount")
        )

    def get_pop_list(self) -> list[tuple[int, str]]:
        """The data centres: id and short name, such as ``fra``.

        ``ISteamNetworkingUtils::GetPOPList``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_GetPOPList")
        room = max(0, min(self.get_pop_count(), MAX_POPS))
        pops = ffi.new("SteamNetworkingPOPID[]", room + 1)
        count = lib.ISteamNetworkingUtils_GetPOPList(pointer, pops, room)
        return [(pops[i], pop_name(pops[i])) for i in range(max(0, min(count, room)))]

    def get_ping_to_data_center(self, pop_id: int) -> tuple[int, int]:
        """The round trip to a data centre in ms (negative: unknown), and the relay's id on the way.

        ``ISteamNetworkingUtils::GetPingToDataCenter``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_GetPingToDataCenter")
        relay = ffi.new("SteamNetworkingPOPID *")
        ping = lib.ISteamNetworkingUtils_GetPingToDataCenter(
            pointer, handle(pop_id, "pop_id"), relay
        )
        return ping, relay[0]

    def get_direct_ping_to_pop(self, pop_id: int) -> int:
        """The direct round trip to a data centre in ms; negative if unknown.

        ``ISteamNetworkingUtils::GetDirectPingToPOP``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_GetDirectPingToPOP")
        return lib.ISteamNetworkingUtils_GetDirectPingToPOP(pointer, handle(pop_id, "pop_id"))

    # --- FakeIP ---------------------------------------------------------------------------------

    def get_ipv4_fake_ip_type(self, address: int) -> FakeIPType | int:
        """Whether an IPv4 ``address``, as a 32-bit number, is a FakeIP.

        ``ISteamNetworkingUtils::GetIPv4FakeIPType``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_GetIPv4FakeIPType")
        return known(
            FakeIPType,
            lib.ISteamNetworkingUtils_GetIPv4FakeIPType(pointer, handle(address, "address")),
        )

    def get_real_identity_for_fake_ip(self, address: str) -> tuple[EResult | int, Identity | None]:
        """Who the FakeIP ``address`` (text) stands for: OK and who, or why that is not known.

        ``ISteamNetworkingUtils::GetRealIdentityForFakeIP``
        """
        pointer = self._engine.require("ISteamNetworkingUtils_GetRealIdentityForFakeIP")
        identity = ffi.new("SteamNetworkingIdentity *")
        result = known(
            EResult,
            lib.ISteamNetworkingUtils_GetRealIdentityForFakeIP(
                pointer, address_to_native(address), identity
            ),
        )
        return result, from_native(identity) if result == EResult.OK else None

    # --- clock and debug output -----------------------------------------------------------------

    def get_local_timestamp(self) -> int:
        """The engine's clock in microseconds, which only goes forward.

        ``ISteamNetworkingUtils::GetLocalTimestamp``
        """
        return lib.ISteamNetworkingUtils_GetLocalTimestamp(self._engine.pointer)

    def set_debug_output(self, level: int, logger: logging.Logger | None = None) -> None:
        """Have the engine's messages up to ``level``, a `DebugOutputType`, logged; NONE ends that.

        They are collected without Python, from any engine thread, and go to ``logger`` (by
        default "steamnet") in `Steam.run_callbacks`.
        ``ISteamNetworkingUtils::SetDebugOutputFunction``
        """
        number = integer(level, "level", 0, int(DebugOutputType.EVERYTHING))
        if not isinstance(logger, logging.Logger | logging.LoggerAdapter | None):
            raise TypeError(f"logger must be a logging.Logger, not {type(logger)}")
        self._logger = logger or logging.getLogger("steamnet")
        lib.sn_set_debug_output(self._engine.pointer, number)

    # --- configuration --------------------------------------------------------------------------

    def get_config_value(
        self,
        key: int,
        scope: int = ConfigScope.GLOBAL,
        object: int = 0,  # noqa: A002  # Valve's word
    ) -> Value | None:
        """The value in force at a scope; None for an unknown key or a dead object.

        ``ISteamNetworkingUtils::GetConfigValue``
        """
        return config.get_value(self._engine, key, *self._target(scope, object))

    def set_config_value(
        self,
        key: int,
        value: Value | None,
        scope: int = ConfigScope.GLOBAL,
        object: int = 0,  # noqa: A002  # Valve's word
    ) -> bool:
        """Set a ``value`` at a scope; None goes back to what is inherited. False if refused.

        As with `SteamNetworkingSocketsManager.set_connection_config_value`.
        ``ISteamNetworkingUtils::SetConfigValue``
        """
        return config.set_value(self._engine, key, value, *self._target(scope, object))

    def config_value_info(self, key: int) -> ConfigValueInfo | None:
        """A key's name, type and scope; None if the engine does not know it.

        ``ISteamNetworkingUtils::GetConfigValueInfo``
        """
        return config.info(self._engine, key)

    def iterate_config_values(self, *, include_dev: bool = False) -> Iterator[ConfigValue | int]:
        """The keys that the engine offers for editing; ``include_dev`` adds those for developers.

        ``ISteamNetworkingUtils::IterateGenericEditableConfigValues``
        """

        def next_after(key: int) -> int:
            return lib.ISteamNetworkingUtils_IterateGenericEditableConfigValues(
                self._engine.pointer, key, bool(include_dev)
            )

        first = next_after(lib.k_ESteamNetworkingConfig_Invalid)  # at once: it may be closed

        def keys() -> Iterator[ConfigValue | int]:
            key = first
            for _ in range(MAX_KEYS):
                if key == lib.k_ESteamNetworkingConfig_Invalid:
                    break
                yield known(ConfigValue, key)
                key = next_after(key)

        return keys()

    # --- for Steam, which owns this manager -----------------------------------------------------

    def _streams(self) -> tuple[EventStream[Any], ...]:
        """The streams whose handlers are to be called."""
        return (self._relay,)

    def _log_debug_output(self, errors: list[BaseException]) -> None:
        """Pass on what the engine wrote since last time.

        What a logging filter or handler raises is collected, and the rest waits for next time.
        """
        if self._logger is None:
            return
        text = ffi.new("char[]", lib.SN_ERROR_SIZE)
        for _ in range(MAX_EVENTS):
            level = lib.sn_next_debug(self._engine.pointer, text, len(text))
            if level < 0:
                return
            log_level = LOG_LEVELS.get(known(DebugOutputType, level), logging.DEBUG)  # type: ignore[call-overload]  # a level nobody knows is debugging
            try:
                self._logger.log(log_level, "%s", text_of(text))
            except BaseException as error:
                errors.append(error)
                return

    def _location(self, text: str) -> Any:
        pointer = self._engine.require("ISteamNetworkingUtils_ParsePingLocationString")
        location = ffi.new("SteamNetworkPingLocation_t *")
        if not lib.ISteamNetworkingUtils_ParsePingLocationString(
            pointer, c_string(text, "location"), location
        ):
            raise ValueError(f"{text!r} names no place of the relay network")
        return location

    def _target(self, scope: int, target: int) -> tuple[int, int]:
        number = integer(scope, "scope", ConfigScope.GLOBAL, ConfigScope.CONNECTION)
        if number == ConfigScope.SOCKETS_INTERFACE:
            # The engine wants its own interface pointer here, and crashes on anything else.
            return number, lib.sn_sockets_object(self._engine.pointer)
        return number, handle(target, "object")
