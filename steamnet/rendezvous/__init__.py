"""Rendezvous: how players on different machines find each other without Steam, on the gns engine.

``steamnet.init(engine="gns", rendezvous="ws://host:port")`` makes a `Client` and uses it as
signaling; ``steamnet server`` runs a server (`serve`, `Server`). It needs the library
``websockets``: ``pip install "steamnet[rendezvous]"``.

What goes over the connection, a WebSocket without compression:

- Binary frames are signals: a byte with a length, an identity of that many bytes (from a client
  the receiver, from the server the sender), and the signal.
- Text frames are JSON objects. A client begins with ``{"op": "hello", "version": 1, "identity":
  ..., "secret": ..., "token": ...}``. The server answers ``{"op": "welcome", "identity": ...,
  "ice": {"stun": ..., "turn": ...}}`` or ``{"op": "refused", "code": ..., "text": ...}``. Who
  first claims an identity holds it; the secret claims it again after a loss.
- A request is ``{"op": ..., "id": number, ...}``; its answer ``{"id": number, "result": ...}`` or
  ``{"id": number, "error": {"code": ..., "text": ...}}``. What the server says unasked has an op
  and no id.
- ``{"op": "leave"}`` gives the identity up.

Other modules add requests. On the server ``server.handlers[op] = function`` is called as
``function(user, message)`` with a `User` and the message; it returns what JSON can hold (or a
coroutine that does), or raises ``RequestError(code, text)``. ``user.push(op, ...)`` tells a user
something unasked, `Server.user` finds one, `Server.joined` and `Server.left` are lists of functions
that are told who logs in and who has gone. On the client ``client.request(op, ...)`` returns a
future, and ``client.pushes()`` takes what the server has told.
"""

try:
    import websockets as _websockets  # noqa: F401
except ModuleNotFoundError as _error:
    _text = 'steamnet.rendezvous needs the library websockets: pip install "steamnet[rendezvous]"'
    raise ModuleNotFoundError(_text, name="websockets") from _error

from .client import Client
from .ice import IceServers
from .protocol import Limits, RequestError
from .server import Server, User, authenticate_from, serve

__all__ = [
    "Client",
    "IceServers",
    "Limits",
    "RequestError",
    "Server",
    "User",
    "authenticate_from",
    "serve",
]
