"""A frame that is audio and nothing else is read by its neighbours' shape: the same is understood as without them."""

from __future__ import annotations

import base64
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.errors import ProtocolError
from livecli.protocol import events
from livecli.protocol.codec import AudioShapes, decode_server, encode_server
from livecli.protocol.machine import LiveProtocol, Side
from livecli.protocol.platform import Platform
from tests.cases import in_one_test

PCM = bytes(range(256))
DATA = base64.b64encode(PCM).decode()
PART = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": DATA}}


def spoken(part, **beside):
    return {"serverContent": {"modelTurn": {"role": "model", "parts": [part]}}, **beside}


FRAMES = {
    "Vertex": encode_server([events.AudioChunk(PCM, 24_000)], Platform.VERTEX),
    "Developer": encode_server([events.AudioChunk(PCM, 24_000)], Platform.DEVELOPER),
    "another rate": encode_server([events.AudioChunk(PCM, 16_000)], Platform.DEVELOPER),
    "compact": json.dumps(spoken(PART), separators=(",", ":")).encode(),
    "the data first": json.dumps(spoken({"inlineData": dict(reversed(PART["inlineData"].items()))})).encode(),
    "beside what is passed over": json.dumps(spoken({**PART, "thoughtSignature": DATA[:80]}, later=1)).encode(),
    "with usage": json.dumps(spoken(PART, usageMetadata={"totalTokenCount": 1})).encode(),
    "with the end of the turn": json.dumps(
        {"serverContent": {"modelTurn": {"parts": [PART]}, "turnComplete": True}}
    ).encode(),
    "two parts": json.dumps({"serverContent": {"modelTurn": {"parts": [PART, PART]}}}).encode(),
    "the same twice": json.dumps(spoken(PART, label=DATA)).encode(),
    "the same before, and spelled otherwise": json.dumps(
        {"label": DATA, **spoken({"inlineData": {"data": "ESCAPED"}})}
    ).encode().replace(b"ESCAPED", b"\\u0041" + DATA[1:].encode()),
}  # fmt: skip


def understood(frame: bytes, shapes: AudioShapes | None = None):
    try:
        return decode_server(frame, shapes)
    except ProtocolError as error:
        return str(error)


@in_one_test("name", FRAMES)
@in_one_test(
    "other",
    [
        b"AQAAAP//",
        b"",
        b"AQAAAP__",  # the other alphabet
        b"AQAAAP8",  # unpadded
        b"AQ=AAP//",
        b"AQAA\\nAAA",
        b'AQAA"},"text":"AQAA',
        b'","data":"AQAA',
        b"\xff\xff\xff\xff",
    ],
)
def test_another_text_in_the_place_of_the_base64_is_understood_as_without_a_neighbour(name, other):
    changed = FRAMES[name].replace(DATA.encode(), other)
    shapes = AudioShapes()
    for _ in range(2):
        understood(FRAMES[name], shapes)
    assert understood(changed, shapes) == understood(changed)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(sorted(FRAMES)), st.binary(min_size=1, max_size=300)), max_size=20))
def test_frames_of_several_dialects_among_each_other(said):
    frames = [FRAMES[name].replace(DATA.encode(), base64.b64encode(pcm)) for name, pcm in said]
    shapes = AudioShapes()
    assert [understood(frame, shapes) for frame in frames] == [understood(frame) for frame in frames]


def test_the_shape_of_a_frame_is_learned():
    shapes = AudioShapes()
    decode_server(FRAMES["compact"], shapes)
    [(before, after, rate)] = shapes.latest
    assert before + DATA.encode() + after == FRAMES["compact"]
    assert rate == 24_000


def test_a_frame_of_which_little_is_audio_is_not_kept():
    shapes = AudioShapes()
    frame = json.dumps(spoken(PART, later="x" * 5000)).encode()
    assert decode_server(frame, shapes) == [events.AudioChunk(PCM, 24_000)]
    assert shapes.latest == []


def test_no_session_learns_from_another():
    first, second = (LiveProtocol(Side.CLIENT, Platform.VERTEX) for _ in range(2))
    chunk = events.AudioChunk(PCM, 24_000)
    assert first.receive(FRAMES["Vertex"]) == second.receive(FRAMES["compact"]) == [chunk]
    assert [len(session._shapes.latest) for session in (first, second)] == [1, 1]
    assert first._shapes.latest != second._shapes.latest
