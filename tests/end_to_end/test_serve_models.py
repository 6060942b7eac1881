"""What a bare WebSocket client sees of each model on a real `livecli serve`, as it was recorded from the service."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.end_to_end.conftest import tone
from tests.end_to_end.test_serve import FREE, exports

PATHS = {
    "developer": "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    "vertex": "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent",
}
RESOURCES = {"developer": "models/{}", "vertex": "projects/p/locations/us-central1/publishers/google/models/{}"}
BOUND_SECONDS = 20


@dataclass
class Wire:
    """A session: the frames received, each with its time in seconds after the session was set up."""

    socket: ClientConnection
    opened: float = 0.0
    frames: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        frame = self.socket.recv(timeout=BOUND_SECONDS)
        assert isinstance(frame, bytes), "the service sends binary frames"
        self.frames.append((time.monotonic() - self.opened, json.loads(frame)))
        return self.frames[-1][1]

    def until(self, key: str) -> list[dict[str, Any]]:
        """The frames up to the first one that has `key` anywhere in it."""
        received = [self.receive()]
        while f'"{key}"' not in json.dumps(received[-1]):
            received.append(self.receive())
        return received

    def send_clip(self, pcm: bytes) -> None:
        """Send a clip at once, in frames of 100 ms."""
        for start in range(0, len(pcm), 3_200):
            data = base64.b64encode(pcm[start : start + 3_200]).decode()
            self.send(realtimeInput={"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}})

    def time_of(self, key: str) -> float:
        """When the first frame came that has `key` anywhere in it."""
        return next(at for at, frame in self.frames if f'"{key}"' in json.dumps(frame))


@pytest.fixture
def session(spawn: Callable[..., Any]) -> Callable[..., Any]:
    """Open a session with a model on a new server, which gets these options."""

    @contextmanager
    def open_session(model: str, *options: Any, platform: str = "developer", **setup: Any) -> Iterator[Wire]:
        url = exports(spawn("serve", *FREE, "-q", *options))["LIVECLI_BASE_URL"]
        with connect(url + PATHS[platform], proxy=None) as socket:
            wire = Wire(socket)
            wire.send(setup={"model": RESOURCES[platform].format(model), **setup})
            assert "setupComplete" in wire.receive()
            wire.opened = time.monotonic()
            yield wire

    return open_session


CLIP = bytes(32_000) + tone(32_000) + bytes(32_000)
"""A second of silence, two of sound, and a second of silence."""


def audio_seconds(frames: list[dict[str, Any]]) -> float:
    parts = [part for frame in frames for part in frame.get("serverContent", {}).get("modelTurn", {}).get("parts", [])]
    return sum(len(base64.b64decode(part["inlineData"]["data"])) for part in parts if "inlineData" in part) / 48_000


def test_the_default_pace_is_the_bursts_of_the_service(session: Callable[..., Any]) -> None:
    with session("gemini-3.8-live") as wire:
        wire.send_clip(CLIP)
        frames = wire.until("turnComplete")
        seconds = audio_seconds(frames)
        first, generated, complete = map(wire.time_of, ("inlineData", "generationComplete", "turnComplete"))
        assert 2.0 <= seconds <= 2.4
        assert first >= 3.0 / 4, "the end of speech is 3 s into the clip"
        assert generated - first >= seconds / 4 - 0.2
        assert generated - first < seconds - 0.5, "audio comes faster than real time"
        assert complete - first >= seconds - 0.3


def test_without_delay_where_asked_for(session: Callable[..., Any]) -> None:
    with session("gemini-3.8-live", "--pace", "instant") as wire:
        wire.send_clip(CLIP)
        seconds = audio_seconds(wire.until("turnComplete"))
        assert wire.time_of("turnComplete") - wire.time_of("inlineData") < seconds - 0.5
