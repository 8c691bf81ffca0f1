"""steamnet: Valve's networking for Python games.

`init` opens an engine (the game's Steam, open-source GameNetworkingSockets, or the built-in
loopback) and returns a `Steam`; everything else hangs on that.
"""

from importlib import import_module

import _cffi_backend as _cffi_backend  # the compiled module needs it; freezers follow imports

try:
    from ._native import NetworkingMessage
except ModuleNotFoundError as error:
    error.msg = f"{__path__[0]} has no compiled module: is it steamnet's source folder? " + (
        "Install it (pip install .), and start Python in another folder"
    )
    raise

from ._version import __version__ as __version__

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from . import aio, signaling, testing
    from . import rendezvous as rendezvous
    from ._api import *

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
    "restart_app_if_necessary",
    "signaling",
    "testing",
]  # without rendezvous: it needs websockets, which those who import * may not have


def __getattr__(name: str) -> object:
    """Load what is public when it is first used: a program may start without the network."""
    if name not in __all__ or name in ("aio", "signaling", "testing"):
        return _module(name)
    from . import _api

    loaded = vars(_api)
    globals().update((each, loaded[each]) for each in __all__ if each in loaded)
    return globals()[name]


def _module(name: str) -> object:
    """One of our modules, and no other: one that is being imported may ask."""
    whole = f"{__name__}.{name}"
    try:
        if not name.startswith("_"):
            return import_module(whole)
    except ModuleNotFoundError as error:
        if error.name != whole:
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for completion and help."""
    return [*__all__, "rendezvous"]
