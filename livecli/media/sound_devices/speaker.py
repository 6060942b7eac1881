"""The speaker: an AudioSink that plays on a sound device. `write` never waits for the device.

The event loop keeps about a second of sound resampled in a PlaybackBuffer; the device's thread only copies it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self

from ...errors import FileError
from ..pcm import level_dbfs
from ..resample import load
from .devices import DEVICE_RATE, PERIOD_SECONDS, PERIODS, Device, LiveStream, start_playback
from .echo import EchoCanceller
from .playback_buffer import PlaybackBuffer

DEVICE_SECONDS = PERIOD_SECONDS * PERIODS
"""Sound that the device itself still holds when it has taken the last of a reply."""


def speaker_name(device: Device | None) -> str:
    """The name of a speaker for people; None is the system's default."""
    return device.name if device else "the default speaker"


class Speaker:
    """Plays PCM of any rate on `device` or the system's default. An async context manager.

    `echo` is told everything that is played, so that it can cancel the speaker's echo in a microphone. `on_lost` is
    called in the loop when the device takes no more sound; `move` continues on another one, or on the same again.

    It belongs to the loop that it is made in; only `write` may be called from another thread.
    """

    waits = False

    def __init__(self, device: Device | None = None, echo: EchoCanceller | None = None) -> None:
        self.name = speaker_name(device)
        self.on_lost: Callable[[], None] = lambda: None
        self._device, self._echo = device, echo
        self._loop = asyncio.get_running_loop()
        self._stream = LiveStream(self._lose)
        self._is_lost = False
        self._buffer = PlaybackBuffer(DEVICE_RATE)
        self._refill_is_due = False
        self._last_sound_at = 0.0
        self._last_piece: bytes | bytearray = b""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(load)
        await self._open(self._stream)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Fall silent at once, and close the device. Takes one second at most."""
        self.flush()
        await self._stream.close()
        if self._echo is not None:
            self._echo.close_speaker()

    async def move(self, device: Device | None) -> None:
        """Continue on `device`, or on the default one for None. Raises FileError, and then plays nothing.

        The sound that waits is played there.
        """
        old, self._stream = self._stream, LiveStream(self._lose)
        await old.close()
        if self._echo is not None:
            self._echo.close_speaker()
        self._device, self.name = device, speaker_name(device)
        self._is_lost = True
        await self._open(self._stream)
        self._is_lost = False

    async def _open(self, stream: LiveStream) -> None:
        await stream.open(partial(start_playback, self._device, partial(self._feed, stream)))

    def write(self, pcm: bytes, rate: int) -> None:
        """Append to the reply. Raises FileError if the device is lost, or the disk cannot hold the queued sound."""
        self.check()
        try:
            self._buffer.write(pcm, rate)
        except OSError as error:
            raise FileError(f"cannot store the sound to be played: {error.strerror or error}") from error

    def mark(self) -> int:
        """Bytes written so far."""
        return self._buffer.mark()

    def rewind(self, mark: int) -> bool:
        """Take back the bytes written since `mark`. Returns False if some are about to be played, or were played."""
        return self._buffer.rewind(mark)

    def finish(self) -> None:
        """Mark the reply as complete.

        Without this call its last hundredths of a second are held back, and the next reply counts as an underrun.
        """
        self._buffer.finish()

    def flush(self) -> None:
        """Drop all that is queued: the device's next call gets silence."""
        self._buffer.flush()

    async def drained(self) -> None:
        """Finish, and wait until all that was written has been played. Raises FileError if the device is lost."""
        self.finish()
        while self.playing:
            self.check()
            await asyncio.sleep(min(max(self.queued_seconds, PERIOD_SECONDS), 0.1))

    @property
    def underruns(self) -> int:
        """How often the sound stopped in the middle of a reply because the rest was late."""
        return self._buffer.underruns

    @property
    def queued_seconds(self) -> float:
        """Length of the sound that the device has not taken yet."""
        return self._buffer.seconds

    @property
    def playing(self) -> bool:
        """Whether some of what was written is still to be heard."""
        return self.queued_seconds > 0 or time.perf_counter() - self._last_sound_at < DEVICE_SECONDS

    @property
    def level_dbfs(self) -> float:
        """Level of the last hundredths of a second, for a meter."""
        return level_dbfs(self._last_piece)

    def check(self) -> None:
        """Raises FileError if the device is lost."""
        if self._is_lost:
            raise FileError(f"{self.name} is lost: it takes no more sound")

    def _lose(self) -> None:
        self._is_lost = True
        self.on_lost()

    def _refill(self) -> None:
        self._refill_is_due = False
        try:
            self._buffer.refill()
        except OSError:
            # The temporary file cannot be read. The next `write` or `drained` raises the error.
            self._is_lost = True

    def _feed(self, stream: LiveStream, size: int) -> bytes | bytearray:
        """The next `size` bytes for the device of `stream`. Called in its thread, which has a few milliseconds."""
        if stream is not self._stream:
            return b""  # a device that was given up, and calls again
        stream.beat()
        piece = self._buffer.take(size)
        if self._echo is not None:
            self._echo.play(piece, size)
        if piece:
            self._last_sound_at = time.perf_counter()
        self._last_piece = piece
        if self._buffer.is_low and not self._refill_is_due:
            self._refill_is_due = True
            # A RuntimeError says that the loop has closed.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._refill)
        return piece
