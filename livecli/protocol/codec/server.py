"""What a server says. The client decodes it tolerantly, since Google adds keys; the emulator encodes it as Google does.

Audio has a fast path on the way out: a constant prefix, base64, a constant suffix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import pybase64

from ...errors import ProtocolError
from .. import events, messages
from ..platform import Platform
from .audio_fast_path import AudioShapes
from .proto_json import MAX_NESTING, audio_rate, base64_bytes, duration, int64, is_too_deep, seconds_of

OUTPUT_RATE = 24_000
"""Samples a second of the model's audio, where its mime type names no rate."""


_encoder = msgspec.json.Encoder()
_decoder = cache(lambda: msgspec.json.Decoder(messages.ServerMessage))  # not before there is anything to decode


def decode_server(frame: str | bytes, shapes: AudioShapes | None = None) -> list[events.Event]:
    """The events of one server message, in the order in which they are to be handled; none for an empty frame.

    With `shapes`, those of the session, its frames of audio are read faster. Raises ProtocolError where it is not JSON
    or a known field has the wrong type. Unknown keys are passed over.
    """
    if shapes is not None and isinstance(frame, bytes) and (alike := shapes.read(frame)) is not None:
        return [alike]
    if not frame.strip():
        return []
    try:
        message = _decoder().decode(frame)
        found = list(_server_events(message))
        if shapes is not None and isinstance(frame, bytes) and len(found) == 1:
            shapes.learn(frame, message, found[0])
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
    if message.setup_complete is not None:
        yield events.SetupComplete(message.setup_complete.session_id)
    content = message.server_content
    if content is not None:
        yield from _content_events(content)
    if message.usage_metadata is not None:
        yield events.Usage(message.usage_metadata)
    if content is not None and content.turn_complete:
        yield events.TurnComplete(content.turn_complete_reason)
    yield from _control_events(message)


def _content_events(content: messages.ServerContent) -> Iterator[events.Event]:
    if content.input_transcription is not None:
        yield events.InputTranscript(content.input_transcription.text, content.input_transcription.finished)
    if content.interim_input_transcription is not None:
        yield events.InterimTranscript(content.interim_input_transcription.text)
    if content.model_turn is not None:
        for part in content.model_turn.parts:
            yield from _part_events(part)
    if content.output_transcription is not None:
        yield events.OutputTranscript(content.output_transcription.text, content.output_transcription.finished)
    if content.grounding_metadata is not None:
        yield events.Grounding(content.grounding_metadata)
    if content.interrupted:
        yield events.Interrupted()
    if content.generation_complete:
        yield events.GenerationComplete()
    if content.waiting_for_input:
        yield events.WaitingForInput()
    if content.interaction_status:
        yield events.InteractionStatus(content.interaction_status)


def _part_events(part: messages.ModelPart) -> Iterator[events.Event]:
    if part.inline_data is not None:
        yield _reply_audio(part.inline_data)
    if part.text is not None:
        yield events.Thought(part.text) if part.thought else events.ModelText(part.text)
    if part.executable_code is not None:
        yield events.ModelCode({"executableCode": part.executable_code})
    if part.code_execution_result is not None:
        yield events.ModelCode({"codeExecutionResult": part.code_execution_result})


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


def _control_events(message: messages.ServerMessage) -> Iterator[events.Event]:
    if message.tool_call is not None:
        yield events.ToolCall(tuple(message.tool_call.function_calls))
    if message.tool_call_cancellation is not None:
        yield events.ToolCallCancellation(tuple(message.tool_call_cancellation.ids))
    if message.go_away is not None:
        yield events.GoAway(seconds_of(message.go_away.time_left) or 0.0)
    if (update := message.session_resumption_update) is not None:
        consumed = int64(update.last_consumed_client_message_index)
        yield events.ResumptionUpdate(update.new_handle, update.resumable, consumed)
    if (activity := message.voice_activity) is not None:
        yield events.VoiceActivity(activity.type, seconds_of(activity.audio_offset))
    if (fault := message.error) is not None:
        yield events.Fault(fault.code, fault.message, fault.status)


def encode_server(said: Sequence[events.Event], platform: Platform) -> bytes:
    """One server message in the platform's dialect: two-space indent, false and empty omitted, a newline at the end."""
    if len(said) == 1 and type(said[0]) is events.AudioChunk:
        before, after = _AUDIO_FRAME[platform]
        return before(said[0].rate) + pybase64.b64encode(said[0].pcm) + after
    message = messages.ServerMessage()
    for event in said:
        _add(event, message, platform)
    return msgspec.json.format(_encoder.encode(message), indent=2) + b"\n"


def _add(event: Any, message: messages.ServerMessage, platform: Platform) -> None:
    kind = type(event)
    if kind in _MESSAGE_FIELDS:
        return _set(message, _MESSAGE_FIELDS[kind](event, platform))
    if message.server_content is None:
        message.server_content = messages.ServerContent()
    if kind in _CONTENT_FIELDS:
        return _set(message.server_content, _CONTENT_FIELDS[kind](event))
    if message.server_content.model_turn is None:
        message.server_content.model_turn = messages.ModelContent(role=platform.facts.model_role, parts=[])
    return message.server_content.model_turn.parts.append(_PARTS[kind](event, platform))


def _set(target: messages.ServerStruct, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(target, name, value)


def _audio_mime(rate: int, platform: Platform) -> str:
    is_named = platform.facts.names_default_rate or rate != OUTPUT_RATE
    return f"audio/pcm;rate={rate}" if is_named else "audio/pcm"


def _audio_frame(platform: Platform) -> tuple[Callable[[int], bytes], bytes]:
    """What stands before and after the base64 of a frame with one part of audio."""
    role = [f'      "role": "{platform.facts.model_role}",'] if platform.facts.model_role else []
    opening = ["{", '  "serverContent": {', '    "modelTurn": {', *role, '      "parts": [', "        {"]
    opening += ['          "inlineData": {', '            "mimeType": "%s",', '            "data": "']
    closing = ['"', "          }", "        }", "      ]", "    }", "  }", "}", ""]
    before = "\n".join(opening)
    return lambda rate: (before % _audio_mime(rate, platform)).encode(), "\n".join(closing).encode()


_AUDIO_FRAME = {platform: _audio_frame(platform) for platform in Platform}


def _audio_part(event: events.AudioChunk, platform: Platform) -> messages.ModelPart:
    data = pybase64.b64encode(event.pcm).decode()
    return messages.ModelPart(inline_data=messages.ModelBlob(mime_type=_audio_mime(event.rate, platform), data=data))


def _transcription(event: events.InputTranscript | events.OutputTranscript) -> messages.Transcription:
    return messages.Transcription(text=event.text, finished=event.finished)


def _resumption(event: events.ResumptionUpdate) -> messages.SessionResumptionUpdate:
    index = None if event.last_consumed is None else str(event.last_consumed)
    return messages.SessionResumptionUpdate(
        new_handle=event.handle, resumable=event.resumable, last_consumed_client_message_index=index
    )


def _voice_activity(event: events.VoiceActivity) -> messages.VoiceActivity:
    offset = None if event.offset_seconds is None else duration(event.offset_seconds)
    return messages.VoiceActivity(type=event.type, audio_offset=offset)


def _usage(event: events.Usage, platform: Platform) -> messages.Json:
    names = platform.facts.usage_names
    return {names.get(key, key): value for key, value in event.metadata.items()}


_PARTS: dict[type[events.Event], Callable[[Any, Platform], messages.ModelPart]] = {
    events.AudioChunk: _audio_part,
    events.ModelText: lambda e, _: messages.ModelPart(text=e.text),
    events.Thought: lambda e, _: messages.ModelPart(text=e.text, thought=True),
    events.ModelCode: lambda e, _: msgspec.convert(e.part, messages.ModelPart),
}
"""Events that are a part of `serverContent.modelTurn`."""

_CONTENT_FIELDS: dict[type[events.Event], Callable[[Any], dict[str, Any]]] = {
    events.InputTranscript: lambda e: {"input_transcription": _transcription(e)},
    events.OutputTranscript: lambda e: {"output_transcription": _transcription(e)},
    events.InterimTranscript: lambda e: {"interim_input_transcription": messages.Transcription(text=e.text)},
    events.Grounding: lambda e: {"grounding_metadata": e.metadata},
    events.Interrupted: lambda e: {"interrupted": True},
    events.GenerationComplete: lambda e: {"generation_complete": True},
    events.WaitingForInput: lambda e: {"waiting_for_input": True},
    events.InteractionStatus: lambda e: {"interaction_status": e.status},
    events.TurnComplete: lambda e: {"turn_complete": True, "turn_complete_reason": e.reason},
}
"""Events that are fields of `serverContent`."""

_MESSAGE_FIELDS: dict[type[events.Event], Callable[[Any, Platform], dict[str, Any]]] = {
    events.SetupComplete: lambda e, on: {
        "setup_complete": messages.SetupComplete(session_id=e.session_id if on.facts.sends_session_id else None)
    },
    events.Usage: lambda e, on: {"usage_metadata": _usage(e, on)},
    events.ToolCall: lambda e, _: {"tool_call": messages.ToolCall(function_calls=list(e.calls))},
    events.ToolCallCancellation: lambda e, _: {
        "tool_call_cancellation": messages.ToolCallCancellation(ids=list(e.ids))
    },
    events.GoAway: lambda e, _: {"go_away": messages.GoAway(time_left=duration(e.time_left_seconds))},
    events.ResumptionUpdate: lambda e, _: {"session_resumption_update": _resumption(e)},
    events.VoiceActivity: lambda e, _: {"voice_activity": _voice_activity(e)},
}
"""Events that are fields of the message."""
