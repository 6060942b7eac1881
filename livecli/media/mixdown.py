"""Mixdown of the sounds of both sides of a session into one PCM16 mono stream, each where it sounds on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from .pcm import SAMPLE_BYTES
from .resample import VariableRateResampler

BLOCK_SECONDS = 10.0
"""The stream is returned in blocks of at least this length."""
MAX_WAITING_BYTES = 64 * 1024
"""The bytes of one side's sound that are mixed at once."""


@dataclass(slots=True)
class PlacedSound:
    """Mono PCM16 of one `side`, which sounds from `begins_at` on.

    `at` is when its frame passed. Sounds come in that order, and none begins much before its frame.
    """

    side: str
    at: float
    begins_at: float
    pcm: bytes
    rate: int

    @property
    def ends_at(self) -> float:
        """When its last sample sounds."""
        return self.begins_at + len(self.pcm) // SAMPLE_BYTES / self.rate

    def is_followed_by(self, other: PlacedSound) -> bool:
        """Whether the other one of its side goes on where it ends, sample by sample."""
        is_whole = len(self.pcm) % SAMPLE_BYTES == 0
        return self.ends_at == other.begins_at and self.rate == other.rate and is_whole


def joined(sounds: Iterable[PlacedSound]) -> list[PlacedSound]:
    """The sounds, with those of one side as one that follow one another without a gap."""
    runs: list[list[PlacedSound]] = []
    latest: dict[str, list[PlacedSound]] = {}
    for sound in sounds:
        run = latest.get(sound.side)
        if run is not None and run[-1].is_followed_by(sound):
            run.append(sound)
        else:
            latest[sound.side] = run = [sound]
            runs.append(run)
    return [replace(run[0], pcm=b"".join([each.pcm for each in run])) for run in runs]


class _Track:
    """The sound of one side as one stream: what follows the sound before it is joined to it without a click."""

    def __init__(self, rate: int, mixer: _Mixer) -> None:
        self._rate, self._sample_seconds, self._mixer = rate, 1 / rate, mixer
        self._resampler = VariableRateResampler(rate)
        self._waiting: list[bytes] = []
        self._waiting_bytes = self._waiting_rate = 0
        self._place, self._due = 0, -1.0

    def push(self, sound: PlacedSound) -> None:
        """The next sound of this side, which is mixed with those after it."""
        is_joined = abs(sound.begins_at - self._due) <= self._sample_seconds
        if not is_joined or sound.rate != self._waiting_rate or self._waiting_bytes > MAX_WAITING_BYTES:
            self.mix()
        if not is_joined:
            self.finish()
            self._place = round(sound.begins_at * self._rate)
        self._due = sound.ends_at
        self._waiting.append(sound.pcm)
        self._waiting_bytes += len(sound.pcm)
        self._waiting_rate = sound.rate

    def mix(self) -> None:
        """Mix what has been pushed, but for what the filter holds back."""
        # Whole blocks, since the cost is that of the calls.
        pcm, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
        if pcm:
            for part in self._resampler.push(pcm, self._waiting_rate):
                self._add(part)

    def mix_or_finish(self, at: float) -> None:
        """Mix what has been pushed, and what the filter holds back where no sound can be joined to it from now on."""
        if self._due < at - BLOCK_SECONDS / 2:
            self.finish()
        else:
            self.mix()

    def finish(self) -> None:
        """Mix all that has been pushed."""
        self.mix()
        self._add(self._resampler.finish())

    def _add(self, pcm: bytes) -> None:
        if pcm:
            self._mixer.add(self._place, pcm)
            self._place += len(pcm) // SAMPLE_BYTES


class _Mixer:
    """The sum of the sounds from sample `begin` to `end`, rounded to the highest `bits` when samples are taken."""

    def __init__(self, bits: int) -> None:
        import numpy as np

        self._bits = bits
        self.begin = self.end = 0
        # The sum begins at `first` in the buffer, which is 0 behind it. Fresh memory costs more than a sum in it.
        self._buffer: Any = np.zeros(0, np.int32)
        self._first = 0

    def add(self, place: int, pcm: bytes) -> None:
        import numpy as np

        samples = np.frombuffer(pcm, "<i2")
        place = max(place, self.begin)
        self._part(place, place + len(samples))[:] += samples
        self.end = max(self.end, place + len(samples))

    def take(self, until: int) -> bytes:
        """The samples before `until`."""
        import numpy as np

        part = self._part(self.begin, until)
        step = 1 << (16 - self._bits)
        # This rounds to multiples of `step`. The upper limit leaves room for the half step that is added.
        mixed = part.clip(-32_768, 32_767 - step // 2) + step // 2 & -step
        self._first += len(part)
        self.begin, self.end = until, max(self.end, until)
        pcm: bytes = mixed.astype(np.dtype("<i2")).tobytes()
        return pcm

    def _part(self, begin: int, end: int) -> Any:
        """The sums of these samples."""
        if self._first + end - self.begin > len(self._buffer):
            self._make_room(end - self.begin)
        first = self._first - self.begin
        return self._buffer[first + begin : first + end]

    def _make_room(self, count: int) -> None:
        """Make room for `count` samples in the sum: by moving it to the buffer's beginning, or in a larger buffer."""
        import numpy as np

        kept = self._buffer[self._first :]
        if 2 * count > len(self._buffer):
            self._buffer = np.zeros(4 * count, np.int32)
            self._buffer[: len(kept)] = kept
        else:
            self._buffer[: len(kept)] = kept
            self._buffer[len(kept) :] = 0
        self._first = 0


def mixdown(sounds: Iterable[PlacedSound], rate: int, bits: int = 16) -> Iterator[bytes]:
    """Blocks of PCM16 mono at `rate` samples a second, from the time 0 on, with the highest `bits` of each sample.

    Memory holds the last two blocks, and the audio that has passed and sounds later.
    """
    mixer = _Mixer(bits)
    tracks: dict[str, _Track] = {}
    block = round(BLOCK_SECONDS * rate)
    for sound in sounds:
        if sound.side not in tracks:
            tracks[sound.side] = _Track(rate, mixer)
        tracks[sound.side].push(sound)
        if sound.at * rate - mixer.begin >= 2 * block:
            for track in tracks.values():
                track.mix_or_finish(sound.at)
            # A filter holds back less than half a block.
            while sound.at * rate - mixer.begin >= 2 * block:
                yield mixer.take(mixer.begin + block)
    for track in tracks.values():
        track.finish()
    while mixer.begin < mixer.end:
        yield mixer.take(min(mixer.begin + block, mixer.end))
