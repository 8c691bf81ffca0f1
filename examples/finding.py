"""How players find each other without typing: the host makes a lobby, and guests join it.

pong.py and chat.py use this, on every engine. In each frame ask ``next`` for the next connection;
it is None while there is none. To join a host by its identity, or by HOST:PORT, no lobby is needed.
"""

import sys
from collections.abc import Iterator, Mapping

import steamnet
from steamnet import Connection, ResultError

FPS, PATIENCE = 60, 10  # frames a second; seconds


def wait(
    steam: steamnet.Steam, data: Mapping[str, str], max_members: int, address: str | None = None
) -> Iterator[Connection | None]:
    """Make a lobby with these data, and accept who comes."""
    with steam.listen() if address is None else steam.listen_ip(address) as listener:
        steam.lobbies.create(max_members, data)
        while True:
            yield listener.accept()


def find(
    steam: steamnet.Steam, data: Mapping[str, str], host: str | None = None
) -> Iterator[Connection | None]:
    """Connect to a host, or to the owner of a lobby that has these data, which we join."""
    if host is not None:
        yield (steam.connect_ip if "." in host else steam.connect)(host)
        return
    for _ in range(PATIENCE):
        listed = steam.lobbies.list(where=data)
        while not listed.done:
            yield None
        for info in listed.result():
            joined = steam.lobbies.join(info)
            while not joined.done:
                yield None
            try:
                lobby = joined.result()
            except ResultError:  # somebody else was faster, or it is gone: the next one
                continue
            if lobby.owner is not None:
                yield steam.connect(lobby.owner)
        yield from [None] * FPS
    sys.exit("No game was found: is the host running?")
