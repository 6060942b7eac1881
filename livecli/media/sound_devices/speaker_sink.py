"""A speaker as an optional sink: the reply is played while it is written, and a device that fails is only a warning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ...errors import FileError
from ..pcm import AudioSink
from .device_choice import choose
from .devices import Device, DeviceKind, list_devices
from .echo import EchoCanceller
from .speaker import Speaker


async def find_speaker(words: Sequence[str]) -> Device | None:
    """The device that words of `--device` name; None for the default one. Raises as `play_reply` does."""
    if not words:
        return None
    [device] = choose(words, [DeviceKind.PLAYBACK], await asyncio.to_thread(list_devices))
    return device


@asynccontextmanager
async def play_reply(devices: Sequence[str], warn: Callable[[str], None]) -> AsyncIterator[AudioSink]:
    """A sink that plays on the device that words of `--device` name, or on the default one.

    Leaving the block waits until everything has been played; leaving it with an exception falls silent at once. Raises
    FileError if there is no device, and UsageError if no device matches. `warn` gets the message of a device
    that fails later.
    """
    async with speaker_sink(await find_speaker(devices), warn) as sink:
        yield sink


@asynccontextmanager
async def speaker_sink(
    device: Device | None,
    warn: Callable[[str], None],
    echo: EchoCanceller | None = None,
    on_failure: Callable[[str], None] | None = None,
) -> AsyncIterator[SpeakerSink]:
    """As `play_reply`, on `device`, or on the default one for None. `echo` is told everything that is played.

    `on_failure` gets the message of a device that fails, in place of `warn`.
    """
    async with Speaker(device, echo) as speaker:
        sink = SpeakerSink(speaker, on_failure or warn)
        speaker.on_lost = sink.check
        try:
            yield sink
            await sink.drained()
        finally:
            sink.close()
        if speaker.underruns:
            times = "once" if speaker.underruns == 1 else f"{speaker.underruns} times"
            warn(f"playback stopped {times} within the reply: the reply arrived more slowly than it is spoken")


class SpeakerSink:
    """An AudioSink on a speaker. Its failure is passed to `warn`, and what is written then is dropped until `move`."""

    waits = False

    def __init__(self, speaker: Speaker, warn: Callable[[str], None]) -> None:
        self._speaker = speaker
        self._warn = warn
        self._works, self._has_failed = True, False
        self._loop = asyncio.get_running_loop()

    @property
    def works(self) -> bool:
        """Whether what is written is played."""
        return self._works

    @property
    def name(self) -> str:
        """The name of the speaker."""
        return self._speaker.name

    async def move(self, device: Device | None) -> None:
        """Continue on `device`, or on the default one for None. Raises FileError, and then drops what is written."""
        self._works = False
        await self._speaker.move(device)
        self._works, self._has_failed = True, False

    def check(self) -> None:
        """Pass the failure of the device to `warn` now, not at the next `write`."""
        try:
            self._speaker.check()
        except FileError as error:
            self._give_up(error)

    def write(self, pcm: bytes, rate: int) -> None:
        if self._works:
            try:
                self._speaker.write(pcm, rate)
            except FileError as error:
                # This may be another thread, and `warn` belongs to the loop's.
                self._loop.call_soon_threadsafe(self._give_up, error)
                self._works = False

    @property
    def playing(self) -> bool:
        """Whether some of what was written is still to be heard."""
        return self._works and self._speaker.playing

    def flush(self) -> None:
        """Drop all that is queued, and fall silent at once."""
        self._speaker.flush()

    def close(self) -> None:
        """Drop everything that is written from now on."""
        self._works = False

    def finish(self) -> None:
        """Mark the reply as complete."""
        self._speaker.finish()

    def mark(self) -> int:
        return self._speaker.mark()

    def rewind(self, mark: int) -> bool:
        """Always True: a part of the reply that is played twice is no reason to end the run."""
        self._speaker.rewind(mark)
        return True

    async def drained(self) -> None:
        """Wait until everything has been played, or the device has failed."""
        if self._works:
            try:
                await self._speaker.drained()
            except FileError as error:
                self._give_up(error)

    def _give_up(self, error: FileError) -> None:
        self._works = False
        if not self._has_failed:
            self._has_failed = True
            self._warn(error.message)
