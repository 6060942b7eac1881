from __future__ import annotations

import random

import numpy
import pytest

from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.sound_devices.devices import DEVICE_RATE, PERIOD_SECONDS
from livecli.media.sound_devices.echo import SLACK_BYTES, EchoCanceller
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


def cleaned(played, recorded, *, speaker_at=0.0, microphone_at=0.0, delays=lambda number: 0.0):
    """The output of a canceller whose devices begin at these times, in seconds, and are called late by `delays`.

    What a period of the speaker plays is in the microphone's period of the same number, which is called at its end.
    """
    canceller, output, latest = EchoCanceller(), b"", 0.0
    calls = []
    for number, (far, near) in enumerate(zip(periods(played), periods(recorded), strict=True)):
        latest = max(latest, number * PERIOD_SECONDS + delays(number))
        if number * PERIOD_SECONDS >= speaker_at:
            calls.append((latest, far, None))
        if number * PERIOD_SECONDS >= microphone_at:
            calls.append(((number + 1) * PERIOD_SECONDS, None, near))
    for _, far, near in sorted(calls, key=lambda call: call[0]):
        if far is not None:
            canceller.play(far, len(far))
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


def test_sound_waits_for_a_late_speaker_but_not_for_one_that_has_stopped():
    canceller = EchoCanceller()
    canceller.clean(SILENT)
    canceller.play(SILENT, len(SILENT))
    assert len(canceller.clean(SILENT)) == len(SILENT)
    waiting = 0
    while not (came := canceller.clean(SILENT)):
        waiting += len(SILENT)
    assert waiting == SLACK_BYTES
    assert len(came) == len(SILENT)
    canceller.play(SILENT * 6, 6 * len(SILENT))
    assert len(canceller.clean(SILENT)) == 6 * len(SILENT)


def test_a_wait_that_lasts_is_shortened():
    canceller = EchoCanceller()
    canceller.play(SILENT, len(SILENT))
    given = returned = 0
    # The microphone has recorded 80 ms before the speaker begins.
    for block in [SILENT * 5] + [SILENT] * 60:
        canceller.play(SILENT, len(SILENT))
        given += len(block)
        returned += len(canceller.clean(block))
    assert given - returned == len(SILENT)


def test_a_wait_that_drifts_by_a_period_is_left():
    canceller = EchoCanceller()
    canceller.play(SILENT, len(SILENT))
    given = returned = 0
    # One period waits in the first second. Later the microphone is called twice in a row.
    for block in [SILENT * 2] + [SILENT] * 59 + [SILENT * 2] + [SILENT] * 119:
        canceller.play(SILENT, len(SILENT))
        given += len(block)
        returned += len(canceller.clean(block))
    assert given - returned == 2 * len(SILENT)


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
    assert len(canceller._far) <= SLACK_BYTES + len(SILENT)
