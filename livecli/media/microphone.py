"""The microphone: an AudioSource that ends when it is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Self

from ..errors import FileError
from .devices import DEVICE_RATE, PERIOD_SECONDS, Device, LiveStream, start_capture
from .pcm import level_dbfs
from .resample import Resampler, load

HEARD_RATE = 16_000
"""Samples a second of what the Live API is sent."""
QUEUE_SECONDS = 2.0
"""What is held for a reader that is late. What is older is dropped."""


class Microphone:
    """Blocks of about 20 ms from `device`, or the system's default. An async context manager, to be iterated once.

    `muted` makes silence of what is heard from then on, rather than nothing: the server's voice detection counts time
    in samples. `overruns` counts blocks dropped because the reader was late. Iterating raises FileError where the
    device is lost.
    """

    def __init__(self, device: Device | None = None, *, muted: bool = False) -> None:
        self.name = device.name if device else "the default microphone"
        self.rate = HEARD_RATE
        self.seconds = None
        self.muted = muted
        self.overruns = 0
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._stream = LiveStream(self._lose)
        self._blocks: deque[bytes | bytearray] = deque(maxlen=round(QUEUE_SECONDS / PERIOD_SECONDS))
        self._arrived = asyncio.Event()
        self._waking = False
        self._last: bytes = b""
        self._is_lost = self._is_closed = False

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(load)
        await self._stream.open(partial(start_capture, self._device, self._take))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        resampler = Resampler(DEVICE_RATE, self.rate)
        while (block := await self._next()) is not None:
            if pcm := resampler.push(bytes(block)):
                self._last = pcm
                yield pcm

    @property
    def level_dbfs(self) -> float:
        """How loud the last block was, for a meter."""
        return level_dbfs(self._last)

    async def close(self) -> None:
        """End the iteration, dropping what was not read yet, and give back the device. Takes a second at the most."""
        self._is_closed = True
        self._arrived.set()
        await self._stream.close()

    async def _next(self) -> bytes | bytearray | None:
        while not self._blocks:
            if self._is_closed:
                return None
            if self._is_lost:
                raise FileError(f"{self.name} is lost: no more sound comes from it")
            self._arrived.clear()
            self._waking = False
            if not self._blocks:  # none came before the device's thread was asked to wake us
                await self._arrived.wait()
        return None if self._is_closed else self._blocks.popleft()

    def _lose(self) -> None:
        self._is_lost = True
        self._arrived.set()

    def _take(self, heard: bytearray) -> None:
        """Called by the device's thread. What waits is bounded here: what is called soon in a busy loop is not."""
        self._stream.beat()
        self.overruns += len(self._blocks) == self._blocks.maxlen
        self._blocks.append(bytes(len(heard)) if self.muted else heard)
        if not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._arrived.set)
