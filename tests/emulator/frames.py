"""A client of the emulator that writes its frames by hand, with websockets' own connection."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
VERTEX_MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live"
SETUP = {DEVELOPER: {"model": "models/gemini-3.8-live"}, VERTEX: {"model": VERTEX_MODEL}}
MANUAL = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
START, END = {"realtimeInput": {"activityStart": {}}}, {"realtimeInput": {"activityEnd": {}}}
SOON = 10.0


async def say(ws: ClientConnection, message: Any, *, binary: bool = False) -> None:
    frame = json.dumps(message)
    await ws.send(frame.encode() if binary else frame)


async def hear(ws: ClientConnection) -> Any:
    frame = await asyncio.wait_for(ws.recv(), SOON)
    assert isinstance(frame, bytes), "the service answers in binary frames"
    assert frame.endswith(b"}\n")
    return json.loads(frame)


async def turn(ws: ClientConnection) -> list[Any]:
    said = []
    while True:
        said.append(await hear(ws))
        if said[-1].get("serverContent", {}).get("turnComplete"):
            return said


async def set_up(ws: ClientConnection, path: str, **fields: Any) -> Any:
    await say(ws, {"setup": {**SETUP[path], **fields}})
    return await hear(ws)


def audio(pcm: bytes, rate: int = 16_000) -> dict[str, Any]:
    return {"realtimeInput": {"audio": {"data": base64.b64encode(pcm).decode(), "mimeType": f"audio/pcm;rate={rate}"}}}


def sound(said: list[Any]) -> bytes:
    turns = (message["serverContent"].get("modelTurn", {}) for message in said)
    parts = (part for model_turn in turns for part in model_turn.get("parts", []))
    return b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts)


async def closed(ws: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        while True:
            await asyncio.wait_for(ws.recv(), SOON)
    return ws.close_code, ws.close_reason


def half_hello() -> bytes:
    """The first half of the first message of a TLS handshake."""
    outgoing = ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    return hello[: len(hello) // 2]
