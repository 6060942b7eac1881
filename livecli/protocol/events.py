"""What was said, flat and frozen. The events one side sends are the events the other receives; bytes are bytes here,
durations are seconds, and no spelling of the wire shows. No logic lives here but to tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import msgspec

from . import messages
from .messages import Content, FunctionCall, FunctionResponse, Json


class Event(msgspec.Struct, frozen=True):
    """Anything that either side says. `begins_answer` is whether it is a piece of an answer, which may be its first."""

    begins_answer: ClassVar[bool] = False


class AudioChunk(Event, frozen=True, gc=False):
    """Signed 16-bit little-endian mono samples. Clients send 16,000 a second, the service 24,000.

    Not seen by the garbage collector: a thousand sessions hold a hundred thousand, and none refers to anything.
    """

    begins_answer = True
    pcm: bytes
    rate: int = 16_000


# --- said by the client ---


class Setup(Event, frozen=True):
    """The first message. `extra` is JSON in the wire's spelling, merged over `body` as it is, unknown keys included."""

    body: messages.Setup
    extra: Json = {}


class ActivityStart(Event, frozen=True):
    """The user begins to speak (only when automatic detection is off)."""


class ActivityEnd(Event, frozen=True):
    """The user has spoken (only when automatic detection is off)."""


class AudioStreamEnd(Event, frozen=True):
    """The microphone is closed (only when automatic detection is on)."""


class Text(Event, frozen=True):
    """`realtimeInput.text`: a line typed by the user; does not interrupt the model."""

    text: str


class Image(Event, frozen=True):
    """`realtimeInput.video`: one still picture."""

    data: bytes
    mime_type: str = "image/jpeg"


class MediaChunks(Event, frozen=True):
    """`realtimeInput.mediaChunks`: the envelope of audio and pictures before 3.x, which refuses it."""

    media: AudioChunk | Image


class ClientTurns(Event, frozen=True):
    """`clientContent`: turns for the history; interrupts the model. It answers once `turn_complete` is true."""

    turns: tuple[Content, ...] = ()
    turn_complete: bool = True


class ToolResponse(Event, frozen=True):
    """What the functions returned."""

    responses: tuple[FunctionResponse, ...]


class ContextUpdate(Event, frozen=True):
    """New instructions or tools in the middle of a session."""

    body: messages.ContextUpdate


# --- said by the server ---


class SetupComplete(Event, frozen=True):
    """The session is open. Only Vertex names it."""

    session_id: str | None = None


class ModelText(Event, frozen=True):
    """Text the model says (TEXT modality)."""

    begins_answer = True
    text: str


class Thought(Event, frozen=True):
    """Text the model thinks, when thoughts were asked for."""

    begins_answer = True
    text: str


class ModelCode(Event, frozen=True):
    """A part that is code: `executableCode` or `codeExecutionResult`, as it came."""

    begins_answer = True
    part: Json


class InputTranscript(Event, frozen=True):
    """The next piece of what the user said; pieces are concatenated. Comes at any time, even after the turn."""

    text: str
    finished: bool = False


class InterimTranscript(Event, frozen=True):
    """A guess at what the user is saying; replaces the guess before."""

    text: str


class OutputTranscript(Event, frozen=True):
    """The next piece of what the model says; pieces are concatenated. One without text may come before or after all."""

    text: str
    finished: bool = False

    @property
    def begins_answer(self) -> bool:  # type: ignore[override]
        return bool(self.text)


class ToolCall(Event, frozen=True):
    """The model asks for functions to be called."""

    begins_answer = True
    calls: tuple[FunctionCall, ...]


class ToolCallCancellation(Event, frozen=True):
    """These calls are no longer wanted."""

    ids: tuple[str, ...]


class Interrupted(Event, frozen=True):
    """The user spoke over the model: playback should stop. TurnComplete follows."""


class GenerationComplete(Event, frozen=True):
    """Everything was said; absent when interrupted."""


class InteractionStatus(Event, frozen=True):
    """`IN_PROGRESS` or `IDLE`: whether more turns follow by themselves (extended thinking)."""

    status: str


class TurnComplete(Event, frozen=True):
    """The model's turn is over."""

    reason: str | None = None


class WaitingForInput(Event, frozen=True):
    """The model keeps silent and expects more speech."""


class Grounding(Event, frozen=True):
    """Where an answer comes from, as the API gives it."""

    metadata: Json


class Usage(Event, frozen=True):
    """Tokens, as the server reports them: keys differ between the platforms."""

    metadata: Json


class GoAway(Event, frozen=True):
    """The connection will be closed by the server in so many seconds."""

    time_left_seconds: float


class ResumptionUpdate(Event, frozen=True):
    """A handle to resume the session with. `last_consumed` counts client messages from 1, Vertex `transparent` only."""

    handle: str | None = None
    resumable: bool = False
    last_consumed: int | None = None


class VoiceActivity(Event, frozen=True):
    """`ACTIVITY_START` or `ACTIVITY_END`, as the server's detection hears it, at this offset in the audio."""

    type: str
    offset_seconds: float | None = None


class Fault(Event, frozen=True):
    """An `error` message. Failures are normally told by the close."""

    code: int | str | None
    message: str
    status: str


class Unrecognised(Event, frozen=True):
    """A message whose payload this version does not know."""

    keys: tuple[str, ...]


def only_audio(said: Sequence[Event]) -> Sequence[AudioChunk]:
    """The same, where all of them are chunks of audio; else nothing."""
    return cast("Sequence[AudioChunk]", said) if set(map(type, said)) == {AudioChunk} else ()
