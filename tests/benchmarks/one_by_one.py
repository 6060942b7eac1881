"""`one_by_one.py URL FILE.wav`: livecli from a program, one message a write: what `send` does without catching up."""

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
