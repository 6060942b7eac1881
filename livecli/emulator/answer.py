"""One turn of the model as messages: a behaviour's steps, said in the platform's manner. Each is made when it is taken.

The order is the service's: what was heard, then sound with its transcript in between, `generationComplete`, and
`turnComplete` with the usage in one message. On Vertex the first output transcription is an empty object, and the last
of either kind says `finished`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from ..protocol import events
from ..protocol.codec import OUTPUT_RATE
from ..protocol.messages import Setup
from ..protocol.models import Platform
from .admission import speaks
from .behaviours import Heard, Say, Step
from .usage import TokenCount

FIRST_PART_BYTES, PART_BYTES = 9_600, 11_520
"""200 ms and 240 ms of sound, as recorded on Vertex."""

INCREMENT_CHARACTERS = 80

Message = list[events.Event]
"""What one frame says."""


@dataclass(frozen=True)
class Manner:
    """How this session is answered."""

    platform: Platform
    speaks: bool
    transcribes_input: bool
    transcribes_output: bool

    @classmethod
    def asked_by(cls, setup: Setup, platform: Platform) -> Manner:
        aloud = speaks(setup)
        return cls(
            platform=platform,
            speaks=aloud,
            transcribes_input=setup.input_audio_transcription is not None,
            transcribes_output=aloud and setup.output_audio_transcription is not None,
        )

    @property
    def marks_transcripts(self) -> bool:
        """Whether transcripts have a beginning and an end."""
        return self.platform is Platform.VERTEX


def answer(heard: Heard, steps: Iterator[Step], manner: Manner, tokens: TokenCount) -> Iterator[Message]:
    """The messages of one turn; what they say is counted in `tokens`."""
    if manner.transcribes_input and heard.utterance is not None and heard.utterance.length_bytes:
        yield from _heard_words(heard.utterance.description, manner)
    transcribed = False
    for step in steps:
        if manner.transcribes_output and manner.marks_transcripts and not transcribed:
            yield [events.OutputTranscript("")]
            transcribed = True
        yield from _spoken(step, manner, tokens) if manner.speaks else _written(step, tokens)
    if transcribed:
        yield [events.OutputTranscript("", finished=True)]
    yield [events.GenerationComplete()]
    yield [events.TurnComplete(), events.Usage(tokens.report())]


def _heard_words(words: str, manner: Manner) -> Iterator[Message]:
    for piece in increments(words):
        yield [events.InputTranscript(piece)]
    if manner.marks_transcripts:
        yield [events.InputTranscript("", finished=True)]


def _spoken(say: Say, manner: Manner, tokens: TokenCount) -> Iterator[Message]:
    words = increments(say.words) if manner.transcribes_output else iter(())
    for part in parts(say.speech):
        for piece in islice(words, 1):
            yield [events.OutputTranscript(piece)]
        tokens.said_audio_bytes += len(part)
        yield [events.AudioChunk(part, OUTPUT_RATE)]
    for piece in words:
        yield [events.OutputTranscript(piece)]


def _written(say: Say, tokens: TokenCount) -> Iterator[Message]:
    for piece in increments(say.words):
        tokens.said_characters += len(piece)
        yield [events.ModelText(piece)]


def parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Sound in parts of the sizes that the service sends; the last one may be shorter."""
    size, held = FIRST_PART_BYTES, bytearray()
    for block in blocks:
        held += block
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
            size = PART_BYTES
    if held:
        yield bytes(held)


def increments(words: str) -> Iterator[str]:
    """A text in the pieces in which the service sends one: a word, then up to 80 characters at a time."""
    pattern = (
        rf"\A\s*\S{{1,{INCREMENT_CHARACTERS}}}|.{{1,{INCREMENT_CHARACTERS}}}(?=\s|\Z)|.{{1,{INCREMENT_CHARACTERS}}}"
    )
    return (match[0] for match in re.finditer(pattern, words, re.DOTALL))
