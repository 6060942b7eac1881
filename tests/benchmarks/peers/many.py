"""`many.py PEER URL FILE.wav SESSIONS STARTS_A_SECOND`: real-time sessions of another client, in one process.

PEER is `google_genai`, the official SDK; `tutorial`, the public tutorial's loop, which sleeps for the length of a chunk
after each; or `asyncio`, which has all frames made beforehand, writes two at a time from a timer, and keeps nothing:
nothing that asyncio runs takes less. All sessions run on one event loop, as in a server for voice agents.
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


def asyncio_sessions(url, path):
    import tutorial
    import websockets

    with wave.open(path) as file:
        chunks = [file.readframes(512) for _ in range(file.getnframes() // 512)]
    audio = [{"data": base64.b64encode(chunk).decode(), "mimeType": "audio/pcm;rate=16000"} for chunk in chunks]
    frames = [text_frame({"realtimeInput": {"audio": each}}) for each in audio]
    pairs = [b"".join(frames[at : at + 2]) for at in range(0, len(frames), 2)]

    async def write_all(write):
        loop = asyncio.get_running_loop()
        started, over, rest = loop.time(), loop.create_future(), iter(pairs)

        def beat(at):
            pair = next(rest, None)
            if pair is None:
                over.set_result(None)
            else:
                write(pair)
                loop.call_at(at + 2 * CHUNK_SECONDS, beat, at + 2 * CHUNK_SECONDS)

        # The second chunk of a pair is due when both are sent.
        loop.call_at(started + CHUNK_SECONDS, beat, started + CHUNK_SECONDS)
        await over

    async def converse():
        headers = {"Authorization": "Bearer ya29.bench"}
        async with websockets.connect(url + tutorial.SERVICE, additional_headers=headers) as ws:
            await ws.send(json.dumps(tutorial.SETUP))
            await ws.recv()
            await ws.send(json.dumps({"realtimeInput": {"activityStart": {}}}))
            await write_all(ws.transport.write)
            await ws.send(json.dumps({"realtimeInput": {"activityEnd": {}}}))
            await tutorial.receive(ws)

    return converse


def text_frame(message):
    """A text frame of 126 to 65,535 bytes, masked with a key of zeros."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return b"\x81\xfe" + len(body).to_bytes(2, "big") + bytes(4) + body


PEERS = {"google_genai": google_genai_sessions, "tutorial": tutorial_sessions, "asyncio": asyncio_sessions}


async def main(peer, url, path, sessions, starts_a_second):
    converse = PEERS[peer](url, path)

    async def begin(number):
        await asyncio.sleep(number / float(starts_a_second))
        await converse()

    await asyncio.gather(*(begin(number) for number in range(int(sessions))))


asyncio.run(main(*sys.argv[1:]))
