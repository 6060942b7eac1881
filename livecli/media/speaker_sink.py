"""A reply that is heard while it is written: the speaker as a sink that may fail without ending the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ..errors import FileError
from .device_choice import choose
from .devices import Device, DeviceKind, list_devices
from .pcm import AudioSink
from .speaker import Speaker


@asynccontextmanager
async def play_reply(devices: Sequence[str], warn: Callable[[str], None]) -> AsyncIterator[AudioSink]:
    """A sink that is heard, on the default device or the one that words of `--device` name; left once it has been.

    Left with an exception it falls silent at once. Raises FileError where there is no device and UsageError where no
    such one; a device that fails later is a warning.
    """
    device = None
    if devices:
        [device] = choose(devices, [DeviceKind.PLAYBACK], await asyncio.to_thread(list_devices))
    async with speaker_sink(device, warn) as sink:
        yield sink


@asynccontextmanager
async def speaker_sink(device: Device | None, warn: Callable[[str], None]) -> AsyncIterator[SpeakerSink]:
    """As `playing`, on this device or the default one."""
    async with Speaker(device) as speaker:
        sink = SpeakerSink(speaker, warn)
        try:
            yield sink
            await sink.drained()
        finally:
            sink.close()
        if speaker.underruns:
            times = "once" if speaker.underruns == 1 else f"{speaker.underruns} times"
            warn(f"the reply stopped {times} while it was played: it came slower than it is spoken")


class SpeakerSink:
    """A speaker that may fail without anybody's ending; see `audio.playback`."""

    waits = False

    def __init__(self, speaker: Speaker, warn: Callable[[str], None]) -> None:
        self._speaker = speaker
        self._warn = warn
        self._works = True
        self._loop = asyncio.get_running_loop()

    def write(self, pcm: bytes, rate: int) -> None:
        if self._works:
            try:
                self._speaker.write(pcm, rate)
            except FileError as error:  # perhaps in a thread, where nobody is to be told anything
                self._loop.call_soon_threadsafe(self._give_up, error)
                self._works = False

    @property
    def playing(self) -> bool:
        """Whether something of what was written is still to be heard."""
        return self._works and self._speaker.playing

    @property
    def last_flush_seconds(self) -> float | None:
        """From the last `flush` to the moment the device was handed silence."""
        return self._speaker.last_flush_seconds

    def flush(self) -> None:
        """Silence, at once."""
        self._speaker.flush()

    def close(self) -> None:
        """What is written from now on is for nobody."""
        self._works = False

    def finish(self) -> None:
        """Nothing follows for now."""
        self._speaker.finish()

    def mark(self) -> int:
        return self._speaker.mark()

    def rewind(self, mark: int) -> bool:
        self._speaker.rewind(mark)
        return True  # what was heard twice is no reason to end the run

    async def drained(self) -> None:
        if self._works:
            try:
                await self._speaker.drained()
            except FileError as error:
                self._give_up(error)

    def _give_up(self, error: FileError) -> None:
        self._works = False
        self._warn(error.message)
