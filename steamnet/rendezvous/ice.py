"""The STUN and TURN servers that a rendezvous server names, as the engine's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol

from ..enums import ConfigValue
from ..identity import join_address, resolve, split_address


@dataclass(frozen=True, slots=True)
class IceServers:
    """Where a player learns its public address, and who relays where no direct way is found."""

    stun: str = ""
    """Addresses of STUN servers, with commas between them."""
    turn: str = ""
    """Addresses of TURN servers, with commas between them."""
    turn_user: str = ""
    """As many names for them."""
    turn_password: str = ""
    """As many passwords."""

    @classmethod
    def read(cls, message: object, host: str) -> "IceServers":
        """What a server says, of which ``host`` is what we have dialled; ValueError."""
        if not isinstance(message, Mapping):
            raise ValueError("no ICE servers")
        values = {one.name: message.get(one.name, "") for one in fields(cls)}
        if not all(isinstance(value, str) and len(value) < 1024 for value in values.values()):
            raise ValueError("the ICE servers are no text")
        for key in ("stun", "turn"):
            values[key] = ",".join(_numeric(one, host) for one in values[key].split(",") if one)
        return cls(**values)


def _numeric(address: str, host: str) -> str:
    """An address in numbers, which the engine need not look up; as it is where that fails."""
    address = address.strip()
    if address.startswith(":"):
        address = join_address(host, int(address[1:]))
    try:
        split_address(address)
        return resolve(address)[0]
    except (OSError, ValueError):
        return address


class Utils(Protocol):
    """What configures the engine: `SteamNetworkingUtilsManager`."""

    def get_config_value(self, key: ConfigValue) -> int | float | str | None:
        """The global value of a key."""

    def set_config_value(self, key: ConfigValue, value: str | None) -> bool:
        """Set it, or with None set it back."""


KEYS = {
    "stun": ConfigValue.P2P_STUN_SERVER_LIST,
    "turn": ConfigValue.P2P_TURN_SERVER_LIST,
    "turn_user": ConfigValue.P2P_TURN_USER_LIST,
    "turn_password": ConfigValue.P2P_TURN_PASS_LIST,
}
GROUPS = (("stun",), ("turn", "turn_user", "turn_password"))  # the values that belong together


class IceConfig:
    """Sets an engine's global values to the newest ICE servers, where the game has not set them."""

    def __init__(self, utils: Utils) -> None:
        """Configure through ``utils``."""
        self._utils = utils
        self._servers: IceServers | None = None
        self._set: dict[str, str] = {}

    def apply(self, servers: IceServers | None) -> None:
        """Use these servers from now on; connections that exist keep theirs."""
        if servers is None or servers is self._servers:
            return
        self._servers = servers
        for group in GROUPS:
            if self._is_ours(group[0]):
                for name in group:
                    value = self._set[name] = getattr(servers, name)
                    self._utils.set_config_value(KEYS[name], value)

    def remove(self) -> None:
        """Set back what was set: global values outlive the engine."""
        for group in GROUPS:
            if self._set.get(group[0]) and self._is_ours(group[0]):
                for name in group:
                    self._utils.set_config_value(KEYS[name], None)
        self._set.clear()

    def _is_ours(self, name: str) -> bool:
        return (self._utils.get_config_value(KEYS[name]) or "") == self._set.get(name, "")
