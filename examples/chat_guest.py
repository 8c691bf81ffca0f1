"""A guest of chat_host.py, started with its Steam ID: says hello, then shows what others say."""

import sys

import steamnet

if len(sys.argv) != 2:
    sys.exit("usage: chat_guest.py STEAM_ID (the one that chat_host.py shows)")
try:
    with steamnet.init(480) as steam, steam.connect(sys.argv[1]) as connection:
        connection.send("Hello!")
        while True:
            steam.run_callbacks()
            for message in connection.receive():
                print(message.decode(), flush=True)
            steam.wait(1 / 60)
except (steamnet.SteamnetError, ValueError) as error:
    sys.exit(f"chat_guest: {error}")
