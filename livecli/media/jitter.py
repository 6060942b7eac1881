"""PCM between whoever receives it in bursts and a device whose thread takes it steadily. No device here."""

from __future__ import annotations

import threading


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
