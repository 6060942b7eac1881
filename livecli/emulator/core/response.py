"""One turn of the model as messages: a behaviour's steps, said in the platform's manner. Each is made when it is taken.

The order is the service's: what was heard, then sound with its transcript in between, `generationComplete`, and
`turnComplete` with the usage in one message. On Vertex the first output transcription is an empty object, and the last
of either kind says `finished`. A turn that waits for functions has no `turnComplete` yet, but on Vertex the
`generationComplete` that was recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice

from ...protocol import events
from ...protocol.audio_rates import OUTPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.messages import Setup
from ...protocol.models import Model, Platform, Thinking
from .admission import speaks
from .behaviour import Call, Close, Code, EndTurn, Ground, Interrupt, Say, Step, Think, UserTurn, Wait
from .function_calls import FunctionCalls
from .token_count import TokenCount

FIRST_PART_BYTES, PART_BYTES = 9_600, 11_520
"""200 ms and 240 ms of sound, as recorded on Vertex."""

INCREMENT_CHARACTERS = 80

Message = list[events.Event]
"""What one frame says."""


@dataclass(frozen=True)
class ResponseStyle:
    """How this session is answered."""

    platform: Platform
    speaks: bool
    transcribes_input: bool
    transcribes_output: bool
    thinks: bool = False
    shows_thoughts: bool = False
    reports_status: bool = False
    whole_input_transcript: bool = False

    @classmethod
    def asked_by(cls, setup: Setup, platform: Platform, model: Model) -> ResponseStyle:
        aloud = speaks(setup)
        thinking = setup.generation_config.thinking_config if setup.generation_config else None
        thinks = model.thinking is not Thinking.NONE and not (thinking is not None and thinking.thinking_budget == 0)
        return cls(
            platform=platform,
            speaks=aloud,
            transcribes_input=setup.input_audio_transcription is not None,
            transcribes_output=aloud and setup.output_audio_transcription is not None,
            thinks=thinks,
            shows_thoughts=thinks and thinking is not None and bool(thinking.include_thoughts),
            reports_status=model.interaction_status,
            whole_input_transcript=model.whole_input_transcript,
        )

    @property
    def marks_transcripts(self) -> bool:
        """Whether transcripts have a beginning and an end."""
        return self.platform.facts.marks_transcripts


def answer(
    heard: UserTurn, steps: Iterator[Step], manner: ResponseStyle, tokens: TokenCount, tools: FunctionCalls
) -> Iterator[Message | Wait]:
    """The messages of one turn, and the waiting between them; what they say is counted in `tokens`.

    Raises Refusal where the service closes the session.
    """
    return _Turn(heard, steps, manner, tokens, tools).messages()


def completed(manner: ResponseStyle, tokens: TokenCount, tools: FunctionCalls, reason: str | None = None) -> Message:
    """The turn is over. More follows by itself where a function has not returned yet."""
    status = "IN_PROGRESS" if tools.pending else "IDLE"
    reported = [events.InteractionStatus(status)] if manner.reports_status else []
    return [events.TurnComplete(reason), *reported, events.Usage(tokens.report())]


def interruption(manner: ResponseStyle, tokens: TokenCount, tools: FunctionCalls) -> Iterator[Message]:
    """The user has spoken over the model, or over the functions that it waited for."""
    ids = tools.cancel()
    if ids:
        yield [events.ToolCallCancellation(ids)]
    yield [events.Interrupted()]
    yield completed(manner, tokens, tools)


class _Turn:
    def __init__(
        self, heard: UserTurn, steps: Iterator[Step], manner: ResponseStyle, tokens: TokenCount, tools: FunctionCalls
    ) -> None:
        self._heard, self._steps = heard, steps
        self._manner, self._tokens, self._tools = manner, tokens, tools
        self._transcript_begun = False
        self._stays_open = False

    def messages(self) -> Iterator[Message | Wait]:
        utterance = self._heard.utterance
        if self._manner.transcribes_input and utterance is not None and utterance.length_bytes:
            yield from _heard_words(utterance.description, self._manner)
        first = next(self._steps, None)
        if first is None and utterance is not None and not utterance.length_bytes:
            yield [events.WaitingForInput(), *completed(self._manner, self._tokens, self._tools)]
            return
        for kind, steps in groupby(chain([first] if first else [], self._steps), type):
            if kind is Call:
                yield self._call([step for step in steps if isinstance(step, Call)])
                continue
            for step in steps:
                if isinstance(step, Interrupt | EndTurn | Close):
                    yield from self._end_at(step)
                    return
                yield from self._take(step)
        yield from self._end()

    def _take(self, step: Step) -> Iterator[Message | Wait]:
        match step:
            case Say():
                yield from self._say(step)
            case Think(words) if self._manner.thinks:
                self._tokens.thought_characters += len(words)
                if self._manner.shows_thoughts:
                    yield [events.Thought(words)]
            case Wait():
                yield step
            case Ground(metadata):
                yield [events.Grounding(metadata)]
            case Code(part):
                yield [events.ModelCode(part)]

    def _end_at(self, step: Interrupt | EndTurn | Close) -> Iterator[Message]:
        match step:
            case Interrupt():
                yield from interruption(self._manner, self._tokens, self._tools)
            case Close(code, reason):
                raise Refusal(code, reason)
            case EndTurn(reason, complete=True):
                yield from self._end(reason)

    def _end(self, reason: str | None = None) -> Iterator[Message]:
        if self._transcript_begun:
            yield [events.OutputTranscript("", finished=True)]
        if not self._stays_open:
            yield [events.GenerationComplete()]
            yield completed(self._manner, self._tokens, self._tools, reason)
        elif self._manner.platform.facts.generates_before_call_ends:
            yield [events.GenerationComplete()]

    def _call(self, calls: list[Call]) -> Message:
        message = self._tools.call(calls)
        self._stays_open |= self._tools.awaited  # even if they return before the last message is taken
        return [message]

    def _say(self, say: Say) -> Iterator[Message]:
        if self._manner.transcribes_output and self._manner.marks_transcripts and not self._transcript_begun:
            yield [events.OutputTranscript("")]
            self._transcript_begun = True
        yield from self._spoken(say) if self._manner.speaks else self._written(say)

    def _spoken(self, say: Say) -> Iterator[Message]:
        words = increments(say.words) if self._manner.transcribes_output else iter(())
        for part in parts(say.speech):
            for piece in islice(words, 1):
                yield [events.OutputTranscript(piece)]
            self._tokens.said_audio_bytes += len(part)
            yield [events.AudioChunk(part, OUTPUT_RATE)]
        for piece in words:
            yield [events.OutputTranscript(piece)]

    def _written(self, say: Say) -> Iterator[Message]:
        for piece in increments(say.words):
            self._tokens.said_characters += len(piece)
            yield [events.ModelText(piece)]


def _heard_words(words: str, manner: ResponseStyle) -> Iterator[Message]:
    for piece in [words] if manner.whole_input_transcript else increments(words):
        yield [events.InputTranscript(piece)]
    if manner.marks_transcripts:
        yield [events.InputTranscript("", finished=True)]


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
