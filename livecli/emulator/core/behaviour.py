"""What the model says. A behaviour turns what was heard into steps, lazily; `answer` turns steps into messages.

Adding one is writing a class with `answer`. Pure: no sockets, no clock.
"""

from __future__ import annotations

import array
import functools
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ...media.resample import Resampler
from ...protocol.audio_rates import INPUT_RATE, OUTPUT_RATE
from ...protocol.messages import FunctionResponse, Json
from .utterance import Utterance

TONE_SAMPLES = OUTPUT_RATE * 60 // 1000
"""A character sounds for 60 ms."""

_TONE_PEAK = 8_000
_FADE_SAMPLES = OUTPUT_RATE * 5 // 1000  # without a fade every tone begins and ends with a click


@dataclass(frozen=True)
class UserTurn:
    """What the user said: by voice, in writing, by what functions returned, or not at all (a turn without content).

    `images` counts what was shown since the last turn; `functions` are the names of what the model may call now, and
    `search` is whether it may search the web.
    """

    utterance: Utterance | None = None
    text: str = ""
    images: int = 0
    responses: tuple[FunctionResponse, ...] = ()
    functions: frozenset[str] = frozenset()
    search: bool = False

    @property
    def description(self) -> str:
        """For the log."""
        if self.responses:
            return f"{len(self.responses)} function response{'s' if len(self.responses) > 1 else ''}"
        if self.utterance is None:
            return f"{len(self.text)} characters of text"
        return self.utterance.description.strip("[]")


@dataclass(frozen=True)
class Say:
    """The model says `words`; `speech` is their sound, made when it is taken: mono PCM16 at OUTPUT_RATE, any blocks."""

    words: str
    speech: Iterable[bytes]


@dataclass(frozen=True)
class Think:
    """The model thinks; shown to whoever asked for thoughts, and counted where the model thinks at all."""

    words: str


@dataclass(frozen=True)
class Call:
    """The model wants a function called. Calls in a row are one message; their ids are the conversation's to make.

    The turn then stays open until the functions have returned, unless they are NON_BLOCKING. What they returned is a
    turn of its own, with `Heard.responses`.
    """

    name: str
    args: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Wait:
    """Nothing happens for so long."""

    seconds: float


@dataclass(frozen=True)
class Interrupt:
    """The turn ends as if the user had spoken over it: no step after this one is taken."""


@dataclass(frozen=True)
class Close:
    """The service closes the session."""

    code: int
    reason: str = ""


@dataclass(frozen=True)
class Ground:
    """`groundingMetadata`, as the API gives it: where the answer comes from."""

    metadata: Json


@dataclass(frozen=True)
class Code:
    """A part that is code, as it goes over the wire: `{"executableCode": …}` or `{"codeExecutionResult": …}`."""

    part: Json


@dataclass(frozen=True)
class EndTurn:
    """The turn ends here, with this `turnCompleteReason`; where it is not `complete`, in mid-sentence: nothing says so.

    A turn that runs out of steps ends by itself: this is for ends that are not like that.
    """

    reason: str | None = None
    complete: bool = True


Step = Say | Think | Call | Wait | Interrupt | Close | Ground | Code | EndTurn
"""What a model may do in a turn."""


class Behaviour(Protocol):
    """One way of being a model, in one session.

    It may remember what was said before. A handle for resumption keeps a `copy.copy` of it, so what it remembers
    should be plain values.
    """

    def answer(self, heard: UserTurn) -> Iterator[Step]:
        """The steps of one turn. `heard.utterance` can be read until the last step is taken."""


class Echo:
    """Your own utterance back, at the model's rate; a text as a pattern of tones.

    `call NAME` in a text calls a declared function, with the JSON object behind the name as its arguments, and what it
    returns is said; `search` in a text is grounded where the setup has `googleSearch`. Images are acknowledged.
    """

    def answer(self, heard: UserTurn) -> Iterator[Step]:
        calls = list(_calls(heard))
        if calls:
            yield from calls
            return
        spoken = heard.utterance is not None and heard.utterance.length_bytes
        if spoken or heard.text or heard.images or heard.responses:
            yield Think(f"I heard {heard.description}.")
            yield from _say_back(heard)
        if heard.search and re.search(r"\bsearch", heard.text, re.IGNORECASE):
            yield Ground(_grounding(heard.text))


def _calls(heard: UserTurn) -> Iterator[Call]:
    for named in re.finditer(r"\bcall\s+([\w.:-]*\w)\s*", heard.text):
        if named[1] in heard.functions:
            yield Call(named[1], _object_at(heard.text, named.end()))


def _object_at(text: str, position: int) -> Json:
    try:
        value, _ = json.JSONDecoder().raw_decode(text, position)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _say_back(heard: UserTurn) -> Iterator[Say]:
    words = " ".join([*filter(None, [heard.text]), *map(_returned, heard.responses)])
    seen = f" [{heard.images} image{'s' if heard.images > 1 else ''}]" if heard.images else ""
    if heard.utterance is not None and heard.utterance.length_bytes:
        yield Say(heard.utterance.description + ("" if words else seen), _echo(heard.utterance))
        words = words and f" {words}{seen}"
    else:
        words = (words + seen).strip() if seen else words
    if words:
        yield Say(words, tones(words))


def _returned(response: FunctionResponse) -> str:
    """What a function returned, as words: `{"output": "sunny"}` is how the API wants it, and is "sunny"."""
    value: object = response.response or {}
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _grounding(query: str) -> Json:
    return {
        "searchEntryPoint": {"renderedContent": "<div>livecli's emulator searches nothing</div>"},
        "groundingChunks": [{"web": {"uri": "https://example.com/", "title": "example.com", "domain": "example.com"}}],
        "groundingSupports": [{"segment": {"endIndex": len(query), "text": query}, "groundingChunkIndices": [0]}],
        "webSearchQueries": [query],
    }


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
