"""A library that answers what no engine should: nothing is read or written that is not there."""

import ctypes
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requirements
from fake_steam import build

import steamnet
from steamnet import ConfigValue, InitError, SendFlags, Steam

SOURCE = build.HERE / "lying.c"
LIES = re.findall(r"^    ([A-Z_]+),", SOURCE.read_text(), re.MULTILINE)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the library is built for POSIX")

Lie = Callable[[str], ctypes.CDLL]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, built here."""
    options = (f"-I{build.HERE}", f"-I{build.CSRC}", "-Wno-unused-parameter")
    sources = (SOURCE, build.HERE / "answers.c")
    path = tmp_path_factory.mktemp("lying") / "libGameNetworkingSockets.so"
    try:
        return build.library(path, *sources, *options)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        requirements.missing(f"no C compiler to build the lying library with: {error}")


@pytest.fixture
def lie(library: Path) -> Iterator[Lie]:
    """Chooses the lie by its name."""
    loaded = ctypes.CDLL(str(library))

    def about(name: str) -> ctypes.CDLL:
        loaded.lying_about(LIES.index(name))
        return loaded

    about("HONEST")
    yield about
    about("HONEST")


@pytest.fixture
def steam(library: Path, lie: Lie) -> Iterator[Steam]:
    """A user on it."""
    with steamnet.init(engine="gns", library=library) as steam:
        yield steam


def receive_by_connection(steam: Steam, limit: int) -> list[Any]:
    """One way to receive."""
    return steam.networking_sockets.receive_messages(1, limit)


def receive_by_group(steam: Steam, limit: int) -> list[Any]:
    """Another."""
    return steam.networking_sockets.receive_messages_on_poll_group(1, limit)


def receive_by_channel(steam: Steam, limit: int) -> list[Any]:
    """The third."""
    return steam.networking_messages.receive_messages_on_channel(0, limit)


@dataclass
class Row:
    """A message of columns, as a message object shows it."""

    payload: bytes
    size: int
    identity: str

    def __bytes__(self) -> bytes:
        return self.payload

    def decode(self) -> str:
        """The payload as text."""
        return self.payload.decode()


def receive_as_columns(steam: Steam, limit: int) -> list[Any]:
    """And without an object for each."""
    columns = steam.networking_sockets.receive_columns_on_poll_group(1, limit)
    senders = [columns.identities[index] for index in columns.identity_index]
    return [
        Row(columns.data[offset : offset + size], size, identity)
        for offset, size, identity in zip(columns.offsets, columns.sizes, senders, strict=True)
    ]


@pytest.mark.parametrize(
    "receive",
    [receive_by_connection, receive_by_group, receive_by_channel, receive_as_columns],
)
class TestReceiving:
    """What arrives is bounded by what was asked for, and by what is there."""

    @pytest.mark.parametrize("limit", [1, 100, 256, 300, 1000])
    def test_more_than_asked_for(self, steam: Steam, lie: Lie, receive: Any, limit: int) -> None:
        """The count is not believed beyond the array."""
        about = lie("TOO_MANY")
        messages = receive(steam, limit)
        assert len(messages) == limit
        assert all(bytes(message) == b"bytes" for message in messages)
        assert about.lying_released() == limit

    @pytest.mark.parametrize(
        ("name", "count", "size"),
        [("NULL_MESSAGE", 2, 5), ("NULL_DATA", 4, 0), ("NEGATIVE_SIZE", 4, 0), ("UNWRITTEN", 0, 0)],
    )
    def test_what_is_not_there(
        self, steam: Steam, lie: Lie, receive: Any, name: str, count: int, size: int
    ) -> None:
        """A gap is left out, and a size without bytes is none."""
        about = lie(name)
        messages = receive(steam, 100)
        assert [message.size for message in messages] == [size] * count
        assert all(message.decode() == "bytes"[:size] for message in messages)
        assert about.lying_released() == count
        assert receive(steam, 100) == []

    def test_identities_whose_size_is_too_small(self, steam: Steam, lie: Lie, receive: Any) -> None:
        """They differ in what the size leaves out, and are not taken for each other."""
        lie("SHORT_IDENTITY")
        identities = [message.identity for message in receive(steam, 100)]
        assert identities == ["str:player one", "str:player two"] * 2


def test_results_that_are_not_written(steam: Steam, lie: Lie) -> None:
    """They are empty, never what the memory held before."""
    lie("UNWRITTEN")
    sockets = steam.networking_sockets
    info = sockets.get_connection_info(1)
    assert info is not None
    assert (info.state, info.end_debug, info.addr_remote, info.user_data) == (0, "", "", 0)
    status = sockets.get_quick_connection_status(1, lanes=3)
    assert status is not None
    assert (status.ping, len(status.lanes)) == (0, 3)
    assert sockets.get_connection_name(1) == ""
    assert sockets.create_socket_pair() == (0, 0)
    assert sockets.get_identity() == "invalid"
    assert steam.core.get_steam_id() == ""
    assert sockets.send_message_numbered(1, b"x") == (steamnet.EResult.OK, 0)
    assert sockets.send_messages([(1, b"x", SendFlags.RELIABLE)] * 300) == [0] * 300
    assert sockets.broadcast([1, 2], b"x") == [0, 0]
    assert steam.networking_utils.get_config_value(ConfigValue.TIMEOUT_INITIAL) == 0


@pytest.mark.parametrize("name", ["GROWING", "ENDLESS"])
def test_texts_that_grow_between_two_calls(steam: Steam, lie: Lie, name: str) -> None:
    """They are asked for a few times only, and never read beyond their room."""
    about = lie(name)
    sockets = steam.networking_sockets
    text = sockets.get_detailed_connection_status(1)
    assert set(text) == {"x"}
    assert about.lying_calls() < 10
    about = lie(name)
    assert steam.networking_utils.get_config_value(ConfigValue.P2P_STUN_SERVER_LIST) is None
    assert about.lying_calls() < 10


@pytest.mark.parametrize("name", ["GROWING", "ENDLESS", "NEGATIVE_SIZE", "UNWRITTEN"])
def test_a_certificate_request_that_grows(steam: Steam, lie: Lie, name: str) -> None:
    """It is refused in words after a few calls."""
    about = lie(name)
    with pytest.raises(ValueError, match="how long"):
        steam.networking_sockets.get_certificate_request()
    assert about.lying_calls() < 10


def test_lists_without_an_end(steam: Steam, lie: Lie) -> None:
    """They are cut off."""
    lie("ENDLESS")
    assert len(list(steam.networking_utils.iterate_config_values())) <= 1000
    assert len(steam.networking_utils.get_pop_list()) <= 4096
    assert steam.networking_sockets.get_connection_name(1) == "x" * 128


def test_debug_output_without_a_text(
    steam: Steam, lie: Lie, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an empty line."""
    steam.networking_utils.set_debug_output(8)
    lie("NO_TEXT")
    with caplog.at_level(logging.DEBUG, "steamnet"):
        steam.run_callbacks()
    assert [record.message for record in caplog.records] == [""]


def test_a_start_without_interfaces(library: Path, lie: Lie) -> None:
    """It is refused, and the next one is as good as new."""
    lie("NO_INTERFACES")
    with pytest.raises(InitError, match="no interfaces"):
        steamnet.init(engine="gns", library=library)
    lie("HONEST")
    with steamnet.init(engine="gns", library=library) as steam:
        assert steam.core.get_steam_id() == "76561198000000001"
