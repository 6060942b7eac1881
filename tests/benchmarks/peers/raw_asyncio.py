"""`raw_asyncio.py URL FILE.wav`: writes frames made beforehand to an asyncio stream, one by one.

A client that computes nothing: it measures the limit of one write per frame.
"""

import asyncio
import base64
import json
import os
import sys
import wave

UPGRADE = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: Y3Jvd2QgIGNyb3dkICBjcg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(opcode, payload):
    mask = os.urandom(4)
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    key = mask * (len(payload) // 4) + mask[: len(payload) % 4]
    body = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return bytes([0x80 | opcode]) + size + mask + body.to_bytes(len(payload), "little")


def said(message):
    return masked(1, json.dumps(message, separators=(",", ":")).encode())


def frames(path):
    yield said({"realtimeInput": {"activityStart": {}}})
    with wave.open(path) as file:
        while chunk := file.readframes(512):
            audio = {"data": base64.b64encode(chunk).decode(), "mimeType": "audio/pcm;rate=16000"}
            yield said({"realtimeInput": {"audio": audio}})
    yield said({"realtimeInput": {"activityEnd": {}}})


async def main(url, path):
    ready = list(frames(path))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(UPGRADE.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(said({"setup": {"model": "models/gemini-3.8-live"}}))
    await reader.read(1 << 16)
    for frame in ready:
        writer.write(frame)
        await writer.drain()
    await reader.read(1 << 16)
    writer.write(masked(8, (1000).to_bytes(2, "big")))
    await reader.read(100)
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
