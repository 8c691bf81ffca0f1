"""The rendezvous server: who is there, and what they have to say to each other."""

import asyncio
import base64
import hashlib
import hmac
import inspect
import logging
import socket
import ssl as tls
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed

from ..identity import Identity, join_address, split_address
from ..lobby_backend import MAX_NAME, text_within
from . import protocol
from .admission import Admission, Listening, is_local
from .lobbies import Lobbies
from .protocol import Limits, Message, RequestError
from .stun import StunProtocol

TURN_SECONDS = 12 * 3600  # that credentials for TURN are good for
FREE_PORTS = 8  # tries to find a port that is free for TCP and for UDP
CLOSING_SECONDS = 0.5  # for telling the clients that the server ends
LINES, LINES_SECONDS = 50, 10.0  # of the log, at most, about what strangers do

Handler = Callable[["User", Message], object]
"""Answers a request: gets the user and the message, returns what JSON can hold, or a coroutine
that does; raises `RequestError` to refuse."""
Authenticate = Callable[[str], Identity | str | Awaitable[Identity | str | None] | None]
"""Says whose a token is; None for a wrong one."""

log = logging.getLogger("steamnet.rendezvous")
_websockets_log = logging.getLogger("steamnet.rendezvous.websockets")
_websockets_log.setLevel(logging.CRITICAL)  # it would log every failed handshake, with a traceback


class Bucket:
    """A rate: so much for long, so much at once after a pause (a token bucket)."""

    def __init__(self, rate: float, at_once: float) -> None:
        """Begin full."""
        self._rate, self._most, self._left = rate, at_once, at_once
        self._at = time.monotonic()

    def take(self, amount: float) -> float:
        """Take an ``amount``; how many seconds to wait until it would have been there."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * self._rate, self._most) - amount
        self._at = now
        return max(-self._left / self._rate, 0.0)


class User:
    """Somebody who is logged in, as handlers see it."""

    def __init__(self, identity: Identity, websocket: ServerConnection, limits: Limits) -> None:
        """Write to a connection, by a task of its own."""
        self.identity = identity
        """Who it is."""
        self.name = ""
        """What it wants to be called."""
        self._websocket = websocket
        self._limits = limits
        self._frames: deque[tuple[str | bytes, int]] = deque()  # with what counts of their bytes
        self._waiting = 0  # bytes that count
        self._wake = asyncio.Event()
        self._answered = asyncio.Event()
        self._ended = False  # nothing more is sent

    def __repr__(self) -> str:
        return f"<User {self.identity}>"

    def push(self, op: str, /, **fields: object) -> None:
        """Tell the user something unasked; one that does not read is disconnected."""
        self.write(protocol.encode({"op": op, **fields}))

    def write(self, frame: str | bytes) -> None:
        """Queue a frame. Where too much waits, a signal is dropped; a message disconnects."""
        if not self._waiting or self._waiting + len(frame) <= self._limits.backlog:
            self._queue(frame, len(frame))
        elif isinstance(frame, str):
            self.disconnect()

    async def answer(self, frame: str) -> None:
        """Send an answer, and what was queued before: a client that does not read asks no more."""
        if not self._ended:
            self._answered.clear()
            self._queue(frame, 0)
            await self._answered.wait()

    def _queue(self, frame: str | bytes, counts: int) -> None:
        self._frames.append((frame, counts))
        self._waiting += counts
        self._wake.set()

    def _next_frame(self) -> tuple[str | bytes, int, bool]:
        """What to send next, what counts of its bytes, and whether an answer is among it.

        Messages that wait together are sent together: a server that is behind catches up so.
        """
        frame, counts = self._frames.popleft()
        answers = not counts
        if not isinstance(frame, str):
            return frame, counts, answers
        messages, size = [frame], len(frame)
        while self._frames and isinstance(self._frames[0][0], str):
            following, counted = self._frames[0]
            size += len(following)
            if size > protocol.LONGEST_TOGETHER or not isinstance(following, str):
                break
            self._frames.popleft()
            messages.append(following)
            counts += counted
            answers |= not counted
        return protocol.together(messages), counts, answers

    def disconnect(self) -> None:
        """End the connection at once; the user may come again."""
        self._websocket.transport.abort()

    async def replace(self) -> None:
        """End the connection, as the user is on another one now."""
        await self._websocket.close(protocol.REPLACED, "logged in elsewhere")

    async def write_all(self) -> None:
        """Send what is queued, until cancelled or disconnected."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._frames:
                    frame, counts, answers = self._next_frame()
                    await self._websocket.send(frame)
                    self._waiting -= counts
                    if answers:
                        self._answered.set()
        except ConnectionClosed:
            pass
        finally:
            self._ended = True
            self._answered.set()


@dataclass(slots=True)
class _Claim:
    """Whose an identity is."""

    secret: bytes  # the digest of the client's
    user: User | None
    release: asyncio.TimerHandle | None = None


class Server:
    """A rendezvous server; a context manager for ``async with``.

    Handlers of requests are in `handlers`, by op: other modules add theirs. `joined` and `left` are
    lists of functions that are called with each user who logs in, and with each identity that is
    given up: by a client that closes, or `Limits.hold` seconds after one was lost.
    """

    def __init__(
        self,
        listen: str = f"0.0.0.0:{protocol.PORT}",
        *,
        ssl: tls.SSLContext | None = None,
        authenticate: Authenticate | None = None,
        stun_address: str | None = None,
        turn: str | None = None,
        turn_secret: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Take the arguments of `serve`; entering it listens."""
        self._listen = split_address(listen)
        self._ssl = ssl
        self._authenticate = authenticate
        self._stun_address = stun_address
        self._turn, self._turn_secret = turn, turn_secret
        for servers in (stun_address, turn):
            for one in servers.split(",") if servers is not None else ():
                split_address(one.strip())  # ValueError
        if (turn is None) != (turn_secret is None):
            raise ValueError("turn and turn_secret belong together")
        if turn_secret == "":
            raise ValueError("turn_secret is empty: coturn would refuse what is made with it")
        self.limits = limits or Limits()
        self._lobbies = Lobbies()
        self.handlers: dict[str, Handler] = {
            "ice": self._ice,
            "present": self._present,
            "lobby": self._lobbies.handle,
        }
        """What answers a request, by its op."""
        self.joined: list[Callable[[User], object]] = []
        """Called with each user who logs in."""
        self.left: list[Callable[[Identity], object]] = []
        """Called with each identity that is given up."""
        self._claims: dict[Identity, _Claim] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._admission = Admission(self.limits)
        self._said = Bucket(LINES / LINES_SECONDS, LINES)
        self._websockets: WebSocketServer | None = None
        self._udp: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``."""
        return join_address(*self._listen)

    @property
    def url(self) -> str:
        """Where it listens, as a client's URL."""
        return f"{'ws' if self._ssl is None else 'wss'}://{self.address}"

    def user(self, identity: Identity) -> User | None:
        """The user of that identity, if one is logged in."""
        claim = self._claims.get(identity)
        return claim.user if claim is not None else None

    def users(self) -> list[User]:
        """All who are logged in."""
        return [claim.user for claim in self._claims.values() if claim.user is not None]

    async def __aenter__(self) -> Self:
        listening = await self._bind()
        # The kernel's queue must hold a burst of connections until they are accepted.
        self._websockets = await serve_websockets(
            self._serve,
            sock=listening,
            ssl=self._ssl,
            backlog=512,
            compression=None,  # a few bytes could become gigabytes
            origins=[None],  # no web page of another site speaks through a player's browser
            max_size=self.limits.frame,
            max_queue=2,
            open_timeout=self.limits.login,
            ping_interval=15,
            ping_timeout=15,
            close_timeout=CLOSING_SECONDS,
            server_header=None,
            logger=_websockets_log,
            ssl_handshake_timeout=None if self._ssl is None else self.limits.login,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        for claim in self._claims.values():
            if claim.release is not None:
                claim.release.cancel()
        if self._websockets is not None:
            self._websockets.close()
            self._admission.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * CLOSING_SECONDS):
                    await self._websockets.wait_closed()

    async def _bind(self) -> Listening:
        """Listen on TCP and on UDP, on the same port."""
        host, port = self._listen
        loop = asyncio.get_running_loop()
        if not host.replace(".", "").isdecimal() and ":" not in host:
            try:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as error:
                error.filename = join_address(host, port)  # which its text then names
                raise
            host = str(found[0][4][0])
        for last in [False] * (0 if port else FREE_PORTS) + [True]:
            try:
                listening = Listening.at(host, port, self._admission)
            except OSError as error:
                error.filename = join_address(host, port)  # which its text then names
                raise
            self._listen = (host, listening.getsockname()[1])
            try:
                datagrams = socket.socket(listening.family, socket.SOCK_DGRAM)
                if listening.family == socket.AF_INET6:
                    datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                try:
                    datagrams.bind(self._listen)
                except BaseException:
                    datagrams.close()
                    raise
                self._udp, _ = await loop.create_datagram_endpoint(StunProtocol, sock=datagrams)
                return listening
            except OSError as error:
                listening.close()
                if last:
                    error.filename = join_address(*self._listen)
                    raise
        raise AssertionError("not reached")

    # --- a connection -------------------------------------------------------------------------

    async def _serve(self, websocket: ServerConnection) -> None:
        """One connection, from the login to its end."""
        try:
            async with asyncio.timeout(self.limits.login):
                user = await self._log_in(websocket)
        except (ConnectionClosed, TimeoutError):
            return
        except (ValueError, TypeError) as error:
            await websocket.close(protocol.INVALID, _reason(error))
            return
        if user is None:
            await websocket.close(protocol.REFUSED)
            return
        connection = websocket.transport.get_extra_info("socket")
        self._admission.logged_in(connection.fileno())
        writing = asyncio.create_task(user.write_all())
        given_up = False
        try:
            for function in self.joined:
                function(user)
            given_up = await self._read(user, websocket)
        except ConnectionClosed:
            pass
        except (ValueError, TypeError) as error:
            self._note("%s sent what is no message: %s", user.identity, error)
            await websocket.close(protocol.INVALID, _reason(error))
        finally:
            writing.cancel()
            self._disconnected(user, given_up)

    async def _read(self, user: User, websocket: ServerConnection) -> bool:
        """Take what a user sends, no faster than the limits say; True: it gives its identity up."""
        limits = self.limits
        frames = Bucket(limits.frames_per_second, limits.frames_at_once)
        size = Bucket(limits.bytes_per_second, limits.bytes_at_once)
        while True:
            frame = await websocket.recv()
            wait = max(frames.take(1), size.take(len(frame)))
            if wait:
                await asyncio.sleep(wait)  # what it sends meanwhile stays in its own machine
            if isinstance(frame, bytes):
                self._pass_on(user, frame)
                continue
            message = protocol.decode(frame)
            if message.get("op") == "leave":
                return True
            await self._answer(user, message)

    def _pass_on(self, sender: User, frame: bytes) -> None:
        """Give a signal to its receiver, with the name of its sender."""
        name, signal = protocol.decode_signal(frame)
        if len(signal) > protocol.LONGEST_SIGNAL:
            raise ValueError("a signal that long")
        try:
            receiver = self.user(protocol.claimed_identity(name))
        except ValueError:
            receiver = None
        if receiver is not None:
            receiver.write(protocol.encode_signal(sender.identity, signal))

    async def _answer(self, user: User, message: Message) -> None:
        op, number = message.get("op"), message.get("id")
        if not isinstance(op, str) or not isinstance(number, int):
            raise ValueError("a request has an op and an id")
        answer: Message = {"id": number}
        try:
            handler = self.handlers.get(op)
            if handler is None:
                raise RequestError("unknown", f"this server knows no {op[:40]!r}")
            result = handler(user, message)
            answer["result"] = await result if inspect.isawaitable(result) else result
        except RequestError as error:
            answer["error"] = {"code": error.code, "text": error.text}
        except (ValueError, TypeError) as error:
            answer["error"] = {"code": "invalid", "text": str(error)}
        except Exception:
            log.exception("a request of %s failed: %s", user.identity, op[:40])
            answer["error"] = {"code": "internal", "text": "the server failed"}
        await user.answer(protocol.encode(answer))

    # --- identities ---------------------------------------------------------------------------

    async def _log_in(self, websocket: ServerConnection) -> User | None:
        """The user, welcomed; None if it was refused, and told so."""
        frame = await websocket.recv()
        message = protocol.decode(frame if isinstance(frame, str) else "")
        if message.get("op") != "hello" or message.get("version") != protocol.VERSION:
            raise ValueError(f"the login must be of version {protocol.VERSION}")
        identity = protocol.claimed_identity(protocol.text(message, "identity"))
        name = text_within(message.get("name", ""), "name", MAX_NAME)  # type: ignore[arg-type]  # it checks that
        secret = hashlib.sha256(protocol.text(message, "secret").encode()).digest()
        try:
            proven = await self._check_token(message, identity, websocket)
            user = self._claim(identity, secret, websocket, proven)
        except RequestError as error:
            self._note("%s was refused to %s: %s", identity, _address(websocket), error.text)
            refusal: Message = {"op": "refused", "code": error.code, "text": error.text}
            await websocket.send(protocol.encode(refusal))
            return None
        user.name = name
        user.push("welcome", identity=identity.text, ice=self._ice(user, message))
        self._note("%s has logged in (%d)", identity, len(self._claims))
        return user

    async def _check_token(
        self, message: Message, identity: Identity, websocket: ServerConnection
    ) -> bool:
        """Whether the token proves the identity; RequestError where it does not, and has to."""
        token = message.get("token")
        if token is not None and self._ssl is None and not is_local(_address(websocket)):
            raise RequestError("insecure", "a token must not be sent over ws://: use wss://")
        if self._authenticate is None:
            return False
        if not isinstance(token, str):
            raise RequestError("token", "this server wants a token")
        owner = self._authenticate(token)
        if inspect.isawaitable(owner):
            owner = await owner
        if owner is None:
            raise RequestError("token", "the token is wrong")
        if Identity.parse(owner) != identity:
            raise RequestError("token", f"the token is not that of {identity}")
        return True

    def _claim(
        self, identity: Identity, secret: bytes, websocket: ServerConnection, proven: bool
    ) -> User:
        """Log a user in; RequestError where another holds the identity."""
        claim = self._claims.get(identity)
        if claim is None:
            if len(self._claims) >= self.limits.clients:
                self._drop_a_lost_one()
            if len(self._claims) >= self.limits.clients:
                raise RequestError("full", "the server is full")
        elif not proven and not hmac.compare_digest(claim.secret, secret):
            held = self.limits.hold
            raise RequestError(
                "taken", f"{identity} is taken, or its user was lost less than {held:g} s ago"
            )
        else:
            if claim.release is not None:
                claim.release.cancel()
            if claim.user is not None:
                # Its client is another process, or has noticed a loss before we have.
                self._closing.add(task := asyncio.create_task(claim.user.replace()))
                task.add_done_callback(self._closing.discard)
        user = User(identity, websocket, self.limits)
        self._claims[identity] = _Claim(secret, user)
        return user

    def _disconnected(self, user: User, given_up: bool) -> None:
        """A connection has ended; its identity is kept for a while, unless it was given up."""
        self._lobbies.ended(user, given_up)
        claim = self._claims.get(user.identity)
        if claim is None or claim.user is not user:
            return  # the user is on another connection by now
        claim.user = None
        if given_up:
            self._release(user.identity)
        else:
            loop = asyncio.get_running_loop()
            claim.release = loop.call_later(self.limits.hold, self._release, user.identity)

    def _release(self, identity: Identity) -> None:
        del self._claims[identity]
        self._note("%s has left (%d)", identity, len(self._claims))
        for function in self.left:
            function(identity)

    def _drop_a_lost_one(self) -> None:
        """Make room: no longer keep the identity of a client that was lost."""
        for identity, claim in self._claims.items():
            if claim.release is not None:
                claim.release.cancel()
                self._release(identity)
                return

    # --- requests that every server answers -----------------------------------------------------

    def _ice(self, user: User, message: Message) -> Message:
        """The addresses of STUN and TURN, with credentials for the user."""
        # Without a host it is the one that the client has dialled: who knows what we are called?
        ice: Message = {"stun": self._stun_address or f":{self._listen[1]}"}
        if self._turn is not None and self._turn_secret is not None:
            # What coturn calls its REST API: the secret is shared, the name says until when.
            who = hashlib.sha256(user.identity.text.encode()).hexdigest()[:16]
            name = f"{int(time.time()) + TURN_SECONDS}:{who}"
            digest = hmac.digest(self._turn_secret.encode(), name.encode(), "sha1")
            password = base64.b64encode(digest).decode()
            ice |= {"turn": self._turn, "turn_user": name, "turn_password": password}
            ice["seconds"] = TURN_SECONDS
        return ice

    def _present(self, user: User, message: Message) -> bool:
        """Whether a user is logged in."""
        return self.user(protocol.claimed_identity(protocol.text(message, "identity"))) is not None

    def _note(self, line: str, *arguments: object) -> None:
        """Log what clients do, no more than so much: they must not fill the disk."""
        if not self._said.take(0):
            self._said.take(1)
            log.info(line, *arguments)


def _reason(error: Exception) -> str:
    """What a close can carry of an error: 123 bytes."""
    return str(error).encode("ascii", "backslashreplace")[:123].decode()


def _address(websocket: ServerConnection) -> str:
    found = websocket.remote_address
    return str(found[0]) if found else ""


def read_text(path: str) -> str:
    """The text of a file; ValueError where it is none."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from None


def read_tokens(path: str) -> Mapping[bytes, Identity]:
    """The users of a tokens file, by the digests of their tokens; ValueError if it is wrong.

    A line has a token and an identity: ``5f0c...9a str:ann``. Empty lines and those that begin with
    ``#`` are skipped.
    """
    found: dict[bytes, Identity] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        token, name = (*line.split(maxsplit=1), "")[:2]
        try:
            if len(token) < 16:
                raise ValueError("a token needs 16 characters or more, to be guessed by nobody")
            digest = hashlib.sha256(token.encode()).digest()
            if digest in found:
                raise ValueError(f"the token of {found[digest]} again: each user has its own")
            found[digest] = Identity.parse(name.strip())
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    if not found:
        raise ValueError(f"{path} has no token: nobody could log in")
    return found


def authenticate_from(path: str) -> Authenticate:
    """An ``authenticate`` for a tokens file, which is read once, now."""
    users = read_tokens(path)
    return lambda token: users.get(hashlib.sha256(token.encode()).digest())


async def serve(
    listen: str = f"0.0.0.0:{protocol.PORT}",
    *,
    cert: str | None = None,
    key: str | None = None,
    tokens: str | None = None,
    authenticate: Authenticate | None = None,
    stun_address: str | None = None,
    turn: str | None = None,
    turn_secret: str | None = None,
    limits: Limits | None = None,
    ready: Callable[[Server], object] | None = None,
) -> None:
    """Run a rendezvous server until cancelled: what ``steamnet server`` does.

    - ``listen``: where, ``host:port``; port 0 takes a free one. STUN has the same port, on UDP.
    - ``cert``, ``key``: files in PEM for TLS; then clients use wss://.
    - ``tokens``: a file with a token and an identity in each line; or
    - ``authenticate``: a function of a token that returns whose it is, or None; it may be a
      coroutine function. With one of them nobody logs in without a token.
    - ``stun_address``: what clients use as STUN server; by default the host that they have dialled,
      with our port.
    - ``turn``, ``turn_secret``: the address of a coturn, and its static-auth-secret, of which
      each client gets credentials for 12 hours.
    - ``limits``: what clients may ask and make it hold.
    - ``ready``: called with the server once it listens.

    OSError where it cannot listen; ValueError for wrong files.
    """
    if cert is None and key is not None:
        raise ValueError("a key needs its certificate: give cert, too")
    context = None
    if cert is not None:
        context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
        files = [cert] if key is None else [cert, key]
        for file in files:
            Path(file).open("rb").close()  # names the file if it cannot be read, as ssl does not
        try:
            context.load_cert_chain(cert, key)
        except tls.SSLError as error:
            names = " and ".join(files)
            raise ValueError(f"no certificate with its key in PEM: {names} ({error})") from error
    if tokens is not None and authenticate is not None:
        raise ValueError("give tokens or authenticate, not both")
    server = Server(
        listen,
        ssl=context,
        authenticate=authenticate_from(tokens) if tokens is not None else authenticate,
        stun_address=stun_address,
        turn=turn,
        turn_secret=turn_secret,
        limits=limits,
    )
    async with server:
        if ready is not None:
            ready(server)
        await asyncio.get_running_loop().create_future()
