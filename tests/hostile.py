"""Hypothesis strategies for the frames of a peer: valid, nearly valid, and invalid ones.

The strategies for structs are derived from `protocol/messages.py` and `events.py`, so a new field is fuzzed at once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect
from websockets.frames import Frame, Opcode

from livecli.protocol import events, messages

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
whole = st.integers(-(2**63), 2**63 - 1)
real = st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | whole | real | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, values, max_size=3)
rates = st.integers(1_000, 384_000)
pcm = st.binary(max_size=64)
seconds = st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000)
mime_types = rates.map(lambda rate: f"audio/pcm;rate={rate}") | st.sampled_from(
    [
        "",
        "audio/pcm",
        "Audio/L16",
        "audio/opus",
        "audio/pcm;rate=0",
        "audio/pcm;rate=many",
        "audio/pcm;rate=" + 2000 * "9",
    ]
)

CLOSER: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    (events.AudioChunk, "rate"): rates,
    (events.AudioChunk, "pcm"): pcm,
    (events.Setup, "extra"): st.just({}),
    (events.Image, "mime_type"): st.sampled_from(["image/png", "image/jpeg", "image/webp"]),
    (events.ModelCode, "part"): st.builds(
        lambda key, code: {key: code}, st.sampled_from(["executableCode", "codeExecutionResult"]), objects
    ),
    (events.GoAway, "time_left_seconds"): seconds,
    (events.VoiceActivity, "offset_seconds"): st.none() | seconds,
    (events.ResumptionUpdate, "last_consumed"): st.none() | st.integers(0, 2**63 - 1),
    (events.InteractionStatus, "status"): st.sampled_from(["IDLE", "IN_PROGRESS", "REQUIRES_ACTION", "x"]),
    (messages.GoAway, "time_left"): seconds.map("{:.3f}s".format) | words,
    (messages.VoiceActivity, "audio_offset"): seconds.map("{:.3f}s".format) | words,
    (messages.SessionResumptionUpdate, "last_consumed_client_message_index"): whole | whole.map(str) | words,
    **{(kind, "mime_type"): mime_types for kind in (messages.Blob, messages.ModelBlob)},
    **{
        (kind, "data"): pcm.map(lambda data: base64.b64encode(data).decode())
        for kind in (messages.Blob, messages.ModelBlob)
    },
}
"""Strategies for fields whose type is too general."""


def of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of this type."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return st.fixed_dictionaries(
                {f.name: _field(cls, f) for f in fields if f.required},
                optional={f.name: _field(cls, f) for f in fields if not f.required},
            ).map(lambda drawn: cls(**drawn))
        case inspect.UnionType(types=types):
            return st.one_of([of(inner) for inner in types])
        case inspect.ListType(item_type=item):
            return st.lists(of(item), max_size=2)
        case inspect.VarTupleType(item_type=item):
            return st.lists(of(item), max_size=2).map(tuple)
        case inspect.DictType(value_type=value):
            return st.dictionaries(words, of(value), max_size=3)
        case inspect.LiteralType(values=literals):
            return st.sampled_from(literals)
    return SIMPLE[type(kind)]


SIMPLE: dict[type, st.SearchStrategy[Any]] = {
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.IntType: whole,
    inspect.FloatType: real,
    inspect.StrType: words,
    inspect.BytesType: st.binary(max_size=20),
    inspect.AnyType: values,
}


def _field(cls: type, field: inspect.Field) -> st.SearchStrategy[Any]:
    return CLOSER[cls, field.name] if (cls, field.name) in CLOSER else of(field.type)


def said_by(*kinds: type[events.Event]) -> st.SearchStrategy[Any]:
    """Events of these kinds."""
    return st.one_of([of(inspect.type_info(kind)) for kind in kinds])


# --- frames ---


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    """A WebSocket frame from a server."""
    return Frame(opcode, payload, fin).serialize(mask=False)


def audio(pcm: bytes, mime_type: str = "audio/pcm;rate=24000") -> bytes:
    """A server message with this audio."""
    part = {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(pcm).decode()}}
    return json.dumps({"serverContent": {"modelTurn": {"parts": [part]}}}).encode()


def wild(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """JSON of any shape, and values outside JSON: NaN, numbers of any size, half a surrogate pair."""
    odd = st.sampled_from([10**400, -(10**30), "\ud800", "\x1b[31m\r\n[/red]", "9" * 5_000, "", float("nan")])
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | odd
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
    )


def names_in(*structs: type[msgspec.Struct]) -> list[str]:
    """Every field name in the schema of these structs, as on the wire."""
    found, left = set(), [inspect.type_info(struct) for struct in structs]
    while left:
        kind = left.pop()
        if isinstance(kind, inspect.StructType):
            found |= {field.encode_name for field in kind.fields}
            left += [field.type for field in kind.fields]
        left += getattr(kind, "types", ())
        left += [kind.item_type] if isinstance(kind, inspect.ListType) else []
    return sorted(found)


def frames_of(struct: type[msgspec.Struct]) -> dict[str, st.SearchStrategy[bytes]]:
    """Frames for this schema, from valid ones to arbitrary bytes."""
    keys = st.sampled_from(names_in(struct)) | st.text(max_size=5)
    true = of(inspect.type_info(struct)).map(msgspec.json.encode)
    return {
        "true": true,
        "mutated": mutated(true, wild(keys)),
        "cut": st.builds(lambda frame, end: frame[: end % (len(frame) + 1)], true, st.integers(0)),
        "spoilt": st.builds(_spoil, true, st.integers(0), st.binary(min_size=1, max_size=3)),
        "wild": wild(keys).map(lambda value: json.dumps(value).encode()),
        "bytes": st.binary(max_size=40),
        "odd": st.sampled_from(range(len(ODD_FRAMES))).map(ODD_FRAMES.__getitem__),
    }


def _spoil(frame: bytes, at: int, with_bytes: bytes) -> bytes:
    at %= len(frame)
    return frame[:at] + with_bytes + frame[at + len(with_bytes) :]


@st.composite
def mutated(draw: st.DrawFn, frames: st.SearchStrategy[bytes], instead: st.SearchStrategy[Any]) -> bytes:
    """A frame in which one value is replaced, under its own name or another."""
    message = {"message": json.loads(draw(frames))}
    holder, key = draw(st.sampled_from(list(_places(message))))
    holder[key] = draw(instead)
    return json.dumps(message["message"]).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, child in inner:
        yield value, key
        if isinstance(child, dict | list):
            yield from _places(child)


def nested(levels: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    return opening * levels + b"1" + closing * levels


ODD_FRAMES = [
    b"",
    b" \n\t",
    b"\xef\xbb\xbf{}",
    b"null",
    b"NaN",
    b'"\xff"',
    b'{"\xff":1}',
    b'{"usageMetadata":{"a":"\xff\xfe"}}',
    b'{"usageMetadata":{"a":"\xed\xa0\x80"}}',
    b'{"usageMetadata":{"promptTokenCount":' + b"9" * 400 + b"}}",
    b'{"usageMetadata":{"promptTokenCount":' + b"9" * 5_000 + b"}}",
    b'{"usageMetadata":{"promptTokenCount":1e999}}',
    b'{"sessionResumptionUpdate":{"lastConsumedClientMessageIndex":"' + b"9" * 5_000 + b'"}}',
    b'{"setupComplete":{},"setupComplete":{}}',
    *(b'{"usageMetadata":%b}' % nested(levels) for levels in (90, 500, *range(900, 1_000, 7), 100_000)),
    *(b'{"serverContent":{"groundingMetadata":{"a":%b}}}' % nested(levels, b"[", b"]") for levels in (900, 970, 990)),
    *(b'{"toolResponse":{"functionResponses":[{"response":%b}]}}' % nested(levels) for levels in range(900, 990, 7)),
    *(b'{"setup":{"labels":{},"avatarConfig":%b}}' % nested(levels) for levels in range(900, 1_000, 3)),
]
"""Frames that are known to break decoders."""
