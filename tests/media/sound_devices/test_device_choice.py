"""Which device `--device` means. No device is needed for that."""

import asyncio

import pytest

from livecli.errors import FileError, UsageError
from livecli.media.sound_devices import devices
from livecli.media.sound_devices.device_choice import (
    DeviceList,
    choose,
    find_again,
    find_device,
    needs_half_duplex,
    table,
)
from livecli.media.sound_devices.devices import Device, DeviceKind
from tests.cases import in_one_test
from tests.virtual_time import in_virtual_time

P, C = DeviceKind.PLAYBACK, DeviceKind.CAPTURE
DEVICES = [
    Device(0, "Built-in Audio", P, True, "alsa_output.pci.analog-stereo"),
    Device(1, "Jabra Headset", P, False, "alsa_output.usb-jabra"),
    Device(2, "HDMI 1", P),
    Device(3, "HDMI 2", P),
    Device(4, "Monitor of Jabra Headset", C, False, "alsa_output.usb-jabra.monitor"),
    Device(5, "Built-in Audio", C, True, "alsa_input.pci.analog-stereo"),
    Device(6, "Jabra Headset", C, False, "alsa_input.usb-jabra"),
    Device(7, "Built-in Audio (echo cancelled with Built-in Audio)", C, False, "alsa_input.pci.echo-cancel"),
]


@in_one_test(
    ("words", "indexes"),
    [
        ([], [0, 5]),
        (["jabra"], [1, 6]),
        (["JABRA HEADSET"], [1, 6]),
        (["built-in audio"], [0, 5]),
        (["1"], [1, 5]),
        (["2", "6"], [2, 6]),
        (["hdmi 1", "echo-cancel"], [2, 7]),
        (["alsa_input.usb-jabra"], [0, 6]),
        (["monitor"], [0, 4]),
        (["1", "jabra headset"], [1, 6]),
    ],
)
def test_a_word_is_an_index_a_name_or_a_part_of_one(words, indexes):
    assert [device.index for device in choose(words, [P, C], DEVICES)] == indexes


@in_one_test(
    ("words", "kinds", "said", "hint"),
    [
        (["nope"], [P, C], "no such speaker or microphone", "[4] Monitor of Jabra"),
        (["9"], [P], "no such speaker", "devices: [0] Built-in Audio  [1] Jabra Headset  [2] HDMI 1  [3] HDMI 2"),
        (["6"], [P], "no such speaker", "[1] Jabra"),
        (["monitor"], [P], "no such speaker", "[1] Jabra"),
        ([""], [P], "no such speaker", "[1] Jabra"),
        (["hdmi"], [P, C], "matches several speakers", "devices: [2] HDMI 1  [3] HDMI 2"),
        (["hdmi 1", "jabra"], [P, C], "two speakers: HDMI 1, Jabra Headset", None),
    ],
)
def test_what_is_unknown_or_ambiguous_is_answered_with_what_there_is(words, kinds, said, hint):
    with pytest.raises(UsageError, match=said) as caught:
        choose(words, kinds, DEVICES)
    assert hint is None or hint in caught.value.hint


def test_without_any_device_there_is_nothing_to_choose():
    with pytest.raises(FileError, match="no microphone"):
        choose([], [P, C], DEVICES[:4])
    assert choose([], [P], [Device(0, "x", P)]) == [None]  # there is one, but the default is not known


def test_half_duplex_is_needed_where_the_microphone_hears_the_speaker():
    assert needs_half_duplex(DEVICES[0], DEVICES[5])
    assert needs_half_duplex(None, None)
    assert not needs_half_duplex(DEVICES[1], DEVICES[5])
    # A canceller's microphone does not cancel the sound of another speaker than the canceller's own.
    assert needs_half_duplex(DEVICES[0], DEVICES[7])
    source = Device(1, "Echo-Cancel Source", C, True, "echo-cancel-source")
    assert needs_half_duplex(None, source)
    assert not needs_half_duplex(Device(2, "Echo-Cancel Sink", P, True, "echo-cancel-sink"), source)


@pytest.mark.parametrize(
    ("arguments", "trusted"),
    [
        ("source_name=echocancel_source aec_method=webrtc", True),
        ("source_name=echocancel_source", True),
        ("source_name=echocancel_source aec_method=speex", False),
        ('aec_method="adrian" sink_name=x', False),
    ],
)
def test_the_sound_servers_canceller_is_trusted_only_where_it_is_webrtcs(tmp_path, monkeypatch, arguments, trusted):
    (tmp_path / "pactl").write_text(f"#!/bin/sh\necho '7\tmodule-echo-cancel\t{arguments}\t'\n")
    (tmp_path / "pactl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    source = Device(1, "Echo-Cancel Source", C, True, "echo-cancel-source")
    assert needs_half_duplex(Device(2, "Echo-Cancel Sink", P, True, "echo-cancel-sink"), source) is not trusted


def test_a_device_is_found_again_by_its_name_and_identifier():
    later = [Device(9, device.name, device.kind, device.is_default, device.id) for device in reversed(DEVICES)]
    found, default = find_again(P, DEVICES[1], later)
    assert (found, default) == (next(device for device in later if device.is_same(DEVICES[1])), None)
    assert find_again(P, DEVICES[1], DEVICES[:1]) == (None, DEVICES[0])
    assert find_again(P, None, DEVICES) == (None, DEVICES[0])
    with pytest.raises(FileError, match="no microphone found"):
        find_again(C, DEVICES[6], DEVICES[:4])


@in_virtual_time
async def test_only_one_thread_waits_for_a_sound_system_that_does_not_answer(monkeypatch):
    started = []

    async def never(call):
        started.append(call)
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "to_thread", never)
    listed = DeviceList()
    assert [await listed.read(), await listed.read()] == [[], []]
    assert len(started) == 1


async def test_a_sound_system_that_is_missing_has_no_devices(monkeypatch, system_devices):
    listed = DeviceList()
    assert await listed.read() == SYSTEM

    def fail():
        raise FileError("there is no sound system")

    monkeypatch.setattr(devices, "list_devices", fail)
    assert await listed.read() == []


def test_the_table_shows_what_may_be_named_and_nothing_a_terminal_obeys():
    lines = table([*DEVICES[:1], Device(10, "evil\x1b[31m", C)]).splitlines()
    assert lines == [
        "  0 playback * Built-in Audio  alsa_output.pci.analog-stereo",
        r" 10 capture    evil\x1b[31m",
    ]
    assert table([]) == ""


HEADSET = "USB Headset"
SYSTEM = [
    Device(0, "Loudspeakers", P, is_default=True),
    Device(1, HEADSET, P),
    Device(2, "Built-in", C, is_default=True),
    Device(3, HEADSET, C),
    Device(4, "Camera", C),
]


@pytest.fixture
def system_devices(monkeypatch):
    """The devices that the system lists, as a list that a test may change."""
    found = [*SYSTEM]
    monkeypatch.setattr(devices, "list_devices", lambda: found)
    return found


@pytest.mark.usefixtures("system_devices")
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
async def test_a_word_may_mean_either_kind_or_both(words, speaker, microphone):
    def index(pair):
        return tuple(device and device.index for device in pair)

    assert index(await find_device(P, words)) == speaker
    assert index(await find_device(C, words)) == microphone


@pytest.mark.usefixtures("system_devices")
async def test_a_word_that_names_no_device_is_refused():
    with pytest.raises(UsageError, match="no such speaker or microphone"):
        await find_device(P, ["headset", "trumpet"])


async def test_without_a_device_of_the_kind(system_devices):
    system_devices[:] = [device for device in SYSTEM if device.kind is C]
    with pytest.raises(FileError, match="no speaker found"):
        await find_device(P, [])
