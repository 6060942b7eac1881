"""Mixdown of the sounds of both sides of a session into one PCM16 mono stream, each where it sounds on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .pcm import SAMPLE_BYTES
from .resample import VariableRateResampler

BLOCK_SECONDS = 1.0
"""The stream is returned in blocks of at least this length."""


class PlacedSound(NamedTuple):
    """PCM16 mono of one `side`, which sounds from `begins_at` on. It passed `at`: all that follow sound no earlier."""

    side: str
    at: float
    begins_at: float
    pcm: bytes
    rate: int


class _Track:
    """The sound of one side as one stream: what follows the sound before it is joined to it without a click."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = VariableRateResampler(rate)
        self._place, self._due = 0, -1.0

    def push(self, sound: PlacedSound) -> Iterator[tuple[int, bytes]]:
        """(sample, PCM) of what is ready to be mixed."""
        if abs(sound.begins_at - self._due) > 1 / self._rate:
            yield from self.finish()
            self._place = round(sound.begins_at * self._rate)
        self._due = sound.begins_at + len(sound.pcm) // SAMPLE_BYTES / sound.rate
        for pcm in self._resampler.push(sound.pcm, sound.rate):
            yield from self._placed(pcm)

    def finish(self) -> Iterator[tuple[int, bytes]]:
        """The end of what has been pushed."""
        yield from self._placed(self._resampler.finish())

    def _placed(self, pcm: bytes) -> Iterator[tuple[int, bytes]]:
        if pcm:
            yield self._place, pcm
            self._place += len(pcm) // SAMPLE_BYTES


class _Mixer:
    """The sum of samples from `begin` to `end`, of which those before a time are final."""

    def __init__(self) -> None:
        import numpy as np

        self.begin = self.end = 0
        self._sum: Any = np.zeros(0, np.int32)

    def add(self, place: int, pcm: bytes) -> None:
        import numpy as np

        samples = np.frombuffer(pcm, "<i2")
        first = max(place, self.begin) - self.begin
        self._reserve(first + len(samples))
        self._sum[first : first + len(samples)] += samples
        self.end = max(self.end, self.begin + first + len(samples))

    def take(self, until: int) -> bytes:
        """The samples before `until`."""
        count = until - self.begin
        self._reserve(count)
        mixed: bytes = self._sum[:count].clip(-32_768, 32_767).astype("<i2").tobytes()
        self._sum, self.begin, self.end = self._sum[count:], until, max(self.end, until)
        return mixed

    def _reserve(self, count: int) -> None:
        import numpy as np

        if count > len(self._sum):
            # More than is needed, since the sound of a fast reply grows chunk by chunk.
            self._sum = np.concatenate([self._sum, np.zeros(2 * count - len(self._sum), np.int32)])


def mixdown(sounds: Iterable[PlacedSound], rate: int) -> Iterator[bytes]:
    """Blocks of PCM16 mono at `rate` samples a second, from the time 0 on.

    Memory holds the sound that passed and has not begun.
    """
    tracks: dict[str, _Track] = {}
    mixer = _Mixer()
    block = round(BLOCK_SECONDS * rate)
    for sound in sounds:
        for place, pcm in tracks.setdefault(sound.side, _Track(rate)).push(sound):
            mixer.add(place, pcm)
        # A filter holds back less than a block.
        final = round(sound.at * rate) - block
        while final - mixer.begin >= block:
            yield mixer.take(mixer.begin + block)
    for track in tracks.values():
        for place, pcm in track.finish():
            mixer.add(place, pcm)
    while mixer.begin < mixer.end:
        yield mixer.take(min(mixer.begin + block, mixer.end))
