"""Lobbies that a rendezvous server keeps, as one of its clients uses them."""

import os
import threading
from collections import deque
from concurrent.futures import Future
from functools import partial

from ..enums import EResult
from ..lobby_backend import Create, Inspect, Join, Leave, LobbyEventKind
from ..lobby_client import Inbox, Lost, Reply, Request
from ..lobby_rules import User
from ..lobby_wire import reply_from_json, request_to_json, update_from_json
from .client import Client
from .protocol import Message, RequestError

GONE = (LobbyEventKind.LEFT, LobbyEventKind.DISCONNECTED)
IN_FLIGHT = 64  # requests that wait for the server's answer


class RemoteLobbies:
    """A `Carrier` over a client of a rendezvous server."""

    def __init__(self, client: Client, user: User, app: int, inbox: Inbox) -> None:
        """Enter, now or once the server is there."""
        self._client = client
        self._app = app
        self._me = user.identity
        self._inbox = inbox
        self._lobbies = set[int]()  # that the user is in; used on the client's thread
        self._waiting: deque[tuple[int, Request]] = deque()
        self._in_flight = 0
        self._sending = False  # a thread is at it, and goes on with what is added meanwhile
        self._owner = os.getpid()
        self._lock = threading.Lock()  # around the taking of requests, and the two above
        client.listeners["lobby"] = self._told
        client.listeners["online"] = self._enter
        client.listeners["offline"] = self._offline
        client.listeners["ended"] = lambda _: self._send()
        self._enter({})

    def submit(self, number: int, request: Request) -> None:
        """Have the client's thread send a request, or queue it while many are on their way."""
        self._waiting.append((number, request))
        if len(self._waiting) == 1 and not self._client._call(self._send):
            self._send()  # the client has ended: all is answered so

    def close(self) -> None:
        """Leave all lobbies."""
        if os.getpid() != self._owner:  # the client and its thread are the parent's
            return
        for op in ("lobby", "online", "offline", "ended"):
            self._client.listeners.pop(op, None)
        self._client._call(lambda: self._client.request("lobby", do="exit"))

    def _send(self) -> None:
        while True:
            with self._lock:
                if self._sending or not self._waiting or self._in_flight >= IN_FLIGHT:
                    return
                number, request = self._waiting.popleft()
                self._in_flight += 1
                self._sending = True
            try:
                future: Future[object] = Future()
                future.add_done_callback(partial(self._answered, number, request))
                self._client.ask(future, "lobby", request_to_json(request))
            finally:
                self._sending = False

    def _answered(self, number: int, request: Request, future: "Future[object]") -> None:
        """On the client's thread; or on the game's, where that one has ended."""
        try:
            message = future.result()
            if not isinstance(message, dict):
                raise ValueError("no answer")
            reply = reply_from_json(number, message)
            if reply.result == EResult.OK and (
                (isinstance(request, Create | Join) and reply.state is None)
                or (isinstance(request, Inspect) and not reply.infos)
            ):
                raise ValueError("it lacks the lobby")
        except RequestError as error:
            result = EResult.NO_CONNECTION if error.code == "offline" else EResult.FAIL
            reply = Reply(number, result, error.text)
        except (ValueError, TypeError, KeyError) as error:
            reply = Reply(number, EResult.FAIL, f"the server's answer is none: {error}")
        if reply.state is not None:
            self._lobbies.add(reply.state.id)
        elif isinstance(request, Leave):
            self._lobbies.discard(request.lobby)
        self._inbox.put(reply)
        with self._lock:
            self._in_flight -= 1
        self._send()

    def _told(self, message: Message) -> None:
        """Something has changed."""
        lost = message.get("lost")
        if isinstance(lost, int):
            self._lose(lost)
            return
        try:
            update = update_from_json(message)
        except (ValueError, TypeError, KeyError):
            return  # of another version
        change = update.change
        if change.kind in GONE and change.user == self._me:
            self._lose(update.lobby)
        elif change.kind == LobbyEventKind.INVITED or update.lobby in self._lobbies:
            self._inbox.put(update)

    def _enter(self, _: Message) -> None:
        self._client.request("lobby", do="enter", app=self._app)

    def _offline(self, _: Message) -> None:
        """The server has forgotten that we are in lobbies."""
        for lobby in list(self._lobbies):
            self._lose(lobby)

    def _lose(self, lobby: int) -> None:
        if lobby in self._lobbies:
            self._lobbies.remove(lobby)
            self._inbox.put(Lost(lobby))
