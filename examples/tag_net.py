"""The network of tag.py, which has no window: who plays, where each player is, and who is it."""

import json
import struct

from tag_track import Track

from steamnet import SendFlags, Steam

SEATS, FULL = 8, 1001  # how many players fit in, and a close reason of our own
PLACE = struct.Struct("<B2H")  # a player's seat, and where on the field the player is
NOW = SendFlags.UNRELIABLE_NO_NAGLE


class Host:
    """The player who hosts: lets others in, and tells all of them who plays and where each is."""

    def __init__(self, steam: Steam, name: str) -> None:
        self.steam, self.me = steam, steam.core.get_steam_id()
        self.listener, self.room = steam.listen(), steam.poll_group()
        self.it, self.names, self.seats = self.me, {self.me: name}, {self.me: 0}
        self.tracks: dict[int, Track] = {}  # by seat

    def frame(self, x: int, y: int) -> None:
        """Let the network work for a frame, in which we are at this place."""
        self.steam.run_callbacks()
        for request in self.listener.waiting:
            free = set(range(SEATS)) - set(self.seats.values())
            if free and request.peer not in self.seats:
                self.seats[request.peer] = min(free)
                self.room.add(request.accept())
            else:
                request.reject(FULL, "the game is full")
        for message in self.room.receive(1000):
            if message.flags & SendFlags.RELIABLE:  # the first message, and only that
                self.names[message.identity] = message.decode(errors="replace")[:16]
                self.tell()
            elif message.size == PLACE.size:  # a peer can send anything
                _, *place = PLACE.unpack(message.data)
                track = self.tracks.setdefault(self.seats[message.identity], Track())
                track.add(message, *place)
        for gone in self.room.departed():
            self.tracks.pop(self.seats.pop(gone.peer), None)
            self.names.pop(gone.peer, None)
            self.it = self.me if self.it == gone.peer else self.it
            gone.close()
            self.tell()
        places = {0: (x, y)} | {seat: track.places[-1][2:] for seat, track in self.tracks.items()}
        self.room.broadcast(b"".join(PLACE.pack(seat, *at) for seat, at in places.items()), NOW)

    def tell(self) -> None:
        """Tell all who plays, on which seat, and who is it: whole, so that no change is missed."""
        self.room.broadcast(json.dumps([self.it, self.names, self.seats]))


class Guest:
    """A player who has joined a host."""

    def __init__(self, steam: Steam, host: str, name: str) -> None:
        self.steam, self.me = steam, steam.core.get_steam_id()
        self.connection = steam.connect(host)
        self.connection.send(name)
        self.it, self.names, self.seats = "", dict[str, str](), dict[str, int]()
        self.tracks: dict[int, Track] = {}

    def frame(self, x: int, y: int) -> None:
        """Let the network work for a frame; ResultError once the host has gone or refused us."""
        self.steam.run_callbacks()
        for message in self.connection.receive(1000):
            if message.flags & SendFlags.RELIABLE:
                self.it, self.names, self.seats = json.loads(message.data.tobytes())
            else:
                for seat, *place in PLACE.iter_unpack(message.data):
                    self.tracks.setdefault(seat, Track()).add(message, *place)
        self.connection.send(PLACE.pack(0, x, y), NOW)
