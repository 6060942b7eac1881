"""What events are called, which of their fields are told, and that each of several reporters is told everything."""

from __future__ import annotations

import inspect
import json

import pytest

from livecli.errors import BudgetError, ConnectError, ServerError
from livecli.protocol import events, messages
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.messages import FunctionCall, FunctionResponse
from livecli.protocol.platform import Platform
from livecli.protocol.setup import SetupOptions, setup
from livecli.report.reporter import Reporter, Reporters, Retry, event_fields
from livecli.report.summary import Summary
from tests.cases import in_one_test

ENDPOINT = Endpoint(Platform.DEVELOPER, "wss://example.test/", "gemini-3.8-live", "models/gemini-3.8-live")
SETUP = setup(ENDPOINT, SetupOptions(voice="Kore"))
CALL = FunctionCall(name="f", args={"a": 1}, id="c")
PICTURE = messages.Part(inline_data=messages.Blob(mime_type="image/png", data="MTIzNA=="))

TOLD = [
    (events.AudioChunk(bytes(10), 24_000), "audio", {"bytes": 10, "sample_rate": 24_000}),
    (events.ActivityStart(), "activity_start", {}),
    (events.ActivityEnd(), "activity_end", {}),
    (events.AudioStreamEnd(), "audio_stream_end", {}),
    (events.Text("hi"), "text", {"text": "hi"}),
    (events.Image(b"1234", "image/png"), "image", {"bytes": 4, "mime_type": "image/png"}),
    (
        events.ClientTurns((messages.Content(role="user", parts=[PICTURE, messages.Part(text="hi")]),)),
        "client_content",
        {
            "turns": [
                {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "bytes": 4}}, {"text": "hi"}]}
            ],
            "turn_complete": True,
        },
    ),
    (
        events.ToolResponse((FunctionResponse(id="c", name="f", response={"result": 1}),)),
        "tool_response",
        {"responses": [{"id": "c", "name": "f", "response": {"result": 1}}]},
    ),
    (events.SetupComplete("s"), "setup_complete", {"session_id": "s"}),
    (events.ModelText("a"), "model_text", {"text": "a"}),
    (events.Thought("a"), "thought", {"text": "a"}),
    (events.InputTranscript("a"), "input_transcript", {"text": "a", "finished": False}),
    (events.InterimTranscript("a"), "interim_transcript", {"text": "a"}),
    (events.OutputTranscript("a", finished=True), "output_transcript", {"text": "a", "finished": True}),
    (events.ToolCall((CALL,)), "tool_call", {"calls": [{"name": "f", "args": {"a": 1}, "id": "c"}]}),
    (events.ToolCallCancellation(("c",)), "tool_call_cancellation", {"ids": ["c"]}),
    (events.Interrupted(), "interrupted", {}),
    (events.GenerationComplete(), "generation_complete", {}),
    (events.InteractionStatus("IDLE"), "interaction_status", {"status": "IDLE"}),
    (events.TurnComplete("R"), "turn_complete", {"reason": "R"}),
    (events.WaitingForInput(), "waiting_for_input", {}),
    (events.Grounding({"a": 1}), "grounding", {"metadata": {"a": 1}}),
    (events.UrlContext({"a": 1}), "url_context", {"metadata": {"a": 1}}),
    (events.EmptyContent(), "empty_content", {}),
    (events.Usage({"a": 1}), "usage", {"metadata": {"a": 1}}),
    (events.GoAway(50.0), "go_away", {"time_left_seconds": 50.0}),
    (events.VoiceActivity("X", 1.5), "voice_activity", {"activity": "X", "offset_seconds": 1.5}),
    (events.ModelCode({"executableCode": {}}), "model_code", {"part": {"executableCode": {}}}),
    (
        events.ContextUpdate(messages.ContextUpdate(system_instruction=messages.Content(role="user"))),
        "context_update",
        {"body": {"systemInstruction": {"role": "user"}}},
    ),
    (events.Fault(1, "m", "S"), "error", {"code": 1, "message": "m", "status": "S"}),
    (events.Unrecognised(("k",)), "unrecognised", {"keys": ["k"]}),
    (
        events.ResumptionUpdate("secret-handle", True, 3),
        "resumption",
        {"resumable": True, "last_consumed": 3},
    ),
]


@in_one_test(("event", "name", "fields"), TOLD)
def test_what_an_event_is_called_and_told_of_it(event, name, fields):
    assert event.log_name == name
    assert json.loads(json.dumps(event_fields(event))) == fields


def test_every_event_has_a_name_of_its_own():
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
    assert {type(event) for event, _, _ in TOLD} | {events.Event, events.Setup, events.MediaChunks} == kinds
    names = [name for _, name, _ in TOLD] + [SETUP.log_name, events.MediaChunks(events.AudioChunk(b"")).log_name]
    assert len(set(names)) == len(names)


def test_a_setup_is_told_as_it_goes_over_the_wire():
    assert SETUP.log_name == "setup"
    told = event_fields(SETUP)["setup"]
    assert told["model"] == "models/gemini-3.8-live"
    assert told["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == "Kore"


@pytest.mark.parametrize("where", ["body", "extra"])
def test_a_handle_is_told_by_its_length_alone(where):
    handle = "secret-handle"
    body = messages.Setup(session_resumption=messages.SessionResumptionConfig(handle=handle, transparent=True))
    event = events.Setup(body)
    if where == "extra":
        event = events.Setup(messages.Setup(), {"session_resumption": {"handle": handle, "transparent": True}})
    told = event_fields(event)["setup"]["sessionResumption"]
    assert told == {"handle": "(13 characters)", "transparent": True}


HAPPENINGS = {
    "started": (Summary("q"), "44.1 kHz", 1.0),
    "recognised": ("WAV",),
    "connecting": (ENDPOINT,),
    "authorised": (["a-secret"],),
    "connected": (Summary("q"),),
    "event": ("sent", events.Text("hi"), 0.5),
    "frame": ("received", b"{}", 1.5),
    "closed": ("received", 1000, "", 2.0),
    "called": (CALL,),
    "returned": (CALL, {"result": 1}),
    "interlude": (True,),
    "remark": ("so it goes",),
    "warning": ("beware",),
    "retrying": (Retry(ConnectError("x"), 1, 3, 0.5),),
    "resumed": (2, ServerError("x"), 5),
    "ended": (ServerError("x"),),
    "turn_event": (events.OutputTranscript("hi"),),
    "finished": (Summary("q"),),
    "stopped": (BudgetError("x"),),
}
NAMED = {"returned": {"failed": False, "noise": ""}, "frame": {"is_binary": True}}


def tell(reporter: Reporter, name: str) -> None:
    getattr(reporter, name)(*HAPPENINGS[name], **NAMED.get(name, {}))


def recorder(*names: str) -> tuple[Reporter, list]:
    """A reporter that overrides these methods, and what they are called with."""
    calls: list = []

    def told(name):
        return lambda self, *what, **more: calls.append((name, what, more))

    wanted = {"wants_frames": "frame" in names}
    kind = type("Recorder", (Reporter,), {**wanted, **{name: told(name) for name in names}})
    return kind(), calls


def test_this_is_all_that_can_be_told():
    methods = {name for name, _ in inspect.getmembers(Reporter, inspect.isfunction) if not name.startswith("_")}
    assert methods == set(HAPPENINGS)


@in_one_test("name", HAPPENINGS)
def test_a_plain_reporter_takes_everything_and_does_nothing(name):
    tell(Reporter(), name)


@in_one_test("name", HAPPENINGS)
@in_one_test("number", [1, 2, 3])
def test_each_of_several_is_told_once(name, number):
    listeners = [recorder(name) for _ in range(number)]
    deaf = [Reporter(), recorder("finished" if name != "finished" else "warning")[0]]
    tell(Reporters(*(reporter for reporter, _ in listeners), *deaf), name)
    for _, calls in listeners:
        assert calls == [(name, HAPPENINGS[name], NAMED.get(name, {}))]


@in_one_test("name", HAPPENINGS)
def test_where_nobody_listens_nothing_happens(name):
    tell(Reporters(), name)
    tell(Reporters(Reporter(), Reporter()), name)


def test_they_are_told_in_order():
    order: list[int] = []

    class Numbered(Reporter):
        def __init__(self, number):
            self.number = number

        def warning(self, text):
            order.append(self.number)

    Reporters(*map(Numbered, range(5))).warning("x")
    assert order == [0, 1, 2, 3, 4]


def test_what_is_wanted_of_one_is_what_it_does():
    assert not Reporter().wants_events
    assert not recorder("warning")[0].wants_events
    assert recorder("event")[0].wants_events


class Frames(Reporter):
    wants_frames = True


class LastEvent(Reporter):
    wants_every = False

    def event(self, direction, event, at):
        """Shows the last."""


class EachEvent(Reporter):
    def event(self, direction, event, at):
        """Writes each."""


class SilentLast(Reporter):
    wants_every = False


@in_one_test(
    ("kinds", "frames", "told_events", "every"),
    [
        ([], False, False, False),
        ([Reporter], False, False, False),
        ([Frames], True, False, True),
        ([EachEvent], False, True, True),
        ([LastEvent], False, True, False),
        ([LastEvent, Reporter], False, True, False),
        ([LastEvent, EachEvent], False, True, True),
        ([LastEvent, Frames], True, True, True),
        ([SilentLast, Reporter], False, False, False),
    ],
)
def test_several_want_what_any_of_them_wants(kinds, frames, told_events, every):
    several = Reporters(*(kind() for kind in kinds))
    assert (several.wants_frames, several.wants_events, several.wants_every) == (frames, told_events, every)


def test_of_audio_in_an_envelope_only_the_size_is_told() -> None:
    chunk = events.AudioChunk(bytes(320))
    assert event_fields(events.MediaChunks(chunk)) == {"bytes": 320, "sample_rate": 16_000}
    picture = events.Image(b"\xff\xd8\xff")
    assert event_fields(events.MediaChunks(picture)) == {"bytes": 3, "mime_type": "image/jpeg"}


def test_every_event_names_itself() -> None:
    kinds = events.Event.__subclasses__()
    names = [kind.log_name for kind in kinds]
    assert len(kinds) > 25
    assert all(names)
    assert len(set(names)) == len(kinds)
