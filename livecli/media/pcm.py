"""PCM streams: the protocols AudioSource and AudioSink, chunking, and levels. No I/O.

All audio is signed 16-bit little-endian mono. A rate is in samples a second.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any, Protocol

SAMPLE_BYTES = 2
SILENCE_DBFS = -50.0
"""Level up to which audio counts as silence, for the input and for the first sound of a reply."""
SILENCE_PEAK = int(32768 * 10 ** (SILENCE_DBFS / 20))
"""SILENCE_DBFS as the value of a sample."""

FLOOR_DBFS = -96.0
"""Level that is reported for complete silence: that of the smallest 16-bit sample."""


class AudioSource(Protocol):
    """A source of audio: iterating yields blocks of PCM of any size. Raises FileError if it cannot be read."""

    @property
    def name(self) -> str:
        """The name that the user gave: a path, `-`, or the sample's name."""

    @property
    def rate(self) -> int:
        """Samples a second of the blocks."""

    @property
    def seconds(self) -> float | None:
        """Length of the whole source; None if it is not known before the end, as for a pipe."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...


Mark = Any
"""A position in a sink, returned by its `mark` for its `rewind`. Its type is private to the sink."""


class AudioSink(Protocol):
    """A destination of a reply, written while the reply arrives."""

    @property
    def waits(self) -> bool:
        """Whether `write` may block until a reader reads (a pipe, a device), so that it is called in a thread."""

    def write(self, pcm: bytes, rate: int) -> None:
        """Append samples. Raises FileError if they cannot be written."""

    def mark(self) -> Mark:
        """The present position, for `rewind`."""

    def rewind(self, mark: Mark) -> bool:
        """Take back the samples written since `mark`, which will be written again. False if that is not possible."""


async def chunked(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[list[bytes]]:
    """The same bytes in chunks of exactly `size`, one list for each block; the last chunk may be shorter."""
    rest = b""
    async for block in blocks:
        data = rest + block if rest else block
        end = len(data) - len(data) % size
        rest = data[end:]
        if end:
            yield [data[start : start + size] for start in range(0, end, size)]
    if rest:
        yield [rest]


async def rechunk(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """As `chunked`, one chunk at a time."""
    async for chunks in chunked(blocks, size):
        for chunk in chunks:
            yield chunk


def peak(pcm: bytes) -> int:
    """The largest absolute value of a sample: 0 to 32768."""
    # Digital silence is common, and this finds it in a hundredth of the time.
    if pcm.count(0) == len(pcm):
        return 0
    samples = memoryview(pcm[: len(pcm) & ~1]).cast("h")
    loudest = max(samples, default=0)
    return max(loudest, -min(samples, default=0))


def dbfs(peak: int) -> float:
    """A peak in decibels relative to full scale; minus infinity for 0."""
    return 20 * math.log10(peak / 32768) if peak else -math.inf


def is_silent(pcm: bytes) -> bool:
    """Whether no sample is above SILENCE_DBFS."""
    return peak(pcm) <= SILENCE_PEAK


def level_dbfs(pcm: bytes | bytearray) -> float:
    """Root mean square level, from FLOOR_DBFS to 0 dBFS for the loudest square wave."""
    samples = memoryview(pcm[: len(pcm) & ~1]).cast("h")
    power = sum(sample * sample for sample in samples) / len(samples) if samples else 0
    return max(FLOOR_DBFS, 10 * math.log10(power / 32_768**2)) if power else FLOOR_DBFS


class Tee:
    """A sink that writes to several sinks, first to those that do not wait."""

    def __init__(self, *sinks: AudioSink) -> None:
        self._sinks = sorted(sinks, key=lambda sink: sink.waits)

    @property
    def waits(self) -> bool:
        """Whether any of the sinks may wait."""
        return any(sink.waits for sink in self._sinks)

    def write(self, pcm: bytes, rate: int) -> None:
        """Write to each sink. Raises the error of the first one that fails, without writing to those after it."""
        for sink in self._sinks:
            sink.write(pcm, rate)

    def mark(self) -> Mark:
        """The positions of all sinks."""
        return [sink.mark() for sink in self._sinks]

    def rewind(self, mark: Mark) -> bool:
        """Rewind each sink. Returns False if any of them cannot; the others are rewound all the same."""
        taken_back = [sink.rewind(place) for sink, place in zip(self._sinks, mark, strict=True)]
        return all(taken_back)
