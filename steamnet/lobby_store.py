"""Lobbies of one machine: a SQLite file in the rendezvous directory, and a thread for each user.

Each lobby is a row: its state as JSON, and a version. Every change of it is one statement, an
UPDATE where the version is still the one that was read (compare-and-swap), which also appends what
changed to a log, by a trigger. Nobody holds the file's lock while Python runs. The log has one
order, in which all members read it. A member is alive while it holds the lock of its own file,
however it ends: each member watches the next one, and removes it from the lobby when it is gone.
"""

import json
import logging
import os
import random
import secrets
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ._native import lib
from .enums import EChatRoomEnterResponse, EResult
from .lobby_backend import Create, Inspect, InviteDialog, Join, LobbyEventKind, Search
from .lobby_client import Inbox, Lost, People, Person, Reply, Request, SetPresence, Update
from .lobby_memory import LOBBY, MAX_PEOPLE, MAX_PRESENCE_KEYS, shown
from .lobby_rules import (
    Change,
    Refused,
    State,
    Told,
    User,
    Vanish,
    Written,
    apply,
    apply_all,
    create,
    decide,
    info,
    search,
)
from .lobby_wire import change_from_json, plain, state_from_json

FILE = "lobbies-1.sqlite3"  # another format has another number
LOG = 20_000  # rows of the log that are kept for who is slow
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS lobby (
    id INTEGER PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, changes TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS user (
    identity TEXT PRIMARY KEY, place TEXT NOT NULL, entry TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, version INTEGER NOT NULL,
    changes TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS changed AFTER UPDATE OF version ON lobby BEGIN
    INSERT INTO log (topic, version, changes) VALUES (NEW.id, NEW.version, NEW.changes);
    DELETE FROM log WHERE number <= (SELECT max(number) FROM log) - {LOG};
END;
"""
BUSY = 5.0  # seconds to wait for the file's lock
QUICK, SLOW, ALONE = 0.01, 0.05, 0.25  # seconds between two looks: at work, in a lobby, in none
WATCH = 0.25  # seconds between two looks at the next member
CHECK = 1.0  # and at whether the files are still there
TOGETHER = 64  # commands of one user that make one change
BATCH = 256  # rows of the log read at once
UNREAD = 10_000  # items that wait for the game, above which the log is not read on
LONGEST_PAUSE = 0.25  # seconds after a lost race
LEAVING = 0.5  # seconds that `close` waits
ENDING = ".lock"

log = logging.getLogger("steamnet.lobbies")
# A connection that a fork copied must not be closed in the child: it has the parent's locks.
_open: set[sqlite3.Connection] = set()
_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()
_at_work = threading.Lock()  # held while SQLite works, so that no fork copies it half-way


class Store:
    """A `Carrier`: one user's part in the lobbies of this machine."""

    def __init__(self, directory: Path, user: User, app: int, inbox: Inbox) -> None:
        """Begin to work on a thread of its own."""
        self._directory = directory
        self._user = user
        self._app = app
        self._inbox = inbox
        self._presence: dict[str, str] = {}
        self._asked: deque[tuple[int, Request]] = deque()
        self._states: dict[int, tuple[int, State]] = {}  # version and state, of its own lobbies
        self._read = 0  # the last row of the log that was read
        self._lock = -1  # of the user's file
        self._inode: tuple[int, int] | None = None  # of the store's file
        self._watched = self._checked = time.monotonic()  # 0: the files are to be checked now
        self._closing = False
        self._wake = threading.Event()
        self._owner = os.getpid()
        _stores.add(self)
        self._thread = threading.Thread(target=self._run, name="steamnet-lobbies", daemon=True)
        self._thread.start()

    # --- on the game's thread -----------------------------------------------------------------

    def submit(self, number: int, request: Request) -> None:
        """Have the thread do it."""
        self._asked.append((number, request))
        self._wake.set()

    def close(self) -> None:
        """Have the thread leave all lobbies; wait for that, but not for long."""
        if os.getpid() != self._owner:  # the thread, the file and the lock are the parent's
            return
        self._closing = True
        self._wake.set()
        self._thread.join(LEAVING)

    # --- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0  # in a row: the first may be due to who has replaced the files
        while not self._closing:
            reason = ""
            try:
                self._work()
                failures = 0
            except Exception as error:
                reason = str(error)
                failures += 1
                if failures == 2:
                    text = "the lobbies of this machine cannot be used: %s"
                    known = isinstance(error, sqlite3.Error | OSError)
                    log.warning(text, reason, exc_info=None if known else error)
                if type(error) is sqlite3.DatabaseError:  # it is no database, or a broken one
                    _remove(self._directory / FILE)
            for number in list(self._states):
                self._lose(number)
            if failures > 1:
                while self._asked:
                    number, _ = self._asked.popleft()
                    self._inbox.put(Reply(number, EResult.IO_FAILURE, reason))
            if failures and not self._closing:
                self._wake.wait(CHECK if failures > 1 else QUICK)
                self._wake.clear()

    def _work(self) -> None:
        """Open the store, and work until it is closed or gone."""
        self._take_place()
        store = None
        try:
            with _at_work:
                store = _connect(self._directory / FILE)
                _open.add(store)
                self._inode = _inode(self._directory / FILE)
                self._enter(store)
            pause = QUICK
            while not self._closing and self._is_there():
                with _at_work:
                    busy = self._step(store)
                pause = QUICK if busy else min(pause * 1.25, SLOW if self._states else ALONE)
                self._wake.wait(pause)
                self._wake.clear()
            if self._closing:
                with _at_work:
                    self._leave(store)
        finally:
            if store is not None:
                with _at_work:
                    _open.discard(store)
                    store.close()
            _unlock(self._lock, self._place_file(self._user.place))
            self._lock = -1

    def _step(self, store: sqlite3.Connection) -> bool:
        """Do what is asked, read what others did, and watch them: whether there was anything."""
        busy = self._read_log(store)
        if not self._checked:
            return True
        while self._asked and not self._closing:
            busy = True
            self._carry_out(store)
        now = time.monotonic()
        if now - self._watched >= WATCH:
            self._watched = now
            for number in list(self._states):
                self._watch(store, number)
        return busy

    # --- the user's own place -----------------------------------------------------------------

    def _take_place(self) -> None:
        """Lock a file that says that the user is here."""
        for _ in range(8):  # one who sweeps may have locked the new file first
            place = secrets.token_hex(8)
            self._lock = lib.sn_file_lock(_path(self._place_file(place)), lib.SN_LOCK_NEW)
            if self._lock >= 0:
                self._user = replace(self._user, place=place)
                return
        raise OSError(f"{self._directory} takes no files, or no locks")

    def _place_file(self, place: str) -> Path:
        return self._directory / f"lobby-{place}{ENDING}"

    def _is_there(self) -> bool:
        """Whether the files are, which somebody may have removed."""
        now = time.monotonic()
        if now - self._checked < CHECK:
            return True
        self._checked = now
        place = _path(self._place_file(self._user.place))
        return bool(
            lib.sn_file_still_named(self._lock, place)
            and _inode(self._directory / FILE) == self._inode
        )

    def _is_alive(self, place: str) -> bool:
        """Whether a place's user is here; the file of one that is not is removed."""
        if place == self._user.place:
            return True
        if len(place) != 16 or not place.isalnum():
            return False
        path = self._place_file(place)
        lock = lib.sn_file_lock(_path(path), lib.SN_LOCK_SHARED)
        if lock >= 0:
            _unlock(lock, path)
        elif lock == -1:
            self._checked = 0.0  # were ours removed, too?
        return bool(lock == -2)

    def _enter(self, store: sqlite3.Connection) -> None:
        """Be found by others, and remove those who are gone."""
        (self._read,) = store.execute("SELECT coalesce(max(number), 0) FROM log").fetchone()
        self._show(store)
        for number, _, state in self._all(store):
            self._reap(store, number, state)
        for identity, place in store.execute("SELECT identity, place FROM user").fetchall():
            if not self._is_alive(place):
                store.execute(
                    "DELETE FROM user WHERE identity = ? AND place = ?", (identity, place)
                )

    def _show(self, store: sqlite3.Connection) -> None:
        lobbies = [number for number, (_, state) in self._states.items() if shown(state)]
        entry = Person(
            self._user.identity,
            self._user.name,
            self._app,
            lobbies[0] if lobbies else 0,
            self._presence,
        )
        store.execute(
            "INSERT OR REPLACE INTO user (identity, place, entry) VALUES (?, ?, ?)",
            (self._user.identity, self._user.place, _dump(plain(entry))),
        )

    def _leave(self, store: sqlite3.Connection) -> None:
        for number in list(self._states):
            self._change(store, number, [self._gone(self._user, LobbyEventKind.LEFT, number)])
        store.execute("DELETE FROM user WHERE place = ?", (self._user.place,))

    # --- requests -----------------------------------------------------------------------------

    def _carry_out(self, store: sqlite3.Connection) -> None:
        """Do the next request, and those after it that change the same lobby in one go."""
        number, request = self._asked.popleft()
        taken = [(number, request)]
        try:
            if isinstance(request, Join):
                (refusal,) = self._change(store, request.lobby, [request])
                if refusal is not None:
                    raise refusal
                self._inbox.put(Reply(number, EResult.OK, state=self._states[request.lobby][1]))
            elif isinstance(request, Written):
                requests = [request]
                while self._asked and len(requests) < TOGETHER:
                    _, following = self._asked[0]
                    if not isinstance(following, Written) or following.lobby != request.lobby:
                        break
                    taken.append(self._asked.popleft())
                    requests.append(following)
                refusals = self._change(store, request.lobby, requests)
                for (which, _), refusal in zip(taken, refusals, strict=True):
                    result = refusal.result if refusal is not None else EResult.OK
                    self._inbox.put(Reply(which, result))
            else:
                self._inbox.put(self._answer(store, number, request))
        except Refused as refusal:
            self._inbox.put(Reply(number, refusal.result, refusal.detail))
        except BaseException:
            self._asked.extendleft(reversed(taken))
            raise

    def _answer(
        self,
        store: sqlite3.Connection,
        number: int,
        request: Create | Search | Inspect | People | SetPresence | InviteDialog,
    ) -> Reply:
        me = self._user.identity
        if isinstance(request, Create):
            state = self._create(store, request)
            return Reply(number, EResult.OK, state=state)
        if isinstance(request, Search):
            for which, _, state in self._all(store):
                self._reap(store, which, state)
            found = search((state for _, _, state in self._all(store)), request, me)
            return Reply(number, EResult.OK, infos=tuple(found))
        if isinstance(request, Inspect):
            _, known = self._living(store, request.lobby)
            if known is None:
                raise Refused(EChatRoomEnterResponse.DOESNT_EXIST, "there is no such lobby")
            return Reply(number, EResult.OK, infos=(info(known, me),))
        if isinstance(request, People):
            return Reply(number, EResult.OK, people=tuple(self._people(store)))
        if isinstance(request, SetPresence):
            presence = {**self._presence, request.key: request.value}
            presence = {key: value for key, value in presence.items() if value}
            if len(presence) > MAX_PRESENCE_KEYS:
                raise Refused(EResult.LIMIT_EXCEEDED, f"more than {MAX_PRESENCE_KEYS} keys")
            self._presence = presence
            self._show(store)
            return Reply(number, EResult.OK)
        raise Refused(EResult.INVALID_PARAM, "there is no dialog here")

    def _create(self, store: sqlite3.Connection, command: Create) -> State:
        while True:
            number = LOBBY | secrets.randbelow(2**32)
            state = create(number, command, self._asking(), time.time())
            made = store.execute(
                "INSERT OR IGNORE INTO lobby (id, version, state, changes) VALUES (?, 1, ?, '')",
                (number, _dump(plain(state))),
            )
            if made.rowcount == 1:
                self._states[number] = 1, state
                self._show(store)
                return state

    def _asking(self) -> User:
        kinds = {number: state.type for number, (_, state) in self._states.items()}
        return replace(self._user, lobbies=kinds)

    def _change(
        self, store: sqlite3.Connection, lobby: int, commands: Iterable[Told]
    ) -> list[Refused | None]:
        """Change a lobby by commands; how each was refused. Tries until it is the first to."""
        pause, deadline = QUICK, time.monotonic() + LEAVING
        while True:
            own = self._states.get(lobby)
            version, before = self._living(store, lobby) if own is None else own
            state, changes, refusals = _decided(before, commands, self._asking())
            stored = [change for change in changes if not change.to]
            if before is None or not stored or self._swap(store, before, version, state, stored):
                break
            if self._closing and time.monotonic() > deadline:
                return [Refused(EResult.TIMEOUT, "others were faster") for _ in refusals]
            time.sleep(random.uniform(0, pause))
            self._read_log(store)
            pause = min(pause * 2, LONGEST_PAUSE)
        if before is not None and stored:
            self._changed(store, lobby, version + 1, state, stored)
        elif before is not None and own is None and self._user.identity in before.members:
            self._states[lobby] = version, before  # it was in it already, in this place
        for change in changes:
            if change.to:
                self._invite(store, lobby, change)
        return refusals

    def _swap(
        self,
        store: sqlite3.Connection,
        before: State,
        version: int,
        state: State | None,
        changes: list[Change],
    ) -> bool:
        """Replace a lobby's state and log the changes, if its version is still the one given."""
        if state is None:
            return (
                store.execute(
                    "DELETE FROM lobby WHERE id = ? AND version = ?", (before.id, version)
                ).rowcount
                == 1
            )
        if state == before:  # only something said
            statement, values = "UPDATE lobby SET version = ?, changes = ?", []
        else:
            statement = "UPDATE lobby SET version = ?, changes = ?, state = ?"
            values = [_dump(plain(state))]
        swapped = store.execute(
            f"{statement} WHERE id = ? AND version = ?",
            (version + 1, _dump(plain(changes)), *values, before.id, version),
        )
        return swapped.rowcount == 1

    def _changed(
        self,
        store: sqlite3.Connection,
        lobby: int,
        version: int,
        state: State | None,
        changes: list[Change],
    ) -> None:
        """Know of a change of a lobby that was made: by this user, or read in the log."""
        was_in = lobby in self._states
        after = self._states[lobby][1] if was_in else state
        if state is None or self._user.identity not in state.members:
            if was_in:
                self._lose(lobby)  # who has left by itself takes no notice
                self._show(store)
                self._checked = 0.0  # else, was its file removed?
            return
        if state.members[self._user.identity].place != self._user.place:
            self._lose(lobby)  # this user was opened again, and is in it from there
            return
        if not was_in and not any(change.user == self._user.identity for change in changes):
            return  # a lobby that it only looked after
        self._states[lobby] = version, state
        if not was_in or after is None:
            self._show(store)
            return
        for change in changes:
            after = apply(after, change) or after
            self._inbox.put(Update(lobby, change, after))

    def _lose(self, lobby: int) -> None:
        if self._states.pop(lobby, None) is not None:
            self._inbox.put(Lost(lobby))

    def _invite(self, store: sqlite3.Connection, lobby: int, change: Change) -> None:
        store.execute(
            "INSERT INTO log (topic, version, changes) VALUES (?, ?, ?)",
            (_topic(change.to), lobby, _dump(plain([change]))),
        )

    # --- what others do -----------------------------------------------------------------------

    def _read_log(self, store: sqlite3.Connection) -> bool:
        """Read what has been appended: whether there was anything."""
        if len(self._inbox) > UNREAD:
            return False
        rows = store.execute(
            "SELECT number, topic, version, changes FROM log WHERE number > ? ORDER BY number"
            f" LIMIT {BATCH}",
            (self._read,),
        ).fetchall()
        mine = _topic(self._user.identity)
        for number, topic, version, text in rows:
            if number != self._read + 1:
                self._overtaken(store, number)
            self._read = number
            if topic == mine:
                for change in _changes(text):
                    self._inbox.put(Update(version, change))
            elif topic.isdecimal() and (known := self._states.get(int(topic))) is not None:
                before, state = known
                if version == before + 1:
                    changes = _changes(text)
                    after = apply_all(state, changes)
                    self._changed(store, int(topic), version, after, changes)
        return bool(rows)

    def _overtaken(self, store: sqlite3.Connection, number: int) -> None:
        """Give up the lobbies of which changes are lost: they were removed before we read them."""
        for lobby in list(self._states):
            log.warning("lobby %d is lost: this process did not read it for too long", lobby)
            gone = self._gone(self._user, LobbyEventKind.DISCONNECTED, lobby)
            _, state = self._stored(store, lobby)
            self._lose(lobby)
            if state is not None and self._user.identity in state.members:
                self._read = number
                self._change(store, lobby, [gone])

    def _watch(self, store: sqlite3.Connection, lobby: int) -> None:
        """Remove the next member while it is gone: so every one is watched by one that is there."""
        while (known := self._states.get(lobby)) is not None:
            members = known[1].members
            names = list(members)
            following = names[(names.index(self._user.identity) + 1) % len(names)]
            if self._is_alive(members[following].place):
                return
            gone = User(following, place=members[following].place)
            self._change(store, lobby, [self._gone(gone, LobbyEventKind.DISCONNECTED, lobby)])

    def _reap(self, store: sqlite3.Connection, lobby: int, state: State) -> None:
        """Remove all members that are gone from a lobby that nobody may be left to look after."""
        for identity, member in state.members.items():
            if not self._is_alive(member.place):
                gone = User(identity, place=member.place)
                self._change(store, lobby, [self._gone(gone, LobbyEventKind.DISCONNECTED, lobby)])

    @staticmethod
    def _gone(user: User, kind: LobbyEventKind, lobby: int) -> Vanish:
        return Vanish(lobby, user.identity, user.place, kind)

    # --- reading ------------------------------------------------------------------------------

    def _stored(self, store: sqlite3.Connection, lobby: int) -> tuple[int, State | None]:
        row = store.execute("SELECT version, state FROM lobby WHERE id = ?", (lobby,)).fetchone()
        return (row[0], state_from_json(json.loads(row[1]))) if row is not None else (0, None)

    def _living(self, store: sqlite3.Connection, lobby: int) -> tuple[int, State | None]:
        """A lobby as it is stored, without members that are gone."""
        version, state = self._stored(store, lobby)
        while state is not None:
            gone = [
                Vanish(lobby, identity, member.place)
                for identity, member in state.members.items()
                if not self._is_alive(member.place)
            ]
            if not gone:
                break
            after, changes, _ = _decided(state, gone, self._user)
            self._swap(store, state, version, after, changes)
            version, state = self._stored(store, lobby)
        return version, state

    def _all(self, store: sqlite3.Connection) -> list[tuple[int, int, State]]:
        rows = store.execute("SELECT id, version, state FROM lobby").fetchall()
        return [(row[0], row[1], state_from_json(json.loads(row[2]))) for row in rows]

    def _people(self, store: sqlite3.Connection) -> Iterable[Person]:
        rows = store.execute("SELECT place, entry FROM user").fetchmany(2 * MAX_PEOPLE)
        for place, entry in rows[:MAX_PEOPLE]:
            if self._is_alive(place):
                yield Person(**json.loads(entry))


def _connect(path: Path) -> sqlite3.Connection:
    """The store, opened; it is made if needed."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    store = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
    deadline = time.monotonic() + BUSY
    while True:
        try:
            (mode,) = store.execute("PRAGMA journal_mode = WAL").fetchone()
            store.execute("PRAGMA synchronous = OFF")  # no lobby outlives the machine
            store.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        except sqlite3.OperationalError as error:  # another process is at the same, or at work
            if store.in_transaction:
                store.execute("ROLLBACK")
            if "locked" not in str(error) or time.monotonic() > deadline:
                store.close()
                raise
            time.sleep(random.uniform(0, 0.02))
        except BaseException:
            store.close()
            raise
        else:
            if mode != "wal":
                log.info("the lobbies' store %s has the journal mode %s: it is slower", path, mode)
            return store


def _decided(
    before: State | None, commands: Iterable[Told], user: User
) -> tuple[State | None, list[Change], list[Refused | None]]:
    """The state after commands, the changes, and how each command was refused."""
    state, changes, refusals = before, list[Change](), list[Refused | None]()
    for command in commands:
        try:
            decided = decide(state, command, user)
        except Refused as refusal:
            refusals.append(refusal)
            continue
        refusals.append(None)
        changes += decided
        if state is not None:
            state = apply_all(state, decided)
    return state, changes, refusals


def _changes(text: str) -> list[Change]:
    return [change_from_json(message) for message in json.loads(text)]


def _topic(identity: str) -> str:
    """Where a user's own messages are in the log; a lobby's are under its number."""
    return f"user {identity}"


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _path(path: Path) -> bytes:
    return os.fsencode(path)


def _unlock(lock: int, path: Path) -> None:
    """Remove a locked file, and unlock it."""
    if lock >= 0:
        lib.sn_file_remove(_path(path))
        lib.sn_file_unlock(lock)


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        with suppress(OSError):  # on Windows, while another process has it open
            path.with_name(path.name + ending).unlink()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _after_fork_in_child() -> None:
    """Let go of the locks of the parent's users, who would seem alive as long as the child is."""
    _at_work.release()
    for store in _stores:
        if store._lock >= 0:
            lib.sn_file_unlock(store._lock)
            store._lock = -1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_at_work.acquire,
        after_in_parent=_at_work.release,
        after_in_child=_after_fork_in_child,
    )
