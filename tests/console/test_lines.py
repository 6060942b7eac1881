"""A run in plain lines on standard error."""

from __future__ import annotations

import pytest

from livecli.console.lines import PlainLines, abbreviated_frame
from livecli.errors import OutputClosed, QuotaError, ServerError
from livecli.protocol import events
from livecli.protocol.messages import FunctionCall
from livecli.report.reporter import Retry
from tests.console.runs import answered_run, failed_run, report_run

SOUND = events.AudioChunk(bytes(640), 24_000)


@pytest.fixture
def lines(capsys):
    """The lines written since the last call."""

    def take():
        return capsys.readouterr().err.splitlines()

    return take


def test_a_run_has_its_input_its_connection_and_its_figures(lines):
    report_run(PlainLines(), answered_run(), SOUND, events.OutputTranscript("hi"))
    first, second, third, *table = lines()
    assert first == "q.wav: 2.00 s"
    assert second == "connecting to us-central1-aiplatform.googleapis.com (vertex, gemini-live)"
    assert third == "connected in 12 ms, set up in 250 ms"
    assert table[0].split() == ["sent", "received"]
    assert "reply     reply.wav" in table


def test_the_input_is_described(lines):
    reporter = PlainLines()
    reporter.started(failed_run(OutputClosed(""), "-"), "44.1 kHz stereo FLAC → 16 kHz mono", 1.5)
    reporter.started(failed_run(OutputClosed(""), "a\x07"), None, None)
    assert lines() == ["standard input: 1.50 s, 44.1 kHz stereo FLAC → 16 kHz mono", "a\\x07"]


def test_quiet_leaves_warnings_and_errors(lines):
    reporter = PlainLines(quiet=True, verbose=True)
    report_run(reporter, answered_run(), SOUND)
    reporter.called(FunctionCall(name="find"))
    reporter.returned(FunctionCall(name="find"), {"error": "no"}, failed=True, noise="noise")
    reporter.warning("slow\nly")
    reporter.remark("aside")
    reporter.finished(failed_run(QuotaError("full")))
    assert lines() == ["warning: find: no", "warning: slow ly", "error: full"]


def test_verbose_has_a_line_per_event(lines):
    reporter = PlainLines(verbose=True)
    assert reporter.wants_every
    assert not reporter.wants_frames
    reporter.event("sent", SOUND, 0.5)
    reporter.event("sent", SOUND, 0.6)
    reporter.event("received", events.OutputTranscript("a\x1b"), 12.25)
    reporter.event("received", events.TurnComplete(), 13.0)
    reporter.closed("received", 1000, None, 14.0)
    assert lines() == [
        "   0.500 s  sent chunk 1: 640 bytes",
        "   0.600 s  sent chunk 2: 640 bytes",
        "  12.250 s  received output_transcript: text='a\\x1b'",
        "  13.000 s  received turn_complete",
        "  14.000 s  received close: 1000",
    ]


def test_chunks_are_counted_for_each_run(lines):
    reporter = PlainLines(verbose=True)
    for _ in range(2):
        reporter.started(answered_run(), None, None)
        reporter.event("sent", SOUND, 0.5)
    assert [line for line in lines() if "chunk" in line] == ["   0.500 s  sent chunk 1: 640 bytes"] * 2


def test_progress_is_written_every_ten_seconds(lines):
    reporter = PlainLines()
    reporter.started(answered_run(), None, 60.0)
    lines()
    for at in (1, 9.9, 10, 11, 19.9, 20.1, 21):
        reporter.event("sent", SOUND, at)
    progress = "sent 64,000 bytes, 2.00 s of 60.00 s, 4 chunks; received 48,000 bytes, 1.00 s, 2 chunks"
    assert lines() == [progress, progress]


def test_a_tool_is_reported_with_its_noise_if_verbose(lines):
    call = FunctionCall(name="find", args={"near": "me"})
    for verbose in (False, True):
        reporter = PlainLines(verbose=verbose)
        reporter.called(call)
        reporter.returned(call, {"output": "there"}, failed=False, noise="one\n\x07two")
    assert lines() == [
        *['tool find {"near": "me"}', "find: there"],
        *['tool find {"near": "me"}', "find: there", "find: one", "find: \\x07two"],
    ]


def test_a_retry_says_when_and_how_often(lines):
    reporter = PlainLines()
    reporter.retrying(Retry(QuotaError("full\x07"), 1, 3, 0.25))
    reporter.retrying(Retry(QuotaError("full"), 2, None, 1.0))
    assert lines() == [
        "full\\x07; trying again in 0.2 s (1 of 3)",
        "full; trying again in 1.0 s (2)",
    ]


def test_another_connection_is_a_detail(lines):
    PlainLines().resumed(2, None, 0)
    assert lines() == []
    reporter = PlainLines(verbose=True)
    reporter.resumed(2, None, 0)
    reporter.resumed(3, ServerError("gone"), 5)
    assert lines() == [
        "connection 2: the session goes on (the previous one was at its end)",
        "connection 3: the session goes on (gone, 5 messages are sent again)",
    ]


def test_an_error_names_its_input_if_there_are_several(lines):
    PlainLines().finished(failed_run(QuotaError("full")))
    PlainLines(several=True).finished(failed_run(QuotaError("full", hint="wait")))
    assert lines() == ["error: full", "error: q.wav: full", "hint: wait"]


def test_an_output_that_its_reader_has_closed_is_no_error(lines):
    summary = answered_run()
    summary.error = OutputClosed("closed")
    PlainLines().finished(summary)
    assert lines() == []


@pytest.mark.parametrize(
    ("frame", "short"),
    [
        (b'{"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm"}}}', '"data": "(4 characters)"'),
        (b'{"newHandle":"secret"}', '"newHandle":"(6 characters)"'),
        ('{"handle": "secret", "text": "data"}', '{"handle": "(6 characters)", "text": "data"}'),
        ('{"access_token": "secret"}', '"access_token": "(6 characters)"'),
        ('{\n  "a": 1,\n  "b": "\x1b"\n}', '{"a": 1,"b": "\\x1b"}'),
    ],
)
def test_a_frame_is_one_line_without_sound_and_secrets(frame, short):
    abbreviated = abbreviated_frame(frame)
    assert short in abbreviated
    assert "secret" not in abbreviated
    assert "AAAA" not in abbreviated


def test_debug_shows_frames_with_their_direction(lines):
    reporter = PlainLines(debug=True)
    assert reporter.wants_frames
    reporter.frame("sent", b"{}", 0.0)
    reporter.frame("received", "[]", 0.0)
    assert lines() == ["> {}", "< []"]
