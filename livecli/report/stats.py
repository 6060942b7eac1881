"""What passes in one direction, counted in constant memory while it does. Pure: times are arguments, in seconds on one
monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..media.pcm import SILENCE_PEAK, peak
from ..protocol import events

SHORTEST = 1e-7
"""Gaps up to that, in seconds, are none."""
AT_ONCE = -1_000
"""Their bucket, below all others."""


class Gaps:
    """Percentiles of the time between chunks in constant memory: counts by logarithmic bucket, true to 1 %."""

    __slots__ = ("_counts", "_last", "maximum")
    GROWTH = math.log(1.02)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._last: float | None = None
        self.maximum: float | None = None

    def mark(self, at: float, times: int = 1) -> None:
        """So many things came together at `at`, in seconds."""
        if self._last is not None:
            self._count(at - self._last, 1)
        if times > 1:
            self._count(0.0, times - 1)
        self._last = at

    def _count(self, gap: float, times: int) -> None:
        bucket = round(math.log(gap) / self.GROWTH) if gap > SHORTEST else AT_ONCE
        self._counts[bucket] = self._counts.get(bucket, 0) + times
        if self.maximum is None or gap > self.maximum:
            self.maximum = gap

    def copy(self) -> Gaps:
        """As it is now."""
        other = Gaps()
        other._counts, other._last, other.maximum = self._counts.copy(), self._last, self.maximum
        return other

    def percentile(self, share: float) -> float | None:
        """The gap in seconds that `share` (0 to 1) of all gaps do not exceed; None where there was none."""
        wanted = share * sum(self._counts.values())
        for bucket in sorted(self._counts):
            wanted -= self._counts[bucket]
            if wanted <= 0:
                return min(math.exp(bucket * self.GROWTH), self.maximum or 0.0)
        return None


@dataclass(eq=False, repr=False, slots=True)
class FlowStats:
    """Audio in one direction. Sizes in bytes, times in seconds."""

    chunks: int = 0
    bytes: int = 0
    audio_seconds: float = 0.0
    smallest: int | None = None
    largest: int = 0
    first_at: float | None = None
    last_at: float | None = None
    rate: int | None = None
    peak: int = 0
    """The largest sample, as far as the first sound: whether it was all silence is what is asked."""
    gaps: Gaps = field(default_factory=Gaps)

    def add(self, chunk: events.AudioChunk, at: float) -> None:
        """Count one chunk that passed at `at`."""
        self.add_all((chunk,), at)

    def add_all(self, chunks: Sequence[events.AudioChunk], at: float) -> None:
        """Count chunks, at least one, that passed together at `at`: of one rate, and of one size but for the last."""
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

    def _find_peak(self, chunks: Iterable[events.AudioChunk]) -> None:
        for chunk in chunks:
            self.peak = max(self.peak, peak(chunk.pcm))
            if self.peak > SILENCE_PEAK:
                return

    def copy(self) -> FlowStats:
        """As it is now."""
        return replace(self, gaps=self.gaps.copy())

    @property
    def mean(self) -> float | None:
        """Mean size of a chunk in bytes."""
        return self.bytes / self.chunks if self.chunks else None
