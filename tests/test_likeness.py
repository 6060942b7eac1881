"""The comparison that tests of the speaker and the microphone rely on, with replies that are right and wrong."""

import numpy
import pytest

from livecli.media.file_source import SAMPLE, read_sound
from tests.likeness import ALIKE, likeness
from tests.sound_server import RATE

SPEECH = numpy.frombuffer(b"".join(read_sound(SAMPLE, RATE)), "<i2").astype(float)
BEGIN, END = numpy.flatnonzero(abs(SPEECH) > 200)[[0, -1]]
SPOKEN = SPEECH[BEGIN:END]
NOISE = numpy.random.default_rng(1).normal(0, 1, 4 * RATE)


def silence(seconds):
    return numpy.zeros(round(seconds * RATE))


def with_gaps(sound, gaps, seconds):
    """So many silences in it, at equal distances; what follows each of them is later."""
    parts = numpy.array_split(sound, gaps + 1)
    return numpy.concatenate([part for piece in parts for part in (piece, silence(seconds))])


def without_pieces(sound, pieces, seconds):
    """So many pieces lost, at equal distances; what follows each of them is earlier."""
    return numpy.concatenate([part[round(seconds * RATE) :] for part in numpy.array_split(sound, pieces)])


def resampled(sound, factor):
    return numpy.interp(numpy.arange(0, len(sound), factor), numpy.arange(len(sound)), sound)


def swapped(sound, parts):
    return numpy.concatenate(numpy.array_split(sound, parts)[::-1])


RIGHT = {
    "the same": SPEECH,
    "a part of a spectrum later": numpy.concatenate([numpy.zeros(37), SPEECH]),
    "through another rate": resampled(resampled(SPEECH, 1 / 1.5), 1.5),
    "with a little noise": SPEECH + 5 * NOISE[: len(SPEECH)],
    "with silences in it": with_gaps(SPEECH, 5, 0.021),
    "with as much silence as speech in it": with_gaps(SPEECH, 40, 0.05),
    "with one long silence in it": with_gaps(SPEECH, 1, 0.5),
    "with pieces lost": without_pieces(SPEECH, 5, 0.011),
}
WRONG = {
    "nothing": silence(0),
    "silence": silence(3),
    "reversed": SPEECH[::-1],
    "doubled": numpy.concatenate([SPEECH, SPEECH]),
    "with its end once more": numpy.concatenate([SPEECH, SPOKEN[-RATE // 2 :]]),
    "without its end": SPOKEN[: -RATE // 8],
    "without its beginning": SPOKEN[RATE // 8 :],
    "without its middle": numpy.concatenate([SPOKEN[: RATE // 2], SPOKEN[RATE // 2 + RATE // 8 :]]),
    "half of it": SPEECH[: len(SPEECH) // 2],
    "halves swapped": swapped(SPEECH, 2),
    "thirds in another order": swapped(SPEECH, 3),
    "noise": 3000 * NOISE[: len(SPEECH)],
    "a tone": 3000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(len(SPEECH)) / RATE),
    "in noise as loud": SPEECH + SPEECH.std() * NOISE[: len(SPEECH)],
    "at the wrong rate": resampled(SPEECH, 1.5),
    "too slow": resampled(SPEECH, 1 / 1.2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_reply(name):
    assert likeness(numpy.concatenate([silence(0.5), RIGHT[name], silence(0.4)]), SPEECH) > ALIKE


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_reply(name):
    assert likeness(numpy.concatenate([silence(0.5), WRONG[name], silence(0.4)]), SPEECH) < 0.8
    assert likeness(WRONG[name], SPEECH) < 0.8
