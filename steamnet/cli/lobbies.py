"""Chats that can be found: the host's lobby, and the list that players choose from."""

import argparse
import queue
import time

from ..enums import Availability
from ..errors import ResultError, SteamnetError, UnsupportedError
from ..lobbies import Lobby, LobbyRequest, T
from ..lobby_backend import MAX_MEMBERS, LobbyInfo
from ..steam import Steam
from .output import FRAME, next_line, say

CHAT = {"steamnet": "chat"}  # what tells our lobbies from those of other programs
LOBBY_ACCOUNT = 8  # of a Steam ID: a chat's, which a lobby's is


def is_lobby(target: str) -> bool:
    """Whether the target of ``steamnet join`` is a lobby, and no user."""
    number = int(target) if target.isascii() and target.isdecimal() and len(target) <= 20 else 0
    return number >> 52 & 0xF == LOBBY_ACCOUNT


def answer(steam: Steam, request: LobbyRequest[T]) -> T:
    """The result of a request."""
    while not request.done:
        steam.run_callbacks()
        steam.wait(FRAME)
    return request.result()


def open_lobby(steam: Steam, port: int) -> Lobby | None:
    """Make the host's lobby; say why where that fails, as players can join by identity."""
    data = CHAT | {"name": steam.friends.name, "port": str(port)}
    try:
        return answer(steam, steam.lobbies.create(MAX_MEMBERS, data))
    except SteamnetError as error:
        say(f"* no lobby, so `steamnet join` cannot list this chat: {error}")
        return None


def show(steam: Steam) -> list[LobbyInfo]:
    """List the chats, numbered from 1."""
    lobbies = answer(steam, steam.lobbies.list(where=CHAT))
    if not lobbies:
        where = f"--rendezvous {steam.rendezvous.url}" if steam.rendezvous is not None else ""
        command = f"steamnet host {where or f'--engine {steam.engine.name}'}"
        say(f"Nobody hosts a chat {_where(steam)}. To host one:  {command}")
        return lobbies
    say(f"{'':>3}  {'name':<24} {'players':>9} {'ping':>12}  lobby")
    for number, lobby in enumerate(lobbies, 1):
        players = f"{lobby.member_count}/{lobby.max_members or '?'}"
        name = lobby.data.get("name", "?")[:24]
        say(f"{number:>3}  {name:<24} {players:>9} {_ping(steam, lobby):>12}  {lobby.id}")
    return lobbies


def choose(steam: Steam, typed: "queue.SimpleQueue[str | None]") -> LobbyInfo | None:
    """List the chats, and let the player choose one by its number; None if there is no choice."""
    lobbies = show(steam)
    while lobbies:
        say("Which one? Type its number.")
        while (line := next_line(typed)) == "":
            steam.run_callbacks()
            time.sleep(FRAME)
        if line is None:
            return None
        if line.strip().isdecimal() and 1 <= int(line) <= len(lobbies):
            return lobbies[int(line) - 1]
    return None


def enter(steam: Steam, lobby: "LobbyInfo | str", options: argparse.Namespace) -> Lobby | None:
    """Join a lobby; say why where that fails."""
    try:
        joined = answer(steam, steam.lobbies.join(lobby))
    except ResultError as error:
        say(str(error))
        return None
    port = joined.data.get("port", "")
    if port.isdecimal() and int(port) < 0x10000:
        options.port = int(port)
    return joined


def _where(steam: Steam) -> str:
    if steam.engine.name == "steam":
        return "on Steam"
    if steam.rendezvous is not None:
        return f"at {steam.rendezvous.url}"
    return f"on the {steam.engine.name} engine of this machine"


def tell_location(steam: Steam, lobby: Lobby | None) -> None:
    """Let others estimate their ping, once it is known where we are in Valve's network."""
    if steam.engine.name != "steam" or lobby is None or "location" in lobby.data:
        return
    try:
        if steam.networking_utils.get_relay_network_status().availability == Availability.CURRENT:
            location, _ = steam.networking_utils.get_local_ping_location()
            if location and lobby.owner is not None:
                lobby.data["location"] = location
    except UnsupportedError:
        pass


def _ping(steam: Steam, lobby: LobbyInfo) -> str:
    if steam.engine.name != "steam":
        return "?" if steam.rendezvous is not None else "this machine"
    try:
        ping = steam.networking_utils.estimate_ping_from_string(lobby.data.get("location", ""))
    except UnsupportedError:
        ping = -1
    return f"{ping} ms" if ping >= 0 else "?"
