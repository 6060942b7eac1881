"""Statistics of the audio in one direction, in constant memory.

No I/O: times are arguments, in seconds on one monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..media.pcm import SILENCE_PEAK, peak
from ..protocol import events
from .timeline import Timeline

SHORTEST_SECONDS = 1e-7
"""A gap up to this length counts as zero."""
ZERO_BUCKET = -1_000
"""The bucket of the gaps that count as zero, below all others."""


def nearest_rank(share: float, count: int) -> int:
    """The rank, from 1, of the least of `count` ordered values that `share` (0 to 1) of them do not exceed."""
    # In binary, 0.07 * 100 is a little more than 7.
    return max(1, math.ceil(round(share * count, 9)))


def percentile(values: Sequence[float], share: float) -> float:
    """The least of `values` that `share` (0 to 1) of them do not exceed. They are sorted, and at least one."""
    return values[nearest_rank(share, len(values)) - 1]


class Gaps:
    """Histogram of the time between chunks: counts by logarithmic bucket, accurate to 1 %."""

    __slots__ = ("_counts", "_last", "maximum")
    GROWTH = math.log(1.02)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._last: float | None = None
        self.maximum: float | None = None

    def mark(self, at: float, times: int = 1) -> None:
        """Count `times` chunks that passed together at `at`."""
        if self._last is not None:
            self._count(at - self._last, 1)
        if times > 1:
            self._count(0.0, times - 1)
        self._last = at

    def _count(self, gap: float, times: int) -> None:
        bucket = round(math.log(gap) / self.GROWTH) if gap > SHORTEST_SECONDS else ZERO_BUCKET
        self._counts[bucket] = self._counts.get(bucket, 0) + times
        if self.maximum is None or gap > self.maximum:
            self.maximum = gap

    def copy(self) -> Gaps:
        """An independent copy of the present state."""
        other = Gaps()
        other._counts, other._last, other.maximum = self._counts.copy(), self._last, self.maximum
        return other

    def percentile(self, share: float) -> float | None:
        """The gap in seconds that `share` (0 to 1) of all gaps do not exceed; None before the second chunk."""
        remaining = nearest_rank(share, sum(self._counts.values()))
        for bucket in sorted(self._counts):
            remaining -= self._counts[bucket]
            if remaining <= 0:
                return min(math.exp(bucket * self.GROWTH), self.maximum or 0.0)
        return None


@dataclass(eq=False, repr=False, slots=True)
class FlowStats:
    """Statistics of the audio in one direction. Sizes are in bytes, times in seconds."""

    chunks: int = 0
    bytes: int = 0
    audio_seconds: float = 0.0
    smallest: int | None = None
    largest: int = 0
    first_at: float | None = None
    last_at: float | None = None
    rate: int | None = None
    peak: int = 0
    """The largest sample up to the first sound. It tells whether all of the audio was silent."""
    gaps: Gaps = field(default_factory=Gaps)
    timeline: Timeline | None = None
    """Measured only where a display has put one here before the first chunk."""

    def add(self, chunk: events.AudioChunk, at: float) -> None:
        """Count a chunk that passed at `at`."""
        self.add_all((chunk,), at)

    def add_all(self, chunks: Sequence[events.AudioChunk], at: float) -> None:
        """Count one or more chunks that passed together at `at`.

        They have the same rate and, except for the last, the same size.
        """
        count, size, last = len(chunks), len(chunks[0].pcm), len(chunks[-1].pcm)
        total = (count - 1) * size + last
        self.chunks += count
        self.bytes += total
        self.audio_seconds += total / (2 * chunks[0].rate)
        self.largest = max(self.largest, size)
        if self.smallest is None or last < self.smallest:
            self.smallest = last
        if self.peak <= SILENCE_PEAK:
            self._find_peak(chunks)
        if self.first_at is None:
            self.first_at, self.rate = at, self.rate or chunks[0].rate
        self.last_at = at
        self.gaps.mark(at, count)
        if self.timeline is not None:
            self.timeline.add(chunks, at)

    def _find_peak(self, chunks: Iterable[events.AudioChunk]) -> None:
        for chunk in chunks:
            self.peak = max(self.peak, peak(chunk.pcm))
            if self.peak > SILENCE_PEAK:
                return

    def copy(self) -> FlowStats:
        """An independent copy of the present state."""
        return replace(self, gaps=self.gaps.copy(), timeline=self.timeline and self.timeline.copy())

    @property
    def mean(self) -> float | None:
        """Mean size of a chunk in bytes."""
        return self.bytes / self.chunks if self.chunks else None
