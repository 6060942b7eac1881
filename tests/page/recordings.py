"""Recordings that the tests of pages are of."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

from livecli.recording.format import By, Direction, Frame, Header, RecordedClose, RecordedConnection, Recording

CLIENT, SERVER = Direction
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'--><svg onload=alert(3)>"


def frame(direction: Direction, at: float, **message: Any) -> Frame:
    return Frame(direction, json.dumps(message).encode(), at)


def sound(seconds: float, rate: int, loudness: int = 20_000) -> str:
    samples = array("h", [loudness, loudness, -loudness, -loudness] * round(seconds * rate / 4))
    return base64.b64encode(samples.tobytes()).decode()


def asked(at: float, seconds: float = 0.1, loudness: int = 20_000) -> Frame:
    audio = {"mimeType": "audio/pcm;rate=16000", "data": sound(seconds, 16_000, loudness)}
    return frame(CLIENT, at, realtimeInput={"audio": audio})


def answered(at: float, seconds: float = 0.2, loudness: int = 20_000) -> Frame:
    blob = {"mimeType": "audio/pcm;rate=24000", "data": sound(seconds, 24_000, loudness)}
    return frame(SERVER, at, serverContent={"modelTurn": {"parts": [{"inlineData": blob}]}})


def content(at: float, **fields: Any) -> Frame:
    return frame(SERVER, at, serverContent=fields)


def session(text: str = "Good morning", *, close: RecordedClose | None = None) -> Recording:
    """Two turns: a spoken one with a tool call, and a typed one that is interrupted. `text` is in every string."""
    frames = [
        frame(CLIENT, 0.0, setup={"model": "models/gemini-3.8-live", "systemInstruction": {"parts": [{"text": text}]}}),
        frame(SERVER, 0.25, setupComplete={"sessionId": text}),
        asked(0.3),
        asked(0.4),
        asked(0.5, loudness=0),
        frame(SERVER, 0.6, voiceActivity={"type": "ACTIVITY_START", "audioOffset": "0.1s"}),
        content(0.6, inputTranscription={"text": text}),
        frame(SERVER, 0.7, toolCall={"functionCalls": [{"name": text, "id": text, "args": {text: text}}]}),
        frame(CLIENT, 0.8, toolResponse={"functionResponses": [{"name": text, "id": text, "response": {text: text}}]}),
        answered(0.9, loudness=0),
        answered(1.0),
        content(1.1, outputTranscription={"text": text}),
        content(1.15, generationComplete=True),
        content(1.2, turnComplete=True),
        frame(SERVER, 1.2, usageMetadata={"totalTokenCount": 40}),
        frame(SERVER, 1.3, sessionResumptionUpdate={"newHandle": text, "resumable": True}),
        frame(CLIENT, 2.0, realtimeInput={"text": text}),
        answered(2.5),
        content(2.6, interrupted=True),
        content(2.7, turnComplete=True),
        frame(SERVER, 2.8, goAway={"timeLeft": "10s"}),
        frame(SERVER, 2.9, **{text: text}),
        frame(CLIENT, 2.9, **{text: text}),
    ]
    header = Header("developer", text, f"wss://h/{text}", text, text)
    end = close or RecordedClose(1000, text, By.CLIENT, 3.0)
    return Recording([RecordedConnection(header, frames, end)])
