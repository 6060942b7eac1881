"""Resampling of a PCM16 mono stream. The only module that imports soxr; the arithmetic around it is numpy's.

soxr gets floating-point samples, because it dithers 16-bit output, which turns silence into noise. Overshoot of the
filter is clipped to the 16-bit range. The length is exact: n samples become n * to / from, rounded.
"""

from __future__ import annotations

import atexit
import copy
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

from .pcm import SAMPLE_BYTES

QUALITY = "HQ"
"""soxr's 20-bit filter: 4,800 times real time, images 130 dB down."""
RESAMPLED_BYTES = 64 * 1024
"""Bytes that are resampled at a time: a message of the largest size at the lowest rate would become gigabytes."""


_resamplers: WeakSet[Resampler] = WeakSet()
"""The resamplers that hold a filter of soxr's."""


@atexit.register
def _close_all() -> None:
    """Delete the filters that are left, such as one that the traceback of an error refers to: soxr would warn of it."""
    for resampler in list(_resamplers):
        resampler.close()


class Resampler:
    """Stream resampler with a fixed input rate: `push` each block, then `finish` once for the rest of the filter.

    Blocks have any size, and a sample may straddle two of them. Rates are samples a second; where they are equal the
    bytes are passed through. soxr and numpy are loaded when they are needed.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream: Any = None
        self._half_sample = b""
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, "float32", QUALITY)
            _resamplers.add(self)

    def push(self, pcm: bytes) -> bytes:
        """The part of the output that is ready: often less than the input so far, because the filter looks ahead."""
        if self._stream is None:
            return pcm
        pcm = self._half_sample + pcm
        whole = len(pcm) - len(pcm) % SAMPLE_BYTES
        self._half_sample = pcm[whole:]
        return self._resampled(pcm[:whole], last=False)

    def finish(self) -> bytes:
        """The end of the output."""
        return b"" if self._stream is None else self._resampled(b"", last=True)

    def close(self) -> None:
        """Delete the filter with what it holds. Nothing may be pushed afterwards."""
        self._stream = None

    def _resampled(self, pcm: bytes, last: bool) -> bytes:
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        resampled = self._stream.resample_chunk(samples, last=last)
        clipped: bytes = resampled.round().clip(-32_768, 32_767).astype("<i2").tobytes()
        return clipped


class VariableRateResampler:
    """Stream resampler whose input rate may change from chunk to chunk; the output is one stream at `rate`.

    Chunks have any size. Half a sample at the end of one is joined to the next chunk of the same rate.
    """

    def __init__(self, rate: int) -> None:
        self._rate = self._input_rate = rate
        self._half_sample = b""
        # None while no filter holds audio: before the first chunk, after `finish`, and where the rates are equal.
        self._resampler: Resampler | None = None

    def push(self, pcm: bytes, rate: int) -> Iterator[bytes]:
        """The part of the output that is ready, in pieces, some of them empty."""
        if rate != self._input_rate:
            yield self.finish()
            self._input_rate, self._half_sample = rate, b""
        if self._resampler is None and rate != self._rate:
            self._resampler = Resampler(rate, self._rate)
        pcm = self._half_sample + pcm
        even = len(pcm) & ~1
        pcm, self._half_sample = pcm[:even], pcm[even:]
        if self._resampler is None:
            yield pcm
            return
        for start in range(0, even, RESAMPLED_BYTES):
            yield self._resampler.push(pcm[start : start + RESAMPLED_BYTES])

    def finish(self) -> bytes:
        """The rest of the filter. The stream may continue afterwards, and half a sample is kept for that."""
        rest = b"" if self._resampler is None else self._resampler.finish()
        self._resampler = None
        return rest

    def fork(self) -> VariableRateResampler | None:
        """A copy that continues by itself; None while a filter holds audio, since filters cannot be copied."""
        return copy.copy(self) if self._resampler is None else None


def load() -> None:
    """Load soxr and numpy now, which takes 60 ms, so that the first use of a Resampler is not delayed by it."""
    Resampler(1, 2)._resampled(b"", last=True)
