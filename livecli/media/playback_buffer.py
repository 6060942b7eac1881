"""A reply that came faster than it is spoken: in memory while it is short, then in a temporary file. No device here."""

from __future__ import annotations

import tempfile
from collections import deque
from typing import IO

from .pcm import SAMPLE_BYTES

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
