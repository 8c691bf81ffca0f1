"""What `steamnet` itself loads when the first of its names is used."""

from ._version import __version__ as __version__
from .closing import Abandoned as Abandoned
from .columns import MessageColumns as MessageColumns
from .config import ConfigValueInfo as ConfigValueInfo
from .engine import Engine as Engine
from .enums import (
    Availability as Availability,
)
from .enums import (
    ConfigDataType as ConfigDataType,
)
from .enums import (
    ConfigScope as ConfigScope,
)
from .enums import (
    ConfigValue as ConfigValue,
)
from .enums import (
    ConnectionInfoFlags as ConnectionInfoFlags,
)
from .enums import (
    ConnectionState as ConnectionState,
)
from .enums import (
    DebugOutputType as DebugOutputType,
)
from .enums import (
    EChatRoomEnterResponse as EChatRoomEnterResponse,
)
from .enums import (
    EndReason as EndReason,
)
from .enums import (
    EResult as EResult,
)
from .enums import (
    FakeIPType as FakeIPType,
)
from .enums import (
    IdentityType as IdentityType,
)
from .enums import (
    LobbyType as LobbyType,
)
from .enums import (
    PersonaState as PersonaState,
)
from .enums import (
    SendFlags as SendFlags,
)
from .enums import (
    end_category as end_category,
)
from .errors import (
    ClosedError as ClosedError,
)
from .errors import (
    InitError as InitError,
)
from .errors import (
    ResultError as ResultError,
)
from .errors import (
    SteamnetError as SteamnetError,
)
from .errors import (
    UnsupportedError as UnsupportedError,
)
from .fake_udp_port import FakeUDPPort as FakeUDPPort
from .friends import Friends as Friends
from .handles import Request as Request
from .identity import Identity as Identity
from .info import (
    AuthenticationStatus as AuthenticationStatus,
)
from .info import (
    ConnectionEvent as ConnectionEvent,
)
from .info import (
    ConnectionInfo as ConnectionInfo,
)
from .info import (
    FakeIPResult as FakeIPResult,
)
from .info import (
    LaneStatus as LaneStatus,
)
from .info import (
    QuickConnectionStatus as QuickConnectionStatus,
)
from .info import (
    RelayNetworkStatus as RelayNetworkStatus,
)
from .lobbies import (
    Lobbies as Lobbies,
)
from .lobbies import (
    Lobby as Lobby,
)
from .lobbies import (
    LobbyData as LobbyData,
)
from .lobbies import (
    LobbyEvent as LobbyEvent,
)
from .lobbies import (
    LobbyRequest as LobbyRequest,
)
from .lobby_backend import (
    Friend as Friend,
)
from .lobby_backend import (
    LobbyEventKind as LobbyEventKind,
)
from .lobby_backend import (
    LobbyInfo as LobbyInfo,
)
from .networking_messages import SteamNetworkingMessagesManager as SteamNetworkingMessagesManager
from .networking_sockets import SteamNetworkingSocketsManager as SteamNetworkingSocketsManager
from .networking_utils import SteamNetworkingUtilsManager as SteamNetworkingUtilsManager
from .objects import (
    Connection as Connection,
)
from .objects import (
    Listener as Listener,
)
from .objects import (
    PollGroup as PollGroup,
)
from .steam import (
    Core as Core,
)
from .steam import (
    ServerMode as ServerMode,
)
from .steam import (
    Steam as Steam,
)
from .steam import (
    SteamEvent as SteamEvent,
)
from .steam import (
    SteamEventKind as SteamEventKind,
)
from .steam import (
    init as init,
)
from .steam import (
    init_game_server as init_game_server,
)
from .steam import (
    restart_app_if_necessary as restart_app_if_necessary,
)
