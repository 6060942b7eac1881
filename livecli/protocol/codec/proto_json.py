"""The JSON of protocol buffers: names, base64, durations, 64-bit integers, sample rates and nesting."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import pybase64

RATES = range(1_000, 384_001)
"""Possible sample rates."""

MAX_NESTING = 100
"""Levels of objects and arrays in a message, as in Google's JSON parser. msgspec decodes more than it can encode."""


def is_too_deep(frame: str | bytes) -> bool:
    """Whether a message, which is valid JSON, has more levels than MAX_NESTING."""
    data = frame.encode() if isinstance(frame, str) else frame
    if data.count(b"{") + data.count(b"[") <= MAX_NESTING:
        return False
    try:
        level = [msgspec.json.decode(data)]
    except RecursionError:
        return True
    for _ in range(MAX_NESTING + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def base64_bytes(text: str) -> bytes:
    """Base64 in either alphabet, padded or not. Raises ValueError for anything else."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        standard = text.translate({0x2D: "+", 0x5F: "/", 0x0A: None, 0x0D: None}).rstrip("=")
        return pybase64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def audio_rate(mime_type: str, default: int) -> int | None:
    """The sample rate in a mime type; `default` if it has none, None if its rate is impossible or no number."""
    named = re.search(r"rate=([^;]*)", mime_type)
    if named and not re.fullmatch(r"\d{1,9}", named[1].strip()):
        return None
    rate = int(named[1]) if named else default
    return rate if rate in RATES else None


def seconds_of(duration: str | None) -> float | None:
    """The seconds of a protobuf Duration ("12.5s"); None if it is absent or malformed."""
    match = re.fullmatch(r"(-?\d{1,12}(?:\.\d{1,9})?)s", duration or "")
    seconds = float(match[1]) if match else math.nan
    return seconds if math.isfinite(seconds) else None


def int64(value: str | int | None) -> int | None:
    """A protobuf int64, which is a string in JSON; None if it is absent or malformed."""
    return int(value) if value is not None and re.fullmatch(r"-?\d{1,19}", str(value)) else None


def duration(seconds: float) -> str:
    """The protobuf Duration of so many seconds, which has 0, 3, 6 or 9 decimals."""
    whole, decimals = f"{seconds:.9f}".split(".")
    while decimals.endswith("000"):
        decimals = decimals[:-3]
    return f"{whole}.{decimals}s" if decimals else f"{whole}s"


_OPAQUE = frozenset({"args", "response", "labels", "parameters", "parametersJsonSchema", "responseJsonSchema"})
_LIVE_ENUMS = frozenset({"startOfSpeechSensitivity", "endOfSpeechSensitivity", "activityHandling", "turnCoverage"})
_ENUMS = _LIVE_ENUMS | {"responseModalities", "behavior", "scheduling", "mediaResolution", "thinkingLevel"}


def camel_keys(value: Any) -> Any:
    """`value` with keys in camelCase at every depth, except in the user's own objects (arguments, schemas, labels)."""
    if isinstance(value, dict):
        # A key that is null is the same as an absent one.
        camelled = {camel(key): inner for key, inner in value.items() if inner is not None}
        return {key: inner if key in _OPAQUE else _upper_or_camel(key, inner) for key, inner in camelled.items()}
    if isinstance(value, list):
        return [camel_keys(inner) for inner in value]
    return value


def _upper_or_camel(key: str, value: Any) -> Any:
    # Google's own samples write "audio" and "low".
    if key in _ENUMS:
        if isinstance(value, str):
            return value.upper()
        if isinstance(value, list):
            return [item.upper() if isinstance(item, str) else item for item in value]
    return camel_keys(value)


def camel(key: str) -> str:
    """A key of JSON in camelCase."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), key)


def snake_path(path: str) -> str:
    """A JSON path in snake_case."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), path)
