"""A logging filter or handler that raises costs no event, and no peer its notice of a close."""

import logging
from collections.abc import Iterator

import pytest

from steamnet import ConfigValue, Connection, ConnectionState, Steam
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
