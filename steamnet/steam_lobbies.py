"""The back end of lobbies and friends on Steam: ``ISteamMatchmaking`` and ``ISteamFriends``.

Steam itself holds what is known of lobbies; this asks it. Results of calls to Steam's servers are
polled and not dispatched, so that another binding in the process may dispatch its own.
"""

import itertools
import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ._native import ffi, lib
from .engine import Engine
from .enums import EChatRoomEnterResponse, EResult, LobbyType, PersonaState, known
from .errors import ResultError, UnsupportedError
from .identity import Identity, identity_of, text_of
from .lobby_backend import (
    CALLED,
    MAX_MEMBERS,
    MAX_VALUE,
    Answer,
    Chat,
    Command,
    Create,
    Event,
    Friend,
    Inspect,
    Invite,
    InviteDialog,
    Join,
    Leave,
    LobbyEventKind,
    LobbyInfo,
    Result,
    Search,
    SetData,
    SetJoinable,
    SetMaxMembers,
    SetMemberData,
    SetType,
)

PATIENCE = 60.0  # seconds until a call that Steam does not answer has failed; Steam's limit is less
LEAVING = 0.2  # seconds that the end may wait for a lobby that is being made, to leave it
MAX_KEYS = 65536  # of a lobby's data, and friends: more is a library that lies
APP = 0xFFFFFF  # the bits of a game's id that are its app id
COMPARISON = {
    "<=": lib.k_ELobbyComparisonEqualToOrLessThan,
    "<": lib.k_ELobbyComparisonLessThan,
    "==": lib.k_ELobbyComparisonEqual,
    ">": lib.k_ELobbyComparisonGreaterThan,
    ">=": lib.k_ELobbyComparisonEqualToOrGreaterThan,
    "!=": lib.k_ELobbyComparisonNotEqual,
}
DISTANCE = {
    "close": lib.k_ELobbyDistanceFilterClose,
    "default": lib.k_ELobbyDistanceFilterDefault,
    "far": lib.k_ELobbyDistanceFilterFar,
    "worldwide": lib.k_ELobbyDistanceFilterWorldwide,
}
GONE = (
    lib.k_EChatMemberStateChangeDisconnected
    | lib.k_EChatMemberStateChangeKicked
    | lib.k_EChatMemberStateChangeBanned
)
FAILURES = {
    lib.k_ESteamAPICallFailureSteamGone: "Steam is gone",
    lib.k_ESteamAPICallFailureNetworkFailure: "the connection to Steam's servers failed",
    lib.k_ESteamAPICallFailureInvalidHandle: (
        "Steam does not know the call: another binding in this process has taken its result"
    ),
}
UNKNOWN_NAMES = ("", "[unknown]")
CONNECT_LOBBY = re.compile(r"\+connect_lobby\s+(\d{1,20})(?!\d)")


@dataclass
class Pending:
    """A call that Steam has not answered yet."""

    request: int
    command: "Create | Search | Join"
    call: int
    deadline: float
    ours: bool = True  # as in `Membership`
    late: bool = False  # its request has been answered without it


@dataclass
class Membership:
    """A lobby that we are in."""

    owner: int  # as was last told
    ours: bool  # we joined it, and not another binding in the process


class SteamLobbies:
    """A `LobbyBackend` on Steam."""

    def __init__(self, engine: Engine) -> None:
        """Serve the user of a steam engine."""
        self._engine = engine
        self._pointer = engine.pointer
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._in: dict[int, Membership] = {}
        self._pending: list[Pending] = []
        self._searches: deque[tuple[int, Search]] = deque()
        self._inspected: dict[int, list[tuple[int, float]]] = {}  # requests, and their deadlines
        self._out: deque[Answer | Event] = deque()
        self._changed: set[tuple[int, int]] = set()  # lobbies, members: told of in this poll
        self._named: set[int] = set()  # users whose name Steam was asked for
        self._launch_read = False
        self._closed = False
        self._param = ffi.new("char[]", lib.SN_CALLBACK_SIZE)
        self._text = ffi.new("char[]", MAX_VALUE + 1)
        self._key = ffi.new("char[]", lib.k_nMaxLobbyKeyLength + 1)

    # --- commands -----------------------------------------------------------------------------

    def submit(self, command: Command) -> int:
        """Begin a command; see `LobbyBackend`."""
        with self._lock:
            number = next(self._numbers)
            if isinstance(command, Search):
                self._engine.require("ISteamMatchmaking_RequestLobbyList")
                self._searches.append((number, command))
                self._begin_search()
            elif isinstance(command, Create | Join):
                self._begin(number, command)
            elif isinstance(command, Inspect):
                self._inspect(number, command.lobby)
            elif isinstance(command, Leave):
                self._leave(command.lobby)
            else:
                self._change(command)
            return number

    def _begin(self, number: int, command: Create | Join) -> None:
        ours = True
        if isinstance(command, Create):
            self._engine.require("ISteamMatchmaking_CreateLobby")
            # Nobody is to find it before it has its data; but a private one counts as a regular
            # lobby, of which a user has one.
            invisible = command.type == LobbyType.INVISIBLE
            kind = LobbyType.INVISIBLE if invisible else LobbyType.PRIVATE
            call = lib.ISteamMatchmaking_CreateLobby(self._pointer, kind, command.max_members)
        else:
            self._engine.require("ISteamMatchmaking_JoinLobby")
            ours = not lib.ISteamMatchmaking_GetLobbyOwner(self._pointer, command.lobby)
            call = lib.ISteamMatchmaking_JoinLobby(self._pointer, command.lobby)
        if not call:
            raise _refused(command, EResult.NO_CONNECTION, "Steam does not take the call")
        self._pending.append(Pending(number, command, call, _now() + PATIENCE, ours))

    def _begin_search(self) -> None:
        """Begin the next search: one at a time, as Steam keeps one list of what was found."""
        while self._searches and not any(
            isinstance(pending.command, Search) for pending in self._pending
        ):
            number, search = self._searches.popleft()
            pointer = self._pointer
            for key, comparison, value in search.where:
                name, how = key.encode(), COMPARISON[comparison]
                if isinstance(value, int):
                    lib.ISteamMatchmaking_AddRequestLobbyListNumericalFilter(
                        pointer, name, value, how
                    )
                else:
                    lib.ISteamMatchmaking_AddRequestLobbyListStringFilter(
                        pointer, name, value.encode(), how
                    )
            for key, number_near in search.near:
                lib.ISteamMatchmaking_AddRequestLobbyListNearValueFilter(
                    pointer, key.encode(), number_near
                )
            if search.slots > 0:
                lib.ISteamMatchmaking_AddRequestLobbyListFilterSlotsAvailable(pointer, search.slots)
            lib.ISteamMatchmaking_AddRequestLobbyListDistanceFilter(
                pointer, DISTANCE[search.distance]
            )
            lib.ISteamMatchmaking_AddRequestLobbyListResultCountFilter(pointer, search.limit)
            call = lib.ISteamMatchmaking_RequestLobbyList(pointer)
            if call:
                self._pending.append(Pending(number, search, call, _now() + PATIENCE))
            else:
                detail = "Steam does not take the call"
                self._out.append(Answer(number, EResult.NO_CONNECTION, detail=detail))

    def _inspect(self, number: int, lobby: int) -> None:
        self._engine.require("ISteamMatchmaking_RequestLobbyData")
        if lobby in self._in:  # Steam is not to be asked for those
            self._out.append(Answer(number, EResult.OK, lobby, (self._info(lobby),)))
        elif lib.ISteamMatchmaking_RequestLobbyData(self._pointer, lobby):
            self._inspected.setdefault(lobby, []).append((number, _now() + PATIENCE))
        else:
            raise ResultError(
                CALLED[Inspect], EResult.NO_CONNECTION, "not connected to Steam's servers"
            )

    def _leave(self, lobby: int) -> None:
        if self._in.pop(lobby, None) is None:
            raise ResultError("lobby.leave", EResult.INVALID_STATE, "we are not in this lobby")
        lib.ISteamMatchmaking_LeaveLobby(self._pointer, lobby)

    def _change(self, command: Any) -> None:
        """Do what members or owners do, which Steam takes or refuses at once."""
        pointer, lobby = self._pointer, command.lobby
        if lobby not in self._in:
            raise _refused(command, EResult.INVALID_STATE, "we are not in this lobby")
        if isinstance(command, SetMemberData):
            key, value = command.key.encode(), command.value.encode()
            lib.ISteamMatchmaking_SetLobbyMemberData(pointer, lobby, key, value)
        elif isinstance(command, Chat):
            data = command.data
            if not lib.ISteamMatchmaking_SendLobbyChatMsg(pointer, lobby, data, len(data)):
                raise _refused(command, EResult.FAIL, "Steam does not take the message")
        elif isinstance(command, Invite):
            user = _steam_id(command.user)
            if not user:
                raise _refused(command, EResult.INVALID_STEAM_ID, f"{command.user} is no Steam ID")
            if not lib.ISteamMatchmaking_InviteUserToLobby(pointer, lobby, user):
                raise _refused(command, EResult.NO_CONNECTION, "Steam does not take the invitation")
        elif isinstance(command, InviteDialog):
            self._engine.require("ISteamFriends_ActivateGameOverlayInviteDialog")
            if not lib.ISteamUtils_IsOverlayEnabled(pointer):
                raise _refused(
                    command,
                    EResult.INVALID_STATE,
                    "Steam's overlay does not run in this program: let Steam start it, and draw",
                )
            lib.ISteamFriends_ActivateGameOverlayInviteDialog(pointer, lobby)
        elif lib.ISteamMatchmaking_GetLobbyOwner(pointer, lobby) != lib.sn_steam_id(pointer):
            raise _refused(
                command, EResult.ACCESS_DENIED, "only the owner of a lobby may change it"
            )
        elif not self._set(command):
            raise _refused(command, EResult.INVALID_PARAM, "Steam does not take it")

    def _set(self, command: Any) -> bool:
        """Change our own lobby."""
        pointer, lobby = self._pointer, command.lobby
        if isinstance(command, SetData):
            return self._set_data(lobby, command.key, command.value)
        if isinstance(command, SetType):
            return bool(lib.ISteamMatchmaking_SetLobbyType(pointer, lobby, command.type))
        if isinstance(command, SetJoinable):
            return bool(lib.ISteamMatchmaking_SetLobbyJoinable(pointer, lobby, command.joinable))
        if isinstance(command, SetMaxMembers):
            return bool(
                lib.ISteamMatchmaking_SetLobbyMemberLimit(pointer, lobby, command.max_members)
            )
        user = _steam_id(command.user)
        return command.user in self.members(lobby) and bool(
            lib.ISteamMatchmaking_SetLobbyOwner(pointer, lobby, user)
        )

    def _set_data(self, lobby: int, key: str, value: str) -> bool:
        if value:
            return bool(
                lib.ISteamMatchmaking_SetLobbyData(
                    self._pointer, lobby, key.encode(), value.encode()
                )
            )
        # Of a key that there is not, Steam may say false.
        lib.ISteamMatchmaking_DeleteLobbyData(self._pointer, lobby, key.encode())
        return True

    # --- answers and events -------------------------------------------------------------------

    def poll(self, limit: int) -> Iterable[Answer | Event]:
        """Take answers and events; see `LobbyBackend`."""
        with self._lock:
            for pending in tuple(self._pending):
                self._ask(pending)
            self._begin_search()
            self._give_up()
            more = self._take_callbacks(limit)
            self._watch_owners()
            taken = [self._out.popleft() for _ in range(min(limit, len(self._out)))]
            if self._out or more:
                self._engine.has_more = True
        return taken

    def _ask(self, pending: Pending) -> None:
        """Ask whether a call has its result, and answer its request then."""
        failed = ffi.new("bool *")
        if not lib.ISteamUtils_IsAPICallCompleted(self._pointer, pending.call, failed):
            if _now() > pending.deadline and not pending.late:
                pending.late = True
                self._answer(pending, EResult.TIMEOUT, detail="Steam did not answer")
            return
        kind, type_name = CALLS[type(pending.command)]
        result = ffi.new(f"{type_name} *")
        got = not failed[0] and lib.ISteamUtils_GetAPICallResult(
            self._pointer, pending.call, result, ffi.sizeof(type_name), kind, failed
        )
        self._pending.remove(pending)
        if not got or failed[0]:
            reason = lib.ISteamUtils_GetAPICallFailureReason(self._pointer, pending.call)
            detail = FAILURES.get(reason, f"Steam's call failed, reason {reason}")
            self._answer(pending, EResult.IO_FAILURE, detail=detail)
        elif isinstance(pending.command, Create):
            self._created(pending, pending.command, result)
        elif isinstance(pending.command, Join):
            self._joined(pending, pending.command, result)
        else:
            self._found(pending, pending.command, result.m_nLobbiesMatching)

    def _answer(
        self,
        pending: Pending,
        result: Result,
        lobby: int = 0,
        infos: tuple[LobbyInfo, ...] = (),
        detail: str = "",
    ) -> None:
        self._out.append(Answer(pending.request, result, lobby, infos, detail))

    def _created(self, pending: Pending, command: Create, result: Any) -> None:
        lobby, reason = result.m_ulSteamIDLobby, known(EResult, result.m_eResult)
        if reason != EResult.OK or not lobby:
            self._answer(pending, EResult.FAIL if reason == EResult.OK else reason)
            return
        ready = not pending.late and all(
            self._set_data(lobby, key, value) for key, value in command.data.items()
        )
        if ready and command.type not in (LobbyType.PRIVATE, LobbyType.INVISIBLE):
            ready = lib.ISteamMatchmaking_SetLobbyType(self._pointer, lobby, command.type)
        if ready:
            self._enter(lobby, True)
            self._answer(pending, EResult.OK, lobby)
        else:  # nobody waits for it any more, or it cannot be what it should be
            lib.ISteamMatchmaking_LeaveLobby(self._pointer, lobby)
            if not pending.late:
                self._answer(pending, EResult.FAIL, detail="Steam does not take the lobby's data")

    def _joined(self, pending: Pending, command: Join, result: Any) -> None:
        response = known(EChatRoomEnterResponse, result.m_EChatRoomEnterResponse)
        entered = response == EChatRoomEnterResponse.SUCCESS
        if pending.late:
            if entered and pending.ours and command.lobby not in self._in:
                lib.ISteamMatchmaking_LeaveLobby(self._pointer, command.lobby)
            return
        if entered and command.lobby not in self._in:
            self._enter(command.lobby, pending.ours)
        self._answer(pending, response, command.lobby if entered else 0)

    def _found(self, pending: Pending, command: Search, count: int) -> None:
        infos = []
        for index in range(min(count, command.limit)):
            lobby = lib.ISteamMatchmaking_GetLobbyByIndex(self._pointer, index)
            if not lobby:
                break
            infos.append(self._info(lobby))
        if not pending.late:
            self._answer(pending, EResult.OK, infos=tuple(infos))

    def _enter(self, lobby: int, ours: bool) -> None:
        owner = lib.ISteamMatchmaking_GetLobbyOwner(self._pointer, lobby)
        self._in[lobby] = Membership(owner, ours)

    def _give_up(self) -> None:
        """Answer for those lobbies whose data Steam does not send."""
        for lobby, requests in tuple(self._inspected.items()):
            for number, deadline in tuple(requests):
                if _now() > deadline:
                    requests.remove((number, deadline))
                    detail = "Steam did not answer"
                    self._out.append(Answer(number, EResult.TIMEOUT, detail=detail))
            if not requests:
                del self._inspected[lobby]

    def _take_callbacks(self, limit: int) -> bool:
        """Make events of what Steam has called back with; whether there may be more."""
        kind = ffi.new("int *")
        self._changed.clear()
        for _ in range(limit):
            size = lib.sn_next_callback(self._pointer, kind, self._param, len(self._param))
            if size < 0:
                return False
            heard = HEARD.get(kind[0])
            if heard is not None:
                type_name, hear = heard
                hear(self, ffi.cast(f"{type_name} *", self._param), size)
            elif kind[0] == lib.SN_EVENTS_LOST:
                warnings.warn(
                    "events of lobbies are lost: run_callbacks is called too seldom",
                    RuntimeWarning,
                    stacklevel=4,
                )
        return True

    def _hear_update(self, update: Any, size: int) -> None:
        lobby, user = update.m_ulSteamIDLobby, update.m_ulSteamIDUserChanged
        change = update.m_rgfChatMemberStateChange
        if lobby not in self._in:
            return
        if change & lib.k_EChatMemberStateChangeEntered:
            self._tell(LobbyEventKind.JOINED, lobby, user)
        elif change & (GONE | lib.k_EChatMemberStateChangeLeft):
            if user == lib.sn_steam_id(self._pointer):
                del self._in[lobby]
            gone = change & GONE
            self._tell(LobbyEventKind.DISCONNECTED if gone else LobbyEventKind.LEFT, lobby, user)

    def _hear_kicked(self, kicked: Any, size: int) -> None:
        if self._in.pop(kicked.m_ulSteamIDLobby, None) is not None:
            own = lib.sn_steam_id(self._pointer)
            self._tell(LobbyEventKind.DISCONNECTED, kicked.m_ulSteamIDLobby, own)

    def _hear_data(self, update: Any, size: int) -> None:
        lobby, member = update.m_ulSteamIDLobby, update.m_ulSteamIDMember
        for number, _ in self._inspected.pop(lobby, ()) if member == lobby else ():
            if update.m_bSuccess:
                self._out.append(Answer(number, EResult.OK, lobby, (self._info(lobby),)))
            else:
                self._out.append(Answer(number, EChatRoomEnterResponse.DOESNT_EXIST))
        # Steam calls back for each key; what has changed shows in the view at once.
        if lobby in self._in and update.m_bSuccess and (lobby, member) not in self._changed:
            self._changed.add((lobby, member))
            if member == lobby:
                owner = lib.ISteamMatchmaking_GetLobbyOwner(self._pointer, lobby)
                self._tell(LobbyEventKind.DATA, lobby, owner)
            else:
                self._tell(LobbyEventKind.MEMBER_DATA, lobby, member)

    def _hear_chat(self, message: Any, size: int) -> None:
        if message.m_ulSteamIDLobby in self._in:
            said = ffi.buffer(self._param)[ffi.sizeof("LobbyChatMsg_t") : size]
            self._tell(LobbyEventKind.CHAT, message.m_ulSteamIDLobby, message.m_ulSteamIDUser, said)

    def _hear_invite(self, invite: Any, size: int) -> None:
        if invite.m_ulGameID & APP in (0, lib.sn_app_id(self._pointer)):
            self._tell(LobbyEventKind.INVITED, invite.m_ulSteamIDLobby, invite.m_ulSteamIDUser)

    def _hear_join(self, request: Any, size: int) -> None:
        self._tell(LobbyEventKind.JOIN_REQUESTED, request.m_steamIDLobby, request.m_steamIDFriend)

    def _hear_presence(self, request: Any, size: int) -> None:
        text = ffi.buffer(request.m_rgchConnect)[:].partition(b"\0")[0]
        lobby = lobby_in(text.decode("utf-8", "replace"))
        self._tell(LobbyEventKind.JOIN_REQUESTED, lobby, request.m_steamIDFriend, text)

    def _tell(self, kind: LobbyEventKind, lobby: int, user: int, data: bytes = b"") -> None:
        self._out.append(Event(kind, lobby, identity_of(str(user)) if user else None, data))

    def _watch_owners(self) -> None:
        """Tell of new owners, and of lobbies that are gone: Steam itself says nothing of those."""
        for lobby, membership in tuple(self._in.items()):
            owner = lib.ISteamMatchmaking_GetLobbyOwner(self._pointer, lobby)
            if owner and owner != membership.owner:
                membership.owner = owner
                self._tell(LobbyEventKind.OWNER, lobby, owner)
            elif membership.owner and not (owner or self.members(lobby)):
                del self._in[lobby]
                own = lib.sn_steam_id(self._pointer)
                self._tell(LobbyEventKind.DISCONNECTED, lobby, own)

    # --- the view -----------------------------------------------------------------------------

    def owner(self, lobby: int) -> Identity | None:
        """The owner; None if we are not in it."""
        if lobby not in self._in:
            return None
        owner = lib.ISteamMatchmaking_GetLobbyOwner(self._pointer, lobby)
        return identity_of(str(owner)) if owner else None

    def members(self, lobby: int) -> list[Identity]:
        """The members; [] if we are not in it."""
        if lobby not in self._in:
            return []
        count = lib.ISteamMatchmaking_GetNumLobbyMembers(self._pointer, lobby)
        users = (
            lib.ISteamMatchmaking_GetLobbyMemberByIndex(self._pointer, lobby, index)
            for index in range(min(count, MAX_MEMBERS))
        )
        return [identity_of(str(user)) for user in users if user]

    def max_members(self, lobby: int) -> int:
        """How many members it holds; 0 if we are not in it."""
        if lobby not in self._in:
            return 0
        return int(lib.ISteamMatchmaking_GetLobbyMemberLimit(self._pointer, lobby))

    def data(self, lobby: int) -> dict[str, str]:
        """A copy of the lobby's data."""
        return self._all_data(lobby) if lobby in self._in else {}

    def value(self, lobby: int, key: str) -> str:
        """One value of the lobby's data; "" if there is none."""
        if lobby not in self._in:
            return ""
        return self._read(
            lambda text, size: lib.ISteamMatchmaking_GetLobbyData(
                self._pointer, lobby, key.encode(), text, size
            )
        )

    def member_data(self, lobby: int, user: Identity) -> dict[str, str]:
        """Steam has no call that lists them: UnsupportedError."""
        raise UnsupportedError("Steam cannot list a member's data: ask for them by key")

    def member_value(self, lobby: int, user: Identity, key: str) -> str:
        """One value of a member's data; "" if there is none."""
        steam_id = _steam_id(user)
        if lobby not in self._in or not steam_id:
            return ""
        return self._read(
            lambda text, size: lib.ISteamMatchmaking_GetLobbyMemberData(
                self._pointer, lobby, steam_id, key.encode(), text, size
            )
        )

    def _read(self, call: Callable[[Any, int], int]) -> str:
        """The text that a call writes; "" where it is not made."""
        with self._lock:
            return text_of(self._text) if call(self._text, len(self._text)) >= 0 else ""

    def _all_data(self, lobby: int) -> dict[str, str]:
        data: dict[str, str] = {}
        with self._lock:
            count = lib.ISteamMatchmaking_GetLobbyDataCount(self._pointer, lobby)
            for index in range(min(count, MAX_KEYS)):
                if not lib.ISteamMatchmaking_GetLobbyDataByIndex(
                    self._pointer,
                    lobby,
                    index,
                    self._key,
                    len(self._key),
                    self._text,
                    len(self._text),
                ):
                    break
                data[text_of(self._key)] = text_of(self._text)
        return data

    def _info(self, lobby: int) -> LobbyInfo:
        pointer = self._pointer
        return LobbyInfo(
            lobby,
            lib.ISteamMatchmaking_GetNumLobbyMembers(pointer, lobby),
            lib.ISteamMatchmaking_GetLobbyMemberLimit(pointer, lobby),
            self._all_data(lobby),
            self.owner(lobby),
        )

    # --- friends ------------------------------------------------------------------------------

    def requested(self) -> int:
        """The lobby that Steam's launch command line names, once; else 0."""
        with self._lock:
            if self._launch_read or not self._engine.supports("ISteamApps_GetLaunchCommandLine"):
                return 0
            self._launch_read = True
            self._text[0] = b"\0"
            size = len(self._text)
            lib.ISteamApps_GetLaunchCommandLine(self._pointer, self._text, size)
            return lobby_in(text_of(self._text))

    def name(self) -> str:
        """Our own name."""
        self._engine.require("ISteamFriends_GetPersonaName")
        return self._read(
            lambda text, size: lib.ISteamFriends_GetPersonaName(self._pointer, text, size)
        )

    def friends(self) -> list[Friend]:
        """Our friends."""
        self._engine.require("ISteamFriends_GetFriendByIndex")
        pointer, flags = self._pointer, lib.k_EFriendFlagImmediate
        count = lib.ISteamFriends_GetFriendCount(pointer, flags)
        users = (
            lib.ISteamFriends_GetFriendByIndex(pointer, index, flags)
            for index in range(min(count, MAX_KEYS))
        )
        return [self._friend(user) for user in users if user]

    def _friend(self, user: int) -> Friend:
        game = ffi.new("FriendGameInfo_t *")
        plays = lib.ISteamFriends_GetFriendGamePlayed(self._pointer, user, game)
        here = bool(plays) and game.m_gameID & APP == lib.sn_app_id(self._pointer)
        return Friend(
            identity_of(str(user)),
            self._name_of(user),
            known(PersonaState, lib.ISteamFriends_GetFriendPersonaState(self._pointer, user)),
            here,
            game.m_steamIDLobby or None if here else None,
        )

    def name_of(self, user: Identity) -> str:
        """A user's name; "" while Steam does not know it, which is asked for it then."""
        self._engine.require("ISteamFriends_GetFriendPersonaName")
        steam_id = _steam_id(user)
        if not steam_id:
            return ""
        name = self._name_of(steam_id)
        if name not in UNKNOWN_NAMES:
            return name
        if steam_id not in self._named:
            self._named.add(steam_id)
            lib.ISteamFriends_RequestUserInformation(self._pointer, steam_id, True)
        return ""

    def _name_of(self, user: int) -> str:
        return self._read(
            lambda text, size: lib.ISteamFriends_GetFriendPersonaName(
                self._pointer, user, text, size
            )
        )

    def set_rich_presence(self, key: str, value: str) -> bool:
        """Let friends see a text, or remove it; false if Steam refuses."""
        self._engine.require("ISteamFriends_SetRichPresence")
        return bool(lib.ISteamFriends_SetRichPresence(self._pointer, key.encode(), value.encode()))

    # --- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Leave all lobbies that we joined, also those that are being made; idempotent."""
        with self._lock:
            lobbies, self._in = self._in, {}
            for pending in self._pending:
                pending.late = True
                if isinstance(pending.command, Join):
                    lib.ISteamMatchmaking_LeaveLobby(self._pointer, pending.command.lobby)
            for lobby, membership in lobbies.items():
                if membership.ours:
                    lib.ISteamMatchmaking_LeaveLobby(self._pointer, lobby)
            self._searches.clear()
        deadline = _now() + LEAVING
        while _now() < deadline and any(
            isinstance(pending.command, Create) for pending in self._pending
        ):
            if not lib.sn_pump(self._pointer):
                break
            with self._lock:
                for pending in tuple(self._pending):
                    self._ask(pending)
            time.sleep(0.002)


CALLS: dict[type, tuple[int, str]] = {
    Create: (lib.k_iCallback_LobbyCreated, "LobbyCreated_t"),
    Join: (lib.k_iCallback_LobbyEnter, "LobbyEnter_t"),
    Search: (lib.k_iCallback_LobbyMatchList, "LobbyMatchList_t"),
}
HEARD: dict[int, tuple[str, Callable[[SteamLobbies, Any, int], None]]] = {
    lib.k_iCallback_LobbyChatUpdate: ("LobbyChatUpdate_t", SteamLobbies._hear_update),
    lib.k_iCallback_LobbyChatMsg: ("LobbyChatMsg_t", SteamLobbies._hear_chat),
    lib.k_iCallback_LobbyDataUpdate: ("LobbyDataUpdate_t", SteamLobbies._hear_data),
    lib.k_iCallback_LobbyKicked: ("LobbyKicked_t", SteamLobbies._hear_kicked),
    lib.k_iCallback_LobbyInvite: ("LobbyInvite_t", SteamLobbies._hear_invite),
    lib.k_iCallback_GameLobbyJoinRequested: (
        "GameLobbyJoinRequested_t",
        SteamLobbies._hear_join,
    ),
    lib.k_iCallback_GameRichPresenceJoinRequested: (
        "GameRichPresenceJoinRequested_t",
        SteamLobbies._hear_presence,
    ),
}


def lobby_in(text: str) -> int:
    """The lobby that a command line, or a text to connect with, names; else 0."""
    found = CONNECT_LOBBY.search(text)
    number = int(found[1]) if found is not None else 0
    return number if number < 2**64 else 0


def _refused(command: Command, result: EResult, detail: str) -> ResultError:
    return ResultError(CALLED[type(command)], result, detail)


def _steam_id(user: Identity) -> int:
    """The Steam ID; 0 for an identity of another kind."""
    number = int(user) if user.steam_id is not None else 0
    return number if number < 2**64 else 0


def _now() -> float:
    return time.monotonic()
