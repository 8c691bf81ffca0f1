"""Tests of tag.py's network in virtual time: ``pytest examples/test_tag.py``."""

from itertools import pairwise

import pytest
import tag_net

from steamnet import ResultError
from steamnet.testing import VirtualClock, network, players, pump


def test_all_know_who_plays_and_who_has_left() -> None:
    """On every screen there are the same players, and one of them is it."""
    with players(3, lag=40, loss=0.05, seed=1, clock="virtual") as (ann, bob, cid):
        host = tag_net.Host(ann, "Ann")
        guests = [tag_net.Guest(steam, host.me, "Guest") for steam in (bob, cid)]

        def all_see(number: int) -> bool:
            games: list[tag_net.Host | tag_net.Guest] = [host, *guests]
            for game in games:
                game.frame(100, 50)
            return all(len(game.names) == number for game in games)

        pump(ann, bob, cid, until=lambda: all_see(3))
        assert guests[0].seats == guests[1].seats == host.seats
        host.it = guests[1].me  # who leaves while being it
        guests.pop().connection.close()
        pump(ann, bob, cid, until=lambda: all_see(2) and guests[0].it == host.me)


def test_the_ninth_player_is_told_that_the_game_is_full() -> None:
    """The others play on."""
    with players(9, clock="virtual") as (ann, *others):
        host = tag_net.Host(ann, "Ann")
        guests = [tag_net.Guest(steam, host.me, "Guest") for steam in others]
        refused: list[ResultError] = []

        def frame() -> bool:
            host.frame(0, 0)
            for guest in list(guests):
                try:
                    guest.frame(0, 0)
                except ResultError as error:
                    guests.remove(guest)
                    refused.append(error)
            return bool(refused) and len(host.names) == 8

        pump(ann, *others, until=frame)
        assert [error.reason for error in refused] == [tag_net.FULL]


def test_guests_are_told_when_the_host_leaves() -> None:
    """By a ResultError in their next frame."""
    with players(2, lag=30, clock="virtual") as (ann, bob):
        host = tag_net.Host(ann, "Ann")
        guest = tag_net.Guest(bob, host.me, "Bob")

        def both_are_there() -> bool:
            host.frame(0, 0)
            guest.frame(0, 0)
            return len(guest.names) == 2

        pump(ann, bob, until=both_are_there)
        host.listener.close()
        with pytest.raises(ResultError, match="ClosedByPeer"):
            pump(ann, bob, until=lambda: guest.frame(0, 0))


@pytest.mark.parametrize("seed", range(5))
def test_others_move_smoothly_on_a_bad_network(seed: int) -> None:
    """Bob goes two pixels a frame; Ann never sees him go back, nor jump."""
    clock = VirtualClock()
    with players(2, lag=40, reorder=0.2, seed=seed, clock=clock) as (ann, bob):
        host = tag_net.Host(ann, "Ann")
        guest = tag_net.Guest(bob, host.me, "Bob")
        network(ann, bob).between(bob, ann, jitter=10, loss=0.05)
        drawn: list[float] = []
        for frame in range(240):  # four seconds
            host.frame(0, 0)
            guest.frame(2 * frame, 0)
            now = ann.networking_utils.get_local_timestamp()
            drawn += [track.at(now)[0] for track in host.tracks.values()]
            clock.advance(1 / 60)
        steps = [after - before for before, after in pairwise(drawn)]
        assert min(steps) >= 0
        assert max(steps[30:]) < 8  # after half a second, when there is a line to follow
        assert drawn[-1] > 2 * 220
