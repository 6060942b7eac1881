"""The codec of a server's frames. The client decodes them tolerantly; the emulator encodes them as Google does.

TABLE has a row for each event, which decodes and encodes it. Audio has a fast path in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import pybase64

from ...errors import ProtocolError
from .. import events, messages
from ..audio_rates import OUTPUT_RATE
from ..models import Role
from ..platform import Platform
from .audio_fast_path import AudioShapes
from .proto_json import MAX_NESTING, audio_rate, base64_bytes, duration, int64, is_too_deep, seconds_of

MESSAGE, CONTENT, PART = "", "serverContent", "serverContent.modelTurn.parts[]"
"""JSON paths of the objects whose fields are events."""

Fields = dict[str, Any]


class Row(NamedTuple):
    """How one kind of event is written: `field` of the object at the path `within`, by its Python name.

    `decode` makes the event of the struct that has the field, or None where the field holds another event. `encode`
    gives the values of the struct's fields.
    """

    event: type[events.Event]
    within: str
    field: str
    decode: Callable[[Any], events.Event | None]
    encode: Callable[[Any, Platform], Fields]


_encoder = msgspec.json.Encoder()
# Making the decoder takes time that a start should not pay.
_decoder = cache(lambda: msgspec.json.Decoder(messages.ServerMessage))


def decode_server(frame: str | bytes, shapes: AudioShapes | None = None) -> list[events.Event]:
    """The events of one server message, in the order in which they are to be handled; none for an empty frame.

    With the session's `shapes` its audio is decoded faster. Unknown keys are ignored. Raises ProtocolError for a frame
    that is not JSON, or has a known field of the wrong type.
    """
    if shapes is not None and isinstance(frame, bytes) and (alike := shapes.read(frame)) is not None:
        return [alike]
    if not frame.strip():
        return []
    try:
        message = _decoder().decode(frame)
        found = list(_server_events(message))
        if shapes is not None and isinstance(frame, bytes) and len(found) == 1:
            shapes.learn(frame, found[0])
        if not found and (keys := tuple(msgspec.json.decode(frame))) and not set(keys) <= _KNOWN_KEYS:
            found.append(events.Unrecognised(keys))
        if any(type(event) is not events.AudioChunk for event in found) and is_too_deep(frame):
            raise ProtocolError(f"the server sent a message of more than {MAX_NESTING} levels")
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the server sent a message of the wrong shape: {error}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError(f"the server sent a message that is not JSON: {error}") from error
    return found


_KNOWN_KEYS = frozenset(messages.ServerMessage.__struct_encode_fields__)


def _server_events(message: messages.ServerMessage) -> Iterator[events.Event]:
    content = message.server_content
    turn = content.model_turn if content is not None else None
    holders: dict[str, Sequence[Any]] = {
        MESSAGE: (message,),
        CONTENT: () if content is None else (content,),
        PART: () if turn is None else turn.parts,
    }
    for within, rows in _ROWS_TOGETHER:
        for holder in holders[within]:
            for value_of, decode in rows:
                value = value_of(holder)
                if value is not None and value is not False and (event := decode(holder)) is not None:
                    yield event


def _reply_audio(blob: messages.Blob) -> events.Event:
    if not blob.mime_type.lower().startswith(("audio/pcm", "audio/l16")) and blob.mime_type:
        return events.Unrecognised((f"inlineData {blob.mime_type}",))
    rate = audio_rate(blob.mime_type, OUTPUT_RATE)
    if rate is None:
        raise ProtocolError(f"the server sent audio of an impossible rate: {blob.mime_type[:80]}")
    try:
        return events.AudioChunk(base64_bytes(blob.data), rate)
    except ValueError as error:
        raise ProtocolError(f"the server sent audio that is not base64: {error}") from error


def encode_server(sent: Sequence[events.Event], platform: Platform, role: Role = Role.NONE) -> bytes:
    """One message with all the events, as the platform writes it: indented, without false or empty fields.

    `role` is where the model names its role; without events the message is `{}`. Raises TypeError for an event that a
    server does not send.
    """
    if len(sent) == 1 and type(sent[0]) is events.AudioChunk:
        before, after = _audio_frame(platform, role)
        return before(sent[0].rate) + pybase64.b64encode(sent[0].pcm) + after
    message = messages.ServerMessage()
    for event in sent:
        if isinstance(event, events.EmptyContent):
            message.server_content = message.server_content or messages.ServerContent()
        else:
            _add(event, message, platform, role)
    return msgspec.json.format(_encoder.encode(message), indent=2) + b"\n"


def _add(event: events.Event, message: messages.ServerMessage, platform: Platform, role: Role) -> None:
    row = _ROW_OF.get(type(event))
    if row is None:
        raise TypeError(f"a server does not send {type(event).__name__}")
    holder = _holder(row.within, message, role)
    for name, value in row.encode(event, platform).items():
        setattr(holder, name, value)


def _holder(within: str, message: messages.ServerMessage, role: Role) -> messages.ClientStruct | messages.ServerStruct:
    """The struct of `message` that has the fields of an event; each event of the model's turn has a part of its own."""
    if within == MESSAGE:
        return message
    if message.server_content is None:
        message.server_content = messages.ServerContent()
    content = message.server_content
    if within == CONTENT:
        return content
    if content.model_turn is None:
        content.model_turn = _MODEL_CONTENT[role]()
    content.model_turn.parts.append(part := messages.ModelPart())
    return part


_MODEL_CONTENT: dict[Role, Callable[[], messages.ModelContent]] = {
    Role.NONE: lambda: messages.ModelContent(parts=[]),
    Role.BEFORE_PARTS: lambda: messages.ModelContent(role="model", parts=[]),
    Role.AFTER_PARTS: lambda: messages.RoleLastContent(role="model", parts=[]),
}


def _audio_mime(rate: int, platform: Platform) -> str:
    is_named = platform.facts.names_default_rate or rate != OUTPUT_RATE
    return f"audio/pcm;rate={rate}" if is_named else "audio/pcm"


@cache
def _audio_frame(platform: Platform, role: Role) -> tuple[Callable[[int], bytes], bytes]:
    """The bytes before (by the sample rate) and after the base64 of a frame that is audio alone."""
    first = ['      "role": "model",'] if role is Role.BEFORE_PARTS else []
    last = ["      ],", '      "role": "model"'] if role is Role.AFTER_PARTS else ["      ]"]
    opening = ["{", '  "serverContent": {', '    "modelTurn": {', *first, '      "parts": [', "        {"]
    opening += ['          "inlineData": {', '            "mimeType": "%s",', '            "data": "']
    closing = ['"', "          }", "        }", *last, "    }", "  }", "}", ""]
    before = "\n".join(opening)
    return lambda rate: (before % _audio_mime(rate, platform)).encode(), "\n".join(closing).encode()


def _audio_part(event: events.AudioChunk, platform: Platform) -> Fields:
    data = pybase64.b64encode(event.pcm).decode()
    return {"inline_data": messages.ModelBlob(mime_type=_audio_mime(event.rate, platform), data=data)}


def _code_part(event: events.ModelCode, _: Platform) -> Fields:
    part = event.part
    return {
        "executable_code": part.get("executableCode"),
        "code_execution_result": part.get("codeExecutionResult"),
    }


def _transcription(event: events.InputTranscript | events.OutputTranscript) -> messages.Transcription:
    return messages.Transcription(text=event.text, finished=event.finished)


def _session_name(event: events.SetupComplete, platform: Platform) -> str | None:
    return event.session_id if platform.facts.sends_session_id else None


def _usage(event: events.Usage, platform: Platform) -> messages.Json:
    names = platform.facts.usage_names
    return {names.get(key, key): value for key, value in event.metadata.items()}


def _resumption_event(message: messages.ServerMessage) -> events.ResumptionUpdate:
    update = message.session_resumption_update
    assert update is not None
    consumed = int64(update.last_consumed_client_message_index)
    return events.ResumptionUpdate(update.new_handle, update.resumable, consumed)


def _resumption(event: events.ResumptionUpdate, _: Platform) -> Fields:
    index = None if event.last_consumed is None else str(event.last_consumed)
    update = messages.SessionResumptionUpdate(
        new_handle=event.handle, resumable=event.resumable, last_consumed_client_message_index=index
    )
    return {"session_resumption_update": update}


def _voice_activity(event: events.VoiceActivity, _: Platform) -> Fields:
    offset = None if event.offset_seconds is None else duration(event.offset_seconds)
    return {"voice_activity": messages.VoiceActivity(type=event.type, audio_offset=offset)}


TABLE: tuple[Row, ...] = (
    Row(
        events.SetupComplete,
        MESSAGE,
        "setup_complete",
        lambda m: events.SetupComplete(m.setup_complete.session_id),
        lambda e, on: {"setup_complete": messages.SetupComplete(session_id=_session_name(e, on))},
    ),
    Row(
        events.InputTranscript,
        CONTENT,
        "input_transcription",
        lambda c: events.InputTranscript(c.input_transcription.text, c.input_transcription.finished),
        lambda e, _: {"input_transcription": _transcription(e)},
    ),
    Row(
        events.InterimTranscript,
        CONTENT,
        "interim_input_transcription",
        lambda c: events.InterimTranscript(c.interim_input_transcription.text),
        lambda e, _: {"interim_input_transcription": messages.Transcription(text=e.text)},
    ),
    Row(events.AudioChunk, PART, "inline_data", lambda p: _reply_audio(p.inline_data), _audio_part),
    Row(
        events.Thought,
        PART,
        "text",
        lambda p: events.Thought(p.text) if p.thought else None,
        lambda e, _: {"text": e.text, "thought": True},
    ),
    Row(
        events.ModelText,
        PART,
        "text",
        lambda p: None if p.thought else events.ModelText(p.text),
        lambda e, _: {"text": e.text},
    ),
    Row(
        events.ModelCode,
        PART,
        "executable_code",
        lambda p: events.ModelCode({"executableCode": p.executable_code}),
        _code_part,
    ),
    Row(
        events.ModelCode,
        PART,
        "code_execution_result",
        lambda p: events.ModelCode({"codeExecutionResult": p.code_execution_result}),
        _code_part,
    ),
    Row(
        events.OutputTranscript,
        CONTENT,
        "output_transcription",
        lambda c: events.OutputTranscript(c.output_transcription.text, c.output_transcription.finished),
        lambda e, _: {"output_transcription": _transcription(e)},
    ),
    Row(
        events.Grounding,
        CONTENT,
        "grounding_metadata",
        lambda c: events.Grounding(c.grounding_metadata),
        lambda e, _: {"grounding_metadata": e.metadata},
    ),
    Row(
        events.UrlContext,
        CONTENT,
        "url_context_metadata",
        lambda _: None,
        lambda e, _: {"url_context_metadata": e.metadata},
    ),
    Row(events.Interrupted, CONTENT, "interrupted", lambda _: events.Interrupted(), lambda *_: {"interrupted": True}),
    Row(
        events.GenerationComplete,
        CONTENT,
        "generation_complete",
        lambda _: events.GenerationComplete(),
        lambda *_: {"generation_complete": True},
    ),
    Row(
        events.WaitingForInput,
        CONTENT,
        "waiting_for_input",
        lambda _: events.WaitingForInput(),
        lambda *_: {"waiting_for_input": True},
    ),
    Row(
        events.InteractionStatus,
        CONTENT,
        "interaction_status",
        lambda c: events.InteractionStatus(c.interaction_status) if c.interaction_status else None,
        lambda e, _: {"interaction_status": e.status},
    ),
    # Usage comes before the end of the turn that it counts.
    Row(
        events.Usage,
        MESSAGE,
        "usage_metadata",
        lambda m: events.Usage(m.usage_metadata),
        lambda e, on: {"usage_metadata": _usage(e, on)},
    ),
    Row(
        events.TurnComplete,
        CONTENT,
        "turn_complete",
        lambda c: events.TurnComplete(c.turn_complete_reason),
        lambda e, _: {"turn_complete": True, "turn_complete_reason": e.reason},
    ),
    Row(
        events.ToolCall,
        MESSAGE,
        "tool_call",
        lambda m: events.ToolCall(tuple(m.tool_call.function_calls)),
        lambda e, _: {"tool_call": messages.ToolCall(function_calls=list(e.calls))},
    ),
    Row(
        events.ToolCallCancellation,
        MESSAGE,
        "tool_call_cancellation",
        lambda m: events.ToolCallCancellation(tuple(m.tool_call_cancellation.ids)),
        lambda e, _: {"tool_call_cancellation": messages.ToolCallCancellation(ids=list(e.ids))},
    ),
    Row(
        events.GoAway,
        MESSAGE,
        "go_away",
        lambda m: events.GoAway(seconds_of(m.go_away.time_left) or 0.0),
        lambda e, _: {"go_away": messages.GoAway(time_left=duration(e.time_left_seconds))},
    ),
    Row(events.ResumptionUpdate, MESSAGE, "session_resumption_update", _resumption_event, _resumption),
    Row(
        events.VoiceActivity,
        MESSAGE,
        "voice_activity",
        lambda m: events.VoiceActivity(m.voice_activity.type, seconds_of(m.voice_activity.audio_offset)),
        _voice_activity,
    ),
    Row(
        events.Fault,
        MESSAGE,
        "error",
        lambda m: events.Fault(m.error.code, m.error.message, m.error.status),
        lambda e, _: {"error": messages.ServerFault(code=e.code, message=e.message, status=e.status)},
    ),
)
"""Each event that a server sends. The events of one message are handled in this order."""

_ROW_OF = {row.event: row for row in TABLE}

# Parts are decoded one after another, so the rows that stand together in the table are tried together.
_ROWS_TOGETHER = [
    (within, [(attrgetter(row.field), row.decode) for row in rows])
    for within, rows in groupby(TABLE, lambda row: row.within)
]
