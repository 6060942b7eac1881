"""A frame, whatever is in it, is events, a ProtocolError (the server's) or a Refusal (the client's): nothing else.

A few examples of each run here, always the same ones. `make soak` runs thousands, and other ones each time.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.errors import ProtocolError
from livecli.protocol import events, messages
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.codec import client, decode_client, decode_server, encode_client, encode_server
from livecli.protocol.machine import LiveProtocol, Side, State
from livecli.protocol.models import Platform
from livecli.report.reporter import event_fields
from tests.cases import in_one_test
from tests.hostile import ODD_FRAMES, frames_of, said_by

fuzzed = settings(deadline=None, derandomize=True, max_examples=20)

FROM_SERVER = frames_of(messages.ServerMessage)
FROM_CLIENT = frames_of(messages.ClientMessage)

CLIENT_EVENTS = said_by(
    events.Setup,
    events.AudioChunk,
    events.ActivityStart,
    events.ActivityEnd,
    events.AudioStreamEnd,
    events.Text,
    events.Image,
    events.ClientTurns,
    events.ToolResponse,
    events.ContextUpdate,
)
SERVER_EVENTS = said_by(
    events.SetupComplete,
    events.AudioChunk,
    events.ModelText,
    events.Thought,
    events.ModelCode,
    events.InputTranscript,
    events.InterimTranscript,
    events.OutputTranscript,
    events.ToolCall,
    events.ToolCallCancellation,
    events.Interrupted,
    events.GenerationComplete,
    events.InteractionStatus,
    events.TurnComplete,
    events.WaitingForInput,
    events.Grounding,
    events.Usage,
    events.GoAway,
    events.ResumptionUpdate,
    events.VoiceActivity,
)


def tellable(said: list[events.Event]) -> None:
    """Every event can be told, to people and to programs."""
    for event in said:
        assert isinstance(event, events.Event)
        assert json.dumps({"type": event.log_name, **event_fields(event)})
        assert repr(event)


def of_server(frame: str | bytes) -> list[events.Event] | None:
    try:
        said = decode_server(frame)
    except ProtocolError as error:
        assert str(error).startswith("the server sent ")
        assert len(str(error)) < 1_000
        return None
    tellable(said)
    return said


def of_client(frame: str | bytes) -> list[events.Event] | None:
    try:
        said = decode_client(frame)
    except Refusal as refusal:
        assert refusal.code == 1007
        assert refusal.reason
        assert len(refusal.reason.encode()) <= 123
        return None
    tellable(said)
    return said


@pytest.mark.parametrize("kind", FROM_SERVER)
@fuzzed
@given(data=st.data())
def test_a_servers_frame_is_events_or_a_protocol_error(kind: str, data: st.DataObject) -> None:
    frame = data.draw(FROM_SERVER[kind])
    said = of_server(frame)
    if kind == "cut" and said:
        assert json.loads(frame), "half a message says nothing"


@pytest.mark.parametrize("kind", FROM_CLIENT)
@fuzzed
@given(data=st.data())
def test_a_clients_frame_is_events_or_a_refusal(kind: str, data: st.DataObject) -> None:
    of_client(data.draw(FROM_CLIENT[kind]))


@in_one_test("frame", ODD_FRAMES)
def test_frames_on_which_decoders_stumble(frame: bytes) -> None:
    of_server(frame)
    of_client(frame)
    if len(frame) < 100_000:
        of_server(frame.decode(errors="surrogateescape"))
        of_client(frame.decode(errors="surrogateescape"))


@fuzzed
@given(st.sampled_from(Platform), SERVER_EVENTS)
def test_what_a_server_says_is_what_a_client_hears(platform: Platform, event: Any) -> None:
    frame = encode_server([event], platform)
    assert frame.endswith(b"}\n")
    if isinstance(event, events.SetupComplete) and platform is Platform.DEVELOPER:
        event = events.SetupComplete()  # only Vertex names sessions
    assert decode_server(frame) == [event]
    assert decode_server(frame.decode()) == [event]


@fuzzed
@given(CLIENT_EVENTS)
def test_what_a_client_says_is_what_a_server_hears(event: Any) -> None:
    frame = encode_client(event)
    assert decode_client(frame) == [event]
    assert decode_client(frame.decode()) == [event]


@fuzzed
@given(st.sampled_from(Platform), st.lists(st.one_of(*FROM_SERVER.values()), max_size=6), st.lists(CLIENT_EVENTS))
def test_the_clients_machine_survives_any_server(platform: Platform, frames: list[bytes], said: list[Any]) -> None:
    machine = LiveProtocol(Side.CLIENT, platform)
    for frame in frames:
        for event in said[:2]:
            try:
                assert json.loads(machine.send(event))
            except ProtocolError:
                assert machine.state is not State.ACTIVE or type(event) is not events.Text
        try:
            received = machine.receive(frame)
        except ProtocolError:
            continue
        if any(isinstance(event, events.SetupComplete) for event in received):
            assert machine.state is State.ACTIVE


@fuzzed
@given(st.sampled_from(Platform), st.lists(st.one_of(*FROM_CLIENT.values()), max_size=6), st.lists(SERVER_EVENTS))
def test_the_servers_machine_survives_any_client(platform: Platform, frames: list[bytes], said: list[Any]) -> None:
    machine = LiveProtocol(Side.SERVER, platform)
    for frame in frames:
        try:
            received = machine.receive(frame)
        except Refusal as refusal:
            assert refusal.code == 1007
            continue
        if any(isinstance(event, events.Setup) for event in received):
            assert machine.setup is not None
            assert json.loads(machine.send(events.SetupComplete("id"), *said))
            assert machine.state is State.ACTIVE


ALPHABETS = "ABab01+/", "ABab01-_", "AB+/-_", 'A=\\"\n é'
NEAR_AUDIO = st.builds(
    '{{{}:{}{{"audio":{}{{"data":"{}","{}":{}"{}"}}}}}}{}'.format,
    st.sampled_from(['"realtimeInput"', '"realtime_input"', '"setup"']),
    st.sampled_from(["", " ", "  "]),
    st.sampled_from(["", " "]),
    st.sampled_from(ALPHABETS).flatmap(lambda alphabet: st.text(alphabet, max_size=12))
    | st.binary(max_size=9).map(lambda pcm: base64.urlsafe_b64encode(pcm).decode()),
    st.sampled_from(["mimeType", "mime_type", "data"]),
    st.sampled_from(["", " "]),
    st.sampled_from(["audio/pcm;rate=16000", "audio/pcm;rate=0", "audio/pcm;rate=999999999", "audio/pcm", "image/png"]),
    st.sampled_from(["", "", "}", "\n"]),
)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(NEAR_AUDIO)
def test_the_short_way_for_audio_says_what_the_long_one_does(frame: str) -> None:
    """Only bytes, which is what the emulator hands in, go the short way."""

    def said(given: str | bytes) -> object:
        try:
            return decode_client(given)
        except Refusal as refusal:
            return refusal.code, refusal.reason

    assert said(frame.encode()) == said(frame)


def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By each SDK's commonest frame: it does not reach the decoder at all."""
    monkeypatch.setattr(client, "_strict_decoder", None)
    chunk = [events.AudioChunk(b"\xfb\xef\xff", 16_000)]
    assert decode_client(encode_client(chunk[0])) == chunk
    for data in ("--__", "++//"):
        snake = b'{"realtime_input":{"audio":{"data":"%b","mime_type":"audio/pcm;rate=16000"}}}' % data.encode()
        assert decode_client(snake) == [events.AudioChunk(b"\xfb\xef\xff", 16_000)]
