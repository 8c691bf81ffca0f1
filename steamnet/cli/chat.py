"""The two-terminal chat: ``steamnet host`` and ``steamnet join``."""

import argparse
import os
import queue
import re
import shlex
import signal
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

from ..enums import ConfigValue, ConnectionState
from ..errors import ResultError, SteamnetError
from ..identity import Identity, split_address
from ..objects import Connection, Listener
from ..steam import Steam, init
from .addresses import is_address, is_local, join_command, reachable
from .lobbies import choose, enter, is_lobby, open_lobby, show, tell_location
from .output import FRAME, next_line, say, typed_lines

ANSWER_SECONDS = 3.0  # that a rendezvous server may take to say who is there


def run(options: argparse.Namespace) -> int:
    """Open the engine, then host or join."""
    # SIGTERM ends a chat as Ctrl-C does: the peers are told.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    if options.engine is None:  # a rendezvous server is for this one engine
        options.engine = "gns" if options.rendezvous else "steam"
    if options.engine == "gns":
        options.rendezvous = options.rendezvous or os.environ.get("STEAMNET_RENDEZVOUS")
    for option in ("stun", "turn", "turn_user", "turn_password"):
        if getattr(options, option) is not None and options.engine != "gns":
            raise ValueError(f"--{option.replace('_', '-')} is for the gns engine: --engine gns")
    identity = options.identity if options.engine != "steam" else None
    with init(
        options.app_id,
        engine=options.engine,
        library=options.library,
        identity=identity,
        rendezvous=options.rendezvous,
        token=options.token,
        name=options.name,
    ) as steam:
        steam.networking_utils.init_relay_network_access()
        configure(steam, options)
        try:
            if options.command == "lobbies":
                show(steam)
                return 0
            with typed_lines() as typed:
                if options.command == "host":
                    return _host(steam, options, typed)
                return _join(steam, options, typed)
        except ResultError as error:
            say(str(error))
            return 1
        except KeyboardInterrupt:
            say("goodbye")
            return 0
        finally:
            steam.shutdown(linger=1.0)


def configure(steam: Steam, options: argparse.Namespace) -> None:
    """Use the STUN and TURN servers of the command line; they win over those of a server."""
    for key, value in {
        ConfigValue.P2P_STUN_SERVER_LIST: options.stun,
        ConfigValue.P2P_TURN_SERVER_LIST: options.turn,
        ConfigValue.P2P_TURN_USER_LIST: options.turn_user,
        ConfigValue.P2P_TURN_PASS_LIST: options.turn_password,
    }.items():
        if value:
            steam.networking_utils.set_config_value(key, value)


# --- host -----------------------------------------------------------------------------------------


def _host(steam: Steam, options: argparse.Namespace, typed: "queue.SimpleQueue[str | None]") -> int:
    who = steam.core.get_steam_id() or str(steam.networking_sockets.get_identity())
    with ExitStack() as stack:
        listeners: list[Listener] = []
        if options.listen is not None:
            try:
                listeners.append(stack.enter_context(steam.listen_ip(options.listen)))
            except ResultError as error:
                every = "0.0.0.0:PORT listens on all addresses of this machine"
                say(f"{error}: give another HOST:PORT; {every}")
                return 1
        if options.listen is None or options.rendezvous:
            try:
                listeners.append(stack.enter_context(steam.listen(options.port)))
            except ResultError as error:
                say(f"{error}: does another host run as the same user?")
                return 1
        say(f"Host {'Steam ID' if steam.core.get_steam_id() else 'identity'}: {who}")
        _say_how_to_join(listeners[0].address if options.listen else None, who, options)
        lobby = None
        if options.listen is None or options.rendezvous:
            lobby = open_lobby(steam, options.port)
        if lobby is not None:
            where = f" --rendezvous {shlex.quote(options.rendezvous)}" if options.rendezvous else ""
            say(f"Or they choose from a list:  {join_command(None, options)}{where}")
        room = stack.enter_context(steam.poll_group())
        coming: list[Connection] = []

        def joined(connection: Connection) -> None:
            coming.remove(connection)
            say(f"* {connection.peer} joined")
            room.broadcast(f"* {connection.peer} joined", besides=[*coming, connection])

        while True:
            steam.run_callbacks()
            tell_location(steam, lobby)
            for listener in listeners:
                while (connection := listener.accept()) is not None:
                    room.add(connection)
                    coming.append(connection)
            for connection in [one for one in coming if one.state == ConnectionState.CONNECTED]:
                joined(connection)
            for message in room.receive():
                sender = room.sender(message)
                if sender in coming:  # its first message arrives before its route is confirmed
                    joined(sender)
                line = f"{message.identity}: {message.decode(errors='replace')}"
                say(line)
                room.broadcast(line, besides=[*coming, sender])
            for connection in room.departed():
                if connection in coming:
                    coming.remove(connection)
                    if connection.info.state == ConnectionState.PROBLEM_DETECTED_LOCALLY:
                        say(f"* no way to {connection.peer}: {connection.info.end_debug}")
                        say(_no_way(steam, options))
                else:
                    say(f"* {connection.peer} left ({connection.info.end_debug})")
                    room.broadcast(f"* {connection.peer} left", besides=coming)
                connection.close()
            while line := next_line(typed) or "":
                room.broadcast(f"{who}: {line}", besides=coming)
            time.sleep(FRAME)


def _say_how_to_join(address: str | None, who: str, options: argparse.Namespace) -> None:
    """Say what players type, each on the machine that it is for."""

    def waiting(where: str, command: str) -> None:
        say(f"Waiting for players;{where and f' {where}'} they type:  {command}")

    by_name = join_command(who, options)
    if address is not None:
        for place in reachable(address):
            local = is_local(place)
            if local or options.engine != "loopback":  # which is for one machine
                waiting(
                    "on this machine" if local else "in this network", join_command(place, options)
                )
        if options.engine != "loopback" and not is_local(address):
            say(
                f"From elsewhere: the router here must forward UDP port {split_address(address)[1]}"
                " to this machine (port forwarding), and they use its public address; or use "
                "--rendezvous."
            )
    if options.rendezvous:
        token = " --identity THEIR_IDENTITY --token THEIR_TOKEN" if options.token else ""
        waiting("anywhere", f"{by_name} --rendezvous {shlex.quote(options.rendezvous)}{token}")
        if is_local(urlsplit(options.rendezvous).netloc):
            say("Other machines know that server by another address.")
    elif address is None:
        waiting("on this machine" if options.engine != "steam" else "", by_name)
        if options.engine == "gns":
            say("For players on other machines: --listen 0.0.0.0:27015, or --rendezvous URL.")


# --- join -----------------------------------------------------------------------------------------


def _join(steam: Steam, options: argparse.Namespace, typed: "queue.SimpleQueue[str | None]") -> int:
    lobby = choose(steam, typed) if options.target is None else options.target
    if lobby is None:
        return 1
    if not isinstance(lobby, str) or is_lobby(lobby):
        joined = enter(steam, lobby, options)
        if joined is None:
            return 1
        options.target = str(joined.owner)
    by_address = is_address(options.target)
    try:
        if by_address:
            connection = steam.connect_ip(options.target)
        else:
            connection = steam.connect(Identity.parse(options.target), options.port)
    except ValueError as error:
        where = options.target
        if re.fullmatch(r"[\w-]+(\.[\w-]+)+", where):
            say(f"{where!r} has no port: write {where}:27015, or as the host shows it")
        else:
            say(f"{error}{'' if ':' in where else ', or HOST:PORT as the host shows it'}")
        return 2
    say(f"Connecting to {options.target} as {steam.networking_sockets.get_identity()} ...")
    shown: ConnectionState | int = ConnectionState.NONE
    connected = False
    while True:
        steam.run_callbacks()
        info = connection.info
        if info.state != shown:
            shown = info.state
            say(f"* {info.state_name}")
        try:
            for message in connection.receive():
                say(message.decode(errors="replace"))
        except ResultError:  # it has ended, and all that came before was read
            say(f"* the connection ended: {info.end_debug} ({int(info.end_reason)})")
            if not connected:
                say(_advice(steam, options, by_address))
            return 0 if connected and info.state == ConnectionState.CLOSED_BY_PEER else 1
        if info.state == ConnectionState.CONNECTED:
            connected = True
            if _send_typed(connection, typed):
                connection.close()
                return 0  # leaving lets what was sent drain
        time.sleep(FRAME)


def _send_typed(connection: Connection, typed: "queue.SimpleQueue[str | None]") -> bool:
    """Send what was typed; whether that was the end of it."""
    while (line := next_line(typed)) != "":
        if line is None:
            return True
        with suppress(ResultError):  # a full buffer, or an end that receive tells of
            connection.send(line)
    return False


# --- what to try next -----------------------------------------------------------------------------


def _advice(steam: Steam, options: argparse.Namespace, by_address: bool) -> str:
    """What to try when joining has failed."""
    engine = options.engine
    if by_address:
        return (
            f"Is the host running there, with --listen, on the {engine} engine? If it is behind a "
            f"router, that must forward UDP port {split_address(options.target)[1]} to it (port "
            "forwarding); if that cannot be, both use --rendezvous."
        )
    if options.rendezvous is None:
        line = (
            f"Is the host running, as {options.target}, on this engine and virtual port "
            f"{options.port}?"
        )
        if engine == "gns":
            line += (
                " Without --rendezvous only users of this machine are found by identity; another "
                "machine is reached by address (host --listen, join HOST:PORT) or --rendezvous."
            )
        return line
    present = _is_present(steam, options.target)
    if present is None:
        return (
            f"{options.rendezvous} does not say whether {options.target} is logged in there: is "
            "that server running, and reached? Without it players do not find each other."
        )
    if not present:
        return (
            f"{options.target} is not logged in at {options.rendezvous}: is the host running, "
            "with that --rendezvous and identity?"
        )
    return f"The host is logged in at {options.rendezvous}. {_no_way(steam, options)}"


def _is_present(steam: Steam, identity: str) -> bool | None:
    """Whether the rendezvous server knows that user; None if it does not say."""
    client = steam.rendezvous
    if client is None:
        return None
    try:
        answer = client.request("present", identity=Identity.parse(identity).text)
        present = answer.result(ANSWER_SECONDS)
    except (SteamnetError, TimeoutError):
        return None
    return present if isinstance(present, bool) else None


def _no_way(steam: Steam, options: argparse.Namespace) -> str:
    """What to try when both players are there, but no packets get through."""
    utils = steam.networking_utils
    if not utils.get_config_value(ConfigValue.P2P_STUN_SERVER_LIST):
        return (
            "No packets get through, and no STUN server is known: behind a home router give "
            "--stun HOST:PORT (the rendezvous server of `steamnet server` is one)."
        )
    if not utils.get_config_value(ConfigValue.P2P_TURN_SERVER_LIST):
        return (
            "No packets get through: does UDP reach the STUN server? Some pairs of routers need a "
            "relay: --turn HOST:PORT with --turn-user and --turn-password (or steamnet server "
            "--turn). Or the host uses --listen and port forwarding."
        )
    return (
        "No packets get through, although a TURN server is known: is it reached by UDP, and are "
        "its user and password right? Or the host uses --listen and port forwarding."
    )
