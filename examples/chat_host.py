"""A chat host for four players, who join with chat_guest.py and the Steam ID that this prints."""

import steamnet

ROOM, FULL = 4, 1001  # how many players fit in, and a close reason of our own

with steamnet.init(480) as steam, steam.listen() as listener, steam.poll_group() as room:
    print("Host Steam ID:", steam.core.get_steam_id(), flush=True)
    while True:
        steam.run_callbacks()
        for request in listener.waiting:
            if len(room) == ROOM:
                request.reject(FULL, "the room is full")
            else:
                room.add(request.accept())
                room.broadcast(f"* {request.peer} has come")
        for message in room.receive():
            text = f"{message.identity}: {message.decode(errors='replace')[:1000]}"
            room.broadcast(text, besides=[room.sender(message)])
        for gone in room.departed():
            room.broadcast(f"* {gone.peer} has left")
            gone.close()
        steam.wait(1 / 60)
