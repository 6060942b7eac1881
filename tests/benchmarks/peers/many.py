"""`many.py PEER URL FILE.wav SESSIONS STARTS_A_SECOND`: real-time sessions of another client, in one process.

PEER is `google_genai`, the official SDK, or `tutorial`, the public tutorial's loop, which sleeps for the length of a
chunk after each. All sessions run on one event loop, as in a server for voice agents.
"""

import asyncio
import base64
import json
import sys
import wave

CHUNK_SECONDS = 512 / 16_000


async def send_slowly(ws, path):
    await ws.send(json.dumps({"realtimeInput": {"activityStart": {}}}))
    with wave.open(path) as file:
        while chunk := file.readframes(512):
            audio = {"data": base64.b64encode(chunk).decode(), "mimeType": "audio/pcm;rate=16000"}
            await ws.send(json.dumps({"realtimeInput": {"audio": audio}}))
            await asyncio.sleep(CHUNK_SECONDS)
    await ws.send(json.dumps({"realtimeInput": {"activityEnd": {}}}))


def tutorial_sessions(url, path):
    import tutorial
    import websockets

    async def converse():
        headers = {"Authorization": "Bearer ya29.bench"}
        async with websockets.connect(url + tutorial.SERVICE, additional_headers=headers) as ws:
            await ws.send(json.dumps(tutorial.SETUP))
            await ws.recv()
            await asyncio.gather(send_slowly(ws, path), tutorial.receive(ws))

    return converse


def google_genai_sessions(url, path):
    import google_genai

    client = google_genai.client(url)
    return lambda: google_genai.converse(client, path, 1.0)


PEERS = {"google_genai": google_genai_sessions, "tutorial": tutorial_sessions}


async def main(peer, url, path, sessions, starts_a_second):
    converse = PEERS[peer](url, path)

    async def begin(number):
        await asyncio.sleep(number / float(starts_a_second))
        await converse()

    await asyncio.gather(*(begin(number) for number in range(int(sessions))))


asyncio.run(main(*sys.argv[1:]))
