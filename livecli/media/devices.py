"""The sound devices there are, and a stream of PCM16 mono to or from one. Owns miniaudio, the extra `livecli[audio]`.

What a stream carries is not decided here: `playback` feeds one, `capture` takes from one. Every call may block for as
long as the sound server pleases, so coroutines go through `stream`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..errors import FileError
from .pcm import SAMPLE_BYTES

# A device's stream as a coroutine sees it: opened and closed in bounded time, and known to be lost when it is silent.
#
# A device that was unplugged, and a sound server that ended, say nothing: they just call no more.
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


DEVICE_RATE = 48_000
"""Samples a second at which devices are opened, as nearly all of them run: miniaudio's own resampler is a poor one."""
PERIOD_SECONDS = 0.02
"""How often a device calls."""
PERIODS = 3
"""How many of them a device holds: what it has taken can be taken back no more."""


class DeviceKind(StrEnum):
    PLAYBACK = "playback"
    CAPTURE = "capture"


@dataclass(frozen=True)
class Device:
    """A device as the system knows it: `name` for people, `id` as the sound server calls it ("" where it has no text).

    `index` counts the devices of both kinds together, from 0, and is good until one is plugged in or out.
    """

    index: int
    name: str
    kind: DeviceKind
    is_default: bool = False
    id: str = ""
    handle: Any = field(default=None, repr=False, compare=False)


class Stream:
    """A device that runs until it is closed."""

    def __init__(self, device: Any, callback: Generator[Any, Any, None]) -> None:
        self._device = device
        next(callback)
        with _asking("the device does not start"):
            device.start(callback)

    def close(self) -> None:
        """Stop the device and its thread, and leave the sound server. Blocks while that does not answer."""
        miniaudio = _miniaudio()
        # Its own stop() takes the generator away while the device's thread may be about to use it.
        miniaudio.lib.ma_device_stop(self._device._device)
        self._device.running = False
        self._device.close()
        miniaudio.lib.ma_context_uninit(self._device._context)  # nobody else does: each would leave a connection


def list_devices() -> list[Device]:
    """Every device there is, speakers first. Raises FileError without miniaudio, or where no sound system answers."""
    miniaudio = _miniaudio()
    with _asking("there is no sound system"):
        context = miniaudio.Devices(_backends(miniaudio))
    found = list(_of_context(miniaudio, context))
    return [Device(index, *fields) for index, fields in enumerate(found)]


def start_playback(device: Device | None, feed: Callable[[int], bytes | bytearray]) -> Stream:
    """Play what `feed` gives, to the default device where none is named.

    `feed` is called in the device's thread for a number of bytes, at DEVICE_RATE; what it gives less is silence. It
    must neither raise nor wait. Raises FileError.
    """
    return Stream(_open("PlaybackDevice", "output_format", device), _feeding(feed))


def start_capture(device: Device | None, take: Callable[[bytearray], None]) -> Stream:
    """Hand `take` what is heard, at DEVICE_RATE, a copy of its own, in the device's thread. Raises FileError."""
    return Stream(_open("CaptureDevice", "input_format", device), _taking(take))


def _open(kind: str, format_name: str, device: Device | None) -> Any:
    miniaudio = _miniaudio()
    with _asking(
        f"cannot open the {'speaker' if kind == 'PlaybackDevice' else 'microphone'} {device.name if device else ''}"
    ):
        return getattr(miniaudio, kind)(
            **{format_name: miniaudio.SampleFormat.SIGNED16},
            nchannels=1,
            sample_rate=DEVICE_RATE,
            buffersize_msec=round(1000 * PERIOD_SECONDS),
            callback_periods=PERIODS,
            device_id=device.handle if device else None,
            backends=_backends(miniaudio),
            app_name="livecli",
        )


def _feeding(feed: Callable[[int], bytes | bytearray]) -> Generator[bytes | bytearray, int, None]:
    frames = yield b""
    while True:
        frames = yield feed(frames * SAMPLE_BYTES)


def _taking(take: Callable[[bytearray], None]) -> Generator[None, bytearray, None]:
    while True:
        take((yield))


def _of_context(miniaudio: Any, context: Any) -> Iterator[tuple[str, DeviceKind, bool, str, Any]]:
    """Asked of the library beneath, because its Python face says neither which is the default nor what it is called."""
    ffi, lib = miniaudio.ffi, miniaudio.lib
    lists = [(kind, ffi.new("ma_device_info **"), ffi.new("ma_uint32 *")) for kind in DeviceKind]
    if lib.ma_context_get_devices(context._context, *(pointer for _, *pair in lists for pointer in pair)):
        raise FileError("the sound system does not say what devices there are")
    for kind, infos, count in lists:
        for info in infos[0][0 : count[0]]:
            handle = ffi.new("ma_device_id *", info.id)
            called = _text(bytes(ffi.buffer(handle))) if context.backend in ("PulseAudio", "ALSA") else ""
            if called != "null":  # ALSA's, which plays to nobody
                yield _text(ffi.string(info.name)), kind, bool(info.isDefault), called, handle


def _text(chars: bytes) -> str:
    return chars.partition(b"\0")[0].decode(errors="replace")


def _backends(miniaudio: Any) -> list[Any]:
    """All but the one that plays to nobody, in miniaudio's order of preference."""
    unwanted = (miniaudio.Backend.NULL, miniaudio.Backend.CUSTOM)
    return sorted(miniaudio.get_enabled_backends().difference(unwanted), key=lambda backend: int(backend.value))


def _miniaudio() -> Any:
    try:
        import miniaudio
    except ImportError as error:
        hint = "pip install 'livecli[audio]'"
        raise FileError("sound devices need the package miniaudio, which is not installed", hint=hint) from error
    _hush_alsa()
    return miniaudio


@contextmanager
def _asking(complaint: str) -> Iterator[None]:
    import miniaudio

    try:
        yield
    except miniaudio.MiniaudioError as error:
        hint = "livecli chat --list-devices shows what there is"
        raise FileError(f"{complaint.strip()}: {error.args[0]}", hint=hint) from error


_quiet: list[Any] = []  # libasound calls what is kept here for as long as the process lives


def _hush_alsa() -> None:
    """ALSA's library writes to standard error what it tries in vain, a screenful where there is no card."""
    if _quiet or not sys.platform.startswith("linux"):
        return
    import ctypes

    handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
    _quiet.append(handler(lambda *_: None))
    with suppress(OSError, AttributeError):  # there is no ALSA
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_quiet[0])
