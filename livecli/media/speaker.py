"""The speaker: an AudioSink that is heard. `write` never waits: a backlog takes what comes faster than it is spoken.

From there the loop keeps about a second resampled ahead of the device's thread, which only copies.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Self

from ..errors import FileError
from .devices import DEVICE_RATE, PERIOD_SECONDS, PERIODS, Device, LiveStream, start_playback
from .pcm import SAMPLE_BYTES, level_dbfs
from .playback_buffer import Backlog, JitterBuffer
from .resample import OneRate, load

JITTER_SECONDS = 0.08
"""What has to be there before a reply begins: chunks come unevenly."""
AHEAD_SECONDS = 1.0
"""What is kept ready for the device's thread: the loop may be busy for half as long before that is heard."""
STEP_SECONDS = 0.25
DEVICE_SECONDS = PERIOD_SECONDS * PERIODS
"""What the device itself still holds when the last of a reply was handed to it."""

_BYTES_PER_SECOND = DEVICE_RATE * SAMPLE_BYTES


class Speaker:
    """Plays what is written, at whatever rate, on `device` or the system's default. An async context manager.

    Belongs to the loop it is made in; only `write` may be called from another thread. `last_flush_seconds` is the time
    from the last `flush` to the device's next call, which gets nothing of what was dropped; None until then.
    """

    waits = False

    def __init__(self, device: Device | None = None) -> None:
        self.name = device.name if device else "the default speaker"
        self.last_flush_seconds: float | None = None
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._stream = LiveStream(self._lose)
        self._is_lost = False
        self._producing = threading.Lock()  # never taken by the device's thread
        self._backlog = Backlog()
        self._written_bytes = 0
        self._is_complete = True
        self._resampled = OneRate(DEVICE_RATE)
        self._ready = JitterBuffer(_bytes(JITTER_SECONDS))
        self._refill_is_due = False
        self._flushed_at: float | None = None
        self._sounded_at = 0.0
        self._sounding: bytes | bytearray = b""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(load)
        await self._stream.open(partial(start_playback, self._device, self._feed))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Fall silent at once, and give back the device. Takes a second at the most."""
        self.flush()
        await self._stream.close()

    # --- what is played ---

    def write(self, pcm: bytes, rate: int) -> None:
        """Take more of a reply. Raises FileError where the device is lost, or the disk cannot hold what waits."""
        self._check()
        with self._producing:
            try:
                self._backlog.put(pcm, rate)
                self._written_bytes += len(pcm)
                self._is_complete = False
                self._move()
            except OSError as error:
                raise FileError(f"cannot hold what is to be played: {error.strerror or error}") from error

    def mark(self) -> int:
        """Bytes written so far."""
        return self._written_bytes

    def rewind(self, mark: int) -> bool:
        """Take back what was written since `mark`, but for the second that is ready to be heard, or was: then False."""
        with self._producing:
            taken_back = self._backlog.cut(max(0, self._written_bytes - mark))
            self._written_bytes = min(self._written_bytes, mark)
            return taken_back

    def finish(self) -> None:
        """The reply is complete: without being told so, its last hundredths are held back, and the next reply's begin
        counts as an underrun.
        """
        with self._producing:
            self._is_complete = True
            self._move()

    def flush(self) -> None:
        """Drop all that is queued: what the device asks for next is silence."""
        began = time.perf_counter()
        with self._producing:
            self._backlog.clear()
            self._resampled = OneRate(DEVICE_RATE)
            self._is_complete = True
            self._ready.clear()
            self.last_flush_seconds, self._flushed_at = None, began

    async def drained(self) -> None:
        """Finish, and wait until all that was written has been heard. Raises FileError where the device is lost."""
        self.finish()
        while self.playing:
            self._check()
            await asyncio.sleep(min(max(self.queued_seconds, PERIOD_SECONDS), 0.1))

    # --- how it goes ---

    @property
    def underruns(self) -> int:
        """How often it fell silent in the middle of a reply, because the rest was late."""
        return self._ready.underruns

    @property
    def queued_seconds(self) -> float:
        """What the device has not been handed yet."""
        return self._backlog.seconds + len(self._ready) / _BYTES_PER_SECOND

    @property
    def playing(self) -> bool:
        """Whether anything is to be heard still."""
        return self.queued_seconds > 0 or time.perf_counter() - self._sounded_at < DEVICE_SECONDS

    @property
    def level_dbfs(self) -> float:
        """How loud the last hundredths of a second are, for a meter."""
        return level_dbfs(self._sounding)

    # --- inside ---

    def _check(self) -> None:
        if self._is_lost:
            raise FileError(f"{self.name} is lost: it takes no more sound")

    def _lose(self) -> None:
        self._is_lost = True

    def _move(self) -> None:
        """From the backlog to what the device's thread takes."""
        self._refill_is_due = False
        while self._backlog and len(self._ready) < _bytes(AHEAD_SECONDS):
            for pcm in self._resampled.push(*self._backlog.take(STEP_SECONDS)):
                if pcm:
                    self._ready.put(pcm)
        if self._is_complete and not self._backlog:
            self._ready.complete(self._resampled.finish())
            self._resampled = OneRate(DEVICE_RATE)  # half a sample at its end is nobody's

    def _refill(self) -> None:
        with self._producing:
            try:
                self._move()
            except OSError:  # the temporary file is gone: the next write or `drained` tells
                self._is_lost = True

    def _feed(self, size: int) -> bytes | bytearray:
        """Called by the device's thread, which has a few thousandths of a second for it."""
        self._stream.beat()
        flushed_at = self._flushed_at  # read first, so that what is taken next is known to have come after it
        piece = self._ready.take(size)
        now = time.perf_counter()
        if piece:
            self._sounded_at = now
        if flushed_at is not None:
            self.last_flush_seconds, self._flushed_at = now - flushed_at, None
        self._sounding = piece
        if self._backlog and not self._refill_is_due and len(self._ready) < _bytes(AHEAD_SECONDS / 2):
            self._refill_is_due = True
            with suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._refill)
        return piece


def _bytes(seconds: float) -> int:
    return SAMPLE_BYTES * round(seconds * DEVICE_RATE)
