"""The pytest plug-in: players and a connected pair, closed when the test is over.

It stands beside the package: pytest imports it in every run wherever steamnet is installed, and
only a test that asks for a fixture should pay for the package and its compiled module.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from steamnet import Connection, Steam


@pytest.fixture
def steamnet_players() -> "Iterator[Callable[..., list[Steam]]]":
    """Give a function that opens players; its arguments are those of `steamnet.testing.players`."""
    from steamnet.testing import players

    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(players(*args, **kwargs))


@pytest.fixture
def steamnet_pair() -> "Iterator[tuple[Connection, Connection]]":
    """Give two connected connections, as `steamnet.testing.connected_pair` does."""
    from steamnet.testing import connected_pair

    with connected_pair() as pair:
        yield pair
