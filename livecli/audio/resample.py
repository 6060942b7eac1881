"""A stream of mono PCM16 from one rate to another. Owns soxr; the arithmetic around it is numpy's.

soxr works on floating point here: of 16-bit output it would make dithered output, in which silence is not silent. What
the filter overshoots is clipped to the 16-bit range, and the length is exact: n samples become n * to / from, rounded.
"""

from __future__ import annotations

from typing import Any

from .pcm import SAMPLE_BYTES

QUALITY = "HQ"
"""soxr's 20-bit filter: 4,800 times real time, images 130 dB down."""


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


def load() -> None:
    """Load soxr and numpy now (60 ms), where the first use would be in somebody's way."""
    Resampler(1, 2)._resampled(b"", last=True)
