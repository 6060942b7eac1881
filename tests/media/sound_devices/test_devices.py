"""Which devices there are, as a real sound server has them."""

import sys

import miniaudio
import pytest

from livecli.errors import FileError
from livecli.media.sound_devices import devices
from livecli.media.sound_devices.device_choice import choose, needs_half_duplex, table
from livecli.media.sound_devices.devices import DEVICE_RATE, DeviceKind, Stream, list_devices, start_playback
from livecli.process.installer import install_extra_command


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
    assert caught.value.hint == install_extra_command("audio")


def test_the_private_parts_of_miniaudio_are_where_they_were():
    null = [miniaudio.Backend.NULL]
    listing, device = miniaudio.Devices(null), miniaudio.PlaybackDevice(backends=null)
    natives = [devices._native_device(device), devices._native_context(device), devices._native_context(listing)]
    types = [miniaudio.ffi.typeof(native).item.cname.removeprefix("struct ") for native in natives]
    Stream(device, devices._playback_callback(bytes)).close()
    assert types == ["ma_device", "ma_context", "ma_context"]


@pytest.fixture
def without_private_parts(monkeypatch):
    """As a version of miniaudio that has no such attributes."""
    monkeypatch.setattr(devices, "_native_device", lambda device: None)
    monkeypatch.setattr(devices, "_native_context", lambda owner: None)


@pytest.mark.usefixtures("sound_server", "without_private_parts")
def test_without_the_private_parts_devices_are_listed_and_named():
    assert table(list_devices()) == (
        "  0 playback   Speaker\n"
        "  1 playback   Mouth\n"
        "  2 capture    Monitor of Speaker\n"
        "  3 capture    Monitor of Mouth\n"
    )
    assert choose([], list(DeviceKind), list_devices()) == [None, None]
    [speaker] = choose(["speaker"], [DeviceKind.PLAYBACK], list_devices())
    assert speaker.index == 0


@pytest.mark.usefixtures("without_private_parts")
def test_without_the_private_parts_a_device_plays_and_is_closed(sound_server):
    with sound_server.recorded() as recording:
        stream = start_playback(None, lambda size: (b"\x00\x20" * DEVICE_RATE)[:size])
        recording.wait_for_sound()
        stream.close()
        recording.wait_for_silence()
