"""The lobbies of a rendezvous server.

A request is ``{"op": "lobby", "do": ...}`` with the fields of a command (`steamnet.lobby_wire`);
"enter" with the "app" comes first, "exit" last. What has changed is told unasked, with the op
"lobby", and before the answer to the request that has changed it. Who loses the connection is no
longer in its lobbies.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from ..identity import Identity
from ..lobby_backend import Search
from ..lobby_client import Item, Lost, People, Reply, Update
from ..lobby_memory import Guest, Hub
from ..lobby_rules import User
from ..lobby_wire import plain, reply_to_json, request_from_json
from .protocol import encode

SEARCHES_PER_SECOND, SEARCHES_AT_ONCE = 2, 10  # of a client; more are answered later
LONGEST_LIST = 262144  # bytes of lobbies or users in an answer


class Session(Protocol):
    """A user who is logged in; `steamnet.rendezvous.User`."""

    identity: Identity
    name: str

    def write(self, frame: str) -> None:
        """Tell it something unasked."""


class UpdateFrames:
    """Encodes what has changed, once for all members."""

    def __init__(self) -> None:
        """Nothing has."""
        self._update: Update | None = None
        self._frame = ""

    def of(self, update: Update) -> str:
        """The frame of an update."""
        if update is not self._update:
            message = {"op": "lobby", "lobby": update.lobby, "change": plain(update.change)}
            self._update, self._frame = update, encode(message)
        return self._frame


class Visitor:
    """A session that uses lobbies."""

    def __init__(self, session: Session, frames: UpdateFrames) -> None:
        """Not yet in the hub."""
        self.session = session
        self._frames = frames
        self.guest: Guest | None = None
        self.reply: Reply | None = None
        self._searches = 0.0  # when the next search is due

    def deliver(self, item: Item) -> None:
        """Keep the answer to the request at hand, and tell of the rest."""
        if isinstance(item, Reply):
            self.reply = item
        elif isinstance(item, Lost):
            self.session.write(encode({"op": "lobby", "lost": item.lobby}))
        else:
            self.session.write(self._frames.of(item))

    def pause(self) -> float:
        """How many seconds to wait before a search, which makes the server work."""
        now, step = time.monotonic(), 1 / SEARCHES_PER_SECOND
        self._searches = max(self._searches, now - SEARCHES_AT_ONCE * step) + step
        return max(self._searches - now, 0.0)


class Lobbies:
    """All lobbies of a server."""

    def __init__(self) -> None:
        """Begin empty."""
        self._hub = Hub(time.time, secrets.randbelow)
        self._places = itertools.count(1)
        self._visitors: dict[Session, Visitor] = {}
        self._frames = UpdateFrames()

    async def handle(self, session: Session, message: Mapping[str, object]) -> object:
        """Answer a request; ValueError for what is none."""
        visitor = self._visitors.get(session)
        if visitor is None:
            visitor = self._visitors[session] = Visitor(session, self._frames)
        if message.get("do") == "exit":
            self.ended(session, given_up=True)
            return None
        if message.get("do") == "enter" or visitor.guest is None:
            app = message.get("app", 0)
            if not isinstance(app, int) or not 0 <= app < 2**32:
                raise ValueError("app is no number")
            if visitor.guest is None:
                visitor.guest = self._enter(visitor, app)
            if message.get("do") == "enter":
                visitor.guest.app = app
                return None
        request = request_from_json(message)
        if isinstance(request, Search | People):
            await asyncio.sleep(visitor.pause())  # what it sends meanwhile waits in its own machine
        visitor.reply = None
        visitor.guest.submit(0, request)
        assert visitor.reply is not None  # a hub answers at once
        answer = reply_to_json(visitor.reply)
        for key in ("infos", "people"):
            if isinstance(request, Search | People) and isinstance(items := answer.get(key), list):
                answer[key] = list(_within(items, LONGEST_LIST))
        return answer

    def ended(self, session: Session, given_up: bool) -> None:
        """A session has ended; it leaves its lobbies, or is disconnected from them."""
        visitor = self._visitors.pop(session, None)
        if visitor is not None and visitor.guest is not None:
            if given_up:
                visitor.guest.close()
            else:
                visitor.guest.vanish()

    def _enter(self, visitor: Visitor, app: int) -> Guest:
        session = visitor.session
        identity = str(session.identity)
        user = User(identity, session.name or identity, str(next(self._places)))
        return self._hub.enter(user, app, visitor.deliver)


def _within(items: Iterable[object], limit: int) -> Iterable[object]:
    """As many of the items as have so many bytes together; big ones do not hide what follows."""
    for item in items:
        size = len(encode({"item": item}).encode())
        if size <= limit:
            limit -= size
            yield item
