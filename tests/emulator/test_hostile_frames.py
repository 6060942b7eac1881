"""Whatever a client sends ends in an answer or in a close of Google's: never in an exception of another kind."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.emulator.core.behaviour import Echo
from livecli.emulator.core.conversation import EmulatedSession
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.machine import LiveProtocol, Side
from livecli.protocol.models import Platform

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("AUDIO")
NAMES = """
setup model generationConfig responseModalities realtimeInputConfig automaticActivityDetection disabled clientContent
client_content turns turnComplete parts text role inlineData data mimeType realtimeInput audio video mediaChunks
activityStart activity_end audioStreamEnd toolResponse functionResponses contextUpdate tools
"""
keys = st.sampled_from(NAMES.split()) | st.text(max_size=5)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def chunk(pcm: bytes, rate: int) -> dict[str, Any]:
    return {"realtimeInput": {"audio": {"data": base64.b64encode(pcm).decode(), "mimeType": f"audio/pcm;rate={rate}"}}}


audio = st.builds(chunk, st.binary(max_size=3_000), st.sampled_from([0, 1_000, 8_000, 16_000, 24_000, 44_100, 10**9]))
fine = st.sampled_from(
    [
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"activityEnd": {}}},
        {"realtimeInput": {"audioStreamEnd": True}},
        {"realtimeInput": {"text": "hi"}},
        {"clientContent": {"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True}},
    ]
)
frames = (anything | audio | audio | fine).map(lambda message: json.dumps(message).encode()) | st.binary(max_size=40)
detections = st.fixed_dictionaries(
    {},
    optional={
        "disabled": st.booleans(),
        "prefixPaddingMs": st.integers(-(10**10), 10**10),
        "silenceDurationMs": st.integers(-(10**10), 10**10),
    },
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(Platform), detections, st.lists(frames, max_size=12), st.booleans())
def test_every_frame_is_answered_or_refused(
    platform: Platform, detection: dict, said: list[bytes], takes: bool
) -> None:
    protocol = LiveProtocol(Side.SERVER, platform)
    conversation = EmulatedSession(platform, "v1", behaviour=Echo(), new_session_id=lambda: "id", open_spool=io.BytesIO)
    model = "models/gemini-3.8-live" if platform is Platform.DEVELOPER else "publishers/google/models/gemini-3.8-live"
    setup = {"model": model, "realtimeInputConfig": {"automaticActivityDetection": detection}}
    setup["inputAudioTranscription"] = setup["outputAudioTranscription"] = {}
    try:
        for frame in [json.dumps({"setup": setup}).encode(), *said]:
            for event in protocol.receive(frame):
                conversation.receive(event, 0.0)
            while (takes or not conversation.accepts_input) and (message := conversation.next_message(0.0)):
                assert json.loads(protocol.send(*message))
    except Refusal as refusal:
        assert refusal.code in (1007, 1008)
        assert len(refusal.reason.encode()) <= 123
    finally:
        conversation.close()
