"""A crowd in one lobby, to be run by hand; the suite plays a small one.

    python tests/crowd.py --players 50 --seconds 60

Each player is a process that runs 60 frames a second, writes its member data and says something
``--rate`` times a second. In the end all must see the last value of everybody, and have heard all
that was said, in one order. It prints the time that lobbies took of a frame.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "helpers"))
from lobby_player import RemotePlayer

FIRST = 76561198000001000
PATIENCE = 120.0  # seconds for all to hear the last


@dataclass
class Outcome:
    """What became of it."""

    players: int
    said: int
    """How much was said."""
    p50: float
    p99: float
    """Milliseconds of thread CPU that a frame spent in lobby calls and run_callbacks."""
    worst: float
    settled: float
    """Seconds until all had heard the last."""


def play(engine: str, count: int, seconds: float, rate: float, **options: str) -> Outcome:
    """Have a crowd play; AssertionError if it disagrees."""
    players = [RemotePlayer(engine, str(FIRST + number), **options) for number in range(count)]
    try:
        lobby = players[0].ask(f"me.answer(steam.lobbies.create({count}))")
        for player in players[1:]:
            player.tell(f"me.answer(steam.lobbies.join({lobby}))")
        assert all(player.hear() == lobby for player in players[1:])
        for player in players:
            player.tell(f"me.until(lambda: len(me.lobby.members) == {count}, {PATIENCE})")
        assert all(player.hear() for player in players)
        for number, player in enumerate(players):
            player.tell(f"me.crowd({seconds}, {rate}, {number})")
        counts = [player.hear() for player in players]
        begin, said = time.monotonic(), sum(counts)
        for player in players:
            player.tell(f"me.until(lambda: me.heard() >= {said}, {PATIENCE})")
        heard = [player.hear() for player in players]
        assert all(heard), [player.ask("me.heard()") for player in players]
        settled = time.monotonic() - begin
        chats = [player.ask("me.chats()") for player in players]
        assert len(set(chats[0])) == said
        assert all(chat == chats[0] for chat in chats)
        for player in players:
            last = {user: int(data["count"]) for user, data in player.ask("me.members()").items()}
            assert [last[other.identity] for other in players] == counts
        times = sorted(taken * 1000 for player in players for taken in player.ask("me.times"))
        at = [times[int(len(times) * share)] for share in (0.5, 0.99)]
        return Outcome(count, said, *at, times[-1], settled)
    finally:
        for player in players:
            player.kill()


def main() -> None:
    """Read the arguments, and play."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--engine", choices=("loopback", "gns"), default="loopback")
    parser.add_argument("--players", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2)
    parser.add_argument("--rendezvous", help="URL of a server, for gns")
    arguments = parser.parse_args()
    options = {"rendezvous": arguments.rendezvous} if arguments.rendezvous else {}
    with tempfile.TemporaryDirectory(prefix="sn-") as directory:
        os.environ["STEAMNET_LOOPBACK_DIR"] = directory
        outcome = play(
            arguments.engine, arguments.players, arguments.seconds, arguments.rate, **options
        )
    print(json.dumps(outcome.__dict__))


if __name__ == "__main__":
    main()
