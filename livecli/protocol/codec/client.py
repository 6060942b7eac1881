"""The codec of a client's frames. The client encodes them; the emulator decodes them as strictly as Google does.

Audio has a fast path: a constant prefix, base64, a constant suffix. The variants that google-genai sends (snake_case at
any depth, URL-safe base64, numbers as strings) are normalised on a slow path, after the strict decoder has refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any

import msgspec
import pybase64

from .. import close_reasons, events, messages
from ..audio_rates import INPUT_RATE
from ..close_reasons import Refusal
from .proto_json import RATES, audio_rate, base64_bytes, camel, camel_keys, is_too_deep, snake_path

_encoder = msgspec.json.Encoder()
_BEFORE_AUDIO = b'{"realtimeInput":{"audio":{"data":"'

MAX_AFTER_AUDIO_BYTES = 64
"""The longest end of a frame of audio alone, from the base64 on."""


@cache
def _strict_decoder() -> msgspec.json.Decoder[messages.ClientMessage]:
    """The decoder. A client never needs it, and making it is slow, since the setup has many fields."""
    return msgspec.json.Decoder(messages.ClientMessage)


def encode_client(event: events.Event) -> bytes:
    """The frame of one event, as compact JSON in UTF-8. Raises TypeError for an event that only a server sends."""
    if type(event) is events.AudioChunk:
        return b"".join((_BEFORE_AUDIO, pybase64.b64encode(event.pcm), _after_audio(event.rate)))
    if isinstance(event, events.Setup):
        return _encoder.encode({"setup": setup_json(event)})
    return _encoder.encode(_client_message(event))


def encode_each(sent: Sequence[events.Event]) -> list[bytes]:
    """The frames of several events, one each."""
    # A run of audio is encoded without a call for each chunk, which would be a quarter of the cost.
    chunks = events.only_audio(sent)
    if len({chunk.rate for chunk in chunks}) != 1:
        return [encode_client(event) for event in sent]
    after = _after_audio(chunks[0].rate)
    return [b"".join((_BEFORE_AUDIO, pybase64.b64encode(chunk.pcm), after)) for chunk in chunks]


@lru_cache(8)
def _after_audio(rate: int) -> bytes:
    return b'","mimeType":"audio/pcm;rate=%d"}}}' % rate


def setup_json(setup: events.Setup) -> dict[str, Any]:
    """The setup as it is sent: `extra` merged over `body`, key by key. Lists are replaced whole, null removes a key."""
    body: dict[str, Any] = msgspec.to_builtins(setup.body)
    merged = _merge(body, camel_keys(setup.extra))
    _leave_out(merged, setup.extra)
    return merged


def _leave_out(merged: dict[str, Any], over: dict[str, Any]) -> None:
    for key, inner in over.items():
        if inner is None:
            merged.pop(camel(key), None)
        elif isinstance(inner, dict) and isinstance(merged.get(camel(key)), dict):
            _leave_out(merged[camel(key)], inner)


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merge(under[key], over[key]) for key in under.keys() & over.keys() if _are_objects(under, over, key)}
    return {**under, **over, **both}


def _are_objects(under: dict[str, Any], over: dict[str, Any], key: str) -> bool:
    return isinstance(under[key], dict) and isinstance(over[key], dict)


def _realtime(**fields: Any) -> messages.ClientMessage:
    return messages.ClientMessage(realtime_input=messages.RealtimeInput(**fields))


def _client_message(event: events.Event) -> messages.ClientMessage:
    match event:
        case events.ActivityStart():
            return _realtime(activity_start=messages.Empty())
        case events.ActivityEnd():
            return _realtime(activity_end=messages.Empty())
        case events.AudioStreamEnd():
            return _realtime(audio_stream_end=True)
        case events.Text(text):
            return _realtime(text=text)
        case events.Image():
            return _realtime(video=_blob(event))
        case events.MediaChunks(media):
            return _realtime(media_chunks=[_blob(media)])
        case events.ClientTurns(turns, turn_complete):
            content = messages.ClientContent(turns=list(turns), turn_complete=turn_complete)
            return messages.ClientMessage(client_content=content)
        case events.ToolResponse(responses):
            return messages.ClientMessage(tool_response=messages.ToolResponse(function_responses=list(responses)))
        case events.ContextUpdate(body):
            return messages.ClientMessage(context_update=body)
    raise TypeError(f"a client does not send {type(event).__name__}")


def _blob(media: events.AudioChunk | events.Image) -> messages.Blob:
    if isinstance(media, events.Image):
        return messages.Blob(mime_type=media.mime_type, data=pybase64.b64encode(media.data).decode())
    return messages.Blob(mime_type=f"audio/pcm;rate={media.rate}", data=pybase64.b64encode(media.pcm).decode())


def decode_client(frame: str | bytes) -> list[events.Event]:
    """The events of one client message, in either spelling.

    Raises Refusal with Google's close code and reason for what Google refuses.
    """
    chunk = _audio_alone(frame) if isinstance(frame, bytes) else None
    if chunk is not None:
        return [chunk]
    try:
        message = _strict_decoder().decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        message = _decode_leniently(frame)
    fields = [name for name in message.__struct_fields__ if getattr(message, name) is not None]
    if len(fields) != 1 or (message.realtime_input is None and is_too_deep(frame)):
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
    return list(_client_events(message))


@cache
def _before_audio() -> re.Pattern[bytes]:
    """The pattern of the bytes before the base64 of a frame of audio. A client never needs it."""
    return re.compile(rb'\{"realtime(?:Input|_input)": ?\{"audio": ?\{"data": ?"')


@lru_cache(32)
def _rate_named_in(after: bytes) -> int | None:
    """The sample rate in the bytes after the base64 of a frame of audio; None where these are anything else."""
    named = re.fullmatch(rb'", ?"mime(?:Type|_type)": ?"audio/pcm;rate=(\d{1,9})"\}\}\}', after)
    return int(named[1]) if named and int(named[1]) in RATES else None


def _audio_alone(frame: bytes) -> events.AudioChunk | None:
    """The chunk of a frame that is audio alone, in either spelling; None for any other frame.

    Each session sends thirty of these a second, and the slow path for google-genai's (snake_case, URL-safe base64)
    costs five times as much.
    """
    if frame.startswith(_BEFORE_AUDIO):
        start = len(_BEFORE_AUDIO)
    elif (before := _before_audio().match(frame)) is not None:
        start = before.end()
    else:
        return None
    end = frame.find(b'"', start)
    rate = _rate_named_in(frame[end:]) if len(frame) - end < MAX_AFTER_AUDIO_BYTES else None
    if rate is None:
        return None
    encoded = frame[start:end]
    try:
        return events.AudioChunk(pybase64.b64decode(encoded, None, True), rate)
    except ValueError:
        with suppress(ValueError):
            return events.AudioChunk(pybase64.b64decode(encoded, b"-_", True), rate)
    return None


def _decode_leniently(frame: str | bytes) -> messages.ClientMessage:
    try:
        body = msgspec.json.decode(frame)
        return _convert(camel_keys(body), body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT) from error


def _convert(camelled: Any, body: Any) -> messages.ClientMessage:
    """The message of a JSON object. A single object is taken for a list of one, as Google's own samples write it."""
    while True:
        try:
            return msgspec.convert(camelled, messages.ClientMessage, strict=False)
        except msgspec.ValidationError as error:
            steps = _steps(str(error))
            if "Expected `array`, got `object`" not in str(error) or not _put_into_lists(camelled, steps):
                raise Refusal(1007, _google_words(str(error), steps, body)) from error


def _steps(error: str) -> list[str]:
    """The keys and the indices (`[0]`) in the path of an error of msgspec."""
    path = re.search(r"at `\$(.*)`$", error)
    return re.findall(r"\[[^\]]*\]|[^.\[\]]+", path[1]) if path else []


def _put_into_lists(value: Any, steps: Sequence[str]) -> bool:
    """Put the object at a path into a list, and so those beside it in the same lists. Returns whether there was one."""
    *above, last = steps
    parents = [value]
    for step in above:
        parents = [inner for parent in parents for inner in _members(parent, step)]
    changed = [parent for parent in parents if isinstance(parent, dict) and isinstance(parent.get(last), dict)]
    for parent in changed:
        parent[last] = [parent[last]]
    return bool(changed)


def _members(parent: Any, step: str) -> list[Any]:
    if step.startswith("["):
        return parent if isinstance(parent, list) else []
    return [parent[step]] if isinstance(parent, dict) and step in parent else []


def _client_events(message: messages.ClientMessage) -> Iterator[events.Event]:
    match message:
        case messages.ClientMessage(realtime_input=messages.RealtimeInput() as realtime):
            yield from _realtime_events(realtime)
        case messages.ClientMessage(setup=messages.Setup() as setup):
            yield events.Setup(setup)
        case messages.ClientMessage(client_content=messages.ClientContent() as content):
            yield events.ClientTurns(tuple(content.turns), content.turn_complete)
        case messages.ClientMessage(tool_response=messages.ToolResponse() as tool):
            yield events.ToolResponse(tuple(tool.function_responses))
        case messages.ClientMessage(context_update=messages.ContextUpdate() as update):
            yield events.ContextUpdate(update)


def _realtime_events(realtime: messages.RealtimeInput) -> Iterator[events.Event]:
    if realtime.activity_start is not None:
        yield events.ActivityStart()
    for blob, taken in ((realtime.audio, _AUDIO), (realtime.video, _IMAGE)):
        if blob is not None:
            yield _media(blob, taken)
    # The service uses the first only.
    for blob in realtime.media_chunks[:1]:
        yield events.MediaChunks(_media(blob))
    if realtime.text is not None:
        yield events.Text(realtime.text)
    if realtime.activity_end is not None:
        yield events.ActivityEnd()
    if realtime.audio_stream_end:
        yield events.AudioStreamEnd()


# The media that each field takes; `mediaChunks` takes either.
_AUDIO = re.compile(r"audio/(pcm|l16)\s*(;.*)?", re.IGNORECASE)
_IMAGE = re.compile(r"image/(png|jpeg|webp|heic|heif)", re.IGNORECASE)


def _media(blob: messages.Blob, taken: re.Pattern[str] | None = None) -> events.AudioChunk | events.Image:
    """The event of a blob. Raises Refusal for media of another kind than `taken`, if that is named.

    WAV is refused, as probed; other kinds are documented not to be taken.
    """
    try:
        data = base64_bytes(blob.data)
    except ValueError as error:
        raise Refusal(1007, close_reasons.INVALID_VALUE.format(at=" at 'realtime_input'", type="TYPE_BYTES")) from error
    if not any(kind.fullmatch(blob.mime_type) for kind in ((taken,) if taken else (_AUDIO, _IMAGE))):
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
    if _IMAGE.fullmatch(blob.mime_type):
        return events.Image(data, blob.mime_type)
    rate = audio_rate(blob.mime_type, INPUT_RATE)
    if rate is None:
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
    return events.AudioChunk(data, rate)


_TYPES = {"int": "TYPE_INT32", "float": "TYPE_FLOAT", "bool": "TYPE_BOOL", "str": "TYPE_STRING"}


def _google_words(error: str, steps: Sequence[str], body: Any) -> str:
    """An error of msgspec in the words of Google's JSON parser, which spells an unknown name as the client did."""
    if unknown := re.search(r"unknown field `(.*?)`", error):
        path, name = next(_spellings(body, steps, unknown[1]), ("", unknown[1]))
        return close_reasons.UNKNOWN_FIELD.format(name=name, at=f" at '{path.lstrip('.')}'" if path else "")
    path = "".join(step if step.startswith("[") else f".{snake_path(step)}" for step in steps)
    at = f" at '{path.lstrip('.')}'" if path else ""
    expected = re.search(r"Expected `(\w+)", error)
    of_type = _TYPES.get(expected[1] if expected else "", "type.googleapis.com")
    return close_reasons.INVALID_VALUE.format(at=at, type=of_type)


def _spellings(value: Any, steps: Sequence[str], name: str, path: str = "") -> Iterator[tuple[str, str]]:
    """Where a client's JSON has a key that is `name` in camelCase: the path as Google writes it, and the key."""
    if not steps and isinstance(value, dict):
        yield from ((path, key) for key in value if camel(key) == name)
    elif steps and re.fullmatch(r"\[\d+\]", steps[0]):
        items = value if isinstance(value, list) else [value]
        yield from _spellings(items[int(steps[0][1:-1])], steps[1:], name, path + steps[0])
    elif steps and isinstance(value, dict):
        for key, inner in value.items():
            if camel(key) == steps[0]:
                yield from _spellings(inner, steps[1:], name, f"{path}.{snake_path(camel(key))}")
