"""Events: everything that either side of a session can send, as flat, frozen values.

One side sends the same events that the other receives. Audio and pictures are bytes, and durations are seconds: `codec`
translates them to the service's JSON. Each class carries its own facts.
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
    answer, and so can be its first. `of_session` is whether it belongs to the session rather than to a turn.
    """

    log_name: ClassVar[str] = ""
    begins_answer: ClassVar[bool] = False
    of_session: ClassVar[bool] = False


class AudioChunk(Event, frozen=True, gc=False):
    """Signed 16-bit little-endian mono samples, at `rate` samples a second (INPUT_RATE or OUTPUT_RATE).

    The garbage collector does not track chunks: a thousand sessions hold a hundred thousand, and none has references.
    """

    log_name = "audio"
    begins_answer = True
    pcm: bytes
    rate: int = INPUT_RATE


# --- sent by the client ---


class Setup(Event, frozen=True):
    """The first message. `extra` is JSON in the wire's spelling, merged over `body` with its unknown keys."""

    log_name = "setup"
    body: messages.Setup
    extra: Json = {}


class ActivityStart(Event, frozen=True):
    """The user begins to speak. Only with automatic activity detection off."""

    log_name = "activity_start"


class ActivityEnd(Event, frozen=True):
    """The user stops speaking. Only with automatic activity detection off."""

    log_name = "activity_end"


class AudioStreamEnd(Event, frozen=True):
    """The microphone is closed. Only with automatic activity detection on."""

    log_name = "audio_stream_end"


class Text(Event, frozen=True):
    """`realtimeInput.text`: text typed by the user. It does not interrupt the model."""

    log_name = "text"
    text: str


class Image(Event, frozen=True):
    """`realtimeInput.video`: one still picture."""

    log_name = "image"
    data: bytes
    mime_type: str = "image/jpeg"


class MediaChunks(Event, frozen=True):
    """`realtimeInput.mediaChunks`: audio or a picture, in the field that 3.x models refuse."""

    log_name = "media_chunks"
    media: AudioChunk | Image


class ClientTurns(Event, frozen=True):
    """`clientContent`: turns for the history, which interrupt the model. It answers if `turn_complete` is true."""

    log_name = "client_content"
    turns: tuple[Content, ...] = ()
    turn_complete: bool = True


class ToolResponse(Event, frozen=True):
    """The results of functions that the model called."""

    log_name = "tool_response"
    responses: tuple[FunctionResponse, ...]


class ContextUpdate(Event, frozen=True):
    """New instructions or tools for a session that is open."""

    log_name = "context_update"
    body: messages.ContextUpdate


# --- sent by the server ---


class SetupComplete(Event, frozen=True):
    """The session is open. Only Vertex AI sends an id."""

    log_name = "setup_complete"
    of_session = True
    session_id: str | None = None


class EmptyContent(Event, frozen=True):
    """`serverContent` without fields, which some models send before an answer. It is never decoded."""

    log_name = "empty_content"


class ModelText(Event, frozen=True):
    """Text of the answer (TEXT modality)."""

    log_name = "model_text"
    begins_answer = True
    text: str


class Thought(Event, frozen=True):
    """Text of the model's thoughts, if the setup includes them."""

    log_name = "thought"
    begins_answer = True
    text: str


class ModelCode(Event, frozen=True):
    """Code that the model ran, or its result: `executableCode` or `codeExecutionResult` as received."""

    log_name = "model_code"
    begins_answer = True
    part: Json


class InputTranscript(Event, frozen=True):
    """The next piece of the user's transcript. Pieces are concatenated; they come at any time, even after the turn."""

    log_name = "input_transcript"
    text: str
    finished: bool = False


class InterimTranscript(Event, frozen=True):
    """A guess at the user's words so far, which replaces the guess before."""

    log_name = "interim_transcript"
    text: str


class OutputTranscript(Event, frozen=True):
    """The next piece of the answer's transcript. Pieces are concatenated; an empty one may be the first or the last."""

    log_name = "output_transcript"
    text: str
    finished: bool = False

    @property
    def begins_answer(self) -> bool:  # type: ignore[override]
        return bool(self.text)


class ToolCall(Event, frozen=True):
    """The model calls functions."""

    log_name = "tool_call"
    begins_answer = True
    calls: tuple[FunctionCall, ...]


class ToolCallCancellation(Event, frozen=True):
    """The model no longer needs the results of these calls."""

    log_name = "tool_call_cancellation"
    ids: tuple[str, ...]


class Interrupted(Event, frozen=True):
    """The user spoke over the model, so playback should stop. TurnComplete follows."""

    log_name = "interrupted"


class GenerationComplete(Event, frozen=True):
    """The answer is complete. Absent from a turn that was interrupted."""

    log_name = "generation_complete"


class InteractionStatus(Event, frozen=True):
    """`IN_PROGRESS` or `IDLE`: whether more turns follow without a question (extended thinking)."""

    log_name = "interaction_status"
    status: str


class TurnComplete(Event, frozen=True):
    """The model's turn is over."""

    log_name = "turn_complete"
    reason: str | None = None


class WaitingForInput(Event, frozen=True):
    """The model does not answer, and waits for more speech."""

    log_name = "waiting_for_input"


class Grounding(Event, frozen=True):
    """The sources of an answer, as received."""

    log_name = "grounding"
    metadata: Json


class UrlContext(Event, frozen=True):
    """The pages that the model has read, as the API sends them: `urlContextMetadata`. It is never decoded."""

    log_name = "url_context"
    metadata: Json


class Usage(Event, frozen=True):
    """Token counts, as received. Their keys differ between the platforms."""

    log_name = "usage"
    metadata: Json


class GoAway(Event, frozen=True):
    """The server will close the connection after `time_left_seconds`."""

    log_name = "go_away"
    of_session = True
    time_left_seconds: float


class ResumptionUpdate(Event, frozen=True):
    """A handle that resumes the session. `last_consumed` counts client messages from 1 (Vertex AI, `transparent`)."""

    log_name = "resumption"
    of_session = True
    handle: str | None = None
    resumable: bool = False
    last_consumed: int | None = None


class VoiceActivity(Event, frozen=True):
    """`ACTIVITY_START` or `ACTIVITY_END` by the server's detection, at `offset_seconds` in the audio."""

    log_name = "voice_activity"
    type: str
    offset_seconds: float | None = None


class Fault(Event, frozen=True):
    """An `error` message. The service normally reports failures in the close instead."""

    log_name = "error"
    code: int | str | None
    message: str
    status: str


class Unrecognised(Event, frozen=True):
    """A message without a field that this version knows. `keys` are its fields."""

    log_name = "unrecognised"
    keys: tuple[str, ...]


def only_audio(events: Sequence[Event]) -> Sequence[AudioChunk]:
    """`events` if all of them are chunks of audio; otherwise an empty sequence."""
    return cast("Sequence[AudioChunk]", events) if set(map(type, events)) == {AudioChunk} else ()
