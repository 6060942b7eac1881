"""The devices of a chat: a speaker and a microphone, each of which may come and go while it lasts.

The microphone is full duplex unless it would hear the speaker (`half_duplex`): then it is muted while that plays. With
`push_to_talk` it is heard between two presses of a key only, and the service's voice detection has no say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from ..audio.pcm import rechunk
from ..errors import LivecliError, UsageError
from ..playing import audible
from ..report import Reporter
from .takes import Takes

if TYPE_CHECKING:
    from ..audio.capture import Microphone
    from ..audio.devices import Device, Kind

MICROPHONE_BYTES = 1024
"""32 ms of the user's voice in a message."""
SPEECH_DBFS = -45.0
"""From where on the meter says that the user is heard; the service has its own idea."""
HELD_PIECES = 64
"""Two seconds between the microphone and a session that is slow to take them."""

Hear = Callable[[bytes, int], Awaitable[None]]
"""Takes the next of what is spoken: PCM16 and its rate."""


class Pressed:
    """An AudioSource: what the microphone hears between two presses of the key."""

    def __init__(self, rate: int) -> None:
        self.name, self.rate, self.seconds = "the microphone", rate, None
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(HELD_PIECES)

    def hear(self, pcm: bytes | None) -> None:
        """The next piece; None ends it. Where nobody takes them the oldest is dropped."""
        if self._pieces.full():
            self._pieces.get_nowait()
        self._pieces.put_nowait(pcm)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (pcm := await self._pieces.get()) is not None:
            yield pcm


class Sounding:
    """`devices` are the words of `--device`. `half_duplex` None decides by what the devices are.

    `hear` takes what is spoken, `detect` is told whether the service has to find out when. `ended` is done once the
    microphone is off, with its error if that is why.
    """

    def __init__(
        self,
        takes: Takes,
        reporter: Reporter,
        devices: Sequence[str] = (),
        *,
        half_duplex: bool | None = None,
        push_to_talk: bool = False,
    ) -> None:
        self.half_duplex, self.push_to_talk = half_duplex, push_to_talk
        self.hear: Hear = _nobody
        self.detect: Callable[[bool], Awaitable[None]] = _nothing
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._takes, self._reporter, self._words = takes, reporter, devices
        self._speaker, self._microphone = AsyncExitStack(), AsyncExitStack()
        self._heard: Microphone | None = None
        self._pressed: Pressed | None = None

    @property
    def speaks(self) -> bool:
        """Whether the speaker is on."""
        return self._takes.speaker is not None

    @property
    def hears(self) -> bool:
        """Whether the microphone is on."""
        return self._heard is not None

    @property
    def playing(self) -> bool:
        """Whether an answer can be heard right now."""
        return self._takes.speaker is not None and self._takes.speaker.playing

    @property
    def level_dbfs(self) -> float | None:
        """How loud it is at the microphone; None while that is off."""
        return None if self._heard is None else self._heard.level_dbfs

    async def speaker(self, on: bool) -> bool:
        """Turn the speaker on or off. Raises FileError where there is none."""
        if on and not self.speaks:
            device = await self._device("PLAYBACK")
            self._takes.speaker = await self._speaker.enter_async_context(audible(device, self._reporter))
        elif not on and self._takes.speaker is not None:
            self._takes.speaker.flush()
            self._takes.speaker = None
            await self._speaker.aclose()
        return on

    async def microphone(self, on: bool) -> bool:
        """Turn the microphone on or off. Raises FileError where there is none."""
        if on and not self.hears:
            from ..audio.capture import Microphone

            heard = await self._microphone.enter_async_context(Microphone(await self._device("CAPTURE")))
            await self._settle_duplex()
            await self.detect(not self.push_to_talk)
            self._heard, self.ended = heard, asyncio.get_running_loop().create_future()
            forwarding = asyncio.create_task(self._forward(heard))
            self._microphone.push_async_callback(_stopped, forwarding)
        elif not on and self.hears:
            self._heard = None
            await self._microphone.aclose()
            await self.detect(False)
        return on

    def press(self) -> Pressed | None:
        """The key: begins what is spoken, and returns it; or ends it, and returns None."""
        pressed, self._pressed = self._pressed, None
        if pressed is not None:
            pressed.hear(None)
            return None
        if self._heard is not None:
            self._pressed = Pressed(self._heard.rate)
        return self._pressed

    async def close(self, *, heard: bool = True) -> None:
        """Give the devices back; the speaker once all is `heard`, or at once."""
        if not heard:
            self._takes.hush()
        self._heard, self._takes.speaker = None, None
        await self._microphone.aclose()
        await self._speaker.aclose()

    async def _forward(self, microphone: Microphone) -> None:
        try:
            async for pcm in rechunk(aiter(microphone), MICROPHONE_BYTES):
                microphone.muted = bool(self.half_duplex) and self.playing
                if not self.push_to_talk:
                    await self.hear(pcm, microphone.rate)
                elif self._pressed is not None:
                    self._pressed.hear(pcm)
        except LivecliError as error:
            self._heard = None
            self.ended.set_exception(error)
            self._reporter.warning(f"the microphone is off: {error.message}")
        else:
            self.ended.set_result(None)

    async def _settle_duplex(self) -> None:
        if self.half_duplex is None:
            from ..audio.choice import is_half_duplex_wise

            speaker, microphone = await self._device("PLAYBACK", strict=False), await self._device("CAPTURE")
            self.half_duplex = is_half_duplex_wise(speaker, microphone)

    async def _device(self, kind: str, *, strict: bool = True) -> Device | None:
        """What `--device` names of this kind, else the system's default."""
        from ..audio.choice import choose
        from ..audio.devices import Kind, list_devices

        devices = await asyncio.to_thread(list_devices)
        wanted: Kind = Kind[kind]
        named = [word for word in self._words if _names(word, wanted, devices)]
        try:
            [device] = choose(named, [wanted], devices)
        except LivecliError:
            if strict:
                raise
            return None
        return device


def _names(word: str, kind: Kind, devices: Sequence[Device]) -> bool:
    """Whether a word of `--device` names one of this kind; it may be meant for the other."""
    from ..audio.choice import choose

    try:
        choose([word], [kind], devices)
    except UsageError:
        return False
    return True


def check_words(words: Sequence[str], devices: Sequence[Device]) -> None:
    """Raises UsageError for a word of `--device` that names nothing."""
    from ..audio.choice import choose
    from ..audio.devices import Kind

    kinds = [kind for kind in Kind if any(device.kind is kind for device in devices)]
    choose(words, kinds, devices)


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _nobody(pcm: bytes, rate: int) -> None:
    pass


async def _nothing(on: bool) -> None:
    pass
