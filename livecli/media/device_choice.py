"""Which device is meant: words of `--device`, what is shown to choose from, and whether the microphone would hear the
speaker. Pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import FileError, LivecliError, UsageError
from ..process.stdio import one_line
from .devices import Device, DeviceKind

if TYPE_CHECKING:
    from .devices import Device, DeviceKind


# Which devices a chat is meant to use: what the words of `--device` name, each of them of either kind or of both.
async def named(kind: str, words: Sequence[str], *, strict: bool = True) -> tuple[Device | None, Device | None]:
    """The device of this Kind that is named, and the system's default where none is: one of the two.

    Raises UsageError for a word that names nothing at all and, unless it is not `strict`, FileError where there is no
    such device.
    """
    from .devices import DeviceKind, list_devices

    devices = await asyncio.to_thread(list_devices)
    check_words(words, devices)
    wanted: DeviceKind = DeviceKind[kind]
    meant = [word for word in words if _names(word, wanted, devices)]
    try:
        [device] = choose(meant, [wanted], devices)
    except LivecliError:
        if strict:
            raise
        return None, None
    return (device, None) if meant else (None, device)


def _names(word: str, kind: DeviceKind, devices: Sequence[Device]) -> bool:
    """Whether a word of `--device` names one of this kind; it may be meant for the other."""

    try:
        choose([word], [kind], devices)
    except UsageError:
        return False
    return True


def check_words(words: Sequence[str], devices: Sequence[Device]) -> None:
    """Raises UsageError for a word of `--device` that names nothing."""
    from .devices import DeviceKind

    kinds = [kind for kind in DeviceKind if any(device.kind is kind for device in devices)]
    choose(words, kinds, devices)


_SHOWN = {DeviceKind.PLAYBACK: "speaker", DeviceKind.CAPTURE: "microphone"}


def choose(words: Sequence[str], kinds: Sequence[DeviceKind], devices: Sequence[Device]) -> list[Device | None]:
    """A device of each of `kinds`: what a word names, else the system's default, None where that is not known.

    A word is an index, a name, or a part of one in any case; it may name a speaker and a microphone at once, such as a
    headset. Raises UsageError where it names none, or several of a kind; FileError where there is no device of a kind.
    """
    named: dict[DeviceKind, Device] = {}
    for word in words:
        found = [device for kind in kinds if (device := _named(word, kind, devices))]
        if not found:
            shown = " or ".join(_SHOWN[kind] for kind in kinds)
            raise UsageError(f"--device {word}: there is no such {shown}", hint=_there_are(_of(kinds, devices)))
        for device in found:
            if named.setdefault(device.kind, device) != device:
                raise UsageError(f"--device names two {_SHOWN[device.kind]}s: {named[device.kind].name}, {device.name}")
    return [named.get(kind) or _default(kind, devices) for kind in kinds]


def is_half_duplex_wise(speaker: Device | None, microphone: Device | None) -> bool:
    """Whether the microphone would hear what is spoken: the default speaker, and no echo cancellation that is known.

    What somebody names is taken for a headset. PulseAudio's and PipeWire's echo cancelling sources are known by name.
    """
    if speaker is not None and not speaker.is_default:
        return False
    return microphone is None or not _cancels_echo(microphone)


def table(devices: Iterable[Device]) -> str:
    """What `--list-devices` prints: index, kind, `*` for the default, name, and what the sound server calls it."""
    rows = [
        (f"{d.index:>3} {d.kind:8} {'*' if d.is_default else ' '} {one_line(d.name)}", one_line(d.id)) for d in devices
    ]
    width = max((len(row) for row, _ in rows), default=0)
    return "".join(f"{row:{width}}  {called}".rstrip() + "\n" for row, called in rows)


def _named(word: str, kind: DeviceKind, devices: Sequence[Device]) -> Device | None:
    wanted = word.casefold().strip()
    same = _of([kind], devices) if wanted else []
    if wanted.isdecimal():
        return next((device for device in same if device.index == int(wanted)), None)
    exact = [device for device in same if wanted in (device.name.casefold(), device.id.casefold())]
    found = exact or [device for device in same if _is_part(wanted, device)]
    if len(found) > 1:
        raise UsageError(f"--device {word} may be any of several {_SHOWN[kind]}s", hint=_there_are(found))
    return found[0] if found else None


def _is_part(wanted: str, device: Device) -> bool:
    # "Speaker" means the speaker, and not what is played there as a microphone.
    if "monitor" not in wanted and (device.id.endswith(".monitor") or device.name.startswith("Monitor of ")):
        return False
    return wanted in device.name.casefold() or wanted in device.id.casefold()


def _default(kind: DeviceKind, devices: Sequence[Device]) -> Device | None:
    same = _of([kind], devices)
    if not same:
        raise FileError(f"there is no {_SHOWN[kind]} here")
    return next((device for device in same if device.is_default), None)


def _of(kinds: Sequence[DeviceKind], devices: Iterable[Device]) -> list[Device]:
    return [device for device in devices if device.kind in kinds]


def _there_are(devices: Iterable[Device]) -> str:
    return "there are " + (", ".join(f"{device.index} {device.name}" for device in devices) or "none")


def _cancels_echo(device: Device) -> bool:
    called = f"{device.name} {device.id}".casefold()
    return "echo" in called and "cancel" in called
