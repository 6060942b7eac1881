"""How a run ended, as `--json` gives it: keys and units are public interface."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from livecli.errors import (
    AuthError,
    CheckError,
    ConnectError,
    DeadlineError,
    FileError,
    Interrupted,
    ProtocolError,
    QuotaError,
    ServerError,
)
from livecli.protocol import events
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.models import Prices
from livecli.protocol.platform import Platform
from livecli.report.summary import MAX_CHARACTERS, Summary, TransferStats, error_json, latencies
from tests.cases import in_one_test

ENDPOINT = Endpoint(Platform.VERTEX, "wss://example.test/path", "gemini-3.8-live", "projects/p/…", "p", "us")


def finished() -> Summary:
    """A run that asked at 10 s and was answered."""
    summary = Summary("q.wav", output="q.reply.wav", endpoint=ENDPOINT)
    summary.input_file, summary.output_bytes = {"bytes": 3116, "modified": 1.5}, 9644
    summary.note_opened("session-1", 0.0031, 0.0009)
    stats = summary.stats
    for at in (9.3, 9.65, 10.0):
        stats.sent.add(events.AudioChunk(bytes(1024)), at)
    stats.asked_at, stats.messages = 10.0, 7
    for at in (10.004, 10.104):
        stats.received.add(events.AudioChunk(bytes(4800), 24_000), at)
    stats.audio_at, stats.sound_at = 10.004, 10.1042
    stats.note(events.InputTranscript("where?"), 10.0)
    stats.note(events.OutputTranscript("there"), 10.1)
    stats.note(events.Grounding({"groundingChunks": [{"web": {"uri": "https://a.test/", "title": "A"}}]}), 10.1)
    stats.note(events.GenerationComplete(), 10.2)
    stats.note(events.Usage({"promptTokenCount": 10}), 10.31)
    stats.note(events.TurnComplete(), 10.31)
    return summary


def test_a_run_that_went_well():
    assert finished().as_json() == {
        "schema": "livecli/summary@1",
        "ok": True,
        "exit_code": 0,
        "error": None,
        "input": "q.wav",
        "output": "q.reply.wav",
        "input_file": {"bytes": 3116, "modified": 1.5},
        "output_bytes": 9644,
        "platform": "vertex",
        "model": "gemini-3.8-live",
        "url": "wss://example.test/path",
        "session_id": "session-1",
        "connections": 1,
        "sent": {"chunks": 3, "bytes": 3072, "audio_seconds": 0.096, "seconds": 0.7},
        "received": {"messages": 7, "chunks": 2, "bytes": 9600, "audio_seconds": 0.2, "sample_rate": 24_000},
        "latency_ms": {"connect": 3.1, "setup": 0.9, "first_audio": 4.0, "first_sound": 104.2, "turn": 310.0},
        "turn": {"complete": True, "interrupted": False, "reason": None},
        "transcript": {"input": "where?", "output": "there"},
        "usage": {"promptTokenCount": 10},
        "cost_usd": 7.5e-06,
        "expectations": [],
        "citations": [{"title": "A", "uri": "https://a.test/"}],
    }


def test_a_run_that_never_began():
    """What does not exist is null, and never 0."""
    assert Summary("q.wav", error=FileError("no file")).as_json() == {
        "schema": "livecli/summary@1",
        "ok": False,
        "exit_code": 3,
        "error": {
            "kind": "file",
            "message": "no file",
            "hint": None,
            "close_code": None,
            "close_reason": None,
            "blamed": None,
        },
        "input": "q.wav",
        "output": None,
        "input_file": None,
        "output_bytes": None,
        "platform": None,
        "model": None,
        "url": None,
        "session_id": None,
        "connections": None,
        "sent": {"chunks": 0, "bytes": 0, "audio_seconds": 0.0, "seconds": None},
        "received": {"messages": 0, "chunks": 0, "bytes": 0, "audio_seconds": 0.0, "sample_rate": None},
        "latency_ms": {"connect": None, "setup": None, "first_audio": None, "first_sound": None, "turn": None},
        "turn": {"complete": False, "interrupted": False, "reason": None},
        "transcript": {"input": None, "output": None},
        "usage": None,
        "cost_usd": None,
        "expectations": [],
        "citations": None,
    }


def test_it_is_json():
    summary = finished()
    assert json.loads(json.dumps(summary.as_json())) == summary.as_json()


def test_how_a_turn_ended():
    summary = Summary("q.wav")
    summary.stats.note(events.Interrupted(), 1.0)
    summary.stats.note(events.TurnComplete("RESPONSE_REJECTED"), 2.0)
    assert summary.as_json()["turn"] == {"complete": True, "interrupted": True, "reason": "RESPONSE_REJECTED"}


def test_a_reply_that_began_before_the_question_ended_has_no_latency():
    summary = finished()
    summary.stats.audio_at = 9.5
    assert latencies(summary) == pytest.approx(
        {"connect": 3.1, "setup": 0.9, "first_audio": None, "first_sound": 104.2, "turn": 310.0}
    )


def test_a_connection_that_took_no_time_took_no_time():
    summary = Summary("q.wav")
    summary.note_opened(None, 0.0, 0.0)
    assert summary.as_json()["latency_ms"]["connect"] == summary.as_json()["latency_ms"]["setup"] == 0.0


def test_figures_are_rounded():
    summary = Summary("q.wav")
    summary.note_opened(None, 1 / 3000, None)
    summary.stats.sent.add(events.AudioChunk(bytes(2)), 0.0)
    summary.stats.sent.add(events.AudioChunk(bytes(2)), 1 / 3)
    assert summary.as_json()["latency_ms"]["connect"] == 0.333
    assert summary.as_json()["sent"] == {"chunks": 2, "bytes": 4, "audio_seconds": 0.0001, "seconds": 0.333}


@in_one_test(
    ("error", "kind", "status"),
    [
        (CheckError("x"), "check", 1),
        (FileError("x"), "file", 3),
        (AuthError("x"), "auth", 4),
        (ConnectError("x"), "connect", 5),
        (ServerError("x"), "server", 6),
        (ProtocolError("x"), "server", 6),
        (DeadlineError("x"), "timeout", 7),
        (QuotaError("x"), "quota", 8),
        (Interrupted(), "interrupted", 130),
        (Interrupted("terminated", exit_status=143), "interrupted", 143),
    ],
)
def test_a_run_that_failed(error, kind, status):
    summary = finished()
    summary.error = error
    told = summary.as_json()
    assert (told["ok"], told["exit_code"], told["error"]["kind"]) == (False, status, kind)
    assert (summary.ok, summary.exit_code) == (False, status)
    assert told["received"]["chunks"] == 2, "what came is told all the same"


def test_an_error_with_all_that_is_known_of_it():
    error = ServerError("refused", hint="do this", close_code=1007, close_reason="Invalid argument")
    error.blamed = ("generationConfig.temperature",)
    assert error_json(error) == {
        "kind": "server",
        "message": "refused",
        "hint": "do this",
        "close_code": 1007,
        "close_reason": "Invalid argument",
        "blamed": ["generationConfig.temperature"],
    }


def test_a_model_without_a_price_has_no_cost():
    summary = Summary("q.wav", endpoint=replace(ENDPOINT, model="gemini-9"))
    summary.stats.note(events.Usage({"promptTokenCount": 10, "thoughtsTokenCount": 1}), 1.0)
    assert (summary.cost_usd, summary.as_json()["cost_usd"]) == (None, None)
    assert summary.unpriced == ["text in of gemini-9", "thoughts of gemini-9"]


def test_prices_of_the_caller():
    summary = Summary("q.wav", endpoint=ENDPOINT, prices={"gemini-3.8-live": Prices(text_in=2.0)})
    summary.stats.note(events.Usage({"promptTokenCount": 500_000}), 1.0)
    assert (summary.cost_usd, summary.unpriced) == (1.0, [])


def test_a_secret_in_two_pieces_is_left_out_of_the_transcripts() -> None:
    stats = TransferStats(known_secrets=["a-secret-key", "short"])
    for piece in ("it is a-sec", "ret-key, short"):
        stats.note(events.OutputTranscript(piece), 0.0)
        stats.note(events.InputTranscript(piece), 0.0)
    assert (stats.said, stats.heard) == ("it is …, short",) * 2
    assert stats.copy().said == stats.said


def said(*received: events.Event) -> list[str]:
    stats = TransferStats()
    for event in received:
        stats.note(event, 1.0)
    return stats.said_turns


def test_the_text_of_each_turn_is_apart() -> None:
    piece, end = events.OutputTranscript, events.TurnComplete()
    assert said() == []
    assert said(piece("a"), piece("b"), end, piece(""), piece("c"), end) == ["ab", "c"]
    assert said(end, piece("a"), end, end, events.ModelText("b")) == ["a", "b"]


def test_the_late_end_of_a_marked_transcript_belongs_to_its_turn() -> None:
    piece, end = events.OutputTranscript, events.TurnComplete()
    first = (piece("a", finished=True), end)
    assert said(*first, piece("b"), end, piece("c", finished=True), piece("d")) == ["a", "bc", "d"]
    assert said(*first, piece("b"), end, events.ModelText("c")) == ["a", "b", "c"]


def test_turns_that_the_server_will_repeat_are_forgotten() -> None:
    stats = TransferStats()
    stats.note(events.OutputTranscript("a"), 1.0)
    snapshot = stats.copy()
    stats.note(events.TurnComplete(), 2.0)
    stats.note(events.OutputTranscript("b"), 3.0)
    stats.rewind(snapshot)
    stats.note(events.OutputTranscript("c"), 4.0)
    assert stats.said_turns == ["ac"]


def test_text_of_any_length_is_cut_and_empty_pieces_are_not_kept():
    stats = TransferStats()
    for kind in (events.InputTranscript, events.OutputTranscript):
        for _ in range(MAX_CHARACTERS // 10):
            stats.note(kind("0123456789"), 1.0)
            stats.note(kind(""), 1.0)
        stats.note(events.TurnComplete(), 1.0)
    assert (len(stats.heard), len(stats.said), stats.text_is_cut) == (MAX_CHARACTERS, MAX_CHARACTERS, False)
    stats.note(events.OutputTranscript("more"), 2.0)
    assert (len(stats.said), stats.text_is_cut) == (MAX_CHARACTERS, True)
    assert stats.said_turns == [stats.said]
    assert len(stats.heard_pieces) == len(stats.said_pieces) == MAX_CHARACTERS // 10


def test_text_that_is_taken_back_makes_room():
    stats = TransferStats()
    before = stats.copy()
    stats.note(events.OutputTranscript("x" * (MAX_CHARACTERS + 1)), 1.0)
    stats.rewind(before)
    stats.note(events.OutputTranscript("y" * MAX_CHARACTERS), 2.0)
    assert (stats.said, stats.text_is_cut) == ("y" * MAX_CHARACTERS, False)
