"""Sound devices: the list of them, and a stream of PCM16 mono to or from one.

The only module that imports miniaudio, the extra `livecli[audio]`. Every function may block for as long as the sound
server does not answer, so coroutines use LiveStream, which opens and closes a stream in bounded time. A device that
was unplugged and a sound server that ended report nothing; their streams just stop calling, so LiveStream counts.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ...errors import FileError
from ..pcm import SAMPLE_BYTES

OPEN_SECONDS = 5.0
"""Time limit for opening a device."""
CLOSE_SECONDS = 1.0
"""Time limit for closing a device, after which the thread that closes it is abandoned."""
CHECK_SECONDS = 0.5
"""Interval of the checks whether a device still calls."""
MISSED_CHECKS = 6
"""Checks in a row without a call, after which a device is lost. Counted, as clocks go on while a process is stopped."""


class LiveStream:
    """A device's stream, for a coroutine. Its thread calls `beat`; when it stops, `on_lost` is called in the loop."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._stream: Stream | None = None
        self._next_check: asyncio.TimerHandle | None = None
        self._beats = self._seen_beats = self._missed_checks = 0

    async def open(self, start: Callable[[], Stream]) -> None:
        """Open the stream. Raises FileError if there is no device, or the sound server does not answer."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._stream = await asyncio.to_thread(start)
        except TimeoutError as error:
            raise FileError(f"the sound system has not answered for {OPEN_SECONDS:g} s") from error
        self._watch()

    def beat(self) -> None:
        """Count a call of the device."""
        self._beats += 1

    async def close(self) -> None:
        """Close the stream, which ends the device's thread."""
        stream, self._stream = self._stream, None
        if self._next_check:
            self._next_check.cancel()
        if stream:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.to_thread(stream.close)

    def _watch(self) -> None:
        self._missed_checks = self._missed_checks + 1 if self._beats == self._seen_beats else 0
        self._seen_beats = self._beats
        if self._missed_checks < MISSED_CHECKS:
            self._next_check = self._loop.call_later(CHECK_SECONDS, self._watch)
        else:
            self._on_lost()


DEVICE_RATE = 48_000
"""Samples a second at which devices are opened. Nearly all of them run at it; miniaudio's resampler is a poor one."""
PERIOD_SECONDS = 0.02
"""Interval of a device's calls."""
PERIODS = 3
"""Periods that a device holds. Sound that it holds cannot be taken back."""


class DeviceKind(StrEnum):
    """The direction of a device."""

    PLAYBACK = "playback"
    CAPTURE = "capture"


@dataclass(frozen=True)
class Device:
    """A sound device: `name` is for people, `id` is the sound server's identifier, or "" if that is not text.

    `index` counts the devices of both kinds together, from 0, and is valid until a device is plugged in or out.
    """

    index: int
    name: str
    kind: DeviceKind
    is_default: bool = False
    id: str = ""
    handle: Any = field(default=None, repr=False, compare=False)

    def is_same(self, other: Device) -> bool:
        """Whether `other` is this device in a later list, where its index may be another."""
        return (self.kind, self.id, self.name) == (other.kind, other.id, other.name)


class Stream:
    """A device that runs until it is closed. `callback` is run in the device's thread, once for each period."""

    def __init__(self, device: Any, callback: Generator[Any, Any, None]) -> None:
        self._device = device
        next(callback)
        with _device_errors("the device does not start"):
            device.start(callback)

    def close(self) -> None:
        """Stop the device and its thread, and disconnect. Blocks while the sound server does not answer."""
        _stop(self._device)
        self._device.close()
        _disconnect(self._device)


def list_devices() -> list[Device]:
    """All devices, speakers first. Raises FileError without miniaudio, or if no sound system answers."""
    miniaudio = _miniaudio()
    with _device_errors("there is no sound system"):
        context = miniaudio.Devices(_backends(miniaudio))
        found = list(_devices_of(miniaudio, context))
    return [Device(index, *fields) for index, fields in enumerate(found)]


def start_playback(device: Device | None, feed: Callable[[int], bytes | bytearray]) -> Stream:
    """Play the bytes that `feed` returns on `device`, or on the default one for None. Raises FileError.

    `feed(size)` is called in the device's thread. It returns at most `size` bytes at DEVICE_RATE, to which silence is
    added, and must neither raise nor wait.
    """
    return Stream(_open("PlaybackDevice", "output_format", device), _playback_callback(feed))


def start_capture(device: Device | None, take: Callable[[bytearray], None]) -> Stream:
    """Pass the sound of `device`, or of the default one for None, to `take`. Raises FileError.

    `take` is called in the device's thread with a new buffer at DEVICE_RATE, and must neither raise nor wait.
    """
    return Stream(_open("CaptureDevice", "input_format", device), _capture_callback(take))


def _open(kind: str, format_name: str, device: Device | None) -> Any:
    miniaudio = _miniaudio()
    label = "speaker" if kind == "PlaybackDevice" else "microphone"
    with _device_errors(f"cannot open the {label} {device.name if device else ''}".strip()):
        return getattr(miniaudio, kind)(
            **{format_name: miniaudio.SampleFormat.SIGNED16},
            nchannels=1,
            sample_rate=DEVICE_RATE,
            buffersize_msec=round(1000 * PERIOD_SECONDS),
            callback_periods=PERIODS,
            # Where the system does not allow it, the thread has the usual priority.
            thread_prio=miniaudio.ThreadPriority.REALTIME,
            device_id=device.handle if device else None,
            backends=_backends(miniaudio),
            app_name="livecli",
        )


def _playback_callback(feed: Callable[[int], bytes | bytearray]) -> Generator[bytes | bytearray, int, None]:
    frames = yield b""
    while True:
        frames = yield feed(frames * SAMPLE_BYTES)


def _capture_callback(take: Callable[[bytearray], None]) -> Generator[None, bytearray, None]:
    while True:
        take((yield))


def _stop(device: Any) -> None:
    """Stop a device's thread before the device is closed.

    `stop()` of miniaudio 1.71, which `close()` calls, removes the callback while the device's thread may be about to
    use it. So the device is stopped by its native handle, which is private. Without it `close()` stops the device.
    """
    native = _native_device(device)
    if native is not None:
        _miniaudio().lib.ma_device_stop(native)
        device.running = False


def _disconnect(device: Any) -> None:
    """End a closed device's connection to the sound server, which miniaudio 1.71 leaves open.

    The native context is private. Without it the connection stays open until the process ends.
    """
    context = _native_context(device)
    if context is not None:
        _miniaudio().lib.ma_context_uninit(context)


def _devices_of(miniaudio: Any, context: Any) -> Iterator[tuple[str, DeviceKind, bool, str, Any]]:
    """Name, kind, default or not, identifier and handle of each device.

    The public functions of miniaudio 1.71 tell neither the defaults nor the identifiers. So the C library is asked
    with the native context, which is private. Without it no device is a default, and none has an identifier.
    """
    native = _native_context(context)
    if native is None:
        yield from ((info["name"], DeviceKind.PLAYBACK, False, "", info["id"]) for info in context.get_playbacks())
        yield from ((info["name"], DeviceKind.CAPTURE, False, "", info["id"]) for info in context.get_captures())
        return
    ffi, lib = miniaudio.ffi, miniaudio.lib
    lists = [(kind, ffi.new("ma_device_info **"), ffi.new("ma_uint32 *")) for kind in DeviceKind]
    if lib.ma_context_get_devices(native, *(pointer for _, *pair in lists for pointer in pair)):
        raise FileError("the sound system does not list its devices")
    for kind, infos, count in lists:
        for info in infos[0][0 : count[0]]:
            handle = ffi.new("ma_device_id *", info.id)
            identifier = _text(bytes(ffi.buffer(handle))) if context.backend in ("PulseAudio", "ALSA") else ""
            # "null" is ALSA's device that drops all sound.
            if identifier != "null":
                yield _text(ffi.string(info.name)), kind, bool(info.isDefault), identifier, handle


def _native_device(device: Any) -> Any:
    """The `ma_device *` of a device, private in miniaudio 1.71; None in a version that has no such attribute."""
    return getattr(device, "_device", None)


def _native_context(owner: Any) -> Any:
    """The `ma_context *` of a device or a list of devices, private in miniaudio 1.71; None without the attribute."""
    return getattr(owner, "_context", None)


def _text(chars: bytes) -> str:
    return chars.partition(b"\0")[0].decode(errors="replace")


def _backends(miniaudio: Any) -> list[Any]:
    """All backends but those that drop all sound, in miniaudio's order of preference."""
    without_sound = (miniaudio.Backend.NULL, miniaudio.Backend.CUSTOM)
    return sorted(miniaudio.get_enabled_backends().difference(without_sound), key=lambda backend: int(backend.value))


def _miniaudio() -> Any:
    try:
        import miniaudio
    except ImportError as error:
        from ...process.installer import install_extra_command

        raise FileError(
            "sound devices need the package miniaudio, which is not installed", hint=install_extra_command("audio")
        ) from error
    _silence_alsa()
    return miniaudio


@contextmanager
def _device_errors(message: str) -> Iterator[None]:
    """Raise miniaudio's errors as FileError with `message`."""
    import miniaudio

    try:
        yield
    except miniaudio.MiniaudioError as error:
        hint = "livecli chat --list-devices lists the devices"
        raise FileError(f"{message}: {error.args[0]}", hint=hint) from error


_alsa_handler: list[Any] = []
"""The error handler that libasound calls, kept alive as long as the process lives."""


def _silence_alsa() -> None:
    """Stop ALSA's library from writing to standard error, which it does for each card that it does not find."""
    if _alsa_handler or not sys.platform.startswith("linux"):
        return
    import ctypes

    handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
    _alsa_handler.append(handler(lambda *_: None))
    # Without ALSA there is nothing to silence.
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_alsa_handler[0])
