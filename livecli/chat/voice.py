"""The devices of a chat: a speaker and a microphone, each of which may come and go while it lasts.

The microphone is full duplex unless it would hear the speaker (`half_duplex`): then it is muted while that plays. With
`push_to_talk` it is heard between two presses of a key only, and the service's voice detection has no say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ..errors import LivecliError
from ..media.device_choice import find_device, needs_half_duplex
from ..media.devices import DeviceKind
from ..media.pcm import rechunk
from ..media.speaker_sink import speaker_sink
from ..report.reporter import Reporter
from .recordings import Recordings

if TYPE_CHECKING:
    from ..media.microphone import Microphone

MICROPHONE_BYTES = 1024
"""32 ms of the user's voice in a message."""
SPEECH_DBFS = -45.0
"""From where on the meter says that the user is heard; the service has its own idea."""
TAIL_SECONDS = 0.3
"""How long the microphone stays muted after the last of an answer: rooms ring, and Bluetooth is late."""
HELD_PIECES = 64
"""Two seconds between the microphone and a session that is slow to take them."""

Hear = Callable[[bytes, int], Awaitable[None]]
"""Takes the next of what is spoken: PCM16 and its rate."""


class PushToTalk:
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


class Voice:
    """`devices` are the words of `--device`. `half_duplex` None decides by what the devices are.

    `hear` takes what is spoken, `detect` has the service find out when, and `rest` tells it that the microphone is off.
    `ended` is done while that is off, with its error if that is why; with `tells` whoever waits for it tells the error.
    An error that is no LivecliError, a bug, is not told but raised where the microphone is given back; `broken` is
    called at once.
    """

    def __init__(
        self,
        takes: Recordings,
        reporter: Reporter,
        devices: Sequence[str] = (),
        *,
        half_duplex: bool | None = None,
        push_to_talk: bool = False,
    ) -> None:
        self.half_duplex, self.push_to_talk = half_duplex, push_to_talk
        self.hear: Hear = _nobody
        self.detect: Callable[[], Awaitable[None]] = _nothing
        self.rest: Callable[[], Awaitable[None]] = _nothing
        self.broken: Callable[[], None] = lambda: None
        self.tells = False
        self._clock = asyncio.get_running_loop().time
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended.set_result(None)
        self._takes, self._reporter, self._words = takes, reporter, devices
        self._speaker, self._microphone = AsyncExitStack(), AsyncExitStack()
        self._heard: Microphone | None = None
        self._pressed: PushToTalk | None = None
        self._paused = False
        self._deaf_until = 0.0

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
            device, _ = await find_device(DeviceKind.PLAYBACK, self._words)
            self._takes.speaker = await self._speaker.enter_async_context(speaker_sink(device, self._reporter.warning))
        elif not on and self._takes.speaker is not None:
            self._takes.speaker.flush()
            self._takes.speaker = None
            await self._speaker.aclose()
        return on

    async def microphone(self, on: bool) -> bool:
        """Turn the microphone on or off. Raises FileError where there is none."""
        if on and not self.hears:
            await self._microphone.aclose()  # one that was lost
            try:
                await self._listen()
            except BaseException:
                await self._microphone.aclose()
                raise
        elif not on and self.hears:
            await self.unhear()
            await self.rest()
        return on

    async def _listen(self) -> None:
        from ..media.microphone import Microphone

        if not self.push_to_talk:
            await self.detect()
        device, default = await find_device(DeviceKind.CAPTURE, self._words)
        heard = await self._microphone.enter_async_context(Microphone(device))
        if self.half_duplex is None:
            speaker, default_speaker = await find_device(DeviceKind.PLAYBACK, self._words, strict=False)
            self.half_duplex = needs_half_duplex(speaker or default_speaker, device or default)
        self._heard, self.ended = heard, asyncio.get_running_loop().create_future()
        forwarding = asyncio.create_task(self._forward(heard))
        forwarding.add_done_callback(partial(self._finish, self.ended))
        self._microphone.push_async_callback(_stopped, forwarding)
        muted = ", muted while an answer is heard" if self.half_duplex else ""
        self._reporter.remark(f"listening to {heard.name}{muted}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Something else is heard in place of the microphone during the block."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    async def unhear(self) -> None:
        """Give back the microphone, whose session ends."""
        self._heard = None
        if self._pressed is not None:
            self.press()
        await self._microphone.aclose()

    def hush(self) -> None:
        """Silence, at once."""
        self._takes.hush()

    def press(self) -> PushToTalk | None:
        """The key: begins what is spoken, and returns it; or ends it, and returns None."""
        pressed, self._pressed = self._pressed, None
        if pressed is not None:
            pressed.hear(None)
            return None
        if self._heard is not None:
            self._pressed = PushToTalk(self._heard.rate)
        return self._pressed

    async def close(self, *, heard: bool = True) -> None:
        """Give the devices back; the speaker once all is `heard`, or at once."""
        if not heard:
            self.hush()
        self._takes.speaker = None
        try:
            await self.unhear()
        finally:
            await self._speaker.aclose()

    async def _forward(self, microphone: Microphone) -> None:
        async for pcm in rechunk(aiter(microphone), MICROPHONE_BYTES):
            microphone.muted = self._is_deaf()
            if self._pressed is not None:
                self._pressed.hear(pcm)
            elif not (self.push_to_talk or self._paused):
                await self.hear(pcm, microphone.rate)

    def _is_deaf(self) -> bool:
        if self.half_duplex and self.playing:
            self._deaf_until = self._clock() + TAIL_SECONDS
        return self._clock() < self._deaf_until

    def _finish(self, ended: asyncio.Future[None], forwarding: asyncio.Task[None]) -> None:
        error = None if forwarding.cancelled() else forwarding.exception()
        waited = not ended.cancelled()  # by a signal, which cancels what waits for it
        if error is None:
            if waited:
                ended.set_result(None)
            return
        self._heard = None
        if self._pressed is not None:
            self.press()
        if waited:
            ended.set_exception(error)
            ended.exception()  # it is no oversight if nobody waits
        if not isinstance(error, LivecliError):
            self.broken()
        elif not self.tells:
            self._reporter.warning(f"the microphone is off: {error.message}")


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and not isinstance(task.exception(), LivecliError):
        task.result()  # a bug is not to be hidden


async def _nobody(pcm: bytes, rate: int) -> None:
    pass


async def _nothing() -> None:
    pass
