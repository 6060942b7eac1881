"""The user's audio at the one rate that everything is heard at. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..protocol.codec import INPUT_RATE
from ..protocol.events import AudioChunk
from .resample import Resampler

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
