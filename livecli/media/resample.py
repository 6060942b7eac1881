"""A stream of mono PCM16 from one rate to another. Owns soxr; the arithmetic around it is numpy's.

soxr works on floating point here: of 16-bit output it would make dithered output, in which silence is not silent. What
the filter overshoots is clipped to the 16-bit range, and the length is exact: n samples become n * to / from, rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..protocol.codec import INPUT_RATE
from ..protocol.events import AudioChunk
from .pcm import SAMPLE_BYTES

# The user's audio at the one rate that everything is heard at. Pure.
RESAMPLED_BYTES = 64 * 1024


class AtInputRate:
    """Chunks of any rate as one stream at INPUT_RATE. `passes`: they come at that rate, and nothing is held back."""

    def __init__(self) -> None:
        self._rate = INPUT_RATE
        self._resampler: Resampler | None = None

    @property
    def passes(self) -> bool:
        return self._resampler is None

    def push(self, chunk: AudioChunk) -> Iterator[bytes]:
        if chunk.rate != self._rate:
            yield self.finish()
            self._rate = chunk.rate
            self._resampler = None if chunk.rate == INPUT_RATE else Resampler(chunk.rate, INPUT_RATE)
        if self._resampler is None:
            yield chunk.pcm
        else:  # a frame of the largest size, said to be of the lowest rate, would become a gigabyte at once
            for start in range(0, len(chunk.pcm), RESAMPLED_BYTES):
                yield self._resampler.push(chunk.pcm[start : start + RESAMPLED_BYTES])

    def finish(self) -> bytes:
        tail = b"" if self._resampler is None else self._resampler.finish()
        self._rate, self._resampler = INPUT_RATE, None
        return tail


QUALITY = "HQ"
"""soxr's 20-bit filter: 4,800 times real time, images 130 dB down."""
RESAMPLED_BYTES = 64 * 1024
"""At a time: the largest message, said to be of the lowest rate, would become gigabytes."""


class Resampler:
    """`push` each block of any size (a sample may straddle two), then `finish` once for what the filter still holds.

    Rates are samples a second; equal rates pass the bytes through. soxr and numpy are loaded when they are needed.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream: Any = None
        self._half_sample = b""
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, "float32", QUALITY)

    def push(self, pcm: bytes) -> bytes:
        """What is ready of the resampled stream; often less than came in, as the filter looks ahead."""
        if self._stream is None:
            return pcm
        pcm = self._half_sample + pcm
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        self._half_sample = pcm[whole:]
        return self._resampled(pcm[:whole], last=False)

    def finish(self) -> bytes:
        """The end of the resampled stream."""
        return b"" if self._stream is None else self._resampled(b"", last=True)

    def _resampled(self, pcm: bytes, last: bool) -> bytes:
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        moved = self._stream.resample_chunk(samples, last=last)
        clipped: bytes = moved.round().clip(-32_768, 32_767).astype("<i2").tobytes()
        return clipped


class OneRate:
    """Chunks of any size, whose rate may change from one to the next, as one stream at `rate`.

    Half a sample at the end of a chunk waits for the next one of the same rate.
    """

    def __init__(self, rate: int) -> None:
        self._rate = self._arriving_rate = rate
        self._resampler = Resampler(rate, rate)
        self._odd = b""

    def push(self, pcm: bytes, rate: int) -> Iterator[bytes]:
        """What is ready of the stream, in pieces, some of them empty."""
        if rate != self._arriving_rate:
            yield self.finish()
            self._arriving_rate, self._odd = rate, b""
            self._resampler = Resampler(rate, self._rate)  # where the rates are equal it hands the bytes on
        pcm = self._odd + pcm
        even = len(pcm) & ~1
        pcm, self._odd = pcm[:even], pcm[even:]
        for start in range(0, even, RESAMPLED_BYTES):
            yield self._resampler.push(pcm[start : start + RESAMPLED_BYTES])

    def finish(self) -> bytes:
        """What the filter still holds. The stream may go on after it; half a sample waits for the other then, too."""
        tail = self._resampler.finish()
        self._resampler = Resampler(self._arriving_rate, self._rate)
        return tail


def load() -> None:
    """Load soxr and numpy now (60 ms), where the first use would be in somebody's way."""
    Resampler(1, 2)._resampled(b"", last=True)
