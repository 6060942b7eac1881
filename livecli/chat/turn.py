"""One turn of a conversation while it lasts, and for the moment after it in which more of it may come."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from ..client.turn import Exchange
from ..protocol import events
from ..report.summary import Summary
from .transcript import Entry

LATE = (events.OutputTranscript, events.Usage, events.Grounding)
"""What may come after the turn that it belongs to, as may the transcript of what was spoken."""
LATE_SECONDS = 1.0


@dataclass
class Turn:
    """Under way, waiting for the one before it, or just over: then it has an `entry`."""

    asked: str
    exchange: Exchange
    summary: Summary
    keeping: ExitStack
    is_spoken: bool = False
    entry: Entry | None = None
    late_until: float = 0.0
    heard_in_time: bool = False

    @property
    def text(self) -> Entry:
        """As it is known by now."""
        stats = self.summary.stats
        return Entry(self.asked or stats.heard, stats.said)

    def end(self, now: float) -> Entry:
        """It is over; what is known of it."""
        self.late_until, self.heard_in_time = now + LATE_SECONDS, bool(self.summary.stats.heard)
        self.entry = self.text
        return self.entry

    def claims(self, event: events.Event, now: float) -> bool:
        """Whether this belongs to it, though it is over."""
        if now > self.late_until:
            return False
        if isinstance(event, events.InputTranscript):
            return self.is_spoken and not self.heard_in_time
        return isinstance(event, LATE)
