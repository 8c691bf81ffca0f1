"""The client of a rendezvous server: a signaling, requests, and what the server tells."""

import asyncio
import contextlib
import errno
import ipaddress
import itertools
import logging
import os
import random
import secrets
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    WebSocketException,
)

from ..errors import InitError
from ..identity import Identity, identity_of, in_short
from . import protocol
from .ice import IceServers
from .protocol import Message, RequestError

FIRST_DELAY, LONGEST_DELAY = 0.5, 15.0  # seconds between two tries to connect; each a bit random
OPEN_SECONDS = 10.0  # for one try
CLOSE_SECONDS = 2.0  # for the last frames
MOST_SIGNALS = 1024  # that wait to be received
MOST_AT_ONCE = 256  # that are received in one call: a flood must not hold up a frame
MOST_PUSHES = 1024
MOST_FRAMES = 1024  # that wait to be sent
MOST_REQUESTS = 256  # that wait for an answer
SILENT = "is the host right, and does its firewall let TCP in?"
FINAL = {"token", "insecure"}  # refusals that the next try would meet again

log = logging.getLogger("steamnet.rendezvous")
T = TypeVar("T")


class Client:
    """A user at a rendezvous server; a `steamnet.signaling.Signaling`.

    It connects on a thread of its own, and again, with growing pauses, whenever the connection is
    lost; both are logged (``steamnet.rendezvous``). Connections between players do not need it
    once they are up. Calls of a client never block, except `wait` and `close`.
    """

    def __init__(
        self, url: str, identity: Identity, token: str | None = None, name: str = ""
    ) -> None:
        """Begin to log in to ``url`` (ws://host:port or wss://host) as ``identity``.

        ``token``: what proves the identity, where the server asks for that; over ws:// only to
        this machine. ``name``: what the user wants to be called. ValueError for another kind of
        URL, or a token that anybody on the way could read.
        """
        self.url = url
        """The server's."""
        self.identity = Identity.parse(identity)
        """Who we are."""
        self._host = _host(url, token)
        self._hello: Message = {
            "op": "hello",
            "version": protocol.VERSION,
            "identity": self.identity.text,
            "secret": secrets.token_hex(32),  # holds the identity when the connection was lost
        }
        if token is not None:
            self._hello["token"] = token
        if name:
            self._hello["name"] = name
        self.ice: IceServers | None = None
        """The STUN and TURN servers that the server names; None before the first welcome."""
        self.error = ""
        """Why we are not logged in; "" while we are."""
        self.listeners: dict[str, Callable[[Message], object]] = {}
        """What is called, on the client's thread, with what the server tells unasked, by its op;
        what has no listener waits for `pushes`."""
        self._signals: deque[tuple[Identity, bytes]] = deque(maxlen=MOST_SIGNALS)
        self._pushes: deque[Message] = deque(maxlen=MOST_PUSHES)
        self._frames: deque[str | bytes] = deque(maxlen=MOST_FRAMES)
        self._requests: dict[int, Future[object]] = {}
        self._numbers = itertools.count(1)
        # Around the frames and the requests, and the listeners that are told of a login: what they
        # ask for comes before all that other threads ask for.
        self._lock = threading.RLock()
        self._online = False
        self._decided = threading.Event()  # we are logged in, or waiting for that is of no use
        self._closing = False
        self._owner = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._renewal: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()  # there is something to send, or to end
        self._woken, self._waker = socket.socketpair()  # for a game that waits
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._task = self._loop.create_task(self._stay_connected())
        self._thread = threading.Thread(target=self._run, name="steamnet-rendezvous", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<rendezvous Client of {self.identity} at {self.url}>"

    # --- signaling ----------------------------------------------------------------------------

    def send(self, peer: Identity, signal: bytes) -> None:
        """Begin to carry a ``signal`` to a ``peer``; it is lost while there is no server."""
        self._send(protocol.encode_signal(peer, signal))

    def receive(self) -> Iterator[tuple[Identity, bytes]]:
        """What has arrived since the last call, as (sender, signal), by the server's word."""
        with contextlib.suppress(OSError):  # nothing has arrived, or it is closed
            self._woken.recv(4096)
        yield from _take(self._signals, MOST_AT_ONCE)
        if self._signals:
            self._wake_game()

    def fileno(self) -> int:
        """A socket that can be read when something has arrived; -1 once it is closed."""
        return self._woken.fileno()

    def close(self) -> None:
        """Send what waits, give the identity up, and end the thread; idempotent."""
        if self._is_forked():
            return
        self._call(self._end)
        self._thread.join(CLOSE_SECONDS)
        self._call(self._task.cancel)  # where a server that does not answer holds it up
        self._thread.join(CLOSE_SECONDS)
        self._woken.close()
        self._waker.close()

    # --- requests -----------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        """Whether we are logged in now."""
        return self._online

    def wait(self, timeout: float) -> None:
        """Wait until we are logged in; InitError with the reason after ``timeout`` seconds.

        Where nothing listens, or something else than such a server, it is raised at once.
        """
        if not self._decided.wait(timeout) or self.error:
            reason = self.error or f"no answer within {timeout:g} s: {SILENT}"
            self._decided.clear()  # the next try may end otherwise
            if self._online or self._task.done():
                self._decided.set()
            raise InitError(f"the rendezvous server {self.url} cannot be used: {reason}")

    def request(self, op: str, /, **arguments: object) -> "Future[object]":
        """Ask the server; the result comes later, or a `RequestError`: "offline" without a server.

        ``arguments``: what JSON can hold. The future is done by another thread.
        """
        future: Future[object] = Future()
        future.add_done_callback(lambda _: self._wake_game())
        self.ask(future, op, arguments)
        return future

    def ask(self, future: "Future[object]", op: str, arguments: Mapping[str, object]) -> None:
        """Do what `request` does, with a ``future`` that may have its callbacks already.

        They are called on the client's thread, in the order of what the server says; without a
        server, before this returns.
        """
        number = next(self._numbers)
        frame = protocol.encode({"op": op, "id": number, **arguments})
        asked, text = False, "this process was forked from the client's"
        if not self._is_forked():
            with self._lock:
                text = self.error or "too many requests wait for their answers"
                asked = self._online and len(self._requests) < MOST_REQUESTS
                if asked:
                    self._requests[number] = future
                    self._frames.append(frame)
        if asked:
            self._call(self._wake.set)
        else:
            future.set_exception(RequestError("offline", text))

    def pushes(self) -> list[Message]:
        """Take what the server has told unasked, oldest first.

        Among that are ``{"op": "online"}`` after each login, and ``{"op": "offline"}``.
        """
        return list(_take(self._pushes, MOST_PUSHES))

    # --- on the thread ------------------------------------------------------------------------

    def _is_forked(self) -> bool:
        """Whether the thread is a parent process's, and may have held the lock at the fork."""
        return os.getpid() != self._owner

    def _send(self, frame: str | bytes) -> None:
        if self._is_forked():
            return
        with self._lock:
            if not self._online:
                return
            self._frames.append(frame)
        self._call(self._wake.set)

    def _call(self, function: Callable[[], object]) -> bool:
        """Call a function on the thread soon; False if that has ended, or is a parent's.

        Where it ends before that, listeners are told of "ended".
        """
        try:
            if self._is_forked():
                return False
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False
        return True

    def _end(self) -> None:
        """Give up what has not led to a login; otherwise let the last frames out.

        On the thread, after all that it was given to do before.
        """
        self._closing = True
        self._wake.set()
        if not self._online:
            self._task.cancel()

    def _wake_game(self) -> None:
        with contextlib.suppress(OSError):  # it is woken already, or closed
            self._waker.send(b".")

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("the client of %s has failed", self.url)
        finally:
            self._set_offline(self.error or "closed")
            self._decided.set()
            self._loop.close()
            self._told({"op": "ended"})

    async def _stay_connected(self) -> None:
        """Connect, again and again, until closed."""
        delay, failures, warned = FIRST_DELAY, 0, False
        while not self._closing:
            was_online, reason, final, useless = False, "", False, False
            try:
                proxy: Literal[True] | None = None if _is_this_machine(self._host) else True
                async with connect(
                    self.url,
                    compression=None,
                    open_timeout=OPEN_SECONDS,
                    close_timeout=CLOSE_SECONDS / 2,
                    ping_interval=15,
                    ping_timeout=15,
                    max_size=protocol.LONGEST_ANSWER,
                    proxy=proxy,
                ) as websocket:
                    async with asyncio.timeout(OPEN_SECONDS):
                        await self._log_in(websocket)
                    was_online = True
                    if warned:
                        log.info("the rendezvous server %s is there again", self.url)
                        warned = False
                    await self._talk(websocket)
                    reason = "it has ended"
            except RequestError as error:
                reason, final = error.text, error.code in FINAL
            except ConnectionClosed as error:
                reason = f"it has closed the connection: {error}"
                final = error.rcvd is not None and error.rcvd.code == protocol.REPLACED
            except (OSError, WebSocketException, ValueError, TypeError) as error:
                reason = _why(error)
                useless = not isinstance(error, TimeoutError | ConnectionResetError)
            if self._closing:
                return
            self._set_offline(reason)
            if final or (useless and not was_online):
                self._decided.set()
            elif was_online:
                self._decided.clear()
            if final:
                log.error(
                    "the rendezvous server %s refuses %s: %s", self.url, self.identity, reason
                )
                return
            failures = 0 if was_online else failures + 1
            if not warned and (was_online or failures == 2):  # the first is told by `wait`
                what = "is lost" if was_online else "cannot be used"
                log.warning("the rendezvous server %s %s: %s; trying again", self.url, what, reason)
                warned = True
            delay = FIRST_DELAY if was_online else min(delay * 2, LONGEST_DELAY)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay * random.uniform(0.75, 1.25)):
                    while not self._closing:
                        await self._wake.wait()
                        self._wake.clear()

    async def _log_in(self, websocket: ClientConnection) -> None:
        await websocket.send(protocol.encode(self._hello))
        frame = await websocket.recv()
        message, *others = protocol.decode_together(frame if isinstance(frame, str) else "")
        if message.get("op") == "refused":
            raise RequestError(protocol.text(message, "code"), protocol.text(message, "text"))
        if message.get("op") != "welcome":
            raise ValueError("it is no rendezvous server of this version")
        await self._use_ice(message.get("ice"))
        with self._lock:
            self._online, self.error = True, ""
            self._told({"op": "online"})
        self._decided.set()
        for other in others:
            self._take_message(other)

    async def _use_ice(self, ice: object) -> None:
        """Take the servers from a welcome, or an answer; names are looked up without blocking."""
        with contextlib.suppress(ValueError, TypeError):
            self.ice = await asyncio.to_thread(IceServers.read, ice, self._host)
        if self._renewal is not None:
            self._renewal.cancel()
        seconds = ice.get("seconds") if isinstance(ice, dict) else None
        if isinstance(seconds, int):  # half of which the credentials for TURN are good for
            self._renewal = self._loop.call_later(max(seconds / 2, 60), self._renew_ice)

    def _renew_ice(self) -> None:
        def answered(future: "Future[object]") -> None:  # on this thread
            if future.exception() is None:
                self._renewing = self._loop.create_task(self._use_ice(future.result()))

        self.request("ice").add_done_callback(answered)

    async def _talk(self, websocket: ClientConnection) -> None:
        """Send and receive until the connection ends, or we close."""
        writing = asyncio.create_task(self._write(websocket))
        try:
            async for frame in websocket:
                if isinstance(frame, bytes):
                    name, signal = protocol.decode_signal(frame)
                    if len(signal) <= protocol.LONGEST_SIGNAL:
                        self._signals.append((identity_of(name), signal))
                        self._wake_game()
                else:
                    for message in protocol.decode_together(frame):
                        self._take_message(message)
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    def _take_message(self, message: Message) -> None:
        number = message.get("id")
        if number is None:
            self._told(message)
            return
        with self._lock:
            future = self._requests.pop(number, None) if isinstance(number, int) else None
        if future is None or not future.set_running_or_notify_cancel():
            return
        error = message.get("error")
        if isinstance(error, dict):
            future.set_exception(RequestError(str(error.get("code")), str(error.get("text"))))
        else:
            future.set_result(message.get("result"))

    def _told(self, message: Message) -> None:
        listener = self.listeners.get(str(message.get("op")))
        if listener is not None:
            listener(message)
        elif message.get("op") != "ended":
            self._pushes.append(message)
            self._wake_game()

    async def _write(self, websocket: ClientConnection) -> None:
        """Send what is queued; at the end give the identity up, and close."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                for frame in _take(self._frames, MOST_FRAMES):
                    await websocket.send(frame)
                if self._closing and not self._frames:
                    await websocket.send(protocol.encode({"op": "leave"}))
                    await websocket.close()
                    return
                await self._wake.wait()
                self._wake.clear()

    def _set_offline(self, reason: str) -> None:
        """Say so to all who wait for an answer."""
        with self._lock:
            was, self._online = self._online, False
            self.error = reason
            requests, self._requests = self._requests, {}
            self._frames.clear()
        if was:
            self._told({"op": "offline"})
        for future in requests.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(RequestError("offline", reason))


def _take(items: "deque[T]", most: int) -> Iterator[T]:
    """What waits, oldest first, so much at most."""
    for _ in range(min(len(items), most)):
        try:
            item = items.popleft()
        except IndexError:  # another thread was faster
            return
        yield item


def _host(url: str, token: str | None) -> str:
    """The host of a server's URL; ValueError where it is none, or a token could be read there."""
    if not isinstance(url, str) or not isinstance(token, str | None):
        raise TypeError("a rendezvous server's URL and a token are of type str")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018  # raises ValueError for what is no port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("ws", "wss") or parts.username is not None:
        where = "write ws://host:port or wss://host"
        raise ValueError(f"{in_short(url)} is no rendezvous server: {where}")
    if token is not None and parts.scheme == "ws" and not _is_this_machine(host):
        raise ValueError(f"a token can be read on the way to {url}: use wss://")
    return host


def _why(error: Exception) -> str:
    """Why there is no connection, and what to look at."""
    text = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        return f"it does not answer: {SILENT}"
    if f"[Errno {errno.ECONNREFUSED}]" in text:  # also where a name has several addresses
        return "nothing listens there: is `steamnet server` running, and on that port?"
    if isinstance(error, socket.gaierror):
        return f"its name is not found: {error.strerror}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{error.verify_message}: use the name that its certificate is for; an authority of "
            "your own is named by SSL_CERT_FILE"
        )
    if isinstance(error, ssl.SSLError):
        return f"{text}: does it use TLS? if not, write ws://"
    if isinstance(error, InvalidHandshake):
        return f"it is no rendezvous server, or one with TLS (wss://): {text}"
    return text


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
