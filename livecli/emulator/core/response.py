"""Responses: the steps of a behaviour as the messages of one turn. Each message is made when it is taken. No I/O.

What the frames of a turn look like depends on the model (`protocol.models`: `FrameFacts`, `UnaskedFacts`, `CallFacts`).
In every model's turn an input transcript comes first, then the answer, `generationComplete`, and `turnComplete` with
the usage in one message. What a function call does to its turn is in `_Response._end`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, groupby

import msgspec

from ...media.pcm import SAMPLE_BYTES
from ...protocol import events
from ...protocol.audio_rates import OUTPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.messages import Setup
from ...protocol.models import (
    AnswerEnd,
    CallBehaviour,
    CallTurn,
    Model,
    Platform,
    ThinkingControl,
    Thoughts,
    TranscriptPlace,
)
from .admission import answers_in_audio
from .behaviour import Call, Close, Code, EndTurn, FetchUrls, Ground, Interrupt, Say, Step, Think, UserTurn, Wait, tones
from .function_calls import FunctionCalls, characters_of
from .synthesis import Synthesis, VoiceChoice, passages
from .token_count import TokenCount

INCREMENT_CHARACTERS = 80
"""Most characters in a piece of a transcript."""

Message = list[events.Event]


class ScriptedClose(Refusal):
    """The close of a session that a behaviour asked for."""


"""The events of one frame; none for a frame `{}`."""

EMPTY_FRAME: Message = []

Emission = Message | Wait | Synthesis
"""An item of a response: a message to send, a pause, or words that have to be made speech before it goes on."""


class ResponseStyle(msgspec.Struct, frozen=True):
    """How the answers of one session are sent."""

    platform: Platform
    model: Model
    spoken: bool = True
    transcribes_input: bool = False
    transcribes_output: bool = False
    thinks: bool = False
    shows_thoughts: bool = False
    # None where words are tones.
    voice: VoiceChoice | None = None

    @classmethod
    def of(cls, setup: Setup, platform: Platform, model: Model, *, has_voices: bool = False) -> ResponseStyle:
        """The style of a setup, on this platform and with this model."""
        spoken = answers_in_audio(setup, model)
        config = setup.generation_config.thinking_config if setup.generation_config else None
        off = config is not None and config.thinking_budget == 0
        asked = config is not None and bool(config.include_thoughts) and model.thinking is not ThinkingControl.NONE
        unasked = model.unasked
        return cls(
            platform=platform,
            model=model,
            spoken=spoken,
            transcribes_input=unasked.input_transcript or setup.input_audio_transcription is not None,
            transcribes_output=spoken and (unasked.output_transcript or setup.output_audio_transcription is not None),
            thinks=not off and (model.thinking is not ThinkingControl.NONE or unasked.thoughts is not Thoughts.NONE),
            shows_thoughts=not off and (asked or unasked.thoughts is Thoughts.SHOWN),
            voice=voice_of(setup) if has_voices else None,
        )

    def opening(self) -> Iterator[Message]:
        """The frames before an answer, or before the part of it after a function call."""
        if self.model.unasked.empty_frames:
            yield EMPTY_FRAME
        if self.model.frames.opens_with_empty_content:
            yield [events.EmptyContent()]

    def transcription(self, words: str) -> Iterator[Message]:
        """The answer of a transcribing model to an activity, up to its ACTIVITY_END (probed on 2026-09-10).

        Interim transcripts come before it, during the speech. There is no `turnComplete`, and no usage.
        """
        yield [events.InputTranscript(words)]
        yield [events.GenerationComplete()]

    def input_transcript(self, words: str) -> Iterator[Message]:
        """The transcript of an utterance."""
        frames = self.model.frames
        for piece in [words] if frames.whole_input_transcript else increments(words):
            yield [events.InputTranscript(piece)]
        if frames.marks_transcripts:
            yield [events.InputTranscript("", finished=True)]


def respond(
    turn: UserTurn,
    steps: Iterator[Step],
    style: ResponseStyle,
    tokens: TokenCount,
    tools: FunctionCalls,
    *,
    transcribed: bool = False,
    opens_with_sample: bool = False,
) -> Iterator[Emission]:
    """The messages that answer a turn, and the pauses between them. Their content is counted in `tokens`.

    `transcribed` is whether the input transcript has been sent, and `opens_with_sample` whether the first audio frame
    has a single sample. Raises Refusal where the service closes the session.
    """
    return _Response(turn, steps, style, tokens, tools, transcribed, opens_with_sample).messages()


def voice_of(setup: Setup) -> VoiceChoice:
    """The voice and the language that a setup asks for."""
    speech = setup.generation_config.speech_config if setup.generation_config else None
    if speech is None:
        return VoiceChoice()
    prebuilt = speech.voice_config.prebuilt_voice_config if speech.voice_config else None
    return VoiceChoice(prebuilt.voice_name if prebuilt else "", speech.language_code or "")


def turn_complete(
    style: ResponseStyle,
    tokens: TokenCount,
    tools: FunctionCalls,
    reason: str | None = None,
    *,
    calls_next: bool = False,
) -> Message:
    """The message that ends a turn. Its status is IN_PROGRESS while a function is running, or is called next."""
    message: Message = [events.TurnComplete(reason)]
    if style.model.turns.interaction_status:
        message.append(events.InteractionStatus("IN_PROGRESS" if tools.pending or calls_next else "IDLE"))
    if style.model.frames.closes_with_grounding:
        message.append(events.Grounding({}))
    return [*message, events.Usage(tokens.report(style.model))]


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
        self,
        turn: UserTurn,
        steps: Iterator[Step],
        style: ResponseStyle,
        tokens: TokenCount,
        tools: FunctionCalls,
        transcribed: bool,
        opens_with_sample: bool,
    ) -> None:
        self._turn, self._steps = turn, steps
        self._style, self._frames, self._tokens, self._tools = style, style.model.frames, tokens, tools
        self._transcribes_input = style.transcribes_input and not transcribed
        self._opens_with_sample = opens_with_sample
        self._transcript_open = self._transcript_ended = False
        self._has_output = False
        # What the calls of this turn do to it, None without calls.
        self._call_turn: CallTurn | None = None

    def messages(self) -> Iterator[Emission]:
        utterance = self._turn.utterance
        if self._transcribes_input and utterance is not None and utterance.length_bytes:
            yield from self._style.input_transcript(utterance.description)
        first = next(self._steps, None)
        never_ends = self._style.model.turns.ends_at is AnswerEnd.NEVER
        if first is None and utterance is not None and not utterance.length_bytes and not never_ends:
            yield [events.WaitingForInput(), *turn_complete(self._style, self._tokens, self._tools)]
            return
        if first is not None:
            yield from self._style.opening()
        if self._frames.transcript is TranscriptPlace.BEFORE_AUDIO:
            yield from self._open_transcript()
        for kind, steps in groupby(chain([first] if first else [], self._steps), type):
            if kind is Call:
                yield from self._call([step for step in steps if isinstance(step, Call)])
                continue
            for step in steps:
                if isinstance(step, Interrupt | EndTurn | Close):
                    yield from self._end_at(step)
                    return
                yield from self._messages_of(step)
        yield from self._end()

    def _messages_of(self, step: Step) -> Iterator[Emission]:
        match step:
            case Say():
                self._has_output = True
                yield from self._audio(step) if self._style.spoken else self._text(step)
            case Think(words) if self._style.thinks:
                self._tokens.thought_characters += len(words)
                if self._style.shows_thoughts:
                    yield [events.Thought(words)]
            case Wait():
                yield step
            case Ground(metadata):
                yield [events.Grounding(metadata)]
            case FetchUrls(metadata):
                yield [events.UrlContext(metadata)]
            case Code(part):
                yield [events.ModelCode(part)]

    def _end_at(self, step: Interrupt | EndTurn | Close) -> Iterator[Message]:
        match step:
            case Interrupt():
                yield from interruption(self._style, self._tokens, self._tools)
            case Close(code, reason):
                if self._has_output:
                    # The service ends the turn before it ends a session.
                    yield from self._end()
                raise ScriptedClose(code, reason)
            case EndTurn(reason, complete=True):
                yield from self._end(reason)

    def _end(self, reason: str | None = None) -> Iterator[Message]:
        yield from self._finish_transcript()
        if self._style.model.turns.ends_at is AnswerEnd.NEVER:
            return
        match self._call_turn:
            case CallTurn.ONE_TURN:
                # The answer to the functions goes on in the same turn.
                return
            case CallTurn.CLOSED_AFTER_RESPONSE:
                if self._has_output:
                    yield [events.GenerationComplete()]
            case CallTurn.HELD_OPEN:
                yield [events.GenerationComplete()]
            case CallTurn.CLOSED_BEFORE_CALL:
                if self._has_output:
                    yield from self._complete(reason)
            case CallTurn.CLOSED_AT_CALL | None:
                yield from self._complete(reason)

    def _complete(self, reason: str | None = None, *, calls_next: bool = False) -> Iterator[Message]:
        yield [events.GenerationComplete()]
        yield turn_complete(self._style, self._tokens, self._tools, reason, calls_next=calls_next)

    def _call(self, calls: list[Call]) -> Iterator[Message]:
        call_turn = self._style.model.calls.non_blocking
        if any(self._tools.calling(call.name) is CallBehaviour.BLOCKING for call in calls):
            call_turn = self._style.model.calls.blocking
        elif call_turn is CallTurn.ONE_TURN:
            call_turn = CallTurn.CLOSED_AT_CALL
        if call_turn is CallTurn.CLOSED_BEFORE_CALL:
            yield from self._finish_transcript()
            yield from self._complete(calls_next=True)
            self._has_output = False
        self._call_turn = call_turn
        message = self._tools.call(calls)
        self._tokens.call_characters += characters_of(message)
        yield [message]

    def _open_transcript(self) -> Iterator[Message]:
        if self._style.transcribes_output and self._frames.marks_transcripts and not self._transcript_open:
            self._transcript_open = True
            yield [events.OutputTranscript("")]

    def _finish_transcript(self) -> Iterator[Message]:
        if self._transcript_open and not self._transcript_ended:
            self._transcript_ended = True
            yield [events.OutputTranscript("", finished=True)]

    def _audio(self, say: Say) -> Iterator[Emission]:
        yield from self._open_transcript()
        pieces = increments(say.words) if self._style.transcribes_output else iter(())
        first_bytes = SAMPLE_BYTES if self._opens_with_sample else _bytes(self._frames.shortest_ms)
        self._opens_with_sample = False
        sound = parts(self._sound(say), first_bytes, _bytes(self._frames.longest_ms))
        if self._style.model.prompt.counts_spoken_text:
            self._tokens.response_characters += len(say.words)
        match self._frames.transcript:
            case TranscriptPlace.BEFORE_AUDIO:
                yield from map(_transcript, pieces)
                yield from self._finish_transcript()
                for part in sound:
                    yield part if isinstance(part, Synthesis) else [self._chunk(part)]
            case TranscriptPlace.OWN_FRAMES:
                for part in sound:
                    if isinstance(part, Synthesis):
                        yield part
                        continue
                    yield from map(_transcript, _next_of(pieces))
                    yield [self._chunk(part)]
                yield from map(_transcript, pieces)
            case TranscriptPlace.BESIDE_AUDIO:
                yield from self._with_transcript(sound, pieces)

    def _sound(self, say: Say) -> Iterator[bytes | Synthesis]:
        """The audio of the answer in blocks. The synthesis of a passage comes before the blocks of that passage."""
        if say.speech is not None:
            yield from say.speech
        elif self._style.voice is None:
            yield from tones(say.words)
        else:
            for passage in passages(say.words):
                synthesis = Synthesis(passage, self._style.voice)
                yield synthesis
                assert synthesis.speech is not None, "the response goes on when it has been made"
                yield from synthesis.speech

    def _with_transcript(self, sound: Iterator[bytes | Synthesis], pieces: Iterator[str]) -> Iterator[Emission]:
        """Audio with its transcript in the same frames. The last frame has all that is left of it."""
        last: bytes | None = None
        for part in sound:
            if isinstance(part, Synthesis):
                yield part
                continue
            if last is not None:
                yield from self._beside(last, "".join(_next_of(pieces)))
            last = part
        if last is None:
            # gemini-3.1-flash-live-preview was recorded to answer with a transcript alone.
            yield from map(_transcript, pieces)
        else:
            yield from self._beside(last, "".join(pieces))

    def _beside(self, pcm: bytes, words: str) -> Iterator[Message]:
        """A frame of audio with the words beside it."""
        if self._style.model.unasked.empty_frames:
            yield EMPTY_FRAME
        chunk = self._chunk(pcm)
        yield [chunk, events.OutputTranscript(words)] if words else [chunk]

    def _chunk(self, pcm: bytes) -> events.AudioChunk:
        self._tokens.response_audio_bytes += len(pcm)
        return events.AudioChunk(pcm, OUTPUT_RATE)

    def _text(self, say: Say) -> Iterator[Message]:
        for piece in increments(say.words):
            self._tokens.response_characters += len(piece)
            yield [events.ModelText(piece)]


def _transcript(piece: str) -> Message:
    return [events.OutputTranscript(piece)]


def _next_of(pieces: Iterator[str]) -> Iterator[str]:
    """The next piece, if there is one."""
    for piece in pieces:
        yield piece
        return


def parts(blocks: Iterable[bytes | Synthesis], first_bytes: int, other_bytes: int) -> Iterator[bytes | Synthesis]:
    """Audio in parts of these lengths. The last one may be shorter. A synthesis is passed on at once."""
    size, held = first_bytes, bytearray()
    for block in blocks:
        if isinstance(block, Synthesis):
            yield block
            continue
        held += block
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
            size = other_bytes
    if held:
        yield bytes(held)


def _bytes(milliseconds: int) -> int:
    return OUTPUT_RATE * milliseconds // 1000 * SAMPLE_BYTES


def increments(words: str) -> Iterator[str]:
    """A text in the pieces that the service sends: one word, then up to INCREMENT_CHARACTERS at a time."""
    pattern = (
        rf"\A\s*\S{{1,{INCREMENT_CHARACTERS}}}|.{{1,{INCREMENT_CHARACTERS}}}(?=\s|\Z)|.{{1,{INCREMENT_CHARACTERS}}}"
    )
    return (match[0] for match in re.finditer(pattern, words, re.DOTALL))
