"""steamnet: Valve's networking for Python games.

`init` opens an engine (the game's Steam, open-source GameNetworkingSockets, or the built-in
loopback) and returns a `Steam`; everything else hangs on that.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import _cffi_backend as _cffi_backend  # the compiled module needs it; freezers follow imports

try:
    from ._native import NetworkingMessage
except ModuleNotFoundError as error:
    error.msg = f"{__path__[0]} has no compiled module: is it steamnet's source folder? " + (
        "Install it (pip install .), and start Python in another folder"
    )
    raise

from ._version import __version__
from .closing import Abandoned
from .columns import MessageColumns
from .config import ConfigValueInfo
from .engine import Engine
from .enums import (
    Availability,
    ConfigDataType,
    ConfigScope,
    ConfigValue,
    ConnectionInfoFlags,
    ConnectionState,
    DebugOutputType,
    EChatRoomEnterResponse,
    EndReason,
    EResult,
    FakeIPType,
    IdentityType,
    LobbyType,
    PersonaState,
    SendFlags,
    end_category,
)
from .errors import ClosedError, InitError, ResultError, SteamnetError, UnsupportedError
from .fake_udp_port import FakeUDPPort
from .friends import Friends
from .handles import Request
from .identity import Identity
from .info import (
    AuthenticationStatus,
    ConnectionEvent,
    ConnectionInfo,
    FakeIPResult,
    LaneStatus,
    QuickConnectionStatus,
    RelayNetworkStatus,
)
from .lobbies import Lobbies, Lobby, LobbyData, LobbyEvent, LobbyRequest
from .lobby_backend import Friend, LobbyEventKind, LobbyInfo
from .networking_messages import SteamNetworkingMessagesManager
from .networking_sockets import SteamNetworkingSocketsManager
from .networking_utils import SteamNetworkingUtilsManager
from .objects import Connection, Listener, PollGroup
from .steam import (
    Core,
    ServerMode,
    Steam,
    SteamEvent,
    SteamEventKind,
    init,
    init_game_server,
    restart_app_if_necessary,
)

if TYPE_CHECKING:
    from . import aio, rendezvous, signaling, testing

__all__ = [
    "Abandoned",
    "AuthenticationStatus",
    "Availability",
    "ClosedError",
    "ConfigDataType",
    "ConfigScope",
    "ConfigValue",
    "ConfigValueInfo",
    "Connection",
    "ConnectionEvent",
    "ConnectionInfo",
    "ConnectionInfoFlags",
    "ConnectionState",
    "Core",
    "DebugOutputType",
    "EChatRoomEnterResponse",
    "EResult",
    "EndReason",
    "Engine",
    "FakeIPResult",
    "FakeIPType",
    "FakeUDPPort",
    "Friend",
    "Friends",
    "Identity",
    "IdentityType",
    "InitError",
    "LaneStatus",
    "Listener",
    "Lobbies",
    "Lobby",
    "LobbyData",
    "LobbyEvent",
    "LobbyEventKind",
    "LobbyInfo",
    "LobbyRequest",
    "LobbyType",
    "MessageColumns",
    "NetworkingMessage",
    "PersonaState",
    "PollGroup",
    "QuickConnectionStatus",
    "RelayNetworkStatus",
    "Request",
    "ResultError",
    "SendFlags",
    "ServerMode",
    "Steam",
    "SteamEvent",
    "SteamEventKind",
    "SteamNetworkingMessagesManager",
    "SteamNetworkingSocketsManager",
    "SteamNetworkingUtilsManager",
    "SteamnetError",
    "UnsupportedError",
    "__version__",
    "aio",
    "end_category",
    "init",
    "init_game_server",
    "rendezvous",
    "restart_app_if_necessary",
    "signaling",
    "testing",
]


def __getattr__(name: str) -> ModuleType:
    """Import the modules that not every game needs when they are first named."""
    if name in ("aio", "rendezvous", "signaling", "testing"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for completion and help."""
    return __all__
