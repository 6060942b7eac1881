"""`tutorial.py URL FILE.wav`: the public tutorial's loop, written anew from what it does.

json.dumps, base64.b64encode and one send for every 1,024 bytes, while another task receives; its pauses are left out.
"""

import asyncio
import base64
import json
import sys
import wave

import websockets

SETUP = {
    "setup": {
        "model": "projects/p1/locations/us-central1/publishers/google/models/gemini-live-2.5-flash-native-audio",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    }
}


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


async def main(url, path):
    service = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
    async with websockets.connect(url + service, additional_headers={"Authorization": "Bearer ya29.bench"}) as ws:
        await ws.send(json.dumps(SETUP))
        await ws.recv()
        await asyncio.gather(send(ws, path), receive(ws))


asyncio.run(main(*sys.argv[1:]))
