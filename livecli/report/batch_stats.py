"""What is counted over many runs: how many are done, how fast, how long it may take. Pure: time is an argument."""

from __future__ import annotations

from collections import Counter, deque

from ..errors import Interrupted
from .summary import Summary, latencies

RATE_SECONDS = 10.0
"""Over how long the rate of now is taken."""


class BatchStats:
    """Of `total` runs. `failed` counts by exit status; those that were interrupted are neither done nor failed."""

    def __init__(self, total: int, now: float) -> None:
        self.total = total
        self.done = 0
        self.interrupted = 0
        self.retries = 0
        self.failed: Counter[int] = Counter()
        self.latencies: dict[str, list[float]] = {name: [] for name in latencies(Summary(""))}
        self.started_at = now
        self._running: dict[int, tuple[Summary, float | None]] = {}
        self._chunks = self._bytes = 0
        self._sent_seconds = self._received_seconds = 0.0
        self._seen: deque[tuple[float, int]] = deque([(now, 0)])

    @property
    def running(self) -> int:
        """How many are under way."""
        return len(self._running)

    @property
    def ended(self) -> int:
        """How many are over, well or not."""
        return self.done + self.failed.total() + self.interrupted

    @property
    def chunks(self) -> int:
        """Sent so far, by all."""
        return self._chunks + sum(summary.stats.sent.chunks for summary, _ in self._running.values())

    @property
    def sent_bytes(self) -> int:
        """By those that are over, as the next two."""
        return self._bytes

    @property
    def sent_seconds(self) -> float:
        """Of audio."""
        return self._sent_seconds

    @property
    def received_seconds(self) -> float:
        """Of audio."""
        return self._received_seconds

    def begin(self, summary: Summary, seconds: float | None) -> None:
        """A run has opened its input, so many seconds of audio, if that is known."""
        self._running[id(summary)] = (summary, seconds)

    def end(self, summary: Summary) -> None:
        """A run is over; it need not have begun."""
        self._running.pop(id(summary), None)
        stats = summary.stats
        self._chunks += stats.sent.chunks
        self._bytes += stats.sent.bytes
        self._sent_seconds += stats.sent.audio_seconds
        self._received_seconds += stats.received.audio_seconds
        self.done += summary.ok
        self.interrupted += isinstance(summary.error, Interrupted)
        if summary.error and not isinstance(summary.error, Interrupted):
            self.failed[summary.exit_code] += 1
        for name, value in latencies(summary).items():
            if value is not None:
                self.latencies[name].append(value)

    def rate(self, now: float) -> float:
        """Chunks a second over the last while. To be asked now and then: that is what it is taken from."""
        self._seen.append((now, self.chunks))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        (then, before), (_, chunks) = self._seen[0], self._seen[-1]
        return (chunks - before) / (now - then) if now > then else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Until all are over, should it go on as it has; None before anything can be said."""
        parts = (
            min(summary.stats.sent.audio_seconds / seconds, 1.0)
            for summary, seconds in self._running.values()
            if seconds
        )
        passed = self.ended + sum(parts)
        return (now - self.started_at) * (self.total - passed) / passed if passed else None


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of all do not exceed. There must be some, and they must be sorted."""
    return values[max(0, min(len(values) - 1, -int(-share * len(values) // 1) - 1))]
