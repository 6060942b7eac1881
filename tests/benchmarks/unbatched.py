"""`unbatched.py URL FILE.wav`: sends one message per write through the Python API, as `send` does in real time."""

import asyncio
import sys
import wave

import livecli


async def main(url, path):
    async with livecli.connect(base_url=url) as session:
        await session.send(livecli.ActivityStart())
        with wave.open(path) as file:
            while chunk := file.readframes(512):
                await session.send(livecli.AudioChunk(chunk))
        await session.send(livecli.ActivityEnd())
        async for event in session:
            if isinstance(event, livecli.TurnComplete):
                break


asyncio.run(main(*sys.argv[1:]))
