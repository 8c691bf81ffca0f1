"""A guest of chat_host.py, started with its Steam ID: says hello, then shows what others say."""

import sys

import steamnet

with steamnet.init(480) as steam, steam.connect(sys.argv[1]) as connection:
    connection.send("Hello!")
    try:
        while True:
            steam.run_callbacks()
            for message in connection.receive():
                print(message.decode(), flush=True)
            steam.wait(1 / 60)
    except steamnet.ResultError as error:
        sys.exit(str(error))
