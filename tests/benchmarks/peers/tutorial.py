"""`tutorial.py URL FILE.wav REPLY.wav`: the loop of the public tutorial, in our own code.

It calls json.dumps, base64.b64encode and send for every 1,024 bytes, while another task receives the reply, which it
writes at the end. The pauses of the tutorial are left out.
"""

import asyncio
import base64
import json
import sys
import wave

import websockets
from opening import SERVICE, SETUP


async def send(ws, path):
    await ws.send(json.dumps({"realtimeInput": {"activityStart": {}}}))
    with wave.open(path) as file:
        while chunk := file.readframes(512):
            audio = {"data": base64.b64encode(chunk).decode(), "mimeType": "audio/pcm;rate=16000"}
            await ws.send(json.dumps({"realtimeInput": {"audio": audio}}))
    await ws.send(json.dumps({"realtimeInput": {"activityEnd": {}}}))


async def receive(ws):
    reply = []
    async for frame in ws:
        content = json.loads(frame).get("serverContent", {})
        for part in content.get("modelTurn", {}).get("parts", []):
            reply.append(base64.b64decode(part["inlineData"]["data"]))
        if content.get("turnComplete"):
            return reply
    raise SystemExit("the turn was never complete")


def keep(reply, path):
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(b"".join(reply))


async def main(url, path, reply_path):
    async with websockets.connect(url + SERVICE, additional_headers={"Authorization": "Bearer ya29.bench"}) as ws:
        await ws.send(json.dumps(SETUP))
        await ws.recv()
        _, reply = await asyncio.gather(send(ws, path), receive(ws))
        keep(reply, reply_path)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
