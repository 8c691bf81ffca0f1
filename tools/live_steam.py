#!/usr/bin/env python3
"""Tries steamnet with your Steam, and writes a report that can be attached to an issue.

    python tools/live_steam.py walk --library PATH        one account: every kind of call
    python tools/live_steam.py host --library PATH        two accounts: this one waits ...
    python tools/live_steam.py join LOBBY --library PATH  ... and this one comes

Steam has to run, under an account that owns the app (480, Valve's test app, belongs to all). It
says what it does, and asks before anything that your friends could see. The report,
live_steam_report.md, holds no Steam ID, name, address or path: read it before you send it.
"""

import argparse
import getpass
import hashlib
import os
import platform
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import steamnet
from steamnet import (
    Availability,
    ConfigValue,
    ConnectionState,
    EResult,
    LobbyEventKind,
    LobbyType,
    SendFlags,
)

PORT = 7
HIDDEN = [  # what numbers and names of people and places look like
    (re.compile(r"\b\d{15,20}\b"), "<id>"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?"), "<address>"),
    (re.compile(r"\[?[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,}\]?(:\d+)?"), "<address>"),
    (re.compile(r"(/[\w.+-]+){2,}|[A-Za-z]:\\[^\s:]+"), "<path>"),
]
FINISHED = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)


class Skipped(Exception):  # noqa: N818  # no error
    """A step that was not wanted, or is not possible here."""


class Report:
    """What was tried, and what came of it."""

    def __init__(self, command: str, library: str) -> None:
        """Begin with what the program runs on."""
        self.names = {getpass.getuser(), socket.gethostname(), str(Path.home())}
        self.lines = [
            f"# steamnet {steamnet.__version__} with a live Steam: {command}",
            "",
            f"- {platform.system()} {platform.machine()}, Python {platform.python_version()}",
            f"- library: SHA-256 {hashlib.sha256(Path(library).read_bytes()).hexdigest()[:16]}",
        ]
        self.rows: list[str] = []
        self.failures = 0

    def hide(self, text: str) -> str:
        """The text without what tells who or where somebody is, on one line."""
        for name in sorted(filter(None, self.names), key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<name>", text)
        for pattern, instead in HIDDEN:
            text = pattern.sub(instead, text)
        return " ".join(text.replace("|", "/").split())[:300]

    def say(self, text: str) -> None:
        """Tell the person at the terminal, and the report."""
        print(text, flush=True)
        self.lines.append(f"- {self.hide(text)}")

    def step(self, what: str, work: Callable[[], object]) -> bool:
        """Do one thing, and note what came of it; whether it went well."""
        print(f"{what} ... ", end="", flush=True)
        began = time.monotonic()
        try:
            found = work()
            result, detail = "ok", "" if found is None else str(found)
        except Skipped as reason:
            result, detail = "skipped", str(reason)
        except Exception as error:
            result, detail = "FAILED", f"{type(error).__name__}: {error}"
            self.failures += 1
        seconds = time.monotonic() - began
        print(f"{result}{f': {detail}' if detail else ''}", flush=True)
        self.rows.append(f"| {what} | {result} | {seconds:.2f} s | {self.hide(detail)} |")
        return result == "ok"

    def write(self, path: Path) -> None:
        """Write it where it is asked for."""
        table = ["", "| step | result | time | detail |", "|---|---|---|---|", *self.rows, ""]
        path.write_text("\n".join([*self.lines, *table]), encoding="utf-8")
        print(f"\nThe report is in {path}. Please read it, and attach it to an issue.")


class Trial:
    """One run with one account."""

    def __init__(self, steam: steamnet.Steam, report: Report, options: argparse.Namespace) -> None:
        """Use an open Steam."""
        self.steam = steam
        self.report = report
        self.agrees: bool | None = True if options.yes else None
        self.patience: float = options.seconds

    def ask(self, question: str) -> None:
        """Go on only if the person agrees."""
        agreed = self.agrees
        if agreed is None:
            with suppress(EOFError):
                agreed = input(f"\n  {question} [y/N] ").strip().lower() in ("y", "yes")
        if not agreed:
            raise Skipped("not wanted")

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Run callbacks until the condition holds."""
        deadline = time.monotonic() + self.patience
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {self.patience:.0f} s: {what}")
            self.steam.run_callbacks()
            time.sleep(0.005)
        return found

    def answer(self, request: Any) -> Any:
        """What a request of the lobbies is answered with."""
        self.until(lambda: request.done, "the answer")
        return request.result()

    def event(self, kind: LobbyEventKind) -> Any:
        """The next event of a kind."""
        return self.until(
            lambda: next((e for e in self.steam.lobbies.events() if e.kind == kind), None),
            kind.name,
        )


# --- one account ---------------------------------------------------------------------------------


def walk(trial: Trial) -> None:
    """Every kind of call, with one account."""
    steps = [
        ("identity", _identity),
        ("relay network", _relays),
        ("authentication", _authentication),
        ("the nineteen calls, between two sockets of this process", _nineteen),
        ("P2P to oneself", _to_oneself),
        ("by address, on this machine", _by_address),
        ("lobby: made, its data, chat, left", _lobby),
        (
            "lobby: found by a search (invisible: strangers can find it, friends do not see it)",
            _search,
        ),
        ("lobby: refused with Valve's reason", _refused),
        ("friends: names", _friends),
        ("rich presence", _presence),
        ("the invite dialog", _dialog),
    ]
    for what, work in steps:
        trial.report.step(what, lambda work=work: work(trial))  # type: ignore[misc]  # work's own


def _check(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def _identity(trial: Trial) -> str:
    steam_id = trial.steam.core.get_steam_id()
    _check(re.fullmatch(r"7656\d{13}", steam_id), "the Steam ID is no person's")
    _check(trial.steam.networking_sockets.get_identity() == steam_id, "the identity is another")
    return f"app {trial.steam.core.get_app_id()}"


def _relays(trial: Trial) -> str:
    utils = trial.steam.networking_utils
    utils.init_relay_network_access()
    ready = utils.wait_for_relay(trial.patience)
    status = utils.get_relay_network_status()
    _check(ready, f"{status.availability}: {status.message}")
    place, age = utils.get_local_ping_location()
    pings = [utils.get_ping_to_data_center(pop)[0] for pop, _ in utils.get_pop_list()]
    near = min((ping for ping in pings if ping >= 0), default=-1)
    _check(place, "no ping location")
    return f"{len(pings)} data centers, the nearest {near} ms away; measured {age:.0f} s ago"


def _authentication(trial: Trial) -> str:
    sockets = trial.steam.networking_sockets
    sockets.init_authentication()
    with suppress(TimeoutError):
        trial.until(
            lambda: sockets.get_authentication_status().availability == Availability.CURRENT,
            "a certificate",
        )
    return str(sockets.get_authentication_status().availability)


@contextmanager
def _pair(trial: Trial) -> Iterator[tuple[int, int]]:
    sockets = trial.steam.networking_sockets
    here, there = sockets.create_socket_pair(use_network_loopback=True)
    _check(here and there, "no pair")
    yield here, there
    sockets.close_connection(here)
    sockets.close_connection(there)


def _nineteen(trial: Trial) -> str:
    sockets = trial.steam.networking_sockets
    with _pair(trial) as (here, there):
        group = sockets.create_poll_group()
        _check(sockets.set_connection_poll_group(there, group), "set_connection_poll_group")
        _check(sockets.set_connection_user_data(there, 77), "set_connection_user_data")
        _check(sockets.get_connection_user_data(there) == 77, "get_connection_user_data")
        key = ConfigValue.SEND_BUFFER_SIZE
        _check(
            sockets.set_connection_config_value(here, key, 1 << 20), "set_connection_config_value"
        )
        _check(sockets.get_connection_config_value(here, key) == 1 << 20, "config value")
        sent = [bytes([number]) * (1 + number * 600) for number in range(20)]
        for payload in sent:
            _check(sockets.send_message(here, payload) == EResult.OK, "send_message")
        sockets.flush_messages_on_connection(here)
        got: list[bytes] = []

        def receive() -> bool:
            messages = sockets.receive_messages_on_poll_group(group, 100)
            got.extend(bytes(message) for message in messages)
            return len(got) == len(sent)

        trial.until(receive, "20 messages")
        _check(got == sent, "other messages than were sent")
        _check(sockets.receive_messages(there) == [], "receive_messages")
        info = sockets.get_connection_info(here)
        status = sockets.get_quick_connection_status(here)
        _check(info is not None and info.state == ConnectionState.CONNECTED, "get_connection_info")
        _check(status is not None, "get_quick_connection_status")
        _check(sockets.get_detailed_connection_status(here), "get_detailed_connection_status")
        _check(sockets.destroy_poll_group(group), "destroy_poll_group")
        return f"ping {status.ping} ms" if status is not None else ""


def _to_oneself(trial: Trial) -> str:
    steam = trial.steam
    with steam.listen(PORT) as listener:
        connection = steam.connect(steam.core.get_steam_id(), PORT)
        accepted = trial.until(listener.accept, "the request")
        trial.until(lambda: connection.state == ConnectionState.CONNECTED, "the connection")
        connection.send("hello")
        [message] = trial.until(accepted.receive, "the message")
        _check(message.decode() == "hello", "another message")
        text = connection.info.connection_description
        connection.close()
        return str(text)


def _by_address(trial: Trial) -> str:
    steam = trial.steam
    with steam.listen_ip("127.0.0.1:0") as listener:
        connection = steam.connect_ip(listener.address)
        accepted = trial.until(listener.accept, "the request")
        trial.until(lambda: connection.state == ConnectionState.CONNECTED, "the connection")
        connection.send("hello", SendFlags.RELIABLE_NO_NAGLE)
        trial.until(accepted.receive, "the message")
        flags = connection.info.flags
        connection.close()
        return f"flags {flags}"


def _lobby(trial: Trial) -> str:
    steam = trial.steam
    lobby = trial.answer(steam.lobbies.create(2, {"trial": "walk"}, type=LobbyType.PRIVATE))
    try:
        me = steam.core.get_steam_id()
        _check((lobby.owner, lobby.members) == (me, [me]), "we are not its owner and only member")
        _check(dict(lobby.data) == {"trial": "walk"}, "its data are others")
        _check(lobby.max_members == 2, "its limit is another")
        lobby.data["trial"] = "changed"
        lobby.me["ready"] = "yes"
        _check(lobby.data["trial"] == "changed", "what was written is not there at once")
        at_once = lobby.me.get("ready") == "yes"
        trial.until(lambda: lobby.me.get("ready") == "yes", "our own data")
        lobby.send(b"said")
        _check(trial.event(LobbyEventKind.CHAT).data == b"said", "other words")
        info = trial.answer(steam.lobbies.info(lobby))
        _check(info.data == {"trial": "changed"}, "info has other data")
    finally:
        lobby.leave()
    _check(lobby.members == [], "we are still in it")
    return f"our own data can be read {'at once' if at_once else 'after the event'}"


def _search(trial: Trial) -> str:
    steam = trial.steam
    mark = os.urandom(8).hex()
    data = {"trial": mark, "skill": "44"}
    lobby = trial.answer(steam.lobbies.create(4, data, type=LobbyType.INVISIBLE))
    try:
        where: dict[str, Any] = {"trial": mark, "skill": (">=", 40)}

        def search() -> Any:
            return trial.answer(steam.lobbies.list(where=where, near={"skill": 50}))

        began = time.monotonic()
        [info] = trial.until(search, "the lobby in a search")
        seconds = time.monotonic() - began
        _check((info.id, info.data) == (lobby.id, data), "another lobby, or other data")
        where["skill"] = (">", 44)
        _check(search() == [], "found in spite of the filter")
        return f"after {seconds:.1f} s; {info.member_count} of {info.max_members} members"
    finally:
        lobby.leave()


def _refused(trial: Trial) -> str:
    lobby = trial.answer(trial.steam.lobbies.create(2, type=LobbyType.PRIVATE))
    lobby.leave()
    answers = []
    for request in (trial.steam.lobbies.join(lobby.id), trial.steam.lobbies.info(lobby.id)):
        try:
            trial.answer(request)
            answers.append("taken")
        except steamnet.ResultError as error:
            answers.append(str(error))
    return "; ".join(answers)


def _friends(trial: Trial) -> None:
    friends = trial.steam.friends
    _check(friends.name, "we have no name")
    _check(all(friend.name for friend in friends.friends()), "a friend has no name")


def _presence(trial: Trial) -> str:
    trial.ask('Your friends would see "tries steamnet" for some seconds. May I?')
    friends = trial.steam.friends
    _check(friends.set_rich_presence("status", "tries steamnet"), "refused")
    trial.steam.run_callbacks()
    _check(friends.set_rich_presence("status", ""), "not removed")
    return "set and removed"


def _dialog(trial: Trial) -> str:
    trial.ask("Steam's dialog to invite friends would open; close it without inviting. May I?")
    lobby = trial.answer(trial.steam.lobbies.create(2, type=LobbyType.PRIVATE))
    try:
        lobby.invite_dialog()
        return "asked for"
    finally:
        lobby.leave()


# --- two accounts --------------------------------------------------------------------------------


def host(trial: Trial) -> None:
    """Wait in a lobby for the other account, and echo what it sends."""
    steam, report = trial.steam, trial.report
    made: list[Any] = []

    def make() -> None:
        # Not private: Steam may let only those join who were invited.
        lobby = steam.lobbies.create(2, {"trial": "two"}, type=LobbyType.INVISIBLE)
        made.append(trial.answer(lobby))

    if not report.step("lobby", make):
        return
    print(
        f"\nOn the other machine:\n\n    python tools/live_steam.py join {made[0].id}\n", flush=True
    )
    with steam.listen(PORT) as listener:
        report.step("the other comes into the lobby", lambda: _comes(trial))
        accepted: list[Any] = []
        report.step(
            "it connects", lambda: accepted.append(trial.until(listener.accept, "the request"))
        )
        if accepted:
            report.step("echo", lambda: _echo(trial, accepted[0]))
        made[0].leave()


def _comes(trial: Trial) -> None:
    trial.event(LobbyEventKind.JOINED)


def _echo(trial: Trial, connection: Any) -> str:
    count = 0

    def echo() -> bool:
        nonlocal count
        for message in connection.receive():
            flags = message.flags & SendFlags.RELIABLE | SendFlags.NO_NAGLE
            connection.send(message.data, flags)
            count += 1
        return connection.state in FINISHED

    trial.until(echo, "the end of the connection")
    info = connection.info
    return f"{count} messages; {_way(info)}; ended with {info.end_reason}"


def join(trial: Trial, lobby_id: str) -> None:
    """Come into the lobby of the other account, and measure the way to it."""
    steam, report = trial.steam, trial.report
    found: list[Any] = []
    report.step("relay network", lambda: _relays(trial))
    if not report.step("lobby", lambda: found.append(trial.answer(steam.lobbies.join(lobby_id)))):
        return
    lobby = found[0]
    connection = steam.connect(lobby.owner, PORT)

    def connected() -> None:
        trial.until(lambda: connection.state == ConnectionState.CONNECTED, "the connection")

    if report.step("connected", connected):
        report.step("round trips", lambda: _round_trips(trial, connection))
        report.step("256 KiB, reliably", lambda: _bulk(trial, connection))
        report.step("the way", lambda: _way(connection.info))
    connection.close()
    lobby.leave()


def _round_trips(trial: Trial, connection: Any) -> str:
    times = []
    for number in range(20):
        began = time.monotonic()
        connection.send(bytes([number]), SendFlags.RELIABLE_NO_NAGLE)
        trial.until(connection.receive, "the echo")
        times.append((time.monotonic() - began) * 1000)
    times.sort()
    ping = connection.status.ping
    return f"median {times[10]:.0f} ms, worst {times[-1]:.0f} ms; ping {ping} ms by Steam"


def _bulk(trial: Trial, connection: Any) -> str:
    began, left = time.monotonic(), 2
    for _ in range(left):
        trial.until(lambda: connection.status.pending_reliable < 1 << 17, "room to send")
        connection.send(bytes(1 << 17))

    def receive() -> bool:
        nonlocal left
        left -= len(connection.receive())
        return left == 0

    trial.until(receive, "the echoes")
    return f"there and back in {time.monotonic() - began:.1f} s"


def _way(info: steamnet.ConnectionInfo) -> str:
    kind = re.sub(r"^#\d+ ", "", info.connection_description)
    return f"flags {info.flags}; through data center {bool(info.pop_id_relay)}; {kind}"


# --- the program ---------------------------------------------------------------------------------


def main() -> int:
    """Run what is asked for; 1 if anything failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["walk", "host", "join"])
    parser.add_argument("lobby", nargs="?", help="join: the number that the host shows")
    parser.add_argument(
        "--library", default=os.environ.get("STEAMNET_LIBRARY"), help="path of Steam's library"
    )
    parser.add_argument("--app-id", type=int, default=480, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60.0, help="to wait for anything at most")
    parser.add_argument(
        "--report", type=Path, default=Path("live_steam_report.md"), help="default: %(default)s"
    )
    parser.add_argument("--yes", action="store_true", help="agree to what friends can see")
    options = parser.parse_args()
    if not options.library:
        parser.error("give --library, the path of libsteam_api.so or steam_api64.dll")
    if (options.command == "join") != (options.lobby is not None):
        parser.error("join takes the lobby that the host shows")
    if not Path(options.library).is_file():
        parser.error(f"--library: there is no file {options.library}")
    report = Report(options.command, options.library)
    opened: list[steamnet.Steam] = []

    def start() -> str:
        opened.append(steamnet.init(options.app_id, engine="steam", library=options.library))
        missing = [name for name, there in opened[0].engine.functions() if not there]
        return f"{opened[0].engine.accessor}; missing functions: {', '.join(missing) or 'none'}"

    if report.step("Steam starts", start):
        steam = opened[0]
        with suppress(steamnet.UnsupportedError):
            report.names.update(
                [steam.friends.name, *(one.name for one in steam.friends.friends())]
            )
        trial = Trial(steam, report, options)
        try:
            if options.command == "join":
                join(trial, options.lobby)
            else:
                {"walk": walk, "host": host}[options.command](trial)
        except KeyboardInterrupt:
            report.say("ended by Ctrl-C")
        report.step("Steam ends", lambda: "; ".join(map(str, steam.shutdown())) or None)
    report.write(options.report)
    return int(report.failures > 0)


if __name__ == "__main__":
    sys.exit(main())
