"""What the emulator records of its sessions."""

from livecli.emulator.access import service_at
from livecli.emulator.observer import EmulatedCall, SessionRecord, typed_texts
from livecli.protocol import events
from livecli.protocol.messages import Content, FunctionCall, FunctionResponse, Part

SERVICE = service_at("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent")


def test_the_texts_of_the_user_are_those_that_were_not_answered_before():
    turns = (
        Content(role="user", parts=[Part(text="one")]),
        Content(role="model", parts=[Part(text="two")]),
        Content(parts=[Part(text="three")]),
        Content(role="user", parts=[Part(text="")]),
    )
    assert typed_texts([events.Text("zero"), events.ClientTurns(turns), events.AudioChunk(b"")]) == [
        "zero",
        "three",
    ]


def test_a_record_has_what_clients_said_and_returned_in_all_sessions():
    record = SessionRecord()
    first, second = record.observe(1, SERVICE), record.observe(2, SERVICE)
    first.received([events.Text("hello")])
    first.sent([events.ToolCall((FunctionCall("find", {"near": "me"}, "a"), FunctionCall("find", {}, "b")))])
    second.heard("[1.0 s of speech]")
    first.received([events.ToolResponse((FunctionResponse("b", "find", {"output": 1}),))])
    assert record.connections == 2
    assert record.said == ["hello", "[1.0 s of speech]"]
    assert record.calls == [
        EmulatedCall("find", {"near": "me"}, "a"),
        EmulatedCall("find", {}, "b", {"output": 1}),
    ]


def test_a_response_without_an_id_belongs_to_the_earliest_call_of_its_name():
    record = SessionRecord()
    session = record.observe(1, SERVICE)
    session.sent([events.ToolCall((FunctionCall("a"), FunctionCall("b"), FunctionCall("b")))])
    session.received(
        [events.ToolResponse((FunctionResponse(None, "b", {"n": 1}), FunctionResponse(None, "", {"n": 2})))]
    )
    session.received([events.ToolResponse((FunctionResponse("unknown", "b", {"n": 3}),))])
    assert [call.response for call in record.calls] == [{"n": 2}, {"n": 1}, None]
