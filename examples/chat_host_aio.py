"""The host of chat_host.py with await, for the same guests."""

import asyncio

from steamnet import aio


async def talk(room: aio.PollGroup) -> None:
    """Tell the others what one says."""
    async for message in room:
        text = f"{message.identity}: {message.decode(errors='replace')[:1000]}"
        room.broadcast(text, besides=[room.sender(message)])


async def see_off(room: aio.PollGroup) -> None:
    """Tell everybody who has left, once all of its messages were received."""
    async for gone in room.departures():
        room.broadcast(f"* {gone.peer} has left")
        await gone.close()


async def main() -> None:
    """Let in who comes while there is room."""
    async with aio.init(480) as steam, steam.listen() as listener, steam.poll_group() as room:
        _tasks = [asyncio.create_task(work) for work in (talk(room), see_off(room))]
        print("Host Steam ID:", steam.core.get_steam_id(), flush=True)
        async for request in listener.requests():
            if len(room) == 4:
                request.reject(1001, "the room is full")
            else:
                room.add(request.accept())
                room.broadcast(f"* {request.peer} has come")


asyncio.run(main())
