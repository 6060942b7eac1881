"""The microphone: an AudioSource that ends when it is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Self

from ...errors import FileError
from ...protocol.audio_rates import INPUT_RATE
from ..pcm import level_dbfs
from ..resample import Resampler, load
from .devices import DEVICE_RATE, PERIOD_SECONDS, Device, LiveStream, start_capture
from .echo import EchoCanceller

QUEUE_SECONDS = 2.0
"""Sound that is kept for a reader that is late. Older sound is dropped."""


class Microphone:
    """Blocks of about 20 ms from `device`, or the system's default. An async context manager, to be iterated once.

    While `muted` is true, silence of the same length replaces the sound: the service's voice detection counts time in
    samples. Iterating raises FileError if the device is lost. `echo` removes the sound of a speaker.
    """

    def __init__(self, device: Device | None = None, *, muted: bool = False, echo: EchoCanceller | None = None) -> None:
        self.name = device.name if device else "the default microphone"
        self.rate = INPUT_RATE
        self.seconds = None
        self.muted = muted
        self._device, self._echo = device, echo
        self._loop = asyncio.get_running_loop()
        self._stream = LiveStream(self._lose)
        # The queue is bounded here, because a busy loop does not bound the number of calls that are scheduled on it.
        self._blocks: deque[bytes | bytearray] = deque(maxlen=round(QUEUE_SECONDS / PERIOD_SECONDS))
        self._has_block = asyncio.Event()
        self._wake_is_due = False
        self._last_block: bytes = b""
        self._is_lost = self._is_closed = False

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(load)
        await self._stream.open(partial(start_capture, self._device, self._take))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        resampler = Resampler(DEVICE_RATE, self.rate)
        try:
            while (block := await self._next()) is not None:
                if pcm := resampler.push(bytes(block)):
                    self._last_block = pcm
                    yield pcm
        finally:
            # The traceback of an error keeps this frame alive, and soxr's binding prints what is left at exit.
            del resampler

    @property
    def is_lost(self) -> bool:
        """Whether no more sound comes from the device."""
        return self._is_lost

    @property
    def level_dbfs(self) -> float:
        """Level of the last block, for a meter."""
        return level_dbfs(self._last_block)

    async def close(self) -> None:
        """End the iteration, drop the blocks that were not read, and close the device. Takes one second at most."""
        self._is_closed = True
        self._has_block.set()
        await self._stream.close()
        if self._echo is not None:
            self._echo.close_microphone()

    async def _next(self) -> bytes | bytearray | None:
        while not self._blocks:
            if self._is_closed:
                return None
            if self._is_lost:
                raise FileError(f"{self.name} is lost: no more sound comes from it")
            self._has_block.clear()
            self._wake_is_due = False
            # The device's thread may have added a block before it could see that this task has to be woken.
            if not self._blocks:
                await self._has_block.wait()
        return None if self._is_closed else self._blocks.popleft()

    def _lose(self) -> None:
        self._is_lost = True
        self._has_block.set()

    def _take(self, block: bytearray) -> None:
        """Queue a block. Called in the device's thread."""
        self._stream.beat()
        sound = block if self._echo is None else self._echo.clean(block)
        if not sound:
            return  # the speaker is late, and the sound comes with one of the next blocks
        self._blocks.append(bytes(len(sound)) if self.muted else sound)
        if not self._wake_is_due:
            self._wake_is_due = True
            # A RuntimeError says that the loop has closed.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._has_block.set)
