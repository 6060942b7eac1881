"""JSON lines: the summaries of `--json`, and the events of `--events`."""

from __future__ import annotations

import json

import pytest

from livecli.console.json_lines import EventLog, JsonSummaries
from livecli.errors import FileError, QuotaError, UsageError
from livecli.protocol import events
from tests.console.runs import answered_run, failed_run


def written(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_summary_is_one_line_with_the_warnings_of_its_run(capsys):
    reporter = JsonSummaries()
    reporter.warning("slow")
    reporter.finished(answered_run("a.wav"))
    reporter.finished(failed_run(QuotaError("full"), "b.wav"))
    one, two = written(capsys.readouterr().out)
    assert (one["input"], one["ok"], one["warnings"]) == ("a.wav", True, ["slow"])
    assert (two["input"], two["ok"], two["exit_code"], two["warnings"]) == ("b.wav", False, 8, [])


def test_a_mistyped_command_is_no_turn_and_keeps_the_warnings(capsys):
    reporter = JsonSummaries()
    reporter.warning("slow")
    reporter.finished(failed_run(UsageError("there is no command /x")))
    assert capsys.readouterr().out == ""
    reporter.finished(answered_run())
    assert written(capsys.readouterr().out)[0]["warnings"] == ["slow"]


def test_events_are_lines_in_order_without_audio_bytes(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(str(path)) as log:
        log.event("sent", events.AudioChunk(bytes(640), 16_000), 0.1234567)
        log.event("received", events.OutputTranscript("hi"), 1.5)
        log.closed("received", 1011, "", 2.0)
    assert written(path.read_text()) == [
        {"t": 0.123457, "direction": "sent", "type": "audio", "bytes": 640, "sample_rate": 16_000},
        {"t": 1.5, "direction": "received", "type": "output_transcript", "text": "hi", "finished": False},
        {"t": 2.0, "direction": "received", "type": "close", "code": 1011, "reason": None},
    ]


def test_the_field_type_of_voice_activity_does_not_hide_the_name_of_the_event(capsys):
    EventLog("-").event("received", events.VoiceActivity("ACTIVITY_START"), 0.0)
    [line] = written(capsys.readouterr().out)
    assert (line["type"], line["activity"]) == ("voice_activity", "ACTIVITY_START")


def test_each_of_several_inputs_is_named_in_its_lines(capsys):
    log = EventLog("-", several=True)
    one, two = log.for_run(), log.for_run()
    one.started(answered_run("a.wav"), None, None)
    two.started(answered_run("b.wav"), None, None)
    for run in (one, two, one):
        run.event("received", events.GenerationComplete(), 0.0)
    assert [line["input"] for line in written(capsys.readouterr().out)] == ["a.wav", "b.wav", "a.wav"]


def test_a_single_input_is_not_named(capsys):
    log = EventLog("-")
    log.started(answered_run("a.wav"), None, None)
    log.event("received", events.GenerationComplete(), 0.0)
    assert "input" not in written(capsys.readouterr().out)[0]


def test_a_log_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*: No such file or directory"):
        EventLog(str(tmp_path / "missing" / "events.jsonl"))


def test_a_log_that_cannot_be_written_is_an_error():
    with EventLog("/dev/full") as log, pytest.raises(FileError, match="cannot write /dev/full: No space left"):
        log.event("received", events.GenerationComplete(), 0.0)
