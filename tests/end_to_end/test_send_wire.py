"""What `send` says on the wire, and how it takes whatever a server may say."""

import base64
import json

import pytest

from tests.end_to_end.conftest import read_wav, tone
from tests.live_server import Connection, live_server

REPLY = tone(4800, 24_000)


def echo(connection: Connection) -> None:
    connection.set_up()
    connection.hear()
    connection.answer(REPLY)
    connection.drain()


def test_the_tutorials_promise(livecli, speech):
    with live_server(echo) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json", "--speed", "0")
    assert ran.status == 0, ran.err
    assert read_wav(speech.with_name("speech.reply.wav")) == (24_000, REPLY)
    setup, start, *audio, end = server.frames
    assert setup == {
        "setup": {
            "model": "projects/local/locations/us-central1/publishers/google/models/gemini-3.8-live",
            "generationConfig": {"responseModalities": ["AUDIO"]},
            "realtimeInputConfig": {
                "automaticActivityDetection": {"disabled": True},
                "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY",
            },
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "sessionResumption": {"transparent": True},
        }
    }
    assert start == {"realtimeInput": {"activityStart": {}}}
    assert end == {"realtimeInput": {"activityEnd": {}}}
    blobs = [frame["realtimeInput"]["audio"] for frame in audio]
    assert {blob["mimeType"] for blob in blobs} == {"audio/pcm;rate=16000"}
    chunks = [base64.b64decode(blob["data"]) for blob in blobs]
    assert {len(chunk) for chunk in chunks[:-1]} == {1024}
    assert b"".join(chunks) == read_wav(speech)[1], "the samples of the file, and no byte of its header"
    assert server.requests[0].path == "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
    assert "Sec-WebSocket-Extensions" not in server.requests[0].headers
    summary = ran.summary
    assert summary["sent"]["chunks"] == 16
    assert summary["sent"]["bytes"] == 16_000
    assert summary["received"] == {
        "messages": 4,
        "chunks": 1,
        "bytes": 9600,
        "audio_seconds": 0.2,
        "sample_rate": 24_000,
    }
    assert summary["usage"] == {"promptTokenCount": 10}
    assert summary["turn"] == {"complete": True, "interrupted": False, "reason": None}


def test_setup_options_and_a_setup_file_over_them(livecli, speech, tmp_path):
    # Each begins with a byte order mark, as an editor on Windows writes it.
    (tmp_path / "system.txt").write_text("Be brief.", "utf-8-sig")
    changes = {"generationConfig": {"temperature": 1}, "labels": {"a_b": "c"}}
    (tmp_path / "setup.json").write_text(json.dumps(changes), "utf-8-sig")
    words = ["--voice", "Kore", "--language", "en-US", "--system", "@system.txt", "--temperature", "0.5"]
    words += ["--setup", "setup.json", "--no-transcripts", "--model", "gemini-live-2.5-flash-native-audio"]
    with live_server(echo) as server:
        ran = livecli(
            "send", speech, "--base-url", server.url, "--speed", 0, *words, "--project", "p", "--location", "x1"
        )
    assert ran.status == 0, ran.err
    assert server.frames[0]["setup"] == {
        "model": "projects/p/locations/x1/publishers/google/models/gemini-live-2.5-flash-native-audio",
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "temperature": 1,
            "speechConfig": {
                "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
                "languageCode": "en-US",
            },
        },
        "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
        "realtimeInputConfig": {
            "automaticActivityDetection": {"disabled": True},
            "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY",
        },
        "sessionResumption": {"transparent": True},
        "labels": {"a_b": "c"},
    }


@pytest.mark.parametrize(
    ("model", "frame"),
    [
        ("gemini-3.8-live", {"realtimeInput": {"text": "hello"}}),
        (
            "gemini-live-2.5-flash-native-audio",
            {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hello"}]}], "turnComplete": True}},
        ),
    ],
)
def test_text_goes_in_the_form_that_the_model_takes(livecli, tmp_path, model, frame):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", "--text", "hello", "--base-url", server.url, "--model", model)
    assert ran.status == 0, ran.err
    assert server.frames[1:] == [frame]
    assert "realtimeInputConfig" not in server.frames[0]["setup"]
    assert read_wav(tmp_path / "text.reply.wav") == (24_000, REPLY)


def test_automatic_detection_hears_silence_and_the_end_of_the_stream(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        heard = connection.hear("audioStreamEnd")
        assert heard == read_wav(speech)[1] + bytes(32_000 // 2)
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        words = ["--activity", "auto", "--trailing-silence", "0.5", "--speed", "0"]
        ran = livecli("send", speech, "--base-url", server.url, *words)
    assert ran.status == 0, ran.err
    assert "realtimeInputConfig" not in server.frames[0]["setup"]
    assert not any("activityStart" in frame.get("realtimeInput", {}) for frame in server.frames)


def test_trailing_silence_ends_with_the_turn(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        heard = b""
        while len(heard) < 16_000 + 1024:
            heard += base64.b64decode(connection.receive()["realtimeInput"]["audio"]["data"])
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        words = ["--activity", "auto", "--trailing-silence", "3600", "--speed", "20"]
        ran = livecli("send", speech, "--base-url", server.url, *words)
    assert ran.status == 0, ran.err
    assert len(server.frames) < 1000, "an hour of silence was not sent"
    assert not any("audioStreamEnd" in frame.get("realtimeInput", {}) for frame in server.frames)


def test_turns_that_ended_earlier_go_into_the_same_reply(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.answer(REPLY[:4800])  # a turn before the last sample: not the end
        connection.hear("audioStreamEnd")
        connection.answer(REPLY[4800:])
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--activity", "auto", "--speed", 3, "--json")
    assert ran.status == 0, ran.err
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY
    assert ran.summary["latency_ms"]["first_audio"] is None, "the reply began before the question's end"


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_text_and_binary_frames_are_taken(livecli, speech, text):
    def handle(connection: Connection) -> None:
        connection.receive()
        connection.say({"setupComplete": {"sessionId": "s-1"}}, text=text)
        connection.hear()
        data = base64.b64encode(REPLY).decode()
        parts = [{"inlineData": {"mimeType": "audio/pcm", "data": data}}]
        everything = {"modelTurn": {"parts": parts}, "generationComplete": True, "turnComplete": True, "new": 1}
        connection.say({"serverContent": everything, "usageMetadata": {"candidatesTokenCount": 2}, "x": {}}, text=text)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json", "--speed", 0)
    assert ran.status == 0, ran.err
    assert ran.summary["session_id"] == "s-1"
    assert ran.summary["usage"] == {"candidatesTokenCount": 2}
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY


def test_what_comes_late_is_waited_for(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(REPLY)
        connection.content(turnComplete=True)
        connection.content(inputTranscription={"text": "late "})
        connection.content(inputTranscription={"text": "words"})
        connection.say({"usageMetadata": {"promptTokenCount": 3}})
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json", "--speed", 0)
    assert ran.summary["transcript"]["input"] == "late words"
    assert ran.summary["usage"] == {"promptTokenCount": 3}


def test_events_in_any_order_thoughts_and_unknown_ones(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.receive()
        connection.say({"sessionResumptionUpdate": {}})
        connection.say({"setupComplete": {}})
        connection.say({"brandNew": {}})
        connection.content(generationComplete=True)
        connection.content(outputTranscription={})
        connection.content(outputTranscription={"text": "said"})
        connection.hear()
        connection.content(modelTurn={"parts": [{"text": "hm", "thought": True}]})
        connection.say("")
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json", "--speed", 0)
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"] == {"input": None, "output": "said"}


def test_interaction_status_is_waited_for(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(REPLY)
        connection.content(turnComplete=True, interactionStatus="IN_PROGRESS")
        connection.audio(REPLY)
        connection.content(turnComplete=True, interactionStatus="IDLE")
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0)
    assert ran.status == 0, ran.err
    assert read_wav(speech.with_name("speech.reply.wav"))[1] == REPLY * 2


def test_an_interrupted_turn_says_so(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(REPLY)
        connection.content(interrupted=True)
        connection.content(turnComplete=True, turnCompleteReason="NEED_MORE_INPUT")
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json")
    assert ran.status == 0
    assert ran.summary["turn"] == {"complete": True, "interrupted": True, "reason": "NEED_MORE_INPUT"}


def test_a_reply_in_another_rate_is_written_in_that_rate(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(tone(8000), "audio/pcm;rate=16000")
        connection.audio(tone(24_000, 24_000), "audio/pcm;rate=24000")
        connection.content(turnComplete=True)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json")
    rate, pcm = read_wav(speech.with_name("speech.reply.wav"))
    assert rate == ran.summary["received"]["sample_rate"] == 16_000
    assert pcm.startswith(tone(8000))
    assert len(pcm) == pytest.approx(2 * 24_000, abs=64), "the second half was resampled from 24 kHz"


def test_latencies_count_from_the_last_sample(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(bytes(4800))
        connection.audio(REPLY)
        connection.content(turnComplete=True)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    latency = ran.summary["latency_ms"]
    assert 0 < latency["first_audio"] <= latency["first_sound"] <= latency["turn"]
    assert latency["connect"] > 0
    assert latency["setup"] > 0
    assert ran.summary["sent"]["seconds"] > 0.1, "half a second at 3.2 times real time"


def test_events_are_logged_in_order_without_audio(livecli, speech, tmp_path):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.content(inputTranscription={"text": "hi"})
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--events", "log.jsonl")
    assert ran.status == 0
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    kinds = [(line["direction"], line["type"]) for line in log]
    assert kinds[:3] == [("sent", "setup"), ("received", "setup_complete"), ("sent", "activity_start")]
    assert kinds.count(("sent", "audio")) == 16
    assert kinds[-6:] == [
        ("received", "input_transcript"),
        ("received", "audio"),
        ("received", "generation_complete"),
        ("received", "usage"),
        ("received", "turn_complete"),
        ("sent", "close"),
    ]
    assert [line["t"] for line in log] == sorted(line["t"] for line in log)
    assert log[3]["bytes"] == 1024
    assert all(len(json.dumps(line)) < 1500 for line in log)


def test_stdin_may_be_the_events(livecli, speech):
    with live_server(echo) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--events", "-")
    assert ran.summaries[0]["type"] == "setup"
    assert ran.summaries[-1]["type"] == "close"


def test_a_dry_run_shows_everything_and_connects_nowhere(livecli, speech, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "SECRET-KEY")
    with live_server(echo) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--dry-run")
    assert ran.status == 0
    assert not server.requests
    request, *rest = ran.out.splitlines()
    assert request.startswith(f"GET {server.url}/ws/google.ai.generativelanguage.v1beta")
    assert "SECRET-KEY" not in ran.out
    assert "x-goog-api-key" in ran.out.lower()
    frames = [json.loads(line) for line in rest if line.startswith("{")]
    assert frames[0]["setup"]["model"] == "models/gemini-3.8-live"
    assert len(base64.b64decode(frames[-1]["realtimeInput"]["audio"]["data"])) == 1024
    assert not speech.with_name("speech.reply.wav").exists()
