"""The sound devices of a chat: a speaker and a microphone, each of which can be turned on and off meanwhile.

The speaker's echo is cancelled in the microphone's sound. Where that cannot be done, the microphone is muted while the
speaker plays, if it would pick it up. With push to talk, only the audio between two presses of a key is sent, and the
service detects no speech.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ..errors import FileError, LivecliError
from ..media.pcm import rechunk
from ..media.sound_devices.device_choice import LABELS, DeviceList, find_again, find_device, needs_half_duplex
from ..media.sound_devices.devices import Device, DeviceKind
from ..media.sound_devices.echo import EchoCanceller, can_cancel_echo
from ..media.sound_devices.speaker_sink import speaker_sink
from ..process.tasks import cancel_and_wait
from ..report.reporter import Reporter
from .recordings import Recordings

if TYPE_CHECKING:
    from ..media.sound_devices.microphone import Microphone

CHUNK_BYTES = 1024
"""The audio in one message: 32 ms at 16 kHz."""

SPEECH_DBFS = -45.0
"""The level from which the display says that it hears the user. The service's own detection differs."""

ECHO_SECONDS = 0.3
"""How long the microphone stays muted after the speaker has stopped, for reverberation and the delay of Bluetooth."""

WATCH_SECONDS = 3.0
"""How often a lost device is looked for, and whether the system has another default."""

RETRIES = f"and is looked for every {WATCH_SECONDS:g} s"
"""The end of the warning about a lost device."""

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


@dataclass
class Selection:
    """A device that is turned on.

    `chosen` is the one that `--device` names, and `opened` the one whose stream is open: each None for the system's
    default. `used` is that default itself or the opened one, None if it is not known. `loss` is why no stream works.
    """

    chosen: Device | None
    opened: Device | None
    used: Device | None
    loss: LivecliError | None = None
    loss_is_reported: bool = False


class Voice:
    """The speaker and the microphone of a chat.

    `devices` are the words of `--device`. With `half_duplex` None, the microphone is muted while the speaker plays if
    the devices need that and the echo is not cancelled, which it is with `cancels_echo` where the package is
    installed. Without a `receiver` the audio of the microphone is dropped.

    A device that is lost is looked for every WATCH_SECONDS, and the system's default takes its place meanwhile. A lost
    microphone without another one is reported as a warning, or raised by `wait_until_off`. An error that is not a
    LivecliError is a bug: it is raised when the devices are closed, and `on_bug` is called at once.
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
        self._selections: dict[DeviceKind, Selection] = {}
        self._lock, self._loss = asyncio.Lock(), asyncio.Event()
        self._list = DeviceList()
        self._watching: asyncio.Task[None] | None = None
        self._off: asyncio.Future[None] = loop.create_future()
        self._off.set_result(None)
        self._off_is_awaited = False
        self._talking: PushToTalk | None = None
        self._is_paused = False

    @property
    def speaker_is_on(self) -> bool:
        """Whether the speaker is on, and works."""
        return self._recordings.speaker is not None and self._recordings.speaker.works

    @property
    def microphone_is_on(self) -> bool:
        """Whether the microphone is on, and works."""
        return self._microphone is not None

    @property
    def lost_devices(self) -> list[str]:
        """The devices that are turned on, and lost: "speaker", "microphone"."""
        return [LABELS[kind] for kind, selection in self._selections.items() if selection.loss is not None]

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
        async with self._lock:
            if on and not self.speaker_is_on:
                await self._turn_on(DeviceKind.PLAYBACK)
            elif not on and self._recordings.speaker is not None:
                self._selections.pop(DeviceKind.PLAYBACK, None)
                self._recordings.speaker.flush()
                self._recordings.speaker = None
                await self._speaker_stack.aclose()
                await self._decide_duplex()
        return on

    async def switch_microphone(self, on: bool) -> bool:
        """Turn the microphone on or off, and return the new state. Raises FileError when there is none."""
        async with self._lock:
            if on and not self.microphone_is_on:
                await self._turn_on(DeviceKind.CAPTURE)
            elif not on and DeviceKind.CAPTURE in self._selections:
                await self._turn_microphone_off()
                if self.receiver is not None:
                    await self.receiver.end_microphone()
        return on

    async def _turn_on(self, kind: DeviceKind) -> None:
        """Open the device that `--device` names, or look for one that was lost now."""
        lost = self._selections.get(kind)
        if lost is None:
            device, default = await find_device(kind, self._devices)
            chosen = device
        else:
            device, default = find_again(kind, lost.chosen, await self._list.read())
            chosen = lost.chosen
        await self._open(kind, Selection(chosen, device, device or default))
        if kind is DeviceKind.CAPTURE or device is not chosen:
            self._report_opened(kind)

    async def _open(self, kind: DeviceKind, selection: Selection) -> None:
        """Open the stream of a selection, in place of the one that is open or was lost."""
        if kind is DeviceKind.PLAYBACK:
            await self._open_speaker(selection.opened)
        else:
            await self._open_microphone(selection.opened)
        self._selections[kind] = selection
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
            self._watching.add_done_callback(self._note_end_of_watch)
        await self._decide_duplex(is_told=kind is DeviceKind.PLAYBACK)

    async def _open_speaker(self, device: Device | None) -> None:
        if self._recordings.speaker is not None:
            await self._recordings.speaker.move(device)
            return
        echo = await self._echo_canceller()
        sink = speaker_sink(device, self._reporter.warning, echo, self._lose_speaker)
        self._recordings.speaker = await self._speaker_stack.enter_async_context(sink)

    async def _open_microphone(self, device: Device | None) -> None:
        from ..media.sound_devices.microphone import Microphone

        # One that was lost is still to be closed.
        await self._close_stream()
        try:
            if not self.push_to_talk and self.receiver is not None:
                await self.receiver.use_voice_detection()
            echo = await self._echo_canceller()
            microphone = await self._microphone_stack.enter_async_context(Microphone(device, echo=echo))
        except BaseException:
            await self._close_stream()
            raise
        self._microphone = microphone
        if self._off.done():
            self._off = asyncio.get_running_loop().create_future()
        # The task is in no group of the chat's, because a microphone may be on before there is a session.
        forwarding = asyncio.create_task(self._forward(microphone))
        forwarding.add_done_callback(partial(self._note_end, microphone))
        self._microphone_stack.push_async_callback(cancel_and_wait, forwarding, ignored=LivecliError)

    def _report_opened(self, kind: DeviceKind, name: str = "") -> None:
        """Tell what was opened; `name` is that of the system's default, if it is to be told."""
        name = f" ({name})" if name else ""
        if kind is DeviceKind.PLAYBACK:
            assert self._recordings.speaker is not None
            self._reporter.remark(f"playing on {self._recordings.speaker.name}{name}")
        elif self._microphone is not None:
            cancelled = ", echo cancelled" if self._echo is not None else ""
            muted = ", muted while an answer plays" if self._is_half_duplex else ""
            self._reporter.remark(f"listening to {self._microphone.name}{name}{cancelled}{muted}")

    async def _decide_duplex(self, *, is_told: bool = True) -> None:
        """Decide whether the microphone is muted while the speaker plays, after one of them has changed."""
        speaker, microphone = (self._selections.get(kind) for kind in DeviceKind)
        was_muted, self._is_half_duplex = self._is_half_duplex, bool(self._half_duplex)
        if self._half_duplex is None and self._echo is None and speaker is not None and microphone is not None:
            self._is_half_duplex = await asyncio.to_thread(needs_half_duplex, speaker.used, microphone.used)
        if is_told and self._microphone is not None and self._is_half_duplex != was_muted:
            no_longer = "" if self._is_half_duplex else "no longer "
            self._reporter.remark(f"the microphone is {no_longer}muted while an answer plays")

    async def _echo_canceller(self) -> EchoCanceller | None:
        """The canceller between the speaker and the microphone, whichever is opened first; None without one."""
        if self._cancels_echo and self._echo is None:
            self._echo = await asyncio.to_thread(EchoCanceller)
        return self._echo

    # --- devices that are lost, and come back ---

    async def _watch(self) -> None:
        """Follow the devices that are turned on, at once when one is lost and otherwise every WATCH_SECONDS."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._loss.wait()
            self._loss.clear()
            devices = await self._list.read()
            async with self._lock:
                for kind in list(self._selections):
                    await self._follow(kind, self._selections[kind], devices)

    async def _follow(self, kind: DeviceKind, selection: Selection, devices: Sequence[Device]) -> None:
        """Open another device where the one of `selection` is lost, or the chosen one is there again."""
        try:
            device, default = find_again(kind, selection.chosen, devices)
        except FileError:
            await self._report_loss(kind, selection)
            return
        found = Selection(selection.chosen, device, device or default)
        if selection.loss is None:
            if found.used is None or (selection.used is not None and found.used.is_same(selection.used)):
                return
            if device is None and selection.opened is None:
                # The system itself moves the stream of its default device.
                self._selections[kind] = found
                self._reporter.remark(f"the default {LABELS[kind]} is now {found.used.name}")
                await self._decide_duplex()
                return
            if self._talking is not None and kind is DeviceKind.CAPTURE:
                return  # The turn is recorded to its end first.
        try:
            await self._open(kind, found)
        except LivecliError as error:
            selection.loss = selection.loss or error
            await self._report_loss(kind, selection)
            return
        if selection.loss is not None and not selection.loss_is_reported:
            self._reporter.warning(selection.loss.message)
        self._report_opened(kind, found.used.name if device is None and found.used is not None else "")

    async def _report_loss(self, kind: DeviceKind, selection: Selection) -> None:
        """Report once that a device is lost, and that there is no other."""
        if selection.loss is None or selection.loss_is_reported:
            return
        selection.loss_is_reported = True
        if kind is DeviceKind.PLAYBACK:
            self._recordings.flush()
            self._reporter.warning(f"{selection.loss.message}, {RETRIES}")
            return
        if not self._off_is_awaited:
            self._reporter.warning(f"the microphone is off: {selection.loss.message}, {RETRIES}")
        self._resolve_off(selection.loss)
        if self.receiver is not None:
            # A session that has failed reports that itself.
            with suppress(LivecliError):
                await self.receiver.end_microphone()

    def _lose_speaker(self, message: str) -> None:
        if self._watching is None:
            # The chat is over, and the end of its last answer is not heard.
            self._reporter.warning(message)
        self._lose(DeviceKind.PLAYBACK, FileError(message))

    def _lose(self, kind: DeviceKind, error: LivecliError) -> None:
        if kind in self._selections:
            self._selections[kind].loss = error
            self._loss.set()

    def _resolve_off(self, error: BaseException | None = None) -> None:
        """Resolve the future that `wait_until_off` waits for, with the error if there is one."""
        # asyncio cancels the future together with the task that waits for it, which a signal may do.
        if self._off.done():
            return
        if error is None:
            self._off.set_result(None)
        else:
            self._off.set_exception(error)
            # Reading the exception prevents a warning of asyncio when no task waits for it.
            self._off.exception()

    def _note_end_of_watch(self, watching: asyncio.Task[None]) -> None:
        if not watching.cancelled() and (error := watching.exception()) is not None:
            self._resolve_off(error)
            self.on_bug()

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
        """Turn the microphone off, without telling the receiver. No device is looked for from now on."""
        try:
            if self._watching is not None:
                await cancel_and_wait(self._watching)
        finally:
            self._watching = None
            await self._turn_microphone_off()

    async def _turn_microphone_off(self) -> None:
        self._selections.pop(DeviceKind.CAPTURE, None)
        try:
            await self._close_stream()
        finally:
            self._resolve_off()

    async def _close_stream(self) -> None:
        """Close the microphone's stream."""
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

    def _note_end(self, microphone: Microphone, forwarding: asyncio.Task[None]) -> None:
        """Note the error of the task that forwards the audio."""
        error = None if forwarding.cancelled() else forwarding.exception()
        if error is None:
            return
        self._microphone = None
        if self._talking is not None:
            self.press_key()
        if microphone.is_lost and isinstance(error, LivecliError):
            self._lose(DeviceKind.CAPTURE, error)
            return
        self._selections.pop(DeviceKind.CAPTURE, None)
        self._resolve_off(error)
        if not isinstance(error, LivecliError):
            self.on_bug()
        elif not self._off_is_awaited:
            self._reporter.warning(f"the microphone is off: {error.message}")
