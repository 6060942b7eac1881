"""A device's stream as a coroutine sees it: opened and closed in bounded time, and known to be lost when it is silent.

A device that was unplugged, and a sound server that ended, say nothing: they just call no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ..errors import FileError
from .devices import Stream

OPEN_SECONDS = 5.0
"""How long a sound server may take to give a device."""
CLOSE_SECONDS = 1.0
"""How long to take it back: after that the thread that waits for it is left to itself."""
LOOK_SECONDS = 0.5
MISSED_LOOKS = 6
"""Looks without a call in between, after which a device is lost. Counted: clocks run on while a process is stopped."""


class LiveStream:
    """A stream whose device's thread `beat`s at each call; `lost` is called in the loop once it does no more."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._stream: Stream | None = None
        self._look: asyncio.TimerHandle | None = None
        self._beats = self._seen = self._missed = 0

    async def open(self, start: Callable[[], Stream]) -> None:
        """Raises FileError where there is no device, or the sound server does not answer."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._stream = await asyncio.to_thread(start)
        except TimeoutError as error:
            raise FileError(f"the sound system has not answered for {OPEN_SECONDS:g} s") from error
        self._watch()

    def beat(self) -> None:
        """The device called."""
        self._beats += 1

    async def close(self) -> None:
        """The device's thread ends with it."""
        stream, self._stream = self._stream, None
        if self._look:
            self._look.cancel()
        if stream:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.to_thread(stream.close)

    def _watch(self) -> None:
        self._missed = self._missed + 1 if self._beats == self._seen else 0
        self._seen = self._beats
        if self._missed < MISSED_LOOKS:
            self._look = self._loop.call_later(LOOK_SECONDS, self._watch)
        else:
            self._lost()
