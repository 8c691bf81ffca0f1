"""Writes docs/parity.md: what becomes of each flat function of Valve's, in Python and by engine.

    python tools/parity.py [--check]

Names come from flat.def, Python's names from the docstrings that cite Valve's.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "parity.md"
sys.path.insert(0, str(ROOT / "tools"))

import generated

FLAT = re.compile(r"^FLAT\((\w+), (\w+), .+?, (\w+), (\w+), \(", re.M)
CITED = re.compile(r"``(?:(ISteam\w+)::)?(\w+)``")
# How a user reaches each class of the package.
REACHED = {
    "SteamNetworkingSocketsManager": "networking_sockets.",
    "SteamNetworkingUtilsManager": "networking_utils.",
    "SteamNetworkingMessagesManager": "networking_messages.",
    "FakeUDPPort": "FakeUDPPort.",
    "Lobbies": "lobbies.",
    "Lobby": "Lobby.",
    "Friends": "friends.",
}
# Whose methods most functions of an interface are.
SECTIONS = {
    "ISteamNetworkingSockets": "networking_sockets",
    "ISteamNetworkingFakeUDPPort": "FakeUDPPort",
    "ISteamNetworkingUtils": "networking_utils",
    "ISteamNetworkingMessages": "networking_messages",
    "ISteamMatchmaking": "lobbies",
    "ISteamFriends": "friends",
}
# Called for the user, inside of these.
INSIDE = {
    "ISteamNetworkingSockets_RunCallbacks": "Steam.run_callbacks",
    "ISteamNetworkingUtils_AllocateMessage": "networking_sockets.send_messages",
    "ISteamNetworkingUtils_ParsePingLocationString": "networking_utils.estimate_ping_from_string",
    "ISteamNetworkingUtils_SetGlobalCallback_SteamNetConnectionStatusChanged": (
        "networking_sockets.on_connection_status_changed"
    ),
    "ISteamNetworkingUtils_SetGlobalCallback_SteamNetAuthenticationStatusChanged": (
        "networking_sockets.on_authentication_status_changed"
    ),
    "ISteamNetworkingUtils_SetGlobalCallback_SteamRelayNetworkStatusChanged": (
        "networking_utils.on_relay_network_status_changed"
    ),
    "ISteamNetworkingUtils_SetGlobalCallback_FakeIPResult": "networking_sockets.on_fake_ip_result",
    "ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionRequest": (
        "networking_messages.on_session_request"
    ),
    "ISteamNetworkingUtils_SetGlobalCallback_MessagesSessionFailed": (
        "networking_messages.on_session_failed"
    ),
    "ISteamMatchmaking_AddRequestLobbyListStringFilter": "lobbies.list",
    "ISteamMatchmaking_AddRequestLobbyListNumericalFilter": "lobbies.list",
    "ISteamMatchmaking_AddRequestLobbyListNearValueFilter": "lobbies.list",
    "ISteamMatchmaking_AddRequestLobbyListFilterSlotsAvailable": "lobbies.list",
    "ISteamMatchmaking_AddRequestLobbyListDistanceFilter": "lobbies.list",
    "ISteamMatchmaking_AddRequestLobbyListResultCountFilter": "lobbies.list",
    "ISteamMatchmaking_GetLobbyByIndex": "lobbies.list",
    "ISteamMatchmaking_GetLobbyDataCount": "Lobby.data",
    "ISteamMatchmaking_GetLobbyDataByIndex": "Lobby.data",
    "ISteamMatchmaking_DeleteLobbyData": "Lobby.data",
    "ISteamMatchmaking_GetLobbyChatEntry": "lobbies.events",
    "ISteamFriends_GetFriendPersonaState": "friends.friends",
    "ISteamFriends_GetFriendGamePlayed": "friends.friends",
    "ISteamFriends_RequestUserInformation": "friends.name_of",
    "ISteamUtils_IsAPICallCompleted": "Steam.run_callbacks",
    "ISteamUtils_GetAPICallResult": "Steam.run_callbacks",
    "ISteamUtils_GetAPICallFailureReason": "Steam.run_callbacks",
    "ISteamUtils_IsOverlayEnabled": "Lobby.invite_dialog",
    "ISteamApps_GetLaunchCommandLine": "lobbies.requested",
}
# What GameNetworkingSockets 1.6.1 has of the functions that a library may lack.
GNS_EXTRA = {
    "ISteamNetworkingSockets_ConnectP2PCustomSignaling",
    "ISteamNetworkingSockets_ReceivedP2PCustomSignal",
    "ISteamNetworkingSockets_GetCertificateRequest",
    "ISteamNetworkingSockets_SetCertificate",
    "ISteamNetworkingUtils_SetGlobalCallback_SteamRelayNetworkStatusChanged",
}
# What we leave alone, and why.
UNBOUND = {
    r"ISteamNetworkingSockets_GetGameCoordinatorServerLogin": (
        "for the authors of Valve's own game coordinators; its data has no public layout"
    ),
    r"ISteamNetworkingUtils_Set(Global|Connection)ConfigValue\w+": (
        "C++ shorthands for SetConfigValue, which `set_config_value` calls with the key's own type"
    ),
    r"ISteamNetworkingUtils_SetConfigValueStruct": "another shorthand for SetConfigValue",
    r"ISteamNetworkingUtils_IsFakeIPv4": "a shorthand for GetIPv4FakeIPType",
    r"(ISteamNetworkingUtils_)?SteamNetworkingIPAddr_\w+": (
        "addresses are text in Python; our C reads and writes them, since Valve's functions differ "
        "from library to library, and crash before Steam has started"
    ),
    r"(ISteamNetworkingUtils_)?SteamNetworkingIdentity_\w+": "the same, for `Identity`",
    r"SteamNetworkingConfigValue_t_Set\w+": "C++ helpers that fill a struct; `options` does",
    r"SteamNetworkingMessage_t_Release": (
        "our C calls the message's own m_pfnRelease, which is what this function does"
    ),
    r"SteamDatagramHostedAddress_\w+": "C++ helpers; the address is opaque bytes in Python",
    r"ISteamNetworkingSockets_(CreateCustomSignaling|ReceivedP2PCustomSignal2)": (
        "C stand-ins, in GNS only, for the C++ objects that our C makes by itself"
    ),
    r"Steam(GameServer)?Networking(Sockets|Utils|Messages)_\w+": (
        "accessors: the loader tries them, newest first"
    ),
    r"ISteamNetworking_\w+|Steam(GameServer)?Networking_v\d+": (
        "the old ISteamNetworking, which Valve has deprecated"
    ),
    r"ISteamMatchmaking_\w+FavoriteGame\w*": "the list of servers in Steam's own window",
    r"ISteamMatchmaking_(Set|Get)LobbyGameServer": "a lobby's data can name its server",
    r"ISteamMatchmaking_(AddRequestLobbyListCompatibleMembersFilter|SetLinkedLobby)": (
        "nobody has asked for them, and what they do is hardly documented"
    ),
    r"(ISteamFriends|ISteamUtils|ISteamApps)_\w+": (
        "what is not above does not help players to meet; another binding can be used beside "
        "steamnet (`attach`)"
    ),
}
HEAD = """\
# Every flat function, and where it is in Python

Written by `tools/parity.py`; `tests/packaging/test_parity.py` compares it with the code. Functions
are named without their `SteamAPI_`. *steam* is any SDK whose accessor is v012 or v013, *gns* is
GameNetworkingSockets 1.6.1. Where an engine has no such function, the call raises
`UnsupportedError`, with these exceptions: `init_relay_network_access()` does nothing there,
`get_relay_network_status()` says that the engine has no relay network, a handler is never called,
and on GNS the two session callbacks are set by config values, which do the same. Lobbies and
friends are there on every engine, on *gns* and *loopback* without these functions; only the invite
dialog is Steam's alone.
"""


def rows() -> list[tuple[str, str, str, str]]:
    """Need, lock, interface and name of each row of flat.def."""
    return FLAT.findall((ROOT / "csrc" / "flat.def").read_text(encoding="utf-8"))


def cited() -> dict[str, list[str]]:
    """The Python names of each flat function: the public methods whose docstrings cite it."""
    names: dict[str, list[str]] = {}
    known = {f"{interface}_{name}" for _, _, interface, name in rows()}
    for path in sorted((ROOT / "steamnet").glob("*.py")):
        if path.name == "aio.py":  # the same, awaited
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.ClassDef) or node.name not in REACHED:
                continue
            own = re.search(r"``(ISteam\w+)``", ast.get_docstring(node) or "")
            assert own is not None, f"{node.name} does not say which interface it is"
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    for interface, name in CITED.findall(ast.get_docstring(method) or ""):
                        flat = f"{interface or own[1]}_{name}"
                        if interface or flat in known:  # a bare word may be anything else
                            names.setdefault(flat, []).append(REACHED[node.name] + method.name)
    return names


def engines(need: str, flat: str) -> dict[str, bool]:
    """Which engines have a flat function."""
    return {
        "steam": True,
        "gns": need == "REQUIRED" or flat in GNS_EXTRA,
        "loopback": need in ("REQUIRED", "OPTIONAL_IN_LOOPBACK"),
    }


def page() -> str:
    """Make the text of the page."""
    python = cited()
    parts, section, own = [HEAD], "", ""
    for need, _, interface, name in rows():
        flat = f"{interface}_{name}"
        ways = dict.fromkeys(python.get(flat) or [INSIDE[flat]])
        if interface != section:
            section, own = interface, SECTIONS.get(interface, "")
            column = f"Python (in `{own}`)" if own else "Python"
            parts.append(
                f"\n## {interface}\n\n| flat function | {column} | engines |\n|---|---|---|\n"
            )
        shown = ", ".join(f"`{way.removeprefix(f'{own}.')}`" for way in ways)
        there = [engine for engine, has in engines(need, flat).items() if has]
        parts.append(f"| `{name}` | {shown} | {'all' if len(there) == 3 else ', '.join(there)} |\n")
    parts.append("\n## What is left alone\n\n")
    for pattern, reason in UNBOUND.items():
        shown = re.sub(r"\\w[+*]|v\\d\+", "*", pattern)
        parts.append(f"- `{shown}`: {reason}\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(generated.put(PAGE, page(), generated.parser(__doc__).parse_args().check))
