"""PCM as a stream: the contracts of sources and sinks, chunks of one size, and pacing by absolute deadlines. Pure.

All audio here is signed 16-bit little-endian mono; a rate is samples a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

SAMPLE_BYTES = 2
SILENCE_DBFS = -50.0
"""What counts as silence when the first sound of a reply is looked for."""

_SILENCE_PEAK = int(32768 * 10 ** (SILENCE_DBFS / 20))


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


class AudioSink(Protocol):
    """Where a reply goes while it arrives."""

    @property
    def waits(self) -> bool:
        """Whether `write` may wait for a reader (a pipe, a device), and so is called in a thread."""

    def write(self, pcm: bytes, rate: int) -> None:
        """Take the next samples. Raises FileError where they cannot be kept."""

    def mark(self) -> int:
        """The place that it has come to, for `rewind`."""

    def rewind(self, mark: int) -> bool:
        """Take back what was written since `mark`, as it will come again; False where that is out of reach."""


async def rechunk(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in chunks of exactly `size`; the last one may be shorter."""
    rest = b""
    async for block in blocks:
        data = rest + block if rest else block
        end = len(data) - len(data) % size
        for start in range(0, end, size):
            yield data[start : start + size]
        rest = data[end:]
    if rest:
        yield rest


async def paced(
    chunks: AsyncIterator[bytes],
    bytes_per_second: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[bytes]:
    """The same chunks, each no earlier than its deadline, counted from the first: lateness does not add up.

    `bytes_per_second` of 0 means as fast as they are taken.
    """
    started: float | None = None
    passed = 0
    async for chunk in chunks:
        if bytes_per_second:
            now = clock()
            if started is None:
                started = now
            wait = started + passed / bytes_per_second - now
            if wait > 0:
                await sleep(wait)
            passed += len(chunk)
        yield chunk


def is_silent(pcm: bytes) -> bool:
    """Whether no sample is above SILENCE_DBFS."""
    samples = memoryview(pcm[: len(pcm) & ~1]).cast("h")
    return not samples or (max(samples) <= _SILENCE_PEAK and min(samples) >= -_SILENCE_PEAK)
