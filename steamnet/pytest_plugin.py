"""The pytest plug-in: players and a connected pair, closed when the test is over."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .objects import Connection
    from .steam import Steam


@pytest.fixture
def steamnet_players() -> "Iterator[Callable[..., list[Steam]]]":
    """Give a function that opens players; its arguments are those of `steamnet.testing.players`."""
    from .testing import players  # no test that does without should pay for the engine

    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(players(*args, **kwargs))


@pytest.fixture
def steamnet_pair() -> "Iterator[tuple[Connection, Connection]]":
    """Give two connected connections, as `steamnet.testing.connected_pair` does."""
    from .testing import connected_pair

    with connected_pair() as pair:
        yield pair
