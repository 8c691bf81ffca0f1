"""Does what a confused game might, in random order; dies only if steamnet lets it.

orders.py COUNT SEED LIBRARY...
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import steamnet

BOB = 76561198000000043


class Game:
    """One order after another, and whatever is left from the ones before."""

    def __init__(self, chance: random.Random, libraries: list[str]) -> None:
        """Begin without Steam."""
        self.chance = chance
        self.libraries = libraries
        self.steams: list[steamnet.Steam] = []
        self.handles: list[int] = [0, 1, 12345]
        self.kept: list[Any] = []
        self.requests: list[Any] = []
        self.lobbies: list[Any] = []
        self.started = self.attached = 0
        self.others: ctypes.CDLL | None = None  # another binding's Steam
        self.theirs = ""  # and its library

    def steam(self) -> steamnet.Steam:
        """Any Steam there ever was, open or not."""
        return self.chance.choice(self.steams)

    def library(self) -> str:
        """Any library; while another binding has Steam open, its own: a game has one."""
        return self.theirs or self.chance.choice(self.libraries)

    def handle(self) -> int:
        """Any handle there ever was, dead ones and other kinds included."""
        return self.chance.choice(self.handles)

    def start(self) -> None:
        """Open Steam, or be refused."""
        refusal = self.chance.choice(["", "", "", "no-client"])
        os.environ["STEAMNET_FAKE_STEAM_REFUSE"] = refusal
        os.environ.pop("SteamAppId", None)
        library = self.chance.choice([self.library(), self.library(), "/nowhere/libsteam_api.so"])
        app_id = self.chance.choice([480, 480, 480, None])
        self.steams.append(steamnet.init(app_id, library=library))
        self.started += 1

    def start_server(self) -> None:
        """Open Steam as a game server, or be refused."""
        version = self.chance.choice(["1.0.0.0", "bad"])
        library = self.library()
        self.steams.append(
            steamnet.init_game_server(480, product="game", version=version, library=library)
        )
        self.started += 1

    def attach(self) -> None:
        """Attach to another binding's Steam, if there is one."""
        self.steams.append(steamnet.init(attach=True, library=self.library()))
        self.attached += 1

    def other(self) -> None:
        """Have another binding open Steam, or shut it down, whatever is attached to it."""
        if self.others is not None:
            self.others.SteamAPI_Shutdown()
            self.others, self.theirs = None, ""
        elif not any(steam.core.is_initialized() for steam in self.steams):
            os.environ.update({"SteamAppId": "480", "STEAMNET_FAKE_STEAM_REFUSE": ""})
            self.theirs = self.library()
            self.others = ctypes.CDLL(self.theirs)
            assert self.others.SteamAPI_InitSafe()

    def restart(self) -> None:
        """Ask Steam whether it would restart the game."""
        steamnet.restart_app_if_necessary(0, self.chance.choice(self.libraries))

    def stop(self) -> None:
        """Shut down, perhaps again."""
        self.steam().shutdown()

    def pump(self) -> None:
        """Run callbacks."""
        self.steam().run_callbacks()

    def talk(self) -> None:
        """Make a pair, send small and large, keep some of what arrives."""
        sockets = self.steam().networking_sockets
        here, there = sockets.create_socket_pair(self.chance.random() < 0.5)
        self.handles += [here, there]
        payload = b"x" * self.chance.choice([0, 10, 5000, 200000])
        sockets.send_message(here, payload)
        sockets.send_messages([(there, payload, 8), (self.handle(), payload, 0)])
        self.kept += sockets.receive_messages(there) + sockets.receive_messages(here)

    def call(self) -> None:
        """Call this or that with whatever handles."""
        steam, one = self.steam(), self.handle()
        sockets, utils = steam.networking_sockets, steam.networking_utils
        calls: list[Callable[[], object]] = [
            lambda: sockets.close_connection(one),
            lambda: sockets.close_listen_socket(one),
            lambda: sockets.accept_connection(one),
            lambda: sockets.get_connection_info(one),
            lambda: sockets.get_quick_connection_status(one),
            lambda: sockets.get_detailed_connection_status(one),
            lambda: sockets.set_connection_poll_group(one, self.handle()),
            lambda: sockets.receive_messages_on_poll_group(one),
            lambda: self.handles.append(sockets.create_poll_group()),
            lambda: self.handles.append(sockets.create_listen_socket_p2p(7)),
            lambda: self.handles.append(sockets.connect_p2p(76561198000000042, 7)),
            lambda: self.handles.append(sockets.connect_by_ip_address("127.0.0.1:9")),
            lambda: sockets.configure_connection_lanes(one, [1, 0]),
            lambda: sockets.begin_async_request_fake_ip(1),
            lambda: sockets.reset_identity("str:nobody"),
            lambda: utils.init_relay_network_access(),
            lambda: utils.get_local_timestamp(),
            lambda: utils.set_debug_output(self.chance.choice([0, 4, 7])),
            lambda: utils.get_config_value(steamnet.ConfigValue.TIMEOUT_INITIAL),
            lambda: steam.networking_messages.receive_messages_on_channel(0),
            lambda: steam.core.get_steam_id(),
            lambda: repr(steam),
        ]
        self.chance.choice(calls)()

    def meet(self) -> None:
        """Ask for lobbies, use those there are, of this or of another Steam."""
        steam, chance = self.steam(), self.chance
        for request in [one for one in self.requests if one.done]:
            self.requests.remove(request)
            if isinstance(found := request.result(), steamnet.Lobby):
                self.lobbies.append(found)
        if not self.lobbies:
            self.requests.append(steam.lobbies.create())
            return
        lobby = chance.choice(self.lobbies)
        number = chance.choice([5, lobby.id])
        calls: list[Callable[[], object]] = [
            lambda: self.requests.append(steam.lobbies.create(chance.randrange(1, 9), {"a": "b"})),
            lambda: self.requests.append(steam.lobbies.create(type=steamnet.LobbyType.INVISIBLE)),
            lambda: self.requests.append(steam.lobbies.join(number)),
            lambda: self.requests.append(steam.lobbies.list(where={"a": "b"}, near={"b": 1})),
            lambda: self.requests.append(steam.lobbies.info(number)),
            lambda: (lobby.owner, lobby.members, lobby.max_members, dict(lobby.data)),
            lambda: lobby.data.update(a="c"),
            lambda: lobby.me.update(a="c"),
            lambda: lobby.send(b"x" * chance.choice([1, 100, 4096])),
            lambda: lobby.set_owner(76561198000000042),
            lambda: lobby.invite(76561198000000042),
            lambda: lobby.leave(),
            lambda: steam.lobbies.events(),
            lambda: steam.lobbies.requested(),
            lambda: (steam.friends.name, steam.friends.friends(), steam.friends.name_of(BOB)),
            lambda: steam.friends.set_rich_presence("a", "b"),
        ]
        chance.choice(calls)()

    def read(self) -> None:
        """Read what was kept, and let some of it go."""
        assert all(set(bytes(message)) <= {ord("x")} for message in self.kept)
        del self.kept[: self.chance.randrange(4)]
        if self.chance.random() < 0.1:
            gc.collect()

    def play(self, steps: int) -> None:
        """Take random steps; steamnet may refuse each in its own words, and must survive all."""
        likely: list[Callable[[], None]] = [
            *[self.call] * 6,
            *[self.talk] * 3,
            *[self.meet] * 6,
            *[self.pump] * 4,
        ]
        starts = [self.start, self.start_server, self.attach, self.restart, self.other]
        rare = [*starts, self.start, self.attach, self.other]
        for _ in range(steps):
            step = self.chance.choice(likely + rare + [self.stop, self.read])
            if step in starts or self.steams:
                with contextlib.suppress(steamnet.SteamnetError):
                    step()
        self.steams[:-1] = []


def main() -> None:
    """Play the orders, each in a Steam of its own or in what is left of the last."""
    count, seed, *libraries = sys.argv[1:]
    game = Game(random.Random(int(seed)), libraries)
    for _ in range(int(count)):
        game.play(18)
        for steam in game.steams:
            if game.chance.random() < 0.7:
                steam.shutdown()
    print(f"survived {count} orders, {game.started} starts, {game.attached} attached")


if __name__ == "__main__":
    main()
