"""PCM as a stream: the contracts of sources and sinks, chunks of one size, and pacing by absolute deadlines. Pure.

All audio here is signed 16-bit little-endian mono; a rate is samples a second.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any, Protocol

SAMPLE_BYTES = 2
SILENCE_DBFS = -50.0
"""What counts as silence, in what is sent and when the first sound of a reply is looked for."""
SILENCE_PEAK = int(32768 * 10 ** (SILENCE_DBFS / 20))
"""The same as a sample."""

FLOOR_DBFS = -96.0
"""What is said of complete silence: the quietest that 16 bits hold."""


class AudioSource(Protocol):
    """Blocks of PCM, of any size, at `rate`. Iterating raises FileError where it cannot be read."""

    @property
    def name(self) -> str:
        """What the user calls it: a path, `-`, or the sample's name."""

    @property
    def rate(self) -> int:
        """Samples a second of what iterating yields."""

    @property
    def seconds(self) -> float | None:
        """Its whole length, or None where that is not known before the end (a pipe)."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...


Mark = Any
"""A place in a sink: what its `mark` returns and its `rewind` takes, of no meaning to anything else."""


class AudioSink(Protocol):
    """Where a reply goes while it arrives."""

    @property
    def waits(self) -> bool:
        """Whether `write` may wait for a reader (a pipe, a device), and so is called in a thread."""

    def write(self, pcm: bytes, rate: int) -> None:
        """Take the next samples. Raises FileError where they cannot be kept."""

    def mark(self) -> Mark:
        """The place that it has come to, for `rewind`."""

    def rewind(self, mark: Mark) -> bool:
        """Take back what was written since `mark`, as it will come again; False where that is out of reach."""


async def chunked(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[list[bytes]]:
    """The same bytes in chunks of exactly `size`, those of a block together; the very last one may be shorter."""
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
    """As `chunked`, chunk by chunk."""
    async for chunks in chunked(blocks, size):
        for chunk in chunks:
            yield chunk


def peak(pcm: bytes) -> int:
    """The largest sample of `pcm`, whatever its sign: 0 to 32768."""
    if pcm.count(0) == len(pcm):  # the commonest silence, in a hundredth of the time
        return 0
    samples = memoryview(pcm[: len(pcm) & ~1]).cast("h")
    loudest = max(samples, default=0)
    return max(loudest, -min(samples, default=0))


def dbfs(peak: int) -> float:
    """A peak in decibels of full scale; minus infinity for none."""
    return 20 * math.log10(peak / 32768) if peak else -math.inf


def is_silent(pcm: bytes) -> bool:
    """Whether no sample is above SILENCE_DBFS."""
    return peak(pcm) <= SILENCE_PEAK


def level_dbfs(pcm: bytes | bytearray) -> float:
    """How loud it is on average, from FLOOR_DBFS to 0 for the loudest square wave."""
    samples = memoryview(pcm[: len(pcm) & ~1]).cast("h")
    power = sum(sample * sample for sample in samples) / len(samples) if samples else 0
    return max(FLOOR_DBFS, 10 * math.log10(power / 32_768**2)) if power else FLOOR_DBFS


class Tee:
    """A sink that tells several, those first that do not wait."""

    def __init__(self, *sinks: AudioSink) -> None:
        self._sinks = sorted(sinks, key=lambda sink: sink.waits)

    @property
    def waits(self) -> bool:
        """Whether any of them may."""
        return any(sink.waits for sink in self._sinks)

    def write(self, pcm: bytes, rate: int) -> None:
        """Raises what the first of them does that fails."""
        for sink in self._sinks:
            sink.write(pcm, rate)

    def mark(self) -> Mark:
        """A place in each of them."""
        return [sink.mark() for sink in self._sinks]

    def rewind(self, mark: Mark) -> bool:
        """False where the place is out of any one's reach; the others are there all the same."""
        taken_back = [sink.rewind(place) for sink, place in zip(self._sinks, mark, strict=True)]
        return all(taken_back)
