"""Synthesis: words that are made speech outside of the core, because that takes time. No I/O.

An answer yields a Synthesis where it needs the sound of words, and goes on once that has been made. Long texts are cut
into passages, so that an answer takes the same memory however long it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

PASSAGE_CHARACTERS = 300
"""Most characters that are made speech at once: some 20 s of it."""

_PASSAGE = re.compile(
    rf".{{1,{PASSAGE_CHARACTERS - 1}}}[.!?…](?=\s|\Z)|.{{1,{PASSAGE_CHARACTERS}}}(?=\s|\Z)|.{{1,{PASSAGE_CHARACTERS}}}",
    re.DOTALL,
)


class VoiceChoice(NamedTuple):
    """The voice of a session: a prebuilt one by its name, and the code of a language. Both may be empty."""

    name: str = ""
    language: str = ""


class Synthesis(msgspec.Struct):
    """The speech of `words`, in blocks of mono PCM16 at OUTPUT_RATE; None until it has been made."""

    words: str
    voice: VoiceChoice
    speech: Sequence[bytes] | None = None


Synthesize = Callable[[Synthesis], None]
"""Begins to make speech, and returns at once. The `speech` is set later, and the session woken then."""


def passages(words: str) -> Iterator[str]:
    """The text in pieces of at most PASSAGE_CHARACTERS, cut at the end of a sentence if possible, else of a word."""
    return (match[0] for match in _PASSAGE.finditer(words))
