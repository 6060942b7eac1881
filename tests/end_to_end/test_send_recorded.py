"""`send` against recorded sessions: it ends where the recorded session ends, with all that was said."""

import time

import pytest

from livecli.client import turn_end
from tests.live_server import Connection, live_server
from tests.recorded_service import recorded_service
from tests.recorded_sessions import NAMES, recorded_session

BOUND_SECONDS = 15.0

ASYNCHRONOUS = """
[[tool]]
name = "search_flights"
command = "echo KLM"
blocking = false
scheduling = "INTERRUPT"
"""

SAID = {
    "developer_2.5-native_async_tool_interrupt": "I'm now searching for flights to Lisbon. It might take a moment."
    "The cheapest flight is KLM 1234 at 9:15 for 180 euros.",
    "developer_2.5-native_tool_spoken_vad_split": "Tomorrow in Amsterdam, it will be foggy and 12 degrees.",
    "developer_2.5-native_tool_typed": 'I have recorded a reading of 5 with the note "steady."',
    "developer_2.5-native_typed": "Hello there.",
    "developer_3.1-live_tool_spoken": "The weather in Amsterdam tomorrow is foggy and 12 degrees.",
    "developer_3.1-live_tool_typed": 'The tree "oak" has been saved with no children.',
    "developer_3.8-live_image_then_typed": "The image shows a sliced kiwi fruit.",
    "developer_3.8-live_vad_turn": "Hello Marcelo, nice to meet you.",
    "vertex_2.5-flash_tool_typed": "It is foggy and 12 degrees in London.",
    "vertex_2.5-flash_typed": "Hello there.",
}
"""The words of each answer. In the other recording the user speaks over the answer, which is a chat."""


def test_every_other_recording_is_of_one_question():
    assert {*NAMES} - {*SAID} == {"developer_2.5-native_barge_in"}


@pytest.mark.parametrize("name", SAID)
def test_it_ends_as_the_recorded_session(livecli, speech, tmp_path, monkeypatch, name):
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 2 * BOUND_SECONDS)
    (tmp_path / "tools.toml").write_text(ASYNCHRONOUS)
    session = recorded_session(name)
    sent = [frame.message for frame in session.frames if frame.sent]
    is_spoken = any("realtime_input" in message for message in sent)
    question = [speech, "--activity", "auto", "--trailing-silence", 0] if is_spoken else ["--text", "hello"]
    declared = [each for tool in sent[0]["setup"].get("tools", ()) for each in tool["functionDeclarations"]]
    tools = [word for each in declared for word in ("--tool", f"{each['name']}=echo ok")]
    if "async" in name:
        tools = ["--tools", "tools.toml"]
    started = time.monotonic()
    with live_server(recorded_service(name)) as server:
        ran = livecli(
            *("send", *question, *tools, "--base-url", server.url, "--model", session.model),
            *("--platform", session.platform, "--speed", 0, "--json"),
        )
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == SAID[name]
    assert ran.summary["turn"]["complete"]
    assert ran.summary["received"]["bytes"] > 0
    assert time.monotonic() - started < BOUND_SECONDS


def test_a_pause_inside_the_question_is_answered_once(livecli, speech):
    """The empty turn of the pause has a usage of its own, without the tokens of an answer."""
    name = "developer_2.5-native_tool_spoken_vad_split"
    usages = [frame.message.get("usageMetadata", {}) for frame in recorded_session(name).frames]
    with live_server(recorded_service(name)) as server:
        ran = livecli(
            *("send", speech, "--activity", "auto", "--trailing-silence", 0, "--tool", "get_weather=echo fog"),
            *("--base-url", server.url, "--model", "gemini-2.5-flash-native-audio-latest", "--speed", 0, "--json"),
        )
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["input"] == " What will the weather be in Amsterdam tomorrow? Please look it up."
    for count in ("promptTokenCount", "responseTokenCount"):
        assert ran.summary["usage"][count] == sum(usage.get(count, 0) for usage in usages)


@pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-live-2.5-flash"])
def test_an_answer_that_comes_long_after_the_turn_of_the_call(livecli, monkeypatch, model):
    """gemini-3.8-live completes an empty turn 10 ms after the response (probed 2026-10-02), Vertex AI the call's."""
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 0.2)

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"id": "c", "name": "f"}]}})
        connection.receive()
        time.sleep(0.01)
        connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": {"promptTokenCount": 24}})
        time.sleep(1)
        connection.answer(bytes([7, 64]) * 2400)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli(
            *("send", "--text", "hello", "--tool", "f=echo ok", "--base-url", server.url, "--model", model, "--json")
        )
    assert ran.status == 0, ran.err
    assert ran.summary["received"]["bytes"] == 4800
