"""Levels and gaps of audio along its length, in constant memory. No I/O.

For a display that draws them: they are measured only where one asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from operator import add

from ..media.pcm import FLOOR_DBFS
from ..protocol import events

FULL_SCALE = 32_768

MOST_BINS = 512
"""When there are so many bins, they are merged by two: a power of two."""
BIN_SECONDS = 0.04
"""The width of a bin of audio at first."""
GAP_BIN_SECONDS = 0.001
"""The width of a bin of gaps at first."""

SAMPLE_STRIDE = 7
"""Every so-many-th sample is measured. It is odd, so that no tone of a round frequency is always met in one phase."""
MEASUREMENTS_PER_BIN = 4
"""More are not made in a wide bin, so that an hour of audio takes not much longer than a minute."""


class Bins:
    """Values along an axis that grows, which begins at 0 and is divided into at most MOST_BINS bins of one `width`.

    Where a position lies beyond them, neighbours are merged by two with `merge`, and the width doubles.
    """

    def __init__(self, merge: Callable[[float, float], float], width: float) -> None:
        self.values: list[float] = []
        self.width = width
        self._merge = merge

    def put(self, position: float, value: float) -> None:
        """Merge `value` into the bin at `position`."""
        while (index := int(position / self.width)) >= MOST_BINS:
            if len(self.values) % 2:
                self.values.append(0.0)
            self.values = list(map(self._merge, self.values[::2], self.values[1::2]))
            self.width *= 2
        if index >= len(self.values):
            self.values += [0.0] * (index + 1 - len(self.values))
        self.values[index] = self._merge(self.values[index], value)

    def columns(self, count: int) -> list[list[float]]:
        """The bins of each of `count` columns, which divide the axis: at least one for each, if there are any."""
        bins = len(self.values)
        starts = [column * bins // count for column in range(count)]
        ends = [max(start + 1, (column + 1) * bins // count) for column, start in enumerate(starts)]
        return [self.values[start:end] for start, end in zip(starts, ends, strict=True)] if bins else []

    def copy(self) -> Bins:
        """An independent copy of the present state."""
        other = Bins(self._merge, self.width)
        other.values = self.values.copy()
        return other


class Envelope:
    """Level of audio along its length, which is `seconds`: bins of the energy and the length of what is in them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._measured_until = 0.0
        self._energy, self._covered = Bins(add, BIN_SECONDS), Bins(add, BIN_SECONDS)

    def add_all(self, chunks: Sequence[events.AudioChunk]) -> None:
        """Append chunks. They have the same rate and, except for the last, the same size."""
        seconds, last = len(chunks[0].pcm) // 2 / chunks[0].rate, len(chunks) - 1
        at = 0
        while at < last:
            # A chunk no longer than a bin is measured if it begins at `_measured_until` or later, else passed over.
            if self.seconds < self._measured_until and 0 < seconds <= BIN_SECONDS:
                passed = min(math.ceil((self._measured_until - self.seconds) / seconds), last - at)
                self.seconds += passed * seconds
                at += passed
            else:
                self.add(chunks[at])
                at += 1
        self.add(chunks[last])

    def add(self, chunk: events.AudioChunk) -> None:
        """Append audio."""
        size = 2 * max(1, int(chunk.rate * BIN_SECONDS))
        for start in range(0, len(chunk.pcm) - 1, size):
            piece = chunk.pcm[start : start + size]
            seconds = len(piece) // 2 / chunk.rate
            if self.seconds >= self._measured_until:
                self._measure(piece, seconds)
            self.seconds += seconds

    def _measure(self, pcm: bytes, seconds: float) -> None:
        samples = memoryview(pcm)[: len(pcm) & ~1].cast("h")[::SAMPLE_STRIDE].tolist()
        # The squares of a hypotenuse add up, in a quarter of the time of a sum of products.
        power = math.hypot(*samples) ** 2 / len(samples)
        self._energy.put(self.seconds, power * seconds)
        self._covered.put(self.seconds, seconds)
        self._measured_until = self.seconds + self._energy.width / MEASUREMENTS_PER_BIN

    def levels(self, columns: int) -> list[float]:
        """Root mean square level of each of `columns` equal parts, from FLOOR_DBFS to 0 dBFS; none without audio."""
        energies, covered = self._energy.columns(columns), self._covered.columns(columns)
        return _levels(map(sum, energies), map(sum, covered))

    def last_levels(self, count: int) -> list[float]:
        """The level of each of the last `count` bins, fewer where there are fewer."""
        return _levels(self._energy.values[-count:], self._covered.values[-count:])

    def copy(self) -> Envelope:
        """An independent copy of the present state."""
        other = Envelope()
        other.seconds, other._measured_until = self.seconds, self._measured_until
        other._energy, other._covered = self._energy.copy(), self._covered.copy()
        return other


def _levels(energies: Iterable[float], seconds: Iterable[float]) -> list[float]:
    """The level of each energy over its time, in dBFS. Where no time was measured it is that of the one before.

    A display in another thread may read while one is added, and find an energy without its time.
    """
    levels: list[float] = []
    for energy, covered in zip(energies, seconds, strict=False):
        power = energy / covered / FULL_SCALE**2 if covered else 0
        level = max(FLOOR_DBFS, 10 * math.log10(power)) if power else FLOOR_DBFS
        levels.append(levels[-1] if levels and not covered else level)
    return levels


class Timeline:
    """Levels and gaps of the audio in one direction: `envelope` along the audio, `longest_gaps` along the clock."""

    def __init__(self) -> None:
        self.envelope = Envelope()
        self._gaps = Bins(max, GAP_BIN_SECONDS)
        self._first_at: float | None = None
        self._last_at = 0.0

    def add(self, chunks: Sequence[events.AudioChunk], at: float) -> None:
        """Append chunks that passed together at `at`, in seconds, as the envelope's `add_all` takes them."""
        self.envelope.add_all(chunks)
        if self._first_at is None:
            self._first_at = self._last_at = at
        self._gaps.put(at - self._first_at, at - self._last_at)
        self._last_at = at

    def longest_gaps(self, columns: int) -> list[float]:
        """The longest gap between two chunks, in seconds, in each of `columns` equal parts of the time; 0 for none."""
        return [max(gaps) for gaps in self._gaps.columns(columns)]

    def copy(self) -> Timeline:
        """An independent copy of the present state."""
        other = Timeline()
        other.envelope, other._gaps = self.envelope.copy(), self._gaps.copy()
        other._first_at, other._last_at = self._first_at, self._last_at
        return other
