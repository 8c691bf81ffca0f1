"""Makes the pictures of the documentation: python docs/images/make.py (half a minute)."""

import os
import random
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "examples"))
os.environ |= {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}

import pong  # noqa: E402  # after the environment it reads
import pygame  # noqa: E402  # after the environment it reads

from steamnet.cli import main  # noqa: E402  # after the environment it reads
from steamnet.testing import connected_pair  # noqa: E402  # after the environment it reads

TITLE = 28


def play_pong(file: Path) -> None:
    """Let the computer play against itself, and take both windows a moment after a hit."""
    random.seed(5)
    pygame.init()
    size = (pong.WIDTH, pong.HEIGHT)
    screens = [pygame.Surface(size) for _ in range(2)]
    with connected_pair(lag=20, seed=1) as (guest, host):
        games = pong.Game(host, 0), pong.Game(guest, 1)

        def is_a_good_moment() -> bool:
            seen = games[1]
            midway = pygame.Rect(
                pong.WIDTH * 0.14, pong.HEIGHT * 0.3, pong.WIDTH * 0.06, pong.HEIGHT * 0.4
            )
            return (
                sum(seen.score) >= 3 and len(seen.sparks) >= 30 and midway.collidepoint(seen.ball)
            )

        while not is_a_good_moment():
            for game, screen in zip(games, screens, strict=True):
                game.connection._router.run_callbacks()
                distance = game.ball.y + pong.PADDLE * 0.3 - game.paddles[game.me]
                game.play(min(max(distance / 30, -1), 1))
                screen.fill(pong.NIGHT)
                game.draw(screen)
            pygame.time.wait(8)
    picture = pygame.Surface((2 * pong.WIDTH + 24, pong.HEIGHT + TITLE))
    picture.fill("#c8c8d4")
    font = pygame.font.Font(None, 22)
    for place, (screen, role) in enumerate(zip(screens, ("host", "join"), strict=True)):
        x = place * (pong.WIDTH + 24)
        picture.blit(font.render(f"python examples/pong.py {role}", True, "#22222e"), (x + 10, 7))
        picture.blit(screen, (x, TITLE))
    pygame.image.save(picture, file)


if __name__ == "__main__":
    play_pong(HERE / "pong.png")
    graph = str(HERE / "netgraph.png")
    sys.exit(
        main(["netgraph", "--lag", "80", "--loss", "0.05", "--seconds", "30", "--plot", graph])
    )
