"""SteamNetworkingUtilsManager: configuration, the clock, debug output, no relays."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import steamnet
from steamnet import (
    Availability,
    ConfigDataType,
    ConfigScope,
    ConfigValue,
    DebugOutputType,
    Steam,
    UnsupportedError,
    networking_utils,
)

# --- configuration: what every scope does is in test_semantics_config.py -------------------------

CLAMPED = {
    ConfigValue.SEND_BUFFER_SIZE: (-1, 4096),
    ConfigValue.NAGLE_TIME: (10**9, 20000),
    ConfigValue.FAKE_PACKET_LOSS_RECV: (1000.0, 100.0),
}


@pytest.fixture
def clean(steam: Steam) -> Iterator[Steam]:
    """A Steam with the engine's own global values; GNS keeps what is set for the next one."""
    _take_back(steam)
    yield steam
    _take_back(steam)


def _take_back(steam: Steam) -> None:
    for key in steam.networking_utils.iterate_config_values(include_dev=True):
        steam.networking_utils.set_config_value(key, None)


def test_every_key_has_a_name_and_a_type(steam: Steam) -> None:
    """The keys that an engine offers for editing are known to it, and to us, by Valve's names."""
    utils = steam.networking_utils
    keys = list(utils.iterate_config_values())
    assert len(keys) > 20
    assert len(set(keys)) == len(keys)
    for key in keys:
        info = utils.config_value_info(key)
        assert info is not None
        assert info.key is key
        assert isinstance(key, ConfigValue)
        assert info.name.replace("_", "").upper() == key.name.replace("_", "")
        assert info.data_type in (
            ConfigDataType.INT32,
            ConfigDataType.INT64,
            ConfigDataType.FLOAT,
            ConfigDataType.STRING,
        )
        assert info.scope in (ConfigScope.GLOBAL, ConfigScope.CONNECTION)


def test_developers_keys_come_only_when_asked(steam: Steam) -> None:
    """Keys for developers are offered too if asked for."""
    utils = steam.networking_utils
    usual, all_keys = (set(utils.iterate_config_values(include_dev=dev)) for dev in (False, True))
    assert usual <= all_keys
    assert ConfigValue.UNENCRYPTED in all_keys - usual


def test_every_value_reads_as_its_type(steam: Steam) -> None:
    """The type of a value is what the engine says it is."""
    types = {
        ConfigDataType.INT32: int,
        ConfigDataType.INT64: int,
        ConfigDataType.FLOAT: float,
        ConfigDataType.STRING: str,
    }
    utils = steam.networking_utils
    for key in utils.iterate_config_values(include_dev=True):
        info = utils.config_value_info(key)
        value = utils.get_config_value(key)
        assert info is not None
        assert type(value) is types[ConfigDataType(info.data_type)], key


def test_every_value_can_be_set_to_itself_and_taken_back(clean: Steam) -> None:
    """Setting what was read succeeds for every key that is offered, and is read again."""
    utils = clean.networking_utils
    for key in utils.iterate_config_values(include_dev=True):
        value = utils.get_config_value(key)
        assert value is not None
        assert utils.set_config_value(key, value), key
        assert utils.get_config_value(key) == value
        assert utils.set_config_value(key, None), key
        assert utils.get_config_value(key) == value


@pytest.mark.parametrize("key", CLAMPED)
def test_clamping_shows_by_reading_back(clean: Steam, key: ConfigValue) -> None:
    """A value beyond its bounds is set to the bound: the call succeeds, reading tells."""
    given, read = CLAMPED[key]
    assert clean.networking_utils.set_config_value(key, given)
    assert clean.networking_utils.get_config_value(key) == read


def test_every_scope(clean: Steam) -> None:
    """A value can be set on everything, the interface, a listen socket and a connection."""
    utils, sockets = clean.networking_utils, clean.networking_sockets
    listen = sockets.create_listen_socket_p2p(1)
    one, _ = sockets.create_socket_pair()
    targets = [
        (ConfigScope.GLOBAL, 0),
        (ConfigScope.SOCKETS_INTERFACE, 0),
        (ConfigScope.LISTEN_SOCKET, listen),
        (ConfigScope.CONNECTION, one),
    ]
    for number, (scope, target) in enumerate(targets):
        assert utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, 5000 + number, scope, target)
    for number, (scope, target) in enumerate(targets):
        assert utils.get_config_value(ConfigValue.TIMEOUT_CONNECTED, scope, target) == 5000 + number
    utils.set_config_value(ConfigValue.TIMEOUT_CONNECTED, None, ConfigScope.SOCKETS_INTERFACE)


def test_strings(clean: Steam) -> None:
    """Values of text are set and read whole, longer than any buffer that one would guess."""
    utils = clean.networking_utils
    key = ConfigValue.P2P_STUN_SERVER_LIST
    if utils.config_value_info(key) is None:
        assert clean.engine.name == "loopback", "only it finds no way by asking STUN servers"
        return
    text = ",".join(f"stun{n}.example.org:3478" for n in range(50))
    assert utils.set_config_value(key, text)
    assert utils.get_config_value(key) == text


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda u: u.set_config_value(0.5, 1), TypeError),
        (lambda u: u.set_config_value(-1, 1), ValueError),
        (lambda u: u.set_config_value(ConfigValue.NAGLE_TIME, [1]), TypeError),
        (lambda u: u.set_config_value(ConfigValue.NAGLE_TIME, float("nan")), ValueError),
        (lambda u: u.set_config_value(ConfigValue.NAGLE_TIME, 2**40), ValueError),
        (lambda u: u.set_config_value(ConfigValue.NAGLE_TIME, 1, 9), ValueError),
        (lambda u: u.get_config_value(ConfigValue.NAGLE_TIME, 0), ValueError),
        (lambda u: u.set_config_value(ConfigValue.P2P_STUN_SERVER_LIST, "a\0b"), ValueError),
        (lambda u: u.set_debug_output(9), ValueError),
        (lambda u: u.set_debug_output("all"), TypeError),
    ],
)
def test_what_cannot_be_meant(
    steam: Steam, call: Callable[[object], object], error: type[Exception]
) -> None:
    """Invalid arguments raise."""
    with pytest.raises(error):
        call(steam.networking_utils)


def test_callback_pointers_are_not_pythons(steam: Steam) -> None:
    """The keys that hold C functions cannot be set from Python: they would end the program."""
    for key in range(201, 208):
        with pytest.raises(ValueError, match="callback"):
            steam.networking_utils.set_config_value(key, 1)
        assert steam.networking_utils.get_config_value(key) is None


# --- the clock -----------------------------------------------------------------------------------


def test_the_clock_goes_forward_in_microseconds(steam: Steam) -> None:
    """The engine's clock runs as fast as time does."""
    clock = steam.networking_utils.get_local_timestamp
    before, start, begun = time.monotonic(), clock(), time.monotonic()
    time.sleep(0.05)
    ending, end, after = time.monotonic(), clock(), time.monotonic()
    assert ending - begun - 0.001 < (end - start) / 1_000_000 < after - before + 0.001
    times = [clock() for _ in range(1000)]
    assert times == sorted(times)


# --- debug output --------------------------------------------------------------------------------


@pytest.mark.usefixtures("gns")
def test_debug_output_goes_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    """What the engine writes is logged by run_callbacks, at fitting levels, until switched off."""
    with steamnet.init(engine="gns") as steam, caplog.at_level(logging.DEBUG, "my.network"):
        utils = steam.networking_utils
        utils.set_debug_output(DebugOutputType.MSG, logging.getLogger("my.network"))
        steam.networking_sockets.create_socket_pair(True)
        assert not caplog.records, "nothing is logged outside run_callbacks"
        steam.run_callbacks()
        assert caplog.records
        assert {record.name for record in caplog.records} == {"my.network"}
        assert {record.levelno for record in caplog.records} <= {
            logging.INFO,
            logging.WARNING,
            logging.ERROR,
            logging.CRITICAL,
        }
        utils.set_debug_output(DebugOutputType.NONE)
        steam.run_callbacks()
        caplog.clear()
        steam.networking_sockets.create_socket_pair(True)
        steam.run_callbacks()
        assert not caplog.records


class Broken(logging.Handler):
    """Raises for every record, as a filter or as a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Raise."""
        raise ZeroDivisionError(record.getMessage())

    def handle(self, record: logging.LogRecord) -> bool:
        """Raise."""
        raise ZeroDivisionError(record.getMessage())


@pytest.mark.usefixtures("gns")
@pytest.mark.parametrize("place", ["addFilter", "addHandler"])
@pytest.mark.parametrize("handled", [False, True])
def test_logging_that_raises_costs_no_event(
    place: str, handled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Events reach their handlers, or wait to be taken, in the same call that raises."""
    logger = logging.getLogger(f"broken.{place}.{handled}")
    with steamnet.init(engine="gns") as steam, caplog.at_level(logging.DEBUG, logger.name):
        steam.networking_utils.set_debug_output(DebugOutputType.MSG, logger)
        sockets, broken = steam.networking_sockets, Broken()
        heard: list[int] = []
        if handled:
            sockets.on_connection_status_changed(lambda event: heard.append(event.connection))
        getattr(logger, place)(broken)
        pairs = [sockets.create_socket_pair(True) for _ in range(3)]
        for here, _ in pairs:
            sockets.close_connection(here)
        left = {there for _, there in pairs}
        raised, deadline = 0, time.monotonic() + 60
        while not left <= {*heard} and time.monotonic() < deadline:
            try:
                steam.run_callbacks()
            except ZeroDivisionError:
                raised += 1
            if not handled:
                heard += [event.connection for event in sockets.connection_events()]
        assert left <= {*heard}
        assert raised
        for end in sockets.create_socket_pair(True):  # several lines
            sockets.close_connection(end)
        with pytest.raises(ZeroDivisionError):
            steam.run_callbacks()
        getattr(logger, place.replace("add", "remove"))(broken)
        caplog.clear()
        steam.run_callbacks()
        assert caplog.records, "what came after the line that raised is still logged"


@pytest.mark.usefixtures("gns")
def test_everything_while_traffic_flows(caplog: pytest.LogCaptureFixture) -> None:
    """All that engine threads have to say is logged without deadlock while threads send."""
    with steamnet.init(engine="gns") as steam, caplog.at_level(logging.DEBUG, "steamnet"):
        sockets, utils = steam.networking_sockets, steam.networking_utils
        utils.set_debug_output(DebugOutputType.EVERYTHING)
        for key in (ConfigValue.LOG_LEVEL_MESSAGE, ConfigValue.LOG_LEVEL_PACKET_DECODE):
            assert utils.set_config_value(key, DebugOutputType.EVERYTHING)
        one, other = sockets.create_socket_pair(True)

        def send() -> None:
            for number in range(200):
                sockets.send_message(one, bytes(number), 9)

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        received, deadline = 0, time.monotonic() + 60
        while received < 600 and time.monotonic() < deadline:
            steam.run_callbacks()
            received += len(sockets.receive_messages(other))
        for thread in threads:
            thread.join()
        for key in (ConfigValue.LOG_LEVEL_MESSAGE, ConfigValue.LOG_LEVEL_PACKET_DECODE):
            utils.set_config_value(key, None)
        assert received == 600
        assert len([r for r in caplog.records if r.levelno == logging.DEBUG]) > 100


@pytest.mark.usefixtures("gns")
def test_an_engine_that_writes_on_does_not_keep_run_callbacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where each line makes the engine write another, one call logs so many and no more."""
    monkeypatch.setattr(networking_utils, "MAX_EVENTS", 10)
    lines: list[str] = []
    with steamnet.init(engine="gns") as steam:

        class Echo(logging.Handler):
            """Has the engine write of one more pair."""

            def emit(self, record: logging.LogRecord) -> None:
                lines.append(record.getMessage())
                steam.networking_sockets.create_socket_pair(True)

        logger = logging.Logger("echo", logging.DEBUG)
        logger.addHandler(Echo())
        steam.networking_utils.set_debug_output(DebugOutputType.MSG, logger)
        steam.networking_sockets.create_socket_pair(True)
        for calls in (1, 2, 3):
            steam.run_callbacks()
            assert len(lines) == 10 * calls


@pytest.mark.parametrize("level", DebugOutputType)
def test_debug_output_is_no_chattier_than_asked_for(
    steam: Steam, level: DebugOutputType, caplog: pytest.LogCaptureFixture
) -> None:
    """Each level can be asked of each engine, and NONE is silence."""
    steam.networking_utils.set_debug_output(level)
    with caplog.at_level(logging.DEBUG, "steamnet"):
        steam.networking_sockets.create_socket_pair()
        steam.run_callbacks()
    least = networking_utils.LOG_LEVELS.get(level, logging.DEBUG) if level else logging.CRITICAL + 1
    assert all(record.levelno >= least for record in caplog.records)


# --- Valve's relay network, which these engines do not have --------------------------------------


def test_relay_network_is_told_truthfully(steam: Steam) -> None:
    """A program may ask for the relay network on every engine; here it is told: not to be had."""
    utils = steam.networking_utils
    utils.init_relay_network_access()
    status = utils.get_relay_network_status()
    assert status.availability == Availability.CANNOT_TRY
    assert steam.engine.name in status.message
    start = time.monotonic()
    assert utils.wait_for_relay(600) is False
    assert time.monotonic() - start < 60, "there is nothing to wait for"


@pytest.mark.parametrize(
    "call",
    [
        lambda u: u.get_local_ping_location(),
        lambda u: u.estimate_ping_between_locations("a", "b"),
        lambda u: u.estimate_ping_from_string("a"),
        lambda u: u.check_ping_data_up_to_date(1.0),
        lambda u: u.get_pop_count(),
        lambda u: u.get_pop_list(),
        lambda u: u.get_ping_to_data_center(1),
        lambda u: u.get_direct_ping_to_pop(1),
        lambda u: u.get_ipv4_fake_ip_type(1),
        lambda u: u.get_real_identity_for_fake_ip("1.2.3.4:5"),
    ],
)
def test_what_only_steam_has(steam: Steam, call: Callable[[object], object]) -> None:
    """Calls about relays and FakeIPs raise, naming what the engine lacks."""
    with pytest.raises(UnsupportedError, match=f"{steam.engine.name} engine has no ISteam"):
        call(steam.networking_utils)
