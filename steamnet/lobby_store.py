"""Lobbies of one machine: a SQLite file in the rendezvous directory, and a thread for each user.

Each lobby is a row: its state as JSON, and a version. Every change of it is one statement, an
UPDATE where the version is still the one that was read (compare-and-swap), which also appends what
changed to a log, by a trigger. Nobody holds the file's lock while Python runs. Where it is held for
long all the same, as by a process that is stopped, everybody waits, and nothing is lost. The log
has one order, in which all members read it. A member is alive while it holds the lock of its own
file, however it ends: each member watches the next one, and removes it from the lobby when it is
gone.
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
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ._native import lib
from .enums import EChatRoomEnterResponse, EResult
from .lobby_backend import (
    Create,
    Inspect,
    Invite,
    InviteDialog,
    Join,
    LobbyEventKind,
    Search,
    Written,
)
from .lobby_client import Inbox, Lost, People, Person, Reply, Request, SetPresence, Update
from .lobby_memory import LOBBY, MAX_PEOPLE, MAX_PRESENCE_KEYS, shown
from .lobby_rules import (
    Change,
    Refused,
    State,
    Told,
    User,
    Vanish,
    create,
    decide,
    info,
    search,
    update,
)
from .lobby_wire import change_from_json, dump, person_from_json, state_from_json

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
BUSY = 0.1  # seconds to wait for the file's lock at a time; SQLite asks ever more rarely
OPENING = 5.0  # seconds to wait for it at the beginning
LOCKED = 5.0  # seconds after which such a wait is worth a warning
QUICK, SLOW, ALONE = 0.01, 0.05, 0.25  # seconds between two looks: at work, in a lobby, in none
WATCH = 0.25  # seconds between two looks at the next member
CHECK = 1.0  # and at whether the files are still there
TOGETHER = 64  # commands of one user that make one change
BATCH = 256  # rows of the log read at once
UNREAD = 10_000  # items that wait for the game, above which the log is not read on
LONGEST_PAUSE = 0.05  # seconds after a lost race; with more, who has lost often waits for seconds
LEAVING = 0.5  # seconds that `close` waits
ENDING = ".lock"
# What reading garbage raises.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
SAID = (LobbyEventKind.CHAT, LobbyEventKind.INVITED)  # kinds of changes that leave the state

log = logging.getLogger("steamnet.lobbies")
# A connection that a fork copied must not be closed in the child: it has the parent's locks.
_open: set[sqlite3.Connection] = set()
_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()
_at_work = threading.Lock()  # held while SQLite works, so that no fork copies it half-way


class Wake:
    """What a thread waits for, at a third of the cost of a `threading.Event` for who sets it."""

    def __init__(self) -> None:
        """Not set."""
        self._unset = threading.Lock()
        self._unset.acquire()

    def set(self) -> None:
        """End the wait, or the next one."""
        try:  # noqa: SIM105  # it must be quick
            self._unset.release()
        except RuntimeError:  # it is set already
            pass

    def wait(self, seconds: float) -> None:
        """Wait until it is set, no longer than that; it is unset then."""
        self._unset.acquire(timeout=seconds)


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
        self._shown = False  # whether others can see in which lobby the user is
        self._locked = 0.0  # since when another process has locked the file; 0: it has not
        self._warned = False  # of that
        self._failures = 0  # in a row: the first may be due to who has replaced the files
        self._closing = False
        self._wake = Wake()
        self._owner = os.getpid()
        _stores.add(self)
        self._thread = threading.Thread(target=self._run, name="steamnet-lobbies", daemon=True)
        self._thread.start()

    # --- on the game's thread -----------------------------------------------------------------

    def submit(self, number: int, request: Request) -> None:
        """Have the thread do it."""
        self._asked.append((number, request))
        if len(self._asked) == 1:  # else it has been woken
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
        while not self._closing:
            reason = ""
            try:
                self._work()
                self._failures = 0
            except Exception as error:
                reason = str(error)
                self._failures += 1
                if self._failures == 2:
                    text = "the lobbies of this machine cannot be used: %s"
                    known = isinstance(error, sqlite3.Error | OSError)
                    log.warning(text, reason, exc_info=None if known else error)
                if type(error) is sqlite3.DatabaseError:  # it is no database, or a broken one
                    _remove(self._directory / FILE)
            for number in list(self._states):
                self._lose(number)
            if self._failures > 1:
                while self._asked:
                    number, _ = self._asked.popleft()
                    self._inbox.put(Reply(number, EResult.IO_FAILURE, reason))
            if self._failures and not self._closing:
                self._wake.wait(CHECK if self._failures > 1 else QUICK)

    def _work(self) -> None:
        """Open the store, and work until it is closed or gone."""
        self._take_place()
        store = None
        try:
            with _at_work:
                store = _connect(self._directory / FILE)
                _open.add(store)
                self._inode = _inode(self._directory / FILE)
            deadline = time.monotonic() + OPENING
            while self._unless_locked(self._enter, store) is None:
                if self._closing or time.monotonic() > deadline:
                    raise TimeoutError(f"another process has locked {self._directory / FILE}")
            pause = QUICK
            while not self._closing and self._is_there():
                busy = self._unless_locked(self._step, store)
                if busy is not None:
                    self._failures = 0
                longest = SLOW if self._states else ALONE
                pause = min(pause * 1.25, longest) if busy is False else QUICK
                self._wake.wait(pause)
            deadline = time.monotonic() + LEAVING
            while self._closing and self._unless_locked(self._leave, store) is None:
                if time.monotonic() > deadline:
                    break
        finally:
            if store is not None:
                with _at_work:
                    _open.discard(store)
                    store.close()
            _unlock(self._lock, self._place_file(self._user.place))
            self._lock = -1

    def _unless_locked(
        self, work: Callable[[sqlite3.Connection], bool], store: sqlite3.Connection
    ) -> bool | None:
        """What ``work`` returns; None if another process has locked the file: it is done again.

        It knows of no change that it has not stored.
        """
        with _at_work:
            try:
                done = work(store)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                now = time.monotonic()
                self._locked = self._locked or now
                if now - self._locked > LOCKED and not self._warned:
                    self._warned = True
                    text = "the lobbies of this machine wait: another process has locked %s"
                    log.warning(text, self._directory / FILE)
                return None
        self._locked, self._warned = 0.0, False
        return done

    def _step(self, store: sqlite3.Connection) -> bool:
        """Do what is asked, read what others did, and watch them: whether there was anything."""
        busy = len(self._inbox.items) <= UNREAD and self._read_log(store)
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
        if not self._shown:
            self._show(store)
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

    def _enter(self, store: sqlite3.Connection) -> bool:
        """Be found by others, and remove those who are gone."""
        _prepare(store)
        (self._read,) = store.execute("SELECT coalesce(max(number), 0) FROM log").fetchone()
        self._show(store)
        for number, _, state in self._all(store):
            self._reap(store, number, state)
        for identity, place in store.execute("SELECT identity, place FROM user").fetchall():
            if not self._is_alive(place):
                store.execute(
                    "DELETE FROM user WHERE identity = ? AND place = ?", (identity, place)
                )
        return True

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
            (self._user.identity, self._user.place, dump(entry)),
        )
        self._shown = True

    def _leave(self, store: sqlite3.Connection) -> bool:
        for number in list(self._states):
            self._change(store, number, [self._gone(self._user, LobbyEventKind.LEFT, number)])
        store.execute("DELETE FROM user WHERE place = ?", (self._user.place,))
        return True

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
                _, state = self._states[request.lobby]
                self._inbox.put(Reply(number, EResult.OK, state=state.copy()))
            elif isinstance(request, Written):
                requests = [request]
                while self._asked and len(requests) < TOGETHER:
                    _, following = self._asked[0]
                    if type(following) is Invite or type(request) is Invite:
                        break  # it is stored elsewhere
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
            self._shown = False
            return Reply(number, EResult.OK)
        raise Refused(EResult.INVALID_PARAM, "there is no dialog here")

    def _create(self, store: sqlite3.Connection, command: Create) -> State:
        while True:
            number = LOBBY | secrets.randbelow(2**32)
            state = create(number, command, self._asking(), time.time())
            made = store.execute(
                "INSERT OR IGNORE INTO lobby (id, version, state, changes) VALUES (?, 1, ?, '')",
                (number, dump(state)),
            )
            if made.rowcount == 1:
                self._states[number] = 1, state
                self._shown = False
                return state.copy()

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
            if own is not None and not self._catch_up(store, lobby, version):
                log.warning("lobby %d is lost: another program has changed it", lobby)
                self._lose(lobby)
                return [Refused(EResult.INVALID_STATE, "it is lost") for _ in refusals]
            pause = min(pause * 2, LONGEST_PAUSE)
        if before is not None and stored:
            self._changed(lobby, version + 1, state, stored)
        elif before is not None and own is None and self._user.identity in before.members:
            self._states[lobby] = version, before  # it was in it already, in this place
        for change in changes:
            if change.to:
                self._invite(store, lobby, change)
        return refusals

    def _catch_up(self, store: sqlite3.Connection, lobby: int, version: int) -> bool:
        """Read what others made of a version of a lobby; False where the log does not tell."""
        row = store.execute("SELECT version FROM lobby WHERE id = ?", (lobby,)).fetchone()
        while self._read_log(store):
            pass
        if (known := self._states.get(lobby)) is None:
            return True  # that is what it tells
        return row is not None and isinstance(row[0], int) and version < row[0] <= known[0]

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
        if state is before:  # only something said
            statement, values = "UPDATE lobby SET version = ?, changes = ?", []
        else:
            statement = "UPDATE lobby SET version = ?, changes = ?, state = ?"
            values = [dump(state)]
        swapped = store.execute(
            f"{statement} WHERE id = ? AND version = ?",
            (version + 1, dump(changes), *values, before.id, version),
        )
        return swapped.rowcount == 1

    def _changed(
        self,
        lobby: int,
        version: int,
        state: State | None,
        changes: list[Change],
    ) -> None:
        """Know of a change of a lobby that was made: by this user, or read in the log."""
        was_in = lobby in self._states
        member = state.members.get(self._user.identity) if state is not None else None
        if state is None or member is None:
            if was_in:
                self._lose(lobby)  # who has left by itself takes no notice
                self._shown = False
                self._checked = 0.0  # else, was its file removed?
            return
        if member.place != self._user.place:
            self._lose(lobby)  # this user was opened again, and is in it from there
            return
        if was_in:
            self._states[lobby] = version, state
            for change in changes:
                if change.type is not None:  # by which others may see it, or not
                    self._shown = False
                self._inbox.put(Update(lobby, change))
        elif any(change.user == self._user.identity for change in changes):
            self._states[lobby] = version, state
            self._shown = False
        # else it is a lobby that it only looked after

    def _lose(self, lobby: int) -> None:
        if self._states.pop(lobby, None) is not None:
            self._inbox.put(Lost(lobby))

    def _invite(self, store: sqlite3.Connection, lobby: int, change: Change) -> None:
        store.execute(
            "INSERT INTO log (topic, version, changes) VALUES (?, ?, ?)",
            (_topic(change.to), lobby, dump([change])),
        )

    # --- what others do -----------------------------------------------------------------------

    def _read_log(self, store: sqlite3.Connection) -> bool:
        """Read what has been appended: whether there was anything."""
        rows = store.execute(
            "SELECT number, CAST(topic AS TEXT), version, changes FROM log WHERE number > ?"
            f" ORDER BY number LIMIT {BATCH}",
            (self._read,),
        ).fetchall()
        mine = _topic(self._user.identity)
        for number, topic, version, text in rows:
            if number != self._read + 1:
                self._overtaken(store, number)
            self._read = number
            if topic == mine:
                with suppress(*UNREADABLE):
                    for change in _changes(text):
                        self._inbox.put(Update(version, change))
            elif (known := self._states.get(_lobby(topic))) is not None:
                before, state = known
                if version == before + 1:
                    try:
                        changes = _changes(text)
                    except UNREADABLE as error:
                        log.warning("lobby %s is lost: a change cannot be read: %r", topic, error)
                        self._lose(int(topic))
                        continue
                    there = all(update(state, change) for change in changes)
                    self._changed(int(topic), version, state if there else None, changes)
        return bool(rows)

    def _overtaken(self, store: sqlite3.Connection, number: int) -> None:
        """Give up the lobbies of which changes are lost: they were removed before we read them."""
        for lobby, known in list(self._states.items()):
            _, state = self._stored(store, lobby)
            if state is not None and self._user.identity in state.members:
                read, self._read = self._read, number
                del self._states[lobby]
                try:
                    gone = self._gone(self._user, LobbyEventKind.DISCONNECTED, lobby)
                    self._change(store, lobby, [gone])
                except BaseException:
                    self._read, self._states[lobby] = read, known
                    raise
                self._states[lobby] = known
            log.warning("lobby %d is lost: this process did not read it for too long", lobby)
            self._lose(lobby)

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
        state = self._read_state(store, lobby, *row) if row is not None else None
        return (row[0], state) if state is not None else (0, None)

    def _read_state(
        self, store: sqlite3.Connection, lobby: int, version: int, text: str
    ) -> State | None:
        """A lobby's state; None for what another program has left there, which is removed."""
        try:
            state = state_from_json(json.loads(text))
            if state.id == lobby and isinstance(version, int) and 0 < version < 2**62:
                return state
            raise ValueError("it has another lobby's number, or no version")
        except UNREADABLE as error:
            log.warning("lobby %d in %s cannot be read: %r", lobby, self._directory / FILE, error)
            store.execute("DELETE FROM lobby WHERE id = ? AND version = ?", (lobby, version))
            return None

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
        states = [(row[0], row[1], self._read_state(store, *row)) for row in rows]
        return [(number, version, state) for number, version, state in states if state is not None]

    def _people(self, store: sqlite3.Connection) -> Iterable[Person]:
        rows = store.execute("SELECT place, entry FROM user").fetchmany(2 * MAX_PEOPLE)
        for place, entry in rows[:MAX_PEOPLE]:
            with suppress(*UNREADABLE):
                if self._is_alive(place):
                    yield person_from_json(json.loads(entry))


def _connect(path: Path) -> sqlite3.Connection:
    """The store's file, opened; it is made if needed."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    store = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
    # What is no UTF-8 is garbage in one row: it must not keep all others from being read.
    store.text_factory = lambda text: text.decode(errors="replace")
    return store


def _prepare(store: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    (mode,) = store.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        log.info("the lobbies' store has the journal mode %s: it is slower", mode)
    store.execute("PRAGMA synchronous = OFF")  # no lobby outlives the machine
    try:
        store.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    except BaseException:
        if store.in_transaction:
            store.execute("ROLLBACK")
        raise


def _decided(
    before: State | None, commands: Iterable[Told], user: User
) -> tuple[State | None, list[Change], list[Refused | None]]:
    """The state after commands, the changes, and how each command was refused.

    The state is the one before where nothing has changed it, else another.
    """
    state, changes, refusals = before, list[Change](), list[Refused | None]()
    for command in commands:
        try:
            decided = decide(state, command, user)
        except Refused as refusal:
            refusals.append(refusal)
            continue
        refusals.append(None)
        changes += decided
        for change in decided:
            if state is not None and change.kind not in SAID:
                state = state.copy() if state is before else state
                state = state if update(state, change) else None
    return state, changes, refusals


def _changes(text: str) -> list[Change]:
    return [change_from_json(message) for message in json.loads(text)]


def _topic(identity: str) -> str:
    """Where a user's own messages are in the log; a lobby's are under its number."""
    return f"user {identity}"


def _lobby(topic: str) -> int:
    """Of which lobby a topic is; 0 where it is of none."""
    return int(topic) if topic.isdecimal() and len(topic) <= 20 else 0


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
