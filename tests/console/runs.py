"""Summaries of runs for the tests of the displays, and the reports of one run in order."""

from __future__ import annotations

from livecli.errors import LivecliError
from livecli.protocol import events
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.platform import Platform
from livecli.report.reporter import Reporter
from livecli.report.summary import Summary

ENDPOINT = Endpoint(
    Platform.VERTEX, "wss://us-central1-aiplatform.googleapis.com/ws/x", "gemini-live", "r", "p", "us-central1"
)


def answered_run(name: str = "q.wav", output: str | None = "reply.wav") -> Summary:
    """A run of two seconds of audio, of which the answer begins 0.5 s and ends 1 s after the question."""
    summary = Summary(name, output, endpoint=ENDPOINT)
    summary.note_opened("s-1", 0.0123, 0.25)
    stats = summary.stats
    for number in range(4):
        stats.sent.add(events.AudioChunk(bytes(16_000), 16_000), 0.5 * number)
    stats.asked_at = 2.0
    for number in range(2):
        stats.received.add(events.AudioChunk(bytes(24_000), 24_000), 2.5 + 0.5 * number)
    stats.audio_at = 2.5
    stats.note(events.InputTranscript("where is it"), 2.4)
    stats.note(events.OutputTranscript("over there"), 2.6)
    stats.note(events.TurnComplete(), 3.0)
    return summary


def failed_run(error: LivecliError, name: str = "q.wav") -> Summary:
    """A run that has sent nothing and received nothing."""
    return Summary(name, endpoint=ENDPOINT, error=error)


def report_run(reporter: Reporter, summary: Summary, *received: events.Event, seconds: float | None = 2.0) -> None:
    """Report a whole run, with one event of each second."""
    reporter.started(summary, None, seconds)
    reporter.connecting(ENDPOINT)
    reporter.connected(summary)
    for number, event in enumerate(received, 1):
        reporter.event("received", event, float(number))
    reporter.finished(summary)
