"""A reply that came faster than it is spoken: in memory while it is short, then in a temporary file. No device here."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from typing import IO

from .pcm import SAMPLE_BYTES


# PCM between whoever receives it in bursts and a device whose thread takes it steadily. No device here.
class JitterBuffer:
    """Bytes in, bytes out. Playing starts when `start_bytes` are there, or were waited for, or the reply is complete.

    `underruns` counts how often it ran dry in the middle of a reply: what came after one proves that it was the middle.
    """

    def __init__(self, start_bytes: int) -> None:
        self.underruns = 0
        self._start_bytes = start_bytes
        self._pcm = bytearray()
        self._lock = threading.Lock()
        self._flows = False
        self._waited_bytes = 0
        self._complete = True
        self._ran_dry = False

    def __len__(self) -> int:
        return len(self._pcm)

    def put(self, pcm: bytes) -> None:
        """More of a reply."""
        with self._lock:
            self.underruns += self._ran_dry
            self._ran_dry = self._complete = False
            self._pcm += pcm

    def complete(self, tail: bytes) -> None:
        """The end of the reply: what is there is played, however little, and running dry is no accident any more."""
        with self._lock:
            self._pcm += tail
            self._complete, self._ran_dry = True, False

    def clear(self) -> None:
        """Drop what is there: the next `take` gives nothing."""
        with self._lock:
            self._pcm.clear()
            self._complete, self._ran_dry, self._flows, self._waited_bytes = True, False, False, 0

    def take(self, size: int) -> bytes | bytearray:
        """The next `size` bytes, or what there is; silence is to follow."""
        with self._lock:
            if not self._flows and not self._may_start(size):
                return b""
            piece = self._pcm[:size]
            del self._pcm[:size]
            self._flows = len(piece) == size
            if not self._flows:
                self._waited_bytes = 0
                self._ran_dry = not self._complete
            return piece

    def _may_start(self, size: int) -> bool:
        if not self._pcm:
            return False
        self._waited_bytes += size
        return self._complete or len(self._pcm) >= self._start_bytes or self._waited_bytes > self._start_bytes


MEMORY_BYTES = 1 << 20
"""What is held in memory: 22 s at 24 kHz."""


class Backlog:
    """Runs of PCM, each at its own rate, first in first out. Raises OSError where the disk is full."""

    def __init__(self) -> None:
        self._runs: deque[tuple[int, int]] = deque()  # rate, bytes left
        self._file: IO[bytes] | None = None
        self._read_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def seconds(self) -> float:
        return sum(size / SAMPLE_BYTES / rate for rate, size in tuple(self._runs))

    def put(self, pcm: bytes, rate: int) -> None:
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
        """The next so many seconds at most, all of one rate, and that rate. There must be some."""
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
        """Drop the last `size` bytes, or what is left of them. Returns whether all were there."""
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
        """Drop everything, and give back the file."""
        file, self._file = self._file, None
        self._runs.clear()
        if file is not None:
            file.close()
