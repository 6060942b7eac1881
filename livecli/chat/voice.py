"""The sound devices of a chat: a speaker and a microphone, each of which can be turned on and off meanwhile.

The speaker's echo is cancelled in the microphone's sound. Where that cannot be done, the microphone is muted while the
speaker plays, if it would pick it up. With push to talk, only the audio between two presses of a key is sent, and the
service detects no speech.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ..errors import LivecliError
from ..media.device_choice import find_device, needs_half_duplex
from ..media.devices import DeviceKind
from ..media.echo import EchoCanceller, can_cancel_echo
from ..media.pcm import rechunk
from ..media.speaker_sink import speaker_sink
from ..process.tasks import cancel_and_wait
from ..report.reporter import Reporter
from .recordings import Recordings

if TYPE_CHECKING:
    from ..media.microphone import Microphone

CHUNK_BYTES = 1024
"""The audio in one message: 32 ms at 16 kHz."""

SPEECH_DBFS = -45.0
"""The level from which the display says that it hears the user. The service's own detection differs."""

ECHO_SECONDS = 0.3
"""How long the microphone stays muted after the speaker has stopped, for reverberation and the delay of Bluetooth."""

QUEUED_CHUNKS = 64
"""The chunks that wait for a slow session during push to talk: two seconds."""


class PushToTalk:
    """An AudioSource with the audio of the microphone between two presses of the key."""

    def __init__(self, rate: int) -> None:
        self.name, self.rate, self.seconds = "the microphone", rate, None
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_CHUNKS)

    def put(self, pcm: bytes | None) -> None:
        """Add audio, or None for the end. When the queue is full, the oldest audio is dropped."""
        if self._chunks.full():
            self._chunks.get_nowait()
        self._chunks.put_nowait(pcm)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (pcm := await self._chunks.get()) is not None:
            yield pcm


class EchoGate:
    """Decides when a half-duplex microphone is muted. `clock` returns seconds."""

    def __init__(self, is_playing: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._is_playing, self._clock = is_playing, clock
        self._muted_until = 0.0

    @property
    def is_muted(self) -> bool:
        """Whether the speaker plays, or has played until ECHO_SECONDS ago. To be read for each chunk."""
        if self._is_playing():
            self._muted_until = self._clock() + ECHO_SECONDS
        return self._clock() < self._muted_until


class MicrophoneReceiver(Protocol):
    """Takes the audio of the microphone."""

    async def use_voice_detection(self) -> None:
        """The microphone is about to be turned on, without push to talk."""

    async def send_microphone(self, pcm: bytes, rate: int) -> None:
        """Take PCM16 audio of `rate` samples per second."""

    async def end_microphone(self) -> None:
        """The microphone was turned off."""


class Voice:
    """The speaker and the microphone of a chat.

    `devices` are the words of `--device`. With `half_duplex` None, the microphone is muted while the speaker plays if
    the devices need that and the echo is not cancelled, which it is with `cancels_echo` where the package is
    installed. Without a `receiver` the audio of the microphone is dropped.

    A lost microphone is reported as a warning, or raised by `wait_until_off`. An error that is not a LivecliError is a
    bug: it is raised when the microphone is closed, and `on_bug` is called at once.
    """

    # There are many attributes because the two devices share one set of options, and because muting, pausing and push
    # to talk all decide what happens to one chunk of the microphone.
    def __init__(
        self,
        recordings: Recordings,
        reporter: Reporter,
        devices: Sequence[str] = (),
        *,
        half_duplex: bool | None = None,
        push_to_talk: bool = False,
        cancels_echo: bool = True,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.push_to_talk = push_to_talk
        self.receiver: MicrophoneReceiver | None = None
        self.on_bug: Callable[[], None] = lambda: None
        self._recordings, self._reporter, self._devices = recordings, reporter, devices
        self._half_duplex, self._is_half_duplex = half_duplex, False
        self._cancels_echo = cancels_echo and can_cancel_echo()
        self._echo: EchoCanceller | None = None
        self._gate = EchoGate(lambda: self.is_playing, loop.time)
        self._speaker_stack, self._microphone_stack = AsyncExitStack(), AsyncExitStack()
        self._microphone: Microphone | None = None
        self._off: asyncio.Future[None] = loop.create_future()
        self._off.set_result(None)
        self._off_is_awaited = False
        self._talking: PushToTalk | None = None
        self._is_paused = False

    @property
    def speaker_is_on(self) -> bool:
        """Whether the speaker is on."""
        return self._recordings.speaker is not None

    @property
    def microphone_is_on(self) -> bool:
        """Whether the microphone is on."""
        return self._microphone is not None

    @property
    def is_playing(self) -> bool:
        """Whether the speaker plays an answer."""
        return self._recordings.speaker is not None and self._recordings.speaker.playing

    @property
    def level_dbfs(self) -> float | None:
        """The level at the microphone in dBFS; None while it is off."""
        return None if self._microphone is None else self._microphone.level_dbfs

    async def switch_speaker(self, on: bool) -> bool:
        """Turn the speaker on or off, and return the new state. Raises FileError when there is none."""
        if on and not self.speaker_is_on:
            device, _ = await find_device(DeviceKind.PLAYBACK, self._devices)
            echo = await self._echo_canceller()
            sink = await self._speaker_stack.enter_async_context(speaker_sink(device, self._reporter.warning, echo))
            self._recordings.speaker = sink
        elif not on and self._recordings.speaker is not None:
            self._recordings.speaker.flush()
            self._recordings.speaker = None
            await self._speaker_stack.aclose()
        return on

    async def switch_microphone(self, on: bool) -> bool:
        """Turn the microphone on or off, and return the new state. Raises FileError when there is none."""
        if on and not self.microphone_is_on:
            # A microphone that was lost is still to be closed.
            await self._microphone_stack.aclose()
            try:
                await self._open_microphone()
            except BaseException:
                await self._microphone_stack.aclose()
                raise
        elif not on and self.microphone_is_on:
            await self.close_microphone()
            if self.receiver is not None:
                await self.receiver.end_microphone()
        return on

    async def _open_microphone(self) -> None:
        from ..media.microphone import Microphone

        if not self.push_to_talk and self.receiver is not None:
            await self.receiver.use_voice_detection()
        device, default = await find_device(DeviceKind.CAPTURE, self._devices)
        echo = await self._echo_canceller()
        microphone = await self._microphone_stack.enter_async_context(Microphone(device, echo=echo))
        self._is_half_duplex = bool(self._half_duplex)
        if self._half_duplex is None and echo is None:
            speaker, default_speaker = await find_device(DeviceKind.PLAYBACK, self._devices, strict=False)
            self._is_half_duplex = needs_half_duplex(speaker or default_speaker, device or default)
        self._microphone, self._off = microphone, asyncio.get_running_loop().create_future()
        # The task is in no group of the chat's, because a microphone may be on before there is a session.
        forwarding = asyncio.create_task(self._forward(microphone))
        forwarding.add_done_callback(partial(self._note_end, self._off))
        self._microphone_stack.push_async_callback(cancel_and_wait, forwarding, ignored=LivecliError)
        cancelled = ", echo cancelled" if echo is not None else ""
        muted = ", muted while an answer plays" if self._is_half_duplex else ""
        self._reporter.remark(f"listening to {microphone.name}{cancelled}{muted}")

    async def _echo_canceller(self) -> EchoCanceller | None:
        """The canceller between the speaker and the microphone, whichever is opened first; None without one."""
        if self._cancels_echo and self._echo is None:
            self._echo = await asyncio.to_thread(EchoCanceller)
        return self._echo

    async def wait_until_off(self) -> None:
        """Wait until the microphone is off. Raises its error when it was lost; no warning is reported then."""
        self._off_is_awaited = True
        await self._off

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not send the audio of the microphone during the block."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def press_key(self) -> PushToTalk | None:
        """Begin a push-to-talk turn and return its audio, or end the one that was begun and return None."""
        talking, self._talking = self._talking, None
        if talking is not None:
            talking.put(None)
            return None
        if self._microphone is not None:
            self._talking = PushToTalk(self._microphone.rate)
        return self._talking

    async def close_microphone(self) -> None:
        """Turn the microphone off, without telling the receiver."""
        self._microphone = None
        if self._talking is not None:
            self.press_key()
        await self._microphone_stack.aclose()

    async def close(self, *, play_to_end: bool = True) -> None:
        """Close the devices: the speaker after it has played all audio, or at once."""
        if not play_to_end:
            self._recordings.flush()
        self._recordings.speaker = None
        try:
            await self.close_microphone()
        finally:
            await self._speaker_stack.aclose()

    async def _forward(self, microphone: Microphone) -> None:
        async for pcm in rechunk(aiter(microphone), CHUNK_BYTES):
            microphone.muted = self._is_half_duplex and self._gate.is_muted
            if self._talking is not None:
                self._talking.put(pcm)
            elif self.receiver is not None and not (self.push_to_talk or self._is_paused):
                await self.receiver.send_microphone(pcm, microphone.rate)

    def _note_end(self, off: asyncio.Future[None], forwarding: asyncio.Task[None]) -> None:
        """Settle `off` with the end of the task that forwards the audio."""
        error = None if forwarding.cancelled() else forwarding.exception()
        # asyncio cancels `off` together with the task that waits for it, which a signal may do.
        is_open = not off.cancelled()
        if error is None:
            if is_open:
                off.set_result(None)
            return
        self._microphone = None
        if self._talking is not None:
            self.press_key()
        if is_open:
            off.set_exception(error)
            # Reading the exception prevents a warning of asyncio when no task waits for `off`.
            off.exception()
        if not isinstance(error, LivecliError):
            self.on_bug()
        elif not self._off_is_awaited:
            self._reporter.warning(f"the microphone is off: {error.message}")
