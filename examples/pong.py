"""Pong (pygame-ce) for two players, each with a window: up and down move, seven points win.

    python examples/pong.py host            in one terminal
    python examples/pong.py join            in another: a lobby tells who hosts

It runs on loopback unless STEAMNET_ENGINE names another engine; gns is for two machines. Positions
go 60 times a second, unreliably; a hit or a point goes reliably, on another lane.
"""

import argparse
import os
import random
import struct
import sys
from contextlib import suppress

import pygame
from finding import find, wait
from pygame import Color, Vector2

import steamnet
from steamnet import ConfigValue, Connection, ConnectionState, ResultError, SendFlags

ENGINE = os.environ.get("STEAMNET_ENGINE", "loopback")
LOBBY = {"game": "steamnet pong"}  # what lobbies of this game are found by
STATES, EVENTS = 0, 1  # the lanes
STATE, EVENT = struct.Struct("<5f"), struct.Struct("<4i")  # paddle and ball; place and score
WIDTH, HEIGHT, PADDLE, EDGE, FPS = 640, 400, 70, 24, 60
NIGHT, COLOURS = Color("#0d0d1f"), (Color("#4cc9f0"), Color("#f72585"))


class Game:
    """The court as one player, number 0 (who hosts) or 1, sees it."""

    def __init__(self, connection: Connection, me: int) -> None:
        connection.configure_lanes(priorities=[1, 0])  # events go before states
        self.connection, self.me = connection, me
        self.newest, self.paddles, self.score = 0, [HEIGHT / 2, HEIGHT / 2], [0, 0]
        self.ball, self.speed = Vector2(WIDTH, HEIGHT) / 2, Vector2(300, 120)
        self.trail, self.sparks = list[Vector2](), list[tuple[Vector2, Vector2]]()

    def play(self, direction: float) -> None:
        """Live through one frame; ResultError when the other player is gone."""
        moved = self.paddles[self.me] + direction * 420 / FPS
        self.paddles[self.me] = min(max(moved, PADDLE / 2), HEIGHT - PADDLE / 2)
        self.ball += self.speed / FPS
        if not 0 < self.ball.y < HEIGHT:
            self.speed.y = abs(self.speed.y) * (1 if self.ball.y < 0 else -1)
        if self.me == 0 and not EDGE < self.ball.x < WIDTH - EDGE:
            self.judge(0 if self.ball.x < WIDTH / 2 else 1)
        for message in self.connection.receive():
            if message.channel == EVENTS:
                self.happen(*EVENT.unpack(message.data))
            elif message.message_number > self.newest:
                self.newest = message.message_number
                self.paddles[1 - self.me], *ball = STATE.unpack(message.data)
                if self.me == 1:  # the host knows best, and we guess between its states
                    self.ball, self.speed = Vector2(ball[:2]), Vector2(ball[2:])
        state = STATE.pack(self.paddles[self.me], *self.ball, *self.speed)
        with suppress(ResultError):  # receive tells who is gone, after what they sent
            self.connection.send(state, SendFlags.UNRELIABLE_NO_NAGLE, STATES)

    def judge(self, side: int) -> None:
        """Say whether the ball was hit or missed; only the host does."""
        at, off = tuple(map(int, self.ball)), (self.ball.y - self.paddles[side]) / PADDLE
        if abs(off) < 0.6:
            self.speed.update(-self.speed.x * 1.04, self.speed.y + off * 300)
        else:
            self.score[1 - side] += 1
            self.ball.update(WIDTH / 2, HEIGHT / 2)
            self.speed.update((300, -300)[side], random.uniform(-200, 200))
        self.connection.send(EVENT.pack(*at, *self.score), SendFlags.RELIABLE_NO_NAGLE, EVENTS)
        self.happen(*at, *self.score)

    def happen(self, x: int, y: int, *score: int) -> None:
        """Keep the score, and make sparks where the ball was."""
        self.score = list(score)
        ways = [Vector2(random.uniform(1, 6), 0).rotate(random.uniform(0, 360)) for _ in range(40)]
        self.sparks += [(Vector2(x, y), way) for way in ways]

    def draw(self, screen: pygame.Surface) -> None:
        """Paint the trail, the ball, the paddles, the score and the sparks."""
        self.trail = [*self.trail[-20:], self.ball.copy()]
        for age, place in enumerate(self.trail):
            glow = NIGHT.lerp(COLOURS[self.speed.x < 0], age / 24)
            pygame.draw.circle(screen, glow, place, 3 + age / 4)
        pygame.draw.circle(screen, "white", self.ball, 8)
        for side, x in enumerate((EDGE - 12, WIDTH - EDGE + 4)):
            paddle = (x, self.paddles[side] - PADDLE / 2, 8, PADDLE)
            pygame.draw.rect(screen, COLOURS[side], paddle, border_radius=4)
            write(screen, str(self.score[side]), 72, WIDTH / 2 + (2 * side - 1) * 60, COLOURS[side])
        self.sparks = [(at + way, way * 0.95) for at, way in self.sparks if way.length() > 0.5]
        for at, way in self.sparks:
            pygame.draw.circle(screen, "#ffd166", at, way.length())


def write(screen: pygame.Surface, text: str, size: int, x: float, colour: Color) -> None:
    """Write at the top of the window."""
    image = pygame.font.Font(None, size).render(text, True, colour)
    screen.blit(image, image.get_rect(midtop=(x, 12)))


def main() -> None:
    """Open a window and the engine, wait for the other player, and play."""
    parser = argparse.ArgumentParser(description="Pong for two players, each with a window.")
    parser.add_argument("role", choices=("host", "join"))
    parser.add_argument("host", nargs="?", help="its Steam ID or HOST:PORT, without a lobby")
    parser.add_argument("--listen", metavar="HOST:PORT", help="host at this address")
    parser.add_argument("--rendezvous", metavar="URL", help="the `steamnet server`, on gns")
    parser.add_argument("--points", type=int, default=7, help="that win the game")
    parser.add_argument("--lag", type=int, default=0, help="simulated, in ms one way")
    options = parser.parse_args()
    me = 1 if options.role == "join" else 0
    pygame.init()
    screen, clock, game = pygame.display.set_mode((WIDTH, HEIGHT)), pygame.Clock(), None
    with steamnet.init(480, engine=ENGINE, rendezvous=options.rendezvous) as steam:
        steam.networking_utils.init_relay_network_access()
        steam.networking_utils.set_config_value(ConfigValue.FAKE_PACKET_LAG_SEND, options.lag)
        players = find(steam, LOBBY, options.host) if me else wait(steam, LOBBY, 2, options.listen)
        connection = None
        try:
            while not any(event.type == pygame.QUIT for event in pygame.event.get()):
                steam.run_callbacks()
                screen.fill(NIGHT)
                connection = connection or next(players)
                if connection and connection.state >= ConnectionState.CONNECTED:
                    game = game or Game(connection, me)
                    keys = pygame.key.get_pressed()
                    game.play(keys[pygame.K_DOWN] - keys[pygame.K_UP])
                    game.draw(screen)
                    pygame.display.set_caption(f"Pong: ping {connection.status.ping} ms")
                    if max(game.score) >= options.points:
                        break
                else:
                    write(screen, steam.core.get_steam_id(), 30, WIDTH / 2, COLOURS[me])
                pygame.display.flip()
                clock.tick(FPS)
        except ResultError as error:
            sys.exit(f"{'The other player is gone:' if game else 'Is the host running?'} {error}")
        print(f"The score is {game.score[0]} {game.score[1]}" if game else "Nobody came")
        steam.shutdown(linger=0.5)


if __name__ == "__main__":
    try:
        main()
    except (steamnet.SteamnetError, ValueError, KeyboardInterrupt) as error:
        print(f"pong: {str(error) or 'goodbye'}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ValueError) else 1)
