"""Which devices a chat is meant to use: what the words of `--device` name, each of them of either kind or of both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import LivecliError, UsageError

if TYPE_CHECKING:
    from .devices import Device, Kind


async def named(kind: str, words: Sequence[str], *, strict: bool = True) -> tuple[Device | None, Device | None]:
    """The device of this Kind that is named, and the system's default where none is: one of the two.

    Raises UsageError for a word that names nothing at all and, unless it is not `strict`, FileError where there is no
    such device.
    """
    from .device_choice import choose
    from .devices import Kind, list_devices

    devices = await asyncio.to_thread(list_devices)
    check_words(words, devices)
    wanted: Kind = Kind[kind]
    meant = [word for word in words if _names(word, wanted, devices)]
    try:
        [device] = choose(meant, [wanted], devices)
    except LivecliError:
        if strict:
            raise
        return None, None
    return (device, None) if meant else (None, device)


def _names(word: str, kind: Kind, devices: Sequence[Device]) -> bool:
    """Whether a word of `--device` names one of this kind; it may be meant for the other."""
    from .device_choice import choose

    try:
        choose([word], [kind], devices)
    except UsageError:
        return False
    return True


def check_words(words: Sequence[str], devices: Sequence[Device]) -> None:
    """Raises UsageError for a word of `--device` that names nothing."""
    from .device_choice import choose
    from .devices import Kind

    kinds = [kind for kind in Kind if any(device.kind is kind for device in devices)]
    choose(words, kinds, devices)
