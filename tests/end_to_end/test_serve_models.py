"""What a bare WebSocket client sees of each model on a real `livecli serve`, as it was recorded from the service."""

from __future__ import annotations

import base64
import json
import re
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
def session(fork: Callable[..., Any]) -> Callable[..., Any]:
    """Open a session with a model on a new server, which gets these options."""

    @contextmanager
    def open_session(model: str, *options: Any, platform: str = "developer", **setup: Any) -> Iterator[Wire]:
        url = exports(fork("serve", *FREE, "-q", *options))["LIVECLI_BASE_URL"]
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
        assert generated >= 3.0 / 4 + seconds / 4 - 0.2
        assert generated - first < seconds - 0.1, "audio comes faster than real time"
        assert complete >= 3.0 / 4 + seconds - 0.3


def test_without_delay_where_asked_for(session: Callable[..., Any]) -> None:
    with session("gemini-3.8-live", "--pace", "instant") as wire:
        wire.send_clip(CLIP)
        seconds = audio_seconds(wire.until("turnComplete"))
        assert wire.time_of("turnComplete") - wire.time_of("inlineData") < seconds - 0.5


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.mark.parametrize("platform", ["developer", "vertex"])
def test_each_mark_of_a_spoken_turn_of_the_default_model(session: Callable[..., Any], platform: str) -> None:
    """Nothing is asked for in the setup. On Vertex AI the marks are assumed to be the same."""
    with session("gemini-3.8-live", platform=platform) as wire:
        handle = wire.receive()["sessionResumptionUpdate"]
        assert re.fullmatch(UUID, handle.pop("newHandle"))
        assert handle == {"resumable": True}
        wire.send_clip(CLIP)
        started, heard, ended, empty, opening, *answer, generated, complete = wire.until("turnComplete")
    assert started == {"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "1s"}}
    assert heard == {"serverContent": {"inputTranscription": {"text": "[2.2 s of speech]"}}}
    assert ended == {"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "3s"}}
    assert (empty, opening) == ({}, {"serverContent": {}})
    assert answer[::2] == [{}] * (len(answer) // 2)
    contents = [frame["serverContent"] for frame in answer[1::2]]
    assert all(next(iter(content)) == "modelTurn" for content in contents), "no frame has a transcript alone"
    assert all(list(content["modelTurn"]) == ["parts", "role"] for content in contents)
    words = [content["outputTranscription"]["text"] for content in contents if "outputTranscription" in content]
    assert "".join(words) == "[2.2 s of speech]"
    assert generated == {"serverContent": {"generationComplete": True}}
    usage = complete.pop("usageMetadata")
    assert complete == {"serverContent": {"turnComplete": True}}
    response = "candidates" if platform == "vertex" else "response"
    assert list(usage) == [
        "promptTokenCount",
        f"{response}TokenCount",
        "totalTokenCount",
        "promptTokensDetails",
        f"{response}TokensDetails",
        "thoughtsTokenCount",
    ]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage[f"{response}TokenCount"]
    assert usage[f"{response}TokensDetails"] == [{"modality": "AUDIO", "tokenCount": 55}]


def test_a_function_call_of_the_default_model(session: Callable[..., Any]) -> None:
    tools = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]
    with session("gemini-3.8-live", tools=tools) as wire:
        wire.send(realtimeInput={"text": 'call f {"x": 1}'})
        (call,) = wire.until("toolCall")[-1]["toolCall"]["functionCalls"]
        assert list(call) == ["name", "args", "id"]
        assert re.fullmatch(r"fc_\d{18,19}", call["id"])
        response = {"id": call["id"], "name": "f", "response": {"output": "sunny"}}
        wire.send(toolResponse={"functionResponses": [response]})
        empty_turn = wire.receive()
        assert empty_turn["serverContent"] == {"turnComplete": True}
        answer = wire.until("turnComplete")
        assert sum("turnComplete" in frame.get("serverContent", {}) for frame in answer) == 1
        assert 0.2 < audio_seconds(answer) < 1


def test_a_transcribing_model_ends_at_the_activity(session: Callable[..., Any]) -> None:
    setup = {
        "generationConfig": {"responseModalities": ["TEXT"]},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    }
    with session("gemini-3.5-transcribe-live", **setup) as wire:
        wire.send(realtimeInput={"activityStart": {}})
        wire.send_clip(tone(16_000))
        wire.send(realtimeInput={"activityEnd": {}})
        *_, final, generated, ended = wire.until("ACTIVITY_END")
    assert final == {"serverContent": {"inputTranscription": {"text": "[1.0 s of speech]"}}}
    assert generated == {"serverContent": {"generationComplete": True}}
    assert ended == {"serverContent": {}, "voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "1s"}}


def test_the_same_input_brings_the_same_frames(session: Callable[..., Any]) -> None:
    received = []
    for _ in range(2):
        with session("gemini-3.8-live") as wire:
            wire.receive()
            wire.send_clip(CLIP)
            received.append(wire.until("turnComplete"))
    assert received[0] == received[1]
