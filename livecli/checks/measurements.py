"""Measurements of one run: the values that its expectations are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..protocol import events
from ..protocol.messages import FunctionCall
from ..report.reporter import Reporter
from ..report.summary import Summary, latencies
from .sound import SoundMeter


class Measurements(Reporter):
    """Listens to a run, and has its figures once it is over.

    `calls` are the calls of functions; `close_code` is how the session ended. `sound` is measured where a subject of
    the expectations needs it.
    """

    def __init__(self, subjects: Sequence[str]) -> None:
        self.calls: list[FunctionCall] = []
        self.turns = 0
        self.close_code: int | None = None
        self.interrupted_ms: float | None = None
        needs_sound = {"silence", "clipping", "loudness"} & {*subjects}
        self.sound = SoundMeter(loudness="loudness" in subjects) if needs_sound else None
        self._spoke_at: float | None = None

    def event(self, direction: str, event: events.Event, at: float) -> None:
        match event:
            case events.ActivityStart() | events.Text() | events.ClientTurns() if direction == "sent":
                self._spoke_at = at
            case events.ToolCall(calls):
                self.calls += calls
            case events.TurnComplete():
                self.turns += 1
            case events.Interrupted():
                self.interrupted_ms = None if self._spoke_at is None else (at - self._spoke_at) * 1000
            case events.AudioChunk(pcm, rate) if direction == "received" and self.sound:
                self.sound.feed(pcm, rate)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self.close_code = code

    def figure(self, subject: str, summary: Summary) -> Any:
        """The value of a subject in its own unit; None where the run has none."""
        stats = summary.stats
        match subject:
            case "transcript":
                return stats.said
            case "heard":
                return stats.heard
            case "reply":
                return stats.received.audio_seconds
            case "silence":
                return self.sound.silence_seconds * 1000 if self.sound else None
            case "clipping":
                return self.sound.clipping if self.sound else None
            case "loudness":
                return self.sound.lufs if self.sound else None
            case "tools":
                return len(self.calls)
            case "close":
                return self.close_code
            case "turns":
                return self.turns
            case "cost":
                return summary.cost_usd
            case "interrupted":
                return self.interrupted_ms
        return latencies(summary)[subject]
