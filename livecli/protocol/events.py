"""Events: everything that either side of a session can say, as flat, frozen values.

The events that one side sends are the events that the other receives. Audio and pictures are bytes here, durations are
seconds, and the JSON spelling of the service does not show (`codec` has that). Each class carries its own facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import msgspec

from . import messages
from .audio_rates import INPUT_RATE
from .messages import Content, FunctionCall, FunctionResponse, Json


class Event(msgspec.Struct, frozen=True):
    """Base class of all events.

    `log_name` is the event's `type` in `--events` and in logs. `begins_answer` is whether the event is a piece of an
    answer, and so may be the first one. `of_session` is whether it belongs to the session rather than to a turn.
    """

    log_name: ClassVar[str] = ""
    begins_answer: ClassVar[bool] = False
    of_session: ClassVar[bool] = False


class AudioChunk(Event, frozen=True, gc=False):
    """Signed 16-bit little-endian mono samples. Clients send 16,000 a second, the service 24,000.

    Not seen by the garbage collector: a thousand sessions hold a hundred thousand, and none refers to anything.
    """

    log_name = "audio"
    begins_answer = True
    pcm: bytes
    rate: int = INPUT_RATE


# --- said by the client ---


class Setup(Event, frozen=True):
    """The first message. `extra` is JSON in the wire's spelling, merged over `body` as it is, unknown keys included."""

    log_name = "setup"
    body: messages.Setup
    extra: Json = {}


class ActivityStart(Event, frozen=True):
    """The user begins to speak (only when automatic detection is off)."""

    log_name = "activity_start"


class ActivityEnd(Event, frozen=True):
    """The user has spoken (only when automatic detection is off)."""

    log_name = "activity_end"


class AudioStreamEnd(Event, frozen=True):
    """The microphone is closed (only when automatic detection is on)."""

    log_name = "audio_stream_end"


class Text(Event, frozen=True):
    """`realtimeInput.text`: a line typed by the user; does not interrupt the model."""

    log_name = "text"
    text: str


class Image(Event, frozen=True):
    """`realtimeInput.video`: one still picture."""

    log_name = "image"
    data: bytes
    mime_type: str = "image/jpeg"


class MediaChunks(Event, frozen=True):
    """`realtimeInput.mediaChunks`: the envelope of audio and pictures before 3.x, which refuses it."""

    log_name = "media_chunks"
    media: AudioChunk | Image


class ClientTurns(Event, frozen=True):
    """`clientContent`: turns for the history; interrupts the model. It answers once `turn_complete` is true."""

    log_name = "client_content"
    turns: tuple[Content, ...] = ()
    turn_complete: bool = True


class ToolResponse(Event, frozen=True):
    """What the functions returned."""

    log_name = "tool_response"
    responses: tuple[FunctionResponse, ...]


class ContextUpdate(Event, frozen=True):
    """New instructions or tools in the middle of a session."""

    log_name = "context_update"
    body: messages.ContextUpdate


# --- said by the server ---


class SetupComplete(Event, frozen=True):
    """The session is open. Only Vertex names it."""

    log_name = "setup_complete"
    of_session = True
    session_id: str | None = None


class ModelText(Event, frozen=True):
    """Text the model says (TEXT modality)."""

    log_name = "model_text"
    begins_answer = True
    text: str


class Thought(Event, frozen=True):
    """Text the model thinks, when thoughts were asked for."""

    log_name = "thought"
    begins_answer = True
    text: str


class ModelCode(Event, frozen=True):
    """A part that is code: `executableCode` or `codeExecutionResult`, as it came."""

    log_name = "model_code"
    begins_answer = True
    part: Json


class InputTranscript(Event, frozen=True):
    """The next piece of what the user said; pieces are concatenated. Comes at any time, even after the turn."""

    log_name = "input_transcript"
    text: str
    finished: bool = False


class InterimTranscript(Event, frozen=True):
    """A guess at what the user is saying; replaces the guess before."""

    log_name = "interim_transcript"
    text: str


class OutputTranscript(Event, frozen=True):
    """The next piece of what the model says; pieces are concatenated. One without text may come before or after all."""

    log_name = "output_transcript"
    text: str
    finished: bool = False

    @property
    def begins_answer(self) -> bool:  # type: ignore[override]
        return bool(self.text)


class ToolCall(Event, frozen=True):
    """The model asks for functions to be called."""

    log_name = "tool_call"
    begins_answer = True
    calls: tuple[FunctionCall, ...]


class ToolCallCancellation(Event, frozen=True):
    """These calls are no longer wanted."""

    log_name = "tool_call_cancellation"
    ids: tuple[str, ...]


class Interrupted(Event, frozen=True):
    """The user spoke over the model: playback should stop. TurnComplete follows."""

    log_name = "interrupted"


class GenerationComplete(Event, frozen=True):
    """Everything was said; absent when interrupted."""

    log_name = "generation_complete"


class InteractionStatus(Event, frozen=True):
    """`IN_PROGRESS` or `IDLE`: whether more turns follow by themselves (extended thinking)."""

    log_name = "interaction_status"
    status: str


class TurnComplete(Event, frozen=True):
    """The model's turn is over."""

    log_name = "turn_complete"
    reason: str | None = None


class WaitingForInput(Event, frozen=True):
    """The model keeps silent and expects more speech."""

    log_name = "waiting_for_input"


class Grounding(Event, frozen=True):
    """Where an answer comes from, as the API gives it."""

    log_name = "grounding"
    metadata: Json


class Usage(Event, frozen=True):
    """Tokens, as the server reports them: keys differ between the platforms."""

    log_name = "usage"
    metadata: Json


class GoAway(Event, frozen=True):
    """The connection will be closed by the server in so many seconds."""

    log_name = "go_away"
    of_session = True
    time_left_seconds: float


class ResumptionUpdate(Event, frozen=True):
    """A handle to resume the session with. `last_consumed` counts client messages from 1, Vertex `transparent` only."""

    log_name = "resumption"
    of_session = True
    handle: str | None = None
    resumable: bool = False
    last_consumed: int | None = None


class VoiceActivity(Event, frozen=True):
    """`ACTIVITY_START` or `ACTIVITY_END`, as the server's detection hears it, at this offset in the audio."""

    log_name = "voice_activity"
    type: str
    offset_seconds: float | None = None


class Fault(Event, frozen=True):
    """An `error` message. Failures are normally told by the close."""

    log_name = "error"
    code: int | str | None
    message: str
    status: str


class Unrecognised(Event, frozen=True):
    """A message whose payload this version does not know."""

    log_name = "unrecognised"
    keys: tuple[str, ...]


def only_audio(said: Sequence[Event]) -> Sequence[AudioChunk]:
    """The same, where all of them are chunks of audio; else nothing."""
    return cast("Sequence[AudioChunk]", said) if set(map(type, said)) == {AudioChunk} else ()
