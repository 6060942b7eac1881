"""Statistics of many runs: how many are over, how fast they are, and how long the rest may take.

No I/O: times are arguments, in seconds on one monotonic clock.
"""

from __future__ import annotations

from collections import Counter

from ..errors import BudgetError, Interrupted
from .spending import Spending
from .summary import Summary, latencies


class BatchStats:
    """Statistics of `total` runs.

    `done` counts the runs that succeeded, `failed` those that failed, by exit status. Interrupted runs are in neither,
    and `unsent` ones, which the budget did not allow.
    `latencies` are in milliseconds.
    """

    def __init__(self, total: int, now: float) -> None:
        self.total = total
        self.done = 0
        self.interrupted = self.unsent = 0
        self.retries = 0
        self.failed: Counter[int] = Counter()
        self.spending = Spending()
        self.latencies: dict[str, list[float]] = {name: [] for name in latencies(Summary(""))}
        self.started_at = now
        self._running: dict[int, tuple[Summary, float | None]] = {}
        self._chunks = self._bytes = self._received_chunks = self._received_bytes = 0
        self._sent_seconds = self._received_seconds = 0.0

    @property
    def running(self) -> int:
        """Number of runs under way."""
        return len(self._running)

    @property
    def runs_under_way(self) -> list[tuple[Summary, float | None]]:
        """The runs under way, in the order in which they began, and the length of each input in seconds if known."""
        return list(self._running.values())

    @property
    def ended(self) -> int:
        """Number of runs that are over."""
        return self.done + self.failed.total() + self.interrupted + self.unsent

    @property
    def chunks(self) -> int:
        """Number of chunks sent so far by all runs."""
        return self._chunks + sum(summary.stats.sent.chunks for summary, _ in self._running.values())

    @property
    def sent_bytes(self) -> int:
        """Bytes of audio sent by the runs that are over."""
        return self._bytes

    @property
    def sent_seconds(self) -> float:
        """Seconds of audio sent so far by all runs."""
        return self._sent_seconds + sum(summary.stats.sent.audio_seconds for summary, _ in self._running.values())

    @property
    def received_bytes(self) -> int:
        """Bytes of audio received by the runs that are over."""
        return self._received_bytes

    @property
    def received_chunks(self) -> int:
        """Number of chunks received by the runs that are over."""
        return self._received_chunks

    @property
    def received_seconds(self) -> float:
        """Seconds of audio received by the runs that are over."""
        return self._received_seconds

    def begin(self, summary: Summary, seconds: float | None) -> None:
        """Count a run that has opened its input, of `seconds` of audio; None where the length is unknown."""
        self._running[id(summary)] = (summary, seconds)

    def end(self, summary: Summary) -> None:
        """Count the end of a run, which need not have begun."""
        self._running.pop(id(summary), None)
        stats = summary.stats
        self._chunks += stats.sent.chunks
        self._bytes += stats.sent.bytes
        self._sent_seconds += stats.sent.audio_seconds
        self._received_seconds += stats.received.audio_seconds
        self._received_chunks += stats.received.chunks
        self._received_bytes += stats.received.bytes
        self.spending.add(summary)
        self.done += summary.ok
        self.interrupted += isinstance(summary.error, Interrupted)
        self.unsent += isinstance(summary.error, BudgetError)
        if summary.error and not isinstance(summary.error, Interrupted | BudgetError):
            self.failed[summary.exit_code] += 1
        for name, value in latencies(summary).items():
            if value is not None:
                self.latencies[name].append(value)

    def speed(self, now: float) -> float:
        """Seconds of audio sent per second so far."""
        return self.sent_seconds / (now - self.started_at) if now > self.started_at else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Estimated seconds until all runs are over; None while no run of known length has made progress."""
        parts = (
            min(summary.stats.sent.audio_seconds / seconds, 1.0)
            for summary, seconds in self._running.values()
            if seconds
        )
        passed = self.ended + sum(parts)
        return (now - self.started_at) * (self.total - passed) / passed if passed else None
