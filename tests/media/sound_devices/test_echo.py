from __future__ import annotations

import random

import numpy
import pytest

from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.sound_devices.devices import DEVICE_RATE, PERIOD_SECONDS
from livecli.media.sound_devices.echo import SLACK_BYTES, UNPAIRED_BYTES, EchoCanceller
from tests.needs import needs_package

PERIOD = round(PERIOD_SECONDS * DEVICE_RATE)
"""Samples that a device plays or records in one call."""

SILENT = bytes(2 * PERIOD)

LOUD = 104
"""The level of -50 dBFS, above which a detector of speech takes 20 ms for speech."""


@pytest.fixture(autouse=True)
def package() -> None:
    needs_package("pywebrtc_audio")


@pytest.fixture(scope="module")
def speech():
    return numpy.frombuffer(b"".join(read_sound(SAMPLE, DEVICE_RATE)), "<i2").astype(float)


def echo_of(sound, milliseconds, gain=0.5):
    delay = milliseconds * DEVICE_RATE // 1000
    return numpy.concatenate([numpy.zeros(delay), sound])[: len(sound)] * gain


def periods(samples):
    pcm = samples.clip(-32_768, 32_767).astype("<i2").tobytes()
    return [pcm[start : start + 2 * PERIOD] for start in range(0, len(pcm) - 2 * PERIOD + 1, 2 * PERIOD)]


def cleaned(played, recorded, *, speaker_at=0.0, microphone_at=0.0, delays=lambda number: 0.0, without=None):
    """The output of a canceller whose devices begin at these times, in seconds, and are called late by `delays`.

    What a period of the speaker plays is in the microphone's period of the same number, which is called at its end.
    `without` names the periods in which a device is not called: the sound of the microphone is lost, and that of the
    speaker has to be silence.
    """
    now = latest = 0.0
    canceller, output = EchoCanceller(clock=lambda: now), b""
    without = {"speaker": (), "microphone": (), **(without or {})}
    calls = []
    for number, (far, near) in enumerate(zip(periods(played), periods(recorded), strict=True)):
        latest = max(latest, number * PERIOD_SECONDS + delays(number))
        if number * PERIOD_SECONDS >= speaker_at and number not in without["speaker"]:
            calls.append((latest, far, None))
        if number * PERIOD_SECONDS >= microphone_at and number not in without["microphone"]:
            calls.append(((number + 1) * PERIOD_SECONDS, None, near))
    for now, far, near in sorted(calls, key=lambda call: call[0]):  # noqa: B007 - the clock reads it
        if far is not None:
            canceller.play(far if any(far) else b"", len(far))
        else:
            output += canceller.clean(near)
    return numpy.frombuffer(output, "<i2").astype(float)


def removed_db(recorded, output, since=3.0):
    """How much quieter the output is than the recording, from `since` seconds on."""
    start = round(since * DEVICE_RATE)
    power = [float((samples[start : len(output)] ** 2).mean()) for samples in (recorded, output)]
    return 10 * numpy.log10(power[0] / (power[1] + 1e-9))


def correlation(found, wanted):
    """The largest correlation of two sounds over all shifts between them: 1 for the same sound."""
    size = len(found) + len(wanted)
    spectrum = numpy.fft.rfft(found, size) * numpy.fft.rfft(wanted, size).conj()
    return numpy.fft.irfft(spectrum, size).max() / (numpy.linalg.norm(found) * numpy.linalg.norm(wanted))


@pytest.mark.parametrize("milliseconds", [50, 200])
@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_an_echo_is_removed(speech, milliseconds, gain):
    played = numpy.tile(speech, 4)
    recorded = echo_of(played, milliseconds, gain)
    assert removed_db(recorded, cleaned(played, recorded)) > 30


def test_the_rest_of_an_echo_from_a_speaker_that_distorts_is_no_speech(speech):
    played = numpy.tile(speech, 4)
    output = cleaned(played, echo_of(played.clip(-16_000, 16_000), 200))
    windows = output[DEVICE_RATE:].reshape(-1, DEVICE_RATE // 50)
    assert numpy.sqrt((windows**2).mean(axis=1)).max() < LOUD


@pytest.mark.parametrize(("speaker_at", "microphone_at"), [(0.0, 1.01), (1.01, 0.0), (0.0, 2.0)])
def test_the_devices_may_be_opened_one_after_the_other(speech, speaker_at, microphone_at):
    played = numpy.tile(speech, 4)
    played[: round(speaker_at * DEVICE_RATE)] = 0
    recorded = echo_of(played, 60)
    output = cleaned(played, recorded, speaker_at=speaker_at, microphone_at=microphone_at)
    began = -(-round(microphone_at * DEVICE_RATE) // PERIOD) * PERIOD
    assert removed_db(recorded[began:], output) > 30


SEEDED = random.Random(1)
HITCHES = [SEEDED.uniform(0, 0.08) if number % 25 == 0 else 0.0 for number in range(1000)]
FOUR_AT_ONCE = [(3 - number % 4) * PERIOD_SECONDS for number in range(1000)]


@pytest.mark.parametrize("delays", [HITCHES, FOUR_AT_ONCE])
def test_late_calls_of_the_speaker_do_not_shift_the_pairs(speech, delays):
    played = numpy.tile(speech, 4)
    recorded = echo_of(played, 80)
    assert removed_db(recorded, cleaned(played, recorded, delays=delays.__getitem__)) > 30


def test_the_person_who_speaks_meanwhile_is_kept(speech):
    played = numpy.tile(speech, 4)
    near = numpy.zeros(len(played))
    begins = 5 * DEVICE_RATE
    near[begins : begins + len(speech)] = speech[::-1] * 0.5
    recorded = echo_of(played, 60) + near
    output = cleaned(played, recorded)
    kept = output[begins - PERIOD : begins + len(speech) + PERIOD]
    assert correlation(kept, speech[::-1]) > 0.6
    assert correlation(recorded[begins:], speech[::-1]) < 0.6


def test_without_a_speaker_the_sound_passes_unchanged_and_at_once():
    canceller = EchoCanceller()
    sound = bytes(range(256)) * 4
    assert canceller.clean(sound) == sound
    canceller.play(SILENT, len(SILENT))
    canceller.close_speaker()
    assert canceller.clean(sound) == sound


@pytest.fixture
def devices():
    """A canceller whose devices both call every 20 ms, unless they are told otherwise."""

    class Devices:
        def __init__(self):
            self.now = 0.0
            self.canceller = EchoCanceller(clock=lambda: self.now)
            self.recorded = self.returned = 0

        def run(self, periods, *, plays=True, records=True, silent=True):
            """Let some periods pass. Returns how much the canceller has returned in each of them."""
            sizes = []
            for _ in range(periods):
                self.now += PERIOD_SECONDS
                if plays:
                    self.canceller.play(b"" if silent else SILENT, len(SILENT))
                sizes.append(len(self.canceller.clean(SILENT)) if records else 0)
            self.recorded += periods * len(SILENT) * records
            self.returned += sum(sizes)
            return sizes

        @property
        def waiting(self):
            """How many periods of the microphone's sound wait."""
            return (self.recorded - self.returned) / len(SILENT)

    started = Devices()
    started.canceller.play(SILENT, len(SILENT))  # before the first sound of the microphone, which waits for the next
    return started


def test_sound_waits_for_a_late_speaker(devices):
    devices.run(50)
    devices.run(8, plays=False)
    assert devices.waiting == 9
    for _ in range(8):  # a late thread calls several times in a row
        devices.canceller.play(SILENT, len(SILENT))
    devices.run(50)
    assert devices.waiting == 1


def test_sound_does_not_wait_for_a_speaker_that_has_stopped(devices):
    devices.run(50)
    sizes = devices.run(50, plays=False)
    assert sizes[-30:] == [len(SILENT)] * 30
    assert devices.waiting == SLACK_BYTES / len(SILENT)


def test_a_wait_at_the_beginning_is_shortened(devices):
    devices.recorded += 5 * len(SILENT)
    devices.canceller.clean(SILENT * 5)  # recorded before the speaker begins
    devices.run(50)
    assert devices.waiting == 1


def test_a_speaker_that_has_lost_time_in_silence_is_waited_for_no_longer_than_before(devices):
    devices.run(50)
    devices.run(3, plays=False)  # it plays 60 ms of silence that it was not given
    assert devices.waiting == 4
    devices.run(50)
    assert devices.waiting == 1


def test_in_the_middle_of_an_answer_it_is_waited_for_as_the_canceller_has_begun_to_follow(devices):
    devices.run(50)
    devices.run(3, plays=False)
    devices.run(50, silent=False)
    assert devices.waiting == 4
    devices.run(100)
    assert devices.waiting == 4, "the canceller has followed"


def test_a_loss_that_the_canceller_has_followed_does_not_add_to_a_small_one_in_silence(devices):
    devices.run(50)
    devices.run(50, silent=False)
    devices.run(1, plays=False)
    devices.run(50, silent=False)
    devices.run(100)
    devices.run(1, plays=False)
    devices.run(100)
    assert devices.waiting == 3, "one at the beginning, and the two that were lost"


def test_a_microphone_that_has_lost_sound_takes_its_counterpart_with_it(devices):
    devices.run(50)
    devices.run(3, records=False)
    devices.run(50)
    devices.run(1, plays=False)
    assert devices.waiting == 2, "none of the speaker's sound is left over"


@pytest.mark.parametrize("device", ["speaker", "microphone"])
def test_an_echo_is_removed_from_its_beginning_after_a_device_has_lost_sound(speech, device):
    played = numpy.concatenate([numpy.tile(speech, 3), numpy.zeros(3 * DEVICE_RATE), speech])
    recorded = echo_of(played, 60)
    silent = 3 * len(speech) // PERIOD + 50
    output = cleaned(played, recorded, without={device: range(silent, silent + 3)})
    assert removed_db(recorded[-len(speech) :], output[-len(speech) :], since=0) > 30


def test_what_is_shorter_than_the_period_is_followed_by_silence():
    canceller = EchoCanceller()
    canceller.clean(SILENT)
    canceller.play(b"", len(SILENT))
    assert len(canceller.clean(SILENT)) == len(SILENT)


def test_silence_after_sound_stays_silence(speech):
    sound = numpy.concatenate([speech, numpy.zeros(DEVICE_RATE)])
    output = cleaned(sound, sound)
    assert not output[len(speech) + PERIOD :].any()


def test_the_sound_passes_unchanged_once_the_speaker_has_been_silent_for_a_second(speech):
    silence = numpy.zeros(4 * DEVICE_RATE)
    played = numpy.concatenate([speech, silence])
    recorded = numpy.concatenate([echo_of(speech, 60), speech, silence])[: len(played)]
    output = cleaned(played, recorded)
    quiet = len(speech) + DEVICE_RATE + PERIOD
    assert (output[quiet:] == recorded[quiet : len(output)]).all() and output[quiet:].any()


def test_an_echo_after_a_long_silence_is_removed_from_its_beginning(speech):
    played = numpy.concatenate([numpy.tile(speech, 3), numpy.zeros(10 * DEVICE_RATE), speech])
    recorded = echo_of(played, 60)
    assert removed_db(recorded, cleaned(played, recorded), since=(len(played) - len(speech)) / DEVICE_RATE) > 30


def test_memory_is_bounded_where_the_microphone_has_stopped():
    canceller = EchoCanceller()
    canceller.clean(SILENT)
    for _ in range(1000):
        canceller.play(SILENT, len(SILENT))
    assert len(canceller._pairs._far) == UNPAIRED_BYTES
