"""A guest of chat_host.py, started with its Steam ID: says hello, then shows what others say."""

import argparse
import sys

import steamnet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("steam_id", help="the one that chat_host.py shows")
host = parser.parse_args().steam_id
try:
    with steamnet.init(480) as steam, steam.connect(host) as connection:
        connection.send("Hello!")
        while True:
            steam.run_callbacks()
            for message in connection.receive():
                print(message.decode(), flush=True)
            steam.wait(1 / 60)
except ValueError as error:  # it is no Steam ID
    parser.error(str(error))
except steamnet.SteamnetError as error:
    sys.exit(f"chat_guest: {error}")
