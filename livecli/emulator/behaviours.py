"""What the model says. A behaviour turns what was heard into steps, lazily; `answer` turns steps into messages.

Adding one is writing a class with `answer`. Pure: no sockets, no clock.
"""

from __future__ import annotations

import array
import functools
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..audio.resample import Resampler
from ..protocol.codec import INPUT_RATE, OUTPUT_RATE
from .utterance import Utterance

TONE_SAMPLES = OUTPUT_RATE * 60 // 1000
"""A character sounds for 60 ms."""

_TONE_PEAK = 8_000
_FADE_SAMPLES = OUTPUT_RATE * 5 // 1000  # without a fade every tone begins and ends with a click


@dataclass(frozen=True)
class Heard:
    """What the user said: by voice, in writing, or neither (a turn without content)."""

    utterance: Utterance | None = None
    text: str = ""

    @property
    def description(self) -> str:
        if self.utterance is None:
            return f"{len(self.text)} characters of text"
        return self.utterance.description.strip("[]")


@dataclass(frozen=True)
class Say:
    """The model says `words`; `speech` is their sound, made when it is taken: mono PCM16 at OUTPUT_RATE, any blocks."""

    words: str
    speech: Iterable[bytes]


Step = Say
"""What a model may do in a turn."""


class Behaviour(Protocol):
    """One way of being a model."""

    def answer(self, heard: Heard) -> Iterator[Step]:
        """The steps of one turn. `heard.utterance` can be read until the last step is taken."""


class Echo:
    """Your own utterance back, at the model's rate; a text as a pattern of tones."""

    def answer(self, heard: Heard) -> Iterator[Step]:
        if heard.utterance is not None and heard.utterance.length_bytes:
            yield Say(heard.utterance.description, _echo(heard.utterance))
        if heard.text:
            yield Say(heard.text, tones(heard.text))


def _echo(utterance: Utterance) -> Iterator[bytes]:
    resampler = Resampler(INPUT_RATE, OUTPUT_RATE)
    for block in utterance.blocks():
        yield resampler.push(block)
    yield resampler.finish()


def tones(text: str) -> Iterator[bytes]:
    """TONE_SAMPLES for each character: the same character has the same pitch, and white space is silent."""
    for character in text:
        yield _tone(None if character.isspace() else ord(character) % 24)


@functools.cache
def _tone(semitone: int | None) -> bytes:
    """A tone so many semitones above 220 Hz."""
    if semitone is None:
        return bytes(2 * TONE_SAMPLES)
    step = 2 * math.pi * 220 * 2 ** (semitone / 12) / OUTPUT_RATE
    loudness = (min(1.0, n / _FADE_SAMPLES, (TONE_SAMPLES - n) / _FADE_SAMPLES) for n in range(TONE_SAMPLES))
    samples = array.array("h", (round(_TONE_PEAK * loud * math.sin(step * n)) for n, loud in enumerate(loudness)))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
