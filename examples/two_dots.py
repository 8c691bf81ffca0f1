"""Two dots in two windows (pygame-ce): the arrow keys move one's own."""

import argparse
import struct
import sys

import pygame

import steamnet
from steamnet import ResultError, SendFlags

PLACE = struct.Struct("<2f")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("steam_id", nargs="?", help="whom to join; without it, you host")
host = parser.parse_args().steam_id

pygame.init()
screen, clock = pygame.display.set_mode((640, 400)), pygame.Clock()
mine, other = pygame.Vector2(320, 200), pygame.Vector2(-99, -99)

with steamnet.init(480) as steam:
    print("I am", steam.core.get_steam_id(), flush=True)
    try:
        listener = steam.listen() if host is None else None
        connection = None if host is None else steam.connect(host)
        while not any(event.type == pygame.QUIT for event in pygame.event.get()):
            keys = pygame.key.get_pressed()
            mine.x += 4 * (keys[pygame.K_RIGHT] - keys[pygame.K_LEFT])
            mine.y += 4 * (keys[pygame.K_DOWN] - keys[pygame.K_UP])

            steam.run_callbacks()
            if connection is None and listener is not None:
                connection = listener.accept()  # None until somebody has come
                if connection is not None:
                    print(connection.peer, "has come", flush=True)
            if connection is not None:
                for message in connection.receive():
                    other.update(PLACE.unpack(message.data))
                connection.send(PLACE.pack(*mine), SendFlags.UNRELIABLE_NO_NAGLE)

            screen.fill("#0d0d1f")
            pygame.draw.circle(screen, "#f72585", other, 14)
            pygame.draw.circle(screen, "#4cc9f0", mine, 14)
            pygame.display.flip()
            clock.tick(60)
    except ResultError as error:
        sys.exit(f"the other player is gone: {error}")
    except ValueError as error:  # it is no Steam ID
        parser.error(str(error))
