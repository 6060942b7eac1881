"""`aiohttp_client.py URL FILE.wav`: the tutorial's loop over aiohttp's WebSocket client."""

import asyncio
import base64
import json
import sys
import wave

import aiohttp
from opening import SERVICE, SETUP


async def send(ws, path):
    await ws.send_str(json.dumps({"realtimeInput": {"activityStart": {}}}))
    with wave.open(path) as file:
        while chunk := file.readframes(512):
            audio = {"data": base64.b64encode(chunk).decode(), "mimeType": "audio/pcm;rate=16000"}
            await ws.send_str(json.dumps({"realtimeInput": {"audio": audio}}))
    await ws.send_str(json.dumps({"realtimeInput": {"activityEnd": {}}}))


async def receive(ws):
    async for frame in ws:
        if json.loads(frame.data).get("serverContent", {}).get("turnComplete"):
            return
    raise SystemExit("the turn was never complete")


async def main(url, path):
    headers = {"Authorization": "Bearer ya29.bench"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(url + SERVICE, max_msg_size=0) as ws,
    ):
        await ws.send_str(json.dumps(SETUP))
        await ws.receive()
        await asyncio.gather(send(ws, path), receive(ws))


asyncio.run(main(*sys.argv[1:]))
