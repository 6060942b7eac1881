"""Which devices there are, as a real sound server has them."""

import sys

import pytest

from livecli.errors import FileError
from livecli.media.device_choice import choose, needs_half_duplex, table
from livecli.media.devices import DeviceKind, list_devices


@pytest.mark.usefixtures("sound_server")
def test_the_devices_are_listed_with_their_defaults():
    assert table(list_devices()) == (
        "  0 playback * Speaker             speaker\n"
        "  1 playback   Mouth               mouth\n"
        "  2 capture    Monitor of Speaker  speaker.monitor\n"
        "  3 capture  * Monitor of Mouth    mouth.monitor\n"
    )


@pytest.mark.usefixtures("sound_server")
def test_the_defaults_are_chosen_where_nothing_is_named():
    speaker, microphone = choose([], list(DeviceKind), list_devices())
    assert (speaker.id, microphone.id) == ("speaker", "mouth.monitor")
    assert needs_half_duplex(speaker, microphone)


def test_no_device_is_left_where_there_is_none(sound_server):
    sound_server.unplug()
    with pytest.raises(FileError, match="no speaker found"):
        choose([], [DeviceKind.PLAYBACK], [device for device in list_devices() if device.name != "Dummy Output"])


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    with pytest.raises(FileError, match="package miniaudio") as caught:
        list_devices()
    assert caught.value.hint == "pip install 'livecli[audio]'"
