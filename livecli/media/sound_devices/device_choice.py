"""Selection of sound devices by the words of `--device`, and whether the selected ones need half duplex."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence

from ...errors import FileError, UsageError
from ...process.stdio import one_line
from . import devices as system
from .devices import Device, DeviceKind

LABELS = {DeviceKind.PLAYBACK: "speaker", DeviceKind.CAPTURE: "microphone"}
"""The usual name of a device of each kind."""

PACTL_SECONDS = 2.0
"""Time limit for the sound server's list of its modules."""
OTHER_CANCELLER = re.compile(r"aec_method=[\"']?(?!webrtc)\w")
"""An argument of PulseAudio's module-echo-cancel, with another canceller than WebRTC's.

Measured in 2026-11 with the speaker beside the microphone: with `speex` a model interrupted itself 19 times in 16 s,
with `webrtc` never.
"""


async def find_device(kind: DeviceKind, words: Sequence[str]) -> tuple[Device | None, Device | None]:
    """A pair of which one is None: the device of `kind` that `words` name, or the system's default if none.

    Both are None if the default is not known. Words may name devices of the other kind. Raises UsageError for a
    word that names no device of either kind, and FileError if there is no device of `kind`.
    """
    devices = await asyncio.to_thread(system.list_devices)
    check_words(words, devices)
    relevant = [word for word in words if _is_name_of(word, kind, devices)]
    [device] = choose(relevant, [kind], devices)
    return (device, None) if relevant else (None, device)


def find_again(
    kind: DeviceKind, chosen: Device | None, devices: Sequence[Device]
) -> tuple[Device | None, Device | None]:
    """As `find_device`, with the device that was `chosen` before, and the default if that is not in the list.

    Raises FileError if there is no device of `kind`.
    """
    default = _default(kind, devices)
    found = next((device for device in devices if chosen is not None and device.is_same(chosen)), None)
    return (found, None) if found is not None else (None, default)


class DeviceList:
    """The devices of the system, for a coroutine that reads them again and again."""

    def __init__(self) -> None:
        self._reading: asyncio.Task[list[Device]] | None = None

    async def read(self) -> list[Device]:
        """The devices; none where there is no sound system, or it has not answered for OPEN_SECONDS."""
        # While a sound system does not answer, only one thread waits for it.
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(asyncio.to_thread(system.list_devices))
        await asyncio.wait([self._reading], timeout=system.OPEN_SECONDS)
        if not self._reading.done():
            return []
        try:
            return self._reading.result()
        except FileError:
            return []


def check_words(words: Sequence[str], devices: Sequence[Device]) -> None:
    """Raise UsageError for a word of `--device` that names no device."""
    kinds = [kind for kind in DeviceKind if any(device.kind is kind for device in devices)]
    choose(words, kinds, devices)


def choose(words: Sequence[str], kinds: Sequence[DeviceKind], devices: Sequence[Device]) -> list[Device | None]:
    """One device for each of `kinds`: the one that a word names, else the system's default, None if that is not known.

    A word is an index, a name, or a part of a name in any case. It may name a speaker and a microphone at once, as a
    headset's name does. Raises UsageError for a word that names no device, or several of a kind, and FileError if
    there is no device of a kind.
    """
    chosen: dict[DeviceKind, Device] = {}
    for word in words:
        matches = [device for kind in kinds if (device := _match(word, kind, devices))]
        if not matches:
            labels = " or ".join(LABELS[kind] for kind in kinds)
            raise UsageError(f"--device {word}: there is no such {labels}", hint=_listing(_of(kinds, devices)))
        for device in matches:
            other = chosen.setdefault(device.kind, device)
            if other != device:
                raise UsageError(f"--device names two {LABELS[device.kind]}s: {other.name}, {device.name}")
    return [chosen.get(kind) or _default(kind, devices) for kind in kinds]


def needs_half_duplex(speaker: Device | None, microphone: Device | None) -> bool:
    """Whether the microphone picks up the speaker's sound, so that it should be muted while the speaker plays.

    A speaker other than the default is taken to be a headset. Devices of an echo canceller, which PulseAudio and
    PipeWire mark by their names, do not need it: both of them, because it cancels what its own speaker plays. Blocks
    while the sound server is asked which canceller that is.
    """
    if speaker is not None and not speaker.is_default:
        return False
    if not all(device is not None and _cancels_echo(device) for device in (speaker, microphone)):
        return True
    return _has_poor_canceller()


def _has_poor_canceller() -> bool:
    """Whether the echo canceller of the sound server is another than WebRTC's. False where it cannot be asked."""
    pactl = shutil.which("pactl")
    if pactl is None:
        return False
    try:
        listed = subprocess.run(
            [pactl, "list", "short", "modules"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PACTL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    modules = listed.stdout.decode(errors="replace").splitlines()
    return any("echo-cancel" in module and OTHER_CANCELLER.search(module) for module in modules)


def table(devices: Iterable[Device]) -> str:
    """The output of `--list-devices`: index, kind, `*` for the default, name, and the sound server's identifier."""
    rows = [
        (f"{d.index:>3} {d.kind:8} {'*' if d.is_default else ' '} {one_line(d.name)}", one_line(d.id)) for d in devices
    ]
    width = max((len(row) for row, _ in rows), default=0)
    return "".join(f"{row:{width}}  {identifier}".rstrip() + "\n" for row, identifier in rows)


def _is_name_of(word: str, kind: DeviceKind, devices: Sequence[Device]) -> bool:
    """Whether a word of `--device` names a device of this kind."""
    try:
        choose([word], [kind], devices)
    except UsageError:
        return False
    return True


def _match(word: str, kind: DeviceKind, devices: Sequence[Device]) -> Device | None:
    text = word.casefold().strip()
    candidates = _of([kind], devices) if text else []
    if text.isdecimal():
        return next((device for device in candidates if device.index == int(text)), None)
    exact = [device for device in candidates if text in (device.name.casefold(), device.id.casefold())]
    matches = exact or [device for device in candidates if _is_part(text, device)]
    if len(matches) > 1:
        raise UsageError(f"--device {word} matches several {LABELS[kind]}s", hint=_listing(matches))
    return matches[0] if matches else None


def _is_part(text: str, device: Device) -> bool:
    # "Speaker" names the speaker, not the monitor source that records the speaker's output.
    if "monitor" not in text and (device.id.endswith(".monitor") or device.name.startswith("Monitor of ")):
        return False
    return text in device.name.casefold() or text in device.id.casefold()


def _default(kind: DeviceKind, devices: Sequence[Device]) -> Device | None:
    candidates = _of([kind], devices)
    if not candidates:
        raise FileError(f"no {LABELS[kind]} found")
    return next((device for device in candidates if device.is_default), None)


def _of(kinds: Sequence[DeviceKind], devices: Iterable[Device]) -> list[Device]:
    return [device for device in devices if device.kind in kinds]


def _listing(devices: Iterable[Device]) -> str:
    return "devices: " + ("  ".join(f"[{device.index}] {device.name}" for device in devices) or "none")


def _cancels_echo(device: Device) -> bool:
    text = f"{device.name} {device.id}".casefold()
    return "echo" in text and "cancel" in text
