"""Tag (pygame-ce) for up to eight players, each with a window: the arrow keys move.

One player is it, and whom that player touches is it next. It runs on the loopback engine unless
STEAMNET_ENGINE names another.
"""

import argparse
import os
import sys

import pygame
import tag_net

import steamnet

WIDTH, HEIGHT, SIZE, FPS = 640, 400, 14, 60
NIGHT, IT, OTHERS = pygame.Color("#0d0d1f"), pygame.Color("#f72585"), pygame.Color("#4cc9f0")


def others(game: tag_net.Host | tag_net.Guest) -> dict[str, tuple[float, float]]:
    """The places at which to draw the other players."""
    now = game.steam.networking_utils.get_local_timestamp()
    seats = {who: seat for who, seat in game.seats.items() if who != game.me}
    return {who: game.tracks[seat].at(now) for who, seat in seats.items() if seat in game.tracks}


def touched(game: tag_net.Host, mine: pygame.Vector2) -> str | None:
    """Whom the player who is it touches; only the host decides that."""
    places = {game.me: pygame.Vector2(mine)}
    places |= {who: pygame.Vector2(place) for who, place in others(game).items()}
    if (it := places.pop(game.it, None)) is None:
        return None
    return next((who for who, at in places.items() if it.distance_to(at) < 2 * SIZE), None)


def draw(screen: pygame.Surface, game: tag_net.Host | tag_net.Guest, mine: pygame.Vector2) -> None:
    """Draw each player as a disc with a name."""
    screen.fill(NIGHT)
    font = pygame.font.Font(None, 22)
    for who, place in {**others(game), game.me: (mine.x, mine.y)}.items():
        colour = IT if who == game.it else OTHERS
        pygame.draw.circle(screen, colour, place, SIZE, width=0 if who == game.me else 4)
        name = font.render(game.names.get(who, ""), True, colour)
        screen.blit(name, name.get_rect(midtop=(place[0], place[1] + SIZE + 4)))
    pygame.display.flip()


def main(name: str, host: str | None = None) -> None:
    """Open a window and the engine, and play until the window is closed or the host has gone."""
    pygame.init()
    screen, clock = pygame.display.set_mode((WIDTH, HEIGHT)), pygame.Clock()
    mine, safe, here = pygame.Vector2(WIDTH, HEIGHT) / 2, 0.0, set[str]()
    engine = os.environ.get("STEAMNET_ENGINE", "loopback")
    with steamnet.init(480, engine=engine) as steam:
        game = tag_net.Host(steam, name) if host is None else tag_net.Guest(steam, host, name)
        pygame.display.set_caption(f"{name} is {game.me}")
        print(f"{name} is {game.me}", flush=True)
        try:
            while not any(event.type == pygame.QUIT for event in pygame.event.get()):
                keys = pygame.key.get_pressed()
                mine.x += 4 * (keys[pygame.K_RIGHT] - keys[pygame.K_LEFT])
                mine.y += 4 * (keys[pygame.K_DOWN] - keys[pygame.K_UP])
                mine.x, mine.y = min(max(mine.x, 0), WIDTH), min(max(mine.y, 0), HEIGHT)
                game.frame(int(mine.x), int(mine.y))
                for who in game.names.keys() - here:
                    print(game.names[who], "is here", flush=True)
                here = set(game.names)
                safe -= 1 / FPS  # a second in which nobody can be touched
                if isinstance(game, tag_net.Host) and safe < 0 and (it := touched(game, mine)):
                    game.it, safe = it, 1.0
                    game.tell()
                draw(screen, game, mine)
                clock.tick(FPS)
        except steamnet.ResultError as error:
            sys.exit(f"the game is over: {error}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="yours")
    parser.add_argument("host", nargs="?", help="its Steam ID; without one, you host")
    options = parser.parse_args()
    try:
        main(options.name, options.host)
    except ValueError as error:  # it is no Steam ID
        parser.error(str(error))
    except (steamnet.SteamnetError, KeyboardInterrupt) as error:
        sys.exit(f"tag: {str(error) or 'goodbye'}")
