"""Where another player of tag.py is to be drawn, from the places that messages tell."""

from collections import deque

from steamnet import NetworkingMessage

DELAY = 100_000  # microseconds: others are drawn where they were then, between two known places


class Track:
    """Where another player was lately."""

    def __init__(self) -> None:
        self.places: deque[tuple[int, int, int, int]] = deque([(-1, 0, 0, 0)], maxlen=32)

    def add(self, message: NetworkingMessage, x: int, y: int) -> None:
        """Keep the place that a message told, unless a newer one has come before it."""
        if message.message_number > self.places[-1][0]:
            self.places.append((message.message_number, message.time_received, x, y))

    def at(self, now: int) -> tuple[float, float]:
        """The place to draw ``now`` (in microseconds), on the line between two known places."""
        time = now - DELAY
        before = after = self.places[0]
        for after in self.places:
            if after[1] >= time:
                break
            before = after
        share = min((time - before[1]) / max(after[1] - before[1], 1), 1)
        x, y = after[2] - before[2], after[3] - before[3]
        return before[2] + share * x, before[3] + share * y
