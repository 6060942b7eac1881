"""A run in plain lines on standard error."""

from __future__ import annotations

import pytest

from livecli.console.lines import PlainLines, abbreviated_frame
from livecli.errors import OutputClosed, QuotaError, ServerError
from livecli.protocol import events, messages
from livecli.protocol.messages import FunctionCall
from livecli.report.reporter import DisplayOptions, Retry
from tests.console.runs import ENDPOINT, answered_run, failed_run, report_run

SOUND = events.AudioChunk(bytes(640), 24_000)
SETUP = events.Setup(messages.Setup(model="m"), {"sessionResumption": {"handle": "secret"}})


@pytest.fixture
def lines(capsys):
    """The lines written since the last call."""

    def take():
        return capsys.readouterr().err.splitlines()

    return take


def test_a_run_has_its_result(lines):
    report_run(PlainLines(), answered_run(), SOUND, events.OutputTranscript("hi"))
    first, second, latency, *figures = lines()
    assert (first[:3], first.split("  ")[-1]) == ("you", "“where is it”")
    assert (second[:6], second.split("  ")[-1]) == ("gemini", "“over there”")
    assert latency.strip() == "└ 500 ms"
    assert figures == [
        "sent      4 chunks · 64,000 bytes · 2.00 s in 1.50 s · 16,000 bytes each",
        "received  2 chunks · 48,000 bytes · 1.00 s in 0.50 s · 24,000 bytes each",
        "reply.wav · complete",
    ]


def test_an_answer_that_is_printed_where_the_lines_are_is_not_repeated(lines):
    report_run(PlainLines(DisplayOptions(has_answer=True)), answered_run())
    assert not [line for line in lines() if "over there" in line]


def test_all_figures_are_a_table_on_demand(lines):
    report_run(PlainLines(DisplayOptions(stats=True)), answered_run())
    written = lines()
    assert [line for line in written if line.startswith("gaps p50")]
    phases = ["connect", "setup", "speech", "waiting", "reply"]
    assert [line.split()[0] for line in written if line.startswith(tuple(phases))] == [*phases, "reply"]
    assert "reply     reply.wav" in written


def test_the_conversation_with_the_service_is_verbose(lines):
    reporter = PlainLines(DisplayOptions(verbosity=1))
    reporter.started(failed_run(OutputClosed(""), "-"), "44.1 kHz stereo FLAC → 16 kHz mono", 1.5)
    reporter.started(failed_run(OutputClosed(""), "a\x07"), None, None)
    reporter.recognised("raw")
    reporter.connecting(ENDPOINT)
    reporter.event("sent", SETUP, 0.0)
    reporter.event("sent", SOUND, 0.5)
    reporter.event("received", events.OutputTranscript("a"), 1.0)
    reporter.event("received", events.Usage({"totalTokenCount": 3}), 2.0)
    reporter.connected(answered_run())
    assert not reporter.wants_every
    assert lines() == [
        "standard input: 1.50 s, 44.1 kHz stereo FLAC → 16 kHz mono",
        "a\\x07",
        "converting raw",
        f"connecting to {ENDPOINT.url} (vertex, gemini-live, us-central1)",
        '   0.000 s  sent setup {"model": "m", "sessionResumption": {"handle": "(6 characters)"}}',
        '   2.000 s  received usage {"metadata": {"totalTokenCount": 3}}',
        "connected in 12 ms, set up in 250 ms, session s-1",
    ]


def test_quiet_leaves_warnings_and_errors(lines):
    reporter = PlainLines(DisplayOptions(quiet=True, verbosity=2))
    report_run(reporter, answered_run(), SOUND)
    reporter.called(FunctionCall(name="find"))
    reporter.returned(FunctionCall(name="find"), {"error": "no"}, failed=True, noise="noise")
    reporter.warning("slow\nly")
    reporter.remark("aside")
    reporter.finished(failed_run(QuotaError("full")))
    assert lines() == ["warning: find: no", "warning: slow ly", "error: full"]


def test_very_verbose_has_a_line_per_event(lines):
    reporter = PlainLines(DisplayOptions(verbosity=2))
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
        '  12.250 s  received output_transcript {"text": "a\\u001b"}',
        "  13.000 s  received turn_complete",
        "  14.000 s  received close: 1000",
    ]


def test_chunks_are_counted_for_each_run(lines):
    reporter = PlainLines(DisplayOptions(verbosity=2))
    for _ in range(2):
        reporter.started(answered_run(), None, None)
        reporter.event("sent", SOUND, 0.5)
    assert [line for line in lines() if "chunk" in line] == ["   0.500 s  sent chunk 1: 640 bytes"] * 2


def test_progress_is_written_every_ten_seconds(lines):
    reporter = PlainLines()
    summary = answered_run()
    summary.stats.asked_at = None
    reporter.started(summary, None, 60.0)
    for at in (1, 9.9, 10, 11, 19.9, 20.1, 21):
        reporter.event("sent", SOUND, at)
    progress = "q.wav: 3% · 0:02 / 1:00 · 1.3× · 0:44 left · 0:01 received"
    assert lines() == [progress, progress]


def test_the_progress_of_a_question_of_unknown_length_has_no_share(lines):
    reporter = PlainLines()
    reporter.started(answered_run(), None, None)
    reporter.event("sent", SOUND, 10.0)
    assert lines() == ["q.wav: 0:02 sent · 1.3× · 0:01 received"]


def test_the_progress_of_a_text_question_is_that_of_the_answer(lines):
    reporter = PlainLines()
    reporter.started(failed_run(QuotaError(""), "text"), None, None)
    reporter.event("received", SOUND, 10.0)
    assert lines() == ["text: 0:00 received"]


def test_a_tool_is_reported_with_its_noise_if_verbose(lines):
    call = FunctionCall(name="find", args={"near": "me"})
    for verbosity in (0, 1):
        reporter = PlainLines(DisplayOptions(verbosity=verbosity))
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
    reporter = PlainLines(DisplayOptions(verbosity=2))
    reporter.resumed(2, None, 0)
    reporter.resumed(3, ServerError("gone"), 5)
    assert lines() == [
        "connection 2: the session goes on (the previous one was at its end)",
        "connection 3: the session goes on (gone, 5 messages are sent again)",
    ]


def test_an_error_has_its_hint(lines):
    PlainLines().finished(failed_run(QuotaError("full", hint="wait")))
    assert lines() == ["error: full", "hint: wait"]


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
    reporter = PlainLines(DisplayOptions(debug=True))
    assert reporter.wants_frames
    reporter.frame("sent", b"{}", 0.0)
    reporter.frame("received", "[]", 0.0)
    assert lines() == ["> {}", "< []"]
