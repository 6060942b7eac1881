"""Which devices the words of `--device` mean, for either kind."""

from __future__ import annotations

import pytest

from livecli.errors import FileError, UsageError
from livecli.media import devices
from livecli.media.device_choice import named
from livecli.media.devices import Device, DeviceKind

HEADSET = "USB Headset"
ALL = [
    Device(0, "Loudspeakers", DeviceKind.PLAYBACK, is_default=True),
    Device(1, HEADSET, DeviceKind.PLAYBACK),
    Device(2, "Built-in", DeviceKind.CAPTURE, is_default=True),
    Device(3, HEADSET, DeviceKind.CAPTURE),
    Device(4, "Camera", DeviceKind.CAPTURE),
]


@pytest.fixture(autouse=True)
def there(monkeypatch):
    found = [*ALL]
    monkeypatch.setattr(devices, "list_devices", lambda: found)
    return found


@pytest.mark.parametrize(
    ("words", "speaker", "microphone"),
    [
        ([], (None, 0), (None, 2)),
        (["headset"], (1, None), (3, None)),
        (["camera"], (None, 0), (4, None)),
        (["1"], (1, None), (None, 2)),
        (["loud", "camera"], (0, None), (4, None)),
    ],
)
async def test_a_word_may_mean_either_or_both(words, speaker, microphone):
    def index(pair):
        return tuple(device and device.index for device in pair)

    assert index(await named("PLAYBACK", words)) == speaker
    assert index(await named("CAPTURE", words)) == microphone


async def test_a_word_that_means_nothing_is_refused(there):
    with pytest.raises(UsageError, match="no such speaker or microphone"):
        await named("PLAYBACK", ["headset", "trumpet"])


async def test_without_a_device_of_the_kind(there):
    there[:] = [device for device in ALL if device.kind is DeviceKind.CAPTURE]
    with pytest.raises(FileError, match="there is no speaker here"):
        await named("PLAYBACK", [])
    assert await named("PLAYBACK", [], strict=False) == (None, None)
