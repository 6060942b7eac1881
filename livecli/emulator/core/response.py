"""Responses: the steps of a behaviour as the messages of one turn. Each message is made when it is taken. No I/O.

The order is the service's: the input transcript, audio with pieces of its transcript between, `generationComplete`, and
`turnComplete` with the usage in one message. On Vertex AI the first output transcription is an empty object, and the
last one of either kind has `finished`. A turn that waits for functions has no `turnComplete` yet, but on Vertex AI
`generationComplete`, as recorded.
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
from .admission import answers_in_audio
from .behaviour import Call, Close, Code, EndTurn, Ground, Interrupt, Say, Step, Think, UserTurn, Wait
from .function_calls import FunctionCalls
from .token_count import TokenCount

FIRST_PART_BYTES = 9_600
"""The first part of audio: 200 ms, as recorded on Vertex AI."""

PART_BYTES = 11_520
"""Each other part of audio: 240 ms, as recorded on Vertex AI."""

INCREMENT_CHARACTERS = 80
"""Most characters in a piece of a transcript."""

Message = list[events.Event]
"""The events of one frame."""


@dataclass(frozen=True)
class ResponseStyle:
    """How the answers of one session are sent."""

    platform: Platform
    spoken: bool
    transcribes_input: bool
    transcribes_output: bool
    thinks: bool = False
    shows_thoughts: bool = False
    reports_status: bool = False
    whole_input_transcript: bool = False

    @classmethod
    def of(cls, setup: Setup, platform: Platform, model: Model) -> ResponseStyle:
        """The style of a setup, on this platform and with this model."""
        spoken = answers_in_audio(setup, model)
        thinking = setup.generation_config.thinking_config if setup.generation_config else None
        thinks = model.thinking is not Thinking.NONE and not (thinking is not None and thinking.thinking_budget == 0)
        return cls(
            platform=platform,
            spoken=spoken,
            transcribes_input=setup.input_audio_transcription is not None,
            transcribes_output=spoken and setup.output_audio_transcription is not None,
            thinks=thinks,
            shows_thoughts=thinks and thinking is not None and bool(thinking.include_thoughts),
            reports_status=model.interaction_status,
            whole_input_transcript=model.whole_input_transcript,
        )

    @property
    def marks_transcripts(self) -> bool:
        """Whether the first and the last piece of a transcript are marked."""
        return self.platform.facts.marks_transcripts


def respond(
    turn: UserTurn, steps: Iterator[Step], style: ResponseStyle, tokens: TokenCount, tools: FunctionCalls
) -> Iterator[Message | Wait]:
    """The messages that answer a turn, and the pauses between them. Their content is counted in `tokens`.

    Raises Refusal where the service closes the session.
    """
    return _Response(turn, steps, style, tokens, tools).messages()


def turn_complete(style: ResponseStyle, tokens: TokenCount, tools: FunctionCalls, reason: str | None = None) -> Message:
    """The message that ends a turn. Its status is IN_PROGRESS while a function is running."""
    status = "IN_PROGRESS" if tools.pending else "IDLE"
    reported = [events.InteractionStatus(status)] if style.reports_status else []
    return [events.TurnComplete(reason), *reported, events.Usage(tokens.report())]


def interruption(style: ResponseStyle, tokens: TokenCount, tools: FunctionCalls) -> Iterator[Message]:
    """The messages that interrupt a turn, and the functions that it waits for."""
    ids = tools.cancel()
    if ids:
        yield [events.ToolCallCancellation(ids)]
    yield [events.Interrupted()]
    yield turn_complete(style, tokens, tools)


class _Response:
    """The response to one turn."""

    def __init__(
        self, turn: UserTurn, steps: Iterator[Step], style: ResponseStyle, tokens: TokenCount, tools: FunctionCalls
    ) -> None:
        self._turn, self._steps = turn, steps
        self._style, self._tokens, self._tools = style, tokens, tools
        self._transcript_begun = False
        self._stays_open = False

    def messages(self) -> Iterator[Message | Wait]:
        utterance = self._turn.utterance
        if self._style.transcribes_input and utterance is not None and utterance.length_bytes:
            yield from _input_transcript(utterance.description, self._style)
        first = next(self._steps, None)
        if first is None and utterance is not None and not utterance.length_bytes:
            yield [events.WaitingForInput(), *turn_complete(self._style, self._tokens, self._tools)]
            return
        for kind, steps in groupby(chain([first] if first else [], self._steps), type):
            if kind is Call:
                yield self._call([step for step in steps if isinstance(step, Call)])
                continue
            for step in steps:
                if isinstance(step, Interrupt | EndTurn | Close):
                    yield from self._end_at(step)
                    return
                yield from self._messages_of(step)
        yield from self._end()

    def _messages_of(self, step: Step) -> Iterator[Message | Wait]:
        match step:
            case Say():
                yield from self._say(step)
            case Think(words) if self._style.thinks:
                self._tokens.thought_characters += len(words)
                if self._style.shows_thoughts:
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
                yield from interruption(self._style, self._tokens, self._tools)
            case Close(code, reason):
                raise Refusal(code, reason)
            case EndTurn(reason, complete=True):
                yield from self._end(reason)

    def _end(self, reason: str | None = None) -> Iterator[Message]:
        if self._transcript_begun:
            yield [events.OutputTranscript("", finished=True)]
        if not self._stays_open:
            yield [events.GenerationComplete()]
            yield turn_complete(self._style, self._tokens, self._tools, reason)
        elif self._style.platform.facts.generates_before_call_ends:
            yield [events.GenerationComplete()]

    def _call(self, calls: list[Call]) -> Message:
        message = self._tools.call(calls)
        # Decided here, because functions may return before the last message is taken.
        self._stays_open |= self._tools.awaited
        return [message]

    def _say(self, say: Say) -> Iterator[Message]:
        if self._style.transcribes_output and self._style.marks_transcripts and not self._transcript_begun:
            yield [events.OutputTranscript("")]
            self._transcript_begun = True
        yield from self._audio(say) if self._style.spoken else self._text(say)

    def _audio(self, say: Say) -> Iterator[Message]:
        words = increments(say.words) if self._style.transcribes_output else iter(())
        for part in parts(say.speech):
            for piece in islice(words, 1):
                yield [events.OutputTranscript(piece)]
            self._tokens.response_audio_bytes += len(part)
            yield [events.AudioChunk(part, OUTPUT_RATE)]
        for piece in words:
            yield [events.OutputTranscript(piece)]

    def _text(self, say: Say) -> Iterator[Message]:
        for piece in increments(say.words):
            self._tokens.response_characters += len(piece)
            yield [events.ModelText(piece)]


def _input_transcript(words: str, style: ResponseStyle) -> Iterator[Message]:
    for piece in [words] if style.whole_input_transcript else increments(words):
        yield [events.InputTranscript(piece)]
    if style.marks_transcripts:
        yield [events.InputTranscript("", finished=True)]


def parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Audio in parts of the sizes that the service sends. The last one may be shorter."""
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
    """A text in the pieces that the service sends: one word, then up to INCREMENT_CHARACTERS at a time."""
    pattern = (
        rf"\A\s*\S{{1,{INCREMENT_CHARACTERS}}}|.{{1,{INCREMENT_CHARACTERS}}}(?=\s|\Z)|.{{1,{INCREMENT_CHARACTERS}}}"
    )
    return (match[0] for match in re.finditer(pattern, words, re.DOTALL))
