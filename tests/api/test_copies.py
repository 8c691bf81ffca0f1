"""What belongs to an engine is neither copied nor pickled: that says so, and names it."""

import asyncio
import copy
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steamnet
from steamnet import aio
from steamnet.testing import connected_pair, pump

WAYS: dict[str, Callable[[Any], object]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda o, n=n: pickle.dumps(o, n) for n in range(6)},
    "in a list": lambda o: copy.deepcopy([o]),
    "to a process": multiprocessing.get_context("spawn").reducer.ForkingPickler.dumps,
}


@pytest.fixture(scope="module")
def owners() -> Iterator[dict[str, Any]]:
    """One of each."""
    with connected_pair() as (caller, called), steamnet.init(engine="loopback") as steam:
        caller.send("hello")
        (message,) = pump(caller, called, until=called.receive)
        with steam.listen(0) as listener, steam.poll_group() as group:
            yield {
                "steam.Steam": steam,
                "steam.Core": steam.core,
                "engine.Engine": steam.engine,
                "SteamNetworkingSocketsManager": steam.networking_sockets,
                "SteamNetworkingUtilsManager": steam.networking_utils,
                "SteamNetworkingMessagesManager": steam.networking_messages,
                "objects.Connection": caller,
                "objects.Listener": listener,
                "objects.PollGroup": group,
                "NetworkingMessage": message,
            }


@pytest.mark.parametrize("way", WAYS)
def test_owners_stay_where_they_are(owners: dict[str, Any], way: str) -> None:
    """TypeError names the class, before anything has happened."""
    for name, owner in owners.items():
        with pytest.raises(TypeError, match=name):
            WAYS[way](owner)
    assert owners["objects.Connection"].state == steamnet.ConnectionState.CONNECTED


@pytest.mark.parametrize("way", WAYS)
def test_owners_with_await_stay_where_they_are(way: str) -> None:
    """Those of aio too, opened or not."""

    async def program() -> None:
        opening = aio.init(engine="loopback", identity="str:host")
        with pytest.raises(TypeError, match=r"aio\.Steam"):
            WAYS[way](opening)
        async with opening as steam, aio.init(engine="loopback") as guest:
            listener = steam.listen(0)
            called, caller = await asyncio.gather(listener.accept(), guest.connect("str:host", 0))
            for name, owner in {"Steam": steam, "Listener": listener, "Connection": caller}.items():
                with pytest.raises(TypeError, match=rf"aio\.{name}"):
                    WAYS[way](owner)
            await called.close()
            await caller.close()
            await listener.close()

    asyncio.run(program())


def test_what_is_plain_data_is_copied(owners: dict[str, Any]) -> None:
    """Infos, states, identities and errors belong to no engine."""
    connection = owners["objects.Connection"]
    for data in (connection.info, connection.status, connection.peer, connection.state):
        assert copy.deepcopy(data) == data
        assert pickle.loads(pickle.dumps(data)) == data
    error = steamnet.ResultError("send", steamnet.EResult.FAIL, "why")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
