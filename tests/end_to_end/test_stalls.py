"""A server that falls silent while an answer is due: the message names the likeliest cause that can be seen."""

import struct
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.conftest import tone, write_wav
from tests.live_server import live_server
from tests.serving import serving

SOON = ("--speed", 0, "--idle-timeout", 0.3, "--json")


def hint_and_message(ran, status=7):
    error = ran.summary["error"]
    assert (ran.status, error["kind"]) == (status, "timeout")
    assert "--idle-timeout" in error["hint"]
    return f"{error['message']} / {error['hint']}"


@pytest.fixture
def send(livecli, speech):
    """Send half a second of speech, or what is given, to a server that does this once it has heard the question."""

    def run(then, *words, until="activityEnd"):
        def handle(connection):
            connection.set_up()
            connection.hear(until)
            then(connection)
            connection.drain()

        with live_server(handle) as server:
            return livecli("send", *(words or [speech]), "--base-url", server.url, *SOON)

    return run


def nothing(connection):
    pass


@pytest.mark.parametrize(
    ("samples", "level"),
    [(bytes(16_000), "every sample is zero"), (struct.pack("<h", -33) * 8000, "its peak is -60 dBFS")],
)
def test_the_audio_was_silence(send, tmp_path, samples, level):
    write_wav(tmp_path / "silence.wav", samples)
    said = hint_and_message(send(nothing, "silence.wav"))
    assert f"an answer was due: the audio that was sent is silence ({level})" in said
    assert "loud enough" in said


def test_the_emulator_hears_no_speech_in_silence_either(livecli, tmp_path):
    write_wav(tmp_path / "silence.wav", bytes(32_000))
    said = hint_and_message(livecli("send", "silence.wav", "--local", "--activity", "auto", *SOON))
    assert "the audio that was sent is silence" in said


def test_sound_that_comes_late_is_no_silence(send, tmp_path):
    write_wav(tmp_path / "late.wav", bytes(30_000) + tone(100))
    assert "silence (" not in hint_and_message(send(nothing, "late.wav"))


def test_detection_heard_no_end_of_speech(send, speech):
    said = hint_and_message(send(nothing, speech, "--activity", "auto", until="audioStreamEnd"))
    assert "automatic detection heard no speech, or no end of it" in said
    assert "--activity manual" in said

    def transcribe(connection):
        connection.content(inputTranscription={"text": "Where"})

    said = hint_and_message(send(transcribe, speech, "--activity", "auto", until="audioStreamEnd"))
    assert "automatic detection heard no end of speech" in said


def test_the_model_says_nothing_to_what_a_function_returned(send):
    def call(connection):
        connection.say({"toolCall": {"functionCalls": [{"name": "get_weather", "id": "1", "args": {}}]}})

    assert "told what get_weather returned" in hint_and_message(send(call))


def test_the_reply_stopped_in_the_middle_of_a_turn(send):
    said = hint_and_message(send(lambda connection: connection.audio(tone(24_000))))
    assert "the reply stopped after 48,000 bytes (1.0 s) in the middle of a turn" in said


def test_a_turn_that_was_over_is_not_counted_in_the_one_that_stopped(send):
    def answer(connection):
        connection.audio(tone(24_000))
        connection.content(generationComplete=True)
        connection.content(turnComplete=True, interactionStatus="IN_PROGRESS")
        connection.audio(tone(2_400))

    assert "after 4,800 bytes (0.1 s)" in hint_and_message(send(answer))


def test_the_model_is_still_at_work(send):
    def answer(connection):
        connection.audio(tone(2_400))
        connection.content(generationComplete=True)
        connection.content(turnComplete=True, interactionStatus="IN_PROGRESS")

    assert "still at work" in hint_and_message(send(answer))


def test_it_heard_the_question_and_does_not_answer(send):
    said = hint_and_message(send(lambda connection: connection.content(inputTranscription={"text": "Where"})))
    assert "heard the question" in said


def test_what_cannot_be_seen_is_not_made_up(send):
    said = hint_and_message(send(nothing))
    assert "while an answer was due / --idle-timeout" in said


def test_the_emulator_cuts_its_answer_off(livecli, speech):
    with serving("truncate@reply:2") as served:
        ran = livecli("send", speech, "--base-url", served.url, *SOON, "--explain")
    assert "the reply stopped after 8,640 bytes" in hint_and_message(ran)
    assert "  cause     the reply stopped" in ran.err


def test_a_turn_without_audio_is_put_down_to_silence_too(send, tmp_path):
    write_wav(tmp_path / "silence.wav", bytes(16_000))
    ran = send(lambda connection: connection.content(turnComplete=True), "silence.wav")
    assert (ran.status, ran.summary["error"]["kind"]) == (1, "check")
    assert ran.summary["error"]["hint"] == "the audio that was sent is silence (every sample is zero)"


def test_while_the_next_utterance_is_sent_no_answer_is_due(livecli, tmp_path, monkeypatch):
    """Each takes longer than an answer may, and the server says nothing meanwhile."""
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    monkeypatch.setattr("livecli.client.resumable.CONNECTION_SECONDS", 3.0)
    write_wav(tmp_path / "long.wav", tone(56_000))

    def handle(connection):
        connection.set_up()
        handle = {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}
        connection.say(handle)
        with suppress(ConnectionClosed):
            while True:
                connection.hear()
                connection.answer()
                connection.say(handle)

    where = ("--platform", "developer", "--speed", 1, "--idle-timeout", 0.5, "--json")
    with live_server(handle) as server:
        ran = livecli("send", tmp_path / "long.wav", "--base-url", server.url, *where)
    assert ran.status == 0, ran.err
    assert sum("activityStart" in frame.get("realtimeInput", {}) for frame in server.frames) > 1
