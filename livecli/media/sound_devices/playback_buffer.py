"""Playback buffer: a reply that arrives faster than it is spoken, on its way to a device that takes it steadily.

    PlaybackBuffer       the whole buffer, at the device's rate; what a speaker uses
      PlaybackQueue      the part that is not resampled yet: in memory while it is short, then in a temporary file
      JitterBuffer       the part that is ready for the device's thread

No device is used here.
"""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from typing import IO

from ..pcm import SAMPLE_BYTES
from ..resample import VariableRateResampler

START_SECONDS = 0.08
"""Sound that must be ready before a reply starts to play, because chunks arrive unevenly."""
READY_SECONDS = 1.0
"""Sound that is kept ready. It is topped up when half of it has played, so the event loop may be busy for that long."""
STEP_SECONDS = 0.25
"""Sound that is resampled at a time."""
MEMORY_BYTES = 1 << 20
"""Queued bytes that are held in memory: 22 s at 24 kHz. More than that goes to a temporary file."""


class JitterBuffer:
    """Bytes between a producer that writes in bursts and a device's thread that takes them at a steady pace.

    Playback starts when `start_bytes` are buffered, after a wait as long as `start_bytes` of sound take to play, or
    when the reply is complete. `underruns` counts how often the buffer ran dry before a reply was complete.
    """

    def __init__(self, start_bytes: int) -> None:
        self.underruns = 0
        self._start_bytes = start_bytes
        self._pcm = bytearray()
        self._lock = threading.Lock()
        self._is_playing = False
        self._waited_bytes = 0
        self._is_complete = True
        self._ran_dry = False

    def __len__(self) -> int:
        return len(self._pcm)

    def put(self, pcm: bytes) -> None:
        """Append to the reply, which is incomplete from now on."""
        with self._lock:
            self.underruns += self._ran_dry
            self._ran_dry = self._is_complete = False
            self._pcm += pcm

    def complete(self, tail: bytes) -> None:
        """Append the end of the reply. It is played however short it is, and running dry is no underrun any more."""
        with self._lock:
            self._pcm += tail
            self._is_complete, self._ran_dry = True, False

    def clear(self) -> None:
        """Drop everything: the next `take` returns nothing."""
        with self._lock:
            self._pcm.clear()
            self._is_complete, self._ran_dry, self._is_playing, self._waited_bytes = True, False, False, 0

    def take(self, size: int) -> bytes | bytearray:
        """The next `size` bytes, or all that there are; the caller plays silence for the rest."""
        with self._lock:
            if not self._is_playing and not self._may_start(size):
                return b""
            piece = self._pcm[:size]
            del self._pcm[:size]
            self._is_playing = len(piece) == size
            if not self._is_playing:
                self._waited_bytes = 0
                self._ran_dry = not self._is_complete
            return piece

    def _may_start(self, size: int) -> bool:
        if not self._pcm:
            return False
        self._waited_bytes += size
        return self._is_complete or len(self._pcm) >= self._start_bytes or self._waited_bytes > self._start_bytes


class PlaybackQueue:
    """First-in, first-out queue of PCM, each stretch of it at its own rate. Raises OSError if the disk is full."""

    def __init__(self) -> None:
        self._runs: deque[tuple[int, int]] = deque()  # (rate, bytes left) of each stretch
        self._file: IO[bytes] | None = None
        self._read_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def seconds(self) -> float:
        """Length of the queued sound."""
        return sum(size / SAMPLE_BYTES / rate for rate, size in tuple(self._runs))

    def put(self, pcm: bytes, rate: int) -> None:
        """Append PCM16 mono of `rate` samples a second."""
        if not pcm:
            return
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - `clear` closes it
            self._read_bytes = 0
        self._file.seek(0, 2)
        self._file.write(pcm)
        if self._runs and self._runs[-1][0] == rate:
            rate, size = self._runs.pop()
            self._runs.append((rate, size + len(pcm)))
        else:
            self._runs.append((rate, len(pcm)))

    def take(self, seconds: float) -> tuple[bytes, int]:
        """At most `seconds` from the front, all of one rate, and that rate. The queue must not be empty."""
        assert self._file is not None
        rate, size = self._runs.popleft()
        taken = min(size, SAMPLE_BYTES * max(1, round(seconds * rate)))
        self._file.seek(self._read_bytes)
        pcm = self._file.read(taken)
        self._read_bytes += taken
        if taken < size:
            self._runs.appendleft((rate, size - taken))
        elif not self._runs:
            self.clear()
        return pcm, rate

    def cut(self, size: int) -> bool:
        """Drop the last `size` bytes, or as many of them as are left. Returns whether all of them were left."""
        while size and self._runs:
            rate, left = self._runs.pop()
            if left > size:
                self._runs.append((rate, left - size))
            size -= min(size, left)
        if not self._runs:
            self.clear()
        elif self._file is not None:
            self._file.truncate(self._read_bytes + sum(left for _, left in self._runs))
        return not size

    def clear(self) -> None:
        """Drop everything, and close the temporary file."""
        file, self._file = self._file, None
        self._runs.clear()
        if file is not None:
            file.close()


class PlaybackBuffer:
    """Replies in, at any rate; PCM16 mono at `rate` out.

    `take` may be called in a device's thread: it never waits for the methods that write. About READY_SECONDS are kept
    resampled for it. While `is_low` is true, some other thread should call `refill`.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._writing = threading.Lock()
        self._queue = PlaybackQueue()
        self._written_bytes = 0
        self._is_complete = True
        self._resampler = VariableRateResampler(rate)
        self._ready = JitterBuffer(self._bytes(START_SECONDS))

    def write(self, pcm: bytes, rate: int) -> None:
        """Append to the reply. Raises OSError if the disk is full."""
        with self._writing:
            self._queue.put(pcm, rate)
            self._written_bytes += len(pcm)
            self._is_complete = False
            self._move()

    def mark(self) -> int:
        """Bytes written so far, less those that were taken back."""
        return self._written_bytes

    def rewind(self, mark: int) -> bool:
        """Take back the bytes written since `mark`. Returns False if some are resampled or played already."""
        with self._writing:
            taken_back = self._queue.cut(max(0, self._written_bytes - mark))
            self._written_bytes = min(self._written_bytes, mark)
            return taken_back

    def finish(self) -> None:
        """Mark the reply as complete: its end is no longer held back, and running dry is no underrun."""
        with self._writing:
            self._is_complete = True
            self._move()

    def flush(self) -> None:
        """Drop everything: the next `take` returns nothing."""
        with self._writing:
            self._queue.clear()
            self._resampler = VariableRateResampler(self.rate)
            self._is_complete = True
            self._ready.clear()

    def refill(self) -> None:
        """Resample more of the queue. Raises OSError if the temporary file cannot be read."""
        with self._writing:
            self._move()

    def take(self, size: int) -> bytes | bytearray:
        """The next `size` bytes, or all that there are; the caller plays silence for the rest."""
        return self._ready.take(size)

    @property
    def is_low(self) -> bool:
        """Whether `refill` should be called soon."""
        return bool(self._queue) and len(self._ready) < self._bytes(READY_SECONDS / 2)

    @property
    def underruns(self) -> int:
        """How often the sound stopped in the middle of a reply because the rest was late."""
        return self._ready.underruns

    @property
    def seconds(self) -> float:
        """Length of the sound that has not been taken yet."""
        return self._queue.seconds + len(self._ready) / SAMPLE_BYTES / self.rate

    def _move(self) -> None:
        """From the queue to the jitter buffer."""
        while self._queue and len(self._ready) < self._bytes(READY_SECONDS):
            for pcm in self._resampler.push(*self._queue.take(STEP_SECONDS)):
                if pcm:
                    self._ready.put(pcm)
        if self._is_complete and not self._queue:
            self._ready.complete(self._resampler.finish())
            # A new resampler, so that half a sample at the end of this reply is not joined to the next reply.
            self._resampler = VariableRateResampler(self.rate)

    def _bytes(self, seconds: float) -> int:
        return SAMPLE_BYTES * round(seconds * self.rate)
