"""A stereo WAV file of two sounds on one clock, which may be opened at every moment."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

from ..errors import FileError
from .pcm import SAMPLE_BYTES
from .reply import write_all, write_errors
from .resample import VariableRateResampler
from .wav import HEADER_BYTES, wav_header

RATE = 24_000
"""Samples per second of the file: those of the models' speech."""

CHANNELS = 2

LATE = RATE // 5
"""Sound that comes up to so many samples late follows the sound before it without a gap, as in a player's buffer."""


class Channel(IntEnum):
    """The channels of the file."""

    LEFT = 0
    RIGHT = 1


class StereoFile:
    """A new file, whose time 0 is when it is opened. It needs the same memory whatever its length.

    Sound begins when it is written, or when the sound before it in its channel ends. That on the right also waits for
    the end of what is on the left, as an answer to a recording that was sent faster than in real time does. `clock`
    returns seconds. Methods raise FileError where the file cannot be written. A file that exists is not replaced.
    """

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        with write_errors(path):
            self._file = io.FileIO(path, "x+")
            write_all(self._file, wav_header(RATE, 0, CHANNELS))
        self._clock, self._began_at = clock, clock()
        self._frames = 0
        # The first sound is later than any that follows another.
        self._ends = [-LATE - 1, -LATE - 1]
        self._resamplers = [VariableRateResampler(RATE) for _ in Channel]

    def write(self, channel: Channel, pcm: bytes, rate: int, *, has_ended: bool = False) -> None:
        """Write PCM16 mono, which begins now, or has just ended (`has_ended`), as the sound of a microphone has."""
        seconds = len(pcm) / SAMPLE_BYTES / rate if has_ended else 0.0
        start = max(0, self._now - round(seconds * RATE))
        if channel is Channel.RIGHT and self._ends[Channel.LEFT] > start + LATE:
            self._end_sound(Channel.LEFT)
            start = self._ends[Channel.LEFT]
        if self._ends[channel] < start - LATE:
            self._end_sound(channel)
            self._ends[channel] = start
        for piece in self._resamplers[channel].push(pcm, rate):
            self._put(channel, piece)

    def drop_rest(self, channel: Channel) -> None:
        """Remove the sound of a channel that would be played from now on."""
        self._end_sound(channel)
        end, now = self._ends[channel], self._now
        if end > now:
            self._ends[channel] = now
            while self._ends[channel] < end:
                self._put(channel, bytes(SAMPLE_BYTES * min(RATE, end - self._ends[channel])))
            self._ends[channel] = now

    def close(self) -> None:
        """Close the file. It ends with the last sound, and is removed where there was none."""
        if self._file.closed:
            return
        with suppress(FileError):
            for channel in Channel:
                self._end_sound(channel)
        self._frames = max(0, *self._ends)
        with write_errors(self.path), self._file:
            self._write_header()
            self._file.truncate(HEADER_BYTES + self._frames * CHANNELS * SAMPLE_BYTES)
        if not self._frames:
            Path(self.path).unlink(missing_ok=True)

    @property
    def _now(self) -> int:
        return round((self._clock() - self._began_at) * RATE)

    def _end_sound(self, channel: Channel) -> None:
        """Write what the filter of a channel holds back."""
        self._put(channel, self._resamplers[channel].finish())

    def _put(self, channel: Channel, pcm: bytes) -> None:
        """Put samples at the end of a channel, beside those that the other one has there."""
        if not pcm:
            return
        import numpy as np

        samples = np.frombuffer(pcm, "<i2")
        at = HEADER_BYTES + self._ends[channel] * CHANNELS * SAMPLE_BYTES
        frames = np.zeros((len(samples), CHANNELS), "<i2")
        with write_errors(self.path):
            self._file.seek(at)
            there = np.frombuffer(self._file.read(frames.nbytes), "<i2")
            frames.reshape(-1)[: len(there)] = there
            frames[:, channel] = samples
            self._file.seek(at)
            write_all(self._file, frames.tobytes())
        self._ends[channel] += len(samples)
        if self._ends[channel] > self._frames:
            self._frames = self._ends[channel]
            self._write_header()

    def _write_header(self) -> None:
        """Write the header behind the samples that it states, so that no reader misses one."""
        with write_errors(self.path):
            self._file.seek(0)
            write_all(self._file, wav_header(RATE, self._frames * CHANNELS * SAMPLE_BYTES, CHANNELS))
