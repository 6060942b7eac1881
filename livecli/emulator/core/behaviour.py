"""Behaviours: what the emulated model does in a turn, as steps. The default one is `Echo`.

A new behaviour is a class with the method `answer`, which makes steps when they are needed. `response` turns steps into
messages. No I/O, and no clock.
"""

from __future__ import annotations

import array
import functools
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import msgspec

from ...media.resample import Resampler
from ...protocol.audio_rates import INPUT_RATE, OUTPUT_RATE
from ...protocol.messages import FunctionResponse, Json
from ..faults import Faults
from .utterance import BLOCK_BYTES, BYTES_PER_SECOND, Utterance

TONE_SAMPLES = OUTPUT_RATE * 60 // 1000
"""Samples of the tone that stands for a character: 60 ms."""

GREETING = "Hello!"

KEPT_ECHO_BYTES = 10 * BYTES_PER_SECOND
"""The longest utterance whose echo is kept for the next one of the same sound."""

KEPT_ECHOES = 8
"""The echoes that a process keeps: 6.4 MB at most, with their utterances."""

_TONE_PEAK = 8_000
# Each tone is faded in and out over 5 ms, so that it does not click.
_FADE_SAMPLES = OUTPUT_RATE * 5 // 1000


class UserTurn(msgspec.Struct, frozen=True):
    """A turn of the user: an utterance, text, function responses, or none of them.

    `images` counts the pictures since the turn before. `functions` are the names of the functions that the model may
    call; `search`, `code` and `urls` are whether it may use Google's tools for these, and `announces_search` whether it
    announces a search. `greeting` is whether the model greets the user, who said nothing.
    """

    utterance: Utterance | None = None
    text: str = ""
    images: int = 0
    responses: tuple[FunctionResponse, ...] = ()
    functions: frozenset[str] = frozenset()
    search: bool = False
    announces_search: bool = False
    code: bool = False
    urls: bool = False
    greeting: bool = False

    @property
    def description(self) -> str:
        """The turn in a few words, for the log."""
        if self.greeting:
            return "a response to an unknown call"
        if self.responses:
            return f"{len(self.responses)} function response{'s' if len(self.responses) > 1 else ''}"
        if self.utterance is None:
            return f"{len(self.text)} characters of text"
        return self.utterance.description.strip("[]")


class Say(msgspec.Struct, frozen=True):
    """The model says `words`. `speech` is their sound in blocks of any size, mono PCM16 at OUTPUT_RATE.

    Without `speech` the words are spoken in the voice of the session; they are tones where the emulator has no voices.
    """

    words: str
    speech: Iterable[bytes] | None = None


class Think(msgspec.Struct, frozen=True):
    """A thought of the model. A model that thinks counts it; the client sees it if the setup includes thoughts."""

    words: str


class Call(msgspec.Struct, frozen=True):
    """A function call. Successive calls are sent in one message, which gives them their ids.

    The turn stays open until the functions have returned, unless they are NON_BLOCKING. The behaviour answers the
    responses as a turn of its own, with `UserTurn.responses`. `on_return` is called with each response.
    """

    name: str
    args: Json = msgspec.field(default_factory=dict)
    on_return: Callable[[FunctionResponse], None] | None = None


class Wait(msgspec.Struct, frozen=True):
    """A pause of this many seconds."""

    seconds: float


class Interrupt(msgspec.Struct, frozen=True):
    """An interruption of the turn, as if the user had spoken over it. Later steps are dropped."""


class Close(msgspec.Struct, frozen=True):
    """The end of the session: the service closes it."""

    code: int
    reason: str = ""


class Ground(msgspec.Struct, frozen=True):
    """The sources of the answer: `groundingMetadata` as the API sends it."""

    metadata: Json


class Code(msgspec.Struct, frozen=True):
    """A part with code, as the API sends it: `{"executableCode": …}` or `{"codeExecutionResult": …}`."""

    part: Json


class FetchUrls(msgspec.Struct, frozen=True):
    """The pages that the model has read: `urlContextMetadata` as the API sends it."""

    metadata: Json


class EndTurn(msgspec.Struct, frozen=True):
    """An end of the turn that differs from the usual one after the last step.

    `reason` is the `turnCompleteReason`. If not `complete`, the turn stops without `turnComplete`.
    """

    reason: str | None = None
    complete: bool = True


class InjectFaults(msgspec.Struct, frozen=True):
    """Faults that happen in the answer that begins here: it is the first step of a turn."""

    faults: Faults


Step = Say | Think | Call | Wait | Interrupt | Close | Ground | Code | FetchUrls | EndTurn | InjectFaults
"""One thing that a model does in a turn."""


class Behaviour(Protocol):
    """The model of one session.

    It may remember earlier turns. A resumption handle keeps a `copy.copy` of it, so its attributes should be values
    that are replaced, not changed.
    """

    def answer(self, turn: UserTurn) -> Iterator[Step]:
        """The steps that answer `turn`. Its utterance can be read until the last step is taken."""


@runtime_checkable
class Transcriber(Protocol):
    """A behaviour that knows what the user says."""

    def transcribe(self) -> str | None:
        """The words of the next utterance that is answered, None where they are not known."""


class Echo:
    """Repeats each utterance of the user, and says each text. Pictures are counted.

    `call NAME` in a text calls a declared function, with the JSON object behind the name as its arguments; its result
    is spoken. Google's tools make their parts if the setup has them: `search` in a text is grounded (`googleSearch`), a
    text after `code` is printed by code (`codeExecution`), and URLs in a text are read (`urlContext`).
    """

    def answer(self, turn: UserTurn) -> Iterator[Step]:
        calls = list(_calls(turn))
        if calls:
            yield from calls
            return
        if turn.greeting:
            yield Say(GREETING)
        yield from _google_tools(turn)
        spoken = turn.utterance is not None and turn.utterance.length_bytes
        if spoken or turn.text or turn.images or turn.responses:
            yield Think(f"I heard {turn.description}.")
            yield from _say_back(turn)
        if _searches(turn):
            yield Ground(_grounding(turn.text))


def _google_tools(turn: UserTurn) -> Iterator[Step]:
    """The parts of code execution and of URL context, in the shapes of Google's cookbook, and that of a search."""
    if turn.announces_search and _searches(turn):
        output = "Looking up information on Google Search.\n"
        yield Code({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": output}})
    if turn.code and (code := re.search(r"\bcode\s+(.+)", turn.text, re.DOTALL)):
        yield Code({"executableCode": {"language": "PYTHON", "code": f"print({code[1]!r})"}})
        yield Code({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": f"{code[1]}\n"}})
    if turn.urls and (urls := re.findall(r"https?://\S+", turn.text)):
        status = "URL_RETRIEVAL_STATUS_SUCCESS"
        yield FetchUrls({"urlMetadata": [{"retrievedUrl": url, "urlRetrievalStatus": status} for url in urls]})


def _searches(turn: UserTurn) -> bool:
    return turn.search and re.search(r"\bsearch", turn.text, re.IGNORECASE) is not None


def _calls(turn: UserTurn) -> Iterator[Call]:
    for named in re.finditer(r"\bcall\s+([\w.:-]*\w)\s*", turn.text):
        if named[1] in turn.functions:
            yield Call(named[1], _object_at(turn.text, named.end()))


def _object_at(text: str, position: int) -> Json:
    try:
        value, _ = json.JSONDecoder().raw_decode(text, position)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _say_back(turn: UserTurn) -> Iterator[Say]:
    words = " ".join([*filter(None, [turn.text]), *map(_result_text, turn.responses)])
    seen = f" [{turn.images} image{'s' if turn.images > 1 else ''}]" if turn.images else ""
    if turn.utterance is not None and turn.utterance.length_bytes:
        yield Say(turn.utterance.description + ("" if words else seen), _echo(turn.utterance))
        words = words and f" {words}{seen}"
    else:
        words = (words + seen).strip() if seen else words
    if words:
        yield Say(words)


def _result_text(response: FunctionResponse) -> str:
    """The result of a function, as text: "sunny" for `{"output": "sunny"}`, the usual form."""
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


def _echo(utterance: Utterance) -> Iterable[bytes]:
    if utterance.length_bytes <= KEPT_ECHO_BYTES:
        return _kept_echo(b"".join(utterance.blocks()))
    return _resampled(utterance.blocks())


def _resampled(blocks: Iterable[bytes]) -> Iterator[bytes]:
    resampler = Resampler(INPUT_RATE, OUTPUT_RATE)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()


@functools.lru_cache(KEPT_ECHOES)
def _kept_echo(pcm: bytes) -> tuple[bytes, ...]:
    """The echo of a short utterance. A test sends the same one many times, and resampling is half of a reply's cost."""
    return tuple(_resampled(pcm[at : at + BLOCK_BYTES] for at in range(0, len(pcm), BLOCK_BYTES)))


def tones(text: str) -> Iterator[bytes]:
    """A tone of TONE_SAMPLES for each character. The character decides the pitch; white space is silent."""
    for character in text:
        yield _tone(None if character.isspace() else ord(character) % 24)


@functools.cache
def _tone(semitone: int | None) -> bytes:
    """A tone this many semitones above 220 Hz; silence for None."""
    if semitone is None:
        return bytes(2 * TONE_SAMPLES)
    step = 2 * math.pi * 220 * 2 ** (semitone / 12) / OUTPUT_RATE
    loudness = (min(1.0, n / _FADE_SAMPLES, (TONE_SAMPLES - n) / _FADE_SAMPLES) for n in range(TONE_SAMPLES))
    samples = array.array("h", (round(_TONE_PEAK * loud * math.sin(step * n)) for n, loud in enumerate(loudness)))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
