"""Which device `--device` means. No device is needed for that."""

import pytest

from livecli.errors import FileError, UsageError
from livecli.media.device_choice import choose, is_half_duplex_wise, table
from livecli.media.devices import Device, DeviceKind

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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("words", "kinds", "said", "hint"),
    [
        (["nope"], [P, C], "no such speaker or microphone", "4 Monitor of Jabra"),
        (["9"], [P], "no such speaker", "0 Built-in Audio, 1 Jabra Headset, 2 HDMI 1, 3 HDMI 2"),
        (["6"], [P], "no such speaker", "1 Jabra"),
        (["monitor"], [P], "no such speaker", "1 Jabra"),
        ([""], [P], "no such speaker", "1 Jabra"),
        (["hdmi"], [P, C], "any of several speakers", "2 HDMI 1, 3 HDMI 2"),
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
    assert choose([], [P], [Device(0, "x", P)]) == [None]  # there is one, but nobody says which is the default


def test_half_duplex_is_wise_where_the_microphone_hears_the_speaker():
    assert is_half_duplex_wise(DEVICES[0], DEVICES[5])
    assert is_half_duplex_wise(None, None)
    assert not is_half_duplex_wise(DEVICES[1], DEVICES[5])
    assert not is_half_duplex_wise(DEVICES[0], DEVICES[7])
    assert not is_half_duplex_wise(None, Device(1, "Echo-Cancel Source", C, True, "echo-cancel-source"))


def test_the_table_shows_what_may_be_named_and_nothing_a_terminal_obeys():
    lines = table([*DEVICES[:1], Device(10, "evil\x1b[31m", C)]).splitlines()
    assert lines == [
        "  0 playback * Built-in Audio  alsa_output.pci.analog-stereo",
        r" 10 capture    evil\x1b[31m",
    ]
    assert table([]) == ""
