"""A logging filter or handler that raises costs no event, and no peer its notice of a close."""

import logging
import threading
from collections.abc import Iterator

import pytest
from waiting import PATIENCE, until

from steamnet import ConfigValue, Connection, ConnectionState, SendFlags, Steam
from steamnet.testing import players, pump


class Broken(logging.Handler):
    """Raises for every record, as a filter or as a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Raise."""
        raise ZeroDivisionError(record.getMessage())

    def handle(self, record: logging.LogRecord) -> bool:
        """Raise."""
        raise ZeroDivisionError(record.getMessage())


@pytest.fixture(params=["Filter", "Handler"])
def _broken_logging(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have all that steamnet logs raise."""
    logger, broken = logging.getLogger("steamnet"), Broken()
    getattr(logger, f"add{request.param}")(broken)
    yield
    getattr(logger, f"remove{request.param}")(broken)


def connect(guest: Steam, host: Steam) -> tuple[Connection, Connection]:
    """Give the guest's end and the host's."""
    caller = guest.connect(host.core.get_steam_id())
    if not (listeners := list(host._router.listeners.values())):
        pytest.fail("the host does not listen")
    (listener,) = listeners
    called = pump(guest, host, until=listener.accept)  # type: ignore[attr-defined]
    return caller, called


@pytest.mark.usefixtures("_broken_logging")
def test_a_shutdown_goes_on() -> None:
    """It raises when all is closed, and who is connected was told."""
    with players(3) as (guest, deaf, other), deaf.listen(), other.listen():
        lost, _unheard = connect(guest, deaf)
        _here, there = connect(guest, other)
        deaf.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_RECV, 100)
        lost.send("lost")
        with pytest.raises(ZeroDivisionError, match="abandoned for"):
            guest.shutdown(0.1)
        assert not guest.engine.is_open
        assert [one.messages for one in guest.shutdown()] == [1], "what the first could not return"
        pump(other, until=lambda: there.state == ConnectionState.CLOSED_BY_PEER)
        there.close()
        deaf.shutdown(0)


@pytest.mark.usefixtures("_broken_logging")
def test_events_are_delivered() -> None:
    """The call that raises has delivered them, or the next one does."""
    with players(3) as (guest, deaf, other), deaf.listen(), other.listen():
        lost, unheard = connect(guest, deaf)
        deaf.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_RECV, 100)
        lost.send("lost")
        lost.close()
        heard: list[ConnectionState | int] = []
        guest.networking_sockets.on_connection_status_changed(lambda e: heard.append(e.state))
        by_hand = guest.networking_sockets.connect_p2p(other.core.get_steam_id(), 0)
        (listener,) = other._router.listeners.values()
        there = pump(guest, other, until=listener.accept)  # type: ignore[attr-defined]
        pump(guest, until=lambda: ConnectionState.CONNECTED in heard)
        unheard.close()
        there.close()
        raised: list[ZeroDivisionError] = []

        def told() -> bool:
            try:
                guest.run_callbacks()
            except ZeroDivisionError as error:
                raised.append(error)
            return bool(raised) and ConnectionState.CLOSED_BY_PEER in heard

        pump(deaf, other, until=told)
        assert len(raised) == 1
        guest.networking_sockets.close_connection(by_hand)
        deaf.shutdown(0)


class LockTaker(logging.Handler):
    """Has another thread take the engine's lock for each record, as one that logs may do."""

    def __init__(self, steam: Steam) -> None:
        """Watch a user's engine."""
        super().__init__()
        self._lock = steam.engine.events_lock
        self.taken: list[bool] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note whether it could."""
        thread = threading.Thread(target=self._take)
        thread.start()
        thread.join(PATIENCE)

    def _take(self) -> None:
        self.taken.append(self._lock.acquire(timeout=1))
        if self.taken[-1]:
            self._lock.release()


@pytest.mark.parametrize("how", ["open", "closed", "refused", "lingers"])
def test_logging_does_not_hold_the_engine_up(how: str) -> None:
    """A thread that has a log's lock may wait for the engine's, and the other way round."""
    with players(2) as (guest, host), host.listen():
        handler = LockTaker(guest)
        logging.getLogger("steamnet").addHandler(handler)
        try:
            if how == "lingers":
                connection, _there = connect(guest, host)
                host.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LOSS_RECV, 100)
            else:
                connection = guest.connect(host.core.get_steam_id(), 1)  # where nobody listens
            connection._sockets.send_message(connection.handle, b"lost", SendFlags.RELIABLE)
            if how != "open":
                connection.close()
            if how == "refused":
                guest.networking_utils.set_config_value(ConfigValue.TIMEOUT_INITIAL, 1)
                until(lambda: handler.taken, guest, host)
            guest.shutdown(0.05)
        finally:
            logging.getLogger("steamnet").removeHandler(handler)
        assert handler.taken == [True]
